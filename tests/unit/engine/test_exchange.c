/* SPDX-License-Identifier: Apache-2.0
 *
 * test_exchange.c: declare, delete, bind and unbind of exchanges: answers, codes and texts. */
#include "engine/expect.h"

static void the_predeclared_ones_are_there(void **state)
{
    chan_t ch = new_channel(*state);
    static const char *const names[] = {"amq.direct", "amq.fanout",         "amq.topic", "amq.headers",
                                        "amq.match",  "amq.rabbitmq.trace", "amq.events"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        declare_exchange(ch, names[i], "", COMMAND_PASSIVE);
        expect_ok(ch);
    }
    assert_int_equal(counts(*state).exchanges, 8);
    declare_exchange(ch, "amq.default", "", COMMAND_PASSIVE);
    expect_refusal(ch, 404, "no exchange 'amq.default' in vhost '/'");
}

static void declaring_twice_the_same_is_fine(void **state)
{
    chan_t ch = new_channel(*state);
    for (int i = 0; i < 2; i++) {
        declare_exchange(ch, "x", "topic", COMMAND_DURABLE);
        expect_ok(ch);
    }
    declare_exchange(ch, "amq.direct", "direct", COMMAND_DURABLE);
    expect_ok(ch);
    assert_int_equal(counts(*state).exchanges, 9);
}

static void a_redeclare_that_differs_is_refused_naming_the_first_difference(void **state)
{
    static const struct {
        const char *kind;
        int flags;
        const char *text;
    } table[] = {
        {"fanout", COMMAND_AUTO_DELETE,
         "inequivalent arg 'type' for exchange 'x' in vhost '/': received 'fanout' but current is 'direct'"},
        {"direct", COMMAND_DURABLE | COMMAND_AUTO_DELETE,
         "inequivalent arg 'durable' for exchange 'x' in vhost '/': received 'true' but current is 'false'"},
        {"direct", COMMAND_AUTO_DELETE | COMMAND_INTERNAL,
         "inequivalent arg 'auto_delete' for exchange 'x' in vhost '/': received 'true' but current is "
         "'false'"},
        {"direct", COMMAND_INTERNAL,
         "inequivalent arg 'internal' for exchange 'x' in vhost '/': received 'true' but current is 'false'"},
    };
    chan_t ch = new_channel(*state);
    new_exchange(ch, "x", "direct");
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        declare_exchange(ch, "x", table[i].kind, table[i].flags);
        expect_refusal_and_reopen(ch, 406, table[i].text);
    }
}

static void unknown_arguments_do_not_matter_on_a_redeclare(void **state)
{
    chan_t ch = new_channel(*state);
    buffer_t table = {0};
    table_put_long(&table, "x-whatever", 1);
    new_exchange(ch, "x", "direct");
    declare_exchange_with(ch, "x", "direct", 0, buffer_bytes(&table));
    expect_ok(ch);
    buffer_free(&table);
}

static void passive_asks_only_for_existence(void **state)
{
    chan_t ch = new_channel(*state);
    new_exchange(ch, "x", "direct");
    declare_exchange(ch, "x", "no such type", COMMAND_PASSIVE | COMMAND_DURABLE);
    expect_ok(ch);
    declare_exchange(ch, "y", "direct", COMMAND_PASSIVE);
    expect_refusal(ch, 404, "no exchange 'y' in vhost '/'");
}

static void what_may_not_be_declared_is_refused(void **state)
{
    chan_t ch = new_channel(*state);
    declare_exchange(ch, "x", "x-random", 0);
    expect_refusal_and_reopen(ch, 406, "unknown exchange type 'x-random'");
    declare_exchange(ch, "amq.new", "direct", 0);
    expect_refusal_and_reopen(ch, 403, "exchange name 'amq.new' contains reserved prefix 'amq.*'");
    declare_exchange(ch, "", "direct", 0);
    expect_refusal_and_reopen(ch, 403, "operation not permitted on the default exchange");
    declare_exchange(ch, "", "direct", COMMAND_PASSIVE);
    expect_refusal(ch, 403, "operation not permitted on the default exchange");
    assert_int_equal(counts(*state).exchanges, 8);
}

static void an_alternate_exchange_is_refused_by_name(void **state)
{
    chan_t ch = new_channel(*state);
    buffer_t table = {0};
    table_put_long(&table, "alternate-exchange", 1);
    declare_exchange_with(ch, "x", "direct", 0, buffer_bytes(&table));
    expect_refusal(ch, 406, "invalid type 'long' for arg 'alternate-exchange' in exchange 'x' in vhost '/'");
    buffer_clear(&table);
    table_put_string(&table, "alternate-exchange", BYTES("y"));
    ch = channel_of(ch.client, 2);
    declare_exchange_with(ch, "x", "direct", 0, buffer_bytes(&table));
    expect_hard_refusal(ch.client, 540,
                        "argument 'alternate-exchange' for exchange 'x' in vhost '/' is not supported");
    buffer_free(&table);
}

/* ---- delete ---- */

