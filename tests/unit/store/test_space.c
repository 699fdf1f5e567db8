/* SPDX-License-Identifier: Apache-2.0
 *
 * Space: segments are told of, dropped and rewritten by order, and what is needed stays readable whatever fails. */
#include "store/space_fixture.h"

#include "store/frame_records.h"

/* ---- what is told ---- */

static void segments_are_told_once_when_they_are_complete(void **state)
{
    (void)state;
    fixture_t *f = fixture_new(1);
    f->keeps_dead = true;
    open_well(f);
    uint64_t contents = 0;
    for (int i = 0; i < 60; i++) {
        record_no first = f->next;
        put_batch(f, 5, 300);
        settle_well(f);
        for (record_no n = first; n < f->next; n++)
            contents += has_content(n);
    }
    record_no next = 1;
    uint64_t told = 0, told_contents = 0;
    for (uint64_t i = 0; i < SEGMENTS_MOST; i++)
        if (f->segments[i].told > 0) {
            char name[SEGMENT_NAME_BYTES];
            segment_name(i, name);
            assert_int_equal(f->segments[i].told, 1);
            assert_int_equal(f->segments[i].news.from, next);
            assert_int_equal(f->segments[i].news.bytes, file_bytes(f, name));
            next = f->segments[i].news.end;
            told_contents += f->segments[i].news.contents;
            told++;
        }
    assert_int_equal(told, count_store(f).segments - 1);
    assert_true(told > 4 && told_contents < contents && told_contents > contents / 2);
    close_store(f);
    open_well(f);
    settle_well(f);
    uint64_t again = 0;
    for (uint64_t i = 0; i < SEGMENTS_MOST; i++)
        again += f->segments[i].told;
    assert_int_equal(again, told + 1); /* and the one that was current */
    fixture_free(f);
}

/* ---- where an opening begins ---- */

static void only_records_from_replay_from_on_are_given(void **state)
{
    (void)state;
    fixture_t *f = fixture_new(2);
    needs_t *needs = MEM_NEW(needs_t);
    f->keeps_dead = true;
    f->options.first_segment_bytes = 64 * 1024;
    open_well(f);
    for (int i = 0; i < 10; i++) {
        put_live(f, needs, 3, 200);
        settle_well(f);
    }
    f->replay_from = 14;
    put_live(f, needs, 3, 200);
    settle_well(f);
    close_store(f);
    open_well(f); /* its start says so */
    assert_int_equal(f->seen_first, 1);
    close_store(f);
    open_well(f);
    assert_int_equal(f->seen_first, 14);
    assert_int_equal(f->seen_last, 33);
    assert_int_equal(f->found.records, 20);
    (void)check_needed(f, needs, f->next);
    mem_free(needs);
    fixture_free(f);
}

static record_no first_claim(fixture_t *f, const char *name)
{
    uint8_t octets[8];
    read_file(f, name, SEGMENT_HEADER_BYTES + 88, octets, 8);
    return load_u64(octets);
}

/* A group that is not synced yet may come to nothing; an opening may not rely on what it brings. */
static void the_first_frame_of_a_segment_claims_what_was_durable_before(void **state)
{
    (void)state;
    fixture_t *f = fixture_new(3);
    f->keeps_dead = true;
    open_well(f);
    settle_well(f);
    record_no before = 0;
    uint64_t segment = 1;
    for (int i = 0; i < 50; i++) {
        uint64_t segments = count_store(f).segments;
        f->replay_from = f->next;
        put_batch(f, 3, 900);
        settle_well(f);
        if (count_store(f).segments > segments) {
            char name[SEGMENT_NAME_BYTES];
            for (segment++, segment_name(segment, name); !file_is_there(f, name);)
                segment_name(++segment, name);
            assert_int_equal(first_claim(f, name), before);
        }
        before = f->replay_from;
    }
    assert_true(segment > 5);
    fixture_free(f);
}

