/* SPDX-License-Identifier: Apache-2.0
 *
 * zmtp.h: a connection by libzmq: what both of its files know. */
#pragma once

#include <zmq.h>

#include "cli/bus/wire.h"

struct wire {
    const bus_options_t *options;
    const wire_address_t *address;
    void *context, *socket, *monitor; /* NULL: closed */
    bus_counts_t counts;
};

/* ---- zmtp_connect.c ---- */

/* A socket for the role, connected: the handshake has gone well. */
bus_code_t zmtp_connect(wire_t *w, error_t *err);

/* Closes what there is. What has not left within `linger_ms` is dropped; false if that took until then. */
bool zmtp_close(wire_t *w, int linger_ms);

/* True once the connection is gone. */
bool zmtp_is_lost(wire_t *w);

int zmtp_set_text(wire_t *w, int option, const char *value);

/* Says why, and gives BUS_LOST or BUS_REFUSED. */
bus_code_t zmtp_lost(error_t *err, const char *why);
bus_code_t zmtp_refused(const wire_t *w, error_t *err, const char *why);
