/* SPDX-License-Identifier: Apache-2.0
 *
 * apply.c: records become state, the way they did when they were decided. It reads nothing but what records made before,
 * and decides nothing: that an auto-delete exchange went, or a queue expired, is a record of its own.
 *
 * A log may begin anywhere: its first records can speak of queues that a later one defines (checkpoint.c). Such a queue is
 * known by its id alone until then; one that is never defined was deleted before it was said again, and goes at the end
 * (unless records are lost: nameless.c).
 * Definitions that speak of what is not there are passed over for the same reason.
 *
 * Messages come back cold: their content stays in the log until somebody wants it. Who refers to what content is counted at
 * the end (references.c). */
#include "engine/engine_internal.h"

/* A message whose content is not what was written: left out at the end, unless it was done with. */
typedef struct damaged {
    record_no queue;
    uint64_t position;
} damaged_t;

struct recovery {
    record_no first, applied; /* nothing at or below the second counts again */
    bool has_gap;             /* not all there was came */
    damaged_t *damaged;
    size_t damaged_count;
    record_no *damaged_parts;
    size_t damaged_part_count;
};

static recovery_t *recovery_of(engine_t *e)
{
    if (e->recovery == NULL)
        e->recovery = MEM_NEW(recovery_t);
    return e->recovery;
}

record_no recovery_at(const engine_t *e)
{
    return e->recovery->applied;
}

/* ---- definitions ---- */

/* Else it is another one of that name. */
static bool is_exchange_of(const exchange_t *x, const record_t *r)
{
    return x->type == (exchange_type_t)r->kind && x->auto_delete == ((r->flags & RECORD_AUTO_DELETE) != 0) &&
           x->internal == ((r->flags & RECORD_INTERNAL) != 0) && bytes_equal(x->arguments, r->arguments);
}

static void apply_exchange(engine_t *e, record_no number, const record_t *r)
{
    exchange_t *x = exchange_find(e->vhost, r->name);
    bool is_there = x && is_exchange_of(x, r);
    if (x && !is_there)
        exchange_remove(x, NULL, NULL); /* the record that said so is lost */
    if (is_there)
        stated_now(e, &x->stated, STATED_EXCHANGE, number);
    else
        (void)exchange_from_record(e->vhost, number, r);
}

static void apply_exchange_gone(engine_t *e, record_no number, const record_t *r)
{
    (void)number;
    exchange_t *x = exchange_find(e->vhost, r->name);
    if (x)
        exchange_remove(x, NULL, NULL);
}

queue_t *queue_of_record(engine_t *e, record_no id)
{
    queue_t *q = queue_find_by_id(e, id);
    return q ? q : queue_known_by_id(e->vhost, id);
}

static void apply_queue(engine_t *e, record_no number, const record_t *r)
{
    queue_t *q = queue_of_record(e, r->queue > 0 ? r->queue : number);
    queue_t *namesake = q->durable ? NULL : queue_find(e->vhost, r->name);
    if (namesake) /* as above */
        queue_remove(namesake, NULL, NULL);
    if (!q->durable)
        queue_define(q, r);
    fifo_skip(&q->fifo, r->position);
    q->mark = r->mark;
    stated_now(e, &q->stated, STATED_QUEUE, number);
}

static void apply_queue_gone(engine_t *e, record_no number, const record_t *r)
{
    (void)number;
    queue_t *q = queue_find_by_id(e, r->queue);
    if (q)
        queue_remove(q, NULL, NULL);
}

/* Both ends of a binding; false if one is not there. */
static bool both_ends(engine_t *e, const record_t *r, exchange_t **source, queue_t **queue,
                      exchange_t **exchange)
{
    *source = exchange_find(e->vhost, r->source);
    *queue = r->queue > 0 ? queue_find_by_id(e, r->queue) : NULL;
    *exchange = r->queue == 0 ? exchange_find(e->vhost, r->name) : NULL;
    return *source && (*exchange || (*queue && (*queue)->durable));
}

static void apply_bind(engine_t *e, record_no number, const record_t *r)
{
    exchange_t *source, *exchange;
    queue_t *queue;
    if (both_ends(e, r, &source, &queue, &exchange))
        stated_now(e, &binding_add(source, queue, exchange, r->key, r->arguments)->stated, STATED_BINDING,
                   number);
}

static void apply_unbind(engine_t *e, record_no number, const record_t *r)
{
    (void)number;
    exchange_t *source, *exchange;
    queue_t *queue;
    if (!both_ends(e, r, &source, &queue, &exchange))
        return;
    binding_t *b = binding_find(source, queue, exchange, r->key, r->arguments);
    if (b)
        binding_remove(b);
}

/* ---- messages ---- */

static void note_damaged(engine_t *e, record_no queue, uint64_t position)
{
    recovery_t *rec = recovery_of(e);
    rec->damaged = mem_resize(rec->damaged, (rec->damaged_count + 1) * sizeof *rec->damaged);
    rec->damaged[rec->damaged_count++] = (damaged_t){queue, position};
}

