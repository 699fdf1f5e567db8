/* SPDX-License-Identifier: Apache-2.0
 *
 * test_tx_dedup.c: messages with ids and numbers in transactions: where they go was decided when they were published, whether
 * they are repeats is decided by the commit, and that takes no long step. */
#include "engine/dedup.h"
#include "engine/engine_internal.h"
#include "engine/tx.h"

static chan_t transactional(fixture_t *f)
{
    chan_t ch = new_channel(f);
    tx_select(ch);
    return ch;
}

static void unbound(chan_t ch, const char *queue, const char *exchange)
{
    unbind_queue(ch, queue, exchange, "");
    expect_ok(ch);
}

/* As one without an id does. */
static void it_goes_where_it_was_bound(void **state)
{
    fixture_t *f = *state;
    chan_t ch = transactional(f);
    window_exchange(ch, "x", "fanout", 0, (window_t){0});
    new_queue(ch, "q"), bound(ch, "q", "x", "");
    publish_id(ch, "x", "", "a"), publish_number(ch, "x", "", "b", 0, "p", 1), publish(ch, "x", "", "c");
    unbound(ch, "q", "x");
    committed(ch);
    assert_queue_is(ch, "q", "a", "b", "c");
    bound(ch, "q", "x", ""); /* and it is remembered */
    publish_id(ch, "x", "", "a"), publish_number(ch, "x", "", "b", 0, "p", 1), committed(ch);
    assert_queue_is_empty(ch, "q");
}

/* One that a window knew when it was published, and has forgotten by the commit, is no repeat: it is not lost. */
static void what_is_forgotten_before_the_commit_is_new(void **state)
{
    fixture_t *f = *state;
    chan_t ch = transactional(f), other = new_channel(f);
    window_exchange(ch, "x", "fanout", 0, (window_t){.size = 1});
    new_queue(ch, "q"), bound(ch, "q", "x", "");
    publish_id(other, "x", "", "a");
    publish_id(ch, "x", "", "a"); /* would be a repeat, if it were committed alone */
    rolled_back(ch);
    publish_id(ch, "x", "", "b"), publish_id(ch, "x", "", "a");
    committed(ch);
    assert_queue_is(other, "q", "a", "b", "a");
    window_exchange(ch, "t", "fanout", 0, (window_t){.ttl_ms = 1000});
    bound(ch, "q", "t", "");
    publish_id(other, "t", "", "c");
    publish_id(ch, "t", "", "c");
    run(f);
    advance(f, 1000);
    committed(ch);
    assert_queue_is(other, "q", "c", "c");
    assert_int_equal(counts(f).duplicates, 0);
}

/* y leads to `direct`, and by x, which knows repeats, to `behind` and `other`. */
static void two_exchanges(chan_t ch)
{
    new_exchange(ch, "y", "fanout");
    window_exchange(ch, "x", "fanout", 0, (window_t){0});
    bind_exchange(ch, "x", "y", ""), expect_ok(ch);
    new_queue(ch, "direct"), bound(ch, "direct", "y", "");
    new_queue(ch, "behind"), bound(ch, "behind", "x", "");
    new_queue(ch, "other"), bound(ch, "other", "x", "");
}

static void also_behind_an_exchange_that_knows_repeats(void **state)
{
    fixture_t *f = *state;
    chan_t ch = transactional(f);
    two_exchanges(ch);
    publish_id(ch, "y", "", "a"), publish_id(ch, "y", "", "a");
    unbound(ch, "behind", "x"), unbound(ch, "direct", "y");
    committed(ch);
    assert_queue_is(ch, "other", "a");
    assert_queue_is(ch, "direct", "a", "a");
    /* of the second nobody knows any more that it would have been kept out here: it is not lost */
    assert_queue_is(ch, "behind", "a", "a");
}

static void what_is_bound_later_is_not_for_it(void **state)
{
    fixture_t *f = *state;
    chan_t ch = transactional(f);
    two_exchanges(ch);
    publish_id(ch, "y", "", "a");
    new_queue(ch, "late"), bound(ch, "late", "x", "");
    committed(ch);
    assert_queue_is(ch, "behind", "a");
    assert_queue_is_empty(ch, "late");
}

