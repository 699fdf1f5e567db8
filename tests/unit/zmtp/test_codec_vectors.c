/* SPDX-License-Identifier: Apache-2.0
 *
 * test_codec_vectors.c: every frame that libzmq and JeroMQ were seen to send, whole, octet by octet and cut at each
 * position; and what we write is the same octets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "test_codec.h"
#include "vectors.h"

static size_t frames_count(const vector_t *v)
{
    size_t count = 0;
    while (count < FRAMES_OF_VECTOR && v->frames[count].body)
        count++;
    return count;
}

/* ---- what a connection has received so far ---- */

typedef struct taker {
    zmtp_frame_reader_t reader;
    buffer_t left; /* not taken yet, as the network room keeps it */
    buffer_t body; /* of the frame that is being read */
    const vector_t *vector;
    size_t frames; /* that are whole and were as wanted */
} taker_t;

static void take_piece(taker_t *t, const zmtp_piece_t *piece)
{
    assert_true(t->frames < frames_count(t->vector));
    const frame_vector_t *wanted = &t->vector->frames[t->frames];
    assert_int_equal(piece->flags, wanted->flags);
    assert_int_equal(piece->first, t->body.len == 0);
    write_bytes(&t->body, piece->octets);
    assert_int_equal(piece->last, t->body.len == piece->frame_bytes);
    if (!piece->last)
        return;
    buffer_t body = from_hex(wanted->body);
    assert_octets(buffer_bytes(&t->body), buffer_bytes(&body));
    buffer_free(&body);
    buffer_clear(&t->body);
    t->frames++;
}

static void take(taker_t *t, bytes_t octets)
{
    uint8_t *block;
    zmtp_piece_t piece;
    write_bytes(&t->left, octets);
    bytes_reader_t in = bytes_reader(exactly(buffer_bytes(&t->left), &block));
    zmtp_result_t result;
    while ((result = zmtp_frame_read(&t->reader, &in, &piece)) == ZMTP_DECODED)
        take_piece(t, &piece);
    assert_int_equal(result, ZMTP_INCOMPLETE);
    buffer_consume(&t->left, t->left.len - reader_left(&in));
    free(block);
}

/* Ends it: all frames have come, or, if `cut`, at least one has not. */
static void finish(taker_t *t, bool cut)
{
    if (cut)
        assert_true(t->frames < frames_count(t->vector));
    else
        assert_true(t->frames == frames_count(t->vector) && t->left.len == 0 && t->reader.left_bytes == 0);
    buffer_free(&t->left);
    buffer_free(&t->body);
}

/* With small frames whole or all in pieces: as many ways to read the same. */
static const uint64_t whole_bytes[] = {0, 5, UINT8_MAX, UINT64_MAX};

static void for_each_vector(void (*check)(const vector_t *v, bytes_t wire, zmtp_frame_limits_t limits))
{
    for (size_t i = 0; i < VECTORS_COUNT; i++) {
        buffer_t wire = from_hex(vectors[i].wire);
        for (size_t w = 0; w < sizeof whole_bytes / sizeof whole_bytes[0]; w++) {
            zmtp_frame_limits_t limits = LIMITS;
            limits.whole_bytes = whole_bytes[w];
            check(&vectors[i], buffer_bytes(&wire), limits);
        }
        buffer_free(&wire);
    }
}

/* ---- reading ---- */

static void check_whole(const vector_t *v, bytes_t wire, zmtp_frame_limits_t limits)
{
    taker_t t = {.reader = {.limits = limits}, .vector = v};
    take(&t, wire);
    finish(&t, false);
}

static void vectors_are_read_whole(void **state)
{
    (void)state;
    for_each_vector(check_whole);
}

static void check_octet_by_octet(const vector_t *v, bytes_t wire, zmtp_frame_limits_t limits)
{
    taker_t t = {.reader = {.limits = limits}, .vector = v};
    for (size_t i = 0; i < wire.len; i++)
        take(&t, bytes_make(wire.data + i, 1));
    finish(&t, false);
}

