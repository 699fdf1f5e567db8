/* SPDX-License-Identifier: Apache-2.0
 *
 * test_live.c: how far the log is still needed, beside a plain model: a count for each range of numbers. */
#include "engine/durable/live.h"

#include "engine/fixture.h"

#define RANGES 400

typedef struct model {
    live_t live;
    uint64_t counts[RANGES];
} model_t;

static void add(model_t *m, record_no record, uint32_t count)
{
    live_add(&m->live, record, count);
    m->counts[record / LIVE_RANGE_RECORDS] += count;
}

static void drop(model_t *m, record_no record)
{
    live_drop(&m->live, record);
    m->counts[record / LIVE_RANGE_RECORDS]--;
}

static void check(const model_t *m, record_no next)
{
    uint64_t range = 0;
    while (range < RANGES && m->counts[range] == 0)
        range++;
    record_no wanted = range < RANGES ? range * LIVE_RANGE_RECORDS : next;
    assert_int_equal(live_lowest(&m->live, next), wanted);
}

static void with_nothing_referred_to_all_before_the_next_may_go(void **state)
{
    (void)state;
    model_t m = {0};
    check(&m, 1);
    check(&m, 5000);
    add(&m, 5000, 1);
    check(&m, 5001);
    drop(&m, 5000);
    check(&m, 5001);
    live_deinit(&m.live);
}

static void the_lowest_range_with_a_reference_bounds_what_may_go(void **state)
{
    (void)state;
    model_t m = {0};
    add(&m, 3 * LIVE_RANGE_RECORDS + 7, 2);
    add(&m, 9 * LIVE_RANGE_RECORDS, 1);
    assert_int_equal(live_lowest(&m.live, 99999), 3 * LIVE_RANGE_RECORDS);
    drop(&m, 3 * LIVE_RANGE_RECORDS + 8); /* any of the range: they are counted together */
    check(&m, 99999);
    drop(&m, 3 * LIVE_RANGE_RECORDS + 7);
    assert_int_equal(live_lowest(&m.live, 99999), 9 * LIVE_RANGE_RECORDS);
    live_deinit(&m.live);
}

static void a_reference_below_all_others_is_the_lowest(void **state)
{
    (void)state;
    model_t m = {0};
    add(&m, 300 * LIVE_RANGE_RECORDS, 1);
    add(&m, 2 * LIVE_RANGE_RECORDS, 1);
    check(&m, 0);
    add(&m, 100, 1);
    check(&m, 0);
    drop(&m, 100);
    check(&m, 0);
    drop(&m, 2 * LIVE_RANGE_RECORDS);
    assert_int_equal(live_lowest(&m.live, 0), 300 * LIVE_RANGE_RECORDS);
    live_deinit(&m.live);
}

static uint64_t some_range(const model_t *m, uint64_t *seed)
{
    uint64_t range = chance(seed, RANGES);
    for (uint64_t i = 0; i < RANGES; i++, range = (range + 1) % RANGES)
        if (m->counts[range] > 0)
            return range;
    return RANGES;
}

static void behaves_as_an_array_of_counts_whatever_happens(void **state)
{
    (void)state;
    for (uint64_t run = 1; run <= 50; run++) {
        uint64_t seed = run * 0x9e3779b97f4a7c15u;
        model_t m = {0};
        for (int n = 0; n < 2000; n++) {
            uint64_t range = some_range(&m, &seed);
            bool adds = chance(&seed, 100) < (n % 400 < 200 ? 65 : 35);
            if (adds)
                add(&m,
                    (uint64_t)chance(&seed, RANGES) * LIVE_RANGE_RECORDS + chance(&seed, LIVE_RANGE_RECORDS),
                    1 + chance(&seed, 3));
            else if (range < RANGES)
                drop(&m, range * LIVE_RANGE_RECORDS + chance(&seed, LIVE_RANGE_RECORDS));
            check(&m, RANGES * LIVE_RANGE_RECORDS);
        }
        live_deinit(&m.live);
    }
}

static void a_long_life_with_few_references_takes_little_memory(void **state)
{
    (void)state;
    live_t live = {0};
    for (record_no n = 1; n < 3000000; n += 100) {
        live_add(&live, n, 1);
        if (n > 5000)
            live_drop(&live, n - 5000);
    }
    assert_true(live.capacity <= 16);
    live_deinit(&live);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(with_nothing_referred_to_all_before_the_next_may_go),
        cmocka_unit_test(the_lowest_range_with_a_reference_bounds_what_may_go),
        cmocka_unit_test(a_reference_below_all_others_is_the_lowest),
        cmocka_unit_test(behaves_as_an_array_of_counts_whatever_happens),
        cmocka_unit_test(a_long_life_with_few_references_takes_little_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
