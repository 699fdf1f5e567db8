/* SPDX-License-Identifier: Apache-2.0
 *
 * listener.c: listening sockets. A name may stand for several addresses (localhost: 127.0.0.1 and ::1): each
 * gets a listener of its own, all on one port.
 *
 * When accept fails for want of descriptors or memory the listener leaves epoll's sight for a while: the
 * connection stays in the kernel's queue, and would otherwise wake the loop all the time. */
#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/text.h"
#include "net/net_internal.h"

enum {
    ACCEPTS_A_TURN = 64,
    PORT_ATTEMPTS = 16, /* for a port that is free on all addresses of a name */
    ACCEPT_LOG_EVERY_MS = 1000,
};

struct net_listener {
    net_source_t source;
    net_timer_t retry; /* accepting is tried again */
    list_t node;       /* in loop->listeners or loop->closed_listeners */
    net_accepted_t *accepted;
    void *context;
    unix_file_t file;
    char bound[sizeof(net_address_t)];
};

static void listener_ready(net_source_t *source, uint32_t events);
static void listener_retry(net_timer_t *timer);

/* ---- opening ---- */

/* A socket that listens on `a`, or -1 with errno. IPv6's any-address takes IPv4 as well. */
static int open_socket(const socket_address_t *a, int backlog)
{
    int family = a->of.any.sa_family;
    int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    int on = 1;
    int only_ipv6 = family == AF_INET6 && !IN6_IS_ADDR_UNSPECIFIED(&a->of.v6.sin6_addr);
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0)
        goto close_socket;
    if (family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &only_ipv6, sizeof only_ipv6) != 0)
        goto close_socket;
    if (bind(fd, &a->of.any, a->len) != 0 || listen(fd, backlog) != 0)
        goto close_socket;
    return fd;

close_socket:;
    int number = errno;
    close(fd);
    errno = number;
    return -1;
}

static void close_sockets(const int *fds, size_t count)
{
    for (size_t i = 0; i < count; i++)
        close(fds[i]);
}

static uint16_t bound_port(int fd)
{
    socket_address_t a;
    return address_of_socket(fd, &a) == 0 ? address_port(&a) : 0;
}

/* Opens all addresses of the list (or the first that works), on one port. Those of a family that this machine
 * does not have are passed over if another works. Returns how many, or 0 with errno. */
static size_t open_list(address_list_t *list, int backlog, int *fds)
{
    size_t count = 0;
    int number = EADDRNOTAVAIL;
    uint16_t port = address_port(&list->items[0]);
    for (size_t i = 0; i < list->count && !(list->alternatives && count > 0); i++) {
        address_set_port(&list->items[i], port);
        int fd = open_socket(&list->items[i], backlog);
        if (fd >= 0) {
            fds[count++] = fd;
            port = port == 0 ? bound_port(fd) : port;
            continue;
        }
        number = errno;
        if (number != EAFNOSUPPORT && number != EADDRNOTAVAIL) {
            close_sockets(fds, count);
            count = 0;
            break;
        }
    }
    errno = number;
    return count;
}

static size_t open_tcp(const net_address_t *address, int backlog, int *fds, error_t *err)
{
    address_list_t list;
    if (address_resolve(address, &list, err) != 0)
        return 0;
    uint16_t port = address_port(&list.items[0]);
    size_t count = 0;
    for (int i = 0; i < (port == 0 ? PORT_ATTEMPTS : 1); i++) {
        address_set_port(&list.items[0], port);
        count = open_list(&list, backlog, fds);
        if (count > 0 || errno != EADDRINUSE)
            break;
    }
    if (count == 0)
        error_set(err, "cannot listen on %s: %s", address->text, strerror(errno));
    return count;
}

static net_listener_t *listener_new(net_loop_t *l, int fd, net_accepted_t *accepted, void *context)
{
    net_listener_t *n = MEM_NEW(net_listener_t);
    n->source = (net_source_t){.ready = listener_ready, .loop = l, .fd = fd};
    n->retry.due = listener_retry;
    n->accepted = accepted;
    n->context = context;
    list_init(&n->node);
    list_append(&l->listeners, &n->node);
    return n;
}

static void describe(int fd, const net_address_t *address, char *out, size_t out_bytes)
{
    socket_address_t bound;
    if (address_unix_path(address) != NULL || address_of_socket(fd, &bound) != 0)
        text_format(out, out_bytes, "%s", address->text);
    else
        address_text(&bound, out, out_bytes);
}

