/* SPDX-License-Identifier: Apache-2.0
 *
 * Formatting into fixed buffers, numbers, base64url; error texts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/text.h"

static void a_text_is_cut_to_fit_and_ends(void **state)
{
    (void)state;
    char out[6];
    assert_int_equal(text_format(out, sizeof out, "%s", "abcde"), 5);
    assert_string_equal(out, "abcde");
    assert_int_equal(text_format(out, sizeof out, "%s", "abcdef"), 5);
    assert_string_equal(out, "abcde");
    assert_int_equal(text_format(out, 1, "%d", 17), 0);
    assert_string_equal(out, "");
    assert_int_equal(text_format(NULL, 0, "%d", 17), 0);
}

static void a_view_can_be_an_argument(void **state)
{
    (void)state;
    char out[32];
    text_format(out, sizeof out, "queue '%.*s' '%.*s'", TEXT_ARG(BYTES("q1")),
                TEXT_ARG(((bytes_t){NULL, 0})));
    assert_string_equal(out, "queue 'q1' ''");
}

static void a_decimal_number_is_parsed_whole(void **state)
{
    (void)state;
    uint64_t v = 0;
    assert_true(text_parse_u64(BYTES("0"), &v) && v == 0);
    assert_true(text_parse_u64(BYTES("00042"), &v) && v == 42);
    assert_true(text_parse_u64(BYTES("18446744073709551615"), &v) && v == UINT64_MAX);
}

static void a_decimal_number_is_written_as_it_is_parsed(void **state)
{
    (void)state;
    static const char *const numbers[] = {"0", "7", "10", "255", "1000000007", "18446744073709551615"};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        char out[TEXT_DECIMAL_BYTES];
        uint64_t number;
        assert_true(text_parse_u64(bytes_string(numbers[i]), &number));
        assert_int_equal(text_decimal(out, number), strlen(numbers[i]));
        assert_string_equal(out, numbers[i]);
    }
}

static void json_escapes_what_must_not_stand_in_a_string(void **state)
{
    (void)state;
    static const char text[] = "plain \"quoted\" back\\slash\n\001\177 end";
    buffer_t b = {0};
    write_json_string(&b, BYTES(""));
    write_json_string(&b, bytes_string(text));
    write_json_string(&b, BYTES("\"\""));
    write_decimal(&b, 42);
    write_u8(&b, 0);
    assert_string_equal((const char *)b.data,
                        "\"\"\"plain \\\"quoted\\\" back\\\\slash\\n\\u0001\\u007f end\"\"\\\"\\\"\"42");
    buffer_free(&b);
}

static void what_is_no_number_is_refused_and_out_untouched(void **state)
{
    (void)state;
    static const bytes_t bad[] = {BYTES(""),
                                  BYTES("-1"),
                                  BYTES("+1"),
                                  BYTES(" 1"),
                                  BYTES("1 "),
                                  BYTES("1a"),
                                  BYTES("0x1"),
                                  BYTES("1\0"),
                                  BYTES("18446744073709551616"),
                                  BYTES("99999999999999999999"),
                                  BYTES("184467440737095516150")};
    uint64_t v = 7;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(text_parse_u64(bad[i], &v));
    assert_true(v == 7);
}

static void base64url_has_the_vectors_of_rfc_4648_without_padding(void **state)
{
    (void)state;
    static const struct {
        bytes_t in;
        const char *out;
    } vectors[] = {
        {BYTES(""), ""},
        {BYTES("f"), "Zg"},
        {BYTES("fo"), "Zm8"},
        {BYTES("foo"), "Zm9v"},
        {BYTES("foob"), "Zm9vYg"},
        {BYTES("fooba"), "Zm9vYmE"},
        {BYTES("foobar"), "Zm9vYmFy"},
        {BYTES("\xfb\xff\xfe"), "-__-"},
    };
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        char out[16];
        text_base64url(vectors[i].in, out, (4 * vectors[i].in.len + 2) / 3 + 1);
        assert_string_equal(out, vectors[i].out);
    }
}

static void an_error_is_written_and_is_minus_one(void **state)
{
    (void)state;
    error_t err;
    assert_int_equal(error_set(&err, "cannot open %s", "x"), -1);
    assert_string_equal(err.text, "cannot open x");
    assert_int_equal(error_set(NULL, "cannot open %s", "x"), -1);
}

static void an_error_may_quote_the_one_it_replaces(void **state)
{
    (void)state;
    error_t err;
    (void)error_set(&err, "no such file");
    (void)error_set(&err, "line 3: %s", err.text);
    assert_string_equal(err.text, "line 3: no such file");
}

static void a_long_error_is_cut(void **state)
{
    (void)state;
    error_t err;
    (void)error_set(&err, "%0*d", 2000, 1);
    assert_int_equal(strlen(err.text), sizeof err.text - 1);
}

static void distance_counts_single_changes(void **state)
{
    (void)state;
    assert_int_equal(text_distance("", ""), 0);
    assert_int_equal(text_distance("heartbeat", "heartbeat"), 0);
    assert_int_equal(text_distance("", "abc"), 3);
    assert_int_equal(text_distance("kitten", "sitting"), 3);
    assert_int_equal(text_distance("satus", "status"), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_text_is_cut_to_fit_and_ends),
        cmocka_unit_test(a_view_can_be_an_argument),
        cmocka_unit_test(a_decimal_number_is_parsed_whole),
        cmocka_unit_test(a_decimal_number_is_written_as_it_is_parsed),
        cmocka_unit_test(json_escapes_what_must_not_stand_in_a_string),
        cmocka_unit_test(what_is_no_number_is_refused_and_out_untouched),
        cmocka_unit_test(base64url_has_the_vectors_of_rfc_4648_without_padding),
        cmocka_unit_test(an_error_is_written_and_is_minus_one),
        cmocka_unit_test(an_error_may_quote_the_one_it_replaces),
        cmocka_unit_test(a_long_error_is_cut),
        cmocka_unit_test(distance_counts_single_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
