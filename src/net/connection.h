/* SPDX-License-Identifier: Apache-2.0
 *
 * connection.h: one accepted socket, its session and the transport the session sees. Private to this room.
 *
 *   OPEN       reads and writes
 *   CLOSING    the session called close: what waits is sent, what arrives is thrown away
 *   LINGERING  all is sent and our end is shut; waiting for the peer's end, so that what we sent last is not lost
 *              by a reset, which a close with unread input would cause
 *   DEAD       the socket is closed; `ended` is due at the next safe place of the loop
 *
 * An idle connection owns this struct and an empty output, nothing else. */
#pragma once

#include "base/session.h"
#include "net/net_internal.h"

typedef enum connection_state {
    CONNECTION_OPEN,
    CONNECTION_CLOSING,
    CONNECTION_LINGERING,
    CONNECTION_DEAD
} connection_state_t;

/* Input that the session did not consume. */
typedef struct leftover {
    uint8_t *data;
    size_t len;
    size_t capacity;
} leftover_t;

typedef struct connection {
    transport_t transport; /* first: a transport_t * is a connection_t * */
    net_source_t source;
    net_timer_t timer; /* OPEN: the session's deadline; then: the end of lingering */
    list_t node;       /* in loop->connections or loop->dead */
    list_t dirty;
    list_t resumed;
    leftover_t leftover;
    const char *reason; /* DEAD: why */
    uint32_t armed;     /* the events epoll waits for */
    uint8_t state;      /* connection_state_t */
    bool detached; /* not in epoll: nothing is wanted, and the hang-up it would tell all the time is known */
    bool reading;  /* the session wants input */
    bool paused;   /* too much output waits */
    bool resume_wanted; /* the leftover is to be given again once `paused` ends */
    bool blocked;       /* the socket took not all: wait until it is writable */
    bool input_ended;   /* the peer shut its end while we were CLOSING */
} connection_t;

_Static_assert(sizeof(connection_t) <= 512, "an idle connection must cost little");

/* ---- connection.c ---- */

void connection_move(connection_t *c, connection_state_t to);

/* Closes the socket now; `ended` follows at a safe place. `reason` must be a constant text. */
void connection_end(connection_t *c, const char *reason);

/* The same for an error number: with its text. */
void connection_end_errno(connection_t *c, int number);

/* To be seen by net_flush. */
void connection_mark_dirty(connection_t *c);

/* ---- connection_read.c ---- */

/* True if the connection reads its socket now. */
bool connection_wants_input(const connection_t *c);

/* Reads once and gives the session what came. */
void connection_read(connection_t *c);

/* Gives the session its leftover again, unless it stopped reading or too much output waits. */
void connection_resume(connection_t *c);

void leftover_free(leftover_t *left);

/* ---- connection_write.c ---- */

/* Sends what waits, calls `drained`, and tells epoll what the connection wants now. */
void connection_flush(connection_t *c);

/* The socket hung up while nothing of it is wanted. */
void connection_hung_up(connection_t *c);
