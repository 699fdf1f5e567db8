/* SPDX-License-Identifier: Apache-2.0
 *
 * live_internal.h: how references to records are kept: chunks of 1024 records in groups, groups in a directory. */
#pragma once

#include "engine/durable/live.h"

#define GROUP_CHUNKS 128
#define FEW_MOST     16

typedef struct few {
    uint16_t at; /* in the chunk */
    uint8_t count;
} few_t;

typedef struct chunk {
    uint16_t live; /* 0: it does not exist */
    bool is_dense;
    union {
        uint8_t *counts; /* dense: LIVE_RANGE_RECORDS of them */
        few_t *few;      /* else `live` of them, in no order, with room for FEW_MOST */
    };
} chunk_t;

struct live_group {
    uint32_t live; /* chunks */
    chunk_t chunks[GROUP_CHUNKS];
};

static inline live_group_t **live_group_at(const live_t *l, uint64_t number)
{
    return &l->groups[(l->head + (size_t)(number - l->first)) & (l->capacity - 1)];
}

static inline uint64_t live_chunk_number(record_no record)
{
    return record / LIVE_RANGE_RECORDS;
}

static inline size_t live_place_in_chunk(record_no record)
{
    return record % LIVE_RANGE_RECORDS;
}
