/* SPDX-License-Identifier: Apache-2.0
 *
 * route.c: from an exchange to the set of queues a message goes to: each queue once and each exchange once,
 * whatever the number of bindings, keys and paths; so cycles between exchanges end by themselves. */
#include "engine/engine_internal.h"

static void add_queue(route_t *r, queue_t *q)
{
    if (q->deleted || q->visited == r->serial)
        return;
    q->visited = r->serial;
    r->queues = mem_grow(r->queues, sizeof(queue_t *), r->count, &r->capacity, 16);
    r->queues[r->count++] = q;
}

static void add_exchange(route_t *r, exchange_t *x)
{
    if (x->deleted || x->visited == r->serial)
        return;
    x->visited = r->serial;
    r->exchanges = mem_grow(r->exchanges, sizeof(exchange_t *), r->exchange_count, &r->exchange_capacity, 16);
    r->exchanges[r->exchange_count++] = x;
    if (x->sequencer && r->synchronous == NULL)
        r->synchronous = x;
}

/* Puts the binding's destination into the route. */
static void route_add(route_t *r, const binding_t *b)
{
    r->work++;
    if (b->queue) {
        add_queue(r, b->queue);
        if (!b->observes)
            b->queue->counted = r->serial;
    } else {
        add_exchange(r, b->exchange);
    }
}

static void add_index(route_t *r, const list_t *bindings)
{
    LIST_EACH (node, bindings)
        route_add(r, LIST_OF(node, binding_t, in_index));
}

static void visit_default(route_t *r, exchange_t *x, bytes_t key)
{
    queue_t *q = queue_find(x->vhost, key);
    if (q)
        add_queue(r, q);
}

static void visit_direct(route_t *r, exchange_t *x, bytes_t key)
{
    hash_node_t *node = hash_find(&x->keys, key);
    if (node)
        add_index(r, &HASH_OF(node, key_group_t, node)->bindings);
}

static void visit_topic(route_t *r, exchange_t *x, bytes_t key)
{
    trie_match(&x->trie, &r->walk, key);
    r->work += r->walk.entered;
    for (size_t i = 0; i < r->walk.now_count; i++)
        add_index(r, &r->walk.now[i]->bindings);
}

static void visit_fanout(route_t *r, exchange_t *x)
{
    LIST_EACH (node, &x->out)
        route_add(r, LIST_OF(node, binding_t, in_source));
}

static bytes_t sorted_once(route_t *r, bytes_t headers)
{
    if (!r->is_sorted) {
        buffer_clear(&r->sorted);
        table_write_sorted(&r->sorted, headers);
        r->is_sorted = true;
    }
    return buffer_bytes(&r->sorted);
}

static void visit_headers(route_t *r, exchange_t *x, bytes_t headers)
{
    bytes_t sorted = sorted_once(r, headers);
    LIST_EACH (node, &x->out) {
        binding_t *b = LIST_OF(node, binding_t, in_source);
        if (headers_match(b->arguments, sorted))
            route_add(r, b);
        else
            r->work++;
    }
}

static void visit_key(route_t *r, exchange_t *x, bytes_t key)
{
    if (x == x->vhost->default_exchange)
        visit_default(r, x, key);
    else if (x->type == EXCHANGE_DIRECT)
        visit_direct(r, x, key);
    else
        visit_topic(r, x, key);
}

void route_message(engine_t *e, exchange_t *x, const bytes_t *keys, size_t key_count, bytes_t headers)
{
    route_t *r = &e->route;
    r->count = 0;
    r->exchange_count = 0;
    r->work = 0;
    r->synchronous = NULL;
    r->is_sorted = false;
    r->serial++;
    add_exchange(r, x);
    for (size_t i = 0; i < r->exchange_count; i++) {
        exchange_t *at = r->exchanges[i];
        if (at->type == EXCHANGE_FANOUT)
            visit_fanout(r, at);
        else if (at->type == EXCHANGE_HEADERS)
            visit_headers(r, at, headers);
        else
            for (size_t k = 0; k < key_count; k++)
                visit_key(r, at, keys[k]);
    }
}

/* ---- the same again ---- */

exchange_t *route_recall(channel_t *ch, const message_t *m)
{
    engine_t *e = ch->connection->engine;
    const route_memo_t *memo = ch->route;
    if (!memo || memo->topology != e->topology || memo->exchange_len != m->exchange_len ||
        memo->key_len != m->routing_key_len ||
        memcmp(memo->names, m->octets, (size_t)m->exchange_len + m->routing_key_len) != 0)
        return NULL;
    route_t *r = &e->route;
    r->count = 0;
    r->work = 1;
    r->synchronous = memo->synchronous;
    r->serial++;
    for (size_t i = 0; i < memo->count; i++)
        add_queue(r, memo->queues[i]);
    return memo->exchange;
}

void route_remember(channel_t *ch, exchange_t *x, const message_t *m)
{
    engine_t *e = ch->connection->engine;
    const route_t *r = &e->route;
    if (r->is_sorted || r->count > ROUTE_MEMO_QUEUES)
        return;
    if (!ch->route)
        ch->route = MEM_NEW(route_memo_t);
    ch->route->topology = e->topology;
    ch->route->exchange = x;
    ch->route->synchronous = r->synchronous;
    ch->route->exchange_len = m->exchange_len;
    ch->route->key_len = m->routing_key_len;
    memcpy(ch->route->names, m->octets, (size_t)m->exchange_len + m->routing_key_len);
    ch->route->count = r->count;
    for (size_t i = 0; i < r->count; i++)
        ch->route->queues[i] = r->queues[i];
}

void route_deinit(route_t *r)
{
    mem_free(r->queues);
    mem_free(r->exchanges);
    trie_walk_deinit(&r->walk);
    buffer_free(&r->sorted);
}
