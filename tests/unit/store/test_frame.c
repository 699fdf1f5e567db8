/* SPDX-License-Identifier: Apache-2.0
 *
 * Frames: their octets, and that nothing but the octets that were written, at the place they were written to, is
 * taken for a frame. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "store/checksum.h"
#include "store/frame_records.h"
#include "store/group.h"
#include "store/sparse_frame.h"

static const frame_place_t place = {{0x0102030405060708, 0x1112131415161718}, 3, 1024};

/* A frame of two pieces, "ab" and "", with five octets of metadata. */
static bytes_t make_frame(uint8_t out[256], frame_t *f)
{
    *f = (frame_t){.kind = FRAME_DATA,
                   .flags = FRAME_FIRST | FRAME_LAST,
                   .metadata_bytes = 5,
                   .piece_count = 2,
                   .records = 7,
                   .bytes = FRAME_FIXED_BYTES + 2 * FRAME_PIECE_BYTES + 5 + 2,
                   .epoch = 0,
                   .incarnation = 9,
                   .first = 100,
                   .durable_through = 98,
                   .replay_from = 40,
                   .previous = 0x2122232425262728};
    frame_write_piece(out + FRAME_FIXED_BYTES, &place.log, BYTES("ab"));
    frame_write_piece(out + FRAME_FIXED_BYTES + FRAME_PIECE_BYTES, &place.log, bytes_make(NULL, 0));
    memcpy(out + FRAME_FIXED_BYTES + 2 * FRAME_PIECE_BYTES, "12345ab", 7);
    frame_seal(out, f, &place);
    return bytes_make(out, (size_t)f->bytes);
}

static bool is_frame(bytes_t octets, const frame_place_t *at)
{
    frame_t f;
    if (!frame_read(octets, at, octets.len, &f))
        return false;
    return frame_check(bytes_make(octets.data, (size_t)frame_head_bytes(&f)), at, &f);
}

static void a_frame_has_these_octets(void **state)
{
    (void)state;
    uint8_t octets[256];
    frame_t f;
    bytes_t frame = make_frame(octets, &f);
    static const uint8_t expected[] = {
        'c',  'h',  'F',  'r',  1,    3,    0,    0,                            /* magic, kind, flags */
        0,    0,    0,    0,    0,    0,    0,    135,                          /* octets */
        0,    0,    0,    5,    0,    0,    0,    2,                            /* metadata, pieces */
        1,    2,    3,    4,    5,    6,    7,    8,    0, 0, 0, 0, 0, 0, 0, 3, /* log, segment */
        0,    0,    0,    0,    0,    0,    0,    0,    0, 0, 0, 0, 0, 0, 0, 9, /* epoch, incarnation */
        0,    0,    0,    0,    0,    0,    0,    100,  0, 0, 0, 7, 0, 0, 0, 0, /* first, records */
        0,    0,    0,    0,    0,    0,    0,    98,   0, 0, 0, 0, 0, 0, 0, 40,
        0x21, 0x22, 0x23, 0x24, 0x25, 0x26, 0x27, 0x28,
    };
    static_assert(sizeof expected == FRAME_FIXED_BYTES - 8, "");
    assert_int_equal(frame.len, 135);
    assert_memory_equal(octets + 8, expected, sizeof expected);

    /* the checksum, made as the format says */
    const uint64_t words[3] = {place.log.key, place.segment, place.offset};
    uint64_t seed = checksum_of(bytes_make(words, sizeof words), 0);
    uint64_t checksum = checksum_of(bytes_make(octets + 8, 133 - 8), seed);
    for (int i = 0; i < 8; i++)
        assert_int_equal(octets[i], (uint8_t)(checksum >> (56 - 8 * i)));
    bytes_reader_t in = bytes_reader(bytes_make(octets + FRAME_FIXED_BYTES, FRAME_PIECE_BYTES));
    assert_int_equal(read_u32(&in), 2);
    assert_true(read_u64(&in) == checksum_of(BYTES("ab"), place.log.key));
}

