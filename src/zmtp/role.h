/* SPDX-License-Identifier: Apache-2.0
 *
 * role.h: what a peer is in the broker, by its socket type and the port it is on. */
#pragma once

#include "zmtp/zmtp.h"

typedef enum zmtp_role {
    ZMTP_ROLE_NONE, /* it has no place there */
    ZMTP_ROLE_PUBLISHER,
    ZMTP_ROLE_SUBSCRIBER,
    ZMTP_ROLE_ASKER, /* REQ, DEALER on a bus port: publishes events and is told what became of them; or a handler */
    ZMTP_ROLE_SENDER,  /* puts messages into the queue */
    ZMTP_ROLE_PULLER,  /* takes them, and has them when they are in its socket */
    ZMTP_ROLE_DURABLE, /* a SUB on a queue port: the same, and its prefixes are the queue's */
    ZMTP_ROLE_CALLER,  /* REQ, DEALER on a queue port: RPC */
    ZMTP_ROLE_WORKER,  /* REP, ROUTER on a queue port: takes messages and answers them */
} zmtp_role_t;

zmtp_role_t zmtp_role_of(const zmtp_bus_t *bus, zmtp_socket_type_t peer);
