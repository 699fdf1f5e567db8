/* SPDX-License-Identifier: Apache-2.0
 *
 * test_session_deliver_parts.c: a message with parts on its way out: method and header first, its body as the engine
 * reads it back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "amqp/test_session.h"

#define FRAME_MAX  4096
#define PROPERTIES BYTES("\x10\0\2")

/* A message whose body is two parts and a rest, as the engine lends them: parts[2] is the message. */
typedef struct large {
    uint8_t *octets;
    bytes_t body;
    message_t *parts[3];
} large_t;

static void large_init(large_t *l, size_t part_bytes, size_t rest_bytes, uint8_t seed)
{
    size_t len = 2 * part_bytes + rest_bytes;
    l->octets = malloc(len);
    for (size_t i = 0; i < len; i++)
        l->octets[i] = (uint8_t)(seed + i * 5 + i / 255);
    l->body = bytes_make(l->octets, len);
    for (size_t i = 0; i < 2; i++) {
        l->parts[i] = message_new(BYTES(""), BYTES(""), BYTES(""), part_bytes);
        l->parts[i] =
            message_append(l->parts[i], bytes_make(l->octets + i * part_bytes, part_bytes), part_bytes);
    }
    message_part_t *parts = mem_alloc(2 * sizeof *parts);
    parts[0] = (message_part_t){.record = 1, .bytes = part_bytes};
    parts[1] = (message_part_t){.record = 2, .bytes = part_bytes};
    message_t *m = message_new(BYTES("x"), BYTES("k"), PROPERTIES, rest_bytes);
    m = message_append(m, bytes_make(l->octets + 2 * part_bytes, rest_bytes), rest_bytes);
    message_set_parts(m, parts, 2);
    l->parts[2] = m;
}

static void large_deinit(large_t *l)
{
    for (size_t i = 0; i < 3; i++)
        message_free(l->parts[i]);
    free(l->octets);
}

/* ---- the engine ---- */

/* A consumer "t" on each of channels 1 and 2; `numbers` by channel. */
static void open_consumers(hands_t *h, uint32_t numbers[3])
{
    open_with(h, all_capabilities, FRAME_MAX, 2047, 0);
    for (uint16_t channel = 1; channel <= 2; channel++) {
        open_channel(h, channel);
        GIVE(h, channel, basic_consume, .queue = BYTES("q"), .consumer_tag = BYTES("t"));
        numbers[channel] = expect_command(h, COMMAND_CONSUME)->count;
        tell(h, (event_t){.type = EVENT_CONSUMER_STARTED, .channel = channel, .consumer = numbers[channel]});
        EXPECT(h, channel, basic_consume_ok);
    }
}

static void deliver(hands_t *h, uint16_t channel, uint32_t consumer, const message_t *m)
{
    tell(h, (event_t){.type = EVENT_DELIVER,
                      .channel = channel,
                      .consumer = consumer,
                      .delivery_tag = 1,
                      .message = m});
}

static void tell_content(hands_t *h, uint16_t channel, const message_t *m)
{
    tell(h, (event_t){.type = EVENT_CONTENT, .channel = channel, .message = m});
}

/* ---- the client ---- */

static void expect_header(hands_t *h, uint16_t channel, uint64_t body_bytes)
{
    amqp_content_header_t header;
    frame_t f = next_frame(h);
    assert_int_equal(f.type, AMQP_FRAME_HEADER);
    assert_int_equal(f.channel, channel);
    assert_true(amqp_content_header_decode(f.payload, &header));
    assert_int_equal(header.body_bytes, body_bytes);
    assert_true(bytes_equal(header.properties, PROPERTIES));
}

/* Body frames with these octets, all but the last of them full. */
static void expect_octets(hands_t *h, uint16_t channel, bytes_t octets)
{
    const size_t most = FRAME_MAX - AMQP_FRAME_OVERHEAD;
    while (octets.len > 0) {
        frame_t f = next_frame(h);
        assert_int_equal(f.type, AMQP_FRAME_BODY);
        assert_int_equal(f.channel, channel);
        assert_int_equal(f.payload.len, octets.len < most ? octets.len : most);
        assert_memory_equal(f.payload.data, octets.data, f.payload.len);
        octets = bytes_make(octets.data + f.payload.len, octets.len - f.payload.len);
    }
}

/* ---- encoding ---- */

