/* SPDX-License-Identifier: Apache-2.0
 *
 * engine_side.h: the engine and who steps it: its own thread, or the main one between two looks at the
 * sockets. */
#pragma once

#include <stdatomic.h>

#include "base/clock.h"
#include "base/error.h"
#include "daemon/store_side.h"
#include "engine/engine.h"
#include "os/os.h"

/* Called after a step, on the engine's thread: a port has events, or room for commands, that
 * its I/O thread was not told of. */
typedef struct engine_neighbour {
    const port_t *port;
    os_wakeup_t *wakeup;
} engine_neighbour_t;

typedef struct engine_side {
    engine_t *engine;
    clock_source_t clock;
    store_side_t *store;              /* to wake after a step; may be NULL */
    uint64_t look_until_us;           /* the log's answer to the last batch may come before */
    _Atomic uint64_t longest_step_us; /* CPU time; any thread may look */

    os_wakeup_t *wakeup; /* of the thread that steps */
    engine_neighbour_t *neighbours;
    size_t neighbour_count;

    /* with a thread of its own */
    os_thread_t *thread;
    atomic_bool shutdown_asked, quit_asked;
} engine_side_t;

void engine_side_init(engine_side_t *e, const engine_options_t *options, clock_source_t clock);

/* After the ports are gone. */
void engine_side_deinit(engine_side_t *e);

/* One step at the present time; true if there is more to do at once. Wakes the store if it has work. */
bool engine_side_step(engine_side_t *e);

/* True for a moment while the log is at work: its answer is looked for, not slept for (store.busy_wait_us). */
bool engine_side_looks(const engine_side_t *e);

/* How long a sleep may last until the engine's next timer: poll's timeout, -1 without end. */
int engine_side_sleep_ms(const engine_side_t *e);

/* Makes the wake-up that engine_side_add_neighbour's ports ring; before any thread starts. */
int engine_side_prepare_wakeup(engine_side_t *e, error_t *err);
void engine_side_add_neighbour(engine_side_t *e, engine_neighbour_t neighbour);

/* After a step on the main thread; on its own it does so itself. */
void engine_side_wake_neighbours(engine_side_t *e);

int engine_side_start(engine_side_t *e, error_t *err);

/* From another thread: ends all connections; the engine goes on. */
void engine_side_ask_shutdown(engine_side_t *e);

/* Ends the thread, if there is one. */
void engine_side_join(engine_side_t *e);

/* When nobody else steps it any more: writes down what a clean stop knows, and steps until all of it is durable. Ends the
 * process if that takes too long. */
void engine_side_finish(engine_side_t *e);
