/* SPDX-License-Identifier: Apache-2.0
 *
 * query.h: what an operator may ask the engine, and its answer. A query travels to the engine with COMMAND_QUERY and
 * comes back, filled, with EVENT_QUERIED; it is its asker's again then. Long lists are filled in slices. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

typedef enum query_type {
    QUERY_OVERVIEW, /* counts */
    QUERY_QUEUES, /* counts, and a row for each queue that was there all the time, in the order of their declaring */
    QUERY_EVENTS, /* counts, and the reports that synchronous exchanges keep, oldest first */
} query_type_t;

typedef enum query_queue_flag {
    QUERY_QUEUE_DURABLE = 1 << 0,
    QUERY_QUEUE_AUTO_DELETE = 1 << 1,
    QUERY_QUEUE_EXCLUSIVE = 1 << 2,
    QUERY_QUEUE_QUORUM = 1 << 3,
} query_queue_flag_t;

typedef struct query_queue {
    size_t name, name_len;           /* in query.octets */
    size_t arguments, arguments_len; /* table content, in query.octets */
    uint8_t flags;
    uint32_t consumers;
    uint64_t ready, unacked;
    uint64_t persistent; /* of both, those that are in the log */
    uint64_t damaged;    /* left out, because what the disk gave back is not what was written */
    uint64_t damaged_first, damaged_last; /* their lowest and highest position; 0: there are none */
    uint64_t dropped;                     /* a subscriber's: what it was too slow for, since it came */
    uint64_t duplicates;                  /* that its window kept out, since the start */
} query_queue_t;

/* The report of an event that is over; places in query.octets. */
typedef struct query_event {
    size_t exchange, exchange_len;
    size_t report, report_len; /* JSON */
} query_event_t;

/* What there is, and what happened since the start. */
typedef struct engine_counts {
    uint64_t connections, channels, exchanges, queues, bindings, consumers;
    uint64_t messages_ready, messages_unacked;
    uint64_t messages_stored;   /* of both, in the log */
    uint64_t messages_damaged;  /* left out (query_queue.damaged), of all queues */
    uint64_t memory_bytes;      /* of messages in queues and on their way to clients */
    uint64_t memory_high_bytes; /* where the alarm begins; 0: never */
    bool memory_alarm, disk_alarm;
    uint64_t last_record;       /* of the log, made; 0: none */
    uint64_t durable_record;    /* and synced */
    uint64_t live_records;      /* that messages need */
    uint64_t segments_complete; /* of the log */
    uint64_t segments_sparse;   /* of these, with few live records: to be rewritten */
    uint64_t checkpoints;       /* complete, since the start */
    uint64_t checkpoint_bytes;  /* that the last of them took in the log, about */
    uint64_t published, confirmed, delivered, acked, returned; /* messages */
    uint64_t dropped;                                          /* for slow subscribers, of all queues */
    uint64_t duplicates;             /* kept out by windows of exchanges, queues and publishers */
    uint64_t deduplication_ids;      /* remembered, of all of these */
    uint64_t publishers;             /* of these, publishers */
    uint64_t publishers_forgotten;   /* as there were too many */
    uint64_t events_open;            /* whose publishers wait */
    uint64_t committed, rolled_back; /* transactions */
    uint64_t events_ok, events_failed, events_timeout, events_none;
} engine_counts_t;

typedef struct query {
    uint8_t type; /* query_type_t */
    engine_counts_t counts;
    query_queue_t *queues; /* owned */
    size_t queue_count, queue_capacity;
    query_event_t *events; /* owned */
    size_t event_count, event_capacity;
    buffer_t octets;
} query_t;

query_t *query_new(query_type_t type);
void query_free(query_t *q);

/* Appends a row, zeroed but for its name and arguments. */
query_queue_t *query_add_queue(query_t *q, bytes_t name, bytes_t arguments);

void query_add_event(query_t *q, bytes_t exchange, bytes_t report);
