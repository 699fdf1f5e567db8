/* SPDX-License-Identifier: Apache-2.0
 *
 * test_session_deliver.c: messages on their way out, and when their loans go back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "amqp/test_session.h"

static message_t *message_of(bytes_t body)
{
    message_t *m = message_new(BYTES("x"), BYTES("k"), BYTES("\x10\0\2"), body.len);
    return message_append(m, body, body.len);
}

static uint8_t *pattern(size_t len)
{
    uint8_t *octets = malloc(len + 1);
    for (size_t i = 0; i < len; i++)
        octets[i] = (uint8_t)(i * 5 + i / 255);
    return octets;
}

/* A consumer "t" on channel 1; returns its number. */
static uint32_t open_consumer(hands_t *h, uint32_t frame_max)
{
    open_with(h, all_capabilities, frame_max, 2047, 0);
    open_channel(h, 1);
    GIVE(h, 1, basic_consume, .queue = BYTES("q"), .consumer_tag = BYTES("t"));
    uint32_t number = expect_command(h, COMMAND_CONSUME)->count;
    tell(h, (event_t){.type = EVENT_CONSUMER_STARTED, .channel = 1, .consumer = number});
    EXPECT(h, 1, basic_consume_ok);
    return number;
}

static void deliver(hands_t *h, uint32_t consumer, const message_t *m)
{
    tell(h, (event_t){
                .type = EVENT_DELIVER, .channel = 1, .consumer = consumer, .delivery_tag = 1, .message = m});
}

/* Header and body frames of this content; returns how many body frames there were. */
static size_t expect_content(hands_t *h, bytes_t properties, bytes_t body, size_t most)
{
    amqp_content_header_t header;
    frame_t f = next_frame(h);
    assert_int_equal(f.type, AMQP_FRAME_HEADER);
    assert_true(amqp_content_header_decode(f.payload, &header));
    assert_int_equal(header.class_id, 60);
    assert_int_equal(header.weight, 0);
    assert_int_equal(header.body_bytes, body.len);
    assert_true(bytes_equal(header.properties, properties));
    size_t count = 0, have = 0;
    for (; have < body.len; count++) {
        f = next_frame(h);
        assert_int_equal(f.type, AMQP_FRAME_BODY);
        assert_int_equal(f.channel, 1);
        assert_true(f.payload.len <= most && f.payload.len <= body.len - have);
        assert_memory_equal(f.payload.data, body.data + have, f.payload.len);
        have += f.payload.len;
    }
    return count;
}

/* ---- encoding ---- */

static void a_delivery_has_these_octets(void **state)
{
    hands_t *h = *state;
    uint32_t consumer = open_consumer(h, 131072);
    message_t *m = message_of(BYTES("hello"));
    tell(h, (event_t){
                .type = EVENT_DELIVER,
                .flags = EVENT_REDELIVERED,
                .channel = 1,
                .consumer = consumer,
                .delivery_tag = 258,
                .message = m,
            });
    drain(h);
    bytes_t expected = BYTES("\1\0\1\0\0\0\x13\0\x3c\0\x3c\1t\0\0\0\0\0\0\1\2\1\1x\1k\xce"
                             "\2\0\1\0\0\0\x0f\0\x3c\0\0\0\0\0\0\0\0\0\5\x10\0\2\xce"
                             "\3\0\1\0\0\0\5hello\xce");
    assert_int_equal(h->got.len, expected.len);
    assert_memory_equal(h->got.data, expected.data, expected.len);
    message_free(m);
}

static void an_empty_body_has_no_body_frame(void **state)
{
    hands_t *h = *state;
    uint32_t consumer = open_consumer(h, 131072);
    message_t *m = message_of(BYTES(""));
    deliver(h, consumer, m);
    EXPECT(h, 1, basic_deliver);
    expect_content(h, BYTES("\x10\0\2"), BYTES(""), 0);
    expect_nothing_sent(h);
    message_free(m);
}

static void get_ok_says_what_is_left(void **state)
{
    hands_t *h = *state;
    (void)open_consumer(h, 131072);
    message_t *m = message_of(BYTES("hello"));
    tell(h,
         (event_t){.type = EVENT_GET_OK, .channel = 1, .delivery_tag = 9, .message_count = 3, .message = m});
    amqp_basic_get_ok_t ok = RECEIVE(h, 1, basic_get_ok);
    assert_int_equal(ok.delivery_tag, 9);
    assert_int_equal(ok.message_count, 3);
    assert_false(ok.redelivered);
    assert_text(ok.exchange, "x");
    assert_text(ok.routing_key, "k");
    expect_content(h, BYTES("\x10\0\2"), BYTES("hello"), 5);
    message_free(m);
}

