/* SPDX-License-Identifier: Apache-2.0
 *
 * test_tx.c: transactions: nothing of one before its commit, all of it from then on; and how much one may be. What the log
 * has of them is in test_tx_durable.c. */
#include "engine/events.h"
#include "engine/subscribers.h"
#include "engine/tx.h"

/* ---- select, commit, rollback ---- */

static void nothing_is_seen_before_the_commit(void **state)
{
    chan_t ch = new_channel(*state), other = new_channel(*state);
    new_queue(ch, "a"), new_queue(ch, "b");
    tx_select(ch);
    put(ch, "a", "1"), put(ch, "b", "2"), put(ch, "a", "3");
    assert_queue_is_empty(other, "a");
    assert_queue_is_empty(ch, "b"); /* its own channel sees as little */
    committed(ch);
    assert_queue_is(other, "a", "1", "3");
    assert_queue_is(other, "b", "2");
}

static void the_next_transaction_begins_by_itself(void **state)
{
    chan_t ch = new_channel(*state), other = new_channel(*state);
    new_queue(ch, "q");
    tx_select(ch);
    committed(ch); /* of nothing */
    put(ch, "q", "1"), committed(ch);
    put(ch, "q", "2"), committed(ch);
    put(ch, "q", "3");
    assert_queue_is(other, "q", "1", "2");
    committed(ch);
    assert_queue_is(other, "q", "3");
}

static void a_consumer_gets_it_after_the_commit(void **state)
{
    chan_t ch = new_channel(*state), other = new_channel(*state);
    new_queue(ch, "q");
    new_consumer(other, "q", "c", 0);
    tx_select(ch);
    put(ch, "q", "1");
    expect_nothing(other);
    committed(ch);
    expect_delivery(other, "1");
}

static void a_rollback_forgets_publishes(void **state)
{
    fixture_t *f = *state;
    chan_t ch = new_channel(f);
    new_queue(ch, "q");
    tx_select(ch);
    put(ch, "q", "1"), put(ch, "q", "2");
    rolled_back(ch);
    assert_int_equal(counts(f).memory_bytes, 0);
    put(ch, "q", "3");
    committed(ch);
    assert_queue_is(new_channel(f), "q", "3");
}

static void a_rollback_makes_deliveries_outstanding_again(void **state)
{
    chan_t ch = new_channel(*state), other = new_channel(*state);
    new_queue(ch, "q");
    put_many(ch, "q", 0, 3);
    tx_select(ch);
    uint64_t first = got(ch, "q", "n00000"), second = got(ch, "q", "n00001"), third = got(ch, "q", "n00002");
    ack(ch, first, 0), nack(ch, second, COMMAND_REQUEUE), nack(ch, third, 0);
    rolled_back(ch);
    assert_queue_is_empty(other, "q"); /* not redelivered */
    ack(ch, third, 0), ack(ch, first, 0), nack(ch, second, COMMAND_REQUEUE);
    rolled_back(ch);
    ack(ch, second, COMMAND_MULTIPLE), nack(ch, third, COMMAND_REQUEUE);
    committed(ch);
    assert_queue_is(other, "q", "n00002*");
}

static void modes_exclude_each_other(void **state)
{
    chan_t ch = new_channel(*state);
    push_simple(ch, COMMAND_TX_COMMIT, 0);
    expect_refusal_and_reopen(ch, 406, "channel is not transactional");
    push_simple(ch, COMMAND_TX_ROLLBACK, 0);
    expect_refusal_and_reopen(ch, 406, "channel is not transactional");
    confirm_select(ch), expect_ok(ch);
    push_simple(ch, COMMAND_TX_SELECT, 0);
    expect_refusal_and_reopen(ch, 406, "cannot switch from confirm to tx mode");
    tx_select(ch), tx_select(ch);
    confirm_select(ch);
    expect_refusal_and_reopen(ch, 406, "cannot switch from tx to confirm mode");
    push_simple(ch, COMMAND_TX_COMMIT, 0); /* a new channel of that number is not transactional */
    expect_refusal(ch, 406, "channel is not transactional");
}

static void ends_are_counted(void **state)
{
    fixture_t *f = *state;
    chan_t ch = new_channel(f);
    new_queue(ch, "q");
    tx_select(ch);
    put(ch, "q", "1"), put(ch, "q", "2");
    run(f);
    assert_int_equal(counts(f).published, 0);
    committed(ch), committed(ch);
    put(ch, "q", "3"), rolled_back(ch);
    assert_int_equal(counts(f).committed, 2);
    assert_int_equal(counts(f).rolled_back, 1);
    assert_int_equal(counts(f).published, 2);
}

