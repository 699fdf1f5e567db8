/* SPDX-License-Identifier: Apache-2.0
 *
 * test_query.c: what an operator may ask: counts and rows that are true, in slices, whatever happens meanwhile. */
#include "engine/durable.h"

#define MANY 500

/* A client of a port that has no connection. */
typedef struct asker {
    port_client_t port_client; /* first */
    fixture_t *f;
    port_t *port;
    query_t *answer;
    uint32_t cause;
    uint64_t step; /* in which it came */
} asker_t;

static void take_answer(port_client_t *port_client, event_t *e)
{
    asker_t *a = (asker_t *)(void *)port_client;
    assert_int_equal(e->type, EVENT_QUERIED);
    assert_null(a->answer);
    a->answer = e->query;
    a->cause = e->cause;
    a->step = a->f->steps;
}

static void asker_init(asker_t *a, fixture_t *f)
{
    *a = (asker_t){.port_client.on_event = take_answer, .f = f, .port = &f->ports[1]};
    port_register(a->port, &a->port_client);
}

static void asker_deinit(asker_t *a)
{
    query_free(a->answer);
    a->answer = NULL;
    port_unregister(a->port, &a->port_client);
}

static void ask(asker_t *a, query_type_t type, uint32_t cause)
{
    query_free(a->answer);
    a->answer = NULL;
    command_t c = {.type = COMMAND_QUERY, .cause = cause, .query = query_new(type)};
    port_push(a->port, &a->port_client, &c);
}

static const query_t *answer_of(asker_t *a, query_type_t type)
{
    ask(a, type, 7);
    run(a->f);
    assert_non_null(a->answer);
    assert_int_equal(a->cause, 7);
    assert_int_equal(a->answer->type, type);
    return a->answer;
}

static bool row_is(const query_t *q, size_t i, const char *name)
{
    assert_true(i < q->queue_count);
    return bytes_equal(bytes_make(q->octets.data + q->queues[i].name, q->queues[i].name_len),
                       bytes_string(name));
}

static void declare_many(chan_t ch, const char *prefix, unsigned count)
{
    char name[32];
    for (unsigned i = 0; i < count; i++) {
        text_format(name, sizeof name, "%s%u", prefix, i);
        declare(ch, name, COMMAND_NOWAIT);
    }
    run(ch.client->f);
}

static void an_overview_counts_what_is_there(void **state)
{
    asker_t a;
    chan_t ch = new_channel(*state);
    asker_init(&a, *state);
    new_queue(ch, "q"), new_queue(ch, "p");
    put_many(ch, "q", 0, 5);
    get(ch, "q", 0), expect(ch, EVENT_GET_OK);
    const query_t *q = answer_of(&a, QUERY_OVERVIEW);
    assert_int_equal(q->queue_count, 0);
    assert_int_equal(q->counts.connections, 1);
    assert_int_equal(q->counts.channels, 1);
    assert_int_equal(q->counts.queues, 2);
    assert_int_equal(q->counts.exchanges, 8);
    assert_int_equal(q->counts.messages_ready, 4);
    assert_int_equal(q->counts.messages_unacked, 1);
    assert_int_equal(q->counts.published, 5);
    assert_int_equal(q->counts.delivered, 1);
    assert_true(q->counts.memory_bytes > 0);
    assert_false(q->counts.memory_alarm);
    asker_deinit(&a);
}

static void messages_are_counted_on_their_way(void **state)
{
    asker_t a;
    chan_t ch = new_channel(*state);
    asker_init(&a, *state);
    new_queue(ch, "q");
    push_simple(ch, COMMAND_CONFIRM_SELECT, 0), expect(ch, EVENT_OK);
    put_many(ch, "q", 0, 6);
    run(ch.client->f);
    for (unsigned i = 0; i < 6; i++)
        get(ch, "q", 0);
    run(ch.client->f);
    ack(ch, 1, 0);
    ack(ch, 3, COMMAND_MULTIPLE);
    nack(ch, 4, 0);
    nack(ch, 5, COMMAND_REQUEUE);
    recover(ch, COMMAND_NOWAIT);
    publish_mandatory(ch, "", "nowhere", "lost");
    run(ch.client->f);
    const engine_counts_t *c = &answer_of(&a, QUERY_OVERVIEW)->counts;
    assert_int_equal(c->published, 7);
    assert_int_equal(c->confirmed, 7);
    assert_int_equal(c->delivered, 6);
    assert_int_equal(c->acked, 3);
    assert_int_equal(c->returned, 1);
    assert_int_equal(c->messages_ready, 2);
    asker_deinit(&a);
}

