/* SPDX-License-Identifier: Apache-2.0
 *
 * daemon.h: a chaskid of a benchmark's own, on a free port of 127.0.0.1. */
#pragma once

#include "base/error.h"

#include <stdint.h>
#include <sys/types.h>

typedef struct bench_daemon {
    pid_t pid; /* 0: none of ours */
    int stdout_fd;
    uint16_t port;
} bench_daemon_t;

/* Starts `program` with its data in `data_dir` and waits until it is ready. */
int bench_daemon_start(bench_daemon_t *d, const char *program, const char *data_dir, error_t *err);

/* SIGTERM, and waits for its end. */
void bench_daemon_stop(bench_daemon_t *d);

/* Removes a folder and all that is in it. */
void bench_folder_remove(const char *folder);
