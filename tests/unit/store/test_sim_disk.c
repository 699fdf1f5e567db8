/* SPDX-License-Identifier: Apache-2.0
 *
 * The simulated disk: a disk like every other, whose process dies, whose power goes at any operation, and whose parts
 * break when it is told so. */
#include "disk_contract.h"
#include "store/sim_story.h"

typedef struct simulated {
    disk_under_test_t under_test;
    sim_disk_t *sim;
} simulated_t;

static int setup(void **state)
{
    simulated_t *s = calloc(1, sizeof *s);
    if (!s)
        return -1;
    s->sim = sim_disk_new(1);
    s->under_test.disk = sim_disk_disk(s->sim);
    *state = s;
    return 0;
}

static int teardown(void **state)
{
    simulated_t *s = *state;
    sim_disk_free(&s->sim);
    free(s);
    return 0;
}

static sim_disk_t *sim_in(void **state)
{
    return ((simulated_t *)*state)->sim;
}

/* ---- ends of the process ---- */

static void assert_dead(disk_file_t *f, const char *why)
{
    error_t err = {""};
    size_t got;
    char octet;
    uint64_t bytes;
    assert_int_equal(disk_read(f, 0, &octet, 1, &got, &err), DISK_FAILED);
    assert_non_null(strstr(err.text, why));
    assert_int_equal(disk_size(f, &bytes, &err), DISK_FAILED);
    assert_int_equal(disk_write(f, 0, &(output_piece_t){"x", 1}, 1, &err), DISK_FAILED);
    assert_int_equal(disk_sync(f, &err), DISK_FAILED);
    assert_non_null(strstr(err.text, why));
}

static void a_restart_keeps_what_was_written_and_nothing_else(void **state)
{
    sim_disk_t *s = sim_in(state);
    disk_t *d = disk_in(state);
    disk_file_t *f = open_file(d, "f", DISK_CREATE);
    disk_file_t *unlinked = open_file(d, "g", DISK_CREATE);
    write_text(f, 0, "text");
    assert_int_equal(disk_remove(d, "g", NULL), 0);
    assert_int_equal(disk_lock(d, "lock", NULL), 0);
    sim_disk_restart(s);
    assert_dead(f, "its process is gone");
    assert_text(d, "f", "text");
    assert_names(d, "f lock");
    assert_int_equal(disk_lock(d, "lock", NULL), 0);
    disk_close(&f);
    disk_close(&unlinked);
}

/* In the middle of an operation, only the process dies: what was answered before is there, synced or not. */
static void a_restart_after_a_cut_keeps_what_was_done(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        sim_disk_t *s = sim_disk_new(seed);
        disk_t *d = sim_disk_disk(s);
        disk_file_t *f = open_file(d, "f", DISK_CREATE);
        char text[40];
        write_sectors(f, 0, 2, 'n');
        sim_disk_cut_at(s, 1);
        assert_int_equal(disk_sync(f, NULL), DISK_FAILED);
        sim_disk_restart(s);
        assert_false(sim_disk_is_off(s));
        assert_dead(f, "its process is gone");
        read_sectors(d, "f", text, sizeof text);
        assert_string_equal(text, "nn");
        disk_close(&f);
        sim_disk_free(&s);
    }
}

static void restart_before_the_cut(sim_disk_t *s, disk_t *d)
{
    overwrite_three(s, d);
    sim_disk_restart(s);
}

static void what_was_not_synced_still_is_not_after_a_restart(void **state)
{
    (void)state;
    assert_int_equal(outcomes_of(restart_before_the_cut)->count, 8);
}

static void restart_and_sync(sim_disk_t *s, disk_t *d)
{
    restart_before_the_cut(s, d);
    disk_file_t *f = open_file(d, "f", DISK_WRITE);
    sync_file(f);
    disk_close(&f);
}

static void a_sync_after_a_restart_covers_what_was_before(void **state)
{
    (void)state;
    assert_only(outcomes_of(restart_and_sync), "nnno");
}

static void a_freed_disk_gives_back_the_lock_only(void **state)
{
    disk_t *d = disk_in(state);
    make_file(d, "f", "text");
    assert_int_equal(disk_lock(d, "lock", NULL), 0);
    disk_t *same = d;
    disk_free(&same);
    assert_null(same);
    assert_text(d, "f", "text");
    assert_int_equal(disk_lock(d, "lock", NULL), 0);
}

