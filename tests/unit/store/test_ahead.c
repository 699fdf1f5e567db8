/* SPDX-License-Identifier: Apache-2.0
 *
 * test_ahead.c: segments that are made before they are needed, as far as there is time. */
#include "store/log_fixture.h"

/* What making one takes, in operations of the disk: create, header, and three syncs; and what comes on top. */
enum { MAKE = 5 - 1, TAKE_SPACE = 1, FILL = 2, SEED = 1, SEED_WITHOUT_ALLOCATE = 4 };

static store_counts_t count(const fixture_t *f)
{
    store_counts_t counts;
    store_count(f->store, &counts);
    return counts;
}

/* Operations of the helper until it has nothing to do. */
static uint64_t help(fixture_t *f)
{
    unsigned wake;
    uint64_t before = sim_disk_operations(f->sim);
    while (store_helper_turn(f->store, &wake))
        continue;
    return sim_disk_operations(f->sim) - before;
}

/* What the first segment has no room for waits. */
static void append(fixture_t *f, uint32_t batches, uint32_t size)
{
    unsigned wake;
    for (uint32_t i = 0; i < batches; i++) {
        put_batch(f, 1, size);
        assert_true(store_log_turn(f->store, &wake, &f->err) >= 0);
        take_done(f);
    }
}

static void with_time_it_is_written_over_with_zeros(void **state)
{
    (void)state;
    fixture_t *f = fixture_new(SEED);
    open_well(f);
    assert_int_equal(help(f), MAKE + TAKE_SPACE + FILL);
    assert_int_equal(count(f).segments_free, 1);
    assert_int_equal(count(f).bytes, 4096 + 16384);
    assert_int_equal(help(f), 0);
    fixture_free(f);
}

static void a_log_that_waits_gets_it_as_it_is(void **state)
{
    (void)state;
    fixture_t *f = fixture_new(SEED);
    open_well(f);
    append(f, 5, 900);
    assert_true(f->durable < 5);
    assert_int_equal(help(f), MAKE + TAKE_SPACE);
    settle_well(f);
    read_all(f, 1, 1);
    fixture_free(f);
}

static void where_no_space_can_be_taken_all_of_it_is_written(void **state)
{
    (void)state;
    fixture_t *f = fixture_new(SEED_WITHOUT_ALLOCATE);
    open_well(f);
    append(f, 5, 900);
    assert_true(f->durable < 5);
    assert_int_equal(help(f), MAKE + FILL);
    assert_int_equal(count(f).bytes, 4096 + 16384);
    settle_well(f);
    read_all(f, 1, 1);
    fixture_free(f);
}

static uint64_t clock_ms(void *context)
{
    return *(const uint64_t *)context;
}

/* A reserve, and time. The log is in its second segment, and the next lies ready. */
static fixture_t *fixture_with_clock(uint64_t segment_bytes, uint64_t *now_ms)
{
    fixture_t *f = fixture_new(SEED);
    f->options.segment_bytes = segment_bytes;
    f->options.clock = (clock_source_t){.now_ms = clock_ms, .context = now_ms};
    open_well(f);
    help(f);
    append(f, 5, 900);
    help(f);
    settle_well(f);
    return f;
}

static void it_is_filled_at_a_rate(void **state)
{
    (void)state;
    uint64_t now_ms = 1000;
    fixture_t *f = fixture_with_clock(8 << 20, &now_ms);
    assert_int_equal(count(f).segments_free, 1); /* the reserve is never nothing … */
    uint64_t operations = 0, began_ms = now_ms;
    while (count(f).segments_free < 2) { /* … the one beside it has time */
        operations += help(f);
        now_ms += store_helper_wait_ms(f->store);
        assert_true(now_ms - began_ms < 10000);
    }
    assert_true(now_ms - began_ms >= 100);
    assert_true(operations >= 2 * FILL);
    fixture_free(f);
}

static void a_fast_log_gets_it_as_it_is(void **state)
{
    (void)state;
    uint64_t now_ms = 1000;
    fixture_t *f = fixture_with_clock(1 << 20, &now_ms);
    for (uint64_t begun = count(f).segments; count(f).segments < begun + 2; now_ms++) {
        append(f, 1, 200000);
        (void)help(f);
    }
    uint64_t before = count(f).segments, operations = 0;
    for (; count(f).segments == before; now_ms++) {
        append(f, 1, 200000);
        operations = help(f);
    }
    assert_int_equal(operations, MAKE + TAKE_SPACE);
    assert_int_equal(count(f).segments_free, f->options.segments_ahead);
    settle_well(f);
    fixture_free(f);
}

/* ---- what fails while a file is made new ---- */

static void add_bytes(void *context, const char *name)
{
    fixture_t *f = ((void **)context)[0];
    uint64_t number, *sum = ((void **)context)[1];
    if (segment_parse_name(name, &number))
        *sum += file_bytes(f, name);
}

static uint64_t bytes_on_disk(fixture_t *f)
{
    uint64_t sum = 0;
    void *context[] = {f, &sum};
    assert_int_equal(disk_list(f->disk, add_bytes, context, NULL), 0);
    return sum;
}

/* Tried again, wherever it failed: its name may be gone by then. */
static void a_file_that_could_not_be_made_new_is_in_nobodys_way(void **state)
{
    (void)state;
    for (uint64_t at = 1; at < 20; at++) {
        fixture_t *f = fixture_new(SEED);
        f->keeps_dead = true;
        open_well(f);
        while (count(f).segments < 8) {
            put_batch(f, 1, 900);
            settle_well(f);
        }
        f->keeps_dead = false; /* what was is not needed any more */
        f->replay_from = f->next;
        for (uint64_t begun = count(f).segments; count(f).segments < begun + 1; (void)help(f))
            append(f, 1, 900);
        (void)mind_space(f);
        sim_disk_fail_at(f->sim, at);
        (void)help(f);
        sim_disk_fail_at(f->sim, 0);
        settle_well(f);
        assert_false(flag_is_set(&store_journal(f->store)->disk_short));
        assert_int_equal(count(f).segments_free, f->options.segments_ahead + 1);
        assert_int_equal(count(f).bytes, bytes_on_disk(f));
        fixture_free(f);
    }
}

/* Of one that failed nothing stays on the disk, and another is made. */
static void a_segment_that_could_not_be_made_is_nowhere(void **state)
{
    (void)state;
    for (uint64_t at = 1; at <= MAKE + TAKE_SPACE + FILL; at++) {
        fixture_t *f = fixture_new(SEED);
        open_well(f);
        sim_disk_fail_at(f->sim, at);
        (void)help(f);
        sim_disk_fail_at(f->sim, 0);
        assert_int_equal(count(f).bytes, bytes_on_disk(f));
        (void)help(f);
        assert_int_equal(count(f).segments_free, 1);
        assert_int_equal(count(f).bytes, 4096 + 16384);
        assert_int_equal(bytes_on_disk(f), 4096 + 16384);
        append(f, 5, 900);
        settle_well(f);
        fixture_free(f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(with_time_it_is_written_over_with_zeros),
        cmocka_unit_test(a_log_that_waits_gets_it_as_it_is),
        cmocka_unit_test(where_no_space_can_be_taken_all_of_it_is_written),
        cmocka_unit_test(it_is_filled_at_a_rate),
        cmocka_unit_test(a_fast_log_gets_it_as_it_is),
        cmocka_unit_test(a_file_that_could_not_be_made_new_is_in_nobodys_way),
        cmocka_unit_test(a_segment_that_could_not_be_made_is_nowhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
