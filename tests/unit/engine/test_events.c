/* SPDX-License-Identifier: Apache-2.0
 *
 * Synchronous events: who is asked, when it is decided, what the publisher is told. */
#include "engine/events.h"

#define REPORT(status, seq, view, need, ok, failed, pending, gone, handlers)                                 \
    "{\"status\":\"" status "\",\"topic\":\"t\",\"seq\":" #seq ",\"view\":" #view ",\"need\":" #need         \
    ",\"ok\":" #ok ",\"failed\":" #failed ",\"pending\":" #pending ",\"gone\":" #gone                        \
    ",\"handlers\":[" handlers "]}"
#define HANDLER(name, status, attempts)                                                                      \
    "{\"name\":\"" name "\",\"status\":\"" status "\",\"attempts\":" #attempts "}"
#define SAID(name, status, attempts, what)                                                                   \
    "{\"name\":\"" name "\",\"status\":\"" status "\",\"attempts\":" #attempts "," what "}"

static void an_event_is_over_when_all_have_acked(void **state)
{
    chan_t a = handler(*state, "a"), b = handler(*state, "b"), p = new_channel(*state);
    ask(p, "t", "1");
    uint64_t at = expect_event(a, "1"), bt = expect_event(b, "1");
    say(a, at, "42"), ack(a, at, 0);
    expect_nothing(p);
    ack(b, bt, 0);
    expect_report(p, REPORT("ok", 1, 2, 2, 2, 0, 0, 0,
                            SAID("a", "ok", 1, "\"result\":\"42\"") "," HANDLER("b", "ok", 1)));
}

static void a_failure_is_gathered_with_the_others_results(void **state)
{
    chan_t a = handler(*state, "a"), b = handler(*state, "b"), p = new_channel(*state);
    ask(p, "t", "1");
    uint64_t at = expect_event(a, "1"), bt = expect_event(b, "1");
    say(a, at, "no \"stock\""), nack(a, at, 0);
    expect_nothing(p);
    say(b, bt, "\xff"), ack(b, bt, 0);
    expect_report(p, REPORT("failed", 1, 2, 2, 1, 1, 0, 0,
                            SAID("a", "failed", 1, "\"error\":\"no \\\"stock\\\"\"") "," SAID(
                                "b", "ok", 1, "\"result64\":\"/w==\"")));
    declare(p, "a", COMMAND_PASSIVE), expect_declared(p, "a", 0, 1); /* rejected for good */
}

static void without_a_group_it_is_none_at_once_and_stored_for_the_absent(void **state)
{
    chan_t p = new_channel(*state);
    new_queue(p, "away"), bound(p, "away", "amq.events", "t");
    ask(p, "t", "1");
    expect_report(p, REPORT("none", 1, 0, 0, 0, 0, 0, 0, ""));
    assert_queue_is(p, "away", "1");
    publish_with(p, "amq.events", "nowhere", "2", COMMAND_ASKS | COMMAND_MANDATORY, bytes_make("\0\0", 2));
    assert_string_equal(expect(p, EVENT_RETURN)->body, "2");
    expect(p, EVENT_REPORT);
}

static void who_does_not_ack_or_only_observes_is_not_waited_for(void **state)
{
    chan_t a = handler(*state, "a"), sub = new_channel(*state), audit = new_channel(*state),
           p = new_channel(*state);
    buffer_t never = {0};
    table_put_string(&never, "x-sync", BYTES("never"));
    new_queue(sub, "sub"), bound(sub, "sub", "amq.events", "#"), new_consumer(sub, "sub", "", COMMAND_NO_ACK);
    new_queue(audit, "audit"), bind_with(audit, "audit", "amq.events", "#", buffer_bytes(&never));
    expect_ok(audit), new_consumer(audit, "audit", "", 0);
    ask(p, "t", "1");
    assert_string_equal(expect(sub, EVENT_DELIVER)->body, "1");
    assert_string_equal(expect(audit, EVENT_DELIVER)->body, "1");
    ack(a, expect_event(a, "1"), 0);
    assert_non_null(strstr(expect(p, EVENT_REPORT)->text, "\"need\":1,\"ok\":1"));
    buffer_free(&never);
}

static void past_its_deadline_the_publisher_learns_who_is_pending(void **state)
{
    chan_t a = handler(*state, "a"), b = handler(*state, "b"), p = new_channel(*state);
    ask(p, "t", "1");
    ack(a, expect_event(a, "1"), 0);
    uint64_t late = expect_event(b, "1");
    advance(*state, 4999), expect_nothing(p);
    advance(*state, 1);
    expect_report(
        p, REPORT("timeout", 1, 2, 2, 1, 0, 1, 0, HANDLER("a", "ok", 1) "," HANDLER("b", "pending", 1)));
    say(b, late, "late"), ack(b, late, 0), run(*state); /* settles the queue, not the report */
    declare(p, "b", COMMAND_PASSIVE), expect_declared(p, "b", 0, 1);
    assert_int_equal(counts(*state).messages_unacked, 0);
    expect_nothing(p);
}

