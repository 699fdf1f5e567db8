/* SPDX-License-Identifier: Apache-2.0
 *
 * client.h: a lean AMQP 0-9-1 client for benchmarks and crash tests: one blocking socket, one channel (1), chaski's
 * own codec. What is sent waits in `out` until client_flush, so that a window of publishes is one write.
 *
 * Functions return 0, or -1 with a reason in `error` when the connection ended or the broker refused something;
 * after that only client_close is of use. */
#pragma once

#include "amqp/codec.h"
#include "base/bytes.h"
#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

#define CLIENT_CHANNEL 1

typedef struct client {
    int fd; /* -1: closed */
    uint32_t frame_max;
    buffer_t in;
    size_t in_used; /* octets of `in` that were handed out already */
    buffer_t out;
    buffer_t body;
    error_t error;
} client_t;

/* What the broker sent: a method and, where it bears one, its content. Views live until the next client_next. */
typedef struct client_event {
    amqp_method_id id;
    amqp_method_t method;
    bytes_t body;
} client_event_t;

/* Connects to 127.0.0.1 as guest, agrees to what is offered (no heartbeats), opens the channel. */
int client_open(client_t *c, uint16_t port);
void client_close(client_t *c);

/* Waits for the next method (and its whole content) on the channel. */
int client_next(client_t *c, client_event_t *event);

/* True if client_next would find octets without waiting for the network. */
bool client_has_input(const client_t *c);

/* Writes a method behind what waits to be sent. */
void client_write(client_t *c, amqp_method_id id, const void *method);

/* Writes a publish to the default exchange with delivery mode 2 behind what waits to be sent. */
void client_write_publish(client_t *c, bytes_t queue, bytes_t body);

/* Sends everything written. */
int client_flush(client_t *c);

/* Sends a method and waits for its answer, dropping what else comes before it. */
int client_request(client_t *c, amqp_method_id id, const void *method, amqp_method_id answer,
                   client_event_t *event);

/* Durable; `*message_count` (may be NULL) is how many messages are ready in it. */
int client_declare_queue(client_t *c, bytes_t queue, uint32_t *message_count);
int client_purge_queue(client_t *c, bytes_t queue);
int client_select_confirms(client_t *c);
