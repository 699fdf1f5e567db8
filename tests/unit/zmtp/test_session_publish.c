/* SPDX-License-Identifier: Apache-2.0
 *
 * PUB, XPUB and PUSH: what they send becomes publishes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "unit/zmtp/test_session.h"

static void open_push(hands_t *h)
{
    open_as(h, ZMTP_SOCKET_PUSH);
    expect_no_command(h);
}

/* ---- what they are told ---- */

static void a_pub_is_sent_a_subscription_behind_ready(void **state)
{
    hands_t *h = *state;
    open_as(h, ZMTP_SOCKET_PUB);
    EXPECT(h, "\x04\x0a\x09SUBSCRIBE");
}

static void a_pub_before_3_1_is_sent_it_as_a_message(void **state)
{
    hands_t *h = *state;
    connect_client(h);
    GIVE(h, GREETING_OF("\0", NULL_20));
    EXPECT(h, GREETING);
    give_ready(h, ZMTP_SOCKET_XPUB, "");
    expect_ready(h, ZMTP_SOCKET_XSUB);
    EXPECT(h, "\0\x01\x01");
}

static void a_push_is_told_nothing(void **state)
{
    hands_t *h = *state;
    open_push(h);
    EXPECT(h, "");
}

/* ---- forms ---- */

static void two_frames_are_topic_and_body(void **state)
{
    hands_t *h = *state;
    open_push(h);
    GIVE(h, "\1\3a.b\0\4body");
    const message_t *m = expect_publish(h, "amq.events", "a.b");
    assert_text(message_body(m), "body");
    /* delivery-mode 2, and the time */
    assert_octets(message_properties(m), BYTES("\x10\x40\2\0\0\0\0\x65\x53\xf1\0"));
    expect_no_command(h);
}

static void an_only_frame_is_its_own_topic(void **state)
{
    hands_t *h = *state;
    open_push(h);
    GIVE(h, "\0\x0bhello world");
    const message_t *m = expect_publish(h, "amq.events", "hello");
    assert_text(message_body(m), "hello world");
    assert_text(message_topic(m), "hello world");
    expect_frames(m, true, FRAMES("hello world"));
}

static void many_frames_are_kept_as_they_are(void **state)
{
    hands_t *h = *state;
    open_push(h);
    give_message(h, FRAMES("t", "a", "", "bc"));
    const message_t *m = expect_publish(h, "amq.events", "t");
    assert_text(message_body(m), "abc");
    expect_frames(m, true, FRAMES("t", "a", "", "bc"));
}

static void an_empty_message_is_one(void **state)
{
    hands_t *h = *state;
    open_push(h);
    GIVE(h, "\0\0");
    expect_frames(expect_publish(h, "amq.events", ""), true, FRAMES(""));
}

static void a_topic_too_long_for_a_key_goes_into_the_body(void **state)
{
    hands_t *h = *state;
    char topic[301];
    memset(topic, 't', 300);
    topic[300] = 0;
    memcpy(topic + 5, " ", 1);
    open_push(h);
    give_message(h, FRAMES(topic, "x"));
    const message_t *m = expect_publish(h, "amq.events", "ttttt");
    assert_text(message_topic(m), topic);
    expect_frames(m, true, FRAMES(topic, "x"));
}

/* Whatever it is cut into, the same comes out. */
static void octet_by_octet_it_is_the_same(void **state)
{
    hands_t *h = *state;
    char large[1001], topic[300];
    memset(large, 'l', 1000), large[1000] = 0;
    memset(topic, 't', 299), topic[299] = 0;
    open_push(h);
    for (h->cut = 1; h->cut < 12; h->cut++) {
        give_message(h, FRAMES("k", "v"));
        give_message(h, FRAMES("word and more"));
        give_message(h, FRAMES(large));
        give_message(h, FRAMES("k", large));
        give_message(h, FRAMES("", large, large, ""));
        give_message(h, FRAMES(topic, ""));
        expect_frames(expect_publish(h, "amq.events", "k"), true, FRAMES("k", "v"));
        expect_frames(expect_publish(h, "amq.events", "word"), true, FRAMES("word and more"));
        command_t *c = expect_command(h, COMMAND_PUBLISH);
        assert_int_equal(message_routing_key(c->message).len, 255);
        expect_frames(c->message, true, FRAMES(large));
        expect_frames(expect_publish(h, "amq.events", "k"), true, FRAMES("k", large));
        expect_frames(expect_publish(h, "amq.events", ""), true, FRAMES("", large, large, ""));
        c = expect_command(h, COMMAND_PUBLISH);
        expect_frames(c->message, true, FRAMES(topic, ""));
    }
}

