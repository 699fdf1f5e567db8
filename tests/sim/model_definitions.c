/* SPDX-License-Identifier: Apache-2.0
 *
 * model_definitions.c: queues, exchanges and bindings: no, maybe, or yes; and where a message goes.
 *
 * What is fickle (it expires, or goes with its last consumer) is never more than maybe. A binding is there if it is
 * itself and both of its ends are: so an end that may be gone takes nothing away until it is known to be. */
#include "base/alloc.h"
#include "sim/model.h"
#include "sim/report.h"

static bool is_fickle(unsigned object)
{
    return object_specs[object].fickle;
}

static void show_object(model_t *m, unsigned object)
{
    object_mask_t bit = (object_mask_t)(1u << object);
    uint8_t now = m->objects[object].now;
    m->sure_objects = (object_mask_t)(now == YES ? m->sure_objects | bit : m->sure_objects & ~bit);
    m->possible_objects = (object_mask_t)(now == NO ? m->possible_objects & ~bit : m->possible_objects | bit);
}

static void show_binding(model_t *m, unsigned x, unsigned to, unsigned key)
{
    object_mask_t bit = (object_mask_t)(1u << to);
    uint8_t now = m->bindings[x][to][key].now;
    object_mask_t *sure = &m->sure[x][key], *possible = &m->possible[x][key];
    *sure = (object_mask_t)(now == YES ? *sure | bit : *sure & ~bit);
    *possible = (object_mask_t)(now == NO ? *possible & ~bit : *possible | bit);
}

model_t *model_new(void)
{
    model_t *m = MEM_NEW(model_t);
    for (unsigned x = 0; x < EXCHANGES; x++) {
        unsigned object = exchange_object(x);
        if (object_specs[object].predeclared)
            m->objects[object].now = m->objects[object].before = YES;
        show_object(m, object);
    }
    for (unsigned q = 0; q < QUEUES; q++)
        m->purge_issued[q] = m->purged[q] = NEVER;
    m->first_alive = 1;
    return m;
}

void model_free(model_t **m)
{
    mem_free((*m)->messages);
    mem_free((*m)->pending);
    mem_free((*m)->transactions);
    mem_free(*m);
    *m = NULL;
}

/* ---- changes: of one kind at a time ---- */

bool model_may_create(const definition_t *d)
{
    return d->removing == 0;
}

bool model_may_remove(const definition_t *d)
{
    return d->creating == 0;
}

static void asked(definition_t *d, bool create, uint64_t last)
{
    bool is_change = d->now != (create ? YES : NO);
    if (d->creating + d->removing == 0 && is_change) {
        bool settled = d->done == PROMISED;
        d->before = settled ? d->now : MAYBE;
        d->before_done = d->done;
        d->issued = last;
        d->done = NEVER;
        d->now = MAYBE;
    }
    if (create)
        d->creating++;
    else
        d->removing++, d->removals++;
}

static void answered(definition_t *d, bool create, uint64_t done)
{
    if (create)
        d->creating--;
    else
        d->removing--;
    d->now = create ? YES : NO;
    if (done < d->done || d->done == NEVER)
        d->done = done;
}

static void dropped(definition_t *d, bool create, bool maybe)
{
    if (create)
        d->creating--;
    else
        d->removing--;
    if (maybe && d->done == NEVER)
        d->before = MAYBE;
    if (d->creating + d->removing > 0 || d->done != NEVER)
        return;
    if (!maybe && d->before != MAYBE) {
        d->now = d->before;
        d->done = d->before_done;
    }
}

static bool is_of(unsigned x, unsigned to, unsigned object)
{
    return to == object || exchange_object(x) == object;
}

static void doubt_binding(definition_t *b)
{
    bool is_asked = b->creating + b->removing > 0;
    b->doubtful |= is_asked;
    if (b->now == NO && !is_asked)
        return;
    b->now = b->before = MAYBE;
    b->done = is_asked ? NEVER : b->done;
}

/* One that is just being asked for may lead to the next object of that name. */
static void forget_binding(definition_t *b)
{
    if (b->creating + b->removing > 0) {
        doubt_binding(b);
        return;
    }
    b->now = b->before = NO;
    b->done = PROMISED;
}

/* Another one of that name, perhaps: what led to the old one may be gone. Or it is gone for certain. */
static void bindings_end(model_t *m, unsigned object, void (*end)(definition_t *b))
{
    for (unsigned x = 0; x < EXCHANGES; x++)
        for (unsigned to = 0; to < OBJECTS; to++)
            for (unsigned k = 0; is_of(x, to, object) && k < BINDING_KEYS; k++) {
                end(&m->bindings[x][to][k]);
                show_binding(m, x, to, k);
            }
}

/* ---- objects ---- */

void model_object_asked(model_t *m, unsigned object, bool create, uint64_t last)
{
    definition_t *d = &m->objects[object];
    if (create && d->now == MAYBE && d->creating == 0) {
        bindings_end(m, object, doubt_binding);
        if (object_is_queue(object))
            model_queue_doubtful(m, object);
    }
    asked(d, create, last);
    show_object(m, object);
    model_routes_changed(m);
}

