/* SPDX-License-Identifier: Apache-2.0
 *
 * Writing field tables, and writing them sorted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/table.h"

static void pairs_are_written_octet_by_octet(void **state)
{
    (void)state;
    buffer_t b = {0};
    table_put_string(&b, "s", BYTES("ab"));
    table_put_bool(&b, "t", true);
    table_put_long(&b, "l", -2);
    table_put_timestamp(&b, "T", 256);
    size_t mark = table_begin(&b, "F");
    table_put_bool(&b, "x", false);
    table_end(&b, mark);
    size_t none = table_begin(&b, "E");
    table_end(&b, none);
    assert_true(bytes_equal(buffer_bytes(&b), BYTES("\1sS\0\0\0\2ab"
                                                    "\1tt\1"
                                                    "\1ll\xff\xff\xff\xff\xff\xff\xff\xfe"
                                                    "\1TT\0\0\0\0\0\0\1\0"
                                                    "\1FF\0\0\0\4\1xt\0"
                                                    "\1EF\0\0\0\0")));
    assert_true(table_valid(buffer_bytes(&b)));
    buffer_free(&b);
}

static void a_field_of_any_type_is_written_as_it_was_read(void **state)
{
    (void)state;
    bytes_t table = BYTES(
        "\1at\5\1bL\1\2\3\4\5\6\7\x08\1cS\0\0\0\1z\1dA\0\0\0\1V\1eF\0\0\0\0\1fV\1gD\1\0\0\0\2\1hx\0\0\0\0");
    assert_true(table_valid(table));
    buffer_t b = {0};
    table_iterator_t it = table_iterate(table);
    bytes_t key;
    field_t f;
    while (table_next(&it, &key, &f))
        table_put_field(&b, key, &f);
    assert_true(bytes_equal(buffer_bytes(&b), table));
    buffer_free(&b);
}

static void a_field_of_no_type_fails_the_buffer(void **state)
{
    (void)state;
    buffer_t b = {0};
    table_put_field(&b, BYTES("k"), &(field_t){.tag = 'Z'});
    assert_true(b.failed);
    assert_int_equal(b.len, 0);
    buffer_free(&b);
}

static void a_table_past_the_limit_fails_the_buffer(void **state)
{
    (void)state;
    for (size_t limit = 1; limit < 20; limit++) {
        buffer_t b;
        buffer_init(&b, limit);
        size_t mark = table_begin(&b, "key");
        table_put_long(&b, "l", 1);
        table_end(&b, mark);
        assert_true(b.failed);
        assert_true(b.len <= limit);
        buffer_free(&b);
    }
}

static void sorted_pairs_stand_by_key_and_only_the_first_of_equal_ones(void **state)
{
    (void)state;
    bytes_t table = BYTES("\1bt\1\2abt\1\1at\1\1bt\0\0t\1\1\xfft\1\1at\0\1Zt\1");
    buffer_t b = {0};
    table_write_sorted(&b, table);
    assert_true(bytes_equal(buffer_bytes(&b), BYTES("\0t\1\1Zt\1\1at\1\2abt\1\1bt\1\1\xfft\1")));
    buffer_free(&b);
}

static void tables_that_differ_in_order_only_become_the_same_octets(void **state)
{
    (void)state;
    buffer_t a = {0}, b = {0};
    table_write_sorted(&a, BYTES("\1xF\0\0\0\6\1bV\1aV\1yt\1\1zV"));
    table_write_sorted(&b, BYTES("\1zV\1yt\1\1xF\0\0\0\6\1bV\1aV"));
    assert_true(bytes_equal(buffer_bytes(&a), buffer_bytes(&b)));
    buffer_t again = {0};
    table_write_sorted(&again, buffer_bytes(&a));
    assert_true(bytes_equal(buffer_bytes(&again), buffer_bytes(&a)));
    buffer_free(&again);
    buffer_free(&a);
    buffer_free(&b);
}

static void an_empty_table_sorted_is_empty(void **state)
{
    (void)state;
    buffer_t b = {0};
    table_write_sorted(&b, (bytes_t){NULL, 0});
    assert_int_equal(b.len, 0);
    assert_false(b.failed);
    buffer_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pairs_are_written_octet_by_octet),
        cmocka_unit_test(a_field_of_any_type_is_written_as_it_was_read),
        cmocka_unit_test(a_field_of_no_type_fails_the_buffer),
        cmocka_unit_test(a_table_past_the_limit_fails_the_buffer),
        cmocka_unit_test(sorted_pairs_stand_by_key_and_only_the_first_of_equal_ones),
        cmocka_unit_test(tables_that_differ_in_order_only_become_the_same_octets),
        cmocka_unit_test(an_empty_table_sorted_is_empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
