/* SPDX-License-Identifier: Apache-2.0
 *
 * settle.c: ack, nack, reject, recover: deliveries that end, or go back to their place. Settling many is a
 * job, oldest first, so that requeued messages are handed out in their original order. */
#include "engine/engine_internal.h"

/* Nobody can take from it any more. */
static bool is_left(const queue_t *q)
{
    return q->owner && (q->owner->leaving || q->owner->state != CONNECTION_OPEN);
}

/* ---- for the log: runs of positions, a record for each run ---- */

static void flush_queue(queue_t *q)
{
    engine_t *e = q->vhost->engine;
    record_t r = {.type = RECORD_SETTLE, .queue = q->id, .kind = q->settled_reason};
    if (q->settled_returns > 0)
        r = (record_t){.type = RECORD_RETURNED, .queue = q->id, .need = q->settled_returns};
    uint8_t octets[20]; /* e->places may be in use: a batch closes while a record is made */
    buffer_t range = buffer_over(octets, sizeof octets);
    record_list_put(&range, &r.list.count, q->settled_first, q->settled_count);
    r.list.octets = buffer_bytes(&range);
    list_remove(&q->settling);
    (void)records_append(e, &r, NULL);
}

/* The position is done with for this reason or, if it is 0, was given back so often. */
static void note(queue_t *q, uint64_t position, uint8_t reason, uint16_t returns)
{
    if (list_linked(&q->settling)) {
        bool next = position == q->settled_first + q->settled_count,
             before = position + 1 == q->settled_first;
        bool is_like = reason == q->settled_reason && returns == q->settled_returns;
        if (is_like && (next || before)) {
            q->settled_first -= before;
            q->settled_count++;
            return;
        }
        flush_queue(q);
    }
    q->settled_first = position;
    q->settled_count = 1;
    q->settled_reason = reason;
    q->settled_returns = returns;
    list_append(&q->vhost->engine->settling, &q->settling);
}

void settled_note(queue_t *q, uint64_t position, record_reason_t reason)
{
    note(q, position, (uint8_t)reason, 0);
}

void settled_flush(engine_t *e)
{
    for (list_t *node; (node = list_first(&e->settling));)
        flush_queue(LIST_OF(node, queue_t, settling));
}

/* ---- */

void settle_one(channel_t *ch, unacked_t *u, settle_how_t how)
{
    queue_t *q = u->queue;
    consumer_t *c = u->consumer;
    uint64_t position = u->position;
    sync_group_t *owed = list_empty(&q->owed) ? NULL : sync_owed(q, position);
    bool left = how == SETTLE_REQUEUE && is_left(q);
    if (owed && !left)
        how = sync_settles(owed, how);
    bool requeue = how == SETTLE_REQUEUE && !left;
    record_reason_t reason = how == SETTLE_ACK ? RECORD_ACKED : RECORD_REJECTED;
    unacked_remove(&ch->unacked, u);
    q->vhost->engine->counts.acked += how == SETTLE_ACK;
    if (!q->deleted && requeue) {
        fifo_item_t item = fifo_return(&q->fifo, position);
        if (item.stored)
            note(q, position, 0, item.returns);
        queue_mark(q);
    } else if (!q->deleted) {
        fifo_item_t item = fifo_remove(&q->fifo, position);
        if (item.stored)
            settled_note(q, position, reason);
        queue_let_go(q, &item);
    }
    if (c) {
        c->unacked--;
        ch->consumer_unacked--;
        if (!list_linked(&c->waiting))
            consumer_wake(c); /* its own prefetch held it */
        consumer_free_if_done(c);
    }
    if (!list_empty(&ch->stalled))
        consumers_wake(ch->connection->engine, &ch->stalled);
    if (owed && left)
        sync_gone(owed);
    else if (owed)
        sync_settled(owed, how);
    queue_release(q);
}

static uint32_t settle_step(engine_t *e, job_t *job, uint32_t budget, bool *done)
{
    (void)e;
    channel_t *ch = LIST_OF(job, channel_t, settling);
    uint32_t used = 0;
    unacked_t *u;
    while ((u = unacked_next(&ch->unacked, ch->settle_from)) && u->tag <= ch->settle_through &&
           used < budget) {
        ch->settle_from = u->tag + 1;
        settle_one(ch, u, ch->settle_how);
        used++;
    }
    *done = u == NULL || u->tag > ch->settle_through;
    return used;
}

/* Settles all up to a tag, in slices; the channel is parked meanwhile, then gets `reply` (may be NULL). */
static void settle_through(channel_t *ch, uint64_t tag, settle_how_t how, const event_t *reply)
{
    ch->settle_from = 0;
    ch->settle_through = tag;
    ch->settle_how = how;
    job_start(ch->connection->engine, &ch->settling, settle_step, ch, reply);
}

static void refuse_tag(channel_t *ch, const command_t *cmd)
{
    channel_refuse(ch, cmd->cause, REFUSAL_PRECONDITION_FAILED, "unknown delivery tag %llu",
                   (unsigned long long)cmd->number);
}

/* With MULTIPLE, tag 0 means all and is never wrong; any other must be outstanding itself. */
bool settle_is_valid(channel_t *ch, const command_t *cmd)
{
    if ((cmd->flags & COMMAND_MULTIPLE) && cmd->number == 0)
        return true;
    const unacked_t *u = unacked_find(&ch->unacked, cmd->number);
    return u && !u->claimed;
}

static void settle(channel_t *ch, const command_t *cmd, settle_how_t how)
{
    bool multiple = cmd->flags & COMMAND_MULTIPLE;
    if (!settle_is_valid(ch, cmd))
        refuse_tag(ch, cmd);
    else if (ch->tx)
        tx_settle(ch, cmd, how);
    else if (multiple)
        settle_through(ch, cmd->number ? cmd->number : unacked_last_tag(&ch->unacked), how, NULL);
    else
        settle_one(ch, unacked_find(&ch->unacked, cmd->number), how);
}

void on_ack(channel_t *ch, command_t *cmd)
{
    settle(ch, cmd, SETTLE_ACK);
}

void on_nack(channel_t *ch, command_t *cmd)
{
    settle(ch, cmd, cmd->flags & COMMAND_REQUEUE ? SETTLE_REQUEUE : SETTLE_REJECT);
}

/* What a transaction has claimed is not outstanding until it is rolled back. */
void on_recover(channel_t *ch, command_t *cmd)
{
    event_t ok = {.type = EVENT_OK, .cause = cmd->cause};
    settle_through(ch, unacked_last_tag(&ch->unacked), SETTLE_REQUEUE,
                   cmd->flags & COMMAND_NOWAIT ? NULL : &ok);
}
