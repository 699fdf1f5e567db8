/* SPDX-License-Identifier: Apache-2.0
 *
 * ceiling_io.c: one recv and one send of a connection in a turn. What was lent lies in the input that all share, so it is
 * sent before the next connection is read; what the socket does not take then is copied. */
#include "ceiling.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/alloc.h"

#define PIECES_MAX 256

/* ---- output ---- */

void out_lend(out_t *o, bytes_t octets)
{
    o->lent = mem_grow(o->lent, sizeof *o->lent, o->lent_count, &o->lent_capacity, 64);
    o->lent[o->lent_count++] = (lent_t){.at = o->own.len, .octets = octets};
    o->lent_bytes += octets.len;
}

/* Our own octets and those lent, in turn; at most `max` pieces. */
static size_t out_gather(const out_t *o, struct iovec *pieces, size_t max)
{
    size_t count = 0, from = o->sent;
    for (size_t i = 0; i <= o->lent_count && count + 2 <= max; i++) {
        size_t to = i < o->lent_count ? o->lent[i].at : o->own.len;
        if (to > from)
            pieces[count++] = (struct iovec){o->own.data + from, to - from};
        if (i < o->lent_count)
            pieces[count++] =
                (struct iovec){(void *)(uintptr_t)o->lent[i].octets.data, o->lent[i].octets.len};
        from = to;
    }
    return count;
}

static void append_behind(buffer_t *b, bytes_t octets, size_t *skip)
{
    size_t gone = *skip < octets.len ? *skip : octets.len;
    *skip -= gone;
    write_bytes(b, bytes_make(octets.data + gone, octets.len - gone));
}

/* Everything behind the first `gone` octets becomes our own. */
static void out_own_rest(out_t *o, size_t gone)
{
    buffer_t all = {0};
    size_t from = o->sent;
    for (size_t i = 0; i <= o->lent_count; i++) {
        size_t to = i < o->lent_count ? o->lent[i].at : o->own.len;
        append_behind(&all, bytes_make(o->own.data + from, to - from), &gone);
        if (i < o->lent_count)
            append_behind(&all, o->lent[i].octets, &gone);
        from = to;
    }
    buffer_free(&o->own);
    o->own = all;
    o->sent = o->lent_count = o->lent_bytes = 0;
}

/* Moves what waits to the front only when that is the smaller part, so that each octet is moved at most about once. */
static void out_drain(out_t *o, size_t gone)
{
    if (gone == out_waiting(o)) {
        buffer_clear(&o->own);
        o->sent = o->lent_count = o->lent_bytes = 0;
    } else if (o->lent_count > 0) {
        out_own_rest(o, gone);
    } else {
        o->sent += gone;
        if (o->sent > o->own.len / 2) {
            buffer_consume(&o->own, o->sent);
            o->sent = 0;
        }
    }
}

/* ---- who is watched for what ---- */

static void watch(conn_t *n)
{
    uint32_t events = (list_linked(&n->holding) ? 0u : (uint32_t)EPOLLIN) |
                      (out_waiting(&n->out) > 0 ? (uint32_t)EPOLLOUT : 0u);
    if (events == n->watched)
        return;
    n->watched = events;
    epoll_ctl(n->ceiling->epoll, EPOLL_CTL_MOD, n->fd,
              &(struct epoll_event){.events = events, .data.ptr = n});
}

static void release_held(conn_t *n)
{
    LIST_EACH (node, &n->held) {
        list_remove(node);
        watch(LIST_OF(node, conn_t, holding));
    }
}

static void hold_back(conn_t *n)
{
    conn_t *full = n->full;
    n->full = NULL;
    if (!full || n->ended || full->ended || list_linked(&n->holding) || out_waiting(&full->out) <= HOLD_BYTES)
        return;
    list_append(&full->held, &n->holding);
    watch(n);
}

/* ---- sending ---- */

void conn_changed(conn_t *n)
{
    if (!list_linked(&n->dirty))
        list_append(&n->ceiling->dirty, &n->dirty);
}

void conn_flush(conn_t *n)
{
    list_remove(&n->dirty);
    if (n->ended)
        return;
    struct iovec pieces[PIECES_MAX];
    struct msghdr message = {.msg_iov = pieces};
    message.msg_iovlen = out_gather(&n->out, pieces, PIECES_MAX);
    ssize_t gone = message.msg_iovlen > 0 ? sendmsg(n->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT) : 0;
    if (gone < 0 && errno != EAGAIN && errno != EINTR) {
        conn_end(n);
        return;
    }
    out_drain(&n->out, gone > 0 ? (size_t)gone : 0);
    watch(n);
    if (out_waiting(&n->out) < RELEASE_BYTES)
        release_held(n);
    if (n->closing && out_waiting(&n->out) == 0)
        conn_end(n);
}

void ceiling_flush(ceiling_t *c)
{
    LIST_EACH (node, &c->dirty)
        conn_flush(LIST_OF(node, conn_t, dirty));
    c->lent = false;
}

/* ---- reading ---- */

static void keep_rest(conn_t *n, bytes_t rest)
{
    buffer_clear(&n->rest);
    write_bytes(&n->rest, rest);
}

void conn_read(conn_t *n)
{
    ceiling_t *c = n->ceiling;
    size_t kept = n->rest.len;
    if (n->ended)
        return;
    ssize_t got = recv(n->fd, c->input + kept, READ_BYTES, MSG_DONTWAIT);
    if (got <= 0) {
        if (got == 0 || (errno != EAGAIN && errno != EINTR))
            conn_end(n);
        return;
    }
    if (kept > 0)
        memcpy(c->input, n->rest.data, kept);
    bytes_t in = bytes_make(c->input, kept + (size_t)got);
    size_t used = frames_take(n, in);
    assert(in.len - used < FRAME_MAX_BYTES);
    keep_rest(n, bytes_make(in.data + used, in.len - used));
    if (c->lent)
        ceiling_flush(c);
    hold_back(n);
}

/* ---- life ---- */

void conn_open(ceiling_t *c, int fd)
{
    int yes = 1;
    conn_t *n = MEM_NEW(conn_t);
    n->ceiling = c;
    n->fd = fd;
    n->watched = EPOLLIN;
    list_append(&c->conns, &n->all);
    list_init(&n->dirty);
    list_init(&n->ending);
    list_init(&n->held);
    list_init(&n->holding);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    if (epoll_ctl(c->epoll, EPOLL_CTL_ADD, fd, &(struct epoll_event){.events = EPOLLIN, .data.ptr = n}) != 0)
        conn_end(n);
}

void conn_end(conn_t *n)
{
    if (n->ended)
        return;
    n->ended = true;
    list_append(&n->ceiling->ended, &n->ending);
}

void conn_free(conn_t *n)
{
    for (size_t i = 0; i < n->channel_places; i++)
        if (n->channels[i])
            channel_free(n->channels[i]);
    release_held(n);
    list_remove(&n->holding);
    list_remove(&n->all);
    list_remove(&n->dirty);
    list_remove(&n->ending);
    close(n->fd);
    mem_free(n->channels);
    buffer_free(&n->rest);
    buffer_free(&n->out.own);
    mem_free(n->out.lent);
    mem_free(n);
}
