/* SPDX-License-Identifier: Apache-2.0
 *
 * left_out.c: messages that the disk does not give back as they were written are left out of their queue. They stay in the
 * log until the queue is purged or deleted, to be looked at.
 *
 * The log tells of runs, at the end of a step: one line for neighbours, and another only when the run is twice as long.
 * A million of them are twenty lines; which they are, queues and queries know. */
#include "engine/engine_internal.h"

/* ---- telling ---- */

static void say(queue_t *q)
{
    engine_t *e = q->vhost->engine;
    left_out_run_t *r = &q->left_out_run;
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

static void say_if_new(queue_t *q)
{
    const left_out_run_t *r = &q->left_out_run;
    if (run_length(r, r->last) >= 2 * run_length(r, r->told) && r->last > r->told)
        say(q);
}

void left_out_say(engine_t *e)
{
    for (list_t *node; (node = list_first(&e->telling));) {
        queue_t *q = LIST_OF(node, queue_t, telling);
        list_remove(node);
        say_if_new(q);
    }
}

static void note(queue_t *q, const fifo_item_t *item, uint64_t position, bool is_damaged)
{
    left_out_run_t *r = &q->left_out_run;
    bool goes_on =
        position == r->last + 1 && r->last > 0 && is_damaged == r->is_damaged && item->stored == r->is_stored;
    if (!goes_on) {
        if (r->last > r->told)
            say(q);
        *r = (left_out_run_t){.first = position,
                              .first_record = item->record,
                              .is_damaged = is_damaged,
                              .is_stored = item->stored};
    }
    r->last = position;
    r->last_record = item->record;
    if (!list_linked(&q->telling))
        list_append(&q->vhost->engine->telling, &q->telling);
}

/* ---- leaving out ---- */

static void keep_in_log(queue_t *q, const fifo_item_t *item, uint64_t position)
{
    engine_t *e = q->vhost->engine;
    q->stored--;
    q->left_out = mem_grow(q->left_out, sizeof *q->left_out, q->left_out_count, &q->left_out_capacity, 4);
    q->left_out[q->left_out_count++] = (left_out_t){position, item->record};
    if (q->left_out_first == 0 || position < q->left_out_first)
        q->left_out_first = position;
    if (position > q->left_out_last)
        q->left_out_last = position;
    e->left_out++;
    if (item->message)
        message_unref(e, item->message);
}

void queue_leave_out(queue_t *q, uint64_t position, bool is_damaged)
{
    fifo_item_t item;
    if (!fifo_pull(&q->fifo, position, &item))
        return;
    note(q, &item, position, is_damaged);
    if (item.stored)
        keep_in_log(q, &item, position);
    else
        queue_let_go(q, &item);
}

void queue_forget_left_out(queue_t *q)
{
    engine_t *e = q->vhost->engine;
    if (q->left_out_run.last > q->left_out_run.told)
        say(q);
    list_remove(&q->telling);
    q->left_out_run = (left_out_run_t){0};
    for (size_t i = 0; i < q->left_out_count; i++)
        record_release(e, q->left_out[i].record);
    e->left_out -= q->left_out_count;
    mem_free(q->left_out);
    q->left_out = NULL;
    q->left_out_count = q->left_out_capacity = 0;
    q->left_out_first = q->left_out_last = 0;
}
