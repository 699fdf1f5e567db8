/* SPDX-License-Identifier: Apache-2.0
 *
 * broker.c: the main thread: its loop in both arrangements, and the end.
 *
 * The end: listeners close, every connection is closed with 320, and clients have CLOSE_LIMIT_MS to say
 * close-ok. Then the sockets are closed whatever clients do, the engine lets go of their connections, and the
 * process ends. */
#include "daemon/broker.h"

#include <unistd.h>

#include "daemon/declare.h"
#include "daemon/listen.h"

#define CLOSE_LIMIT_MS   3000
#define RELEASE_LIMIT_MS 1000

/* How soon to look again whether an I/O thread has taken sockets from a full hand-over ring. */
#define HAND_OVER_LOOK_MS 1

static void signal_came(void *context, int fd)
{
    (void)fd;
    broker_t *b = context;
    signals_read(&b->signals);
}

/* The side with the fewest connections; of several, the one whose turn it is: connections that go are not always those
 * of all sides alike. */
static io_side_t *least_loaded(broker_t *b)
{
    size_t best = b->next_io;
    for (size_t i = 0; i < b->io_count; i++) {
        size_t side = (b->next_io + i) % b->io_count;
        if (io_side_load(&b->io[side]) < io_side_load(&b->io[best]))
            best = side;
    }
    b->next_io = (best + 1) % b->io_count;
    return &b->io[best];
}

/* `context` is the listener's bus_port_t. */
static void accepted(void *context, int fd)
{
    const bus_port_t *port = context;
    broker_t *b = port->owner;
    io_accepted_t socket = {fd, &port->bus};
    io_side_t *io = least_loaded(b);
    atomic_fetch_add_explicit(&io->handed, 1, memory_order_relaxed);
    if (b->thread_count == 0)
        io_side_adopt(io, &socket);
    else
        io_side_hand_over(io, &socket);
}

/* ---- the end ---- */

static void begin_stop(broker_t *b)
{
    log_line(b->options.log, LOG_INFO, "stopping: no new connections; open ones are closed");
    b->stopping = true;
    b->stop_by_ms = b->clock.now_ms(b->clock.context) + CLOSE_LIMIT_MS;
    net_stop_accepting(b->loop);
    if (b->thread_count == 0) {
        io_side_shut_down(&b->io[0]);
        engine_shutdown(b->engine.engine);
        return;
    }
    for (size_t i = 0; i < b->io_count; i++)
        io_side_ask_shutdown(&b->io[i]);
    engine_side_ask_shutdown(&b->engine);
}

static bool is_drained(const broker_t *b)
{
    if (b->thread_count == 0)
        return io_side_empty(&b->io[0]);
    for (size_t i = 0; i < b->io_count; i++)
        if (!atomic_load(&b->io[i].drained))
            return false;
    return true;
}

static bool has_ended(const broker_t *b)
{
    return b->stopping && (is_drained(b) || b->clock.now_ms(b->clock.context) >= b->stop_by_ms);
}

/* Once a turn, outside of the loop's own work. */
static void act_on_signals(broker_t *b)
{
    if (b->signals.stops >= 2) {
        log_line(b->options.log, LOG_WARNING, "told to stop twice: leaving at once");
        _exit(0);
    }
    if (b->signals.stops == 1 && !b->stopping)
        begin_stop(b);
    if (b->reloads_done != b->signals.reloads) {
        b->reloads_done = b->signals.reloads;
        broker_reload(b);
    }
}

/* The shorter of two timeouts of poll(2), where -1 is endless. */
static int shorter(int a, int b)
{
    if (a < 0 || b < 0)
        return a < 0 ? b : a;
    return a < b ? a : b;
}

static int stop_sleep_ms(const broker_t *b)
{
    if (!b->stopping)
        return -1;
    uint64_t now_ms = b->clock.now_ms(b->clock.context);
    return now_ms < b->stop_by_ms ? (int)(b->stop_by_ms - now_ms) : 0;
}

/* ---- one thread for all ---- */

static void release_connections(broker_t *b)
{
    uint64_t end_ms = b->clock.now_ms(b->clock.context) + RELEASE_LIMIT_MS;
    io_side_t *io = &b->io[0];
    io_side_close_sockets(io);
    b->loop = NULL;
    while (io_side_sessions(io) > 0 && b->clock.now_ms(b->clock.context) < end_ms) {
        (void)port_flush(&io->port);
        (void)engine_side_step(&b->engine);
        (void)port_dispatch(&io->port, SIZE_MAX);
    }
}

/* What was read in one go needs several steps of the engine; their events are sent together: sending is what costs. */
#define STEPS_A_TURN 8

/* Commands become visible to the engine by the flush before its step, events to clients by the turn after it.
 */
