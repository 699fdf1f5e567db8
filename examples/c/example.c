/* SPDX-License-Identifier: Apache-2.0
 *
 * See example.h. librabbitmq tells of trouble in two ways: calls that only send return a status, calls that
 * wait for an answer leave an amqp_rpc_reply_t behind. Both end here, in fail(). */
#include "example.h"

#include <amqp_tcp_socket.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

enum { HEARTBEAT_S = 60, CHANNEL_MAX = 0, FRAME_MAX = 131072 };

static void fail(const char *doing, const char *format, ...) __attribute__((noreturn, format(printf, 2, 3)));

static void fail(const char *doing, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)fprintf(stderr, "%s: ", doing);
    (void)vfprintf(stderr, format, arguments);
    (void)fputc('\n', stderr);
    va_end(arguments);
    exit(1);
}

/* The broker closed the channel or the connection, and said why. */
static void fail_closed(const char *doing, amqp_method_t method)
{
    if (method.id == AMQP_CHANNEL_CLOSE_METHOD) {
        const amqp_channel_close_t *why = method.decoded;
        fail(doing, "%d %.*s", why->reply_code, (int)why->reply_text.len,
             (const char *)why->reply_text.bytes);
    }
    if (method.id == AMQP_CONNECTION_CLOSE_METHOD) {
        const amqp_connection_close_t *why = method.decoded;
        fail(doing, "%d %.*s", why->reply_code, (int)why->reply_text.len,
             (const char *)why->reply_text.bytes);
    }
    fail(doing, "unexpected method 0x%08X", method.id);
}

static void check_reply(amqp_rpc_reply_t reply, const char *doing)
{
    if (reply.reply_type == AMQP_RESPONSE_LIBRARY_EXCEPTION)
        fail(doing, "%s", amqp_error_string2(reply.library_error));
    if (reply.reply_type == AMQP_RESPONSE_SERVER_EXCEPTION)
        fail_closed(doing, reply.reply);
    if (reply.reply_type != AMQP_RESPONSE_NORMAL)
        fail(doing, "the connection is closed");
}

static void check_status(int status, const char *doing)
{
    if (status != AMQP_STATUS_OK)
        fail(doing, "%s", amqp_error_string2(status));
}

void example_usage(bool ok, const char *line)
{
    if (ok)
        return;
    (void)fprintf(stderr, "usage: %s\n", line);
    exit(1);
}

bool example_is_number(const char *text)
{
    return *text != '\0' && strspn(text, "0123456789") == strlen(text);
}

amqp_connection_state_t example_open(void)
{
    const char *from_environment = getenv("AMQP_URL");
    char url[1024]; /* amqp_parse_url writes into it, and `info` points into it */
    int length = snprintf(url, sizeof url, "%s",
                          from_environment ? from_environment : "amqp://guest:guest@localhost:5672/%2f");
    struct amqp_connection_info info;
    if (length < 0 || (size_t)length >= sizeof url || amqp_parse_url(url, &info) != AMQP_STATUS_OK)
        fail("AMQP_URL", "not an amqp:// address");
    if (info.ssl)
        fail("AMQP_URL", "these examples speak amqp://, not amqps://");

    amqp_connection_state_t connection = amqp_new_connection();
    amqp_socket_t *socket = amqp_tcp_socket_new(connection);
    if (socket == NULL)
        fail("connect", "out of memory");
    check_status(amqp_socket_open(socket, info.host, info.port), "connect");
    check_reply(amqp_login(connection, info.vhost, CHANNEL_MAX, FRAME_MAX, HEARTBEAT_S,
                           AMQP_SASL_METHOD_PLAIN, info.user, info.password),
                "log in");
    amqp_channel_open(connection, EXAMPLE_CHANNEL);
    example_check(connection, "open a channel");
    return connection;
}

