/* SPDX-License-Identifier: Apache-2.0
 *
 * zmtp.c: the bus over ZMTP: PUSH publishes, SUB subscribes, DEALER asks and handles.
 *
 * libzmq connects in the background, again and again, and tells nobody why it cannot: so a monitor is read, a socket that
 * lost its connection is thrown away, and bus_reopen is what connects again. A handler must say what it handles each time. */
#include <errno.h>
#include <string.h>
#include <zmq.h>

#include "base/alloc.h"
#include "base/text.h"
#include "cli/bus/wire.h"

#define CONNECT_MOST_MS    5000
#define JOIN_MOST_MS       10000
#define HEARTBEAT_MS       10000
#define MESSAGE_BYTES_MOST ((int64_t)64 << 20)
#define MONITOR            "inproc://monitor"
#define IDENTITY_PREFIX    "chaski-event-"

struct wire {
    const bus_options_t *options;
    const wire_address_t *address;
    void *context, *socket, *monitor; /* NULL: closed */
    bus_counts_t counts;
};

static const int socket_types[] = {
    [BUS_PUBLISH] = ZMQ_PUSH, [BUS_SUBSCRIBE] = ZMQ_SUB, [BUS_ASK] = ZMQ_DEALER, [BUS_HANDLE] = ZMQ_DEALER};

/* ---- life ---- */

static wire_t *create(const bus_options_t *o, const wire_address_t *address)
{
    wire_t *w = MEM_NEW(wire_t);
    w->options = o;
    w->address = address;
    return w;
}

/* What has not left within `linger_ms` is dropped; false if that took until then. */
static bool end_after(wire_t *w, int linger_ms)
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

static void end(wire_t *w)
{
    (void)end_after(w, 0);
}

static void destroy(wire_t *w)
{
    end(w);
    mem_free(w);
}

/* ---- the connection ---- */

static bus_code_t lost(error_t *err, const char *text)
{
    error_set(err, "%s", text);
    return BUS_LOST;
}

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

static bus_code_t refused(const wire_t *w, error_t *err, const char *why)
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
            return refused(w, err, "user, password or key is not known there");
        case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL:
            return refused(
                w, err,
                "it wants another mechanism (user and password, or CURVE), or is another kind of port");
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

/* True once the connection is gone. */
static bool is_lost(wire_t *w)
{
    for (unsigned event; (event = next_event(w)) != 0;)
        if (event == ZMQ_EVENT_DISCONNECTED || event == ZMQ_EVENT_CLOSED)
            return true;
    return false;
}

static int set_number(wire_t *w, int option, int value)
{
    return zmq_setsockopt(w->socket, option, &value, sizeof value);
}

static int set_text(wire_t *w, int option, const char *value)
{
    return zmq_setsockopt(w->socket, option, value, strlen(value));
}

/* CURVE, PLAIN or NULL. Who has no key of his own gets one for this connection: some ports want to be private only. */
static int set_mechanism(wire_t *w)
{
    const bus_options_t *o = w->options;
    char public_key[41], secret_key[41];
    if (o->server_key) {
        if (o->secret_key)
            text_format(secret_key, sizeof secret_key, "%s", o->secret_key);
        int rc = o->secret_key ? zmq_curve_public(public_key, secret_key)
                               : zmq_curve_keypair(public_key, secret_key);
        return rc | set_text(w, ZMQ_CURVE_SERVERKEY, o->server_key) |
               set_text(w, ZMQ_CURVE_PUBLICKEY, public_key) | set_text(w, ZMQ_CURVE_SECRETKEY, secret_key);
    }
    if (w->address->user[0] == '\0')
        return 0;
    return set_text(w, ZMQ_PLAIN_USERNAME, w->address->user) |
           set_text(w, ZMQ_PLAIN_PASSWORD, w->address->password);
}

/* The broker knows an event that is sent again by the name of who sends it and the id: so both are the same each time. */
static int set_identity(wire_t *w)
{
    char identity[sizeof IDENTITY_PREFIX + BUS_ID_BYTES_MOST];
    if (!w->options->id)
        return 0;
    text_format(identity, sizeof identity, IDENTITY_PREFIX "%s", w->options->id);
    return set_text(w, ZMQ_ROUTING_ID, identity);
}

static int set_options(wire_t *w)
{
    int64_t most = MESSAGE_BYTES_MOST;
    return set_number(w, ZMQ_LINGER, 0) | set_number(w, ZMQ_IPV6, 1) | set_number(w, ZMQ_IMMEDIATE, 1) |
           set_number(w, ZMQ_RECONNECT_IVL, -1) | set_number(w, ZMQ_HEARTBEAT_IVL, HEARTBEAT_MS) |
           set_number(w, ZMQ_HEARTBEAT_TIMEOUT, 3 * HEARTBEAT_MS) |
           set_number(w, ZMQ_SNDHWM, w->options->role == BUS_SUBSCRIBE ? 0 : 1000) |
           zmq_setsockopt(w->socket, ZMQ_MAXMSGSIZE, &most, sizeof most) | set_mechanism(w) | set_identity(w);
}

