/* SPDX-License-Identifier: Apache-2.0
 *
 * properties.h: the basic properties of a message, kept as the octets they came in: the flags word and the list of
 * values, exactly as in a content header after body-size (AMQP 0-9-1 §4.2.6.1).
 *
 * Octets that nobody edits are passed on unchanged, to the bit. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

/* In the order of their values; the flag of property p is bit 15 - p. */
typedef enum property {
    PROPERTY_CONTENT_TYPE,
    PROPERTY_CONTENT_ENCODING,
    PROPERTY_HEADERS,
    PROPERTY_DELIVERY_MODE,
    PROPERTY_PRIORITY,
    PROPERTY_CORRELATION_ID,
    PROPERTY_REPLY_TO,
    PROPERTY_EXPIRATION,
    PROPERTY_MESSAGE_ID,
    PROPERTY_TIMESTAMP,
    PROPERTY_TYPE,
    PROPERTY_USER_ID,
    PROPERTY_APP_ID,
    PROPERTY_CLUSTER_ID,
    PROPERTY_COUNT
} property_t;

/* True if the octets are whole: flags without continuation (bit 0; bit 1 is ignored), every announced value there,
 * the headers table valid, nothing behind. */
bool properties_valid(bytes_t properties);

/* The flags word; 0 if it is not whole. */
static inline uint16_t properties_flags(bytes_t properties)
{
    bytes_reader_t r = bytes_reader(properties);
    return read_u16(&r);
}

/* True if the flag of `p` is set. `properties` must be valid (so for all functions below). */
bool properties_has(bytes_t properties, property_t p);

/* The value of `p`: a short string's text, the table's content, or the octets of delivery-mode (1), priority (1),
 * timestamp (8). False if it is absent. */
bool properties_get(bytes_t properties, property_t p, bytes_t *value);

/* delivery-mode = 2; anything else, or none, is transient. */
bool properties_persistent(bytes_t properties);

/* The content of the headers table; empty if there is none. */
bytes_t properties_headers(bytes_t properties);

/* Writes `properties` with its headers table replaced by `headers` (table content). */
void properties_write_headers(buffer_t *b, bytes_t properties, bytes_t headers);

/* Writes `properties` with the short strings `reply_to` and `correlation_id` in place of its own. With reply_to empty: with
 * its own correlation-id, and without a reply-to. */
void properties_write_reply(buffer_t *b, bytes_t properties, bytes_t reply_to, bytes_t correlation_id);

/* Building: a u16 with the flags of what follows, then the values in the order of property_t. */
#define PROPERTY_FLAG(p) ((uint16_t)(1u << (15 - (p))))
