/* SPDX-License-Identifier: Apache-2.0
 *
 * fifo.c: see fifo.h. Positions start at 1; page p holds positions p * page_entries … + page_entries - 1. */
#include <string.h>

#include "base/alloc.h"
#include "engine/fifo_internal.h"

/* ---- pages ---- */

void fifo_pages_deinit(fifo_pages_t *p)
{
    while (p->count > 0)
        mem_free(p->spare[--p->count]);
    buffer_free(&p->spans);
}

fifo_page_t *fifo_page_new(fifo_t *f)
{
    if (f->pages->count > 0)
        return f->pages->spare[--f->pages->count];
    return mem_zero(f->page_entries * sizeof(entry_t));
}

void fifo_page_free(fifo_t *f, fifo_page_t *page)
{
    if (page && f->pages->count < sizeof f->pages->spare / sizeof *f->pages->spare)
        f->pages->spare[f->pages->count++] = page;
    else
        mem_free(page);
}

/* ---- the fifo ---- */

void fifo_init(fifo_t *f, fifo_pages_t *pages)
{
    uint32_t page_entries = pages->page_entries;
    assert(page_entries >= 2 && (page_entries & (page_entries - 1)) == 0);
    *f = (fifo_t){.pages = pages,
                  .page_entries = page_entries,
                  .page_bits = (uint8_t)__builtin_ctz(page_entries),
                  .tail = 1,
                  .cursor = 1,
                  .purged_below = 1,
                  .swept_below = 1};
}

void fifo_deinit(fifo_t *f)
{
    for (size_t i = 0; i < f->slots_length; i++)
        mem_free(slot_at(f, i)->page);
    f->slots_length = 0;
    fifo_blocks_trim(f);
    *f = (fifo_t){0};
}

static fifo_item_t item_of(const entry_t *entry, uint64_t position)
{
    bool cold = entry->flags & ENTRY_COLD;
    message_t *m = cold ? NULL : entry->message;
    record_no record = entry->flags & ENTRY_IN_LOG ? record_of(entry) : 0; /* a cold one is */
    return (fifo_item_t){.position = position,
                         .message = m,
                         .record = record,
                         .stored = entry->flags & ENTRY_STORED,
                         .redelivered = entry->flags & ENTRY_REDELIVERED,
                         .out = entry->state == ENTRY_OUT,
                         .returns = entry->returns};
}

void fifo_put(fifo_t *f, uint64_t position, entry_t entry)
{
    fifo_slot_t *slot = fifo_slot_make(f, page_of(f, position));
    if (slot->page == NULL)
        slot->page = fifo_page_new(f);
    entry.epoch = f->epoch;
    entry.state = ENTRY_READY;
    *entry_at(f, slot, position) = entry;
    slot->ready++;
    slot->present++;
    f->ready++;
}

static void put_at_end(fifo_t *f, uint64_t position, entry_t entry)
{
    fifo_put(f, position, entry);
    f->tail = position + 1;
}

uint64_t fifo_append(fifo_t *f, message_t *m, bool stored)
{
    assert(!stored || m->record > 0);
    uint64_t position = f->tail;
    put_at_end(f, position, (entry_t){.message = m, .flags = stored ? ENTRY_STORED : 0});
    return position;
}

/* With nothing in it a fifo needs no pages below its tail. */
static void forget_pages_if_empty(fifo_t *f)
{
    if (f->ready > 0 || f->out > 0 || fifo_needs_sweep(f))
        return;
    for (size_t i = 0; i < f->slots_length; i++) {
        assert(!slot_at(f, i)->is_packed);
        fifo_page_free(f, slot_at(f, i)->page);
    }
    f->slots_length = 0;
    fifo_blocks_trim(f);
}

void fifo_skip(fifo_t *f, uint64_t position)
{
    if (position <= f->tail)
        return;
    forget_pages_if_empty(f);
    f->tail = position;
}

bool fifo_place(fifo_t *f, uint64_t position, record_no record)
{
    if (position < f->tail)
        return false;
    uint64_t last = f->tail - 1;
    fifo_slot_t *complete = page_of(f, position) != page_of(f, last) ? slot_find(f, last) : NULL;
    if (complete)
        (void)fifo_pack(f, complete);
    fifo_skip(f, position);
    put_at_end(f, position, (entry_t){.record = record, .flags = ENTRY_STORED | ENTRY_COLD});
    return true;
}

