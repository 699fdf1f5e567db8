/* SPDX-License-Identifier: Apache-2.0
 *
 * ring.h: a bounded ring of fixed-size items between one producer thread and one consumer thread.
 *
 * Items are copied in and out. Indices only rise; each side keeps a copy of the other's index and refreshes it
 * only when it seems to be in the way, so that a full batch costs one shared cache line a side. No call blocks. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

typedef struct ring ring_t;

/* A ring for `capacity` items (rounded up to a power of two, at least 2) of `item_bytes` each. */
ring_t *ring_new(size_t capacity, size_t item_bytes);

/* Frees the ring and sets *r to NULL. Both threads must be done with it. */
void ring_free(ring_t **r);

size_t ring_capacity(const ring_t *r);

/* Producer: how many items can be pushed now (never more than really fit). */
size_t ring_room(ring_t *r);

/* Producer: takes the next place, to be written to at once; NULL if the ring is full. The consumer sees it after
 * ring_publish. */
void *ring_place(ring_t *r);

/* The same with a copy of an item; false if the ring is full. */
bool ring_push(ring_t *r, const void *item);

/* Producer: makes everything pushed so far visible to the consumer (release). */
void ring_publish(ring_t *r);

/* Consumer: the oldest item, valid until ring_pop, or NULL if the ring is empty. */
const void *ring_peek(ring_t *r);

/* Consumer: drops the item that ring_peek returned; the producer sees the room after ring_release. */
void ring_pop(ring_t *r);

/* Consumer: gives the room of all popped items back to the producer (release). */
void ring_release(ring_t *r);
