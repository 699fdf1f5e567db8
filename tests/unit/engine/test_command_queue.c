/* SPDX-License-Identifier: Apache-2.0
 *
 * test_command_queue.c: commands that wait, in order. */
#include "engine/engine_internal.h"

#include "engine/fixture.h"

static void push_number(command_queue_t *q, uint64_t number)
{
    command_queue_push(q, &(command_t){.type = COMMAND_ACK, .number = number});
}

static void commands_leave_in_the_order_they_came(void **state)
{
    (void)state;
    command_queue_t q = {0};
    uint64_t seed = 77, in = 0, out = 0;
    command_t c;
    for (int n = 0; n < 5000; n++) {
        if (chance(&seed, 100) < 52) {
            push_number(&q, in++);
            continue;
        }
        const command_t *first = command_queue_first(&q);
        assert_int_equal(first != NULL, out < in);
        if (first)
            assert_int_equal(first->number, out);
        assert_int_equal(command_queue_pop(&q, &c), out < in);
        if (out < in)
            assert_int_equal(c.number, out++);
        assert_int_equal(q.length, in - out);
    }
    command_queue_deinit(&q);
}

static void an_empty_one_holds_no_memory(void **state)
{
    (void)state;
    command_queue_t q = {0};
    command_t c;
    assert_null(command_queue_first(&q));
    assert_false(command_queue_pop(&q, &c));
    for (uint64_t i = 0; i < 100; i++)
        push_number(&q, i);
    while (command_queue_pop(&q, &c))
        ;
    assert_null(q.items);
    assert_int_equal(q.capacity, 0);
}

static void what_is_left_is_freed_with_it(void **state)
{
    (void)state;
    command_queue_t q = {0};
    for (int i = 0; i < 20; i++) {
        message_t *m = message_new(BYTES("x"), BYTES("k"), BYTES("\0\0"), 10);
        command_queue_push(&q, &(command_t){.type = COMMAND_PUBLISH, .message = m});
        request_t view = {.name = BYTES("q")};
        command_queue_push(&q, &(command_t){.type = COMMAND_GET, .request = request_new(&view)});
    }
    command_queue_deinit(&q); /* the address sanitizer sees what stays */
    assert_int_equal(q.length, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commands_leave_in_the_order_they_came),
        cmocka_unit_test(an_empty_one_holds_no_memory),
        cmocka_unit_test(what_is_left_is_freed_with_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
