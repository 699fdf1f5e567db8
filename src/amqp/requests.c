/* SPDX-License-Identifier: Apache-2.0
 *
 * requests.c: which function carries out which method on an open channel, and what they have in common. A
 * request says what the client wants; whether it may and what comes of it, the engine says. */
#include "amqp/session_internal.h"
#include "base/text.h"

#define CLASSES 10
#define METHODS 13

/* Requests have method ids that are multiples of 10, answers do not; classes differ in their tens. */
#define ROW(class, method)                                                                                   \
    [AMQP_CLASS_OF(AMQP_##class##_##method) / 10][AMQP_METHOD_OF(AMQP_##class##_##method) / 10] =            \
        amqp_request_##class##_##method

static amqp_request_handler_t *const handlers[CLASSES][METHODS] = {
    ROW(channel, flow),  ROW(access, request),  ROW(exchange, declare),    ROW(exchange, delete),
    ROW(exchange, bind), ROW(exchange, unbind), ROW(queue, declare),       ROW(queue, bind),
    ROW(queue, purge),   ROW(queue, delete),    ROW(queue, unbind),        ROW(basic, qos),
    ROW(basic, consume), ROW(basic, cancel),    ROW(basic, publish),       ROW(basic, get),
    ROW(basic, ack),     ROW(basic, reject),    ROW(basic, recover_async), ROW(basic, recover),
    ROW(basic, nack),    ROW(confirm, select),  ROW(tx, select),           ROW(tx, commit),
    ROW(tx, rollback),
};

amqp_request_handler_t *amqp_request_handler(amqp_method_id id)
{
    uint16_t class_id = AMQP_CLASS_OF(id), method_id = AMQP_METHOD_OF(id);
    if (id == AMQP_basic_cancel_ok) /* Java answers the server's cancel in some versions */
        return amqp_request_basic_cancel_ok;
    if (method_id % 10 != 0 || method_id / 10 >= METHODS || class_id / 10 >= CLASSES)
        return NULL;
    return handlers[class_id / 10][method_id / 10];
}

void amqp_push_request(amqp_session_t *s, const amqp_channel_t *ch, command_t c, const request_t *view)
{
    c.channel = ch->number;
    c.request = request_new(view);
    amqp_session_push(s, &c);
}

void amqp_push_plain(amqp_session_t *s, const amqp_channel_t *ch, command_t c)
{
    c.channel = ch->number;
    amqp_session_push(s, &c);
}

void amqp_generate_name(amqp_session_t *s, const char *prefix, char *out, size_t out_bytes)
{
    uint8_t octets[16];
    random_source_t *random = &s->io->options.random;
    random->fill(random->context, octets, sizeof octets);
    size_t len = text_format(out, out_bytes, "%s", prefix);
    text_base64url(bytes_make(octets, sizeof octets), out + len, out_bytes - len);
}

bytes_t amqp_strip_newlines(bytes_t name, uint8_t *scratch)
{
    size_t len = 0;
    for (size_t i = 0; i < name.len; i++)
        if (name.data[i] != '\r' && name.data[i] != '\n')
            scratch[len++] = name.data[i];
    return bytes_make(scratch, len);
}
