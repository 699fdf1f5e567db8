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

/* What was said, frame by frame. One that speaks AMQP, and no header `frames`, says one. */
typedef struct said {
    bytes_reader_t in;
    table_iterator_t lengths;
    bool split;
} said_t;

static said_t said_of(const message_t *m)
{
    field_t frames = {0};
    bool split = table_find(properties_headers(message_properties(m)), BYTES("frames"), &frames) &&
                 frames.tag == 'A' && frames.octets.len > 0;
    return (said_t){bytes_reader(message_body(m)), table_iterate(split ? frames.octets : BYTES("")), split};
}

static bool next_frame(said_t *s, bytes_t *frame)
{
    field_t length;
    if (!array_next(&s->lengths, &length))
        return false;
    uint64_t bytes = (uint64_t)field_integer(&length), left = reader_left(&s->in);
    *frame = read_bytes(&s->in, (size_t)(bytes < left ? bytes : left));
    return true;
}

static bool is_text(const message_t *m)
{
    said_t s = said_of(m);
    bool text = s.split || bytes_are_utf8(message_body(m));
    for (bytes_t frame; text && next_frame(&s, &frame);)
        text = bytes_are_utf8(frame);
    return text;
}

static void write_value(buffer_t *b, const message_t *m, bool base64)
{
    said_t s = said_of(m);
    if (!s.split) {
        write_text(b, message_body(m), base64);
        return;
    }
    char before = '[';
    for (bytes_t frame; next_frame(&s, &frame); before = ',') {
        write_u8(b, (uint8_t)before);
        write_text(b, frame, base64);
    }
    write_u8(b, ']');
}

static engine_t *engine_of(const sync_group_t *g)
{
    return g->queue->vhost->engine;
}

/* It counts as messages do: so handlers that say much, and do not settle, hold publishers back. */
void sync_group_set_value(sync_group_t *g, bytes_t json)
{
    sync_group_forgets(g);
    g->value = bytes_dup(json);
    engine_of(g)->memory_bytes += json.len;
}

void sync_group_forgets(sync_group_t *g)
{
    engine_of(g)->memory_bytes -= g->value.len;
    mem_free((void *)g->value.data);
    g->value = (bytes_t){0};
}

/* A value that is too large for a report is not kept. */
void sync_group_says(sync_group_t *g, const message_t *m)
{
    buffer_t b = {0};
    g->truncated = m->part_count > 0 || m->body_len > SYNC_REPORT_BYTES / 2;
    g->base64 = !g->truncated && !is_text(m);
    if (!g->truncated)
        write_value(&b, m, g->base64);
    if (b.len > SYNC_REPORT_BYTES) {
        g->truncated = true;
        buffer_clear(&b);
    }
    sync_group_set_value(g, buffer_bytes(&b));
    buffer_free(&b);
}

void sync_group_says_text(sync_group_t *g, const char *text)
{
    buffer_t b = {0};
    g->truncated = g->base64 = false;
    write_json_string(&b, bytes_string(text));
    sync_group_set_value(g, buffer_bytes(&b));
    buffer_free(&b);
}
