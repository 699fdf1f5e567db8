/* SPDX-License-Identifier: Apache-2.0
 *
 * The hash table: finding, duplicates, and growing and shrinking a step at a time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "base/hash.h"

#define MANY 100000u

typedef struct item {
    hash_node_t node;
    uint32_t key;
    uint32_t seen;
} item_t;

static bytes_t key_of(const hash_node_t *node)
{
    const item_t *item = HASH_OF(node, item_t, node);
    return bytes_make(&item->key, sizeof item->key);
}

static hash_node_t *find(const hash_table_t *t, uint32_t key)
{
    return hash_find(t, bytes_make(&key, sizeof key));
}

static item_t *make_items(uint32_t count)
{
    item_t *items = calloc(count, sizeof *items);
    assert_non_null(items);
    for (uint32_t i = 0; i < count; i++)
        items[i].key = i;
    return items;
}

static size_t buckets_of(const hash_table_t *t)
{
    return t->buckets ? t->mask + 1 : 0;
}

static void an_empty_table_has_nothing_and_no_memory(void **state)
{
    (void)state;
    hash_table_t t;
    hash_init(&t, key_of);
    assert_null(find(&t, 1));
    assert_null(hash_next(&t, NULL));
    assert_null(hash_any(&t));
    assert_int_equal(buckets_of(&t), 0);
    hash_deinit(&t);
}

static void what_is_in_is_found_until_it_is_out(void **state)
{
    (void)state;
    hash_table_t t;
    hash_init(&t, key_of);
    item_t *items = make_items(MANY);
    for (uint32_t i = 0; i < MANY; i++) {
        assert_null(find(&t, i));
        hash_insert(&t, &items[i].node);
        assert_ptr_equal(find(&t, i), &items[i].node);
        assert_ptr_equal(find(&t, i / 2), &items[i / 2].node);
    }
    assert_int_equal(t.count, MANY);
    for (uint32_t i = 0; i < MANY; i++) {
        hash_remove(&t, &items[i].node);
        assert_null(find(&t, i));
        uint32_t other = i + 1 + (MANY - i - 1) / 2;
        if (other < MANY)
            assert_ptr_equal(find(&t, other), &items[other].node);
    }
    assert_int_equal(t.count, 0);
    hash_deinit(&t);
    free(items);
}

/* Nodes that have left the old array with one call are no more than the buckets of a step hold. */
static void no_call_moves_more_than_a_few_dozen_nodes(void **state)
{
    (void)state;
    hash_table_t t;
    hash_init(&t, key_of);
    item_t *items = make_items(MANY);
    size_t resizes = 0;
    for (uint32_t i = 0; i < MANY; i++) {
        size_t moved = t.old_buckets ? t.moved : 0;
        size_t buckets = buckets_of(&t);
        hash_insert(&t, &items[i].node);
        if (buckets_of(&t) != buckets)
            resizes++;
        else if (t.old_buckets)
            assert_in_range(t.moved - moved, 0, 16);
    }
    assert_in_range(resizes, 10, 20);
    assert_true(buckets_of(&t) >= MANY / 2); /* chains stay short */
    hash_deinit(&t);
    free(items);
}

static void an_emptied_table_gives_its_memory_back(void **state)
{
    (void)state;
    hash_table_t t;
    hash_init(&t, key_of);
    item_t *items = make_items(MANY);
    for (uint32_t i = 0; i < MANY; i++)
        hash_insert(&t, &items[i].node);
    for (uint32_t i = MANY; i-- > 100;)
        hash_remove(&t, &items[i].node);
    assert_true(buckets_of(&t) <= 2048);
    assert_true(!t.old_buckets || t.old_mask < 4096);
    for (uint32_t i = 100; i-- > 0;)
        hash_remove(&t, &items[i].node);
    assert_true(buckets_of(&t) <= 8);
    assert_null(t.old_buckets);
    hash_insert(&t, &items[3].node);
    assert_ptr_equal(find(&t, 3), &items[3].node);
    hash_deinit(&t);
    free(items);
}

