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

/* Octets of a body that are in the log, not in memory. */
typedef struct message_part {
    uint64_t record; /* of the PART record */
    uint64_t bytes;
} message_part_t;

typedef struct message {
    uint32_t references; /* the engine's; 0 in a wire room */
    uint8_t exchange_len;
    uint8_t routing_key_len;
    bool persistent; /* delivery-mode 2 */
    bool damaged;    /* the engine's: a part of it cannot be read */
    uint32_t properties_len;
    uint32_t part_count;
    message_part_t
        *parts; /* the body's beginning, if it is large and persistent: what is present here is its rest */
    uint64_t record;    /* the engine's: number of its record in the log; 0: none */
    uint64_t seq;       /* the engine's: its place in the order of a synchronous exchange; 0: none */
    uint64_t body_len;  /* octets of body present */
    uint32_t view;      /* of the exchange, at `seq` */
    uint32_t allocated; /* octets of this allocation: bodies have far fewer than 4 GiB */
    uint8_t octets[];   /* exchange, routing key, properties, body */
} message_t;

/* A message with room for `body_capacity` octets of body, and no body yet. Strings are ≤ 255 octets.
 * `properties` need not be valid; `persistent` is read from it when it is. */
message_t *message_new(bytes_t exchange, bytes_t routing_key, bytes_t properties, uint64_t body_capacity);

/* The same with its whole body. */
message_t *message_new_whole(bytes_t exchange, bytes_t routing_key, bytes_t properties, bytes_t body);

/* Appends octets to the body of a message that nobody else knows yet; may move it. Capacity at least doubles, but
 * never beyond `body_total` (and what allocators add to a size), so memory follows what has arrived, not what was announced. */
message_t *message_append(message_t *m, bytes_t octets, uint64_t body_total);

/* A copy with other properties, references 0. */
message_t *message_with_properties(const message_t *m, bytes_t properties);

/* Sets the parts that come before the octets present; takes `parts` (mem_free). */
void message_set_parts(message_t *m, message_part_t *parts, uint32_t part_count);

void message_free(message_t *m);

static inline bytes_t message_exchange(const message_t *m)
{
    return bytes_make(m->octets, m->exchange_len);
}

static inline bytes_t message_routing_key(const message_t *m)
{
    return bytes_make(m->octets + m->exchange_len, m->routing_key_len);
}

static inline bytes_t message_properties(const message_t *m)
{
    return bytes_make(m->octets + m->exchange_len + m->routing_key_len, m->properties_len);
}

/* What of it is present: all, but for a message with parts. */
static inline bytes_t message_body(const message_t *m)
{
    bytes_t before = message_properties(m);
    return bytes_make(before.data + before.len, (size_t)m->body_len);
}

/* Properties and body, as they stand end to end: the content of its record. */
bytes_t message_content(const message_t *m);

/* Octets of the whole body, with its parts. */
uint64_t message_body_bytes(const message_t *m);

/* Octets of memory it occupies (its parts are not there). */
static inline size_t message_bytes(const message_t *m)
{
    return m->allocated + m->part_count * sizeof(message_part_t);
}
