/* SPDX-License-Identifier: Apache-2.0
 *
 * Crashes: a history is cut at each of its disk operations, by the power or by the end of the process, and what was given
 * back as durable is there; so is what an opening has reported, whatever happens next. */
#include "store/log_fixture.h"

enum { STEPS = 60 };

static bool failed(const fixture_t *f, int rc)
{
    return rc < 0 || sim_disk_is_off(f->sim);
}

/* Some of everything; false when the disk failed. */
static bool live_on(fixture_t *f)
{
    sim_random_t *dice = &f->dice;
    unsigned wake;
    for (int i = 0; i < STEPS; i++) {
        switch (sim_random_below(dice, 8)) {
        case 0: /* at times more than a segment holds */
            put_batch(f, 1 + (uint32_t)sim_random_below(dice, 4),
                      (uint32_t)sim_random_below(dice, sim_random_once_in(dice, 4) ? 5000 : 500));
            break;
        case 1:
        case 2:
            put_batch(f, 1 + (uint32_t)sim_random_below(dice, 6), (uint32_t)sim_random_below(dice, 700));
            break;
        case 3:
            f->replay_from =
                sim_random_below(dice, f->durable + 1) > f->replay_from ? f->durable : f->replay_from;
            break;
        case 4:
            if (failed(f, store_log_idle(f->store, &f->err)))
                return false;
            break;
        case 5:
            (void)store_helper_turn(f->store, &wake);
            break;
        default:
            if (failed(f, turn(f)))
                return false;
            break;
        }
    }
    return true;
}

/* Several lives of the process; false when the disk failed. */
static bool live(fixture_t *f, int lives)
{
    for (int i = 0; i < lives; i++) {
        if (!try_open(f) || !live_on(f) || sim_disk_is_off(f->sim))
            return false;
        if (i % 2 == 0)
            close_store(f);
        else
            crash(f);
        if (sim_disk_is_off(f->sim))
            return false;
    }
    return true;
}

/* What was durable is there, nothing needed is missing. */
static void check_after(fixture_t *f, record_no durable)
{
    record_no last = f->found.last;
    assert_true(last >= durable);
    assert_int_equal(f->seen_last, last);
    if (last > 0)
        assert_true(f->seen_first <= (f->replay_from > 1 ? f->replay_from : 1));
}

static record_no open_and_check(fixture_t *f, record_no durable)
{
    open_well(f);
    assert_int_equal(f->damage_lines, 0); /* a crash does not look like damage */
    check_after(f, durable);
    read_all(f, f->replay_from > f->seen_first ? f->replay_from : f->seen_first ? f->seen_first : 1, 1);
    return f->found.last;
}

/* With every other seed the disk is short all the time: the log begins segments early, so that others can go. */
static fixture_t *small_fixture(uint64_t seed)
{
    fixture_t *f = fixture_new(seed);
    f->options.free_limit_bytes = seed % 2 ? 0 : UINT64_MAX;
    f->options.segment_bytes = 8 * 1024;
    f->options.first_segment_bytes = 4 * 1024;
    f->options.frame_bytes = 512;
    f->life = 1;
    return f;
}

static uint64_t count_operations(uint64_t seed, int lives)
{
    fixture_t *f = small_fixture(seed);
    assert_true(live(f, lives));
    uint64_t operations = sim_disk_operations(f->sim);
    fixture_free(f);
    return operations;
}

static void whatever_was_durable_survives_a_power_cut_at_any_operation(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 6; seed++) {
        uint64_t operations = count_operations(seed, 4);
        for (uint64_t cut = 1; cut <= operations; cut++) {
            fixture_t *f = small_fixture(seed);
            sim_disk_cut_at(f->sim, cut);
            (void)live(f, 4);
            record_no durable = f->durable;
            power_cycle(f);
            durable = open_and_check(f, durable);
            power_cycle(f);
            assert_int_equal(open_and_check(f, durable), durable);
            fixture_free(f);
        }
    }
}

static void an_opening_may_be_cut_at_any_operation_again_and_again(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 16; seed++) {
        uint64_t operations = count_operations(seed, 2);
        for (uint64_t cut = 1; cut <= 40; cut++) {
            fixture_t *f = small_fixture(seed);
            sim_disk_cut_at(f->sim, operations / 2 + seed);
            (void)live(f, 3);
            record_no durable = f->durable;
            power_cycle(f);
            for (uint64_t round = 0; round < 3; round++) {
                sim_disk_cut_at(f->sim, 1 + (cut + round * 7) % 40);
                if (try_open(f)) {
                    check_after(f, durable);
                    durable = f->found.last;
                    (void)live_on(f);
                    durable = f->durable;
                }
                power_cycle(f);
            }
            sim_disk_cut_at(f->sim, 0);
            durable = open_and_check(f, durable);
            fixture_free(f);
        }
    }
}

