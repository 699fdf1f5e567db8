/* SPDX-License-Identifier: Apache-2.0
 *
 * fixture.h: a real engine with small bounds, its ports, and clients that behave as wire rooms do: they push
 * commands, take events, and give loans back. What tests ask of it is in requests.h and expect.h.
 *
 * A client copies what an event bears when it comes (its message is only lent) and releases its number at
 * EVENT_CONNECTION_CLOSED, unless the test tells it to linger. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/text.h"
#include "engine/engine.h"

#define FIXTURE_PORTS 2
#define QUIET_TURNS   100000

typedef struct fixture fixture_t;

typedef struct client {
    port_client_t port_client; /* first: events come to it */
    fixture_t *f;
    port_t *port;
    bool keeps_loans; /* gives nothing back until return_loans */
    bool lingers;     /* does not release its number at the end */
    bool closed, paused, blocked;
    uint64_t lent, returned;
    uint32_t consumers; /* numbers given so far */
    struct client *next;
} client_t;

/* One channel of a client; number 0 stands for the connection itself. */
typedef struct chan {
    client_t *client;
    uint16_t number;
} chan_t;

/* An event as it came, with copies of what it bore. */
typedef struct seen {
    client_t *client;
    event_t event; /* without its pointers */
    uint16_t code; /* of a refusal */
    uint32_t refusal_cause;
    size_t body_len;
    uint64_t seq, view; /* of a message */
    uint64_t step;      /* in which the engine made it visible */
    bool taken;
    char text[400]; /* a refusal's text, a queue's name, a consumer's tag, a report */
    char body[40];
    uint8_t properties[64]; /* the beginning */
    size_t properties_len;
} seen_t;

/* Zero means the fixture's default. */
typedef struct fixture_options {
    uint64_t memory_high_bytes, held_bytes, output_bytes;
    uint32_t parked_commands, unacked_max, page_entries, slice, consumers_max;
    uint64_t unwritten_bytes, batch_bytes, checkpoint_bytes, transaction_bytes;
    uint64_t deduplication_ids, publishers;
    uint32_t transaction_actions;
    bool cold; /* no body that is in the log stays in memory */
    size_t ring_items;
    const engine_topic_t *topics;
    size_t topic_count;
} fixture_options_t;

/* Somebody who has a turn after each step of the engine (paper.h); true if something came of it. */
typedef bool beside_t(void *context);

struct fixture {
    engine_t *engine;
    fixture_options_t options;
    port_t ports[FIXTURE_PORTS];
    beside_t *beside;
    void *beside_context;
    client_t *clients;
    seen_t *seen;
    size_t seen_count, seen_capacity, seen_first; /* below seen_first all are taken */
    uint64_t now_ms, steps;
    uint32_t causes;
    bool moved; /* a client did something since the last look */
    log_t log;
    char last_line[400];
    size_t log_lines;
};

static inline void fixture_log(void *context, log_level_t level, const char *line)
{
    fixture_t *f = context;
    text_format(f->last_line, sizeof f->last_line, "%s: %s", log_level_name(level), line);
    f->log_lines++;
}

static inline engine_options_t fixture_engine_options(const fixture_t *f, const fixture_options_t *o)
{
    return (engine_options_t){
        .memory_high_bytes = o->memory_high_bytes,
        .held_bytes = o->held_bytes ? o->held_bytes : 1 << 20,
        .output_bytes = o->output_bytes ? o->output_bytes : 1 << 20,
        .parked_commands = o->parked_commands ? o->parked_commands : 4096,
        .unacked_max = o->unacked_max ? o->unacked_max : 5000,
        .page_entries = o->page_entries ? o->page_entries : 4,
        .slice = o->slice ? o->slice : 64,
        .consumers_max_per_channel = o->consumers_max,
        .memory_bodies = o->cold ? 0 : 64 << 20,
        .unwritten_bytes = o->unwritten_bytes ? o->unwritten_bytes : 1 << 20,
        .batch_bytes = o->batch_bytes ? o->batch_bytes : 1 << 16,
        .checkpoint_bytes = o->checkpoint_bytes ? o->checkpoint_bytes : 1 << 20,
        .deduplication_ids_max = o->deduplication_ids ? o->deduplication_ids : 1000,
        .publishers_max = o->publishers ? o->publishers : 1000,
        .transaction_bytes = o->transaction_bytes ? o->transaction_bytes : 1 << 20,
        .transaction_actions = o->transaction_actions ? o->transaction_actions : 1000,
        .topics = o->topics,
        .topic_count = o->topic_count,
        .log = &f->log,
    };
}

