/* SPDX-License-Identifier: Apache-2.0
 *
 * output.h: what one connection still has to send, in order: octets it owns and octets it was lent.
 *
 * The session writes, the network room drains by gather writes. Lent octets (large message bodies) must stay valid
 * until output_sent() has passed the offset they ended at; the session remembers such offsets and gives loans back.
 * Memory is held only while something waits: an empty output owns no chunk. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

typedef struct output output_t;

/* One piece for a gather write; the layout of struct iovec, which this room must not name. */
typedef struct output_piece {
    const void *data;
    size_t len;
} output_piece_t;

output_t *output_new(void);
void output_free(output_t **o);

/* A place to write at least `len` contiguous octets at the end; output_commit says how many were written. */
uint8_t *output_reserve(output_t *o, size_t len);
void output_commit(output_t *o, size_t len);

/* Copies octets in. */
void output_write(output_t *o, bytes_t b);

/* Puts octets in without copying them. */
void output_lend(output_t *o, bytes_t b);

/* Octets ever put in, and ever drained: monotonic, so that a session can compare offsets. */
uint64_t output_written(const output_t *o);
uint64_t output_sent(const output_t *o);

/* Octets waiting. */
static inline uint64_t output_waiting(const output_t *o)
{
    return output_written(o) - output_sent(o);
}

/* Drainer: fills up to `max` pieces from the front; returns how many. */
size_t output_gather(const output_t *o, output_piece_t *pieces, size_t max);

/* Drainer: the first `len` octets are on their way. */
void output_drain(output_t *o, size_t len);

/* Drops everything that waits (the peer is gone); the offsets count it as sent. */
void output_drop(output_t *o);
