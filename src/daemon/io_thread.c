/* SPDX-License-Identifier: Apache-2.0
 *
 * io_thread.c: an I/O side on its own thread. It sleeps in net_poll; the engine, and the main thread with new
 * sockets, end that by the wake-up. Each turn ends with at most one ring of the engine's. */
#include "daemon/io_side.h"

#include <stdint.h>
#include <unistd.h>

#include "base/text.h"

#define ACCEPTED_RING_ITEMS 256

/* After all sockets were closed the engine needs a few turns to let go of their connections. */
#define RELEASE_LIMIT_MS 1000
#define RELEASE_LOOK_MS  10

/* The wake-up has done its work by ending the wait; os_wakeup_cancel empties it. */
static void woken(void *context, int fd)
{
    (void)context, (void)fd;
}

int io_side_prepare_thread(io_side_t *io, os_wakeup_t *engine_wakeup, os_wakeup_t *main_wakeup, error_t *err)
{
    io->engine_wakeup = engine_wakeup;
    io->main_wakeup = main_wakeup;
    io->accepted = lane_new(ACCEPTED_RING_ITEMS, sizeof(io_accepted_t));
    io->wakeup = os_wakeup_new(err);
    if (!io->wakeup)
        return -1;
    return net_watch(io->loop, os_wakeup_fd(io->wakeup), woken, io, err);
}

/* What had no room in the hand-over ring may come behind the shutdown: nobody would tell it to end any more. */
static void adopt_accepted(io_side_t *io)
{
    for (const io_accepted_t *a; (a = lane_peek(io->accepted)) != NULL; lane_pop(io->accepted)) {
        if (io->shutting_down)
            close(a->fd);
        else
            io_side_adopt(io, a);
    }
    lane_release(io->accepted);
}

/* A socket that was handed over before the shutdown is adopted before it, too: see the order in turn(). */
static void shut_down_once(io_side_t *io, bool asked)
{
    if (!asked || io->shutting_down)
        return;
    io->shutting_down = true;
    io_side_shut_down(io);
}

static void tell_when_drained(io_side_t *io)
{
    if (io->shutting_down && io_side_empty(io) && !atomic_exchange(&io->drained, true))
        os_wakeup_ring(io->main_wakeup);
}

/* True if the next wait must be short: there is more to do. */
static bool turn(io_side_t *io)
{
    bool asked = atomic_load(&io->shutdown_asked), again;
    adopt_accepted(io);
    shut_down_once(io, asked);
    if (io_side_turn(io, &again))
        os_wakeup_ring(io->engine_wakeup);
    tell_when_drained(io);
    return again;
}

/* What could have come while nobody would have been woken for it: events, sockets, requests to end, and room
 * in the command ring, for which sessions and overflow wait. */
static bool has_work(io_side_t *io)
{
    io_side_resume(io);
    bool moved = port_flush(&io->port);
    if (moved)
        os_wakeup_ring(io->engine_wakeup);
    return moved || !lane_empty(io->port.events) || !lane_empty(io->accepted) ||
           atomic_load(&io->quit_asked) || (atomic_load(&io->shutdown_asked) && !io->shutting_down);
}

static void wait(io_side_t *io, bool busy)
{
    if (busy) {
        net_poll(io->loop, 0);
        return;
    }
    os_wakeup_prepare(io->wakeup);
    net_poll(io->loop, has_work(io) ? 0 : -1);
    os_wakeup_cancel(io->wakeup);
}

/* The sessions have lost their sockets; each lives on until the engine has closed its connection. */
static void wait_for_release(io_side_t *io)
{
    clock_source_t clock = os_clock();
    uint64_t end_ms = clock.now_ms(clock.context) + RELEASE_LIMIT_MS;
    while (io_side_sessions(io) > 0 && clock.now_ms(clock.context) < end_ms) {
        os_wakeup_prepare(io->wakeup);
        size_t events = port_dispatch(&io->port, SIZE_MAX);
        if (port_flush(&io->port))
            os_wakeup_ring(io->engine_wakeup);
        if (events > 0)
            os_wakeup_cancel(io->wakeup);
        else
            (void)os_wakeup_wait(io->wakeup, RELEASE_LOOK_MS);
    }
}

static void run(void *context)
{
    io_side_t *io = context;
    bool busy = true;
    while (!atomic_load(&io->quit_asked)) {
        wait(io, busy);
        busy = turn(io);
    }
    io_side_close_sockets(io);
    wait_for_release(io);
}

int io_side_start(io_side_t *io, size_t number, error_t *err)
{
    char name[16];
    text_format(name, sizeof name, "io-%zu", number);
    io->thread = os_thread_start(name, run, io, err);
    return io->thread ? 0 : -1;
}

/* ---- from the main thread ---- */

void io_side_hand_over(io_side_t *io, const io_accepted_t *accepted)
{
    lane_push(io->accepted, accepted);
    (void)io_side_flush_accepted(io);
}

size_t io_side_flush_accepted(io_side_t *io)
{
    if (lane_flush(io->accepted))
        os_wakeup_ring(io->wakeup);
    return lane_overflow(io->accepted);
}

void io_side_ask_shutdown(io_side_t *io)
{
    atomic_store(&io->shutdown_asked, true);
    os_wakeup_ring(io->wakeup);
}

void io_side_ask_quit(io_side_t *io)
{
    atomic_store(&io->quit_asked, true);
    os_wakeup_ring(io->wakeup);
}

static void close_accepted(const void *item)
{
    close(((const io_accepted_t *)item)->fd);
}

void io_side_join(io_side_t *io)
{
    if (io->thread)
        os_thread_join(&io->thread);
    lane_discard(&io->accepted, close_accepted);
}
