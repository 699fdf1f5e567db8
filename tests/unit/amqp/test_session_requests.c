/* SPDX-License-Identifier: Apache-2.0
 *
 * test_session_requests.c: method → command, and event → the answer to it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "amqp/test_session.h"

static void open_client(hands_t *h)
{
    open_connection(h);
    open_channel(h, 1);
}

/* The command of a request: its type, cause, flags, and that it is for channel 1. */
static command_t *expect_request(hands_t *h, command_type_t type, amqp_method_id cause, unsigned flags)
{
    command_t *c = expect_command(h, type);
    assert_int_equal(c->channel, 1);
    assert_int_equal(c->cause, cause);
    assert_int_equal(c->flags, flags);
    return c;
}

static void expect_refuse(hands_t *h, amqp_method_id cause, const char *text)
{
    command_t *c = expect_request(h, COMMAND_REFUSE, cause, 0);
    assert_int_equal(c->refusal->code, 540);
    assert_int_equal(c->refusal->cause, cause);
    assert_string_equal(c->refusal->text, text);
}

/* ---- exchange ---- */

static void exchange_requests_become_commands(void **state)
{
    hands_t *h = *state;
    open_client(h);
    buffer_t arguments = {0};
    table_put_string(&arguments, "alternate-exchange", BYTES("ae"));
    bytes_t table = buffer_bytes(&arguments);

    GIVE(h, 1, exchange_declare, .exchange = BYTES("x"), .type = BYTES("topic"), .durable = true,
         .auto_delete = true, .internal = true, .arguments = table);
    command_t *c = expect_request(h, COMMAND_EXCHANGE_DECLARE, AMQP_exchange_declare,
                                  COMMAND_DURABLE | COMMAND_AUTO_DELETE | COMMAND_INTERNAL);
    assert_text(c->request->name, "x");
    assert_text(c->request->kind, "topic");
    assert_true(bytes_equal(c->request->arguments, table));

    GIVE(h, 1, exchange_declare, .exchange = BYTES("x"), .passive = true, .nowait = true);
    expect_request(h, COMMAND_EXCHANGE_DECLARE, AMQP_exchange_declare, COMMAND_PASSIVE | COMMAND_NOWAIT);

    GIVE(h, 1, exchange_delete, .exchange = BYTES("x"), .if_unused = true, .nowait = true);
    c = expect_request(h, COMMAND_EXCHANGE_DELETE, AMQP_exchange_delete, COMMAND_IF_UNUSED | COMMAND_NOWAIT);
    assert_text(c->request->name, "x");

    GIVE(h, 1, exchange_bind, .destination = BYTES("d"), .source = BYTES("s"), .routing_key = BYTES("k"),
         .arguments = table);
    c = expect_request(h, COMMAND_EXCHANGE_BIND, AMQP_exchange_bind, 0);
    assert_text(c->request->name, "d");
    assert_text(c->request->source, "s");
    assert_text(c->request->routing_key, "k");
    assert_true(bytes_equal(c->request->arguments, table));

    GIVE(h, 1, exchange_unbind, .destination = BYTES("d"), .source = BYTES("s"), .nowait = true);
    c = expect_request(h, COMMAND_EXCHANGE_UNBIND, AMQP_exchange_unbind, COMMAND_NOWAIT);
    assert_text(c->request->name, "d");
    assert_text(c->request->source, "s");
    buffer_free(&arguments);
}

/* ---- queue ---- */