static void a_member_that_dies_leaves_it_to_the_next_one(void **state)
{
    chan_t a = handler(*state, "a"), second = new_channel(*state), p = new_channel(*state);
    new_consumer(second, "a", "", 0);
    ask(p, "t", "1");
    uint64_t tag = expect_event(a, "1");
    say(a, tag, "lost with its ack");
    hang_up(a.client), run(*state);
    ack(second, expect_event(second, "1"), 0);
    expect_report(p, REPORT("ok", 1, 1, 1, 1, 0, 0, 0, HANDLER("a", "ok", 2)));
}

static void a_named_group_without_members_is_waited_for_until_one_joins(void **state)
{
    chan_t a = handler(*state, "a"), p = new_channel(*state);
    ask(p, "t", "1");
    expect_event(a, "1"), hang_up(a.client), run(*state), expect_nothing(p);
    ask(p, "t", "2"); /* no group any more: stored */
    expect_report(p, REPORT("none", 2, 2, 0, 0, 0, 0, 0, ""));
    chan_t again = new_channel(*state);
    new_consumer(again, "a", "", 0);
    ack(again, expect_event(again, "1"), 0);
    expect_report(p, REPORT("ok", 1, 1, 1, 1, 0, 0, 0, HANDLER("a", "ok", 2)));
}

static void a_nameless_group_ends_with_its_member_and_is_no_failure(void **state)
{
    chan_t a = handler(*state, "a"), b = nameless_handler(*state, "b"), p = new_channel(*state);
    ask(p, "t", "1");
    expect_event(b, "1"), hang_up(b.client), run(*state);
    ack(a, expect_event(a, "1"), 0);
    expect_report(p, REPORT("ok", 1, 2, 1, 1, 0, 0, 1, HANDLER("a", "ok", 1) "," HANDLER("b", "gone", 1)));
}

static void with_every_group_gone_it_is_none(void **state)
{
    chan_t a = nameless_handler(*state, "a"), p = new_channel(*state);
    ask(p, "t", "1");
    expect_event(a, "1"), hang_up(a.client);
    expect_report(p, REPORT("none", 1, 1, 0, 0, 0, 0, 1, HANDLER("a", "gone", 1)));
}

static void a_deleted_or_purged_queue_owes_nothing_any_more(void **state)
{
    chan_t a = handler(*state, "a"), b = handler(*state, "b"), p = new_channel(*state);
    qos(b, 1, 0), expect_ok(b);
    consume(b, "b", "second", COMMAND_NOWAIT), run(*state); /* with a prefetch: what comes next stays ready */
    cancel(b, "", COMMAND_NOWAIT), expect(b, EVENT_CONSUMER_GONE);
    chan_t prefetched = b;
    ask(p, "t", "1"), ask(p, "t", "2");
    uint64_t held = expect_event(b, "1");
    ack(a, expect_event(a, "1"), 0), ack(a, expect_event(a, "2"), 0);
    purge(b, "b"), expect_counted(b, 1);
    assert_non_null(strstr(expect(p, EVENT_REPORT)->text, "\"seq\":2,\"view\":2,\"need\":1,\"ok\":1"));
    ack(prefetched, held, 0);
    assert_non_null(strstr(expect(p, EVENT_REPORT)->text, "\"seq\":1,\"view\":2,\"need\":2,\"ok\":2"));
    ask(p, "t", "3");
    ack(a, expect_event(a, "3"), 0);
    chan_t d = new_channel(*state);
    expect_event(b, "3"), delete_queue(d, "b", 0), expect_counted(d, 0);
    assert_non_null(strstr(expect(p, EVENT_REPORT)->text, "\"gone\":1"));
}

static void a_poison_event_is_tried_three_times_and_has_failed(void **state)
{
    chan_t a = handler(*state, "a"), p = new_channel(*state);
    ask(p, "t", "1");
    for (int i = 0; i < 3; i++)
        nack(a, expect_event(a, "1"), COMMAND_REQUEUE);
    expect_report(
        p, REPORT("failed", 1, 1, 1, 0, 1, 0, 0, SAID("a", "failed", 3, "\"error\":\"delivered 3 times\"")));
    expect_nothing(a);
    assert_int_equal(counts(*state).messages_ready + counts(*state).messages_unacked, 0);
}

static void the_delivery_says_how_often_it_came_before(void **state)
{
    chan_t a = handler(*state, "a"), p = new_channel(*state);
    ask(p, "t", "1");
    const seen_t *s = expect(a, EVENT_DELIVER);
    assert_int_equal(s->event.consumer_count, 0);
    assert_int_equal(s->event.flags, EVENT_ASKS);
    nack(a, s->event.delivery_tag, COMMAND_REQUEUE);
    s = expect(a, EVENT_DELIVER);
    assert_int_equal(s->event.consumer_count, 1);
    assert_int_equal(s->event.flags, EVENT_ASKS | EVENT_REDELIVERED);
    publish(p, "amq.events", "t", "2"); /* asks nothing: nobody is asked */
    s = expect(a, EVENT_DELIVER);
    assert_int_equal(s->event.flags, 0);
    assert_int_equal(s->seq, 2);
}

