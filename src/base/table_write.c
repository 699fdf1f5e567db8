/* SPDX-License-Identifier: Apache-2.0
 *
 * table_write.c: writing field tables, pair by pair or sorted. */
#include "base/table.h"

#include <assert.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/table_internal.h"

static void put_head(buffer_t *b, bytes_t key, uint8_t tag)
{
    write_short_string(b, key);
    write_u8(b, tag);
}

void table_put_string(buffer_t *b, const char *key, bytes_t value)
{
    put_head(b, bytes_string(key), 'S');
    write_long_string(b, value);
}

void table_put_bool(buffer_t *b, const char *key, bool value)
{
    put_head(b, bytes_string(key), 't');
    write_u8(b, value);
}

void table_put_long(buffer_t *b, const char *key, int64_t value)
{
    put_head(b, bytes_string(key), 'l');
    write_u64(b, (uint64_t)value);
}

void table_put_timestamp(buffer_t *b, const char *key, uint64_t s)
{
    put_head(b, bytes_string(key), 'T');
    write_u64(b, s);
}

void table_put_field(buffer_t *b, bytes_t key, const field_t *value)
{
    const field_type_t *type = field_type(value->tag);
    if (!type) {
        b->failed = true;
        return;
    }
    put_head(b, key, value->tag);
    if (type->layout == LAYOUT_FIXED)
        write_bytes(b, value->octets);
    else
        write_long_string(b, value->octets);
}

size_t table_begin(buffer_t *b, const char *key)
{
    put_head(b, bytes_string(key), 'F');
    return write_length_u32(b);
}

void table_end(buffer_t *b, size_t mark)
{
    patch_length_u32(b, mark);
}

/* ---- sorted ---- */

typedef struct table_pair {
    bytes_t key;
    field_t value;
} table_pair_t;

/* By key; equal keys as they were written, which their place in the octets tells. */
static int compare_pairs(const void *left, const void *right)
{
    const table_pair_t *a = left;
    const table_pair_t *b = right;
    int order = bytes_compare(a->key, b->key);
    return order != 0 ? order : (a->key.data > b->key.data) - (a->key.data < b->key.data);
}

/* The pairs sorted by key, the first of equal keys only; in one allocation. */
static table_pair_t *table_sorted(bytes_t table, size_t *count)
{
    size_t all = table_count(table);
    table_pair_t *pairs = mem_alloc(all * sizeof *pairs);
    table_iterator_t it = table_iterate(table);
    for (size_t i = 0; i < all; i++) {
        bool more = table_next(&it, &pairs[i].key, &pairs[i].value);
        assert(more); /* it was counted the same way */
    }
    qsort(pairs, all, sizeof *pairs, compare_pairs);

    *count = 0;
    for (size_t i = 0; i < all; i++)
        if (*count == 0 || !bytes_equal(pairs[*count - 1].key, pairs[i].key))
            pairs[(*count)++] = pairs[i];
    return pairs;
}

void table_write_sorted(buffer_t *b, bytes_t table)
{
    size_t count;
    table_pair_t *pairs = table_sorted(table, &count);
    for (size_t i = 0; i < count; i++)
        table_put_field(b, pairs[i].key, &pairs[i].value);
    mem_free(pairs);
}
