/* SPDX-License-Identifier: Apache-2.0
 *
 * window.c: what is already in memory is moved to the front, not read again. */
#include "store/window.h"

#include <assert.h>

#include "base/alloc.h"

#define SECTOR_BYTES    512
#define UNREADABLE_MOST 4096 /* more than that, and the disk is gone */

static void forget(window_t *w)
{
    w->len = 0;
    w->offset = 0;
}

int window_open(window_t *w, disk_t *disk, const char *name, size_t read_bytes, error_t *err)
{
    disk_close(&w->file);
    w->read_bytes = read_bytes;
    w->unreadable = 0;
    w->unreadable_end = 0;
    int rc = disk_open(disk, name, DISK_READ, &w->file, err);
    return rc == 0 ? window_refresh(w, err) : rc;
}

void window_close(window_t *w)
{
    disk_close(&w->file);
    mem_free(w->data);
    *w = (window_t){0};
}

int window_refresh(window_t *w, error_t *err)
{
    forget(w);
    return disk_size(w->file, &w->file_bytes, err);
}

static bool is_inside(const window_t *w, uint64_t offset)
{
    return offset >= w->offset && offset - w->offset < w->len;
}

static void reserve(window_t *w, size_t bytes)
{
    if (bytes <= w->capacity)
        return;
    w->capacity = bytes;
    w->data = mem_resize(w->data, bytes);
}

/* The window begins at `offset` from now on, with whatever of it is here already. */
static void move_to(window_t *w, uint64_t offset)
{
    size_t keep = 0;
    if (is_inside(w, offset)) {
        size_t skip = (size_t)(offset - w->offset);
        keep = w->len - skip;
        memmove(w->data, w->data + skip, keep);
    }
    w->offset = offset;
    w->len = keep;
}

/* Reads until `want` octets are here, or the file ends. */
static int read_to(window_t *w, size_t want, error_t *err)
{
    size_t got;
    int rc = disk_read(w->file, w->offset + w->len, w->data + w->len, want - w->len, &got, err);
    if (rc == 0)
        w->len += got;
    return rc;
}

/* Up to the end of the sector, with zeros if need be. */
static int read_sector(window_t *w, size_t want, error_t *err)
{
    uint64_t at = w->offset + w->len, end = (at / SECTOR_BYTES + 1) * SECTOR_BYTES;
    size_t to = end - w->offset < want ? (size_t)(end - w->offset) : want;
    int rc = read_to(w, to, err);
    if (rc == 0)
        return 0;
    if (++w->unreadable > UNREADABLE_MOST)
        return rc;
    memset(w->data + w->len, 0, to - w->len);
    w->len = to;
    if (w->unreadable_end < end)
        w->unreadable_end = end;
    return 0;
}

static int fill(window_t *w, size_t want, size_t need, error_t *err)
{
    reserve(w, want);
    int rc = read_to(w, want, err);
    if (rc != 0 && need < want)
        rc = read_to(w, need, err);
    if (rc != 0 && w->skips_unreadable)
        for (rc = 0; rc == 0 && w->len < need;)
            rc = read_sector(w, need, err);
    if (rc != 0)
        forget(w);
    return rc;
}

int window_get(window_t *w, uint64_t offset, uint64_t len, bytes_t *out, error_t *err)
{
    *out = bytes_make(NULL, 0);
    if (offset >= w->file_bytes)
        return 0;
    uint64_t left = w->file_bytes - offset;
    if (len > left)
        len = left;
    assert(len <= SIZE_MAX / 2);
    if (!is_inside(w, offset) || w->len - (offset - w->offset) < len) {
        uint64_t want = len > w->read_bytes ? len : w->read_bytes;
        move_to(w, offset);
        int rc = fill(w, (size_t)(want < left ? want : left), (size_t)len, err);
        if (rc != 0)
            return rc;
    }
    size_t there = w->len - (size_t)(offset - w->offset);
    *out = bytes_make(w->data + (offset - w->offset), len < there ? (size_t)len : there);
    return 0;
}

int window_frame(window_t *w, const frame_place_t *place, frame_t *f, bytes_t *head, error_t *err)
{
    int rc = window_get(w, place->offset, FRAME_FIXED_BYTES, head, err);
    if (rc != 0)
        return rc;
    if (head->len < FRAME_FIXED_BYTES || !frame_read(*head, place, w->file_bytes - place->offset, f))
        return 0;
    rc = window_get(w, place->offset, frame_head_bytes(f), head, err);
    if (rc != 0)
        return rc;
    return frame_check(*head, place, f);
}
