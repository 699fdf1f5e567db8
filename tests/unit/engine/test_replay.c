/* SPDX-License-Identifier: Apache-2.0
 *
 * test_replay.c: late joiners: what rules keep, and that who joins gets it first, all of it, once, in order. */
#include "engine/engine_internal.h"
#include "engine/subscribers.h"

static const engine_topic_t three[] = {
    {.name = "log", .exchange = "amq.events", .prefix = "log.", .replay_count = 3},
    {.name = "plain", .exchange = "amq.events", .prefix = "log.plain."},
};
static const engine_topic_t last[] = {
    {.name = "state", .exchange = "amq.events", .prefix = "state.", .replay_last = true},
};
static const engine_topic_t all[] = {
    {.name = "all", .exchange = "amq.topic", .prefix = "", .replay_count = REPLAY_ALL},
};

static int with_rule(void **state, const engine_topic_t *topics, size_t count, bool cold)
{
    *state = durable_new((fixture_options_t){.topics = topics, .topic_count = count, .cold = cold});
    return 0;
}

static int three_setup(void **state)
{
    return with_rule(state, three, 2, false);
}

static int last_setup(void **state)
{
    return with_rule(state, last, 1, false);
}

static int cold_last_setup(void **state)
{
    return with_rule(state, last, 1, true);
}

static int all_setup(void **state)
{
    return with_rule(state, all, 1, false);
}

static int cold_setup(void **state)
{
    return with_rule(state, all, 1, true);
}

#define three_test(test) cmocka_unit_test_setup_teardown(test, three_setup, durable_teardown)
#define last_test(test)  cmocka_unit_test_setup_teardown(test, last_setup, durable_teardown)
#define all_test(test)   cmocka_unit_test_setup_teardown(test, all_setup, durable_teardown)
#define cold_test(test)  cmocka_unit_test_setup_teardown(test, cold_setup, durable_teardown)

static void say(chan_t from, const char *key, const char *body)
{
    publish_durably(from, "amq.events", key, body);
}

/* ---- what is kept ---- */

static void the_newest_come_first(void **state)
{
    fixture_t *f = *state;
    chan_t from = new_channel(f);
    say(from, "log.a", "1"), say(from, "log.b", "2"), say(from, "log.a", "3"), say(from, "log.b", "4");
    say(from, "other", "x"), say(from, "log.plain.x", "y");
    run(f);
    chan_t to = subscribed(f, "s", "amq.events", "log.");
    say(from, "log.a", "5");
    expect_delivery(to, "2");
    expect_delivery(to, "3");
    expect_delivery(to, "4");
    expect_delivery(to, "5");
    expect_nothing(to);
}

static void only_what_fits_the_prefix_comes(void **state)
{
    fixture_t *f = *state;
    chan_t from = new_channel(f);
    say(from, "log.a", "1"), say(from, "log.b", "2"), say(from, "log.a", "3");
    run(f);
    chan_t b = subscribed(f, "b", "amq.events", "log.b"), wide = subscribed(f, "wide", "amq.events", ""),
           other = subscribed(f, "other", "amq.events", "log.c"),
           elsewhere = subscribed(f, "topic", "amq.topic", "");
    expect_delivery(b, "2");
    expect_nothing(b);
    expect_delivery(wide, "1");
    expect_delivery(wide, "2");
    expect_delivery(wide, "3");
    expect_nothing(wide);
    expect_nothing(other);
    expect_nothing(elsewhere);
}

static void what_nobody_keeps_for_long_is_transient(void **state)
{
    fixture_t *f = *state;
    chan_t from = new_channel(f);
    publish(from, "amq.events", "log.a", "transient");
    say(from, "log.a", "durable");
    run(f);
    chan_t before = subscribed(f, "before", "amq.events", "log.");
    expect_delivery(before, "transient");
    expect_delivery(before, "durable");
    crash(f);
    chan_t after = subscribed(f, "after", "amq.events", "log.");
    expect_delivery(after, "durable");
    expect_nothing(after);
}

