/* SPDX-License-Identifier: Apache-2.0
 *
 * dedup.h: exchanges and queues that know repeats, and publishers whose messages have ids or numbers. */
#pragma once

#include "engine/durable.h"

typedef struct window {
    int64_t size, ttl_ms; /* 0: not said */
    const char *header;   /* NULL: not said */
} window_t;

/* The arguments; the buffer is the caller's. */
static inline bytes_t window_arguments(buffer_t *b, window_t w)
{
    if (w.header == NULL)
        table_put_bool(b, "x-message-deduplication", true);
    else
        table_put_string(b, "x-deduplication-header", text(w.header));
    if (w.size > 0)
        table_put_long(b, "x-cache-size", w.size);
    if (w.ttl_ms > 0)
        table_put_long(b, "x-cache-ttl", w.ttl_ms);
    return buffer_bytes(b);
}

static inline void window_exchange(chan_t ch, const char *name, const char *kind, int flags, window_t w)
{
    buffer_t b = {0};
    declare_exchange_with(ch, name, kind, flags, window_arguments(&b, w)), expect_ok(ch);
    buffer_free(&b);
}

static inline void window_queue(chan_t ch, const char *name, int flags, window_t w)
{
    buffer_t b = {0};
    declare_with(ch, name, flags, window_arguments(&b, w)), expect_declared(ch, name, 0, 0);
    buffer_free(&b);
}

/* Publishes with these headers; `flags`: of the command, and PERSISTENTLY. */
#define PERSISTENTLY (1 << 15)

static inline void publish_headers(chan_t ch, const char *exchange, const char *key, const char *body,
                                   int flags, bytes_t headers)
{
    buffer_t b = {0};
    write_u16(&b, PROPERTY_FLAG(PROPERTY_HEADERS) | PROPERTY_FLAG(PROPERTY_DELIVERY_MODE));
    write_long_string(&b, headers);
    write_u8(&b, flags & PERSISTENTLY ? 2 : 1);
    publish_with(ch, exchange, key, body, flags & ~PERSISTENTLY, buffer_bytes(&b));
    buffer_free(&b);
}

static inline void publish_as(chan_t ch, const char *exchange, const char *key, const char *body, int flags,
                              const char *id)
{
    buffer_t headers = {0};
    table_put_string(&headers, "x-deduplication-header", text(id));
    publish_headers(ch, exchange, key, body, flags, buffer_bytes(&headers));
    buffer_free(&headers);
}

static inline void publish_id(chan_t ch, const char *exchange, const char *key, const char *id)
{
    publish_as(ch, exchange, key, id, PERSISTENTLY, id);
}

static inline void publish_number(chan_t ch, const char *exchange, const char *key, const char *body,
                                  int flags, const char *publisher, int64_t sequence)
{
    buffer_t headers = {0};
    table_put_string(&headers, "x-publisher-id", text(publisher));
    table_put_long(&headers, "x-publisher-sequence", sequence);
    publish_headers(ch, exchange, key, body, flags, buffer_bytes(&headers));
    buffer_free(&headers);
}

static inline chan_t confirming(fixture_t *f)
{
    chan_t ch = new_channel(f);
    confirm_select(ch), expect_ok(ch);
    return ch;
}
