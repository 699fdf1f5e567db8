/* SPDX-License-Identifier: Apache-2.0
 *
 * Streams: beside a plain model, a bool for each number. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "perf/stream.h"
#include "sim/sim_random.h"

#define AHEAD ((uint32_t)STREAM_AHEAD_MAX)

/* ---- the model ---- */

typedef struct model {
    stream_t stream;
    bool *came;
    uint32_t numbers; /* places of came */
    uint32_t floor;   /* what is below is given up if it has not come */
    uint32_t end;     /* one above the highest */
} model_t;

static model_t model_new(uint32_t numbers)
{
    return (model_t){.came = mem_zero(numbers * sizeof(bool)), .numbers = numbers};
}

static void model_free(model_t *m)
{
    stream_deinit(&m->stream);
    mem_free(m->came);
}

static void take(model_t *m, uint32_t number)
{
    assert_true(number < m->numbers);
    bool is_new = number >= m->floor && !m->came[number];
    assert_int_equal(stream_take(&m->stream, number), is_new);
    if (!is_new)
        return;
    m->came[number] = true;
    if (number >= AHEAD && number - AHEAD + 1 > m->floor)
        m->floor = number - AHEAD + 1;
    if (number >= m->end)
        m->end = number + 1;
}

static uint64_t model_missing(const model_t *m, uint64_t expected)
{
    uint64_t missing = 0;
    for (uint32_t i = 0; i < expected; i++)
        missing += i >= m->numbers || !m->came[i];
    return missing;
}

static void assert_agrees(const model_t *m, uint64_t expected)
{
    assert_int_equal(stream_missing(&m->stream, expected), model_missing(m, expected));
    assert_int_equal(stream_end(&m->stream), m->end);
}

/* ---- by hand ---- */

static void what_comes_in_order_needs_no_memory(void **state)
{
    (void)state;
    stream_t s = {0};
    assert_int_equal(stream_end(&s), 0);
    assert_int_equal(stream_missing(&s, 0), 0);
    assert_int_equal(stream_missing(&s, 3), 3);
    for (uint32_t i = 0; i < 1000; i++)
        assert_true(stream_take(&s, i));
    assert_null(s.ahead);
    assert_int_equal(stream_missing(&s, 1000), 0);
    assert_int_equal(stream_end(&s), 1000);
    stream_deinit(&s);
}

static void a_gap_is_missing_until_it_closes(void **state)
{
    (void)state;
    stream_t s = {0};
    assert_true(stream_take(&s, 0) && stream_take(&s, 2) && stream_take(&s, 3) && stream_take(&s, 6));
    assert_int_equal(stream_missing(&s, 7), 3);
    assert_true(stream_take(&s, 1) && stream_take(&s, 5));
    assert_int_equal(stream_missing(&s, 7), 1);
    assert_true(stream_take(&s, 4));
    assert_int_equal(stream_missing(&s, 7), 0);
    assert_int_equal(s.next, 7);
    stream_deinit(&s);
}

static void what_came_before_is_told_behind_and_ahead_of_a_gap(void **state)
{
    (void)state;
    stream_t s = {0};
    assert_true(stream_take(&s, 0) && stream_take(&s, 2) && stream_take(&s, 70));
    assert_false(stream_take(&s, 0));
    assert_false(stream_take(&s, 2));
    assert_false(stream_take(&s, 70));
    assert_true(stream_take(&s, 1));
    assert_false(stream_take(&s, 2));
    assert_int_equal(stream_missing(&s, 71), 67);
    stream_deinit(&s);
}

static void expecting_less_or_more_than_what_came_counts_up_to_there(void **state)
{
    (void)state;
    stream_t s = {0};
    for (uint32_t i = 0; i < 10; i++)
        assert_true(i == 3 || i == 7 || stream_take(&s, i));
    static const uint64_t missing[] = {0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 3, 4};
    for (uint64_t expected = 0; expected < sizeof missing / sizeof *missing; expected++)
        assert_int_equal(stream_missing(&s, expected), missing[expected]);
    assert_int_equal(stream_missing(&s, 1000), 2 + 990);
    assert_int_equal(stream_end(&s), 10);
    stream_deinit(&s);
}

static void the_end_is_above_the_highest_across_gaps(void **state)
{
    (void)state;
    stream_t s = {0};
    assert_true(stream_take(&s, 5));
    assert_int_equal(stream_end(&s), 6);
    assert_true(stream_take(&s, 300));
    assert_int_equal(stream_end(&s), 301);
    assert_true(stream_take(&s, 100));
    assert_int_equal(stream_end(&s), 301);
    stream_deinit(&s);
}

/* ---- far ahead ---- */

