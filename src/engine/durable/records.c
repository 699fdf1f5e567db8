/* SPDX-License-Identifier: Apache-2.0
 *
 * records.c: decisions on their way to the log. The records of a step are gathered in a batch, which is lent to the log
 * at the end of the step (or when it is large) and comes back when it is durable. Then whatever waited for one of its
 * records goes on: replies, confirms, deliveries.
 *
 * Without a log records have no numbers, and nothing waits. */
#include "engine/engine_internal.h"

#define GATHER_MS       100
#define GATHER_AFTER_MS 10000 /* where the disk was short it may soon be again */

bool records_wanted(const engine_t *e)
{
    return e->journal && !e->applying && !e->freeing;
}

static uint64_t batch_bytes(const batch_t *b)
{
    return b->records.len + b->content_bytes;
}

/* ---- what waits ---- */

void wait_for(engine_t *e, wait_t *w, record_no record, wait_over_t *over)
{
    w->over = over;
    heap_set(&e->waits, &w->timer, record);
    e->waited_for = record > e->waited_for ? record : e->waited_for;
}

void wait_cancel(engine_t *e, wait_t *w)
{
    heap_cancel(&e->waits, &w->timer);
}

static void run_waits(engine_t *e)
{
    for (heap_timer_t *t; (t = heap_pop_due(&e->waits, e->durable));) {
        wait_t *w = HEAP_OF(t, wait_t, timer);
        w->over(e, w);
    }
}

/* ---- to the log ---- */

/* With all that was settled before it ends: records are durable in the order in which things were decided. */
static void close_batch(engine_t *e)
{
    assert(!e->grouping);
    settled_flush(e);
    batch_t *b = e->batch;
    e->batch = NULL;
    if (b == NULL)
        return;
    b->replay_from = e->checkpoint.low;
    e->unwritten_bytes += batch_bytes(b);
    e->checkpoint.bytes_since += batch_bytes(b) + (e->checkpoint.running ? 0 : RECORDS_BATCH_BYTES);
    *e->lent_end = b;
    e->lent_end = &b->next;
    e->lent_count++;
    lane_push(e->journal->batches, &b);
}

record_no records_append(engine_t *e, const record_t *r, message_t *content)
{
    if (!records_wanted(e))
        return 0;
    assert(!content == !record_has_content(r->type));
    if (e->batch == NULL)
        e->batch = batch_new(e->next_record);
    record_write(&e->batch->records, r);
    e->batch->count++;
    if (content) {
        message_ref(content);
        batch_add_content(e->batch, message_content(content), content);
    }
    return e->next_record++;
}

static void close_if_full(engine_t *e)
{
    if (e->batch && batch_bytes(e->batch) >= e->options.batch_bytes)
        close_batch(e);
}

record_no records_add(engine_t *e, const record_t *r, message_t *content)
{
    if (!e->grouping)
        close_if_full(e);
    return records_append(e, r, content);
}

/* What was settled before is not the group's. */
void records_group_begin(engine_t *e)
{
    assert(!e->grouping);
    settled_flush(e);
    close_if_full(e);
    e->grouping = true;
    e->group_first = e->next_record;
}

record_no records_group_end(engine_t *e)
{
    assert(e->grouping);
    settled_flush(e);
    e->grouping = false;
    return e->next_record > e->group_first ? e->next_record - 1 : 0;
}

record_no records_last(const engine_t *e)
{
    return e->applying ? recovery_at(e) : e->next_record - 1;
}

record_no records_define(engine_t *e, const record_t *r)
{
    record_no number = records_add(e, r, NULL);
    if (number > 0)
        e->definitions = number;
    return number;
}

/* ---- while the disk is short, or the log ---- */

static void has_gathered(engine_t *e, wait_t *w)
{
    (void)w;
    e->gather_no_more = true;
}

/* What nobody waits for may come together over some steps, in one batch. Acks above all: each in a group of its own, of
 * 512 octets at least, they would use up the reserve. */
static bool may_gather(engine_t *e)
{
    bool is_awaited = e->batch && e->waited_for >= e->batch->first;
    if (e->alarms & (ALARM_DISK | ALARM_LOG))
        e->gather_until_ms = e->now_ms + GATHER_AFTER_MS;
    if (e->now_ms >= e->gather_until_ms || is_awaited || e->gather_no_more || e->shutting_down ||
        records_full(e))
        return false;
    settled_flush(e);
    if (e->gathering.timer.place == 0 && e->batch)
        timer_set(e, &e->gathering, e->now_ms + GATHER_MS, has_gathered);
    return true;
}

static void give(engine_t *e)
{
    close_batch(e);
    timer_cancel(e, &e->gathering);
    e->gather_no_more = false;
}

void records_give(engine_t *e)
{
    if (e->journal == NULL)
        return;
    if (!may_gather(e))
        give(e);
    if (lane_flush(e->journal->batches))
        e->wake_log = true;
    if (lane_flush(e->journal->reads))
        e->wake_helper = true;
    if (lane_flush(e->journal->orders))
        e->wake_helper = true;
}

uint64_t records_coming(const engine_t *e)
{
    return e->unwritten_bytes + (e->batch ? batch_bytes(e->batch) : 0);
}

