/* SPDX-License-Identifier: Apache-2.0
 *
 * ceiling_route.c: queues that are only a list of consumers, fanout exchanges that are only a list of queues. A channel
 * remembers where its last publish went, a consumer what the frame in front of its last delivery was. */
#include "ceiling.h"

#include <endian.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"

static bytes_t copy(bytes_t b)
{
    uint8_t *octets = mem_alloc(b.len);
    if (b.len > 0)
        memcpy(octets, b.data, b.len);
    return bytes_make(octets, b.len);
}

static void free_copy(bytes_t b)
{
    mem_free((void *)(uintptr_t)b.data);
}

static bytes_t unique_name(ceiling_t *c, char *out, size_t out_bytes)
{
    snprintf(out, out_bytes, "ceiling-%llu", (unsigned long long)++c->last_name);
    return bytes_string(out);
}

/* ---- queues and exchanges ---- */

queue_t *queue_find(const ceiling_t *c, bytes_t name)
{
    hash_node_t *node = hash_find(&c->queues, name);
    return node ? HASH_OF(node, queue_t, node) : NULL;
}

exchange_t *exchange_find(const ceiling_t *c, bytes_t name)
{
    hash_node_t *node = hash_find(&c->exchanges, name);
    return node ? HASH_OF(node, exchange_t, node) : NULL;
}

queue_t *queue_declare(ceiling_t *c, bytes_t name)
{
    char own[40];
    if (name.len == 0)
        name = unique_name(c, own, sizeof own);
    queue_t *q = queue_find(c, name);
    if (q)
        return q;
    q = MEM_NEW(queue_t);
    q->name = copy(name);
    list_init(&q->consumers);
    hash_insert(&c->queues, &q->node);
    c->generation++;
    return q;
}

exchange_t *exchange_declare(ceiling_t *c, bytes_t name)
{
    exchange_t *x = exchange_find(c, name);
    if (x)
        return x;
    x = MEM_NEW(exchange_t);
    x->name = copy(name);
    hash_insert(&c->exchanges, &x->node);
    c->generation++;
    return x;
}

uint32_t queue_consumer_count(const queue_t *q)
{
    uint32_t count = 0;
    LIST_EACH (node, &q->consumers)
        count++;
    return count;
}

void queue_delete(ceiling_t *c, queue_t *q)
{
    for (hash_node_t *node = hash_next(&c->exchanges, NULL); node; node = hash_next(&c->exchanges, node))
        exchange_unbind(c, HASH_OF(node, exchange_t, node), q);
    LIST_EACH (node, &q->consumers)
        consumer_free(LIST_OF(node, consumer_t, of_queue));
    hash_remove(&c->queues, &q->node);
    free_copy(q->name);
    mem_free(q);
    c->generation++;
}

void exchange_delete(ceiling_t *c, exchange_t *x)
{
    hash_remove(&c->exchanges, &x->node);
    free_copy(x->name);
    mem_free(x->queues);
    mem_free(x);
    c->generation++;
}

void exchange_bind(ceiling_t *c, exchange_t *x, queue_t *q)
{
    exchange_unbind(c, x, q); /* a second time counts once */
    x->queues = mem_grow(x->queues, sizeof *x->queues, x->queue_count, &x->queue_places, 8);
    x->queues[x->queue_count++] = q;
    c->generation++;
}

void exchange_unbind(ceiling_t *c, exchange_t *x, const queue_t *q)
{
    size_t left = 0;
    for (size_t i = 0; i < x->queue_count; i++)
        if (x->queues[i] != q)
            x->queues[left++] = x->queues[i];
    x->queue_count = left;
    c->generation++;
}

/* ---- consumers ---- */

consumer_t *consumer_new(channel_t *ch, queue_t *q, bytes_t tag)
{
    char own[40];
    consumer_t *k = MEM_NEW(consumer_t);
    k->channel = ch;
    k->tag = copy(tag.len > 0 ? tag : unique_name(ch->conn->ceiling, own, sizeof own));
    list_append(&q->consumers, &k->of_queue);
    list_append(&ch->consumers, &k->of_channel);
    return k;
}

consumer_t *consumer_find(const channel_t *ch, bytes_t tag)
{
    LIST_EACH (node, &ch->consumers)
        if (bytes_equal(LIST_OF(node, consumer_t, of_channel)->tag, tag))
            return LIST_OF(node, consumer_t, of_channel);
    return NULL;
}

void consumer_free(consumer_t *k)
{
    list_remove(&k->of_queue);
    list_remove(&k->of_channel);
    free_copy(k->tag);
    buffer_free(&k->frame);
    mem_free(k);
}

/* ---- the way of a publish ---- */

