/* SPDX-License-Identifier: Apache-2.0
 *
 * test_headers.c: criteria of headers bindings against headers of messages. */
#include "engine/engine_internal.h"

#include "engine/fixture.h"

/* Two tables that a test fills and compares. */
typedef struct pair {
    buffer_t criteria, headers;
} pair_t;

static void put_field(buffer_t *table, const char *key, uint8_t tag, const void *octets, size_t len)
{
    field_t f = {tag, bytes_make(octets, len)};
    table_put_field(table, bytes_string(key), &f);
}

static void put_text(buffer_t *table, const char *key, const char *value)
{
    table_put_string(table, key, bytes_string(value));
}

/* Compares and forgets the headers; the criteria stay. */
static bool matches(pair_t *p)
{
    buffer_t criteria = {0}, headers = {0};
    table_write_sorted(&criteria, buffer_bytes(&p->criteria));
    table_write_sorted(&headers, buffer_bytes(&p->headers));
    bool result = headers_match(buffer_bytes(&criteria), buffer_bytes(&headers));
    buffer_free(&criteria);
    buffer_free(&headers);
    buffer_clear(&p->headers);
    return result;
}

static void done(pair_t *p)
{
    buffer_free(&p->criteria);
    buffer_free(&p->headers);
}

static void all_is_meant_when_nothing_is_said(void **state)
{
    (void)state;
    pair_t p = {0};
    put_text(&p.criteria, "a", "1");
    put_text(&p.criteria, "b", "2");
    put_text(&p.headers, "b", "2");
    put_text(&p.headers, "c", "3");
    put_text(&p.headers, "a", "1");
    assert_true(matches(&p));
    put_text(&p.headers, "a", "1");
    assert_false(matches(&p));
    put_text(&p.headers, "a", "1");
    put_text(&p.headers, "b", "3");
    assert_false(matches(&p));
    done(&p);
}

static void any_needs_one(void **state)
{
    (void)state;
    pair_t p = {0};
    put_text(&p.criteria, "x-match", "any");
    put_text(&p.criteria, "a", "1");
    put_text(&p.criteria, "b", "2");
    put_text(&p.headers, "b", "2");
    assert_true(matches(&p));
    put_text(&p.headers, "b", "1");
    assert_false(matches(&p));
    assert_false(matches(&p)); /* no headers at all */
    done(&p);
}

static void without_criteria_all_takes_everything_and_any_nothing(void **state)
{
    (void)state;
    pair_t p = {0};
    assert_true(matches(&p));
    put_text(&p.headers, "a", "1");
    assert_true(matches(&p));
    put_text(&p.criteria, "x-match", "all");
    assert_true(matches(&p));
    buffer_clear(&p.criteria);
    put_text(&p.criteria, "x-match", "any");
    put_text(&p.headers, "a", "1");
    assert_false(matches(&p));
    done(&p);
}

static void criteria_that_begin_with_x_count_only_when_asked_for(void **state)
{
    (void)state;
    static const struct {
        const char *mode;
        bool without, with; /* the x- header */
    } table[] = {
        {"all", true, true}, {"any", false, false}, {"all-with-x", false, true}, {"any-with-x", false, true}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        pair_t p = {0};
        put_text(&p.criteria, "x-match", table[i].mode);
        put_text(&p.criteria, "x-b", "2");
        assert_int_equal(matches(&p), table[i].without);
        put_text(&p.headers, "x-b", "2");
        assert_int_equal(matches(&p), table[i].with);
        done(&p);
    }
}

static void void_asks_only_for_presence(void **state)
{
    (void)state;
    pair_t p = {0};
    put_field(&p.criteria, "a", 'V', "", 0);
    put_text(&p.headers, "a", "anything");
    assert_true(matches(&p));
    put_text(&p.headers, "b", "anything");
    assert_false(matches(&p));
    done(&p);
}

static void values_are_compared_across_widths_but_not_across_kinds(void **state)
{
    (void)state;
    pair_t p = {0};
    table_put_long(&p.criteria, "a", 1);
    put_field(&p.headers, "a", 'I', "\0\0\0\1", 4);
    assert_true(matches(&p));
    put_field(&p.headers, "a", 'b', "\1", 1);
    assert_true(matches(&p));
    put_field(&p.headers, "a", 'd', "\x3f\xf0\0\0\0\0\0\0", 8); /* 1.0 */
    assert_false(matches(&p));
    table_put_bool(&p.headers, "a", true);
    assert_false(matches(&p));
    put_text(&p.headers, "a", "1");
    assert_false(matches(&p));
    buffer_clear(&p.criteria);
    put_text(&p.criteria, "a", "text");
    put_field(&p.headers, "a", 'x', "text", 4);
    assert_true(matches(&p));
    done(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_is_meant_when_nothing_is_said),
        cmocka_unit_test(any_needs_one),
        cmocka_unit_test(without_criteria_all_takes_everything_and_any_nothing),
        cmocka_unit_test(criteria_that_begin_with_x_count_only_when_asked_for),
        cmocka_unit_test(void_asks_only_for_presence),
        cmocka_unit_test(values_are_compared_across_widths_but_not_across_kinds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
