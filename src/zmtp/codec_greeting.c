/* SPDX-License-Identifier: Apache-2.0
 *
 * codec_greeting.c: the greeting, of 3.0 and later and of 2.0.
 *
 *   at   octets
 *   0    10      signature: ff, padding:8, 7f
 *   10   1       major: 3; 0, 1 and 2 are ZMTP 2.0 (RFC 15 writes 1, and so do libzmq 3.2 and JeroMQ 0.3)
 *   11   1       minor: 1
 *   12   20      mechanism, filled up with zeros
 *   32   1       as-server
 *   33   31      filler
 *
 *   2.0: signature, revision:1 = 01, socket-type:1, and the first frame is the identity
 *
 * Valid if octet 0 is ff and the lowest bit of octet 9 is set: ZMTP 1.0 begins with a length, and if that is a long one
 * (ff and 8 octets) then flags, where that bit is clear, stand in octet 9.
 *
 * The idea: decoding is a pure function of the octets so far, so there is no state to get wrong; what has been
 * answered is one number that the caller keeps. */
#include <assert.h>

#include "zmtp/codec.h"

enum { LAST_OF_SIGNATURE_AT = 9, MAJOR_AT = 10, MINOR_AT = 11, SOCKET_TYPE_2_0_AT = 11, MECHANISM_AT = 12 };

#define MECHANISM_BYTES    20
#define AFTER_MECHANISM    32 /* as-server and filler */
#define OUR_MAJOR          3
#define OUR_MINOR          1
#define FIRST_OF_SIGNATURE 0xff

/* The padding is what libzmq sends: 1.0's length of an empty identity, flags included. */
static const uint8_t our_signature[ZMTP_SIGNATURE_BYTES] = {FIRST_OF_SIGNATURE, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f};

static const char mechanisms[][MECHANISM_BYTES] = {
    [ZMTP_MECHANISM_NULL] = "NULL",
    [ZMTP_MECHANISM_PLAIN] = "PLAIN",
    [ZMTP_MECHANISM_CURVE] = "CURVE",
};

/* ---- reading ---- */

/* RFC 37: the two mechanisms must match exactly, so the zeros count too. */
static zmtp_mechanism_t mechanism_find(const uint8_t *field)
{
    for (int m = ZMTP_MECHANISM_NULL; m <= ZMTP_MECHANISM_CURVE; m++)
        if (memcmp(field, mechanisms[m], MECHANISM_BYTES) == 0)
            return (zmtp_mechanism_t)m;
    return ZMTP_MECHANISM_UNKNOWN;
}

static bytes_t mechanism_name(const uint8_t *field)
{
    const uint8_t *zero = memchr(field, 0, MECHANISM_BYTES);
    return bytes_make(field, zero ? (size_t)(zero - field) : MECHANISM_BYTES);
}

static zmtp_result_t decode_2_0(bytes_t octets, zmtp_greeting_t *out)
{
    out->version = ZMTP_2_0;
    if (octets.len < ZMTP_GREETING_2_0_BYTES)
        return ZMTP_INCOMPLETE;
    out->stage = ZMTP_GREETING_WHOLE;
    out->mechanism = ZMTP_MECHANISM_NULL;
    out->bytes = ZMTP_GREETING_2_0_BYTES;
    out->socket_type = zmtp_socket_type_of_number(octets.data[SOCKET_TYPE_2_0_AT]);
    return out->socket_type == ZMTP_SOCKET_NONE ? ZMTP_REFUSED_SOCKET_TYPE_UNKNOWN : ZMTP_DECODED;
}

static zmtp_result_t decode_3(bytes_t octets, zmtp_greeting_t *out)
{
    if (octets.len < ZMTP_GREETING_BYTES)
        return ZMTP_INCOMPLETE;
    out->stage = ZMTP_GREETING_WHOLE;
    out->minor = octets.data[MINOR_AT];
    out->version = out->major == OUR_MAJOR && out->minor == 0 ? ZMTP_3_0 : ZMTP_3_1;
    out->mechanism = mechanism_find(octets.data + MECHANISM_AT);
    out->mechanism_name = mechanism_name(octets.data + MECHANISM_AT);
    out->bytes = ZMTP_GREETING_BYTES;
    return ZMTP_DECODED;
}

zmtp_result_t zmtp_greeting_decode(bytes_t octets, zmtp_greeting_t *out)
{
    *out = (zmtp_greeting_t){.stage = ZMTP_GREETING_AWAITED, .socket_type = ZMTP_SOCKET_NONE};
    if (octets.len == 0)
        return ZMTP_INCOMPLETE;
    if (octets.data[0] != FIRST_OF_SIGNATURE)
        return ZMTP_REFUSED_NOT_ZMTP;
    out->stage = ZMTP_GREETING_BEGUN;
    if (octets.len < ZMTP_SIGNATURE_BYTES)
        return ZMTP_INCOMPLETE;
    if (!(octets.data[LAST_OF_SIGNATURE_AT] & 1))
        return ZMTP_REFUSED_NOT_ZMTP;
    out->stage = ZMTP_GREETING_SIGNED;
    if (octets.len <= MAJOR_AT)
        return ZMTP_INCOMPLETE;
    out->stage = ZMTP_GREETING_VERSIONED;
    out->major = octets.data[MAJOR_AT];
    return out->major < OUR_MAJOR ? decode_2_0(octets, out) : decode_3(octets, out);
}

/* ---- writing ---- */

void zmtp_write_signature(buffer_t *b)
{
    write_bytes(b, bytes_make(our_signature, sizeof our_signature));
}

/* As-server is 0 in what every libzmq sends, servers too. */
static void write_rest(buffer_t *b, zmtp_mechanism_t ours)
{
    static const uint8_t zeros[AFTER_MECHANISM];
    write_u8(b, OUR_MINOR);
    write_bytes(b, bytes_make(mechanisms[ours], MECHANISM_BYTES));
    write_bytes(b, bytes_make(zeros, sizeof zeros));
}

void zmtp_greeting_answer(buffer_t *b, zmtp_greeting_stage_t answered, const zmtp_greeting_t *peer,
                          zmtp_mechanism_t ours)
{
    assert(ours != ZMTP_MECHANISM_UNKNOWN);
    if (answered < ZMTP_GREETING_BEGUN && peer->stage >= ZMTP_GREETING_BEGUN)
        zmtp_write_signature(b);
    if (answered < ZMTP_GREETING_SIGNED && peer->stage >= ZMTP_GREETING_SIGNED)
        write_u8(b, OUR_MAJOR);
    if (answered < ZMTP_GREETING_VERSIONED && peer->stage >= ZMTP_GREETING_VERSIONED &&
        peer->major >= OUR_MAJOR)
        write_rest(b, ours);
}

void zmtp_write_greeting_2_0(buffer_t *b, zmtp_socket_type_t ours)
{
    assert(ours != ZMTP_SOCKET_NONE);
    write_u8(b, (uint8_t)ours);
    zmtp_write_frame(b, BYTES(""), false);
}
