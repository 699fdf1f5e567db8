/* SPDX-License-Identifier: Apache-2.0
 *
 * writer.c: the head of a frame is made in one stretch of the output's memory, checksummed there, and leaves with
 * everything else that was put since the last flush. */
#include "store/writer.h"

#include <assert.h>

#define LEND_BYTES 512 /* content from this size on is not copied */
#define COPY_BYTES                                                                                           \
    (64 * 1024) /* likewise of a frame that is copied, which is not lent for longer than the call */
#define FLUSH_BYTES  (4 * 1024 * 1024) /* so much may gather */
#define FLUSH_PIECES 256               /* of one write */

void writer_init(writer_t *w, const log_identity_t *log, uint64_t incarnation, clock_source_t clock,
                 store_counters_t *counters)
{
    *w = (writer_t){
        .log = *log, .incarnation = incarnation, .out = output_new(), .counters = counters, .clock = clock};
}

void writer_deinit(writer_t *w)
{
    disk_close(&w->segment.file);
    output_free(&w->out);
}

void writer_use(writer_t *w, const segment_t *segment, uint64_t at)
{
    assert(!w->unsynced && at % FRAME_GROUP_BYTES == 0);
    disk_close(&w->segment.file);
    w->segment = *segment;
    w->at = at;
}

/* ---- putting ---- */

static frame_place_t place_here(const writer_t *w)
{
    return (frame_place_t){w->log, w->segment.number, w->at};
}

/* The head at `head` is complete but for its fixed part. */
static void put_head(writer_t *w, uint8_t *head, frame_t *f)
{
    frame_place_t place = place_here(w);
    frame_seal(head, f, &place);
    output_commit(w->out, (size_t)frame_head_bytes(f));
    w->at += frame_head_bytes(f);
    w->unsynced = true;
    if (f->kind == FRAME_DATA)
        w->previous = f->checksum;
}

static void put_content(writer_t *w, bytes_t content)
{
    if (content.len < LEND_BYTES)
        output_write(w->out, content);
    else
        output_lend(w->out, content);
    w->at += content.len;
}

static int flush_if_much(writer_t *w, error_t *err)
{
    return output_waiting(w->out) >= FLUSH_BYTES ? writer_flush(w, err) : 0;
}

int writer_put_part(writer_t *w, const batch_t *b, const group_part_t *part, const log_claims_t *claims,
                    error_t *err)
{
    assert(part->octets <= UINT32_MAX && part->pieces <= UINT32_MAX);
    frame_t f = {.kind = FRAME_DATA,
                 .flags = part->flags,
                 .metadata_bytes = (uint32_t)part->octets,
                 .piece_count = (uint32_t)part->pieces,
                 .records = part->records,
                 .bytes = part->bytes,
                 .incarnation = w->incarnation,
                 .first = part->first,
                 .durable_through = claims->durable_through,
                 .replay_from = claims->replay_from,
                 .previous = w->previous};
    uint8_t *head = output_reserve(w->out, (size_t)frame_head_bytes(&f));
    uint8_t *entry = head + FRAME_FIXED_BYTES;
    for (size_t i = 0; i < part->pieces; i++, entry += FRAME_PIECE_BYTES)
        frame_write_piece(entry, &w->log, b->contents[part->piece + i].octets);
    if (part->octets > 0)
        memcpy(entry, b->records.data + part->octets_at, part->octets);
    put_head(w, head, &f);
    for (size_t i = 0; i < part->pieces; i++)
        put_content(w, b->contents[part->piece + i].octets);
    count_add(&w->counters->records, part->records);
    return flush_if_much(w, err);
}

