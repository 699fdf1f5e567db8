/* SPDX-License-Identifier: Apache-2.0
 *
 * test_arguments.c: the arguments of queue.declare and basic.consume: values, texts, and what has no effect
 * yet. */
#include "engine/expect.h"

/* How values are written in the tables below. */
typedef struct value {
    uint8_t tag;
    int64_t number;
    const char *text;
} value_t;

#define INT(n)  ((value_t){.tag = 'I', .number = (n)})
#define LONG(n) ((value_t){.tag = 'l', .number = (n)})
#define STR(s)  ((value_t){.tag = 'S', .text = (s)})
#define BOOL(b) ((value_t){.tag = 't', .number = (b)})
#define TIME(n) ((value_t){.tag = 'T', .number = (n)})

static void put_value(buffer_t *table, const char *key, value_t v)
{
    buffer_t octets = {0};
    if (v.tag == 'S')
        write_bytes(&octets, bytes_string(v.text));
    else if (v.tag == 't' || v.tag == 'b' || v.tag == 'B')
        write_u8(&octets, (uint8_t)v.number);
    else if (v.tag == 's' || v.tag == 'u')
        write_u16(&octets, (uint16_t)v.number);
    else if (v.tag == 'I' || v.tag == 'i')
        write_u32(&octets, (uint32_t)v.number);
    else
        write_u64(&octets, (uint64_t)v.number);
    field_t f = {v.tag, buffer_bytes(&octets)};
    table_put_field(table, bytes_string(key), &f);
    buffer_free(&octets);
}

#define QUORUM -1 /* a durable quorum queue */

/* Declares queue q with this argument. */
static void declare_argument(chan_t ch, int flags, const char *key, value_t v)
{
    buffer_t table = {0};
    if (flags == QUORUM)
        table_put_string(&table, "x-queue-type", BYTES("quorum"));
    put_value(&table, key, v);
    declare_with(ch, "q", flags == QUORUM ? COMMAND_DURABLE : flags, buffer_bytes(&table));
    buffer_free(&table);
}

static void fresh(chan_t ch)
{
    delete_queue(ch, "q", 0);
    expect(ch, EVENT_QUEUE_COUNTED);
}

/* ---- values ---- */

static const struct {
    int flags;
    const char *key;
    value_t value;
    const char *reason;
} bad_values[] = {
    {0, "x-message-ttl", STR("1"), "\"expected integer, got longstr\""},
    {0, "x-message-ttl", TIME(1), "\"expected integer, got timestamp\""},
    {0, "x-message-ttl", INT(-1), "{value_negative,-1}"},
    {0, "x-message-ttl", LONG(315360000001), "{value_too_large,315360000001}"},
    {0, "x-expires", INT(0), "{value_zero,0}"},
    {0, "x-expires", INT(-1), "{value_negative,-1}"},
    {0, "x-expires", LONG(315360000001), "{value_too_large,315360000001}"},
    {0, "x-expires", STR("1"), "\"expected integer, got longstr\""},
    {0, "x-max-length", INT(-1), "{value_negative,-1}"},
    {0, "x-max-length", BOOL(1), "\"expected integer, got bool\""},
    {0, "x-max-length-bytes", INT(-5), "{value_negative,-5}"},
    {0, "x-overflow", STR("foo"), "invalid_overflow"},
    {0, "x-overflow", INT(1), "{unacceptable_type,signedint}"},
    {0, "x-dead-letter-routing-key", STR("k"), "routing_key_but_no_dlx_defined"},
    {0, "x-dead-letter-routing-key", INT(1), "{unacceptable_type,signedint}"},
    {QUORUM, "x-dead-letter-strategy", STR("foo"), "invalid_dlx_strategy"},
    {0, "x-max-priority", INT(256), "{max_value_exceeded,256}"},
    {0, "x-max-priority", INT(-1), "{value_negative,-1}"},
    {0, "x-single-active-consumer", INT(1), "{unacceptable_type,signedint}"},
    {0, "x-queue-version", INT(3), "\"unsupported queue version '3'\""},
    {0, "x-queue-version", STR("1"), "\"expected integer, got longstr\""},
    {0, "x-queue-type", STR("foo"), "\"unsupported queue type 'foo'\""},
    {0, "x-queue-type", INT(1), "{unacceptable_type,signedint}"},
    {0, "x-queue-leader-locator", STR("foo"), "invalid_queue_locator_arg"},
    {QUORUM, "x-delivery-limit", STR("1"), "\"expected integer, got longstr\""},
    {QUORUM, "x-quorum-initial-group-size", INT(0), "{value_zero,0}"},
    {QUORUM, "x-max-in-memory-length", INT(-1), "{value_negative,-1}"},
    {0, "x-max-age", STR("5"), "invalid_max_age"},
    {0, "x-max-age", STR("0h"), "invalid_max_age"},
    {0, "x-max-age", STR("h"), "invalid_max_age"},
    {0, "x-stream-max-segment-size-bytes", LONG(3000000001),
     "\"Exceeded max value for x-stream-max-segment-size-bytes\""},
    {0, "x-stream-filter-size-bytes", INT(15), "{value_too_small,15}"},
    {0, "x-stream-filter-size-bytes", INT(256), "{value_too_large,256}"},
    {QUORUM, "x-consumer-timeout", INT(-1), "{value_negative,-1}"},
    {QUORUM, "x-delayed-retry-type", STR("foo"), "invalid_delayed_retry_type"},
};

