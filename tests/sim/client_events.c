/* SPDX-License-Identifier: Apache-2.0
 *
 * client_events.c: what clients hear from the engine: is it in order, and was it owed; the model is told. */
#include "base/alloc.h"
#include "sim/report.h"
#include "sim/world.h"

typedef struct hearing {
    client_t *client;
    channel_t *channel;
    unsigned number;
    const event_t *event;
} hearing_t;

#define fail(h, what, ...)                                                                                   \
    report_failure("client %u, channel %u: " what, (h)->client->index, (h)->number __VA_OPT__(, ) __VA_ARGS__)

/* ---- messages ---- */

static uint32_t check_message(const hearing_t *h)
{
    const message_t *m = h->event->message;
    uint32_t id;
    if (!content_id(m, &id))
        fail(h, "a message that was never published");
    published_t *p = model_message(h->client->world->model, id);
    if (p == NULL)
        fail(h, "message %u, which was never published", id);
    const char *wrong = content_check_envelope(&p->spec, m);
    if (wrong)
        fail(h, "message %u has %s", id, wrong);
    if (m->part_count > 0) {
        h->channel->streaming = id;
        h->channel->streamed = 0;
    } else if (!content_check_body(&p->spec, 0, message_body(m))) {
        fail(h, "message %u has another body than it was published with", id);
    }
    return id;
}

static void on_content(const hearing_t *h)
{
    channel_t *ch = h->channel;
    bytes_t octets = message_body(h->event->message);
    if (ch->streaming == 0)
        fail(h, "octets of no message");
    const content_spec_t *s = &model_message(h->client->world->model, ch->streaming)->spec;
    if (!content_check_body(s, ch->streamed, octets) || ch->streamed + octets.len > s->body_bytes)
        fail(h, "message %u has another body than it was published with, from %llu on", ch->streaming,
             (unsigned long long)ch->streamed);
    ch->streamed += octets.len;
    if (ch->streamed == s->body_bytes)
        ch->streaming = 0;
}

void channel_hold(channel_t *ch, held_t held)
{
    ch->held = mem_grow(ch->held, sizeof *ch->held, ch->held_count, &ch->held_capacity, 32);
    ch->held[ch->held_count++] = held;
}

static void on_delivery(const hearing_t *h, unsigned queue, bool no_ack)
{
    world_t *w = h->client->world;
    channel_t *ch = h->channel;
    uint32_t id = check_message(h);
    if (h->event->delivery_tag != ch->last_tag + 1)
        fail(h, "delivery tag %llu after %llu", (unsigned long long)h->event->delivery_tag,
             (unsigned long long)ch->last_tag);
    ch->last_tag = h->event->delivery_tag;
    bool late = ch->stage != STAGE_OPEN || h->client->stage != STAGE_OPEN || ch->sweeps > 0;
    bool redelivered = h->event->flags & EVENT_REDELIVERED;
    report_line("    %u.%u has message %u from %s by tag %llu%s%s", h->client->index, h->number, id,
                object_specs[queue].name, (unsigned long long)ch->last_tag,
                redelivered ? ", redelivered" : "", late ? ", late" : "");
    model_delivered(w->model, &(handover_t){.id = id,
                                            .queue = (uint8_t)queue,
                                            .channel = ch->index,
                                            .redelivered = redelivered,
                                            .no_ack = no_ack,
                                            .late = late,
                                            .last = w->last,
                                            .settled = settled_through(w)});
    if (!no_ack && ch->sweep_settles)
        model_settle_asked(w->model, id, queue, ch->sweep_issued);
    if (!no_ack && ch->stage == STAGE_OPEN)
        channel_hold(ch, (held_t){ch->last_tag, id, (uint8_t)queue, late});
    if (w->dump)
        model_dump_message(w->model, w->dump, queue, id);
    w->deliveries++;
}

static void on_deliver(const hearing_t *h)
{
    uint32_t number = h->event->consumer;
    if (number == 0 || number > h->client->consumer_count ||
        h->client->consumers[number].channel != h->number)
        fail(h, "a delivery to consumer %u, who is not there", number);
    on_delivery(h, h->client->consumers[number].queue, h->client->consumers[number].no_ack);
}

