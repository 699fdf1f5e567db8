/* SPDX-License-Identifier: Apache-2.0
 *
 * prefix.c: see prefix.h. A million prefixes of one holder, 27 octets each, take about 90 MB: an entry is one small
 * allocation, its only holder stands in itself. */
#include "engine/bus/prefix.h"

#include <assert.h>
#include <string.h>

#include "base/alloc.h"

/* A holder of a prefix. */
typedef struct prefix_link {
    prefix_holder_t *who;
    uint32_t at; /* the prefix's place in its places */
} prefix_link_t;

struct prefix_entry {
    hash_node_t node; /* prefix_index.entries */
    union {
        prefix_holder_t *one; /* capacity 0 */
        prefix_link_t *many;  /* owned */
    };
    union {
        uint32_t at; /* of the one */
        uint32_t capacity_of_many;
    };
    uint32_t count : 31;
    uint32_t has_many : 1;
    uint32_t bytes;
    uint8_t octets[];
};

bytes_t prefix_octets(const prefix_entry_t *entry)
{
    return bytes_make(entry->octets, entry->bytes);
}

static prefix_entry_t *entry_of(const hash_node_t *node)
{
    return HASH_OF(node, prefix_entry_t, node);
}

static bytes_t octets_of(const hash_node_t *node)
{
    return prefix_octets(entry_of(node));
}

/* ---- lengths ---- */

