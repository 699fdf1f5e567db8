/* SPDX-License-Identifier: Apache-2.0
 *
 * net_fixture.h: a real loop with a listener on a free port, and sessions (probes) that write down what
 * happens to them. Clients are plain sockets of the same thread: a test turns the loop until what it waits
 * for has come. */
#pragma once

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/text.h"
#include "net/net.h"
#include "os/os.h"

enum { WAIT_LIMIT_MS = 20000, READ_BYTES = 4096, PAUSE_BYTES = 64 * 1024 };

typedef struct probe probe_t;
typedef struct fixture fixture_t;

struct probe {
    session_t session;
    fixture_t *f;
    transport_t *transport; /* NULL once ended */
    buffer_t received;      /* what input consumed */
    bytes_t last_input;     /* only its length may be used later */
    unsigned inputs, drains, deadlines, shutdowns, ends;
    uint64_t drained_to;
    char reason[128];
    bool in_call;
};

struct fixture {
    net_loop_t *loop;
    log_t log;
    char log_text[512];
    unsigned log_lines;
    char bound[64];
    uint16_t port;
    int accepted_fd; /* the newest, on our side */
    session_factory_t factory;
    bool refuse; /* the factory answers NULL */
    /* What a probe does with input and when drained; NULL: consumes all, and nothing. */
    size_t (*on_input)(probe_t *p, bytes_t octets);
    void (*on_drained)(probe_t *p);
    void (*on_deadline)(probe_t *p);
    probe_t *probe; /* the newest */
    probe_t **probes;
    size_t probe_count;
    size_t alive;
};

/* ---- the probe ---- */

static inline size_t probe_input(session_t *s, bytes_t octets)
{
    probe_t *p = (probe_t *)(void *)s;
    assert_false(p->in_call);
    p->in_call = true;
    p->inputs++;
    p->last_input = octets;
    size_t used = p->f->on_input != NULL ? p->f->on_input(p, octets) : octets.len;
    write_bytes(&p->received, bytes_make(octets.data, used));
    p->in_call = false;
    return used;
}

static inline void probe_drained(session_t *s)
{
    probe_t *p = (probe_t *)(void *)s;
    assert_false(p->in_call);
    p->in_call = true;
    p->drains++;
    assert_true(output_sent(p->transport->output) > p->drained_to);
    p->drained_to = output_sent(p->transport->output);
    if (p->f->on_drained != NULL)
        p->f->on_drained(p);
    p->in_call = false;
}

static inline void probe_deadline(session_t *s)
{
    probe_t *p = (probe_t *)(void *)s;
    p->deadlines++;
    if (p->f->on_deadline != NULL)
        p->f->on_deadline(p);
}

static inline void probe_ended(session_t *s, const char *reason)
{
    probe_t *p = (probe_t *)(void *)s;
    assert_false(p->in_call);
    assert_int_equal(output_waiting(p->transport->output), 0); /* every loan is back */
    p->ends++;
    p->f->alive--;
    p->transport = NULL;
    text_format(p->reason, sizeof p->reason, "%s", reason);
}

static inline void probe_shutdown(session_t *s)
{
    ((probe_t *)(void *)s)->shutdowns++;
}

static const session_kind_t probe_kind = {
    .input = probe_input,
    .drained = probe_drained,
    .deadline = probe_deadline,
    .ended = probe_ended,
    .shutdown = probe_shutdown,
};

static inline session_t *open_probe(void *context, transport_t *t)
{
    fixture_t *f = context;
    if (f->refuse)
        return NULL;
    probe_t *p = MEM_NEW(probe_t);
    p->session.kind = &probe_kind;
    p->f = f;
    p->transport = t;
    f->probes = mem_resize(f->probes, (f->probe_count + 1) * sizeof *f->probes);
    f->probes[f->probe_count++] = p;
    f->probe = p;
    f->alive++;
    return &p->session;
}

static inline void probe_say(probe_t *p, const char *text)
{
    output_write(p->transport->output, bytes_string(text));
    p->transport->kind->flush(p->transport);
}

/* ---- the fixture ---- */

static inline void keep_log_line(void *context, log_level_t level, const char *line)
{
    fixture_t *f = context;
    (void)level;
    f->log_lines++;
    text_format(f->log_text, sizeof f->log_text, "%s", line);
}

static inline void adopt_here(void *context, int fd)
{
    fixture_t *f = context;
    f->accepted_fd = fd;
    net_adopt(f->loop, fd, &f->factory);
}

static inline net_listener_t *listen_on(fixture_t *f, const char *text, error_t *err)
{
    net_address_t address;
    if (!net_address_parse(text, &address, err))
        return NULL;
    net_listener_t *n = net_listen(f->loop, &address, adopt_here, f, f->bound, sizeof f->bound, err);
    const char *colon = strrchr(f->bound, ':');
    f->port = n != NULL && colon != NULL ? (uint16_t)strtoul(colon + 1, NULL, 10) : 0;
    return n;
}

