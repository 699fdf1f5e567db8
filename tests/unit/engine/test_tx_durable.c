/* SPDX-License-Identifier: Apache-2.0
 *
 * test_tx_durable.c: what the log has of transactions: one batch each, and so all of it or nothing after a crash. */
#include "engine/dedup.h"
#include "engine/dump.h"
#include "engine/events.h"
#include "engine/tx.h"

/* Batches that are full at once: what must be in one has to say so. */
static int small_batches_setup(void **state)
{
    *state = durable_new((fixture_options_t){.batch_bytes = 64, .slice = 16});
    return 0;
}

#define small_batches_test(test) cmocka_unit_test_setup_teardown(test, small_batches_setup, durable_teardown)

static size_t ends_of_batches(const paper_t *p, record_no from)
{
    size_t ends = 0;
    for (record_no n = from; n <= p->count; n++)
        ends += paper_at(p, n)->is_last_of_batch;
    return ends;
}

static void a_transaction_is_one_batch(void **state)
{
    fixture_t *f = *state;
    paper_t *p = paper_of(f);
    chan_t ch = new_channel(f);
    new_durable_queue(ch, "in"), new_durable_queue(ch, "a"), new_durable_queue(ch, "b");
    for (int i = 0; i < 40; i++)
        put_durably(ch, "in", "x");
    run(f);
    assert_true(ends_of_batches(p, 1) > 10); /* batches are small */
    tx_select(ch);
    for (int i = 0; i < 40; i++) {
        get(ch, "in", 0);
        expect(ch, EVENT_GET_OK);
    }
    for (int i = 0; i < 40; i++) {
        put_durably(ch, i % 2 ? "a" : "b", "y");
        if (i % 3)
            ack(ch, (uint64_t)i + 1, 0);
    }
    run(f);
    record_no before = p->count;
    committed(ch);
    assert_true(p->count >= before + 40 + 13);
    assert_int_equal(ends_of_batches(p, before + 1), 1);
    assert_true(paper_at(p, p->count)->is_last_of_batch);
}

static void commit_ok_comes_when_it_is_durable(void **state)
{
    fixture_t *f = *state;
    chan_t ch = new_channel(f);
    new_durable_queue(ch, "q"), new_queue(ch, "t");
    put_durably(ch, "q", "1");
    run(f);
    tx_select(ch);
    got(ch, "q", "1");
    hold(f);
    commit(ch), put_durably(ch, "q", "2"), commit(ch); /* the first is of nothing */
    expect_ok(ch);
    expect_nothing(ch);
    sync_batches(f, 1);
    expect_ok(ch);
    ack(ch, 1, 0), commit(ch); /* acks alone too */
    expect_nothing(ch);
    sync_batches(f, 1);
    expect_ok(ch);
    put(ch, "t", "3"), committed(ch); /* nothing of it goes to the log */
    publish_with(ch, "", "t", "4", 0, PERSISTENT), committed(ch);
}

/* Its commit-ok waits until the log has heard that "q" is gone. */
static void check_commit_behind_a_delete(fixture_t *f, chan_t ch, chan_t other)
{
    hold(f);
    delete_queue(other, "q", 0);
    run(f);
    commit(ch);
    expect_nothing(ch);
    hold_no_more(f);
    expect_ok(ch);
}

/* A message that a queue does not get because the queue has just gone: a crash must not bring the queue back without it. */
static void it_waits_for_definitions_as_a_confirm_does(void **state)
{
    fixture_t *f = *state;
    chan_t ch = new_channel(f), other = new_channel(f);
    new_durable_queue(ch, "q");
    tx_select(ch);
    put_durably(ch, "q", "1");
    run(f);
    check_commit_behind_a_delete(f, ch, other);
}

/* Numbers of a synchronous exchange are given with the commit, and then it is durable that they are used. */
static void it_waits_for_numbers(void **state)
{
    fixture_t *f = *state;
    chan_t a = nameless_handler(f, "a"), ch = new_channel(f);
    tx_select(ch);
    publish(ch, "amq.events", "t", "1");
    run(f);
    hold(f);
    commit(ch);
    expect_nothing(ch), expect_nothing(a);
    hold_no_more(f);
    expect_ok(ch);
    assert_int_equal(expect(a, EVENT_DELIVER)->seq, 1);
}

