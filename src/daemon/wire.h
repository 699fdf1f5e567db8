/* SPDX-License-Identifier: Apache-2.0
 *
 * wire.h: which protocol a peer speaks that connected to us: ZMTP begins with the octet ff, and everything else is for
 * AMQP to answer. */
#pragma once

#include "amqp/amqp.h"
#include "zmtp/zmtp.h"

/* The sessions of one I/O thread. */
typedef struct wire {
    session_factory_t amqp;
    zmtp_io_t *zmtp;
    uint64_t silence_ms; /* time for the first octet */
} wire_t;

/* What a connection is for: the context of wire_factory. */
typedef struct wire_door {
    const wire_t *wire;
    const zmtp_bus_t *bus; /* of its listener */
} wire_door_t;

/* Makes sessions that say nothing and become, with the first octet, one of the wire that it belongs to. `door` is not kept
 * behind net_adopt; what it names must outlive the connections. */
session_factory_t wire_factory(wire_door_t *door);
