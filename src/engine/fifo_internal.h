/* SPDX-License-Identifier: Apache-2.0
 *
 * fifo_internal.h: what fifo.c (entries, one by one), fifo_directory.c (which pages there are) and fifo_pages.c (pages as
 * spans) share. */
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

/* Of one that is in the log. */
static inline record_no record_of(const entry_t *e)
{
    return e->flags & ENTRY_COLD ? e->record : e->message->record;
}

/* ---- fifo.c ---- */

/* All its entries are GONE. */
fifo_page_t *fifo_page_new(fifo_t *f);
/* One whose entries are all gone, or NULL. */
void fifo_page_free(fifo_t *f, fifo_page_t *page);

/* Puts an entry, ready, where none is; the tail stays. */
void fifo_put(fifo_t *f, uint64_t position, entry_t entry);

/* The entry at a position that may be anything, or NULL. */
entry_t *fifo_find(fifo_t *f, uint64_t position);

/* ---- fifo_directory.c ---- */

#define BLOCK_BITS  6
#define BLOCK_SLOTS (1u << BLOCK_BITS)

/* Lets go of blocks without a slot; of all of them, if there is none. */
void fifo_blocks_trim(fifo_t *f);

/* The index of the first slot of this page or one behind it; slots_length: there is none. */
size_t fifo_slot_search(const fifo_t *f, uint64_t page);

/* The slot of this page; it is made if there is none. Others move. */
fifo_slot_t *fifo_slot_make(fifo_t *f, uint64_t page);

/* Those from this one to below `end`, as far as none of them is there and later ones are: side by side in one go. */
void fifo_slots_make(fifo_t *f, uint64_t page, uint64_t end);

/* Nothing is left in it: its page goes, unless `tail` writes into it, and slots may go. */
void fifo_slot_emptied(fifo_t *f, fifo_slot_t *slot);

/* ---- fifo_pages.c ---- */

void fifo_unpack(fifo_t *f, fifo_slot_t *slot);

/* Packs the slot's page, if there is one and all that is in it is ready and cold. True if it is packed. */
bool fifo_pack(fifo_t *f, fifo_slot_t *slot);

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
    size_t at = f->slots_head + index;
    fifo_slot_t *block = f->blocks[(f->blocks_head + (at >> BLOCK_BITS)) & (f->blocks_capacity - 1)];
    return &block[at & (BLOCK_SLOTS - 1)];
}

/* As fifo_slot_search; mostly the newest pages stand side by side, and so do the oldest. */
static inline size_t slot_index(const fifo_t *f, uint64_t page)
{
    size_t length = f->slots_length;
    if (length == 0)
        return 0;
    uint64_t last = slot_at(f, length - 1)->number;
    if (page >= last)
        return page > last ? length : length - 1;
    uint64_t back = last - page, ahead = page - slot_at(f, 0)->number;
    if (ahead < length && slot_at(f, (size_t)ahead)->number == page)
        return (size_t)ahead;
    if (back < length && slot_at(f, length - 1 - (size_t)back)->number == page)
        return length - 1 - (size_t)back;
    return fifo_slot_search(f, page);
}

/* NULL: nothing is there. */
static inline fifo_slot_t *slot_find(const fifo_t *f, uint64_t position)
{
    size_t index = slot_index(f, page_of(f, position));
    fifo_slot_t *slot = index < f->slots_length ? slot_at(f, index) : NULL;
    return slot && slot->number == page_of(f, position) ? slot : NULL;
}

static inline fifo_slot_t *slot_of(const fifo_t *f, uint64_t position)
{
    fifo_slot_t *slot = slot_find(f, position);
    assert(slot);
    return slot;
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
