/* SPDX-License-Identifier: Apache-2.0
 *
 * message.c: what came from the bus, for people and as JSON. */
#include "cli/bus/bus.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"

void bus_message_clear(bus_message_t *m)
{
    buffer_clear(&m->octets);
    buffer_clear(&m->answer_to);
    buffer_clear(&m->correlation);
    m->count = 0;
    m->whole = false;
    m->seq[0] = '\0';
    m->view = m->delivery_count = -1;
}

void bus_message_free(bus_message_t *m)
{
    buffer_free(&m->octets);
    buffer_free(&m->answer_to);
    buffer_free(&m->correlation);
    mem_free(m->ends);
    *m = (bus_message_t){0};
}

void bus_message_add(bus_message_t *m, bytes_t part)
{
    m->ends = mem_grow(m->ends, sizeof *m->ends, m->count, &m->capacity, 8);
    write_bytes(&m->octets, part);
    m->ends[m->count++] = m->octets.len;
}

static bytes_t between(const bus_message_t *m, size_t begin, size_t end)
{
    return end > begin ? bytes_make(m->octets.data + begin, end - begin) : bytes_make(NULL, 0);
}

static bytes_t part_of(const bus_message_t *m, size_t i)
{
    return between(m, i == 0 ? 0 : m->ends[i - 1], m->ends[i]);
}

bytes_t bus_message_topic(const bus_message_t *m)
{
    return m->count > 0 ? part_of(m, 0) : bytes_make(NULL, 0);
}

bytes_t bus_message_body(const bus_message_t *m)
{
    return between(m, m->count > 0 ? m->ends[0] : 0, m->octets.len);
}

/* ---- JSON ---- */

/* RFC 4648, with padding. */
static json_t *base64(bytes_t in)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    buffer_t out = {0};
    for (size_t i = 0; i < in.len; i += 3) {
        size_t left = in.len - i < 3 ? in.len - i : 3;
        uint32_t three = 0;
        for (size_t k = 0; k < 3; k++)
            three = three << 8 | (k < left ? in.data[i + k] : 0);
        for (size_t k = 0; k < 4; k++)
            write_u8(&out, k <= left ? (uint8_t)digits[three >> (18 - 6 * k) & 63] : '=');
    }
    json_t *text = json_stringn((const char *)out.data, out.len);
    buffer_free(&out);
    return text;
}

static json_t *text_or_base64(bytes_t octets, bool utf8)
{
    return utf8 ? print_json_text(octets) : base64(octets);
}

static void set_octets(json_t *object, const char *name, bool utf8, json_t *value)
{
    char key[64];
    text_format(key, sizeof key, "%s%s", name, utf8 ? "" : "64");
    json_object_set_new(object, key, value);
}

void bus_json_octets(json_t *object, const char *name, bytes_t octets)
{
    bool utf8 = bytes_are_utf8(octets);
    set_octets(object, name, utf8, text_or_base64(octets, utf8));
}

/* All frames are text, or all are Base64. */
static void set_frames(json_t *object, const bus_message_t *m)
{
    bool utf8 = true;
    json_t *frames = json_array();
    for (size_t i = 1; i < m->count; i++)
        utf8 = utf8 && bytes_are_utf8(part_of(m, i));
    for (size_t i = 1; i < m->count; i++)
        json_array_append_new(frames, text_or_base64(part_of(m, i), utf8));
    set_octets(object, "body", utf8, frames);
}

json_t *bus_message_json(const bus_message_t *m)
{
    json_t *out = json_object();
    bus_json_octets(out, "topic", bus_message_topic(m));
    if (m->count > 2)
        set_frames(out, m);
    else
        bus_json_octets(out, "body", bus_message_body(m));
    if (m->seq[0])
        json_object_set_new(out, "seq", json_integer((json_int_t)strtoull(m->seq, NULL, 10)));
    if (m->view >= 0)
        json_object_set_new(out, "view", json_integer(m->view));
    if (m->delivery_count >= 0)
        json_object_set_new(out, "delivery_count", json_integer(m->delivery_count));
    return out;
}

/* ---- for people ---- */

void bus_message_print(const bus_message_t *m)
{
    if (!m->whole) {
        print_text(bus_message_topic(m));
        putchar(' ');
    }
    bytes_t body = bus_message_body(m);
    bool ends_line = body.len > 0 && body.data[body.len - 1] == '\n';
    print_text(bytes_make(body.data, body.len - ends_line));
}
