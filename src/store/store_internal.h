/* SPDX-License-Identifier: Apache-2.0
 *
 * store_internal.h: what the store's parties have, each its own, and what they share. */
#pragma once

#include "store/reads.h"
#include "store/rewrite.h"
#include "store/store.h"
#include "store/writer.h"

/* The log's party (append.c). */
typedef struct log_side {
    writer_t writer; /* its segment is the current one */
    group_plan_t plan;
    batch_t **pending; /* appended, not given back; at most ring_items */
    size_t pending_count;
    record_no last;             /* record put */
    log_claims_t known;         /* durable_through: synced; replay_from: of what is synced */
    record_no stated;           /* the highest durable_through in a frame that is synced */
    record_no replay_from_next; /* of what was put */
    record_no first_claim;      /* the replay_from of the first frame that was put into this segment */
    record_no anchor;           /* the same, once it is synced: from here an opening would read */
    uint64_t contents;          /* pieces that were put into this segment */
    uint64_t indexed_at;
    bool is_fresh;     /* no group was put into this segment yet */
    bool has_reserve;  /* more than one segment should lie ready */
    bool has_switched; /* and the helper was not woken yet */
    bool has_failed;
} log_side_t;

/* A file that is not needed, or not any more. */
typedef struct spare {
    char name[SEGMENT_NAME_BYTES];
    uint64_t bytes;
} spare_t;

/* A new segment that is not ready yet (ahead.c). */
typedef struct making {
    segment_t segment; /* with a file: there is one */
    uint64_t bytes;    /* it is to have */
    uint64_t filled_bytes;
    uint64_t fill_at_ms; /* not before: so it keeps to its rate */
    bool is_allocated;
} making_t;

/* What is known of the disk's free space (room.c). */
typedef struct room {
    uint64_t free_bytes; /* at the last look */
    uint64_t look_at_ms;
    uint32_t sleep_ms;
    bool is_low;     /* less than free_limit_bytes */
    bool is_unknown; /* the disk did not say */
    bool is_stuck;   /* the log cannot have the segments that it should */
} room_t;

/* The helper's party (helper.c). */
typedef struct helper_side {
    segment_list_t segments; /* those with records, the current one, those that lie ready */
    size_t in_use;           /* how many of them the log has begun, as far as it has said so */
    spare_t *spares;
    size_t spare_count, spare_capacity;
    making_t making;
    uint64_t begun_ms, took_ms; /* when the log began its last segment, and how long after the one before */
    uint64_t next_number;
    bool has_complained; /* the last try to make a segment failed */
    bool reads_later;    /* the last try to read did, for want of a descriptor; likewise said once */
    reads_t reads;
    room_t room;
    segment_order_t **orders; /* that wait to be carried out: at most one of a segment */
    size_t order_count, order_capacity;
    rewrite_t rewrite;
    uint64_t rewrite_at_ms;    /* not before: so it keeps to its rate */
    bool has_failed_rewriting; /* the last time; likewise said once */
} helper_side_t;

/* The log tells the helper: from this record on it is in the next segment; or, in this segment, where a record is. */
typedef struct log_news {
    bool is_switch;
    record_place_t place;
    uint64_t bytes;    /* of the segment that was left: it may have grown */
    uint64_t contents; /* pieces in it */
} log_news_t;

struct store {
    disk_t *disk;
    store_options_t options;
    log_identity_t log;
    uint64_t index_bytes, incarnation;
    journal_t journal;
    lane_t *ready;                /* of segment_t: helper → log */
    lane_t *news;                 /* of log_news_t: log → helper */
    atomic_uint_least64_t anchor; /* log → helper: an opening reads from here on; segments below may go */
    atomic_uint_least64_t replay_from;     /* log → helper: and would, if the log began a segment now */
    flag_t log_waits;                      /* log → helper: for a segment, of whatever kind */
    flag_t begins_early;                   /* helper → log: it should, for the orders that wait for it */
    atomic_uint_least64_t log_lacks_bytes; /* log → helper: for a group larger than a segment; 0: nothing */
    store_counters_t counters;
    log_side_t log_side;
    helper_side_t helper;
};

/* By the store's clock; UINT64_MAX without one. */
static inline uint64_t store_now_ms(const store_t *s)
{
    const clock_source_t *clock = &s->options.clock;
    return clock->now_ms ? clock->now_ms(clock->context) : UINT64_MAX;
}

/* ---- open.c ---- */

/* Finds what is there and begins a new incarnation; the store's fields above are set except for those parties. */
int store_recover(store_t *s, store_apply_t *apply, void *context, store_found_t *found, error_t *err);

/* ---- append.c ---- */

/* A mark, if something durable was not stated yet. */
int log_side_mark(store_t *s, error_t *err);
void log_side_deinit(log_side_t *l);

/* ---- helper.c ---- */

void helper_side_deinit(helper_side_t *h);

/* ---- ahead.c ---- */

static inline size_t ahead_ready_count(const helper_side_t *h)
{
    return h->segments.count - h->in_use;
}

/* A file that is not needed, or not any more. */
void ahead_add_spare(helper_side_t *h, const char *name, uint64_t bytes);

/* Makes a segment of the first of them, or removes it. True if there was something to do. */
bool ahead_use_spare(store_t *s);

/* A piece of the work on a new segment, if one is needed and may be worked on now. True if there was something to do. */
bool ahead_make_segment(store_t *s);

/* The log has begun its next segment. */
void ahead_note_begun(store_t *s);

/* In how many ms work on a new segment goes on, `most` at most. */
uint32_t ahead_wait_ms(const store_t *s, uint32_t most);

/* ---- space.c ---- */

/* Tells the engine of the segments that are there, when the log was opened. */
void helper_tell_segments(store_t *s);

/* Tells it of one. */
void helper_tell_segment(store_t *s, const listed_segment_t *segment);

/* Takes the orders that came. True if the engine has room again to give more. */
bool helper_take_orders(store_t *s);

/* How many octets orders would give back, about, if the log began its next segment. */
uint64_t helper_bytes_to_win(const store_t *s);

/* Carries out one, or a slice of one: true if there was something to do. */
bool helper_drop_segment(store_t *s);
bool helper_rewrite_segment(store_t *s);

/* ---- room.c ---- */

/* The helper's: looks at the disk when it is time, and says in journal.disk_short whether publishers must be held back.
 * True if that has changed. */
bool room_look(store_t *s);

/* The log's, when it has begun a segment: with the last that lies ready publishers wait, until the helper has caught up or
 * said that it cannot. */
void room_taken(store_t *s);

/* When to look again, if nobody wakes the helper. */
uint32_t room_wait_ms(const store_t *s);

/* So many should lie ready. The reserve comes with the second segment that is used: a log that stays small stays so. */
size_t room_segments_wanted(const helper_side_t *h, const store_options_t *o);

/* The log's: true if a segment may grow by so much. If not the log must wait, and the helper knows for what. */
bool room_for_growth(store_t *s, uint64_t more_bytes);

/* The helper's: has the log begin its next segment early, if that gives back at least as much as it costs while the disk
 * is short. True if the log must be woken. */
bool room_begin_early(store_t *s);

/* The helper's: so much of the disk no segment is made of. In it go copies of segments with few live records, and, when
 * none lies ready any more, the smallest of segments that the log begins for its mark: two of them may be there. */
uint64_t room_kept_bytes(const store_options_t *o);

/* The helper's: true if the log waits for that, and there is room now. */
bool room_log_may_go_on(const store_t *s);
