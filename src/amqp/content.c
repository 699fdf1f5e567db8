/* SPDX-License-Identifier: Apache-2.0
 *
 * content.c: a publish is three kinds of frames: method, header, body*. The message is made when the header
 * is there and grows as body octets arrive, straight from the input; its last octet makes it a command.
 *
 * Of a large persistent body no more than a part is ever here: as soon as part_bytes octets have come and more are
 * due they go ahead to the engine as a COMMAND_PART, and the message itself grows by what is left after the last
 * part, 1 to part_bytes octets. A publish that ends before that just stops: its channel ends, and with it the engine
 * drops the parts.
 *
 * The order within a channel must be unbroken; frames of other channels may come between. */
#include <assert.h>

#include "amqp/session_internal.h"
#include "base/alloc.h"
#include "base/properties.h"

static bytes_t exchange_of(const amqp_publishing_t *p)
{
    return bytes_make(p->names, p->exchange_len);
}

static bytes_t routing_key_of(const amqp_publishing_t *p)
{
    return bytes_make(p->names + p->exchange_len, p->routing_key_len);
}

/* What an unfinished message takes of memory, as far as its sender decides it. */
static uint64_t held_by(const message_t *m)
{
    return m->properties_len + m->body_len;
}

static void drop_message(amqp_session_t *s, message_t **m)
{
    if (*m)
        s->held_bytes -= held_by(*m);
    message_free(*m);
    *m = NULL;
}

void amqp_content_method(amqp_session_t *s, amqp_channel_t *ch, const amqp_basic_publish_t *m)
{
    (void)s;
    amqp_publishing_t *p = &ch->publishing;
    assert(p->stage == AMQP_STAGE_METHOD && !p->message);
    assert(m->exchange.len <= UINT8_MAX && m->routing_key.len <= UINT8_MAX);
    p->stage = AMQP_STAGE_HEADER;
    p->mandatory = m->mandatory;
    p->immediate = m->immediate;
    p->exchange_len = (uint8_t)m->exchange.len;
    p->routing_key_len = (uint8_t)m->routing_key.len;
    if (m->exchange.len > 0)
        memcpy(p->names, m->exchange.data, m->exchange.len);
    if (m->routing_key.len > 0)
        memcpy(p->names + m->exchange.len, m->routing_key.data, m->routing_key.len);
}

void amqp_content_abandon(amqp_session_t *s, amqp_channel_t *ch)
{
    amqp_publishing_t *p = &ch->publishing;
    drop_message(s, &p->message);
    drop_message(s, &p->part);
    p->stage = AMQP_STAGE_METHOD;
}

/* ---- the whole of it ---- */

uint64_t amqp_content_limit(const amqp_session_t *s)
{
    uint64_t most = s->io->options.max_message_size;
    return most < AMQP_BODY_LIMIT_BYTES ? most : AMQP_BODY_LIMIT_BYTES;
}

static void refuse_publish(amqp_session_t *s, amqp_channel_t *ch)
{
    amqp_publishing_t *p = &ch->publishing;
    if (p->immediate) {
        amqp_refuse_request(s, ch, REFUSAL_NOT_IMPLEMENTED, AMQP_basic_publish, "immediate=true");
        return;
    }
    uint64_t most = amqp_content_limit(s);
    amqp_refuse_request(s, ch, REFUSAL_PRECONDITION_FAILED, AMQP_basic_publish,
                        "message size %llu is larger than %smax size %llu", (unsigned long long)p->body_bytes,
                        most < AMQP_BODY_LIMIT_BYTES ? "configured " : "", (unsigned long long)most);
}

/* The message, or a part of its body, goes to the engine. */
static void push_message(amqp_session_t *s, const amqp_channel_t *ch, command_type_t type, message_t **m)
{
    s->held_bytes -= held_by(*m);
    command_t c = {
        .type = (uint8_t)type,
        .flags = type == COMMAND_PUBLISH && ch->publishing.mandatory ? COMMAND_MANDATORY : 0,
        .channel = ch->number,
        .cause = AMQP_basic_publish,
        .message = *m,
    };
    *m = NULL;
    amqp_session_push(s, &c);
}

