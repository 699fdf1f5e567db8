/* SPDX-License-Identifier: Apache-2.0
 *
 * control.c: the first link: makes queues and bindings before the others come, and removes them when they are gone. */
#include "base/alloc.h"
#include "perf/perf_internal.h"

typedef struct control {
    link_t link;
    size_t answers; /* that are still to come */
    uint64_t in_queues;
    bool removing;
} control_t;

/* Sends requests that were written; how many answers they give. */
static void ask(control_t *c, size_t (*write)(const plan_t *p, buffer_t *out))
{
    transport_t *t = c->link.transport;
    buffer_t requests = {0};
    c->answers = write(&c->link.worker->run->plan, &requests);
    output_write(t->output, buffer_bytes(&requests));
    t->kind->flush(t);
    buffer_free(&requests);
}

static void all_answered(control_t *c)
{
    if (c->removing) {
        link_close(&c->link);
        return;
    }
    atomic_store(&c->link.worker->run->in_queues, c->in_queues);
    link_ready(&c->link);
}

static void control_opened(link_t *l)
{
    control_t *c = (control_t *)(void *)l;
    ask(c, plan_write_setup);
    if (c->answers == 0)
        all_answered(c);
}

static void control_method(link_t *l, uint16_t channel, amqp_method_id id, const amqp_method_t *m)
{
    control_t *c = (control_t *)(void *)l;
    (void)channel;
    if (id == AMQP_queue_declare_ok)
        c->in_queues += m->queue_declare_ok.message_count;
    atomic_fetch_add_explicit(&l->worker->run->set_up, 1, memory_order_relaxed);
    if (c->answers == 0)
        link_unexpected(l, id);
    else if (--c->answers == 0)
        all_answered(c);
}

/* What a fill left is for a drain; what a drain could not get is not thrown away. */
static bool may_remove(const run_t *run)
{
    perf_mode_t mode = run->options.mode;
    return mode != PERF_FILL && (mode != PERF_DRAIN || atomic_load(&run->drained));
}

static void control_turn(link_t *l, uint64_t now_ns)
{
    control_t *c = (control_t *)(void *)l;
    (void)now_ns;
    if (l->worker->phase != PHASE_REMOVE || c->removing || l->state != LINK_OPEN)
        return;
    c->removing = true;
    if (may_remove(l->worker->run))
        ask(c, plan_write_removal);
    if (c->answers == 0)
        all_answered(c);
}

static const role_t control_role = {
    .name = "control",
    .opened = control_opened,
    .method = control_method,
    .turn = control_turn,
};

link_t *control_new(worker_t *w)
{
    control_t *c = MEM_NEW(control_t);
    link_init(&c->link, w, &control_role, 1);
    return &c->link;
}
