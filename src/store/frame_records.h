/* SPDX-License-Identifier: Apache-2.0
 *
 * frame_records.h: walks the records of frames, one frame after the other, each record with its content. Pure.
 *
 * A record that goes on in the next frame is carried over. The frames must be those of one group, in order; the walk
 * may begin at any that does not begin inside a record. In a sparse frame each record says its number. */
#pragma once

#include "store/frame.h"

/* Zeroed, it is ready. Views it gives end with the next frame. */
typedef struct frame_records {
    buffer_t carry; /* octets of a record that began in frames before */
    bytes_reader_t in;
    bytes_t head, content; /* the frame's; content: what is left of it */
    record_no number;      /* of the next record; sparse: no record is below it */
    record_no first, last; /* of a sparse frame; else 0 */
    uint32_t records_left;
    size_t piece, piece_count;
} frame_records_t;

typedef struct frame_record {
    record_no number;
    record_t record;
    bytes_t octets; /* of the record, as it is written */
    bool has_content;
    frame_piece_t piece; /* with content: what it should be */
    bytes_t content;
} frame_record_t;

void frame_records_deinit(frame_records_t *r);

/* Forgets what was carried over. */
void frame_records_reset(frame_records_t *r);

/* Goes on in the next frame; `octets` are all of it, or no more than its head if contents are not looked at. False if
 * it cannot be the next. */
bool frame_records_begin(frame_records_t *r, const frame_t *f, bytes_t octets);

/* 1: a record that ends in this frame; 0: it was the last; -1: what is here is no record. */
int frame_records_next(frame_records_t *r, frame_record_t *out);

/* After the last: false if something is left over that should not be. */
bool frame_records_end(frame_records_t *r, const frame_t *f);
