/* SPDX-License-Identifier: Apache-2.0
 *
 * sim_random.h: the simulator's dice: xorshift64*, the same numbers for the same seed everywhere. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

typedef struct sim_random {
    uint64_t state; /* never 0 */
} sim_random_t;

/* Seeds that are neighbours give unlike histories: they are mixed first (splitmix64). */
static inline sim_random_t sim_random(uint64_t seed)
{
    uint64_t z = seed + 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    z ^= z >> 31;
    return (sim_random_t){z ? z : 1};
}

static inline uint64_t sim_random_next(sim_random_t *r)
{
    r->state ^= r->state >> 12;
    r->state ^= r->state << 25;
    r->state ^= r->state >> 27;
    return r->state * 0x2545f4914f6cdd1du;
}

/* 0 … n - 1; n ≥ 1. */
static inline uint64_t sim_random_below(sim_random_t *r, uint64_t n)
{
    return (sim_random_next(r) >> 16) % n;
}

/* True once in n times. */
static inline bool sim_random_once_in(sim_random_t *r, uint64_t n)
{
    return sim_random_below(r, n) == 0;
}
