/* SPDX-License-Identifier: Apache-2.0
 *
 * The log: what was appended is there when it is opened again, in order and to the octet. */
#include "store/log_fixture.h"

static void what_was_appended_comes_back_when_it_is_opened(void **state)
{
    (void)state;
    fixture_t *f = fixture_new(1);
    open_well(f);
    assert_int_equal(f->found.last, 0);
    put_batch(f, 1, 0);
    put_batch(f, 10, 100);
    put_batch(f, 3, 700);
    settle_well(f);
    close_store(f);

    open_well(f);
    check_all_seen(f, 14);
    assert_int_equal(f->found.cut_bytes, 0);
    assert_int_equal(f->found.resynced_records, 0);
    fixture_free(f);
}

static void a_log_that_was_opened_many_times_goes_on(void **state)
{
    (void)state;
    fixture_t *f = fixture_new(2);
    for (uint32_t i = 0; i < 30; i++) {
        record_no last = f->next - 1;
        open_well(f);
        check_all_seen(f, last);
        for (uint32_t k = 0; k < i % 4; k++)
            put_batch(f, 1 + k, 50 * i);
        settle_well(f);
        close_store(f);
    }
    fixture_free(f);
}

static void many_batches_cross_segments(void **state)
{
    (void)state;
    fixture_t *f = fixture_new(3);
    open_well(f);
    for (uint32_t i = 0; i < 300; i++) {
        put_batch(f, 1 + i % 9, i * 13 % 1500);
        if (i % 5 == 0)
            settle_well(f);
    }
    settle_well(f);
    store_counts_t counts;
    store_count(f->store, &counts);
    assert_true(counts.segments > 10);
    assert_int_equal(counts.records, f->next - 1);
    close_store(f);
    record_no last = f->next - 1;
    open_well(f);
    check_all_seen(f, last);
    fixture_free(f);
}

static void a_group_may_be_larger_than_a_segment(void **state)
{
    (void)state;
    fixture_t *f = fixture_new(4);
    open_well(f);
    put_batch(f, 2, 100);
    put_batch(f, 100, 1000); /* also records that alone are longer than a frame */
    put_batch(f, 1, 40000);
    put_batch(f, 5, 20000);
    put_batch(f, 2, 100);
    settle_well(f);
    close_store(f);
    record_no last = f->next - 1;
    open_well(f);
    check_all_seen(f, last);
    fixture_free(f);
}

/* ---- reading back ---- */

static void make_long_log(fixture_t *f)
{
    open_well(f);
    for (uint32_t i = 0; i < 200; i++) {
        put_batch(f, 1 + i % 12, i * 17 % 1300);
        if (i % 7 == 0)
            settle_well(f);
    }
    settle_well(f);
}

static void records_are_read_back_by_number(void **state)
{
    (void)state;
    fixture_t *f = fixture_new(5);
    make_long_log(f);
    for (record_no step = 1; step < 400; step = step * 3 + 1)
        read_all(f, step / 2 + 1, step);
    fixture_free(f);
}

static void records_of_before_an_opening_are_read_back(void **state)
{
    (void)state;
    fixture_t *f = fixture_new(6);
    make_long_log(f);
    close_store(f);
    open_well(f);
    read_all(f, 1, 1);
    read_all(f, 1, 50);
    put_batch(f, 20, 300);
    settle_well(f);
    read_all(f, 1, 1);
    fixture_free(f);
}

static void records_are_read_back_in_any_order(void **state)
{
    (void)state;
    fixture_t *f = fixture_new(7);
    make_long_log(f);
    sim_random_t dice = sim_random(7);
    for (int i = 0; i < 500; i++) {
        record_no n = 1 + sim_random_below(&dice, f->next - 1);
        if (!is_message(n) && !is_part(n))
            continue;
        read_request_t *r = read_back(f, &n, 1);
        check_read_item(f, &r->items[0]);
        release_read(r);
    }
    fixture_free(f);
}

static void what_was_just_appended_is_read_back(void **state)
{
    (void)state;
    fixture_t *f = fixture_new(8);
    open_well(f);
    settle_well(f);
    for (int i = 0; i < 100; i++) {
        put_batch(f, 3, 400);
        while (f->durable < f->next - 1) {
            unsigned wake;
            assert_true(turn(f) >= 0);
            if (f->durable < f->next - 1)
                (void)store_helper_turn(f->store, &wake);
        }
        record_no n = f->next - 1 - (record_no)(i % 3);
        while (!is_message(n) && !is_part(n))
            n--;
        read_request_t *r = read_back(f, &n, 1);
        check_read_item(f, &r->items[0]);
        release_read(r);
    }
    fixture_free(f);
}

