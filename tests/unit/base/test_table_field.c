/* SPDX-License-Identifier: Apache-2.0
 *
 * One value: as a number, as a text, equal to another. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/table.h"

static field_t field(uint8_t tag, bytes_t octets)
{
    return (field_t){tag, octets};
}

static void integers_of_every_width_have_their_sign(void **state)
{
    (void)state;
    static const struct {
        uint8_t tag;
        bytes_t octets;
        int64_t value;
        bool integer;
    } cases[] = {
        {'b', BYTES("\x80"), -128, true},
        {'B', BYTES("\x80"), 128, true},
        {'s', BYTES("\xff\xfe"), -2, true},
        {'u', BYTES("\xff\xfe"), 65534, true},
        {'I', BYTES("\x80\0\0\0"), INT32_MIN, true},
        {'i', BYTES("\x80\0\0\0"), INT64_C(1) << 31, true},
        {'l', BYTES("\x80\0\0\0\0\0\0\0"), INT64_MIN, true},
        {'L', BYTES("\xff\xff\xff\xff\xff\xff\xff\xff"), -1, true},
        {'t', BYTES("\7"), 1, false},
        {'t', BYTES("\0"), 0, false},
        {'T', BYTES("\0\0\0\0\0\0\1\0"), 256, false},
        {'d', BYTES("\x40\0\0\0\0\0\0\0"), 0, false},
        {'S', BYTES("12"), 0, false},
        {'V', {NULL, 0}, 0, false},
        {0, {NULL, 0}, 0, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        field_t f = field(cases[i].tag, cases[i].octets);
        assert_true(field_integer(&f) == cases[i].value);
        assert_int_equal(field_is_integer(&f), cases[i].integer);
    }
}

static void floats_and_integers_are_numbers(void **state)
{
    (void)state;
    field_t f = field('f', BYTES("\xbf\xc0\0\0")), d = field('d', BYTES("\x3f\xb9\x99\x99\x99\x99\x99\x9a"));
    field_t b = field('b', BYTES("\xff")), s = field('S', BYTES("1"));
    assert_true(field_number(&f) == -1.5);
    assert_true(field_number(&d) == 0.1);
    assert_true(field_number(&b) == -1);
    assert_true(field_number(&s) == 0);
}

static void equality_is_rabbitmqs(void **state)
{
    (void)state;
    static const struct {
        field_t a, b;
        bool equal;
    } cases[] = {
        {{'b', BYTES("\5")}, {'l', BYTES("\0\0\0\0\0\0\0\5")}, true}, /* integers by value */
        {{'b', BYTES("\xff")}, {'L', BYTES("\xff\xff\xff\xff\xff\xff\xff\xff")}, true},
        {{'B', BYTES("\xff")}, {'b', BYTES("\xff")}, false},
        {{'I', BYTES("\0\0\0\1")}, {'t', BYTES("\1")}, false}, /* bool only with bool */
        {{'t', BYTES("\1")}, {'t', BYTES("\x02")}, true},
        {{'t', BYTES("\1")}, {'t', BYTES("\0")}, false},
        {{'b', BYTES("\1")}, {'S', BYTES("1")}, false},
        {{'b', BYTES("\1")}, {'d', BYTES("\x3f\xf0\0\0\0\0\0\0")}, false},
        {{'f', BYTES("\x3f\xc0\0\0")}, {'d', BYTES("\x3f\xf8\0\0\0\0\0\0")}, true},
        {{'f', BYTES("\x3f\xc0\0\0")}, {'f', BYTES("\x3f\xc0\0\1")}, false},
        {{'d', BYTES("\x7f\xf8\0\0\0\0\0\0")}, {'d', BYTES("\x7f\xf8\0\0\0\0\0\0")}, true}, /* NaN */
        {{'S', BYTES("a")}, {'S', BYTES("a")}, true},
        {{'S', BYTES("a")}, {'S', BYTES("ab")}, false},
        {{'S', BYTES("a")}, {'x', BYTES("a")}, false},
        {{'x', BYTES("a")}, {'x', BYTES("a")}, true},
        {{'T', BYTES("\0\0\0\0\0\0\0\5")}, {'T', BYTES("\0\0\0\0\0\0\0\5")}, true},
        {{'T', BYTES("\0\0\0\0\0\0\0\5")}, {'l', BYTES("\0\0\0\0\0\0\0\5")}, false},
        {{'D', BYTES("\1\0\0\0\5")}, {'D', BYTES("\1\0\0\0\5")}, true},
        {{'D', BYTES("\0\0\0\0\5")}, {'b', BYTES("\5")}, false},
        {{'V', {NULL, 0}}, {'V', {NULL, 0}}, true},
        {{'V', {NULL, 0}}, {'S', {NULL, 0}}, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(field_equal(&cases[i].a, &cases[i].b), cases[i].equal);
        assert_int_equal(field_equal(&cases[i].b, &cases[i].a), cases[i].equal);
    }
}

