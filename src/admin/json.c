/* SPDX-License-Identifier: Apache-2.0
 *
 * json.c: what the broker has, octets and field tables, as JSON. */
#include "admin/admin_internal.h"

#include "base/alloc.h"
#include "base/table.h"

/* Octets of a name that is not UTF-8 (a peer may send such): ASCII stays, all else is U+FFFD. */
static json_t *replaced_text(bytes_t text)
{
    buffer_t kept = {0};
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < 0x80)
            write_u8(&kept, text.data[i]);
        else
            write_bytes(&kept, BYTES("\xef\xbf\xbd"));
    }
    json_t *out = json_stringn((const char *)kept.data, kept.len);
    buffer_free(&kept);
    return out;
}

json_t *json_text(bytes_t text)
{
    if (text.len == 0)
        return json_string("");
    return bytes_are_utf8(text) ? json_stringn((const char *)text.data, text.len) : replaced_text(text);
}

/* Digits behind the point, then the number without it. */
static double decimal(bytes_t octets)
{
    bytes_reader_t r = bytes_reader(octets);
    uint8_t scale = read_u8(&r);
    double value = read_u32(&r);
    for (uint8_t i = 0; i < scale; i++)
        value /= 10;
    return value;
}

static json_t *json_field(const field_t *f);

static json_t *json_array_of(bytes_t items)
{
    json_t *out = json_array();
    table_iterator_t it = table_iterate(items);
    field_t value;
    while (array_next(&it, &value))
        json_array_append_new(out, json_field(&value));
    return out;
}

/* A value as RabbitMQ's API shows it. Tables nest at most TABLE_MAX_DEPTH deep. */
static json_t *json_field(const field_t *f)
{
    switch (f->tag) {
    case 't':
        return json_boolean(field_integer(f) != 0);
    case 'D':
        return json_real(decimal(f->octets));
    case 'f':
    case 'd':
        return json_real(field_number(f)); /* NULL for NaN, which JSON has not */
    case 'T':
        return json_integer(field_integer(f));
    case 'S':
    case 'x':
        return json_text(f->octets);
    case 'F':
        return json_table(f->octets);
    case 'A':
        return json_array_of(f->octets);
    default:
        return field_is_integer(f) ? json_integer(field_integer(f)) : json_null();
    }
}

json_t *json_table(bytes_t table)
{
    json_t *out = json_object();
    table_iterator_t it = table_iterate(table);
    bytes_t key;
    field_t value;
    while (table_next(&it, &key, &value)) {
        json_t *name = json_text(key), *item = json_field(&value);
        json_object_set_new(out, json_string_value(name), item ? item : json_null());
        json_decref(name);
    }
    return out;
}

static int append(const char *text, size_t len, void *out)
{
    write_bytes(out, bytes_make(text, len));
    return 0;
}

void json_write(buffer_t *out, json_t *value)
{
    (void)json_dump_callback(value, append, out, JSON_COMPACT | JSON_ENCODE_ANY);
    json_decref(value);
}

/* Copies `path` (a.b.c) of `from` to the same place in `to`, if it is there. */
static void copy_path(json_t *to, const json_t *from, char *path)
{
    for (char *name = path, *dot;; name = dot + 1) {
        json_t *whole = json_object_get(from, name); /* names have dots, too */
        dot = whole ? NULL : strchr(name, '.');
        if (!dot) {
            if (whole)
                json_object_set(to, name, whole);
            return;
        }
        *dot = '\0';
        from = json_object_get(from, name);
        if (!json_is_object(from))
            return;
        json_t *below = json_object_get(to, name);
        if (!below) {
            below = json_object();
            json_object_set_new(to, name, below);
        }
        to = below;
    }
}

json_t *json_columns(json_t *object, bytes_t columns)
{
    json_t *out = json_object();
    char *paths = mem_alloc(columns.len + 1), *rest = paths;
    if (columns.len > 0)
        memcpy(paths, columns.data, columns.len);
    paths[columns.len] = '\0';
    for (char *path; (path = strsep(&rest, ",")) != NULL;)
        copy_path(out, object, path);
    mem_free(paths);
    json_decref(object);
    return out;
}
