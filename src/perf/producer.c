/* SPDX-License-Identifier: Apache-2.0
 *
 * producer.c: publishes as fast as window, rate and socket allow, a batch a turn.
 *
 * With a rate each message has a time at which it is due, and its latency counts from then: a broker that makes the
 * producer wait is not spared what would have been measured meanwhile (no coordinated omission). */
#include <assert.h>
#include <inttypes.h>

#include "base/alloc.h"
#include "perf/perf_internal.h"

/* Published only while less waits for the socket; and so much in one turn, that confirms and deliveries are read. */
#define OUTPUT_BYTES ((uint64_t)256 * 1024)

/* Bodies from here on are not copied. */
#define LEND_BYTES 4096

typedef struct producer {
    link_t link;
    uint32_t number;
    uint64_t quota; /* messages to publish; UINT64_MAX: until time is up */
    uint64_t sent, confirmed;
    uint64_t *at_ns; /* with confirms: when message n, n modulo window, was published (due); 0: confirmed */
    uint64_t oldest; /* none before it is without a confirm */
    bool done, closing;
} producer_t;

static const perf_options_t *options_of(const producer_t *p)
{
    return &p->link.worker->run->options;
}

/* ---- one message ---- */

static void write_stamp(output_t *out, const stamp_t *s)
{
    stamp_write(output_reserve(out, STAMP_BYTES), s);
    output_commit(out, STAMP_BYTES);
}

static void write_piece_head(output_t *out, size_t bytes)
{
    uint8_t *at = output_reserve(out, AMQP_FRAME_HEAD_BYTES);
    buffer_t b = buffer_over(at, AMQP_FRAME_HEAD_BYTES);
    amqp_write_body_head(&b, LINK_CHANNEL, (uint32_t)bytes);
    output_commit(out, b.len);
}

/* The body in frames of at most the size agreed on. */
static void write_body(producer_t *p, output_t *out, const stamp_t *s)
{
    bytes_t rest = pattern_of(&p->link.worker->run->plan.pattern, s);
    size_t left = rest.len + STAMP_BYTES, most = p->link.frame_max - AMQP_FRAME_OVERHEAD;
    bool stamped = false;
    while (left > 0) {
        size_t piece = left < most ? left : most;
        write_piece_head(out, piece);
        left -= piece;
        if (!stamped) {
            write_stamp(out, s);
            piece -= STAMP_BYTES;
            stamped = true;
        }
        if (piece >= LEND_BYTES)
            output_lend(out, bytes_make(rest.data, piece));
        else
            output_write(out, bytes_make(rest.data, piece));
        rest.data += piece;
        output_write(out, BYTES("\xce"));
    }
}

static void publish(producer_t *p, uint64_t at_ns)
{
    const plan_t *plan = &p->link.worker->run->plan;
    output_t *out = p->link.transport->output;
    size_t keys = plan->options->keys;
    stamp_t s = {.producer = p->number,
                 .key = (uint32_t)(p->sent % keys),
                 .number = (uint32_t)(p->sent / keys),
                 .at_ns = at_ns};
    output_write(out, plan->keys[s.key].frames);
    write_body(p, out, &s);
    if (p->at_ns)
        p->at_ns[p->sent % options_of(p)->confirms] = at_ns;
    p->sent++;
}

/* ---- when ---- */

/* When message n is due; the producers take turns. */
static uint64_t due_ns(const producer_t *p, uint64_t n)
{
    const perf_options_t *o = options_of(p);
    double in_all = (double)n * (double)o->producers + p->number;
    return atomic_load_explicit(&p->link.worker->run->start_ns, memory_order_relaxed) +
           (uint64_t)(in_all * 1e9 / (double)o->rate);
}

static bool may_publish(const producer_t *p)
{
    const perf_options_t *o = options_of(p);
    return p->sent < p->quota && (o->confirms == 0 || p->sent - p->oldest < o->confirms);
}

static void publish_what_is_allowed(producer_t *p, uint64_t now_ns)
{
    const perf_options_t *o = options_of(p);
    output_t *out = p->link.transport->output;
    uint64_t before = p->sent;
    while (may_publish(p)) {
        uint64_t at_ns = o->rate > 0 ? due_ns(p, p->sent) : now_ns;
        if (at_ns > now_ns)
            break;
        if (output_waiting(out) >= OUTPUT_BYTES)
            break; /* `drained` comes when the socket has taken some of it */
        publish(p, at_ns);
    }
    if (p->sent == before)
        return;
    p->link.worker->count[PERF_SENT] += p->sent - before;
    p->link.transport->kind->flush(p->link.transport);
}

/* ---- the end ---- */

