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

queue_t *queue_find_by_id(engine_t *e, record_no id)
{
    hash_node_t *node = hash_find(&e->queues_by_id, bytes_make(&id, sizeof id));
    return node ? HASH_OF(node, queue_t, by_id) : NULL;
}

static queue_t *queue_new(vhost_t *v)
{
    queue_t *q = MEM_NEW(queue_t);
    q->vhost = v;
    fifo_init(&q->fifo, &v->engine->pages);
    list_init(&q->owned);
    list_init(&q->bindings);
    list_init(&q->consumers);
    list_init(&q->ready);
    list_init(&q->dirty);
    list_init(&q->place.node);
    list_init(&q->stated.link);
    list_init(&q->settling);
    list_init(&q->getters);
    list_init(&q->owed);
    list_init(&q->chilling);
    list_init(&q->reading.link);
    job_init(&q->cleaning);
    q->mark = q->mark_safe = q->delivered_below = 1;
    q->holds = 1; /* its name */
    return q;
}

queue_t *queue_known_by_id(vhost_t *v, record_no id)
{
    queue_t *q = queue_new(v);
    q->id = id;
    hash_insert(&v->engine->queues_by_id, &q->by_id);
    return q;
}

void queue_define(queue_t *q, const record_t *r)
{
    field_t expires;
    q->name = bytes_dup(r->name);
    q->arguments = bytes_dup(r->arguments);
    q->type = (queue_type_t)r->kind;
    q->auto_delete = r->flags & RECORD_AUTO_DELETE;
    q->durable = q->id > 0;
    if (table_find(r->arguments, BYTES("x-expires"), &expires))
        q->expires_ms = (uint64_t)field_integer(&expires);
    keep_defined(q);
    dedup_start_queue(q);
    hash_insert(&q->vhost->queues, &q->node);
    q->vhost->engine->topology++;
    list_append(&q->vhost->in_order, &q->place.node);
    q->vhost->engine->counts.queues++;
}

queue_t *queue_from_record(vhost_t *v, record_no number, const record_t *r)
{
    queue_t *q = number > 0 ? queue_known_by_id(v, number) : queue_new(v);
    queue_define(q, r);
    return q;
}

queue_t *queue_create(vhost_t *v, const record_t *r, bool durable)
{
    record_no number = durable ? records_define(v->engine, r) : 0;
    queue_t *q = queue_from_record(v, number, r);
    if (number > 0)
        stated_now(v->engine, &q->stated, STATED_QUEUE, number);
    q->durable = durable;
    return q;
}

/* Nothing points to it any more. */
static void queue_free(queue_t *q)
{
    engine_t *e = q->vhost->engine;
    assert(list_empty(&q->consumers) && list_empty(&q->bindings) && list_empty(&q->getters));
    assert(!list_linked(&q->reading.link));
    e->topology++;
    timer_cancel(e, &q->expiry);
    wait_cancel(e, &q->marking);
    list_remove(&q->chilling);
    assert(q->left_outs == NULL);
    list_remove(&q->dirty);
    list_remove(&q->owned);
    subscriber_free(&q->subscriber);
    keep_keys_free(&q->keys);
    dedup_free(&q->dedup);
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
    if (q->fifo.ready > 0 && !q->waits_for_store && !list_empty(&q->ready) && !list_linked(&q->dirty))
        list_append(&q->vhost->engine->dirty_queues, &q->dirty);
}

void queue_append(queue_t *q, message_t *m, bool stored)
{
    message_ref(m);
    if (q->subscriber)
        q->subscriber->bytes += message_bytes(m);
    uint64_t position = fifo_append(&q->fifo, m, stored);
    q->stored += stored;
    cold_note(q, position);
    queue_mark(q);
}

void queue_let_go(queue_t *q, const fifo_item_t *item)
{
    engine_t *e = q->vhost->engine;
    q->stored -= item->stored;
    q->spilled -= item->record > 0 && !item->stored;
    if (item->record > 0)
        record_release(e, item->record);
    if (q->subscriber) {
        q->subscriber->bytes -= message_bytes(item->message);
        joins_have_room(q->subscriber);
    }
    if (item->message)
        message_unref(e, item->message);
    if (q->fifo.ready == 0 && q->warm_ahead > 0)
        queue_forget_warm(q);
}

static void expires(engine_t *e, wait_t *w)
{
    (void)e;
    queue_remove(HEAP_OF(w, queue_t, expiry), NULL, NULL);
}

