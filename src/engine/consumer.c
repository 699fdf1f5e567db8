/* SPDX-License-Identifier: Apache-2.0
 *
 * consumer.c: consumers: the requests consume, cancel and qos, and which list a consumer waits in. */
#include "engine/engine_internal.h"

static consumer_t *consumer_find(channel_t *ch, bytes_t tag)
{
    hash_node_t *node = hash_find(&ch->consumers, tag);
    return node ? HASH_OF(node, consumer_t, node) : NULL;
}

void consumer_wake(consumer_t *c)
{
    list_remove(&c->waiting);
    if (c->cancelled || (c->prefetch > 0 && c->unacked >= c->prefetch))
        return;
    list_append(&c->queue->ready, &c->waiting);
    queue_mark(c->queue);
}

/* At most so many of the list. */
static void wake_some(list_t *stalled, uint32_t most)
{
    for (list_t *node; most > 0 && (node = list_first(stalled)); most--)
        consumer_wake(LIST_OF(node, consumer_t, waiting));
}

void consumers_wake(engine_t *e, list_t *stalled)
{
    wake_some(stalled, e->options.slice);
    list_splice(&e->waking, stalled);
}

bool consumers_run(engine_t *e)
{
    wake_some(&e->waking, e->options.slice * 4);
    return !list_empty(&e->waking);
}

static void consumer_start(consumer_t *c)
{
    queue_t *q = c->queue;
    hash_insert(&c->channel->consumers, &c->node);
    list_append(&q->consumers, &c->in_queue);
    q->consumer_count++;
    q->consumed_exclusively = c->exclusive;
    q->holds++;
    q->vhost->engine->counts.consumers++;
    if (!c->no_ack && q->members++ == 0)
        sync_view_changed(q);
    queue_touch(q);
    consumer_wake(c);
}

void consumer_free_if_done(consumer_t *c)
{
    if (c->cancelled && c->unacked == 0) {
        queue_release(c->queue);
        mem_free(c);
    }
}

void consumer_cancel(consumer_t *c)
{
    queue_t *q = c->queue;
    assert(!c->cancelled);
    c->cancelled = true;
    hash_remove(&c->channel->consumers, &c->node);
    list_remove(&c->in_queue);
    list_remove(&c->waiting);
    q->consumer_count--;
    q->consumed_exclusively = false; /* an exclusive one was the only one */
    q->vhost->engine->counts.consumers--;
    if (!c->no_ack && --q->members == 0)
        sync_view_changed(q);
    queue_touch(q);
    if (q->consumer_count == 0 && q->auto_delete && !q->deleted)
        queue_remove(q, NULL, NULL);
    consumer_free_if_done(c);
}

/* ---- consume ---- */

static bool refuse_argument(channel_t *ch, const command_t *cmd, const queue_t *q, const char *name,
                            const char *expected, uint8_t tag)
{
    channel_refuse(ch, cmd->cause, REFUSAL_PRECONDITION_FAILED,
                   "invalid arg '%s' for " QUEUE_FORMAT ": \"expected %s, got %s\"", name,
                   NAMED_ARG(q->name, q->vhost), expected, field_type_name(tag));
    return false;
}

static bool arguments_allowed(channel_t *ch, const command_t *cmd, const queue_t *q)
{
    bytes_t all = cmd->request->arguments;
    field_t f;
    if (table_find(all, BYTES("x-priority"), &f)) {
        if (!field_is_integer(&f))
            return refuse_argument(ch, cmd, q, "x-priority", "integer", f.tag);
        channel_refuse(ch, cmd->cause, REFUSAL_NOT_IMPLEMENTED,
                       "consumer argument 'x-priority' for " QUEUE_FORMAT " is not supported",
                       NAMED_ARG(q->name, q->vhost));
        return false;
    }
    if (table_find(all, BYTES("x-cancel-on-ha-failover"), &f) && f.tag != 't')
        return refuse_argument(ch, cmd, q, "x-cancel-on-ha-failover", "bool", f.tag);
    if (table_find(all, BYTES("x-stream-offset"), &f)) {
        channel_refuse(ch, cmd->cause, REFUSAL_PRECONDITION_FAILED,
                       "invalid arg 'x-stream-offset' for " QUEUE_FORMAT " of queue type %s",
                       NAMED_ARG(q->name, q->vhost),
                       q->type == QUEUE_QUORUM ? "rabbit_quorum_queue" : "rabbit_classic_queue");
        return false;
    }
    return true;
}