static void queue_requests_become_commands(void **state)
{
    hands_t *h = *state;
    open_client(h);
    GIVE(h, 1, queue_declare, .queue = BYTES("q"), .durable = true, .exclusive = true, .auto_delete = true,
         .nowait = true);
    command_t *c = expect_request(h, COMMAND_QUEUE_DECLARE, AMQP_queue_declare,
                                  COMMAND_DURABLE | COMMAND_EXCLUSIVE | COMMAND_AUTO_DELETE | COMMAND_NOWAIT);
    assert_text(c->request->name, "q");

    GIVE(h, 1, queue_bind, .queue = BYTES("q"), .exchange = BYTES("x"), .routing_key = BYTES("k"),
         .nowait = true);
    c = expect_request(h, COMMAND_QUEUE_BIND, AMQP_queue_bind, COMMAND_NOWAIT);
    assert_text(c->request->name, "q");
    assert_text(c->request->source, "x");
    assert_text(c->request->routing_key, "k");

    GIVE(h, 1, queue_unbind, .queue = BYTES("q"), .exchange = BYTES("x"), .routing_key = BYTES("k"));
    c = expect_request(h, COMMAND_QUEUE_UNBIND, AMQP_queue_unbind, 0);
    assert_text(c->request->source, "x");

    GIVE(h, 1, queue_purge, .queue = BYTES("q"), .nowait = true);
    assert_text(expect_request(h, COMMAND_QUEUE_PURGE, AMQP_queue_purge, COMMAND_NOWAIT)->request->name, "q");

    GIVE(h, 1, queue_delete, .queue = BYTES("q"), .if_unused = true, .if_empty = true, .nowait = true);
    c = expect_request(h, COMMAND_QUEUE_DELETE, AMQP_queue_delete,
                       COMMAND_IF_UNUSED | COMMAND_IF_EMPTY | COMMAND_NOWAIT);
    assert_text(c->request->name, "q");
}

static void a_queue_without_a_name_gets_one(void **state)
{
    hands_t *h = *state;
    open_client(h);
    GIVE(h, 1, queue_declare, .exclusive = true);
    command_t *c = expect_request(h, COMMAND_QUEUE_DECLARE, AMQP_queue_declare,
                                  COMMAND_EXCLUSIVE | COMMAND_SERVER_NAMED);
    assert_text(c->request->name, "amq.gen-AAAAAAAAAAAAAAAAAAAAAA");
    GIVE(h, 1, queue_declare, .exclusive = true);
    c = expect_command(h, COMMAND_QUEUE_DECLARE);
    assert_text(c->request->name, "amq.gen-AQEBAQEBAQEBAQEBAQEBAQ");
}

static void a_passive_declare_without_a_name_stays_without(void **state)
{
    hands_t *h = *state;
    open_client(h);
    GIVE(h, 1, queue_declare, .passive = true);
    command_t *c = expect_request(h, COMMAND_QUEUE_DECLARE, AMQP_queue_declare, COMMAND_PASSIVE);
    assert_int_equal(c->request->name.len, 0);
}

static void newlines_are_stripped_from_names(void **state)
{
    hands_t *h = *state;
    open_client(h);
    GIVE(h, 1, queue_declare, .queue = BYTES("\na\r\nb\r"));
    assert_text(expect_command(h, COMMAND_QUEUE_DECLARE)->request->name, "ab");
    GIVE(h, 1, queue_bind, .queue = BYTES("q\n"), .exchange = BYTES("\rx"), .routing_key = BYTES("k\n"));
    command_t *c = expect_command(h, COMMAND_QUEUE_BIND);
    assert_text(c->request->name, "q");
    assert_text(c->request->source, "x");
    assert_text(c->request->routing_key, "k\n");
    GIVE(h, 1, exchange_bind, .destination = BYTES("d\n"), .source = BYTES("\rs"));
    c = expect_command(h, COMMAND_EXCHANGE_BIND);
    assert_text(c->request->name, "d");
    assert_text(c->request->source, "s");
    GIVE(h, 1, exchange_declare, .exchange = BYTES("x\n"), .type = BYTES("direct"));
    assert_text(expect_command(h, COMMAND_EXCHANGE_DECLARE)->request->name, "x");
    GIVE(h, 1, exchange_delete, .exchange = BYTES("x\n"));
    assert_text(expect_command(h, COMMAND_EXCHANGE_DELETE)->request->name, "x");
    GIVE(h, 1, queue_delete, .queue = BYTES("q\n"));
    assert_text(expect_command(h, COMMAND_QUEUE_DELETE)->request->name, "q");
    GIVE(h, 1, basic_get, .queue = BYTES("q\n"));
    assert_text(expect_command(h, COMMAND_GET)->request->name, "q\n");
}

/* ---- basic ---- */

