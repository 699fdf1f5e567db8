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

/* ---- log_damage.c ---- */

typedef struct log_place {
    char file[64];
    uint64_t offset; /* of a frame */
    record_no first;
    uint32_t records;
} log_place_t;

typedef struct log_damage {
    void (*fault)(void *context, const char *file, uint64_t offset, bool fatal, const char *what);
    void *context;
    uint64_t records;    /* damaged ones so far */
    log_place_t *places; /* owned: frames whose records were not told of yet */
    size_t count, capacity;
    bool told;
} log_damage_t;

/* To be told of every frame and every record; calls `fault` for those that are damaged. */
void log_damage_frame(log_damage_t *d, const char *file, uint64_t offset, record_no first, uint32_t records);
void log_damage_record(log_damage_t *d, record_no number, bool damaged);
void log_damage_deinit(log_damage_t *d);

/* ---- log.c ---- */

/* "3 segments, …": one line about all of it. */
void log_print_summary(const log_options_t *o, const log_summary_t *s);

/* FILE:OFFSET: what. */
void log_print_fault(const char *file, uint64_t offset, bool fatal, const char *what);
