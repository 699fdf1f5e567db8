/* SPDX-License-Identifier: Apache-2.0
 *
 * sim_bugs.h: bugs that are planted to see that the simulator finds them. They stand outside of the broker's code: the
 * linker puts these functions in front of the broker's (--wrap), or the simulated disk lies. */
#pragma once

#include <stdio.h>

#include "sim/sim_disk.h"

/* False if there is no bug of this name. */
bool sim_bug_plant(const char *name);
void sim_bug_list(FILE *out);

/* Those that are the disk's. */
void sim_bug_apply(sim_disk_t *disk);
