/* SPDX-License-Identifier: Apache-2.0
 *
 * queue_internal.h: queues: entries in order, and who takes them. */
#pragma once

#include <assert.h>

#include "engine/fifo.h"
#include "engine/vhost_internal.h"

typedef enum queue_type { QUEUE_CLASSIC, QUEUE_QUORUM } queue_type_t;

typedef struct purge purge_t;

typedef struct left_out {
    uint64_t position;
    record_no record;
} left_out_t;

/* Neighbours that were left out for the same reason, by position, and how far the log has heard of them. */
typedef struct left_out_run {
    uint64_t first, last, told; /* 0: none */
    record_no first_record, last_record;
    bool is_damaged, is_stored;
} left_out_run_t;

/* Of a queue that has any. */
struct left_outs {
    queue_t *queue;
    left_out_t *items; /* still needed, so that they stay to be looked at */
    size_t count, capacity;
    uint64_t first, last; /* positions; 0: none */
    left_out_run_t run;
    list_t telling; /* engine.telling: the run is longer than at the last look */
};

/* Where a queue stands among all of its vhost, or how far a query has come (query.c). */
typedef struct queue_place {
    list_t node; /* vhost.in_order */
    bool of_query;
} queue_place_t;

struct queue {
    /* What records touch of a queue when they are applied, side by side: of very many queues each line is a wait. */
    hash_node_t by_id; /* engine.queues_by_id */
    record_no id;      /* of a durable one: the record that declared it; 0: not in the log */
    uint64_t stored;   /* entries that are in the log, to be there after a crash … */
    uint64_t spilled;  /* … and those of which only the message is, to be out of memory */
    vhost_t *vhost;
    fifo_t fifo;

    /* And what a publish does. */
    bool deleted;
    bool
        waits_for_store; /* its first entry cannot go out yet: nobody takes from it until the store has answered */
    bool warm_is_all; /* behind those that were read back nothing cold is near */
    uint32_t holds;   /* unacked entries, running job, publishes on their way */
    uint64_t visited;
    uint64_t counted;         /* the last route that reached it by a binding that does not only observe */
    subscriber_t *subscriber; /* of one that is no more than a subscriber's backlog; owned */
    keep_t *keep;             /* the rule whose own it is: nobody else may use it */
    dedup_t *dedup;           /* its window, if it knows repeats; NULL else */
    list_t ready;             /* consumers that may take a message: consumer.waiting */
    list_t dirty;             /* engine.dirty_queues */
    list_t chilling;          /* engine.chilling */
    uint64_t chill_from;      /* entries from here on leave memory once their records are durable */

    hash_node_t node; /* vhost.queues */
    queue_place_t place;
    bytes_t name; /* owned */
    queue_type_t type;
    bool durable, auto_delete, exclusive, consumed_exclusively;
    connection_t *owner; /* exclusive: whose, until its bindings are gone; NULL else */
    list_t owned;        /* connection.exclusive_queues */
    bytes_t arguments;   /* owned */
    keep_keys_t *keys;   /* of one that a rule keeps; owned */
    list_t bindings;
    list_t consumers; /* all: consumer.in_queue */
    uint32_t consumer_count;
    uint32_t members;         /* consumers that ack */
    uint32_t mark_block;      /* of the mark, below */
    uint16_t settled_returns; /* of what is not recorded yet, below: given back so often, or 0 and … */
    uint8_t settled_reason;   /* … this record_reason_t */
    list_t owed;              /* sync_group_t: events that wait for an answer from here, by position */
    list_t *owed_last;        /* of them the one that went out last; NULL: look from the front */
    list_t *owed_near;        /* and the one looked for last */
    uint64_t expires_ms;      /* 0: never */
    wait_t expiry;
    job_t cleaning; /* of purged entries, or of everything once deleted */
    purge_t *purge; /* that the log has not heard all of; NULL: none */

    /* of those in the log */
    stated_t stated;
    left_outs_t *left_outs; /* those that cannot be read; owned; NULL: there are none */

    /* Settled positions that are not recorded yet (settle.c). */
    list_t settling; /* engine.settling */
    uint64_t settled_first, settled_count;

    /* May-have-been-delivered mark (mark.c): moved ahead in blocks, and durable before a delivery passes it. */
    uint64_t mark, mark_safe; /* recorded; known to be durable */
    record_no mark_record;    /* of `mark` while it is not durable */
    wait_t marking;
    uint64_t delivered_below;   /* nothing at or above was delivered */
    uint64_t redelivered_below; /* what is below came back from the log and may have been delivered before */

    /* Cold entries (cold.c). */
    list_t getters; /* channels whose basic.get waits for that: channel.waiting_link */
    reader_t reading;
    uint32_t warm_ahead;   /* read back and not taken yet, about */
    uint32_t read_average; /* octets of a message that was read back, about */
    uint64_t asked_bytes;  /* of what is being read back, about */
};

static_assert(sizeof(queue_t) <= 768, "one octet more, and allocators take 896 of each");

queue_t *queue_find(vhost_t *v, bytes_t name);
/* One as its record says; in the log with this number, or with 0 not in it. */
queue_t *queue_from_record(vhost_t *v, record_no number, const record_t *r);
/* A new one, and in the log if it is durable. */
queue_t *queue_create(vhost_t *v, const record_t *r, bool durable);
/* One that records mention before they define it; queue_define gives it the rest. */
queue_t *queue_known_by_id(vhost_t *v, record_no id);
void queue_define(queue_t *q, const record_t *r);
/* It never was: the log forgot it before its records. */
void queue_undefined(queue_t *q);
queue_t *queue_find_by_id(engine_t *e, record_no id);
/* The same while records are applied: one that is not there is made known. */
queue_t *queue_of_record(engine_t *e, record_no id);
/* Takes the name out at once; consumers, bindings and content in slices. The waiter is answered when
 * consumers and bindings are gone. */
void queue_remove(queue_t *q, channel_t *waiter, const event_t *reply);
void queue_release(queue_t *q); /* one hold less */
/* Drops what is ready (purge.c); not amid another purge. Who waits (may be NULL) is answered when the log has heard of it. */
void queue_purge(queue_t *q, channel_t *waiter, const event_t *reply);
/* Appends a message, taking a reference. `stored`: its record names this place. */
void queue_append(queue_t *q, message_t *m, bool stored);
/* What an entry held that is gone for good. */
void queue_let_go(queue_t *q, const fifo_item_t *item);
/* x-expires: the idle time starts now (no consumers) or stops (consumers). */
void queue_touch(queue_t *q);
/* Messages can be delivered perhaps: dispatch looks at it in this step. */
void queue_mark(queue_t *q);
