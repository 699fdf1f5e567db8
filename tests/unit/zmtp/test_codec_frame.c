/* SPDX-License-Identifier: Apache-2.0
 *
 * test_codec_frame.c: heads, what is refused and when, and how large frames are given out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "test_codec.h"

static zmtp_result_t decode_head(const char *hex, const zmtp_frame_limits_t *limits, zmtp_frame_head_t *head)
{
    uint8_t *block;
    buffer_t wire = from_hex(hex);
    zmtp_result_t result = zmtp_frame_head_decode(exactly(buffer_bytes(&wire), &block), limits, head);
    free(block);
    buffer_free(&wire);
    return result;
}

static void assert_head(const char *hex, zmtp_frame_head_t wanted)
{
    zmtp_frame_head_t head;
    zmtp_frame_limits_t all = {.frame_bytes = UINT64_MAX, .command_bytes = UINT64_MAX};
    assert_int_equal(decode_head(hex, &all, &head), ZMTP_DECODED);
    assert_int_equal(head.flags, wanted.flags);
    assert_int_equal(head.head_bytes, wanted.head_bytes);
    assert_int_equal(head.body_bytes, wanted.body_bytes);
}

static void assert_refused(const char *hex, const zmtp_frame_limits_t *limits, zmtp_result_t wanted)
{
    zmtp_frame_head_t head;
    assert_int_equal(decode_head(hex, limits, &head), wanted);
    zmtp_frame_reader_t r = {.limits = *limits};
    buffer_t wire = from_hex(hex);
    bytes_reader_t in = bytes_reader(buffer_bytes(&wire));
    zmtp_piece_t piece;
    for (int again = 0; again < 2; again++) {
        assert_int_equal(zmtp_frame_read(&r, &in, &piece), wanted);
        assert_int_equal(reader_left(&in), wire.len);
    }
    buffer_free(&wire);
}

/* ---- heads ---- */

static void a_head_is_flags_and_size(void **state)
{
    (void)state;
    assert_head("00 00", (zmtp_frame_head_t){0, 2, 0});
    assert_head("01 07", (zmtp_frame_head_t){ZMTP_MORE, 2, 7});
    assert_head("04 ff", (zmtp_frame_head_t){ZMTP_COMMAND, 2, 255});
    assert_head("02 0000000000000100", (zmtp_frame_head_t){0, 9, 256});
    assert_head("03 0102030405060708", (zmtp_frame_head_t){ZMTP_MORE, 9, 0x0102030405060708});
    assert_head("06 7fffffffffffffff", (zmtp_frame_head_t){ZMTP_COMMAND, 9, INT64_MAX});
}

static void a_long_head_may_have_a_small_size(void **state)
{
    (void)state;
    assert_head("02 0000000000000000", (zmtp_frame_head_t){0, 9, 0});
    assert_head("03 0000000000000005", (zmtp_frame_head_t){ZMTP_MORE, 9, 5});
    assert_head("06 00000000000000ff", (zmtp_frame_head_t){ZMTP_COMMAND, 9, 255});
}

static void a_head_waits_until_it_is_whole(void **state)
{
    (void)state;
    static const char *const heads[] = {"", "00", "04", "03", "03 00", "02 7fffffffffffff"};
    zmtp_frame_limits_t limits = LIMITS;
    zmtp_frame_head_t head;
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++)
        assert_int_equal(decode_head(heads[i], &limits, &head), ZMTP_INCOMPLETE);
}

/* ---- refusals ---- */

static void reserved_flags_are_refused_by_the_first_octet(void **state)
{
    (void)state;
    zmtp_frame_limits_t limits = LIMITS;
    for (unsigned flags = 0; flags < 256; flags++) {
        zmtp_frame_head_t head;
        uint8_t octet = (uint8_t)flags;
        zmtp_result_t wanted = flags & 0xf8 ? ZMTP_REFUSED_RESERVED_FLAGS
                               : (flags & ZMTP_COMMAND) && (flags & ZMTP_MORE)
                                   ? ZMTP_REFUSED_COMMAND_WITH_MORE
                                   : ZMTP_INCOMPLETE;
        assert_int_equal(zmtp_frame_head_decode(bytes_make(&octet, 1), &limits, &head), wanted);
    }
}

