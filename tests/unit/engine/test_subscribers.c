/* SPDX-License-Identifier: Apache-2.0
 *
 * test_subscribers.c: subscribers: what they get, on every kind of exchange, and how they go; bindings by prefix. */
#include "engine/subscribers.h"

/* ---- prefixes ---- */

static void gets_what_has_its_prefix(void **state)
{
    fixture_t *f = *state;
    static const char *const exchanges[] = {"amq.topic", "amq.direct", "amq.fanout", "amq.headers",
                                            "amq.events"};
    chan_t from = new_channel(f);
    for (size_t i = 0; i < 5; i++) {
        chan_t to = subscribed(f, exchanges[i] + 4, exchanges[i], "orders.");
        publish(from, exchanges[i], "orders.new", "a");
        publish(from, exchanges[i], "orders", "b");
        publish(from, exchanges[i], "bills.new", "c");
        publish(from, exchanges[i], "orders.", "d");
        expect_delivery(to, "a");
        expect_delivery(to, "d");
        expect_nothing(to);
    }
}

static void empty_prefix_gets_all(void **state)
{
    fixture_t *f = *state;
    chan_t from = new_channel(f), to = subscribed(f, "s", "amq.topic", "");
    publish(from, "amq.topic", "a.b", "a");
    publish(from, "amq.topic", "", "b");
    publish_frame(from, "amq.topic", "c", "c d");
    expect_delivery(to, "a");
    expect_delivery(to, "b");
    expect_delivery(to, "c d");
    expect_nothing(to);
}

static void a_message_comes_once(void **state)
{
    fixture_t *f = *state;
    chan_t from = new_channel(f), to = subscribed(f, "s", "amq.topic", "");
    subscribe(to, "s", "amq.topic", "a");
    subscribe(to, "s", "amq.topic", "a.");
    bound(to, "s", "amq.topic", "#");
    publish(from, "amq.topic", "a.b", "a");
    expect_delivery(to, "a");
    expect_nothing(to);
}

static void prefixes_are_a_set(void **state)
{
    fixture_t *f = *state;
    chan_t from = new_channel(f), to = subscribed(f, "s", "amq.topic", "a");
    subscribe(to, "s", "amq.topic", "a");
    unsubscribe(to, "s", "amq.topic", "never was");
    run(f);
    publish(from, "amq.topic", "a", "1");
    expect_delivery(to, "1");
    unsubscribe(to, "s", "amq.topic", "a");
    run(f);
    publish(from, "amq.topic", "a", "2");
    unsubscribe(to, "s", "amq.topic", "a");
    expect_nothing(to);
    subscribe(to, "s", "amq.topic", "a");
    run(f);
    publish(from, "amq.topic", "a", "3");
    expect_delivery(to, "3");
}

static void a_binding_and_a_subscriber_both_get_it(void **state)
{
    fixture_t *f = *state;
    chan_t from = new_channel(f), to = subscribed(f, "s", "amq.topic", "a.");
    new_queue(from, "q");
    bound(from, "q", "amq.topic", "a.*");
    publish(from, "amq.topic", "a.b", "1");
    publish(from, "amq.topic", "a.b.c", "2");
    expect_delivery(to, "1");
    expect_delivery(to, "2");
    assert_queue_is(from, "q", "1");
}

/* ---- topics that are not the routing key ---- */

static void one_frame_is_compared_whole(void **state)
{
    fixture_t *f = *state;
    chan_t from = new_channel(f), one = subscribed(f, "one", "amq.topic", "job 1"),
           two = subscribed(f, "two", "amq.topic", "job 2"), all = subscribed(f, "all", "amq.topic", "job");
    publish_frame(from, "amq.topic", "job", "job 1 begins"); /* the channel's last route is this one's */
    publish_frame(from, "amq.topic", "job", "job 2 begins");
    publish_frame(from, "amq.topic", "job", "job 1 ends");
    publish_frame(from, "amq.topic", "job", "job 2 ends");
    publish_frame(from, "amq.topic", "job", "job");
    publish(from, "amq.topic", "job", "job 1 is no topic");
    expect_delivery(one, "job 1 begins");
    expect_delivery(one, "job 1 ends");
    expect_nothing(one);
    expect_delivery(two, "job 2 begins");
    expect_delivery(two, "job 2 ends");
    expect_nothing(two);
    assert_int_equal(pending_count(all), 6);
}

