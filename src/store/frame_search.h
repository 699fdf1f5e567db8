/* SPDX-License-Identifier: Apache-2.0
 *
 * frame_search.h: finds the valid frames of a segment when the chain of its frames is broken: by their checksums,
 * which hold at one place of one segment only. */
#pragma once

#include "store/window.h"

typedef struct frame_search {
    window_t *window;
    frame_place_t place; /* where the search is */
    uint64_t found_at;
    uint64_t blank_bytes; /* it is given up after so many without a frame */
} frame_search_t;

/* Looks from `offset` on. */
frame_search_t frame_search(window_t *w, const log_identity_t *log, uint64_t segment, uint64_t offset);

/* 1: the next valid frame is at s->found_at; 0: there is no more; negative: the disk failed. */
int frame_search_next(frame_search_t *s, frame_t *f, error_t *err);
