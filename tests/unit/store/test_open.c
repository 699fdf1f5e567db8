/* SPDX-License-Identifier: Apache-2.0
 *
 * Opening: what is a tail is cut, what is damage is said or left out, and neither is taken for the other. */
#include "store/log_fixture.h"

static void assert_refused(fixture_t *f, const char *file, const char *why)
{
    if (try_open(f))
        fail_msg("it was opened");
    if (!strstr(f->err.text, file) || !strstr(f->err.text, why))
        fail_msg("'%s' does not say %s, %s", f->err.text, file, why);
}

/* Opens with store.on_damage = serve. */
static void open_serving(fixture_t *f)
{
    f->options.serve_damaged = true;
    open_well(f);
}

/* ---- beginnings ---- */

static void an_empty_directory_becomes_a_log(void **state)
{
    (void)state;
    fixture_t *f = fixture_new(1);
    open_well(f);
    assert_int_equal(f->found.last, 0);
    assert_int_equal(f->seen_count, 0);
    assert_int_equal(file_bytes(f, "log.0000000001"), f->options.first_segment_bytes);
    fixture_free(f);
}

static void an_opening_that_finds_no_room_leaves_nothing_behind(void **state)
{
    (void)state;
    fixture_t *f = fixture_new(44);
    disk_file_t *file;
    sim_disk_limit(f->sim, f->options.first_segment_bytes / 2);
    assert_refused(f, "log.0000000001", "");
    assert_int_equal(disk_open(f->disk, "log.0000000001", DISK_READ, &file, NULL), DISK_NOT_FOUND);
    sim_disk_limit(f->sim, UINT64_MAX);
    open_well(f);
    fixture_free(f);
}

static void a_second_opener_is_refused(void **state)
{
    (void)state;
    fixture_t *f = fixture_new(2);
    open_well(f);
    store_found_t found;
    error_t err = {{0}};
    uint64_t operations = sim_disk_operations(f->sim);
    assert_null(store_open(f->disk, &f->options, see_record, f, &found, &err));
    assert_non_null(strstr(err.text, "lock"));
    assert_int_equal(sim_disk_operations(f->sim), operations);
    put_batch(f, 1, 10);
    settle_well(f);
    fixture_free(f);
}

static void a_file_of_an_unknown_format_is_refused_by_name(void **state)
{
    (void)state;
    fixture_t *f = fixture_new(3);
    open_well(f);
    put_batch(f, 1, 10);
    settle_well(f);
    close_store(f);
    sim_disk_flip(f->sim, "log.0000000002", 11, 3);
    uint64_t operations = sim_disk_operations(f->sim);
    assert_refused(f, "log.0000000002", "version 1,");
    assert_int_equal(sim_disk_operations(f->sim), operations);
    sim_disk_flip(f->sim, "log.0000000002", 11, 3);
    open_well(f);
    check_all_seen(f, 1);
    fixture_free(f);
}

static bool refuse_record(void *context, record_no n, const record_t *r, bytes_t content, bool damaged)
{
    (void)context, (void)r, (void)content, (void)damaged;
    return n < 2;
}

static void an_opening_ends_when_a_record_is_not_accepted(void **state)
{
    (void)state;
    fixture_t *f = fixture_new(4);
    open_well(f);
    put_batch(f, 3, 10);
    settle_well(f);
    close_store(f);
    assert_null(store_open(f->disk, &f->options, refuse_record, NULL, &f->found, &f->err));
    assert_non_null(strstr(f->err.text, "record 2"));
    disk_free(&f->disk);
    f->disk = sim_disk_disk(f->sim);
    open_well(f);
    check_all_seen(f, 3);
    fixture_free(f);
}

/* ---- tails ---- */

/* Two turns' batches and, if `last` is not 0, one more of so many records: whose sync nobody states. */
static fixture_t *log_with_tail(uint64_t seed, uint32_t last, uint32_t size)
{
    fixture_t *f = fixture_new(seed);
    f->options.first_segment_bytes = 16 * 1024;
    open_well(f);
    put_batch(f, 2, 100);
    settle_well(f);
    put_batch(f, 2, 100);
    settle_well(f);
    put_batch(f, last, size);
    settle_well(f);
    crash(f);
    return f;
}

