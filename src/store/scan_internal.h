/* SPDX-License-Identifier: Apache-2.0
 *
 * scan_internal.h: what the scan's files share: going along the chain (scan.c), looking where it does not lead
 * (scan_ahead.c), and what lies before where it begins (scan_begin.c, scan_contents.c). */
#pragma once

#include "store/scan.h"

#define SCAN_NOWHERE SIZE_MAX

static inline void scan_raise(uint64_t *to, uint64_t v)
{
    if (*to < v)
        *to = v;
}

static inline catalog_segment_t *scan_segment(scan_t *s, size_t index)
{
    return &s->catalog.segments[index];
}

/* Where the log goes on behind a damaged place. */
typedef struct scan_resume {
    size_t segment; /* in the catalog; SCAN_NOWHERE: it does not */
    uint64_t at;
    frame_t frame;
} scan_resume_t;

/* In the rest of this segment, and in those behind it up to `last`. Negative: the disk failed. */
int scan_find_resume(scan_t *s, size_t last, scan_resume_t *out, error_t *err);

/* 1: this record is known to be synced; 0: it is not; negative: the disk failed. */
int scan_is_durable(scan_t *s, record_no record, error_t *err);

/* May hold something that the chain does not lead to. */
static inline bool scan_is_hidden(const catalog_segment_t *s)
{
    return !s->is_leftover && !s->has_first && !s->is_rewritten;
}

/* ---- scan.c ---- */

void scan_tell_fault(scan_t *s, const char *file, uint64_t offset, const char *what);

/* A frame of the current segment: tells of it, and gives its records. */
int scan_give_frame(void *context, const frame_place_t *place, const frame_t *f, bytes_t octets,
                    error_t *err);

/* ---- scan_begin.c ---- */

/* What the first frames say. */
void scan_take_first_claims(scan_t *s);

/* Where the log is read from; the segment is SCAN_NOWHERE if it has none. *is_damaged: the first frame there is. */
int scan_find_begin(scan_t *s, scan_resume_t *out, bool *is_damaged, error_t *err);

/* The log is read from the segment at `begin`, in the catalog, on, whose first record is `first`: what are those before? */
void scan_find_contents(scan_t *s, size_t begin, record_no first);

/* ---- scan_contents.c ---- */

/* These records are lost, of which only contents are needed. */
void scan_tell_lost_contents(scan_t *s, const char *file, uint64_t offset, record_no from, record_no last);

/* Reads what the segments before `begin` have. */
int scan_read_contents(scan_t *s, size_t begin, error_t *err);
