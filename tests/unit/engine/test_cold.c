/* SPDX-License-Identifier: Apache-2.0
 *
 * test_cold.c: bodies that leave memory because they are in the log, and come back when they are needed. The fixture's
 * budget for them is nothing at all. */
#include "engine/dump.h"

static fixture_t *cold_new(void)
{
    return durable_new((fixture_options_t){.cold = true, .slice = 32});
}

static int cold_setup(void **state)
{
    *state = cold_new();
    return 0;
}

#define cold_test(test) cmocka_unit_test_setup_teardown(test, cold_setup, durable_teardown)

static chan_t with_messages(fixture_t *f, unsigned count)
{
    chan_t ch = new_channel(f);
    new_durable_queue(ch, "q");
    put_many_durably(ch, "q", 0, count);
    return ch;
}

static void expect_run(chan_t ch, unsigned from, unsigned count, bool redelivered)
{
    char body[16], wanted[20];
    for (unsigned i = from; i < from + count; i++) {
        text_format(wanted, sizeof wanted, "%s%s", numbered(body, i), redelivered ? "*" : "");
        expect_delivery(ch, wanted);
    }
}

static void bodies_leave_memory_as_soon_as_they_are_durable(void **state)
{
    fixture_t *f = *state;
    chan_t ch = new_channel(f);
    new_durable_queue(ch, "q");
    hold(f);
    put_many_durably(ch, "q", 0, 100);
    assert_true(counts(f).memory_bytes > 0);
    hold_no_more(f);
    engine_counts_t n = counts(f);
    assert_int_equal(n.memory_bytes, 0);
    assert_int_equal(n.memory_bytes, 0);
    assert_int_equal(n.messages_ready, 100);
    assert_int_equal(n.messages_stored, 100);
}

static void what_leaves_memory_does_so_in_slices_until_all_of_it_has(void **state)
{
    (void)state;
    enum { SLICE = 4, MESSAGES = 1000 };
    fixture_t *f = durable_new((fixture_options_t){.cold = true, .slice = SLICE});
    chan_t ch = new_channel(f);
    new_durable_queue(ch, "q");
    hold(f);
    put_many_durably(ch, "q", 0, MESSAGES);
    uint64_t bodies = counts(f).memory_bytes, one = bodies / MESSAGES, before = bodies;
    (void)paper_sync(paper_of(f), SIZE_MAX);
    (void)lane_flush(paper_of(f)->journal.done);
    for (bool more = true; more; before = bodies) {
        more = engine_step(f->engine, f->now_ms, 1);
        bodies = counts(f).memory_bytes;
        assert_true(before - bodies <= (SLICE * 4 + 1) * one);
    }
    assert_int_equal(bodies, 0);
    durable_free(f);
}

static void reading_ahead_looks_no_further_than_near_the_front(void **state)
{
    (void)state;
    enum { COLD = 3000, WARM = 20000 };
    fixture_t *f = durable_new((fixture_options_t){0});
    chan_t ch = with_messages(f, COLD);
    crash(f);
    ch = new_channel(f);
    for (unsigned i = 0; i < WARM; i++)
        publish_with(ch, "", "q", "t", 0, bytes_make("\0\0", 2));
    run(f);
    for (unsigned i = 0; i < COLD - 100; i++) {
        get(ch, "q", COMMAND_NO_ACK);
        if (i % 100 == 0)
            run(f);
    }
    run(f);
    const queue_t *q = queue_find(f->engine->vhost, text("q"));
    assert_true(q->warm_is_all);
    assert_int_equal(q->warm_ahead, 100);
    assert_int_equal(f->engine->warm_bytes, q->warm_ahead * q->read_average);
    purge(ch, "q"), run(f);
    assert_int_equal(f->engine->warm_bytes, 0);
    durable_free(f);
}

static void bodies_stay_while_there_is_room_for_them(void **state)
{
    (void)state;
    fixture_t *f = durable_new((fixture_options_t){0});
    chan_t ch = with_messages(f, 100);
    assert_true(counts(f).memory_bytes > 100 * 6);
    for (unsigned i = 0; i < 100; i++)
        get(ch, "q", COMMAND_NO_ACK);
    run(f);
    assert_int_equal(paper_of(f)->requests, 0);
    assert_int_equal(counts(f).memory_bytes, 0);
    durable_free(f);
}