static void basic_requests_become_commands(void **state)
{
    hands_t *h = *state;
    open_client(h);
    GIVE(h, 1, basic_qos, .prefetch_count = 7, .global = true);
    assert_int_equal(expect_request(h, COMMAND_QOS, AMQP_basic_qos, COMMAND_GLOBAL)->count, 7);
    GIVE(h, 1, basic_cancel, .consumer_tag = BYTES("t"), .nowait = true);
    assert_text(expect_request(h, COMMAND_CANCEL, AMQP_basic_cancel, COMMAND_NOWAIT)->request->tag, "t");
    GIVE(h, 1, basic_get, .queue = BYTES("q"), .no_ack = true);
    assert_text(expect_request(h, COMMAND_GET, AMQP_basic_get, COMMAND_NO_ACK)->request->name, "q");
    GIVE(h, 1, basic_ack, .delivery_tag = UINT64_MAX, .multiple = true);
    assert_int_equal(expect_request(h, COMMAND_ACK, AMQP_basic_ack, COMMAND_MULTIPLE)->number, UINT64_MAX);
    GIVE(h, 1, basic_nack, .delivery_tag = 3, .multiple = true, .requeue = true);
    assert_int_equal(
        expect_request(h, COMMAND_NACK, AMQP_basic_nack, COMMAND_MULTIPLE | COMMAND_REQUEUE)->number, 3);
    GIVE(h, 1, basic_reject, .delivery_tag = 4, .requeue = true);
    assert_int_equal(expect_request(h, COMMAND_NACK, AMQP_basic_reject, COMMAND_REQUEUE)->number, 4);
    GIVE(h, 1, basic_reject, .delivery_tag = 5);
    assert_int_equal(expect_request(h, COMMAND_NACK, AMQP_basic_reject, 0)->number, 5);
    GIVE(h, 1, basic_recover, .requeue = true);
    expect_request(h, COMMAND_RECOVER, AMQP_basic_recover, 0);
    GIVE(h, 1, basic_recover_async, .requeue = true);
    expect_request(h, COMMAND_RECOVER, AMQP_basic_recover_async, COMMAND_NOWAIT);
}

static void what_is_not_implemented_is_refused_in_its_turn(void **state)
{
    hands_t *h = *state;
    open_client(h);
    GIVE(h, 1, basic_qos, .prefetch_size = 10);
    expect_refuse(h, AMQP_basic_qos, "prefetch_size!=0 (10)");
    GIVE(h, 1, basic_recover, .requeue = false);
    expect_refuse(h, AMQP_basic_recover, "requeue=false");
    GIVE(h, 1, basic_recover_async, .requeue = false);
    expect_refuse(h, AMQP_basic_recover_async, "requeue=false");
    GIVE(h, 1, channel_flow, .active = false);
    expect_refuse(h, AMQP_channel_flow, "active=false");
}

/* ---- the rest ---- */

static void other_requests_become_commands(void **state)
{
    hands_t *h = *state;
    open_client(h);
    GIVE(h, 1, channel_flow, .active = true);
    expect_request(h, COMMAND_ECHO, AMQP_channel_flow, 0);
    GIVE(h, 1, access_request, .realm = BYTES("/data"), .active = true);
    expect_request(h, COMMAND_ECHO, AMQP_access_request, 0);
    GIVE(h, 1, confirm_select, .nowait = true);
    expect_request(h, COMMAND_CONFIRM_SELECT, AMQP_confirm_select, COMMAND_NOWAIT);
    GIVE(h, 1, tx_select, .unused = 0);
    expect_request(h, COMMAND_TX_SELECT, AMQP_tx_select, 0);
    GIVE(h, 1, tx_commit, .unused = 0);
    expect_request(h, COMMAND_TX_COMMIT, AMQP_tx_commit, 0);
    GIVE(h, 1, tx_rollback, .unused = 0);
    expect_request(h, COMMAND_TX_ROLLBACK, AMQP_tx_rollback, 0);
}

/* ---- consumers ---- */

static uint32_t consume(hands_t *h, uint16_t channel, bytes_t tag)
{
    GIVE(h, channel, basic_consume, .queue = BYTES("q"), .consumer_tag = tag);
    return expect_command(h, COMMAND_CONSUME)->count;
}

static void a_consumer_has_a_number_and_a_tag(void **state)
{
    hands_t *h = *state;
    open_client(h);
    GIVE(h, 1, basic_consume, .queue = BYTES("q"), .consumer_tag = BYTES("t"), .no_ack = true,
         .exclusive = true, .nowait = true, .no_local = true);
    command_t *c = expect_request(h, COMMAND_CONSUME, AMQP_basic_consume,
                                  COMMAND_NO_ACK | COMMAND_EXCLUSIVE | COMMAND_NOWAIT);
    assert_text(c->request->name, "q");
    assert_text(c->request->tag, "t");
    uint32_t first = c->count;
    assert_int_not_equal(consume(h, 1, BYTES("u")), first);
}

