/* SPDX-License-Identifier: Apache-2.0
 *
 * os_internal.h: what this room's tests look at besides the door. */
#pragma once

#include <stdint.h>

/* The least memory limit of the control groups that the file (in the form of /proc/self/cgroup) names, below `root`
 * (/sys/fs/cgroup): of the group itself and of all groups above it. UINT64_MAX if there is none. */
uint64_t machine_cgroup_limit(const char *membership_file, const char *root);
