/* SPDX-License-Identifier: Apache-2.0
 *
 * sim_acts.c: what clients do, by the dice. Channels 1 and 2 carry messages, channel 3 changes definitions. One change is
 * under way at a time, asked for by one client or by two at once; what was sent before it has been carried out by then,
 * so that the model knows where each message goes. Everything else runs into everything else. */
#include <string.h>

#include "sim/sim_world.h"

/* ---- choosing ---- */

static sim_channel_t *some_channel(sim_world_t *w)
{
    sim_client_t *c = &w->clients[sim_roll(w, (uint32_t)w->client_count)];
    return &c->channels[1 + sim_roll(w, SIM_CHANNELS - 1)];
}

/* A queue that is there, or SIM_QUEUES. */
static uint32_t some_queue(sim_world_t *w)
{
    uint32_t from = sim_roll(w, SIM_QUEUES);
    for (uint32_t i = 0; i < SIM_QUEUES; i++)
        if (w->model.now.queues[(from + i) % SIM_QUEUES].exists)
            return (from + i) % SIM_QUEUES;
    return SIM_QUEUES;
}

static uint32_t some_exchange(sim_world_t *w)
{
    uint32_t from = sim_roll(w, SIM_EXCHANGES);
    for (uint32_t i = 0; i < SIM_EXCHANGES; i++)
        if (w->model.now.exchanges[(from + i) % SIM_EXCHANGES].exists)
            return (from + i) % SIM_EXCHANGES;
    return SIM_EXCHANGES;
}

/* ---- publishing ---- */

static message_t *message_of(sim_world_t *w, uint32_t number, uint32_t exchange, uint32_t key,
                             bool persistent, uint32_t from, uint32_t bytes)
{
    (void)w;
    buffer_t properties = {0};
    uint8_t id[4] = {(uint8_t)number, (uint8_t)(number >> 8), (uint8_t)(number >> 16),
                     (uint8_t)(number >> 24)};
    write_u16(&properties, PROPERTY_FLAG(PROPERTY_DELIVERY_MODE) | PROPERTY_FLAG(PROPERTY_MESSAGE_ID));
    write_u8(&properties, persistent ? 2 : 1);
    write_short_string(&properties, bytes_make(id, sizeof id));
    bytes_t routing_key = exchange == SIM_EXCHANGES ? sim_queue_name(key) : bytes_string(sim_keys[key]);
    message_t *m = message_new(sim_exchange_name(exchange), routing_key, buffer_bytes(&properties), bytes);
    for (uint32_t i = 0; i < bytes; i++) {
        uint8_t octet = sim_body_octet(number, from + i);
        m = message_append(m, bytes_make(&octet, 1), bytes);
    }
    buffer_free(&properties);
    return m;
}

static void push_part(sim_channel_t *ch, uint32_t number, uint32_t from, uint32_t bytes)
{
    message_t *m = message_new((bytes_t){0}, (bytes_t){0}, (bytes_t){0}, bytes);
    for (uint32_t i = 0; i < bytes; i++) {
        uint8_t octet = sim_body_octet(number, from + i);
        m = message_append(m, bytes_make(&octet, 1), bytes);
    }
    sim_push(ch, (command_t){.type = COMMAND_PART, .message = m});
}

static bool reaches_durable(const sim_world_t *w, uint32_t number)
{
    for (uint32_t q = 0; q < SIM_QUEUES; q++)
        if (w->model.messages[number].copies[q].life > 0 && w->model.now.queues[q].durable)
            return w->model.messages[number].persistent;
    return false;
}

static void note_publish(sim_channel_t *ch, uint32_t number, bool is_durable)
{
    if (!ch->confirms)
        return;
    if (ch->publish_count == ch->publish_capacity) {
        ch->publish_capacity = ch->publish_capacity ? ch->publish_capacity * 2 : 32;
        ch->publishes = mem_resize(ch->publishes, ch->publish_capacity * sizeof *ch->publishes);
    }
    ch->publishes[ch->publish_count++] = (sim_publish_t){number, is_durable, ch->settled_count};
}

#define PART_BYTES 100

static void publish(sim_world_t *w, sim_channel_t *ch)
{
    uint32_t exchange = sim_roll(w, 3) ? SIM_EXCHANGES : some_exchange(w);
    uint32_t key = exchange == SIM_EXCHANGES ? some_queue(w) : sim_roll(w, SIM_KEYS);
    if (exchange == SIM_EXCHANGES && key == SIM_QUEUES)
        return;
    bool persistent = sim_roll(w, 5) != 0;
    uint32_t bytes = 4 + (sim_roll(w, 20) ? sim_roll(w, 60) : sim_roll(w, 1500)), from = 0;
    bool parts = persistent && bytes > PART_BYTES && sim_roll(w, 2);
    uint32_t publisher = ch->client->index * SIM_CHANNELS + ch->number;
    uint32_t number = sim_model_publish(&w->model, publisher, bytes, persistent, exchange, key);
    for (; parts && bytes - from > PART_BYTES; from += PART_BYTES)
        push_part(ch, number, from, PART_BYTES);
    uint16_t flags = sim_roll(w, 4) ? 0 : COMMAND_MANDATORY;
    message_t *m = message_of(w, number, exchange, key, persistent, from, bytes - from);
    sim_push(ch, (command_t){.type = COMMAND_PUBLISH, .flags = flags, .message = m});
    note_publish(ch, number, reaches_durable(w, number));
    sim_say(w, "publish %u on %u.%u to %.*s/%u%s", number, ch->client->index, ch->number,
            (int)sim_exchange_name(exchange).len, (const char *)sim_exchange_name(exchange).data, key,
            persistent ? "" : " transient");
}

