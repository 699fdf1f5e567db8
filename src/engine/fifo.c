/* SPDX-License-Identifier: Apache-2.0
 *
 * fifo.c: see fifo.h. Positions start at 1; page p holds positions p * page_entries … + page_entries - 1. */
#include "engine/fifo.h"

#include <assert.h>
#include <string.h>

#include "base/alloc.h"

typedef enum entry_state { ENTRY_GONE, ENTRY_READY, ENTRY_OUT } entry_state_t;

typedef struct entry {
    message_t *message;
    uint32_t epoch; /* in which it became ready */
    uint8_t state;  /* entry_state_t */
    bool redelivered;
} entry_t;

struct fifo_page {
    entry_t entries[1]; /* page_entries of them */
};

static_assert(sizeof(entry_t) == 16, "an entry is 16 octets");

void fifo_init(fifo_t *f, uint32_t page_entries)
{
    assert(page_entries >= 2 && (page_entries & (page_entries - 1)) == 0);
    *f = (fifo_t){.page_entries = page_entries, .tail = 1, .cursor = 1, .purged_below = 1, .swept_below = 1};
}

void fifo_deinit(fifo_t *f)
{
    for (size_t i = 0; i < f->slots_length; i++)
        mem_free(f->slots[(f->slots_head + i) & (f->slots_capacity - 1)].page);
    mem_free(f->slots);
    *f = (fifo_t){0};
}

static fifo_slot_t *slot_of(const fifo_t *f, uint64_t position)
{
    uint64_t page = position / f->page_entries;
    assert(page >= f->first_page && page - f->first_page < f->slots_length);
    return &f->slots[(f->slots_head + (size_t)(page - f->first_page)) & (f->slots_capacity - 1)];
}

static entry_t *entry_at(const fifo_t *f, const fifo_slot_t *slot, uint64_t position)
{
    return &slot->page->entries[position & (f->page_entries - 1)];
}

static void grow_directory(fifo_t *f)
{
    size_t capacity = f->slots_capacity ? f->slots_capacity * 2 : 2;
    fifo_slot_t *slots = mem_alloc(capacity * sizeof *slots);
    for (size_t i = 0; i < f->slots_length; i++)
        slots[i] = f->slots[(f->slots_head + i) & (f->slots_capacity - 1)];
    mem_free(f->slots);
    f->slots = slots;
    f->slots_capacity = capacity;
    f->slots_head = 0;
}

/* The slot of the page that `tail` falls into, with a page in it. */
static fifo_slot_t *tail_slot(fifo_t *f)
{
    uint64_t page = f->tail / f->page_entries;
    if (f->slots_length == 0)
        f->first_page = page;
    if (page - f->first_page == f->slots_length) {
        if (f->slots_length == f->slots_capacity)
            grow_directory(f);
        f->slots[(f->slots_head + f->slots_length) & (f->slots_capacity - 1)] = (fifo_slot_t){0};
        f->slots_length++;
    }
    fifo_slot_t *slot = slot_of(f, f->tail);
    if (slot->page == NULL)
        slot->page = mem_zero(f->page_entries * sizeof(entry_t));
    return slot;
}

uint64_t fifo_append(fifo_t *f, message_t *m)
{
    fifo_slot_t *slot = tail_slot(f);
    *entry_at(f, slot, f->tail) = (entry_t){.message = m, .epoch = f->epoch, .state = ENTRY_READY};
    slot->ready++;
    slot->present++;
    f->ready++;
    return f->tail++;
}

/* True if a dead entry: it was ready when the queue was purged. */
static bool is_dead(const fifo_t *f, const entry_t *entry, uint64_t position)
{
    return entry->state == ENTRY_READY && position < f->purged_below && entry->epoch != f->epoch;
}

static bool is_ready(const fifo_t *f, const entry_t *entry, uint64_t position)
{
    return entry->state == ENTRY_READY && !is_dead(f, entry, position);
}

