/* SPDX-License-Identifier: Apache-2.0
 *
 * session_world.h: what stands around the session of fuzz_amqp_session.c: the socket, the client as it receives, and
 * the engine as it speaks, with what must hold of every octet that the client gets. */
#pragma once

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "amqp/amqp.h"
#include "amqp/codec.h"
#include "base/alloc.h"
#include "base/text.h"

#define CHANNELS   3
#define PART       64
#define FRAME_MAX  4096
#define BODY_MOST  1000
#define RING_ITEMS 8
#define LOANS      4096
#define ACTS_MOST  2000

typedef struct channel {
    /* the client's side */
    bool sending; /* a publish whose body is due */
    uint32_t at, size;
    uint64_t left; /* octets of a body it is receiving */
    uint32_t received;

    /* the engine's */
    bool open, refused;
    uint32_t parts_bytes;   /* that came ahead of a publish */
    uint32_t consumer;      /* 0: none */
    message_t *sent;        /* whose contents follow, a copy */
    uint32_t contents_sent; /* of its part_count + 1 */
} channel_t;

typedef struct world {
    transport_t transport; /* first */
    port_t port;
    amqp_io_t *io;
    session_t *session;
    buffer_t unread, got;
    bool reading, closed;
    bool raw; /* the client sent octets of its own: only the engine's rules still hold */
    uint32_t connection;
    bool engine_closed;
    channel_t channels[CHANNELS + 1];
    message_t *loans[LOANS];
    uint64_t lent, returned;
    bytes_reader_t input;
} world_t;

static inline uint8_t choice(world_t *w, uint8_t below)
{
    return reader_left(&w->input) > 0 ? read_u8(&w->input) % below : 0;
}

static inline uint8_t octet_at(uint32_t position)
{
    return (uint8_t)(position * 7 + position / 251);
}

static inline void assert_octets(bytes_t octets, uint32_t position)
{
    for (size_t i = 0; i < octets.len; i++)
        assert(octets.data[i] == octet_at(position + (uint32_t)i));
}

/* ---- the socket ---- */

static inline world_t *world_of(transport_t *t)
{
    return (world_t *)(void *)t;
}

static inline void on_flush(transport_t *t)
{
    (void)t;
}

static inline void on_close(transport_t *t, uint64_t linger_ms)
{
    (void)linger_ms;
    assert(!world_of(t)->closed);
    world_of(t)->closed = true;
}

static inline void on_set_deadline(transport_t *t, uint64_t at_ms)
{
    (void)t, (void)at_ms;
}

static inline void on_set_reading(transport_t *t, bool on)
{
    world_of(t)->reading = on;
}

static inline uint64_t on_now(const transport_t *t)
{
    (void)t;
    return 1000;
}

static const transport_kind_t transport_kind = {
    .flush = on_flush,
    .close = on_close,
    .set_deadline = on_set_deadline,
    .set_reading = on_set_reading,
    .now_ms = on_now,
};

/* A block of exactly this size: the sanitizer sees a read past its end. Input makes no command that the ring
 * has no room for. */
static inline void feed(world_t *w)
{
    while (w->session && w->reading && !w->closed && w->unread.len > 0) {
        uint8_t *block = malloc(w->unread.len);
        assert(block);
        memcpy(block, w->unread.data, w->unread.len);
        size_t before = lane_overflow(w->port.commands);
        size_t used = w->session->kind->input(w->session, bytes_make(block, w->unread.len));
        free(block);
        buffer_consume(&w->unread, used);
        assert(before > 0 || lane_overflow(w->port.commands) == 0);
        if (used == 0)
            return;
    }
}

static inline void give(world_t *w, bytes_t octets)
{
    write_bytes(&w->unread, octets);
    feed(w);
}

/* In pieces as the input wants them. */
static inline void give_in_pieces(world_t *w, buffer_t *b)
{
    for (size_t from = 0; from < b->len;) {
        size_t most = 1 + choice(w, 255), left = b->len - from;
        size_t piece = most < 250 && most < left ? most : left;
        give(w, bytes_make(b->data + from, piece));
        from += piece;
    }
    buffer_free(b);
}

static inline void hang_up(world_t *w)
{
    session_t *s = w->session;
    w->session = NULL;
    output_drop(w->transport.output);
    s->kind->ended(s, "closed by peer");
}

/* ---- what the client receives ---- */

static inline void receive_frame(world_t *w, amqp_frame_head_t head, bytes_t payload)
{
    amqp_content_header_t header;
    if (head.channel == 0 || head.channel > CHANNELS || head.type == AMQP_FRAME_HEARTBEAT)
        return;
    channel_t *ch = &w->channels[head.channel];
    if (head.type == AMQP_FRAME_BODY) {
        assert(payload.len > 0 && payload.len <= ch->left && payload.len <= FRAME_MAX - AMQP_FRAME_OVERHEAD);
        assert_octets(payload, ch->received);
        ch->received += (uint32_t)payload.len;
        ch->left -= payload.len;
        return;
    }
    assert(ch->left == 0);
    if (head.type == AMQP_FRAME_HEADER) {
        assert(amqp_content_header_decode(payload, &header));
        ch->left = header.body_bytes;
        ch->received = 0;
    }
}

