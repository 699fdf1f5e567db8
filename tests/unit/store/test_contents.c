/* SPDX-License-Identifier: Apache-2.0
 *
 * Segments before where the log is read from: whatever is wrong with them costs the messages in them, and never the start. */
#include "store/space_fixture.h"

/* All of it was synced, and closed. */
static fixture_t *closed_log(uint64_t seed, needs_t *needs, bool is_rewritten)
{
    fixture_t *f = sparse_log(seed, needs, 3);
    if (is_rewritten) {
        order_all(f, needs);
        settle_well(f);
    }
    (void)some_segment(f, needs);
    close_store(f);
    return f;
}

/* How the messages in it are that are needed. */
static void count_outcomes(fixture_t *f, const needs_t *needs, const segment_news_t *news, uint32_t *whole,
                           uint32_t *damaged)
{
    *whole = *damaged = 0;
    for (record_no n = news->from; n < news->end; n++) {
        if (!needs->live[n])
            continue;
        read_request_t *r = read_back(f, &n, 1);
        assert_true(r->items[0].outcome == READ_OK || r->items[0].outcome == READ_DAMAGED);
        if (r->items[0].outcome == READ_OK)
            check_read_item(f, &r->items[0]);
        *(r->items[0].outcome == READ_OK ? whole : damaged) += 1;
        release_read(r);
    }
}

/* The others are all there. */
static void check_others(fixture_t *f, needs_t *needs, const segment_news_t *news)
{
    for (record_no n = news->from; n < news->end; n++)
        needs->live[n] = false;
    (void)check_needed(f, needs, f->next);
}

static uint64_t pick(const fixture_t *f, const needs_t *needs)
{
    for (uint64_t i = 3; i < SEGMENTS_MOST; i++)
        if (f->segments[i].news.bytes > 0 && count_live(f, needs, i) > 4)
            return i;
    fail_msg("no segment");
    return 0;
}

static void a_missing_file_costs_its_messages(void **state)
{
    (void)state;
    for (int is_rewritten = 0; is_rewritten < 2; is_rewritten++) {
        needs_t *needs = MEM_NEW(needs_t);
        fixture_t *f = closed_log(1, needs, is_rewritten);
        const told_segment_t told = f->segments[pick(f, needs)];
        char name[SEGMENT_NAME_BYTES];
        uint32_t whole, damaged;
        segment_name(told.news.segment, name);
        assert_int_equal(disk_remove(f->disk, name, NULL), 0);
        open_well(f);
        settle_well(f);
        assert_int_equal(f->segments[told.news.segment].told, 0);
        count_outcomes(f, needs, &told.news, &whole, &damaged);
        assert_true(whole == 0 && damaged > 4);
        check_others(f, needs, &told.news);
        mem_free(needs);
        fixture_free(f);
    }
}

/* One octet of the file is damaged, and it is opened. */
static fixture_t *damaged_log(uint64_t seed, needs_t *needs, bool is_rewritten, uint64_t offset,
                              told_segment_t *told)
{
    fixture_t *f = closed_log(seed, needs, is_rewritten);
    char name[SEGMENT_NAME_BYTES];
    *told = f->segments[pick(f, needs)];
    segment_name(told->news.segment, name);
    if (offset < file_bytes(f, name))
        sim_disk_flip(f->sim, name, offset, 1);
    open_well(f);
    settle_well(f);
    return f;
}

static void a_damaged_first_frame_costs_what_is_in_it(void **state)
{
    (void)state;
    for (int is_rewritten = 0; is_rewritten < 2; is_rewritten++)
        for (int is_header_damaged = 0; is_header_damaged < 2; is_header_damaged++) {
            needs_t *needs = MEM_NEW(needs_t);
            told_segment_t told;
            uint32_t whole, damaged;
            fixture_t *f = damaged_log(2, needs, is_rewritten, SEGMENT_HEADER_BYTES + 100, &told);
            if (is_header_damaged) {
                char name[SEGMENT_NAME_BYTES];
                segment_name(told.news.segment, name);
                close_store(f);
                sim_disk_flip(f->sim, name, 20, 1);
                open_well(f);
                settle_well(f);
            }
            assert_true(f->damage_lines > 0);
            assert_true(f->segments[told.news.segment].news.bytes > 0);
            count_outcomes(f, needs, &told.news, &whole, &damaged);
            assert_true(whole > 0);
            assert_true(damaged > 0 || is_header_damaged || !is_rewritten);
            check_others(f, needs, &told.news);
            mem_free(needs);
            fixture_free(f);
        }
}

/* Its size is that of the file which the opening wants for itself. */
static void a_damaged_first_frame_does_not_make_it_a_spare(void **state)
{
    (void)state;
    needs_t *needs = MEM_NEW(needs_t);
    fixture_t *f = closed_log(7, needs, false);
    const told_segment_t told = f->segments[pick(f, needs)];
    char name[SEGMENT_NAME_BYTES];
    uint32_t whole, damaged;
    segment_name(told.news.segment, name);
    sim_disk_flip(f->sim, name, SEGMENT_HEADER_BYTES + 100, 1);
    f->options.first_segment_bytes = told.news.bytes;
    open_well(f);
    settle_well(f);
    count_outcomes(f, needs, &told.news, &whole, &damaged);
    assert_true(whole > 2);
    check_others(f, needs, &told.news);
    mem_free(needs);
    fixture_free(f);
}

