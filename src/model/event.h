/* SPDX-License-Identifier: Apache-2.0
 *
 * event.h: everything the engine says to a client, as plain structs that travel through a lane.
 *
 * `request`, `refusal` and `query` change hands with the event (freed by the receiver, mem_free). `message` is lent, never
 * given: the receiver returns loans by number with COMMAND_SENT, one for every event of a connection that bears a
 * message, in the order they came. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "model/command.h"
#include "model/message.h"
#include "model/refusal.h"

typedef enum event_type {
    EVENT_CONNECTION_OPENED,
    /* The last event of a connection. refusal: why (the wire says so to the peer), or NULL: the client asked or is
     * gone. */
    EVENT_CONNECTION_CLOSED,
    EVENT_CONNECTION_BLOCKED, /* alarms: tell the client, if it wants to know: "low on memory" */
    EVENT_CONNECTION_UNBLOCKED,
    EVENT_READING_PAUSED, /* too much is held back for this connection: stop reading its socket */
    EVENT_READING_RESUMED,
    EVENT_CHANNEL_OPENED,
    EVENT_CHANNEL_CLOSED, /* answers COMMAND_CHANNEL_CLOSE */
    EVENT_CHANNEL_REFUSED, /* refusal: the channel is ended; nothing on it counts until COMMAND_CHANNEL_RELEASE */

    EVENT_OK,               /* the -ok of `cause`, without data */
    EVENT_QUEUE_DECLARED,   /* request.name, message_count, consumer_count */
    EVENT_QUEUE_COUNTED,    /* purge-ok, delete-ok: message_count */
    EVENT_CONSUMER_STARTED, /* consumer */
    EVENT_CONSUMER_CANCELLED, /* request.tag: answers COMMAND_CANCEL; consumer = its number, 0 if there was none */
    EVENT_CONSUMER_GONE, /* consumer: cancelled by the engine (its queue is gone); NOTIFY: tell the client.
                                 Also ends a cancel that wanted no answer (without NOTIFY). */
    EVENT_DELIVER, /* message (lent), consumer, delivery_tag, REDELIVERED. Of a message with parts, here and in
                            GET_OK and RETURN, none of the body is sent yet: EVENT_CONTENTs of the channel follow, with
                            nothing else of it in between, until all message_body_bytes are there */
    EVENT_CONTENT, /* message (lent): its body is the next octets of the message that is under way on the channel */
    EVENT_GET_OK, /* message (lent), delivery_tag, message_count, REDELIVERED */
    EVENT_GET_EMPTY,
    EVENT_RETURN,  /* message (lent): 312 NO_ROUTE */
    EVENT_CONFIRM, /* delivery_tag = sequence number, MULTIPLE, NEGATIVE */
    EVENT_REPORT, /* message (lent): what became of the event published with ASKS and this cause; its body is the report */
    EVENT_QUERIED, /* query: answers COMMAND_QUERY */
} event_type_t;

enum event_flag {
    EVENT_REDELIVERED = 1 << 0,
    EVENT_MULTIPLE = 1 << 1,
    EVENT_NEGATIVE = 1 << 2,
    EVENT_NOTIFY = 1 << 3,
    /* Deliver: somebody waits for what becomes of it. A message published to the default exchange with EVENT_REPLY_TO as
     * routing key and event_correlation as correlation-id, on a channel of the same connection, before the ack is the
     * result; before a reject, the reason. consumer_count = how often it was delivered before. */
    EVENT_ASKS = 1 << 4,
};

/* Why publishers are held back: one of them, or several. */
enum alarm {
    ALARM_MEMORY = 1 << 0,
    ALARM_DISK = 1 << 1,
    ALARM_LOG = 1 << 2, /* the engine's own: for a moment, and nobody is told */
};

#define EVENT_REPLY_TO               BYTES("amq.events.reply")
#define EVENT_CORRELATION_MOST_BYTES 32

typedef struct event {
    uint8_t type; /* event_type_t */
    union {
        uint8_t flags;
        uint8_t alarms; /* of CONNECTION_BLOCKED: enum alarm */
    };
    uint16_t channel;
    uint32_t connection;
    uint32_t cause; /* of the command it answers */
    uint32_t consumer;
    uint32_t message_count;
    uint32_t consumer_count;
    uint64_t delivery_tag;
    union {
        const message_t *message;
        request_t *request;
        refusal_t *refusal;
        query_t *query;
    };
} event_t;

/* True if the event bears a loan. */
bool event_has_message(uint8_t type);

/* "CHANNEL.TAG" of a delivery that asks; returns its length. */
size_t event_correlation(const event_t *e, char out[EVENT_CORRELATION_MOST_BYTES]);

/* Takes such a text apart; false if it is none. */
bool event_correlation_parse(bytes_t text, uint16_t *channel, uint64_t *delivery_tag);

/* Frees what the event owns (not a lent message): for events whose client is gone. */
void event_discard(event_t *e);