static void routes_are_found_again_while_nothing_else_decides(void **state)
{
    fixture_t *f = *state;
    chan_t from = new_channel(f), to = subscribed(f, "s", "amq.topic", "");
    char body[16];
    for (unsigned i = 0; i < 20; i++) {
        publish_frame(from, "amq.topic", "n", numbered(body, i));
        if (i == 10) { /* from here on the second octet decides */
            run(f);
            unsubscribe(to, "s", "amq.topic", "");
            subscribe(to, "s", "amq.topic", "n00017");
            run(f);
        }
    }
    for (unsigned i = 0; i <= 10; i++)
        expect_delivery(to, numbered(body, i));
    expect_delivery(to, "n00017");
    expect_nothing(to);
}

static void copies_are_not_forgotten(void **state)
{
    fixture_t *f = *state;
    chan_t from = new_channel(f), to = subscribed(f, "s", "amq.topic", "");
    buffer_t table = {0}, properties = {0};
    new_queue(from, "q");
    bound(from, "q", "amq.topic", "other");
    publish(from, "amq.topic", "k", "1");
    put_array(&table, "CC", (const char *const[]){"other", NULL});
    publish_with(from, "amq.topic", "k", "2", 0, properties_of_headers(&properties, buffer_bytes(&table)));
    expect_delivery(to, "1");
    expect_delivery(to, "2");
    assert_queue_is(from, "q", "2");
    buffer_free(&table);
    buffer_free(&properties);
}

static void long_topics_are_in_the_body(void **state)
{
    fixture_t *f = *state;
    char topic[301] = {0}, body[400];
    memset(topic, 'x', 300);
    chan_t from = new_channel(f), to = subscribed(f, "s", "amq.topic", topic);
    text_format(body, sizeof body, "%sA", topic);
    topic[255] = 0;
    publish_long_topic(from, "amq.topic", topic, body, 300);
    assert_int_equal(expect(to, EVENT_DELIVER)->body_len, 301);
    publish_long_topic(from, "amq.topic", topic, body, 299); /* the topic is what is short now */
    publish(from, "amq.topic", topic, body);
    expect_nothing(to);
}

/* ---- what is refused ---- */

static void bounds_are_checked(void **state)
{
    fixture_t *f = *state;
    chan_t ch = new_channel(f);
    buffer_t b = {0};
    (void)subscriber_with(ch, "s", bounds(&b, 0, 0, "reject-publish"));
    expect_refusal_and_reopen(
        ch, 406, "invalid arg 'x-overflow' for subscriber queue 's' in vhost '/': 'reject-publish'");
    buffer_clear(&b);
    table_put_long(&b, "x-max-length", 0);
    (void)subscriber_with(ch, "s", buffer_bytes(&b));
    expect_refusal_and_reopen(ch, 406,
                              "invalid arg 'x-max-length' for subscriber queue 's' in vhost '/': '0'");
    buffer_clear(&b);
    table_put_bool(&b, "x-other", true);
    (void)subscriber_with(ch, "s", buffer_bytes(&b));
    expect_refusal_and_reopen(ch, 406, "invalid arg 'x-other' for subscriber queue 's' in vhost '/': 'true'");
    buffer_free(&b);
    new_subscriber(ch, "s", 10, "block");
    (void)subscriber_with(ch, "s", text(""));
    expect_refusal(ch, 405, "a queue 's' in vhost '/' is there already");
}

static void subscriptions_are_a_subscribers_own(void **state)
{
    fixture_t *f = *state;
    chan_t ch = subscribed(f, "s", "amq.topic", "a"), other = new_channel(f);
    new_queue(other, "q");
    subscribe(other, "q", "amq.topic", "a");
    expect_refusal_and_reopen(other, 406, "queue 'q' in vhost '/' is no subscriber's");
    subscribe(other, "missing", "amq.topic", "a");
    expect_refusal_and_reopen(other, 404, "no queue 'missing' in vhost '/'");
    subscribe(other, "s", "amq.topic", "a");
    assert_int_equal(expect(other, EVENT_CHANNEL_REFUSED)->code, 405);
    subscribe(ch, "s", "amq.direct", "a");
    expect_refusal(ch, 406,
                   "subscriber queue 's' in vhost '/' has subscribed to exchange 'amq.topic' already");
}

/* Being refused ends the channel's consumers, and with them the queue that was named (the address sanitizer looks). */
static void a_refusal_may_take_the_queue_along(void **state)
{
    fixture_t *f = *state;
    chan_t ch = new_channel(f);
    declare(ch, "q", COMMAND_AUTO_DELETE);
    expect_declared(ch, "q", 0, 0);
    new_consumer(ch, "q", "c", 0);
    subscribe(ch, "q", "amq.topic", "a");
    expect_refusal(ch, 406, "queue 'q' in vhost '/' is no subscriber's");
    assert_int_equal(counts(f).queues, 0);
}

