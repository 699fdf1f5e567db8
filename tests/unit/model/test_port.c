/* SPDX-License-Identifier: Apache-2.0
 *
 * The port: numbers of clients, and commands and events that find their way through tiny rings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "model/port.h"

typedef struct client {
    port_client_t port_client;
    port_t *port;
    int events;
    uint64_t next_tag; /* of the delivery expected next */
} client_t;

static void on_event(port_client_t *port_client, event_t *e)
{
    client_t *c = (client_t *)(void *)port_client;
    assert_int_equal(e->connection, port_client->number);
    c->events++;
    if (e->type == EVENT_CONFIRM)
        assert_true(e->delivery_tag == c->next_tag++);
    event_discard(e);
    if (e->type == EVENT_CONNECTION_CLOSED)
        port_unregister(c->port, port_client);
}

static client_t client_of(port_t *p)
{
    return (client_t){.port_client = {.on_event = on_event}, .port = p, .next_tag = 1};
}

/* The engine's side: takes the next command, if one is there. */
static bool take_command(port_t *p, command_t *out)
{
    const command_t *next = lane_peek(p->commands);
    if (!next)
        return false;
    *out = *next;
    lane_pop(p->commands);
    return true;
}

static void numbers_begin_at_one_and_are_used_again(void **state)
{
    (void)state;
    enum { CLIENTS = 1000 };
    port_t p;
    port_init(&p, 2);
    static client_t clients[CLIENTS];
    static bool used[CLIENTS + 1];
    for (int i = 0; i < CLIENTS; i++) {
        clients[i] = client_of(&p);
        port_register(&p, &clients[i].port_client);
        uint32_t number = clients[i].port_client.number;
        assert_in_range(number, 1, CLIENTS);
        assert_false(used[number]);
        used[number] = true;
    }
    assert_int_equal(p.clients_count, CLIENTS);
    for (int round = 0; round < 10; round++) {
        for (int i = round; i < CLIENTS; i += 3) {
            used[clients[i].port_client.number] = false;
            port_unregister(&p, &clients[i].port_client);
            assert_int_equal(clients[i].port_client.number, 0);
        }
        for (int i = round; i < CLIENTS; i += 3) {
            port_register(&p, &clients[i].port_client);
            assert_in_range(clients[i].port_client.number, 1, CLIENTS);
            assert_false(used[clients[i].port_client.number]);
            used[clients[i].port_client.number] = true;
        }
    }
    assert_true(p.clients_capacity <= 2048);
    port_deinit(&p);
}

static void a_push_bears_the_number_of_its_client(void **state)
{
    (void)state;
    port_t p;
    port_init(&p, 4);
    client_t a = client_of(&p), b = client_of(&p);
    port_register(&p, &a.port_client);
    port_register(&p, &b.port_client);
    port_push(&p, &b.port_client, &(command_t){.type = COMMAND_ACK, .channel = 7, .number = 42});
    port_unregister(&p, &a.port_client);
    assert_true(port_flush(&p));
    command_t c;
    assert_true(take_command(&p, &c));
    assert_int_equal(c.type, COMMAND_ACK);
    assert_int_equal(c.connection, b.port_client.number);
    assert_int_equal(c.channel, 7);
    assert_int_equal(c.number, 42);
    assert_true(take_command(&p, &c));
    assert_int_equal(c.type, COMMAND_CONNECTION_RELEASE);
    assert_int_equal(c.connection, 1);
    assert_false(take_command(&p, &c));
    port_deinit(&p);
}

static void room_ends_when_the_ring_is_full_and_pushes_are_taken_all_the_same(void **state)
{
    (void)state;
    port_t p;
    port_init(&p, 2);
    client_t a = client_of(&p);
    port_register(&p, &a.port_client);
    assert_int_equal(port_room(&p), 2);
    for (uint64_t i = 0; i < 10; i++)
        port_push(&p, &a.port_client, &(command_t){.type = COMMAND_ACK, .number = i});
    assert_int_equal(port_room(&p), 0);
    uint64_t next = 0;
    while (next < 10) {
        assert_true(port_flush(&p));
        command_t c;
        while (take_command(&p, &c))
            assert_true(c.number == next++);
        (void)lane_release(p.commands);
    }
    assert_false(port_flush(&p));
    assert_int_equal(port_room(&p), 2);
    port_deinit(&p);
}

