/* SPDX-License-Identifier: Apache-2.0
 *
 * A history in which segments are dropped and rewritten all the time is cut at each of its disk operations, or has each of
 * them fail: what is needed is there, to the octet. */
#include "store/space_fixture.h"

enum { STEPS = 70 };

typedef struct history {
    fixture_t *f;
    needs_t needs;
} history_t;

static history_t *history_new(uint64_t seed)
{
    history_t *h = MEM_NEW(history_t);
    h->f = fixture_new(seed);
    h->f->keeps_dead = true;
    h->f->options.segment_bytes = 6 * 1024;
    h->f->options.first_segment_bytes = 4 * 1024;
    h->f->options.frame_bytes = 1024;
    h->f->options.read_bytes = 512;
    h->f->life = 1;
    return h;
}

static void history_free(history_t *h)
{
    fixture_free(h->f);
    mem_free(h);
}

/* Some of those that are durable are needed no more, and the log may be read from further on. */
static void forget_some(history_t *h)
{
    sim_random_t *dice = &h->f->dice;
    fixture_t *f = h->f;
    if (f->durable > f->replay_from)
        f->replay_from += sim_random_below(dice, f->durable - f->replay_from + 1);
    for (record_no n = 1; n < f->replay_durable; n++)
        if (sim_random_once_in(dice, 8))
            h->needs.live[n] = false;
}

static void order_some(history_t *h)
{
    fixture_t *f = h->f;
    (void)hear_segments(f);
    for (uint64_t i = 0; i < SEGMENTS_MOST; i++) {
        const told_segment_t *told = &f->segments[i];
        if (told->news.bytes == 0 || told->is_ordered || told->news.end > f->replay_durable)
            continue;
        if (count_live(f, &h->needs, i) == 0)
            order_drop(f, i);
        else if (sim_random_once_in(&f->dice, 3))
            give_order(f, rewrite_order(f, &h->needs, i));
    }
    (void)lane_flush(store_journal(f->store)->orders);
}

/* False when the disk failed under the log. */
static bool live_on(history_t *h)
{
    fixture_t *f = h->f;
    unsigned wake;
    for (int i = 0; i < STEPS && !sim_disk_is_off(f->sim); i++)
        switch (sim_random_below(&f->dice, 8)) {
        case 0:
        case 1:
            put_live(f, &h->needs, 1 + (uint32_t)sim_random_below(&f->dice, 4),
                     (uint32_t)sim_random_below(&f->dice, sim_random_once_in(&f->dice, 9) ? 4000 : 500));
            break;
        case 2:
            forget_some(h);
            order_some(h);
            break;
        case 3:
        case 4:
        case 5:
            (void)store_helper_turn(f->store, &wake);
            break;
        case 6:
            if (store_log_idle(f->store, &f->err) < 0)
                return false;
            break;
        default:
            if (turn(f) < 0)
                return false;
            break;
        }
    return !sim_disk_is_off(f->sim);
}

static bool live(history_t *h, int lives)
{
    for (int i = 0; i < lives; i++) {
        if (!try_open(h->f) || !live_on(h))
            return false;
        if (i % 2 == 0)
            close_store(h->f);
        else
            crash(h->f);
        if (sim_disk_is_off(h->f->sim))
            return false;
    }
    return true;
}

/* What was never durable is nothing. */
static void open_and_check(history_t *h)
{
    fixture_t *f = h->f;
    record_no durable = f->durable;
    open_well(f);
    assert_int_equal(f->damage_lines, 0);
    assert_true(f->found.last >= durable);
    for (record_no n = f->found.last + 1; n < RECORDS_MOST; n++)
        h->needs.live[n] = false;
    if (f->found.last > 0 && f->seen_first > 0)
        assert_true(f->seen_first <= (f->replay_from > 1 ? f->replay_from : 1));
    assert_int_equal(count_new_files(f), 0);
    (void)check_needed(f, &h->needs, f->next);
}

static uint64_t count_operations(uint64_t seed, int lives, uint64_t *rewritten)
{
    history_t *h = history_new(seed);
    assert_true(live(h, lives - 1) && try_open(h->f) && live_on(h));
    store_counts_t counts = count_store(h->f);
    *rewritten += counts.rewritten_bytes > 0 && counts.segments_dropped > 0;
    close_store(h->f);
    uint64_t operations = sim_disk_operations(h->f->sim);
    history_free(h);
    return operations;
}

static void what_is_needed_survives_a_cut_at_any_operation(void **state)
{
    (void)state;
    uint64_t rewritten = 0;
    for (uint64_t seed = 1; seed <= 8; seed++) {
        uint64_t operations = count_operations(seed, 4, &rewritten);
        for (uint64_t cut = 1; cut <= operations; cut++) {
            history_t *h = history_new(seed);
            sim_disk_cut_at(h->f->sim, cut);
            (void)live(h, 4);
            if (cut % 2 == 0)
                power_cycle(h->f);
            else
                crash(h->f);
            sim_disk_cut_at(h->f->sim, 0);
            open_and_check(h);
            (void)live_on(h);
            power_cycle(h->f);
            open_and_check(h);
            history_free(h);
        }
    }
    assert_true(rewritten > 3);
}

static void what_is_needed_survives_a_failure_of_any_operation(void **state)
{
    (void)state;
    uint64_t rewritten = 0;
    for (uint64_t seed = 21; seed <= 26; seed++) {
        uint64_t operations = count_operations(seed, 3, &rewritten);
        for (uint64_t at = 1; at <= operations; at++) {
            history_t *h = history_new(seed);
            sim_disk_fail_at(h->f->sim, at);
            (void)live(h, 3);
            sim_disk_fail_at(h->f->sim, 0);
            power_cycle(h->f);
            open_and_check(h);
            history_free(h);
        }
    }
    assert_true(rewritten > 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_needed_survives_a_cut_at_any_operation),
        cmocka_unit_test(what_is_needed_survives_a_failure_of_any_operation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
