/* SPDX-License-Identifier: Apache-2.0
 *
 * bytes.h: a view of octets, a reader that knows its end, and a growing buffer to write into.
 *
 * Everything a peer sends is read through bytes_reader_t. A getter past the end sets one sticky flag and
 * returns zeros; the caller asks reader_ok() once, before it uses anything. Numbers are big-endian, as on both
 * wires. Nothing here owns memory except buffer_t. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* A view: never owns. `data` may be NULL when `len` is 0. */
typedef struct bytes {
    const uint8_t *data;
    size_t len;
} bytes_t;

/* A view of a string literal, without its final NUL. */
#define BYTES(literal) ((bytes_t){(const uint8_t *)(literal), sizeof(literal) - 1})

static inline bytes_t bytes_make(const void *data, size_t len)
{
    return (bytes_t){(const uint8_t *)data, len};
}

/* A view of a NUL-terminated string. */
static inline bytes_t bytes_string(const char *s)
{
    return bytes_make(s, strlen(s));
}

static inline bool bytes_equal(bytes_t a, bytes_t b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

/* Orders octet by octet, the shorter first: <0, 0, >0. */
int bytes_compare(bytes_t a, bytes_t b);

static inline bool bytes_starts_with(bytes_t b, bytes_t prefix)
{
    return b.len >= prefix.len && (prefix.len == 0 || memcmp(b.data, prefix.data, prefix.len) == 0);
}

/* What stands behind the first `len` octets, of which there are so many. */
static inline bytes_t bytes_behind(bytes_t b, size_t len)
{
    return len > 0 ? bytes_make(b.data + len, b.len - len) : b; /* nothing may be added to NULL */
}

/* True if `b` is well-formed UTF-8 (RFC 3629: no overlong forms, no surrogates, at most U+10FFFF). */
bool bytes_are_utf8(bytes_t b);

/* ---- reading ---- */

typedef struct bytes_reader {
    const uint8_t *at;
    const uint8_t *end;
    bool failed;
} bytes_reader_t;

static inline bytes_reader_t bytes_reader(bytes_t b)
{
    return (bytes_reader_t){b.data, b.data ? b.data + b.len : NULL, false};
}

static inline bool reader_ok(const bytes_reader_t *r)
{
    return !r->failed;
}

static inline size_t reader_left(const bytes_reader_t *r)
{
    return (size_t)(r->end - r->at);
}

/* True if everything was read and nothing was missing. */
static inline bool reader_done(const bytes_reader_t *r)
{
    return !r->failed && r->at == r->end;
}

/* Big-endian numbers where their octets are known to be. */
static inline uint16_t load_u16(const uint8_t *p)
{
    return (uint16_t)((unsigned)p[0] << 8 | p[1]);
}

static inline uint32_t load_u32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline uint64_t load_u64(const uint8_t *p)
{
    return (uint64_t)load_u32(p) << 32 | load_u32(p + 4);
}

/* The next `len` octets, or NULL with the reader failed. */
static inline const uint8_t *reader_take(bytes_reader_t *r, size_t len)
{
    if (r->failed || reader_left(r) < len) {
        r->failed = true;
        r->at = r->end;
        return NULL;
    }
    const uint8_t *p = r->at;
    if (len > 0)
        r->at += len;
    return p;
}

static inline uint8_t read_u8(bytes_reader_t *r)
{
    const uint8_t *p = reader_take(r, 1);
    return p ? p[0] : 0;
}

static inline uint16_t read_u16(bytes_reader_t *r)
{
    const uint8_t *p = reader_take(r, 2);
    return p ? load_u16(p) : 0;
}

static inline uint32_t read_u32(bytes_reader_t *r)
{
    const uint8_t *p = reader_take(r, 4);
    return p ? load_u32(p) : 0;
}

static inline uint64_t read_u64(bytes_reader_t *r)
{
    const uint8_t *p = reader_take(r, 8);
    return p ? load_u64(p) : 0;
}

/* The next `len` octets as a view into the input. */
static inline bytes_t read_bytes(bytes_reader_t *r, size_t len)
{
    const uint8_t *p = reader_take(r, len);
    return p ? bytes_make(p, len) : (bytes_t){NULL, 0};
}

/* LEB128: seven bits an octet, lowest first, at most ten octets; fails past 64 bits. */
uint64_t read_varint(bytes_reader_t *r);

/* AMQP short string (one octet of length) and long string (four), as views into the input. */
static inline bytes_t read_short_string(bytes_reader_t *r)
{
    size_t len = read_u8(r);
    return read_bytes(r, len);
}

static inline bytes_t read_long_string(bytes_reader_t *r)
{
    size_t len = read_u32(r);
    return read_bytes(r, len);
}

/* ---- writing ---- */

/* A buffer that grows up to `limit_bytes`; past it, `failed` is set and nothing more is written.
 * Owner: who called buffer_init; buffer_free gives the memory back. A zeroed buffer_t is a valid empty one
 * without a limit. */
typedef struct buffer {
    uint8_t *data;
    size_t len;
    size_t capacity;
    size_t limit_bytes; /* 0: none */
    bool failed;
} buffer_t;

void buffer_init(buffer_t *b, size_t limit_bytes);

/* One over memory that is somebody else's: `bytes` octets, not 0; it never moves, and is not freed. */
static inline buffer_t buffer_over(void *memory, size_t bytes)
{
    return (buffer_t){.data = memory, .capacity = bytes, .limit_bytes = bytes};
}

void buffer_free(buffer_t *b);

/* Forgets the content, keeps the memory, clears `failed`. */
void buffer_clear(buffer_t *b);

/* Makes it larger for buffer_reserve. */
bool buffer_grow(buffer_t *b, size_t len);

/* Room for `len` more octets at data + len; false (and failed) past the limit. */
static inline bool buffer_reserve(buffer_t *b, size_t len)
{
    return (!b->failed && b->capacity - b->len >= len) || buffer_grow(b, len);
}

/* Drops the first `len` octets and moves the rest to the front. */
void buffer_consume(buffer_t *b, size_t len);

static inline bytes_t buffer_bytes(const buffer_t *b)
{
    return (bytes_t){b->data, b->len};
}

/* Big-endian, `count` octets. */
static inline void write_number(buffer_t *b, uint64_t v, size_t count)
{
    if (!buffer_reserve(b, count))
        return;
    for (size_t i = count; i-- > 0; v >>= 8)
        b->data[b->len + i] = (uint8_t)v;
    b->len += count;
}

static inline void write_u8(buffer_t *b, uint8_t v)
{
    write_number(b, v, 1);
}

static inline void write_u16(buffer_t *b, uint16_t v)
{
    write_number(b, v, 2);
}

static inline void write_u32(buffer_t *b, uint32_t v)
{
    write_number(b, v, 4);
}

static inline void write_u64(buffer_t *b, uint64_t v)
{
    write_number(b, v, 8);
}

static inline void write_bytes(buffer_t *b, bytes_t v)
{
    if (v.len == 0 || !buffer_reserve(b, v.len))
        return;
    memcpy(b->data + b->len, v.data, v.len);
    b->len += v.len;
}

/* The same at a place that has room; return the next place. */
static inline uint8_t *put_u8(uint8_t *at, uint8_t v)
{
    *at = v;
    return at + 1;
}

static inline uint8_t *put_u16(uint8_t *at, uint16_t v)
{
    return put_u8(put_u8(at, (uint8_t)(v >> 8)), (uint8_t)v);
}

static inline uint8_t *put_u32(uint8_t *at, uint32_t v)
{
    return put_u16(put_u16(at, (uint16_t)(v >> 16)), (uint16_t)v);
}

static inline uint8_t *put_u64(uint8_t *at, uint64_t v)
{
    return put_u32(put_u32(at, (uint32_t)(v >> 32)), (uint32_t)v);
}

/* Names and small bodies are most of what is copied: up to 16 octets go as two words that may overlap, without a call. */
static inline uint8_t *put_bytes(uint8_t *at, bytes_t v)
{
    uint64_t first, last;
    uint32_t first_half, last_half;
    if (v.len > 16) {
        memcpy(at, v.data, v.len);
    } else if (v.len >= 8) {
        memcpy(&first, v.data, 8), memcpy(&last, v.data + v.len - 8, 8);
        memcpy(at, &first, 8), memcpy(at + v.len - 8, &last, 8);
    } else if (v.len >= 4) {
        memcpy(&first_half, v.data, 4), memcpy(&last_half, v.data + v.len - 4, 4);
        memcpy(at, &first_half, 4), memcpy(at + v.len - 4, &last_half, 4);
    } else {
        for (size_t i = 0; i < v.len; i++)
            at[i] = v.data[i];
    }
    return at + v.len;
}

/* At most 255 octets. */
static inline uint8_t *put_short_string(uint8_t *at, bytes_t v)
{
    return put_bytes(put_u8(at, (uint8_t)v.len), v);
}

void write_varint(buffer_t *b, uint64_t v);

/* Short string: at most 255 octets, a longer one sets `failed`. */
void write_short_string(buffer_t *b, bytes_t v);
void write_long_string(buffer_t *b, bytes_t v);

/* Leaves room for a length that is known later: mark = write_length_u32(b); …; patch_length_u32(b, mark)
 * writes the number of octets that came after the four. */
size_t write_length_u32(buffer_t *b);
void patch_length_u32(buffer_t *b, size_t mark);
