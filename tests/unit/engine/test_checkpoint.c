/* SPDX-License-Identifier: Apache-2.0
 *
 * test_checkpoint.c: a log that is read from its last checkpoint on makes all that is there: deep queues, what was given
 * back how often, large messages, topics that are kept, open events. (Random histories, read from everywhere: test_apply.c.) */
#include "engine/dump.h"
#include "engine/events.h"
#include "engine/fifo_internal.h"

/* Says all of it now. */
static void make_checkpoint(fixture_t *f)
{
    record_no low = f->engine->checkpoint.low;
    checkpoint_renew(f->engine);
    run(f);
    run(f);
    assert_true(f->engine->checkpoint.low > low && !f->engine->checkpoint.running);
}

static void reopen_from_checkpoint(fixture_t *f)
{
    assert_true(paper_of(f)->replay_from > 1);
    reopen_with(f, (reopen_options_t){.from = paper_of(f)->replay_from});
}

static queue_t *queue_named(fixture_t *f, const char *name)
{
    return queue_find(f->engine->vhost, text(name));
}

/* ---- contents ---- */

static void a_deep_queue_comes_back_from_rows(void **state)
{
    (void)state;
    enum { DEEP = 5000 };
    fixture_t *f = durable_new((fixture_options_t){.cold = true, .checkpoint_bytes = 1 << 30});
    chan_t ch = new_channel(f);
    new_durable_queue(ch, "q");
    put_many_durably(ch, "q", 0, DEEP);
    run(f);
    make_checkpoint(f);
    assert_true(paper_count(paper_of(f), RECORD_PAGE) < 20);
    put_many_durably(ch, "q", DEEP, 10); /* behind the checkpoint */
    run(f);
    reopen_from_checkpoint(f);
    assert_int_equal(live_in(&f->engine->live, 0, UINT64_MAX), DEEP + 10);
    assert_int_equal(queue_named(f, "q")->stored, DEEP + 10);
    ch = new_channel(f);
    new_consumer(ch, "q", "c", COMMAND_NO_ACK);
    char body[16];
    for (unsigned i = 0; i < DEEP + 10; i++)
        (void)expect_delivery(ch, numbered(body, i));
    run(f);
    assert_int_equal(live_in(&f->engine->live, 0, UINT64_MAX), 0);
    durable_free(f);
}

/* Whatever it holds of the queue goes too (the address sanitizer looks). */
static void an_engine_may_end_amid_a_queues_contents(void **state)
{
    (void)state;
    fixture_t *f = durable_new((fixture_options_t){.cold = true, .checkpoint_bytes = 1 << 30, .slice = 4});
    chan_t ch = new_channel(f);
    new_durable_queue(ch, "q");
    put_many_durably(ch, "q", 0, 5000);
    run(f);
    checkpoint_renew(f->engine);
    while (f->engine->checkpoint.contents == NULL)
        assert_true(step(f));
    durable_free(f);
}

/* Pages of queues that nobody takes from are packed with the checkpoint, also the last one. */
static void a_checkpoint_packs_what_lies(void **state)
{
    (void)state;
    fixture_t *f = durable_new((fixture_options_t){.cold = true, .checkpoint_bytes = 1 << 30});
    chan_t ch = new_channel(f);
    new_durable_queue(ch, "q");
    put_many_durably(ch, "q", 0, 5);
    run(f);
    make_checkpoint(f);
    assert_true(slot_at(&queue_named(f, "q")->fifo, 0)->is_packed);
    put_many_durably(ch, "q", 5, 1);
    char body[16];
    for (unsigned i = 0; i < 6; i++)
        (void)got(ch, "q", numbered(body, i));
    durable_free(f);
}

static void what_need_not_outlive_the_broker_is_not_in_it(void **state)
{
    (void)state;
    fixture_t *f = durable_new((fixture_options_t){.cold = true, .checkpoint_bytes = 1 << 30});
    chan_t ch = new_channel(f);
    new_durable_queue(ch, "q"), new_queue(ch, "t");
    put(ch, "q", "transient"), put_durably(ch, "q", "durable"), put(ch, "t", "transient");
    run(f);
    assert_int_equal(counts(f).memory_bytes, 0); /* all of them are in the log */
    make_checkpoint(f);
    assert_queue_is(ch, "t", "transient");
    run(f);
    reopen_from_checkpoint(f);
    assert_int_equal(counts(f).queues, 1);
    assert_queue_is(new_channel(f), "q", "durable");
    durable_free(f);
}

