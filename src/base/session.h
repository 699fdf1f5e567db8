/* SPDX-License-Identifier: Apache-2.0
 *
 * session.h: the seam between the network room, which knows no protocol, and the wire rooms, which know no socket.
 *
 * net accepts a connection, makes a transport for it and opens a session of the listener's kind. From then on it
 * calls the session's functions below, always on the thread of that connection's loop, and the session calls the
 * transport's. From within `input` a session may give its transport to another one (transport->session), to which all
 * that follows goes; it is told nothing any more. Life: the transport is valid until the session's `ended` has been called; after that the session
 * owns itself (it may have to wait for the engine) and frees itself. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/output.h"

typedef struct session session_t;
typedef struct transport transport_t;

/* What the network room does for a session. */
typedef struct transport_kind {
    /* The session wrote to `output`: send it at the end of this turn of the loop. */
    void (*flush)(transport_t *t);

    /* Closes the socket once `output` is drained, or after `linger_ms` at the latest; input is no longer given to
     * the session. `ended` follows from the loop, never from within this call. */
    void (*close)(transport_t *t, uint64_t linger_ms);

    /* The one deadline of the session: `deadline` is called at or after `at_ms`; 0 cancels it. */
    void (*set_deadline)(transport_t *t, uint64_t at_ms);

    /* False: stop reading the socket; true: go on (and give again the input that was left). */
    void (*set_reading)(transport_t *t, bool on);

    /* From now on the kernel takes little that the peer has not taken: what is sent to this one could go to another. */
    void (*bound_unsent)(transport_t *t);

    /* The loop's time, taken once a turn. */
    uint64_t (*now_ms)(const transport_t *t);
} transport_kind_t;

struct transport {
    const transport_kind_t *kind;
    output_t *output;
    session_t *session;
    char peer[64];     /* "127.0.0.1:40112", "[::1]:40112", "unix" */
    char local[64];    /* the same of our end */
    bool loopback;     /* the peer is on this machine */
    uint64_t since_ms; /* loop time at which the connection came to be: a handshake's time runs from here */
    uint64_t
        bounded_bytes; /* the session's: octets in `output` that it bounds by itself (deliveries, by credit) */
};

/* What a session does. */
typedef struct session_kind {
    /* Octets arrived. Returns how many were consumed; the rest comes again, in front of what follows, when more
     * has arrived or when set_reading(true) was called. A session that cannot go on now
     * (ring full) calls set_reading(false) and returns. */
    size_t (*input)(session_t *s, bytes_t octets);

    /* Output was drained further (output_sent rose). */
    void (*drained)(session_t *s);

    /* The deadline set by set_deadline has come. */
    void (*deadline)(session_t *s);

    /* The socket is gone: closed by us, by the peer (reason "closed by peer") or by an error (its text). The
     * transport is freed after this call; the session must not touch it again. */
    void (*ended)(session_t *s, const char *reason);

    /* The daemon is shutting down; a session that has not opened anything yet should close. */
    void (*shutdown)(session_t *s);
} session_kind_t;

struct session {
    const session_kind_t *kind;
};

/* How a listener makes sessions: `open` returns the new session for `t`, or NULL to drop the connection. It must
 * send nothing by itself: a server that speaks first could not tell protocols apart by the first octet. */
typedef struct session_factory {
    session_t *(*open)(void *context, transport_t *t);
    void *context;
} session_factory_t;
