/* SPDX-License-Identifier: Apache-2.0
 *
 * store_side.h: the store and its two threads: the log appends and syncs, the helper makes segments and reads back. The
 * engine wakes them after its step, they wake who steps the engine. */
#pragma once

#include <stdatomic.h>

#include "base/error.h"
#include "config/config.h"
#include "engine/engine.h"
#include "os/os.h"
#include "store/store.h"

typedef struct store_side {
    disk_t *disk;
    store_t *store;
    const log_t *log;
    os_thread_t *log_thread, *helper_thread;
    os_wakeup_t *log_wakeup, *helper_wakeup;
    os_wakeup_t *engine_wakeup; /* of who steps the engine */
    uint64_t busy_wait_us;
    atomic_bool log_quit_asked, helper_quit_asked;
} store_side_t;

/* Opens the log in data_dir and gives what it holds to the engine, which is joined to it. store_side_close in every
 * case. */
int store_side_open(store_side_t *s, const settings_t *settings, engine_t *engine, const log_t *log,
                    error_t *err);

/* Starts both threads. */
int store_side_start(store_side_t *s, os_wakeup_t *engine_wakeup, error_t *err);

/* After a step of the engine: wakes whom it has work for. True if the log got something to sync. */
bool store_side_wake(store_side_t *s, engine_t *engine);

/* At a stop, when the log cannot go on (there is no room for it): ends the process at once with 1. */
void store_side_give_up(const store_side_t *s);

/* Ends both threads, if there are any. */
void store_side_join(store_side_t *s);

/* After the engine is freed. */
void store_side_close(store_side_t *s);
