/* SPDX-License-Identifier: Apache-2.0
 *
 * test_auth.c: who may log in. */
#include "auth/auth.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static auth_verdict_t login(const auth_options_t *options, const char *user, const char *password,
                            bool loopback)
{
    auth_t *a = auth_new(options);
    auth_verdict_t v = auth_login(a, bytes_string(user), bytes_string(password), loopback);
    auth_free(&a);
    assert_null(a);
    return v;
}

static const auth_options_t guest = {.user = "guest", .password = "secret", .loopback_users = "guest"};
static const auth_options_t anywhere = {.user = "guest", .password = "secret", .loopback_users = ""};

static void the_right_password_is_accepted(void **state)
{
    (void)state;
    assert_int_equal(login(&guest, "guest", "secret", true), AUTH_ACCEPTED);
}

static void any_other_password_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {"Secret", "secre", "secrets", "secretsecret", "x", "secret "};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(login(&guest, "guest", wrong[i], true), AUTH_WRONG_PASSWORD);
}

static void an_unknown_user_is_refused(void **state)
{
    (void)state;
    static const char *const unknown[] = {"", "Guest", "gues", "guests", "root"};
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++)
        assert_int_equal(login(&guest, unknown[i], "secret", true), AUTH_UNKNOWN_USER);
}

static void a_blank_password_is_refused_even_if_it_is_the_stored_one(void **state)
{
    (void)state;
    const auth_options_t blank = {.user = "guest", .password = "", .loopback_users = ""};
    assert_int_equal(login(&blank, "guest", "", true), AUTH_BLANK_PASSWORD);
    assert_int_equal(login(&blank, "guest", "x", true), AUTH_WRONG_PASSWORD);
    assert_int_equal(login(&guest, "guest", "", true), AUTH_BLANK_PASSWORD);
    assert_int_equal(login(&guest, "nobody", "", true), AUTH_BLANK_PASSWORD);
}

static void a_nul_octet_does_not_end_what_the_peer_sent(void **state)
{
    (void)state;
    auth_t *a = auth_new(&guest);
    assert_int_equal(auth_login(a, BYTES("guest"), BYTES("secret\0x"), true), AUTH_WRONG_PASSWORD);
    assert_int_equal(auth_login(a, BYTES("guest\0x"), BYTES("secret"), true), AUTH_UNKNOWN_USER);
    assert_int_equal(auth_login(a, BYTES("guest"), BYTES("\0"), true), AUTH_WRONG_PASSWORD);
    auth_free(&a);
}

static void a_loopback_user_may_not_come_from_elsewhere(void **state)
{
    (void)state;
    assert_int_equal(login(&guest, "guest", "secret", false), AUTH_LOOPBACK_ONLY);
    assert_int_equal(login(&anywhere, "guest", "secret", false), AUTH_ACCEPTED);
}

static void where_a_peer_is_counts_only_with_the_right_password(void **state)
{
    (void)state;
    assert_int_equal(login(&guest, "guest", "wrong", false), AUTH_WRONG_PASSWORD);
    assert_int_equal(login(&guest, "nobody", "secret", false), AUTH_UNKNOWN_USER);
}

static void a_loopback_user_is_found_in_a_list_by_its_whole_name(void **state)
{
    (void)state;
    static const struct {
        const char *list;
        auth_verdict_t verdict;
    } rows[] = {
        {"a,guest", AUTH_LOOPBACK_ONLY}, {"guest,b", AUTH_LOOPBACK_ONLY}, {"a,guest,b", AUTH_LOOPBACK_ONLY},
        {"guests", AUTH_ACCEPTED},       {"gues", AUTH_ACCEPTED},         {"a,guestb", AUTH_ACCEPTED},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        auth_options_t options = {.user = "guest", .password = "secret", .loopback_users = rows[i].list};
        assert_int_equal(login(&options, "guest", "secret", false), rows[i].verdict);
    }
}

static void every_verdict_has_words(void **state)
{
    (void)state;
    assert_string_equal(auth_verdict_text(AUTH_UNKNOWN_USER), "unknown user");
    assert_string_equal(auth_verdict_text(AUTH_WRONG_PASSWORD), "wrong password");
    assert_string_equal(auth_verdict_text(AUTH_BLANK_PASSWORD), "blank password");
    assert_non_null(auth_verdict_text(AUTH_LOOPBACK_ONLY));
    assert_non_null(auth_verdict_text(AUTH_ACCEPTED));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_right_password_is_accepted),
        cmocka_unit_test(any_other_password_is_refused),
        cmocka_unit_test(an_unknown_user_is_refused),
        cmocka_unit_test(a_blank_password_is_refused_even_if_it_is_the_stored_one),
        cmocka_unit_test(a_nul_octet_does_not_end_what_the_peer_sent),
        cmocka_unit_test(a_loopback_user_may_not_come_from_elsewhere),
        cmocka_unit_test(where_a_peer_is_counts_only_with_the_right_password),
        cmocka_unit_test(a_loopback_user_is_found_in_a_list_by_its_whole_name),
        cmocka_unit_test(every_verdict_has_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
