/* SPDX-License-Identifier: Apache-2.0
 *
 * requests_exchange.c: class exchange: method → command. */
#include "amqp/session_internal.h"

void amqp_request_exchange_declare(amqp_session_t *s, amqp_channel_t *ch, const amqp_method_t *method)
{
    const amqp_exchange_declare_t *m = &method->exchange_declare;
    uint8_t name[UINT8_MAX];
    unsigned flags = (m->passive ? COMMAND_PASSIVE : 0) | (m->durable ? COMMAND_DURABLE : 0) |
                     (m->auto_delete ? COMMAND_AUTO_DELETE : 0) | (m->internal ? COMMAND_INTERNAL : 0) |
                     (m->nowait ? COMMAND_NOWAIT : 0);
    command_t c = {
        .type = COMMAND_EXCHANGE_DECLARE, .flags = (uint16_t)flags, .cause = AMQP_exchange_declare};
    request_t view = {
        .name = amqp_strip_newlines(m->exchange, name),
        .kind = m->type,
        .arguments = m->arguments,
    };
    amqp_push_request(s, ch, c, &view);
}

void amqp_request_exchange_delete(amqp_session_t *s, amqp_channel_t *ch, const amqp_method_t *method)
{
    const amqp_exchange_delete_t *m = &method->exchange_delete;
    uint8_t name[UINT8_MAX];
    unsigned flags = (m->if_unused ? COMMAND_IF_UNUSED : 0) | (m->nowait ? COMMAND_NOWAIT : 0);
    command_t c = {.type = COMMAND_EXCHANGE_DELETE, .flags = (uint16_t)flags, .cause = AMQP_exchange_delete};
    request_t view = {.name = amqp_strip_newlines(m->exchange, name)};
    amqp_push_request(s, ch, c, &view);
}

/* bind and unbind have the same arguments, in structs of their own. */
#define PUSH_BINDING(command, id, m)                                                                         \
    do {                                                                                                     \
        uint8_t destination[UINT8_MAX], source[UINT8_MAX];                                                   \
        command_t c = {.type = (command), .flags = (m)->nowait ? COMMAND_NOWAIT : 0, .cause = (id)};         \
        request_t view = {                                                                                   \
            .name = amqp_strip_newlines((m)->destination, destination),                                      \
            .source = amqp_strip_newlines((m)->source, source),                                              \
            .routing_key = (m)->routing_key,                                                                 \
            .arguments = (m)->arguments,                                                                     \
        };                                                                                                   \
        amqp_push_request(s, ch, c, &view);                                                                  \
    } while (0)

void amqp_request_exchange_bind(amqp_session_t *s, amqp_channel_t *ch, const amqp_method_t *method)
{
    PUSH_BINDING(COMMAND_EXCHANGE_BIND, AMQP_exchange_bind, &method->exchange_bind);
}

void amqp_request_exchange_unbind(amqp_session_t *s, amqp_channel_t *ch, const amqp_method_t *method)
{
    PUSH_BINDING(COMMAND_EXCHANGE_UNBIND, AMQP_exchange_unbind, &method->exchange_unbind);
}
