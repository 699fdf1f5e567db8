/* SPDX-License-Identifier: Apache-2.0
 *
 * Memory: never NULL, cleared where it says so. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/alloc.h"

static void no_octets_are_memory_too(void **state)
{
    (void)state;
    mem_free(mem_alloc(0));
    mem_free(mem_zero(0));
    mem_free(mem_resize(mem_alloc(10), 0));
    mem_free(NULL);
}

static void new_objects_are_cleared(void **state)
{
    (void)state;
    struct thing {
        uint64_t numbers[100];
    } *dirty = mem_alloc(sizeof *dirty), *clean;
    memset(dirty, 0xff, sizeof *dirty);
    mem_free(dirty);
    clean = MEM_NEW(struct thing);
    for (int i = 0; i < 100; i++)
        assert_true(clean->numbers[i] == 0);
    mem_free(clean);
}

static void resizing_keeps_what_was_there(void **state)
{
    (void)state;
    char *p = mem_resize(NULL, 4);
    memcpy(p, "abc", 4);
    p = mem_resize(p, 100000);
    assert_string_equal(p, "abc");
    mem_free(p);
}

static void a_growing_array_doubles_when_it_is_full(void **state)
{
    (void)state;
    int *items = NULL;
    size_t capacity = 0;
    for (int i = 0; i < 9; i++) {
        items = mem_grow(items, sizeof *items, (size_t)i, &capacity, 2);
        items[i] = i;
    }
    assert_int_equal(capacity, 16);
    for (int i = 0; i < 9; i++)
        assert_int_equal(items[i], i);
    mem_free(items);
}

static void a_circular_array_that_grows_begins_at_0_with_its_oldest(void **state)
{
    (void)state;
    size_t capacity = 0, first = 0;
    int *items = mem_grow_circle(NULL, sizeof *items, 0, &capacity, &first, 4);
    assert_int_equal(capacity, 4);
    const int wrapped[] = {12, 13, 10, 11};
    memcpy(items, wrapped, sizeof wrapped);
    first = 2;
    assert_ptr_equal(mem_grow_circle(items, sizeof *items, 3, &capacity, &first, 4), items);
    assert_int_equal(first, 2);
    first += 4; /* who counts on without end means the same place */
    items = mem_grow_circle(items, sizeof *items, 4, &capacity, &first, 4);
    assert_int_equal(capacity, 8);
    assert_int_equal(first, 0);
    for (int i = 0; i < 4; i++)
        assert_int_equal(items[i], 10 + i);
    mem_free(items);
}

static void what_a_piece_takes_is_a_size_that_allocators_have(void **state)
{
    (void)state;
    static const size_t cases[][2] = {{1, 16},      {16, 16},       {17, 32},      {128, 128},
                                      {129, 160},   {160, 160},     {161, 192},    {256, 256},
                                      {257, 320},   {1024, 1024},   {1025, 1280},  {1099, 1280},
                                      {1281, 1536}, {65536, 65536}, {65537, 81920}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(mem_taken(cases[i][0]), cases[i][1]);
    for (size_t size = 1; size < 100000; size++)
        assert_true(mem_taken(size) >= size && mem_taken(size) <= size + size / 4 + 15);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_piece_takes_is_a_size_that_allocators_have),
        cmocka_unit_test(no_octets_are_memory_too),
        cmocka_unit_test(new_objects_are_cleared),
        cmocka_unit_test(resizing_keeps_what_was_there),
        cmocka_unit_test(a_growing_array_doubles_when_it_is_full),
        cmocka_unit_test(a_circular_array_that_grows_begins_at_0_with_its_oldest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
