/* SPDX-License-Identifier: Apache-2.0
 *
 * group.h: how a batch is cut into the frames of its group. Pure.
 *
 * A batch that fits into one frame is not looked into at all. In one that does not, frames are cut between records; only
 * a record that alone is longer than a frame is cut itself. */
#pragma once

#include "model/journal.h"
#include "store/frame.h"

/* What one frame gets of its batch. */
typedef struct group_part {
    size_t octets_at, octets; /* of the records' */
    record_no first;          /* and count, of those that end here */
    uint32_t records;
    size_t piece, pieces;
    uint64_t bytes; /* of the whole frame */
    uint8_t flags;
} group_part_t;

/* Zeroed, it is an empty plan. */
typedef struct group_plan {
    group_part_t *parts;
    size_t count, capacity;
    uint64_t bytes; /* of all its frames */
} group_plan_t;

/* Makes the plan anew, in the memory it has. */
void group_plan_make(group_plan_t *p, const batch_t *b, uint32_t frame_bytes);
void group_plan_deinit(group_plan_t *p);
