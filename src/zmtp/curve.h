/* SPDX-License-Identifier: Apache-2.0
 *
 * curve.h: the boxes of CURVE (RFC 26, as libzmq makes them): what is in its commands, and its traffic. Private to this
 * room; the handshake's order and who may come in are mechanism_curve.c's.
 *
 * Each side has a pair of keys for ever (the bus's) and one for the connection; nothing is kept of the latter but the
 * key that the two sides share. All functions of `bool` say false for what does not open, is not exactly as long as it
 * must be, or was sent before (its counter does not rise): then the connection is closed, without a word. */
#pragma once

#include "zmtp/zmtp.h"

/* One connection's. */
typedef struct zmtp_curve {
    bool client;
    zmtp_command_id_t awaits; /* the handshake's next command; MESSAGE: it is over */
    uint64_t sent, received;  /* counters of each direction, over all commands that have one; 0: none yet */
    uint8_t key
        [ZMTP_CURVE_KEY_BYTES]; /* of the traffic. Before: a server's, of its cookie; a client's secret one */
} zmtp_curve_t;

zmtp_curve_t *zmtp_curve_new(bool client);

/* Wipes it first. Sets *c to NULL; *c may be NULL. */
void zmtp_curve_free(zmtp_curve_t **c);

/* ---- a server's side ---- */

/* HELLO's data in, a WELCOME frame out. Draws, in this order: the secret key of the connection, the key of the cookie, and
 * a nonce for each of cookie and WELCOME. The first goes into the cookie and is forgotten until it comes back. */
bool zmtp_curve_answer_hello(zmtp_curve_t *c, const zmtp_bus_t *bus, const random_source_t *random,
                             bytes_t hello, buffer_t *out);

/* Views into what was opened. */
typedef struct zmtp_curve_initiate {
    bytes_t
        client_key; /* 32 octets, and the peer has their secret: the vouch is for this connection and for us */
    bytes_t metadata;
} zmtp_curve_initiate_t;

/* INITIATE's data. `plain` is filled with what is in it, and must be freed in any case. */
bool zmtp_curve_open_initiate(zmtp_curve_t *c, const zmtp_bus_t *bus, bytes_t initiate, buffer_t *plain,
                              zmtp_curve_initiate_t *out);

/* A READY frame; traffic may follow. */
void zmtp_curve_write_ready(zmtp_curve_t *c, bytes_t metadata, buffer_t *out);

/* ---- a client's side: bus->server_key is whom it wants ---- */

/* A HELLO frame. Draws the secret key of the connection. False if the server's key is none that can be spoken to. */
bool zmtp_curve_write_hello(zmtp_curve_t *c, const zmtp_bus_t *bus, const random_source_t *random,
                            buffer_t *out);

/* WELCOME's data in, an INITIATE frame out. Draws the nonce of the vouch. */
bool zmtp_curve_answer_welcome(zmtp_curve_t *c, const zmtp_bus_t *bus, const random_source_t *random,
                               bytes_t welcome, bytes_t metadata, buffer_t *out);

/* READY's data; `metadata` is filled, and must be freed in any case. */
bool zmtp_curve_open_ready(zmtp_curve_t *c, bytes_t ready, buffer_t *metadata);

/* ---- traffic: a frame in a MESSAGE, whose own frame has no flag (libzmq drops it if it has COMMAND) ---- */

/* The body of a frame that came after READY. Replaces what is in `plain` by that of the frame within; `flags` are MORE,
 * COMMAND or none. */
bool zmtp_curve_open(zmtp_curve_t *c, bytes_t message_body, buffer_t *plain, uint8_t *flags);

/* Writes a whole frame with such a frame within, or nothing (out->failed). */
void zmtp_curve_seal(zmtp_curve_t *c, uint8_t flags, bytes_t body, buffer_t *out);
