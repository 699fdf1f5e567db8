/* SPDX-License-Identifier: Apache-2.0
 *
 * test_durable.c: what waits for the log, and what does not. The log is on paper (paper.h): it syncs when a test
 * says so. */
#include "engine/durable.h"

/* Nothing has come to this channel, and the record that its reply waits for is on paper. */
static void expect_waiting(chan_t ch)
{
    expect_nothing(ch);
}

/* ---- definitions ---- */

static void a_durable_queue_is_declared_ok_when_its_record_is_durable(void **state)
{
    fixture_t *f = *state;
    chan_t ch = new_channel(f);
    hold(f);
    declare(ch, "q", COMMAND_DURABLE);
    expect_waiting(ch);
    assert_int_equal(paper_count(paper_of(f), RECORD_QUEUE), 1);
    sync_batches(f, 1);
    expect_declared(ch, "q", 0, 0);
}

static void a_durable_exchange_is_declared_ok_when_its_record_is_durable(void **state)
{
    fixture_t *f = *state;
    chan_t ch = new_channel(f);
    hold(f);
    declare_exchange(ch, "x", "topic", COMMAND_DURABLE);
    expect_waiting(ch);
    assert_int_equal(paper_count(paper_of(f), RECORD_EXCHANGE), 1);
    sync_batches(f, 1);
    expect_ok(ch);
}

static void bind_and_unbind_wait_for_their_records(void **state)
{
    fixture_t *f = *state;
    chan_t ch = new_channel(f);
    new_durable_queue(ch, "q");
    new_durable_exchange(ch, "x", "direct");
    hold(f);
    bind_queue(ch, "q", "x", "k");
    expect_waiting(ch);
    sync_batches(f, 1);
    expect_ok(ch);
    unbind_queue(ch, "q", "x", "k");
    expect_waiting(ch);
    sync_batches(f, 1);
    expect_ok(ch);
    assert_int_equal(paper_count(paper_of(f), RECORD_BIND), 1);
    assert_int_equal(paper_count(paper_of(f), RECORD_UNBIND), 1);
}

static void exchange_to_exchange_bindings_wait_for_their_records(void **state)
{
    fixture_t *f = *state;
    chan_t ch = new_channel(f);
    new_durable_exchange(ch, "x", "direct");
    new_durable_exchange(ch, "y", "fanout");
    hold(f);
    bind_exchange(ch, "y", "x", "k");
    expect_waiting(ch);
    sync_batches(f, 1);
    expect_ok(ch);
    unbind_exchange(ch, "y", "x", "k");
    expect_waiting(ch);
    sync_batches(f, 1);
    expect_ok(ch);
}

static void deletions_are_ok_when_their_records_are_durable(void **state)
{
    fixture_t *f = *state;
    chan_t ch = new_channel(f);
    new_durable_queue(ch, "q");
    new_durable_exchange(ch, "x", "direct");
    put_many_durably(ch, "q", 0, 200); /* more than a slice, so that it takes a job */
    hold(f);
    delete_queue(ch, "q", 0);
    expect_waiting(ch);
    sync_batches(f, 1);
    expect_counted(ch, 200);
    delete_exchange(ch, "x", 0);
    expect_waiting(ch);
    sync_batches(f, 1);
    expect_ok(ch);
}

static void a_purge_is_ok_when_its_record_is_durable(void **state)
{
    fixture_t *f = *state;
    chan_t ch = new_channel(f);
    new_durable_queue(ch, "q");
    put_many_durably(ch, "q", 0, 3);
    hold(f);
    purge(ch, "q");
    expect_waiting(ch);
    sync_batches(f, 1);
    expect_counted(ch, 3);
}

static void an_equal_declaration_waits_for_the_record_of_the_first_one(void **state)
{
    fixture_t *f = *state;
    chan_t a = new_channel(f), b = new_channel(f), c = new_channel(f);
    hold(f);
    declare(a, "q", COMMAND_DURABLE);
    declare_exchange(a, "x", "fanout", COMMAND_DURABLE);
    run(f);
    declare(b, "q", COMMAND_DURABLE);
    declare(c, "q", COMMAND_PASSIVE);
    expect_waiting(a);
    expect_waiting(b);
    expect_waiting(c);
    sync_batches(f, 1);
    expect_declared(a, "q", 0, 0);
    expect_declared(b, "q", 0, 0);
    expect_declared(c, "q", 0, 0);
    assert_int_equal(paper_count(paper_of(f), RECORD_QUEUE), 1);
}

