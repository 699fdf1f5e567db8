/* SPDX-License-Identifier: Apache-2.0
 *
 * frame.c: heads of frames to octets and back, and their checksums.
 *
 * The checksum stands first, so that it is made of one stretch of octets in one go. */
#include "store/frame.h"

#include <assert.h>

#include "store/checksum.h"

#define FRAME_MAGIC   0x63684672u /* "chFr" */
#define FLAGS_GROUP   (FRAME_FIRST | FRAME_LAST)
#define FLAGS_KNOWN   (FLAGS_GROUP | FRAME_CONTINUES | FRAME_COPY | FRAME_SPARSE)
#define CHECKED_FROM  8 /* the checksum is of the octets from here on */
#define RECORD_NO_MAX (UINT64_MAX / 2)

/* Any change of the place changes all of the seed. */
static uint64_t place_seed(const frame_place_t *place)
{
    const uint64_t words[3] = {place->log.key, place->segment, place->offset};
    return checksum_of(bytes_make(words, sizeof words), 0);
}

static uint64_t head_checksum(bytes_t head, const frame_place_t *place)
{
    return checksum_of(bytes_make(head.data + CHECKED_FROM, head.len - CHECKED_FROM), place_seed(place));
}

/* ---- writing ---- */

void frame_write_piece(uint8_t *entry, const log_identity_t *log, bytes_t content)
{
    assert(content.len <= UINT32_MAX);
    buffer_t out = buffer_over(entry, FRAME_PIECE_BYTES);
    write_u32(&out, (uint32_t)content.len);
    write_u64(&out, checksum_of(content, log->key));
}

void frame_seal(uint8_t *head, frame_t *f, const frame_place_t *place)
{
    uint64_t head_bytes = frame_head_bytes(f);
    assert(f->bytes >= head_bytes);
    f->log_id = place->log.id;
    f->segment = place->segment;
    buffer_t out = buffer_over(head, FRAME_FIXED_BYTES);
    write_u64(&out, 0); /* the checksum, once all else is there */
    write_u32(&out, FRAME_MAGIC);
    write_u8(&out, f->kind);
    write_u8(&out, f->flags);
    write_u16(&out, 0);
    write_u64(&out, f->bytes);
    write_u32(&out, f->metadata_bytes);
    write_u32(&out, f->piece_count);
    write_u64(&out, f->log_id);
    write_u64(&out, f->segment);
    write_u64(&out, f->epoch);
    write_u64(&out, f->incarnation);
    write_u64(&out, f->first);
    write_u32(&out, f->records);
    write_u32(&out, f->span);
    write_u64(&out, f->durable_through);
    write_u64(&out, f->replay_from);
    write_u64(&out, f->previous);
    assert(out.len == FRAME_FIXED_BYTES);
    f->checksum = head_checksum(bytes_make(head, (size_t)head_bytes), place);
    buffer_clear(&out);
    write_u64(&out, f->checksum);
}

/* ---- reading ---- */

/* A sparse one has records, of which the last is at `span`; in all others there is nothing to say about that. */
static bool is_span_right(const frame_t *f)
{
    if ((f->flags & FRAME_SPARSE) == 0)
        return f->span == 0;
    return f->flags == (FLAGS_GROUP | FRAME_SPARSE) && f->records > 0 && f->span >= f->records - 1;
}

static bool is_shape_known(const frame_t *f, uint64_t room)
{
    if (f->kind < FRAME_DATA || f->kind > FRAME_END || (f->flags & ~FLAGS_KNOWN) != 0)
        return false;
    if (f->kind != FRAME_DATA)
        return f->bytes == FRAME_FIXED_BYTES && f->metadata_bytes == 0 && f->piece_count == 0 &&
               f->records == 0 && f->span == 0 && f->flags == FLAGS_GROUP && f->bytes <= room;
    return is_span_right(f) && f->bytes <= room && frame_head_bytes(f) <= f->bytes;
}

bool frame_read(bytes_t octets, const frame_place_t *place, uint64_t room, frame_t *out)
{
    bytes_reader_t in = bytes_reader(octets);
    out->checksum = read_u64(&in);
    bool ok = read_u32(&in) == FRAME_MAGIC;
    out->kind = read_u8(&in);
    out->flags = read_u8(&in);
    ok = read_u16(&in) == 0 && ok;
    out->bytes = read_u64(&in);
    out->metadata_bytes = read_u32(&in);
    out->piece_count = read_u32(&in);
    out->log_id = read_u64(&in);
    out->segment = read_u64(&in);
    out->epoch = read_u64(&in);
    out->incarnation = read_u64(&in);
    out->first = read_u64(&in);
    out->records = read_u32(&in);
    out->span = read_u32(&in);
    out->durable_through = read_u64(&in);
    out->replay_from = read_u64(&in);
    out->previous = read_u64(&in);
    return reader_ok(&in) && ok && out->log_id == place->log.id && out->segment == place->segment &&
           out->first != 0 && out->first <= RECORD_NO_MAX && is_shape_known(out, room);
}

static bool do_pieces_fill(bytes_t head, const frame_t *f)
{
    uint64_t bytes = frame_head_bytes(f);
    for (size_t i = 0; i < f->piece_count; i++)
        bytes += frame_piece(head, i).bytes;
    return bytes == f->bytes;
}

bool frame_check(bytes_t head, const frame_place_t *place, const frame_t *f)
{
    return head.len == frame_head_bytes(f) && head_checksum(head, place) == f->checksum &&
           do_pieces_fill(head, f);
}

bool frame_is_trace(bytes_t octets, const frame_place_t *place)
{
    bytes_reader_t in = bytes_reader(octets);
    (void)read_bytes(&in, 32);
    return read_u64(&in) == place->log.id && read_u64(&in) == place->segment && reader_ok(&in);
}

frame_piece_t frame_piece(bytes_t head, size_t index)
{
    bytes_t entry = bytes_make(head.data + FRAME_FIXED_BYTES + index * FRAME_PIECE_BYTES, FRAME_PIECE_BYTES);
    bytes_reader_t in = bytes_reader(entry);
    uint32_t bytes = read_u32(&in);
    return (frame_piece_t){bytes, read_u64(&in)};
}

bool frame_piece_holds(const frame_piece_t *piece, const log_identity_t *log, bytes_t content)
{
    return content.len == piece->bytes && checksum_of(content, log->key) == piece->checksum;
}

bytes_t frame_metadata(bytes_t head, const frame_t *f)
{
    return bytes_make(head.data + (frame_head_bytes(f) - f->metadata_bytes), f->metadata_bytes);
}
