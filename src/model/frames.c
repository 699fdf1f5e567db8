/* SPDX-License-Identifier: Apache-2.0
 *
 * frames.c: the table of frames.h, both ways. Everything that a header says is checked before it is believed: an AMQP
 * publisher may have written it. */
#include "model/frames.h"

#include <assert.h>

#include "base/properties.h"

#define TOPIC_MOST_BYTES UINT8_MAX

/* ---- message → frames ---- */

typedef struct cut {
    bool by_lengths; /* a correct header is there */
    bool topic_in_body;
    bytes_t lengths; /* content of the array */
} cut_t;

/* True if they are lengths that make up a body of so many octets. */
static bool add_up(bytes_t lengths, uint64_t body_bytes)
{
    field_t length;
    uint64_t left = body_bytes;
    table_iterator_t it = table_iterate(lengths);
    while (array_next(&it, &length)) {
        if (!field_is_integer(&length) || field_integer(&length) < 0 ||
            (uint64_t)field_integer(&length) > left)
            return false;
        left -= (uint64_t)field_integer(&length);
    }
    return left == 0;
}

/* Flags (headers, delivery-mode, timestamp), the table and its length, delivery-mode 2; the timestamp follows. */
bool frames_properties_alone(bytes_t properties)
{
    const bytes_t begin = BYTES("\x30\x40\0\0\0\x0c\6framesA\0\0\0\0\2");
    return properties.len == begin.len + sizeof(uint64_t) &&
           memcmp(properties.data, begin.data, begin.len) == 0;
}

static cut_t cut_of(const message_t *m)
{
    cut_t cut = {0};
    field_t frames, in_body;
    bytes_t properties = message_properties(m);
    if (!(properties_flags(properties) & PROPERTY_FLAG(PROPERTY_HEADERS)))
        return cut;
    if (frames_properties_alone(properties))
        return (cut_t){.by_lengths = true, .topic_in_body = true};
    bytes_t headers = properties_headers(properties);
    if (!table_find(headers, BYTES("frames"), &frames) || frames.tag != 'A')
        return cut;
    cut.by_lengths = frames.octets.len == 0 || add_up(frames.octets, message_body_bytes(m));
    cut.lengths = frames.octets;
    cut.topic_in_body =
        cut.by_lengths && (frames.octets.len == 0 || (table_find(headers, BYTES("topic-in-body"), &in_body) &&
                                                      in_body.tag == 't' && field_integer(&in_body) != 0));
    return cut;
}

bytes_t message_topic(const message_t *m)
{
    cut_t cut = cut_of(m);
    field_t first;
    if (!cut.topic_in_body)
        return message_routing_key(m);
    bytes_t body = message_body(m);
    table_iterator_t it = table_iterate(cut.lengths);
    if (array_next(&it, &first) && (uint64_t)field_integer(&first) < body.len)
        body.len = (size_t)field_integer(&first);
    return body;
}

frames_walk_t frames_walk(const message_t *m, bool with_topic)
{
    cut_t cut = cut_of(m);
    bool in_pieces = cut.by_lengths && cut.lengths.len > 0;
    return (frames_walk_t){
        .lengths = table_iterate(cut.lengths),
        .by_lengths = in_pieces,
        .topic_due = with_topic && !cut.topic_in_body,
        .body_due = true,
        .topic = message_routing_key(m),
        .body_bytes = message_body_bytes(m),
    };
}

static bool next_length(frames_walk_t *w, message_frame_t *out)
{
    field_t length;
    if (!array_next(&w->lengths, &length))
        return false;
    *out = (message_frame_t){
        .more = reader_left(&w->lengths.reader) > 0,
        .body_bytes = (uint64_t)field_integer(&length),
    };
    return true;
}

bool frames_next(frames_walk_t *w, message_frame_t *out)
{
    if (w->topic_due) {
        *out = (message_frame_t){.more = true, .is_topic = true, .topic = w->topic};
        w->topic_due = false;
        return true;
    }
    if (w->by_lengths)
        return next_length(w, out);
    if (!w->body_due)
        return false;
    *out = (message_frame_t){.body_bytes = w->body_bytes};
    w->body_due = false;
    return true;
}

