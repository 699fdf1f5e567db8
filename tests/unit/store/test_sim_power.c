/* SPDX-License-Identifier: Apache-2.0
 *
 * The simulated disk after a power cut: what a cut may do to octets and names happens for some seed, and what it may
 * not happens for none. */
#include "store/sim_story.h"

/* ---- octets and the power ---- */

static void write_and_sync(sim_disk_t *s, disk_t *d)
{
    (void)s;
    disk_file_t *f = make_safe_file(d, "f", 2);
    write_sectors(f, 1, 3, 'n');
    write_sectors(f, 6, 1, 'm');
    sync_file(f);
    disk_close(&f);
}

static void what_was_synced_is_there(void **state)
{
    (void)state;
    assert_only(outcomes_of(write_and_sync), "onnn00m");
}

static void an_unsynced_write_is_kept_lost_or_torn_anyhow(void **state)
{
    (void)state;
    outcomes_t *o = outcomes_of(overwrite_three);
    assert_int_equal(o->count, 8); /* each of three sectors, old or new */
    assert_true(outcomes_have(o, "oooo") && outcomes_have(o, "nnno") && outcomes_have(o, "onoo"));
}

static void write_twice_apart(sim_disk_t *s, disk_t *d)
{
    (void)s;
    disk_file_t *f = make_safe_file(d, "f", 4);
    write_sectors(f, 0, 1, 'a');
    write_sectors(f, 2, 1, 'b');
    disk_close(&f);
}

static void a_later_write_is_kept_and_an_earlier_lost(void **state)
{
    (void)state;
    outcomes_t *o = outcomes_of(write_twice_apart);
    assert_int_equal(o->count, 4);
    assert_true(outcomes_have(o, "oobo") && outcomes_have(o, "aooo"));
}

static void write_the_same_twice(sim_disk_t *s, disk_t *d)
{
    (void)s;
    disk_file_t *f = make_safe_file(d, "f", 1);
    write_sectors(f, 0, 1, 'a');
    write_sectors(f, 0, 1, 'b');
    disk_close(&f);
}

static void a_sector_is_as_after_one_of_its_writes(void **state)
{
    (void)state;
    outcomes_t *o = outcomes_of(write_the_same_twice);
    assert_int_equal(o->count, 3);
    assert_true(outcomes_have(o, "o") && outcomes_have(o, "a") && outcomes_have(o, "b"));
}

/* One sector in two writes: the second is never there alone. */
static void a_sector_never_has_a_later_write_without_an_earlier(void **state)
{
    (void)state;
    outcomes_t o = {.count = 0};
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        sim_disk_t *s = sim_disk_new(seed);
        disk_file_t *f = make_safe_file(sim_disk_disk(s), "f", 1);
        write_text(f, 100, "first");
        write_text(f, 200, "second");
        disk_close(&f);
        sim_disk_power_cycle(s);
        f = open_file(sim_disk_disk(s), "f", DISK_READ);
        char octets[SECTOR];
        size_t got;
        assert_int_equal(disk_read(f, 0, octets, SECTOR, &got, NULL), 0);
        outcomes_add(&o, octets[100] == 'f' ? octets[200] == 's' ? "both" : "first" : "none");
        assert_true(octets[200] == 'o' || octets[100] == 'f');
        disk_close(&f);
        sim_disk_free(&s);
    }
    assert_true(outcomes_have(&o, "both") && outcomes_have(&o, "none"));
}

static void append_two(sim_disk_t *s, disk_t *d)
{
    (void)s;
    disk_file_t *f = make_safe_file(d, "f", 1);
    write_sectors(f, 1, 2, 'n');
    disk_close(&f);
}

static void a_file_may_have_grown_without_its_octets(void **state)
{
    (void)state;
    outcomes_t *o = outcomes_of(append_two);
    assert_true(outcomes_have(o, "o") && outcomes_have(o, "onn"));
    assert_true(outcomes_have(o, "o00") && outcomes_have(o, "o0n") && outcomes_have(o, "on"));
}

/* Many unsynced writes all together: kept or lost to the last of them, which plain dice would never give. */
static void many_writes_may_all_be_kept_or_all_lost(void **state)
{
    (void)state;
    unsigned all = 0, none = 0, some = 0;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        char text[40];
        sim_disk_t *s = sim_disk_new(seed);
        many_writes(s, sim_disk_disk(s));
        sim_disk_power_cycle(s);
        read_sectors(sim_disk_disk(s), "f", text, sizeof text);
        all += strspn(text, "n") == 30;
        none += strspn(text, "o") == 30;
        some += strchr(text, 'o') && strchr(text, 'n');
        sim_disk_free(&s);
    }
    assert_true(all > 10 && none > 10 && some > 100);
}

static void write_without_end(sim_disk_t *s, disk_t *d)
{
    disk_file_t *f = make_safe_file(d, "f", 2);
    sim_disk_skip_syncs(s, true);
    write_sectors(f, 0, 2, 'n');
    sync_file(f);
    disk_close(&f);
}

static void skipped_syncs_are_noticed(void **state)
{
    (void)state;
    outcomes_t *o = outcomes_of(write_without_end);
    assert_int_equal(o->count, 4);
}

/* ---- names and the power ---- */

