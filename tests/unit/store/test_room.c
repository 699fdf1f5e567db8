/* SPDX-License-Identifier: Apache-2.0
 *
 * test_room.c: the disk alarm: how much is free, and the reserve of a log that cannot have more segments. */
#include "store/log_fixture.h"

static bool is_short(const fixture_t *f)
{
    return flag_is_set(&store_journal(f->store)->disk_short);
}

static store_counts_t count(const fixture_t *f)
{
    store_counts_t counts;
    store_count(f->store, &counts);
    return counts;
}

/* What all files take now. */
static uint64_t used_bytes(const fixture_t *f)
{
    return count(f).bytes;
}

static void has_news(fixture_t *f)
{
    unsigned wake;
    (void)store_helper_turn(f->store, &wake);
    assert_true(wake & STORE_WAKE_ENGINE);
    (void)store_helper_turn(f->store, &wake);
    assert_false(wake & STORE_WAKE_ENGINE); /* once */
}

static void less_free_than_the_limit_is_the_alarm_and_it_ends_by_itself(void **state)
{
    (void)state;
    fixture_t *f = fixture_new(1);
    f->options.free_limit_bytes = 100000;
    open_well(f);
    put_batch(f, 1, 10);
    settle_well(f);
    assert_false(is_short(f));
    assert_int_equal(count(f).free_limit_bytes, 100000);
    sim_disk_limit(f->sim, used_bytes(f) + 99999);
    has_news(f);
    assert_true(is_short(f));
    put_batch(f, 1, 10); /* the log itself goes on */
    settle_well(f);
    sim_disk_limit(f->sim, used_bytes(f) + 100000);
    has_news(f);
    assert_false(is_short(f));
    fixture_free(f);
}

/* Until the log cannot have another segment; what has gathered is durable. */
static void until_short(fixture_t *f)
{
    while (!is_short(f)) {
        assert_true(f->next < RECORDS_MOST / 2);
        put_batch(f, 1, 900);
        settle_well(f);
    }
}

static void the_alarm_comes_while_the_reserve_is_there(void **state)
{
    (void)state;
    for (uint32_t ahead = 1; ahead <= 4; ahead++) {
        fixture_t *f = fixture_new(2);
        f->options.segments_ahead = ahead;
        open_well(f);
        sim_disk_limit(f->sim, 20 * f->options.segment_bytes);
        until_short(f);
        assert_int_equal(count(f).segments_free, ahead - 1); /* and the one that was just begun */
        /* all of it can be used: by acks, say */
        uint64_t before = count(f).appended_bytes;
        while (f->durable == f->next - 1) {
            put_batch(f, 1, 100);
            assert_true(settle(f) >= 0);
        }
        assert_int_equal(count(f).segments_free, 0);
        assert_true(count(f).appended_bytes - before > ahead * (f->options.segment_bytes - 4096));
        /* nothing is lost by it */
        sim_disk_limit(f->sim, UINT64_MAX);
        settle_well(f);
        assert_false(is_short(f));
        fixture_free(f);
    }
}

/* What the store has said. */
typedef struct lines {
    uint32_t complaints, set, cleared, low, waits, unknown;
} lines_t;

static void count_line(void *context, log_level_t level, const char *line)
{
    lines_t *said = context;
    (void)level;
    said->complaints += strstr(line, "cannot make room for the log") != NULL;
    said->set += strstr(line, "disk alarm set") != NULL;
    said->low += strstr(line, "disk alarm set") && strstr(line, "octets are free on the disk");
    said->unknown += strstr(line, "the disk alarm stays as it is") != NULL;
    said->waits += strstr(line, "the log waits") != NULL;
    said->cleared += strstr(line, "disk alarm cleared") != NULL;
}

static void each_alarm_is_said_once_and_there_is_none_between(void **state)
{
    (void)state;
    fixture_t *f = fixture_new(9);
    lines_t said = {0};
    f->log = (log_t){LOG_INFO, count_line, &said};
    open_well(f);
    for (uint32_t round = 1; round <= 3; round++) {
        sim_disk_limit(f->sim, used_bytes(f) + 4 * f->options.segment_bytes);
        until_short(f);
        assert_int_equal(said.complaints, round);
        assert_int_equal(said.set, round);
        sim_disk_limit(f->sim, UINT64_MAX);
        settle_well(f);
        for (uint64_t end = count(f).segments + 4; count(f).segments < end;) {
            put_batch(f, 1, 900);
            settle_well(f);
        }
        assert_int_equal(said.set, round);
        assert_int_equal(said.cleared, round);
    }
    fixture_free(f);
}

