/* SPDX-License-Identifier: Apache-2.0
 *
 * lane.c: the overflow is a growing circular array that only the producer touches; it is given back when it
 * has run empty, since it is needed only while the other side is far behind. */
#include "base/lane.h"

#include <stdint.h>
#include <string.h>

#include "base/alloc.h"

#define OVERFLOW_LEAST_ITEMS 16
#define CACHE_LINE_BYTES     64

/* What waits for room in the ring, oldest at `first`. */
typedef struct overflow {
    uint8_t *items;
    size_t first;
    size_t count;
    size_t capacity;
} overflow_t;

struct lane {
    ring_t *ring;
    size_t item_bytes;

    /* the producer's */
    overflow_t overflow;
    bool unseen; /* something went into the ring since the last flush */

    /* the consumer's, with a line between, as the allocation itself is not aligned */
    char apart[CACHE_LINE_BYTES];
    bool unreleased; /* something was popped since the last release */
};

lane_t *lane_new(size_t capacity, size_t item_bytes)
{
    lane_t *l = MEM_NEW(lane_t);
    l->ring = ring_new(capacity, item_bytes);
    l->item_bytes = item_bytes;
    return l;
}

void lane_free(lane_t **l)
{
    if (!*l)
        return;
    ring_free(&(*l)->ring);
    mem_free((*l)->overflow.items);
    mem_free(*l);
    *l = NULL;
}

void lane_discard(lane_t **l, lane_discard_t *discard)
{
    bool is_more = *l != NULL;
    while (is_more) {
        (void)lane_flush(*l);
        for (const void *item; (item = lane_peek(*l)) != NULL; lane_pop(*l))
            discard(item);
        (void)lane_release(*l);
        is_more = lane_overflow(*l) > 0;
    }
    lane_free(l);
}

static uint8_t *overflow_item(const lane_t *l, size_t index)
{
    const overflow_t *o = &l->overflow;
    return o->items + (o->first + index) % o->capacity * l->item_bytes;
}

static void *overflow_place(lane_t *l)
{
    overflow_t *o = &l->overflow;
    o->items =
        mem_grow_circle(o->items, l->item_bytes, o->count, &o->capacity, &o->first, OVERFLOW_LEAST_ITEMS);
    return overflow_item(l, o->count++);
}

static void overflow_move(lane_t *l)
{
    overflow_t *o = &l->overflow;
    while (o->count > 0 && ring_push(l->ring, overflow_item(l, 0))) {
        o->first = (o->first + 1) % o->capacity;
        o->count--;
        l->unseen = true;
    }
    if (o->count == 0 && o->items) {
        mem_free(o->items);
        *o = (overflow_t){0};
    }
}

void *lane_place(lane_t *l)
{
    void *place = l->overflow.count == 0 ? ring_place(l->ring) : NULL;
    if (!place)
        return overflow_place(l);
    l->unseen = true;
    return place;
}

void lane_push(lane_t *l, const void *item)
{
    memcpy(lane_place(l), item, l->item_bytes);
}

size_t lane_room(lane_t *l)
{
    return l->overflow.count > 0 ? 0 : ring_room(l->ring);
}

bool lane_flush(lane_t *l)
{
    overflow_move(l);
    if (!l->unseen)
        return false;
    ring_publish(l->ring);
    l->unseen = false;
    return true;
}

size_t lane_overflow(const lane_t *l)
{
    return l->overflow.count;
}

const void *lane_peek(lane_t *l)
{
    return ring_peek(l->ring);
}

void lane_pop(lane_t *l)
{
    ring_pop(l->ring);
    l->unreleased = true;
}

bool lane_release(lane_t *l)
{
    if (!l->unreleased)
        return false;
    ring_release(l->ring);
    l->unreleased = false;
    return true;
}

bool lane_empty(lane_t *l)
{
    return ring_peek(l->ring) == NULL;
}
