/* SPDX-License-Identifier: Apache-2.0 */
#include "store/sparse_frame.h"

#include <assert.h>

uint64_t sparse_frame_bytes(const sparse_frame_t *s)
{
    return FRAME_FIXED_BYTES + (uint64_t)s->table.len + s->metadata.len + s->content.len;
}

static void put_piece(sparse_frame_t *s, const frame_record_t *r)
{
    assert(r->content.len == r->piece.bytes);
    write_u32(&s->table, r->piece.bytes);
    write_u64(&s->table, r->piece.checksum);
    write_bytes(&s->content, r->content);
    s->pieces++;
}

void sparse_frame_put(sparse_frame_t *s, const frame_record_t *r)
{
    assert(s->records == 0 || r->number > s->last);
    if (s->records == 0)
        s->first = s->last = r->number;
    write_varint(&s->metadata, r->number - s->last);
    write_bytes(&s->metadata, r->octets);
    if (r->has_content)
        put_piece(s, r);
    s->last = r->number;
    s->records++;
}

static void clear(sparse_frame_t *s)
{
    buffer_clear(&s->table);
    buffer_clear(&s->metadata);
    buffer_clear(&s->content);
    s->records = s->pieces = 0;
}

void sparse_frame_end(sparse_frame_t *s, frame_t *f, const frame_place_t *place, buffer_t *out)
{
    static const uint8_t zeros[FRAME_GROUP_BYTES];
    assert(s->records > 0 && s->last - s->first <= UINT32_MAX && s->metadata.len <= UINT32_MAX);
    f->kind = FRAME_DATA;
    f->flags = FRAME_FIRST | FRAME_LAST | FRAME_SPARSE;
    f->metadata_bytes = (uint32_t)s->metadata.len;
    f->piece_count = s->pieces;
    f->records = s->records;
    f->span = (uint32_t)(s->last - s->first);
    f->bytes = sparse_frame_bytes(s);
    f->first = s->first;
    size_t begin = out->len;
    write_bytes(out, bytes_make(zeros, FRAME_FIXED_BYTES));
    write_bytes(out, buffer_bytes(&s->table));
    write_bytes(out, buffer_bytes(&s->metadata));
    frame_seal(out->data + begin, f, place);
    write_bytes(out, buffer_bytes(&s->content));
    write_bytes(out, bytes_make(zeros, (size_t)(frame_align(f->bytes) - f->bytes)));
    clear(s);
}

void sparse_frame_deinit(sparse_frame_t *s)
{
    buffer_free(&s->table);
    buffer_free(&s->metadata);
    buffer_free(&s->content);
}