static void the_farthest_that_may_come_ahead_gives_nothing_up(void **state)
{
    (void)state;
    stream_t s = {0};
    assert_true(stream_take(&s, AHEAD - 1));
    assert_int_equal(s.lost, 0);
    assert_int_equal(stream_missing(&s, AHEAD), AHEAD - 1);
    assert_true(stream_take(&s, 0));
    assert_int_equal(stream_missing(&s, AHEAD), AHEAD - 2);
    stream_deinit(&s);
}

static void one_too_far_ahead_gives_up_what_is_missing(void **state)
{
    (void)state;
    stream_t s = {0};
    assert_true(stream_take(&s, 1) && stream_take(&s, 2));
    assert_true(stream_take(&s, AHEAD));
    assert_int_equal(s.lost, 1); /* number 0; 1 and 2 had come */
    assert_int_equal(s.next, 3);
    assert_false(stream_take(&s, 0));
    assert_false(stream_take(&s, 1));
    assert_true(stream_take(&s, 3));
    assert_int_equal(stream_missing(&s, AHEAD + 1), 1 + (AHEAD - 4));
    assert_int_equal(stream_end(&s), AHEAD + 1);
    stream_deinit(&s);
}

static void a_jump_over_everything_gives_up_all_but_the_last(void **state)
{
    (void)state;
    stream_t s = {0};
    assert_true(stream_take(&s, 0) && stream_take(&s, 4));
    assert_true(stream_take(&s, 5 * AHEAD));
    assert_int_equal(s.next, 4 * AHEAD + 1);
    assert_int_equal(s.lost, 4 * AHEAD + 1 - 2);
    assert_int_equal(stream_missing(&s, 5 * AHEAD + 1), 5 * AHEAD + 1 - 3);
    assert_false(stream_take(&s, 5 * AHEAD));
    assert_true(stream_take(&s, 4 * AHEAD + 1));
    stream_deinit(&s);
}

/* ---- at random ---- */

/* All numbers in an order in which none is more than `apart` places from its own, some left out, some twice. */
static void random_order(uint64_t seed, uint32_t count, uint32_t apart)
{
    sim_random_t random = sim_random(seed);
    model_t m = model_new(count);
    uint32_t *order = mem_alloc(count * sizeof *order);
    for (uint32_t i = 0; i < count; i++)
        order[i] = i;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t most = count - i < apart ? count - i : apart;
        uint32_t other = i + (uint32_t)sim_random_below(&random, most), kept = order[i];
        order[i] = order[other];
        order[other] = kept;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (!sim_random_once_in(&random, 20))
            take(&m, order[i]);
        if (sim_random_once_in(&random, 10))
            take(&m, order[sim_random_below(&random, i + 1)]);
        if (sim_random_once_in(&random, 50))
            assert_agrees(&m, sim_random_below(&random, count + 10));
    }
    assert_agrees(&m, count);
    mem_free(order);
    model_free(&m);
}

static void random_orders_agree_with_a_plain_model(void **state)
{
    (void)state;
    static const uint32_t apart[] = {1, 2, 10, 63, 64, 65, 1000, 3000};
    for (uint64_t seed = 1; seed <= 10; seed++)
        for (size_t i = 0; i < sizeof apart / sizeof *apart; i++)
            random_order(seed, 3000, apart[i]);
}

static void random_jumps_farther_than_allowed_agree_with_a_plain_model(void **state)
{
    (void)state;
    sim_random_t random = sim_random(3);
    model_t m = model_new(4 * AHEAD);
    for (uint32_t base = 0; base < 2 * AHEAD; base += (uint32_t)sim_random_below(&random, 300)) {
        uint32_t far = sim_random_once_in(&random, 100) ? 2 * AHEAD : 200;
        take(&m, base + (uint32_t)sim_random_below(&random, far));
        if (sim_random_once_in(&random, 1000))
            assert_agrees(&m, m.end);
    }
    assert_true(m.floor > 0);
    assert_agrees(&m, m.end);
    assert_agrees(&m, m.numbers);
    model_free(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_comes_in_order_needs_no_memory),
        cmocka_unit_test(a_gap_is_missing_until_it_closes),
        cmocka_unit_test(what_came_before_is_told_behind_and_ahead_of_a_gap),
        cmocka_unit_test(expecting_less_or_more_than_what_came_counts_up_to_there),
        cmocka_unit_test(the_end_is_above_the_highest_across_gaps),
        cmocka_unit_test(the_farthest_that_may_come_ahead_gives_nothing_up),
        cmocka_unit_test(one_too_far_ahead_gives_up_what_is_missing),
        cmocka_unit_test(a_jump_over_everything_gives_up_all_but_the_last),
        cmocka_unit_test(random_orders_agree_with_a_plain_model),
        cmocka_unit_test(random_jumps_farther_than_allowed_agree_with_a_plain_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
