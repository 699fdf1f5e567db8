/* SPDX-License-Identifier: Apache-2.0
 *
 * engine_internal.h: the engine itself, and with it all of its structs: who owns what, and which list a thing is in.
 *
 *   engine ── vhost ── exchanges ── bindings ──> queues, exchanges
 *      │         └──── queues ── fifo (entries) ──> messages
 *      └── ports ── connections ── channels ── consumers ──> queues
 *                                      └── unacked ──> queue entries
 *
 * What is durable goes to the log as records (records.c), in the order it was decided, and comes back from them by
 * apply.c. Whatever a reply's truth depends on is named by a record's number: the reply leaves when the log is durable up to it.
 *
 * A queue stays allocated while anything points into it (`holds`), also after its name is gone (`deleted`);
 * so does an exchange. Every consumer that could take a message is in exactly one list: its queue's `ready`,
 * or that of whatever it waits for (channel, connection, port). A consumer whose own prefetch is used up is
 * in none. */
#pragma once

#include <assert.h>

#include "base/alloc.h"
#include "base/bytes.h"
#include "base/hash.h"
#include "base/heap.h"
#include "base/list.h"
#include "base/properties.h"
#include "base/table.h"
#include "base/text.h"
#include "engine/bus/bus.h"
#include "engine/channel_internal.h"
#include "engine/connection_internal.h"
#include "engine/dedup/dedup.h"
#include "engine/durable/durable_internal.h"
#include "engine/durable/live.h"
#include "engine/durable/space.h"
#include "engine/engine.h"
#include "engine/fifo.h"
#include "engine/handlers_internal.h"
#include "engine/job.h"
#include "engine/loan_internal.h"
#include "engine/queue_internal.h"
#include "engine/route_internal.h"
#include "engine/vhost_internal.h"

/* For texts: text_format(…, "no " QUEUE_FORMAT, QUEUE_ARG(name, vhost)). */
#define QUEUE_FORMAT           "queue '%.*s' in vhost '%.*s'"
#define EXCHANGE_FORMAT        "exchange '%.*s' in vhost '%.*s'"
#define NAMED_ARG(what, where) TEXT_ARG(what), TEXT_ARG((where)->name)

struct engine_port {
    port_t *port;
    connection_t **connections; /* by number */
    uint32_t capacity;
    list_t stalled;   /* consumers waiting for room in the event lane */
    uint64_t emitted; /* events, so far */
    uint64_t
        handled; /* of them, those whose octets are in sockets, as far as these took them (COMMAND_TURN) */
    bool wake;
};

struct engine {
    engine_options_t options;
    uint64_t now_ms, wall_ms;
    vhost_t *vhost; /* "/" */
    engine_port_t *ports;
    size_t port_count, next_port; /* the one that is served first in the next step */
    list_t connections;
    hash_table_t identities; /* connections */
    list_t jobs;
    uint32_t jobs_nested; /* slices that are being done, one inside the other */
    uint32_t work_left;   /* units that commands and timers may still cost in this step */
    list_t dirty_queues;
    list_t waking; /* consumers that may take a message again, and are not told yet */
    list_t confirming;
    list_t blocked;      /* connections told of the alarm */
    list_t held;         /* channels whose publishes are held back */
    bool holds_for_log;  /* some of them for want of room in the log */
    list_t ending;       /* channels whose transaction is to end, when there is time for it */
    timer_heap_t timers; /* wait_t, by time: queue.expiry, sync_event_t.due */
    list_t sync_freed;   /* sync_window_t that have room for who waits */
    bool sync_recovered; /* events of the log have been looked at */
    list_t slow;         /* subscriber_t that publishers wait for */
    list_t slow_over;    /* channels that waited for one that is gone */
    keep_t *keeps;       /* one for each of options.topics */
    bool keeps_last;     /* one of them keeps the last message of each key */
    bool keeps_started;
    list_t joining;       /* subscriber_t that are to get what is kept */
    list_t joins_waiting; /* those of them that must read, when others have */
    uint32_t joins_reading;

    /* the log */
    journal_t *journal; /* NULL: nothing is kept */
    batch_t *batch;     /* of this step; NULL: empty */
    bool grouping;      /* what is recorded goes into that batch, whatever its size: records_group_begin */
    record_no group_first;
    batch_t *lent, **lent_end;
    size_t lent_count, asked_count; /* batches and read requests that are not back */
    uint64_t unwritten_bytes;       /* of the batches that are lent */
    record_no next_record;          /* the next number */
    record_no durable;              /* everything up to this one is */
    record_no definitions;          /* the last one that changed what is defined */
    timer_heap_t waits;
    record_no waited_for; /* the highest that anything has waited for */
    wait_t gathering;     /* records of some steps, while the disk is short */
    uint64_t gather_until_ms;
    bool gather_no_more;
    list_t readers;
    live_t live;
    space_t space;
    hash_table_t large; /* messages in parts that are in the log (references.c) */
    checkpoint_t checkpoint;
    hash_table_t queues_by_id;
    list_t settling;       /* queues */
    list_t chilling;       /* queues */
    uint64_t asked_bytes;  /* of those being read back, about */
    record_no leaves_last; /* the newest record that a message waits for, to leave memory */
    bool cold_is_behind;   /* messages come faster than they can leave memory: publishers are held back */
    uint64_t asked_items;  /* all that were ever asked for */
    uint64_t warm_bytes;   /* of those read back and not taken yet, about */
    list_t telling;        /* left_outs_t */
    uint64_t left_out;     /* messages that cannot be read, of all queues */
    buffer_t places;       /* a list of the record being made */
    bool applying;
    bool wake_log, wake_helper;
    recovery_t *recovery; /* apply.c's, until engine_recovered */

    fifo_pages_t pages;
    uint64_t topology; /* rises with each queue, exchange and binding that comes or goes */
    route_t route;
    buffer_t scratch;
    uint64_t memory_bytes;
    unsigned alarms; /* enum alarm: those that are set */
    bool shutting_down;
    bool freeing; /* nobody listens any more */
    engine_counts_t counts;
};

/* apply.c: the record that is being applied. */
record_no recovery_at(const engine_t *e);
/* The engine ends before engine_recovered: what records only mentioned goes. */
void recovery_abandon(engine_t *e);

/* engine.c: what a queue adds to the counts, and then everything that is counted as it happens. */
void counts_add_queue(engine_counts_t *counts, const queue_t *q);
void counts_add_rest(engine_counts_t *counts, const engine_t *e);

/* query.c: answers COMMAND_QUERY on the port it came from; takes the query. */
void query_start(engine_t *e, engine_port_t *p, command_t *cmd);

/* flow.c: alarms */
void flow_check(engine_t *e);
/* True if the store has changed its mind about the disk since. */
bool flow_has_news(const engine_t *e);
/* True if publishes may have to be held back: asked of each, before anything else is. */
bool flow_is_tight(const engine_t *e);
/* True if that is for want of room in the log: then those of transactions wait, too. */
bool flow_log_is_tight(const engine_t *e);
/* True if publishes on this connection must be held back now; its client is told. */
bool flow_holds(connection_t *c);
