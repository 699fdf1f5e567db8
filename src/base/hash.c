/* SPDX-License-Identifier: Apache-2.0
 *
 * hash.c: chained buckets, resized a step at a time.
 *
 * While it resizes, a table has two bucket arrays. New nodes go into `buckets`; a node that was there before
 * is in `old_buckets` until its bucket is moved, so a search looks into both. Buckets of the old array below
 * `moved` are empty, and so are those of the new one below `lowest`: that lets hash_any start near a node
 * however much was taken out. */
#include "base/hash.h"

#include <assert.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/alloc.h"

#define LEAST_BUCKETS 8

/* Buckets looked at by one insert or remove. A table of B buckets begins to halve at B / 8 nodes, and halves
 * again at B / 16: 16 a step is what empties B buckets in those B / 16 removals. */
#define STEP_BUCKETS 16

static uint64_t bytes_hash(bytes_t key)
{
    return XXH3_64bits(key.data, key.len);
}

void hash_digest(bytes_t key, uint8_t out[HASH_DIGEST_BYTES])
{
    XXH128_canonical_t digest;
    XXH128_canonicalFromHash(&digest, XXH3_128bits(key.data, key.len));
    memcpy(out, digest.digest, HASH_DIGEST_BYTES);
}

void hash_init(hash_table_t *t, hash_key_of_t *key_of)
{
    *t = (hash_table_t){.key_of = key_of};
}

void hash_deinit(hash_table_t *t)
{
    mem_free(t->buckets);
    mem_free(t->old_buckets);
    hash_init(t, t->key_of);
}

static hash_node_t *chain_find(const hash_table_t *t, hash_node_t *node, uint64_t hash, bytes_t key)
{
    for (; node; node = node->next)
        if (node->hash == hash && bytes_equal(t->key_of(node), key))
            return node;
    return NULL;
}

hash_node_t *hash_find_as(const hash_table_t *t, uint64_t hash, bytes_t key)
{
    if (t->count == 0)
        return NULL;
    if (t->old_buckets) {
        hash_node_t *found = chain_find(t, t->old_buckets[hash & t->old_mask], hash, key);
        if (found)
            return found;
    }
    return chain_find(t, t->buckets[hash & t->mask], hash, key);
}

hash_node_t *hash_find(const hash_table_t *t, bytes_t key)
{
    return t->count == 0 ? NULL : hash_find_as(t, bytes_hash(key), key);
}

/* ---- resizing ---- */

static void link_node(hash_table_t *t, hash_node_t *node)
{
    size_t index = node->hash & t->mask;
    node->next = t->buckets[index];
    t->buckets[index] = node;
    if (index < t->lowest)
        t->lowest = index;
}

static void set_buckets(hash_table_t *t, size_t bucket_count)
{
    t->buckets = mem_zero(bucket_count * sizeof(hash_node_t *));
    t->mask = bucket_count - 1;
    t->lowest = bucket_count;
}

static void resize_start(hash_table_t *t, size_t bucket_count)
{
    assert(!t->old_buckets);
    t->old_buckets = t->buckets;
    t->old_mask = t->mask;
    t->moved = t->lowest;
    set_buckets(t, bucket_count);
}

static void resize_step(hash_table_t *t)
{
    if (!t->old_buckets)
        return;
    for (int i = 0; i < STEP_BUCKETS && t->moved <= t->old_mask; i++, t->moved++) {
        hash_node_t *node = t->old_buckets[t->moved];
        t->old_buckets[t->moved] = NULL;
        while (node) {
            hash_node_t *next = node->next;
            link_node(t, node);
            node = next;
        }
    }
    if (t->moved > t->old_mask) {
        mem_free(t->old_buckets);
        t->old_buckets = NULL;
    }
}

void hash_insert_as(hash_table_t *t, uint64_t hash, hash_node_t *node)
{
    if (!t->buckets)
        set_buckets(t, LEAST_BUCKETS);
    else if (!t->old_buckets && t->count > t->mask)
        resize_start(t, 2 * (t->mask + 1));
    resize_step(t);
    node->hash = hash;
    link_node(t, node);
    t->count++;
}

void hash_insert(hash_table_t *t, hash_node_t *node)
{
    hash_insert_as(t, bytes_hash(t->key_of(node)), node);
}

/* ---- taking out ---- */

/* True if the node was in this chain, and no longer is. */
static bool chain_remove(hash_node_t **link, const hash_node_t *node)
{
    for (; *link; link = &(*link)->next) {
        if (*link == node) {
            *link = node->next;
            return true;
        }
    }
    return false;
}

/* Raises `lowest` over empty buckets, a bounded number of them. */
static void raise_lowest(hash_table_t *t)
{
    for (int i = 0; i < STEP_BUCKETS && t->lowest <= t->mask && !t->buckets[t->lowest]; i++)
        t->lowest++;
}

static void shrink_if_sparse(hash_table_t *t)
{
    if (t->mask + 1 <= LEAST_BUCKETS)
        return;
    if (t->count == 0)
        hash_deinit(t);
    else if (!t->old_buckets && t->count < (t->mask + 1) / 8)
        resize_start(t, (t->mask + 1) / 2);
}

void hash_remove(hash_table_t *t, hash_node_t *node)
{
    assert(t->count > 0);
    bool found = t->old_buckets && chain_remove(&t->old_buckets[node->hash & t->old_mask], node);
    if (!found)
        found = chain_remove(&t->buckets[node->hash & t->mask], node);
    assert(found);
    node->next = NULL;
    t->count--;
    resize_step(t);
    raise_lowest(t);
    shrink_if_sparse(t);
}

/* ---- walking ---- */

static hash_node_t *first_from(hash_node_t **buckets, size_t mask, size_t index)
{
    for (; index <= mask; index++)
        if (buckets[index])
            return buckets[index];
    return NULL;
}

/* The order of a walk: the old array, then the new one. */
static hash_node_t *walk_old_from(const hash_table_t *t, size_t index)
{
    hash_node_t *node = t->old_buckets ? first_from(t->old_buckets, t->old_mask, index) : NULL;
    return node ? node : first_from(t->buckets, t->mask, t->lowest);
}

static bool is_in_old(const hash_table_t *t, const hash_node_t *node)
{
    if (!t->old_buckets)
        return false;
    const hash_node_t *at = t->old_buckets[node->hash & t->old_mask];
    while (at && at != node)
        at = at->next;
    return at != NULL;
}

hash_node_t *hash_next(const hash_table_t *t, const hash_node_t *after)
{
    if (!after)
        return hash_any(t);
    if (after->next)
        return after->next;
    if (is_in_old(t, after))
        return walk_old_from(t, (after->hash & t->old_mask) + 1);
    return first_from(t->buckets, t->mask, (after->hash & t->mask) + 1);
}

hash_node_t *hash_any(const hash_table_t *t)
{
    return t->count == 0 ? NULL : walk_old_from(t, t->moved);
}