static void who_joins_later_owes_nothing_and_sees_what_comes_then(void **state)
{
    chan_t a = handler(*state, "a"), p = new_channel(*state);
    ask(p, "t", "1");
    uint64_t tag = expect_event(a, "1");
    chan_t b = handler(*state, "b");
    ack(a, tag, 0);
    expect_report(p, REPORT("ok", 1, 1, 1, 1, 0, 0, 0, HANDLER("a", "ok", 1)));
    ask(p, "t", "2");
    expect_event(b, "2");
}

static void every_join_and_leave_raises_the_view(void **state)
{
    chan_t a = handler(*state, "a"), p = new_channel(*state), second = new_channel(*state);
    publish(p, "amq.events", "t", "1");
    assert_int_equal(expect(a, EVENT_DELIVER)->view, 1);
    new_consumer(second, "a", "", 0); /* the same group */
    handler(*state, "b");
    publish(p, "amq.events", "t", "2");
    assert_int_equal(expect(a, EVENT_DELIVER)->view, 2);
    unbind_queue(p, "b", "amq.events", "#"), expect_ok(p);
    publish(p, "amq.events", "t", "3");
    assert_int_equal(expect(second, EVENT_DELIVER)->view, 3);
}

/* ---- policies ---- */

static void ask_policy(chan_t p, const char *body, const char *policy)
{
    buffer_t headers = {0}, properties = {0};
    table_put_string(&headers, "x-sync", text(policy));
    ask_with(p, "t", body, properties_of_headers(&properties, buffer_bytes(&headers)));
    buffer_free(&headers);
    buffer_free(&properties);
}

static void a_policy_says_how_many_must_have_handled_it(void **state)
{
    chan_t h[3] = {handler(*state, "a"), handler(*state, "b"), handler(*state, "c")}, p = new_channel(*state);
    static const struct {
        const char *policy, *body;
        int acks;
    } table[] = {{"one", "1", 1}, {"quorum", "2", 2}, {"all", "3", 3}, {"2", "4", 2}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        uint64_t tags[3];
        ask_policy(p, table[i].body, table[i].policy);
        for (int k = 0; k < 3; k++)
            tags[k] = expect_event(h[k], table[i].body);
        for (int k = 0; k < 3; k++) {
            if (k < table[i].acks)
                expect_nothing(p);
            ack(h[k], tags[k], 0);
            if (k == table[i].acks - 1)
                assert_non_null(strstr(expect(p, EVENT_REPORT)->text, "\"status\":\"ok\""));
        }
        expect_nothing(p);
    }
    ask_policy(p, "5", "none"); /* stored is enough */
    assert_non_null(strstr(expect(p, EVENT_REPORT)->text, "\"status\":\"ok\",\"topic\":\"t\",\"seq\":5"));
}

static void it_has_failed_as_soon_as_too_few_are_left(void **state)
{
    chan_t a = handler(*state, "a"), b = handler(*state, "b"), p = new_channel(*state);
    ask_policy(p, "1", "one");
    nack(a, expect_event(a, "1"), 0), expect_nothing(p);
    nack(b, expect_event(b, "1"), 0);
    assert_non_null(strstr(expect(p, EVENT_REPORT)->text, "\"status\":\"failed\""));
    ask_policy(p, "2", "3"); /* more than there are */
    ack(a, expect_event(a, "2"), 0), ack(b, expect_event(b, "2"), 0);
    assert_non_null(strstr(expect(p, EVENT_REPORT)->text, "\"status\":\"failed\""));
}

static void a_policy_that_is_none_is_refused(void **state)
{
    chan_t p = new_channel(*state);
    ask_policy(p, "1", "most");
    expect_refusal(p, 406,
                   "invalid header 'x-sync': 'most', expected all, quorum, one, none or a number of groups");
}

static void who_asks_where_nothing_is_counted_is_refused(void **state)
{
    chan_t p = new_channel(*state);
    publish_with(p, "amq.topic", "t", "1", COMMAND_ASKS, bytes_make("\0\0", 2));
    expect_refusal(
        p, 406,
        "exchange 'amq.topic' in vhost '/' is not synchronous: what becomes of its messages is not "
        "known");
}

