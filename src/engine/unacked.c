/* SPDX-License-Identifier: Apache-2.0
 *
 * unacked.c: the deliveries of a channel that wait for an ack: a circular array by rising tag. Settled ones
 * in the middle become holes; when more than half are holes the array is closed up, so that one old delivery
 * does not keep the places of a million later ones. */
#include "engine/engine_internal.h"

static unacked_t *at(const unacked_list_t *l, size_t i)
{
    return &l->items[(l->head + i) & (l->capacity - 1)];
}

static void close_up(unacked_list_t *l, size_t capacity)
{
    unacked_t *items = mem_alloc(capacity * sizeof *items);
    size_t kept = 0;
    for (size_t i = 0; i < l->length; i++)
        if (at(l, i)->queue)
            items[kept++] = *at(l, i);
    assert(kept == l->count);
    mem_free(l->items);
    *l = (unacked_list_t){.items = items, .capacity = capacity, .length = kept, .count = kept};
}

void unacked_push(unacked_list_t *l, const unacked_t *u)
{
    assert(u->queue);
    if (l->length == l->capacity) {
        size_t capacity = l->capacity ? l->capacity : 8;
        close_up(l, l->count * 2 > capacity ? capacity * 2 : capacity);
    }
    *at(l, l->length++) = *u;
    l->count++;
}

/* The index of the first item whose tag is ≥ `tag`. */
static size_t lower_bound(const unacked_list_t *l, uint64_t tag)
{
    size_t low = 0, high = l->length;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (at(l, middle)->tag < tag)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

unacked_t *unacked_find(unacked_list_t *l, uint64_t tag)
{
    if (l->length > 0 && at(l, 0)->tag == tag)
        return at(l, 0);
    size_t i = lower_bound(l, tag);
    if (i == l->length || at(l, i)->tag != tag || at(l, i)->queue == NULL)
        return NULL;
    return at(l, i);
}

unacked_t *unacked_first(unacked_list_t *l)
{
    return l->length > 0 ? at(l, 0) : NULL;
}

unacked_t *unacked_next(unacked_list_t *l, uint64_t from)
{
    size_t i = l->length > 0 && at(l, 0)->tag >= from ? 0 : lower_bound(l, from);
    for (; i < l->length; i++)
        if (at(l, i)->queue && !at(l, i)->claimed)
            return at(l, i);
    return NULL;
}

uint64_t unacked_last_tag(const unacked_list_t *l)
{
    return l->length > 0 ? at(l, l->length - 1)->tag : 0;
}

void unacked_remove(unacked_list_t *l, unacked_t *u)
{
    u->queue = NULL;
    l->count--;
    while (l->length > 0 && at(l, 0)->queue == NULL) {
        l->head = (l->head + 1) & (l->capacity - 1);
        l->length--;
    }
    while (l->length > 0 && at(l, l->length - 1)->queue == NULL)
        l->length--;
    if (l->length == 0 && l->capacity > 1024) /* an idle channel holds no memory for them */
        unacked_deinit(l);
}

void unacked_deinit(unacked_list_t *l)
{
    mem_free(l->items);
    *l = (unacked_list_t){0};
}
