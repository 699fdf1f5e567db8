/* SPDX-License-Identifier: Apache-2.0
 *
 * test_value.c: which values a setting takes, what they mean, and what is said of the others. */
#include "config/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static settings_t *read_one(const char *assignment, error_t *err)
{
    settings_source_t source = {.assignments = &assignment, .assignment_count = 1};
    return settings_read(&source, err);
}

/* Settings after this one assignment, which must be accepted. */
static settings_t *set(const char *assignment)
{
    error_t err = {""};
    settings_t *s = read_one(assignment, &err);
    if (!s)
        fail_msg("%s: %s", assignment, err.text);
    return s;
}

#define ASSERT_SET(assignment, field, expected)                                                              \
    do {                                                                                                     \
        settings_t *got = set(assignment);                                                                   \
        if (got->field != (expected))                                                                        \
            fail_msg("%s: %llu", assignment, (unsigned long long)got->field);                                \
        settings_free(&got);                                                                                 \
    } while (0)

static void assert_refused(const char *assignment, const char *expected)
{
    error_t err = {""};
    settings_t *s = read_one(assignment, &err);
    if (s)
        fail_msg("%s was accepted", assignment);
    if (!strstr(err.text, expected))
        fail_msg("%s: '%s' does not say '%s'", assignment, err.text, expected);
}

static void numbers_are_taken_within_their_bounds(void **state)
{
    (void)state;
    ASSERT_SET("heartbeat=0", heartbeat_s, 0);
    ASSERT_SET("heartbeat=65535", heartbeat_s, 65535);
    ASSERT_SET("tcp_listen_options.backlog=1", backlog, 1);
    ASSERT_SET("limits.parked_commands=8", parked_commands, 8);
    assert_refused("heartbeat=65536", "from 0 to 65535");
    assert_refused("heartbeat=-1", "heartbeat = '-1'");
    assert_refused("heartbeat=60s", "a whole number");
    assert_refused("heartbeat=", "a whole number");
    assert_refused("heartbeat=18446744073709551616", "a whole number");
    assert_refused("tcp_listen_options.backlog=0", "from 1 to 65535");
}

/* Kinds that are a number within bounds, in its plain form. */
enum { NUMBER = 1, COUNT = 1, POWER = 1, SIZE = 1, FRAME = 1, BUDGET = 1, DURATION = 1, THREADS = 1 };
enum { FRACTION = 0, FLAG = 0, LEVEL = 0, TEXT = 0, VERSION = 0, VHOST = 0, DAMAGE = 0 };

static void assert_bounds(const char *key, unsigned long long least, unsigned long long most, bool power)
{
    char assignment[128];
    settings_t *s;
    const unsigned long long good[] = {least, most};
    for (size_t i = 0; i < 2; i++) {
        snprintf(assignment, sizeof assignment, "%s=%llu", key, good[i]);
        s = set(assignment);
        settings_free(&s);
    }
    snprintf(assignment, sizeof assignment, "%s=%llu", key, power ? most * 2 : most + 1);
    assert_refused(assignment, key);
    if (least <= 1) /* 0 may have a meaning of its own */
        return;
    snprintf(assignment, sizeof assignment, "%s=%llu", key, power ? least / 2 : least - 1);
    assert_refused(assignment, key);
}