static void the_last_of_each_key_comes(void **state)
{
    fixture_t *f = *state;
    chan_t from = new_channel(f);
    say(from, "state.a", "a1"), say(from, "state.b", "b1"), say(from, "state.a", "a2"),
        say(from, "state.c", "c1"), say(from, "state.b", "b2");
    run(f);
    chan_t to = subscribed(f, "s", "amq.events", "state.");
    say(from, "state.a", "a3");
    expect_delivery(to, "a2");
    expect_delivery(to, "c1");
    expect_delivery(to, "b2");
    expect_delivery(to, "a3");
    expect_nothing(to);
    assert_int_equal(counts(f).messages_ready, 3);
}

static void a_prefix_that_comes_again_is_new(void **state)
{
    fixture_t *f = *state;
    chan_t from = new_channel(f);
    say(from, "state.a", "a1");
    run(f);
    chan_t to = subscribed(f, "s", "amq.events", "state.");
    subscribe(to, "s", "amq.events", "state."); /* it is there */
    expect_delivery(to, "a1");
    expect_nothing(to);
    unsubscribe(to, "s", "amq.events", "state.");
    subscribe(to, "s", "amq.events", "state.");
    expect_delivery(to, "a1");
    expect_nothing(to);
}

static void an_exchange_takes_it_along(void **state)
{
    static const engine_topic_t rule[] = {
        {.name = "x", .exchange = "x", .prefix = "", .replay_last = true},
    };
    fixture_t *f = durable_new((fixture_options_t){.topics = rule, .topic_count = 1});
    chan_t from = new_channel(f);
    new_exchange(from, "x", "fanout");
    publish(from, "x", "k", "1");
    delete_exchange(from, "x", 0);
    expect_ok(from);
    new_exchange(from, "x", "fanout");
    chan_t to = subscribed(f, "s", "x", "");
    publish(from, "x", "k", "2");
    expect_delivery(to, "2");
    expect_nothing(to);
    chan_t late = subscribed(f, "late", "x", "");
    expect_delivery(late, "2");
    durable_free(f);
    (void)state;
}

/* ---- whose it is ---- */

#define OWN         "amq.replay.state"
#define OWN_REFUSED "queue 'amq.replay.state' in vhost '/' is the broker's own"

static void nobody_else_may_use_it(void **state)
{
    fixture_t *f = *state;
    chan_t ch = new_channel(f);
    say(ch, "state.a", "a1");
    get(ch, OWN, 0);
    expect_refusal_and_reopen(ch, 403, OWN_REFUSED);
    (void)consume(ch, OWN, "c", 0);
    expect_refusal_and_reopen(ch, 403, OWN_REFUSED);
    purge(ch, OWN);
    expect_refusal_and_reopen(ch, 403, OWN_REFUSED);
    delete_queue(ch, OWN, 0);
    expect_refusal_and_reopen(ch, 403, OWN_REFUSED);
    bind_queue(ch, OWN, "amq.topic", "#");
    expect_refusal_and_reopen(ch, 403, OWN_REFUSED);
    declare(ch, OWN, COMMAND_PASSIVE);
    expect_refusal_and_reopen(ch, 403, OWN_REFUSED);
    declare(ch, OWN, COMMAND_DURABLE);
    expect_refusal_and_reopen(ch, 403, "queue name 'amq.replay.state' contains reserved prefix 'amq.*'");
    subscribe(ch, OWN, "amq.topic", "a");
    expect_refusal_and_reopen(ch, 403, OWN_REFUSED);
    (void)subscriber_with(ch, OWN, text(""));
    expect_refusal_and_reopen(ch, 405, "a queue 'amq.replay.state' in vhost '/' is there already");
    put(ch, OWN, "smuggled");
    run(f);
    chan_t to = subscribed(f, "s", "amq.events", "");
    expect_delivery(to, "a1");
    expect_nothing(to);
}

