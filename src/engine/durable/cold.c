/* SPDX-License-Identifier: Apache-2.0
 *
 * cold.c: messages that are in the log need not be in memory. Past memory.bodies what is appended leaves memory as soon
 * as its record is durable (the newest of a queue is needed last), and what is delivered leaves it when it has been
 * sent. What is not in the log, as it need not outlive the broker, is put there for that (at no place: *spilled*). A queue
 * whose front is cold asks for the next messages in one request, ahead of need while it is being emptied.
 *
 * Messages that need not be in the log may come faster than it writes. While they do, and some are on their way to it,
 * publishers are held back (flow.c): memory stays flat, at the pace of the log. What cannot leave memory holds up nobody.
 *
 * A queue with consumers keeps its first entries in memory whatever the budget: they are about to go. */
#include "engine/engine_internal.h"

#define KEPT_WITH_CONSUMERS 64
#define READ_FEW_ITEMS      8
#define READ_MOST_ITEMS     1024
#define READ_BYTES          (1u << 20)
#define READ_BESIDE_BYTES   (4u << 20)
#define READ_SCARCE_BYTES   (64u << 10)
#define READ_SCARCE_ITEMS   4
#define GUESSED_BYTES       (64u << 10) /* of a message, while nothing is known of a queue's */
#define AHEAD_OF_LOG        4           /* messages in memory, in what the log may have on its way */
#define LOOK_MOST_ENTRIES   4096        /* past entries that are in memory already */

bool cold_wanted(const engine_t *e)
{
    return e->journal && e->memory_bytes > e->options.memory_bodies;
}

/* ---- out of memory ---- */

void cold_note(queue_t *q, uint64_t position)
{
    engine_t *e = q->vhost->engine;
    if (list_linked(&q->chilling) || q->subscriber || !cold_wanted(e))
        return; /* what a subscriber may have waiting has bounds of its own */
    q->chill_from = position;
    list_append(&e->chilling, &q->chilling);
}

static bool may_leave(const queue_t *q, const fifo_item_t *item)
{
    if (item->message == NULL || item->message->damaged)
        return false;
    return item->out || q->consumer_count == 0 || item->position >= q->fifo.cursor + KEPT_WITH_CONSUMERS;
}

/* Not into the reserve of a full disk: no more come in then, and those that are there have room. */
static bool may_spill(const engine_t *e)
{
    return !records_full(e) && (e->alarms & ALARM_DISK) == 0;
}

static void wait_to_leave(engine_t *e, record_no record)
{
    if (record > e->leaves_last)
        e->leaves_last = record;
}

/* Another queue may have put the message there before. */
static void spill(queue_t *q, const fifo_item_t *item)
{
    engine_t *e = q->vhost->engine;
    message_t *m = item->message;
    if (!live_has(&e->live, m->record)) /* or no more: what dies stays dead */
        (void)publish_record(e, m, &(record_list_t){0});
    wait_to_leave(e, m->record);
    record_refer(e, m->record, 1);
    fifo_spill(&q->fifo, item->position);
    q->spilled++;
}

/* True if it is through: the rest, if there is one, waits for the log. */
static bool chill(engine_t *e, queue_t *q, uint32_t *budget)
{
    fifo_item_t item;
    bool waits = false;
    uint64_t from = q->chill_from;
    while (fifo_next(&q->fifo, &from, q->fifo.tail, budget, &item)) {
        bool leaves = may_leave(q, &item), is_new = leaves && item.record == 0;
        if (is_new ? !may_spill(e) : item.record > e->durable) {
            wait_to_leave(e, item.record);
            return false;
        }
        if (is_new)
            spill(q, &item);
        else if (leaves && !waits)
            message_unref(e, fifo_chill(&q->fifo, item.position));
        waits |= is_new;
        if (!waits)
            q->chill_from = from;
    }
    if (!waits)
        q->chill_from = from;
    return !waits && from >= q->fifo.tail;
}

/* More than the budget, and than the log may have on its way. */
static bool is_over(const engine_t *e)
{
    return e->memory_bytes > e->options.memory_bodies + AHEAD_OF_LOG * e->options.unwritten_bytes;
}

/* Those that wait for the log are looked at too, and use up the budget: they alone are no reason for another step. */
static bool chill_some(engine_t *e)
{
    uint32_t budget = e->options.slice * 4;
    bool moved = false;
    list_t round;
    list_init(&round);
    list_splice(&round, &e->chilling);
    for (list_t *node; budget > 0 && (node = list_first(&round));) {
        queue_t *q = LIST_OF(node, queue_t, chilling);
        uint64_t from = q->chill_from;
        list_remove(node);
        if (cold_wanted(e) && !chill(e, q, &budget))
            list_append(&e->chilling, node);
        moved |= q->chill_from != from;
    }
    list_splice(&round, &e->chilling); /* those not reached come first next time */
    list_splice(&e->chilling, &round);
    return budget == 0 && moved && cold_wanted(e);
}

bool cold_run(engine_t *e)
{
    bool more = chill_some(e), was_behind = e->cold_is_behind;
    e->cold_is_behind = is_over(e) && (more || e->leaves_last > e->durable);
    if (e->cold_is_behind && e->leaves_last > e->waited_for)
        e->waited_for = e->leaves_last;
    return more || (was_behind && !e->cold_is_behind);
}

/* ---- back into it ---- */

/* More is in memory, or on its way there, than the budget and some beside it. */
static bool is_scarce(const engine_t *e)
{
    return e->memory_bytes + e->asked_bytes > e->options.memory_bodies + READ_BESIDE_BYTES;
}

/* Very many queues read back, or large messages: each reads little then. A few may read as much as they like, or they could
 * not keep up while memory is full of what is on its way to the log. */
