/* SPDX-License-Identifier: Apache-2.0
 *
 * table.c: walking field tables and arrays.
 *
 *   table:  (key: short string, tag: octet, value)*
 *   array:  (tag: octet, value)*
 *   value:  as many octets as its type has, or for S x A F four octets of length and so many octets
 *
 * Walking reads one level and steps over nested values by their length; only table_valid goes down. */
#include "base/table.h"

#include "base/table_internal.h"

const field_type_t *field_type(uint8_t tag)
{
    static const field_type_t types[128] = {
        ['t'] = {"bool", LAYOUT_FIXED, 1},          ['b'] = {"byte", LAYOUT_FIXED, 1},
        ['B'] = {"unsignedbyte", LAYOUT_FIXED, 1},  ['s'] = {"short", LAYOUT_FIXED, 2},
        ['u'] = {"unsignedshort", LAYOUT_FIXED, 2}, ['I'] = {"signedint", LAYOUT_FIXED, 4},
        ['i'] = {"unsignedint", LAYOUT_FIXED, 4},   ['l'] = {"long", LAYOUT_FIXED, 8},
        ['L'] = {"long", LAYOUT_FIXED, 8},          ['f'] = {"float", LAYOUT_FIXED, 4},
        ['d'] = {"double", LAYOUT_FIXED, 8},        ['D'] = {"decimal", LAYOUT_FIXED, 5},
        ['T'] = {"timestamp", LAYOUT_FIXED, 8},     ['V'] = {"void", LAYOUT_FIXED, 0},
        ['S'] = {"longstr", LAYOUT_LONG_STRING, 0}, ['x'] = {"binary", LAYOUT_LONG_STRING, 0},
        ['A'] = {"array", LAYOUT_ARRAY, 0},         ['F'] = {"table", LAYOUT_TABLE, 0},
    };
    return tag < 128 && types[tag].name ? &types[tag] : NULL;
}

const char *field_type_name(uint8_t tag)
{
    const field_type_t *type = field_type(tag);
    return type ? type->name : "unknown";
}

/* Reads a tag and its value; an unknown tag fails the reader. */
static bool read_field(bytes_reader_t *r, field_t *out)
{
    out->tag = read_u8(r);
    const field_type_t *type = field_type(out->tag);
    if (!type)
        r->failed = true;
    else if (type->layout == LAYOUT_FIXED)
        out->octets = read_bytes(r, type->octets);
    else
        out->octets = read_long_string(r);
    return reader_ok(r);
}

table_iterator_t table_iterate(bytes_t table)
{
    return (table_iterator_t){bytes_reader(table)};
}

bool array_next(table_iterator_t *it, field_t *value)
{
    return reader_ok(&it->reader) && reader_left(&it->reader) > 0 && read_field(&it->reader, value);
}

bool table_next(table_iterator_t *it, bytes_t *key, field_t *value)
{
    if (!reader_ok(&it->reader) || reader_left(&it->reader) == 0)
        return false;
    *key = read_short_string(&it->reader);
    return read_field(&it->reader, value);
}

static bool content_valid(bytes_t content, bool is_table, int depth)
{
    if (depth > TABLE_MAX_DEPTH)
        return false;
    table_iterator_t it = table_iterate(content);
    bytes_t key;
    field_t value;
    while (is_table ? table_next(&it, &key, &value) : array_next(&it, &value)) {
        const field_type_t *type = field_type(value.tag);
        bool nested = type->layout == LAYOUT_TABLE || type->layout == LAYOUT_ARRAY;
        if (nested && !content_valid(value.octets, type->layout == LAYOUT_TABLE, depth + 1))
            return false;
    }
    return reader_done(&it.reader);
}

bool table_valid(bytes_t table)
{
    return content_valid(table, true, 1);
}

bool table_find(bytes_t table, bytes_t key, field_t *value)
{
    table_iterator_t it = table_iterate(table);
    bytes_t at;
    field_t found;
    while (table_next(&it, &at, &found)) {
        if (bytes_equal(at, key)) {
            *value = found;
            return true;
        }
    }
    return false;
}

size_t table_count(bytes_t table)
{
    table_iterator_t it = table_iterate(table);
    bytes_t key;
    field_t value;
    size_t count = 0;
    while (table_next(&it, &key, &value))
        count++;
    return count;
}
