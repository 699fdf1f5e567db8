/* SPDX-License-Identifier: Apache-2.0
 *
 * bare.h: what the machine alone takes for the two things that a confirm has to do: bring octets to the disk, and
 * go over loopback and back. */
#pragma once

#include "base/error.h"
#include "measure.h"

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

typedef struct bare_disk {
    int fd; /* -1: not open */
    size_t write_bytes;
    uint64_t at;
} bare_disk_t;

/* Makes a file, writes it over with zeros and syncs it, so that a later fdatasync is no change of metadata. */
int bare_disk_open(bare_disk_t *d, const char *path, size_t write_bytes, error_t *err);
void bare_disk_close(bare_disk_t *d);

/* Adds the times of `count` appends, each pwrite and fdatasync. */
int bare_disk_measure(bare_disk_t *d, size_t count, samples_t *s, error_t *err);

typedef struct bare_loopback {
    int fd; /* -1: not open */
    int peer_fd;
    size_t there_bytes, back_bytes;
    pthread_t echo;
} bare_loopback_t;

/* Two connected sockets with TCP_NODELAY, and a thread that answers `there` octets with `back` octets. */
int bare_loopback_open(bare_loopback_t *l, size_t there_bytes, size_t back_bytes, error_t *err);
void bare_loopback_close(bare_loopback_t *l);

/* Adds the times of `count` round trips. */
int bare_loopback_measure(bare_loopback_t *l, size_t count, samples_t *s, error_t *err);
