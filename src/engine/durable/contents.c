/* SPDX-License-Identifier: Apache-2.0
 *
 * contents.c: what is in a queue, for a checkpoint: rows of entries as spans (spans.h), one record for some pages; then those
 * that are left out, as their content cannot be read.
 *
 * A row says what is there at that moment. A log that is read from the checkpoint's beginning may know some of it
 * already, and never more: what comes later is in later records. So a row only adds. */
#include "engine/engine_internal.h"

#define ROW_POSITIONS 1024
#define ROW_COST      64 /* units of work */

void contents_begin(engine_t *e, queue_t *q)
{
    checkpoint_t *c = &e->checkpoint;
    c->contents = q;
    c->contents_from = c->left_out_from = 0;
    q->holds++;
}

void contents_end(engine_t *e)
{
    queue_t *q = e->checkpoint.contents;
    e->checkpoint.contents = NULL;
    if (q)
        queue_release(q);
}

static size_t row_record(queue_t *q, uint64_t first, bytes_t spans)
{
    record_t r = {.type = RECORD_PAGE, .queue = q->id, .position = first, .arguments = spans};
    if (spans.len > 0)
        (void)records_add(q->vhost->engine, &r, NULL);
    return spans.len + 16;
}

static size_t state_left_out(queue_t *q, const left_out_t *l)
{
    uint8_t octets[32];
    buffer_t row = buffer_over(octets, sizeof octets);
    span_writer_t w = {.out = &row};
    spans_put(&w, l->record, 1, 0, 0);
    spans_end(&w);
    return row_record(q, l->position, buffer_bytes(&row));
}

/* The next row, or one that is left out; 0: that was all. */
static size_t state_some(queue_t *q, checkpoint_t *c, uint32_t *cost)
{
    engine_t *e = q->vhost->engine;
    uint64_t first;
    buffer_clear(&e->places);
    if (fifo_write(&q->fifo, &c->contents_from, ROW_POSITIONS, &e->places, &first)) {
        *cost = ROW_COST;
        return row_record(q, first, buffer_bytes(&e->places));
    }
    *cost = 1;
    bool any = q->left_outs && c->left_out_from < q->left_outs->count;
    return any ? state_left_out(q, &q->left_outs->items[c->left_out_from++]) : 0;
}

size_t contents_state(engine_t *e, uint32_t *cost)
{
    checkpoint_t *c = &e->checkpoint;
    queue_t *q = c->contents;
    size_t octets = q->deleted ? 0 : state_some(q, c, cost);
    if (octets == 0) {
        *cost = 1;
        contents_end(e);
    }
    return octets;
}