uint32_t client_cause_of(client_t *c, unsigned number, const message_t *m)
{
    uint32_t id;
    const ops_t *l = &c->channels[number].ops;
    if (c->channels[number].is_tx)
        return 0;
    if (content_id(m, &id))
        for (size_t i = l->begin; i < l->end; i++)
            if (l->items[i].kind == OP_PUBLISH && l->items[i].message == id)
                return l->items[i].cause;
    report_failure("client %u, channel %u: a message is returned that was not published", c->index, number);
}

static void on_return(const hearing_t *h)
{
    uint32_t id = check_message(h);
    if (!h->channel->is_tx)
        ops_done(h->client, h->channel, h->event->cause, false);
    report_line("    %u.%u has message %u returned", h->client->index, h->number, id);
    model_returned(h->client->world->model, id);
}

static void on_confirm(const hearing_t *h)
{
    channel_t *ch = h->channel;
    uint64_t through = h->event->delivery_tag;
    if (through <= ch->confirmed || through > ch->published || h->event->flags & EVENT_NEGATIVE)
        fail(h, "a confirm of %llu after %llu of %llu", (unsigned long long)through,
             (unsigned long long)ch->confirmed, (unsigned long long)ch->published);
    if (!(h->event->flags & EVENT_MULTIPLE) && through != ch->confirmed + 1)
        fail(h, "a single confirm of %llu after %llu", (unsigned long long)through,
             (unsigned long long)ch->confirmed);
    report_line("    %u.%u has confirms through %llu", h->client->index, h->number,
                (unsigned long long)through);
    for (; ch->confirmed < through; ch->confirmed++) {
        op_t op = *ops_first(&ch->unconfirmed);
        ops_pop(&ch->unconfirmed);
        ops_done(h->client, ch, op.cause, false);
        model_confirmed(h->client->world->model, op.message);
        publisher_confirmed(h->client->world, model_message(h->client->world->model, op.message));
    }
}

/* ---- answers ---- */

static op_t answer(const hearing_t *h)
{
    op_t op = ops_answered(h->client, h->channel, h->event->cause);
    report_line("    %u.%u #%u is answered", h->client->index, h->number, op.cause);
    world_t *w = h->client->world;
    if (h->client->index == CHECKER) {
        w->answered = w->answer_ok = true;
        w->answer_count = h->event->message_count;
    }
    return op;
}

static void on_get_answer(const hearing_t *h)
{
    op_t op = answer(h);
    if (h->event->type == EVENT_GET_OK)
        on_delivery(h, op.object, op.no_ack);
    else if (h->client->index == CHECKER)
        h->client->world->answer_ok = false;
}

static void on_consumer_end(const hearing_t *h)
{
    uint32_t number = h->event->consumer;
    if (h->event->type == EVENT_CONSUMER_CANCELLED)
        (void)answer(h);
    if (number > 0 && number <= h->client->consumer_count)
        h->client->consumers[number].channel = 0;
}

/* ---- ends ---- */

static void consumers_end(client_t *c, unsigned number)
{
    for (uint32_t i = 1; i <= c->consumer_count; i++)
        if (c->consumers[i].channel == number)
            c->consumers[i].channel = 0;
}

static void on_channel_closed(const hearing_t *h)
{
    (void)answer(h);
    consumers_end(h->client, h->number);
    h->channel->stage = h->channel->crossed ? STAGE_REFUSED : STAGE_NONE;
}

/* Of what may be refused here: that somebody else has deleted what is named. */
static void check_refusal(const hearing_t *h, const op_t *op)
{
    const refusal_t *why = h->event->refusal;
    world_t *w = h->client->world;
    report_line("    %u.%u #%u is refused: %u %s", h->client->index, h->number, why->cause, why->code,
                why->text);
    if (op == NULL || op->cause != why->cause)
        fail(h, "a refusal of nothing that was asked: %u %s", why->code, why->text);
    if (why->code != REFUSAL_NOT_FOUND)
        fail(h, "#%u is refused: %u %s", why->cause, why->code, why->text);
    if (op->was_there && !h->channel->is_vague && w->model->objects[op->object].removals == op->removals)
        fail(h, "%s is not there any more: %s", object_specs[op->object].name, why->text);
}

