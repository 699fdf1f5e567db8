/* SPDX-License-Identifier: Apache-2.0
 *
 * test_marks.c: "redelivered" after a crash: never missing where a message may have been delivered, and seldom there
 * where it was not. */
#include "engine/dump.h"

static chan_t with_messages(fixture_t *f, unsigned count)
{
    chan_t ch = new_channel(f);
    new_durable_queue(ch, "q");
    put_many_durably(ch, "q", 0, count);
    return ch;
}

static void what_was_never_delivered_is_not_redelivered_after_a_crash(void **state)
{
    fixture_t *f = *state;
    (void)with_messages(f, 3);
    crash(f);
    assert_queue_is(new_channel(f), "q", "n00000", "n00001", "n00002");
}

static void what_may_have_been_delivered_is_redelivered_after_a_crash(void **state)
{
    fixture_t *f = *state;
    chan_t ch = with_messages(f, 200);
    char body[16], wanted[20];
    for (unsigned i = 0; i < 10; i++)
        (void)got(ch, "q", numbered(body, i));
    uint64_t mark = queue_find(f->engine->vhost, BYTES("q"))->mark;
    assert_in_range(mark, 11, 200);
    crash(f);
    ch = new_channel(f);
    for (unsigned i = 0; i < 200; i++) {
        bool below = i + 1 < mark; /* positions begin at 1 */
        text_format(wanted, sizeof wanted, "%s%s", numbered(body, i), below ? "*" : "");
        get(ch, "q", COMMAND_NO_ACK);
        expect_got(ch, wanted);
    }
}

static void what_comes_after_a_crash_is_fresh(void **state)
{
    fixture_t *f = *state;
    chan_t ch = with_messages(f, 2);
    (void)got(ch, "q", "n00000");
    crash(f);
    ch = new_channel(f);
    put_many_durably(ch, "q", 2, 1);
    put(ch, "q", "transient");
    assert_queue_is(ch, "q", "n00000*", "n00001*", "n00002", "transient");
}

static void a_delivery_waits_until_its_mark_is_durable(void **state)
{
    fixture_t *f = *state;
    chan_t ch = with_messages(f, 2);
    hold(f);
    new_consumer(ch, "q", "c", 0);
    expect_nothing(ch);
    assert_int_equal(paper_count(paper_of(f), RECORD_DELIVERED), 1);
    sync_batches(f, 1);
    expect_delivery(ch, "n00000");
    expect_delivery(ch, "n00001");
}

static void a_get_waits_for_the_mark_and_others_do_not(void **state)
{
    fixture_t *f = *state;
    chan_t ch = with_messages(f, 2), other = channel_of(ch.client, 2);
    new_queue(ch, "t");
    hold(f);
    get(ch, "q", 0);
    echo(ch);
    put(other, "t", "a");
    get(other, "t", COMMAND_NO_ACK);
    expect_got(other, "a");
    expect_nothing(ch);
    sync_batches(f, 1);
    expect_got(ch, "n00000");
    expect_ok(ch);
}

static void transient_messages_need_no_mark(void **state)
{
    fixture_t *f = *state;
    chan_t ch = with_messages(f, 0);
    hold(f);
    put(ch, "q", "t");
    get(ch, "q", 0);
    expect_got(ch, "t");
    assert_int_equal(paper_count(paper_of(f), RECORD_DELIVERED), 0);
}

static void no_delivery_passes_what_is_durable_however_slow_the_log(void **state)
{
    fixture_t *f = *state;
    chan_t ch = with_messages(f, 1000);
    queue_t *q = queue_find(f->engine->vhost, BYTES("q"));
    record_no looked = paper_of(f)->count;
    uint64_t durable_mark = 0, delivered = 0;
    hold(f);
    new_consumer(ch, "q", "c", 0);
    while (delivered < 1000) {
        run(f);
        for (seen_t *s; (s = pending(ch)); s->taken = true)
            delivered++;
        assert_true(delivered < durable_mark || delivered == 0);
        assert_true(q->delivered_below == delivered + 1);
        sync_batches(f, 1);
        for (; looked < paper_of(f)->synced; looked++) {
            record_t r = paper_read(paper_of(f), looked + 1);
            if (r.type == RECORD_DELIVERED)
                durable_mark = r.mark;
        }
        for (seen_t *s; (s = pending(ch)); s->taken = true)
            delivered++;
        assert_true(delivered < durable_mark);
    }
}

