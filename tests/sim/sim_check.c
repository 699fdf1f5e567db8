/* SPDX-License-Identifier: Apache-2.0
 *
 * sim_check.c: what is there after an opening, as a client finds it: one more client looks for every name, takes every
 * message, and sends probes through every exchange. A change of definitions that was under way when the broker ended
 * may have happened or not, unless somebody had been told; which of the two, the names and probes say. */
#include <string.h>

#include "sim/sim_world.h"

/* ---- names ---- */

static bool ask(sim_world_t *w, sim_channel_t *ch, uint8_t type, request_t view)
{
    ch->waiting++;
    sim_push_request(ch, type, COMMAND_PASSIVE, 0, view);
    if (!sim_world_quiet(w))
        return false;
    bool is_there = !ch->is_gone;
    if (!is_there) {
        ch->waiting = 0;
        ch->is_gone = false;
        sim_push(ch, (command_t){.type = COMMAND_CHANNEL_RELEASE});
        sim_push(ch, (command_t){.type = COMMAND_CHANNEL_OPEN});
    }
    return is_there;
}

/* What is there of names and kinds, into `t`. */
static void look_for_names(sim_world_t *w, sim_channel_t *ch, sim_topology_t *t)
{
    memset(t, 0, sizeof *t);
    for (uint32_t q = 0; q < SIM_QUEUES && !w->is_dead; q++)
        t->queues[q].exists = ask(w, ch, COMMAND_QUEUE_DECLARE, (request_t){.name = sim_queue_name(q)});
    for (uint32_t x = 0; x < SIM_EXCHANGES && !w->is_dead; x++)
        t->exchanges[x].exists =
            ask(w, ch, COMMAND_EXCHANGE_DECLARE, (request_t){.name = sim_exchange_name(x)});
}

static bool same_names(const sim_topology_t *a, const sim_topology_t *b)
{
    for (uint32_t q = 0; q < SIM_QUEUES; q++)
        if (a->queues[q].exists != b->queues[q].exists)
            return false;
    for (uint32_t x = 0; x < SIM_EXCHANGES; x++)
        if (a->exchanges[x].exists != b->exchanges[x].exists)
            return false;
    return true;
}

static void tell_difference(sim_world_t *w, const sim_topology_t *found)
{
    const sim_topology_t *now = &w->model.now;
    for (uint32_t q = 0; q < SIM_QUEUES; q++)
        if (found->queues[q].exists != now->queues[q].exists)
            sim_fail(w, "queue q%u is %s", q, found->queues[q].exists ? "there, but should not be" : "lost");
    for (uint32_t x = 0; x < SIM_EXCHANGES; x++)
        if (found->exchanges[x].exists != now->exchanges[x].exists)
            sim_fail(w, "exchange x%u is %s", x,
                     found->exchanges[x].exists ? "there, but should not be" : "lost");
}

/* ---- messages ---- */

static void consume_all(sim_world_t *w, sim_client_t *c, const sim_topology_t *found)
{
    c->consumers = mem_alloc(SIM_QUEUES * sizeof *c->consumers);
    c->consumer_capacity = SIM_QUEUES;
    for (uint32_t q = 0; q < SIM_QUEUES; q++) {
        uint8_t tag = (uint8_t)('a' + q);
        if (!found->queues[q].exists)
            continue;
        uint32_t number = (uint32_t)c->consumer_count + 1;
        c->consumers[c->consumer_count++] = (sim_consumer_t){number, q, false, false};
        sim_push_request(&c->channels[1], COMMAND_CONSUME, 0, number,
                         (request_t){.name = sim_queue_name(q), .tag = bytes_make(&tag, 1)});
    }
    (void)w;
}

static void check_queue(sim_world_t *w, uint32_t queue, bool cleanly)
{
    uint32_t *messages = mem_alloc(w->found_count * sizeof *messages);
    bool *redelivered = mem_alloc(w->found_count * sizeof *redelivered);
    uint32_t culprit = 0;
    size_t count = 0;
    for (size_t i = 0; i < w->found_count; i++)
        if (w->found_queue[i] == queue) {
            messages[count] = w->found[i];
            redelivered[count++] = w->found_redelivered[i];
        }
    const char *wrong =
        sim_model_check_queue(&w->model, queue, messages, redelivered, count, cleanly, &culprit);
    mem_free(messages);
    mem_free(redelivered);
    if (wrong)
        sim_fail(w, "message %u in q%u %s", culprit, queue, wrong);
}

/* ---- bindings ---- */

