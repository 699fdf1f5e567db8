/* SPDX-License-Identifier: Apache-2.0
 *
 * sim_directory.h: the names of the simulated disk: what programs see, and what the platter has.
 *
 * A change of names is atomic and goes to `visible` at once; a sync makes `stored` the same. Every entry, and every
 * change that is not synced, counts its file. */
#pragma once

#include <stddef.h>

#include "base/list.h"
#include "sim/sim_file.h"
#include "sim/sim_random.h"

enum { SIM_NAME_BYTES = 64 };

typedef struct sim_entry {
    char name[SIM_NAME_BYTES];
    sim_file_t *file;
} sim_entry_t;

typedef struct sim_names {
    sim_entry_t *entries;
    size_t count, capacity;
} sim_names_t;

typedef struct sim_directory {
    sim_names_t visible, stored;
    list_t unsynced; /* changes, oldest first */
} sim_directory_t;

void sim_directory_init(sim_directory_t *d);
void sim_directory_deinit(sim_directory_t *d);

/* The file that programs see, or NULL. */
sim_file_t *sim_directory_find(const sim_directory_t *d, const char *name);

/* `file` goes from one name to the other: from NULL when it is made, to NULL when it is removed. What had the name `to`
 * loses it. */
void sim_directory_change(sim_directory_t *d, const char *from, const char *to, sim_file_t *file);

void sim_directory_sync(sim_directory_t *d);

/* Each unsynced change is kept or lost; then programs see what the platter has. */
void sim_directory_power_cycle(sim_directory_t *d, sim_random_t *random);