static void a_queue_deeper_than_what_is_read_at_once_is_delivered_in_order(void **state)
{
    fixture_t *f = *state;
    chan_t ch = with_messages(f, 300);
    new_consumer(ch, "q", "c", 0);
    expect_run(ch, 0, 300, false);
    expect_nothing(ch);
    assert_int_equal(paper_of(f)->items, 300);   /* each once */
    assert_int_equal(f->engine->asked_bytes, 0); /* nothing is on its way any more */
    ack(ch, 0, COMMAND_MULTIPLE);
    run(f);
    assert_int_equal(f->engine->live.length, 0);
    assert_int_equal(counts(f).memory_bytes, 0);
}

static void with_room_more_is_read_at_once_and_ahead_of_need(void **state)
{
    (void)state;
    fixture_t *f = durable_new((fixture_options_t){0});
    chan_t ch = with_messages(f, 3000);
    crash(f);
    ch = new_channel(f);
    new_consumer(ch, "q", "c", 0);
    expect_run(ch, 0, 3000, false);
    assert_int_equal(paper_of(f)->items, 3000);
    assert_true(paper_of(f)->requests < 20);
    durable_free(f);
}

/* Memory is full, of what others keep in it: one that reads alone may keep up all the same. */
static void with_memory_short_one_queue_reads_as_much_as_it_likes(void **state)
{
    fixture_t *f = *state;
    enum { MESSAGES = 1000 };
    chan_t ch = with_messages(f, MESSAGES);
    consume(ch, "q", "c", 0);
    run(f);
    assert_int_equal(counts(f).messages_unacked, MESSAGES);
    assert_in_range(paper_of(f)->items_most, MESSAGES / 2, MESSAGES);
}

static void few_are_read_before_their_size_is_known_and_no_more_than_a_mebibyte_at_once(void **state)
{
    (void)state;
    enum { BODY = 100 << 10, MESSAGES = 60 };
    fixture_t *f = durable_new((fixture_options_t){.unwritten_bytes = 64 << 20});
    chan_t ch = with_messages(f, 0);
    char *body = mem_zero(BODY + 1);
    memset(body, 'b', BODY);
    for (unsigned i = 0; i < MESSAGES; i++)
        put_durably(ch, "q", body);
    run(f);
    crash(f);
    ch = new_channel(f);
    hold_reads(f);
    new_consumer(ch, "q", "c", COMMAND_NO_ACK);
    run(f);
    assert_int_equal(paper_of(f)->items, 8);
    hold_reads_no_more(f);
    assert_int_equal(pending_count(ch), MESSAGES);
    assert_in_range(paper_of(f)->items_most, 8, (1 << 20) / BODY);
    mem_free(body);
    durable_free(f);
}

static void with_memory_short_many_queues_read_little_each(void **state)
{
    fixture_t *f = *state;
    enum { BODY = 20 << 10, QUEUES = 100, MESSAGES = 8 };
    chan_t ch = new_channel(f);
    char *body = mem_zero(BODY + 1), name[16];
    memset(body, 'b', BODY);
    for (unsigned q = 0; q < QUEUES; q++) {
        new_durable_queue(ch, numbered(name, q));
        for (unsigned i = 0; i < MESSAGES; i++)
            put_durably(ch, name, body), run(f);
    }
    for (unsigned i = 0; i < 2 * QUEUES; i++)
        get(ch, numbered(name, i / 2), 0), run(f);
    assert_true(counts(f).memory_bytes < (4 << 20) + QUEUES * (64 << 10));
    mem_free(body);
}

/* Named by their numbers, with so many durable messages in each. */
static void new_queues(chan_t ch, unsigned count, unsigned messages)
{
    char name[16];
    for (unsigned q = 0; q < count; q++) {
        new_durable_queue(ch, numbered(name, q));
        put_many_durably(ch, name, 0, messages);
    }
}

static void many_queues_that_read_at_once_are_short_of_memory_before_anything_is_back(void **state)
{
    (void)state;
    enum { QUEUES = 200, MESSAGES = 8, FEW = (68 << 20) / (8 * (64 << 10)) + 1 };
    fixture_t *f = durable_new((fixture_options_t){0});
    chan_t ch = new_channel(f);
    char name[16];
    new_queues(ch, QUEUES, MESSAGES);
    crash(f);
    hold_reads(f);
    ch = new_channel(f);
    for (unsigned q = 0; q < QUEUES; q++)
        consume(ch, numbered(name, q), name, 0);
    run(f);
    assert_int_equal(paper_of(f)->items, FEW * MESSAGES + (QUEUES - FEW));
    hold_reads_no_more(f);
    durable_free(f);
}

