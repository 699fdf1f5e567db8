/* SPDX-License-Identifier: Apache-2.0
 *
 * The ring: what each side sees when, and order between two threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <sched.h>
#include <stdbool.h>

#include "base/ring.h"

static void capacity_is_a_power_of_two_and_at_least_two(void **state)
{
    (void)state;
    static const size_t asked[] = {0, 1, 2, 3, 4, 5, 1000}, got[] = {2, 2, 2, 4, 4, 8, 1024};
    for (size_t i = 0; i < 7; i++) {
        ring_t *r = ring_new(asked[i], 3);
        assert_int_equal(ring_capacity(r), got[i]);
        assert_int_equal(ring_room(r), got[i]);
        ring_free(&r);
        assert_null(r);
    }
    ring_t *none = NULL;
    ring_free(&none);
}

static void items_are_seen_only_after_publish(void **state)
{
    (void)state;
    ring_t *r = ring_new(4, sizeof(int));
    assert_true(ring_push(r, &(int){1}));
    assert_null(ring_peek(r));
    ring_publish(r);
    assert_int_equal(*(const int *)ring_peek(r), 1);
    assert_int_equal(*(const int *)ring_peek(r), 1);
    ring_pop(r);
    assert_null(ring_peek(r));
    ring_free(&r);
}

static void room_comes_back_only_after_release(void **state)
{
    (void)state;
    ring_t *r = ring_new(2, sizeof(int));
    assert_true(ring_push(r, &(int){1}));
    assert_true(ring_push(r, &(int){2}));
    assert_false(ring_push(r, &(int){3}));
    assert_int_equal(ring_room(r), 0);
    ring_publish(r);
    assert_non_null(ring_peek(r));
    ring_pop(r);
    assert_int_equal(ring_room(r), 0);
    ring_release(r);
    assert_int_equal(ring_room(r), 1);
    assert_true(ring_push(r, &(int){3}));
    assert_false(ring_push(r, &(int){4}));
    ring_free(&r);
}

static void a_producer_that_waits_for_more_room_sees_it_come(void **state)
{
    (void)state;
    ring_t *r = ring_new(4, sizeof(int));
    for (int i = 0; i < 3; i++)
        assert_true(ring_push(r, &i));
    ring_publish(r);
    assert_int_equal(ring_room(r), 1); /* too little for who wants two */
    assert_non_null(ring_peek(r));
    ring_pop(r);
    ring_release(r);
    assert_int_equal(ring_room(r), 2);
    ring_free(&r);
}

/* ---- two threads ---- */

typedef struct item {
    uint64_t number;
    uint64_t check;
    uint8_t rest[9];
} item_t;

#define ITEMS 100000

static void *produce(void *argument)
{
    ring_t *r = argument;
    for (uint64_t n = 0; n < ITEMS;) {
        size_t room = ring_room(r);
        for (; room > 0 && n < ITEMS; room--, n++)
            if (!ring_push(r, &(item_t){.number = n, .check = ~n, .rest = {[8] = (uint8_t)n}}))
                return "no room where room was told";
        ring_publish(r);
        if (room == 0)
            sched_yield();
    }
    return NULL;
}

static void every_item_crosses_once_and_in_order(void **state)
{
    (void)state;
    for (size_t capacity = 2; capacity <= 512; capacity *= 16) {
        ring_t *r = ring_new(capacity, sizeof(item_t));
        pthread_t producer;
        assert_int_equal(pthread_create(&producer, NULL, produce, r), 0);
        uint64_t wrong = 0;
        for (uint64_t n = 0; n < ITEMS;) {
            const item_t *item = ring_peek(r);
            if (!item) {
                ring_release(r);
                sched_yield();
                continue;
            }
            wrong += item->number != n || item->check != ~n || item->rest[8] != (uint8_t)n;
            ring_pop(r);
            n++;
        }
        ring_release(r);
        void *result;
        assert_int_equal(pthread_join(producer, &result), 0);
        assert_null(result);
        assert_int_equal(wrong, 0);
        assert_null(ring_peek(r));
        assert_int_equal(ring_room(r), ring_capacity(r));
        ring_free(&r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(capacity_is_a_power_of_two_and_at_least_two),
        cmocka_unit_test(items_are_seen_only_after_publish),
        cmocka_unit_test(room_comes_back_only_after_release),
        cmocka_unit_test(a_producer_that_waits_for_more_room_sees_it_come),
        cmocka_unit_test(every_item_crosses_once_and_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
