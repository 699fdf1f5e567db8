/* SPDX-License-Identifier: Apache-2.0
 *
 * test_settle.c: ack, nack, reject, recover: which deliveries they mean, and where messages go back to. */
#include "engine/expect.h"

/* A queue q of n00000 … with the first `out` of them taken by get, tags 1 … out. */
static chan_t with_out(fixture_t *f, unsigned count, unsigned out)
{
    char body[16];
    chan_t ch = new_channel(f);
    new_queue(ch, "q");
    put_many(ch, "q", 0, count);
    for (unsigned i = 0; i < out; i++)
        assert_int_equal(got(ch, "q", numbered(body, i)), i + 1);
    return ch;
}

static void a_requeued_message_returns_to_its_place(void **state)
{
    chan_t ch = with_out(*state, 4, 3);
    nack(ch, 2, COMMAND_REQUEUE);
    nack(ch, 1, COMMAND_REQUEUE);
    assert_queue_is(ch, "q", "n00000*", "n00001*", "n00003");
    nack(ch, 3, COMMAND_REQUEUE);
    assert_queue_is(ch, "q", "n00002*");
}

static void acked_and_rejected_messages_are_gone(void **state)
{
    chan_t ch = with_out(*state, 3, 3);
    ack(ch, 2, 0);
    nack(ch, 1, 0);
    nack(ch, 3, 0);
    expect_nothing(ch);
    assert_queue_is_empty(ch, "q");
    run(*state);
    assert_int_equal(counts(*state).memory_bytes, 0);
    assert_int_equal(counts(*state).messages_unacked, 0);
}

static void multiple_means_all_up_to_the_tag(void **state)
{
    chan_t ch = with_out(*state, 5, 5);
    ack(ch, 2, COMMAND_MULTIPLE);
    nack(ch, 4, COMMAND_MULTIPLE | COMMAND_REQUEUE);
    assert_queue_is(ch, "q", "n00002*", "n00003*");
    ack(ch, 5, 0);
    expect_nothing(ch);
    assert_int_equal(counts(*state).messages_unacked, 0);
}

static void tag_zero_multiple_means_everything_and_is_never_wrong(void **state)
{
    chan_t ch = with_out(*state, 3, 3);
    ack(ch, 0, COMMAND_MULTIPLE);
    ack(ch, 0, COMMAND_MULTIPLE);
    nack(ch, 0, COMMAND_MULTIPLE | COMMAND_REQUEUE);
    expect_nothing(ch);
    assert_int_equal(counts(*state).messages_unacked, 0);
}

static void an_unknown_tag_is_refused(void **state)
{
    chan_t ch = with_out(*state, 2, 1);
    ack(ch, 0, 0), expect_refusal_and_reopen(ch, 406, "unknown delivery tag 0");
    ack(ch, 82, 0), expect_refusal_and_reopen(ch, 406, "unknown delivery tag 82");
    nack(ch, 82, COMMAND_MULTIPLE), expect_refusal_and_reopen(ch, 406, "unknown delivery tag 82");
    uint64_t tag = got(ch, "q", "n00000*");
    assert_int_equal(tag, 1); /* counted anew */
    ack(ch, 1, 0), ack(ch, 1, 0);
    expect_refusal_and_reopen(ch, 406, "unknown delivery tag 1");
    nack(ch, 18446744073709551615u, COMMAND_REQUEUE);
    expect_refusal(ch, 406, "unknown delivery tag 18446744073709551615");
}

static void multiple_needs_its_tag_to_be_outstanding_itself(void **state)
{
    chan_t ch = with_out(*state, 4, 3);
    ack(ch, 3, 0);
    ack(ch, 2, COMMAND_MULTIPLE); /* settles 1 too */
    expect_nothing(ch);
    assert_int_equal(counts(*state).messages_unacked, 0);
    got(ch, "q", "n00003");
    ack(ch, 2, COMMAND_MULTIPLE); /* settled already; that 4 is outstanding does not help */
    expect_refusal(ch, 406, "unknown delivery tag 2");
}

static void a_wrong_multiple_settles_nothing(void **state)
{
    chan_t ch = with_out(*state, 2, 2);
    ack(ch, 3, COMMAND_MULTIPLE);
    expect_refusal_and_reopen(ch, 406, "unknown delivery tag 3");
    assert_queue_is(ch, "q", "n00000*", "n00001*"); /* both came back with the channel's end */
}

static void tags_belong_to_their_channel(void **state)
{
    chan_t ch = with_out(*state, 1, 1), other = channel_of(ch.client, 2);
    ack(other, 1, 0);
    expect_refusal(other, 406, "unknown delivery tag 1");
    ack(ch, 1, 0);
    expect_nothing(ch);
}

static void automatic_acks_leave_no_tag(void **state)
{
    chan_t ch = with_out(*state, 1, 0);
    get(ch, "q", COMMAND_NO_ACK);
    uint64_t tag = expect_got(ch, "n00000");
    ack(ch, tag, 0);
    expect_refusal(ch, 406, "unknown delivery tag 1");
}

