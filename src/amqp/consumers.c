/* SPDX-License-Identifier: Apache-2.0
 *
 * consumers.c: number → tag. The engine names consumers by a number that the session gave with the request;
 * only the session knows the tag that stands in deliver frames. An entry lives until the engine says that the
 * consumer is gone, or its channel's life ends. */
#include <assert.h>

#include "amqp/session_internal.h"
#include "base/alloc.h"

bytes_t amqp_consumer_key(const hash_node_t *node)
{
    const amqp_consumer_t *c = HASH_OF(node, const amqp_consumer_t, node);
    return bytes_make(&c->number, sizeof c->number);
}

amqp_consumer_t *amqp_consumer_find(amqp_session_t *s, uint32_t number)
{
    if (s->last_found && s->last_found->number == number)
        return s->last_found;
    hash_node_t *node = hash_find(&s->consumers, bytes_make(&number, sizeof number));
    if (node)
        s->last_found = HASH_OF(node, amqp_consumer_t, node);
    return node ? s->last_found : NULL;
}

/* Numbers are given once, until after four thousand million consumers they come round: then past those in
 * use. */
static uint32_t next_number(amqp_session_t *s)
{
    do {
        s->last_consumer++;
    } while (s->last_consumer == 0 || amqp_consumer_find(s, s->last_consumer));
    return s->last_consumer;
}

amqp_consumer_t *amqp_consumer_add(amqp_session_t *s, amqp_channel_t *ch, bytes_t tag)
{
    assert(tag.len <= UINT8_MAX);
    amqp_consumer_t *c = mem_zero(sizeof *c + tag.len);
    c->number = next_number(s);
    c->tag_len = (uint8_t)tag.len;
    if (tag.len > 0)
        memcpy(c->tag, tag.data, tag.len);
    hash_insert(&s->consumers, &c->node);
    list_append(&ch->consumers, &c->in_channel);
    return c;
}

void amqp_consumer_remove(amqp_session_t *s, amqp_consumer_t *c)
{
    if (s->last_found == c)
        s->last_found = NULL;
    hash_remove(&s->consumers, &c->node);
    list_remove(&c->in_channel);
    mem_free(c);
}

bytes_t amqp_consumer_tag(const amqp_consumer_t *c)
{
    return bytes_make(c->tag, c->tag_len);
}
