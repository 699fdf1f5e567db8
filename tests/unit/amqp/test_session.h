/* SPDX-License-Identifier: Apache-2.0
 *
 * test_session.h: a session between two hands: the test plays the socket on one side and the engine on the
 * other. The rooms in between (port, output, codec, auth) are the real ones. After <cmocka.h>. */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "amqp/amqp.h"
#include "amqp/codec.h"
#include "base/alloc.h"
#include "base/properties.h"
#include "base/table.h"
#include "base/text.h"

typedef struct hands {
    transport_t transport; /* first */
    port_t port;
    amqp_options_t options;
    amqp_io_t *io;
    auth_t *auth;
    log_t log;
    buffer_t lines; /* what was logged, a line each */

    /* the socket */
    session_t *session;
    buffer_t unread; /* given, not yet consumed */
    buffer_t got;    /* what the session sent, not yet looked at */
    buffer_t frame;  /* the one that was looked at last */
    bool reading;
    bool closed; /* by the session */
    uint64_t linger_ms;
    uint64_t deadline_ms;
    uint64_t now_ms;
    uint64_t flushes;

    /* the engine */
    uint32_t connection; /* number of the connection that opened last */
    command_t last;      /* freed by the next one */
    uint8_t random;
} hands_t;

/* ---- the socket ---- */

static inline hands_t *hands_of(const transport_t *t)
{
    return (hands_t *)(uintptr_t)t;
}

static inline void hands_flush(transport_t *t)
{
    hands_of(t)->flushes++;
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
    write_bytes(&h->unread, octets);
    feed(h);
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

static inline void hang_up(hands_t *h, const char *reason)
{
    session_t *s = h->session;
    h->session = NULL;
    output_drop(h->transport.output);
    s->kind->ended(s, reason);
}

static inline void connect_client(hands_t *h)
{
    output_free(&h->transport.output);
    h->transport.output = output_new();
    buffer_clear(&h->unread);
    buffer_clear(&h->got);
    h->reading = true;
    h->closed = false;
    h->deadline_ms = 0;
    h->transport.since_ms = h->now_ms;
    session_factory_t factory = amqp_io_factory(h->io);
    h->session = factory.open(factory.context, &h->transport);
    h->transport.session = h->session;
    assert_non_null(h->session);
}

/* ---- the engine ---- */

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
    return &h->last;
}

static inline command_t *expect_command(hands_t *h, command_type_t type)
{
    command_t *c = next_command(h);
    assert_int_equal(c->type, type);
    if (type != COMMANDS_END)
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
    lane_push(h->port.events, &e);
    (void)lane_flush(h->port.events);
    assert_int_equal(port_dispatch(&h->port, SIZE_MAX), 1);
    (void)port_flush(&h->port);
}

/* ---- octets ---- */

static inline void give_method(hands_t *h, uint16_t channel, amqp_method_id id, const void *method)
{
    buffer_t b = {0};
    amqp_write_method(&b, channel, id, method);
    give(h, buffer_bytes(&b));
    buffer_free(&b);
}

