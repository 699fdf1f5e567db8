/* SPDX-License-Identifier: Apache-2.0
 *
 * vhost_internal.h: exchanges and bindings, and the vhost that names them. */
#pragma once

#include "base/bytes.h"
#include "base/hash.h"
#include "base/list.h"
#include "engine/bus/bus.h"
#include "engine/dedup/dedup.h"
#include "engine/job.h"
#include "engine/sync/sync.h"
#include "engine/trie.h"

typedef struct vhost vhost_t;

typedef enum exchange_type {
    EXCHANGE_DIRECT,
    EXCHANGE_FANOUT,
    EXCHANGE_TOPIC,
    EXCHANGE_HEADERS
} exchange_type_t;

struct vhost {
    engine_t *engine;
    bytes_t name; /* owned */
    hash_table_t exchanges;
    hash_table_t queues;
    list_t in_order; /* the same, as they were declared; and queries on their way: queue_place_t.node */
    exchange_t *default_exchange;
    dedup_t *publishers; /* those that number their messages */
};

struct exchange {
    hash_node_t node; /* vhost.exchanges */
    vhost_t *vhost;
    bytes_t name; /* owned */
    exchange_type_t type;
    bool durable, auto_delete, internal, deleted;
    bytes_t arguments;     /* owned */
    list_t out;            /* bindings with this source */
    list_t in;             /* bindings with this destination */
    hash_table_t bindings; /* those of `out`, by identity */
    hash_table_t keys;     /* direct: routing key → key_group_t */
    list_t walked;         /* fanout, headers: bindings that are looked at one by one */
    trie_t trie;           /* topic */
    hash_table_t prefixed; /* bindings by prefix, of any type: prefix → key_group_t */
    prefix_lengths_t prefixed_lengths;
    prefix_index_t subscriptions; /* subscriber_t */
    bool keeps;                   /* a rule keeps some of its messages */
    size_t rule_bytes;            /* the longest prefix of its rules */
    uint64_t visited;             /* route that was here last */
    uint32_t holds;               /* bindings in and out, running job */
    stated_t stated;              /* if it is durable and not predeclared */
    sequencer_t *sequencer;       /* of a synchronous one (sync/sync.h); NULL else */
    dedup_t *dedup;               /* its window, if it knows repeats; NULL else */
    job_t removal;
};

/* All bindings of a direct exchange with one routing key, or of any with one prefix. */
typedef struct key_group {
    hash_node_t node; /* exchange.keys, exchange.prefixed */
    list_t bindings;
    bytes_t key; /* of one of them: a group without bindings does not exist */
} key_group_t;

struct binding {
    list_t in_source;      /* exchange.out */
    list_t in_destination; /* queue.bindings or exchange.in */
    stated_t stated;       /* if both ends are durable */
    list_t in_index;       /* key_group.bindings, trie node's, or exchange.walked: by type of the source */
    hash_node_t node;      /* exchange.bindings */
    exchange_t *source;
    bool observes;        /* argument x-sync: never: its queue is no group by it */
    bool by_prefix;       /* argument x-binding-type: prefix */
    queue_t *queue;       /* destination: this … */
    exchange_t *exchange; /* … or this */
    union {
        key_group_t *group;     /* direct, and by prefix */
        trie_node_t *trie_node; /* topic */
    };
    bytes_t identity;  /* of octets[] */
    bytes_t key;       /* part of it */
    bytes_t arguments; /* part of it: sorted */
    uint8_t octets[];
};

/* A copy in memory of its own; freed with mem_free((void *)b.data). */
bytes_t bytes_dup(bytes_t b);

vhost_t *vhost_new(engine_t *e, bytes_t name);
void vhost_free(vhost_t **v);

exchange_t *exchange_find(vhost_t *v, bytes_t name);
exchange_t *exchange_new(vhost_t *v, bytes_t name, exchange_type_t type);
/* Takes the name out at once, the bindings in slices; the memory goes when nothing points to it. */
void exchange_remove(exchange_t *x, channel_t *waiter, const event_t *reply);
void exchange_release(exchange_t *x); /* one hold less */
/* One as its record says; in the log with this number, or with 0 not in it. */
exchange_t *exchange_from_record(vhost_t *v, record_no number, const record_t *r);
bool exchange_type_parse(bytes_t name, exchange_type_t *out);
const char *exchange_type_name(exchange_type_t type);

/* Adds it unless it is there; returns it. */
binding_t *binding_add(exchange_t *source, queue_t *queue, exchange_t *exchange, bytes_t key,
                       bytes_t arguments);
/* The same, and in the log if both ends are. */
void binding_declare(exchange_t *source, queue_t *queue, exchange_t *exchange, bytes_t key,
                     bytes_t arguments);
/* Removes it, in the log too. */
void binding_undeclare(binding_t *b);
/* NULL if there is none. */
binding_t *binding_find(exchange_t *source, queue_t *queue, exchange_t *exchange, bytes_t key,
                        bytes_t arguments);
/* Removes and frees it; an auto-delete source that lost its last one goes too. */
void binding_remove(binding_t *b);
