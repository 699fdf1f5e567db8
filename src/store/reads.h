/* SPDX-License-Identifier: Apache-2.0
 *
 * reads.h: requests to read records back, served together in the order of the log, whoever asked: very many queues that are
 * emptied at once cost a pass over it, not a search for each of their messages. */
#pragma once

#include "base/heap.h"
#include "store/read_back.h"

/* Zeroed, it has none. */
typedef struct reads {
    read_back_t reader;
    timer_heap_t now,
        later; /* read_request_t.turn, by the record that is next: of this pass, and of the one behind it */
    record_no at; /* this pass has come so far */
} reads_t;

/* Takes what waits in the lane; what asks for nothing goes back at once. */
void reads_take(reads_t *r, lane_t *lane, lane_t *back);

/* Serves some, and gives back those that are complete. 1: some were served; 0: there are none; -1: they must be served later
 * (read_back_item). */
int reads_serve(reads_t *r, const read_source_t *from, lane_t *back);

/* Frees those that are left. */
void reads_deinit(reads_t *r);
