/* SPDX-License-Identifier: Apache-2.0
 *
 * test_session_end.c: heartbeats, and all the ways in which a connection ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "amqp/test_session.h"

static void open_beating(hands_t *h, uint16_t heartbeat_s)
{
    open_with(h, all_capabilities, 131072, 2047, heartbeat_s); /* at 1000 ms */
}

static void expect_heartbeat(hands_t *h)
{
    frame_t f = next_frame(h);
    assert_int_equal(f.type, AMQP_FRAME_HEARTBEAT);
    assert_int_equal(f.channel, 0);
    assert_int_equal(f.payload.len, 0);
}

static void give_heartbeat(hands_t *h)
{
    give_frame(h, AMQP_FRAME_HEARTBEAT, 0, BYTES(""));
}

/* ---- heartbeats ---- */

static void a_heartbeat_is_sent_every_half_interval(void **state)
{
    hands_t *h = *state;
    open_beating(h, 4);
    at(h, 3000); /* open-ok was written since the start */
    expect_nothing_sent(h);
    for (uint64_t now_ms = 5000; now_ms <= 11000; now_ms += 2000) {
        give_heartbeat(h);
        at(h, now_ms - 1);
        expect_nothing_sent(h);
        at(h, now_ms);
        expect_heartbeat(h);
        expect_nothing_sent(h);
    }
}

static void other_output_is_as_good_as_a_heartbeat(void **state)
{
    hands_t *h = *state;
    open_beating(h, 4);
    at(h, 4000);
    tell(h, (event_t){.type = EVENT_CONNECTION_UNBLOCKED});
    EXPECT(h, 0, connection_unblocked);
    at(h, 5000);
    expect_nothing_sent(h);
    at(h, 7000);
    expect_heartbeat(h);
}

static void heartbeats_do_not_pile_up_before_a_peer_that_takes_nothing(void **state)
{
    hands_t *h = *state;
    open_beating(h, 4);
    at(h, 5000);
    uint64_t waiting = output_waiting(h->transport.output);
    for (uint64_t now_ms = 6000; now_ms < 100000; now_ms += 1000) {
        give_heartbeat(h);
        at(h, now_ms);
    }
    assert_int_equal(output_waiting(h->transport.output), waiting);
}

static void two_silent_intervals_close_the_socket_without_a_word(void **state)
{
    hands_t *h = *state;
    open_beating(h, 4);
    at(h, 12999);
    assert_false(h->closed);
    at(h, 13000);
    assert_true(h->closed);
    assert_int_equal(h->linger_ms, 0);
    assert_true(logged(
        h, "warning: connection 127.0.0.1:4 -> 127.0.0.1:5672, user 'guest': closed, 2 heartbeats missed "
           "(interval 4 s)"));
    expect_no_command(h);
    hang_up(h, "closed");
    assert_true(expect_command(h, COMMAND_CONNECTION_CLOSE)->flags & COMMAND_GONE);
}

static void any_octet_is_a_sign_of_life(void **state)
{
    hands_t *h = *state;
    open_beating(h, 4);
    bytes_t slow = BYTES("\x08\0\0\0\0\0\0\xce");
    for (size_t i = 0; i < 40; i++) {
        give(h, bytes_make(slow.data + i % 8, 1));
        at(h, h->now_ms + 7000);
        assert_false(h->closed);
    }
}

static void heartbeat_0_is_none(void **state)
{
    hands_t *h = *state;
    open_beating(h, 0);
    assert_int_equal(h->deadline_ms, 0);
}

static void silence_while_we_do_not_read_proves_nothing(void **state)
{
    hands_t *h = *state;
    open_beating(h, 4);
    tell(h, (event_t){.type = EVENT_READING_PAUSED});
    at(h, 100000);
    assert_false(h->closed);
    tell(h, (event_t){.type = EVENT_READING_RESUMED});
    at(h, 100000 + 8000);
    assert_false(h->closed);
    at(h, 100000 + 13000);
    assert_true(h->closed);
}

static void a_peer_that_takes_its_output_slowly_is_alive(void **state)
{
    hands_t *h = *state;
    open_beating(h, 4);
    open_channel(h, 1);
    for (int i = 0; i < 100; i++)
        tell(h, (event_t){.type = EVENT_OK, .channel = 1, .cause = AMQP_basic_qos});
    for (uint64_t now_ms = 5000; now_ms < 60000; now_ms += 4000) {
        drain_some(h, 10);
        at(h, now_ms);
    }
    assert_false(h->closed);
}

