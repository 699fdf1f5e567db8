/* SPDX-License-Identifier: Apache-2.0
 *
 * frames.c: octets → frames.
 *
 *   type:o channel:s size:l payload[size] end:o = 0xCE
 *
 * Body frames are taken as their octets arrive, whatever their size; all others are small and wait until they
 * are whole. Input that cannot be parsed any more (a bad size, end or type) loses the framing: from then on
 * it is thrown away until the socket closes. */
#include "amqp/session_internal.h"

/* Octets of the payload as a frame error quotes them. */
static bytes_t stream_first(const amqp_stream_t *f)
{
    return bytes_make(f->first, f->first_count);
}

static void stream_remember(amqp_stream_t *f, bytes_t octets)
{
    size_t room = sizeof f->first - f->first_count;
    size_t len = octets.len < room ? octets.len : room;
    if (len == 0)
        return;
    memcpy(f->first + f->first_count, octets.data, len);
    f->first_count = (uint8_t)(f->first_count + len);
}

/* Goes on with a frame whose payload is not waited for. A body's octets are taken up to where they make a command: the
 * port's room is looked at before the next ones. */
static size_t stream_step(amqp_session_t *s, bytes_t in)
{
    amqp_stream_t *f = &s->stream;
    size_t take = in.len < f->left ? in.len : f->left;
    if (take > 0 && f->channel)
        take = amqp_content_octets(s, f->channel, bytes_make(in.data, take));
    stream_remember(f, bytes_make(in.data, take));
    f->left -= (uint32_t)take;
    if (f->left > 0 || in.len == take)
        return take;

    amqp_channel_t *ch = f->channel;
    f->active = false;
    f->channel = NULL;
    if (in.data[take] != AMQP_FRAME_END)
        amqp_refuse_frame(s, f->type, stream_first(f), "{invalid_frame_end_marker,%u}", in.data[take]);
    else if (ch)
        amqp_content_frame_end(s, ch);
    return take + 1;
}

static size_t stream_begin(amqp_session_t *s, const amqp_frame_head_t *head, amqp_channel_t *ch, bytes_t in)
{
    s->stream =
        (amqp_stream_t){.active = true, .type = head->type, .left = head->payload_bytes, .channel = ch};
    bytes_t rest = {in.data + AMQP_FRAME_HEAD_BYTES, in.len - AMQP_FRAME_HEAD_BYTES};
    return AMQP_FRAME_HEAD_BYTES + stream_step(s, rest);
}

/* ---- whole frames ---- */

static void method_frame(amqp_session_t *s, uint16_t channel, bytes_t payload)
{
    bytes_reader_t r = bytes_reader(payload);
    uint16_t class_id = read_u16(&r);
    amqp_method_id id = AMQP_METHOD_ID(class_id, read_u16(&r));
    bytes_t arguments = read_bytes(&r, reader_left(&r));
    if (!reader_ok(&r))
        amqp_refuse_frame(s, AMQP_FRAME_METHOD, payload, "unknown_frame");
    else if (channel == 0)
        amqp_connection_method(s, id, arguments);
    else if (s->state == AMQP_STATE_RUNNING)
        amqp_channel_method(s, channel, id, arguments);
    else if (s->state != AMQP_STATE_CLOSING)
        amqp_drop(s, "a method on channel %u while %s", channel, amqp_state_name(s->state));
}

static void content_frame(amqp_session_t *s, const amqp_frame_head_t *head, bytes_t payload)
{
    amqp_content_header_t header;
    if (s->state == AMQP_STATE_CLOSING)
        return;
    if (s->state != AMQP_STATE_RUNNING)
        amqp_drop(s, "a content frame while %s", amqp_state_name(s->state));
    else if (head->channel == 0)
        amqp_refuse_unexpected_frame(s, head->type, payload);
    else if (!amqp_content_header_decode(payload, &header))
        amqp_refuse_frame(s, head->type, payload, "unknown_frame");
    else
        amqp_content_header(s, head->channel, &header);
}

static void heartbeat_frame(amqp_session_t *s, const amqp_frame_head_t *head, bytes_t payload)
{
    if (payload.len > 0)
        amqp_refuse_frame(s, head->type, payload, "unknown_frame");
    else if (head->channel != 0 && s->state != AMQP_STATE_CLOSING)
        amqp_refuse_unexpected_frame(s, head->type, payload);
}

static void whole_frame(amqp_session_t *s, const amqp_frame_head_t *head, bytes_t payload)
{
    switch (head->type) {
    case AMQP_FRAME_METHOD:
        method_frame(s, head->channel, payload);
        return;
    case AMQP_FRAME_HEADER:
    case AMQP_FRAME_BODY:
        content_frame(s, head, payload);
        return;
    case AMQP_FRAME_HEARTBEAT:
        heartbeat_frame(s, head, payload);
        return;
    default:
        amqp_refuse_frame(s, head->type, payload, "unknown_frame");
    }
}

/* ---- heads ---- */

/* True for frames whose payload is not waited for: bodies, and all that a closing connection ignores. */
static bool is_streamed(const amqp_session_t *s, const amqp_frame_head_t *head)
{
    if (head->channel == 0)
        return false;
    if (s->state == AMQP_STATE_CLOSING)
        return head->type <= AMQP_FRAME_BODY && head->type >= AMQP_FRAME_METHOD;
    return s->state == AMQP_STATE_RUNNING && head->type == AMQP_FRAME_BODY;
}

