/* SPDX-License-Identifier: Apache-2.0
 *
 * Addresses as text: which forms are taken, which are refused and why, and how addresses in use are shown. */
#include "net/net_internal.h"
#include "net_fixture.h"

static void every_documented_form_is_taken(void **state)
{
    (void)state;
    static const char *const good[] = {
        "5672",           "0",
        "65535",          "0.0.0.0:5672",
        "127.0.0.1:0",    "[::1]:5672",
        "[::]:5672",      "::1:5672",
        ":::5672",        "[::ffff:10.0.0.1]:5672",
        "localhost:5672", "mq-1.example.com:5671",
        "a_b:1",          "unix:/run/chaski.sock",
        "unix:here.sock",
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        net_address_t a;
        error_t err;
        if (!net_address_parse(good[i], &a, &err))
            fail_msg("%s", err.text);
        assert_string_equal(a.text, good[i]);
    }
}

static void every_other_form_is_refused_by_name(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        " 5672",
        "5672 ",
        "-1",
        "65536",
        "99999999999999999999",
        "amqp",
        "1.2.3.4",
        "1.2.3:5672",
        "1.2.3.400:1",
        "12345:1",
        ":5672",
        "host:",
        "host:port",
        "host:-1",
        "host:65536",
        "ho st:1",
        "[::1]",
        "[::1]:",
        "[::1:5672",
        "[::1]5672",
        "[]:1",
        "[localhost]:1",
        "[127.0.0.1]:1",
        "fe80::zz:1",
        "[::1]:1:2",
        "unix:",
        "tcp://127.0.0.1:1",
        "localhost:56 72",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        net_address_t a;
        error_t err = {""};
        if (net_address_parse(bad[i], &a, &err))
            fail_msg("'%s' was taken", bad[i]);
        char quoted[64];
        text_format(quoted, sizeof quoted, "'%s'", bad[i]);
        assert_non_null(strstr(err.text, quoted));
        assert_string_equal(a.text, "");
    }
}

static void overlong_text_is_refused(void **state)
{
    (void)state;
    char text[400];
    net_address_t a;
    error_t err;
    memset(text, 'a', sizeof text);
    memcpy(text + sizeof text - 6, ":5672", 6);
    assert_false(net_address_parse(text, &a, &err));
    text_format(text, sizeof text, "unix:/%0107d", 0); /* 108 octets of path: one too many */
    assert_false(net_address_parse(text, &a, &err));
    text_format(text, sizeof text, "unix:/%0106d", 0);
    assert_true(net_address_parse(text, &a, &err));
}

static socket_address_t resolved(const char *text)
{
    net_address_t a;
    address_list_t list;
    error_t err;
    assert_true(net_address_parse(text, &a, &err));
    assert_int_equal(address_resolve(&a, &list, &err), 0);
    assert_int_equal(list.count, 1);
    return list.items[0];
}

static void assert_shown_as(const char *text, const char *expected)
{
    socket_address_t a = resolved(text);
    char shown[64];
    address_text(&a, shown, sizeof shown);
    assert_string_equal(shown, expected);
}

static void addresses_are_shown_with_mapped_ones_as_ipv4(void **state)
{
    (void)state;
    assert_shown_as("127.0.0.1:4711", "127.0.0.1:4711");
    assert_shown_as("[::1]:4711", "[::1]:4711");
    assert_shown_as("::1:4711", "[::1]:4711");
    assert_shown_as("[::ffff:10.1.2.3]:80", "10.1.2.3:80");
    assert_shown_as("[ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe]:65535",
                    "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe]:65535");
}

static void loopback_is_127_mapped_127_and_ipv6s_own(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool loopback;
    } cases[] = {{"127.0.0.1:1", true},
                 {"127.255.0.9:1", true},
                 {"[::1]:1", true},
                 {"[::ffff:127.0.0.1]:1", true},
                 {"128.0.0.1:1", false},
                 {"0.0.0.0:1", false},
                 {"[::]:1", false},
                 {"[fe80::1]:1", false},
                 {"[::ffff:10.0.0.1]:1", false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        socket_address_t a = resolved(cases[i].text);
        if (address_is_loopback(&a) != cases[i].loopback)
            fail_msg("%s: loopback is not %d", cases[i].text, cases[i].loopback);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_documented_form_is_taken),
        cmocka_unit_test(every_other_form_is_refused_by_name),
        cmocka_unit_test(overlong_text_is_refused),
        cmocka_unit_test(addresses_are_shown_with_mapped_ones_as_ipv4),
        cmocka_unit_test(loopback_is_127_mapped_127_and_ipv6s_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
