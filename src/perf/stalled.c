/* SPDX-License-Identifier: Apache-2.0
 *
 * stalled.c: a client as brokers fear it: it asks for a queue full of messages and reads nothing. */
#include "base/alloc.h"
#include "base/text.h"
#include "perf/perf_internal.h"

/* What it leaves unread, more than sockets hold. */
#define QUEUED_BYTES ((size_t)16 * 1024 * 1024)
#define BODY_BYTES   ((size_t)4096)

static void fill(link_t *l, bytes_t queue)
{
    uint8_t body[BODY_BYTES] = {0};
    output_t *out = l->transport->output;
    for (size_t i = 0; i < QUEUED_BYTES / BODY_BYTES; i++) {
        buffer_t *b = &l->worker->scratch;
        buffer_clear(b);
        amqp_write_method(b, LINK_CHANNEL, AMQP_basic_publish, &(amqp_basic_publish_t){.routing_key = queue});
        amqp_write_header(b, LINK_CHANNEL, BODY_BYTES, BYTES("\0\0"));
        amqp_write_body_head(b, LINK_CHANNEL, BODY_BYTES);
        write_bytes(b, bytes_make(body, BODY_BYTES));
        write_u8(b, AMQP_FRAME_END);
        output_write(out, buffer_bytes(b));
    }
}

static void stalled_opened(link_t *l)
{
    link_write(l, LINK_CHANNEL, AMQP_queue_declare, &(amqp_queue_declare_t){.exclusive = true});
}

static void stalled_method(link_t *l, uint16_t channel, amqp_method_id id, const amqp_method_t *m)
{
    (void)channel;
    if (id == AMQP_queue_declare_ok) {
        fill(l, m->queue_declare_ok.queue);
        link_write(l, LINK_CHANNEL, AMQP_basic_consume,
                   &(amqp_basic_consume_t){.queue = m->queue_declare_ok.queue, .no_ack = true});
    } else if (id == AMQP_basic_consume_ok) {
        l->transport->kind->set_reading(l->transport, false);
        link_ready(l);
    } else if (id != AMQP_basic_deliver) {
        link_unexpected(l, id);
    }
}

/* The answer to its goodbye is behind everything it did not read. */
static void stalled_closing(link_t *l)
{
    l->transport->kind->set_reading(l->transport, true);
}

static const role_t stalled_role = {
    .name = "stalled consumer",
    .opened = stalled_opened,
    .method = stalled_method,
    .closing = stalled_closing,
};

link_t *stalled_new(worker_t *w)
{
    link_t *l = MEM_NEW(link_t);
    link_init(l, w, &stalled_role, 1);
    return l;
}
