/* SPDX-License-Identifier: Apache-2.0
 *
 * renew.c: the last message of a topic may be very old, and all of the log from its record on would have to stay for it.
 * So from time to time, when the log has grown, those that have not changed since the pass before the last one are written
 * again, as if they were published now, to nobody but their rule's queue.
 *
 * Not while somebody reads that queue, who would meet them twice; and not those with a body in parts, which are records of
 * their own. What rings keep is not written again: its order would be lost. */
#include "engine/engine_internal.h"

#define READ_ITEMS 16

static void renew(keep_t *k, const message_t *m)
{
    queue_t *q = k->queue;
    engine_t *e = q->vhost->engine;
    message_t *copy = message_with_properties(m, message_properties(m));
    copy->seq = m->seq;
    copy->view = m->view;
    message_adopt(e, copy);
    (void)publish_place(e, copy, &q, 1); /* the old one goes, as it is of the same key */
    e->renewed_bytes += message_bytes(copy);
    message_unref(e, copy);
}

/* True if this very message is still there. */
static bool is_there(const queue_t *q, const read_item_t *item)
{
    uint64_t from = item->position;
    uint32_t budget = 1;
    fifo_item_t found;
    return fifo_next(&q->fifo, &from, item->position + 1, &budget, &found) && found.record == item->record;
}

static void take_item(keep_t *k, read_item_t *item)
{
    queue_t *q = k->queue;
    engine_t *e = q->vhost->engine;
    message_t *m = item->message;
    bool wanted = !q->deleted && is_there(q, item);
    if (m == NULL) {
        if (wanted)
            queue_leave_out(q, item->position,
                            item->outcome == READ_DAMAGED ? "is damaged" : "cannot be read");
        return;
    }
    item->message = NULL;
    message_adopt(e, m);
    message_recorded(e, m, item->record);
    if (wanted && list_empty(&k->joins))
        renew(k, m);
    else
        k->renew_from = k->renew_from < item->position ? k->renew_from : item->position;
    message_unref(e, m);
}

static void reading_done(engine_t *e, reader_t *r, read_request_t *request)
{
    (void)e;
    keep_t *k = LIST_OF(r, keep_t, reading);
    for (size_t i = 0; request && i < request->count; i++)
        take_item(k, &request->items[i]);
    queue_release(k->queue);
}

/* Asks for this one and those behind it that are old and not in memory either. */
static void read_from(keep_t *k, const fifo_item_t *first, uint32_t *left)
{
    queue_t *q = k->queue;
    read_request_t *request = mem_zero(sizeof *request + READ_ITEMS * sizeof(read_item_t));
    fifo_item_t item = *first;
    uint64_t from = k->renew_from;
    do {
        request->items[request->count++] = (read_item_t){.record = item.record, .position = item.position};
        k->renew_from = from;
    } while (request->count < READ_ITEMS && fifo_next(&q->fifo, &from, q->fifo.tail, left, &item) &&
             item.message == NULL && item.record < k->renew_below);
    q->holds++;
    records_read(q->vhost->engine, &k->reading, request, reading_done);
}

/* The next old one; false: there is none. */
static bool next_old(keep_t *k, uint32_t *left, fifo_item_t *item)
{
    const queue_t *q = k->queue;
    while (fifo_next(&q->fifo, &k->renew_from, q->fifo.tail, left, item))
        if (item->record > 0 && (item->message == NULL || item->message->part_count == 0))
            return item->record < k->renew_below;
    return false;
}

static void keep_renews(keep_t *k, uint32_t *left)
{
    fifo_item_t item;
    while (*left > 0 && list_empty(&k->joins) && !list_linked(&k->reading.link)) {
        if (!next_old(k, left, &item)) {
            k->renewing = *left == 0;
            return;
        }
        if (item.message)
            renew(k, item.message);
        else
            read_from(k, &item, left);
    }
}

/* In proportion: what a pass writes is a fraction of what the log has grown by. */
static bool is_due(const engine_t *e)
{
    uint64_t grown = e->log_bytes - e->renewed_at;
    return e->keeps_last && grown >= 2 * e->options.restate_bytes && grown >= 4 * e->renewed_bytes;
}

static void begin_pass(engine_t *e)
{
    for (size_t i = 0; i < e->options.topic_count; i++) {
        keep_t *k = &e->keeps[i];
        if (k->queue == NULL || k->queue->keys == NULL || k->renewing)
            continue;
        k->renewing = true;
        k->renew_from = 0;
        k->renew_below = e->renew_below;
    }
    e->renew_below = e->next_record;
    e->renewed_at = e->log_bytes;
    e->renewed_bytes = 0;
}

bool keeps_renew(engine_t *e)
{
    uint32_t left = e->options.slice;
    if (is_due(e))
        begin_pass(e);
    for (size_t i = 0; e->keeps_last && i < e->options.topic_count && left > 0; i++)
        if (e->keeps[i].renewing)
            keep_renews(&e->keeps[i], &left);
    return left == 0;
}
