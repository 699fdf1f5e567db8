/* SPDX-License-Identifier: Apache-2.0
 *
 * test_session_content.c: a publish from its frames: order, sizes, pieces, and what is held meanwhile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "amqp/test_session.h"

static void open_publisher(hands_t *h)
{
    open_connection(h);
    open_channel(h, 1);
}

static void give_publish(hands_t *h, uint16_t channel)
{
    GIVE(h, channel, basic_publish, .exchange = BYTES("x"), .routing_key = BYTES("k"));
}

static void end(hands_t *h)
{
    hang_up(h, "closed by peer");
    while (next_command(h)->type != COMMANDS_END) {
    }
}

/* ---- as it should be ---- */

static void a_publish_bears_all_that_its_frames_said(void **state)
{
    hands_t *h = *state;
    open_publisher(h);
    GIVE(h, 1, basic_publish, .exchange = BYTES("x"), .routing_key = BYTES("k"), .mandatory = true);
    buffer_t b = {0};
    amqp_write_header(&b, 1, 5, BYTES("\x90\0\4text\2"));
    give(h, buffer_bytes(&b));
    buffer_free(&b);
    give_frame(h, AMQP_FRAME_BODY, 1, BYTES("hello"));
    command_t *c = expect_command(h, COMMAND_PUBLISH);
    assert_int_equal(c->channel, 1);
    assert_int_equal(c->flags, COMMAND_MANDATORY);
    assert_int_equal(c->cause, AMQP_basic_publish);
    assert_text(message_exchange(c->message), "x");
    assert_text(message_routing_key(c->message), "k");
    assert_true(bytes_equal(message_properties(c->message), BYTES("\x90\0\4text\2")));
    assert_true(c->message->persistent);
    assert_text(message_body(c->message), "hello");
    assert_int_equal(c->message->references, 0);
    expect_no_command(h);
}

static void properties_pass_unread(void **state)
{
    hands_t *h = *state;
    open_publisher(h);
    give_publish(h, 1);
    give_frame(h, AMQP_FRAME_HEADER, 1, BYTES("\0\x3c\0\0\0\0\0\0\0\0\0\0\xff\xff not properties"));
    assert_true(bytes_equal(message_properties(expect_command(h, COMMAND_PUBLISH)->message),
                            BYTES("\xff\xff not properties")));
}

static void an_empty_body_needs_no_body_frame(void **state)
{
    hands_t *h = *state;
    open_publisher(h);
    give_publish(h, 1);
    give_header(h, 1, 0);
    assert_int_equal(expect_command(h, COMMAND_PUBLISH)->message->body_len, 0);
}

static void empty_body_frames_are_legal(void **state)
{
    hands_t *h = *state;
    open_publisher(h);
    give_publish(h, 1);
    give_header(h, 1, 2);
    give_frame(h, AMQP_FRAME_BODY, 1, BYTES(""));
    give_frame(h, AMQP_FRAME_BODY, 1, BYTES("ab"));
    assert_text(message_body(expect_command(h, COMMAND_PUBLISH)->message), "ab");
}

static void channels_and_heartbeats_may_come_between(void **state)
{
    hands_t *h = *state;
    open_publisher(h);
    open_channel(h, 2);
    give_publish(h, 1);
    give_publish(h, 2);
    give_header(h, 2, 3);
    give_header(h, 1, 3);
    give_frame(h, AMQP_FRAME_BODY, 2, BYTES("2"));
    give_frame(h, AMQP_FRAME_BODY, 1, BYTES("11"));
    give_frame(h, AMQP_FRAME_HEARTBEAT, 0, BYTES(""));
    give_frame(h, AMQP_FRAME_BODY, 2, BYTES("22"));
    give_frame(h, AMQP_FRAME_BODY, 1, BYTES("1"));
    assert_text(message_body(expect_command(h, COMMAND_PUBLISH)->message), "222");
    assert_text(message_body(expect_command(h, COMMAND_PUBLISH)->message), "111");
}

/* ---- pieces ---- */

