/* SPDX-License-Identifier: Apache-2.0
 *
 * queue_requests.c: declare, bind, unbind, purge and delete of queues, in RabbitMQ's order of checks and with
 * its texts. */
#include "engine/engine_internal.h"

static const char locked_text[] =
    "cannot obtain exclusive access to locked " QUEUE_FORMAT
    ". It could be originally declared on another connection "
    "or the exclusive property value does not match that of the original declaration.";

static void refuse_locked(channel_t *ch, const command_t *cmd, const queue_t *q)
{
    channel_refuse(ch, cmd->cause, REFUSAL_RESOURCE_LOCKED, locked_text, NAMED_ARG(q->name, q->vhost));
}

/* False (and refused) if the queue is another connection's exclusive one, or our own. */
static bool queue_may_use(channel_t *ch, const command_t *cmd, const queue_t *q)
{
    if (q->keep) {
        channel_refuse(ch, cmd->cause, REFUSAL_ACCESS_REFUSED, QUEUE_FORMAT " is the broker's own",
                       NAMED_ARG(q->name, q->vhost));
        return false;
    }
    if (!q->exclusive || q->owner == ch->connection)
        return true;
    refuse_locked(ch, cmd, q);
    return false;
}

/* The name a request means: an empty one is that of the last queue declared on the channel. */
static bool resolve_name(channel_t *ch, const command_t *cmd, bytes_t *name)
{
    *name = cmd->request->name.len > 0 ? cmd->request->name : ch->last_queue;
    if (name->len > 0)
        return true;
    channel_refuse(ch, cmd->cause, REFUSAL_NOT_FOUND, "no previously declared queue");
    return false;
}

static void refuse_missing(channel_t *ch, const command_t *cmd, bytes_t name)
{
    channel_refuse(ch, cmd->cause, REFUSAL_NOT_FOUND, "no " QUEUE_FORMAT,
                   NAMED_ARG(name, ch->connection->vhost));
}

queue_t *queue_of_request(channel_t *ch, const command_t *cmd)
{
    bytes_t name;
    if (!resolve_name(ch, cmd, &name))
        return NULL;
    queue_t *q = queue_find(ch->connection->vhost, name);
    if (q == NULL) {
        refuse_missing(ch, cmd, name);
        return NULL;
    }
    return queue_may_use(ch, cmd, q) ? q : NULL;
}

/* ---- declare ---- */

static void declared(channel_t *ch, command_t *cmd, queue_t *q)
{
    channel_set_last_queue(ch, q->name);
    queue_touch(q);
    if (cmd->flags & COMMAND_NOWAIT)
        return;
    record_no after = q->id > 0 ? q->vhost->engine->definitions : 0;
    event_t ok = {.type = EVENT_QUEUE_DECLARED,
                  .cause = cmd->cause,
                  .message_count = (uint32_t)q->fifo.ready,
                  .consumer_count = q->consumer_count,
                  .request = cmd->request};
    cmd->request = NULL; /* goes back with the event */
    reply_after(ch, &ok, after);
}

static bool refuse_inequivalent(channel_t *ch, const command_t *cmd, const queue_t *q, const char *what,
                                bool received, bool current)
{
    if (received == current)
        return false;
    channel_refuse(ch, cmd->cause, REFUSAL_PRECONDITION_FAILED,
                   "inequivalent arg '%s' for " QUEUE_FORMAT ": received '%s' but current is '%s'", what,
                   NAMED_ARG(q->name, q->vhost), received ? "true" : "false", current ? "true" : "false");
    return true;
}

static bool queue_equivalent(channel_t *ch, const command_t *cmd, const queue_t *q)
{
    bool exclusive = cmd->flags & COMMAND_EXCLUSIVE;
    if (!queue_may_use(ch, cmd, q))
        return false;
    if (cmd->flags & COMMAND_IF_MISSING)
        return true;
    if (exclusive != q->exclusive) {
        refuse_locked(ch, cmd, q);
        return false;
    }
    bool durable = (cmd->flags & COMMAND_DURABLE) && !exclusive; /* exclusive ones live as transient */
    if (refuse_inequivalent(ch, cmd, q, "durable", durable, q->durable) ||
        refuse_inequivalent(ch, cmd, q, "auto_delete", cmd->flags & COMMAND_AUTO_DELETE, q->auto_delete))
        return false;
    refusal_t *why = queue_arguments_compare(cmd, q);
    if (why)
        channel_refuse_with(ch, why);
    return why == NULL;
}