static void two_with_one_key_are_both_in_and_each_can_be_taken_out(void **state)
{
    (void)state;
    hash_table_t t;
    hash_init(&t, key_of);
    item_t *items = make_items(1000);
    for (uint32_t i = 0; i < 1000; i++) {
        items[i].key = i % 10;
        hash_insert(&t, &items[i].node);
    }
    assert_int_equal(t.count, 1000);
    for (uint32_t i = 0; i < 990; i++) {
        hash_remove(&t, &items[i].node);
        const hash_node_t *left = find(&t, i % 10);
        assert_non_null(left);
        assert_int_equal(HASH_OF(left, item_t, node)->key, i % 10);
        assert_ptr_not_equal(left, &items[i].node);
    }
    for (uint32_t i = 990; i < 1000; i++) {
        assert_ptr_equal(find(&t, i % 10), &items[i].node);
        hash_remove(&t, &items[i].node);
        assert_null(find(&t, i % 10));
    }
    hash_deinit(&t);
    free(items);
}

static void a_walk_meets_every_node_once_at_every_size(void **state)
{
    (void)state;
    hash_table_t t;
    hash_init(&t, key_of);
    item_t *items = make_items(600);
    for (uint32_t count = 1; count <= 1200; count++) { /* up to 600 and down again, resizing or not */
        if (count <= 600)
            hash_insert(&t, &items[count - 1].node);
        else
            hash_remove(&t, &items[count - 601].node);
        uint32_t first = count <= 600 ? 0 : count - 600;
        uint32_t end = count <= 600 ? count : 600;
        size_t met = 0;
        for (hash_node_t *n = hash_next(&t, NULL); n; n = hash_next(&t, n), met++) {
            assert_true(HASH_OF(n, item_t, node)->seen < count);
            HASH_OF(n, item_t, node)->seen = count;
        }
        assert_int_equal(met, end - first);
        for (uint32_t i = first; i < end; i++)
            assert_int_equal(items[i].seen, count);
    }
    hash_deinit(&t);
    free(items);
}

/* If each hash_any began at the first bucket, this would look at thousands of millions of buckets. */
static void a_large_table_is_emptied_node_by_node_in_linear_time(void **state)
{
    (void)state;
    const uint32_t count = 1000000;
    hash_table_t t;
    hash_init(&t, key_of);
    item_t *items = make_items(count);
    for (uint32_t i = 0; i < count; i++)
        hash_insert(&t, &items[i].node);
    uint64_t empty_buckets = 0;
    uint32_t taken = 0;
    for (hash_node_t *n; (n = hash_any(&t)) != NULL; taken++) {
        size_t from = t.old_buckets ? t.moved : t.lowest;
        size_t at = t.old_buckets ? n->hash & t.old_mask : n->hash & t.mask;
        if (at > from)
            empty_buckets += at - from;
        hash_remove(&t, n);
    }
    assert_int_equal(taken, count);
    assert_true(empty_buckets < 64 * (uint64_t)count);
    hash_deinit(&t);
    free(items);
}

static void random_changes_agree_with_a_plain_model(void **state)
{
    (void)state;
    enum { KEYS = 3000 };
    hash_table_t t;
    hash_init(&t, key_of);
    item_t *items = make_items(KEYS);
    size_t in = 0;
    uint32_t random = 12345;
    for (int step = 0; step < 200000; step++) {
        random = random * 1664525u + 1013904223u;
        item_t *item = &items[(random >> 8) % KEYS];
        int tide = step / 20000 % 2; /* mostly filling, then mostly emptying */
        if (!item->seen && (random >> 4) % 4 > (uint32_t)tide * 2) {
            hash_insert(&t, &item->node);
            item->seen = 1;
            in++;
        } else if (item->seen && (random >> 4) % 4 < 1 + (uint32_t)tide * 2) {
            hash_remove(&t, &item->node);
            item->seen = 0;
            in--;
        }
        assert_int_equal(t.count, in);
        assert_ptr_equal(find(&t, item->key), item->seen ? &item->node : NULL);
    }
    hash_deinit(&t);
    free(items);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_table_has_nothing_and_no_memory),
        cmocka_unit_test(what_is_in_is_found_until_it_is_out),
        cmocka_unit_test(no_call_moves_more_than_a_few_dozen_nodes),
        cmocka_unit_test(an_emptied_table_gives_its_memory_back),
        cmocka_unit_test(two_with_one_key_are_both_in_and_each_can_be_taken_out),
        cmocka_unit_test(a_walk_meets_every_node_once_at_every_size),
        cmocka_unit_test(a_large_table_is_emptied_node_by_node_in_linear_time),
        cmocka_unit_test(random_changes_agree_with_a_plain_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
