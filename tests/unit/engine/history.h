/* SPDX-License-Identifier: Apache-2.0
 *
 * history.h: a client that does everything that leaves records, as chance has it: a few names that come, go and come
 * again, and messages through all of them. */
#pragma once

#include "engine/durable.h"

#define HISTORY_QUEUES    5
#define HISTORY_EXCHANGES 4
#define HISTORY_TAGS      64

typedef struct history {
    fixture_t *f;
    chan_t ch;
    uint64_t seed;
    uint64_t tags[HISTORY_TAGS]; /* got and not settled */
    size_t tag_count;
    uint32_t last_no_ack; /* cause of the get */
    unsigned bodies;
} history_t;

static inline const char *history_queue(history_t *h)
{
    static const char *const names[HISTORY_QUEUES] = {"q0", "q1", "q2", "q3", "transient"};
    return names[chance(&h->seed, HISTORY_QUEUES)];
}

static inline const char *history_exchange(history_t *h)
{
    static const char *const names[HISTORY_EXCHANGES] = {"x0", "x1", "x2", "amq.fanout"};
    return names[chance(&h->seed, HISTORY_EXCHANGES)];
}

static inline void history_define(history_t *h)
{
    static const char *const kinds[] = {"direct", "fanout", "topic", "headers"};
    const char *q = history_queue(h), *x = history_exchange(h), *y = history_exchange(h);
    const char *key = chance(&h->seed, 2) ? "k" : "a.b";
    switch (chance(&h->seed, 13)) {
    case 0:
    case 10:
    case 11:
    case 12:
        declare(h->ch, q, q[0] == 'q' ? COMMAND_DURABLE : 0);
        break;
    case 1:
        delete_queue(h->ch, q, 0);
        break;
    case 2:
        declare_exchange(h->ch, x, kinds[chance(&h->seed, 4)],
                         COMMAND_DURABLE | (chance(&h->seed, 3) ? 0 : COMMAND_AUTO_DELETE));
        break;
    case 3:
        delete_exchange(h->ch, x, 0);
        break;
    case 4:
    case 5:
        bind_queue(h->ch, q, x, key);
        break;
    case 6:
        bind_exchange(h->ch, y, x, key);
        break;
    case 7:
        unbind_queue(h->ch, q, x, key);
        break;
    case 8:
        unbind_exchange(h->ch, y, x, key);
        break;
    default:
        purge(h->ch, q);
    }
}

/* What came back: tags to settle, and refusals, after which the channel is opened again. */
static inline void history_look(history_t *h)
{
    run(h->f);
    for (seen_t *s; (s = pending(h->ch)); s->taken = true) {
        bool must_settle = s->event.type == EVENT_GET_OK && s->event.cause != h->last_no_ack;
        if (must_settle && h->tag_count < HISTORY_TAGS) {
            h->tags[h->tag_count++] = s->event.delivery_tag;
        } else if (s->event.type == EVENT_CHANNEL_REFUSED) {
            h->tag_count = 0;
            release_channel(h->ch);
            open_channel(h->ch);
        }
    }
    run(h->f);
}

static inline void history_publish(history_t *h)
{
    char body[16];
    bytes_t properties = chance(&h->seed, 4) ? PERSISTENT : bytes_make("\0\0", 2);
    (void)numbered(body, h->bodies++);
    if (chance(&h->seed, 6) == 0) {
        part(h->ch, "a part");
        if (chance(&h->seed, 2))
            history_look(h);
        part(h->ch, "and another");
        properties = PERSISTENT;
    }
    if (chance(&h->seed, 2))
        publish_with(h->ch, "", history_queue(h), body, 0, properties);
    else
        publish_with(h->ch, history_exchange(h), "k", body, 0, properties);
}

static inline void history_settle(history_t *h)
{
    if (h->tag_count == 0)
        return;
    size_t which = chance(&h->seed, (uint32_t)h->tag_count);
    uint64_t tag = h->tags[which];
    h->tags[which] = h->tags[--h->tag_count];
    uint32_t how = chance(&h->seed, 4);
    if (how < 2)
        ack(h->ch, tag, 0);
    else
        nack(h->ch, tag, how == 2 ? COMMAND_REQUEUE : 0);
}

/* Looked at at once, so that one cause is enough to know which one wants no ack. */
static inline void history_get(history_t *h)
{
    bool no_ack = chance(&h->seed, 3) == 0;
    history_look(h);
    get(h->ch, history_queue(h), no_ack ? COMMAND_NO_ACK : 0);
    h->last_no_ack = no_ack ? h->f->causes : 0;
    history_look(h);
}

static inline void history_act(history_t *h)
{
    uint32_t what = chance(&h->seed, 20);
    if (what < 5)
        history_define(h);
    else if (what < 13)
        history_publish(h);
    else if (what < 16)
        history_get(h);
    else
        history_settle(h);
    if (chance(&h->seed, 3) == 0)
        history_look(h);
}

static inline history_t history_of(fixture_t *f, uint64_t seed)
{
    history_t h = {.f = f, .seed = seed * 0x9e3779b97f4a7c15u, .ch = new_channel(f)};
    for (int i = 0; i < 4; i++) {
        static const char *const names[] = {"q0", "q1", "q2", "q3"};
        new_durable_queue(h.ch, names[i]);
    }
    return h;
}
