/* SPDX-License-Identifier: Apache-2.0
 *
 * body.h: what is in a message, and whether it is still what it was.
 *
 *   octets 0 to 7     producer (12 bits), key (20 bits), number of the message among those of both (32 bits)
 *   octet 8           check: all 16 together, by exclusive or, are STAMP_CHECK
 *   octets 9 to 15    when it was published, nanoseconds of this machine's monotonic clock
 *   the rest          a repeating pattern that begins at a place that producer and number decide */
#pragma once

#include "base/bytes.h"

typedef struct stamp {
    uint32_t producer;
    uint32_t key;
    uint32_t number;
    uint64_t at_ns;
} stamp_t;

#define STAMP_BYTES       16
#define STAMP_CHECK       0xa5
#define STAMP_AT_NS_LIMIT ((uint64_t)1 << 56) /* two years of a machine */

void stamp_write(uint8_t out[STAMP_BYTES], const stamp_t *s);

/* False if it is not as it was written: any one octet that changed shows. */
bool stamp_read(const uint8_t in[STAMP_BYTES], stamp_t *out);

/* The pattern once for all bodies of one size: read-only, shared by all threads. */
typedef struct pattern {
    uint8_t *octets;
    size_t body_bytes;
} pattern_t;

void pattern_init(pattern_t *p, size_t body_bytes);
void pattern_deinit(pattern_t *p);

/* What follows the stamp in this message's body. */
bytes_t pattern_of(const pattern_t *p, const stamp_t *s);

/* Reads a body that comes in pieces. */
typedef struct body_reader {
    const pattern_t *pattern;
    uint8_t head[STAMP_BYTES];
    size_t bytes; /* that came so far */
    stamp_t stamp;
    bytes_t expected; /* of what is to come behind the stamp */
    bool damaged;
} body_reader_t;

void body_begin(body_reader_t *r, const pattern_t *p, uint64_t body_bytes);
void body_take(body_reader_t *r, bytes_t piece);
