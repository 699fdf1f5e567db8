/* SPDX-License-Identifier: Apache-2.0
 *
 * scan_group.h: one group of frames in a segment: is it whole, is it the next of the log, and what is in it. */
#pragma once

#include "store/frame_records.h"
#include "store/window.h"

/* What the next frame must fit to. */
typedef struct log_chain {
    record_no expected;   /* 0: any */
    uint64_t previous;    /* checksum of the last data frame */
    bool any_previous;    /* that is not known: what was there is lost, or it was recycled */
    uint64_t incarnation; /* of this segment */
} log_chain_t;

typedef struct log_group {
    uint64_t at, end;  /* in the segment; the end is a multiple of 512 */
    frame_t frame;     /* its first */
    record_no next;    /* behind its last record */
    uint64_t checksum; /* of its last frame */
    uint32_t frames;
    bool contents_hold;
} log_group_t;

typedef enum group_state {
    GROUP_BROKEN = 0, /* there is none, or it has no end */
    GROUP_OTHER = 1,  /* its first frame is valid, but does not fit to the chain */
    GROUP_NEXT = 2,
} group_state_t;

/* Looks at the group that begins at place->offset; negative: the disk failed. */
int log_group_check(window_t *w, const frame_place_t *place, const log_chain_t *chain, log_group_t *g,
                    error_t *err);

/* Called for each frame of a group in order, with all of its octets. Not 0 ends it. */
typedef int log_group_frame_t(void *context, const frame_place_t *place, const frame_t *f, bytes_t octets,
                              error_t *err);

/* Walks the frames of a group that was checked. */
int log_group_each(window_t *w, const frame_place_t *place, const log_group_t *g, log_group_frame_t *each,
                   void *context, error_t *err);