static bool find_target(channel_t *ch, route_t *r)
{
    ceiling_t *c = ch->conn->ceiling;
    bool default_exchange = r->exchange_name.len == 0;
    r->queue = default_exchange ? queue_find(c, r->routing_key) : NULL;
    r->exchange = default_exchange ? NULL : exchange_find(c, r->exchange_name);
    if (default_exchange || r->exchange)
        return true;
    conn_refuse(ch->conn, 404, "NOT_FOUND - no exchange '%.*s'", (int)r->exchange_name.len,
                (const char *)r->exchange_name.data);
    return false;
}

/* The channel's route, looked up again if it was another one or something changed; NULL: refused. */
static const route_t *route_of(channel_t *ch, bytes_t method)
{
    ceiling_t *c = ch->conn->ceiling;
    route_t *r = &ch->route;
    if (r->generation == c->generation && bytes_equal(buffer_bytes(&r->method), method))
        return r;
    amqp_method_t m;
    buffer_clear(&r->method);
    write_bytes(&r->method, method);
    if (amqp_method_decode(amqp_method_find(AMQP_basic_publish),
                           bytes_make(r->method.data + 4, r->method.len - 4), &m) != AMQP_DECODED) {
        conn_refuse(ch->conn, 502, "SYNTAX_ERROR - basic.publish");
        return NULL;
    }
    r->exchange_name = m.basic_publish.exchange;
    r->routing_key = m.basic_publish.routing_key;
    r->number = ++c->last_route;
    r->generation = c->generation;
    return find_target(ch, r) ? r : NULL;
}

static void write_deliver(consumer_t *k, const route_t *r)
{
    if (k->route != r->number) {
        buffer_clear(&k->frame);
        amqp_write_method(&k->frame, k->channel->number, AMQP_basic_deliver,
                          &(amqp_basic_deliver_t){.consumer_tag = k->tag,
                                                  .exchange = r->exchange_name,
                                                  .routing_key = r->routing_key});
        k->route = r->number;
    }
    uint64_t tag = htobe64(++k->channel->delivery_tag);
    memcpy(k->frame.data + AMQP_FRAME_HEAD_BYTES + 4 + 1 + k->tag.len, &tag, sizeof tag);
    write_bytes(&k->channel->conn->out.own, buffer_bytes(&k->frame));
}

/* A frame on the consumer's channel; its payload and end octet are lent where that is worth it. */
static void write_frame(out_t *out, uint16_t channel, bytes_t frame, bool lend)
{
    size_t at = out->own.len, copied = lend ? AMQP_FRAME_HEAD_BYTES : frame.len;
    write_bytes(&out->own, bytes_make(frame.data, copied));
    out->own.data[at + 1] = (uint8_t)(channel >> 8);
    out->own.data[at + 2] = (uint8_t)channel;
    if (lend)
        out_lend(out, bytes_make(frame.data + copied, frame.len - copied));
}

static void write_content(const consumer_t *k, uint16_t from_channel, const publication_t *p)
{
    conn_t *n = k->channel->conn;
    bool lend = p->lasting && p->content.len >= LEND_BYTES;
    if (!lend && from_channel == k->channel->number) {
        write_bytes(&n->out.own, p->content);
        return;
    }
    n->ceiling->lent |= lend;
    for (bytes_t left = p->content; left.len > 0;) {
        size_t payload = amqp_frame_head_decode(left.data).payload_bytes,
               whole = payload + AMQP_FRAME_OVERHEAD;
        write_frame(&n->out, k->channel->number, bytes_make(left.data, whole), lend && payload >= LEND_BYTES);
        left = bytes_make(left.data + whole, left.len - whole);
    }
}

/* The consumers of a queue take turns. */
static void deliver(channel_t *from, queue_t *q, const route_t *r, const publication_t *p)
{
    list_t *first = list_first(&q->consumers);
    if (!first)
        return;
    if (first->next != first->prev) {
        list_remove(first);
        list_append(&q->consumers, first);
    }
    consumer_t *k = LIST_OF(first, consumer_t, of_queue);
    conn_t *to = k->channel->conn;
    if (to->ended)
        return;
    write_deliver(k, r);
    write_content(k, from->number, p);
    conn_changed(to);
    if (out_waiting(&to->out) > HOLD_BYTES)
        from->conn->full = to;
}

void ceiling_publish(channel_t *ch, const publication_t *p)
{
    const route_t *r = route_of(ch, p->method);
    if (!r)
        return;
    if (ch->confirms) {
        ch->published++;
        if (!list_linked(&ch->confirming))
            list_append(&ch->conn->ceiling->confirming, &ch->confirming);
    }
    if (r->queue)
        deliver(ch, r->queue, r, p);
    for (size_t i = 0; r->exchange && i < r->exchange->queue_count; i++)
        deliver(ch, r->exchange->queues[i], r, p);
}
