/* SPDX-License-Identifier: Apache-2.0
 *
 * binding.c: bindings and the indices that routing looks into.
 *
 * A binding's identity is (source, destination, routing key, arguments sorted by key); in its source's table
 * it is found by the octets  kind:o name:ss key:ss arguments…  (kind 'q' or 'x'). */
#include "engine/engine_internal.h"

static void write_identity(buffer_t *b, const queue_t *queue, const exchange_t *exchange, bytes_t key,
                           bytes_t arguments)
{
    buffer_clear(b);
    write_u8(b, queue ? 'q' : 'x');
    write_short_string(b, queue ? queue->name : exchange->name);
    write_short_string(b, key);
    table_write_sorted(b, arguments);
}

static bytes_t identity_of(const hash_node_t *node)
{
    return HASH_OF(node, const binding_t, node)->identity;
}

static bytes_t key_of_group(const hash_node_t *node)
{
    return HASH_OF(node, const key_group_t, node)->key;
}

static binding_t *find_identity(exchange_t *source, bytes_t identity)
{
    hash_node_t *node = hash_find(&source->bindings, identity);
    return node ? HASH_OF(node, binding_t, node) : NULL;
}

static void index_by_key(hash_table_t *groups, binding_t *b)
{
    hash_node_t *node = hash_find(groups, b->key);
    if (node) {
        b->group = HASH_OF(node, key_group_t, node);
    } else {
        b->group = MEM_NEW(key_group_t);
        list_init(&b->group->bindings);
        b->group->key = b->key;
        hash_insert(groups, &b->group->node);
    }
    list_append(&b->group->bindings, &b->in_index);
}

static void unindex_by_key(hash_table_t *groups, binding_t *b)
{
    key_group_t *group = b->group;
    list_remove(&b->in_index);
    if (list_empty(&group->bindings)) {
        hash_remove(groups, &group->node);
        mem_free(group);
    } else if (group->key.data == b->key.data) {
        group->key =
            LIST_OF(list_first(&group->bindings), binding_t, in_index)->key; /* the octets go with b */
    }
}

static void index_binding(exchange_t *source, binding_t *b)
{
    if (b->by_prefix) {
        index_by_key(&source->prefixed, b);
        prefix_lengths_add(&source->prefixed_lengths, b->key.len);
    } else if (source->type == EXCHANGE_DIRECT) {
        index_by_key(&source->keys, b);
    } else if (source->type == EXCHANGE_TOPIC) {
        b->trie_node = trie_node_for(&source->trie, b->key);
        list_append(&b->trie_node->bindings, &b->in_index);
    } else {
        list_append(&source->walked, &b->in_index);
    }
}

static void unindex_binding(exchange_t *source, binding_t *b)
{
    if (b->by_prefix) {
        unindex_by_key(&source->prefixed, b);
        prefix_lengths_drop(&source->prefixed_lengths, b->key.len);
    } else if (source->type == EXCHANGE_DIRECT) {
        unindex_by_key(&source->keys, b);
    } else if (source->type == EXCHANGE_TOPIC) {
        list_remove(&b->in_index);
        trie_prune(&source->trie, b->trie_node);
    } else {
        list_remove(&b->in_index);
    }
}

static bool has_word(bytes_t arguments, bytes_t name, bytes_t word)
{
    field_t f;
    return table_find(arguments, name, &f) && f.tag == 'S' && bytes_equal(f.octets, word);
}

static binding_t *binding_new(exchange_t *source, queue_t *queue, exchange_t *exchange, bytes_t identity)
{
    binding_t *b = mem_zero(sizeof *b + identity.len);
    memcpy(b->octets, identity.data, identity.len);
    b->identity = bytes_make(b->octets, identity.len);
    bytes_reader_t r = bytes_reader(b->identity);
    (void)read_u8(&r);
    (void)read_short_string(&r);
    b->key = read_short_string(&r);
    b->arguments = read_bytes(&r, reader_left(&r));
    b->source = source;
    b->queue = queue;
    b->exchange = exchange;
    list_init(&b->in_source);
    list_init(&b->in_destination);
    list_init(&b->in_index);
    list_init(&b->stated.link);
    b->observes = has_word(b->arguments, BYTES("x-sync"), BYTES("never"));
    b->by_prefix = has_word(b->arguments, BYTES("x-binding-type"), BYTES("prefix"));
    return b;
}

