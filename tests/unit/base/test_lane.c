/* SPDX-License-Identifier: Apache-2.0
 *
 * The lane: it takes everything, keeps the order, and says when the other side must be woken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <sched.h>
#include <stdbool.h>

#include "base/lane.h"

/* Takes the next item, which must be there. */
static int take(lane_t *l)
{
    const int *item = lane_peek(l);
    assert_non_null(item);
    int v = *item;
    lane_pop(l);
    return v;
}

static void a_push_is_taken_also_when_the_ring_is_full(void **state)
{
    (void)state;
    lane_t *l = lane_new(2, sizeof(int));
    assert_int_equal(lane_room(l), 2);
    for (int i = 0; i < 100; i++)
        lane_push(l, &i);
    assert_int_equal(lane_overflow(l), 98);
    assert_int_equal(lane_room(l), 0);
    lane_free(&l); /* with items in it */
    assert_null(l);
    lane_free(&l);
}

static int discarded;

static void note_discarded(const void *item)
{
    assert_int_equal(*(const int *)item, discarded);
    discarded++;
}

static void what_nobody_took_is_discarded_in_order_with_the_overflow(void **state)
{
    (void)state;
    discarded = 1;
    lane_t *l = lane_new(2, sizeof(int));
    for (int i = 0; i < 10; i++)
        lane_push(l, &i);
    (void)lane_flush(l);
    assert_int_equal(take(l), 0);
    lane_discard(&l, note_discarded);
    assert_int_equal(discarded, 10);
    assert_null(l);
    lane_discard(&l, note_discarded);
    assert_int_equal(discarded, 10);
}

static void what_overflowed_comes_behind_what_was_there_and_before_what_follows(void **state)
{
    (void)state;
    lane_t *l = lane_new(4, sizeof(int));
    int pushed = 0, taken = 0;
    for (int round = 0; round < 300; round++) {
        for (int i = 0; i < (round < 150 ? 7 : 1); i++, pushed++) /* more than the ring, then less */
            lane_push(l, &pushed);
        (void)lane_flush(l);
        while (!lane_empty(l))
            assert_int_equal(take(l), taken++);
        (void)lane_release(l);
    }
    while (taken < pushed) {
        (void)lane_flush(l);
        while (!lane_empty(l))
            assert_int_equal(take(l), taken++);
        (void)lane_release(l);
    }
    assert_int_equal(lane_overflow(l), 0);
    assert_int_equal(lane_room(l), 4);
    lane_free(&l);
}

static void there_is_no_room_until_the_overflow_has_moved_on(void **state)
{
    (void)state;
    lane_t *l = lane_new(2, sizeof(int));
    for (int i = 0; i < 3; i++)
        lane_push(l, &i);
    assert_true(lane_flush(l));
    assert_int_equal(take(l), 0);
    assert_int_equal(take(l), 1);
    assert_true(lane_release(l));
    assert_int_equal(lane_room(l), 0);
    assert_true(lane_flush(l));
    assert_int_equal(lane_room(l), 1);
    assert_int_equal(take(l), 2);
    lane_free(&l);
}

static void flush_tells_once_that_items_came(void **state)
{
    (void)state;
    lane_t *l = lane_new(2, sizeof(int));
    assert_false(lane_flush(l));
    lane_push(l, &(int){1});
    assert_true(lane_empty(l));
    assert_true(lane_flush(l));
    assert_false(lane_flush(l));
    lane_push(l, &(int){2});
    lane_push(l, &(int){3});
    assert_true(lane_flush(l));
    assert_false(lane_flush(l)); /* 3 waits, and nothing new became visible */
    assert_int_equal(lane_overflow(l), 1);
    assert_int_equal(take(l), 1);
    assert_true(lane_release(l));
    assert_true(lane_flush(l));
    lane_free(&l);
}

static void release_tells_once_that_room_came(void **state)
{
    (void)state;
    lane_t *l = lane_new(2, sizeof(int));
    assert_false(lane_release(l));
    lane_push(l, &(int){1});
    (void)lane_flush(l);
    assert_int_equal(take(l), 1);
    assert_true(lane_release(l));
    assert_false(lane_release(l));
    lane_free(&l);
}

/* ---- two threads ---- */

#define ITEMS 100000u

/* Pushes more than there is room for, again and again. */
static void *produce(void *argument)
{
    lane_t *l = argument;
    for (uint64_t n = 0; n < ITEMS || lane_overflow(l) > 0;) {
        for (int burst = 0; burst < 37 && n < ITEMS && lane_overflow(l) < 1000; burst++, n++)
            lane_push(l, &n);
        if (!lane_flush(l))
            sched_yield();
    }
    return NULL;
}

static void every_item_crosses_once_and_in_order_through_the_overflow_too(void **state)
{
    (void)state;
    for (size_t capacity = 2; capacity <= 32; capacity *= 4) {
        lane_t *l = lane_new(capacity, sizeof(uint64_t));
        pthread_t producer;
        assert_int_equal(pthread_create(&producer, NULL, produce, l), 0);
        uint64_t wrong = 0;
        for (uint64_t n = 0; n < ITEMS;) {
            const uint64_t *item = lane_peek(l);
            if (!item) {
                (void)lane_release(l);
                sched_yield();
                continue;
            }
            wrong += *item != n++;
            lane_pop(l);
        }
        assert_int_equal(pthread_join(producer, NULL), 0);
        assert_int_equal(wrong, 0);
        assert_true(lane_empty(l));
        lane_free(&l);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_push_is_taken_also_when_the_ring_is_full),
        cmocka_unit_test(what_nobody_took_is_discarded_in_order_with_the_overflow),
        cmocka_unit_test(what_overflowed_comes_behind_what_was_there_and_before_what_follows),
        cmocka_unit_test(there_is_no_room_until_the_overflow_has_moved_on),
        cmocka_unit_test(flush_tells_once_that_items_came),
        cmocka_unit_test(release_tells_once_that_room_came),
        cmocka_unit_test(every_item_crosses_once_and_in_order_through_the_overflow_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
