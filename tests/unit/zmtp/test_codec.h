/* SPDX-License-Identifier: Apache-2.0
 *
 * test_codec.h: what the tests of the codec share: octets written as hex, and blocks of exactly their size. After
 * <cmocka.h>. */
#pragma once

#include <ctype.h>
#include <stdlib.h>

#include "zmtp/codec.h"

/* Limits under which everything of the vectors may come, frames up to 255 octets whole. */
#define LIMITS                                                                                               \
    ((zmtp_frame_limits_t){.frame_bytes = 64 << 20, .command_bytes = 16 << 10, .whole_bytes = UINT8_MAX})

static inline uint8_t hex_digit(char c)
{
    assert_true(isxdigit((unsigned char)c));
    return (uint8_t)(isdigit((unsigned char)c) ? c - '0' : tolower((unsigned char)c) - 'a' + 10);
}

/* Appends "ff 00*7 01": octets in hex, spaces between them mean nothing, *n repeats the octet before it (n times in
 * all). */
static inline void write_hex(buffer_t *b, const char *hex)
{
    uint8_t octet = 0;
    while (*hex) {
        if (*hex == ' ') {
            hex++;
        } else if (*hex == '*') {
            char *end;
            for (unsigned long times = strtoul(hex + 1, &end, 10); times > 1; times--)
                write_u8(b, octet);
            hex = end;
        } else {
            octet = (uint8_t)(hex_digit(hex[0]) << 4 | hex_digit(hex[1]));
            write_u8(b, octet);
            hex += 2;
        }
    }
    assert_false(b->failed);
}

/* The octets of `hex`, to be freed with buffer_free. */
static inline buffer_t from_hex(const char *hex)
{
    buffer_t b = {0};
    write_hex(&b, hex);
    return b;
}

/* A copy that ends where its block ends, so that the sanitizer sees a read past the end, of nothing too. The caller
 * frees *block. */
static inline bytes_t exactly(bytes_t octets, uint8_t **block)
{
    *block = malloc(1 + octets.len);
    assert_non_null(*block);
    if (octets.len > 0)
        memcpy(*block + 1, octets.data, octets.len);
    return bytes_make(*block + 1, octets.len);
}

static inline void assert_octets(bytes_t is, bytes_t wanted)
{
    assert_int_equal(is.len, wanted.len);
    if (wanted.len > 0)
        assert_memory_equal(is.data, wanted.data, wanted.len);
}

/* `b` holds exactly `hex`; frees it. */
static inline void assert_written(buffer_t *b, const char *hex)
{
    buffer_t wanted = from_hex(hex);
    assert_false(b->failed);
    assert_octets(buffer_bytes(b), buffer_bytes(&wanted));
    buffer_free(&wanted);
    buffer_free(b);
}

/* The body of the one frame, whole, that `b` holds. */
static inline bytes_t body_of(const buffer_t *b, uint8_t flags)
{
    zmtp_frame_reader_t r = {
        .limits = {.frame_bytes = SIZE_MAX, .command_bytes = SIZE_MAX, .whole_bytes = SIZE_MAX}};
    bytes_reader_t in = bytes_reader(buffer_bytes(b));
    zmtp_piece_t piece;
    assert_int_equal(zmtp_frame_read(&r, &in, &piece), ZMTP_DECODED);
    assert_true(piece.first && piece.last && reader_done(&in));
    assert_int_equal(piece.flags, flags);
    return piece.octets;
}

static inline zmtp_command_t command_of(const buffer_t *b)
{
    zmtp_command_t command;
    assert_int_equal(zmtp_command_decode(body_of(b, ZMTP_COMMAND), &command), ZMTP_DECODED);
    return command;
}

/* Runs `write` against buffers that are too small by any number of octets: each says so and none is overrun. */
static inline void assert_fails_when_full(void (*write)(buffer_t *b), size_t bytes)
{
    for (size_t limit = 1; limit < bytes; limit++) {
        buffer_t b;
        buffer_init(&b, limit);
        write(&b);
        assert_true(b.failed && b.len <= limit);
        buffer_free(&b);
    }
    buffer_t b;
    buffer_init(&b, bytes);
    write(&b);
    assert_false(b.failed);
    assert_int_equal(b.len, bytes);
    buffer_free(&b);
}