static void complete(amqp_session_t *s, amqp_channel_t *ch)
{
    amqp_publishing_t *p = &ch->publishing;
    assert(!p->part);
    if (p->skipped)
        refuse_publish(s, ch);
    else
        push_message(s, ch, COMMAND_PUBLISH, &p->message);
    p->stage = AMQP_STAGE_METHOD;
}

/* ---- frames out of order ---- */

static void refuse_order(amqp_session_t *s, amqp_method_id cause, const char *text)
{
    amqp_refuse_connection(s, REFUSAL_UNEXPECTED_FRAME, cause, "%s", text);
}

void amqp_content_interrupted(amqp_session_t *s, const amqp_channel_t *ch)
{
    if (ch->publishing.stage == AMQP_STAGE_HEADER)
        refuse_order(s, AMQP_basic_publish,
                     "expected content header for class 60, got non content header frame instead");
    else
        refuse_order(s, AMQP_basic_publish, "expected content body, got non content body frame instead");
}

/* The channel if `stage` is what is due on it; NULL if the frame is to be ignored or was refused. */
static amqp_channel_t *due_on(amqp_session_t *s, uint16_t number, amqp_stage_t stage)
{
    amqp_channel_t *ch = amqp_channel_find(s, number);
    if (ch && ch->state == AMQP_CHANNEL_REFUSED)
        return NULL;
    if (ch && ch->publishing.stage == stage)
        return ch;
    if (!ch || ch->publishing.stage == AMQP_STAGE_METHOD)
        refuse_order(s, 0, "expected method frame, got non method frame instead");
    else
        amqp_content_interrupted(s, ch);
    return NULL;
}

/* ---- header ---- */

static bool header_fits(amqp_session_t *s, const amqp_content_header_t *h)
{
    if (h->weight != 0) {
        refuse_order(s, AMQP_basic_publish,
                     "expected content header for class 60, got non content header frame instead");
        return false;
    }
    if (h->class_id != AMQP_CLASS_OF(AMQP_basic_publish)) {
        amqp_refuse_connection(s, REFUSAL_UNEXPECTED_FRAME, AMQP_basic_publish,
                               "expected content header for class 60, got one for class %u instead",
                               h->class_id);
        return false;
    }
    if (h->body_bytes > AMQP_BODY_LIMIT_BYTES) {
        amqp_refuse_connection(s, REFUSAL_FRAME_ERROR, AMQP_basic_publish,
                               "content body size %llu exceeds maximum allowed size %llu",
                               (unsigned long long)h->body_bytes, (unsigned long long)AMQP_BODY_LIMIT_BYTES);
        return false;
    }
    return true;
}

bool amqp_content_in_parts(const amqp_session_t *s, const amqp_content_header_t *h)
{
    uint64_t part_bytes = s->io->options.part_bytes;
    return part_bytes > 0 && h->body_bytes > part_bytes && properties_persistent(h->properties);
}

/* Room is taken at once for a body that may be at hand as a whole; for any other as its octets come, since the input
 * behind its header may be more headers. */
void amqp_content_header(amqp_session_t *s, uint16_t channel, const amqp_content_header_t *h)
{
    amqp_channel_t *ch = due_on(s, channel, AMQP_STAGE_HEADER);
    if (!ch || !header_fits(s, h))
        return;
    amqp_publishing_t *p = &ch->publishing;
    p->stage = AMQP_STAGE_BODY;
    p->body_bytes = h->body_bytes;
    p->body_left = h->body_bytes;
    p->skipped = p->immediate || h->body_bytes > amqp_content_limit(s);
    p->in_parts = !p->skipped && amqp_content_in_parts(s, h);
    if (!p->skipped) {
        uint64_t room = h->body_bytes <= s->input_left && !p->in_parts ? h->body_bytes : 0;
        p->message = message_new(exchange_of(p), routing_key_of(p), h->properties, room);
        s->held_bytes += held_by(p->message);
    }
    if (h->body_bytes == 0)
        complete(s, ch);
}

