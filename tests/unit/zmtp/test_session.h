/* SPDX-License-Identifier: Apache-2.0
 *
 * test_session.h: a ZMTP session between two hands: the test plays the socket on one side and the engine on the other. The
 * rooms in between (port, output, codec, auth) are the real ones. After <cmocka.h>. */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/properties.h"
#include "base/table.h"
#include "base/text.h"
#include "model/frames.h"
#include "zmtp/codec.h"
#include "zmtp/zmtp.h"

#define WALL_S 1700000000u

typedef struct hands {
    transport_t transport; /* first */
    port_t port;
    zmtp_options_t options;
    zmtp_bus_t bus;
    zmtp_io_t *io;
    auth_t *auth;
    log_t log;
    buffer_t lines; /* what was logged, a line each */

    /* the socket */
    session_t *session;
    buffer_t unread; /* given, not yet consumed */
    buffer_t got;    /* what the session sent, not yet looked at */
    size_t cut;      /* octets given at a time; 0: all at once */
    bool reading;
    bool closed; /* by the session */
    uint64_t linger_ms;
    uint64_t deadline_ms;
    bool bounded; /* the kernel is to take little */
    uint64_t now_ms;

    /* who dialled */
    int overs;
    bool for_good;

    /* the engine */
    uint32_t connection; /* number of the connection that opened last */
    command_t last;      /* freed by the next one */
    message_t *lent[64]; /* freed when their loans are back, or in the end */
    uint64_t lent_count, back_count;
    uint8_t random;
} hands_t;

/* ---- the socket ---- */

static inline hands_t *hands_of(const transport_t *t)
{
    return (hands_t *)(uintptr_t)t;
}

static inline void hands_flush(transport_t *t)
{
    (void)t;
}

static inline void hands_close(transport_t *t, uint64_t linger_ms)
{
    assert_false(hands_of(t)->closed);
    hands_of(t)->closed = true;
    hands_of(t)->linger_ms = linger_ms;
}

static inline void hands_set_deadline(transport_t *t, uint64_t at_ms)
{
    hands_of(t)->deadline_ms = at_ms;
}

static inline void hands_bound_unsent(transport_t *t)
{
    hands_of(t)->bounded = true;
}

static inline void hands_set_reading(transport_t *t, bool on)
{
    hands_of(t)->reading = on;
}

static inline uint64_t hands_now(const transport_t *t)
{
    return hands_of(t)->now_ms;
}

static const transport_kind_t hands_kind = {
    .flush = hands_flush,
    .close = hands_close,
    .set_deadline = hands_set_deadline,
    .set_reading = hands_set_reading,
    .bound_unsent = hands_bound_unsent,
    .now_ms = hands_now,
};

/* Gives the session what it has not taken yet, as long as it takes any. */
static inline void feed(hands_t *h)
{
    while (h->reading && !h->closed && h->unread.len > 0) {
        /* a block of exactly this size: the sanitizer sees a read past its end */
        uint8_t *block = malloc(h->unread.len);
        memcpy(block, h->unread.data, h->unread.len);
        size_t used = h->session->kind->input(h->session, bytes_make(block, h->unread.len));
        free(block);
        assert_true(used <= h->unread.len);
        buffer_consume(&h->unread, used);
        if (used == 0)
            return;
    }
}

static inline void give(hands_t *h, bytes_t octets)
{
    size_t step = h->cut > 0 ? h->cut : octets.len;
    for (size_t at = 0; at < octets.len; at += step) {
        size_t len = octets.len - at < step ? octets.len - at : step;
        write_bytes(&h->unread, bytes_make(octets.data + at, len));
        feed(h);
    }
}

/* Sends at most `most` octets of what waits, and tells the session. */
static inline void drain_some(hands_t *h, size_t most)
{
    size_t sent = 0;
    output_piece_t piece;
    while (sent < most && output_gather(h->transport.output, &piece, 1) == 1) {
        size_t len = piece.len < most - sent ? piece.len : most - sent;
        write_bytes(&h->got, bytes_make(piece.data, len));
        output_drain(h->transport.output, len);
        sent += len;
    }
    if (sent > 0 && h->session)
        h->session->kind->drained(h->session);
}

static inline void drain(hands_t *h)
{
    drain_some(h, SIZE_MAX);
}

/* The loop at this time: the deadline comes if it is due. */
static inline void at(hands_t *h, uint64_t now_ms)
{
    assert_true(now_ms >= h->now_ms);
    while (h->session && h->deadline_ms != 0 && h->deadline_ms <= now_ms) {
        h->now_ms = h->deadline_ms > h->now_ms ? h->deadline_ms : h->now_ms;
        h->deadline_ms = 0;
        h->session->kind->deadline(h->session);
    }
    h->now_ms = now_ms;
}

