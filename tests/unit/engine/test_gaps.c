/* SPDX-License-Identifier: Apache-2.0
 *
 * test_gaps.c: a log of which records in the middle are lost, opened all the same (store.on_damage = serve): what is there
 * may be less, or more, than it was, but it is whole in itself, the broker works, and from its next checkpoint on it is
 * durable as ever. */
#include "engine/dump.h"
#include "engine/history.h"

static size_t named_anew(const engine_t *e)
{
    size_t count = 0;
    for (hash_node_t *n = hash_next(&e->vhost->queues, NULL); n; n = hash_next(&e->vhost->queues, n))
        count += bytes_starts_with(HASH_OF(n, queue_t, node)->name, text("chaski.lost-"));
    return count;
}

/* Another engine begins with what is on paper but for these. */
static void reopen_without(fixture_t *f, record_no from, record_no lost, record_no lost_end)
{
    paper_t *p = paper_of(f);
    fixture_stop_engine(f);
    paper_drop_work(p);
    paper_cut(p, p->synced);
    fixture_start_engine(f);
    size_t lines = f->log_lines;
    for (record_no n = from; n <= p->count; n++) {
        record_t r = paper_read(p, n);
        bool is_lost = n >= lost && n < lost_end;
        assert_true(is_lost || engine_apply(f->engine, n, &r, buffer_bytes(&paper_at(p, n)->content), false));
    }
    engine_recovered(f->engine, p->count, f->now_ms);
    assert_in_range(f->log_lines - lines, 0, named_anew(f->engine)); /* all else is the store's to tell */
    journal_init(&p->journal, 1024);
    engine_attach_journal(f->engine, &p->journal);
}

static void each_name_is_there_once(const engine_t *e)
{
    const vhost_t *v = e->vhost;
    size_t queues = 0;
    for (hash_node_t *n = hash_next(&v->queues, NULL); n; n = hash_next(&v->queues, n), queues++)
        assert_ptr_equal(queue_find(e->vhost, HASH_OF(n, queue_t, node)->name), HASH_OF(n, queue_t, node));
    assert_int_equal(queues, e->queues_by_id.count + !!queue_find(e->vhost, text("transient")));
}

static void check_next_checkpoint(fixture_t *f, uint64_t seed)
{
    char when[40];
    record_no low = f->engine->checkpoint.low;
    checkpoint_renew(f->engine);
    run(f), run(f);
    assert_true(f->engine->checkpoint.low > low);
    dump_t wanted = dump_of(f->engine), got_back = dump_from(f, paper_of(f)->replay_from, 0);
    text_format(when, sizeof when, "seed %llu", (unsigned long long)seed);
    assert_same_dump(&wanted, &got_back, when);
    dump_free(&wanted), dump_free(&got_back);
}

static void lose_some(uint64_t seed)
{
    fixture_t *f = durable_new(
        (fixture_options_t){.slice = 4, .checkpoint_bytes = seed % 3 ? 2000 : 0, .cold = seed % 2});
    history_t h = history_of(f, seed);
    uint64_t chances = seed;
    for (int round = 0; round < 4; round++) {
        for (int i = 0; i < 300; i++)
            history_act(&h);
        run(f);
        record_no from = paper_of(f)->replay_from;
        uint32_t there = (uint32_t)(paper_of(f)->count - from + 1);
        record_no lost = from + chance(&chances, there);
        reopen_without(f, from, lost, lost + 1 + chance(&chances, 1 + there / (1 + chance(&chances, 20))));
        each_name_is_there_once(f->engine);
        check_next_checkpoint(f, seed);
        h.ch = new_channel(f);
        h.tag_count = 0;
    }
    durable_free(f);
}

static void a_log_with_a_gap_is_served_and_durable_again(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 200; seed++)
        lose_some(seed);
}

/* Whatever it differs in, it is another one: nothing of the first is left. */
static void an_exchange_whose_end_is_lost_is_what_was_declared_last(void **state)
{
    (void)state;
    static const struct {
        const char *kind;
        int flags;
        exchange_type_t type;
        bool has_arguments;
    } last[] = {{"topic", COMMAND_DURABLE, EXCHANGE_TOPIC, false},
                {"direct", COMMAND_DURABLE | COMMAND_AUTO_DELETE, EXCHANGE_DIRECT, false},
                {"direct", COMMAND_DURABLE | COMMAND_INTERNAL, EXCHANGE_DIRECT, false},
                {"direct", COMMAND_DURABLE, EXCHANGE_DIRECT, true}};
    for (size_t i = 0; i < sizeof last / sizeof last[0]; i++) {
        fixture_t *f = durable_new((fixture_options_t){0});
        chan_t ch = new_channel(f);
        buffer_t arguments = {0};
        if (last[i].has_arguments)
            table_put_bool(&arguments, "x-message-deduplication", true),
                table_put_long(&arguments, "x-cache-size", 3);
        new_durable_exchange(ch, "x", "direct");
        new_durable_queue(ch, "q");
        bound(ch, "q", "x", "k");
        delete_exchange(ch, "x", 0), expect_ok(ch);
        declare_exchange_with(ch, "x", last[i].kind, last[i].flags, buffer_bytes(&arguments));
        expect_ok(ch);
        record_no gone = paper_last(paper_of(f), RECORD_EXCHANGE_GONE);
        reopen_without(f, 1, gone, gone + 1);
        const exchange_t *x = exchange_find(f->engine->vhost, text("x"));
        assert_int_equal(x->type, last[i].type);
        assert_int_equal(x->auto_delete, (last[i].flags & COMMAND_AUTO_DELETE) != 0);
        assert_int_equal(x->internal, (last[i].flags & COMMAND_INTERNAL) != 0);
        assert_true(bytes_equal(x->arguments, buffer_bytes(&arguments)));
        assert_true(list_empty(&x->out));
        buffer_free(&arguments);
        durable_free(f);
    }
}

