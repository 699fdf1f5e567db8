/* SPDX-License-Identifier: Apache-2.0
 *
 * codec_frame.c: frames.
 *
 *   flags:1   01 MORE, 02 LONG, 04 COMMAND; the others are reserved
 *   size:1    or size:8 if LONG; of the body
 *   body
 *
 * Valid if
 *   1. no reserved flag is set ("MUST be zero", RFC 37);
 *   2. MORE is not set on a command ("SHALL be zero on command frames");
 *   3. the size is below 2^63 ("0 to 2^63-1 octets"), and within the limits.
 * LONG with a size that one octet could hold is legal, and libzmq reads it; we and it write LONG for bodies over 255
 * octets only.
 *
 * The idea of the reader: small frames come whole, so that a topic, an envelope or a command can be looked at where
 * it lies; the octets of a large one are given out as they arrive, so that nothing is held but where we are. */
#include <assert.h>

#include "zmtp/codec.h"

#define KNOWN_FLAGS (ZMTP_MORE | ZMTP_LONG | ZMTP_COMMAND)
#define SHORT_BYTES 2
#define LONG_BYTES  ZMTP_FRAME_HEAD_MOST_BYTES

/* ---- heads ---- */

static zmtp_result_t check_flags(uint8_t flags, const zmtp_frame_limits_t *limits)
{
    if (flags & ~KNOWN_FLAGS)
        return ZMTP_REFUSED_RESERVED_FLAGS;
    if (!(flags & ZMTP_COMMAND))
        return ZMTP_DECODED;
    if (flags & ZMTP_MORE)
        return ZMTP_REFUSED_COMMAND_WITH_MORE;
    return limits->command_bytes == 0 ? ZMTP_REFUSED_COMMAND_IN_2_0 : ZMTP_DECODED;
}

static zmtp_result_t check_size(const zmtp_frame_head_t *head, const zmtp_frame_limits_t *limits)
{
    if (head->body_bytes > INT64_MAX)
        return ZMTP_REFUSED_SIZE_RESERVED;
    if (head->flags & ZMTP_COMMAND)
        return head->body_bytes > limits->command_bytes ? ZMTP_REFUSED_COMMAND_TOO_LARGE : ZMTP_DECODED;
    return head->body_bytes > limits->frame_bytes ? ZMTP_REFUSED_FRAME_TOO_LARGE : ZMTP_DECODED;
}

zmtp_result_t zmtp_frame_head_decode(bytes_t in, const zmtp_frame_limits_t *limits, zmtp_frame_head_t *out)
{
    *out = (zmtp_frame_head_t){0};
    if (in.len == 0)
        return ZMTP_INCOMPLETE;
    uint8_t flags = in.data[0];
    zmtp_result_t flags_are = check_flags(flags, limits);
    if (flags_are != ZMTP_DECODED)
        return flags_are;
    bool is_long = flags & ZMTP_LONG;
    size_t head_bytes = is_long ? LONG_BYTES : SHORT_BYTES;
    if (in.len < head_bytes)
        return ZMTP_INCOMPLETE;
    *out = (zmtp_frame_head_t){
        .flags = (uint8_t)(flags & ~ZMTP_LONG),
        .head_bytes = (uint8_t)head_bytes,
        .body_bytes = is_long ? load_u64(in.data + 1) : in.data[1],
    };
    return check_size(out, limits);
}

/* ---- reading ---- */

/* True if the frame waits until all of it is at hand. */
static bool comes_whole(const zmtp_frame_reader_t *r, const zmtp_frame_head_t *head)
{
    return (head->flags & ZMTP_COMMAND) || head->body_bytes <= r->limits.whole_bytes;
}

/* Gives out the next `len` octets of the frame. */
static zmtp_result_t give(zmtp_frame_reader_t *r, bytes_reader_t *in, uint64_t len, zmtp_piece_t *out)
{
    assert(len <= reader_left(in) && len <= r->left_bytes);
    *out = (zmtp_piece_t){
        .flags = r->head.flags,
        .first = r->left_bytes == r->head.body_bytes,
        .last = len == r->left_bytes,
        .frame_bytes = r->head.body_bytes,
        .octets = read_bytes(in, (size_t)len),
    };
    r->left_bytes -= len;
    return ZMTP_DECODED;
}

/* Goes on with a frame whose body is not waited for. */
static zmtp_result_t give_some(zmtp_frame_reader_t *r, bytes_reader_t *in, zmtp_piece_t *out)
{
    uint64_t len = reader_left(in);
    if (len == 0)
        return ZMTP_INCOMPLETE;
    if (len > r->left_bytes)
        len = r->left_bytes;
    if (r->limits.piece_bytes > 0 && len > r->limits.piece_bytes)
        len = r->limits.piece_bytes;
    return give(r, in, len, out);
}

zmtp_result_t zmtp_frame_read(zmtp_frame_reader_t *r, bytes_reader_t *in, zmtp_piece_t *out)
{
    if (r->left_bytes > 0)
        return give_some(r, in, out);

    zmtp_frame_head_t head;
    bytes_t rest = bytes_make(in->at, reader_left(in));
    zmtp_result_t head_is = zmtp_frame_head_decode(rest, &r->limits, &head);
    if (head_is != ZMTP_DECODED)
        return head_is;
    bool whole = comes_whole(r, &head);
    size_t body_at_hand = rest.len - head.head_bytes;
    if (body_at_hand < (whole ? head.body_bytes : 1))
        return ZMTP_INCOMPLETE;

    (void)read_bytes(in, head.head_bytes);
    r->head = head;
    r->left_bytes = head.body_bytes;
    return whole ? give(r, in, head.body_bytes, out) : give_some(r, in, out);
}

/* ---- writing ---- */

uint8_t *zmtp_put_frame_head(uint8_t *at, uint8_t flags, uint64_t body_bytes)
{
    assert(flags == 0 || flags == ZMTP_MORE || flags == ZMTP_COMMAND);
    assert(body_bytes <= INT64_MAX);
    if (body_bytes <= UINT8_MAX)
        return put_u8(put_u8(at, flags), (uint8_t)body_bytes);
    return put_u64(put_u8(at, flags | ZMTP_LONG), body_bytes);
}

void zmtp_write_frame_head(buffer_t *b, uint8_t flags, uint64_t body_bytes)
{
    size_t bytes = zmtp_frame_head_bytes(body_bytes);
    if (!buffer_reserve(b, bytes))
        return;
    (void)zmtp_put_frame_head(b->data + b->len, flags, body_bytes);
    b->len += bytes;
}

void zmtp_write_frame(buffer_t *b, bytes_t body, bool more)
{
    size_t bytes = zmtp_frame_head_bytes(body.len) + body.len;
    if (!buffer_reserve(b, bytes))
        return;
    (void)put_bytes(zmtp_put_frame_head(b->data + b->len, more ? ZMTP_MORE : 0, body.len), body);
    b->len += bytes;
}