static void a_value_that_may_not_be_is_refused_with_its_reason(void **state)
{
    chan_t ch = new_channel(*state);
    for (size_t i = 0; i < sizeof bad_values / sizeof *bad_values; i++) {
        char why[256];
        text_format(why, sizeof why, "invalid arg '%s' for queue 'q' in vhost '/': %s", bad_values[i].key,
                    bad_values[i].reason);
        declare_argument(ch, bad_values[i].flags, bad_values[i].key, bad_values[i].value);
        expect_refusal_and_reopen(ch, 406, why);
    }
    assert_int_equal(counts(*state).queues, 0);
}

static const struct {
    int flags;
    const char *key;
    value_t value;
} working[] = {
    {0, "x-expires", INT(1000)},
    {0, "x-expires", LONG(315360000000)},
    {QUORUM, "x-expires", INT(1000)},
    {QUORUM, "x-max-in-memory-length", INT(0)},
    {QUORUM, "x-max-in-memory-bytes", INT(5)},
    {0, "x-max-priority", INT(0)},
    {0, "x-queue-mode", STR("lazy")},
    {0, "x-queue-mode", STR("default")},
    {0, "x-queue-mode", STR("anything")},
    {0, "x-queue-version", INT(1)},
    {0, "x-queue-version", INT(2)},
    {0, "x-single-active-consumer", BOOL(0)},
    {0, "x-queue-type", STR("classic")},
    {0, "x-queue-master-locator", INT(5)},
    {0, "x-queue-leader-locator", STR("client-local")},
    {0, "x-queue-leader-locator", STR("least-leaders")},
    {QUORUM, "x-delivery-limit", INT(-1)},
    {QUORUM, "x-quorum-initial-group-size", INT(3)},
    {0, "x-anything-else", STR("is kept")},
    {0, "anything", BOOL(1)},
};

static void what_works_or_needs_no_effect_is_accepted(void **state)
{
    chan_t ch = new_channel(*state);
    for (size_t i = 0; i < sizeof working / sizeof *working; i++) {
        for (int again = 0; again < 2; again++) { /* and the same again is equivalent */
            declare_argument(ch, working[i].flags, working[i].key, working[i].value);
            expect_declared(ch, "q", 0, 0);
        }
        fresh(ch);
    }
}