static void an_equal_exchange_or_binding_waits_for_the_record_of_the_first_one(void **state)
{
    fixture_t *f = *state;
    chan_t a = new_channel(f), b = new_channel(f), c = new_channel(f);
    new_durable_queue(a, "q");
    hold(f);
    declare_exchange(a, "x", "fanout", COMMAND_DURABLE);
    run(f);
    declare_exchange(b, "x", "fanout", COMMAND_DURABLE);
    declare_exchange(c, "x", "", COMMAND_PASSIVE);
    expect_waiting(b);
    expect_waiting(c);
    sync_batches(f, 1);
    expect_ok(a), expect_ok(b), expect_ok(c);
    bind_queue(a, "q", "x", "");
    run(f);
    bind_queue(b, "q", "x", "");
    expect_waiting(b);
    sync_batches(f, 1);
    expect_ok(a), expect_ok(b);
    assert_int_equal(paper_count(paper_of(f), RECORD_EXCHANGE), 1);
    assert_int_equal(paper_count(paper_of(f), RECORD_BIND), 1);
}

static void deleting_what_is_gone_already_waits_for_the_record_of_who_deleted_it(void **state)
{
    fixture_t *f = *state;
    chan_t a = new_channel(f), b = new_channel(f);
    new_durable_queue(a, "q");
    new_durable_exchange(a, "x", "direct");
    bound(a, "q", "x", "k");
    hold(f);
    unbind_queue(a, "q", "x", "k");
    run(f);
    unbind_queue(b, "q", "x", "k");
    expect_waiting(b);
    sync_batches(f, 1);
    expect_ok(a), expect_ok(b);
    delete_queue(a, "q", 0);
    run(f);
    delete_queue(b, "q", 0);
    expect_waiting(b);
    sync_batches(f, 1);
    expect_counted(a, 0), expect_counted(b, 0);
    delete_exchange(a, "x", 0);
    run(f);
    delete_exchange(b, "x", 0);
    expect_waiting(b);
    sync_batches(f, 1);
    expect_ok(a), expect_ok(b);
}

static void transient_things_wait_for_nothing(void **state)
{
    fixture_t *f = *state;
    chan_t a = new_channel(f), b = new_channel(f);
    hold(f);
    declare(a, "durable", COMMAND_DURABLE);
    run(f);
    new_queue(b, "q");
    declare(b, "mine", COMMAND_EXCLUSIVE | COMMAND_DURABLE); /* exclusive ones live as transient */
    expect_declared(b, "mine", 0, 0);
    new_exchange(b, "x", "direct");
    bound(b, "q", "x", "k");
    bound(b, "q", "amq.direct", "k");
    bind_queue(b, "durable", "x", "k");
    expect_ok(b);
    put(b, "q", "m");
    purge(b, "q");
    expect_counted(b, 1);
    delete_queue(b, "q", 0);
    expect_counted(b, 0);
    delete_exchange(b, "x", 0);
    expect_ok(b);
    assert_int_equal(paper_of(f)->count, 1); /* the durable queue alone */
    expect_waiting(a);
}

static void an_ok_that_waits_holds_back_what_comes_after_it_on_its_channel(void **state)
{
    fixture_t *f = *state;
    chan_t ch = new_channel(f), other = channel_of(ch.client, 2);
    hold(f);
    declare(ch, "q", COMMAND_DURABLE);
    echo(ch);
    echo(other);
    expect_ok(other);
    expect_waiting(ch);
    sync_batches(f, 1);
    expect_declared(ch, "q", 0, 0);
    expect_ok(ch);
}

static void an_ok_that_waits_holds_back_no_deliveries_on_its_channel(void **state)
{
    fixture_t *f = *state;
    chan_t ch = new_channel(f), other = new_channel(f);
    new_queue(ch, "t");
    new_consumer(ch, "t", "c", 0);
    hold(f);
    declare(ch, "q", COMMAND_DURABLE);
    run(f);
    put(other, "t", "a");
    expect_delivery(ch, "a");
    expect_waiting(ch);
    sync_batches(f, 1);
    expect_declared(ch, "q", 0, 0);
}