static void a_last_group_damaged_anywhere_is_cut(void **state)
{
    (void)state;
    uint64_t bytes = 1;
    for (uint64_t at = 0; at < bytes; at++) {
        fixture_t *f = log_with_tail(5, 3, 150);
        told_frames_t t = list_frames(f);
        const told_frame_t *last = &t.frames[t.count - 1];
        assert_int_equal(last->first, 5);
        bytes = last->bytes;
        sim_disk_flip(f->sim, last->file, last->offset + at, (uint8_t)(1 << at % 8));
        open_well(f);
        check_all_seen(f, 4);
        assert_true(f->found.cut_bytes > 0 || at < 56); /* where nothing says any more that it was a frame */
        close_store(f);
        open_well(f);
        check_all_seen(f, 4);
        assert_int_equal(f->found.cut_bytes, 0);
        mem_free(t.frames);
        fixture_free(f);
    }
    assert_true(bytes > 400);
}

static void an_incomplete_group_is_cut_whole(void **state)
{
    (void)state;
    for (size_t k = 1;; k++) {
        fixture_t *f = log_with_tail(6, 30, 300);
        told_frames_t t = list_frames(f);
        bool has_more = t.frames[t.count - k].first > 5;
        const told_frame_t *frame = &t.frames[t.count - k];
        sim_disk_flip(f->sim, frame->file, frame->offset + 90, 1);
        open_well(f);
        check_all_seen(f, 4);
        mem_free(t.frames);
        fixture_free(f);
        if (!has_more)
            break;
    }
}

static void whole_groups_behind_a_lost_one_are_cut_too(void **state)
{
    (void)state;
    fixture_t *f = fixture_new(7);
    f->options.first_segment_bytes = 16 * 1024;
    open_well(f);
    put_batch(f, 2, 100);
    settle_well(f);
    for (int i = 0; i < 4; i++)
        put_batch(f, 2, 100);
    assert_int_equal(turn(f), 4);
    crash(f);
    told_frames_t t = list_frames(f);
    const told_frame_t *frame = &t.frames[3];
    assert_int_equal(frame->first, 5);
    sim_disk_flip(f->sim, frame->file, frame->offset + 90, 1);
    open_well(f);
    check_all_seen(f, 4);
    assert_true(f->found.cut_bytes > 2 * 512);
    close_store(f);
    open_well(f);
    check_all_seen(f, 4);
    mem_free(t.frames);
    fixture_free(f);
}

static void the_tail_is_on_the_disk_when_it_was_reported(void **state)
{
    (void)state;
    fixture_t *f = fixture_new(8);
    f->options.first_segment_bytes = 16 * 1024;
    open_well(f);
    put_batch(f, 2, 100);
    settle_well(f);
    put_batch(f, 2, 100);
    put_batch(f, 20, 400);
    sim_disk_fail_sync(f->sim, 1);
    assert_int_equal(turn(f), -1);
    crash(f);
    open_well(f); /* the machine's memory has it, the disk has not */
    check_all_seen(f, 24);
    assert_int_equal(f->found.resynced_records, 22);
    power_cycle(f);
    open_well(f);
    check_all_seen(f, 24);
    power_cycle(f);
    open_well(f);
    check_all_seen(f, 24);
    put_batch(f, 1, 10);
    settle_well(f);
    close_store(f);
    open_well(f);
    check_all_seen(f, 25);
    assert_int_equal(f->found.resynced_records, 0);
    fixture_free(f);
}

/* ---- damage ---- */

/* Several segments, closed: all of it is stated. Each group is one frame. */
static fixture_t *closed_log(uint64_t seed)
{
    fixture_t *f = fixture_new(seed);
    f->options.frame_bytes = 4096;
    open_well(f);
    for (uint32_t i = 0; i < 40; i++) {
        put_batch(f, 1 + i % 3, 200 + i * 10);
        settle_well(f);
    }
    close_store(f);
    open_well(f);
    for (uint32_t i = 0; i < 10; i++) {
        put_batch(f, 1 + i % 3, 200);
        settle_well(f);
    }
    close_store(f);
    return f;
}

