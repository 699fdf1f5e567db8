/* SPDX-License-Identifier: Apache-2.0
 *
 * Windows and the log: a message and its id are durable together or lost together, a repeat is confirmed when the first is
 * durable, and what was remembered is after a crash, from wherever the log begins. */
#include "engine/dedup.h"
#include "engine/dump.h"
#include "engine/tx.h"

static void two_queues(chan_t ch)
{
    window_exchange(ch, "x", "fanout", COMMAND_DURABLE, (window_t){.size = 3});
    new_durable_queue(ch, "q"), bound(ch, "q", "x", "");
    window_queue(ch, "w", COMMAND_DURABLE, (window_t){.size = 3});
}

static void publish_sequence(chan_t ch, int64_t sequence)
{
    char body[16];
    publish_number(ch, "", "q", numbered(body, (unsigned)sequence), PERSISTENTLY, "p", sequence);
}

static void a_repeat_is_known_after_a_crash(void **state)
{
    fixture_t *f = *state;
    two_queues(new_channel(f));
    for (int life = 0; life < 4; life++) {
        chan_t ch = confirming(f);
        publish_id(ch, "x", "", "a"), publish_id(ch, "", "w", "a"), publish_sequence(ch, 5);
        expect_confirm(ch, 3, true);
        if (life % 2)
            crash(f);
        else
            stop_and_start(f);
    }
    chan_t ch = new_channel(f);
    assert_queue_is(ch, "q", "a", "n00005");
    assert_queue_is(ch, "w", "a");
    assert_int_equal(counts(f).deduplication_ids, 3);
}

static void a_repeat_waits_for_the_first(void **state)
{
    fixture_t *f = *state;
    two_queues(new_channel(f));
    chan_t one = confirming(f), other = confirming(f);
    hold(f);
    publish_id(one, "x", "", "a"), publish_id(one, "", "w", "a"), publish_sequence(one, 5), run(f);
    publish_id(other, "x", "", "a"), run(f);
    publish_id(other, "", "w", "a"), run(f);
    publish_sequence(other, 4), run(f);
    expect_nothing(one), expect_nothing(other);
    hold_no_more(f);
    expect_confirm(one, 3, true), expect_confirm(other, 3, true);
}

static void a_repeat_of_what_is_durable_is_confirmed_at_once(void **state)
{
    fixture_t *f = *state;
    two_queues(new_channel(f));
    chan_t ch = confirming(f);
    publish_id(ch, "x", "", "a"), expect_confirm(ch, 1, false);
    hold(f);
    publish_id(ch, "x", "", "a"), expect_confirm(ch, 2, false);
    publish_id(ch, "x", "", "b"), publish_id(ch, "x", "", "a"),
        expect_nothing(ch); /* behind b's, as they come in order */
    hold_no_more(f);
    expect_confirm(ch, 4, true);
}

enum { SENT = 6 };

/* Each in a batch of its own, by three ways: a queue's window, an exchange's, a publisher's numbers. */
static void send_all(chan_t ch)
{
    for (unsigned i = 0; i < SENT; i++) {
        char id[16];
        if (i % 3 == 0)
            publish_id(ch, "x", "", numbered(id, i));
        else if (i % 3 == 1)
            publish_id(ch, "", "w", numbered(id, i));
        else
            publish_sequence(ch, i);
        run(ch.client->f);
    }
}

static void whatever_a_crash_left_it_is_there_once_when_it_was_sent_again(void **state)
{
    (void)state;
    for (size_t batches = 0; batches <= SENT; batches++)
        for (uint64_t batch_bytes = 1; batch_bytes < 3; batch_bytes++) {
            fixture_t *f = durable_new((fixture_options_t){.batch_bytes = batch_bytes == 1 ? 1 : 0});
            two_queues(new_channel(f));
            hold(f);
            send_all(new_channel(f));
            assert_int_equal(paper_of(f)->lent_count, SENT); /* what belongs together is in one */
            sync_batches(f, batches);
            crash(f);
            send_all(new_channel(f));
            chan_t ch = new_channel(f);
            assert_queue_is(ch, "q", "n00000", "n00002", "n00003", "n00005");
            assert_queue_is(ch, "w", "n00001", "n00004");
            durable_free(f);
        }
}