static void an_exchange_of_ones_own_can_be_synchronous(void **state)
{
    chan_t ch = new_channel(*state), p = new_channel(*state);
    buffer_t arguments = {0};
    table_put_string(&arguments, "x-sync", BYTES("all"));
    table_put_long(&arguments, "x-sync-timeout", 100);
    table_put_long(&arguments, "x-sync-window", 1);
    declare_exchange_with(ch, "x", "direct", 0, buffer_bytes(&arguments)), expect_ok(ch);
    declare_exchange_with(ch, "x", "direct", 0, buffer_bytes(&arguments)), expect_ok(ch);
    new_queue(ch, "q"), bound(ch, "q", "x", "t"), new_consumer(ch, "q", "", 0);
    publish_with(p, "x", "t", "1", COMMAND_ASKS, bytes_make("\0\0", 2));
    publish_with(p, "x", "t", "2", COMMAND_ASKS, bytes_make("\0\0", 2));
    expect_event(ch, "1"), expect_nothing(ch);
    advance(*state, 100);
    assert_non_null(strstr(expect(p, EVENT_REPORT)->text, "\"status\":\"timeout\""));
    expect_event(ch, "2");
    buffer_clear(&arguments);
    table_put_string(&arguments, "x-sync", BYTES("one"));
    declare_exchange_with(ch, "x", "direct", 0, buffer_bytes(&arguments));
    expect_refusal(
        ch, 406,
        "inequivalent arg 'x-sync' for exchange 'x' in vhost '/': received 'one' but current is 'all'");
    buffer_free(&arguments);
}

static void arguments_that_mean_nothing_are_refused(void **state)
{
    chan_t ch = new_channel(*state);
    static const struct {
        const char *key, *value, *why;
    } table[] = {
        {"x-sync", "some",
         "invalid arg 'x-sync' for exchange 'x' in vhost '/': 'some', expected all, quorum, one, none or a "
         "number of groups"},
        {"x-sync-window", "1",
         "invalid arg 'x-sync-window' for exchange 'x' in vhost '/': it means nothing without 'x-sync'"},
        {"x-dedup", "1",
         "invalid arg 'x-dedup' for exchange 'x' in vhost '/': it means nothing without 'x-sync'"},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        buffer_t arguments = {0};
        table_put_string(&arguments, table[i].key, text(table[i].value));
        declare_exchange_with(ch, "x", "direct", 0, buffer_bytes(&arguments));
        expect_refusal_and_reopen(ch, 406, table[i].why);
        buffer_free(&arguments);
    }
}

/* ---- windows ---- */

static void a_full_window_holds_the_publisher_back(void **state)
{
    fixture_t *f = *state;
    chan_t a = handler(f, "a"), p = new_channel(f);
    char body[16];
    for (unsigned i = 1; i <= 1030; i++)
        ask(p, "t", numbered(body, i));
    run(f);
    assert_int_equal(pending_count(a), 1024);
    for (unsigned i = 1; i <= 1030; i++)
        ack(a, expect_event(a, numbered(body, i)), 0);
    for (unsigned i = 1; i <= 1030; i++)
        expect(p, EVENT_REPORT);
    expect_nothing(p);
}

static void publishers_that_wait_take_turns_and_keep_their_order(void **state)
{
    fixture_t *f = *state;
    chan_t ch = new_channel(f), p1 = new_channel(f), p2 = new_channel(f);
    buffer_t arguments = {0};
    table_put_string(&arguments, "x-sync", BYTES("all"));
    table_put_long(&arguments, "x-sync-window", 1);
    declare_exchange_with(ch, "x", "direct", 0, buffer_bytes(&arguments)), expect_ok(ch);
    new_queue(ch, "q"), bound(ch, "q", "x", "t"), new_consumer(ch, "q", "", 0);
    static const char *const bodies[] = {"a1", "b1", "a2", "b2", "a3", "b3"};
    for (int i = 0; i < 6; i++)
        publish_with(i % 2 ? p2 : p1, "x", "t", bodies[i], COMMAND_ASKS, bytes_make("\0\0", 2));
    for (int i = 0; i < 6; i++) {
        ack(ch, expect_event(ch, bodies[i]), 0);
        expect(i % 2 ? p2 : p1, EVENT_REPORT);
    }
    buffer_free(&arguments);
}

static void who_waits_for_itself_is_told_at_once(void **state)
{
    chan_t ch = new_channel(*state);
    buffer_t arguments = {0};
    table_put_string(&arguments, "x-sync", BYTES("all"));
    table_put_long(&arguments, "x-sync-window", 1);
    declare_exchange_with(ch, "x", "direct", 0, buffer_bytes(&arguments)), expect_ok(ch);
    new_queue(ch, "q"), bound(ch, "q", "x", "t"), new_consumer(ch, "q", "", 0);
    publish_with(ch, "x", "t", "1", COMMAND_ASKS, bytes_make("\0\0", 2));
    uint64_t tag = expect_event(ch, "1");
    publish_with(ch, "x", "t", "2", COMMAND_ASKS, bytes_make("\0\0", 2));
    assert_non_null(
        strstr(expect(ch, EVENT_REPORT)->text, "\"status\":\"failed\",\"topic\":\"t\",\"seq\":0"));
    ack(ch, tag, 0);
    assert_non_null(strstr(expect(ch, EVENT_REPORT)->text, "\"status\":\"ok\""));
    buffer_free(&arguments);
}

