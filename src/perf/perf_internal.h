/* SPDX-License-Identifier: Apache-2.0
 *
 * perf_internal.h: what the files of this room share.
 *
 *   run      the whole: options, plan, workers; lives on the thread that called perf_run, which leads from phase to
 *            phase and looks at the workers' counts
 *   worker   one thread with an event loop: links, counts, latencies. A queue's consumers are all on one worker, so
 *            nothing but the phase and copies of counts is shared between threads
 *   link     one AMQP connection to the broker, as a session of the event loop
 *   role     what a link is for: producer, consumer, control, idle, churn, declare, stalled; a file each */
#pragma once

#include <stdatomic.h>

#include "amqp/codec.h"
#include "base/list.h"
#include "net/net.h"
#include "os/os.h"
#include "perf/histogram.h"
#include "perf/plan.h"

/* What happens; set by the leading thread only, in this order. */
typedef enum phase {
    PHASE_NONE,
    PHASE_SETUP,   /* the control link makes queues and bindings */
    PHASE_CONNECT, /* all other links open and get ready */
    PHASE_RUN,     /* producers publish */
    PHASE_DRAIN,   /* they are done; what is on its way arrives */
    PHASE_CLOSE,   /* all links but the control link close */
    PHASE_REMOVE,  /* the control link removes what was made, and closes */
    PHASE_QUIT,
} phase_t;

typedef struct worker worker_t;
typedef struct link link_t;

typedef struct run {
    perf_options_t options;
    plan_t plan;
    net_address_t address;
    worker_t *workers;
    size_t worker_count;
    uint64_t
        published[PERF_PRODUCERS_MAX]; /* by each producer, once it is done; read after the threads ended */
    _Atomic int phase;
    _Atomic uint64_t start_ns; /* of PHASE_RUN */
    _Atomic uint64_t
        measured_ns; /* start_ns and the warm-up: what was published before does not count as latency */
    _Atomic uint64_t set_up;    /* answers that the control link got: queues and bindings that came or went */
    _Atomic uint64_t in_queues; /* DRAIN: ready messages, as the control link was told */
    _Atomic bool drained;       /* DRAIN: all of them came */
} run_t;

struct worker {
    run_t *run;
    size_t number;
    os_thread_t *thread;
    net_loop_t *loop;
    log_t log;
    int pace_fd;   /* -1, or a timer that ends the loop's wait when the next publish may be due */
    phase_t phase; /* as the links know it */
    list_t links;
    list_t to_dial;     /* links that wait for their turn to connect */
    size_t dialing;     /* links between dial and ready */
    size_t ready_links; /* what `ready` will be at the end of the turn */
    bool busy;          /* a producer could publish at once: do not wait */
    buffer_t scratch;   /* for writing one method */
    uint64_t count[PERF_COUNT_KINDS];
    histogram_t latency, confirm;
    uint64_t last_ns; /* the last delivery (or confirm, where nobody consumes) */
    error_t error;    /* read by others once `failed` is set */

    /* Copies for the leading thread, once a turn. */
    _Atomic uint64_t shown[PERF_COUNT_KINDS];
    _Atomic uint64_t shown_last_ns;
    _Atomic size_t ready; /* links that did what their phase asks for */
    _Atomic bool failed;
};

typedef struct role {
    const char *name;
    /* All channels are open: ask for what the role needs; link_ready when that came. */
    void (*opened)(link_t *l);
    /* Anything on a channel but openings and closings. */
    void (*method)(link_t *l, uint16_t channel, amqp_method_id id, const amqp_method_t *m);
    /* The content of the last basic.deliver or basic.return; `last`: the body ends with this piece. May be NULL. */
    void (*content)(link_t *l, uint64_t body_bytes);
    void (*body)(link_t *l, bytes_t piece, bool last);
    /* The socket took more. May be NULL. */
    void (*drained)(link_t *l);
    /* The worker's phase has changed, or time has passed: called once a turn. May be NULL. */
    void (*turn)(link_t *l, uint64_t now_ns);
    /* To write what must be said before goodbye. May be NULL. */
    void (*closing)(link_t *l);
    /* It was closed in good order, by link_close. May be NULL. */
    void (*closed)(link_t *l);
    /* Frees what the role added. May be NULL. */
    void (*freeing)(link_t *l);
    bool dials_itself; /* not in PHASE_CONNECT */
} role_t;

typedef enum link_state {
    LINK_WAITING, /* in to_dial, or not wanted yet */
    LINK_DIALING,
    LINK_OPENING, /* connected; the handshake, then the channels */
    LINK_OPEN,
    LINK_CLOSING,
    LINK_CLOSED,
} link_state_t;

struct link {
    session_t session; /* first: a session_t * is a link_t * */
    const role_t *role;
    worker_t *worker;
    transport_t *transport; /* NULL: not connected */
    list_t node;
    list_t waiting; /* in to_dial */
    link_state_t state;
    bool is_ready;
    uint16_t channels, opened;
    uint32_t frame_max;
    uint64_t body_left; /* of the content that is arriving */
    uint64_t input_ns;  /* when the octets came that are being looked at */
};

/* ---- link.c ---- */

/* Adds a link of a role to its worker; it connects when link_dial is called. */
void link_init(link_t *l, worker_t *w, const role_t *role, uint16_t channels);

/* Connects, or waits for a turn: a broker is not asked for thousands of handshakes at once. */
void link_dial(link_t *l);

/* This link did what the phase asks for. Once a phase. */
void link_ready(link_t *l);

/* Writes a method; it is sent at the end of the turn. */
void link_write(link_t *l, uint16_t channel, amqp_method_id id, const void *method);

/* Says goodbye. */
void link_close(link_t *l);

/* Ends the run: "producer: what happened". */
void worker_fail(worker_t *w, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The broker said something that this role has no use for. */
void link_unexpected(link_t *l, amqp_method_id id);

/* ---- worker.c ---- */

void worker_init(worker_t *w, run_t *run, size_t number);
int worker_start(worker_t *w, error_t *err);

/* Waits for the thread's end (PHASE_QUIT) and frees all links. */
void worker_end(worker_t *w);

/* ---- roles ---- */

link_t *control_new(worker_t *w);
link_t *producer_new(worker_t *w, uint32_t number);
link_t *consumer_new(worker_t *w, size_t queue);
link_t *idle_new(worker_t *w);
link_t *churn_new(worker_t *w);
link_t *declare_new(worker_t *w);
link_t *stalled_new(worker_t *w);