static uint64_t content_at(fixture_t *f, const told_frame_t *frame)
{
    uint8_t octets[8];
    read_file(f, frame->file, frame->offset + 24, octets, 8);
    bytes_reader_t in = bytes_reader(bytes_make(octets, 8));
    uint64_t metadata = read_u32(&in), pieces = read_u32(&in);
    return 104 + 12 * pieces + metadata;
}

static void damaged_content_is_said_and_the_rest_is_served(void **state)
{
    (void)state;
    for (size_t k = 0;; k++) {
        fixture_t *f = closed_log(9);
        record_no last = f->next - 1;
        told_frames_t t = list_frames(f);
        bool is_end = k == t.count;
        uint64_t at = is_end ? 0 : content_at(f, &t.frames[k]);
        if (!is_end && !t.frames[k].is_mark && at < t.frames[k].bytes) {
            sim_disk_flip(f->sim, t.frames[k].file, t.frames[k].offset + at, 0x80);
            for (int round = 0; round < 3; round++) { /* nothing gets worse by opening it */
                open_well(f);
                check_all_seen(f, last);
                assert_int_equal(f->damaged_count, 1);
                assert_int_equal(f->found.lost_ranges, 0);
                close_store(f);
            }
        }
        mem_free(t.frames);
        fixture_free(f);
        if (is_end)
            break;
    }
}

/* A frame's head is damaged: with records in it, they are lost, which stops a daemon unless it is told to serve. */
static void check_damaged_head(uint64_t k, bool *is_end)
{
    fixture_t *f = closed_log(10);
    record_no last = f->next - 1;
    told_frames_t t = list_frames(f);
    *is_end = k == t.count;
    if (!*is_end) {
        const told_frame_t *frame = &t.frames[k];
        sim_disk_flip(f->sim, frame->file, frame->offset + 70, 4);
        if (frame->is_mark) {
            open_well(f);
            check_all_seen(f, last);
            assert_int_equal(f->seen_count, last);
        } else {
            char place[64];
            uint64_t operations = sim_disk_operations(f->sim);
            snprintf(place, sizeof place, "%s at %llu: records %llu to %llu", frame->file,
                     (unsigned long long)frame->offset, (unsigned long long)frame->first,
                     (unsigned long long)(frame->first + frame->records - 1));
            assert_refused(f, frame->file, place);
            assert_int_equal(sim_disk_operations(f->sim), operations);
            for (int round = 0; round < 3; round++) {
                open_serving(f);
                assert_int_equal(f->found.last, last);
                assert_int_equal(f->seen_count, last - frame->records);
                assert_int_equal(f->found.lost_ranges, 1);
                assert_false(f->made[frame->first].is_seen);
                close_store(f);
            }
        }
    }
    mem_free(t.frames);
    fixture_free(f);
}

static void a_damaged_head_is_refused_or_left_out(void **state)
{
    (void)state;
    bool is_end = false;
    for (uint64_t k = 0; !is_end; k++)
        check_damaged_head(k, &is_end);
}

static void a_damaged_group_of_several_frames_is_left_out_whole(void **state)
{
    (void)state;
    for (size_t k = 1; k < 6; k++) {
        fixture_t *f = fixture_new(11);
        f->options.first_segment_bytes = 64 * 1024;
        open_well(f);
        put_batch(f, 3, 100);
        put_batch(f, 20, 400);
        put_batch(f, 3, 100);
        settle_well(f);
        close_store(f);
        told_frames_t t = list_frames(f);
        const told_frame_t *frame = &t.frames[1 + k];
        assert_true(frame->first >= 4 && frame->first < 24);
        sim_disk_flip(f->sim, frame->file, frame->offset + 100, 4);
        assert_refused(f, frame->file, "records 4 to 23");
        open_serving(f);
        assert_int_equal(f->seen_count, 6);
        assert_int_equal(f->found.last, 26);
        mem_free(t.frames);
        fixture_free(f);
    }
}

static void damage_at_the_very_end_is_known_from_the_mark(void **state)
{
    (void)state;
    fixture_t *f = fixture_new(12);
    open_well(f);
    put_batch(f, 3, 100);
    settle_well(f);
    close_store(f);
    told_frames_t t = list_frames(f);
    assert_int_equal(t.count, 3); /* start, data, mark */
    sim_disk_flip(f->sim, t.frames[1].file, t.frames[1].offset + 100, 4);
    assert_refused(f, t.frames[1].file, "records 1 to 3");
    open_serving(f);
    assert_int_equal(f->found.last, 3);
    assert_int_equal(f->seen_count, 0);
    put_batch(f, 2, 100);
    settle_well(f);
    close_store(f);
    open_serving(f);
    assert_int_equal(f->found.last, 5);
    assert_int_equal(f->seen_count, 2);
    mem_free(t.frames);
    fixture_free(f);
}

