/* SPDX-License-Identifier: Apache-2.0
 *
 * vhost.c: a virtual host: a name space of exchanges and queues, born with RabbitMQ's predeclared exchanges.
 */
#include "engine/engine_internal.h"

bytes_t bytes_dup(bytes_t b)
{
    uint8_t *copy = mem_alloc(b.len);
    if (b.len > 0)
        memcpy(copy, b.data, b.len);
    return bytes_make(copy, b.len);
}

static bytes_t name_of_exchange(const hash_node_t *node)
{
    return HASH_OF(node, const exchange_t, node)->name;
}

static bytes_t name_of_queue(const hash_node_t *node)
{
    return HASH_OF(node, const queue_t, node)->name;
}

static void predeclare(vhost_t *v)
{
    static const struct {
        const char *name;
        exchange_type_t type;
        bool internal;
    } predeclared[] = {
        {"", EXCHANGE_DIRECT, false},
        {"amq.direct", EXCHANGE_DIRECT, false},
        {"amq.fanout", EXCHANGE_FANOUT, false},
        {"amq.topic", EXCHANGE_TOPIC, false},
        {"amq.headers", EXCHANGE_HEADERS, false},
        {"amq.match", EXCHANGE_HEADERS, false},
        {"amq.rabbitmq.trace", EXCHANGE_TOPIC, true},
        {"amq.events", EXCHANGE_TOPIC, false},
    };
    for (size_t i = 0; i < sizeof predeclared / sizeof *predeclared; i++) {
        exchange_t *x = exchange_new(v, bytes_string(predeclared[i].name), predeclared[i].type);
        x->durable = true;
        x->internal = predeclared[i].internal;
        sequencer_start(x);
    }
    v->default_exchange = exchange_find(v, BYTES(""));
}

vhost_t *vhost_new(engine_t *e, bytes_t name)
{
    vhost_t *v = MEM_NEW(vhost_t);
    v->engine = e;
    v->name = bytes_dup(name);
    hash_init(&v->exchanges, name_of_exchange);
    hash_init(&v->queues, name_of_queue);
    list_init(&v->in_order);
    v->publishers = dedup_of_publishers(e);
    predeclare(v);
    return v;
}

void vhost_free(vhost_t **vp)
{
    vhost_t *v = *vp;
    assert(v->exchanges.count == 0 && v->queues.count == 0 && list_empty(&v->in_order));
    dedup_free(&v->publishers);
    hash_deinit(&v->exchanges);
    hash_deinit(&v->queues);
    mem_free((void *)v->name.data);
    mem_free(v);
    *vp = NULL;
}
