/* SPDX-License-Identifier: Apache-2.0
 *
 * test_space.c: the log on paper is told to be in segments, and what the engine orders is looked at. */
#include "engine/durable/space.h"

#include "engine/engine_internal.h"
#include "engine/history.h"

#define SEGMENT_BYTES 65536

/* Tells that records `from` … `end` - 1 are a segment. */
static void tell_of(fixture_t *f, uint64_t number, record_no from, record_no end, uint64_t bytes)
{
    segment_news_t news = {
        .segment = number, .from = from, .end = end, .bytes = bytes, .contents = UINT64_MAX};
    paper_tell(paper_of(f), &news);
    run(f);
}

static void tell(fixture_t *f, uint64_t number, record_no from, record_no end)
{
    tell_of(f, number, from, end, SEGMENT_BYTES);
}

/* A checkpoint is durable by which all that is there is said again. */
static void checkpoint(fixture_t *f)
{
    run(f);
    space_checkpointed(f->engine, f->engine->next_record);
    run(f);
}

static void expect_no_order(fixture_t *f)
{
    run(f);
    assert_null(paper_order(paper_of(f)));
}

static void expect_drop(fixture_t *f, uint64_t segment)
{
    run(f);
    segment_order_t *o = paper_order(paper_of(f));
    assert_non_null(o);
    assert_int_equal(o->segment, segment);
    assert_int_equal(o->keep_count, 0);
    segment_order_free(o);
}

/* The pairs of first record and count that are to be kept, ended by a 0. */
static void expect_rewrite(fixture_t *f, uint64_t segment, const record_no *pairs)
{
    run(f);
    segment_order_t *o = paper_order(paper_of(f));
    assert_non_null(o);
    assert_int_equal(o->segment, segment);
    bytes_reader_t in = bytes_reader(buffer_bytes(&o->keep));
    uint32_t count = 0;
    for (uint64_t first, length; record_list_next(&in, &first, &length); count++, pairs += 2) {
        assert_int_equal(first, pairs[0]);
        assert_int_equal(length, pairs[1]);
    }
    assert_int_equal(*pairs, 0);
    assert_int_equal(count, o->keep_count);
    segment_order_free(o);
}

#define RECORDS(...) ((record_no[]){__VA_ARGS__, 0})

/* ---- a queue of messages, one record each ---- */

typedef struct full {
    fixture_t *f;
    chan_t ch;
    record_no first, end; /* of its messages */
    uint64_t first_tag;   /* all have been got */
} full_t;

static full_t full_queue_of(fixture_t *f, unsigned count)
{
    full_t q = {.f = f, .ch = new_channel(f)};
    new_durable_queue(q.ch, "q");
    q.first = f->engine->next_record;
    put_many_durably(q.ch, "q", 0, count);
    q.end = q.first + count;
    assert_int_equal(q.end, f->engine->next_record);
    for (unsigned i = 0; i < count; i++) {
        get(q.ch, "q", 0);
        uint64_t tag = expect(q.ch, EVENT_GET_OK)->event.delivery_tag;
        q.first_tag = i == 0 ? tag : q.first_tag;
    }
    return q;
}

/* Messages `from` … `end` - 1, counted from 0, are done with. */
static void settle(full_t *q, unsigned from, unsigned end)
{
    for (; from < end; from++)
        ack(q->ch, q->first_tag + from, 0);
    run(q->f);
}

static void a_segment_goes_when_nothing_in_it_is_live(void **state)
{
    full_t q = full_queue_of(*state, 10);
    tell(q.f, 1, 1, q.end);
    checkpoint(q.f);
    settle(&q, 1, 10);
    settle(&q, 0, 1);
    expect_rewrite(q.f, 1, RECORDS(q.first, 1)); /* asked for while one was left */
    tell_of(q.f, 1, 1, q.end, 1000);
    expect_drop(q.f, 1);
    assert_int_equal(counts(q.f).segments_complete, 1);
    tell_of(q.f, 1, 1, q.end, 0);
    assert_int_equal(counts(q.f).segments_complete, 0);
    expect_no_order(q.f);
}

