/* SPDX-License-Identifier: Apache-2.0
 *
 * parts.c: large persistent bodies, which are never whole in memory.
 *
 * On the way in each part goes to the log as it comes; the channel remembers their records, and the publish at the end
 * takes them over. On the way out the event bears the message without them; then a stream reads one part after the
 * other back and emits it, as fast as the peer reads. Meanwhile the channel is parked, and events for it are held back: AMQP
 * lets nothing come between a message's frames on its channel. */
#include "engine/engine_internal.h"

/* ---- in ---- */

void on_part(channel_t *ch, command_t *cmd)
{
    engine_t *e = ch->connection->engine;
    message_t *m = cmd->message;
    cmd->message = NULL;
    message_adopt(e, m);
    record_no record = records_add(e, &(record_t){.type = RECORD_PART}, m);
    assert(record > 0); /* the assembly asks for parts only where there is a log */
    record_refer(e, record, 1);
    ch->incoming =
        mem_grow(ch->incoming, sizeof *ch->incoming, ch->incoming_count, &ch->incoming_capacity, 8);
    ch->incoming[ch->incoming_count++] = (message_part_t){record, m->body_len};
    message_unref(e, m);
}

static void forget_incoming(channel_t *ch)
{
    ch->incoming = NULL;
    ch->incoming_count = 0;
    ch->incoming_capacity = 0;
}

void incoming_drop(channel_t *ch)
{
    for (uint32_t i = 0; i < ch->incoming_count; i++)
        record_release(ch->connection->engine, ch->incoming[i].record);
    mem_free(ch->incoming);
    forget_incoming(ch);
}

void incoming_join(channel_t *ch, message_t *m)
{
    if (ch->incoming_count == 0)
        return;
    message_set_parts(m, ch->incoming, ch->incoming_count);
    forget_incoming(ch);
}

/* ---- out ---- */

struct stream {
    reader_t reading;
    wait_t durable;
    list_t stalled;     /* connection.streams */
    channel_t *channel; /* NULL: nobody wants it any more; freed when what was asked for is back */
    message_t *message; /* one reference */
    uint32_t next;      /* part */
    event_t *held;
    size_t held_count, held_capacity;
};

static void stream_free(engine_t *e, stream_t *s)
{
    message_unref(e, s->message);
    mem_free(s);
}

static void discard_held(engine_t *e, stream_t *s)
{
    for (size_t i = 0; i < s->held_count; i++) {
        if (event_has_message(s->held[i].type))
            message_unref(e, (message_t *)s->held[i].message);
        event_discard(&s->held[i]);
    }
    mem_free(s->held);
    s->held = NULL;
    s->held_count = 0;
}

void stream_drop(channel_t *ch)
{
    engine_t *e = ch->connection->engine;
    stream_t *s = ch->stream;
    if (s == NULL)
        return;
    ch->stream = NULL;
    s->channel = NULL;
    discard_held(e, s);
    wait_cancel(e, &s->durable);
    list_remove(&s->stalled);
    if (!list_linked(&s->reading.link))
        stream_free(e, s);
}

bool stream_holds(channel_t *ch, const event_t *ev)
{
    stream_t *s = ch->stream;
    if (s == NULL || ev->type == EVENT_CONTENT)
        return false;
    s->held = mem_grow(s->held, sizeof *s->held, s->held_count, &s->held_capacity, 4);
    s->held[s->held_count++] = *ev;
    return true;
}

/* The last octets; then whatever was held back, and the channel goes on. */
static void finish(stream_t *s)
{
    channel_t *ch = s->channel;
    engine_t *e = ch->connection->engine;
    message_ref(s->message); /* the loan's */
    emit_channel(ch, &(event_t){.type = EVENT_CONTENT, .message = s->message});
    ch->stream = NULL;
    for (size_t i = 0; i < s->held_count; i++)
        emit_channel(ch, &s->held[i]);
    mem_free(s->held);
    stream_free(e, s);
    ch->awaited = NULL;
    channel_resume(ch);
}

static void go_on(stream_t *s);

/* The header has announced what cannot be sent: there is no way to tell the client but to end the connection. */
static void give_up(stream_t *s, const read_item_t *item)
{
    connection_t *c = s->channel->connection;
    large_note_damaged(c->engine, s->message);
    refusal_t *why = refusal_new(
        REFUSAL_INTERNAL_ERROR, 0,
        "a part of a message's body (record %llu of the log) %s; the message is left out",
        (unsigned long long)item->record, item->outcome == READ_DAMAGED ? "is damaged" : "cannot be read");
    log_line(c->engine->options.log, LOG_ERROR, "connection %.*s: closed: %s", TEXT_ARG(c->opening->name),
             why->text);
    connection_close(c, why, true);
}

static void part_is_back(engine_t *e, reader_t *r, read_request_t *request)
{
    stream_t *s = LIST_OF(r, stream_t, reading);
    if (request == NULL || s->channel == NULL) {
        if (s->channel == NULL)
            stream_free(e, s);
        return;
    }
    message_t *part = request->items[0].message;
    if (part == NULL) {
        give_up(s, &request->items[0]);
        return;
    }
    request->items[0].message = NULL;
    message_adopt_read(e, part, request->items[0].record);
    s->next++;
    emit_channel(s->channel, &(event_t){.type = EVENT_CONTENT, .message = part});
    go_on(s);
}

static void part_is_durable(engine_t *e, wait_t *w)
{
    (void)e;
    go_on(LIST_OF(w, stream_t, durable));
}

static void ask_for_part(stream_t *s)
{
    engine_t *e = s->channel->connection->engine;
    record_no record = s->message->parts[s->next].record;
    if (record > e->durable) {
        wait_for(e, &s->durable, record, part_is_durable);
        return;
    }
    read_request_t *request = mem_zero(sizeof *request + sizeof(read_item_t));
    request->count = 1;
    request->items[0].record = record;
    records_read(e, &s->reading, request, part_is_back);
}

static void go_on(stream_t *s)
{
    connection_t *c = s->channel->connection;
    if (c->state != CONNECTION_OPEN)
        return; /* its end drops the stream */
    if (s->next == s->message->part_count)
        finish(s);
    else if (c->output_bytes >= c->engine->options.output_bytes)
        list_append(&c->streams, &s->stalled);
    else
        ask_for_part(s);
}

void streams_wake(connection_t *c)
{
    list_t round; /* one that has to wait again joins the connection's list, not this one */
    list_init(&round);
    list_splice(&round, &c->streams);
    for (list_t *node; (node = list_first(&round));) {
        list_remove(node);
        go_on(LIST_OF(node, stream_t, stalled));
    }
}

void stream_start(channel_t *ch, message_t *m)
{
    if (m->part_count == 0)
        return;
    assert(ch->stream == NULL && ch->awaited == NULL);
    stream_t *s = MEM_NEW(stream_t);
    list_init(&s->reading.link);
    list_init(&s->stalled);
    s->channel = ch;
    s->message = m;
    message_ref(m);
    ch->stream = s;
    ch->awaited = &ch->pause;
    go_on(s);
}
