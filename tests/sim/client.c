/* SPDX-License-Identifier: Apache-2.0
 *
 * client.c: what clients say to the engine, as commands, and to the model, as what was asked for. */
#include "base/alloc.h"
#include "sim/report.h"
#include "sim/world.h"

static channel_t *channel_of(client_t *c, unsigned number)
{
    return &c->channels[number];
}

/* ---- commands ---- */

uint32_t client_push(client_t *c, unsigned number, command_t cmd)
{
    cmd.channel = (uint16_t)number;
    uint32_t cause = cmd.cause = ++c->world->causes;
    if (c->wire.is_used)
        wire_say(c, &cmd);
    else
        port_push(c->port, &c->port_client, &cmd);
    return cause;
}

/* Notes what is asked for; the command follows it with the next cause. */
op_t *client_note(client_t *c, unsigned number, op_kind_t kind)
{
    op_t *op = ops_push(&channel_of(c, number)->ops);
    *op = (op_t){.kind = (uint8_t)kind, .cause = c->world->causes + 1};
    return op;
}

/* Of a request that is refused if the object is not there. */
op_t *client_note_use(client_t *c, unsigned number, op_kind_t kind, unsigned object)
{
    const definition_t *d = &c->world->model->objects[object];
    op_t *op = client_note(c, number, kind);
    op->object = (uint8_t)object;
    op->was_there = d->now == YES;
    op->removals = d->removals;
    return op;
}

void client_push_request(client_t *c, unsigned number, uint8_t type, unsigned flags, request_t view)
{
    client_push(c, number,
                (command_t){.type = type, .flags = (uint16_t)flags, .request = request_new(&view)});
}

void client_say(client_t *c, unsigned number, const char *what, const char *which)
{
    report_line("%u.%u #%u (at %llu) %s %s", c->index, number, c->world->causes + 1,
                (unsigned long long)c->world->last, what, which);
}

/* ---- connections ---- */

static void enter_by_commands(client_t *c)
{
    opening_t view = {
        .name = BYTES("sim"), .vhost = BYTES("/"), .user = BYTES("guest"), .wants_cancel_notify = true};
    c->port_client.on_event = client_on_event;
    port_register(c->port, &c->port_client);
    client_push(c, 0, (command_t){.type = COMMAND_CONNECTION_OPEN, .opening = opening_new(&view)});
}

void client_enter(world_t *w, unsigned index)
{
    client_t *c = &w->clients[index];
    for (unsigned n = 1; n <= CHANNELS; n++) {
        c->channels[n].index = (uint8_t)(index * CHANNELS + n - 1);
        channel_reset(&c->channels[n]);
    }
    c->world = w;
    c->port = &w->ports[index % PORTS];
    c->index = (uint8_t)index;
    c->stage = STAGE_OPEN;
    c->paused = false;
    c->consumer_count = 0;
    c->lent = c->returned = 0;
    for (unsigned q = 0; q < QUEUES; q++)
        c->took[q] = (took_t){.settled_since = NEVER};
    client_say(c, 0, "enters", "");
    c->wire.is_used = false;
    if (dice(w, 2))
        wire_enter(c);
    else
        enter_by_commands(c);
}

void client_leave(client_t *c, bool gone)
{
    client_say(c, 0, gone ? "is gone" : "leaves", "");
    c->stage = STAGE_ENDING;
    for (unsigned n = 1; n <= CHANNELS; n++)
        channel_lets_go(c, channel_of(c, n));
    if (c->wire.is_used && gone)
        wire_cut(c);
    else
        client_push(c, 0, (command_t){.type = COMMAND_CONNECTION_CLOSE, .flags = gone ? COMMAND_GONE : 0});
}

void client_return_loans(client_t *c)
{
    if (c->port_client.number == 0 || c->returned == c->lent)
        return;
    c->returned = c->lent;
    client_push(c, 0, (command_t){.type = COMMAND_SENT, .number = c->returned});
}

/* ---- channels ---- */