/* ---- the client says goodbye ---- */

static void close_ok_follows_the_engines_end(void **state)
{
    hands_t *h = *state;
    open_connection(h);
    GIVE(h, 0, connection_close, .reply_code = 200, .reply_text = BYTES("bye"));
    command_t *c = expect_command(h, COMMAND_CONNECTION_CLOSE);
    assert_null(c->refusal);
    assert_int_equal(c->flags, 0);
    GIVE(h, 1, channel_open, .unused = 0); /* behind a goodbye nothing counts */
    expect_no_command(h);
    expect_nothing_sent(h);
    tell(h, (event_t){.type = EVENT_CONNECTION_CLOSED});
    EXPECT(h, 0, connection_close_ok);
    assert_true(h->closed);
    assert_true(logged(h, "info: connection 127.0.0.1:4 -> 127.0.0.1:5672, user 'guest': closed\n"));
    expect_no_command(h);
    hang_up(h, "closed");
    expect_command(h, COMMAND_CONNECTION_RELEASE);
    assert_int_equal(amqp_io_sessions(h->io), 0);
    assert_false(logged(h, "without a goodbye"));
}

/* So that what it had sent before is carried out whether it waits for close-ok or not. */
static void behind_a_goodbye_the_socket_is_not_read(void **state)
{
    hands_t *h = *state;
    open_connection(h);
    GIVE(h, 0, connection_close, .reply_code = 200);
    expect_command(h, COMMAND_CONNECTION_CLOSE);
    assert_false(h->reading);
    tell(h, (event_t){.type = EVENT_CONNECTION_CLOSED});
    EXPECT(h, 0, connection_close_ok);
}

/* Its goodbye may be waiting for publishes that are held back. */
static void a_socket_lost_behind_its_goodbye_is_told(void **state)
{
    hands_t *h = *state;
    open_connection(h);
    GIVE(h, 0, connection_close, .reply_code = 200);
    expect_command(h, COMMAND_CONNECTION_CLOSE);
    hang_up(h, "connection reset by peer");
    assert_int_equal(expect_command(h, COMMAND_CONNECTION_CLOSE)->flags, COMMAND_GONE);
    assert_true(logged(h, "user 'guest': closed before its goodbye was answered: connection reset by peer"));
    assert_int_equal(amqp_io_sessions(h->io), 1);
    tell(h, (event_t){.type = EVENT_CONNECTION_CLOSED});
    assert_int_equal(amqp_io_sessions(h->io), 0);
    expect_command(h, COMMAND_CONNECTION_RELEASE);
}

static void a_forced_end_that_meets_a_goodbye_gives_close_ok(void **state)
{
    hands_t *h = *state;
    open_connection(h);
    GIVE(h, 0, connection_close, .reply_code = 200);
    tell(h, (event_t){.type = EVENT_CONNECTION_CLOSED, .refusal = refusal_new(320, 0, "shutdown")});
    EXPECT(h, 0, connection_close_ok);
    expect_nothing_sent(h);
    assert_true(h->closed);
}

/* ---- the socket goes ---- */

static void a_lost_socket_winds_up_and_frees(void **state)
{
    hands_t *h = *state;
    open_connection(h);
    hang_up(h, "connection reset by peer");
    command_t *c = expect_command(h, COMMAND_CONNECTION_CLOSE);
    assert_int_equal(c->flags, COMMAND_GONE);
    assert_null(c->refusal);
    assert_int_equal(amqp_io_sessions(h->io), 1);
    tell(h, (event_t){.type = EVENT_CHANNEL_OPENED, .channel = 1});
    tell(h, (event_t){.type = EVENT_CONNECTION_CLOSED});
    assert_int_equal(amqp_io_sessions(h->io), 0);
    expect_command(h, COMMAND_CONNECTION_RELEASE);
    expect_no_command(h);
    assert_true(logged(
        h, "warning: connection 127.0.0.1:4 -> 127.0.0.1:5672, user 'guest': closed without a goodbye: "
           "connection reset by peer"));
}

/* ---- we say goodbye ---- */

