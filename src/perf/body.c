/* SPDX-License-Identifier: Apache-2.0
 *
 * body.c: the pattern's length is a prime, so that a piece that got to another place shows. */
#include "perf/body.h"

#include <assert.h>

#include "base/alloc.h"

#define PATTERN_PERIOD 251

void stamp_write(uint8_t out[STAMP_BYTES], const stamp_t *s)
{
    assert(s->producer < 1 << 12 && s->key < 1 << 20);
    put_u64(put_u64(out, (uint64_t)s->producer << 52 | (uint64_t)s->key << 32 | s->number), s->at_ns);
}

stamp_t stamp_read(const uint8_t in[STAMP_BYTES])
{
    bytes_reader_t r = bytes_reader(bytes_make(in, STAMP_BYTES));
    uint64_t who = read_u64(&r);
    return (stamp_t){.producer = (uint32_t)(who >> 52),
                     .key = (uint32_t)(who >> 32) & 0xfffff,
                     .number = (uint32_t)who,
                     .at_ns = read_u64(&r)};
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
        r->stamp = stamp_read(r->head);
        r->expected = pattern_of(r->pattern, &r->stamp);
    }
    return bytes_make(piece.data + part, piece.len - part);
}

void body_take(body_reader_t *r, bytes_t piece)
{
    if (r->bytes < STAMP_BYTES)
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
