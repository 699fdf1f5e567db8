/* SPDX-License-Identifier: Apache-2.0
 *
 * process.h: what the operating system says of another process. */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"

typedef struct process_usage {
    double cpu_seconds; /* user and system, of all its threads */
    uint64_t rss_bytes;
} process_usage_t;

/* -1 if there is no such process, or it may not be seen. */
int process_usage(pid_t pid, process_usage_t *out, error_t *err);
