/* SPDX-License-Identifier: Apache-2.0
 *
 * sync_internal.h: what the files of this folder share.
 *
 *   sequencer ── windows ──> open events ── groups ──> queues (queue.owed)
 *       │                        └── waiters ──> channels (channel.asking)
 *       └── finished ──> events that are over, kept for repeats and for who looks
 *
 * An open event holds its exchange, its groups their queues. */
#pragma once

#include "engine/engine_internal.h"
#include "engine/sync/sync.h"
#include "engine/topics.h"

#define NEED_OF_ALL         UINT32_MAX
#define SYNC_TIMEOUT_MS     5000
#define SYNC_WINDOW         1024
#define SYNC_DEDUP          4096
#define SYNC_DELIVERY_LIMIT 3
#define SYNC_REPORT_BYTES   (1u << 20) /* of one report; what is beyond is cut and says so */
#define SYNC_REPORTS_BYTES                                                                                   \
    (16u << 20)             /* of all that are kept of an exchange; older ones keep their status only */
#define SYNC_WAITERS 64     /* of an event; each may be sent all of its report */
#define SEQ_BLOCK    65536u /* numbers said to be used at a time */

typedef enum group_status { GROUP_PENDING, GROUP_OK, GROUP_FAILED, GROUP_GONE } group_status_t;

typedef enum outcome { OUTCOME_OPEN, OUTCOME_OK, OUTCOME_FAILED, OUTCOME_TIMEOUT, OUTCOME_NONE } outcome_t;

typedef struct sync_event sync_event_t;

/* At most `limit` events of it are open; further ones wait before the sequencer. */
typedef struct sync_window {
    list_t in_sequencer;
    sequencer_t *sequencer;
    const engine_topic_t *topic; /* whose own it is; NULL: the exchange's */
    uint32_t limit, open;
    list_t events;
    list_t waiting; /* channels, their publish in front of what they have parked: channel.waiting_link */
    list_t freed;   /* engine.sync_freed: has room, and somebody waits; holds the exchange */
} sync_window_t;

struct sequencer {
    exchange_t *exchange;
    need_t need;
    uint64_t timeout_ms;
    uint32_t window, dedup, keep_results, delivery_limit;
    uint64_t next, view;
    list_t windows;

    /* Numbers below `reserved` are used, as far as the log knows; those below `safe`, durably. */
    uint64_t reserved, safe;
    record_no reserving; /* the record that says `reserved`, while it is not durable */
    wait_t on_disk;
    list_t waiting; /* channels, for numbers */
    stated_t stated;

    hash_table_t ids;  /* events, by id */
    hash_table_t kept; /* finished ones, by seq */
    list_t finished;   /* oldest first */
    list_t *whole;     /* the first of them that may be shortened; or the end */
    list_t nameless;   /* those of them without an id */
    size_t finished_count, nameless_count, finished_bytes;
    list_t recovering; /* events from the log, while it is applied */
};

struct sync_group {
    list_t in_queue; /* queue.owed, by position, while it owes an answer */
    sync_event_t *event;
    queue_t *queue; /* held */
    uint64_t position;
    const connection_t *holder; /* who has it now */
    bytes_t value;              /* JSON of what it said; owned */
    uint8_t status;
    bool base64, truncated;
    uint32_t attempts;
    uint32_t took_ms;
};

typedef struct sync_place {
    queue_t *queue; /* held */
    uint64_t position;
} sync_place_t;

struct sync_event {
    list_t in_window;   /* while it is open */
    list_t in_finished; /* of its sequencer: finished, or recovering */
    list_t in_nameless;
    hash_node_t by_id, by_seq;
    bytes_t id; /* owned; "" : none */
    sequencer_t *sequencer;
    sync_window_t *window;
    bytes_t topic;     /* owned */
    message_t *report; /* once it is over, if anybody may want it; one reference */
    uint64_t seq, view;
    uint64_t begun_ms, due_ms, took_ms;
    uint64_t due_wall_ms;
    record_no stored;  /* it must be durable before it counts as handled */
    record_no release; /* before it is given to handlers */
    record_no message; /* in the log; 0: not */
    stated_t in_log;   /* its record, while it is needed */
    stated_t stated;   /* its report's record */
    wait_t on_disk;
    wait_t due; /* engine.timers */
    const char *error;
    uint8_t outcome;
    bool held;     /* it holds its exchange */
    bool kept;     /* of its sequencer's finished ones */
    bool is_brief; /* its report, by now */
    list_t waiters;
    uint32_t waiting;     /* so many */
    sync_place_t *places; /* of one that expires, until it does */
    size_t place_count;
    uint32_t need; /* NEED_OF_ALL: as many as there are */
    uint32_t count, ok, failed, gone;
    sync_group_t groups[];
};

