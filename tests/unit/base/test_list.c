/* SPDX-License-Identifier: Apache-2.0
 *
 * The intrusive list: order, removal while walking, splicing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/list.h"

typedef struct item {
    int number;
    list_t node;
} item_t;

/* The numbers in the list as the digits of one decimal number. */
static int digits(const list_t *head)
{
    int all = 0;
    for (const list_t *n = head->next; n != head; n = n->next)
        all = all * 10 + LIST_OF(n, item_t, node)->number;
    return all;
}

static void items_stand_in_the_order_they_were_put(void **state)
{
    (void)state;
    list_t head;
    list_init(&head);
    item_t a = {.number = 1}, b = {.number = 2}, c = {.number = 3}, d = {.number = 4};
    list_append(&head, &b.node);
    list_append(&head, &c.node);
    list_prepend(&head, &a.node);
    list_insert_before(&c.node, &d.node);
    assert_int_equal(digits(&head), 1243);
    assert_ptr_equal(list_first(&head), &a.node);
}

static void removing_twice_is_harmless(void **state)
{
    (void)state;
    list_t head;
    list_init(&head);
    item_t a = {.number = 1}, b = {.number = 2};
    list_append(&head, &a.node);
    list_append(&head, &b.node);
    list_remove(&a.node);
    list_remove(&a.node);
    assert_false(list_linked(&a.node));
    assert_true(list_linked(&b.node));
    assert_int_equal(digits(&head), 2);
    list_remove(&b.node);
    assert_true(list_empty(&head));
    assert_null(list_first(&head));
}

static void the_body_of_a_walk_may_remove_its_node(void **state)
{
    (void)state;
    list_t head;
    list_init(&head);
    item_t items[5];
    for (int i = 0; i < 5; i++) {
        items[i].number = i + 1;
        list_append(&head, &items[i].node);
    }
    int seen = 0;
    LIST_EACH (node, &head) {
        seen++;
        if (LIST_OF(node, item_t, node)->number % 2 == 1)
            list_remove(node);
    }
    assert_int_equal(seen, 5);
    assert_int_equal(digits(&head), 24);
}

static void splicing_moves_everything_behind(void **state)
{
    (void)state;
    list_t to, from;
    list_init(&to);
    list_init(&from);
    list_splice(&to, &from);
    assert_true(list_empty(&to));
    item_t a = {.number = 1}, b = {.number = 2}, c = {.number = 3};
    list_append(&to, &a.node);
    list_append(&from, &b.node);
    list_append(&from, &c.node);
    list_splice(&to, &from);
    assert_int_equal(digits(&to), 123);
    assert_true(list_empty(&from));
    list_splice(&from, &to);
    assert_int_equal(digits(&from), 123);
    assert_true(list_empty(&to));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(items_stand_in_the_order_they_were_put),
        cmocka_unit_test(removing_twice_is_harmless),
        cmocka_unit_test(the_body_of_a_walk_may_remove_its_node),
        cmocka_unit_test(splicing_moves_everything_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
