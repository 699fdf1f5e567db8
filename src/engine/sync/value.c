/* SPDX-License-Identifier: Apache-2.0
 *
 * value.c: what a handler said, as a JSON value: a text, or an array of texts if it was several frames; base64 where
 * any of them is not UTF-8. */
#include "engine/sync/sync_internal.h"
#include "model/frames.h"

static void write_text(buffer_t *b, bytes_t frame, bool base64)
{
    if (!base64) {
        write_json_string(b, frame);
        return;
    }
    write_u8(b, '"');
    write_base64(b, frame);
    write_u8(b, '"');
}

/* The frames behind the topic; a handler that speaks AMQP said one. */
static void write_value(buffer_t *b, const message_t *m, bool base64)
{
    bytes_t body = message_body(m);
    field_t frames, length;
    bool split = table_find(properties_headers(message_properties(m)), BYTES("frames"), &frames) &&
                 frames.tag == 'A' && frames.octets.len > 0;
    table_iterator_t it = table_iterate(frames.octets);
    bytes_reader_t in = bytes_reader(body);
    size_t count = 0;
    if (!split) {
        write_text(b, body, base64);
        return;
    }
    while (array_next(&it, &length)) {
        uint64_t bytes = (uint64_t)field_integer(&length);
        write_u8(b, count++ == 0 ? '[' : ',');
        write_text(b, read_bytes(&in, bytes < reader_left(&in) ? (size_t)bytes : reader_left(&in)), base64);
    }
    write_u8(b, ']');
}

static void set_value(sync_group_t *g, buffer_t *b)
{
    mem_free((void *)g->value.data);
    g->value = bytes_dup(buffer_bytes(b));
    buffer_free(b);
}

void sync_group_says(sync_group_t *g, const message_t *m)
{
    buffer_t b = {0};
    bytes_t body = message_body(m);
    g->truncated = message_body_bytes(m) > SYNC_REPORT_BYTES / 2;
    g->base64 = !bytes_are_utf8(body);
    if (!g->truncated)
        write_value(&b, m, g->base64);
    set_value(g, &b);
}

void sync_group_says_text(sync_group_t *g, const char *text)
{
    buffer_t b = {0};
    g->truncated = g->base64 = false;
    write_json_string(&b, bytes_string(text));
    set_value(g, &b);
}
