/* SPDX-License-Identifier: Apache-2.0
 *
 * test_purge.c: a purge while very many are out, one here and one there: the log hears of it slice by slice, and what is true
 * at its end is the same. */
#include "engine/durable.h"
#include "engine/engine_internal.h"

enum { MESSAGES = 400, BEHIND = 10, SLICE = 4 * 4 /* pages, entries */ };

/* Every second one of MESSAGES is out; behind them some are ready. */
typedef struct scattered {
    fixture_t *f;
    chan_t ch, other;
    uint64_t tags[MESSAGES];
    unsigned damaged; /* this one is, an odd one, and is left out; 0: none */
} scattered_t;

static void scatter_with(scattered_t *s, fixture_options_t o)
{
    char body[16];
    s->f = durable_new(o);
    s->ch = new_channel(s->f);
    s->other = new_channel(s->f);
    new_durable_queue(s->ch, "q");
    put_many_durably(s->ch, "q", 0, MESSAGES);
    record_no first = paper_last(paper_of(s->f), RECORD_MESSAGE) - MESSAGES + 1;
    if (s->damaged > 0)
        paper_at(paper_of(s->f), first + s->damaged)->outcome = READ_DAMAGED;
    for (unsigned i = 0; i < MESSAGES; i++)
        if (i == 0 || i != s->damaged)
            s->tags[i] = got(s->ch, "q", numbered(body, i));
    for (unsigned i = 1; i < MESSAGES; i += 2)
        if (i != s->damaged)
            ack(s->ch, s->tags[i], 0);
    put_many_durably(s->ch, "q", MESSAGES, BEHIND);
}

static void scatter(scattered_t *s)
{
    scatter_with(s, (fixture_options_t){.slice = 4, .page_entries = 4});
}

static bool is_purging(const scattered_t *s)
{
    return queue_find(s->f->engine->vhost, text("q"))->purge != NULL;
}

/* The first slice of the purge is said, and others are not. */
static void begin_purge_by(scattered_t *s, chan_t ch)
{
    purge(ch, "q");
    (void)step(s->f);
    assert_true(is_purging(s));
}

static void begin_purge(scattered_t *s)
{
    begin_purge_by(s, s->ch);
}

/* How many are there; each once, in order, and among them all that were out. */
static unsigned look(chan_t ch, unsigned out)
{
    unsigned found = 0, last = 0, spared = 0;
    for (;; found++) {
        get(ch, "q", COMMAND_NO_ACK);
        const seen_t *seen = next_event(ch);
        if (seen->event.type == EVENT_GET_EMPTY)
            break;
        assert_int_equal(seen->event.type, EVENT_GET_OK);
        unsigned n = (unsigned)strtoul(seen->body + 1, NULL, 10);
        assert_true(found == 0 || n > last);
        spared += n < MESSAGES && n % 2 == 0;
        last = n;
    }
    assert_int_equal(spared, out);
    return found;
}

static void no_record_of_a_purge_says_more_than_a_slice(void **state)
{
    (void)state;
    scattered_t s = {0};
    scatter(&s);
    purge(s.ch, "q");
    expect_counted(s.ch, BEHIND);
    const paper_t *p = paper_of(s.f);
    assert_true(paper_count(p, RECORD_PURGE) >= MESSAGES / SLICE);
    for (record_no n = 1; n <= p->count; n++) {
        record_t r = paper_read(p, n);
        assert_true(r.type != RECORD_PURGE || r.list.count <= SLICE / 2 + 1);
    }
    crash(s.f);
    assert_int_equal(counts(s.f).messages_ready, MESSAGES / 2);
    assert_int_equal(look(new_channel(s.f), MESSAGES / 2), MESSAGES / 2);
    durable_free(s.f);
}