static void exchanges_must_be_there(void **state)
{
    fixture_t *f = *state;
    chan_t ch = new_channel(f);
    new_subscriber(ch, "s", 0, NULL);
    subscribe(ch, "s", "missing", "a");
    expect_refusal_and_reopen(ch, 404, "no exchange 'missing' in vhost '/'");
    new_subscriber(ch, "t", 0, NULL);
    subscribe(ch, "t", "", "a");
    expect_refusal(ch, 403, "operation not permitted on the default exchange");
}

/* ---- how they go ---- */

static void goes_with_its_connection(void **state)
{
    fixture_t *f = *state;
    chan_t from = new_channel(f), to = subscribed(f, "s", "amq.topic", "");
    for (unsigned i = 0; i < 1000; i++) { /* many slices of prefixes */
        char prefix[16];
        subscribe(to, "s", "amq.topic", numbered(prefix, i));
    }
    run(f);
    hang_up(to.client);
    expect_goodbye(to.client);
    run(f);
    assert_int_equal(counts(f).queues, 0);
    assert_int_equal(counts(f).consumers, 0);
    publish_mandatory(from, "amq.topic", "n00001", "a");
    assert_int_equal(expect(from, EVENT_RETURN)->event.type, EVENT_RETURN);
}

static void goes_with_its_channel(void **state)
{
    fixture_t *f = *state;
    chan_t to = subscribed(f, "s", "amq.topic", "a");
    close_channel(to);
    expect(to, EVENT_CHANNEL_CLOSED);
    run(f);
    assert_int_equal(counts(f).queues, 0);
}

/* Who comes back finds the new one; who did not would wait for ever. */
static void goes_with_its_exchange(void **state)
{
    fixture_t *f = *state;
    chan_t from = new_channel(f);
    new_exchange(from, "x", "topic");
    chan_t to = subscribed(f, "s", "x", "a");
    for (unsigned i = 0; i < 300; i++) {
        char prefix[16];
        subscribe(to, "s", "x", numbered(prefix, i));
    }
    run(f);
    delete_exchange(from, "x", COMMAND_IF_UNUSED);
    expect_refusal_and_reopen(from, 406, "exchange 'x' in vhost '/' in use");
    delete_exchange(from, "x", 0);
    expect_ok(from);
    assert_int_equal(expect(to, EVENT_CONSUMER_GONE)->event.flags, EVENT_NOTIFY);
    run(f);
    assert_int_equal(counts(f).queues, 0);
    new_exchange(from, "x", "fanout");
    to = subscribed(f, "t", "x", "a");
    publish(from, "x", "a", "found");
    expect_delivery(to, "found");
    expect_nothing(to);
}

static void its_queue_is_its_own(void **state)
{
    fixture_t *f = *state;
    chan_t other = new_channel(f);
    (void)subscribed(f, "s", "amq.topic", "a");
    get(other, "s", 0);
    assert_int_equal(expect(other, EVENT_CHANNEL_REFUSED)->code, 405);
}

/* ---- bindings by prefix ---- */

static bytes_t of_type(buffer_t *b, const char *type)
{
    table_put_string(b, "x-binding-type", text(type));
    return buffer_bytes(b);
}

static void bind_by(chan_t ch, const char *queue, const char *exchange, const char *key, const char *type)
{
    buffer_t b = {0};
    bind_with(ch, queue, exchange, key, of_type(&b, type));
    buffer_free(&b);
}

static void bindings_by_prefix_work_on_any_exchange(void **state)
{
    fixture_t *f = *state;
    static const char *const exchanges[] = {"amq.topic", "amq.direct", "amq.fanout", "amq.headers",
                                            "amq.events"};
    chan_t ch = new_channel(f);
    for (size_t i = 0; i < 5; i++) {
        declare(ch, "q", 0);
        expect_declared(ch, "q", 0, 0);
        bind_by(ch, "q", exchanges[i], "a.", "prefix");
        expect_ok(ch);
        publish(ch, exchanges[i], "a.b", "1");
        publish(ch, exchanges[i], "a", "2");
        publish(ch, exchanges[i], "b.a.", "3");
        publish(ch, exchanges[i], "a.", "4");
        assert_queue_is(ch, "q", "1", "4");
        delete_queue(ch, "q", 0);
        expect_counted(ch, 0);
    }
}

