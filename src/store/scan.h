/* SPDX-License-Identifier: Apache-2.0
 *
 * scan.h: goes through the log from where it is to be read from to its end, and tells an unsynced tail from damage.
 *
 * Where that is say the first frames of the segments: the record of the highest `replay_from` in one of them. What they
 * claim is durable, as nothing is written to a segment before all in front of it is synced, and they claim no more than
 * that. The scan begins in the last segment that begins at or before this record; those before are not read
 * (scan_begin.c).
 *
 * It follows the chain of groups through the segments. Where the chain ends, the question is whether what should come next
 * was ever known to be synced: then it is damage (a daemon does not start on it, or leaves it out), else it is the tail
 * that a crash leaves, and the log ends here. The answer is D, the highest record that any valid frame says is durable,
 * also one behind the end of the chain: so, and only then, the rest of the segment is searched for frames, and segments
 * behind it whose beginning is not there.
 *
 * Most such segments lie ready and were never used, and reading them would take long. So they are searched to their end only
 * if the chain came to the end of a segment that was left, and else in their first megabytes: there is nothing in
 * them then but, at worst, a start that is damaged and what follows it.
 *
 * What such a segment may be: one that lies ready; one whose first write was lost with the power; one to which an opening
 * had copied the tail when it was interrupted, before its start; or one whose beginning is damaged. The last one has
 * frames that say that something missing is durable, or frames of a later incarnation that are no copies: those
 * are written only when the start is synced. */
#pragma once

#include "store/catalog.h"
#include "store/frame_search.h"
#include "store/scan_group.h"

/* Any function may be NULL. Views end with the call. */
typedef struct scan_visitor {
    void *context;
    void (*segment)(void *context, const catalog_segment_t *s);
    void (*frame)(void *context, const catalog_segment_t *s, uint64_t offset, const frame_t *f);
    bool (*record)(void *context, record_no number, const record_t *r, bytes_t content, bool damaged);
    void (*fault)(void *context, const char *file, uint64_t offset, bool fatal, const char *what);
} scan_visitor_t;

/* A group that is not known to be synced. */
typedef struct tail_group {
    size_t segment; /* in the catalog */
    log_group_t group;
    uint64_t previous; /* checksum of the data frame before it */
} tail_group_t;

typedef struct scan {
    /* given */
    disk_t *disk;
    const scan_visitor_t *visitor;
    bool serve_damaged; /* go on behind damage */
    bool reads_all;     /* also the segments, and the records, that are there for their contents only */
    size_t read_bytes;
    uint64_t index_bytes; /* about so far apart are the entries of the index */

    /* where it is */
    catalog_t catalog;
    size_t current; /* in the catalog, or SIZE_MAX */
    uint64_t at;
    log_chain_t chain;
    window_t window;
    frame_records_t records;
    uint64_t indexed_at; /* offset of the last entry in this segment */

    /* what was seen behind the end of the chain */
    window_t ahead;
    uint64_t search_from, frames_end;
    bool is_at_end; /* of a segment that was left */
    bool has_looked_ahead, is_start_lost, is_unreadable;

    /* found */
    record_no first;       /* record of the log; 0: it has none */
    record_no durable;     /* D, by the claims of all frames */
    record_no stated;      /* the same, but for the claim of a last start: it may itself not be synced */
    record_no replay_from; /* read from here on, the log makes all that is there: by all frames */
    /* The same, by the first frames of segments: records below are given only if reads_all. */
    record_no given_from;
    record_no first_given;
    uint64_t incarnation; /* the highest */
    tail_group_t *tail;   /* all groups above `stated`, in order */
    size_t tail_begin, tail_end, tail_capacity;
    uint64_t frames, record_count, cut_bytes, damaged_contents, lost_ranges, faults, fatal_faults;
} scan_t;

/* Reads the catalog and goes through the log. -1: the disk failed, or the log is damaged; the reason names the place.
 * If no log is there (catalog.is_log is false), nothing is done. */
int scan_run(scan_t *s, error_t *err);
void scan_deinit(scan_t *s);

/* Where the log is read from: never 0. */
static inline record_no scan_given_from(const scan_t *s)
{
    return s->given_from ? s->given_from : 1;
}

/* The number of the record that comes next. */
static inline record_no scan_next_record(const scan_t *s)
{
    return s->chain.expected ? s->chain.expected : 1;
}