static void events_reach_their_clients_and_no_more_than_asked_for(void **state)
{
    (void)state;
    port_t p;
    port_init(&p, 8);
    client_t a = client_of(&p), b = client_of(&p);
    port_register(&p, &a.port_client);
    port_register(&p, &b.port_client);
    for (uint32_t i = 0; i < 5; i++)
        lane_push(p.events, &(event_t){.type = EVENT_OK, .connection = i == 3 ? 2 : 1});
    assert_int_equal(port_dispatch(&p, 10), 0); /* not flushed yet */
    assert_true(lane_flush(p.events));
    assert_int_equal(port_dispatch(&p, 3), 3);
    assert_int_equal(a.events, 3);
    assert_int_equal(port_dispatch(&p, 10), 2);
    assert_int_equal(a.events, 4);
    assert_int_equal(b.events, 1);
    assert_true(port_flush(&p)); /* room for the engine */
    assert_false(port_flush(&p));
    port_deinit(&p);
}

static void a_client_may_leave_when_its_last_event_comes(void **state)
{
    (void)state;
    port_t p;
    port_init(&p, 4);
    client_t a = client_of(&p);
    port_register(&p, &a.port_client);
    lane_push(
        p.events,
        &(event_t){.type = EVENT_CONNECTION_CLOSED, .connection = 1, .refusal = refusal_new(320, 0, "bye")});
    (void)lane_flush(p.events);
    assert_int_equal(port_dispatch(&p, 10), 1);
    assert_int_equal(a.port_client.number, 0);
    assert_int_equal(p.clients_count, 0);
    assert_true(port_flush(&p));
    command_t c;
    assert_true(take_command(&p, &c));
    assert_int_equal(c.type, COMMAND_CONNECTION_RELEASE);
    port_deinit(&p);
}

/* An engine that answers each command with a confirm, and takes none while it has no room for the answer. */
static void serve(port_t *p)
{
    command_t c;
    while (lane_room(p->events) > 0 && take_command(p, &c))
        lane_push(p->events,
                  &(event_t){.type = EVENT_CONFIRM, .connection = c.connection, .delivery_tag = c.number});
    (void)lane_release(p->commands);
    (void)lane_flush(p->events);
}

static void a_thousand_round_trips_pass_through_rings_of_two(void **state)
{
    (void)state;
    enum { CLIENTS = 3, TRIPS = 1000 };
    port_t p;
    port_init(&p, 2);
    client_t clients[CLIENTS];
    uint64_t sent[CLIENTS] = {0};
    int answered = 0, turns = 0;
    for (int i = 0; i < CLIENTS; i++) {
        clients[i] = client_of(&p);
        port_register(&p, &clients[i].port_client);
    }
    while (answered < CLIENTS * TRIPS) {
        assert_true(++turns < 100 * CLIENTS * TRIPS);
        for (int i = 0; i < CLIENTS; i++)
            for (int burst = 0; burst < 2 && sent[i] < TRIPS && port_room(&p) > 0; burst++)
                port_push(&p, &clients[i].port_client,
                          &(command_t){.type = COMMAND_ECHO, .number = ++sent[i]});
        (void)port_flush(&p);
        serve(&p);
        answered += (int)port_dispatch(&p, 100);
        assert_true(lane_overflow(p.commands) == 0 && lane_overflow(p.events) == 0);
    }
    for (int i = 0; i < CLIENTS; i++)
        assert_int_equal(clients[i].events, TRIPS);
    port_deinit(&p);
}

