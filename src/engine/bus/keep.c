/* SPDX-License-Identifier: Apache-2.0
 *
 * keep.c: what is kept for late joiners: by rules (bus.topic.NAME, replay), the last messages of an exchange's topics, or
 * the last one of each.
 *
 * What a rule keeps is in a durable queue of its own, amq.replay.NAME, to which the exchange routes what the rule is for.
 * So the log, paging and recovery are those of any queue; nobody may use it from outside, and nothing is ever taken from
 * it but what newer messages replace. */
#include <stdlib.h>

#include "engine/engine_internal.h"
#include "engine/topics.h"

#define OWN_NAMES   BYTES("amq.replay.")
#define TOPICS_MOST 1000000 /* of `last`: beyond, those that were silent for the longest time are forgotten */

struct keep_key {
    hash_node_t node; /* keep_keys.by_key */
    list_t in_order;
    stated_t stated;
    queue_t *queue;
    uint64_t position;
    uint8_t len;
    uint8_t octets[];
};

/* ---- of `last`: where each routing key's message is ---- */

static keep_key_t *key_of_node(list_t *node)
{
    return LIST_OF(node, keep_key_t, in_order);
}

static bytes_t octets_of_key(const hash_node_t *node)
{
    const keep_key_t *k = HASH_OF(node, const keep_key_t, node);
    return bytes_make(k->octets, k->len);
}

static keep_keys_t *keys_new(void)
{
    keep_keys_t *keys = MEM_NEW(keep_keys_t);
    hash_init(&keys->by_key, octets_of_key);
    list_init(&keys->in_order);
    return keys;
}

static void key_remove(keep_keys_t *keys, keep_key_t *k)
{
    hash_remove(&keys->by_key, &k->node);
    list_remove(&k->in_order);
    list_remove(&k->stated.link);
    mem_free(k);
}

void keep_keys_free(keep_keys_t **keys)
{
    if (*keys == NULL)
        return;
    for (list_t *node; (node = list_first(&(*keys)->in_order));)
        key_remove(*keys, key_of_node(node));
    hash_deinit(&(*keys)->by_key);
    mem_free(*keys);
    *keys = NULL;
}

/* The key's message is here now; returns where its last one was, or 0. */
static uint64_t note_key(queue_t *q, bytes_t key, uint64_t position)
{
    keep_keys_t *keys = q->keys;
    hash_node_t *node = hash_find(&keys->by_key, key);
    keep_key_t *k = node ? HASH_OF(node, keep_key_t, node) : NULL;
    uint64_t before = k ? k->position : 0;
    if (k == NULL) {
        k = mem_zero(sizeof *k + key.len);
        k->len = (uint8_t)key.len;
        memcpy(k->octets, key.data, key.len);
        list_init(&k->in_order);
        list_init(&k->stated.link);
        k->queue = q;
        hash_insert(&keys->by_key, &k->node);
    }
    list_remove(&k->in_order);
    list_append(&keys->in_order, &k->in_order);
    stated_now(q->vhost->engine, &k->stated, STATED_KEPT, records_last(q->vhost->engine));
    k->position = position;
    return before;
}

/* ---- what newer ones replace ---- */

static void let_go(queue_t *q, const fifo_item_t *item)
{
    if (item->stored)
        settled_note(q, item->position, RECORD_REPLACED);
    queue_let_go(q, item);
}

static void pull(queue_t *q, uint64_t position)
{
    fifo_item_t item;
    if (fifo_pull(&q->fifo, position, &item))
        let_go(q, &item);
}

static void drop_first(keep_t *k)
{
    queue_t *q = k->queue;
    fifo_item_t item;
    if (!fifo_shift(&q->fifo, &item))
        return;
    list_t *first = q->keys ? list_first(&q->keys->in_order) : NULL;
    if (first && key_of_node(first)->position == item.position)
        key_remove(q->keys, key_of_node(first));
    joins_lost(k, item.position);
    let_go(q, &item);
}