static void an_interrupted_checkpoint_does_no_harm(void **state)
{
    (void)state;
    fixture_t *f = durable_new((fixture_options_t){.cold = true, .slice = 4, .checkpoint_bytes = 1 << 30});
    chan_t ch = new_channel(f);
    new_durable_queue(ch, "a"), new_durable_queue(ch, "b"), new_durable_queue(ch, "c");
    put_many_durably(ch, "a", 0, 3000), put_many_durably(ch, "b", 0, 10);
    run(f);
    make_checkpoint(f);
    put_many_durably(ch, "c", 0, 7);
    run(f);
    dump_t wanted = dump_from(f, paper_of(f)->replay_from, 0);
    record_no before = paper_of(f)->replay_from;
    unsigned amid = 0;
    checkpoint_renew(f->engine);
    for (; paper_of(f)->replay_from == before; amid++) { /* with all that was said so far, at each step */
        (void)step(f);
        dump_t got_back = dump_from(f, paper_of(f)->replay_from, 0);
        assert_same_dump(&wanted, &got_back, "amid a checkpoint");
        dump_free(&got_back);
    }
    assert_true(amid > 6);
    dump_free(&wanted);
    durable_free(f);
}

/* Bindings of what was deleted go in slices; meanwhile there may be another of its name. */
static void bindings_of_a_deleted_exchange_are_not_said_of_the_next(void **state)
{
    for (int is_source = 0; is_source < 2; is_source++) {
        (void)state;
        fixture_t *f = durable_new((fixture_options_t){.slice = 4, .checkpoint_bytes = 1 << 30});
        chan_t a = new_channel(f), b = new_channel(f);
        char key[16];
        new_durable_exchange(a, "x", "direct"), new_durable_exchange(a, "y", "direct");
        for (unsigned i = 0; i < 400; i++) {
            bind_exchange(a, is_source ? "y" : "x", is_source ? "x" : "y", numbered(key, i));
            expect_ok(a);
        }
        delete_exchange(a, "x", 0);
        (void)step(f);
        declare_exchange(b, "x", "direct", COMMAND_DURABLE);
        checkpoint_renew(f->engine);
        run(f);
        expect_ok(a), expect_ok(b);
        assert_int_equal(counts(f).bindings, 0);
        crash(f);
        assert_int_equal(counts(f).bindings, 0);
        durable_free(f);
    }
}

/* ---- how often it was given back ---- */

static void put_for_quorum(chan_t ch, const char *body)
{
    buffer_t arguments = {0};
    table_put_string(&arguments, "x-queue-type", BYTES("quorum"));
    declare_with(ch, "q", COMMAND_DURABLE, buffer_bytes(&arguments));
    expect_declared(ch, "q", 0, 0);
    put_durably(ch, "q", body);
    buffer_free(&arguments);
}

/* Takes the message and gives it back; it says that it was given back so often before. */
static void give_back(chan_t ch, int64_t count)
{
    get(ch, "q", 0);
    const seen_t *s = expect(ch, EVENT_GET_OK);
    field_t field;
    bool has = table_find(properties_headers(bytes_make(s->properties, s->properties_len)),
                          BYTES("x-delivery-count"), &field);
    assert_int_equal(has, count > 0);
    if (has)
        assert_int_equal(field_integer(&field), count);
    nack(ch, s->event.delivery_tag, COMMAND_REQUEUE);
}

static void how_often_a_message_was_given_back_is_durable(void **state)
{
    fixture_t *f = *state;
    chan_t ch = new_channel(f);
    put_for_quorum(ch, "poison");
    for (int64_t count = 0; count < 3; count++)
        give_back(ch, count);
    run(f);
    crash(f);
    ch = new_channel(f);
    give_back(ch, 3);
    run(f);
    make_checkpoint(f);
    reopen_from_checkpoint(f);
    ch = new_channel(f);
    give_back(ch, 4);
    stop_and_start(f);
    give_back(new_channel(f), 5);
}

static void a_classic_queue_says_nothing_of_it(void **state)
{
    fixture_t *f = *state;
    chan_t ch = new_channel(f);
    new_durable_queue(ch, "q");
    put_durably(ch, "q", "m");
    give_back(ch, 0);
    give_back(ch, 0);
}