/* Frames over prefix_bytes_most come in pieces. */
static void small_pieces(hands_t *h)
{
    h->options.prefix_bytes_most = 3;
}

static void large_frames_grow_as_they_arrive(void **state)
{
    hands_t *h = *state;
    buffer_t head = {0};
    uint8_t octets[100000];
    memset(octets, 'x', sizeof octets);
    open_push(h);
    zmtp_write_frame(&head, BYTES("k"), true);
    zmtp_write_frame_head(&head, 0, 60u << 20);
    give(h, buffer_bytes(&head));
    for (size_t left = 60u << 20; left > 0;) {
        size_t len = left < sizeof octets ? left : sizeof octets;
        give(h, bytes_make(octets, len));
        left -= len;
        if (left > 0)
            assert_true(expect_command(h, COMMAND_HELD)->number < (60u << 20));
    }
    const command_t *c = expect_command(h, COMMAND_PUBLISH);
    assert_int_equal(c->message->body_len, 60u << 20);
    assert_int_equal(expect_command(h, COMMAND_HELD)->number, 0);
    buffer_free(&head);
}

static void what_is_unfinished_is_reported(void **state)
{
    hands_t *h = *state;
    uint8_t octets[70000] = {0};
    open_push(h);
    GIVE(h, "\1\1k\2\0\0\0\0\0\x10\0\0");
    give(h, bytes_make(octets, sizeof octets));
    assert_int_equal(expect_command(h, COMMAND_HELD)->number, 70000);
    expect_no_command(h);
}

/* ---- limits ---- */

static void tight(hands_t *h)
{
    h->options.frame_bytes_most = 10;
    h->options.frames_most = 3;
    h->options.prefix_bytes_most = 2;
}

static void a_frame_over_the_limit_closes(void **state)
{
    hands_t *h = *state;
    open_push(h);
    GIVE(h, "\0\x0b");
    expect_closed(h, "a frame over the limit");
}

static void a_message_over_the_limit_closes(void **state)
{
    hands_t *h = *state;
    open_push(h);
    GIVE(h, "\1\5tttttt"); /* one octet more than it says: the next frame's flags */
    expect_closed(h, "reserved flags");
    hang_up(h);
    tell(h, (event_t){.type = EVENT_CONNECTION_CLOSED});
    while (next_command(h)->type != COMMANDS_END) {
    }
    open_push(h);
    GIVE(h, "\1\5ttttt\0\6");
    GIVE(h, "u");
    expect_closed(h, "a message over the limit");
}

static void too_many_frames_close(void **state)
{
    hands_t *h = *state;
    open_push(h);
    GIVE(h, "\1\0\1\0\1\0\0\0");
    expect_closed(h, "more than 3 frames");
}

static void a_size_that_is_reserved_closes(void **state)
{
    hands_t *h = *state;
    open_push(h);
    GIVE(h, "\2\x80\0\0\0\0\0\0\0");
    expect_closed(h, "2^63");
}

/* ---- commands among them ---- */

static void commands_do_not_disturb_a_message(void **state)
{
    hands_t *h = *state;
    open_push(h);
    GIVE(h, "\1\1k\4\5\4NEWS\0\1v");
    expect_frames(expect_publish(h, "amq.events", "k"), true, FRAMES("k", "v"));
    GIVE(h, "\4\1\5");
    expect_closed(h, "a malformed command");
}

/* ---- back-pressure ---- */

static void without_room_in_the_port_it_is_not_read(void **state)
{
    hands_t *h = *state;
    open_push(h);
    for (int i = 0; i < 100; i++)
        GIVE(h, "\1\1k\0\1v");
    assert_false(h->reading);
    int published = 0;
    while (next_command(h)->type == COMMAND_PUBLISH)
        published++;
    assert_true(published > 0 && published < 64);
    while (published < 100) {
        zmtp_io_resume(h->io);
        feed(h);
        while (next_command(h)->type == COMMAND_PUBLISH)
            published++;
    }
    zmtp_io_resume(h->io);
    assert_true(h->reading);
    assert_int_equal(published, 100);
}

static void the_engine_and_the_alarm_stop_it(void **state)
{
    hands_t *h = *state;
    open_push(h);
    tell(h, (event_t){.type = EVENT_READING_PAUSED});
    assert_false(h->reading);
    tell(h, (event_t){.type = EVENT_CONNECTION_BLOCKED});
    tell(h, (event_t){.type = EVENT_READING_RESUMED});
    assert_false(h->reading);
    tell(h, (event_t){.type = EVENT_CONNECTION_UNBLOCKED});
    assert_true(h->reading);
}

/* ---- their end ---- */