/* ---- cuts ---- */

/* Replaces "f" safely, as programs do; counts the steps that were answered with success. */
static unsigned replace_safely(disk_t *d, disk_file_t **f)
{
    char octets[2 * SECTOR];
    memset(octets, 'n', sizeof octets);
    output_piece_t piece = {octets, sizeof octets};
    if (disk_open(d, "g", DISK_CREATE, f, NULL) != 0)
        return 0;
    if (disk_write(*f, 0, &piece, 1, NULL) != 0)
        return 1;
    if (disk_sync(*f, NULL) != 0)
        return 2;
    if (disk_rename(d, "g", "f", NULL) != 0)
        return 3;
    return disk_sync_directory(d, NULL) == 0 ? 5 : 4;
}

static void a_cut_at_each_operation_ends_everything_and_keeps_promises(void **state)
{
    (void)state;
    for (unsigned n = 1; n <= 6; n++) {
        outcomes_t o = {.count = 0};
        for (uint64_t seed = 0; seed < SEEDS; seed++) {
            sim_disk_t *s = sim_disk_new(seed);
            disk_t *d = sim_disk_disk(s);
            disk_file_t *old = make_safe_file(d, "f", 1), *f = NULL;
            char text[40];
            uint64_t before = sim_disk_operations(s);
            sim_disk_cut_at(s, n);
            assert_int_equal(replace_safely(d, &f), n - 1);
            assert_int_equal(sim_disk_is_off(s), n <= 5);
            assert_int_equal(sim_disk_operations(s) - before, n <= 5 ? n : 5);
            if (n <= 5)
                assert_dead(old, "power is off");
            sim_disk_power_cycle(s);
            assert_false(sim_disk_is_off(s));
            assert_dead(old, "its process is gone");
            read_sectors(d, "f", text, sizeof text);
            outcomes_add(&o, text);
            disk_close(&old);
            disk_close(&f);
            sim_disk_free(&s);
        }
        /* The new name may be there from its rename on; the answer to the directory's sync promises it. */
        assert_int_equal(outcomes_have(&o, "o"), n <= 5);
        assert_int_equal(outcomes_have(&o, "nn"), n >= 4);
        assert_int_equal(o.count, n == 4 || n == 5 ? 2 : 1);
    }
}

static void cut_a_write(sim_disk_t *s, disk_t *d)
{
    disk_file_t *f = make_safe_file(d, "f", 4);
    char octets[2 * SECTOR];
    memset(octets, 'n', sizeof octets);
    output_piece_t piece = {octets, sizeof octets};
    sim_disk_cut_at(s, 1);
    assert_int_equal(disk_write(f, SECTOR, &piece, 1, NULL), DISK_FAILED);
    disk_close(&f);
}

static void a_write_that_was_cut_is_done_in_part(void **state)
{
    (void)state;
    unsigned none = 0, whole = 0, part = 0;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        sim_disk_t *s = sim_disk_new(seed);
        cut_a_write(s, sim_disk_disk(s));
        sim_disk_power_cycle(s);
        disk_file_t *f = open_file(sim_disk_disk(s), "f", DISK_READ);
        char octets[4 * SECTOR];
        size_t got, new = 0;
        assert_int_equal(disk_read(f, 0, octets, sizeof octets, &got, NULL), 0);
        assert_int_equal(got, sizeof octets);
        for (size_t i = 0; i < got; i++)
            new += octets[i] == 'n';
        none += new == 0;
        whole += new == 2 * SECTOR;
        part += new > 0 && new < 2 * SECTOR;
        disk_close(&f);
        sim_disk_free(&s);
    }
    assert_true(none > 20 && whole > 20 && part > 20);
}

