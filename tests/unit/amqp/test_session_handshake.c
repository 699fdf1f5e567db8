/* SPDX-License-Identifier: Apache-2.0
 *
 * test_session_handshake.c: from the protocol header to connection.open, and all that may go wrong on the
 * way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "amqp/test_session.h"

/* ---- octet for octet ---- */

static void assert_got(hands_t *h, bytes_t expected)
{
    drain(h);
    assert_int_equal(h->got.len, expected.len);
    assert_memory_equal(h->got.data, expected.data, expected.len);
    buffer_clear(&h->got);
}

static const char start_frame[] = "\1\0\0\0\0\x01\x90"
                                  "\0\x0a\0\x0a\0\x09"
                                  "\0\0\x01\x6b"
                                  "\x0c"
                                  "capabilities"
                                  "F\0\0\0\x9f"
                                  "\x12"
                                  "publisher_confirms"
                                  "t\1"
                                  "\x1a"
                                  "exchange_exchange_bindings"
                                  "t\1"
                                  "\x0a"
                                  "basic.nack"
                                  "t\1"
                                  "\x16"
                                  "consumer_cancel_notify"
                                  "t\1"
                                  "\x12"
                                  "connection.blocked"
                                  "t\1"
                                  "\x1c"
                                  "authentication_failure_close"
                                  "t\1"
                                  "\x10"
                                  "per_consumer_qos"
                                  "t\1"
                                  "\x0c"
                                  "cluster_name"
                                  "S\0\0\0\x06"
                                  "chaski"
                                  "\x09"
                                  "copyright"
                                  "S\0\0\0\x20"
                                  "Copyright (c) the chaski authors"
                                  "\x0b"
                                  "information"
                                  "S\0\0\0\x2e"
                                  "Licensed under the Apache License, Version 2.0"
                                  "\x08"
                                  "platform"
                                  "S\0\0\0\1"
                                  "C"
                                  "\x07"
                                  "product"
                                  "S\0\0\0\x06"
                                  "chaski"
                                  "\x07"
                                  "version"
                                  "S\0\0\0\x05"
                                  "0.1.0"
                                  "\0\0\0\x0e"
                                  "PLAIN AMQPLAIN"
                                  "\0\0\0\5"
                                  "en_US"
                                  "\xce";

static void a_whole_handshake_has_these_octets(void **state)
{
    hands_t *h = *state;
    connect_client(h);
    expect_nothing_sent(h);
    give(h, HEADER);
    assert_got(h, BYTES(start_frame));

    give(h, BYTES("\1\0\0\0\0\0\x24\0\x0a\0\x0b"
                  "\0\0\0\0"
                  "\5"
                  "PLAIN"
                  "\0\0\0\x0c"
                  "\0guest\0guest"
                  "\5"
                  "en_US"
                  "\xce"));
    assert_got(h, BYTES("\1\0\0\0\0\0\x0c\0\x0a\0\x1e\x07\xff\0\x02\0\0\0\x3c\xce"));

    give(h, BYTES("\1\0\0\0\0\0\x0c\0\x0a\0\x1f\x07\xff\0\x02\0\0\0\x3c\xce"
                  "\1\0\0\0\0\0\x08\0\x0a\0\x28\1/\0\0\xce"));
    expect_command(h, COMMAND_CONNECTION_OPEN);
    tell(h, (event_t){.type = EVENT_CONNECTION_OPENED});
    assert_got(h, BYTES("\1\0\0\0\0\0\5\0\x0a\0\x29\0\xce"));

    give(h, BYTES("\1\0\0\0\0\0\x0b\0\x0a\0\x32\0\xc8\0\0\0\0\0\xce"));
    expect_command(h, COMMAND_CONNECTION_CLOSE);
    tell(h, (event_t){.type = EVENT_CONNECTION_CLOSED});
    assert_got(h, BYTES("\1\0\0\0\0\0\4\0\x0a\0\x33\xce"));
    assert_true(h->closed);
}

static void the_header_of_0_9_is_taken_too(void **state)
{
    hands_t *h = *state;
    connect_client(h);
    give(h, BYTES("AMQP\1\1\0\x09"));
    assert_int_equal(RECEIVE(h, 0, connection_start).version_minor, 9);
}

