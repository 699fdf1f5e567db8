/* SPDX-License-Identifier: Apache-2.0
 *
 * events.h: publishers and handlers of synchronous events. */
#pragma once

#include "engine/expect.h"
#include "model/event.h"

/* A handler: its own queue, bound to amq.events with this pattern, consumed with acks. */
static inline chan_t handler_with(fixture_t *f, const char *queue, const char *pattern, int flags)
{
    chan_t ch = new_channel(f);
    declare(ch, queue, flags), expect_declared(ch, queue, 0, 0);
    bind_queue(ch, queue, "amq.events", pattern), expect_ok(ch);
    consume(ch, queue, "", COMMAND_NOWAIT);
    run(f);
    return ch;
}

static inline chan_t handler(fixture_t *f, const char *queue)
{
    return handler_with(f, queue, "#", 0);
}

static inline chan_t nameless_handler(fixture_t *f, const char *queue)
{
    return handler_with(f, queue, "#", COMMAND_EXCLUSIVE);
}

static inline void ask_with(chan_t ch, const char *topic, const char *body, bytes_t properties)
{
    publish_with(ch, "amq.events", topic, body, COMMAND_ASKS, properties);
}

static inline void ask(chan_t ch, const char *topic, const char *body)
{
    ask_with(ch, topic, body, bytes_make("\0\0", 2));
}

/* The next delivery: an event with this body; returns its tag. */
static inline uint64_t expect_event(chan_t ch, const char *body)
{
    const seen_t *s = expect(ch, EVENT_DELIVER);
    assert_string_equal(s->body, body);
    assert_true(s->seq > 0);
    return s->event.delivery_tag;
}

/* Says something about a delivery, before it is settled. */
static inline void say(chan_t ch, uint64_t tag, const char *what)
{
    char correlation[EVENT_CORRELATION_MOST_BYTES];
    buffer_t properties = {0};
    size_t len = event_correlation(&(event_t){.channel = ch.number, .delivery_tag = tag}, correlation);
    correlation[len] = '\0';
    char reply_to[] = "amq.events.reply";
    publish_with(ch, "", reply_to, what, 0,
                 properties_of_text(&properties, PROPERTY_CORRELATION_ID, correlation));
    buffer_free(&properties);
}

/* Without the times, which are not the same in every run. */
static inline void expect_report(chan_t ch, const char *report)
{
    const seen_t *s = expect(ch, EVENT_REPORT);
    char got[sizeof s->text];
    size_t len = 0;
    for (const char *at = s->text; *at;) {
        if (strncmp(at, ",\"ms\":", 6) == 0) {
            at += 6;
            at += strspn(at, "0123456789");
        } else {
            got[len++] = *at++;
        }
    }
    got[len] = '\0';
    assert_string_equal(got, report);
}