void queue_touch(queue_t *q)
{
    engine_t *e = q->vhost->engine;
    if (q->expires_ms == 0 || q->deleted)
        return;
    if (q->consumer_count > 0)
        timer_cancel(e, &q->expiry);
    else
        timer_set(e, &q->expiry, e->now_ms + q->expires_ms, expires);
}

/* ---- removal ---- */

static void cancel_by_removal(consumer_t *c)
{
    connection_t *connection = c->channel->connection;
    event_t gone = {.type = EVENT_CONSUMER_GONE, .consumer = c->number};
    if (connection->opening->wants_cancel_notify)
        gone.flags = EVENT_NOTIFY;
    if (connection->state == CONNECTION_OPEN) /* else it may stand amid a message that was given up */
        emit_channel(c->channel, &gone);
    consumer_cancel(c);
}

/* The content of a queue that is gone: entries that are out too, later acks for them change nothing. */
static uint32_t drain_step(engine_t *e, job_t *job, uint32_t budget, bool *done)
{
    queue_t *q = LIST_OF(job, queue_t, cleaning);
    uint32_t left = budget;
    (void)e;
    for (fifo_item_t item; left > 0 && fifo_drain(&q->fifo, &left, &item); left--)
        queue_let_go(q, &item);
    while (left > 0 && dedup_drop_one(q->dedup))
        left--;
    *done = left > 0;
    if (*done)
        queue_release(q); /* the name's */
    return budget - left;
}

/* Consumers, then bindings and prefixes; at the end the content goes on by itself. */
static uint32_t removal_step(engine_t *e, job_t *job, uint32_t budget, bool *done)
{
    queue_t *q = LIST_OF(job, queue_t, cleaning);
    uint32_t used = 0;
    list_t *node;
    for (; used < budget && (node = list_first(&q->consumers)); used++)
        cancel_by_removal(LIST_OF(node, consumer_t, in_queue));
    for (; used < budget && (node = list_first(&q->bindings)); used++)
        binding_remove(LIST_OF(node, binding_t, in_destination));
    while (used < budget && q->subscriber && subscriber_drop_prefix(q->subscriber))
        used++;
    *done = list_empty(&q->consumers) && list_empty(&q->bindings) &&
            (q->subscriber == NULL || q->subscriber->prefixes.count == 0);
    if (!*done)
        return used;
    if (q->owner)
        q->owner->queues_leaving--;
    q->owner = NULL;
    job_start(e, &q->cleaning, drain_step, NULL, NULL);
    return used;
}

/* It is gone for the log at once, before anything that depends on it is; what waits for the store looks again, and finds
 * it gone. */
static void forget_in_log(queue_t *q)
{
    engine_t *e = q->vhost->engine;
    if (q->id > 0) {
        hash_remove(&e->queues_by_id, &q->by_id);
        (void)records_define(e, &(record_t){.type = RECORD_QUEUE_GONE, .queue = q->id});
    }
    sync_queue_gone(q);
    if (q->subscriber)
        subscriber_leave(q->subscriber);
    list_remove(&q->settling);
    list_remove(&q->stated.link);
    list_remove(&q->chilling);
    left_outs_forget(&q->left_outs);
    queue_store_answered(q);
}

void queue_undefined(queue_t *q)
{
    uint32_t left = UINT32_MAX;
    for (fifo_item_t item; fifo_drain(&q->fifo, &left, &item);)
        queue_let_go(q, &item);
    q->deleted = true;
    forget_in_log(q);
    queue_release(q);
}

void queue_remove(queue_t *q, channel_t *waiter, const event_t *reply)
{
    engine_t *e = q->vhost->engine;
    assert(!q->deleted);
    if (!q->durable && q->id > 0) {
        queue_undefined(q);
        return;
    }
    q->deleted = true;
    e->topology++;
    hash_remove(&q->vhost->queues, &q->node);
    forget_in_log(q);
    list_remove(&q->place.node);
    timer_cancel(e, &q->expiry);
    list_remove(&q->owned);
    list_remove(&q->dirty);
    if (q->owner)
        q->owner->queues_leaving++;
    e->counts.queues--;
    (void)fifo_purge(&q->fifo);
    queue_forget_warm(q);
    q->fifo.swept_below = 0;         /* draining starts at the front */
    if (job_running(&q->cleaning)) { /* a purge is being swept: draining does that too */
        list_remove(&q->cleaning.link);
        queue_release(q);
    }
    q->cleaning.defines = q->id > 0;
    job_start(e, &q->cleaning, removal_step, waiter, reply);
}
