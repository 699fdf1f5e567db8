/* SPDX-License-Identifier: Apache-2.0
 *
 * Basic properties, kept as octets: reading one, checking all, exchanging the headers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "base/properties.h"
#include "base/table.h"

/* The value that the tests give to each property, as its getter returns it. */
static const bytes_t values[PROPERTY_COUNT] = {
    [PROPERTY_CONTENT_TYPE] = BYTES("text/plain"),
    [PROPERTY_CONTENT_ENCODING] = BYTES("gzip"),
    [PROPERTY_HEADERS] = BYTES("\1kt\1"),
    [PROPERTY_DELIVERY_MODE] = BYTES("\2"),
    [PROPERTY_PRIORITY] = BYTES("\5"),
    [PROPERTY_CORRELATION_ID] = BYTES("c"),
    [PROPERTY_REPLY_TO] = BYTES(""),
    [PROPERTY_EXPIRATION] = BYTES("1000"),
    [PROPERTY_MESSAGE_ID] = BYTES("m"),
    [PROPERTY_TIMESTAMP] = BYTES("\0\0\0\0\1\2\3\4"),
    [PROPERTY_TYPE] = BYTES("ty"),
    [PROPERTY_USER_ID] = BYTES("guest"),
    [PROPERTY_APP_ID] = BYTES("app"),
    [PROPERTY_CLUSTER_ID] = BYTES("cl"),
};

static void write_value(buffer_t *b, property_t p)
{
    if (p == PROPERTY_HEADERS)
        write_long_string(b, values[p]);
    else if (p == PROPERTY_DELIVERY_MODE || p == PROPERTY_PRIORITY || p == PROPERTY_TIMESTAMP)
        write_bytes(b, values[p]);
    else
        write_short_string(b, values[p]);
}

static void write_properties(buffer_t *b, uint16_t flags)
{
    write_u16(b, flags);
    for (property_t p = 0; p < PROPERTY_COUNT; p++)
        if (flags & PROPERTY_FLAG(p))
            write_value(b, p);
}

#define ALL_FLAGS 0xfffc

static void every_property_is_found_whatever_others_there_are(void **state)
{
    (void)state;
    buffer_t b = {0};
    for (uint32_t flags = 0; flags <= ALL_FLAGS; flags += 4 * 7) { /* all 14 bits, in many mixtures */
        buffer_clear(&b);
        write_properties(&b, (uint16_t)flags);
        bytes_t octets = buffer_bytes(&b);
        assert_true(properties_valid(octets));
        for (property_t p = 0; p < PROPERTY_COUNT; p++) {
            bytes_t value = BYTES("untouched");
            bool is_there = (flags & PROPERTY_FLAG(p)) != 0;
            assert_int_equal(properties_has(octets, p), is_there);
            assert_int_equal(properties_get(octets, p, &value), is_there);
            assert_true(bytes_equal(value, is_there ? values[p] : BYTES("untouched")));
        }
    }
    buffer_free(&b);
}

static void every_prefix_is_refused_and_read_without_harm(void **state)
{
    (void)state;
    buffer_t b = {0};
    write_properties(&b, ALL_FLAGS);
    assert_true(properties_valid(buffer_bytes(&b)));
    for (size_t len = 0; len < b.len; len++) {
        uint8_t *cut = malloc(len ? len : 1);
        assert_non_null(cut);
        memcpy(cut, b.data, len);
        assert_false(properties_valid(bytes_make(cut, len)));
        bytes_t value;
        for (property_t p = 0; p < PROPERTY_COUNT; p++)
            if (properties_get(bytes_make(cut, len), p, &value))
                assert_true(bytes_equal(value, values[p]));
        free(cut);
    }
    buffer_free(&b);
}

static void octets_behind_the_last_value_are_refused(void **state)
{
    (void)state;
    assert_true(properties_valid(BYTES("\0\0")));
    assert_false(properties_valid(BYTES("\0\0\0")));
    assert_true(properties_valid(BYTES("\x10\0\1")));
    assert_false(properties_valid(BYTES("\x10\0\1\0")));
}

static void the_continuation_bit_is_refused_and_bit_one_ignored(void **state)
{
    (void)state;
    assert_false(properties_valid(BYTES("\0\1")));
    assert_false(properties_valid(BYTES("\0\1\0\0")));
    assert_true(properties_valid(BYTES("\0\2")));
    assert_true(properties_valid(BYTES("\x10\2\2")));
    assert_true(properties_persistent(BYTES("\x10\2\2")));
}

