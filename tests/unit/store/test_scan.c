/* SPDX-License-Identifier: Apache-2.0
 *
 * test_scan.c: what an opening takes into the log and writes again, where frames are damaged, lost, or not what should
 * come there. */
#include "store/frame.h"
#include "store/log_fixture.h"

enum { SYNCED = 3, LAST = 19 };

/* Three records, synced; then eight groups of two, whose sync failed. */
static fixture_t *log_with_tail(uint64_t seed)
{
    fixture_t *f = fixture_new(seed);
    f->options.first_segment_bytes = f->options.segment_bytes;
    open_well(f);
    put_batch(f, SYNCED, 200);
    settle_well(f);
    for (record_no n = SYNCED + 1; n < LAST; n += 2)
        put_batch(f, 2, 300);
    sim_disk_fail_sync(f->sim, 1);
    assert_int_equal(turn(f), -1);
    crash(f);
    return f;
}

/* The tail is in the second segment too, and nothing but the start in front of it says that it is durable. */
static fixture_t *log_with_copied_tail(uint64_t seed)
{
    fixture_t *f = log_with_tail(seed);
    open_well(f);
    assert_int_equal(f->found.resynced_records, LAST - SYNCED);
    crash(f);
    return f;
}

static void open_serving(fixture_t *f)
{
    f->options.serve_damaged = true;
    open_well(f);
}

/* ---- frames, by their place ---- */

/* The last that tells of records from `first` on; its kind does not matter if `first` is 0. */
static told_frame_t find_frame(fixture_t *f, record_no first)
{
    told_frames_t t = list_frames(f);
    told_frame_t found = {0};
    for (size_t i = 0; i < t.count; i++)
        if (first == 0 || (t.frames[i].records > 0 && t.frames[i].first == first))
            found = t.frames[i];
    mem_free(t.frames);
    assert_true(found.bytes > 0);
    return found;
}

static void damage(fixture_t *f, const char *file, uint64_t offset)
{
    sim_disk_flip(f->sim, file, offset + 70, 4);
}

static frame_place_t place_of(fixture_t *f, const char *file, uint64_t offset)
{
    uint8_t octets[SEGMENT_HEADER_BYTES];
    segment_header_t header;
    read_file(f, file, 0, octets, sizeof octets);
    assert_int_equal(segment_read_header(bytes_make(octets, sizeof octets), &header), SEGMENT_WHOLE);
    return (frame_place_t){header.log, header.number, offset};
}

/* The head of a frame; *octets has room for it. */
static frame_t read_head(fixture_t *f, const told_frame_t *told, uint8_t *octets, size_t len)
{
    frame_t frame;
    frame_place_t place = place_of(f, told->file, told->offset);
    read_file(f, told->file, told->offset, octets, len);
    assert_true(frame_read(bytes_make(octets, len), &place, told->bytes, &frame));
    assert_true(frame_head_bytes(&frame) <= len);
    return frame;
}

static void write_head(fixture_t *f, const char *file, uint64_t offset, uint8_t *octets, frame_t *frame)
{
    frame_place_t place = place_of(f, file, offset);
    frame_seal(octets, frame, &place);
    write_file(f, file, offset, octets, (size_t)frame_head_bytes(frame));
}

/* ---- what was not synced is written again, and nothing else ---- */

/* What is before a gap was known to be synced, so only what is behind it is the tail. */
static void groups_before_damage_are_not_written_again(void **state)
{
    (void)state;
    for (record_no first = SYNCED + 1; first < LAST; first += 2) {
        fixture_t *f = log_with_copied_tail(first);
        told_frame_t frame = find_frame(f, first);
        damage(f, frame.file, frame.offset);
        for (int round = 0; round < 2; round++) {
            open_serving(f);
            assert_int_equal(f->found.last, LAST);
            assert_int_equal(f->seen_count, LAST - 2);
            assert_int_equal(f->found.lost_ranges, 1);
            assert_int_equal(f->found.resynced_records, LAST - (first + 1));
            crash(f);
        }
        fixture_free(f);
    }
}

