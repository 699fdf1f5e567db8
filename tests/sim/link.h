/* SPDX-License-Identifier: Apache-2.0
 *
 * link.h: a simulated connection between a client and a session: what net/ does with a socket, on two buffers.
 *
 * Octets arrive in pieces of any size, as late as the caller likes; either end may stop reading, say that it has said
 * all, or be gone with what was on its way. The server's end keeps net/'s promises of base/session.h: input that was
 * not consumed comes again, `ended` comes once, from no other call of the session's. */
#pragma once

#include "base/session.h"

typedef struct link link_t;

typedef struct link_options {
    const uint64_t *now_ms;
    size_t pipe_bytes;           /* what the network takes of the server before the client has read it */
    uint64_t output_pause_bytes; /* net/'s setting: above it the peer is not read */
} link_options_t;

/* Opens a session. */
link_t *link_new(const session_factory_t *factory, const link_options_t *options);

/* The server's end must be over. Sets *l to NULL. */
void link_free(link_t **l);

/* ---- the client's end ---- */

void link_send(link_t *l, bytes_t octets);

/* Octets sent that the session has not consumed. */
size_t link_unsent(const link_t *l);

/* Appends at most `most` octets that have come from the server to `out`; returns how many. */
size_t link_receive(link_t *l, size_t most, buffer_t *out);

/* True if the server's end was shut and all before it was received. */
bool link_at_end(const link_t *l);

/* Nothing more will be sent; what was, arrives. */
void link_shut(link_t *l);

/* Nothing more will be sent or received; of what is on its way to the server, `kept` octets arrive. */
void link_break(link_t *l, size_t kept);

/* ---- the server's end ---- */

/* One turn of the loop: takes at most `in` octets, sends at most `out`. */
void link_turn(link_t *l, size_t in, size_t out);

/* True if a turn, with all that it may take, would do anything. */
bool link_is_due(const link_t *l);

/* All that the session has written is on its way, whatever the network can take. */
void link_flush_all(link_t *l);

/* The process has died. */
void link_end(link_t *l);

/* True if the session was told that the connection has ended. */
bool link_is_over(const link_t *l);

/* True if the session has not asked to close it, and it is not over. */
bool link_is_open(const link_t *l);

/* When the session was last given octets. */
uint64_t link_heard_ms(const link_t *l);

/* Octets that were sent to the client and that it has not received. */
size_t link_on_its_way(const link_t *l);

/* Octets that the session has written and the network has not taken, of those that it bounds by itself. */
uint64_t link_bounded(const link_t *l);
