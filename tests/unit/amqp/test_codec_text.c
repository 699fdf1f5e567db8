/* SPDX-License-Identifier: Apache-2.0
 *
 * test_codec_text.c: octets in error texts, as Erlang writes them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>

#include "amqp/codec.h"

static void assert_rendered(bytes_t octets, const char *expected)
{
    char text[256];
    amqp_render_binary(octets, text, sizeof text);
    assert_string_equal(text, expected);
}

static void assert_described(bytes_t octets, const char *expected)
{
    char text[256];
    amqp_describe_octets(octets, text, sizeof text);
    assert_string_equal(text, expected);
}

static void a_binary_is_its_octets_as_numbers(void **state)
{
    (void)state;
    assert_rendered(BYTES("\x01\x02\x03"), "<<1,2,3>>");
    assert_rendered(BYTES("\0\x0a\x63\xff"), "<<0,10,99,255>>");
    assert_rendered(BYTES("hi"), "<<104,105>>");
}

static void no_octets_are_an_empty_binary(void **state)
{
    (void)state;
    assert_rendered(BYTES(""), "<<>>");
    assert_rendered((bytes_t){0}, "<<>>");
    assert_described(BYTES(""), "all octets = <<>>");
    assert_described((bytes_t){0}, "all octets = <<>>");
}

static void up_to_sixteen_octets_are_described_whole(void **state)
{
    (void)state;
    assert_described(BYTES("\x01\x02\x03"), "all octets = <<1,2,3>>");
    assert_described(BYTES("\0\1\2\3\4\5\6\7\10\11\12\13\14\15\16\17"),
                     "all octets = <<0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15>>");
}

static void of_more_octets_the_first_sixteen_are_described(void **state)
{
    (void)state;
    assert_described(BYTES("\0\1\2\3\4\5\6\7\10\11\12\13\14\15\16\17\20"),
                     "first 16 octets = <<0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15>>");
}

static void printable_octets_are_described_as_text(void **state)
{
    (void)state;
    assert_described(BYTES("hello"), "all octets = <<\"hello\">>");
    assert_described(BYTES("GET / HTTP/1.1\r\nHost: x"), "first 16 octets = <<\"GET / HTTP/1.1\\r\\n\">>");
    assert_described(BYTES("a\"b\\c\033"), "all octets = <<\"a\\\"b\\\\c\\e\">>");
    assert_described(BYTES("~ \b\t\n\v\f\r"), "all octets = <<\"~ \\b\\t\\n\\v\\f\\r\">>");
}

static void one_octet_that_is_not_printable_makes_all_of_them_numbers(void **state)
{
    (void)state;
    assert_described(BYTES("ab\x7f"), "all octets = <<97,98,127>>");
    assert_described(BYTES("ab\x1f"), "all octets = <<97,98,31>>");
    assert_described(BYTES("\xc3\xbc"), "all octets = <<195,188>>");
}

/* For every size of the room: NUL-terminated within it, and the beginning of the whole text. */
static void texts_are_cut_to_fit(void **state)
{
    (void)state;
    static const char whole_numbers[] = "<<1,22,255>>", whole_text[] = "all octets = <<\"a\\\"b\">>";
    for (size_t room = 1; room <= sizeof whole_text; room++) {
        char *text = malloc(room);
        assert_non_null(text);
        amqp_render_binary(BYTES("\x01\x16\xff"), text, room);
        size_t expected = room - 1 < sizeof whole_numbers - 1 ? room - 1 : sizeof whole_numbers - 1;
        assert_int_equal(strlen(text), expected);
        assert_memory_equal(text, whole_numbers, expected);
        amqp_describe_octets(BYTES("a\"b"), text, room);
        expected = room - 1 < sizeof whole_text - 1 ? room - 1 : sizeof whole_text - 1;
        assert_int_equal(strlen(text), expected);
        assert_memory_equal(text, whole_text, expected);
        free(text);
    }
}

static void a_long_input_fills_the_room_and_no_more(void **state)
{
    (void)state;
    enum { LONG_BYTES = 131072 };
    uint8_t *octets = calloc(LONG_BYTES, 1);
    assert_non_null(octets);
    char text[11];
    amqp_render_binary(bytes_make(octets, LONG_BYTES), text, sizeof text);
    assert_string_equal(text, "<<0,0,0,0,");
    free(octets);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_binary_is_its_octets_as_numbers),
        cmocka_unit_test(no_octets_are_an_empty_binary),
        cmocka_unit_test(up_to_sixteen_octets_are_described_whole),
        cmocka_unit_test(of_more_octets_the_first_sixteen_are_described),
        cmocka_unit_test(printable_octets_are_described_as_text),
        cmocka_unit_test(one_octet_that_is_not_printable_makes_all_of_them_numbers),
        cmocka_unit_test(texts_are_cut_to_fit),
        cmocka_unit_test(a_long_input_fills_the_room_and_no_more),
    };
    return cmocka_run_group_tests_name("amqp codec: texts", tests, NULL, NULL);
}
