/* SPDX-License-Identifier: Apache-2.0
 *
 * scan_begin.c: where the log is read from, and what the segments before that are: contents are all that is needed of them.
 *
 * What records they have is known from their beginnings: each has those from its first one to that of the next, or fewer,
 * as those between may have been dropped. A rewritten one says it itself. Where the beginning is damaged the segment is
 * searched for a place to read from; that costs messages at most, and never the start. */
#include "store/scan_internal.h"

#define BLANK_BYTES (4 * 1024 * 1024) /* so far a damaged beginning is searched */

/* ---- where it begins ---- */

void scan_take_first_claims(scan_t *s)
{
    for (size_t i = 0; i < s->catalog.count; i++) {
        const catalog_segment_t *segment = scan_segment(s, i);
        if (!segment->has_first)
            continue;
        scan_raise(&s->durable, segment->first.durable_through);
        scan_raise(&s->incarnation, segment->first.incarnation);
        if (segment->first.first < segment->limit)
            scan_raise(&s->given_from, segment->first.replay_from);
    }
    s->replay_from = s->given_from;
}

/* The last segment that begins at or before the record that the log is read from, or SCAN_NOWHERE. */
static size_t find_beginning(scan_t *s)
{
    for (size_t i = s->catalog.count; i-- > 0;)
        if (catalog_is_candidate(scan_segment(s, i)) && scan_segment(s, i)->first.first <= scan_given_from(s))
            return i;
    return SCAN_NOWHERE;
}

static size_t first_candidate(scan_t *s)
{
    size_t i = 0;
    while (i < s->catalog.count && !catalog_is_candidate(scan_segment(s, i)))
        i++;
    return i < s->catalog.count ? i : SCAN_NOWHERE;
}

/* There is none: then before the first segment that is known to begin there may be one whose beginning is damaged. */
static int find_damaged_beginning(scan_t *s, scan_resume_t *r, error_t *err)
{
    size_t candidate = first_candidate(s);
    r->segment = SCAN_NOWHERE;
    return candidate != SCAN_NOWHERE && candidate > 0 ? scan_find_resume(s, candidate - 1, r, err) : 0;
}

int scan_find_begin(scan_t *s, scan_resume_t *out, bool *is_damaged, error_t *err)
{
    out->segment = find_beginning(s);
    int rc = out->segment == SCAN_NOWHERE ? find_damaged_beginning(s, out, err) : 0;
    *is_damaged = out->segment != SCAN_NOWHERE && !catalog_is_candidate(scan_segment(s, out->segment));
    if (rc != 0 || *is_damaged)
        return rc;
    if (out->segment == SCAN_NOWHERE)
        out->segment = first_candidate(s);
    if (out->segment != SCAN_NOWHERE)
        out->frame = scan_segment(s, out->segment)->first;
    out->at = SEGMENT_HEADER_BYTES;
    return 0;
}

/* ---- what is before that ---- */

/* A frame from which one can read on, in a segment whose first one is not valid. */
static bool find_place(scan_t *s, catalog_segment_t *c)
{
    if (c->cannot_open || window_open(&s->ahead, s->disk, c->name, s->read_bytes, NULL) != 0)
        return false;
    frame_search_t search = frame_search(&s->ahead, &s->catalog.log, c->number, SEGMENT_HEADER_BYTES);
    search.blank_bytes = BLANK_BYTES;
    frame_t f;
    while (frame_search_next(&search, &f, NULL) > 0) {
        if (f.kind != FRAME_DATA || (f.flags & FRAME_FIRST) == 0)
            continue;
        record_index_add(&c->index, f.first, search.found_at);
        c->is_rewritten = c->is_rewritten || (f.flags & FRAME_SPARSE) != 0;
        if (c->from == 0)
            c->from = f.first;
        return true;
    }
    return false;
}

/* True if it may have contents, with c->from. */
static bool has_beginning(scan_t *s, catalog_segment_t *c)
{
    bool is_known = c->from > 0;
    if (c->has_first) {
        if (!is_known)
            c->from = c->first.first;
        return true;
    }
    if (!is_known && !c->has_trace && !c->cannot_open)
        return false; /* it lies ready, or did */
    bool is_found = find_place(s, c);
    c->is_left_alone = !is_known && !is_found;
    scan_tell_fault(s, c->name, SEGMENT_HEADER_BYTES,
                    c->is_left_alone
                        ? "damaged, and nothing in it is found; its messages are lost, the file is left alone"
                        : "the first frame is damaged; messages in it are lost");
    return is_known || is_found;
}

void scan_find_contents(scan_t *s, size_t begin, record_no first)
{
    record_no end = first; /* where a start supersedes is the first of a segment too */
    for (size_t i = begin; i-- > 0;) {
        catalog_segment_t *c = scan_segment(s, i);
        if (c->is_leftover || !has_beginning(s, c))
            continue;
        if (c->end == 0 || c->end > end)
            c->end = end;
        c->is_content = c->from < c->end;
        c->contents = UINT64_MAX;
        if (c->is_content)
            end = c->from;
    }
}
