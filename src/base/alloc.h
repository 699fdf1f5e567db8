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

/* mem_zero for one T. */
#define MEM_NEW(T) ((T *)mem_zero(sizeof(T)))
