/* SPDX-License-Identifier: Apache-2.0
 *
 * Wake-ups: none is lost, and none is written that nobody needs. */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "os/os.h"

static os_wakeup_t *new_wakeup(void)
{
    error_t err;
    os_wakeup_t *w = os_wakeup_new(&err);
    assert_non_null(w);
    return w;
}

static bool readable(const os_wakeup_t *w)
{
    struct pollfd p = {.fd = os_wakeup_fd(w), .events = POLLIN};
    return poll(&p, 1, 0) == 1;
}

static void ring_of_an_awake_sleeper_writes_nothing(void **state)
{
    (void)state;
    os_wakeup_t *w = new_wakeup();
    os_wakeup_ring(w);
    os_wakeup_ring(w);
    assert_false(readable(w));
    os_wakeup_prepare(w);
    assert_false(readable(w));
    os_wakeup_cancel(w);
    os_wakeup_free(&w);
    assert_null(w);
}

static void second_ring_writes_nothing(void **state)
{
    (void)state;
    os_wakeup_t *w = new_wakeup();
    os_wakeup_prepare(w);
    os_wakeup_ring(w);
    assert_true(readable(w));
    uint64_t count = 0;
    os_wakeup_ring(w);
    assert_int_equal(read(os_wakeup_fd(w), &count, sizeof count), sizeof count);
    assert_int_equal(count, 1);
    os_wakeup_free(&w);
}

static void cancel_makes_the_descriptor_silent(void **state)
{
    (void)state;
    os_wakeup_t *w = new_wakeup();
    for (int i = 0; i < 3; i++) {
        os_wakeup_prepare(w);
        os_wakeup_ring(w);
        assert_true(readable(w));
        os_wakeup_cancel(w);
        assert_false(readable(w));
    }
    os_wakeup_prepare(w);
    os_wakeup_ring(w);
    os_wakeup_prepare(w); /* twice in a row: still nothing is left over */
    os_wakeup_cancel(w);
    assert_false(readable(w));
    os_wakeup_free(&w);
}

static void wait_does_not_sleep_over_a_ring_before_it(void **state)
{
    (void)state;
    os_wakeup_t *w = new_wakeup();
    os_wakeup_ring(w);
    os_wakeup_wait(w, -1);
    os_wakeup_prepare(w);
    os_wakeup_ring(w);
    os_wakeup_wait(w, -1);
    assert_false(readable(w));
    os_wakeup_free(&w);
}

static void wait_ends_after_its_time(void **state)
{
    (void)state;
    clock_source_t clock = os_clock();
    os_wakeup_t *w = new_wakeup();
    uint64_t before_ms = clock.now_ms(clock.context);
    os_wakeup_wait(w, 30);
    assert_true(clock.now_ms(clock.context) - before_ms >= 29);
    os_wakeup_free(&w);
}

/* Two threads hand a number to and fro; each sleeps until the other has raised it. */
typedef struct table {
    atomic_uint ball; /* even: the first player's turn */
    os_wakeup_t *wakeup[2];
    bool by_descriptor; /* sleep as a loop does */
} table_t;

enum { ROUNDS = 100000 };

static void sleep_once(table_t *t, unsigned me)
{
    os_wakeup_t *w = t->wakeup[me];
    if (!t->by_descriptor) {
        os_wakeup_wait(w, -1);
        return;
    }
    os_wakeup_prepare(w);
    if (atomic_load_explicit(&t->ball, memory_order_acquire) % 2 != me) {
        struct pollfd p = {.fd = os_wakeup_fd(w), .events = POLLIN};
        while (poll(&p, 1, -1) < 0 && errno == EINTR)
            continue;
    }
    os_wakeup_cancel(w);
}

static void play(table_t *t, unsigned me)
{
    for (unsigned round = 0; round < ROUNDS; round++) {
        while (atomic_load_explicit(&t->ball, memory_order_acquire) != 2 * round + me)
            sleep_once(t, me);
        atomic_store_explicit(&t->ball, 2 * round + me + 1, memory_order_release);
        os_wakeup_ring(t->wakeup[1 - me]);
    }
}

static void play_second(void *context)
{
    play(context, 1);
}

static void ping_pong(bool by_descriptor)
{
    error_t err;
    table_t t = {.wakeup = {new_wakeup(), new_wakeup()}, .by_descriptor = by_descriptor};
    os_thread_t *other = os_thread_start("ping-pong", play_second, &t, &err);
    assert_non_null(other);
    alarm(300); /* a lost wake-up is a hang, and a hang is a failure */
    play(&t, 0);
    os_thread_join(&other);
    alarm(0);
    assert_int_equal(atomic_load(&t.ball), 2 * ROUNDS);
    for (int i = 0; i < 2; i++) {
        os_wakeup_cancel(t.wakeup[i]);
        assert_false(readable(t.wakeup[i]));
        os_wakeup_free(&t.wakeup[i]);
    }
}

static void no_ring_is_lost_in_a_ping_pong_by_descriptor(void **state)
{
    (void)state;
    ping_pong(true);
}

static void no_ring_is_lost_in_a_ping_pong_by_wait(void **state)
{
    (void)state;
    ping_pong(false);
}

/* Many rings on one sleeper that also wakes by time-outs: what they count arrives, and the descriptor falls
 * silent. */
typedef struct crowd {
    atomic_uint count;
    os_wakeup_t *w;
} crowd_t;

enum { CROWD = 3, SHOUTS = 20000 };

static void shout(void *context)
{
    crowd_t *c = context;
    for (int i = 0; i < SHOUTS; i++) {
        atomic_fetch_add_explicit(&c->count, 1, memory_order_release);
        os_wakeup_ring(c->w);
    }
}

static void no_write_of_many_ringers_is_left_over(void **state)
{
    (void)state;
    error_t err;
    crowd_t c = {.w = new_wakeup()};
    os_thread_t *threads[CROWD];
    for (int i = 0; i < CROWD; i++)
        assert_non_null(threads[i] = os_thread_start("crowd", shout, &c, &err));
    alarm(300);
    unsigned seen = 0;
    for (unsigned i = 0; seen < CROWD * SHOUTS; i++) {
        os_wakeup_prepare(c.w);
        unsigned now = atomic_load_explicit(&c.count, memory_order_acquire);
        if (now != seen)
            os_wakeup_cancel(c.w);
        else
            os_wakeup_wait(c.w, i % 2 == 0 ? -1 : 0);
        seen = now;
    }
    alarm(0);
    for (int i = 0; i < CROWD; i++)
        os_thread_join(&threads[i]);
    os_wakeup_cancel(c.w);
    assert_false(readable(c.w));
    os_wakeup_free(&c.w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ring_of_an_awake_sleeper_writes_nothing),
        cmocka_unit_test(second_ring_writes_nothing),
        cmocka_unit_test(cancel_makes_the_descriptor_silent),
        cmocka_unit_test(wait_does_not_sleep_over_a_ring_before_it),
        cmocka_unit_test(wait_ends_after_its_time),
        cmocka_unit_test(no_ring_is_lost_in_a_ping_pong_by_descriptor),
        cmocka_unit_test(no_ring_is_lost_in_a_ping_pong_by_wait),
        cmocka_unit_test(no_write_of_many_ringers_is_left_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
