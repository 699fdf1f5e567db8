/* SPDX-License-Identifier: Apache-2.0
 *
 * A message: its parts, and that its memory follows what has arrived. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "model/message.h"

#define PERSISTENT BYTES("\x10\0\2")
#define TRANSIENT  BYTES("\x10\0\1")

static void the_parts_are_what_was_put_in(void **state)
{
    (void)state;
    message_t *m = message_new(BYTES("amq.topic"), BYTES("a.b"), PERSISTENT, 4);
    assert_int_equal(m->references, 0);
    assert_int_equal(message_body(m).len, 0);
    m = message_append(m, BYTES("bo"), 4);
    m = message_append(m, BYTES("dy"), 4);
    assert_true(bytes_equal(message_exchange(m), BYTES("amq.topic")));
    assert_true(bytes_equal(message_routing_key(m), BYTES("a.b")));
    assert_true(bytes_equal(message_properties(m), PERSISTENT));
    assert_true(bytes_equal(message_body(m), BYTES("body")));
    assert_int_equal(message_bytes(m), mem_taken(sizeof(message_t) + 9 + 3 + 3 + 4));
    message_free(m);
}

static void a_message_may_be_empty_all_over(void **state)
{
    (void)state;
    message_t *m = message_new((bytes_t){NULL, 0}, (bytes_t){NULL, 0}, (bytes_t){NULL, 0}, 0);
    m = message_append(m, (bytes_t){NULL, 0}, 0);
    assert_int_equal(message_bytes(m), mem_taken(sizeof(message_t)));
    assert_int_equal(message_body(m).len, 0);
    assert_false(m->persistent);
    message_free(m);
    message_free(NULL);
}

static void names_may_have_255_octets(void **state)
{
    (void)state;
    static const uint8_t octets[255];
    bytes_t longest = bytes_make(octets, 255);
    message_t *m = message_new(longest, longest, TRANSIENT, 0);
    assert_true(bytes_equal(message_exchange(m), longest));
    assert_true(bytes_equal(message_routing_key(m), longest));
    assert_true(bytes_equal(message_properties(m), TRANSIENT));
    message_free(m);
}

static void delivery_mode_two_makes_it_persistent(void **state)
{
    (void)state;
    static const struct {
        bytes_t properties;
        bool persistent;
    } cases[] = {{PERSISTENT, true},
                 {TRANSIENT, false},
                 {BYTES("\0\0"), false},
                 {BYTES("\x10\0"), false},
                 {BYTES("\xff"), false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        message_t *m = message_new(BYTES(""), BYTES(""), cases[i].properties, 0);
        assert_int_equal(m->persistent, cases[i].persistent);
        message_free(m);
    }
}

static void a_body_that_comes_at_once_takes_its_size_exactly(void **state)
{
    (void)state;
    message_t *m = message_new(BYTES(""), BYTES("q"), TRANSIENT, 0);
    m = message_append(m, BYTES("0123456789"), 10);
    assert_int_equal(message_bytes(m), mem_taken(sizeof(message_t) + 1 + TRANSIENT.len + 10));
    message_free(m);
}

static void memory_follows_what_has_arrived_not_what_was_announced(void **state)
{
    (void)state;
    static const uint8_t piece[1000];
    const uint64_t total = 1000000;
    message_t *m = message_new(BYTES("x"), BYTES("q"), TRANSIENT, 0);
    const size_t head = sizeof(message_t) + 2 + TRANSIENT.len;
    int moves = 0;
    for (uint64_t arrived = 1000; arrived <= total; arrived += 1000) {
        size_t before = message_bytes(m);
        m = message_append(m, bytes_make(piece, sizeof piece), total);
        assert_true(m->body_len == arrived);
        assert_true(message_bytes(m) <= mem_taken(head + total) && message_bytes(m) <= head + 3 * arrived);
        moves += message_bytes(m) != before;
    }
    assert_true(message_bytes(m) >= head + total);
    assert_in_range(moves, 1, 12); /* doubling: 1000 to 1 000 000 in ten steps and the rest */
    assert_true(bytes_equal(message_routing_key(m), BYTES("q")));
    message_free(m);
}

static void more_than_was_announced_is_kept_all_the_same(void **state)
{
    (void)state;
    message_t *m = message_new(BYTES("x"), BYTES("q"), TRANSIENT, 2);
    m = message_append(m, BYTES("abcdef"), 2);
    assert_true(bytes_equal(message_body(m), BYTES("abcdef")));
    assert_true(message_bytes(m) >= sizeof(message_t) + 2 + TRANSIENT.len + 6);
    message_free(m);
}

static void a_copy_has_other_properties_and_nothing_else(void **state)
{
    (void)state;
    message_t *m = message_new(BYTES("x"), BYTES("q"), TRANSIENT, 100);
    m = message_append(m, BYTES("body"), 100);
    m->references = 3;
    message_t *copy = message_with_properties(m, BYTES("\x18\0\2\7"));
    assert_int_equal(copy->references, 0);
    assert_true(copy->persistent);
    assert_true(bytes_equal(message_exchange(copy), BYTES("x")));
    assert_true(bytes_equal(message_routing_key(copy), BYTES("q")));
    assert_true(bytes_equal(message_properties(copy), BYTES("\x18\0\2\7")));
    assert_true(bytes_equal(message_body(copy), BYTES("body")));
    assert_int_equal(message_bytes(copy), mem_taken(sizeof(message_t) + 2 + 4 + 4));
    assert_true(bytes_equal(message_properties(m), TRANSIENT));
    message_free(m);
    message_free(copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_parts_are_what_was_put_in),
        cmocka_unit_test(a_message_may_be_empty_all_over),
        cmocka_unit_test(names_may_have_255_octets),
        cmocka_unit_test(delivery_mode_two_makes_it_persistent),
        cmocka_unit_test(a_body_that_comes_at_once_takes_its_size_exactly),
        cmocka_unit_test(memory_follows_what_has_arrived_not_what_was_announced),
        cmocka_unit_test(more_than_was_announced_is_kept_all_the_same),
        cmocka_unit_test(a_copy_has_other_properties_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