static void the_header_says_the_whole_size_and_the_octets_follow(void **state)
{
    static const size_t sizes[][2] = {{1, 1},       {64, 1},      {64, 64},     {4088, 5},    {4089, 4088},
                                      {4095, 4095}, {4096, 4096}, {8176, 8177}, {100000, 70}, {64, 5000}};
    static const event_type_t types[] = {EVENT_DELIVER, EVENT_GET_OK, EVENT_RETURN};
    static const amqp_method_id methods[] = {AMQP_basic_deliver, AMQP_basic_get_ok, AMQP_basic_return};
    hands_t *h = *state;
    uint32_t consumers[3];
    open_consumers(h, consumers);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (size_t type = 0; type < 3; type++) {
            large_t l;
            large_init(&l, sizes[i][0], sizes[i][1], (uint8_t)i);
            tell(h, (event_t){.type = (uint8_t)types[type],
                              .channel = 1,
                              .consumer = consumers[1],
                              .message = l.parts[2]});
            (void)expect_method(h, 1, methods[type]);
            expect_header(h, 1, l.body.len);
            expect_nothing_sent(h);
            for (size_t part = 0; part < 3; part++) {
                tell_content(h, 1, l.parts[part]);
                expect_octets(h, 1, message_body(l.parts[part]));
                expect_nothing_sent(h);
            }
            large_deinit(&l);
        }
}

static void large_octets_are_sent_from_the_message_itself(void **state)
{
    hands_t *h = *state;
    uint32_t consumers[3];
    open_consumers(h, consumers);
    large_t l;
    large_init(&l, 5000, 50, 0);
    deliver(h, 1, consumers[1], l.parts[2]);
    drain(h);
    tell_content(h, 1, l.parts[0]);
    output_piece_t pieces[8];
    assert_int_equal(output_gather(h->transport.output, pieces, 8), 5);
    assert_ptr_equal(pieces[1].data, message_body(l.parts[0]).data);
    assert_ptr_equal(pieces[3].data, message_body(l.parts[0]).data + 4088);
    drain(h);
    tell_content(h, 1, l.parts[1]);
    drain(h);
    tell_content(h, 1, l.parts[2]);
    assert_int_equal(output_gather(h->transport.output, pieces, 8), 1);
    drain(h);
    large_deinit(&l);
}

static void other_channels_may_speak_in_between(void **state)
{
    hands_t *h = *state;
    uint32_t consumers[3];
    open_consumers(h, consumers);
    large_t one, two;
    large_init(&one, 5000, 50, 0);
    large_init(&two, 300, 4089, 77);
    message_t *small = message_append(message_new(BYTES("x"), BYTES("k"), PROPERTIES, 2), BYTES("hi"), 2);
    deliver(h, 1, consumers[1], one.parts[2]);
    deliver(h, 2, consumers[2], small);
    tell_content(h, 1, one.parts[0]);
    deliver(h, 2, consumers[2], two.parts[2]);
    tell_content(h, 1, one.parts[1]);
    tell_content(h, 2, two.parts[0]);
    tell_content(h, 2, two.parts[1]);
    tell_content(h, 1, one.parts[2]);
    tell(h, (event_t){.type = EVENT_OK, .channel = 1, .cause = AMQP_basic_qos});
    tell_content(h, 2, two.parts[2]);

    EXPECT(h, 1, basic_deliver);
    expect_header(h, 1, 10050);
    EXPECT(h, 2, basic_deliver);
    expect_header(h, 2, 2);
    expect_octets(h, 2, BYTES("hi"));
    expect_octets(h, 1, message_body(one.parts[0]));
    EXPECT(h, 2, basic_deliver);
    expect_header(h, 2, 4689);
    expect_octets(h, 1, message_body(one.parts[1]));
    expect_octets(h, 2, message_body(two.parts[0]));
    expect_octets(h, 2, message_body(two.parts[1]));
    expect_octets(h, 1, message_body(one.parts[2]));
    EXPECT(h, 1, basic_qos_ok);
    expect_octets(h, 2, message_body(two.parts[2]));
    expect_nothing_sent(h);
    message_free(small);
    large_deinit(&one);
    large_deinit(&two);
}

/* ---- loans ---- */

static void each_is_a_loan_that_goes_back_when_its_octets_have_left(void **state)
{
    hands_t *h = *state;
    uint32_t consumers[3];
    open_consumers(h, consumers);
    large_t l;
    large_init(&l, 50000, 60000, 0);
    deliver(h, 1, consumers[1], l.parts[2]);
    size_t ends[4] = {output_waiting(h->transport.output)};
    drain(h);
    assert_int_equal(expect_command(h, COMMAND_SENT)->number, 1);
    for (size_t i = 0; i < 3; i++) {
        tell_content(h, 1, l.parts[i]);
        ends[i + 1] = output_waiting(h->transport.output);
    }
    size_t sent = 0;
    for (uint64_t i = 1; i <= 3; i++) {
        drain_some(h, ends[i] - sent - 1);
        expect_no_command(h);
        drain_some(h, 1);
        assert_int_equal(expect_command(h, COMMAND_SENT)->number, i + 1);
        sent = ends[i];
    }
    large_deinit(&l);
}

