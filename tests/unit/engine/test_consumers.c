/* SPDX-License-Identifier: Apache-2.0
 *
 * test_consumers.c: consume, cancel, qos, and who gets which message. */
#include "engine/expect.h"

static void consumers_take_turns(void **state)
{
    chan_t ch = new_channel(*state);
    new_queue(ch, "q");
    uint32_t a = new_consumer(ch, "q", "a", COMMAND_NO_ACK), b = new_consumer(ch, "q", "b", COMMAND_NO_ACK);
    put_many(ch, "q", 0, 4);
    expect_delivery_to(ch, a, "n00000");
    expect_delivery_to(ch, b, "n00001");
    expect_delivery_to(ch, a, "n00002");
    expect_delivery_to(ch, b, "n00003");
}

static void consumers_of_several_connections_take_turns(void **state)
{
    fixture_t *f = *state;
    chan_t a = new_channel(f), b = channel_of(connected_at(f, 1), 1);
    new_queue(a, "q");
    new_consumer(a, "q", "t", COMMAND_NO_ACK), new_consumer(b, "q", "t", COMMAND_NO_ACK);
    put_many(a, "q", 0, 10);
    assert_int_equal(pending_count(a), 5);
    assert_int_equal(pending_count(b), 5);
}

static void consume_ok_comes_before_the_first_delivery_and_nothing_after_cancel_ok(void **state)
{
    chan_t ch = new_channel(*state);
    new_queue(ch, "q");
    put_many(ch, "q", 0, 2);
    uint32_t number = consume(ch, "q", "t", 0);
    expect_started(ch, number);
    expect_delivery(ch, "n00000");
    expect_delivery(ch, "n00001");
    put(ch, "q", "late");
    cancel(ch, "t", 0);
    run(*state);
    seen_t *s = next_event(ch);
    if (s->event.type == EVENT_DELIVER)
        s = expect(ch, EVENT_CONSUMER_CANCELLED);
    assert_int_equal(s->event.type, EVENT_CONSUMER_CANCELLED);
    assert_string_equal(s->text, "t");
    put(ch, "q", "later");
    expect_nothing(ch);
}

static void cancelling_an_unknown_tag_succeeds(void **state)
{
    chan_t ch = new_channel(*state);
    cancel(ch, "t", 0);
    const seen_t *s = expect(ch, EVENT_CONSUMER_CANCELLED);
    assert_string_equal(s->text, "t");
    assert_int_equal(s->event.consumer, 0);
    cancel(ch, "t", COMMAND_NOWAIT);
    expect_nothing(ch);
}

static void a_cancel_without_answer_ends_the_consumer_for_the_wire_room(void **state)
{
    chan_t ch = new_channel(*state);
    new_queue(ch, "q");
    uint32_t number = new_consumer(ch, "q", "t", 0);
    cancel(ch, "t", COMMAND_NOWAIT);
    const seen_t *s = expect(ch, EVENT_CONSUMER_GONE);
    assert_int_equal(s->event.consumer, number);
    assert_int_equal(s->event.flags, 0); /* without NOTIFY: the client asked for it */
}

static void cancelling_leaves_what_is_out_with_the_channel(void **state)
{
    chan_t ch = new_channel(*state);
    new_queue(ch, "q");
    new_consumer(ch, "q", "t", 0);
    put_many(ch, "q", 0, 2);
    uint64_t a = expect_delivery(ch, "n00000"), b = expect_delivery(ch, "n00001");
    cancel(ch, "t", 0), expect(ch, EVENT_CONSUMER_CANCELLED);
    assert_queue_is_empty(ch, "q");
    ack(ch, a, 0), nack(ch, b, COMMAND_REQUEUE);
    assert_queue_is(ch, "q", "n00001*");
    new_consumer(ch, "q", "t", 0); /* and the tag is free */
}

