/* SPDX-License-Identifier: Apache-2.0
 *
 * segment_list.h: the segments of an open log in order, and where in them records are. The helper's. */
#pragma once

#include "store/record_index.h"
#include "store/segment.h"

typedef struct listed_segment {
    char name[SEGMENT_NAME_BYTES];
    uint64_t number, bytes;
    record_no from, end; /* its records: from … end - 1; UINT64_MAX: not known yet */
    uint64_t contents;   /* pieces of content in them; UINT64_MAX: not known */
    record_index_t index;
} listed_segment_t;

/* Zeroed, it is empty. */
typedef struct segment_list {
    listed_segment_t *segments;
    size_t count, capacity;
} segment_list_t;

/* At the end, with no records known. The result is valid until the next call. */
listed_segment_t *segment_list_add(segment_list_t *l, const char *name, uint64_t number, uint64_t bytes);

/* SIZE_MAX if it has none of this number. */
size_t segment_list_find(const segment_list_t *l, uint64_t number);
void segment_list_remove(segment_list_t *l, size_t index);
void segment_list_deinit(segment_list_t *l);
