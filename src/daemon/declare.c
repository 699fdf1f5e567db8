/* SPDX-License-Identifier: Apache-2.0
 *
 * declare.c: a client of the daemon's own, which asks one thing after the other and waits for each answer.
 *
 * What is there is asked for first (passive), and declared only if it is not: an application may have made the queue with
 * arguments of its own, and the port is to serve that one. */
#include "daemon/declare.h"

#include <assert.h>

#include "base/alloc.h"
#include "base/table.h"

#define CHANNEL 1

/* The longest wait for an answer: that of a log that syncs. */
#define ANSWER_MOST_MS 30000
#define LOOK_MS        100

typedef struct declaring {
    port_client_t client; /* first */
    engine_side_t *engine;
    port_t *port;
    event_t answer;
    bool answered;
} declaring_t;

/* An answer; notices (of an alarm) come at any time and ask for nothing. */
static bool is_answer(uint8_t type)
{
    switch (type) {
    case EVENT_CONNECTION_OPENED:
    case EVENT_CONNECTION_CLOSED:
    case EVENT_CHANNEL_OPENED:
    case EVENT_CHANNEL_REFUSED:
    case EVENT_OK:
    case EVENT_QUEUE_DECLARED:
        return true;
    default:
        return false;
    }
}

static void on_event(port_client_t *client, event_t *e)
{
    declaring_t *d = (declaring_t *)(void *)client;
    if (d->answered || !is_answer(e->type)) {
        event_discard(e);
        return;
    }
    d->answer = *e;
    d->answered = true;
}

/* One step of the engine, and a short sleep if there was nothing to do. */
static void turn(declaring_t *d)
{
    os_wakeup_t *wakeup = d->engine->wakeup;
    (void)port_flush(d->port);
    os_wakeup_prepare(wakeup);
    bool more = engine_side_step(d->engine);
    (void)port_dispatch(d->port, SIZE_MAX);
    if (more || d->answered)
        os_wakeup_cancel(wakeup);
    else
        (void)os_wakeup_wait(wakeup, LOOK_MS);
}

/* Sends the command and waits for its answer, which is the caller's to discard. */
static int ask(declaring_t *d, command_t c, error_t *err)
{
    const clock_source_t *clock = &d->engine->clock;
    uint64_t until_ms = clock->now_ms(clock->context) + ANSWER_MOST_MS;
    d->answered = false;
    port_push(d->port, &d->client, &c);
    while (!d->answered) {
        if (clock->now_ms(clock->context) > until_ms)
            return error_set(err, "no answer for %d s: the log takes nothing", ANSWER_MOST_MS / 1000);
        turn(d);
    }
    return 0;
}

/* Asks, and takes any answer but a refusal; -1 with its text. `*code` (may be NULL) is that of a refusal. */
static int ask_for(declaring_t *d, command_t c, uint16_t *code, error_t *err)
{
    if (ask(d, c, err) != 0)
        return -1;
    int rc = 0;
    if (d->answer.type == EVENT_CHANNEL_REFUSED || d->answer.type == EVENT_CONNECTION_CLOSED) {
        const refusal_t *r = d->answer.refusal;
        if (code && r)
            *code = r->code;
        rc = r ? error_set(err, "%s - %s", refusal_name(r->code), r->text) : error_set(err, "closed");
    }
    event_discard(&d->answer);
    return rc;
}

static int open_channel(declaring_t *d, error_t *err)
{
    return ask_for(d, (command_t){.type = COMMAND_CHANNEL_OPEN, .channel = CHANNEL}, NULL, err);
}

static command_t request(command_type_t type, uint16_t flags, const request_t *view)
{
    return (command_t){
        .type = (uint8_t)type, .flags = flags, .channel = CHANNEL, .request = request_new(view)};
}

/* A refusal ends the channel: a new one is opened in its place. */
static int is_there(declaring_t *d, command_type_t type, const request_t *view, bool *there, error_t *err)
{
    uint16_t code = 0;
    *there = ask_for(d, request(type, COMMAND_PASSIVE, view), &code, err) == 0;
    if (*there)
        return 0;
    if (code != REFUSAL_NOT_FOUND)
        return -1;
    port_push(d->port, &d->client, &(command_t){.type = COMMAND_CHANNEL_RELEASE, .channel = CHANNEL});
    return open_channel(d, err);
}

static int declare(declaring_t *d, command_type_t type, const request_t *view, error_t *err)
{
    bool there;
    if (is_there(d, type, view, &there, err) != 0)
        return -1;
    return there ? 0 : ask_for(d, request(type, COMMAND_DURABLE, view), NULL, err);
}

static int bind_prefix(declaring_t *d, const bus_port_t *p, error_t *err)
{
    buffer_t arguments;
    buffer_init(&arguments, 0);
    table_put_string(&arguments, "x-binding-type", BYTES("prefix"));
    request_t view = {
        .name = bytes_string(p->bus.queue),
        .source = bytes_string(p->bus.exchange),
        .routing_key = bytes_string(p->settings->bind_prefix),
        .arguments = buffer_bytes(&arguments),
    };
    int rc = ask_for(d, request(COMMAND_QUEUE_BIND, 0, &view), NULL, err);
    buffer_free(&arguments);
    return rc;
}

static int declare_port(declaring_t *d, const bus_port_t *p, error_t *err)
{
    request_t exchange = {.name = bytes_string(p->bus.exchange), .kind = BYTES("topic")};
    error_t why;
    int rc = declare(d, COMMAND_EXCHANGE_DECLARE, &exchange, &why);
    if (rc == 0 && p->bus.queue)
        rc = declare(d, COMMAND_QUEUE_DECLARE, &(request_t){.name = bytes_string(p->bus.queue)}, &why);
    if (rc == 0 && p->settings->bind)
        rc = bind_prefix(d, p, &why);
    return rc == 0 ? 0 : error_set(err, "%s (%s): %s", p->name, p->settings->where, why.text);
}

static int declare_all(declaring_t *d, const bus_t *bus, error_t *err)
{
    for (size_t i = 0; i < bus->listen_count; i++)
        if (declare_port(d, &bus->listen[i], err) != 0)
            return -1;
    for (size_t i = 0; i < bus->connect_count; i++)
        if (declare_port(d, &bus->connect[i], err) != 0)
            return -1;
    return 0;
}

/* After a failure the broker ends, and the connection with it. */
int declare_bus(const bus_t *bus, engine_side_t *engine, port_t *port, const char *user, error_t *err)
{
    declaring_t d = {.client.on_event = on_event, .engine = engine, .port = port};
    if (bus->listen_count + bus->connect_count == 0)
        return 0;
    port_register(port, &d.client);
    opening_t who = {.name = BYTES("bus"), .vhost = BYTES("/"), .user = bytes_string(user)};
    if (ask_for(&d, (command_t){.type = COMMAND_CONNECTION_OPEN, .opening = opening_new(&who)}, NULL, err) !=
            0 ||
        open_channel(&d, err) != 0 || declare_all(&d, bus, err) != 0 ||
        ask(&d, (command_t){.type = COMMAND_CONNECTION_CLOSE}, err) != 0)
        return -1;
    event_discard(&d.answer);
    port_unregister(port, &d.client);
    (void)port_flush(port);
    return 0;
}
