/* SPDX-License-Identifier: Apache-2.0
 *
 * command.h: everything that can happen to the engine, as plain structs that travel through a lane.
 *
 * Pointers in a command change hands with it: the engine frees them (mem_free, message_free), or sends a request back
 * in the event that answers it. `connection` is the number the port gave to a client (model/port.h); `channel` is the
 * client's own number for one of its channels; `cause` is opaque to the engine and comes back in its answer. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "model/message.h"
#include "model/query.h"
#include "model/refusal.h"

typedef enum command_type {
    /* A client was authenticated and asks for a vhost. Answer: EVENT_CONNECTION_OPENED, or EVENT_CONNECTION_CLOSED. */
    COMMAND_CONNECTION_OPEN, /* opening */

    /* The client said goodbye: channels end, unacked messages return, exclusive queues go; then
     * EVENT_CONNECTION_CLOSED (code 0). With COMMAND_GONE the socket is dead: what was held back is dropped, else it is
     * carried out first. With a refusal (refuse): the wire room found a hard error; the event bears it. */
    COMMAND_CONNECTION_CLOSE,

    /* After EVENT_CONNECTION_CLOSED, the last command of a connection: all loans are back, its number is free. */
    COMMAND_CONNECTION_RELEASE,

    COMMAND_CHANNEL_OPEN,    /* answer: EVENT_CHANNEL_OPENED */
    COMMAND_CHANNEL_CLOSE,   /* answer: EVENT_CHANNEL_CLOSED, after unacked messages have returned */
    COMMAND_CHANNEL_RELEASE, /* after EVENT_CHANNEL_REFUSED: the peer knows; the number may be opened again */

    /* The wire room found an error in a request: refused in its turn, behind the commands before it.
     * `refusal`; soft codes end the channel, hard ones the connection. */
    COMMAND_REFUSE,

    /* request.name = exchange, .kind = its type, .arguments; flags PASSIVE DURABLE AUTO_DELETE INTERNAL NOWAIT */
    COMMAND_EXCHANGE_DECLARE,
    COMMAND_EXCHANGE_DELETE, /* .name; IF_UNUSED NOWAIT */
    COMMAND_EXCHANGE_BIND,   /* .name = destination, .source, .routing_key, .arguments; NOWAIT */
    COMMAND_EXCHANGE_UNBIND,

    /* .name, .arguments; PASSIVE DURABLE EXCLUSIVE AUTO_DELETE NOWAIT; SERVER_NAMED: the wire room made the name up
     * because the client gave none; IF_MISSING: one that is there is taken as it is. Answer EVENT_QUEUE_DECLARED. */
    COMMAND_QUEUE_DECLARE,
    COMMAND_QUEUE_BIND, /* .name = queue, .source = exchange, .routing_key, .arguments; NOWAIT */
    COMMAND_QUEUE_UNBIND,
    COMMAND_QUEUE_PURGE,  /* .name; NOWAIT; answer EVENT_QUEUE_COUNTED */
    COMMAND_QUEUE_DELETE, /* .name; IF_UNUSED IF_EMPTY NOWAIT; answer EVENT_QUEUE_COUNTED */

    COMMAND_QOS,     /* count = prefetch (0: unlimited); GLOBAL */
    COMMAND_CONSUME, /* .name = queue, .tag, .arguments; count = consumer number (unique in the connection);
                        NO_ACK EXCLUSIVE NOWAIT; answer EVENT_CONSUMER_STARTED */
    COMMAND_CANCEL,  /* .tag; NOWAIT; answer EVENT_CONSUMER_CANCELLED */
    COMMAND_PUBLISH, /* message; MANDATORY. After COMMAND_PARTs of its channel: its body is theirs and then its own */
    COMMAND_GET,            /* .name; NO_ACK; answer EVENT_GET_OK or EVENT_GET_EMPTY */
    COMMAND_ACK,            /* number = delivery tag; MULTIPLE */
    COMMAND_NACK,           /* number = delivery tag; MULTIPLE REQUEUE (basic.reject too) */
    COMMAND_RECOVER,        /* requeue all unacked of the channel; NOWAIT for recover-async */
    COMMAND_CONFIRM_SELECT, /* NOWAIT */
    COMMAND_TX_SELECT,
    COMMAND_TX_COMMIT,
    COMMAND_TX_ROLLBACK,

    /* Who wants all that has one of its prefixes, as it comes: a queue of its own that is gone with the connection, bounded,
     * consumed without acks. .name = the queue, made up by the wire room; .arguments = its bounds: x-max-length,
     * x-max-length-bytes (l), x-overflow (S: what happens to what is over them: drop-newest, drop-oldest, block,
     * disconnect); count = consumer number. Answer EVENT_CONSUMER_STARTED. */
    COMMAND_SUBSCRIBER,
    /* .name = that queue, .source = exchange, .routing_key = prefix, of any length. A set: what is there already, or is
     * not, changes nothing. What a topic keeps for late joiners comes first. No answer, but a refusal. */
    COMMAND_SUBSCRIBE,
    COMMAND_UNSUBSCRIBE,

    /* An answer with nothing to do for the engine (access.request, flow(true)): comes back as EVENT_OK
     * in its turn. */
    COMMAND_ECHO,

    /* number = messages of this connection whose octets have left, counted from its first: their loans end. */
    COMMAND_SENT,

    /* number = octets of unfinished message bodies that the wire room holds for this connection now. */
    COMMAND_HELD,

    /* message: nothing but octets, the next of a large persistent body whose publish is under way on the channel. */
    COMMAND_PART,

    /* query; of a client that needs no connection. Answer: EVENT_QUERIED. */
    COMMAND_QUERY,

    /* number = events of the port, counted from its first, that have been handled: what they said is in the sockets, as far
     * as these took it. Of no connection, behind the COMMAND_SENTs that came of it. */
    COMMAND_TURN,
} command_type_t;