static void what_no_rule_keeps_any_more_is_deleted(void **state)
{
    fixture_t *f = *state;
    chan_t ch = new_channel(f);
    say(ch, "state.a", "a1");
    run(f);
    f->options.topic_count = 0;
    crash(f);
    run(f);
    assert_int_equal(counts(f).queues, 0);
    assert_string_equal(f->last_line, "warning: queue 'amq.replay.state' in vhost '/': no bus.topic keeps "
                                      "anything in it any more: deleted, with 1 messages");
}

/* ---- the log ---- */

static void the_last_ones_survive(void **state)
{
    fixture_t *f = *state;
    chan_t from = new_channel(f);
    say(from, "state.a", "a1"), say(from, "state.b", "b1"), say(from, "state.a", "a2");
    run(f);
    crash(f);
    from = new_channel(f);
    say(from, "state.b", "b2");
    run(f);
    chan_t to = subscribed(f, "s", "amq.events", "state.");
    expect_delivery(to, "a2");
    expect_delivery(to, "b2");
    expect_nothing(to);
    assert_int_equal(counts(f).queues, 2);
}

/* The record that ends the old one is lost. */
static void a_crash_leaves_no_two_of_a_key(void **state)
{
    fixture_t *f = *state;
    chan_t from = new_channel(f);
    say(from, "state.a", "a1"), say(from, "state.b", "b1");
    run(f);
    say(from, "state.a", "a2");
    run(f);
    paper_t *p = paper_of(f);
    p->synced = paper_last(p, RECORD_MESSAGE);
    assert_true(paper_last(p, RECORD_SETTLE) > p->synced);
    crash(f);
    chan_t to = subscribed(f, "s", "amq.events", "state.");
    expect_delivery(to, "b1");
    expect_delivery(to, "a2");
    expect_nothing(to);
    assert_int_equal(counts(f).messages_ready, 2);
}

/* The log's beginning is gone: it speaks of the queue's messages before it says whose they are. */
static void keys_are_known_before_the_queue_is(void **state)
{
    fixture_t *f = durable_new((fixture_options_t){.topics = last, .topic_count = 1, .checkpoint_bytes = 1});
    chan_t from = new_channel(f);
    say(from, "state.a", "a1");
    run(f);
    paper_t *p = paper_of(f);
    record_no begin = paper_last(p, RECORD_MESSAGE);
    say(from, "state.a", "a2");
    for (int i = 0; i < 1000 && paper_last(p, RECORD_QUEUE) < begin; i++) {
        say(from, "state.b", "b1");
        run(f);
    }
    assert_true(paper_last(p, RECORD_QUEUE) > begin);
    f->options.checkpoint_bytes = 0; /* the fixture's: nothing is written again by itself */
    reopen_with(f, (reopen_options_t){.from = begin});
    from = new_channel(f);
    say(from, "state.a", "a3");
    run(f);
    chan_t to = subscribed(f, "s", "amq.events", "state.");
    expect_delivery(to, "b1");
    expect_delivery(to, "a3");
    expect_nothing(to);
    durable_free(f);
    (void)state;
}

static void a_smaller_ring_is_cut_at_the_start(void **state)
{
    static const engine_topic_t one[] = {
        {.name = "log", .exchange = "amq.events", .prefix = "log.", .replay_count = 1},
    };
    fixture_t *f = *state;
    chan_t from = new_channel(f);
    say(from, "log.a", "1"), say(from, "log.a", "2"), say(from, "log.a", "3");
    run(f);
    f->options.topics = one;
    f->options.topic_count = 1;
    crash(f);
    chan_t to = subscribed(f, "s", "amq.events", "log.");
    expect_delivery(to, "3");
    expect_nothing(to);
    crash(f); /* what was cut is gone from the log too */
    assert_int_equal(counts(f).messages_ready, 1);
}