static void a_step_does_not_ask_for_all_that_is_wanted(void **state)
{
    (void)state;
    enum { SLICE = 8, QUEUES = 200, MESSAGES = 8 };
    fixture_t *f = durable_new((fixture_options_t){.slice = SLICE});
    chan_t ch = new_channel(f);
    char name[16];
    new_queues(ch, QUEUES, MESSAGES);
    crash(f);
    hold_reads(f);
    chan_t channels[] = {channel_of(connected_at(f, 0), 1), channel_of(connected_at(f, 1), 1)};
    for (unsigned q = 0; q < QUEUES; q++)
        consume(channels[q % 2], numbered(name, q), name, 0);
    for (size_t before = 0, items = 1; items > before;) {
        before = paper_of(f)->items;
        (void)step(f);
        items = paper_of(f)->items;
        assert_true(items - before <= SLICE * 2 / 2 * MESSAGES);
    }
    run(f);
    hold_reads_no_more(f);
    assert_int_equal(counts(f).messages_unacked, QUEUES * MESSAGES);
    durable_free(f);
}

static void what_was_requeued_cold_comes_again_at_its_place(void **state)
{
    fixture_t *f = *state;
    chan_t ch = with_messages(f, 50);
    for (unsigned i = 0; i < 20; i++)
        get(ch, "q", 0);
    run(f);
    recover(ch, 0);
    for (unsigned i = 0; i < 20; i++)
        expect(ch, EVENT_GET_OK);
    expect_ok(ch);
    new_consumer(ch, "q", "c", 0);
    expect_run(ch, 0, 20, true);
    expect_run(ch, 20, 30, false);
    assert_int_equal(paper_of(f)->items, 50 + 20); /* they had left memory while they were out */
}

static void a_queue_with_consumers_keeps_its_first_messages_in_memory(void **state)
{
    fixture_t *f = *state;
    chan_t ch = with_messages(f, 0), other = new_channel(f);
    qos(ch, 1, 0);
    expect_ok(ch);
    new_consumer(ch, "q", "c", 0);
    put_many_durably(other, "q", 0, 200);
    uint64_t bodies = counts(f).memory_bytes;
    assert_in_range(bodies, 50 * (sizeof(message_t) + 6), 80 * (sizeof(message_t) + 60));
    for (unsigned i = 0; i < 200; i++) {
        char body[16];
        ack(ch, expect_delivery(ch, numbered(body, i)), 0);
    }
    assert_true(paper_of(f)->items < 150); /* the others never left */
}

static void transient_messages_between_leave_memory_too_and_stay_in_order(void **state)
{
    fixture_t *f = *state;
    chan_t ch = new_channel(f);
    char body[16];
    new_durable_queue(ch, "q");
    for (unsigned i = 0; i < 60; i++)
        publish_with(ch, "", "q", numbered(body, i), 0, i % 3 ? PERSISTENT : bytes_make("\0\0", 2));
    run(f);
    assert_int_equal(counts(f).memory_bytes, 0);
    new_consumer(ch, "q", "c", 0);
    expect_run(ch, 0, 60, false);
}

static void check_pace(bool with_persistent)
{
    enum { SLICE = 8, MANY = 3000, BODY = 1000, UNWRITTEN = 64 << 10 };
    fixture_t *f =
        durable_new((fixture_options_t){.cold = true, .slice = SLICE, .unwritten_bytes = UNWRITTEN});
    chan_t channels[] = {channel_of(connected_at(f, 0), 1), channel_of(connected_at(f, 1), 1)};
    char *body = mem_zero(BODY + 1);
    memset(body, 'b', BODY);
    new_durable_queue(channels[0], "q");
    hold(f); /* a log that takes its time */
    for (unsigned i = 0; i < MANY; i++)
        if (with_persistent && i % 50 == 0)
            put_durably(channels[i % 2], "q", body);
        else
            put(channels[i % 2], "q", body);
    for (unsigned n = 1; counts(f).messages_ready < MANY; n++) {
        (void)step(f);
        assert_true(counts(f).memory_bytes < 4 * UNWRITTEN + SLICE * 4 * (BODY + 500));
        if (n % 4 == 0)
            (void)paper_sync(paper_of(f), SIZE_MAX), (void)lane_flush(paper_of(f)->journal.done);
    }
    hold_no_more(f);
    assert_int_equal(counts(f).memory_bytes, 0);
    mem_free(body);
    durable_free(f);
}

