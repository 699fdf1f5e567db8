/* SPDX-License-Identifier: Apache-2.0
 *
 * unacked.h: the deliveries of a channel that wait for an ack, by rising tag, in chunks (unacked.c). */
#pragma once

#include <stddef.h>
#include <stdint.h>

typedef struct queue queue_t;
typedef struct consumer consumer_t;

/* A delivery that waits for an ack. */
typedef struct unacked {
    uint64_t tag;
    uint64_t position : 63;
    uint64_t claimed : 1; /* the channel's transaction settles it, if it is committed */
    queue_t *queue;       /* NULL: settled, a hole */
    consumer_t *consumer; /* NULL: basic.get */
} unacked_t;

#define POSITION_BITS (UINT64_MAX >> 1)

/* Deliveries by rising tag, in chunks; unacked.c. */
typedef struct unacked_chunk unacked_chunk_t;
typedef struct unacked_list {
    unacked_chunk_t **chunks; /* from `first` on, by rising tag */
    size_t first, chunk_count, capacity;
    size_t count; /* of deliveries */
} unacked_list_t;

void unacked_push(unacked_list_t *l, const unacked_t *u);
/* The delivery with this tag, or NULL. */
unacked_t *unacked_find(unacked_list_t *l, uint64_t tag);
/* The oldest, or NULL. */
unacked_t *unacked_first(unacked_list_t *l);
/* The oldest from this tag on that no transaction has claimed, or NULL. */
unacked_t *unacked_next(unacked_list_t *l, uint64_t from);
/* The newest; 0: none. */
uint64_t unacked_last_tag(const unacked_list_t *l);
void unacked_remove(unacked_list_t *l, unacked_t *u);
void unacked_deinit(unacked_list_t *l);