static void force(hands_t *h)
{
    tell(h, (event_t){
                .type = EVENT_CONNECTION_CLOSED,
                .refusal = refusal_new(320, 0, "broker forced connection closure with reason 'shutdown'"),
            });
    expect_close(h, 320, "CONNECTION_FORCED - broker forced connection closure with reason 'shutdown'", 0);
}

static void a_forced_end_waits_for_close_ok_only(void **state)
{
    hands_t *h = *state;
    open_connection(h);
    open_channel(h, 1);
    force(h);
    GIVE(h, 1, queue_declare, .queue = BYTES("q"));
    GIVE(h, 0, connection_update_secret, .new_secret = BYTES("guest"));
    give_frame(h, AMQP_FRAME_HEADER, 1, BYTES("whatever"));
    give_frame(h, AMQP_FRAME_BODY, 0, BYTES("whatever"));
    expect_no_command(h);
    expect_nothing_sent(h);
    assert_false(h->closed);
    GIVE(h, 0, connection_close_ok, .unused = 0);
    assert_true(h->closed);
    hang_up(h, "closed");
    expect_command(h, COMMAND_CONNECTION_RELEASE);
    assert_int_equal(amqp_io_sessions(h->io), 0);
}

static void a_goodbye_that_meets_ours_is_answered(void **state)
{
    hands_t *h = *state;
    open_connection(h);
    force(h);
    GIVE(h, 0, connection_close, .reply_code = 200);
    EXPECT(h, 0, connection_close_ok);
    assert_false(h->closed);
    GIVE(h, 0, connection_close_ok, .unused = 0);
    assert_true(h->closed);
}

static void without_close_ok_the_socket_closes_after_the_heartbeat(void **state)
{
    static const struct {
        uint16_t heartbeat_s;
        uint64_t after_ms;
    } cases[] = {{2, 2000}, {29, 29000}, {60, 30000}, {0, 30000}};
    hands_t *h = *state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        open_beating(h, cases[i].heartbeat_s);
        force(h);
        uint64_t from_ms = h->now_ms;
        at(h, from_ms + cases[i].after_ms - 1);
        assert_false(h->closed);
        at(h, from_ms + cases[i].after_ms);
        assert_true(h->closed);
        expect_nothing_sent(h);
        hang_up(h, "closed");
        expect_command(h, COMMAND_CONNECTION_RELEASE);
    }
}

static void a_paused_connection_still_hears_the_close_ok(void **state)
{
    hands_t *h = *state;
    open_connection(h);
    tell(h, (event_t){.type = EVENT_READING_PAUSED});
    assert_false(h->reading);
    force(h);
    assert_true(h->reading);
    GIVE(h, 0, connection_close_ok, .unused = 0);
    assert_true(h->closed);
}

static void a_stalled_connection_still_hears_the_close_ok(void **state)
{
    (void)state;
    hands_t *h = hands_new(4, NULL);
    open_connection(h);
    GIVE(h, 1, channel_open, .unused = 0);
    GIVE(h, 2, channel_open, .unused = 0);
    assert_false(h->reading);
    force(h);
    assert_true(h->reading);
    feed(h);
    GIVE(h, 0, connection_close_ok, .unused = 0);
    assert_true(h->closed);
    amqp_io_resume(h->io);
    void *own = h;
    tear_down(&own);
}

/* The rest of a body frame is skipped, then the goodbye is read. */
static void a_forced_end_in_the_middle_of_a_body_keeps_the_framing(void **state)
{
    hands_t *h = *state;
    open_connection(h);
    open_channel(h, 1);
    GIVE(h, 1, basic_publish, .routing_key = BYTES("q"));
    give_header(h, 1, 10);
    give(h, BYTES("\3\0\1\0\0\0\x0a"
                  "hello"));
    force(h);
    give(h, BYTES("world\xce"));
    GIVE(h, 1, basic_publish, .routing_key = BYTES("q"));
    expect_no_command(h);
    GIVE(h, 0, connection_close_ok, .unused = 0);
    assert_true(h->closed);
}

static void a_hard_error_found_here_stops_parsing_until_the_engine_has_ended(void **state)
{
    hands_t *h = *state;
    open_connection(h);
    GIVE(h, 1, queue_declare, .queue = BYTES("q"));
    assert_false(h->reading);
    GIVE(h, 1, channel_open, .unused = 0);
    GIVE(h, 0, connection_close_ok, .unused = 0);
    expect_refused(h, 504, "CHANNEL_ERROR - expected 'channel.open'", AMQP_queue_declare);
    assert_true(logged(h, "error: connection 127.0.0.1:4 -> 127.0.0.1:5672, user 'guest': closed by us, 504 "
                          "CHANNEL_ERROR - expected 'channel.open'"));
    assert_true(h->reading);
    feed(h);
    assert_true(h->closed);
    expect_no_command(h);
}

