/* SPDX-License-Identifier: Apache-2.0
 *
 * client_takes.c: what clients say to get messages, and to be done with them. */
#include "base/alloc.h"
#include "sim/report.h"
#include "sim/world.h"

/* ---- taking ---- */

static void note_settled(client_t *c, unsigned queue)
{
    took_t *t = &c->took[queue];
    if (t->anything && t->settled_since == NEVER)
        t->settled_since = c->world->last;
}

static void note_taking(client_t *c, unsigned queue, bool no_ack)
{
    c->took[queue].anything = true;
    if (no_ack)
        note_settled(c, queue);
}

void ask_get(client_t *c, unsigned number, unsigned queue, bool no_ack)
{
    client_say(c, number, no_ack ? "gets without ack from" : "gets from", object_specs[queue].name);
    op_t *op = client_note_use(c, number, OP_GET, queue);
    op->no_ack = no_ack;
    note_taking(c, queue, no_ack);
    client_push_request(c, number, COMMAND_GET, no_ack ? COMMAND_NO_ACK : 0,
                        (request_t){.name = object_name(queue)});
}

static bytes_t tag_of(uint32_t consumer, char out[2])
{
    out[0] = 'c';
    out[1] = (char)(' ' + consumer);
    return bytes_make(out, 2);
}

void ask_consume(client_t *c, unsigned number, unsigned queue, bool no_ack)
{
    char tag[2];
    if (c->consumer_count + 1 >= CONSUMERS)
        return;
    client_say(c, number, no_ack ? "consumes without ack from" : "consumes from", object_specs[queue].name);
    op_t *op = client_note_use(c, number, OP_CONSUME, queue);
    note_taking(c, queue, no_ack);
    op->consumer = ++c->consumer_count;
    c->consumers[op->consumer] = (consumer_t){(uint8_t)number, (uint8_t)queue, no_ack, false};
    request_t view = {.name = object_name(queue), .tag = tag_of(op->consumer, tag)};
    client_push(c, number,
                (command_t){.type = COMMAND_CONSUME,
                            .flags = no_ack ? COMMAND_NO_ACK : 0,
                            .count = op->consumer,
                            .request = request_new(&view)});
}

void ask_cancel(client_t *c, unsigned number, uint32_t consumer, bool nowait)
{
    char tag[2];
    client_say(c, number, "cancels", "");
    c->consumers[consumer].cancelling = true;
    if (!nowait)
        client_note(c, number, OP_OTHER);
    client_push_request(c, number, COMMAND_CANCEL, nowait ? COMMAND_NOWAIT : 0,
                        (request_t){.tag = tag_of(consumer, tag)});
}

void ask_qos(client_t *c, unsigned number, uint32_t prefetch, bool global)
{
    client_say(c, number, "qos", "");
    client_note(c, number, OP_OTHER);
    client_push(c, number,
                (command_t){.type = COMMAND_QOS, .flags = global ? COMMAND_GLOBAL : 0, .count = prefetch});
}

/* ---- settling ---- */

/* All that came after this was asked and before it is answered may be included. */
static void begin_sweep(client_t *c, unsigned number, bool settles)
{
    channel_t *ch = &c->channels[number];
    client_note(c, number, OP_SWEEP);
    ch->sweeps++;
    ch->sweep_settles |= settles;
    ch->sweep_issued = c->world->last;
    for (unsigned q = 0; settles && q < QUEUES; q++)
        note_settled(c, q);
}

static void settle_held(client_t *c, unsigned number, held_t *h, bool requeue)
{
    channel_t *ch = &c->channels[number];
    model_t *m = c->world->model;
    if (ch->is_tx) {
        channel_claim(c, ch, h, requeue);
        return;
    }
    if (requeue) {
        model_given_back(m, h->message, h->queue, ch->index, channel_may_be_refused(ch));
        return;
    }
    model_settle_asked(m, h->message, h->queue, c->world->last);
    if (h->late)
        return; /* nobody knows whether it still was to be settled */
    op_t *op = client_note(c, number, OP_SETTLE);
    op->message = h->message;
    op->object = h->queue;
}

static void settle_through(client_t *c, unsigned number, uint64_t tag, bool requeue)
{
    channel_t *ch = &c->channels[number];
    size_t kept = 0;
    for (size_t i = 0; i < ch->held_count; i++) {
        held_t h = ch->held[i];
        if (h.tag <= tag)
            settle_held(c, number, &h, requeue);
        else
            ch->held[kept++] = h;
    }
    ch->held_count = kept;
}

static void settle_one(client_t *c, unsigned number, uint64_t tag, bool requeue)
{
    channel_t *ch = &c->channels[number];
    for (size_t i = 0; i < ch->held_count; i++) {
        held_t h = ch->held[i];
        if (h.tag != tag)
            continue;
        settle_held(c, number, &h, requeue);
        memmove(&ch->held[i], &ch->held[i + 1], (--ch->held_count - i) * sizeof h);
        return;
    }
}

void ask_settle(client_t *c, unsigned number, uint64_t tag, bool multiple, bool nack, bool requeue)
{
    report_line("%u.%u #%u (at %llu) %s %s%llu%s", c->index, number, c->world->causes + 1,
                (unsigned long long)c->world->last, nack ? (requeue ? "requeues" : "rejects") : "acks",
                multiple ? "through " : "", (unsigned long long)tag, tag == 0 ? " (all)" : "");
    if (!multiple)
        settle_one(c, number, tag, nack && requeue);
    else
        settle_through(c, number, tag ? tag : UINT64_MAX, nack && requeue);
    if (tag == 0)
        begin_sweep(c, number, !(nack && requeue));
    client_push(c, number,
                (command_t){.type = nack ? COMMAND_NACK : COMMAND_ACK,
                            .flags = (uint16_t)((multiple ? COMMAND_MULTIPLE : 0) |
                                                (nack && requeue ? COMMAND_REQUEUE : 0)),
                            .number = tag});
}

void ask_recover(client_t *c, unsigned number, bool nowait)
{
    client_say(c, number, "recovers", "");
    settle_through(c, number, UINT64_MAX, true);
    begin_sweep(c, number, false);
    client_push(c, number, (command_t){.type = COMMAND_RECOVER, .flags = nowait ? COMMAND_NOWAIT : 0});
}
