/* SPDX-License-Identifier: Apache-2.0
 *
 * test_jobs.c: long work in slices: what takes many steps, that its channel waits and no other does, and what
 * may happen in the middle of it. */
#include "engine/expect.h"

/* Small slices: everything here takes hundreds of steps. */
static int setup(void **state)
{
    *state = fixture_new((fixture_options_t){.slice = 4, .page_entries = 4});
    return 0;
}

#define sliced_test(test) cmocka_unit_test_setup_teardown(test, setup, fixture_teardown)

#define MANY 1000

/* Takes all deliveries of a channel that came, without looking. */
static void drop_pending(chan_t ch)
{
    for (seen_t *s; (s = pending(ch));)
        s->taken = true;
}

/* Queue q with MANY messages, all of them out on `ch`. */
static void all_out(chan_t ch)
{
    new_queue(ch, "q");
    new_consumer(ch, "q", "t", 0);
    put_many(ch, "q", 0, MANY);
    assert_int_equal(pending_count(ch), MANY);
    drop_pending(ch);
}

static uint64_t step_of(chan_t ch, uint8_t type)
{
    return expect(ch, type)->step;
}

static void others_go_on_while_a_channel_with_many_unacked_closes(void **state)
{
    chan_t ch = new_channel(*state), other = channel_of(ch.client, 2);
    all_out(ch);
    close_channel(ch);
    declare(other, "p", 0);
    uint64_t declared = step_of(other, EVENT_QUEUE_DECLARED);
    uint64_t closed = step_of(ch, EVENT_CHANNEL_CLOSED);
    assert_true(closed > declared + 10);
    declare(other, "q", COMMAND_PASSIVE);
    expect_declared(other, "q", MANY, 0); /* all are back by then */
    char body[16];
    for (unsigned i = 0; i < MANY; i++) {
        char redelivered[20];
        text_format(redelivered, sizeof redelivered, "%s*", numbered(body, i));
        get(other, "q", COMMAND_NO_ACK), expect_got(other, redelivered);
    }
}

static void what_follows_a_long_settling_waits_for_it_in_order(void **state)
{
    chan_t ch = new_channel(*state);
    all_out(ch);
    cancel(ch, "t", 0), expect(ch, EVENT_CONSUMER_CANCELLED);
    recover(ch, 0);
    declare(ch, "q", COMMAND_PASSIVE);
    echo(ch);
    expect_ok(ch);
    expect_declared(ch, "q", MANY, 0);
    expect_ok(ch);
    put(ch, "q", "last");
    purge(ch, "q"), expect_counted(ch, MANY + 1);
}

static void a_number_can_be_opened_while_its_last_life_ends(void **state)
{
    chan_t ch = new_channel(*state);
    all_out(ch);
    close_channel(ch), open_channel(ch), declare(ch, "q", COMMAND_PASSIVE);
    expect(ch, EVENT_CHANNEL_CLOSED);
    expect(ch, EVENT_CHANNEL_OPENED);
    expect_declared(ch, "q", MANY, 0);
}

static void a_refusal_is_told_when_all_is_back(void **state)
{
    chan_t ch = new_channel(*state), other = channel_of(ch.client, 2);
    all_out(ch);
    ack(ch, 5 * MANY, 0);
    put(ch, "q", "ignored");
    expect_refusal(ch, 406, "unknown delivery tag 5000");
    declare(other, "q", COMMAND_PASSIVE), expect_declared(other, "q", MANY, 0);
    release_channel(ch), open_channel(ch), expect(ch, EVENT_CHANNEL_OPENED);
}

static void a_goodbye_waits_for_a_channel_that_is_closing_and_is_answered(void **state)
{
    fixture_t *f = *state;
    chan_t ch = new_channel(f), other = new_channel(f);
    all_out(ch);
    close_channel(ch);
    goodbye(ch.client);
    expect(ch, EVENT_CHANNEL_CLOSED);
    expect_goodbye(ch.client);
    declare(other, "q", COMMAND_PASSIVE), expect_declared(other, "q", MANY, 0);
}

static void a_goodbye_waits_for_what_was_asked_before_it(void **state)
{
    fixture_t *f = *state;
    chan_t ch = new_channel(f), other = new_channel(f);
    all_out(ch);
    cancel(ch, "t", 0), expect(ch, EVENT_CONSUMER_CANCELLED);
    recover(ch, 0);
    for (unsigned i = 0; i < 50; i++)
        declare(ch, "p", 0), put(ch, "p", "1");
    goodbye(ch.client);
    expect_ok(ch);
    for (unsigned i = 0; i < 50; i++)
        expect_declared(ch, "p", i, 0);
    expect_goodbye(ch.client);
    declare(other, "p", COMMAND_PASSIVE), expect_declared(other, "p", 50, 0);
}

