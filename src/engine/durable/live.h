/* SPDX-License-Identifier: Apache-2.0
 *
 * live.h: how far the log is still needed: references to records, counted by ranges of their numbers. The lowest range
 * that is not empty bounds what may be forgotten. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "model/record.h"

typedef struct live {
    uint64_t *counts; /* circular: one for each LIVE_RANGE_RECORDS numbers, from range `first` on */
    size_t capacity, head, length;
    uint64_t first;
} live_t;

#define LIVE_RANGE_RECORDS 1024

void live_deinit(live_t *l);

void live_add(live_t *l, record_no record, uint32_t count);
void live_drop(live_t *l, record_no record);

/* No record below this one is referred to; `next` if none is at all. */
record_no live_lowest(const live_t *l, record_no next);