static void a_consumer_without_a_tag_gets_one(void **state)
{
    hands_t *h = *state;
    open_client(h);
    GIVE(h, 1, basic_consume, .queue = BYTES("q"));
    command_t *c = expect_command(h, COMMAND_CONSUME);
    assert_text(c->request->tag, "amq.ctag-AAAAAAAAAAAAAAAAAAAAAA");
    tell(h, (event_t){.type = EVENT_CONSUMER_STARTED, .channel = 1, .consumer = c->count});
    assert_text(RECEIVE(h, 1, basic_consume_ok).consumer_tag, "amq.ctag-AAAAAAAAAAAAAAAAAAAAAA");
}

static void the_same_tag_on_two_channels_is_two_consumers(void **state)
{
    hands_t *h = *state;
    open_client(h);
    open_channel(h, 2);
    uint32_t one = consume(h, 1, BYTES("t")), two = consume(h, 2, BYTES("t"));
    tell(h, (event_t){.type = EVENT_CONSUMER_GONE, .channel = 1, .consumer = one, .flags = EVENT_NOTIFY});
    amqp_basic_cancel_t cancel = RECEIVE(h, 1, basic_cancel);
    assert_text(cancel.consumer_tag, "t");
    assert_true(cancel.nowait);
    tell(h, (event_t){.type = EVENT_CONSUMER_STARTED, .channel = 2, .consumer = two});
    assert_text(RECEIVE(h, 2, basic_consume_ok).consumer_tag, "t");
}

static void cancel_ok_bears_the_tag_that_was_asked(void **state)
{
    hands_t *h = *state;
    open_client(h);
    uint32_t numbers[2] = {consume(h, 1, BYTES("t")), 0}; /* the second: there was none */
    for (size_t i = 0; i < 2; i++) {
        tell(h, (event_t){
                    .type = EVENT_CONSUMER_CANCELLED,
                    .channel = 1,
                    .consumer = numbers[i],
                    .request = request_new(&(request_t){.tag = BYTES("t")}),
                });
        assert_text(RECEIVE(h, 1, basic_cancel_ok).consumer_tag, "t");
    }
}

static void a_consumer_that_goes_without_notice_is_not_told(void **state)
{
    hands_t *h = *state;
    open_client(h);
    uint32_t number = consume(h, 1, BYTES("t"));
    tell(h, (event_t){.type = EVENT_CONSUMER_GONE, .channel = 1, .consumer = number});
    expect_nothing_sent(h);
}

static void clients_that_cannot_hear_a_cancel_are_not_told(void **state)
{
    hands_t *h = *state;
    open_with(h, no_capabilities, 131072, 2047, 0);
    open_channel(h, 1);
    uint32_t number = consume(h, 1, BYTES("t"));
    tell(h, (event_t){.type = EVENT_CONSUMER_GONE, .channel = 1, .consumer = number, .flags = EVENT_NOTIFY});
    expect_nothing_sent(h);
}

static void consumers_of_a_closing_channel_live_until_it_is_closed(void **state)
{
    hands_t *h = *state;
    open_client(h);
    uint32_t old = consume(h, 1, BYTES("old"));
    GIVE(h, 1, channel_close, .reply_code = 200);
    uint32_t cause = expect_command(h, COMMAND_CHANNEL_CLOSE)->cause;
    GIVE(h, 1, channel_open, .unused = 0);
    expect_command(h, COMMAND_CHANNEL_OPEN);
    uint32_t new = consume(h, 1, BYTES("new"));
    tell(h, (event_t){.type = EVENT_CONSUMER_STARTED, .channel = 1, .consumer = old});
    assert_text(RECEIVE(h, 1, basic_consume_ok).consumer_tag, "old");
    tell(h, (event_t){.type = EVENT_CHANNEL_CLOSED, .channel = 1, .cause = cause});
    EXPECT(h, 1, channel_close_ok);
    tell(h, (event_t){.type = EVENT_CHANNEL_OPENED, .channel = 1});
    EXPECT(h, 1, channel_open_ok);
    tell(h, (event_t){.type = EVENT_CONSUMER_STARTED, .channel = 1, .consumer = new});
    assert_text(RECEIVE(h, 1, basic_consume_ok).consumer_tag, "new");
}

