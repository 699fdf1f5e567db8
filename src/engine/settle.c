/* SPDX-License-Identifier: Apache-2.0
 *
 * settle.c: ack, nack, reject, recover: deliveries that end, or go back to their place. Settling many is a
 * job, oldest first, so that requeued messages are handed out in their original order. */
#include "engine/engine_internal.h"

/* Nobody can take from it any more. */
static bool is_left(const queue_t *q)
{
    return q->owner && q->owner->leaving;
}

void settle_one(channel_t *ch, unacked_t *u, bool requeue)
{
    queue_t *q = u->queue;
    consumer_t *c = u->consumer;
    uint64_t position = u->position;
    unacked_remove(&ch->unacked, u);
    if (!q->deleted && requeue && !is_left(q)) {
        fifo_return(&q->fifo, position);
        queue_mark(q);
    } else if (!q->deleted) {
        message_unref(q->vhost->engine, fifo_remove(&q->fifo, position));
    }
    if (c) {
        c->unacked--;
        ch->consumer_unacked--;
        if (!list_linked(&c->waiting))
            consumer_wake(c); /* its own prefetch held it */
        consumer_free_if_done(c);
    }
    if (!list_empty(&ch->stalled))
        consumers_wake(&ch->stalled);
    queue_release(q);
}

static uint32_t settle_step(engine_t *e, job_t *job, uint32_t budget, bool *done)
{
    channel_t *ch = LIST_OF(job, channel_t, settling);
    uint32_t used = 0;
    unacked_t *u;
    while ((u = unacked_first(&ch->unacked)) && u->tag <= ch->settle_through && used < budget) {
        settle_one(ch, u, ch->settle_requeue);
        used++;
    }
    if (ch->settle_acks)
        e->counts.acked += used;
    *done = u == NULL || u->tag > ch->settle_through;
    return used;
}

/* Settles all up to a tag, in slices; the channel is parked meanwhile, then gets `reply` (may be NULL). */
static void settle_through(channel_t *ch, uint64_t tag, bool requeue, const event_t *reply)
{
    ch->settle_through = tag;
    ch->settle_requeue = requeue;
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
    return ((cmd->flags & COMMAND_MULTIPLE) && cmd->number == 0) || unacked_find(&ch->unacked, cmd->number);
}

static void settle(channel_t *ch, const command_t *cmd, bool requeue)
{
    bool multiple = cmd->flags & COMMAND_MULTIPLE, acks = cmd->type == COMMAND_ACK;
    ch->settle_acks = acks;
    if (!settle_is_valid(ch, cmd)) {
        refuse_tag(ch, cmd);
    } else if (multiple) {
        settle_through(ch, cmd->number ? cmd->number : unacked_last_tag(&ch->unacked), requeue, NULL);
    } else {
        ch->connection->engine->counts.acked += acks;
        settle_one(ch, unacked_find(&ch->unacked, cmd->number), requeue);
    }
}

void on_ack(channel_t *ch, command_t *cmd)
{
    settle(ch, cmd, false);
}

void on_nack(channel_t *ch, command_t *cmd)
{
    settle(ch, cmd, cmd->flags & COMMAND_REQUEUE);
}

void on_recover(channel_t *ch, command_t *cmd)
{
    event_t ok = {.type = EVENT_OK, .cause = cmd->cause};
    ch->settle_acks = false;
    settle_through(ch, unacked_last_tag(&ch->unacked), true, cmd->flags & COMMAND_NOWAIT ? NULL : &ok);
}
