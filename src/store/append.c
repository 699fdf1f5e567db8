/* SPDX-License-Identifier: Apache-2.0
 *
 * append.c: the log's turn: what waits becomes groups at the end of the log, one sync makes it durable, then it goes
 * back.
 *
 * A segment is left only when all of it is synced, and with it the end frame that says so. Room for one mark and the
 * end is kept in each, so that what is durable can always be stated. */
#include <assert.h>

#include "base/alloc.h"
#include "store/store_internal.h"

static int failed(log_side_t *l)
{
    l->has_failed = true;
    return -1;
}

/* ---- where the next group goes ---- */

static uint64_t room_needed(uint64_t group_bytes)
{
    return frame_align(group_bytes) + 2 * FRAME_MARK_BYTES;
}

static bool fits_here(const store_t *s, uint64_t group_bytes)
{
    const writer_t *w = &s->log_side.writer;
    return w->at + room_needed(group_bytes) <= w->segment.bytes;
}

/* A group that fits into no segment makes a fresh one grow. */
static bool must_grow(const store_t *s, uint64_t group_bytes)
{
    return s->log_side.is_fresh && SEGMENT_HEADER_BYTES + room_needed(group_bytes) > s->options.segment_bytes;
}

/* The only octets of the log whose space was not taken before: without room for them it waits, and does not end. */
static bool may_grow(store_t *s, uint64_t group_bytes)
{
    const writer_t *w = &s->log_side.writer;
    return room_for_growth(s, w->at + room_needed(group_bytes) - w->segment.bytes);
}

static int sync_log(store_t *s, error_t *err)
{
    log_side_t *l = &s->log_side;
    if (writer_sync(&l->writer, err) != 0)
        return failed(l);
    l->known.durable_through = l->last;
    l->known.replay_from = l->replay_from_next;
    l->anchor = l->first_claim;
    return 0;
}

/* Goes on in the next segment. 1: done; 0: none lies ready, or the helper has not heard yet of what was before (news that
 * had no room would be seen by nobody: it would think that a segment lies ready, and make none); -1: the disk failed. */
static int switch_segment(store_t *s, error_t *err)
{
    log_side_t *l = &s->log_side;
    const segment_t *next = lane_peek(s->ready);
    flag_put(&s->log_waits, !next);
    if (!next || lane_room(s->news) == 0)
        return 0;
    record_no stated = l->known.durable_through;
    writer_put_mark(&l->writer, FRAME_END, l->last + 1, &l->known);
    if (sync_log(s, err) != 0)
        return -1;
    l->stated = stated;
    uint64_t left_bytes = l->writer.segment.bytes;
    writer_use(&l->writer, next, SEGMENT_HEADER_BYTES);
    lane_pop(s->ready);
    (void)lane_release(s->ready);
    l->is_fresh = l->has_switched = true;
    l->indexed_at = SEGMENT_HEADER_BYTES;
    lane_push(s->news, &(log_news_t){true, {l->last + 1, SEGMENT_HEADER_BYTES}, left_bytes, l->contents});
    l->contents = 0;
    return 1;
}

/* As above; 1: it fits here now. */
static int make_room(store_t *s, uint64_t group_bytes, error_t *err)
{
    int rc = 1;
    while (rc > 0 && !fits_here(s, group_bytes)) {
        if (must_grow(s, group_bytes))
            return may_grow(s, group_bytes);
        rc = switch_segment(s, err);
    }
    return rc;
}

/* ---- appending ---- */

/* An entry that finds no room is left out: the helper walks from the one before. */
static void tell_place(store_t *s, const group_part_t *part)
{
    log_side_t *l = &s->log_side;
    uint64_t at = l->writer.at;
    if ((part->flags & FRAME_CONTINUES) || at - l->indexed_at < s->index_bytes || lane_room(s->news) == 0)
        return;
    lane_push(s->news, &(log_news_t){.place = {part->first, at}});
    l->indexed_at = at;
}

/* What the first frame of a segment claims is where an opening begins to read: so it must be durable before. */
static log_claims_t claims_here(log_side_t *l)
{
    if (l->writer.at != SEGMENT_HEADER_BYTES)
        return (log_claims_t){l->known.durable_through, l->replay_from_next};
    l->first_claim = l->known.replay_from;
    return l->known;
}

