/* SPDX-License-Identifier: Apache-2.0
 *
 * dialler.h: a bus.connect.NAME: keeps one connection to a ZMTP peer that listens itself. Belongs to the thread of one I/O
 * side. */
#pragma once

#include "base/clock.h"
#include "daemon/bus.h"
#include "net/net.h"

typedef struct dialler dialler_t;

typedef struct dialler_options {
    net_loop_t *loop;
    zmtp_io_t *zmtp;
    const bus_port_t *port;
    random_source_t random;
    const log_t *log;

    /* A connection came to be. */
    void (*connected)(void *context);
    void *context;
} dialler_options_t;

/* Dials in the loop's next turn. The options' pointers must outlive it. */
dialler_t *dialler_new(const dialler_options_t *options);

/* Dials no more; what is connected goes on until its session ends. Before its loop goes. */
void dialler_stop(dialler_t *d);

/* After the loop. Sets *d to NULL. */
void dialler_free(dialler_t **d);
