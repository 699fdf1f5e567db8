/* SPDX-License-Identifier: Apache-2.0
 *
 * test_fifo.c: the order of a queue, beside a plain model: an array of entries with their states. A stored entry's
 * record has its position as number; one that was cold has a message again when it is warm. */
#include "engine/fifo_internal.h"

#include "engine/fixture.h"

#define ENTRIES 4000

typedef enum model_state { GONE, READY, OUT, DEAD } model_state_t;

/* Position p is entry p; what the fifo should say of it. */
typedef struct model {
    fifo_t fifo;
    message_t *messages[ENTRIES + 1];
    model_state_t states[ENTRIES + 1];
    bool redelivered[ENTRIES + 1];
    bool stored[ENTRIES + 1], spilled[ENTRIES + 1], cold[ENTRIES + 1];
    uint16_t returns[ENTRIES + 1];
    uint64_t last; /* position */
    uint64_t present;
    fifo_pages_t pages;
} model_t;

static message_t *some_message(void)
{
    return message_new(bytes_string("x"), bytes_string("k"), bytes_make("\0\0", 2), 0);
}

static model_t *model_new(uint32_t page_entries)
{
    model_t *m = MEM_NEW(model_t);
    m->pages.page_entries = page_entries;
    fifo_init(&m->fifo, &m->pages);
    return m;
}

static void model_free(model_t *m)
{
    fifo_deinit(&m->fifo);
    fifo_pages_deinit(&m->pages);
    for (uint64_t p = 1; p <= m->last; p++)
        message_free(m->messages[p]);
    mem_free(m);
}

static uint64_t first_in(const model_t *m, model_state_t state)
{
    uint64_t p = 1;
    while (p <= m->last && m->states[p] != state)
        p++;
    return p <= m->last ? p : 0;
}

static uint64_t count_in(const model_t *m, model_state_t state)
{
    uint64_t count = 0;
    for (uint64_t p = 1; p <= m->last; p++)
        count += m->states[p] == state;
    return count;
}

/* What the fifo says of an entry, beside what the model knows. */
static void check_item(const model_t *m, const fifo_item_t *item)
{
    uint64_t p = item->position;
    assert_in_range(p, 1, m->last);
    assert_ptr_equal(item->message, m->cold[p] ? NULL : m->messages[p]);
    assert_int_equal(item->record, m->stored[p] || m->spilled[p] ? p : 0);
    assert_int_equal(item->stored, m->stored[p]);
    assert_int_equal(item->returns, m->returns[p]);
}

/* A new message for this position, with its record if it is stored. */
static message_t *message_at(model_t *m, uint64_t position)
{
    message_t *made = some_message();
    made->record = m->stored[position] ? position : 0;
    m->messages[position] = made;
    return made;
}

static void add(model_t *m, uint64_t position)
{
    m->last = position;
    m->states[position] = READY;
    m->present++;
}

static void append_stored(model_t *m, bool stored)
{
    if (m->last == ENTRIES)
        return;
    uint64_t position = m->last + 1;
    m->stored[position] = stored;
    message_t *made = message_at(m, position);
    add(m, position);
    assert_int_equal(fifo_append(&m->fifo, made, stored), position);
}

static void append(model_t *m)
{
    append_stored(m, false);
}

/* As recovery does: somewhere at the tail or beyond. */
static void place(model_t *m, uint64_t position)
{
    if (position > ENTRIES)
        return;
    m->stored[position] = true;
    m->cold[position] = true;
    add(m, position);
    assert_true(fifo_place(&m->fifo, position, position));
    assert_int_equal(m->fifo.tail, position + 1);
    assert_false(fifo_place(&m->fifo, position, position)); /* nothing new there */
}

static void skip_over(model_t *m, uint64_t positions)
{
    if (m->last + positions > ENTRIES)
        return;
    m->last += positions;
    fifo_skip(&m->fifo, m->last + 1);
    assert_int_equal(m->fifo.tail, m->last + 1);
}

