/* SPDX-License-Identifier: Apache-2.0
 *
 * stream.h: the messages of one producer and key as they come to one queue: which came, which are missing, which
 * came twice. Numbers count from 0. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct stream {
    uint32_t next;   /* all below came, or were given up */
    uint32_t lost;   /* of those */
    uint64_t *ahead; /* a bit for each number from `next` on, circular; NULL: none came ahead of another */
    size_t ahead_places; /* a power of two */
} stream_t;

/* A message may be so far ahead of one that is missing; then that one is given up. */
#define STREAM_AHEAD_MAX ((size_t)1 << 20)

/* Notes it; false if it came before. */
bool stream_take(stream_t *s, uint32_t number);

/* How many of the first `expected` never came. */
uint64_t stream_missing(const stream_t *s, uint64_t expected);

/* One above the highest that came, for when nobody knows what to expect. */
uint64_t stream_end(const stream_t *s);

void stream_deinit(stream_t *s);
