/* SPDX-License-Identifier: Apache-2.0
 *
 * test_tx_replay.c: transactions to topics of which the last messages are kept: who joins between a publish and its commit
 * gets all of it, once, as without a transaction. */
#include "engine/subscribers.h"
#include "engine/tx.h"

static const engine_topic_t all[] = {
    {.name = "all", .exchange = "amq.topic", .prefix = "", .replay_count = REPLAY_ALL},
};

/* Who keeps its loans is given one message, and joins until it gives it back. */
static int setup(void **state)
{
    *state = durable_new((fixture_options_t){.topics = all, .topic_count = 1, .output_bytes = 1});
    return 0;
}

#define replay_test(test) cmocka_unit_test_setup_teardown(test, setup, durable_teardown)

static void say(chan_t from, const char *body)
{
    publish_durably(from, "amq.topic", "k", body);
}

static chan_t transactional(fixture_t *f)
{
    chan_t ch = new_channel(f);
    tx_select(ch);
    return ch;
}

static chan_t slow_subscriber(fixture_t *f)
{
    chan_t to = new_channel(f);
    new_subscriber(to, "s", 8, "block");
    to.client->keeps_loans = true;
    subscribe(to, "s", "amq.topic", "");
    run(f);
    return to;
}

static void read_on(chan_t to)
{
    to.client->keeps_loans = false;
    return_loans(to.client);
    run(to.client->f);
}

static void who_joins_before_the_commit_misses_nothing(void **state)
{
    fixture_t *f = *state;
    chan_t from = transactional(f);
    say(from, "1"), committed(from);
    say(from, "2");
    run(f);
    chan_t to = subscribed(f, "s", "amq.topic", "");
    expect_delivery(to, "1");
    expect_nothing(to);
    committed(from);
    expect_delivery(to, "2");
    expect_nothing(to);
}

static void nor_does_who_was_joining(void **state)
{
    fixture_t *f = *state;
    chan_t from = transactional(f);
    for (int i = 0; i < 20; i++)
        say(from, "1");
    committed(from);
    chan_t to = slow_subscriber(f);
    say(from, "2");
    run(f);
    read_on(to);
    for (int i = 0; i < 20; i++)
        expect_delivery(to, "1");
    expect_nothing(to);
    committed(from);
    expect_delivery(to, "2");
    expect_nothing(to);
}

static void who_joins_again_gets_nothing_twice(void **state)
{
    fixture_t *f = *state;
    chan_t from = transactional(f), to = slow_subscriber(f);
    for (int i = 0; i < 5; i++)
        say(from, "1");
    run(f);
    unsubscribe(to, "s", "amq.topic", "");
    run(f);
    chan_t other = new_channel(f);
    for (int i = 0; i < 20; i++)
        say(other, "0");
    run(f);
    subscribe(to, "s", "amq.topic", "");
    run(f); /* it is joining */
    committed(from);
    read_on(to);
    for (int i = 0; i < 20; i++)
        expect_delivery(to, "0");
    for (int i = 0; i < 5; i++)
        expect_delivery(to, "1");
    expect_nothing(to);
}

static void each_goes_to_its_own_subscribers(void **state)
{
    fixture_t *f = *state;
    chan_t from = transactional(f);
    publish_durably(from, "amq.topic", "a.1", "1"), publish_durably(from, "amq.topic", "b.1", "2");
    run(f);
    chan_t a = subscribed(f, "a", "amq.topic", "a."), b = subscribed(f, "b", "amq.topic", "b.");
    publish_durably(from, "amq.topic", "a.2", "3");
    committed(from);
    expect_delivery(a, "1"), expect_delivery(a, "3"), expect_nothing(a);
    expect_delivery(b, "2"), expect_nothing(b);
}

static void what_is_kept_does_not_say_who_got_it_besides(void **state)
{
    fixture_t *f = *state;
    chan_t from = transactional(f), other = new_channel(f);
    buffer_t headers = {0}, properties = {0};
    field_t bcc;
    new_queue(other, "q");
    put_array(&headers, "BCC", (const char *const[]){"secret", NULL});
    bound(other, "q", "amq.topic", "secret");
    publish_with(from, "amq.topic", "k", "1", 0, properties_of_headers(&properties, buffer_bytes(&headers)));
    committed(from);
    get(other, "q", COMMAND_NO_ACK);
    const seen_t *s = expect(other, EVENT_GET_OK);
    assert_false(
        table_find(properties_headers(bytes_make(s->properties, s->properties_len)), BYTES("BCC"), &bcc));
    buffer_free(&headers), buffer_free(&properties);
}

/* Else a commit could look for as many as there are, for each of its messages, in one step. */
static void what_it_takes_to_find_them_counts(void **state)
{
    (void)state;
    fixture_t *f = durable_new(
        (fixture_options_t){.topics = all, .topic_count = 1, .transaction_actions = 60, .slice = 512});
    chan_t from = transactional(f), other = transactional(f);
    char name[16];
    for (unsigned i = 0; i < 20; i++)
        (void)subscribed(f, numbered(name, i), "amq.topic", "");
    say(from, "1"), committed(from);
    say(other, "2");
    for (unsigned i = 20; i < 70; i++)
        (void)subscribed(f, numbered(name, i), "amq.topic", "k");
    commit(other);
    expect_refusal(other, 406, "partial tx completion");
    say(from, "3");
    expect_hard_refusal(from.client, 506,
                        "transaction on channel 1 has more than 60 publishes to queues and acks "
                        "(limits.transaction_actions)");
    durable_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        replay_test(who_joins_before_the_commit_misses_nothing),
        replay_test(each_goes_to_its_own_subscribers),
        replay_test(what_is_kept_does_not_say_who_got_it_besides),
        replay_test(nor_does_who_was_joining),
        replay_test(who_joins_again_gets_nothing_twice),
        cmocka_unit_test(what_it_takes_to_find_them_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
