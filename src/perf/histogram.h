/* SPDX-License-Identifier: Apache-2.0
 *
 * histogram.h: how often which value came, in 64 steps an octave: any 64-bit value, no more than 1.6 % off. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define HISTOGRAM_STEP_BITS 6
#define HISTOGRAM_STEPS     ((size_t)1 << HISTOGRAM_STEP_BITS)

typedef struct histogram {
    uint64_t total;
    uint64_t most;
    uint64_t count[HISTOGRAM_STEPS * (64 - HISTOGRAM_STEP_BITS + 1)];
} histogram_t;

void histogram_add(histogram_t *h, uint64_t value);
void histogram_merge(histogram_t *into, const histogram_t *from);

/* The value that `share` (0 to 1) of all values do not exceed: the upper end of its step, at most the greatest value
 * that came. 0 if none did. */
uint64_t histogram_at(const histogram_t *h, double share);