int writer_put_copy(writer_t *w, const frame_t *f, bytes_t octets, const log_claims_t *claims, error_t *err)
{
    frame_t copy = *f;
    copy.flags |= FRAME_COPY;
    copy.incarnation = w->incarnation;
    copy.durable_through = claims->durable_through;
    copy.previous = w->previous;
    size_t head_bytes = (size_t)frame_head_bytes(f);
    uint8_t *head = output_reserve(w->out, head_bytes);
    memcpy(head + FRAME_FIXED_BYTES, octets.data + FRAME_FIXED_BYTES, head_bytes - FRAME_FIXED_BYTES);
    put_head(w, head, &copy);
    bytes_t content = bytes_make(octets.data + head_bytes, octets.len - head_bytes);
    w->at += content.len;
    if (content.len < COPY_BYTES) {
        output_write(w->out, content);
        return flush_if_much(w, err);
    }
    output_lend(w->out, content);
    return writer_flush(w, err);
}

void writer_end_group(writer_t *w)
{
    static const uint8_t zeros[FRAME_GROUP_BYTES];
    size_t gap = (size_t)(frame_align(w->at) - w->at);
    output_write(w->out, bytes_make(zeros, gap));
    w->at += gap;
}

static frame_t make_mark(const writer_t *w, frame_kind_t kind, record_no next, uint64_t previous,
                         const log_claims_t *claims)
{
    return (frame_t){.kind = (uint8_t)kind,
                     .flags = FRAME_FIRST | FRAME_LAST,
                     .bytes = FRAME_FIXED_BYTES,
                     .incarnation = w->incarnation,
                     .first = next,
                     .durable_through = claims->durable_through,
                     .replay_from = claims->replay_from,
                     .previous = previous};
}

void writer_put_mark(writer_t *w, frame_kind_t kind, record_no next, const log_claims_t *claims)
{
    frame_t f = make_mark(w, kind, next, w->previous, claims);
    put_head(w, output_reserve(w->out, FRAME_FIXED_BYTES), &f);
    writer_end_group(w);
}

int writer_start(writer_t *w, record_no next, uint64_t previous, const log_claims_t *claims, error_t *err)
{
    assert(!w->unsynced);
    uint8_t slot[FRAME_GROUP_BYTES] = {0};
    frame_t f = make_mark(w, FRAME_START, next, previous, claims);
    frame_place_t place = {w->log, w->segment.number, SEGMENT_HEADER_BYTES};
    frame_seal(slot, &f, &place);
    w->unsynced = true;
    int rc = disk_write(w->segment.file, place.offset, &(output_piece_t){slot, sizeof slot}, 1, err);
    return rc == 0 ? writer_sync(w, err) : rc;
}

/* ---- writing ---- */

int writer_flush(writer_t *w, error_t *err)
{
    output_piece_t pieces[FLUSH_PIECES];
    uint64_t waiting;
    while ((waiting = output_waiting(w->out)) > 0) {
        size_t count = output_gather(w->out, pieces, FLUSH_PIECES), len = 0;
        for (size_t i = 0; i < count; i++)
            len += pieces[i].len;
        uint64_t offset = w->at - waiting;
        int rc = disk_write(w->segment.file, offset, pieces, count, err);
        if (rc != 0)
            return rc;
        output_drain(w->out, len);
        count_add(&w->counters->appended_bytes, len);
        if (offset + len > w->segment.bytes) {
            count_add(&w->counters->bytes, offset + len - w->segment.bytes);
            w->segment.bytes = offset + len;
        }
    }
    return 0;
}

static uint64_t now_ms(const writer_t *w)
{
    return w->clock.now_ms ? w->clock.now_ms(w->clock.context) : 0;
}

int writer_sync(writer_t *w, error_t *err)
{
    int rc = writer_flush(w, err);
    if (rc != 0)
        return rc;
    uint64_t begin = now_ms(w);
    rc = disk_sync(w->segment.file, err);
    if (rc != 0)
        return rc;
    w->unsynced = false;
    uint64_t took = now_ms(w) - begin;
    count_add(&w->counters->syncs, 1);
    if (took > atomic_load_explicit(&w->counters->sync_ms_most, memory_order_relaxed))
        atomic_store_explicit(&w->counters->sync_ms_most, took, memory_order_relaxed);
    return 0;
}
