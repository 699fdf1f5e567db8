/* SPDX-License-Identifier: Apache-2.0
 *
 * wire.h: what a wire does for the bus (bus.h says what each call means). */
#pragma once

#include "cli/bus/bus.h"
#include "cli/url.h"
#include "zmtp/keys.h"

typedef struct wire wire_t;

/* Where the broker is; which of them counts is the wire's choice. */
typedef struct wire_address {
    url_amqp_t amqp;
    char *endpoint;        /* tcp://HOST:PORT */
    char *user, *password; /* of PLAIN; user "": nobody is asked for */
    bool curve;
    uint8_t server_key[ZMTP_CURVE_KEY_BYTES];
    zmtp_key_pair_t keys; /* ours: given, or made for this time: some ports want to be private only */
} wire_address_t;

typedef struct wire_calls {
    wire_t *(*create)(const bus_options_t *o, const wire_address_t *address);
    void (*destroy)(wire_t *w); /* closes it too */
    bus_code_t (*open)(wire_t *w, error_t *err);
    void (*close)(wire_t *w);
    bus_code_t (*publish)(wire_t *w, bytes_t topic, bytes_t body, uint64_t deadline_ms, error_t *err);
    bus_code_t (*flush)(wire_t *w, uint64_t deadline_ms, error_t *err);
    const bus_counts_t *(*counts)(const wire_t *w);
    bus_code_t (*receive)(wire_t *w, bus_message_t *m, uint64_t deadline_ms, error_t *err);
    bus_code_t (*answer)(wire_t *w, const bus_message_t *m, bool failed, bytes_t text, error_t *err);
    void (*serve)(wire_t *w);
} wire_calls_t;

extern const wire_calls_t wire_amqp; /* amqp.c */
extern const wire_calls_t wire_zmtp; /* zmtp.c */
