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

static uint8_t *put_head(uint8_t *at, uint8_t type, uint16_t channel, uint32_t payload_bytes)
{
    return put_u32(put_u16(put_u8(at, type), channel), payload_bytes);
}

/* Room for a frame whose payload has a known size; NULL if there is none. */
static uint8_t *begin_sized(buffer_t *b, uint8_t type, uint16_t channel, size_t payload_bytes)
{
    assert(payload_bytes <= UINT32_MAX);
    if (!buffer_reserve(b, AMQP_FRAME_OVERHEAD + payload_bytes))
        return NULL;
    return put_head(b->data + b->len, type, channel, (uint32_t)payload_bytes);
}

static void end_sized(buffer_t *b, uint8_t *at)
{
    at = put_u8(at, AMQP_FRAME_END);
    b->len = (size_t)(at - b->data);
}

void amqp_write_deliver(buffer_t *b, uint16_t channel, const amqp_basic_deliver_t *m)
{
    assert(m->consumer_tag.len <= UINT8_MAX && m->exchange.len <= UINT8_MAX &&
           m->routing_key.len <= UINT8_MAX);
    size_t payload_bytes = 4 + 1 + m->consumer_tag.len + 8 + 1 + 1 + m->exchange.len + 1 + m->routing_key.len;
    uint8_t *at = begin_sized(b, AMQP_FRAME_METHOD, channel, payload_bytes);
    if (!at)
        return;
    at = put_short_string(put_u32(at, AMQP_basic_deliver), m->consumer_tag);
    at = put_u8(put_u64(at, m->delivery_tag), m->redelivered);
    at = put_short_string(put_short_string(at, m->exchange), m->routing_key);
    end_sized(b, at);
}

void amqp_write_header(buffer_t *b, uint16_t channel, uint64_t body_bytes, bytes_t properties)
{
    uint8_t *at = begin_sized(b, AMQP_FRAME_HEADER, channel, 2 + 2 + 8 + properties.len);
    if (!at)
        return;
    at = put_u16(put_u16(at, CLASS_BASIC), 0); /* weight: always 0, AMQP 0-9-1 §4.2.6.1 */
    end_sized(b, put_bytes(put_u64(at, body_bytes), properties));
}

void amqp_write_body_head(buffer_t *b, uint16_t channel, uint32_t payload_bytes)
{
    if (buffer_reserve(b, AMQP_FRAME_HEAD_BYTES))
        b->len = (size_t)(put_head(b->data + b->len, AMQP_FRAME_BODY, channel, payload_bytes) - b->data);
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
