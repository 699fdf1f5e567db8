/* SPDX-License-Identifier: Apache-2.0
 *
 * net_internal.h: what the files of this room share: the loop's insides, and the three things it knows: sources
 * (descriptors in epoll), timers, and lists of connections with something left to do in this turn.
 *
 * Nothing is freed while it may still be named by an event of the turn or by a caller further up: connections and
 * listeners that are done go to a list, and the loop frees them at the end of net_poll and net_flush. */
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/heap.h"
#include "base/list.h"
#include "net/net.h"

typedef struct net_source net_source_t;

/* `events` are epoll's. */
typedef void source_ready_t(net_source_t *source, uint32_t events);

/* A descriptor that epoll watches; a member of what it belongs to. */
struct net_source {
    source_ready_t *ready;
    net_loop_t *loop;
    int fd; /* -1: closed */
};

struct net_loop {
    net_options_t options;
    int epoll_fd;
    uint64_t now_ms;
    uint64_t accept_log_at_ms; /* earliest time of the next line about a failed accept */
    uint8_t *read_buffer;      /* shared by all connections: leftover in front, what is read behind */
    timer_heap_t timers;
    size_t connection_count;
    list_t connections; /* those whose socket is open */
    list_t dirty;       /* to be written to, or whose events changed, in net_flush */
    list_t resumed;     /* to be given their leftover again */
    list_t dead;        /* socket closed, `ended` to be called */
    list_t dials;       /* connections of ours on their way */
    list_t ended_dials; /* those with an outcome, to be told */
    list_t listeners;
    list_t closed_listeners;
    list_t watches;
    bool inside; /* in net_poll or net_flush: nothing is freed by a call from there */
};

/* ---- loop.c ---- */

/* Adds the source to epoll, or changes what it waits for. 0, or -1 with errno. */
int loop_add(net_source_t *source, uint32_t events);
int loop_change(net_source_t *source, uint32_t events);
void loop_remove(net_source_t *source);

/* ---- connection.c ---- */

/* Calls `ended` of the sessions in l->dead and frees their connections. */
void connections_reap(net_loop_t *l);

/* Ends every connection ("shutdown"). */
void connections_end_all(net_loop_t *l);

/* ---- dial.c ---- */

/* Tells the outcome of the dials that have one. */
void dials_end(net_loop_t *l);

/* Closes and forgets all of them. */
void dials_free(net_loop_t *l);

/* ---- listener.c ---- */

/* Frees the listeners that net_stop_accepting closed. */
void listeners_reap(net_loop_t *l);

/* ---- listener_unix.c ---- */

/* The file of a Unix socket, and which one it was when we made it. */
typedef struct unix_file {
    char path[sizeof(((struct sockaddr_un *)0)->sun_path)]; /* empty: none */
    uint64_t device;
    uint64_t inode;
} unix_file_t;

/* Listens at `path`, in place of a socket there on which nobody answers. 1, or 0 with the reason. */
size_t unix_listen(const char *path, int backlog, int *fd, unix_file_t *file, error_t *err);

/* Removes the file, if it is still the one we made. */
void unix_file_remove(const unix_file_t *file);

/* ---- address.c ---- */

typedef struct socket_address {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
        struct sockaddr_un local;
    } of;
    socklen_t len;
} socket_address_t;

enum { ADDRESS_LIST_MAX = NET_SOCKETS_MAX };

typedef struct address_list {
    socket_address_t items[ADDRESS_LIST_MAX];
    size_t count;
    bool alternatives; /* the first that works is enough; otherwise all of them are meant */
} address_list_t;

/* The path of "unix:PATH", or NULL. */
const char *address_unix_path(const net_address_t *address);

/* The socket addresses a TCP address stands for; may ask the resolver, and so block. */
int address_resolve(const net_address_t *address, address_list_t *out, error_t *err);

uint16_t address_port(const socket_address_t *a);
void address_set_port(socket_address_t *a, uint16_t port);

/* "127.0.0.1:4711" (also for IPv4 mapped into IPv6), "[::1]:4711", "unix". */
void address_text(const socket_address_t *a, char *out, size_t out_bytes);

/* 127.0.0.0/8, also mapped, ::1, and Unix sockets. */
bool address_is_loopback(const socket_address_t *a);

/* Our end, or the peer's, of a socket. 0, or -1 with errno. */
int address_of_socket(int fd, socket_address_t *out);
int address_of_peer(int fd, socket_address_t *out);
