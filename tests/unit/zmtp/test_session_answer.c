/* SPDX-License-Identifier: Apache-2.0
 *
 * Handlers (a DEALER that joins groups) and workers (REP, ROUTER): what they are given, and what they say to it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "unit/zmtp/test_session.h"

#define OWN       "amq.handler-AAAAAAAAAAAAAAAAAAAAAA"
#define OWN_AGAIN "amq.handler-AQEBAQEBAQEBAQEBAQEBAQ"

static void open_dealer(hands_t *h)
{
    open_as(h, ZMTP_SOCKET_DEALER);
    assert_int_equal(expect_command(h, COMMAND_QOS)->count, 900);
}

static uint32_t expect_consume(hands_t *h, const char *queue)
{
    command_t *c = expect_command(h, COMMAND_CONSUME);
    assert_text(c->request->name, queue);
    assert_int_equal(c->flags, 0);
    assert_true(c->count > 0);
    return c->cause;
}

static void expect_declare(hands_t *h, const char *queue, uint16_t flags)
{
    command_t *c = expect_command(h, COMMAND_QUEUE_DECLARE);
    assert_text(c->request->name, queue);
    assert_int_equal(c->flags, flags | COMMAND_NOWAIT);
}

static void started(hands_t *h, uint32_t cause)
{
    tell(h, (event_t){.type = EVENT_CONSUMER_STARTED, .cause = cause});
}

static void event(hands_t *h, uint64_t tag, uint64_t seq, uint8_t flags, message_t *m)
{
    m->seq = seq;
    lend(h, (event_t){.type = EVENT_DELIVER, .delivery_tag = tag, .flags = flags}, m);
}

/* It has left, and its loan is back. */
static void expect_given(hands_t *h, const char *const *frames)
{
    expect_message(h, frames);
    (void)expect_command(h, COMMAND_SENT);
}

/* ---- joining ---- */

static void a_group_of_its_own(void **state)
{
    hands_t *h = *state;
    open_dealer(h);
    GIVE(h, "\0\7\1order.");
    expect_declare(h, OWN, COMMAND_EXCLUSIVE | COMMAND_AUTO_DELETE | COMMAND_SERVER_NAMED);
    expect_prefix(h, COMMAND_QUEUE_BIND, OWN, "order.");
    uint32_t cause = expect_consume(h, OWN);
    expect_no_command(h);
    EXPECT(h, "");
    started(h, cause);
    EXPECT(h, "\0\7\1order.");
}

static void a_group_with_a_name_is_durable(void **state)
{
    hands_t *h = *state;
    open_dealer(h);
    GIVE(h, "\1\7\1order.\0\7billing");
    expect_declare(h, "billing", COMMAND_DURABLE);
    expect_prefix(h, COMMAND_QUEUE_BIND, "billing", "order.");
    uint32_t cause = expect_consume(h, "billing");
    started(h, cause);
    EXPECT(h, "\1\7\1order.\0\7billing");
}

static void a_further_prefix_is_echoed_when_it_is_bound(void **state)
{
    hands_t *h = *state;
    open_dealer(h);
    GIVE(h, "\0\2\1a\0\2\1b\0\2\1b");
    expect_declare(h, OWN, COMMAND_EXCLUSIVE | COMMAND_AUTO_DELETE | COMMAND_SERVER_NAMED);
    expect_prefix(h, COMMAND_QUEUE_BIND, OWN, "a");
    uint32_t first = expect_consume(h, OWN);
    expect_prefix(h, COMMAND_QUEUE_BIND, OWN, "b");
    uint32_t second = expect_command(h, COMMAND_ECHO)->cause;
    uint32_t third = expect_command(h, COMMAND_ECHO)->cause; /* it is bound already */
    expect_no_command(h);
    started(h, first);
    EXPECT(h, "\0\2\1a");
    tell(h, (event_t){.type = EVENT_OK, .cause = second});
    tell(h, (event_t){.type = EVENT_OK, .cause = third});
    EXPECT(h, "\0\2\1b\0\2\1b");
}

