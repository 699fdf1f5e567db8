/* SPDX-License-Identifier: Apache-2.0
 *
 * wire_say.c: command → octets, and what is expected to come back. */
#include "base/alloc.h"
#include "base/table.h"
#include "sim/report.h"
#include "sim/world.h"

/* ---- what was said ---- */

static void note_said(saids_t *l, said_t said)
{
    if (l->begin == l->end)
        l->begin = l->end = 0;
    l->items = mem_grow(l->items, sizeof *l->items, l->end, &l->capacity, 32);
    l->items[l->end++] = said;
}

void wire_flush(client_t *c)
{
    wire_t *w = &c->wire;
    if (!w->is_open || !w->link || w->unsent.len == 0)
        return;
    link_send(w->link, buffer_bytes(&w->unsent));
    buffer_clear(&w->unsent);
    w->sent_ms = c->world->now_ms;
}

static void say(client_t *c, const command_t *cmd, amqp_method_id id, amqp_method_id answer, const void *m)
{
    bool nowait = cmd->flags & COMMAND_NOWAIT;
    amqp_write_method(&c->wire.unsent, cmd->channel, id, m);
    if (cmd->channel > 0)
        note_said(&c->wire.channels[cmd->channel].said, (said_t){cmd->cause, id, nowait ? 0 : answer});
}

