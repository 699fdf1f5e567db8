/* SPDX-License-Identifier: Apache-2.0
 *
 * test_slow.c: what becomes of messages that are more than a subscriber takes. A client that keeps its loans is a peer that
 * does not read: with output_bytes 1 it is given one message, and the rest is its queue's. */
#include "engine/dedup.h"
#include "engine/subscribers.h"
#include "engine/tx.h"

static int slow_setup(void **state)
{
    *state = fixture_new((fixture_options_t){.output_bytes = 1});
    return 0;
}

#define slow_test(test) cmocka_unit_test_setup_teardown(test, slow_setup, fixture_teardown)

/* A subscriber of all of amq.topic that does not read. */
static chan_t stuck(fixture_t *f, int64_t messages, const char *policy)
{
    chan_t to = new_channel(f);
    new_subscriber(to, "s", messages, policy);
    subscribe(to, "s", "amq.topic", "");
    run(f);
    to.client->keeps_loans = true;
    return to;
}

static void publish_many(chan_t from, unsigned first, unsigned count)
{
    char body[16];
    for (unsigned i = first; i < first + count; i++)
        publish(from, "amq.topic", "k", numbered(body, i));
}

static void expect_many(chan_t to, unsigned first, unsigned count)
{
    char body[16];
    for (unsigned i = first; i < first + count; i++)
        expect_delivery(to, numbered(body, i));
}

static void read_on(chan_t to)
{
    to.client->keeps_loans = false;
    return_loans(to.client);
    run(to.client->f);
}

/* ---- dropping ---- */

static void the_newest_is_dropped(void **state)
{
    fixture_t *f = *state;
    chan_t from = new_channel(f), to = stuck(f, 10, NULL);
    publish_many(from, 0, 30);
    run(f);
    assert_int_equal(pending_count(to), 1);
    assert_int_equal(dropped_by(f, "s"), 19);
    assert_int_equal(counts(f).dropped, 19);
    read_on(to);
    expect_many(to, 0, 11);
    expect_nothing(to);
}

static void the_oldest_is_dropped(void **state)
{
    fixture_t *f = *state;
    chan_t from = new_channel(f), to = stuck(f, 10, "drop-oldest");
    publish_many(from, 0, 30);
    run(f);
    assert_int_equal(dropped_by(f, "s"), 19);
    read_on(to);
    expect_many(to, 0, 1);
    expect_many(to, 20, 10);
    expect_nothing(to);
}

static void octets_are_a_bound_too(void **state)
{
    fixture_t *f = *state;
    chan_t from = new_channel(f), to = new_channel(f);
    buffer_t b = {0};
    expect_started(to, subscriber_with(to, "s", bounds(&b, 0, 1000, NULL)));
    buffer_free(&b);
    subscribe(to, "s", "amq.topic", "");
    run(f);
    to.client->keeps_loans = true;
    publish_many(from, 0, 100);
    run(f);
    uint64_t dropped = dropped_by(f, "s");
    assert_in_range(dropped, 80, 98);
    read_on(to);
    expect_many(to, 0, (unsigned)(100 - dropped));
    expect_nothing(to);
    publish_many(from, 0, 1); /* there is room again */
    expect_many(to, 0, 1);
}

static void dropping_is_told_once_a_second(void **state)
{
    fixture_t *f = *state;
    chan_t from = new_channel(f), to = stuck(f, 10, NULL);
    size_t before = f->log_lines;
    publish_many(from, 0, 30);
    run(f);
    assert_int_equal(f->log_lines, before + 1);
    assert_string_equal(f->last_line, "warning: connection test: slow subscriber, queue 's' in vhost '/': 1 "
                                      "messages dropped, 1 since it came");
    advance(f, 1000);
    publish_many(from, 0, 5);
    run(f);
    assert_int_equal(f->log_lines, before + 2);
    assert_string_equal(f->last_line, "warning: connection test: slow subscriber, queue 's' in vhost '/': 19 "
                                      "messages dropped, 20 since it came");
    (void)to;
}

static void others_are_not_harmed(void **state)
{
    fixture_t *f = *state;
    chan_t from = new_channel(f), to = stuck(f, 10, NULL), fast = subscribed(f, "fast", "amq.topic", "");
    publish_many(from, 0, 500);
    expect_many(fast, 0, 500);
    assert_int_equal(dropped_by(f, "fast"), 0);
    assert_int_equal(dropped_by(f, "s"), 489);
    (void)to;
}