static const struct {
    int flags;
    const char *key;
    value_t value;
} missing[] = {
    {0, "x-message-ttl", INT(0)},
    {0, "x-message-ttl", INT(1000)},
    {0, "x-dead-letter-exchange", STR("x")},
    {QUORUM, "x-dead-letter-strategy", STR("at-least-once")},
    {0, "x-max-length", INT(1)},
    {0, "x-max-length-bytes", INT(1)},
    {0, "x-max-priority", INT(1)},
    {0, "x-overflow", STR("reject-publish")},
    {0, "x-single-active-consumer", BOOL(1)},
    {QUORUM, "x-delivery-limit", INT(0)},
    {QUORUM, "x-consumer-timeout", INT(1)},
    {QUORUM, "x-delayed-retry-type", STR("all")},
    {QUORUM, "x-delayed-retry-min", INT(1)},
    {QUORUM, "x-delayed-retry-max", INT(1)},
};

static void what_would_have_no_effect_is_refused_by_name(void **state)
{
    fixture_t *f = *state;
    for (size_t i = 0; i < sizeof missing / sizeof *missing; i++) {
        char why[256];
        chan_t ch = new_channel(f);
        declare_argument(ch, missing[i].flags, missing[i].key, missing[i].value);
        text_format(why, sizeof why, "argument '%s' for queue 'q' in vhost '/' is not supported",
                    missing[i].key);
        expect_hard_refusal(ch.client, 540, why);
    }
    assert_int_equal(counts(f).queues, 0);
}

static void an_argument_of_another_type_of_queue_is_refused(void **state)
{
    static const struct {
        int flags;
        const char *key;
        value_t value;
        const char *type;
    } table[] = {
        {0, "x-max-age", STR("1h"), "rabbit_classic_queue"},
        {0, "x-delivery-limit", INT(5), "rabbit_classic_queue"},
        {0, "x-dead-letter-strategy", STR("at-most-once"), "rabbit_classic_queue"},
        {0, "x-quorum-initial-group-size", INT(1), "rabbit_classic_queue"},
        {0, "x-max-in-memory-length", INT(1), "rabbit_classic_queue"},
        {0, "x-initial-cluster-size", INT(1), "rabbit_classic_queue"},
        {0, "x-consumer-timeout", INT(1), "rabbit_classic_queue"},
        {QUORUM, "x-max-priority", INT(5), "rabbit_quorum_queue"},
        {QUORUM, "x-queue-mode", STR("lazy"), "rabbit_quorum_queue"},
        {QUORUM, "x-queue-version", INT(1), "rabbit_quorum_queue"},
        {QUORUM, "x-queue-master-locator", STR("x"), "rabbit_quorum_queue"},
        {QUORUM, "x-stream-filter-size-bytes", INT(16), "rabbit_quorum_queue"},
    };
    chan_t ch = new_channel(*state);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        char why[256];
        text_format(why, sizeof why, "invalid arg '%s' for queue 'q' in vhost '/' of queue type %s",
                    table[i].key, table[i].type);
        declare_argument(ch, table[i].flags, table[i].key, table[i].value);
        expect_refusal_and_reopen(ch, 406, why);
    }
}

static void a_dead_letter_exchange_is_a_name(void **state)
{
    chan_t ch = new_channel(*state);
    declare_argument(ch, 0, "x-dead-letter-exchange", INT(1));
    expect_refusal(ch, 406,
                   "invalid type 'signedint' for arg 'x-dead-letter-exchange' in queue 'q' in vhost '/'");
}

static void integers_of_any_width_are_integers(void **state)
{
    static const uint8_t tags[] = {'b', 'B', 's', 'u', 'I', 'i', 'l', 'L'};
    chan_t ch = new_channel(*state);
    for (size_t i = 0; i < sizeof tags; i++) { /* the first creates, the others are equal to it */
        declare_argument(ch, 0, "x-expires", (value_t){.tag = tags[i], .number = 100});
        expect_declared(ch, "q", 0, 0);
    }
}