static void segments_before_are_not_read_when_the_log_is_opened(void **state)
{
    (void)state;
    needs_t *needs = MEM_NEW(needs_t);
    fixture_t *f = sparse_log(4, needs, 3);
    record_no last = f->next - 1;
    (void)hear_segments(f);
    close_store(f);
    int spoiled = 0;
    for (uint64_t i = 0; i < SEGMENTS_MOST; i++) {
        char name[SEGMENT_NAME_BYTES];
        segment_name(i, name);
        if (f->segments[i].news.bytes < f->options.segment_bytes ||
            f->segments[i].news.end > f->replay_from - 40)
            continue;
        sim_disk_fail_reads(f->sim, name, 6 * 1024, f->options.segment_bytes);
        spoiled++;
        break; /* the disk knows one such place */
    }
    assert_int_equal(spoiled, 1);
    open_well(f);
    assert_int_equal(f->damage_lines, 0);
    assert_int_equal(f->found.last, last);
    assert_true(f->seen_first > 300 && f->seen_first <= f->replay_from);
    mem_free(needs);
    fixture_free(f);
}

/* ---- dropping ---- */

static void any_segment_is_dropped_by_order(void **state)
{
    (void)state;
    needs_t *needs = MEM_NEW(needs_t);
    fixture_t *f = sparse_log(5, needs, 1);
    uint64_t segment = some_segment(f, needs);
    const segment_news_t news = f->segments[segment].news;
    uint64_t bytes = count_store(f).bytes;
    for (record_no n = news.from; n < news.end; n++)
        needs->live[n] = false;
    order_drop(f, segment);
    settle_well(f);
    assert_int_equal(f->segments[segment].news.bytes, 0);
    assert_int_equal(f->segments[segment].told, 2);
    assert_int_equal(count_store(f).segments_dropped, 1);
    assert_int_equal(check_needed(f, needs, f->next), 0);
    record_no last = f->next - 1;
    for (int round = 0; round < 3; round++) {
        close_store(f);
        open_well(f);
        check_all_seen(f, last);
        assert_int_equal(check_needed(f, needs, f->next), 0);
        settle_well(f);
    }
    assert_true(count_store(f).bytes < bytes + f->options.segment_bytes);
    put_live(f, needs, 30, 900); /* the file has another life */
    settle_well(f);
    (void)check_needed(f, needs, f->next);
    mem_free(needs);
    fixture_free(f);
}

/* What it may be opened from must be in the first frame of the segment that the log is in, and synced. */
static void an_order_waits_until_no_opening_reads_the_segment(void **state)
{
    (void)state;
    fixture_t *f = fixture_new(6);
    f->keeps_dead = true;
    open_well(f);
    while (count_store(f).segments < 4) {
        put_batch(f, 5, 300);
        settle_well(f);
    }
    f->replay_from = f->next;
    put_batch(f, 1, 10);
    settle_well(f);
    order_drop(f, 1);
    settle_well(f);
    assert_int_equal(f->segments[1].told, 1);
    uint64_t segments = count_store(f).segments;
    while (count_store(f).segments + count_store(f).segments_dropped == segments) {
        assert_int_equal(f->segments[1].told, 1);
        put_batch(f, 1, 300);
        settle_well(f);
    }
    assert_int_equal(f->segments[1].told, 2);
    assert_int_equal(f->segments[1].news.bytes, 0);
    fixture_free(f);
}

static void an_order_for_a_segment_that_is_gone_is_answered(void **state)
{
    (void)state;
    needs_t *needs = MEM_NEW(needs_t);
    fixture_t *f = sparse_log(7, needs, 1000000);
    order_all(f, needs);
    settle_well(f);
    assert_int_equal(f->segments[1].news.bytes, 0);
    f->segments[1].news.from = f->segments[1].news.end = 0;
    order_drop(f, 1);
    settle_well(f);
    assert_false(f->segments[1].is_ordered);
    mem_free(needs);
    fixture_free(f);
}

/* ---- rewriting ---- */