/* A headers exchange with very many bindings, none of which fits but one. */
static void hard_to_route(chan_t ch, const char *name, unsigned bindings)
{
    char value[16];
    new_exchange(ch, name, "headers");
    new_queue(ch, "q");
    for (unsigned i = 0; i < bindings; i++) {
        buffer_t b = {0};
        table_put_string(&b, "no", text(numbered(value, i)));
        bind_with(ch, "q", name, "", buffer_bytes(&b)), expect_ok(ch);
        buffer_free(&b);
    }
}

/* Else a commit could look at as many bindings as there are, for each of its messages, in one step. */
static void the_commit_does_not_route_again(void **state)
{
    (void)state;
    enum { BINDINGS = 1000, MESSAGES = 300 };
    fixture_t *f = durable_new((fixture_options_t){.transaction_actions = MESSAGES * 2});
    chan_t ch = transactional(f);
    hard_to_route(ch, "h", BINDINGS);
    for (int i = 0; i < MESSAGES; i++)
        publish_number(ch, "h", "", "1", 0, "p", i);
    run(f);
    assert_in_range(f->engine->route.work, BINDINGS, 2 * BINDINGS); /* of the last one that was routed */
    f->engine->route.work = 0;
    committed(ch);
    assert_int_equal(f->engine->route.work, 0);
    durable_free(f);
}

/* Behind an exchange that knows repeats it has to: what that costs counts. */
static void what_must_be_routed_again_counts(void **state)
{
    (void)state;
    fixture_t *f = durable_new((fixture_options_t){.transaction_actions = 100});
    chan_t ch = transactional(f), other = transactional(f);
    two_exchanges(ch);
    hard_to_route(ch, "h", 40);
    bind_exchange(ch, "h", "x", ""), expect_ok(ch);
    publish_id(ch, "y", "", "a"), committed(ch);
    assert_queue_is(ch, "direct", "a");
    publish_id(ch, "y", "", "b"), publish_id(ch, "y", "", "c"), publish_id(ch, "y", "", "d");
    expect_hard_refusal(ch.client, 506,
                        "transaction on channel 1 has more than 100 publishes to queues and acks "
                        "(limits.transaction_actions)");
    /* bindings that come later too */
    bind_exchange(other, "h", "x", "again"), expect_ok(other);
    publish_id(other, "y", "", "e");
    buffer_t b = {0};
    char key[16];
    table_put_string(&b, "no", text("x"));
    for (unsigned i = 0; i < 100; i++)
        bind_with(other, "q", "h", numbered(key, i), buffer_bytes(&b)), expect_ok(other);
    buffer_free(&b);
    commit(other);
    expect_refusal(other, 406, "partial tx completion");
    durable_free(f);
}

/* Each has a look, and an entry. */
static void windows_on_the_way_count(void **state)
{
    (void)state;
    fixture_t *f = durable_new((fixture_options_t){.transaction_actions = 10});
    chan_t ch = transactional(f);
    char id[16];
    window_exchange(ch, "x", "fanout", 0, (window_t){0});
    new_queue(ch, "q"), bound(ch, "q", "x", "");
    for (unsigned i = 0; i < 5; i++)
        publish_id(ch, "x", "", numbered(id, i));
    committed(ch);
    for (unsigned i = 5; i < 11; i++)
        publish_id(ch, "x", "", numbered(id, i));
    expect_hard_refusal(ch.client, 506,
                        "transaction on channel 1 has more than 10 publishes to queues and acks "
                        "(limits.transaction_actions)");
    durable_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(it_goes_where_it_was_bound),
        fixture_test(what_is_forgotten_before_the_commit_is_new),
        fixture_test(also_behind_an_exchange_that_knows_repeats),
        fixture_test(what_is_bound_later_is_not_for_it),
        cmocka_unit_test(the_commit_does_not_route_again),
        cmocka_unit_test(what_must_be_routed_again_counts),
        cmocka_unit_test(windows_on_the_way_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