static void messages_come_no_faster_than_they_can_leave_memory(void **state)
{
    (void)state;
    check_pace(false);
    check_pace(true);
}

static void large_messages_behind_small_ones_are_not_read_by_the_thousand(void **state)
{
    fixture_t *f = *state;
    enum { SMALL = 1200, LARGE = 200, BODY = 100 << 10 };
    chan_t ch = with_messages(f, SMALL);
    char *body = mem_zero(BODY + 1);
    memset(body, 'b', BODY);
    for (unsigned i = 0; i < LARGE; i++)
        put_durably(ch, "q", body), run(f);
    hold_reads(f);
    consume(ch, "q", "c", COMMAND_NO_ACK);
    for (uint64_t most = 0; counts(f).messages_ready > 0;) {
        (void)paper_answer(paper_of(f), 1), (void)lane_flush(paper_of(f)->journal.read);
        (void)step(f);
        most = counts(f).memory_bytes > most ? counts(f).memory_bytes : most;
        assert_true(most < 3 << 20);
        run(f);
    }
    hold_reads_no_more(f);
    assert_int_equal(f->engine->warm_bytes, 0);
    mem_free(body);
}

static void a_fanout_leaves_memory_when_the_last_queue_lets_go(void **state)
{
    fixture_t *f = *state;
    chan_t ch = new_channel(f);
    new_durable_queue(ch, "a"), new_durable_queue(ch, "b"), new_queue(ch, "t");
    bound(ch, "a", "amq.fanout", ""), bound(ch, "b", "amq.fanout", ""), bound(ch, "t", "amq.fanout", "");
    publish_durably(ch, "amq.fanout", "", "m");
    publish_durably(ch, "amq.fanout", "", "n");
    run(f);
    assert_int_equal(counts(f).memory_bytes, 0);
    assert_queue_is(ch, "t", "m", "n");
    run(f);
    assert_queue_is(ch, "b", "m", "n");
    assert_queue_is(ch, "a", "m", "n");
    run(f);
    assert_int_equal(f->engine->live.length, 0);
}

/* ---- get ---- */

static void a_get_on_a_cold_queue_holds_up_its_channel_alone(void **state)
{
    fixture_t *f = *state;
    chan_t ch = with_messages(f, 3), other = channel_of(ch.client, 2), third = new_channel(f);
    hold_reads(f);
    get(ch, "q", 0);
    echo(ch);
    echo(other), echo(third);
    get(third, "q", 0);
    expect_ok(other), expect_ok(third);
    expect_nothing(ch), expect_nothing(third);
    assert_int_equal(paper_of(f)->requests, 1);
    hold_reads_no_more(f);
    expect_got(ch, "n00000");
    expect_ok(ch);
    expect_got(third, "n00001");
}

static void many_gets_that_wait_are_answered_in_order_with_little_work(void **state)
{
    fixture_t *f = *state;
    enum { GETTERS = 40 };
    chan_t ch = with_messages(f, GETTERS), getters[GETTERS];
    for (unsigned i = 0; i < GETTERS; i++)
        getters[i] = channel_of(ch.client, (uint16_t)(i + 2));
    hold_reads(f);
    for (unsigned i = 0; i < GETTERS; i++)
        get(getters[i], "q", COMMAND_NO_ACK);
    run(f);
    hold_reads_no_more(f);
    for (unsigned i = 0; i < GETTERS; i++) {
        char body[16];
        expect_got(getters[i], numbered(body, i));
    }
}