void channel_open(client_t *c, unsigned number)
{
    client_say(c, number, "opens the channel", "");
    channel_reset(channel_of(c, number));
    channel_of(c, number)->stage = STAGE_OPEN;
    client_push(c, number, (command_t){.type = COMMAND_CHANNEL_OPEN});
}

void channel_release(client_t *c, unsigned number)
{
    channel_of(c, number)->stage = STAGE_NONE;
    client_push(c, number, (command_t){.type = COMMAND_CHANNEL_RELEASE});
}

void ask_close(client_t *c, unsigned number)
{
    channel_t *ch = channel_of(c, number);
    client_say(c, number, "closes the channel", "");
    ch->stage = STAGE_ENDING;
    channel_lets_go(c, ch);
    client_note(c, number, OP_CLOSE);
    client_push(c, number, (command_t){.type = COMMAND_CHANNEL_CLOSE});
}

void ask_echo(client_t *c, unsigned number)
{
    client_say(c, number, "echo", "");
    client_note(c, number, OP_OTHER);
    client_push(c, number, (command_t){.type = COMMAND_ECHO});
}

/* ---- definitions ---- */

static void push_object(client_t *c, unsigned number, unsigned object, bool create, unsigned flags)
{
    const object_spec_t *spec = &object_specs[object];
    buffer_t arguments = {0};
    object_arguments(object, &arguments);
    if (create)
        flags |= (spec->durable ? COMMAND_DURABLE : 0u) | (spec->auto_delete ? COMMAND_AUTO_DELETE : 0u) |
                 (spec->internal ? COMMAND_INTERNAL : 0u);
    static const uint8_t types[2][2] = {{COMMAND_EXCHANGE_DELETE, COMMAND_QUEUE_DELETE},
                                        {COMMAND_EXCHANGE_DECLARE, COMMAND_QUEUE_DECLARE}};
    client_push_request(c, number, types[create][object_is_queue(object)], flags,
                        (request_t){.name = object_name(object),
                                    .kind = bytes_string(exchange_kind_name(spec->kind)),
                                    .arguments = buffer_bytes(&arguments)});
    buffer_free(&arguments);
}

void ask_object(client_t *c, unsigned number, unsigned object, bool create, bool nowait)
{
    client_say(c, number, create ? "declares" : "deletes", object_specs[object].name);
    op_t *op = client_note(c, number, OP_OBJECT);
    op->object = (uint8_t)object;
    op->creates = create;
    op->nowait = nowait;
    model_object_asked(c->world->model, object, create, c->world->last);
    push_object(c, number, object, create, nowait ? COMMAND_NOWAIT : 0);
}

void ask_look(client_t *c, unsigned number, unsigned object)
{
    client_say(c, number, "looks for", object_specs[object].name);
    client_note_use(c, number, OP_LOOK, object);
    push_object(c, number, object, true, COMMAND_PASSIVE);
}

void ask_binding(client_t *c, unsigned number, unsigned x, unsigned to, unsigned key, bool create,
                 bool nowait)
{
    buffer_t arguments = {0};
    bool queue = object_is_queue(to);
    nowait &= create || !queue || !c->wire.is_used; /* AMQP has no such unbind of queues */
    binding_arguments(x, key, &arguments);
    report_line("%u.%u #%u (at %llu) %s %s to %s by key %u%s", c->index, number, c->world->causes + 1,
                (unsigned long long)c->world->last, create ? "binds" : "unbinds",
                object_specs[exchange_object(x)].name, object_specs[to].name, key, nowait ? ", no wait" : "");
    op_t *op = client_note(c, number, OP_BINDING);
    op->exchange = (uint8_t)x;
    op->object = (uint8_t)to;
    op->key = (uint8_t)key;
    op->creates = create;
    op->nowait = nowait;
    model_binding_asked(c->world->model, x, to, key, create, c->world->last);
    static const uint8_t types[2][2] = {{COMMAND_EXCHANGE_UNBIND, COMMAND_QUEUE_UNBIND},
                                        {COMMAND_EXCHANGE_BIND, COMMAND_QUEUE_BIND}};
    client_push_request(c, number, types[create][queue], nowait ? COMMAND_NOWAIT : 0,
                        (request_t){.name = object_name(to),
                                    .source = object_name(exchange_object(x)),
                                    .routing_key = binding_key(key),
                                    .arguments = buffer_bytes(&arguments)});
    buffer_free(&arguments);
}

