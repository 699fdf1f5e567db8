/* SPDX-License-Identifier: Apache-2.0
 *
 * wire.c: the life of a client's connection: handshake, heartbeats, its end on both sides.
 *
 * Whose connection breaks does not know what it would still have heard: the model is told which queues that may have
 * been about. It comes back as the next connection when the engine has let go of the old one. */
#include "sim/wire.h"

#include "base/alloc.h"
#include "base/table.h"
#include "sim/report.h"
#include "sim/world.h"

#define fail(c, what, ...)                                                                                   \
    report_failure("client %u, on the wire: " what, (c)->index __VA_OPT__(, ) __VA_ARGS__)

static amqp_io_t *io_of(const client_t *c)
{
    return c->world->io[c->port - c->world->ports];
}

/* ---- handshake ---- */

static void send_start_ok(client_t *c)
{
    buffer_t b = {0}, properties = {0};
    size_t mark = table_begin(&properties, "capabilities");
    table_put_bool(&properties, "consumer_cancel_notify", dice(c->world, 2));
    table_end(&properties, mark);
    amqp_connection_start_ok_t m = {.client_properties = buffer_bytes(&properties),
                                    .mechanism = BYTES("PLAIN"),
                                    .response = BYTES("\0guest\0guest"),
                                    .locale = BYTES("en_US")};
    amqp_write_method(&b, 0, AMQP_connection_start_ok, &m);
    link_send(c->wire.link, buffer_bytes(&b));
    buffer_free(&properties);
    buffer_free(&b);
}

static void send_open(client_t *c)
{
    buffer_t b = {0};
    amqp_connection_tune_ok_t tune = {
        .channel_max = CHANNELS, .frame_max = AMQP_FRAME_MIN_SIZE, .heartbeat = c->wire.heartbeat_s};
    amqp_connection_open_t open = {.virtual_host = BYTES("/")};
    amqp_write_method(&b, 0, AMQP_connection_tune_ok, &tune);
    amqp_write_method(&b, 0, AMQP_connection_open, &open);
    link_send(c->wire.link, buffer_bytes(&b));
    buffer_free(&b);
}

static void reset(wire_t *w)
{
    buffer_clear(&w->unsent);
    buffer_clear(&w->got);
    for (size_t i = 0; i < WIRE_CHANNELS; i++) {
        wire_channel_t *ch = &w->channels[i];
        message_free(ch->message);
        *ch = (wire_channel_t){.said = {.items = ch->said.items, .capacity = ch->said.capacity}};
    }
}

void wire_enter(client_t *c)
{
    world_t *w = c->world;
    wire_t *wire = &c->wire;
    bool is_checker = c->index == CHECKER, is_eager = dice(w, 2);
    link_options_t options = {.now_ms = &w->now_ms,
                              .pipe_bytes = (size_t)64 << dice(w, 10),
                              .output_pause_bytes = (uint64_t)256 << dice(w, 8)};
    session_factory_t factory = amqp_io_factory(io_of(c));
    reset(wire);
    wire->is_used = true;
    wire->is_in = wire->is_cut = wire->is_served = wire->is_slow = false;
    wire->heartbeat_s = (uint16_t)(is_checker ? 0 : dice(w, 3));
    wire->is_silent = dice(w, 8) == 0;
    wire->since_ms = wire->sent_ms = w->now_ms;
    wire->link = link_new(&factory, &options);
    wire->is_open = is_eager;
    link_send(wire->link, BYTES("AMQP\0\0\x09\x01"));
    if (is_eager) {
        send_start_ok(c);
        send_open(c);
    }
}

/* Of an impatient client the first three come after it has answered them. */
void wire_hear_connection(client_t *c, amqp_method_id id, const amqp_method_t *m)
{
    wire_t *wire = &c->wire;
    if (id == AMQP_connection_start && !wire->is_open) {
        send_start_ok(c);
    } else if (id == AMQP_connection_tune && !wire->is_open) {
        send_open(c);
    } else if (id == AMQP_connection_open_ok) {
        wire->is_open = wire->is_in = true;
        wire_flush(c);
    } else if (id == AMQP_connection_close_ok) {
        wire->is_served = true;
        link_shut(wire->link);
    } else if (id == AMQP_connection_close && !client_may_be_closed(c, m->connection_close.reply_code)) {
        fail(c, "the connection is refused: %u %.*s", m->connection_close.reply_code,
             (int)m->connection_close.reply_text.len, (const char *)m->connection_close.reply_text.data);
    }
}

/* ---- by the clock ---- */

void wire_look_at_clock(client_t *c)
{
    wire_t *w = &c->wire;
    buffer_t b = {0};
    if (!w->link || w->heartbeat_s == 0 || w->is_silent || !w->is_open ||
        c->world->now_ms < w->sent_ms + w->heartbeat_s * 500u)
        return;
    amqp_write_heartbeat(&b);
    link_send(w->link, buffer_bytes(&b));
    buffer_free(&b);
    w->sent_ms = c->world->now_ms;
}

/* ---- the end ---- */

static void lost(client_t *c)
{
    c->stage = STAGE_ENDING;
    for (unsigned n = 1; n <= CHANNELS; n++)
        channel_lets_go(c, &c->channels[n]);
}