/* Its header says another number than its name: an end in the midst of recycling it. */
static void what_was_being_recycled_is_not_damaged(void **state)
{
    (void)state;
    needs_t *needs = MEM_NEW(needs_t);
    fixture_t *f = closed_log(8, needs, true);
    uint64_t segment = pick(f, needs);
    const told_segment_t before = f->segments[segment], told = f->segments[segment + 1];
    char from[SEGMENT_NAME_BYTES], to[SEGMENT_NAME_BYTES];
    segment_name(segment, from);
    segment_name(segment + 1, to);
    assert_int_equal(disk_rename(f->disk, from, to, NULL), 0);
    open_well(f);
    settle_well(f);
    assert_int_equal(f->damage_lines, 0);
    assert_int_equal(f->segments[segment + 1].told, 0);
    for (record_no n = before.news.from; n < before.news.end; n++)
        needs->live[n] = false;
    check_others(f, needs, &told.news);
    mem_free(needs);
    fixture_free(f);
}

static void a_damaged_header_is_made_up_for_by_the_frames(void **state)
{
    (void)state;
    for (int is_rewritten = 0; is_rewritten < 2; is_rewritten++)
        for (uint64_t at = 0; at < 64; at++) {
            if (at >= 8 && at < 12)
                continue; /* another version is another matter */
            needs_t *needs = MEM_NEW(needs_t);
            told_segment_t told;
            fixture_t *f = damaged_log(3, needs, is_rewritten, at, &told);
            (void)check_needed(f, needs, f->next);
            mem_free(needs);
            fixture_free(f);
        }
}

/* One octet anywhere: what is behind it in the file is found. */
static void damage_anywhere_costs_the_frame_it_is_in(void **state)
{
    (void)state;
    for (int is_rewritten = 0; is_rewritten < 2; is_rewritten++)
        for (uint64_t offset = 600; offset < 16 * 1024; offset += 509) {
            needs_t *needs = MEM_NEW(needs_t);
            told_segment_t told;
            uint32_t whole, damaged;
            fixture_t *f = damaged_log(4, needs, is_rewritten, offset, &told);
            count_outcomes(f, needs, &told.news, &whole, &damaged);
            assert_true(damaged <= 3);
            assert_true(whole > 1);
            check_others(f, needs, &told.news);
            mem_free(needs);
            fixture_free(f);
        }
}

static void a_file_that_cannot_be_read_costs_its_messages(void **state)
{
    (void)state;
    needs_t *needs = MEM_NEW(needs_t);
    fixture_t *f = closed_log(5, needs, false);
    uint64_t segment = pick(f, needs);
    const told_segment_t told = f->segments[segment];
    char name[SEGMENT_NAME_BYTES];
    segment_name(segment, name);
    sim_disk_fail_reads(f->sim, name, 0, f->options.segment_bytes);
    for (int round = 0; round < 2; round++) {
        open_well(f);
        settle_well(f);
        assert_true(f->damage_lines > 0 || round > 0);
        assert_true(file_is_there(f, name)); /* it is left alone: it may be well again */
        close_store(f);
    }
    sim_disk_fail_reads(f->sim, name, 0, 0);
    open_well(f);
    settle_well(f);
    assert_int_equal(f->segments[segment].news.from, told.news.from);
    (void)check_needed(f, needs, f->next);
    mem_free(needs);
    fixture_free(f);
}

/* In the segment that the log is read from, but before the record that it is read from. */
static void damage_before_where_the_log_is_read_from_is_no_reason_to_refuse(void **state)
{
    (void)state;
    needs_t *needs = MEM_NEW(needs_t);
    fixture_t *f = fixture_new(6);
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
    open_well(f);
    close_store(f);
    told_frames_t t = list_frames(f);
    for (size_t i = 0; i < t.count; i++) {
        const told_frame_t *frame = &t.frames[i];
        if (frame->records == 0)
            continue;
        bool is_needed = frame->first + frame->records > 14;
        sim_disk_flip(f->sim, frame->file, frame->offset + 90, 1);
        if (try_open(f) != !is_needed)
            fail_msg("the frame of record %d", (int)frame->first);
        if (!is_needed) {
            assert_int_equal(f->seen_first, 14);
            assert_int_equal(f->seen_last, 33);
            assert_int_equal(f->found.lost_ranges, 0);
            close_store(f);
        }
        sim_disk_flip(f->sim, frame->file, frame->offset + 90, 1);
    }
    mem_free(t.frames);
    mem_free(needs);
    fixture_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_missing_file_costs_its_messages),
        cmocka_unit_test(a_damaged_first_frame_costs_what_is_in_it),
        cmocka_unit_test(a_damaged_first_frame_does_not_make_it_a_spare),
        cmocka_unit_test(what_was_being_recycled_is_not_damaged),
        cmocka_unit_test(a_damaged_header_is_made_up_for_by_the_frames),
        cmocka_unit_test(damage_anywhere_costs_the_frame_it_is_in),
        cmocka_unit_test(a_file_that_cannot_be_read_costs_its_messages),
        cmocka_unit_test(damage_before_where_the_log_is_read_from_is_no_reason_to_refuse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
