/* SPDX-License-Identifier: Apache-2.0
 *
 * catalog.h: which segments a directory has, and what their beginnings say.
 *
 * The first frame of a segment is either the next of the log, or a start: the beginning of an incarnation, which says
 * with its first record where it goes on. From that record on the segments before it are superseded: what they hold there
 * was written again behind the start, or was cut.
 *
 * Not all of them are of use to an opening: the log is read from the segment on that has the record of the highest
 * `replay_from`. The segments before it are there for their contents, which are read one by one when they are needed; of
 * those no more than the beginning is read, and whatever is wrong with it ends nothing. */
#pragma once

#include "store/record_index.h"
#include "store/segment.h"
#include "store/window.h"

typedef struct catalog_segment {
    char name[SEGMENT_NAME_BYTES];
    uint64_t number, bytes;
    segment_state_t header;
    bool is_leftover;  /* it was being recycled: nothing in it is needed */
    bool is_rewritten; /* as it says itself: it has contents only, and the chain never leads here */
    bool cannot_open;  /* the disk refused */
    bool has_first;    /* the frame behind the header is valid */
    bool has_trace;    /* it is not, but there was one, or nobody knows */
    frame_t first;
    record_no limit; /* from this record on it is superseded */

    /* found by the scan */
    bool in_use;
    bool is_content; /* before where the log is read from; from, end are what is known without reading it */
    bool is_left_alone;  /* likewise, and nothing in it could be found */
    bool is_reused;      /* by the opening: its name is gone */
    record_no from, end; /* its records: from … end - 1 */
    uint64_t contents;   /* pieces of content in them; UINT64_MAX: not known */
    record_index_t index;
} catalog_segment_t;

typedef struct catalog {
    bool is_log; /* somebody's header is whole, so `log` is known */
    log_identity_t log;
    catalog_segment_t *segments; /* by rising number */
    size_t count, capacity;
} catalog_t;

/* Reads the directory. It fails, besides for the disk's reasons, if a segment has an unknown format or is of
 * another log, or if there are segments with something in them and not one whole header. */
int catalog_read(catalog_t *c, disk_t *disk, error_t *err);
void catalog_deinit(catalog_t *c);

/* True if the scan should go through this segment: its beginning is there and not superseded. */
static inline bool catalog_is_candidate(const catalog_segment_t *s)
{
    return s->has_first && !s->is_rewritten && s->first.first < s->limit;
}