static void a_stream_is_refused_by_name(void **state)
{
    chan_t ch = new_channel(*state);
    declare_argument(ch, COMMAND_DURABLE, "x-queue-type", STR("stream"));
    expect_hard_refusal(ch.client, 540,
                        "argument 'x-queue-type' = 'stream' for queue 'q' in vhost '/' is not supported");
}

/* ---- redeclaring ---- */

static void a_redeclare_with_other_arguments_is_refused_naming_both(void **state)
{
    chan_t ch = new_channel(*state);
    declare_argument(ch, 0, "x-expires", INT(60000)), expect_declared(ch, "q", 0, 0);
    declare_argument(ch, 0, "x-expires", LONG(5));
    expect_refusal_and_reopen(ch, 406,
                              "inequivalent arg 'x-expires' for queue 'q' in vhost '/': received '5' but "
                              "current is '60000'");
    declare(ch, "q", 0);
    expect_refusal_and_reopen(
        ch, 406,
        "inequivalent arg 'x-expires' for queue 'q' in vhost '/': received none but current "
        "is the value '60000' of type 'signedint'");
    fresh(ch);
    new_queue(ch, "q");
    declare_argument(ch, 0, "x-message-ttl", INT(1000));
    expect_refusal(
        ch, 406,
        "inequivalent arg 'x-message-ttl' for queue 'q' in vhost '/': received the value '1000' of "
        "type 'signedint' but current is none");
}

static void unknown_arguments_do_not_matter_on_a_redeclare(void **state)
{
    chan_t ch = new_channel(*state);
    declare_argument(ch, 0, "x-anything", INT(1)), expect_declared(ch, "q", 0, 0);
    declare_argument(ch, 0, "x-anything", INT(2)), expect_declared(ch, "q", 0, 0);
    declare_argument(ch, 0, "x-delivery-limit", INT(2)),
        expect_declared(ch, "q", 0, 0); /* of quorum queues */
}

static void no_queue_type_means_classic(void **state)
{
    chan_t ch = new_channel(*state);
    new_queue(ch, "q");
    declare_argument(ch, 0, "x-queue-type", STR("classic")), expect_declared(ch, "q", 0, 0);
    declare_argument(ch, 0, "x-queue-type", STR("quorum"));
    expect_refusal(ch, 406,
                   "inequivalent arg 'x-queue-type' for queue 'q' in vhost '/': received 'quorum' but "
                   "current is 'classic'");
}

/* ---- quorum queues ---- */

static void declare_quorum(chan_t ch, const char *name, int flags)
{
    buffer_t table = {0};
    table_put_string(&table, "x-queue-type", BYTES("quorum"));
    declare_with(ch, name, flags, buffer_bytes(&table));
    buffer_free(&table);
}

static void a_quorum_queue_is_durable_shared_and_named(void **state)
{
    chan_t ch = new_channel(*state);
    declare_quorum(ch, "q", 0);
    expect_refusal_and_reopen(ch, 406, "invalid property 'non-durable' for queue 'q' in vhost '/'");
    declare_quorum(ch, "q", COMMAND_DURABLE | COMMAND_EXCLUSIVE);
    expect_refusal_and_reopen(ch, 406, "invalid property 'exclusive-owner' for queue 'q' in vhost '/'");
    declare_quorum(ch, "q", COMMAND_EXCLUSIVE); /* also not durable: the worse one is named */
    expect_refusal_and_reopen(ch, 406, "invalid property 'exclusive-owner' for queue 'q' in vhost '/'");
    declare_quorum(ch, "q", COMMAND_EXCLUSIVE | COMMAND_AUTO_DELETE);
    expect_refusal_and_reopen(ch, 406, "invalid property 'auto-delete' for queue 'q' in vhost '/'");
    declare_quorum(ch, "amq.gen-1", COMMAND_DURABLE | COMMAND_SERVER_NAMED);
    expect_refusal_and_reopen(ch, 406, "Cannot declare a server-named queue for type rabbit_quorum_queue");
    declare_quorum(ch, "q", COMMAND_DURABLE);
    expect_declared(ch, "q", 0, 0);
}

