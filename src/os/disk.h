/* SPDX-License-Identifier: Apache-2.0
 *
 * disk.h (os): a folder of the machine's file system as a disk of base/disk.h.
 *
 * An error names a file as it was called when it was opened. The lock is the kernel's: it goes with the process,
 * however that ends; the lock file stays, with the process number of its last holder for people to read. */
#pragma once

#include "base/disk.h"

/* The folder, made (and its parent synced) if only it itself is missing. NULL: the reason names the folder. */
disk_t *os_disk_open(const char *folder, error_t *err);
