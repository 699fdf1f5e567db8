/* SPDX-License-Identifier: Apache-2.0
 *
 * window.c: entries by id and by age. Those in the log are ordered by the record that said them first, so that a restart,
 * which may meet them in another order as they are said again between new ones, forgets the same ones next. */
#include <stdlib.h>

#include "engine/dedup/dedup_internal.h"

static bytes_t id_of(const hash_node_t *node)
{
    return bytes_make(HASH_OF(node, const remembered_t, node)->id, HASH_DIGEST_BYTES);
}

dedup_t *dedup_new(engine_t *e, uint64_t limit)
{
    dedup_t *w = MEM_NEW(dedup_t);
    w->engine = e;
    w->limit = limit;
    hash_init(&w->ids, id_of);
    list_init(&w->order);
    return w;
}

dedup_t *dedup_of_publishers(engine_t *e)
{
    return dedup_new(e, e->options.publishers_max);
}

bool dedup_is_over(const remembered_t *r)
{
    const dedup_t *w = r->window;
    return !dedup_is_of_publishers(w) && r->value > 0 && r->value <= w->engine->wall_ms;
}

static remembered_t *find(const dedup_t *w, const uint8_t id[HASH_DIGEST_BYTES])
{
    hash_node_t *node = hash_find(&w->ids, bytes_make(id, HASH_DIGEST_BYTES));
    return node ? HASH_OF(node, remembered_t, node) : NULL;
}

remembered_t *dedup_find(const dedup_t *w, const uint8_t id[HASH_DIGEST_BYTES])
{
    remembered_t *r = find(w, id);
    return r && !dedup_is_over(r) ? r : NULL;
}

remembered_t *dedup_touch(dedup_t *w, const uint8_t id[HASH_DIGEST_BYTES])
{
    remembered_t *r = find(w, id);
    if (r == NULL) {
        r = MEM_NEW(remembered_t);
        r->window = w;
        memcpy(r->id, id, HASH_DIGEST_BYTES);
        list_init(&r->in_window);
        list_init(&r->stated.link);
        hash_insert(&w->ids, &r->node);
        w->engine->counts.deduplication_ids++;
    }
    list_remove(&r->in_window);
    list_append(&w->order, &r->in_window);
    return r;
}

void dedup_forget(remembered_t *r)
{
    hash_remove(&r->window->ids, &r->node);
    list_remove(&r->in_window);
    list_remove(&r->stated.link);
    r->window->engine->counts.deduplication_ids--;
    mem_free(r);
}

static remembered_t *oldest(const dedup_t *w)
{
    list_t *first = list_first(&w->order);
    return first ? LIST_OF(first, remembered_t, in_window) : NULL;
}

/* One too many goes, and is counted if it was a publisher. */
static void forget_surplus(dedup_t *w)
{
    while (w->ids.count > w->limit) {
        w->engine->counts.publishers_forgotten += dedup_is_of_publishers(w);
        dedup_forget(oldest(w));
    }
}

/* Two at a time are more than come. */
void dedup_keep_limit(dedup_t *w)
{
    forget_surplus(w);
    for (int i = 0; i < 2 && oldest(w) && dedup_is_over(oldest(w)); i++)
        dedup_forget(oldest(w));
}

bool dedup_drop_one(dedup_t *w)
{
    if (w == NULL || oldest(w) == NULL)
        return false;
    dedup_forget(oldest(w));
    return true;
}

void dedup_free(dedup_t **wp)
{
    dedup_t *w = *wp;
    if (w == NULL)
        return;
    while (dedup_drop_one(w))
        ;
    hash_deinit(&w->ids);
    mem_free(w);
    *wp = NULL;
}

uint64_t dedup_repeats(const dedup_t *w)
{
    return w ? w->repeats : 0;
}

size_t dedup_count(const dedup_t *w)
{
    return w->ids.count;
}

/* ---- back from the log ---- */

static int compare_since(const void *left, const void *right)
{
    const remembered_t *const *a = left, *const *b = right;
    return (*a)->since < (*b)->since ? -1 : (*a)->since > (*b)->since;
}

void dedup_settle(dedup_t *w)
{
    size_t count = 0;
    remembered_t **all = mem_alloc(w->ids.count * sizeof(remembered_t *));
    LIST_EACH (node, &w->order) {
        all[count++] = LIST_OF(node, remembered_t, in_window);
        list_remove(node);
    }
    qsort(all, count, sizeof *all, compare_since);
    for (size_t i = 0; i < count; i++)
        list_append(&w->order, &all[i]->in_window);
    mem_free(all);
    forget_surplus(w);
}