static void what_is_left_behind_damage_is_read_back(void **state)
{
    (void)state;
    fixture_t *f = closed_log(13);
    told_frames_t t = list_frames(f);
    const told_frame_t *frame = &t.frames[t.count / 2];
    assert_false(frame->is_mark);
    sim_disk_flip(f->sim, frame->file, frame->offset + 100, 4);
    open_serving(f);
    for (record_no n = 1; n < f->next; n++) {
        if (!is_message(n) && !is_part(n))
            continue;
        read_request_t *r = read_back(f, &n, 1);
        if (f->made[n].is_seen)
            check_read_item(f, &r->items[0]);
        else
            assert_int_equal(r->items[0].outcome, READ_DAMAGED);
        release_read(r);
    }
    mem_free(t.frames);
    fixture_free(f);
}

/* A sector that cannot be read is damage of what was in it, whether that was stated or not. */
static void check_unreadable(uint64_t k, bool is_closed, bool *is_end)
{
    fixture_t *f = closed_log(21);
    if (!is_closed) { /* the last group is not stated by anything */
        open_well(f);
        put_batch(f, 3, 500);
        settle_well(f);
        crash(f);
    }
    record_no last = f->next - 1;
    told_frames_t t = list_frames(f);
    *is_end = k == t.count;
    if (!*is_end) {
        const told_frame_t *frame = &t.frames[k];
        bool is_last = !is_closed && k == t.count - 1;
        sim_disk_fail_reads(f->sim, frame->file, frame->offset, 1);
        if (frame->is_mark && k < t.count - 1) {
            open_well(f);
            check_all_seen(f, last);
        } else if (frame->is_mark) /* not known what was behind */
            assert_refused(f, frame->file, "cannot read");
        else
            assert_refused(f, frame->file, is_last ? "cannot read" : "damaged");
        if (!f->store)
            open_serving(f);
        assert_int_equal(f->seen_count, last - frame->records);
        assert_int_equal(f->found.last, is_last ? last - frame->records : last);
    }
    mem_free(t.frames);
    fixture_free(f);
}

static void a_head_that_cannot_be_read_is_damage(void **state)
{
    (void)state;
    bool is_end = false;
    for (uint64_t k = 0; !is_end; k++)
        check_unreadable(k, true, &is_end);
    is_end = false;
    for (uint64_t k = 0; !is_end; k++)
        check_unreadable(k, false, &is_end);
}

/* What would say that a damaged group was synced may be where the disk cannot read. */
static void an_end_with_unreadable_octets_behind_it_is_not_known(void **state)
{
    (void)state;
    fixture_t *f = fixture_new(23);
    f->options.first_segment_bytes = 64 * 1024;
    open_well(f);
    for (int i = 0; i < 6; i++) {
        put_batch(f, 3, 500);
        settle_well(f);
    }
    crash(f);
    told_frames_t t = list_frames(f);
    const told_frame_t *damaged = &t.frames[t.count - 3], *behind = damaged + 1;
    sim_disk_flip(f->sim, damaged->file, damaged->offset + 40, 1);
    sim_disk_fail_reads(f->sim, behind->file, behind->offset, 64 * 1024);
    assert_refused(f, behind->file, "cannot read what follows");
    sim_disk_fail_reads(f->sim, behind->file, 0, 0);
    assert_refused(f, damaged->file, "damaged, though they were synced");
    mem_free(t.frames);
    fixture_free(f);
}

