/* SPDX-License-Identifier: Apache-2.0
 *
 * clock.c: the machine's two clocks and a thread's CPU time. */
#include <assert.h>
#include <time.h>

#include "os/os.h"

static struct timespec read_clock(clockid_t id)
{
    struct timespec t = {0};
    int rc = clock_gettime(id, &t);
    assert(rc == 0);
    (void)rc;
    return t;
}

static uint64_t milliseconds(clockid_t id)
{
    struct timespec t = read_clock(id);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static uint64_t monotonic_ms(void *context)
{
    (void)context;
    return milliseconds(CLOCK_MONOTONIC);
}

static uint64_t wall_ms(void *context)
{
    (void)context;
    return milliseconds(CLOCK_REALTIME);
}

clock_source_t os_clock(void)
{
    return (clock_source_t){.now_ms = monotonic_ms, .wall_ms = wall_ms, .context = NULL};
}

static uint64_t microseconds(clockid_t id)
{
    struct timespec t = read_clock(id);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

uint64_t os_now_us(void)
{
    return microseconds(CLOCK_MONOTONIC);
}

uint64_t os_now_ns(void)
{
    struct timespec t = read_clock(CLOCK_MONOTONIC);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

uint64_t os_thread_cpu_us(void)
{
    return microseconds(CLOCK_THREAD_CPUTIME_ID);
}