static void a_command_with_more_is_refused(void **state)
{
    (void)state;
    zmtp_frame_limits_t limits = LIMITS;
    assert_refused("05", &limits, ZMTP_REFUSED_COMMAND_WITH_MORE);
    assert_refused("07 0000000000000001 00", &limits, ZMTP_REFUSED_COMMAND_WITH_MORE);
}

static void a_2_0_peer_has_no_commands(void **state)
{
    (void)state;
    zmtp_frame_limits_t limits = LIMITS;
    limits.command_bytes = 0;
    assert_refused("04", &limits, ZMTP_REFUSED_COMMAND_IN_2_0);
    assert_refused("04 00", &limits, ZMTP_REFUSED_COMMAND_IN_2_0);
}

static void sizes_from_2_to_the_63_are_refused_whatever_the_limit(void **state)
{
    (void)state;
    zmtp_frame_limits_t limits = {.frame_bytes = UINT64_MAX, .command_bytes = UINT64_MAX};
    assert_refused("02 8000000000000000", &limits, ZMTP_REFUSED_SIZE_RESERVED);
    assert_refused("03 ffffffffffffffff", &limits, ZMTP_REFUSED_SIZE_RESERVED);
    assert_refused("06 8000000000000000", &limits, ZMTP_REFUSED_SIZE_RESERVED);
}

static void a_frame_over_the_limit_is_refused_before_its_body(void **state)
{
    (void)state;
    zmtp_frame_limits_t limits = {.frame_bytes = 300, .command_bytes = 20};
    assert_head("02 000000000000012c", (zmtp_frame_head_t){0, 9, 300});
    assert_refused("02 000000000000012d", &limits, ZMTP_REFUSED_FRAME_TOO_LARGE);
    assert_refused("03 0000010000000000", &limits, ZMTP_REFUSED_FRAME_TOO_LARGE); /* 1 TiB */
    assert_refused("02 7fffffffffffffff", &limits, ZMTP_REFUSED_FRAME_TOO_LARGE);
    assert_refused("04 15", &limits, ZMTP_REFUSED_COMMAND_TOO_LARGE);
    limits.frame_bytes = 0;
    assert_refused("00 01", &limits, ZMTP_REFUSED_FRAME_TOO_LARGE);
}

static void limits_themselves_are_allowed(void **state)
{
    (void)state;
    zmtp_frame_limits_t limits = {.frame_bytes = 300, .command_bytes = 20};
    zmtp_frame_head_t head;
    assert_int_equal(decode_head("02 000000000000012c", &limits, &head), ZMTP_DECODED);
    assert_int_equal(decode_head("04 14", &limits, &head), ZMTP_DECODED);
    limits.frame_bytes = 0;
    assert_int_equal(decode_head("00 00", &limits, &head), ZMTP_DECODED);
}

static void every_refusal_has_a_text_of_its_own(void **state)
{
    (void)state;
    for (zmtp_result_t r = ZMTP_INCOMPLETE + 1; r <= ZMTP_REFUSED_IDENTITY_MALFORMED; r++) {
        assert_true(zmtp_is_refusal(r) && strlen(zmtp_refusal_text(r)) > 0);
        for (zmtp_result_t other = ZMTP_INCOMPLETE + 1; other < r; other++)
            assert_string_not_equal(zmtp_refusal_text(r), zmtp_refusal_text(other));
    }
    assert_false(zmtp_is_refusal(ZMTP_DECODED) || zmtp_is_refusal(ZMTP_INCOMPLETE));
}

/* ---- reading ---- */

static void assert_piece(zmtp_frame_reader_t *r, bytes_reader_t *in, zmtp_piece_t wanted)
{
    zmtp_piece_t piece;
    assert_int_equal(zmtp_frame_read(r, in, &piece), ZMTP_DECODED);
    assert_int_equal(piece.flags, wanted.flags);
    assert_int_equal(piece.first, wanted.first);
    assert_int_equal(piece.last, wanted.last);
    assert_int_equal(piece.frame_bytes, wanted.frame_bytes);
    assert_octets(piece.octets, wanted.octets);
}

