/* SPDX-License-Identifier: Apache-2.0
 *
 * Bodies: what was written is whole however it is cut, and nothing else is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "perf/body.h"
#include "sim/sim_random.h"

#define BODY_BYTES ((size_t)600) /* more than two periods of the pattern */

static const stamp_t some_stamp = {.producer = 3, .key = 70000, .number = 1234567, .at_ns = 98765432101234};

typedef struct fixture {
    pattern_t pattern;
    uint8_t body[BODY_BYTES + 1]; /* a whole one, and room for one octet more */
    body_reader_t reader;
} fixture_t;

/* The body of a message as a producer makes it. */
static void write_body(const pattern_t *p, const stamp_t *s, uint8_t *out)
{
    bytes_t rest = pattern_of(p, s);
    stamp_write(out, s);
    memcpy(out + STAMP_BYTES, rest.data, rest.len);
}

static void set_up(fixture_t *f, size_t body_bytes)
{
    assert_true(body_bytes <= BODY_BYTES);
    pattern_init(&f->pattern, body_bytes);
    write_body(&f->pattern, &some_stamp, f->body);
}

static void tear_down(fixture_t *f)
{
    pattern_deinit(&f->pattern);
}

/* Reads `len` octets of f->body, announced as so many, in two pieces. */
static bool is_whole(fixture_t *f, size_t len, size_t cut)
{
    body_begin(&f->reader, &f->pattern, len);
    body_take(&f->reader, bytes_make(f->body, cut));
    body_take(&f->reader, bytes_make(f->body + cut, len - cut));
    return !f->reader.damaged;
}

static void assert_stamps_equal(const stamp_t *a, const stamp_t *b)
{
    assert_int_equal(a->producer, b->producer);
    assert_int_equal(a->key, b->key);
    assert_int_equal(a->number, b->number);
    assert_true(a->at_ns == b->at_ns);
}

/* ---- stamps ---- */

static void assert_comes_back(stamp_t s)
{
    uint8_t octets[STAMP_BYTES];
    stamp_t back;
    stamp_write(octets, &s);
    assert_true(stamp_read(octets, &back));
    assert_stamps_equal(&back, &s);
}

static void a_stamp_comes_back_as_it_was_also_at_its_limits(void **state)
{
    (void)state;
    for (unsigned limits = 0; limits < 16; limits++)
        assert_comes_back((stamp_t){.producer = limits & 1 ? 0xfff : 0,
                                    .key = limits & 2 ? 0xfffff : 0,
                                    .number = limits & 4 ? UINT32_MAX : 0,
                                    .at_ns = limits & 8 ? STAMP_AT_NS_LIMIT - 1 : 0});
    sim_random_t random = sim_random(1);
    for (int i = 0; i < 1000; i++)
        assert_comes_back((stamp_t){.producer = (uint32_t)sim_random_below(&random, 1 << 12),
                                    .key = (uint32_t)sim_random_below(&random, 1 << 20),
                                    .number = (uint32_t)sim_random_next(&random),
                                    .at_ns = sim_random_next(&random) & (STAMP_AT_NS_LIMIT - 1)});
}

static void a_stamp_is_written_as_is_documented(void **state)
{
    (void)state;
    static const uint8_t expected[STAMP_BYTES] = {0xab, 0xc1, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd,
                                                  0x21, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07};
    uint8_t octets[STAMP_BYTES], all = 0;
    stamp_write(
        octets,
        &(stamp_t){.producer = 0xabc, .key = 0x12345, .number = 0x6789abcd, .at_ns = 0x01020304050607});
    assert_memory_equal(octets, expected, STAMP_BYTES);
    for (size_t i = 0; i < STAMP_BYTES; i++)
        all ^= octets[i];
    assert_int_equal(all, STAMP_CHECK);
}

static void any_changed_octet_of_a_stamp_shows(void **state)
{
    (void)state;
    for (size_t at = 0; at < STAMP_BYTES; at++) {
        for (unsigned change = 1; change < 256; change++) {
            uint8_t octets[STAMP_BYTES];
            stamp_t back;
            stamp_write(octets, &some_stamp);
            octets[at] ^= (uint8_t)change;
            assert_false(stamp_read(octets, &back));
        }
    }
}

