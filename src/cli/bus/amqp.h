/* SPDX-License-Identifier: Apache-2.0
 *
 * amqp.h: a connection by librabbitmq with one channel: what both of its files know. */
#pragma once

#include <amqp.h>

#include "cli/bus/wire.h"

#define AMQP_CHANNEL 1

/* Publishes without a confirm at any time; more wait. */
#define AMQP_WINDOW 256

/* Nothing of a broker for so long, and it is taken for dead (twice the interval). */
#define AMQP_HEARTBEAT_S 30

struct wire {
    const bus_options_t *options;
    const url_amqp_t *url;
    amqp_connection_state_t connection; /* NULL: none */
    bool closed;                        /* the broker ended it */
    amqp_bytes_t queue;                 /* of ours: for replies, a subscription, a handler; owned */
    bus_counts_t counts;
    uint64_t oldest; /* the oldest publish (from 1 on) without a confirm */
    bool settled[AMQP_WINDOW];
    bus_code_t broken; /* not BUS_OK: found while an event was handled, said by the next call */
    error_t why;
};

/* ---- amqp_wait.c: what the broker says ---- */

static inline bytes_t amqp_view(amqp_bytes_t b)
{
    return bytes_make(b.bytes, b.len);
}

static inline amqp_bytes_t amqp_from(bytes_t b)
{
    return (amqp_bytes_t){.len = b.len, .bytes = (void *)(uintptr_t)b.data};
}

/* Judges the answer to a request: BUS_OK, or what `doing` came to. */
bus_code_t amqp_judge(wire_t *w, amqp_rpc_reply_t reply, const char *doing, error_t *err);
bus_code_t amqp_lost(int status, const char *doing, error_t *err);

/* Takes the next thing that the broker says; a delivery is put into `m` (NULL: none is expected), which is told by *came;
 * confirms and returns are counted. Waits until the deadline at most. */
bus_code_t amqp_next(wire_t *w, bus_message_t *m, bool *came, uint64_t deadline_ms, error_t *err);