static bool time_is_up(const producer_t *p, uint64_t now_ns)
{
    const perf_options_t *o = options_of(p);
    const run_t *run = p->link.worker->run;
    return o->messages == 0 &&
           now_ns >= atomic_load_explicit(&run->measured_ns, memory_order_relaxed) + o->time_ms * 1000000;
}

/* The channel's close-ok says that the broker has taken everything in front of it. */
static void finish(producer_t *p, uint64_t now_ns)
{
    if (!p->done && (p->sent == p->quota || time_is_up(p, now_ns))) {
        p->done = true;
        p->quota = p->sent;
    }
    if (!p->done || p->closing || (options_of(p)->confirms > 0 && p->oldest < p->sent))
        return;
    p->closing = true;
    p->link.worker->run->published[p->number] = p->sent;
    link_write(&p->link, LINK_CHANNEL, AMQP_channel_close, &(amqp_channel_close_t){.reply_code = 200});
}

static void producer_turn(link_t *l, uint64_t now_ns)
{
    producer_t *p = (producer_t *)(void *)l;
    if (l->worker->phase != PHASE_RUN || l->state != LINK_OPEN || p->closing)
        return;
    if (!p->done && !time_is_up(p, now_ns))
        publish_what_is_allowed(p, now_ns);
    finish(p, now_ns);
}

/* ---- confirms ---- */

static void confirm_one(producer_t *p, uint64_t n, enum perf_count as)
{
    worker_t *w = p->link.worker;
    uint64_t *at_ns = &p->at_ns[n % options_of(p)->confirms];
    if (n >= p->sent || n < p->oldest || *at_ns == 0)
        return;
    if (*at_ns >= atomic_load_explicit(&w->run->measured_ns, memory_order_relaxed))
        histogram_add(&w->confirm, p->link.input_ns > *at_ns ? p->link.input_ns - *at_ns : 0);
    *at_ns = 0;
    w->count[as]++;
}

/* Message n has the delivery tag n + 1. */
static void confirm(producer_t *p, uint64_t tag, bool multiple, enum perf_count as)
{
    const perf_options_t *o = options_of(p);
    if (tag > p->sent) {
        worker_fail(p->link.worker, "producer: the broker confirmed message %" PRIu64 " of %" PRIu64, tag,
                    p->sent);
        return;
    }
    for (uint64_t n = multiple ? p->oldest : tag - 1; n < tag; n++)
        confirm_one(p, n, as);
    while (p->oldest < p->sent && p->at_ns[p->oldest % o->confirms] == 0)
        p->oldest++;
    if (o->consumers == 0 || o->mode == PERF_FILL)
        p->link.worker->last_ns = p->link.input_ns;
}

static void producer_method(link_t *l, uint16_t channel, amqp_method_id id, const amqp_method_t *m)
{
    producer_t *p = (producer_t *)(void *)l;
    (void)channel;
    if ((id == AMQP_confirm_select_ok && l->worker->phase == PHASE_CONNECT) ||
        (id == AMQP_channel_close_ok && p->closing))
        link_ready(l);
    else if (id == AMQP_basic_ack && p->at_ns)
        confirm(p, m->basic_ack.delivery_tag, m->basic_ack.multiple, PERF_CONFIRMED);
    else if (id == AMQP_basic_nack && p->at_ns)
        confirm(p, m->basic_nack.delivery_tag, m->basic_nack.multiple, PERF_NACKED);
    else
        link_unexpected(l, id);
}

/* ---- life ---- */

static void producer_opened(link_t *l)
{
    producer_t *p = (producer_t *)(void *)l;
    if (p->at_ns)
        link_write(l, LINK_CHANNEL, AMQP_confirm_select, &(amqp_confirm_select_t){0});
    else
        link_ready(l);
}

/* The socket took something: there may be room for more at once. */
static void producer_drained(link_t *l)
{
    if (output_waiting(l->transport->output) < OUTPUT_BYTES)
        l->worker->busy = true;
}

static void producer_freeing(link_t *l)
{
    mem_free(((producer_t *)(void *)l)->at_ns);
}

static const role_t producer_role = {
    .name = "producer",
    .opened = producer_opened,
    .method = producer_method,
    .turn = producer_turn,
    .drained = producer_drained,
    .freeing = producer_freeing,
};

link_t *producer_new(worker_t *w, uint32_t number)
{
    const perf_options_t *o = &w->run->options;
    producer_t *p = MEM_NEW(producer_t);
    p->number = number;
    p->quota =
        o->messages > 0 ? o->messages / o->producers + (number < o->messages % o->producers) : UINT64_MAX;
    if (o->confirms > 0)
        p->at_ns = mem_zero(o->confirms * sizeof *p->at_ns);
    link_init(&p->link, w, &producer_role, 1);
    return &p->link;
}
