/* SPDX-License-Identifier: Apache-2.0
 *
 * client_acts.c: what a client does next, by dice. Each life has a mood, which makes some things frequent: histories that
 * do a little of everything all the time never build anything up. */
#include "sim/world.h"

mood_t mood_of(world_t *w)
{
    static const uint32_t weights[] = {0, 1, 4, 16, 40};
    mood_t m = {
        .client = 40 + dice(w, 80),
        .step = 4 + dice(w, 40),
        .log = 1 + dice(w, dice(w, 3) ? 30 : 3),
        .idle = dice(w, 3),
        .helper = 1 + dice(w, dice(w, 3) ? 20 : 2),
        .events = 4 + dice(w, 30),
        .loans = 2 + dice(w, 10),
        .time = dice(w, 3),
        .network = 10 + dice(w, 60),
        .publish = 8 + weights[dice(w, 5)],
        .take = 4 + weights[dice(w, 5)],
        .settle = weights[dice(w, 5)],
        .define = 1 + weights[dice(w, 4)],
        .manage = 1 + dice(w, 3),
        .persistent_of_8 = dice(w, 4) ? 7 : dice(w, 9),
    };
    return m;
}

/* ---- choosing ---- */

static unsigned some_object(world_t *w, unsigned from, unsigned to, object_mask_t among)
{
    for (int tries = 0; tries < 8; tries++) {
        unsigned object = from + dice(w, to - from);
        if (among >> object & 1)
            return object;
    }
    return from + dice(w, to - from);
}

/* Mostly one that is there, and mostly one that lasts. */
static unsigned some_queue(world_t *w)
{
    object_mask_t there = w->model->possible_objects;
    if (dice(w, 64) == 0)
        there = (object_mask_t)~0u;
    return some_object(w, 0, dice(w, 3) ? 3 : QUEUES, there);
}

static unsigned some_exchange(world_t *w)
{
    return some_object(w, exchange_object(1), OBJECTS, w->model->possible_objects) - QUEUES;
}

/* ---- definitions ---- */

static void act_object(client_t *c, unsigned n)
{
    world_t *w = c->world;
    unsigned object = dice(w, 2) ? dice(w, QUEUES) : exchange_object(1 + dice(w, EXCHANGES - 1));
    if (object_specs[object].predeclared)
        return;
    bool create = w->model->objects[object].now != YES || dice(w, 3) > 0;
    const definition_t *d = &w->model->objects[object];
    if (create ? model_may_create(d) : model_may_remove(d))
        ask_object(c, n, object, create, create && dice(w, 6) == 0);
}

static void act_binding(client_t *c, unsigned n)
{
    world_t *w = c->world;
    unsigned x = some_exchange(w), key = dice(w, BINDING_KEYS);
    unsigned to = dice(w, 4) ? some_queue(w) : exchange_object(some_exchange(w));
    bool create = dice(w, 4) > 0;
    const definition_t *d = &w->model->bindings[x][to][key];
    bool ends = w->model->possible_objects >> to & w->model->possible_objects >> exchange_object(x) & 1;
    if ((!ends && dice(w, 30) > 0) || !(create ? model_may_create(d) : model_may_remove(d)))
        return;
    ask_binding(c, n, x, to, key, create, dice(w, 5) == 0);
}

static void act_look(client_t *c, unsigned n)
{
    world_t *w = c->world;
    unsigned object = dice(w, 2) ? some_queue(w) : exchange_object(some_exchange(w));
    ask_look(c, n, object);
}

static void act_define(client_t *c, unsigned n)
{
    uint32_t what = dice(c->world, 16);
    if (what < 6)
        act_object(c, n);
    else if (what < 13)
        act_binding(c, n);
    else if (what < 15)
        act_look(c, n);
    else
        ask_purge(c, n, some_queue(c->world));
}

/* ---- messages ---- */

static uint32_t some_body_bytes(world_t *w)
{
    uint32_t what = dice(w, 16);
    return what < 10 ? dice(w, 60) : what < 14 ? dice(w, 700) : dice(w, 3000);
}

static void act_publish(client_t *c, unsigned n)
{
    world_t *w = c->world;
    content_spec_t s = {.persistent = dice(w, 8) < w->mood.persistent_of_8, .body_bytes = some_body_bytes(w)};
    uint32_t parts = 0;
    if (dice(w, 5) < 3) {
        s.key = (uint8_t)(MESSAGE_KEYS + some_queue(w));
    } else {
        s.exchange = (uint8_t)some_exchange(w);
        if (object_specs[exchange_object(s.exchange)].internal)
            return;
        s.key = (uint8_t)dice(w, MESSAGE_KEYS);
        s.headers = (uint8_t)dice(w, HEADER_KINDS);
    }
    if (dice(w, 12) == 0) {
        s.copy = (uint8_t)(1 + dice(w, MESSAGE_KEYS + QUEUES));
        s.is_hidden = dice(w, 2);
    }
    if (s.persistent && dice(w, 24) == 0) {
        s.body_bytes = 500 + dice(w, 8000);
        parts = 1 + dice(w, 4);
    }
    ask_publish(c, n, &s, dice(w, 3) == 0, parts);
}