static void a_quorum_queue_refuses_what_it_cannot_do(void **state)
{
    fixture_t *f = *state;
    chan_t ch = new_channel(f);
    declare_quorum(ch, "q", COMMAND_DURABLE), expect_declared(ch, "q", 0, 0);
    delete_queue(ch, "q", COMMAND_IF_UNUSED);
    expect_hard_refusal(
        ch.client, 540,
        "cannot delete queue 'q' in vhost '/'. queue.delete operations with if-unused flag set "
        "are not supported by quorum queues");
    ch = new_channel(f);
    delete_queue(ch, "q", COMMAND_IF_EMPTY);
    expect_hard_refusal(
        ch.client, 540,
        "cannot delete queue 'q' in vhost '/'. queue.delete operations with if-empty flag set "
        "are not supported by quorum queues");
    ch = new_channel(f);
    qos(ch, 5, COMMAND_GLOBAL), expect_ok(ch);
    consume(ch, "q", "t", 0);
    expect_hard_refusal(ch.client, 540, "queue 'q' in vhost '/' does not support global qos");
}

static void a_quorum_queue_ignores_an_exclusive_consume(void **state)
{
    chan_t ch = new_channel(*state);
    declare_quorum(ch, "q", COMMAND_DURABLE), expect_declared(ch, "q", 0, 0);
    new_consumer(ch, "q", "a", COMMAND_EXCLUSIVE);
    new_consumer(ch, "q", "b", COMMAND_EXCLUSIVE);
}

/* ---- consume ---- */

static void consume_argument(chan_t ch, const char *key, value_t v)
{
    buffer_t table = {0};
    put_value(&table, key, v);
    consume_with(ch, "q", "t", 0, buffer_bytes(&table));
    buffer_free(&table);
}

static void arguments_of_consume_are_checked(void **state)
{
    chan_t ch = new_channel(*state);
    new_queue(ch, "q");
    consume_argument(ch, "x-priority", STR("high"));
    expect_refusal_and_reopen(
        ch, 406, "invalid arg 'x-priority' for queue 'q' in vhost '/': \"expected integer, got longstr\"");
    consume_argument(ch, "x-cancel-on-ha-failover", INT(1));
    expect_refusal_and_reopen(ch, 406,
                              "invalid arg 'x-cancel-on-ha-failover' for queue 'q' in vhost '/': \"expected "
                              "bool, got signedint\"");
    consume_argument(ch, "x-stream-offset", STR("first"));
    expect_refusal_and_reopen(
        ch, 406,
        "invalid arg 'x-stream-offset' for queue 'q' in vhost '/' of queue type rabbit_classic_queue");
    consume_argument(ch, "x-unknown", INT(1));
    expect(ch, EVENT_CONSUMER_STARTED);
    consume_argument(channel_of(ch.client, 2), "x-priority", INT(10));
    expect_hard_refusal(ch.client, 540,
                        "consumer argument 'x-priority' for queue 'q' in vhost '/' is not supported");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(a_value_that_may_not_be_is_refused_with_its_reason),
        fixture_test(what_works_or_needs_no_effect_is_accepted),
        fixture_test(what_would_have_no_effect_is_refused_by_name),
        fixture_test(an_argument_of_another_type_of_queue_is_refused),
        fixture_test(a_dead_letter_exchange_is_a_name),
        fixture_test(integers_of_any_width_are_integers),
        fixture_test(a_stream_is_refused_by_name),
        fixture_test(a_redeclare_with_other_arguments_is_refused_naming_both),
        fixture_test(unknown_arguments_do_not_matter_on_a_redeclare),
        fixture_test(no_queue_type_means_classic),
        fixture_test(a_quorum_queue_is_durable_shared_and_named),
        fixture_test(a_quorum_queue_refuses_what_it_cannot_do),
        fixture_test(a_quorum_queue_ignores_an_exclusive_consume),
        fixture_test(arguments_of_consume_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
