/* SPDX-License-Identifier: Apache-2.0
 *
 * store.h: the log on disk: batches of records in, durable; records out when it is opened, and one by one later.
 *
 * One engine has one store. It is used by three parties, each from one thread at a time; all of them one thread in a
 * simulation:
 *
 *   who opened it    store_open … store_close; nobody else is at work then
 *   the log          store_log_turn: takes batches, appends, syncs, gives them back
 *   the helper       store_helper_turn: makes segments ahead of need, drops and rewrites those of before, reads records back
 *
 * They share lanes and a few atomic numbers. Each turn says whom to wake; and as with every lane, who takes from `done`,
 * `read` or `segments` and has lane_release say that it gave room back, wakes the log or the helper: they may have more for it.
 *
 * The file format is in segment.h and frame.h and, for people, in docs/durability.md. */
#pragma once

#include "base/clock.h"
#include "base/disk.h"
#include "base/log.h"
#include "model/journal.h"
#include "model/store_counts.h"

typedef struct store store_t;

/* Every bound is a setting; tiny mode makes them small. */
typedef struct store_options {
    uint64_t segment_bytes;         /* of a segment made ahead; a larger group makes its segment grow */
    uint64_t first_segment_bytes;   /* of the very first, so that an empty directory is ready at once */
    uint32_t frame_bytes;           /* a frame is closed when it has reached this */
    uint32_t segments_ahead;        /* segments that lie ready; the reserve when no more can be made */
    uint64_t free_limit_bytes;      /* less free on the disk than this: the disk alarm */
    uint64_t fill_bytes_per_second; /* of zeros over segments made ahead, by the clock */
    uint32_t read_bytes; /* one read of the disk when records are read back; a slice of rewriting */
    uint64_t rewrite_bytes_per_second; /* read and written for it, by the clock; 0: nothing is rewritten */
    size_t ring_items;                 /* places in each lane */
    bool serve_damaged; /* store.on_damage = serve: leave out what is lost instead of refusing to open */
    const log_t *log;
    random_source_t random; /* for the log's identity and key, when it is made */
    /* Measures syncs, the rate of rewriting, and when to look at the disk. Zeroed: the first two are not measured, and it
     * looks at every turn. */
    clock_source_t clock;
} store_options_t;

void store_options_default(store_options_t *o);

/* Takes one record of the log while it is opened. `content` is that of records that have one, else empty; with
 * `damaged` it is not what was written, and empty. All views end with the call. Returns false to end the opening. */
typedef bool store_apply_t(void *context, record_no number, const record_t *r, bytes_t content, bool damaged);

/* What was found. */
typedef struct store_found {
    record_no last;            /* the highest record; the next is this + 1 */
    uint64_t records;          /* given to apply */
    uint64_t cut_bytes;        /* of an unsynced tail, dropped, as far as it can be told */
    uint64_t resynced_records; /* of the tail, written and synced again */
    uint64_t damaged_contents;
    uint64_t lost_ranges; /* stretches of records lost (only with serve_damaged) */
} store_found_t;

/* Opens the log in `disk`, or makes one where there is none: takes the lock, finds what is whole, gives every record from
 * the last replay_from on to `apply` in order, writes what was not known to be synced to a fresh segment, syncs, and is
 * ready. NULL: the reason says which file and where. `disk` must outlive the store. */
store_t *store_open(disk_t *disk, const store_options_t *options, store_apply_t *apply, void *context,
                    store_found_t *found, error_t *err);

/* Writes and syncs the last mark unless the store has failed, and frees everything. Sets *s to NULL. */
void store_close(store_t **s);

/* The engine's ends of the lanes. */
journal_t *store_journal(store_t *s);

/* Whom to wake after a turn: somebody has new items to look at. */
enum store_wake {
    STORE_WAKE_ENGINE = 1 << 0,
    STORE_WAKE_LOG = 1 << 1,
    STORE_WAKE_HELPER = 1 << 2,
};

/* The log's turn: appends all batches that wait (as far as segments are there), syncs once, gives them back. Returns
 * how many batches it did; 0: nothing to do, or it waits for the helper. -1: the disk failed; nothing may be
 * answered any more, the process must end. `*wake` says who has news. */
int store_log_turn(store_t *s, unsigned *wake, error_t *err);

/* When nothing has come for a moment: a mark frame, synced, so that a crash finds everything known to be durable. Does
 * nothing if it is there already. -1 as above. */
int store_log_idle(store_t *s, error_t *err);

/* The helper's turn: true if it did something and there may be more. Read errors go back with what was asked for;
 * failing to make a segment is said in the log and tried again at a later turn. */
bool store_helper_turn(store_t *s, unsigned *wake);

/* After a turn that did nothing: so soon there is something to do though nobody wakes the helper: it looks at the disk,
 * tries again what failed, or goes on rewriting. */
uint32_t store_helper_wait_ms(const store_t *s);

/* For metrics; any thread. */
void store_count(const store_t *s, store_counts_t *counts);