static void a_publisher_that_goes_while_it_waits_takes_its_events_along(void **state)
{
    fixture_t *f = *state;
    chan_t ch = new_channel(f), p = new_channel(f), q = new_channel(f);
    buffer_t arguments = {0};
    table_put_string(&arguments, "x-sync", BYTES("all"));
    table_put_long(&arguments, "x-sync-window", 1);
    declare_exchange_with(ch, "x", "direct", 0, buffer_bytes(&arguments)), expect_ok(ch);
    new_queue(ch, "q"), bound(ch, "q", "x", "t"), new_consumer(ch, "q", "", 0);
    publish_with(p, "x", "t", "1", COMMAND_ASKS, bytes_make("\0\0", 2));
    publish_with(p, "x", "t", "2", COMMAND_ASKS, bytes_make("\0\0", 2));
    publish_with(q, "x", "t", "3", COMMAND_ASKS, bytes_make("\0\0", 2));
    uint64_t tag = expect_event(ch, "1");
    hang_up(p.client), run(f);
    ack(ch, tag, 0); /* the event goes on without it */
    expect_event(ch, "3");
    delete_exchange(ch, "x", 0), expect_ok(ch);
    buffer_free(&arguments);
}

static void an_exchange_that_is_deleted_lets_those_go_who_wait(void **state)
{
    fixture_t *f = *state;
    chan_t ch = new_channel(f), p = new_channel(f), d = new_channel(f);
    buffer_t arguments = {0};
    table_put_string(&arguments, "x-sync", BYTES("all"));
    table_put_long(&arguments, "x-sync-window", 1);
    declare_exchange_with(ch, "x", "direct", 0, buffer_bytes(&arguments)), expect_ok(ch);
    new_queue(ch, "q"), bound(ch, "q", "x", "t"), new_consumer(ch, "q", "", 0);
    publish_with(p, "x", "t", "1", COMMAND_ASKS, bytes_make("\0\0", 2));
    publish_with(p, "x", "t", "2", COMMAND_ASKS, bytes_make("\0\0", 2));
    uint64_t tag = expect_event(ch, "1");
    delete_exchange(d, "x", 0), expect_ok(d);
    expect_refusal(p, 404, "no exchange 'x' in vhost '/'");
    ack(ch, tag, 0), run(f);
    assert_int_equal(counts(f).exchanges, 8);
    buffer_free(&arguments);
}

/* ---- three ways to ask ---- */

static void a_confirm_is_held_until_it_is_handled(void **state)
{
    chan_t a = handler(*state, "a"), p = new_channel(*state);
    confirm_select(p), expect_ok(p);
    publish(p, "amq.events", "t", "1");
    uint64_t tag = expect_event(a, "1");
    expect_nothing(p);
    ack(a, tag, 0);
    expect_confirm(p, 1, false);
    publish(p, "amq.events", "t", "2");
    nack(a, expect_event(a, "2"), 0);
    const seen_t *s = expect(p, EVENT_CONFIRM);
    assert_int_equal(s->event.delivery_tag, 2);
    assert_int_equal(s->event.flags, EVENT_NEGATIVE);
    publish(p, "amq.topic", "t", "3");
    expect_confirm(p, 3, false);
}

static void confirms_that_wait_are_not_passed_by_a_multiple(void **state)
{
    chan_t a = handler(*state, "a"), p = new_channel(*state);
    confirm_select(p), expect_ok(p);
    publish(p, "amq.topic", "t", "1");
    publish(p, "amq.events", "t", "2");
    publish(p, "amq.topic", "t", "3");
    publish(p, "amq.events", "t", "4");
    publish(p, "amq.topic", "t", "5");
    expect_confirm(p, 1, false);
    uint64_t second = expect_event(a, "2"), fourth = expect_event(a, "4");
    expect_nothing(p);
    ack(a, fourth, 0);
    expect_confirm(p, 4, false); /* alone, as 2 is still open */
    expect_nothing(p);
    ack(a, second, 0);
    expect_confirm(p, 5, true);
    expect_nothing(p);
}

static void a_nack_of_the_first_does_not_swallow_those_before_and_behind(void **state)
{
    chan_t a = handler(*state, "a"), p = new_channel(*state);
    confirm_select(p), expect_ok(p);
    publish(p, "amq.events", "t", "1");
    publish(p, "amq.topic", "t", "2");
    nack(a, expect_event(a, "1"), 0);
    const seen_t *s = expect(p, EVENT_CONFIRM);
    assert_int_equal(s->event.delivery_tag, 1);
    assert_int_equal(s->event.flags, EVENT_NEGATIVE);
    expect_confirm(p, 2, false);
    expect_nothing(p);
}