static void what_a_dead_socket_asked_is_dropped(void **state)
{
    fixture_t *f = *state;
    chan_t ch = new_channel(f), other = new_channel(f);
    all_out(ch);
    recover(ch, 0);
    for (unsigned i = 0; i < 50; i++)
        declare(ch, "p", 0);
    hang_up(ch.client);
    run(f);
    drop_pending(ch);
    expect_goodbye(ch.client);
    declare(other, "q", COMMAND_PASSIVE), expect_declared(other, "q", MANY, 0);
    declare(other, "p", COMMAND_PASSIVE);
    expect_refusal(other, 404, "no queue 'p' in vhost '/'");
}

static void a_dead_socket_needs_no_answers_of_a_deletion_under_way(void **state)
{
    fixture_t *f = *state;
    chan_t ch = new_channel(f), other = new_channel(f);
    char key[16];
    new_queue(ch, "q");
    for (unsigned i = 0; i < MANY; i++)
        bind_queue(ch, "q", "amq.direct", numbered(key, i));
    run(f), drop_pending(ch);
    delete_queue(ch, "q", 0);
    (void)step(f);
    hang_up(ch.client);
    expect_goodbye(ch.client);
    expect_nothing(ch);
    assert_int_equal(counts(f).bindings, 0);
    new_queue(other, "q");
}

/* ---- purge ---- */

static void messages_that_return_while_a_purge_is_swept_survive_it(void **state)
{
    fixture_t *f = *state;
    chan_t ch = new_channel(f), other = channel_of(ch.client, 2);
    new_queue(ch, "q");
    put_many(ch, "q", 0, MANY);
    for (unsigned i = 0; i < 10; i++) {
        char body[16];
        got(other, "q", numbered(body, i));
    }
    uint64_t before = counts(f).memory_bytes;
    purge(ch, "q");
    (void)step(f); /* answered at once, swept later */
    assert_int_equal(pending_count(ch), 1);
    expect_counted(ch, MANY - 10);
    assert_true(counts(f).memory_bytes > before / 2);
    nack(other, 3, COMMAND_REQUEUE), nack(other, 8, COMMAND_REQUEUE);
    put(ch, "q", "new");
    run(f);
    assert_queue_is(ch, "q", "n00002*", "n00007*", "new");
    ack(other, 0, COMMAND_MULTIPLE);
    run(f);
    assert_int_equal(counts(f).memory_bytes, 0);
}

static void a_queue_can_be_purged_and_deleted_while_it_is_swept(void **state)
{
    fixture_t *f = *state;
    chan_t ch = new_channel(f);
    new_queue(ch, "q");
    put_many(ch, "q", 0, MANY);
    purge(ch, "q");
    put(ch, "q", "1");
    (void)step(f);
    purge(ch, "q");
    put(ch, "q", "2");
    (void)step(f);
    delete_queue(ch, "q", 0);
    declare(ch, "q", 0);
    expect_counted(ch, MANY), expect_counted(ch, 1), expect_counted(ch, 1);
    expect_declared(ch, "q", 0, 0);
    run(f);
    assert_int_equal(counts(f).memory_bytes, 0);
}

/* ---- delete ---- */

static void a_deletion_is_answered_when_consumers_and_bindings_are_gone(void **state)
{
    fixture_t *f = *state;
    chan_t ch = new_channel(f), other = channel_of(connected_at(f, 1), 1), third = channel_of(ch.client, 2);
    char key[16];
    new_queue(ch, "q");
    for (unsigned i = 0; i < MANY; i++)
        bind_queue(ch, "q", "amq.topic", numbered(key, i));
    for (unsigned i = 0; i < MANY; i++)
        consume(other, "q", numbered(key, i), 0);
    run(f), drop_pending(ch), drop_pending(other);
    delete_queue(ch, "q", 0);
    echo(ch);    /* waits in line */
    echo(third); /* does not */
    declare(other, "p", 0);
    uint64_t echoed = step_of(third, EVENT_OK);
    const seen_t *answer = expect(ch, EVENT_QUEUE_COUNTED);
    uint64_t deleted = answer->step;
    assert_true(deleted > echoed + 10);
    assert_true(step_of(ch, EVENT_OK) >= deleted);
    unsigned gone = 0;
    for (seen_t *s; (s = next_event(other));)
        gone += s->event.type == EVENT_CONSUMER_GONE;
    assert_int_equal(gone, MANY);
    assert_int_equal(counts(f).consumers, 0);
    assert_int_equal(counts(f).bindings, 0);
}

