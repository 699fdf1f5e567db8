/* SPDX-License-Identifier: Apache-2.0
 *
 * test_channel.c: a channel's life: how it ends, what counts afterwards, and how its number is used again. */
#include "engine/expect.h"

static void unacked_messages_are_back_before_close_ok(void **state)
{
    fixture_t *f = *state;
    chan_t ch = new_channel(f), other = channel_of(ch.client, 2);
    new_queue(ch, "q");
    put_many(ch, "q", 0, 3);
    new_consumer(ch, "q", "t", 0);
    expect_delivery(ch, "n00000"), expect_delivery(ch, "n00001"), expect_delivery(ch, "n00002");
    close_channel(ch);
    get(other, "q", COMMAND_NO_ACK); /* behind the close, in the same batch */
    expect(ch, EVENT_CHANNEL_CLOSED);
    expect_got(other, "n00000*");
    assert_queue_is(other, "q", "n00001*", "n00002*");
    declare(other, "q", COMMAND_PASSIVE), expect_declared(other, "q", 0, 0);
}

static void a_closed_number_is_opened_as_new(void **state)
{
    chan_t ch = new_channel(*state);
    new_queue(ch, "q");
    put_many(ch, "q", 0, 2);
    qos(ch, 1, 0), expect_ok(ch);
    got(ch, "q", "n00000");
    close_channel(ch);
    open_channel(ch); /* not waiting for the answer */
    expect(ch, EVENT_CHANNEL_CLOSED);
    expect(ch, EVENT_CHANNEL_OPENED);
    new_consumer(ch, "q", "t", 0);
    assert_int_equal(expect_delivery(ch, "n00000*"), 1);
    assert_int_equal(expect_delivery(ch, "n00001"), 2); /* no prefetch any more */
    assert_int_equal(counts(*state).channels, 1);
}

static void nothing_counts_on_a_closed_channel(void **state)
{
    chan_t ch = new_channel(*state), other = channel_of(ch.client, 2);
    new_queue(other, "q");
    close_channel(ch);
    put(ch, "q", "1"), declare(ch, "p", 0), get(ch, "q", 0), ack(ch, 5, 0);
    expect(ch, EVENT_CHANNEL_CLOSED);
    expect_nothing(ch);
    assert_queue_is_empty(other, "q");
    assert_int_equal(counts(*state).channels, 1);
    assert_int_equal(counts(*state).memory_bytes, 0);
}

static void nothing_counts_on_a_refused_channel_until_it_is_released(void **state)
{
    chan_t ch = new_channel(*state), other = channel_of(ch.client, 2);
    new_queue(other, "q");
    get(ch, "nobody", 0);
    put(ch, "q", "1"), declare(ch, "p", 0), get(ch, "nobody", 0), ack(ch, 5, 0), echo(ch);
    expect_refusal(ch, 404, "no queue 'nobody' in vhost '/'");
    put(ch, "q", "2"), echo(ch);
    expect_nothing(ch);
    release_channel(ch);
    put(ch, "q", "3"), echo(ch);
    expect_nothing(ch);
    assert_queue_is_empty(other, "q");
    open_channel(ch), expect(ch, EVENT_CHANNEL_OPENED);
    put(ch, "q", "4");
    assert_queue_is(other, "q", "4");
}

static void a_close_that_crosses_a_refusal_is_answered(void **state)
{
    chan_t ch = new_channel(*state);
    get(ch, "nobody", 0);
    close_channel(ch);
    expect_refusal(ch, 404, "no queue 'nobody' in vhost '/'");
    expect(ch, EVENT_CHANNEL_CLOSED);
    echo(ch);
    expect_nothing(ch); /* the peer has still to say that it knows */
    release_channel(ch);
    open_channel(ch), expect(ch, EVENT_CHANNEL_OPENED);
}

static void opening_a_refused_channel_ends_the_connection(void **state)
{
    chan_t ch = new_channel(*state);
    get(ch, "nobody", 0);
    open_channel(ch);
    expect_refusal(ch, 404, "no queue 'nobody' in vhost '/'");
    expect_hard_refusal(ch.client, 504, "second 'channel.open' seen");
}

static void a_refusal_gives_back_consumers_and_messages_before_it_is_told(void **state)
{
    chan_t ch = new_channel(*state), other = channel_of(ch.client, 2);
    new_queue(ch, "q");
    put_many(ch, "q", 0, 2);
    new_consumer(ch, "q", "t", 0);
    expect_delivery(ch, "n00000"), expect_delivery(ch, "n00001");
    ack(ch, 99, 0);
    declare(other, "q", COMMAND_PASSIVE);
    expect_declared(other, "q", 2, 0);
    expect_refusal(ch, 406, "unknown delivery tag 99");
    assert_queue_is(other, "q", "n00000*", "n00001*");
}

static void a_wire_rooms_refusal_comes_in_its_turn(void **state)
{
    chan_t ch = new_channel(*state);
    declare(ch, "q", 0);
    push(ch, (command_t){.type = COMMAND_REFUSE, .refusal = refusal_new(406, 77, "too large")});
    declare(ch, "p", 0);
    expect_declared(ch, "q", 0, 0);
    const seen_t *s = expect(ch, EVENT_CHANNEL_REFUSED);
    check_refusal(s, 406, "too large");
    assert_int_equal(s->refusal_cause, 77);
    assert_int_equal(counts(*state).queues, 1);
    chan_t other = channel_of(ch.client, 2);
    push(other, (command_t){.type = COMMAND_REFUSE, .refusal = refusal_new(540, 0, "immediate=true")});
    expect_hard_refusal(ch.client, 540, "immediate=true");
}

static void commands_on_a_channel_never_opened_are_dropped(void **state)
{
    chan_t ch = new_channel(*state), never = {ch.client, 9};
    new_queue(ch, "q");
    put(never, "q", "1"), get(never, "q", 0), close_channel(never), release_channel(never);
    expect_nothing(never);
    assert_queue_is_empty(ch, "q");
}

static void an_echo_is_answered_in_its_turn(void **state)
{
    chan_t ch = new_channel(*state);
    declare(ch, "q", 0), echo(ch), declare(ch, "p", 0);
    expect_declared(ch, "q", 0, 0);
    expect_ok(ch);
    expect_declared(ch, "p", 0, 0);
}

static void all_numbers_can_be_used(void **state)
{
    client_t *c = connected(*state);
    static const uint16_t numbers[] = {1, 65535, 255, 256, 32768};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        (void)channel_of(c, numbers[i]);
    assert_int_equal(counts(*state).channels, 5);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        chan_t ch = {c, numbers[i]};
        close_channel(ch), expect(ch, EVENT_CHANNEL_CLOSED);
    }
    assert_int_equal(counts(*state).channels, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(unacked_messages_are_back_before_close_ok),
        fixture_test(a_closed_number_is_opened_as_new),
        fixture_test(nothing_counts_on_a_closed_channel),
        fixture_test(nothing_counts_on_a_refused_channel_until_it_is_released),
        fixture_test(a_close_that_crosses_a_refusal_is_answered),
        fixture_test(opening_a_refused_channel_ends_the_connection),
        fixture_test(a_refusal_gives_back_consumers_and_messages_before_it_is_told),
        fixture_test(a_wire_rooms_refusal_comes_in_its_turn),
        fixture_test(commands_on_a_channel_never_opened_are_dropped),
        fixture_test(an_echo_is_answered_in_its_turn),
        fixture_test(all_numbers_can_be_used),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
