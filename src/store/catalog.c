/* SPDX-License-Identifier: Apache-2.0
 *
 * catalog.c: see catalog.h. */
#include "store/catalog.h"

#include <stdlib.h>

#include "base/alloc.h"

/* ---- names ---- */

static void add_name(void *context, const char *name)
{
    catalog_t *c = context;
    uint64_t number;
    if (!segment_parse_name(name, &number))
        return;
    c->segments = mem_grow(c->segments, sizeof *c->segments, c->count, &c->capacity, 16);
    catalog_segment_t *s = &c->segments[c->count++];
    *s = (catalog_segment_t){.number = number, .header = SEGMENT_NOT_WHOLE, .limit = UINT64_MAX};
    segment_name(number, s->name);
}

static int compare_numbers(const void *a, const void *b)
{
    uint64_t x = ((const catalog_segment_t *)a)->number, y = ((const catalog_segment_t *)b)->number;
    return (x > y) - (x < y);
}

/* ---- headers ---- */

static int check_header(catalog_t *c, catalog_segment_t *s, const segment_header_t *h, error_t *err)
{
    if (s->header == SEGMENT_OTHER_FORMAT)
        return error_set(err, "%s: its format is version %u, which is unknown here (known: %d)", s->name,
                         h->format, SEGMENT_FORMAT);
    if (s->header != SEGMENT_WHOLE)
        return 0;
    if (!c->is_log)
        c->log = h->log;
    c->is_log = true;
    if (h->log.id != c->log.id || h->log.key != c->log.key)
        return error_set(err, "%s: it belongs to another log than the segments before it", s->name);
    s->is_leftover = h->number != s->number;
    s->is_rewritten = h->end > 0;
    s->from = h->from;
    s->end = h->end;
    return 0;
}

static int read_header(catalog_t *c, catalog_segment_t *s, window_t *w, error_t *err)
{
    bytes_t octets;
    segment_header_t header;
    int rc = window_get(w, 0, SEGMENT_HEADER_BYTES, &octets, err);
    if (rc != 0)
        return rc;
    s->bytes = w->file_bytes;
    s->header = segment_read_header(octets, &header);
    return check_header(c, s, &header, err);
}

static bool are_zeros(bytes_t octets)
{
    for (size_t i = 0; i < octets.len; i++)
        if (octets.data[i] != 0)
            return false;
    return true;
}

/* No header is whole. That is a log whose making was interrupted, if nothing was written to it yet. */
static int check_nothing_there(const catalog_segment_t *s, window_t *w, error_t *err)
{
    bytes_t octets;
    int rc = window_get(w, 0, SEGMENT_HEADER_BYTES, &octets, err);
    if (rc == 0)
        rc = window_get(w, SEGMENT_HEADER_BYTES, FRAME_GROUP_BYTES, &octets, err);
    if (rc != 0 || (are_zeros(octets) && w->unreadable == 0))
        return rc;
    return error_set(err, "%s at 0: the header %s, and no other segment has the key to what is in it",
                     s->name, w->unreadable > 0 ? "cannot be read" : "is damaged");
}

/* ---- first frames ---- */

static int read_first(const catalog_t *c, catalog_segment_t *s, window_t *w, error_t *err)
{
    if (s->is_leftover)
        return 0;
    frame_place_t place = {c->log, s->number, SEGMENT_HEADER_BYTES};
    bytes_t head;
    int rc = window_frame(w, &place, &s->first, &head, err);
    s->has_first = rc > 0;
    s->has_trace = rc == 0 && (frame_is_trace(head, &place) || w->unreadable > 0);
    s->is_rewritten = s->is_rewritten || (s->has_first && (s->first.flags & FRAME_SPARSE) != 0);
    return rc < 0 ? rc : 0;
}

static void set_limits(catalog_t *c)
{
    record_no limit = UINT64_MAX;
    for (size_t i = c->count; i-- > 0;) {
        catalog_segment_t *s = &c->segments[i];
        s->limit = limit;
        if (s->has_first && s->first.kind == FRAME_START && s->first.first < limit)
            limit = s->first.first;
    }
}

/* ---- all of it ---- */

typedef int each_segment_t(catalog_t *c, catalog_segment_t *s, window_t *w, error_t *err);

/* Once all headers were seen. */
static int look_at_beginning(catalog_t *c, catalog_segment_t *s, window_t *w, error_t *err)
{
    return c->is_log ? read_first(c, s, w, err) : check_nothing_there(s, w, err);
}

static int for_each(catalog_t *c, disk_t *disk, each_segment_t *each, error_t *err)
{
    enum { READ_BYTES = 4096 };
    window_t w = {.skips_unreadable = true};
    int rc = 0;
    for (size_t i = 0; i < c->count && rc == 0; i++) {
        catalog_segment_t *s = &c->segments[i];
        rc = window_open(&w, disk, s->name, READ_BYTES, err);
        s->cannot_open = rc == DISK_FAILED;
        if (rc == 0)
            rc = each(c, s, &w, err);
        else if (s->cannot_open && (each == read_header || c->is_log))
            rc = 0; /* who needs what is in it will hear why */
    }
    window_close(&w);
    return rc;
}

int catalog_read(catalog_t *c, disk_t *disk, error_t *err)
{
    *c = (catalog_t){0};
    int rc = disk_list(disk, add_name, c, err);
    if (rc != 0)
        return rc;
    if (c->count > 0)
        qsort(c->segments, c->count, sizeof *c->segments, compare_numbers);
    rc = for_each(c, disk, read_header, err);
    if (rc == 0)
        rc = for_each(c, disk, look_at_beginning, err);
    if (rc == 0)
        set_limits(c);
    return rc;
}

void catalog_deinit(catalog_t *c)
{
    for (size_t i = 0; i < c->count; i++)
        record_index_deinit(&c->segments[i].index);
    mem_free(c->segments);
    *c = (catalog_t){0};
}
