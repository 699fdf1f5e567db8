/* SPDX-License-Identifier: Apache-2.0
 *
 * test_loans.c: messages on their way out: given back by number, and what happens while a peer does not read.
 */
#include "engine/expect.h"

static void give_back(client_t *c, uint64_t through)
{
    c->returned = through;
    push_number((chan_t){c, 0}, COMMAND_SENT, 0, through);
}

static void messages_live_until_their_loan_is_given_back(void **state)
{
    fixture_t *f = *state;
    chan_t ch = new_channel(f);
    ch.client->keeps_loans = true;
    new_queue(ch, "q");
    put_many(ch, "q", 0, 3);
    new_consumer(ch, "q", "t", COMMAND_NO_ACK);
    expect_delivery(ch, "n00000"), expect_delivery(ch, "n00001"), expect_delivery(ch, "n00002");
    uint64_t all = counts(f).memory_bytes;
    give_back(ch.client, 1), run(f);
    assert_int_equal(counts(f).memory_bytes, all / 3 * 2);
    give_back(ch.client, 1), run(f); /* again: nothing more */
    assert_int_equal(counts(f).memory_bytes, all / 3 * 2);
    give_back(ch.client, 3), run(f);
    assert_int_equal(counts(f).memory_bytes, 0);
}

static void an_acked_message_lives_until_its_octets_have_left(void **state)
{
    fixture_t *f = *state;
    chan_t ch = new_channel(f);
    ch.client->keeps_loans = true;
    new_queue(ch, "q");
    put(ch, "q", "1");
    ack(ch, got(ch, "q", "1"), 0), run(f);
    assert_true(counts(f).memory_bytes > 0);
    return_loans(ch.client), run(f);
    assert_int_equal(counts(f).memory_bytes, 0);
}

static void returns_and_gets_are_loans_too(void **state)
{
    fixture_t *f = *state;
    chan_t ch = new_channel(f);
    ch.client->keeps_loans = true;
    new_queue(ch, "q");
    put(ch, "q", "1");
    publish_mandatory(ch, "", "nobody", "2");
    get(ch, "q", COMMAND_NO_ACK);
    expect(ch, EVENT_RETURN), expect_got(ch, "1");
    assert_int_equal(ch.client->lent, 2);
    uint64_t both = counts(f).memory_bytes;
    give_back(ch.client, 1), run(f);
    assert_in_range(counts(f).memory_bytes, 1, both - 1);
    give_back(ch.client, 2), run(f);
    assert_int_equal(counts(f).memory_bytes, 0);
}

static void one_message_is_lent_to_many(void **state)
{
    fixture_t *f = *state;
    chan_t ch[5];
    for (size_t i = 0; i < 5; i++) {
        char name[16];
        ch[i] = channel_of(connected_at(f, i % 2), 1);
        ch[i].client->keeps_loans = true;
        new_queue(ch[i], numbered(name, (unsigned)i));
        bound(ch[i], name, "amq.fanout", "");
        new_consumer(ch[i], name, "t", COMMAND_NO_ACK);
    }
    publish(ch[0], "amq.fanout", "", "1");
    run(f);
    uint64_t one = counts(f).memory_bytes;
    for (size_t i = 0; i < 5; i++) {
        expect_delivery(ch[i], "1");
        assert_int_equal(counts(f).memory_bytes, one);
        return_loans(ch[i].client), run(f);
    }
    assert_int_equal(counts(f).memory_bytes, 0);
}

static void deliveries_stop_at_a_peer_that_does_not_read_and_go_on_when_it_does(void **state)
{
    (void)state;
    fixture_t *f = fixture_new((fixture_options_t){.output_bytes = 1000});
    chan_t ch = new_channel(f), other = new_channel(f);
    ch.client->keeps_loans = true;
    new_queue(ch, "q");
    new_consumer(ch, "q", "a", COMMAND_NO_ACK), new_consumer(ch, "q", "b", 0);
    put_many(other, "q", 0, 100);
    size_t first = pending_count(ch);
    assert_in_range(first, 10, 15); /* 72 octets each, by the engine's reckoning */
    declare(ch, "p", 0);            /* answers are not held up */
    run(f);
    assert_int_equal(pending_count(ch), first + 1);
    new_consumer(other, "q", "c", 0); /* nor is anyone else */
    run(f);
    assert_int_equal(pending_count(other), 100 - first);
    close_channel(other), expect(other, EVENT_DELIVER);
    while (next_event(other)->event.type != EVENT_CHANNEL_CLOSED)
        ;
    run(f);
    assert_int_equal(pending_count(ch), first + 1);
    while (counts(f).messages_ready > 0) {
        assert_true(ch.client->returned < ch.client->lent);
        return_loans(ch.client), run(f);
    }
    assert_int_equal(pending_count(ch), 101);
    fixture_free(f);
}

static void a_stalled_consumer_can_go(void **state)
{
    (void)state;
    fixture_t *f = fixture_new((fixture_options_t){.output_bytes = 200});
    chan_t ch = new_channel(f), other = new_channel(f);
    ch.client->keeps_loans = true;
    new_queue(ch, "q");
    new_consumer(ch, "q", "a", COMMAND_NO_ACK);
    put_many(other, "q", 0, 20);
    cancel(ch, "a", 0), run(f);
    uint64_t left = counts(f).messages_ready;
    assert_true(left > 10);
    return_loans(ch.client), run(f);
    assert_int_equal(counts(f).messages_ready, left);
    hang_up(ch.client), run(f);
    assert_true(ch.client->closed);
    fixture_free(f);
}

static void a_large_message_is_delivered_even_if_it_alone_is_more_than_may_be_out(void **state)
{
    (void)state;
    fixture_t *f = fixture_new((fixture_options_t){.output_bytes = 70});
    chan_t ch = new_channel(f);
    new_queue(ch, "q");
    new_consumer(ch, "q", "a", 0);
    put_many(ch, "q", 0, 5);
    run(f);
    assert_int_equal(pending_count(ch), 5);
    fixture_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(messages_live_until_their_loan_is_given_back),
        fixture_test(an_acked_message_lives_until_its_octets_have_left),
        fixture_test(returns_and_gets_are_loans_too),
        fixture_test(one_message_is_lent_to_many),
        cmocka_unit_test(deliveries_stop_at_a_peer_that_does_not_read_and_go_on_when_it_does),
        cmocka_unit_test(a_stalled_consumer_can_go),
        cmocka_unit_test(a_large_message_is_delivered_even_if_it_alone_is_more_than_may_be_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
