/* SPDX-License-Identifier: Apache-2.0
 *
 * plan.h: what a run uses on the broker: exchange, queues, bindings, keys; which key leads to which queue; and what a
 * publisher sends in front of each body. Made once, then read by all workers.
 *
 *   default   key i is the name of queue i
 *   fanout    one key, every queue
 *   others    each key fits one binding alone and leads to one queue; the keys are spread evenly over both.
 *             Topic: "perf.B.*" or "perf.B.#", in turn; headers: x-match=all, number=B */
#pragma once

#include "base/bytes.h"
#include "perf/body.h"
#include "perf/perf.h"
#include "perf/stream.h"

#define LINK_CHANNEL 1 /* of connections with one channel */

/* One key: whole method and header frames of a publish with it, for channel 1. */
typedef struct plan_key {
    bytes_t frames;
    size_t queue; /* where it leads (fanout: 0, and to all others) */
    size_t slot;  /* its place among that queue's keys */
} plan_key_t;

/* One queue: a stream for each of its keys and each producer. Belongs to the worker that consumes from it. */
typedef struct plan_queue {
    char name[32];
    size_t slots;
    stream_t *streams; /* slots * producers */
} plan_queue_t;

typedef struct plan {
    const perf_options_t *options;
    const char *exchange; /* "" for the default one */
    plan_key_t *keys;
    plan_queue_t *queues;
    buffer_t frames; /* of all keys */
    pattern_t pattern;
} plan_t;

void plan_init(plan_t *p, const perf_options_t *o);
void plan_deinit(plan_t *p);

/* Writes the requests that make everything for a run (an existing queue is emptied, but for a drain), or remove it.
 * Returns how many answers will come. */
size_t plan_write_setup(const plan_t *p, buffer_t *out);
size_t plan_write_removal(const plan_t *p, buffer_t *out);

/* How many of its `published` messages a producer published with `key`: it takes the keys in turn. */
uint64_t plan_published_with(const plan_t *p, uint64_t published, size_t key);

/* True if messages with the key belong in the queue. */
bool plan_leads_to(const plan_t *p, size_t key, size_t queue);

/* The stream of a message in a queue it belongs in. */
size_t plan_stream(const plan_t *p, const stamp_t *s);

/* How many deliveries `published` messages of a producer come to, over all queues. */
uint64_t plan_deliveries(const plan_t *p, uint64_t published);

/* Counts what is missing in the queues after producer i published published[i]; without `published`, below the highest
 * number that came. */
uint64_t plan_missing(const plan_t *p, const uint64_t *published);