/* ---- acks ---- */

static void a_tag_is_checked_when_its_ack_comes(void **state)
{
    chan_t ch = new_channel(*state), other = new_channel(*state);
    new_queue(other, "q");
    put_many(other, "q", 0, 2);
    tx_select(ch);
    uint64_t first = got(ch, "q", "n00000"), second = got(ch, "q", "n00001");
    ack(ch, second, 0), ack(ch, second, 0);
    expect_refusal_and_reopen(ch, 406, "unknown delivery tag 2");
    tx_select(ch);
    first = got(ch, "q", "n00000*"), second = got(ch, "q", "n00001*");
    ack(ch, second, COMMAND_MULTIPLE), nack(ch, first, 0);
    expect_refusal_and_reopen(ch, 406, "unknown delivery tag 1");
    tx_select(ch);
    first = got(ch, "q", "n00000*"), second = got(ch, "q", "n00001*");
    ack(ch, first, 0), ack(ch, first, COMMAND_MULTIPLE);
    expect_refusal_and_reopen(ch, 406, "unknown delivery tag 1");
    ack(ch, 77, 0);
    expect_refusal(ch, 406, "unknown delivery tag 77");
    assert_queue_is(other, "q", "n00000*", "n00001*");
}

static void multiple_takes_what_is_not_settled_yet(void **state)
{
    chan_t ch = new_channel(*state), other = new_channel(*state);
    new_queue(ch, "q");
    put_many(ch, "q", 0, 5);
    tx_select(ch);
    uint64_t last = 0;
    char body[16];
    for (unsigned i = 0; i < 4; i++)
        last = got(ch, "q", numbered(body, i));
    nack(ch, last - 2, COMMAND_REQUEUE);             /* n00001 */
    ack(ch, last - 1, COMMAND_MULTIPLE);             /* n00000, n00002 */
    nack(ch, 0, COMMAND_MULTIPLE | COMMAND_REQUEUE); /* n00003 */
    ack(ch, 0, COMMAND_MULTIPLE);                    /* nothing is left: never wrong */
    got(ch, "q", "n00004");                          /* comes later: is not meant */
    committed(ch);
    assert_queue_is(other, "q", "n00001*", "n00003*");
    close_channel(ch), expect(ch, EVENT_CHANNEL_CLOSED);
    assert_queue_is(other, "q", "n00004*");
}

static void what_was_rolled_back_multiple_takes_again(void **state)
{
    chan_t ch = new_channel(*state), other = new_channel(*state);
    new_queue(ch, "q");
    put_many(ch, "q", 0, 3);
    tx_select(ch);
    (void)got(ch, "q", "n00000");
    uint64_t second = got(ch, "q", "n00001");
    ack(ch, second, COMMAND_MULTIPLE);
    rolled_back(ch);
    ack(ch, second, COMMAND_MULTIPLE);
    committed(ch);
    close_channel(ch), expect(ch, EVENT_CHANNEL_CLOSED);
    assert_queue_is(other, "q", "n00002");
}

static void acks_give_prefetch_back_with_the_commit(void **state)
{
    chan_t ch = new_channel(*state);
    new_queue(ch, "q");
    put_many(ch, "q", 0, 5);
    qos(ch, 2, 0), expect_ok(ch);
    tx_select(ch);
    new_consumer(ch, "q", "c", 0);
    expect_delivery(ch, "n00000");
    uint64_t second = expect_delivery(ch, "n00001");
    ack(ch, second, COMMAND_MULTIPLE);
    expect_nothing(ch);
    rolled_back(ch);
    expect_nothing(ch);
    ack(ch, second, 0);
    expect_nothing(ch);
    committed(ch);
    expect_delivery(ch, "n00002");
    expect_nothing(ch);
}

static void a_requeue_happens_with_the_commit(void **state)
{
    chan_t ch = new_channel(*state), other = new_channel(*state);
    new_queue(ch, "q");
    put(ch, "q", "1");
    tx_select(ch);
    nack(ch, got(ch, "q", "1"), COMMAND_REQUEUE);
    assert_queue_is_empty(other, "q");
    committed(ch);
    assert_queue_is(other, "q", "1*");
}