/* RabbitMQ's tolerance: the payload alone may be as large as frame_max. */
static bool size_ok(const amqp_session_t *s, const amqp_frame_head_t *head)
{
    if (s->frame_max != 0 && head->payload_bytes > s->frame_max)
        return false;
    return is_streamed(s, head) || head->payload_bytes <= AMQP_WHOLE_FRAME_LIMIT_BYTES;
}

static void refuse_size(amqp_session_t *s, const amqp_frame_head_t *head)
{
    uint32_t most = AMQP_WHOLE_FRAME_LIMIT_BYTES;
    if (s->frame_max != 0 && s->frame_max - AMQP_FRAME_OVERHEAD < most)
        most = s->frame_max - AMQP_FRAME_OVERHEAD;
    amqp_refuse_frame(s, head->type, (bytes_t){NULL, 0}, "{frame_too_large,%u,%u}", head->payload_bytes,
                      most);
}

/* One frame, or as much of it as can be handled; returns the octets used, 0 if more must arrive first. */
static size_t frame_step(amqp_session_t *s, bytes_t in)
{
    if (in.len < AMQP_FRAME_HEAD_BYTES)
        return 0;
    amqp_frame_head_t head = amqp_frame_head_decode(in.data);
    if (!size_ok(s, &head)) {
        refuse_size(s, &head);
        return in.len;
    }
    if (is_streamed(s, &head)) {
        bool mine = s->state == AMQP_STATE_RUNNING;
        amqp_channel_t *ch = mine ? amqp_content_body_frame(s, head.channel, head.payload_bytes) : NULL;
        return stream_begin(s, &head, ch, in);
    }
    size_t total = AMQP_FRAME_OVERHEAD + (size_t)head.payload_bytes;
    if (in.len < total)
        return 0;
    bytes_t payload = bytes_make(in.data + AMQP_FRAME_HEAD_BYTES, head.payload_bytes);
    uint8_t end = in.data[total - 1];
    s->input_left = in.len - total;
    if (end != AMQP_FRAME_END)
        amqp_refuse_frame(s, head.type, payload, "{invalid_frame_end_marker,%u}", end);
    else
        whole_frame(s, &head, payload);
    return total;
}

/* ---- the door ---- */

/* True if all that comes is thrown away. */
static bool is_deaf(const amqp_session_t *s)
{
    switch (s->state) {
    case AMQP_STATE_ENDING:
    case AMQP_STATE_DROPPING:
    case AMQP_STATE_DONE:
        return true;
    default:
        return s->framing_lost;
    }
}

/* True if the next frame may be looked at; with the port full the session stalls until amqp_io_resume. */
static bool may_go_on(amqp_session_t *s)
{
    if (is_deaf(s) || s->pauses != 0)
        return false;
    bool pushes = s->state == AMQP_STATE_RUNNING || s->state == AMQP_STATE_EXPECT_OPEN;
    if (!pushes || port_room(s->io->port) >= s->io->room_wanted)
        return true;
    list_append(&s->io->stalled, &s->stalled);
    amqp_session_pause(s, AMQP_PAUSE_PORT);
    return false;
}

static size_t next_step(amqp_session_t *s, bytes_t in)
{
    size_t published = s->state == AMQP_STATE_RUNNING ? amqp_content_whole(s, in) : 0;
    return published > 0 ? published : frame_step(s, in);
}

size_t amqp_frames_input(amqp_session_t *s, bytes_t octets)
{
    size_t used = 0;
    while (used < octets.len && may_go_on(s)) {
        bytes_t rest = {octets.data + used, octets.len - used};
        size_t step;
        if (s->state == AMQP_STATE_EXPECT_HEADER)
            step = amqp_handshake_header(s, rest);
        else
            step = s->stream.active ? stream_step(s, rest) : next_step(s, rest);
        if (step == 0)
            break;
        used += step;
    }
    return is_deaf(s) ? octets.len : used;
}

void amqp_send_method(amqp_session_t *s, uint16_t channel, amqp_method_id id, const void *method)
{
    buffer_t *b = &s->io->scratch;
    buffer_clear(b);
    amqp_write_method(b, channel, id, method);
    output_write(s->transport->output, buffer_bytes(b));
}

bool amqp_decode_or_refuse(amqp_session_t *s, amqp_method_id id, bytes_t arguments, amqp_method_t *out)
{
    const amqp_method_info_t *info = amqp_method_find(id);
    if (!info) {
        amqp_refuse_connection(s, REFUSAL_COMMAND_INVALID, id, "unimplemented method");
        return false;
    }
    char rendered[512];
    switch (amqp_method_decode(info, arguments, out)) {
    case AMQP_DECODED:
        return true;
    case AMQP_BAD_UTF8:
        amqp_refuse_connection(s, REFUSAL_FRAME_ERROR, 0, "Malformed UTF-8 in shortstr");
        return false;
    case AMQP_MALFORMED:
        break;
    }
    amqp_render_binary(arguments, rendered, sizeof rendered);
    amqp_refuse_connection(s, REFUSAL_FRAME_ERROR, id, "cannot decode %s", rendered);
    return false;
}
