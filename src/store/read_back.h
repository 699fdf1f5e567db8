/* SPDX-License-Identifier: Apache-2.0
 *
 * read_back.h: single records out of the log again, as messages.
 *
 * It goes forward through the frames and keeps its place, so that records asked for by rising number cost one pass over
 * the segments, in reads of read_bytes. It may run ahead of what it was told of the log: a record that is asked for is
 * there, in this segment or the next. */
#pragma once

#include "model/journal.h"
#include "store/frame_records.h"
#include "store/segment_list.h"
#include "store/window.h"

/* Where it reads. */
typedef struct read_source {
    disk_t *disk;
    log_identity_t log;
    size_t read_bytes;
    uint64_t index_bytes;     /* about so far apart are the entries of an index */
    segment_list_t *segments; /* their indexes get what is met on the way */
    error_t *err;             /* why it must be given again */
} read_source_t;

/* Zeroed, it is nowhere. */
typedef struct read_back {
    window_t window;
    uint64_t segment; /* the number of the one it is in; 0: none */
    uint64_t next_at; /* offset of the next frame */
    frame_t frame;    /* the one it is in, if is_inside */
    uint64_t frame_at;
    bool is_inside;
    frame_records_t records;
    frame_record_t last; /* read last, while it is in the window; number 0: none. Others may want it too */
} read_back_t;

/* Fills one item. False if it must be given again, later: there is no descriptor to open a segment with, which says
 * nothing about what is in it. */
bool read_back_item(read_back_t *r, const read_source_t *from, read_item_t *item);

/* Leaves the segment; harmless if it is in another. */
void read_back_leave(read_back_t *r, uint64_t segment);
void read_back_deinit(read_back_t *r);
