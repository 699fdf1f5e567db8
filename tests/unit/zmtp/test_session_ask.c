/* SPDX-License-Identifier: Apache-2.0
 *
 * REQ and DEALER: events whose publisher is told, and RPC. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "unit/zmtp/test_session.h"

#define REPLIES "amq.rpc-AAAAAAAAAAAAAAAAAAAAAA"

static void open_asker(hands_t *h, zmtp_socket_type_t type, const char *identity)
{
    open_named(h, type, identity);
    assert_int_equal(expect_command(h, COMMAND_QOS)->count, 900);
    expect_no_command(h);
}

static uint32_t expect_ask(hands_t *h, const char *key, const char *const *frames)
{
    const message_t *m = expect_publish(h, "amq.events", key);
    expect_frames(m, true, frames);
    assert_int_equal(h->last.flags, COMMAND_ASKS);
    return h->last.cause;
}

static void report(hands_t *h, uint32_t cause, const char *text)
{
    lend(h, (event_t){.type = EVENT_REPORT, .cause = cause}, message("", "", text));
}

/* ---- events ---- */

static void a_req_is_told_what_became_of_its_event(void **state)
{
    hands_t *h = *state;
    for (h->cut = 0; h->cut < 2; h->cut++) {
        open_asker(h, ZMTP_SOCKET_REQ, "");
        give_message(h, FRAMES("", "orders.new", "42"));
        uint32_t cause = expect_ask(h, "orders.new", FRAMES("orders.new", "42"));
        expect_property(h->last.message, PROPERTY_MESSAGE_ID, NULL);
        EXPECT(h, "");
        report(h, cause, "{\"status\":\"ok\"}");
        expect_message(h, FRAMES("", "{\"status\":\"ok\"}"));
        assert_int_equal(expect_command(h, COMMAND_SENT)->number, h->lent_count);
        hang_up(h);
        (void)expect_command(h, COMMAND_CONNECTION_CLOSE);
        tell(h, (event_t){.type = EVENT_CONNECTION_CLOSED});
        (void)expect_command(h, COMMAND_CONNECTION_RELEASE);
        h->lent_count = h->back_count = 0;
    }
}

static void an_envelope_comes_back_octet_for_octet(void **state)
{
    hands_t *h = *state;
    open_asker(h, ZMTP_SOCKET_DEALER, "");
    give_message(h, FRAMES("one", "two", "", "a", "x"));
    give_message(h, FRAMES("id2", "", "only topic"));
    uint32_t first = expect_ask(h, "a", FRAMES("a", "x"));
    uint32_t second = expect_ask(h, "only", FRAMES("only topic"));
    assert_int_not_equal(first, second);
    report(h, second, "r2");
    expect_message(h, FRAMES("id2", "", "r2"));
    report(h, first, "r1");
    expect_message(h, FRAMES("one", "two", "", "r1"));
}

static void two_reports_in_their_own_order(void **state)
{
    hands_t *h = *state;
    open_asker(h, ZMTP_SOCKET_DEALER, "");
    give_message(h, FRAMES("1", "", "a", "x"));
    give_message(h, FRAMES("2", "", "b", "y"));
    uint32_t first = expect_ask(h, "a", FRAMES("a", "x"));
    uint32_t second = expect_ask(h, "b", FRAMES("b", "y"));
    report(h, second, "r2");
    expect_message(h, FRAMES("2", "", "r2"));
    report(h, first, "r1");
    expect_message(h, FRAMES("1", "", "r1"));
    report(h, first, "again"); /* nobody waits any more */
    EXPECT(h, "");
}

static void without_an_empty_frame_it_is_a_plain_publish(void **state)
{
    hands_t *h = *state;
    open_asker(h, ZMTP_SOCKET_DEALER, "");
    give_message(h, FRAMES("topic", "payload"));
    expect_frames(expect_publish(h, "amq.events", "topic"), true, FRAMES("topic", "payload"));
    assert_int_equal(h->last.flags, 0);
    give_message(h, FRAMES("topic", "")); /* the last frame is no delimiter */
    expect_frames(expect_publish(h, "amq.events", "topic"), true, FRAMES("topic", ""));
}

static void a_probe_is_nothing(void **state)
{
    hands_t *h = *state;
    open_asker(h, ZMTP_SOCKET_DEALER, "");
    GIVE(h, "\0\0");
    expect_no_command(h);
}

/* ---- the id of an event ---- */

static void expect_id(hands_t *h, const char *id, const char *expected)
{
    give_message(h, FRAMES(id, "", "t", "x"));
    command_t *c = expect_command(h, COMMAND_PUBLISH);
    expect_property(c->message, PROPERTY_MESSAGE_ID, expected);
}

static void a_name_and_a_frame_are_an_id(void **state)
{
    hands_t *h = *state;
    open_asker(h, ZMTP_SOCKET_DEALER, "bob");
    expect_id(h, "7", "bob:7");
    expect_id(h, "a b:c", "bob:a b:c");
    expect_id(h, "\x01\xff\x80", "626f62.01ff80");
    give_message(h, FRAMES("", "t", "x")); /* no frame before the empty one */
    expect_property(expect_command(h, COMMAND_PUBLISH)->message, PROPERTY_MESSAGE_ID, NULL);
}

static void a_name_with_a_colon_is_no_other(void **state)
{
    hands_t *h = *state;
    open_asker(h, ZMTP_SOCKET_DEALER, "bo:b");
    expect_id(h, "7", "626f3a62.37");
}