static void a_tag_is_used_once_in_a_channel(void **state)
{
    chan_t ch = new_channel(*state), other = channel_of(ch.client, 2);
    new_queue(ch, "q");
    new_consumer(ch, "q", "t", 0), new_consumer(other, "q", "t", 0);
    consume(ch, "q", "t", 0);
    expect_hard_refusal(ch.client, 530, "attempt to reuse consumer tag 't'");
}

static void an_exclusive_consumer_is_the_only_one(void **state)
{
    static const char why[] = "queue 'q' in vhost '/' in exclusive use";
    chan_t ch = new_channel(*state), other = channel_of(ch.client, 2);
    new_queue(ch, "q");
    new_consumer(ch, "q", "a", COMMAND_EXCLUSIVE);
    consume(other, "q", "b", 0), expect_refusal_and_reopen(other, 403, why);
    consume(other, "q", "b", COMMAND_EXCLUSIVE), expect_refusal_and_reopen(other, 403, why);
    cancel(ch, "a", 0), expect(ch, EVENT_CONSUMER_CANCELLED);
    new_consumer(other, "q", "b", 0);
    consume(ch, "q", "a", COMMAND_EXCLUSIVE), expect_refusal(ch, 403, why);
}

static void direct_reply_to_is_refused_by_name(void **state)
{
    chan_t ch = new_channel(*state);
    consume(ch, "amq.rabbitmq.reply-to", "t", COMMAND_NO_ACK);
    expect_hard_refusal(ch.client, 540, "direct reply-to (queue 'amq.rabbitmq.reply-to') is not supported");
}

static void a_channel_has_as_many_consumers_as_it_may(void **state)
{
    (void)state;
    fixture_t *f = fixture_new((fixture_options_t){.consumers_max = 2});
    chan_t ch = new_channel(f);
    new_queue(ch, "q");
    new_consumer(ch, "q", "a", 0), new_consumer(ch, "q", "b", 0);
    cancel(ch, "a", 0), expect(ch, EVENT_CONSUMER_CANCELLED);
    new_consumer(ch, "q", "c", 0);
    consume(ch, "q", "d", 0);
    expect_hard_refusal(ch.client, 530, "reached maximum (2) of consumers per channel");
    fixture_free(f);
}

/* ---- prefetch ---- */

static void each_consumer_has_its_own_window(void **state)
{
    chan_t ch = new_channel(*state);
    new_queue(ch, "q"), new_queue(ch, "p");
    qos(ch, 2, 0), expect_ok(ch);
    new_consumer(ch, "q", "a", 0), new_consumer(ch, "p", "b", 0);
    put_many(ch, "q", 0, 5), put_many(ch, "p", 10, 5);
    uint64_t first = expect_delivery(ch, "n00000");
    expect_delivery(ch, "n00001"), expect_delivery(ch, "n00010"), expect_delivery(ch, "n00011");
    expect_nothing(ch);
    ack(ch, first, 0);
    expect_delivery(ch, "n00002");
    expect_nothing(ch);
}

static void qos_changes_only_consumers_to_come(void **state)
{
    chan_t ch = new_channel(*state);
    new_queue(ch, "q"), new_queue(ch, "p");
    qos(ch, 1, 0), expect_ok(ch);
    new_consumer(ch, "q", "a", 0);
    qos(ch, 3, 0), expect_ok(ch);
    new_consumer(ch, "p", "b", 0);
    put_many(ch, "q", 0, 5);
    expect_delivery(ch, "n00000");
    expect_nothing(ch);
    put_many(ch, "p", 10, 5);
    expect_delivery(ch, "n00010"), expect_delivery(ch, "n00011"), expect_delivery(ch, "n00012");
    expect_nothing(ch);
}

static void no_limit_means_no_limit(void **state)
{
    chan_t ch = new_channel(*state);
    new_queue(ch, "q");
    qos(ch, 0, 0), expect_ok(ch);
    new_consumer(ch, "q", "a", 0);
    put_many(ch, "q", 0, 200);
    assert_int_equal(pending_count(ch), 200);
}