static void a_crash_amid_a_purge_loses_nothing_that_is_out(void **state)
{
    (void)state;
    bool was_answered = false;
    record_no said = 0;
    for (; !was_answered; said++) {
        scattered_t s = {0};
        scatter(&s);
        record_no before = paper_of(s.f)->synced;
        purge(s.ch, "q");
        hold(s.f);
        run(s.f);
        assert_null(pending(s.ch));
        while (paper_of(s.f)->synced < before + said && paper_sync(paper_of(s.f), 1) == 1) {
        }
        was_answered = paper_of(s.f)->synced == paper_of(s.f)->count;
        crash(s.f);
        assert_int_equal(s.f->engine->left_out, 0);
        unsigned found = look(new_channel(s.f), MESSAGES / 2);
        assert_true(found == MESSAGES / 2 || (!was_answered && found <= MESSAGES / 2 + BEHIND));
        durable_free(s.f);
    }
    assert_true(said > MESSAGES / SLICE);
}

static void what_comes_back_amid_a_purge_stays(void **state)
{
    (void)state;
    scattered_t s = {0};
    scatter(&s);
    hold(s.f);
    begin_purge(&s);
    nack(s.ch, s.tags[0], COMMAND_REQUEUE);
    put_durably(s.other, "q", "n00999");
    run(s.f), hold_no_more(s.f);
    expect_counted(s.ch, BEHIND);
    nack(s.ch, s.tags[MESSAGES - 2], COMMAND_REQUEUE);
    ack(s.ch, s.tags[2], 0);
    run(s.f);
    crash(s.f);
    assert_int_equal(look(new_channel(s.f), MESSAGES / 2 - 1), MESSAGES / 2 - 1 + 1);
    durable_free(s.f);
}

static void all_that_is_out_comes_back_amid_a_purge(void **state)
{
    (void)state;
    scattered_t s = {0};
    scatter(&s);
    begin_purge(&s);
    close_channel(s.ch);
    run(s.f);
    crash(s.f);
    assert_int_equal(look(new_channel(s.f), MESSAGES / 2), MESSAGES / 2);
    durable_free(s.f);
}

static void a_second_purge_waits_for_the_first(void **state)
{
    (void)state;
    scattered_t s = {0};
    scatter(&s);
    begin_purge(&s);
    purge(s.other, "q");
    put_durably(s.other, "q", "n00999"); /* behind it */
    expect_counted(s.other, 0);
    expect_counted(s.ch, BEHIND);
    run(s.f);
    crash(s.f);
    assert_int_equal(look(new_channel(s.f), MESSAGES / 2), MESSAGES / 2 + 1);
    durable_free(s.f);
}

static void a_queue_is_deleted_amid_a_purge(void **state)
{
    (void)state;
    scattered_t s = {0};
    scatter(&s);
    begin_purge(&s);
    delete_queue(s.other, "q", 0);
    expect_counted(s.other, 0);
    expect_counted(s.ch, BEHIND);
    run(s.f);
    assert_int_equal(counts(s.f).queues, 0);
    assert_int_equal(s.f->engine->live.records, 0);
    crash(s.f);
    assert_int_equal(counts(s.f).queues, 0);
    durable_free(s.f);
}

static void the_engine_ends_amid_a_purge(void **state)
{
    (void)state;
    scattered_t s = {0};
    scatter(&s);
    begin_purge(&s);
    durable_free(s.f);
}

/* The end of a purge lets a get go on, and what comes behind that ends the connection of both. */
static void who_waits_behind_a_purge_ends_the_connection_of_who_asked_for_it(void **state)
{
    (void)state;
    for (uint16_t number = 2; number < 10; number++) {
        scattered_t s = {0};
        scatter_with(&s, (fixture_options_t){.slice = 4, .page_entries = 4, .cold = true});
        chan_t waits = channel_of(s.other.client, number);
        hold_reads(s.f);
        get(waits, "q", COMMAND_NO_ACK);
        push(waits, (command_t){.type = COMMAND_REFUSE, .refusal = refusal_new(540, 0, "no such thing")});
        run(s.f);
        begin_purge_by(&s, s.other);
        expect(waits, EVENT_GET_EMPTY);
        expect_hard_refusal(s.other.client, 540, "no such thing");
        hold_reads_no_more(s.f);
        assert_int_equal(counts(s.f).messages_ready, 0);
        assert_int_equal(counts(s.f).messages_unacked, MESSAGES / 2);
        durable_free(s.f);
    }
}