static void with_the_last_prefix_the_group_is_left(void **state)
{
    hands_t *h = *state;
    open_dealer(h);
    GIVE(h, "\0\2\1a\0\2\1b");
    while (next_command(h)->type != COMMANDS_END) {
    }
    GIVE(h, "\0\2\0a");
    expect_prefix(h, COMMAND_QUEUE_UNBIND, OWN, "a");
    expect_no_command(h);
    GIVE(h, "\0\2\0a"); /* not its any more */
    expect_prefix(h, COMMAND_QUEUE_UNBIND, OWN, "a");
    GIVE(h, "\0\2\0b");
    expect_prefix(h, COMMAND_QUEUE_UNBIND, OWN, "b");
    assert_text(expect_command(h, COMMAND_CANCEL)->request->tag, "1");
    tell(h, (event_t){.type = EVENT_CONSUMER_GONE, .consumer = 1});
    assert_false(h->closed);
    GIVE(h, "\0\2\0b"); /* it has no group */
    expect_no_command(h);
    GIVE(h, "\0\2\1a");
    expect_declare(h, OWN_AGAIN, COMMAND_EXCLUSIVE | COMMAND_AUTO_DELETE | COMMAND_SERVER_NAMED);
}

static void a_binding_of_an_earlier_connection_can_be_left(void **state)
{
    hands_t *h = *state;
    open_dealer(h);
    GIVE(h, "\1\2\0a\0\7billing");
    expect_prefix(h, COMMAND_QUEUE_UNBIND, "billing", "a");
    expect_no_command(h);
}

static void what_is_over_a_limit_closes(void **state)
{
    hands_t *h = *state;
    uint8_t prefix[257] = {1};
    open_dealer(h);
    GIVE(h, "\2\0\0\0\0\0\0\1\1");
    give(h, bytes_make(prefix, 257));
    expect_closed(h, "a prefix or a group of more than 255 octets");
}

static void groups_are_bounded(void **state)
{
    hands_t *h = *state;
    open_dealer(h);
    for (int i = 0; i <= 1024 && !h->closed; i++) {
        char name[16];
        snprintf(name, sizeof name, "g%d", i);
        give_message(h, FRAMES("\1p", name));
        while (next_command(h)->type != COMMANDS_END) {
        }
    }
    expect_closed(h, "more than 1024 groups");
}

/* ---- events ---- */

static void open_handler(hands_t *h)
{
    open_dealer(h);
    GIVE(h, "\0\2\1a");
    (void)expect_command(h, COMMAND_QUEUE_DECLARE);
    (void)expect_command(h, COMMAND_QUEUE_BIND);
    started(h, expect_consume(h, OWN));
    EXPECT(h, "\0\2\1a");
}

static void an_event_comes_with_an_id(void **state)
{
    hands_t *h = *state;
    open_handler(h);
    event(h, 3, 42, EVENT_ASKS, message("amq.events", "a.b", "body"));
    expect_message(h, FRAMES("42/3", "", "a.b", "body"));
}

static void a_result_goes_to_who_waits_and_then_the_ack(void **state)
{
    hands_t *h = *state;
    open_handler(h);
    for (h->cut = 0; h->cut < 2; h->cut++) {
        event(h, 3, 42, EVENT_ASKS, message("amq.events", "a.b", "body"));
        give_message(h, FRAMES("42/3", "", "done"));
        const message_t *m = expect_publish(h, "", "amq.events.reply");
        expect_property(m, PROPERTY_CORRELATION_ID, "1.3");
        expect_frames(m, false, FRAMES("done"));
        expect_settled(h, COMMAND_ACK, 3);
        expect_no_command(h);
    }
}

static void a_result_of_many_frames_keeps_them(void **state)
{
    hands_t *h = *state;
    open_handler(h);
    event(h, 3, 42, EVENT_ASKS, message("amq.events", "a.b", "body"));
    give_message(h, FRAMES("42/3", "", "a", "", "b"));
    expect_frames(expect_publish(h, "", "amq.events.reply"), false, FRAMES("a", "", "b"));
    expect_settled(h, COMMAND_ACK, 3);
}