/* Quorum queues are durable, shared and named. */
static bool quorum_allowed(channel_t *ch, const command_t *cmd)
{
    const char *property = cmd->flags & COMMAND_AUTO_DELETE  ? "auto-delete"
                           : cmd->flags & COMMAND_EXCLUSIVE  ? "exclusive-owner"
                           : !(cmd->flags & COMMAND_DURABLE) ? "non-durable"
                                                             : NULL;
    if (cmd->flags & COMMAND_SERVER_NAMED)
        channel_refuse(ch, cmd->cause, REFUSAL_PRECONDITION_FAILED,
                       "Cannot declare a server-named queue for type rabbit_quorum_queue");
    else if (property)
        channel_refuse(ch, cmd->cause, REFUSAL_PRECONDITION_FAILED, "invalid property '%s' for " QUEUE_FORMAT,
                       property, NAMED_ARG(cmd->request->name, ch->connection->vhost));
    else
        return true;
    return false;
}

static queue_t *create(channel_t *ch, const command_t *cmd)
{
    connection_t *c = ch->connection;
    queue_type_t type;
    refusal_t *why = queue_arguments_check(cmd, c->vhost, &type);
    if (why) {
        channel_refuse_with(ch, why);
        return NULL;
    }
    if (type == QUEUE_QUORUM && !quorum_allowed(ch, cmd))
        return NULL;
    bool exclusive = cmd->flags & COMMAND_EXCLUSIVE;
    bool durable = (cmd->flags & COMMAND_DURABLE) && !exclusive;
    record_t r = {
        .type = RECORD_QUEUE,
        .kind = (uint8_t)type,
        .flags = cmd->flags & COMMAND_AUTO_DELETE ? RECORD_AUTO_DELETE : 0,
        .position = 1,
        .mark = 1,
        .name = cmd->request->name,
        .arguments = cmd->request->arguments,
    };
    queue_t *q = queue_create(c->vhost, &r, durable);
    q->exclusive = exclusive;
    if (q->exclusive) {
        q->owner = c;
        list_append(&c->exclusive_queues, &q->owned);
    }
    return q;
}

static void declare_passive(channel_t *ch, command_t *cmd)
{
    queue_t *q = queue_find(ch->connection->vhost, cmd->request->name);
    if (q == NULL)
        refuse_missing(ch, cmd, cmd->request->name);
    else if (queue_may_use(ch, cmd, q))
        declared(ch, cmd, q);
}

void on_queue_declare(channel_t *ch, command_t *cmd)
{
    bytes_t name = cmd->request->name;
    if (cmd->flags & COMMAND_PASSIVE) {
        declare_passive(ch, cmd);
        return;
    }
    if (!(cmd->flags & COMMAND_SERVER_NAMED) && bytes_starts_with(name, BYTES("amq."))) {
        channel_refuse(ch, cmd->cause, REFUSAL_ACCESS_REFUSED,
                       "queue name '%.*s' contains reserved prefix 'amq.*'", TEXT_ARG(name));
        return;
    }
    queue_t *q = queue_find(ch->connection->vhost, name);
    if (q == NULL)
        q = create(ch, cmd);
    else if (!queue_equivalent(ch, cmd, q))
        return;
    if (q)
        declared(ch, cmd, q);
}

/* ---- bind, unbind ---- */

/* Both ends; false if it was answered already. With both missing RabbitMQ names the exchange. */
static bool both_ends(channel_t *ch, const command_t *cmd, bytes_t queue_name, exchange_t **x, queue_t **q)
{
    vhost_t *v = ch->connection->vhost;
    bytes_t exchange_name = cmd->request->source;
    if (exchange_name.len == 0) {
        channel_refuse(ch, cmd->cause, REFUSAL_ACCESS_REFUSED,
                       "operation not permitted on the default exchange");
        return false;
    }
    *x = exchange_find(v, exchange_name);
    *q = queue_find(v, queue_name);
    if (*x && *q)
        return queue_may_use(ch, cmd, *q);
    if (cmd->type == COMMAND_QUEUE_UNBIND)
        reply_ok_after(ch, cmd, v->engine->definitions); /* unbinding what is not there succeeds */
    else if (*x == NULL)
        channel_refuse(ch, cmd->cause, REFUSAL_NOT_FOUND, "no " EXCHANGE_FORMAT, NAMED_ARG(exchange_name, v));
    else
        refuse_missing(ch, cmd, queue_name);
    return false;
}

