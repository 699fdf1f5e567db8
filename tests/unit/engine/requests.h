/* SPDX-License-Identifier: Apache-2.0
 *
 * requests.h: what a client can ask, one short function a command. They only push; expect.h runs the engine.
 */
#pragma once

#include "engine/fixture.h"

static inline bytes_t text(const char *s)
{
    return s ? bytes_string(s) : bytes_make(NULL, 0);
}

static inline void push_request(chan_t ch, uint8_t type, int flags, uint32_t count, request_t view)
{
    push(ch,
         (command_t){.type = type, .flags = (uint16_t)flags, .count = count, .request = request_new(&view)});
}

/* ---- connection, channel ---- */

static inline void open_connection(client_t *c, const char *vhost, const char *user)
{
    opening_t view = {.name = text("test"),
                      .vhost = text(vhost),
                      .user = text(user),
                      .wants_cancel_notify = true,
                      .wants_blocked = true};
    push((chan_t){c, 0}, (command_t){.type = COMMAND_CONNECTION_OPEN, .opening = opening_new(&view)});
}

static inline void goodbye(client_t *c)
{
    push((chan_t){c, 0}, (command_t){.type = COMMAND_CONNECTION_CLOSE});
}

/* The socket is dead. */
static inline void hang_up(client_t *c)
{
    push((chan_t){c, 0}, (command_t){.type = COMMAND_CONNECTION_CLOSE, .flags = COMMAND_GONE});
}

static inline void push_simple(chan_t ch, uint8_t type, int flags)
{
    push(ch, (command_t){.type = type, .flags = (uint16_t)flags});
}

static inline void push_number(chan_t ch, uint8_t type, int flags, uint64_t number)
{
    push(ch, (command_t){.type = type, .flags = (uint16_t)flags, .number = number});
}

static inline void open_channel(chan_t ch)
{
    push_simple(ch, COMMAND_CHANNEL_OPEN, 0);
}

static inline void close_channel(chan_t ch)
{
    push_simple(ch, COMMAND_CHANNEL_CLOSE, 0);
}

static inline void release_channel(chan_t ch)
{
    push_simple(ch, COMMAND_CHANNEL_RELEASE, 0);
}

static inline void echo(chan_t ch)
{
    push_simple(ch, COMMAND_ECHO, 0);
}

/* ---- exchanges ---- */

static inline void declare_exchange_with(chan_t ch, const char *name, const char *kind, int flags,
                                         bytes_t arguments)
{
    push_request(ch, COMMAND_EXCHANGE_DECLARE, flags, 0,
                 (request_t){.name = text(name), .kind = text(kind), .arguments = arguments});
}

static inline void declare_exchange(chan_t ch, const char *name, const char *kind, int flags)
{
    declare_exchange_with(ch, name, kind, flags, text(""));
}

static inline void delete_exchange(chan_t ch, const char *name, int flags)
{
    push_request(ch, COMMAND_EXCHANGE_DELETE, flags, 0, (request_t){.name = text(name)});
}

static inline request_t ends(const char *destination, const char *source, const char *key, bytes_t arguments)
{
    return (request_t){
        .name = text(destination), .source = text(source), .routing_key = text(key), .arguments = arguments};
}

static inline void bind_exchange(chan_t ch, const char *destination, const char *source, const char *key)
{
    push_request(ch, COMMAND_EXCHANGE_BIND, 0, 0, ends(destination, source, key, text("")));
}

static inline void unbind_exchange(chan_t ch, const char *destination, const char *source, const char *key)
{
    push_request(ch, COMMAND_EXCHANGE_UNBIND, 0, 0, ends(destination, source, key, text("")));
}

/* ---- queues ---- */

static inline void declare_with(chan_t ch, const char *name, int flags, bytes_t arguments)
{
    push_request(ch, COMMAND_QUEUE_DECLARE, flags, 0,
                 (request_t){.name = text(name), .arguments = arguments});
}

static inline void declare(chan_t ch, const char *name, int flags)
{
    declare_with(ch, name, flags, text(""));
}

static inline void bind_with(chan_t ch, const char *queue, const char *exchange, const char *key,
                             bytes_t arguments)
{
    push_request(ch, COMMAND_QUEUE_BIND, 0, 0, ends(queue, exchange, key, arguments));
}

