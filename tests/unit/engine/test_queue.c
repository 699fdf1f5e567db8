/* SPDX-License-Identifier: Apache-2.0
 *
 * test_queue.c: declare, bind, purge, delete and get of queues: answers, codes and texts. */
#include "engine/expect.h"

#define LOCKED                                                                                               \
    "cannot obtain exclusive access to locked queue 'q' in vhost '/'. It could be originally declared on "   \
    "another connection or the exclusive property value does not match that of the original declaration."

static void declare_answers_with_what_is_there(void **state)
{
    chan_t ch = new_channel(*state);
    new_queue(ch, "q");
    put_many(ch, "q", 0, 3);
    got(ch, "q", "n00000"); /* it is out, not ready */
    declare(ch, "q", 0);
    expect_declared(ch, "q", 2, 0);
    chan_t other = channel_of(ch.client, 2);
    new_consumer(other, "q", "t", 0);
    declare(ch, "q", COMMAND_PASSIVE);
    expect_declared(ch, "q", 0, 1);
}

static void a_redeclare_that_differs_is_refused_naming_the_first_difference(void **state)
{
    chan_t ch = new_channel(*state);
    new_queue(ch, "q");
    declare(ch, "q", COMMAND_EXCLUSIVE | COMMAND_DURABLE);
    expect_refusal_and_reopen(ch, 405, LOCKED);
    declare(ch, "q", COMMAND_DURABLE | COMMAND_AUTO_DELETE);
    expect_refusal_and_reopen(
        ch, 406,
        "inequivalent arg 'durable' for queue 'q' in vhost '/': received 'true' but current is 'false'");
    declare(ch, "q", COMMAND_AUTO_DELETE);
    expect_refusal_and_reopen(
        ch, 406,
        "inequivalent arg 'auto_delete' for queue 'q' in vhost '/': received 'true' but current is 'false'");
    declare(ch, "q", COMMAND_PASSIVE | COMMAND_DURABLE | COMMAND_AUTO_DELETE);
    expect_declared(ch, "q", 0, 0);
}

static void an_exclusive_durable_queue_may_be_redeclared_either_way(void **state)
{
    chan_t ch = new_channel(*state);
    declare(ch, "q", COMMAND_EXCLUSIVE | COMMAND_DURABLE);
    expect_declared(ch, "q", 0, 0);
    declare(ch, "q", COMMAND_EXCLUSIVE);
    expect_declared(ch, "q", 0, 0);
    declare(ch, "q", 0);
    expect_refusal(ch, 405, LOCKED);
}

static void others_are_locked_out_of_an_exclusive_queue(void **state)
{
    fixture_t *f = *state;
    chan_t owner = new_channel(f), other = new_channel(f);
    declare(owner, "q", COMMAND_EXCLUSIVE);
    expect_declared(owner, "q", 0, 0);
    declare(other, "q", COMMAND_EXCLUSIVE), expect_refusal_and_reopen(other, 405, LOCKED);
    declare(other, "q", COMMAND_PASSIVE), expect_refusal_and_reopen(other, 405, LOCKED);
    consume(other, "q", "t", 0), expect_refusal_and_reopen(other, 405, LOCKED);
    get(other, "q", 0), expect_refusal_and_reopen(other, 405, LOCKED);
    bind_queue(other, "q", "amq.direct", ""), expect_refusal_and_reopen(other, 405, LOCKED);
    unbind_queue(other, "q", "amq.direct", ""), expect_refusal_and_reopen(other, 405, LOCKED);
    purge(other, "q"), expect_refusal_and_reopen(other, 405, LOCKED);
    delete_queue(other, "q", 0), expect_refusal_and_reopen(other, 405, LOCKED);
    put(other, "q", "1"); /* publishing is allowed from anywhere */
    expect_nothing(other);
    assert_queue_is(owner, "q", "1");
}

static void reserved_names_are_refused_also_for_queues_that_exist(void **state)
{
    chan_t ch = new_channel(*state);
    declare(ch, "amq.gen-1", COMMAND_SERVER_NAMED);
    expect_declared(ch, "amq.gen-1", 0, 0);
    declare(ch, "amq.gen-1", 0);
    expect_refusal_and_reopen(ch, 403, "queue name 'amq.gen-1' contains reserved prefix 'amq.*'");
    declare(ch, "amq.gen-1", COMMAND_PASSIVE);
    expect_declared(ch, "amq.gen-1", 0, 0);
}