static void nothing_works_while_the_power_is_off(void **state)
{
    disk_t *d = disk_in(state);
    disk_file_t *f = NULL;
    uint64_t bytes;
    char names[16] = "";
    make_file(d, "a", "");
    sim_disk_cut_at(sim_in(state), 1);
    assert_int_equal(disk_sync_directory(d, NULL), DISK_FAILED);
    assert_int_equal(disk_open(d, "a", DISK_READ, &f, NULL), DISK_FAILED);
    assert_int_equal(disk_open(d, "b", DISK_CREATE, &f, NULL), DISK_FAILED);
    assert_int_equal(disk_rename(d, "a", "b", NULL), DISK_FAILED);
    assert_int_equal(disk_remove(d, "a", NULL), DISK_FAILED);
    assert_int_equal(disk_list(d, put_name, names, NULL), DISK_FAILED);
    assert_int_equal(disk_sync_directory(d, NULL), DISK_FAILED);
    assert_int_equal(disk_lock(d, "lock", NULL), DISK_FAILED);
    assert_int_equal(disk_free_bytes(d, &bytes, NULL), DISK_FAILED);
    assert_string_equal(names, "");
}

static void tell_history(uint64_t seed, char *out, size_t out_bytes)
{
    sim_disk_t *s = sim_disk_new(seed);
    many_writes(s, sim_disk_disk(s));
    sim_disk_power_cycle(s);
    read_sectors(sim_disk_disk(s), "f", out, out_bytes);
    sim_disk_free(&s);
}

static void the_same_seed_gives_the_same_history(void **state)
{
    (void)state;
    unsigned unlike = 0;
    for (uint64_t seed = 0; seed < 50; seed++) {
        char first[40], second[40], other[40];
        tell_history(seed, first, sizeof first);
        tell_history(seed, second, sizeof second);
        tell_history(seed + 1, other, sizeof other);
        assert_string_equal(first, second);
        unlike += strcmp(first, other) != 0;
    }
    assert_true(unlike > 25);
}

/* ---- faults ---- */

static void fail_a_sync(sim_disk_t *s, disk_t *d)
{
    error_t err = {""};
    disk_file_t *f = make_safe_file(d, "f", 4);
    write_sectors(f, 0, 2, 'l');
    sim_disk_fail_sync(s, 1);
    assert_int_equal(disk_sync(f, &err), DISK_FAILED);
    assert_non_null(strstr(err.text, "cannot sync f"));
    sync_file(f); /* says that all is well, and is wrong */
    disk_close(&f);
    char text[40];
    read_sectors(d, "f", text, sizeof text);
    assert_string_equal(text, "lloo");
    sim_disk_restart(s);
    read_sectors(d, "f", text, sizeof text);
    assert_string_equal(text, "lloo");
}

static void what_a_failed_sync_lost_can_be_read_until_the_power_goes(void **state)
{
    (void)state;
    assert_only(outcomes_of(fail_a_sync), "oooo");
}

static void fail_a_sync_and_write_again(sim_disk_t *s, disk_t *d)
{
    fail_a_sync(s, d);
    disk_file_t *f = open_file(d, "f", DISK_WRITE);
    write_sectors(f, 1, 3, 'm');
    sync_file(f);
    disk_close(&f);
}

static void what_is_written_again_after_a_failed_sync_is_safe(void **state)
{
    (void)state;
    assert_only(outcomes_of(fail_a_sync_and_write_again), "ommm");
}

static void append_and_fail_to_sync(sim_disk_t *s, disk_t *d)
{
    disk_file_t *f = make_safe_file(d, "f", 1);
    write_sectors(f, 1, 2, 'l');
    sim_disk_fail_sync(s, 1);
    assert_int_equal(disk_sync(f, NULL), DISK_FAILED);
    sync_file(f);
    disk_close(&f);
}

static void a_sync_after_a_failed_one_leaves_zeros_in_the_place_of_what_was_lost(void **state)
{
    (void)state;
    assert_only(outcomes_of(append_and_fail_to_sync), "o00");
}

static void an_operation_fails_by_its_number_and_the_disk_goes_on(void **state)
{
    (void)state;
    for (unsigned n = 1; n <= 6; n++) {
        sim_disk_t *s = sim_disk_new(n);
        disk_t *d = sim_disk_disk(s);
        disk_file_t *f = NULL;
        make_file(d, "f", "old");
        sim_disk_fail_at(s, n);
        assert_int_equal(replace_safely(d, &f), n - 1);
        assert_false(sim_disk_is_off(s));
        disk_close(&f);
        sim_disk_fail_at(s, 0);
        make_file(d, "h", "new");
        assert_text(d, "h", "new");
        if (n <= 4)
            assert_text(d, "f", "old");
        sim_disk_free(&s);
    }
}