/* Nor with the message that was acked when the queue had just gone. */
static void its_acks_wait_for_definitions_too(void **state)
{
    fixture_t *f = *state;
    chan_t ch = new_channel(f), other = new_channel(f);
    new_durable_queue(ch, "q");
    put_durably(ch, "q", "1");
    run(f);
    tx_select(ch);
    got(ch, "q", "1");
    hold(f);
    delete_queue(other, "q", 0);
    run(f);
    ack(ch, 1, 0), commit(ch);
    expect_nothing(ch);
    hold_no_more(f);
    expect_ok(ch);
}

static void what_follows_a_commit_waits_for_it(void **state)
{
    fixture_t *f = *state;
    chan_t ch = new_channel(f), other = new_channel(f);
    new_durable_queue(ch, "q");
    tx_select(ch);
    hold(f);
    put_durably(ch, "q", "1"), commit(ch);
    echo(ch), put_durably(ch, "q", "2"), push_simple(ch, COMMAND_TX_ROLLBACK, 0);
    expect_nothing(ch);
    echo(other), expect_ok(other);
    hold_no_more(f);
    expect_ok(ch), expect_ok(ch), expect_ok(ch);
    assert_queue_is(other, "q", "1");
}

/* ---- crashes ---- */

enum { TOKENS = 6, MOVES = 18 };

/* One transaction after the other takes a token from one of three queues and puts it into the next, with a note of it in a
 * fourth. With them go other things: publishes outside, transient queues, rollbacks, a transaction that never ends. */
static void move_tokens(fixture_t *f)
{
    static const char *const ring[] = {"q0", "q1", "q2"};
    chan_t ch = new_channel(f), other = new_channel(f);
    for (int i = 0; i < 3; i++)
        new_durable_queue(ch, ring[i]);
    new_durable_queue(ch, "notes"), new_durable_queue(ch, "noise"), new_queue(ch, "transient");
    tx_select(ch), tx_select(other);
    for (int i = 0; i < TOKENS; i++)
        put_durably(ch, "q0", "token");
    committed(ch);
    put_durably(other, "notes", "never"); /* is not committed */
    for (int i = 0; i < MOVES; i++) {
        get(ch, ring[i % 3], 0);
        uint64_t tag = expect(ch, EVENT_GET_OK)->event.delivery_tag;
        if (i % 4 == 3) {
            put_durably(ch, "notes", "wrong"), ack(ch, tag, 0);
            rolled_back(ch);
        }
        put_durably(ch, ring[(i + 1) % 3], "token"), put_durably(ch, "notes", "moved");
        put_durably(ch, "transient", "t"), put(ch, "notes", "transient");
        ack(ch, tag, 0);
        commit(ch);
        put_durably(ch, "noise", "n");
        expect_ok(ch);
        rolled_back(ch);
    }
    run(f);
}

static uint64_t stored_in(const fixture_t *f, const char *name)
{
    const queue_t *q = queue_find(f->engine->vhost, text(name));
    return q ? q->stored : 0;
}

/* How many moves the state has: each leaves a note. */
static uint64_t check_tokens(const fixture_t *f)
{
    uint64_t tokens = stored_in(f, "q0") + stored_in(f, "q1") + stored_in(f, "q2");
    uint64_t notes = stored_in(f, "notes");
    assert_true(tokens == TOKENS || (tokens == 0 && notes == 0));
    assert_int_equal(stored_in(f, "noise"), 0); /* rolled back each time */
    /* move i goes from queue i % 3 to the next: with n notes so many are in each */
    uint64_t in[3] = {tokens, 0, 0};
    for (uint64_t i = 0; i < notes; i++)
        in[i % 3]--, in[(i + 1) % 3]++;
    assert_int_equal(stored_in(f, "q0"), in[0]);
    assert_int_equal(stored_in(f, "q1"), in[1]);
    assert_int_equal(stored_in(f, "q2"), in[2]);
    return notes;
}

