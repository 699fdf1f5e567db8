/* SPDX-License-Identifier: Apache-2.0
 *
 * segment.h: a file of the log: its name, its header, and how it comes to be.
 *
 * The name is "log." and the segment's number in ten digits; numbers rise in the order of the log, with gaps. A segment
 * is its header (512 octets) and groups of frames (frame.h). Numbers are big-endian.
 *
 *      0   8  magic "chaskiLG"
 *      8   4  format version: 2
 *     12   4  flags: 1 rewritten
 *     16   8  log id, the same in all segments of a log
 *     24   8  key, likewise: the seed of its checksums
 *     32   8  number
 *     40   8  rewritten: number of the first record that was ever in it; else 0
 *     48   8  rewritten: number behind that of the last; else 0
 *     56   8  checksum of the 56 octets before, XXH3-64 without a seed
 *     64      zeros
 *
 * A header is whole if its checksum holds. One that is not whole, or whose number is not that of the name, is the work of
 * a crash: nothing was ever written behind it (a segment made), or nothing is needed any more (one recycled).
 *
 * The space of a new file is taken, and mostly it is written over with zeros, before it gets its header; header, file and
 * name are synced before a frame is written: so a sync of the log has to bring nothing but octets to the disk (and, where
 * no zeros were written, that there are some now). A recycled one keeps its old frames: they are valid under its old
 * number only.
 *
 * A rewritten one has sparse frames alone, of the records that were still needed. It is made beside the old one, its name
 * with ".new" behind it, and takes its place when it is synced. So it begins and ends anywhere, and says itself where. */
#pragma once

#include "base/disk.h"
#include "store/frame.h"

enum { SEGMENT_HEADER_BYTES = 512, SEGMENT_NAME_BYTES = 24, SEGMENT_FORMAT = 2 };

#define SEGMENT_NUMBER_MAX UINT64_C(9999999999)

/* One that is open for writing. */
typedef struct segment {
    char name[SEGMENT_NAME_BYTES];
    uint64_t number, bytes;
    disk_file_t *file;
} segment_t;

void segment_name(uint64_t number, char *out);

/* False if the name is not that of a segment. */
bool segment_parse_name(const char *name, uint64_t *number);

/* The same for one that is to take the place of this segment. */
void segment_new_name(uint64_t number, char *out);
bool segment_parse_new_name(const char *name, uint64_t *number);

/* ---- headers ---- */

typedef enum segment_state { SEGMENT_WHOLE, SEGMENT_NOT_WHOLE, SEGMENT_OTHER_FORMAT } segment_state_t;

typedef struct segment_header {
    uint32_t format;
    uint64_t number;
    log_identity_t log;
    record_no from, end; /* of one that was rewritten: its records are from … end - 1; else 0 */
} segment_header_t;

void segment_write_header(uint8_t out[SEGMENT_HEADER_BYTES], const segment_header_t *h);
segment_state_t segment_read_header(bytes_t octets, segment_header_t *out);

/* ---- making: after a failure the segment is closed ---- */

/* Creates the file, empty. */
int segment_create(segment_t *s, disk_t *disk, uint64_t number, error_t *err);

/* Takes space for so many octets, which read as zeros. After a failure the segment stays open: DISK_UNSUPPORTED, and it is
 * to be filled; DISK_FULL, and fewer may go. */
int segment_allocate(segment_t *s, uint64_t bytes, error_t *err);

/* Writes zeros there, and syncs. */
int segment_fill(segment_t *s, uint64_t from, uint64_t end, error_t *err);

/* Gives it its header, and the number `number` if it was created with another, and syncs file and directory: ready. */
int segment_finish(segment_t *s, uint64_t number, const log_identity_t *log, error_t *err);

/* Makes a file that is not needed any more the segment `number`: header, sync, rename, sync of the directory. */
int segment_recycle(segment_t *s, disk_t *disk, const char *old_name, uint64_t number,
                    const log_identity_t *log, error_t *err);

/* ---- rewriting: after a failure the segment is closed ---- */

/* Creates the file that is to take the place of segment `number`, whose records are from … end - 1, with its header. */
int segment_create_new(segment_t *s, disk_t *disk, uint64_t number, const log_identity_t *log, record_no from,
                       record_no end, error_t *err);

/* All is written: syncs it, puts it in the place of the old one, and syncs the directory. */
int segment_take_place(segment_t *s, error_t *err);

/* Removes a file for good. */
int segment_remove(disk_t *disk, const char *name, error_t *err);
