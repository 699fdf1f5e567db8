/* SPDX-License-Identifier: Apache-2.0
 *
 * flag.h: one bit that one thread sets and others look at. It says how things are, and hands nothing over: who must know
 * soon is woken. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>

/* Zeroed, it is not set. */
typedef struct flag {
    atomic_bool is_set;
} flag_t;

static inline void flag_put(flag_t *f, bool is_set)
{
    atomic_store(&f->is_set, is_set);
}

static inline bool flag_is_set(const flag_t *f)
{
    return atomic_load_explicit(&f->is_set, memory_order_relaxed);
}
