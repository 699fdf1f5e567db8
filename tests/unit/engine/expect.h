/* SPDX-License-Identifier: Apache-2.0
 *
 * expect.h: what comes back. Each expectation takes the next event of one channel (number 0: of the
 * connection), running the engine until it is quiet if none is there yet; another event than expected
 * fails. */
#pragma once

#include "base/properties.h"
#include "base/table.h"
#include "engine/requests.h"

static inline const char *event_name(uint8_t type)
{
    static const char *const names[] = {
        [EVENT_CONNECTION_OPENED] = "CONNECTION_OPENED",
        [EVENT_CONNECTION_CLOSED] = "CONNECTION_CLOSED",
        [EVENT_CONNECTION_BLOCKED] = "CONNECTION_BLOCKED",
        [EVENT_CONNECTION_UNBLOCKED] = "CONNECTION_UNBLOCKED",
        [EVENT_READING_PAUSED] = "READING_PAUSED",
        [EVENT_READING_RESUMED] = "READING_RESUMED",
        [EVENT_CHANNEL_OPENED] = "CHANNEL_OPENED",
        [EVENT_CHANNEL_CLOSED] = "CHANNEL_CLOSED",
        [EVENT_CHANNEL_REFUSED] = "CHANNEL_REFUSED",
        [EVENT_OK] = "OK",
        [EVENT_QUEUE_DECLARED] = "QUEUE_DECLARED",
        [EVENT_QUEUE_COUNTED] = "QUEUE_COUNTED",
        [EVENT_CONSUMER_STARTED] = "CONSUMER_STARTED",
        [EVENT_CONSUMER_CANCELLED] = "CONSUMER_CANCELLED",
        [EVENT_CONSUMER_GONE] = "CONSUMER_GONE",
        [EVENT_DELIVER] = "DELIVER",
        [EVENT_GET_OK] = "GET_OK",
        [EVENT_GET_EMPTY] = "GET_EMPTY",
        [EVENT_RETURN] = "RETURN",
        [EVENT_CONFIRM] = "CONFIRM",
        [EVENT_CONTENT] = "CONTENT",
        [EVENT_REPORT] = "REPORT",
    };
    return names[type];
}

/* The next event of the channel that came and was not looked at, or NULL. */
static inline seen_t *pending(chan_t ch)
{
    fixture_t *f = ch.client->f;
    while (f->seen_first < f->seen_count && f->seen[f->seen_first].taken)
        f->seen_first++;
    for (size_t i = f->seen_first; i < f->seen_count; i++) {
        seen_t *s = &f->seen[i];
        if (!s->taken && s->client == ch.client && s->event.channel == ch.number)
            return s;
    }
    return NULL;
}

static inline size_t pending_count(chan_t ch)
{
    fixture_t *f = ch.client->f;
    size_t count = 0;
    for (size_t i = f->seen_first; i < f->seen_count; i++) {
        const seen_t *s = &f->seen[i];
        count += !s->taken && s->client == ch.client && s->event.channel == ch.number;
    }
    return count;
}

static inline seen_t *next_event(chan_t ch)
{
    seen_t *s = pending(ch);
    if (s == NULL) {
        run(ch.client->f);
        s = pending(ch);
    }
    if (s)
        s->taken = true;
    return s;
}

/* Valid until the engine runs again. */
static inline seen_t *expect(chan_t ch, uint8_t type)
{
    seen_t *s = next_event(ch);
    if (s == NULL)
        fail_msg("expected %s, but nothing came", event_name(type));
    if (s->event.type != type)
        fail_msg("expected %s, but got %s %u %s", event_name(type), event_name(s->event.type), s->code,
                 s->text);
    return s;
}

static inline void expect_nothing(chan_t ch)
{
    seen_t *s = next_event(ch);
    if (s)
        fail_msg("expected nothing, but got %s %u %s", event_name(s->event.type), s->code, s->text);
}

static inline void expect_ok(chan_t ch)
{
    expect(ch, EVENT_OK);
}

/* ---- refusals ---- */

static inline void check_refusal(const seen_t *s, uint16_t code, const char *why)
{
    assert_int_equal(s->code, code);
    assert_string_equal(s->text, why);
}

/* The channel is ended. */
static inline void expect_refusal(chan_t ch, uint16_t code, const char *why)
{
    check_refusal(expect(ch, EVENT_CHANNEL_REFUSED), code, why);
}

/* The channel is ended, and opened again for what comes next. */
static inline void expect_refusal_and_reopen(chan_t ch, uint16_t code, const char *why)
{
    expect_refusal(ch, code, why);
    release_channel(ch);
    open_channel(ch);
    expect(ch, EVENT_CHANNEL_OPENED);
}

/* The connection is ended. */
static inline void expect_hard_refusal(client_t *c, uint16_t code, const char *why)
{
    check_refusal(expect((chan_t){c, 0}, EVENT_CONNECTION_CLOSED), code, why);
}

