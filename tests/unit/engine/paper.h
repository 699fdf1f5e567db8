/* SPDX-License-Identifier: Apache-2.0
 *
 * paper.h: a log on paper: what the engine gives to the log is written into an array, and read back from it. It has the
 * log thread's and the helper's turns, and as much time for them as a test wants.
 *
 * A batch is written when it is taken, and durable when it is given back (`synced`): what is above is lost by a crash.
 * Nothing of a batch is looked at after that, as its octets may be gone. */
#pragma once

#include <assert.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "model/journal.h"

/* A record as it was written; its number is its place in the array, from 1 on. */
typedef struct paper_record {
    buffer_t octets;
    buffer_t content;
    uint8_t outcome;       /* of reading it: read_outcome_t */
    record_no replay_from; /* what the batch said that it was in */
    bool is_last_of_batch;
} paper_record_t;

typedef struct paper {
    journal_t journal;
    paper_record_t *records;
    size_t count, capacity;
    record_no synced;
    record_no replay_from; /* of the last batch that is durable */

    bool holds;       /* batches are given back by paper_sync alone */
    bool holds_reads; /* and reads answered by paper_answer alone */
    batch_t **lent;   /* taken and not given back, oldest first */
    size_t lent_count, lent_capacity;
    read_request_t **asked; /* likewise */
    size_t asked_count, asked_capacity;
    segment_order_t **orders; /* that came and are not answered, oldest first */
    size_t order_count, order_capacity;

    uint64_t batches, requests, items; /* so far */
    uint64_t items_most;               /* in one request */
} paper_t;

/* ---- records ---- */

static inline paper_record_t *paper_at(const paper_t *p, record_no number)
{
    assert(number >= 1 && number <= p->count);
    return &p->records[number - 1];
}

/* The record, as views into the paper. */
static inline record_t paper_read(const paper_t *p, record_no number)
{
    record_t r;
    bytes_reader_t in = bytes_reader(buffer_bytes(&paper_at(p, number)->octets));
    bool whole = record_read(&in, &r) && reader_done(&in);
    assert(whole);
    (void)whole;
    return r;
}

static inline paper_record_t *paper_add(paper_t *p)
{
    p->records = mem_grow(p->records, sizeof *p->records, p->count, &p->capacity, 64);
    p->records[p->count] = (paper_record_t){0};
    return &p->records[p->count++];
}

/* What is above goes. */
static inline void paper_cut(paper_t *p, record_no last)
{
    while (p->count > last) {
        paper_record_t *r = &p->records[--p->count];
        buffer_free(&r->octets);
        buffer_free(&r->content);
    }
}

/* How many records of this type are on paper. */
static inline size_t paper_count(const paper_t *p, record_type_t type)
{
    size_t count = 0;
    for (record_no n = 1; n <= p->count; n++)
        count += paper_read(p, n).type == type;
    return count;
}

/* The last record of this type; 0: none. */
static inline record_no paper_last(const paper_t *p, record_type_t type)
{
    record_no n = p->count;
    while (n > 0 && paper_read(p, n).type != type)
        n--;
    return n;
}

/* ---- the log thread's turn ---- */

static inline void paper_write(paper_t *p, const batch_t *b)
{
    bytes_reader_t in = bytes_reader(buffer_bytes(&b->records));
    size_t content = 0;
    assert(b->first == p->count + 1 && b->count > 0);
    for (uint32_t i = 0; i < b->count; i++) {
        record_t r;
        const uint8_t *begin = in.at;
        bool whole = record_read(&in, &r);
        assert(whole);
        (void)whole;
        paper_record_t *at = paper_add(p);
        write_bytes(&at->octets, bytes_make(begin, (size_t)(in.at - begin)));
        if (record_has_content(r.type))
            write_bytes(&at->content, b->contents[content++].octets);
        at->replay_from = b->replay_from;
        at->is_last_of_batch = i + 1 == b->count;
    }
    assert(reader_done(&in) && content == b->content_count);
    assert(b->replay_from <= batch_last(b) + 1);
}

static inline bool paper_take_batches(paper_t *p)
{
    size_t before = p->lent_count;
    for (batch_t *const *item; (item = lane_peek(p->journal.batches)) != NULL; lane_pop(p->journal.batches)) {
        p->lent = mem_grow(p->lent, sizeof *p->lent, p->lent_count, &p->lent_capacity, 16);
        paper_write(p, *item);
        p->lent[p->lent_count++] = *item;
    }
    bool has_room = lane_release(p->journal.batches);
    return has_room || p->lent_count > before;
}

/* The oldest `count` batches are durable, or all. Returns how many. */
static inline size_t paper_sync(paper_t *p, size_t count)
{
    if (count > p->lent_count)
        count = p->lent_count;
    for (size_t i = 0; i < count; i++) {
        p->synced = batch_last(p->lent[i]);
        p->replay_from = p->lent[i]->replay_from;
        lane_push(p->journal.done, &p->lent[i]);
    }
    p->batches += count;
    p->lent_count -= count;
    if (count > 0)
        memmove(p->lent, p->lent + count, p->lent_count * sizeof *p->lent);
    return count;
}

/* ---- the helper's turn ---- */