static inline void hang_up(hands_t *h)
{
    session_t *s = h->session;
    h->session = NULL;
    output_drop(h->transport.output);
    s->kind->ended(s, "closed by peer");
}

static inline void fresh_socket(hands_t *h)
{
    output_free(&h->transport.output);
    h->transport.output = output_new();
    buffer_clear(&h->unread);
    buffer_clear(&h->got);
    h->reading = true;
    h->closed = false;
    h->deadline_ms = 0;
}

static inline void connect_client(hands_t *h)
{
    fresh_socket(h);
    h->transport.since_ms = h->now_ms;
    h->session = zmtp_session_accepted(h->io, &h->bus, &h->transport);
    h->transport.session = h->session;
    assert_non_null(h->session);
}

static inline void hands_over(void *context, bool for_good)
{
    hands_t *h = context;
    h->overs++;
    h->for_good = for_good;
}

static inline void dial(hands_t *h)
{
    fresh_socket(h);
    h->transport.since_ms = h->now_ms;
    h->session = zmtp_session_dialled(h->io, &h->bus, &h->transport, hands_over, h);
    h->transport.session = h->session;
}

/* ---- the engine ---- */

static inline void take_back(hands_t *h, uint64_t through)
{
    assert_true(through <= h->lent_count);
    for (; h->back_count < through; h->back_count++)
        message_free(h->lent[h->back_count % 64]);
}

/* The oldest command; COMMANDS_END if there is none. */
#define COMMANDS_END 255
static inline command_t *next_command(hands_t *h)
{
    if (h->last.type != COMMANDS_END)
        command_discard(&h->last);
    (void)port_flush(&h->port);
    const command_t *c = lane_peek(h->port.commands);
    h->last = c ? *c : (command_t){.type = COMMANDS_END};
    if (c)
        lane_pop(h->port.commands);
    (void)lane_release(h->port.commands);
    if (h->last.type == COMMAND_CONNECTION_OPEN)
        h->connection = h->last.connection;
    if (h->last.type == COMMAND_SENT)
        take_back(h, h->last.number);
    return &h->last;
}

static inline command_t *expect_command(hands_t *h, command_type_t type)
{
    command_t *c = next_command(h);
    assert_int_equal(c->type, type);
    assert_int_equal(c->connection, h->connection);
    return c;
}

static inline void expect_no_command(hands_t *h)
{
    assert_int_equal(next_command(h)->type, COMMANDS_END);
}

static inline void tell(hands_t *h, event_t e)
{
    e.connection = h->connection;
    e.channel = 1;
    lane_push(h->port.events, &e);
    (void)lane_flush(h->port.events);
    assert_int_equal(port_dispatch(&h->port, SIZE_MAX), 1);
    (void)port_flush(&h->port);
}

/* Lends it; freed when its loan is back. */
static inline void lend(hands_t *h, event_t e, message_t *m)
{
    h->lent[h->lent_count++ % 64] = m;
    e.message = m;
    tell(h, e);
}

static inline void deliver(hands_t *h, uint64_t tag, message_t *m)
{
    lend(h, (event_t){.type = EVENT_DELIVER, .delivery_tag = tag, .consumer = 1}, m);
}

static inline message_t *message(const char *exchange, const char *key, const char *body)
{
    return message_new_whole(bytes_string(exchange), bytes_string(key), BYTES("\x10\0\2"),
                             bytes_string(body));
}

/* ---- octets ---- */

static inline void assert_octets(bytes_t got, bytes_t expected)
{
    if (bytes_equal(got, expected))
        return;
    for (size_t i = 0; i < got.len; i++)
        fprintf(stderr, "%02x", got.data[i]);
    fprintf(stderr, " is not\n");
    for (size_t i = 0; i < expected.len; i++)
        fprintf(stderr, "%02x", expected.data[i]);
    fprintf(stderr, "\n");
    fail();
}

static inline void assert_text(bytes_t got, const char *expected)
{
    assert_octets(got, bytes_string(expected));
}

/* All that was sent since. */
static inline void expect_octets(hands_t *h, bytes_t expected)
{
    drain(h);
    assert_octets(buffer_bytes(&h->got), expected);
    buffer_clear(&h->got);
}
#define EXPECT(h, literal) expect_octets(h, BYTES(literal))
#define GIVE(h, literal)   give(h, BYTES(literal))

/* A message of text frames, as on the wire; NULL ends them. */
static inline void write_message(buffer_t *b, const char *const *frames)
{
    for (; *frames; frames++)
        zmtp_write_frame(b, bytes_string(*frames), frames[1] != NULL);
}
#define FRAMES(...) ((const char *const[]){__VA_ARGS__, NULL})