void example_close(amqp_connection_state_t connection)
{
    check_reply(amqp_channel_close(connection, EXAMPLE_CHANNEL, AMQP_REPLY_SUCCESS), "close the channel");
    check_reply(amqp_connection_close(connection, AMQP_REPLY_SUCCESS), "close the connection");
    check_status(amqp_destroy_connection(connection), "end");
}

void example_check(amqp_connection_state_t connection, const char *doing)
{
    check_reply(amqp_get_rpc_reply(connection), doing);
}

amqp_bytes_t example_own_queue(amqp_connection_state_t connection)
{
    amqp_queue_declare_ok_t *declared = amqp_queue_declare(connection, EXAMPLE_CHANNEL, amqp_empty_bytes,
                                                           false, false, true, false, amqp_empty_table);
    example_check(connection, "declare a queue");
    amqp_bytes_t name = amqp_bytes_malloc_dup(declared->queue); /* the answer's memory does not last */
    if (name.bytes == NULL)
        fail("declare a queue", "out of memory");
    return name;
}

void example_declare_exchange(amqp_connection_state_t connection, const char *name, const char *type)
{
    amqp_exchange_declare(connection, EXAMPLE_CHANNEL, amqp_cstring_bytes(name), amqp_cstring_bytes(type),
                          false, false, false, false, amqp_empty_table);
    example_check(connection, "declare an exchange");
}

void example_bind(amqp_connection_state_t connection, amqp_bytes_t queue, const char *exchange,
                  const char *key)
{
    amqp_queue_bind(connection, EXAMPLE_CHANNEL, queue, amqp_cstring_bytes(exchange), amqp_cstring_bytes(key),
                    amqp_empty_table);
    example_check(connection, "bind a queue");
}

void example_publish(amqp_connection_state_t connection, const char *exchange, amqp_bytes_t key,
                     amqp_bytes_t body, const amqp_basic_properties_t *properties)
{
    check_status(amqp_basic_publish(connection, EXAMPLE_CHANNEL, amqp_cstring_bytes(exchange), key, false,
                                    false, properties, body),
                 "publish");
}

void example_consume(amqp_connection_state_t connection, amqp_bytes_t queue, bool no_ack)
{
    amqp_basic_consume(connection, EXAMPLE_CHANNEL, queue, amqp_empty_bytes, false, no_ack, false,
                       amqp_empty_table);
    example_check(connection, "consume");
}

void example_waiting(const char *what)
{
    (void)setvbuf(stdout, NULL, _IOLBF, 0); /* a line is seen when it is written, also through a pipe */
    (void)printf("waiting for %s, Ctrl-C ends\n", what);
}

void example_receive(amqp_connection_state_t connection, amqp_envelope_t *envelope, int limit_s)
{
    struct timeval limit = {.tv_sec = limit_s};
    amqp_maybe_release_buffers(connection);
    amqp_rpc_reply_t reply = amqp_consume_message(connection, envelope, limit_s > 0 ? &limit : NULL, 0);
    if (reply.reply_type == AMQP_RESPONSE_LIBRARY_EXCEPTION &&
        reply.library_error == AMQP_STATUS_UNEXPECTED_STATE) {
        /* Not a delivery: the frame is still there to be read, and tells what came instead. */
        amqp_frame_t frame;
        check_status(amqp_simple_wait_frame(connection, &frame), "receive");
        if (frame.frame_type == AMQP_FRAME_METHOD)
            fail_closed("receive", frame.payload.method);
        fail("receive", "unexpected frame of type %d", frame.frame_type);
    }
    check_reply(reply, "receive");
}

void example_ack(amqp_connection_state_t connection, uint64_t delivery_tag)
{
    check_status(amqp_basic_ack(connection, EXAMPLE_CHANNEL, delivery_tag, false), "acknowledge");
}

long long example_number(amqp_bytes_t body)
{
    char text[20] = "";
    if (body.len >= sizeof text)
        return -1;
    memcpy(text, body.bytes, body.len);
    return example_is_number(text) ? strtoll(text, NULL, 10) : -1;
}
