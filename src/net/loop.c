/* SPDX-License-Identifier: Apache-2.0
 *
 * loop.c: one epoll, level-triggered, and a heap of timers.
 *
 * A turn: wait, take the time, give leftovers again, handle events, run due timers, reap. While something is
 * left over from the last turn (output not yet tried, a leftover to be given again) the wait is zero. */
#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/alloc.h"
#include "net/connection.h"
#include "net/net_internal.h"

enum { EVENTS_A_TURN = 256 };

/* A descriptor watched for someone else. */
typedef struct watch {
    net_source_t source;
    list_t node;
    net_ready_t *ready;
    void *context;
} watch_t;

static int wait_ms(const net_loop_t *l, int timeout_ms);
static void resume_connections(net_loop_t *l);
static void run_timers(net_loop_t *l);
static void reap(net_loop_t *l);

net_loop_t *net_loop_new(const net_options_t *options, error_t *err)
{
    assert(options->read_bytes > 0 && options->clock.now_ms != NULL && options->log != NULL);
    int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (epoll_fd < 0) {
        error_set(err, "cannot make an epoll: %s", strerror(errno));
        return NULL;
    }
    net_loop_t *l = MEM_NEW(net_loop_t);
    l->options = *options;
    l->epoll_fd = epoll_fd;
    l->read_buffer = mem_alloc(2 * options->read_bytes);
    heap_init(&l->timers);
    list_init(&l->connections);
    list_init(&l->dirty);
    list_init(&l->resumed);
    list_init(&l->dead);
    list_init(&l->dials);
    list_init(&l->ended_dials);
    list_init(&l->listeners);
    list_init(&l->closed_listeners);
    list_init(&l->watches);
    l->now_ms = options->clock.now_ms(options->clock.context);
    return l;
}

void net_loop_free(net_loop_t **loop)
{
    net_loop_t *l = *loop;
    if (l == NULL)
        return;
    assert(!l->inside);
    net_stop_accepting(l);
    dials_free(l);
    connections_end_all(l);
    reap(l);
    LIST_EACH (node, &l->watches) {
        watch_t *w = LIST_OF(node, watch_t, node);
        loop_remove(&w->source);
        mem_free(w);
    }
    assert(l->connection_count == 0 && heap_first(&l->timers) == NULL);
    heap_deinit(&l->timers);
    close(l->epoll_fd);
    mem_free(l->read_buffer);
    mem_free(l);
    *loop = NULL;
}

void net_poll(net_loop_t *l, int timeout_ms)
{
    assert(!l->inside);
    struct epoll_event events[EVENTS_A_TURN];
    int count = epoll_wait(l->epoll_fd, events, EVENTS_A_TURN, wait_ms(l, timeout_ms));
    assert(count >= 0 || errno == EINTR);
    l->now_ms = l->options.clock.now_ms(l->options.clock.context);
    l->inside = true;
    resume_connections(l);
    for (int i = 0; i < count; i++) {
        net_source_t *source = events[i].data.ptr;
        if (source->fd >= 0) /* not closed by an event before it */
            source->ready(source, events[i].events);
    }
    run_timers(l);
    l->inside = false;
    reap(l);
}

void net_flush(net_loop_t *l)
{
    assert(!l->inside);
    l->inside = true;
    list_t batch; /* what `drained` makes sessions write is sent in the next turn, so that this one ends */
    list_init(&batch);
    list_splice(&batch, &l->dirty);
    for (list_t *node; (node = list_first(&batch)) != NULL;) {
        list_remove(node);
        connection_flush(LIST_OF(node, connection_t, dirty));
    }
    l->inside = false;
    reap(l);
}

uint64_t net_now_ms(const net_loop_t *l)
{
    return l->now_ms;
}

static bool has_work_left(const net_loop_t *l)
{
    return !list_empty(&l->dirty) || !list_empty(&l->resumed) || !list_empty(&l->dead) ||
           !list_empty(&l->ended_dials);
}

/* How long epoll may sleep: the caller's limit, the next timer, or not at all. */
static int wait_ms(const net_loop_t *l, int timeout_ms)
{
    if (timeout_ms == 0 || has_work_left(l))
        return 0;
    const heap_timer_t *first = heap_first(&l->timers);
    if (first == NULL)
        return timeout_ms;
    uint64_t now_ms = l->options.clock.now_ms(l->options.clock.context);
    uint64_t left_ms = first->deadline_ms > now_ms ? first->deadline_ms - now_ms : 0;
    if (timeout_ms > 0 && left_ms > (uint64_t)timeout_ms)
        return timeout_ms;
    return left_ms > INT_MAX ? INT_MAX : (int)left_ms;
}

static void resume_connections(net_loop_t *l)
{
    list_t batch;
    list_init(&batch);
    list_splice(&batch, &l->resumed);
    for (list_t *node; (node = list_first(&batch)) != NULL;) {
        list_remove(node);
        connection_resume(LIST_OF(node, connection_t, resumed));
    }
}

/* Runs due timers; one that sets itself again in the past waits for the next turn, so that this one ends. */
static void run_timers(net_loop_t *l)
{
    for (size_t left = l->timers.count; left > 0; left--) {
        heap_timer_t *due = heap_pop_due(&l->timers, l->now_ms);
        if (due == NULL)
            return;
        net_timer_t *timer = HEAP_OF(due, net_timer_t, heap);
        timer->due(timer);
    }
}

static void reap(net_loop_t *l)
{
    connections_reap(l);
    listeners_reap(l);
    dials_end(l);
}

/* ---- sources and timers ---- */

int loop_add(net_source_t *source, uint32_t events)
{
    struct epoll_event e = {.events = events, .data.ptr = source};
    return epoll_ctl(source->loop->epoll_fd, EPOLL_CTL_ADD, source->fd, &e);
}

int loop_change(net_source_t *source, uint32_t events)
{
    struct epoll_event e = {.events = events, .data.ptr = source};
    return epoll_ctl(source->loop->epoll_fd, EPOLL_CTL_MOD, source->fd, &e);
}

void loop_remove(net_source_t *source)
{
    (void)epoll_ctl(source->loop->epoll_fd, EPOLL_CTL_DEL, source->fd, NULL);
}

void net_set_timer(net_loop_t *l, net_timer_t *timer, uint64_t at_ms)
{
    heap_set(&l->timers, &timer->heap, at_ms);
}

void net_cancel_timer(net_loop_t *l, net_timer_t *timer)
{
    heap_cancel(&l->timers, &timer->heap);
}

/* ---- watched descriptors ---- */

static void watch_ready(net_source_t *source, uint32_t events)
{
    (void)events;
    watch_t *w = (watch_t *)(void *)((char *)source - offsetof(watch_t, source));
    w->ready(w->context, source->fd);
}

int net_watch(net_loop_t *l, int fd, net_ready_t *ready, void *context, error_t *err)
{
    watch_t *w = MEM_NEW(watch_t);
    w->source = (net_source_t){.ready = watch_ready, .loop = l, .fd = fd};
    w->ready = ready;
    w->context = context;
    if (loop_add(&w->source, EPOLLIN) != 0) {
        mem_free(w);
        return error_set(err, "cannot watch descriptor %d: %s", fd, strerror(errno));
    }
    list_append(&l->watches, &w->node);
    return 0;
}