static void what_is_damaged_is_left_out(void **state)
{
    fixture_t *f = *state;
    chan_t from = new_channel(f);
    publish_durably(from, "amq.topic", "k", "1");
    publish_durably(from, "amq.topic", "k", "2");
    publish_durably(from, "amq.topic", "k", "3");
    run(f);
    paper_t *p = paper_of(f);
    paper_at(p, paper_last(p, RECORD_MESSAGE) - 1)->outcome = READ_DAMAGED;
    chan_t to = subscribed(f, "s", "amq.topic", "");
    expect_delivery(to, "1");
    expect_delivery(to, "3");
    expect_nothing(to);
    assert_int_equal(counts(f).messages_damaged, 1);
    to = subscribed(f, "again", "amq.topic", "");
    expect_delivery(to, "1");
    expect_delivery(to, "3");
    expect_nothing(to);
}

/* ---- a log that can go ---- */

static void make_traffic(chan_t ch, unsigned messages)
{
    for (unsigned i = 0; i < messages; i++) {
        put_durably(ch, "q", "a message of some octets");
        get(ch, "q", COMMAND_NO_ACK);
        expect_got(ch, "a message of some octets");
    }
}

static void old_ones_do_not_hold_the_log(void **state)
{
    for (int cold = 0; cold < 2; cold++) {
        fixture_t *f = durable_new((fixture_options_t){
            .topics = last, .topic_count = 1, .checkpoint_bytes = 30000, .cold = cold == 1, .slice = 8});
        chan_t ch = new_channel(f);
        char key[32], body[16];
        for (unsigned i = 0; i < 20; i++) {
            text_format(key, sizeof key, "state.%u", i);
            say(ch, key, numbered(body, i));
        }
        new_durable_queue(ch, "q");
        make_traffic(ch, 8000);
        paper_t *p = paper_of(f);
        assert_true(p->replay_from > 3 * LIVE_RANGE_RECORDS);
        assert_true(p->count < 8000 + 2 * 8000); /* and what is written again is a part of what is written */
        reopen_with(f, (reopen_options_t){.from = p->replay_from});
        chan_t to = subscribed(f, "s", "amq.events", "state.");
        run(f);
        assert_int_equal(pending_count(to), 20);
        bool seen[20] = {false};
        for (int i = 0; i < 20; i++) {
            uint64_t n;
            assert_true(text_parse_u64(text(expect(to, EVENT_DELIVER)->body + 1), &n));
            assert_false(seen[n]);
            seen[n] = true;
        }
        durable_free(f);
    }
    (void)state;
}

/* Who reads meanwhile does not meet one twice. */
static void none_is_written_again_under_a_reader(void **state)
{
    fixture_t *f = durable_new((fixture_options_t){
        .topics = last, .topic_count = 1, .checkpoint_bytes = 500, .cold = true, .output_bytes = 1});
    chan_t ch = new_channel(f), to = new_channel(f);
    char key[32], body[16];
    for (unsigned i = 0; i < 40; i++) {
        text_format(key, sizeof key, "state.%u", i);
        say(ch, key, numbered(body, i));
    }
    run(f);
    new_durable_queue(ch, "q");
    new_subscriber(to, "s", 4, "block");
    to.client->keeps_loans = true;
    subscribe(to, "s", "amq.events", "state.");
    for (int i = 0; i < 30; i++) {
        make_traffic(ch, 17);
        return_loans(to.client);
    }
    to.client->keeps_loans = false;
    return_loans(to.client);
    run(f);
    assert_int_equal(pending_count(to), 40);
    for (unsigned i = 0; i < 40; i++)
        expect_delivery(to, numbered(body, i));
    make_traffic(ch, 200);
    expect_nothing(to);
    durable_free(f);
    (void)state;
}

/* ---- joining ---- */

static void publish_all(chan_t from, unsigned first, unsigned count)
{
    char body[16];
    for (unsigned i = first; i < first + count; i++)
        publish_durably(from, "amq.topic", i % 2 ? "odd" : "even", numbered(body, i));
}

