/* SPDX-License-Identifier: Apache-2.0
 *
 * io_side.h: connections and their sessions: one loop, one port to the engine, the sessions of both wires, and connections
 * that we open; on a thread of its own, or on the main thread together with the engine. */
#pragma once

#include <stdatomic.h>

#include "amqp/amqp.h"
#include "daemon/dialler.h"
#include "daemon/wire.h"
#include "net/net.h"
#include "os/os.h"

typedef struct io_options {
    net_options_t net;
    amqp_options_t amqp;
    zmtp_options_t zmtp;
    size_t ring_items;
    uint64_t ring_bytes;
} io_options_t;

/* A socket, and the port of the listener that accepted it. */
typedef struct io_accepted {
    int fd;
    const zmtp_bus_t *bus;
} io_accepted_t;

typedef struct io_side {
    net_loop_t *loop;
    port_t port;
    bool has_port;
    amqp_io_t *amqp;
    zmtp_io_t *zmtp;
    wire_t wire;
    dialler_t **diallers;
    size_t dialler_count;
    uint64_t adopted;              /* sockets ever made connections */
    _Atomic uint64_t handed, gone; /* sockets ever given to this side, and those of them that are closed */

    /* with a thread of its own */
    os_thread_t *thread;
    os_wakeup_t *wakeup;
    os_wakeup_t *engine_wakeup;
    os_wakeup_t *main_wakeup;
    lane_t *accepted; /* io_accepted_t, from the main thread */
    atomic_bool shutdown_asked, quit_asked;
    atomic_bool drained; /* shut down, and nobody is left */
    bool shutting_down;
} io_side_t;

/* The port is there afterwards, to be attached to the engine. io_side_deinit in every case. */
int io_side_init(io_side_t *io, const io_options_t *options, error_t *err);

/* Closes what is open. The engine must not step any more. */
void io_side_deinit(io_side_t *io);

/* Gives events to sessions; true if not all were taken. */
bool io_side_take_events(io_side_t *io);

/* Lets sessions go on that waited for room in the port. */
void io_side_resume(io_side_t *io);

/* After the engine stepped (or while it does, elsewhere): gives events to sessions, lets them go on, sends.
 * True if the engine has something new to look at. `*again` is set if not all events were taken. */
bool io_side_turn(io_side_t *io, bool *again);

/* Makes a socket one of its connections. */
void io_side_adopt(io_side_t *io, const io_accepted_t *accepted);

/* Keeps a connection to this port's peer, from the next turn on. Before the side runs. */
void io_side_dial(io_side_t *io, const bus_port_t *port, random_source_t random, const log_t *log);

/* Sessions of both wires, also those whose socket is gone but that the engine has not let go. */
size_t io_side_sessions(const io_side_t *io);

/* Dials no more, and lets the sessions close that have not opened anything; the engine ends the others. */
void io_side_shut_down(io_side_t *io);

/* Closes all sockets. */
void io_side_close_sockets(io_side_t *io);

/* Connections of this side, with those on their way to it. Any thread may ask. */
uint64_t io_side_load(const io_side_t *io);

/* Nobody is connected, and the engine has let go of everybody. */
bool io_side_empty(const io_side_t *io);

/* ---- with a thread of its own ---- */

/* `main_wakeup` is rung when it has drained. */
int io_side_prepare_thread(io_side_t *io, os_wakeup_t *engine_wakeup, os_wakeup_t *main_wakeup, error_t *err);
int io_side_start(io_side_t *io, size_t number, error_t *err);

/* From the main thread: hands over an accepted socket; then, for what the hand-over ring had no room for,
 * again until it returns 0. */
void io_side_hand_over(io_side_t *io, const io_accepted_t *accepted);
size_t io_side_flush_accepted(io_side_t *io);

/* From the main thread: closes what has not been opened, and waits for the others to be closed by the engine.
 */
void io_side_ask_shutdown(io_side_t *io);

/* Ends the thread: it closes all sockets and waits, a second at most, for the engine to let go; the engine
 * must still step. io_side_join waits for that, and closes what was handed over too late. */
void io_side_ask_quit(io_side_t *io);
void io_side_join(io_side_t *io);
