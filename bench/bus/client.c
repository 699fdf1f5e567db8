/* SPDX-License-Identifier: Apache-2.0
 *
 * client.c: a blocking socket; what must not block says MSG_DONTWAIT. A read moves the rest of a message to the front of
 * the buffer, so that every message lies in one piece. */
#include "client.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/alloc.h"

#define IN_BYTES      ((size_t)256 * 1024) /* no message is longer */
#define SILENCE_S     20                   /* a broker that says nothing for so long has lost something */
#define COMMAND_BYTES 4096

static const zmtp_frame_limits_t limits = {
    .frame_bytes = IN_BYTES, .command_bytes = COMMAND_BYTES, .whole_bytes = IN_BYTES};

/* ---- octets ---- */

static int connect_to(bus_client_t *c, uint16_t port, error_t *err)
{
    struct sockaddr_in where = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct timeval silence = {.tv_sec = SILENCE_S};
    int yes = 1;
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    *c = (bus_client_t){.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), .in = mem_alloc(IN_BYTES)};
    if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&where, sizeof where) != 0 ||
        setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes) != 0 ||
        setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &silence, sizeof silence) != 0 ||
        setsockopt(c->fd, SOL_SOCKET, SO_SNDTIMEO, &silence, sizeof silence) != 0)
        return error_set(err, "port %u: %s", (unsigned)port, strerror(errno));
    return 0;
}