static void a_rewritten_segment_has_what_is_needed_and_no_more(void **state)
{
    (void)state;
    for (record_no every = 3; every < 100; every = every * 3 - 1) {
        needs_t *needs = MEM_NEW(needs_t);
        fixture_t *f = sparse_log(8, needs, every);
        uint64_t bytes = count_store(f).bytes;
        record_no last = f->next - 1;
        assert_true(check_needed(f, needs, f->replay_durable) > 100);
        order_all(f, needs);
        settle_well(f);
        assert_int_equal(count_new_files(f), 0);
        uint32_t others = check_needed(f, needs, f->replay_durable);
        assert_true(count_store(f).rewritten_bytes > 0);
        assert_true(count_store(f).bytes < bytes);
        for (int round = 0; round < 3; round++) {
            close_store(f);
            open_well(f);
            assert_int_equal(f->damage_lines, 0);
            check_all_seen(f, last);
            assert_int_equal(check_needed(f, needs, f->replay_durable), others);
            (void)check_needed(f, needs, f->next);
            settle_well(f);
        }
        mem_free(needs);
        fixture_free(f);
    }
}

static void a_rewritten_segment_is_rewritten_again(void **state)
{
    (void)state;
    needs_t *needs = MEM_NEW(needs_t);
    fixture_t *f = sparse_log(9, needs, 2);
    for (record_no every = 4; every < 200; every *= 2) {
        order_all(f, needs);
        settle_well(f);
        uint64_t bytes = count_store(f).bytes;
        for (record_no n = 1; n < f->replay_durable; n++)
            needs->live[n] = has_content(n) && n % every == 0;
        order_all(f, needs);
        settle_well(f);
        (void)check_needed(f, needs, f->replay_durable);
        assert_true(count_store(f).bytes < bytes || every > 32);
        if (every % 16 == 0) {
            close_store(f);
            open_well(f);
            (void)check_needed(f, needs, f->next);
        }
    }
    mem_free(needs);
    fixture_free(f);
}

/* It was lost by damage, say. A rewritten segment has no end that says that nothing more comes. */
static void a_record_that_is_missing_is_not_waited_for(void **state)
{
    (void)state;
    needs_t *needs = MEM_NEW(needs_t);
    fixture_t *f = sparse_log(13, needs, 2);
    uint64_t segment = some_segment(f, needs);
    order_all(f, needs);
    settle_well(f);
    const segment_news_t before = f->segments[segment].news;
    record_no missing = before.from | 1;
    assert_false(needs->live[missing]);
    for (record_no n = before.from; n < before.end; n++)
        needs->live[n] = needs->live[n] && n % 8 == 0;
    needs->live[missing] = true;
    give_order(f, rewrite_order(f, needs, segment));
    settle_well(f);
    const segment_news_t after = f->segments[segment].news;
    assert_true(after.bytes < before.bytes);
    needs->live[missing] = false;
    (void)check_needed(f, needs, f->next);
    for (record_no n = before.from; n < before.end; n++) /* and now it is all that is asked for */
        needs->live[n] = n == missing;
    give_order(f, rewrite_order(f, needs, segment));
    settle_well(f);
    assert_int_equal(f->segments[segment].news.bytes, after.bytes);
    close_store(f);
    open_well(f);
    assert_int_equal(f->damage_lines, 0);
    mem_free(needs);
    fixture_free(f);
}

static void records_longer_than_a_frame_are_rewritten(void **state)
{
    (void)state;
    needs_t *needs = MEM_NEW(needs_t);
    fixture_t *f = fixture_new(10);
    f->keeps_dead = true;
    open_well(f);
    put_live(f, needs, 60, 3000); /* also records whose own octets are more */
    put_live(f, needs, 9, 20000);
    settle_well(f);
    go_ahead(f, needs);
    for (record_no n = 1; n < f->replay_durable; n++)
        needs->live[n] = n % 4 == 0 || n == 15 || n == 16; /* some that have no content too */
    order_all(f, needs);
    settle_well(f);
    assert_true(count_store(f).rewritten_bytes > 3 * 20000);
    for (record_no n = 1; n < f->replay_durable; n++)
        needs->live[n] = needs->live[n] && has_content(n);
    (void)check_needed(f, needs, f->next);
    close_store(f);
    open_well(f);
    (void)check_needed(f, needs, f->next);
    mem_free(needs);
    fixture_free(f);
}

