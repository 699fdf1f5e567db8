/* SPDX-License-Identifier: Apache-2.0
 *
 * client.h: the leanest peer of a broker: one socket, chaski's own codec of ZMTP, or no protocol at all. It is small so
 * that what is measured is the broker. What is written waits in `out` until it is flushed: a window is one send.
 *
 * Functions that can fail return a negative number and say why in `err`; the client is then of no more use. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/error.h"
#include "zmtp/codec.h"

#define BUS_FRAMES_MOST  8
#define BUS_CLIENTS_MOST 256

typedef struct bus_client {
    int fd; /* -1: closed */
    buffer_t out;
    uint8_t *in;
    size_t in_begin, in_end; /* what was read and not yet taken */
    zmtp_version_t peer;
    bool subscribed; /* the peer has asked for something: what a publisher waits for */
} bus_client_t;

/* The frames of a message; views live until the next read. */
typedef struct bus_message {
    bytes_t frame[BUS_FRAMES_MOST];
    size_t count;
} bus_message_t;

/* Connects to 127.0.0.1 and shakes hands as a socket of that type, without a name. */
int bus_client_open(bus_client_t *c, uint16_t port, zmtp_socket_type_t type, error_t *err);

/* Connects and sends one octet that says who it is; what follows has no frames. */
int bus_client_open_bare(bus_client_t *c, uint16_t port, uint8_t role, error_t *err);

void bus_client_close(bus_client_t *c);

/* Sends what waits: all of it, or without waiting as much as the socket takes. */
int bus_client_flush(bus_client_t *c, error_t *err);
int bus_client_flush_some(bus_client_t *c, error_t *err);

/* Reads once what has come; waits for it, or returns at once if there is nothing. */
int bus_client_read(bus_client_t *c, error_t *err);
int bus_client_read_some(bus_client_t *c, error_t *err);

/* Takes the next message of what was read: 1, or 0 if it is not whole yet. Commands are answered on the way. */
int bus_client_next(bus_client_t *c, bus_message_t *out, error_t *err);

/* Takes all that was read, where there are no frames. */
size_t bus_client_take(bus_client_t *c);

/* Flushes and reads all of them (at most BUS_CLIENTS_MOST) as far as that goes without waiting, after a wait of at most `timeout_ms` for any:
 * the number that could be read or written, 0 after the timeout. */
int bus_clients_turn(bus_client_t *const *clients, size_t count, int timeout_ms, error_t *err);
