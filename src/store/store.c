/* SPDX-License-Identifier: Apache-2.0
 *
 * store.c: the door: what is made first, and undone last. */
#include <assert.h>

#include "base/alloc.h"
#include "store/store_internal.h"

#define LOCK_NAME "lock"

void store_options_default(store_options_t *o)
{
    *o = (store_options_t){
        .segment_bytes = 64 * 1024 * 1024,
        .first_segment_bytes = 1024 * 1024,
        .frame_bytes = 1024 * 1024,
        .segments_ahead = 3,
        .fill_bytes_per_second = 40 * 1024 * 1024,
        .read_bytes = 256 * 1024,
        .rewrite_bytes_per_second = 32 * 1024 * 1024,
        .ring_items = 1024,
    };
}

static void check_options(const store_options_t *o)
{
    enum { LEAST_BYTES = SEGMENT_HEADER_BYTES + 4 * FRAME_GROUP_BYTES };
    assert(o->segment_bytes >= LEAST_BYTES && o->first_segment_bytes >= LEAST_BYTES);
    assert(o->frame_bytes >= 2 * FRAME_FIXED_BYTES && o->segments_ahead > 0 && o->ring_items > 0);
    assert(o->read_bytes > 0 && o->fill_bytes_per_second > 0 && o->random.fill);
}

store_t *store_open(disk_t *disk, const store_options_t *options, store_apply_t *apply, void *context,
                    store_found_t *found, error_t *err)
{
    check_options(options);
    *found = (store_found_t){0};
    if (disk_lock(disk, LOCK_NAME, err) != 0)
        return NULL;
    store_t *s = MEM_NEW(store_t);
    s->disk = disk;
    s->options = *options;
    s->index_bytes = options->read_bytes / 4;
    journal_init(&s->journal, options->ring_items);
    s->ready = lane_new(options->ring_items, sizeof(segment_t));
    s->news = lane_new(options->ring_items, sizeof(log_news_t));
    if (store_recover(s, apply, context, found, err) != 0) {
        s->log_side.has_failed = true;
        store_close(&s);
    }
    return s;
}

/* One that the helper made and the log did not take. */
static void close_segment(const void *item)
{
    segment_t segment = *(const segment_t *)item;
    disk_close(&segment.file);
}

void store_close(store_t **store)
{
    store_t *s = *store;
    error_t err;
    if (!s)
        return;
    if (!s->log_side.has_failed && log_side_mark(s, &err) != 0 && s->options.log)
        log_line(s->options.log, LOG_ERROR, "store: %s", err.text);
    lane_discard(&s->ready, close_segment);
    log_side_deinit(&s->log_side);
    helper_side_deinit(&s->helper);
    lane_free(&s->news);
    journal_deinit(&s->journal);
    mem_free(s);
    *store = NULL;
}

journal_t *store_journal(store_t *s)
{
    return &s->journal;
}

static uint64_t look(const atomic_uint_least64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

void store_count(const store_t *s, store_counts_t *counts)
{
    const store_counters_t *c = &s->counters;
    *counts = (store_counts_t){
        .segments = look(&c->segments),
        .segments_free = look(&c->segments_free),
        .bytes = look(&c->bytes),
        .free_limit_bytes = s->options.free_limit_bytes,
        .appended_bytes = look(&c->appended_bytes),
        .syncs = look(&c->syncs),
        .records = look(&c->records),
        .sync_ms_most = look(&c->sync_ms_most),
        .rewritten_bytes = look(&c->rewritten_bytes),
        .segments_dropped = look(&c->segments_dropped),
    };
}