static void expect_all(chan_t to, unsigned first, unsigned count)
{
    char body[16];
    for (unsigned i = first; i < first + count; i++)
        expect_delivery(to, numbered(body, i));
}

/* While it has not read, no more than half its bounds is taken out of the log for it. */
static void a_slow_joiner_takes_no_memory(void **state)
{
    fixture_t *f =
        durable_new((fixture_options_t){.topics = all, .topic_count = 1, .cold = true, .output_bytes = 1});
    chan_t from = new_channel(f), to = new_channel(f);
    publish_all(from, 0, 500);
    run(f);
    uint64_t before = counts(f).memory_bytes;
    new_subscriber(to, "s", 20, NULL);
    to.client->keeps_loans = true;
    subscribe(to, "s", "amq.topic", "");
    run(f);
    publish_all(from, 500, 500);
    run(f);
    assert_true(counts(f).memory_bytes < before + 20 * 200);
    to.client->keeps_loans = false;
    return_loans(to.client);
    expect_all(to, 0, 1000);
    expect_nothing(to);
    assert_int_equal(counts(f).dropped, 0);
    durable_free(f);
    (void)state;
}

static void what_a_slow_joiner_loses_is_counted(void **state)
{
    static const engine_topic_t ten[] = {
        {.name = "log", .exchange = "amq.topic", .prefix = "", .replay_count = 10},
    };
    fixture_t *f = durable_new((fixture_options_t){.topics = ten, .topic_count = 1, .output_bytes = 1});
    chan_t from = new_channel(f), to = new_channel(f);
    publish_all(from, 0, 10);
    run(f);
    new_subscriber(to, "s", 4, NULL);
    to.client->keeps_loans = true;
    subscribe(to, "s", "amq.topic", "");
    run(f);
    publish_all(from, 10, 10); /* none of the old ones is left */
    run(f);
    to.client->keeps_loans = false;
    return_loans(to.client);
    run(f);
    unsigned came = (unsigned)pending_count(to);
    assert_int_equal(came + dropped_by(f, "s"), 20);
    assert_in_range(came, 11, 15);
    expect_all(to, 0, came - 10);
    expect_all(to, 10, 10);
    durable_free(f);
    (void)state;
}

static void others_go_on_while_one_joins(void **state)
{
    fixture_t *f = *state;
    chan_t from = new_channel(f), live = subscribed(f, "live", "amq.topic", "");
    publish_all(from, 0, 100);
    run(f);
    hold_reads(f);
    chan_t to = subscribed(f, "s", "amq.topic", "odd");
    publish_all(from, 100, 10);
    run(f);
    expect_all(live, 0, 110);
    hold_reads_no_more(f);
    for (unsigned i = 1; i < 110; i += 2)
        expect_all(to, i, 1);
}

static void prefixes_that_overlap_give_each_message_once(void **state)
{
    fixture_t *f = *state;
    chan_t from = new_channel(f);
    publish_all(from, 0, 40);
    run(f);
    chan_t to = new_channel(f);
    new_subscriber(to, "s", 10, "block");
    subscribe(to, "s", "amq.topic", "odd");
    subscribe(to, "s", "amq.topic", "o");
    subscribe(to, "s", "amq.topic", "");
    subscribe(to, "s", "amq.topic", "even");
    publish_all(from, 40, 40);
    run(f);
    bool seen[80] = {false};
    assert_int_equal(pending_count(to), 80);
    for (int i = 0; i < 80; i++) {
        uint64_t n;
        seen_t *s = expect(to, EVENT_DELIVER);
        assert_true(text_parse_u64(text(s->body + 1), &n));
        assert_false(seen[n]);
        seen[n] = true;
    }
}

