/* SPDX-License-Identifier: Apache-2.0
 *
 * Log lines: which are made, and that a name cannot forge one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/log.h"

typedef struct sink {
    int lines;
    log_level_t level;
    char last[4096];
} sink_t;

static void keep_line(void *context, log_level_t level, const char *line)
{
    sink_t *s = context;
    s->lines++;
    s->level = level;
    assert_true(strlen(line) < sizeof s->last);
    strcpy(s->last, line);
}

static void a_line_reaches_the_sink_with_its_level(void **state)
{
    (void)state;
    sink_t s = {0};
    log_t log = {.least = LOG_INFO, .sink = keep_line, .context = &s};
    log_line(&log, LOG_WARNING, "connection %s: closed, %d missed", "a:1", 2);
    assert_int_equal(s.lines, 1);
    assert_int_equal(s.level, LOG_WARNING);
    assert_string_equal(s.last, "connection a:1: closed, 2 missed");
}

static void lines_below_the_least_level_are_not_made(void **state)
{
    (void)state;
    sink_t s = {0};
    log_t log = {.least = LOG_WARNING, .sink = keep_line, .context = &s};
    log_line(&log, LOG_INFO, "quiet");
    log_line(&log, LOG_DEBUG, "quiet");
    assert_int_equal(s.lines, 0);
    log_line(&log, LOG_WARNING, "loud");
    log_line(&log, LOG_ERROR, "loud");
    assert_int_equal(s.lines, 2);
}

static void control_characters_become_question_marks(void **state)
{
    (void)state;
    sink_t s = {0};
    log_t log = {.least = LOG_DEBUG, .sink = keep_line, .context = &s};
    log_line(&log, LOG_INFO, "queue '%s'", "a\nb\r\t\x1b[2J\x7f\xc2\x9b\xc2\xa0\xc3\xa9\xc2");
    assert_string_equal(s.last, "queue 'a?b???[2J???\xc2\xa0\xc3\xa9\xc2'");
}

static void a_very_long_line_is_cut(void **state)
{
    (void)state;
    sink_t s = {0};
    log_t log = {.least = LOG_DEBUG, .sink = keep_line, .context = &s};
    log_line(&log, LOG_INFO, "%0*d", 100000, 1);
    assert_in_range(strlen(s.last), 1000, 4000);
}

static void levels_have_names(void **state)
{
    (void)state;
    assert_string_equal(log_level_name(LOG_DEBUG), "debug");
    assert_string_equal(log_level_name(LOG_INFO), "info");
    assert_string_equal(log_level_name(LOG_WARNING), "warning");
    assert_string_equal(log_level_name(LOG_ERROR), "error");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_reaches_the_sink_with_its_level),
        cmocka_unit_test(lines_below_the_least_level_are_not_made),
        cmocka_unit_test(control_characters_become_question_marks),
        cmocka_unit_test(a_very_long_line_is_cut),
        cmocka_unit_test(levels_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
