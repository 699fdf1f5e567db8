/* SPDX-License-Identifier: Apache-2.0
 *
 * sim_directory.c: which names are there after the power went.
 *
 * A file system keeps a journal of such changes, so mostly a beginning of them is there; but none promises an order for
 * names that have nothing to do with each other. So a random number of the oldest changes is kept, and of the later
 * ones some that share no name with one that was lost: their outcome makes sense without it. */
#include "sim/sim_directory.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

#include "base/alloc.h"

typedef struct sim_change {
    list_t node;
    char from[SIM_NAME_BYTES]; /* empty: made */
    char to[SIM_NAME_BYTES];   /* empty: removed */
    sim_file_t *file;
} sim_change_t;

/* ---- names ---- */

static sim_entry_t *names_find(const sim_names_t *n, const char *name)
{
    for (size_t i = 0; i < n->count; i++)
        if (strcmp(n->entries[i].name, name) == 0)
            return &n->entries[i];
    return NULL;
}

static void names_remove(sim_names_t *n, const char *name)
{
    sim_entry_t *entry = names_find(n, name);
    if (!entry)
        return;
    sim_file_unref(entry->file);
    *entry = n->entries[--n->count];
}

static void names_add(sim_names_t *n, const char *name, sim_file_t *file)
{
    if (n->count == n->capacity) {
        n->capacity = n->capacity ? 2 * n->capacity : 8;
        n->entries = mem_resize(n->entries, n->capacity * sizeof *n->entries);
    }
    sim_entry_t *entry = &n->entries[n->count++];
    strcpy(entry->name, name);
    entry->file = sim_file_ref(file);
}

static void names_clear(sim_names_t *n)
{
    while (n->count > 0)
        sim_file_unref(n->entries[--n->count].file);
}

static void names_change(sim_names_t *n, const sim_change_t *c)
{
    assert(c->from[0] == '\0' || names_find(n, c->from));
    names_remove(n, c->from);
    if (c->to[0] == '\0')
        return;
    names_remove(n, c->to);
    names_add(n, c->to, c->file);
}

/* ---- changes ---- */

static void copy_name(char *out, const char *name)
{
    assert(!name || strlen(name) < SIM_NAME_BYTES);
    strcpy(out, name ? name : "");
}

static void change_free(sim_change_t *c)
{
    list_remove(&c->node);
    sim_file_unref(c->file);
    mem_free(c);
}

static void changes_free(list_t *changes)
{
    LIST_EACH (node, changes) {
        change_free(LIST_OF(node, sim_change_t, node));
    }
}

static bool has_name(const sim_change_t *c, const char *name)
{
    return name[0] != '\0' && (strcmp(c->from, name) == 0 || strcmp(c->to, name) == 0);
}

/* True if the change touches a name of one of these. */
static bool depends_on(const sim_change_t *c, const list_t *changes)
{
    LIST_EACH (node, changes) {
        const sim_change_t *earlier = LIST_OF(node, sim_change_t, node);
        if (has_name(earlier, c->from) || has_name(earlier, c->to))
            return true;
    }
    return false;
}

/* ---- the directory ---- */

void sim_directory_init(sim_directory_t *d)
{
    *d = (sim_directory_t){0};
    list_init(&d->unsynced);
}

void sim_directory_deinit(sim_directory_t *d)
{
    changes_free(&d->unsynced);
    names_clear(&d->visible);
    names_clear(&d->stored);
    mem_free(d->visible.entries);
    mem_free(d->stored.entries);
}

sim_file_t *sim_directory_find(const sim_directory_t *d, const char *name)
{
    const sim_entry_t *entry = names_find(&d->visible, name);
    return entry ? entry->file : NULL;
}

void sim_directory_change(sim_directory_t *d, const char *from, const char *to, sim_file_t *file)
{
    sim_change_t *c = MEM_NEW(sim_change_t);
    copy_name(c->from, from);
    copy_name(c->to, to);
    c->file = sim_file_ref(file);
    list_append(&d->unsynced, &c->node);
    names_change(&d->visible, c);
}

void sim_directory_sync(sim_directory_t *d)
{
    LIST_EACH (node, &d->unsynced) {
        names_change(&d->stored, LIST_OF(node, sim_change_t, node));
    }
    changes_free(&d->unsynced);
}

static size_t count_unsynced(const sim_directory_t *d)
{
    size_t count = 0;
    LIST_EACH (node, &d->unsynced)
        count++;
    return count;
}

static void store_some(sim_directory_t *d, sim_random_t *random)
{
    list_t lost;
    list_init(&lost);
    size_t prefix = sim_random_below(random, count_unsynced(d) + 1), index = 0;
    bool in_order = sim_random_once_in(random, 2);
    LIST_EACH (node, &d->unsynced) {
        sim_change_t *c = LIST_OF(node, sim_change_t, node);
        bool kept = index++ < prefix || (!in_order && !depends_on(c, &lost) && sim_random_once_in(random, 2));
        if (kept) {
            names_change(&d->stored, c);
            change_free(c);
        } else {
            list_remove(node);
            list_append(&lost, node);
        }
    }
    changes_free(&lost);
}

void sim_directory_power_cycle(sim_directory_t *d, sim_random_t *random)
{
    store_some(d, random);
    names_clear(&d->visible);
    for (size_t i = 0; i < d->stored.count; i++)
        names_add(&d->visible, d->stored.entries[i].name, d->stored.entries[i].file);
}
