/* SPDX-License-Identifier: Apache-2.0
 *
 * fifo_pages.c: pages as spans: packed in memory, and written to checkpoints and back. */
#include <string.h>

#include "base/alloc.h"
#include "engine/fifo_internal.h"
#include "engine/spans.h"

/* ---- one page ---- */

static void put_entry(span_writer_t *w, const entry_t *e)
{
    uint8_t flags = (uint8_t)((e->flags & ENTRY_REDELIVERED ? SPAN_REDELIVERED : 0) |
                              (e->flags & ENTRY_SPILLED ? SPAN_SPILLED : 0));
    spans_put(w, record_of(e), 1, flags, e->returns);
}

static entry_t entry_of(const span_t *s, uint64_t i)
{
    unsigned flags = ENTRY_COLD | (s->flags & SPAN_SPILLED ? ENTRY_SPILLED : ENTRY_STORED);
    if (s->flags & SPAN_REDELIVERED)
        flags |= ENTRY_REDELIVERED;
    return (entry_t){.record = s->first + i, .flags = (uint8_t)flags, .returns = s->returns};
}

/* All of them are ready and cold, of one epoch. */
static bool can_be_packed(const fifo_t *f, const fifo_page_t *page)
{
    uint32_t epoch = 0;
    bool any = false;
    for (uint32_t i = 0; i < f->page_entries; i++) {
        const entry_t *e = &page->entries[i];
        if (e->state == ENTRY_GONE)
            continue;
        if (e->state != ENTRY_READY || !(e->flags & ENTRY_COLD) || (any && e->epoch != epoch))
            return false;
        epoch = e->epoch;
        any = true;
    }
    return any;
}

/* Of the spans that were written into pages->spans. */
static packed_page_t *packed_new(const fifo_t *f, uint32_t epoch)
{
    bytes_t octets = buffer_bytes(&f->pages->spans);
    packed_page_t *packed = mem_alloc(sizeof *packed + octets.len);
    *packed = (packed_page_t){epoch, (uint32_t)octets.len};
    memcpy(packed->octets, octets.data, octets.len);
    return packed;
}

static span_writer_t write_packed_page(fifo_t *f)
{
    buffer_clear(&f->pages->spans);
    return (span_writer_t){.out = &f->pages->spans};
}

bool fifo_pack(fifo_t *f, fifo_slot_t *slot)
{
    fifo_page_t *page = slot->page;
    if (page == NULL || slot->is_packed || !can_be_packed(f, page))
        return slot->is_packed;
    uint32_t epoch = 0;
    span_writer_t w = write_packed_page(f);
    for (uint32_t i = 0; i < f->page_entries; i++) {
        entry_t *e = &page->entries[i];
        if (e->state == ENTRY_GONE) {
            spans_put_gap(&w, 1);
            continue;
        }
        put_entry(&w, e);
        epoch = e->epoch;
        *e = (entry_t){0};
    }
    spans_end(&w);
    fifo_page_free(f, page);
    slot->packed = packed_new(f, epoch);
    slot->is_packed = 1;
    return true;
}

static span_reader_t read_packed(const packed_page_t *p)
{
    return (span_reader_t){.in = bytes_reader(bytes_make(p->octets, p->bytes))};
}

/* Entries, ready, where none are; returns how many. */
static uint32_t fill_page(fifo_page_t *page, span_reader_t r, uint32_t epoch)
{
    uint32_t filled = 0;
    entry_t *e = page->entries;
    for (span_t s; spans_next(&r, &s);) {
        if (s.first == 0)
            e += s.count;
        for (uint64_t i = 0; s.first > 0 && i < s.count; i++, e++) {
            if (e->state != ENTRY_GONE)
                continue;
            *e = entry_of(&s, i);
            e->state = ENTRY_READY;
            e->epoch = epoch;
            filled++;
        }
    }
    return filled;
}

void fifo_unpack(fifo_t *f, fifo_slot_t *slot)
{
    packed_page_t *packed = slot->packed;
    fifo_page_t *page = fifo_page_new(f);
    (void)fill_page(page, read_packed(packed), packed->epoch);
    mem_free(packed);
    slot->page = page;
    slot->is_packed = 0;
}

/* ---- all of a queue, written ---- */

static void write_packed(span_writer_t *w, const fifo_t *f, const fifo_slot_t *slot)
{
    span_reader_t r = read_packed(slot->packed);
    uint64_t left = f->page_entries;
    for (span_t s; spans_next(&r, &s); left -= s.count) {
        if (s.first == 0 || (s.flags & SPAN_SPILLED))
            spans_put_gap(w, s.count);
        else
            spans_put(w, s.first, s.count, s.flags, s.returns);
    }
    if (left > 0)
        spans_put_gap(w, left);
}

static void write_loose(span_writer_t *w, const fifo_t *f, const fifo_slot_t *slot, uint64_t position)
{
    for (uint32_t i = 0; i < f->page_entries; i++) {
        const entry_t *e = &slot->page->entries[i];
        if (e->state != ENTRY_GONE && (e->flags & ENTRY_STORED) && !is_dead(f, e, position + i))
            put_entry(w, e);
        else
            spans_put_gap(w, 1);
    }
}

static void write_page(span_writer_t *w, fifo_t *f, fifo_slot_t *slot)
{
    bool is_packed = fifo_pack(f, slot), is_dead_page = is_packed && slot->ready == 0;
    if (slot->page == NULL || is_dead_page)
        spans_put_gap(w, f->page_entries);
    else if (is_packed)
        write_packed(w, f, slot);
    else
        write_loose(w, f, slot, page_begin(f, slot->number));
}