static void an_id_is_as_durable_as_its_message(void **state)
{
    fixture_t *f = *state;
    chan_t ch = new_channel(f);
    two_queues(ch);
    window_exchange(ch, "t", "fanout", 0, (window_t){0}), bound(ch, "q", "t", "");
    new_queue(ch, "transient"), bound(ch, "transient", "x", "");
    publish_as(ch, "x", "", "1", 0, "a"), publish_as(ch, "x", "", "2", 0, "a"); /* transient messages */
    publish_number(ch, "", "q", "3", 0, "p", 5), publish_number(ch, "", "q", "4", 0, "p", 5);
    publish_as(ch, "t", "", "5", PERSISTENTLY, "a"), publish_as(ch, "t", "", "6", PERSISTENTLY, "a");
    unbind_queue(ch, "q", "x", ""), expect_ok(ch);
    publish_as(ch, "x", "", "7", PERSISTENTLY, "b"), publish_as(ch, "x", "", "8", PERSISTENTLY, "b");
    assert_queue_is(ch, "q", "1", "3", "5");
    assert_queue_is(ch, "transient", "1", "7");
    run(f);
    assert_int_equal(paper_count(paper_of(f), RECORD_SEEN) + paper_count(paper_of(f), RECORD_PUBLISHER), 0);
    crash(f);
    ch = new_channel(f);
    bound(ch, "q", "x", "");
    publish_as(ch, "x", "", "9", PERSISTENTLY, "a"), publish_as(ch, "x", "", "10", PERSISTENTLY, "b");
    publish_number(ch, "", "q", "11", 0, "p", 5);
    assert_queue_is(ch, "q", "9", "10", "11");
}

/* One that left memory is in the log, too, but not to outlive a crash. */
static void a_transient_message_that_left_memory_takes_its_id_with_it(void **state)
{
    (void)state;
    fixture_t *f = durable_new((fixture_options_t){.cold = true});
    for (int life = 0; life < 2; life++) {
        chan_t ch = new_channel(f);
        window_queue(ch, "q", COMMAND_DURABLE, (window_t){0});
        publish_as(ch, "", "q", "1", 0, "a"), run(f);
        assert_true(paper_count(paper_of(f), RECORD_MESSAGE) > 0);
        publish_as(ch, "", "q", "2", 0, "a");
        if (life)
            assert_queue_is(ch, "q", "1");
        crash(f);
    }
    durable_free(f);
}

/* What was remembered for a durable one before is said again, but not what a transient one has made of it. */
static void a_checkpoint_does_not_outdo_its_message(void **state)
{
    (void)state;
    fixture_t *f = durable_new((fixture_options_t){.checkpoint_bytes = 1000});
    chan_t ch = new_channel(f);
    window_queue(ch, "w", COMMAND_DURABLE, (window_t){.ttl_ms = 1000});
    new_durable_queue(ch, "q");
    publish_id(ch, "", "w", "a"), publish_number(ch, "", "q", "5", PERSISTENTLY, "p", 5), run(f);
    f->now_ms += 1000;
    publish_as(ch, "", "w", "a", 0, "a"), publish_number(ch, "", "q", "6", 0, "p", 6), run(f);
    record_no before = paper_of(f)->replay_from;
    put_many_durably(ch, "q", 0, 400);
    assert_true(paper_of(f)->replay_from > before + 20);
    publish_as(ch, "", "w", "again", 0, "a"), publish_number(ch, "", "q", "6", 0, "p", 6), run(f);
    assert_int_equal(counts(f).messages_ready, 404);
    for (int life = 0; life < 2; life++) {
        reopen_with(f, (reopen_options_t){.from = paper_of(f)->replay_from});
        ch = new_channel(f);
        publish_number(ch, "", "q", "5", 0, "p", 5), run(f);
        assert_int_equal(counts(f).messages_ready, 402);
    }
    publish_as(ch, "", "w", "a", 0, "a"), publish_number(ch, "", "q", "6", 0, "p", 6), run(f);
    assert_int_equal(counts(f).messages_ready, 404);
    durable_free(f);
}

static void time_goes_on_while_the_broker_is_down(void **state)
{
    fixture_t *f = *state;
    chan_t ch = new_channel(f);
    window_queue(ch, "q", COMMAND_DURABLE, (window_t){.ttl_ms = 1000});
    publish_as(ch, "", "q", "1", PERSISTENTLY, "a"), run(f);
    f->now_ms += 999;
    crash(f);
    ch = new_channel(f);
    publish_as(ch, "", "q", "2", PERSISTENTLY, "a"), run(f);
    f->now_ms += 1;
    crash(f);
    ch = new_channel(f);
    publish_as(ch, "", "q", "3", PERSISTENTLY, "a");
    assert_queue_is(ch, "q", "1", "3");
}