size_t net_open(const net_address_t *address, int backlog, int fds[NET_SOCKETS_MAX], char *bound,
                size_t bound_bytes, error_t *err)
{
    if (address_unix_path(address) != NULL) {
        error_set(err, "%s: a TCP address is needed", address->text);
        return 0;
    }
    size_t count = open_tcp(address, backlog, fds, err);
    if (count > 0)
        describe(fds[0], address, bound, bound_bytes);
    return count;
}

static void listener_close(net_listener_t *n)
{
    net_loop_t *l = n->source.loop;
    net_cancel_timer(l, &n->retry);
    unix_file_remove(&n->file);
    close(n->source.fd);
    n->source.fd = -1;
    list_remove(&n->node);
    list_append(&l->closed_listeners, &n->node);
}

/* Closes `first` and all that were opened after it. */
static void close_from(net_listener_t *first)
{
    list_t *end = &first->source.loop->listeners;
    for (list_t *node = &first->node, *next; node != end; node = next) {
        next = node->next;
        listener_close(LIST_OF(node, net_listener_t, node));
    }
}

net_listener_t *net_listen(net_loop_t *l, const net_address_t *address, net_accepted_t *accepted,
                           void *context, char *bound, size_t bound_bytes, error_t *err)
{
    int fds[ADDRESS_LIST_MAX];
    unix_file_t file = {0};
    const char *path = address_unix_path(address);
    size_t count = path != NULL ? unix_listen(path, l->options.backlog, &fds[0], &file, err)
                                : open_tcp(address, l->options.backlog, fds, err);
    net_listener_t *first = NULL;
    int number = 0;
    for (size_t i = 0; i < count; i++) {
        net_listener_t *n = listener_new(l, fds[i], accepted, context);
        n->file = file;
        describe(fds[i], address, n->bound, sizeof n->bound);
        first = first != NULL ? first : n;
        if (loop_add(&n->source, EPOLLIN) != 0)
            number = errno;
    }
    if (number != 0) {
        close_from(first);
        error_set(err, "cannot wait for connections on %s: %s", address->text, strerror(number));
        return NULL;
    }
    if (first != NULL && bound != NULL)
        text_format(bound, bound_bytes, "%s", first->bound);
    return first;
}

/* ---- closing ---- */

void net_stop_accepting(net_loop_t *l)
{
    for (list_t *node; (node = list_first(&l->listeners)) != NULL;)
        listener_close(LIST_OF(node, net_listener_t, node));
}

void listeners_reap(net_loop_t *l)
{
    for (list_t *node; (node = list_first(&l->closed_listeners)) != NULL;) {
        list_remove(node);
        mem_free(LIST_OF(node, net_listener_t, node));
    }
}

/* ---- accepting ---- */

/* An error of the one connection that would have been accepted, not of the listener: accept(2), "Error
 * handling". */
static bool is_of_one_connection(int number)
{
    switch (number) {
    case EINTR:
    case ECONNABORTED:
    case ENETDOWN:
    case EPROTO:
    case ENOPROTOOPT:
    case EHOSTDOWN:
    case ENONET:
    case EHOSTUNREACH:
    case EOPNOTSUPP:
    case ENETUNREACH:
        return true;
    default:
        return false;
    }
}

static void back_off(net_listener_t *n, int number)
{
    net_loop_t *l = n->source.loop;
    (void)loop_change(&n->source, 0);
    net_set_timer(l, &n->retry, l->now_ms + l->options.accept_backoff_ms);
    if (l->now_ms < l->accept_log_at_ms)
        return;
    l->accept_log_at_ms = l->now_ms + ACCEPT_LOG_EVERY_MS;
    log_line(l->options.log, LOG_ERROR, "listener %s: cannot accept connections: %s; trying again", n->bound,
             strerror(number));
}

static void listener_ready(net_source_t *source, uint32_t events)
{
    (void)events;
    net_listener_t *n = (net_listener_t *)(void *)((char *)source - offsetof(net_listener_t, source));
    for (int i = 0; i < ACCEPTS_A_TURN && source->fd >= 0; i++) {
        int fd = accept4(source->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            n->accepted(n->context, fd);
        } else if (errno == EAGAIN) {
            return;
        } else if (!is_of_one_connection(errno)) {
            back_off(n, errno);
            return;
        }
    }
}

static void listener_retry(net_timer_t *timer)
{
    net_listener_t *n = (net_listener_t *)(void *)((char *)timer - offsetof(net_listener_t, retry));
    if (loop_change(&n->source, EPOLLIN) != 0)
        back_off(n, errno);
}
