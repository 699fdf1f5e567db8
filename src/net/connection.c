/* SPDX-License-Identifier: Apache-2.0
 *
 * connection.c: the life of a connection, and what its session may ask of it.
 *
 * What a session calls only marks: states change, but sockets are closed and `ended` is called by the loop,
 * where no session is on the stack. */
#include "net/connection.h"

#include <assert.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/alloc.h"

static void connection_ready(net_source_t *source, uint32_t events);
static void connection_due(net_timer_t *timer);
static void connection_free(connection_t *c);

static const transport_kind_t transport_kind;

static connection_t *of_transport(transport_t *t)
{
    return (connection_t *)(void *)t;
}

/* ---- from birth to death ---- */

/* Fills in who is at both ends. False if the peer is gone already. */
static bool read_addresses(connection_t *c)
{
    socket_address_t local, peer;
    if (address_of_socket(c->source.fd, &local) != 0 || address_of_peer(c->source.fd, &peer) != 0)
        return false;
    transport_t *t = &c->transport;
    address_text(&local, t->local, sizeof t->local);
    address_text(&peer, t->peer, sizeof t->peer);
    t->loopback = address_is_loopback(&peer);
    t->since_ms = c->source.loop->now_ms;
    return true;
}

static connection_t *connection_new(net_loop_t *l, int fd)
{
    connection_t *c = MEM_NEW(connection_t);
    c->transport.kind = &transport_kind;
    c->transport.output = output_new();
    c->source = (net_source_t){.ready = connection_ready, .loop = l, .fd = fd};
    c->timer.due = connection_due;
    list_init(&c->dirty);
    list_init(&c->resumed);
    c->state = CONNECTION_OPEN;
    c->reading = true;
    list_init(&c->node);
    list_append(&l->connections, &c->node);
    l->connection_count++;
    return c;
}

bool net_adopt(net_loop_t *l, int fd, const session_factory_t *factory)
{
    connection_t *c = connection_new(l, fd);
    if (!read_addresses(c)) {
        connection_free(c);
        return false;
    }
    if (l->options.nodelay && strcmp(c->transport.local, "unix") != 0) {
        int on = 1;
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on); /* only costs latency if it fails */
    }
    c->armed = EPOLLIN;
    if (loop_add(&c->source, c->armed) != 0) {
        log_line(l->options.log, LOG_ERROR, "connection %s: dropped, epoll refuses it: %s", c->transport.peer,
                 strerror(errno));
        connection_free(c);
        return false;
    }
    c->transport.session = factory->open(factory->context, &c->transport);
    if (c->transport.session != NULL)
        return true;
    connection_free(c);
    return false;
}

void connection_move(connection_t *c, connection_state_t to)
{
    static const uint8_t may_follow[] = {
        [CONNECTION_OPEN] = 1 << CONNECTION_CLOSING | 1 << CONNECTION_DEAD,
        [CONNECTION_CLOSING] = 1 << CONNECTION_LINGERING | 1 << CONNECTION_DEAD,
        [CONNECTION_LINGERING] = 1 << CONNECTION_DEAD,
        [CONNECTION_DEAD] = 0,
    };
    assert(may_follow[c->state] & 1 << to);
    c->state = (uint8_t)to;
}

/* Takes the connection out of everything that could call it, and closes the socket. */
static void disconnect(connection_t *c)
{
    net_loop_t *l = c->source.loop;
    net_cancel_timer(l, &c->timer);
    list_remove(&c->dirty);
    list_remove(&c->resumed);
    list_remove(&c->node);
    close(c->source.fd); /* leaves epoll by itself */
    c->source.fd = -1;
}

void connection_end(connection_t *c, const char *reason)
{
    if (c->state == CONNECTION_DEAD)
        return;
    connection_move(c, CONNECTION_DEAD);
    c->reason = reason;
    disconnect(c);
    list_append(&c->source.loop->dead, &c->node);
}

void connection_end_errno(connection_t *c, int number)
{
    const char *text = strerrordesc_np(number); /* strerror's text, but constant */
    connection_end(c, text != NULL ? text : "unknown error");
}

static void connection_free(connection_t *c)
{
    net_loop_t *l = c->source.loop;
    if (c->source.fd >= 0)
        disconnect(c);
    list_remove(&c->node);
    assert(l->connection_count > 0);
    l->connection_count--;
    leftover_free(&c->leftover);
    output_free(&c->transport.output);
    mem_free(c);
}

