/* SPDX-License-Identifier: Apache-2.0
 *
 * sim_file.c: what a file is after the power went.
 *
 * The machine writes back whole sectors, each when it likes, and a sector is never torn itself. So a sector is found
 * as it was after some write to it, or as before all of them; never with a later write and without an earlier one
 * to the same sector. A write that covers a sector brings its own octets; one that covers it in part brings the sector
 * as it was seen last, which holds everything that went before.
 *
 * The size is written apart from the content: what was never written below it reads as zeros. */
#include "sim/sim_file.h"

#include <assert.h>
#include <string.h>

#include "base/alloc.h"

typedef struct sim_write {
    list_t node;
    uint64_t offset;
    size_t len;
    uint8_t data[];
} sim_write_t;

/* What becomes of the writes that were not synced. Not all is left to chance for each alone: with many of them, the
 * plain cases would never come. */
typedef enum fortune { ALL_KEPT, ALL_LOST, A_PREFIX, EACH_ALONE } fortune_t;

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t sector_start(uint64_t offset)
{
    return offset / SIM_SECTOR_BYTES * SIM_SECTOR_BYTES;
}

/* ---- octets ---- */

static void content_reserve(sim_content_t *c, uint64_t bytes)
{
    if (bytes <= c->capacity)
        return;
    c->capacity = bytes > 2 * c->capacity ? bytes : 2 * c->capacity;
    c->data = mem_resize(c->data, c->capacity);
}

/* Makes it at least this long. */
static void content_grow(sim_content_t *c, uint64_t bytes)
{
    if (bytes <= c->bytes)
        return;
    content_reserve(c, bytes);
    memset(c->data + c->bytes, 0, bytes - c->bytes);
    c->bytes = bytes;
}

static void content_put(sim_content_t *c, uint64_t offset, const void *data, uint64_t len)
{
    if (len == 0)
        return;
    content_grow(c, offset);
    content_reserve(c, offset + len);
    memcpy(c->data + offset, data, len);
    if (c->bytes < offset + len)
        c->bytes = offset + len;
}

/* ---- life ---- */

sim_file_t *sim_file_new(list_t *files)
{
    sim_file_t *f = MEM_NEW(sim_file_t);
    f->count = 1;
    list_init(&f->unsynced);
    list_append(files, &f->node);
    return f;
}

sim_file_t *sim_file_ref(sim_file_t *f)
{
    f->count++;
    return f;
}

static void forget_unsynced(sim_file_t *f)
{
    LIST_EACH (node, &f->unsynced) {
        list_remove(node);
        mem_free(LIST_OF(node, sim_write_t, node));
    }
}

void sim_file_unref(sim_file_t *f)
{
    assert(f->count > 0);
    if (--f->count > 0)
        return;
    forget_unsynced(f);
    list_remove(&f->node);
    mem_free(f->visible.data);
    mem_free(f->stored.data);
    mem_free(f);
}

/* ---- writing and syncing ---- */

void sim_file_write(sim_file_t *f, uint64_t offset, const void *data, size_t len)
{
    if (len == 0)
        return;
    content_put(&f->visible, offset, data, len);
    sim_write_t *w = mem_alloc(sizeof *w + len);
    w->offset = offset;
    w->len = len;
    memcpy(w->data, data, len);
    list_append(&f->unsynced, &w->node);
    f->differs = true;
}

void sim_file_extend(sim_file_t *f, uint64_t bytes)
{
    if (bytes <= f->visible.bytes)
        return;
    content_grow(&f->visible, bytes);
    f->differs = true;
}

/* Carries the sectors over that [from, to) touches, as they are seen now. */
static void store_visible(sim_file_t *f, uint64_t from, uint64_t to)
{
    from = sector_start(from);
    to = least(sector_start(to + SIM_SECTOR_BYTES - 1), f->visible.bytes);
    content_put(&f->stored, from, f->visible.data + from, to - from);
}

