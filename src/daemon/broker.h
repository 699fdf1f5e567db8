/* SPDX-License-Identifier: Apache-2.0
 *
 * broker.h: the rooms put together according to the settings, and run until a signal ends it.
 *
 *   io_threads = 0   main thread: accept, connections, engine
 *   io_threads = n   main thread: accept, signals; n threads: connections; one thread: engine
 *   and in both, one thread for HTTP, unless that is switched off */
#pragma once

#include "config/config.h"
#include "daemon/admin_side.h"
#include "daemon/bus.h"
#include "daemon/console.h"
#include "daemon/engine_side.h"
#include "daemon/io_side.h"
#include "daemon/signals.h"
#include "daemon/store_side.h"

/* Reads the settings anew (SIGHUP); NULL with the reason. */
typedef settings_t *broker_settings_again_t(void *context, error_t *err);

typedef struct broker_options {
    settings_t *settings;      /* a reload changes what can be changed */
    const char *settings_text; /* where they came from, for the log */
    console_t *console;
    const log_t *log;
    broker_settings_again_t *settings_again;
    void *context;
} broker_options_t;

typedef struct broker {
    broker_options_t options;
    clock_source_t clock;
    signals_t signals;
    unsigned reloads_done;
    auth_t *auth;
    char *loopback_users;
    char cluster_name[256];
    char node[160];
    bus_t bus;
    size_t thread_count; /* I/O threads; 0: one side, on the main thread */
    engine_side_t engine;
    store_side_t store;
    io_side_t *io; /* thread_count of them, at least one */
    size_t io_count;
    net_loop_t *loop; /* the main thread's: its own, or that of the only side */
    os_wakeup_t *wakeup;
    admin_side_t admin;
    admin_listeners_t listeners; /* that are open */
    size_t next_io;              /* whose turn it is to get a connection */
    bool stopping;
    uint64_t stop_by_ms;
} broker_t;

/* Opens everything, runs, and closes everything after SIGTERM or SIGINT: 0. -1 if it could not be opened. */
int broker_run(const broker_options_t *options, error_t *err);

/* ---- broker.c and its parts ---- */

/* Builds the rooms (build.c); broker_close also after a failure. */
int broker_open(broker_t *b, error_t *err);
void broker_close(broker_t *b);

/* Takes over what of the new settings can be (reload.c). */
void broker_reload(broker_t *b);
