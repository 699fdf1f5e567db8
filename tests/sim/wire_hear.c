/* SPDX-License-Identifier: Apache-2.0
 *
 * wire_hear.c: octets → events. What an answer answers follows from the order in which things were said. */
#include "base/alloc.h"
#include "sim/report.h"
#include "sim/world.h"

typedef struct hearing {
    client_t *client;
    wire_channel_t *channel;
    unsigned number;
    amqp_method_id id;
    const amqp_method_t *method;
} hearing_t;

#define fail(c, what, ...)                                                                                   \
    report_failure("client %u, on the wire: " what, (c)->index __VA_OPT__(, ) __VA_ARGS__)

static void tell(const hearing_t *h, event_t e)
{
    e.channel = (uint16_t)h->number;
    client_hears(h->client, &e);
}

/* ---- answers ---- */

/* The oldest method that is answered so. */
static uint32_t answered(const hearing_t *h)
{
    saids_t *l = &h->channel->said;
    amqp_method_id answer = h->id == AMQP_basic_get_empty ? (amqp_method_id)AMQP_basic_get_ok : h->id;
    while (l->begin < l->end && l->items[l->begin].answer == 0)
        l->begin++;
    if (l->begin == l->end || l->items[l->begin].answer != answer)
        fail(h->client, "channel %u: %s, which answers nothing", h->number,
             amqp_method_name(amqp_method_find(h->id)));
    return l->items[l->begin++].cause;
}

/* The first that can be meant by a refusal of this method, and whether another one can: nothing that is known to have been
 * carried out, nothing behind one that has no answer yet, but must have one. */
static uint32_t refused(const hearing_t *h, amqp_method_id method, bool *is_vague)
{
    const saids_t *l = &h->channel->said;
    const op_t *op = ops_first(&h->client->channels[h->number].ops);
    uint32_t first = 0;
    for (size_t i = l->begin; op && i < l->end; i++) {
        const said_t *s = &l->items[i];
        if (s->cause < op->cause)
            continue;
        if (s->method == method && first != 0)
            *is_vague = true;
        else if (s->method == method)
            first = s->cause;
        if (s->answer != 0)
            break;
    }
    return first;
}

/* Of what was said, only a close is still answered. */
static void forget_said(saids_t *l)
{
    size_t kept = l->begin;
    for (size_t i = l->begin; i < l->end; i++)
        if (l->items[i].answer == AMQP_channel_close_ok)
            l->items[kept++] = l->items[i];
    l->end = kept;
}

static void on_channel_close(const hearing_t *h)
{
    const amqp_channel_close_t *m = &h->method->channel_close;
    refusal_t why = {.code = m->reply_code};
    bool is_vague = false;
    size_t len = m->reply_text.len < sizeof why.text ? m->reply_text.len : sizeof why.text - 1;
    memcpy(why.text, m->reply_text.data, len);
    why.cause = refused(h, AMQP_METHOD_ID(m->class_id, m->method_id), &is_vague);
    forget_said(&h->channel->said);
    h->client->channels[h->number].is_vague = is_vague;
    tell(h, (event_t){.type = EVENT_CHANNEL_REFUSED, .refusal = &why});
}

/* ---- consumers ---- */

static uint32_t consumer_of(const hearing_t *h, bytes_t tag)
{
    if (tag.len != 2 || tag.data[0] != 'c')
        fail(h->client, "a consumer of a tag that nobody gave: %.*s", (int)tag.len, (const char *)tag.data);
    return tag.data[1] - (uint32_t)' ';
}

/* ---- methods with a message ---- */

static void begin_message(const hearing_t *h, event_t e, bytes_t exchange, bytes_t key)
{
    wire_channel_t *ch = h->channel;
    e.channel = (uint16_t)h->number;
    ch->event = e;
    ch->is_receiving = true;
    ch->names_len[0] = (uint8_t)exchange.len;
    ch->names_len[1] = (uint8_t)key.len;
    if (exchange.len > 0)
        memcpy(ch->names[0], exchange.data, exchange.len);
    if (key.len > 0)
        memcpy(ch->names[1], key.data, key.len);
}

static void on_deliver(const hearing_t *h)
{
    const amqp_basic_deliver_t *m = &h->method->basic_deliver;
    event_t e = {.type = EVENT_DELIVER,
                 .flags = m->redelivered ? EVENT_REDELIVERED : 0,
                 .consumer = consumer_of(h, m->consumer_tag),
                 .delivery_tag = m->delivery_tag};
    begin_message(h, e, m->exchange, m->routing_key);
}

static void on_get_ok(const hearing_t *h)
{
    const amqp_basic_get_ok_t *m = &h->method->basic_get_ok;
    event_t e = {.type = EVENT_GET_OK,
                 .flags = m->redelivered ? EVENT_REDELIVERED : 0,
                 .cause = answered(h),
                 .message_count = m->message_count,
                 .delivery_tag = m->delivery_tag};
    begin_message(h, e, m->exchange, m->routing_key);
}

static void on_return(const hearing_t *h)
{
    const amqp_basic_return_t *m = &h->method->basic_return;
    if (m->reply_code != REFUSAL_NO_ROUTE)
        fail(h->client, "a message is returned with %u", m->reply_code);
    begin_message(h, (event_t){.type = EVENT_RETURN}, m->exchange, m->routing_key);
}

/* ---- content ---- */

static void end_message(client_t *c, wire_channel_t *ch)
{
    event_t e = ch->event;
    e.message = ch->message;
    ch->is_receiving = false;
    ch->message = NULL;
    message_t *m = (message_t *)(uintptr_t)e.message;
    if (e.type == EVENT_RETURN)
        e.cause = client_cause_of(c, e.channel, m);
    client_hears(c, &e);
    message_free(m);
}