static inline void fixture_start_engine(fixture_t *f)
{
    engine_options_t options = fixture_engine_options(f, &f->options);
    f->engine = engine_new(&options);
    for (size_t i = 0; i < FIXTURE_PORTS; i++) {
        port_init(&f->ports[i], f->options.ring_items ? f->options.ring_items : 1024);
        engine_attach(f->engine, &f->ports[i]);
    }
}

static inline fixture_t *fixture_new(fixture_options_t o)
{
    fixture_t *f = MEM_NEW(fixture_t);
    f->log = (log_t){.least = LOG_DEBUG, .sink = fixture_log, .context = f};
    f->options = o;
    f->now_ms = 1000;
    fixture_start_engine(f);
    return f;
}

/* Ends the engine wherever it stands, and forgets the clients: it must own nothing afterwards (the address sanitizer
 * looks). */
static inline void fixture_stop_engine(fixture_t *f)
{
    engine_free(&f->engine);
    assert_null(f->engine);
    for (size_t i = 0; i < FIXTURE_PORTS; i++)
        port_deinit(&f->ports[i]);
    for (client_t *c = f->clients, *next; c; c = next) {
        next = c->next;
        mem_free(c);
    }
    f->clients = NULL;
    f->seen_count = f->seen_first = 0;
}

static inline void fixture_free(fixture_t *f)
{
    fixture_stop_engine(f);
    mem_free(f->seen);
    mem_free(f);
}

static inline int fixture_setup(void **state)
{
    *state = fixture_new((fixture_options_t){0});
    return 0;
}

static inline int fixture_teardown(void **state)
{
    fixture_free(*state);
    return 0;
}

#define fixture_test(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

/* ---- events ---- */

static inline void seen_copy_text(seen_t *s, bytes_t text)
{
    text_format(s->text, sizeof s->text, "%.*s", TEXT_ARG(text));
}

static inline void seen_copy_message(seen_t *s, const message_t *m)
{
    bytes_t body = message_body(m);
    s->body_len = body.len;
    text_format(s->body, sizeof s->body, "%.*s", TEXT_ARG(body));
}

/* Copies what the event bears, before it is discarded. */
static inline void seen_copy(seen_t *s, const event_t *e)
{
    if (event_has_message(e->type)) {
        seen_copy_message(s, e->message);
        if (e->type == EVENT_REPORT)
            seen_copy_text(s, message_body(e->message));
        bytes_t properties = message_properties(e->message);
        s->properties_len = properties.len < sizeof s->properties ? properties.len : sizeof s->properties;
        if (s->properties_len > 0)
            memcpy(s->properties, properties.data, s->properties_len);
        s->seq = e->message->seq;
        s->view = e->message->view;
    } else if (e->type == EVENT_QUEUE_DECLARED) {
        seen_copy_text(s, e->request->name);
    } else if (e->type == EVENT_CONSUMER_CANCELLED) {
        seen_copy_text(s, e->request->tag);
    } else if ((e->type == EVENT_CHANNEL_REFUSED || e->type == EVENT_CONNECTION_CLOSED) && e->refusal) {
        s->code = e->refusal->code;
        s->refusal_cause = e->refusal->cause;
        seen_copy_text(s, bytes_string(e->refusal->text));
    }
}

static inline seen_t *seen_add(fixture_t *f)
{
    f->seen = mem_grow(f->seen, sizeof *f->seen, f->seen_count, &f->seen_capacity, 64);
    seen_t *s = &f->seen[f->seen_count++];
    memset(s, 0, sizeof *s);
    return s;
}

