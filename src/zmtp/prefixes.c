/* SPDX-License-Identifier: Apache-2.0
 *
 * prefixes.c: what a connection has subscribed to, or joined groups with: a set. libzmq says SUBSCRIBE for each call of
 * its user, and CANCEL once; a set takes both as they are meant, and it can be counted. */
#include "base/alloc.h"
#include "zmtp/session_internal.h"

/* Octets that each of the subscriptions allowed may have, on average. */
#define AVERAGE_BYTES 64

static bytes_t key_of(const hash_node_t *node)
{
    const zmtp_prefix_t *p = HASH_OF(node, const zmtp_prefix_t, node);
    return bytes_make(p->key, p->key_bytes);
}

void zmtp_prefixes_init(zmtp_session_t *s)
{
    hash_init(&s->prefixes, key_of);
}

void zmtp_prefixes_free(zmtp_session_t *s)
{
    for (hash_node_t *node; (node = hash_any(&s->prefixes));) {
        hash_remove(&s->prefixes, node);
        mem_free(HASH_OF(node, zmtp_prefix_t, node));
    }
    hash_deinit(&s->prefixes);
}

static zmtp_prefix_t *prefix_new(uint32_t group, bytes_t prefix)
{
    zmtp_prefix_t *p = mem_alloc(sizeof *p + sizeof group + prefix.len);
    p->key_bytes = (uint32_t)(sizeof group + prefix.len);
    (void)put_bytes(put_u32(p->key, group), prefix);
    return p;
}

bool zmtp_prefix_add(zmtp_session_t *s, uint32_t group, bytes_t prefix)
{
    zmtp_prefix_t *p = prefix_new(group, prefix);
    if (hash_find(&s->prefixes, bytes_make(p->key, p->key_bytes))) {
        mem_free(p);
        return false;
    }
    hash_insert(&s->prefixes, &p->node);
    s->prefix_bytes += p->key_bytes;
    return true;
}

bool zmtp_prefix_remove(zmtp_session_t *s, uint32_t group, bytes_t prefix)
{
    zmtp_prefix_t *p = prefix_new(group, prefix);
    hash_node_t *node = hash_find(&s->prefixes, bytes_make(p->key, p->key_bytes));
    mem_free(p);
    if (!node)
        return false;
    p = HASH_OF(node, zmtp_prefix_t, node);
    s->prefix_bytes -= p->key_bytes;
    hash_remove(&s->prefixes, node);
    mem_free(p);
    return true;
}

bool zmtp_prefixes_allowed(zmtp_session_t *s)
{
    uint32_t most = s->io->options.subscriptions_most;
    uint64_t most_bytes = (uint64_t)most * AVERAGE_BYTES;
    if (s->prefixes.count > most)
        zmtp_session_fail(s, "more than %u subscriptions", most);
    else if (s->prefix_bytes > most_bytes)
        zmtp_session_fail(s, "subscriptions of more than %llu octets", (unsigned long long)most_bytes);
    return s->state != ZMTP_STATE_DONE;
}