void model_object_answered(model_t *m, unsigned object, bool create, uint64_t done)
{
    definition_t *d = &m->objects[object];
    answered(d, create, done);
    if (create && is_fickle(object))
        d->now = MAYBE;
    show_object(m, object);
    if (!create) {
        bindings_end(m, object, forget_binding);
        if (object_is_queue(object))
            model_queue_emptied(m, object);
    }
    model_routes_changed(m);
}

void model_object_dropped(model_t *m, unsigned object, bool create, bool maybe)
{
    dropped(&m->objects[object], create, maybe);
    show_object(m, object);
    model_routes_changed(m);
}

void model_object_seen(model_t *m, unsigned object, bool is_there)
{
    definition_t *d = &m->objects[object];
    d->now = is_there ? (is_fickle(object) ? MAYBE : YES) : NO;
    d->before = d->now;
    d->done = PROMISED;
    show_object(m, object);
    if (!is_there) {
        bindings_end(m, object, forget_binding);
        if (object_is_queue(object))
            model_queue_emptied(m, object);
    }
    model_routes_changed(m);
}

/* ---- bindings ---- */

void model_binding_asked(model_t *m, unsigned x, unsigned to, unsigned key, bool create, uint64_t last)
{
    asked(&m->bindings[x][to][key], create, last);
    show_binding(m, x, to, key);
    model_routes_changed(m);
}

void model_binding_answered(model_t *m, unsigned x, unsigned to, unsigned key, bool create, uint64_t done)
{
    definition_t *d = &m->bindings[x][to][key];
    answered(d, create, done);
    bool lasts = m->objects[to].now == YES && m->objects[exchange_object(x)].now == YES;
    if (create && (!lasts || d->doubtful)) /* an end is going, or may: the binding with it */
        d->now = d->before = MAYBE;
    d->doubtful &= d->creating + d->removing > 0;
    show_binding(m, x, to, key);
    model_routes_changed(m);
}

void model_binding_dropped(model_t *m, unsigned x, unsigned to, unsigned key, bool create, bool maybe)
{
    definition_t *d = &m->bindings[x][to][key];
    dropped(d, create, maybe);
    d->doubtful &= d->creating + d->removing > 0;
    show_binding(m, x, to, key);
    model_routes_changed(m);
}

/* ---- after a crash ---- */

static void reopened(definition_t *d, uint64_t last, bool is_durable)
{
    if (!is_durable)
        d->now = NO;
    else if (d->done > last)
        d->now = last <= d->issued ? d->before : MAYBE;
    d->before = d->now;
    d->creating = d->removing = 0;
    d->doubtful = false;
    d->done = d->issued = PROMISED;
}

void model_definitions_reopened(model_t *m, uint64_t last)
{
    for (unsigned o = 0; o < OBJECTS; o++) {
        if (object_specs[o].predeclared)
            continue;
        reopened(&m->objects[o], last, object_specs[o].durable);
        show_object(m, o);
        if (m->objects[o].now == NO)
            bindings_end(m, o, forget_binding);
        if (m->objects[o].now == NO && object_is_queue(o))
            model_queue_emptied(m, o);
    }
    for (unsigned x = 0; x < EXCHANGES; x++)
        for (unsigned to = 0; to < OBJECTS; to++)
            for (unsigned k = 0; k < BINDING_KEYS; k++) {
                bool is_durable = object_specs[to].durable && object_specs[exchange_object(x)].durable &&
                                  m->objects[to].now != NO && m->objects[exchange_object(x)].now != NO;
                reopened(&m->bindings[x][to][k], last, is_durable);
                show_binding(m, x, to, k);
            }
}

/* ---- routing ---- */

static bool takes(const content_spec_t *s, unsigned exchange, unsigned key)
{
    return binding_matches(exchange, key, s->key, s->headers) ||
           (s->copy && binding_matches(exchange, key, s->copy - 1u, s->headers));
}

static object_mask_t queue_of_key(unsigned key)
{
    return (object_mask_t)(key < MESSAGE_KEYS ? 0u : 1u << (key - MESSAGE_KEYS));
}

object_mask_t model_route(const model_t *m, const content_spec_t *s, bool perhaps)
{
    object_mask_t there = perhaps ? m->possible_objects : m->sure_objects;
    if (s->exchange == DEFAULT_EXCHANGE)
        return there & (object_mask_t)(queue_of_key(s->key) | (s->copy ? queue_of_key(s->copy - 1u) : 0));
    object_mask_t reached = (object_mask_t)(1u << exchange_object(s->exchange)) & there, visited = 0;
    while (reached >> QUEUES != visited >> QUEUES) {
        for (unsigned x = 0; x < EXCHANGES; x++) {
            object_mask_t bit = (object_mask_t)(1u << exchange_object(x));
            if (!(reached & bit) || visited & bit)
                continue;
            visited |= bit;
            for (unsigned k = 0; k < BINDING_KEYS; k++)
                if (takes(s, x, k))
                    reached |= (object_mask_t)((perhaps ? m->possible[x][k] : m->sure[x][k]) & there);
        }
    }
    return reached & ((1u << QUEUES) - 1);
}