/* ---- taking ---- */

static void get(sim_world_t *w, sim_channel_t *ch)
{
    uint32_t queue = some_queue(w);
    if (queue == SIM_QUEUES || ch->get_count == sizeof ch->gets / sizeof *ch->gets)
        return;
    bool no_ack = sim_roll(w, 4) == 0;
    ch->gets[ch->get_count] = queue;
    ch->gets_no_ack[ch->get_count++] = no_ack;
    sim_push_request(ch, COMMAND_GET, no_ack ? COMMAND_NO_ACK : 0, 0,
                     (request_t){.name = sim_queue_name(queue)});
}

static bytes_t tag_of(uint8_t *octet, size_t consumer)
{
    *octet = (uint8_t)('A' + consumer);
    return bytes_make(octet, 1);
}

static void consume(sim_world_t *w, sim_channel_t *ch)
{
    sim_client_t *c = ch->client;
    uint32_t queue = some_queue(w);
    if (queue == SIM_QUEUES || c->consumer_count == 26)
        return;
    if (c->consumer_count == c->consumer_capacity) {
        c->consumer_capacity = c->consumer_capacity ? c->consumer_capacity * 2 : 8;
        c->consumers = mem_resize(c->consumers, c->consumer_capacity * sizeof *c->consumers);
    }
    uint8_t octet;
    bool no_ack = sim_roll(w, 4) == 0;
    uint32_t number = (uint32_t)c->consumer_count + 1;
    c->consumers[c->consumer_count++] = (sim_consumer_t){number, queue, no_ack, false};
    sim_push(ch, (command_t){.type = COMMAND_QOS, .count = sim_roll(w, 2) ? 0 : 1 + sim_roll(w, 5)});
    sim_push_request(ch, COMMAND_CONSUME, no_ack ? COMMAND_NO_ACK : 0, number,
                     (request_t){.name = sim_queue_name(queue), .tag = tag_of(&octet, number)});
    sim_say(w, "consumer %u.%u of q%u%s", c->index, number, queue, no_ack ? " no-ack" : "");
}

static void settle(sim_world_t *w, sim_channel_t *ch)
{
    if (ch->out_count == 0)
        return;
    size_t at = sim_roll(w, 2) ? 0 : sim_roll(w, (uint32_t)ch->out_count), from = at, left = 0;
    bool multiple = sim_roll(w, 3) == 0, requeue = sim_roll(w, 4) == 0, ack = !requeue && sim_roll(w, 3);
    uint64_t tag = ch->out[at].tag;
    if (multiple)
        from = 0;
    for (size_t i = 0; i < ch->out_count; i++) {
        if (i < from || i > at)
            ch->out[left++] = ch->out[i];
        else if (!requeue)
            sim_note_settled(ch, ch->out[i].message, ch->out[i].queue);
    }
    ch->out_count = left;
    int flags = (multiple ? COMMAND_MULTIPLE : 0) | (requeue ? COMMAND_REQUEUE : 0);
    sim_push(ch,
             (command_t){.type = ack ? COMMAND_ACK : COMMAND_NACK, .flags = (uint16_t)flags, .number = tag});
    sim_say(w, "%s %u.%u tag %llu%s",
            ack       ? "ack"
            : requeue ? "requeue"
                      : "reject",
            ch->client->index, ch->number, (unsigned long long)tag, multiple ? " multiple" : "");
}

static void select_confirms(sim_channel_t *ch)
{
    if (ch->confirms)
        return;
    ch->confirms = true;
    sim_push(ch, (command_t){.type = COMMAND_CONFIRM_SELECT});
}

/* ---- definitions ---- */

bool sim_op_waits(const sim_world_t *w)
{
    for (size_t i = 0; i < w->client_count; i++)
        if (w->clients[i].channels[SIM_CHANNELS].waiting > 0)
            return true;
    return false;
}

