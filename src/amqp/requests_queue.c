/* SPDX-License-Identifier: Apache-2.0
 *
 * requests_queue.c: class queue: method → command. An empty name means "the last one declared on this
 * channel", which the engine remembers; in declare it asks for a new name, which is made up here, as the
 * engine draws no lots. */
#include "amqp/session_internal.h"

void amqp_request_queue_declare(amqp_session_t *s, amqp_channel_t *ch, const amqp_method_t *method)
{
    const amqp_queue_declare_t *m = &method->queue_declare;
    uint8_t stripped[UINT8_MAX];
    char generated[32];
    unsigned flags = (m->passive ? COMMAND_PASSIVE : 0) | (m->durable ? COMMAND_DURABLE : 0) |
                     (m->exclusive ? COMMAND_EXCLUSIVE : 0) | (m->auto_delete ? COMMAND_AUTO_DELETE : 0) |
                     (m->nowait ? COMMAND_NOWAIT : 0);
    request_t view = {.name = amqp_strip_newlines(m->queue, stripped), .arguments = m->arguments};
    if (view.name.len == 0 && !m->passive) {
        amqp_generate_name(s, "amq.gen-", generated, sizeof generated);
        view.name = bytes_string(generated);
        flags |= COMMAND_SERVER_NAMED;
    }
    command_t c = {.type = COMMAND_QUEUE_DECLARE, .flags = (uint16_t)flags, .cause = AMQP_queue_declare};
    amqp_push_request(s, ch, c, &view);
}

void amqp_request_queue_bind(amqp_session_t *s, amqp_channel_t *ch, const amqp_method_t *method)
{
    const amqp_queue_bind_t *m = &method->queue_bind;
    uint8_t queue[UINT8_MAX], exchange[UINT8_MAX];
    command_t c = {
        .type = COMMAND_QUEUE_BIND,
        .flags = m->nowait ? COMMAND_NOWAIT : 0,
        .cause = AMQP_queue_bind,
    };
    request_t view = {
        .name = amqp_strip_newlines(m->queue, queue),
        .source = amqp_strip_newlines(m->exchange, exchange),
        .routing_key = m->routing_key,
        .arguments = m->arguments,
    };
    amqp_push_request(s, ch, c, &view);
}

void amqp_request_queue_unbind(amqp_session_t *s, amqp_channel_t *ch, const amqp_method_t *method)
{
    const amqp_queue_unbind_t *m = &method->queue_unbind;
    uint8_t queue[UINT8_MAX], exchange[UINT8_MAX];
    request_t view = {
        .name = amqp_strip_newlines(m->queue, queue),
        .source = amqp_strip_newlines(m->exchange, exchange),
        .routing_key = m->routing_key,
        .arguments = m->arguments,
    };
    amqp_push_request(s, ch, (command_t){.type = COMMAND_QUEUE_UNBIND, .cause = AMQP_queue_unbind}, &view);
}

void amqp_request_queue_purge(amqp_session_t *s, amqp_channel_t *ch, const amqp_method_t *method)
{
    const amqp_queue_purge_t *m = &method->queue_purge;
    command_t c = {
        .type = COMMAND_QUEUE_PURGE,
        .flags = m->nowait ? COMMAND_NOWAIT : 0,
        .cause = AMQP_queue_purge,
    };
    amqp_push_request(s, ch, c, &(request_t){.name = m->queue});
}

void amqp_request_queue_delete(amqp_session_t *s, amqp_channel_t *ch, const amqp_method_t *method)
{
    const amqp_queue_delete_t *m = &method->queue_delete;
    uint8_t name[UINT8_MAX];
    unsigned flags = (m->if_unused ? COMMAND_IF_UNUSED : 0) | (m->if_empty ? COMMAND_IF_EMPTY : 0) |
                     (m->nowait ? COMMAND_NOWAIT : 0);
    command_t c = {.type = COMMAND_QUEUE_DELETE, .flags = (uint16_t)flags, .cause = AMQP_queue_delete};
    amqp_push_request(s, ch, c, &(request_t){.name = amqp_strip_newlines(m->queue, name)});
}