#define GIVE(h, channel, class_method, ...)                                                                  \
    give_method(h, channel, AMQP_##class_method, &(amqp_##class_method##_t){__VA_ARGS__})

static inline void write_frame(buffer_t *b, uint8_t type, uint16_t channel, bytes_t payload)
{
    size_t mark = amqp_frame_begin(b, type, channel);
    write_bytes(b, payload);
    amqp_frame_end(b, mark);
}

static inline void give_frame(hands_t *h, uint8_t type, uint16_t channel, bytes_t payload)
{
    buffer_t b = {0};
    write_frame(&b, type, channel, payload);
    give(h, buffer_bytes(&b));
    buffer_free(&b);
}

static inline void give_header(hands_t *h, uint16_t channel, uint64_t body_bytes)
{
    buffer_t b = {0};
    amqp_write_header(&b, channel, body_bytes, BYTES("\0\0"));
    give(h, buffer_bytes(&b));
    buffer_free(&b);
}

typedef struct frame {
    uint8_t type;
    uint16_t channel;
    bytes_t payload;
} frame_t;

/* The next frame that the session sent; its octets live until the next call. */
static inline frame_t next_frame(hands_t *h)
{
    drain(h);
    assert_true(h->got.len >= AMQP_FRAME_OVERHEAD);
    amqp_frame_head_t head = amqp_frame_head_decode(h->got.data);
    size_t total = AMQP_FRAME_OVERHEAD + (size_t)head.payload_bytes;
    assert_true(h->got.len >= total);
    assert_int_equal(h->got.data[total - 1], AMQP_FRAME_END);
    buffer_clear(&h->frame);
    write_bytes(&h->frame, bytes_make(h->got.data, total));
    buffer_consume(&h->got, total);
    return (frame_t){
        .type = head.type,
        .channel = head.channel,
        .payload = bytes_make(h->frame.data + AMQP_FRAME_HEAD_BYTES, head.payload_bytes),
    };
}

static inline amqp_method_t expect_method(hands_t *h, uint16_t channel, amqp_method_id id)
{
    amqp_method_t m;
    frame_t f = next_frame(h);
    assert_int_equal(f.type, AMQP_FRAME_METHOD);
    assert_int_equal(f.channel, channel);
    bytes_reader_t r = bytes_reader(f.payload);
    uint32_t got = read_u32(&r);
    if (got != id)
        fail_msg("got %s, not %s", amqp_method_name(amqp_method_find(got)),
                 amqp_method_name(amqp_method_find(id)));
    const amqp_method_info_t *info = amqp_method_find(id);
    assert_int_equal(amqp_method_decode(info, read_bytes(&r, reader_left(&r)), &m), AMQP_DECODED);
    return m;
}

/* As a statement, and for its arguments. */
#define EXPECT(h, channel, class_method)  ((void)expect_method(h, channel, AMQP_##class_method))
#define RECEIVE(h, channel, class_method) (expect_method(h, channel, AMQP_##class_method).class_method)

static inline void expect_nothing_sent(hands_t *h)
{
    drain(h);
    assert_int_equal(h->got.len, 0);
}

static inline void assert_text(bytes_t got, const char *expected)
{
    if (!bytes_equal(got, bytes_string(expected)))
        fail_msg("\"%.*s\", not \"%s\"", TEXT_ARG(got), expected);
}

/* connection.close with these words. */
static inline void expect_close(hands_t *h, uint16_t code, const char *text, amqp_method_id cause)
{
    amqp_connection_close_t close = RECEIVE(h, 0, connection_close);
    assert_text(close.reply_text, text);
    assert_int_equal(close.reply_code, code);
    assert_int_equal(AMQP_METHOD_ID(close.class_id, close.method_id), cause);
}

/* The command that winds up because of a hard error found by the session; answered by the engine, heard by
 * the client.
 */
static inline void expect_refused(hands_t *h, uint16_t code, const char *text, amqp_method_id cause)
{
    command_t *c = expect_command(h, COMMAND_CONNECTION_CLOSE);
    assert_non_null(c->refusal);
    refusal_t *why = c->refusal;
    c->refusal = NULL;
    tell(h, (event_t){.type = EVENT_CONNECTION_CLOSED, .refusal = why});
    expect_close(h, code, text, cause);
}

static inline bool logged(hands_t *h, const char *part)
{
    write_u8(&h->lines, 0);
    h->lines.len--;
    return strstr((const char *)h->lines.data, part) != NULL;
}

/* ---- the way in ---- */

#define HEADER BYTES("AMQP\0\0\x09\x01")

static inline void client_properties(buffer_t *b, const char *const *capabilities)
{
    size_t mark = table_begin(b, "capabilities");
    for (; *capabilities; capabilities++)
        table_put_bool(b, *capabilities, true);
    table_end(b, mark);
    table_put_string(b, "product", BYTES("test"));
}

static inline void give_start_ok(hands_t *h, const char *mechanism, bytes_t response,
                                 const char *const *capabilities)
{
    buffer_t properties = {0};
    client_properties(&properties, capabilities);
    GIVE(h, 0, connection_start_ok, .client_properties = buffer_bytes(&properties),
         .mechanism = bytes_string(mechanism), .response = response, .locale = BYTES("en_US"));
    buffer_free(&properties);
}

#define GUEST BYTES("\0guest\0guest")
static const char *const all_capabilities[] = {"authentication_failure_close", "consumer_cancel_notify",
                                               "connection.blocked", NULL};
static const char *const no_capabilities[] = {NULL};

/* As far as tune, with these capabilities. */
static inline void log_in_with(hands_t *h, const char *const *capabilities)
{
    connect_client(h);
    give(h, HEADER);
    EXPECT(h, 0, connection_start);
    give_start_ok(h, "PLAIN", GUEST, capabilities);
    EXPECT(h, 0, connection_tune);
}

static inline void log_in(hands_t *h)
{
    log_in_with(h, all_capabilities);
}

/* As far as open-ok. */
static inline void open_with(hands_t *h, const char *const *capabilities, uint32_t frame_max,
                             uint16_t channel_max, uint16_t heartbeat)
{
    log_in_with(h, capabilities);
    GIVE(h, 0, connection_tune_ok, .frame_max = frame_max, .channel_max = channel_max,
         .heartbeat = heartbeat);
    GIVE(h, 0, connection_open, .virtual_host = BYTES("/"));
    assert_int_equal(next_command(h)->type, COMMAND_CONNECTION_OPEN);
    tell(h, (event_t){.type = EVENT_CONNECTION_OPENED});
    EXPECT(h, 0, connection_open_ok);
}

static inline void open_connection(hands_t *h)
{
    open_with(h, all_capabilities, 131072, 2047, 60);
}

static inline void open_channel(hands_t *h, uint16_t number)
{
    GIVE(h, number, channel_open, .unused = 0);
    assert_int_equal(expect_command(h, COMMAND_CHANNEL_OPEN)->channel, number);
    tell(h, (event_t){.type = EVENT_CHANNEL_OPENED, .channel = number});
    EXPECT(h, number, channel_open_ok);
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

static inline hands_t *hands_new(size_t ring_items, void (*change)(amqp_options_t *))
{
    hands_t *h = calloc(1, sizeof *h);
    h->transport.kind = &hands_kind;
    snprintf(h->transport.peer, sizeof h->transport.peer, "127.0.0.1:4");
    snprintf(h->transport.local, sizeof h->transport.local, "127.0.0.1:5672");
    h->transport.loopback = true;
    h->auth = auth_new(&(auth_options_t){.user = "guest", .password = "guest", .loopback_users = "guest"});
    h->log = (log_t){.least = LOG_DEBUG, .sink = hands_sink, .context = h};
    h->now_ms = 1000;
    h->last.type = COMMANDS_END;
    port_init(&h->port, ring_items);
    amqp_options_default(&h->options);
    h->options.auth = h->auth;
    h->options.log = &h->log;
    h->options.random = (random_source_t){.fill = hands_random, .context = h};
    if (change)
        change(&h->options);
    h->io = amqp_io_new(&h->options, &h->port);
    return h;
}

static inline int set_up(void **state)
{
    *state = hands_new(64, NULL);
    return 0;
}

/* Ends what the test left open, as an engine would. */
static inline int tear_down(void **state)
{
    hands_t *h = *state;
    if (h->session)
        hang_up(h, "closed by peer");
    bool released = amqp_io_sessions(h->io) == 0;
    while (!released) {
        command_t *c = next_command(h);
        if (c->type == COMMAND_CONNECTION_CLOSE || c->type == COMMANDS_END)
            tell(h, (event_t){.type = EVENT_CONNECTION_CLOSED});
        released = amqp_io_sessions(h->io) == 0;
    }
    if (h->last.type != COMMANDS_END)
        command_discard(&h->last);
    amqp_io_free(&h->io);
    port_deinit(&h->port);
    auth_free(&h->auth);
    output_free(&h->transport.output);
    buffer_free(&h->unread);
    buffer_free(&h->got);
    buffer_free(&h->frame);
    buffer_free(&h->lines);
    free(h);
    return 0;
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
