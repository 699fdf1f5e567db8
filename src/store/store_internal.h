/* SPDX-License-Identifier: Apache-2.0
 *
 * store_internal.h: what the store's parties have, each its own, and what they share. */
#pragma once

#include "store/read_back.h"
#include "store/store.h"
#include "store/writer.h"

/* The log's party (append.c). */
typedef struct log_side {
    writer_t writer; /* its segment is the current one */
    group_plan_t plan;
    batch_t **pending; /* appended, not given back; at most ring_items */
    size_t pending_count;
    record_no last;             /* record put */
    log_claims_t known;         /* durable_through: synced; needed_from: of what is synced */
    record_no stated;           /* the highest durable_through in a frame that is synced */
    record_no needed_from_next; /* of what was put */
    uint64_t indexed_at;
    bool is_fresh;     /* no group was put into this segment yet */
    bool has_switched; /* and the helper was not woken yet */
    bool has_failed;
} log_side_t;

/* A file that is not needed, or not any more. */
typedef struct spare {
    char name[SEGMENT_NAME_BYTES];
    uint64_t bytes;
} spare_t;

/* What is known of the disk's free space (room.c). */
typedef struct room {
    uint64_t free_bytes; /* at the last look */
    uint64_t look_at_ms;
    uint32_t sleep_ms;
    bool is_low;     /* less than free_limit_bytes */
    bool is_unknown; /* the disk did not say */
} room_t;

/* The helper's party (helper.c). */
typedef struct helper_side {
    segment_list_t segments; /* those with records, the current one, those that lie ready */
    size_t in_use;           /* how many of them the log has begun, as far as it has said so */
    spare_t *spares; /* the oldest first: the log's beginning goes in order, or it would have a hole */
    size_t spare_count, spare_capacity;
    segment_t making; /* with a file: being filled */
    uint64_t next_number;
    bool has_complained; /* the last try to make a segment failed */
    bool reads_later;    /* the last try to read did, for want of a descriptor; likewise said once */
    read_back_t reader;
    room_t room;
} helper_side_t;

/* The log tells the helper: from this record on it is in the next segment; or, in this segment, where a record is. */
typedef struct log_news {
    bool is_switch;
    record_place_t place;
    uint64_t bytes; /* of the segment that was left: it may have grown */
} log_news_t;

struct store {
    disk_t *disk;
    store_options_t options;
    log_identity_t log;
    uint64_t index_bytes;
    journal_t journal;
    lane_t *ready;                     /* of segment_t: helper → log */
    lane_t *news;                      /* of log_news_t: log → helper */
    atomic_uint_least64_t needed_from; /* log → helper: nothing below is needed, and that is synced */
    atomic_uint_least64_t oldest_end; /* helper → log: when needed_from has reached it, a segment is dead */
    atomic_uint_least64_t log_lacks_bytes; /* log → helper: for a group larger than a segment; 0: nothing */
    store_counters_t counters;
    log_side_t log_side;
    helper_side_t helper;
};

/* ---- open.c ---- */

/* Finds what is there and begins a new incarnation; the store's fields above are set except for those parties. */
int store_recover(store_t *s, store_apply_t *apply, void *context, store_found_t *found, error_t *err);

/* ---- append.c ---- */

/* A mark, if something durable was not stated yet. */
int log_side_mark(store_t *s, error_t *err);
void log_side_deinit(log_side_t *l);

/* ---- helper.c ---- */

void helper_add_spare(helper_side_t *h, const char *name, uint64_t bytes);

/* Tells the log by which record the oldest segment ends. */
void helper_tell_oldest(store_t *s);
void helper_side_deinit(helper_side_t *h);

/* ---- room.c ---- */

/* The helper's: looks at the disk when it is time, and says in journal.disk_short whether publishers must be held back.
 * True if that has changed. */
bool room_look(store_t *s);

/* So many should lie ready. The reserve comes with the second segment that is used: a log that stays small stays so. */
size_t room_segments_wanted(const helper_side_t *h, const store_options_t *o);

/* The log's: true if a segment may grow by so much. If not the log must wait, and the helper knows for what. */
bool room_for_growth(store_t *s, uint64_t more_bytes);

/* The helper's: true if the log waits for that, and there is room now. */
bool room_log_may_go_on(const store_t *s);
