/* SPDX-License-Identifier: Apache-2.0
 *
 * zmtp_connect.c: a ZeroMQ socket that is connected.
 *
 * libzmq connects in the background, again and again, and tells nobody why it cannot: so a monitor is read, a socket that
 * lost its connection is thrown away, and bus_reopen is what connects again. A handler must say what it handles each time. */
#include <errno.h>
#include <string.h>

#include "base/text.h"
#include "cli/bus/zmtp.h"

#define CONNECT_MOST_MS    5000
#define HEARTBEAT_MS       10000
#define MESSAGE_BYTES_MOST ((int64_t)64 << 20)
#define MONITOR            "inproc://monitor"
#define IDENTITY_PREFIX    "chaski-event-"

static const int socket_types[] = {
    [BUS_PUBLISH] = ZMQ_PUSH, [BUS_SUBSCRIBE] = ZMQ_SUB, [BUS_ASK] = ZMQ_DEALER, [BUS_HANDLE] = ZMQ_DEALER};

/* ---- why not ---- */

bus_code_t zmtp_lost(error_t *err, const char *text)
{
    error_set(err, "%s", text);
    return BUS_LOST;
}

bus_code_t zmtp_refused(const wire_t *w, error_t *err, const char *why)
{
    error_set(err, "%s refuses us: %s", w->address->endpoint, why);
    return BUS_REFUSED;
}

static bus_code_t cannot_connect(const wire_t *w, error_t *err, const char *why)
{
    error_set(err, "cannot connect to %s: %s; is chaskid running there, with this ZMTP port?",
              w->address->endpoint, why);
    return BUS_LOST;
}

/* ---- the monitor ---- */

/* The next event of the monitor: its number, or 0 if there is none. */
static unsigned next_event(wire_t *w)
{
    struct {
        uint16_t event;
        uint32_t value;
    } __attribute__((packed)) head;
    char where[256];
    if (zmq_recv(w->monitor, &head, sizeof head, ZMQ_DONTWAIT) != sizeof head)
        return 0;
    (void)zmq_recv(w->monitor, where, sizeof where, 0);
    return head.event;
}

/* libzmq does not tell which. */
#define OTHERWISE                                                                                            \
    "it does not take this user, password or key, or wants another mechanism, or is another kind of port"

/* Until the handshake has gone well, or has not. */
static bus_code_t await_connection(wire_t *w, error_t *err)
{
    uint64_t deadline = cli_now_ms() + CONNECT_MOST_MS;
    bool connected = false;
    zmq_pollitem_t item = {.socket = w->monitor, .events = ZMQ_POLLIN};
    while (!cli_stopping() && cli_now_ms() < deadline) {
        (void)zmq_poll(&item, 1, CLI_SLICE_MS);
        switch (next_event(w)) {
        case ZMQ_EVENT_CONNECTED:
            connected = true;
            break;
        case ZMQ_EVENT_HANDSHAKE_SUCCEEDED:
            return BUS_OK;
        case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH:
            return zmtp_refused(w, err, "user, password or key is not known there");
        case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL:
            return zmtp_refused(w, err, OTHERWISE);
        case ZMQ_EVENT_CLOSED:
            return cannot_connect(w, err, "connection refused");
        case ZMQ_EVENT_DISCONNECTED:
        case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL:
            return cannot_connect(
                w, err, "the connection was closed (another kind of port, or it wants to know who you are)");
        default:
            break;
        }
    }
    return cli_stopping() ? BUS_NOTHING
                          : cannot_connect(w, err, connected ? "no ZMTP is spoken" : "no answer");
}

bool zmtp_is_lost(wire_t *w)
{
    for (unsigned event; (event = next_event(w)) != 0;)
        if (event == ZMQ_EVENT_DISCONNECTED || event == ZMQ_EVENT_CLOSED)
            return true;
    return false;
}

/* ---- options ---- */

static int set_number(wire_t *w, int option, int value)
{
    return zmq_setsockopt(w->socket, option, &value, sizeof value);
}