void connections_reap(net_loop_t *l)
{
    for (list_t *node; (node = list_first(&l->dead)) != NULL;) {
        connection_t *c = LIST_OF(node, connection_t, node);
        session_t *session = c->transport.session;
        list_remove(node);
        output_drop(c->transport.output); /* so that `ended` finds every loan returned */
        session->kind->ended(session, c->reason);
        connection_free(c);
    }
}

void connections_end_all(net_loop_t *l)
{
    for (list_t *node; (node = list_first(&l->connections)) != NULL;)
        connection_end(LIST_OF(node, connection_t, node), "shutdown");
}

size_t net_connection_count(const net_loop_t *l)
{
    return l->connection_count;
}

void net_shutdown_sessions(net_loop_t *l)
{
    LIST_EACH (node, &l->connections) {
        connection_t *c = LIST_OF(node, connection_t, node);
        if (c->state == CONNECTION_OPEN)
            c->transport.session->kind->shutdown(c->transport.session);
    }
}

/* ---- what the loop tells ---- */

static void connection_ready(net_source_t *source, uint32_t events)
{
    connection_t *c = (connection_t *)(void *)((char *)source - offsetof(connection_t, source));
    if (events & EPOLLOUT) {
        c->blocked = false;
        connection_mark_dirty(c);
    }
    if (connection_wants_input(c)) {
        if (events & (EPOLLIN | EPOLLERR | EPOLLHUP))
            connection_read(c);
    } else if (events & (EPOLLERR | EPOLLHUP)) {
        connection_hung_up(c);
    }
}

static void connection_due(net_timer_t *timer)
{
    connection_t *c = (connection_t *)(void *)((char *)timer - offsetof(connection_t, timer));
    if (c->state == CONNECTION_OPEN)
        c->transport.session->kind->deadline(c->transport.session);
    else
        connection_end(c, "closed");
}

void connection_mark_dirty(connection_t *c)
{
    if (!list_linked(&c->dirty))
        list_append(&c->source.loop->dirty, &c->dirty);
}

/* ---- what the session asks ---- */

static bool is_sending(const connection_t *c)
{
    return c->state == CONNECTION_OPEN || c->state == CONNECTION_CLOSING;
}

static void transport_flush(transport_t *t)
{
    connection_t *c = of_transport(t);
    if (is_sending(c))
        connection_mark_dirty(c);
    else
        output_drop(t->output); /* nobody will read it, and it must not pile up */
}

static void transport_close(transport_t *t, uint64_t linger_ms)
{
    connection_t *c = of_transport(t);
    net_loop_t *l = c->source.loop;
    if (c->state == CONNECTION_DEAD)
        return;
    uint64_t end_ms = linger_ms > UINT64_MAX - l->now_ms ? UINT64_MAX : l->now_ms + linger_ms;
    if (c->state == CONNECTION_OPEN) {
        connection_move(c, CONNECTION_CLOSING);
        net_set_timer(l, &c->timer, end_ms);
    } else if (end_ms < c->timer.heap.deadline_ms) {
        net_set_timer(l, &c->timer, end_ms); /* a second call may only shorten the wait */
    }
    if (c->state == CONNECTION_CLOSING)
        connection_mark_dirty(c);
}

static void transport_set_deadline(transport_t *t, uint64_t at_ms)
{
    connection_t *c = of_transport(t);
    if (c->state != CONNECTION_OPEN)
        return;
    if (at_ms == 0)
        net_cancel_timer(c->source.loop, &c->timer);
    else
        net_set_timer(c->source.loop, &c->timer, at_ms);
}

static void transport_set_reading(transport_t *t, bool on)
{
    connection_t *c = of_transport(t);
    if (c->state != CONNECTION_OPEN)
        return;
    c->reading = on;
    connection_mark_dirty(c); /* epoll hears of it once, in net_flush */
    if (!on)
        list_remove(&c->resumed);
    else if (!list_linked(&c->resumed))
        list_append(&c->source.loop->resumed, &c->resumed);
}

/* Twice this, as the kernel counts its own part too. If it fails, it holds more. */
#define UNSENT_BYTES (64 << 10)

static void transport_bound_unsent(transport_t *t)
{
    int bytes = UNSENT_BYTES;
    connection_t *c = of_transport(t);
    if (c->state == CONNECTION_OPEN)
        (void)setsockopt(c->source.fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
}

static uint64_t transport_now_ms(const transport_t *t)
{
    return ((const connection_t *)(const void *)t)->source.loop->now_ms;
}

static const transport_kind_t transport_kind = {
    .flush = transport_flush,
    .close = transport_close,
    .set_deadline = transport_set_deadline,
    .set_reading = transport_set_reading,
    .bound_unsent = transport_bound_unsent,
    .now_ms = transport_now_ms,
};