static void vectors_are_read_octet_by_octet(void **state)
{
    (void)state;
    for_each_vector(check_octet_by_octet);
}

static void check_cut(const vector_t *v, bytes_t wire, zmtp_frame_limits_t limits)
{
    for (size_t cut = 0; cut <= wire.len; cut++) {
        taker_t t = {.reader = {.limits = limits}, .vector = v};
        take(&t, bytes_make(wire.data, cut));
        take(&t, bytes_make(wire.data + cut, wire.len - cut));
        finish(&t, false);
    }
}

static void vectors_are_read_cut_at_each_position(void **state)
{
    (void)state;
    for_each_vector(check_cut);
}

static void check_prefix(const vector_t *v, bytes_t wire, zmtp_frame_limits_t limits)
{
    for (size_t len = 0; len < wire.len; len++) {
        taker_t t = {.reader = {.limits = limits}, .vector = v};
        take(&t, bytes_make(wire.data, len));
        finish(&t, true);
    }
}

static void what_is_cut_off_waits_for_the_rest(void **state)
{
    (void)state;
    for_each_vector(check_prefix);
}

static void check_pieces(const vector_t *v, bytes_t wire, zmtp_frame_limits_t limits)
{
    for (limits.piece_bytes = 1; limits.piece_bytes < 20; limits.piece_bytes++)
        check_whole(v, wire, limits);
}

static void pieces_of_any_size_make_the_same_frames(void **state)
{
    (void)state;
    for_each_vector(check_pieces);
}

/* ---- writing ---- */

static void vectors_are_written_as_they_were_seen(void **state)
{
    (void)state;
    for (size_t i = 0; i < VECTORS_COUNT; i++) {
        buffer_t b = {0};
        for (size_t f = 0; f < frames_count(&vectors[i]); f++) {
            const frame_vector_t *frame = &vectors[i].frames[f];
            buffer_t body = from_hex(frame->body);
            zmtp_write_frame_head(&b, frame->flags, body.len);
            write_bytes(&b, buffer_bytes(&body));
            buffer_free(&body);
        }
        assert_written(&b, vectors[i].wire);
    }
}

static void messages_are_written_as_they_were_seen(void **state)
{
    (void)state;
    for (size_t i = 0; i < VECTORS_COUNT; i++) {
        if (vectors[i].frames[0].flags & ZMTP_COMMAND)
            continue;
        buffer_t b = {0};
        for (size_t f = 0; f < frames_count(&vectors[i]); f++) {
            buffer_t body = from_hex(vectors[i].frames[f].body);
            zmtp_write_frame(&b, buffer_bytes(&body), vectors[i].frames[f].flags & ZMTP_MORE);
            buffer_free(&body);
        }
        assert_written(&b, vectors[i].wire);
    }
}

static void commands_are_written_as_they_were_seen(void **state)
{
    (void)state;
    for (size_t i = 0; i < VECTORS_COUNT; i++) {
        if (!(vectors[i].frames[0].flags & ZMTP_COMMAND))
            continue;
        buffer_t wire = from_hex(vectors[i].wire), b = {0};
        zmtp_command_t command = command_of(&wire);
        assert_true(command.id != ZMTP_COMMAND_UNKNOWN);
        zmtp_write_command(&b, command.id, command.data);
        assert_written(&b, vectors[i].wire);
        buffer_free(&wire);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors_are_read_whole),
        cmocka_unit_test(vectors_are_read_octet_by_octet),
        cmocka_unit_test(vectors_are_read_cut_at_each_position),
        cmocka_unit_test(what_is_cut_off_waits_for_the_rest),
        cmocka_unit_test(pieces_of_any_size_make_the_same_frames),
        cmocka_unit_test(vectors_are_written_as_they_were_seen),
        cmocka_unit_test(messages_are_written_as_they_were_seen),
        cmocka_unit_test(commands_are_written_as_they_were_seen),
    };
    return cmocka_run_group_tests_name("zmtp codec: vectors", tests, NULL, NULL);
}
