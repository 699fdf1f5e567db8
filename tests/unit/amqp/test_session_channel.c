/* SPDX-License-Identifier: Apache-2.0
 *
 * test_session_channel.c: the lives of channel numbers, and closes that cross. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "amqp/test_session.h"

static event_t channel_refused(uint16_t channel)
{
    return (event_t){
        .type = EVENT_CHANNEL_REFUSED,
        .channel = channel,
        .refusal = refusal_new(404, AMQP_basic_get, "no queue 'q' in vhost '/'"),
    };
}

static void expect_channel_close(hands_t *h, uint16_t channel)
{
    amqp_channel_close_t close = RECEIVE(h, channel, channel_close);
    assert_int_equal(close.reply_code, 404);
    assert_text(close.reply_text, "NOT_FOUND - no queue 'q' in vhost '/'");
    assert_int_equal(AMQP_METHOD_ID(close.class_id, close.method_id), AMQP_basic_get);
}

static void close_channel(hands_t *h, uint16_t channel)
{
    GIVE(h, channel, channel_close, .reply_code = 200);
}

static void engine_closes(hands_t *h, uint16_t channel)
{
    command_t *c = expect_command(h, COMMAND_CHANNEL_CLOSE);
    assert_int_equal(c->channel, channel);
    tell(h, (event_t){.type = EVENT_CHANNEL_CLOSED, .channel = channel, .cause = c->cause});
    EXPECT(h, channel, channel_close_ok);
}

static void a_channel_opens_and_closes(void **state)
{
    hands_t *h = *state;
    open_connection(h);
    open_channel(h, 65535);
    close_channel(h, 65535);
    engine_closes(h, 65535);
    expect_no_command(h);
}

static void close_ok_waits_for_the_engine(void **state)
{
    hands_t *h = *state;
    open_connection(h);
    open_channel(h, 1);
    close_channel(h, 1);
    expect_nothing_sent(h);
    engine_closes(h, 1);
}

static void a_closing_number_may_be_opened_at_once(void **state)
{
    hands_t *h = *state;
    open_connection(h);
    open_channel(h, 1);
    for (int i = 0; i < 3; i++) {
        close_channel(h, 1);
        GIVE(h, 1, channel_open, .unused = 0);
    }
    for (int i = 0; i < 3; i++) {
        engine_closes(h, 1);
        expect_command(h, COMMAND_CHANNEL_OPEN);
        tell(h, (event_t){.type = EVENT_CHANNEL_OPENED, .channel = 1});
        EXPECT(h, 1, channel_open_ok);
    }
}

/* ---- wrong order ---- */

static void expect_504(hands_t *h, const char *text, amqp_method_id cause)
{
    char whole[128];
    snprintf(whole, sizeof whole, "CHANNEL_ERROR - %s", text);
    expect_refused(h, 504, whole, cause);
    hang_up(h, "closed by peer");
    expect_command(h, COMMAND_CONNECTION_RELEASE);
}

static void methods_on_an_unopened_channel_are_504(void **state)
{
    hands_t *h = *state;
    open_connection(h);
    GIVE(h, 1, queue_declare, .queue = BYTES("q"));
    expect_504(h, "expected 'channel.open'", AMQP_queue_declare);
    open_connection(h);
    close_channel(h, 1);
    expect_504(h, "expected 'channel.open'", AMQP_channel_close);
    open_connection(h);
    GIVE(h, 1, channel_close_ok, .unused = 0);
    expect_504(h, "expected 'channel.open'", AMQP_channel_close_ok);
}

static void a_second_open_is_504(void **state)
{
    hands_t *h = *state;
    open_connection(h);
    open_channel(h, 1);
    GIVE(h, 1, channel_open, .unused = 0);
    expect_504(h, "second 'channel.open' seen", AMQP_channel_open);

    open_connection(h);
    open_channel(h, 1);
    tell(h, channel_refused(1));
    expect_channel_close(h, 1);
    GIVE(h, 1, channel_open, .unused = 0);
    expect_504(h, "second 'channel.open' seen", AMQP_channel_open);
}

static void channel_methods_on_channel_0_are_504(void **state)
{
    hands_t *h = *state;
    open_connection(h);
    GIVE(h, 0, queue_declare, .queue = BYTES("q"));
    expect_504(h, "unexpected method in connection state running", AMQP_queue_declare);
    open_connection(h);
    GIVE(h, 0, connection_open, .virtual_host = BYTES("/"));
    expect_504(h, "unexpected method in connection state running", AMQP_connection_open);
}

static void expect_503(hands_t *h, amqp_method_id cause)
{
    expect_refused(h, 503, "COMMAND_INVALID - unimplemented method", cause);
    hang_up(h, "closed by peer");
    expect_command(h, COMMAND_CONNECTION_RELEASE);
}