static void what_is_written_behind_damage_is_whole(void **state)
{
    (void)state;
    for (record_no first = SYNCED + 1; first < LAST; first += 2) {
        fixture_t *f = log_with_copied_tail(first);
        told_frame_t frame = find_frame(f, first);
        damage(f, frame.file, frame.offset);
        open_serving(f);
        f->replay_from = f->next; /* a checkpoint */
        put_batch(f, 1, 100);
        settle_well(f);
        close_store(f);
        f->options.serve_damaged = false;
        for (int round = 0; round < 2; round++) { /* the first says where the second is to read from */
            f->damage_lines = 0;
            if (!try_open(f))
                assert_int_equal(round, 0), open_serving(f);
            close_store(f);
        }
        assert_int_equal(f->damage_lines, 0);
        fixture_free(f);
    }
}

/* An opening copied the tail, and ended before its start: then the first of both counts, damaged or not. */
static void copies_without_a_start_are_nothing(void **state)
{
    (void)state;
    static const uint8_t zeros[FRAME_GROUP_BYTES];
    for (record_no first = SYNCED + 1; first < LAST; first += 2) {
        fixture_t *f = log_with_tail(first);
        told_frame_t tail = find_frame(f, first);
        open_well(f);
        crash(f);
        told_frame_t copy = find_frame(f, first);
        assert_string_not_equal(copy.file, tail.file);
        write_file(f, copy.file, SEGMENT_HEADER_BYTES, zeros, sizeof zeros);
        damage(f, tail.file, tail.offset);
        open_well(f);
        assert_int_equal(f->found.last, first - 1);
        assert_int_equal(f->damage_lines, 0);
        fixture_free(f);
    }
}

/* ---- incarnations ---- */

/* That of the newest start. */
static uint64_t newest_incarnation(fixture_t *f)
{
    uint64_t incarnation = 0;
    for (uint64_t number = 1; number < 20; number++) {
        char name[SEGMENT_NAME_BYTES];
        disk_file_t *file;
        uint8_t head[FRAME_FIXED_BYTES];
        frame_t frame;
        segment_name(number, name);
        if (disk_open(f->disk, name, DISK_READ, &file, NULL) != 0)
            continue;
        disk_close(&file);
        read_file(f, name, SEGMENT_HEADER_BYTES, head, sizeof head);
        frame_place_t place = place_of(f, name, SEGMENT_HEADER_BYTES);
        bytes_t octets = bytes_make(head, sizeof head);
        if (frame_read(octets, &place, sizeof head, &frame) && frame.kind == FRAME_START &&
            frame_check(octets, &place, &frame))
            incarnation = frame.incarnation;
    }
    return incarnation;
}

/* Its start is damaged, and all else but the mark that says what is lost by it. */
static void the_incarnation_of_a_lost_start_is_not_given_again(void **state)
{
    (void)state;
    fixture_t *f = log_with_copied_tail(30);
    open_well(f);
    put_batch(f, 2, 100);
    settle_well(f);
    close_store(f);
    assert_int_equal(newest_incarnation(f), 3);
    told_frame_t data = find_frame(f, LAST + 1);
    damage(f, data.file, data.offset);
    for (record_no n = SYNCED + 1; n < LAST; n += 2) {
        told_frame_t copy = find_frame(f, n);
        assert_string_equal(copy.file, data.file);
        damage(f, copy.file, copy.offset);
    }
    damage(f, data.file, SEGMENT_HEADER_BYTES);
    open_serving(f);
    assert_int_equal(newest_incarnation(f), 4);
    fixture_free(f);
}

