/* SPDX-License-Identifier: Apache-2.0
 *
 * bytes.c: comparing, reading and writing octets.
 *
 * A reader that fails jumps to its end, so that every later getter fails by the same length check. */
#include "base/bytes.h"

#include <assert.h>

#include "base/alloc.h"

#define BUFFER_LEAST_BYTES 64

int bytes_compare(bytes_t a, bytes_t b)
{
    size_t shared = a.len < b.len ? a.len : b.len;
    int order = shared == 0 ? 0 : memcmp(a.data, b.data, shared);
    if (order != 0)
        return order;
    return (a.len > b.len) - (a.len < b.len);
}

/* ---- UTF-8 ---- */

static bool is_ascii_8(const uint8_t *p)
{
    uint64_t word;
    memcpy(&word, p, sizeof word);
    return (word & UINT64_C(0x8080808080808080)) == 0;
}

/* The length of the well-formed sequence at `p` (`left` > 0 octets there), or 0.
 * RFC 3629 §4: only the second octet has ranges that depend on the first. */
static size_t utf8_sequence(const uint8_t *p, size_t left)
{
    uint8_t lead = p[0];
    if (lead < 0x80)
        return 1;
    size_t len = lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 0;
    if (len == 0 || left < len)
        return 0;
    uint8_t least = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80; /* no overlong forms */
    uint8_t most = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;  /* no surrogates, ≤ U+10FFFF */
    if (p[1] < least || p[1] > most)
        return 0;
    for (size_t i = 2; i < len; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    return len;
}

bool bytes_are_utf8(bytes_t b)
{
    size_t at = 0;
    while (at < b.len) {
        if (b.len - at >= 8 && is_ascii_8(b.data + at)) {
            at += 8;
            continue;
        }
        size_t len = utf8_sequence(b.data + at, b.len - at);
        if (len == 0)
            return false;
        at += len;
    }
    return true;
}

/* ---- reading ---- */

uint64_t read_varint(bytes_reader_t *r)
{
    uint64_t v = 0;
    const uint8_t *at = r->at, *end = r->failed ? at : r->end;
    for (unsigned shift = 0; at < end && shift < 64; shift += 7) {
        uint64_t bits = *at & 0x7f;
        if (bits << shift >> shift != bits)
            break;
        v |= bits << shift;
        if (*at++ & 0x80)
            continue;
        r->at = at;
        return v;
    }
    r->failed = true;
    r->at = r->end;
    return 0;
}

/* ---- writing ---- */

void buffer_init(buffer_t *b, size_t limit_bytes)
{
    *b = (buffer_t){.limit_bytes = limit_bytes};
}

void buffer_free(buffer_t *b)
{
    mem_free(b->data);
    *b = (buffer_t){.limit_bytes = b->limit_bytes};
}

void buffer_clear(buffer_t *b)
{
    b->len = 0;
    b->failed = false;
}

bool buffer_grow(buffer_t *b, size_t len)
{
    assert(b->len <= b->capacity);
    if (b->failed)
        return false;
    size_t most = b->limit_bytes ? b->limit_bytes : SIZE_MAX / 2;
    if (b->len > most || len > most - b->len) {
        b->failed = true;
        return false;
    }
    size_t capacity = b->capacity < BUFFER_LEAST_BYTES ? BUFFER_LEAST_BYTES : b->capacity * 2;
    if (capacity < b->len + len)
        capacity = b->len + len;
    if (capacity > most)
        capacity = most;
    b->data = mem_resize(b->data, capacity);
    b->capacity = capacity;
    return true;
}

void buffer_consume(buffer_t *b, size_t len)
{
    assert(len <= b->len);
    if (len == 0)
        return;
    memmove(b->data, b->data + len, b->len - len);
    b->len -= len;
}

void write_varint(buffer_t *b, uint64_t v)
{
    size_t bits = 64 - (size_t)__builtin_clzll(v | 1), len = (bits + 6) / 7;
    if (!buffer_reserve(b, len))
        return;
    uint8_t *at = b->data + b->len;
    for (; v >= 0x80; v >>= 7)
        *at++ = (uint8_t)(v | 0x80);
    *at = (uint8_t)v;
    b->len += len;
}

void write_short_string(buffer_t *b, bytes_t v)
{
    if (v.len > UINT8_MAX) {
        b->failed = true;
        return;
    }
    write_u8(b, (uint8_t)v.len);
    write_bytes(b, v);
}

void write_long_string(buffer_t *b, bytes_t v)
{
    if (v.len > UINT32_MAX) {
        b->failed = true;
        return;
    }
    write_u32(b, (uint32_t)v.len);
    write_bytes(b, v);
}

size_t write_length_u32(buffer_t *b)
{
    size_t mark = b->len;
    write_u32(b, 0);
    return mark;
}

void patch_length_u32(buffer_t *b, size_t mark)
{
    if (b->failed)
        return; /* the mark may lie behind what was written */
    assert(mark + 4 <= b->len);
    size_t len = b->len - mark - 4;
    if (len > UINT32_MAX) {
        b->failed = true;
        return;
    }
    for (size_t i = 4; i-- > 0; len >>= 8)
        b->data[mark + i] = (uint8_t)len;
}
