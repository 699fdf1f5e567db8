/* SPDX-License-Identifier: Apache-2.0 */
#include "store/segment_list.h"

#include <assert.h>

#include "base/alloc.h"

listed_segment_t *segment_list_add(segment_list_t *l, const char *name, uint64_t number, uint64_t bytes)
{
    assert(l->count == 0 || l->segments[l->count - 1].number < number);
    l->segments = mem_grow(l->segments, sizeof *l->segments, l->count, &l->capacity, 8);
    listed_segment_t *s = &l->segments[l->count++];
    *s = (listed_segment_t){.number = number, .bytes = bytes, .from = UINT64_MAX, .end = UINT64_MAX};
    memcpy(s->name, name, strlen(name) + 1);
    return s;
}

void segment_list_drop_first(segment_list_t *l)
{
    assert(l->count > 0);
    record_index_deinit(&l->segments[0].index);
    l->count--;
    memmove(l->segments, l->segments + 1, l->count * sizeof *l->segments);
}

void segment_list_deinit(segment_list_t *l)
{
    for (size_t i = 0; i < l->count; i++)
        record_index_deinit(&l->segments[i].index);
    mem_free(l->segments);
    *l = (segment_list_t){0};
}