static void what_wants_no_answer_waits_for_nothing(void **state)
{
    fixture_t *f = *state;
    chan_t ch = new_channel(f);
    hold(f);
    declare(ch, "q", COMMAND_DURABLE | COMMAND_NOWAIT);
    declare_exchange(ch, "x", "direct", COMMAND_DURABLE | COMMAND_NOWAIT);
    delete_exchange(ch, "x", COMMAND_NOWAIT);
    delete_queue(ch, "q", COMMAND_NOWAIT);
    echo(ch);
    expect_ok(ch);
    assert_int_equal(paper_of(f)->count, 4);
}

/* ---- confirms ---- */

static chan_t confirming(fixture_t *f)
{
    chan_t ch = new_channel(f);
    new_durable_queue(ch, "q");
    new_queue(ch, "t");
    confirm_select(ch);
    expect_ok(ch);
    return ch;
}

static void a_persistent_message_is_confirmed_when_its_record_is_durable(void **state)
{
    fixture_t *f = *state;
    chan_t ch = confirming(f);
    hold(f);
    put_durably(ch, "q", "a");
    expect_waiting(ch);
    sync_batches(f, 1);
    expect_confirm(ch, 1, false);
}

static void what_needs_no_record_is_confirmed_at_once(void **state)
{
    fixture_t *f = *state;
    chan_t ch = confirming(f);
    hold(f);
    put(ch, "q", "transient");
    expect_confirm(ch, 1, false);
    put_durably(ch, "t", "to a transient queue");
    expect_confirm(ch, 2, false);
    put_durably(ch, "nowhere", "unroutable");
    expect_confirm(ch, 3, false);
    assert_int_equal(paper_of(f)->lent_count, 0);
}

static void what_missed_a_queue_because_it_is_going_is_confirmed_when_it_is_gone_for_good(void **state)
{
    fixture_t *f = *state;
    chan_t ch = confirming(f), other = new_channel(f);
    bound(other, "q", "amq.direct", "k");
    hold(f);
    unbind_queue(other, "q", "amq.direct", "k");
    run(f);
    publish_durably(ch, "amq.direct", "k", "no way");
    expect_waiting(ch);
    sync_batches(f, 1);
    expect_confirm(ch, 1, false), expect_ok(other);
    delete_queue(other, "q", 0);
    run(f);
    put_durably(ch, "q", "no queue");
    expect_waiting(ch);
    sync_batches(f, 1);
    expect_confirm(ch, 2, false), expect_counted(other, 0);
}

static void confirms_come_in_order_whatever_is_between(void **state)
{
    fixture_t *f = *state;
    chan_t ch = confirming(f);
    hold(f);
    put(ch, "q", "1");
    put_durably(ch, "q", "2");
    put(ch, "q", "3");
    put_durably(ch, "nowhere", "4");
    put_durably(ch, "t", "5");
    expect_confirm(ch, 1, false);
    expect_waiting(ch);
    put_durably(ch, "q", "6");
    put(ch, "t", "7");
    expect_waiting(ch);
    sync_batches(f, 1);
    expect_confirm(ch, 5, true);
    expect_waiting(ch);
    sync_batches(f, 1);
    expect_confirm(ch, 7, true);
}

static void the_confirms_of_a_step_are_one(void **state)
{
    fixture_t *f = *state;
    chan_t ch = confirming(f);
    hold(f);
    for (int i = 0; i < 40; i++)
        put_durably(ch, "q", "m");
    expect_waiting(ch);
    assert_int_equal(paper_of(f)->lent_count, 1);
    sync_batches(f, 1);
    expect_confirm(ch, 40, true);
    expect_waiting(ch);
}