static void it_goes_at_once_when_the_last_one_dies(void **state)
{
    full_t q = full_queue_of(*state, 1);
    tell(q.f, 1, 1, q.end);
    checkpoint(q.f);
    assert_int_equal(counts(q.f).live_records, 1);
    expect_no_order(q.f); /* of two records one is no few */
    settle(&q, 0, 1);
    assert_int_equal(counts(q.f).live_records, 0);
    expect_drop(q.f, 1);
}

static void the_helper_is_woken_for_an_order(void **state)
{
    full_t q = full_queue_of(*state, 1);
    tell(q.f, 1, 1, q.end);
    checkpoint(q.f);
    (void)engine_wants_helper(q.f->engine);
    settle(&q, 0, 1);
    assert_true(engine_wants_helper(q.f->engine));
    expect_drop(q.f, 1);
}

static void the_order_waits_until_the_settling_is_durable(void **state)
{
    full_t q = full_queue_of(*state, 4);
    tell(q.f, 1, q.first, q.end);
    checkpoint(q.f);
    hold(q.f);
    ack(q.ch, q.first_tag + 3, COMMAND_MULTIPLE);
    put_many_durably(q.ch, "q", 10, 3); /* and more in the same step */
    expect_no_order(q.f);
    while (paper_of(q.f)->lent_count > 1)
        sync_batches(q.f, 1);
    expect_no_order(q.f);
    sync_batches(q.f, 1);
    assert_int_equal(paper_count(paper_of(q.f), RECORD_SETTLE), 1);
    expect_drop(q.f, 1);
}

/* A batch before it is not enough. */
static void an_order_waits_for_the_batch_of_the_settling_itself(void **state)
{
    full_t q = full_queue_of(*state, 4);
    tell(q.f, 1, q.first, q.end);
    checkpoint(q.f);
    hold(q.f);
    put_durably(q.ch, "q", "before"), run(q.f);
    ack(q.ch, q.first_tag + 3, COMMAND_MULTIPLE), run(q.f);
    assert_int_equal(paper_of(q.f)->lent_count, 2);
    sync_batches(q.f, 1);
    expect_no_order(q.f);
    sync_batches(q.f, 1);
    expect_drop(q.f, 1);
}

static void a_segment_that_is_not_below_a_checkpoint_stays(void **state)
{
    full_t q = full_queue_of(*state, 10);
    settle(&q, 0, 10);
    tell(q.f, 1, 1, q.first + 5);
    tell(q.f, 2, q.first + 5, q.end);
    tell(q.f, 3, q.end, q.f->engine->next_record);
    expect_no_order(q.f);
    space_checkpointed(q.f->engine, q.first + 5);
    expect_drop(q.f, 1);
    space_checkpointed(q.f->engine, q.end - 1);
    expect_no_order(q.f);
    checkpoint(q.f);
    expect_drop(q.f, 2);
    expect_drop(q.f, 3);
}

static void a_checkpoint_of_the_engine_lets_them_go_when_it_is_durable(void **state)
{
    (void)state;
    fixture_t *f = durable_new((fixture_options_t){.checkpoint_bytes = 3000});
    chan_t ch = new_channel(f);
    new_durable_queue(ch, "q");
    record_no next = f->engine->next_record;
    tell(f, 1, 1, next);
    expect_no_order(f);
    for (unsigned i = 0; f->engine->checkpoint.low < next; i++) {
        assert_true(i < 1000);
        hold(f);
        put_many_durably(ch, "q", i, 1);
        get(ch, "q", COMMAND_NO_ACK);
        run(f);
        expect_no_order(f); /* be it that it was decided just now */
        if (f->engine->checkpoint.low < next)
            hold_no_more(f);
    }
    hold_no_more(f);
    expect_drop(f, 1);
    expect_no_order(f);
    durable_free(f);
}

