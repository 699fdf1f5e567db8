/* SPDX-License-Identifier: Apache-2.0
 *
 * The log: what was appended is there when it is opened again, in order and to the octet. */
#include "store/log_fixture.h"

static void what_was_appended_comes_back_when_it_is_opened(void **state)
{
    (void)state;
    fixture_t *f = fixture_new(1);
    open_well(f);
    assert_int_equal(f->found.last, 0);
    put_batch(f, 1, 0);
    put_batch(f, 10, 100);
    put_batch(f, 3, 700);
    settle_well(f);
    close_store(f);

    open_well(f);
    check_all_seen(f, 14);
    assert_int_equal(f->found.cut_bytes, 0);
    assert_int_equal(f->found.resynced_records, 0);
    fixture_free(f);
}

static void a_log_that_was_opened_many_times_goes_on(void **state)
{
    (void)state;
    fixture_t *f = fixture_new(2);
    for (uint32_t i = 0; i < 30; i++) {
        record_no last = f->next - 1;
        open_well(f);
        check_all_seen(f, last);
        for (uint32_t k = 0; k < i % 4; k++)
            put_batch(f, 1 + k, 50 * i);
        settle_well(f);
        close_store(f);
    }
    fixture_free(f);
}

static void many_batches_cross_segments(void **state)
{
    (void)state;
    fixture_t *f = fixture_new(3);
    open_well(f);
    for (uint32_t i = 0; i < 300; i++) {
        put_batch(f, 1 + i % 9, i * 13 % 1500);
        if (i % 5 == 0)
            settle_well(f);
    }
    settle_well(f);
    store_counts_t counts;
    store_count(f->store, &counts);
    assert_true(counts.segments > 10);
    assert_int_equal(counts.records, f->next - 1);
    close_store(f);
    record_no last = f->next - 1;
    open_well(f);
    check_all_seen(f, last);
    fixture_free(f);
}

static void a_group_may_be_larger_than_a_segment(void **state)
{
    (void)state;
    fixture_t *f = fixture_new(4);
    open_well(f);
    put_batch(f, 2, 100);
    put_batch(f, 100, 1000); /* also records that alone are longer than a frame */
    put_batch(f, 1, 40000);
    put_batch(f, 5, 20000);
    put_batch(f, 2, 100);
    settle_well(f);
    close_store(f);
    record_no last = f->next - 1;
    open_well(f);
    check_all_seen(f, last);
    fixture_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_appended_comes_back_when_it_is_opened),
        cmocka_unit_test(a_log_that_was_opened_many_times_goes_on),
        cmocka_unit_test(many_batches_cross_segments),
        cmocka_unit_test(a_group_may_be_larger_than_a_segment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
