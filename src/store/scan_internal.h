/* SPDX-License-Identifier: Apache-2.0
 *
 * scan_internal.h: what the scan's two files share: going along the chain (scan.c), and looking where it does not lead
 * (scan_ahead.c). */
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
    return !s->is_leftover && !s->has_first;
}
