/* SPDX-License-Identifier: Apache-2.0
 *
 * exchange_requests.c: declare, delete, bind and unbind of exchanges, in RabbitMQ's order of checks and with
 * its texts. */
#include "engine/engine_internal.h"

/* ---- declare ---- */

static bool refuse_default(channel_t *ch, const command_t *cmd, bytes_t name)
{
    if (name.len > 0)
        return false;
    channel_refuse(ch, cmd->cause, REFUSAL_ACCESS_REFUSED, "operation not permitted on the default exchange");
    return true;
}

static void refuse_missing(channel_t *ch, const command_t *cmd, bytes_t name)
{
    channel_refuse(ch, cmd->cause, REFUSAL_NOT_FOUND, "no " EXCHANGE_FORMAT,
                   NAMED_ARG(name, ch->connection->vhost));
}

static void refuse_inequivalent(channel_t *ch, const command_t *cmd, const exchange_t *x, const char *what,
                                bytes_t received, bytes_t current)
{
    channel_refuse(ch, cmd->cause, REFUSAL_PRECONDITION_FAILED,
                   "inequivalent arg '%s' for " EXCHANGE_FORMAT ": received '%.*s' but current is '%.*s'",
                   what, NAMED_ARG(x->name, x->vhost), TEXT_ARG(received), TEXT_ARG(current));
}

static bytes_t bool_text(bool b)
{
    return b ? BYTES("true") : BYTES("false");
}

static bool arguments_equivalent(channel_t *ch, const command_t *cmd, const exchange_t *x)
{
    refusal_t *why = sync_arguments_compare(cmd, x);
    if (why == NULL)
        why = dedup_arguments_compare(cmd, x);
    if (why)
        channel_refuse_with(ch, why);
    return why == NULL;
}

/* RabbitMQ compares in this order. */
static bool exchange_equivalent(channel_t *ch, const command_t *cmd, const exchange_t *x,
                                exchange_type_t type)
{
    bool durable = cmd->flags & COMMAND_DURABLE;
    bool auto_delete = cmd->flags & COMMAND_AUTO_DELETE;
    bool internal = cmd->flags & COMMAND_INTERNAL;
    if (x->type != type)
        refuse_inequivalent(ch, cmd, x, "type", cmd->request->kind,
                            bytes_string(exchange_type_name(x->type)));
    else if (x->durable != durable)
        refuse_inequivalent(ch, cmd, x, "durable", bool_text(durable), bool_text(x->durable));
    else if (x->auto_delete != auto_delete)
        refuse_inequivalent(ch, cmd, x, "auto_delete", bool_text(auto_delete), bool_text(x->auto_delete));
    else if (x->internal != internal)
        refuse_inequivalent(ch, cmd, x, "internal", bool_text(internal), bool_text(x->internal));
    else
        return arguments_equivalent(ch, cmd, x);
    return false;
}

/* A new exchange: its name must be free to use and its arguments must be ones that work. */
static bool new_exchange_allowed(channel_t *ch, const command_t *cmd)
{
    const request_t *r = cmd->request;
    field_t alternate;
    if (bytes_starts_with(r->name, BYTES("amq."))) {
        channel_refuse(ch, cmd->cause, REFUSAL_ACCESS_REFUSED,
                       "exchange name '%.*s' contains reserved prefix 'amq.*'", TEXT_ARG(r->name));
        return false;
    }
    if (!table_find(r->arguments, BYTES("alternate-exchange"), &alternate))
        return true;
    if (alternate.tag != 'S')
        channel_refuse(ch, cmd->cause, REFUSAL_PRECONDITION_FAILED,
                       "invalid type '%s' for arg 'alternate-exchange' in " EXCHANGE_FORMAT,
                       field_type_name(alternate.tag), NAMED_ARG(r->name, ch->connection->vhost));
    else
        channel_refuse(ch, cmd->cause, REFUSAL_NOT_IMPLEMENTED,
                       "argument 'alternate-exchange' for " EXCHANGE_FORMAT " is not supported",
                       NAMED_ARG(r->name, ch->connection->vhost));
    return false;
}