static void take(model_t *m)
{
    uint64_t wanted = first_in(m, READY);
    fifo_item_t first, taken;
    assert_int_equal(fifo_first(&m->fifo, &first), wanted != 0);
    assert_int_equal(fifo_take(&m->fifo, &taken), wanted != 0);
    if (wanted == 0)
        return;
    assert_int_equal(first.position, wanted);
    assert_int_equal(taken.position, wanted);
    check_item(m, &first);
    check_item(m, &taken);
    assert_int_equal(taken.redelivered, m->redelivered[wanted]);
    m->states[wanted] = OUT;
}

static void shift(model_t *m)
{
    uint64_t wanted = first_in(m, READY);
    fifo_item_t item;
    assert_int_equal(fifo_shift(&m->fifo, &item), wanted != 0);
    if (wanted == 0)
        return;
    assert_int_equal(item.position, wanted);
    assert_int_equal(item.redelivered, m->redelivered[wanted]);
    check_item(m, &item);
    m->states[wanted] = GONE;
    m->present--;
}

/* Some entry in this state, or 0. */
static uint64_t some_in(const model_t *m, model_state_t wanted, uint64_t *seed)
{
    uint64_t count = count_in(m, wanted);
    uint64_t passed = count ? chance(seed, (uint32_t)count) : 0;
    for (uint64_t p = 1; p <= m->last; p++)
        if (m->states[p] == wanted && passed-- == 0)
            return p;
    return 0;
}

static uint64_t some_out(const model_t *m, uint64_t *seed)
{
    return some_in(m, OUT, seed);
}

static void put_back(model_t *m, uint64_t position)
{
    if (position == 0)
        return;
    fifo_item_t item = fifo_return(&m->fifo, position);
    assert_int_equal(item.position, position);
    m->returns[position]++;
    check_item(m, &item);
    m->states[position] = READY;
    m->redelivered[position] = true;
}

static void settle(model_t *m, uint64_t position)
{
    if (position == 0)
        return;
    fifo_item_t item = fifo_remove(&m->fifo, position);
    assert_int_equal(item.position, position);
    check_item(m, &item);
    m->states[position] = GONE;
    m->present--;
}

/* Any position will do: only what is ready can be pulled. */
static void pull(model_t *m, uint64_t position)
{
    fifo_item_t item;
    bool is_ready = position >= 1 && position <= m->last && m->states[position] == READY;
    assert_int_equal(fifo_pull(&m->fifo, position, &item), is_ready);
    if (!is_ready)
        return;
    assert_int_equal(item.position, position);
    check_item(m, &item);
    m->states[position] = GONE;
    m->present--;
}

static void chill(model_t *m, uint64_t position)
{
    if (position == 0 || m->cold[position])
        return;
    if (!m->stored[position] && !m->spilled[position]) {
        m->messages[position]->record = position;
        m->spilled[position] = true;
        fifo_spill(&m->fifo, position);
    }
    assert_ptr_equal(fifo_chill(&m->fifo, position), m->messages[position]);
    message_free(m->messages[position]);
    m->messages[position] = NULL;
    m->cold[position] = true;
}

/* Only what is ready and cold can be warmed, and with its own record. */
static void warm(model_t *m, uint64_t position)
{
    bool fits = position >= 1 && position <= m->last && m->states[position] == READY && m->cold[position];
    message_t *made = some_message();
    made->record = position + 1;
    assert_false(fifo_warm(&m->fifo, position, made));
    made->record = position;
    assert_int_equal(fifo_warm(&m->fifo, position, made), fits);
    if (!fits) {
        message_free(made);
        return;
    }
    m->messages[position] = made;
    m->cold[position] = false;
}

static bool is_there(const model_t *m, uint64_t p)
{
    return m->states[p] == READY || m->states[p] == OUT;
}