static void another_header_is_answered_with_ours_and_the_socket_closes(void **state)
{
    static const char headers[][9] = {"AMQP\0\0\x09\x02", "AMQP\0\1\0\0", "AMQP\1\1\x08\0", "AMQP\3\1\0\0",
                                      "GET / HT"};
    hands_t *h = *state;
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
        connect_client(h);
        give(h, bytes_make(headers[i], 8));
        assert_got(h, HEADER);
        assert_true(h->closed);
        hang_up(h, "closed");
        assert_int_equal(amqp_io_sessions(h->io), 0);
    }
}

static void seven_octets_of_header_wait_for_the_eighth(void **state)
{
    hands_t *h = *state;
    connect_client(h);
    give(h, BYTES("GET / H"));
    expect_nothing_sent(h);
    assert_false(h->closed);
}

static void a_socket_closed_before_its_first_octet_is_not_logged(void **state)
{
    hands_t *h = *state;
    connect_client(h);
    hang_up(h, "closed by peer");
    assert_int_equal(h->lines.len, 0);
    assert_int_equal(amqp_io_sessions(h->io), 0);
}

static void a_socket_closed_during_the_handshake_is_logged(void **state)
{
    hands_t *h = *state;
    connect_client(h);
    give(h, HEADER);
    hang_up(h, "closed by peer");
    assert_true(logged(
        h, "warning: connection 127.0.0.1:4 -> 127.0.0.1:5672: closed during the handshake (starting): "
           "closed by peer"));
}

static void a_handshake_that_takes_too_long_is_dropped(void **state)
{
    hands_t *h = *state;
    connect_client(h);
    give(h, HEADER);
    at(h, 10999);
    assert_false(h->closed);
    at(h, 11000);
    assert_true(h->closed);
    assert_int_equal(h->linger_ms, 0);
}

static void shutdown_closes_what_has_not_opened(void **state)
{
    hands_t *h = *state;
    log_in(h);
    h->session->kind->shutdown(h->session);
    assert_true(h->closed);
}

static void shutdown_leaves_an_open_connection_to_the_engine(void **state)
{
    hands_t *h = *state;
    open_connection(h);
    h->session->kind->shutdown(h->session);
    assert_false(h->closed);
    expect_no_command(h);
}

/* ---- login ---- */

static void give_login(hands_t *h, const char *mechanism, bytes_t response, const char *const *capabilities)
{
    connect_client(h);
    give(h, HEADER);
    EXPECT(h, 0, connection_start);
    give_start_ok(h, mechanism, response, capabilities);
}

/* Silence for three seconds, then the socket closes. */
static void expect_dropped(hands_t *h)
{
    uint64_t from_ms = h->now_ms;
    give(h, BYTES("octets that nobody reads"));
    assert_int_equal(h->unread.len, 0);
    at(h, from_ms + 2999);
    expect_nothing_sent(h);
    assert_false(h->closed);
    at(h, from_ms + 3000);
    assert_true(h->closed);
    expect_nothing_sent(h);
    expect_no_command(h);
    hang_up(h, "closed");
    assert_int_equal(amqp_io_sessions(h->io), 0);
}

static void amqplain_logs_in(void **state)
{
    hands_t *h = *state;
    buffer_t response = {0};
    table_put_string(&response, "LOGIN", BYTES("guest"));
    table_put_string(&response, "PASSWORD", BYTES("guest"));
    give_login(h, "AMQPLAIN", buffer_bytes(&response), no_capabilities);
    buffer_free(&response);
    assert_int_equal(RECEIVE(h, 0, connection_tune).channel_max, 2047);
}

static void plain_ignores_the_authorization_identity(void **state)
{
    hands_t *h = *state;
    give_login(h, "PLAIN", BYTES("somebody\0guest\0guest"), no_capabilities);
    EXPECT(h, 0, connection_tune);
}

static void a_wrong_password_is_403_for_those_who_can_hear_it(void **state)
{
    hands_t *h = *state;
    give_login(h, "PLAIN", BYTES("\0guest\0guess"), all_capabilities);
    expect_close(
        h, 403,
        "ACCESS_REFUSED - Login was refused using authentication mechanism PLAIN. For details see the broker "
        "logfile.",
        0);
    assert_true(logged(h, "login of user 'guest' by PLAIN refused: wrong password"));
    assert_false(h->closed);
    at(h, 4000);
    assert_true(h->closed);
    expect_no_command(h);
}

