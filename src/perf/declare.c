/* SPDX-License-Identifier: Apache-2.0
 *
 * declare.c: durable queues, declared from many channels at once, each of which waits for its answer before it asks
 * again; then deleted the same way. */
#include "base/alloc.h"
#include "base/text.h"
#include "perf/perf_internal.h"

typedef struct declare {
    link_t link;
    bool deleting;
    size_t asked, answered;
    uint64_t *asked_ns; /* of each channel's request */
} declare_t;

static void ask_next(declare_t *d, uint16_t channel)
{
    char name[48];
    if (d->asked == d->link.worker->run->options.declares)
        return;
    text_format(name, sizeof name, "chaski-perf-declared-%zu", d->asked++);
    d->asked_ns[channel] = os_now_ns();
    if (d->deleting)
        link_write(&d->link, channel, AMQP_queue_delete, &(amqp_queue_delete_t){.queue = bytes_string(name)});
    else
        link_write(&d->link, channel, AMQP_queue_declare,
                   &(amqp_queue_declare_t){.queue = bytes_string(name), .durable = true});
}

static void begin(declare_t *d, bool deleting)
{
    d->deleting = deleting;
    d->asked = d->answered = 0;
    for (uint16_t i = 1; i <= d->link.channels; i++)
        ask_next(d, i);
}

static void declare_method(link_t *l, uint16_t channel, amqp_method_id id, const amqp_method_t *m)
{
    declare_t *d = (declare_t *)(void *)l;
    (void)m;
    if (id != (d->deleting ? AMQP_queue_delete_ok : AMQP_queue_declare_ok)) {
        link_unexpected(l, id);
        return;
    }
    if (!d->deleting) {
        histogram_add(&l->worker->latency, l->input_ns - d->asked_ns[channel]);
        l->worker->count[PERF_DECLARED]++;
        l->worker->last_ns = l->input_ns;
    }
    ask_next(d, channel);
    if (++d->answered == l->worker->run->options.declares)
        link_ready(l);
}

static void declare_turn(link_t *l, uint64_t now_ns)
{
    declare_t *d = (declare_t *)(void *)l;
    (void)now_ns;
    if (l->is_ready || l->state != LINK_OPEN)
        return;
    if (l->worker->phase == PHASE_RUN && d->asked == 0)
        begin(d, false);
    else if (l->worker->phase == PHASE_DRAIN && !d->deleting)
        begin(d, true);
}

static void declare_freeing(link_t *l)
{
    mem_free(((declare_t *)(void *)l)->asked_ns);
}

static const role_t declare_role = {
    .name = "declaring connection",
    .opened = link_ready,
    .method = declare_method,
    .turn = declare_turn,
    .freeing = declare_freeing,
};

link_t *declare_new(worker_t *w)
{
    declare_t *d = MEM_NEW(declare_t);
    uint16_t channels = (uint16_t)w->run->options.channels;
    d->asked_ns = mem_zero((size_t)(channels + 1) * sizeof *d->asked_ns);
    link_init(&d->link, w, &declare_role, channels);
    return &d->link;
}
