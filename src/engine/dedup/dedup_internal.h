/* SPDX-License-Identifier: Apache-2.0
 *
 * dedup_internal.h: a window and its entries.
 *
 * An entry is 104 octets and a place in a table (8 to 16), whatever its id: ids are kept as digests of 16 octets. That two
 * different ones are taken for the same needs some 10^19 of them; who makes such a pair on purpose could have sent the
 * same id. */
#pragma once

#include "engine/engine_internal.h"

#define DEDUP_DEFAULT_IDS 128 /* LavinMQ's x-cache-size */
#define DEDUP_HEADER      "x-deduplication-header"

typedef struct remembered {
    hash_node_t node; /* dedup.ids */
    list_t in_window; /* dedup.order */
    stated_t stated;  /* if it is in the log */
    dedup_t *window;
    record_no since; /* the record that said it first: their order; 0: not in the log */
    /* Of an id: when it is forgotten, in wall_ms (0: not by time); of a publisher: its highest sequence. */
    uint64_t value;
    uint64_t stored; /* of a publisher: what the log says; the last of its messages may have been transient */
    uint8_t id[HASH_DIGEST_BYTES];
} remembered_t;

static_assert(sizeof(remembered_t) == 104, "what an entry costs is promised");

struct dedup {
    engine_t *engine;
    exchange_t *exchange; /* whose it is: this … */
    queue_t *queue;       /* … or this, or, with neither, the vhost's publishers */
    hash_table_t ids;
    list_t order;    /* oldest first */
    uint64_t limit;  /* entries */
    uint64_t ttl_ms; /* 0: none */
    bytes_t header;  /* that bears the id; of the owner's arguments, or constant */
    uint64_t repeats;
};

dedup_t *dedup_new(engine_t *e, uint64_t limit);
static inline bool dedup_is_of_publishers(const dedup_t *w)
{
    return w->exchange == NULL && w->queue == NULL;
}

/* NULL: not there, or its time is over. */
remembered_t *dedup_find(const dedup_t *w, const uint8_t id[HASH_DIGEST_BYTES]);

/* The entry, made if it is not there, as the newest one; its time may be over. */
remembered_t *dedup_touch(dedup_t *w, const uint8_t id[HASH_DIGEST_BYTES]);
void dedup_forget(remembered_t *r);

/* The time of the entry is over. */
bool dedup_is_over(const remembered_t *r);

/* Forgets the oldest, if there are too many or its time is over. */
void dedup_keep_limit(dedup_t *w);

/* Puts entries that came back in their order, and keeps no more than it may. */
void dedup_settle(dedup_t *w);

/* Adds the entry's record to the batch that is there; not to be called while records are applied. */
void dedup_record(remembered_t *r);