static void a_client_that_answers_the_403_need_not_wait(void **state)
{
    hands_t *h = *state;
    give_login(h, "PLAIN", BYTES("\0guest\0guess"), all_capabilities);
    EXPECT(h, 0, connection_close);
    GIVE(h, 0, connection_close_ok, .unused = 0);
    assert_true(h->closed);
}

static void refused_logins_are_silent_for_the_others(void **state)
{
    static const struct {
        const char *response;
        size_t len;
        const char *logged;
    } cases[] = {
        {"\0guest\0guess", 12, "login of user 'guest' by PLAIN refused: "},
        {"\0nobody\0guest", 13, "login of user 'nobody' by PLAIN refused: "},
        {"\0guest\0", 7, "login of user 'guest' by PLAIN refused: "},
    };
    hands_t *h = *state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        buffer_clear(&h->lines);
        give_login(h, "PLAIN", bytes_make(cases[i].response, cases[i].len), no_capabilities);
        expect_dropped(h);
        assert_true(logged(h, cases[i].logged));
    }
}

static void a_loopback_user_from_elsewhere_is_refused(void **state)
{
    hands_t *h = *state;
    h->transport.loopback = false;
    give_login(h, "PLAIN", GUEST, all_capabilities);
    assert_int_equal(RECEIVE(h, 0, connection_close).reply_code, 403);
}

static void malformed_responses_are_dropped(void **state)
{
    static const struct {
        const char *mechanism;
        bytes_t response;
    } cases[] = {
        {"PLAIN", {(const uint8_t *)"", 0}},
        {"PLAIN", {(const uint8_t *)"guest", 5}},
        {"PLAIN", {(const uint8_t *)"\0guest", 6}},
        {"PLAIN", {(const uint8_t *)"\0guest\0gu\0st", 12}},
        {"AMQPLAIN", {(const uint8_t *)"", 0}},
        {"AMQPLAIN", {(const uint8_t *)"\5LOGINS\0\0\0\5guest", 16}},
        {"AMQPLAIN", {(const uint8_t *)"\5LOGINt\1\x08PASSWORDt\1", 19}},
        {"AMQPLAIN", {(const uint8_t *)"\5LOGINS\0\0\0\xff", 11}},
    };
    hands_t *h = *state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        give_login(h, cases[i].mechanism, cases[i].response, all_capabilities);
        expect_dropped(h);
        assert_true(logged(h, "malformed"));
        buffer_clear(&h->lines);
    }
}

static void an_unknown_mechanism_is_dropped(void **state)
{
    hands_t *h = *state;
    give_login(h, "EXTERNAL", BYTES(""), all_capabilities);
    expect_dropped(h);
    assert_true(logged(h, "unknown login mechanism 'EXTERNAL'"));
}

static void the_clients_word_cannot_forge_a_log_line(void **state)
{
    hands_t *h = *state;
    give_login(h, "PLAIN", BYTES("\0a\nerror: fire\0x"), all_capabilities);
    assert_false(logged(h, "\nerror: fire"));
}

/* ---- out of step ---- */

static void methods_out_of_step_are_dropped(void **state)
{
    hands_t *h = *state;
    connect_client(h);
    give(h, HEADER);
    EXPECT(h, 0, connection_start);
    GIVE(h, 1, channel_open, .unused = 0);
    expect_dropped(h);

    log_in(h);
    GIVE(h, 0, connection_open, .virtual_host = BYTES("/"));
    expect_dropped(h);

    log_in(h);
    give_frame(h, AMQP_FRAME_HEADER, 1, BYTES("x"));
    expect_dropped(h);
}

static void a_start_ok_that_is_too_large_is_dropped(void **state)
{
    hands_t *h = *state;
    connect_client(h);
    give(h, HEADER);
    EXPECT(h, 0, connection_start);
    give(h, BYTES("\1\0\0\0\0\x20\x01"));
    expect_dropped(h);
}

static void a_start_ok_of_the_largest_size_is_taken(void **state)
{
    hands_t *h = *state;
    char *password = calloc(1, 8192);
    memset(password, 'x', 8192);
    connect_client(h);
    give(h, HEADER);
    EXPECT(h, 0, connection_start);
    /* ids 4, properties 4, mechanism 6, response 4 + n, locale 1 = 8192 */
    GIVE(h, 0, connection_start_ok, .mechanism = BYTES("PLAIN"), .response = bytes_make(password, 8192 - 19));
    free(password);
    assert_true(logged(h, "malformed PLAIN response"));
}