static void octets_of_deliveries_alone_are_bounded_by_the_engine(void **state)
{
    hands_t *h = *state;
    uint32_t consumers[3];
    open_consumers(h, consumers);
    large_t l;
    large_init(&l, 50000, 60000, 0);
    deliver(h, 1, consumers[1], l.parts[2]);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(h->transport.bounded_bytes, output_waiting(h->transport.output));
        tell_content(h, 1, l.parts[i]);
    }
    assert_int_equal(h->transport.bounded_bytes, output_waiting(h->transport.output));
    drain(h);
    assert_int_equal(h->transport.bounded_bytes, 0);
    tell(h, (event_t){.type = EVENT_GET_OK, .channel = 1, .message = l.parts[2]});
    for (size_t i = 0; i < 3; i++)
        tell_content(h, 1, l.parts[i]);
    assert_int_equal(h->transport.bounded_bytes, 0);
    drain(h);
    large_deinit(&l);
}

/* ---- ends ---- */

static void a_channel_that_closes_midway_gets_the_rest_first(void **state)
{
    hands_t *h = *state;
    uint32_t consumers[3];
    open_consumers(h, consumers);
    large_t l;
    large_init(&l, 300, 5, 0);
    deliver(h, 1, consumers[1], l.parts[2]);
    tell_content(h, 1, l.parts[0]);
    GIVE(h, 1, channel_close, .reply_code = 200);
    uint32_t life = expect_command(h, COMMAND_CHANNEL_CLOSE)->cause;
    GIVE(h, 1, channel_open, .unused = 0); /* the number's next life, already */
    expect_command(h, COMMAND_CHANNEL_OPEN);
    tell_content(h, 1, l.parts[1]);
    tell_content(h, 1, l.parts[2]);
    tell(h, (event_t){.type = EVENT_CHANNEL_CLOSED, .channel = 1, .cause = life});
    tell(h, (event_t){.type = EVENT_CHANNEL_OPENED, .channel = 1});
    EXPECT(h, 1, basic_deliver);
    expect_header(h, 1, l.body.len);
    for (size_t i = 0; i < 3; i++)
        expect_octets(h, 1, message_body(l.parts[i]));
    EXPECT(h, 1, channel_close_ok);
    EXPECT(h, 1, channel_open_ok);
    expect_command(h, COMMAND_SENT);
    tell(h, (event_t){.type = EVENT_GET_OK, .channel = 1, .message = l.parts[2]});
    EXPECT(h, 1, basic_get_ok);
    expect_header(h, 1, l.body.len);
    large_deinit(&l);
}

/* A message at address 16 would be noticed if it were looked at. */
static void octets_for_a_channel_that_has_ended_are_dropped(void **state)
{
    const message_t *untouched = (const message_t *)(uintptr_t)16;
    hands_t *h = *state;
    uint32_t consumers[3];
    open_consumers(h, consumers);
    large_t l;
    large_init(&l, 300, 5, 0);
    deliver(h, 1, consumers[1], l.parts[2]);
    tell_content(h, 1, l.parts[0]);
    tell(h, (event_t){.type = EVENT_CHANNEL_REFUSED, .channel = 1, .refusal = refusal_new(404, 0, "no")});
    EXPECT(h, 1, basic_deliver);
    expect_header(h, 1, l.body.len);
    expect_octets(h, 1, message_body(l.parts[0]));
    EXPECT(h, 1, channel_close);
    assert_int_equal(expect_command(h, COMMAND_SENT)->number, 2);
    tell_content(h, 1, untouched);
    assert_int_equal(expect_command(h, COMMAND_SENT)->number, 3);
    GIVE(h, 1, channel_close_ok, .unused = 0);
    expect_command(h, COMMAND_CHANNEL_RELEASE);
    tell_content(h, 1, untouched);
    assert_int_equal(expect_command(h, COMMAND_SENT)->number, 4);
    expect_nothing_sent(h);
    large_deinit(&l);
}

static void with_the_socket_gone_octets_are_not_touched(void **state)
{
    const message_t *untouched = (const message_t *)(uintptr_t)16;
    hands_t *h = *state;
    uint32_t consumers[3];
    open_consumers(h, consumers);
    large_t l;
    large_init(&l, 300, 5, 0);
    deliver(h, 1, consumers[1], l.parts[2]);
    hang_up(h, "closed by peer");
    expect_command(h, COMMAND_CONNECTION_CLOSE);
    tell_content(h, 1, untouched);
    deliver(h, 2, consumers[2], untouched);
    tell_content(h, 2, untouched);
    tell(h, (event_t){.type = EVENT_CONNECTION_CLOSED});
    expect_command(h, COMMAND_CONNECTION_RELEASE);
    expect_no_command(h);
    large_deinit(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(the_header_says_the_whole_size_and_the_octets_follow),
        CASE(large_octets_are_sent_from_the_message_itself),
        CASE(other_channels_may_speak_in_between),
        CASE(each_is_a_loan_that_goes_back_when_its_octets_have_left),
        CASE(octets_of_deliveries_alone_are_bounded_by_the_engine),
        CASE(a_channel_that_closes_midway_gets_the_rest_first),
        CASE(octets_for_a_channel_that_has_ended_are_dropped),
        CASE(with_the_socket_gone_octets_are_not_touched),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