static void missing_queues_are_named(void **state)
{
    static const char why[] = "no queue 'q' in vhost '/'";
    chan_t ch = new_channel(*state);
    declare(ch, "q", COMMAND_PASSIVE), expect_refusal_and_reopen(ch, 404, why);
    declare(ch, "q", COMMAND_PASSIVE | COMMAND_NOWAIT), expect_refusal_and_reopen(ch, 404, why);
    declare(ch, "", COMMAND_PASSIVE), expect_refusal_and_reopen(ch, 404, "no queue '' in vhost '/'");
    consume(ch, "q", "t", 0), expect_refusal_and_reopen(ch, 404, why);
    get(ch, "q", 0), expect_refusal_and_reopen(ch, 404, why);
    purge(ch, "q"), expect_refusal_and_reopen(ch, 404, why);
    bind_queue(ch, "q", "amq.direct", ""), expect_refusal_and_reopen(ch, 404, why);
    bind_queue(ch, "q", "x", ""), expect_refusal_and_reopen(ch, 404, "no exchange 'x' in vhost '/'");
    delete_queue(ch, "q", 0), expect_counted(ch, 0); /* and these succeed */
    unbind_queue(ch, "q", "x", ""), expect_ok(ch);
}

static void an_empty_name_is_the_last_queue_declared_on_the_channel(void **state)
{
    fixture_t *f = *state;
    chan_t ch = new_channel(f), other = channel_of(ch.client, 2);
    new_queue(ch, "q"), new_queue(other, "p");
    put(ch, "q", "1"), put(ch, "p", "2");
    declare(ch, "p", COMMAND_PASSIVE), expect_declared(ch, "p", 1, 0);
    get(ch, "", COMMAND_NO_ACK), expect_got(ch, "2");
    declare(ch, "q", 0), expect_declared(ch, "q", 1, 0);
    purge(ch, ""), expect_counted(ch, 1);
    new_consumer(ch, "", "t", 0);
    delete_queue(ch, "", 0);
    expect(ch, EVENT_CONSUMER_GONE);
    expect_counted(ch, 0);
    assert_int_equal(counts(f).queues, 1);
    get(ch, "", 0), expect_refusal(ch, 404, "no queue 'q' in vhost '/'");
}

static void nothing_declared_yet_is_refused(void **state)
{
    static const char why[] = "no previously declared queue";
    chan_t ch = new_channel(*state);
    get(ch, "", 0), expect_refusal_and_reopen(ch, 404, why);
    consume(ch, "", "t", 0), expect_refusal_and_reopen(ch, 404, why);
    purge(ch, ""), expect_refusal_and_reopen(ch, 404, why);
    delete_queue(ch, "", 0), expect_refusal_and_reopen(ch, 404, why);
    bind_queue(ch, "", "amq.direct", ""), expect_refusal_and_reopen(ch, 404, why);
    unbind_queue(ch, "", "amq.direct", ""), expect_refusal_and_reopen(ch, 404, why);
    new_queue(ch, "q");
    close_channel(ch), expect(ch, EVENT_CHANNEL_CLOSED);
    open_channel(ch), expect(ch, EVENT_CHANNEL_OPENED);
    get(ch, "", 0), expect_refusal(ch, 404, why); /* a new channel knows none */
}

static void binding_with_neither_queue_nor_key_uses_the_queues_name_as_key(void **state)
{
    chan_t ch = new_channel(*state);
    new_queue(ch, "q");
    bound(ch, "", "amq.direct", "");
    publish(ch, "amq.direct", "q", "1");
    publish(ch, "amq.direct", "", "2");
    assert_queue_is(ch, "q", "1");
    unbind_queue(ch, "", "amq.direct", ""), expect_ok(ch);
    assert_int_equal(counts(*state).bindings, 0);
    bound(ch, "q", "amq.direct", "");
    publish(ch, "amq.direct", "", "3");
    assert_queue_is(ch, "q", "3");
}