static void recover_leaves_what_is_settled_in_the_transaction(void **state)
{
    chan_t ch = new_channel(*state), other = new_channel(*state);
    new_queue(ch, "q");
    put_many(ch, "q", 0, 4);
    tx_select(ch);
    uint64_t first = got(ch, "q", "n00000");
    got(ch, "q", "n00001");
    uint64_t third = got(ch, "q", "n00002");
    got(ch, "q", "n00003");
    ack(ch, first, 0), ack(ch, third, 0);
    recover(ch, 0), expect_ok(ch);
    assert_queue_is(other, "q", "n00001*", "n00003*");
    rolled_back(ch);
    ack(ch, first, 0), nack(ch, third, COMMAND_REQUEUE);
    committed(ch);
    assert_queue_is(other, "q", "n00002*");
}

static void an_ack_for_a_queue_that_is_gone_changes_nothing(void **state)
{
    chan_t ch = new_channel(*state), other = new_channel(*state);
    new_queue(ch, "q"), new_queue(ch, "r");
    put(ch, "q", "1"), put(ch, "q", "2");
    tx_select(ch);
    ack(ch, got(ch, "q", "1"), 0), nack(ch, got(ch, "q", "2"), COMMAND_REQUEUE), put(ch, "r", "3");
    run(*state);
    delete_queue(other, "q", 0), expect_counted(other, 0);
    committed(ch);
    assert_queue_is(other, "r", "3");
}

/* ---- the end of its channel ---- */

static void nothing_of_it_survives_the_channel(void **state)
{
    fixture_t *f = *state;
    chan_t ch = new_channel(f), other = new_channel(f);
    new_queue(other, "q"), new_queue(other, "r");
    put_many(other, "q", 0, 2);
    tx_select(ch);
    ack(ch, got(ch, "q", "n00000"), 0), put(ch, "r", "a");
    got(ch, "q", "n00001");
    close_channel(ch), expect(ch, EVENT_CHANNEL_CLOSED);
    assert_queue_is(other, "q", "n00000*", "n00001*");
    assert_queue_is_empty(other, "r");
    assert_int_equal(counts(f).memory_bytes, 0);
}

static void nor_a_refusal_or_the_end_of_the_connection(void **state)
{
    fixture_t *f = *state;
    chan_t ch = new_channel(f), other = new_channel(f);
    new_queue(other, "q"), new_queue(other, "r");
    put_many(other, "q", 0, 70); /* more than a slice */
    tx_select(ch);
    char body[16];
    uint64_t last = 0;
    for (unsigned i = 0; i < 70; i++) {
        last = got(ch, "q", numbered(body, i));
        put(ch, "r", "a");
    }
    ack(ch, last, COMMAND_MULTIPLE);
    publish(ch, "nowhere", "k", "b");
    expect_refusal_and_reopen(ch, 404, "no exchange 'nowhere' in vhost '/'");
    purge(other, "q"), expect_counted(other, 70);
    tx_select(ch);
    put_many(ch, "r", 0, 70);
    goodbye(ch.client), expect_goodbye(ch.client);
    assert_queue_is_empty(other, "r");
    assert_int_equal(counts(f).memory_bytes, 0);
}

static void what_it_goes_to_may_go_first(void **state)
{
    fixture_t *f = *state;
    chan_t ch = new_channel(f), other = new_channel(f);
    new_queue(other, "gone"), new_queue(other, "stays");
    new_exchange(other, "x", "fanout");
    bound(other, "gone", "x", ""), bound(other, "stays", "x", "");
    tx_select(ch);
    publish_mandatory(ch, "x", "", "both"), publish_mandatory(ch, "", "gone", "one"), put(ch, "gone", "two");
    run(f);
    delete_queue(other, "gone", 0), expect_counted(other, 0);
    delete_exchange(other, "x", 0), expect_ok(other);
    new_queue(other, "gone"); /* another one */
    commit(ch);
    assert_string_equal(expect(ch, EVENT_RETURN)->body, "one");
    expect_ok(ch);
    assert_queue_is(other, "stays", "both");
    assert_queue_is_empty(other, "gone");
}

/* ---- returns ---- */

static void what_nobody_gets_comes_back_before_commit_ok(void **state)
{
    chan_t ch = new_channel(*state);
    new_queue(ch, "q");
    tx_select(ch);
    publish_mandatory(ch, "", "nobody", "1"), put(ch, "nobody", "2"), publish_mandatory(ch, "", "q", "3");
    publish_mandatory(ch, "", "nobody", "4");
    expect_nothing(ch);
    commit(ch);
    assert_string_equal(expect(ch, EVENT_RETURN)->body, "1");
    assert_string_equal(expect(ch, EVENT_RETURN)->body, "4");
    expect_ok(ch);
    publish_mandatory(ch, "", "nobody", "5");
    rolled_back(ch);
    assert_int_equal(counts(*state).returned, 2);
    publish_mandatory(ch, "", "nobody", "6"), commit(ch); /* of the next one too */
    assert_string_equal(expect(ch, EVENT_RETURN)->body, "6");
    expect_ok(ch);
    assert_queue_is(ch, "q", "3");
}

