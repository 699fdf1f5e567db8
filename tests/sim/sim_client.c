/* SPDX-License-Identifier: Apache-2.0
 *
 * sim_client.c: a client as the engine sees it, and what the model hears from it. */
#include <string.h>

#include "base/text.h"
#include "sim/sim_world.h"

/* ---- names and bodies ---- */

bytes_t sim_queue_name(uint32_t queue)
{
    static const char *const names[] = {"q0", "q1", "q2", "q3", "q4", "q5"};
    return bytes_string(names[queue]);
}

bytes_t sim_exchange_name(uint32_t exchange)
{
    static const char *const names[] = {"x0", "x1", "x2", "x3", ""};
    return bytes_string(names[exchange]);
}

uint8_t sim_body_octet(uint32_t message, uint64_t at)
{
    if (at < 4)
        return (uint8_t)(message >> (8 * at));
    return (uint8_t)(message * 31 + at * 7 + at / 251);
}

/* ---- pushing ---- */

void sim_push(sim_channel_t *ch, command_t cmd)
{
    sim_client_t *c = ch->client;
    cmd.channel = ch->number;
    cmd.cause = ++c->world->causes;
    c->world->moved = true;
    port_push(c->port, &c->port_client, &cmd);
}

void sim_push_request(sim_channel_t *ch, uint8_t type, uint16_t flags, uint32_t count, request_t view)
{
    sim_push(ch, (command_t){.type = type, .flags = flags, .count = count, .request = request_new(&view)});
}

void sim_client_return_loans(sim_client_t *c)
{
    if (c->returned == c->lent || c->port_client.number == 0)
        return;
    c->returned = c->lent;
    sim_push(&c->channels[0], (command_t){.type = COMMAND_SENT, .number = c->returned});
}

/* ---- what it is told ---- */

void sim_note_settled(sim_channel_t *ch, uint32_t message, uint32_t queue)
{
    if (ch->settled_count == ch->settled_capacity) {
        ch->settled_capacity = ch->settled_capacity ? ch->settled_capacity * 2 : 32;
        ch->settled = mem_resize(ch->settled, ch->settled_capacity * sizeof *ch->settled);
    }
    ch->settled[ch->settled_count++] = (sim_settled_t){message, queue};
    ch->client->world->model.messages[message].copies[queue].may_be_gone = true;
}

static void note_out(sim_channel_t *ch, uint64_t tag, uint32_t message, uint32_t queue)
{
    if (ch->out_count == ch->out_capacity) {
        ch->out_capacity = ch->out_capacity ? ch->out_capacity * 2 : 32;
        ch->out = mem_resize(ch->out, ch->out_capacity * sizeof *ch->out);
    }
    ch->out[ch->out_count++] = (sim_delivery_t){tag, message, queue};
}

static uint32_t message_number(sim_world_t *w, const message_t *m)
{
    /* Of a message with parts the beginning of the body is not here: its properties tell. */
    bytes_t p = message_properties(m), id;
    if (!properties_valid(p) || !properties_get(p, PROPERTY_MESSAGE_ID, &id) || id.len != 4)
        sim_fail(w, "a message came whose properties are not what was published");
    uint32_t number = (uint32_t)id.data[0] | (uint32_t)id.data[1] << 8 | (uint32_t)id.data[2] << 16 |
                      (uint32_t)id.data[3] << 24;
    if (number >= w->model.count)
        sim_fail(w, "message %u came, which nobody has published", number);
    return number;
}

static void check_octets(sim_world_t *w, uint32_t message, uint64_t at, bytes_t octets)
{
    for (size_t i = 0; i < octets.len; i++)
        if (octets.data[i] != sim_body_octet(message, at + i))
            sim_fail(w, "message %u: octet %llu of its body is not what was published", message,
                     (unsigned long long)(at + i));
}

static uint32_t check_content(sim_channel_t *ch, const message_t *m)
{
    sim_world_t *w = ch->client->world;
    uint32_t number = message_number(w, m);
    const sim_message_t *message = &w->model.messages[number];
    if (message_body_bytes(m) != message->body_bytes || m->persistent != message->persistent)
        sim_fail(w, "message %u: its body or mode is not what was published", number);
    if (ch->content_left > 0)
        sim_fail(w, "message %u came in the middle of message %u", number, ch->content_message);
    if (m->part_count == 0) {
        check_octets(w, number, 0, message_body(m));
    } else {
        ch->content_left = message_body_bytes(m);
        ch->content_at = 0;
        ch->content_message = number;
    }
    return number;
}