static void a_body_is_taken_as_it_arrives(void **state)
{
    hands_t *h = *state;
    open_publisher(h);
    give_publish(h, 1);
    give_header(h, 1, 100);
    give(h, BYTES("\3\0\1\0\0\0\x64"));
    uint8_t body[100];
    for (uint8_t i = 0; i < 100; i++) {
        body[i] = i;
        give(h, bytes_make(&body[i], 1));
        assert_int_equal(h->unread.len, 0);
    }
    expect_no_command(h);
    give(h, BYTES("\xce"));
    assert_true(
        bytes_equal(message_body(expect_command(h, COMMAND_PUBLISH)->message), bytes_make(body, 100)));
}

static void a_large_body_arrives_whole(void **state)
{
    hands_t *h = *state;
    size_t len = 1 << 20;
    uint8_t *body = malloc(len);
    for (size_t i = 0; i < len; i++)
        body[i] = (uint8_t)(i * 7 + i / 251);
    buffer_t b = {0};
    for (size_t at_octet = 0; at_octet < len; at_octet += 131064) {
        size_t part = len - at_octet < 131064 ? len - at_octet : 131064;
        write_frame(&b, AMQP_FRAME_BODY, 1, bytes_make(body + at_octet, part));
    }
    open_publisher(h);
    give_publish(h, 1);
    give_header(h, 1, len);
    for (size_t at_octet = 0; at_octet < b.len; at_octet += 10007)
        give(h, bytes_make(b.data + at_octet, b.len - at_octet < 10007 ? b.len - at_octet : 10007));
    command_t *c = next_command(h);
    while (c->type == COMMAND_HELD)
        c = next_command(h);
    assert_int_equal(c->type, COMMAND_PUBLISH);
    assert_true(bytes_equal(message_body(c->message), bytes_make(body, len)));
    assert_int_equal(expect_command(h, COMMAND_HELD)->number, 0);
    buffer_free(&b);
    free(body);
}

static void a_socket_lost_in_the_middle_frees_what_arrived(void **state)
{
    hands_t *h = *state;
    open_publisher(h);
    give_publish(h, 1);
    give_header(h, 1, 100);
    give(h, BYTES("\3\0\1\0\0\0\x64 some of it"));
    hang_up(h, "closed by peer");
    assert_true(expect_command(h, COMMAND_CONNECTION_CLOSE)->flags & COMMAND_GONE);
}

/* ---- held ---- */

static void give_zeros(hands_t *h, size_t len)
{
    uint8_t *zeros = calloc(1, len);
    give(h, bytes_make(zeros, len));
    free(zeros);
}

static void unfinished_bodies_are_reported_in_steps_of_64_kib(void **state)
{
    hands_t *h = *state;
    open_publisher(h);
    give_publish(h, 1);
    give_header(h, 1, 131064);
    give(h, BYTES("\3\0\1\0\1\xff\xf8"));
    give_zeros(h, 65533);
    expect_no_command(h);
    give_zeros(h, 1); /* two octets of properties count too */
    assert_int_equal(expect_command(h, COMMAND_HELD)->number, 65536);
    give_zeros(h, 65529);
    expect_no_command(h);
    give_zeros(h, 1);
    give(h, BYTES("\xce"));
    expect_command(h, COMMAND_PUBLISH);
    assert_int_equal(expect_command(h, COMMAND_HELD)->number, 0);
}

static void a_refused_channel_holds_nothing(void **state)
{
    hands_t *h = *state;
    open_publisher(h);
    give_publish(h, 1);
    give_header(h, 1, 100000);
    give(h, BYTES("\3\0\1\0\1\x86\xa0"));
    give_zeros(h, 70000);
    assert_int_equal(expect_command(h, COMMAND_HELD)->number, 70002);
    tell(h, (event_t){.type = EVENT_CHANNEL_REFUSED, .channel = 1, .refusal = refusal_new(406, 0, "no")});
    assert_int_equal(expect_command(h, COMMAND_HELD)->number, 0);
    give_zeros(h, 30000);
    give(h, BYTES("\xce"));
    expect_no_command(h);
}