static void a_goodbye_during_the_handshake_is_answered(void **state)
{
    hands_t *h = *state;
    log_in(h);
    GIVE(h, 0, connection_close, .reply_code = 200);
    EXPECT(h, 0, connection_close_ok);
    assert_true(h->closed);
}

/* ---- tuning ---- */

static void values_outside_of_what_was_offered_are_530(void **state)
{
    static const struct {
        uint32_t frame_max;
        uint16_t channel_max;
        const char *text;
    } cases[] = {
        {100, 2047, "negotiated frame_max = 100 is lower than the minimum allowed value (4096)"},
        {4095, 2047, "negotiated frame_max = 4095 is lower than the minimum allowed value (4096)"},
        {131073, 2047, "negotiated frame_max = 131073 is higher than the maximum allowed value (131072)"},
        {0, 2047, "negotiated frame_max = 0 is higher than the maximum allowed value (131072)"},
        {131072, 2048, "negotiated channel_max = 2048 is higher than the maximum allowed value (2047)"},
        {131072, 0, "negotiated channel_max = 0 is higher than the maximum allowed value (2047)"},
    };
    hands_t *h = *state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[160];
        snprintf(text, sizeof text, "NOT_ALLOWED - %s", cases[i].text);
        log_in(h);
        GIVE(h, 0, connection_tune_ok, .frame_max = cases[i].frame_max, .channel_max = cases[i].channel_max);
        expect_close(h, 530, text, AMQP_connection_tune_ok);
        expect_no_command(h);
        hang_up(h, "closed by peer");
    }
    assert_int_equal(amqp_io_sessions(h->io), 0);
}

static void the_smallest_frame_max_is_4096(void **state)
{
    hands_t *h = *state;
    open_with(h, all_capabilities, 4096, 1, 0);
}

static void without_limits(amqp_options_t *o)
{
    o->frame_max = 0;
    o->channel_max = 0;
}

static void zero_is_taken_where_we_set_no_limit(void **state)
{
    (void)state;
    hands_t *h = hands_new(16, without_limits);
    open_with(h, all_capabilities, 0, 0, 0);
    void *own = h;
    tear_down(&own);
}

/* ---- open ---- */

static void open_asks_the_engine_with_all_that_is_known(void **state)
{
    hands_t *h = *state;
    log_in(h);
    GIVE(h, 0, connection_tune_ok, .frame_max = 131072, .channel_max = 2047, .heartbeat = 60);
    GIVE(h, 0, connection_open, .virtual_host = BYTES("/a"));
    command_t *c = expect_command(h, COMMAND_CONNECTION_OPEN);
    assert_text(c->opening->name, "127.0.0.1:4 -> 127.0.0.1:5672");
    assert_text(c->opening->vhost, "/a");
    assert_text(c->opening->user, "guest");
    assert_true(c->opening->wants_cancel_notify);
    assert_true(c->opening->wants_blocked);
    assert_true(table_valid(c->opening->client_properties));
    field_t product;
    assert_true(table_find(c->opening->client_properties, BYTES("product"), &product));
    assert_text(product.octets, "test");

    expect_nothing_sent(h);
    tell(h, (event_t){.type = EVENT_CONNECTION_OPENED});
    EXPECT(h, 0, connection_open_ok);
    assert_true(
        logged(h, "info: connection 127.0.0.1:4 -> 127.0.0.1:5672, user 'guest': opened, vhost '/a'"));
}

static void capabilities_that_were_not_announced_are_not_wanted(void **state)
{
    hands_t *h = *state;
    log_in_with(h, no_capabilities);
    GIVE(h, 0, connection_tune_ok, .frame_max = 131072, .channel_max = 2047);
    GIVE(h, 0, connection_open, .virtual_host = BYTES("/"));
    command_t *c = expect_command(h, COMMAND_CONNECTION_OPEN);
    assert_false(c->opening->wants_cancel_notify);
    assert_false(c->opening->wants_blocked);
}

static void what_follows_open_waits_for_the_engines_answer(void **state)
{
    hands_t *h = *state;
    log_in(h);
    GIVE(h, 0, connection_tune_ok, .frame_max = 131072, .channel_max = 2047);
    GIVE(h, 0, connection_open, .virtual_host = BYTES("/"));
    GIVE(h, 1, channel_open, .unused = 0);
    expect_command(h, COMMAND_CONNECTION_OPEN);
    expect_no_command(h);
    assert_false(h->reading);
    tell(h, (event_t){.type = EVENT_CONNECTION_OPENED});
    assert_true(h->reading);
    feed(h);
    expect_command(h, COMMAND_CHANNEL_OPEN);
}