static void other_arguments_make_another_binding_but_not_another_order(void **state)
{
    chan_t ch = new_channel(*state);
    buffer_t one = {0}, two = {0};
    new_queue(ch, "q");
    table_put_long(&one, "a", 1), table_put_long(&one, "b", 2);
    table_put_long(&two, "b", 2), table_put_long(&two, "a", 1);
    bind_with(ch, "q", "amq.direct", "k", buffer_bytes(&one)), expect_ok(ch);
    bind_with(ch, "q", "amq.direct", "k", buffer_bytes(&two)), expect_ok(ch);
    assert_int_equal(counts(*state).bindings, 1);
    bound(ch, "q", "amq.direct", "k");
    assert_int_equal(counts(*state).bindings, 2);
    unbind_queue(ch, "q", "amq.direct", "k"), expect_ok(ch);
    publish(ch, "amq.direct", "k", "1");
    assert_queue_is(ch, "q", "1");
    buffer_free(&one), buffer_free(&two);
}

static void the_default_exchange_cannot_be_bound(void **state)
{
    static const char why[] = "operation not permitted on the default exchange";
    chan_t ch = new_channel(*state);
    new_queue(ch, "q");
    bind_queue(ch, "q", "", "k"), expect_refusal_and_reopen(ch, 403, why);
    unbind_queue(ch, "q", "", "q"), expect_refusal(ch, 403, why);
}

static void purge_counts_and_takes_what_is_ready_only(void **state)
{
    chan_t ch = new_channel(*state);
    new_queue(ch, "q");
    put_many(ch, "q", 0, 10);
    uint64_t tag = got(ch, "q", "n00000");
    purge(ch, "q"), expect_counted(ch, 9);
    purge(ch, "q"), expect_counted(ch, 0);
    nack(ch, tag, COMMAND_REQUEUE);
    assert_queue_is(ch, "q", "n00000*");
}

static void delete_looks_at_its_conditions(void **state)
{
    fixture_t *f = *state;
    chan_t ch = new_channel(f);
    new_queue(ch, "q");
    put(ch, "q", "1");
    delete_queue(ch, "q", COMMAND_IF_EMPTY);
    expect_refusal_and_reopen(ch, 406, "queue 'q' in vhost '/' not empty");
    uint64_t tag = got(ch, "q", "1");
    chan_t other = channel_of(ch.client, 2);
    uint32_t number = new_consumer(other, "q", "t", 0);
    delete_queue(ch, "q", COMMAND_IF_UNUSED);
    expect_refusal_and_reopen(ch, 406, "queue 'q' in vhost '/' in use");
    expect_delivery_to(other, number, "1*"); /* the refused channel's message came back */
    (void)tag;
    delete_queue(ch, "q", COMMAND_IF_EMPTY); /* what is out does not count */
    expect_counted(ch, 0);
    expect(other, EVENT_CONSUMER_GONE);
}

static void deleting_drops_what_is_in_it_and_what_is_out_of_it(void **state)
{
    fixture_t *f = *state;
    chan_t ch = new_channel(f);
    new_queue(ch, "q");
    bound(ch, "q", "amq.topic", "a.#");
    put_many(ch, "q", 0, 10);
    uint64_t tag = got(ch, "q", "n00000");
    delete_queue(ch, "q", 0), expect_counted(ch, 9);
    run(f);
    assert_int_equal(counts(f).memory_bytes, 0);
    assert_int_equal(counts(f).bindings, 0);
    ack(ch, tag, 0); /* accepted silently */
    expect_nothing(ch);
    new_queue(ch, "q"); /* another queue of that name is empty */
}

static void consumers_of_a_deleted_queue_hear_of_it(void **state)
{
    fixture_t *f = *state;
    chan_t ch = new_channel(f), other = new_channel(f);
    new_queue(ch, "q");
    uint32_t number = new_consumer(other, "q", "t", 0);
    delete_queue(ch, "q", 0), expect_counted(ch, 0);
    const seen_t *gone = expect(other, EVENT_CONSUMER_GONE);
    assert_int_equal(gone->event.consumer, number);
    assert_int_equal(gone->event.flags, EVENT_NOTIFY);
    new_queue(ch, "q");
    new_consumer(other, "q", "t", 0); /* its tag is free again */
}

