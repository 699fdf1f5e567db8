/* SPDX-License-Identifier: Apache-2.0
 *
 * Views, the reader's end, the buffer's limit, UTF-8. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/bytes.h"

static void compare_orders_octet_by_octet_the_shorter_first(void **state)
{
    (void)state;
    const bytes_t rising[] = {{NULL, 0},   BYTES("\0"), BYTES("a"),   BYTES("a\0"),
                              BYTES("ab"), BYTES("b"),  BYTES("\xff")};
    for (size_t i = 0; i < sizeof rising / sizeof *rising; i++)
        for (size_t j = 0; j < sizeof rising / sizeof *rising; j++) {
            int order = bytes_compare(rising[i], rising[j]);
            assert_int_equal((order > 0) - (order < 0), (i > j) - (i < j));
            assert_int_equal(bytes_equal(rising[i], rising[j]), i == j);
        }
}

static void prefix_is_recognised(void **state)
{
    (void)state;
    assert_true(bytes_starts_with(BYTES("amq.topic"), BYTES("amq.")));
    assert_true(bytes_starts_with(BYTES("amq."), BYTES("amq.")));
    assert_true(bytes_starts_with((bytes_t){NULL, 0}, BYTES("")));
    assert_false(bytes_starts_with(BYTES("amq"), BYTES("amq.")));
    assert_false(bytes_starts_with(BYTES("bmq.topic"), BYTES("amq.")));
}

/* ---- reading ---- */

static void numbers_are_big_endian(void **state)
{
    (void)state;
    static const uint8_t octets[] = {1, 0xf2, 3, 0xf4, 5, 6, 7, 0xf8, 9, 10, 11, 12, 13, 14, 15};
    bytes_reader_t r = bytes_reader(bytes_make(octets, sizeof octets));
    assert_int_equal(read_u8(&r), 1);
    assert_int_equal(read_u16(&r), 0xf203);
    assert_int_equal(read_u32(&r), 0xf4050607);
    assert_true(read_u64(&r) == UINT64_C(0xf8090a0b0c0d0e0f));
    assert_true(reader_done(&r));
}

static uint64_t get_u8(bytes_reader_t *r)
{
    return read_u8(r);
}

static uint64_t get_u16(bytes_reader_t *r)
{
    return read_u16(r);
}

static uint64_t get_u32(bytes_reader_t *r)
{
    return read_u32(r);
}

static uint64_t get_bytes_3(bytes_reader_t *r)
{
    bytes_t b = read_bytes(r, 3);
    return b.len + (b.data != NULL);
}

static uint64_t get_short_string(bytes_reader_t *r)
{
    bytes_t b = read_short_string(r);
    return b.len + (b.data != NULL);
}

static uint64_t get_long_string(bytes_reader_t *r)
{
    bytes_t b = read_long_string(r);
    return b.len + (b.data != NULL);
}

static void every_getter_past_the_end_fails_for_good_and_returns_zeros(void **state)
{
    (void)state;
    static const struct {
        uint64_t (*get)(bytes_reader_t *r);
        bytes_t whole;
    } cases[] = {
        {get_u8, BYTES("\1")},
        {get_u16, BYTES("\1\1")},
        {get_u32, BYTES("\1\1\1\1")},
        {read_u64, BYTES("\1\1\1\1\1\1\1\1")},
        {get_bytes_3, BYTES("abc")},
        {get_short_string, BYTES("\3abc")},
        {get_long_string, BYTES("\0\0\0\3abc")},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bytes_reader_t whole = bytes_reader(cases[i].whole);
        assert_true(cases[i].get(&whole) != 0);
        assert_true(reader_done(&whole));
        for (size_t len = 0; len < cases[i].whole.len; len++) {
            bytes_reader_t r = bytes_reader(bytes_make(cases[i].whole.data, len));
            assert_true(cases[i].get(&r) == 0);
            assert_false(reader_ok(&r));
            assert_false(reader_done(&r));
            assert_int_equal(reader_left(&r), 0);
            assert_int_equal(read_u8(&r), 0); /* also where octets were left */
        }
    }
}

static void an_empty_view_can_be_read_up_to_its_end(void **state)
{
    (void)state;
    bytes_reader_t r = bytes_reader((bytes_t){NULL, 0});
    assert_true(reader_done(&r));
    assert_int_equal(read_bytes(&r, 0).len, 0);
    assert_true(reader_done(&r));
    assert_int_equal(read_bytes(&r, SIZE_MAX).len, 0);
    assert_false(reader_ok(&r));
}

static void strings_are_views_into_the_input(void **state)
{
    (void)state;
    static const uint8_t octets[] = {2, 'a', 'b', 0, 0, 0, 1, 'c', 0};
    bytes_reader_t r = bytes_reader(bytes_make(octets, sizeof octets));
    assert_ptr_equal(read_short_string(&r).data, octets + 1);
    assert_ptr_equal(read_long_string(&r).data, octets + 7);
    assert_int_equal(read_short_string(&r).len, 0);
    assert_true(reader_done(&r));
}

/* ---- writing ---- */