static void the_slow_one_is_disconnected(void **state)
{
    fixture_t *f = *state;
    chan_t from = new_channel(f), to = stuck(f, 10, "disconnect");
    publish_many(from, 0, 30);
    run(f);
    expect_many(to, 0, 1);
    assert_int_equal(expect(to, EVENT_CONSUMER_GONE)->event.flags, EVENT_NOTIFY);
    expect_nothing(to);
    assert_int_equal(counts(f).queues, 0);
    assert_int_equal(counts(f).dropped, 1);
}

/* The queue goes in slices, and none of them is amid the commit. */
static void the_slow_one_is_disconnected_by_a_commit(void **state)
{
    fixture_t *f = *state;
    chan_t from = new_channel(f), to = stuck(f, 10, "disconnect"), other = new_channel(f);
    new_queue(from, "q"), bound(from, "q", "amq.topic", "#");
    tx_select(from);
    publish_many(from, 0, 30);
    committed(from);
    expect_many(to, 0, 1);
    (void)expect(to, EVENT_CONSUMER_GONE);
    assert_int_equal(counts(f).queues, 1);
    assert_int_equal(counts(f).messages_ready, 30);
    new_queue(other, "s");
}

/* Its queue goes amid the publish, which has to remember the message yet. */
static void the_slow_one_is_disconnected_by_a_message_with_an_id(void **state)
{
    fixture_t *f = *state;
    char id[16];
    chan_t from = new_channel(f), to = new_channel(f);
    window_exchange(from, "x", "topic", 0, (window_t){0});
    new_subscriber(to, "s", 10, "disconnect"), subscribe(to, "s", "x", "");
    new_queue(from, "q"), bound(from, "q", "x", "#");
    to.client->keeps_loans = true;
    for (unsigned i = 0; i < 30; i++)
        publish_id(from, "x", "k", numbered(id, i));
    publish_id(from, "x", "k", numbered(id, 11)); /* about where it went */
    run(f);
    expect_many(to, 0, 1);
    (void)expect(to, EVENT_CONSUMER_GONE);
    assert_int_equal(counts(f).duplicates, 1);
    assert_int_equal(counts(f).messages_ready, 30);
}

/* ---- blocking ---- */

static void publishers_wait_until_half_is_taken(void **state)
{
    fixture_t *f = *state;
    chan_t from = new_channel(f), to = stuck(f, 10, "block");
    publish_many(from, 0, 30);
    echo(from);
    run(f);
    expect_nothing(from); /* what comes behind the publish waits too */
    assert_int_equal(counts(f).published, 11);
    for (unsigned i = 0; i < 4; i++) { /* it takes one, which is given back: 6 are left */
        return_loans(to.client);
        run(f);
    }
    assert_int_equal(counts(f).published, 11);
    return_loans(to.client);
    run(f);
    assert_int_equal(counts(f).published, 16);
    read_on(to);
    expect_many(to, 0, 30);
    expect_ok(from);
    assert_int_equal(counts(f).dropped, 0);
}

static void nobody_waits_for_one_that_is_gone(void **state)
{
    fixture_t *f = *state;
    chan_t from = new_channel(f), to = stuck(f, 10, "block");
    publish_many(from, 0, 30);
    echo(from);
    run(f);
    expect_nothing(from);
    hang_up(to.client);
    expect_ok(from);
    assert_int_equal(counts(f).published, 30);
}

static void nobody_waits_for_one_that_wants_it_no_more(void **state)
{
    fixture_t *f = *state;
    chan_t from = new_channel(f), to = stuck(f, 10, "block");
    publish_many(from, 0, 30);
    echo(from);
    run(f);
    close_channel(to);
    expect_ok(from);
}

static void a_publisher_that_waits_may_go(void **state)
{
    fixture_t *f = *state;
    chan_t from = new_channel(f), to = stuck(f, 10, "block");
    publish_many(from, 0, 30);
    run(f);
    hang_up(from.client);
    expect_goodbye(from.client);
    read_on(to);
    expect_many(to, 0, 11);
    expect_nothing(to);
}

static void what_is_parked_is_bounded(void **state)
{
    fixture_t *f = fixture_new((fixture_options_t){.output_bytes = 1, .parked_commands = 50});
    chan_t from = new_channel(f), to = stuck(f, 10, "block");
    publish_many(from, 0, 200);
    run(f);
    assert_true(from.client->paused);
    read_on(to);
    assert_false(from.client->paused);
    expect_many(to, 0, 200);
    fixture_free(f);
    (void)state;
}

static void a_connection_does_not_wait_for_itself(void **state)
{
    fixture_t *f = *state;
    chan_t to = stuck(f, 10, "block"), from = channel_of(to.client, 2);
    publish_many(from, 0, 50);
    echo(from);
    expect_ok(from);
    assert_int_equal(dropped_by(f, "s"), 29);
    read_on(to);
    expect_many(to, 0, 21);
}

