/* SPDX-License-Identifier: Apache-2.0
 *
 * prefix.h: who wants what begins with which octets: an index of prefixes, of any length, by the million.
 *
 * One hash table of prefixes, and the list of the lengths that are in use: matching goes over the topic once, hashing as
 * it goes, and looks into the table at those lengths only. A prefix knows its holders and a holder its prefixes, each
 * where the other one stands, so that both can be taken out of the other in no time. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/hash.h"

typedef struct prefix_entry prefix_entry_t;

/* Where a prefix of a holder is. */
typedef struct prefix_place {
    prefix_entry_t *entry;
    uint32_t at;   /* the holder's place in it */
    uint32_t mark; /* for who owns the holder; at first 0 */
} prefix_place_t;

/* Who has prefixes, as a set: a member of what it stands for. All of them are in one index. Begins as zeros. */
typedef struct prefix_holder {
    prefix_place_t *places; /* owned */
    uint32_t count, capacity;
} prefix_holder_t;

/* A length in use, and by how many prefixes. */
typedef struct prefix_length {
    size_t bytes;
    size_t count;
} prefix_length_t;

/* By rising length. Begins as zeros. */
typedef struct prefix_lengths {
    prefix_length_t *items; /* owned */
    size_t count, capacity;
} prefix_lengths_t;

void prefix_lengths_add(prefix_lengths_t *l, size_t bytes);
void prefix_lengths_drop(prefix_lengths_t *l, size_t bytes);
void prefix_lengths_deinit(prefix_lengths_t *l);

/* The longest in use; 0 if none is. */
static inline size_t prefix_lengths_most(const prefix_lengths_t *l)
{
    return l->count > 0 ? l->items[l->count - 1].bytes : 0;
}

typedef struct prefix_index {
    hash_table_t entries;
    prefix_lengths_t lengths;
} prefix_index_t;

void prefix_index_init(prefix_index_t *x);

/* Nobody may be in it any more. */
void prefix_index_deinit(prefix_index_t *x);

/* Adds a prefix to the holder's; NULL if it is there already. Places move with every change of their holder's. */
prefix_place_t *prefix_add(prefix_index_t *x, prefix_holder_t *who, bytes_t prefix);

/* NULL if the holder has no such prefix. */
prefix_place_t *prefix_find(const prefix_index_t *x, const prefix_holder_t *who, bytes_t prefix);

/* Takes one out of the holder's; false if it is not there. */
bool prefix_remove(prefix_index_t *x, prefix_holder_t *who, bytes_t prefix);

/* Takes any one of the holder's out; false if there is none. */
bool prefix_remove_any(prefix_index_t *x, prefix_holder_t *who);

/* Takes any holder out of any prefix and returns it; NULL if there is none. */
prefix_holder_t *prefix_index_remove_any(prefix_index_t *x);

/* Nothing is left of a holder without prefixes. */
void prefix_holder_deinit(prefix_holder_t *who);

bytes_t prefix_octets(const prefix_entry_t *entry);

/* Hands over each holder of each prefix that `topic` begins with: one with several of them as often. Nothing may be
 * added or taken out meanwhile. Returns the work that was: prefixes looked for, and holders. */
typedef void prefix_visit_t(void *context, prefix_holder_t *who, const prefix_place_t *place);
size_t prefix_match(const prefix_index_t *x, bytes_t topic, prefix_visit_t *visit, void *context);