static void the_engines_own_reason_goes_before_ours(void **state)
{
    hands_t *h = *state;
    open_connection(h);
    GIVE(h, 1, queue_declare, .queue = BYTES("q"));
    force(h);
    assert_true(expect_command(h, COMMAND_CONNECTION_CLOSE)->refusal != NULL);
    GIVE(h, 0, connection_close_ok, .unused = 0);
    feed(h);
    assert_true(h->closed);
}

static void a_socket_lost_while_an_error_is_wound_up_is_not_told_again(void **state)
{
    hands_t *h = *state;
    open_connection(h);
    GIVE(h, 1, queue_declare, .queue = BYTES("q"));
    expect_command(h, COMMAND_CONNECTION_CLOSE);
    hang_up(h, "closed by peer");
    expect_no_command(h);
    tell(h, (event_t){.type = EVENT_CONNECTION_CLOSED, .refusal = refusal_new(504, 0, "x")});
    expect_command(h, COMMAND_CONNECTION_RELEASE);
    assert_int_equal(amqp_io_sessions(h->io), 0);
}

static void nothing_is_pushed_after_the_engines_end(void **state)
{
    hands_t *h = *state;
    open_connection(h);
    open_channel(h, 1);
    GIVE(h, 1, basic_consume, .queue = BYTES("q"), .consumer_tag = BYTES("t"));
    uint32_t consumer = expect_command(h, COMMAND_CONSUME)->count;
    message_t *m = message_new(BYTES(""), BYTES("q"), BYTES("\0\0"), 0);
    tell(h, (event_t){.type = EVENT_DELIVER, .channel = 1, .consumer = consumer, .message = m});
    tell(h, (event_t){.type = EVENT_CONNECTION_CLOSED, .refusal = refusal_new(320, 0, "x")});
    drain(h);
    GIVE(h, 1, basic_ack, .delivery_tag = 1);
    expect_no_command(h);
    message_free(m);
}

static void every_write_is_told_to_the_transport(void **state)
{
    hands_t *h = *state;
    open_connection(h);
    uint64_t before = h->flushes;
    tell(h, (event_t){.type = EVENT_CONNECTION_UNBLOCKED});
    assert_int_equal(h->flushes, before + 1);
    tell(h, (event_t){.type = EVENT_READING_PAUSED});
    assert_int_equal(h->flushes, before + 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_heartbeat_is_sent_every_half_interval),
        CASE(other_output_is_as_good_as_a_heartbeat),
        CASE(heartbeats_do_not_pile_up_before_a_peer_that_takes_nothing),
        CASE(two_silent_intervals_close_the_socket_without_a_word),
        CASE(any_octet_is_a_sign_of_life),
        CASE(heartbeat_0_is_none),
        CASE(silence_while_we_do_not_read_proves_nothing),
        CASE(a_peer_that_takes_its_output_slowly_is_alive),
        CASE(close_ok_follows_the_engines_end),
        CASE(behind_a_goodbye_the_socket_is_not_read),
        CASE(a_socket_lost_behind_its_goodbye_is_told),
        CASE(a_forced_end_that_meets_a_goodbye_gives_close_ok),
        CASE(a_lost_socket_winds_up_and_frees),
        CASE(a_forced_end_waits_for_close_ok_only),
        CASE(a_goodbye_that_meets_ours_is_answered),
        CASE(without_close_ok_the_socket_closes_after_the_heartbeat),
        CASE(a_paused_connection_still_hears_the_close_ok),
        cmocka_unit_test(a_stalled_connection_still_hears_the_close_ok),
        CASE(a_forced_end_in_the_middle_of_a_body_keeps_the_framing),
        CASE(a_hard_error_found_here_stops_parsing_until_the_engine_has_ended),
        CASE(the_engines_own_reason_goes_before_ours),
        CASE(a_socket_lost_while_an_error_is_wound_up_is_not_told_again),
        CASE(nothing_is_pushed_after_the_engines_end),
        CASE(every_write_is_told_to_the_transport),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