/* Walks all that is ready or out, a few looks at a time. */
static void walk(model_t *m, uint32_t looks)
{
    uint64_t from = 0, p = 1;
    fifo_item_t item;
    for (;;) {
        uint32_t budget = looks;
        if (!fifo_next(&m->fifo, &from, m->fifo.tail, &budget, &item)) {
            if (budget > 0)
                break;
            continue;
        }
        while (p <= m->last && !is_there(m, p))
            p++;
        assert_int_equal(item.position, p);
        assert_int_equal(item.out, m->states[p] == OUT);
        assert_int_equal(item.redelivered, m->redelivered[p]);
        check_item(m, &item);
        p++;
    }
    while (p <= m->last && !is_there(m, p))
        p++;
    assert_int_equal(p, m->last + 1);
}

static uint64_t present_below(const model_t *m, uint64_t end)
{
    uint64_t count = 0;
    for (uint64_t p = 1; p < end; p++)
        count += is_there(m, p);
    return count;
}

/* Slice by slice, the ranges are all before the slice and just what is there, as long as they can be. */
static void check_spared_ranges(model_t *m, uint32_t pages)
{
    uint64_t first, length, tail = m->fifo.tail;
    for (uint64_t from = 1, begin = from; from < tail; begin = from) {
        buffer_t octets = {0};
        uint32_t left = pages, seen = 0, count = fifo_spared_ranges(&m->fifo, &from, tail, &left, &octets);
        uint64_t end = 0, in_ranges = 0;
        assert_true(from > begin && from <= tail);
        bytes_reader_t in = bytes_reader(buffer_bytes(&octets));
        for (; record_list_next(&in, &first, &length); seen++) {
            assert_true(length > 0 && (seen == 0 || first > end));
            assert_true(seen > 0 || begin == 1 || (first == 1 && length >= begin - 1));
            end = first + length;
            for (uint64_t p = first > begin ? first : begin; p < end; p++, in_ranges++)
                assert_true(is_there(m, p));
        }
        assert_true(reader_done(&in) && end <= from);
        assert_int_equal(seen, count);
        assert_int_equal(in_ranges, present_below(m, from) - present_below(m, begin));
        buffer_free(&octets);
    }
}

static void purge_all(model_t *m)
{
    assert_int_equal(fifo_purge(&m->fifo), count_in(m, READY));
    for (uint64_t p = 1; p <= m->last; p++)
        if (m->states[p] == READY)
            m->states[p] = DEAD;
}

static void sweep(model_t *m, uint32_t budget)
{
    uint64_t wanted = first_in(m, DEAD);
    uint32_t left = budget;
    fifo_item_t swept;
    bool found = fifo_sweep(&m->fifo, &left, &swept);
    assert_true(left <= budget);
    if (!found) {
        assert_true(left == 0 || wanted == 0);
        return;
    }
    assert_int_equal(swept.position, wanted);
    check_item(m, &swept);
    m->states[wanted] = GONE;
    m->present--;
}

static void sweep_all(model_t *m)
{
    while (fifo_needs_sweep(&m->fifo))
        sweep(m, 3);
    assert_int_equal(count_in(m, DEAD), 0);
}

static void drain_all(model_t *m)
{
    purge_all(m);
    m->fifo.swept_below = 0;
    for (uint32_t left = 1; m->present > 0;) {
        left = 2;
        fifo_item_t drained;
        if (!fifo_drain(&m->fifo, &left, &drained))
            continue;
        uint64_t p = drained.position;
        check_item(m, &drained);
        assert_true(m->states[p] == OUT || m->states[p] == DEAD);
        m->states[p] = GONE;
        m->present--;
    }
    uint32_t left = UINT32_MAX;
    fifo_item_t none;
    assert_false(fifo_drain(&m->fifo, &left, &none));
}

/* What is durable comes through a checkpoint as it is, however it is cut into rows. What the log says of some positions, one
 * in `apart`, comes before the rows and stays as it is. */