static bool choose_op(sim_world_t *w, sim_op_t *op)
{
    const sim_topology_t *t = &w->model.now;
    uint32_t queue = some_queue(w), exchange = some_exchange(w);
    *op = (sim_op_t){.queue = sim_roll(w, SIM_QUEUES),
                     .exchange = sim_roll(w, SIM_EXCHANGES),
                     .pattern = sim_roll(w, SIM_PATTERNS),
                     .life = ++w->model.lives,
                     .durable = sim_roll(w, 5) != 0,
                     .exchange_type = (uint8_t)sim_roll(w, SIM_TYPES)};
    switch (sim_roll(w, 12)) {
    case 0:
        op->type = SIM_DELETE_QUEUE;
        break;
    case 1:
        op->type = SIM_DELETE_EXCHANGE;
        break;
    case 2:
        op->type = SIM_PURGE_QUEUE;
        op->queue = queue;
        return queue < SIM_QUEUES;
    case 3:
    case 4:
    case 5:
        op->type = SIM_DECLARE_EXCHANGE;
        if (t->exchanges[op->exchange].exists) {
            op->durable = t->exchanges[op->exchange].durable;
            op->exchange_type = t->exchanges[op->exchange].type;
        }
        break;
    case 6:
    case 7:
        op->type = sim_roll(w, 4) ? SIM_BIND : SIM_UNBIND;
        op->queue = queue;
        op->exchange = exchange;
        return queue < SIM_QUEUES && exchange < SIM_EXCHANGES;
    default:
        op->type = SIM_DECLARE_QUEUE;
        if (t->queues[op->queue].exists)
            op->durable = t->queues[op->queue].durable;
        break;
    }
    return true;
}

void sim_push_op(sim_channel_t *ch, const sim_op_t *op)
{
    uint16_t durable = op->durable ? COMMAND_DURABLE : 0;
    bytes_t queue = sim_queue_name(op->queue), exchange = sim_exchange_name(op->exchange);
    request_t binding = {
        .name = queue, .source = exchange, .routing_key = bytes_string(sim_patterns[op->pattern])};
    request_t typed = {.name = exchange, .kind = bytes_string(sim_type_names[op->exchange_type])};
    ch->waiting++;
    switch (op->type) {
    case SIM_DECLARE_QUEUE:
        sim_push_request(ch, COMMAND_QUEUE_DECLARE, durable, 0, (request_t){.name = queue});
        break;
    case SIM_DELETE_QUEUE:
        sim_push_request(ch, COMMAND_QUEUE_DELETE, 0, 0, (request_t){.name = queue});
        break;
    case SIM_PURGE_QUEUE:
        sim_push_request(ch, COMMAND_QUEUE_PURGE, 0, 0, (request_t){.name = queue});
        break;
    case SIM_DECLARE_EXCHANGE:
        sim_push_request(ch, COMMAND_EXCHANGE_DECLARE, durable, 0, typed);
        break;
    case SIM_DELETE_EXCHANGE:
        sim_push_request(ch, COMMAND_EXCHANGE_DELETE, 0, 0, (request_t){.name = exchange});
        break;
    case SIM_BIND:
        sim_push_request(ch, COMMAND_QUEUE_BIND, 0, 0, binding);
        break;
    default:
        sim_push_request(ch, COMMAND_QUEUE_UNBIND, 0, 0, binding);
        break;
    }
}

static bool is_out(const sim_world_t *w, uint32_t message, uint32_t queue)
{
    for (size_t c = 0; c < w->client_count; c++)
        for (size_t n = 1; n < SIM_CHANNELS; n++) {
            const sim_channel_t *ch = &w->clients[c].channels[n];
            for (size_t i = 0; i < ch->out_count; i++)
                if (ch->out[i].message == message && ch->out[i].queue == queue)
                    return true;
        }
    return false;
}

/* Everything is at rest: what is not out is ready. */
static void mark_ready(sim_world_t *w, uint32_t queue)
{
    for (uint32_t i = 0; i < w->model.count; i++) {
        sim_copy_t *copy = &w->model.messages[i].copies[queue];
        copy->in_purge =
            copy->life > 0 && copy->life == w->model.now.queues[queue].life && !is_out(w, i, queue);
    }
}

static void change_definitions(sim_world_t *w)
{
    static const char *const names[] = {"nothing",          "declare queue",   "delete queue", "purge",
                                        "declare exchange", "delete exchange", "bind",         "unbind"};
    sim_op_t op;
    if (sim_op_waits(w))
        return;
    sim_world_settle(w);
    if (w->is_dead || !choose_op(w, &op))
        return;
    if (op.type == SIM_PURGE_QUEUE) {
        if (!sim_world_quiet(w))
            return;
        mark_ready(w, op.queue);
    }
    uint32_t first = sim_roll(w, (uint32_t)w->client_count), count = 1 + sim_roll(w, 2);
    for (uint32_t i = 0; i < count && i < w->client_count; i++)
        sim_push_op(&w->clients[(first + i) % w->client_count].channels[SIM_CHANNELS], &op);
    sim_model_begin(&w->model, &op);
    sim_say(w, "%s q%u x%u %s%s by %u", names[op.type], op.queue, op.exchange, sim_patterns[op.pattern],
            op.durable ? " durable" : "", count);
    sim_world_settle(w);
}

/* ---- all ---- */

void sim_act(sim_world_t *w)
{
    sim_channel_t *ch = some_channel(w);
    uint32_t what = sim_roll(w, 100);
    if (what < 45)
        publish(w, ch);
    else if (what < 65)
        settle(w, ch);
    else if (what < 75)
        get(w, ch);
    else if (what < 79)
        consume(w, ch);
    else if (what < 82)
        select_confirms(ch);
    else
        change_definitions(w);
}
