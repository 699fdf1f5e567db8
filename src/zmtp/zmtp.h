/* SPDX-License-Identifier: Apache-2.0
 *
 * zmtp.h: ZMTP sessions, as libzmq speaks it: octets → commands, events → octets.
 *
 * One zmtp_io_t belongs to one I/O thread and its engine port; sessions are made by its factories on that thread. What a
 * socket may do is decided by its type and by the bus port that it connected to (zmtp_bus_t). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "auth/auth.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/session.h"
#include "model/port.h"
#include "zmtp/codec.h"

typedef struct zmtp_io zmtp_io_t;

/* What becomes of a message for a subscriber that is behind by more than its bounds. */
typedef enum zmtp_slow { ZMTP_DROP_NEWEST, ZMTP_DROP_OLDEST, ZMTP_BLOCK, ZMTP_DISCONNECT } zmtp_slow_t;

#define ZMTP_CURVE_KEY_BYTES 32

/* A client that may connect by CURVE, and who it is. */
typedef struct zmtp_curve_user {
    uint8_t key[ZMTP_CURVE_KEY_BYTES];
    char user[256];
} zmtp_curve_user_t;

/* One `bus.listen.NAME`, `bus.connect.NAME` or AMQP listener: what its connections are for. Lives as long as the
 * zmtp_io_t. */
typedef struct zmtp_bus {
    const char *name;     /* "bus.listen.events", for the log */
    const char *exchange; /* of a bus port; of a queue port: where SUBs' prefixes are bound */
    const char *queue;    /* NULL: a bus port */
    zmtp_mechanism_t mechanism;
    bool anonymous_anywhere;                  /* NULL from beyond this machine too */
    const char *user;                         /* of NULL's peers */
    uint8_t secret_key[ZMTP_CURVE_KEY_BYTES]; /* CURVE: ours */
    uint8_t public_key[ZMTP_CURVE_KEY_BYTES];
    const zmtp_curve_user_t *curve_users; /* CURVE, listening: who may; NULL: whoever has a key, as `user` */
    size_t curve_user_count;
    uint8_t server_key[ZMTP_CURVE_KEY_BYTES]; /* CURVE, dialling: theirs */
    const char *plain_user, *plain_password;  /* PLAIN, dialling */
    zmtp_socket_type_t dial_as;               /* dialling: what we are there */
    const char *dial_prefix;                  /* and, as SUB, what we subscribe to */
    zmtp_slow_t slow;
    uint64_t high_messages, high_bytes; /* bounds of a subscriber: 1000, 8 MiB */
    uint32_t credit;                    /* requests a ROUTER is given before it has answered: 64 */
    const char *welcome; /* first frame of a message that each subscriber is sent first; NULL: none */
} zmtp_bus_t;

typedef struct zmtp_options {
    uint64_t frame_bytes_most;     /* a frame, and a message: 64 MiB */
    uint32_t frames_most;          /* of a message: 1024 */
    uint32_t command_bytes_most;   /* before READY: 16 KiB */
    uint32_t prefix_bytes_most;    /* of a subscription: 4 KiB */
    uint32_t subscriptions_most;   /* of one connection: 1 000 000 */
    uint32_t handshakes_most;      /* unfinished ones of this thread at a time: 1000 */
    uint64_t handshake_timeout_ms; /* 10 000 */
    uint64_t heartbeat_ms;         /* silence after which we PING a 3.1 peer: 30 000 */
    uint64_t lend_bytes;           /* bodies from here on are sent from the message, not copied: 4096 */
    uint32_t push_messages;        /* to a PULL: on their way before more is taken from its queue: 100 */
    const auth_t *auth;
    const log_t *log;
    random_source_t random;
    clock_source_t clock; /* the wall's, for timestamps */
} zmtp_options_t;

void zmtp_options_default(zmtp_options_t *options);

/* `options` is copied, what it points to must outlive the zmtp_io_t, as must `port`. */
zmtp_io_t *zmtp_io_new(const zmtp_options_t *options, port_t *port);

/* After all sessions are gone. Sets *io to NULL. */
void zmtp_io_free(zmtp_io_t **io);

/* A session for a connection that was accepted on that bus port; it has not been read yet. NULL: drop it. */
session_t *zmtp_session_accepted(zmtp_io_t *io, const zmtp_bus_t *bus, transport_t *t);

/* A session for a connection that we opened: it speaks first. `over` (may be NULL) is called when it has ended;
 * `for_good`: trying again soon is useless (mechanism or socket type do not fit). */
typedef void zmtp_over_t(void *context, bool for_good);
session_t *zmtp_session_dialled(zmtp_io_t *io, const zmtp_bus_t *bus, transport_t *t, zmtp_over_t *over,
                                void *context);

/* Once a turn, after port_dispatch: lets sessions go on that stopped because the port had no room. */
void zmtp_io_resume(zmtp_io_t *io);

/* Sessions alive (also those whose socket is gone but that the engine has not let go). */
size_t zmtp_io_sessions(const zmtp_io_t *io);
