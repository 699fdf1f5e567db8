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
