/* SPDX-License-Identifier: Apache-2.0
 *
 * sim_disk.h: a disk in memory that does what a disk is allowed to do, by dice with a seed.
 *
 * Programs use it by base/disk.h; the test cuts the power, kills the process, breaks the disk by the calls below. Same
 * seed and same calls: same outcome, to the octet. For one thread.
 *
 * Every call that would change something is an *operation* and is counted: creating, writing, syncing, renaming,
 * removing, syncing the directory (and making the lock file), whatever comes of it. Counts below are from now on and
 * begin with 1; 0 takes the order back. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/disk.h"

typedef struct sim_disk sim_disk_t;

sim_disk_t *sim_disk_new(uint64_t seed);

/* Every handle must be closed. Sets *s to NULL. */
void sim_disk_free(sim_disk_t **s);

/* The same one each time. disk_free on it gives back the lock, and nothing else. */
disk_t *sim_disk_disk(sim_disk_t *s);

/* Operations so far. */
uint64_t sim_disk_operations(const sim_disk_t *s);

/* ---- ends of the program: handles are dead (closing them is allowed), the lock is gone ---- */

/* At the n-th operation the power goes: that one is done not at all, in part, or whole without an answer; it and
 * everything after it fail with "power is off". */
void sim_disk_cut_at(sim_disk_t *s, uint64_t n);
bool sim_disk_is_off(const sim_disk_t *s);

/* The power goes, if it has not, and comes back: of what was not synced each write is kept, lost or torn into sectors,
 * each change of names kept or lost. */
void sim_disk_power_cycle(sim_disk_t *s);

/* The process dies, the machine stays up: nothing is lost, but what was not synced still is not. After a cut: what was
 * cut was the process, not the power. */
void sim_disk_restart(sim_disk_t *s);

/* ---- faults ---- */

/* The n-th operation fails (a write perhaps after a part of it; a sync of a file as below) and the disk goes on. */
void sim_disk_fail_at(sim_disk_t *s, uint64_t n);

/* The n-th sync of a file fails, and as on Linux what it was to bring to the disk never gets there, and no later sync
 * knows of it; it can be read until the power goes, and is safe only if it is written again. */
void sim_disk_fail_sync(sim_disk_t *s, uint64_t n);

/* Reads that touch these octets of the file fail, whatever it will be called; len 0 heals it. */
void sim_disk_fail_reads(sim_disk_t *s, const char *name, uint64_t offset, uint64_t len);

/* Turns the bits of `mask` in one octet that is there. */
void sim_disk_flip(sim_disk_t *s, const char *name, uint64_t offset, uint8_t mask);

/* All files together hold at most so many octets; a write past it is done as far as it goes and fails with DISK_FULL.
 * UINT64_MAX, the beginning: as many as you like. */
void sim_disk_limit(sim_disk_t *s, uint64_t bytes);

/* ---- lies, for testing whether a test would notice: syncs that say 0 and do nothing ---- */

void sim_disk_skip_syncs(sim_disk_t *s, bool skip);
/* Of files whose names end so; NULL: of none. */
void sim_disk_skip_syncs_of(sim_disk_t *s, const char *suffix);
void sim_disk_skip_directory_syncs(sim_disk_t *s, bool skip);
