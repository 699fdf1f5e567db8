/* SPDX-License-Identifier: Apache-2.0
 *
 * route.c: from an exchange to the set of queues a message goes to: each queue once and each exchange once,
 * whatever the number of bindings, keys and paths; so cycles between exchanges end by themselves. */
#include "engine/engine_internal.h"
#include "model/frames.h"

static void add_queue(route_t *r, queue_t *q)
{
    if (q->deleted || q->visited == r->serial)
        return;
    r->subscribers += q->subscriber != NULL;
    r->windows += q->dedup != NULL;
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
    r->windows += x->dedup != NULL;
    r->depends |= x->dedup != NULL;
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
    if (q && !q->keep)
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

/* How much of the topic decides. */
static void note_topic(route_t *r, size_t bytes)
{
    if (bytes > r->topic_bytes)
        r->topic_bytes = bytes;
}

static void visit_prefixed(route_t *r, exchange_t *x, bytes_t topic)
{
    const prefix_lengths_t *l = &x->prefixed_lengths;
    note_topic(r, prefix_lengths_most(l));
    for (size_t i = 0; i < l->count && l->items[i].bytes <= topic.len; i++, r->work++) {
        hash_node_t *node = hash_find(&x->prefixed, bytes_make(topic.data, l->items[i].bytes));
        if (node)
            add_index(r, &HASH_OF(node, key_group_t, node)->bindings);
    }
}

static void visit_subscriber(void *context, prefix_holder_t *who, const prefix_place_t *place)
{
    route_t *r = context;
    const subscriber_t *s = subscriber_of(who);
    if (!join_withholds(s, place, r->keep))
        add_queue(r, s->queue);
}

static void visit_subscribers(route_t *r, exchange_t *x, bytes_t topic)
{
    note_topic(r, prefix_lengths_most(&x->subscriptions.lengths));
    r->work += prefix_match(&x->subscriptions, topic, visit_subscriber, r);
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
    LIST_EACH (node, &x->walked) {
        binding_t *b = LIST_OF(node, binding_t, in_index);
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

static void visit_keep(route_t *r, exchange_t *x, bytes_t topic)
{
    note_topic(r, x->rule_bytes);
    r->keep = keep_for(x, topic);
    size_t count = r->count;
    if (r->keep)
        add_queue(r, r->keep->queue);
    if (r->count == count)
        return;
    queue_t *first = r->queues[r->kept];
    r->queues[r->kept++] = r->queues[count];
    r->queues[count] = first;
}

/* By the exchange's own way of matching. */
static void visit_keys(route_t *r, exchange_t *x, const bytes_t *keys, size_t key_count, bytes_t headers)
{
    if (x->type == EXCHANGE_FANOUT)
        add_index(r, &x->walked);
    else if (x->type == EXCHANGE_HEADERS)
        visit_headers(r, x, headers);
    else
        for (size_t k = 0; k < key_count; k++)
            visit_key(r, x, keys[k]);
}

static void route_begin(route_t *r)
{
    r->count = 0;
    r->subscribers = r->kept = 0;
    r->exchange_count = 0;
    r->windows = 0;
    r->depends = false;
    r->work = 0;
    r->synchronous = NULL;
    r->topic_bytes = 0;
    r->is_sorted = false;
    r->serial++;
}

void route_to(engine_t *e, exchange_t *x, queue_t *const *queues, size_t count)
{
    route_t *r = &e->route;
    route_begin(r);
    if (x)
        add_exchange(r, x);
    for (size_t i = 0; i < count; i++)
        add_queue(r, queues[i]);
}

void route_replace(route_t *r, queue_t *const *queues, size_t count, uint64_t visited)
{
    r->count = 0;
    r->serial++;
    for (size_t i = 0; i < count; i++)
        if (queues[i]->visited != visited)
            add_queue(r, queues[i]);
}

void route_message(engine_t *e, exchange_t *x, const bytes_t *keys, size_t key_count, bytes_t topic,
                   bytes_t headers)
{
    route_t *r = &e->route;
    route_begin(r);
    add_exchange(r, x);
    for (size_t i = 0; i < r->exchange_count; i++) {
        exchange_t *at = r->exchanges[i];
        if (at->dedup && !r->is_blind && dedup_knows(at->dedup, headers))
            continue;
        r->keep = NULL;
        if (at->keeps)
            visit_keep(r, at, topic);
        visit_keys(r, at, keys, key_count, headers);
        if (at->prefixed_lengths.count > 0)
            visit_prefixed(r, at, topic);
        if (at->subscriptions.lengths.count > 0)
            visit_subscribers(r, at, topic);
    }
}

/* ---- the same again ---- */

static bytes_t deciding(bytes_t topic, size_t topic_bytes)
{
    return bytes_make(topic.data, topic.len < topic_bytes ? topic.len : topic_bytes);
}

/* True if its topic decides the same. One without headers has its routing key as topic, which was compared. */
static bool same_topic(const route_memo_t *memo, const message_t *m)
{
    bytes_t properties = message_properties(m);
    field_t copies;
    if (!(properties_flags(properties) & PROPERTY_FLAG(PROPERTY_HEADERS)) && memo->topic_is_key)
        return true;
    bytes_t headers = frames_properties_alone(properties) ? BYTES("") : properties_headers(properties);
    if (headers.len > 0 &&
        (table_find(headers, BYTES("CC"), &copies) || table_find(headers, BYTES("BCC"), &copies)))
        return false;
    return bytes_equal(deciding(message_topic(m), memo->topic_bytes),
                       bytes_make(memo->topic, memo->topic_len));
}

exchange_t *route_recall(channel_t *ch, const message_t *m)
{
    engine_t *e = ch->connection->engine;
    const route_memo_t *memo = ch->route;
    if (!memo || memo->topology != e->topology || memo->exchange_len != m->exchange_len ||
        memo->key_len != m->routing_key_len ||
        memcmp(memo->names, m->octets, (size_t)m->exchange_len + m->routing_key_len) != 0 ||
        !same_topic(memo, m))
        return NULL;
    route_t *r = &e->route;
    r->count = r->exchange_count = 0;
    r->subscribers = r->windows = 0;
    r->kept = memo->kept;
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
    bytes_t topic = message_topic(m), decides = deciding(topic, r->topic_bytes);
    if (r->is_sorted || r->depends || r->count > ROUTE_MEMO_QUEUES || decides.len > ROUTE_MEMO_TOPIC_BYTES)
        return;
    if (!ch->route)
        ch->route = MEM_NEW(route_memo_t);
    if (ch->route->topology != e->topology || ch->route->exchange != x)
        ch->route->checked_len = 0;
    ch->route->topology = e->topology;
    ch->route->exchange = x;
    ch->route->synchronous = r->synchronous;
    ch->route->exchange_len = m->exchange_len;
    ch->route->key_len = m->routing_key_len;
    memcpy(ch->route->names, m->octets, (size_t)m->exchange_len + m->routing_key_len);
    ch->route->topic_is_key = topic.data == message_routing_key(m).data;
    ch->route->topic_bytes = r->topic_bytes;
    ch->route->topic_len = (uint8_t)decides.len;
    memcpy(ch->route->topic, decides.data, decides.len);
    ch->route->count = r->count;
    ch->route->kept = r->kept;
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
