/* SPDX-License-Identifier: Apache-2.0
 *
 * os.h: the real world that the simulator replaces: time, randomness, threads, wake-ups, limits of the machine. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/error.h"

/* CLOCK_MONOTONIC and CLOCK_REALTIME; getrandom(2). Have no state. */
clock_source_t os_clock(void);
random_source_t os_random(void);

/* Microseconds, nanoseconds that never go back, from an arbitrary start. */
uint64_t os_now_us(void);
uint64_t os_now_ns(void);

/* CPU time that the calling thread has used, in microseconds. */
uint64_t os_thread_cpu_us(void);

/* ---- threads ---- */

typedef struct os_thread os_thread_t;

/* Starts `run(context)` with all signals blocked; `name` (≤ 15 characters) is what ps -L shows. NULL on failure. */
os_thread_t *os_thread_start(const char *name, void (*run)(void *context), void *context, error_t *err);

/* Waits for its end, frees it and sets *t to NULL. */
void os_thread_join(os_thread_t **t);

/* Lets others go first. */
void os_thread_yield(void);

/* ---- wake-ups ---- */

/* A wake-up that one thread sleeps on and any may ring. Ringing one that is already rung, or whose sleeper is awake and
 * will look again, costs no system call:
 *   sleeper: os_wakeup_prepare(w); if there is work: os_wakeup_cancel(w), else wait for os_wakeup_fd readable, then
 *            os_wakeup_cancel(w);
 *   others:  make the work visible, then os_wakeup_ring(w). */
typedef struct os_wakeup os_wakeup_t;

os_wakeup_t *os_wakeup_new(error_t *err);
void os_wakeup_free(os_wakeup_t **w);
int os_wakeup_fd(const os_wakeup_t *w);
void os_wakeup_prepare(os_wakeup_t *w);
void os_wakeup_cancel(os_wakeup_t *w);
void os_wakeup_ring(os_wakeup_t *w);

/* Sleeps until the wake-up rings or `timeout_ms` passed (-1: no limit); false if it was the time. For a thread without
 * an event loop. */
bool os_wakeup_wait(os_wakeup_t *w, int timeout_ms);

/* ---- the machine ---- */

/* Raises RLIMIT_NOFILE's soft limit to the hard one; returns the limit in force. */
uint64_t os_raise_file_limit(void);

/* The limit in force, and how many are open; UINT64_MAX if the machine does not tell. */
uint64_t os_file_limit(void);
uint64_t os_open_files(void);

/* Memory this process may use: the cgroup's limit (v2 or v1) if there is one below it, else the machine's. */
uint64_t os_memory_total(void);

unsigned os_cpu_count(void);

/* Memory of this process that is resident, in octets; 0 if the machine does not tell. */
uint64_t os_memory_resident(void);

/* Writes one line to fd in one write(2) call (cut at 4 KiB). Waits at most `wait_ms` for a reader that is behind: false if
 * the line was not written. Several threads may write to one fd. */
bool os_write_line(int fd, const char *line, int wait_ms);