static void the_alarm_stays_until_the_reserve_is_whole_again(void **state)
{
    (void)state;
    fixture_t *f = fixture_new(10);
    lines_t said = {0};
    f->log = (log_t){LOG_INFO, count_line, &said};
    f->options.segments_ahead = 4;
    open_well(f);
    sim_disk_limit(f->sim, 20 * f->options.segment_bytes);
    until_short(f);
    while (count(f).segments_free > 1) {
        put_batch(f, 1, 100);
        settle_well(f);
    }
    for (uint64_t ready = 2; ready <= 4; ready++) { /* one more fits */
        assert_int_equal(said.cleared, 0);
        sim_disk_limit(f->sim, used_bytes(f) + 2 * f->options.segment_bytes);
        settle_well(f);
        assert_int_equal(count(f).segments_free, ready);
    }
    assert_false(is_short(f));
    assert_int_equal(said.cleared, 1);
    assert_int_equal(said.set, 1);
    fixture_free(f);
}

/* Nothing more need be written for it: the log begins the next segment, and what an opening would not read goes. */
static void segments_that_die_end_it(void **state)
{
    (void)state;
    fixture_t *f = fixture_new(3);
    open_well(f);
    sim_disk_limit(f->sim, 20 * f->options.segment_bytes);
    for (int round = 0; round < 10; round++) {
        until_short(f);
        f->replay_from = f->next - 20; /* acks: all before is not needed any more */
        put_batch(f, 1, 100);
        settle_well(f);
        assert_false(is_short(f));
        assert_int_equal(count(f).segments_free, f->options.segments_ahead + 1);
        power_cycle(f);
        open_well(f);
        assert_in_range(f->seen_first, 1, f->replay_from);
        assert_int_equal(f->found.last, f->next - 1);
    }
    fixture_free(f);
}

/* A quota: what is free is not for us. */
static int much_is_free(disk_t *disk, uint64_t *bytes, error_t *err)
{
    (void)disk, (void)err;
    *bytes = UINT64_C(1) << 40;
    return 0;
}

/* The helper tries again each time it is woken. */
static void some_turns(fixture_t *f)
{
    for (int i = 0; i < 40; i++) {
        unsigned wake;
        assert_true(turn(f) >= 0);
        (void)store_helper_turn(f->store, &wake);
        (void)mind_space(f);
    }
}

static void drain_until_it_waits(fixture_t *f)
{
    while (f->durable == f->next - 1) {
        if (count(f).segments_free == 0 && f->replay_from < 10)
            f->replay_from = f->next;
        put_batch(f, 1, 100);
        some_turns(f);
    }
}

static void a_small_segment_is_tried_where_the_disk_does_not_say_what_is_free(void **state)
{
    (void)state;
    fixture_t *f = fixture_new(3);
    disk_kind_t kind = *f->disk->kind;
    kind.free_bytes = much_is_free;
    f->disk->kind = &kind;
    open_well(f);
    sim_disk_limit(f->sim, 20 * f->options.segment_bytes + f->options.segment_bytes / 2);
    f->keeps_dead = true;
    while (!is_short(f)) {
        put_batch(f, 1, 900);
        some_turns(f);
    }
    drain_until_it_waits(f);
    f->keeps_dead = false;
    for (int i = 0; i < 100; i++)
        some_turns(f);
    assert_int_equal(f->durable, f->next - 1);
    assert_true(count(f).segments < 5);
    fixture_free(f);
}

static fixture_t *amid_sync;
static int (*sync_before)(disk_file_t *file, error_t *err);

/* The helper looks, while the log waits for the disk. */
static int sync_with_a_look(disk_file_t *file, error_t *err)
{
    fixture_t *f = amid_sync;
    unsigned wake;
    amid_sync = NULL;
    if (f)
        (void)store_helper_turn(f->store, &wake);
    amid_sync = f;
    return sync_before(file, err);
}