static void content_that_cannot_be_read_is_damage_of_that_record(void **state)
{
    (void)state;
    for (int stated = 0; stated < 2; stated++) {
        fixture_t *f = fixture_new(22);
        f->options.first_segment_bytes = 64 * 1024;
        f->options.frame_bytes = 16 * 1024;
        open_well(f);
        put_batch(f, 4, 2000);
        settle_well(f);
        put_batch(f, 1, 10);
        if (stated)
            settle_well(f);
        else
            assert_int_equal(turn(f), 1);
        crash(f);
        sim_disk_fail_reads(f->sim, "log.0000000001", 1024 + 104 + 4 * 12 + 2000 + 1000, 1);
        for (int round = 0; round < 3; round++) {
            open_well(f);
            check_all_seen(f, 5);
            assert_int_equal(f->damaged_count, 1);
            crash(f);
        }
        fixture_free(f);
    }
}

static void a_header_that_cannot_be_read_is_like_a_damaged_one(void **state)
{
    (void)state;
    fixture_t *f = closed_log(23);
    record_no last = f->next - 1;
    sim_disk_fail_reads(f->sim, "log.0000000002", 0, 512);
    open_well(f);
    check_all_seen(f, last);
    assert_int_equal(f->seen_count, last);
    fixture_free(f);
}

static void a_damaged_header_is_replaced_by_what_others_say(void **state)
{
    (void)state;
    bool is_end = false;
    for (size_t k = 0; !is_end; k++) {
        fixture_t *f = closed_log(14);
        record_no last = f->next - 1;
        told_frames_t t = list_frames(f);
        is_end = k == t.count - 1;
        sim_disk_flip(f->sim, t.frames[k].file, 20, 1);
        open_well(f);
        check_all_seen(f, last);
        assert_int_equal(f->seen_count, last);
        mem_free(t.frames);
        fixture_free(f);
    }
}

static void the_only_header_damaged_is_refused(void **state)
{
    (void)state;
    fixture_t *f = fixture_new(15);
    open_well(f);
    put_batch(f, 3, 100);
    assert_int_equal(turn(f), 1);
    close_store(f);
    sim_disk_flip(f->sim, "log.0000000001", 30, 1);
    assert_refused(f, "log.0000000001", "header");
    sim_disk_flip(f->sim, "log.0000000001", 30, 1);
    open_well(f);
    check_all_seen(f, 3);
    fixture_free(f);
}

static void a_missing_segment_is_damage(void **state)
{
    (void)state;
    for (size_t k = 0;; k++) {
        fixture_t *f = closed_log(16);
        told_frames_t t = list_frames(f);
        char name[SEGMENT_NAME_BYTES];
        segment_name(k + 1, name);
        bool has_records = false, is_last = strcmp(t.frames[t.count - 1].file, name) == 0;
        for (size_t i = 0; i < t.count; i++)
            has_records = has_records || (strcmp(t.frames[i].file, name) == 0 && t.frames[i].records > 0);
        if (has_records && !is_last) {
            assert_int_equal(disk_remove(f->disk, name, NULL), 0);
            assert_refused(f, "log.", "damaged");
        }
        mem_free(t.frames);
        fixture_free(f);
        if (is_last)
            break;
    }
}

static void a_segment_that_was_left_has_one_behind_it(void **state)
{
    (void)state;
    fixture_t *f = fixture_new(20);
    f->options.segments_ahead = 1;
    open_well(f);
    for (int i = 0; i < 4; i++) {
        put_batch(f, 1, 900);
        unsigned wake;
        while (store_helper_turn(f->store, &wake))
            continue;
        assert_int_equal(turn(f), 1);
    }
    close_store(f);
    assert_int_equal(disk_remove(f->disk, "log.0000000002", NULL), 0);
    (void)disk_remove(f->disk, "log.0000000003", NULL);
    assert_refused(f, "log.0000000001", "no other is there");
    open_serving(f);
    fixture_free(f);
}

static void segments_of_two_logs_are_refused(void **state)
{
    (void)state;
    fixture_t *f = closed_log(17);
    segment_t s;
    uint64_t number = 90;
    assert_int_equal(segment_create(&s, f->disk, number, NULL), 0);
    assert_int_equal(segment_fill(&s, 0, 4096, NULL), 0);
    assert_int_equal(segment_finish(&s, number, &(log_identity_t){1, 2}, NULL), 0);
    disk_close(&s.file);
    assert_refused(f, "log.0000000090", "another log");
    fixture_free(f);
}

/* ---- what looks like a frame ---- */