/* With neither queue nor key named the key is the last queue's name too. */
static bytes_t resolve_key(const command_t *cmd, bytes_t queue_name)
{
    const request_t *r = cmd->request;
    return r->name.len == 0 && r->routing_key.len == 0 ? queue_name : r->routing_key;
}

void on_queue_bind(channel_t *ch, command_t *cmd)
{
    bytes_t name;
    exchange_t *x;
    queue_t *q;
    if (!resolve_name(ch, cmd, &name) || !both_ends(ch, cmd, name, &x, &q) ||
        !binding_arguments_allowed(ch, cmd, x))
        return;
    binding_declare(x, q, NULL, resolve_key(cmd, name), cmd->request->arguments);
    reply_ok_after(ch, cmd, x->durable && q->durable ? ch->connection->engine->definitions : 0);
}

void on_queue_unbind(channel_t *ch, command_t *cmd)
{
    bytes_t name;
    exchange_t *x;
    queue_t *q;
    if (!resolve_name(ch, cmd, &name) || !both_ends(ch, cmd, name, &x, &q))
        return;
    binding_t *b = binding_find(x, q, NULL, resolve_key(cmd, name), cmd->request->arguments);
    if (b)
        binding_undeclare(b);
    reply_ok_after(ch, cmd, ch->connection->engine->definitions);
}

/* ---- purge, delete ---- */

static event_t counted(const command_t *cmd, uint64_t messages)
{
    return (event_t){.type = EVENT_QUEUE_COUNTED, .cause = cmd->cause, .message_count = (uint32_t)messages};
}

void on_queue_purge(channel_t *ch, command_t *cmd)
{
    queue_t *q = queue_of_request(ch, cmd);
    if (q == NULL)
        return;
    if (q->purge) {
        channel_wait_in(ch, &q->getters, cmd);
        return;
    }
    event_t ok = counted(cmd, q->fifo.ready);
    queue_purge(q, ch, cmd->flags & COMMAND_NOWAIT ? NULL : &ok);
}

static bool may_delete(channel_t *ch, const command_t *cmd, const queue_t *q)
{
    if (q->type == QUEUE_QUORUM && (cmd->flags & (COMMAND_IF_UNUSED | COMMAND_IF_EMPTY)))
        channel_refuse(ch, cmd->cause, REFUSAL_NOT_IMPLEMENTED,
                       "cannot delete " QUEUE_FORMAT
                       ". queue.delete operations with %s flag set are not supported by quorum queues",
                       NAMED_ARG(q->name, q->vhost),
                       cmd->flags & COMMAND_IF_UNUSED ? "if-unused" : "if-empty");
    else if ((cmd->flags & COMMAND_IF_UNUSED) && q->consumer_count > 0)
        channel_refuse(ch, cmd->cause, REFUSAL_PRECONDITION_FAILED, QUEUE_FORMAT " in use",
                       NAMED_ARG(q->name, q->vhost));
    else if ((cmd->flags & COMMAND_IF_EMPTY) && q->fifo.ready > 0)
        channel_refuse(ch, cmd->cause, REFUSAL_PRECONDITION_FAILED, QUEUE_FORMAT " not empty",
                       NAMED_ARG(q->name, q->vhost));
    else
        return true;
    return false;
}

void on_queue_delete(channel_t *ch, command_t *cmd)
{
    bytes_t name;
    if (!resolve_name(ch, cmd, &name))
        return;
    queue_t *q = queue_find(ch->connection->vhost, name);
    if (q && (!queue_may_use(ch, cmd, q) || !may_delete(ch, cmd, q)))
        return;
    event_t ok = counted(cmd, q ? q->fifo.ready : 0);
    const event_t *reply = cmd->flags & COMMAND_NOWAIT ? NULL : &ok;
    if (q)
        queue_remove(q, ch, reply);
    else if (reply) /* deleting what is not there succeeds */
        reply_after(ch, &ok, ch->connection->engine->definitions);
}