static void reads_come_between_the_slices(void **state)
{
    (void)state;
    needs_t *needs = MEM_NEW(needs_t);
    fixture_t *f = sparse_log(11, needs, 3);
    f->replay_from = 0;
    uint64_t segment = some_segment(f, needs);
    const segment_news_t before = f->segments[segment].news;
    unsigned wake;
    while (store_helper_turn(f->store, &wake))
        continue;
    give_order(f, rewrite_order(f, needs, segment));
    int turns = 0;
    for (; f->segments[segment].told == 1; (void)hear_segments(f), turns++) {
        record_no n = before.from + (record_no)turns % (before.end - before.from);
        while (!needs->live[n])
            n = n + 1 < before.end ? n + 1 : before.from;
        journal_t *j = store_journal(f->store);
        read_request_t *r = mem_zero(sizeof *r + sizeof r->items[0]);
        r->count = 1;
        r->items[0].record = n;
        lane_push(j->reads, &r);
        (void)lane_flush(j->reads);
        (void)store_helper_turn(f->store, &wake); /* the read first */
        read_request_t *const *item = lane_peek(j->read);
        assert_non_null(item);
        check_read_item(f, &(*item)->items[0]);
        lane_pop(j->read);
        (void)lane_release(j->read);
        release_read(r);
        (void)store_helper_turn(f->store, &wake);
    }
    assert_true(turns > 4);
    assert_true(f->segments[segment].news.bytes < before.bytes);
    assert_int_equal(f->segments[segment].news.contents, count_live(f, needs, segment));
    mem_free(needs);
    fixture_free(f);
}

static bool is_any_ordered(const fixture_t *f)
{
    for (uint64_t i = 0; i < SEGMENTS_MOST; i++)
        if (f->segments[i].is_ordered)
            return true;
    return false;
}

static uint64_t test_clock_ms(void *context)
{
    return *(uint64_t *)context;
}

static void rewriting_keeps_to_its_rate(void **state)
{
    (void)state;
    needs_t *needs = MEM_NEW(needs_t);
    fixture_t *f = sparse_log(12, needs, 3);
    close_store(f);
    uint64_t clock = 1000;
    f->options.clock = (clock_source_t){.now_ms = test_clock_ms, .context = &clock};
    f->options.rewrite_bytes_per_second = 4096;
    open_well(f);
    settle_well(f);
    order_all(f, needs);
    unsigned wake;
    uint64_t begin = clock, bytes = count_store(f).bytes;
    while (is_any_ordered(f)) {
        if (!store_helper_turn(f->store, &wake))
            clock += store_helper_wait_ms(f->store);
        (void)mind_space(f);
    }
    uint64_t written = count_store(f).rewritten_bytes;
    assert_true(count_store(f).bytes < bytes);
    assert_true((clock - begin) * 4096 / 1000 >= written);
    assert_true((clock - begin) * 4096 / 1000 <= 12 * bytes);
    (void)check_needed(f, needs, f->next);
    mem_free(needs);
    fixture_free(f);
}

static void what_would_save_little_stays_as_it_is(void **state)
{
    (void)state;
    for (int is_off = 0; is_off < 2; is_off++) {
        needs_t *needs = MEM_NEW(needs_t);
        fixture_t *f = sparse_log(13, needs, is_off ? 3 : 1);
        close_store(f);
        f->options.rewrite_bytes_per_second = is_off ? 0 : 1;
        open_well(f);
        settle_well(f);
        uint64_t segment = some_segment(f, needs), operations = sim_disk_operations(f->sim);
        const segment_news_t before = f->segments[segment].news;
        give_order(f, rewrite_order(f, needs, segment));
        settle_well(f);
        assert_int_equal(f->segments[segment].told, 2);
        assert_int_equal(f->segments[segment].news.bytes, before.bytes);
        assert_int_equal(sim_disk_operations(f->sim), operations);
        (void)check_needed(f, needs, f->next);
        mem_free(needs);
        fixture_free(f);
    }
}

