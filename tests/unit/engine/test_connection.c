/* SPDX-License-Identifier: Apache-2.0
 *
 * test_connection.c: a connection's life: how it opens, all the ways it ends, and what is gone then. */
#include "engine/expect.h"

static void an_unknown_vhost_is_refused(void **state)
{
    client_t *c = client_at(*state, 0);
    open_connection(c, "nowhere", "guest");
    expect_hard_refusal(c, 530, "vhost nowhere not found");
    assert_int_equal(counts(*state).connections, 0);
}

static void exclusive_queues_are_gone_when_the_end_is_told(void **state)
{
    fixture_t *f = *state;
    chan_t ch = new_channel(f), other = new_channel(f);
    declare(ch, "q", COMMAND_EXCLUSIVE), expect_declared(ch, "q", 0, 0);
    declare(ch, "p", COMMAND_EXCLUSIVE), expect_declared(ch, "p", 0, 0);
    put(ch, "q", "1");
    ch.client->lingers = true; /* the queues go at the end, not at the release */
    goodbye(ch.client), expect_goodbye(ch.client);
    assert_int_equal(counts(f).queues, 0);
    declare(other, "q", COMMAND_PASSIVE);
    expect_refusal(other, 404, "no queue 'q' in vhost '/'");
    port_unregister(ch.client->port, &ch.client->port_client);
}

static void unacked_messages_of_all_channels_return(void **state)
{
    fixture_t *f = *state;
    chan_t a = new_channel(f), b = channel_of(a.client, 2), other = new_channel(f);
    new_queue(a, "q");
    put_many(a, "q", 0, 4);
    got(a, "q", "n00000"), got(b, "q", "n00001"), got(a, "q", "n00002");
    hang_up(a.client), expect_goodbye(a.client);
    assert_queue_is(other, "q", "n00000*", "n00001*", "n00002*", "n00003");
    assert_int_equal(counts(f).connections, 1);
    assert_int_equal(counts(f).channels, 1);
}

static void nothing_counts_behind_a_goodbye(void **state)
{
    fixture_t *f = *state;
    chan_t ch = new_channel(f), other = new_channel(f);
    new_queue(other, "q");
    goodbye(ch.client);
    put(ch, "q", "1"), declare(ch, "p", 0), goodbye(ch.client), hang_up(ch.client);
    expect_goodbye(ch.client);
    expect_nothing(ch);
    assert_queue_is_empty(other, "q");
    assert_int_equal(counts(f).queues, 1);
}

static void a_hard_refusal_ends_all_channels(void **state)
{
    fixture_t *f = *state;
    chan_t a = new_channel(f), b = channel_of(a.client, 2), other = new_channel(f);
    new_queue(a, "q");
    put(a, "q", "1");
    new_consumer(b, "q", "t", 0), expect_delivery(b, "1");
    consume(b, "q", "t", 0);
    put(a, "q", "2"); /* comes too late */
    expect_hard_refusal(a.client, 530, "attempt to reuse consumer tag 't'");
    assert_queue_is(other, "q", "1*");
    assert_int_equal(counts(f).consumers, 0);
    assert_int_equal(counts(f).channels, 1);
}

static void the_wire_rooms_own_reason_comes_back_with_the_end(void **state)
{
    client_t *c = connected(*state);
    push((chan_t){c, 0},
         (command_t){.type = COMMAND_CONNECTION_CLOSE, .refusal = refusal_new(501, 5, "frame too large")});
    const seen_t *s = expect((chan_t){c, 0}, EVENT_CONNECTION_CLOSED);
    check_refusal(s, 501, "frame too large");
    assert_int_equal(s->refusal_cause, 5);
}

static void a_number_is_used_again_after_its_release(void **state)
{
    fixture_t *f = *state;
    for (int i = 0; i < 40; i++) {
        chan_t ch = new_channel(f);
        assert_int_equal(ch.client->port_client.number, 1);
        declare(ch, "q", COMMAND_EXCLUSIVE), expect_declared(ch, "q", 0, 0);
        if (i % 2)
            goodbye(ch.client);
        else
            hang_up(ch.client);
        expect_goodbye(ch.client);
    }
    assert_int_equal(counts(f).connections, 0);
}

static void many_connections_live_side_by_side(void **state)
{
    fixture_t *f = *state;
    client_t *clients[100];
    for (int i = 0; i < 100; i++)
        clients[i] = connected_at(f, (size_t)i % 2);
    assert_int_equal(counts(f).connections, 100);
    for (int i = 0; i < 100; i += 3)
        hang_up(clients[i]), expect_goodbye(clients[i]);
    assert_int_equal(counts(f).connections, 66);
}

static void messages_still_on_their_way_out_live_until_the_release(void **state)
{
    fixture_t *f = *state;
    chan_t ch = new_channel(f), other = new_channel(f);
    new_queue(ch, "q");
    ch.client->keeps_loans = ch.client->lingers = true;
    put(ch, "q", "1");
    get(ch, "q", COMMAND_NO_ACK), expect_got(ch, "1");
    delete_queue(other, "q", 0), expect_counted(other, 0);
    hang_up(ch.client), expect_goodbye(ch.client);
    assert_true(counts(f).memory_bytes > 0);
    port_unregister(ch.client->port, &ch.client->port_client);
    run(f);
    assert_int_equal(counts(f).memory_bytes, 0);
}

/* ---- identities ---- */

