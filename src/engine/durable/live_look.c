/* SPDX-License-Identifier: Apache-2.0
 *
 * live_look.c: what of a part of the log is live. Chunks that do not exist are passed over a group at a time. */
#include <string.h>

#include "engine/durable/live_internal.h"

/* The first chunk that exists, from *number to below `end`; *number is its. NULL: there is none. */
static const chunk_t *chunk_next(const live_t *l, uint64_t *number, uint64_t end)
{
    uint64_t n = *number > l->first * GROUP_CHUNKS ? *number : l->first * GROUP_CHUNKS;
    while (n < end && n / GROUP_CHUNKS - l->first < l->length) {
        const live_group_t *g = *live_group_at(l, n / GROUP_CHUNKS);
        if (g == NULL) {
            n = (n / GROUP_CHUNKS + 1) * GROUP_CHUNKS;
        } else if (g->chunks[n % GROUP_CHUNKS].live > 0) {
            *number = n;
            return &g->chunks[n % GROUP_CHUNKS];
        } else {
            n++;
        }
    }
    return NULL;
}

/* The counts of all records of a chunk; `room` is for those that are not there so. */
static const uint8_t *chunk_counts(const chunk_t *c, uint8_t room[LIVE_RANGE_RECORDS])
{
    if (c->is_dense)
        return c->counts;
    memset(room, 0, LIVE_RANGE_RECORDS);
    for (uint16_t i = 0; i < c->live; i++)
        room[c->few[i].at] = c->few[i].count;
    return room;
}

/* A part of the log, chunk by chunk. */
typedef struct look {
    const live_t *live;
    record_no from, end;    /* what is left of it */
    const chunk_t *chunk;   /* the one that was found: */
    record_no first, after; /* its records, as far as they are of the part */
} look_t;

static bool look_next(look_t *k)
{
    uint64_t number = live_chunk_number(k->from);
    k->chunk = k->from < k->end ? chunk_next(k->live, &number, live_chunk_number(k->end - 1) + 1) : NULL;
    if (k->chunk == NULL)
        return false;
    record_no begin = number * LIVE_RANGE_RECORDS, end = begin + LIVE_RANGE_RECORDS;
    k->first = begin > k->from ? begin : k->from;
    k->after = end < k->end ? end : k->end;
    k->from = k->after;
    return true;
}

uint64_t live_in(const live_t *l, record_no from, record_no end)
{
    uint64_t live = 0;
    uint8_t room[LIVE_RANGE_RECORDS];
    for (look_t k = {.live = l, .from = from, .end = end}; look_next(&k);) {
        if (k.after - k.first == LIVE_RANGE_RECORDS) {
            live += k.chunk->live;
            continue;
        }
        const uint8_t *counts = chunk_counts(k.chunk, room);
        for (record_no record = k.first; record < k.after; record++)
            live += counts[live_place_in_chunk(record)] > 0;
    }
    return live;
}

record_no live_next(const live_t *l, record_no from, record_no end)
{
    uint8_t room[LIVE_RANGE_RECORDS];
    for (look_t k = {.live = l, .from = from, .end = end}; look_next(&k);) {
        const uint8_t *counts = chunk_counts(k.chunk, room);
        for (record_no record = k.first; record < k.after; record++)
            if (counts[live_place_in_chunk(record)] > 0)
                return record;
    }
    return end;
}

void live_ranges(const live_t *l, record_no from, record_no end, buffer_t *out, uint32_t *count)
{
    record_runs_t runs = {.octets = out, .count = count};
    uint8_t room[LIVE_RANGE_RECORDS];
    for (look_t k = {.live = l, .from = from, .end = end}; look_next(&k);) {
        const uint8_t *counts = chunk_counts(k.chunk, room);
        for (record_no record = k.first; record < k.after; record++)
            if (counts[live_place_in_chunk(record)] > 0)
                record_runs_put(&runs, record, 1);
    }
    record_runs_end(&runs);
}
