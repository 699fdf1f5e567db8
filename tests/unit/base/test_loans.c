/* SPDX-License-Identifier: Apache-2.0
 *
 * Loans go back by how much of the output was sent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/loans.h"

/* A message of so many octets is written. */
static void put(loans_t *l, uint64_t *at, uint64_t bytes)
{
    l->taken++;
    l->tag++;
    l->delivered_bytes += bytes;
    loans_mark(l, *at, *at + bytes);
    *at += bytes;
}

static void each_goes_back_with_its_last_octet(void **state)
{
    (void)state;
    loans_t l = {0};
    uint64_t at = 0;
    for (int i = 0; i < 20; i++)
        put(&l, &at, 10);
    assert_int_equal(loans_sent(&l, 9), 0);
    assert_int_equal(loans_sent(&l, 10), 1);
    assert_int_equal(loans_sent(&l, 19), 0);
    assert_int_equal(loans_sent(&l, 55), 5);
    assert_int_equal(l.tag_back, 5);
    assert_int_equal(l.delivered_back, 50);
    assert_int_equal(loans_sent(&l, 200), 20);
    assert_int_equal(loans_sent(&l, 200), 0);
    assert_int_equal(l.delivered_back, l.delivered_bytes);
    loans_free(&l);
}

static void a_mark_covers_a_stretch(void **state)
{
    (void)state;
    loans_t l = {.step_bytes = 100};
    uint64_t at = 0;
    for (int i = 0; i < 15; i++)
        put(&l, &at, 10);
    assert_int_equal(l.count, 2);
    assert_int_equal(loans_sent(&l, 99), 0); /* later than possible */
    assert_int_equal(loans_sent(&l, 100), 10);
    assert_int_equal(loans_sent(&l, 150), 15);
    assert_int_equal(l.count, 0);
    loans_free(&l);
}

static void the_ring_goes_round(void **state)
{
    (void)state;
    loans_t l = {0};
    uint64_t at = 0;
    for (uint64_t i = 1; i <= 1000; i++) {
        put(&l, &at, 3);
        if (i > 3)
            assert_int_equal(loans_sent(&l, at - 9), i - 3);
    }
    assert_true(l.capacity <= 8);
    loans_free(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_goes_back_with_its_last_octet),
        cmocka_unit_test(a_mark_covers_a_stretch),
        cmocka_unit_test(the_ring_goes_round),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