static inline void client_notice(client_t *c, const event_t *e)
{
    if (event_has_message(e->type))
        c->lent++;
    if (e->type == EVENT_READING_PAUSED || e->type == EVENT_READING_RESUMED) {
        assert_int_equal(c->paused, e->type == EVENT_READING_RESUMED);
        c->paused = e->type == EVENT_READING_PAUSED;
    }
    if (e->type == EVENT_CONNECTION_BLOCKED || e->type == EVENT_CONNECTION_UNBLOCKED) {
        assert_int_equal(c->blocked, e->type == EVENT_CONNECTION_UNBLOCKED);
        c->blocked = e->type == EVENT_CONNECTION_BLOCKED;
    }
    if (e->type == EVENT_CONNECTION_CLOSED)
        c->closed = true;
}

static inline void client_on_event(port_client_t *port_client, event_t *e)
{
    client_t *c = (client_t *)(void *)port_client;
    assert_false(c->closed); /* the last one is the last one */
    seen_t *s = seen_add(c->f);
    s->client = c;
    s->step = c->f->steps;
    seen_copy(s, e);
    client_notice(c, e);
    event_discard(e);
    s->event = *e;
    s->event.message = NULL;
    c->f->moved = true;
    if (c->closed && !c->lingers)
        port_unregister(c->port, &c->port_client);
}

/* ---- clients ---- */

static inline void push(chan_t ch, command_t cmd)
{
    cmd.channel = ch.number;
    cmd.cause = ++ch.client->f->causes;
    ch.client->f->moved = true;
    port_push(ch.client->port, &ch.client->port_client, &cmd);
}

/* Says that everything it has seen has left. */
static inline void return_loans(client_t *c)
{
    if (c->returned == c->lent || c->port_client.number == 0)
        return;
    c->returned = c->lent;
    push((chan_t){c, 0}, (command_t){.type = COMMAND_SENT, .number = c->returned});
}

static inline void clients_return_loans(fixture_t *f)
{
    for (client_t *c = f->clients; c; c = c->next)
        if (!c->keeps_loans)
            return_loans(c);
}

/* A client of port `at` that has asked for nothing yet. */
static inline client_t *client_at(fixture_t *f, size_t at)
{
    client_t *c = MEM_NEW(client_t);
    c->port_client.on_event = client_on_event;
    c->f = f;
    c->port = &f->ports[at];
    c->next = f->clients;
    f->clients = c;
    port_register(c->port, &c->port_client);
    return c;
}

/* ---- time passes ---- */

/* One step, with all commands visible before and all events taken after. True if the engine has more to do.
 */
static inline bool step(fixture_t *f)
{
    for (size_t i = 0; i < FIXTURE_PORTS; i++)
        (void)port_flush(&f->ports[i]);
    f->steps++;
    bool more = engine_step(f->engine, f->now_ms, 1700000000000 + f->now_ms);
    f->moved = f->beside && f->beside(f->beside_context);
    for (size_t i = 0; i < FIXTURE_PORTS; i++)
        if (port_dispatch(&f->ports[i], SIZE_MAX) > 0)
            f->moved = true;
    clients_return_loans(f);
    for (size_t i = 0; i < FIXTURE_PORTS; i++)
        port_turn(&f->ports[i]);
    for (size_t i = 0; i < FIXTURE_PORTS; i++)
        if (port_flush(&f->ports[i]))
            f->moved = true;
    return more || f->moved;
}

/* Steps until nothing happens any more. */
static inline void run(fixture_t *f)
{
    for (size_t turns = 0; step(f); turns++)
        assert_true(turns < QUIET_TURNS);
}

static inline void advance(fixture_t *f, uint64_t ms)
{
    f->now_ms += ms;
    run(f);
}

static inline engine_counts_t counts(const fixture_t *f)
{
    engine_counts_t c;
    engine_count(f->engine, &c);
    return c;
}

/* ---- chance, the same in every run ---- */

static inline uint32_t chance(uint64_t *seed, uint32_t below)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return (uint32_t)(*seed >> 16) % below;
}
