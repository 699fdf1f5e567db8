/* SPDX-License-Identifier: Apache-2.0
 *
 * scan_ahead.c: what is behind the end of the chain: claims of what is durable, and places where one can go on. */
#include "store/scan_internal.h"

#define BLANK_BYTES (4 * 1024 * 1024) /* without a frame: then a segment is taken for one that lies ready */

/* ---- what is durable ---- */

static int look_through(scan_t *s, size_t index, uint64_t from, uint64_t blank_bytes, error_t *err)
{
    const catalog_segment_t *segment = scan_segment(s, index);
    int rc = window_open(&s->ahead, s->disk, segment->name, s->read_bytes, err);
    if (rc != 0)
        return rc;
    frame_search_t search = frame_search(&s->ahead, &s->catalog.log, segment->number, from);
    search.blank_bytes = blank_bytes;
    frame_t f;
    while ((rc = frame_search_next(&search, &f, err)) > 0) {
        scan_raise(&s->durable, f.durable_through);
        scan_raise(&s->incarnation, f.incarnation);
        if (index == s->current)
            s->frames_end = search.found_at + f.bytes;
        else if (f.incarnation > s->chain.incarnation && (f.flags & FRAME_COPY) == 0)
            s->is_start_lost = true;
    }
    if (s->ahead.unreadable > 0 && (index == s->current || s->is_at_end))
        s->is_unreadable = true;
    return rc;
}

/* Makes D final: no segment that is known to begin follows. */
static int look_ahead(scan_t *s, error_t *err)
{
    if (s->has_looked_ahead)
        return 0;
    s->has_looked_ahead = true;
    bool is_anywhere = s->current == SCAN_NOWHERE || s->is_at_end;
    uint64_t blank_bytes = is_anywhere ? UINT64_MAX : BLANK_BYTES;
    int rc = is_anywhere ? 0 : look_through(s, s->current, s->search_from, UINT64_MAX, err);
    for (size_t i = s->current == SCAN_NOWHERE ? 0 : s->current + 1; i < s->catalog.count && rc == 0; i++)
        if (scan_is_hidden(scan_segment(s, i)))
            rc = look_through(s, i, SEGMENT_HEADER_BYTES, blank_bytes, err);
    return rc;
}

/* 1: this record is known to be synced; 0: it is not. */
int scan_is_durable(scan_t *s, record_no record, error_t *err)
{
    if (record > s->durable) {
        int rc = look_ahead(s, err);
        if (rc != 0)
            return rc;
    }
    return record <= s->durable;
}

/* ---- where it goes on ---- */

static bool can_resume(scan_t *s, size_t index, uint64_t at, const frame_t *f)
{
    const catalog_segment_t *segment = scan_segment(s, index);
    if (f->first < scan_next_record(s) || f->first >= segment->limit || f->incarnation < s->chain.incarnation)
        return false;
    if (f->flags & FRAME_SPARSE)
        return false;
    return f->kind == FRAME_START ? at == SEGMENT_HEADER_BYTES
                                  : f->kind == FRAME_DATA && (f->flags & FRAME_FIRST) != 0;
}

static int find_resume_in(scan_t *s, size_t index, scan_resume_t *out, error_t *err)
{
    const catalog_segment_t *segment = scan_segment(s, index);
    int rc = window_open(&s->ahead, s->disk, segment->name, s->read_bytes, err);
    if (rc != 0)
        return rc;
    uint64_t from = index == s->current ? s->search_from : SEGMENT_HEADER_BYTES;
    frame_search_t search = frame_search(&s->ahead, &s->catalog.log, segment->number, from);
    while ((rc = frame_search_next(&search, &out->frame, err)) > 0)
        if (can_resume(s, index, search.found_at, &out->frame)) {
            out->segment = index;
            out->at = search.found_at;
            return 0;
        }
    return rc;
}

/* In the rest of this segment, and in those behind it up to `last`. */
int scan_find_resume(scan_t *s, size_t last, scan_resume_t *out, error_t *err)
{
    out->segment = SCAN_NOWHERE;
    for (size_t i = s->current == SCAN_NOWHERE ? 0 : s->current; i < s->catalog.count && i <= last; i++) {
        const catalog_segment_t *segment = scan_segment(s, i);
        if (!scan_is_hidden(segment) && !catalog_is_candidate(segment))
            continue;
        int rc = find_resume_in(s, i, out, err);
        if (rc != 0 || out->segment != SCAN_NOWHERE)
            return rc;
    }
    return 0;
}