/* ---- answers ---- */

static void each_request_has_its_ok(void **state)
{
    static const amqp_method_id pairs[][2] = {
        {AMQP_exchange_declare, AMQP_exchange_declare_ok},
        {AMQP_exchange_delete, AMQP_exchange_delete_ok},
        {AMQP_exchange_bind, AMQP_exchange_bind_ok},
        {AMQP_exchange_unbind, AMQP_METHOD_ID(40, 51)},
        {AMQP_queue_bind, AMQP_queue_bind_ok},
        {AMQP_queue_unbind, AMQP_queue_unbind_ok},
        {AMQP_basic_qos, AMQP_basic_qos_ok},
        {AMQP_basic_recover, AMQP_basic_recover_ok},
        {AMQP_confirm_select, AMQP_confirm_select_ok},
        {AMQP_tx_select, AMQP_tx_select_ok},
        {AMQP_tx_commit, AMQP_tx_commit_ok},
        {AMQP_tx_rollback, AMQP_tx_rollback_ok},
        {AMQP_channel_flow, AMQP_channel_flow_ok},
        {AMQP_access_request, AMQP_access_request_ok},
    };
    hands_t *h = *state;
    open_client(h);
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        tell(h, (event_t){.type = EVENT_OK, .channel = 1, .cause = pairs[i][0]});
        (void)expect_method(h, 1, pairs[i][1]);
    }
    tell(h, (event_t){.type = EVENT_OK, .channel = 1, .cause = AMQP_channel_flow});
    assert_true(RECEIVE(h, 1, channel_flow_ok).active);
    tell(h, (event_t){.type = EVENT_OK, .channel = 1, .cause = AMQP_access_request});
    assert_int_equal(RECEIVE(h, 1, access_request_ok).ticket, 1);
}

static void answers_with_data_bear_it(void **state)
{
    hands_t *h = *state;
    open_client(h);
    tell(h, (event_t){
                .type = EVENT_QUEUE_DECLARED,
                .channel = 1,
                .cause = AMQP_queue_declare,
                .message_count = 3,
                .consumer_count = 2,
                .request = request_new(&(request_t){.name = BYTES("q")}),
            });
    amqp_queue_declare_ok_t declared = RECEIVE(h, 1, queue_declare_ok);
    assert_text(declared.queue, "q");
    assert_int_equal(declared.message_count, 3);
    assert_int_equal(declared.consumer_count, 2);
    tell(h,
         (event_t){.type = EVENT_QUEUE_COUNTED, .channel = 1, .cause = AMQP_queue_purge, .message_count = 4});
    assert_int_equal(RECEIVE(h, 1, queue_purge_ok).message_count, 4);
    tell(h, (event_t){
                .type = EVENT_QUEUE_COUNTED, .channel = 1, .cause = AMQP_queue_delete, .message_count = 5});
    assert_int_equal(RECEIVE(h, 1, queue_delete_ok).message_count, 5);
    tell(h, (event_t){.type = EVENT_GET_EMPTY, .channel = 1, .cause = AMQP_basic_get});
    EXPECT(h, 1, basic_get_empty);
}

static void confirms_are_acks_and_nacks(void **state)
{
    hands_t *h = *state;
    open_client(h);
    tell(h,
         (event_t){.type = EVENT_CONFIRM, .channel = 1, .delivery_tag = 1ull << 40, .flags = EVENT_MULTIPLE});
    amqp_basic_ack_t ack = RECEIVE(h, 1, basic_ack);
    assert_int_equal(ack.delivery_tag, 1ull << 40);
    assert_true(ack.multiple);
    tell(h, (event_t){.type = EVENT_CONFIRM, .channel = 1, .delivery_tag = 2, .flags = EVENT_NEGATIVE});
    amqp_basic_nack_t nack = RECEIVE(h, 1, basic_nack);
    assert_int_equal(nack.delivery_tag, 2);
    assert_false(nack.multiple);
    assert_false(nack.requeue);
}

