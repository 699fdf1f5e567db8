/* SPDX-License-Identifier: Apache-2.0
 *
 * lead.c: looks every few milliseconds at what the workers show. */
#include "perf/lead.h"

#include <inttypes.h>

#include <string.h>
#include <time.h>

#define LOOK_NS     2000000
#define PROGRESS_NS ((uint64_t)1000000000)

/* No answer and no message for so long: the broker is stuck. */
#define STUCK_S 60
/* No delivery for so long after everything was published. */
#define LOST_S 5

uint64_t leader_count(const leader_t *l, enum perf_count which)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < l->run->worker_count; i++)
        sum += atomic_load_explicit(&l->run->workers[i].shown[which], memory_order_relaxed);
    return sum;
}

uint64_t leader_last_ns(const leader_t *l)
{
    uint64_t last = 0;
    for (size_t i = 0; i < l->run->worker_count; i++) {
        uint64_t ns = atomic_load_explicit(&l->run->workers[i].shown_last_ns, memory_order_relaxed);
        last = ns > last ? ns : last;
    }
    return last;
}

static size_t ready_links(const leader_t *l)
{
    size_t sum = 0;
    for (size_t i = 0; i < l->run->worker_count; i++)
        sum += atomic_load_explicit(&l->run->workers[i].ready, memory_order_acquire);
    return sum;
}

static int check_workers(leader_t *l)
{
    for (size_t i = 0; i < l->run->worker_count; i++)
        if (atomic_load(&l->run->workers[i].failed))
            return error_set(l->err, "%s", l->run->workers[i].error.text);
    return 0;
}

int leader_look(leader_t *l, snapshot_t *out)
{
    pid_t pid = l->run->options.pid;
    *out = (snapshot_t){.at_ns = os_now_ns()};
    for (enum perf_count i = 0; i < PERF_COUNT_KINDS; i++)
        out->count[i] = leader_count(l, i);
    if (pid != 0 && process_usage(pid, &out->usage, l->err) != 0)
        return -1;
    if (out->usage.rss_bytes > l->rss_peak_bytes)
        l->rss_peak_bytes = out->usage.rss_bytes;
    return 0;
}

static void show_progress(leader_t *l, const snapshot_t *now)
{
    perf_progress_t p = {.seconds = (double)(now->at_ns - l->began_ns) / 1e9,
                         .interval_seconds = (double)(now->at_ns - l->shown.at_ns) / 1e9};
    for (enum perf_count i = 0; i < PERF_COUNT_KINDS; i++) {
        p.count[i] = now->count[i];
        p.interval[i] = now->count[i] - l->shown.count[i];
    }
    if (l->progress)
        l->progress(l->context, &p);
    l->shown = *now;
}

/* One look; `moved` tells whether anything has changed since the last one. */
static int look_around(leader_t *l, snapshot_t *last, bool *moved)
{
    snapshot_t now;
    nanosleep(&(struct timespec){.tv_nsec = LOOK_NS}, NULL);
    if (check_workers(l) != 0 || leader_look(l, &now) != 0)
        return -1;
    if (l->began_ns && now.at_ns - l->shown.at_ns >= PROGRESS_NS)
        show_progress(l, &now);
    *moved = memcmp(now.count, last->count, sizeof now.count) != 0;
    if (*moved)
        *last = now;
    return 0;
}

void leader_enter(leader_t *l, phase_t phase, size_t links)
{
    l->ready_expected += links;
    atomic_store_explicit(&l->run->phase, (int)phase, memory_order_release);
}

static int stuck(leader_t *l)
{
    return error_set(l->err,
                     "nothing has moved for %d s: %zu of %zu connections did what was asked, %" PRIu64
                     " published, %" PRIu64 " confirmed, %" PRIu64 " delivered",
                     STUCK_S, ready_links(l), l->ready_expected, leader_count(l, PERF_SENT),
                     leader_count(l, PERF_CONFIRMED), leader_count(l, PERF_RECEIVED));
}

int leader_wait_ready(leader_t *l)
{
    snapshot_t last = {.at_ns = os_now_ns()};
    bool moved;
    size_t seen = ready_links(l);
    uint64_t set_up = atomic_load(&l->run->set_up);
    while (ready_links(l) < l->ready_expected) {
        if (look_around(l, &last, &moved) != 0)
            return -1;
        size_t ready = ready_links(l);
        uint64_t was_set_up = set_up;
        set_up = atomic_load(&l->run->set_up);
        if (moved || ready > seen || set_up > was_set_up)
            last.at_ns = os_now_ns();
        else if (os_now_ns() - last.at_ns > (uint64_t)STUCK_S * 1000000000)
            return stuck(l);
        seen = ready;
    }
    return check_workers(l);
}

int leader_wait_until(leader_t *l, uint64_t at_ns)
{
    snapshot_t last = {0};
    bool moved;
    while (os_now_ns() < at_ns)
        if (look_around(l, &last, &moved) != 0)
            return -1;
    return check_workers(l);
}

uint64_t leader_arrived(const leader_t *l)
{
    return leader_count(l, PERF_RECEIVED) - leader_count(l, PERF_DUPLICATES);
}

int leader_wait_arrived(leader_t *l, uint64_t count)
{
    snapshot_t last = {.at_ns = os_now_ns()};
    bool moved;
    while (leader_arrived(l) < count) {
        if (look_around(l, &last, &moved) != 0)
            return -1;
        if (moved)
            last.at_ns = os_now_ns();
        else if (os_now_ns() - last.at_ns > (uint64_t)LOST_S * 1000000000)
            return 0;
    }
    return check_workers(l);
}