static void one_mib(amqp_options_t *o)
{
    o->max_message_size = 1 << 20;
}

static void unfinished_bodies_are_bounded_for_a_connection(void **state)
{
    (void)state;
    hands_t *h = hands_new(4096, one_mib);
    open_publisher(h);
    const uint32_t part = 131064;
    bool refused = false;
    uint64_t given = 0;
    for (uint16_t channel = 1; channel <= 40 && !refused; channel++) {
        if (channel > 1)
            open_channel(h, channel);
        give_publish(h, channel);
        give_header(h, channel, 1 << 20);
        for (int i = 0; i < 7 && !refused; i++, given += part) { /* the eighth never comes */
            uint8_t head[] = {3, 0, (uint8_t)channel, 0, 1, 0xff, 0xf8};
            give(h, bytes_make(head, sizeof head));
            give_zeros(h, part);
            give(h, BYTES("\xce"));
            command_t *c = next_command(h);
            assert_true(c->type == COMMAND_HELD || c->type == COMMAND_CONNECTION_CLOSE);
            refused = c->type == COMMAND_CONNECTION_CLOSE;
            if (refused)
                assert_int_equal(c->refusal->code, 506);
        }
    }
    assert_true(refused);
    assert_true(given >= (18 << 20) - part && given <= (18 << 20) + part);
    void *own = h;
    tear_down(&own);
}

/* ---- refused in its turn ---- */

static void expect_refuse(hands_t *h, uint16_t code, const char *text)
{
    command_t *c = expect_command(h, COMMAND_REFUSE);
    assert_int_equal(c->channel, 1);
    assert_int_equal(c->cause, AMQP_basic_publish);
    assert_int_equal(c->refusal->code, code);
    assert_int_equal(c->refusal->cause, AMQP_basic_publish);
    assert_string_equal(c->refusal->text, text);
}

static void immediate_is_540_once_its_body_was_skipped(void **state)
{
    hands_t *h = *state;
    open_publisher(h);
    GIVE(h, 1, basic_publish, .routing_key = BYTES("q"), .immediate = true);
    give_header(h, 1, 5);
    expect_no_command(h);
    give_frame(h, AMQP_FRAME_BODY, 1, BYTES("hello"));
    expect_refuse(h, 540, "immediate=true");
    give_publish(h, 1);
    give_header(h, 1, 0);
    expect_command(h, COMMAND_PUBLISH);
}

static void small_messages(amqp_options_t *o)
{
    o->max_message_size = 10;
}

static void a_body_over_the_limit_is_406_once_it_was_skipped(void **state)
{
    (void)state;
    hands_t *h = hands_new(16, small_messages);
    open_publisher(h);
    give_publish(h, 1);
    give_header(h, 1, 11);
    give_frame(h, AMQP_FRAME_BODY, 1, BYTES("hello "));
    expect_no_command(h);
    give_frame(h, AMQP_FRAME_BODY, 1, BYTES("world"));
    expect_refuse(h, 406, "message size 11 is larger than configured max size 10");
    give_publish(h, 1);
    give_header(h, 1, 10);
    give_frame(h, AMQP_FRAME_BODY, 1, BYTES("0123456789"));
    expect_command(h, COMMAND_PUBLISH);
    void *own = h;
    tear_down(&own);
}

/* ---- out of order ---- */

#define HEADER_EXPECTED "UNEXPECTED_FRAME - expected content header for class 60, got "
#define NO_HEADER       HEADER_EXPECTED "non content header frame instead"
#define NO_BODY         "UNEXPECTED_FRAME - expected content body, got non content body frame instead"

static void a_method_where_a_header_is_due_is_505(void **state)
{
    hands_t *h = *state;
    open_publisher(h);
    give_publish(h, 1);
    give_publish(h, 1);
    expect_refused(h, 505, NO_HEADER, AMQP_basic_publish);
}

