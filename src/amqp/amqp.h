/* SPDX-License-Identifier: Apache-2.0
 *
 * amqp.h: AMQP 0-9-1 sessions, as RabbitMQ speaks it: octets → commands, events → octets.
 *
 * One amqp_io_t belongs to one I/O thread and its port; sessions are made by its factory on that thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "auth/auth.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/session.h"
#include "model/port.h"

typedef struct amqp_io amqp_io_t;

typedef struct amqp_options {
    const char *product; /* server-properties.product: "chaski" */
    const char *version; /* three numbers: clients parse it */
    const char *cluster_name;
    uint16_t heartbeat_s;            /* offered in tune (60); 0: none */
    uint16_t channel_max;            /* offered in tune (2047); 0: no limit */
    uint32_t frame_max;              /* offered in tune (131072); 0: no limit */
    uint32_t initial_frame_max;      /* before tuning (8192) */
    uint64_t handshake_timeout_ms;   /* header to open-ok (10 000) */
    uint64_t max_message_size;       /* body octets (128 MiB) */
    uint64_t refused_login_delay_ms; /* silence before the socket of a failed login closes (3000) */
    uint64_t close_timeout_ms;       /* upper bound of waiting for close-ok (30 000) */
    uint64_t lend_bytes;             /* bodies from here on are sent from the message, not copied (4096) */
    uint64_t part_bytes;             /* larger persistent bodies travel in parts of this; 0: none (262 144) */
    const auth_t *auth;
    const log_t *log;
    random_source_t random;
} amqp_options_t;

void amqp_options_default(amqp_options_t *options);

/* `options` is copied, what it points to must outlive the amqp_io_t, as must `port`. */
amqp_io_t *amqp_io_new(const amqp_options_t *options, port_t *port);

/* After all sessions are gone. Sets *io to NULL. */
void amqp_io_free(amqp_io_t **io);

/* Makes sessions for net_adopt. */
session_factory_t amqp_io_factory(amqp_io_t *io);

/* Once a turn, after port_dispatch: lets sessions go on that stopped because the port had no room. */
void amqp_io_resume(amqp_io_t *io);

/* Sessions alive (also those whose socket is gone but that the engine has not let go). */
size_t amqp_io_sessions(const amqp_io_t *io);
