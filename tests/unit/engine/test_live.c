/* SPDX-License-Identifier: Apache-2.0
 *
 * test_live.c: which records are still referred to, beside a plain model: a count for each record. */
#include "engine/durable/live.h"

#include "engine/durable/live_internal.h"
#include "engine/fixture.h"

#define RECORDS 300000 /* more than two groups of chunks */

typedef struct model {
    live_t live;
    uint32_t *counts; /* of RECORDS records */
    record_no watched_below;
    uint64_t born, gone; /* of those below */
} model_t;

static void note_turn(void *context, record_no record, bool is_live)
{
    model_t *m = context;
    assert_true(record < m->watched_below);
    *(is_live ? &m->born : &m->gone) += 1;
}

static int setup(void **state)
{
    model_t *m = MEM_NEW(model_t);
    live_init(&m->live, note_turn, m);
    m->counts = mem_zero(RECORDS * sizeof *m->counts);
    *state = m;
    return 0;
}

static int teardown(void **state)
{
    model_t *m = *state;
    live_deinit(&m->live);
    mem_free(m->counts);
    mem_free(m);
    return 0;
}

#define live_test(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

static void add(model_t *m, record_no record, uint32_t count)
{
    live_add(&m->live, record, count);
    m->counts[record] += count;
}

static void add_run(model_t *m, record_no first, uint64_t count)
{
    live_add_run(&m->live, first, count);
    for (uint64_t i = 0; i < count; i++)
        m->counts[first + i]++;
}

static void drop(model_t *m, record_no record)
{
    live_drop(&m->live, record);
    m->counts[record]--;
}

static record_no next_of_model(const model_t *m, record_no from, record_no end)
{
    while (from < end && m->counts[from] == 0)
        from++;
    return from;
}

static uint64_t in_model(const model_t *m, record_no from, record_no end)
{
    uint64_t live = 0;
    for (; from < end; from++)
        live += m->counts[from] > 0;
    return live;
}

/* The ranges are those of the model, none of them beside another. */
static void check_ranges(const model_t *m, record_no from, record_no end)
{
    buffer_t octets = {0};
    uint32_t count = 0, seen = 0;
    live_ranges(&m->live, from, end, &octets, &count);
    bytes_reader_t in = bytes_reader(buffer_bytes(&octets));
    record_no at = from;
    for (uint64_t first, length; record_list_next(&in, &first, &length); seen++) {
        assert_int_equal(first, next_of_model(m, at, end));
        at = first + length;
        assert_true(length > 0 && at <= end);
        assert_int_equal(in_model(m, first, at), length);
        assert_true(at == end || m->counts[at] == 0);
    }
    assert_true(reader_done(&in));
    assert_int_equal(seen, count);
    assert_int_equal(next_of_model(m, at, end), end);
    buffer_free(&octets);
}

static void check(const model_t *m, record_no from, record_no end)
{
    assert_int_equal(live_in(&m->live, from, end), in_model(m, from, end));
    assert_int_equal(live_next(&m->live, from, end), next_of_model(m, from, end));
    assert_int_equal(live_has(&m->live, from), m->counts[from] > 0);
    check_ranges(m, from, end);
}

static void check_all(const model_t *m)
{
    check(m, 1, RECORDS);
    assert_int_equal(m->live.records, in_model(m, 1, RECORDS));
}

static void with_no_reference_nothing_is_live(void **state)
{
    model_t *m = *state;
    check_all(m);
    add(m, 5000, 1);
    check_all(m);
    drop(m, 5000);
    check_all(m);
    assert_int_equal(m->live.length, 0);
}

static void a_record_is_live_until_its_last_reference_is_dropped(void **state)
{
    model_t *m = *state;
    add(m, 3000, 2);
    add(m, 3000, 1);
    add(m, 3001, 1);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(live_in(&m->live, 3000, 3001), 1);
        drop(m, 3000);
        check_all(m);
    }
    assert_int_equal(live_in(&m->live, 3000, 3001), 0);
}

static void a_message_in_a_million_queues_is_counted_to_the_last(void **state)
{
    model_t *m = *state;
    for (record_no n = 4090; n < 4100; n++) /* in two chunks */
        add(m, n, 250);
    add(m, 4097, 1000000);
    add(m, 4095, 4);
    add(m, 4096, 5);
    for (record_no n = 4090; n < 4100; n++) {
        while (m->counts[n] > 1)
            drop(m, n);
        add(m, n, 300);
        check(m, 4000, 4200);
        while (m->counts[n] > 0)
            drop(m, n);
        check(m, 4000, 4200);
    }
    assert_int_equal(m->live.many.count, 0);
    check_all(m);
}

static void a_run_adds_one_to_each_of_its_records(void **state)
{
    model_t *m = *state;
    add(m, 2050, 254);
    add_run(m, 2040, 5);
    add_run(m, 2044, 3000);
    add_run(m, 100, 200000);
    check_all(m);
    for (record_no n = 1; n < RECORDS; n++)
        while (m->counts[n] > 0)
            drop(m, n);
    check_all(m);
    assert_int_equal(m->live.length, 0);
}

