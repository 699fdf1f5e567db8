/* SPDX-License-Identifier: Apache-2.0
 *
 * space_fixture.h: what an engine's stand-in needs of records, and orders the store to keep. */
#pragma once

#include "store/log_fixture.h"

/* What is needed of records below replay_from: the contents of these. */
typedef struct needs {
    bool live[RECORDS_MOST];
} needs_t;

static inline bool has_content(record_no n)
{
    return is_message(n) || is_part(n);
}

static inline segment_order_t *rewrite_order(const fixture_t *f, const needs_t *needs, uint64_t segment)
{
    segment_order_t *order = MEM_NEW(segment_order_t);
    const segment_news_t *news = &f->segments[segment].news;
    order->segment = segment;
    for (record_no n = news->from; n < news->end;) {
        record_no first = n;
        while (n < news->end && needs->live[n])
            n++;
        if (n > first)
            record_list_put(&order->keep, &order->keep_count, first, n - first);
        else
            n++;
    }
    return order;
}

static inline uint32_t count_live(const fixture_t *f, const needs_t *needs, uint64_t segment)
{
    const segment_news_t *news = &f->segments[segment].news;
    uint32_t count = 0;
    for (record_no n = news->from; n < news->end; n++)
        count += needs->live[n];
    return count;
}

/* Nothing that comes from here on keeps its place as unneeded by accident: messages and parts are live at first. */
static inline void put_live(fixture_t *f, needs_t *needs, uint32_t records, uint32_t size)
{
    for (record_no n = f->next; n < f->next + records; n++)
        needs->live[n] = has_content(n);
    put_batch(f, records, size);
}

/* Reads every record from 1 to before `end` that has content, those that are needed as they were written; the others are
 * there as they were written, or said to be damaged, or failed. Returns how many of the others are there. */
static inline uint32_t check_needed(fixture_t *f, const needs_t *needs, record_no end)
{
    uint32_t others = 0;
    size_t count = 0;
    record_no *records = mem_alloc(RECORDS_MOST * sizeof *records);
    for (record_no n = 1; n < end; n++)
        if (has_content(n))
            records[count++] = n;
    read_request_t *r = read_back(f, records, count);
    for (size_t i = 0; i < count; i++) {
        const read_item_t *item = &r->items[i];
        if (needs->live[item->record] && item->outcome != READ_OK)
            fail_msg("record %llu: outcome %u", (unsigned long long)item->record, item->outcome);
        if (needs->live[item->record])
            check_read_item(f, item);
        else if (item->outcome == READ_OK) /* a number may have been used twice before it was durable */
            others++;
    }
    release_read(r);
    mem_free(records);
    return others;
}

/* So many records before replay_from may still be where an opening begins. */
#define NOT_YET 60

/* Rewrites everything that lies below replay_from, as far as it may be; drops what has nothing. */
static inline void order_all(fixture_t *f, const needs_t *needs)
{
    (void)hear_segments(f);
    for (uint64_t i = 0; i < SEGMENTS_MOST; i++) {
        const told_segment_t *told = &f->segments[i];
        if (told->news.bytes == 0 || told->is_ordered || told->news.end + NOT_YET > f->replay_durable)
            continue;
        if (count_live(f, needs, i) == 0)
            order_drop(f, i);
        else
            give_order(f, rewrite_order(f, needs, i));
    }
}

/* So far that all there was is below replay_from, in segments that are complete. */
static inline void go_ahead(fixture_t *f, needs_t *needs)
{
    for (int i = 0; i < 30; i++) {
        f->replay_from = f->next;
        put_live(f, needs, 4, 900);
        settle_well(f);
    }
}

/* A log of many segments, all below replay_from but the last two, in which every k-th message is needed. */
static inline fixture_t *sparse_log(uint64_t seed, needs_t *needs, record_no every)
{
    fixture_t *f = fixture_new(seed);
    f->keeps_dead = true;
    open_well(f);
    for (uint32_t i = 0; i < 120; i++) {
        put_live(f, needs, 1 + i % 6, i * 17 % 900);
        settle_well(f);
    }
    go_ahead(f, needs);
    for (record_no n = 1; n < f->replay_durable; n++)
        needs->live[n] = has_content(n) && n % every == 0;
    return f;
}

static inline store_counts_t count_store(const fixture_t *f)
{
    store_counts_t counts;
    store_count(f->store, &counts);
    return counts;
}

static inline bool file_is_there(fixture_t *f, const char *name)
{
    disk_file_t *file = NULL;
    int rc = disk_open(f->disk, name, DISK_READ, &file, NULL);
    assert_true(rc == 0 || rc == DISK_NOT_FOUND);
    disk_close(&file);
    return rc == 0;
}

static inline void count_new_name(void *context, const char *name)
{
    uint64_t number;
    *(uint32_t *)context += segment_parse_new_name(name, &number);
}

static inline uint32_t count_new_files(fixture_t *f)
{
    uint32_t count = 0;
    assert_int_equal(disk_list(f->disk, count_new_name, &count, NULL), 0);
    return count;
}

/* The complete segment with the most octets that lies below replay_from and holds something needed. */
static inline uint64_t some_segment(fixture_t *f, const needs_t *needs)
{
    uint64_t found = 0;
    (void)hear_segments(f);
    for (uint64_t i = 0; i < SEGMENTS_MOST; i++)
        if (f->segments[i].news.bytes >= f->options.segment_bytes && count_live(f, needs, i) > 2 &&
            f->segments[i].news.end <= f->replay_durable) {
            found = i;
            break;
        }
    assert_true(found > 0);
    return found;
}