/* A publisher, and how it asked. */
typedef struct sync_waiter {
    sync_event_t *event;
    list_t in_event;
    list_t in_channel;  /* channel.asking, in the order of the publishes */
    channel_t *channel; /* NULL: only reply_to is left */
    uint64_t publish;   /* which of the channel's confirms; 0: none */
    uint32_t cause;     /* of EVENT_REPORT */
    bool wants_report;
    uint8_t reply_to_len, correlation_len;
    uint8_t octets[]; /* reply-to, correlation-id */
} sync_waiter_t;

static inline uint32_t event_pending(const sync_event_t *ev)
{
    return ev->count - ev->ok - ev->failed - ev->gone;
}

/* ---- settings.c ---- */

/* "all", "quorum", "one", "none", 3 or "3"; false if it is none of them. */
bool need_parse(const field_t *f, need_t *out);

/* ---- sequencer.c ---- */

/* The window for a topic with these rules (NULL: none). */
sync_window_t *sequencer_window(sequencer_t *s, const engine_topic_t *topic);
/* False: the channel waits until so many numbers are durable; the command is in front of what it has parked. */
bool sequencer_ready(sequencer_t *s, uint32_t count, channel_t *ch, command_t *cmd);
void window_has_room(sync_window_t *w);

/* ---- event.c ---- */

sync_event_t *sync_event_new(sequencer_t *s, sync_window_t *w, uint32_t groups, bytes_t topic, bytes_t id);
void sync_event_free(sync_event_t *ev);
/* It is in its queues: it ends at once if nobody owes anything. */
void sync_event_begin(sync_event_t *ev);
void sync_group_init(sync_event_t *ev, sync_group_t *g, queue_t *q, uint64_t position);
void sync_group_owes(sync_group_t *g);
/* Ends it if it is decided and durable. */
void sync_event_check(sync_event_t *ev);
/* It counts in its window, and its time runs. */
void sync_event_enter(sync_event_t *ev);
/* It is over: it stays until it has left its queues, then it is kept, or freed. */
void sync_event_lingers(sync_event_t *ev);
/* Its publishers are told; then it lingers. */
void sync_event_over(sync_event_t *ev, outcome_t outcome);

/* ---- places.c ---- */

/* True if an entry is there. */
bool sync_place_is_taken(queue_t *q, uint64_t position);
/* Forgets those that the event has left. */
void sync_places_look(sync_event_t *ev);
/* Takes it out of them: its time is up. */
void sync_places_expire(sync_event_t *ev);
void sync_places_release(sync_event_t *ev);

/* ---- answer.c ---- */

/* Who published it waits for the event. `properties` are the publish's. */
void sync_wait(sync_event_t *ev, channel_t *ch, const command_t *cmd, bytes_t properties);
bool sync_asks(const channel_t *ch, const command_t *cmd, bytes_t properties);
/* Tells all who wait. */
void sync_tell(sync_event_t *ev);

/* ---- value.c, report.c ---- */

/* Takes over what a handler said; a second word replaces the first. */
void sync_group_says(sync_group_t *g, const message_t *m);
void sync_group_says_text(sync_group_t *g, const char *text);
void sync_group_set_value(sync_group_t *g, bytes_t json);
void sync_group_forgets(sync_group_t *g);
/* A message whose body is the report; references 0. `brief`: no handlers. */
message_t *sync_report(const sync_event_t *ev, bool brief);

/* ---- kept.c ---- */

sync_event_t *sync_find(const sequencer_t *s, bytes_t id);
/* Keeps one that is over, or frees it. */
void sync_keep(sync_event_t *ev);
/* Takes it out of what is kept; for sync_event_free. */
void sync_unkeep(sync_event_t *ev);
sync_event_t *sync_find_kept(const sequencer_t *s, uint64_t seq);
hash_key_of_t sync_id_of, sync_seq_of;

/* ---- recover.c ---- */

record_no sync_record_event(sync_event_t *ev);
void sync_record_result(const sync_group_t *g);
void sync_record_report(sync_event_t *ev);
record_no sync_record_sequence(sequencer_t *s);
/* Its record is not needed any more. */
void sync_record_forget(sync_event_t *ev);