static void a_global_window_is_shared_by_the_channel(void **state)
{
    chan_t ch = new_channel(*state), other = channel_of(ch.client, 2);
    new_queue(ch, "q"), new_queue(ch, "p");
    qos(ch, 3, COMMAND_GLOBAL), expect_ok(ch);
    new_consumer(ch, "q", "a", 0), new_consumer(ch, "p", "b", 0);
    put_many(ch, "q", 0, 5), put_many(ch, "p", 10, 5);
    run(*state);
    assert_int_equal(pending_count(ch), 3);
    uint64_t tag = expect_delivery(ch, "n00000");
    expect_delivery(ch, "n00001"), expect_delivery(ch, "n00002");
    ack(ch, tag, 0);
    run(*state);
    assert_int_equal(pending_count(ch), 1);
    new_consumer(other, "q", "c", 0); /* another channel has its own */
    expect_delivery(other, "n00004");
}

static void both_windows_count(void **state)
{
    chan_t ch = new_channel(*state);
    new_queue(ch, "q"), new_queue(ch, "p");
    qos(ch, 2, 0), expect_ok(ch);
    qos(ch, 3, COMMAND_GLOBAL), expect_ok(ch);
    new_consumer(ch, "q", "a", 0);
    put_many(ch, "q", 0, 5);
    assert_int_equal(pending_count(ch), 2);
    expect_delivery(ch, "n00000"), expect_delivery(ch, "n00001");
    new_consumer(ch, "p", "b", 0);
    put_many(ch, "p", 10, 5);
    expect_delivery(ch, "n00010");
    expect_nothing(ch);
    qos(ch, 4, COMMAND_GLOBAL), expect_ok(ch); /* a wider one takes effect at once */
    expect_delivery(ch, "n00011");
    expect_nothing(ch);
}

static void a_window_of_each_consumer_ends_the_global_one(void **state)
{
    chan_t ch = new_channel(*state);
    new_queue(ch, "q");
    qos(ch, 1, COMMAND_GLOBAL), expect_ok(ch);
    new_consumer(ch, "q", "a", 0);
    put_many(ch, "q", 0, 3);
    expect_delivery(ch, "n00000");
    expect_nothing(ch);
    qos(ch, 5, 0), expect_ok(ch);
    expect_delivery(ch, "n00001"), expect_delivery(ch, "n00002");
}

static void automatic_acks_and_gets_have_no_window(void **state)
{
    chan_t ch = new_channel(*state);
    new_queue(ch, "q"), new_queue(ch, "p");
    qos(ch, 1, 0), expect_ok(ch);
    qos(ch, 1, COMMAND_GLOBAL), expect_ok(ch);
    put_many(ch, "p", 0, 3);
    got(ch, "p", "n00000"), got(ch, "p", "n00001"); /* gets are neither limited nor counted */
    new_consumer(ch, "p", "b", 0);
    expect_delivery(ch, "n00002");
    new_consumer(ch, "q", "a", COMMAND_NO_ACK);
    put_many(ch, "q", 10, 5);
    assert_int_equal(pending_count(ch), 5);
}

static void the_bound_on_what_is_out_stops_deliveries_and_gets(void **state)
{
    (void)state;
    fixture_t *f = fixture_new((fixture_options_t){.unacked_max = 3});
    chan_t ch = new_channel(f);
    new_queue(ch, "q");
    put_many(ch, "q", 0, 6);
    new_consumer(ch, "q", "t", 0);
    uint64_t tag = expect_delivery(ch, "n00000");
    expect_delivery(ch, "n00001"), expect_delivery(ch, "n00002");
    expect_nothing(ch);
    ack(ch, tag, 0);
    expect_delivery(ch, "n00003");
    expect_nothing(ch);
    get(ch, "q", 0);
    expect_hard_refusal(ch.client, 506,
                        "channel 1 holds 3 unacknowledged deliveries, the most it may "
                        "(limits.unacked_per_channel)");
    fixture_free(f);
}

