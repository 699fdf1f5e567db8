/* SPDX-License-Identifier: Apache-2.0
 *
 * deliver.c: messages on their way out.
 *
 * A message is lent by the engine. A small body is copied, a large one lent on to the output, and leaves from the message
 * itself; the loan goes back when the output has been sent past it (base/loans.h). The body of a message with parts
 * follows as the engine reads it back, in EVENT_CONTENTs, each a loan of its own; where frames begin in it is known from
 * the start. */
#include <assert.h>

#include "zmtp/session_internal.h"

/* ---- loans ---- */

static void acknowledge(zmtp_session_t *s)
{
    bool acks = s->role == ZMTP_ROLE_PULLER || s->role == ZMTP_ROLE_DURABLE;
    uint64_t tag = s->loans.tag_back;
    if (!acks || tag == s->tag_acked)
        return;
    s->tag_acked = tag;
    zmtp_session_push(s, (command_t){.type = COMMAND_ACK, .flags = COMMAND_MULTIPLE, .number = tag});
}

void zmtp_loans_return(zmtp_session_t *s)
{
    loans_t *l = &s->loans;
    uint64_t back = loans_sent(l, output_sent(s->transport->output));
    s->transport->bounded_bytes = l->delivered_bytes - l->delivered_back;
    if (back == 0 || !zmtp_session_may_push(s))
        return;
    zmtp_session_push(s, (command_t){.type = COMMAND_SENT, .number = back});
    acknowledge(s);
}

/* The engine stops deliveries by itself when the peer does not read: they are counted apart from answers. */
static void written(zmtp_session_t *s, uint64_t begin, bool delivered)
{
    loans_t *l = &s->loans;
    uint64_t end = output_written(s->transport->output);
    if (delivered)
        l->delivered_bytes += end - begin;
    s->transport->bounded_bytes = l->delivered_bytes - l->delivered_back;
    loans_mark(l, begin, end);
}

void zmtp_drop_loan(zmtp_session_t *s)
{
    uint64_t end = output_written(s->transport->output);
    loans_mark(&s->loans, end, end);
    zmtp_loans_return(s);
}

/* ---- messages ---- */

bool zmtp_has_topic(const message_t *m)
{
    return m->exchange_len > 0;
}

/* [topic][body], or [body], copied; nearly all there is to do. */
static void send_plain(zmtp_session_t *s, bytes_t head, const message_t *m, bool with_topic)
{
    output_t *o = s->transport->output;
    bytes_t topic = message_routing_key(m), body = message_body(m);
    size_t most = head.len + topic.len + body.len + 2 * ZMTP_FRAME_HEAD_MOST_BYTES;
    uint8_t *start = output_reserve(o, most), *at = put_bytes(start, head);
    if (with_topic)
        at = put_bytes(zmtp_put_frame_head(at, ZMTP_MORE, topic.len), topic);
    at = put_bytes(zmtp_put_frame_head(at, 0, body.len), body);
    output_commit(o, (size_t)(at - start));
}

static void send_frames(zmtp_session_t *s, bytes_t head, const message_t *m, bool with_topic)
{
    message_frame_t f;
    bytes_t body = message_body(m);
    frames_walk_t walk = frames_walk(m, with_topic);
    zmtp_send(s, head);
    while (frames_next(&walk, &f)) {
        uint8_t flags = f.more ? ZMTP_MORE : 0;
        size_t len = (size_t)f.body_bytes;
        if (f.is_topic)
            zmtp_send_frame(s, flags, f.topic, false);
        else
            zmtp_send_frame(s, flags, bytes_make(body.data, len), true);
        body = bytes_behind(body, len);
    }
}

static bool is_small(const zmtp_session_t *s, const message_t *m, frames_form_t form)
{
    return form != FRAMES_FORM_CUT && !s->handshake.curve && m->body_len < s->io->options.lend_bytes;
}

/* ---- with parts ---- */