static void a_malformed_headers_table_is_refused(void **state)
{
    (void)state;
    assert_true(properties_valid(BYTES("\x20\0\0\0\0\4\1kt\1")));
    assert_true(properties_valid(BYTES("\x20\0\0\0\0\0")));
    assert_false(properties_valid(BYTES("\x20\0\0\0\0\4\1kZ\1")));
    assert_false(properties_valid(BYTES("\x20\0\0\0\0\3\1kt\1")));
}

static void only_delivery_mode_two_is_persistent(void **state)
{
    (void)state;
    assert_true(properties_persistent(BYTES("\x10\0\2")));
    assert_false(properties_persistent(BYTES("\x10\0\1")));
    assert_false(properties_persistent(BYTES("\x10\0\0")));
    assert_false(properties_persistent(BYTES("\x10\0\3")));
    assert_false(properties_persistent(BYTES("\0\0")));
    assert_false(properties_persistent((bytes_t){NULL, 0}));
    assert_false(properties_persistent(BYTES("\x10\0")));
}

static void headers_are_the_content_of_their_table_or_empty(void **state)
{
    (void)state;
    assert_true(bytes_equal(properties_headers(BYTES("\xa0\0\1a\0\0\0\4\1kt\1")), BYTES("\1kt\1")));
    assert_int_equal(properties_headers(BYTES("\x80\0\1a")).len, 0);
}

/* Puts `headers` into properties with `flags`; everything else must stay to the bit. */
static void exchange(uint16_t flags, bytes_t headers)
{
    buffer_t before = {0}, after = {0};
    write_properties(&before, flags);
    properties_write_headers(&after, buffer_bytes(&before), headers);
    bytes_t octets = buffer_bytes(&after);
    assert_true(properties_valid(octets));
    assert_int_equal(properties_has(octets, PROPERTY_HEADERS), headers.len > 0);
    assert_true(bytes_equal(properties_headers(octets), headers));
    for (property_t p = 0; p < PROPERTY_COUNT; p++) {
        bytes_t value;
        if (p == PROPERTY_HEADERS)
            continue;
        assert_int_equal(properties_get(octets, p, &value), (flags & PROPERTY_FLAG(p)) != 0);
        if (flags & PROPERTY_FLAG(p))
            assert_true(bytes_equal(value, values[p]));
    }
    buffer_free(&before);
    buffer_free(&after);
}

static void headers_can_be_added_replaced_and_removed(void **state)
{
    (void)state;
    static const uint16_t others[] = {0, 0x8000, 0x4000, 0x1000, 0x0004, 0xdffc, 0x9048};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        exchange(others[i], BYTES("\3newb\1"));
        exchange(others[i] | PROPERTY_FLAG(PROPERTY_HEADERS), BYTES("\6longers\0\1\1xV"));
        exchange(others[i] | PROPERTY_FLAG(PROPERTY_HEADERS), (bytes_t){NULL, 0});
        exchange(others[i], (bytes_t){NULL, 0});
    }
}

static void the_same_headers_again_change_no_bit(void **state)
{
    (void)state;
    buffer_t before = {0}, after = {0};
    write_properties(&before, ALL_FLAGS);
    before.data[1] |= 2; /* a flag that nobody knows */
    properties_write_headers(&after, buffer_bytes(&before), properties_headers(buffer_bytes(&before)));
    assert_true(bytes_equal(buffer_bytes(&before), buffer_bytes(&after)));
    buffer_free(&before);
    buffer_free(&after);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_property_is_found_whatever_others_there_are),
        cmocka_unit_test(every_prefix_is_refused_and_read_without_harm),
        cmocka_unit_test(octets_behind_the_last_value_are_refused),
        cmocka_unit_test(the_continuation_bit_is_refused_and_bit_one_ignored),
        cmocka_unit_test(a_malformed_headers_table_is_refused),
        cmocka_unit_test(only_delivery_mode_two_is_persistent),
        cmocka_unit_test(headers_are_the_content_of_their_table_or_empty),
        cmocka_unit_test(headers_can_be_added_replaced_and_removed),
        cmocka_unit_test(the_same_headers_again_change_no_bit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
