/* SPDX-License-Identifier: Apache-2.0
 *
 * bus.h: subscribers: who wants all that has one of its prefixes, as it comes.
 *
 * A subscriber is a queue: transient, exclusive, consumed without acks, bounded. Its prefixes are no bindings but places in
 * its exchange's index (prefix.h): there may be a million of them. What happens to messages that are more than it takes is
 * its policy's.
 *
 * Rules (engine_topic_t, replay) say what is kept of an exchange's messages for those who come late.
 *
 * subscriber.c   how it comes, what it wants, how it goes
 * slow.c         what happens at its bounds
 * keep.c         what is kept
 * join.c         who comes late is sent that first */
#pragma once

#include "base/list.h"
#include "engine/bus/prefix.h"
#include "engine/durable/durable_internal.h"
#include "engine/engine.h"
#include "model/command.h"

typedef struct exchange exchange_t;
typedef struct queue queue_t;
typedef struct channel channel_t;
typedef struct join join_t;
typedef struct keep_key keep_key_t;

/* Of a rule that keeps the last message of each routing key: where it is. */
typedef struct keep_keys {
    hash_table_t by_key; /* keep_key_t */
    list_t in_order;     /* the same, by position */
} keep_keys_t;

/* A rule, and what it keeps. */
typedef struct keep {
    const engine_topic_t *rule;
    size_t number;         /* in engine.keeps */
    queue_t *queue;        /* NULL: it keeps nothing; else as long as the engine */
    list_t joins;          /* that read it: join.in_keep */
    uint64_t read_average; /* octets of a message that was read back, about */
} keep_t;

typedef enum slow_policy { SLOW_DROP_NEWEST, SLOW_DROP_OLDEST, SLOW_BLOCK, SLOW_DISCONNECT } slow_policy_t;

typedef struct subscriber {
    prefix_holder_t prefixes; /* in exchange->subscriptions */
    exchange_t *exchange;     /* of its prefixes, as long as it has any */
    queue_t *queue;
    slow_policy_t policy;
    uint64_t max_messages, max_bytes;
    uint64_t bytes;        /* memory of the messages in its queue */
    uint64_t dropped;      /* messages, so far */
    uint64_t told_dropped; /* of them, those that the log was told of … */
    uint64_t told_ms;      /* … and when */
    list_t joins;          /* prefixes whose kept messages it is still to get; the first is at it */
    size_t join_count;
    uint32_t joins_so_far;         /* a prefix's mark is its join's number; 0: live */
    list_t joining;                /* engine.joining, or .joins_waiting */
    list_t publishers;             /* channels that wait for it: channel.waiting_link */
    list_t slow;                   /* engine.slow while there are any */
    uint64_t coming, coming_bytes; /* messages of the transaction that is asked for now; 0 else */
} subscriber_t;

static inline subscriber_t *subscriber_of(prefix_holder_t *who)
{
    return (subscriber_t *)(void *)who; /* its first member */
}

/* ---- subscriber.c ---- */

/* Takes any one of its prefixes out of the index; false if there is none. */
bool subscriber_drop_prefix(subscriber_t *s);

/* Takes any subscription to the exchange, which is deleted, out; false if there is none. A subscriber that has lost its last
 * ends: it would wait for ever. */
bool subscriptions_drop(exchange_t *x);

/* Its queue is gone for everybody: those who waited for it go on. Its prefixes are dropped later. */
void subscriber_leave(subscriber_t *s);

/* It has no prefixes any more. Harmless if *s is NULL. */
void subscriber_free(subscriber_t **s);

/* ---- slow.c ---- */

/* True if the message just routed must wait for one of its subscribers: the channel does, the command is in front of
 * what it has parked. */
bool subscribers_hold(channel_t *ch, command_t *cmd);

/* The same of this one. */
bool subscriber_holds(subscriber_t *s, channel_t *ch, command_t *cmd);

/* False if so much at once could never be put into its queue without loss, although it is one that blocks. */
bool subscriber_ever_takes(const subscriber_t *s, uint64_t messages, uint64_t bytes);

/* True if one more message may be put into its queue; else it is dropped, and counted. Its oldest may be dropped for it; or
 * it may end. */
bool subscriber_admits(subscriber_t *s);

/* It will not get a message that it should have got. */
void subscriber_lost(subscriber_t *s);

/* True while it has no more than half of what it may have. */
bool subscriber_has_room(const subscriber_t *s);

/* Publishers that waited for a subscriber which has room now, or is gone, go on. */
void slow_run(engine_t *e);

/* ---- keep.c ---- */

void keeps_init(engine_t *e);
void keeps_deinit(engine_t *e);

/* Before the first step: queues of rules are there, and hold what they should. */
void keeps_start(engine_t *e);

/* A new exchange: notes whether there are rules for it. */
void keeps_note_exchange(exchange_t *x);

/* It is gone, and what was kept of it. */
void keeps_forget(const exchange_t *x);

/* Where a message of this topic is kept; NULL: nowhere. */
keep_t *keep_for(const exchange_t *x, bytes_t topic);

/* True if messages with this prefix may be there. */
bool keep_overlaps(const keep_t *k, const exchange_t *x, bytes_t prefix);

/* A message was appended to a rule's queue: what it replaces goes. */
void keep_appended(queue_t *q, const message_t *m);

/* A queue was given its name. */
void keep_defined(queue_t *q);

/* A record placed a message of this routing key there. */
void keep_applied(queue_t *q, bytes_t key, uint64_t position);

/* What was kept there of this routing key has expired. */
void keep_expired(queue_t *q, bytes_t key, uint64_t position);

/* Says again where the message of a topic is. Returns the octets that took, about. */
size_t keep_state(engine_t *e, stated_t *s);

void keep_keys_free(keep_keys_t **keys);

/* ---- join.c ---- */

/* A prefix that is new to the subscriber: kept messages come first, if there are any. */
void join_start(subscriber_t *s, prefix_place_t *place);

/* True if a message that is kept there must not go to the subscriber by this prefix: its join comes to it. */
bool join_withholds(const subscriber_t *s, const prefix_place_t *place, const keep_t *k);

/* All of the subscriber's end. */
void joins_cancel(subscriber_t *s);

/* The message there is replaced: joins that have not come to it lose it. */
void joins_lost(keep_t *k, uint64_t position);

/* The subscriber's queue has become shorter. */
void joins_have_room(subscriber_t *s);

void joins_run(engine_t *e);