static void declare(channel_t *ch, const command_t *cmd, exchange_type_t type)
{
    vhost_t *v = ch->connection->vhost;
    exchange_t *x = exchange_find(v, cmd->request->name);
    if (x) {
        if (exchange_equivalent(ch, cmd, x, type))
            reply_ok_after(ch, cmd, x->durable ? v->engine->definitions : 0);
        return;
    }
    if (!new_exchange_allowed(ch, cmd))
        return;
    refusal_t *why = sync_arguments_check(cmd, v);
    if (why == NULL)
        why = dedup_arguments_check(cmd, v, "exchange");
    if (why) {
        channel_refuse_with(ch, why);
        return;
    }
    record_t r = {
        .type = RECORD_EXCHANGE,
        .kind = (uint8_t)type,
        .flags = (uint8_t)((cmd->flags & COMMAND_AUTO_DELETE ? RECORD_AUTO_DELETE : 0) |
                           (cmd->flags & COMMAND_INTERNAL ? RECORD_INTERNAL : 0)),
        .name = cmd->request->name,
        .arguments = cmd->request->arguments,
    };
    bool durable = cmd->flags & COMMAND_DURABLE;
    x = exchange_from_record(v, durable ? records_define(v->engine, &r) : 0, &r);
    x->durable = durable;
    reply_ok_after(ch, cmd, durable ? v->engine->definitions : 0);
}

void on_exchange_declare(channel_t *ch, command_t *cmd)
{
    const request_t *r = cmd->request;
    exchange_type_t type;
    if (refuse_default(ch, cmd, r->name))
        return;
    if (cmd->flags & COMMAND_PASSIVE) {
        const exchange_t *x = exchange_find(ch->connection->vhost, r->name);
        if (x)
            reply_ok_after(ch, cmd, x->durable ? x->vhost->engine->definitions : 0);
        else
            refuse_missing(ch, cmd, r->name);
    } else if (exchange_type_parse(r->kind, &type)) {
        declare(ch, cmd, type);
    } else {
        channel_refuse(ch, cmd->cause, REFUSAL_PRECONDITION_FAILED, "unknown exchange type '%.*s'",
                       TEXT_ARG(r->kind));
    }
}

/* ---- delete ---- */

void on_exchange_delete(channel_t *ch, command_t *cmd)
{
    bytes_t name = cmd->request->name;
    if (refuse_default(ch, cmd, name))
        return;
    if (bytes_starts_with(name, BYTES("amq."))) {
        channel_refuse(ch, cmd->cause, REFUSAL_ACCESS_REFUSED,
                       "deletion of system " EXCHANGE_FORMAT " not allowed",
                       NAMED_ARG(name, ch->connection->vhost));
        return;
    }
    exchange_t *x = exchange_find(ch->connection->vhost, name);
    if (x == NULL) {
        reply_ok_after(ch, cmd,
                       ch->connection->engine->definitions); /* deleting what is not there succeeds */
    } else if ((cmd->flags & COMMAND_IF_UNUSED) &&
               (!list_empty(&x->out) || x->subscriptions.entries.count > 0)) {
        channel_refuse(ch, cmd->cause, REFUSAL_PRECONDITION_FAILED, EXCHANGE_FORMAT " in use",
                       NAMED_ARG(name, ch->connection->vhost));
    } else {
        event_t ok = {.type = EVENT_OK, .cause = cmd->cause};
        exchange_remove(x, ch, cmd->flags & COMMAND_NOWAIT ? NULL : &ok);
    }
}

/* ---- bind, unbind ---- */

static bool binding_type_allowed(channel_t *ch, const command_t *cmd)
{
    field_t type;
    if (!table_find(cmd->request->arguments, BYTES("x-binding-type"), &type) ||
        (type.tag == 'S' &&
         (bytes_equal(type.octets, BYTES("prefix")) || bytes_equal(type.octets, BYTES("pattern")))))
        return true;
    char value[128];
    field_text(&type, value, sizeof value);
    channel_refuse(ch, cmd->cause, REFUSAL_PRECONDITION_FAILED,
                   "invalid arg 'x-binding-type' for a binding of " EXCHANGE_FORMAT
                   ": '%s', expected prefix or pattern",
                   NAMED_ARG(cmd->request->source, ch->connection->vhost), value);
    return false;
}