static void a_pattern_is_what_bindings_are(void **state)
{
    fixture_t *f = *state;
    chan_t ch = new_channel(f);
    new_queue(ch, "q");
    bind_by(ch, "q", "amq.topic", "a.*", "pattern");
    expect_ok(ch);
    publish(ch, "amq.topic", "a.b", "1");
    publish(ch, "amq.topic", "a.b.c", "2");
    assert_queue_is(ch, "q", "1");
}

static void other_types_of_bindings_are_refused(void **state)
{
    fixture_t *f = *state;
    chan_t ch = new_channel(f);
    new_queue(ch, "q");
    bind_by(ch, "q", "amq.topic", "a.*", "suffix");
    expect_refusal_and_reopen(
        ch, 406,
        "invalid arg 'x-binding-type' for a binding of exchange 'amq.topic' in vhost '/': "
        "'suffix', expected prefix or pattern");
    buffer_t b = {0};
    table_put_bool(&b, "x-binding-type", true);
    bind_with(ch, "q", "amq.topic", "a", buffer_bytes(&b));
    assert_int_equal(expect(ch, EVENT_CHANNEL_REFUSED)->code, 406);
    buffer_free(&b);
}

static void bindings_by_prefix_can_be_undone(void **state)
{
    fixture_t *f = *state;
    chan_t ch = new_channel(f);
    buffer_t b = {0};
    bytes_t by_prefix = of_type(&b, "prefix");
    new_queue(ch, "q");
    bind_by(ch, "q", "amq.fanout", "a", "prefix");
    expect_ok(ch);
    bind_by(ch, "q", "amq.fanout", "b", "prefix");
    expect_ok(ch);
    push_request(ch, COMMAND_QUEUE_UNBIND, 0, 0, ends("q", "amq.fanout", "a", by_prefix));
    expect_ok(ch);
    publish(ch, "amq.fanout", "a", "1");
    publish(ch, "amq.fanout", "b", "2");
    assert_queue_is(ch, "q", "2");
    buffer_free(&b);
}

static void exchanges_are_bound_by_prefix_too(void **state)
{
    fixture_t *f = *state;
    chan_t ch = new_channel(f), to = subscribed(f, "s", "amq.fanout", "");
    buffer_t b = {0};
    push_request(ch, COMMAND_EXCHANGE_BIND, 0, 0,
                 ends("amq.fanout", "amq.direct", "a.", of_type(&b, "prefix")));
    expect_ok(ch);
    publish(ch, "amq.direct", "a.b", "1");
    publish(ch, "amq.direct", "b", "2");
    expect_delivery(to, "1");
    expect_nothing(to);
    buffer_free(&b);
}

static void bindings_by_prefix_are_durable(void **state)
{
    fixture_t *f = *state;
    chan_t ch = new_channel(f);
    new_durable_queue(ch, "q");
    bind_by(ch, "q", "amq.direct", "a.", "prefix");
    expect_ok(ch);
    crash(f);
    ch = new_channel(f);
    publish(ch, "amq.direct", "a.b", "1");
    publish(ch, "amq.direct", "b", "2");
    assert_queue_is(ch, "q", "1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(gets_what_has_its_prefix),
        fixture_test(empty_prefix_gets_all),
        fixture_test(a_message_comes_once),
        fixture_test(prefixes_are_a_set),
        fixture_test(a_binding_and_a_subscriber_both_get_it),
        fixture_test(one_frame_is_compared_whole),
        fixture_test(routes_are_found_again_while_nothing_else_decides),
        fixture_test(copies_are_not_forgotten),
        fixture_test(long_topics_are_in_the_body),
        fixture_test(bounds_are_checked),
        fixture_test(subscriptions_are_a_subscribers_own),
        fixture_test(a_refusal_may_take_the_queue_along),
        fixture_test(exchanges_must_be_there),
        fixture_test(goes_with_its_connection),
        fixture_test(goes_with_its_channel),
        fixture_test(goes_with_its_exchange),
        fixture_test(its_queue_is_its_own),
        fixture_test(bindings_by_prefix_work_on_any_exchange),
        fixture_test(a_pattern_is_what_bindings_are),
        fixture_test(other_types_of_bindings_are_refused),
        fixture_test(bindings_by_prefix_can_be_undone),
        fixture_test(exchanges_are_bound_by_prefix_too),
        durable_test(bindings_by_prefix_are_durable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