static void with_several_batches_under_way_only_what_is_durable_leaves(void **state)
{
    fixture_t *f = *state;
    chan_t ch = confirming(f), other = new_channel(f);
    hold(f);
    for (int i = 0; i < 5; i++) {
        put_durably(ch, "q", "m");
        run(f);
    }
    declare(other, "late", COMMAND_DURABLE);
    run(f);
    assert_int_equal(paper_of(f)->lent_count, 6);
    for (unsigned i = 1; i <= 5; i++) {
        expect_waiting(ch);
        expect_waiting(other);
        sync_batches(f, 1);
        expect_confirm(ch, i, false);
    }
    expect_waiting(other);
    sync_batches(f, 1);
    expect_declared(other, "late", 0, 0);
}

static void batches_that_come_back_together_are_confirmed_together(void **state)
{
    fixture_t *f = *state;
    chan_t ch = confirming(f);
    hold(f);
    for (int i = 0; i < 30; i++) {
        put_durably(ch, "q", "m");
        run(f);
    }
    sync_batches(f, 30);
    expect_confirm(ch, 30, true);
    put_durably(ch, "q", "m");
    sync_batches(f, (run(f), 1));
    expect_confirm(ch, 31, false);
}

static void a_wide_fanout_is_confirmed_when_all_of_it_is_durable(void **state)
{
    fixture_t *f = *state;
    chan_t ch = confirming(f);
    char name[16];
    for (unsigned i = 0; i < 150; i++) { /* more than two slices */
        new_durable_queue(ch, numbered(name, i));
        bound(ch, name, "amq.fanout", "");
    }
    hold(f);
    publish_durably(ch, "amq.fanout", "", "m");
    expect_waiting(ch);
    size_t batches = paper_of(f)->lent_count;
    assert_true(batches > 0);
    assert_true(paper_count(paper_of(f), RECORD_MESSAGE_ALSO) >= 2);
    if (batches > 1) {
        sync_batches(f, batches - 1);
        expect_waiting(ch);
    }
    sync_batches(f, 1);
    expect_confirm(ch, 1, false);
}

static void what_a_wide_fanout_needs_is_let_go_by_the_last_of_its_queues(void **state)
{
    fixture_t *f = *state;
    enum { QUEUES = 150 };
    chan_t ch = confirming(f);
    char name[16];
    for (unsigned i = 0; i < QUEUES; i++) {
        new_durable_queue(ch, numbered(name, i));
        bound(ch, name, "amq.fanout", "");
    }
    publish_durably(ch, "amq.fanout", "", "m");
    expect_confirm(ch, 1, false);
    for (unsigned i = 0; i < QUEUES; i++) {
        assert_int_equal(counts(f).live_records, 1);
        purge(ch, numbered(name, i)), expect(ch, EVENT_QUEUE_COUNTED);
    }
    assert_int_equal(counts(f).live_records, 0);
}

static void acks_of_transient_messages_are_not_the_logs(void **state)
{
    fixture_t *f = *state;
    chan_t ch = confirming(f);
    put(ch, "q", "t");
    expect_confirm(ch, 1, false);
    record_no records = counts(f).last_record;
    nack(ch, got(ch, "q", "t"), COMMAND_REQUEUE);
    ack(ch, got(ch, "q", "t*"), 0);
    run(f);
    assert_int_equal(counts(f).last_record, records);
}

/* For who reads the log: nothing else depends on it. */
static void the_log_knows_acks_from_rejects(void **state)
{
    fixture_t *f = *state;
    chan_t ch = new_channel(f);
    new_durable_queue(ch, "q");
    put_many_durably(ch, "q", 0, 4);
    uint64_t tags[4];
    char body[16];
    for (unsigned i = 0; i < 4; i++)
        tags[i] = got(ch, "q", numbered(body, i));
    ack(ch, tags[0], 0), ack(ch, tags[1], 0), nack(ch, tags[2], 0), ack(ch, tags[3], 0);
    run(f);
    record_no last = counts(f).last_record;
    static const uint8_t kinds[] = {RECORD_ACKED, RECORD_REJECTED, RECORD_ACKED};
    for (record_no i = 0; i < 3; i++) {
        record_t r = paper_read(paper_of(f), last - 2 + i);
        assert_int_equal(r.type, RECORD_SETTLE);
        assert_int_equal(r.kind, kinds[i]);
    }
}

