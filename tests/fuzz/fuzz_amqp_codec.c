/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_amqp_codec.c: octets as a sequence of frames. Whatever decodes must encode, and what we encoded must
 * decode to the same again: encode(decode(x)) is a fixed point, though x itself may differ from it (unused
 * places of bits). Every payload is decoded in a block of its own size, so that a read past its end is seen.
 */
#include <assert.h>
#include <stdlib.h>

#include "amqp/codec.h"
#include "base/properties.h"

#define TEXT_BYTES 100

/* Decodes what we encoded ourselves and encodes it again into `out`. */
static void encode_again(bytes_t payload, buffer_t *out)
{
    bytes_reader_t r = bytes_reader(payload);
    amqp_method_id id = read_u32(&r);
    const amqp_method_info_t *info = amqp_method_find(id);
    assert(reader_ok(&r) && info);
    amqp_method_t method;
    amqp_decoded_t decoded = amqp_method_decode(info, read_bytes(&r, reader_left(&r)), &method);
    assert(decoded == AMQP_DECODED);
    amqp_method_encode(out, id, &method);
    assert(!out->failed);
}

static void try_method(bytes_t payload)
{
    bytes_reader_t r = bytes_reader(payload);
    amqp_method_id id = read_u32(&r);
    const amqp_method_info_t *info = amqp_method_find(id);
    if (!reader_ok(&r) || !info)
        return;
    assert(strchr(amqp_method_name(info), '.'));
    amqp_method_t method;
    if (amqp_method_decode(info, read_bytes(&r, reader_left(&r)), &method) != AMQP_DECODED)
        return;
    buffer_t once = {0}, twice = {0};
    amqp_method_encode(&once, id, &method);
    assert(!once.failed && once.len == payload.len);
    encode_again(buffer_bytes(&once), &twice);
    assert(bytes_equal(buffer_bytes(&once), buffer_bytes(&twice)));
    buffer_free(&once);
    buffer_free(&twice);
}

static void try_content_header(bytes_t payload, uint16_t channel)
{
    amqp_content_header_t header;
    if (!amqp_content_header_decode(payload, &header) || header.class_id != 60 || header.weight != 0)
        return;
    if (properties_valid(header.properties))
        (void)properties_persistent(header.properties);
    buffer_t b = {0};
    amqp_write_header(&b, channel, header.body_bytes, header.properties);
    assert(!b.failed && b.len == payload.len + AMQP_FRAME_OVERHEAD);
    amqp_frame_head_t head = amqp_frame_head_decode(b.data);
    assert(head.type == AMQP_FRAME_HEADER && head.channel == channel && head.payload_bytes == payload.len);
    assert(bytes_equal(bytes_make(b.data + AMQP_FRAME_HEAD_BYTES, payload.len), payload));
    buffer_free(&b);
}

/* Into every room up to TEXT_BYTES, the length taken from the octets themselves. */
static void try_texts(bytes_t payload)
{
    size_t room = 1 + (payload.len > 0 ? payload.data[payload.len - 1] : 0u) % TEXT_BYTES;
    char *text = malloc(room);
    assert(text);
    amqp_describe_octets(payload, text, room);
    assert(strlen(text) < room && bytes_are_utf8(bytes_string(text)));
    amqp_render_binary(payload, text, room);
    assert(strlen(text) < room);
    free(text);
}

static void try_payload(amqp_frame_head_t head, bytes_t octets)
{
    uint8_t *block = malloc(octets.len > 0 ? octets.len : 1);
    assert(block);
    if (octets.len > 0)
        memcpy(block, octets.data, octets.len);
    bytes_t payload = bytes_make(block, octets.len);
    try_texts(payload);
    if (head.type == AMQP_FRAME_METHOD)
        try_method(payload);
    if (head.type == AMQP_FRAME_HEADER)
        try_content_header(payload, head.channel);
    free(block);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    bytes_reader_t r = bytes_reader(bytes_make(data, len));
    while (reader_left(&r) >= AMQP_FRAME_HEAD_BYTES) {
        amqp_frame_head_t head = amqp_frame_head_decode(read_bytes(&r, AMQP_FRAME_HEAD_BYTES).data);
        size_t payload_bytes = head.payload_bytes < reader_left(&r) ? head.payload_bytes : reader_left(&r);
        try_payload(head, read_bytes(&r, payload_bytes));
        if (reader_left(&r) > 0 && read_u8(&r) != AMQP_FRAME_END)
            break;
    }
    return 0;
}
