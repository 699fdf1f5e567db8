/* SPDX-License-Identifier: Apache-2.0
 *
 * ceiling.c: the program: one socket that listens, one epoll, one thread. In a turn everybody who sent something is read
 * once, then what came of it is sent, then confirms are, then those who are gone are freed. */
#include "ceiling.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"

#define EVENTS_MAX 256

static int failed(error_t *err, const char *what)
{
    return error_set(err, "%s: %s", what, strerror(errno));
}

/* ---- opening ---- */

static bytes_t name_of_queue(const hash_node_t *node)
{
    return HASH_OF(node, const queue_t, node)->name;
}

static bytes_t name_of_exchange(const hash_node_t *node)
{
    return HASH_OF(node, const exchange_t, node)->name;
}

static int listen_on(ceiling_t *c, uint16_t *port, error_t *err)
{
    struct sockaddr_in where = {.sin_family = AF_INET, .sin_port = htons(*port)};
    socklen_t length = sizeof where;
    int yes = 1;
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    c->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->listener < 0 || setsockopt(c->listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) != 0 ||
        bind(c->listener, (struct sockaddr *)&where, length) != 0 || listen(c->listener, 1024) != 0 ||
        getsockname(c->listener, (struct sockaddr *)&where, &length) != 0)
        return failed(err, "cannot listen");
    *port = ntohs(where.sin_port);
    return 0;
}

static int watch_signals(ceiling_t *c, error_t *err)
{
    sigset_t ends;
    sigemptyset(&ends);
    sigaddset(&ends, SIGTERM);
    sigaddset(&ends, SIGINT);
    sigprocmask(SIG_BLOCK, &ends, NULL);
    c->signals = signalfd(-1, &ends, SFD_CLOEXEC);
    return c->signals >= 0 ? 0 : failed(err, "signalfd");
}

/* The listener and the signals are known by the addresses of their members. */
static int watch_own(ceiling_t *c, int *fd, error_t *err)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = fd};
    return epoll_ctl(c->epoll, EPOLL_CTL_ADD, *fd, &event) == 0 ? 0 : failed(err, "epoll");
}

static int ceiling_open(ceiling_t *c, uint16_t *port, error_t *err)
{
    struct rlimit files;
    *c = (ceiling_t){.generation = 1};
    list_init(&c->conns);
    list_init(&c->dirty);
    list_init(&c->confirming);
    list_init(&c->ended);
    hash_init(&c->queues, name_of_queue);
    hash_init(&c->exchanges, name_of_exchange);
    c->input = mem_alloc(READ_BYTES + FRAME_MAX_BYTES);
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    c->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (c->epoll < 0)
        return failed(err, "epoll");
    if (listen_on(c, port, err) != 0 || watch_signals(c, err) != 0)
        return -1;
    return watch_own(c, &c->listener, err) == 0 ? watch_own(c, &c->signals, err) : -1;
}

static void ceiling_close(ceiling_t *c)
{
    LIST_EACH (node, &c->conns)
        conn_free(LIST_OF(node, conn_t, all));
    hash_node_t *any;
    while ((any = hash_any(&c->exchanges)))
        exchange_delete(c, HASH_OF(any, exchange_t, node));
    while ((any = hash_any(&c->queues)))
        queue_delete(c, HASH_OF(any, queue_t, node));
    hash_deinit(&c->exchanges);
    hash_deinit(&c->queues);
    close(c->signals);
    close(c->listener);
    close(c->epoll);
    mem_free(c->input);
}

/* ---- the loop ---- */

static void accept_all(ceiling_t *c)
{
    int fd;
    while ((fd = accept4(c->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0)
        conn_open(c, fd);
}

static void finish_turn(ceiling_t *c)
{
    LIST_EACH (node, &c->confirming)
        channel_write_confirm(LIST_OF(node, channel_t, confirming));
    ceiling_flush(c);
    list_t *node;
    while ((node = list_first(&c->ended)))
        conn_free(LIST_OF(node, conn_t, ending));
}

/* False: it shall end. */
static bool take_event(ceiling_t *c, const struct epoll_event *event)
{
    if (event->data.ptr == &c->signals)
        return false;
    if (event->data.ptr == &c->listener) {
        accept_all(c);
        return true;
    }
    conn_t *n = event->data.ptr;
    if (event->events & EPOLLOUT)
        conn_changed(n);
    if (event->events & (EPOLLIN | EPOLLERR | EPOLLHUP))
        conn_read(n);
    return true;
}

static int run(ceiling_t *c, error_t *err)
{
    struct epoll_event events[EVENTS_MAX];
    for (;;) {
        int count = epoll_wait(c->epoll, events, EVENTS_MAX, -1);
        if (count < 0 && errno != EINTR)
            return failed(err, "epoll");
        for (int i = 0; i < count; i++)
            if (!take_event(c, &events[i]))
                return 0;
        finish_turn(c);
    }
}

static int parse_port(int argc, char **argv, uint16_t *port)
{
    static const struct option known[] = {
        {"port", required_argument, 0, 'p'}, {"help", no_argument, 0, 'h'}, {0}};
    *port = 0;
    for (int option; (option = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        if (option == 'p')
            *port = (uint16_t)strtoul(optarg, NULL, 10);
        else
            return option == 'h' ? 1 : -1;
    }
    return optind == argc ? 0 : -1;
}

int main(int argc, char **argv)
{
    ceiling_t c;
    error_t err = {""};
    uint16_t port;
    int use = parse_port(argc, argv, &port);
    if (use != 0) {
        fprintf(use > 0 ? stdout : stderr,
                "usage: ceiling [--port N]    on 127.0.0.1; 0: any free one (0)\n");
        return use > 0 ? 0 : 2;
    }
    if (ceiling_open(&c, &port, &err) == 0) {
        printf("ceiling listening on 127.0.0.1:%u, pid %d\n", port, (int)getpid());
        fflush(stdout);
        if (run(&c, &err) == 0) {
            ceiling_close(&c);
            return 0;
        }
    }
    fprintf(stderr, "ceiling: %s\n", err.text);
    return 1;
}
