/* SPDX-License-Identifier: Apache-2.0
 *
 * flag.h: what one thread says and another looks at now and then: up or down. Down at first. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>

typedef struct flag {
    atomic_bool is_up;
} flag_t;

static inline void flag_set(flag_t *f, bool is_up)
{
    atomic_store(&f->is_up, is_up);
}

static inline bool flag_is_up(const flag_t *f)
{
    return atomic_load(&f->is_up);
}
