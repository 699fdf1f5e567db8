/* SPDX-License-Identifier: Apache-2.0
 *
 * channel.c: the lives of channel numbers.
 *
 *   absent ──open──→ open ──close──→ closing ──EVENT_CHANNEL_CLOSED──→ close-ok, gone
 *                     │                 │
 *              EVENT_CHANNEL_REFUSED    │ EVENT_CHANNEL_REFUSED (the two crossed)
 *                     ↓                 ↓
 *                  refused ←────────────┘
 *                     └──close-ok──→ COMMAND_CHANNEL_RELEASE, absent
 *
 * A closing channel is absent for parsing at once, so that an open may follow in the same packet: one number
 * can have several lives, and the oldest closing one is what the engine's next answer means. Channels are
 * kept sparsely, as their numbers say nothing of their count. */
#include <assert.h>

#include "amqp/session_internal.h"
#include "base/alloc.h"
#include "base/text.h"

bytes_t amqp_channel_key(const hash_node_t *node)
{
    const amqp_channel_t *ch = HASH_OF(node, const amqp_channel_t, node);
    return bytes_make(&ch->number, sizeof ch->number);
}

amqp_channel_t *amqp_channel_find(amqp_session_t *s, uint16_t number)
{
    if (s->last_channel && s->last_channel->number == number)
        return s->last_channel;
    hash_node_t *node = hash_find(&s->channels, bytes_make(&number, sizeof number));
    if (!node)
        return NULL;
    s->last_channel = HASH_OF(node, amqp_channel_t, node);
    return s->last_channel;
}

/* The oldest closing life of this number, or NULL. */
static amqp_channel_t *closing_find(const amqp_session_t *s, uint16_t number)
{
    LIST_EACH (node, &s->closing_channels) {
        amqp_channel_t *ch = LIST_OF(node, amqp_channel_t, closing_node);
        if (ch->number == number)
            return ch;
    }
    return NULL;
}

amqp_channel_t *amqp_channel_of_event(amqp_session_t *s, uint16_t number)
{
    amqp_channel_t *closing = closing_find(s, number);
    return closing ? closing : amqp_channel_find(s, number);
}

static void drop_consumers(amqp_session_t *s, amqp_channel_t *ch)
{
    LIST_EACH (node, &ch->consumers) {
        amqp_consumer_remove(s, LIST_OF(node, amqp_consumer_t, in_channel));
    }
}

/* Nothing more is parsed for it. */
static void forget_input(amqp_session_t *s, amqp_channel_t *ch)
{
    amqp_content_abandon(s, ch);
    if (s->stream.channel == ch)
        s->stream.channel = NULL;
}

static void table_remove(amqp_session_t *s, amqp_channel_t *ch)
{
    hash_remove(&s->channels, &ch->node);
    if (s->last_channel == ch)
        s->last_channel = NULL;
}

static void channel_free(amqp_session_t *s, amqp_channel_t *ch)
{
    drop_consumers(s, ch);
    forget_input(s, ch);
    if (ch->state == AMQP_CHANNEL_CLOSING)
        list_remove(&ch->closing_node);
    else
        table_remove(s, ch);
    mem_free(ch);
}

void amqp_channels_free(amqp_session_t *s)
{
    for (hash_node_t *node = hash_any(&s->channels); node; node = hash_any(&s->channels))
        channel_free(s, HASH_OF(node, amqp_channel_t, node));
    LIST_EACH (node, &s->closing_channels) {
        channel_free(s, LIST_OF(node, amqp_channel_t, closing_node));
    }
    hash_deinit(&s->channels);
    hash_deinit(&s->consumers);
}

static void send_close_ok(amqp_session_t *s, uint16_t number)
{
    amqp_channel_close_ok_t ok = {0};
    amqp_send_method(s, number, AMQP_channel_close_ok, &ok);
}

/* ---- the client's side ---- */

static void refuse_second_open(amqp_session_t *s)
{
    amqp_refuse_connection(s, REFUSAL_CHANNEL_ERROR, AMQP_channel_open, "second 'channel.open' seen");
}

static void open_channel(amqp_session_t *s, uint16_t number)
{
    if (s->channel_max != 0 && s->channels.count >= s->channel_max) {
        amqp_refuse_connection(s, REFUSAL_NOT_ALLOWED, 0,
                               "number of channels opened (%zu) has reached the negotiated channel_max (%u)",
                               s->channels.count, s->channel_max);
        return;
    }
    amqp_channel_t *ch = MEM_NEW(amqp_channel_t);
    ch->number = number;
    ch->life = ++s->last_life;
    list_init(&ch->closing_node);
    list_init(&ch->consumers);
    hash_insert(&s->channels, &ch->node);
    amqp_push_plain(s, ch, (command_t){.type = COMMAND_CHANNEL_OPEN, .cause = AMQP_channel_open});
}