/* The walk outlives the loan of the message that it was begun with. */
static void sending_begin(zmtp_session_t *s, const message_t *m, bool with_topic)
{
    zmtp_sending_t *out = &s->sending;
    assert(out->body_left == 0);
    out->walk = frames_walk(m, with_topic);
    out->body_left = message_body_bytes(m);
    out->frame_open = false;
    buffer_clear(&out->lengths);
    write_bytes(&out->lengths,
                bytes_make(out->walk.lengths.reader.at, reader_left(&out->walk.lengths.reader)));
    out->walk.lengths = table_iterate(buffer_bytes(&out->lengths));
    if (out->walk.topic_due && frames_next(&out->walk, &out->frame))
        zmtp_send_frame(s, ZMTP_MORE, out->frame.topic, false);
}

static void open_frame(zmtp_session_t *s)
{
    zmtp_sending_t *out = &s->sending;
    if (!frames_next(&out->walk, &out->frame))
        return;
    out->frame_open = true;
    out->frame_left = out->frame.body_bytes;
    if (s->handshake.curve)
        return;
    uint8_t *at = output_reserve(s->transport->output, ZMTP_FRAME_HEAD_MOST_BYTES);
    uint8_t *end = zmtp_put_frame_head(at, out->frame.more ? ZMTP_MORE : 0, out->frame.body_bytes);
    output_commit(s->transport->output, (size_t)(end - at));
}

static void send_octets(zmtp_session_t *s, bytes_t octets)
{
    if (octets.len == 0)
        return;
    if (s->handshake.curve)
        write_bytes(&s->sending.body, octets);
    else if (octets.len >= s->io->options.lend_bytes)
        output_lend(s->transport->output, octets);
    else
        output_write(s->transport->output, octets);
}

static void close_frame(zmtp_session_t *s)
{
    zmtp_sending_t *out = &s->sending;
    out->frame_open = false;
    if (!s->handshake.curve)
        return;
    zmtp_send_frame(s, out->frame.more ? ZMTP_MORE : 0, buffer_bytes(&out->body), false);
    buffer_free(&out->body);
}

/* Octets in order, over as many frames as they are; empty frames come where they stand. */
static void sending_go_on(zmtp_session_t *s, bytes_t octets)
{
    zmtp_sending_t *out = &s->sending;
    for (;;) {
        if (!out->frame_open)
            open_frame(s);
        if (!out->frame_open)
            return; /* behind the last */
        size_t len = octets.len < out->frame_left ? octets.len : (size_t)out->frame_left;
        send_octets(s, bytes_make(octets.data, len));
        octets = bytes_behind(octets, len);
        out->frame_left -= len;
        if (out->frame_left > 0)
            return;
        close_frame(s);
        if (octets.len == 0 && out->body_left > 0)
            return; /* the next head with its octets */
    }
}

void zmtp_on_content(zmtp_session_t *s, event_t *e)
{
    zmtp_sending_t *out = &s->sending;
    bytes_t body = message_body(e->message);
    uint64_t begin = output_written(s->transport->output);
    if (out->body_left == 0) {
        zmtp_drop_loan(s);
        return;
    }
    assert(body.len <= out->body_left);
    out->body_left -= body.len;
    sending_go_on(s, body);
    if (out->body_left == 0) {
        s->loans.tag = out->tag;
        zmtp_send_pong(s);
    }
    written(s, begin, true);
}

/* ---- the door ---- */

void zmtp_deliver(zmtp_session_t *s, const event_t *e, bytes_t head, bool with_topic)
{
    const message_t *m = e->message;
    uint64_t begin = output_written(s->transport->output);
    if (m->part_count > 0) {
        zmtp_send(s, head);
        sending_begin(s, m, with_topic);
        s->sending.tag = e->delivery_tag;
    } else {
        frames_form_t form = frames_form(m);
        if (is_small(s, m, form))
            send_plain(s, head, m, with_topic && form == FRAMES_FORM_TOPIC);
        else
            send_frames(s, head, m, with_topic);
        s->loans.tag = e->delivery_tag;
    }
    written(s, begin, true);
}

void zmtp_deliver_report(zmtp_session_t *s, bytes_t head, const message_t *m)
{
    uint64_t begin = output_written(s->transport->output);
    zmtp_send(s, head);
    zmtp_send_frame(s, 0, message_body(m), true);
    written(s, begin, false);
}
