/* SPDX-License-Identifier: Apache-2.0
 *
 * alloc.c: the C library's allocator, without a NULL. */
#include "base/alloc.h"

#include <stdlib.h>

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

void mem_free(void *p)
{
    free(p);
}
