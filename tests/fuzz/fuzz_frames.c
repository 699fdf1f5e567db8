/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_frames.c: octets as what the disk gives back: first as they are, where hardly anything is a frame; then under a
 * checksum that holds, as the metadata, table and content of a frame with these flags and counts. Whatever is in it is
 * refused, or is records whose numbers rise within what the frame says, and which a sparse frame gives back the same. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "store/sparse_frame.h"

static const frame_place_t place = {{0x0102030405060708, 0x1112131415161718}, 3, 1024};

/* A copy that ends where its block ends; the caller frees it. */
static uint8_t *copy_of(bytes_t octets)
{
    uint8_t *block = calloc(1, octets.len + 1);
    assert(block);
    if (octets.len > 0)
        memcpy(block, octets.data, octets.len);
    return block;
}

static bool is_valid(const uint8_t *octets, size_t len, frame_t *f)
{
    return frame_read(bytes_make(octets, len), &place, len, f) && frame_head_bytes(f) <= len &&
           frame_check(bytes_make(octets, (size_t)frame_head_bytes(f)), &place, f);
}

/* What was put is what is read. */
static void check_again(sparse_frame_t *s, const frame_record_t *last, uint32_t records)
{
    buffer_t out = {0};
    frame_t f = {0}, g;
    frame_record_t r = {0};
    frame_records_t walk = {0};
    sparse_frame_end(s, &f, &place, &out);
    assert(is_valid(out.data, out.len, &g) && g.records == records);
    assert(frame_records_begin(&walk, &g, bytes_make(out.data, (size_t)g.bytes)));
    for (uint32_t i = 0; i < records; i++)
        assert(frame_records_next(&walk, &r) == 1);
    assert(r.number == last->number && bytes_equal(r.octets, last->octets) &&
           bytes_equal(r.content, last->content));
    assert(frame_records_next(&walk, &r) == 0 && frame_records_end(&walk, &g));
    frame_records_deinit(&walk);
    buffer_free(&out);
}

static void walk_frame(const frame_t *f, const uint8_t *octets)
{
    frame_records_t walk = {0};
    sparse_frame_t again = {0};
    frame_record_t r = {0}, last = {0};
    uint32_t records = 0;
    int rc = -1;
    if (frame_records_begin(&walk, f, bytes_make(octets, (size_t)f->bytes)))
        while ((rc = frame_records_next(&walk, &r)) > 0) {
            assert(r.number > last.number && r.number >= f->first && r.number < frame_next(f));
            last = r;
            records++;
            sparse_frame_put(&again, &r);
        }
    if (rc == 0 && frame_records_end(&walk, f)) {
        assert(records == f->records);
        if (records > 0)
            check_again(&again, &last, records);
    }
    sparse_frame_deinit(&again);
    frame_records_deinit(&walk);
}

/* The head's fixed part is made of the first octets, so that it is a frame. */
static void walk_sealed(bytes_t in)
{
    bytes_reader_t r = bytes_reader(in);
    frame_t f = {.kind = FRAME_DATA, .flags = read_u8(&r), .records = read_u8(&r)};
    f.piece_count = read_u8(&r) % 4;
    f.span = read_u32(&r);
    f.first = 1 + read_u32(&r);
    uint32_t pieces[4];
    for (size_t i = 0; i < 4; i++)
        pieces[i] = read_u8(&r);
    if (!reader_ok(&r))
        return;
    size_t content = 0, left = reader_left(&r);
    for (size_t i = 0; i < f.piece_count; i++)
        content += pieces[i];
    if (content > left)
        return;
    f.metadata_bytes = (uint32_t)(left - content);
    f.bytes = frame_head_bytes(&f) + content;
    uint8_t *octets = calloc(1, (size_t)f.bytes);
    assert(octets);
    uint8_t *at = octets + FRAME_FIXED_BYTES;
    const uint8_t *piece = r.end - content;
    for (size_t i = 0; i < f.piece_count; i++, at += FRAME_PIECE_BYTES) {
        frame_write_piece(at, &place.log, bytes_make(piece, pieces[i]));
        piece += pieces[i];
    }
    if (left > 0)
        memcpy(at, r.at, left);
    frame_seal(octets, &f, &place);
    frame_t g;
    if (is_valid(octets, (size_t)f.bytes, &g))
        walk_frame(&g, octets);
    free(octets);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    frame_t f;
    uint8_t *octets = copy_of(bytes_make(data, size));
    assert(!is_valid(octets, size, &f)); /* nobody finds a checksum by chance */
    free(octets);
    walk_sealed(bytes_make(data, size));
    return 0;
}
