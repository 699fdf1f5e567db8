/* SPDX-License-Identifier: Apache-2.0
 *
 * bus.h: subscribers: who wants all that has one of its prefixes, as it comes.
 *
 * A subscriber is a queue: transient, exclusive, consumed without acks, bounded. Its prefixes are no bindings but places in
 * its exchange's index (prefix.h): there may be a million of them. What happens to messages that are more than it takes is
 * its policy's.
 *
 * subscriber.c   how it comes, what it wants, how it goes
 * slow.c         what happens at its bounds */
#pragma once

#include "base/list.h"
#include "engine/bus/prefix.h"
#include "engine/engine.h"
#include "model/command.h"

typedef struct exchange exchange_t;
typedef struct queue queue_t;
typedef struct channel channel_t;

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
    list_t publishers;     /* channels that wait for it: channel.waiting_link */
    list_t slow;           /* engine.slow while there are any */
} subscriber_t;

static inline subscriber_t *subscriber_of(prefix_holder_t *who)
{
    return (subscriber_t *)(void *)who; /* its first member */
}

/* ---- subscriber.c ---- */

/* Takes any one of its prefixes out of the index; false if there is none. */
bool subscriber_drop_prefix(subscriber_t *s);

/* Takes any subscription to the exchange out; false if there is none. */
bool subscriptions_drop(exchange_t *x);

/* Its queue is gone for everybody: those who waited for it go on. Its prefixes are dropped later. */
void subscriber_leave(subscriber_t *s);

/* It has no prefixes any more. Harmless if *s is NULL. */
void subscriber_free(subscriber_t **s);

/* ---- slow.c ---- */

/* True if the message just routed must wait for one of its subscribers: the channel does, the command is in front of
 * what it has parked. */
bool subscribers_hold(channel_t *ch, command_t *cmd);

/* True if one more message may be put into its queue; else it is dropped, and counted. Its oldest may be dropped for it; or
 * it may end. */
bool subscriber_admits(subscriber_t *s);

/* Publishers that waited for a subscriber which has room now, or is gone, go on. */
void slow_run(engine_t *e);
