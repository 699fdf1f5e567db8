/* SPDX-License-Identifier: Apache-2.0
 *
 * writer.h: puts frames at the end of one segment, with as few writes as sensible.
 *
 * What is put is gathered: heads and small pieces of content in memory of ours, large pieces by reference. It reaches
 * the file with writer_flush (or earlier, when much has gathered), the disk with writer_sync. What was put by reference must
 * stay until the flush. */
#pragma once

#include <stdatomic.h>

#include "base/clock.h"
#include "base/output.h"
#include "store/group.h"
#include "store/segment.h"

/* What store_counts_t is made from: written by the log and the helper, read by anyone. */
typedef struct store_counters {
    atomic_uint_least64_t segments, segments_free, bytes, appended_bytes, syncs, records, sync_ms_most,
        rewritten_bytes, segments_dropped;
} store_counters_t;

static inline void count_add(atomic_uint_least64_t *counter, uint64_t n)
{
    atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

static inline void count_take(atomic_uint_least64_t *counter, uint64_t n)
{
    atomic_fetch_sub_explicit(counter, n, memory_order_relaxed);
}

typedef struct writer {
    segment_t segment;
    log_identity_t log;
    uint64_t incarnation;
    uint64_t at;       /* in the segment: the end of what was put */
    uint64_t previous; /* checksum of the last data frame */
    output_t *out;     /* put and not written: the octets before `at` */
    bool unsynced;     /* something was put since the last sync */
    store_counters_t *counters;
    clock_source_t clock;
} writer_t;

void writer_init(writer_t *w, const log_identity_t *log, uint64_t incarnation, clock_source_t clock,
                 store_counters_t *counters);
/* Closes the segment. */
void writer_deinit(writer_t *w);

/* Goes on in this segment, which it takes, at `at`. What was put before must be synced. */
void writer_use(writer_t *w, const segment_t *segment, uint64_t at);

/* What the writer of a frame knows of the log. */
typedef struct log_claims {
    record_no durable_through, replay_from;
} log_claims_t;

/* Puts one frame of the batch's group; after the last one the group is ended (writer_end_group). */
int writer_put_part(writer_t *w, const batch_t *b, const group_part_t *part, const log_claims_t *claims,
                    error_t *err);

/* Puts a frame that is in another segment: its octets, head and content. They may go after the call. */
int writer_put_copy(writer_t *w, const frame_t *f, bytes_t octets, const log_claims_t *claims, error_t *err);

/* Zeros up to where the next group may begin. */
void writer_end_group(writer_t *w);

/* Puts a mark or an end, `next` being the number of the next record. */
void writer_put_mark(writer_t *w, frame_kind_t kind, record_no next, const log_claims_t *claims);

/* Writes and syncs the start of an incarnation in front of what was put; that must have been synced before. */
int writer_start(writer_t *w, record_no next, uint64_t previous, const log_claims_t *claims, error_t *err);

int writer_flush(writer_t *w, error_t *err);
int writer_sync(writer_t *w, error_t *err);
