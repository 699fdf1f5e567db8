/* SPDX-License-Identifier: Apache-2.0
 *
 * engine_world.h: the clients of fuzz_engine.c as their wire rooms see them, and what must hold of every
 * event that reaches them. */
#pragma once

#include <assert.h>
#include <stdlib.h>

#include "../unit/engine/paper.h"
#include "base/alloc.h"
#include "base/properties.h"
#include "base/table.h"
#include "base/text.h"
#include "engine/engine.h"

#define PORTS      2
#define CLIENTS    5
#define CHANNELS   3
#define CONSUMERS  64
#define CLOSINGS   8
#define LOANS      4096
#define STEPS_MOST 200000
#define ACTS_MOST  3000

typedef enum life { LIFE_ABSENT, LIFE_OPEN, LIFE_REFUSED } life_t;

/* A channel number as its wire room sees it. */
typedef struct channel {
    life_t life;
    uint32_t closing[CLOSINGS]; /* causes of closes that are not answered yet */
    size_t closing_count;
    uint32_t last_cause;
    bool answered; /* what has that cause */
    uint64_t last_tag;
    uint64_t content_left; /* octets of a message in parts that are still to come */
} channel_t;

typedef enum stage { STAGE_NONE, STAGE_OPEN, STAGE_LEAVING, STAGE_CLOSED } stage_t;

typedef struct client {
    port_client_t port_client; /* first */
    port_t *port;
    stage_t stage;
    bool gone; /* said so */
    channel_t channels[CHANNELS + 1];
    uint32_t consumer_count;
    uint8_t consumer_channel[CONSUMERS]; /* by number; 0: gone or never there */
    const message_t *loans[LOANS];
    uint64_t lent, returned;
} client_t;

/* A client that only asks, and is there all the time. */
typedef struct asker {
    port_client_t port_client; /* first */
    uint32_t asked, answered;
} asker_t;

typedef struct world {
    engine_t *engine;
    engine_options_t options;
    size_t ring_items[PORTS];
    paper_t *paper; /* NULL: nothing is durable */
    port_t ports[PORTS];
    client_t clients[CLIENTS];
    asker_t askers[PORTS];
    bytes_reader_t input;
    uint32_t causes;
    bool has_windows; /* some exchanges and queues know repeats, and messages have ids and numbers */
    uint64_t now_ms;
    log_t log;
} world_t;

static inline uint8_t choice(world_t *w, uint8_t below)
{
    return reader_left(&w->input) > 0 ? read_u8(&w->input) % below : 0;
}

/* ---- events ---- */

static inline void consumers_end(client_t *c, uint16_t channel)
{
    for (size_t i = 0; i < CONSUMERS; i++)
        if (c->consumer_channel[i] == channel)
            c->consumer_channel[i] = 0;
}

/* Answers come in order, one for each command; returns, of a publish or of all that a commit brings, before it. Those of the
 * closing lives of a number have their own causes. */
static inline void check_cause(channel_t *ch, const event_t *e)
{
    if (e->cause == 0)
        return;
    assert(e->cause >= ch->last_cause);
    assert(e->cause > ch->last_cause || !ch->answered);
    ch->last_cause = e->cause;
    ch->answered = e->type != EVENT_RETURN;
}

static inline void check_message(client_t *c, channel_t *ch, const event_t *e)
{
    assert(c->lent - c->returned < LOANS);
    c->loans[c->lent++ % LOANS] = e->message;
    if (e->type == EVENT_CONTENT) {
        assert(ch->content_left >= e->message->body_len);
        ch->content_left -= e->message->body_len;
        return;
    }
    if (e->message->part_count > 0)
        ch->content_left = message_body_bytes(e->message);
    if (e->type == EVENT_RETURN)
        return;
    assert(e->delivery_tag == ch->last_tag + 1);
    ch->last_tag = e->delivery_tag;
    if (e->type == EVENT_DELIVER) {
        assert(e->consumer > 0 && e->consumer < CONSUMERS);
        assert(c->consumer_channel[e->consumer] == e->channel);
    }
}

static inline void on_channel_closed(client_t *c, channel_t *ch, const event_t *e)
{
    if (ch->closing_count == 0 || ch->closing[0] != e->cause)
        return; /* it crossed a refusal */
    memmove(ch->closing, ch->closing + 1, --ch->closing_count * sizeof ch->closing[0]);
    if (ch->life != LIFE_OPEN && ch->closing_count == 0) /* else there are later lives, with consumers */
        consumers_end(c, e->channel);
}

static inline void on_channel_refused(client_t *c, channel_t *ch, const event_t *e)
{
    assert(e->refusal && !refusal_is_hard(e->refusal->code));
    if (ch->closing_count > 0) {
        memmove(ch->closing, ch->closing + 1, --ch->closing_count * sizeof ch->closing[0]);
        if (ch->life == LIFE_OPEN)
            return; /* opened anew before it could know: the engine ends the connection */
    } else {
        assert(ch->life == LIFE_OPEN);
    }
    consumers_end(c, e->channel);
    ch->life = LIFE_REFUSED;
}

static inline void on_channel_event(client_t *c, const event_t *e)
{
    assert(e->channel >= 1 && e->channel <= CHANNELS);
    channel_t *ch = &c->channels[e->channel];
    assert((ch->content_left > 0) == (e->type == EVENT_CONTENT)); /* nothing comes between */
    check_cause(ch, e);
    if (e->type == EVENT_CHANNEL_OPENED)
        ch->last_tag = 0;
    else if (event_has_message(e->type))
        check_message(c, ch, e);
    else if (e->type == EVENT_CHANNEL_CLOSED)
        on_channel_closed(c, ch, e);
    else if (e->type == EVENT_CHANNEL_REFUSED)
        on_channel_refused(c, ch, e);
    else if (e->type == EVENT_CONSUMER_GONE || e->type == EVENT_CONSUMER_CANCELLED)
        c->consumer_channel[e->consumer < CONSUMERS ? e->consumer : 0] = 0;
}

static inline void on_answer(port_client_t *port_client, event_t *e)
{
    asker_t *a = (asker_t *)(void *)port_client;
    assert(e->type == EVENT_QUERIED && e->query);
    assert(e->query->type == QUERY_QUEUES || e->query->queue_count == 0);
    a->answered++;
    assert(a->answered <= a->asked);
    event_discard(e);
}

static inline void on_event(port_client_t *port_client, event_t *e)
{
    client_t *c = (client_t *)(void *)port_client;
    assert(c->stage == STAGE_OPEN || c->stage == STAGE_LEAVING);
    if (e->type == EVENT_CONNECTION_CLOSED)
        c->stage = STAGE_CLOSED;
    else if (e->channel > 0)
        on_channel_event(c, e);
    event_discard(e);
}