/* Definitions and windows are said again all the time; the log begins as late as it may. */
static void said_again_they_are_in_their_order(void **state)
{
    (void)state;
    fixture_t *f = durable_new((fixture_options_t){.checkpoint_bytes = 1, .slice = 1});
    chan_t ch = new_channel(f);
    char id[16];
    two_queues(ch);
    for (unsigned i = 0; i < 300; i++) {
        publish_id(ch, "x", "", numbered(id, i));
        get(ch, "q", COMMAND_NO_ACK), expect_got(ch, id);
    }
    run(f);
    assert_true(paper_of(f)->replay_from > 100);
    assert_true(paper_count(paper_of(f), RECORD_SEEN) > 300);
    reopen_with(f, (reopen_options_t){.from = paper_of(f)->replay_from});
    ch = new_channel(f);
    publish_id(ch, "x", "", numbered(id, 299)), publish_id(ch, "x", "", numbered(id, 297));
    publish_id(ch, "x", "", "new"); /* the oldest of three goes */
    publish_id(ch, "x", "", numbered(id, 298)), publish_id(ch, "x", "", numbered(id, 299));
    publish_id(ch, "x", "", numbered(id, 297));
    assert_queue_is(ch, "q", "new", "n00297");
    durable_free(f);
}

static void what_is_over_is_not_said_again(void **state)
{
    (void)state;
    fixture_t *f = durable_new((fixture_options_t){.checkpoint_bytes = 2000});
    chan_t ch = new_channel(f);
    char id[16];
    window_queue(ch, "q", COMMAND_DURABLE, (window_t){.ttl_ms = 1000});
    for (unsigned i = 0; i < 100; i++)
        publish_id(ch, "", "q", numbered(id, i));
    run(f);
    f->now_ms += 1000;
    put_many_durably(ch, "q", 0, 4000);
    assert_int_equal(counts(f).deduplication_ids, 0);
    durable_free(f);
}

static void one_that_is_made_again_remembers_nothing_of_the_log(void **state)
{
    fixture_t *f = *state;
    chan_t ch = new_channel(f);
    two_queues(ch);
    publish_id(ch, "x", "", "a"), publish_id(ch, "", "w", "a"), run(f);
    delete_exchange(ch, "x", 0), expect_ok(ch);
    delete_queue(ch, "w", 0), expect_counted(ch, 1);
    delete_queue(ch, "q", 0), expect_counted(ch, 1);
    two_queues(ch);
    crash(f);
    assert_int_equal(counts(f).deduplication_ids, 0);
    ch = new_channel(f);
    publish_id(ch, "x", "", "a"), publish_id(ch, "", "w", "a");
    assert_queue_is(ch, "q", "a");
    assert_queue_is(ch, "w", "a");
}

/* Also while its entries are still being let go, a slice a step. */
static void a_checkpoint_says_nothing_of_a_window_that_is_gone(void **state)
{
    (void)state;
    enum { IDS = 200 };
    fixture_t *f = durable_new((fixture_options_t){.slice = 2});
    chan_t ch = new_channel(f), other = channel_of(ch.client, 2);
    char id[16];
    two_queues(ch);
    window_exchange(ch, "many", "fanout", COMMAND_DURABLE, (window_t){.size = IDS});
    bound(ch, "q", "many", "");
    for (unsigned i = 0; i < IDS; i++)
        publish_id(ch, "many", "", numbered(id, i));
    run(f);
    assert_int_equal(counts(f).deduplication_ids, IDS);
    record_no before = paper_of(f)->replay_from;
    checkpoint_renew(f->engine);
    delete_exchange(ch, "many", 0);
    buffer_t arguments = {0};
    declare_exchange_with(other, "many", "fanout", COMMAND_DURABLE,
                          window_arguments(&arguments, (window_t){.size = IDS}));
    run(f);
    buffer_free(&arguments);
    put_durably(ch, "q", "m"), run(f);
    assert_true(paper_of(f)->replay_from > before);
    reopen_with(f, (reopen_options_t){.from = paper_of(f)->replay_from});
    assert_int_equal(counts(f).deduplication_ids, 0);
    durable_free(f);
}

static void a_lower_limit_holds_for_what_was_remembered_before(void **state)
{
    fixture_t *f = *state;
    chan_t ch = new_channel(f);
    char id[16];
    window_queue(ch, "q", COMMAND_DURABLE, (window_t){.size = 100});
    for (unsigned i = 0; i < 50; i++) {
        publish_id(ch, "", "q", numbered(id, i));
        publish_number(ch, "", "q", "m", PERSISTENTLY, id, 1);
    }
    run(f);
    f->options.deduplication_ids = 10, f->options.publishers = 5;
    crash(f);
    assert_int_equal(counts(f).publishers, 5);
    assert_int_equal(counts(f).deduplication_ids, 15);
    ch = new_channel(f);
    publish_id(ch, "", "q", numbered(id, 40)), publish_id(ch, "", "q", numbered(id, 39)), run(f);
    assert_int_equal(counts(f).messages_ready, 101);
}