/* A queue's answer wakes all who wait for it; one that has to wait again is not woken by the same answer. */
static void a_get_that_must_wait_again_costs_its_step_nothing(void **state)
{
    fixture_t *f = *state;
    chan_t ch = with_messages(f, 3), other = new_channel(f);
    hold(f);
    hold_reads(f);
    get(ch, "q", 0);
    run(f);
    answer(f, 1); /* now its mark waits for the log */
    expect_nothing(ch);
    hold_reads_no_more(f);
    queue_t *q = queue_find(f->engine->vhost, BYTES("q"));
    uint64_t from = q->fifo.cursor;
    message_unref(f->engine, fifo_chill(&q->fifo, from)); /* cold again, before the mark is there */
    paper_of(f)->holds_reads = true;
    (void)paper_sync(paper_of(f), SIZE_MAX);
    (void)lane_flush(paper_of(f)->journal.done);
    for (unsigned i = 0; i < 30; i++)
        echo(other);
    (void)step(f);
    assert_int_equal(pending_count(other), 30); /* there was work left for it */
    hold_reads_no_more(f);
    hold_no_more(f);
    expect_got(ch, "n00000");
}

static void a_get_waits_while_its_queue_is_purged_or_deleted(void **state)
{
    fixture_t *f = *state;
    chan_t ch = with_messages(f, 3), other = new_channel(f);
    hold_reads(f);
    get(ch, "q", 0);
    run(f);
    purge(other, "q");
    expect_counted(other, 3);
    hold_reads_no_more(f);
    expect(ch, EVENT_GET_EMPTY);
    put_many_durably(other, "q", 3, 3);
    hold_reads(f);
    get(ch, "q", 0);
    run(f);
    delete_queue(other, "q", 0);
    expect_counted(other, 3);
    expect_refusal(ch, 404, "no queue 'q' in vhost '/'");
    hold_reads_no_more(f);
    assert_int_equal(f->engine->live.length, 0);
}

/* ---- what cannot be read ---- */

static void what_cannot_be_read_is_left_out_with_a_line_for_each(void **state)
{
    fixture_t *f = *state;
    chan_t ch = with_messages(f, 30);
    record_no last = paper_last(paper_of(f), RECORD_MESSAGE);
    paper_at(paper_of(f), last - 25)->outcome = READ_DAMAGED; /* n00004 */
    paper_at(paper_of(f), last - 9)->outcome = READ_FAILED;   /* n00020 */
    size_t lines = f->log_lines;
    new_consumer(ch, "q", "c", COMMAND_NO_ACK);
    expect_run(ch, 0, 4, false);
    expect_run(ch, 5, 15, false);
    expect_run(ch, 21, 9, false);
    expect_nothing(ch);
    assert_int_equal(f->log_lines, lines + 2);
    assert_non_null(strstr(f->last_line, "error: queue 'q' in vhost '/': the message at position 21 "));
    assert_non_null(strstr(f->last_line, "cannot be read"));
    engine_counts_t n = counts(f);
    assert_int_equal(n.messages_damaged, 2);
    assert_int_equal(n.messages_ready, 0);
    assert_int_equal(n.messages_stored, 0);
    assert_true(f->engine->live.length > 0); /* they stay in the log */
}

static void a_long_range_is_a_few_lines_and_all_of_it_is_named(void **state)
{
    enum { COUNT = 1000 };
    fixture_t *f = *state;
    chan_t ch = with_messages(f, COUNT);
    record_no last = paper_last(paper_of(f), RECORD_MESSAGE);
    for (record_no n = 1; n <= last; n++)
        if (paper_read(paper_of(f), n).type == RECORD_MESSAGE)
            paper_at(paper_of(f), n)->outcome = READ_DAMAGED;
    size_t lines = f->log_lines;
    get(ch, "q", 0);
    expect(ch, EVENT_GET_EMPTY);
    assert_int_equal(counts(f).messages_damaged, COUNT);
    assert_in_range(f->log_lines - lines, 1, 11); /* twice as long each time */
    assert_non_null(strstr(f->last_line, "error: queue 'q' in vhost '/': the messages at positions 1 to "));
    assert_non_null(strstr(f->last_line, " are damaged; they are left out, and stay in the log until"));
    purge(ch, "q"), expect(ch, EVENT_QUEUE_COUNTED);
    assert_non_null(strstr(f->last_line, "positions 1 to 1000 "));
}

static void a_first_message_that_cannot_be_read_holds_up_no_get(void **state)
{
    fixture_t *f = *state;
    chan_t ch = with_messages(f, 1);
    paper_at(paper_of(f), paper_last(paper_of(f), RECORD_MESSAGE))->outcome = READ_DAMAGED;
    get(ch, "q", 0);
    expect(ch, EVENT_GET_EMPTY);
    assert_int_equal(counts(f).messages_damaged, 1);
}