static void on_content(sim_channel_t *ch, const message_t *m)
{
    bytes_t octets = message_body(m);
    if (octets.len > ch->content_left)
        sim_fail(ch->client->world, "more content than announced");
    check_octets(ch->client->world, ch->content_message, ch->content_at, octets);
    ch->content_at += octets.len;
    ch->content_left -= octets.len;
}

static void note_found(sim_world_t *w, uint32_t message, uint32_t queue, bool redelivered)
{
    if (w->found_count == w->found_capacity) {
        w->found_capacity = w->found_capacity ? w->found_capacity * 2 : 64;
        w->found = mem_resize(w->found, w->found_capacity * sizeof *w->found);
        w->found_queue = mem_resize(w->found_queue, w->found_capacity * sizeof *w->found_queue);
        w->found_redelivered =
            mem_resize(w->found_redelivered, w->found_capacity * sizeof *w->found_redelivered);
    }
    w->found[w->found_count] = message;
    w->found_queue[w->found_count] = queue;
    w->found_redelivered[w->found_count++] = redelivered;
}

static void on_message(sim_channel_t *ch, const event_t *e, uint32_t queue, bool no_ack)
{
    sim_world_t *w = ch->client->world;
    uint32_t number = check_content(ch, e->message);
    sim_copy_t *copy = &w->model.messages[number].copies[queue];
    bool redelivered = e->flags & EVENT_REDELIVERED;
    if (ch->client->index == SIM_CHECKER) {
        note_found(w, number, queue, redelivered);
    } else {
        if (copy->life == 0 || copy->life != w->model.now.queues[queue].life)
            sim_fail(w, "message %u came from queue %u, where it is not", number, queue);
        if (copy->is_gone)
            sim_fail(w, "message %u came from queue %u, though it was done with", number, queue);
        if (copy->was_delivered && !redelivered)
            sim_fail(w, "message %u came from queue %u again, not marked redelivered", number, queue);
        copy->was_delivered = true;
    }
    sim_say(w, "  %u.%u has message %u of q%u, tag %llu%s", ch->client->index, ch->number, number, queue,
            (unsigned long long)e->delivery_tag, no_ack ? ", no ack" : "");
    if (no_ack)
        sim_note_settled(ch, number, queue);
    else
        note_out(ch, e->delivery_tag, number, queue);
}

static void on_confirm(sim_channel_t *ch, const event_t *e)
{
    sim_world_t *w = ch->client->world;
    if (e->delivery_tag > ch->publish_count || (e->flags & EVENT_NEGATIVE))
        sim_fail(w, "a confirm of what was not published, or a nack");
    for (; ch->confirmed < e->delivery_tag; ch->confirmed++) {
        const sim_publish_t *p = &ch->publishes[ch->confirmed];
        sim_model_confirm(&w->model, p->message);
        for (; p->is_durable && ch->settled_certain < p->settled; ch->settled_certain++) {
            const sim_settled_t *s = &ch->settled[ch->settled_certain];
            w->model.messages[s->message].copies[s->queue].is_gone = true;
        }
    }
}

static void on_answer(sim_channel_t *ch)
{
    sim_world_t *w = ch->client->world;
    if (ch->waiting == 0)
        sim_fail(w, "an answer that nobody waits for");
    ch->waiting--;
    if (ch->client->index == SIM_CHECKER)
        return;
    sim_model_answered(&w->model);
    if (!sim_op_waits(w))
        w->model.pending.type = SIM_NOTHING;
}

static sim_consumer_t *consumer_of(sim_client_t *c, uint32_t number)
{
    for (size_t i = 0; i < c->consumer_count; i++)
        if (c->consumers[i].number == number)
            return &c->consumers[i];
    sim_fail(c->world, "a consumer that there is not");
}