frames_form_t frames_form(const message_t *m)
{
    cut_t cut = cut_of(m);
    if (!cut.by_lengths)
        return FRAMES_FORM_TOPIC;
    return cut.lengths.len == 0 ? FRAMES_FORM_ALONE : FRAMES_FORM_CUT;
}

/* ---- frames → message ---- */

static bool ends_word(uint8_t octet)
{
    return octet == ' ' || octet == 0 || octet == '\r' || octet == '\n';
}

bytes_t frames_first_word(bytes_t frame)
{
    size_t len = 0;
    while (len < frame.len && len < TOPIC_MOST_BYTES && !ends_word(frame.data[len]))
        len++;
    return bytes_make(frame.data, len);
}

static uint16_t flags_of(const frames_envelope_t *e, bytes_t headers)
{
    uint16_t flags = PROPERTY_FLAG(PROPERTY_DELIVERY_MODE) | PROPERTY_FLAG(PROPERTY_TIMESTAMP);
    if (headers.len > 0)
        flags |= PROPERTY_FLAG(PROPERTY_HEADERS);
    if (e->correlation_id.len > 0)
        flags |= PROPERTY_FLAG(PROPERTY_CORRELATION_ID);
    if (e->reply_to.len > 0)
        flags |= PROPERTY_FLAG(PROPERTY_REPLY_TO);
    if (e->message_id.len > 0)
        flags |= PROPERTY_FLAG(PROPERTY_MESSAGE_ID);
    if (e->user_id.len > 0)
        flags |= PROPERTY_FLAG(PROPERTY_USER_ID);
    return flags;
}

static void write_if_any(buffer_t *b, bytes_t value)
{
    if (value.len > 0)
        write_short_string(b, value);
}

void frames_write_properties(buffer_t *b, const frames_envelope_t *e, bytes_t headers)
{
    write_u16(b, flags_of(e, headers));
    if (headers.len > 0)
        write_long_string(b, headers);
    write_u8(b, 2);
    write_if_any(b, e->correlation_id);
    write_if_any(b, e->reply_to);
    write_if_any(b, e->message_id);
    write_u64(b, e->time_s);
    write_if_any(b, e->user_id);
}

static void write_lengths(buffer_t *b, const uint64_t *lengths, size_t count)
{
    write_short_string(b, BYTES("frames"));
    write_u8(b, 'A');
    size_t mark = write_length_u32(b);
    for (size_t i = 0; i < count; i++) {
        write_u8(b, 'l');
        write_u64(b, lengths[i]);
    }
    patch_length_u32(b, mark);
}

/* A first frame that is the routing key is no part of the body. */
message_t *frames_message(const frames_envelope_t *e, const uint64_t *lengths, size_t count, bytes_t octets)
{
    assert(count > 0);
    bool alone = e->has_topic && count == 1;
    bool key_is_frame = e->has_topic && count > 1 && lengths[0] <= TOPIC_MOST_BYTES;
    bool topic_in_body = e->has_topic && count > 1 && !key_is_frame;
    bytes_t key = e->routing_key, body = octets;
    buffer_t headers = {0}, properties = {0};
    if (key_is_frame) {
        key = bytes_make(octets.data, (size_t)lengths[0]);
        body = bytes_behind(octets, key.len);
        lengths++, count--;
    } else if (e->has_topic) {
        size_t first = alone || octets.len < lengths[0] ? octets.len : (size_t)lengths[0];
        key = frames_first_word(bytes_make(octets.data, first));
    }
    if (alone)
        write_bytes(&headers, FRAMES_ALONE);
    else if (count != 1 || topic_in_body)
        write_lengths(&headers, lengths, count);
    if (topic_in_body)
        table_put_bool(&headers, "topic-in-body", true);
    frames_write_properties(&properties, e, buffer_bytes(&headers));
    message_t *m = message_new_whole(e->exchange, key, buffer_bytes(&properties), body);
    buffer_free(&headers);
    buffer_free(&properties);
    return m;
}