static void large_groups_are_read_back(void **state)
{
    (void)state;
    fixture_t *f = fixture_new(9);
    open_well(f);
    put_batch(f, 60, 3000); /* records longer than a frame among them */
    put_batch(f, 4, 50000);
    settle_well(f);
    read_all(f, 1, 1);
    read_all(f, 1, 9);
    close_store(f);
    open_well(f);
    read_all(f, 2, 9);
    read_all(f, 1, 1);
    fixture_free(f);
}

static void what_cannot_be_read_is_said_item_by_item(void **state)
{
    (void)state;
    fixture_t *f = fixture_new(10);
    f->options.first_segment_bytes = f->options.segment_bytes;
    open_well(f);
    put_batch(f, 1, 600);
    put_batch(f, 1, 600);
    put_batch(f, 1, 600);
    settle_well(f);
    /* each group: 104 octets, 12 of table, the record, the content, up to a multiple of 512 */
    sim_disk_flip(f->sim, "log.0000000001", 1024 + 1024 + 300, 1);
    sim_disk_fail_reads(f->sim, "log.0000000001", 1024 + 2048 + 600, 1);
    record_no records[] = {1, 2, 3, 4};
    read_request_t *r = read_back(f, records, 4);
    check_read_item(f, &r->items[0]);
    assert_int_equal(r->items[1].outcome, READ_DAMAGED);
    assert_int_equal(r->items[2].outcome, READ_FAILED);
    assert_int_equal(r->items[3].outcome, READ_DAMAGED); /* there is no such record */
    for (int i = 1; i < 4; i++)
        assert_null(r->items[i].message);
    release_read(r);
    sim_disk_flip(f->sim, "log.0000000001", 1024 + 1024 + 300, 1);
    sim_disk_fail_reads(f->sim, "log.0000000001", 0, 0);
    r = read_back(f, records, 3);
    for (int i = 0; i < 3; i++)
        check_read_item(f, &r->items[i]);
    release_read(r);
    fixture_free(f);
}

/* What is read ahead may be amid its write: when it is asked for it is whole on the disk, and is no damage. */
static void what_was_read_before_it_was_written_is_read_again(void **state)
{
    (void)state;
    fixture_t *f = fixture_new(10);
    f->options.first_segment_bytes = f->options.segment_bytes;
    f->options.read_bytes = 1 << 16;
    open_well(f);
    put_batch(f, 1, 600);
    put_batch(f, 1, 600);
    settle_well(f);
    record_no first = 1, second = 2;
    sim_disk_flip(f->sim, "log.0000000001", 1024 + 1024 + 300, 1);
    read_request_t *r = read_back(f, &first, 1);
    check_read_item(f, &r->items[0]);
    release_read(r);
    sim_disk_flip(f->sim, "log.0000000001", 1024 + 1024 + 300, 1);
    r = read_back(f, &second, 1);
    check_read_item(f, &r->items[0]);
    release_read(r);
    fixture_free(f);
}

/* ---- space ---- */

static store_counts_t count(const fixture_t *f)
{
    store_counts_t counts;
    store_count(f->store, &counts);
    return counts;
}

static void append_and_forget(fixture_t *f, uint32_t batches)
{
    for (uint32_t i = 0; i < batches; i++) {
        f->replay_from = f->next > 50 ? f->next - 50 : 0;
        put_batch(f, 5, 300);
        settle_well(f);
    }
}

static void dead_segments_are_recycled(void **state)
{
    (void)state;
    fixture_t *f = fixture_new(11);
    open_well(f);
    append_and_forget(f, 100);
    uint64_t bytes = count(f).bytes;
    append_and_forget(f, 500);
    assert_true(count(f).bytes <= bytes);
    assert_true(count(f).segments <= 4);
    assert_true(count(f).segments_free >= f->options.segments_ahead);
    read_all(f, f->replay_from, 1);
    close_store(f);
    record_no last = f->next - 1;
    open_well(f);
    check_all_seen(f, last);
    assert_true(f->seen_count < 300);
    read_all(f, f->replay_from, 1);
    append_and_forget(f, 100);
    assert_true(count(f).bytes <= bytes + f->options.segment_bytes);
    fixture_free(f);
}