static int put_group(store_t *s, batch_t *b, error_t *err)
{
    log_side_t *l = &s->log_side;
    assert(b->first == l->last + 1);
    if (b->replay_from > l->replay_from_next)
        l->replay_from_next = b->replay_from;
    log_claims_t claims = claims_here(l);
    for (size_t i = 0; i < l->plan.count; i++) {
        tell_place(s, &l->plan.parts[i]);
        if (writer_put_part(&l->writer, b, &l->plan.parts[i], &claims, err) != 0)
            return failed(l);
    }
    writer_end_group(&l->writer);
    l->is_fresh = false;
    l->contents += b->content_count;
    l->last = batch_last(b);
    l->pending[l->pending_count++] = b;
    return 1;
}

/* 1: the oldest batch that waits was put; 0: there is none, or no segment for it. */
static int append_one(store_t *s, unsigned *wake, error_t *err)
{
    log_side_t *l = &s->log_side;
    batch_t *const *item = lane_peek(s->journal.batches);
    if (!item || l->pending_count == s->options.ring_items)
        return 0;
    group_plan_make(&l->plan, *item, s->options.frame_bytes);
    int rc = make_room(s, l->plan.bytes, err);
    if (rc > 0)
        rc = put_group(s, *item, err);
    else if (rc == 0)
        *wake |= STORE_WAKE_HELPER;
    if (rc > 0)
        lane_pop(s->journal.batches);
    return rc;
}

/* The helper's wish: segments can go when an opening would not read them, which the first frame of a segment says. The
 * wish stays until a segment lies ready. */
static int begin_early(store_t *s, error_t *err)
{
    log_side_t *l = &s->log_side;
    if (!flag_is_set(&s->begins_early))
        return 0;
    bool is_of_use = l->known.replay_from > l->anchor && flag_is_set(&s->journal.disk_short);
    bool is_begun = l->writer.at == SEGMENT_HEADER_BYTES;
    int rc = is_of_use && !is_begun ? switch_segment(s, err) : 0;
    if (rc > 0 || (is_of_use && is_begun)) {
        writer_put_mark(&l->writer, FRAME_MARK, l->last + 1, &l->known);
        l->first_claim = l->known.replay_from;
    } else if (is_of_use)
        return rc;
    flag_put(&s->begins_early, false);
    return rc;
}

/* ---- giving back ---- */

static void give_back(store_t *s)
{
    log_side_t *l = &s->log_side;
    for (size_t i = 0; i < l->pending_count; i++)
        lane_push(s->journal.done, &l->pending[i]);
    l->pending_count = 0;
}

/* What others must know now that it is synced. */
static void tell_others(store_t *s, unsigned *wake)
{
    log_side_t *l = &s->log_side;
    (void)lane_flush(s->news);
    if (l->has_switched) {
        room_taken(s); /* the helper, who says when that is over, can have heard of it */
        *wake |= STORE_WAKE_ENGINE;
    }
    if (l->has_switched || l->anchor > atomic_load(&s->anchor))
        *wake |= STORE_WAKE_HELPER;
    atomic_store(&s->anchor, l->anchor);
    atomic_store(&s->replay_from, l->known.replay_from);
    l->has_switched = false;
    if (lane_flush(s->journal.done))
        *wake |= STORE_WAKE_ENGINE;
    if (lane_release(s->journal.batches))
        *wake |= STORE_WAKE_ENGINE;
}

/* Frames that are synced now state what was known when they were put: all but the last sync. */
int store_log_turn(store_t *s, unsigned *wake, error_t *err)
{
    log_side_t *l = &s->log_side;
    *wake = 0;
    if (l->has_failed)
        return error_set(err, "the log has failed");
    if (begin_early(s, err) < 0)
        return -1;
    int rc;
    do
        rc = append_one(s, wake, err);
    while (rc > 0);
    if (rc < 0)
        return -1;
    int done = (int)l->pending_count;
    record_no stated = l->known.durable_through;
    if (l->writer.unsynced) {
        if (sync_log(s, err) != 0)
            return -1;
        l->stated = stated;
    }
    give_back(s);
    tell_others(s, wake);
    return done;
}

int log_side_mark(store_t *s, error_t *err)
{
    log_side_t *l = &s->log_side;
    if (l->has_failed)
        return error_set(err, "the log has failed");
    if (l->stated == l->known.durable_through)
        return 0;
    assert(l->pending_count == 0 && l->last == l->known.durable_through);
    writer_put_mark(&l->writer, FRAME_MARK, l->last + 1, &l->known);
    if (sync_log(s, err) != 0)
        return -1;
    l->stated = l->known.durable_through;
    return 0;
}

int store_log_idle(store_t *s, error_t *err)
{
    return log_side_mark(s, err);
}

void log_side_deinit(log_side_t *l)
{
    for (size_t i = 0; i < l->pending_count; i++)
        batch_free(l->pending[i]);
    mem_free(l->pending);
    group_plan_deinit(&l->plan);
    writer_deinit(&l->writer);
}