static void where_a_message_goes_is_decided_when_it_is_published(void **state)
{
    fixture_t *f = *state;
    chan_t ch = new_channel(f);
    new_queue(ch, "q"), new_queue(ch, "r");
    new_exchange(ch, "x", "direct");
    tx_select(ch);
    publish_mandatory(ch, "x", "k", "1");
    bound(ch, "q", "x", "k");
    publish_mandatory(ch, "x", "k", "2");
    unbind_queue(ch, "q", "x", "k"), expect_ok(ch);
    bound(ch, "r", "x", "k");
    publish_mandatory(ch, "x", "k", "3");
    commit(ch);
    assert_string_equal(expect(ch, EVENT_RETURN)->body, "1");
    expect_ok(ch);
    assert_queue_is(ch, "q", "2");
    assert_queue_is(ch, "r", "3");
}

/* ---- how much ---- */

static void more_octets_than_it_may_have_end_the_connection(void **state)
{
    fixture_free(*state);
    fixture_t *f = *state = fixture_new((fixture_options_t){.transaction_bytes = 1000});
    chan_t ch = new_channel(f), other = new_channel(f);
    new_queue(other, "q");
    tx_select(ch);
    for (int round = 0; round < 20; round++)
        put(ch, "q", "a"), committed(ch);
    for (int round = 0; round < 20; round++)
        put(ch, "q", "a"), rolled_back(ch);
    put_many(ch, "q", 0, 20);
    expect_hard_refusal(ch.client, 506,
                        "transaction on channel 1 has more than 1000 octets of messages "
                        "(limits.transaction_bytes)");
    purge(other, "q"), expect_counted(other, 20);
}

static void more_actions_than_it_may_have_end_the_connection(void **state)
{
    static const char *const why = "transaction on channel 1 has more than 10 publishes to queues and acks "
                                   "(limits.transaction_actions)";
    fixture_free(*state);
    fixture_t *f = *state = fixture_new((fixture_options_t){.transaction_actions = 10});
    chan_t other = new_channel(f), ch = new_channel(f);
    new_queue(other, "a"), new_queue(other, "b"), new_queue(other, "c");
    bound(other, "a", "amq.fanout", ""), bound(other, "b", "amq.fanout", ""),
        bound(other, "c", "amq.fanout", "");
    tx_select(ch);
    publish(ch, "amq.fanout", "", "1"), publish(ch, "amq.fanout", "", "2"),
        publish(ch, "amq.fanout", "", "3");
    put(ch, "nobody", "4");
    committed(ch);
    publish(ch, "amq.fanout", "", "1"), publish(ch, "amq.fanout", "", "2"),
        publish(ch, "amq.fanout", "", "3");
    put(ch, "nobody", "4"), put(ch, "nobody", "5");
    expect_hard_refusal(ch.client, 506, why);
    assert_queue_is(other, "a", "1", "2", "3");
}

static void acks_count_one_by_one(void **state)
{
    fixture_free(*state);
    fixture_t *f = *state = fixture_new((fixture_options_t){.transaction_actions = 10});
    chan_t other = new_channel(f), ch = new_channel(f);
    new_queue(other, "q");
    put_many(other, "q", 0, 11);
    tx_select(ch);
    new_consumer(ch, "q", "c", 0);
    run(f);
    ack(ch, 11, COMMAND_MULTIPLE);
    while (pending(ch))
        expect(ch, EVENT_DELIVER);
    expect_hard_refusal(ch.client, 506,
                        "transaction on channel 1 has more than 10 publishes to queues and acks "
                        "(limits.transaction_actions)");
    purge(other, "q"), expect_counted(other, 11);
}