static inline int loop_setup(void **state)
{
    fixture_t *f = MEM_NEW(fixture_t);
    f->log = (log_t){.least = LOG_DEBUG, .sink = keep_log_line, .context = f};
    f->factory = (session_factory_t){.open = open_probe, .context = f};
    net_options_t options = {.read_bytes = READ_BYTES,
                             .output_pause_bytes = PAUSE_BYTES,
                             .accept_backoff_ms = 50,
                             .nodelay = true,
                             .backlog = 512,
                             .clock = os_clock(),
                             .log = &f->log};
    error_t err;
    f->loop = net_loop_new(&options, &err);
    if (f->loop == NULL)
        return -1;
    *state = f;
    return 0;
}

static inline int setup(void **state)
{
    if (loop_setup(state) != 0)
        return -1;
    error_t err;
    return listen_on(*state, "127.0.0.1:0", &err) != NULL ? 0 : -1;
}

/* Whatever a test did, every session is ended exactly once. */
static inline int teardown(void **state)
{
    fixture_t *f = *state;
    net_loop_free(&f->loop);
    assert_null(f->loop);
    assert_int_equal(f->alive, 0);
    for (size_t i = 0; i < f->probe_count; i++) {
        assert_int_equal(f->probes[i]->ends, 1);
        buffer_free(&f->probes[i]->received);
        mem_free(f->probes[i]);
    }
    mem_free(f->probes);
    mem_free(f);
    return 0;
}

static inline uint64_t real_now_ms(void)
{
    clock_source_t c = os_clock();
    return c.now_ms(c.context);
}

static inline void turn(fixture_t *f)
{
    net_poll(f->loop, 20);
    net_flush(f->loop);
}

/* Turns the loop until `condition`, for WAIT_LIMIT_MS at most. */
#define TURN_UNTIL(f, condition)                                                                             \
    do {                                                                                                     \
        uint64_t turn_limit_ms = real_now_ms() + WAIT_LIMIT_MS;                                              \
        while (!(condition)) {                                                                               \
            if (real_now_ms() > turn_limit_ms)                                                               \
                fail_msg("waited in vain for %s", #condition);                                               \
            turn(f);                                                                                         \
        }                                                                                                    \
    } while (0)

/* ---- clients ---- */

static inline int connect_ipv4(uint16_t port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    if (connect(fd, (struct sockaddr *)&a, sizeof a) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static inline int connect_ipv6(uint16_t port)
{
    struct sockaddr_in6 a = {
        .sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    if (connect(fd, (struct sockaddr *)&a, sizeof a) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static inline int connect_unix(const char *path)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    text_format(a.sun_path, sizeof a.sun_path, "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    if (connect(fd, (struct sockaddr *)&a, sizeof a) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

/* A client whose session is open. */
static inline int client(fixture_t *f)
{
    size_t before = f->probe_count;
    int fd = connect_ipv4(f->port);
    assert_true(fd >= 0);
    TURN_UNTIL(f, f->probe_count == before + 1);
    return fd;
}

/* Sends all, turning the loop while the socket is full. */
static inline void send_all(fixture_t *f, int fd, const void *data, size_t len)
{
    uint64_t limit_ms = real_now_ms() + WAIT_LIMIT_MS;
    for (size_t done = 0; done < len;) {
        ssize_t n = send(fd, (const char *)data + done, len - done, MSG_DONTWAIT | MSG_NOSIGNAL);
        assert_true(n > 0 || errno == EAGAIN);
        assert_true(real_now_ms() < limit_ms);
        if (n > 0)
            done += (size_t)n;
        else
            turn(f);
    }
}

static inline void send_text(fixture_t *f, int fd, const char *text)
{
    send_all(f, fd, text, strlen(text));
}

/* Reads exactly `len` octets, turning the loop meanwhile. */
static inline void receive_exactly(fixture_t *f, int fd, void *out, size_t len)
{
    uint64_t limit_ms = real_now_ms() + WAIT_LIMIT_MS;
    for (size_t done = 0; done < len;) {
        ssize_t n = recv(fd, (char *)out + done, len - done, MSG_DONTWAIT);
        assert_true(n > 0 || (n < 0 && errno == EAGAIN));
        assert_true(real_now_ms() < limit_ms);
        if (n > 0)
            done += (size_t)n;
        else
            turn(f);
    }
}

/* The peer's end is shut and nothing was before it. */
static inline void expect_end(fixture_t *f, int fd)
{
    uint64_t limit_ms = real_now_ms() + WAIT_LIMIT_MS;
    char octet;
    ssize_t n;
    while ((n = recv(fd, &octet, 1, MSG_DONTWAIT)) < 0 && errno == EAGAIN) {
        assert_true(real_now_ms() < limit_ms);
        turn(f);
    }
    assert_int_equal(n, 0);
}

/* Closes so that the peer gets a reset. */
static inline void reset(int fd)
{
    struct linger none = {.l_onoff = 1, .l_linger = 0};
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof none), 0);
    close(fd);
}

static inline void assert_received(const probe_t *p, const char *text)
{
    assert_int_equal(p->received.len, strlen(text));
    assert_memory_equal(p->received.data, text, p->received.len);
}

/* Octets whose place can be told from their value. */
static inline uint8_t *pattern(size_t len)
{
    uint8_t *p = mem_alloc(len);
    for (size_t i = 0; i < len; i++)
        p[i] = (uint8_t)((i * 2654435761u) >> 13);
    return p;
}
