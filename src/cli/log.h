/* SPDX-License-Identifier: Apache-2.0
 *
 * log.h (cli): what `chaski log verify` and `chaski log inspect` share. */
#pragma once

#include "cli/cli.h"
#include "store/reader.h"

typedef struct log_options {
    const char *folder;
    bool json, records;
    record_no from; /* 0: all */
} log_options_t;

/* Both read all of the log and return the exit code; -1, with the reason, if it cannot be read at all. */
int log_verify(const log_options_t *o, disk_t *disk, error_t *err);
int log_inspect(const log_options_t *o, disk_t *disk, error_t *err);

/* ---- log.c ---- */

/* "3 segments, …": one line about all of it. */
void log_print_summary(const log_options_t *o, const log_summary_t *s);

/* FILE:OFFSET: what. */
void log_print_fault(const char *file, uint64_t offset, bool fatal, const char *what);