static void a_sparse_segment_is_written_anew_with_what_is_live(void **state)
{
    full_t q = full_queue_of(*state, 20);
    tell(q.f, 1, q.first, q.end);
    checkpoint(q.f);
    settle(&q, 0, 10);
    expect_no_order(q.f);
    assert_int_equal(counts(q.f).segments_sparse, 0);
    hold(q.f);
    settle(&q, 14, 15); /* now fewer than half */
    assert_int_equal(counts(q.f).segments_sparse, 1);
    expect_no_order(q.f);
    hold_no_more(q.f);
    expect_rewrite(q.f, 1, RECORDS(q.first + 10, 4, q.first + 15, 5));
    assert_int_equal(counts(q.f).segments_sparse, 1);
    tell_of(q.f, 1, q.first, q.end, 30000);
    assert_int_equal(counts(q.f).segments_sparse, 0);
    assert_int_equal(counts(q.f).segments_complete, 1);
}

static void it_is_left_alone_until_half_of_that_is_dead(void **state)
{
    full_t q = full_queue_of(*state, 20);
    tell(q.f, 1, q.first, q.end);
    checkpoint(q.f);
    settle(&q, 0, 11);
    expect_rewrite(q.f, 1, RECORDS(q.first + 11, 9));
    settle(&q, 11, 13);
    expect_no_order(q.f);         /* one is on its way */
    tell(q.f, 1, q.first, q.end); /* the store found that it does not pay */
    settle(&q, 13, 15);
    expect_no_order(q.f);
    settle(&q, 15, 16);
    expect_rewrite(q.f, 1, RECORDS(q.first + 16, 4));
    settle(&q, 16, 20);
    expect_no_order(q.f);
    tell_of(q.f, 1, q.first, q.end, 10000);
    expect_drop(q.f, 1);
}

static void one_is_written_anew_at_a_time_and_the_emptiest_first(void **state)
{
    full_t q = full_queue_of(*state, 60);
    for (unsigned i = 0; i < 6; i++) /* the last one so small that nothing is to win */
        tell_of(q.f, i + 1, q.first + i * 10, q.first + i * 10 + 10, i < 5 ? SEGMENT_BYTES : 600);
    for (unsigned i = 0; i < 5; i++)
        settle(&q, i * 10, i * 10 + 6);
    settle(&q, 36, 39);
    settle(&q, 50, 59);
    checkpoint(q.f);
    assert_int_equal(counts(q.f).segments_sparse, 6);
    expect_rewrite(q.f, 4, RECORDS(q.first + 39, 1));
    expect_no_order(q.f);
    tell_of(q.f, 4, q.first + 30, q.first + 40, 2000);
    settle(&q, 16, 17);
    tell_of(q.f, 1, q.first, q.first + 10, SEGMENT_BYTES); /* told again for nothing: it changes nothing */
    expect_rewrite(q.f, 1, RECORDS(q.first + 6, 4));
    tell_of(q.f, 1, q.first, q.first + 10, 30000);
    expect_rewrite(q.f, 2, RECORDS(q.first + 17, 3));
    settle(&q, 26, 30); /* waits its turn, and dies meanwhile */
    expect_drop(q.f, 3);
    tell_of(q.f, 2, q.first + 10, q.first + 20, 30000);
    expect_rewrite(q.f, 5, RECORDS(q.first + 46, 4));
    tell_of(q.f, 5, q.first + 40, q.first + 50, 30000);
    expect_rewrite(q.f, 6, RECORDS(q.first + 59, 1));
}