/* The log ends with any of its batches: that is what a crash leaves (a group is there, or it is not). It is read from its
 * beginning, or from where its last batch says. */
static void check_each_end(fixture_t *f, bool from_the_beginning)
{
    paper_t *p = paper_of(f);
    uint64_t before = MOVES + 1;
    for (record_no n = p->count; n > 0; n--) {
        if (!paper_at(p, n)->is_last_of_batch)
            continue;
        record_no from = paper_at(p, n)->replay_from;
        p->synced = n;
        reopen_with(f, (reopen_options_t){.from = from_the_beginning || from == 0 ? 1 : from});
        uint64_t notes = check_tokens(f);
        assert_true(notes <= before && notes + 1 >= before); /* one transaction less at a time */
        before = notes;
    }
    assert_int_equal(before, 0);
}

static void after_a_crash_all_of_it_is_there_or_nothing(void **state)
{
    move_tokens(*state);
    check_each_end(*state, true);
}

/* Checkpoints are made all the time, slice by slice between transactions. */
static void so_it_is_behind_checkpoints(void **state)
{
    durable_free(*state);
    fixture_t *f = *state =
        durable_new((fixture_options_t){.batch_bytes = 64, .slice = 4, .checkpoint_bytes = 300});
    move_tokens(f);
    assert_true(paper_of(f)->replay_from > 50);
    check_each_end(f, false);
}

static void the_engine_goes_on_from_there(void **state)
{
    fixture_t *f = *state;
    move_tokens(f);
    hold(f);
    chan_t ch = new_channel(f);
    tx_select(ch);
    get(ch, "q0", 0);
    ack(ch, expect(ch, EVENT_GET_OK)->event.delivery_tag, 0);
    put_durably(ch, "q1", "token"), put_durably(ch, "notes", "moved");
    commit(ch);
    expect_nothing(ch);
    crash(f); /* it was not durable: it never was */
    assert_int_equal(check_tokens(f), MOVES);
    ch = new_channel(f);
    tx_select(ch);
    get(ch, "q0", 0);
    ack(ch, expect(ch, EVENT_GET_OK)->event.delivery_tag, 0);
    put_durably(ch, "q1", "token"), put_durably(ch, "notes", "moved");
    committed(ch);
    crash(f);
    assert_int_equal(check_tokens(f), MOVES + 1);
}

/* ---- bodies in parts ---- */

static void put_in_parts(chan_t ch, const char *queue, const char *rest, int flags)
{
    part(ch, "abc"), part(ch, "def");
    publish_with(ch, "", queue, rest, flags, PERSISTENT);
}

static void expect_parts(chan_t ch, uint8_t type, const char *rest)
{
    expect(ch, type);
    assert_string_equal(expect(ch, EVENT_CONTENT)->body, "abc");
    assert_string_equal(expect(ch, EVENT_CONTENT)->body, "def");
    assert_string_equal(expect(ch, EVENT_CONTENT)->body, rest);
}

static void a_large_body_is_part_of_it(void **state)
{
    fixture_t *f = *state;
    chan_t ch = new_channel(f);
    new_durable_queue(ch, "q"), new_durable_queue(ch, "r");
    tx_select(ch);
    put_in_parts(ch, "q", "1", 0), rolled_back(ch);
    assert_int_equal(f->engine->live.length, 0);
    put_in_parts(ch, "q", "2", 0), put_in_parts(ch, "r", "3", 0), put_durably(ch, "r", "4");
    committed(ch);
    crash(f);
    ch = new_channel(f);
    get(ch, "q", COMMAND_NO_ACK), expect_parts(ch, EVENT_GET_OK, "2");
    get(ch, "r", COMMAND_NO_ACK), expect_parts(ch, EVENT_GET_OK, "3");
    assert_queue_is(ch, "r", "4");
    assert_queue_is_empty(ch, "q");
}