/* Turns a bit of what the record's content is. */
static void damage_content(fixture_t *f, uint64_t segment, record_no n)
{
    char name[SEGMENT_NAME_BYTES];
    segment_name(segment, name);
    told_frames_t t = list_frames(f);
    size_t i = 0;
    while (strcmp(t.frames[i].file, name) != 0 || t.frames[i].first + t.frames[i].records <= n)
        i++;
    assert_true(i < t.count && t.frames[i].first <= n);
    size_t len = (size_t)t.frames[i].bytes;
    uint8_t *octets = mem_alloc(len);
    read_file(f, name, t.frames[i].offset, octets, len);
    frame_records_t records = {0};
    frame_record_t record = {0};
    frame_t frame = {.kind = FRAME_DATA,
                     .metadata_bytes = load_u32(octets + 24),
                     .piece_count = load_u32(octets + 28),
                     .records = t.frames[i].records,
                     .first = t.frames[i].first};
    assert_true(frame_records_begin(&records, &frame, bytes_make(octets, len)));
    while (record.number != n)
        assert_int_equal(frame_records_next(&records, &record), 1);
    sim_disk_flip(f->sim, name, t.frames[i].offset + (uint64_t)(record.content.data - octets), 1);
    frame_records_deinit(&records);
    mem_free(octets);
    mem_free(t.frames);
}

static void damaged_content_stays_damaged(void **state)
{
    (void)state;
    needs_t *needs = MEM_NEW(needs_t);
    fixture_t *f = sparse_log(14, needs, 3);
    uint64_t segment = some_segment(f, needs);
    record_no n = f->segments[segment].news.from + 3;
    while (!needs->live[n] || f->made[n].size < 100)
        n++;
    assert_true(n < f->segments[segment].news.end);
    damage_content(f, segment, n);
    order_all(f, needs);
    settle_well(f);
    assert_true(f->segments[segment].news.bytes < f->options.segment_bytes);
    for (int round = 0; round < 2; round++) {
        read_request_t *r = read_back(f, &n, 1);
        assert_int_equal(r->items[0].outcome, READ_DAMAGED);
        release_read(r);
        close_store(f);
        open_well(f);
    }
    needs->live[n] = false;
    (void)check_needed(f, needs, f->next);
    mem_free(needs);
    fixture_free(f);
}

/* ---- when it fails ---- */

static void whatever_fails_while_rewriting_nothing_needed_is_lost(void **state)
{
    (void)state;
    bool is_end = false;
    for (uint64_t at = 1; !is_end; at++) {
        needs_t *needs = MEM_NEW(needs_t);
        fixture_t *f = sparse_log(15, needs, 4);
        settle_well(f);
        order_all(f, needs);
        uint64_t operations = sim_disk_operations(f->sim);
        sim_disk_fail_at(f->sim, at);
        unsigned wake;
        while (store_helper_turn(f->store, &wake))
            continue;
        is_end = sim_disk_operations(f->sim) - operations < at;
        sim_disk_fail_at(f->sim, 0);
        (void)check_needed(f, needs, f->next);
        settle_well(f);
        for (uint64_t i = 0; i < SEGMENTS_MOST; i++)
            assert_false(f->segments[i].is_ordered);
        record_no last = f->next - 1;
        close_store(f);
        open_well(f);
        check_all_seen(f, last);
        assert_int_equal(count_new_files(f), 0);
        (void)check_needed(f, needs, f->next);
        order_all(f, needs); /* and the next time it goes well */
        settle_well(f);
        assert_true(count_store(f).bytes < 20 * f->options.segment_bytes);
        (void)check_needed(f, needs, f->next);
        mem_free(needs);
        fixture_free(f);
    }
}