static void a_look_amid_a_sync_does_not_end_what_is_to_be_heard_behind_it(void **state)
{
    (void)state;
    fixture_t *f = fixture_new(4);
    disk_kind_t kind = *f->disk->kind;
    sync_before = kind.sync;
    kind.sync = sync_with_a_look;
    f->disk->kind = &kind;
    f->keeps_dead = true;
    open_well(f);
    for (int i = 0; i < 30; i++) {
        put_batch(f, 1, 900);
        settle_well(f);
    }
    sim_disk_limit(f->sim, used_bytes(f)); /* what lies ready is all there will be */
    amid_sync = f;
    while (f->durable == f->next - 1) {
        unsigned wake;
        put_batch(f, 1, 900);
        assert_true(store_log_turn(f->store, &wake, &f->err) >= 0);
        take_done(f);
    }
    amid_sync = NULL;
    assert_true(flag_is_set(&store_journal(f->store)->log_short));
    fixture_free(f);
}

static void no_segment_is_begun_early_that_gives_back_less(void **state)
{
    (void)state;
    fixture_t *f = fixture_new(8);
    f->options.free_limit_bytes = 1;
    open_well(f);
    while (count(f).segments < 4) {
        put_batch(f, 1, 900);
        settle_well(f);
    }
    uint64_t segments = count(f).segments;
    f->replay_from = 3; /* of the first segment, which is small, all can go */
    put_batch(f, 1, 100);
    settle_well(f);
    sim_disk_limit(f->sim, 0);
    put_batch(f, 1, 100);
    settle_well(f);
    assert_true(is_short(f));
    assert_int_equal(count(f).segments, segments);
    f->replay_from = f->next; /* and now all of all */
    put_batch(f, 1, 100);
    settle_well(f);
    assert_int_equal(count(f).segments, 2);
    fixture_free(f);
}

static void with_little_free_no_more_is_kept_than_needed(void **state)
{
    (void)state;
    fixture_t *f = fixture_new(4);
    f->options.free_limit_bytes = 1 << 20;
    open_well(f);
    while (count(f).segments < 8) {
        put_batch(f, 1, 900);
        settle_well(f);
    }
    sim_disk_limit(f->sim, used_bytes(f) + 1000);
    f->replay_from = f->next - 5;
    for (int i = 0; i < 2; i++) {
        put_batch(f, 1, 100);
        settle_well(f);
    }
    assert_int_equal(count(f).segments_free, f->options.segments_ahead);
    fixture_free(f);
}

static void a_log_that_stays_small_has_no_reserve(void **state)
{
    (void)state;
    fixture_t *f = fixture_new(5);
    f->options.segments_ahead = 3;
    open_well(f);
    put_batch(f, 1, 10);
    settle_well(f);
    assert_int_equal(count(f).segments_free, 1);
    put_batch(f, 1, 5000);
    settle_well(f);
    assert_int_equal(count(f).segments_free, 3);
    fixture_free(f);
}

/* Its segment must grow, and that alone of all the log writes may not fit: the disk must not be told to fail. */
static void a_group_larger_than_a_segment_waits_for_room(void **state)
{
    (void)state;
    fixture_t *f = fixture_new(6);
    unsigned wake;
    lines_t said = {0};
    f->log = (log_t){LOG_INFO, count_line, &said};
    open_well(f);
    put_batch(f, 1, 10);
    settle_well(f);
    sim_disk_limit(f->sim, used_bytes(f) + 50000);
    put_batch(f, 1, 80000);
    put_batch(f, 1, 10);
    assert_true(settle(f) >= 0);
    assert_int_equal(f->durable, f->next - 3);
    assert_true(is_short(f));
    for (int i = 0; i < 3; i++)
        assert_true(settle(f) >= 0);
    assert_int_equal(said.waits, 1);
    sim_disk_limit(f->sim, UINT64_MAX);
    (void)store_helper_turn(f->store, &wake); /* it looks */
    (void)store_helper_turn(f->store, &wake); /* and wakes the log */
    assert_true(wake & STORE_WAKE_LOG);
    settle_well(f);
    assert_false(is_short(f));
    close_store(f);
    open_well(f);
    check_all_seen(f, f->next - 1);
    fixture_free(f);
}

static uint64_t clock_ms(void *context)
{
    return *(uint64_t *)context;
}

static int nothing_is_said(disk_t *disk, uint64_t *bytes, error_t *err)
{
    (void)disk;
    *bytes = 0;
    return error_set(err, "nobody knows");
}

