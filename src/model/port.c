/* SPDX-License-Identifier: Apache-2.0
 *
 * port.c: clients by number. Numbers that were given back are used again before new ones, so that the table
 * is as large as the most clients there ever were at once. */
#include "model/port.h"

#include <assert.h>

#include "base/alloc.h"

#define LEAST_CLIENTS 16

void port_init(port_t *p, size_t ring_items)
{
    *p = (port_t){
        .commands = lane_new(ring_items, sizeof(command_t)),
        .events = lane_new(ring_items, sizeof(event_t)),
        .bytes_most = UINT64_MAX,
        .unused_number = 1,
    };
}

static void discard_command(const void *item)
{
    command_t c = *(const command_t *)item;
    command_discard(&c);
}

static void discard_event(const void *item)
{
    event_t e = *(const event_t *)item;
    event_discard(&e);
}

void port_deinit(port_t *p)
{
    lane_discard(&p->commands, discard_command);
    lane_discard(&p->events, discard_event);
    mem_free(p->clients);
    mem_free(p->free_numbers);
    *p = (port_t){0};
}

/* ---- clients ---- */

static void grow_clients(port_t *p)
{
    assert(p->clients_capacity <= UINT32_MAX / 2);
    uint32_t capacity = p->clients_capacity ? p->clients_capacity * 2 : LEAST_CLIENTS;
    p->clients = mem_resize(p->clients, capacity * sizeof(port_client_t *));
    p->free_numbers = mem_resize(p->free_numbers, capacity * sizeof *p->free_numbers);
    for (uint32_t i = p->clients_capacity; i < capacity; i++)
        p->clients[i] = NULL;
    p->clients_capacity = capacity;
}

static uint32_t take_number(port_t *p)
{
    if (p->free_count > 0)
        return p->free_numbers[--p->free_count];
    if (p->unused_number >= p->clients_capacity)
        grow_clients(p);
    return p->unused_number++;
}

void port_register(port_t *p, port_client_t *client)
{
    assert(client->number == 0);
    client->number = take_number(p);
    assert(!p->clients[client->number]);
    p->clients[client->number] = client;
    p->clients_count++;
}

void port_unregister(port_t *p, port_client_t *client)
{
    uint32_t number = client->number;
    assert(number > 0 && p->clients[number] == client);
    port_push(p, client, &(command_t){.type = COMMAND_CONNECTION_RELEASE});
    p->clients[number] = NULL;
    p->clients_count--;
    p->free_numbers[p->free_count++] = number;
    client->number = 0;
}

/* ---- traffic ---- */

size_t port_room(port_t *p)
{
    return meter_read(&p->bytes) < p->bytes_most ? lane_room(p->commands) : 0;
}

static uint64_t message_bytes_of(const command_t *c)
{
    return command_has_message(c->type) ? message_bytes(c->message) : 0;
}

bool port_take(port_t *p, command_t *c)
{
    const command_t *next = lane_peek(p->commands);
    if (next == NULL)
        return false;
    *c = *next;
    lane_pop(p->commands);
    meter_take(&p->bytes, message_bytes_of(c));
    return true;
}

void port_push(port_t *p, const port_client_t *client, command_t *c)
{
    assert(client->number > 0);
    c->connection = client->number;
    meter_add(&p->bytes, message_bytes_of(c));
    *(command_t *)lane_place(p->commands) = *c;
}

size_t port_dispatch(port_t *p, size_t max)
{
    size_t count = 0;
    for (const event_t *next; count < max && (next = lane_peek(p->events)) != NULL; count++) {
        event_t e = *next;
        lane_pop(p->events); /* first: the client may call us */
        assert(e.connection > 0 && e.connection < p->clients_capacity);
        port_client_t *client = p->clients[e.connection];
        assert(client); /* it is registered until EVENT_CONNECTION_CLOSED, the last one */
        client->on_event(client, &e);
    }
    p->dispatched += count;
    return count;
}

void port_turn(port_t *p)
{
    if (p->told == p->dispatched)
        return;
    p->told = p->dispatched;
    *(command_t *)lane_place(p->commands) = (command_t){.type = COMMAND_TURN, .number = p->told};
}

bool port_flush(port_t *p)
{
    bool has_commands = lane_flush(p->commands);
    bool has_room = lane_release(p->events);
    return has_commands || has_room;
}