/* The server may do so to those that it has not heard for a whole interval, or that took too long to come in. */
static void check_end(const client_t *c)
{
    const wire_t *w = &c->wire;
    uint64_t now_ms = c->world->now_ms, silent_ms = now_ms - link_heard_ms(w->link);
    bool too_late = !w->is_in && now_ms - w->since_ms >= c->world->amqp_options.handshake_timeout_ms;
    if (w->is_cut || w->is_served || too_late)
        return;
    if (w->heartbeat_s == 0 || silent_ms < w->heartbeat_s * 1000u)
        fail(c, "the connection is closed %llu ms after the last octet", (unsigned long long)silent_ms);
}

static void look_for_end(client_t *c)
{
    wire_t *w = &c->wire;
    if (!link_at_end(w->link))
        return;
    if (!link_is_over(w->link)) {
        link_shut(w->link);
        return;
    }
    check_end(c);
    if (c->stage == STAGE_OPEN) {
        report_line("%u's connection was closed", c->index);
        lost(c);
    }
    link_free(&w->link);
}

/* Half of them hear what is on its way to them. */
void wire_cut(client_t *c)
{
    wire_t *w = &c->wire;
    if (!w->link)
        return;
    w->is_cut = true;
    if (dice(c->world, 2))
        link_shut(w->link);
    else
        link_break(w->link, dice(c->world, 1 + (uint32_t)link_unsent(w->link)));
}

static void model_did_not_hear(client_t *c)
{
    for (unsigned q = 0; q < QUEUES; q++)
        if (c->took[q].anything)
            model_unheard(c->world->model, q, c->took[q].settled_since);
}

/* The sessions of a port that are left without a socket, before the engine lets go of them. */
static size_t leaving(const world_t *w, size_t port)
{
    size_t linked = 0;
    for (size_t i = 0; i < CLIENTS; i++) {
        const wire_t *wire = &w->clients[i].wire;
        linked += wire->link && i % PORTS == port && !link_is_over(wire->link);
    }
    return amqp_io_sessions(w->io[port]) - linked;
}

void wires_let_go(world_t *w)
{
    for (size_t i = 0; i < CLIENTS; i++) {
        client_t *c = &w->clients[i];
        if (!c->wire.is_used || c->wire.link || c->stage != STAGE_ENDING || leaving(w, i % PORTS) > 0)
            continue;
        if (!c->wire.is_served)
            model_did_not_hear(c);
        reset(&c->wire);
        client_is_over(c);
    }
}

/* ---- turns ---- */

static void check_bound(const client_t *c)
{
    uint64_t most = c->world->engine_options.output_bytes + WIRE_SLACK_BYTES;
    if (link_bounded(c->wire.link) > most)
        fail(c, "%llu octets of deliveries wait", (unsigned long long)link_bounded(c->wire.link));
}

bool wire_is_due(const client_t *c)
{
    const link_t *l = c->wire.link;
    return l && (link_is_due(l) || link_on_its_way(l) > 0 || (link_at_end(l) && link_is_over(l)));
}

void wire_turn(client_t *c, size_t in, size_t out, size_t read)
{
    wire_t *w = &c->wire;
    if (!w->link)
        return;
    link_turn(w->link, in, out);
    check_bound(c);
    if (!w->is_slow && link_receive(w->link, read, &w->got) > 0)
        wire_hear(c);
    look_for_end(c);
    c->world->port_due[c->port - c->world->ports] = true; /* a turn of the loop is one of the port */
}

/* ---- the end of a life ---- */

static bool is_in_message(const wire_t *w)
{
    bool is = w->got.len > 0;
    for (size_t i = 0; i < WIRE_CHANNELS; i++)
        is |= w->channels[i].is_receiving;
    return is;
}

void wire_dies(client_t *c)
{
    wire_t *w = &c->wire;
    bool heard = false;
    if (!w->is_used || c->stage == STAGE_NONE)
        return;
    if (w->link && link_is_open(w->link) && !w->is_cut && dice(c->world, 2)) {
        link_flush_all(w->link);
        (void)link_receive(w->link, SIZE_MAX, &w->got);
        wire_hear(c);
        heard = !is_in_message(w);
    }
    if (!heard && !w->is_served)
        model_did_not_hear(c);
    reset(w);
}

/* As an engine would: nothing is left that a session waits for. */
static void let_go(world_t *w, size_t port)
{
    port_t *p = &w->ports[port];
    for (uint32_t n = 1; n < p->clients_capacity; n++) {
        port_client_t *client = p->clients[n];
        for (size_t i = 0; i < CLIENTS && client; i++)
            client = client == &w->clients[i].port_client ? NULL : client;
        if (client)
            lane_push(p->events, &(event_t){.type = EVENT_CONNECTION_CLOSED, .connection = n});
    }
    while (amqp_io_sessions(w->io[port]) > 0) {
        (void)port_flush(p);
        (void)lane_flush(p->events);
        (void)port_dispatch(p, SIZE_MAX);
    }
}

void wires_close(world_t *w)
{
    for (size_t i = 0; i < CLIENTS; i++) {
        wire_t *wire = &w->clients[i].wire;
        if (wire->link) {
            link_end(wire->link);
            link_free(&wire->link);
        }
    }
    for (size_t port = 0; port < PORTS; port++) {
        let_go(w, port);
        amqp_io_free(&w->io[port]);
    }
}

void wire_forget(wire_t *w)
{
    reset(w);
    buffer_free(&w->unsent);
    buffer_free(&w->got);
    for (size_t i = 0; i < WIRE_CHANNELS; i++)
        mem_free(w->channels[i].said.items);
    *w = (wire_t){0};
}
