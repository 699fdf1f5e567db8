/* SPDX-License-Identifier: Apache-2.0
 *
 * connection_read.c: from the socket to the session.
 *
 * All connections of a loop read into one buffer. What a session does not consume, normally the beginning of
 * a frame, is kept by the connection until more comes, and then stands in front of it: copied into the shared
 * buffer while it is small, else the other way round: what is read goes behind the leftover, so that a very
 * long frame is not copied again with each of its pieces. */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "net/connection.h"

/* No frame is longer; a session that leaves more than this lying is broken or being abused. */
#define LEFTOVER_MAX_BYTES ((size_t)16 * 1024 * 1024)

enum { LEFTOVER_MIN_CAPACITY = 256 };

static void give(connection_t *c, uint8_t *data, size_t len);
static void throw_away(connection_t *c);

bool connection_wants_input(const connection_t *c)
{
    if (c->state == CONNECTION_OPEN)
        return c->reading && !c->paused;
    return c->state != CONNECTION_DEAD && !c->input_ended;
}

/* ---- the leftover ---- */

void leftover_free(leftover_t *left)
{
    mem_free(left->data);
    *left = (leftover_t){0};
}

static size_t rounded_capacity(size_t len)
{
    size_t capacity = LEFTOVER_MIN_CAPACITY;
    while (capacity < len)
        capacity *= 2;
    return capacity;
}

/* Room for `more` octets behind what is there. */
static void leftover_reserve(leftover_t *left, size_t more)
{
    if (left->capacity - left->len >= more)
        return;
    left->capacity = rounded_capacity(left->len + more);
    left->data = mem_resize(left->data, left->capacity);
}

/* Keeps exactly `len` octets at `data`, which may lie in the leftover itself, in a buffer that fits them. */
static void leftover_keep(leftover_t *left, const uint8_t *data, size_t len)
{
    size_t capacity = rounded_capacity(len);
    if (len > 0 && left->capacity >= capacity && left->capacity / 4 <= capacity) {
        if (data != left->data) /* a long frame that goes on growing stays where it is */
            memmove(left->data, data, len);
        left->len = len;
        return;
    }
    leftover_t fresh = {0};
    if (len > 0) {
        fresh = (leftover_t){.data = mem_alloc(capacity), .len = len, .capacity = capacity};
        memcpy(fresh.data, data, len);
    }
    leftover_free(left);
    *left = fresh;
}

/* ---- reading ---- */

/* Where to read to: the leftover is in front of it. */
static uint8_t *front_of_input(connection_t *c)
{
    net_loop_t *l = c->source.loop;
    if (c->leftover.len > l->options.read_bytes) {
        leftover_reserve(&c->leftover, l->options.read_bytes);
        return c->leftover.data;
    }
    if (c->leftover.len > 0)
        memcpy(l->read_buffer, c->leftover.data, c->leftover.len);
    return l->read_buffer;
}

void connection_read(connection_t *c)
{
    if (c->state != CONNECTION_OPEN) {
        throw_away(c);
        return;
    }
    uint8_t *front = front_of_input(c);
    ssize_t n = recv(c->source.fd, front + c->leftover.len, c->source.loop->options.read_bytes, MSG_DONTWAIT);
    if (n > 0)
        give(c, front, c->leftover.len + (size_t)n);
    else if (n == 0)
        connection_end(c, "closed by peer");
    else if (errno != EAGAIN && errno != EINTR)
        connection_end_errno(c, errno);
}

void connection_resume(connection_t *c)
{
    if (c->state != CONNECTION_OPEN || !c->reading)
        return;
    if (c->paused)
        c->resume_wanted = true;
    else if (c->leftover.len > 0)
        give(c, c->leftover.data, c->leftover.len);
}

/* Gives the session what it left and what has come behind it, and keeps what it leaves now. The octets stay
 * where they are during the call whatever the session does. */
static void give(connection_t *c, uint8_t *data, size_t len)
{
    net_loop_t *l = c->source.loop;
    session_t *session = c->transport.session;
    size_t used = session->kind->input(session, bytes_make(data, len));
    assert(used <= len);
    if (c->state != CONNECTION_OPEN) {
        leftover_free(&c->leftover); /* it closed: it wants no more */
        return;
    }
    leftover_keep(&c->leftover, data + used, len - used);
    if (c->leftover.len > LEFTOVER_MAX_BYTES + l->options.read_bytes) {
        log_line(l->options.log, LOG_WARNING, "connection %s: closed, %zu octets of input without an end",
                 c->transport.peer, c->leftover.len);
        connection_end(c, "input without an end");
    }
}

/* After close: reads so that the peer can go on writing until it reads our last octets, and for nothing else.
 */
static void throw_away(connection_t *c)
{
    net_loop_t *l = c->source.loop;
    ssize_t n = recv(c->source.fd, l->read_buffer, l->options.read_bytes, MSG_DONTWAIT);
    if (n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR)))
        return;
    if (c->state == CONNECTION_LINGERING) {
        connection_end(c, "closed");
    } else if (n == 0) {
        c->input_ended = true; /* it may still read what we have to say */
        connection_mark_dirty(c);
    } else {
        connection_end_errno(c, errno);
    }
}
