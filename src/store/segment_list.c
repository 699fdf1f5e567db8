/* SPDX-License-Identifier: Apache-2.0 */
#include "store/segment_list.h"

#include <assert.h>

#include "base/alloc.h"

listed_segment_t *segment_list_add(segment_list_t *l, const char *name, uint64_t number, uint64_t bytes)
{
    assert(l->count == 0 || l->segments[l->count - 1].number < number);
    l->segments = mem_grow(l->segments, sizeof *l->segments, l->count, &l->capacity, 8);
    listed_segment_t *s = &l->segments[l->count++];
    *s = (listed_segment_t){
        .number = number, .bytes = bytes, .from = UINT64_MAX, .end = UINT64_MAX, .contents = UINT64_MAX};
    memcpy(s->name, name, strlen(name) + 1);
    return s;
}

size_t segment_list_find(const segment_list_t *l, uint64_t number)
{
    size_t low = 0, high = l->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (l->segments[middle].number < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low < l->count && l->segments[low].number == number ? low : SIZE_MAX;
}

void segment_list_remove(segment_list_t *l, size_t index)
{
    assert(index < l->count);
    record_index_deinit(&l->segments[index].index);
    l->count--;
    memmove(l->segments + index, l->segments + index + 1, (l->count - index) * sizeof *l->segments);
}

void segment_list_deinit(segment_list_t *l)
{
    for (size_t i = 0; i < l->count; i++)
        record_index_deinit(&l->segments[i].index);
    mem_free(l->segments);
    *l = (segment_list_t){0};
}