bool fifo_write(fifo_t *f, uint64_t *from, uint64_t most, buffer_t *out, uint64_t *first)
{
    size_t i = slot_index(f, page_of(f, *from));
    while (i < f->slots_length && slot_at(f, i)->page == NULL)
        i++;
    if (i == f->slots_length)
        return false;
    uint64_t at = *first = page_begin(f, slot_at(f, i)->number);
    span_writer_t w = {.out = out};
    for (; i < f->slots_length && page_begin(f, slot_at(f, i)->number) - *first < most; i++) {
        uint64_t begin = page_begin(f, slot_at(f, i)->number);
        if (begin > at)
            spans_put_gap(&w, begin - at);
        write_page(&w, f, slot_at(f, i));
        at = begin + f->page_entries;
    }
    spans_end(&w);
    *from = at;
    return true;
}

/* ---- and back ---- */

/* What a row says of one page. */
typedef struct page_row {
    fifo_t *fifo;
    uint64_t page, at; /* the next position of it */
    uint32_t count;    /* entries */
    span_writer_t spans;
} page_row_t;

static page_row_t row_begin(fifo_t *f, uint64_t page)
{
    return (page_row_t){f, page, page_begin(f, page), 0, write_packed_page(f)};
}

/* Mostly nothing of it is there yet. What came meanwhile may be, and stays as it is. */
static void row_end(page_row_t *row)
{
    fifo_t *f = row->fifo;
    spans_end(&row->spans);
    if (row->count == 0)
        return;
    fifo_slot_t *slot = fifo_slot_make(f, row->page);
    uint32_t filled = row->count;
    if (slot->page == NULL) {
        slot->packed = packed_new(f, f->epoch);
        slot->is_packed = 1;
    } else {
        if (slot->is_packed)
            fifo_unpack(f, slot);
        span_reader_t r = {.in = bytes_reader(buffer_bytes(&f->pages->spans))};
        filled = fill_page(slot->page, r, f->epoch);
        (void)fifo_pack(f, slot);
    }
    slot->ready += filled;
    slot->present = (slot->present + filled) & INT32_MAX;
    f->ready += filled;
}

/* The entries of a span but for the first `from`: the next is at position `at`. Returns how many are of its page. */
static uint64_t row_put(page_row_t *row, uint64_t at, const span_t *s, uint64_t from)
{
    fifo_t *f = row->fifo;
    if (page_of(f, at) != row->page) {
        row_end(row);
        *row = row_begin(f, page_of(f, at));
    }
    uint64_t left = page_begin(f, row->page + 1) - at, count = s->count - from;
    count = count < left ? count : left;
    if (at > row->at)
        spans_put_gap(&row->spans, at - row->at);
    spans_put(&row->spans, s->first + from, count, s->flags, s->returns);
    row->count += (uint32_t)count;
    row->at = at + count;
    return count;
}

uint64_t fifo_row_end(uint64_t first, bytes_t octets)
{
    span_reader_t r = {.in = bytes_reader(octets)};
    uint64_t end = first;
    for (span_t s; spans_next(&r, &s) && s.count <= UINT64_MAX - end;)
        end += s.count;
    return end;
}

/* A row mostly stands before what came later: room for it is made at once, up to what is there. */
static void make_room(fifo_t *f, uint64_t first, bytes_t octets)
{
    if (slot_index(f, page_of(f, first)) == f->slots_length)
        return; /* each page makes its own, behind all others */
    uint64_t end = fifo_row_end(first, octets);
    if (end > first)
        fifo_slots_make(f, page_of(f, first), page_of(f, end - 1) + 1);
}

bool fifo_restore(fifo_t *f, uint64_t first, bytes_t octets)
{
    span_reader_t r = {.in = bytes_reader(octets)};
    uint64_t at = first;
    bool is_sound = true;
    assert(f->cursor == 1); /* nobody has taken anything yet, and passed what comes now */
    make_room(f, first, octets);
    page_row_t row = row_begin(f, page_of(f, first));
    for (span_t s; is_sound && spans_next(&r, &s); at += s.count) {
        is_sound = s.count <= f->tail && at <= f->tail - s.count;
        for (uint64_t i = 0; is_sound && s.first > 0 && i < s.count;)
            i += row_put(&row, at + i, &s, i);
    }
    row_end(&row);
    return is_sound && reader_ok(&r.in);
}

void fifo_set_returns(fifo_t *f, uint64_t position, uint16_t returns)
{
    entry_t *e = fifo_find(f, position);
    if (e == NULL || e->state == ENTRY_GONE)
        return;
    e->returns = returns;
    e->flags |= ENTRY_REDELIVERED;
}

static void each_packed(const packed_page_t *p, fifo_records_t *each, void *context)
{
    span_reader_t r = read_packed(p);
    for (span_t s; spans_next(&r, &s);)
        if (s.first > 0)
            each(context, s.first, s.count);
}

void fifo_each_record(fifo_t *f, fifo_records_t *each, void *context)
{
    for (size_t i = 0; i < f->slots_length; i++) {
        fifo_slot_t *slot = slot_at(f, i);
        if (slot->page == NULL)
            continue;
        if (fifo_pack(f, slot)) {
            each_packed(slot->packed, each, context);
            continue;
        }
        for (uint32_t k = 0; k < f->page_entries; k++) {
            const entry_t *e = &slot->page->entries[k];
            if (e->state != ENTRY_GONE && (e->flags & ENTRY_IN_LOG))
                each(context, record_of(e), 1);
        }
    }
}
