/* SPDX-License-Identifier: Apache-2.0
 *
 * table.h: AMQP field tables, read and written in place.
 *
 * A table is kept as the octets it came in, without its leading length ("the table's content"); nothing is parsed
 * into objects. Values have RabbitMQ's types (AMQP 0-9-1 errata, "Type tags in use"): t b B s u I i l L f d D S A F
 * T V x, where 's' is a signed 16-bit number and both 'l' and 'L' are signed 64-bit. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

/* Tables nested deeper than this are refused: far beyond any client, small enough for recursion. */
#define TABLE_MAX_DEPTH 64

typedef struct field {
    uint8_t tag;    /* the type tag as it was written */
    bytes_t octets; /* the value without its tag: for S, x, A, F the content without the length */
} field_t;

typedef struct table_iterator {
    bytes_reader_t reader;
} table_iterator_t;

/* True if the content is well-formed all the way down: known tags, exact lengths, depth ≤ TABLE_MAX_DEPTH. */
bool table_valid(bytes_t table);

table_iterator_t table_iterate(bytes_t table);

/* The next pair, in the order written; false at the end or at malformed content. */
bool table_next(table_iterator_t *it, bytes_t *key, field_t *value);

/* The same for the content of an array (tag 'A'). */
bool array_next(table_iterator_t *it, field_t *value);

/* The first value with this key; false if there is none. */
bool table_find(bytes_t table, bytes_t key, field_t *value);

/* Number of pairs. */
size_t table_count(bytes_t table);

/* ---- one value ---- */

/* True for b B s u I i l L (not T, d, S): RabbitMQ's "integer". */
bool field_is_integer(const field_t *f);

/* The value of an integer field, sign-extended; of 't', 0 or 1; of T, the seconds. 0 for other tags. */
int64_t field_integer(const field_t *f);

/* The value of f, d, and of integers; 0 otherwise. */
double field_number(const field_t *f);

/* RabbitMQ's name of the type: "longstr", "signedint", "long", "bool", "table", "array", "void", … as it stands in
 * its error texts; "unknown" for a tag outside the table. 'L' is "long" too. */
const char *field_type_name(uint8_t tag);

/* Same value as RabbitMQ's equivalence checks see it: integers of any width by value, floats of both widths by value,
 * bool only with bool, everything else (tables and arrays too) with the same type and octets. */
bool field_equal(const field_t *a, const field_t *b);

/* The value as a person reads it in an error text: 1000, abc, true, 1.5; tables and arrays as {…} and […]; cut to
 * fit. Returns the length. */
size_t field_text(const field_t *f, char *out, size_t out_bytes);

/* ---- writing ---- */

void table_put_string(buffer_t *b, const char *key, bytes_t value);
void table_put_bool(buffer_t *b, const char *key, bool value);
void table_put_long(buffer_t *b, const char *key, int64_t value);     /* tag l */
void table_put_timestamp(buffer_t *b, const char *key, uint64_t s);   /* tag T */
void table_put_field(buffer_t *b, bytes_t key, const field_t *value); /* as it was read */

/* A nested table: mark = table_begin(b, key); … table_put_… ; table_end(b, mark). */
size_t table_begin(buffer_t *b, const char *key);
void table_end(buffer_t *b, size_t mark);

/* Writes the table's pairs sorted by key (bytewise), the first of equal keys only, nested values as they are: two
 * tables that differ only in the order of keys become the same octets. */
void table_write_sorted(buffer_t *b, bytes_t table);