/* Each is applied as a whole; but not both in one step. */
/* Those of one ack, too, as many channels may ask for that in one step; and when they are too many, that ends it. */
static void acks_of_many_are_told_in_slices(void **state)
{
    enum { MANY = 400 };
    fixture_free(*state);
    fixture_t *f = *state = fixture_new((fixture_options_t){.slice = 4, .transaction_actions = MANY});
    chan_t ch = new_channel(f), other = new_channel(f);
    new_queue(ch, "q"), put_many(ch, "q", 0, MANY + 1);
    new_consumer(ch, "q", "c", 0), run(f);
    for (seen_t *s; (s = pending(ch));)
        s->taken = true;
    tx_select(ch);
    ack(ch, MANY, COMMAND_MULTIPLE), push_simple(ch, COMMAND_TX_ROLLBACK, 0);
    echo(other);
    uint64_t others = expect(other, EVENT_OK)->step;
    assert_true(expect(ch, EVENT_OK)->step > others + 10);
    ack(ch, 1, COMMAND_MULTIPLE), ack(ch, MANY + 1, COMMAND_MULTIPLE), echo(ch);
    expect_hard_refusal(ch.client, 506,
                        "transaction on channel 1 has more than 400 publishes to queues and acks "
                        "(limits.transaction_actions)");
    run(f);
    assert_int_equal(counts(f).messages_ready, MANY + 1);
}

static void large_ones_take_turns(void **state)
{
    enum { CHANNELS = 4, EACH = 30 };
    fixture_free(*state);
    fixture_t *f = *state = fixture_new((fixture_options_t){.slice = 4});
    chan_t ch[CHANNELS];
    uint64_t last = 0;
    for (int i = 0; i < CHANNELS; i++)
        ch[i] = new_channel(f);
    new_queue(ch[0], "q");
    for (int i = 0; i < CHANNELS; i++)
        tx_select(ch[i]), put_many(ch[i], "q", 0, EACH);
    for (int i = 0; i < CHANNELS; i++)
        i % 2 ? commit(ch[i]) : push_simple(ch[i], COMMAND_TX_ROLLBACK, 0);
    for (int i = 0; i < CHANNELS; i++) {
        uint64_t at = expect(ch[i], EVENT_OK)->step;
        assert_true(at > last);
        last = at;
    }
    assert_int_equal(counts(f).messages_ready, CHANNELS / 2 * EACH);
}

/* ---- the memory alarm ---- */

static const char *filler(void)
{
    static char octets[1001];
    memset(octets, 'x', sizeof octets - 1);
    return octets;
}

static fixture_t *with_little_memory(void **state)
{
    fixture_free(*state);
    return *state = fixture_new((fixture_options_t){.memory_high_bytes = 10000});
}

/* Puts messages into queue "q" until the alarm is there. */
static void fill_memory(chan_t ch)
{
    fixture_t *f = ch.client->f;
    for (int i = 0; i < 11; i++)
        put(ch, "q", filler());
    run(f);
    assert_true(counts(f).memory_alarm);
}

/* Its own messages are what the alarm is for: it must be able to end. */
static void a_transaction_that_has_begun_passes_the_alarm(void **state)
{
    fixture_t *f = with_little_memory(state);
    chan_t ch = new_channel(f), late = new_channel(f);
    new_queue(ch, "q");
    tx_select(ch), tx_select(late);
    fill_memory(ch);
    put(late, "q", "late"), commit(late);
    put(ch, "q", "end");
    committed(ch);
    assert_int_equal(counts(f).messages_ready, 12);
    expect_nothing(late); /* held back, as it had not begun */
    assert_true(late.client->blocked && !ch.client->blocked);
    purge(ch, "q"), expect_counted(ch, 12);
    expect_ok(late);
    assert_queue_is(late, "q", "late");
}

static void a_rollback_ends_the_alarm(void **state)
{
    fixture_t *f = with_little_memory(state);
    chan_t ch = new_channel(f);
    new_queue(ch, "q");
    tx_select(ch);
    fill_memory(ch);
    rolled_back(ch);
    run(f);
    assert_false(counts(f).memory_alarm);
}

/* Its ack, once committed, is what frees memory; it may come before the publish or behind it. */
static void an_ack_takes_the_publishes_of_its_transaction_along(void **state)
{
    for (int round = 0; round < 4; round++) {
        bool ack_first = round % 2;
        int how = round < 2 ? 0 : COMMAND_MULTIPLE;
        fixture_t *f = with_little_memory(state);
        chan_t ch = new_channel(f), other = new_channel(f);
        new_queue(ch, "q"), new_queue(ch, "r");
        fill_memory(other);
        tx_select(ch);
        get(ch, "q", 0);
        uint64_t tag = expect(ch, EVENT_GET_OK)->event.delivery_tag;
        if (ack_first)
            ack(ch, tag, how), put(ch, "r", "1");
        else
            put(ch, "r", "1"), run(f), ack(ch, tag, how);
        committed(ch);
        assert_queue_is(ch, "r", "1");
    }
}