/* A single ack or nack is the only one that this publish gets. */
static void what_was_decided_apart_is_not_decided_again(void **state)
{
    chan_t a = handler(*state, "a"), p = new_channel(*state);
    confirm_select(p), expect_ok(p);
    publish(p, "amq.events", "t", "1"), publish(p, "amq.events", "t", "2"),
        publish(p, "amq.events", "t", "3");
    uint64_t first = expect_event(a, "1"), second = expect_event(a, "2"), third = expect_event(a, "3");
    nack(a, second, 0);
    assert_int_equal(expect(p, EVENT_CONFIRM)->event.flags, EVENT_NEGATIVE);
    ack(a, third, 0), expect_confirm(p, 3, false);
    nack(a, first, 0);
    const seen_t *s = expect(p, EVENT_CONFIRM);
    assert_int_equal(s->event.delivery_tag, 1);
    assert_int_equal(s->event.flags, EVENT_NEGATIVE);
    expect_confirm(p, 3, true); /* of those that are left: none */
    expect_nothing(p);
    assert_int_equal(counts(*state).confirmed, 1);
}

static void nor_is_the_only_one_behind_a_nack(void **state)
{
    chan_t a = handler(*state, "a"), p = new_channel(*state);
    confirm_select(p), expect_ok(p);
    publish(p, "amq.events", "t", "1"), publish(p, "amq.events", "t", "2");
    uint64_t first = expect_event(a, "1"), second = expect_event(a, "2");
    ack(a, second, 0), expect_confirm(p, 2, false);
    nack(a, first, 0);
    assert_int_equal(expect(p, EVENT_CONFIRM)->event.flags, EVENT_NEGATIVE);
    expect_confirm(p, 2, true); /* likewise: none */
    publish(p, "amq.topic", "t", "3"), expect_confirm(p, 3, false);
    assert_int_equal(counts(*state).confirmed, 2);
}

static bytes_t asking_properties(buffer_t *b, const char *correlation, const char *reply_to, const char *id)
{
    uint16_t flags = PROPERTY_FLAG(PROPERTY_CORRELATION_ID) | PROPERTY_FLAG(PROPERTY_REPLY_TO);
    write_u16(b, id ? flags | PROPERTY_FLAG(PROPERTY_MESSAGE_ID) : flags);
    write_short_string(b, text(correlation));
    write_short_string(b, text(reply_to));
    if (id)
        write_short_string(b, text(id));
    return buffer_bytes(b);
}

static void a_reply_to_gets_the_report_also_when_its_asker_is_gone(void **state)
{
    chan_t a = handler(*state, "a"), p = new_channel(*state), r = new_channel(*state);
    buffer_t properties = {0};
    new_queue(r, "replies");
    publish_with(p, "amq.events", "t", "1", 0, asking_properties(&properties, "c1", "replies", NULL));
    uint64_t tag = expect_event(a, "1");
    close_channel(p), expect(p, EVENT_CHANNEL_CLOSED);
    ack(a, tag, 0), run(*state);
    get(r, "replies", COMMAND_NO_ACK);
    assert_memory_equal(expect(r, EVENT_GET_OK)->body, "{\"status\":\"ok\"", 14);
    buffer_free(&properties);
}

/* ---- ids ---- */

static void ask_id(chan_t p, const char *body, const char *id)
{
    buffer_t properties = {0};
    ask_with(p, "t", body, properties_of_text(&properties, PROPERTY_MESSAGE_ID, id));
    buffer_free(&properties);
}

static void who_sends_again_is_told_the_same_and_nobody_gets_it_twice(void **state)
{
    chan_t a = handler(*state, "a"), p = new_channel(*state), again = new_channel(*state);
    ask_id(p, "1", "order-1");
    uint64_t tag = expect_event(a, "1");
    ask_id(again, "1", "order-1"); /* while it is open */
    expect_nothing(a);
    say(a, tag, "done"), ack(a, tag, 0);
    static const char *const report =
        REPORT("ok", 1, 1, 1, 1, 0, 0, 0, SAID("a", "ok", 1, "\"result\":\"done\""));
    expect_report(p, report);
    expect_report(again, report);
    ask_id(again, "1", "order-1"); /* and when it is over */
    expect_report(again, report);
    expect_nothing(a);
    ask_id(again, "2", "order-2");
    expect_event(a, "2");
}

static void only_so_many_are_remembered(void **state)
{
    fixture_t *f = *state;
    chan_t ch = new_channel(f), p = new_channel(f);
    buffer_t arguments = {0}, properties = {0};
    table_put_string(&arguments, "x-sync", BYTES("all"));
    table_put_long(&arguments, "x-dedup", 2);
    declare_exchange_with(ch, "x", "fanout", 0, buffer_bytes(&arguments)), expect_ok(ch);
    static const struct {
        const char *id;
        bool known;
    } table[] = {{"1", false}, {"2", false}, {"1", true}, {"3", false}, {"1", false}, {"3", true}};
    uint64_t seq = 0;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        buffer_clear(&properties);
        publish_with(p, "x", "t", "b", COMMAND_ASKS,
                     properties_of_text(&properties, PROPERTY_MESSAGE_ID, table[i].id));
        char wanted[32];
        seq += !table[i].known;
        text_format(wanted, sizeof wanted, "\"seq\":%llu,", (unsigned long long)seq);
        bool is_new = strstr(expect(p, EVENT_REPORT)->text, wanted) != NULL;
        if (!table[i].known)
            assert_true(is_new);
    }
    buffer_free(&arguments);
    buffer_free(&properties);
}