static void arrays_and_tables_are_equal_with_their_types(void **state)
{
    (void)state;
    field_t a = field('A', BYTES("b\1t\1")), same = field('A', BYTES("b\1t\1")),
            wider = field('A', BYTES("s\0\1t\1"));
    field_t table = field('F', BYTES("\1xb\1")), other = field('F', BYTES("\1xb\2")),
            as_array = field('A', BYTES("\1xb\1"));
    assert_true(field_equal(&a, &same));
    assert_false(field_equal(&a, &wider));
    assert_true(field_equal(&table, &table));
    assert_false(field_equal(&table, &other));
    assert_false(field_equal(&table, &as_array));
}

static void a_value_reads_well_in_an_error_text(void **state)
{
    (void)state;
    static const struct {
        field_t f;
        const char *text;
    } cases[] = {
        {{'I', BYTES("\0\0\3\xe8")}, "1000"},
        {{'b', BYTES("\xff")}, "-1"},
        {{'l', BYTES("\x80\0\0\0\0\0\0\0")}, "-9223372036854775808"},
        {{'S', BYTES("abc")}, "abc"},
        {{'S', {NULL, 0}}, ""},
        {{'x', BYTES("xyz")}, "xyz"},
        {{'t', BYTES("\1")}, "true"},
        {{'t', BYTES("\0")}, "false"},
        {{'f', BYTES("\x3d\xcc\xcc\xcd")}, "0.1"},
        {{'d', BYTES("\x3f\xf8\0\0\0\0\0\0")}, "1.5"},
        {{'D', BYTES("\2\0\0\0\x96")}, "150e-2"},
        {{'T', BYTES("\xff\xff\xff\xff\xff\xff\xff\xff")}, "18446744073709551615"},
        {{'A', BYTES("V")}, "[…]"},
        {{'F', BYTES("\1kV")}, "{…}"},
        {{'V', {NULL, 0}}, "undefined"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char out[32];
        assert_int_equal(field_text(&cases[i].f, out, sizeof out), strlen(cases[i].text));
        assert_string_equal(out, cases[i].text);
    }
}

static void a_long_text_is_cut(void **state)
{
    (void)state;
    char out[4];
    field_t s = field('S', BYTES("abcdef")), i = field('i', BYTES("\1\0\0\0"));
    assert_int_equal(field_text(&s, out, sizeof out), 3);
    assert_string_equal(out, "abc");
    assert_int_equal(field_text(&i, out, sizeof out), 3);
    assert_string_equal(out, "167");
    assert_int_equal(field_text(&s, out, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_of_every_width_have_their_sign),
        cmocka_unit_test(floats_and_integers_are_numbers),
        cmocka_unit_test(equality_is_rabbitmqs),
        cmocka_unit_test(arrays_and_tables_are_equal_with_their_types),
        cmocka_unit_test(a_value_reads_well_in_an_error_text),
        cmocka_unit_test(a_long_text_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