static void note_damaged_part(engine_t *e, record_no number)
{
    recovery_t *rec = recovery_of(e);
    rec->damaged_parts =
        mem_resize(rec->damaged_parts, (rec->damaged_part_count + 1) * sizeof *rec->damaged_parts);
    rec->damaged_parts[rec->damaged_part_count++] = number;
}

/* A message is no better than its parts. */
static bool parts_are_damaged(engine_t *e, const record_list_t *parts)
{
    const recovery_t *rec = recovery_of(e);
    bytes_reader_t in = bytes_reader(parts->octets);
    for (uint64_t number, bytes; rec->damaged_part_count > 0 && record_list_next(&in, &number, &bytes);)
        for (size_t i = 0; i < rec->damaged_part_count; i++)
            if (rec->damaged_parts[i] == number)
                return true;
    return false;
}

static void place(engine_t *e, record_no message, const record_list_t *places, bytes_t key, bool damaged)
{
    bytes_reader_t in = bytes_reader(places->octets);
    for (uint64_t id, position; record_list_next(&in, &id, &position);) {
        queue_t *q = queue_of_record(e, id);
        if (!fifo_place(&q->fifo, position, message))
            continue;
        q->stored++;
        keep_applied(q, key, position);
        if (damaged)
            note_damaged(e, id, position);
    }
}

static void apply_message(engine_t *e, record_no number, const record_t *r, bool damaged)
{
    place(e, number, &r->list, r->key, damaged || parts_are_damaged(e, &r->parts));
    if (r->list.count > 0)
        large_note(e, number, number, &r->parts);
}

static void apply_message_also(engine_t *e, record_no number, const record_t *r)
{
    (void)number;
    place(e, r->message, &r->list, BYTES(""), false); /* no rule's: they come first */
}

/* ---- contents of queues, as checkpoints say them ---- */

static void apply_page(engine_t *e, record_no number, const record_t *r)
{
    queue_t *q = queue_of_record(e, r->queue);
    uint64_t before = q->fifo.ready;
    if (!q->durable) /* its record is lost, which would say where its tail is */
        fifo_skip(&q->fifo, fifo_row_end(r->position, r->arguments));
    if (!fifo_restore(&q->fifo, r->position, r->arguments))
        log_line(e->options.log, LOG_ERROR, "record %llu of the log (page) says what cannot be",
                 (unsigned long long)number);
    q->stored += q->fifo.ready - before;
}

static void apply_large(engine_t *e, record_no number, const record_t *r)
{
    large_note(e, number, r->message, &r->parts);
}

static void apply_returned(engine_t *e, record_no number, const record_t *r)
{
    (void)number;
    queue_t *q = queue_find_by_id(e, r->queue);
    bytes_reader_t in = bytes_reader(r->list.octets);
    for (uint64_t first, count; q && record_list_next(&in, &first, &count);)
        for (uint64_t i = 0; i < count && first + i < q->fifo.tail; i++)
            fifo_set_returns(&q->fifo, first + i, (uint16_t)(r->need < UINT16_MAX ? r->need : UINT16_MAX));
}

static void apply_kept(engine_t *e, record_no number, const record_t *r)
{
    (void)number;
    queue_t *q = queue_find_by_id(e, r->queue);
    if (q)
        keep_applied(q, r->key, r->position);
}

static void take_out(queue_t *q, uint64_t position)
{
    fifo_item_t item;
    if (fifo_pull(&q->fifo, position, &item))
        queue_let_go(q, &item);
}

static void apply_settle(engine_t *e, record_no number, const record_t *r)
{
    (void)number;
    queue_t *q = queue_find_by_id(e, r->queue);
    bytes_reader_t in = bytes_reader(r->list.octets);
    for (uint64_t first, count; q && record_list_next(&in, &first, &count);)
        for (uint64_t i = 0; i < count && first + i < q->fifo.tail; i++)
            take_out(q, first + i);
}

/* Takes out what is present from `from` to below `end`. */
static void take_out_range(queue_t *q, uint64_t from, uint64_t end)
{
    fifo_item_t item;
    for (uint32_t budget = UINT32_MAX; fifo_next(&q->fifo, &from, end, &budget, &item); budget = UINT32_MAX)
        take_out(q, item.position);
}

static void apply_purge(engine_t *e, record_no number, const record_t *r)
{
    (void)number;
    queue_t *q = queue_of_record(e, r->queue);
    uint64_t from = 0, first, count;
    bytes_reader_t in = bytes_reader(r->list.octets);
    while (record_list_next(&in, &first, &count)) {
        take_out_range(q, from, first);
        from = first + count;
    }
    take_out_range(q, from, r->position);
}

static void apply_delivered(engine_t *e, record_no number, const record_t *r)
{
    (void)number;
    queue_t *q = queue_find_by_id(e, r->queue);
    if (q)
        q->mark = r->mark;
}

static void apply_stated(engine_t *e, record_no number, const record_t *r)
{
    (void)number;
    e->checkpoint.low = r->message;
}

/* ---- the door ---- */

typedef void apply_t(engine_t *e, record_no number, const record_t *r);