/* Its parts are nobody's then, and may be gone. */
static void a_large_message_of_which_the_parts_are_not_known_is_left_out(void **state)
{
    (void)state;
    fixture_t *f = durable_new((fixture_options_t){.cold = true, .checkpoint_bytes = 1 << 30});
    chan_t ch = new_channel(f);
    new_durable_queue(ch, "q");
    part(ch, "abc"), put_durably(ch, "q", "def"), put_durably(ch, "q", "next");
    run(f);
    checkpoint_renew(f->engine);
    run(f), run(f);
    record_no from = paper_of(f)->replay_from, lost = paper_last(paper_of(f), RECORD_LARGE);
    reopen_without(f, from, lost, lost + 1);
    paper_tell(paper_of(f), &(segment_news_t){.segment = 1, .from = 1, .end = from, .bytes = 1000});
    run(f);
    ch = new_channel(f);
    assert_queue_is(ch, "q", "next");
    run(f);
    assert_int_equal(counts(f).messages_damaged, 1);
    durable_free(f);
}

static void check_its_messages_are_there(fixture_t *f, record_no id)
{
    char name[40], wanted[120];
    text_format(name, sizeof name, "chaski.lost-%llu", (unsigned long long)id);
    text_format(wanted, sizeof wanted,
                "error: the name of a queue with 3 messages is lost; they are in queue '%s' in vhost '/' now",
                name);
    assert_string_equal(f->last_line, wanted);
    chan_t ch = new_channel(f);
    get(ch, "q", 0);
    expect_refusal_and_reopen(ch, 404, "no queue 'q' in vhost '/'");
    assert_queue_is(ch, name, "a*", "b*", "c*");
    put_durably(ch, name, "d");
    run(f), run(f);
    reopen_with(f, (reopen_options_t){.from = paper_of(f)->replay_from});
    assert_queue_is(new_channel(f), name, "d");
}

/* Where it was declared, and where a checkpoint says it again: as the first record, and with others before it. */
static void the_messages_of_a_queue_whose_definition_is_lost_are_kept(void **state)
{
    (void)state;
    for (int where = 0; where < 4; where++) {
        fixture_t *f = durable_new((fixture_options_t){.checkpoint_bytes = 1 << 30});
        chan_t ch = new_channel(f);
        if (where % 2 == 0)
            new_durable_exchange(ch, "x", "topic");
        new_durable_queue(ch, "q");
        record_no id = paper_last(paper_of(f), RECORD_QUEUE);
        put_durably(ch, "q", "a"), put_durably(ch, "q", "b"), put_durably(ch, "q", "c");
        run(f);
        if (where > 1)
            checkpoint_renew(f->engine);
        run(f), run(f);
        record_no lost = paper_last(paper_of(f), RECORD_QUEUE);
        reopen_without(f, where > 1 ? paper_of(f)->replay_from : 1, lost, lost + 1);
        check_its_messages_are_there(f, id);
        durable_free(f);
    }
}

/* Nobody loses by it that somebody else's queue has that name, or both that could be made of it. */
static void a_lost_name_is_made_another_way_if_it_is_taken(void **state)
{
    (void)state;
    fixture_t *f = durable_new((fixture_options_t){0});
    chan_t ch = new_channel(f);
    char name[40], second[40], third[40];
    new_durable_queue(ch, "q");
    record_no declared = paper_last(paper_of(f), RECORD_QUEUE);
    text_format(name, sizeof name, "chaski.lost-%llu", (unsigned long long)declared);
    text_format(second, sizeof second, "%s-2", name);
    text_format(third, sizeof third, "%s-3", name);
    new_durable_queue(ch, name), new_durable_queue(ch, second);
    put_durably(ch, "q", "a"), put_durably(ch, name, "b"), put_durably(ch, second, "c");
    run(f);
    for (int twice = 0; twice < 2; twice++) {
        reopen_without(f, 1, declared, declared + 1);
        assert_int_equal(counts(f).queues, 3);
        assert_int_equal(queue_find(f->engine->vhost, text(third))->id, declared);
    }
    ch = new_channel(f);
    assert_queue_is(ch, name, "b");
    assert_queue_is(ch, second, "c");
    assert_queue_is(ch, third, "a*");
    durable_free(f);
}

static void nothing_comes_back_of_a_queue_that_was_deleted(void **state)
{
    (void)state;
    fixture_t *f = durable_new((fixture_options_t){.checkpoint_bytes = 1 << 30});
    chan_t ch = new_channel(f);
    new_durable_queue(ch, "q");
    record_no declared = paper_last(paper_of(f), RECORD_QUEUE);
    put_durably(ch, "q", "a");
    delete_queue(ch, "q", 0);
    run(f);
    reopen_without(f, 1, declared, declared + 1);
    assert_int_equal(counts(f).queues, 0);
    assert_int_equal(counts(f).messages_ready, 0);
    durable_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_large_message_of_which_the_parts_are_not_known_is_left_out),
        cmocka_unit_test(the_messages_of_a_queue_whose_definition_is_lost_are_kept),
        cmocka_unit_test(a_lost_name_is_made_another_way_if_it_is_taken),
        cmocka_unit_test(nothing_comes_back_of_a_queue_that_was_deleted),
        cmocka_unit_test(an_exchange_whose_end_is_lost_is_what_was_declared_last),
        cmocka_unit_test(a_log_with_a_gap_is_served_and_durable_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