/* There is no goodbye in ZMTP: what came before the socket closed counts. */
static void what_came_before_the_end_is_carried_out(void **state)
{
    hands_t *h = *state;
    open_push(h);
    GIVE(h, "\1\1k\0\1v");
    hang_up(h);
    (void)expect_publish(h, "amq.events", "k");
    assert_int_equal(expect_command(h, COMMAND_CONNECTION_CLOSE)->flags, 0);
    /* but nothing is held for it at the alarm */
    tell(h, (event_t){.type = EVENT_CONNECTION_BLOCKED});
    assert_int_equal(expect_command(h, COMMAND_CONNECTION_CLOSE)->flags, COMMAND_GONE);
}

static void at_the_alarm_it_is_not(void **state)
{
    hands_t *h = *state;
    open_push(h);
    tell(h, (event_t){.type = EVENT_CONNECTION_BLOCKED});
    hang_up(h);
    assert_int_equal(expect_command(h, COMMAND_CONNECTION_CLOSE)->flags, COMMAND_GONE);
}

static void half_a_message_is_dropped(void **state)
{
    hands_t *h = *state;
    open_push(h);
    GIVE(h, "\1\1k\1\1v");
    hang_up(h);
    (void)expect_command(h, COMMAND_CONNECTION_CLOSE);
}

/* ---- on a queue port ---- */

static void on_a_queue_port_messages_go_into_the_queue(void **state)
{
    hands_t *h = *state;
    open_as(h, ZMTP_SOCKET_PUSH);
    command_t *c = expect_command(h, COMMAND_QUEUE_DECLARE);
    assert_text(c->request->name, "tasks");
    assert_int_equal(c->flags, COMMAND_DURABLE | COMMAND_IF_MISSING | COMMAND_NOWAIT);
    GIVE(h, "\0\3job");
    const message_t *m = expect_publish(h, "", "tasks");
    assert_int_equal(h->last.flags, COMMAND_MANDATORY);
    assert_text(message_body(m), "job");
    expect_frames(m, false, FRAMES("job"));
    give_message(h, FRAMES("a", "job"));
    m = expect_publish(h, "", "tasks");
    assert_text(message_body(m), "ajob");
    expect_frames(m, false, FRAMES("a", "job"));
    assert_int_equal(h->last.flags, COMMAND_MANDATORY);
}

static void a_queue_that_is_gone_ends_the_connection(void **state)
{
    hands_t *h = *state;
    open_as(h, ZMTP_SOCKET_PUSH);
    (void)expect_command(h, COMMAND_QUEUE_DECLARE);
    GIVE(h, "\0\3job");
    (void)expect_publish(h, "", "tasks");
    lend(h, (event_t){.type = EVENT_RETURN}, message("", "tasks", "job"));
    (void)expect_command(h, COMMAND_SENT);
    expect_closed(h, "its queue is gone");
}

static int set_up_small(void **state)
{
    *state = hands_new(64, small_pieces);
    return 0;
}

static int set_up_tight(void **state)
{
    *state = hands_new(64, tight);
    return 0;
}

#define SMALL(f) cmocka_unit_test_setup_teardown(f, set_up_small, tear_down)
#define TIGHT(f) cmocka_unit_test_setup_teardown(f, set_up_tight, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_pub_is_sent_a_subscription_behind_ready),
        CASE(a_pub_before_3_1_is_sent_it_as_a_message),
        CASE(a_push_is_told_nothing),
        CASE(two_frames_are_topic_and_body),
        CASE(an_only_frame_is_its_own_topic),
        CASE(many_frames_are_kept_as_they_are),
        CASE(an_empty_message_is_one),
        CASE(a_topic_too_long_for_a_key_goes_into_the_body),
        CASE(octet_by_octet_it_is_the_same),
        SMALL(octet_by_octet_it_is_the_same),
        CASE(large_frames_grow_as_they_arrive),
        CASE(what_is_unfinished_is_reported),
        TIGHT(a_frame_over_the_limit_closes),
        TIGHT(a_message_over_the_limit_closes),
        TIGHT(too_many_frames_close),
        CASE(a_size_that_is_reserved_closes),
        CASE(commands_do_not_disturb_a_message),
        CASE(without_room_in_the_port_it_is_not_read),
        CASE(the_engine_and_the_alarm_stop_it),
        CASE(what_came_before_the_end_is_carried_out),
        CASE(at_the_alarm_it_is_not),
        CASE(half_a_message_is_dropped),
        QUEUE_CASE(on_a_queue_port_messages_go_into_the_queue),
        QUEUE_CASE(a_queue_that_is_gone_ends_the_connection),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