/* ---- whole ---- */

static void a_body_cut_anywhere_is_whole(void **state)
{
    (void)state;
    static const size_t sizes[] = {16, 17, 31, 250, BODY_BYTES};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        fixture_t f = {0};
        set_up(&f, sizes[i]);
        for (size_t cut = 0; cut <= sizes[i]; cut++) {
            assert_true(is_whole(&f, sizes[i], cut));
            assert_stamps_equal(&f.reader.stamp, &some_stamp);
            assert_int_equal(f.reader.bytes, sizes[i]);
        }
        tear_down(&f);
    }
}

static void a_body_in_random_pieces_is_whole(void **state)
{
    (void)state;
    fixture_t f = {0};
    sim_random_t random = sim_random(5);
    set_up(&f, BODY_BYTES);
    for (int round = 0; round < 2000; round++) {
        body_begin(&f.reader, &f.pattern, BODY_BYTES);
        for (size_t at = 0, piece; at < BODY_BYTES; at += piece) {
            piece = (size_t)sim_random_below(&random, sim_random_once_in(&random, 3) ? 200 : 8);
            piece = piece < BODY_BYTES - at ? piece : BODY_BYTES - at;
            body_take(&f.reader, bytes_make(f.body + at, piece));
            assert_int_equal(f.reader.bytes, at + piece);
        }
        assert_false(f.reader.damaged);
        assert_stamps_equal(&f.reader.stamp, &some_stamp);
    }
    tear_down(&f);
}

static void an_empty_piece_changes_nothing(void **state)
{
    (void)state;
    fixture_t f = {0};
    set_up(&f, BODY_BYTES);
    body_begin(&f.reader, &f.pattern, BODY_BYTES);
    body_take(&f.reader, bytes_make(NULL, 0));
    body_take(&f.reader, bytes_make(f.body, BODY_BYTES));
    body_take(&f.reader, bytes_make(NULL, 0));
    assert_false(f.reader.damaged);
    assert_int_equal(f.reader.bytes, BODY_BYTES);
    tear_down(&f);
}

static void the_pattern_begins_elsewhere_for_each_number_and_producer(void **state)
{
    (void)state;
    fixture_t f = {0};
    set_up(&f, BODY_BYTES);
    stamp_t s = some_stamp, next = some_stamp, other = some_stamp;
    next.number++, other.producer++;
    assert_false(bytes_equal(pattern_of(&f.pattern, &s), pattern_of(&f.pattern, &next)));
    assert_false(bytes_equal(pattern_of(&f.pattern, &s), pattern_of(&f.pattern, &other)));
    assert_int_equal(pattern_of(&f.pattern, &s).len, BODY_BYTES - STAMP_BYTES);
    tear_down(&f);
}

/* ---- damaged ---- */

static void any_changed_octet_is_damage(void **state)
{
    (void)state;
    static const uint8_t changes[] = {0x01, 0x10, 0x80, 0xff};
    fixture_t f = {0};
    sim_random_t random = sim_random(9);
    set_up(&f, BODY_BYTES);
    for (size_t at = 0; at < BODY_BYTES; at++) {
        for (size_t i = 0; i < sizeof changes; i++) {
            f.body[at] ^= changes[i];
            assert_false(is_whole(&f, BODY_BYTES, (size_t)sim_random_below(&random, BODY_BYTES + 1)));
            f.body[at] ^= changes[i];
        }
    }
    assert_true(is_whole(&f, BODY_BYTES, 100));
    tear_down(&f);
}

static void a_changed_octet_of_the_smallest_body_is_damage(void **state)
{
    (void)state;
    fixture_t f = {0};
    set_up(&f, STAMP_BYTES);
    for (size_t at = 0; at < STAMP_BYTES; at++) {
        f.body[at] ^= 0x40;
        assert_false(is_whole(&f, STAMP_BYTES, at));
        f.body[at] ^= 0x40;
    }
    assert_true(is_whole(&f, STAMP_BYTES, 3));
    tear_down(&f);
}

