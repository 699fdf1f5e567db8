/* SPDX-License-Identifier: Apache-2.0
 *
 * message_copy.c: a message's octets never change, so one that is to look different is a copy. */
#include "engine/engine_internal.h"

/* All headers but this one; BCC is for the broker alone, a count is written anew. */
static void other_headers(buffer_t *out, bytes_t headers, bytes_t name)
{
    table_iterator_t it = table_iterate(headers);
    bytes_t key;
    field_t value;
    while (table_next(&it, &key, &value))
        if (!bytes_equal(key, name))
            table_put_field(out, key, &value);
}

static message_t *with_headers(const message_t *m, const buffer_t *headers)
{
    buffer_t sorted = {0}, properties = {0};
    table_write_sorted(&sorted, buffer_bytes(headers));
    properties_write_headers(&properties, message_properties(m), buffer_bytes(&sorted));
    message_t *copy = message_with_properties(m, buffer_bytes(&properties));
    buffer_free(&sorted);
    buffer_free(&properties);
    return copy;
}

message_t *message_without_header(const message_t *m, const char *name)
{
    buffer_t kept = {0};
    other_headers(&kept, properties_headers(message_properties(m)), bytes_string(name));
    message_t *copy = with_headers(m, &kept);
    buffer_free(&kept);
    return copy;
}

/* One that the engine counts, as it counts `m`: with its parts, and its number. */
static message_t *counted_copy(engine_t *e, const message_t *m, const buffer_t *headers)
{
    message_t *copy = with_headers(m, headers);
    copy->seq = m->seq;
    copy->view = m->view;
    if (m->part_count > 0) {
        message_part_t *parts = mem_alloc(m->part_count * sizeof *parts);
        memcpy(parts, m->parts, m->part_count * sizeof *parts);
        message_set_parts(copy, parts, m->part_count);
    }
    message_adopt(e, copy);
    parts_refer(e, copy);
    return copy;
}

message_t *message_with_count(engine_t *e, const message_t *m, const char *name, int64_t count)
{
    buffer_t headers = {0};
    other_headers(&headers, properties_headers(message_properties(m)), bytes_string(name));
    table_put_long(&headers, name, count);
    message_t *copy = counted_copy(e, m, &headers);
    copy->record = m->record;
    buffer_free(&headers);
    return copy;
}

message_t *message_drop_header(engine_t *e, message_t *m, const char *name)
{
    bytes_t all = properties_headers(message_properties(m));
    field_t field;
    if (!table_find(all, bytes_string(name), &field))
        return m;
    buffer_t headers = {0};
    other_headers(&headers, all, bytes_string(name));
    message_t *copy = counted_copy(e, m, &headers);
    buffer_free(&headers);
    message_unref(e, m);
    return copy;
}