/* Moves the cursor to the first ready entry; its slot in *slot. NULL if nothing is ready. */
static entry_t *find_first(fifo_t *f, fifo_slot_t **slot)
{
    if (f->ready == 0)
        return NULL;
    for (size_t i = slot_index(f, page_of(f, f->cursor));; i++) {
        assert(i < f->slots_length);
        *slot = slot_at(f, i);
        if ((*slot)->ready == 0)
            continue;
        uint64_t begin = page_begin(f, (*slot)->number);
        for (uint64_t at = f->cursor > begin ? f->cursor : begin; at < begin + f->page_entries; at++) {
            entry_t *entry = entry_at(f, *slot, at);
            if (is_ready(f, entry, at)) {
                f->cursor = at;
                return entry;
            }
        }
    }
}

bool fifo_first(fifo_t *f, fifo_item_t *item)
{
    fifo_slot_t *slot;
    const entry_t *entry = find_first(f, &slot);
    if (entry)
        *item = item_of(entry, f->cursor);
    return entry != NULL;
}

bool fifo_take(fifo_t *f, fifo_item_t *item)
{
    fifo_slot_t *slot;
    entry_t *entry = find_first(f, &slot);
    if (entry == NULL)
        return false;
    *item = item_of(entry, f->cursor);
    entry->state = ENTRY_OUT;
    slot->ready--;
    f->ready--;
    f->out++;
    f->cursor++;
    return true;
}

fifo_item_t fifo_return(fifo_t *f, uint64_t position)
{
    fifo_slot_t *slot = slot_of(f, position);
    entry_t *entry = entry_at(f, slot, position);
    assert(entry->state == ENTRY_OUT);
    entry->state = ENTRY_READY;
    entry->epoch = f->epoch;
    entry->flags |= ENTRY_REDELIVERED;
    slot->ready++;
    f->ready++;
    f->out--;
    entry->returns = (uint16_t)(entry->returns + (entry->returns < UINT16_MAX));
    if (position < f->cursor)
        f->cursor = position;
    return item_of(entry, position);
}

/* One entry less in the slot. */
static void entry_gone(fifo_t *f, fifo_slot_t *slot, entry_t *entry)
{
    *entry = (entry_t){0};
    if (--slot->present == 0)
        fifo_slot_emptied(f, slot);
}

fifo_item_t fifo_remove(fifo_t *f, uint64_t position)
{
    fifo_slot_t *slot = slot_of(f, position);
    entry_t *entry = entry_at(f, slot, position);
    assert(entry->state == ENTRY_OUT);
    fifo_item_t item = item_of(entry, position);
    f->out--;
    entry_gone(f, slot, entry);
    return item;
}

bool fifo_shift(fifo_t *f, fifo_item_t *item)
{
    fifo_slot_t *slot;
    entry_t *entry = find_first(f, &slot);
    if (entry == NULL)
        return false;
    *item = item_of(entry, f->cursor);
    slot->ready--;
    f->ready--;
    f->cursor++;
    entry_gone(f, slot, entry);
    return true;
}

entry_t *fifo_find(fifo_t *f, uint64_t position)
{
    fifo_slot_t *slot = position < f->tail ? slot_find(f, position) : NULL;
    return slot && slot->page ? entry_at(f, slot, position) : NULL;
}

bool fifo_pull(fifo_t *f, uint64_t position, fifo_item_t *item)
{
    entry_t *entry = fifo_find(f, position);
    if (entry == NULL || !is_ready(f, entry, position))
        return false;
    fifo_slot_t *slot = slot_of(f, position);
    *item = item_of(entry, position);
    slot->ready--;
    f->ready--;
    entry_gone(f, slot, entry);
    return true;
}

bool fifo_warm(fifo_t *f, uint64_t position, message_t *m)
{
    entry_t *entry = fifo_find(f, position);
    if (entry == NULL || !(entry->flags & ENTRY_COLD) || !is_ready(f, entry, position) ||
        entry->record != m->record)
        return false;
    entry->flags &= (uint8_t)~ENTRY_COLD;
    entry->message = m;
    return true;
}

void fifo_spill(fifo_t *f, uint64_t position)
{
    entry_t *entry = fifo_find(f, position);
    assert(entry && !(entry->flags & (ENTRY_IN_LOG | ENTRY_COLD)) && entry->message->record > 0);
    entry->flags |= ENTRY_SPILLED;
}

/* Mostly they are chilled one after the other, so a page is packed with its last one. */
message_t *fifo_chill(fifo_t *f, uint64_t position)
{
    entry_t *entry = fifo_find(f, position);
    assert(entry && (entry->flags & ENTRY_IN_LOG) && !(entry->flags & ENTRY_COLD));
    message_t *m = entry->message;
    entry->flags |= ENTRY_COLD;
    entry->record = m->record;
    if (page_of(f, position + 1) != page_of(f, position))
        (void)fifo_pack(f, slot_of(f, position));
    return m;
}