/* ---- answers ---- */

static void only_who_has_the_event_can_answer_for_it(void **state)
{
    chan_t a = handler(*state, "a"), liar = new_channel(*state), p = new_channel(*state);
    ask(p, "t", "1");
    uint64_t tag = expect_event(a, "1");
    char correlation[EVENT_CORRELATION_MOST_BYTES];
    buffer_t properties = {0};
    size_t len = event_correlation(&(event_t){.channel = a.number, .delivery_tag = tag}, correlation);
    correlation[len] = '\0';
    publish_with(liar, "", "amq.events.reply", "lie", COMMAND_MANDATORY,
                 properties_of_text(&properties, PROPERTY_CORRELATION_ID, correlation));
    expect(liar, EVENT_RETURN);
    ack(a, tag, 0);
    expect_report(p, REPORT("ok", 1, 1, 1, 1, 0, 0, 0, HANDLER("a", "ok", 1)));
    buffer_free(&properties);
}

static void a_second_word_replaces_the_first(void **state)
{
    chan_t a = handler(*state, "a"), p = new_channel(*state);
    ask(p, "t", "1");
    uint64_t tag = expect_event(a, "1");
    say(a, tag, "first"), say(a, tag, "second"), ack(a, tag, 0);
    expect_report(p, REPORT("ok", 1, 1, 1, 1, 0, 0, 0, SAID("a", "ok", 1, "\"result\":\"second\"")));
}

static void several_frames_are_an_array(void **state)
{
    chan_t a = handler(*state, "a"), p = new_channel(*state);
    ask(p, "t", "1");
    uint64_t tag = expect_event(a, "1");
    char correlation[EVENT_CORRELATION_MOST_BYTES];
    buffer_t headers = {0}, lengths = {0}, properties = {0};
    for (uint32_t i = 1; i <= 2; i++)
        write_u8(&lengths, 'I'), write_u32(&lengths, i);
    table_put_field(&headers, BYTES("frames"), &(field_t){'A', buffer_bytes(&lengths)});
    size_t len = event_correlation(&(event_t){.channel = a.number, .delivery_tag = tag}, correlation);
    write_u16(&properties, PROPERTY_FLAG(PROPERTY_HEADERS) | PROPERTY_FLAG(PROPERTY_CORRELATION_ID));
    write_long_string(&properties, buffer_bytes(&headers));
    write_short_string(&properties, bytes_make(correlation, len));
    publish_with(a, "", "amq.events.reply", "xyz", 0, buffer_bytes(&properties));
    ack(a, tag, 0);
    expect_report(p, REPORT("ok", 1, 1, 1, 1, 0, 0, 0, SAID("a", "ok", 1, "\"result\":[\"x\",\"yz\"]")));
    buffer_free(&headers), buffer_free(&lengths), buffer_free(&properties);
}

/* ---- expiration ---- */

static void at_its_deadline_an_event_that_expires_leaves_all_queues(void **state)
{
    fixture_t *f = *state;
    chan_t a = handler(f, "a"), p = new_channel(f);
    qos(a, 1, 0), expect_ok(a);
    new_queue(p, "away"), bound(p, "away", "amq.events", "t");
    buffer_t properties = {0};
    ask_with(p, "t", "1", properties_of_text(&properties, PROPERTY_EXPIRATION, "700"));
    uint64_t tag = expect_event(a, "1");
    advance(f, 699), expect_nothing(p);
    advance(f, 1);
    assert_non_null(strstr(expect(p, EVENT_REPORT)->text, "\"status\":\"timeout\""));
    assert_queue_is_empty(p, "away");
    ack(a, tag, 0), run(f);                                                /* who has it may finish it */
    publish_with(p, "amq.events", "t", "2", 0, buffer_bytes(&properties)); /* without asking, too */
    run(f), advance(f, 700);
    assert_queue_is_empty(p, "away");
    ack(a, expect_event(a, "2"), 0);
    ask_with(p, "t", "3", buffer_bytes(&properties)); /* handled long before */
    ack(a, expect_event(a, "3"), 0);
    assert_non_null(strstr(expect(p, EVENT_REPORT)->text, "\"status\":\"ok\""));
    declare(p, "away", COMMAND_PASSIVE), expect_declared(p, "away", 1, 0);
    advance(f, 700);
    assert_queue_is_empty(p, "away");
    buffer_free(&properties);
}

