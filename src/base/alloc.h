/* SPDX-License-Identifier: Apache-2.0
 *
 * alloc.h: memory that is there or the process ends. What a peer can make us allocate is bounded elsewhere, so
 * running out is the machine's failure, not a state to handle in every caller. */
#pragma once

#include <stddef.h>

/* Never return NULL; `size` 0 is allowed. mem_zero clears. Freed with mem_free. */
void *mem_alloc(size_t size) __attribute__((malloc, returns_nonnull, warn_unused_result));
void *mem_zero(size_t size) __attribute__((malloc, returns_nonnull, warn_unused_result));
void *mem_resize(void *p, size_t size) __attribute__((returns_nonnull, warn_unused_result));
void mem_free(void *p);

/* What a piece of so many octets takes, about: allocators have four sizes an octave (jemalloc; sizes from 128 on). */
static inline size_t mem_taken(size_t size)
{
    if (size <= 128)
        return (size + 15) & ~(size_t)15;
    size_t step = (size_t)1 << (63 - __builtin_clzll(size - 1) - 2);
    return (size + step - 1) & ~(step - 1);
}

/* Room for one more item behind the `count` of a growing array: the array, moved if it was full; its places double,
 * beginning with `least`. */
static inline void *mem_grow(void *items, size_t item_bytes, size_t count, size_t *capacity, size_t least)
{
    if (count < *capacity)
        return items;
    *capacity = *capacity ? *capacity * 2 : least;
    return mem_resize(items, *capacity * item_bytes);
}

/* Moves a circular array that is full into one of twice the places (at first `least`, a power of two), beginning at 0. */
void *mem_widen_circle(void *items, size_t item_bytes, size_t *capacity, size_t *first, size_t least)
    __attribute__((warn_unused_result));

/* The same as mem_grow for a circular array whose oldest item is at *first modulo its places: moved, it begins at 0. */
static inline void *mem_grow_circle(void *items, size_t item_bytes, size_t count, size_t *capacity,
                                    size_t *first, size_t least)
{
    return count < *capacity ? items : mem_widen_circle(items, item_bytes, capacity, first, least);
}

/* mem_zero for one T. */
#define MEM_NEW(T) ((T *)mem_zero(sizeof(T)))
