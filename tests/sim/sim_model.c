/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/sim_model.h"

#include <string.h>

#include "base/alloc.h"

const char *const sim_type_names[SIM_TYPES] = {"direct", "fanout", "topic", "headers"};
const char *const sim_patterns[SIM_PATTERNS] = {"a", "b", "a.b", "a.*", "#", "*.b"};
const char *const sim_keys[SIM_KEYS] = {"a", "b", "a.b", "b.b"};

/* ---- routing ---- */

/* As the definition says, word by word. */
static bool topic_matches(const char *pattern, const char *key)
{
    if (pattern[0] == '\0')
        return key[0] == '\0';
    size_t p = strcspn(pattern, "."), k = strcspn(key, ".");
    const char *pattern_rest = pattern + p + (pattern[p] == '.'), *key_rest = key + k + (key[k] == '.');
    if (pattern[0] == '#')
        return topic_matches(pattern_rest, key) || (key[0] != '\0' && topic_matches(pattern, key_rest));
    bool same = (p == 1 && pattern[0] == '*') || (p == k && memcmp(pattern, key, p) == 0);
    return key[0] != '\0' && same && topic_matches(pattern_rest, key_rest);
}

static bool binding_matches(uint8_t type, const char *pattern, const char *key)
{
    if (type == SIM_DIRECT)
        return strcmp(pattern, key) == 0;
    return type != SIM_TOPIC || topic_matches(pattern, key); /* headers bindings here have no criteria */
}

uint32_t sim_topology_route(const sim_topology_t *t, uint32_t exchange, uint32_t key)
{
    uint32_t queues = 0;
    if (exchange == SIM_EXCHANGES)
        return t->queues[key].exists ? 1u << key : 0;
    for (uint32_t q = 0; q < SIM_QUEUES; q++)
        for (uint32_t p = 0; p < SIM_PATTERNS; p++)
            if (t->bound[exchange][q][p] &&
                binding_matches(t->exchanges[exchange].type, sim_patterns[p], sim_keys[key]))
                queues |= 1u << q;
    return queues;
}

/* ---- definitions ---- */

static void unbind_queue(sim_topology_t *t, uint32_t queue)
{
    for (uint32_t x = 0; x < SIM_EXCHANGES; x++)
        memset(t->bound[x][queue], 0, sizeof t->bound[x][queue]);
}

void sim_topology_apply(sim_topology_t *t, const sim_op_t *op)
{
    switch (op->type) {
    case SIM_DECLARE_QUEUE:
        if (!t->queues[op->queue].exists) {
            t->queues[op->queue].exists = true;
            t->queues[op->queue].durable = op->durable;
            t->queues[op->queue].life = op->life;
        }
        break;
    case SIM_DELETE_QUEUE:
        t->queues[op->queue].exists = false;
        unbind_queue(t, op->queue);
        break;
    case SIM_DECLARE_EXCHANGE:
        if (!t->exchanges[op->exchange].exists) {
            t->exchanges[op->exchange].exists = true;
            t->exchanges[op->exchange].durable = op->durable;
            t->exchanges[op->exchange].type = op->exchange_type;
        }
        break;
    case SIM_DELETE_EXCHANGE:
        t->exchanges[op->exchange].exists = false;
        memset(t->bound[op->exchange], 0, sizeof t->bound[op->exchange]);
        break;
    case SIM_BIND:
    case SIM_UNBIND:
        t->bound[op->exchange][op->queue][op->pattern] = op->type == SIM_BIND;
        break;
    case SIM_NOTHING:
    case SIM_PURGE_QUEUE:
        break;
    }
}

void sim_topology_restart(sim_topology_t *t)
{
    for (uint32_t q = 0; q < SIM_QUEUES; q++)
        if (!t->queues[q].durable) {
            t->queues[q].exists = false;
            unbind_queue(t, q);
        }
    for (uint32_t x = 0; x < SIM_EXCHANGES; x++)
        if (!t->exchanges[x].durable) {
            t->exchanges[x].exists = false;
            memset(t->bound[x], 0, sizeof t->bound[x]);
        }
}

/* ---- messages ---- */

void sim_model_init(sim_model_t *m)
{
    memset(m, 0, sizeof *m);
}

void sim_model_deinit(sim_model_t *m)
{
    mem_free(m->messages);
}

uint32_t sim_model_publish(sim_model_t *m, uint32_t publisher, uint32_t body_bytes, bool persistent,
                           uint32_t exchange, uint32_t key)
{
    if (m->count == m->capacity) {
        m->capacity = m->capacity ? m->capacity * 2 : 256;
        m->messages = mem_resize(m->messages, m->capacity * sizeof *m->messages);
    }
    sim_message_t *message = &m->messages[m->count];
    *message = (sim_message_t){.publisher = publisher, .body_bytes = body_bytes, .persistent = persistent};
    uint32_t queues = sim_topology_route(&m->now, exchange, key);
    for (uint32_t q = 0; q < SIM_QUEUES; q++)
        if (queues & 1u << q)
            message->copies[q].life = m->now.queues[q].life;
    return (uint32_t)m->count++;
}

