/* SPDX-License-Identifier: Apache-2.0
 *
 * frame_records.c: see frame_records.h. The frames' checksums hold, and yet nothing here is trusted: a later version
 * may have written records that this one does not know. */
#include "store/frame_records.h"

void frame_records_deinit(frame_records_t *r)
{
    buffer_free(&r->carry);
}

void frame_records_reset(frame_records_t *r)
{
    buffer_clear(&r->carry);
}

bool frame_records_begin(frame_records_t *r, const frame_t *f, bytes_t octets)
{
    size_t head_bytes = (size_t)frame_head_bytes(f);
    r->head = bytes_make(octets.data, head_bytes);
    r->content = bytes_make(octets.data + head_bytes, octets.len - head_bytes);
    r->number = f->first;
    r->first = f->flags & FRAME_SPARSE ? f->first : 0;
    r->last = r->first + f->span;
    r->records_left = f->records;
    r->piece = 0;
    r->piece_count = f->piece_count;
    bytes_t metadata = frame_metadata(r->head, f);
    bool continues = (f->flags & FRAME_CONTINUES) != 0;
    if (continues != (r->carry.len > 0))
        return false;
    if (continues) {
        write_bytes(&r->carry, metadata);
        metadata = buffer_bytes(&r->carry);
    }
    r->in = bytes_reader(metadata);
    return true;
}

static bool take_content(frame_records_t *r, frame_record_t *out)
{
    if (r->piece == r->piece_count)
        return false;
    out->piece = frame_piece(r->head, r->piece++);
    size_t len = out->piece.bytes < r->content.len ? out->piece.bytes : r->content.len;
    out->content = bytes_make(r->content.data, len);
    r->content = bytes_make(r->content.data + len, r->content.len - len);
    return true;
}

/* Of a sparse frame: the number that stands before the record. */
static bool take_number(frame_records_t *r)
{
    uint64_t step = read_varint(&r->in);
    bool is_first = r->number == r->first;
    record_no before = is_first ? r->first : r->number - 1;
    if (!reader_ok(&r->in) || is_first != (step == 0) || step > r->last - before)
        return false;
    r->number = before + step;
    return true;
}

int frame_records_next(frame_records_t *r, frame_record_t *out)
{
    if (r->records_left == 0)
        return 0;
    if (r->first != 0 && !take_number(r))
        return -1;
    *out = (frame_record_t){.number = r->number};
    const uint8_t *begin = r->in.at;
    if (!record_read(&r->in, &out->record))
        return -1;
    out->octets = bytes_make(begin, (size_t)(r->in.at - begin));
    out->has_content = record_has_content(out->record.type);
    if (out->has_content && (!take_content(r, out) || out->record.properties_bytes > out->piece.bytes))
        return -1;
    r->number++;
    r->records_left--;
    return 1;
}

bool frame_records_end(frame_records_t *r, const frame_t *f)
{
    bytes_t left = bytes_make(r->in.at, reader_left(&r->in));
    if (r->first != 0 && r->number != r->last + 1)
        return false;
    if (r->piece != r->piece_count || ((f->flags & FRAME_LAST) != 0 && left.len > 0))
        return false;
    if (r->carry.len > 0)
        buffer_consume(&r->carry, r->carry.len - left.len);
    else
        write_bytes(&r->carry, left);
    return true;
}
