/* SPDX-License-Identifier: Apache-2.0
 *
 * alloc.c: the C library's allocator, without a NULL. */
#include "base/alloc.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

void *mem_alloc(size_t size)
{
    void *p = malloc(size ? size : 1);
    if (!p)
        abort();
    return p;
}

void *mem_zero(size_t size)
{
    void *p = calloc(1, size ? size : 1);
    if (!p)
        abort();
    return p;
}

void *mem_resize(void *p, size_t size)
{
    p = realloc(p, size ? size : 1);
    if (!p)
        abort();
    return p;
}

void *mem_widen_circle(void *items, size_t item_bytes, size_t *capacity, size_t *first, size_t least)
{
    size_t full = *capacity;
    *capacity = full ? full * 2 : least;
    uint8_t *grown = mem_alloc(*capacity * item_bytes);
    if (full > 0) {
        size_t wrapped = *first % full * item_bytes, straight = full * item_bytes - wrapped;
        memcpy(grown, (const uint8_t *)items + wrapped, straight);
        memcpy(grown + straight, items, wrapped);
    }
    mem_free(items);
    *first = 0;
    return grown;
}

void mem_free(void *p)
{
    free(p);
}
