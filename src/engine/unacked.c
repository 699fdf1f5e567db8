/* SPDX-License-Identifier: Apache-2.0
 *
 * unacked.c: the deliveries of a channel that wait for an ack, by rising tag, in chunks, so that nothing is ever copied
 * for all of them. Settled ones between others are holes. Chunks with few left become one with their neighbour, so that
 * one old delivery does not keep the places of a million later ones. */
#include "engine/unacked.h"
#include <assert.h>
#include <stdbool.h>
#include <string.h>

#include "base/alloc.h"

#define FIRST_PLACES 8   /* of the first chunk of a list */
#define PLACES       127 /* with them a chunk is within 4096 octets */

/* Never empty; items[begin] and items[end - 1] are no holes. */
struct unacked_chunk {
    uint16_t begin, end, places;
    uint16_t count; /* without holes */
    unacked_t items[];
};

static unacked_chunk_t **place_of(const unacked_list_t *l, size_t i)
{
    return &l->chunks[l->first + i];
}

static uint64_t last_tag(const unacked_chunk_t *c)
{
    return c->items[c->end - 1].tag;
}

/* ---- chunks ---- */

static unacked_chunk_t *append_chunk(unacked_list_t *l)
{
    if (l->first + l->chunk_count == l->capacity && l->first > l->capacity / 2) {
        memmove(l->chunks, place_of(l, 0), l->chunk_count * sizeof *l->chunks);
        l->first = 0;
    }
    l->chunks = mem_grow(l->chunks, sizeof(unacked_chunk_t *), l->first + l->chunk_count, &l->capacity, 1);
    uint16_t places = l->chunk_count == 0 ? FIRST_PLACES : PLACES;
    unacked_chunk_t *c = mem_alloc(sizeof *c + places * sizeof(unacked_t));
    *c = (unacked_chunk_t){.places = places};
    *place_of(l, l->chunk_count++) = c;
    return c;
}

static void drop_chunk(unacked_list_t *l, size_t i)
{
    mem_free(*place_of(l, i));
    l->chunk_count--;
    if (i == 0)
        l->first++;
    else
        memmove(place_of(l, i), place_of(l, i + 1), (l->chunk_count - i) * sizeof *l->chunks);
    if (l->chunk_count == 0)
        unacked_deinit(l);
}

/* Those of `from` that are left, behind `end` of `to`, which may be the same chunk from its begin on. */
static void gather(unacked_chunk_t *to, uint16_t end, const unacked_chunk_t *from)
{
    for (uint16_t i = from->begin; i < from->end; i++)
        if (from->items[i].queue)
            to->items[end++] = from->items[i];
    to->end = end;
}

static void close_up(unacked_chunk_t *c)
{
    gather(c, 0, c);
    c->begin = 0;
}

/* True if it took what is left in the chunk behind it, which is dropped. */
static bool join_next(unacked_list_t *l, size_t i)
{
    if (i + 1 >= l->chunk_count)
        return false;
    unacked_chunk_t *c = *place_of(l, i), *next = *place_of(l, i + 1);
    if ((c->count + next->count) * 2 > c->places)
        return false;
    close_up(c);
    gather(c, c->end, next);
    c->count += next->count;
    drop_chunk(l, i + 1);
    return true;
}

static void trim(unacked_chunk_t *c)
{
    while (!c->items[c->begin].queue)
        c->begin++;
    while (!c->items[c->end - 1].queue)
        c->end--;
}

/* ---- finding ---- */

/* The first chunk that ends with this tag or a later one; or their number. */
static size_t find_chunk(const unacked_list_t *l, uint64_t tag)
{
    size_t low = 0, high = l->chunk_count;
    if (high > 0 && tag <= last_tag(*place_of(l, 0)))
        return 0; /* mostly the oldest */
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (last_tag(*place_of(l, middle)) < tag)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The first item of this tag or a later one, in a chunk that has it. */
static uint16_t find_item(const unacked_chunk_t *c, uint64_t tag)
{
    uint16_t low = c->begin, high = c->end;
    if (c->items[low].tag >= tag)
        return low;
    while (low < high) {
        uint16_t middle = (uint16_t)((low + high) / 2);
        if (c->items[middle].tag < tag)
            low = (uint16_t)(middle + 1);
        else
            high = middle;
    }
    return low;
}

unacked_t *unacked_find(unacked_list_t *l, uint64_t tag)
{
    size_t i = find_chunk(l, tag);
    if (i == l->chunk_count)
        return NULL;
    unacked_chunk_t *c = *place_of(l, i);
    unacked_t *u = &c->items[find_item(c, tag)];
    return u->tag == tag && u->queue ? u : NULL;
}

unacked_t *unacked_first(unacked_list_t *l)
{
    if (l->chunk_count == 0)
        return NULL;
    unacked_chunk_t *c = *place_of(l, 0);
    return &c->items[c->begin];
}

static unacked_t *next_in(unacked_chunk_t *c, uint64_t from)
{
    for (uint16_t i = find_item(c, from); i < c->end; i++)
        if (c->items[i].queue && !c->items[i].claimed)
            return &c->items[i];
    return NULL;
}

unacked_t *unacked_next(unacked_list_t *l, uint64_t from)
{
    unacked_t *u = NULL;
    for (size_t i = find_chunk(l, from); i < l->chunk_count && !u; i++)
        u = next_in(*place_of(l, i), from);
    return u;
}

uint64_t unacked_last_tag(const unacked_list_t *l)
{
    return l->chunk_count > 0 ? last_tag(*place_of(l, l->chunk_count - 1)) : 0;
}

/* ---- changing ---- */

void unacked_push(unacked_list_t *l, const unacked_t *u)
{
    assert(u->queue);
    unacked_chunk_t *c = l->chunk_count > 0 ? *place_of(l, l->chunk_count - 1) : NULL;
    if (c && c->end == c->places && c->count * 2 <= c->places)
        close_up(c);
    if (!c || c->end == c->places)
        c = append_chunk(l);
    c->items[c->end++] = *u;
    c->count++;
    l->count++;
}

void unacked_remove(unacked_list_t *l, unacked_t *u)
{
    size_t i = find_chunk(l, u->tag);
    unacked_chunk_t *c = *place_of(l, i);
    u->queue = NULL;
    l->count--;
    if (--c->count == 0) {
        drop_chunk(l, i);
        return;
    }
    trim(c);
    if (c->count * 2 <= c->places && !join_next(l, i) && i > 0)
        (void)join_next(l, i - 1);
}

void unacked_deinit(unacked_list_t *l)
{
    for (size_t i = 0; i < l->chunk_count; i++)
        mem_free(*place_of(l, i));
    mem_free(l->chunks);
    *l = (unacked_list_t){0};
}
