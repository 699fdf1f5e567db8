/* SPDX-License-Identifier: Apache-2.0
 *
 * requests_other.c: channel.flow, access.request and the classes confirm and tx: method → command. */
#include "amqp/session_internal.h"

static void push(amqp_session_t *s, const amqp_channel_t *ch, command_type_t type, uint16_t flags,
                 amqp_method_id id)
{
    amqp_push_plain(s, ch, (command_t){.type = (uint8_t)type, .flags = flags, .cause = id});
}

/* "Go on" is what we do anyway; "pause" RabbitMQ does not implement. */
void amqp_request_channel_flow(amqp_session_t *s, amqp_channel_t *ch, const amqp_method_t *method)
{
    if (method->channel_flow.active)
        push(s, ch, COMMAND_ECHO, 0, AMQP_channel_flow);
    else
        amqp_refuse_request(s, ch, REFUSAL_NOT_IMPLEMENTED, AMQP_channel_flow, "active=false");
}

/* A relic of AMQP 0-8: always granted, means nothing. */
void amqp_request_access_request(amqp_session_t *s, amqp_channel_t *ch, const amqp_method_t *method)
{
    (void)method;
    push(s, ch, COMMAND_ECHO, 0, AMQP_access_request);
}

void amqp_request_confirm_select(amqp_session_t *s, amqp_channel_t *ch, const amqp_method_t *method)
{
    uint16_t flags = method->confirm_select.nowait ? COMMAND_NOWAIT : 0;
    push(s, ch, COMMAND_CONFIRM_SELECT, flags, AMQP_confirm_select);
}

void amqp_request_tx_select(amqp_session_t *s, amqp_channel_t *ch, const amqp_method_t *method)
{
    (void)method;
    push(s, ch, COMMAND_TX_SELECT, 0, AMQP_tx_select);
}

void amqp_request_tx_commit(amqp_session_t *s, amqp_channel_t *ch, const amqp_method_t *method)
{
    (void)method;
    push(s, ch, COMMAND_TX_COMMIT, 0, AMQP_tx_commit);
}

void amqp_request_tx_rollback(amqp_session_t *s, amqp_channel_t *ch, const amqp_method_t *method)
{
    (void)method;
    push(s, ch, COMMAND_TX_ROLLBACK, 0, AMQP_tx_rollback);
}