/* No start would bring it back, so nothing of it is kept to be looked at. */
static void a_transient_message_that_cannot_be_read_is_gone(void **state)
{
    fixture_t *f = *state;
    chan_t ch = with_messages(f, 0);
    put(ch, "q", "t");
    run(f);
    assert_int_equal(counts(f).live_records, 1);
    paper_at(paper_of(f), paper_last(paper_of(f), RECORD_MESSAGE))->outcome = READ_DAMAGED;
    get(ch, "q", 0);
    expect(ch, EVENT_GET_EMPTY);
    assert_non_null(strstr(f->last_line, "is damaged; it is left out"));
    assert_int_equal(counts(f).messages_damaged, 0);
    assert_int_equal(counts(f).messages_stored, 0);
    assert_int_equal(counts(f).live_records, 0);
}

static void purge_and_delete_forget_what_was_left_out(void **state)
{
    (void)state;
    for (int deleted = 0; deleted < 2; deleted++) {
        fixture_t *f = cold_new();
        chan_t ch = with_messages(f, 4);
        paper_at(paper_of(f), paper_last(paper_of(f), RECORD_MESSAGE))->outcome = READ_DAMAGED;
        paper_at(paper_of(f), paper_last(paper_of(f), RECORD_MESSAGE) - 1)->outcome = READ_DAMAGED;
        for (int i = 0; i < 4; i++)
            get(ch, "q", COMMAND_NO_ACK);
        run(f);
        assert_int_equal(counts(f).messages_damaged, 2);
        if (deleted)
            delete_queue(ch, "q", 0);
        else
            purge(ch, "q");
        run(f);
        assert_int_equal(counts(f).messages_damaged, 0);
        assert_int_equal(f->engine->live.length, 0);
        crash(f);
        assert_int_equal(counts(f).messages_damaged, 0);
        assert_int_equal(counts(f).messages_ready, 0);
        durable_free(f);
    }
}

static void what_was_left_out_is_needed_until_it_is_purged(void **state)
{
    (void)state;
    fixture_t *f = durable_new((fixture_options_t){.cold = true, .checkpoint_bytes = 4000});
    chan_t ch = with_messages(f, 1);
    paper_at(paper_of(f), paper_last(paper_of(f), RECORD_MESSAGE))->outcome = READ_FAILED;
    for (unsigned i = 0; i < 1500; i++) {
        put_durably(ch, "q", "m");
        get(ch, "q", COMMAND_NO_ACK);
        expect_got(ch, "m");
    }
    assert_true(paper_of(f)->replay_from > 100);
    assert_int_equal(live_in(&f->engine->live, 1, 100), 1);
    reopen_with(f, (reopen_options_t){.from = paper_of(f)->replay_from});
    assert_int_equal(counts(f).messages_ready, 1); /* it is looked at again */
    ch = new_channel(f);
    get(ch, "q", COMMAND_NO_ACK);
    expect(ch, EVENT_GET_EMPTY);
    assert_int_equal(counts(f).messages_damaged, 1);
    purge(ch, "q");
    expect_counted(ch, 0);
    assert_int_equal(live_in(&f->engine->live, 1, 100), 0);
    durable_free(f);
}

/* ---- ends while a read is out ---- */

static void a_queue_is_deleted_while_a_read_is_out(void **state)
{
    fixture_t *f = *state;
    chan_t ch = with_messages(f, 20);
    hold_reads(f);
    new_consumer(ch, "q", "c", 0);
    run(f);
    assert_int_equal(paper_of(f)->asked_count, 1);
    delete_queue(ch, "q", 0);
    expect(ch, EVENT_CONSUMER_GONE);
    expect_counted(ch, 20);
    new_durable_queue(ch, "q"); /* another one */
    put_durably(ch, "q", "other");
    run(f);
    hold_reads_no_more(f);
    assert_queue_is(ch, "q", "other");
    assert_int_equal(f->engine->live.length, 0);
    assert_int_equal(counts(f).memory_bytes, 0);
}

static void damage_found_in_a_queue_that_is_gone_is_nobodys(void **state)
{
    fixture_t *f = *state;
    chan_t ch = with_messages(f, 2);
    paper_at(paper_of(f), paper_last(paper_of(f), RECORD_MESSAGE))->outcome = READ_DAMAGED;
    hold_reads(f);
    new_consumer(ch, "q", "c", 0);
    run(f);
    delete_queue(ch, "q", 0);
    run(f);
    size_t lines = f->log_lines;
    hold_reads_no_more(f);
    assert_int_equal(f->log_lines, lines);
    assert_int_equal(counts(f).messages_damaged, 0);
}