static void reads_of_bad_octets_fail_and_others_do_not(void **state)
{
    disk_t *d = disk_in(state);
    error_t err = {""};
    char octets[10];
    size_t got;
    make_file(d, "f", "0123456789");
    sim_disk_fail_reads(sim_in(state), "f", 4, 2);
    assert_int_equal(disk_rename(d, "f", "g", NULL), 0);
    disk_file_t *f = open_file(d, "g", DISK_READ);
    assert_octets(f, 0, 4, "0123", 4);
    assert_octets(f, 6, 10, "6789", 4);
    assert_int_equal(disk_read(f, 0, octets, 5, &got, &err), DISK_FAILED);
    assert_non_null(strstr(err.text, "cannot read g"));
    assert_int_equal(disk_read(f, 5, octets, 5, &got, &err), DISK_FAILED);
    sim_disk_fail_reads(sim_in(state), "g", 0, 0);
    assert_octets(f, 0, 10, "0123456789", 10);
    disk_close(&f);
}

static void a_flipped_bit_is_there_for_ever(void **state)
{
    disk_t *d = disk_in(state);
    disk_file_t *f = open_file(d, "f", DISK_CREATE);
    write_text(f, 0, "abc");
    sync_file(f);
    sync_names(d);
    disk_close(&f);
    sim_disk_flip(sim_in(state), "f", 1, 0x20);
    assert_text(d, "f", "aBc");
    sim_disk_power_cycle(sim_in(state));
    assert_text(d, "f", "aBc");
}

static void a_full_disk_takes_what_fits_and_overwrites(void **state)
{
    sim_disk_t *s = sim_in(state);
    disk_t *d = disk_in(state);
    error_t err = {""};
    uint64_t bytes = 0;
    make_file(d, "a", "0123");
    disk_file_t *f = open_file(d, "b", DISK_CREATE);
    sim_disk_limit(s, 10);
    assert_int_equal(disk_free_bytes(d, &bytes, NULL), 0);
    assert_int_equal(bytes, 6);
    assert_int_equal(disk_write(f, 0, &(output_piece_t){"abcdefgh", 8}, 1, &err), DISK_FULL);
    assert_non_null(strstr(err.text, "cannot write b"));
    assert_octets(f, 0, 10, "abcdef", 6);
    assert_int_equal(disk_write(f, 10, &(output_piece_t){"x", 1}, 1, &err), DISK_FULL);
    write_text(f, 0, "ABCDEF");
    assert_int_equal(disk_remove(d, "a", NULL), 0);
    sync_names(d);
    write_text(f, 6, "ghij");
    sim_disk_limit(s, 5);
    assert_int_equal(disk_free_bytes(d, &bytes, NULL), 0);
    assert_int_equal(bytes, 0);
    disk_close(&f);
    assert_text(d, "b", "ABCDEFghij");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DISK_CONTRACT_TESTS,
        DISK_CONTRACT_TEST(a_restart_keeps_what_was_written_and_nothing_else),
        cmocka_unit_test(a_restart_after_a_cut_keeps_what_was_done),
        cmocka_unit_test(what_was_not_synced_still_is_not_after_a_restart),
        cmocka_unit_test(a_sync_after_a_restart_covers_what_was_before),
        DISK_CONTRACT_TEST(a_freed_disk_gives_back_the_lock_only),
        cmocka_unit_test(a_cut_at_each_operation_ends_everything_and_keeps_promises),
        cmocka_unit_test(a_write_that_was_cut_is_done_in_part),
        DISK_CONTRACT_TEST(nothing_works_while_the_power_is_off),
        cmocka_unit_test(the_same_seed_gives_the_same_history),
        cmocka_unit_test(what_a_failed_sync_lost_can_be_read_until_the_power_goes),
        cmocka_unit_test(what_is_written_again_after_a_failed_sync_is_safe),
        cmocka_unit_test(a_sync_after_a_failed_one_leaves_zeros_in_the_place_of_what_was_lost),
        cmocka_unit_test(an_operation_fails_by_its_number_and_the_disk_goes_on),
        DISK_CONTRACT_TEST(reads_of_bad_octets_fail_and_others_do_not),
        DISK_CONTRACT_TEST(a_flipped_bit_is_there_for_ever),
        DISK_CONTRACT_TEST(a_full_disk_takes_what_fits_and_overwrites),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