static void clients_that_do_not_want_to_hear_are_not_notified(void **state)
{
    fixture_t *f = *state;
    client_t *c = client_at(f, 0);
    opening_t view = {.vhost = text("/"), .user = text("guest")};
    push((chan_t){c, 0}, (command_t){.type = COMMAND_CONNECTION_OPEN, .opening = opening_new(&view)});
    expect((chan_t){c, 0}, EVENT_CONNECTION_OPENED);
    chan_t ch = channel_of(c, 1), other = new_channel(f);
    new_queue(ch, "q");
    new_consumer(ch, "q", "t", 0);
    delete_queue(other, "q", 0), expect_counted(other, 0);
    assert_int_equal(expect(ch, EVENT_CONSUMER_GONE)->event.flags, 0);
}

static void get_tells_how_many_are_left(void **state)
{
    chan_t ch = new_channel(*state);
    new_queue(ch, "q");
    put_many(ch, "q", 0, 3);
    for (uint32_t left = 3; left-- > 0;) {
        get(ch, "q", 0);
        const seen_t *s = expect(ch, EVENT_GET_OK);
        assert_int_equal(s->event.message_count, left);
        assert_int_equal(s->event.delivery_tag, 3 - left);
    }
    get(ch, "q", 0);
    expect(ch, EVENT_GET_EMPTY);
}

static void an_answer_bears_the_cause_of_its_request(void **state)
{
    chan_t ch = new_channel(*state);
    declare(ch, "q", 0);
    uint32_t declare_cause = ch.client->f->causes;
    get(ch, "q", 0);
    uint32_t get_cause = ch.client->f->causes;
    get(ch, "p", 0);
    uint32_t refused_cause = ch.client->f->causes;
    assert_int_equal(expect(ch, EVENT_QUEUE_DECLARED)->event.cause, declare_cause);
    assert_int_equal(expect(ch, EVENT_GET_EMPTY)->event.cause, get_cause);
    assert_int_equal(expect(ch, EVENT_CHANNEL_REFUSED)->refusal_cause, refused_cause);
}

static void no_wait_has_no_answer(void **state)
{
    chan_t ch = new_channel(*state);
    declare(ch, "q", COMMAND_NOWAIT);
    push_request(ch, COMMAND_QUEUE_BIND, COMMAND_NOWAIT, 0, ends("q", "amq.fanout", "", text("")));
    publish(ch, "amq.fanout", "", "1");
    push_request(ch, COMMAND_QUEUE_PURGE, COMMAND_NOWAIT, 0, (request_t){.name = text("q")});
    publish(ch, "amq.fanout", "", "2");
    expect_nothing(ch);
    assert_queue_is(ch, "q", "2");
    delete_queue(ch, "q", COMMAND_NOWAIT);
    delete_queue(ch, "q", COMMAND_NOWAIT);
    expect_nothing(ch);
    assert_int_equal(counts(*state).queues, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(declare_answers_with_what_is_there),
        fixture_test(a_redeclare_that_differs_is_refused_naming_the_first_difference),
        fixture_test(an_exclusive_durable_queue_may_be_redeclared_either_way),
        fixture_test(others_are_locked_out_of_an_exclusive_queue),
        fixture_test(reserved_names_are_refused_also_for_queues_that_exist),
        fixture_test(missing_queues_are_named),
        fixture_test(an_empty_name_is_the_last_queue_declared_on_the_channel),
        fixture_test(nothing_declared_yet_is_refused),
        fixture_test(binding_with_neither_queue_nor_key_uses_the_queues_name_as_key),
        fixture_test(other_arguments_make_another_binding_but_not_another_order),
        fixture_test(the_default_exchange_cannot_be_bound),
        fixture_test(purge_counts_and_takes_what_is_ready_only),
        fixture_test(delete_looks_at_its_conditions),
        fixture_test(deleting_drops_what_is_in_it_and_what_is_out_of_it),
        fixture_test(consumers_of_a_deleted_queue_hear_of_it),
        fixture_test(clients_that_do_not_want_to_hear_are_not_notified),
        fixture_test(get_tells_how_many_are_left),
        fixture_test(an_answer_bears_the_cause_of_its_request),
        fixture_test(no_wait_has_no_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