static void a_log_in_which_all_is_dead_is_one_segment(void **state)
{
    (void)state;
    fixture_t *f = fixture_new(18);
    open_well(f);
    append_and_forget(f, 100);
    f->replay_from = f->next + 1;
    put_batch(f, 1, 10);
    settle_well(f);
    for (int round = 0; round < 4; round++) {
        close_store(f);
        open_well(f);
        assert_int_equal(f->found.last, f->next - 1);
        settle_well(f);
        assert_int_equal(count(f).segments, 1);
    }
    assert_int_equal(f->seen_count, 0);
    put_batch(f, 5, 10);
    settle_well(f);
    fixture_free(f);
}

static void segments_that_grew_are_removed_when_dead(void **state)
{
    (void)state;
    fixture_t *f = fixture_new(12);
    open_well(f);
    put_batch(f, 3, 60000);
    append_and_forget(f, 100);
    uint64_t bytes = count(f).bytes;
    assert_true(bytes < 8 * f->options.segment_bytes);
    put_batch(f, 3, 60000);
    append_and_forget(f, 100);
    assert_true(count(f).bytes <= bytes + f->options.segment_bytes); /* the log may be one further */
    fixture_free(f);
}

static void the_log_waits_while_there_is_no_segment(void **state)
{
    (void)state;
    fixture_t *f = fixture_new(13);
    open_well(f);
    unsigned wake = 0;
    for (int i = 0; i < 6; i++)
        put_batch(f, 1, 900);
    assert_int_equal(store_log_turn(f->store, &wake, &f->err), 1); /* 4096 octets: as much as fits */
    assert_true(wake & STORE_WAKE_HELPER);
    assert_true(wake & STORE_WAKE_ENGINE);
    assert_int_equal(store_log_turn(f->store, &wake, &f->err), 0);
    assert_true(wake & STORE_WAKE_HELPER);
    take_done(f);
    while (store_helper_turn(f->store, &wake) && (wake & STORE_WAKE_LOG) == 0)
        continue;
    assert_true(wake & STORE_WAKE_LOG);
    assert_int_equal(store_log_turn(f->store, &wake, &f->err), 5);
    take_done(f);
    assert_int_equal(f->durable, 6);
    fixture_free(f);
}

/* News that has no room, and one segment that lies ready. */
static fixture_t *fixture_with_little_news(uint64_t seed)
{
    fixture_t *f = fixture_new(seed);
    f->options.ring_items = 2;
    f->options.read_bytes = 512;
    f->options.segments_ahead = 1;
    open_well(f);
    put_batch(f, 1, 10);
    settle_well(f);
    return f;
}

static void the_log_goes_on_though_the_helper_has_slept(void **state)
{
    (void)state;
    fixture_t *f = fixture_with_little_news(15);
    while (f->durable == f->next - 1) {
        put_batch(f, 1, 300);
        assert_true(turn(f) >= 0);
    }
    settle_well(f);
    read_all(f, 1, 1);
    fixture_free(f);
}

static void the_log_is_woken_when_it_can_tell_more(void **state)
{
    (void)state;
    fixture_t *f = fixture_with_little_news(16);
    unsigned wake = 0;
    while (f->durable == f->next - 1) {
        put_batch(f, 1, 300);
        assert_true(store_log_turn(f->store, &wake, &f->err) >= 0);
        take_done(f);
    }
    assert_true(wake & STORE_WAKE_HELPER);
    unsigned all = 0;
    while (store_helper_turn(f->store, &wake))
        all |= wake;
    assert_true(all & STORE_WAKE_LOG);
    assert_true(store_log_turn(f->store, &wake, &f->err) > 0);
    take_done(f);
    assert_int_equal(f->durable, f->next - 1);
    fixture_free(f);
}

static void a_full_disk_is_met_by_the_helper_alone(void **state)
{
    (void)state;
    fixture_t *f = fixture_new(14);
    open_well(f);
    put_batch(f, 1, 10);
    settle_well(f);
    sim_disk_limit(f->sim, 0);
    while (f->next < 400) {
        put_batch(f, 1, 900);
        assert_true(settle(f) >= 0);
        if (f->durable < f->next - 1)
            break;
    }
    assert_true(f->durable < f->next - 1); /* it waits */
    sim_disk_limit(f->sim, UINT64_MAX);
    settle_well(f);
    close_store(f);
    open_well(f);
    fixture_free(f);
}

/* ---- turns ---- */

