/* SPDX-License-Identifier: Apache-2.0
 *
 * sync.h: a synchronous event as it is on the wire, octet by octet, for both loads that send them.
 *
 *     publisher → broker   [id][""][topic][payload]     64 octets with all heads
 *     broker → handler     [eid][""][topic][payload]
 *     handler → broker     [eid][""][result]
 *     broker → publisher   [id][""][report]             a JSON object */
#pragma once

#include "client.h"

#define EVENT_BYTES 64
#define EVENT_TOPIC BYTES("bench.ev")

/* A DEALER that has joined: it said which events it handles, and the broker has said so too. */
int handler_open(bus_client_t *c, uint16_t port, error_t *err);

/* Writes the event of that number, which is its id. */
void event_write(buffer_t *out, uint64_t number);

/* Writes the answer to an event that came to a handler. */
int event_answer(buffer_t *out, const bus_message_t *event, error_t *err);

/* The number of the event that was reported; -1 if the report is none or says that not all `handlers` have done it. */
int report_read(const bus_message_t *report, size_t handlers, uint64_t *number, error_t *err);
