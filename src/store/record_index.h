/* SPDX-License-Identifier: Apache-2.0
 *
 * record_index.h: where in a segment a record is, about: an entry for every so many octets. Each names a frame that does
 * not begin inside a record; from there one walks. */
#pragma once

#include "model/record.h"

typedef struct record_place {
    record_no first; /* of the frame */
    uint64_t offset;
} record_place_t;

/* Zeroed, it is empty. Entries rise. */
typedef struct record_index {
    record_place_t *places;
    size_t count, capacity;
} record_index_t;

void record_index_add(record_index_t *x, record_no first, uint64_t offset);

/* NULL: there is none. */
static inline const record_place_t *record_index_last(const record_index_t *x)
{
    return x->count > 0 ? &x->places[x->count - 1] : NULL;
}

/* The last entry at or before the record, or NULL. */
const record_place_t *record_index_find(const record_index_t *x, record_no record);

void record_index_deinit(record_index_t *x);