static void every_number_of_the_table_has_bounds_that_hold(void **state)
{
    (void)state;
    size_t checked = 0;
#define X(field, key, kind, value, least, most, reload, help)                                                \
    if (kind) {                                                                                              \
        assert_bounds(key, least, most, strstr(#kind, "POWER") != NULL);                                     \
        checked++;                                                                                           \
    }
    SETTINGS(X)
#undef X
    assert_true(checked >= 20);
}

static void sizes_have_rabbitmqs_units(void **state)
{
    (void)state;
    ASSERT_SET("vm_memory_high_watermark.absolute=1000", memory_absolute, 1000);
    ASSERT_SET("vm_memory_high_watermark.absolute=2k", memory_absolute, 2048);
    ASSERT_SET("vm_memory_high_watermark.absolute=2Ki", memory_absolute, 2048);
    ASSERT_SET("vm_memory_high_watermark.absolute=2kiB", memory_absolute, 2048);
    ASSERT_SET("vm_memory_high_watermark.absolute=2kB", memory_absolute, 2000);
    ASSERT_SET("vm_memory_high_watermark.absolute=512MiB", memory_absolute, 512ULL << 20);
    ASSERT_SET("vm_memory_high_watermark.absolute=512M", memory_absolute, 512ULL << 20);
    ASSERT_SET("vm_memory_high_watermark.absolute=3mb", memory_absolute, 3000000);
    ASSERT_SET("vm_memory_high_watermark.absolute=2GB", memory_absolute, 2000000000);
    ASSERT_SET("vm_memory_high_watermark.absolute=2GiB", memory_absolute, 2ULL << 30);
    ASSERT_SET("vm_memory_high_watermark.absolute=2g", memory_absolute, 2ULL << 30);
    ASSERT_SET("vm_memory_high_watermark.absolute=1TiB", memory_absolute, 1ULL << 40);
    ASSERT_SET("vm_memory_high_watermark.absolute=1TB", memory_absolute, 1000000000000);
    ASSERT_SET("vm_memory_high_watermark.absolute=none", memory_absolute, SETTINGS_NONE);
    assert_refused("vm_memory_high_watermark.absolute=2X", "a size like");
    assert_refused("vm_memory_high_watermark.absolute=2 GB x", "a size like");
    assert_refused("vm_memory_high_watermark.absolute=GB", "a size like");
    assert_refused("vm_memory_high_watermark.absolute=1.5GB", "a size like");
    assert_refused("vm_memory_high_watermark.absolute=0", "none, or a size");
    assert_refused("vm_memory_high_watermark.absolute=18014398509481985k", "a size like");
    assert_refused("net.read_bytes=1", "from 64 to 64MiB");
    assert_refused("net.read_bytes=none", "a size like");
}

static void frame_max_is_no_limit_or_large_enough(void **state)
{
    (void)state;
    ASSERT_SET("frame_max=0", frame_max, 0);
    ASSERT_SET("frame_max=4096", frame_max, 4096);
    ASSERT_SET("frame_max=128KiB", frame_max, 131072);
    assert_refused("frame_max=4095", "0, or a size");
    assert_refused("initial_frame_max=0", "from 4KiB");
    assert_refused("max_message_size=0", "to 512MiB");
    assert_refused("max_message_size=513MiB", "to 512MiB");
}

static void a_time_without_unit_is_milliseconds(void **state)
{
    (void)state;
    ASSERT_SET("handshake_timeout=20000", handshake_timeout_ms, 20000);
    ASSERT_SET("handshake_timeout=1500ms", handshake_timeout_ms, 1500);
    ASSERT_SET("handshake_timeout=5s", handshake_timeout_ms, 5000);
    ASSERT_SET("handshake_timeout=2m", handshake_timeout_ms, 120000);
    ASSERT_SET("close_timeout=1h", close_timeout_ms, 3600000);
    ASSERT_SET("login.refused_delay=0", refused_login_delay_ms, 0);
    assert_refused("handshake_timeout=0", "a time like");
    assert_refused("handshake_timeout=5 s", "a time like");
    assert_refused("handshake_timeout=5d", "a time like");
    assert_refused("handshake_timeout=2d", "milliseconds");
    assert_refused("close_timeout=2h", "a time like");
}

static void infinity_is_the_longest_time_there_is(void **state)
{
    (void)state;
    ASSERT_SET("handshake_timeout=infinity", handshake_timeout_ms, 86400000);
}

static void counts_may_be_infinite(void **state)
{
    (void)state;
    ASSERT_SET("consumer_max_per_channel=infinity", consumer_max_per_channel, 0);
    ASSERT_SET("consumer_max_per_channel=3", consumer_max_per_channel, 3);
    assert_refused("consumer_max_per_channel=0", "infinity, or a whole number from 1");
}

static void powers_of_two_are_asked_for_where_needed(void **state)
{
    (void)state;
    ASSERT_SET("engine.page_entries=4", page_entries, 4);
    assert_refused("engine.page_entries=3", "a power of two from 2");
    assert_refused("engine.ring_items=1", "a power of two");
}

static void io_threads_are_a_number_or_auto(void **state)
{
    (void)state;
    ASSERT_SET("io_threads=auto", io_threads, SETTINGS_AUTO);
    ASSERT_SET("io_threads=0", io_threads, 0);
    ASSERT_SET("io_threads=64", io_threads, 64);
    assert_refused("io_threads=65", "auto, or a whole number from 0 to 64");
}

static void fractions_have_a_point_and_a_range(void **state)
{
    (void)state;
    ASSERT_SET("vm_memory_high_watermark.relative=0.5", memory_relative, 0.5);
    ASSERT_SET("vm_memory_high_watermark.relative=1", memory_relative, 1.0);
    ASSERT_SET("vm_memory_high_watermark.relative=0", memory_relative, 0.0);
    static const char *const wrong[] = {"",    ".5",  "1.", "-0.4", "40%",  "1e-1",
                                        "nan", "inf", "11", "0x1",  "0.4.1"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char assignment[64] = "vm_memory_high_watermark.relative=";
        strcat(assignment, wrong[i]);
        assert_refused(assignment, "a number like 0.4");
    }
}

static void levels_are_rabbitmqs(void **state)
{
    (void)state;
    ASSERT_SET("log.console.level=debug", log_level, LOG_DEBUG);
    ASSERT_SET("log.console.level=notice", log_level, LOG_INFO);
    ASSERT_SET("log.console.level=warning", log_level, LOG_WARNING);
    ASSERT_SET("log.console.level=critical", log_level, LOG_ERROR);
    ASSERT_SET("log.console.level=none", log_level, SETTINGS_LEVEL_NONE);
    ASSERT_SET("log.level=error", log_level, LOG_ERROR);
    assert_refused("log.level=loud", "debug, info, warning, error or none");
}

static void rabbitmqs_older_names_of_the_http_listener_stand_for_the_new_ones(void **state)
{
    (void)state;
    ASSERT_SET("management.tcp.port=15673", management_port, 15673);
    ASSERT_SET("management.listener.port=0", management_port, 0);
    ASSERT_SET("prometheus.tcp.port=9", prometheus_port, 9);
    assert_refused("management.listener.port=65536", "a whole number from 0 to 65535");
}

static void flags_are_true_or_false(void **state)
{
    (void)state;
    ASSERT_SET("tcp_listen_options.nodelay=false", nodelay, false);
    assert_refused("tcp_listen_options.nodelay=yes", "true or false");
}

static void a_version_is_three_numbers(void **state)
{
    (void)state;
    settings_t *s = set("amqp.version=3.13.7");
    assert_string_equal(s->version, "3.13.7");
    settings_free(&s);
    static const char *const wrong[] = {"3.13", "3.13.7.1", "3.13.x", "3..7", "v3.1.2", "", "3.1.2-rc1"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char assignment[64] = "amqp.version=";
        strcat(assignment, wrong[i]);
        assert_refused(assignment, "three numbers");
    }
}

static void a_password_is_never_repeated_in_a_message(void **state)
{
    (void)state;
    char assignment[512] = "default_pass=";
    memset(assignment + strlen(assignment), 'x', 300);
    error_t err = {""};
    assert_null(read_one(assignment, &err));
    assert_non_null(strstr(err.text, "default_pass: expected 0 to 255 octets"));
    assert_null(strstr(err.text, "xxx"));
}

static void text_is_utf8(void **state)
{
    (void)state;
    settings_t *s = set("default_user=j\xc3\xbcrgen");
    assert_string_equal(s->default_user, "j\xc3\xbcrgen");
    settings_free(&s);
    assert_refused("default_user=j\xfcrgen", "UTF-8");
    assert_refused("default_user=", "1 to 255 octets");
}

static void there_is_one_virtual_host(void **state)
{
    (void)state;
    settings_t *s = set("default_vhost=/");
    settings_free(&s);
    assert_refused("default_vhost=other", "one virtual host");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_taken_within_their_bounds),
        cmocka_unit_test(every_number_of_the_table_has_bounds_that_hold),
        cmocka_unit_test(sizes_have_rabbitmqs_units),
        cmocka_unit_test(frame_max_is_no_limit_or_large_enough),
        cmocka_unit_test(a_time_without_unit_is_milliseconds),
        cmocka_unit_test(infinity_is_the_longest_time_there_is),
        cmocka_unit_test(counts_may_be_infinite),
        cmocka_unit_test(powers_of_two_are_asked_for_where_needed),
        cmocka_unit_test(io_threads_are_a_number_or_auto),
        cmocka_unit_test(fractions_have_a_point_and_a_range),
        cmocka_unit_test(levels_are_rabbitmqs),
        cmocka_unit_test(rabbitmqs_older_names_of_the_http_listener_stand_for_the_new_ones),
        cmocka_unit_test(flags_are_true_or_false),
        cmocka_unit_test(a_version_is_three_numbers),
        cmocka_unit_test(a_password_is_never_repeated_in_a_message),
        cmocka_unit_test(text_is_utf8),
        cmocka_unit_test(there_is_one_virtual_host),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