static bool exclusivity_allowed(channel_t *ch, const command_t *cmd, const queue_t *q)
{
    bool exclusive = (cmd->flags & COMMAND_EXCLUSIVE) && q->type == QUEUE_CLASSIC;
    if (q->consumer_count == 0 || (!exclusive && !q->consumed_exclusively))
        return true;
    channel_refuse(ch, cmd->cause, REFUSAL_ACCESS_REFUSED, QUEUE_FORMAT " in exclusive use",
                   NAMED_ARG(q->name, q->vhost));
    return false;
}

/* What the channel's state forbids, before the queue is looked at. */
static bool consume_allowed(channel_t *ch, const command_t *cmd)
{
    const request_t *r = cmd->request;
    uint32_t max = ch->connection->engine->options.consumers_max_per_channel;
    if (consumer_find(ch, r->tag))
        channel_refuse(ch, cmd->cause, REFUSAL_NOT_ALLOWED, "attempt to reuse consumer tag '%.*s'",
                       TEXT_ARG(r->tag));
    else if (max > 0 && ch->consumers.count >= max)
        channel_refuse(ch, cmd->cause, REFUSAL_NOT_ALLOWED, "reached maximum (%u) of consumers per channel",
                       max);
    else if (bytes_equal(r->name, BYTES("amq.rabbitmq.reply-to")))
        channel_refuse(ch, cmd->cause, REFUSAL_NOT_IMPLEMENTED,
                       "direct reply-to (queue '%.*s') is not supported", TEXT_ARG(r->name));
    else
        return true;
    return false;
}

static consumer_t *consumer_new(channel_t *ch, const command_t *cmd, queue_t *q)
{
    bytes_t tag = cmd->request->tag;
    consumer_t *c = mem_zero(sizeof *c + tag.len);
    memcpy(c->octets, tag.data, tag.len);
    c->tag = bytes_make(c->octets, tag.len);
    c->channel = ch;
    c->queue = q;
    c->number = cmd->count;
    c->prefetch = ch->prefetch;
    c->no_ack = cmd->flags & COMMAND_NO_ACK;
    c->exclusive = (cmd->flags & COMMAND_EXCLUSIVE) && q->type == QUEUE_CLASSIC;
    list_init(&c->in_queue);
    list_init(&c->waiting);
    return c;
}

void on_consume(channel_t *ch, command_t *cmd)
{
    if (!consume_allowed(ch, cmd))
        return;
    queue_t *q = queue_of_request(ch, cmd);
    if (q == NULL || !arguments_allowed(ch, cmd, q) || !exclusivity_allowed(ch, cmd, q))
        return;
    if (q->type == QUEUE_QUORUM && ch->global_prefetch > 0) {
        channel_refuse(ch, cmd->cause, REFUSAL_NOT_IMPLEMENTED, QUEUE_FORMAT " does not support global qos",
                       NAMED_ARG(q->name, q->vhost));
        return;
    }
    event_t started = {.type = EVENT_CONSUMER_STARTED, .cause = cmd->cause, .consumer = cmd->count};
    if (!(cmd->flags & COMMAND_NOWAIT))
        emit_channel(ch, &started);
    consumer_start(consumer_new(ch, cmd, q));
}

void on_cancel(channel_t *ch, command_t *cmd)
{
    consumer_t *c = consumer_find(ch, cmd->request->tag);
    event_t ev = {.type = EVENT_CONSUMER_GONE, .cause = cmd->cause, .consumer = c ? c->number : 0};
    if (!(cmd->flags & COMMAND_NOWAIT)) {
        ev.type = EVENT_CONSUMER_CANCELLED;
        ev.request = cmd->request;
        cmd->request = NULL; /* goes back with the event */
    }
    if (c)
        consumer_cancel(c);
    if (c || ev.type == EVENT_CONSUMER_CANCELLED)
        emit_channel(ch, &ev);
}

void on_qos(channel_t *ch, command_t *cmd)
{
    if (cmd->flags & COMMAND_GLOBAL) {
        ch->global_prefetch = cmd->count;
    } else {
        ch->prefetch =
            cmd->count; /* of consumers started from now on; and there is no common limit any more */
        ch->global_prefetch = 0;
    }
    consumers_wake(ch->connection->engine, &ch->stalled);
    emit_ok(ch, cmd);
}