static void queues_come_in_the_order_of_their_declaring_with_what_they_are(void **state)
{
    asker_t a;
    chan_t ch = new_channel(*state);
    asker_init(&a, *state);
    buffer_t arguments = {0};
    table_put_long(&arguments, "x-expires", 60000);
    declare(ch, "z", COMMAND_DURABLE | COMMAND_NOWAIT);
    declare_with(ch, "a", COMMAND_EXCLUSIVE | COMMAND_AUTO_DELETE | COMMAND_NOWAIT, buffer_bytes(&arguments));
    run(ch.client->f);
    qos(ch, 1, COMMAND_NOWAIT);
    new_consumer(ch, "a", "t", 0);
    put_many(ch, "a", 0, 3);
    const query_t *q = answer_of(&a, QUERY_QUEUES);
    assert_int_equal(q->queue_count, 2);
    assert_true(row_is(q, 0, "z") && row_is(q, 1, "a"));
    assert_int_equal(q->queues[0].flags, QUERY_QUEUE_DURABLE);
    assert_int_equal(q->queues[1].flags, QUERY_QUEUE_EXCLUSIVE | QUERY_QUEUE_AUTO_DELETE);
    assert_int_equal(q->queues[1].consumers, 1);
    assert_int_equal(q->queues[1].ready, 2);
    assert_int_equal(q->queues[1].unacked, 1);
    assert_true(bytes_equal(bytes_make(q->octets.data + q->queues[1].arguments, q->queues[1].arguments_len),
                            buffer_bytes(&arguments)));
    assert_int_equal(q->counts.messages_ready, 2);
    buffer_free(&arguments);
    asker_deinit(&a);
}

static int small_slices(void **state)
{
    *state = fixture_new((fixture_options_t){.slice = 4});
    return 0;
}

static int smallest_slices(void **state)
{
    *state = fixture_new((fixture_options_t){.slice = 1});
    return 0;
}

#define sliced_test(test) cmocka_unit_test_setup_teardown(test, small_slices, fixture_teardown)

static void a_long_list_takes_many_steps_and_others_go_on(void **state)
{
    asker_t a;
    chan_t ch = new_channel(*state);
    asker_init(&a, *state);
    declare_many(ch, "q", MANY);
    uint64_t began = ch.client->f->steps;
    ask(&a, QUERY_QUEUES, 1);
    echo(ch);
    assert_true(expect(ch, EVENT_OK)->step < began + 5);
    run(ch.client->f);
    assert_true(a.step > began + MANY / (4 * 4) - 1);
    assert_int_equal(a.answer->queue_count, MANY);
    asker_deinit(&a);
}

static void queues_that_come_and_go_meanwhile_do_no_harm(void **state)
{
    asker_t a;
    fixture_t *f = *state;
    chan_t ch = new_channel(f);
    char name[32];
    asker_init(&a, f);
    declare_many(ch, "q", MANY);
    ask(&a, QUERY_QUEUES, 1);
    for (unsigned i = 0; i < MANY; i += 2) { /* every other one goes, some before, some behind the query */
        text_format(name, sizeof name, "q%u", i);
        delete_queue(ch, name, COMMAND_NOWAIT);
        text_format(name, sizeof name, "new%u", i);
        declare(ch, name, COMMAND_NOWAIT);
        if (!a.answer)
            step(f);
    }
    run(f);
    assert_non_null(a.answer);
    unsigned odd = 0; /* those that were there all the time: all of them, in order */
    for (size_t i = 0; i < a.answer->queue_count; i++) {
        text_format(name, sizeof name, "q%u", 2 * odd + 1);
        odd += row_is(a.answer, i, name);
    }
    assert_int_equal(odd, MANY / 2);
    asker_deinit(&a);
}

