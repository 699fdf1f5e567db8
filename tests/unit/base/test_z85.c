/* SPDX-License-Identifier: Apache-2.0
 *
 * test_z85.c: octets as text: the vectors of RFC 32, and what is no Z85. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/z85.h"

typedef struct pair {
    const char *octets;
    size_t len;
    const char *text;
} pair_t;

/* The first two are the RFC's: a number of its prose, and the public key of its server. */
static const pair_t pairs[] = {
    {"\x86\x4f\xd2\x6f\xb5\x59\xf7\x5b", 8, "HelloWorld"},
    {"\x8e\x0b\xdd\x69\x76\x28\xb9\x1d\x8f\x24\x55\x87\xee\x95\xc5\xb0"
     "\x4d\x48\x96\x3f\x79\x25\x98\x77\xb4\x9c\xd9\x06\x3a\xea\xd3\xb7",
     32, "JTKVSB%%)wK0E.X)V>+}o?pNmC{O&4W4b!Ni{Lh6"},
    {"", 0, ""},
    {"\0\0\0\0", 4, "00000"},
    {"\xff\xff\xff\xff", 4, "%nSc0"},
};

#define PAIR_COUNT (sizeof pairs / sizeof pairs[0])

static void octets_become_text(void **state)
{
    (void)state;
    for (size_t i = 0; i < PAIR_COUNT; i++) {
        char text[64];
        z85_encode(bytes_make(pairs[i].octets, pairs[i].len), text);
        assert_string_equal(text, pairs[i].text);
        assert_int_equal(strlen(text), Z85_CHARS(pairs[i].len));
    }
}

static void text_becomes_octets(void **state)
{
    (void)state;
    for (size_t i = 0; i < PAIR_COUNT; i++) {
        uint8_t octets[64];
        assert_true(z85_decode(bytes_string(pairs[i].text), octets));
        assert_memory_equal(octets, pairs[i].octets, pairs[i].len);
    }
}

static void every_octet_at_every_place_comes_back(void **state)
{
    (void)state;
    for (unsigned value = 0; value <= UINT8_MAX; value++) {
        for (size_t place = 0; place < 8; place++) {
            uint8_t octets[8] = {1, 2, 3, 4, 5, 6, 7, 8}, again[8];
            char text[Z85_CHARS(8) + 1];
            octets[place] = (uint8_t)value;
            z85_encode(bytes_make(octets, 8), text);
            assert_true(z85_decode(bytes_string(text), again));
            assert_memory_equal(again, octets, 8);
        }
    }
}

static void a_wrong_length_is_no_z85(void **state)
{
    (void)state;
    uint8_t octets[16];
    for (size_t len = 1; len < 10; len++)
        assert_int_equal(z85_decode(bytes_make("HelloWorld", len), octets), len == 5);
}

static void only_eighty_five_characters_are_z85(void **state)
{
    (void)state;
    size_t taken = 0;
    for (unsigned c = 0; c <= UINT8_MAX; c++) {
        uint8_t text[5] = {'0', '0', (uint8_t)c, '0', '0'}, octets[4];
        bool is_one = z85_decode(bytes_make(text, 5), octets);
        taken += is_one;
        assert_false(is_one &&
                     (c == ' ' || c == '"' || c == '\'' || c == ',' || c == ';' || c == '\\' || c > '~'));
    }
    assert_int_equal(taken, 85);
}

static void more_than_32_bits_are_no_z85(void **state)
{
    (void)state;
    uint8_t octets[4];
    assert_true(z85_decode(BYTES("%nSc0"), octets));
    assert_false(z85_decode(BYTES("%nSc1"), octets));
    assert_false(z85_decode(BYTES("#####"), octets));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(octets_become_text),
        cmocka_unit_test(text_becomes_octets),
        cmocka_unit_test(every_octet_at_every_place_comes_back),
        cmocka_unit_test(a_wrong_length_is_no_z85),
        cmocka_unit_test(only_eighty_five_characters_are_z85),
        cmocka_unit_test(more_than_32_bits_are_no_z85),
    };
    return cmocka_run_group_tests_name("base z85", tests, NULL, NULL);
}