static void write_and_restore(model_t *m, uint64_t most, uint64_t apart)
{
    fifo_pages_t pages = {.page_entries = 8};
    fifo_t copy;
    fifo_init(&copy, &pages);
    for (uint64_t p = apart; p <= m->last; p += apart)
        if (is_there(m, p) && m->stored[p])
            assert_true(fifo_place(&copy, p, p));
    fifo_skip(&copy, m->fifo.tail);
    uint64_t from = 0, first, wanted = 0;
    buffer_t row = {0};
    for (; fifo_write(&m->fifo, &from, most, &row, &first); buffer_clear(&row))
        assert_true(fifo_restore(&copy, first, buffer_bytes(&row)));
    buffer_free(&row);
    fifo_item_t item;
    uint32_t budget = UINT32_MAX;
    for (uint64_t p = 1, at = 0; p <= m->last; p++) {
        if (!is_there(m, p) || !m->stored[p])
            continue;
        assert_true(fifo_next(&copy, &at, copy.tail, &budget, &item));
        assert_int_equal(item.position, p);
        assert_int_equal(item.record, p);
        assert_int_equal(item.redelivered, p % apart != 0 && m->redelivered[p]);
        assert_int_equal(item.returns, p % apart != 0 ? m->returns[p] : 0);
        wanted++;
    }
    assert_int_equal(copy.ready, wanted);
    for (uint64_t left = wanted; left > 0; left--)
        assert_true(fifo_shift(&copy, &item));
    assert_false(fifo_shift(&copy, &item));
    fifo_deinit(&copy);
    fifo_pages_deinit(&pages);
}

typedef struct records_seen {
    const model_t *m;
    uint64_t count;
} records_seen_t;

static void see_records(void *context, record_no first, uint64_t count)
{
    records_seen_t *seen = context;
    for (record_no r = first; r < first + count; r++)
        assert_true(seen->m->states[r] != GONE && (seen->m->stored[r] || seen->m->spilled[r]));
    seen->count += count;
}

static void check_records(model_t *m)
{
    records_seen_t seen = {.m = m};
    uint64_t wanted = 0;
    fifo_each_record(&m->fifo, see_records, &seen);
    for (uint64_t p = 1; p <= m->last; p++)
        wanted += m->states[p] != GONE && (m->stored[p] || m->spilled[p]);
    assert_int_equal(seen.count, wanted);
}

static size_t pages_held(const fifo_t *f)
{
    size_t count = 0;
    for (size_t i = 0; i < f->slots_length; i++)
        count += slot_at(f, i)->page != NULL;
    return count;
}

static void act(model_t *m, uint64_t *seed)
{
    uint32_t what = chance(seed, 100);
    if (what < 35)
        append(m);
    else if (what < 50)
        take(m);
    else if (what < 60)
        shift(m);
    else if (what < 75)
        put_back(m, some_out(m, seed));
    else if (what < 92)
        settle(m, some_out(m, seed));
    else if (what < 98)
        sweep(m, 1 + chance(seed, 8));
    else
        purge_all(m);
    assert_int_equal(m->fifo.ready, count_in(m, READY));
    assert_int_equal(m->fifo.out, count_in(m, OUT));
}

static void behaves_as_a_plain_array_whatever_happens(void **state)
{
    (void)state;
    static const uint32_t pages[] = {2, 4, 128};
    for (size_t i = 0; i < sizeof pages / sizeof *pages; i++) {
        for (uint64_t run = 1; run <= 8; run++) {
            uint64_t seed = run * 0x9e3779b97f4a7c15u;
            model_t *m = model_new(pages[i]);
            for (int n = 0; n < 1500; n++)
                act(m, &seed);
            sweep_all(m);
            drain_all(m);
            assert_true(pages_held(&m->fifo) <= 1);
            model_free(m);
        }
    }
}

