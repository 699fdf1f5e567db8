/* SPDX-License-Identifier: Apache-2.0 */
#include "store/record_index.h"

#include "base/alloc.h"

void record_index_add(record_index_t *x, record_no first, uint64_t offset)
{
    x->places = mem_grow(x->places, sizeof *x->places, x->count, &x->capacity, 4);
    x->places[x->count++] = (record_place_t){first, offset};
}

const record_place_t *record_index_find(const record_index_t *x, record_no record)
{
    size_t low = 0, high = x->count; /* all before `low` are at or before the record, none from `high` on */
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (x->places[middle].first <= record)
            low = middle + 1;
        else
            high = middle;
    }
    return low > 0 ? &x->places[low - 1] : NULL;
}

void record_index_deinit(record_index_t *x)
{
    mem_free(x->places);
    *x = (record_index_t){0};
}