/* Where this length is, or would be. */
static size_t length_at(const prefix_lengths_t *l, size_t bytes)
{
    size_t low = 0, high = l->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (l->items[middle].bytes < bytes)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void prefix_lengths_add(prefix_lengths_t *l, size_t bytes)
{
    size_t at = length_at(l, bytes);
    if (at == l->count || l->items[at].bytes != bytes) {
        l->items = mem_grow(l->items, sizeof *l->items, l->count, &l->capacity, 4);
        memmove(&l->items[at + 1], &l->items[at], (l->count - at) * sizeof *l->items);
        l->items[at] = (prefix_length_t){.bytes = bytes};
        l->count++;
    }
    l->items[at].count++;
}

void prefix_lengths_drop(prefix_lengths_t *l, size_t bytes)
{
    size_t at = length_at(l, bytes);
    assert(at < l->count && l->items[at].bytes == bytes && l->items[at].count > 0);
    if (--l->items[at].count == 0)
        memmove(&l->items[at], &l->items[at + 1], (--l->count - at) * sizeof *l->items);
}

void prefix_lengths_deinit(prefix_lengths_t *l)
{
    mem_free(l->items);
    *l = (prefix_lengths_t){0};
}

/* ---- hashing, eight octets at a time; at any length it can be brought to an end, and go on ---- */

typedef struct rolling {
    uint64_t state;
    size_t at; /* octets in `state`: a multiple of 8 */
} rolling_t;

#define ROLLING_BEGIN ((rolling_t){.state = 0x9e3779b97f4a7c15u})

static uint64_t mixed(uint64_t a, uint64_t b)
{
    unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint64_t word_at(bytes_t topic, size_t at, size_t bytes)
{
    uint64_t word = 0;
    if (topic.len - at < 8) {
        memcpy(&word, topic.data + at, bytes);
        return word;
    }
    memcpy(&word, topic.data + at, 8);
    return bytes == 8 ? word : word & ((UINT64_C(1) << (8 * bytes)) - 1);
}

/* The hash of the first `bytes` octets, at least as many as before. */
static uint64_t rolled_to(rolling_t *r, bytes_t topic, size_t bytes)
{
    for (; bytes - r->at >= 8; r->at += 8)
        r->state = mixed(r->state ^ word_at(topic, r->at, 8), 0xe7037ed1a0b428dbu);
    uint64_t rest = bytes > r->at ? word_at(topic, r->at, bytes - r->at) : 0;
    return mixed(r->state ^ rest, 0x8ebc6af09c88c6e3u ^ bytes);
}

static uint64_t hash_of(bytes_t prefix)
{
    rolling_t r = ROLLING_BEGIN;
    return rolled_to(&r, prefix, prefix.len);
}

/* ---- holders of a prefix ---- */

static prefix_link_t link_at(const prefix_entry_t *e, uint32_t at)
{
    return e->has_many ? e->many[at] : (prefix_link_t){e->one, e->at};
}

static void set_link(prefix_entry_t *e, uint32_t at, prefix_link_t link)
{
    if (e->has_many) {
        e->many[at] = link;
    } else {
        e->one = link.who;
        e->at = link.at;
    }
}

static void make_room(prefix_entry_t *e)
{
    if (!e->has_many && e->count == 1) {
        prefix_link_t *many = mem_alloc(4 * sizeof *many);
        many[0] = link_at(e, 0);
        e->many = many;
        e->capacity_of_many = 4;
        e->has_many = 1;
    } else if (e->has_many && e->count == e->capacity_of_many) {
        e->capacity_of_many *= 2;
        e->many = mem_resize(e->many, e->capacity_of_many * sizeof *e->many);
    }
}

/* Where the holder stands in the prefix; UINT32_MAX: it does not. Who has many holders, or prefixes, is not walked. */
static uint32_t find_link(const prefix_entry_t *e, const prefix_holder_t *who)
{
    if (who->count < e->count) {
        for (uint32_t i = 0; i < who->count; i++)
            if (who->places[i].entry == e)
                return who->places[i].at;
    } else {
        for (uint32_t i = 0; i < e->count; i++)
            if (link_at(e, i).who == who)
                return i;
    }
    return UINT32_MAX;
}

static void entry_free(prefix_index_t *x, prefix_entry_t *e)
{
    hash_remove(&x->entries, &e->node);
    prefix_lengths_drop(&x->lengths, e->bytes);
    if (e->has_many)
        mem_free(e->many);
    mem_free(e);
}

/* The last of each takes the place that becomes free. */
static void unlink_at(prefix_index_t *x, prefix_entry_t *e, uint32_t at)
{
    prefix_link_t gone = link_at(e, at), last = link_at(e, e->count - 1);
    set_link(e, at, last);
    last.who->places[last.at].at = at;
    e->count--;

    prefix_holder_t *who = gone.who;
    prefix_place_t moved = who->places[--who->count];
    if (gone.at < who->count) {
        who->places[gone.at] = moved;
        set_link(moved.entry, moved.at, (prefix_link_t){who, gone.at});
    }
    if (e->count == 0)
        entry_free(x, e);
}

/* ---- the index ---- */

void prefix_index_init(prefix_index_t *x)
{
    *x = (prefix_index_t){0};
    hash_init(&x->entries, octets_of);
}

void prefix_index_deinit(prefix_index_t *x)
{
    assert(x->entries.count == 0);
    hash_deinit(&x->entries);
    prefix_lengths_deinit(&x->lengths);
}

static prefix_entry_t *entry_for(prefix_index_t *x, bytes_t prefix)
{
    uint64_t hash = hash_of(prefix);
    hash_node_t *node = hash_find_as(&x->entries, hash, prefix);
    if (node)
        return entry_of(node);
    size_t bytes = offsetof(prefix_entry_t, octets) + prefix.len;
    prefix_entry_t *e = mem_zero(bytes > sizeof *e ? bytes : sizeof *e);
    e->bytes = (uint32_t)prefix.len;
    if (prefix.len > 0)
        memcpy(e->octets, prefix.data, prefix.len);
    hash_insert_as(&x->entries, hash, &e->node);
    prefix_lengths_add(&x->lengths, prefix.len);
    return e;
}

prefix_place_t *prefix_add(prefix_index_t *x, prefix_holder_t *who, bytes_t prefix)
{
    prefix_entry_t *e = entry_for(x, prefix);
    if (find_link(e, who) != UINT32_MAX)
        return NULL;
    size_t capacity = who->capacity;
    who->places = mem_grow(who->places, sizeof *who->places, who->count, &capacity, 2);
    who->capacity = (uint32_t)capacity;
    make_room(e);
    e->count++;
    set_link(e, e->count - 1, (prefix_link_t){who, who->count});
    who->places[who->count] = (prefix_place_t){e, e->count - 1, 0};
    return &who->places[who->count++];
}

/* Where the holder stands in this prefix; UINT32_MAX: nowhere, *entry may be NULL. */
static uint32_t find(const prefix_index_t *x, const prefix_holder_t *who, bytes_t prefix,
                     prefix_entry_t **entry)
{
    hash_node_t *node = hash_find_as(&x->entries, hash_of(prefix), prefix);
    *entry = node ? entry_of(node) : NULL;
    return node ? find_link(*entry, who) : UINT32_MAX;
}

prefix_place_t *prefix_find(const prefix_index_t *x, const prefix_holder_t *who, bytes_t prefix)
{
    prefix_entry_t *e;
    uint32_t at = find(x, who, prefix, &e);
    return at == UINT32_MAX ? NULL : &who->places[link_at(e, at).at];
}

bool prefix_remove(prefix_index_t *x, prefix_holder_t *who, bytes_t prefix)
{
    prefix_entry_t *e;
    uint32_t at = find(x, who, prefix, &e);
    if (at == UINT32_MAX)
        return false;
    unlink_at(x, e, at);
    return true;
}

bool prefix_remove_any(prefix_index_t *x, prefix_holder_t *who)
{
    if (who->count == 0)
        return false;
    prefix_place_t last = who->places[who->count - 1];
    unlink_at(x, last.entry, last.at);
    return true;
}

prefix_holder_t *prefix_index_remove_any(prefix_index_t *x)
{
    hash_node_t *node = hash_any(&x->entries);
    if (node == NULL)
        return NULL;
    prefix_entry_t *e = entry_of(node);
    prefix_holder_t *who = link_at(e, e->count - 1).who;
    unlink_at(x, e, e->count - 1);
    return who;
}

void prefix_holder_deinit(prefix_holder_t *who)
{
    assert(who->count == 0);
    mem_free(who->places);
    *who = (prefix_holder_t){0};
}

size_t prefix_match(const prefix_index_t *x, bytes_t topic, prefix_visit_t *visit, void *context)
{
    rolling_t r = ROLLING_BEGIN;
    size_t work = 0;
    for (size_t i = 0; i < x->lengths.count && x->lengths.items[i].bytes <= topic.len; i++, work++) {
        bytes_t prefix = bytes_make(topic.data, x->lengths.items[i].bytes);
        hash_node_t *node = hash_find_as(&x->entries, rolled_to(&r, topic, prefix.len), prefix);
        if (node == NULL)
            continue;
        const prefix_entry_t *e = entry_of(node);
        work += e->count;
        for (uint32_t k = 0; k < e->count; k++) {
            prefix_link_t link = link_at(e, k);
            visit(context, link.who, &link.who->places[link.at]);
        }
    }
    return work;
}