/* A group comes, or goes, by its binding. */
static void note_view(const binding_t *b)
{
    if (b->source->sequencer && b->queue && b->queue->members > 0)
        sync_view_rises(b->source->sequencer);
}

binding_t *binding_add(exchange_t *source, queue_t *queue, exchange_t *exchange, bytes_t key,
                       bytes_t arguments)
{
    if (source->keys.key_of == NULL) {
        hash_init(&source->keys, key_of_group);
        hash_init(&source->prefixed, key_of_group);
        hash_init(&source->bindings, identity_of);
    }
    binding_t *old = binding_find(source, queue, exchange, key, arguments);
    if (old && (old->queue ? old->queue == queue : old->exchange == exchange))
        return old;

    engine_t *e = source->vhost->engine;
    write_identity(&e->scratch, queue, exchange, key, arguments);
    binding_t *b = binding_new(source, queue, exchange, buffer_bytes(&e->scratch));
    hash_insert(&source->bindings, &b->node);
    list_append(&source->out, &b->in_source);
    list_append(queue ? &queue->bindings : &exchange->in, &b->in_destination);
    index_binding(source, b);
    source->holds++;
    if (exchange)
        exchange->holds++;
    e->counts.bindings++;
    e->topology++;
    note_view(b);
    if (old) /* of a deleted thing of that name, not swept yet; only now, as an auto-delete source goes with
                it */
        binding_remove(old);
    return b;
}

static bool is_durable(const binding_t *b)
{
    return b->source->durable && (b->queue ? b->queue->id > 0 : b->exchange->durable);
}

void binding_declare(exchange_t *source, queue_t *queue, exchange_t *exchange, bytes_t key, bytes_t arguments)
{
    binding_t *b = binding_add(source, queue, exchange, key, arguments);
    engine_t *e = source->vhost->engine;
    if (!is_durable(b) || list_linked(&b->stated.link))
        return;
    record_t r;
    binding_to_record(b, &r);
    record_no number = records_define(e, &r);
    if (number > 0)
        stated_now(e, &b->stated, STATED_BINDING, number);
}

void binding_undeclare(binding_t *b)
{
    record_t r;
    binding_to_record(b, &r);
    r.type = RECORD_UNBIND;
    if (is_durable(b))
        (void)records_define(b->source->vhost->engine, &r);
    binding_remove(b);
}

binding_t *binding_find(exchange_t *source, queue_t *queue, exchange_t *exchange, bytes_t key,
                        bytes_t arguments)
{
    if (source->bindings.key_of == NULL)
        return NULL;
    engine_t *e = source->vhost->engine;
    write_identity(&e->scratch, queue, exchange, key, arguments);
    return find_identity(source, buffer_bytes(&e->scratch));
}

void binding_remove(binding_t *b)
{
    exchange_t *source = b->source;
    exchange_t *destination = b->exchange;
    hash_remove(&source->bindings, &b->node);
    list_remove(&b->in_source);
    list_remove(&b->in_destination);
    list_remove(&b->stated.link);
    unindex_binding(source, b);
    note_view(b);
    source->vhost->engine->counts.bindings--;
    source->vhost->engine->topology++;
    mem_free(b);
    if (source->auto_delete && !source->deleted && list_empty(&source->out) &&
        !source->vhost->engine->applying)
        exchange_remove(source, NULL, NULL);
    if (destination)
        exchange_release(destination);
    exchange_release(source);
}
