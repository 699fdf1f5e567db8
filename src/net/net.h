/* SPDX-License-Identifier: Apache-2.0
 *
 * net.h: the event loop, listeners and connections. Drives sessions by base/session.h and knows no protocol.
 *
 * One loop belongs to one thread; nothing here is called from another. A turn of the loop is net_poll (wait, accept,
 * read, deadlines), then whatever the owner does with the engine, then net_flush (one gather write for each connection
 * that has something new to send). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/heap.h"
#include "base/log.h"
#include "base/session.h"

typedef struct net_loop net_loop_t;
typedef struct net_listener net_listener_t;

typedef struct net_options {
    size_t read_bytes;          /* read at most this much of one connection in one turn (256 KiB) */
    size_t output_pause_bytes;  /* with more waiting to be sent (beside what its session bounds by itself), a
                                 * connection is not read until half is gone */
    uint64_t accept_backoff_ms; /* pause after accept fails for want of descriptors or memory (100) */
    bool nodelay;               /* TCP_NODELAY on accepted connections */
    int backlog;                /* listen(2) */
    clock_source_t clock;
    const log_t *log;
} net_options_t;

net_loop_t *net_loop_new(const net_options_t *options, error_t *err);

/* Closes all sockets; every session gets `ended` ("shutdown"). Sets *l to NULL. */
void net_loop_free(net_loop_t **l);

/* Waits until something happens, a deadline comes, or `timeout_ms` passed (-1: no limit, 0: do not wait), and handles
 * it: accepts, reads, deadlines, watched descriptors. */
void net_poll(net_loop_t *l, int timeout_ms);

/* Sends what sessions wrote since the last call; what the socket does not take is sent when it can. Calls `drained`. */
void net_flush(net_loop_t *l);

/* The time taken at the start of this turn. */
uint64_t net_now_ms(const net_loop_t *l);

size_t net_connection_count(const net_loop_t *l);

/* Calls `shutdown` of every session. */
void net_shutdown_sessions(net_loop_t *l);

/* Calls `ready` on this loop's thread whenever `fd` is readable (a wake-up, signals). The fd stays the caller's. */
typedef void net_ready_t(void *context, int fd);
int net_watch(net_loop_t *l, int fd, net_ready_t *ready, void *context, error_t *err);

/* A member of what it belongs to, zeroed but for `due`, which is called once, on this loop's thread, in a turn at or after the
 * time it was set to; set again, it moves. To be cancelled before what it is in goes, and before the loop does. */
typedef struct net_timer net_timer_t;

struct net_timer {
    heap_timer_t heap;
    void (*due)(net_timer_t *timer);
};

void net_set_timer(net_loop_t *l, net_timer_t *timer, uint64_t at_ms);
void net_cancel_timer(net_loop_t *l, net_timer_t *timer);

/* Where to listen. Accepted forms: "5672" and "0.0.0.0:5672", "[::1]:5672", "localhost:5672", "unix:/run/chaski.sock".
 * RabbitMQ's "::1:5672" is "[::1]:5672". A name listens on all its addresses, on one port. A bare port means all
 * addresses, IPv6 and IPv4 on one dual-stack socket ([::]), or IPv4 alone where there is no IPv6.
 * Port 0: any free one. A Unix socket's file is replaced if nothing answers on it, and removed at the end. */
typedef struct net_address {
    char text[128];
} net_address_t;

/* False, with the reason, if `text` has none of these forms. */
bool net_address_parse(const char *text, net_address_t *out, error_t *err);

/* A connection was accepted: takes `fd` in every case. The usual one is net_adopt, here or on another loop. */
typedef void net_accepted_t(void *context, int fd);

/* Opens the listener. `bound` (may be NULL) gets the address in use, e.g. "[::]:40001". */
net_listener_t *net_listen(net_loop_t *l, const net_address_t *address, net_accepted_t *accepted,
                           void *context, char *bound, size_t bound_bytes, error_t *err);

/* Only opens a TCP listener's sockets, which do not block, for a loop of another kind. Returns how many, or 0 with the
 * reason; `bound` as above. */
enum { NET_SOCKETS_MAX = 8 };
size_t net_open(const net_address_t *address, int backlog, int fds[NET_SOCKETS_MAX], char *bound,
                size_t bound_bytes, error_t *err);

/* Stops listening: closes all listeners of the loop. */
void net_stop_accepting(net_loop_t *l);

/* Makes a connected socket a connection of this loop, with a session of the factory. Takes `fd` in every case; false if
 * it could not be: the peer is gone already, or the factory wants none. */
bool net_adopt(net_loop_t *l, int fd, const session_factory_t *factory);

/* No connection came of a dial; `context` is the factory's. */
typedef void net_failed_t(void *context, const char *reason);

/* Connects to an address of the forms above without waiting for it (only a name is looked up at once): a turn of the loop
 * opens a session of the factory, or calls `failed`. Where a name has several addresses the first that answers
 * counts. -1 if there is no such name. */
int net_dial(net_loop_t *l, const net_address_t *address, const session_factory_t *factory,
             net_failed_t *failed, error_t *err);