static inline message_part_t *paper_parts(const record_list_t *list)
{
    message_part_t *parts = mem_alloc(list->count * sizeof *parts);
    bytes_reader_t in = bytes_reader(list->octets);
    for (uint32_t i = 0; i < list->count; i++)
        (void)record_list_next(&in, &parts[i].record, &parts[i].bytes);
    return parts;
}

/* As the store makes it. */
static inline message_t *paper_message(const paper_t *p, record_no number)
{
    record_t r = paper_read(p, number);
    bytes_t content = buffer_bytes(&paper_at(p, number)->content), properties = {NULL, 0};
    assert(record_has_content(r.type) && r.properties_bytes <= content.len);
    if (r.properties_bytes > 0)
        properties = bytes_make(content.data, r.properties_bytes);
    bytes_t body =
        bytes_make(content.data ? content.data + properties.len : NULL, content.len - properties.len);
    message_t *m = message_new(r.exchange, r.key, properties, body.len);
    m = message_append(m, body, body.len);
    m->record = number;
    m->seq = r.seq;
    m->view = (uint32_t)r.view;
    if (r.parts.count > 0)
        message_set_parts(m, paper_parts(&r.parts), r.parts.count);
    return m;
}

static inline bool paper_take_reads(paper_t *p)
{
    size_t before = p->asked_count;
    for (read_request_t *const *item; (item = lane_peek(p->journal.reads)) != NULL;
         lane_pop(p->journal.reads)) {
        p->asked = mem_grow(p->asked, sizeof *p->asked, p->asked_count, &p->asked_capacity, 16);
        p->asked[p->asked_count++] = *item;
        p->requests++;
        p->items += (*item)->count;
        p->items_most = (*item)->count > p->items_most ? (*item)->count : p->items_most;
    }
    bool has_room = lane_release(p->journal.reads);
    return has_room || p->asked_count > before;
}

static inline void paper_fill(const paper_t *p, read_request_t *request)
{
    assert(request->count > 0);
    request->served = request->bytes = 0;
    do {
        read_item_t *item = &request->items[request->served];
        assert(item->record >= 1 && item->record <= p->synced && item->message == NULL);
        item->outcome = paper_at(p, item->record)->outcome;
        if (item->outcome == READ_OK)
            item->message = paper_message(p, item->record);
    } while (!read_request_served(request));
}

/* Answers the oldest `count` requests, or all. Returns how many. */
static inline size_t paper_answer(paper_t *p, size_t count)
{
    if (count > p->asked_count)
        count = p->asked_count;
    for (size_t i = 0; i < count; i++) {
        paper_fill(p, p->asked[i]);
        lane_push(p->journal.read, &p->asked[i]);
    }
    p->asked_count -= count;
    if (count > 0)
        memmove(p->asked, p->asked + count, p->asked_count * sizeof *p->asked);
    return count;
}

static inline bool paper_take_orders(paper_t *p)
{
    size_t before = p->order_count;
    for (segment_order_t *const *item; (item = lane_peek(p->journal.orders)) != NULL;
         lane_pop(p->journal.orders)) {
        p->orders = mem_grow(p->orders, sizeof(segment_order_t *), p->order_count, &p->order_capacity, 16);
        p->orders[p->order_count++] = *item;
    }
    (void)lane_release(p->journal.orders);
    return p->order_count > before;
}

/* Tells of a segment; with `bytes` 0 that it is gone. */
static inline void paper_tell(paper_t *p, const segment_news_t *news)
{
    lane_push(p->journal.segments, news);
    (void)lane_flush(p->journal.segments);
}

/* The oldest order, which is the caller's then; NULL: there is none. */
static inline segment_order_t *paper_order(paper_t *p)
{
    if (p->order_count == 0)
        return NULL;
    segment_order_t *o = p->orders[0];
    memmove(p->orders, p->orders + 1, --p->order_count * sizeof(segment_order_t *));
    return o;
}

/* Both turns. True if something happened that concerns the engine. */
static inline bool paper_turn(void *context)
{
    paper_t *p = context;
    bool moved = paper_take_batches(p);
    moved |= paper_take_reads(p);
    moved |= paper_take_orders(p);
    if (!p->holds)
        (void)paper_sync(p, SIZE_MAX);
    if (!p->holds_reads)
        (void)paper_answer(p, SIZE_MAX);
    moved |= lane_flush(p->journal.done);
    moved |= lane_flush(p->journal.read);
    moved |= lane_flush(p->journal.segments);
    return moved;
}

/* ---- its life ---- */

static inline paper_t *paper_new(size_t ring_items)
{
    paper_t *p = MEM_NEW(paper_t);
    journal_init(&p->journal, ring_items);
    return p;
}

/* The threads are gone, and the engine is too: what they were lent is freed. */
static inline void paper_drop_work(paper_t *p)
{
    for (size_t i = 0; i < p->lent_count; i++)
        batch_free(p->lent[i]);
    for (size_t i = 0; i < p->asked_count; i++)
        mem_free(p->asked[i]);
    for (segment_order_t *o; (o = paper_order(p));)
        segment_order_free(o);
    p->lent_count = p->asked_count = 0;
    journal_deinit(&p->journal);
}

static inline void paper_free(paper_t *p)
{
    paper_drop_work(p);
    paper_cut(p, 0);
    mem_free(p->records);
    mem_free(p->lent);
    mem_free(p->asked);
    mem_free(p->orders);
    mem_free(p);
}
