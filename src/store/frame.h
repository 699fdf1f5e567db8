/* SPDX-License-Identifier: Apache-2.0
 *
 * frame.h: the unit of the log that has a checksum: octets to struct and back, pure.
 *
 * A frame is its head (104 octets, the content table, the metadata) and then its content. Numbers are big-endian.
 *
 *      0   8  checksum of the octets from here on to the end of the metadata
 *      8   4  magic "chFr"
 *     12   1  kind: 1 data, 2 mark, 3 start, 4 end
 *     13   1  flags: 1 first of its group, 2 last of its group, 4 its metadata begins inside a record, 8 a copy, 16 sparse
 *     14   2  0
 *     16   8  octets of the whole frame
 *     24   4  octets of metadata
 *     28   4  content pieces
 *     32   8  log id
 *     40   8  number of the segment it was written to
 *     48   8  epoch (0)
 *     56   8  incarnation: how often the log was opened
 *     64   8  number of the first record that ends in it (others: of the next record)
 *     72   4  count of records that end in it
 *     76   4  sparse: number of its last record less that of its first; else 0
 *     80   8  durable through: the highest record known to be synced when this was written
 *     88   8  replay from: once this group is durable, a log that is read from this record on makes all that is
 *             there; below it only contents are needed. The first frame of a segment claims no more than what is
 *             durable before it
 *     96   8  previous: checksum of the data frame before it in the log; 0: there is none
 *    104      content table: for each piece its octets (4) and the checksum of its content (8)
 *             metadata: octets of records (record.h), end to end
 *             content: the pieces, end to end
 *
 * Checksums are XXH3-64. That of a piece is seeded with the log's key; that of a head with the key, the number of the
 * segment and the frame's offset in it. So a frame is valid at the one place it was written to: not in a recycled
 * segment, not as an image inside of somebody's message.
 *
 * A group is one frame or more, end to end; the first begins at a multiple of 512, and the octets from its end to the
 * next such multiple are zeros. Its records are one stream, cut into the metadata of its frames; the content of a
 * record is in the frame in which the record ends.
 *
 * A sparse frame is one of a segment that was rewritten: records between its first and its last are missing, so in its
 * metadata each record has a varint in front: its number less that of the record before (the first: less `first`, so 0).
 * It is a group of its own.
 *
 * A frame is valid if
 *   1. its checksum holds; 2. magic, log id and segment are the segment's own; 3. kind and flags are known ones and the
 *   zeros are 0; 4. the pieces' octets fill it exactly; 5. all but data are groups of their own and hold nothing; a
 *   sparse one is data, a group of its own, and neither goes on inside a record nor is a copy.
 * It is the next of the log if moreover
 *   6. its first record is the one expected; 7. `previous` is the checksum of the data frame before; 8. its
 *   incarnation is that of the first frame of its segment. */
#pragma once

#include "model/record.h"

enum {
    FRAME_FIXED_BYTES = 104,
    FRAME_PIECE_BYTES = 12,
    FRAME_GROUP_BYTES = 512, /* groups begin at multiples of this */
    FRAME_MARK_BYTES = FRAME_GROUP_BYTES,
};

typedef enum frame_kind {
    FRAME_DATA = 1,
    FRAME_MARK = 2,  /* says what is durable */
    FRAME_START = 3, /* begins an incarnation: it goes on behind the record before this one's first */
    FRAME_END = 4,   /* the segment is left: another one lies behind it */
} frame_kind_t;

enum frame_flag {
    FRAME_FIRST = 1 << 0,
    FRAME_LAST = 1 << 1,
    FRAME_CONTINUES = 1 << 2,
    FRAME_COPY = 1 << 3,   /* written again when the log was opened, before the start in front of it */
    FRAME_SPARSE = 1 << 4, /* records are left out between those it has */
};

typedef struct frame {
    uint8_t kind, flags;
    uint32_t metadata_bytes, piece_count, records, span;
    uint64_t bytes, log_id, segment, epoch, incarnation;
    record_no first, durable_through, replay_from;
    uint64_t previous, checksum;
} frame_t;

/* What makes a log this log: octets made by chance, in the header of each segment. */
typedef struct log_identity {
    uint64_t id, key;
} log_identity_t;

/* Where a frame is. */
typedef struct frame_place {
    log_identity_t log;
    uint64_t segment, offset;
} frame_place_t;

static inline uint64_t frame_head_bytes(const frame_t *f)
{
    return FRAME_FIXED_BYTES + (uint64_t)f->piece_count * FRAME_PIECE_BYTES + f->metadata_bytes;
}

/* The number behind that of its last record; without one, of the next record. */
static inline record_no frame_next(const frame_t *f)
{
    return f->flags & FRAME_SPARSE ? f->first + f->span + 1 : f->first + f->records;
}

static inline uint64_t frame_align(uint64_t offset)
{
    return (offset + FRAME_GROUP_BYTES - 1) / FRAME_GROUP_BYTES * FRAME_GROUP_BYTES;
}

/* ---- writing ---- */

/* Writes one entry of the content table. */
void frame_write_piece(uint8_t *entry, const log_identity_t *log, bytes_t content);

/* Writes the fixed part in front of a content table and metadata that are there, and the checksum over all three. Sets
 * f->log_id, f->segment and f->checksum. */
void frame_seal(uint8_t *head, frame_t *f, const frame_place_t *place);

/* ---- reading ---- */

/* Reads the fixed part: false if it cannot be that of a frame here, in a file with `room` octets from its offset on.
 * The checksum is not looked at yet. */
bool frame_read(bytes_t octets, const frame_place_t *place, uint64_t room, frame_t *out);

/* The whole head is there: do its checksum and the sum of its pieces hold? */
bool frame_check(bytes_t head, const frame_place_t *place, const frame_t *f);

/* True if what stands here was meant to be a frame of this segment, whole or not. */
bool frame_is_trace(bytes_t octets, const frame_place_t *place);

/* One entry of the content table; `index` < f->piece_count. */
typedef struct frame_piece {
    uint32_t bytes;
    uint64_t checksum;
} frame_piece_t;

frame_piece_t frame_piece(bytes_t head, size_t index);

/* Is this what was written? */
bool frame_piece_holds(const frame_piece_t *piece, const log_identity_t *log, bytes_t content);

bytes_t frame_metadata(bytes_t head, const frame_t *f);
