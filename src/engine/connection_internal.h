/* SPDX-License-Identifier: Apache-2.0
 *
 * connection_internal.h: connections: channels, loans, what holds them back. */
#pragma once

#include "engine/channel_internal.h"

typedef struct engine_port engine_port_t;

typedef enum connection_state {
    CONNECTION_OPEN,
    CONNECTION_CLOSING, /* channels and exclusive queues are going */
    CONNECTION_CLOSED,  /* EVENT_CONNECTION_CLOSED was sent; loans may be out */
} connection_state_t;

struct connection {
    list_t link; /* engine.connections */
    engine_t *engine;
    engine_port_t *port;
    uint32_t number;
    connection_state_t state;
    vhost_t *vhost;
    opening_t *opening;
    hash_node_t by_identity; /* in engine.identities, if it has one and is open */
    hash_table_t channels;
    channel_t *last_channel; /* the one looked up last */
    list_t exclusive_queues;
    uint32_t queues_leaving; /* exclusive queues whose consumers and bindings are still going */

    /* Loans, oldest first; returned by number. */
    message_t **loans; /* circular */
    size_t loans_capacity, loans_head, loans_length;
    uint64_t loans_returned;
    uint64_t output_bytes; /* lent and not yet sent */
    list_t stalled;        /* consumers waiting for the peer to read */
    uint64_t full_at;      /* engine_port.emitted when the first of them began to */
    list_t streams;        /* streams waiting for the same */

    uint64_t held_bytes;       /* of parked publishes */
    uint64_t unfinished_bytes; /* of bodies on their way (COMMAND_HELD) */
    uint32_t parked_count;
    bool reading_paused;
    bool close_pending;  /* a goodbye that waits for parked commands */
    bool leaving;        /* it said goodbye: nobody takes from its exclusive queues any more */
    list_t blocked_link; /* engine.blocked while its publishes are held back */
    refusal_t *why;      /* on its way to EVENT_CONNECTION_CLOSED */
    job_t closing;
};

/* connection.c */
void connection_open(engine_t *e, engine_port_t *p, command_t *c);
hash_key_of_t connection_identity;
connection_t *connection_find(engine_port_t *p, uint32_t number);
/* Takes `why` (may be NULL). `drop`: parked commands are dropped, else carried out first. */
void connection_close(connection_t *c, refusal_t *why, bool drop);
void connection_shutdown(connection_t *c); /* 320: the broker goes down */
/* Starts a goodbye that waited, if nothing is parked any more. */
void connection_check_pending(connection_t *c);
void connection_release(connection_t *c);
/* Stops and resumes reading by what is parked. */
void connection_check_reading(connection_t *c);
channel_t *channel_find(connection_t *c, uint16_t number);
