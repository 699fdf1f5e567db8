/* SPDX-License-Identifier: Apache-2.0
 *
 * ops.c: what was asked for on a channel, in order. Commands of a channel are carried out in order, so an answer to one
 * says that all before it were carried out too. */
#include "base/alloc.h"
#include "sim/report.h"
#include "sim/world.h"

op_t *ops_push(ops_t *l)
{
    if (l->end == l->capacity && l->begin > l->capacity / 2) {
        memmove(l->items, l->items + l->begin, (l->end - l->begin) * sizeof *l->items);
        l->end -= l->begin;
        l->begin = 0;
    }
    l->items = mem_grow(l->items, sizeof *l->items, l->end, &l->capacity, 32);
    return &l->items[l->end++];
}

op_t *ops_first(ops_t *l)
{
    return l->begin < l->end ? &l->items[l->begin] : NULL;
}

void ops_pop(ops_t *l)
{
    if (++l->begin == l->end)
        l->begin = l->end = 0;
}

/* ---- carried out ---- */

static void sweep_is_over(channel_t *ch)
{
    if (--ch->sweeps == 0)
        ch->sweep_settles = false;
}

static void is_done(client_t *c, channel_t *ch, const op_t *op)
{
    world_t *w = c->world;
    switch (op->kind) {
    case OP_OBJECT:
        model_object_answered(w->model, op->object, op->creates, op->nowait ? w->last : PROMISED);
        break;
    case OP_BINDING:
        model_binding_answered(w->model, op->exchange, op->object, op->key, op->creates,
                               op->nowait ? w->last : PROMISED);
        break;
    case OP_PUBLISH:
        model_publish_done(w->model, op->message, w->last);
        break;
    case OP_SETTLE:
        model_settle_done(w->model, op->message, op->object, ch->index, settled_through(w));
        break;
    case OP_SWEEP:
        sweep_is_over(ch);
        break;
    case OP_PURGE:
        model_purge_done(w->model, op->object, op->cause, true);
        break;
    case OP_COMMIT:
        channel_committed(c, ch, op->message);
        break;
    default:
        break;
    }
}

static bool may_be_silent(const op_t *op)
{
    return op->nowait || op->kind == OP_SILENT || op->kind == OP_PUBLISH || op->kind == OP_SETTLE ||
           op->kind == OP_SWEEP;
}

void ops_done(client_t *c, channel_t *ch, uint32_t cause, bool except)
{
    op_t *op;
    while ((op = ops_first(&ch->ops)) && (op->cause < cause || (!except && op->cause == cause))) {
        op_t done = *op;
        ops_pop(&ch->ops);
        if (!may_be_silent(&done) && done.cause < cause)
            report_failure("channel %u of client %u: request #%u was not answered before #%u", ch->index,
                           c->index, done.cause, cause);
        is_done(c, ch, &done);
    }
}

op_t ops_answered(client_t *c, channel_t *ch, uint32_t cause)
{
    ops_done(c, ch, cause, true);
    op_t *op = ops_first(&ch->ops);
    if (op == NULL || op->cause != cause)
        report_failure("channel %u of client %u: an answer to #%u, which was not asked", ch->index, c->index,
                       cause);
    op_t answered = *op;
    ops_pop(&ch->ops);
    is_done(c, ch, &answered);
    return answered;
}

/* ---- not carried out ---- */

static void is_dropped(client_t *c, channel_t *ch, const op_t *op, bool maybe)
{
    model_t *m = c->world->model;
    switch (op->kind) {
    case OP_OBJECT:
        model_object_dropped(m, op->object, op->creates, maybe);
        break;
    case OP_BINDING:
        model_binding_dropped(m, op->exchange, op->object, op->key, op->creates, maybe);
        break;
    case OP_PUBLISH:
        model_publish_dropped(m, op->message, maybe);
        break;
    case OP_SETTLE:
        model_given_back(m, op->message, op->object, ch->index, true);
        break;
    case OP_PURGE:
        model_purge_done(m, op->object, op->cause, false);
        break;
    case OP_COMMIT:
        channel_tx_dropped(c, ch, op->message, maybe);
        break;
    default:
        break;
    }
}

void ops_drop(client_t *c, channel_t *ch, bool maybe, bool closes)
{
    for (op_t *op; (op = ops_first(&ch->ops)) != NULL;) {
        op_t dropped = *op;
        if (dropped.kind == OP_CLOSE && !closes)
            return;
        ops_pop(&ch->ops);
        is_dropped(c, ch, &dropped, maybe);
    }
}

bool channel_may_be_refused(const channel_t *ch)
{
    return ch->ops.begin < ch->ops.end;
}

void channel_lets_go(client_t *c, channel_t *ch)
{
    bool earlier = channel_may_be_refused(ch);
    for (size_t i = 0; i < ch->held_count; i++)
        model_given_back(c->world->model, ch->held[i].message, ch->held[i].queue, ch->index, earlier);
    ch->held_count = 0;
    channel_tx_lets_go(c, ch);
}

/* As it was before it was ever opened; keeps its memory. */
void channel_reset(channel_t *ch)
{
    *ch = (channel_t){.index = ch->index,
                      .ops = ch->ops,
                      .unconfirmed = ch->unconfirmed,
                      .held = ch->held,
                      .held_capacity = ch->held_capacity,
                      .claimed = ch->claimed,
                      .claimed_capacity = ch->claimed_capacity,
                      .last_cause = ch->last_cause};
    ch->ops.begin = ch->ops.end = 0;
    ch->unconfirmed.begin = ch->unconfirmed.end = 0;
}