static void a_long_id_is_its_hash(void **state)
{
    hands_t *h = *state;
    char id[260];
    memset(id, 'i', 259), id[259] = 0;
    bytes_t value[2];
    char seen[2][33];
    open_asker(h, ZMTP_SOCKET_DEALER, "bob");
    for (int i = 0; i < 2; i++) {
        give_message(h, FRAMES(id, "", "t", "x"));
        command_t *c = expect_command(h, COMMAND_PUBLISH);
        assert_true(properties_get(message_properties(c->message), PROPERTY_MESSAGE_ID, &value[i]));
        assert_int_equal(value[i].len, 32);
        memcpy(seen[i], value[i].data, 32);
        id[0] = 'j';
    }
    assert_memory_not_equal(seen[0], seen[1], 32);
}

/* ---- bounds ---- */

static void too_many_open_requests_stop_the_reading(void **state)
{
    hands_t *h = *state;
    uint32_t first = 0;
    open_asker(h, ZMTP_SOCKET_DEALER, "");
    for (int i = 0; i < 1024; i++) {
        assert_true(h->reading);
        give_message(h, FRAMES("i", "", "t", "x"));
        uint32_t cause = expect_ask(h, "t", FRAMES("t", "x"));
        first = first ? first : cause;
    }
    assert_false(h->reading);
    report(h, first, "r");
    assert_true(h->reading);
}

static void so_do_large_envelopes(void **state)
{
    hands_t *h = *state;
    char large[40001];
    memset(large, 'e', 40000), large[40000] = 0;
    open_asker(h, ZMTP_SOCKET_DEALER, "");
    give_message(h, FRAMES(large, "", "t", "x"));
    assert_true(h->reading);
    (void)expect_ask(h, "t", FRAMES("t", "x"));
    give_message(h, FRAMES(large, "", "t", "x"));
    assert_false(h->reading);
    (void)expect_ask(h, "t", FRAMES("t", "x"));
    /* what is not answered for minutes is forgotten */
    at(h, 301001);
    assert_true(h->reading);
    assert_true(logged(h, "2 requests were not answered in 300 s"));
    give_message(h, FRAMES(large, large, "", "t", "x"));
    expect_closed(h, "an envelope of more than 65536 octets");
}

/* ---- RPC ---- */

static void open_caller(hands_t *h, zmtp_socket_type_t type)
{
    open_as(h, type);
    assert_text(expect_command(h, COMMAND_QUEUE_DECLARE)->request->name, "tasks");
    command_t *c = expect_command(h, COMMAND_QUEUE_DECLARE);
    assert_text(c->request->name, REPLIES);
    assert_int_equal(c->flags, COMMAND_EXCLUSIVE | COMMAND_SERVER_NAMED | COMMAND_NOWAIT);
    c = expect_command(h, COMMAND_CONSUME);
    assert_text(c->request->name, REPLIES);
    assert_int_equal(c->flags, COMMAND_NO_ACK | COMMAND_NOWAIT);
    expect_no_command(h);
}

static message_t *answer(const char *correlation, const char *body)
{
    buffer_t properties = {0};
    write_u16(&properties, PROPERTY_FLAG(PROPERTY_CORRELATION_ID));
    write_short_string(&properties, bytes_string(correlation));
    message_t *m =
        message_new_whole(BYTES(""), BYTES(REPLIES), buffer_bytes(&properties), bytes_string(body));
    buffer_free(&properties);
    return m;
}

static void a_request_carries_where_its_answer_goes(void **state)
{
    hands_t *h = *state;
    open_caller(h, ZMTP_SOCKET_REQ);
    give_message(h, FRAMES("", "how", "much"));
    const message_t *m = expect_publish(h, "", "tasks");
    expect_property(m, PROPERTY_REPLY_TO, REPLIES);
    expect_property(m, PROPERTY_CORRELATION_ID, "1");
    expect_frames(m, false, FRAMES("how", "much"));
    assert_int_equal(h->last.flags, COMMAND_MANDATORY);
    deliver(h, 1, answer("1", "42"));
    expect_message(h, FRAMES("", "42"));
}

static void answers_find_their_requests(void **state)
{
    hands_t *h = *state;
    open_caller(h, ZMTP_SOCKET_DEALER);
    give_message(h, FRAMES("a", "", "1"));
    give_message(h, FRAMES("b", "c", "", "2"));
    give_message(h, FRAMES("bare"));
    for (int i = 0; i < 3; i++)
        (void)expect_publish(h, "", "tasks");
    deliver(h, 1, answer("3", "r3"));
    expect_message(h, FRAMES("r3"));
    deliver(h, 2, answer("2", "r2"));
    expect_message(h, FRAMES("b", "c", "", "r2"));
    deliver(h, 3, answer("2", "twice"));
    deliver(h, 4, answer("nobody", "x"));
    deliver(h, 5, message("", REPLIES, "without a number"));
    EXPECT(h, "");
    while (next_command(h)->type == COMMAND_SENT) {
    }
    assert_int_equal(h->back_count, 5);
    deliver(h, 6, answer("1", "r1"));
    expect_message(h, FRAMES("a", "", "r1"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_req_is_told_what_became_of_its_event),
        CASE(an_envelope_comes_back_octet_for_octet),
        CASE(two_reports_in_their_own_order),
        CASE(without_an_empty_frame_it_is_a_plain_publish),
        CASE(a_probe_is_nothing),
        CASE(a_name_and_a_frame_are_an_id),
        CASE(a_name_with_a_colon_is_no_other),
        CASE(a_long_id_is_its_hash),
        CASE(too_many_open_requests_stop_the_reading),
        CASE(so_do_large_envelopes),
        QUEUE_CASE(a_request_carries_where_its_answer_goes),
        QUEUE_CASE(answers_find_their_requests),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