static void nothing_to_say_is_an_ack(void **state)
{
    hands_t *h = *state;
    open_handler(h);
    event(h, 1, 7, EVENT_ASKS, message("amq.events", "a", "x"));
    event(h, 2, 8, 0, message("amq.events", "a", "y"));
    give_message(h, FRAMES("7/1", ""));
    expect_settled(h, COMMAND_ACK, 1);
    give_message(h, FRAMES("8/2", "", "nobody asked"));
    expect_settled(h, COMMAND_ACK, 2);
    expect_no_command(h);
}

static void a_failure_tells_its_reason(void **state)
{
    hands_t *h = *state;
    open_handler(h);
    event(h, 1, 7, EVENT_ASKS, message("amq.events", "a", "x"));
    give_message(h, FRAMES("7/1", "", "", "no stock"));
    const message_t *m = expect_publish(h, "", "amq.events.reply");
    expect_frames(m, false, FRAMES("no stock"));
    expect_settled(h, COMMAND_NACK, 1);
}

static void what_was_not_given_is_not_answered(void **state)
{
    hands_t *h = *state;
    open_handler(h);
    event(h, 1, 7, EVENT_ASKS, message("amq.events", "a", "x"));
    give_message(h, FRAMES("8/1", "", "x"));
    give_message(h, FRAMES("7/2", "", "x"));
    give_message(h, FRAMES("7/1", "", "x"));
    (void)expect_publish(h, "", "amq.events.reply");
    expect_settled(h, COMMAND_ACK, 1);
    give_message(h, FRAMES("7/1", "", "twice"));
    expect_no_command(h);
    assert_true(logged(h, "debug: "));
}

static void a_handler_publishes_too(void **state)
{
    hands_t *h = *state;
    open_handler(h);
    give_message(h, FRAMES("job 5", "", "t", "x"));
    (void)expect_publish(h, "amq.events", "t");
    assert_int_equal(h->last.flags, COMMAND_ASKS);
    give_message(h, FRAMES("t", "x"));
    (void)expect_publish(h, "amq.events", "t");
    assert_int_equal(h->last.flags, 0);
    tell(h, (event_t){.type = EVENT_CONNECTION_BLOCKED});
    assert_true(h->reading); /* its answers are what ends the alarm */
}

static void who_never_joined_may_use_any_id(void **state)
{
    hands_t *h = *state;
    open_dealer(h);
    give_message(h, FRAMES("7/1", "", "t", "x"));
    (void)expect_publish(h, "amq.events", "t");
    assert_int_equal(h->last.flags, COMMAND_ASKS);
}

/* ---- workers ---- */

static void open_worker(hands_t *h, zmtp_socket_type_t type, uint32_t credit)
{
    open_as(h, type);
    expect_declare(h, "tasks", COMMAND_DURABLE | COMMAND_IF_MISSING);
    assert_int_equal(expect_command(h, COMMAND_QOS)->count, credit);
    command_t *c = expect_command(h, COMMAND_CONSUME);
    assert_text(c->request->name, "tasks");
    assert_int_equal(c->flags, COMMAND_NOWAIT);
    expect_no_command(h);
}

static message_t *request_to(const char *exchange, const char *reply_to, const char *correlation,
                             const char *body)
{
    buffer_t properties = {0};
    write_u16(&properties, PROPERTY_FLAG(PROPERTY_CORRELATION_ID) | PROPERTY_FLAG(PROPERTY_REPLY_TO));
    write_short_string(&properties, bytes_string(correlation));
    write_short_string(&properties, bytes_string(reply_to));
    message_t *m = message_new_whole(bytes_string(exchange), BYTES("key"), buffer_bytes(&properties),
                                     bytes_string(body));
    buffer_free(&properties);
    return m;
}