static void many_live_records_are_listed_a_slice_a_step(void **state)
{
    (void)state;
    fixture_t *f = durable_new((fixture_options_t){.slice = 4});
    full_t q = full_queue_of(f, 2000);
    tell(f, 1, q.first, q.end);
    for (unsigned i = 0; i < 2000; i += 2)
        settle(&q, i, i + 1);
    settle(&q, 1, 2);
    run(f);
    hold(f);
    space_checkpointed(f->engine, f->engine->next_record);
    uint64_t steps = f->steps;
    for (int i = 0; i < 10; i++)
        (void)step(f);
    ack(q.ch, q.first_tag + 3, 0);    /* listed already */
    ack(q.ch, q.first_tag + 1999, 0); /* not listed yet */
    hold_no_more(f);
    assert_true(f->steps - steps > 2000 / 64);
    segment_order_t *o = paper_order(paper_of(f));
    assert_non_null(o);
    assert_int_equal(o->keep_count, 998);
    segment_order_free(o);
    durable_free(f);
}

static void a_segment_that_dies_while_it_is_listed_goes(void **state)
{
    (void)state;
    fixture_t *f = durable_new((fixture_options_t){.slice = 4});
    full_t q = full_queue_of(f, 200);
    tell(f, 1, q.first, q.end);
    settle(&q, 1, 100), settle(&q, 101, 199);
    space_checkpointed(f->engine, f->engine->next_record);
    (void)step(f);
    assert_int_equal(counts(f).segments_sparse, 1);
    ack(q.ch, q.first_tag, 0), ack(q.ch, q.first_tag + 100, 0), ack(q.ch, q.first_tag + 199, 0);
    expect_drop(f, 1);
    tell_of(f, 1, q.first, q.end, 0);
    assert_int_equal(counts(f).segments_sparse, 0);
    durable_free(f);
}

static void a_large_message_that_dies_while_it_is_read_holds_nothing(void **state)
{
    (void)state;
    fixture_t *f = durable_new((fixture_options_t){.cold = true});
    chan_t ch = new_channel(f), other = new_channel(f);
    new_durable_queue(ch, "q");
    part(ch, "some"), part(ch, "of it"), put_durably(ch, "q", "and the rest");
    run(f);
    tell(f, 1, 1, f->engine->next_record);
    checkpoint(f);
    hold_reads(f);
    get(ch, "q", 0);
    run(f);
    assert_int_equal(paper_of(f)->asked_count, 1);
    purge(other, "q");
    expect_counted(other, 1);
    expect_drop(f, 1);
    answer(f, 1);
    expect(ch, EVENT_GET_EMPTY);
    tell_of(f, 1, 1, paper_of(f)->count, 0);
    assert_int_equal(counts(f).live_records + counts(f).segments_complete, 0);
    durable_free(f);
}

/* Its first record has died, and may be gone from the disk, by the time at which it leaves memory. */
static void a_message_leaves_memory_for_a_record_that_is_live(void **state)
{
    (void)state;
    fixture_t *f = durable_new((fixture_options_t){.cold = true, .batch_bytes = 1, .unwritten_bytes = 60});
    chan_t ch = new_channel(f);
    buffer_t expires = {0};
    table_put_long(&expires, "x-expires", 1000);
    declare_with(ch, "q", COMMAND_DURABLE, buffer_bytes(&expires)), expect_declared(ch, "q", 0, 0);
    buffer_free(&expires);
    new_durable_queue(ch, "other"), new_queue(ch, "t");
    bound(ch, "q", "amq.fanout", ""), bound(ch, "t", "amq.fanout", "");
    hold(f);
    put_durably(ch, "other", "so that the log is busy");
    publish_durably(ch, "amq.fanout", "", "m");
    run(f);
    record_no first = paper_last(paper_of(f), RECORD_MESSAGE);
    assert_true(bytes_equal(paper_read(paper_of(f), first).exchange,
                            BYTES("amq.fanout")));                    /* the log is full only now */
    assert_int_equal(live_in(&f->engine->live, first, first + 1), 1); /* for q alone */
    advance(f, 1001); /* the queue goes while nothing can leave memory */
    hold_no_more(f);
    assert_int_equal(live_in(&f->engine->live, first, first + 1), 0);
    assert_int_equal(counts(f).live_records, 2);
    assert_queue_is(ch, "t", "m");
    durable_free(f);
}

/* ---- many, and over small rings ---- */

