/* SPDX-License-Identifier: Apache-2.0
 *
 * queue.c: queues: how they come and go, what they hold. Order is the fifo's (fifo.h), delivery dispatch.c's.
 */
#include "engine/engine_internal.h"

queue_t *queue_find(vhost_t *v, bytes_t name)
{
    hash_node_t *node = hash_find(&v->queues, name);
    return node ? HASH_OF(node, queue_t, node) : NULL;
}

queue_t *queue_new(vhost_t *v, bytes_t name)
{
    queue_t *q = MEM_NEW(queue_t);
    q->vhost = v;
    q->name = bytes_dup(name);
    fifo_init(&q->fifo, v->engine->options.page_entries);
    list_init(&q->owned);
    list_init(&q->bindings);
    list_init(&q->consumers);
    list_init(&q->ready);
    list_init(&q->dirty);
    job_init(&q->cleaning);
    q->holds = 1; /* its name */
    hash_insert(&v->queues, &q->node);
    list_append(&v->in_order, &q->place.node);
    v->engine->counts.queues++;
    return q;
}

/* Nothing points to it any more. */
static void queue_free(queue_t *q)
{
    engine_t *e = q->vhost->engine;
    assert(list_empty(&q->consumers) && list_empty(&q->bindings));
    heap_cancel(&e->timers, &q->expiry);
    list_remove(&q->dirty);
    list_remove(&q->owned);
    fifo_deinit(&q->fifo);
    mem_free((void *)q->name.data);
    mem_free((void *)q->arguments.data);
    mem_free(q);
}

void queue_release(queue_t *q)
{
    assert(q->holds > 0);
    if (--q->holds == 0)
        queue_free(q);
}

void queue_mark(queue_t *q)
{
    if (q->fifo.ready > 0 && !list_empty(&q->ready) && !list_linked(&q->dirty))
        list_append(&q->vhost->engine->dirty_queues, &q->dirty);
}

void queue_append(queue_t *q, message_t *m)
{
    message_ref(m);
    (void)fifo_append(&q->fifo, m);
    queue_mark(q);
}

void queue_touch(queue_t *q)
{
    engine_t *e = q->vhost->engine;
    if (q->expires_ms == 0 || q->deleted)
        return;
    if (q->consumer_count > 0)
        heap_cancel(&e->timers, &q->expiry);
    else
        heap_set(&e->timers, &q->expiry, e->now_ms + q->expires_ms);
}

/* ---- purge ---- */

static uint32_t sweep_step(engine_t *e, job_t *job, uint32_t budget, bool *done)
{
    queue_t *q = LIST_OF(job, queue_t, cleaning);
    uint32_t left = budget;
    for (message_t *m; left > 0 && (m = fifo_sweep(&q->fifo, &left)); left--)
        message_unref(e, m);
    *done = !fifo_needs_sweep(&q->fifo);
    if (*done)
        queue_release(q);
    return budget - left;
}

uint64_t queue_purge(queue_t *q)
{
    uint64_t purged = fifo_purge(&q->fifo);
    if (purged > 0 && !job_running(&q->cleaning)) {
        q->holds++; /* the sweeping job's */
        job_start(q->vhost->engine, &q->cleaning, sweep_step, NULL, NULL);
    }
    return purged;
}

/* ---- removal ---- */

static void cancel_by_removal(consumer_t *c)
{
    connection_t *connection = c->channel->connection;
    event_t gone = {.type = EVENT_CONSUMER_GONE, .consumer = c->number};
    if (connection->opening->wants_cancel_notify)
        gone.flags = EVENT_NOTIFY;
    emit_channel(c->channel, &gone);
    consumer_cancel(c);
}

/* The content of a queue that is gone: entries that are out too, later acks for them change nothing. */
static uint32_t drain_step(engine_t *e, job_t *job, uint32_t budget, bool *done)
{
    queue_t *q = LIST_OF(job, queue_t, cleaning);
    uint32_t left = budget;
    message_t *m = NULL;
    for (; left > 0 && (m = fifo_drain(&q->fifo, &left)); left--)
        message_unref(e, m);
    *done = left > 0;
    if (*done)
        queue_release(q); /* the name's */
    return budget - left;
}

/* Consumers, then bindings; at the end the content goes on by itself. */
static uint32_t removal_step(engine_t *e, job_t *job, uint32_t budget, bool *done)
{
    queue_t *q = LIST_OF(job, queue_t, cleaning);
    uint32_t used = 0;
    list_t *node;
    for (; used < budget && (node = list_first(&q->consumers)); used++)
        cancel_by_removal(LIST_OF(node, consumer_t, in_queue));
    for (; used < budget && (node = list_first(&q->bindings)); used++)
        binding_remove(LIST_OF(node, binding_t, in_destination));
    *done = list_empty(&q->consumers) && list_empty(&q->bindings);
    if (!*done)
        return used;
    if (q->owner)
        q->owner->queues_leaving--;
    q->owner = NULL;
    job_start(e, &q->cleaning, drain_step, NULL, NULL);
    return used;
}

void queue_remove(queue_t *q, channel_t *waiter, const event_t *reply)
{
    engine_t *e = q->vhost->engine;
    assert(!q->deleted);
    q->deleted = true;
    hash_remove(&q->vhost->queues, &q->node);
    list_remove(&q->place.node);
    heap_cancel(&e->timers, &q->expiry);
    list_remove(&q->owned);
    list_remove(&q->dirty);
    if (q->owner)
        q->owner->queues_leaving++;
    e->counts.queues--;
    (void)fifo_purge(&q->fifo);
    q->fifo.swept_below = q->fifo.first_page * q->fifo.page_entries; /* draining starts at the front */
    if (job_running(&q->cleaning)) { /* a purge is being swept: draining does that too */
        list_remove(&q->cleaning.link);
        queue_release(q);
    }
    job_start(e, &q->cleaning, removal_step, waiter, reply);
}