static void recover_requeues_all_of_the_channel_before_its_answer(void **state)
{
    chan_t ch = with_out(*state, 4, 3), other = channel_of(ch.client, 2);
    got(other, "q", "n00003");
    recover(ch, 0), expect_ok(ch);
    assert_queue_is(ch, "q", "n00000*", "n00001*", "n00002*");
    recover(ch, 0), expect_ok(ch); /* nothing is out: fine */
    recover(other, COMMAND_NOWAIT);
    expect_nothing(other);
    assert_queue_is(ch, "q", "n00003*");
}

static void a_consumer_gets_recovered_messages_in_their_order_with_new_tags(void **state)
{
    chan_t ch = new_channel(*state);
    new_queue(ch, "q");
    new_consumer(ch, "q", "t", 0);
    put_many(ch, "q", 0, 3);
    expect_delivery(ch, "n00000"), expect_delivery(ch, "n00001"), expect_delivery(ch, "n00002");
    recover(ch, 0), expect_ok(ch);
    assert_int_equal(expect_delivery(ch, "n00000*"), 4);
    assert_int_equal(expect_delivery(ch, "n00001*"), 5);
    assert_int_equal(expect_delivery(ch, "n00002*"), 6);
    expect_nothing(ch);
}

static void a_message_requeued_by_one_reaches_another_consumer_redelivered(void **state)
{
    chan_t ch = new_channel(*state), other = channel_of(ch.client, 2);
    new_queue(ch, "q");
    qos(ch, 1, 0), expect_ok(ch);
    new_consumer(ch, "q", "t", 0);
    put(ch, "q", "a");
    uint64_t tag = expect_delivery(ch, "a");
    put(ch, "q", "b");
    new_consumer(other, "q", "t", 0);
    expect_delivery(other, "b");
    cancel(ch, "t", 0), expect(ch, EVENT_CONSUMER_CANCELLED);
    nack(ch, tag, COMMAND_REQUEUE);
    expect_delivery(other, "a*");
}

static void a_redelivered_message_stays_redelivered(void **state)
{
    chan_t ch = with_out(*state, 1, 1);
    for (int i = 0; i < 3; i++) {
        nack(ch, (uint64_t)i + 1, COMMAND_REQUEUE);
        got(ch, "q", "n00000*");
    }
}

/* Deliveries of one channel from several queues, settled at random; a plain array says what is out. */
static void random_settling_loses_and_doubles_nothing(void **state)
{
    (void)state;
    enum { MESSAGES = 300 };
    for (uint64_t run_number = 1; run_number <= 6; run_number++) {
        fixture_t *f = fixture_new((fixture_options_t){.page_entries = 2, .slice = 4});
        uint64_t seed = run_number * 0x9e3779b97f4a7c15u;
        char body[16];
        chan_t ch = new_channel(f);
        static const char *const names[] = {"q", "p"};
        new_queue(ch, "q"), new_queue(ch, "p");
        new_consumer(ch, "q", "a", 0), new_consumer(ch, "p", "b", 0);
        for (unsigned i = 0; i < MESSAGES; i++)
            put(ch, names[i % 2], numbered(body, i));

        bool done[MESSAGES] = {false};
        unsigned left = MESSAGES;
        while (left > 0) {
            const seen_t *s = expect(ch, EVENT_DELIVER);
            unsigned n = (unsigned)strtoul(s->body + 1, NULL, 10);
            assert_false(done[n]);
            uint64_t tag = s->event.delivery_tag;
            if (chance(&seed, 3) == 0) {
                nack(ch, tag, COMMAND_REQUEUE);
            } else {
                ack(ch, tag, 0);
                done[n] = true;
                left--;
            }
        }
        expect_nothing(ch);
        assert_int_equal(counts(f).messages_ready + counts(f).messages_unacked, 0);
        assert_int_equal(counts(f).memory_bytes, 0);
        fixture_free(f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(a_requeued_message_returns_to_its_place),
        fixture_test(acked_and_rejected_messages_are_gone),
        fixture_test(multiple_means_all_up_to_the_tag),
        fixture_test(tag_zero_multiple_means_everything_and_is_never_wrong),
        fixture_test(an_unknown_tag_is_refused),
        fixture_test(multiple_needs_its_tag_to_be_outstanding_itself),
        fixture_test(a_wrong_multiple_settles_nothing),
        fixture_test(tags_belong_to_their_channel),
        fixture_test(automatic_acks_leave_no_tag),
        fixture_test(recover_requeues_all_of_the_channel_before_its_answer),
        fixture_test(a_consumer_gets_recovered_messages_in_their_order_with_new_tags),
        fixture_test(a_message_requeued_by_one_reaches_another_consumer_redelivered),
        fixture_test(a_redelivered_message_stays_redelivered),
        fixture_test(random_settling_loses_and_doubles_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
