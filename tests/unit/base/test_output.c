/* SPDX-License-Identifier: Apache-2.0
 *
 * The output: what goes in comes out, in order, whatever was copied or lent and however it is drained. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>
#include <string.h>

#include "base/output.h"

/* Appends the first `len` waiting octets to `to` and drains them. */
static void drain_into(output_t *o, buffer_t *to, size_t len)
{
    output_piece_t pieces[7];
    size_t left = len;
    while (left > 0) {
        size_t count = output_gather(o, pieces, 7);
        assert_true(count > 0);
        size_t taken = 0;
        for (size_t i = 0; i < count && taken < left; i++) {
            size_t part = pieces[i].len < left - taken ? pieces[i].len : left - taken;
            write_bytes(to, bytes_make(pieces[i].data, part));
            taken += part;
        }
        output_drain(o, taken);
        left -= taken;
    }
}

static void what_is_written_comes_out_in_order(void **state)
{
    (void)state;
    output_t *o = output_new();
    output_write(o, BYTES("one "));
    output_lend(o, BYTES("two "));
    memcpy(output_reserve(o, 100), "three ", 6);
    output_commit(o, 6);
    output_write(o, BYTES("four"));
    assert_int_equal(output_waiting(o), 18);
    buffer_t got = {0};
    drain_into(o, &got, 18);
    assert_true(bytes_equal(buffer_bytes(&got), BYTES("one two three four")));
    assert_int_equal(output_waiting(o), 0);
    buffer_free(&got);
    output_free(&o);
    assert_null(o);
    output_free(&o);
}

static void small_writes_become_one_piece_and_lent_octets_their_own(void **state)
{
    (void)state;
    output_t *o = output_new();
    static const char lent[5000];
    for (int i = 0; i < 100; i++)
        output_write(o, BYTES("0123456789"));
    output_lend(o, bytes_make(lent, sizeof lent));
    for (int i = 0; i < 100; i++)
        output_write(o, BYTES("0123456789"));
    output_piece_t pieces[8];
    assert_int_equal(output_gather(o, pieces, 8), 3);
    assert_int_equal(pieces[0].len, 1000);
    assert_ptr_equal(pieces[1].data, lent);
    assert_int_equal(pieces[1].len, 5000);
    assert_ptr_equal(pieces[2].data, (const char *)pieces[0].data + 1000); /* the same chunk goes on */
    assert_int_equal(output_gather(o, pieces, 2), 2);
    output_free(&o);
}

static void a_reserve_is_contiguous_whatever_its_size(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 16000, 16384, 16385, 100000, 400, 16384};
    output_t *o = output_new();
    buffer_t expected = {0}, got = {0};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        uint8_t *at = output_reserve(o, sizes[i]);
        memset(at, (int)('a' + i), sizes[i]);
        assert_true(buffer_reserve(&expected, sizes[i]));
        memset(expected.data + expected.len, (int)('a' + i), sizes[i]);
        expected.len += sizes[i];
        output_commit(o, sizes[i]);
    }
    drain_into(o, &got, expected.len);
    assert_true(bytes_equal(buffer_bytes(&got), buffer_bytes(&expected)));
    buffer_free(&got);
    buffer_free(&expected);
    output_free(&o);
}

static void committing_less_than_reserved_or_nothing_leaves_no_gap(void **state)
{
    (void)state;
    output_t *o = output_new();
    (void)output_reserve(o, 50000);
    output_commit(o, 0);
    output_piece_t piece;
    assert_int_equal(output_gather(o, &piece, 1), 0);
    (void)output_reserve(o, 10);
    (void)output_reserve(o, 50000); /* changed its mind */
    memcpy(output_reserve(o, 50000), "ab", 2);
    output_commit(o, 2);
    output_commit(o, 0);
    memcpy(output_reserve(o, 3), "cd", 2);
    output_commit(o, 2);
    assert_int_equal(output_gather(o, &piece, 1), 1);
    assert_int_equal(piece.len, 4);
    assert_memory_equal(piece.data, "abcd", 4);
    (void)output_reserve(o, 100); /* left open: freed all the same */
    output_free(&o);
}

