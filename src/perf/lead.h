/* SPDX-License-Identifier: Apache-2.0
 *
 * lead.h: what the leading thread does while workers work: waits, looks, measures. */
#pragma once

#include "perf/perf_internal.h"
#include "perf/process.h"

/* Counts, clock and the broker's usage at one moment. */
typedef struct snapshot {
    uint64_t at_ns;
    uint64_t count[PERF_COUNT_KINDS];
    process_usage_t usage;
} snapshot_t;

typedef struct leader {
    run_t *run;
    perf_progress_fn *progress;
    void *context;
    size_t ready_expected; /* of all phases so far: `ready` counts never go back */
    uint64_t began_ns;     /* of PHASE_RUN; 0: not yet */
    snapshot_t shown;      /* of the last progress */
    uint64_t rss_peak_bytes;
    error_t *err;
} leader_t;

/* Makes the workers enter a phase, which `links` links answer with link_ready. */
void leader_enter(leader_t *l, phase_t phase, size_t links);

/* Waits until they did; -1 if a worker failed or nothing moved for STUCK_S. */
int leader_wait_ready(leader_t *l);

/* Waits until that time. */
int leader_wait_until(leader_t *l, uint64_t at_ns);

/* Waits until `count` deliveries arrived, or none has come for LOST_S: then the rest is lost. */
int leader_wait_arrived(leader_t *l, uint64_t count);

uint64_t leader_count(const leader_t *l, enum perf_count which);

/* Deliveries, but what came twice once. */
uint64_t leader_arrived(const leader_t *l);
uint64_t leader_last_ns(const leader_t *l);

/* -1 if the broker cannot be looked at. */
int leader_look(leader_t *l, snapshot_t *out);