static void hundreds_of_segments_go_over_small_rings(void **state)
{
    (void)state;
    fixture_t *f = durable_new((fixture_options_t){.ring_items = 8, .slice = 4});
    full_t q = full_queue_of(f, 600);
    settle(&q, 0, 600);
    for (uint64_t i = 0; i < 300; i++)
        paper_tell(paper_of(f), &(segment_news_t){.segment = 10 + i * 3,
                                                  .from = q.first + i * 2,
                                                  .end = q.first + i * 2 + 2,
                                                  .bytes = SEGMENT_BYTES,
                                                  .contents = 2});
    run(f);
    assert_int_equal(counts(f).segments_complete, 300);
    checkpoint(f);
    for (uint64_t i = 0; i < 300; i++) {
        expect_drop(f, 10 + i * 3);
        tell_of(f, 10 + i * 3, q.first + i * 2, q.first + i * 2 + 2, 0);
    }
    assert_int_equal(counts(f).segments_complete, 0);
    expect_no_order(f);
    durable_free(f);
}

static void a_segment_without_records_goes(void **state)
{
    full_t q = full_queue_of(*state, 3);
    tell(q.f, 1, 1, q.first);
    tell(q.f, 2, q.first, q.first);
    tell(q.f, 3, q.first, q.end);
    checkpoint(q.f);
    expect_drop(q.f, 1);
    expect_drop(q.f, 2);
    expect_no_order(q.f);
}

/* ---- after a restart ---- */

static void after_a_restart_segments_are_judged_by_what_came_back(void **state)
{
    full_t q = full_queue_of(*state, 30);
    settle(&q, 0, 16);
    crash(q.f);
    tell(q.f, 1, 1, q.first);
    tell(q.f, 2, q.first, q.first + 10);
    tell(q.f, 5, q.first + 10, q.first + 20);
    tell(q.f, 6, q.first + 20, q.end);
    checkpoint(q.f);
    expect_drop(q.f, 1);
    expect_drop(q.f, 2);
    expect_rewrite(q.f, 5, RECORDS(q.first + 16, 4));
    expect_no_order(q.f);
    assert_int_equal(counts(q.f).live_records, 14);
}

static void records_that_are_needed_and_in_no_segment_are_named(void **state)
{
    full_t q = full_queue_of(*state, 30);
    settle(&q, 0, 10);
    crash(q.f);
    tell(q.f, 2, q.first + 4, q.first + 6); /* what is before is not needed */
    size_t lines = q.f->log_lines;
    tell(q.f, 3, q.first + 8, q.first + 12);
    assert_int_equal(q.f->log_lines, lines);
    tell(q.f, 5, q.first + 15, q.end);
    assert_int_equal(q.f->log_lines, lines + 1);
    char wanted[200];
    text_format(
        wanted, sizeof wanted,
        "error: records %llu to %llu of the log are missing; 3 of them are still needed, and messages "
        "of which they are a part will be left out",
        (unsigned long long)q.first + 12, (unsigned long long)q.first + 14);
    assert_string_equal(q.f->last_line, wanted);
}

/* ---- whatever happens ---- */

typedef struct segments {
    fixture_t *f;
    uint64_t seed;
    uint64_t last_number;
    record_no end; /* of the last one */
    size_t drops, rewrites;
    record_no *from; /* by number */
} segments_t;

/* An engine of what is durable, read from the last checkpoint on, needs nothing that the order lets go. */
static void check_order(segments_t *s, const segment_order_t *o, record_no from, record_no end)
{
    paper_t *p = paper_of(s->f);
    fixture_t g = {.options = s->f->options, .log = {.least = LOG_ERROR, .sink = fixture_log, .context = &g}};
    fixture_start_engine(&g);
    assert_true(end <= p->replay_from);
    for (record_no n = p->replay_from; n <= p->synced; n++) {
        record_t r = paper_read(p, n);
        assert_true(engine_apply(g.engine, n, &r, buffer_bytes(&paper_at(p, n)->content), false));
    }
    engine_recovered(g.engine, p->synced, s->f->now_ms);
    bytes_reader_t in = bytes_reader(buffer_bytes(&o->keep));
    record_no at = from;
    for (uint64_t first, count; record_list_next(&in, &first, &count); at = first + count) {
        assert_true(first >= at && count > 0 && first + count <= end);
        assert_int_equal(live_in(&g.engine->live, at, first), 0);
    }
    assert_int_equal(live_in(&g.engine->live, at, end), 0);
    fixture_stop_engine(&g);
}

