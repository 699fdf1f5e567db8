/* SPDX-License-Identifier: Apache-2.0
 *
 * headers.c: does a message's headers table satisfy a headers binding? RabbitMQ's rules: x-match = all (also
 * when absent), any, all-with-x, any-with-x; criteria whose key begins with "x-" count only in the -with-x
 * modes; a void value asks only that the header is there.
 *
 * Both tables are sorted, so that a comparison is one walk along both, however large they are. */
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

/* Headers, sorted, that are walked beside the criteria. */
typedef struct walk {
    table_iterator_t it;
    bytes_t key;
    field_t value;
    bool more;
} walk_t;

static void walk_on(walk_t *w)
{
    w->more = table_next(&w->it, &w->key, &w->value);
}

/* Criteria come sorted, so what is below this one's key is of no more use. */
static bool criterion_met(walk_t *w, bytes_t key, const field_t *wanted)
{
    while (w->more && bytes_compare(w->key, key) < 0)
        walk_on(w);
    if (!w->more || !bytes_equal(w->key, key))
        return false;
    return wanted->tag == 'V' || same_value(wanted, &w->value);
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
    walk_t walk = {.it = table_iterate(headers)};
    walk_on(&walk);
    while (table_next(&it, &key, &wanted)) {
        if (bytes_equal(key, BYTES("x-match")) || (!with_x && bytes_starts_with(key, BYTES("x-"))))
            continue;
        if (criterion_met(&walk, key, &wanted) == any)
            return any; /* any: the first hit decides; all: the first miss */
    }
    return !any;
}