static void an_opening_may_fail_at_any_operation_and_be_tried_again(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 12; seed++) {
        for (uint64_t at = 1; at <= 40; at++) {
            fixture_t *f = small_fixture(seed);
            if (seed % 2 == 0)
                sim_disk_cut_at(f->sim, 40 + seed * 3);
            (void)live(f, 3);
            record_no durable = f->durable;
            sim_disk_cut_at(f->sim, 0);
            if (seed % 2 == 0)
                power_cycle(f);
            sim_disk_fail_at(f->sim, at);
            if (try_open(f)) {
                check_after(f, durable);
                durable = f->found.last;
                (void)live_on(f);
                durable = f->durable;
            }
            crash(f);
            sim_disk_fail_at(f->sim, 0);
            durable = open_and_check(f, durable);
            power_cycle(f);
            durable = open_and_check(f, durable);
            fixture_free(f);
        }
    }
}

static void what_a_failed_sync_left_in_memory_is_written_again(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        for (uint64_t sync = 1; sync <= 60; sync++) {
            fixture_t *f = small_fixture(seed);
            sim_disk_fail_sync(f->sim, sync);
            (void)live(f, 3);
            sim_disk_fail_sync(f->sim, 0);
            record_no durable = f->durable;
            crash(f);
            durable = open_and_check(f, durable);
            if (seed % 3 == 0)
                (void)live_on(f), durable = f->durable;
            power_cycle(f);
            durable = open_and_check(f, durable);
            fixture_free(f);
        }
    }
}

static void an_opening_whose_sync_fails_is_tried_again(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        for (uint64_t sync = 1; sync <= 6; sync++) {
            fixture_t *f = small_fixture(seed);
            (void)live(f, 2);
            record_no durable = f->durable;
            for (int round = 0; round < 3; round++) {
                sim_disk_fail_sync(f->sim, sync);
                if (try_open(f)) {
                    check_after(f, durable);
                    durable = f->found.last;
                }
                sim_disk_fail_sync(f->sim, 0);
                if (f->store || round == 1)
                    crash(f);
            }
            durable = open_and_check(f, durable);
            power_cycle(f);
            durable = open_and_check(f, durable);
            fixture_free(f);
        }
    }
}

/* ---- what an opening has written, and when it counts ---- */

/* Groups in the last turn that the machine has in memory and the disk never gets. */
static fixture_t *log_with_lost_sync(uint64_t seed)
{
    fixture_t *f = fixture_new(seed);
    f->options.first_segment_bytes = f->options.segment_bytes;
    f->life = 1;
    open_well(f);
    put_batch(f, 3, 200);
    settle_well(f);
    for (int i = 0; i < 8; i++)
        put_batch(f, 2, 300);
    sim_disk_fail_sync(f->sim, 1);
    assert_int_equal(turn(f), -1);
    crash(f);
    return f;
}

/* Its last sync is that of the start. One that fails leaves a start that can be seen, and is gone with the power. */
static void a_start_that_is_not_synced_proves_nothing(void **state)
{
    (void)state;
    for (uint64_t sync = 1; sync <= 6; sync++) {
        fixture_t *f = log_with_lost_sync(sync);
        for (int round = 0; round < 3; round++) {
            sim_disk_fail_sync(f->sim, sync);
            bool is_open = try_open(f);
            sim_disk_fail_sync(f->sim, 0);
            crash(f);
            if (is_open)
                break;
        }
        assert_int_equal(open_and_check(f, 19), 19);
        power_cycle(f);
        assert_int_equal(open_and_check(f, 19), 19);
        fixture_free(f);
    }
}

static void what_a_start_supersedes_is_kept_until_another_is_synced(void **state)
{
    (void)state;
    for (uint64_t cut = 1; cut <= 16; cut++)
        for (uint64_t seed = 1; seed <= 10; seed++) {
            fixture_t *f = log_with_lost_sync(seed);
            open_well(f); /* now it is on the disk, behind this start */
            crash(f);
            for (uint64_t sync = 4; sync > 1; sync--) {
                sim_disk_fail_sync(f->sim, sync);
                if (!try_open(f)) /* another start is seen, and not there */
                    break;
                crash(f);
            }
            sim_disk_restart(f->sim);
            sim_disk_cut_at(f->sim, cut);
            (void)try_open(f);
            sim_disk_cut_at(f->sim, 0);
            power_cycle(f);
            assert_int_equal(open_and_check(f, 19), 19);
            fixture_free(f);
        }
}

static void copies_of_an_opening_that_was_cut_are_nothing(void **state)
{
    (void)state;
    for (uint64_t cut = 1; cut <= 18; cut++)
        for (uint64_t seed = 1; seed <= 20; seed++) {
            fixture_t *f = log_with_lost_sync(seed);
            sim_disk_cut_at(f->sim, cut);
            bool is_open = try_open(f);
            sim_disk_cut_at(f->sim, 0);
            power_cycle(f);
            open_and_check(f, is_open ? 19 : 3);
            fixture_free(f);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whatever_was_durable_survives_a_power_cut_at_any_operation),
        cmocka_unit_test(an_opening_may_be_cut_at_any_operation_again_and_again),
        cmocka_unit_test(an_opening_may_fail_at_any_operation_and_be_tried_again),
        cmocka_unit_test(what_a_failed_sync_left_in_memory_is_written_again),
        cmocka_unit_test(an_opening_whose_sync_fails_is_tried_again),
        cmocka_unit_test(a_start_that_is_not_synced_proves_nothing),
        cmocka_unit_test(what_a_start_supersedes_is_kept_until_another_is_synced),
        cmocka_unit_test(copies_of_an_opening_that_was_cut_are_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