static void a_name_is_free_at_once_and_its_new_queue_is_another(void **state)
{
    fixture_t *f = *state;
    chan_t ch = new_channel(f), other = new_channel(f);
    char key[16];
    new_queue(ch, "q");
    put_many(ch, "q", 0, MANY);
    for (unsigned i = 0; i < MANY; i++)
        bind_queue(ch, "q", "amq.direct", numbered(key, i));
    run(f), drop_pending(ch);
    delete_queue(ch, "q", 0);
    (void)step(f);
    declare(other, "q", 0);
    bind_queue(other, "q", "amq.direct", numbered(key, MANY - 1)); /* the old one is still bound so */
    publish(other, "amq.direct", numbered(key, MANY - 1), "1");
    publish(other, "amq.direct", numbered(key, MANY - 2), "2");
    expect_declared(other, "q", 0, 0);
    expect_ok(other);
    expect_counted(ch, MANY);
    assert_queue_is(other, "q", "1");
    assert_int_equal(counts(f).bindings, 1);
    run(f);
    assert_int_equal(counts(f).memory_bytes, 0);
}

/* The new binding takes the place of the old queue's: an auto-delete exchange is never without one. */
static void an_auto_delete_exchange_survives_when_its_last_binding_is_replaced(void **state)
{
    fixture_t *f = *state;
    chan_t ch = new_channel(f), other = new_channel(f);
    char tag[16];
    declare_exchange(ch, "x", "direct", COMMAND_AUTO_DELETE), expect_ok(ch);
    new_queue(ch, "q");
    bound(ch, "q", "x", "k");
    for (unsigned i = 0; i < MANY; i++)
        consume(ch, "q", numbered(tag, i), 0); /* they go before the bindings do */
    run(f), drop_pending(ch);
    delete_queue(ch, "q", 0);
    (void)step(f);
    declare(other, "q", 0), bind_queue(other, "q", "x", "k"), publish(other, "x", "k", "1");
    expect_declared(other, "q", 0, 0);
    expect_ok(other);
    assert_queue_is(other, "q", "1");
    assert_int_equal(counts(f).bindings, 1);
    unbind_queue(other, "q", "x", "k"), expect_ok(other);
    assert_int_equal(counts(f).exchanges, 8);
}

static void an_exchange_with_many_bindings_goes_in_slices(void **state)
{
    fixture_t *f = *state;
    chan_t ch = new_channel(f), other = channel_of(ch.client, 2);
    char key[16];
    new_queue(ch, "q"), new_exchange(ch, "x", "topic");
    for (unsigned i = 0; i < MANY; i++)
        bind_queue(ch, "q", "x", numbered(key, i));
    run(f), drop_pending(ch);
    delete_exchange(ch, "x", 0);
    echo(other);
    uint64_t echoed = step_of(other, EVENT_OK), deleted = step_of(ch, EVENT_OK);
    assert_true(deleted > echoed + 10);
    publish(ch, "x", "k", "1");
    expect_refusal(ch, 404, "no exchange 'x' in vhost '/'");
    assert_int_equal(counts(f).bindings, 0);
}

/* Each exchange goes with its only binding, which is to the one before: as deep as anybody likes. */
static void a_very_long_chain_of_auto_delete_exchanges_goes(void **state)
{
    enum { LINKS = 60000 };
    (void)state;
    fixture_t *f = fixture_new((fixture_options_t){.slice = 512});
    chan_t ch = new_channel(f);
    char name[16], before[16];
    declare(ch, "q", 0);
    for (unsigned i = 0; i < LINKS; i++) {
        declare_exchange(ch, numbered(name, i), "fanout", COMMAND_AUTO_DELETE | COMMAND_NOWAIT);
        request_t view = ends(i ? numbered(before, i - 1) : "q", name, "", text(""));
        push_request(ch, i ? COMMAND_EXCHANGE_BIND : COMMAND_QUEUE_BIND, COMMAND_NOWAIT, 0, view);
    }
    expect_declared(ch, "q", 0, 0);
    assert_int_equal(counts(f).exchanges, 8 + LINKS);
    delete_queue(ch, "q", 0), expect_counted(ch, 0);
    run(f);
    assert_int_equal(counts(f).exchanges, 8);
    fixture_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        sliced_test(others_go_on_while_a_channel_with_many_unacked_closes),
        sliced_test(what_follows_a_long_settling_waits_for_it_in_order),
        sliced_test(a_number_can_be_opened_while_its_last_life_ends),
        sliced_test(a_refusal_is_told_when_all_is_back),
        sliced_test(a_goodbye_waits_for_a_channel_that_is_closing_and_is_answered),
        sliced_test(a_goodbye_waits_for_what_was_asked_before_it),
        sliced_test(what_a_dead_socket_asked_is_dropped),
        sliced_test(a_dead_socket_needs_no_answers_of_a_deletion_under_way),
        sliced_test(messages_that_return_while_a_purge_is_swept_survive_it),
        sliced_test(a_queue_can_be_purged_and_deleted_while_it_is_swept),
        sliced_test(a_deletion_is_answered_when_consumers_and_bindings_are_gone),
        sliced_test(a_name_is_free_at_once_and_its_new_queue_is_another),
        sliced_test(an_auto_delete_exchange_survives_when_its_last_binding_is_replaced),
        sliced_test(an_exchange_with_many_bindings_goes_in_slices),
        cmocka_unit_test(a_very_long_chain_of_auto_delete_exchanges_goes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
