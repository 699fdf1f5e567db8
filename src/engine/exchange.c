/* SPDX-License-Identifier: Apache-2.0
 *
 * exchange.c: exchanges: how they come, how they go. */
#include "engine/engine_internal.h"

static const char *const type_names[] = {"direct", "fanout", "topic", "headers"};

bool exchange_type_parse(bytes_t name, exchange_type_t *out)
{
    for (size_t i = 0; i < sizeof type_names / sizeof *type_names; i++) {
        if (bytes_equal(name, bytes_string(type_names[i]))) {
            *out = (exchange_type_t)i;
            return true;
        }
    }
    return false;
}

const char *exchange_type_name(exchange_type_t type)
{
    return type_names[type];
}

exchange_t *exchange_find(vhost_t *v, bytes_t name)
{
    hash_node_t *node = hash_find(&v->exchanges, name);
    return node ? HASH_OF(node, exchange_t, node) : NULL;
}

exchange_t *exchange_new(vhost_t *v, bytes_t name, exchange_type_t type)
{
    exchange_t *x = MEM_NEW(exchange_t);
    x->vhost = v;
    x->name = bytes_dup(name);
    x->type = type;
    list_init(&x->out);
    list_init(&x->in);
    keeps_note_exchange(x);
    list_init(&x->walked);
    prefix_index_init(&x->subscriptions);
    list_init(&x->stated.link);
    job_init(&x->removal);
    x->holds = 1; /* its name */
    hash_insert(&v->exchanges, &x->node);
    v->engine->topology++;
    v->engine->counts.exchanges++;
    return x;
}

exchange_t *exchange_from_record(vhost_t *v, record_no number, const record_t *r)
{
    exchange_t *x = exchange_new(v, r->name, (exchange_type_t)r->kind);
    x->durable = number > 0;
    x->auto_delete = r->flags & RECORD_AUTO_DELETE;
    x->internal = r->flags & RECORD_INTERNAL;
    x->arguments = bytes_dup(r->arguments);
    sequencer_start(x);
    dedup_start_exchange(x);
    if (number > 0)
        stated_now(v->engine, &x->stated, STATED_EXCHANGE, number);
    return x;
}

/* Nothing points to it any more. */
static void exchange_free(exchange_t *x)
{
    assert(list_empty(&x->out) && list_empty(&x->in));
    sequencer_free(&x->sequencer);
    dedup_free(&x->dedup);
    hash_deinit(&x->keys);
    hash_deinit(&x->bindings);
    trie_deinit(&x->trie);
    hash_deinit(&x->prefixed);
    prefix_lengths_deinit(&x->prefixed_lengths);
    prefix_index_deinit(&x->subscriptions);
    mem_free((void *)x->name.data);
    mem_free((void *)x->arguments.data);
    mem_free(x);
}

void exchange_release(exchange_t *x)
{
    assert(x->holds > 0);
    if (--x->holds == 0)
        exchange_free(x);
}

/* Removes bindings in both directions, subscriptions, and what it remembers; the last slice gives up the hold that the
 * name had. */
static uint32_t removal_step(engine_t *e, job_t *job, uint32_t budget, bool *done)
{
    (void)e;
    exchange_t *x = LIST_OF(job, exchange_t, removal);
    uint32_t used = 0;
    while (used < budget && !(list_empty(&x->out) && list_empty(&x->in))) {
        list_t *out = list_first(&x->out);
        if (out)
            binding_remove(LIST_OF(out, binding_t, in_source));
        else
            binding_remove(LIST_OF(list_first(&x->in), binding_t, in_destination));
        used++;
    }
    while (used < budget && subscriptions_drop(x))
        used++;
    while (used < budget && dedup_drop_one(x->dedup))
        used++;
    *done = used < budget;
    if (*done)
        exchange_release(x);
    return used;
}

void exchange_remove(exchange_t *x, channel_t *waiter, const event_t *reply)
{
    assert(!x->deleted);
    x->deleted = true;
    hash_remove(&x->vhost->exchanges, &x->node);
    x->vhost->engine->topology++;
    x->vhost->engine->counts.exchanges--;
    list_remove(&x->stated.link);
    sequencer_leave(x);
    keeps_forget(x);
    if (x->durable)
        (void)records_define(x->vhost->engine, &(record_t){.type = RECORD_EXCHANGE_GONE, .name = x->name});
    x->removal.defines = x->durable;
    job_start(x->vhost->engine, &x->removal, removal_step, waiter, reply);
}
