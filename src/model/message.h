/* SPDX-License-Identifier: Apache-2.0
 *
 * message.h: a message: envelope, properties and body in one allocation.
 *
 * Born in a wire room (message_new, message_append), handed to the engine with a publish command, from then on
 * counted by the engine alone (plain integers, one thread), lent to connections by delivery events, freed by
 * message_free in one engine function. Its octets never change once it was handed over. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

typedef struct message {
    uint32_t references; /* the engine's; 0 in a wire room */
    uint8_t exchange_len;
    uint8_t routing_key_len;
    bool persistent; /* delivery-mode 2 */
    uint32_t properties_len;
    uint64_t body_len;      /* octets of body present */
    uint64_t body_capacity; /* room for body in this allocation */
    uint8_t octets[];       /* exchange, routing key, properties, body */
} message_t;

/* A message with room for `body_capacity` octets of body, and no body yet. Strings are ≤ 255 octets.
 * `properties` need not be valid; `persistent` is read from it when it is. */
message_t *message_new(bytes_t exchange, bytes_t routing_key, bytes_t properties, uint64_t body_capacity);

/* Appends octets to the body of a message that nobody else knows yet; may move it. Capacity at least doubles, but
 * never beyond `body_total`, so memory follows what has arrived, not what was announced. */
message_t *message_append(message_t *m, bytes_t octets, uint64_t body_total);

/* A copy with other properties, references 0. */
message_t *message_with_properties(const message_t *m, bytes_t properties);

void message_free(message_t *m);

bytes_t message_exchange(const message_t *m);
bytes_t message_routing_key(const message_t *m);
bytes_t message_properties(const message_t *m);
bytes_t message_body(const message_t *m);

/* Octets of memory it occupies. */
size_t message_bytes(const message_t *m);
