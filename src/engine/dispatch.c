/* SPDX-License-Identifier: Apache-2.0
 *
 * dispatch.c: ready messages meet consumers: round robin over those with credit and room, a slice a queue and
 * turn. */
#include "engine/engine_internal.h"

message_t *deliver_take(channel_t *ch, queue_t *q, consumer_t *consumer, bool no_ack, event_t *ev)
{
    uint64_t position;
    bool redelivered;
    message_t *m = fifo_take(&q->fifo, &position, &redelivered);
    if (m == NULL)
        return NULL;
    q->vhost->engine->counts.delivered++;
    ev->message = m;
    ev->delivery_tag = ++ch->last_tag;
    ev->flags = redelivered ? EVENT_REDELIVERED : 0;
    if (no_ack) {
        (void)fifo_remove(&q->fifo, position); /* its reference passes to the loan */
        return m;
    }
    message_ref(m); /* the loan's */
    unacked_push(&ch->unacked, &(unacked_t){ev->delivery_tag, position, q, consumer});
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
    return NULL;
}

static void deliver(consumer_t *c)
{
    queue_t *q = c->queue;
    event_t ev = {.type = EVENT_DELIVER, .consumer = c->number};
    if (deliver_take(c->channel, q, c, c->no_ack, &ev) == NULL)
        return;
    emit_channel(c->channel, &ev);
    list_remove(&c->waiting);
    if (c->prefetch == 0 || c->unacked < c->prefetch) /* else an ack puts it back */
        list_append(&q->ready, &c->waiting);
}

/* Returns how much of the budget was used. */
static uint32_t dispatch_queue(queue_t *q, uint32_t budget)
{
    uint32_t used = 0;
    list_t *node;
    for (; used < budget && q->fifo.ready > 0 && (node = list_first(&q->ready)); used++) {
        consumer_t *c = LIST_OF(node, consumer_t, waiting);
        if (c->channel->connection->state != CONNECTION_OPEN || c->channel->state != CHANNEL_OPEN) {
            list_remove(&c->waiting); /* it is about to go */
            continue;
        }
        list_t *wait = what_it_waits_for(c);
        if (wait) {
            list_remove(&c->waiting);
            list_append(wait, &c->waiting);
        } else {
            deliver(c);
        }
    }
    return used;
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
        budget -= used < budget ? used : budget;
        queue_mark(q);
    }
    list_splice(&round, &e->dirty_queues); /* those not reached come first next time */
    list_splice(&e->dirty_queues, &round);
}