static void on_got(sim_channel_t *ch, const event_t *e)
{
    if (ch->get_count == 0)
        sim_fail(ch->client->world, "an answer to a get that was not asked");
    uint32_t queue = ch->gets[0];
    bool no_ack = ch->gets_no_ack[0];
    ch->get_count--;
    memmove(ch->gets, ch->gets + 1, ch->get_count * sizeof ch->gets[0]);
    memmove(ch->gets_no_ack, ch->gets_no_ack + 1, ch->get_count * sizeof ch->gets_no_ack[0]);
    if (e->type == EVENT_GET_OK)
        on_message(ch, e, queue, no_ack);
}

static void on_channel_event(sim_channel_t *ch, event_t *e)
{
    switch (e->type) {
    case EVENT_DELIVER: {
        const sim_consumer_t *consumer = consumer_of(ch->client, e->consumer);
        if (consumer->is_gone)
            sim_fail(ch->client->world, "a delivery to a consumer that is gone");
        on_message(ch, e, consumer->queue, consumer->no_ack);
        break;
    }
    case EVENT_GET_OK:
    case EVENT_GET_EMPTY:
        on_got(ch, e);
        break;
    case EVENT_RETURN:
        (void)check_content(ch, e->message);
        break;
    case EVENT_CONTENT:
        on_content(ch, e->message);
        break;
    case EVENT_CONFIRM:
        on_confirm(ch, e);
        break;
    case EVENT_CONSUMER_GONE:
    case EVENT_CONSUMER_CANCELLED:
        consumer_of(ch->client, e->consumer)->is_gone = true;
        break;
    case EVENT_OK:
    case EVENT_QUEUE_DECLARED:
    case EVENT_QUEUE_COUNTED:
        if (ch->number == SIM_CHANNELS)
            on_answer(ch);
        break;
    case EVENT_CHANNEL_REFUSED:
        if (ch->client->index != SIM_CHECKER)
            sim_fail(ch->client->world, "refused: %u %s", e->refusal->code, e->refusal->text);
        ch->is_gone = true;
        break;
    default:
        break;
    }
}

static void on_event(port_client_t *port_client, event_t *e)
{
    sim_client_t *c = (sim_client_t *)(void *)port_client;
    c->world->moved = true;
    if (event_has_message(e->type))
        c->lent++;
    if (e->type == EVENT_CONNECTION_CLOSED) {
        if (e->refusal && e->refusal->code != REFUSAL_CONNECTION_FORCED)
            sim_fail(c->world, "connection closed: %u %s", e->refusal->code, e->refusal->text);
        c->is_closed = true;
    } else if (e->type == EVENT_CONNECTION_OPENED) {
        c->is_open = true;
    } else if (e->channel > 0) {
        on_channel_event(&c->channels[e->channel], e);
    }
    event_discard(e);
    if (c->is_closed)
        port_unregister(c->port, &c->port_client);
}

/* ---- life ---- */

sim_client_t *sim_client_new(sim_world_t *w, uint32_t index)
{
    sim_client_t *c = &w->clients[index];
    memset(c, 0, sizeof *c);
    c->port_client.on_event = on_event;
    c->world = w;
    c->index = index;
    c->port = &w->ports[index % SIM_PORTS];
    port_register(c->port, &c->port_client);
    for (uint16_t i = 0; i <= SIM_CHANNELS; i++)
        c->channels[i] = (sim_channel_t){.client = c, .number = i};
    opening_t view = {
        .name = BYTES("sim"), .vhost = BYTES("/"), .user = BYTES("guest"), .wants_cancel_notify = true};
    sim_push(&c->channels[0], (command_t){.type = COMMAND_CONNECTION_OPEN, .opening = opening_new(&view)});
    for (uint16_t i = 1; i <= SIM_CHANNELS; i++)
        sim_push(&c->channels[i], (command_t){.type = COMMAND_CHANNEL_OPEN});
    return c;
}

void sim_client_deinit(sim_client_t *c)
{
    for (uint16_t i = 0; i <= SIM_CHANNELS; i++) {
        mem_free(c->channels[i].out);
        mem_free(c->channels[i].publishes);
        mem_free(c->channels[i].settled);
    }
    mem_free(c->consumers);
    memset(c, 0, sizeof *c);
}
