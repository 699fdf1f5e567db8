/* SPDX-License-Identifier: Apache-2.0
 *
 * sim_disk_internal.h: what the calls of base/disk.h (sim_calls.c) and the test's side (sim_disk.c) share. */
#pragma once

#include "sim/sim_directory.h"
#include "sim/sim_disk.h"
#include "sim/sim_file.h"
#include "sim/sim_random.h"

struct sim_disk {
    disk_t disk;
    sim_random_t random;
    list_t files;   /* of sim_file_t: all that have a name somewhere or are open */
    list_t handles; /* of sim_handle_t: those alive */
    sim_directory_t directory;
    uint64_t operations, cut_at, fail_at;
    uint64_t syncs, fail_sync_at;
    uint64_t limit_bytes;
    bool is_off, is_locked, skip_syncs, skip_directory_syncs, cannot_allocate;
    const char *skipped_suffix; /* of files whose syncs are skipped; NULL */
};

typedef struct sim_handle {
    disk_file_t base;
    list_t node;
    sim_file_t *file; /* NULL: of a process that is gone */
    bool is_writable;
    char name[SIM_NAME_BYTES];
} sim_handle_t;

extern const disk_kind_t sim_disk_kind;

/* Its process is gone: it can only be closed. */
void sim_handle_kill(sim_handle_t *h);