static bool many_read(const engine_t *e)
{
    return e->warm_bytes + e->asked_bytes > READ_BESIDE_BYTES;
}

static size_t between(uint64_t least, uint64_t items, uint64_t most)
{
    return (size_t)(items < least ? least : items > most ? most : items);
}

static bool must_read_little(const engine_t *e)
{
    return is_scarce(e) && many_read(e);
}

static size_t items_wanted(const queue_t *q)
{
    const engine_t *e = q->vhost->engine;
    if (must_read_little(e))
        return q->read_average == 0
                   ? 1
                   : between(1, READ_SCARCE_BYTES / (q->read_average + 1), READ_SCARCE_ITEMS);
    if ((cold_wanted(e) && many_read(e)) || q->read_average == 0) /* how large they are the first ones tell */
        return READ_FEW_ITEMS;
    return between(READ_FEW_ITEMS, READ_BYTES / (q->read_average + 1), READ_MOST_ITEMS);
}

static void note_asked(queue_t *q, size_t items)
{
    q->asked_bytes = items * (q->read_average > 0 ? q->read_average : GUESSED_BYTES);
    q->vhost->engine->asked_bytes += q->asked_bytes;
    q->vhost->engine->asked_items += items;
}

static void note_warm(queue_t *q, uint32_t items, uint32_t average)
{
    engine_t *e = q->vhost->engine;
    e->warm_bytes -= (uint64_t)q->warm_ahead * q->read_average;
    q->warm_ahead = items;
    q->read_average = average;
    e->warm_bytes += (uint64_t)items * average;
}

void queue_forget_warm(queue_t *q)
{
    note_warm(q, 0, q->read_average);
}

/* Of a message that came, `warm` or not. */
static void note_read(queue_t *q, uint64_t bytes, bool warm)
{
    uint64_t average = q->read_average == 0 ? bytes : (q->read_average * UINT64_C(7) + bytes) / 8;
    q->warm_is_all &= !warm;
    note_warm(q, q->warm_ahead + warm, average < UINT32_MAX ? (uint32_t)average : UINT32_MAX);
}

static void take_item(queue_t *q, read_item_t *item)
{
    engine_t *e = q->vhost->engine;
    message_t *m = item->message;
    if (!live_has(&e->live, item->record))
        return; /* it was done with meanwhile */
    if (m == NULL || !parts_are_known(e, m)) {
        if (!q->deleted)
            queue_leave_out(q, item->position, m || item->outcome == READ_DAMAGED);
        return;
    }
    item->message = NULL;
    message_adopt_read(e, m, item->record);
    bool is_warm = !q->deleted && fifo_warm(&q->fifo, item->position, m);
    note_read(q, message_bytes(m), is_warm);
    if (!is_warm)
        message_unref(e, m);
}

static void reading_done(engine_t *e, reader_t *r, read_request_t *request)
{
    queue_t *q = LIST_OF(r, queue_t, reading);
    e->asked_bytes -= q->asked_bytes;
    if (request) {
        for (size_t i = 0; i < request->count; i++)
            take_item(q, &request->items[i]);
        queue_store_answered(q);
    }
    queue_release(q);
}

/* Asks for the next cold entries of the queue, unless it has asked already. */
static void read_ahead(queue_t *q)
{
    if (list_linked(&q->reading.link))
        return;
    size_t most = items_wanted(q);
    read_request_t *request = mem_alloc(sizeof *request + most * sizeof(read_item_t));
    request->count = 0;
    request->bytes_most = must_read_little(q->vhost->engine) ? READ_SCARCE_BYTES : READ_BYTES;
    uint64_t from = q->fifo.cursor;
    uint32_t budget = LOOK_MOST_ENTRIES;
    fifo_item_t item;
    while (request->count < most && fifo_next(&q->fifo, &from, q->fifo.tail, &budget, &item))
        if (item.message == NULL && !item.out && item.record <= q->vhost->engine->durable)
            request->items[request->count++] =
                (read_item_t){.record = item.record, .position = item.position};
    if (request->count == 0) {
        q->warm_is_all = true; /* the next one is asked for when it is in front */
        mem_free(request);
        return;
    }
    q->holds++;
    note_asked(q, request->count);
    records_read(q->vhost->engine, &q->reading, request, reading_done);
}

/* ---- the front of the queue ---- */

static void event_is_durable(engine_t *e, wait_t *w)
{
    (void)e;
    queue_store_answered(HEAP_OF(w, queue_t, marking));
}

bool queue_can_deliver(queue_t *q)
{
    const engine_t *e = q->vhost->engine;
    fifo_item_t first;
    if (q->stored + q->spilled == 0 && !q->waits_for_store && list_empty(&q->owed)) /* nothing is the log's */
        return q->fifo.ready > 0;
    while (!q->waits_for_store && fifo_first(&q->fifo, &first)) {
        if (!list_empty(&q->owed) && sync_holds(q, first.position, &q->marking, event_is_durable)) {
            q->waits_for_store = true;
            return false;
        }
        if (first.record == 0)
            return true;
        if (first.message && large_is_damaged(e, first.message)) {
            queue_leave_out(q, first.position, true);
            continue;
        }
        if (first.message == NULL) {
            queue_forget_warm(q);
            read_ahead(q);
        } else if (!first.stored || mark_covers(q, first.position))
            return true;
        q->waits_for_store = true;
    }
    return false;
}

void queue_took(queue_t *q)
{
    if (q->warm_ahead == 0)
        return;
    note_warm(q, q->warm_ahead - 1, q->read_average);
    if (!q->warm_is_all && q->warm_ahead < items_wanted(q) / 2)
        read_ahead(q);
}

void queue_store_answered(queue_t *q)
{
    q->waits_for_store = false;
    queue_mark(q);
    channels_go_on(&q->getters);
}
