/* SPDX-License-Identifier: Apache-2.0
 *
 * test_tx_disk.c: transactions while the disk has no room to spare: what they publish waits, at the latest with their
 * commit; what they ack does not. */
#include "engine/durable.h"
#include "engine/tx.h"

static chan_t whole(chan_t ch)
{
    return (chan_t){ch.client, 0};
}

static void expect_blocked(chan_t ch)
{
    assert_int_equal(expect(whole(ch), EVENT_CONNECTION_BLOCKED)->event.alarms, ALARM_DISK);
}

/* It has put one into `q`. */
static chan_t transactional(fixture_t *f)
{
    chan_t ch = new_channel(f);
    new_durable_queue(ch, "q"), new_durable_queue(ch, "r");
    put_durably(ch, "q", "1");
    tx_select(ch);
    return ch;
}

static void a_commit_with_publishes_waits(void **state)
{
    fixture_t *f = *state;
    chan_t ch = transactional(f), other = new_channel(f);
    ack(ch, got(ch, "q", "1"), 0), put_durably(ch, "r", "2");
    run(f);
    say_disk(f, true);
    commit(ch);
    expect_blocked(ch);
    expect_nothing(ch);
    assert_int_equal(counts(f).committed, 0);
    assert_int_equal(counts(f).messages_unacked, 1);
    assert_queue_is_empty(other, "r");
    say_disk(f, false);
    expect(whole(ch), EVENT_CONNECTION_UNBLOCKED);
    expect_ok(ch);
    assert_int_equal(counts(f).messages_unacked, 0);
    assert_queue_is(other, "r", "2");
}

static void one_with_acks_alone_passes(void **state)
{
    fixture_t *f = *state;
    chan_t ch = transactional(f);
    uint64_t tag = got(ch, "q", "1");
    say_disk(f, true);
    ack(ch, tag, 0), committed(ch);
    assert_int_equal(counts(f).messages_unacked, 0);
    assert_false(ch.client->blocked);
}

static void a_rollback_passes(void **state)
{
    fixture_t *f = *state;
    chan_t ch = transactional(f);
    put_durably(ch, "r", "2");
    run(f);
    say_disk(f, true);
    rolled_back(ch);
    committed(ch);
    assert_queue_is_empty(ch, "r");
}

/* Parts of a large body go to the log when they come: a transaction that has begun must not fill it with them. */
static void its_publishes_wait_though_it_has_begun(void **state)
{
    fixture_t *f = *state;
    chan_t ch = transactional(f);
    ack(ch, got(ch, "q", "1"), 0);
    run(f);
    say_disk(f, true);
    record_no before = paper_of(f)->count;
    part(ch, "abc"), publish_with(ch, "", "r", "2", 0, PERSISTENT), commit(ch);
    expect_blocked(ch);
    expect_nothing(ch);
    assert_int_equal(paper_of(f)->count, before);
    say_disk(f, false);
    expect_ok(ch);
    assert_int_equal(counts(f).messages_ready, 1);
    assert_int_equal(counts(f).messages_unacked, 0);
}

/* Those behind it belong to it, and come to it. */
static void acks_pass_its_publishes_and_it_is_whole(void **state)
{
    fixture_t *f = *state;
    chan_t ch = transactional(f);
    put_durably(ch, "r", "x"), put_durably(ch, "q", "2"), put_durably(ch, "q", "3"), committed(ch);
    uint64_t tags[3] = {got(ch, "q", "1"), got(ch, "q", "2"), got(ch, "q", "3")};
    say_disk(f, true);
    ack(ch, tags[0], 0), put_durably(ch, "r", "y");
    run(f);
    ack(ch, tags[1], 0), ack(ch, tags[2], 0);
    run(f);
    commit(ch);
    expect_nothing(ch);
    assert_int_equal(counts(f).messages_unacked, 3);
    say_disk(f, false);
    expect_ok(ch);
    assert_int_equal(counts(f).messages_unacked, 0);
    assert_queue_is(ch, "r", "x", "y");
}

