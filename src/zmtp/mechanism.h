/* SPDX-License-Identifier: Apache-2.0
 *
 * mechanism.h: what stands between the greetings and the first message: who the peer is, and what it is there for. One
 * file a mechanism; session_*.c knows them by this table alone.
 *
 * A refusal that is for good is said with ERROR, after which libzmq never comes back; every other one is a closed
 * socket, after which it does. */
#pragma once

#include "zmtp/curve.h"
#include "zmtp/zmtp.h"

typedef enum zmtp_step {
    ZMTP_STEP_MORE,    /* a command of the peer's comes next */
    ZMTP_STEP_DONE,    /* READY was sent and received: traffic begins */
    ZMTP_STEP_REFUSED, /* why says it; what stands in `out` is still sent */
} zmtp_step_t;

/* Of one connection, from the whole greeting to its end. */
typedef struct zmtp_handshake {
    const zmtp_bus_t *bus;
    const zmtp_options_t *options;
    bool dialled;  /* we opened it, and speak first */
    bool loopback; /* the peer is on this machine */
    zmtp_version_t version;
    zmtp_socket_type_t ours; /* dialled: bus->dial_as; else chosen by the peer's */
    zmtp_socket_type_t peer; /* NONE until it said so */
    uint8_t identity[ZMTP_IDENTITY_MOST_BYTES];
    uint8_t identity_len;
    char user[256];      /* who it is, once known */
    char why[160];       /* REFUSED: for the log */
    bool for_good;       /* REFUSED: trying again is useless */
    zmtp_curve_t *curve; /* NULL but for CURVE, whose traffic goes through it */
} zmtp_handshake_t;

typedef struct zmtp_mechanism_ops {
    /* Both greetings are whole. */
    void (*begin)(zmtp_handshake_t *h, buffer_t *out);

    /* The next command of the peer. `out` takes what is sent in return. */
    zmtp_step_t (*command)(zmtp_handshake_t *h, const zmtp_command_t *c, buffer_t *out);

    /* The connection is over: frees what `begin` made. Once for each begin. */
    void (*end)(zmtp_handshake_t *h);
} zmtp_mechanism_ops_t;

/* Not of UNKNOWN. */
const zmtp_mechanism_ops_t *zmtp_mechanism_ops(zmtp_mechanism_t m);

extern const zmtp_mechanism_ops_t zmtp_mechanism_null, zmtp_mechanism_plain, zmtp_mechanism_curve;

/* ---- what they share (mechanism.c) ---- */

/* Notes why, and returns REFUSED. */
zmtp_step_t zmtp_handshake_refuse(zmtp_handshake_t *h, bool for_good, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The peer's metadata: notes its type and identity and chooses ours. DONE, or REFUSED: malformed (come again), or a type
 * that has no place on this port or does not fit what we dialled as (for good). */
zmtp_step_t zmtp_handshake_meet(zmtp_handshake_t *h, bytes_t metadata);

/* The same for a peer whose type is known (2.0). */
zmtp_step_t zmtp_handshake_meet_type(zmtp_handshake_t *h, zmtp_socket_type_t peer);

/* A command that has no place now, ERROR among them. */
zmtp_step_t zmtp_handshake_unexpected(zmtp_handshake_t *h, const zmtp_command_t *c);

/* NULL, and CURVE without a list of keys: the port's user. REFUSED, for good, if it may not be had from there. */
zmtp_step_t zmtp_handshake_anonymous(zmtp_handshake_t *h);
