/* SPDX-License-Identifier: Apache-2.0
 *
 * subscribers.h: what a wire room asks for its subscribers, and messages of several frames. */
#pragma once

#include "engine/durable.h"

static inline uint32_t subscriber_with(chan_t ch, const char *name, bytes_t arguments)
{
    uint32_t number = ++ch.client->consumers;
    push_request(ch, COMMAND_SUBSCRIBER, 0, number, (request_t){.name = text(name), .arguments = arguments});
    return number;
}

/* Its bounds and policy; the buffer is the caller's. */
static inline bytes_t bounds(buffer_t *b, int64_t messages, int64_t octets, const char *policy)
{
    if (messages > 0)
        table_put_long(b, "x-max-length", messages);
    if (octets > 0)
        table_put_long(b, "x-max-length-bytes", octets);
    if (policy)
        table_put_string(b, "x-overflow", text(policy));
    return buffer_bytes(b);
}

static inline void new_subscriber(chan_t ch, const char *name, int64_t messages, const char *policy)
{
    buffer_t b = {0};
    expect_started(ch, subscriber_with(ch, name, bounds(&b, messages, 0, policy)));
    buffer_free(&b);
}

static inline void subscribe_octets(chan_t ch, uint8_t type, const char *name, const char *exchange,
                                    bytes_t prefix)
{
    push_request(ch, type, 0, 0,
                 (request_t){.name = text(name), .source = text(exchange), .routing_key = prefix});
}

static inline void subscribe(chan_t ch, const char *name, const char *exchange, const char *prefix)
{
    subscribe_octets(ch, COMMAND_SUBSCRIBE, name, exchange, text(prefix));
}

static inline void unsubscribe(chan_t ch, const char *name, const char *exchange, const char *prefix)
{
    subscribe_octets(ch, COMMAND_UNSUBSCRIBE, name, exchange, text(prefix));
}

/* A subscriber of its own connection at that port, of one prefix. */
static inline chan_t subscribed_at(fixture_t *f, size_t port, const char *name, const char *exchange,
                                   const char *prefix)
{
    chan_t ch = channel_of(connected_at(f, port), 1);
    new_subscriber(ch, name, 0, NULL);
    subscribe(ch, name, exchange, prefix);
    run(f);
    return ch;
}

static inline chan_t subscribed(fixture_t *f, const char *name, const char *exchange, const char *prefix)
{
    return subscribed_at(f, 0, name, exchange, prefix);
}

/* A message of one frame, which is topic and body: frames = (). */
static inline void publish_frame(chan_t ch, const char *exchange, const char *key, const char *body)
{
    buffer_t table = {0}, properties = {0};
    field_t none = {'A', bytes_make("", 0)};
    table_put_field(&table, BYTES("frames"), &none);
    publish_with(ch, exchange, key, body, 0, properties_of_headers(&properties, buffer_bytes(&table)));
    buffer_free(&table);
    buffer_free(&properties);
}

/* [topic][rest], where the topic is too long for a routing key: the first frame is in the body. */
static inline void publish_long_topic(chan_t ch, const char *exchange, const char *key, const char *body,
                                      int64_t topic_bytes)
{
    buffer_t table = {0}, properties = {0}, lengths = {0};
    int64_t const each[] = {topic_bytes, (int64_t)strlen(body) - topic_bytes};
    for (size_t i = 0; i < 2; i++) {
        write_u8(&lengths, 'l');
        write_u64(&lengths, (uint64_t)each[i]);
    }
    field_t frames = {'A', buffer_bytes(&lengths)};
    table_put_field(&table, BYTES("frames"), &frames);
    table_put_bool(&table, "topic-in-body", true);
    publish_with(ch, exchange, key, body, 0, properties_of_headers(&properties, buffer_bytes(&table)));
    buffer_free(&lengths);
    buffer_free(&table);
    buffer_free(&properties);
}

/* ---- questions ---- */

typedef struct asker {
    port_client_t port_client; /* first */
    query_t *answer;
} asker_t;

static inline void take_answer(port_client_t *client, event_t *e)
{
    ((asker_t *)(void *)client)->answer = e->query;
    e->query = NULL;
}

static inline query_t *ask_queues(fixture_t *f)
{
    asker_t a = {.port_client.on_event = take_answer};
    port_register(&f->ports[0], &a.port_client);
    port_push(&f->ports[0], &a.port_client,
              &(command_t){.type = COMMAND_QUERY, .query = query_new(QUERY_QUEUES)});
    run(f);
    assert_non_null(a.answer);
    port_unregister(&f->ports[0], &a.port_client);
    run(f);
    return a.answer;
}

static inline uint64_t dropped_by(fixture_t *f, const char *name)
{
    query_t *q = ask_queues(f);
    uint64_t dropped = UINT64_MAX;
    for (size_t i = 0; i < q->queue_count; i++)
        if (bytes_equal(bytes_make(q->octets.data + q->queues[i].name, q->queues[i].name_len), text(name)))
            dropped = q->queues[i].dropped;
    query_free(q);
    assert_true(dropped != UINT64_MAX);
    return dropped;
}