static bool would_wait(void)
{
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

static int send_with(bus_client_t *c, int flags, error_t *err)
{
    size_t sent = 0;
    while (sent < c->out.len) {
        ssize_t n = send(c->fd, c->out.data + sent, c->out.len - sent, flags | MSG_NOSIGNAL);
        if (n < 0 && would_wait() && flags & MSG_DONTWAIT)
            break;
        if (n < 0)
            return error_set(err, "cannot send: %s",
                             would_wait() ? "the broker reads nothing" : strerror(errno));
        sent += (size_t)n;
    }
    buffer_consume(&c->out, sent);
    return 0;
}

int bus_client_flush(bus_client_t *c, error_t *err)
{
    return send_with(c, 0, err);
}

int bus_client_flush_some(bus_client_t *c, error_t *err)
{
    return send_with(c, MSG_DONTWAIT, err);
}

static int read_with(bus_client_t *c, int flags, error_t *err)
{
    memmove(c->in, c->in + c->in_begin, c->in_end - c->in_begin);
    c->in_end -= c->in_begin;
    c->in_begin = 0;
    if (c->in_end == IN_BYTES)
        return error_set(err, "a message of more than %zu octets", IN_BYTES);
    ssize_t n = recv(c->fd, c->in + c->in_end, IN_BYTES - c->in_end, flags);
    if (n > 0)
        c->in_end += (size_t)n;
    else if (n == 0)
        return error_set(err, "the broker ended the connection");
    else if (!would_wait())
        return error_set(err, "cannot receive: %s", strerror(errno));
    else if (!(flags & MSG_DONTWAIT))
        return error_set(err, "the broker said nothing for %d s", SILENCE_S);
    return 0;
}

int bus_client_read(bus_client_t *c, error_t *err)
{
    return read_with(c, 0, err);
}

int bus_client_read_some(bus_client_t *c, error_t *err)
{
    return read_with(c, MSG_DONTWAIT, err);
}

size_t bus_client_take(bus_client_t *c)
{
    size_t bytes = c->in_end - c->in_begin;
    c->in_begin = c->in_end = 0;
    return bytes;
}

/* ---- messages ---- */

static int refused(zmtp_result_t result, error_t *err)
{
    return error_set(err, "the broker sent %s", zmtp_refusal_text(result));
}

static int on_command(bus_client_t *c, bytes_t body, error_t *err)
{
    zmtp_command_t command;
    zmtp_ping_t ping;
    zmtp_result_t result = zmtp_command_decode(body, &command);
    if (zmtp_is_refusal(result))
        return refused(result, err);
    if (command.id == ZMTP_COMMAND_SUBSCRIBE)
        c->subscribed = true;
    else if (command.id == ZMTP_COMMAND_PING && zmtp_ping_decode(command.data, &ping) == ZMTP_DECODED)
        zmtp_write_pong(&c->out, ping.context);
    return 0;
}

/* 1: a frame; 0: not whole yet. */
static int next_frame(bus_client_t *c, size_t *at, zmtp_piece_t *piece, error_t *err)
{
    zmtp_frame_reader_t frames = {.limits = limits};
    bytes_reader_t in = bytes_reader(bytes_make(c->in + *at, c->in_end - *at));
    zmtp_result_t result = zmtp_frame_read(&frames, &in, piece);
    if (zmtp_is_refusal(result))
        return refused(result, err);
    *at = (size_t)(in.at - c->in);
    return result == ZMTP_DECODED;
}

int bus_client_next(bus_client_t *c, bus_message_t *out, error_t *err)
{
    size_t at = c->in_begin;
    zmtp_piece_t piece;
    out->count = 0;
    while (at < c->in_end) {
        int code = next_frame(c, &at, &piece, err);
        if (code <= 0)
            return code;
        if (piece.flags & ZMTP_COMMAND) {
            if (out->count > 0)
                return error_set(err, "the broker sent a command inside a message");
            if (on_command(c, piece.octets, err) != 0)
                return -1;
            c->in_begin = at;
            continue;
        }
        if (out->count == BUS_FRAMES_MOST)
            return error_set(err, "a message of more than %d frames", BUS_FRAMES_MOST);
        out->frame[out->count++] = piece.octets;
        if (!(piece.flags & ZMTP_MORE)) {
            c->in_begin = at;
            return 1;
        }
    }
    return 0;
}

/* ---- opening ---- */

static int greet(bus_client_t *c, error_t *err)
{
    zmtp_greeting_t greeting = {.stage = ZMTP_GREETING_BEGUN};
    zmtp_write_signature(&c->out);
    for (;;) {
        zmtp_greeting_stage_t answered = greeting.stage;
        if (bus_client_flush(c, err) != 0 || bus_client_read(c, err) != 0)
            return -1;
        zmtp_result_t result = zmtp_greeting_decode(bytes_make(c->in, c->in_end), &greeting);
        if (zmtp_is_refusal(result))
            return refused(result, err);
        zmtp_greeting_answer(&c->out, answered, &greeting, ZMTP_MECHANISM_NULL);
        if (result == ZMTP_DECODED)
            break;
    }
    if (greeting.version == ZMTP_2_0)
        return error_set(err, "the broker speaks ZMTP 2.0 only");
    c->peer = greeting.version;
    c->in_begin = greeting.bytes;
    return 0;
}

static int await_ready(bus_client_t *c, error_t *err)
{
    zmtp_piece_t piece;
    zmtp_command_t command;
    size_t at = c->in_begin;
    int code;
    while ((code = next_frame(c, &at, &piece, err)) == 0) {
        if (bus_client_read(c, err) != 0)
            return -1;
        at = c->in_begin;
    }
    c->in_begin = at;
    if (code < 0)
        return -1;
    if (!(piece.flags & ZMTP_COMMAND) || zmtp_command_decode(piece.octets, &command) != ZMTP_DECODED ||
        command.id != ZMTP_COMMAND_READY)
        return error_set(err, "the broker is not ready for us");
    return 0;
}

int bus_client_open(bus_client_t *c, uint16_t port, zmtp_socket_type_t type, error_t *err)
{
    zmtp_socket_t ours = {.type = type};
    if (connect_to(c, port, err) != 0 || greet(c, err) != 0)
        return -1;
    zmtp_write_ready(&c->out, &ours);
    return bus_client_flush(c, err) == 0 ? await_ready(c, err) : -1;
}

int bus_client_open_bare(bus_client_t *c, uint16_t port, uint8_t role, error_t *err)
{
    if (connect_to(c, port, err) != 0)
        return -1;
    write_u8(&c->out, role);
    return bus_client_flush(c, err);
}

void bus_client_close(bus_client_t *c)
{
    if (c->in == NULL)
        return;
    if (c->fd >= 0)
        close(c->fd);
    buffer_free(&c->out);
    mem_free(c->in);
    *c = (bus_client_t){.fd = -1};
}

/* ---- many at once ---- */

int bus_clients_turn(bus_client_t *const *clients, size_t count, int timeout_ms, error_t *err)
{
    struct pollfd watched[BUS_CLIENTS_MOST];
    assert(count <= BUS_CLIENTS_MOST);
    for (size_t i = 0; i < count; i++) {
        if (clients[i]->out.len > 0 && bus_client_flush_some(clients[i], err) != 0)
            return -1;
        watched[i] = (struct pollfd){.fd = clients[i]->fd, .events = POLLIN};
        if (clients[i]->out.len > 0)
            watched[i].events |= POLLOUT;
    }
    int ready = poll(watched, count, timeout_ms);
    if (ready < 0)
        return error_set(err, "poll: %s", strerror(errno));
    for (size_t i = 0; i < count; i++)
        if (watched[i].revents & ~POLLOUT && bus_client_read_some(clients[i], err) != 0)
            return -1;
    return ready;
}
