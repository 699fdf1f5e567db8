/* SPDX-License-Identifier: Apache-2.0
 *
 * client.c: the blocking client. One buffer holds what came and was not handed out yet; frames are decoded where
 * they lie in it, only bodies are copied, because they may be cut into several frames. */
#include "client/client.h"

#include "base/properties.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define RECEIVE_BYTES (256 * 1024)

typedef struct frame {
    amqp_frame_head_t head;
    bytes_t payload;
} frame_t;

static int open_socket(client_t *c, uint16_t port)
{
    struct sockaddr_in where = {.sin_family = AF_INET, .sin_port = htons(port)};
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int yes = 1;
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&where, sizeof where) != 0 ||
        setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes) != 0)
        return error_set(&c->error, "cannot connect to port %u: %s", port, strerror(errno));
    return 0;
}

static int receive_more(client_t *c)
{
    if (c->in_used > 0) {
        buffer_consume(&c->in, c->in_used);
        c->in_used = 0;
    }
    if (!buffer_reserve(&c->in, RECEIVE_BYTES))
        return error_set(&c->error, "out of buffer");
    ssize_t got;
    do
        got = recv(c->fd, c->in.data + c->in.len, RECEIVE_BYTES, 0);
    while (got < 0 && errno == EINTR);
    if (got <= 0)
        return error_set(&c->error, "the connection ended: %s", got == 0 ? "end of stream" : strerror(errno));
    c->in.len += (size_t)got;
    return 0;
}

/* The next frame; its payload stays where it is until receive_more moves the buffer. */
static int next_frame(client_t *c, frame_t *out)
{
    for (;;) {
        size_t left = c->in.len - c->in_used;
        if (left >= AMQP_FRAME_HEAD_BYTES) {
            const uint8_t *at = c->in.data + c->in_used;
            out->head = amqp_frame_head_decode(at);
            size_t whole = (size_t)out->head.payload_bytes + AMQP_FRAME_OVERHEAD;
            if (left >= whole) {
                out->payload = bytes_make(at + AMQP_FRAME_HEAD_BYTES, out->head.payload_bytes);
                c->in_used += whole;
                return at[whole - 1] == AMQP_FRAME_END
                           ? 0
                           : error_set(&c->error, "a frame has a wrong end octet");
            }
        }
        if (receive_more(c) != 0)
            return -1;
    }
}

bool client_has_input(const client_t *c)
{
    return c->in.len > c->in_used;
}

static int decode_method(client_t *c, bytes_t payload, client_event_t *event)
{
    bytes_reader_t r = bytes_reader(payload);
    event->id = read_u32(&r);
    event->body = bytes_make(NULL, 0);
    const amqp_method_info_t *info = amqp_method_find(event->id);
    bytes_t arguments = read_bytes(&r, reader_left(&r));
    if (info == NULL || amqp_method_decode(info, arguments, &event->method) != AMQP_DECODED)
        return error_set(&c->error, "a method that cannot be decoded: %08x", event->id);
    if (event->id == AMQP_connection_close || event->id == AMQP_channel_close) {
        bytes_t text = event->id == AMQP_channel_close ? event->method.channel_close.reply_text
                                                       : event->method.connection_close.reply_text;
        return error_set(&c->error, "closed by the broker: %.*s", (int)text.len, (const char *)text.data);
    }
    return 0;
}

static int read_content(client_t *c, client_event_t *event)
{
    frame_t frame;
    amqp_content_header_t header;
    if (next_frame(c, &frame) != 0)
        return -1;
    if (frame.head.type != AMQP_FRAME_HEADER || !amqp_content_header_decode(frame.payload, &header))
        return error_set(&c->error, "expected a content header, got a frame of type %u", frame.head.type);
    buffer_clear(&c->body);
    while (c->body.len < header.body_bytes) {
        if (next_frame(c, &frame) != 0)
            return -1;
        if (frame.head.type != AMQP_FRAME_BODY)
            return error_set(&c->error, "expected a body frame, got one of type %u", frame.head.type);
        write_bytes(&c->body, frame.payload);
    }
    event->body = buffer_bytes(&c->body);
    return 0;
}

/* The strings of a method lie in `in`, which reading its content may move; nobody here needs them with a content. */
int client_next(client_t *c, client_event_t *event)
{
    frame_t frame;
    do
        if (next_frame(c, &frame) != 0)
            return -1;
    while (frame.head.type == AMQP_FRAME_HEARTBEAT);
    if (frame.head.type != AMQP_FRAME_METHOD)
        return error_set(&c->error, "expected a method, got a frame of type %u", frame.head.type);
    if (decode_method(c, frame.payload, event) != 0)
        return -1;
    return amqp_method_has_content(amqp_method_find(event->id)) ? read_content(c, event) : 0;
}