void ask_purge(client_t *c, unsigned number, unsigned queue)
{
    client_say(c, number, "purges", object_specs[queue].name);
    client_note_use(c, number, OP_PURGE, queue);
    model_purge_asked(c->world->model, queue, c->world->causes + 1, c->world->last);
    client_push_request(c, number, COMMAND_QUEUE_PURGE, 0, (request_t){.name = object_name(queue)});
}

/* ---- publishing ---- */

void ask_confirms(client_t *c, unsigned number)
{
    channel_of(c, number)->confirms = true;
    client_say(c, number, "wants confirms", "");
    client_note(c, number, OP_OTHER);
    client_push(c, number, (command_t){.type = COMMAND_CONFIRM_SELECT});
}

static uint32_t push_parts(client_t *c, unsigned number, const content_spec_t *s, uint32_t parts)
{
    uint32_t each = s->body_bytes / (parts + 1);
    for (uint32_t i = 0; i < parts; i++)
        client_push(c, number, (command_t){.type = COMMAND_PART, .message = content_part(s, i * each, each)});
    return parts * each;
}

static void note_publish(client_t *c, unsigned number, uint32_t id)
{
    channel_t *ch = channel_of(c, number);
    op_t *op = client_note(c, number, OP_PUBLISH);
    op->message = id;
    if (ch->confirms) {
        *ops_push(&ch->unconfirmed) = *op;
        ch->published++;
    }
    c->world->messages++;
}

void ask_publish(client_t *c, unsigned number, const content_spec_t *spec, bool mandatory, uint32_t parts)
{
    channel_t *ch = channel_of(c, number);
    world_t *w = c->world;
    content_spec_t s = *spec;
    publisher_number(c, number, &s, mandatory);
    s.id = model_publish(w->model, &s, ch->index, mandatory, w->last);
    if (ch->is_tx)
        model_message(w->model, s.id)->tx = channel_tx(c, ch);
    if (c->wire.is_used)
        parts = 0; /* the session makes them */
    uint32_t from = push_parts(c, number, &s, parts);
    report_line("%u.%u #%u (at %llu) publishes %u%s%s to '%s' key '%.*s' headers %u, %u octets, %u parts",
                c->index, number, w->causes + 1, (unsigned long long)w->last, s.id,
                s.persistent ? " persistent" : "", mandatory ? " mandatory" : "",
                object_specs[exchange_object(s.exchange)].name, (int)message_key(s.key).len,
                (const char *)message_key(s.key).data, s.headers, s.body_bytes, parts);
    if (s.publisher)
        publisher_published(c, number, s.id);
    note_publish(c, number, s.id);
    client_push(c, number,
                (command_t){.type = COMMAND_PUBLISH,
                            .flags = mandatory ? COMMAND_MANDATORY : 0,
                            .message = content_message(&s, from, s.body_bytes - from)});
}

void ask_publish_again(client_t *c, unsigned number, uint32_t id)
{
    world_t *w = c->world;
    const content_spec_t *s = &model_message(w->model, id)->spec;
    report_line("%u.%u #%u (at %llu) publishes %u again", c->index, number, w->causes + 1,
                (unsigned long long)w->last, id);
    model_publish_again(w->model, id, w->last);
    note_publish(c, number, id);
    client_push(c, number,
                (command_t){.type = COMMAND_PUBLISH, .message = content_message(s, 0, s->body_bytes)});
}

/* Of a message that never comes, as its channel or its connection ends. */
void ask_parts_only(client_t *c, unsigned number)
{
    content_spec_t s = {.id = UINT32_MAX, .body_bytes = 3000};
    client_say(c, number, "begins a message", "");
    if (!c->wire.is_used) {
        (void)push_parts(c, number, &s, 2);
        ask_close(c, number);
        return;
    }
    wire_say_half(c, number, &s);
    client_leave(c, true);
}
