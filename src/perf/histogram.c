/* SPDX-License-Identifier: Apache-2.0
 *
 * histogram.c: small values have a step each; above that the step is the exponent and the six bits behind the leading
 * one. */
#include "perf/histogram.h"

static size_t step_of(uint64_t value)
{
    if (value < HISTOGRAM_STEPS)
        return (size_t)value;
    unsigned exponent = 63 - (unsigned)__builtin_clzll(value);
    unsigned shift = exponent - HISTOGRAM_STEP_BITS;
    return (shift + 1) * HISTOGRAM_STEPS + (size_t)(value >> shift) - HISTOGRAM_STEPS;
}

static uint64_t end_of_step(size_t step)
{
    if (step < HISTOGRAM_STEPS)
        return step;
    unsigned shift = (unsigned)(step / HISTOGRAM_STEPS) - 1;
    uint64_t first = (uint64_t)(HISTOGRAM_STEPS + step % HISTOGRAM_STEPS) << shift;
    return first + (((uint64_t)1 << shift) - 1);
}

void histogram_add(histogram_t *h, uint64_t value)
{
    h->count[step_of(value)]++;
    h->total++;
    if (value > h->most)
        h->most = value;
}

void histogram_merge(histogram_t *into, const histogram_t *from)
{
    for (size_t i = 0; i < sizeof into->count / sizeof *into->count; i++)
        into->count[i] += from->count[i];
    into->total += from->total;
    if (from->most > into->most)
        into->most = from->most;
}

uint64_t histogram_at(const histogram_t *h, double share)
{
    double part = (double)h->total * share;
    uint64_t wanted = (uint64_t)part, seen = 0;
    wanted += (double)wanted < part;
    for (size_t i = 0; i < sizeof h->count / sizeof *h->count; i++) {
        seen += h->count[i];
        if (seen > 0 && seen >= wanted) {
            uint64_t end = end_of_step(i);
            return end < h->most ? end : h->most;
        }
    }
    return h->most;
}