static uint64_t most_messages(const engine_topic_t *rule)
{
    return rule->replay_last ? TOPICS_MOST : rule->replay_count;
}

static void trim(keep_t *k)
{
    while (k->queue->fifo.ready > most_messages(k->rule))
        drop_first(k);
}

void keep_appended(queue_t *q, const message_t *m)
{
    uint64_t before = q->keys ? note_key(q, message_routing_key(m), q->fifo.tail - 1) : 0;
    if (before > 0)
        pull(q, before);
    trim(q->keep);
}

void keep_expired(queue_t *q, bytes_t key, uint64_t position)
{
    hash_node_t *node = hash_find(&q->keys->by_key, key);
    keep_key_t *k = node ? HASH_OF(node, keep_key_t, node) : NULL;
    if (k && k->position == position)
        key_remove(q->keys, k);
}

/* ---- rules ---- */

static bool has_replay(const engine_topic_t *t)
{
    return t->replay_last || t->replay_count > 0;
}

void keeps_init(engine_t *e)
{
    e->keeps = mem_zero(e->options.topic_count * sizeof *e->keeps);
    for (size_t i = 0; i < e->options.topic_count; i++) {
        keep_t *k = &e->keeps[i];
        k->rule = &e->options.topics[i];
        k->number = i;
        list_init(&k->joins);
        e->keeps_last |= k->rule->replay_last;
    }
}

void keeps_deinit(engine_t *e)
{
    mem_free(e->keeps);
    e->keeps = NULL;
}

void keeps_note_exchange(exchange_t *x)
{
    const engine_t *e = x->vhost->engine;
    for (size_t i = 0; i < e->options.topic_count; i++) {
        const engine_topic_t *t = &e->options.topics[i];
        if (!bytes_equal(x->name, bytes_string(t->exchange)))
            continue;
        x->keeps |= has_replay(t);
        x->rule_bytes = strlen(t->prefix) > x->rule_bytes ? strlen(t->prefix) : x->rule_bytes;
    }
}

keep_t *keep_for(const exchange_t *x, bytes_t topic)
{
    engine_t *e = x->vhost->engine;
    const engine_topic_t *t = topics_find(e, x, topic);
    keep_t *k = t ? &e->keeps[t - e->options.topics] : NULL;
    return k && k->queue ? k : NULL;
}

bool keep_overlaps(const keep_t *k, const exchange_t *x, bytes_t prefix)
{
    bytes_t own = bytes_string(k->rule->prefix);
    return k->queue && bytes_equal(x->name, bytes_string(k->rule->exchange)) &&
           (bytes_starts_with(own, prefix) || bytes_starts_with(prefix, own));
}

void keeps_forget(const exchange_t *x)
{
    engine_t *e = x->vhost->engine;
    for (size_t i = 0; x->keeps && !e->applying && !e->freeing && i < e->options.topic_count; i++) {
        queue_t *q = e->keeps[i].queue;
        if (q == NULL || !bytes_equal(x->name, bytes_string(e->keeps[i].rule->exchange)))
            continue;
        queue_purge(q, NULL, NULL);
        if (q->keys) {
            keep_keys_free(&q->keys);
            q->keys = keys_new();
        }
    }
}

/* ---- the log ---- */

static bytes_t own_name(const engine_topic_t *rule, char out[UINT8_MAX + 1])
{
    return bytes_make(out, text_format(out, UINT8_MAX + 1, "amq.replay.%s", rule->name));
}

void keep_defined(queue_t *q)
{
    engine_t *e = q->vhost->engine;
    char name[UINT8_MAX + 1];
    for (size_t i = 0; i < e->options.topic_count; i++) {
        keep_t *k = &e->keeps[i];
        if (!has_replay(k->rule) || !bytes_equal(q->name, own_name(k->rule, name)))
            continue;
        q->keep = k;
        k->queue = q;
    }
    if (q->keep == NULL || !q->keep->rule->replay_last)
        keep_keys_free(&q->keys);
    else if (q->keys == NULL)
        q->keys = keys_new();
}