static inline void give_message(hands_t *h, const char *const *frames)
{
    buffer_t b = {0};
    write_message(&b, frames);
    give(h, buffer_bytes(&b));
    buffer_free(&b);
}

static inline void expect_message(hands_t *h, const char *const *frames)
{
    buffer_t b = {0};
    write_message(&b, frames);
    expect_octets(h, buffer_bytes(&b));
    buffer_free(&b);
}

static inline bool logged(hands_t *h, const char *part)
{
    write_u8(&h->lines, 0);
    h->lines.len--;
    return strstr((const char *)h->lines.data, part) != NULL;
}

/* The session has closed its socket and said why. */
static inline void expect_closed(hands_t *h, const char *why)
{
    assert_true(h->closed);
    if (!logged(h, why))
        fail_msg("not logged: \"%s\" in\n%s", why, (const char *)h->lines.data);
}

/* ---- what was published ---- */

static inline void expect_property(const message_t *m, property_t p, const char *expected)
{
    bytes_t value = {0};
    bool there = properties_get(message_properties(m), p, &value);
    assert_int_equal(there, expected != NULL);
    if (expected)
        assert_text(value, expected);
}

/* The frames are what they were: from the message as it is kept. */
static inline void expect_frames(const message_t *m, bool with_topic, const char *const *frames)
{
    message_frame_t f;
    bytes_t body = message_body(m);
    frames_walk_t walk = frames_walk(m, with_topic);
    for (; frames_next(&walk, &f); frames++) {
        assert_non_null(*frames);
        bytes_t octets = f.is_topic ? f.topic : bytes_make(body.data, (size_t)f.body_bytes);
        assert_text(octets, *frames);
        assert_int_equal(f.more, frames[1] != NULL);
        body = bytes_make(body.data + f.body_bytes, body.len - (size_t)f.body_bytes);
    }
    assert_null(*frames);
    assert_true(properties_valid(message_properties(m)));
    assert_true(m->persistent);
}

static inline const message_t *expect_publish(hands_t *h, const char *exchange, const char *key)
{
    command_t *c = expect_command(h, COMMAND_PUBLISH);
    assert_int_equal(c->channel, 1);
    assert_text(message_exchange(c->message), exchange);
    assert_text(message_routing_key(c->message), key);
    return c->message;
}

static inline void expect_settled(hands_t *h, command_type_t type, uint64_t tag)
{
    command_t *c = expect_command(h, type);
    assert_int_equal(c->number, tag);
    assert_int_equal(c->flags, 0);
}

/* A binding by prefix. */
static inline void expect_prefix(hands_t *h, command_type_t type, const char *queue, const char *prefix)
{
    command_t *c = expect_command(h, type);
    field_t kind;
    assert_text(c->request->name, queue);
    assert_text(c->request->source, "amq.events");
    assert_text(c->request->routing_key, prefix);
    if (type == COMMAND_QUEUE_BIND || type == COMMAND_QUEUE_UNBIND) {
        assert_true(table_find(c->request->arguments, BYTES("x-binding-type"), &kind));
        assert_text(kind.octets, "prefix");
    }
}

/* ---- the way in ---- */

#define SIGNATURE                        "\xff\0\0\0\0\0\0\0\x01\x7f"
#define ZEROS_16                         "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
#define ZEROS_32                         ZEROS_16 ZEROS_16
#define GREETING_OF(minor, mechanism_20) SIGNATURE "\x03" minor mechanism_20 ZEROS_32
#define NULL_20                          "NULL" ZEROS_16
#define PLAIN_20                                                                                             \
    "PLAIN"                                                                                                  \
    "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
#define CURVE_20                                                                                             \
    "CURVE"                                                                                                  \
    "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
#define GREETING GREETING_OF("\x01", NULL_20)

static inline void give_ready(hands_t *h, zmtp_socket_type_t type, const char *identity)
{
    buffer_t b = {0};
    zmtp_write_ready(&b, &(zmtp_socket_t){.type = type, .identity = bytes_string(identity)});
    give(h, buffer_bytes(&b));
    buffer_free(&b);
}

static inline void expect_ready(hands_t *h, zmtp_socket_type_t type)
{
    buffer_t b = {0};
    zmtp_write_ready(&b, &(zmtp_socket_t){.type = type});
    drain(h);
    assert_true(h->got.len >= b.len);
    assert_octets(bytes_make(h->got.data, b.len), buffer_bytes(&b));
    buffer_consume(&h->got, b.len);
    buffer_free(&b);
}

