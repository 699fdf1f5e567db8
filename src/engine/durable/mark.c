/* SPDX-License-Identifier: Apache-2.0
 *
 * mark.c: "redelivered" is promised too. Each durable queue has a mark in the log: positions below it may have been
 * delivered, and come back redelivered after a crash. A delivery waits until the mark beyond it is durable; so that it
 * seldom has to, the mark is moved ahead in blocks, before it is reached, and the blocks grow while it is. A clean stop
 * writes what was delivered exactly. */
#include "engine/engine_internal.h"

#define BLOCK_LEAST 64
#define BLOCK_MOST  8192

static record_no record_mark(queue_t *q)
{
    record_t r = {.type = RECORD_DELIVERED, .queue = q->id, .mark = q->mark};
    return records_add(q->vhost->engine, &r, NULL);
}

static void move_ahead(queue_t *q, uint64_t position)
{
    uint32_t block = q->mark_block * 2;
    q->mark_block = block < BLOCK_LEAST ? BLOCK_LEAST : block > BLOCK_MOST ? BLOCK_MOST : block;
    q->mark = position + q->mark_block;
    q->mark_record = record_mark(q);
}

static void mark_is_durable(engine_t *e, wait_t *w)
{
    (void)e;
    queue_store_answered(HEAP_OF(w, queue_t, marking));
}

bool mark_covers(queue_t *q, uint64_t position)
{
    engine_t *e = q->vhost->engine;
    if (q->mark_record > 0 && q->mark_record <= e->durable) {
        q->mark_safe = q->mark;
        q->mark_record = 0;
    }
    if (q->mark_record == 0 && position + q->mark_block / 2 >= q->mark)
        move_ahead(q, position);
    if (position < q->mark_safe)
        return true;
    wait_for(e, &q->marking, q->mark_record, mark_is_durable);
    return false;
}

void mark_exactly(queue_t *q)
{
    if (q->deleted || q->mark == q->delivered_below)
        return;
    q->mark = q->delivered_below;
    q->mark_record = record_mark(q);
}
