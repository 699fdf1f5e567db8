/* SPDX-License-Identifier: Apache-2.0
 *
 * deliver.c: messages on their way out: deliver, get-ok, return.
 *
 * A message is lent by the engine. A small body is copied between its frames in one piece of output; a large
 * one is lent on to the output and leaves from the message itself. Either way the loan goes back when the
 * output has been sent past the message (base/loans.h).
 *
 * The body of a message with parts follows its header as the engine reads it back, in EVENT_CONTENTs of the same
 * channel; each is a loan of its own and begins a body frame of its own. The channel remembers how much is due. */
#include <assert.h>

#include "amqp/session_internal.h"
#include "base/alloc.h"
#include "base/properties.h"
#include "base/table.h"

/* Upper bound of a deliver, get-ok or return frame: three short strings and some numbers. */
#define METHOD_FRAME_MOST_BYTES (AMQP_FRAME_OVERHEAD + 4 + 3 * 256 + 32)
/* Of a header frame, without its properties. */
#define HEADER_FRAME_BYTES (AMQP_FRAME_OVERHEAD + 12)

/* ---- loans ---- */

/* The message just written ends here. */
static void mark(amqp_session_t *s, uint64_t begin)
{
    loans_mark(&s->loans, begin, output_written(s->transport->output));
}

void amqp_loans_return(amqp_session_t *s)
{
    loans_t *l = &s->loans;
    uint64_t back = loans_sent(l, output_sent(s->transport->output));
    s->transport->bounded_bytes = l->delivered_bytes - l->delivered_back;
    if (back == 0 || !amqp_session_may_push(s))
        return;
    command_t c = {.type = COMMAND_SENT, .number = back};
    amqp_session_push(s, &c);
}

/* ---- content ---- */

static size_t slice_bytes(const amqp_session_t *s, size_t body_bytes)
{
    size_t most = s->frame_max != 0 ? s->frame_max - AMQP_FRAME_OVERHEAD : UINT32_MAX;
    return body_bytes < most ? body_bytes : most;
}

static size_t slice_count(const amqp_session_t *s, size_t body_bytes)
{
    size_t slice = slice_bytes(s, body_bytes);
    return slice == 0 ? 0 : (body_bytes + slice - 1) / slice;
}

static void copy_body(amqp_session_t *s, buffer_t *b, uint16_t channel, bytes_t body)
{
    size_t slice = slice_bytes(s, body.len);
    for (size_t at = 0; at < body.len; at += slice) {
        size_t len = body.len - at < slice ? body.len - at : slice;
        amqp_write_body_head(b, channel, (uint32_t)len);
        write_bytes(b, bytes_make(body.data + at, len));
        write_u8(b, AMQP_FRAME_END);
    }
}

/* The end of one frame and the head of the next go in together. */
static void lend_body(amqp_session_t *s, uint16_t channel, bytes_t body)
{
    buffer_t *b = &s->io->scratch;
    size_t slice = slice_bytes(s, body.len);
    buffer_clear(b);
    for (size_t at = 0; at < body.len; at += slice) {
        size_t len = body.len - at < slice ? body.len - at : slice;
        amqp_write_body_head(b, channel, (uint32_t)len);
        output_write(s->transport->output, buffer_bytes(b));
        output_lend(s->transport->output, bytes_make(body.data + at, len));
        buffer_clear(b);
        write_u8(b, AMQP_FRAME_END);
    }
    output_write(s->transport->output, buffer_bytes(b));
}

static bool is_lent(const amqp_session_t *s, bytes_t body)
{
    return body.len > 0 && body.len >= s->io->options.lend_bytes;
}

/* Room for the frames of a body in the output's own memory. */
static size_t copy_bytes(const amqp_session_t *s, bytes_t body)
{
    return is_lent(s, body) ? 0 : body.len + slice_count(s, body.len) * AMQP_FRAME_OVERHEAD;
}

/* Commits what stands in front of the body and sends the body behind it; `b` has room for it if it is copied. */
static void send_body(amqp_session_t *s, buffer_t *b, uint16_t channel, bytes_t body)
{
    bool lent = is_lent(s, body);
    if (!lent)
        copy_body(s, b, channel, body);
    assert(!b->failed);
    output_commit(s->transport->output, b->len);
    if (lent)
        lend_body(s, channel, body);
}

/* Deliveries are counted apart: the engine stops them by itself when the peer does not read. */
static void content_written(amqp_session_t *s, uint64_t begin, bool delivered)
{
    loans_t *l = &s->loans;
    if (delivered)
        l->delivered_bytes += output_written(s->transport->output) - begin;
    s->transport->bounded_bytes = l->delivered_bytes - l->delivered_back;
    mark(s, begin);
}

/* The engine speaks of no channel that the session has forgotten. */
static void body_follows(amqp_session_t *s, uint16_t channel, uint64_t body_bytes, bool delivered)
{
    amqp_channel_t *ch = amqp_channel_of_event(s, channel);
    assert(ch && ch->sending_left == 0);
    ch->sending_left = body_bytes;
    ch->sending_delivered = delivered;
}

/* ---- events ---- */

/* What a handler is told of an event stands in headers; who must answer is told where. Nobody else is: what its publisher is
 * told at its reply-to is the report. */
