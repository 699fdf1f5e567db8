/* SPDX-License-Identifier: Apache-2.0
 *
 * log.h (cli): what `chaski log` was asked for, and who answers. */
#pragma once

#include "cli/cli.h"
#include "store/reader.h"

typedef struct log_options {
    const char *folder;
    bool lists; /* inspect; else verify: faults and the summary alone */
    bool json, records;
    record_no from; /* 0: all */
} log_options_t;

/* Reads all of the log and returns the exit code; -1, with the reason, if it cannot be read at all. */
int log_inspect(const log_options_t *o, disk_t *disk, error_t *err);
