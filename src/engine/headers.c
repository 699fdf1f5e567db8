/* SPDX-License-Identifier: Apache-2.0
 *
 * headers.c: does a message's headers table satisfy a headers binding? RabbitMQ's rules: x-match = all (also
 * when absent), any, all-with-x, any-with-x; criteria whose key begins with "x-" count only in the -with-x
 * modes; a void value asks only that the header is there. */
#include "engine/engine_internal.h"

static bool is_text(const field_t *f)
{
    return f->tag == 'S' || f->tag == 'x';
}

/* Text is text, as longstr or as binary; everything else as field_equal has it. */
static bool same_value(const field_t *a, const field_t *b)
{
    if (is_text(a) && is_text(b))
        return bytes_equal(a->octets, b->octets);
    return field_equal(a, b);
}

static bool criterion_met(bytes_t headers, bytes_t key, const field_t *wanted)
{
    field_t value;
    if (!table_find(headers, key, &value))
        return false;
    return wanted->tag == 'V' || same_value(wanted, &value);
}

bool headers_match(bytes_t criteria, bytes_t headers)
{
    field_t mode;
    bytes_t how = BYTES("all");
    if (table_find(criteria, BYTES("x-match"), &mode))
        how = mode.octets;
    bool any = bytes_starts_with(how, BYTES("any"));
    bool with_x = bytes_equal(how, BYTES("all-with-x")) || bytes_equal(how, BYTES("any-with-x"));

    table_iterator_t it = table_iterate(criteria);
    bytes_t key;
    field_t wanted;
    while (table_next(&it, &key, &wanted)) {
        if (bytes_equal(key, BYTES("x-match")) || (!with_x && bytes_starts_with(key, BYTES("x-"))))
            continue;
        if (criterion_met(headers, key, &wanted) == any)
            return any; /* any: the first hit decides; all: the first miss */
    }
    return !any;
}
