/* SPDX-License-Identifier: Apache-2.0
 *
 * The simulated disk: a disk like every other; what a power cut may do happens for some seed, and what it may not
 * happens for none. */
#include <stdio.h>

#include "disk_contract.h"
#include "sim/sim_disk.h"

enum { SEEDS = 400, SECTOR = 512 };

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

/* ---- helpers ---- */

static void sync_file(disk_file_t *f)
{
    assert_int_equal(disk_sync(f, NULL), 0);
}

static void sync_names(disk_t *d)
{
    assert_int_equal(disk_sync_directory(d, NULL), 0);
}

/* `count` sectors full of this octet. */
static void write_sectors(disk_file_t *f, uint64_t first, size_t count, char octet)
{
    char octets[32 * SECTOR];
    assert_true(count <= 32);
    memset(octets, octet, sizeof octets);
    output_piece_t piece = {octets, count * SECTOR};
    assert_int_equal(disk_write(f, first * SECTOR, &piece, 1, NULL), 0);
}

/* A file that is there, with its name and `sectors` of 'o', whatever happens. */
static disk_file_t *make_safe_file(disk_t *d, const char *name, size_t sectors)
{
    disk_file_t *f = open_file(d, name, DISK_CREATE);
    if (sectors > 0)
        write_sectors(f, 0, sectors, 'o');
    sync_file(f);
    sync_names(d);
    return f;
}

static bool is_there(disk_t *d, const char *name)
{
    disk_file_t *f = NULL;
    int rc = disk_open(d, name, DISK_READ, &f, NULL);
    assert_true(rc == 0 || rc == DISK_NOT_FOUND);
    disk_close(&f);
    return rc == 0;
}

/* The first octet of each sector, as text; fails if a sector is not all the same. '0' for a zero. */
static void read_sectors(disk_t *d, const char *name, char *out, size_t out_bytes)
{
    disk_file_t *f = open_file(d, name, DISK_READ);
    char sector[SECTOR];
    size_t got = 0, count = 0;
    while (disk_read(f, count * SECTOR, sector, SECTOR, &got, NULL) == 0 && got > 0) {
        for (size_t i = 1; i < got; i++)
            assert_int_equal(sector[i], sector[0]);
        assert_true(count + 1 < out_bytes);
        out[count++] = sector[0] ? sector[0] : '0';
    }
    out[count] = '\0';
    disk_close(&f);
}

/* A set of outcomes, to count how many unlike ones there were. */
typedef struct outcomes {
    char texts[64][40];
    size_t count;
} outcomes_t;

static bool outcomes_have(const outcomes_t *o, const char *text)
{
    for (size_t i = 0; i < o->count; i++)
        if (strcmp(o->texts[i], text) == 0)
            return true;
    return false;
}

static void outcomes_add(outcomes_t *o, const char *text)
{
    if (outcomes_have(o, text))
        return;
    assert_true(o->count < 64);
    snprintf(o->texts[o->count++], sizeof o->texts[0], "%s", text);
}

/* Runs the story on a disk of each seed, power cycle at its end, and gathers what the file "f" is then: its
 * sectors, or "-" if it is not there. */
typedef void story_t(sim_disk_t *s, disk_t *d);

static outcomes_t *outcomes_of(story_t *story)
{
    static outcomes_t outcomes;
    outcomes = (outcomes_t){.count = 0};
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        char text[40] = "-";
        sim_disk_t *s = sim_disk_new(seed);
        disk_t *d = sim_disk_disk(s);
        story(s, d);
        sim_disk_power_cycle(s);
        if (is_there(d, "f"))
            read_sectors(d, "f", text, sizeof text);
        outcomes_add(&outcomes, text);
        sim_disk_free(&s);
    }
    return &outcomes;
}

static void assert_only(const outcomes_t *o, const char *text)
{
    assert_int_equal(o->count, 1);
    assert_string_equal(o->texts[0], text);
}

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

static void overwrite_three(sim_disk_t *s, disk_t *d)
{
    (void)s;
    disk_file_t *f = make_safe_file(d, "f", 4);
    write_sectors(f, 0, 3, 'n');
    disk_close(&f);
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

static void many_writes(sim_disk_t *s, disk_t *d)
{
    (void)s;
    disk_file_t *f = make_safe_file(d, "f", 30);
    for (uint64_t i = 0; i < 30; i++)
        write_sectors(f, i, 1, 'n');
    disk_close(&f);
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

static void put_name(void *context, const char *name)
{
    char *text = context;
    char *at = text;
    while (*at && *at < name[0]) /* sorted; names are single letters */
        at++;
    memmove(at + 1, at, strlen(at) + 1);
    *at = name[0];
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
        DISK_CONTRACT_TEST(a_restart_keeps_what_was_written_and_nothing_else),
        cmocka_unit_test(what_was_not_synced_still_is_not_after_a_restart),
        cmocka_unit_test(a_sync_after_a_restart_covers_what_was_before),
        DISK_CONTRACT_TEST(a_freed_disk_gives_back_the_lock_only),
        cmocka_unit_test(a_cut_at_each_operation_ends_everything_and_keeps_promises),
        cmocka_unit_test(a_write_that_was_cut_is_done_in_part),
        DISK_CONTRACT_TEST(nothing_works_while_the_power_is_off),
        cmocka_unit_test(the_same_seed_gives_the_same_history),
        cmocka_unit_test(what_a_failed_sync_lost_can_be_read_until_the_power_goes),
        cmocka_unit_test(what_is_written_again_after_a_failed_sync_is_safe),
        cmocka_unit_test(an_operation_fails_by_its_number_and_the_disk_goes_on),
        DISK_CONTRACT_TEST(reads_of_bad_octets_fail_and_others_do_not),
        DISK_CONTRACT_TEST(a_flipped_bit_is_there_for_ever),
        DISK_CONTRACT_TEST(a_full_disk_takes_what_fits_and_overwrites),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
