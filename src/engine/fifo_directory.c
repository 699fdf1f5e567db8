/* SPDX-License-Identifier: Apache-2.0
 *
 * fifo_directory.c: which pages of a fifo there are: slots by rising page number, those of the newest pages side by side. So
 * a page is mostly found by counting from the end, and else by halving. A page with nothing left keeps its slot for a while;
 * when half of them are such, they go: a few old entries with billions of newer ones behind them cost no more than any. */
#include <string.h>

#include "base/alloc.h"
#include "engine/fifo_internal.h"

#define COMPACT_LEAST 16 /* slots without a page */

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
    for (size_t i = 0; i < count; i++) {
        f->slots = mem_grow_circle(f->slots, sizeof *f->slots, f->slots_length, &f->slots_capacity,
                                   &f->slots_head, 2);
        f->slots_length++;
    }
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
        f->slots_head = (f->slots_head + 1) & (f->slots_capacity - 1);
        f->slots_length--;
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
