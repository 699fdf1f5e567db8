/* SPDX-License-Identifier: Apache-2.0
 *
 * group.c: see group.h. */
#include "store/group.h"

#include <assert.h>

#include "base/alloc.h"

static group_part_t *add_part(group_plan_t *p, group_part_t part)
{
    p->parts = mem_grow(p->parts, sizeof *p->parts, p->count, &p->capacity, 4);
    p->parts[p->count] = part;
    return &p->parts[p->count++];
}

static group_part_t *last_part(group_plan_t *p)
{
    return &p->parts[p->count - 1];
}

/* The part that goes on where the last one ended. */
static void begin_next_part(group_plan_t *p, uint8_t flags)
{
    group_part_t last = *last_part(p);
    add_part(p, (group_part_t){.octets_at = last.octets_at + last.octets,
                               .first = last.first + last.records,
                               .piece = last.piece + last.pieces,
                               .bytes = FRAME_FIXED_BYTES,
                               .flags = flags});
}

static bool is_empty(const group_part_t *part)
{
    return part->bytes == FRAME_FIXED_BYTES;
}

static void put_octets(group_plan_t *p, size_t octets)
{
    last_part(p)->octets += octets;
    last_part(p)->bytes += octets;
}

/* The octets of one record: into this part, or the next, or into as many as they need. */
static void put_record(group_plan_t *p, size_t octets, uint32_t frame_bytes)
{
    if (!is_empty(last_part(p)) && last_part(p)->bytes + octets > frame_bytes)
        begin_next_part(p, 0);
    while (last_part(p)->bytes + octets > frame_bytes) {
        size_t fits = (size_t)(frame_bytes - last_part(p)->bytes);
        put_octets(p, fits);
        octets -= fits;
        begin_next_part(p, FRAME_CONTINUES);
    }
    put_octets(p, octets);
    last_part(p)->records++;
}

static void cut(group_plan_t *p, const batch_t *b, uint32_t frame_bytes)
{
    add_part(p, (group_part_t){.first = b->first, .bytes = FRAME_FIXED_BYTES});
    bytes_reader_t in = bytes_reader(buffer_bytes(&b->records));
    size_t piece = 0;
    for (uint32_t i = 0; i < b->count; i++) {
        record_t r;
        const uint8_t *begin = in.at;
        bool is_record = record_read(&in, &r);
        assert(is_record);
        if (last_part(p)->bytes >= frame_bytes)
            begin_next_part(p, 0);
        put_record(p, (size_t)(in.at - begin), frame_bytes);
        if (record_has_content(r.type)) {
            assert(piece < b->content_count);
            last_part(p)->bytes += FRAME_PIECE_BYTES + b->contents[piece++].octets.len;
            last_part(p)->pieces++;
        }
    }
    assert(reader_done(&in) && piece == b->content_count);
}

void group_plan_make(group_plan_t *p, const batch_t *b, uint32_t frame_bytes)
{
    assert(b->count > 0 && b->first > 0 && frame_bytes > FRAME_FIXED_BYTES);
    p->count = 0;
    uint64_t whole = FRAME_FIXED_BYTES + (uint64_t)b->content_count * FRAME_PIECE_BYTES + b->records.len +
                     b->content_bytes;
    if (whole <= frame_bytes)
        add_part(p, (group_part_t){.octets = b->records.len,
                                   .first = b->first,
                                   .records = b->count,
                                   .pieces = b->content_count,
                                   .bytes = whole});
    else
        cut(p, b, frame_bytes);
    p->parts[0].flags |= FRAME_FIRST;
    last_part(p)->flags |= FRAME_LAST;
    p->bytes = 0;
    for (size_t i = 0; i < p->count; i++)
        p->bytes += p->parts[i].bytes;
}

void group_plan_deinit(group_plan_t *p)
{
    mem_free(p->parts);
    *p = (group_plan_t){0};
}