static bool single_turn(broker_t *b)
{
    io_side_t *io = &b->io[0];
    bool more = true, again;
    for (int i = 0; i < STEPS_A_TURN && more; i++) {
        (void)port_flush(&io->port);
        more = engine_side_step(&b->engine);
        if (more)
            (void)io_side_take_events(io);
    }
    (void)engine_port_wants_wake(b->engine.engine, &io->port); /* it is awake */
    engine_side_wake_neighbours(&b->engine);
    bool news = io_side_turn(io, &again);
    return more || news || again;
}

/* What another thread says after the look at what there is ends the sleep by the wake-up. */
static void wait_single(broker_t *b, bool busy)
{
    if (busy) {
        net_poll(b->loop, 0);
        return;
    }
    if (engine_side_looks(&b->engine)) {
        os_thread_yield();
        net_poll(b->loop, 0);
        return;
    }
    os_wakeup_prepare(b->engine.wakeup);
    bool news = engine_has_news(b->engine.engine) || admin_side_has_commands(&b->admin);
    net_poll(b->loop, news ? 0 : shorter(engine_side_sleep_ms(&b->engine), stop_sleep_ms(b)));
    os_wakeup_cancel(b->engine.wakeup);
}

static void run_single(broker_t *b)
{
    bool busy = true;
    while (!has_ended(b)) {
        wait_single(b, busy);
        act_on_signals(b);
        busy = single_turn(b);
    }
    release_connections(b);
}

/* ---- with I/O threads ---- */

static int start_threads(broker_t *b, error_t *err)
{
    if (engine_side_start(&b->engine, err) != 0)
        return -1;
    for (size_t i = 0; i < b->io_count; i++)
        if (io_side_start(&b->io[i], i, err) != 0)
            return -1;
    return 0;
}

/* The engine last: it must let go of the connections that the I/O threads close. */
static void join_threads(broker_t *b)
{
    for (size_t i = 0; i < b->io_count; i++)
        if (b->io[i].thread)
            io_side_ask_quit(&b->io[i]);
    for (size_t i = 0; i < b->io_count; i++)
        io_side_join(&b->io[i]);
    engine_side_join(&b->engine);
}

static bool hand_over_is_full(broker_t *b)
{
    size_t waiting = 0;
    for (size_t i = 0; i < b->io_count; i++)
        waiting += io_side_flush_accepted(&b->io[i]);
    return waiting > 0;
}

static void run_threads(broker_t *b)
{
    for (;;) {
        int timeout_ms = shorter(stop_sleep_ms(b), hand_over_is_full(b) ? HAND_OVER_LOOK_MS : -1);
        os_wakeup_prepare(b->wakeup);
        if (has_ended(b))
            break;
        net_poll(b->loop, timeout_ms);
        os_wakeup_cancel(b->wakeup);
        act_on_signals(b);
    }
}

/* ---- all of it ---- */

static int start(broker_t *b, error_t *err)
{
    const settings_t *s = b->options.settings;
    if (signals_init(&b->signals, err) != 0 || broker_open(b, err) != 0 ||
        net_watch(b->loop, b->signals.fd, signal_came, b, err) != 0 ||
        listen_all(s, &b->bus, b->loop, accepted, &b->listeners, b->options.log, err) != 0 ||
        admin_side_listen(&b->admin, &b->listeners, err) != 0 ||
        store_side_start(&b->store, b->engine.wakeup, err) != 0 ||
        declare_bus(&b->bus, &b->engine, &b->io[0].port, s->default_user, err) != 0)
        return -1;
    if (b->thread_count > 0 && start_threads(b, err) != 0)
        return -1;
    return admin_side_start(&b->admin, err);
}

int broker_run(const broker_options_t *options, error_t *err)
{
    broker_t b = {.options = *options, .signals = {.fd = -1}};
    const log_t *log = options->log;
    log_line(log, LOG_INFO, "chaski %s starts; settings: %s", CHASKI_VERSION, options->settings_text);
    int rc = start(&b, err);
    if (rc == 0) {
        log_line(log, LOG_INFO, "Server startup complete; chaski %s, pid %d, listeners: %zu", CHASKI_VERSION,
                 (int)getpid(), options->settings->listener_count + options->settings->bus_listen_count);
        if (b.thread_count > 0)
            run_threads(&b);
        else
            run_single(&b);
    }
    admin_side_join(&b.admin);
    if (b.thread_count > 0)
        join_threads(&b);
    if (rc == 0)
        engine_side_finish(&b.engine);
    store_side_join(&b.store);
    if (rc == 0)
        log_line(log, LOG_INFO, "longest engine step: %llu us", (unsigned long long)b.engine.longest_step_us);
    broker_close(&b);
    signals_deinit(&b.signals);
    if (rc == 0)
        log_line(log, LOG_INFO, "stopped");
    return rc;
}
