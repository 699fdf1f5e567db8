/* SPDX-License-Identifier: Apache-2.0
 *
 * What a request line asks for, and who asks: paths and parameters decoded once, Basic authorization. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "admin/admin_internal.h"

#define assert_bytes(b, text) assert_true(bytes_equal((b), bytes_string(text)))

static void parts_are_split_before_they_are_decoded(void **state)
{
    (void)state;
    target_t t;
    assert_true(target_parse("/api/queues/%2F/a%20b%2fc", NULL, &t));
    assert_int_equal(t.part_count, 4);
    assert_bytes(t.parts[0], "api");
    assert_bytes(t.parts[2], "/");
    assert_bytes(t.parts[3], "a b/c");
    target_deinit(&t);
}

static void names_are_decoded_once(void **state)
{
    (void)state;
    target_t t;
    assert_true(target_parse("/%252F/a+b", NULL, &t));
    assert_bytes(t.parts[0], "%2F");
    assert_bytes(t.parts[1], "a+b");
    target_deinit(&t);
}

static void a_slash_at_the_end_changes_nothing(void **state)
{
    (void)state;
    target_t t;
    assert_true(target_parse("/api/queues/", NULL, &t));
    assert_int_equal(t.part_count, 2);
    target_deinit(&t);
    assert_true(target_parse("/", NULL, &t));
    assert_int_equal(t.part_count, 0);
    target_deinit(&t);
    assert_true(target_parse("/a//b", NULL, &t)); /* an empty name is a name */
    assert_int_equal(t.part_count, 3);
    target_deinit(&t);
}

static void parameters_have_names_and_values(void **state)
{
    (void)state;
    target_t t;
    bytes_t value;
    assert_true(target_parse("/x", "a=1&b=c+d%26&&e&=x&a=2&f=g=h", &t));
    assert_true(target_param(&t, "a", &value));
    assert_bytes(value, "1");
    assert_true(target_param(&t, "b", &value));
    assert_bytes(value, "c d&");
    assert_true(target_param(&t, "e", &value));
    assert_int_equal(value.len, 0);
    assert_true(target_param_is(&t, "f", "g=h"));
    assert_false(target_param(&t, "", &value));
    assert_false(target_param(&t, "g", &value));
    target_deinit(&t);
}

static void what_is_malformed_or_too_much_is_none(void **state)
{
    (void)state;
    static const char *const paths[] = {"", "api", "/%", "/%2", "/%2x", "/a/b/c/d/e/f/g/h/i", "/a%"};
    target_t t;
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        assert_false(target_parse(paths[i], NULL, &t));
    assert_false(target_parse("/a", "b=%g0", &t));
    assert_false(target_parse("/a", "%=1", &t));
    assert_false(
        target_parse("/a", "a&b&c&d&e&f&g&h&i&j&k&l&m&n&o&p&q&r&s&t&u&v&w&x&y&z&1&2&3&4&5&6&7&8", &t));
}

static void basic_authorization_is_user_and_password(void **state)
{
    (void)state;
    basic_t b;
    assert_true(basic_parse("Basic Z3Vlc3Q6Z3Vlc3Q=", &b));
    assert_bytes(b.user, "guest");
    assert_bytes(b.password, "guest");
    assert_true(basic_parse("basic   dTpwOnE=", &b)); /* the first colon divides */
    assert_bytes(b.user, "u");
    assert_bytes(b.password, "p:q");
    assert_true(basic_parse("Basic Og==", &b));
    assert_int_equal(b.user.len + b.password.len, 0);
    assert_true(basic_parse("Basic dTpw", &b));
    assert_bytes(b.password, "p");
}

static void what_is_no_basic_authorization_is_refused(void **state)
{
    (void)state;
    static const char *const headers[] = {
        "",           "Basic",   "Basic ",         "Bearer Z3Vlc3Q6Z3Vlc3Q=", "Basic Z3Vlc3Q=",
        "Basic Zg=",  "Basic Z", "Basic Zg==Zg==", "Basic Z3V=c3Q",           "Basic Z3Vlc3Q6Z3Vlc3Q===",
        "Basic \x80",
    };
    basic_t b;
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++)
        assert_false(basic_parse(headers[i], &b));
    char large[3000] = "Basic ";
    memset(large + 6, 'A', sizeof large - 7);
    assert_false(basic_parse(large, &b));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_are_split_before_they_are_decoded),
        cmocka_unit_test(names_are_decoded_once),
        cmocka_unit_test(a_slash_at_the_end_changes_nothing),
        cmocka_unit_test(parameters_have_names_and_values),
        cmocka_unit_test(what_is_malformed_or_too_much_is_none),
        cmocka_unit_test(basic_authorization_is_user_and_password),
        cmocka_unit_test(what_is_no_basic_authorization_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