static void a_join_can_be_cancelled(void **state)
{
    fixture_t *f = *state;
    chan_t from = new_channel(f);
    publish_all(from, 0, 40);
    run(f);
    hold_reads(f);
    chan_t to = subscribed(f, "s", "amq.topic", "odd");
    subscribe(to, "s", "amq.topic", "even");
    unsubscribe(to, "s", "amq.topic", "odd");
    run(f);
    hold_reads_no_more(f);
    for (unsigned i = 0; i < 40; i += 2)
        expect_all(to, i, 1);
    publish_all(from, 40, 2);
    expect_all(to, 40, 1);
    expect_nothing(to);
}

static void cancelled_joins_do_not_pile_up(void **state)
{
    fixture_t *f = *state;
    chan_t from = new_channel(f);
    publish_all(from, 0, 40);
    run(f);
    hold_reads(f);
    chan_t to = subscribed(f, "s", "amq.topic", "odd");
    for (int i = 0; i < 500; i++) {
        subscribe(to, "s", "amq.topic", "even");
        unsubscribe(to, "s", "amq.topic", "even");
    }
    subscribe(to, "s", "amq.topic", "even");
    run(f);
    hold_reads_no_more(f);
    assert_int_equal(pending_count(to), 40);
}

/* Its record may have been read for the last one who needed it; its parts are needed until they are sent. */
static void a_large_message_replaced_while_it_is_read_comes_whole(void **state)
{
    fixture_t *f = *state;
    chan_t from = new_channel(f);
    part(from, "abc"), part(from, "def"), say(from, "state.a", "gh");
    run(f);
    checkpoint_renew(f->engine);
    run(f), run(f);
    record_no end = paper_of(f)->replay_from;
    paper_tell(paper_of(f),
               &(segment_news_t){.segment = 1, .from = 1, .end = end, .bytes = 1000, .contents = UINT64_MAX});
    run(f);
    hold_reads(f);
    chan_t to = subscribed(f, "s", "amq.events", "state.");
    say(from, "state.a", "new");
    run(f);
    hold_reads_no_more(f);
    expect(to, EVENT_DELIVER);
    assert_string_equal(expect(to, EVENT_CONTENT)->body, "abc");
    assert_string_equal(expect(to, EVENT_CONTENT)->body, "def");
    assert_string_equal(expect(to, EVENT_CONTENT)->body, "gh");
    expect_delivery(to, "new");
    run(f);
    assert_int_equal(live_in(&f->engine->live, 0, UINT64_MAX), 1);
}

static void a_joiner_may_go_while_the_log_is_read(void **state)
{
    fixture_t *f = *state;
    chan_t from = new_channel(f);
    publish_all(from, 0, 40);
    run(f);
    hold_reads(f);
    chan_t to = subscribed(f, "s", "amq.topic", "");
    hang_up(to.client);
    expect_goodbye(to.client);
    run(f);
    hold_reads_no_more(f);
    to = subscribed(f, "s", "amq.topic", "");
    expect_all(to, 0, 40);
    hold_reads(f); /* and the engine may end then */
    (void)subscribed(f, "t", "amq.topic", "");
}

static void many_join_at_once(void **state)
{
    fixture_t *f = *state;
    chan_t from = new_channel(f), to[50];
    char name[16];
    publish_all(from, 0, 60);
    run(f);
    for (unsigned i = 0; i < 50; i++) {
        to[i] = new_channel(f);
        new_subscriber(to[i], numbered(name, i), 8, "block");
        subscribe(to[i], name, "amq.topic", "");
    }
    publish_all(from, 60, 60);
    for (unsigned i = 0; i < 50; i++) {
        expect_all(to[i], 0, 120);
        expect_nothing(to[i]);
    }
}

/* ---- by chance ---- */

typedef struct joiner {
    chan_t ch;
    const char *prefix;
    unsigned next; /* the number that must come next */
} joiner_t;

static void check_joiner(joiner_t *j)
{
    for (seen_t *s; (s = pending(j->ch)); j->next += j->prefix[0] ? 2 : 1) {
        char body[16];
        s->taken = true;
        assert_int_equal(s->event.type, EVENT_DELIVER);
        assert_string_equal(s->body, numbered(body, j->next));
    }
}

