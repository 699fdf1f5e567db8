/* SPDX-License-Identifier: Apache-2.0
 *
 * zmtp_world.h: what stands around the session of fuzz_zmtp_session.c: the socket, the peer as it receives, and the
 * engine, which keeps its side of the contract (model/command.h, model/event.h), with what must hold of every octet. */
#pragma once

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/hash.h"
#include "base/properties.h"
#include "base/table.h"
#include "model/frames.h"
#include "zmtp/codec.h"
#include "zmtp/zmtp.h"

#define RING_ITEMS 8
#define LOANS      2048
#define OPEN_MOST  256
#define ACTS_MOST  1500
#define FRAME_MOST 3000

/* What messages must be, in order: a digest of their frames each. */
typedef struct digests {
    uint64_t of[LOANS];
    size_t first, count;
} digests_t;

typedef struct world {
    transport_t transport; /* first */
    port_t port;
    zmtp_io_t *io;
    zmtp_bus_t bus;
    session_t *session;
    zmtp_socket_type_t type;
    zmtp_version_t version;
    buffer_t unread, got;
    bool reading, closed;
    bool raw; /* the peer sent octets of its own: only the engine's rules still hold */
    uint64_t now_ms;
    bytes_reader_t input;

    /* the engine */
    uint32_t connection;
    bool engine_closed, consumes, acks;
    uint64_t last_tag, tags[OPEN_MOST];
    size_t tag_count;
    uint32_t asks[OPEN_MOST];
    size_t ask_count;
    message_t *loans[LOANS];
    uint64_t lent, returned;
    message_t *whole;    /* one with parts that is under way: as it is when it is whole */
    size_t whole_sent;   /* octets of its body */
    digests_t published; /* by the peer, still to reach the engine */
    digests_t delivered; /* by the engine, still to reach the peer */

    /* the peer as it receives */
    size_t greeting_left;
    zmtp_frame_reader_t reader;
    buffer_t message; /* flags and frames of the one that comes, as digested */
    bool in_message;
} world_t;

static inline uint8_t choice(world_t *w, unsigned below)
{
    return reader_left(&w->input) > 0 ? (uint8_t)(read_u8(&w->input) % below) : 0;
}

/* ---- digests ---- */

static inline void digest_frame(buffer_t *b, bytes_t octets)
{
    write_u64(b, octets.len);
    write_bytes(b, octets);
}

static inline uint64_t digest_end(buffer_t *b)
{
    uint8_t digest[HASH_DIGEST_BYTES];
    hash_digest(buffer_bytes(b), digest);
    buffer_clear(b);
    return load_u64(digest);
}

static inline void digests_push(digests_t *d, uint64_t digest)
{
    assert(d->count < LOANS);
    d->of[(d->first + d->count++) % LOANS] = digest;
}

static inline void digests_expect(digests_t *d, uint64_t digest)
{
    assert(d->count > 0 && d->of[d->first] == digest);
    d->first = (d->first + 1) % LOANS;
    d->count--;
}

static inline uint64_t digest_of(const message_t *m, bool with_topic)
{
    buffer_t b = {0};
    message_frame_t f;
    bytes_t body = message_body(m);
    frames_walk_t walk = frames_walk(m, with_topic);
    while (frames_next(&walk, &f)) {
        if (!f.is_topic)
            assert(f.body_bytes <= body.len);
        digest_frame(&b, f.is_topic ? f.topic : bytes_make(body.data, (size_t)f.body_bytes));
        body = bytes_make(body.data + f.body_bytes, body.len - (size_t)f.body_bytes);
    }
    assert(body.len == 0);
    uint64_t digest = digest_end(&b);
    buffer_free(&b);
    return digest;
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

static inline void on_bound_unsent(transport_t *t)
{
    (void)t;
}

static inline void on_set_reading(transport_t *t, bool on)
{
    world_of(t)->reading = on;
}

static inline uint64_t on_now(const transport_t *t)
{
    return ((const world_t *)(const void *)t)->now_ms;
}

static const transport_kind_t transport_kind = {
    .flush = on_flush,
    .close = on_close,
    .set_deadline = on_set_deadline,
    .set_reading = on_set_reading,
    .bound_unsent = on_bound_unsent,
    .now_ms = on_now,
};

/* A block of exactly this size: the sanitizer sees a read past its end. Input makes no command that the ring has no
 * room for. */
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
        assert(before > 0 || w->closed || lane_overflow(w->port.commands) == 0);
        if (used == 0)
            return;
    }
}

