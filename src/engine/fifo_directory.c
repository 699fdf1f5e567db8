/* SPDX-License-Identifier: Apache-2.0
 *
 * fifo_directory.c: which pages of a fifo there are: slots by rising page number, those of the newest pages side by side. So
 * a page is mostly found by counting from the end, and else by halving. A page with nothing left keeps its slot for a while;
 * when half of them are such, they go: a few old entries with billions of newer ones behind them cost no more than any.
 *
 * Slots stand in blocks, so that nothing is copied for all of them when there are more. Most queues never have more than a few
 * slots: the first block begins small. */
#include <string.h>

#include "base/alloc.h"
#include "engine/fifo_internal.h"

#define FIRST_SLOTS   2
#define COMPACT_LEAST 16 /* slots without a page */

/* ---- blocks ---- */

static fifo_slot_t **block_at(const fifo_t *f, size_t index)
{
    return &f->blocks[(f->blocks_head + index) & (f->blocks_capacity - 1)];
}

static void append_block(fifo_t *f)
{
    f->only_places = f->block_count == 0 ? FIRST_SLOTS : BLOCK_SLOTS;
    f->blocks = mem_grow_circle(f->blocks, sizeof(fifo_slot_t *), f->block_count, &f->blocks_capacity,
                                &f->blocks_head, 1);
    *block_at(f, f->block_count++) = mem_alloc(f->only_places * sizeof(fifo_slot_t));
}

static void widen_only_block(fifo_t *f)
{
    fifo_slot_t **block = block_at(f, 0);
    if (f->slots_head > 0) {
        memmove(*block, *block + f->slots_head, f->slots_length * sizeof **block);
        f->slots_head = 0;
    } else {
        f->only_places = (uint8_t)(f->only_places * 2);
        *block = mem_resize(*block, f->only_places * sizeof **block);
    }
}

static void append_slot(fifo_t *f)
{
    size_t places = f->block_count > 1 ? f->block_count * BLOCK_SLOTS : f->only_places;
    if (f->slots_head + f->slots_length == places) {
        if (f->block_count == 1 && (f->only_places < BLOCK_SLOTS || f->slots_head >= BLOCK_SLOTS / 2))
            widen_only_block(f);
        else
            append_block(f);
    }
    f->slots_length++;
}

static void drop_first_slot(fifo_t *f)
{
    f->slots_length--;
    if (++f->slots_head == BLOCK_SLOTS) {
        mem_free(*block_at(f, 0));
        f->blocks_head = (f->blocks_head + 1) & (f->blocks_capacity - 1);
        if (--f->block_count == 0)
            f->only_places = 0;
        f->slots_head = 0;
    }
    if (f->slots_length == 0)
        f->slots_head = 0; /* the block stays: mostly there is soon a slot again */
}

void fifo_blocks_trim(fifo_t *f)
{
    if (f->slots_length == 0)
        f->slots_head = 0;
    size_t needed = (f->slots_head + f->slots_length + BLOCK_SLOTS - 1) >> BLOCK_BITS;
    while (f->block_count > needed)
        mem_free(*block_at(f, --f->block_count));
    if (f->block_count > 0)
        return;
    mem_free(f->blocks);
    f->blocks = NULL;
    f->blocks_capacity = f->blocks_head = f->only_places = 0;
}

/* ---- slots ---- */

size_t fifo_slot_search(const fifo_t *f, uint64_t page)
{
    size_t low = 0, high = f->slots_length;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (slot_at(f, middle)->number >= page)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

/* Room for `count` slots before the one at this index, or at the end. */
static void insert_slots(fifo_t *f, size_t at, size_t count)
{
    for (size_t i = 0; i < count; i++)
        append_slot(f);
    for (size_t i = f->slots_length - 1; i >= at + count; i--)
        *slot_at(f, i) = *slot_at(f, i - count);
}

fifo_slot_t *fifo_slot_make(fifo_t *f, uint64_t page)
{
    size_t at = slot_index(f, page);
    if (at < f->slots_length && slot_at(f, at)->number == page)
        return slot_at(f, at);
    insert_slots(f, at, 1);
    *slot_at(f, at) = (fifo_slot_t){.number = page};
    return slot_at(f, at);
}

void fifo_slots_make(fifo_t *f, uint64_t page, uint64_t end)
{
    size_t at = slot_index(f, page);
    if (at == f->slots_length || slot_at(f, at)->number == page)
        return;
    if (end > slot_at(f, at)->number)
        end = slot_at(f, at)->number;
    insert_slots(f, at, (size_t)(end - page));
    for (; page < end; page++, at++)
        *slot_at(f, at) = (fifo_slot_t){.number = page};
}

/* The page that `tail` falls into stays. One that it fell into once, before positions were skipped, may be there without an
 * entry. */
static bool is_empty(const fifo_t *f, const fifo_slot_t *slot)
{
    return slot->present == 0 && slot->number != page_of(f, f->tail);
}

static void drop_front(fifo_t *f)
{
    while (f->slots_length > 0 && is_empty(f, slot_at(f, 0))) {
        fifo_page_free(f, slot_at(f, 0)->page);
        drop_first_slot(f);
    }
}

static void compact(fifo_t *f)
{
    size_t kept = 0;
    for (size_t i = 0; i < f->slots_length; i++) {
        if (is_empty(f, slot_at(f, i)))
            fifo_page_free(f, slot_at(f, i)->page);
        else
            *slot_at(f, kept++) = *slot_at(f, i);
    }
    f->slots_length = kept;
    f->slots_emptied = 0;
    fifo_blocks_trim(f);
}

void fifo_slot_emptied(fifo_t *f, fifo_slot_t *slot)
{
    if (!is_empty(f, slot))
        return;
    fifo_page_free(f, slot->page);
    slot->page = NULL;
    drop_front(f);
    if (++f->slots_emptied >= COMPACT_LEAST && f->slots_emptied > f->slots_length / 2)
        compact(f);
}