#define SAY(method, answer, ...)                                                                             \
    say(c, cmd, AMQP_##method, (answer), &(amqp_##method##_t){.unused = 0 __VA_OPT__(, ) __VA_ARGS__})
#define FLAG(flag) ((cmd->flags & (flag)) != 0)

/* ---- by class ---- */

static void say_exchange(client_t *c, const command_t *cmd)
{
    const request_t *r = cmd->request;
    bool nowait = FLAG(COMMAND_NOWAIT);
    if (cmd->type == COMMAND_EXCHANGE_DECLARE)
        SAY(exchange_declare, AMQP_exchange_declare_ok, .exchange = r->name, .type = r->kind,
            .passive = FLAG(COMMAND_PASSIVE), .durable = FLAG(COMMAND_DURABLE),
            .auto_delete = FLAG(COMMAND_AUTO_DELETE), .internal = FLAG(COMMAND_INTERNAL), .nowait = nowait,
            .arguments = r->arguments);
    else if (cmd->type == COMMAND_EXCHANGE_DELETE)
        SAY(exchange_delete, AMQP_exchange_delete_ok, .exchange = r->name, .nowait = nowait);
    else if (cmd->type == COMMAND_EXCHANGE_BIND)
        SAY(exchange_bind, AMQP_exchange_bind_ok, .destination = r->name, .source = r->source,
            .routing_key = r->routing_key, .nowait = nowait, .arguments = r->arguments);
    else
        SAY(exchange_unbind, AMQP_exchange_unbind_ok, .destination = r->name, .source = r->source,
            .routing_key = r->routing_key, .nowait = nowait, .arguments = r->arguments);
}

static void say_queue(client_t *c, const command_t *cmd)
{
    const request_t *r = cmd->request;
    bool nowait = FLAG(COMMAND_NOWAIT);
    if (cmd->type == COMMAND_QUEUE_DECLARE)
        SAY(queue_declare, AMQP_queue_declare_ok, .queue = r->name, .passive = FLAG(COMMAND_PASSIVE),
            .durable = FLAG(COMMAND_DURABLE), .auto_delete = FLAG(COMMAND_AUTO_DELETE), .nowait = nowait,
            .arguments = r->arguments);
    else if (cmd->type == COMMAND_QUEUE_DELETE)
        SAY(queue_delete, AMQP_queue_delete_ok, .queue = r->name, .nowait = nowait);
    else if (cmd->type == COMMAND_QUEUE_PURGE)
        SAY(queue_purge, AMQP_queue_purge_ok, .queue = r->name, .nowait = nowait);
    else if (cmd->type == COMMAND_QUEUE_BIND)
        SAY(queue_bind, AMQP_queue_bind_ok, .queue = r->name, .exchange = r->source,
            .routing_key = r->routing_key, .nowait = nowait, .arguments = r->arguments);
    else
        SAY(queue_unbind, AMQP_queue_unbind_ok, .queue = r->name, .exchange = r->source,
            .routing_key = r->routing_key, .arguments = r->arguments);
}

static void say_taking(client_t *c, const command_t *cmd)
{
    const request_t *r = cmd->request;
    bool no_ack = FLAG(COMMAND_NO_ACK);
    if (cmd->type == COMMAND_GET)
        SAY(basic_get, AMQP_basic_get_ok, .queue = r->name, .no_ack = no_ack);
    else if (cmd->type == COMMAND_CONSUME)
        SAY(basic_consume, AMQP_basic_consume_ok, .queue = r->name, .consumer_tag = r->tag, .no_ack = no_ack);
    else if (cmd->type == COMMAND_CANCEL)
        SAY(basic_cancel, AMQP_basic_cancel_ok, .consumer_tag = r->tag, .nowait = FLAG(COMMAND_NOWAIT));
    else
        SAY(basic_qos, AMQP_basic_qos_ok, .prefetch_count = (uint16_t)cmd->count,
            .global = FLAG(COMMAND_GLOBAL));
}

static void say_settling(client_t *c, const command_t *cmd)
{
    bool multiple = FLAG(COMMAND_MULTIPLE), requeue = FLAG(COMMAND_REQUEUE);
    if (cmd->type == COMMAND_ACK)
        SAY(basic_ack, 0, .delivery_tag = cmd->number, .multiple = multiple);
    else if (cmd->type == COMMAND_NACK && !multiple && dice(c->world, 2))
        SAY(basic_reject, 0, .delivery_tag = cmd->number, .requeue = requeue);
    else if (cmd->type == COMMAND_NACK)
        SAY(basic_nack, 0, .delivery_tag = cmd->number, .multiple = multiple, .requeue = requeue);
    else if (FLAG(COMMAND_NOWAIT))
        SAY(basic_recover_async, 0, .requeue = true);
    else
        SAY(basic_recover, AMQP_basic_recover_ok, .requeue = true);
}

/* ---- messages ---- */

static void write_body(client_t *c, unsigned channel, bytes_t body)
{
    enum { FRAME_MOST = AMQP_FRAME_MIN_SIZE - AMQP_FRAME_OVERHEAD };
    buffer_t *out = &c->wire.unsent;
    for (size_t at = 0, len; at < body.len; at += len) {
        uint32_t most = dice(c->world, 2) ? FRAME_MOST : 1 + dice(c->world, FRAME_MOST);
        len = body.len - at < most ? body.len - at : most;
        amqp_write_body_head(out, (uint16_t)channel, (uint32_t)len);
        write_bytes(out, bytes_make(body.data + at, len));
        write_u8(out, AMQP_FRAME_END);
    }
}

static void say_publish(client_t *c, const command_t *cmd)
{
    const message_t *m = cmd->message;
    bytes_t body = message_body(m);
    SAY(basic_publish, 0, .exchange = message_exchange(m), .routing_key = message_routing_key(m),
        .mandatory = FLAG(COMMAND_MANDATORY));
    amqp_write_header(&c->wire.unsent, cmd->channel, body.len, message_properties(m));
    write_body(c, cmd->channel, body);
}

void wire_say_half(client_t *c, unsigned channel, const content_spec_t *s)
{
    message_t *m = content_message(s, 0, s->body_bytes);
    const command_t *cmd = &(command_t){.channel = (uint16_t)channel};
    SAY(basic_publish, 0, .exchange = message_exchange(m), .routing_key = message_routing_key(m));
    amqp_write_header(&c->wire.unsent, cmd->channel, s->body_bytes, message_properties(m));
    write_body(c, channel, bytes_make(message_body(m).data, dice(c->world, s->body_bytes)));
    message_free(m);
    wire_flush(c);
}

/* ---- connection and channel ---- */

static void say_close(client_t *c, const command_t *cmd)
{
    if (cmd->channel > 0)
        SAY(channel_close, AMQP_channel_close_ok, .reply_code = 200);
    else
        SAY(connection_close, AMQP_connection_close_ok, .reply_code = 200);
}

static void say_echo(client_t *c, const command_t *cmd)
{
    if (dice(c->world, 2))
        SAY(channel_flow, AMQP_channel_flow_ok, .active = true);
    else
        SAY(access_request, AMQP_access_request_ok, .realm = BYTES("/data"), .active = true);
}

/* The answer to their close. */
static void say_release(client_t *c, const command_t *cmd)
{
    amqp_channel_close_ok_t ok = {0};
    amqp_write_method(&c->wire.unsent, cmd->channel, AMQP_channel_close_ok, &ok);
}

void wire_say(client_t *c, command_t *cmd)
{
    switch (cmd->type) {
    case COMMAND_CONNECTION_CLOSE:
    case COMMAND_CHANNEL_CLOSE:
        say_close(c, cmd);
        break;
    case COMMAND_CHANNEL_OPEN:
        SAY(channel_open, AMQP_channel_open_ok);
        break;
    case COMMAND_CHANNEL_RELEASE:
        say_release(c, cmd);
        break;
    case COMMAND_ECHO:
        say_echo(c, cmd);
        break;
    case COMMAND_EXCHANGE_DECLARE:
    case COMMAND_EXCHANGE_DELETE:
    case COMMAND_EXCHANGE_BIND:
    case COMMAND_EXCHANGE_UNBIND:
        say_exchange(c, cmd);
        break;
    case COMMAND_QUEUE_DECLARE:
    case COMMAND_QUEUE_DELETE:
    case COMMAND_QUEUE_PURGE:
    case COMMAND_QUEUE_BIND:
    case COMMAND_QUEUE_UNBIND:
        say_queue(c, cmd);
        break;
    case COMMAND_QOS:
    case COMMAND_CONSUME:
    case COMMAND_CANCEL:
    case COMMAND_GET:
        say_taking(c, cmd);
        break;
    case COMMAND_ACK:
    case COMMAND_NACK:
    case COMMAND_RECOVER:
        say_settling(c, cmd);
        break;
    case COMMAND_PUBLISH:
        say_publish(c, cmd);
        break;
    case COMMAND_CONFIRM_SELECT:
        SAY(confirm_select, AMQP_confirm_select_ok);
        break;
    case COMMAND_TX_SELECT:
        SAY(tx_select, AMQP_tx_select_ok);
        break;
    case COMMAND_TX_COMMIT:
        SAY(tx_commit, AMQP_tx_commit_ok);
        break;
    case COMMAND_TX_ROLLBACK:
        SAY(tx_rollback, AMQP_tx_rollback_ok);
        break;
    default:
        report_failure("a client says command %u, which the wire does not know", cmd->type);
    }
    command_discard(cmd);
    wire_flush(c);
}
