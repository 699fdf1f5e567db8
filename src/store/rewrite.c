/* SPDX-License-Identifier: Apache-2.0
 *
 * rewrite.c: see rewrite.h. */
#include "store/rewrite.h"

#include <assert.h>

#include "base/alloc.h"

#define HEADS_BYTES (16 * 1024)       /* one read, when only heads are looked at */
#define SYNC_BYTES  (4 * 1024 * 1024) /* of the copy are on their way to the disk at most */

/* ---- which records ---- */

static void next_kept(keep_cursor_t *k)
{
    uint64_t first, count;
    if (!record_list_next(&k->in, &first, &count)) {
        k->first = k->end = UINT64_MAX;
        return;
    }
    assert(count > 0 && first >= k->end);
    k->first = first;
    k->end = first + count;
}

static keep_cursor_t keep_from_start(const segment_order_t *order)
{
    keep_cursor_t k = {.in = bytes_reader(buffer_bytes(&order->keep))};
    next_kept(&k);
    return k;
}

/* Is one of [first, end) to be kept? Asked by rising numbers. */
static bool keeps_any(keep_cursor_t *k, record_no first, record_no end)
{
    while (k->end <= first && k->first != UINT64_MAX)
        next_kept(k);
    return k->first < end;
}

static uint64_t count_kept(const segment_order_t *order)
{
    uint64_t count = 0;
    for (keep_cursor_t k = keep_from_start(order); k.first != UINT64_MAX; next_kept(&k))
        count += k.end - k.first;
    return count;
}

/* ---- one pass ---- */

static int begin_pass(rewrite_t *w, size_t read_bytes, error_t *err)
{
    char name[SEGMENT_NAME_BYTES];
    segment_name(w->job.segment, name);
    w->at = SEGMENT_HEADER_BYTES;
    w->keep = keep_from_start(w->order);
    w->seen_count = 0;
    w->is_all_read = false;
    frame_records_reset(&w->records);
    return window_open(&w->window, w->job.disk, name, read_bytes, err);
}

static int write_frame(rewrite_t *w, error_t *err)
{
    if (w->frame.records == 0)
        return 0;
    frame_t f = {.incarnation = w->job.incarnation,
                 .durable_through = w->job.end - 1,
                 .replay_from = w->job.replay_from,
                 .previous = w->previous};
    frame_place_t place = {w->job.log, w->job.segment, w->copy.bytes};
    w->contents += w->frame.pieces;
    if (w->index.count == 0 || w->copy.bytes - w->indexed_at >= w->job.index_bytes) {
        record_index_add(&w->index, w->frame.first, w->copy.bytes);
        w->indexed_at = w->copy.bytes;
    }
    buffer_clear(&w->out);
    sparse_frame_end(&w->frame, &f, &place, &w->out);
    w->previous = f.checksum;
    int rc = disk_write(w->copy.file, w->copy.bytes, &(output_piece_t){w->out.data, w->out.len}, 1, err);
    w->copy.bytes += w->out.len;
    w->unsynced_bytes += w->out.len;
    if (rc != 0 || w->unsynced_bytes < SYNC_BYTES)
        return rc;
    w->unsynced_bytes = 0;
    return disk_sync(w->copy.file, err);
}

static int copy_record(rewrite_t *w, const frame_record_t *r, error_t *err)
{
    uint64_t more = r->octets.len + (r->has_content ? FRAME_PIECE_BYTES + (uint64_t)r->piece.bytes : 0);
    bool is_full = w->frame.records > 0 && (sparse_frame_bytes(&w->frame) + more > w->job.frame_bytes ||
                                            r->number - w->frame.first > UINT32_MAX);
    int rc = is_full ? write_frame(w, err) : 0;
    if (rc == 0)
        sparse_frame_put(&w->frame, r);
    return rc;
}

static int take_record(rewrite_t *w, const frame_record_t *r, error_t *err)
{
    enum { NUMBER_BYTES = 3 }; /* in front of it, mostly */
    w->seen_count++;
    if (w->is_copying)
        return copy_record(w, r, err);
    w->kept_bytes += r->octets.len + NUMBER_BYTES;
    if (r->has_content)
        w->kept_bytes += FRAME_PIECE_BYTES + (uint64_t)r->piece.bytes;
    return 0;
}

static int damaged(const rewrite_t *w, error_t *err)
{
    return error_set(err, "segment %llu at %llu: what is here is damaged", (unsigned long long)w->job.segment,
                     (unsigned long long)w->at);
}

static int take_records(rewrite_t *w, const frame_t *f, bytes_t octets, error_t *err)
{
    frame_record_t r;
    int rc = -1;
    if (!frame_records_begin(&w->records, f, octets))
        return damaged(w, err);
    while ((rc = frame_records_next(&w->records, &r)) > 0)
        if (keeps_any(&w->keep, r.number, r.number + 1)) {
            rc = take_record(w, &r, err);
            if (rc != 0)
                return rc;
        }
    return rc == 0 && frame_records_end(&w->records, f) ? 0 : damaged(w, err);
}