static bus_code_t connect_socket(wire_t *w, error_t *err)
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

/* ---- frames ---- */

static bus_code_t await(wire_t *w, short events, uint64_t deadline_ms, error_t *err)
{
    for (;;) {
        uint64_t now = cli_now_ms(), left = deadline_ms > now ? deadline_ms - now : 0;
        zmq_pollitem_t items[] = {{.socket = w->socket, .events = events},
                                  {.socket = w->monitor, .events = ZMQ_POLLIN}};
        (void)zmq_poll(items, 2, left < CLI_SLICE_MS ? (long)left : CLI_SLICE_MS);
        if (items[0].revents & events)
            return BUS_OK; /* also what came before the connection was lost */
        if (items[1].revents && is_lost(w))
            return lost(err, "connection lost");
        if (left == 0 || cli_stopping())
            return BUS_NOTHING;
    }
}

/* Sends a message whole: the first frame waits for room, the others have it. */
static bus_code_t send_frames(wire_t *w, const bytes_t *frames, size_t count, uint64_t deadline_ms,
                              error_t *err)
{
    for (size_t i = 0; i < count;) {
        bytes_t f = frames[i];
        if (zmq_send(w->socket, f.data ? f.data : (const uint8_t *)"", f.len,
                     (i + 1 < count ? ZMQ_SNDMORE : 0) | ZMQ_DONTWAIT) >= 0) {
            i++;
            continue;
        }
        if (errno != EAGAIN && errno != EINTR)
            return lost(err, zmq_strerror(errno));
        bus_code_t code = await(w, ZMQ_POLLOUT, deadline_ms, err);
        if (code == BUS_NOTHING)
            error_set(err, "%s takes no more messages", w->address->endpoint);
        if (code != BUS_OK)
            return code;
    }
    return BUS_OK;
}

/* A frame in its place: of what is asked for and answered the envelope goes first, up to an empty frame. */
static void take_frame(bus_message_t *m, bytes_t frame, bool *in_envelope)
{
    if (!*in_envelope)
        bus_message_add(m, frame);
    else if (frame.len > 0)
        write_bytes(&m->answer_to, frame);
    else
        *in_envelope = false;
}

/* Receives a message. Without an empty frame behind its envelope it has no parts. */
static bus_code_t receive_frames(wire_t *w, bus_message_t *m, uint64_t deadline_ms, error_t *err)
{
    bus_code_t code = await(w, ZMQ_POLLIN, deadline_ms, err);
    bool more = true, in_envelope = w->options->role != BUS_SUBSCRIBE;
    while (code == BUS_OK && more) {
        zmq_msg_t frame;
        zmq_msg_init(&frame);
        if (zmq_msg_recv(&frame, w->socket, ZMQ_DONTWAIT) < 0)
            return lost(err, zmq_strerror(errno)); /* all frames of a message come at once */
        take_frame(m, bytes_make(zmq_msg_data(&frame), zmq_msg_size(&frame)), &in_envelope);
        more = zmq_msg_more(&frame);
        zmq_msg_close(&frame);
    }
    return code;
}

/* ---- opening ---- */

static bus_code_t subscribe(wire_t *w)
{
    const bus_list_t *prefixes = &w->options->words;
    for (size_t i = 0; i < prefixes->count; i++)
        set_text(w, ZMQ_SUBSCRIBE, prefixes->items[i]);
    if (prefixes->count == 0)
        set_text(w, ZMQ_SUBSCRIBE, "");
    return BUS_OK;
}

/* "01 prefix" and the group, until the bus has said the same: from now on events come. */
static bus_code_t join(wire_t *w, error_t *err)
{
    const bus_options_t *o = w->options;
    uint64_t deadline = cli_now_ms() + JOIN_MOST_MS;
    bus_message_t echo = {0};
    buffer_t said = {0};
    write_u8(&said, 1);
    write_bytes(&said, bytes_string(o->words.items[0]));
    size_t prefix_len = said.len;
    write_bytes(&said, bytes_string(o->group ? o->group : ""));
    const bytes_t frames[] = {bytes_make(said.data, prefix_len),
                              bytes_make(said.data + prefix_len, said.len - prefix_len)};
    bus_code_t code = send_frames(w, frames, o->group ? 2 : 1, deadline, err);
    if (code == BUS_OK)
        code = receive_frames(w, &echo, deadline, err);
    bool taken_in = bytes_equal(buffer_bytes(&echo.answer_to), buffer_bytes(&said));
    if ((code == BUS_OK && !taken_in) || (code == BUS_NOTHING && !cli_stopping()))
        code = refused(w, err, "it did not take us in as a handler; is it a bus port?");
    bus_message_free(&echo);
    buffer_free(&said);
    return code;
}

