/* SPDX-License-Identifier: Apache-2.0
 *
 * hash.h: an intrusive chained hash table keyed by octets.
 *
 * The node is a member of what is stored; the table owns only its buckets. It doubles (and halves) step by step:
 * each insert or remove moves a few buckets, so no single call costs more than a few dozen nodes however large
 * the table is. Two objects with the same key may both be in it; hash_find gives one of them. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

typedef struct hash_node {
    struct hash_node *next;
    uint64_t hash;
} hash_node_t;

/* The key of a node's object; must not change while it is in the table. */
typedef bytes_t hash_key_of_t(const hash_node_t *node);

typedef struct hash_table {
    hash_node_t **buckets;     /* being filled */
    hash_node_t **old_buckets; /* being emptied, or NULL */
    size_t mask, old_mask;     /* bucket counts - 1 */
    size_t moved;              /* old_buckets below this are empty */
    size_t lowest;             /* buckets below this are empty */
    size_t count;
    hash_key_of_t *key_of;
} hash_table_t;

void hash_init(hash_table_t *t, hash_key_of_t *key_of);

/* Frees the buckets; what is stored is the owner's. */
void hash_deinit(hash_table_t *t);

/* The node with this key, or NULL. */
hash_node_t *hash_find(const hash_table_t *t, bytes_t key);

/* Puts the node in; its key is taken by key_of. */
void hash_insert(hash_table_t *t, hash_node_t *node);

/* The same for who computes hashes himself, of all keys of the table: 64 bits, all of them good. */
hash_node_t *hash_find_as(const hash_table_t *t, uint64_t hash, bytes_t key);
void hash_insert_as(hash_table_t *t, uint64_t hash, hash_node_t *node);

/* Takes this very node out; it must be in the table. */
void hash_remove(hash_table_t *t, hash_node_t *node);

/* Walks all nodes in no order: start with NULL, ends with NULL. Nothing may be inserted or removed meanwhile, but
 * see hash_any. */
hash_node_t *hash_next(const hash_table_t *t, const hash_node_t *after);

/* Any node, or NULL: for emptying a table node by node (amortised O(1) a node when each is removed). */
hash_node_t *hash_any(const hash_table_t *t);

#define HASH_OF(node, T, member) ((T *)(void *)((char *)(node)-offsetof(T, member)))

/* 16 octets that stand for `key`: what two keys have in common only by an unlikely chance. */
#define HASH_DIGEST_BYTES 16
void hash_digest(bytes_t key, uint8_t out[HASH_DIGEST_BYTES]);