static void a_body_where_a_header_is_due_is_505(void **state)
{
    hands_t *h = *state;
    open_publisher(h);
    give_publish(h, 1);
    give_frame(h, AMQP_FRAME_BODY, 1, BYTES("hello"));
    expect_refused(h, 505, NO_HEADER, AMQP_basic_publish);
}

static void a_header_or_method_where_a_body_is_due_is_505(void **state)
{
    hands_t *h = *state;
    for (int i = 0; i < 2; i++) {
        open_publisher(h);
        give_publish(h, 1);
        give_header(h, 1, 5);
        if (i == 0)
            give_header(h, 1, 5);
        else
            give_publish(h, 1);
        expect_refused(h, 505, NO_BODY, AMQP_basic_publish);
        end(h);
    }
}

static void headers_that_cannot_be_are_refused(void **state)
{
    static const struct {
        const char *payload;
        size_t len;
        uint16_t code;
        const char *text;
    } cases[] = {
        {"\0\x32\0\0\0\0\0\0\0\0\0\0\0\0", 14, 505, HEADER_EXPECTED "one for class 50 instead"},
        {"\0\x3c\0\1\0\0\0\0\0\0\0\0\0\0", 14, 505, NO_HEADER},
        {"\0\x3c\0\0\0\0\0\0\x20\0\0\1\0\0", 14, 501,
         "FRAME_ERROR - content body size 536870913 exceeds maximum allowed size 536870912"},
        {"\0\x3c\0\0\xff\xff\xff\xff\xff\xff\xff\xff\0\0", 14, 501,
         "FRAME_ERROR - content body size 18446744073709551615 exceeds maximum allowed size 536870912"},
    };
    hands_t *h = *state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        open_publisher(h);
        give_publish(h, 1);
        give_frame(h, AMQP_FRAME_HEADER, 1, bytes_make(cases[i].payload, cases[i].len));
        expect_refused(h, cases[i].code, cases[i].text, AMQP_basic_publish);
        end(h);
    }
}

static void half_a_header_is_501(void **state)
{
    hands_t *h = *state;
    open_publisher(h);
    give_publish(h, 1);
    give_frame(h, AMQP_FRAME_HEADER, 1, BYTES("\0\x3c\0\0\0\0\0\0\0\0\0"));
    expect_refused(h, 501, "FRAME_ERROR - type 2, all octets = <<0,60,0,0,0,0,0,0,0,0,0>>: unknown_frame", 0);
}

static void more_body_than_was_announced_is_501(void **state)
{
    hands_t *h = *state;
    open_publisher(h);
    give_publish(h, 1);
    give_header(h, 1, 5);
    give_frame(h, AMQP_FRAME_BODY, 1, BYTES("hell"));
    give_frame(h, AMQP_FRAME_BODY, 1, BYTES("ow"));
    expect_refused(h, 501, "FRAME_ERROR - content body frame exceeds remaining content size",
                   AMQP_basic_publish);
    GIVE(h, 0, connection_close_ok, .unused = 0);
    assert_true(h->closed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_publish_bears_all_that_its_frames_said),
        CASE(properties_pass_unread),
        CASE(an_empty_body_needs_no_body_frame),
        CASE(empty_body_frames_are_legal),
        CASE(channels_and_heartbeats_may_come_between),
        CASE(a_body_is_taken_as_it_arrives),
        CASE(a_large_body_arrives_whole),
        CASE(a_socket_lost_in_the_middle_frees_what_arrived),
        CASE(unfinished_bodies_are_reported_in_steps_of_64_kib),
        CASE(a_refused_channel_holds_nothing),
        cmocka_unit_test(unfinished_bodies_are_bounded_for_a_connection),
        CASE(immediate_is_540_once_its_body_was_skipped),
        cmocka_unit_test(a_body_over_the_limit_is_406_once_it_was_skipped),
        CASE(a_method_where_a_header_is_due_is_505),
        CASE(a_body_where_a_header_is_due_is_505),
        CASE(a_header_or_method_where_a_body_is_due_is_505),
        CASE(headers_that_cannot_be_are_refused),
        CASE(half_a_header_is_501),
        CASE(more_body_than_was_announced_is_501),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
