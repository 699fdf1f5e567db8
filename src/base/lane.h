/* SPDX-License-Identifier: Apache-2.0
 *
 * lane.h: one direction between two threads: a ring, and behind it an overflow list of the producer's own.
 *
 * Nobody ever blocks on a ring and nothing that must be said is lost: lane_push always takes the item; what does
 * not fit waits in the producer's overflow and moves into the ring in order. That stays bounded because of one
 * rule, which every producer keeps: while lane_room() is 0 it takes no new work that would make it push (an I/O
 * thread stops reading sockets, the engine stops taking that port's commands and delivering to it). What is pushed
 * all the same are answers and notices whose number is bounded by state that exists already. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/ring.h"

typedef struct lane lane_t;

lane_t *lane_new(size_t capacity, size_t item_bytes);

/* Frees the lane with whatever items it holds (items are plain octets here). Sets *l to NULL. */
void lane_free(lane_t **l);

/* Both sides have ended: gives what nobody will take any more to `discard`, the overflow's items too, and frees the
 * lane. Harmless if *l is NULL. */
typedef void lane_discard_t(const void *item);
void lane_discard(lane_t **l, lane_discard_t *discard);

/* Producer: takes a copy of the item in every case. */
void lane_push(lane_t *l, const void *item);

/* The same without the copy: the item's place, to be written to before anything else is done with the lane. Who knows the
 * item's type writes it faster than a copy of so many octets. */
void *lane_place(lane_t *l);

/* Producer: free places in the ring now; 0 while anything waits in the overflow. */
size_t lane_room(lane_t *l);

/* Producer: moves overflow into the ring as far as it goes and makes all of it visible to the consumer.
 * True if the consumer got items it has not been told of since the last true (so: wake it). */
bool lane_flush(lane_t *l);

/* Producer: items waiting in the overflow. */
size_t lane_overflow(const lane_t *l);

/* Consumer: the oldest item, valid until lane_pop, or NULL. */
const void *lane_peek(lane_t *l);
void lane_pop(lane_t *l);

/* Consumer: gives the room of what was popped back to the producer. True if anything was given back. */
bool lane_release(lane_t *l);

/* Consumer: true if nothing is there to peek now. */
bool lane_empty(lane_t *l);
