/* SPDX-License-Identifier: Apache-2.0
 *
 * body.c: the pattern's length is a prime, so that a piece that got to another place shows. */
#include "perf/body.h"

#include <assert.h>

#include "base/alloc.h"

#define PATTERN_PERIOD 251

/* All octets of both halves. */
static uint8_t exclusive_or(uint64_t who, uint64_t when)
{
    uint64_t x = who ^ when;
    x ^= x >> 32;
    x ^= x >> 16;
    return (uint8_t)(x ^ x >> 8);
}

void stamp_write(uint8_t out[STAMP_BYTES], const stamp_t *s)
{
    assert(s->producer < 1 << 12 && s->key < 1 << 20 && s->at_ns < STAMP_AT_NS_LIMIT);
    uint64_t who = (uint64_t)s->producer << 52 | (uint64_t)s->key << 32 | s->number;
    uint64_t check = exclusive_or(who, s->at_ns) ^ STAMP_CHECK;
    put_u64(put_u64(out, who), check << 56 | s->at_ns);
}

bool stamp_read(const uint8_t in[STAMP_BYTES], stamp_t *out)
{
    uint64_t who = load_u64(in), when = load_u64(in + 8);
    *out = (stamp_t){.producer = (uint32_t)(who >> 52),
                     .key = (uint32_t)(who >> 32) & 0xfffff,
                     .number = (uint32_t)who,
                     .at_ns = when & (STAMP_AT_NS_LIMIT - 1)};
    return exclusive_or(who, when) == STAMP_CHECK;
}

void pattern_init(pattern_t *p, size_t body_bytes)
{
    assert(body_bytes >= STAMP_BYTES);
    size_t len = body_bytes + PATTERN_PERIOD;
    *p = (pattern_t){.octets = mem_alloc(len), .body_bytes = body_bytes};
    for (size_t i = 0; i < len; i++)
        p->octets[i] = (uint8_t)(i % PATTERN_PERIOD);
}

void pattern_deinit(pattern_t *p)
{
    mem_free(p->octets);
    *p = (pattern_t){0};
}

bytes_t pattern_of(const pattern_t *p, const stamp_t *s)
{
    size_t begin = (s->number * 7 + s->producer) % PATTERN_PERIOD;
    return bytes_make(p->octets + begin, p->body_bytes - STAMP_BYTES);
}

void body_begin(body_reader_t *r, const pattern_t *p, uint64_t body_bytes)
{
    *r = (body_reader_t){.pattern = p, .damaged = body_bytes != p->body_bytes};
}

/* The rest of `piece` behind what belongs to the stamp. */
static bytes_t take_stamp(body_reader_t *r, bytes_t piece)
{
    size_t missing = STAMP_BYTES - r->bytes, part = piece.len < missing ? piece.len : missing;
    memcpy(r->head + r->bytes, piece.data, part);
    r->bytes += part;
    if (part == missing) {
        r->damaged |= !stamp_read(r->head, &r->stamp);
        r->expected = pattern_of(r->pattern, &r->stamp);
    }
    return bytes_make(piece.data + part, piece.len - part);
}

void body_take(body_reader_t *r, bytes_t piece)
{
    if (r->bytes < STAMP_BYTES && piece.len > 0)
        piece = take_stamp(r, piece);
    if (piece.len == 0)
        return;
    if (r->damaged || !bytes_starts_with(r->expected, piece)) {
        r->damaged = true;
        return;
    }
    r->expected = bytes_make(r->expected.data + piece.len, r->expected.len - piece.len);
    r->bytes += piece.len;
}