static void on_channel_refused(const hearing_t *h)
{
    client_t *c = h->client;
    ops_done(c, h->channel, h->event->refusal->cause, true);
    check_refusal(h, ops_first(&h->channel->ops));
    h->channel->crossed = h->channel->stage == STAGE_ENDING; /* its close is answered all the same */
    channel_lets_go(c, h->channel);
    ops_drop(c, h->channel, h->channel->is_vague, false);
    consumers_end(c, h->number);
    if (!h->channel->crossed)
        h->channel->stage = STAGE_REFUSED;
    if (c->index == CHECKER) {
        c->world->answered = true;
        c->world->answer_ok = false;
    }
}

/* In the middle of a message of which a part is damaged; that is the end of this life. */
bool client_may_be_closed(client_t *c, uint16_t code)
{
    bool may = c->world->rot.is_on && code == REFUSAL_INTERNAL_ERROR;
    c->world->is_over |= may;
    return may;
}

static void on_connection_closed(client_t *c, const event_t *e)
{
    if (e->refusal && !client_may_be_closed(c, e->refusal->code))
        report_failure("client %u: the connection is refused: %u %s", c->index, e->refusal->code,
                       e->refusal->text);
    if (c->stage != STAGE_ENDING && !e->refusal)
        report_failure("client %u: the connection is closed, and nobody asked for it", c->index);
    client_is_over(c);
}

void client_is_over(client_t *c)
{
    for (unsigned n = 1; n <= CHANNELS; n++) {
        ops_drop(c, &c->channels[n], true, true);
        c->channels[n].stage = STAGE_NONE;
    }
    c->stage = STAGE_NONE;
}

/* ---- the door ---- */

static void check_cause(const hearing_t *h)
{
    uint32_t cause = h->event->cause;
    bool is_earlier = h->channel->is_tx && h->event->type == EVENT_RETURN; /* it waited for the commit */
    if (cause == 0 || is_earlier)
        return;
    if (cause <= h->channel->last_cause)
        fail(h, "an answer to #%u after one to #%u", cause, h->channel->last_cause);
    h->channel->last_cause = cause;
}

void client_hears(client_t *c, const event_t *e)
{
    const hearing_t *h = &(hearing_t){c, &c->channels[e->channel], e->channel, e};
    uint8_t type = h->event->type;
    if (h->channel->streaming && type != EVENT_CONTENT)
        fail(h, "event %u within message %u", type, h->channel->streaming);
    check_cause(h);
    switch (type) {
    case EVENT_OK:
    case EVENT_QUEUE_DECLARED:
    case EVENT_QUEUE_COUNTED:
    case EVENT_CONSUMER_STARTED:
        (void)answer(h);
        break;
    case EVENT_GET_OK:
    case EVENT_GET_EMPTY:
        on_get_answer(h);
        break;
    case EVENT_CONSUMER_CANCELLED:
    case EVENT_CONSUMER_GONE:
        on_consumer_end(h);
        break;
    case EVENT_DELIVER:
        on_deliver(h);
        break;
    case EVENT_CONTENT:
        on_content(h);
        break;
    case EVENT_RETURN:
        on_return(h);
        break;
    case EVENT_CONFIRM:
        on_confirm(h);
        break;
    case EVENT_CHANNEL_CLOSED:
        on_channel_closed(h);
        break;
    case EVENT_CHANNEL_REFUSED:
        on_channel_refused(h);
        break;
    default:
        break;
    }
}

void client_on_event(port_client_t *port_client, event_t *e)
{
    client_t *c = (client_t *)(void *)port_client;
    if (event_has_message(e->type))
        c->lent++;
    if (e->type == EVENT_READING_PAUSED || e->type == EVENT_READING_RESUMED)
        c->paused = e->type == EVENT_READING_PAUSED;
    bool is_over = e->type == EVENT_CONNECTION_CLOSED;
    if (is_over)
        on_connection_closed(c, e);
    else if (e->channel > 0)
        client_hears(c, e);
    event_discard(e);
    if (is_over)
        port_unregister(c->port, &c->port_client);
}