static void deleting_takes_the_bindings_on_both_sides_along(void **state)
{
    chan_t ch = new_channel(*state);
    new_queue(ch, "q");
    new_exchange(ch, "x", "direct");
    bound(ch, "q", "x", "k");
    bind_exchange(ch, "x", "amq.fanout", ""), expect_ok(ch);
    bind_exchange(ch, "amq.fanout", "x", ""), expect_ok(ch);
    delete_exchange(ch, "x", 0), expect_ok(ch);
    assert_int_equal(counts(*state).bindings, 0);
    assert_int_equal(counts(*state).exchanges, 8);
    publish(ch, "x", "k", "1");
    expect_refusal(ch, 404, "no exchange 'x' in vhost '/'");
}

static void deleting_what_is_not_there_succeeds(void **state)
{
    chan_t ch = new_channel(*state);
    delete_exchange(ch, "x", 0), expect_ok(ch);
    delete_exchange(ch, "x", COMMAND_IF_UNUSED), expect_ok(ch);
}

static void if_unused_refuses_while_it_is_a_source(void **state)
{
    chan_t ch = new_channel(*state);
    new_queue(ch, "q");
    new_exchange(ch, "x", "direct");
    bind_exchange(ch, "x", "amq.fanout", ""), expect_ok(ch); /* as a destination it is not used */
    bound(ch, "q", "x", "k");
    delete_exchange(ch, "x", COMMAND_IF_UNUSED);
    expect_refusal_and_reopen(ch, 406, "exchange 'x' in vhost '/' in use");
    unbind_queue(ch, "q", "x", "k"), expect_ok(ch);
    delete_exchange(ch, "x", COMMAND_IF_UNUSED), expect_ok(ch);
    assert_int_equal(counts(*state).bindings, 0);
}

static void what_belongs_to_the_broker_cannot_be_deleted(void **state)
{
    chan_t ch = new_channel(*state);
    delete_exchange(ch, "amq.direct", 0);
    expect_refusal_and_reopen(ch, 403, "deletion of system exchange 'amq.direct' in vhost '/' not allowed");
    delete_exchange(ch, "", 0);
    expect_refusal(ch, 403, "operation not permitted on the default exchange");
}

/* ---- bind, unbind ---- */

static void binding_and_unbinding_twice_is_fine(void **state)
{
    chan_t ch = new_channel(*state);
    new_exchange(ch, "x", "direct"), new_exchange(ch, "y", "topic");
    bind_exchange(ch, "x", "y", "k"), expect_ok(ch);
    bind_exchange(ch, "x", "y", "k"), expect_ok(ch);
    assert_int_equal(counts(*state).bindings, 1);
    unbind_exchange(ch, "x", "y", "other"), expect_ok(ch);
    assert_int_equal(counts(*state).bindings, 1);
    unbind_exchange(ch, "x", "y", "k"), expect_ok(ch);
    unbind_exchange(ch, "x", "y", "k"), expect_ok(ch);
    assert_int_equal(counts(*state).bindings, 0);
}

static void both_ends_must_be_there_to_bind_but_not_to_unbind(void **state)
{
    chan_t ch = new_channel(*state);
    new_exchange(ch, "x", "direct");
    bind_exchange(ch, "x", "y", "");
    expect_refusal_and_reopen(ch, 404, "no exchange 'y' in vhost '/'");
    bind_exchange(ch, "y", "x", "");
    expect_refusal_and_reopen(ch, 404, "no exchange 'y' in vhost '/'");
    unbind_exchange(ch, "x", "y", ""), expect_ok(ch);
    unbind_exchange(ch, "y", "x", ""), expect_ok(ch);
}

static void the_default_exchange_cannot_be_bound(void **state)
{
    static const char why[] = "operation not permitted on the default exchange";
    chan_t ch = new_channel(*state);
    bind_exchange(ch, "amq.direct", "", "");
    expect_refusal_and_reopen(ch, 403, why);
    bind_exchange(ch, "", "amq.direct", "");
    expect_refusal_and_reopen(ch, 403, why);
    unbind_exchange(ch, "", "amq.direct", "");
    expect_refusal(ch, 403, why);
}

static void a_queue_and_an_exchange_of_one_name_are_two_destinations(void **state)
{
    chan_t ch = new_channel(*state);
    new_queue(ch, "n"), new_exchange(ch, "n", "fanout");
    bound(ch, "n", "amq.direct", "k");
    bind_exchange(ch, "n", "amq.direct", "k"), expect_ok(ch);
    assert_int_equal(counts(*state).bindings, 2);
    unbind_exchange(ch, "n", "amq.direct", "k"), expect_ok(ch);
    publish(ch, "amq.direct", "k", "1");
    assert_queue_is(ch, "n", "1");
}

/* ---- auto-delete ---- */

