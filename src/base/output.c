/* SPDX-License-Identifier: Apache-2.0
 *
 * output.c: a queue of pieces, each a view of a chunk of ours or of lent octets.
 *
 * Writing goes on at the end of the last chunk, even when something lent was put in meanwhile: many small
 * heads of large bodies share one chunk. A chunk counts its pieces and goes with the last of them. */
#include "base/output.h"

#include <assert.h>

#include "base/alloc.h"

#define CHUNK_BYTES  (16 * 1024 - sizeof(chunk_t)) /* with its head 16 KiB */
#define LEAST_PIECES 8

typedef struct chunk {
    size_t pieces; /* that wait in it */
    size_t len;    /* written so far */
    size_t capacity;
    uint8_t octets[];
} chunk_t;

typedef struct piece {
    const uint8_t *data;
    size_t len;
    chunk_t *chunk; /* NULL: lent */
} piece_t;

struct output {
    piece_t *pieces; /* circular; the capacity is a power of two */
    size_t first, count, capacity;
    chunk_t *tail; /* where writing goes on, or NULL; it may have no piece only between reserve and commit */
    uint64_t written, sent;
};

output_t *output_new(void)
{
    return MEM_NEW(output_t);
}

void output_free(output_t **o)
{
    if (!*o)
        return;
    output_drop(*o);
    mem_free((*o)->pieces);
    mem_free(*o);
    *o = NULL;
}

/* ---- pieces ---- */

static piece_t *piece_at(const output_t *o, size_t index)
{
    return &o->pieces[(o->first + index) & (o->capacity - 1)];
}

static void add_piece(output_t *o, piece_t piece)
{
    o->pieces =
        mem_grow_circle(o->pieces, sizeof *o->pieces, o->count, &o->capacity, &o->first, LEAST_PIECES);
    *piece_at(o, o->count) = piece;
    o->count++;
    if (piece.chunk)
        piece.chunk->pieces++;
}

static void free_chunk(output_t *o, chunk_t *chunk)
{
    assert(chunk->pieces == 0);
    if (o->tail == chunk)
        o->tail = NULL;
    mem_free(chunk);
}

static void drop_first_piece(output_t *o)
{
    chunk_t *chunk = piece_at(o, 0)->chunk;
    o->first++;
    o->count--;
    if (chunk && --chunk->pieces == 0)
        free_chunk(o, chunk);
    if (o->count == 0 && o->capacity > LEAST_PIECES) {
        mem_free(o->pieces);
        o->pieces = NULL;
        o->capacity = 0;
    }
}

/* ---- writing ---- */

uint8_t *output_reserve(output_t *o, size_t len)
{
    chunk_t *tail = o->tail;
    if (tail && tail->capacity - tail->len >= len)
        return tail->octets + tail->len;
    if (tail && tail->pieces == 0)
        free_chunk(o, tail);

    size_t capacity = len > CHUNK_BYTES ? len : CHUNK_BYTES;
    tail = mem_alloc(sizeof *tail + capacity);
    *tail = (chunk_t){.capacity = capacity};
    o->tail = tail;
    return tail->octets;
}

void output_commit(output_t *o, size_t len)
{
    chunk_t *tail = o->tail;
    if (len == 0) {
        if (tail && tail->pieces == 0)
            free_chunk(o, tail);
        return;
    }
    assert(tail && len <= tail->capacity - tail->len);
    piece_t *last = o->count > 0 ? piece_at(o, o->count - 1) : NULL;
    if (last && last->chunk == tail) /* then it ends where the chunk's octets end */
        last->len += len;
    else
        add_piece(o, (piece_t){.data = tail->octets + tail->len, .len = len, .chunk = tail});
    tail->len += len;
    o->written += len;
}

void output_write(output_t *o, bytes_t b)
{
    while (b.len > 0) {
        size_t free_bytes = o->tail ? o->tail->capacity - o->tail->len : 0;
        size_t part = free_bytes > 0 && free_bytes < b.len ? free_bytes : b.len;
        memcpy(output_reserve(o, part), b.data, part);
        output_commit(o, part);
        b.data += part;
        b.len -= part;
    }
}

void output_lend(output_t *o, bytes_t b)
{
    if (b.len == 0)
        return;
    add_piece(o, (piece_t){.data = b.data, .len = b.len});
    o->written += b.len;
}

/* ---- draining ---- */

uint64_t output_written(const output_t *o)
{
    return o->written;
}

uint64_t output_sent(const output_t *o)
{
    return o->sent;
}

size_t output_gather(const output_t *o, output_piece_t *pieces, size_t max)
{
    size_t count = o->count < max ? o->count : max;
    for (size_t i = 0; i < count; i++) {
        const piece_t *piece = piece_at(o, i);
        pieces[i] = (output_piece_t){.data = piece->data, .len = piece->len};
    }
    return count;
}

void output_drain(output_t *o, size_t len)
{
    assert(len <= output_waiting(o));
    o->sent += len;
    while (len > 0) {
        piece_t *piece = piece_at(o, 0);
        if (len < piece->len) {
            piece->data += len;
            piece->len -= len;
            return;
        }
        len -= piece->len;
        drop_first_piece(o);
    }
}

void output_drop(output_t *o)
{
    while (o->count > 0)
        drop_first_piece(o);
    o->sent = o->written;
    if (o->tail) /* reserved, not committed */
        free_chunk(o, o->tail);
}
