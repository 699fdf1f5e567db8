/* SPDX-License-Identifier: Apache-2.0
 *
 * sim_disk.c: the test's side of the simulated disk: its life, the ends of the program, the faults. */
#include "sim/sim_disk.h"

#include <assert.h>

#include "base/alloc.h"
#include "sim/sim_disk_internal.h"

sim_disk_t *sim_disk_new(uint64_t seed)
{
    sim_disk_t *s = MEM_NEW(sim_disk_t);
    s->disk.kind = &sim_disk_kind;
    s->random = sim_random(seed);
    s->limit_bytes = UINT64_MAX;
    s->cannot_allocate = seed % 4 == 0;
    list_init(&s->files);
    list_init(&s->handles);
    sim_directory_init(&s->directory);
    return s;
}

void sim_disk_free(sim_disk_t **s)
{
    if (!*s)
        return;
    assert(list_empty(&(*s)->handles));
    sim_directory_deinit(&(*s)->directory);
    assert(list_empty(&(*s)->files));
    mem_free(*s);
    *s = NULL;
}

disk_t *sim_disk_disk(sim_disk_t *s)
{
    return &s->disk;
}

uint64_t sim_disk_operations(const sim_disk_t *s)
{
    return s->operations;
}

/* ---- the test's side ---- */

void sim_disk_cut_at(sim_disk_t *s, uint64_t n)
{
    s->cut_at = n ? s->operations + n : 0;
}

bool sim_disk_is_off(const sim_disk_t *s)
{
    return s->is_off;
}

static void kill_process(sim_disk_t *s)
{
    LIST_EACH (node, &s->handles) {
        sim_handle_kill(LIST_OF(node, sim_handle_t, node));
    }
    s->is_locked = false;
}

void sim_disk_power_cycle(sim_disk_t *s)
{
    kill_process(s);
    sim_directory_power_cycle(&s->directory, &s->random);
    LIST_EACH (node, &s->files) {
        sim_file_power_cycle(LIST_OF(node, sim_file_t, node), &s->random);
    }
    s->is_off = false;
}

void sim_disk_restart(sim_disk_t *s)
{
    kill_process(s);
    s->is_off = false;
}

void sim_disk_fail_at(sim_disk_t *s, uint64_t n)
{
    s->fail_at = n ? s->operations + n : 0;
}

void sim_disk_fail_sync(sim_disk_t *s, uint64_t n)
{
    s->fail_sync_at = n ? s->syncs + n : 0;
}

static sim_file_t *file_named(const sim_disk_t *s, const char *name)
{
    sim_file_t *file = sim_directory_find(&s->directory, name);
    assert(file);
    return file;
}

void sim_disk_fail_reads(sim_disk_t *s, const char *name, uint64_t offset, uint64_t len)
{
    sim_file_t *file = file_named(s, name);
    file->bad_offset = offset;
    file->bad_bytes = len;
}

void sim_disk_flip(sim_disk_t *s, const char *name, uint64_t offset, uint8_t mask)
{
    sim_file_flip(file_named(s, name), offset, mask);
}

void sim_disk_limit(sim_disk_t *s, uint64_t bytes)
{
    s->limit_bytes = bytes;
}

void sim_disk_skip_syncs(sim_disk_t *s, bool skip)
{
    s->skip_syncs = skip;
}

void sim_disk_skip_syncs_of(sim_disk_t *s, const char *suffix)
{
    s->skipped_suffix = suffix;
}

void sim_disk_skip_directory_syncs(sim_disk_t *s, bool skip)
{
    s->skip_directory_syncs = skip;
}