static void a_record_below_all_others_may_come_later(void **state)
{
    model_t *m = *state;
    add(m, 290000, 1);
    add(m, 2 * LIVE_RANGE_RECORDS, 1);
    add(m, 100, 1);
    check_all(m);
    drop(m, 100);
    check_all(m);
    drop(m, 2 * LIVE_RANGE_RECORDS);
    check_all(m);
}

static void who_watches_is_told_of_what_turns_below_his_line(void **state)
{
    model_t *m = *state;
    add_run(m, 1, 100);
    assert_int_equal(m->born, 0);
    m->live.watched_below = m->watched_below = 50;
    add_run(m, 1, 100);
    drop(m, 10);
    assert_int_equal(m->born + m->gone, 0); /* it was live, and is */
    drop(m, 10);
    drop(m, 49);
    drop(m, 49);
    drop(m, 50);
    drop(m, 50);
    assert_int_equal(m->gone, 2);
    add(m, 10, 3);
    add(m, 50, 3);
    assert_int_equal(m->born, 1);
}

static record_no some_live(const model_t *m, uint64_t *seed)
{
    record_no from = 1 + chance(seed, RECORDS - 1), n = next_of_model(m, from, RECORDS);
    return n < RECORDS ? n : next_of_model(m, 1, RECORDS);
}

/* Chunks fill up, thin out and go; dense ones, thin ones and none stand side by side. */
static void act(model_t *m, uint64_t *seed, bool grows)
{
    record_no at = 1 + chance(seed, RECORDS - 5000);
    uint32_t kind = chance(seed, 10);
    if (grows && kind == 0) {
        add_run(m, at, 1 + chance(seed, 5000));
    } else if (grows) {
        at = kind < 5 ? at : at / 20000 * 20000 + 1 + chance(seed, 40);
        add(m, at, kind == 9 ? 300 : 1 + chance(seed, 3));
    } else {
        record_no n = some_live(m, seed), end = n + 1 + chance(seed, kind == 0 ? 5000 : 3);
        for (; n < end && n < RECORDS; n++)
            for (uint32_t left = kind < 8 ? UINT32_MAX : 1; left > 0 && m->counts[n] > 0; left--)
                drop(m, n);
    }
}

static void behaves_as_an_array_of_counts_whatever_happens(void **state)
{
    model_t *m = *state;
    uint64_t seed = 0x9e3779b97f4a7c15u;
    for (int n = 0; n < 20000; n++) {
        act(m, &seed, n % 2000 < 1000 ? chance(&seed, 100) < 65 : chance(&seed, 100) < 20);
        record_no from = 1 + chance(&seed, RECORDS - 1), most = RECORDS - from;
        record_no length = chance(&seed, 3000);
        check(m, from, from + (length < most ? length : most));
        if (n % 1000 == 0)
            check_all(m);
    }
}

static size_t taken(const live_t *l)
{
    size_t bytes = l->capacity * sizeof *l->groups;
    for (size_t i = 0; i < l->length; i++) {
        const live_group_t *g = *live_group_at(l, l->first + i);
        bytes += g ? sizeof *g : 0;
        for (size_t n = 0; g && n < GROUP_CHUNKS; n++)
            if (g->chunks[n].live > 0)
                bytes += g->chunks[n].is_dense ? LIVE_RANGE_RECORDS : FEW_MOST * sizeof(few_t);
    }
    return bytes;
}

static void memory_is_taken_for_what_is_live_alone(void **state)
{
    model_t *m = *state;
    for (record_no n = 1; n <= 3000000; n++) { /* a short queue */
        live_add(&m->live, n, 1);
        if (n > 5000)
            live_drop(&m->live, n - 5000);
    }
    assert_true(taken(&m->live) < 12000);
    for (record_no n = 3000000 - 4999; n <= 3000000; n++)
        live_drop(&m->live, n);
    for (record_no n = 1; n <= 3000000; n++) { /* one in a thousand stays for ever */
        live_add(&m->live, n, 1);
        if (n % 1000 != 0)
            live_drop(&m->live, n);
    }
    assert_int_equal(m->live.records, 3000);
    assert_true(taken(&m->live) < 3000 * 90);
}

static void an_old_record_costs_little_with_billions_behind_it(void **state)
{
    model_t *m = *state;
    record_no far = 100000000000;
    live_add(&m->live, 1, 1);
    live_add(&m->live, far, 1);
    assert_true(taken(&m->live) < 10 << 20);
    assert_int_equal(live_in(&m->live, 1, far + 1), 2);
    assert_int_equal(live_next(&m->live, 2, far + 1), far);
    live_drop(&m->live, 1);
    assert_int_equal(m->live.length, 1);
    live_drop(&m->live, far);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        live_test(with_no_reference_nothing_is_live),
        live_test(a_record_is_live_until_its_last_reference_is_dropped),
        live_test(a_message_in_a_million_queues_is_counted_to_the_last),
        live_test(a_run_adds_one_to_each_of_its_records),
        live_test(a_record_below_all_others_may_come_later),
        live_test(who_watches_is_told_of_what_turns_below_his_line),
        live_test(behaves_as_an_array_of_counts_whatever_happens),
        live_test(memory_is_taken_for_what_is_live_alone),
        live_test(an_old_record_costs_little_with_billions_behind_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