message_t *fifo_take(fifo_t *f, uint64_t *position, bool *redelivered)
{
    if (f->ready == 0)
        return NULL;
    uint64_t first = f->first_page * f->page_entries;
    uint64_t at = f->cursor > first ? f->cursor : first;
    for (;;) {
        fifo_slot_t *slot = slot_of(f, at);
        if (slot->ready == 0) {
            at = (at / f->page_entries + 1) * f->page_entries;
            continue;
        }
        entry_t *entry = entry_at(f, slot, at);
        if (!is_ready(f, entry, at)) {
            at++;
            continue;
        }
        entry->state = ENTRY_OUT;
        slot->ready--;
        f->ready--;
        f->out++;
        f->cursor = at + 1;
        *position = at;
        *redelivered = entry->redelivered;
        return entry->message;
    }
}

void fifo_return(fifo_t *f, uint64_t position)
{
    fifo_slot_t *slot = slot_of(f, position);
    entry_t *entry = entry_at(f, slot, position);
    assert(entry->state == ENTRY_OUT);
    entry->state = ENTRY_READY;
    entry->epoch = f->epoch;
    entry->redelivered = true;
    slot->ready++;
    f->ready++;
    f->out--;
    if (position < f->cursor)
        f->cursor = position;
}

/* Frees pages at the front that nothing is left in; the page that `tail` falls into stays in the directory.
 */
static void drop_front(fifo_t *f)
{
    uint64_t tail_page = f->tail / f->page_entries;
    while (f->slots_length > 0 && f->first_page < tail_page && f->slots[f->slots_head].present == 0) {
        f->slots_head = (f->slots_head + 1) & (f->slots_capacity - 1);
        f->slots_length--;
        f->first_page++;
    }
}

/* One entry less in the slot; its page goes with the last one. The page that `tail` writes into stays: its
 * last entry is yet to come. */
static void entry_gone(fifo_t *f, fifo_slot_t *slot, entry_t *entry, uint64_t position)
{
    *entry = (entry_t){0};
    if (--slot->present > 0)
        return;
    if (position / f->page_entries != f->tail / f->page_entries) {
        mem_free(slot->page);
        slot->page = NULL;
        drop_front(f);
    }
}

message_t *fifo_remove(fifo_t *f, uint64_t position)
{
    fifo_slot_t *slot = slot_of(f, position);
    entry_t *entry = entry_at(f, slot, position);
    assert(entry->state == ENTRY_OUT);
    message_t *m = entry->message;
    f->out--;
    entry_gone(f, slot, entry, position);
    return m;
}

uint64_t fifo_purge(fifo_t *f)
{
    uint64_t purged = f->ready;
    if (purged == 0)
        return 0;
    for (size_t i = 0; i < f->slots_length; i++)
        f->slots[(f->slots_head + i) & (f->slots_capacity - 1)].ready = 0;
    f->ready = 0;
    f->epoch++;
    f->purged_below = f->tail;
    f->cursor = f->tail;
    f->swept_below = f->first_page * f->page_entries;
    return purged;
}

bool fifo_needs_sweep(const fifo_t *f)
{
    return f->swept_below < f->purged_below;
}

/* The next position from `at` on whose page exists, below `end`. */
static uint64_t skip_empty_pages(const fifo_t *f, uint64_t at, uint64_t end)
{
    uint64_t first = f->first_page * f->page_entries;
    if (at < first)
        at = first;
    if (f->slots_length == 0)
        return end;
    while (at < end && slot_of(f, at)->page == NULL)
        at = (at / f->page_entries + 1) * f->page_entries;
    return at < end ? at : end;
}

/* Takes the next entry below `end` out of its place: any, or only a dead one. */
static message_t *collect(fifo_t *f, uint64_t end, bool dead_only, uint32_t *budget)
{
    for (; *budget > 0; (*budget)--) {
        uint64_t at = skip_empty_pages(f, f->swept_below, end);
        f->swept_below = at;
        if (at >= end)
            return NULL;
        f->swept_below = at + 1;
        fifo_slot_t *slot = slot_of(f, at);
        entry_t *entry = entry_at(f, slot, at);
        if (entry->state != ENTRY_GONE && (!dead_only || is_dead(f, entry, at))) {
            message_t *m = entry->message;
            entry_gone(f, slot, entry, at);
            return m;
        }
    }
    return NULL;
}

message_t *fifo_sweep(fifo_t *f, uint32_t *budget)
{
    return collect(f, f->purged_below, true, budget);
}

message_t *fifo_drain(fifo_t *f, uint32_t *budget)
{
    return collect(f, f->tail, false, budget);
}
