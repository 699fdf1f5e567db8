/* SPDX-License-Identifier: Apache-2.0
 *
 * content.c: octet i of body n is a hash of both, eight octets at a time. */
#include "sim/content.h"

#include "base/properties.h"
#include "base/table.h"
#include "base/text.h"

static uint64_t word_of(uint32_t id, uint64_t index)
{
    uint64_t z = ((uint64_t)id << 32 | (uint32_t)index) * 0x9e3779b97f4a7c15u;
    return z ^ (z >> 29);
}

static void fill(const content_spec_t *s, uint64_t from, uint8_t *out, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        uint64_t at = from + i;
        out[i] = (uint8_t)(word_of(s->id, at / 8) >> (at % 8 * 8));
    }
}

static void write_copy(const content_spec_t *s, buffer_t *headers)
{
    buffer_t keys = {0};
    write_u8(&keys, 'S');
    write_long_string(&keys, message_key(s->copy - 1u));
    field_t field = {'A', buffer_bytes(&keys)};
    table_put_field(headers, s->is_hidden ? BYTES("BCC") : BYTES("CC"), &field);
    buffer_free(&keys);
}

/* As they are sent, or as they arrive. */
static void write_properties(const content_spec_t *s, bool arrives, buffer_t *b)
{
    char name[16];
    buffer_t headers = {0};
    if (s->copy && !(s->is_hidden && arrives))
        write_copy(s, &headers);
    message_headers(s->headers, &headers);
    if (s->publisher) {
        text_format(name, sizeof name, "p%u", s->publisher);
        table_put_string(&headers, "x-publisher-id", bytes_string(name));
        table_put_long(&headers, "x-publisher-sequence", s->sequence);
    }
    bool has_headers = headers.len > 0;
    write_u16(b, (uint16_t)((has_headers ? PROPERTY_FLAG(PROPERTY_HEADERS) : 0) |
                            PROPERTY_FLAG(PROPERTY_DELIVERY_MODE) | PROPERTY_FLAG(PROPERTY_MESSAGE_ID)));
    if (has_headers)
        write_long_string(b, buffer_bytes(&headers));
    write_u8(b, s->persistent ? 2 : 1);
    text_format(name, sizeof name, "%u", s->id);
    write_short_string(b, bytes_string(name));
    buffer_free(&headers);
}

static message_t *append_body(message_t *m, const content_spec_t *s, uint32_t from, uint32_t len)
{
    uint8_t octets[1024];
    for (uint32_t done = 0; done < len;) {
        uint32_t part = len - done < sizeof octets ? len - done : (uint32_t)sizeof octets;
        fill(s, from + done, octets, part);
        m = message_append(m, bytes_make(octets, part), len);
        done += part;
    }
    return m;
}

message_t *content_message(const content_spec_t *s, uint32_t from, uint32_t len)
{
    buffer_t properties = {0};
    write_properties(s, false, &properties);
    message_t *m = message_new(object_name(exchange_object(s->exchange)), message_key(s->key),
                               buffer_bytes(&properties), len);
    buffer_free(&properties);
    return append_body(m, s, from, len);
}

message_t *content_part(const content_spec_t *s, uint32_t from, uint32_t len)
{
    bytes_t none = {0};
    return append_body(message_new(none, none, none, len), s, from, len);
}

bool content_id(const message_t *m, uint32_t *id)
{
    bytes_t text, properties = message_properties(m);
    uint64_t number;
    if (!properties_valid(properties) || !properties_get(properties, PROPERTY_MESSAGE_ID, &text) ||
        !text_parse_u64(text, &number) || number > UINT32_MAX)
        return false;
    *id = (uint32_t)number;
    return true;
}

/* The same with the number that a quorum queue adds to what was given back. */
static void add_count(buffer_t *properties, const field_t *count)
{
    buffer_t headers = {0}, sorted = {0}, with = {0};
    write_bytes(&headers, properties_headers(buffer_bytes(properties)));
    table_put_long(&headers, "x-delivery-count", field_integer(count));
    table_write_sorted(&sorted, buffer_bytes(&headers));
    properties_write_headers(&with, buffer_bytes(properties), buffer_bytes(&sorted));
    buffer_free(properties);
    buffer_free(&headers);
    buffer_free(&sorted);
    *properties = with;
}

static bool are_its_properties(const content_spec_t *s, const message_t *m)
{
    buffer_t properties = {0};
    field_t count;
    write_properties(s, true, &properties);
    if (table_find(properties_headers(message_properties(m)), BYTES("x-delivery-count"), &count))
        add_count(&properties, &count);
    bool same = bytes_equal(message_properties(m), buffer_bytes(&properties));
    buffer_free(&properties);
    return same;
}

const char *content_check_envelope(const content_spec_t *s, const message_t *m)
{
    if (!are_its_properties(s, m))
        return "other properties than it was published with";
    if (!bytes_equal(message_exchange(m), object_name(exchange_object(s->exchange))))
        return "another exchange than it was published to";
    if (!bytes_equal(message_routing_key(m), message_key(s->key)))
        return "another routing key than it was published with";
    if (message_body_bytes(m) != s->body_bytes)
        return "a body of another length than it was published with";
    return NULL;
}

bool content_check_body(const content_spec_t *s, uint64_t from, bytes_t octets)
{
    for (size_t i = 0; i < octets.len; i++) {
        uint64_t at = from + i;
        if (octets.data[i] != (uint8_t)(word_of(s->id, at / 8) >> (at % 8 * 8)))
            return false;
    }
    return true;
}