static void the_image_of_a_frame_in_a_body_does_not_confuse(void **state)
{
    (void)state;
    fixture_t *f = fixture_new(18);
    f->options.first_segment_bytes = 64 * 1024;
    f->options.frame_bytes = 16 * 1024;
    open_well(f);
    put_batch(f, 6, 200);
    settle_well(f);
    told_frames_t t = list_frames(f);
    const told_frame_t *first = &t.frames[1];
    uint8_t body[8 * 1024] = {0};
    /* the group's head: 104 octets, 12 of table, 1 of record; images at each multiple of 512 from the 2nd on */
    for (size_t at = 512 - 117; at + first->bytes < sizeof body; at += 2048)
        read_file(f, first->file, first->offset, body + at, (size_t)first->bytes);
    put_octets(f, bytes_make(body, sizeof body));
    settle_well(f);
    put_batch(f, 3, 50);
    settle_well(f);
    crash(f);
    mem_free(t.frames);
    t = list_frames(f);
    assert_int_equal(t.count, 4);
    open_well(f);
    check_all_seen(f, 10);
    crash(f);
    /* the tail was copied; take the damage to where the body was first: search must not stop at the images */
    sim_disk_flip(f->sim, t.frames[2].file, t.frames[2].offset + 80, 1);
    sim_disk_flip(f->sim, t.frames[1].file, t.frames[1].offset + 80, 1);
    assert_refused(f, t.frames[1].file, "records 1 to ");
    open_serving(f);
    assert_int_equal(f->found.last, 10);
    assert_false(f->made[1].is_seen);
    assert_true(f->made[8].is_seen);
    mem_free(t.frames);
    fixture_free(f);
}

static void a_frame_of_another_segment_at_the_same_offset_is_not_taken(void **state)
{
    (void)state;
    fixture_t *f = closed_log(19);
    record_no last = f->next - 1;
    told_frames_t t = list_frames(f);
    const told_frame_t *end = &t.frames[t.count - 1];
    uint64_t behind = end->offset + 512;
    uint8_t octets[2048];
    for (size_t i = 0; i < t.count; i++) /* all frames that were ever there in older segments */
        if (t.frames[i].offset == behind && strcmp(t.frames[i].file, end->file) != 0) {
            read_file(f, t.frames[i].file, behind, octets, (size_t)t.frames[i].bytes);
            write_file(f, end->file, behind, octets, (size_t)t.frames[i].bytes);
        }
    open_well(f);
    check_all_seen(f, last);
    mem_free(t.frames);
    fixture_free(f);
}

/* ---- damage by dice ---- */

static void damage_something(fixture_t *f, sim_random_t *dice, const told_frames_t *t)
{
    static const uint8_t zeros[2048];
    uint8_t octets[2048];
    const told_frame_t *frame = &t->frames[sim_random_below(dice, t->count)];
    const told_frame_t *other = &t->frames[sim_random_below(dice, t->count)];
    uint64_t at = sim_random_below(dice, frame->bytes), size = file_bytes(f, frame->file);
    size_t len = 1 + (size_t)sim_random_below(dice, sizeof zeros);
    if (frame->offset + len > size || other->offset + len > file_bytes(f, other->file))
        len = 1;
    switch (sim_random_below(dice, 5)) {
    case 0:
        sim_disk_flip(f->sim, frame->file, frame->offset + at, (uint8_t)(1 << sim_random_below(dice, 8)));
        break;
    case 1:
        write_file(f, frame->file, frame->offset, zeros, len);
        break;
    case 2: /* a write that went astray */
        sim_disk_fail_reads(f->sim, other->file, 0, 0);
        read_file(f, other->file, other->offset, octets, len);
        write_file(f, frame->file, frame->offset, octets, len);
        break;
    case 3:
        sim_disk_fail_reads(f->sim, frame->file, frame->offset + at, len);
        break;
    default:
        sim_disk_flip(f->sim, frame->file, sim_random_below(dice, 48), 1);
        break;
    }
}

