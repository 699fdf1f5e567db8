/* SPDX-License-Identifier: Apache-2.0
 *
 * dispatch.c: ready messages meet consumers: round robin over those with credit and room, a slice a queue and
 * turn. */
#include "engine/engine_internal.h"

static void note_taken(queue_t *q, const fifo_item_t *item)
{
    if (item->position >= q->delivered_below)
        q->delivered_below = item->position + 1;
    queue_took(q);
}

/* With memory short a message that is in the log stays no longer than it takes to send it. */
static void leave_memory(queue_t *q, const fifo_item_t *item)
{
    engine_t *e = q->vhost->engine;
    if (item->record > 0 && item->record <= e->durable && cold_wanted(e))
        message_unref(e, fifo_chill(&q->fifo, item->position));
}

/* What a client gets of it, with a reference for the loan: of a quorum queue, as RabbitMQ's do, how often it was given back. */
static message_t *shown(const queue_t *q, const fifo_item_t *item)
{
    if (item->returns > 0 && q->type == QUEUE_QUORUM)
        return message_with_count(q->vhost->engine, item->message, "x-delivery-count", item->returns);
    message_ref(item->message);
    return item->message;
}

message_t *deliver_take(channel_t *ch, queue_t *q, consumer_t *consumer, bool no_ack, event_t *ev)
{
    fifo_item_t item;
    if (!(no_ack ? fifo_shift(&q->fifo, &item) : fifo_take(&q->fifo, &item)))
        return NULL;
    assert(item.message); /* queue_can_deliver said so */
    message_t *m = shown(q, &item);
    uint64_t position = item.position;
    q->vhost->engine->counts.delivered++;
    ev->message = m;
    ev->delivery_tag = ++ch->last_tag;
    ev->flags = item.redelivered || position < q->redelivered_below ? EVENT_REDELIVERED : 0;
    note_taken(q, &item);
    if (!list_empty(&q->owed))
        sync_delivered(q, position, ch, no_ack, ev);
    if (no_ack) {
        if (item.stored)
            settled_note(q, position, RECORD_AUTO_ACKED);
        queue_let_go(q, &item);
        return m;
    }
    leave_memory(q, &item);
    unacked_push(&ch->unacked, &(unacked_t){ev->delivery_tag, position & POSITION_BITS, false, q, consumer});
    q->holds++;
    if (consumer) {
        consumer->unacked++;
        ch->consumer_unacked++;
    }
    return m;
}

static bool channel_is_full(const channel_t *ch)
{
    return (ch->global_prefetch > 0 && ch->consumer_unacked >= ch->global_prefetch) ||
           ch->unacked.count >= ch->connection->engine->options.unacked_max;
}

/* Such a message needs the channel for itself. */
static bool first_has_parts(queue_t *q)
{
    fifo_item_t first;
    return fifo_first(&q->fifo, &first) && first.message && first.message->part_count > 0;
}

/* Where a consumer that is first in line has to wait: NULL if it can take a message now. */
static list_t *what_it_waits_for(consumer_t *c)
{
    channel_t *ch = c->channel;
    connection_t *connection = ch->connection;
    if (lane_room(connection->port->port->events) == 0)
        return &connection->port->stalled;
    if (connection->output_bytes >= connection->engine->options.output_bytes)
        return &connection->stalled;
    if (!c->no_ack && channel_is_full(ch))
        return &ch->stalled;
    if (ch->stream || (ch->awaited && first_has_parts(c->queue)))
        return &ch->stalled;
    return NULL;
}

/* The first that waits for the peer to read. */
static void note_full(const consumer_t *c, const list_t *wait)
{
    connection_t *connection = c->channel->connection;
    if (wait == &connection->stalled && list_empty(wait))
        connection->full_at = connection->port->emitted;
}

static void deliver(consumer_t *c)
{
    queue_t *q = c->queue;
    event_t ev = {.type = EVENT_DELIVER, .consumer = c->number};
    message_t *m = deliver_take(c->channel, q, c, c->no_ack, &ev);
    if (m == NULL)
        return;
    emit_channel(c->channel, &ev);
    list_remove(&c->waiting);
    if (c->prefetch == 0 || c->unacked < c->prefetch) /* else an ack puts it back */
        list_append(&q->ready, &c->waiting);
    stream_start(c->channel, m);
}

/* To ask for so many messages is as much work as to deliver one. */
#define ASKED_ITEMS 8

/* Returns how much of the budget was used. */
static uint32_t dispatch_queue(queue_t *q, uint32_t budget)
{
    uint32_t used = 0;
    uint64_t asked_before = q->vhost->engine->asked_items;
    list_t *node;
    for (; used < budget && q->fifo.ready > 0 && (node = list_first(&q->ready)); used++) {
        consumer_t *c = LIST_OF(node, consumer_t, waiting);
        if (c->channel->connection->state != CONNECTION_OPEN || c->channel->state != CHANNEL_OPEN) {
            list_remove(&c->waiting); /* it is about to go */
            continue;
        }
        if (c->channel->executing && first_has_parts(q))
            break; /* the channel is amid a command: later in the step */
        if (!queue_can_deliver(q))
            break;
        list_t *wait = what_it_waits_for(c);
        if (wait) {
            note_full(c, wait);
            list_remove(&c->waiting);
            list_append(wait, &c->waiting);
        } else {
            deliver(c);
        }
    }
    return used + (uint32_t)(q->vhost->engine->asked_items - asked_before) / ASKED_ITEMS;
}

void dispatch_now(queue_t *q)
{
    engine_t *e = q->vhost->engine;
    work_spend(e, dispatch_queue(q, e->options.slice));
    queue_mark(q);
}

void dispatch_run(engine_t *e)
{
    list_t round;
    uint32_t budget = e->options.slice * 2;
    list_init(&round);
    list_splice(&round, &e->dirty_queues);
    for (list_t *node; budget > 0 && (node = list_first(&round));) {
        queue_t *q = LIST_OF(node, queue_t, dirty);
        list_remove(&q->dirty);
        uint32_t used = dispatch_queue(q, e->options.slice < budget ? e->options.slice : budget);
        budget -= used < budget ? used + 1 : budget; /* one for the look */
        queue_mark(q);
    }
    list_splice(&round, &e->dirty_queues); /* those not reached come first next time */
    list_splice(&e->dirty_queues, &round);
}
