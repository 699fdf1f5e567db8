/* SPDX-License-Identifier: Apache-2.0
 *
 * Deadlines, watched descriptors and how long the loop sleeps. */
#include <sys/eventfd.h>

#include "net_fixture.h"

enum { SESSIONS = 5 };

static unsigned fired[64];
static unsigned fired_count;

static void note(probe_t *p)
{
    for (unsigned i = 0; i < p->f->probe_count; i++)
        if (p->f->probes[i] == p)
            fired[fired_count++] = i;
}

static void deadlines_come_in_their_order(void **state)
{
    static const uint64_t after_ms[SESSIONS] = {90, 30, 120, 60, 1};
    static const unsigned order[SESSIONS] = {4, 1, 3, 0, 2};
    fixture_t *f = *state;
    int fds[SESSIONS];
    fired_count = 0;
    f->on_deadline = note;
    for (int i = 0; i < SESSIONS; i++)
        fds[i] = client(f);
    uint64_t start_ms = net_now_ms(f->loop);
    for (int i = 0; i < SESSIONS; i++) {
        transport_t *t = f->probes[i]->transport;
        t->kind->set_deadline(t, start_ms + after_ms[i]);
    }
    while (fired_count < SESSIONS) {
        unsigned before = fired_count;
        net_poll(f->loop, WAIT_LIMIT_MS); /* sleeps exactly until the next one */
        for (unsigned i = before; i < fired_count; i++) {
            assert_int_equal(fired[i], order[i]);
            assert_true(net_now_ms(f->loop) >= start_ms + after_ms[order[i]]);
        }
    }
    for (int i = 0; i < SESSIONS; i++) {
        assert_int_equal(f->probes[i]->deadlines, 1);
        close(fds[i]);
    }
}

typedef struct bell {
    net_timer_t timer;
    unsigned rung;
} bell_t;

static void ring(net_timer_t *timer)
{
    bell_t *b = (bell_t *)(void *)timer;
    b->rung++;
}

static void a_timer_of_anybody_comes_once_and_not_if_cancelled(void **state)
{
    fixture_t *f = *state;
    bell_t kept = {.timer.due = ring}, cancelled = {.timer.due = ring};
    uint64_t start_ms = net_now_ms(f->loop);
    net_set_timer(f->loop, &kept.timer, start_ms + 5);
    net_set_timer(f->loop, &kept.timer, start_ms + 20); /* it moves */
    net_set_timer(f->loop, &cancelled.timer, start_ms + 10);
    net_cancel_timer(f->loop, &cancelled.timer);
    while (kept.rung == 0)
        net_poll(f->loop, WAIT_LIMIT_MS);
    assert_true(net_now_ms(f->loop) >= start_ms + 20);
    net_poll(f->loop, 30);
    assert_int_equal(kept.rung, 1);
    assert_int_equal(cancelled.rung, 0);
}

static void cancelled_deadline_does_not_come(void **state)
{
    fixture_t *f = *state;
    int fd = client(f);
    transport_t *t = f->probe->transport;
    t->kind->set_deadline(t, net_now_ms(f->loop) + 10);
    t->kind->set_deadline(t, 0);
    uint64_t before_ms = real_now_ms();
    net_poll(f->loop, 50);
    assert_true(real_now_ms() - before_ms >= 49);
    assert_int_equal(f->probe->deadlines, 0);
    close(fd);
}

static void set_again_in_the_past(probe_t *p)
{
    p->transport->kind->set_deadline(p->transport, 1);
}

static void deadline_in_the_past_comes_once_a_turn(void **state)
{
    fixture_t *f = *state;
    int fd = client(f);
    f->on_deadline = set_again_in_the_past;
    set_again_in_the_past(f->probe);
    net_poll(f->loop, -1);
    assert_int_equal(f->probe->deadlines, 1);
    net_poll(f->loop, -1);
    assert_int_equal(f->probe->deadlines, 2);
    close(fd);
}

static void close_in_deadline(probe_t *p)
{
    p->transport->kind->close(p->transport, 0);
}

static void session_may_close_in_its_deadline(void **state)
{
    fixture_t *f = *state;
    int fd = client(f);
    f->on_deadline = close_in_deadline;
    f->probe->transport->kind->set_deadline(f->probe->transport, 1);
    expect_end(f, fd);
    TURN_UNTIL(f, f->probe->ends == 1);
    close(fd);
}

static void time_stands_still_within_a_turn(void **state)
{
    fixture_t *f = *state;
    int fd = client(f);
    uint64_t now_ms = net_now_ms(f->loop);
    assert_int_equal(f->probe->transport->kind->now_ms(f->probe->transport), now_ms);
    uint64_t start_ms = real_now_ms();
    net_poll(f->loop, 30);
    assert_true(net_now_ms(f->loop) >= start_ms + 29);
    close(fd);
}

static unsigned rings;

static void count_ring(void *context, int fd)
{
    uint64_t value;
    assert_ptr_equal(context, &rings);
    assert_int_equal(read(fd, &value, sizeof value), sizeof value);
    rings++;
}

static void watched_descriptor_is_told_when_readable(void **state)
{
    fixture_t *f = *state;
    error_t err;
    int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    rings = 0;
    assert_int_equal(net_watch(f->loop, fd, count_ring, &rings, &err), 0);
    net_poll(f->loop, 0);
    assert_int_equal(rings, 0);
    uint64_t one = 1;
    assert_int_equal(write(fd, &one, sizeof one), sizeof one);
    net_poll(f->loop, -1);
    assert_int_equal(rings, 1);
    net_loop_free(&f->loop);
    assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC); /* still ours */
    close(fd);
}

static void watching_a_bad_descriptor_is_refused_by_name(void **state)
{
    fixture_t *f = *state;
    error_t err;
    assert_int_equal(net_watch(f->loop, 9999, count_ring, NULL, &err), -1);
    assert_non_null(strstr(err.text, "9999"));
}

static void stop_accepting(void *context, int fd)
{
    uint64_t value;
    assert_int_equal(read(fd, &value, sizeof value), sizeof value);
    net_stop_accepting(((fixture_t *)context)->loop);
}

static void listener_may_be_closed_by_an_event_of_its_own_turn(void **state)
{
    fixture_t *f = *state;
    error_t err;
    int fd = eventfd(1, EFD_NONBLOCK | EFD_CLOEXEC);
    assert_int_equal(net_watch(f->loop, fd, stop_accepting, f, &err), 0);
    int client_fd = connect_ipv4(f->port); /* both are ready in one turn */
    turn(f);
    turn(f);
    assert_int_equal(connect_ipv4(f->port), -1);
    close(client_fd);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(deadlines_come_in_their_order, setup, teardown),
        cmocka_unit_test_setup_teardown(a_timer_of_anybody_comes_once_and_not_if_cancelled, setup, teardown),
        cmocka_unit_test_setup_teardown(cancelled_deadline_does_not_come, setup, teardown),
        cmocka_unit_test_setup_teardown(deadline_in_the_past_comes_once_a_turn, setup, teardown),
        cmocka_unit_test_setup_teardown(session_may_close_in_its_deadline, setup, teardown),
        cmocka_unit_test_setup_teardown(time_stands_still_within_a_turn, setup, teardown),
        cmocka_unit_test_setup_teardown(watched_descriptor_is_told_when_readable, setup, teardown),
        cmocka_unit_test_setup_teardown(watching_a_bad_descriptor_is_refused_by_name, setup, teardown),
        cmocka_unit_test_setup_teardown(listener_may_be_closed_by_an_event_of_its_own_turn, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
