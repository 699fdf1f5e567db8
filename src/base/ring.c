/* SPDX-License-Identifier: Apache-2.0
 *
 * ring.c: two rising indices, each written by one side only.
 *
 * What a side writes lies on cache lines of its own, beside its copy of the other's index; the place of an
 * item is its index modulo the capacity. The release store of an index hands over what lies before it. */
#include "base/ring.h"

#include <assert.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define CACHE_LINE_BYTES 64

struct ring {
    /* never changes */
    alignas(CACHE_LINE_BYTES) uint8_t *items;
    size_t capacity;
    size_t item_bytes;

    /* the producer's */
    alignas(CACHE_LINE_BYTES) atomic_size_t published;
    size_t pushed;
    size_t released_seen;

    /* the consumer's */
    alignas(CACHE_LINE_BYTES) atomic_size_t released;
    size_t popped;
    size_t published_seen;
};

static_assert(sizeof(struct ring) == 3 * CACHE_LINE_BYTES, "each side has a cache line of its own");

static void *alloc_lines(size_t size)
{
    assert(size <= SIZE_MAX - CACHE_LINE_BYTES);
    size_t whole = (size + CACHE_LINE_BYTES - 1) / CACHE_LINE_BYTES * CACHE_LINE_BYTES;
    void *p = aligned_alloc(CACHE_LINE_BYTES, whole);
    if (!p)
        abort();
    memset(p, 0, whole);
    return p;
}

ring_t *ring_new(size_t capacity, size_t item_bytes)
{
    assert(item_bytes > 0);
    assert(capacity <= SIZE_MAX / 4 / item_bytes);
    size_t rounded = 2;
    while (rounded < capacity)
        rounded *= 2;

    ring_t *r = alloc_lines(sizeof *r);
    r->items = alloc_lines(rounded * item_bytes);
    r->capacity = rounded;
    r->item_bytes = item_bytes;
    atomic_init(&r->published, 0);
    atomic_init(&r->released, 0);
    return r;
}

void ring_free(ring_t **r)
{
    if (!*r)
        return;
    free((*r)->items);
    free(*r);
    *r = NULL;
}

size_t ring_capacity(const ring_t *r)
{
    return r->capacity;
}

static uint8_t *place_of(const ring_t *r, size_t index)
{
    return r->items + (index & (r->capacity - 1)) * r->item_bytes;
}

/* Looks at the consumer's index whenever that could make a difference: a caller that waits for more room than
 * its old copy says must see it come. */
size_t ring_room(ring_t *r)
{
    if (r->released_seen != r->pushed)
        r->released_seen = atomic_load_explicit(&r->released, memory_order_acquire);
    assert(r->pushed - r->released_seen <= r->capacity);
    return r->capacity - (r->pushed - r->released_seen);
}

void *ring_place(ring_t *r)
{
    if (r->pushed - r->released_seen == r->capacity && ring_room(r) == 0)
        return NULL;
    return place_of(r, r->pushed++);
}

bool ring_push(ring_t *r, const void *item)
{
    void *place = ring_place(r);
    if (place)
        memcpy(place, item, r->item_bytes);
    return place != NULL;
}

void ring_publish(ring_t *r)
{
    atomic_store_explicit(&r->published, r->pushed, memory_order_release);
}

const void *ring_peek(ring_t *r)
{
    if (r->popped == r->published_seen) {
        r->published_seen = atomic_load_explicit(&r->published, memory_order_acquire);
        if (r->popped == r->published_seen)
            return NULL;
    }
    return place_of(r, r->popped);
}

void ring_pop(ring_t *r)
{
    assert(r->popped != r->published_seen);
    r->popped++;
}

void ring_release(ring_t *r)
{
    atomic_store_explicit(&r->released, r->popped, memory_order_release);
}