/* Whatever is given was once made: see_record compares. */
static void random_damage_invents_nothing(void **state)
{
    (void)state;
    int opened = 0, served = 0;
    for (uint64_t seed = 1; seed <= 400; seed++) {
        sim_random_t dice = sim_random(seed);
        fixture_t *f = closed_log(seed);
        if (seed % 2 == 0) {
            open_well(f);
            put_batch(f, 3, 300);
            settle_well(f);
            crash(f);
        }
        record_no last = f->next - 1;
        told_frames_t t = list_frames(f);
        for (uint64_t k = sim_random_below(&dice, 4) + 1; k > 0; k--)
            damage_something(f, &dice, &t);
        if (try_open(f)) {
            opened++;
            assert_true(f->found.last <= last);
            assert_int_equal(f->seen_count, f->found.last); /* without a hole */
            close_store(f);
        }
        f->options.serve_damaged = true;
        for (int round = 0; round < 2; round++)
            if (try_open(f)) {
                served++;
                assert_true(f->found.last <= last);
                settle_well(f);
                close_store(f);
            }
        mem_free(t.frames);
        fixture_free(f);
    }
    assert_true(opened > 50 && served > 600);
}

/* Whatever was copied into the first segment, even all of it, a full disk can be met by the helper alone. */
static void a_tail_that_fills_the_segment_leaves_room_for_the_end(void **state)
{
    (void)state;
    unsigned resynced = 0;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        fixture_t *f = fixture_new(seed);
        f->options.first_segment_bytes = 16384;
        open_well(f);
        unsigned wake;
        for (int i = 0; i < 3; i++)
            put_batch(f, 1, 900);
        sim_disk_cut_at(f->sim,
                        sim_disk_operations(f->sim) > 0 ? 2 : 1); /* the write is done, its sync is not */
        assert_true(store_log_turn(f->store, &wake, &f->err) < 0);
        power_cycle(f);
        f->options.first_segment_bytes = 4096;
        open_well(f);
        resynced += f->found.resynced_records == 3;
        while (store_helper_turn(f->store, &wake))
            continue;
        store_counts_t counts;
        store_count(f->store, &counts);
        sim_disk_limit(f->sim, counts.bytes);
        put_batch(f, 1, 900);
        assert_true(store_log_turn(f->store, &wake, &f->err) >= 0);
        take_done(f);
        assert_int_equal(f->durable, f->next - 1);
        fixture_free(f);
    }
    assert_true(resynced > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_directory_becomes_a_log),
        cmocka_unit_test(an_opening_that_finds_no_room_leaves_nothing_behind),
        cmocka_unit_test(a_second_opener_is_refused),
        cmocka_unit_test(a_file_of_an_unknown_format_is_refused_by_name),
        cmocka_unit_test(an_opening_ends_when_a_record_is_not_accepted),
        cmocka_unit_test(a_last_group_damaged_anywhere_is_cut),
        cmocka_unit_test(an_incomplete_group_is_cut_whole),
        cmocka_unit_test(whole_groups_behind_a_lost_one_are_cut_too),
        cmocka_unit_test(the_tail_is_on_the_disk_when_it_was_reported),
        cmocka_unit_test(damaged_content_is_said_and_the_rest_is_served),
        cmocka_unit_test(a_damaged_head_is_refused_or_left_out),
        cmocka_unit_test(a_damaged_group_of_several_frames_is_left_out_whole),
        cmocka_unit_test(damage_at_the_very_end_is_known_from_the_mark),
        cmocka_unit_test(what_is_left_behind_damage_is_read_back),
        cmocka_unit_test(a_head_that_cannot_be_read_is_damage),
        cmocka_unit_test(an_end_with_unreadable_octets_behind_it_is_not_known),
        cmocka_unit_test(content_that_cannot_be_read_is_damage_of_that_record),
        cmocka_unit_test(a_header_that_cannot_be_read_is_like_a_damaged_one),
        cmocka_unit_test(a_damaged_header_is_replaced_by_what_others_say),
        cmocka_unit_test(the_only_header_damaged_is_refused),
        cmocka_unit_test(a_missing_segment_is_damage),
        cmocka_unit_test(a_segment_that_was_left_has_one_behind_it),
        cmocka_unit_test(segments_of_two_logs_are_refused),
        cmocka_unit_test(random_damage_invents_nothing),
        cmocka_unit_test(the_image_of_a_frame_in_a_body_does_not_confuse),
        cmocka_unit_test(a_frame_of_another_segment_at_the_same_offset_is_not_taken),
        cmocka_unit_test(a_tail_that_fills_the_segment_leaves_room_for_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