static inline void bind_queue(chan_t ch, const char *queue, const char *exchange, const char *key)
{
    bind_with(ch, queue, exchange, key, text(""));
}

static inline void unbind_queue(chan_t ch, const char *queue, const char *exchange, const char *key)
{
    push_request(ch, COMMAND_QUEUE_UNBIND, 0, 0, ends(queue, exchange, key, text("")));
}

static inline void purge(chan_t ch, const char *queue)
{
    push_request(ch, COMMAND_QUEUE_PURGE, 0, 0, (request_t){.name = text(queue)});
}

static inline void delete_queue(chan_t ch, const char *queue, int flags)
{
    push_request(ch, COMMAND_QUEUE_DELETE, flags, 0, (request_t){.name = text(queue)});
}

/* ---- publishing ---- */

static inline void publish_with(chan_t ch, const char *exchange, const char *key, const char *body, int flags,
                                bytes_t properties)
{
    message_t *m = message_new(text(exchange), text(key), properties, strlen(body));
    m = message_append(m, text(body), strlen(body));
    push(ch, (command_t){.type = COMMAND_PUBLISH, .flags = (uint16_t)flags, .message = m});
}

static inline void publish(chan_t ch, const char *exchange, const char *key, const char *body)
{
    publish_with(ch, exchange, key, body, 0, bytes_make("\0\0", 2));
}

static inline void publish_mandatory(chan_t ch, const char *exchange, const char *key, const char *body)
{
    publish_with(ch, exchange, key, body, COMMAND_MANDATORY, bytes_make("\0\0", 2));
}

/* Straight into a queue. */
static inline void put(chan_t ch, const char *queue, const char *body)
{
    publish(ch, "", queue, body);
}

/* Properties that hold these headers only; the buffer is the caller's. */
static inline bytes_t properties_of_headers(buffer_t *b, bytes_t headers)
{
    write_u16(b, PROPERTY_FLAG(PROPERTY_HEADERS));
    write_long_string(b, headers);
    return buffer_bytes(b);
}

/* Properties that hold one short string only. */
static inline bytes_t properties_of_text(buffer_t *b, property_t which, const char *value)
{
    write_u16(b, PROPERTY_FLAG(which));
    write_short_string(b, text(value));
    return buffer_bytes(b);
}

/* An array of long strings, NULL-terminated, under `key`. */
static inline void put_array(buffer_t *table, const char *key, const char *const *items)
{
    buffer_t octets = {0};
    for (; *items; items++) {
        write_u8(&octets, 'S');
        write_long_string(&octets, text(*items));
    }
    field_t field = {'A', buffer_bytes(&octets)};
    table_put_field(table, text(key), &field);
    buffer_free(&octets);
}

static inline void confirm_select(chan_t ch)
{
    push_simple(ch, COMMAND_CONFIRM_SELECT, 0);
}

/* ---- taking ---- */

static inline void get(chan_t ch, const char *queue, int flags)
{
    push_request(ch, COMMAND_GET, flags, 0, (request_t){.name = text(queue)});
}

/* Returns the consumer's number. */
static inline uint32_t consume_with(chan_t ch, const char *queue, const char *tag, int flags,
                                    bytes_t arguments)
{
    uint32_t number = ++ch.client->consumers;
    push_request(ch, COMMAND_CONSUME, flags, number,
                 (request_t){.name = text(queue), .tag = text(tag), .arguments = arguments});
    return number;
}

static inline uint32_t consume(chan_t ch, const char *queue, const char *tag, int flags)
{
    return consume_with(ch, queue, tag, flags, text(""));
}

static inline void cancel(chan_t ch, const char *tag, int flags)
{
    push_request(ch, COMMAND_CANCEL, flags, 0, (request_t){.tag = text(tag)});
}

static inline void qos(chan_t ch, uint32_t prefetch, int flags)
{
    push(ch, (command_t){.type = COMMAND_QOS, .flags = (uint16_t)flags, .count = prefetch});
}

static inline void ack(chan_t ch, uint64_t tag, int flags)
{
    push_number(ch, COMMAND_ACK, flags, tag);
}

static inline void nack(chan_t ch, uint64_t tag, int flags)
{
    push_number(ch, COMMAND_NACK, flags, tag);
}

static inline void recover(chan_t ch, int flags)
{
    push_simple(ch, COMMAND_RECOVER, flags);
}
