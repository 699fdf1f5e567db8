/* SPDX-License-Identifier: Apache-2.0
 *
 * sparse_frame.h: gathers records for one sparse frame (frame.h). Pure. */
#pragma once

#include "store/frame_records.h"

/* Zeroed, it is empty. */
typedef struct sparse_frame {
    record_no first, last;
    uint32_t records, pieces;
    buffer_t table, metadata, content;
} sparse_frame_t;

/* What the whole frame has so far. */
uint64_t sparse_frame_bytes(const sparse_frame_t *s);

/* Puts a record, with its content and what this should be: if it is damaged, it stays so. Numbers rise. */
void sparse_frame_put(sparse_frame_t *s, const frame_record_t *r);

/* Writes the frame, sealed for this place, and zeros up to where the next one may begin; it is empty then. `f` has the
 * rest of what it says: incarnation, claims, previous. Sets f->checksum. */
void sparse_frame_end(sparse_frame_t *s, frame_t *f, const frame_place_t *place, buffer_t *out);

void sparse_frame_deinit(sparse_frame_t *s);
