/* SPDX-License-Identifier: Apache-2.0
 *
 * trie.c: see trie.h. A routing key is split at every dot; the empty key has no words, "a." has two. */
#include "engine/trie.h"

#include <assert.h>

#include "base/alloc.h"

/* Takes the next word off `rest`; false when there is none. `more`: a word follows even if it is empty. */
static bool next_word(bytes_t *rest, bool *more, bytes_t *word)
{
    if (!*more)
        return false;
    const uint8_t *dot = rest->len ? memchr(rest->data, '.', rest->len) : NULL;
    *word = dot ? bytes_make(rest->data, (size_t)(dot - rest->data)) : *rest;
    *more = dot != NULL;
    *rest = dot ? bytes_make(dot + 1, rest->len - word->len - 1) : bytes_make(NULL, 0);
    return true;
}

static bytes_t word_of(const hash_node_t *node)
{
    const trie_node_t *n = HASH_OF(node, const trie_node_t, node);
    return bytes_make(n->word, n->word_len);
}

static trie_node_t *node_new(trie_node_t *parent, bytes_t word)
{
    trie_node_t *n = mem_zero(sizeof *n + word.len);
    n->parent = parent;
    n->word_len = (uint8_t)word.len;
    if (word.len > 0)
        memcpy(n->word, word.data, word.len);
    hash_init(&n->words, word_of);
    list_init(&n->bindings);
    return n;
}

static trie_node_t *child_for(trie_node_t *n, bytes_t word)
{
    if (bytes_equal(word, BYTES("*")))
        return n->star ? n->star : (n->star = node_new(n, word));
    if (bytes_equal(word, BYTES("#"))) {
        if (n->hash == NULL) {
            n->hash = node_new(n, word);
            n->hash->is_hash = true;
        }
        return n->hash;
    }
    hash_node_t *found = hash_find(&n->words, word);
    if (found)
        return HASH_OF(found, trie_node_t, node);
    trie_node_t *child = node_new(n, word);
    hash_insert(&n->words, &child->node);
    return child;
}

trie_node_t *trie_node_for(trie_t *t, bytes_t binding_key)
{
    if (t->root == NULL)
        t->root = node_new(NULL, bytes_make(NULL, 0));
    trie_node_t *n = t->root;
    bool more = binding_key.len > 0;
    bytes_t word;
    while (next_word(&binding_key, &more, &word))
        n = child_for(n, word);
    return n;
}

static bool needed(const trie_node_t *n)
{
    return !list_empty(&n->bindings) || n->star || n->hash || n->words.count > 0;
}

static void detach(trie_t *t, trie_node_t *n)
{
    if (n->parent == NULL)
        t->root = NULL;
    else if (n->parent->star == n)
        n->parent->star = NULL;
    else if (n->parent->hash == n)
        n->parent->hash = NULL;
    else
        hash_remove(&n->parent->words, &n->node);
}

void trie_prune(trie_t *t, trie_node_t *n)
{
    while (n && !needed(n)) {
        trie_node_t *parent = n->parent;
        detach(t, n);
        hash_deinit(&n->words);
        mem_free(n);
        n = parent;
    }
}

void trie_deinit(trie_t *t)
{
    assert(t->root == NULL);
}

/* Puts the node into the next set, and with it what a `#` lets in for no word at all. */
static void enter(trie_walk_t *w, trie_node_t *n)
{
    for (; n && n->mark != w->mark; n = n->hash) {
        n->mark = w->mark;
        w->next = mem_grow(w->next, sizeof(trie_node_t *), w->next_count, &w->next_capacity, 64);
        w->next[w->next_count++] = n;
        w->entered++;
    }
}

static void next_set(trie_walk_t *w)
{
    trie_node_t **set = w->now;
    size_t capacity = w->now_capacity;
    w->now = w->next;
    w->now_count = w->next_count;
    w->now_capacity = w->next_capacity;
    w->next = set;
    w->next_count = 0;
    w->next_capacity = capacity;
    w->mark++;
}

void trie_match(const trie_t *t, trie_walk_t *w, bytes_t routing_key)
{
    w->next_count = 0;
    w->entered = 0;
    w->mark++;
    if (t->root)
        enter(w, t->root);
    next_set(w);

    bool more = routing_key.len > 0;
    bytes_t word;
    while (next_word(&routing_key, &more, &word)) {
        for (size_t i = 0; i < w->now_count; i++) {
            trie_node_t *n = w->now[i];
            hash_node_t *child = n->words.count ? hash_find(&n->words, word) : NULL;
            if (child)
                enter(w, HASH_OF(child, trie_node_t, node));
            if (n->star)
                enter(w, n->star);
            if (n->is_hash)
                enter(w, n);
        }
        next_set(w);
    }
}

void trie_walk_deinit(trie_walk_t *w)
{
    mem_free(w->now);
    mem_free(w->next);
    *w = (trie_walk_t){0};
}
