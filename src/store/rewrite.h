/* SPDX-License-Identifier: Apache-2.0
 *
 * rewrite.h: a segment of which only some records are needed becomes a smaller file with these records, in slices.
 *
 * It is gone through twice. First the heads of its frames are read, which say how much would be left: if that is not
 * clearly less, the segment stays as it is. Then the records are copied, octet for octet with the checksums of their
 * contents, so that nothing damaged becomes whole. Until the copy takes the place of the segment all is as before; ending
 * at any point leaves at most the copy's file. */
#pragma once

#include "model/journal.h"
#include "store/segment_list.h"
#include "store/sparse_frame.h"
#include "store/window.h"

/* What is to be done. */
typedef struct rewrite_job {
    disk_t *disk;
    log_identity_t log;
    uint64_t segment, bytes; /* its number, and of its file */
    record_no from, end;     /* its records */
    record_no replay_from;   /* of the log now; not below `end` */
    uint64_t incarnation;
    size_t frame_bytes, read_bytes;
    uint64_t index_bytes;
} rewrite_job_t;

/* Which of the order's records come next. */
typedef struct keep_cursor {
    bytes_reader_t in;
    record_no first, end; /* UINT64_MAX: there are no more */
} keep_cursor_t;

/* Zeroed, it has nothing to do. */
typedef struct rewrite {
    segment_order_t *order; /* its own, while there is something to do */
    rewrite_job_t job;
    bool is_copying;
    bool is_all_read; /* the segment has no more */
    window_t window;
    uint64_t at; /* offset of the next frame */
    frame_records_t records;
    keep_cursor_t keep;
    uint64_t kept_count, seen_count; /* records to keep; seen in this pass */
    uint64_t kept_bytes;             /* that they would have in the copy */
    /* the copy */
    segment_t copy;
    sparse_frame_t frame;
    buffer_t out;
    uint64_t previous, unsynced_bytes, contents, indexed_at;
    record_index_t index;
} rewrite_t;

/* Takes the order. */
void rewrite_begin(rewrite_t *w, const rewrite_job_t *job, segment_order_t *order);

typedef enum rewrite_state {
    REWRITE_FAILED = -1, /* for the reason given; the segment is as it was */
    REWRITE_MORE = 0,
    REWRITE_DONE = 1,  /* w->copy has the segment's name now; w->index and w->contents are its */
    REWRITE_SPARED = 2 /* it would not save enough; the segment is as it was */
} rewrite_state_t;

/* Goes on for about so many octets, read and written; *worked says how many they were. */
rewrite_state_t rewrite_turn(rewrite_t *w, uint64_t slice_bytes, uint64_t *worked, error_t *err);

/* Ends it: frees the order, closes all files, and removes the copy unless it has taken the segment's place. */
void rewrite_end(rewrite_t *w);