static void a_return_says_no_route(void **state)
{
    hands_t *h = *state;
    (void)open_consumer(h, 131072);
    message_t *m = message_of(BYTES("hello"));
    tell(h, (event_t){.type = EVENT_RETURN, .channel = 1, .message = m});
    amqp_basic_return_t back = RECEIVE(h, 1, basic_return);
    assert_int_equal(back.reply_code, 312);
    assert_text(back.reply_text, "NO_ROUTE");
    assert_text(back.exchange, "x");
    assert_text(back.routing_key, "k");
    expect_content(h, BYTES("\x10\0\2"), BYTES("hello"), 5);
    message_free(m);
}

static void bodies_are_cut_into_frames_of_frame_max(void **state)
{
    static const struct {
        uint32_t frame_max;
        size_t body_bytes, frames;
    } cases[] = {
        /* copied */
        {4096, 4088, 1},
        {4096, 4095, 2},
        /* lent */
        {4096, 4096, 2},
        {4096, 8176, 2},
        {4096, 8177, 3},
        {131072, 131064, 1},
        {131072, 131065, 2},
        {131072, 1 << 20, 9},
    };
    hands_t *h = *state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint32_t consumer = open_consumer(h, cases[i].frame_max);
        uint8_t *octets = pattern(cases[i].body_bytes);
        bytes_t body = bytes_make(octets, cases[i].body_bytes);
        message_t *m = message_of(body);
        deliver(h, consumer, m);
        EXPECT(h, 1, basic_deliver);
        assert_int_equal(expect_content(h, BYTES("\x10\0\2"), body, cases[i].frame_max - 8), cases[i].frames);
        expect_nothing_sent(h);
        hang_up(h, "closed by peer");
        tell(h, (event_t){.type = EVENT_CONNECTION_CLOSED});
        while (next_command(h)->type != COMMANDS_END) {
        }
        message_free(m);
        free(octets);
    }
}

static void without_limit(amqp_options_t *o)
{
    o->frame_max = 0;
}

static void without_a_frame_max_a_body_is_one_frame(void **state)
{
    (void)state;
    hands_t *h = hands_new(64, without_limit);
    uint32_t consumer = open_consumer(h, 0);
    uint8_t *octets = pattern(3 << 20);
    bytes_t body = bytes_make(octets, 3 << 20);
    message_t *m = message_of(body);
    deliver(h, consumer, m);
    EXPECT(h, 1, basic_deliver);
    assert_int_equal(expect_content(h, BYTES("\x10\0\2"), body, body.len), 1);
    void *own = h;
    tear_down(&own);
    message_free(m);
    free(octets);
}

static void a_header_larger_than_frame_max_is_sent_whole(void **state)
{
    hands_t *h = *state;
    uint32_t consumer = open_consumer(h, 4096);
    uint8_t *properties = pattern(10000);
    message_t *m = message_new(BYTES("x"), BYTES("k"), bytes_make(properties, 10000), 5);
    m = message_append(m, BYTES("hello"), 5);
    deliver(h, consumer, m);
    EXPECT(h, 1, basic_deliver);
    expect_content(h, bytes_make(properties, 10000), BYTES("hello"), 5);
    message_free(m);
    free(properties);
}

static void the_longest_names_fit(void **state)
{
    hands_t *h = *state;
    char name[256];
    memset(name, 'n', 255);
    bytes_t longest = bytes_make(name, 255);
    open_connection(h);
    open_channel(h, 1);
    GIVE(h, 1, basic_consume, .queue = BYTES("q"), .consumer_tag = longest);
    uint32_t consumer = expect_command(h, COMMAND_CONSUME)->count;
    message_t *m = message_new(longest, longest, BYTES("\0\0"), 0);
    deliver(h, consumer, m);
    amqp_basic_deliver_t got = RECEIVE(h, 1, basic_deliver);
    assert_true(bytes_equal(got.consumer_tag, longest) && bytes_equal(got.exchange, longest));
    tell(h, (event_t){.type = EVENT_GET_OK, .channel = 1, .delivery_tag = UINT64_MAX, .message = m});
    (void)next_frame(h);
    assert_true(bytes_equal(RECEIVE(h, 1, basic_get_ok).routing_key, longest));
    message_free(m);
}

/* ---- loans ---- */

static void a_large_body_is_sent_from_the_message_itself(void **state)
{
    hands_t *h = *state;
    uint32_t consumer = open_consumer(h, 131072);
    uint8_t *octets = pattern(5000);
    message_t *m = message_of(bytes_make(octets, 5000));
    deliver(h, consumer, m);
    output_piece_t pieces[4];
    assert_int_equal(output_gather(h->transport.output, pieces, 4), 3);
    assert_ptr_equal(pieces[1].data, message_body(m).data);
    assert_int_equal(pieces[1].len, 5000);
    drain(h);
    message_free(m);
    free(octets);
}

static void a_small_body_is_copied_next_to_its_frames(void **state)
{
    hands_t *h = *state;
    uint32_t consumer = open_consumer(h, 131072);
    message_t *m = message_of(BYTES("hello"));
    deliver(h, consumer, m);
    deliver(h, consumer, m);
    output_piece_t pieces[2];
    assert_int_equal(output_gather(h->transport.output, pieces, 2), 1);
    drain(h);
    message_free(m);
}