/* ---- what is left out ---- */

static fixture_options_t cold_options(void)
{
    return (fixture_options_t){.slice = 4, .page_entries = 4, .cold = true, .checkpoint_bytes = 1 << 30};
}

/* One of the first that the purge says. */
static void what_was_left_out_is_purged_with_a_checkpoint_amid_it(void **state)
{
    (void)state;
    scattered_t s = {.damaged = 1};
    scatter_with(&s, cold_options());
    assert_int_equal(counts(s.f).messages_damaged, 1);
    checkpoint_renew(s.f->engine);
    begin_purge(&s);
    while (s.f->engine->checkpoint.low < 2)
        assert_true(step(s.f));
    assert_true(is_purging(&s));
    expect_counted(s.ch, BEHIND);
    run(s.f);
    assert_int_equal(counts(s.f).messages_damaged, 0);
    reopen_with(s.f, (reopen_options_t){.from = paper_of(s.f)->replay_from});
    assert_int_equal(counts(s.f).messages_ready, MESSAGES / 2);
    durable_free(s.f);
}

static void what_is_left_out_amid_a_purge_stays(void **state)
{
    (void)state;
    scattered_t s = {.damaged = 1};
    scatter_with(&s, cold_options());
    begin_purge(&s);
    put_durably(s.other, "q", "n00999");
    do
        (void)step(s.f);
    while (is_purging(&s) && counts(s.f).memory_bytes > 0);
    record_no record = paper_last(paper_of(s.f), RECORD_MESSAGE);
    paper_at(paper_of(s.f), record)->outcome = READ_DAMAGED;
    get(s.other, "q", 0);
    while (is_purging(&s) && counts(s.f).messages_damaged < 2)
        (void)step(s.f);
    assert_true(is_purging(&s));
    expect(s.other, EVENT_GET_EMPTY);
    expect_counted(s.ch, BEHIND);
    run(s.f);
    assert_int_equal(counts(s.f).messages_damaged, 1);
    assert_true(live_has(&s.f->engine->live, record));
    crash(s.f);
    assert_int_equal(counts(s.f).messages_damaged, 1);
    assert_int_equal(counts(s.f).messages_ready, MESSAGES / 2);
    purge(s.ch = new_channel(s.f), "q");
    expect_counted(s.ch, MESSAGES / 2);
    run(s.f);
    assert_int_equal(s.f->engine->live.records, 0);
    durable_free(s.f);
}

static void a_queue_with_what_was_left_out_is_deleted_amid_a_purge(void **state)
{
    (void)state;
    scattered_t s = {.damaged = 1};
    scatter_with(&s, cold_options());
    begin_purge(&s);
    delete_queue(s.other, "q", 0);
    run(s.f);
    assert_int_equal(counts(s.f).messages_damaged, 0);
    assert_int_equal(s.f->engine->live.records, 0);
    durable_free(s.f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_waits_behind_a_purge_ends_the_connection_of_who_asked_for_it),
        cmocka_unit_test(no_record_of_a_purge_says_more_than_a_slice),
        cmocka_unit_test(a_crash_amid_a_purge_loses_nothing_that_is_out),
        cmocka_unit_test(what_comes_back_amid_a_purge_stays),
        cmocka_unit_test(all_that_is_out_comes_back_amid_a_purge),
        cmocka_unit_test(a_second_purge_waits_for_the_first),
        cmocka_unit_test(a_queue_is_deleted_amid_a_purge),
        cmocka_unit_test(the_engine_ends_amid_a_purge),
        cmocka_unit_test(what_was_left_out_is_purged_with_a_checkpoint_amid_it),
        cmocka_unit_test(what_is_left_out_amid_a_purge_stays),
        cmocka_unit_test(a_queue_with_what_was_left_out_is_deleted_amid_a_purge),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