static void two_queries_pass_each_other(void **state)
{
    asker_t a, b;
    fixture_t *f = *state;
    chan_t ch = new_channel(f);
    asker_init(&a, f), asker_init(&b, f);
    declare_many(ch, "q", MANY);
    ask(&a, QUERY_QUEUES, 1);
    for (unsigned i = 0; i < 5; i++)
        step(f);
    ask(&b, QUERY_OVERVIEW, 2);
    run(f);
    assert_int_equal(a.answer->queue_count, MANY);
    assert_int_equal(b.cause, 2);
    assert_int_equal(b.answer->counts.queues, MANY);
    asker_deinit(&a), asker_deinit(&b);
}

static void queries_get_on_however_small_the_slices(void **state)
{
    asker_t askers[5];
    fixture_t *f = *state;
    chan_t ch = new_channel(f);
    declare_many(ch, "q", 20);
    for (size_t i = 0; i < 5; i++) {
        asker_init(&askers[i], f);
        ask(&askers[i], QUERY_QUEUES, 1);
    }
    run(f);
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(askers[i].answer->queue_count, 20);
        asker_deinit(&askers[i]);
    }
}

static void the_last_queue_may_go_while_the_query_stands_before_it(void **state)
{
    asker_t a;
    fixture_t *f = *state;
    chan_t ch = new_channel(f);
    asker_init(&a, f);
    declare_many(ch, "q", 40);
    ask(&a, QUERY_QUEUES, 1);
    step(f);
    assert_null(a.answer);
    goodbye(ch.client); /* they stay: not exclusive */
    char name[32];
    chan_t other = new_channel(f);
    for (unsigned i = 0; i < 40; i++) {
        text_format(name, sizeof name, "q%u", i);
        delete_queue(other, name, COMMAND_NOWAIT);
    }
    run(f);
    assert_non_null(a.answer);
    assert_int_equal(answer_of(&a, QUERY_QUEUES)->queue_count, 0);
    asker_deinit(&a);
}

static void a_question_is_answered_while_the_log_is_full(void **state)
{
    (void)state;
    asker_t a;
    fixture_t *f = durable_new((fixture_options_t){.unwritten_bytes = 1});
    chan_t ch = new_channel(f);
    new_durable_queue(ch, "q");
    asker_init(&a, f);
    hold(f);
    put_many_durably(ch, "q", 0, 100);
    assert_in_range(answer_of(&a, QUERY_OVERVIEW)->counts.messages_ready, 1,
                    99); /* no more requests are taken */
    assert_false(step(f));
    asker_deinit(&a);
    durable_free(f);
}

static void an_engine_that_ends_takes_its_queries_along(void **state)
{
    asker_t a;
    fixture_t *f = *state;
    chan_t ch = new_channel(f);
    asker_init(&a, f);
    declare_many(ch, "q", MANY);
    ask(&a, QUERY_QUEUES, 1);
    step(f), step(f);
    assert_null(a.answer); /* the teardown ends the engine; the address sanitizer looks for what is left */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(an_overview_counts_what_is_there),
        fixture_test(messages_are_counted_on_their_way),
        fixture_test(queues_come_in_the_order_of_their_declaring_with_what_they_are),
        sliced_test(a_long_list_takes_many_steps_and_others_go_on),
        sliced_test(queues_that_come_and_go_meanwhile_do_no_harm),
        sliced_test(two_queries_pass_each_other),
        cmocka_unit_test_setup_teardown(queries_get_on_however_small_the_slices, smallest_slices,
                                        fixture_teardown),
        sliced_test(the_last_queue_may_go_while_the_query_stands_before_it),
        cmocka_unit_test(a_question_is_answered_while_the_log_is_full),
        sliced_test(an_engine_that_ends_takes_its_queries_along),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