static void a_port_that_ends_frees_what_is_still_under_way(void **state)
{
    (void)state;
    port_t p;
    port_init(&p, 2);
    client_t a = client_of(&p);
    port_register(&p, &a.port_client);
    for (int i = 0; i < 10; i++) {
        message_t *m = message_new(BYTES("x"), BYTES("k"), BYTES("\0\0"), 100);
        port_push(&p, &a.port_client, &(command_t){.type = COMMAND_PUBLISH, .message = m});
        refusal_t *r = refusal_new(404, 0, "no");
        lane_push(p.events, &(event_t){.type = EVENT_CHANNEL_REFUSED, .connection = 1, .refusal = r});
    }
    port_deinit(&p); /* the address sanitizer sees what stays */
    assert_null(p.commands);
    assert_null(p.events);
}

static command_t publication(uint8_t type, size_t bytes)
{
    message_t *m = message_new(BYTES(""), BYTES("q"), BYTES("\0\0"), bytes);
    return (command_t){.type = type, .message = m};
}

static void there_is_no_room_while_messages_of_bytes_most_octets_are_on_their_way(void **state)
{
    (void)state;
    port_t p;
    port_init(&p, 64);
    p.bytes_most = 3000;
    client_t client = client_of(&p);
    port_register(&p, &client.port_client);
    command_t first = publication(COMMAND_PUBLISH, 1000), second = publication(COMMAND_PART, 2500);
    uint64_t first_bytes = message_bytes(first.message), both = first_bytes + message_bytes(second.message);
    port_push(&p, &client.port_client, &first);
    port_push(&p, &client.port_client,
              &(command_t){.type = COMMAND_SENT, .number = 1 << 20}); /* weighs nothing */
    assert_int_equal(port_room(&p), 62);
    port_push(&p, &client.port_client, &second);
    assert_int_equal(meter_read(&p.bytes), both);
    assert_int_equal(port_room(&p), 0);
    (void)port_flush(&p);
    command_t taken;
    assert_int_equal(port_room(&p), 0);
    assert_true(port_take(&p, &taken));
    assert_int_equal(taken.type, COMMAND_PUBLISH);
    command_discard(&taken);
    assert_int_equal(meter_read(&p.bytes), both - first_bytes);
    assert_int_equal(port_room(&p) > 0, both - first_bytes < 3000);
    assert_true(port_take(&p, &taken) && taken.type == COMMAND_SENT);
    assert_true(port_take(&p, &taken) && taken.type == COMMAND_PART);
    command_discard(&taken);
    assert_int_equal(meter_read(&p.bytes), 0);
    (void)lane_release(p.commands);
    assert_int_equal(port_room(&p), 64);
    assert_false(port_take(&p, &taken));
    port_deinit(&p);
}

static void one_message_larger_than_bytes_most_passes_alone(void **state)
{
    (void)state;
    port_t p;
    port_init(&p, 8);
    p.bytes_most = 100;
    client_t client = client_of(&p);
    port_register(&p, &client.port_client);
    for (int i = 0; i < 5; i++) {
        command_t c = publication(COMMAND_PUBLISH, 10000), taken;
        assert_true(port_room(&p) > 0);
        port_push(&p, &client.port_client, &c);
        assert_int_equal(port_room(&p), 0);
        (void)port_flush(&p);
        assert_true(port_take(&p, &taken));
        command_discard(&taken);
        (void)lane_release(p.commands);
    }
    port_deinit(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_begin_at_one_and_are_used_again),
        cmocka_unit_test(a_push_bears_the_number_of_its_client),
        cmocka_unit_test(room_ends_when_the_ring_is_full_and_pushes_are_taken_all_the_same),
        cmocka_unit_test(events_reach_their_clients_and_no_more_than_asked_for),
        cmocka_unit_test(a_client_may_leave_when_its_last_event_comes),
        cmocka_unit_test(a_thousand_round_trips_pass_through_rings_of_two),
        cmocka_unit_test(a_port_that_ends_frees_what_is_still_under_way),
        cmocka_unit_test(there_is_no_room_while_messages_of_bytes_most_octets_are_on_their_way),
        cmocka_unit_test(one_message_larger_than_bytes_most_passes_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
