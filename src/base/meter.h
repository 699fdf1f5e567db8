/* SPDX-License-Identifier: Apache-2.0
 *
 * meter.h: how much is on its way from one thread to another: the producer adds, the consumer takes off. The producer
 * sees what was taken with some delay, so it never believes that less is on its way than there is. */
#pragma once

#include <stdatomic.h>
#include <stdint.h>

typedef struct meter {
    uint64_t added;              /* the producer's */
    atomic_uint_least64_t taken; /* the consumer's; only rises */
} meter_t;

static inline void meter_add(meter_t *m, uint64_t amount)
{
    m->added += amount;
}

static inline void meter_take(meter_t *m, uint64_t amount)
{
    atomic_store_explicit(&m->taken, atomic_load_explicit(&m->taken, memory_order_relaxed) + amount,
                          memory_order_relaxed);
}

/* Producer: what is on its way. */
static inline uint64_t meter_read(const meter_t *m)
{
    return m->added - atomic_load_explicit(&m->taken, memory_order_relaxed);
}
