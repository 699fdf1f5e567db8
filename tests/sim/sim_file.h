/* SPDX-License-Identifier: Apache-2.0
 *
 * sim_file.h: one file of the simulated disk: what programs see, and what the platter has.
 *
 * `visible` is the page cache, `stored` the platter. A write goes to `visible` at once and into the list of what is
 * unsynced; a sync carries the sectors of that list over. So no write and no sync costs more than its own octets. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "sim/sim_random.h"

enum { SIM_SECTOR_BYTES = 512 };

typedef struct sim_content {
    uint8_t *data;
    uint64_t bytes, capacity;
} sim_content_t;

/* Counted by the directory's entries and by open handles. */
typedef struct sim_file {
    list_t node; /* in the disk's list of all files */
    unsigned count;
    sim_content_t visible, stored;
    list_t unsynced;                /* of sim_write_t, oldest first */
    bool differs;                   /* visible and stored may be unlike */
    bool lost;                      /* a sync failed: something visible is on no list any more */
    uint64_t bad_offset, bad_bytes; /* reads that touch this fail */
} sim_file_t;

/* Empty, counted once, in `files`. */
sim_file_t *sim_file_new(list_t *files);
sim_file_t *sim_file_ref(sim_file_t *f);
void sim_file_unref(sim_file_t *f);

void sim_file_write(sim_file_t *f, uint64_t offset, const void *data, size_t len);

/* Makes it this long, if it is shorter, with what reads as zeros. */
void sim_file_extend(sim_file_t *f, uint64_t bytes);

void sim_file_sync(sim_file_t *f);

/* The platter never gets what is unsynced, and nobody knows any more that it was to. */
void sim_file_lose(sim_file_t *f);

/* Each unsynced write is kept, lost or torn; then programs see what the platter has. */
void sim_file_power_cycle(sim_file_t *f, sim_random_t *random);

/* Turns the bits of `mask` in the octet at `offset`, which must be there. */
void sim_file_flip(sim_file_t *f, uint64_t offset, uint8_t mask);