static void create_and_sync_the_file_only(sim_disk_t *s, disk_t *d)
{
    (void)s;
    disk_file_t *f = open_file(d, "f", DISK_CREATE);
    write_sectors(f, 0, 1, 'n');
    sync_file(f);
    disk_close(&f);
}

static void a_synced_file_is_lost_with_its_name(void **state)
{
    (void)state;
    outcomes_t *o = outcomes_of(create_and_sync_the_file_only);
    assert_int_equal(o->count, 2);
    assert_true(outcomes_have(o, "-") && outcomes_have(o, "n"));
}

static void create_and_sync_the_name_only(sim_disk_t *s, disk_t *d)
{
    (void)s;
    disk_file_t *f = open_file(d, "f", DISK_CREATE);
    write_sectors(f, 0, 1, 'n');
    sync_names(d);
    disk_close(&f);
}

static void a_synced_name_may_have_no_octets(void **state)
{
    (void)state;
    outcomes_t *o = outcomes_of(create_and_sync_the_name_only);
    assert_false(outcomes_have(o, "-"));
    assert_true(outcomes_have(o, "") && outcomes_have(o, "0") && outcomes_have(o, "n"));
}

static void create_under_a_lie(sim_disk_t *s, disk_t *d)
{
    sim_disk_skip_directory_syncs(s, true);
    disk_file_t *f = make_safe_file(d, "f", 1);
    disk_close(&f);
}

static void skipped_directory_syncs_are_noticed(void **state)
{
    (void)state;
    outcomes_t *o = outcomes_of(create_under_a_lie);
    assert_true(outcomes_have(o, "-") && outcomes_have(o, "o"));
}

static void replace(sim_disk_t *s, disk_t *d)
{
    (void)s;
    disk_file_t *old = make_safe_file(d, "f", 1);
    disk_file_t *new = make_safe_file(d, "g", 0);
    write_sectors(new, 0, 1, 'n');
    sync_file(new);
    disk_close(&old);
    disk_close(&new);
    assert_int_equal(disk_rename(d, "g", "f", NULL), 0);
}

static void a_rename_happens_or_does_not(void **state)
{
    (void)state;
    outcomes_t *o = outcomes_of(replace);
    assert_int_equal(o->count, 2);
    assert_true(outcomes_have(o, "o") && outcomes_have(o, "n"));
}

static void remove_it(sim_disk_t *s, disk_t *d)
{
    (void)s;
    disk_file_t *f = make_safe_file(d, "f", 2);
    disk_close(&f);
    assert_int_equal(disk_remove(d, "f", NULL), 0);
}

static void a_removed_file_may_come_back_with_its_octets(void **state)
{
    (void)state;
    outcomes_t *o = outcomes_of(remove_it);
    assert_int_equal(o->count, 2);
    assert_true(outcomes_have(o, "-") && outcomes_have(o, "oo"));
}

static void remove_and_sync(sim_disk_t *s, disk_t *d)
{
    remove_it(s, d);
    sync_names(d);
}

static void a_removed_file_stays_away_after_a_directory_sync(void **state)
{
    (void)state;
    assert_only(outcomes_of(remove_and_sync), "-");
}

/* a, b made, a renamed to c, d made, nothing synced: the names for some seed are these and no others. */
static void changes_of_names_are_kept_in_an_order_that_makes_sense(void **state)
{
    (void)state;
    const char *possible[] = {"", "a", "ab", "ad", "b", "abd", "bc", "bd", "c", "cd", "bcd", "d"};
    outcomes_t o = {.count = 0};
    for (uint64_t seed = 0; seed < 4 * SEEDS; seed++) {
        sim_disk_t *s = sim_disk_new(seed);
        disk_t *d = sim_disk_disk(s);
        char names[16] = "";
        make_file(d, "a", "");
        make_file(d, "b", "");
        assert_int_equal(disk_rename(d, "a", "c", NULL), 0);
        make_file(d, "d", "");
        sim_disk_power_cycle(s);
        assert_int_equal(disk_list(d, put_name, names, NULL), 0);
        outcomes_add(&o, names);
        sim_disk_free(&s);
    }
    assert_int_equal(o.count, 12);
    for (size_t i = 0; i < 12; i++)
        assert_true(outcomes_have(&o, possible[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_synced_is_there),
        cmocka_unit_test(an_unsynced_write_is_kept_lost_or_torn_anyhow),
        cmocka_unit_test(a_later_write_is_kept_and_an_earlier_lost),
        cmocka_unit_test(a_sector_is_as_after_one_of_its_writes),
        cmocka_unit_test(a_sector_never_has_a_later_write_without_an_earlier),
        cmocka_unit_test(a_file_may_have_grown_without_its_octets),
        cmocka_unit_test(many_writes_may_all_be_kept_or_all_lost),
        cmocka_unit_test(skipped_syncs_are_noticed),
        cmocka_unit_test(a_synced_file_is_lost_with_its_name),
        cmocka_unit_test(a_synced_name_may_have_no_octets),
        cmocka_unit_test(skipped_directory_syncs_are_noticed),
        cmocka_unit_test(a_rename_happens_or_does_not),
        cmocka_unit_test(a_removed_file_may_come_back_with_its_octets),
        cmocka_unit_test(a_removed_file_stays_away_after_a_directory_sync),
        cmocka_unit_test(changes_of_names_are_kept_in_an_order_that_makes_sense),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