static void a_disk_that_does_not_answer_is_as_it_was(void **state)
{
    (void)state;
    fixture_t *f = fixture_new(13);
    lines_t said = {0};
    disk_kind_t kind = *f->disk->kind;
    int (*answers)(disk_t * disk, uint64_t * bytes, error_t * err) = kind.free_bytes;
    f->disk->kind = &kind;
    f->log = (log_t){LOG_INFO, count_line, &said};
    f->options.free_limit_bytes = 100000;
    open_well(f);
    for (uint32_t round = 0; round < 4; round++) {
        bool is_low = round % 2;
        sim_disk_limit(f->sim, used_bytes(f) + (is_low ? 99999 : 1000000));
        put_batch(f, 1, 10);
        settle_well(f);
        assert_int_equal(is_short(f), is_low);
        kind.free_bytes = nothing_is_said;
        for (int i = 0; i < 3; i++) {
            put_batch(f, 1, 10);
            settle_well(f);
            assert_int_equal(is_short(f), is_low);
        }
        assert_int_equal(said.unknown, round + 1); /* once */
        kind.free_bytes = answers;
    }
    fixture_free(f);
}

static void it_looks_more_often_the_less_is_left(void **state)
{
    (void)state;
    fixture_t *f = fixture_new(7);
    uint64_t now_ms = 5000, limit = 1000000;
    unsigned wake;
    f->options.clock = (clock_source_t){.now_ms = clock_ms, .context = &now_ms};
    f->options.free_limit_bytes = limit;
    open_well(f);
    put_batch(f, 1, 10);
    settle_well(f);
    assert_int_equal(store_helper_wait_ms(f->store), 1000);
    sim_disk_limit(f->sim, used_bytes(f) + limit + 200000000);
    now_ms += 999;
    (void)store_helper_turn(f->store, &wake);
    assert_int_equal(store_helper_wait_ms(f->store), 1000); /* it has not looked */
    now_ms++;
    (void)store_helper_turn(f->store, &wake);
    assert_int_equal(store_helper_wait_ms(f->store), 400);
    sim_disk_limit(f->sim, used_bytes(f) + limit);
    now_ms += 400;
    (void)store_helper_turn(f->store, &wake);
    assert_int_equal(store_helper_wait_ms(f->store), 100);
    assert_false(is_short(f));
    fixture_free(f);
}

/* With time between looks: what went wrong is a reason to look. */
static void a_segment_that_cannot_be_made_has_it_look_at_once(void **state)
{
    (void)state;
    fixture_t *f = fixture_new(11);
    uint64_t now_ms = 5000;
    lines_t said = {0};
    f->log = (log_t){LOG_INFO, count_line, &said};
    f->options.clock = (clock_source_t){.now_ms = clock_ms, .context = &now_ms};
    f->options.free_limit_bytes = 1;
    open_well(f);
    put_batch(f, 1, 10);
    settle_well(f);
    sim_disk_limit(f->sim, used_bytes(f));
    until_short(f);
    assert_int_equal(said.set, 1);
    assert_int_equal(said.low, 1);
    fixture_free(f);
}

/* There is no reserve then: nobody need wait for what is made when it is needed. */
static void with_one_segment_ahead_the_last_is_no_alarm(void **state)
{
    (void)state;
    fixture_t *f = fixture_new(12);
    f->options.segments_ahead = 1;
    open_well(f);
    while (count(f).segments < 6) {
        put_batch(f, 1, 900);
        assert_true(turn(f) >= 0);
        assert_false(flag_is_set(&store_journal(f->store)->log_short));
        settle_well(f);
    }
    fixture_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(less_free_than_the_limit_is_the_alarm_and_it_ends_by_itself),
        cmocka_unit_test(the_alarm_comes_while_the_reserve_is_there),
        cmocka_unit_test(each_alarm_is_said_once_and_there_is_none_between),
        cmocka_unit_test(the_alarm_stays_until_the_reserve_is_whole_again),
        cmocka_unit_test(segments_that_die_end_it),
        cmocka_unit_test(a_small_segment_is_tried_where_the_disk_does_not_say_what_is_free),
        cmocka_unit_test(a_look_amid_a_sync_does_not_end_what_is_to_be_heard_behind_it),
        cmocka_unit_test(no_segment_is_begun_early_that_gives_back_less),
        cmocka_unit_test(with_little_free_no_more_is_kept_than_needed),
        cmocka_unit_test(a_log_that_stays_small_has_no_reserve),
        cmocka_unit_test(a_group_larger_than_a_segment_waits_for_room),
        cmocka_unit_test(a_disk_that_does_not_answer_is_as_it_was),
        cmocka_unit_test(it_looks_more_often_the_less_is_left),
        cmocka_unit_test(a_segment_that_cannot_be_made_has_it_look_at_once),
        cmocka_unit_test(with_one_segment_ahead_the_last_is_no_alarm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
