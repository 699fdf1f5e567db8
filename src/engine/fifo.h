/* SPDX-License-Identifier: Apache-2.0
 *
 * fifo.h: the order of a queue: a paged deque of entries, each at a position that never changes.
 *
 * An entry keeps its slot while it is out (delivered, not acked), so going back to its original place is a
 * change of state. Pages live in a directory by position; each directory slot counts its ready entries, so
 * that looking for the next one skips pages in a contiguous array. Purging empties those counts and raises
 * the epoch: entries that were ready before are dead and are swept up later, in slices; entries that were out
 * come back with the new epoch. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/message.h"

typedef struct fifo_page fifo_page_t;

typedef struct fifo_slot {
    fifo_page_t *page; /* NULL: nothing left in it */
    uint32_t ready;    /* entries that can be taken */
    uint32_t present;  /* entries not gone: ready, out, or dead and not yet swept */
} fifo_slot_t;

typedef struct fifo {
    fifo_slot_t *slots; /* circular; slot i holds page first_page + i */
    size_t slots_capacity, slots_head, slots_length;
    uint64_t first_page;
    uint64_t tail;   /* the next position */
    uint64_t cursor; /* no entry below it is ready */
    uint64_t ready, out;
    uint64_t purged_below; /* entries below, ready in an older epoch, are dead */
    uint64_t swept_below;  /* sweeping has come so far */
    uint32_t epoch;
    uint32_t page_entries; /* a power of two */
} fifo_t;

void fifo_init(fifo_t *f, uint32_t page_entries);

/* Frees pages and directory; entries must have been drained. */
void fifo_deinit(fifo_t *f);

/* Puts `m` last; the caller's reference passes to the fifo. Returns the position. */
uint64_t fifo_append(fifo_t *f, message_t *m);

/* The first ready entry goes out. NULL if there is none. The fifo keeps its reference. */
message_t *fifo_take(fifo_t *f, uint64_t *position, bool *redelivered);

/* An entry that is out becomes ready again, at its place, redelivered. */
void fifo_return(fifo_t *f, uint64_t position);

/* An entry that is out goes for good; its reference passes to the caller. */
message_t *fifo_remove(fifo_t *f, uint64_t position);

/* Everything ready is gone from now on; returns how many. Sweep afterwards. */
uint64_t fifo_purge(fifo_t *f);

/* True if dead entries are to be swept. */
bool fifo_needs_sweep(const fifo_t *f);

/* Sweeps the next dead entry, looking at no more than *budget entries (counted down); its reference passes to
 * the caller. NULL: budget used up or nothing left. */
message_t *fifo_sweep(fifo_t *f, uint32_t *budget);

/* Takes any entry out, whatever its state (the queue is deleted). NULL: empty. *budget as above. */
message_t *fifo_drain(fifo_t *f, uint32_t *budget);