static void a_rep_answers_a_request(void **state)
{
    hands_t *h = *state;
    open_worker(h, ZMTP_SOCKET_REP, 1);
    event(h, 1, 0, 0, request_to("", "back", "id 9", "how much"));
    expect_given(h, FRAMES("0/1", "", "how much"));
    give_message(h, FRAMES("0/1", "", "42", "more"));
    const message_t *m = expect_publish(h, "", "back");
    expect_property(m, PROPERTY_CORRELATION_ID, "id 9");
    expect_frames(m, false, FRAMES("42", "more"));
    expect_settled(h, COMMAND_ACK, 1);
    event(h, 2, 0, 0, message("", "tasks", "no reply wanted"));
    expect_given(h, FRAMES("0/2", "", "no reply wanted"));
    give_message(h, FRAMES("0/2", "", "said"));
    expect_settled(h, COMMAND_ACK, 2);
    event(h, 3, 0, 0, request_to("", "back", "id", "fail"));
    expect_given(h, FRAMES("0/3", "", "fail"));
    give_message(h, FRAMES("0/3", "", "", "reason"));
    expect_settled(h, COMMAND_NACK, 3);
}

static void a_router_is_given_many(void **state)
{
    hands_t *h = *state;
    open_worker(h, ZMTP_SOCKET_ROUTER, 64);
    event(h, 1, 5, EVENT_ASKS, request_to("amq.events", "publisher's own", "x", "one"));
    expect_given(h, FRAMES("5/1", "", "key", "one"));
    event(h, 2, 6, 0, request_to("amq.events", "publisher's own", "x", "two"));
    expect_given(h, FRAMES("6/2", "", "key", "two"));
    give_message(h, FRAMES("6/2", "", "r"));
    expect_settled(h, COMMAND_ACK, 2); /* an event's reply-to is its publisher's, who is told by the engine */
    give_message(h, FRAMES("5/1", "", "r"));
    (void)expect_publish(h, "", "amq.events.reply");
    expect_settled(h, COMMAND_ACK, 1);
    GIVE(h, "\0\0");
    give_message(h, FRAMES("garbage"));
    expect_no_command(h);
    assert_false(h->closed);
}

static void a_worker_that_goes_has_done_nothing(void **state)
{
    hands_t *h = *state;
    open_worker(h, ZMTP_SOCKET_REP, 1);
    event(h, 1, 0, 0, message("", "tasks", "job"));
    drain(h);
    (void)expect_command(h, COMMAND_SENT);
    hang_up(h);
    assert_int_equal(expect_command(h, COMMAND_CONNECTION_CLOSE)->flags, COMMAND_GONE);
    expect_no_command(h);
}

static void a_large_result_goes_on_as_it_comes(void **state)
{
    hands_t *h = *state;
    static char large[200001];
    memset(large, 'r', 200000);
    h->cut = 30000;
    open_worker(h, ZMTP_SOCKET_REP, 1);
    event(h, 1, 0, 0, request_to("", "back", "id", "q"));
    give_message(h, FRAMES("0/1", "", "a", large));
    while (next_command(h)->type == COMMAND_HELD) {
    }
    assert_int_equal(h->last.type, COMMAND_PUBLISH);
    expect_frames(h->last.message, false, FRAMES("a", large));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_group_of_its_own),
        CASE(a_group_with_a_name_is_durable),
        CASE(a_further_prefix_is_echoed_when_it_is_bound),
        CASE(with_the_last_prefix_the_group_is_left),
        CASE(a_binding_of_an_earlier_connection_can_be_left),
        CASE(what_is_over_a_limit_closes),
        CASE(groups_are_bounded),
        CASE(an_event_comes_with_an_id),
        CASE(a_result_goes_to_who_waits_and_then_the_ack),
        CASE(a_result_of_many_frames_keeps_them),
        CASE(nothing_to_say_is_an_ack),
        CASE(a_failure_tells_its_reason),
        CASE(what_was_not_given_is_not_answered),
        CASE(a_handler_publishes_too),
        CASE(who_never_joined_may_use_any_id),
        QUEUE_CASE(a_rep_answers_a_request),
        QUEUE_CASE(a_router_is_given_many),
        QUEUE_CASE(a_worker_that_goes_has_done_nothing),
        QUEUE_CASE(a_large_result_goes_on_as_it_comes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
