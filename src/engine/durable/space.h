/* SPDX-License-Identifier: Apache-2.0
 *
 * space.h: what becomes of the segments of the log: of each that is complete it is known how many of its records are live.
 * One that lies below replay_from and has none goes; one in which few are left is written anew with those alone. */
#pragma once

#include "base/hash.h"
#include "engine/durable/durable_internal.h"

typedef struct space_segment space_segment_t;

/* Where a segment's records are. */
typedef struct space_place {
    record_no from, end;
    space_segment_t *segment;
} space_place_t;

typedef struct space {
    space_place_t *places;        /* of all complete segments, rising */
    size_t count, capacity, last; /* the one found last */
    record_no replay_from;        /* durable: of what is below nothing but content is needed */
    record_no told_below;         /* all there is below has been told */
    list_t sparse;                /* segments */
    size_t sparse_count;          /* with the one being rewritten */
    space_segment_t *rewriting;   /* one at a time, from its choice to the answer */
    record_no listed_below;       /* of it, for the order */
    list_t decided;               /* segments of which it is decided what becomes of them */
    list_t waiting;               /* the same, until all that was decided before is durable */
    wait_t wait;
} space_t;

void space_init(engine_t *e);
void space_deinit(engine_t *e);

/* The store tells of a segment. */
void space_told(engine_t *e, const segment_news_t *news);

/* A checkpoint is durable: a log that is read from this record on makes all that is there. */
void space_checkpointed(engine_t *e, record_no replay_from);

/* Decides and orders, a slice; at the end of a step. True if a slice was not enough. */
bool space_run(engine_t *e);
