/* SPDX-License-Identifier: Apache-2.0
 *
 * spans.h: where entries of a queue are in the log, in few octets: for pages of a deep queue in memory, and for checkpoints
 * in the log. Pure.
 *
 * A row of tokens says, position after position, what is there. A token is a varint (LEB128) n × 4 + kind:
 *
 *   kind 0  gap     nothing at the next n positions
 *   kind 1  run     n entries: their records are those behind the last one's, one after the other
 *   kind 2  entry   one; its record is the last one's plus n, zigzag (0, -1, 1, -2, …); before the first it is 0
 *   kind 3  column  what holds for the entries from here on, n being bits: 1 redelivered; 2 not durable (spilled);
 *                   4 a varint follows: how often it was given back. Other bits are for columns to come: not known yet.
 *
 * The messages of one queue mostly have records one after the other, or nearly: an entry takes an octet or less. */
#pragma once

#include "base/bytes.h"
#include "model/record.h"

enum span_flag { SPAN_REDELIVERED = 1 << 0, SPAN_SPILLED = 1 << 1, SPAN_RETURNS = 1 << 2 };

/* Positions in a row that are alike. */
typedef struct span {
    uint64_t count;
    record_no first; /* of the first, the others' follow; 0: a gap */
    uint8_t flags;   /* SPAN_REDELIVERED, SPAN_SPILLED */
    uint16_t returns;
} span_t;

/* Zeroed but for `out`, it is ready. */
typedef struct span_writer {
    buffer_t *out;
    span_t open; /* not written yet; count 0: none */
    record_no last;
    uint8_t flags; /* as written */
    uint16_t returns;
} span_writer_t;

/* Adds `count` positions, at least one, with nothing, or with entries whose records are `first` and those behind it. */
void spans_put_gap(span_writer_t *w, uint64_t count);
void spans_put(span_writer_t *w, record_no first, uint64_t count, uint8_t flags, uint16_t returns);
/* After the last: a gap at the end is not written. */
void spans_end(span_writer_t *w);

/* Zeroed but for `in`, it is at the beginning. */
typedef struct span_reader {
    bytes_reader_t in;
    record_no last;
    uint8_t flags;
    uint16_t returns;
} span_reader_t;

/* False at the end, or (then the reader has failed) if what is there is no token. */
bool spans_next(span_reader_t *r, span_t *out);
