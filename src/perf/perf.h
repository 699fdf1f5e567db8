/* SPDX-License-Identifier: Apache-2.0
 *
 * perf.h: a load client for AMQP brokers, fast enough not to be what is measured, that checks all it gets.
 *
 * Every body bears who published it, with which key, as which message of that key, and when; the rest is a pattern
 * that follows from these. So a consumer knows of each message whether it was expected, in which order, and whole.
 * A run has its threads (workers) to itself and returns when everything is over. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

typedef enum perf_mode {
    PERF_LOAD,    /* producers and consumers at once */
    PERF_FILL,    /* producers only: what they publish stays in the queues */
    PERF_DRAIN,   /* consumers only, until the queues are empty */
    PERF_IDLE,    /* connections that do nothing */
    PERF_CHURN,   /* connections that are opened and closed */
    PERF_DECLARE, /* queues declared, then deleted */
} perf_mode_t;

/* How messages get to queues. DEFAULT: the default exchange, a key a queue. */
typedef enum perf_type {
    PERF_DEFAULT,
    PERF_DIRECT,
    PERF_FANOUT,
    PERF_TOPIC,
    PERF_HEADERS,
} perf_type_t;

#define PERF_BODY_LEAST    ((size_t)16) /* what identifies a message */
#define PERF_BODY_MOST     ((size_t)128 * 1024 * 1024)
#define PERF_PRODUCERS_MAX ((size_t)4096)
#define PERF_KEYS_MAX      ((size_t)1 << 20)

typedef struct perf_options {
    perf_mode_t mode;
    const char *address; /* as net_address_parse takes it */
    const char *user, *password, *vhost;
    size_t threads;
    pid_t pid; /* the broker's, to see its CPU time and memory; 0: not known */

    perf_type_t type;
    size_t queues, bindings, keys;
    bool durable; /* queues and exchange */

    size_t producers;
    size_t consumers; /* of each queue */
    size_t body_bytes;
    bool persistent;
    size_t confirms;  /* publishes without a confirm, at most; 0: no confirms */
    size_t ack_every; /* 0: automatic acks */
    size_t prefetch;  /* 0: no limit */
    size_t rate;      /* messages a second, in all; 0: as fast as possible */
    size_t messages;  /* in all; 0: for time_ms */
    uint64_t time_ms;
    uint64_t warmup_ms; /* in front of it, not counted */
    size_t stalled;     /* further connections that consume and never read */

    size_t connections; /* IDLE: how many; CHURN: at once */
    size_t declares;    /* DECLARE: how many queues */
    size_t channels;    /* DECLARE: from so many channels at once */
} perf_options_t;

/* Everything that is counted: name in reports, and what it is. The first of the faults is LOST. */
#define PERF_COUNTS(X)                                                                                       \
    X(SENT, "sent", "published")                                                                             \
    X(CONFIRMED, "confirmed", "confirmed by the broker")                                                     \
    X(NACKED, "nacked", "refused by the broker with a nack")                                                 \
    X(RECEIVED, "received", "delivered")                                                                     \
    X(ACKED, "acked", "acknowledged by consumers")                                                           \
    X(REDELIVERED, "redelivered", "delivered with the redelivered flag")                                     \
    X(CONNECTED, "connections", "connections opened")                                                        \
    X(DECLARED, "declared", "queues declared")                                                               \
    X(LOST, "lost", "never came")                                                                            \
    X(DUPLICATES, "duplicates", "came twice without the redelivered flag")                                   \
    X(OUT_OF_ORDER, "out_of_order", "came to a consumer behind a later one of their publisher and key")      \
    X(DAMAGED, "damaged", "with a content that was not published")                                           \
    X(MISROUTED, "misrouted", "in a queue they were not published to")

enum perf_count {
#define X(id, name, text) PERF_##id,
    PERF_COUNTS(X)
#undef X
        PERF_COUNT_KINDS
};

const char *perf_count_name(enum perf_count which);
const char *perf_count_text(enum perf_count which);

/* In microseconds. */
typedef struct perf_latency {
    uint64_t count;
    double p50, p90, p99, p999, max;
} perf_latency_t;

typedef struct perf_broker {
    double cpu_seconds;
    uint64_t rss_before_bytes, rss_bytes, rss_peak_bytes;
} perf_broker_t;

typedef struct perf_report {
    uint64_t count[PERF_COUNT_KINDS]; /* of the whole run */
    double seconds; /* measured: without warm-up, and without draining when the run was for a time */
    uint64_t measured[PERF_COUNT_KINDS]; /* of that time alone */
    perf_latency_t
        latency; /* from publish (with a rate: from when it was due) to delivery; CHURN: opening and closing a
                             * connection; DECLARE: a declare */
    perf_latency_t confirm; /* from publish (due) to its confirm */
    bool broker_known;
    perf_broker_t broker; /* of the measured time */
} perf_report_t;

/* How far a run is, about once a second. */
typedef struct perf_progress {
    double seconds; /* since it started */
    double interval_seconds;
    uint64_t count[PERF_COUNT_KINDS];    /* so far */
    uint64_t interval[PERF_COUNT_KINDS]; /* since the last one */
} perf_progress_t;

typedef void perf_progress_fn(void *context, const perf_progress_t *p);

/* Runs it to its end; `progress` may be NULL. -1 if a connection failed or the broker refused something: what and
 * why. Messages that are lost, double, out of order or damaged are no failure
 * here: they are counted. The options must fit together (the tool checks that). */
int perf_run(const perf_options_t *options, perf_progress_fn *progress, void *context, perf_report_t *report,
             error_t *err);

/* True if anything was counted that a broker must not do. */
bool perf_found_faults(const perf_report_t *r);