static void act_with_log(model_t *m, uint64_t *seed)
{
    uint32_t what = chance(seed, 100);
    if (what < 20)
        append_stored(m, chance(seed, 3) > 0);
    else if (what < 28)
        place(m, m->last + 1 + (chance(seed, 4) ? 0 : chance(seed, 20)));
    else if (what < 31)
        skip_over(m, chance(seed, 12));
    else if (what < 46)
        chill(m, some_in(m, chance(seed, 2) ? READY : OUT, seed));
    else if (what < 58)
        warm(m, chance(seed, 4) ? some_in(m, READY, seed) : chance(seed, (uint32_t)m->last + 2));
    else if (what < 68)
        pull(m, chance(seed, 2) ? some_in(m, READY, seed) : chance(seed, (uint32_t)m->last + 2));
    else if (what < 72)
        walk(m, 1 + chance(seed, 50));
    else if (what < 76)
        check_spared_ranges(m, 1 + chance(seed, 20));
    else if (what < 78)
        write_and_restore(m, 1 + chance(seed, 300), 1 + chance(seed, 20));
    else if (what < 79)
        check_records(m);
    else
        act(m, seed);
    assert_int_equal(m->fifo.ready, count_in(m, READY));
    assert_int_equal(m->fifo.out, count_in(m, OUT));
}

static void behaves_as_a_plain_array_with_entries_that_are_in_the_log(void **state)
{
    (void)state;
    static const uint32_t pages[] = {2, 4, 128};
    for (size_t i = 0; i < sizeof pages / sizeof *pages; i++) {
        for (uint64_t run = 1; run <= 12; run++) {
            uint64_t seed = run * 0x9e3779b97f4a7c15u + i;
            model_t *m = model_new(pages[i]);
            for (int n = 0; n < 1500; n++)
                act_with_log(m, &seed);
            walk(m, 3);
            check_spared_ranges(m, 1 + chance(&seed, 20));
            sweep_all(m);
            drain_all(m);
            assert_true(pages_held(&m->fifo) <= 1);
            model_free(m);
        }
    }
}

static void positions_skipped_over_take_no_pages(void **state)
{
    (void)state;
    model_t *m = model_new(4);
    append_stored(m, true);
    for (uint64_t p = 2; p <= 5; p++)
        append_stored(m, true);
    pull(m, 4), pull(m, 5); /* the page that the tail stands in is empty now, and there */
    skip_over(m, 1000);
    append(m);
    assert_int_equal(pages_held(&m->fifo), 3);
    for (uint64_t p = 1; p <= 3; p++)
        pull(m, p);
    assert_int_equal(pages_held(&m->fifo), 1); /* the address sanitizer sees a page that is lost */
    take(m);
    settle(m, m->last);
    skip_over(m, 1000);
    assert_true(m->fifo.slots_length <= 1);
    append(m);
    take(m);
    drain_all(m);
    model_free(m);
}

static void a_deep_queue_takes_an_octet_or_two_an_entry(void **state)
{
    (void)state;
    enum { DEEP = 1000000, PAGE = 64 };
    fifo_pages_t pages = {.page_entries = PAGE};
    fifo_t f;
    fifo_init(&f, &pages);
    for (uint64_t p = 1; p <= DEEP; p++)
        assert_true(fifo_place(&f, p, p * 7));
    size_t packed = 0;
    for (size_t i = 0; i < f.slots_length; i++)
        packed += slot_at(&f, i)->is_packed;
    assert_int_equal(packed, DEEP / PAGE);
    buffer_t row = {0};
    uint64_t from = 0, first, octets = 0;
    for (; fifo_write(&f, &from, 4096, &row, &first); buffer_clear(&row))
        octets += row.len;
    assert_true(octets < 2 * DEEP);
    fifo_item_t item;
    for (uint64_t p = 1; p <= DEEP; p++) {
        assert_true(fifo_take(&f, &item));
        assert_int_equal(item.record, p * 7);
        (void)fifo_remove(&f, p);
    }
    buffer_free(&row);
    fifo_deinit(&f);
    fifo_pages_deinit(&pages);
}

static void after_a_purge_too_pages_are_packed(void **state)
{
    (void)state;
    enum { PAGE = 8, PAGES = 10 };
    fifo_pages_t pages = {.page_entries = PAGE};
    fifo_t f;
    fifo_item_t item;
    size_t packed = 0;
    fifo_init(&f, &pages);
    for (uint64_t p = 1; p < PAGE; p++)
        assert_true(fifo_place(&f, p, p));
    (void)fifo_purge(&f);
    for (uint32_t budget = UINT32_MAX; fifo_sweep(&f, &budget, &item);)
        continue;
    for (uint64_t p = PAGE; p <= PAGE * PAGES; p++)
        assert_true(fifo_place(&f, p, p));
    for (size_t i = 0; i < f.slots_length; i++)
        packed += slot_at(&f, i)->is_packed;
    assert_int_equal(packed, PAGES - 1);
    for (uint64_t p = PAGE; p <= PAGE * PAGES; p++)
        assert_true(fifo_shift(&f, &item) && item.record == p);
    fifo_deinit(&f);
    fifo_pages_deinit(&pages);
}

