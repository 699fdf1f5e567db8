/* SPDX-License-Identifier: Apache-2.0
 *
 * loan.c: messages and the events that lend them. The one place where messages are counted and freed.
 *
 * Every event with a message is a loan of its connection, in order; the wire room gives loans back by number
 * when their octets have left, which is also how the engine knows how much a peer has not read yet. */
#include "engine/engine_internal.h"

void message_adopt(engine_t *e, message_t *m)
{
    m->references = 1;
    e->memory_bytes += message_bytes(m);
}

void message_ref(message_t *m)
{
    m->references++;
}

void message_unref(engine_t *e, message_t *m)
{
    assert(m->references > 0);
    if (--m->references > 0)
        return;
    e->memory_bytes -= message_bytes(m);
    for (uint32_t i = 0; i < m->part_count; i++)
        record_release(e, m->parts[i].record);
    message_free(m);
}

void message_adopt_read(engine_t *e, message_t *m, record_no record)
{
    message_adopt(e, m);
    m->record = record;
    parts_refer(e, m);
}

/* Of a message with parts: they are loans of their own. */
static uint64_t loan_bytes(const message_t *m)
{
    return m->body_len + m->properties_len + 64; /* frames and method around it */
}

static void loan_push(connection_t *c, message_t *m)
{
    c->loans = mem_grow_circle(c->loans, sizeof(message_t *), c->loans_length, &c->loans_capacity,
                               &c->loans_head, 8);
    c->loans[(c->loans_head + c->loans_length++) & (c->loans_capacity - 1)] = m;
    c->output_bytes += loan_bytes(m);
}

void emit(connection_t *c, event_t *ev)
{
    assert(c->state != CONNECTION_CLOSED);
    ev->connection = c->number;
    c->port->emitted++;
    if (event_has_message(ev->type))
        loan_push(c, (message_t *)ev->message);
    if (c->engine->freeing)
        event_discard(ev);
    else
        *(event_t *)lane_place(c->port->port->events) = *ev;
}

void emit_channel(channel_t *ch, event_t *ev)
{
    ev->channel = ch->number;
    if (!stream_holds(ch, ev))
        emit(ch->connection, ev);
}

void emit_ok(channel_t *ch, const command_t *cmd)
{
    event_t ok = {.type = EVENT_OK, .cause = cmd->cause};
    if (!(cmd->flags & COMMAND_NOWAIT))
        emit_channel(ch, &ok);
}

/* An idle connection holds no memory for loans. */
static void loans_shrink(connection_t *c)
{
    if (c->loans_length == 0 && c->loans_capacity > 64) {
        mem_free(c->loans);
        c->loans = NULL;
        c->loans_capacity = c->loans_head = 0;
    }
}

void loans_return(connection_t *c, uint64_t through)
{
    while (c->loans_returned < through && c->loans_length > 0) {
        message_t *m = c->loans[c->loans_head];
        c->loans_head = (c->loans_head + 1) & (c->loans_capacity - 1);
        c->loans_length--;
        c->loans_returned++;
        c->output_bytes -= loan_bytes(m);
        message_unref(c->engine, m);
    }
    loans_shrink(c);
    if (c->output_bytes >= c->engine->options.output_bytes)
        return;
    streams_wake(c);
    consumers_wake(c->engine, &c->stalled);
}
