/* SPDX-License-Identifier: Apache-2.0
 *
 * live.c: records are counted in chunks of 1024. A chunk in which many are live has an octet for each, one in which
 * few are has a short list of them; one in which none is does not exist. Chunks stand in groups, groups in a directory
 * from the lowest that has one on: so numbers that nobody refers to any more cost next to nothing.
 *
 * The octet of a record with very many references (a message in hundreds of queues) says that its count is in a table. */
#include <assert.h>

#include "base/alloc.h"
#include "engine/durable/live_internal.h"

#define FEW_AGAIN (FEW_MOST / 2) /* a chunk that has become so thin is a short list again */
#define MANY      255

typedef struct many {
    hash_node_t node;
    record_no record;
    uint64_t count;
} many_t;

static bytes_t record_of_many(const hash_node_t *node)
{
    const many_t *m = HASH_OF(node, const many_t, node);
    return bytes_make(&m->record, sizeof m->record);
}

void live_init(live_t *l, live_turned_t *turned, void *context)
{
    *l = (live_t){.turned = turned, .context = context};
    hash_init(&l->many, record_of_many);
}

/* ---- the directory ---- */

/* NULL if nothing of it is live. */
static live_group_t *group_find(const live_t *l, uint64_t number)
{
    return number - l->first < l->length ? *live_group_at(l, number) : NULL;
}

static void make_room(live_t *l, size_t length)
{
    size_t capacity = l->capacity ? l->capacity : 16;
    while (capacity < length)
        capacity *= 2;
    if (capacity == l->capacity)
        return;
    live_group_t **groups = mem_alloc(capacity * sizeof *groups);
    for (size_t i = 0; i < l->length; i++)
        groups[i] = *live_group_at(l, l->first + i);
    mem_free(l->groups);
    l->groups = groups;
    l->capacity = capacity;
    l->head = 0;
}

/* Makes the directory reach from the lowest there is, or this one, to the highest there is, or this one. */
static void reach(live_t *l, uint64_t number)
{
    if (l->length == 0)
        l->first = number;
    if (number < l->first) {
        size_t more = (size_t)(l->first - number);
        make_room(l, l->length + more);
        l->head = (l->head - more) & (l->capacity - 1);
        l->first = number;
        l->length += more;
        for (size_t i = 0; i < more; i++)
            *live_group_at(l, number + i) = NULL;
    }
    if (number - l->first >= l->length)
        make_room(l, (size_t)(number - l->first) + 1);
    while (number - l->first >= l->length)
        *live_group_at(l, l->first + l->length++) = NULL;
}

static live_group_t *group_make(live_t *l, uint64_t number)
{
    reach(l, number);
    live_group_t **group = live_group_at(l, number);
    assert(*group == NULL);
    *group = l->spare_group ? l->spare_group : MEM_NEW(live_group_t);
    l->spare_group = NULL;
    return *group;
}

static void group_drop(live_t *l, uint64_t number)
{
    live_group_t **group = live_group_at(l, number);
    assert((*group)->live == 0);
    mem_free(l->spare_group);
    l->spare_group = *group;
    *group = NULL;
    while (l->length > 0 && l->groups[l->head] == NULL) {
        l->head = (l->head + 1) & (l->capacity - 1);
        l->length--;
        l->first++;
    }
}

/* ---- chunks ---- */

static chunk_t *chunk_of(live_group_t *g, record_no record)
{
    return &g->chunks[live_chunk_number(record) % GROUP_CHUNKS];
}

static uint64_t group_number(record_no record)
{
    return live_chunk_number(record) / GROUP_CHUNKS;
}

static live_group_t *group_of(live_t *l, record_no record)
{
    live_group_t *g = group_find(l, group_number(record));
    return g ? g : group_make(l, group_number(record));
}

static few_t *few_make(live_t *l)
{
    few_t *few = l->spare_few ? l->spare_few : mem_alloc(FEW_MOST * sizeof(few_t));
    l->spare_few = NULL;
    return few;
}

static void few_drop(live_t *l, few_t *few)
{
    mem_free(l->spare_few);
    l->spare_few = few;
}

static void chunk_thicken(live_t *l, chunk_t *c)
{
    uint8_t *counts = mem_zero(LIVE_RANGE_RECORDS);
    for (uint16_t i = 0; i < c->live; i++)
        counts[c->few[i].at] = c->few[i].count;
    if (c->live > 0)
        few_drop(l, c->few);
    c->counts = counts;
    c->is_dense = true;
}

static void chunk_thin(live_t *l, chunk_t *c)
{
    few_t *few = few_make(l);
    for (size_t at = 0, n = 0; n < c->live; at++)
        if (c->counts[at] > 0)
            few[n++] = (few_t){(uint16_t)at, c->counts[at]};
    mem_free(c->counts);
    c->few = few;
    c->is_dense = false;
}

/* The count of a record, where it has one, else NULL. */
static uint8_t *count_find(const chunk_t *c, size_t at)
{
    if (c->is_dense)
        return &c->counts[at];
    for (uint16_t i = 0; i < c->live; i++)
        if (c->few[i].at == at)
            return &c->few[i].count;
    return NULL;
}

