/* SPDX-License-Identifier: Apache-2.0
 *
 * test_unacked.c: deliveries by tag, with holes, beside a plain array. */
#include "engine/engine_internal.h"

#include "engine/fixture.h"

#define TAGS 3000

/* Something to point to; the list never looks at it. */
static queue_t some_queue;

typedef struct model {
    unacked_list_t list;
    bool there[TAGS + 1];
    uint64_t last; /* tag given */
} model_t;

static void push_tag(model_t *m, uint64_t tag)
{
    assert_true(tag > m->last && tag <= TAGS);
    m->last = tag;
    m->there[tag] = true;
    unacked_push(&m->list,
                 &(unacked_t){.tag = tag, .position = (tag * 2) & POSITION_BITS, .queue = &some_queue});
}

static void remove_tag(model_t *m, uint64_t tag)
{
    unacked_t *u = unacked_find(&m->list, tag);
    assert_int_equal(u != NULL, m->there[tag]);
    if (u == NULL)
        return;
    assert_int_equal(u->tag, tag);
    assert_int_equal(u->position, tag * 2);
    unacked_remove(&m->list, u);
    m->there[tag] = false;
}

static void compare(model_t *m)
{
    uint64_t first = 0, last = 0;
    size_t count = 0;
    for (uint64_t tag = 1; tag <= m->last; tag++) {
        if (!m->there[tag])
            continue;
        count++;
        first = first ? first : tag;
        last = tag;
    }
    assert_int_equal(m->list.count, count);
    assert_int_equal(unacked_last_tag(&m->list), last);
    unacked_t *u = unacked_first(&m->list);
    assert_int_equal(u ? u->tag : 0, first);
}

static void behaves_as_a_plain_array_whatever_happens(void **state)
{
    (void)state;
    for (uint64_t run = 1; run <= 10; run++) {
        uint64_t seed = run * 0x9e3779b97f4a7c15u;
        static model_t m;
        m = (model_t){0};
        while (m.last + 3 <= TAGS) {
            if (chance(&seed, 100) < 45 + run)
                push_tag(&m, m.last + 1 + chance(&seed, 3)); /* tags of automatic acks are left out */
            else if (m.last > 0)
                remove_tag(&m, 1 + chance(&seed, (uint32_t)m.last));
            if (chance(&seed, 8) == 0)
                compare(&m);
        }
        for (uint64_t tag = 1; tag <= m.last; tag++)
            remove_tag(&m, tag);
        compare(&m);
        unacked_deinit(&m.list);
    }
}

static void an_unknown_tag_is_not_found(void **state)
{
    (void)state;
    unacked_list_t l = {0};
    assert_null(unacked_find(&l, 0));
    assert_null(unacked_find(&l, 1));
    assert_null(unacked_first(&l));
    assert_int_equal(unacked_last_tag(&l), 0);
    unacked_push(&l, &(unacked_t){.tag = 5, .queue = &some_queue});
    assert_null(unacked_find(&l, 0));
    assert_null(unacked_find(&l, 4));
    assert_null(unacked_find(&l, 6));
    assert_non_null(unacked_find(&l, 5));
    unacked_deinit(&l);
}

static void one_old_delivery_does_not_keep_the_places_of_later_ones(void **state)
{
    (void)state;
    unacked_list_t l = {0};
    unacked_push(&l, &(unacked_t){.tag = 1, .queue = &some_queue});
    for (uint64_t tag = 2; tag <= 100000; tag++) {
        unacked_push(&l, &(unacked_t){.tag = tag, .queue = &some_queue});
        unacked_push(&l, &(unacked_t){.tag = ++tag, .queue = &some_queue});
        unacked_remove(&l, unacked_find(&l, tag - 1));
        unacked_remove(&l, unacked_find(&l, tag));
    }
    assert_int_equal(l.count, 1);
    assert_true(l.chunk_count <= 2 && l.capacity <= 8);
    unacked_deinit(&l);
}

static void chunks_with_few_left_become_one(void **state)
{
    (void)state;
    unacked_list_t l = {0};
    uint64_t newest = 0;
    for (uint64_t tag = 1; tag <= 20000; tag++) { /* only each thousandth stays, and always the newest */
        unacked_push(&l, &(unacked_t){.tag = tag, .queue = &some_queue});
        if (newest > 0 && newest % 1000 != 0)
            unacked_remove(&l, unacked_find(&l, newest));
        newest = tag;
    }
    assert_int_equal(l.count, 20);
    assert_true(l.chunk_count <= 3);
    for (uint64_t tag = 1000; tag <= 20000; tag += 1000)
        assert_int_equal(unacked_find(&l, tag)->tag, tag);
    unacked_deinit(&l);
}

/* In an order that leaves some in every chunk as long as possible. */
static void what_is_left_of_many_takes_the_room_of_few(void **state)
{
    (void)state;
    unacked_list_t l = {0};
    for (uint64_t tag = 1; tag <= 100000; tag++)
        unacked_push(&l, &(unacked_t){.tag = tag, .queue = &some_queue});
    for (uint64_t step = 1; step < 1000; step++)
        for (uint64_t tag = step; tag <= 100000; tag += 1000)
            unacked_remove(&l, unacked_find(&l, tag));
    assert_int_equal(l.count, 100);
    assert_true(l.chunk_count <= 5);
    for (uint64_t tag = 1000; tag <= 100000; tag += 1000)
        assert_int_equal(unacked_next(&l, tag - 999)->tag, tag);
    assert_null(unacked_next(&l, 100001));
    unacked_deinit(&l);
}

static void an_empty_list_that_was_long_holds_no_memory(void **state)
{
    (void)state;
    unacked_list_t l = {0};
    for (uint64_t tag = 1; tag <= 5000; tag++)
        unacked_push(&l, &(unacked_t){.tag = tag, .queue = &some_queue});
    for (uint64_t tag = 5000; tag >= 1; tag--)
        unacked_remove(&l, unacked_find(&l, tag));
    assert_int_equal(l.capacity, 0);
    assert_null(l.chunks);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(behaves_as_a_plain_array_whatever_happens),
        cmocka_unit_test(an_unknown_tag_is_not_found),
        cmocka_unit_test(one_old_delivery_does_not_keep_the_places_of_later_ones),
        cmocka_unit_test(chunks_with_few_left_become_one),
        cmocka_unit_test(what_is_left_of_many_takes_the_room_of_few),
        cmocka_unit_test(an_empty_list_that_was_long_holds_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
