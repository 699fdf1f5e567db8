/* SPDX-License-Identifier: Apache-2.0
 *
 * window.h: a file seen through a window that moves forward: a few large reads instead of many small ones.
 *
 * Where the disk refuses to read, it is asked again for less: first for what is needed, and then, if the window
 * `skips_unreadable`, sector by sector. A sector that cannot be read is then zeros, so that what was in it is damaged and no
 * more than that. */
#pragma once

#include "base/disk.h"
#include "store/frame.h"

typedef struct window {
    disk_file_t *file;
    uint64_t file_bytes;
    size_t read_bytes; /* read at least so much at once */
    uint8_t *data;     /* octets [offset, offset + len) of the file */
    size_t len, capacity;
    uint64_t offset;
    bool skips_unreadable;
    uint32_t unreadable;     /* sectors of this file that could not be read */
    uint64_t unreadable_end; /* the end of the last of them; 0: none */
} window_t;

/* Opens a file for reading; the memory of a file before is kept. Zeroed, a window is closed. */
int window_open(window_t *w, disk_t *disk, const char *name, size_t read_bytes, error_t *err);
void window_close(window_t *w);

/* Looks at the file anew: it may have changed. */
int window_refresh(window_t *w, error_t *err);

/* Octets [offset, offset + len), fewer if the file ends there; valid until the next call. */
int window_get(window_t *w, uint64_t offset, uint64_t len, bytes_t *out, error_t *err);

/* The head of the frame at this place; valid until the next call. 1: it is valid; 0: there is none; negative: the disk
 * failed. */
int window_frame(window_t *w, const frame_place_t *place, frame_t *f, bytes_t *head, error_t *err);