/* And not before: the time in which the broker was down is not counted. */
static void what_nobody_uses_after_a_restart_expires_too(void **state)
{
    fixture_t *f = *state;
    buffer_t arguments = {0};
    table_put_long(&arguments, "x-expires", 1000);
    declare_with(new_channel(f), "q", COMMAND_DURABLE, buffer_bytes(&arguments));
    run(f);
    buffer_free(&arguments);
    f->now_ms += 900;
    crash(f);
    f->now_ms += 999;
    run(f);
    assert_int_equal(counts(f).queues, 1);
    f->now_ms += 1;
    run(f);
    assert_int_equal(counts(f).queues, 0);
}

/* ---- ends while something waits ---- */

/* Two replies and a confirm wait on three channels. */
static client_t *somebody_who_waits(fixture_t *f)
{
    chan_t a = confirming(f), b = channel_of(a.client, 2), c = channel_of(a.client, 3);
    hold(f);
    put_durably(a, "q", "m");
    declare(b, "q2", COMMAND_DURABLE);
    echo(b);
    delete_queue(c, "q", 0);
    run(f);
    assert_int_equal(pending_count(a) + pending_count(b) + pending_count(c), 0);
    return a.client;
}

static void a_connection_dies_while_replies_wait(void **state)
{
    fixture_t *f = *state;
    client_t *c = somebody_who_waits(f);
    hang_up(c);
    expect_goodbye(c); /* nothing comes after it: the fixture looks */
    hold_no_more(f);
    assert_int_equal(counts(f).connections, 0);
    assert_int_equal(counts(f).queues, 2); /* t, q2 */
}

static void a_goodbye_waits_for_the_replies_before_it(void **state)
{
    fixture_t *f = *state;
    client_t *c = somebody_who_waits(f);
    goodbye(c);
    run(f);
    assert_false(c->closed);
    hold_no_more(f);
    expect_declared((chan_t){c, 2}, "q2", 0, 0);
    expect_ok((chan_t){c, 2});
    expect_counted((chan_t){c, 3}, 1);
    expect_goodbye(c);
}

static void a_channel_closes_while_its_confirms_wait(void **state)
{
    fixture_t *f = *state;
    chan_t ch = confirming(f);
    hold(f);
    put_durably(ch, "q", "m");
    close_channel(ch);
    expect(ch, EVENT_CHANNEL_CLOSED);
    open_channel(ch);
    expect(ch, EVENT_CHANNEL_OPENED);
    confirm_select(ch);
    expect_ok(ch);
    hold_no_more(f);
    expect_nothing(ch); /* not of this life */
    put_durably(ch, "q", "m");
    expect_confirm(ch, 1, false);
}

static void a_channel_is_refused_while_its_confirms_wait(void **state)
{
    fixture_t *f = *state;
    chan_t ch = confirming(f);
    hold(f);
    put_durably(ch, "q", "m");
    publish_durably(ch, "no such", "", "m");
    expect_refusal(ch, 404, "no exchange 'no such' in vhost '/'");
    hold_no_more(f);
    expect_nothing(ch);
}

static void the_engine_ends_while_everything_waits(void **state)
{
    fixture_t *f = *state;
    (void)somebody_who_waits(f);
    put_many_durably(new_channel(f), "t", 0, 10);
}

/* ---- bounds ---- */

static void what_is_on_its_way_to_the_log_is_bounded(void **state)
{
    (void)state;
    fixture_t *f = durable_new((fixture_options_t){.unwritten_bytes = 2000, .batch_bytes = 500, .slice = 4});
    chan_t ch = confirming(f);
    hold(f);
    static char body[201];
    memset(body, 'b', 200);
    for (int i = 0; i < 100; i++)
        put_durably(ch, "q", body);
    run(f);
    engine_counts_t n = counts(f);
    assert_in_range(n.messages_ready, 2000 / 300, 2000 / 200 + 2 * 4);
    run(f);
    assert_int_equal(counts(f).messages_ready, n.messages_ready); /* no more are taken */
    expect_nothing(ch);
    sync_batches(f, 1);
    assert_true(counts(f).messages_ready > n.messages_ready);
    hold_no_more(f);
    assert_int_equal(counts(f).messages_ready, 100);
    uint64_t through = 0;
    for (seen_t *s; (s = next_event(ch));) {
        assert_int_equal(s->event.type, EVENT_CONFIRM);
        assert_true(s->event.delivery_tag > through);
        through = s->event.delivery_tag;
    }
    assert_int_equal(through, 100);
    durable_free(f);
}