static void large_bodies_come_back_one_after_the_other_before_commit_ok(void **state)
{
    fixture_t *f = *state;
    chan_t ch = new_channel(f);
    tx_select(ch);
    put_in_parts(ch, "nobody", "1", COMMAND_MANDATORY);
    publish_with(ch, "", "nobody", "2", COMMAND_MANDATORY, PERSISTENT);
    put_in_parts(ch, "nobody", "3", COMMAND_MANDATORY), put_in_parts(ch, "nobody", "4", 0);
    commit(ch);
    expect_parts(ch, EVENT_RETURN, "1");
    assert_string_equal(expect(ch, EVENT_RETURN)->body, "2");
    expect_parts(ch, EVENT_RETURN, "3");
    expect_ok(ch);
    run(f);
    assert_int_equal(f->engine->live.length, 0);
    assert_int_equal(counts(f).committed, 1);
}

/* The commit has been applied; its connection goes while it is being told what came back. */
static void who_goes_while_it_comes_back_has_committed(void **state)
{
    fixture_t *f = *state;
    chan_t ch = new_channel(f), other = new_channel(f);
    new_durable_queue(ch, "q");
    tx_select(ch);
    put_in_parts(ch, "nobody", "1", COMMAND_MANDATORY), put_in_parts(ch, "nobody", "2", COMMAND_MANDATORY);
    put_durably(ch, "q", "3");
    run(f);
    hold_reads(f);
    commit(ch);
    expect(ch, EVENT_RETURN);
    push((chan_t){ch.client, 0}, (command_t){.type = COMMAND_CONNECTION_CLOSE, .flags = COMMAND_GONE});
    run(f);
    hold_reads_no_more(f);
    assert_int_equal(f->engine->live.length, 1);
    assert_queue_is(other, "q", "3");
    run(f);
    assert_int_equal(f->engine->live.length, 0);
}

/* ---- what is published twice ---- */

/* An id is remembered with the commit, and asked for then: of two transactions the first one committed has it. */
static void a_repeat_is_known_with_the_commit(void **state)
{
    fixture_t *f = *state;
    chan_t ch = new_channel(f), other = new_channel(f);
    window_exchange(ch, "x", "fanout", COMMAND_DURABLE, (window_t){0});
    new_durable_queue(ch, "q"), bound(ch, "q", "x", "");
    tx_select(ch), tx_select(other);
    publish_id(ch, "x", "", "a"), rolled_back(ch);
    publish_id(ch, "x", "", "a"), publish_as(ch, "x", "", "again", PERSISTENTLY | COMMAND_MANDATORY, "a");
    publish_as(other, "x", "", "other", PERSISTENTLY | COMMAND_MANDATORY, "a"),
        publish_id(other, "x", "", "b");
    committed(ch);
    publish_as(ch, "x", "", "later", PERSISTENTLY | COMMAND_MANDATORY, "a");
    committed(other), committed(ch); /* nothing comes back: it is somewhere */
    assert_int_equal(counts(f).duplicates, 3);
    crash(f);
    ch = new_channel(f);
    tx_select(ch);
    publish_id(ch, "x", "", "a"), publish_id(ch, "x", "", "c");
    committed(ch);
    assert_queue_is(ch, "q", "a", "b", "c");
}

static void a_repeats_commit_waits_for_the_first_one(void **state)
{
    fixture_t *f = *state;
    chan_t ch = new_channel(f), other = new_channel(f);
    window_exchange(ch, "x", "fanout", COMMAND_DURABLE, (window_t){0});
    new_durable_queue(ch, "q"), bound(ch, "q", "x", "");
    tx_select(ch);
    hold(f);
    publish_id(other, "x", "", "a");
    run(f);
    publish_id(ch, "x", "", "a"), commit(ch);
    expect_nothing(ch);
    hold_no_more(f);
    expect_ok(ch);
}