/* Between exchanges it would depend on the way to a queue whether that only observes. */
static bool observing_allowed(channel_t *ch, const command_t *cmd)
{
    field_t f;
    if (!table_find(cmd->request->arguments, BYTES("x-sync"), &f) ||
        (cmd->type == COMMAND_QUEUE_BIND && f.tag == 'S' && bytes_equal(f.octets, BYTES("never"))))
        return true;
    char value[128];
    field_text(&f, value, sizeof value);
    if (cmd->type == COMMAND_QUEUE_BIND)
        channel_refuse(ch, cmd->cause, REFUSAL_PRECONDITION_FAILED,
                       "invalid binding argument 'x-sync': '%s', expected never", value);
    else
        channel_refuse(ch, cmd->cause, REFUSAL_NOT_IMPLEMENTED,
                       "binding argument 'x-sync' is not supported between exchanges");
    return false;
}

bool binding_arguments_allowed(channel_t *ch, const command_t *cmd, const exchange_t *source)
{
    field_t mode;
    if (!binding_type_allowed(ch, cmd) || !observing_allowed(ch, cmd))
        return false;
    if (source->type != EXCHANGE_HEADERS || !table_find(cmd->request->arguments, BYTES("x-match"), &mode))
        return true;
    char value[128];
    field_text(&mode, value, sizeof value);
    if (mode.tag != 'S') {
        channel_refuse(ch, cmd->cause, REFUSAL_PRECONDITION_FAILED,
                       "Invalid x-match field type %s (value %s); expected longstr",
                       field_type_name(mode.tag), value);
        return false;
    }
    static const char *const modes[] = {"all", "any", "all-with-x", "any-with-x"};
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++)
        if (bytes_equal(mode.octets, bytes_string(modes[i])))
            return true;
    const char *quote = mode.octets.len > 0 ? "\"" : ""; /* an Erlang binary, printed */
    channel_refuse(ch, cmd->cause, REFUSAL_PRECONDITION_FAILED,
                   "Invalid x-match field value <<%s%s%s>>; expected all, any, all-with-x, or any-with-x",
                   quote, value, quote);
    return false;
}

/* Both ends of an exchange-to-exchange request; false if it was answered already. */
static bool both_ends(channel_t *ch, const command_t *cmd, exchange_t **source, exchange_t **destination)
{
    vhost_t *v = ch->connection->vhost;
    const request_t *r = cmd->request;
    if (refuse_default(ch, cmd, r->name) || refuse_default(ch, cmd, r->source))
        return false;
    *source = exchange_find(v, r->source);
    *destination = exchange_find(v, r->name);
    if (*source && *destination)
        return true;
    if (cmd->type == COMMAND_EXCHANGE_UNBIND)
        reply_ok_after(ch, cmd, v->engine->definitions); /* unbinding what is not there succeeds */
    else
        refuse_missing(ch, cmd, *source ? r->name : r->source);
    return false;
}

void on_exchange_bind(channel_t *ch, command_t *cmd)
{
    exchange_t *source, *destination;
    if (!both_ends(ch, cmd, &source, &destination) || !binding_arguments_allowed(ch, cmd, source))
        return;
    binding_declare(source, NULL, destination, cmd->request->routing_key, cmd->request->arguments);
    reply_ok_after(ch, cmd,
                   source->durable && destination->durable ? ch->connection->engine->definitions : 0);
}

void on_exchange_unbind(channel_t *ch, command_t *cmd)
{
    exchange_t *source, *destination;
    if (!both_ends(ch, cmd, &source, &destination))
        return;
    binding_t *b =
        binding_find(source, NULL, destination, cmd->request->routing_key, cmd->request->arguments);
    if (b)
        binding_undeclare(b);
    reply_ok_after(ch, cmd, ch->connection->engine->definitions);
}
