/* SPDX-License-Identifier: Apache-2.0
 *
 * left_out.c: messages that the disk does not give back as they were written are left out of their queue. They stay in the
 * log until the queue is purged or deleted, to be looked at.
 *
 * The log tells of runs, at the end of a step: one line for neighbours, and another only when the run is twice as long.
 * A million of them are twenty lines; which they are, queues and queries know. */
#include "engine/engine_internal.h"

/* ---- telling ---- */

static void say(left_outs_t *l)
{
    queue_t *q = l->queue;
    engine_t *e = q->vhost->engine;
    left_out_run_t *r = &l->run;
    const char *stay = r->is_stored ? " in the log until the queue is purged or deleted" : "";
    if (r->first == r->last)
        log_line(
            e->options.log, LOG_ERROR,
            QUEUE_FORMAT ": the message at position %llu (record %llu of the log) %s; it is left out%s%s",
            NAMED_ARG(q->name, q->vhost), (unsigned long long)r->first, (unsigned long long)r->first_record,
            r->is_damaged ? "is damaged" : "cannot be read", *stay ? ", and stays" : "", stay);
    else
        log_line(e->options.log, LOG_ERROR,
                 QUEUE_FORMAT
                 ": the messages at positions %llu to %llu (records %llu to %llu of the log) %s; they are "
                 "left out%s%s",
                 NAMED_ARG(q->name, q->vhost), (unsigned long long)r->first, (unsigned long long)r->last,
                 (unsigned long long)r->first_record, (unsigned long long)r->last_record,
                 r->is_damaged ? "are damaged" : "cannot be read", *stay ? ", and stay" : "", stay);
    r->told = r->last;
}

static uint64_t run_length(const left_out_run_t *r, uint64_t through)
{
    return through < r->first ? 0 : through - r->first + 1;
}

static void say_if_new(left_outs_t *l)
{
    const left_out_run_t *r = &l->run;
    if (run_length(r, r->last) >= 2 * run_length(r, r->told) && r->last > r->told)
        say(l);
}

void left_out_say(engine_t *e)
{
    for (list_t *node; (node = list_first(&e->telling));) {
        list_remove(node);
        say_if_new(LIST_OF(node, left_outs_t, telling));
    }
}

static left_outs_t *left_outs_of(queue_t *q)
{
    if (q->left_outs)
        return q->left_outs;
    q->left_outs = MEM_NEW(left_outs_t);
    q->left_outs->queue = q;
    list_init(&q->left_outs->telling);
    return q->left_outs;
}

static void note(left_outs_t *l, const fifo_item_t *item, uint64_t position, bool is_damaged)
{
    left_out_run_t *r = &l->run;
    bool goes_on =
        position == r->last + 1 && r->last > 0 && is_damaged == r->is_damaged && item->stored == r->is_stored;
    if (!goes_on) {
        if (r->last > r->told)
            say(l);
        *r = (left_out_run_t){.first = position,
                              .first_record = item->record,
                              .is_damaged = is_damaged,
                              .is_stored = item->stored};
    }
    r->last = position;
    r->last_record = item->record;
    if (!list_linked(&l->telling))
        list_append(&l->queue->vhost->engine->telling, &l->telling);
}

/* ---- leaving out ---- */

static void keep_in_log(left_outs_t *l, const fifo_item_t *item, uint64_t position)
{
    engine_t *e = l->queue->vhost->engine;
    l->queue->stored--;
    l->items = mem_grow(l->items, sizeof *l->items, l->count, &l->capacity, 4);
    l->items[l->count++] = (left_out_t){position, item->record};
    if (l->first == 0 || position < l->first)
        l->first = position;
    if (position > l->last)
        l->last = position;
    e->left_out++;
    if (item->message)
        message_unref(e, item->message);
}

void queue_leave_out(queue_t *q, uint64_t position, bool is_damaged)
{
    fifo_item_t item;
    if (!fifo_pull(&q->fifo, position, &item))
        return;
    left_outs_t *l = left_outs_of(q);
    note(l, &item, position, is_damaged);
    if (item.stored)
        keep_in_log(l, &item, position);
    else
        queue_let_go(q, &item);
}

void left_outs_forget(left_outs_t **lp)
{
    left_outs_t *l = *lp;
    if (l == NULL)
        return;
    engine_t *e = l->queue->vhost->engine;
    if (l->run.last > l->run.told)
        say(l);
    list_remove(&l->telling);
    for (size_t i = 0; i < l->count; i++)
        record_release(e, l->items[i].record);
    e->left_out -= l->count;
    mem_free(l->items);
    mem_free(l);
    *lp = NULL;
}