/* Whenever it comes, however slowly it reads: all of its messages, from the first on, once, in order. */
static void history(uint64_t seed, bool cold)
{
    static const char *const prefixes[] = {"", "even", "odd"};
    fixture_t *f = durable_new((fixture_options_t){.topics = all,
                                                   .topic_count = 1,
                                                   .cold = cold,
                                                   .slice = 1 + chance(&seed, 20),
                                                   .ring_items = (size_t)8 << chance(&seed, 4),
                                                   .output_bytes = 1 + chance(&seed, 1000)});
    chan_t from = new_channel(f);
    joiner_t joiners[12];
    unsigned count = 0, published = 0;
    char name[16];
    for (int turn = 0; turn < 300; turn++) {
        uint32_t what = chance(&seed, 10);
        if (what == 0 && count < 12) {
            joiner_t *j = &joiners[count];
            *j = (joiner_t){new_channel(f), prefixes[chance(&seed, 3)], 0};
            j->next = j->prefix[0] == 'o';
            new_subscriber(j->ch, numbered(name, count++), 1 + chance(&seed, 12), "block");
            subscribe(j->ch, name, "amq.topic", j->prefix);
        } else if (what == 1 && count > 0) {
            client_t *c = joiners[chance(&seed, count)].ch.client;
            c->keeps_loans = !c->keeps_loans;
        } else if (what < 6) {
            unsigned more = chance(&seed, 8);
            publish_all(from, published, more);
            published += more;
        } else {
            (void)step(f);
        }
    }
    for (unsigned i = 0; i < count; i++) {
        joiners[i].ch.client->keeps_loans = false;
        return_loans(joiners[i].ch.client);
    }
    run(f);
    for (unsigned i = 0; i < count; i++) {
        check_joiner(&joiners[i]);
        assert_in_range(joiners[i].next, published, published + 1);
    }
    assert_int_equal(counts(f).dropped, 0);
    durable_free(f);
}

static void no_gap_and_no_double(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 300; seed++)
        history(seed * 2654435761u, seed % 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        three_test(the_newest_come_first),
        three_test(only_what_fits_the_prefix_comes),
        three_test(what_nobody_keeps_for_long_is_transient),
        last_test(the_last_of_each_key_comes),
        cmocka_unit_test_setup_teardown(the_last_of_each_key_comes, cold_last_setup, durable_teardown),
        last_test(a_prefix_that_comes_again_is_new),
        cmocka_unit_test(an_exchange_takes_it_along),
        last_test(nobody_else_may_use_it),
        last_test(what_no_rule_keeps_any_more_is_deleted),
        last_test(the_last_ones_survive),
        last_test(a_crash_leaves_no_two_of_a_key),
        cmocka_unit_test(keys_are_known_before_the_queue_is),
        three_test(a_smaller_ring_is_cut_at_the_start),
        cold_test(what_is_damaged_is_left_out),
        cmocka_unit_test(old_ones_do_not_hold_the_log),
        cmocka_unit_test(none_is_written_again_under_a_reader),
        cmocka_unit_test(a_slow_joiner_takes_no_memory),
        cmocka_unit_test(what_a_slow_joiner_loses_is_counted),
        cold_test(others_go_on_while_one_joins),
        cold_test(prefixes_that_overlap_give_each_message_once),
        all_test(prefixes_that_overlap_give_each_message_once),
        cold_test(a_join_can_be_cancelled),
        cold_test(cancelled_joins_do_not_pile_up),
        cmocka_unit_test_setup_teardown(a_large_message_replaced_while_it_is_read_comes_whole,
                                        cold_last_setup, durable_teardown),
        cold_test(a_joiner_may_go_while_the_log_is_read),
        cold_test(many_join_at_once),
        cmocka_unit_test(no_gap_and_no_double),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
