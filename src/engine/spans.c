/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/spans.h"

typedef enum token { TOKEN_GAP, TOKEN_RUN, TOKEN_ENTRY, TOKEN_COLUMN } token_t;

static void put_token(buffer_t *out, token_t kind, uint64_t n)
{
    write_varint(out, n << 2 | kind);
}

/* ---- writing ---- */

static void close_span(span_writer_t *w)
{
    if (w->open.count > 0)
        put_token(w->out, w->open.first > 0 ? TOKEN_RUN : TOKEN_GAP, w->open.count);
    w->open.count = 0;
}

void spans_put_gap(span_writer_t *w, uint64_t count)
{
    if (w->open.count > 0 && w->open.first > 0)
        close_span(w);
    w->open.first = 0;
    w->open.count += count;
}

static void put_column(span_writer_t *w, uint8_t flags, uint16_t returns)
{
    close_span(w);
    put_token(w->out, TOKEN_COLUMN, flags | (returns > 0 ? SPAN_RETURNS : 0));
    if (returns > 0)
        write_varint(w->out, returns);
    w->flags = flags;
    w->returns = returns;
}

static uint64_t zigzag(int64_t v)
{
    return (uint64_t)v << 1 ^ (uint64_t)(v >> 63);
}

void spans_put(span_writer_t *w, record_no first, uint64_t count, uint8_t flags, uint16_t returns)
{
    if (flags != w->flags || returns != w->returns)
        put_column(w, flags, returns);
    bool goes_on = w->last > 0 && first == w->last + 1;
    if (w->open.count > 0 && (!goes_on || w->open.first == 0))
        close_span(w);
    if (!goes_on)
        put_token(w->out, TOKEN_ENTRY, zigzag((int64_t)(first - w->last)));
    w->open.first = first;
    w->open.count += goes_on ? count : count - 1;
    w->last = first + count - 1;
}

void spans_end(span_writer_t *w)
{
    if (w->open.first > 0)
        close_span(w);
}

/* ---- reading ---- */

static bool read_column(span_reader_t *r, uint64_t bits)
{
    uint64_t returns = bits & SPAN_RETURNS ? read_varint(&r->in) : 0;
    if (bits > (SPAN_REDELIVERED | SPAN_SPILLED | SPAN_RETURNS) || returns > UINT16_MAX)
        r->in.failed = true;
    r->flags = (uint8_t)(bits & (SPAN_REDELIVERED | SPAN_SPILLED));
    r->returns = (uint16_t)returns;
    return reader_ok(&r->in);
}

static bool read_entries(span_reader_t *r, token_t kind, uint64_t n, span_t *out)
{
    *out = (span_t){n, 0, r->flags, r->returns};
    if (kind == TOKEN_GAP)
        return true;
    if (kind == TOKEN_ENTRY) {
        out->first = r->last + ((n >> 1) ^ (0 - (n & 1)));
        out->count = 1;
    } else {
        out->first = r->last + 1;
    }
    r->last = out->first + out->count - 1;
    bool sound = out->count > 0 && out->first > 0 && r->last >= out->first && r->last < UINT64_MAX / 2;
    r->in.failed |= !sound;
    return sound;
}

bool spans_next(span_reader_t *r, span_t *out)
{
    while (reader_left(&r->in) > 0) {
        uint64_t token = read_varint(&r->in);
        if (!reader_ok(&r->in))
            return false;
        if ((token & 3) != TOKEN_COLUMN)
            return read_entries(r, (token_t)(token & 3), token >> 2, out);
        if (!read_column(r, token >> 2))
            return false;
    }
    return false;
}