/* As without an id: no queue got it, because one had just gone. */
static void with_an_id_too_it_waits_for_definitions(void **state)
{
    fixture_t *f = *state;
    chan_t ch = new_channel(f), other = new_channel(f);
    window_exchange(ch, "x", "fanout", COMMAND_DURABLE, (window_t){0});
    new_durable_queue(ch, "q"), bound(ch, "q", "x", "");
    tx_select(ch);
    publish_id(ch, "x", "", "a");
    run(f);
    check_commit_behind_a_delete(f, ch, other);
}

static void a_queue_keeps_a_repeat_out(void **state)
{
    fixture_t *f = *state;
    chan_t ch = new_channel(f);
    window_queue(ch, "once", COMMAND_DURABLE, (window_t){0});
    new_durable_queue(ch, "all");
    bound(ch, "once", "amq.fanout", ""), bound(ch, "all", "amq.fanout", "");
    tx_select(ch);
    publish_id(ch, "amq.fanout", "", "a"), publish_id(ch, "amq.fanout", "", "a"), committed(ch);
    publish_id(ch, "amq.fanout", "", "a"), committed(ch);
    assert_queue_is(ch, "once", "a");
    assert_queue_is(ch, "all", "a", "a", "a");
}

static void a_publishers_numbers_rise_with_the_commit(void **state)
{
    fixture_t *f = *state;
    chan_t ch = new_channel(f);
    new_durable_queue(ch, "q");
    tx_select(ch);
    publish_number(ch, "", "q", "1", PERSISTENTLY, "p", 1),
        publish_number(ch, "", "q", "2", PERSISTENTLY, "p", 2);
    rolled_back(ch);
    publish_number(ch, "", "q", "1", PERSISTENTLY, "p", 1),
        publish_number(ch, "", "q", "2", PERSISTENTLY, "p", 2);
    publish_number(ch, "", "q", "wrong", PERSISTENTLY | COMMAND_MANDATORY, "p", 2);
    committed(ch);
    crash(f);
    ch = new_channel(f);
    tx_select(ch);
    publish_number(ch, "", "q", "wrong", PERSISTENTLY, "p", 2),
        publish_number(ch, "", "q", "3", PERSISTENTLY, "p", 3);
    committed(ch);
    assert_queue_is(ch, "q", "1", "2", "3");
}

static void an_exchange_behind_another_keeps_its_own_part_out(void **state)
{
    fixture_t *f = *state;
    chan_t ch = new_channel(f);
    window_exchange(ch, "x", "fanout", 0, (window_t){0});
    new_exchange(ch, "y", "fanout");
    bind_exchange(ch, "x", "y", ""), expect_ok(ch);
    new_queue(ch, "behind"), bound(ch, "behind", "x", "");
    new_queue(ch, "direct"), bound(ch, "direct", "y", "");
    tx_select(ch);
    publish_id(ch, "y", "", "a"), publish_id(ch, "y", "", "a"), committed(ch);
    assert_queue_is(ch, "behind", "a");
    assert_queue_is(ch, "direct", "a", "a");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        small_batches_test(a_transaction_is_one_batch),
        durable_test(commit_ok_comes_when_it_is_durable),
        durable_test(it_waits_for_definitions_as_a_confirm_does),
        durable_test(it_waits_for_numbers),
        durable_test(its_acks_wait_for_definitions_too),
        durable_test(what_follows_a_commit_waits_for_it),
        small_batches_test(after_a_crash_all_of_it_is_there_or_nothing),
        small_batches_test(so_it_is_behind_checkpoints),
        small_batches_test(the_engine_goes_on_from_there),
        durable_test(a_large_body_is_part_of_it),
        durable_test(large_bodies_come_back_one_after_the_other_before_commit_ok),
        durable_test(who_goes_while_it_comes_back_has_committed),
        durable_test(a_repeat_is_known_with_the_commit),
        durable_test(a_repeats_commit_waits_for_the_first_one),
        durable_test(with_an_id_too_it_waits_for_definitions),
        durable_test(a_queue_keeps_a_repeat_out),
        durable_test(a_publishers_numbers_rise_with_the_commit),
        durable_test(an_exchange_behind_another_keeps_its_own_part_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