static void assert_waits(zmtp_frame_reader_t *r, bytes_t octets)
{
    zmtp_piece_t piece;
    bytes_reader_t in = bytes_reader(octets);
    assert_int_equal(zmtp_frame_read(r, &in, &piece), ZMTP_INCOMPLETE);
    assert_int_equal(reader_left(&in), octets.len);
}

static void a_small_frame_waits_until_it_is_whole(void **state)
{
    (void)state;
    zmtp_frame_reader_t r = {.limits = LIMITS};
    r.limits.whole_bytes = 5;
    for (size_t len = 0; len < 7; len++)
        assert_waits(&r, bytes_make("\1\5hello", len));
    bytes_reader_t in = bytes_reader(BYTES("\1\5hello"));
    assert_piece(&r, &in, (zmtp_piece_t){ZMTP_MORE, true, true, 5, BYTES("hello")});
    assert_true(reader_done(&in));
}

static void a_larger_frame_is_given_out_as_it_comes(void **state)
{
    (void)state;
    zmtp_frame_reader_t r = {.limits = LIMITS};
    r.limits.whole_bytes = 4;
    assert_waits(&r, BYTES("\1"));
    assert_waits(&r, BYTES("\1\5"));
    bytes_reader_t in = bytes_reader(BYTES("\1\5he"));
    assert_piece(&r, &in, (zmtp_piece_t){ZMTP_MORE, true, false, 5, BYTES("he")});
    assert_true(reader_done(&in));
    assert_waits(&r, BYTES(""));
    in = bytes_reader(BYTES("l"));
    assert_piece(&r, &in, (zmtp_piece_t){ZMTP_MORE, false, false, 5, BYTES("l")});
    in = bytes_reader(BYTES("lo\0\0"));
    assert_piece(&r, &in, (zmtp_piece_t){ZMTP_MORE, false, true, 5, BYTES("lo")});
    assert_piece(&r, &in, (zmtp_piece_t){0, true, true, 0, BYTES("")});
    assert_true(reader_done(&in));
}

static void a_command_is_never_in_pieces(void **state)
{
    (void)state;
    zmtp_frame_reader_t r = {.limits = LIMITS};
    r.limits.whole_bytes = 0, r.limits.piece_bytes = 1;
    assert_waits(&r, BYTES("\4\6\5READ"));
    bytes_reader_t in = bytes_reader(BYTES("\4\6\5READY"));
    assert_piece(&r, &in, (zmtp_piece_t){ZMTP_COMMAND, true, true, 6, BYTES("\5READY")});
}

static void pieces_are_as_small_as_the_caller_wants(void **state)
{
    (void)state;
    zmtp_frame_reader_t r = {.limits = LIMITS};
    r.limits.whole_bytes = 0, r.limits.piece_bytes = 2;
    bytes_reader_t in = bytes_reader(BYTES("\0\6abcdef"));
    assert_piece(&r, &in, (zmtp_piece_t){0, true, false, 6, BYTES("ab")});
    r.limits.piece_bytes = 1;
    assert_piece(&r, &in, (zmtp_piece_t){0, false, false, 6, BYTES("c")});
    r.limits.piece_bytes = 2;
    assert_piece(&r, &in, (zmtp_piece_t){0, false, false, 6, BYTES("de")});
    r.limits.piece_bytes = 0;
    assert_piece(&r, &in, (zmtp_piece_t){0, false, true, 6, BYTES("f")});
}