static void a_run_of_messages_given_back_is_one_record(void **state)
{
    fixture_t *f = *state;
    chan_t ch = new_channel(f);
    new_durable_queue(ch, "q");
    put_many_durably(ch, "q", 0, 100);
    char body[16];
    for (unsigned i = 0; i < 100; i++)
        (void)got(ch, "q", numbered(body, i));
    recover(ch, 0);
    expect_ok(ch);
    run(f);
    assert_in_range(paper_count(paper_of(f), RECORD_RETURNED), 1, 3);
}

/* ---- large messages, topics, events ---- */

static void a_large_message_leaves_memory_and_comes_back_whole(void **state)
{
    fixture_t *f = *state;
    chan_t ch = new_channel(f);
    new_durable_queue(ch, "q"), new_durable_queue(ch, "r");
    bound(ch, "q", "amq.fanout", ""), bound(ch, "r", "amq.fanout", "");
    part(ch, "abc"), part(ch, "def");
    publish_durably(ch, "amq.fanout", "", "gh");
    run(f);
    assert_int_equal(live_in(&f->engine->live, 0, UINT64_MAX), 3); /* both parts, and the message */
    make_checkpoint(f);
    reopen_from_checkpoint(f);
    assert_int_equal(counts(f).memory_bytes, 0);
    assert_int_equal(live_in(&f->engine->live, 0, UINT64_MAX), 3);
    ch = new_channel(f);
    for (int i = 0; i < 2; i++) {
        get(ch, i == 0 ? "q" : "r", COMMAND_NO_ACK);
        expect(ch, EVENT_GET_OK);
        assert_string_equal(expect(ch, EVENT_CONTENT)->body, "abc");
        assert_string_equal(expect(ch, EVENT_CONTENT)->body, "def");
        assert_string_equal(expect(ch, EVENT_CONTENT)->body, "gh");
        run(f);
    }
    assert_int_equal(live_in(&f->engine->live, 0, UINT64_MAX), 0);
    assert_int_equal(f->engine->large.count, 0);
}

static void an_open_event_comes_back_with_what_was_said_so_far(void **state)
{
    fixture_t *f = *state;
    chan_t a = handler_with(f, "a", "#", COMMAND_DURABLE), b = handler_with(f, "b", "#", COMMAND_DURABLE);
    chan_t p = new_channel(f);
    buffer_t properties = {0};
    write_u16(&properties, PROPERTY_FLAG(PROPERTY_DELIVERY_MODE) | PROPERTY_FLAG(PROPERTY_MESSAGE_ID));
    write_u8(&properties, 2);
    write_short_string(&properties, text("id"));
    ask_with(p, "t", "body", buffer_bytes(&properties));
    uint64_t tag = expect_event(a, "body");
    say(a, tag, "done");
    ack(a, tag, 0);
    (void)expect_event(b, "body");
    run(f);
    make_checkpoint(f);
    reopen_from_checkpoint(f);
    b = new_channel(f), p = new_channel(f);
    new_consumer(b, "b", "c", 0);
    ask_with(p, "t", "body", buffer_bytes(&properties)); /* its publisher asks again, by its id */
    ack(b, expect_event(b, "body"), 0);
    const char *report = expect(p, EVENT_REPORT)->text;
    assert_non_null(strstr(report, "\"status\":\"ok\""));
    assert_non_null(strstr(report, "done"));
    buffer_free(&properties);
}

static int setup(void **state)
{
    *state = durable_new((fixture_options_t){.cold = true, .checkpoint_bytes = 1 << 30});
    return 0;
}

#define checkpoint_test(test) cmocka_unit_test_setup_teardown(test, setup, durable_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_deep_queue_comes_back_from_rows),
        cmocka_unit_test(a_checkpoint_packs_what_lies),
        cmocka_unit_test(what_need_not_outlive_the_broker_is_not_in_it),
        cmocka_unit_test(an_interrupted_checkpoint_does_no_harm),
        cmocka_unit_test(bindings_of_a_deleted_exchange_are_not_said_of_the_next),
        checkpoint_test(how_often_a_message_was_given_back_is_durable),
        checkpoint_test(a_classic_queue_says_nothing_of_it),
        checkpoint_test(a_run_of_messages_given_back_is_one_record),
        cmocka_unit_test(an_engine_may_end_amid_a_queues_contents),
        checkpoint_test(a_large_message_leaves_memory_and_comes_back_whole),
        checkpoint_test(an_open_event_comes_back_with_what_was_said_so_far),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