/* Its side in the engine begins so. */
static inline void expect_opening(hands_t *h, const char *user)
{
    command_t *c = next_command(h);
    assert_int_equal(c->type, COMMAND_CONNECTION_OPEN);
    assert_text(c->opening->vhost, "/");
    assert_text(c->opening->user, user);
    assert_text(c->opening->name, "127.0.0.1:4 -> 127.0.0.1:5557");
    assert_int_equal(expect_command(h, COMMAND_CHANNEL_OPEN)->channel, 1);
}

/* As far as READY and the opening, by NULL. */
static inline void open_named(hands_t *h, zmtp_socket_type_t type, const char *identity)
{
    connect_client(h);
    GIVE(h, GREETING);
    EXPECT(h, GREETING);
    give_ready(h, type, identity);
    expect_ready(h, zmtp_socket_type_answer(type));
    expect_opening(h, "guest");
    tell(h, (event_t){.type = EVENT_CONNECTION_OPENED});
    tell(h, (event_t){.type = EVENT_CHANNEL_OPENED});
}

static inline void open_as(hands_t *h, zmtp_socket_type_t type)
{
    open_named(h, type, "");
}

/* ---- set up, tear down ---- */

static inline void hands_sink(void *context, log_level_t level, const char *line)
{
    hands_t *h = context;
    write_bytes(&h->lines, bytes_string(log_level_name(level)));
    write_bytes(&h->lines, BYTES(": "));
    write_bytes(&h->lines, bytes_string(line));
    write_bytes(&h->lines, BYTES("\n"));
}

static inline void hands_random(void *context, void *out, size_t len)
{
    hands_t *h = context;
    memset(out, h->random++, len);
}

static inline uint64_t hands_wall(void *context)
{
    (void)context;
    return WALL_S * 1000ull + 7;
}

static inline hands_t *hands_new(size_t ring_items, void (*change)(hands_t *))
{
    hands_t *h = calloc(1, sizeof *h);
    h->transport.kind = &hands_kind;
    snprintf(h->transport.peer, sizeof h->transport.peer, "127.0.0.1:4");
    snprintf(h->transport.local, sizeof h->transport.local, "127.0.0.1:5557");
    h->transport.loopback = true;
    h->auth = auth_new(&(auth_options_t){.user = "guest", .password = "secret", .loopback_users = "guest"});
    h->log = (log_t){.least = LOG_DEBUG, .sink = hands_sink, .context = h};
    h->now_ms = 1000;
    h->last.type = COMMANDS_END;
    port_init(&h->port, ring_items);
    zmtp_options_default(&h->options);
    h->options.auth = h->auth;
    h->options.log = &h->log;
    h->options.random = (random_source_t){.fill = hands_random, .context = h};
    h->options.clock = (clock_source_t){.wall_ms = hands_wall, .context = h};
    h->bus = (zmtp_bus_t){
        .name = "bus.listen.test",
        .exchange = "amq.events",
        .mechanism = ZMTP_MECHANISM_NULL,
        .user = "guest",
        .dial_as = ZMTP_SOCKET_NONE,
        .high_messages = 1000,
        .high_bytes = 8u << 20,
        .credit = 64,
    };
    if (change)
        change(h);
    h->io = zmtp_io_new(&h->options, &h->port);
    return h;
}

static inline int set_up(void **state)
{
    *state = hands_new(64, NULL);
    return 0;
}

static inline void queue_port(hands_t *h)
{
    h->bus.queue = "tasks";
}

static inline int set_up_queue(void **state)
{
    *state = hands_new(64, queue_port);
    return 0;
}

/* Ends what the test left open, as an engine would. */
static inline int tear_down(void **state)
{
    hands_t *h = *state;
    if (h->session)
        hang_up(h);
    while (zmtp_io_sessions(h->io) > 0) {
        command_t *c = next_command(h);
        if (c->type == COMMAND_CONNECTION_CLOSE || c->type == COMMANDS_END) {
            h->connection = c->type == COMMANDS_END ? h->connection : c->connection;
            tell(h, (event_t){.type = EVENT_CONNECTION_CLOSED});
        }
    }
    while (next_command(h)->type != COMMANDS_END) {
    }
    take_back(h, h->lent_count);
    zmtp_io_free(&h->io);
    port_deinit(&h->port);
    auth_free(&h->auth);
    output_free(&h->transport.output);
    buffer_free(&h->unread);
    buffer_free(&h->got);
    buffer_free(&h->lines);
    free(h);
    return 0;
}

#define CASE(f)       cmocka_unit_test_setup_teardown(f, set_up, tear_down)
#define QUEUE_CASE(f) cmocka_unit_test_setup_teardown(f, set_up_queue, tear_down)
