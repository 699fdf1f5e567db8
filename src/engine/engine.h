/* SPDX-License-Identifier: Apache-2.0
 *
 * engine.h: the broker as one single-threaded state machine: commands in, events out.
 *
 * The engine makes no system call, reads no clock and draws no random number: time comes with engine_step,
 * names that must be unique come with the commands. The same commands in the same order at the same times
 * give the same events. It meets others only in the lanes of the ports and of the journal attached to it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/log.h"
#include "model/journal.h"
#include "model/port.h"

typedef struct engine engine_t;

/* How many of the groups in view must have handled an event before its publisher is answered. */
typedef enum need_policy {
    NEED_UNSET, /* as the exchange says */
    NEED_ALL,
    NEED_QUORUM,
    NEED_COUNT,
    NEED_NONE, /* answered when it is stored */
} need_policy_t;

typedef struct need {
    need_policy_t policy;
    uint32_t count; /* of NEED_COUNT; "one" is 1 */
} need_t;

#define REPLAY_ALL UINT64_MAX

/* What is different for some topics of an exchange; of several whose prefix fits, the longest decides. */
typedef struct engine_topic {
    const char *name; /* in messages, and of what it keeps */
    const char *exchange;
    const char *prefix;    /* "": every topic */
    bool replay_last;      /* late joiners get the last message of each topic … */
    uint64_t replay_count; /* … or so many of all of them; 0: none */
    need_t need;
    uint64_t timeout_ms; /* 0: as the exchange says */
    uint32_t window;     /* 0: as the exchange says */
} engine_topic_t;

/* Every bound is a setting; tiny mode makes them small. */
typedef struct engine_options {
    uint64_t memory_high_bytes; /* memory of messages at which publishers are held back; 0: no alarm */
    uint64_t held_bytes;        /* per connection: publishes held back before its socket is no longer read */
    uint64_t
        output_bytes; /* per connection: octets delivered and not yet sent before deliveries to it stop */
    uint32_t parked_commands; /* per connection: commands waiting behind one that is not finished, likewise */
    uint32_t unacked_max;     /* per channel: deliveries without an ack before deliveries to it stop */
    uint32_t page_entries;    /* entries per page of a queue (a power of two) */
    uint32_t slice;           /* units of work (a message, a binding) a job does in one go */
    uint32_t consumers_max_per_channel; /* 0: unlimited */
    uint64_t memory_bodies;         /* octets of messages in memory; what is above is read back when needed */
    uint64_t unwritten_bytes;       /* on their way to the log before no more commands are taken */
    uint64_t batch_bytes;           /* a batch is closed when it has reached this */
    uint64_t checkpoint_bytes;      /* of log before the next checkpoint */
    uint64_t deduplication_ids_max; /* that an exchange or a queue may remember */
    uint64_t publishers_max;        /* whose sequence is remembered, of a vhost */
    uint64_t transaction_bytes;     /* per channel: of messages published in a transaction */
    uint32_t transaction_actions;   /* and of places they go to and acks: all of it is applied in one step */
    const engine_topic_t *topics;   /* must outlive the engine */
    size_t topic_count;
    const log_t *log;
} engine_options_t;

/* Defaults for a machine of ordinary size; memory_high_bytes 0. */
void engine_options_default(engine_options_t *options);

/* An engine with one vhost, "/", and its predeclared exchanges. `options` is copied; its log must outlive it.
 */
engine_t *engine_new(const engine_options_t *options);

/* Frees everything, also what clients still use: their loans must not be touched any more. Sets *e to NULL.
 */
void engine_free(engine_t **e);

/* Joins a port to the engine, before the first step. */
void engine_attach(engine_t *e, port_t *port);

/* Joins it to a store, before the first step. Without one nothing is durable, and no reply waits. */
void engine_attach_journal(engine_t *e, journal_t *journal);

/* Takes over one record of the log, in order, before the first step; a second time it changes nothing. Everything that
 * `r` and `content` point to may go afterwards. False: such a record cannot be (says so in the log). */
bool engine_apply(engine_t *e, record_no number, const record_t *r, bytes_t content, bool damaged);

/* After the last one: the state is whole. `last` is the log's highest record; `now_ms` the time of the first step. */
void engine_recovered(engine_t *e, record_no last, uint64_t now_ms);

/* True if the store has answered something that no step has looked at. */
bool engine_has_news(const engine_t *e);

/* Whom to wake after a step: once for each time there is news. */
bool engine_wants_log(engine_t *e);
bool engine_wants_helper(engine_t *e);

/* At a clean stop, when all connections are gone: writes down what was delivered, exactly. Step on until
 * engine_is_durable. */
void engine_finish(engine_t *e);
bool engine_is_durable(const engine_t *e);

/* Does a bounded amount of work: takes commands, runs due timers and slices of jobs, dispatches messages,
 * fills the event lanes. `now_ms` never goes back; `wall_ms` is the wall clock's. Returns true if there is
 * more to do at once. */
bool engine_step(engine_t *e, uint64_t now_ms, uint64_t wall_ms);

/* After a step: true, once, if its I/O thread should look: events were made visible, or room for commands
 * given back. */
bool engine_port_wants_wake(engine_t *e, const port_t *port);

/* When the next timer is due (engine time), or UINT64_MAX. */
uint64_t engine_deadline_ms(const engine_t *e);

/* Ends all connections with 320 "broker forced connection closure with reason 'shutdown'", in the steps that
 * follow. */
void engine_shutdown(engine_t *e);

/* All of it at once, queue by queue: for tests, start and stop. A query does the same in slices. */
void engine_count(const engine_t *e, engine_counts_t *counts);