static client_t *connected_as(fixture_t *f, size_t port, const char *identity)
{
    client_t *c = client_at(f, port);
    opening_t view = {
        .name = text(identity), .vhost = text("/"), .user = text("guest"), .identity = text(identity)};
    push((chan_t){c, 0}, (command_t){.type = COMMAND_CONNECTION_OPEN, .opening = opening_new(&view)});
    return c;
}

static void the_newer_connection_of_an_identity_ends_the_older(void **state)
{
    fixture_t *f = *state;
    for (size_t port = 0; port < FIXTURE_PORTS; port++) { /* from whatever thread it comes */
        client_t *first = connected_as(f, 0, "bob"), *other = connected_as(f, 0, "ann");
        (void)expect((chan_t){first, 0}, EVENT_CONNECTION_OPENED);
        (void)expect((chan_t){other, 0}, EVENT_CONNECTION_OPENED);
        client_t *second = connected_as(f, port, "bob");
        expect_hard_refusal(first, 320, "bob is the newer connection of its identity");
        (void)expect((chan_t){second, 0}, EVENT_CONNECTION_OPENED);
        assert_int_equal(counts(f).connections, 2);
        goodbye(second), expect_goodbye(second);
        goodbye(other), expect_goodbye(other);
    }
}

static void an_identity_is_free_when_its_connection_has_gone(void **state)
{
    fixture_t *f = *state;
    for (int i = 0; i < 3; i++) {
        client_t *c = connected_as(f, 0, "bob");
        (void)expect((chan_t){c, 0}, EVENT_CONNECTION_OPENED);
        if (i % 2)
            goodbye(c);
        else
            hang_up(c);
        expect_goodbye(c);
    }
}

static void those_without_an_identity_do_not_meet(void **state)
{
    fixture_t *f = *state;
    (void)connected_as(f, 0, ""), (void)connected_as(f, 1, ""), (void)connected_as(f, 0, "");
    run(f);
    assert_int_equal(counts(f).connections, 3);
}

static void shutdown_ends_everyone_with_320(void **state)
{
    static const char why[] = "broker forced connection closure with reason 'shutdown'";
    fixture_t *f = *state;
    chan_t ch = new_channel(f);
    client_t *other = connected_at(f, 1);
    new_queue(ch, "q");
    put_many(ch, "q", 0, 100);
    new_consumer(ch, "q", "t", 0);
    engine_shutdown(f->engine);
    expect_hard_refusal(ch.client, 320, why);
    expect_hard_refusal(other, 320, why);
    client_t *late = client_at(f, 0);
    open_connection(late, "/", "guest");
    expect_hard_refusal(late, 320, why);
}

static void an_engine_ends_cleanly_in_the_middle_of_everything(void **state)
{
    (void)state;
    for (int turns = 0; turns < 12; turns++) {
        fixture_t *f =
            fixture_new((fixture_options_t){.slice = 2, .page_entries = 2, .memory_high_bytes = 6000});
        chan_t a = new_channel(f), b = channel_of(connected_at(f, 1), 1);
        a.client->keeps_loans = true;
        declare(a, "q", COMMAND_EXCLUSIVE), declare(a, "p", COMMAND_AUTO_DELETE), declare(b, "o", 0);
        declare_exchange(a, "x", "topic", COMMAND_AUTO_DELETE);
        bind_queue(a, "q", "x", "#"), bind_queue(a, "p", "x", "a.*"), bind_queue(a, "o", "x", "*.b");
        consume(a, "p", "t", 0), consume(b, "o", "t", 0), confirm_select(a);
        for (int i = 0; i < 30; i++)
            publish(a, "x", "a.b", "message");
        for (int i = 0; i < turns; i++)
            (void)step(f);
        ack(a, 3, COMMAND_MULTIPLE), nack(b, 5, COMMAND_MULTIPLE | COMMAND_REQUEUE);
        purge(a, "q"), delete_queue(b, "o", 0), close_channel(b);
        if (turns % 2)
            goodbye(a.client);
        for (int i = 0; i < turns; i++)
            (void)step(f);
        fixture_free(f);
    }
}

static void the_default_bounds_are_usable(void **state)
{
    fixture_t *f = *state;
    engine_options_t options;
    engine_options_default(&options);
    options.log = &f->log;
    engine_free(&f->engine);
    f->engine = engine_new(&options);
    for (size_t i = 0; i < FIXTURE_PORTS; i++)
        engine_attach(f->engine, &f->ports[i]);
    chan_t ch = new_channel(f);
    new_queue(ch, "q");
    put_many(ch, "q", 0, 2000);
    new_consumer(ch, "q", "t", 0);
    run(f);
    assert_int_equal(pending_count(ch), 2000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(an_unknown_vhost_is_refused),
        fixture_test(exclusive_queues_are_gone_when_the_end_is_told),
        fixture_test(unacked_messages_of_all_channels_return),
        fixture_test(nothing_counts_behind_a_goodbye),
        fixture_test(a_hard_refusal_ends_all_channels),
        fixture_test(the_wire_rooms_own_reason_comes_back_with_the_end),
        fixture_test(a_number_is_used_again_after_its_release),
        fixture_test(many_connections_live_side_by_side),
        fixture_test(messages_still_on_their_way_out_live_until_the_release),
        fixture_test(the_newer_connection_of_an_identity_ends_the_older),
        fixture_test(an_identity_is_free_when_its_connection_has_gone),
        fixture_test(those_without_an_identity_do_not_meet),
        fixture_test(shutdown_ends_everyone_with_320),
        cmocka_unit_test(an_engine_ends_cleanly_in_the_middle_of_everything),
        fixture_test(the_default_bounds_are_usable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
