/* SPDX-License-Identifier: Apache-2.0
 *
 * disk.h: one directory of files, as the store needs it: the real one is os/disk.h, the simulator has another.
 *
 * Only what was synced is promised to be there after the power went: octets of a file by disk_sync on it, the
 * existence and name of a file by disk_sync_directory. Every call returns 0, or a negative disk_fault with the reason,
 * the file's name in it, in `err` (which may be NULL). A disk may be used by several threads, a file by one thread at a
 * time for writing; reading beside it is fine. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/output.h"

typedef enum disk_fault {
    DISK_FAILED = -1, /* the machine's own reason: EIO and its like */
    DISK_NOT_FOUND = -2,
    DISK_EXISTS = -3,
    DISK_FULL = -4,   /* no space, quota */
    DISK_LOCKED = -5, /* another process holds the lock */
    DISK_BUSY = -6,   /* this process has too few descriptors, or too little memory: it may be well later */
    DISK_UNSUPPORTED = -7,
} disk_fault_t;

typedef struct disk disk_t;
typedef struct disk_file disk_file_t;

typedef enum disk_mode {
    DISK_READ,   /* must be there; read only */
    DISK_WRITE,  /* must be there; read and written */
    DISK_CREATE, /* must not be there */
} disk_mode_t;

/* Called once for each file, with its name. */
typedef void disk_each_t(void *context, const char *name);

typedef struct disk_kind {
    int (*open)(disk_t *d, const char *name, disk_mode_t mode, disk_file_t **file, error_t *err);
    void (*close)(disk_file_t *file);
    int (*size)(disk_file_t *file, uint64_t *bytes, error_t *err);
    /* *got < len only at the end of the file. */
    int (*read)(disk_file_t *file, uint64_t offset, void *out, size_t len, size_t *got, error_t *err);
    /* All of the pieces, end to end, at `offset`; a file that is too short grows. */
    int (*write)(disk_file_t *file, uint64_t offset, const output_piece_t *pieces, size_t count,
                 error_t *err);
    /* Makes a file that is shorter this long: reads as zeros where nothing was written, and its space is taken. */
    int (*allocate)(disk_file_t *file, uint64_t bytes, error_t *err);
    int (*sync)(disk_file_t *file, error_t *err);
    int (*rename)(disk_t *d, const char *from, const char *to, error_t *err);
    int (*remove)(disk_t *d, const char *name, error_t *err);
    int (*list)(disk_t *d, disk_each_t *each, void *context, error_t *err);
    int (*sync_directory)(disk_t *d, error_t *err);
    /* Takes the lock file `name` for this process until the disk is freed. */
    int (*lock)(disk_t *d, const char *name, error_t *err);
    /* Octets that could still be written. */
    int (*free_bytes)(disk_t *d, uint64_t *bytes, error_t *err);
    void (*free)(disk_t *d);
} disk_kind_t;

struct disk {
    const disk_kind_t *kind;
};

struct disk_file {
    disk_t *disk;
};

static inline int disk_open(disk_t *d, const char *name, disk_mode_t mode, disk_file_t **file, error_t *err)
{
    return d->kind->open(d, name, mode, file, err);
}

/* Harmless if *file is NULL; sets it to NULL. Does not sync. */
static inline void disk_close(disk_file_t **file)
{
    if (*file)
        (*file)->disk->kind->close(*file);
    *file = NULL;
}

static inline int disk_size(disk_file_t *file, uint64_t *bytes, error_t *err)
{
    return file->disk->kind->size(file, bytes, err);
}

static inline int disk_read(disk_file_t *file, uint64_t offset, void *out, size_t len, size_t *got,
                            error_t *err)
{
    return file->disk->kind->read(file, offset, out, len, got, err);
}

static inline int disk_write(disk_file_t *file, uint64_t offset, const output_piece_t *pieces, size_t count,
                             error_t *err)
{
    return file->disk->kind->write(file, offset, pieces, count, err);
}

/* DISK_UNSUPPORTED: not on this file system. */
static inline int disk_allocate(disk_file_t *file, uint64_t bytes, error_t *err)
{
    return file->disk->kind->allocate(file, bytes, err);
}

static inline int disk_sync(disk_file_t *file, error_t *err)
{
    return file->disk->kind->sync(file, err);
}

static inline int disk_rename(disk_t *d, const char *from, const char *to, error_t *err)
{
    return d->kind->rename(d, from, to, err);
}

static inline int disk_remove(disk_t *d, const char *name, error_t *err)
{
    return d->kind->remove(d, name, err);
}

static inline int disk_list(disk_t *d, disk_each_t *each, void *context, error_t *err)
{
    return d->kind->list(d, each, context, err);
}

static inline int disk_sync_directory(disk_t *d, error_t *err)
{
    return d->kind->sync_directory(d, err);
}

static inline int disk_lock(disk_t *d, const char *name, error_t *err)
{
    return d->kind->lock(d, name, err);
}

static inline int disk_free_bytes(disk_t *d, uint64_t *bytes, error_t *err)
{
    return d->kind->free_bytes(d, bytes, err);
}

/* Releases the lock; files must be closed. Sets *d to NULL. */
static inline void disk_free(disk_t **d)
{
    if (*d)
        (*d)->kind->free(*d);
    *d = NULL;
}