static void one_turn_syncs_once_for_all_that_waits(void **state)
{
    (void)state;
    fixture_t *f = fixture_new(15);
    f->options.first_segment_bytes = 1024 * 1024;
    open_well(f);
    uint64_t syncs = count(f).syncs, operations = sim_disk_operations(f->sim);
    for (int i = 0; i < 8; i++)
        put_batch(f, 20, 200);
    assert_int_equal(turn(f), 8);
    assert_int_equal(count(f).syncs, syncs + 1);
    assert_int_equal(sim_disk_operations(f->sim), operations + 2); /* one write, one sync */
    fixture_free(f);
}

static void the_mark_is_written_when_there_is_something_to_state(void **state)
{
    (void)state;
    fixture_t *f = fixture_new(16);
    open_well(f);
    uint64_t operations = sim_disk_operations(f->sim);
    assert_int_equal(store_log_idle(f->store, &f->err), 0);
    assert_int_equal(sim_disk_operations(f->sim), operations);
    put_batch(f, 3, 10);
    settle_well(f);
    operations = sim_disk_operations(f->sim);
    assert_int_equal(store_log_idle(f->store, &f->err), 0);
    assert_int_equal(sim_disk_operations(f->sim), operations + 2);
    assert_int_equal(store_log_idle(f->store, &f->err), 0);
    assert_int_equal(sim_disk_operations(f->sim), operations + 2);
    crash(f);
    open_well(f);
    assert_int_equal(f->found.resynced_records, 0);
    fixture_free(f);
}

static void a_failed_sync_is_the_end(void **state)
{
    (void)state;
    fixture_t *f = fixture_new(17);
    open_well(f);
    put_batch(f, 3, 10);
    sim_disk_fail_sync(f->sim, 1);
    assert_int_equal(turn(f), -1);
    uint64_t operations = sim_disk_operations(f->sim);
    assert_int_equal(turn(f), -1);
    assert_int_equal(store_log_idle(f->store, &f->err), -1);
    close_store(f);
    assert_int_equal(sim_disk_operations(f->sim), operations);
    fixture_free(f);
}

/* What is there of the group is not gone on with. */
static void a_write_that_fails_amid_a_group_is_the_end(void **state)
{
    (void)state;
    enum { BYTES_OF_TWO_WRITES = 5 << 20 };
    fixture_t *f = fixture_new(18);
    open_well(f);
    put_batch(f, 6, 10);
    settle_well(f);
    assert_int_equal(store_log_idle(f->store, &f->err), 0);
    close_store(f);
    open_well(f); /* on a fresh segment, which grows */
    uint8_t *octets = mem_zero(BYTES_OF_TWO_WRITES);
    put_octets(f, bytes_make(octets, BYTES_OF_TWO_WRITES));
    sim_disk_fail_at(f->sim, 1);
    for (int tries = 0; tries < 3; tries++) {
        uint64_t operations = sim_disk_operations(f->sim);
        assert_int_equal(turn(f), -1);
        assert_int_equal(sim_disk_operations(f->sim) - operations, tries == 0);
    }
    assert_int_equal(store_log_idle(f->store, &f->err), -1);
    close_store(f);
    mem_free(octets);
    fixture_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_appended_comes_back_when_it_is_opened),
        cmocka_unit_test(a_log_that_was_opened_many_times_goes_on),
        cmocka_unit_test(many_batches_cross_segments),
        cmocka_unit_test(a_group_may_be_larger_than_a_segment),
        cmocka_unit_test(records_are_read_back_by_number),
        cmocka_unit_test(records_of_before_an_opening_are_read_back),
        cmocka_unit_test(records_are_read_back_in_any_order),
        cmocka_unit_test(what_was_just_appended_is_read_back),
        cmocka_unit_test(large_groups_are_read_back),
        cmocka_unit_test(what_cannot_be_read_is_said_item_by_item),
        cmocka_unit_test(what_was_read_before_it_was_written_is_read_again),
        cmocka_unit_test(dead_segments_are_recycled),
        cmocka_unit_test(a_log_in_which_all_is_dead_is_one_segment),
        cmocka_unit_test(segments_that_grew_are_removed_when_dead),
        cmocka_unit_test(the_log_waits_while_there_is_no_segment),
        cmocka_unit_test(the_log_goes_on_though_the_helper_has_slept),
        cmocka_unit_test(the_log_is_woken_when_it_can_tell_more),
        cmocka_unit_test(a_full_disk_is_met_by_the_helper_alone),
        cmocka_unit_test(one_turn_syncs_once_for_all_that_waits),
        cmocka_unit_test(the_mark_is_written_when_there_is_something_to_state),
        cmocka_unit_test(a_failed_sync_is_the_end),
        cmocka_unit_test(a_write_that_fails_amid_a_group_is_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