static inline void receive(world_t *w)
{
    while (w->got.len >= AMQP_FRAME_HEAD_BYTES) {
        amqp_frame_head_t head = amqp_frame_head_decode(w->got.data);
        size_t total = AMQP_FRAME_OVERHEAD + (size_t)head.payload_bytes;
        if (w->got.len < total)
            return;
        assert(w->got.data[total - 1] == AMQP_FRAME_END);
        receive_frame(w, head, bytes_make(w->got.data + AMQP_FRAME_HEAD_BYTES, head.payload_bytes));
        buffer_consume(&w->got, total);
    }
}

static inline void drain(world_t *w, size_t most)
{
    size_t sent = 0;
    output_piece_t piece;
    while (sent < most && output_gather(w->transport.output, &piece, 1) == 1) {
        size_t len = piece.len < most - sent ? piece.len : most - sent;
        write_bytes(&w->got, bytes_make(piece.data, len));
        output_drain(w->transport.output, len);
        sent += len;
    }
    if (sent > 0 && w->session)
        w->session->kind->drained(w->session);
    receive(w);
}

/* ---- what the engine says ---- */

static inline void tell(world_t *w, event_t e)
{
    if (w->engine_closed) {
        event_discard(&e);
        return;
    }
    e.connection = w->connection;
    w->engine_closed = e.type == EVENT_CONNECTION_CLOSED;
    lane_push(w->port.events, &e);
    (void)lane_flush(w->port.events);
    assert(port_dispatch(&w->port, SIZE_MAX) == 1);
    (void)port_flush(&w->port);
}

/* A copy for each loan, freed when it comes back: one that is used too long is seen. */
static inline void lend(world_t *w, event_t e, message_t *m)
{
    if (w->engine_closed || w->lent == LOANS) {
        message_free(m);
        return;
    }
    w->loans[w->lent++] = m;
    e.message = m;
    tell(w, e);
}

static inline message_t *message_of(bytes_t properties, uint32_t position, uint32_t len)
{
    uint8_t octets[BODY_MOST * 8];
    assert(len <= sizeof octets);
    for (uint32_t i = 0; i < len; i++)
        octets[i] = octet_at(position + i);
    return message_append(message_new(BYTES("x"), BYTES("k"), properties, len), bytes_make(octets, len), len);
}

static inline message_t *large_copy(const message_t *m)
{
    message_t *copy =
        message_append(message_new(BYTES("x"), BYTES("k"), message_properties(m), 0), message_body(m), 0);
    message_part_t *parts = mem_alloc(m->part_count * sizeof *parts);
    memcpy(parts, m->parts, m->part_count * sizeof *parts);
    message_set_parts(copy, parts, m->part_count);
    return copy;
}

static inline void send_next_content(world_t *w, uint16_t number)
{
    channel_t *ch = &w->channels[number];
    message_t *m = ch->sent;
    if (!m)
        return;
    uint32_t i = ch->contents_sent++;
    event_t e = {.type = EVENT_CONTENT, .channel = number};
    if (i < m->part_count) {
        uint32_t bytes = (uint32_t)m->parts[i].bytes;
        lend(w, e, message_of(BYTES(""), i * bytes, bytes));
        return;
    }
    ch->sent = NULL;
    lend(w, e, large_copy(m));
    message_free(m);
}

static inline void send_all_contents(world_t *w, uint16_t number)
{
    while (w->channels[number].sent)
        send_next_content(w, number);
}

static inline void send_message(world_t *w, uint16_t number)
{
    channel_t *ch = &w->channels[number];
    if (!ch->open || ch->sent || w->lent > LOANS - 16)
        return;
    static const uint8_t types[] = {EVENT_GET_OK, EVENT_RETURN, EVENT_DELIVER};
    uint8_t type = types[choice(w, ch->consumer != 0 ? 3 : 2)];
    event_t e = {.type = type, .channel = number, .consumer = ch->consumer, .delivery_tag = 1};
    uint32_t part_count = choice(w, 4), part = 1 + choice(w, 255) * 25u, rest = 1 + choice(w, 255);
    message_t *m = message_of(BYTES("\x10\0\2"), part_count * part, rest);
    if (part_count == 0) {
        lend(w, e, message_of(BYTES("\x10\0\1"), 0, rest));
        message_free(m);
        return;
    }
    message_part_t *parts = mem_alloc(part_count * sizeof *parts);
    for (uint32_t i = 0; i < part_count; i++)
        parts[i] = (message_part_t){.record = 1, .bytes = part};
    message_set_parts(m, parts, part_count);
    lend(w, e, large_copy(m));
    ch->sent = m;
    ch->contents_sent = 0;
}

static inline void end_channel(world_t *w, uint16_t number)
{
    channel_t *ch = &w->channels[number];
    send_all_contents(w, number);
    ch->open = false;
    ch->consumer = 0;
    ch->parts_bytes = 0;
}

static inline void refuse_channel(world_t *w, uint16_t number, refusal_t *r)
{
    end_channel(w, number);
    w->channels[number].refused = true;
    tell(w, (event_t){.type = EVENT_CHANNEL_REFUSED, .channel = number, .refusal = r});
}