static void blocked_is_told_to_those_who_can_hear_it(void **state)
{
    hands_t *h = *state;
    open_client(h);
    static const char *const reasons[] = {[ALARM_MEMORY] = "low on memory",
                                          [ALARM_DISK] = "low on disk",
                                          [ALARM_MEMORY | ALARM_DISK] = "low on memory & disk"};
    for (uint8_t alarms = ALARM_MEMORY; alarms <= (ALARM_MEMORY | ALARM_DISK); alarms++) {
        tell(h, (event_t){.type = EVENT_CONNECTION_BLOCKED, .alarms = alarms});
        assert_text(RECEIVE(h, 0, connection_blocked).reason, reasons[alarms]);
        tell(h, (event_t){.type = EVENT_CONNECTION_UNBLOCKED});
        EXPECT(h, 0, connection_unblocked);
    }
}

static void blocked_is_not_told_to_the_others(void **state)
{
    hands_t *h = *state;
    open_with(h, no_capabilities, 131072, 2047, 0);
    tell(h, (event_t){.type = EVENT_CONNECTION_BLOCKED, .alarms = ALARM_DISK});
    tell(h, (event_t){.type = EVENT_CONNECTION_UNBLOCKED});
    expect_nothing_sent(h);
}

/* ---- reply texts ---- */

static bytes_t refusal_text(hands_t *h, const char *text)
{
    open_client(h);
    tell(h,
         (event_t){.type = EVENT_CHANNEL_REFUSED, .channel = 1, .refusal = refusal_new(404, 0, "%s", text)});
    bytes_t got = RECEIVE(h, 1, channel_close).reply_text;
    hang_up(h, "closed by peer");
    while (next_command(h)->type != COMMANDS_END) {
    }
    tell(h, (event_t){.type = EVENT_CONNECTION_CLOSED});
    expect_command(h, COMMAND_CONNECTION_RELEASE);
    return got;
}

static void reply_texts_are_cut_to_a_short_string(void **state)
{
    hands_t *h = *state;
    char text[512], expected[600];
    memset(text, 'x', sizeof text);
    text[243] = 0; /* "NOT_FOUND - " and 243: 255 */
    snprintf(expected, sizeof expected, "NOT_FOUND - %s", text);
    assert_text(refusal_text(h, text), expected);

    text[243] = 'x';
    text[400] = 0;
    snprintf(expected, sizeof expected, "NOT_FOUND - %.240s...", text);
    assert_text(refusal_text(h, text), expected);
}

static void reply_texts_are_not_cut_within_a_character(void **state)
{
    hands_t *h = *state;
    char text[512], expected[600];
    memset(text, 'x', sizeof text);
    memcpy(text + 238, "\xe2\x82\xac",
           3); /* octets 250 to 252 of the whole: the cut would be behind the second */
    text[400] = 0;
    snprintf(expected, sizeof expected, "NOT_FOUND - %.238s...", text);
    assert_text(refusal_text(h, text), expected);
}

static void a_refusal_without_words_is_its_name_only(void **state)
{
    hands_t *h = *state;
    open_client(h);
    tell(h, (event_t){.type = EVENT_CONNECTION_CLOSED, .refusal = refusal_new(541, 0, "%s", "")});
    expect_close(h, 541, "INTERNAL_ERROR", 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(exchange_requests_become_commands),
        CASE(queue_requests_become_commands),
        CASE(a_queue_without_a_name_gets_one),
        CASE(a_passive_declare_without_a_name_stays_without),
        CASE(newlines_are_stripped_from_names),
        CASE(basic_requests_become_commands),
        CASE(what_is_not_implemented_is_refused_in_its_turn),
        CASE(other_requests_become_commands),
        CASE(a_consumer_has_a_number_and_a_tag),
        CASE(a_consumer_without_a_tag_gets_one),
        CASE(the_same_tag_on_two_channels_is_two_consumers),
        CASE(cancel_ok_bears_the_tag_that_was_asked),
        CASE(a_consumer_that_goes_without_notice_is_not_told),
        CASE(clients_that_cannot_hear_a_cancel_are_not_told),
        CASE(consumers_of_a_closing_channel_live_until_it_is_closed),
        CASE(each_request_has_its_ok),
        CASE(answers_with_data_bear_it),
        CASE(confirms_are_acks_and_nacks),
        CASE(blocked_is_told_to_those_who_can_hear_it),
        CASE(blocked_is_not_told_to_the_others),
        CASE(reply_texts_are_cut_to_a_short_string),
        CASE(reply_texts_are_not_cut_within_a_character),
        CASE(a_refusal_without_words_is_its_name_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
