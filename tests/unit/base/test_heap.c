/* SPDX-License-Identifier: Apache-2.0
 *
 * Timers: against a plain model that looks through all of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>
#include <stdlib.h>

#include "base/heap.h"

static void timers_come_in_the_order_of_their_deadlines(void **state)
{
    (void)state;
    timer_heap_t h;
    heap_init(&h);
    heap_timer_t timers[5] = {0};
    static const uint64_t deadlines[5] = {50, 10, 40, 20, 30};
    assert_null(heap_first(&h));
    for (int i = 0; i < 5; i++)
        heap_set(&h, &timers[i], deadlines[i]);
    assert_ptr_equal(heap_first(&h), &timers[1]);
    assert_null(heap_pop_due(&h, 9));
    static const int order[5] = {1, 3, 4, 2, 0};
    for (int i = 0; i < 5; i++) {
        assert_null(heap_pop_due(&h, (uint64_t)(i + 1) * 10 - 1));
        assert_ptr_equal(heap_pop_due(&h, (uint64_t)(i + 1) * 10), &timers[order[i]]);
        assert_int_equal(timers[order[i]].place, 0);
    }
    assert_null(heap_pop_due(&h, UINT64_MAX));
    heap_deinit(&h);
}

static void cancelling_what_is_not_set_is_harmless(void **state)
{
    (void)state;
    timer_heap_t h;
    heap_init(&h);
    heap_timer_t t = {0};
    heap_cancel(&h, &t);
    heap_set(&h, &t, 5);
    heap_cancel(&h, &t);
    heap_cancel(&h, &t);
    assert_null(heap_first(&h));
    heap_deinit(&h);
}

static void setting_again_moves_a_timer(void **state)
{
    (void)state;
    timer_heap_t h;
    heap_init(&h);
    heap_timer_t a = {0}, b = {0};
    heap_set(&h, &a, 10);
    heap_set(&h, &b, 20);
    heap_set(&h, &a, 30);
    assert_ptr_equal(heap_first(&h), &b);
    heap_set(&h, &a, 5);
    assert_ptr_equal(heap_first(&h), &a);
    assert_int_equal(h.count, 2);
    heap_deinit(&h);
}

#define TIMERS 500

/* The earliest deadline of those that are set, or UINT64_MAX. */
static uint64_t model_first(const bool *set, const heap_timer_t *timers)
{
    uint64_t first = UINT64_MAX;
    for (int i = 0; i < TIMERS; i++)
        if (set[i] && timers[i].deadline_ms < first)
            first = timers[i].deadline_ms;
    return first;
}

static void random_changes_agree_with_a_plain_model(void **state)
{
    (void)state;
    timer_heap_t h;
    heap_init(&h);
    static heap_timer_t timers[TIMERS];
    static bool set[TIMERS];
    uint32_t random = 99;
    size_t count = 0;
    uint64_t now = 0;
    for (int step = 0; step < 50000; step++) {
        random = random * 1664525u + 1013904223u;
        uint32_t i = (random >> 8) % TIMERS;
        switch (random >> 29) {
        case 0:
        case 1:
        case 2:
        case 3:
            count += !set[i];
            set[i] = true;
            heap_set(&h, &timers[i], now + (random >> 3) % 1000);
            break;
        case 4:
        case 5:
            count -= set[i];
            set[i] = false;
            heap_cancel(&h, &timers[i]);
            break;
        default:
            now += random % 8;
            for (heap_timer_t *t; (t = heap_pop_due(&h, now)) != NULL; count--) {
                assert_true(set[t - timers]);
                assert_true(t->deadline_ms <= now && t->deadline_ms == model_first(set, timers));
                set[t - timers] = false;
            }
            assert_true(model_first(set, timers) > now);
        }
        assert_int_equal(h.count, count);
        assert_true((heap_first(&h) ? heap_first(&h)->deadline_ms : UINT64_MAX) == model_first(set, timers));
    }
    heap_deinit(&h);
}

static void a_heap_that_was_large_gives_memory_back(void **state)
{
    (void)state;
    enum { MANY = 10000 };
    timer_heap_t h;
    heap_init(&h);
    heap_timer_t *timers = calloc(MANY, sizeof *timers);
    assert_non_null(timers);
    for (uint64_t i = 0; i < MANY; i++)
        heap_set(&h, &timers[i], i * 7919 % MANY);
    uint64_t last = 0;
    for (int i = 0; i < MANY - 1; i++) {
        heap_timer_t *t = heap_pop_due(&h, MANY);
        assert_true(t->deadline_ms >= last);
        last = t->deadline_ms;
    }
    assert_true(h.capacity <= 16);
    heap_deinit(&h);
    free(timers);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(timers_come_in_the_order_of_their_deadlines),
        cmocka_unit_test(cancelling_what_is_not_set_is_harmless),
        cmocka_unit_test(setting_again_moves_a_timer),
        cmocka_unit_test(random_changes_agree_with_a_plain_model),
        cmocka_unit_test(a_heap_that_was_large_gives_memory_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