/* It may be ours, by a name that a later record says. */
void keep_applied(queue_t *q, bytes_t key, uint64_t position)
{
    if (!q->vhost->engine->keeps_last || (q->durable && q->keys == NULL))
        return;
    if (q->keys == NULL)
        q->keys = keys_new();
    hash_node_t *node = hash_find(&q->keys->by_key, key);
    if (node == NULL || HASH_OF(node, keep_key_t, node)->position < position)
        (void)note_key(q, key, position);
}

size_t keep_state(engine_t *e, stated_t *s)
{
    keep_key_t *k = LIST_OF(s, keep_key_t, stated);
    record_t r = {.type = RECORD_KEPT, .queue = k->queue->id, .position = k->position};
    r.key = bytes_make(k->octets, k->len);
    stated_now(e, s, STATED_KEPT, records_add(e, &r, NULL));
    return k->len + 16u;
}

/* A checkpoint says older ones after newer ones. */
static int compare_positions(const void *a, const void *b)
{
    uint64_t x = (*(keep_key_t *const *)a)->position, y = (*(keep_key_t *const *)b)->position;
    return (x > y) - (x < y);
}

static void sort_keys(keep_keys_t *keys)
{
    size_t count = 0;
    keep_key_t **all = mem_alloc(keys->by_key.count * sizeof *all);
    for (list_t *node; (node = list_first(&keys->in_order)); list_remove(node))
        all[count++] = key_of_node(node);
    if (count > 0)
        qsort(all, count, sizeof *all, compare_positions);
    for (size_t i = 0; i < count; i++)
        list_append(&keys->in_order, &all[i]->in_order);
    mem_free(all);
}

/* A crash may have come between a message and the end of the one that it replaced; others were settled since. */
static void match_keys(queue_t *q)
{
    sort_keys(q->keys);
    list_t *end = &q->keys->in_order, *next = end->next;
    uint32_t budget = UINT32_MAX;
    uint64_t from = 0;
    for (fifo_item_t item; fifo_next(&q->fifo, &from, q->fifo.tail, &budget, &item); budget = UINT32_MAX) {
        while (next != end && key_of_node(next)->position < item.position) {
            next = next->next;
            key_remove(q->keys, key_of_node(next->prev));
        }
        if (next != end && key_of_node(next)->position == item.position)
            next = next->next;
        else
            pull(q, item.position);
    }
    while (next != end) {
        next = next->next;
        key_remove(q->keys, key_of_node(next->prev));
    }
}

static void create_queue(engine_t *e, const engine_topic_t *rule)
{
    char name[UINT8_MAX + 1];
    record_t r = {.type = RECORD_QUEUE, .kind = QUEUE_CLASSIC, .position = 1, .mark = 1};
    r.name = own_name(rule, name);
    (void)queue_create(e->vhost, &r, true);
}

/* A rule that is no more keeps nothing; nobody else could delete its queue. */
static void remove_leftovers(engine_t *e)
{
    LIST_EACH (node, &e->vhost->in_order) {
        queue_t *q = LIST_OF(node, queue_t, place.node);
        if (q->place.of_query || q->keep || !bytes_starts_with(q->name, OWN_NAMES))
            continue;
        log_line(e->options.log, LOG_WARNING,
                 QUEUE_FORMAT ": no bus.topic keeps anything in it any more: deleted, with %llu messages",
                 NAMED_ARG(q->name, q->vhost), (unsigned long long)q->fifo.ready);
        queue_remove(q, NULL, NULL);
    }
}

void keeps_start(engine_t *e)
{
    e->keeps_started = true;
    for (size_t i = 0; i < e->options.topic_count; i++) {
        keep_t *k = &e->keeps[i];
        if (!has_replay(k->rule))
            continue;
        if (k->queue == NULL)
            create_queue(e, k->rule);
        else if (k->queue->keys)
            match_keys(k->queue);
        trim(k);
    }
    remove_leftovers(e);
}
