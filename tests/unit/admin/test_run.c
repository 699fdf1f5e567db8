/* SPDX-License-Identifier: Apache-2.0
 *
 * The thread, with the test in the engine's place: what is asked once for all, and what is said when nothing comes
 * back. */
#include <arpa/inet.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "admin/admin.h"
#include "os/os.h"

typedef struct fixture {
    _Atomic uint64_t now_ms;
    os_wakeup_t *news, *engine; /* of the thread, and of the test */
    admin_t *admin;
    os_thread_t *thread;
    admin_listeners_t listeners;
    struct sockaddr_in address;
} fixture_t;

static uint64_t now_ms(void *context)
{
    fixture_t *f = context;
    return atomic_load(&f->now_ms);
}

static void machine(void *context, admin_machine_t *out)
{
    (void)context;
    *out = (admin_machine_t){1, 2, 3, 4, 5, 6};
}

static uint64_t no_step(void *context)
{
    (void)context;
    return 0;
}

static void prepare(void *context)
{
    os_wakeup_prepare(((fixture_t *)context)->news);
}

static void cancel(void *context)
{
    os_wakeup_cancel(((fixture_t *)context)->news);
}

static void wake_engine(void *context)
{
    os_wakeup_ring(((fixture_t *)context)->engine);
}

static void run(void *context)
{
    admin_run(((fixture_t *)context)->admin);
}

static int open_listener(fixture_t *f)
{
    socklen_t len = sizeof f->address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    f->address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(bind(fd, (struct sockaddr *)&f->address, len), 0);
    assert_int_equal(listen(fd, 64), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&f->address, &len), 0);
    return fd;
}

static int setup(void **state)
{
    static fixture_t fixture;
    fixture_t *f = &fixture;
    error_t err;
    memset(f, 0, sizeof *f);
    atomic_init(&f->now_ms, 1000);
    f->news = os_wakeup_new(&err);
    f->engine = os_wakeup_new(&err);
    admin_options_t options = {
        .clock = {now_ms, now_ms, f},
        .sources = {.machine = machine, .longest_step_us = no_step},
        .wakeup = {f, os_wakeup_fd(f->news), prepare, cancel, wake_engine},
        .cluster_name = "c",
        .node = "n",
        .listeners = &f->listeners,
        .idle_ms = 60000,
    };
    f->admin = admin_new(&options, &err);
    assert_non_null(f->admin);
    assert_int_equal(admin_listen(f->admin, ADMIN_METRICS, open_listener(f), &err), 0);
    f->thread = os_thread_start("admin", run, f, &err);
    assert_non_null(f->thread);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fixture_t *f = *state;
    admin_stop(f->admin);
    os_wakeup_ring(f->news);
    os_thread_join(&f->thread);
    admin_free(&f->admin);
    os_wakeup_free(&f->news);
    os_wakeup_free(&f->engine);
    return 0;
}

#define admin_test(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

/* A client that has asked for the metrics. */
static int client(const fixture_t *f)
{
    static const char request[] = "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (const struct sockaddr *)&f->address, sizeof f->address), 0);
    assert_int_equal(send(fd, request, sizeof request - 1, MSG_NOSIGNAL), sizeof request - 1);
    return fd;
}

static void assert_answer(int fd, const char *status)
{
    char said[16384];
    size_t len = 0;
    for (ssize_t n; len < sizeof said - 1 && (n = recv(fd, said + len, sizeof said - 1 - len, 0)) > 0;)
        len += (size_t)n;
    said[len] = '\0';
    close(fd);
    if (strncmp(said, status, strlen(status)) != 0)
        fail_msg("'%.60s' does not begin with '%s'", said, status);
}

/* The next command, as the engine would take it. */
static command_t next_command(fixture_t *f)
{
    port_t *p = admin_port(f->admin);
    for (int i = 0; i < 100; i++) {
        const command_t *next = lane_peek(p->commands);
        if (next) {
            command_t c = *next;
            lane_pop(p->commands);
            (void)lane_release(p->commands);
            return c;
        }
        os_wakeup_wait(f->engine, 100);
    }
    fail_msg("nothing was asked");
    return (command_t){0};
}

static void answer(fixture_t *f, command_t *c)
{
    event_t e = {.type = EVENT_QUERIED, .connection = c->connection, .cause = c->cause, .query = c->query};
    lane_push(admin_port(f->admin)->events, &e);
    (void)lane_flush(admin_port(f->admin)->events);
    os_wakeup_ring(f->news);
}

static void nothing_is_asked_before_a_client_asks(void **state)
{
    fixture_t *f = *state;
    os_wakeup_wait(f->engine, 20);
    assert_true(lane_empty(admin_port(f->admin)->commands));
}

static void who_asks_is_answered_by_what_the_engine_says(void **state)
{
    fixture_t *f = *state;
    int fd = client(f);
    command_t c = next_command(f);
    assert_int_equal(c.type, COMMAND_QUERY);
    assert_int_equal(c.query->type, QUERY_OVERVIEW);
    answer(f, &c);
    assert_answer(fd, "HTTP/1.1 200 OK\r\n");
}

/* Answers whatever is asked until the client has something to read; how often that was. */
static unsigned answer_until_readable(fixture_t *f, int fd)
{
    unsigned count = 0;
    for (struct pollfd p = {.fd = fd, .events = POLLIN}; poll(&p, 1, 5) == 0;) {
        if (lane_empty(admin_port(f->admin)->commands))
            continue;
        command_t c = next_command(f);
        answer(f, &c);
        count++;
    }
    return count;
}

static void those_who_come_while_a_question_is_out_share_the_next_one(void **state)
{
    enum { MORE = 20 };
    fixture_t *f = *state;
    int first = client(f), more[MORE];
    unsigned asked = 0;
    command_t c = next_command(f);
    for (int i = 0; i < MORE; i++)
        more[i] = client(f);
    os_wakeup_wait(f->engine, 20);
    assert_true(lane_empty(admin_port(f->admin)->commands)); /* one at a time */
    answer(f, &c);
    assert_answer(first, "HTTP/1.1 200 OK\r\n");
    for (int i = 0; i < MORE; i++) {
        asked += answer_until_readable(f, more[i]);
        assert_answer(more[i], "HTTP/1.1 200 OK\r\n");
    }
    assert_in_range(asked, 1, MORE / 2);
}

static void an_engine_that_does_not_answer_is_503_and_may_answer_later(void **state)
{
    fixture_t *f = *state;
    int asked = client(f);
    command_t c = next_command(f);
    atomic_fetch_add(&f->now_ms, 6000);
    assert_answer(asked, "HTTP/1.1 503 Service Unavailable\r\n");
    int waiting = client(f);
    answer(f, &c);
    c = next_command(f);
    answer(f, &c);
    assert_answer(waiting, "HTTP/1.1 200 OK\r\n");
}

static void it_ends_while_clients_wait(void **state)
{
    fixture_t *f = *state;
    int fd = client(f);
    command_t c = next_command(f);
    command_discard(&c);
    close(fd); /* the other one's end is the teardown */
    (void)client(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        admin_test(nothing_is_asked_before_a_client_asks),
        admin_test(who_asks_is_answered_by_what_the_engine_says),
        admin_test(those_who_come_while_a_question_is_out_share_the_next_one),
        admin_test(an_engine_that_does_not_answer_is_503_and_may_answer_later),
        admin_test(it_ends_while_clients_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