static bus_code_t open_(wire_t *w, error_t *err)
{
    w->counts = (bus_counts_t){0};
    bus_code_t code = connect_socket(w, err);
    if (code == BUS_OK && w->options->role == BUS_SUBSCRIBE)
        code = subscribe(w);
    if (code == BUS_OK && w->options->role == BUS_HANDLE)
        code = join(w, err);
    return code;
}

/* ---- publishing ---- */

static bus_code_t publish(wire_t *w, bytes_t topic, bytes_t body, uint64_t deadline_ms, error_t *err)
{
    const bytes_t nothing = {0}, id = bytes_string(w->options->id ? w->options->id : "");
    const bytes_t frames[] = {id, nothing, topic, body};
    size_t skipped = w->options->role == BUS_PUBLISH ? 2 : w->options->id ? 0 : 1;
    bus_code_t code = send_frames(w, frames + skipped, 4 - skipped, deadline_ms, err);
    w->counts.published += code == BUS_OK;
    return code;
}

/* ZMTP has no confirms: it is done when all octets are on their way, and the connection was there until then. */
static bus_code_t flush(wire_t *w, uint64_t deadline_ms, error_t *err)
{
    uint64_t now = cli_now_ms(), left = deadline_ms > now ? deadline_ms - now : 1;
    if (is_lost(w))
        return lost(err, "connection lost");
    if (end_after(w, left < INT32_MAX ? (int)left : INT32_MAX))
        return BUS_OK;
    error_set(err, "%s did not take all messages in time", w->address->endpoint);
    return BUS_NOTHING;
}

static const bus_counts_t *counts(const wire_t *w)
{
    return &w->counts;
}

/* ---- receiving ---- */

/* The topic of a message of one frame is its first word; all of it is the body. */
static void take_first_word(bus_message_t *m)
{
    buffer_t whole = {0};
    write_bytes(&whole, buffer_bytes(&m->octets));
    size_t len = 0;
    while (len < whole.len && len < 255 && !memchr(" \0\r\n", whole.data[len], 4))
        len++;
    buffer_clear(&m->octets);
    m->count = 0;
    m->whole = true;
    bus_message_add(m, bytes_make(whole.data, len));
    bus_message_add(m, buffer_bytes(&whole));
    buffer_free(&whole);
}

/* "SEQ/TAG" stands in front of an event. */
static void take_seq(bus_message_t *m)
{
    bytes_t id = buffer_bytes(&m->answer_to);
    size_t len = 0;
    while (len < id.len && id.data[len] >= '0' && id.data[len] <= '9')
        len++;
    text_format(m->seq, sizeof m->seq, "%.*s", (int)len, (const char *)id.data);
}

static bus_code_t receive(wire_t *w, bus_message_t *m, uint64_t deadline_ms, error_t *err)
{
    bus_code_t code;
    size_t before = w->options->role == BUS_ASK ? 1 : 0; /* a report has no topic */
    do {                                                 /* what has no parts is neither event nor report */
        bus_message_clear(m);
        if (before > 0)
            bus_message_add(m, bytes_make(NULL, 0));
        code = receive_frames(w, m, deadline_ms, err);
    } while (code == BUS_OK && m->count == before);
    if (code == BUS_OK && w->options->role == BUS_HANDLE)
        take_seq(m);
    if (code == BUS_OK && w->options->role == BUS_SUBSCRIBE && m->count == 1)
        take_first_word(m);
    return code;
}

static bus_code_t answer(wire_t *w, const bus_message_t *m, bool failed, bytes_t text, error_t *err)
{
    const bytes_t nothing = {0};
    const bytes_t handled[] = {buffer_bytes(&m->answer_to), nothing, text};
    const bytes_t failure[] = {buffer_bytes(&m->answer_to), nothing, nothing, text};
    uint64_t deadline = cli_now_ms() + CONNECT_MOST_MS;
    bus_code_t code = send_frames(w, failed ? failure : handled, failed ? 4 : 3, deadline, err);
    return code == BUS_NOTHING ? BUS_LOST : code;
}

/* libzmq's own thread answers PINGs. */
static void serve(wire_t *w)
{
    (void)w;
}

const wire_calls_t wire_zmtp = {create, destroy, open_, end, publish, flush, counts, receive, answer, serve};