static void a_vhost_that_the_engine_refuses_is_told(void **state)
{
    hands_t *h = *state;
    log_in(h);
    GIVE(h, 0, connection_tune_ok, .frame_max = 131072, .channel_max = 2047);
    GIVE(h, 0, connection_open, .virtual_host = BYTES("no"));
    uint32_t cause = expect_command(h, COMMAND_CONNECTION_OPEN)->cause;
    tell(h, (event_t){
                .type = EVENT_CONNECTION_CLOSED,
                .refusal = refusal_new(530, cause, "vhost no not found"),
            });
    expect_close(h, 530, "NOT_ALLOWED - vhost no not found", AMQP_connection_open);
    GIVE(h, 0, connection_close_ok, .unused = 0);
    assert_true(h->closed);
    hang_up(h, "closed");
    expect_command(h, COMMAND_CONNECTION_RELEASE);
    assert_int_equal(amqp_io_sessions(h->io), 0);
}

static void a_handshake_that_the_engine_does_not_end_is_dropped_and_wound_up(void **state)
{
    hands_t *h = *state;
    log_in(h);
    GIVE(h, 0, connection_tune_ok, .frame_max = 131072, .channel_max = 2047);
    GIVE(h, 0, connection_open, .virtual_host = BYTES("/"));
    expect_command(h, COMMAND_CONNECTION_OPEN);
    at(h, 11000);
    assert_true(h->closed);
    hang_up(h, "closed");
    assert_true(expect_command(h, COMMAND_CONNECTION_CLOSE)->flags & COMMAND_GONE);
    tell(h, (event_t){.type = EVENT_CONNECTION_OPENED});
    assert_int_equal(amqp_io_sessions(h->io), 1);
    tell(h, (event_t){.type = EVENT_CONNECTION_CLOSED});
    assert_int_equal(amqp_io_sessions(h->io), 0);
    expect_command(h, COMMAND_CONNECTION_RELEASE);
}

/* ---- later ---- */

static void a_new_secret_is_taken_whatever_it_is(void **state)
{
    hands_t *h = *state;
    open_connection(h);
    GIVE(h, 0, connection_update_secret, .new_secret = BYTES("anything"), .reason = BYTES("renewed"));
    EXPECT(h, 0, connection_update_secret_ok);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_whole_handshake_has_these_octets),
        CASE(the_header_of_0_9_is_taken_too),
        CASE(another_header_is_answered_with_ours_and_the_socket_closes),
        CASE(seven_octets_of_header_wait_for_the_eighth),
        CASE(a_socket_closed_before_its_first_octet_is_not_logged),
        CASE(a_socket_closed_during_the_handshake_is_logged),
        CASE(a_handshake_that_takes_too_long_is_dropped),
        CASE(shutdown_closes_what_has_not_opened),
        CASE(shutdown_leaves_an_open_connection_to_the_engine),
        CASE(amqplain_logs_in),
        CASE(plain_ignores_the_authorization_identity),
        CASE(a_wrong_password_is_403_for_those_who_can_hear_it),
        CASE(a_client_that_answers_the_403_need_not_wait),
        CASE(refused_logins_are_silent_for_the_others),
        CASE(a_loopback_user_from_elsewhere_is_refused),
        CASE(malformed_responses_are_dropped),
        CASE(an_unknown_mechanism_is_dropped),
        CASE(the_clients_word_cannot_forge_a_log_line),
        CASE(methods_out_of_step_are_dropped),
        CASE(a_start_ok_that_is_too_large_is_dropped),
        CASE(a_start_ok_of_the_largest_size_is_taken),
        CASE(a_goodbye_during_the_handshake_is_answered),
        CASE(values_outside_of_what_was_offered_are_530),
        CASE(the_smallest_frame_max_is_4096),
        cmocka_unit_test(zero_is_taken_where_we_set_no_limit),
        CASE(open_asks_the_engine_with_all_that_is_known),
        CASE(capabilities_that_were_not_announced_are_not_wanted),
        CASE(what_follows_open_waits_for_the_engines_answer),
        CASE(a_vhost_that_the_engine_refuses_is_told),
        CASE(a_handshake_that_the_engine_does_not_end_is_dropped_and_wound_up),
        CASE(a_new_secret_is_taken_whatever_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
