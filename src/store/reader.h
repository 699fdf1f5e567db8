/* SPDX-License-Identifier: Apache-2.0
 *
 * reader.h: reads a log without opening it: nothing is locked, written or repaired. For `chaski log` and tests. */
#pragma once

#include "base/disk.h"
#include "model/record.h"

typedef struct log_segment {
    const char *file;
    uint64_t number, bytes;
    bool is_content;   /* a daemon would read from behind it: its contents are all that is needed of it */
    bool is_rewritten; /* and only those are there */
} log_segment_t;

typedef struct log_frame {
    const char *file;
    uint64_t offset, bytes;
    record_no first, next; /* its records are from first … next - 1; if it is sparse, only some of them */
    uint32_t records;
    record_no durable_through;
    uint64_t incarnation;
    bool is_mark, is_sparse;
} log_frame_t;

/* What is met on the way, in the order of the log. All views end with the call. */
typedef struct log_visitor {
    void *context;
    void (*segment)(void *context, const log_segment_t *s);
    void (*frame)(void *context, const log_frame_t *f);
    void (*record)(void *context, record_no number, const record_t *r, bytes_t content, bool damaged);
    /* Something is wrong here. `fatal`: a daemon would refuse to start on it. */
    void (*fault)(void *context, const char *file, uint64_t offset, bool fatal, const char *what);
} log_visitor_t;

typedef struct log_summary {
    uint64_t segments, frames, records, bytes;
    record_no first, last, durable_through;
    record_no replay_from; /* a daemon would read from this record on */
    uint64_t tail_bytes;   /* behind the last whole group: an opening would cut them */
    uint64_t faults, fatal_faults;
} log_summary_t;

/* Reads all of it, each segment that is there for its contents by itself. Any function of the visitor may be NULL. -1: it
 * could not be read at all. */
int log_read(disk_t *disk, const log_visitor_t *visitor, log_summary_t *summary, error_t *err);
