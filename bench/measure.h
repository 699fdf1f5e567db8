/* SPDX-License-Identifier: Apache-2.0
 *
 * measure.h: times of many repetitions, and what they come to. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Times of one round in nanoseconds; the owner frees `ns` with mem_free. */
typedef struct samples {
    uint64_t *ns;
    size_t count;
    size_t capacity;
} samples_t;

/* Three percentiles of one round, in microseconds. */
typedef struct percentiles {
    double p50;
    double p90;
    double p99;
} percentiles_t;

#define ROUNDS_MAX 100

/* One figure of each round. */
typedef struct rounds {
    double value[ROUNDS_MAX];
    size_t count;
} rounds_t;

uint64_t now_ns(void);

void samples_add(samples_t *s, uint64_t ns);
percentiles_t samples_percentiles(samples_t *s);

void rounds_add(rounds_t *r, double value);
double rounds_median(const rounds_t *r);
double rounds_least(const rounds_t *r);
double rounds_most(const rounds_t *r);