int zmtp_set_text(wire_t *w, int option, const char *value)
{
    return zmq_setsockopt(w->socket, option, value, strlen(value));
}

static int set_key(wire_t *w, int option, const uint8_t key[ZMTP_CURVE_KEY_BYTES])
{
    return zmq_setsockopt(w->socket, option, key, ZMTP_CURVE_KEY_BYTES);
}

/* CURVE, PLAIN or NULL. */
static int set_mechanism(wire_t *w)
{
    const wire_address_t *a = w->address;
    if (a->curve)
        return set_key(w, ZMQ_CURVE_SERVERKEY, a->server_key) |
               set_key(w, ZMQ_CURVE_PUBLICKEY, a->keys.public_key) |
               set_key(w, ZMQ_CURVE_SECRETKEY, a->keys.secret_key);
    if (a->user[0] == '\0')
        return 0;
    return zmtp_set_text(w, ZMQ_PLAIN_USERNAME, a->user) | zmtp_set_text(w, ZMQ_PLAIN_PASSWORD, a->password);
}

/* The broker knows an event that is sent again by the name of who sends it and the id: so both are the same each time. */
static int set_identity(wire_t *w)
{
    char identity[sizeof IDENTITY_PREFIX + BUS_ID_BYTES_MOST];
    if (!w->options->id)
        return 0;
    text_format(identity, sizeof identity, IDENTITY_PREFIX "%s", w->options->id);
    return zmtp_set_text(w, ZMQ_ROUTING_ID, identity);
}

static int set_options(wire_t *w)
{
    int64_t most = MESSAGE_BYTES_MOST;
    return set_number(w, ZMQ_LINGER, 0) | set_number(w, ZMQ_IPV6, strchr(w->address->endpoint, '[') != NULL) |
           set_number(w, ZMQ_IMMEDIATE, 1) | set_number(w, ZMQ_RECONNECT_IVL, -1) |
           set_number(w, ZMQ_HEARTBEAT_IVL, HEARTBEAT_MS) |
           set_number(w, ZMQ_HEARTBEAT_TIMEOUT, 3 * HEARTBEAT_MS) |
           set_number(w, ZMQ_SNDHWM, w->options->role == BUS_SUBSCRIBE ? 0 : 1000) |
           zmq_setsockopt(w->socket, ZMQ_MAXMSGSIZE, &most, sizeof most) | set_mechanism(w) | set_identity(w);
}

/* ---- open and closed ---- */

bus_code_t zmtp_connect(wire_t *w, error_t *err)
{
    w->context = zmq_ctx_new();
    w->socket = w->context ? zmq_socket(w->context, socket_types[w->options->role]) : NULL;
    w->monitor = w->socket ? zmq_socket(w->context, ZMQ_PAIR) : NULL;
    if (!w->monitor || set_options(w) != 0 || zmq_socket_monitor(w->socket, MONITOR, ZMQ_EVENT_ALL) != 0 ||
        zmq_connect(w->monitor, MONITOR) != 0) {
        error_set(err, "cannot make a ZeroMQ socket: %s", zmq_strerror(errno));
        return BUS_REFUSED;
    }
    if (zmq_connect(w->socket, w->address->endpoint) != 0)
        return cannot_connect(w, err, zmq_strerror(errno));
    return await_connection(w, err);
}

bool zmtp_close(wire_t *w, int linger_ms)
{
    uint64_t deadline = cli_now_ms() + (uint64_t)linger_ms;
    if (!w->context)
        return true;
    if (w->socket) {
        zmq_setsockopt(w->socket, ZMQ_LINGER, &linger_ms, sizeof linger_ms);
        zmq_socket_monitor(w->socket, NULL, 0);
        zmq_close(w->socket);
    }
    if (w->monitor)
        zmq_close(w->monitor);
    while (zmq_ctx_term(w->context) != 0 && errno == EINTR)
        continue;
    w->context = w->socket = w->monitor = NULL;
    return linger_ms == 0 || cli_now_ms() < deadline;
}