static void methods_that_are_not_for_us_are_503(void **state)
{
    hands_t *h = *state;
#define REFUSED_503(class_method)                                                                            \
    do {                                                                                                     \
        open_connection(h);                                                                                  \
        open_channel(h, 1);                                                                                  \
        GIVE(h, 1, class_method, .unused = 0);                                                               \
        expect_503(h, AMQP_##class_method);                                                                  \
    } while (0)
    REFUSED_503(connection_open);
    REFUSED_503(connection_close);
    REFUSED_503(channel_open_ok);
    REFUSED_503(channel_flow_ok);
    REFUSED_503(channel_close_ok);
    REFUSED_503(access_request_ok);
    REFUSED_503(exchange_declare_ok);
    REFUSED_503(exchange_unbind_ok);
    REFUSED_503(queue_declare_ok);
    REFUSED_503(basic_return);
    REFUSED_503(basic_deliver);
    REFUSED_503(basic_get_ok);
    REFUSED_503(basic_get_empty);
    REFUSED_503(basic_recover_ok);
    REFUSED_503(confirm_select_ok);
    REFUSED_503(tx_commit_ok);
#undef REFUSED_503
}

static void an_answer_to_our_cancel_is_taken(void **state)
{
    hands_t *h = *state;
    open_connection(h);
    open_channel(h, 1);
    GIVE(h, 1, basic_cancel_ok, .consumer_tag = BYTES("t"));
    expect_no_command(h);
    expect_nothing_sent(h);
}

/* ---- how many ---- */

static void channel_max_counts_channels_not_their_numbers(void **state)
{
    hands_t *h = *state;
    open_with(h, all_capabilities, 131072, 3, 0);
    open_channel(h, 100);
    open_channel(h, 200);
    open_channel(h, 300);
    close_channel(h, 200);
    GIVE(h, 400, channel_open, .unused = 0);
    engine_closes(h, 200);
    expect_command(h, COMMAND_CHANNEL_OPEN);
    GIVE(h, 1, channel_open, .unused = 0);
    expect_refused(
        h, 530, "NOT_ALLOWED - number of channels opened (3) has reached the negotiated channel_max (3)", 0);
}

/* ---- refused ---- */

static void a_refused_channel_ignores_all_but_goodbyes(void **state)
{
    hands_t *h = *state;
    open_connection(h);
    open_channel(h, 1);
    tell(h, channel_refused(1));
    expect_channel_close(h, 1);
    GIVE(h, 1, queue_declare, .queue = BYTES("q"));
    GIVE(h, 1, basic_publish, .routing_key = BYTES("q"));
    give_header(h, 1, 5);
    give_frame(h, AMQP_FRAME_BODY, 1, BYTES("hello"));
    give_frame(h, AMQP_FRAME_METHOD, 1, BYTES("\0\x3c\0\x0aundecodable"));
    expect_no_command(h);
    expect_nothing_sent(h);

    GIVE(h, 1, channel_close_ok, .unused = 0);
    assert_int_equal(expect_command(h, COMMAND_CHANNEL_RELEASE)->channel, 1);
    open_channel(h, 1);
}

static void a_close_that_meets_ours_on_the_wire_is_answered_and_ours_still_waits(void **state)
{
    hands_t *h = *state;
    open_connection(h);
    open_channel(h, 1);
    tell(h, channel_refused(1));
    expect_channel_close(h, 1);
    close_channel(h, 1);
    EXPECT(h, 1, channel_close_ok);
    expect_no_command(h);
    GIVE(h, 1, channel_close_ok, .unused = 0);
    expect_command(h, COMMAND_CHANNEL_RELEASE);
}

static void a_refusal_that_meets_the_clients_close_gives_both(void **state)
{
    hands_t *h = *state;
    open_connection(h);
    open_channel(h, 1);
    close_channel(h, 1);
    uint32_t cause = expect_command(h, COMMAND_CHANNEL_CLOSE)->cause;
    tell(h, channel_refused(1));
    expect_channel_close(h, 1);
    EXPECT(h, 1, channel_close_ok);
    GIVE(h, 1, basic_qos, .prefetch_count = 1);
    tell(h, (event_t){.type = EVENT_CHANNEL_CLOSED, .channel = 1, .cause = cause});
    expect_nothing_sent(h);
    GIVE(h, 1, channel_close_ok, .unused = 0);
    expect_command(h, COMMAND_CHANNEL_RELEASE);
    open_channel(h, 1);
}

/* The engine's answer to the first close comes when the number's next life is closing already. */
static void a_late_answer_does_not_close_the_next_life(void **state)
{
    hands_t *h = *state;
    open_connection(h);
    open_channel(h, 1);
    close_channel(h, 1);
    uint32_t cause = expect_command(h, COMMAND_CHANNEL_CLOSE)->cause;
    tell(h, channel_refused(1));
    expect_channel_close(h, 1);
    EXPECT(h, 1, channel_close_ok);
    GIVE(h, 1, channel_close_ok, .unused = 0);
    expect_command(h, COMMAND_CHANNEL_RELEASE);
    open_channel(h, 1);
    close_channel(h, 1);
    tell(h, (event_t){.type = EVENT_CHANNEL_CLOSED, .channel = 1, .cause = cause});
    expect_nothing_sent(h);
    engine_closes(h, 1);
}

static void a_refusal_of_a_life_that_was_followed_by_another_is_told_all_the_same(void **state)
{
    hands_t *h = *state;
    open_connection(h);
    open_channel(h, 1);
    close_channel(h, 1);
    GIVE(h, 1, channel_open, .unused = 0);
    uint32_t cause = expect_command(h, COMMAND_CHANNEL_CLOSE)->cause;
    expect_command(h, COMMAND_CHANNEL_OPEN);
    tell(h, channel_refused(1));
    expect_channel_close(h, 1);
    EXPECT(h, 1, channel_close_ok);
    tell(h, (event_t){.type = EVENT_CHANNEL_CLOSED, .channel = 1, .cause = cause});
    expect_nothing_sent(h);
    tell(h, (event_t){
                .type = EVENT_CONNECTION_CLOSED,
                .refusal = refusal_new(504, AMQP_channel_open, "second 'channel.open' seen"),
            });
    expect_close(h, 504, "CHANNEL_ERROR - second 'channel.open' seen", AMQP_channel_open);
}

static void a_refusal_in_the_middle_of_a_body_skips_the_rest(void **state)
{
    hands_t *h = *state;
    open_connection(h);
    open_channel(h, 1);
    GIVE(h, 1, basic_publish, .routing_key = BYTES("q"));
    give_header(h, 1, 10);
    give(h, BYTES("\3\0\1\0\0\0\x0a"
                  "hello"));
    tell(h, channel_refused(1));
    expect_channel_close(h, 1);
    give(h, BYTES("world\xce"));
    GIVE(h, 1, channel_close_ok, .unused = 0);
    expect_command(h, COMMAND_CHANNEL_RELEASE);
    expect_no_command(h);
}

static void a_close_between_frames_of_a_body_is_505(void **state)
{
    hands_t *h = *state;
    open_connection(h);
    open_channel(h, 1);
    GIVE(h, 1, basic_publish, .routing_key = BYTES("q"));
    give_header(h, 1, 10);
    close_channel(h, 1);
    expect_refused(h, 505, "UNEXPECTED_FRAME - expected content body, got non content body frame instead",
                   AMQP_basic_publish);
}

static void a_refusal_is_logged(void **state)
{
    hands_t *h = *state;
    open_connection(h);
    open_channel(h, 1);
    tell(h, channel_refused(1));
    assert_true(logged(
        h, "warning: connection 127.0.0.1:4 -> 127.0.0.1:5672, user 'guest': channel 1 closed by us, 404 "
           "NOT_FOUND - no queue 'q' in vhost '/'"));
}

static void many_channels_each_keep_their_own_state(void **state)
{
    (void)state;
    hands_t *h = hands_new(8, NULL);
    open_connection(h);
    for (uint16_t i = 1; i <= 2000; i++)
        open_channel(h, (uint16_t)(i * 31));
    for (uint16_t i = 1; i <= 2000; i += 2) {
        close_channel(h, (uint16_t)(i * 31));
        engine_closes(h, (uint16_t)(i * 31));
    }
    for (uint16_t i = 2; i <= 2000; i += 2) {
        GIVE(h, (uint16_t)(i * 31), basic_qos, .prefetch_count = i);
        assert_int_equal(expect_command(h, COMMAND_QOS)->count, i);
    }
    void *own = h;
    tear_down(&own);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_channel_opens_and_closes),
        CASE(close_ok_waits_for_the_engine),
        CASE(a_closing_number_may_be_opened_at_once),
        CASE(methods_on_an_unopened_channel_are_504),
        CASE(a_second_open_is_504),
        CASE(channel_methods_on_channel_0_are_504),
        CASE(methods_that_are_not_for_us_are_503),
        CASE(an_answer_to_our_cancel_is_taken),
        CASE(channel_max_counts_channels_not_their_numbers),
        CASE(a_refused_channel_ignores_all_but_goodbyes),
        CASE(a_close_that_meets_ours_on_the_wire_is_answered_and_ours_still_waits),
        CASE(a_refusal_that_meets_the_clients_close_gives_both),
        CASE(a_late_answer_does_not_close_the_next_life),
        CASE(a_refusal_of_a_life_that_was_followed_by_another_is_told_all_the_same),
        CASE(a_refusal_in_the_middle_of_a_body_skips_the_rest),
        CASE(a_close_between_frames_of_a_body_is_505),
        CASE(a_refusal_is_logged),
        cmocka_unit_test(many_channels_each_keep_their_own_state),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