static void a_large_batch_is_closed_before_its_step_is_over(void **state)
{
    (void)state;
    fixture_t *f = durable_new((fixture_options_t){.batch_bytes = 300});
    chan_t ch = confirming(f);
    hold(f);
    for (int i = 0; i < 60; i++)
        put_durably(ch, "q", "01234567890123456789");
    run(f);
    assert_true(paper_of(f)->lent_count > 5);
    size_t left = paper_of(f)->lent_count;
    uint64_t through = 0;
    for (; left > 0; left--) {
        sync_batches(f, 1);
        const seen_t *s = expect(ch, EVENT_CONFIRM);
        assert_true(s->event.delivery_tag > through && (s->event.delivery_tag < 60 || left == 1));
        through = s->event.delivery_tag;
    }
    assert_int_equal(through, 60);
    durable_free(f);
}

static void rings_of_one_carry_everything(void **state)
{
    (void)state;
    fixture_t *f = durable_new((fixture_options_t){.ring_items = 1, .slice = 2});
    chan_t ch = confirming(f);
    put_many_durably(ch, "q", 0, 50);
    uint64_t through = 0;
    for (seen_t *s; (s = next_event(ch));)
        through = s->event.delivery_tag;
    assert_int_equal(through, 50);
    durable_free(f);
}

static void the_log_and_the_helper_are_woken_once_for_each_news(void **state)
{
    (void)state;
    fixture_t *f = durable_new((fixture_options_t){.cold = true});
    chan_t ch = confirming(f);
    hold(f), hold_reads(f);
    (void)engine_wants_log(f->engine), (void)engine_wants_helper(f->engine);
    echo(ch);
    expect_ok(ch);
    assert_false(engine_wants_log(f->engine)); /* nothing to write */
    put_durably(ch, "q", "m");
    run(f);
    assert_true(engine_wants_log(f->engine));
    assert_false(engine_wants_log(f->engine));
    assert_false(engine_wants_helper(f->engine));
    assert_false(engine_has_news(f->engine));
    (void)paper_sync(paper_of(f), 1);
    (void)lane_flush(paper_of(f)->journal.done);
    assert_true(engine_has_news(f->engine));
    run(f);
    assert_false(engine_has_news(f->engine));
    get(ch, "q", COMMAND_NO_ACK);
    run(f);
    assert_true(engine_wants_helper(f->engine));
    assert_false(engine_wants_helper(f->engine));
    (void)paper_answer(paper_of(f), 1);
    (void)lane_flush(paper_of(f)->journal.read);
    assert_true(engine_has_news(f->engine));
    durable_free(f);
}

/* So many batches come back over a lane of two. */
static bool wakes_the_log(fixture_t *f, chan_t ch, size_t batches)
{
    hold(f);
    for (size_t i = 0; i < batches; i++)
        put_durably(ch, "q", "m"), run(f);
    assert_int_equal(paper_of(f)->lent_count, batches);
    (void)engine_wants_log(f->engine);
    (void)paper_sync(paper_of(f), batches);
    (void)lane_flush(paper_of(f)->journal.done);
    (void)step(f);
    bool wakes = engine_wants_log(f->engine);
    hold_no_more(f);
    return wakes;
}

/* As many queues are read at once, whose messages come over a lane of two. */
static bool wakes_the_helper(fixture_t *f, unsigned queues)
{
    chan_t channels[4];
    char name[16];
    client_t *client = connected_at(f, 0);
    for (unsigned i = 0; i < queues; i++) {
        channels[i] = channel_of(client, (uint16_t)(1 + i));
        new_durable_queue(channels[i], numbered(name, i));
        put_durably(channels[i], name, "m"), run(f);
    }
    hold_reads(f);
    for (unsigned i = 0; i < queues; i++)
        get(channels[i], numbered(name, i), COMMAND_NO_ACK), run(f);
    assert_int_equal(paper_of(f)->asked_count, queues);
    (void)engine_wants_helper(f->engine);
    (void)paper_answer(paper_of(f), queues);
    (void)lane_flush(paper_of(f)->journal.read);
    (void)step(f);
    bool wakes = engine_wants_helper(f->engine);
    hold_reads_no_more(f);
    return wakes;
}