/* Kept records that were not met are not in this segment, and never will be: what should have them was damaged. */
static bool is_all_read(const rewrite_t *w, const frame_t *f)
{
    return f->kind == FRAME_END || w->at >= w->window.file_bytes;
}

/* 1: the frame at w->at is behind us; 0: nothing more comes; negative: it failed. */
static int next_frame(rewrite_t *w, uint64_t *worked, error_t *err)
{
    frame_place_t place = {w->job.log, w->job.segment, w->at};
    frame_t f;
    bytes_t octets;
    int rc = window_frame(&w->window, &place, &f, &octets, err);
    if (rc <= 0)
        return rc;
    if (f.flags & FRAME_FIRST)
        frame_records_reset(&w->records);
    bool has_kept = keeps_any(&w->keep, f.first, frame_next(&f));
    bool is_alone = (f.flags & FRAME_FIRST) != 0 && (f.flags & FRAME_LAST) != 0;
    *worked += octets.len;
    if (has_kept && w->is_copying) {
        rc = window_get(&w->window, w->at, f.bytes, &octets, err);
        *worked += 2 * (f.bytes - frame_head_bytes(&f));
        if (rc == 0 && octets.len < f.bytes)
            rc = damaged(w, err);
        if (rc < 0)
            return rc;
    }
    rc = has_kept || !is_alone ? take_records(w, &f, octets, err) : 0;
    w->at += f.bytes;
    if (f.flags & FRAME_LAST)
        w->at = frame_align(w->at);
    w->is_all_read = is_all_read(w, &f);
    return rc < 0 ? rc : 1;
}

/* ---- the whole ---- */

void rewrite_begin(rewrite_t *w, const rewrite_job_t *job, segment_order_t *order)
{
    assert(!w->order && order->keep_count > 0 && job->replay_from >= job->end);
    w->order = order;
    w->job = *job;
    w->is_copying = false;
    w->kept_count = count_kept(order);
    w->kept_bytes = w->previous = w->unsynced_bytes = w->contents = 0;
}

/* With a quarter less it is worth the work. */
static bool saves_enough(const rewrite_t *w)
{
    uint64_t frames = w->kept_bytes / w->job.frame_bytes + 1;
    uint64_t bytes = SEGMENT_HEADER_BYTES + w->kept_bytes + frames * (FRAME_FIXED_BYTES + FRAME_GROUP_BYTES);
    return w->seen_count > 0 && bytes <= w->job.bytes - w->job.bytes / 4;
}

static rewrite_state_t begin_copy(rewrite_t *w, error_t *err)
{
    const rewrite_job_t *job = &w->job;
    if (!saves_enough(w))
        return REWRITE_SPARED;
    w->is_copying = true;
    int rc = begin_pass(w, job->read_bytes, err);
    if (rc == 0)
        rc = segment_create_new(&w->copy, job->disk, job->segment, &job->log, job->from, job->end, err);
    return rc == 0 ? REWRITE_MORE : REWRITE_FAILED;
}

static rewrite_state_t end_copy(rewrite_t *w, error_t *err)
{
    int rc = write_frame(w, err);
    if (rc == 0)
        rc = segment_take_place(&w->copy, err);
    return rc == 0 ? REWRITE_DONE : REWRITE_FAILED;
}

static bool is_pass_over(const rewrite_t *w)
{
    return w->is_all_read || w->seen_count == w->kept_count;
}

rewrite_state_t rewrite_turn(rewrite_t *w, uint64_t slice_bytes, uint64_t *worked, error_t *err)
{
    int rc = 1;
    *worked = 0;
    if (!w->window.file && begin_pass(w, HEADS_BYTES, err) != 0)
        return REWRITE_FAILED;
    while (rc > 0 && !is_pass_over(w) && *worked < slice_bytes)
        rc = next_frame(w, worked, err);
    if (rc < 0)
        return REWRITE_FAILED;
    if (is_pass_over(w))
        return w->is_copying ? end_copy(w, err) : begin_copy(w, err);
    if (rc > 0)
        return REWRITE_MORE;
    damaged(w, err);
    return REWRITE_FAILED;
}

static void remove_copy(rewrite_t *w)
{
    char name[SEGMENT_NAME_BYTES];
    segment_new_name(w->job.segment, name);
    bool is_unfinished = w->is_copying && strcmp(w->copy.name, name) == 0;
    disk_close(&w->copy.file);
    if (is_unfinished)
        (void)segment_remove(w->job.disk, name, NULL);
    w->copy = (segment_t){0};
}

void rewrite_end(rewrite_t *w)
{
    if (w->order) {
        remove_copy(w);
        segment_order_free(w->order);
    }
    window_close(&w->window);
    frame_records_deinit(&w->records);
    sparse_frame_deinit(&w->frame);
    record_index_deinit(&w->index);
    buffer_free(&w->out);
    *w = (rewrite_t){0};
}