static void what_is_written_is_read_again(void **state)
{
    (void)state;
    buffer_t b = {0};
    write_u8(&b, 0x81);
    write_u16(&b, 0x8283);
    write_u32(&b, 0x84858687);
    write_u64(&b, UINT64_C(0x88898a8b8c8d8e8f));
    write_short_string(&b, BYTES("short"));
    write_long_string(&b, BYTES("long"));
    write_bytes(&b, (bytes_t){NULL, 0});
    assert_false(b.failed);

    bytes_reader_t r = bytes_reader(buffer_bytes(&b));
    assert_int_equal(read_u8(&r), 0x81);
    assert_int_equal(read_u16(&r), 0x8283);
    assert_int_equal(read_u32(&r), 0x84858687);
    assert_true(read_u64(&r) == UINT64_C(0x88898a8b8c8d8e8f));
    assert_true(bytes_equal(read_short_string(&r), BYTES("short")));
    assert_true(bytes_equal(read_long_string(&r), BYTES("long")));
    assert_true(reader_done(&r));
    buffer_free(&b);
}

static void past_the_limit_nothing_more_is_written(void **state)
{
    (void)state;
    buffer_t b;
    buffer_init(&b, 10);
    write_u64(&b, 1);
    assert_true(b.capacity <= 10);
    write_u16(&b, 2);
    assert_false(b.failed);
    assert_int_equal(b.len, 10);
    write_u8(&b, 3);
    assert_true(b.failed);

    buffer_clear(&b);
    write_u8(&b, 4);
    write_bytes(&b, BYTES("0123456789"));
    assert_true(b.failed);
    write_u8(&b, 5); /* would fit, but a hole must not be passed over */
    assert_int_equal(b.len, 1);
    assert_false(buffer_reserve(&b, 1));
    buffer_free(&b);
    assert_int_equal(b.limit_bytes, 10);
}

static void a_reserve_of_any_size_respects_the_limit(void **state)
{
    (void)state;
    buffer_t b;
    buffer_init(&b, 100);
    assert_true(buffer_reserve(&b, 100));
    b.len = 1;
    assert_false(buffer_reserve(&b, SIZE_MAX));
    buffer_free(&b);
}

static void a_short_string_has_at_most_255_octets(void **state)
{
    (void)state;
    static const uint8_t octets[256];
    buffer_t b = {0};
    write_short_string(&b, bytes_make(octets, 255));
    assert_false(b.failed);
    assert_int_equal(b.len, 256);
    write_short_string(&b, bytes_make(octets, 256));
    assert_true(b.failed);
    assert_int_equal(b.len, 256);
    buffer_free(&b);
}

static void a_length_is_patched_when_it_is_known(void **state)
{
    (void)state;
    buffer_t b = {0};
    write_u8(&b, 7);
    size_t outer = write_length_u32(&b);
    size_t inner = write_length_u32(&b);
    write_bytes(&b, BYTES("abc"));
    patch_length_u32(&b, inner);
    patch_length_u32(&b, outer);
    assert_true(bytes_equal(buffer_bytes(&b), BYTES("\7\0\0\0\7\0\0\0\3abc")));
    buffer_free(&b);
}

static void a_length_in_a_failed_buffer_is_left_alone(void **state)
{
    (void)state;
    buffer_t b;
    buffer_init(&b, 3);
    size_t mark = write_length_u32(&b);
    write_u8(&b, 1);
    patch_length_u32(&b, mark);
    assert_true(b.failed);
    assert_int_equal(b.len, 0);
    buffer_free(&b);
}

static void consuming_moves_the_rest_to_the_front(void **state)
{
    (void)state;
    buffer_t b = {0};
    buffer_consume(&b, 0);
    write_bytes(&b, BYTES("abcdef"));
    buffer_consume(&b, 4);
    assert_true(bytes_equal(buffer_bytes(&b), BYTES("ef")));
    buffer_consume(&b, 2);
    assert_int_equal(b.len, 0);
    buffer_free(&b);
}

/* ---- UTF-8 ---- */