/* ---- order ---- */

static void what_comes_through_a_binding_is_numbered_and_nobody_waits_for_it(void **state)
{
    chan_t a = handler(*state, "a"), p = new_channel(*state);
    new_exchange(p, "outer", "fanout");
    bind_exchange(p, "amq.events", "outer", ""), expect_ok(p);
    confirm_select(p), expect_ok(p);
    for (uint64_t seq = 1; seq <= 3; seq++) { /* the second and third by the remembered route */
        publish(p, "outer", "t", "1");
        expect_confirm(p, seq, false);
        const seen_t *s = expect(a, EVENT_DELIVER);
        assert_int_equal(s->seq, seq);
        assert_int_equal(s->event.flags, 0);
    }
    publish(p, "amq.events", "t", "2");
    assert_int_equal(expect(a, EVENT_DELIVER)->seq, 4);
}

static void all_see_one_order_whoever_publishes(void **state)
{
    fixture_t *f = *state;
    chan_t h[3] = {handler(f, "a"), handler(f, "b"), nameless_handler(f, "c")}, p[4];
    uint64_t seed = 7;
    char body[16];
    for (int i = 0; i < 4; i++)
        p[i] = channel_of(connected_at(f, (size_t)i % FIXTURE_PORTS), 1);
    for (unsigned i = 0; i < 200; i++) {
        chan_t from = p[chance(&seed, 4)];
        if (chance(&seed, 2))
            ask(from, "t", numbered(body, i));
        else
            publish(from, "amq.events", "t", numbered(body, i));
        if (chance(&seed, 8) == 0)
            run(f);
    }
    run(f);
    for (uint64_t seq = 1; seq <= 200; seq++) {
        char first[40];
        for (int i = 0; i < 3; i++) {
            const seen_t *s = expect(h[i], EVENT_DELIVER);
            assert_int_equal(s->seq, seq);
            if (i == 0)
                text_format(first, sizeof first, "%s", s->body);
            assert_string_equal(s->body, first);
            ack(h[i], s->event.delivery_tag, 0);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(an_event_is_over_when_all_have_acked),
        fixture_test(a_failure_is_gathered_with_the_others_results),
        fixture_test(without_a_group_it_is_none_at_once_and_stored_for_the_absent),
        fixture_test(who_does_not_ack_or_only_observes_is_not_waited_for),
        fixture_test(past_its_deadline_the_publisher_learns_who_is_pending),
        fixture_test(a_member_that_dies_leaves_it_to_the_next_one),
        fixture_test(a_named_group_without_members_is_waited_for_until_one_joins),
        fixture_test(a_nameless_group_ends_with_its_member_and_is_no_failure),
        fixture_test(with_every_group_gone_it_is_none),
        fixture_test(a_deleted_or_purged_queue_owes_nothing_any_more),
        fixture_test(a_poison_event_is_tried_three_times_and_has_failed),
        fixture_test(the_delivery_says_how_often_it_came_before),
        fixture_test(who_joins_later_owes_nothing_and_sees_what_comes_then),
        fixture_test(every_join_and_leave_raises_the_view),
        fixture_test(a_policy_says_how_many_must_have_handled_it),
        fixture_test(it_has_failed_as_soon_as_too_few_are_left),
        fixture_test(a_policy_that_is_none_is_refused),
        fixture_test(who_asks_where_nothing_is_counted_is_refused),
        fixture_test(an_exchange_of_ones_own_can_be_synchronous),
        fixture_test(arguments_that_mean_nothing_are_refused),
        fixture_test(a_full_window_holds_the_publisher_back),
        fixture_test(publishers_that_wait_take_turns_and_keep_their_order),
        fixture_test(who_waits_for_itself_is_told_at_once),
        fixture_test(a_publisher_that_goes_while_it_waits_takes_its_events_along),
        fixture_test(an_exchange_that_is_deleted_lets_those_go_who_wait),
        fixture_test(a_confirm_is_held_until_it_is_handled),
        fixture_test(confirms_that_wait_are_not_passed_by_a_multiple),
        fixture_test(a_nack_of_the_first_does_not_swallow_those_before_and_behind),
        fixture_test(what_was_decided_apart_is_not_decided_again),
        fixture_test(nor_is_the_only_one_behind_a_nack),
        fixture_test(a_reply_to_gets_the_report_also_when_its_asker_is_gone),
        fixture_test(who_sends_again_is_told_the_same_and_nobody_gets_it_twice),
        fixture_test(only_so_many_are_remembered),
        fixture_test(only_who_has_the_event_can_answer_for_it),
        fixture_test(a_second_word_replaces_the_first),
        fixture_test(several_frames_are_an_array),
        fixture_test(at_its_deadline_an_event_that_expires_leaves_all_queues),
        fixture_test(what_comes_through_a_binding_is_numbered_and_nobody_waits_for_it),
        fixture_test(all_see_one_order_whoever_publishes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