static apply_t *const appliers[RECORD_TYPE_END] = {
    [RECORD_EXCHANGE] = apply_exchange,
    [RECORD_EXCHANGE_GONE] = apply_exchange_gone,
    [RECORD_QUEUE] = apply_queue,
    [RECORD_QUEUE_GONE] = apply_queue_gone,
    [RECORD_BIND] = apply_bind,
    [RECORD_UNBIND] = apply_unbind,
    [RECORD_MESSAGE_ALSO] = apply_message_also,
    [RECORD_SETTLE] = apply_settle,
    [RECORD_PURGE] = apply_purge,
    [RECORD_DELIVERED] = apply_delivered,
    [RECORD_STATED] = apply_stated,
    [RECORD_PAGE] = apply_page,
    [RECORD_LARGE] = apply_large,
    [RECORD_RETURNED] = apply_returned,
    [RECORD_KEPT] = apply_kept,
    [RECORD_SEEN] = dedup_apply,
    [RECORD_PUBLISHER] = dedup_apply,
};

static bool is_of_event(uint8_t type)
{
    return type == RECORD_SEQUENCE || type == RECORD_EVENT || type == RECORD_RESULT || type == RECORD_REPORT;
}

static bool is_sound(const record_t *r)
{
    if (r->type == RECORD_EXCHANGE)
        return r->kind <= EXCHANGE_HEADERS && table_valid(r->arguments);
    if (r->type == RECORD_QUEUE)
        return r->kind <= QUEUE_QUORUM && table_valid(r->arguments);
    if (r->type == RECORD_BIND || r->type == RECORD_UNBIND)
        return table_valid(r->arguments);
    return true;
}

bool engine_apply(engine_t *e, record_no number, const record_t *r, bytes_t content, bool damaged)
{
    recovery_t *rec = recovery_of(e);
    if (number <= rec->applied)
        return true;
    if (r->vhost != 0 || !is_sound(r)) {
        log_line(e->options.log, LOG_ERROR, "record %llu of the log (%s) says what cannot be",
                 (unsigned long long)number, record_type_name(r->type));
        return false;
    }
    if (rec->first == 0)
        rec->first = number;
    else
        rec->has_gap |= number > rec->applied + 1;
    rec->applied = number;
    e->applying = true;
    e->work_left = UINT32_MAX;
    if (r->type == RECORD_MESSAGE)
        apply_message(e, number, r, damaged);
    else if (r->type == RECORD_PART && damaged)
        note_damaged_part(e, number);
    else if (is_of_event(r->type))
        sync_apply(e, number, r, content, damaged);
    else if (appliers[r->type])
        appliers[r->type](e, number, r);
    while (!list_empty(&e->jobs))
        jobs_run(e);
    e->applying = false;
    return true;
}

static void leave_out_damaged(engine_t *e, const recovery_t *rec)
{
    for (size_t i = 0; i < rec->damaged_count; i++) {
        queue_t *q = queue_find_by_id(e, rec->damaged[i].queue);
        if (q)
            queue_leave_out(q, rec->damaged[i].position, true);
    }
}

/* What was below the mark may have been delivered; no new position is below it, so that this stays exact. */
static void settle_marks(queue_t *q)
{
    fifo_skip(&q->fifo, q->mark);
    q->mark_safe = q->delivered_below = q->redelivered_below = q->mark;
    queue_touch(q);
}

/* What was never defined goes: taken out of the table only when the walk is over. */
static void settle_queues(engine_t *e)
{
    queue_t **undefined = mem_alloc(e->queues_by_id.count * sizeof(queue_t *));
    size_t count = 0;
    for (hash_node_t *n = hash_next(&e->queues_by_id, NULL); n; n = hash_next(&e->queues_by_id, n)) {
        queue_t *q = HASH_OF(n, queue_t, by_id);
        if (!q->durable && e->recovery->has_gap)
            queue_name_anew(q);
        if (q->durable)
            settle_marks(q);
        else
            undefined[count++] = q;
    }
    for (size_t i = 0; i < count; i++)
        queue_undefined(undefined[i]);
    mem_free(undefined);
}

static void settle_state(engine_t *e)
{
    e->applying = true;
    settle_queues(e);
    e->applying = false;
}

static void recovery_free(engine_t *e)
{
    recovery_t *rec = e->recovery;
    mem_free(rec->damaged);
    mem_free(rec->damaged_parts);
    mem_free(rec);
    e->recovery = NULL;
}

void engine_recovered(engine_t *e, record_no last, uint64_t now_ms)
{
    recovery_t *rec = recovery_of(e);
    e->now_ms = now_ms;
    e->next_record = last + 1;
    e->durable = last;
    rec->has_gap |= rec->first > e->checkpoint.low; /* what it begins with is lost */
    settle_state(e);
    references_rebuild(e);
    leave_out_damaged(e, rec);
    left_out_say(e);
    space_checkpointed(e, e->checkpoint.low);
    dedup_recovered(e);
    checkpoint_renew(e);
    recovery_free(e);
}

void recovery_abandon(engine_t *e)
{
    if (e->recovery == NULL)
        return;
    settle_state(e);
    references_rebuild(e);
    recovery_free(e);
}