static void act_on_segments(segments_t *s)
{
    paper_t *p = paper_of(s->f);
    for (segment_order_t *o; chance(&s->seed, 3) > 0 && (o = paper_order(p)); segment_order_free(o)) {
        record_no from = s->from[o->segment], end = s->from[o->segment + 1];
        check_order(s, o, from, end);
        *(o->keep_count > 0 ? &s->rewrites : &s->drops) += 1;
        paper_tell(p, &(segment_news_t){o->segment, from, end, o->keep_count > 0 ? 1000 : 0, o->keep_count});
    }
    record_no most = p->synced + 1 - s->end;
    if (most > 20 && chance(&s->seed, 3) == 0) {
        record_no end = s->end + 1 + chance(&s->seed, (uint32_t)most);
        paper_tell(p, &(segment_news_t){++s->last_number, s->end, end, SEGMENT_BYTES, UINT64_MAX});
        s->from = mem_resize(s->from, (s->last_number + 2) * sizeof *s->from);
        s->from[s->last_number] = s->end;
        s->from[s->last_number + 1] = s->end = end;
    }
}

static void nothing_durable_ever_needs_what_an_order_lets_go(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 8; seed++) {
        fixture_t *f = durable_new((fixture_options_t){.slice = 4, .checkpoint_bytes = 3000});
        history_t h = history_of(f, seed);
        segments_t s = {.f = f, .seed = seed * 77777, .end = 1};
        s.from = mem_zero(2 * sizeof *s.from);
        for (int i = 0; i < 3000; i++) {
            paper_of(f)->holds = chance(&s.seed, 3) == 0;
            (void)paper_sync(paper_of(f), chance(&s.seed, 3));
            history_act(&h);
            if (i % 10 == 0)
                act_on_segments(&s);
        }
        hold_no_more(f);
        assert_true(s.drops > 5 && s.rewrites > 5);
        mem_free(s.from);
        durable_free(f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        durable_test(a_segment_goes_when_nothing_in_it_is_live),
        durable_test(it_goes_at_once_when_the_last_one_dies),
        durable_test(the_helper_is_woken_for_an_order),
        durable_test(the_order_waits_until_the_settling_is_durable),
        durable_test(an_order_waits_for_the_batch_of_the_settling_itself),
        durable_test(a_segment_that_is_not_below_a_checkpoint_stays),
        cmocka_unit_test(a_checkpoint_of_the_engine_lets_them_go_when_it_is_durable),
        durable_test(a_sparse_segment_is_written_anew_with_what_is_live),
        durable_test(it_is_left_alone_until_half_of_that_is_dead),
        durable_test(one_is_written_anew_at_a_time_and_the_emptiest_first),
        cmocka_unit_test(many_live_records_are_listed_a_slice_a_step),
        cmocka_unit_test(a_segment_that_dies_while_it_is_listed_goes),
        cmocka_unit_test(a_large_message_that_dies_while_it_is_read_holds_nothing),
        cmocka_unit_test(a_message_leaves_memory_for_a_record_that_is_live),
        cmocka_unit_test(hundreds_of_segments_go_over_small_rings),
        durable_test(a_segment_without_records_goes),
        durable_test(after_a_restart_segments_are_judged_by_what_came_back),
        durable_test(records_that_are_needed_and_in_no_segment_are_named),
        cmocka_unit_test(nothing_durable_ever_needs_what_an_order_lets_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
