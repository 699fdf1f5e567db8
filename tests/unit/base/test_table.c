/* SPDX-License-Identifier: Apache-2.0
 *
 * Field tables: what is well-formed, walking, finding. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "base/table.h"

/* One pair of every type, with its value's octets. */
static const struct {
    uint8_t tag;
    const char *name;
    bytes_t pair;
    size_t value_len;
} vectors[] = {
    {'t', "bool", BYTES("\1kt\x01"), 1},
    {'b', "byte", BYTES("\1kb\xff"), 1},
    {'B', "unsignedbyte", BYTES("\1kB\xff"), 1},
    {'s', "short", BYTES("\1ks\xff\xfe"), 2},
    {'u', "unsignedshort", BYTES("\1ku\xff\xfe"), 2},
    {'I', "signedint", BYTES("\1kI\xff\xff\xff\xfd"), 4},
    {'i', "unsignedint", BYTES("\1ki\xff\xff\xff\xfd"), 4},
    {'l', "long", BYTES("\1kl\x80\0\0\0\0\0\0\0"), 8},
    {'L', "long", BYTES("\1kL\xff\xff\xff\xff\xff\xff\xff\xff"), 8},
    {'f', "float", BYTES("\1kf\x3f\xc0\0\0"), 4},
    {'d', "double", BYTES("\1kd\x3f\xf8\0\0\0\0\0\0"), 8},
    {'D', "decimal", BYTES("\1kD\2\0\0\x30\x39"), 5},
    {'S', "longstr", BYTES("\1kS\0\0\0\3a\xff\0"), 3},
    {'x', "binary", BYTES("\1kx\0\0\0\2\0\1"), 2},
    {'A', "array", BYTES("\1kA\0\0\0\5t\1s\0\1"), 5},
    {'F', "table", BYTES("\1kF\0\0\0\4\1at\1"), 4},
    {'T', "timestamp", BYTES("\1kT\0\0\0\0\x65\x92\0\x80"), 8},
    {'V', "void", BYTES("\1kV"), 0},
};

#define VECTORS (sizeof vectors / sizeof *vectors)

/* All vectors as one table, the keys "A", "B", …. */
static void write_all(buffer_t *b)
{
    for (size_t i = 0; i < VECTORS; i++) {
        size_t at = b->len;
        write_bytes(b, vectors[i].pair);
        b->data[at + 1] = (uint8_t)('A' + i);
    }
}

static void every_type_is_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < VECTORS; i++) {
        assert_true(table_valid(vectors[i].pair));
        table_iterator_t it = table_iterate(vectors[i].pair);
        bytes_t key;
        field_t f;
        assert_true(table_next(&it, &key, &f));
        assert_true(bytes_equal(key, BYTES("k")));
        assert_int_equal(f.tag, vectors[i].tag);
        assert_int_equal(f.octets.len, vectors[i].value_len);
        assert_string_equal(field_type_name(f.tag), vectors[i].name);
        assert_false(table_next(&it, &key, &f));
        assert_true(reader_done(&it.reader));
    }
}

/* A copy of exactly this size, so that a sanitizer sees a step too far. */
static bytes_t exact_copy(bytes_t b)
{
    uint8_t *copy = malloc(b.len ? b.len : 1);
    assert_non_null(copy);
    if (b.len > 0)
        memcpy(copy, b.data, b.len);
    return bytes_make(copy, b.len);
}

static void walk_to_the_end(bytes_t table)
{
    table_iterator_t it = table_iterate(table);
    bytes_t key;
    field_t f;
    while (table_next(&it, &key, &f))
        assert_true(f.octets.len <= table.len);
}

static void every_prefix_of_every_vector_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < VECTORS; i++)
        for (size_t len = 1; len < vectors[i].pair.len; len++) {
            bytes_t cut = exact_copy(bytes_make(vectors[i].pair.data, len));
            assert_false(table_valid(cut));
            walk_to_the_end(cut);
            assert_int_equal(table_count(cut), 0);
            free((void *)(uintptr_t)cut.data);
        }
    assert_true(table_valid((bytes_t){NULL, 0}));
}

static void every_tag_outside_the_table_is_refused(void **state)
{
    (void)state;
    for (unsigned tag = 0; tag < 256; tag++) {
        uint8_t octets[3 + 16] = {1, 'k', (uint8_t)tag};
        bool known = tag != 0 && strchr("tbBsuIilLfdDSAFTVx", (int)tag) != NULL;
        bool valid = false;
        for (size_t len = 3; len <= sizeof octets; len++)
            valid = valid || table_valid(bytes_make(octets, len));
        assert_int_equal(valid, known);
        assert_int_equal(strcmp(field_type_name((uint8_t)tag), "unknown") != 0, known);
    }
}