static void act_take(client_t *c, unsigned n)
{
    world_t *w = c->world;
    uint32_t what = dice(w, 12), live = 0;
    for (uint32_t i = 1; i <= c->consumer_count; i++)
        if (c->consumers[i].channel == n && !c->consumers[i].cancelling)
            live = i;
    if (what < 8 && (what < 6 || live == 0))
        ask_get(c, n, some_queue(w), dice(w, 3) == 0);
    else if (live == 0 || what == 8)
        ask_consume(c, n, some_queue(w), dice(w, 4) == 0);
    else if (what == 9)
        ask_cancel(c, n, live, dice(w, 4) == 0);
    else if (what == 10)
        ask_qos(c, n, dice(w, 6), false);
}

static void act_settle(client_t *c, unsigned n)
{
    world_t *w = c->world;
    channel_t *ch = &c->channels[n];
    bool nack = dice(w, 3) == 0, requeue = dice(w, 2) == 0, multiple = dice(w, 4) == 0;
    uint32_t what = dice(w, 40);
    if (ch->sweeps > 0)
        return; /* what is outstanding is not known */
    if (what <= 1 && ch->is_tx) {
        ask_rollback(c, n);
    } else if (what == 0) {
        ask_recover(c, n, dice(w, 4) == 0);
    } else if (what == 1) {
        ask_settle(c, n, 0, true, nack, requeue);
    } else if (ch->held_count > 0) {
        size_t last = ch->held_count - 1;
        const held_t *h = &ch->held[dice(w, 3) ? dice(w, (uint32_t)(last < 4 ? last + 1 : 4)) : last];
        if (!h->late)
            ask_settle(c, n, h->tag, multiple, nack, requeue);
    }
}

static void act_manage(client_t *c, unsigned n)
{
    world_t *w = c->world;
    uint32_t what = dice(w, 24);
    if (what < 6 && !c->channels[n].confirms && !c->channels[n].is_tx)
        ask_confirms(c, n);
    else if (what < 14)
        ask_echo(c, n);
    else if (what == 14)
        ask_parts_only(c, n);
    else if (what < 18)
        ask_close(c, n);
    else if (what == 18)
        client_leave(c, dice(w, 2));
}

static void open_channel_act(client_t *c, unsigned n)
{
    world_t *w = c->world;
    const mood_t *m = &w->mood;
    if (c->channels[n].is_tx && dice(w, 8) == 0) {
        ask_commit(c, n);
        return;
    }
    uint32_t what = dice(w, m->publish + m->take + m->settle + m->define + m->manage);
    if (what < m->publish)
        act_publish(c, n);
    else if (what < m->publish + m->take)
        act_take(c, n);
    else if (what < m->publish + m->take + m->settle)
        act_settle(c, n);
    else if (what < m->publish + m->take + m->settle + m->define)
        act_define(c, n);
    else
        act_manage(c, n);
}

static bool is_congested(const client_t *c)
{
    enum { UNSENT_MOST = 50000 };
    return c->wire.is_used && c->wire.link && link_unsent(c->wire.link) + c->wire.unsent.len > UNSENT_MOST;
}

void client_act(world_t *w)
{
    enum { OPS_MOST = 100 };
    client_t *c = &w->clients[dice(w, CHECKER)];
    unsigned n = 1 + dice(w, CHANNELS);
    channel_t *ch = &c->channels[n];
    if (c->stage == STAGE_NONE) {
        client_enter(w, (unsigned)(c - w->clients));
    } else if (c->wire.is_used && dice(w, 100) == 0) {
        c->wire.is_slow = !c->wire.is_slow;
    } else if (c->stage == STAGE_ENDING) {
        if (dice(w, 50) == 0)
            client_leave(c, true); /* the socket dies while the goodbye waits */
    } else if (ch->stage == STAGE_NONE) {
        channel_open(c, n);
        if (publisher_again(c, n))
            return;
        if (dice(w, 2))
            ask_confirms(c, n);
        else if (dice(w, 4))
            ask_tx(c, n);
    } else if (ch->stage == STAGE_REFUSED) {
        channel_release(c, n);
    } else if (ch->stage == STAGE_OPEN && !c->paused && !is_congested(c) &&
               ch->ops.end - ch->ops.begin < OPS_MOST) {
        open_channel_act(c, n);
    }
}