uint64_t fifo_purge(fifo_t *f)
{
    uint64_t purged = f->ready;
    if (purged == 0)
        return 0;
    for (size_t i = 0; i < f->slots_length; i++)
        slot_at(f, i)->ready = 0;
    f->ready = 0;
    f->epoch++;
    f->purged_below = f->tail;
    f->cursor = f->tail;
    f->swept_below = 0;
    return purged;
}

bool fifo_needs_sweep(const fifo_t *f)
{
    return f->swept_below < f->purged_below;
}

/* The next position from `at` on whose page exists, below `end`. */
static uint64_t skip_empty_pages(const fifo_t *f, uint64_t at, uint64_t end)
{
    size_t i = slot_index(f, page_of(f, at));
    while (i < f->slots_length && slot_at(f, i)->page == NULL)
        i++;
    if (i == f->slots_length)
        return end;
    uint64_t begin = page_begin(f, slot_at(f, i)->number);
    at = at > begin ? at : begin;
    return at < end ? at : end;
}

bool fifo_next(fifo_t *f, uint64_t *from, uint64_t end, uint32_t *budget, fifo_item_t *item)
{
    while (*budget > 0) {
        *from = skip_empty_pages(f, *from, end);
        if (*from >= end)
            return false;
        uint64_t at = (*from)++;
        (*budget)--;
        const entry_t *entry = entry_at(f, slot_of(f, at), at);
        if (entry->state == ENTRY_GONE || is_dead(f, entry, at))
            continue;
        *item = item_of(entry, at);
        return true;
    }
    return false;
}

/* What is out or ready in the page, below `end`; returns how many. */
static uint64_t put_present(fifo_t *f, fifo_slot_t *slot, uint64_t end, record_runs_t *runs)
{
    uint64_t at = page_begin(f, slot->number), count = 0;
    if (slot->page == NULL || (slot->is_packed && slot->ready == 0)) /* all that is in it is dead */
        return 0;
    const entry_t *e = entry_at(f, slot, at);
    if (end - at > f->page_entries)
        end = at + f->page_entries;
    for (; at < end; at++, e++)
        if (e->state == ENTRY_OUT || is_ready(f, e, at)) {
            record_runs_put(runs, at, 1);
            count++;
        }
    return count;
}

uint32_t fifo_spared_ranges(fifo_t *f, uint64_t *from, uint64_t end, uint32_t *pages, buffer_t *ranges)
{
    uint64_t left = f->out + f->ready;
    uint32_t count = 0;
    record_runs_t runs = {.octets = ranges, .count = &count};
    if (*from > 1)
        record_runs_put(&runs, 1, *from - 1);
    size_t i = slot_index(f, page_of(f, *from));
    for (; i < f->slots_length && left > 0 && *pages > 0; i++, (*pages)--) {
        if (page_begin(f, slot_at(f, i)->number) >= end)
            break;
        left -= put_present(f, slot_at(f, i), end, &runs);
    }
    bool is_end = i == f->slots_length || left == 0 || page_begin(f, slot_at(f, i)->number) >= end;
    *from = is_end ? end : page_begin(f, slot_at(f, i)->number);
    record_runs_end(&runs);
    return count;
}

/* Takes the next entry below `end` out of its place: any, or only a dead one. */
static bool collect(fifo_t *f, uint64_t end, bool dead_only, uint32_t *budget, fifo_item_t *item)
{
    for (; *budget > 0; (*budget)--) {
        uint64_t at = skip_empty_pages(f, f->swept_below, end);
        f->swept_below = at;
        if (at >= end)
            return false;
        f->swept_below = at + 1;
        fifo_slot_t *slot = slot_of(f, at);
        entry_t *entry = entry_at(f, slot, at);
        if (entry->state != ENTRY_GONE && (!dead_only || is_dead(f, entry, at))) {
            *item = item_of(entry, at);
            entry_gone(f, slot, entry);
            return true;
        }
    }
    return false;
}

bool fifo_sweep(fifo_t *f, uint32_t *budget, fifo_item_t *item)
{
    return collect(f, f->purged_below, true, budget, item);
}

bool fifo_drain(fifo_t *f, uint32_t *budget, fifo_item_t *item)
{
    return collect(f, f->tail, false, budget, item);
}