/* A try before may have left it, with a disk that did not let it be removed. */
static void a_copy_that_is_in_the_way_is_written_anew(void **state)
{
    (void)state;
    needs_t *needs = MEM_NEW(needs_t);
    fixture_t *f = sparse_log(9, needs, 17);
    uint64_t segment = 1;
    while (f->segments[segment].news.bytes == 0 || count_live(f, needs, segment) == 0)
        segment++;
    char name[SEGMENT_NAME_BYTES];
    disk_file_t *left;
    segment_new_name(segment, name);
    assert_int_equal(disk_open(f->disk, name, DISK_CREATE, &left, NULL), 0);
    disk_close(&left);
    give_order(f, rewrite_order(f, needs, segment));
    settle_well(f);
    assert_true(count_store(f).rewritten_bytes > 0);
    assert_int_equal(count_new_files(f), 0);
    (void)check_needed(f, needs, f->segments[segment].news.end);
    mem_free(needs);
    fixture_free(f);
}

static void a_full_disk_leaves_segments_as_they_are(void **state)
{
    (void)state;
    needs_t *needs = MEM_NEW(needs_t);
    fixture_t *f = sparse_log(16, needs, 3);
    settle_well(f);
    uint64_t bytes = count_store(f).bytes;
    sim_disk_limit(f->sim, 0);
    order_all(f, needs);
    for (uint64_t i = 0; i < SEGMENTS_MOST; i++)
        if (f->segments[i].is_ordered && count_live(f, needs, i) == 0)
            fail_msg("a segment without anything is not what this is about");
    unsigned wake;
    while (store_helper_turn(f->store, &wake))
        continue;
    assert_int_equal(count_store(f).rewritten_bytes, 0);
    assert_int_equal(count_store(f).bytes, bytes);
    assert_int_equal(count_new_files(f), 0);
    (void)check_needed(f, needs, f->next);
    sim_disk_limit(f->sim, UINT64_MAX);
    (void)hear_segments(f);
    order_all(f, needs);
    settle_well(f);
    assert_true(count_store(f).bytes < bytes);
    mem_free(needs);
    fixture_free(f);
}

static void a_copy_that_was_not_finished_is_removed_when_the_log_is_opened(void **state)
{
    (void)state;
    needs_t *needs = MEM_NEW(needs_t);
    fixture_t *f = sparse_log(17, needs, 3);
    uint64_t segment = some_segment(f, needs);
    give_order(f, rewrite_order(f, needs, segment));
    unsigned wake;
    while (count_new_files(f) == 0)
        assert_true(store_helper_turn(f->store, &wake));
    sim_disk_cut_at(f->sim, 1);
    while (!sim_disk_is_off(f->sim))
        (void)store_helper_turn(f->store, &wake);
    crash(f);
    assert_int_equal(count_new_files(f), 1);
    open_well(f);
    assert_int_equal(count_new_files(f), 0);
    (void)check_needed(f, needs, f->next);
    mem_free(needs);
    fixture_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(segments_are_told_once_when_they_are_complete),
        cmocka_unit_test(only_records_from_replay_from_on_are_given),
        cmocka_unit_test(the_first_frame_of_a_segment_claims_what_was_durable_before),
        cmocka_unit_test(segments_before_are_not_read_when_the_log_is_opened),
        cmocka_unit_test(any_segment_is_dropped_by_order),
        cmocka_unit_test(an_order_waits_until_no_opening_reads_the_segment),
        cmocka_unit_test(an_order_for_a_segment_that_is_gone_is_answered),
        cmocka_unit_test(a_rewritten_segment_has_what_is_needed_and_no_more),
        cmocka_unit_test(a_rewritten_segment_is_rewritten_again),
        cmocka_unit_test(a_record_that_is_missing_is_not_waited_for),
        cmocka_unit_test(records_longer_than_a_frame_are_rewritten),
        cmocka_unit_test(reads_come_between_the_slices),
        cmocka_unit_test(rewriting_keeps_to_its_rate),
        cmocka_unit_test(what_would_save_little_stays_as_it_is),
        cmocka_unit_test(damaged_content_stays_damaged),
        cmocka_unit_test(whatever_fails_while_rewriting_nothing_needed_is_lost),
        cmocka_unit_test(a_copy_that_is_in_the_way_is_written_anew),
        cmocka_unit_test(a_full_disk_leaves_segments_as_they_are),
        cmocka_unit_test(a_copy_that_was_not_finished_is_removed_when_the_log_is_opened),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
