/* SPDX-License-Identifier: Apache-2.0
 *
 * idle.c: connections that do nothing, and connections that are opened and closed without end. */
#include "base/alloc.h"
#include "perf/perf_internal.h"

static void refuse_method(link_t *l, uint16_t channel, amqp_method_id id, const amqp_method_t *m)
{
    (void)channel, (void)m;
    link_unexpected(l, id);
}

static const role_t idle_role = {.name = "idle connection", .opened = link_ready, .method = refuse_method};

link_t *idle_new(worker_t *w)
{
    link_t *l = MEM_NEW(link_t);
    link_init(l, w, &idle_role, 1);
    return l;
}

/* ---- churn ---- */

typedef struct churn {
    link_t link;
    uint64_t begin_ns; /* of this connection */
} churn_t;

static void churn_turn(link_t *l, uint64_t now_ns)
{
    churn_t *c = (churn_t *)(void *)l;
    const run_t *run = l->worker->run;
    if (l->worker->phase != PHASE_RUN || l->is_ready ||
        (l->state != LINK_WAITING && l->state != LINK_CLOSED) || list_linked(&l->waiting))
        return;
    uint64_t end_ns =
        atomic_load_explicit(&run->measured_ns, memory_order_relaxed) + run->options.time_ms * 1000000;
    if (now_ns >= end_ns) {
        link_ready(l);
        return;
    }
    c->begin_ns = now_ns;
    link_dial(l);
}

/* The next one is dialled in the next turn, which comes at once. */
static void churn_closed(link_t *l)
{
    churn_t *c = (churn_t *)(void *)l;
    histogram_add(&l->worker->latency, os_now_ns() - c->begin_ns);
    l->worker->last_ns = os_now_ns();
    l->worker->busy = true;
}

static const role_t churn_role = {
    .name = "connection",
    .opened = link_close,
    .method = refuse_method,
    .turn = churn_turn,
    .closed = churn_closed,
    .dials_itself = true,
};

link_t *churn_new(worker_t *w)
{
    churn_t *c = MEM_NEW(churn_t);
    link_init(&c->link, w, &churn_role, 1);
    return &c->link;
}