/* ---- body ---- */

amqp_channel_t *amqp_content_body_frame(amqp_session_t *s, uint16_t channel, uint32_t payload_bytes)
{
    amqp_channel_t *ch = due_on(s, channel, AMQP_STAGE_BODY);
    if (!ch || payload_bytes <= ch->publishing.body_left)
        return ch;
    amqp_refuse_connection(s, REFUSAL_FRAME_ERROR, AMQP_basic_publish,
                           "content body frame exceeds remaining content size");
    return NULL;
}

/* Octets for the part that is under way or begins now; a whole one goes. */
static size_t take_part_octets(amqp_session_t *s, amqp_channel_t *ch, bytes_t octets)
{
    amqp_publishing_t *p = &ch->publishing;
    uint64_t part_bytes = s->io->options.part_bytes;
    if (!p->part)
        p->part = message_new(BYTES(""), BYTES(""), BYTES(""), 0);
    uint64_t room = part_bytes - p->part->body_len;
    size_t take = octets.len < room ? octets.len : (size_t)room;
    p->part = message_append(p->part, bytes_make(octets.data, take), part_bytes);
    s->held_bytes += take;
    if (p->part->body_len == part_bytes)
        push_message(s, ch, COMMAND_PART, &p->part);
    return take;
}

size_t amqp_content_octets(amqp_session_t *s, amqp_channel_t *ch, bytes_t octets)
{
    amqp_publishing_t *p = &ch->publishing;
    assert(p->stage == AMQP_STAGE_BODY && octets.len > 0 && octets.len <= p->body_left);
    size_t take = octets.len;
    if (p->part || (p->in_parts && p->body_left > s->io->options.part_bytes)) {
        take = take_part_octets(s, ch, octets);
    } else if (!p->skipped) {
        p->message = message_append(p->message, octets, p->message->body_len + p->body_left);
        s->held_bytes += take;
    }
    p->body_left -= take;
    return take;
}

void amqp_content_frame_end(amqp_session_t *s, amqp_channel_t *ch)
{
    if (ch->publishing.body_left == 0)
        complete(s, ch);
}

/* ---- what is held ---- */

/* Many channels, each with a body that never ends: their sum is bounded for a connection. Two of the largest and some
 * hundred large headers are more than any client has under way at once. */
static bool hold_too_much(amqp_session_t *s)
{
    uint64_t most = 2 * amqp_content_limit(s) + AMQP_HELD_SPARE_BYTES;
    if (s->held_bytes <= most)
        return false;
    amqp_refuse_connection(s, REFUSAL_RESOURCE_ERROR, AMQP_basic_publish,
                           "unfinished messages hold %llu octets, more than %llu",
                           (unsigned long long)s->held_bytes, (unsigned long long)most);
    return true;
}

/* The engine counts unfinished bodies too while publishes are held back; told in steps, so that small ones cost
 * nothing. */
void amqp_content_report_held(amqp_session_t *s)
{
    if (!s->close_pushed && hold_too_much(s))
        return;
    bool stepped = s->held_bytes / AMQP_HELD_STEP_BYTES != s->held_reported / AMQP_HELD_STEP_BYTES;
    bool emptied = s->held_bytes == 0 && s->held_reported != 0;
    if ((!stepped && !emptied) || !amqp_session_may_push(s) || s->close_pushed)
        return;
    s->held_reported = s->held_bytes;
    command_t c = {.type = COMMAND_HELD, .number = s->held_bytes};
    amqp_session_push(s, &c);
}