static void close_channel(amqp_session_t *s, amqp_channel_t *ch)
{
    amqp_push_plain(s, ch, (command_t){.type = COMMAND_CHANNEL_CLOSE, .cause = ch->life});
    forget_input(s, ch);
    table_remove(s, ch);
    ch->state = AMQP_CHANNEL_CLOSING;
    list_append(&s->closing_channels, &ch->closing_node);
}

/* Everything is ignored but a goodbye that crossed ours, and the answer to ours. */
static void refused_method(amqp_session_t *s, amqp_channel_t *ch, amqp_method_id id)
{
    if (id == AMQP_channel_open) {
        refuse_second_open(s);
    } else if (id == AMQP_channel_close) {
        send_close_ok(s, ch->number);
    } else if (id == AMQP_channel_close_ok) {
        amqp_push_plain(s, ch, (command_t){.type = COMMAND_CHANNEL_RELEASE, .cause = id});
        channel_free(s, ch);
    }
}

static void open_method(amqp_session_t *s, amqp_channel_t *ch, amqp_method_id id, const amqp_method_t *m)
{
    if (id == AMQP_channel_open) {
        refuse_second_open(s);
        return;
    }
    if (id == AMQP_channel_close) {
        close_channel(s, ch);
        return;
    }
    amqp_request_handler_t *handler = amqp_request_handler(id);
    if (handler)
        handler(s, ch, m);
    else
        amqp_refuse_connection(s, REFUSAL_COMMAND_INVALID, id, "unimplemented method");
}

void amqp_channel_method(amqp_session_t *s, uint16_t number, amqp_method_id id, bytes_t arguments)
{
    amqp_channel_t *ch = amqp_channel_find(s, number);
    if (ch && ch->state == AMQP_CHANNEL_REFUSED) {
        refused_method(s, ch, id);
        return;
    }
    if (ch && ch->publishing.stage != AMQP_STAGE_METHOD) {
        amqp_content_interrupted(s, ch);
        return;
    }
    amqp_method_t m;
    if (!amqp_decode_or_refuse(s, id, arguments, &m))
        return;
    if (ch)
        open_method(s, ch, id, &m);
    else if (id == AMQP_channel_open)
        open_channel(s, number);
    else
        amqp_refuse_connection(s, REFUSAL_CHANNEL_ERROR, id, "expected 'channel.open'");
}

/* ---- the engine's side ---- */

void amqp_on_channel_opened(amqp_session_t *s, event_t *e)
{
    amqp_channel_open_ok_t ok = {0};
    amqp_send_method(s, e->channel, AMQP_channel_open_ok, &ok);
}

/* A close that crossed a refusal has its close-ok already, and is not closing any more. */
void amqp_on_channel_closed(amqp_session_t *s, event_t *e)
{
    amqp_channel_t *ch = closing_find(s, e->channel);
    if (!ch || ch->life != e->cause)
        return;
    send_close_ok(s, e->channel);
    channel_free(s, ch);
}

static void send_close(amqp_session_t *s, uint16_t number, const refusal_t *r)
{
    uint8_t text[UINT8_MAX];
    amqp_channel_close_t close = {
        .reply_code = r->code,
        .reply_text = amqp_reply_text(r, text),
        .class_id = AMQP_CLASS_OF(r->cause),
        .method_id = AMQP_METHOD_OF(r->cause),
    };
    amqp_session_log(s, LOG_WARNING, "channel %u closed by us, %u %.*s", number, r->code,
                     TEXT_ARG(close.reply_text));
    amqp_send_method(s, number, AMQP_channel_close, &close);
}

/* The client said close, then (in its time) heard ours: it gets its close-ok and owes us one. If it has
 * opened the number anew meanwhile, it did so before it could know that this one was refused: the engine
 * answers that. */
static void refused_while_closing(amqp_session_t *s, amqp_channel_t *ch)
{
    send_close_ok(s, ch->number);
    if (amqp_channel_find(s, ch->number)) {
        channel_free(s, ch);
        return;
    }
    list_remove(&ch->closing_node);
    ch->state = AMQP_CHANNEL_REFUSED;
    hash_insert(&s->channels, &ch->node);
}

void amqp_on_channel_refused(amqp_session_t *s, event_t *e)
{
    amqp_channel_t *ch = amqp_channel_of_event(s, e->channel);
    assert(ch);
    send_close(s, e->channel, e->refusal);
    drop_consumers(s, ch);
    forget_input(s, ch);
    amqp_content_report_held(s);
    ch->sending_left = 0; /* of a body under way nothing more counts */
    if (ch->state == AMQP_CHANNEL_CLOSING)
        refused_while_closing(s, ch);
    else
        ch->state = AMQP_CHANNEL_REFUSED;
}
