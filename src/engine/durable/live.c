/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/durable/live.h"

#include <assert.h>
#include <string.h>

#include "base/alloc.h"

void live_deinit(live_t *l)
{
    mem_free(l->counts);
    *l = (live_t){0};
}

static uint64_t *count_of(const live_t *l, uint64_t range)
{
    return &l->counts[(l->head + (size_t)(range - l->first)) & (l->capacity - 1)];
}

static void make_room(live_t *l, size_t length)
{
    size_t capacity = l->capacity ? l->capacity : 16;
    while (capacity < length)
        capacity *= 2;
    if (capacity == l->capacity)
        return;
    uint64_t *counts = mem_zero(capacity * sizeof *counts);
    for (size_t i = 0; i < l->length; i++)
        counts[i] = *count_of(l, l->first + i);
    mem_free(l->counts);
    l->counts = counts;
    l->capacity = capacity;
    l->head = 0;
}

/* Makes the ranges reach from the lowest there is, or this one, to the highest there is, or this one. */
static void reach(live_t *l, uint64_t range)
{
    if (l->length == 0)
        l->first = range;
    if (range < l->first) {
        size_t more = (size_t)(l->first - range);
        make_room(l, l->length + more);
        l->head = (l->head - more) & (l->capacity - 1);
        l->first = range;
        l->length += more;
        for (size_t i = 0; i < more; i++)
            *count_of(l, range + i) = 0;
    }
    while (range - l->first >= l->length) {
        make_room(l, l->length + 1);
        l->length++;
        *count_of(l, l->first + l->length - 1) = 0;
    }
}

void live_add(live_t *l, record_no record, uint32_t count)
{
    reach(l, record / LIVE_RANGE_RECORDS);
    *count_of(l, record / LIVE_RANGE_RECORDS) += count;
}

void live_drop(live_t *l, record_no record)
{
    uint64_t range = record / LIVE_RANGE_RECORDS;
    assert(l->length > 0 && range >= l->first && range - l->first<l->length && * count_of(l, range)> 0);
    --*count_of(l, range);
    while (l->length > 0 && l->counts[l->head] == 0) {
        l->head = (l->head + 1) & (l->capacity - 1);
        l->length--;
        l->first++;
    }
}

record_no live_lowest(const live_t *l, record_no next)
{
    if (l->length == 0)
        return next;
    return l->first * LIVE_RANGE_RECORDS;
}