static void auto_delete_goes_with_its_last_binding_as_source(void **state)
{
    chan_t ch = new_channel(*state);
    new_queue(ch, "q");
    declare_exchange(ch, "x", "direct", COMMAND_AUTO_DELETE), expect_ok(ch);
    bind_exchange(ch, "x", "amq.fanout", ""), expect_ok(ch);
    unbind_exchange(ch, "x", "amq.fanout", ""), expect_ok(ch); /* as destination: does not count */
    declare_exchange(ch, "x", "", COMMAND_PASSIVE), expect_ok(ch);
    bound(ch, "q", "x", "a"), bound(ch, "q", "x", "b");
    unbind_queue(ch, "q", "x", "a"), expect_ok(ch);
    declare_exchange(ch, "x", "", COMMAND_PASSIVE), expect_ok(ch);
    unbind_queue(ch, "q", "x", "b"), expect_ok(ch);
    declare_exchange(ch, "x", "", COMMAND_PASSIVE);
    expect_refusal(ch, 404, "no exchange 'x' in vhost '/'");
}

static void auto_delete_goes_when_its_queue_is_deleted(void **state)
{
    chan_t ch = new_channel(*state);
    new_queue(ch, "q");
    declare_exchange(ch, "x", "topic", COMMAND_AUTO_DELETE), expect_ok(ch);
    bound(ch, "q", "x", "a.#");
    delete_queue(ch, "q", 0), expect_counted(ch, 0);
    declare_exchange(ch, "x", "", COMMAND_PASSIVE);
    expect_refusal(ch, 404, "no exchange 'x' in vhost '/'");
}

static void auto_delete_passes_along_a_chain(void **state)
{
    chan_t ch = new_channel(*state);
    new_queue(ch, "q");
    for (int i = 0; i < 3; i++) {
        static const char *const names[] = {"x", "y", "z"};
        declare_exchange(ch, names[i], "fanout", COMMAND_AUTO_DELETE), expect_ok(ch);
        if (i > 0)
            bind_exchange(ch, names[i - 1], names[i], ""), expect_ok(ch);
    }
    bound(ch, "q", "x", "");
    delete_queue(ch, "q", 0), expect_counted(ch, 0);
    assert_int_equal(counts(*state).exchanges, 8);
    assert_int_equal(counts(*state).bindings, 0);
}

/* ---- x-match ---- */

static void x_match_must_be_a_known_word(void **state)
{
    chan_t ch = new_channel(*state);
    new_queue(ch, "q");
    buffer_t table = {0};
    table_put_string(&table, "x-match", BYTES("foo"));
    bind_with(ch, "q", "amq.headers", "", buffer_bytes(&table));
    expect_refusal_and_reopen(
        ch, 406, "Invalid x-match field value <<\"foo\">>; expected all, any, all-with-x, or any-with-x");
    bind_with(ch, "q", "amq.direct", "", buffer_bytes(&table));
    expect_ok(ch); /* means nothing there */
    buffer_clear(&table);
    field_t number = {'I', BYTES("\0\0\0\1")};
    table_put_field(&table, BYTES("x-match"), &number);
    bind_with(ch, "q", "amq.headers", "", buffer_bytes(&table));
    expect_refusal(ch, 406, "Invalid x-match field type signedint (value 1); expected longstr");
    buffer_free(&table);
}

static void no_wait_has_no_answer(void **state)
{
    chan_t ch = new_channel(*state);
    declare_exchange(ch, "x", "direct", COMMAND_NOWAIT);
    delete_exchange(ch, "x", COMMAND_NOWAIT);
    delete_exchange(ch, "x", COMMAND_NOWAIT);
    expect_nothing(ch);
    declare_exchange(ch, "x", "", COMMAND_PASSIVE | COMMAND_NOWAIT);
    expect_refusal(ch, 404, "no exchange 'x' in vhost '/'");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(the_predeclared_ones_are_there),
        fixture_test(declaring_twice_the_same_is_fine),
        fixture_test(a_redeclare_that_differs_is_refused_naming_the_first_difference),
        fixture_test(unknown_arguments_do_not_matter_on_a_redeclare),
        fixture_test(passive_asks_only_for_existence),
        fixture_test(what_may_not_be_declared_is_refused),
        fixture_test(an_alternate_exchange_is_refused_by_name),
        fixture_test(deleting_takes_the_bindings_on_both_sides_along),
        fixture_test(deleting_what_is_not_there_succeeds),
        fixture_test(if_unused_refuses_while_it_is_a_source),
        fixture_test(what_belongs_to_the_broker_cannot_be_deleted),
        fixture_test(binding_and_unbinding_twice_is_fine),
        fixture_test(both_ends_must_be_there_to_bind_but_not_to_unbind),
        fixture_test(the_default_exchange_cannot_be_bound),
        fixture_test(a_queue_and_an_exchange_of_one_name_are_two_destinations),
        fixture_test(auto_delete_goes_with_its_last_binding_as_source),
        fixture_test(auto_delete_goes_when_its_queue_is_deleted),
        fixture_test(auto_delete_passes_along_a_chain),
        fixture_test(x_match_must_be_a_known_word),
        fixture_test(no_wait_has_no_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