bool records_full(const engine_t *e)
{
    return e->journal &&
           (records_coming(e) >= e->options.unwritten_bytes || lane_room(e->journal->batches) == 0);
}

/* ---- back from it ---- */

static void forget_batch(engine_t *e, batch_t *b)
{
    for (size_t i = 0; i < b->content_count; i++)
        message_unref(e, b->contents[i].message);
    e->unwritten_bytes -= batch_bytes(b);
    e->lent = b->next;
    e->lent_count--;
    if (e->lent == NULL)
        e->lent_end = &e->lent;
}

/* True if so many items were under way that not all of them may have had a place in the lane: then its producer waits
 * for one. (It is not woken for nothing: the reply that the last batch brings would leave later.) */
static bool may_overflow(const engine_t *e, size_t under_way)
{
    return under_way > e->journal->ring_items;
}

static void spend(uint32_t *budget, size_t units)
{
    *budget -= units < *budget ? (uint32_t)units : *budget;
}

static void take_done(engine_t *e, uint32_t *budget)
{
    bool log_may_wait = may_overflow(e, e->lent_count);
    for (batch_t *const *item; *budget > 0 && (item = lane_peek(e->journal->done)) != NULL;) {
        batch_t *b = *item;
        assert(b == e->lent);
        lane_pop(e->journal->done);
        e->durable = batch_last(b);
        if (b->replay_from > e->space.replay_from)
            space_checkpointed(e, b->replay_from);
        spend(budget, 1 + b->content_count);
        forget_batch(e, b);
        batch_free(b);
    }
    if (lane_release(e->journal->done) && log_may_wait)
        e->wake_log = true;
}

static void take_read(engine_t *e, uint32_t *budget)
{
    bool helper_may_wait = may_overflow(e, e->asked_count);
    for (read_request_t *const *item; *budget > 0 && (item = lane_peek(e->journal->read)) != NULL;) {
        read_request_t *request = *item;
        lane_pop(e->journal->read);
        reader_t *r = request->owner;
        list_remove(&r->link);
        e->asked_count--;
        spend(budget, request->count);
        r->done(e, r, request);
        for (size_t i = 0; i < request->count; i++)
            message_free(request->items[i].message); /* those that nobody wants any more */
        mem_free(request);
    }
    if (lane_release(e->journal->read) && helper_may_wait)
        e->wake_helper = true;
}

#define NEWS_COST 64 /* the live records of a segment are counted */

static void take_segments(engine_t *e, uint32_t *budget)
{
    for (const segment_news_t *news; *budget > 0 && (news = lane_peek(e->journal->segments)) != NULL;) {
        space_told(e, news);
        lane_pop(e->journal->segments);
        spend(budget, NEWS_COST);
    }
    if (lane_release(e->journal->segments)) /* it may have more to tell */
        e->wake_helper = true;
}

bool records_take(engine_t *e)
{
    if (e->journal == NULL)
        return false;
    uint32_t budget = e->options.slice * 8;
    take_done(e, &budget);
    run_waits(e);
    take_read(e, &budget);
    take_segments(e, &budget);
    return budget == 0;
}

void records_read(engine_t *e, reader_t *r, read_request_t *request, reader_done_t *done)
{
    r->done = done;
    list_append(&e->readers, &r->link);
    request->owner = r;
    e->asked_count++;
    lane_push(e->journal->reads, &request);
}

/* The store is gone: what it was lent, and what it was asked for, is nobody's any more. */
void records_free(engine_t *e)
{
    timer_cancel(e, &e->gathering);
    while (e->lent)
        forget_batch(e, e->lent);
    if (e->batch) {
        for (size_t i = 0; i < e->batch->content_count; i++)
            message_unref(e, e->batch->contents[i].message);
        batch_free(e->batch);
        e->batch = NULL;
    }
    for (list_t *node; (node = list_first(&e->readers));) {
        reader_t *r = LIST_OF(node, reader_t, link);
        list_remove(&r->link);
        r->done(e, r, NULL);
    }
}

/* ---- the door ---- */

void engine_attach_journal(engine_t *e, journal_t *journal)
{
    e->journal = journal;
}

bool engine_has_news(const engine_t *e)
{
    const journal_t *j = e->journal;
    return j &&
           (!lane_empty(j->done) || !lane_empty(j->read) || !lane_empty(j->segments) || flow_has_news(e));
}

bool engine_wants_log(engine_t *e)
{
    bool wake = e->wake_log;
    e->wake_log = false;
    return wake;
}

bool engine_wants_helper(engine_t *e)
{
    bool wake = e->wake_helper;
    e->wake_helper = false;
    return wake;
}

void engine_finish(engine_t *e)
{
    for (hash_node_t *n = hash_next(&e->queues_by_id, NULL); n; n = hash_next(&e->queues_by_id, n))
        mark_exactly(HASH_OF(n, queue_t, by_id));
    for (hash_node_t *n = hash_next(&e->vhost->exchanges, NULL); n; n = hash_next(&e->vhost->exchanges, n))
        sequencer_finish(HASH_OF(n, exchange_t, node));
    e->gather_no_more = true;
    records_give(e);
}

bool engine_is_durable(const engine_t *e)
{
    return e->journal == NULL || (e->batch == NULL && e->lent == NULL);
}