static void commands_stand_between_the_frames_of_a_message(void **state)
{
    (void)state;
    zmtp_frame_reader_t r = {.limits = LIMITS};
    bytes_reader_t in = bytes_reader(BYTES("\1\1a\4\5\4PONG\0\1b"));
    assert_piece(&r, &in, (zmtp_piece_t){ZMTP_MORE, true, true, 1, BYTES("a")});
    assert_piece(&r, &in, (zmtp_piece_t){ZMTP_COMMAND, true, true, 5, BYTES("\4PONG")});
    assert_piece(&r, &in, (zmtp_piece_t){0, true, true, 1, BYTES("b")});
    assert_true(reader_done(&in));
}

/* ---- writing ---- */

static void assert_head_written(uint8_t flags, uint64_t body_bytes, const char *hex)
{
    buffer_t b = {0};
    zmtp_write_frame_head(&b, flags, body_bytes);
    assert_int_equal(b.len, zmtp_frame_head_bytes(body_bytes));
    assert_head(hex, (zmtp_frame_head_t){flags, (uint8_t)b.len, body_bytes});
    assert_written(&b, hex);
}

static void long_is_written_above_255_only(void **state)
{
    (void)state;
    assert_head_written(0, 0, "00 00");
    assert_head_written(ZMTP_MORE, 255, "01 ff");
    assert_head_written(ZMTP_MORE, 256, "03 0000000000000100");
    assert_head_written(ZMTP_COMMAND, 255, "04 ff");
    assert_head_written(ZMTP_COMMAND, 256, "06 0000000000000100");
    assert_head_written(0, INT64_MAX, "02 7fffffffffffffff");
}

static void a_head_is_put_where_there_is_room_for_it(void **state)
{
    (void)state;
    uint8_t place[ZMTP_FRAME_HEAD_MOST_BYTES];
    assert_ptr_equal(zmtp_put_frame_head(place, ZMTP_MORE, 3), place + 2);
    assert_memory_equal(place, "\1\3", 2);
    assert_ptr_equal(zmtp_put_frame_head(place, 0, 1 << 20), place + 9);
    assert_memory_equal(place, "\2\0\0\0\0\0\x10\0\0", 9);
}

static void write_hello_frame(buffer_t *b)
{
    zmtp_write_frame(b, BYTES("hello"), true);
}

static void write_long_head(buffer_t *b)
{
    zmtp_write_frame_head(b, 0, 256);
}

static void a_frame_is_written_whole_or_not_at_all(void **state)
{
    (void)state;
    assert_fails_when_full(write_hello_frame, 7);
    assert_fails_when_full(write_long_head, 9);
    buffer_t b;
    buffer_init(&b, 8);
    write_u8(&b, 'x');
    write_hello_frame(&b);
    assert_false(b.failed);
    write_hello_frame(&b);
    assert_true(b.failed);
    assert_octets(buffer_bytes(&b), BYTES("x\1\5hello"));
    buffer_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_head_is_flags_and_size),
        cmocka_unit_test(a_long_head_may_have_a_small_size),
        cmocka_unit_test(a_head_waits_until_it_is_whole),
        cmocka_unit_test(reserved_flags_are_refused_by_the_first_octet),
        cmocka_unit_test(a_command_with_more_is_refused),
        cmocka_unit_test(a_2_0_peer_has_no_commands),
        cmocka_unit_test(sizes_from_2_to_the_63_are_refused_whatever_the_limit),
        cmocka_unit_test(a_frame_over_the_limit_is_refused_before_its_body),
        cmocka_unit_test(limits_themselves_are_allowed),
        cmocka_unit_test(every_refusal_has_a_text_of_its_own),
        cmocka_unit_test(a_small_frame_waits_until_it_is_whole),
        cmocka_unit_test(a_larger_frame_is_given_out_as_it_comes),
        cmocka_unit_test(a_command_is_never_in_pieces),
        cmocka_unit_test(pieces_are_as_small_as_the_caller_wants),
        cmocka_unit_test(commands_stand_between_the_frames_of_a_message),
        cmocka_unit_test(long_is_written_above_255_only),
        cmocka_unit_test(a_head_is_put_where_there_is_room_for_it),
        cmocka_unit_test(a_frame_is_written_whole_or_not_at_all),
    };
    return cmocka_run_group_tests_name("zmtp codec: frames", tests, NULL, NULL);
}
