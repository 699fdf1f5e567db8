/* SPDX-License-Identifier: Apache-2.0
 *
 * admin.h: HTTP about the broker: /api, with what people and tools of RabbitMQ ask for, and /metrics for Prometheus.
 *
 * It lives on one thread of its own and never touches the engine: it is a client of a port, and asks by queries. What is
 * not the engine's to know comes from functions that the daemon hands in; they are called on this thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "auth/auth.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "model/port.h"
#include "model/store_counts.h"

typedef struct admin admin_t;

/* The process and its machine; UINT64_MAX: not known. */
typedef struct admin_machine {
    uint64_t resident_bytes;
    uint64_t open_files, open_files_max;
    uint64_t disk_free_bytes;                           /* where the data is */
    uint64_t io_connections_least, io_connections_most; /* of an I/O thread */
} admin_machine_t;

typedef struct admin_sources {
    void *context;
    void (*machine)(void *context, admin_machine_t *out);
    uint64_t (*longest_step_us)(void *context);
    void (*store)(void *context, store_counts_t *out); /* NULL: nothing is stored */
} admin_sources_t;

/* A socket that the broker listens on. */
typedef struct admin_listener {
    const char *protocol; /* "amqp", "zmtp", "http", "http/prometheus" */
    char address[160];    /* "127.0.0.1:5672", "[::]:5672", "unix:/PATH" */
} admin_listener_t;

#define ADMIN_LISTENERS_MAX 144

typedef struct admin_listeners {
    admin_listener_t items[ADMIN_LISTENERS_MAX];
    size_t count;
} admin_listeners_t;

/* One too many is not listed. */
void admin_listeners_add(admin_listeners_t *l, const char *protocol, const char *address);

/* How the engine's thread and this one wake each other (os/os.h, which this room does not know). */
typedef struct admin_wakeup {
    void *context;
    int fd;                             /* readable: there is news */
    void (*prepare)(void *context);     /* this thread is about to look, and then to sleep */
    void (*cancel)(void *context);      /* it is awake */
    void (*wake_engine)(void *context); /* there are commands */
} admin_wakeup_t;

typedef struct admin_options {
    const auth_t *auth;
    const log_t *log;
    clock_source_t clock;
    admin_sources_t sources;
    admin_wakeup_t wakeup;
    const char *cluster_name;
    const char *node;                   /* "chaski@HOST" */
    const admin_listeners_t *listeners; /* must not change while it runs */
    uint64_t idle_ms;                   /* for the next whole request, and for taking the answer */
} admin_options_t;

typedef enum admin_kind { ADMIN_API, ADMIN_METRICS } admin_kind_t;

/* What `options` points to must outlive it. The clock's time now is when the broker started. */
admin_t *admin_new(const admin_options_t *options, error_t *err);

/* To be attached to the engine, before its first step. */
port_t *admin_port(admin_t *a);

/* Answers on this socket, which listens and does not block; takes `fd` in every case. Before admin_run. */
int admin_listen(admin_t *a, admin_kind_t kind, int fd, error_t *err);

/* Works until admin_stop was called, by any thread, and the wake-up rung. */
void admin_run(admin_t *a);
void admin_stop(admin_t *a);

/* Closes all sockets. Not while it runs, nor while the engine steps. Sets *a to NULL. */
void admin_free(admin_t **a);