/* In pieces as the input wants them. */
static inline void give_in_pieces(world_t *w, buffer_t *b)
{
    for (size_t from = 0; from < b->len;) {
        size_t most = 1 + choice(w, 255), left = b->len - from;
        size_t piece = most < 250 && most < left ? most : left;
        write_bytes(&w->unread, bytes_make(b->data + from, piece));
        feed(w);
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

/* ---- what the peer receives ---- */

/* Of a peer that answers nothing all messages are the engine's, in order. */
static inline bool listens(const world_t *w)
{
    return w->type == ZMTP_SOCKET_SUB || w->type == ZMTP_SOCKET_XSUB || w->type == ZMTP_SOCKET_PULL;
}

static inline void receive_frame(world_t *w, const zmtp_piece_t *piece)
{
    zmtp_command_t c;
    if (piece->flags & ZMTP_COMMAND) {
        assert(!w->in_message && zmtp_command_decode(piece->octets, &c) == ZMTP_DECODED);
        assert(c.id != ZMTP_COMMAND_UNKNOWN);
        assert(w->version == ZMTP_3_1 || c.id == ZMTP_COMMAND_READY || c.id == ZMTP_COMMAND_PONG ||
               c.id == ZMTP_COMMAND_ERROR);
        return;
    }
    w->in_message = piece->flags & ZMTP_MORE;
    digest_frame(&w->message, piece->octets);
    if (w->in_message)
        return;
    uint64_t digest = digest_end(&w->message);
    if (listens(w) && w->consumes)
        digests_expect(&w->delivered, digest);
}

static inline void receive(world_t *w)
{
    size_t skip = w->greeting_left < w->got.len ? w->greeting_left : w->got.len;
    w->greeting_left -= skip;
    buffer_consume(&w->got, skip);
    zmtp_piece_t piece;
    bytes_reader_t r = bytes_reader(buffer_bytes(&w->got));
    zmtp_result_t result;
    while ((result = zmtp_frame_read(&w->reader, &r, &piece)) == ZMTP_DECODED)
        receive_frame(w, &piece);
    assert(result == ZMTP_INCOMPLETE);
    buffer_consume(&w->got, w->got.len - reader_left(&r));
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
    if (w->engine_closed || w->connection == 0) {
        event_discard(&e);
        return;
    }
    e.connection = w->connection;
    e.channel = 1;
    w->engine_closed = e.type == EVENT_CONNECTION_CLOSED;
    lane_push(w->port.events, &e);
    (void)lane_flush(w->port.events);
    assert(port_dispatch(&w->port, SIZE_MAX) == 1);
    (void)port_flush(&w->port);
}

/* Freed when its loan comes back: one that is used too long is seen. */
static inline void lend(world_t *w, event_t e, message_t *m)
{
    w->loans[w->lent++] = m;
    e.message = m;
    tell(w, e);
}

/* The next octets of the one with parts; the last come with the rest. */
static inline void send_content(world_t *w, size_t bytes)
{
    bytes_t body = message_body(w->whole);
    size_t left = body.len - w->whole_sent, len = bytes < left ? bytes : left;
    message_t *m =
        message_new_whole(BYTES(""), BYTES(""), BYTES(""), bytes_make(body.data + w->whole_sent, len));
    w->whole_sent += len;
    if (w->whole_sent == body.len) {
        message_free(w->whole);
        w->whole = NULL;
    }
    lend(w, (event_t){.type = EVENT_CONTENT}, m);
}