static void a_missing_octet_is_damage_wherever_it_was(void **state)
{
    (void)state;
    fixture_t f = {0};
    set_up(&f, BODY_BYTES);
    for (size_t at = 0; at < BODY_BYTES; at++) {
        write_body(&f.pattern, &some_stamp, f.body);
        memmove(f.body + at, f.body + at + 1, BODY_BYTES - at - 1);
        assert_false(is_whole(&f, BODY_BYTES - 1, at)); /* announced as it is */
        f.body[BODY_BYTES - 1] = 0xff;                  /* which no pattern has */
        assert_false(is_whole(&f, BODY_BYTES, at));     /* and filled up at the end */
    }
    tear_down(&f);
}

static void an_additional_octet_is_damage_wherever_it_is(void **state)
{
    (void)state;
    fixture_t f = {0};
    set_up(&f, BODY_BYTES);
    for (size_t at = 0; at <= BODY_BYTES; at++) {
        write_body(&f.pattern, &some_stamp, f.body);
        memmove(f.body + at + 1, f.body + at, BODY_BYTES - at);
        assert_false(is_whole(&f, BODY_BYTES + 1, at)); /* announced as it is */
        body_begin(&f.reader, &f.pattern, BODY_BYTES);  /* and not */
        body_take(&f.reader, bytes_make(f.body, BODY_BYTES + 1));
        assert_true(f.reader.damaged);
    }
    tear_down(&f);
}

static void a_body_of_another_size_is_damaged(void **state)
{
    (void)state;
    fixture_t f = {0};
    set_up(&f, 100);
    for (size_t len = 0; len <= BODY_BYTES; len++)
        assert_int_equal(is_whole(&f, len, len / 2), len == 100);
    tear_down(&f);
}

static void pieces_that_changed_places_are_damage(void **state)
{
    (void)state;
    fixture_t f = {0};
    for (size_t piece = 1; piece <= 250; piece++) {
        uint8_t kept[256];
        set_up(&f, BODY_BYTES);
        memcpy(kept, f.body + STAMP_BYTES, piece);
        memmove(f.body + STAMP_BYTES, f.body + STAMP_BYTES + piece, piece);
        memcpy(f.body + STAMP_BYTES + piece, kept, piece);
        assert_false(is_whole(&f, BODY_BYTES, 0));
        tear_down(&f);
    }
}

static void the_rest_of_another_message_is_damage(void **state)
{
    (void)state;
    fixture_t f = {0};
    stamp_t other = some_stamp;
    set_up(&f, BODY_BYTES);
    other.number++;
    stamp_write(f.body, &other);
    assert_false(is_whole(&f, BODY_BYTES, 0));
    tear_down(&f);
}

static void a_reader_forgets_the_damage_of_the_last_body(void **state)
{
    (void)state;
    fixture_t f = {0};
    set_up(&f, BODY_BYTES);
    f.body[300]++;
    assert_false(is_whole(&f, BODY_BYTES, 10));
    f.body[300]--;
    assert_true(is_whole(&f, BODY_BYTES, 10));
    tear_down(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_stamp_comes_back_as_it_was_also_at_its_limits),
        cmocka_unit_test(a_stamp_is_written_as_is_documented),
        cmocka_unit_test(any_changed_octet_of_a_stamp_shows),
        cmocka_unit_test(a_body_cut_anywhere_is_whole),
        cmocka_unit_test(a_body_in_random_pieces_is_whole),
        cmocka_unit_test(an_empty_piece_changes_nothing),
        cmocka_unit_test(the_pattern_begins_elsewhere_for_each_number_and_producer),
        cmocka_unit_test(any_changed_octet_is_damage),
        cmocka_unit_test(a_changed_octet_of_the_smallest_body_is_damage),
        cmocka_unit_test(a_missing_octet_is_damage_wherever_it_was),
        cmocka_unit_test(an_additional_octet_is_damage_wherever_it_is),
        cmocka_unit_test(a_body_of_another_size_is_damaged),
        cmocka_unit_test(pieces_that_changed_places_are_damage),
        cmocka_unit_test(the_rest_of_another_message_is_damage),
        cmocka_unit_test(a_reader_forgets_the_damage_of_the_last_body),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
