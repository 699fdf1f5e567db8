/* SPDX-License-Identifier: Apache-2.0
 *
 * wire.h: a client that speaks AMQP. What it does is the same as of one that speaks commands, and so is what the model
 * is told: commands become octets here, and octets events. */
#pragma once

#include "amqp/amqp.h"
#include "amqp/codec.h"
#include "sim/link.h"

enum { WIRE_CHANNELS = 4 /* with channel 0 */ };

/* A method that was sent, and what answers it (0: nothing). */
typedef struct said {
    uint32_t cause;
    amqp_method_id method, answer;
} said_t;

typedef struct saids {
    said_t *items;
    size_t begin, end, capacity;
} saids_t;

/* A channel, as far as octets go. */
typedef struct wire_channel {
    saids_t said;
    bool is_receiving;
    event_t event;      /* with a message on its way … */
    message_t *message; /* … of which this has come; NULL: not even the header */
    uint64_t missing;   /* octets of its body */
    uint8_t names_len[2];
    uint8_t names[2][UINT8_MAX]; /* its exchange, its routing key */
} wire_channel_t;

typedef struct wire {
    bool is_used;   /* the client speaks AMQP */
    link_t *link;   /* NULL: there is none any more */
    bool is_open;   /* connection.open-ok came, or the client does not wait for it */
    bool is_in;     /* it came */
    bool is_cut;    /* the client has shut or broken it without a goodbye */
    bool is_served; /* its goodbye was answered: nothing that was said is unheard */
    bool is_slow;   /* it does not read at the moment */
    bool is_silent; /* it sends no heartbeats */
    uint16_t heartbeat_s;
    uint64_t since_ms, sent_ms;
    buffer_t unsent; /* until it is open */
    buffer_t got;    /* received, not yet looked at */
    wire_channel_t channels[WIRE_CHANNELS];
} wire_t;
