/* SPDX-License-Identifier: Apache-2.0
 *
 * The histogram: beside a sorted array of the same values. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "base/alloc.h"
#include "perf/histogram.h"
#include "sim/sim_random.h"

#define VALUES 5000

static const double shares[] = {0, 0.0001, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 0.999, 0.9999, 1};

#define SHARES (sizeof shares / sizeof *shares)

static int by_size(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

/* The smallest of the sorted values that so large a share does not exceed. */
static uint64_t exact_at(const uint64_t *sorted, size_t count, double share)
{
    size_t rank = 1;
    while (rank < count && (double)rank < share * (double)count)
        rank++;
    return sorted[rank - 1];
}

/* A step's upper end is what is told: never below the value, and at most a 64th above. */
static void assert_near(uint64_t got, uint64_t exact)
{
    assert_true(got >= exact);
    assert_true(got - exact <= exact / 64);
}

static void assert_agrees(const histogram_t *h, uint64_t *values, size_t count)
{
    qsort(values, count, sizeof *values, by_size);
    assert_int_equal(h->total, count);
    assert_true(h->most == values[count - 1]);
    for (size_t i = 0; i < SHARES; i++)
        assert_near(histogram_at(h, shares[i]), exact_at(values, count, shares[i]));
}

/* All magnitudes alike. */
static uint64_t some_value(sim_random_t *random)
{
    return sim_random_next(random) >> sim_random_below(random, 64);
}

static void an_empty_histogram_says_0(void **state)
{
    (void)state;
    histogram_t *h = MEM_NEW(histogram_t);
    for (size_t i = 0; i < SHARES; i++)
        assert_int_equal(histogram_at(h, shares[i]), 0);
    mem_free(h);
}

static void small_values_are_exact(void **state)
{
    (void)state;
    for (uint64_t v = 0; v < 128; v++) {
        histogram_t *h = MEM_NEW(histogram_t);
        histogram_add(h, v);
        histogram_add(h, UINT64_MAX); /* so that it is not the greatest value that answers */
        assert_int_equal(histogram_at(h, 0.5), v);
        mem_free(h);
    }
}

static void around_each_power_of_two_a_value_is_at_most_a_64th_off(void **state)
{
    (void)state;
    for (unsigned bit = 7; bit < 64; bit++) {
        for (uint64_t v = ((uint64_t)1 << bit) - 2; v < ((uint64_t)1 << bit) + 3; v++) {
            histogram_t *h = MEM_NEW(histogram_t);
            histogram_add(h, v);
            histogram_add(h, UINT64_MAX);
            assert_near(histogram_at(h, 0.5), v);
            mem_free(h);
        }
    }
}

static void the_greatest_value_is_never_exceeded(void **state)
{
    (void)state;
    histogram_t *h = MEM_NEW(histogram_t);
    histogram_add(h, 1000001); /* inside its step */
    for (size_t i = 0; i < SHARES; i++)
        assert_int_equal(histogram_at(h, shares[i]), 1000001);
    histogram_add(h, UINT64_MAX);
    assert_true(histogram_at(h, 1) == UINT64_MAX && h->most == UINT64_MAX);
    assert_near(histogram_at(h, 0.5), 1000001);
    mem_free(h);
}

static void a_share_is_never_less_than_was_asked_for(void **state)
{
    (void)state;
    histogram_t *h = MEM_NEW(histogram_t);
    for (uint64_t v = 1; v <= 16; v++)
        histogram_add(h, v);
    assert_int_equal(histogram_at(h, 0.5), 8);
    assert_int_equal(histogram_at(h, 0.9), 15); /* 14 of 16 would be 87.5 % */
    assert_int_equal(histogram_at(h, 0.95), 16);
    mem_free(h);
}

static void percentiles_agree_with_a_sorted_array(void **state)
{
    (void)state;
    uint64_t *values = mem_alloc(VALUES * sizeof *values);
    for (uint64_t seed = 1; seed <= 20; seed++) {
        sim_random_t random = sim_random(seed);
        histogram_t *h = MEM_NEW(histogram_t);
        size_t count = 1 + (size_t)sim_random_below(&random, VALUES);
        for (size_t i = 0; i < count; i++)
            histogram_add(h, values[i] = some_value(&random));
        assert_agrees(h, values, count);
        mem_free(h);
    }
    mem_free(values);
}

static void merged_histograms_are_one_of_all_values(void **state)
{
    (void)state;
    enum { PARTS = 5 };
    uint64_t *values = mem_alloc(VALUES * sizeof *values);
    sim_random_t random = sim_random(7);
    histogram_t *all = MEM_NEW(histogram_t), *parts = mem_zero(PARTS * sizeof *parts);
    for (size_t i = 0; i < VALUES; i++)
        histogram_add(&parts[1 + i % (PARTS - 1)], values[i] = some_value(&random));
    for (size_t i = 0; i < PARTS; i++) /* the first is empty, and so is what it is merged into */
        histogram_merge(all, &parts[i]);
    assert_agrees(all, values, VALUES);
    mem_free(all), mem_free(parts), mem_free(values);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_histogram_says_0),
        cmocka_unit_test(small_values_are_exact),
        cmocka_unit_test(around_each_power_of_two_a_value_is_at_most_a_64th_off),
        cmocka_unit_test(the_greatest_value_is_never_exceeded),
        cmocka_unit_test(a_share_is_never_less_than_was_asked_for),
        cmocka_unit_test(percentiles_agree_with_a_sorted_array),
        cmocka_unit_test(merged_histograms_are_one_of_all_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
