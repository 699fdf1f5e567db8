/* SPDX-License-Identifier: Apache-2.0
 *
 * ask.c: questions to the engine. One of each type is on its way at a time, and all who wait share its answer: however
 * many clients ask, the engine does the work once. */
#include "admin/admin_internal.h"

/* An engine that has not answered by then is in trouble; who asked should know. */
#define ANSWER_MOST_MS 5000

/* ---- the answer ---- */

static void fill_view(const admin_t *a, const query_t *query, view_t *v)
{
    const admin_sources_t *s = &a->options.sources;
    *v = (view_t){.query = query, .about = &a->options, .uptime_ms = admin_now_ms(a) - a->started_ms};
    s->machine(s->context, &v->machine);
    v->longest_step_us = s->longest_step_us(s->context);
    v->has_store = s->store != NULL;
    if (v->has_store)
        s->store(s->context, &v->store);
}

static void answer_all(ask_t *q, const query_t *query)
{
    view_t v;
    fill_view(q->admin, query, &v);
    for (list_t *node; (node = list_first(&q->asked)) != NULL;) {
        exchange_t *x = LIST_OF(node, exchange_t, link);
        reply_t r = {0};
        list_remove(node);
        v.target = &x->target;
        x->answer(&v, &r);
        http_reply(x, &r);
    }
}

static void answered(port_client_t *client, event_t *e)
{
    ask_t *q = (ask_t *)(void *)client;
    q->in_flight = false;
    if (!list_empty(&q->asked)) /* they may have gone, or had enough */
        answer_all(q, e->query);
    event_discard(e);
}

/* ---- the question ---- */

void ask_init(ask_t *q, admin_t *a, query_type_t type)
{
    *q = (ask_t){.client.on_event = answered, .admin = a, .type = type};
    list_init(&q->asked);
    list_init(&q->waiting);
    port_register(&a->port, &q->client);
}

void ask_add(ask_t *q, exchange_t *x)
{
    x->since_ms = admin_now_ms(q->admin);
    list_append(&q->waiting, &x->link);
}

static void give_up(list_t *list, uint64_t now_ms)
{
    for (list_t *node; (node = list_first(list)) != NULL;) {
        exchange_t *x = LIST_OF(node, exchange_t, link);
        reply_t r = {0};
        if (now_ms - x->since_ms < ANSWER_MOST_MS)
            return; /* those behind it came later */
        list_remove(node);
        reply_error(&r, 503, "service_unavailable", "the broker has not answered for 5 seconds");
        http_reply(x, &r);
    }
}

void ask_turn(ask_t *q)
{
    uint64_t now_ms = admin_now_ms(q->admin);
    give_up(&q->asked, now_ms);
    give_up(&q->waiting, now_ms);
    if (q->in_flight || list_empty(&q->waiting))
        return;
    q->in_flight = true;
    list_splice(&q->asked, &q->waiting);
    port_push(&q->admin->port, &q->client, &(command_t){.type = COMMAND_QUERY, .query = query_new(q->type)});
}
