/* SPDX-License-Identifier: Apache-2.0
 *
 * test_session_whole.c: a publish may come in one piece or in many: the session takes the frames of a whole one in one go
 * (content_whole.c), and what comes of it must be the same. Random conversations, good and bad, go to two sessions: one
 * gets all octets at once, the other one cut in random pieces. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "amqp/test_session.h"

#define CONVERSATIONS  3000
#define FRAME_MAX      4096
#define BODY_MOST      9000
#define MESSAGES_LARGE 6000

static uint32_t chance(uint64_t *seed, uint32_t below)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return (uint32_t)((*seed >> 20) % below);
}

static void large_are_refused_or_cut(amqp_options_t *o)
{
    o->max_message_size = MESSAGES_LARGE;
    o->part_bytes = 3000;
}

static hands_t *publisher(void)
{
    hands_t *h = hands_new(4096, large_are_refused_or_cut);
    open_with(h, all_capabilities, FRAME_MAX, 2047, 0);
    open_channel(h, 1);
    open_channel(h, 2);
    return h;
}

static void write_body(buffer_t *b, uint16_t channel, size_t bytes, uint64_t *seed)
{
    static const uint8_t octets[BODY_MOST] = {1, 2, 3, 0xce, 0xce, 5};
    if (bytes == 0 && chance(seed, 4) == 0) /* the publish was complete without it */
        write_frame(b, AMQP_FRAME_BODY, channel, BYTES(""));
    while (bytes > 0) {
        size_t most = chance(seed, 3) == 0 ? 1 + chance(seed, 100) : FRAME_MAX - AMQP_FRAME_OVERHEAD;
        size_t piece = bytes < most ? bytes : most;
        write_frame(b, AMQP_FRAME_BODY, channel, bytes_make(octets, piece));
        bytes -= piece;
        if (chance(seed, 30) == 0)
            amqp_write_heartbeat(b);
    }
}

static void write_publish(buffer_t *b, uint64_t *seed)
{
    static const bytes_t properties[] = {{(const uint8_t *)"\0\0", 2},
                                         {(const uint8_t *)"\x10\0\2", 3},
                                         {(const uint8_t *)"\x90\0\4text\2", 8},
                                         {(const uint8_t *)"\x10\0", 2}};
    static const char *const names[] = {"", "x", "amq.topic"};
    uint16_t channel = (uint16_t)(1 + (chance(seed, 4) == 0));
    size_t bytes = chance(seed, 4) == 0 ? chance(seed, BODY_MOST) : chance(seed, 30);
    amqp_write_method(b, channel, AMQP_basic_publish,
                      &(amqp_basic_publish_t){.exchange = bytes_string(names[chance(seed, 3)]),
                                              .routing_key = bytes_string(names[chance(seed, 3)]),
                                              .mandatory = chance(seed, 4) == 0,
                                              .immediate = chance(seed, 40) == 0});
    amqp_write_header(b, channel, bytes, properties[chance(seed, 4)]);
    write_body(b, channel, bytes, seed);
}

/* One octet is another now: a type, a size, a channel, a name, a body, an end. */
static void spoil(buffer_t *b, size_t from, uint64_t *seed)
{
    size_t at = from + chance(seed, (uint32_t)(b->len - from));
    b->data[at] = chance(seed, 2) ? (uint8_t)chance(seed, 256) : (uint8_t)(b->data[at] + 1);
}

static void write_conversation(buffer_t *b, uint64_t *seed)
{
    for (uint32_t left = 1 + chance(seed, 12); left > 0; left--) {
        size_t from = b->len;
        write_publish(b, seed);
        if (chance(seed, 25) == 0)
            spoil(b, from, seed);
    }
}

static void give_in_pieces(hands_t *h, bytes_t octets, uint64_t *seed)
{
    while (octets.len > 0) {
        size_t piece = 1 + chance(seed, chance(seed, 3) ? 40 : 3000);
        piece = piece < octets.len ? piece : octets.len;
        give(h, bytes_make(octets.data, piece));
        octets = bytes_make(octets.data + piece, octets.len - piece);
    }
}

static void expect_same_message(const message_t *a, const message_t *b)
{
    assert_true(bytes_equal(message_exchange(a), message_exchange(b)));
    assert_true(bytes_equal(message_routing_key(a), message_routing_key(b)));
    assert_true(bytes_equal(message_properties(a), message_properties(b)));
    assert_true(bytes_equal(message_body(a), message_body(b)));
    assert_int_equal(a->persistent, b->persistent);
}

/* What is told of unfinished bodies depends on where they stopped for a moment. */
static command_t *next_but_held(hands_t *h)
{
    command_t *c = next_command(h);
    while (c->type == COMMAND_HELD)
        c = next_command(h);
    return c;
}

static size_t expect_same_commands(hands_t *whole, hands_t *cut)
{
    size_t published = 0;
    for (;;) {
        const command_t *a = next_but_held(whole), *b = next_but_held(cut);
        assert_int_equal(a->type, b->type);
        if (a->type == COMMANDS_END)
            return published;
        assert_int_equal(a->flags, b->flags);
        assert_int_equal(a->channel, b->channel);
        assert_int_equal(a->cause, b->cause);
        if (command_has_message(a->type))
            expect_same_message(a->message, b->message);
        published += a->type == COMMAND_PUBLISH;
        if ((a->type == COMMAND_REFUSE || a->type == COMMAND_CONNECTION_CLOSE) && a->refusal) {
            assert_int_equal(a->refusal->code, b->refusal->code);
            assert_string_equal(a->refusal->text, b->refusal->text);
        }
    }
}

static void in_one_piece_or_in_many_it_comes_to_the_same(void **state)
{
    (void)state;
    uint64_t seed = 0x9e3779b97f4a7c15;
    size_t published = 0;
    for (int i = 0; i < CONVERSATIONS; i++) {
        buffer_t octets = {0};
        hands_t *whole = publisher(), *cut = publisher();
        write_conversation(&octets, &seed);
        give(whole, buffer_bytes(&octets));
        give_in_pieces(cut, buffer_bytes(&octets), &seed);
        published += expect_same_commands(whole, cut);
        drain(whole), drain(cut);
        assert_true(bytes_equal(buffer_bytes(&whole->got), buffer_bytes(&cut->got)));
        assert_true(bytes_equal(buffer_bytes(&whole->lines), buffer_bytes(&cut->lines)));
        void *ends[] = {whole, cut};
        tear_down(&ends[0]);
        tear_down(&ends[1]);
        buffer_free(&octets);
    }
    assert_true(published > CONVERSATIONS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_one_piece_or_in_many_it_comes_to_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