static inline void expect_goodbye(client_t *c)
{
    assert_int_equal(expect((chan_t){c, 0}, EVENT_CONNECTION_CLOSED)->code, 0);
}

/* ---- answers ---- */

static inline client_t *connected_at(fixture_t *f, size_t port)
{
    client_t *c = client_at(f, port);
    open_connection(c, "/", "guest");
    expect((chan_t){c, 0}, EVENT_CONNECTION_OPENED);
    return c;
}

static inline client_t *connected(fixture_t *f)
{
    return connected_at(f, 0);
}

static inline chan_t channel_of(client_t *c, uint16_t number)
{
    chan_t ch = {c, number};
    open_channel(ch);
    expect(ch, EVENT_CHANNEL_OPENED);
    return ch;
}

/* Channel 1 of a new connection. */
static inline chan_t new_channel(fixture_t *f)
{
    return channel_of(connected(f), 1);
}

static inline void expect_declared(chan_t ch, const char *name, uint32_t messages, uint32_t consumers)
{
    const seen_t *s = expect(ch, EVENT_QUEUE_DECLARED);
    assert_string_equal(s->text, name);
    assert_int_equal(s->event.message_count, messages);
    assert_int_equal(s->event.consumer_count, consumers);
}

static inline void expect_counted(chan_t ch, uint32_t messages)
{
    assert_int_equal(expect(ch, EVENT_QUEUE_COUNTED)->event.message_count, messages);
}

static inline void new_queue(chan_t ch, const char *name)
{
    declare(ch, name, 0);
    expect_declared(ch, name, 0, 0);
}

static inline void new_exchange(chan_t ch, const char *name, const char *kind)
{
    declare_exchange(ch, name, kind, 0);
    expect_ok(ch);
}

static inline void bound(chan_t ch, const char *queue, const char *exchange, const char *key)
{
    bind_queue(ch, queue, exchange, key);
    expect_ok(ch);
}

static inline void expect_started(chan_t ch, uint32_t number)
{
    assert_int_equal(expect(ch, EVENT_CONSUMER_STARTED)->event.consumer, number);
}

static inline uint32_t new_consumer(chan_t ch, const char *queue, const char *tag, int flags)
{
    uint32_t number = consume(ch, queue, tag, flags);
    expect_started(ch, number);
    return number;
}

/* ---- messages: "a" fresh, "a*" redelivered ---- */

static inline uint64_t check_message(const seen_t *s, const char *body)
{
    char came[sizeof s->body + 2];
    text_format(came, sizeof came, "%s%s", s->body, s->event.flags & EVENT_REDELIVERED ? "*" : "");
    assert_string_equal(came, body);
    return s->event.delivery_tag;
}

/* Returns the delivery tag. */
static inline uint64_t expect_delivery(chan_t ch, const char *body)
{
    return check_message(expect(ch, EVENT_DELIVER), body);
}

/* Whose delivery it is, too. */
static inline uint64_t expect_delivery_to(chan_t ch, uint32_t consumer, const char *body)
{
    const seen_t *s = expect(ch, EVENT_DELIVER);
    assert_int_equal(s->event.consumer, consumer);
    return check_message(s, body);
}

static inline uint64_t expect_got(chan_t ch, const char *body)
{
    return check_message(expect(ch, EVENT_GET_OK), body);
}

/* Gets the first message of the queue, to be acked. */
static inline uint64_t got(chan_t ch, const char *queue, const char *body)
{
    get(ch, queue, 0);
    return expect_got(ch, body);
}

static inline void expect_confirm(chan_t ch, uint64_t through, bool multiple)
{
    const seen_t *s = expect(ch, EVENT_CONFIRM);
    assert_int_equal(s->event.delivery_tag, through);
    assert_int_equal(s->event.flags, multiple ? EVENT_MULTIPLE : 0);
}

/* Takes everything out of the queue and compares. */
static inline void queue_is(chan_t ch, const char *queue, const char *const *bodies)
{
    for (; *bodies; bodies++) {
        get(ch, queue, COMMAND_NO_ACK);
        expect_got(ch, *bodies);
    }
    get(ch, queue, COMMAND_NO_ACK);
    expect(ch, EVENT_GET_EMPTY);
}

/* The messages in the queue, all of them, which are then gone from it. */
#define assert_queue_is(ch, queue, ...)  queue_is(ch, queue, (const char *const[]){__VA_ARGS__, NULL})
#define assert_queue_is_empty(ch, queue) queue_is(ch, queue, (const char *const[]){NULL})

/* Bodies made of a number: n00000. */
static inline const char *numbered(char out[16], unsigned n)
{
    text_format(out, 16, "n%05u", n);
    return out;
}

static inline void put_many(chan_t ch, const char *queue, unsigned from, unsigned count)
{
    char body[16];
    for (unsigned i = from; i < from + count; i++)
        put(ch, queue, numbered(body, i));
    run(ch.client->f);
}
