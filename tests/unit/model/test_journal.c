/* SPDX-License-Identifier: Apache-2.0
 *
 * The journal: batches and requests on their way, and what becomes of them when both sides are gone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "model/journal.h"

static message_t *some_message(void)
{
    return message_new(BYTES("x"), BYTES("k"), BYTES("\0\0"), 0);
}

static void a_batch_counts_its_content(void **state)
{
    (void)state;
    message_t *m = some_message();
    batch_t *b = batch_new(41);
    for (uint64_t i = 1; i <= 100; i++) {
        batch_add_content(b, BYTES("0123456789"), m);
        b->count++;
        assert_int_equal(b->content_count, i);
        assert_int_equal(b->content_bytes, 10 * i);
    }
    assert_int_equal(batch_last(b), 140);
    assert_ptr_equal(b->contents[99].message, m);
    assert_true(bytes_equal(b->contents[0].octets, BYTES("0123456789")));
    batch_free(b);
    batch_free(NULL);
    message_free(m); /* is not the batch's */
}

static batch_t *some_batch(record_no first)
{
    batch_t *b = batch_new(first);
    record_write(&b->records, &(record_t){.type = RECORD_STATED, .message = first});
    b->count = 1;
    return b;
}

static void batches_go_round_in_order(void **state)
{
    (void)state;
    journal_t j;
    journal_init(&j, 2);
    for (record_no n = 1; n <= 20; n++) { /* far more than the ring has places */
        batch_t *b = some_batch(n);
        lane_push(j.batches, &b);
    }
    record_no next = 1;
    while (lane_overflow(j.batches) > 0 || !lane_empty(j.batches)) {
        (void)lane_flush(j.batches);
        for (batch_t *const *item; (item = lane_peek(j.batches)) != NULL; lane_pop(j.batches)) {
            assert_int_equal((*item)->first, next++);
            lane_push(j.done, item);
        }
        (void)lane_release(j.batches);
    }
    assert_int_equal(next, 21);
    journal_deinit(&j); /* frees those that are done */
}

static read_request_t *some_request(bool filled)
{
    read_request_t *r = mem_zero(sizeof *r + 2 * sizeof(read_item_t));
    r->count = 2;
    r->items[0].record = 1;
    r->items[1].record = 2;
    if (filled) {
        r->items[0].message = some_message();
        r->items[1].outcome = READ_DAMAGED;
    }
    return r;
}

static void what_is_left_in_the_lanes_is_freed_with_the_messages_that_were_read(void **state)
{
    (void)state;
    journal_t j;
    journal_init(&j, 2);
    for (record_no n = 1; n <= 7; n++) {
        batch_t *given = some_batch(n), *done = some_batch(n);
        read_request_t *asked = some_request(false), *read = some_request(true);
        lane_push(j.batches, &given);
        lane_push(j.done, &done);
        lane_push(j.reads, &asked);
        lane_push(j.read, &read);
    }
    journal_deinit(&j); /* the address sanitizer sees what stays */
    assert_null(j.batches);
    assert_null(j.read);
    journal_deinit(&j);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_batch_counts_its_content),
        cmocka_unit_test(batches_go_round_in_order),
        cmocka_unit_test(what_is_left_in_the_lanes_is_freed_with_the_messages_that_were_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