/* Nor does it overtake the end of another transaction, of which it would become a part. */
static void an_ack_stays_behind_a_commit_that_waits(void **state)
{
    fixture_t *f = with_little_memory(state);
    chan_t ch = new_channel(f), other = new_channel(f), third = new_channel(f);
    new_queue(ch, "q"), new_queue(ch, "r");
    fill_memory(other);
    tx_select(ch);
    get(ch, "q", 0);
    uint64_t tag = expect(ch, EVENT_GET_OK)->event.delivery_tag;
    put(ch, "r", "1"), commit(ch);
    run(f);
    ack(ch, tag, 0), push_simple(ch, COMMAND_TX_ROLLBACK, 0);
    expect_nothing(ch);
    purge(third, "q"), expect(third, EVENT_QUEUE_COUNTED);
    expect_ok(ch), expect_ok(ch);
    assert_queue_is(ch, "r", "1");
    ack(ch, tag, 0), committed(ch); /* it was rolled back: it is still there to be acked */
}

/* What was asked for before the goodbye is done before it, also where it has to wait. */
static void a_goodbye_takes_nothing_back_whose_ack_waits(void **state)
{
    fixture_t *f = with_little_memory(state);
    chan_t ch = new_channel(f), other = new_channel(f), third = new_channel(f);
    new_queue(other, "q"), new_queue(other, "s");
    put(other, "s", "m");
    tx_select(ch);
    get(ch, "s", 0);
    uint64_t tag = expect(ch, EVENT_GET_OK)->event.delivery_tag;
    fill_memory(other);
    put(ch, "q", "1"), commit(ch);
    ack(ch, tag, 0), commit(ch);
    goodbye(ch.client);
    run(f);
    purge(third, "q"), expect(third, EVENT_QUEUE_COUNTED);
    run(f);
    assert_true(ch.client->closed);
    assert_queue_is_empty(third, "s");
}

static void memory_is_bounded_all_the_same(void **state)
{
    fixture_t *f = with_little_memory(state);
    chan_t ch = new_channel(f), other = new_channel(f);
    new_queue(other, "q");
    tx_select(ch);
    for (int i = 0; i < 20; i++)
        put(ch, "q", filler());
    expect_hard_refusal(ch.client, 506,
                        "memory alarm: transaction on channel 1 cannot go on (vm_memory_high_watermark)");
    put(other, "q", "1");
    assert_queue_is(other, "q", "1");
}

/* A goodbye that waits for what is held back on another channel: nobody can commit this any more. */
static void what_nobody_can_commit_any_more_does_not_keep_the_alarm_on(void **state)
{
    fixture_t *f = with_little_memory(state);
    client_t *c = connected(f);
    chan_t ch = channel_of(c, 1), plain = channel_of(c, 2);
    new_queue(plain, "q");
    tx_select(ch);
    for (int i = 0; i < 11; i++)
        put(ch, "q", filler());
    run(f);
    put(plain, "q", "1");
    run(f);
    assert_true(counts(f).memory_alarm);
    goodbye(c);
    expect((chan_t){c, 0}, EVENT_CONNECTION_BLOCKED);
    expect((chan_t){c, 0}, EVENT_CONNECTION_UNBLOCKED);
    expect_goodbye(c);
    assert_queue_is(new_channel(f), "q", "1"); /* the held one was carried out first */
}

/* What it has said of its deliveries before its goodbye counts, also behind a commit that waits. */
static void acks_before_a_goodbye_count(void **state)
{
    fixture_t *f = with_little_memory(state);
    chan_t ch = new_channel(f), other = new_channel(f), third = new_channel(f);
    new_queue(other, "q"), new_queue(other, "r");
    fill_memory(other);
    tx_select(ch);
    get(ch, "q", 0);
    uint64_t tag = expect(ch, EVENT_GET_OK)->event.delivery_tag;
    put(ch, "r", "1"), commit(ch);
    run(f);
    ack(ch, tag, 0), put(ch, "r", "2"), commit(ch);
    goodbye(ch.client);
    run(f);
    purge(third, "q"), expect(third, EVENT_QUEUE_COUNTED);
    expect_ok(ch), expect_ok(ch);
    expect((chan_t){ch.client, 0}, EVENT_CONNECTION_BLOCKED);
    expect((chan_t){ch.client, 0}, EVENT_CONNECTION_UNBLOCKED);
    expect_goodbye(ch.client);
    assert_queue_is(third, "r", "1", "2");
    assert_int_equal(counts(f).acked, 1);
}