static void on_header(client_t *c, wire_channel_t *ch, bytes_t payload)
{
    amqp_content_header_t header;
    if (!ch->is_receiving || ch->message)
        fail(c, "a header of no message");
    if (!amqp_content_header_decode(payload, &header) || header.class_id != 60)
        fail(c, "a header that is none");
    ch->message =
        message_new(bytes_make(ch->names[0], ch->names_len[0]), bytes_make(ch->names[1], ch->names_len[1]),
                    header.properties, header.body_bytes);
    ch->missing = header.body_bytes;
    if (ch->missing == 0)
        end_message(c, ch);
}

static void on_body(client_t *c, wire_channel_t *ch, bytes_t payload)
{
    if (!ch->message || payload.len > ch->missing)
        fail(c, "octets of no message");
    ch->message = message_append(ch->message, payload, ch->message->body_len + ch->missing);
    ch->missing -= payload.len;
    if (ch->missing == 0)
        end_message(c, ch);
}

/* ---- channel methods ---- */

static void on_confirm(const hearing_t *h)
{
    const amqp_basic_ack_t *ack = &h->method->basic_ack;
    const amqp_basic_nack_t *nack = &h->method->basic_nack;
    event_t e = {.type = EVENT_CONFIRM};
    if (h->id == AMQP_basic_ack)
        e.delivery_tag = ack->delivery_tag, e.flags = ack->multiple ? EVENT_MULTIPLE : 0;
    else
        e.delivery_tag = nack->delivery_tag, e.flags = EVENT_NEGATIVE;
    tell(h, e);
}

static void on_answer(const hearing_t *h)
{
    event_t e = {.type = EVENT_OK, .cause = answered(h)};
    if (h->id == AMQP_queue_declare_ok)
        e.message_count = h->method->queue_declare_ok.message_count;
    if (h->id == AMQP_basic_get_empty)
        e.type = EVENT_GET_EMPTY;
    else if (h->id == AMQP_channel_open_ok)
        e.type = EVENT_CHANNEL_OPENED, e.cause = 0;
    else if (h->id == AMQP_channel_close_ok)
        e.type = EVENT_CHANNEL_CLOSED;
    else if (h->id == AMQP_basic_cancel_ok)
        e.type = EVENT_CONSUMER_CANCELLED,
        e.consumer = consumer_of(h, h->method->basic_cancel_ok.consumer_tag);
    tell(h, e);
}

static void on_channel_method(const hearing_t *h)
{
    switch (h->id) {
    case AMQP_basic_deliver:
        on_deliver(h);
        break;
    case AMQP_basic_get_ok:
        on_get_ok(h);
        break;
    case AMQP_basic_return:
        on_return(h);
        break;
    case AMQP_basic_ack:
    case AMQP_basic_nack:
        on_confirm(h);
        break;
    case AMQP_basic_cancel:
        tell(h, (event_t){.type = EVENT_CONSUMER_GONE,
                          .consumer = consumer_of(h, h->method->basic_cancel.consumer_tag)});
        break;
    case AMQP_channel_close:
        on_channel_close(h);
        break;
    default:
        on_answer(h);
    }
}

/* ---- frames ---- */

static void on_method(client_t *c, unsigned number, bytes_t payload)
{
    amqp_method_t m;
    bytes_reader_t r = bytes_reader(payload);
    amqp_method_id id = read_u32(&r);
    const amqp_method_info_t *info = amqp_method_find(id);
    if (!info || !(amqp_method_sender(info) & AMQP_FROM_SERVER) ||
        amqp_method_decode(info, read_bytes(&r, reader_left(&r)), &m) != AMQP_DECODED)
        fail(c, "a method that is none, %08x", id);
    if (number == 0)
        wire_hear_connection(c, id, &m);
    else if (c->wire.channels[number].is_receiving)
        fail(c, "channel %u: %s within a message", number, amqp_method_name(info));
    else
        on_channel_method(&(hearing_t){c, &c->wire.channels[number], number, id, &m});
}

static void on_frame(client_t *c, const amqp_frame_head_t *head, bytes_t payload)
{
    if (head->channel > CHANNELS ||
        (head->channel == 0 && (head->type == AMQP_FRAME_HEADER || head->type == AMQP_FRAME_BODY)))
        fail(c, "a frame of type %u on channel %u", head->type, head->channel);
    else if (head->type == AMQP_FRAME_METHOD)
        on_method(c, head->channel, payload);
    else if (head->type == AMQP_FRAME_HEADER)
        on_header(c, &c->wire.channels[head->channel], payload);
    else if (head->type == AMQP_FRAME_BODY)
        on_body(c, &c->wire.channels[head->channel], payload);
    else if (head->type != AMQP_FRAME_HEARTBEAT || head->channel != 0 || payload.len > 0)
        fail(c, "a frame of type %u", head->type);
}

void wire_hear(client_t *c)
{
    size_t used = 0;
    bytes_t in = buffer_bytes(&c->wire.got);
    while (in.len - used >= AMQP_FRAME_HEAD_BYTES) {
        amqp_frame_head_t head = amqp_frame_head_decode(in.data + used);
        size_t total = AMQP_FRAME_OVERHEAD + (size_t)head.payload_bytes;
        if (total > AMQP_FRAME_MIN_SIZE)
            fail(c, "a frame of %zu octets", total);
        if (in.len - used < total)
            break;
        if (in.data[used + total - 1] != AMQP_FRAME_END)
            fail(c, "a frame without its end");
        on_frame(c, &head, bytes_make(in.data + used + AMQP_FRAME_HEAD_BYTES, head.payload_bytes));
        used += total;
    }
    buffer_consume(&c->wire.got, used);
}
