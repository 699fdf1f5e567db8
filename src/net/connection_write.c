/* SPDX-License-Identifier: Apache-2.0
 *
 * connection_write.c: from the session's output to the socket, once a turn for each connection that wrote.
 *
 * What the socket does not take waits for EPOLLOUT, which is armed only then. A connection whose peer does
 * not read is not read either while more than output_pause_bytes wait, until half of that is gone. */
#include <errno.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/uio.h>

#include "net/connection.h"

/* Gather writes of one connection in one turn, of so many pieces each; the rest is for the next turn. */
enum { SENDS_A_TURN = 8, PIECES_A_SEND = 64 };

_Static_assert(sizeof(output_piece_t) == sizeof(struct iovec), "a piece is an iovec");
_Static_assert(offsetof(output_piece_t, data) == offsetof(struct iovec, iov_base), "a piece is an iovec");
_Static_assert(offsetof(output_piece_t, len) == offsetof(struct iovec, iov_len), "a piece is an iovec");

static void send_waiting(connection_t *c);
static void finish_closing(connection_t *c);
static void update_pause(connection_t *c);
static void update_events(connection_t *c);

void connection_flush(connection_t *c)
{
    output_t *out = c->transport.output;
    uint64_t sent_before = output_sent(out);
    if (!c->blocked && c->state != CONNECTION_LINGERING)
        send_waiting(c);
    if (c->state == CONNECTION_DEAD)
        return;
    if (output_sent(out) > sent_before)
        c->transport.session->kind->drained(c->transport.session);
    if (c->state == CONNECTION_CLOSING)
        finish_closing(c);
    if (c->state == CONNECTION_DEAD)
        return;
    update_pause(c);
    update_events(c);
}

/* One gather write. True if the socket took all it was offered. */
static bool send_once(connection_t *c)
{
    output_t *out = c->transport.output;
    output_piece_t pieces[PIECES_A_SEND];
    size_t count = output_gather(out, pieces, PIECES_A_SEND);
    size_t offered = 0;
    for (size_t i = 0; i < count; i++)
        offered += pieces[i].len;
    struct msghdr message = {.msg_iov = (struct iovec *)(void *)pieces, .msg_iovlen = count};
    ssize_t sent = sendmsg(c->source.fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0) {
        if (errno != EAGAIN && errno != EINTR)
            connection_end_errno(c, errno);
        return false;
    }
    output_drain(out, (size_t)sent);
    return (size_t)sent == offered;
}

static void send_waiting(connection_t *c)
{
    output_t *out = c->transport.output;
    for (int i = 0; i < SENDS_A_TURN && output_waiting(out) > 0; i++)
        if (!send_once(c))
            break;
    c->blocked = c->state != CONNECTION_DEAD && output_waiting(out) > 0;
}

/* When the last octet is with the kernel, shuts our end and waits for the peer's. */
static void finish_closing(connection_t *c)
{
    leftover_free(&c->leftover);
    if (output_waiting(c->transport.output) > 0)
        return;
    if (c->input_ended || shutdown(c->source.fd, SHUT_WR) != 0)
        connection_end(c, "closed");
    else
        connection_move(c, CONNECTION_LINGERING);
}

/* What waits beside what the session bounds by itself: a client that publishes while it has deliveries to read must
 * be read, or neither side would ever go on. */
static uint64_t waiting_unbounded(const transport_t *t)
{
    uint64_t waiting = output_waiting(t->output);
    return waiting > t->bounded_bytes ? waiting - t->bounded_bytes : 0;
}

static void update_pause(connection_t *c)
{
    uint64_t waiting = waiting_unbounded(&c->transport);
    uint64_t limit = c->source.loop->options.output_pause_bytes;
    if (waiting > limit) {
        c->paused = true;
    } else if (c->paused && waiting <= limit / 2) {
        c->paused = false;
        if (c->resume_wanted && !list_linked(&c->resumed))
            list_append(&c->source.loop->resumed, &c->resumed);
        c->resume_wanted = false;
    }
}

/* ---- epoll ---- */

static uint32_t wanted_events(const connection_t *c)
{
    return (connection_wants_input(c) ? (uint32_t)EPOLLIN : 0) | (c->blocked ? (uint32_t)EPOLLOUT : 0);
}

static void update_events(connection_t *c)
{
    uint32_t wanted = wanted_events(c);
    int rc = 0;
    if (c->detached && wanted != 0) {
        rc = loop_add(&c->source, wanted);
        c->detached = false;
    } else if (!c->detached && wanted != c->armed) {
        rc = loop_change(&c->source, wanted);
    }
    c->armed = wanted;
    if (rc != 0)
        connection_end_errno(c, errno);
}

void connection_hung_up(connection_t *c)
{
    int number = 0;
    socklen_t len = sizeof number;
    (void)getsockopt(c->source.fd, SOL_SOCKET, SO_ERROR, &number, &len);
    if (number != 0) {
        connection_end_errno(c, number);
    } else if (c->armed == 0 && !c->detached) {
        /* Gone without an error, and what it sent last may still be unread: left there until the session
         * reads on. epoll tells a hang-up whether asked or not, so it must not be in there meanwhile. */
        loop_remove(&c->source);
        c->detached = true;
    }
}
