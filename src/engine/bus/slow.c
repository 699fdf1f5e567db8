/* SPDX-License-Identifier: Apache-2.0
 *
 * slow.c: what happens at a subscriber's bounds.
 *
 * Being behind is told apart from not having been given the chance: a queue that is full is first emptied into what its
 * consumer can take, at once. If it can take nothing only because its I/O thread has not had its turn (the event lane is
 * full, or what was given to the connection has not come to its socket yet), the publisher waits for that. Only what is
 * left then is the peer's slowness, and the subscriber's policy decides. */
#include "engine/engine_internal.h"

#define TELL_EVERY_MS 1000

static bool is_full(const subscriber_t *s)
{
    return s->queue->fifo.ready >= s->max_messages || s->bytes >= s->max_bytes;
}

bool subscriber_has_room(const subscriber_t *s)
{
    return s->queue->fifo.ready <= s->max_messages / 2 && s->bytes <= s->max_bytes / 2;
}

/* It has, at most, one; it may be going. */
static consumer_t *consumer_of(const subscriber_t *s)
{
    list_t *node = list_first(&s->queue->consumers);
    return node ? LIST_OF(node, consumer_t, in_queue) : NULL;
}

/* True while what it was given has not been tried on its socket yet. */
static bool awaits_io(const connection_t *c)
{
    const engine_port_t *p = c->port;
    bool output_is_full = c->output_bytes >= c->engine->options.output_bytes;
    return lane_room(p->port->events) == 0 || (output_is_full && p->handled < c->full_at);
}

/* True while somebody else's publish to it has to wait, now that it is full. Its own connection's does not: it would be
 * waiting for itself. */
static bool holds(const subscriber_t *s, const connection_t *publisher)
{
    const consumer_t *c = consumer_of(s);
    const connection_t *at = c ? c->channel->connection : NULL;
    if (at == NULL || at->state != CONNECTION_OPEN || s->queue->deleted)
        return false;
    return awaits_io(at) || (s->policy == SLOW_BLOCK && at != publisher);
}

/* The event lane may have been emptied since this step began, by another thread. */
static void wake_at_lane(const subscriber_t *s)
{
    consumer_t *c = consumer_of(s);
    engine_port_t *p = c ? c->channel->connection->port : NULL;
    if (p == NULL || list_empty(&p->stalled) || lane_room(p->port->events) == 0)
        return;
    consumer_wake(c); /* this one now, wherever in the list it is */
    consumers_wake(s->queue->vhost->engine, &p->stalled);
}

static bool still_full(subscriber_t *s)
{
    if (!is_full(s))
        return false;
    wake_at_lane(s);
    dispatch_now(s->queue);
    return is_full(s);
}

bool subscriber_holds(subscriber_t *s, channel_t *ch, command_t *cmd)
{
    if (!still_full(s) || !holds(s, ch->connection))
        return false;
    channel_wait_in(ch, &s->publishers, cmd);
    if (!list_linked(&s->slow))
        list_append(&ch->connection->engine->slow, &s->slow);
    return true;
}

bool subscribers_hold(channel_t *ch, command_t *cmd)
{
    const route_t *r = &ch->connection->engine->route;
    for (size_t i = 0; r->subscribers > 0 && i < r->count; i++)
        if (r->queues[i]->subscriber && subscriber_holds(r->queues[i]->subscriber, ch, cmd))
            return true;
    return false;
}

bool subscriber_ever_takes(const subscriber_t *s, uint64_t messages, uint64_t bytes)
{
    return s->policy != SLOW_BLOCK || messages <= 1 || (messages <= s->max_messages && bytes <= s->max_bytes);
}

static void let_publishers_go(engine_t *e, subscriber_t *s)
{
    bool has_room = subscriber_has_room(s);
    LIST_EACH (node, &s->publishers) {
        if (!has_room && holds(s, LIST_OF(node, channel_t, waiting_link)->connection))
            continue;
        list_remove(node);
        list_append(&e->slow_over, node);
    }
    if (list_empty(&s->publishers))
        list_remove(&s->slow);
}

/* First all are found, then they go on: a channel that does may end any subscriber. */
void slow_run(engine_t *e)
{
    LIST_EACH (node, &e->slow)
        let_publishers_go(e, LIST_OF(node, subscriber_t, slow));
    channels_go_on(&e->slow_over);
}

/* ---- dropping ---- */

static void tell(subscriber_t *s, const char *what)
{
    const queue_t *q = s->queue;
    engine_t *e = q->vhost->engine;
    log_line(e->options.log, LOG_WARNING,
             "connection %.*s: slow subscriber, " QUEUE_FORMAT ": %llu %s, %llu since it came",
             TEXT_ARG(q->owner ? q->owner->opening->name : BYTES("?")), NAMED_ARG(q->name, q->vhost),
             (unsigned long long)(s->dropped - s->told_dropped), what, (unsigned long long)s->dropped);
    s->told_dropped = s->dropped;
    s->told_ms = e->now_ms;
}

void subscriber_lost(subscriber_t *s)
{
    engine_t *e = s->queue->vhost->engine;
    s->dropped++;
    e->counts.dropped++;
    if (s->told_dropped == 0 || e->now_ms - s->told_ms >= TELL_EVERY_MS)
        tell(s, "messages dropped");
}

static void drop_oldest(subscriber_t *s)
{
    fifo_item_t item;
    while (is_full(s) && fifo_shift(&s->queue->fifo, &item)) {
        queue_let_go(s->queue, &item);
        subscriber_lost(s);
    }
}

/* Its removal has its first slice later: the publish that finds it full has the queue in its route, and may look at it yet. */
static void disconnect(subscriber_t *s)
{
    engine_t *e = s->queue->vhost->engine;
    subscriber_lost(s);
    if (s->queue->deleted)
        return;
    tell(s, "messages not taken, so it is disconnected");
    uint32_t work = jobs_put_off(e);
    queue_remove(s->queue, NULL, NULL);
    jobs_go_on(e, work);
}

/* With `block`, what comes although it is full was on its way before, or is its own connection's: of that it takes as much
 * again. */
bool subscriber_admits(subscriber_t *s)
{
    if (!still_full(s))
        return true;
    if (s->policy == SLOW_BLOCK && s->queue->fifo.ready < 2 * s->max_messages && s->bytes < 2 * s->max_bytes)
        return true;
    if (s->policy == SLOW_DROP_OLDEST) {
        drop_oldest(s);
        return true;
    }
    if (s->policy == SLOW_DISCONNECT)
        disconnect(s);
    else
        subscriber_lost(s);
    return false;
}