/* A record of a chunk is live from now on; its count is 0 still. */
static uint8_t *count_make(live_t *l, live_group_t *g, chunk_t *c, size_t at)
{
    if (c->live == 0) {
        g->live++;
        if (!c->is_dense)
            c->few = few_make(l);
    }
    if (!c->is_dense && c->live == FEW_MOST)
        chunk_thicken(l, c);
    if (!c->is_dense)
        c->few[c->live] = (few_t){.at = (uint16_t)at};
    c->live++;
    return c->is_dense ? &c->counts[at] : &c->few[c->live - 1].count;
}

static void chunk_empty(live_t *l, live_group_t *g, chunk_t *c, record_no record)
{
    if (c->is_dense)
        mem_free(c->counts);
    else
        few_drop(l, c->few);
    *c = (chunk_t){0};
    if (--g->live == 0)
        group_drop(l, group_number(record));
}

/* ---- counts that an octet does not hold ---- */

static many_t *many_find(const live_t *l, record_no record)
{
    hash_node_t *node = hash_find(&l->many, bytes_make(&record, sizeof record));
    assert(node);
    return HASH_OF(node, many_t, node);
}

static void add_many(live_t *l, uint8_t *count, record_no record, uint32_t more)
{
    if (*count == MANY) {
        many_find(l, record)->count += more;
        return;
    }
    many_t *m = MEM_NEW(many_t);
    m->record = record;
    m->count = (uint64_t)*count + more;
    hash_insert(&l->many, &m->node);
    *count = MANY;
}

static void drop_many(live_t *l, uint8_t *count, record_no record)
{
    many_t *m = many_find(l, record);
    if (--m->count >= MANY)
        return;
    *count = (uint8_t)m->count;
    hash_remove(&l->many, &m->node);
    mem_free(m);
}

/* ---- counting ---- */

static void turned(live_t *l, record_no record, bool is_live)
{
    if (record < l->watched_below && l->turned)
        l->turned(l->context, record, is_live);
}

static void count_add(live_t *l, live_group_t *g, chunk_t *c, record_no record, uint32_t more)
{
    uint8_t *count = count_find(c, live_place_in_chunk(record));
    if (count == NULL || *count == 0) {
        count = count_make(l, g, c, live_place_in_chunk(record));
        l->records++;
        turned(l, record, true);
    }
    if (more < (uint32_t)(MANY - *count))
        *count = (uint8_t)(*count + more);
    else
        add_many(l, count, record, more);
}

void live_expect(const live_t *l, record_no record)
{
    live_group_t *g = group_find(l, group_number(record));
    const chunk_t *c = g ? chunk_of(g, record) : NULL;
    if (c && c->is_dense)
        __builtin_prefetch(&c->counts[live_place_in_chunk(record)], 1);
}

void live_add(live_t *l, record_no record, uint32_t count)
{
    assert(record > 0 && count > 0);
    live_group_t *g = group_of(l, record);
    count_add(l, g, chunk_of(g, record), record, count);
}

void live_add_run(live_t *l, record_no first, uint64_t count)
{
    while (count > 0) {
        live_group_t *g = group_of(l, first);
        chunk_t *c = chunk_of(g, first);
        uint64_t left = LIVE_RANGE_RECORDS - live_place_in_chunk(first), run = count < left ? count : left;
        if (run > FEW_MOST && !c->is_dense)
            chunk_thicken(l, c);
        for (record_no end = first + run; first < end; first++)
            count_add(l, g, c, first, 1);
        count -= run;
    }
}

/* The record's count is 0: it is no longer one of the chunk. */
static void count_gone(live_t *l, live_group_t *g, chunk_t *c, record_no record, uint8_t *count)
{
    c->live--;
    l->records--;
    if (!c->is_dense) {
        few_t *few = (few_t *)(void *)((char *)count - offsetof(few_t, count));
        *few = c->few[c->live];
    }
    if (c->live == 0)
        chunk_empty(l, g, c, record);
    else if (c->is_dense && c->live == FEW_AGAIN)
        chunk_thin(l, c);
    turned(l, record, false);
}

void live_drop(live_t *l, record_no record)
{
    live_group_t *g = group_find(l, group_number(record));
    assert(g);
    chunk_t *c = chunk_of(g, record);
    uint8_t *count = count_find(c, live_place_in_chunk(record));
    assert(count && *count > 0);
    if (*count == MANY)
        drop_many(l, count, record);
    else if (--*count == 0)
        count_gone(l, g, c, record, count);
}

bool live_has(const live_t *l, record_no record)
{
    live_group_t *g = group_find(l, group_number(record));
    const uint8_t *count = g ? count_find(chunk_of(g, record), live_place_in_chunk(record)) : NULL;
    return count && *count > 0;
}

/* ---- the end ---- */

static void group_free(live_group_t *g)
{
    for (size_t i = 0; g->live > 0 && i < GROUP_CHUNKS; i++)
        if (g->chunks[i].live > 0)
            mem_free(g->chunks[i].is_dense ? (void *)g->chunks[i].counts : (void *)g->chunks[i].few);
    mem_free(g);
}

void live_deinit(live_t *l)
{
    for (size_t i = 0; i < l->length; i++)
        if (*live_group_at(l, l->first + i))
            group_free(*live_group_at(l, l->first + i));
    for (hash_node_t *node; (node = hash_any(&l->many));) {
        hash_remove(&l->many, node);
        mem_free(HASH_OF(node, many_t, node));
    }
    hash_deinit(&l->many);
    mem_free(l->groups);
    mem_free(l->spare_group);
    mem_free(l->spare_few);
    *l = (live_t){0};
}
