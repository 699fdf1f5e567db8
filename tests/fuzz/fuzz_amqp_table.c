/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_amqp_table.c: field tables, arrays and basic properties. The first octet says what follows: 't' a
 * table's content, 'a' an array's, 'p' properties. Walking never goes past the end, valid or not; what is
 * valid can be found, compared, shown, sorted and written again. */
#include <assert.h>
#include <stdlib.h>

#include "base/properties.h"
#include "base/table.h"

#define TEXT_BYTES  64
#define WALK_DEPTH  (2 * TABLE_MAX_DEPTH) /* invalid tables may be deeper than valid ones */
#define EQUAL_BYTES 256 /* compared with each other only up to this size: that is quadratic */

static void walk_table(bytes_t table, int depth);
static void walk_array(bytes_t array, int depth);

static void look_at(const field_t *f, int depth)
{
    char text[TEXT_BYTES];
    size_t room = 1 + f->octets.len % TEXT_BYTES;
    size_t len = field_text(f, text, room);
    assert(len < room && strlen(text) <= len);
    assert(field_type_name(f->tag));
    (void)field_integer(f), (void)field_number(f);
    if (depth > 0 && f->tag == 'F')
        walk_table(f->octets, depth - 1);
    if (depth > 0 && f->tag == 'A')
        walk_array(f->octets, depth - 1);
}

static void walk_table(bytes_t table, int depth)
{
    table_iterator_t it = table_iterate(table);
    bytes_t key;
    field_t value;
    while (table_next(&it, &key, &value))
        look_at(&value, depth);
}

static void walk_array(bytes_t array, int depth)
{
    table_iterator_t it = table_iterate(array);
    field_t value;
    while (array_next(&it, &value))
        look_at(&value, depth);
}

/* The table made of all pairs, written one by one, is the same octets. */
static void copy_pairs(bytes_t table)
{
    buffer_t copy = {0};
    table_iterator_t it = table_iterate(table);
    bytes_t key;
    field_t value, found;
    size_t pairs = 0;
    while (table_next(&it, &key, &value)) {
        assert(table_find(table, key, &found));
        table_put_field(&copy, key, &value);
        pairs++;
    }
    assert(pairs == table_count(table));
    assert(!copy.failed && bytes_equal(buffer_bytes(&copy), table));
    buffer_free(&copy);
}

/* Sorting twice is sorting once; every key survives with its first value; nothing is out of order. */
static void sort_pairs(bytes_t table)
{
    buffer_t once = {0}, twice = {0};
    table_write_sorted(&once, table);
    bytes_t sorted = buffer_bytes(&once), key, last = {0};
    assert(!once.failed && table_valid(sorted));
    table_iterator_t it = table_iterate(sorted);
    field_t value, first;
    for (size_t i = 0; table_next(&it, &key, &value); i++) {
        assert(i == 0 || bytes_compare(last, key) < 0);
        assert(table_find(table, key, &first) && first.tag == value.tag &&
               bytes_equal(first.octets, value.octets));
        last = key;
    }
    table_write_sorted(&twice, sorted);
    assert(bytes_equal(sorted, buffer_bytes(&twice)));
    buffer_free(&once);
    buffer_free(&twice);
}

/* Equality does not depend on which side a value stands. */
static void compare_pairs(bytes_t table)
{
    table_iterator_t outer = table_iterate(table);
    bytes_t key;
    field_t a, b;
    while (table_next(&outer, &key, &a)) {
        table_iterator_t inner = table_iterate(table);
        while (table_next(&inner, &key, &b))
            assert(field_equal(&a, &b) == field_equal(&b, &a));
    }
}

static void try_table(bytes_t table)
{
    walk_table(table, WALK_DEPTH);
    if (!table_valid(table))
        return;
    copy_pairs(table);
    sort_pairs(table);
    if (table.len <= EQUAL_BYTES)
        compare_pairs(table);
}

/* An array is valid if a table that has nothing but it is. */
static void try_array(bytes_t array)
{
    walk_array(array, WALK_DEPTH);
    buffer_t table = {0};
    field_t field = {.tag = 'A', .octets = array};
    table_put_field(&table, BYTES("k"), &field);
    try_table(buffer_bytes(&table));
    buffer_free(&table);
}

static void try_properties(bytes_t properties)
{
    if (!properties_valid(properties))
        return;
    for (property_t p = 0; p < PROPERTY_COUNT; p++) {
        bytes_t value;
        assert(properties_get(properties, p, &value) == properties_has(properties, p));
    }
    (void)properties_persistent(properties);
    bytes_t headers = properties_headers(properties);
    try_table(headers);
    buffer_t same = {0}, other = {0};
    properties_write_headers(&same, properties, headers);
    assert(properties_valid(buffer_bytes(&same)) &&
           bytes_equal(properties_headers(buffer_bytes(&same)), headers));
    if (headers.len > 0) /* an empty table may be left out */
        assert(bytes_equal(buffer_bytes(&same), properties));
    properties_write_headers(&other, properties, BYTES("\x01kV"));
    assert(properties_valid(buffer_bytes(&other)));
    assert(bytes_equal(properties_headers(buffer_bytes(&other)), BYTES("\x01kV")));
    assert(properties_persistent(buffer_bytes(&other)) == properties_persistent(properties));
    buffer_free(&same);
    buffer_free(&other);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    if (len == 0)
        return 0;
    bytes_t rest = bytes_make(data + 1, len - 1);
    if (data[0] == 't')
        try_table(rest);
    if (data[0] == 'a')
        try_array(rest);
    if (data[0] == 'p')
        try_properties(rest);
    return 0;
}