static bytes_t event_properties(amqp_session_t *s, const event_t *e)
{
    const message_t *m = e->message;
    bytes_t properties = message_properties(m);
    buffer_t *headers = &s->io->headers, *with = &s->io->properties;
    char correlation[EVENT_CORRELATION_MOST_BYTES];
    bool asks = e->flags & EVENT_ASKS;
    buffer_clear(headers);
    write_bytes(headers, properties_headers(properties));
    table_put_long(headers, "x-seq", (int64_t)m->seq);
    table_put_long(headers, "x-view", (int64_t)m->view);
    if (asks)
        table_put_long(headers, "x-delivery-count", (int64_t)e->consumer_count);
    buffer_clear(with);
    properties_write_headers(with, properties, buffer_bytes(headers));
    if (!asks && !properties_has(properties, PROPERTY_REPLY_TO))
        return buffer_bytes(with);
    size_t len = asks ? event_correlation(e, correlation) : 0;
    buffer_clear(headers);
    properties_write_reply(headers, buffer_bytes(with), asks ? EVENT_REPLY_TO : BYTES(""),
                           bytes_make(correlation, len));
    return buffer_bytes(headers);
}

static bytes_t properties_of(amqp_session_t *s, const event_t *e)
{
    return e->message->seq > 0 && e->type != EVENT_RETURN ? event_properties(s, e)
                                                          : message_properties(e->message);
}

static void send_content(amqp_session_t *s, const event_t *e, amqp_method_id id, const void *method)
{
    const message_t *m = e->message;
    output_t *o = s->transport->output;
    uint64_t begin = output_written(o), body_bytes = message_body_bytes(m);
    bool delivered = id == AMQP_basic_deliver, in_parts = m->part_count > 0;
    bytes_t properties = properties_of(s, e), body = in_parts ? BYTES("") : message_body(m);
    size_t room = METHOD_FRAME_MOST_BYTES + HEADER_FRAME_BYTES + properties.len + copy_bytes(s, body);

    buffer_t b = buffer_over(output_reserve(o, room), room);
    amqp_write_method(&b, e->channel, id, method);
    amqp_write_header(&b, e->channel, body_bytes, properties);
    send_body(s, &b, e->channel, body);
    if (in_parts)
        body_follows(s, e->channel, body_bytes, delivered);
    content_written(s, begin, delivered);
}

/* Octets for a channel that has ended in between are dropped; their loan goes back at once. */
void amqp_on_content(amqp_session_t *s, event_t *e)
{
    amqp_channel_t *ch = amqp_channel_of_event(s, e->channel);
    output_t *o = s->transport->output;
    uint64_t begin = output_written(o);
    if (!ch || ch->sending_left == 0) {
        mark(s, begin);
        amqp_loans_return(s);
        return;
    }
    bytes_t body = message_body(e->message);
    assert(body.len <= ch->sending_left);
    ch->sending_left -= body.len;
    size_t room = copy_bytes(s, body);
    buffer_t b = {0};
    if (room > 0)
        b = buffer_over(output_reserve(o, room), room);
    send_body(s, &b, e->channel, body);
    content_written(s, begin, ch->sending_delivered);
}

/* ---- the three of them ---- */

/* Whole, in three frames, and copied. */
static bool is_small(const amqp_session_t *s, const message_t *m)
{
    bytes_t body = message_body(m);
    return m->part_count == 0 && body.len > 0 && !is_lent(s, body) && body.len <= slice_bytes(s, body.len);
}

/* What send_content does, for nearly all there is to do. */
static void send_small(amqp_session_t *s, const event_t *e, const amqp_basic_deliver_t *m)
{
    output_t *o = s->transport->output;
    uint64_t begin = output_written(o);
    bytes_t properties = properties_of(s, e), body = message_body(e->message);
    size_t room =
        METHOD_FRAME_MOST_BYTES + HEADER_FRAME_BYTES + properties.len + AMQP_FRAME_OVERHEAD + body.len;
    buffer_t b = buffer_over(output_reserve(o, room), room);
    amqp_write_delivery(&b, e->channel, m, properties, body);
    output_commit(o, b.len);
    content_written(s, begin, true);
}

void amqp_on_deliver(amqp_session_t *s, event_t *e)
{
    const amqp_consumer_t *c = amqp_consumer_find(s, e->consumer);
    assert(c);
    amqp_basic_deliver_t m = {
        .consumer_tag = amqp_consumer_tag(c),
        .delivery_tag = e->delivery_tag,
        .redelivered = e->flags & EVENT_REDELIVERED,
        .exchange = message_exchange(e->message),
        .routing_key = message_routing_key(e->message),
    };
    if (is_small(s, e->message))
        send_small(s, e, &m);
    else
        send_content(s, e, AMQP_basic_deliver, &m);
}

void amqp_on_get_ok(amqp_session_t *s, event_t *e)
{
    amqp_basic_get_ok_t m = {
        .delivery_tag = e->delivery_tag,
        .redelivered = e->flags & EVENT_REDELIVERED,
        .exchange = message_exchange(e->message),
        .routing_key = message_routing_key(e->message),
        .message_count = e->message_count,
    };
    send_content(s, e, AMQP_basic_get_ok, &m);
}

void amqp_on_return(amqp_session_t *s, event_t *e)
{
    amqp_basic_return_t m = {
        .reply_code = REFUSAL_NO_ROUTE,
        .reply_text = BYTES("NO_ROUTE"),
        .exchange = message_exchange(e->message),
        .routing_key = message_routing_key(e->message),
    };
    send_content(s, e, AMQP_basic_return, &m);
}
