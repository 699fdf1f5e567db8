/* SPDX-License-Identifier: Apache-2.0
 *
 * port.h: where an I/O thread and the engine meet: a lane of commands, a lane of events, and on the I/O side the
 * table of clients that events belong to. A client is one connection of any wire. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/lane.h"
#include "base/meter.h"
#include "model/command.h"
#include "model/event.h"

typedef struct port_client port_client_t;

/* Takes the event in every case (frees what it owns). */
typedef void port_event_t(port_client_t *client, event_t *e);

struct port_client {
    port_event_t *on_event;
    uint32_t number; /* its connection number; 0: not registered */
};

typedef struct port {
    lane_t *commands; /* I/O thread → engine */
    lane_t *events;   /* engine → I/O thread */
    meter_t bytes;    /* of messages in `commands`: few places in a ring may be very much memory */
    uint64_t bytes_most;
    uint64_t dispatched; /* events, so far; I/O side */
    uint64_t told;       /* of them, those that a COMMAND_TURN has told of */

    /* I/O side */
    port_client_t **clients; /* by number; a free place is NULL */
    uint32_t clients_capacity;
    uint32_t clients_count;
    uint32_t unused_number; /* from here up never given to anyone */
    uint32_t *free_numbers; /* given back; room for clients_capacity of them */
    uint32_t free_count;
} port_t;

/* Lanes for `ring_items` commands and events each; bytes_most without limit, until it is set. */
void port_init(port_t *p, size_t ring_items);
void port_deinit(port_t *p);

/* I/O side: gives the client a number ≥ 1 that no other client of this port has. */
void port_register(port_t *p, port_client_t *client);

/* I/O side: pushes COMMAND_CONNECTION_RELEASE and frees the number. Not before EVENT_CONNECTION_CLOSED. */
void port_unregister(port_t *p, port_client_t *client);

/* I/O side: how many commands a session may push now; 0: stop parsing input. None while messages of bytes_most octets
 * are on their way. */
size_t port_room(port_t *p);

/* Engine's side: takes the oldest command; false if there is none. */
bool port_take(port_t *p, command_t *c);

/* I/O side: pushes `c` in the client's name. Always takes it (base/lane.h). */
void port_push(port_t *p, const port_client_t *client, command_t *c);

/* I/O side: hands up to `max` events to their clients. Returns how many. */
size_t port_dispatch(port_t *p, size_t max);

/* I/O side: tells the engine, if there were events, that what they said has been written to the sockets. */
void port_turn(port_t *p);

/* I/O side: makes what was pushed visible and gives room of events back; true if the engine should be woken. */
bool port_flush(port_t *p);
