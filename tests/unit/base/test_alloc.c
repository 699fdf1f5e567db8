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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_octets_are_memory_too),
        cmocka_unit_test(new_objects_are_cleared),
        cmocka_unit_test(resizing_keeps_what_was_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
