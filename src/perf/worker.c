/* SPDX-License-Identifier: Apache-2.0
 *
 * worker.c: a thread with an event loop and its links. A turn: wait for the network, see whether the phase has changed,
 * let every link do what it can, show the counts, send. */
#include <errno.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/text.h"
#include "perf/perf_internal.h"

/* A worker looks so often whether the phase has changed. */
#define LOOK_MS 2

#define READ_BYTES ((size_t)256 * 1024)

/* ---- the phases ---- */

static bool is_control(const link_t *l)
{
    return l->worker->number == 0 && list_first(&l->worker->links) == &l->node;
}

static void enter(link_t *l, phase_t phase)
{
    l->is_ready = false;
    if (phase == PHASE_SETUP && is_control(l))
        link_dial(l);
    if (phase == PHASE_CONNECT && !is_control(l) && !l->role->dials_itself)
        link_dial(l);
    if (phase != PHASE_CLOSE || is_control(l))
        return;
    if (l->state == LINK_OPEN)
        link_close(l);
    else
        link_ready(l);
}

static void follow_phase(worker_t *w)
{
    phase_t phase = (phase_t)atomic_load_explicit(&w->run->phase, memory_order_acquire);
    if (phase == w->phase)
        return;
    w->phase = phase;
    LIST_EACH (node, &w->links)
        enter(LIST_OF(node, link_t, node), phase);
}

/* ---- a turn ---- */

static void show(worker_t *w)
{
    for (size_t i = 0; i < PERF_COUNT_KINDS; i++)
        atomic_store_explicit(&w->shown[i], w->count[i], memory_order_relaxed);
    atomic_store_explicit(&w->shown_last_ns, w->last_ns, memory_order_relaxed);
    atomic_store_explicit(&w->ready, w->ready_links, memory_order_release);
}

static void turn(worker_t *w)
{
    follow_phase(w);
    uint64_t now = os_now_ns();
    LIST_EACH (node, &w->links) {
        link_t *l = LIST_OF(node, link_t, node);
        if (l->role->turn)
            l->role->turn(l, now);
    }
    show(w);
}

static void run_worker(void *context)
{
    worker_t *w = context;
    while (w->phase != PHASE_QUIT) {
        net_poll(w->loop, w->busy ? 0 : LOOK_MS);
        w->busy = false;
        turn(w);
        net_flush(w->loop);
    }
    net_loop_free(&w->loop);
}

/* ---- pacing ---- */

static void paced(void *context, int fd)
{
    (void)context;
    uint64_t expirations;
    (void)!read(fd, &expirations, sizeof expirations);
}

/* Wakes when the next message of this worker is due, but neither all the time nor so seldom that a message waits. */
static int start_pacing(worker_t *w, error_t *err)
{
    uint64_t interval_ns = 1000000000 / w->run->options.rate;
    if (interval_ns < 20000)
        interval_ns = 20000;
    if (interval_ns > 1000000)
        interval_ns = 1000000;
    struct timespec every = {.tv_nsec = (long)interval_ns};
    w->pace_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (w->pace_fd < 0 ||
        timerfd_settime(w->pace_fd, 0, &(struct itimerspec){.it_interval = every, .it_value = every}, NULL) !=
            0)
        return error_set(err, "cannot make a timer: %s", strerror(errno));
    return net_watch(w->loop, w->pace_fd, paced, w, err);
}

/* ---- life ---- */

/* The links say what happens to them. */
static void drop_line(void *context, log_level_t level, const char *line)
{
    (void)context, (void)level, (void)line;
}

int worker_start(worker_t *w, error_t *err)
{
    char name[16];
    net_options_t options = {.read_bytes = READ_BYTES,
                             .output_pause_bytes = SIZE_MAX,
                             .nodelay = true,
                             .clock = os_clock(),
                             .log = &w->log};
    w->log = (log_t){.least = LOG_ERROR, .sink = drop_line};
    w->loop = net_loop_new(&options, err);
    if (!w->loop || (w->run->options.rate > 0 && start_pacing(w, err) != 0))
        return -1;
    text_format(name, sizeof name, "perf-%zu", w->number);
    w->thread = os_thread_start(name, run_worker, w, err);
    return w->thread ? 0 : -1;
}

void worker_init(worker_t *w, run_t *run, size_t number)
{
    w->run = run;
    w->number = number;
    w->pace_fd = -1;
    list_init(&w->links);
    list_init(&w->to_dial);
}

void worker_end(worker_t *w)
{
    if (w->thread)
        os_thread_join(&w->thread);
    net_loop_free(&w->loop); /* already gone, unless the thread never ran */
    for (list_t *node; (node = list_first(&w->links)) != NULL;) {
        link_t *l = LIST_OF(node, link_t, node);
        list_remove(node);
        if (l->role->freeing)
            l->role->freeing(l);
        mem_free(l);
    }
    if (w->pace_fd >= 0)
        close(w->pace_fd);
    buffer_free(&w->scratch);
}