/* Nothing else would make them give the rest; and for nothing they are not woken. */
static void who_waits_for_room_in_a_lane_is_woken(void **state)
{
    (void)state;
    fixture_t *f = durable_new((fixture_options_t){.cold = true, .ring_items = 2});
    chan_t ch = confirming(f);
    assert_false(wakes_the_log(f, ch, 2));
    assert_true(wakes_the_log(f, ch, 3));
    assert_false(wakes_the_helper(f, 2));
    assert_true(wakes_the_helper(f, 3));
    paper_tell(paper_of(f), &(segment_news_t){.segment = 1, .from = 1, .end = 1});
    (void)step(f);
    assert_true(engine_wants_helper(f->engine));
    durable_free(f);
}

static void without_a_log_nothing_waits_and_nothing_is_recorded(void **state)
{
    (void)state;
    fixture_t *f = fixture_new((fixture_options_t){0});
    chan_t ch = confirming(f);
    put_durably(ch, "q", "m");
    expect_confirm(ch, 1, false);
    assert_int_equal(counts(f).last_record, 0);
    assert_int_equal(counts(f).messages_stored, 0);
    assert_queue_is(ch, "q", "m");
    fixture_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        durable_test(a_durable_queue_is_declared_ok_when_its_record_is_durable),
        durable_test(a_durable_exchange_is_declared_ok_when_its_record_is_durable),
        durable_test(bind_and_unbind_wait_for_their_records),
        durable_test(exchange_to_exchange_bindings_wait_for_their_records),
        durable_test(deletions_are_ok_when_their_records_are_durable),
        durable_test(a_purge_is_ok_when_its_record_is_durable),
        durable_test(an_equal_declaration_waits_for_the_record_of_the_first_one),
        durable_test(an_equal_exchange_or_binding_waits_for_the_record_of_the_first_one),
        durable_test(deleting_what_is_gone_already_waits_for_the_record_of_who_deleted_it),
        durable_test(transient_things_wait_for_nothing),
        durable_test(an_ok_that_waits_holds_back_what_comes_after_it_on_its_channel),
        durable_test(an_ok_that_waits_holds_back_no_deliveries_on_its_channel),
        durable_test(what_wants_no_answer_waits_for_nothing),
        durable_test(a_persistent_message_is_confirmed_when_its_record_is_durable),
        durable_test(what_needs_no_record_is_confirmed_at_once),
        durable_test(what_missed_a_queue_because_it_is_going_is_confirmed_when_it_is_gone_for_good),
        durable_test(confirms_come_in_order_whatever_is_between),
        durable_test(the_confirms_of_a_step_are_one),
        durable_test(with_several_batches_under_way_only_what_is_durable_leaves),
        durable_test(batches_that_come_back_together_are_confirmed_together),
        durable_test(a_wide_fanout_is_confirmed_when_all_of_it_is_durable),
        durable_test(what_a_wide_fanout_needs_is_let_go_by_the_last_of_its_queues),
        durable_test(acks_of_transient_messages_are_not_the_logs),
        durable_test(the_log_knows_acks_from_rejects),
        durable_test(what_nobody_uses_after_a_restart_expires_too),
        durable_test(a_connection_dies_while_replies_wait),
        durable_test(a_goodbye_waits_for_the_replies_before_it),
        durable_test(a_channel_closes_while_its_confirms_wait),
        durable_test(a_channel_is_refused_while_its_confirms_wait),
        durable_test(the_engine_ends_while_everything_waits),
        cmocka_unit_test(what_is_on_its_way_to_the_log_is_bounded),
        cmocka_unit_test(a_large_batch_is_closed_before_its_step_is_over),
        cmocka_unit_test(rings_of_one_carry_everything),
        cmocka_unit_test(the_log_and_the_helper_are_woken_once_for_each_news),
        cmocka_unit_test(who_waits_for_room_in_a_lane_is_woken),
        cmocka_unit_test(without_a_log_nothing_waits_and_nothing_is_recorded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