static void a_queue_is_purged_while_a_read_is_out(void **state)
{
    fixture_t *f = *state;
    chan_t ch = with_messages(f, 20);
    hold_reads(f);
    new_consumer(ch, "q", "c", 0);
    run(f);
    purge(ch, "q");
    expect_counted(ch, 20);
    put_many_durably(ch, "q", 20, 10);
    hold_reads_no_more(f);
    expect_run(ch, 20, 10, false);
    expect_nothing(ch);
}

static void a_connection_ends_while_a_read_is_out(void **state)
{
    fixture_t *f = *state;
    chan_t ch = with_messages(f, 20), other = new_channel(f);
    hold_reads(f);
    get(ch, "q", 0);
    new_consumer(channel_of(ch.client, 2), "q", "c", 0);
    run(f);
    hang_up(ch.client);
    expect_goodbye(ch.client);
    hold_reads_no_more(f);
    new_consumer(other, "q", "c", 0);
    expect_run(other, 0, 20, false);
}

static void the_engine_ends_while_reads_are_out(void **state)
{
    fixture_t *f = *state;
    chan_t ch = with_messages(f, 20);
    hold_reads(f);
    get(ch, "q", 0);
    run(f);
    (void)paper_answer(paper_of(f), 1); /* and while an answer is on its way */
    new_durable_queue(ch = new_channel(f), "r");
    put_many_durably(ch, "r", 0, 3);
    get(ch, "r", 0);
    (void)step(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cold_test(bodies_leave_memory_as_soon_as_they_are_durable),
        cmocka_unit_test(what_leaves_memory_does_so_in_slices_until_all_of_it_has),
        cmocka_unit_test(reading_ahead_looks_no_further_than_near_the_front),
        cmocka_unit_test(bodies_stay_while_there_is_room_for_them),
        cold_test(a_queue_deeper_than_what_is_read_at_once_is_delivered_in_order),
        cmocka_unit_test(with_room_more_is_read_at_once_and_ahead_of_need),
        cold_test(with_memory_short_one_queue_reads_as_much_as_it_likes),
        cmocka_unit_test(few_are_read_before_their_size_is_known_and_no_more_than_a_mebibyte_at_once),
        cold_test(with_memory_short_many_queues_read_little_each),
        cmocka_unit_test(many_queues_that_read_at_once_are_short_of_memory_before_anything_is_back),
        cmocka_unit_test(a_step_does_not_ask_for_all_that_is_wanted),
        cold_test(what_was_requeued_cold_comes_again_at_its_place),
        cold_test(a_queue_with_consumers_keeps_its_first_messages_in_memory),
        cold_test(transient_messages_between_leave_memory_too_and_stay_in_order),
        cmocka_unit_test(messages_come_no_faster_than_they_can_leave_memory),
        cold_test(large_messages_behind_small_ones_are_not_read_by_the_thousand),
        cold_test(a_fanout_leaves_memory_when_the_last_queue_lets_go),
        cold_test(a_get_on_a_cold_queue_holds_up_its_channel_alone),
        cold_test(many_gets_that_wait_are_answered_in_order_with_little_work),
        cold_test(a_get_that_must_wait_again_costs_its_step_nothing),
        cold_test(a_get_waits_while_its_queue_is_purged_or_deleted),
        cold_test(what_cannot_be_read_is_left_out_with_a_line_for_each),
        cold_test(a_long_range_is_a_few_lines_and_all_of_it_is_named),
        cold_test(a_first_message_that_cannot_be_read_holds_up_no_get),
        cold_test(a_transient_message_that_cannot_be_read_is_gone),
        cmocka_unit_test(purge_and_delete_forget_what_was_left_out),
        cmocka_unit_test(what_was_left_out_is_needed_until_it_is_purged),
        cold_test(a_queue_is_deleted_while_a_read_is_out),
        cold_test(damage_found_in_a_queue_that_is_gone_is_nobodys),
        cold_test(a_queue_is_purged_while_a_read_is_out),
        cold_test(a_connection_ends_while_a_read_is_out),
        cold_test(the_engine_ends_while_reads_are_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