/* A large body came ahead in parts: nothing of it stays. */
static void of_a_large_repeat_nothing_is_kept(void **state)
{
    fixture_t *f = *state;
    chan_t ch = confirming(f);
    window_queue(ch, "q", COMMAND_DURABLE, (window_t){0});
    for (uint64_t i = 1; i <= 3; i++) {
        part(ch, "first"), part(ch, "second");
        publish_as(ch, "", "q", "rest", PERSISTENTLY, "a"), expect_confirm(ch, i, false);
    }
    assert_int_equal(paper_count(paper_of(f), RECORD_MESSAGE), 1);
    purge(ch, "q"), expect_counted(ch, 1);
    run(f);
    assert_int_equal(live_in(&f->engine->live, 0, UINT64_MAX), 0);
}

/* ---- histories ---- */

typedef struct sender {
    chan_t plain, tx;
    uint64_t seed;
    int64_t sequence;
} sender_t;

static void act(sender_t *s)
{
    uint32_t what = chance(&s->seed, 10), id_number = chance(&s->seed, 9);
    chan_t ch = chance(&s->seed, 3) ? s->plain : s->tx;
    char id[16];
    (void)numbered(id, id_number);
    if (what < 4)
        publish_id(ch, "x", "", id);
    else if (what < 7)
        publish_id(ch, "", "w", id);
    else if (what < 9)
        publish_number(ch, "", "q", "m", PERSISTENTLY, id, (int64_t)chance(&s->seed, 20));
    else
        get(ch, chance(&s->seed, 2) ? "q" : "w", COMMAND_NO_ACK);
    if (chance(&s->seed, 8) == 0)
        push_simple(s->tx, chance(&s->seed, 4) ? COMMAND_TX_COMMIT : COMMAND_TX_ROLLBACK, 0);
    if (chance(&s->seed, 4) == 0)
        (void)step(ch.client->f);
}

/* In transactions and without; what is not committed is not in the log.
 *
 * The same windows in the engine that decided, in one that reads the whole log, in one that reads what is needed, and in one
 * that reads some of it twice; and the engine goes on from each. */
static void whatever_happened_windows_come_back_as_they_were(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 12; seed++) {
        fixture_t *f = durable_new((fixture_options_t){.publishers = 4,
                                                       .slice = seed % 3 ? 16 : 2,
                                                       .batch_bytes = seed % 2,
                                                       .checkpoint_bytes = seed % 4 ? 1500 : 1});
        two_queues(new_channel(f));
        sender_t s = {.seed = seed * 0x9e3779b97f4a7c15u};
        for (int round = 0; round < 8; round++) {
            s.plain = new_channel(f), s.tx = new_channel(f);
            tx_select(s.tx);
            for (int i = 0; i < 80; i++)
                act(&s);
            run(f);
            record_no from = paper_of(f)->replay_from;
            dump_t before = dump_of(f->engine), all = dump_from(f, 1, 0), some = dump_from(f, from, 0),
                   twice = dump_from(f, 1, from);
            assert_same_dump(&before, &all, "the whole log");
            assert_same_dump(&before, &some, "what is needed");
            assert_same_dump(&before, &twice, "twice");
            dump_free(&before), dump_free(&all), dump_free(&some), dump_free(&twice);
            reopen_with(f, (reopen_options_t){.from = round % 2 ? from : 1});
        }
        assert_true(paper_count(paper_of(f), RECORD_SEEN) > 50);
        durable_free(f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        durable_test(a_repeat_is_known_after_a_crash),
        durable_test(a_repeat_waits_for_the_first),
        durable_test(a_repeat_of_what_is_durable_is_confirmed_at_once),
        cmocka_unit_test(whatever_a_crash_left_it_is_there_once_when_it_was_sent_again),
        durable_test(an_id_is_as_durable_as_its_message),
        cmocka_unit_test(a_transient_message_that_left_memory_takes_its_id_with_it),
        cmocka_unit_test(a_checkpoint_does_not_outdo_its_message),
        durable_test(time_goes_on_while_the_broker_is_down),
        cmocka_unit_test(said_again_they_are_in_their_order),
        cmocka_unit_test(what_is_over_is_not_said_again),
        durable_test(one_that_is_made_again_remembers_nothing_of_the_log),
        cmocka_unit_test(a_checkpoint_says_nothing_of_a_window_that_is_gone),
        durable_test(a_lower_limit_holds_for_what_was_remembered_before),
        durable_test(of_a_large_repeat_nothing_is_kept),
        cmocka_unit_test(whatever_happened_windows_come_back_as_they_were),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
