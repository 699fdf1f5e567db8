/* SPDX-License-Identifier: Apache-2.0
 *
 * clock.h: time and randomness as things that are given, never taken: the simulator gives others. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Milliseconds that never go back, from an arbitrary start; and the wall clock's, since 1970. */
typedef struct clock_source {
    uint64_t (*now_ms)(void *context);
    uint64_t (*wall_ms)(void *context);
    void *context;
} clock_source_t;

/* Fills `out` with unpredictable octets. */
typedef struct random_source {
    void (*fill)(void *context, void *out, size_t len);
    void *context;
} random_source_t;