static void loans_go_back_when_their_octets_have_left(void **state)
{
    hands_t *h = *state;
    uint32_t consumer = open_consumer(h, 131072);
    message_t *m = message_of(BYTES("hello"));
    deliver(h, consumer, m);
    expect_no_command(h);
    drain(h);
    assert_int_equal(expect_command(h, COMMAND_SENT)->number, 1);
    deliver(h, consumer, m);
    tell(h, (event_t){.type = EVENT_GET_OK, .channel = 1, .message = m});
    tell(h, (event_t){.type = EVENT_RETURN, .channel = 1, .message = m});
    drain(h);
    assert_int_equal(expect_command(h, COMMAND_SENT)->number, 4);
    expect_no_command(h);
    drain(h);
    expect_no_command(h);
    message_free(m);
}

static void other_output_returns_no_loans(void **state)
{
    hands_t *h = *state;
    (void)open_consumer(h, 131072);
    tell(h, (event_t){.type = EVENT_OK, .channel = 1, .cause = AMQP_basic_qos});
    drain(h);
    expect_no_command(h);
}

static void a_message_that_has_left_in_part_is_still_lent(void **state)
{
    hands_t *h = *state;
    uint32_t consumer = open_consumer(h, 131072);
    uint8_t *octets = pattern(100000);
    message_t *m = message_of(bytes_make(octets, 100000));
    for (int i = 0; i < 3; i++)
        deliver(h, consumer, m);
    size_t whole = output_waiting(h->transport.output) / 3;
    drain_some(h, whole - 1);
    expect_no_command(h);
    drain_some(h, 1);
    assert_int_equal(expect_command(h, COMMAND_SENT)->number, 1);
    drain_some(h, whole + 1);
    assert_int_equal(expect_command(h, COMMAND_SENT)->number, 2);
    drain(h);
    assert_int_equal(expect_command(h, COMMAND_SENT)->number, 3);
    message_free(m);
    free(octets);
}

/* Every count is right whatever pieces leave, and none comes back late by more than a mark's stretch. */
static void thousands_of_messages_come_back_in_order(void **state)
{
    hands_t *h = *state;
    uint32_t consumer = open_consumer(h, 131072);
    message_t *m = message_of(BYTES("hello"));
    uint64_t last = 0;
    for (int i = 1; i <= 3000; i++) {
        deliver(h, consumer, m);
        if (i % 7 == 0)
            drain_some(h, 300);
        for (command_t *c = next_command(h); c->type != COMMANDS_END; c = next_command(h)) {
            assert_int_equal(c->type, COMMAND_SENT);
            assert_true(c->number > last && c->number <= (uint64_t)i);
            last = c->number;
        }
        buffer_clear(&h->got);
    }
    uint64_t left = output_waiting(h->transport.output) / 63; /* a delivery's octets */
    assert_true(3000 - last <= left + (16 << 10) / 63 + 1);
    drain(h);
    assert_int_equal(expect_command(h, COMMAND_SENT)->number, 3000);
    message_free(m);
}

static void loans_are_still_counted_while_the_client_says_goodbye(void **state)
{
    hands_t *h = *state;
    uint32_t consumer = open_consumer(h, 131072);
    message_t *m = message_of(BYTES("hello"));
    GIVE(h, 0, connection_close, .reply_code = 200);
    expect_command(h, COMMAND_CONNECTION_CLOSE);
    deliver(h, consumer, m);
    drain(h);
    assert_int_equal(expect_command(h, COMMAND_SENT)->number, 1);
    message_free(m);
}

static void with_the_socket_gone_messages_are_not_touched(void **state)
{
    hands_t *h = *state;
    uint32_t consumer = open_consumer(h, 131072);
    hang_up(h, "closed by peer");
    expect_command(h, COMMAND_CONNECTION_CLOSE);
    deliver(h, consumer, (const message_t *)(uintptr_t)16);
    tell(h, (event_t){.type = EVENT_CONNECTION_CLOSED});
    expect_command(h, COMMAND_CONNECTION_RELEASE);
    expect_no_command(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_delivery_has_these_octets),
        CASE(an_empty_body_has_no_body_frame),
        CASE(get_ok_says_what_is_left),
        CASE(a_return_says_no_route),
        CASE(bodies_are_cut_into_frames_of_frame_max),
        cmocka_unit_test(without_a_frame_max_a_body_is_one_frame),
        CASE(a_header_larger_than_frame_max_is_sent_whole),
        CASE(the_longest_names_fit),
        CASE(a_large_body_is_sent_from_the_message_itself),
        CASE(a_small_body_is_copied_next_to_its_frames),
        CASE(loans_go_back_when_their_octets_have_left),
        CASE(other_output_returns_no_loans),
        CASE(a_message_that_has_left_in_part_is_still_lent),
        CASE(thousands_of_messages_come_back_in_order),
        CASE(loans_are_still_counted_while_the_client_says_goodbye),
        CASE(with_the_socket_gone_messages_are_not_touched),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