static void a_frame_is_read_as_it_was_written(void **state)
{
    (void)state;
    uint8_t octets[256];
    frame_t f, g;
    bytes_t frame = make_frame(octets, &f);
    assert_true(frame_read(frame, &place, frame.len, &g));
    uint8_t again[256];
    memcpy(again, octets, sizeof again);
    memset(again, 0xee, FRAME_FIXED_BYTES);
    frame_seal(again, &g, &place);
    assert_memory_equal(again, octets, frame.len);
    assert_true(is_frame(frame, &place));
    assert_true(bytes_equal(frame_metadata(frame, &g), BYTES("12345")));
    frame_piece_t piece = frame_piece(frame, 0);
    assert_int_equal(piece.bytes, 2);
    assert_true(frame_piece_holds(&piece, &place.log, BYTES("ab")));
    assert_false(frame_piece_holds(&piece, &place.log, BYTES("ac")));
    assert_false(frame_piece_holds(&piece, &place.log, BYTES("a")));
    piece = frame_piece(frame, 1);
    assert_true(frame_piece_holds(&piece, &place.log, bytes_make(NULL, 0)));
}

static void no_prefix_of_a_frame_is_a_frame(void **state)
{
    (void)state;
    uint8_t octets[256];
    frame_t f;
    bytes_t frame = make_frame(octets, &f);
    for (size_t len = 0; len < frame.len; len++) {
        uint8_t *copy = mem_alloc(len); /* of its own, so that a sanitizer sees reads behind it */
        memcpy(copy, octets, len);
        assert_false(frame_read(bytes_make(copy, len), &place, len, &f));
        mem_free(copy);
    }
}