/* What each key of each exchange reaches now, by what arrives. */
static void probe(sim_world_t *w, sim_channel_t *ch, const sim_topology_t *found, uint32_t routes[][SIM_KEYS])
{
    for (uint32_t x = 0; x < SIM_EXCHANGES; x++)
        for (uint32_t k = 0; k < SIM_KEYS; k++) {
            routes[x][k] = 0;
            if (!found->exchanges[x].exists || w->is_dead)
                continue;
            size_t seen = w->found_count;
            uint32_t number = (uint32_t)w->model.count;
            (void)sim_model_publish(&w->model, 63, 4, false, x, k);
            buffer_t properties = {0};
            uint8_t id[4] = {(uint8_t)number, (uint8_t)(number >> 8), (uint8_t)(number >> 16),
                             (uint8_t)(number >> 24)};
            write_u16(&properties, PROPERTY_FLAG(PROPERTY_MESSAGE_ID));
            write_short_string(&properties, bytes_make(id, sizeof id));
            message_t *m = message_new(sim_exchange_name(x),
                                       (bytes_t){(const uint8_t *)sim_keys[k], strlen(sim_keys[k])},
                                       buffer_bytes(&properties), 4);
            m = message_append(m, bytes_make(id, sizeof id), 4);
            buffer_free(&properties);
            sim_push(ch, (command_t){.type = COMMAND_PUBLISH, .message = m});
            (void)sim_world_quiet(w);
            for (size_t i = seen; i < w->found_count; i++)
                routes[x][k] |= 1u << w->found_queue[i];
            w->model.count--;
        }
}

static bool same_routes(const sim_topology_t *t, uint32_t routes[][SIM_KEYS], uint32_t *x, uint32_t *k)
{
    for (*x = 0; *x < SIM_EXCHANGES; ++*x)
        for (*k = 0; *k < SIM_KEYS; ++*k)
            if (t->exchanges[*x].exists && sim_topology_route(t, *x, *k) != routes[*x][*k])
                return false;
    return true;
}

/* ---- all ---- */

/* A binding may stand behind another that leads to the same queue: then probes do not tell, and it is made so. */
static void make_certain(sim_world_t *w, sim_channel_t *ch, const sim_topology_t *found)
{
    sim_op_t op = w->model.pending;
    if ((op.type != SIM_BIND && op.type != SIM_UNBIND) || !found->queues[op.queue].exists ||
        !found->exchanges[op.exchange].exists)
        return;
    sim_push_op(ch, &op);
    (void)sim_world_quiet(w);
    sim_topology_apply(&w->model.now, &op);
}

static void resolve(sim_world_t *w, sim_channel_t *ch, const sim_topology_t *found, uint32_t routes[][SIM_KEYS])
{
    sim_model_t *m = &w->model;
    uint32_t x, k;
    if (!same_names(&m->now, found) || !same_routes(&m->now, routes, &x, &k)) {
        if (!same_names(&m->before, found) || !same_routes(&m->before, routes, &x, &k)) {
            tell_difference(w, found);
            (void)same_routes(&m->now, routes, &x, &k);
            sim_fail(w, "x%u with key %s leads to %02x, not to %02x", x, sim_keys[k], routes[x][k],
                     sim_topology_route(&m->now, x, k));
        }
        m->now = m->before;
    }
    make_certain(w, ch, found);
    m->before = m->now;
    m->pending.type = SIM_NOTHING;
}

/* The checker goes, and what it took is back in its queues. */
static void leave(sim_world_t *w, sim_client_t *c)
{
    sim_push(&c->channels[0], (command_t){.type = COMMAND_CONNECTION_CLOSE});
    if (!sim_world_quiet(w))
        return;
    if (!c->is_closed)
        sim_fail(w, "a goodbye was never answered");
    sim_client_deinit(c);
}

bool sim_check(sim_world_t *w, bool cleanly)
{
    sim_topology_t found;
    uint32_t routes[SIM_EXCHANGES][SIM_KEYS];
    sim_client_t *c = sim_client_new(w, SIM_CHECKER);
    look_for_names(w, &c->channels[SIM_CHANNELS], &found);
    w->found_count = 0;
    consume_all(w, c, &found);
    if (!sim_world_quiet(w))
        return false;
    size_t count = w->found_count, first_probe = c->channels[1].out_count;
    probe(w, &c->channels[2], &found, routes);
    for (size_t i = first_probe; i < c->channels[1].out_count; i++) /* the probes are of no more use */
        sim_push(&c->channels[1], (command_t){.type = COMMAND_ACK, .number = c->channels[1].out[i].tag});
    (void)sim_world_quiet(w);
    w->found_count = count;
    if (w->is_dead)
        return false;
    resolve(w, &c->channels[SIM_CHANNELS], &found, routes);
    for (uint32_t q = 0; q < SIM_QUEUES; q++)
        if (found.queues[q].exists)
            check_queue(w, q, cleanly);
    leave(w, c);
    return true;
}
