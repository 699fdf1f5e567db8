/* SPDX-License-Identifier: Apache-2.0
 *
 * load.h: what the loads of the event bus have in common: what was asked for, and what came of it. Each load connects to a
 * broker that runs, drives it, checks everything that comes back, and looks at the broker's process meanwhile. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "perf/histogram.h"
#include "perf/process.h"

#define HANDLERS_MOST    64
#define SUBSCRIBERS_MOST 128

typedef struct load_options {
    bool bare;               /* no protocol: the broker is bench/bus/relay */
    uint16_t port;           /* the publisher's */
    uint16_t subscribe_port; /* the subscribers' */
    pid_t pid;               /* the broker's; 0: unknown, its CPU time is not told */
    size_t handlers;         /* synchronous events: so many of them, or 0 */
    size_t subscribers;      /* PUB → SUB: so many of them, or 0 */
    bool late;               /* handlers answer only when the whole window is out */
    size_t window;           /* events, or messages, on their way at most */
    size_t size;             /* octets of a message */
    bool topic;              /* behind a frame with its topic */
    double warmup_s, seconds;
} load_options_t;

/* Of the time behind the warm-up. */
typedef struct load_result {
    uint64_t count; /* events that were answered, or messages that were delivered */
    double seconds;
    process_usage_t before, after;
    uint64_t rss_peak_bytes;
    histogram_t latency_ns; /* from publish to answer */
} load_result_t;

/* A clock and a look at the broker, for a loop that calls meter_running each time round. */
typedef struct meter {
    const load_options_t *options;
    load_result_t *result;
    uint64_t begin_ns, end_ns, look_ns;
    bool counting; /* the warm-up is over */
} meter_t;

void meter_start(meter_t *m, const load_options_t *o, load_result_t *r);

/* False when the time is over. */
bool meter_running(meter_t *m, uint64_t now_ns);

/* Looks a last time; -1 if the broker could not be looked at. */
int meter_stop(meter_t *m, error_t *err);

/* The loads: 0, or -1 with what went wrong, a broken promise of the broker too. */
int load_sync(const load_options_t *o, load_result_t *r, error_t *err);
int load_late(const load_options_t *o, load_result_t *r, error_t *err);
int load_fan(const load_options_t *o, load_result_t *r, error_t *err);