/* Nobody looks for claims there, as it is known without them that something is lost. */
static void nor_that_of_one_at_which_the_log_goes_on(void **state)
{
    (void)state;
    fixture_t *f = log_with_copied_tail(31);
    open_well(f);
    close_store(f); /* all is stated: it is not copied once more */
    open_well(f);
    put_batch(f, 2, 100);
    settle_well(f);
    crash(f);
    assert_int_equal(newest_incarnation(f), 4);
    told_frame_t copy = find_frame(f, LAST - 1), data = find_frame(f, LAST + 1);
    assert_string_not_equal(copy.file, data.file);
    damage(f, copy.file, copy.offset);
    damage(f, data.file, SEGMENT_HEADER_BYTES);
    open_serving(f);
    assert_int_equal(f->found.last, LAST + 2);
    assert_int_equal(f->found.lost_ranges, 1);
    assert_int_equal(newest_incarnation(f), 5);
    fixture_free(f);
}

/* ---- whole frames that should not be where they are ---- */

/* Written as the last of the log, but said to be of the next opening. */
static void a_frame_of_another_incarnation_is_not_the_next(void **state)
{
    (void)state;
    fixture_t *f = log_with_tail(40);
    uint8_t head[300];
    told_frame_t last = find_frame(f, LAST - 1);
    frame_t frame = read_head(f, &last, head, sizeof head);
    frame.incarnation++;
    write_head(f, last.file, last.offset, head, &frame);
    open_well(f);
    assert_int_equal(f->found.last, LAST - 2);
    assert_true(f->found.cut_bytes > 0);
    assert_int_equal(f->damage_lines, 0);
    fixture_free(f);
}

/* A start says that all before it is synced, but only where one can be. */
static void a_start_amid_a_segment_is_none(void **state)
{
    (void)state;
    fixture_t *f = log_with_tail(41);
    uint8_t head[300];
    told_frame_t last = find_frame(f, LAST - 1);
    frame_t frame = read_head(f, &last, head, sizeof head);
    frame_t start = {.kind = FRAME_START,
                     .flags = FRAME_FIRST | FRAME_LAST,
                     .bytes = FRAME_FIXED_BYTES,
                     .incarnation = frame.incarnation,
                     .first = LAST + 1,
                     .previous = frame.checksum};
    write_head(f, last.file, frame_align(last.offset + last.bytes), head, &start);
    open_well(f);
    assert_int_equal(f->found.last, LAST);
    assert_int_equal(f->found.resynced_records, LAST - SYNCED);
    fixture_free(f);
}

/* No record is missing, but the segment was not written behind what is there. */
static void a_segment_that_does_not_fit_to_the_one_before_is_said(void **state)
{
    (void)state;
    fixture_t *f = fixture_new(42);
    open_well(f);
    while (f->next < 2 || strcmp(find_frame(f, 0).file, "log.0000000001") == 0) {
        put_batch(f, 1, 900);
        settle_well(f);
    }
    crash(f);
    uint8_t head[300];
    told_frame_t last = find_frame(f, f->next - 1);
    assert_int_equal(last.offset, SEGMENT_HEADER_BYTES);
    frame_t frame = read_head(f, &last, head, sizeof head);
    frame.previous ^= 1;
    write_head(f, last.file, last.offset, head, &frame);
    record_no end = f->next;
    open_well(f);
    check_all_seen(f, end - 1);
    assert_int_equal(f->damage_lines, 1);
    fixture_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(groups_before_damage_are_not_written_again),
        cmocka_unit_test(what_is_written_behind_damage_is_whole),
        cmocka_unit_test(copies_without_a_start_are_nothing),
        cmocka_unit_test(the_incarnation_of_a_lost_start_is_not_given_again),
        cmocka_unit_test(nor_that_of_one_at_which_the_log_goes_on),
        cmocka_unit_test(a_frame_of_another_incarnation_is_not_the_next),
        cmocka_unit_test(a_start_amid_a_segment_is_none),
        cmocka_unit_test(a_segment_that_does_not_fit_to_the_one_before_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
