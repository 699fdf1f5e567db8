/* SPDX-License-Identifier: Apache-2.0
 *
 * properties.c: stepping through the values that the flags announce.
 *
 *   flags: u16, bit 15 for the first property; then the values of those that are set, in their order:
 *   a short string, a long-string-like table, or one or eight octets
 *
 * Every step goes through a reader, so that octets which were never checked cannot lead out of them. */
#include "base/properties.h"

#include "base/table.h"

#define FLAG_CONTINUATION 1u

enum { SHORT_STRING = 0, TABLE = -1 }; /* else: the number of octets */

static const int8_t layouts[PROPERTY_COUNT] = {
    [PROPERTY_HEADERS] = TABLE,
    [PROPERTY_DELIVERY_MODE] = 1,
    [PROPERTY_PRIORITY] = 1,
    [PROPERTY_TIMESTAMP] = 8,
};

static bytes_t read_value(bytes_reader_t *r, property_t p)
{
    if (layouts[p] == SHORT_STRING)
        return read_short_string(r);
    if (layouts[p] == TABLE)
        return read_long_string(r);
    return read_bytes(r, (size_t)layouts[p]);
}

bool properties_valid(bytes_t properties)
{
    bytes_reader_t r = bytes_reader(properties);
    uint16_t flags = read_u16(&r);
    if (flags & FLAG_CONTINUATION)
        return false;
    for (property_t p = 0; flags >> 2 != 0 && p < PROPERTY_COUNT; p++) { /* mostly there are few, or none */
        if (!(flags & PROPERTY_FLAG(p)))
            continue;
        bytes_t value = read_value(&r, p);
        if (layouts[p] == TABLE && !table_valid(value))
            return false;
    }
    return reader_done(&r);
}

bool properties_has(bytes_t properties, property_t p)
{
    return (properties_flags(properties) & PROPERTY_FLAG(p)) != 0;
}

/* A reader behind the values before `p`; mostly there are few, or none. */
static bytes_reader_t seek(bytes_t properties, property_t p)
{
    bytes_reader_t r = bytes_reader(properties);
    unsigned before = read_u16(&r) & ~(0xffffu >> p);
    while (before != 0) {
        property_t first = (property_t)(__builtin_clz(before) - 16);
        (void)read_value(&r, first);
        before &= ~(unsigned)PROPERTY_FLAG(first);
    }
    return r;
}

bool properties_get(bytes_t properties, property_t p, bytes_t *value)
{
    if (!properties_has(properties, p))
        return false;
    bytes_reader_t r = seek(properties, p);
    bytes_t found = read_value(&r, p);
    if (!reader_ok(&r))
        return false;
    *value = found;
    return true;
}

bool properties_persistent(bytes_t properties)
{
    uint16_t flags = properties_flags(properties);
    if (!(flags & PROPERTY_FLAG(PROPERTY_DELIVERY_MODE)))
        return false; /* at once: asked of every message */
    bytes_reader_t r = bytes_reader(properties);
    (void)read_u16(&r);
    if (flags & PROPERTY_FLAG(PROPERTY_CONTENT_TYPE))
        (void)read_short_string(&r);
    if (flags & PROPERTY_FLAG(PROPERTY_CONTENT_ENCODING))
        (void)read_short_string(&r);
    if (flags & PROPERTY_FLAG(PROPERTY_HEADERS))
        (void)read_long_string(&r);
    return read_u8(&r) == 2;
}

bytes_t properties_headers(bytes_t properties)
{
    bytes_t headers = {NULL, 0};
    (void)properties_get(properties, PROPERTY_HEADERS, &headers);
    return headers;
}

void properties_write_headers(buffer_t *b, bytes_t properties, bytes_t headers)
{
    bytes_reader_t r = seek(properties, PROPERTY_HEADERS);
    bytes_t before = {NULL, 0};
    if (reader_ok(&r) && properties.len >= 2)
        before = bytes_make(properties.data + 2, properties.len - 2 - reader_left(&r));
    if (properties_has(properties, PROPERTY_HEADERS))
        (void)read_value(&r, PROPERTY_HEADERS);
    bytes_t behind = read_bytes(&r, reader_left(&r));

    uint16_t flags = properties_flags(properties) & (uint16_t)~PROPERTY_FLAG(PROPERTY_HEADERS);
    write_u16(b, headers.len > 0 ? flags | PROPERTY_FLAG(PROPERTY_HEADERS) : flags);
    write_bytes(b, before);
    if (headers.len > 0)
        write_long_string(b, headers);
    write_bytes(b, behind);
}

void properties_write_reply(buffer_t *b, bytes_t properties, bytes_t reply_to, bytes_t correlation_id)
{
    bytes_reader_t r = bytes_reader(properties);
    uint16_t flags = read_u16(&r), of_reply = PROPERTY_FLAG(PROPERTY_REPLY_TO);
    bool replies = reply_to.len > 0;
    write_u16(b, replies ? flags | of_reply | PROPERTY_FLAG(PROPERTY_CORRELATION_ID) : flags & ~of_reply);
    for (property_t p = 0; p < PROPERTY_COUNT; p++) {
        const uint8_t *begin = r.at;
        if (flags & PROPERTY_FLAG(p))
            (void)read_value(&r, p);
        if (p == PROPERTY_REPLY_TO && replies)
            write_short_string(b, reply_to);
        else if (p == PROPERTY_CORRELATION_ID && replies)
            write_short_string(b, correlation_id);
        else if (p == PROPERTY_REPLY_TO)
            continue;
        else if (r.at > begin)
            write_bytes(b, bytes_make(begin, (size_t)(r.at - begin)));
    }
}