enum command_flag {
    COMMAND_NOWAIT = 1 << 0,
    COMMAND_PASSIVE = 1 << 1,
    COMMAND_DURABLE = 1 << 2,
    COMMAND_EXCLUSIVE = 1 << 3,
    COMMAND_AUTO_DELETE = 1 << 4,
    COMMAND_INTERNAL = 1 << 5,
    COMMAND_SERVER_NAMED = 1 << 6,
    COMMAND_IF_UNUSED = 1 << 7,
    COMMAND_IF_EMPTY = 1 << 8,
    COMMAND_IF_MISSING = COMMAND_IF_EMPTY, /* of a declare */
    COMMAND_NO_ACK = 1 << 9,
    COMMAND_GLOBAL = 1 << 10,
    COMMAND_MULTIPLE = 1 << 11,
    COMMAND_REQUEUE = 1 << 12,
    COMMAND_MANDATORY = 1 << 13,
    COMMAND_GONE = 1 << 14,
    COMMAND_ASKS = 1 << 15, /* publish, of who takes no confirms: answer EVENT_REPORT */
};

/* The names and arguments of a request, in one allocation. Absent ones are empty. `name` of a queue request may be
 * empty: "the last queue declared on this channel". */
typedef struct request {
    bytes_t name;
    bytes_t source;
    bytes_t routing_key;
    bytes_t kind;
    bytes_t tag;
    bytes_t arguments; /* content of a valid table */
} request_t;

/* Copies what `view` points to into one allocation; freed with mem_free. */
request_t *request_new(const request_t *view);

/* Who a connection is, in one allocation. */
typedef struct opening {
    bytes_t name; /* "127.0.0.1:40112 -> 127.0.0.1:5672" */
    bytes_t vhost;
    bytes_t user;
    bytes_t client_properties; /* content of a valid table */
    bytes_t identity; /* of all connections that have the same one, only the newest stays; empty: none */
    bool wants_cancel_notify; /* capability consumer_cancel_notify */
    bool wants_blocked;       /* capability connection.blocked */
} opening_t;

opening_t *opening_new(const opening_t *view);

typedef struct command {
    uint8_t type; /* command_type_t */
    uint16_t flags;
    uint16_t channel;
    uint32_t connection;
    uint32_t cause;
    uint32_t count;
    union {
        message_t *message;
        request_t *request;
        opening_t *opening;
        refusal_t *refusal; /* COMMAND_REFUSE; COMMAND_CONNECTION_CLOSE (may be NULL) */
        query_t *query;
        uint64_t number;
    };
} command_t;

/* True if commands of this type bear a message: a publish, or a part of one ahead of it. */
static inline bool command_has_message(uint8_t type)
{
    return type == COMMAND_PUBLISH || type == COMMAND_PART;
}

/* Frees what the command owns: for commands that nobody will carry out. */
void command_discard(command_t *c);

/* True if the command owns a request_t. */
bool command_has_request(uint8_t type);
