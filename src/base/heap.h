/* SPDX-License-Identifier: Apache-2.0
 *
 * heap.h: timers: an intrusive binary heap ordered by deadline. A timer is a member of what is timed and knows its
 * place, so moving and cancelling are O(log n). No clock in here: the owner says what time it is. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct heap_timer {
    uint64_t deadline_ms;
    size_t place; /* 1-based index in the heap; 0: not set */
} heap_timer_t;

typedef struct timer_heap {
    heap_timer_t **timers;
    size_t count, capacity;
} timer_heap_t;

void heap_init(timer_heap_t *h);
void heap_deinit(timer_heap_t *h);

/* Sets or moves the timer to `deadline_ms`. */
void heap_set(timer_heap_t *h, heap_timer_t *t, uint64_t deadline_ms);

/* Takes the timer out; harmless if it is not set. */
void heap_cancel(timer_heap_t *h, heap_timer_t *t);

/* The timer with the earliest deadline, still in the heap, or NULL. */
heap_timer_t *heap_first(const timer_heap_t *h);

/* Takes out and returns the earliest timer whose deadline is ≤ now_ms, or NULL. */
heap_timer_t *heap_pop_due(timer_heap_t *h, uint64_t now_ms);

#define HEAP_OF(timer, T, member) ((T *)(void *)((char *)(timer)-offsetof(T, member)))
