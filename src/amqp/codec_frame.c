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

/* ---- frames whose sizes are known ---- */

static uint8_t *put_head(uint8_t *at, uint8_t type, uint16_t channel, size_t payload_bytes)
{
    return put_u32(put_u16(put_u8(at, type), channel), (uint32_t)payload_bytes);
}

static size_t header_payload_bytes(bytes_t properties)
{
    return AMQP_CONTENT_HEADER_LEAST_BYTES + properties.len;
}

static uint8_t *put_header(uint8_t *at, uint16_t channel, uint64_t body_bytes, bytes_t properties)
{
    at = put_head(at, AMQP_FRAME_HEADER, channel, header_payload_bytes(properties));
    at = put_u16(put_u16(at, CLASS_BASIC), 0); /* weight: always 0, AMQP 0-9-1 §4.2.6.1 */
    return put_u8(put_bytes(put_u64(at, body_bytes), properties), AMQP_FRAME_END);
}

static size_t deliver_payload_bytes(const amqp_basic_deliver_t *m)
{
    return 4 + 1 + m->consumer_tag.len + 8 + 1 + 1 + m->exchange.len + 1 + m->routing_key.len;
}

static uint8_t *put_deliver(uint8_t *at, uint16_t channel, const amqp_basic_deliver_t *m)
{
    at = put_head(at, AMQP_FRAME_METHOD, channel, deliver_payload_bytes(m));
    at = put_short_string(put_u32(at, AMQP_basic_deliver), m->consumer_tag);
    at = put_u8(put_u64(at, m->delivery_tag), m->redelivered);
    at = put_short_string(put_short_string(at, m->exchange), m->routing_key);
    return put_u8(at, AMQP_FRAME_END);
}

void amqp_write_delivery(buffer_t *b, uint16_t channel, const amqp_basic_deliver_t *m, bytes_t properties,
                         bytes_t body)
{
    assert(m->consumer_tag.len <= UINT8_MAX && m->exchange.len <= UINT8_MAX &&
           m->routing_key.len <= UINT8_MAX);
    assert(body.len > 0 && body.len <= UINT32_MAX);
    size_t bytes =
        3 * AMQP_FRAME_OVERHEAD + deliver_payload_bytes(m) + header_payload_bytes(properties) + body.len;
    if (!buffer_reserve(b, bytes))
        return;
    uint8_t *at = put_header(put_deliver(b->data + b->len, channel, m), channel, body.len, properties);
    at = put_bytes(put_head(at, AMQP_FRAME_BODY, channel, body.len), body);
    (void)put_u8(at, AMQP_FRAME_END);
    b->len += bytes;
}

void amqp_write_header(buffer_t *b, uint16_t channel, uint64_t body_bytes, bytes_t properties)
{
    size_t bytes = AMQP_FRAME_OVERHEAD + header_payload_bytes(properties);
    if (!buffer_reserve(b, bytes))
        return;
    (void)put_header(b->data + b->len, channel, body_bytes, properties);
    b->len += bytes;
}

void amqp_write_body_head(buffer_t *b, uint16_t channel, uint32_t payload_bytes)
{
    if (!buffer_reserve(b, AMQP_FRAME_HEAD_BYTES))
        return;
    (void)put_head(b->data + b->len, AMQP_FRAME_BODY, channel, payload_bytes);
    b->len += AMQP_FRAME_HEAD_BYTES;
}

void amqp_write_heartbeat(buffer_t *b)
{
    amqp_frame_end(b, amqp_frame_begin(b, AMQP_FRAME_HEARTBEAT, 0));
}
