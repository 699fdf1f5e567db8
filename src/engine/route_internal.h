/* SPDX-License-Identifier: Apache-2.0
 *
 * route_internal.h: which queues a message goes to (route.c). */
#pragma once

#include "engine/vhost_internal.h"
#include "model/message.h"

typedef struct route {
    queue_t **queues;
    size_t count, capacity;
    exchange_t **exchanges; /* to visit */
    size_t exchange_count, exchange_capacity;
    exchange_t *synchronous; /* the first one on the way that numbers what goes through it, or NULL */
    size_t subscribers;      /* of the queues */
    size_t kept;             /* queues of rules: they come first */
    size_t windows;          /* of exchanges and queues on the way: those that know repeats */
    bool depends;            /* on what an exchange has seen */
    const keep_t *keep;      /* of the exchange being visited, if a rule keeps the message */
    uint64_t serial;         /* marks what this route visited */
    size_t work;             /* bindings, trie nodes and prefixes looked at */
    size_t topic_bytes;      /* so many octets of the topic, at most, were looked at */
    buffer_t sorted;         /* the message's headers, once a headers exchange asked for them */
    bool is_sorted;
    bool is_blind; /* windows of exchanges are not asked */
    trie_walk_t walk;
} route_t;

/* The last route of a channel's publishes: holds while engine.topology is what it was. */
#define ROUTE_MEMO_QUEUES           16
#define ROUTE_MEMO_TOPIC_BYTES      UINT8_MAX
#define ROUTE_MEMO_PROPERTIES_BYTES 64
typedef struct route_memo {
    uint64_t topology;
    exchange_t *exchange, *synchronous;
    size_t count, kept;
    queue_t *queues[ROUTE_MEMO_QUEUES];
    uint8_t exchange_len, key_len;
    uint8_t names[2 * UINT8_MAX]; /* exchange, routing key */
    bool topic_is_key;
    size_t topic_bytes; /* so many octets of the topic, at most, decided: these */
    uint8_t topic_len, topic[ROUTE_MEMO_TOPIC_BYTES];
    uint8_t checked_len, checked[ROUTE_MEMO_PROPERTIES_BYTES]; /* properties that may be published; 0: none */
} route_memo_t;

/* Routes a message as the channel's last one was, if that is known to lead there still, and returns its exchange, else
 * NULL. */
exchange_t *route_recall(channel_t *ch, const message_t *m);
/* Remembers the route just found from `x`, if headers had no part in it. */
void route_remember(channel_t *ch, exchange_t *x, const message_t *m);

/* Finds the queues for a message: each once, whatever the paths, but none behind an exchange that has seen it. They are
 * in e->route until the next call.
 * `keys`: the routing key and those of CC and BCC; `topic`: what prefixes are compared with. */
void route_message(engine_t *e, exchange_t *x, const bytes_t *keys, size_t key_count, bytes_t topic,
                   bytes_t headers);
/* A route through this exchange (NULL: none) to just these queues. */
void route_to(engine_t *e, exchange_t *x, queue_t *const *queues, size_t count);
/* It leads to these queues in place of those found, but to none that a route before this one was the last to visit. */
void route_replace(route_t *r, queue_t *const *queues, size_t count, uint64_t visited);
void route_deinit(route_t *r);

/* True if the headers satisfy the binding's arguments (headers.c); both as table_write_sorted writes them. */
bool headers_match(bytes_t criteria, bytes_t headers);