static void well_formed_utf8_is_accepted(void **state)
{
    (void)state;
    static const bytes_t good[] = {
        {NULL, 0},
        BYTES("\0"),
        BYTES("\x7f"),
        BYTES("plain ascii, more than eight octets"),
        BYTES("\xc2\x80"),
        BYTES("\xdf\xbf"),
        BYTES("\xe0\xa0\x80"),
        BYTES("\xed\x9f\xbf"),
        BYTES("\xee\x80\x80"),
        BYTES("\xef\xbf\xbf"),
        BYTES("\xf0\x90\x80\x80"),
        BYTES("\xf4\x8f\xbf\xbf"),
        BYTES("1234567\xc3\xa9 1234567\xe2\x82\xac"),
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_true(bytes_are_utf8(good[i]));
}

static void malformed_utf8_is_refused_wherever_it_stands(void **state)
{
    (void)state;
    static const bytes_t bad[] = {
        BYTES("\x80"), /* continuation first */
        BYTES("\xbf"),
        BYTES("\xc0\x80"), /* overlong */
        BYTES("\xc1\xbf"),
        BYTES("\xe0\x9f\xbf"),
        BYTES("\xf0\x8f\xbf\xbf"),
        BYTES("\xed\xa0\x80"), /* surrogates */
        BYTES("\xed\xbf\xbf"),
        BYTES("\xf4\x90\x80\x80"), /* above U+10FFFF */
        BYTES("\xf5\x80\x80\x80"),
        BYTES("\xfe"),
        BYTES("\xff"),
        BYTES("\xc2"), /* cut */
        BYTES("\xe1\x80"),
        BYTES("\xf1\x80\x80"),
        BYTES("\xc2\x41"), /* not a continuation */
        BYTES("\xe1\x80\x41"),
        BYTES("\xf1\x80\x80\xc0"),
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        buffer_t b = {0};
        assert_false(bytes_are_utf8(bad[i]));
        for (size_t before = 0; before < 17; before++) { /* over the edges of the eight-octet steps */
            buffer_clear(&b);
            write_bytes(&b, bytes_make("aaaaaaaaaaaaaaaaa", before));
            write_bytes(&b, bad[i]);
            assert_false(bytes_are_utf8(buffer_bytes(&b)));
            write_bytes(&b, BYTES("bbbbbbbbb"));
            assert_false(bytes_are_utf8(buffer_bytes(&b)));
        }
        buffer_free(&b);
    }
}

/* ---- varints ---- */

static void a_varint_takes_an_octet_for_each_seven_bits(void **state)
{
    (void)state;
    static const struct {
        uint64_t value;
        size_t octets;
    } table[] = {
        {0, 1},           {1, 1},
        {127, 1},         {128, 2},
        {16383, 2},       {16384, 3},
        {2097151, 3},     {2097152, 4},
        {UINT32_MAX, 5},  {1ull << 35, 6},
        {1ull << 42, 7},  {1ull << 49, 8},
        {1ull << 56, 9},  {(1ull << 63) - 1, 9},
        {1ull << 63, 10}, {UINT64_MAX, 10},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        buffer_t b = {0};
        write_varint(&b, table[i].value);
        assert_int_equal(b.len, table[i].octets);
        for (size_t len = 0; len < b.len; len++) { /* every prefix is refused */
            bytes_reader_t prefix = bytes_reader(bytes_make(b.data, len));
            assert_true(read_varint(&prefix) == 0);
            assert_false(reader_ok(&prefix));
        }
        bytes_reader_t in = bytes_reader(buffer_bytes(&b));
        assert_true(read_varint(&in) == table[i].value);
        assert_true(reader_done(&in));
        buffer_free(&b);
    }
}

static void a_varint_past_64_bits_is_refused(void **state)
{
    (void)state;
    static const bytes_t bad[] = {
        {(const uint8_t *)"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 10}, /* bit 64 */
        {(const uint8_t *)"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x7f", 10},
        {(const uint8_t *)"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00", 11}, /* an eleventh octet */
        {(const uint8_t *)"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x81\x00", 11},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        bytes_reader_t in = bytes_reader(bad[i]);
        assert_true(read_varint(&in) == 0);
        assert_false(reader_ok(&in));
        assert_int_equal(read_u8(&in), 0); /* for good */
    }
    bytes_reader_t in = bytes_reader(BYTES("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"));
    assert_true(read_varint(&in) == UINT64_MAX);
    assert_true(reader_done(&in));
}

static void a_varint_leaves_what_comes_after_it(void **state)
{
    (void)state;
    bytes_reader_t in = bytes_reader(BYTES("\x05\xac\x02\x07"));
    assert_int_equal(read_varint(&in), 5);
    assert_int_equal(read_varint(&in), 300);
    assert_int_equal(read_u8(&in), 7);
    assert_true(reader_done(&in));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(compare_orders_octet_by_octet_the_shorter_first),
        cmocka_unit_test(prefix_is_recognised),
        cmocka_unit_test(numbers_are_big_endian),
        cmocka_unit_test(every_getter_past_the_end_fails_for_good_and_returns_zeros),
        cmocka_unit_test(an_empty_view_can_be_read_up_to_its_end),
        cmocka_unit_test(strings_are_views_into_the_input),
        cmocka_unit_test(what_is_written_is_read_again),
        cmocka_unit_test(past_the_limit_nothing_more_is_written),
        cmocka_unit_test(a_reserve_of_any_size_respects_the_limit),
        cmocka_unit_test(a_short_string_has_at_most_255_octets),
        cmocka_unit_test(a_length_is_patched_when_it_is_known),
        cmocka_unit_test(a_length_in_a_failed_buffer_is_left_alone),
        cmocka_unit_test(consuming_moves_the_rest_to_the_front),
        cmocka_unit_test(well_formed_utf8_is_accepted),
        cmocka_unit_test(malformed_utf8_is_refused_wherever_it_stands),
        cmocka_unit_test(a_varint_takes_an_octet_for_each_seven_bits),
        cmocka_unit_test(a_varint_past_64_bits_is_refused),
        cmocka_unit_test(a_varint_leaves_what_comes_after_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
