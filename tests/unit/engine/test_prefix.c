/* SPDX-License-Identifier: Apache-2.0
 *
 * test_prefix.c: the index of prefixes (engine/bus/prefix.h), beside a model that looks at everything. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "engine/bus/prefix.h"

#define HOLDERS  6
#define PREFIXES 400

static uint32_t chance(uint64_t *seed, uint32_t below)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return (uint32_t)(*seed >> 16) % below;
}

typedef struct hits {
    const prefix_holder_t *first;
    uint32_t counts[HOLDERS];
} hits_t;

static void count_hit(void *context, prefix_holder_t *who, const prefix_place_t *place)
{
    hits_t *h = context;
    assert_in_range(place - who->places, 0, who->count - 1);
    h->counts[who - h->first]++;
}

static hits_t match(const prefix_index_t *x, const prefix_holder_t *first, bytes_t topic)
{
    hits_t h = {.first = first};
    (void)prefix_match(x, topic, count_hit, &h);
    return h;
}

static bytes_t of(const char *s)
{
    return bytes_string(s);
}

/* ---- what it is ---- */

static void prefix_equals_the_first_octets(void **state)
{
    (void)state;
    prefix_index_t x;
    prefix_holder_t who = {0};
    prefix_index_init(&x);
    assert_non_null(prefix_add(&x, &who, of("orders.")));

    assert_int_equal(match(&x, &who, of("orders.new")).counts[0], 1);
    assert_int_equal(match(&x, &who, of("orders.")).counts[0], 1);
    assert_ptr_equal(prefix_find(&x, &who, of("orders.")), &who.places[0]);
    assert_true(bytes_equal(prefix_octets(who.places[0].entry), of("orders.")));
    assert_null(prefix_find(&x, &who, of("orders")));
    assert_int_equal(match(&x, &who, of("orders")).counts[0], 0);
    assert_int_equal(match(&x, &who, of("order.s.new")).counts[0], 0);
    assert_int_equal(match(&x, &who, of("")).counts[0], 0);

    assert_true(prefix_remove(&x, &who, of("orders.")));
    assert_int_equal(match(&x, &who, of("orders.new")).counts[0], 0);
    prefix_holder_deinit(&who);
    prefix_index_deinit(&x);
}

static void empty_prefix_fits_all(void **state)
{
    (void)state;
    prefix_index_t x;
    prefix_holder_t who = {0};
    prefix_index_init(&x);
    assert_non_null(prefix_add(&x, &who, of("")));
    assert_int_equal(match(&x, &who, of("anything")).counts[0], 1);
    assert_int_equal(match(&x, &who, bytes_make(NULL, 0)).counts[0], 1);
    assert_true(prefix_remove_any(&x, &who));
    assert_false(prefix_remove_any(&x, &who));
    prefix_holder_deinit(&who);
    prefix_index_deinit(&x);
}

static void prefixes_of_a_holder_are_a_set(void **state)
{
    (void)state;
    prefix_index_t x;
    prefix_holder_t who = {0};
    prefix_index_init(&x);
    assert_non_null(prefix_add(&x, &who, of("a")));
    assert_null(prefix_add(&x, &who, of("a")));
    assert_false(prefix_remove(&x, &who, of("b")));
    assert_true(prefix_remove(&x, &who, of("a")));
    assert_false(prefix_remove(&x, &who, of("a")));
    prefix_holder_deinit(&who);
    prefix_index_deinit(&x);
}

static void lengths_have_no_limit(void **state)
{
    (void)state;
    prefix_index_t x;
    prefix_holder_t who = {0};
    uint8_t *octets = mem_alloc(100000);
    prefix_index_init(&x);
    memset(octets, 'x', 100000);
    size_t const lengths[] = {1, 7, 8, 9, 254, 255, 256, 257, 4096, 70000};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
        assert_non_null(prefix_add(&x, &who, bytes_make(octets, lengths[i])));

    assert_int_equal(match(&x, &who, bytes_make(octets, 100000)).counts[0], 10);
    assert_int_equal(match(&x, &who, bytes_make(octets, 4095)).counts[0], 8);
    octets[256] = 'y';
    assert_int_equal(match(&x, &who, bytes_make(octets, 100000)).counts[0], 7);
    octets[0] = 'y';
    assert_int_equal(match(&x, &who, bytes_make(octets, 100000)).counts[0], 0);

    while (prefix_remove_any(&x, &who))
        ;
    prefix_holder_deinit(&who);
    prefix_index_deinit(&x);
    mem_free(octets);
}

