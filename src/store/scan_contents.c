/* SPDX-License-Identifier: Apache-2.0
 *
 * scan_contents.c: reads the segments of which only contents are needed, for who wants to know all that is there. Each
 * by itself: what was between them may have been dropped. */
#include "base/text.h"
#include "store/scan_internal.h"

typedef unsigned long long ull;

/* What came before in this file. */
typedef struct contents_walk {
    record_no next;    /* 0: nothing yet */
    uint64_t previous; /* checksum of the data frame before */
    record_no durable; /* as the file says: records above it, if any, are written again in another one */
    bool is_broken;    /* until a group begins */
} contents_walk_t;

void scan_tell_lost_contents(scan_t *s, const char *file, uint64_t offset, record_no from, record_no last)
{
    char what[128];
    text_format(what, sizeof what, "records %llu to %llu are damaged, of which only contents are needed",
                (ull)from, (ull)last);
    scan_tell_fault(s, file, offset, what);
}

static void tell_gap(scan_t *s, uint64_t offset, record_no from, record_no next)
{
    const char *file = scan_segment(s, s->current)->name;
    if (from < next)
        scan_tell_lost_contents(s, file, offset, from, next - 1);
    else
        scan_tell_fault(s, file, offset, "the frame before it is damaged");
}

static bool follows(const contents_walk_t *w, const frame_t *f)
{
    bool is_next = f->flags & FRAME_SPARSE ? f->first >= w->next : f->first == w->next;
    return w->next == 0 || (is_next && (w->previous == 0 || f->previous == w->previous));
}

static int read_frame(scan_t *s, contents_walk_t *w, const frame_place_t *place, const frame_t *f,
                      error_t *err)
{
    bytes_t octets;
    if (!follows(w, f))
        tell_gap(s, place->offset, w->next, f->first);
    w->is_broken = (f->flags & FRAME_FIRST) == 0 && (w->is_broken || w->next == 0 || !follows(w, f));
    if (f->flags & FRAME_FIRST)
        frame_records_reset(&s->records);
    w->next = frame_next(f);
    if (f->kind == FRAME_DATA)
        w->previous = f->checksum;
    if (w->is_broken)
        return 0;
    int rc = window_get(&s->window, place->offset, f->bytes, &octets, err);
    return rc == 0 ? scan_give_frame(s, place, f, octets, err) : rc;
}

static bool is_behind_end(const catalog_segment_t *c, const frame_t *f)
{
    return f->first >= c->end && f->kind == FRAME_DATA;
}

/* The end was synced with all that is before it when the next segment began, though it may not have known that itself. */
static int find_durable(scan_t *s, const catalog_segment_t *c, record_no *durable, error_t *err)
{
    frame_search_t search = frame_search(&s->window, &s->catalog.log, c->number, SEGMENT_HEADER_BYTES);
    frame_t f;
    int rc;
    while ((rc = frame_search_next(&search, &f, err)) > 0 && !is_behind_end(c, &f))
        scan_raise(durable, f.kind == FRAME_END ? f.first - 1 : f.durable_through);
    return rc < 0 ? rc : 0;
}

static int read_frames(scan_t *s, const catalog_segment_t *c, error_t *err)
{
    contents_walk_t walk = {0};
    int rc = find_durable(s, c, &walk.durable, err);
    if (rc != 0)
        return rc;
    frame_search_t search = frame_search(&s->window, &s->catalog.log, c->number, SEGMENT_HEADER_BYTES);
    frame_t f;
    while ((rc = frame_search_next(&search, &f, err)) > 0 && !is_behind_end(c, &f) &&
           frame_next(&f) <= walk.durable + 1) {
        frame_place_t place = {s->catalog.log, c->number, search.found_at};
        rc = read_frame(s, &walk, &place, &f, err);
        if (rc != 0)
            return rc;
    }
    return rc < 0 ? rc : 0;
}

static int read_segment(scan_t *s, const catalog_segment_t *c, error_t *err)
{
    int rc = window_open(&s->window, s->disk, c->name, s->read_bytes, err);
    if (rc != 0)
        return rc;
    if (c->header != SEGMENT_WHOLE)
        scan_tell_fault(s, c->name, 0, "the header is not whole; what it said is known from other segments");
    if (s->visitor->segment)
        s->visitor->segment(s->visitor->context, c);
    return read_frames(s, c, err);
}

int scan_read_contents(scan_t *s, size_t begin, error_t *err)
{
    int rc = 0;
    for (size_t i = 0; i < begin && rc == 0; i++) {
        s->current = i;
        if (scan_segment(s, i)->is_content)
            rc = read_segment(s, scan_segment(s, i), err);
    }
    s->current = SCAN_NOWHERE;
    return rc;
}
