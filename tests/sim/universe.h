/* SPDX-License-Identifier: Apache-2.0
 *
 * universe.h: everything that a simulated history may name: a few queues and exchanges of each kind, binding keys,
 * message keys, headers. Small, so that histories meet themselves often.
 *
 * An *object* is a queue or an exchange, by one number: queues first. Sets of objects are masks. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

enum {
    QUEUES = 7,
    EXCHANGES = 9,
    OBJECTS = QUEUES + EXCHANGES,
    BINDING_KEYS = 4,
    MESSAGE_KEYS = 4, /* and, behind them, the names of the queues */
    HEADER_KINDS = 4,
    DEFAULT_EXCHANGE = 0,
};

typedef uint16_t object_mask_t;

typedef enum exchange_kind { KIND_DIRECT, KIND_FANOUT, KIND_TOPIC, KIND_HEADERS } exchange_kind_t;

typedef struct object_spec {
    const char *name;
    bool durable, auto_delete;
    bool fickle; /* may go by itself */
    /* queues */
    bool quorum;
    uint32_t expires_ms;
    /* exchanges */
    uint8_t kind;
    bool internal, predeclared;
} object_spec_t;

extern const object_spec_t object_specs[OBJECTS];

static inline bool object_is_queue(unsigned object)
{
    return object < QUEUES;
}

static inline unsigned exchange_object(unsigned exchange)
{
    return QUEUES + exchange;
}

bytes_t object_name(unsigned object);
const char *exchange_kind_name(unsigned kind);

/* Arguments of a declaration, as table content. */
void object_arguments(unsigned object, buffer_t *b);

bytes_t binding_key(unsigned key);
void binding_arguments(unsigned exchange, unsigned key, buffer_t *b);

bytes_t message_key(unsigned key);

/* Header tables of messages: content; empty for kind 0. */
void message_headers(unsigned headers, buffer_t *b);

/* Does a binding of this exchange with this key take such a message? */
bool binding_matches(unsigned exchange, unsigned key, unsigned message_key, unsigned headers);
