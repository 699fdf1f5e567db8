/* SPDX-License-Identifier: Apache-2.0
 *
 * content_whole.c: a publish whose frames are all at hand, as nearly all are: method, header and one body frame become a
 * message and a command in one go. Whatever is unusual, and everything that is wrong, is left to frames.c and content.c,
 * which take the same octets one frame after the other. */
#include "amqp/session_internal.h"

#define PUBLISH_LEAST_BYTES (AMQP_FRAME_OVERHEAD + 4)

/* The payload of the next frame, if it is whole, of this kind, and of `most_bytes` at most. */
static inline bool next_frame(bytes_reader_t *in, size_t most_bytes, uint8_t type, uint16_t channel,
                              bytes_t *payload)
{
    if (reader_left(in) < AMQP_FRAME_OVERHEAD)
        return false;
    amqp_frame_head_t head = amqp_frame_head_decode(in->at);
    size_t whole = AMQP_FRAME_OVERHEAD + (size_t)head.payload_bytes;
    if (head.type != type || head.channel != channel || reader_left(in) < whole || whole > most_bytes ||
        in->at[whole - 1] != AMQP_FRAME_END)
        return false;
    *payload = bytes_make(in->at + AMQP_FRAME_HEAD_BYTES, head.payload_bytes);
    in->at += whole;
    return true;
}

static bool is_publish(bytes_t in)
{
    return in.len >= PUBLISH_LEAST_BYTES && in.data[0] == AMQP_FRAME_METHOD &&
           load_u32(in.data + AMQP_FRAME_HEAD_BYTES) == AMQP_basic_publish;
}

/* An ordinary one: no limit, no part, no refusal comes into it. */
static bool is_plain(const amqp_session_t *s, const amqp_basic_publish_t *m, const amqp_content_header_t *h,
                     bytes_t body)
{
    return !m->immediate && h->class_id == AMQP_CLASS_OF(AMQP_basic_publish) && h->weight == 0 &&
           body.len > 0 && h->body_bytes == body.len && body.len <= amqp_content_limit(s) &&
           !amqp_content_in_parts(s, h);
}

static void push(amqp_session_t *s, uint16_t channel, const amqp_basic_publish_t *m,
                 const amqp_content_header_t *h, bytes_t body)
{
    command_t c = {
        .type = COMMAND_PUBLISH,
        .flags = m->mandatory ? COMMAND_MANDATORY : 0,
        .channel = channel,
        .cause = AMQP_basic_publish,
        .message = message_new_whole(m->exchange, m->routing_key, h->properties, body),
    };
    amqp_session_push(s, &c);
}

size_t amqp_content_whole(amqp_session_t *s, bytes_t in)
{
    if (!is_publish(in))
        return 0;
    bytes_t method, head, body;
    amqp_basic_publish_t m;
    amqp_content_header_t header;
    bytes_reader_t r = bytes_reader(in);
    uint16_t channel = amqp_frame_head_decode(in.data).channel;
    /* not too large, whatever was agreed on */
    size_t most_bytes = s->frame_max != 0 ? s->frame_max : AMQP_FRAME_MIN_SIZE;
    if (!next_frame(&r, most_bytes, AMQP_FRAME_METHOD, channel, &method) || method.len < 4 ||
        !next_frame(&r, most_bytes, AMQP_FRAME_HEADER, channel, &head) ||
        !next_frame(&r, most_bytes, AMQP_FRAME_BODY, channel, &body))
        return 0;
    amqp_channel_t *ch = amqp_channel_find(s, channel);
    if (!ch || ch->state != AMQP_CHANNEL_OPEN || ch->publishing.stage != AMQP_STAGE_METHOD ||
        !amqp_content_header_decode(head, &header) ||
        amqp_publish_decode(bytes_make(method.data + 4, method.len - 4), &m) != AMQP_DECODED ||
        !is_plain(s, &m, &header, body))
        return 0;
    push(s, channel, &m, &header, body);
    return in.len - reader_left(&r);
}
