/* SPDX-License-Identifier: Apache-2.0
 *
 * engine_side.c: the engine's thread sleeps only after a step that was made with the wake-up prepared and
 * found nothing to do: whatever was made visible before is done, whatever comes later rings. (To look whether
 * the rings are empty would not do: the engine may leave commands where they are while it has no room for
 * their answers.) */
#include "daemon/engine_side.h"

#include <limits.h>

#include "base/alloc.h"

void engine_side_init(engine_side_t *e, const engine_options_t *options, clock_source_t clock)
{
    *e = (engine_side_t){.engine = engine_new(options), .clock = clock};
}

/* Freeing tens of millions of queued messages one by one may take seconds that nobody wants to wait for. */
#define FREED_MESSAGES_MAX 1000000

void engine_side_deinit(engine_side_t *e)
{
    if (e->engine) {
        engine_counts_t counts;
        engine_count(e->engine, &counts);
        if (counts.messages_ready + counts.messages_unacked <= FREED_MESSAGES_MAX)
            engine_free(&e->engine);
    }
    os_wakeup_free(&e->wakeup);
    mem_free(e->neighbours);
    e->neighbours = NULL;
}

bool engine_side_step(engine_side_t *e)
{
    uint64_t now_ms = e->clock.now_ms(e->clock.context), wall_ms = e->clock.wall_ms(e->clock.context);
    uint64_t began_us = os_thread_cpu_us();
    bool more = engine_step(e->engine, now_ms, wall_ms);
    uint64_t took_us = os_thread_cpu_us() - began_us;
    if (took_us > atomic_load_explicit(&e->longest_step_us, memory_order_relaxed))
        atomic_store_explicit(&e->longest_step_us, took_us, memory_order_relaxed);
    if (e->store && store_side_wake(e->store, e->engine))
        e->look_until_us = os_now_us() + e->store->busy_wait_us;
    return more;
}

bool engine_side_looks(const engine_side_t *e)
{
    return !engine_is_durable(e->engine) && os_now_us() < e->look_until_us;
}

int engine_side_sleep_ms(const engine_side_t *e)
{
    uint64_t due_ms = engine_deadline_ms(e->engine), now_ms = e->clock.now_ms(e->clock.context);
    if (due_ms == UINT64_MAX)
        return -1;
    if (due_ms <= now_ms)
        return 0;
    return due_ms - now_ms > INT_MAX ? INT_MAX : (int)(due_ms - now_ms);
}

/* ---- its neighbours ---- */

int engine_side_prepare_wakeup(engine_side_t *e, error_t *err)
{
    e->wakeup = os_wakeup_new(err);
    return e->wakeup ? 0 : -1;
}

void engine_side_add_neighbour(engine_side_t *e, engine_neighbour_t neighbour)
{
    e->neighbours = mem_resize(e->neighbours, (e->neighbour_count + 1) * sizeof *e->neighbours);
    e->neighbours[e->neighbour_count++] = neighbour;
}

void engine_side_wake_neighbours(engine_side_t *e)
{
    for (size_t i = 0; i < e->neighbour_count; i++)
        if (engine_port_wants_wake(e->engine, e->neighbours[i].port))
            os_wakeup_ring(e->neighbours[i].wakeup);
}

/* ---- with a thread of its own ---- */

static bool turn(engine_side_t *e)
{
    if (atomic_exchange(&e->shutdown_asked, false))
        engine_shutdown(e->engine);
    bool more = engine_side_step(e);
    engine_side_wake_neighbours(e);
    return more;
}

static void run(void *context)
{
    engine_side_t *e = context;
    while (!atomic_load(&e->quit_asked)) {
        if (turn(e))
            continue;
        if (engine_side_looks(e)) {
            os_thread_yield();
            continue;
        }
        os_wakeup_prepare(e->wakeup);
        if (turn(e) || atomic_load(&e->quit_asked))
            os_wakeup_cancel(e->wakeup);
        else
            (void)os_wakeup_wait(e->wakeup, engine_side_sleep_ms(e));
    }
}

int engine_side_start(engine_side_t *e, error_t *err)
{
    e->thread = os_thread_start("engine", run, e, err);
    return e->thread ? 0 : -1;
}

void engine_side_ask_shutdown(engine_side_t *e)
{
    atomic_store(&e->shutdown_asked, true);
    os_wakeup_ring(e->wakeup);
}

void engine_side_join(engine_side_t *e)
{
    if (!e->thread)
        return;
    atomic_store(&e->quit_asked, true);
    os_wakeup_ring(e->wakeup);
    os_thread_join(&e->thread);
}

/* A look so often while the log is at work: it rings, but nothing depends on it. */
#define FINISH_LOOK_MS 10
/* What is swept up behind the last clients is of no use any more: not longer than this. */
#define FINISH_WORK_MS 100
/* A log that has no room may never go on, and a stop has its time. */
#define FINISH_LOG_MS 800

void engine_side_finish(engine_side_t *e)
{
    uint64_t until_ms = e->clock.now_ms(e->clock.context) + FINISH_WORK_MS;
    while (engine_side_step(e) && e->clock.now_ms(e->clock.context) < until_ms)
        ;
    engine_finish(e->engine);
    (void)store_side_wake(e->store, e->engine);
    until_ms = e->clock.now_ms(e->clock.context) + FINISH_LOG_MS;
    while (!engine_is_durable(e->engine)) {
        if (e->clock.now_ms(e->clock.context) > until_ms)
            store_side_give_up(e->store);
        os_wakeup_prepare(e->wakeup);
        if (engine_side_step(e))
            os_wakeup_cancel(e->wakeup);
        else
            (void)os_wakeup_wait(e->wakeup, FINISH_LOOK_MS);
    }
}
