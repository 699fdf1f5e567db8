/* SPDX-License-Identifier: Apache-2.0
 *
 * bare.c: the machine alone. The file is written from front to back and again, as a log writes its recycled
 * segments; both sides of the round trip block in recv, so that a wake-up of a thread is part of it on each. */
#include "bare.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define FILE_BYTES (16 * 1024 * 1024)
#define MOST_BYTES (1024 * 1024)

static uint8_t octets[MOST_BYTES];

static int failed(error_t *err, const char *what)
{
    return error_set(err, "%s: %s", what, strerror(errno));
}

int bare_disk_open(bare_disk_t *d, const char *path, size_t write_bytes, error_t *err)
{
    if (write_bytes > MOST_BYTES)
        return error_set(err, "the bare write is %zu octets at most", (size_t)MOST_BYTES);
    *d = (bare_disk_t){.fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600), .write_bytes = write_bytes};
    if (d->fd < 0)
        return failed(err, path);
    for (off_t at = 0; at < FILE_BYTES; at += MOST_BYTES)
        if (pwrite(d->fd, octets, MOST_BYTES, at) != MOST_BYTES)
            return failed(err, path);
    return fsync(d->fd) == 0 ? 0 : failed(err, path);
}

void bare_disk_close(bare_disk_t *d)
{
    if (d->fd >= 0)
        close(d->fd);
    d->fd = -1;
}

int bare_disk_measure(bare_disk_t *d, size_t count, samples_t *s, error_t *err)
{
    for (size_t i = 0; i < count; i++) {
        if (d->at + d->write_bytes > FILE_BYTES)
            d->at = 0;
        octets[0]++;
        uint64_t start = now_ns();
        if (pwrite(d->fd, octets, d->write_bytes, (off_t)d->at) != (ssize_t)d->write_bytes ||
            fdatasync(d->fd) != 0)
            return failed(err, "the bare write");
        samples_add(s, now_ns() - start);
        d->at += d->write_bytes;
    }
    return 0;
}

static int receive_all(int fd, size_t count)
{
    uint8_t into[4096];
    while (count > 0) {
        ssize_t got = recv(fd, into, count < sizeof into ? count : sizeof into, 0);
        if (got <= 0)
            return -1;
        count -= (size_t)got;
    }
    return 0;
}

static void *answer(void *argument)
{
    const bare_loopback_t *l = argument;
    uint8_t back[4096] = {0};
    while (receive_all(l->peer_fd, l->there_bytes) == 0)
        if (send(l->peer_fd, back, l->back_bytes, MSG_NOSIGNAL) != (ssize_t)l->back_bytes)
            break;
    return NULL;
}

/* A pair of connected TCP sockets through a listener of a moment. */
static int connect_pair(int *near, int *far)
{
    struct sockaddr_in where = {.sin_family = AF_INET};
    socklen_t length = sizeof where;
    int yes = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    *near = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    *far = -1;
    if (listener >= 0 && bind(listener, (struct sockaddr *)&where, length) == 0 && listen(listener, 1) == 0 &&
        getsockname(listener, (struct sockaddr *)&where, &length) == 0 &&
        connect(*near, (struct sockaddr *)&where, length) == 0)
        *far = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (listener >= 0)
        close(listener);
    return *far >= 0 && setsockopt(*near, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes) == 0 &&
                   setsockopt(*far, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes) == 0
               ? 0
               : -1;
}

int bare_loopback_open(bare_loopback_t *l, size_t there_bytes, size_t back_bytes, error_t *err)
{
    *l = (bare_loopback_t){.there_bytes = there_bytes, .back_bytes = back_bytes};
    if (connect_pair(&l->fd, &l->peer_fd) != 0)
        return failed(err, "loopback");
    int code = pthread_create(&l->echo, NULL, answer, l);
    return code == 0 ? 0 : error_set(err, "no thread: %s", strerror(code));
}

void bare_loopback_close(bare_loopback_t *l)
{
    if (l->fd < 0)
        return;
    shutdown(l->fd, SHUT_RDWR);
    pthread_join(l->echo, NULL);
    close(l->fd);
    close(l->peer_fd);
    l->fd = -1;
}

int bare_loopback_measure(bare_loopback_t *l, size_t count, samples_t *s, error_t *err)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t start = now_ns();
        if (send(l->fd, octets, l->there_bytes, MSG_NOSIGNAL) != (ssize_t)l->there_bytes ||
            receive_all(l->fd, l->back_bytes) != 0)
            return failed(err, "the bare round trip");
        samples_add(s, now_ns() - start);
    }
    return 0;
}
