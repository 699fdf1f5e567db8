/* SPDX-License-Identifier: Apache-2.0
 *
 * trie.h: binding keys of a topic exchange, by words. A node is a word; `*` and `#` have places of their own.
 *
 * Matching walks all nodes that fit the words so far, word by word; a mark on each node lets it into the next
 * set only once, so a key of w words costs at most (nodes × w), never more, however many `#` there are. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/hash.h"
#include "base/list.h"

typedef struct trie_node trie_node_t;

struct trie_node {
    hash_node_t node; /* parent's words */
    trie_node_t *parent;
    trie_node_t *star, *hash;
    hash_table_t words;
    list_t bindings; /* binding.in_index of those whose key ends here */
    uint64_t mark;
    bool is_hash; /* this node is a `#` */
    uint8_t word_len;
    uint8_t word[];
};

typedef struct trie {
    trie_node_t *root; /* NULL until something is bound */
} trie_t;

/* Sets of nodes that a walk needs; kept between walks. */
typedef struct trie_walk {
    trie_node_t **now, **next;
    size_t now_count, next_count, now_capacity, next_capacity;
    uint64_t mark;
    size_t entered; /* nodes let into sets by the last walk: what it cost */
} trie_walk_t;

/* The node where this binding key ends, made if need be. */
trie_node_t *trie_node_for(trie_t *t, bytes_t binding_key);

/* Frees the node and its parents as far as nothing needs them. */
void trie_prune(trie_t *t, trie_node_t *n);

/* Frees all nodes; no bindings may be left. */
void trie_deinit(trie_t *t);

/* Finds the nodes whose key matches; w->now[0 … now_count) are they (nodes without bindings among them). */
void trie_match(const trie_t *t, trie_walk_t *w, bytes_t routing_key);

void trie_walk_deinit(trie_walk_t *w);