static void a_queue_that_runs_seldom_waits_and_makes_few_records(void **state)
{
    fixture_t *f = *state;
    chan_t ch = with_messages(f, 0), other = new_channel(f);
    enum { MESSAGES = 20000 };
    unsigned waits = 0;
    new_consumer(ch, "q", "c", COMMAND_NO_ACK);
    run(f);
    queue_t *q = queue_find(f->engine->vhost, BYTES("q"));
    for (unsigned i = 0; i < MESSAGES; i++) {
        put_durably(other, "q", "m");
        (void)step(f);
        waits += q->waits_for_store;
    }
    run(f);
    assert_int_equal(pending_count(ch), MESSAGES);
    assert_true(waits <= 2); /* the first one has to */
    assert_true(paper_count(paper_of(f), RECORD_DELIVERED) < 20);
}

/* The first blocks are small, and none is larger than what durability.md says. */
static void a_mark_is_never_further_ahead_than_its_largest_block(void **state)
{
    fixture_t *f = *state;
    chan_t ch = with_messages(f, 0), other = new_channel(f);
    enum { MESSAGES = 30000, BLOCK_MOST = 8192 };
    uint64_t most = 0;
    new_consumer(ch, "q", "c", COMMAND_NO_ACK);
    run(f);
    queue_t *q = queue_find(f->engine->vhost, BYTES("q"));
    for (unsigned i = 0; i < MESSAGES; i++) {
        put_durably(other, "q", "m");
        (void)step(f);
        uint64_t ahead = q->mark - q->delivered_below;
        assert_true(i > 0 || ahead <= 128);
        most = ahead > most ? ahead : most;
    }
    assert_in_range(most, BLOCK_MOST / 2, BLOCK_MOST);
}

static void after_a_clean_stop_the_flags_are_exact(void **state)
{
    fixture_t *f = *state;
    chan_t ch = with_messages(f, 5);
    uint64_t tag = got(ch, "q", "n00000");
    (void)got(ch, "q", "n00001");
    ack(ch, tag, 0);
    stop_and_start(f);
    assert_queue_is(new_channel(f), "q", "n00001*", "n00002", "n00003", "n00004");
}

static void exact_flags_stay_exact_over_several_stops(void **state)
{
    fixture_t *f = *state;
    chan_t ch = with_messages(f, 4);
    (void)got(ch, "q", "n00000");
    stop_and_start(f);
    stop_and_start(f);
    ch = new_channel(f);
    (void)got(ch, "q", "n00000*");
    (void)got(ch, "q", "n00001");
    stop_and_start(f);
    assert_queue_is(new_channel(f), "q", "n00000*", "n00001*", "n00002", "n00003");
    stop_and_start(f);
    ch = new_channel(f);
    put_durably(ch, "q", "fresh");
    assert_queue_is(ch, "q", "fresh");
}

static void a_stop_that_finds_nothing_delivered_writes_nothing(void **state)
{
    fixture_t *f = *state;
    (void)with_messages(f, 4);
    size_t before = paper_of(f)->count;
    engine_finish(f->engine);
    run(f);
    assert_true(engine_is_durable(f->engine));
    assert_int_equal(paper_of(f)->count, before);
}

static void an_engine_is_durable_when_the_log_has_everything(void **state)
{
    fixture_t *f = *state;
    chan_t ch = with_messages(f, 3);
    (void)got(ch, "q", "n00000");
    hold(f);
    hang_up(ch.client);
    run(f);
    engine_finish(f->engine);
    run(f);
    assert_false(engine_is_durable(f->engine));
    hold_no_more(f);
    assert_true(engine_is_durable(f->engine));
}

static void a_queue_that_goes_while_its_mark_is_under_way_holds_up_nobody(void **state)
{
    fixture_t *f = *state;
    chan_t ch = with_messages(f, 3), other = new_channel(f);
    hold(f);
    new_consumer(ch, "q", "c", 0);
    get(other, "q", 0);
    run(f);
    delete_queue(ch, "q", 0);
    run(f);
    expect_refusal(other, 404, "no queue 'q' in vhost '/'");
    hold_no_more(f);
    expect(ch, EVENT_CONSUMER_GONE);
    expect_counted(ch, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        durable_test(what_was_never_delivered_is_not_redelivered_after_a_crash),
        durable_test(what_may_have_been_delivered_is_redelivered_after_a_crash),
        durable_test(what_comes_after_a_crash_is_fresh),
        durable_test(a_delivery_waits_until_its_mark_is_durable),
        durable_test(a_get_waits_for_the_mark_and_others_do_not),
        durable_test(transient_messages_need_no_mark),
        durable_test(no_delivery_passes_what_is_durable_however_slow_the_log),
        durable_test(a_queue_that_runs_seldom_waits_and_makes_few_records),
        durable_test(a_mark_is_never_further_ahead_than_its_largest_block),
        durable_test(after_a_clean_stop_the_flags_are_exact),
        durable_test(exact_flags_stay_exact_over_several_stops),
        durable_test(a_stop_that_finds_nothing_delivered_writes_nothing),
        durable_test(an_engine_is_durable_when_the_log_has_everything),
        durable_test(a_queue_that_goes_while_its_mark_is_under_way_holds_up_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
