/* SPDX-License-Identifier: Apache-2.0
 *
 * checkpoint.c: from time to time all that is there is said again, so that the log need be read from there on only.
 *
 * A checkpoint states all exchanges, then all queues, each with its contents (contents.c), bindings, sequences, open
 * events, reports, large messages, which topic is kept where and what windows remember, a slice a step, between other
 * records. It ends with `low`: a log that is read from there makes all of it; of what is before, only the content of
 * messages is still needed. A binding is stated after its ends, whoever changes what meanwhile: that part takes all
 * bindings that were said before the last queue was. What was said lately stands at the end of its list, so a part is
 * over when the first of its list is young enough.
 *
 * One that is interrupted does no harm: what it said is true, and the one before still holds. */
#include "engine/engine_internal.h"

void checkpoint_init(checkpoint_t *c)
{
    *c = (checkpoint_t){.low = 1};
    for (int kind = 0; kind < STATED_KINDS; kind++)
        list_init(&c->lists[kind]);
}

void stated_now(engine_t *e, stated_t *s, stated_kind_t kind, record_no record)
{
    list_remove(&s->link);
    s->record = record;
    list_append(&e->checkpoint.lists[kind], &s->link);
}

/* ---- as records ---- */

void exchange_to_record(const exchange_t *x, record_t *r)
{
    *r = (record_t){
        .type = RECORD_EXCHANGE,
        .kind = (uint8_t)x->type,
        .flags = (uint8_t)((x->auto_delete ? RECORD_AUTO_DELETE : 0) | (x->internal ? RECORD_INTERNAL : 0)),
        .name = x->name,
        .arguments = x->arguments,
    };
}

void queue_to_record(const queue_t *q, record_t *r)
{
    *r = (record_t){
        .type = RECORD_QUEUE,
        .queue = q->id,
        .kind = (uint8_t)q->type,
        .flags = q->auto_delete ? RECORD_AUTO_DELETE : 0,
        .position = q->fifo.tail,
        .mark = q->mark,
        .name = q->name,
        .arguments = q->arguments,
    };
}

void binding_to_record(const binding_t *b, record_t *r)
{
    *r = (record_t){
        .type = RECORD_BIND,
        .queue = b->queue ? b->queue->id : 0,
        .source = b->source->name,
        .name = b->exchange ? b->exchange->name : (bytes_t){0},
        .key = b->key,
        .arguments = b->arguments,
    };
}

/* ---- a checkpoint ---- */

static void to_record(stated_kind_t kind, stated_t *s, record_t *r)
{
    if (kind == STATED_EXCHANGE)
        exchange_to_record(LIST_OF(s, exchange_t, stated), r);
    else if (kind == STATED_QUEUE)
        queue_to_record(LIST_OF(s, queue_t, stated), r);
    else
        binding_to_record(LIST_OF(s, binding_t, stated), r);
}

/* While the disk is short much sooner, before the reserve is used up: of what is behind a checkpoint acks may go as well
 * as messages. */
static bool is_due(const engine_t *e)
{
    const checkpoint_t *c = &e->checkpoint;
    uint64_t least = 4 * c->bytes_of_last, enough = e->options.checkpoint_bytes;
    if ((e->alarms & ALARM_DISK) && enough > e->options.unwritten_bytes)
        enough = e->options.unwritten_bytes;
    return c->bytes_since >= enough && c->bytes_since >= least;
}

static void begin(engine_t *e)
{
    checkpoint_t *c = &e->checkpoint;
    c->running = true;
    c->kind = STATED_EXCHANGE;
    c->from = c->before = e->next_record;
    c->bytes_since = 0;
    c->bytes_of_last = RECORDS_BATCH_BYTES;
}

void checkpoint_renew(engine_t *e)
{
    e->checkpoint.bytes_since = UINT64_MAX / 2;
}

/* Its ends may be there again, as others of the same name: nothing is said of it any more. */
static bool is_leaving(const binding_t *b)
{
    return b->source->deleted || (b->queue ? b->queue->deleted : b->exchange->deleted);
}

/* States the next one that was last said before this part; false if there is none. */
static bool state_next(engine_t *e)
{
    checkpoint_t *c = &e->checkpoint;
    list_t *node = list_first(&c->lists[c->kind]);
    stated_t *first = node ? LIST_OF(node, stated_t, link) : NULL;
    if (first == NULL || first->record >= c->before)
        return false;
    if (c->kind >= STATED_SEQUENCE) {
        c->bytes_of_last += c->kind == STATED_LARGE  ? large_state(e, first)
                            : c->kind == STATED_KEPT ? keep_state(e, first)
                            : c->kind == STATED_SEEN ? dedup_state(e, first)
                                                     : sync_state(e, c->kind, first);
        return true;
    }
    if (c->kind == STATED_BINDING && is_leaving(LIST_OF(first, binding_t, stated))) {
        list_remove(&first->link);
        return true;
    }
    record_t r;
    to_record(c->kind, first, &r);
    c->bytes_of_last += r.name.len + r.arguments.len + r.source.len + r.key.len + 32;
    stated_now(e, first, c->kind, records_add(e, &r, NULL));
    if (c->kind == STATED_QUEUE)
        contents_begin(e, LIST_OF(first, queue_t, stated));
    return true;
}

/* One definition, or some of a queue's contents. Returns its cost; 0: this part is over. */
static uint32_t state_some(engine_t *e)
{
    checkpoint_t *c = &e->checkpoint;
    uint32_t cost = 1;
    if (c->contents)
        c->bytes_of_last += contents_state(e, &cost);
    else if (!state_next(e))
        cost = 0;
    return cost;
}

static void end(engine_t *e)
{
    checkpoint_t *c = &e->checkpoint;
    c->running = false;
    c->low = c->from;
    c->complete++;
    c->complete_bytes = c->bytes_of_last;
    (void)records_add(e, &(record_t){.type = RECORD_STATED, .message = c->low}, NULL);
}

/* A checkpoint does not go ahead of a log that stands still: it would gather in memory, and leave no place for what
 * clients ask. */
static bool log_is_behind(const engine_t *e)
{
    bool is_half_full = records_coming(e) >= e->options.unwritten_bytes / 2;
    return records_full(e) || ((e->alarms & ALARM_DISK) && is_half_full);
}

bool checkpoint_run(engine_t *e)
{
    checkpoint_t *c = &e->checkpoint;
    if (!records_wanted(e) || log_is_behind(e))
        return false;
    if (!c->running && is_due(e))
        begin(e);
    for (uint32_t left = e->options.slice, cost; c->running && left > 0 && !log_is_behind(e);
         left -= cost < left ? cost : left) {
        cost = state_some(e);
        if (cost > 0)
            continue;
        cost = 1;
        c->kind++;
        if (c->kind == STATED_BINDING)
            c->before = e->next_record;
        if (c->kind == STATED_KINDS)
            end(e);
    }
    return c->running && !log_is_behind(e);
}
