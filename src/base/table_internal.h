/* SPDX-License-Identifier: Apache-2.0
 *
 * table_internal.h: what the table files share. */
#pragma once

#include "base/table.h"

/* How a value of a type is laid out and called. */
typedef struct field_type {
    const char *name; /* NULL: no such tag */
    enum { LAYOUT_FIXED, LAYOUT_LONG_STRING, LAYOUT_ARRAY, LAYOUT_TABLE } layout;
    uint8_t octets; /* of LAYOUT_FIXED */
} field_type_t;

/* The type of a tag, or NULL if it is outside the table. */
const field_type_t *field_type(uint8_t tag);

typedef struct table_pair {
    bytes_t key;
    field_t value;
} table_pair_t;

/* The pairs of a table sorted by key, the first of equal keys only, in one allocation (mem_free). */
table_pair_t *table_sorted(bytes_t table, size_t *count);
