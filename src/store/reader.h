/* SPDX-License-Identifier: Apache-2.0
 *
 * reader.h: reads a log without opening it: nothing is locked, written or repaired. For `chaski log` and tests. */
#pragma once

#include "base/disk.h"
#include "model/record.h"

/* What is met on the way, in the order of the log. All views end with the call. */
typedef struct log_visitor {
    void *context;
    void (*segment)(void *context, const char *file, uint64_t number, uint64_t bytes);
    void (*frame)(void *context, const char *file, uint64_t offset, uint64_t bytes, record_no first,
                  uint32_t records, record_no durable_through, uint64_t incarnation, bool is_mark);
    void (*record)(void *context, record_no number, const record_t *r, bytes_t content, bool damaged);
    /* Something is wrong here. `fatal`: a daemon would refuse to start on it. */
    void (*fault)(void *context, const char *file, uint64_t offset, bool fatal, const char *what);
} log_visitor_t;

typedef struct log_summary {
    uint64_t segments, frames, records, bytes;
    record_no first, last, durable_through;
    uint64_t tail_bytes; /* behind the last whole group: an opening would cut them */
    uint64_t faults, fatal_faults;
} log_summary_t;

/* Any function of the visitor may be NULL. -1: it could not be read at all. */
int log_read(disk_t *disk, const log_visitor_t *visitor, log_summary_t *summary, error_t *err);