static void what_is_no_row_of_spans_is_refused(void **state)
{
    (void)state;
    fifo_pages_t pages = {.page_entries = 8};
    fifo_t f;
    fifo_init(&f, &pages);
    fifo_skip(&f, 100);
    /* record 1, and a run: its last is at 100, or far behind, or where no number is */
    assert_false(fifo_restore(&f, 90, bytes_make("\x0a\x29", 2)));
    assert_false(fifo_restore(&f, 90, bytes_make("\x0a\xa1\x06", 3)));
    assert_false(fifo_restore(&f, 90, bytes_make("\x0a\xfd\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11)));
    assert_int_equal(f.ready, 1);                             /* what is in front of the run */
    assert_false(fifo_restore(&f, 0, bytes_make("\x02", 1))); /* record 0 */
    assert_false(fifo_restore(&f, 0, bytes_make("\x23", 1))); /* a column that is not known */
    assert_false(fifo_restore(&f, 0, bytes_make("\x80", 1))); /* half a number */
    fifo_deinit(&f);
    fifo_init(&f, &pages);
    fifo_skip(&f, 100);
    assert_true(fifo_restore(&f, 90, bytes_make("\x0a\x21", 2)));
    assert_int_equal(f.ready, 9);
    fifo_deinit(&f);
    fifo_pages_deinit(&pages);
}

static void an_entry_that_was_purged_is_not_warmed_any_more(void **state)
{
    (void)state;
    model_t *m = model_new(4);
    place(m, 7), place(m, 9);
    take(m);
    purge_all(m);
    warm(m, 9);
    put_back(m, 7);
    warm(m, 7);
    take(m);
    sweep_all(m);
    drain_all(m);
    model_free(m);
}

static void entries_go_out_in_the_order_they_came(void **state)
{
    (void)state;
    model_t *m = model_new(2);
    for (int i = 0; i < 100; i++)
        append(m);
    for (int i = 0; i < 101; i++)
        take(m); /* compares with the model: positions 1, 2, … and then none */
    drain_all(m);
    model_free(m);
}

static void a_returned_entry_is_the_next_one_at_its_old_place(void **state)
{
    (void)state;
    model_t *m = model_new(4);
    for (int i = 0; i < 10; i++)
        append(m);
    for (int i = 0; i < 8; i++)
        take(m);
    put_back(m, 6);
    put_back(m, 2);
    take(m);
    assert_int_equal(m->states[2], OUT);
    take(m);
    assert_int_equal(m->states[6], OUT);
    take(m);
    assert_int_equal(m->states[9], OUT);
    drain_all(m);
    model_free(m);
}

static void a_purge_spares_what_is_out_also_when_it_comes_back_before_the_sweep(void **state)
{
    (void)state;
    model_t *m = model_new(4);
    for (int i = 0; i < 20; i++)
        append(m);
    for (int i = 0; i < 5; i++)
        take(m);
    purge_all(m);
    put_back(m, 3);
    put_back(m, 5);
    assert_int_equal(m->fifo.ready, 2);
    sweep_all(m);
    take(m);
    assert_int_equal(m->states[3], OUT);
    take(m);
    assert_int_equal(m->states[5], OUT);
    drain_all(m);
    model_free(m);
}

static void a_second_purge_takes_the_survivors_of_the_first(void **state)
{
    (void)state;
    model_t *m = model_new(4);
    for (int i = 0; i < 9; i++)
        append(m);
    take(m);
    purge_all(m);
    sweep(m, 2);
    put_back(m, 1);
    append(m);
    purge_all(m);
    assert_int_equal(m->fifo.ready, 0);
    sweep_all(m);
    assert_int_equal(m->present, 0);
    assert_false(fifo_needs_sweep(&m->fifo));
    model_free(m);
}

static void an_empty_purge_needs_no_sweep(void **state)
{
    (void)state;
    model_t *m = model_new(4);
    append(m);
    take(m);
    assert_int_equal(fifo_purge(&m->fifo), 0);
    assert_false(fifo_needs_sweep(&m->fifo));
    settle(m, 1);
    model_free(m);
}

static void pages_are_given_back_wherever_they_run_empty(void **state)
{
    (void)state;
    model_t *m = model_new(4);
    for (int i = 0; i < 40; i++)
        append(m);
    for (int i = 0; i < 40; i++)
        take(m);
    assert_int_equal(pages_held(&m->fifo), 11); /* positions 0 … 40, four a page, 41 … in the last one */
    for (uint64_t p = 12; p < 20; p++)
        settle(m, p); /* two whole pages in the middle */
    assert_int_equal(pages_held(&m->fifo), 9);
    for (uint64_t p = 1; p < 12; p++)
        settle(m, p);
    assert_int_equal(pages_held(&m->fifo), 6);
    assert_int_equal(slot_at(&m->fifo, 0)->number, 5); /* the directory has let go of both */
    for (uint64_t p = 20; p <= 40; p++)
        settle(m, p);
    assert_true(pages_held(&m->fifo) <= 1);
    model_free(m);
}

static void a_long_life_with_few_messages_keeps_few_pages(void **state)
{
    (void)state;
    model_t *m = model_new(2);
    for (int i = 0; i < ENTRIES; i++) {
        append(m);
        take(m);
        settle(m, m->last);
        assert_true(pages_held(&m->fifo) <= 1);
        assert_true(m->fifo.block_count <= 1 && m->fifo.only_places <= 4);
    }
    model_free(m);
}

/* Whatever number of pages there were, wherever in their blocks the slots of the first and the last one are. */
static void the_directory_moves_along_with_what_is_there(void **state)
{
    (void)state;
    fifo_pages_t pages = {.page_entries = 2};
    fifo_t f;
    fifo_init(&f, &pages);
    fifo_item_t item;
    uint64_t first = 1, next = 1;
    for (uint64_t depth = 1; depth < 700; depth += 3) {
        while (next < first + depth)
            assert_true(fifo_place(&f, next, next * 2)), next++;
        assert_true(f.block_count <= depth / 2 / BLOCK_SLOTS + 2);
        for (uint64_t left = depth % 7; next - first > left; first++) {
            assert_true(fifo_shift(&f, &item));
            assert_int_equal(item.position, first);
            assert_int_equal(item.record, first * 2);
        }
    }
    for (uint32_t budget = UINT32_MAX; fifo_drain(&f, &budget, &item); first++)
        assert_int_equal(item.position, first);
    assert_int_equal(first, next);
    fifo_deinit(&f);
    fifo_pages_deinit(&pages);
}

/* Nor do old ones cost more the more have come and gone behind them. */
static void old_entries_keep_no_room_for_those_behind_them(void **state)
{
    (void)state;
    enum { MANY = 100000, APART = 997 };
    fifo_pages_t pages = {.page_entries = 4};
    fifo_t f, copy;
    fifo_init(&f, &pages), fifo_init(&copy, &pages);
    fifo_item_t item;
    uint64_t old = 0;
    for (uint64_t p = 1; p <= MANY; p++) {
        assert_true(fifo_place(&f, p, p * 3));
        assert_true(fifo_take(&f, &item));
        assert_int_equal(item.position, p);
        old += p % APART == 0;
        if (p % APART != 0)
            (void)fifo_remove(&f, p);
        assert_true(f.slots_length <= 2 * old + 20);
    }
    buffer_t octets = {0};
    uint64_t begin = 1;
    uint32_t left = UINT32_MAX;
    assert_int_equal(fifo_spared_ranges(&f, &begin, f.tail, &left, &octets), old);
    assert_int_equal(begin, f.tail);
    for (uint64_t p = APART; p <= MANY; p += 2 * APART)
        (void)fifo_return(&f, p);
    fifo_skip(&copy, f.tail);
    buffer_clear(&octets);
    for (uint64_t from = 0, first; fifo_write(&f, &from, 1024, &octets, &first); buffer_clear(&octets))
        assert_true(fifo_restore(&copy, first, buffer_bytes(&octets)));
    assert_int_equal(copy.ready, old);
    for (uint64_t p = APART; p <= MANY; p += APART) {
        assert_true(fifo_shift(&copy, &item));
        assert_int_equal(item.position, p);
        assert_int_equal(item.record, p * 3);
    }
    for (uint64_t p = APART; p <= MANY; p += 2 * APART) {
        assert_true(fifo_shift(&f, &item));
        assert_int_equal(item.position, p);
    }
    assert_false(fifo_first(&f, &item));
    for (uint64_t p = 2 * APART; p <= MANY; p += 2 * APART)
        (void)fifo_remove(&f, p);
    assert_true(f.slots_length <= 1 && copy.slots_length <= 1);
    buffer_free(&octets);
    fifo_deinit(&f), fifo_deinit(&copy);
    fifo_pages_deinit(&pages);
}

static void sweeping_looks_at_no_more_entries_than_it_may(void **state)
{
    (void)state;
    model_t *m = model_new(128);
    for (int i = 0; i < 100; i++)
        append(m);
    for (int i = 0; i < 50; i++)
        take(m); /* sweeping has to pass these */
    purge_all(m);
    uint32_t budget = 10;
    fifo_item_t none;
    assert_false(fifo_sweep(&m->fifo, &budget, &none));
    assert_int_equal(budget, 0);
    sweep_all(m);
    drain_all(m);
    model_free(m);
}

/* So often at most it is told (fifo.h). */
static void returns_are_counted_as_far_as_they_have_room(void **state)
{
    (void)state;
    fifo_pages_t pages = {.page_entries = 4};
    fifo_t f;
    fifo_item_t item;
    message_t *m = some_message();
    fifo_init(&f, &pages);
    (void)fifo_append(&f, m, false);
    for (unsigned i = 1; i <= UINT16_MAX + 2u; i++) {
        assert_true(fifo_take(&f, &item));
        assert_int_equal(fifo_return(&f, 1).returns, i < UINT16_MAX ? i : UINT16_MAX);
    }
    fifo_deinit(&f);
    fifo_pages_deinit(&pages);
    message_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(behaves_as_a_plain_array_whatever_happens),
        cmocka_unit_test(behaves_as_a_plain_array_with_entries_that_are_in_the_log),
        cmocka_unit_test(a_deep_queue_takes_an_octet_or_two_an_entry),
        cmocka_unit_test(after_a_purge_too_pages_are_packed),
        cmocka_unit_test(what_is_no_row_of_spans_is_refused),
        cmocka_unit_test(positions_skipped_over_take_no_pages),
        cmocka_unit_test(an_entry_that_was_purged_is_not_warmed_any_more),
        cmocka_unit_test(entries_go_out_in_the_order_they_came),
        cmocka_unit_test(a_returned_entry_is_the_next_one_at_its_old_place),
        cmocka_unit_test(a_purge_spares_what_is_out_also_when_it_comes_back_before_the_sweep),
        cmocka_unit_test(a_second_purge_takes_the_survivors_of_the_first),
        cmocka_unit_test(an_empty_purge_needs_no_sweep),
        cmocka_unit_test(pages_are_given_back_wherever_they_run_empty),
        cmocka_unit_test(a_long_life_with_few_messages_keeps_few_pages),
        cmocka_unit_test(the_directory_moves_along_with_what_is_there),
        cmocka_unit_test(old_entries_keep_no_room_for_those_behind_them),
        cmocka_unit_test(sweeping_looks_at_no_more_entries_than_it_may),
        cmocka_unit_test(returns_are_counted_as_far_as_they_have_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