void sim_model_confirm(sim_model_t *m, uint32_t message)
{
    for (uint32_t q = 0; q < SIM_QUEUES; q++)
        m->messages[message].copies[q].must = true;
}

void sim_model_begin(sim_model_t *m, const sim_op_t *op)
{
    m->before = m->now;
    m->pending = *op;
    m->is_certain = false;
    sim_topology_apply(&m->now, op);
    for (size_t i = 0; i < m->count && op->type == SIM_PURGE_QUEUE; i++)
        if (m->messages[i].copies[op->queue].in_purge)
            m->messages[i].copies[op->queue].may_be_gone = true;
}

void sim_model_answered(sim_model_t *m)
{
    m->is_certain = true;
    for (size_t i = 0; i < m->count && m->pending.type == SIM_PURGE_QUEUE; i++) {
        sim_copy_t *copy = &m->messages[i].copies[m->pending.queue];
        copy->is_gone = copy->is_gone || copy->in_purge;
        copy->in_purge = false;
    }
}

/* What is not kept over a start is gone for certain. */
static void forget_transient(sim_model_t *m)
{
    for (size_t i = 0; i < m->count; i++)
        if (!m->messages[i].persistent)
            for (uint32_t q = 0; q < SIM_QUEUES; q++)
                m->messages[i].copies[q].life = 0;
}

static void settle_for_certain(sim_model_t *m)
{
    for (size_t i = 0; i < m->count; i++)
        for (uint32_t q = 0; q < SIM_QUEUES; q++) {
            sim_copy_t *copy = &m->messages[i].copies[q];
            copy->is_gone = copy->is_gone || copy->may_be_gone;
            copy->must = true;
        }
}

void sim_model_restart(sim_model_t *m, bool cleanly)
{
    forget_transient(m);
    if (cleanly) {
        settle_for_certain(m);
        m->is_certain = true;
    }
    if (m->is_certain)
        m->before = m->now;
    if (m->pending.type == SIM_NOTHING)
        m->before = m->now;
    sim_topology_restart(&m->now);
    sim_topology_restart(&m->before);
}

/* ---- what was found ---- */

static const char *check_one(const sim_model_t *m, uint32_t queue, uint32_t message, bool redelivered,
                             bool cleanly)
{
    if (message >= m->count)
        return "was never published";
    const sim_copy_t *copy = &m->messages[message].copies[queue];
    if (copy->life == 0 || copy->life != m->now.queues[queue].life)
        return "does not belong here";
    if (copy->is_gone)
        return "is back, though that it was done with was certain";
    if (copy->was_delivered && !redelivered)
        return "was delivered before, and is not marked redelivered";
    if (cleanly && !copy->was_delivered && redelivered)
        return "is marked redelivered after a clean stop, and never was delivered";
    return NULL;
}

/* Copies that were not found are gone, those that were are there for certain. */
static const char *check_missing(sim_model_t *m, uint32_t queue, uint32_t *culprit)
{
    for (uint32_t i = 0; i < m->count; i++) {
        sim_message_t *message = &m->messages[i];
        sim_copy_t *copy = &message->copies[queue];
        if (copy->life == 0)
            continue;
        bool is_here = copy->life == m->now.queues[queue].life;
        if (is_here && !message->was_seen && copy->must && !copy->may_be_gone && !copy->is_gone) {
            *culprit = i;
            return "is lost";
        }
        if (!is_here || !message->was_seen)
            copy->life = 0;
        else
            *copy = (sim_copy_t){.life = copy->life, .must = true, .was_delivered = true};
    }
    return NULL;
}

const char *sim_model_check_queue(sim_model_t *m, uint32_t queue, const uint32_t *messages,
                                  const bool *redelivered, size_t count, bool cleanly, uint32_t *culprit)
{
    uint32_t last[64] = {0};
    for (size_t i = 0; i < m->count; i++)
        m->messages[i].was_seen = false;
    for (size_t i = 0; i < count; i++) {
        *culprit = messages[i];
        const char *wrong = check_one(m, queue, messages[i], redelivered[i], cleanly);
        if (wrong)
            return wrong;
        sim_message_t *message = &m->messages[messages[i]];
        if (message->was_seen)
            return "is there twice";
        message->was_seen = true;
        if (messages[i] + 1 <= last[message->publisher])
            return "came behind a later one of its publisher";
        last[message->publisher] = messages[i] + 1;
    }
    return check_missing(m, queue, culprit);
}
