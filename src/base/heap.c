/* SPDX-License-Identifier: Apache-2.0
 *
 * heap.c: a binary heap in an array; place p (from 1) has its children at 2p and 2p + 1. */
#include "base/heap.h"

#include <assert.h>

#include "base/alloc.h"

#define HEAP_LEAST_TIMERS 8

void heap_init(timer_heap_t *h)
{
    *h = (timer_heap_t){0};
}

void heap_deinit(timer_heap_t *h)
{
    mem_free(h->timers);
    *h = (timer_heap_t){0};
}

static heap_timer_t *timer_at(const timer_heap_t *h, size_t place)
{
    return h->timers[place - 1];
}

static void put_at(timer_heap_t *h, size_t place, heap_timer_t *t)
{
    h->timers[place - 1] = t;
    t->place = place;
}

/* Moves `t`, whose place is free to be overwritten, to where its deadline belongs. */
static void settle(timer_heap_t *h, heap_timer_t *t, size_t place)
{
    while (place > 1 && timer_at(h, place / 2)->deadline_ms > t->deadline_ms) {
        put_at(h, place, timer_at(h, place / 2));
        place /= 2;
    }
    for (size_t child = 2 * place; child <= h->count; child = 2 * place) {
        if (child < h->count && timer_at(h, child + 1)->deadline_ms < timer_at(h, child)->deadline_ms)
            child++;
        if (timer_at(h, child)->deadline_ms >= t->deadline_ms)
            break;
        put_at(h, place, timer_at(h, child));
        place = child;
    }
    put_at(h, place, t);
}

static void set_capacity(timer_heap_t *h, size_t capacity)
{
    h->timers = mem_resize(h->timers, capacity * sizeof(heap_timer_t *));
    h->capacity = capacity;
}

void heap_set(timer_heap_t *h, heap_timer_t *t, uint64_t deadline_ms)
{
    if (t->place == 0) {
        if (h->count == h->capacity)
            set_capacity(h, h->capacity ? h->capacity * 2 : HEAP_LEAST_TIMERS);
        h->count++;
        h->timers[h->count - 1] = t;
        t->place = h->count;
    }
    assert(t->place <= h->count && timer_at(h, t->place) == t);
    t->deadline_ms = deadline_ms;
    settle(h, t, t->place);
}

void heap_cancel(timer_heap_t *h, heap_timer_t *t)
{
    if (t->place == 0)
        return;
    assert(t->place <= h->count && timer_at(h, t->place) == t);
    size_t place = t->place;
    t->place = 0;
    heap_timer_t *last = timer_at(h, h->count);
    h->count--;
    if (last != t)
        settle(h, last, place);
    if (h->capacity > HEAP_LEAST_TIMERS && h->count < h->capacity / 4)
        set_capacity(h, h->capacity / 2);
}

heap_timer_t *heap_first(const timer_heap_t *h)
{
    return h->count > 0 ? timer_at(h, 1) : NULL;
}

heap_timer_t *heap_pop_due(timer_heap_t *h, uint64_t now_ms)
{
    heap_timer_t *first = heap_first(h);
    if (!first || first->deadline_ms > now_ms)
        return NULL;
    heap_cancel(h, first);
    return first;
}
