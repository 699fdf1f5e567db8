/* SPDX-License-Identifier: Apache-2.0
 *
 * fifo_internal.h: what fifo.c (entries, one by one) and fifo_pages.c (pages as spans) share. */
#pragma once

#include <assert.h>

#include "engine/fifo.h"

typedef enum entry_state { ENTRY_GONE, ENTRY_READY, ENTRY_OUT } entry_state_t;

enum entry_flag {
    ENTRY_REDELIVERED = 1 << 0,
    ENTRY_STORED = 1 << 1,
    ENTRY_SPILLED = 1 << 2,
    ENTRY_IN_LOG = ENTRY_STORED | ENTRY_SPILLED,
    ENTRY_COLD = 1 << 3,
};

typedef struct entry {
    union {
        message_t *message;
        record_no record; /* cold */
    };
    uint32_t epoch; /* in which it became ready */
    uint8_t state;  /* entry_state_t */
    uint8_t flags;
    uint16_t returns;
} entry_t;

struct fifo_page {
    entry_t entries[1]; /* page_entries of them */
};

struct packed_page {
    uint32_t epoch; /* of all its entries */
    uint32_t bytes;
    uint8_t octets[]; /* spans from the page's first position on */
};

static_assert(sizeof(entry_t) == 16, "an entry is 16 octets");

/* ---- fifo.c ---- */

/* All its entries are GONE. */
fifo_page_t *fifo_page_new(fifo_t *f);
/* One whose entries are all gone, or NULL. */
void fifo_page_free(fifo_t *f, fifo_page_t *page);

/* Makes the directory reach from or to `position`. */
void fifo_extend(fifo_t *f, uint64_t position);

/* Puts an entry, ready, where none is; the tail stays. */
void fifo_put(fifo_t *f, uint64_t position, entry_t entry);

/* The entry at a position that may be anything, or NULL. */
entry_t *fifo_find(fifo_t *f, uint64_t position);

/* ---- fifo_pages.c ---- */

void fifo_unpack(fifo_t *f, fifo_slot_t *slot);

/* Packs the page of this position, which is in the directory, if all that is in it is ready and cold. */
bool fifo_pack(fifo_t *f, uint64_t position);

/* ---- places ---- */

static inline uint64_t page_of(const fifo_t *f, uint64_t position)
{
    return position >> f->page_bits;
}

static inline uint64_t page_begin(const fifo_t *f, uint64_t page)
{
    return page << f->page_bits;
}

static inline fifo_slot_t *slot_at(const fifo_t *f, size_t index)
{
    return &f->slots[(f->slots_head + index) & (f->slots_capacity - 1)];
}

static inline bool is_in_directory(const fifo_t *f, uint64_t position)
{
    return page_of(f, position) >= f->first_page && page_of(f, position) - f->first_page < f->slots_length;
}

static inline fifo_slot_t *slot_of(const fifo_t *f, uint64_t position)
{
    assert(is_in_directory(f, position));
    return slot_at(f, (size_t)(page_of(f, position) - f->first_page));
}

static inline entry_t *entry_at(fifo_t *f, fifo_slot_t *slot, uint64_t position)
{
    if (slot->is_packed)
        fifo_unpack(f, slot);
    return &slot->page->entries[position & (f->page_entries - 1)];
}

/* True if a dead entry: it was ready when the queue was purged. */
static inline bool is_dead(const fifo_t *f, const entry_t *entry, uint64_t position)
{
    return entry->state == ENTRY_READY && position < f->purged_below && entry->epoch != f->epoch;
}

static inline bool is_ready(const fifo_t *f, const entry_t *entry, uint64_t position)
{
    return entry->state == ENTRY_READY && !is_dead(f, entry, position);
}
