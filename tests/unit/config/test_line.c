/* SPDX-License-Identifier: Apache-2.0
 *
 * test_line.c: what one line of a configuration file means. */
#include "config/config_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

typedef struct good {
    const char *text, *key, *value;
} good_t;

static void assert_pairs(const good_t *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        line_t line;
        error_t err = {""};
        line_result_t found = line_parse(bytes_string(rows[i].text), &line, &err);
        if (found != LINE_PAIR)
            fail_msg("'%s': no pair: %s", rows[i].text, err.text);
        assert_string_equal(line.key, rows[i].key);
        assert_string_equal(line.value, rows[i].value);
    }
}

#define ASSERT_PAIRS(rows) assert_pairs(rows, sizeof(rows) / sizeof *(rows))

static void spaces_around_key_and_value_do_not_count(void **state)
{
    (void)state;
    const good_t rows[] = {
        {"heartbeat = 60", "heartbeat", "60"},
        {"heartbeat=60", "heartbeat", "60"},
        {"\theartbeat\t=\t60\t", "heartbeat", "60"},
        {"heartbeat = 60\r", "heartbeat", "60"},
        {"a.b.c =", "a.b.c", ""},
        {"k = two words", "k", "two words"},
        {"k = a=b", "k", "a=b"},
        {"loopback_users.a\\.b = true", "loopback_users.a\\.b", "true"},
    };
    ASSERT_PAIRS(rows);
}

static void a_comment_ends_a_plain_value(void **state)
{
    (void)state;
    const good_t rows[] = {
        {"heartbeat = 60 # seconds", "heartbeat", "60"},
        {"heartbeat = 60# seconds", "heartbeat", "60"},
        {"heartbeat = # nothing", "heartbeat", ""},
        {"k = it's # 'so'", "k", "it's"},
    };
    ASSERT_PAIRS(rows);
}

static void quotes_keep_what_is_between_them(void **state)
{
    (void)state;
    const good_t rows[] = {
        {"k = 'a # b'", "k", "a # b"},
        {"k = \"a # b\" # c", "k", "a # b"},
        {"k = ' spaces '", "k", " spaces "},
        {"k = ''", "k", ""},
        {"k = 'it\\'s'", "k", "it's"},
        {"k = \"say \\\"yes\\\"\"", "k", "say \"yes\""},
        {"k = 'back\\slash'", "k", "back\\slash"},
        {"k = 'a\"b'", "k", "a\"b"},
        {"k = 'encrypted:x'", "k", "encrypted:x"},
    };
    ASSERT_PAIRS(rows);
}

static void empty_lines_and_comments_say_nothing(void **state)
{
    (void)state;
    static const char *const rows[] = {"", "   ", "\t\r", "#", "# heartbeat = 60", "  ## x", "#k='"};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        line_t line;
        error_t err;
        assert_int_equal(line_parse(bytes_string(rows[i]), &line, &err), LINE_EMPTY);
    }
}

static void a_wrong_line_is_refused_with_the_reason(void **state)
{
    (void)state;
    static const struct {
        const char *text, *reason;
    } rows[] = {
        {"heartbeat", "expected KEY = VALUE"},
        {"heartbeat 60", "expected KEY = VALUE"},
        {"heartbeat # = 60", "expected KEY = VALUE"},
        {"= 60", "no key"},
        {"heart beat = 60", "no spaces"},
        {"k = 'open", "not closed"},
        {"k = \"open'", "not closed"},
        {"k = 'escaped\\'", "not closed"},
        {"k = 'a' b", "after the closing quote"},
        {"k = ''a'", "after the closing quote"},
        {"k = encrypted:c2VjcmV0", "not supported"},
        {"k = $(</run/secret)", "not supported"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        line_t line;
        error_t err = {""};
        assert_int_equal(line_parse(bytes_string(rows[i].text), &line, &err), LINE_WRONG);
        if (!strstr(err.text, rows[i].reason))
            fail_msg("'%s': '%s' does not say '%s'", rows[i].text, err.text, rows[i].reason);
    }
}

/* `pattern` with its % replaced by `count` times 'a'. */
static line_result_t parse_long(const char *before, size_t count, const char *after, line_t *line)
{
    static char text[3 * LINE_VALUE_BYTES];
    error_t err;
    int len = snprintf(text, sizeof text, "%s", before);
    memset(text + len, 'a', count);
    snprintf(text + (size_t)len + count, sizeof text - (size_t)len - count, "%s", after);
    return line_parse(bytes_string(text), line, &err);
}

static void a_key_or_value_past_its_limit_is_refused(void **state)
{
    (void)state;
    line_t line;
    assert_int_equal(parse_long("", LINE_KEY_BYTES - 1, " = 1", &line), LINE_PAIR);
    assert_int_equal(parse_long("", LINE_KEY_BYTES, " = 1", &line), LINE_WRONG);
    assert_int_equal(parse_long("k = ", LINE_VALUE_BYTES - 1, "", &line), LINE_PAIR);
    assert_int_equal(parse_long("k = ", LINE_VALUE_BYTES, "", &line), LINE_WRONG);
    assert_int_equal(parse_long("k = '", LINE_VALUE_BYTES - 1, "'", &line), LINE_PAIR);
    assert_int_equal(parse_long("k = '", LINE_VALUE_BYTES, "'", &line), LINE_WRONG);
    assert_int_equal(parse_long("k = '", 2 * LINE_VALUE_BYTES, "'", &line), LINE_WRONG);
}

static void an_argument_is_taken_as_the_shell_left_it(void **state)
{
    (void)state;
    line_t line;
    error_t err = {""};
    assert_int_equal(line_parse_argument("default_pass='a#b'", &line, &err), LINE_PAIR);
    assert_string_equal(line.key, "default_pass");
    assert_string_equal(line.value, "'a#b'");
    assert_int_equal(line_parse_argument("heartbeat = 5", &line, &err), LINE_PAIR);
    assert_string_equal(line.value, "5");
    assert_int_equal(line_parse_argument("heartbeat", &line, &err), LINE_WRONG);
    assert_non_null(strstr(err.text, "KEY=VALUE"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spaces_around_key_and_value_do_not_count),
        cmocka_unit_test(a_comment_ends_a_plain_value),
        cmocka_unit_test(quotes_keep_what_is_between_them),
        cmocka_unit_test(empty_lines_and_comments_say_nothing),
        cmocka_unit_test(a_wrong_line_is_refused_with_the_reason),
        cmocka_unit_test(a_key_or_value_past_its_limit_is_refused),
        cmocka_unit_test(an_argument_is_taken_as_the_shell_left_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