static void every_turned_bit_of_the_head_is_noticed(void **state)
{
    (void)state;
    uint8_t octets[256];
    frame_t f;
    bytes_t frame = make_frame(octets, &f);
    for (size_t bit = 0; bit < frame_head_bytes(&f) * 8; bit++) {
        octets[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_false(is_frame(frame, &place));
        octets[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    assert_true(is_frame(frame, &place));
}

static void a_frame_is_one_at_its_own_place_only(void **state)
{
    (void)state;
    uint8_t octets[256];
    frame_t f;
    bytes_t frame = make_frame(octets, &f);
    frame_place_t other = place;
    other.segment++; /* a recycled segment: the plain number differs, and when that is forged, the checksum */
    assert_false(is_frame(frame, &other));
    octets[47]++;
    assert_false(is_frame(frame, &other));
    octets[47]--;
    other = place;
    other.offset += 512;
    assert_false(is_frame(frame, &other));
    other = place;
    other.log.key++;
    assert_false(is_frame(frame, &other));
    other = place;
    other.log.id++;
    assert_false(is_frame(frame, &other));
}

/* Sealed as it should be, and still no frame. */
static void a_frame_whose_parts_do_not_fill_it_is_none(void **state)
{
    (void)state;
    uint8_t octets[1024] = {0};
    frame_t f;
    make_frame(octets, &f);
    f.bytes++;
    frame_seal(octets, &f, &place);
    assert_false(is_frame(bytes_make(octets, (size_t)f.bytes), &place));
    f.bytes--;
    f.kind = FRAME_MARK;
    frame_seal(octets, &f, &place);
    assert_false(is_frame(bytes_make(octets, (size_t)f.bytes), &place));
    f.kind = 4;
    frame_seal(octets, &f, &place);
    assert_false(is_frame(bytes_make(octets, (size_t)f.bytes), &place));
    f.kind = FRAME_DATA;
    f.flags = 1 << 7;
    frame_seal(octets, &f, &place);
    assert_false(is_frame(bytes_make(octets, (size_t)f.bytes), &place));
    f.flags = FRAME_FIRST;
    frame_seal(octets, &f, &place);
    assert_true(is_frame(bytes_make(octets, (size_t)f.bytes), &place));
}

/* ---- groups ---- */

static void put_settle(batch_t *b, uint32_t ranges)
{
    buffer_t list = {0};
    record_t r = {.type = RECORD_SETTLE, .queue = 1, .kind = RECORD_ACKED};
    for (uint32_t i = 0; i < ranges; i++)
        record_list_put(&list, &r.list.count, i, 1);
    r.list.octets = buffer_bytes(&list);
    record_write(&b->records, &r);
    b->count++;
    buffer_free(&list);
}

static void put_part(batch_t *b, size_t bytes)
{
    static const uint8_t octets[8192];
    record_write(&b->records, &(record_t){.type = RECORD_PART});
    batch_add_content(b, bytes_make(octets, bytes), NULL);
    b->count++;
}

static void check_plan(const group_plan_t *p, const batch_t *b, uint32_t frame_bytes)
{
    size_t octets = 0, pieces = 0;
    record_no next = b->first;
    uint64_t bytes = 0;
    for (size_t i = 0; i < p->count; i++) {
        const group_part_t *part = &p->parts[i];
        assert_int_equal(part->octets_at, octets);
        assert_int_equal(part->first, next);
        assert_int_equal(part->piece, pieces);
        assert_int_equal((part->flags & FRAME_FIRST) != 0, i == 0);
        assert_int_equal((part->flags & FRAME_LAST) != 0, i == p->count - 1);
        uint64_t content = 0, last = 0;
        for (size_t k = 0; k < part->pieces; k++)
            content += last = FRAME_PIECE_BYTES + b->contents[pieces + k].octets.len;
        assert_int_equal(part->bytes, FRAME_FIXED_BYTES + part->octets + content);
        assert_true(part->bytes - last <= frame_bytes);
        assert_true(part->octets > 0);
        octets += part->octets;
        next += part->records;
        pieces += part->pieces;
        bytes += part->bytes;
    }
    assert_int_equal(octets, b->records.len);
    assert_int_equal(next, b->first + b->count);
    assert_int_equal(pieces, b->content_count);
    assert_int_equal(bytes, p->bytes);
}

static void a_batch_is_cut_into_frames_between_records(void **state)
{
    (void)state;
    group_plan_t plan = {0};
    for (uint32_t records = 1; records < 60; records += 7) {
        for (uint32_t frame_bytes = 320; frame_bytes < 5000; frame_bytes = frame_bytes * 3 / 2) {
            batch_t *b = batch_new(5);
            for (uint32_t i = 0; i < records; i++)
                if (i % 3 == 0)
                    put_settle(b, i);
                else
                    put_part(b, i * i);
            group_plan_make(&plan, b, frame_bytes);
            check_plan(&plan, b, frame_bytes);
            for (size_t i = 0; i < plan.count; i++)
                assert_false(plan.parts[i].flags & FRAME_CONTINUES);
            batch_free(b);
        }
    }
    group_plan_deinit(&plan);
}

static void a_record_longer_than_a_frame_is_cut(void **state)
{
    (void)state;
    group_plan_t plan = {0};
    batch_t *b = batch_new(5);
    put_settle(b, 2);
    put_settle(b, 1000);
    put_part(b, 10);
    group_plan_make(&plan, b, 512);
    check_plan(&plan, b, 512);
    assert_true(plan.count > 4);
    assert_int_equal(plan.parts[0].records, 1);
    assert_int_equal(plan.parts[1].records, 0);
    assert_int_equal(plan.parts[1].flags, 0);
    assert_int_equal(plan.parts[2].flags, FRAME_CONTINUES);
    assert_int_equal(plan.parts[plan.count - 1].records, 2);
    batch_free(b);
    group_plan_deinit(&plan);
}

/* ---- records of frames ---- */

/* A frame around this metadata, with one piece "ab" if asked for. */
static frame_t wrap(uint8_t *out, bytes_t metadata, uint32_t records, bool has_piece, uint8_t flags)
{
    frame_t f = {.kind = FRAME_DATA,
                 .flags = flags,
                 .metadata_bytes = (uint32_t)metadata.len,
                 .piece_count = has_piece,
                 .records = records,
                 .first = 10};
    f.bytes = frame_head_bytes(&f) + (has_piece ? 2 : 0);
    if (has_piece) {
        frame_write_piece(out + FRAME_FIXED_BYTES, &place.log, BYTES("ab"));
        memcpy(out + f.bytes - 2, "ab", 2);
    }
    memcpy(out + FRAME_FIXED_BYTES + f.piece_count * FRAME_PIECE_BYTES, metadata.data, metadata.len);
    frame_seal(out, &f, &place);
    return f;
}

/* Records in it, or -1. */
static int count_records(frame_records_t *r, const frame_t *f, const uint8_t *octets)
{
    frame_record_t record;
    int rc, count = 0;
    if (!frame_records_begin(r, f, bytes_make(octets, (size_t)f->bytes)))
        return -1;
    while ((rc = frame_records_next(r, &record)) > 0)
        count++;
    return rc == 0 && frame_records_end(r, f) ? count : -1;
}

static void a_record_that_spans_frames_is_put_together(void **state)
{
    (void)state;
    uint8_t octets[1024];
    frame_records_t records = {0};
    batch_t *b = batch_new(10);
    put_settle(b, 50);
    size_t len = b->records.len;
    for (size_t cut = 1; cut < len; cut++) {
        frame_t f = wrap(octets, bytes_make(b->records.data, cut), 0, false, FRAME_FIRST);
        assert_int_equal(count_records(&records, &f, octets), 0);
        f = wrap(octets, bytes_make(b->records.data + cut, len - cut), 1, false,
                 FRAME_CONTINUES | FRAME_LAST);
        assert_int_equal(count_records(&records, &f, octets), 1);
        frame_records_reset(&records);
    }
    frame_records_deinit(&records);
    batch_free(b);
}

static void what_is_no_record_is_refused(void **state)
{
    (void)state;
    uint8_t octets[1024];
    frame_records_t records = {0};
    batch_t *b = batch_new(10);
    put_part(b, 2);
    bytes_t part = buffer_bytes(&b->records);
    const uint8_t whole = FRAME_FIRST | FRAME_LAST;

    frame_t f = wrap(octets, part, 1, true, whole);
    assert_int_equal(count_records(&records, &f, octets), 1);
    f = wrap(octets, part, 2, true, whole); /* says that there are more */
    assert_int_equal(count_records(&records, &f, octets), -1);
    f = wrap(octets, part, 0, true, whole); /* or less */
    assert_int_equal(count_records(&records, &f, octets), -1);
    f = wrap(octets, part, 1, false, whole); /* no content */
    assert_int_equal(count_records(&records, &f, octets), -1);
    f = wrap(octets, BYTES("\xc8"), 1, false, whole); /* no such type */
    assert_int_equal(count_records(&records, &f, octets), -1);
    f = wrap(octets, part, 1, true, whole | FRAME_CONTINUES); /* of which record? */
    assert_int_equal(count_records(&records, &f, octets), -1);

    buffer_clear(&b->records); /* properties longer than the content */
    record_write(&b->records, &(record_t){.type = RECORD_MESSAGE, .properties_bytes = 3});
    f = wrap(octets, buffer_bytes(&b->records), 1, true, whole);
    assert_int_equal(count_records(&records, &f, octets), -1);
    frame_records_deinit(&records);
    batch_free(b);
}

/* ---- sparse frames ---- */

/* Records 10, 11, 15 and 1000000: a settle, a part "ab", a settle of some length, a part "". */
static frame_t make_sparse(buffer_t *out)
{
    static const record_no numbers[] = {10, 11, 15, 1000000};
    sparse_frame_t s = {0};
    for (size_t i = 0; i < 4; i++) {
        batch_t *b = batch_new(1);
        if (i % 2 == 0)
            put_settle(b, i == 2 ? 100 : 1);
        else
            put_part(b, 0);
        bytes_t content = i == 1 ? BYTES("ab") : bytes_make(NULL, 0);
        frame_record_t r = {.number = numbers[i], .octets = buffer_bytes(&b->records), .content = content};
        r.has_content = i % 2 == 1;
        r.piece = (frame_piece_t){(uint32_t)content.len, checksum_of(content, place.log.key)};
        sparse_frame_put(&s, &r);
        batch_free(b);
    }
    frame_t f = {.incarnation = 3, .durable_through = 1000000, .replay_from = 1000001, .previous = 5};
    sparse_frame_end(&s, &f, &place, out);
    assert_int_equal(s.records, 0);
    sparse_frame_deinit(&s);
    return f;
}

static void a_sparse_frame_says_the_numbers_of_its_records(void **state)
{
    (void)state;
    static const record_no numbers[] = {10, 11, 15, 1000000};
    buffer_t octets = {0};
    frame_t f = make_sparse(&octets), g;
    assert_int_equal(octets.len % FRAME_GROUP_BYTES, 0);
    assert_true(frame_read(buffer_bytes(&octets), &place, octets.len, &g));
    assert_true(frame_check(bytes_make(octets.data, (size_t)frame_head_bytes(&g)), &place, &g));
    assert_int_equal(g.flags, FRAME_FIRST | FRAME_LAST | FRAME_SPARSE);
    assert_int_equal(g.first, 10);
    assert_int_equal(g.records, 4);
    assert_int_equal(frame_next(&g), 1000001);
    assert_int_equal(g.checksum, f.checksum);
    frame_records_t records = {0};
    frame_record_t r;
    assert_true(frame_records_begin(&records, &g, bytes_make(octets.data, (size_t)g.bytes)));
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(frame_records_next(&records, &r), 1);
        assert_int_equal(r.number, numbers[i]);
        assert_int_equal(r.has_content, i % 2 == 1);
        assert_int_equal(r.record.list.count, i == 2 ? 100 : i == 0);
        if (r.has_content)
            assert_true(frame_piece_holds(&r.piece, &place.log, r.content));
    }
    assert_true(bytes_equal(r.content, bytes_make(NULL, 0)));
    assert_int_equal(frame_records_next(&records, &r), 0);
    assert_true(frame_records_end(&records, &g));
    frame_records_deinit(&records);
    buffer_free(&octets);
}

static void numbers_of_a_sparse_frame_that_are_wrong_are_refused(void **state)
{
    (void)state;
    frame_records_t records = {0};
    uint8_t octets[1024];
    const uint8_t sparse = FRAME_FIRST | FRAME_LAST | FRAME_SPARSE;
    batch_t *b = batch_new(1);
    put_settle(b, 1);
    bytes_t settle = buffer_bytes(&b->records);
    static const struct {
        uint64_t steps[2];
        uint32_t span;
        int count;
    } cases[] = {{{0, 1}, 1, 2},  {{0, 7}, 7, 2},           {{0, 7}, 8, -1},
                 {{0, 7}, 6, -1}, {{1, 6}, 7, -1},          {{0, 0}, 1, -1},
                 {{0, 0}, 0, -1}, {{0, UINT64_MAX}, 5, -1}, {{0, UINT32_MAX}, UINT32_MAX, 2}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        buffer_t metadata = {0};
        for (size_t k = 0; k < 2; k++) {
            write_varint(&metadata, cases[i].steps[k]);
            write_bytes(&metadata, settle);
        }
        frame_t f = wrap(octets, buffer_bytes(&metadata), 2, false, sparse);
        f.span = cases[i].span;
        frame_seal(octets, &f, &place);
        assert_int_equal(count_records(&records, &f, octets), cases[i].count);
        frame_records_reset(&records);
        buffer_free(&metadata);
    }
    frame_records_deinit(&records);
    batch_free(b);
}

/* Sealed, but not as such a frame may be. */
static void a_frame_is_sparse_in_one_way_only(void **state)
{
    (void)state;
    buffer_t octets = {0};
    frame_t f = make_sparse(&octets), g;
    static const uint8_t wrong[] = {FRAME_FIRST | FRAME_SPARSE, FRAME_LAST | FRAME_SPARSE,
                                    FRAME_FIRST | FRAME_LAST,
                                    FRAME_FIRST | FRAME_LAST | FRAME_SPARSE | FRAME_CONTINUES,
                                    FRAME_FIRST | FRAME_LAST | FRAME_SPARSE | FRAME_COPY};
    for (size_t i = 0; i < sizeof wrong; i++) {
        g = f;
        g.flags = wrong[i];
        frame_seal(octets.data, &g, &place);
        assert_false(is_frame(buffer_bytes(&octets), &place));
    }
    g = f;
    g.span = 2; /* of four records */
    frame_seal(octets.data, &g, &place);
    assert_false(is_frame(buffer_bytes(&octets), &place));
    frame_seal(octets.data, &f, &place);
    assert_true(is_frame(buffer_bytes(&octets), &place));
    buffer_free(&octets);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_frame_has_these_octets),
        cmocka_unit_test(a_frame_is_read_as_it_was_written),
        cmocka_unit_test(no_prefix_of_a_frame_is_a_frame),
        cmocka_unit_test(every_turned_bit_of_the_head_is_noticed),
        cmocka_unit_test(a_frame_is_one_at_its_own_place_only),
        cmocka_unit_test(a_frame_whose_parts_do_not_fill_it_is_none),
        cmocka_unit_test(a_batch_is_cut_into_frames_between_records),
        cmocka_unit_test(a_record_longer_than_a_frame_is_cut),
        cmocka_unit_test(a_record_that_spans_frames_is_put_together),
        cmocka_unit_test(what_is_no_record_is_refused),
        cmocka_unit_test(a_sparse_frame_says_the_numbers_of_its_records),
        cmocka_unit_test(numbers_of_a_sparse_frame_that_are_wrong_are_refused),
        cmocka_unit_test(a_frame_is_sparse_in_one_way_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
