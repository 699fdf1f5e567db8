/* SPDX-License-Identifier: Apache-2.0
 *
 * codec_frame.c: frames, and the content header that is the payload of one kind of them.
 *
 *   frame             type:o channel:s size:l payload[size] end:o = 0xCE
 *   content header    class:s weight:s body-size:L properties…, where properties begin with flags:s
 *   heartbeat         type 8, channel 0, no payload
 *
 * The size of a frame counts its payload only. Sizes of what is written are patched when the frame ends.
 * Which sizes, channels and end octets a peer may send is for the session to judge; here a head is just taken
 * apart. */
#include <assert.h>

#include "amqp/codec.h"

#define CLASS_BASIC AMQP_CLASS_OF(AMQP_basic_publish) /* the only class that bears content */

amqp_frame_head_t amqp_frame_head_decode(const uint8_t *octets)
{
    bytes_reader_t r = bytes_reader(bytes_make(octets, AMQP_FRAME_HEAD_BYTES));
    amqp_frame_head_t head = {.type = read_u8(&r)};
    head.channel = read_u16(&r);
    head.payload_bytes = read_u32(&r);
    assert(reader_done(&r));
    return head;
}

size_t amqp_frame_begin(buffer_t *b, uint8_t type, uint16_t channel)
{
    write_u8(b, type);
    write_u16(b, channel);
    return write_length_u32(b);
}

void amqp_frame_end(buffer_t *b, size_t mark)
{
    patch_length_u32(b, mark);
    write_u8(b, AMQP_FRAME_END);
}

void amqp_write_method(buffer_t *b, uint16_t channel, amqp_method_id id, const void *method)
{
    size_t mark = amqp_frame_begin(b, AMQP_FRAME_METHOD, channel);
    amqp_method_encode(b, id, method);
    amqp_frame_end(b, mark);
}

void amqp_write_header(buffer_t *b, uint16_t channel, uint64_t body_bytes, bytes_t properties)
{
    size_t mark = amqp_frame_begin(b, AMQP_FRAME_HEADER, channel);
    write_u16(b, CLASS_BASIC);
    write_u16(b, 0); /* weight: always 0, AMQP 0-9-1 §4.2.6.1 */
    write_u64(b, body_bytes);
    write_bytes(b, properties);
    amqp_frame_end(b, mark);
}

void amqp_write_body_head(buffer_t *b, uint16_t channel, uint32_t payload_bytes)
{
    write_u8(b, AMQP_FRAME_BODY);
    write_u16(b, channel);
    write_u32(b, payload_bytes);
}

void amqp_write_heartbeat(buffer_t *b)
{
    amqp_frame_end(b, amqp_frame_begin(b, AMQP_FRAME_HEARTBEAT, 0));
}

bool amqp_content_header_decode(bytes_t payload, amqp_content_header_t *out)
{
    bytes_reader_t r = bytes_reader(payload);
    out->class_id = read_u16(&r);
    out->weight = read_u16(&r);
    out->body_bytes = read_u64(&r);
    out->properties = read_bytes(&r, reader_left(&r));
    return reader_done(&r);
}