void sim_file_sync(sim_file_t *f)
{
    LIST_EACH (node, &f->unsynced) {
        const sim_write_t *w = LIST_OF(node, sim_write_t, node);
        store_visible(f, w->offset, w->offset + w->len);
    }
    content_grow(&f->stored, f->visible.bytes);
    forget_unsynced(f);
    f->differs = f->lost;
}

void sim_file_lose(sim_file_t *f)
{
    f->lost = f->lost || !list_empty(&f->unsynced);
    forget_unsynced(f);
}

/* ---- the power ---- */

/* Brings one sector of the write to the platter. */
static void store_sector(sim_file_t *f, const sim_write_t *w, uint64_t sector)
{
    uint64_t end = w->offset + w->len, sector_end = sector + SIM_SECTOR_BYTES;
    if (sector >= w->offset && sector_end <= end)
        content_put(&f->stored, sector, w->data + (sector - w->offset), SIM_SECTOR_BYTES);
    else
        store_visible(f, sector, sector_end);
}

static void store_torn(sim_file_t *f, const sim_write_t *w, sim_random_t *random)
{
    for (uint64_t at = sector_start(w->offset); at < w->offset + w->len; at += SIM_SECTOR_BYTES)
        if (sim_random_once_in(random, 2))
            store_sector(f, w, at);
}

/* The sectors that begin below `end`. */
static void store_below(sim_file_t *f, const sim_write_t *w, uint64_t end)
{
    for (uint64_t at = sector_start(w->offset); at < end; at += SIM_SECTOR_BYTES)
        store_sector(f, w, at);
}

static void store_whole(sim_file_t *f, const sim_write_t *w)
{
    store_below(f, w, w->offset + w->len);
}

static void store_by_chance(sim_file_t *f, const sim_write_t *w, sim_random_t *random)
{
    switch (sim_random_below(random, 4)) {
    case 0:
        store_whole(f, w);
        break;
    case 1:
        store_torn(f, w, random);
        break;
    case 2:
        store_below(f, w, w->offset + sim_random_below(random, w->len));
        break;
    default:
        break;
    }
    if (sim_random_once_in(random, 4)) /* the size came through, whatever became of the content */
        content_grow(&f->stored, w->offset + w->len);
}

static size_t count_unsynced(const sim_file_t *f)
{
    size_t count = 0;
    LIST_EACH (node, &f->unsynced)
        count++;
    return count;
}

static void store_some(sim_file_t *f, sim_random_t *random)
{
    size_t count = count_unsynced(f);
    fortune_t fortune = (fortune_t)least(sim_random_below(random, 8), EACH_ALONE);
    size_t prefix = fortune == ALL_KEPT   ? count
                    : fortune == A_PREFIX ? sim_random_below(random, count + 1)
                                          : 0;
    size_t index = 0;
    LIST_EACH (node, &f->unsynced) {
        const sim_write_t *w = LIST_OF(node, sim_write_t, node);
        if (fortune == EACH_ALONE)
            store_by_chance(f, w, random);
        else if (index++ < prefix)
            store_whole(f, w);
    }
}

void sim_file_power_cycle(sim_file_t *f, sim_random_t *random)
{
    if (!list_empty(&f->unsynced))
        store_some(f, random);
    if (f->visible.bytes > f->stored.bytes && sim_random_once_in(random, 4)) /* its size came through */
        content_grow(&f->stored, f->visible.bytes);
    forget_unsynced(f);
    if (f->differs) {
        f->visible.bytes = 0;
        content_put(&f->visible, 0, f->stored.data, f->stored.bytes);
    }
    f->differs = f->lost = false;
}

/* ---- decay ---- */

void sim_file_flip(sim_file_t *f, uint64_t offset, uint8_t mask)
{
    assert(offset < f->visible.bytes);
    f->visible.data[offset] ^= mask;
    if (offset < f->stored.bytes)
        f->stored.data[offset] ^= mask;
}