/* ---- synchronous exchanges ---- */

static void numbers_are_given_with_the_commit(void **state)
{
    chan_t ch = new_channel(*state), other = new_channel(*state), h = handler(*state, "h");
    tx_select(ch);
    publish(ch, "amq.events", "t", "1"), publish(ch, "amq.events", "t", "2");
    run(*state);
    publish(other, "amq.events", "t", "0");
    const seen_t *s = expect(h, EVENT_DELIVER);
    assert_string_equal(s->body, "0");
    uint64_t seq = s->seq;
    committed(ch);
    s = expect(h, EVENT_DELIVER);
    assert_string_equal(s->body, "1");
    assert_int_equal(s->seq, seq + 1);
    s = expect(h, EVENT_DELIVER);
    assert_string_equal(s->body, "2");
    assert_int_equal(s->seq, seq + 2);
}

static void an_exchange_on_the_way_numbers_too(void **state)
{
    chan_t ch = new_channel(*state), h = handler(*state, "h");
    new_exchange(ch, "x", "fanout");
    bind_exchange(ch, "amq.events", "x", ""), expect_ok(ch);
    tx_select(ch);
    publish(ch, "x", "t", "1");
    committed(ch);
    expect_event(h, "1");
}

static void who_publishes_in_a_transaction_cannot_ask(void **state)
{
    static const char *const asks =
        "exchange 'amq.events' in vhost '/' is synchronous: a publish in a transaction "
        "cannot ask what becomes of it (reply-to)";
    static const char *const expires =
        "exchange 'amq.events' in vhost '/' is synchronous: a publish in a transaction "
        "cannot expire (expiration)";
    chan_t ch = new_channel(*state), h = handler(*state, "h");
    buffer_t b = {0};
    tx_select(ch);
    publish_with(ch, "amq.events", "t", "1", 0, properties_of_text(&b, PROPERTY_REPLY_TO, "q"));
    expect_refusal_and_reopen(ch, 406, asks);
    buffer_clear(&b);
    tx_select(ch);
    publish_with(ch, "amq.events", "t", "1", 0, properties_of_text(&b, PROPERTY_EXPIRATION, "1000"));
    expect_refusal_and_reopen(ch, 406, expires);
    buffer_free(&b);
    expect_nothing(h);
}

/* What a handler says, its ack and what it publishes are one. */
static void a_handler_answers_in_its_transaction(void **state)
{
    fixture_t *f = *state;
    chan_t asker = new_channel(f), h = handler(f, "h");
    new_queue(asker, "q");
    tx_select(h);
    ask(asker, "t", "1");
    uint64_t tag = expect_event(h, "1");
    say(h, tag, "wrong"), ack(h, tag, 0), put(h, "q", "wrong");
    rolled_back(h);
    expect_nothing(asker);
    say(h, tag, "right"), ack(h, tag, 0), put(h, "q", "done");
    expect_nothing(asker);
    committed(h);
    const seen_t *s = expect(asker, EVENT_REPORT);
    assert_non_null(strstr(s->text, "\"status\":\"ok\""));
    assert_non_null(strstr(s->text, "right"));
    assert_null(strstr(s->text, "wrong"));
    assert_queue_is(asker, "q", "done");
}

/* ---- subscribers ---- */

/* A peer that reads nothing: its queue is what it gets beyond its output. */
static chan_t blocking_subscriber(fixture_t *f, int64_t most)
{
    chan_t sub = channel_of(connected(f), 1);
    sub.client->keeps_loans = true;
    new_subscriber(sub, "s", most, "block");
    subscribe(sub, "s", "amq.topic", "");
    run(f);
    return sub;
}

static void a_commit_waits_for_a_subscriber_that_blocks(void **state)
{
    fixture_free(*state);
    fixture_t *f = *state = fixture_new((fixture_options_t){.output_bytes = 100});
    chan_t sub = blocking_subscriber(f, 4), other = new_channel(f), ch = new_channel(f);
    new_queue(ch, "q");
    for (int i = 0; i < 7; i++) /* those that come to its output, and four in its queue */
        publish(other, "amq.topic", "t", "a");
    run(f);
    tx_select(ch);
    for (int i = 0; i < 4; i++)
        publish(ch, "amq.topic", "t", "b");
    put(ch, "q", "c");
    commit(ch);
    expect_nothing(ch);
    assert_int_equal(counts(f).dropped, 0);
    sub.client->keeps_loans = false;
    return_loans(sub.client);
    expect_ok(ch);
    run(f);
    assert_int_equal(pending_count(sub), 11);
    assert_int_equal(counts(f).dropped, 0);
}