static void delivery_tags_rise_by_one_for_every_delivery(void **state)
{
    chan_t ch = new_channel(*state), other = channel_of(ch.client, 2);
    new_queue(ch, "q");
    put_many(ch, "q", 0, 2);
    assert_int_equal(got(ch, "q", "n00000"), 1);
    get(ch, "q", COMMAND_NO_ACK);
    assert_int_equal(expect_got(ch, "n00001"), 2);
    new_consumer(ch, "q", "t", COMMAND_NO_ACK);
    put(ch, "q", "a");
    assert_int_equal(expect_delivery(ch, "a"), 3);
    cancel(ch, "t", 0), expect(ch, EVENT_CONSUMER_CANCELLED);
    new_consumer(other, "q", "t", 0);
    put(ch, "q", "b");
    assert_int_equal(expect_delivery(other, "b"), 1);
}

/* ---- auto-delete ---- */

static void an_auto_delete_queue_goes_with_its_last_consumer(void **state)
{
    chan_t ch = new_channel(*state), other = channel_of(ch.client, 2);
    declare(ch, "q", COMMAND_AUTO_DELETE), expect_declared(ch, "q", 0, 0);
    declare(ch, "p", COMMAND_AUTO_DELETE), expect_declared(ch, "p", 0, 0); /* never consumed: stays */
    new_consumer(ch, "q", "a", 0), new_consumer(other, "q", "b", 0);
    cancel(ch, "a", 0), expect(ch, EVENT_CONSUMER_CANCELLED);
    declare(ch, "q", COMMAND_PASSIVE), expect_declared(ch, "q", 0, 1);
    close_channel(other), expect(other, EVENT_CHANNEL_CLOSED);
    declare(ch, "q", COMMAND_PASSIVE);
    expect_refusal_and_reopen(ch, 404, "no queue 'q' in vhost '/'");
    declare(ch, "p", COMMAND_PASSIVE), expect_declared(ch, "p", 0, 0);
}

static void an_auto_delete_queue_takes_what_is_out_along(void **state)
{
    chan_t ch = new_channel(*state);
    declare(ch, "q", COMMAND_AUTO_DELETE), expect_declared(ch, "q", 0, 0);
    new_consumer(ch, "q", "t", 0);
    put_many(ch, "q", 0, 3);
    uint64_t tag = expect_delivery(ch, "n00000");
    expect_delivery(ch, "n00001"), expect_delivery(ch, "n00002");
    cancel(ch, "t", 0), expect(ch, EVENT_CONSUMER_CANCELLED);
    nack(ch, tag, COMMAND_REQUEUE), ack(ch, 0, COMMAND_MULTIPLE);
    expect_nothing(ch);
    assert_int_equal(counts(*state).memory_bytes, 0);
    assert_int_equal(counts(*state).queues, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(consumers_take_turns),
        fixture_test(consumers_of_several_connections_take_turns),
        fixture_test(consume_ok_comes_before_the_first_delivery_and_nothing_after_cancel_ok),
        fixture_test(cancelling_an_unknown_tag_succeeds),
        fixture_test(a_cancel_without_answer_ends_the_consumer_for_the_wire_room),
        fixture_test(cancelling_leaves_what_is_out_with_the_channel),
        fixture_test(a_tag_is_used_once_in_a_channel),
        fixture_test(an_exclusive_consumer_is_the_only_one),
        fixture_test(direct_reply_to_is_refused_by_name),
        fixture_test(a_channel_has_as_many_consumers_as_it_may),
        fixture_test(each_consumer_has_its_own_window),
        fixture_test(qos_changes_only_consumers_to_come),
        fixture_test(no_limit_means_no_limit),
        fixture_test(a_global_window_is_shared_by_the_channel),
        fixture_test(both_windows_count),
        fixture_test(a_window_of_each_consumer_ends_the_global_one),
        fixture_test(automatic_acks_and_gets_have_no_window),
        fixture_test(the_bound_on_what_is_out_stops_deliveries_and_gets),
        fixture_test(delivery_tags_rise_by_one_for_every_delivery),
        fixture_test(an_auto_delete_queue_goes_with_its_last_consumer),
        fixture_test(an_auto_delete_queue_takes_what_is_out_along),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