static void octets_of_any_value_count(void **state)
{
    (void)state;
    prefix_index_t x;
    prefix_holder_t who = {0};
    prefix_index_init(&x);
    for (size_t n = 1; n <= 16; n++) /* zeros only: told apart by their number */
        assert_non_null(prefix_add(&x, &who, bytes_make("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", n)));
    assert_int_equal(match(&x, &who, bytes_make("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1", 17)).counts[0], 16);
    assert_int_equal(match(&x, &who, bytes_make("\0\0\0\0\0\0\0\0\0\1", 10)).counts[0], 9);
    while (prefix_remove_any(&x, &who))
        ;
    prefix_holder_deinit(&who);
    prefix_index_deinit(&x);
}

static void an_index_can_be_emptied_whoever_is_in_it(void **state)
{
    (void)state;
    prefix_index_t x;
    prefix_holder_t who[2] = {{0}, {0}};
    prefix_index_init(&x);
    for (int i = 0; i < 2; i++) {
        assert_non_null(prefix_add(&x, &who[i], of("a")));
        assert_non_null(prefix_add(&x, &who[i], of("b")));
    }
    int removed = 0;
    for (prefix_holder_t *h; (h = prefix_index_remove_any(&x)); removed++)
        assert_true(h == &who[0] || h == &who[1]);
    assert_int_equal(removed, 4);
    assert_int_equal(who[0].count + who[1].count, 0);
    prefix_holder_deinit(&who[0]);
    prefix_holder_deinit(&who[1]);
    prefix_index_deinit(&x);
}

/* ---- beside a model ---- */

typedef struct model {
    bytes_t prefixes[PREFIXES];
    bool has[HOLDERS][PREFIXES];
    uint8_t octets[PREFIXES][24];
} model_t;

/* Few different octets, so that prefixes begin with one another. */
static void make_prefixes(model_t *m, uint64_t *seed)
{
    for (size_t p = 0; p < PREFIXES; p++) {
        size_t len = chance(seed, 24);
        for (size_t i = 0; i < len; i++)
            m->octets[p][i] = (uint8_t)('a' + (chance(seed, 8) == 0));
        m->prefixes[p] = bytes_make(m->octets[p], len);
    }
}

static bool already(const model_t *m, size_t holder, size_t prefix)
{
    for (size_t p = 0; p < PREFIXES; p++)
        if (m->has[holder][p] && bytes_equal(m->prefixes[p], m->prefixes[prefix]))
            return true;
    return false;
}

static void change(prefix_index_t *x, prefix_holder_t *who, model_t *m, uint64_t *seed)
{
    size_t h = chance(seed, HOLDERS), p = chance(seed, PREFIXES);
    bool there = already(m, h, p);
    if (chance(seed, 5) < 3) {
        assert_int_equal(prefix_add(x, &who[h], m->prefixes[p]) != NULL, !there);
        m->has[h][p] = m->has[h][p] || !there;
        return;
    }
    assert_int_equal(prefix_remove(x, &who[h], m->prefixes[p]), there);
    for (size_t i = 0; i < PREFIXES; i++)
        if (bytes_equal(m->prefixes[i], m->prefixes[p]))
            m->has[h][i] = false;
}

static void compare(const prefix_index_t *x, const prefix_holder_t *who, const model_t *m, bytes_t topic)
{
    hits_t h = match(x, who, topic);
    for (size_t i = 0; i < HOLDERS; i++) {
        uint32_t expected = 0;
        for (size_t p = 0; p < PREFIXES; p++)
            expected += m->has[i][p] && bytes_starts_with(topic, m->prefixes[p]);
        assert_int_equal(h.counts[i], expected);
    }
}

static void finds_what_a_model_finds(void **state)
{
    (void)state;
    for (uint64_t n = 1; n <= 20; n++) {
        uint64_t seed = n;
        prefix_index_t x;
        prefix_holder_t who[HOLDERS] = {{0}};
        model_t *m = MEM_NEW(model_t);
        prefix_index_init(&x);
        make_prefixes(m, &seed);
        for (int round = 0; round < 3000; round++) {
            change(&x, who, m, &seed);
            if (round % 10 == 0)
                compare(&x, who, m, m->prefixes[chance(&seed, PREFIXES)]);
        }
        for (size_t h = 0; h < HOLDERS; h++) {
            while (prefix_remove_any(&x, &who[h]))
                ;
            prefix_holder_deinit(&who[h]);
        }
        prefix_index_deinit(&x);
        mem_free(m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prefix_equals_the_first_octets),
        cmocka_unit_test(empty_prefix_fits_all),
        cmocka_unit_test(prefixes_of_a_holder_are_a_set),
        cmocka_unit_test(lengths_have_no_limit),
        cmocka_unit_test(octets_of_any_value_count),
        cmocka_unit_test(an_index_can_be_emptied_whoever_is_in_it),
        cmocka_unit_test(finds_what_a_model_finds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
