/* SPDX-License-Identifier: Apache-2.0
 *
 * start.c: the table of roles, and what they begin with. */
#include <assert.h>

#include "base/table.h"
#include "base/text.h"
#include "zmtp/session_internal.h"

/* A publisher that knows subscriptions sends nothing before it has one. */
static void publisher_start(zmtp_session_t *s)
{
    zmtp_socket_type_t peer = s->handshake.peer;
    const char *prefix = s->bus->dial_prefix ? s->bus->dial_prefix : "";
    if (peer != ZMTP_SOCKET_PUB && peer != ZMTP_SOCKET_XPUB)
        return;
    zmtp_subscription_t all = {.subscribe = true, .prefix = bytes_string(prefix)};
    buffer_clear(&s->io->scratch);
    zmtp_write_subscription(&s->io->scratch, s->handshake.version, &all);
    zmtp_send(s, buffer_bytes(&s->io->scratch));
}

static void sender_start(zmtp_session_t *s)
{
    publisher_start(s);
    zmtp_declare_queue(s);
}

/* A handler's deliveries come on it. */
static void asker_start(zmtp_session_t *s)
{
    zmtp_set_credit(s, ZMTP_HANDLER_CREDIT);
}

static const zmtp_role_ops_t roles[] = {
    [ZMTP_ROLE_PUBLISHER] = {publisher_start, zmtp_publish_decide, zmtp_publish_finish, NULL},
    [ZMTP_ROLE_SUBSCRIBER] = {zmtp_subscriber_start, NULL, NULL, zmtp_subscriber_deliver},
    [ZMTP_ROLE_ASKER] = {asker_start, zmtp_asker_decide, zmtp_asker_finish, zmtp_give},
    [ZMTP_ROLE_SENDER] = {sender_start, zmtp_publish_decide, zmtp_publish_finish, NULL},
    [ZMTP_ROLE_PULLER] = {zmtp_puller_start, NULL, NULL, zmtp_subscriber_deliver},
    [ZMTP_ROLE_DURABLE] = {zmtp_puller_start, NULL, NULL, zmtp_subscriber_deliver},
    [ZMTP_ROLE_CALLER] = {zmtp_caller_start, zmtp_caller_decide, zmtp_caller_finish, zmtp_caller_deliver},
    [ZMTP_ROLE_WORKER] = {zmtp_worker_start, zmtp_answer_decide, zmtp_answer_finish, zmtp_give},
};

const zmtp_role_ops_t *zmtp_role_ops(zmtp_role_t role)
{
    assert(role != ZMTP_ROLE_NONE);
    return &roles[role];
}

bool zmtp_role_listens(zmtp_role_t role)
{
    return roles[role].decide == NULL;
}

/* ---- queues ---- */

void zmtp_declare_queue(zmtp_session_t *s)
{
    uint16_t flags = COMMAND_DURABLE | COMMAND_IF_MISSING | COMMAND_NOWAIT;
    zmtp_session_request(s, (command_t){.type = COMMAND_QUEUE_DECLARE, .flags = flags},
                         &(request_t){.name = bytes_string(s->bus->queue)});
}

void zmtp_set_credit(zmtp_session_t *s, uint32_t count)
{
    zmtp_session_push(s, (command_t){.type = COMMAND_QOS, .flags = COMMAND_NOWAIT, .count = count});
}

void zmtp_consume(zmtp_session_t *s, bytes_t queue, uint32_t number, uint32_t cause, uint16_t flags)
{
    char tag[16];
    size_t len = text_format(tag, sizeof tag, "%u", number);
    zmtp_session_request(
        s, (command_t){.type = COMMAND_CONSUME, .flags = flags, .cause = cause, .count = number},
        &(request_t){.name = queue, .tag = bytes_make(tag, len)});
}

void zmtp_cancel(zmtp_session_t *s, uint32_t number)
{
    char tag[16];
    size_t len = text_format(tag, sizeof tag, "%u", number);
    zmtp_session_request(s, (command_t){.type = COMMAND_CANCEL, .flags = COMMAND_NOWAIT},
                         &(request_t){.tag = bytes_make(tag, len)});
}

void zmtp_push_binding(zmtp_session_t *s, command_type_t type, bytes_t queue, bytes_t prefix)
{
    buffer_t arguments = {0};
    table_put_string(&arguments, "x-binding-type", BYTES("prefix"));
    zmtp_session_request(s, (command_t){.type = (uint8_t)type, .flags = COMMAND_NOWAIT},
                         &(request_t){.name = queue,
                                      .source = bytes_string(s->bus->exchange),
                                      .routing_key = prefix,
                                      .arguments = buffer_bytes(&arguments)});
    buffer_free(&arguments);
}
