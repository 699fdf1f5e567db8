/* SPDX-License-Identifier: Apache-2.0
 *
 * relay.c: the program build/bench/bus-relay: what no broker of synchronous events can be faster than. It passes octets
 * on and knows nothing else: what the publisher sends goes to each handler, what each of them sends back is waited for,
 * as many octets go back to the publisher. Blocking sockets, no protocol, nothing kept.
 *
 * A connection's first octet says who it is: 'H' a handler, 'P' the publisher. When the publisher goes all do, and the
 * next may come. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define HANDLERS_MOST 64
#define PIECE_BYTES   (64 * 1024)

static uint8_t piece[PIECE_BYTES], answer[PIECE_BYTES];

static int send_all(int fd, const uint8_t *octets, size_t count)
{
    while (count > 0) {
        ssize_t n = send(fd, octets, count, MSG_NOSIGNAL);
        if (n <= 0)
            return -1;
        octets += n;
        count -= (size_t)n;
    }
    return 0;
}

static int receive_all(int fd, size_t count)
{
    while (count > 0) {
        ssize_t n = recv(fd, answer, count, 0);
        if (n <= 0)
            return -1;
        count -= (size_t)n;
    }
    return 0;
}

/* Until somebody goes. */
static void relay(int publisher, const int *handlers, size_t handler_count)
{
    ssize_t n;
    while ((n = recv(publisher, piece, sizeof piece, 0)) > 0) {
        for (size_t i = 0; i < handler_count; i++)
            if (send_all(handlers[i], piece, (size_t)n) != 0)
                return;
        for (size_t i = 0; i < handler_count; i++)
            if (receive_all(handlers[i], (size_t)n) != 0)
                return;
        if (send_all(publisher, answer, (size_t)n) != 0)
            return;
    }
}

static int accept_one(int listener, uint8_t *role)
{
    int yes = 1, fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0)
        return -1;
    if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes) == 0 && recv(fd, role, 1, 0) == 1)
        return fd;
    close(fd);
    return -1;
}

/* One publisher and those handlers that came before it. */
static void serve(int listener)
{
    int handlers[HANDLERS_MOST];
    size_t count = 0;
    for (;;) {
        uint8_t role = 0;
        int fd = accept_one(listener, &role);
        if (fd >= 0 && role == 'H' && count < HANDLERS_MOST) {
            handlers[count++] = fd;
            continue;
        }
        if (role == 'P')
            relay(fd, handlers, count);
        if (fd >= 0)
            close(fd);
        if (role == 'P')
            break;
    }
    while (count > 0)
        close(handlers[--count]);
}

static void end(int number)
{
    (void)number;
    _exit(0);
}

int main(void)
{
    struct sockaddr_in where = {.sin_family = AF_INET};
    socklen_t length = sizeof where;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    signal(SIGTERM, end);
    signal(SIGINT, end);
    if (listener < 0 || bind(listener, (struct sockaddr *)&where, length) != 0 ||
        listen(listener, HANDLERS_MOST) != 0 ||
        getsockname(listener, (struct sockaddr *)&where, &length) != 0) {
        fprintf(stderr, "bus-relay: cannot listen: %s\n", strerror(errno));
        return 1;
    }
    printf("relay listening on 127.0.0.1:%d\n", ntohs(where.sin_port));
    fflush(stdout);
    for (;;)
        serve(listener);
}