/* It is what memory is short of: when the disk has room again, it must not wait for memory. */
static void with_memory_short_too_it_goes_on_when_the_disk_has_room(void **state)
{
    (void)state;
    fixture_t *f = durable_new((fixture_options_t){.memory_high_bytes = 4000});
    chan_t ch = transactional(f), plain = new_channel(f);
    static char octets[1001];
    memset(octets, 'x', sizeof octets - 1);
    ack(ch, got(ch, "q", "1"), 0);
    for (int i = 0; i < 4; i++)
        put(ch, "r", octets);
    run(f);
    assert_true(counts(f).memory_alarm);
    say_disk(f, true);
    put_durably(ch, "r", "end"), commit(ch), put_durably(plain, "r", "late");
    expect_nothing(ch);
    say_disk(f, false);
    expect_ok(ch);
    assert_true(counts(f).memory_alarm);
    assert_int_equal(counts(f).messages_ready, 5); /* `late` still waits */
    durable_free(f);
}

/* One large transaction may be on its way, as it can be no smaller; others wait until the log has it. */
static void one_at_a_time_may_be_more_than_the_log_should_have(void **state)
{
    (void)state;
    enum { CHANNELS = 5 };
    fixture_t *f = durable_new((fixture_options_t){.unwritten_bytes = 2000, .batch_bytes = 500});
    chan_t chans[CHANNELS];
    static char octets[3001];
    memset(octets, 'x', sizeof octets - 1);
    new_durable_queue(new_channel(f), "q");
    for (int i = 0; i < CHANNELS; i++) {
        chans[i] = new_channel(f);
        tx_select(chans[i]);
        put_durably(chans[i], "q", octets);
    }
    run(f);
    hold(f);
    for (int i = 0; i < CHANNELS; i++)
        commit(chans[i]);
    run(f);
    assert_int_equal(counts(f).committed, 1);
    hold_no_more(f);
    for (int i = 0; i < CHANNELS; i++)
        expect_ok(chans[i]);
    durable_free(f);
}

/* What the client has, and no commit of its can ack any more, goes back to others. */
static void a_goodbye_behind_a_commit_that_waits_gives_back_the_rest(void **state)
{
    fixture_t *f = *state;
    chan_t ch = transactional(f), other = new_channel(f);
    put_durably(ch, "q", "2"), committed(ch);
    ack(ch, got(ch, "q", "1"), 0), (void)got(ch, "q", "2"), put_durably(ch, "r", "3");
    run(f);
    say_disk(f, true);
    commit(ch), goodbye(ch.client);
    run(f);
    assert_queue_is(other, "q", "2*");
    say_disk(f, false);
    expect_ok(ch);
    assert_queue_is(other, "r", "3");
    assert_queue_is_empty(other, "q");
    assert_true(ch.client->closed);
}

/* The connection is cut: nothing of it happens. */
static void of_a_client_that_is_gone_nothing_waits(void **state)
{
    fixture_t *f = *state;
    chan_t ch = transactional(f), other = new_channel(f);
    ack(ch, got(ch, "q", "1"), 0), put_durably(ch, "r", "2");
    run(f);
    say_disk(f, true);
    commit(ch);
    run(f);
    hang_up(ch.client);
    run(f);
    assert_queue_is(other, "q", "1*");
    say_disk(f, false);
    assert_queue_is_empty(other, "r");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        durable_test(a_commit_with_publishes_waits),
        durable_test(one_with_acks_alone_passes),
        durable_test(a_rollback_passes),
        durable_test(its_publishes_wait_though_it_has_begun),
        durable_test(acks_pass_its_publishes_and_it_is_whole),
        cmocka_unit_test(with_memory_short_too_it_goes_on_when_the_disk_has_room),
        cmocka_unit_test(one_at_a_time_may_be_more_than_the_log_should_have),
        durable_test(a_goodbye_behind_a_commit_that_waits_gives_back_the_rest),
        durable_test(of_a_client_that_is_gone_nothing_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