static void wrong_lengths_are_refused(void **state)
{
    (void)state;
    static const bytes_t bad[] = {
        BYTES("\1kS\0\0\0\4abc"), /* longer than there is */
        BYTES("\1kS\xff\xff\xff\xff"
              "abc"),
        BYTES("\1kS\0\0\0\2abc"),    /* shorter: what is left is no pair */
        BYTES("\1kF\0\0\0\3\1at\1"), /* ends within a nested pair */
        BYTES("\1kA\0\0\0\1t\1"),    /* ends within an item */
        BYTES("\1kA\0\0\0\1Z"),      /* a bad tag, nested */
        BYTES("\1kF\0\0\0\3\1aZ"),
        BYTES("\xffkt\1"), /* a key longer than there is */
        BYTES("\1kt\1\0"), /* an octet behind */
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_false(table_valid(bad[i]));
        walk_to_the_end(bad[i]);
    }
}

/* The content of a table in which `levels` - 1 tables or arrays are nested. */
static void write_nested(buffer_t *b, int levels, bool arrays)
{
    for (int i = 1; i < levels; i++) {
        if (i == 1 || !arrays)
            write_short_string(b, BYTES("k"));
        write_u8(b, arrays ? 'A' : 'F');
        size_t head = arrays ? 5 : 7; /* of a level within: tag (and key), length */
        write_u32(b, (uint32_t)(head * (size_t)(levels - i - 1)));
    }
}

static void nesting_is_limited(void **state)
{
    (void)state;
    for (int arrays = 0; arrays < 2; arrays++) {
        buffer_t b = {0};
        write_nested(&b, TABLE_MAX_DEPTH, arrays);
        assert_true(table_valid(buffer_bytes(&b)));
        buffer_clear(&b);
        write_nested(&b, TABLE_MAX_DEPTH + 1, arrays);
        assert_false(table_valid(buffer_bytes(&b)));
        buffer_clear(&b);
        write_nested(&b, 100000, arrays);
        assert_false(table_valid(buffer_bytes(&b)));
        buffer_free(&b);
    }
}

static void pairs_come_in_the_order_written_and_are_counted(void **state)
{
    (void)state;
    buffer_t b = {0};
    write_all(&b);
    assert_true(table_valid(buffer_bytes(&b)));
    assert_int_equal(table_count(buffer_bytes(&b)), VECTORS);
    table_iterator_t it = table_iterate(buffer_bytes(&b));
    bytes_t key;
    field_t f;
    for (size_t i = 0; i < VECTORS; i++) {
        assert_true(table_next(&it, &key, &f));
        assert_int_equal(key.data[0], 'A' + i);
        assert_int_equal(f.tag, vectors[i].tag);
    }
    assert_false(table_next(&it, &key, &f));
    buffer_free(&b);
}

static void the_first_of_equal_keys_is_found(void **state)
{
    (void)state;
    bytes_t table = BYTES("\1at\1\2abs\0\7\1as\0\2\0V");
    field_t f;
    assert_true(table_find(table, BYTES("a"), &f));
    assert_int_equal(f.tag, 't');
    assert_true(table_find(table, BYTES("ab"), &f));
    assert_int_equal(field_integer(&f), 7);
    assert_true(table_find(table, BYTES(""), &f));
    assert_int_equal(f.tag, 'V');
    f.tag = 'Q';
    assert_false(table_find(table, BYTES("b"), &f));
    assert_false(table_find((bytes_t){NULL, 0}, BYTES("a"), &f));
    assert_int_equal(f.tag, 'Q');
}

static void array_items_come_in_order(void **state)
{
    (void)state;
    table_iterator_t it = table_iterate(BYTES("t\1VS\0\0\0\1aA\0\0\0\0"));
    field_t f;
    for (const char *tag = "tVSA"; *tag; tag++) {
        assert_true(array_next(&it, &f));
        assert_int_equal(f.tag, *tag);
    }
    assert_false(array_next(&it, &f));
    assert_true(reader_done(&it.reader));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_is_read),
        cmocka_unit_test(every_prefix_of_every_vector_is_refused),
        cmocka_unit_test(every_tag_outside_the_table_is_refused),
        cmocka_unit_test(wrong_lengths_are_refused),
        cmocka_unit_test(nesting_is_limited),
        cmocka_unit_test(pairs_come_in_the_order_written_and_are_counted),
        cmocka_unit_test(the_first_of_equal_keys_is_found),
        cmocka_unit_test(array_items_come_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
