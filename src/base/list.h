/* SPDX-License-Identifier: Apache-2.0
 *
 * list.h: an intrusive doubly linked circular list. The node is a member of what is listed; a node that is in no
 * list points to itself after list_init or list_remove, so that removing twice is harmless. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

typedef struct list {
    struct list *next;
    struct list *prev;
} list_t;

/* The struct of type T whose member `member` is `node`. */
#define LIST_OF(node, T, member) ((T *)(void *)((char *)(node)-offsetof(T, member)))

/* Walks `head`; the body may remove `node` (not its follower). */
#define LIST_EACH(node, head)                                                                                \
    for (list_t *node = (head)->next, *node##_next = node->next; node != (head);                             \
         node = node##_next, node##_next = node->next)

static inline void list_init(list_t *l)
{
    l->next = l;
    l->prev = l;
}

static inline bool list_empty(const list_t *head)
{
    return head->next == head;
}

/* True if this node is in a list. */
static inline bool list_linked(const list_t *node)
{
    return node->next != node;
}

static inline void list_insert_before(list_t *at, list_t *node)
{
    node->prev = at->prev;
    node->next = at;
    at->prev->next = node;
    at->prev = node;
}

static inline void list_append(list_t *head, list_t *node)
{
    list_insert_before(head, node);
}

static inline void list_prepend(list_t *head, list_t *node)
{
    list_insert_before(head->next, node);
}

static inline void list_remove(list_t *node)
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
    list_init(node);
}

/* The first node, or NULL. */
static inline list_t *list_first(const list_t *head)
{
    return list_empty(head) ? NULL : head->next;
}

/* Moves every node of `from` behind those of `to`; `from` is empty afterwards. */
static inline void list_splice(list_t *to, list_t *from)
{
    if (list_empty(from))
        return;
    from->next->prev = to->prev;
    to->prev->next = from->next;
    from->prev->next = to;
    to->prev = from->prev;
    list_init(from);
}
