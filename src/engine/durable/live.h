/* SPDX-License-Identifier: Apache-2.0
 *
 * live.h: which records of the log are still needed: references, counted record by record. A record is live while it
 * has one. Memory is taken for what is live: a record alone among thousands costs some dozens of octets, one of many side
 * by side one or two; old ones with billions of newer ones behind them cost no more. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"
#include "model/record.h"

#define LIVE_RANGE_RECORDS 1024 /* counted in one piece */

typedef struct live_group live_group_t;

/* A record below `watched_below` came to life, or is referred to no more. */
typedef void live_turned_t(void *context, record_no record, bool is_live);

typedef struct live {
    live_group_t **groups; /* circular: from group `first` on; NULL: nothing in it is live */
    size_t capacity, head, length;
    uint64_t first;
    uint64_t records;          /* that are live */
    hash_table_t many;         /* counts that are too large for an octet */
    live_group_t *spare_group; /* the last one emptied: a short queue needs one with every message */
    void *spare_few;
    record_no watched_below;
    live_turned_t *turned;
    void *context;
} live_t;

/* `turned` (may be NULL) is told of what turns below watched_below, which is 0 until its owner sets it. */
void live_init(live_t *l, live_turned_t *turned, void *context);
void live_deinit(live_t *l);

/* `count` (≥ 1) references more. */
void live_add(live_t *l, record_no record, uint32_t count);

/* One more for each of `count` records from `first` on. */
void live_add_run(live_t *l, record_no first, uint64_t count);

/* It is to be added soon: its count comes near meanwhile. */
void live_expect(const live_t *l, record_no record);

/* One less; there must be one. */
void live_drop(live_t *l, record_no record);

/* True if the record is live. */
bool live_has(const live_t *l, record_no record);

/* How many of the records from `from` to below `end` are live. */
uint64_t live_in(const live_t *l, record_no from, record_no end);

/* The first live one from `from` to below `end`; `end` if there is none. */
record_no live_next(const live_t *l, record_no from, record_no end);

/* Appends the live ones from `from` to below `end`, as a list of pairs (first record, count; record.h). */
void live_ranges(const live_t *l, record_no from, record_no end, buffer_t *out, uint32_t *count);