static void empty_octets_are_no_piece(void **state)
{
    (void)state;
    output_t *o = output_new();
    output_write(o, (bytes_t){NULL, 0});
    output_lend(o, (bytes_t){NULL, 0});
    output_drain(o, 0);
    output_piece_t piece;
    assert_int_equal(output_gather(o, &piece, 1), 0);
    assert_int_equal(output_written(o), 0);
    output_free(&o);
}

static void offsets_only_rise_and_tell_when_a_loan_is_over(void **state)
{
    (void)state;
    output_t *o = output_new();
    output_write(o, BYTES("head"));
    output_lend(o, BYTES("body"));
    uint64_t loan_ends = output_written(o);
    assert_int_equal(loan_ends, 8);
    output_write(o, BYTES("tail"));
    output_drain(o, 7);
    assert_true(output_sent(o) < loan_ends);
    output_drain(o, 1);
    assert_true(output_sent(o) >= loan_ends);
    assert_int_equal(output_waiting(o), 4);
    output_free(&o);
}

static void dropping_counts_as_sent_and_writing_goes_on(void **state)
{
    (void)state;
    output_t *o = output_new();
    output_write(o, BYTES("head"));
    output_lend(o, BYTES("body"));
    (void)output_reserve(o, 10);
    output_drop(o);
    assert_int_equal(output_sent(o), 8);
    assert_int_equal(output_waiting(o), 0);
    output_drop(o);
    output_write(o, BYTES("x"));
    output_piece_t piece;
    assert_int_equal(output_gather(o, &piece, 1), 1);
    assert_memory_equal(piece.data, "x", 1);
    assert_int_equal(output_written(o), 9);
    output_free(&o);
}

/* Puts up to 40 000 octets in, in one of the three ways; lent ones come from `source`. */
static void put_randomly(output_t *o, uint32_t random, bytes_t source)
{
    size_t len = random % 5 == 0 ? (random >> 8) % 40000 : (random >> 8) % 60;
    bytes_t octets = bytes_make(source.data + (random >> 3) % 1000, len);
    switch (random >> 30) {
    case 0:
        output_lend(o, octets);
        break;
    case 1:
        memcpy(output_reserve(o, len + 10), octets.data, len);
        output_commit(o, len);
        break;
    default:
        output_write(o, octets);
    }
}

static void random_pieces_drained_at_random_sizes_are_the_same_octets(void **state)
{
    (void)state;
    static uint8_t octets[50000];
    for (size_t i = 0; i < sizeof octets; i++)
        octets[i] = (uint8_t)(i * 31 >> 3);
    bytes_t source = bytes_make(octets, sizeof octets);
    output_t *o = output_new();
    buffer_t expected = {0}, got = {0};
    uint32_t random = 4711;
    for (int step = 0; step < 4000; step++) {
        random = random * 1664525u + 1013904223u;
        uint64_t before = output_written(o);
        put_randomly(o, random, source);
        write_bytes(&expected,
                    bytes_make(octets + (random >> 3) % 1000, (size_t)(output_written(o) - before)));
        random = random * 1664525u + 1013904223u;
        uint64_t waiting = output_waiting(o);
        if (waiting > 0 && random >> 31)
            drain_into(o, &got, (random >> 4) % 7 == 0 ? (size_t)waiting : (size_t)((random >> 4) % waiting));
    }
    drain_into(o, &got, (size_t)output_waiting(o));
    assert_true(got.len > 1000000);
    assert_true(bytes_equal(buffer_bytes(&got), buffer_bytes(&expected)));
    assert_true(output_sent(o) == output_written(o));
    buffer_free(&got);
    buffer_free(&expected);
    output_free(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_comes_out_in_order),
        cmocka_unit_test(small_writes_become_one_piece_and_lent_octets_their_own),
        cmocka_unit_test(a_reserve_is_contiguous_whatever_its_size),
        cmocka_unit_test(committing_less_than_reserved_or_nothing_leaves_no_gap),
        cmocka_unit_test(empty_octets_are_no_piece),
        cmocka_unit_test(offsets_only_rise_and_tell_when_a_loan_is_over),
        cmocka_unit_test(dropping_counts_as_sent_and_writing_goes_on),
        cmocka_unit_test(random_pieces_drained_at_random_sizes_are_the_same_octets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