static void what_a_subscriber_can_never_take_cannot_be_committed(void **state)
{
    fixture_t *f = *state;
    chan_t sub = blocking_subscriber(f, 4), other = new_channel(f), ch = new_channel(f);
    new_queue(other, "q"), new_queue(other, "r");
    put(other, "q", "1");
    tx_select(ch);
    ack(ch, got(ch, "q", "1"), 0), put(ch, "r", "2");
    for (int i = 0; i < 5; i++)
        publish(ch, "amq.topic", "t", "b");
    commit(ch);
    expect_refusal(ch, 406, "partial tx completion");
    assert_queue_is(other, "q", "1*"); /* nothing was applied */
    assert_queue_is_empty(other, "r");
    expect_nothing(sub);
    assert_int_equal(counts(f).committed, 0);
}

static void nor_can_more_octets_than_it_takes(void **state)
{
    fixture_t *f = *state;
    chan_t sub = channel_of(connected(f), 1), ch = new_channel(f);
    buffer_t b = {0};
    expect_started(sub, subscriber_with(sub, "s", bounds(&b, 0, 2000, "block")));
    buffer_free(&b);
    subscribe(sub, "s", "amq.topic", "");
    tx_select(ch);
    publish(ch, "amq.topic", "t", filler()), committed(ch);
    (void)expect(sub, EVENT_DELIVER);
    for (int i = 0; i < 3; i++)
        publish(ch, "amq.topic", "t", filler());
    commit(ch);
    expect_refusal(ch, 406, "partial tx completion");
    expect_nothing(sub);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(nothing_is_seen_before_the_commit),
        fixture_test(the_next_transaction_begins_by_itself),
        fixture_test(a_consumer_gets_it_after_the_commit),
        fixture_test(a_rollback_forgets_publishes),
        fixture_test(a_rollback_makes_deliveries_outstanding_again),
        fixture_test(modes_exclude_each_other),
        fixture_test(ends_are_counted),
        fixture_test(a_tag_is_checked_when_its_ack_comes),
        fixture_test(multiple_takes_what_is_not_settled_yet),
        fixture_test(what_was_rolled_back_multiple_takes_again),
        fixture_test(acks_give_prefetch_back_with_the_commit),
        fixture_test(a_requeue_happens_with_the_commit),
        fixture_test(recover_leaves_what_is_settled_in_the_transaction),
        fixture_test(an_ack_for_a_queue_that_is_gone_changes_nothing),
        fixture_test(nothing_of_it_survives_the_channel),
        fixture_test(nor_a_refusal_or_the_end_of_the_connection),
        fixture_test(what_it_goes_to_may_go_first),
        fixture_test(what_nobody_gets_comes_back_before_commit_ok),
        fixture_test(where_a_message_goes_is_decided_when_it_is_published),
        fixture_test(more_octets_than_it_may_have_end_the_connection),
        fixture_test(more_actions_than_it_may_have_end_the_connection),
        fixture_test(acks_count_one_by_one),
        fixture_test(acks_of_many_are_told_in_slices),
        fixture_test(large_ones_take_turns),
        fixture_test(a_transaction_that_has_begun_passes_the_alarm),
        fixture_test(a_rollback_ends_the_alarm),
        fixture_test(an_ack_stays_behind_a_commit_that_waits),
        fixture_test(a_goodbye_takes_nothing_back_whose_ack_waits),
        fixture_test(an_ack_takes_the_publishes_of_its_transaction_along),
        fixture_test(memory_is_bounded_all_the_same),
        fixture_test(acks_before_a_goodbye_count),
        fixture_test(what_nobody_can_commit_any_more_does_not_keep_the_alarm_on),
        fixture_test(numbers_are_given_with_the_commit),
        fixture_test(an_exchange_on_the_way_numbers_too),
        fixture_test(who_publishes_in_a_transaction_cannot_ask),
        fixture_test(a_handler_answers_in_its_transaction),
        fixture_test(a_commit_waits_for_a_subscriber_that_blocks),
        fixture_test(what_a_subscriber_can_never_take_cannot_be_committed),
        fixture_test(nor_can_more_octets_than_it_takes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
