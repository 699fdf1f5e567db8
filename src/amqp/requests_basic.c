/* SPDX-License-Identifier: Apache-2.0
 *
 * requests_basic.c: class basic: method → command. What RabbitMQ does not implement is refused with its words
 * (540), in the request's turn. */
#include "amqp/session_internal.h"

void amqp_request_basic_qos(amqp_session_t *s, amqp_channel_t *ch, const amqp_method_t *method)
{
    const amqp_basic_qos_t *m = &method->basic_qos;
    if (m->prefetch_size != 0) {
        amqp_refuse_request(s, ch, REFUSAL_NOT_IMPLEMENTED, AMQP_basic_qos, "prefetch_size!=0 (%u)",
                            m->prefetch_size);
        return;
    }
    command_t c = {
        .type = COMMAND_QOS,
        .flags = m->global ? COMMAND_GLOBAL : 0,
        .cause = AMQP_basic_qos,
        .count = m->prefetch_count,
    };
    amqp_push_plain(s, ch, c);
}

void amqp_request_basic_consume(amqp_session_t *s, amqp_channel_t *ch, const amqp_method_t *method)
{
    const amqp_basic_consume_t *m = &method->basic_consume;
    char generated[40];
    bytes_t tag = m->consumer_tag;
    if (tag.len == 0) {
        amqp_generate_name(s, "amq.ctag-", generated, sizeof generated);
        tag = bytes_string(generated);
    }
    unsigned flags = (m->no_ack ? COMMAND_NO_ACK : 0) | (m->exclusive ? COMMAND_EXCLUSIVE : 0) |
                     (m->nowait ? COMMAND_NOWAIT : 0);
    command_t c = {
        .type = COMMAND_CONSUME,
        .flags = (uint16_t)flags,
        .cause = AMQP_basic_consume,
        .count = amqp_consumer_add(s, ch, tag)->number,
    };
    amqp_push_request(s, ch, c, &(request_t){.name = m->queue, .tag = tag, .arguments = m->arguments});
}

void amqp_request_basic_cancel(amqp_session_t *s, amqp_channel_t *ch, const amqp_method_t *method)
{
    const amqp_basic_cancel_t *m = &method->basic_cancel;
    command_t c = {
        .type = COMMAND_CANCEL,
        .flags = m->nowait ? COMMAND_NOWAIT : 0,
        .cause = AMQP_basic_cancel,
    };
    amqp_push_request(s, ch, c, &(request_t){.tag = m->consumer_tag});
}

/* An answer to our basic.cancel, which wanted none. */
void amqp_request_basic_cancel_ok(amqp_session_t *s, amqp_channel_t *ch, const amqp_method_t *method)
{
    (void)s, (void)ch, (void)method;
}

void amqp_request_basic_publish(amqp_session_t *s, amqp_channel_t *ch, const amqp_method_t *method)
{
    amqp_content_method(s, ch, &method->basic_publish);
}

void amqp_request_basic_get(amqp_session_t *s, amqp_channel_t *ch, const amqp_method_t *method)
{
    const amqp_basic_get_t *m = &method->basic_get;
    command_t c = {.type = COMMAND_GET, .flags = m->no_ack ? COMMAND_NO_ACK : 0, .cause = AMQP_basic_get};
    amqp_push_request(s, ch, c, &(request_t){.name = m->queue});
}

void amqp_request_basic_ack(amqp_session_t *s, amqp_channel_t *ch, const amqp_method_t *method)
{
    const amqp_basic_ack_t *m = &method->basic_ack;
    command_t c = {
        .type = COMMAND_ACK,
        .flags = m->multiple ? COMMAND_MULTIPLE : 0,
        .cause = AMQP_basic_ack,
        .number = m->delivery_tag,
    };
    amqp_push_plain(s, ch, c);
}

void amqp_request_basic_nack(amqp_session_t *s, amqp_channel_t *ch, const amqp_method_t *method)
{
    const amqp_basic_nack_t *m = &method->basic_nack;
    unsigned flags = (m->multiple ? COMMAND_MULTIPLE : 0) | (m->requeue ? COMMAND_REQUEUE : 0);
    command_t c = {
        .type = COMMAND_NACK,
        .flags = (uint16_t)flags,
        .cause = AMQP_basic_nack,
        .number = m->delivery_tag,
    };
    amqp_push_plain(s, ch, c);
}

void amqp_request_basic_reject(amqp_session_t *s, amqp_channel_t *ch, const amqp_method_t *method)
{
    const amqp_basic_reject_t *m = &method->basic_reject;
    command_t c = {
        .type = COMMAND_NACK,
        .flags = m->requeue ? COMMAND_REQUEUE : 0,
        .cause = AMQP_basic_reject,
        .number = m->delivery_tag,
    };
    amqp_push_plain(s, ch, c);
}

static void recover(amqp_session_t *s, amqp_channel_t *ch, bool requeue, uint16_t flags, amqp_method_id id)
{
    if (!requeue) {
        amqp_refuse_request(s, ch, REFUSAL_NOT_IMPLEMENTED, id, "requeue=false");
        return;
    }
    amqp_push_plain(s, ch, (command_t){.type = COMMAND_RECOVER, .flags = flags, .cause = id});
}

void amqp_request_basic_recover(amqp_session_t *s, amqp_channel_t *ch, const amqp_method_t *method)
{
    recover(s, ch, method->basic_recover.requeue, 0, AMQP_basic_recover);
}

void amqp_request_basic_recover_async(amqp_session_t *s, amqp_channel_t *ch, const amqp_method_t *method)
{
    recover(s, ch, method->basic_recover_async.requeue, COMMAND_NOWAIT, AMQP_basic_recover_async);
}
