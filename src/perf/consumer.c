/* SPDX-License-Identifier: Apache-2.0
 *
 * consumer.c: takes what one queue gives and looks at every octet of it. */
#include "base/alloc.h"
#include "perf/perf_internal.h"

/* Acks that do not fill a batch go out once no delivery has come for so long. */
#define ACK_ANYWAY_NS ((uint64_t)50000000)

typedef struct consumer {
    link_t link;
    size_t queue;
    uint32_t *after; /* for each stream: one above the last number that came to this consumer */
    body_reader_t body;
    uint64_t tag; /* of the delivery whose content comes, or of the last one */
    bool redelivered;
    size_t unacked;
    bool asked, consuming;
} consumer_t;

static const plan_t *plan_of(const consumer_t *c)
{
    return &c->link.worker->run->plan;
}

/* ---- a message ---- */

/* By what it says of itself: is it here, in order, and for the first time? */
static void check_place(consumer_t *c, const stamp_t *s)
{
    const plan_t *plan = plan_of(c);
    uint64_t *count = c->link.worker->count;
    if (s->producer >= plan->options->producers || !plan_leads_to(plan, s->key, c->queue)) {
        count[PERF_MISROUTED]++;
        return;
    }
    size_t i = plan_stream(plan, s);
    if (!stream_take(&plan->queues[c->queue].streams[i], s->number))
        count[PERF_DUPLICATES] += !c->redelivered;
    else if (s->number < c->after[i] && !c->redelivered)
        count[PERF_OUT_OF_ORDER]++;
    if (s->number >= c->after[i])
        c->after[i] = s->number + 1;
}

static void measure(consumer_t *c, const stamp_t *s)
{
    worker_t *w = c->link.worker;
    uint64_t now_ns = c->link.input_ns;
    if (w->run->options.mode == PERF_LOAD &&
        s->at_ns >= atomic_load_explicit(&w->run->measured_ns, memory_order_relaxed))
        histogram_add(&w->latency, now_ns > s->at_ns ? now_ns - s->at_ns : 0);
}

static void write_ack(consumer_t *c)
{
    link_write(&c->link, LINK_CHANNEL, AMQP_basic_ack,
               &(amqp_basic_ack_t){.delivery_tag = c->tag, .multiple = c->unacked > 1});
    c->link.worker->count[PERF_ACKED] += c->unacked;
    c->unacked = 0;
}

static void message_is_whole(consumer_t *c)
{
    const perf_options_t *o = plan_of(c)->options;
    worker_t *w = c->link.worker;
    w->count[PERF_RECEIVED]++;
    w->count[PERF_REDELIVERED] += c->redelivered;
    w->last_ns = c->link.input_ns;
    if (c->body.damaged) {
        w->count[PERF_DAMAGED]++;
    } else {
        check_place(c, &c->body.stamp);
        measure(c, &c->body.stamp);
    }
    if (o->ack_every > 0 && ++c->unacked == o->ack_every)
        write_ack(c);
}

/* ---- the link ---- */

static void consumer_content(link_t *l, uint64_t body_bytes)
{
    consumer_t *c = (consumer_t *)(void *)l;
    body_begin(&c->body, &plan_of(c)->pattern, body_bytes);
}

static void consumer_body(link_t *l, bytes_t piece, bool last)
{
    consumer_t *c = (consumer_t *)(void *)l;
    body_take(&c->body, piece);
    if (last)
        message_is_whole(c);
}

static void consumer_method(link_t *l, uint16_t channel, amqp_method_id id, const amqp_method_t *m)
{
    consumer_t *c = (consumer_t *)(void *)l;
    (void)channel;
    if (id == AMQP_basic_deliver) {
        c->tag = m->basic_deliver.delivery_tag;
        c->redelivered = m->basic_deliver.redelivered;
    } else if (id == AMQP_basic_consume_ok && c->asked && !c->consuming) {
        c->consuming = true;
        link_ready(l);
    } else if (id != AMQP_basic_qos_ok) {
        link_unexpected(l, id);
    }
}

static void consume(consumer_t *c)
{
    link_t *l = &c->link;
    const perf_options_t *o = plan_of(c)->options;
    c->asked = true;
    if (o->prefetch > 0)
        link_write(l, LINK_CHANNEL, AMQP_basic_qos,
                   &(amqp_basic_qos_t){.prefetch_count = (uint16_t)o->prefetch});
    link_write(l, LINK_CHANNEL, AMQP_basic_consume,
               &(amqp_basic_consume_t){.queue = bytes_string(plan_of(c)->queues[c->queue].name),
                                       .no_ack = o->ack_every == 0});
}

/* Before anything is published; but what a drain measures begins when all consumers are there. */
static void consumer_opened(link_t *l)
{
    consumer_t *c = (consumer_t *)(void *)l;
    if (plan_of(c)->options->mode == PERF_DRAIN)
        link_ready(l);
    else
        consume(c);
}

static void consumer_turn(link_t *l, uint64_t now_ns)
{
    consumer_t *c = (consumer_t *)(void *)l;
    if (l->state != LINK_OPEN)
        return;
    if (!c->asked && l->worker->phase == PHASE_RUN)
        consume(c);
    if (c->unacked > 0 && now_ns > l->input_ns + ACK_ANYWAY_NS)
        write_ack(c);
}

static void consumer_closing(link_t *l)
{
    consumer_t *c = (consumer_t *)(void *)l;
    if (c->unacked > 0)
        write_ack(c);
}

static void consumer_freeing(link_t *l)
{
    mem_free(((consumer_t *)(void *)l)->after);
}

static const role_t consumer_role = {
    .name = "consumer",
    .opened = consumer_opened,
    .method = consumer_method,
    .content = consumer_content,
    .body = consumer_body,
    .turn = consumer_turn,
    .closing = consumer_closing,
    .freeing = consumer_freeing,
};

link_t *consumer_new(worker_t *w, size_t queue)
{
    const plan_t *plan = &w->run->plan;
    consumer_t *c = MEM_NEW(consumer_t);
    c->queue = queue;
    c->after = mem_zero(plan->queues[queue].slots * plan->options->producers * sizeof *c->after);
    link_init(&c->link, w, &consumer_role, 1);
    return &c->link;
}