static void write_on(client_t *c, uint16_t channel, amqp_method_id id, const void *method)
{
    amqp_write_method(&c->out, channel, id, method);
}

void client_write(client_t *c, amqp_method_id id, const void *method)
{
    write_on(c, CLIENT_CHANNEL, id, method);
}

static void write_body(client_t *c, bytes_t body)
{
    size_t most = c->frame_max - AMQP_FRAME_OVERHEAD;
    for (size_t at = 0; at < body.len;) {
        size_t piece = body.len - at < most ? body.len - at : most;
        amqp_write_body_head(&c->out, CLIENT_CHANNEL, (uint32_t)piece);
        write_bytes(&c->out, bytes_make(body.data + at, piece));
        write_u8(&c->out, AMQP_FRAME_END);
        at += piece;
    }
}

void client_write_publish(client_t *c, bytes_t queue, bytes_t body)
{
    static const uint8_t persistent[] = {PROPERTY_FLAG(PROPERTY_DELIVERY_MODE) >> 8,
                                         PROPERTY_FLAG(PROPERTY_DELIVERY_MODE) & 0xff, 2};
    client_write(c, AMQP_basic_publish, &(amqp_basic_publish_t){.routing_key = queue});
    amqp_write_header(&c->out, CLIENT_CHANNEL, body.len, bytes_make(persistent, sizeof persistent));
    write_body(c, body);
}

int client_flush(client_t *c)
{
    size_t sent = 0;
    while (sent < c->out.len) {
        ssize_t n = send(c->fd, c->out.data + sent, c->out.len - sent, MSG_NOSIGNAL);
        if (n < 0 && errno != EINTR)
            return error_set(&c->error, "cannot send: %s", strerror(errno));
        sent += n > 0 ? (size_t)n : 0;
    }
    buffer_clear(&c->out);
    return 0;
}

static int expect(client_t *c, amqp_method_id id, client_event_t *event)
{
    do
        if (client_next(c, event) != 0)
            return -1;
    while (event->id != id);
    return 0;
}

int client_request(client_t *c, amqp_method_id id, const void *method, amqp_method_id answer,
                   client_event_t *event)
{
    client_write(c, id, method);
    return client_flush(c) == 0 ? expect(c, answer, event) : -1;
}

static int shake_hands(client_t *c)
{
    client_event_t event;
    write_bytes(&c->out, BYTES("AMQP\0\0\x09\x01"));
    if (client_flush(c) != 0 || expect(c, AMQP_connection_start, &event) != 0)
        return -1;
    write_on(c, 0, AMQP_connection_start_ok,
             &(amqp_connection_start_ok_t){
                 .mechanism = BYTES("PLAIN"), .response = BYTES("\0guest\0guest"), .locale = BYTES("en_US")});
    if (client_flush(c) != 0 || expect(c, AMQP_connection_tune, &event) != 0)
        return -1;
    c->frame_max = event.method.connection_tune.frame_max;
    if (c->frame_max == 0)
        c->frame_max = 131072;
    write_on(c, 0, AMQP_connection_tune_ok,
             &(amqp_connection_tune_ok_t){.channel_max = event.method.connection_tune.channel_max,
                                          .frame_max = c->frame_max});
    write_on(c, 0, AMQP_connection_open, &(amqp_connection_open_t){.virtual_host = BYTES("/")});
    if (client_flush(c) != 0 || expect(c, AMQP_connection_open_ok, &event) != 0)
        return -1;
    return client_request(c, AMQP_channel_open, &(amqp_channel_open_t){0}, AMQP_channel_open_ok, &event);
}

int client_open(client_t *c, uint16_t port)
{
    *c = (client_t){.fd = -1};
    return open_socket(c, port) == 0 ? shake_hands(c) : -1;
}

void client_close(client_t *c)
{
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
    buffer_free(&c->in);
    buffer_free(&c->out);
    buffer_free(&c->body);
}

int client_declare_queue(client_t *c, bytes_t queue, uint32_t *message_count)
{
    client_event_t event;
    amqp_queue_declare_t declare = {.queue = queue, .durable = true};
    if (client_request(c, AMQP_queue_declare, &declare, AMQP_queue_declare_ok, &event) != 0)
        return -1;
    if (message_count != NULL)
        *message_count = event.method.queue_declare_ok.message_count;
    return 0;
}

int client_purge_queue(client_t *c, bytes_t queue)
{
    client_event_t event;
    amqp_queue_purge_t purge = {.queue = queue};
    return client_request(c, AMQP_queue_purge, &purge, AMQP_queue_purge_ok, &event);
}

int client_select_confirms(client_t *c)
{
    client_event_t event;
    return client_request(c, AMQP_confirm_select, &(amqp_confirm_select_t){0}, AMQP_confirm_select_ok,
                          &event);
}