static void two_publishers_wait_in_turn(void **state)
{
    fixture_t *f = *state;
    chan_t one = new_channel(f), two = new_channel(f), to = stuck(f, 10, "block");
    publish_many(one, 0, 100);
    publish_many(two, 0, 100);
    run(f);
    read_on(to);
    assert_int_equal(pending_count(to), 200);
    assert_int_equal(counts(f).dropped, 0);
}

static void events_wait_before_they_have_a_number(void **state)
{
    fixture_t *f = *state;
    chan_t from = new_channel(f), to = new_channel(f);
    new_subscriber(to, "s", 3, "block");
    subscribe(to, "s", "amq.events", "");
    run(f);
    to.client->keeps_loans = true;
    for (unsigned i = 0; i < 10; i++)
        publish(from, "amq.events", "k", "e");
    run(f);
    read_on(to);
    for (unsigned i = 1; i <= 10; i++)
        assert_int_equal(expect(to, EVENT_DELIVER)->seq, i);
}

/* ---- what is not the peer's fault ---- */

/* The event lane holds four, a step takes as many publishes: without waiting for the I/O side the queue would overflow. */
static void a_full_lane_is_not_slowness(void **state)
{
    fixture_t *f = fixture_new((fixture_options_t){.ring_items = 4, .slice = 64});
    chan_t from = new_channel(f), to = channel_of(connected_at(f, 1), 1);
    new_subscriber(to, "s", 5, NULL);
    subscribe(to, "s", "amq.topic", "");
    run(f);
    publish_many(from, 0, 2000);
    expect_many(to, 0, 2000);
    assert_int_equal(counts(f).dropped, 0);
    fixture_free(f);
    (void)state;
}

/* Output is full after every message, but whatever is given to it has left by the end of the I/O side's turn. */
static void full_output_is_not_slowness_before_it_was_tried(void **state)
{
    fixture_t *f = *state;
    chan_t from = new_channel(f), to = channel_of(connected_at(f, 1), 1);
    new_subscriber(to, "s", 5, NULL);
    subscribe(to, "s", "amq.topic", "");
    run(f);
    publish_many(from, 0, 2000);
    expect_many(to, 0, 2000);
    assert_int_equal(counts(f).dropped, 0);
    (void)state;
}

/* ---- wide ---- */

static void a_wide_fan_out_drops_one_by_one(void **state)
{
    fixture_t *f = fixture_new((fixture_options_t){.output_bytes = 1, .slice = 8});
    chan_t from = new_channel(f), ends[20];
    char name[16];
    for (unsigned i = 0; i < 20; i++) {
        ends[i] = new_channel(f);
        new_subscriber(ends[i], numbered(name, i), 2, i % 4 == 1 ? "disconnect" : NULL);
        subscribe(ends[i], name, "amq.topic", "");
        run(f);
        ends[i].client->keeps_loans = i % 2 == 1;
    }
    publish_many(from, 0, 10);
    run(f);
    for (unsigned i = 0; i < 20; i += 2)
        expect_many(ends[i], 0, 10);
    for (unsigned i = 3; i < 20; i += 4) {
        assert_int_equal(dropped_by(f, numbered(name, i)), 7);
        read_on(ends[i]);
        expect_many(ends[i], 0, 3);
    }
    for (unsigned i = 1; i < 20; i += 4) {
        expect_many(ends[i], 0, 1);
        expect(ends[i], EVENT_CONSUMER_GONE);
    }
    fixture_free(f);
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        slow_test(the_newest_is_dropped),
        slow_test(the_oldest_is_dropped),
        slow_test(octets_are_a_bound_too),
        slow_test(dropping_is_told_once_a_second),
        slow_test(others_are_not_harmed),
        slow_test(the_slow_one_is_disconnected),
        slow_test(the_slow_one_is_disconnected_by_a_commit),
        slow_test(the_slow_one_is_disconnected_by_a_message_with_an_id),
        slow_test(publishers_wait_until_half_is_taken),
        slow_test(nobody_waits_for_one_that_is_gone),
        slow_test(nobody_waits_for_one_that_wants_it_no_more),
        slow_test(a_publisher_that_waits_may_go),
        cmocka_unit_test(what_is_parked_is_bounded),
        slow_test(a_connection_does_not_wait_for_itself),
        slow_test(two_publishers_wait_in_turn),
        slow_test(events_wait_before_they_have_a_number),
        cmocka_unit_test(a_full_lane_is_not_slowness),
        slow_test(full_output_is_not_slowness_before_it_was_tried),
        cmocka_unit_test(a_wide_fan_out_drops_one_by_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
