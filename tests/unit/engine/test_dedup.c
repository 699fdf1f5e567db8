/* SPDX-License-Identifier: Apache-2.0
 *
 * What is published twice is queued once: windows of exchanges, of queues, and of publishers. */
#include "engine/dedup.h"

#include "engine/events.h"
#include "engine/tx.h"

/* ---- an exchange ---- */

static void a_repeat_goes_nowhere_and_is_confirmed(void **state)
{
    fixture_t *f = *state;
    chan_t ch = confirming(f);
    window_exchange(ch, "x", "fanout", 0, (window_t){0});
    new_queue(ch, "q"), bound(ch, "q", "x", "");
    publish_as(ch, "x", "", "1", 0, "a"), expect_confirm(ch, 1, false);
    publish_as(ch, "x", "", "2", COMMAND_MANDATORY, "a"), expect_confirm(ch, 2, false);
    publish_as(ch, "x", "", "3", 0, "b"), expect_confirm(ch, 3, false);
    assert_queue_is(ch, "q", "1", "3");
    assert_int_equal(counts(f).duplicates, 1);
    assert_int_equal(counts(f).deduplication_ids, 2);
    assert_int_equal(counts(f).returned, 0);
}

static void what_has_no_id_passes(void **state)
{
    fixture_t *f = *state;
    chan_t ch = new_channel(f);
    window_exchange(ch, "x", "fanout", 0, (window_t){0});
    new_queue(ch, "q"), bound(ch, "q", "x", "");
    publish(ch, "x", "", "1"), publish(ch, "x", "", "1");
    publish_number(ch, "x", "", "2", 0, "p", 1);
    assert_queue_is(ch, "q", "1", "1", "2");
}

static void two_exchanges_remember_for_themselves(void **state)
{
    fixture_t *f = *state;
    chan_t ch = new_channel(f);
    window_exchange(ch, "x", "fanout", 0, (window_t){0}),
        window_exchange(ch, "y", "fanout", 0, (window_t){0});
    new_queue(ch, "q"), bound(ch, "q", "x", ""), bound(ch, "q", "y", "");
    publish_id(ch, "x", "", "a"), publish_id(ch, "y", "", "a"), publish_id(ch, "x", "", "a");
    assert_queue_is(ch, "q", "a", "a");
}

static void an_exchange_behind_another_keeps_its_own_part_out(void **state)
{
    fixture_t *f = *state;
    chan_t ch = new_channel(f);
    new_exchange(ch, "x", "fanout"), window_exchange(ch, "y", "fanout", 0, (window_t){0});
    new_queue(ch, "direct"), bound(ch, "direct", "x", "");
    new_queue(ch, "behind"), bound(ch, "behind", "y", "");
    bind_exchange(ch, "y", "x", ""), expect_ok(ch);
    for (int i = 0; i < 3; i++)
        publish_id(ch, "x", "", "a");
    assert_queue_is(ch, "direct", "a", "a", "a");
    assert_queue_is(ch, "behind", "a");
    assert_int_equal(counts(f).duplicates, 2);
}

static void what_reaches_no_queue_is_not_remembered(void **state)
{
    fixture_t *f = *state;
    chan_t ch = new_channel(f);
    window_exchange(ch, "x", "direct", 0, (window_t){0});
    publish_as(ch, "x", "k", "1", COMMAND_MANDATORY, "a"), expect(ch, EVENT_RETURN);
    publish_number(ch, "x", "k", "1", COMMAND_MANDATORY, "p", 7), expect(ch, EVENT_RETURN);
    new_queue(ch, "q"), bound(ch, "q", "x", "k");
    publish_as(ch, "x", "k", "2", COMMAND_MANDATORY, "a");
    publish_number(ch, "x", "k", "3", COMMAND_MANDATORY, "p", 7);
    assert_queue_is(ch, "q", "2", "3");
}

static void an_exchange_that_is_made_again_remembers_nothing(void **state)
{
    fixture_t *f = *state;
    chan_t ch = new_channel(f);
    new_queue(ch, "q");
    for (int i = 0; i < 2; i++) {
        window_exchange(ch, "x", "fanout", 0, (window_t){0});
        bound(ch, "q", "x", "");
        for (int n = 0; n < 200; n++) { /* more than is forgotten in a slice */
            char id[16];
            publish_id(ch, "x", "", numbered(id, (unsigned)n));
        }
        run(f);
        delete_exchange(ch, "x", 0), expect_ok(ch);
        assert_int_equal(counts(f).deduplication_ids, 0);
    }
    purge(ch, "q"), expect_counted(ch, 400);
}

/* ---- a queue ---- */

static void a_queue_keeps_out_what_others_get(void **state)
{
    fixture_t *f = *state;
    chan_t ch = new_channel(f);
    window_queue(ch, "once", 0, (window_t){0}), new_queue(ch, "all");
    bound(ch, "once", "amq.fanout", ""), bound(ch, "all", "amq.fanout", "");
    for (int i = 0; i < 3; i++)
        publish_as(ch, "amq.fanout", "", "a", COMMAND_MANDATORY, "a");
    assert_queue_is(ch, "once", "a");
    assert_queue_is(ch, "all", "a", "a", "a");
    publish_id(ch, "", "once", "a"),
        publish_id(ch, "", "once", "b"); /* also what comes another way, and is gone again */
    assert_queue_is(ch, "once", "b");
    assert_int_equal(counts(f).duplicates, 3);
}

static void a_queue_that_keeps_it_out_is_none_that_is_missing(void **state)
{
    fixture_t *f = *state;
    chan_t ch = new_channel(f);
    window_queue(ch, "q", 0, (window_t){0});
    publish_as(ch, "", "q", "a", COMMAND_MANDATORY, "a"),
        publish_as(ch, "", "q", "a", COMMAND_MANDATORY, "a");
    expect_nothing(ch);
    assert_queue_is(ch, "q", "a");
}

static void to_more_queues_than_a_slice_it_goes_at_once(void **state)
{
    fixture_t *f = *state;
    chan_t ch = confirming(f);
    char name[16];
    window_exchange(ch, "x", "fanout", 0, (window_t){0});
    window_queue(ch, "once", 0, (window_t){0}), bound(ch, "once", "amq.fanout", "");
    for (unsigned i = 0; i < 70; i++) {
        new_queue(ch, numbered(name, i));
        bound(ch, name, "x", ""), bound(ch, name, "amq.fanout", "");
    }
    for (uint64_t i = 1; i <= 4; i++)
        publish_id(ch, i % 2 ? "x" : "amq.fanout", "", "a"), expect_confirm(ch, i, false);
    assert_queue_is(ch, numbered(name, 69), "a", "a", "a");
    assert_queue_is(ch, "once", "a");
}

/* An event's groups are queues that have it. */
/* In one step, that is: so there is a most. */
static void to_too_many_it_does_not_go(void **state)
{
    static const char *const why = "message with an id or a number for 1200 queues and windows at once, the "
                                   "most is 1000 (limits.transaction_actions)";
    fixture_t *f = *state;
    chan_t ch = new_channel(f);
    char name[16];
    new_exchange(ch, "x", "fanout"), new_exchange(ch, "y", "fanout");
    for (unsigned i = 0; i < 1200; i++) {
        if (i < 600)
            window_queue(ch, numbered(name, i), 0, (window_t){0}), bound(ch, name, "x", "");
        else
            new_queue(ch, numbered(name, i));
        bound(ch, name, "y", "");
    }
    publish_id(ch, "x", "", "a"), expect_refusal_and_reopen(ch, 406, why);
    publish_number(ch, "x", "", "a", 0, "p", 1), expect_refusal_and_reopen(ch, 406, why);
    delete_queue(ch, numbered(name, 0), 0), expect_counted(ch, 0);
    publish(ch, "x", "", "passes"), publish(ch, "y", "", "passes");
    run(f);
    assert_int_equal(counts(f).messages_ready, 599 + 1199);
    for (unsigned i = 1; i < 100; i++)
        delete_queue(ch, numbered(name, i), 0), expect(ch, EVENT_QUEUE_COUNTED);
    publish_id(ch, "x", "", "a"), run(f);
    assert_int_equal(counts(f).messages_ready, 500 + 600 + 2 * 500);
}

static void a_queue_that_keeps_an_event_out_is_none_of_its_groups(void **state)
{
    fixture_t *f = *state;
    chan_t h = new_channel(f), p = new_channel(f);
    buffer_t headers = {0}, properties = {0};
    window_queue(h, "h", 0, (window_t){0}), bound(h, "h", "amq.events", "#");
    (void)new_consumer(h, "h", "", 0);
    table_put_string(&headers, "x-deduplication-header", BYTES("a"));
    bytes_t octets = properties_of_headers(&properties, buffer_bytes(&headers));
    ask_with(p, "t", "1", octets);
    ack(h, expect_event(h, "1"), 0);
    assert_non_null(strstr(expect(p, EVENT_REPORT)->text, "\"status\":\"ok\""));
    ask_with(p, "t", "2", octets);
    assert_non_null(strstr(expect(p, EVENT_REPORT)->text, "\"status\":\"none\""));
    expect_nothing(h);
    buffer_free(&headers), buffer_free(&properties);
}

/* ---- ids ---- */

static void publish_field(chan_t ch, uint8_t tag, bytes_t octets)
{
    buffer_t headers = {0};
    table_put_field(&headers, BYTES("x-deduplication-header"), &(field_t){tag, octets});
    publish_headers(ch, "", "q", "m", 0, buffer_bytes(&headers));
    buffer_free(&headers);
}

static void an_id_is_any_value_and_an_integer_of_any_width_is_the_same(void **state)
{
    fixture_t *f = *state;
    chan_t ch = new_channel(f);
    window_queue(ch, "q", 0, (window_t){0});
    static const struct {
        uint8_t tag;
        bytes_t octets;
        uint32_t expected;
    } ids[] = {
        {'S', {(const uint8_t *)"1", 1}, 1},
        {'b', {(const uint8_t *)"\1", 1}, 2},
        {'l', {(const uint8_t *)"\0\0\0\0\0\0\0\1", 8}, 2},
        {'I', {(const uint8_t *)"\0\0\0\1", 4}, 2},
        {'t', {(const uint8_t *)"\1", 1}, 3},
        {'x', {(const uint8_t *)"1", 1}, 4},
        {'T', {(const uint8_t *)"\0\0\0\0\0\0\0\1", 8}, 5},
        {'S', {(const uint8_t *)"", 0}, 6},
        {'V', {NULL, 0}, 7},
        {'S', {(const uint8_t *)"1", 1}, 7},
    };
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        publish_field(ch, ids[i].tag, ids[i].octets);
        declare(ch, "q", COMMAND_PASSIVE), expect_declared(ch, "q", ids[i].expected, 0);
    }
}

static void an_id_may_be_long(void **state)
{
    fixture_t *f = *state;
    chan_t ch = new_channel(f);
    char id[5000];
    memset(id, 'x', sizeof id), id[sizeof id - 1] = '\0';
    window_queue(ch, "q", 0, (window_t){0});
    publish_as(ch, "", "q", "1", 0, id), publish_as(ch, "", "q", "2", 0, id);
    id[4000] = 'y';
    publish_as(ch, "", "q", "3", 0, id);
    assert_queue_is(ch, "q", "1", "3");
}

static void another_header_may_bear_it(void **state)
{
    static const char *const names[] = {"order", "o"};
    fixture_t *f = *state;
    chan_t ch = new_channel(f);
    for (int k = 0; k < 2; k++) {
        buffer_t headers = {0};
        window_queue(ch, names[k], 0, (window_t){.header = names[k]});
        table_put_string(&headers, names[k], BYTES("1"));
        for (int i = 0; i < 2; i++)
            publish_headers(ch, "", names[k], "a", 0, buffer_bytes(&headers));
        publish_as(ch, "", names[k], "b", 0, "1"), publish_as(ch, "", names[k], "b", 0, "1");
        assert_queue_is(ch, names[k], "a", "b", "b");
        buffer_free(&headers);
    }
}

/* ---- how long ---- */

/* What was published before is done. */
static void later(fixture_t *f, uint64_t ms)
{
    run(f);
    advance(f, ms);
}

static void the_oldest_is_forgotten_when_there_are_more(void **state)
{
    fixture_t *f = *state;
    chan_t ch = new_channel(f);
    window_queue(ch, "q", 0, (window_t){.size = 2});
    publish_id(ch, "", "q", "a"), publish_id(ch, "", "q", "b"),
        publish_id(ch, "", "q", "a"); /* a repeat is no news */
    publish_id(ch, "", "q", "c");     /* a goes */
    publish_id(ch, "", "q", "b"), publish_id(ch, "", "q", "c"), publish_id(ch, "", "q", "a");
    assert_queue_is(ch, "q", "a", "b", "c", "a");
}

static void unless_it_is_said_there_are_128(void **state)
{
    fixture_t *f = *state;
    chan_t ch = new_channel(f);
    char id[16];
    window_queue(ch, "q", 0, (window_t){0});
    window_queue(ch, "timed", 0, (window_t){.ttl_ms = 1000}); /* this one has as many as there may be */
    bound(ch, "q", "amq.fanout", ""), bound(ch, "timed", "amq.fanout", "");
    for (unsigned i = 0; i < 129; i++)
        publish_id(ch, "amq.fanout", "", numbered(id, i));
    publish_id(ch, "amq.fanout", "", numbered(id, 0)), publish_id(ch, "amq.fanout", "", numbered(id, 128));
    purge(ch, "q"), expect_counted(ch, 130);
    purge(ch, "timed"), expect_counted(ch, 129);
}

static void time_passes(void **state)
{
    fixture_t *f = *state;
    chan_t ch = new_channel(f);
    window_queue(ch, "q", 0, (window_t){.ttl_ms = 1000});
    publish_as(ch, "", "q", "1", 0, "a");
    later(f, 999);
    publish_as(ch, "", "q", "2", 0, "a"); /* a repeat does not begin it anew */
    later(f, 1);
    publish_as(ch, "", "q", "3", 0, "a");
    later(f, 999);
    publish_as(ch, "", "q", "4", 0, "a");
    assert_queue_is(ch, "q", "1", "3");
    publish_as(ch, "", "q", "5", 0, "b");
    later(f, 5000);
    publish_as(ch, "", "q", "6", 0, "c"), run(f);
    assert_int_equal(counts(f).deduplication_ids, 1); /* the others went with it */
}

static void publish_for(chan_t ch, const char *body, const char *id, int64_t ttl_ms)
{
    buffer_t headers = {0};
    table_put_string(&headers, "x-deduplication-header", text(id));
    table_put_long(&headers, "x-cache-ttl", ttl_ms);
    publish_headers(ch, "", "q", body, 0, buffer_bytes(&headers));
    buffer_free(&headers);
}

static void a_message_may_have_a_time_of_its_own(void **state)
{
    fixture_t *f = *state;
    chan_t ch = new_channel(f);
    window_queue(ch, "q", 0, (window_t){.ttl_ms = 1000});
    publish_for(ch, "1", "a", 10), publish_for(ch, "2", "b", 5000);
    publish_for(ch, "3", "never", 0);
    later(f, 10);
    publish_for(ch, "4", "a", 10), publish_for(ch, "5", "b", 10), publish_for(ch, "6", "never", 0);
    later(f, 4989);
    publish_for(ch, "7", "b", 10);
    later(f, 1);
    publish_for(ch, "8", "b", INT64_MAX);
    assert_queue_is(ch, "q", "1", "2", "3", "4", "6", "8");
}

/* ---- publishers ---- */

static void a_number_that_was_there_is_a_repeat_wherever_it_goes(void **state)
{
    fixture_t *f = *state;
    chan_t ch = confirming(f);
    new_queue(ch, "q"), bound(ch, "q", "amq.fanout", "");
    publish_number(ch, "", "q", "0", 0, "p", 0), publish_number(ch, "", "q", "0", 0, "p", 0);
    publish_number(ch, "", "q", "5", 0, "p", 5),
        publish_number(ch, "amq.fanout", "", "4", COMMAND_MANDATORY, "p", 4);
    publish_number(ch, "", "q", "other", 0, "o", 4), publish_number(ch, "amq.fanout", "", "6", 0, "p", 6);
    expect_confirm(ch, 6, true);
    assert_queue_is(ch, "q", "0", "5", "other", "6");
    assert_int_equal(counts(f).duplicates, 2);
    assert_int_equal(counts(f).publishers, 2);
}

static void the_same_publisher_of_another_user_is_another(void **state)
{
    fixture_t *f = *state;
    chan_t ch = new_channel(f);
    client_t *c = client_at(f, 0);
    open_connection(c, "/", "somebody"), expect((chan_t){c, 0}, EVENT_CONNECTION_OPENED);
    chan_t other = channel_of(c, 1);
    new_queue(ch, "q");
    publish_number(ch, "", "q", "1", 0, "p", 5), run(f);
    publish_number(other, "", "q", "2", 0, "p", 5);
    assert_queue_is(ch, "q", "1", "2");
}

static void one_header_alone_means_nothing(void **state)
{
    fixture_t *f = *state;
    chan_t ch = new_channel(f);
    buffer_t headers = {0};
    new_queue(ch, "q");
    table_put_string(&headers, "x-publisher-sequence", BYTES("not a number"));
    for (int i = 0; i < 2; i++)
        publish_headers(ch, "", "q", "a", 0, buffer_bytes(&headers));
    assert_queue_is(ch, "q", "a", "a");
    buffer_free(&headers);
}

static void the_one_that_is_longest_silent_is_forgotten(void **state)
{
    (void)state;
    fixture_t *f = fixture_new((fixture_options_t){.publishers = 2});
    chan_t ch = new_channel(f);
    new_queue(ch, "q");
    publish_number(ch, "", "q", "a1", 0, "a", 1), publish_number(ch, "", "q", "b1", 0, "b", 1);
    publish_number(ch, "", "q", "a2", 0, "a", 2), publish_number(ch, "", "q", "c1", 0, "c", 1); /* b goes */
    publish_number(ch, "", "q", "a2", 0, "a", 2), publish_number(ch, "", "q", "b1", 0, "b", 1);
    assert_queue_is(ch, "q", "a1", "b1", "a2", "c1", "b1");
    assert_int_equal(counts(f).publishers, 2);
    assert_int_equal(counts(f).publishers_forgotten, 2);
    fixture_free(f);
}

static void numbers_that_cannot_be_are_refused(void **state)
{
    fixture_t *f = *state;
    chan_t ch = new_channel(f);
    buffer_t b = {0};
    new_queue(ch, "q");
    publish_number(ch, "", "q", "m", 0, "p", -1);
    expect_refusal_and_reopen(ch, 406,
                              "invalid header 'x-publisher-sequence': '-1', expected an integer from 0 on");
    publish_number(ch, "", "q", "m", 0, "", 1);
    expect_refusal_and_reopen(ch, 406, "invalid header 'x-publisher-id': '', expected a string");
    table_put_long(&b, "x-publisher-id", 7), table_put_long(&b, "x-publisher-sequence", 7);
    publish_headers(ch, "", "q", "m", 0, buffer_bytes(&b));
    expect_refusal_and_reopen(ch, 406, "invalid header 'x-publisher-id': '7', expected a string");
    buffer_clear(&b);
    table_put_string(&b, "x-publisher-id", BYTES("p")),
        table_put_string(&b, "x-publisher-sequence", BYTES("7"));
    publish_headers(ch, "", "q", "m", 0, buffer_bytes(&b));
    expect_refusal_and_reopen(ch, 406,
                              "invalid header 'x-publisher-sequence': '7', expected an integer from 0 on");
    publish_number(ch, "amq.events", "t", "m", 0, "p", 1);
    expect_refusal_and_reopen(
        ch, 406,
        "header 'x-publisher-sequence' for synchronous exchange 'amq.events' in vhost '/': it "
        "knows repeats by message-id");
    publish_number(ch, "nowhere", "", "m", 0, "p", 9),
        expect_refusal_and_reopen(ch, 404, "no exchange 'nowhere' in vhost '/'");
    publish_number(ch, "", "q", "m", 0, "p", 1); /* none of these has raised it */
    assert_queue_is(ch, "q", "m");
    buffer_free(&b);
}

/* ---- arguments ---- */

typedef void put_t(buffer_t *b);

static void put_switch(buffer_t *b)
{
    table_put_string(b, "x-message-deduplication", BYTES("yes"));
}
static void put_size_0(buffer_t *b)
{
    table_put_bool(b, "x-message-deduplication", true), table_put_long(b, "x-cache-size", 0);
}
static void put_size_1001(buffer_t *b)
{
    table_put_bool(b, "x-message-deduplication", true), table_put_long(b, "x-cache-size", 1001);
}
static void put_ttl(buffer_t *b)
{
    table_put_bool(b, "x-message-deduplication", true), table_put_string(b, "x-cache-ttl", BYTES("1s"));
}
static void put_header(buffer_t *b)
{
    table_put_string(b, "x-deduplication-header", BYTES(""));
}
static void put_size_alone(buffer_t *b)
{
    table_put_long(b, "x-cache-size", 5);
}

static void arguments_that_cannot_be_are_refused(void **state)
{
    static const struct {
        put_t *put;
        const char *argument, *why;
    } wrong[] = {
        {put_switch, "x-message-deduplication", "'yes', expected true or false"},
        {put_size_0, "x-cache-size", "'0', expected a number from 1 to 1000 (limits.deduplication_ids)"},
        {put_size_1001, "x-cache-size",
         "'1001', expected a number from 1 to 1000 (limits.deduplication_ids)"},
        {put_ttl, "x-cache-ttl", "'1s', expected milliseconds from 1 on"},
        {put_header, "x-deduplication-header", "'', expected the name of a header"},
        {put_size_alone, "x-cache-size", "it means nothing without 'x-message-deduplication'"},
    };
    fixture_t *f = *state;
    chan_t ch = new_channel(f);
    char why[300];
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        buffer_t b = {0};
        wrong[i].put(&b);
        declare_with(ch, "n", 0, buffer_bytes(&b));
        text_format(why, sizeof why, "invalid arg '%s' for queue 'n' in vhost '/': %s", wrong[i].argument,
                    wrong[i].why);
        expect_refusal_and_reopen(ch, 406, why);
        declare_exchange_with(ch, "n", "direct", 0, buffer_bytes(&b));
        text_format(why, sizeof why, "invalid arg '%s' for exchange 'n' in vhost '/': %s", wrong[i].argument,
                    wrong[i].why);
        expect_refusal_and_reopen(ch, 406, why);
        buffer_free(&b);
    }
}

static void a_synchronous_exchange_has_its_own_way(void **state)
{
    fixture_t *f = *state;
    chan_t ch = new_channel(f);
    buffer_t b = {0};
    table_put_bool(&b, "x-message-deduplication", true), table_put_string(&b, "x-sync", BYTES("all"));
    declare_exchange_with(ch, "x", "topic", 0, buffer_bytes(&b));
    expect_refusal(
        ch, 406,
        "invalid arg 'x-message-deduplication' for exchange 'x' in vhost '/': one with 'x-sync' knows "
        "repeats by message-id");
    buffer_free(&b);
}

/* ---- transactions ---- */

static void in_a_transaction_windows_are_asked_at_the_commit(void **state)
{
    fixture_t *f = *state;
    chan_t ch = new_channel(f), other = new_channel(f);
    window_exchange(ch, "x", "fanout", 0, (window_t){0});
    new_queue(ch, "q"), bound(ch, "q", "x", "");
    tx_select(ch);
    publish_as(ch, "x", "", "1", 0, "a"), publish_as(ch, "x", "", "2", COMMAND_MANDATORY, "a");
    publish_as(ch, "x", "", "3", 0, "b");
    publish_as(other, "x", "", "4", 0, "b"); /* is there first */
    committed(ch);
    assert_queue_is(other, "q", "4", "1");
    publish_as(ch, "x", "", "5", 0, "c");
    rolled_back(ch);
    publish_as(ch, "x", "", "6", 0, "c"), publish_as(ch, "x", "", "7", 0, "a");
    committed(ch);
    assert_queue_is(other, "q", "6");
    assert_int_equal(counts(f).returned, 0);
    assert_int_equal(counts(f).duplicates, 3);
}

static void in_a_transaction_a_queue_keeps_out_what_others_get(void **state)
{
    fixture_t *f = *state;
    chan_t ch = new_channel(f), other = new_channel(f);
    window_queue(ch, "w", 0, (window_t){0}), new_queue(ch, "q");
    bound(ch, "w", "amq.fanout", ""), bound(ch, "q", "amq.fanout", "");
    tx_select(ch);
    publish_as(ch, "amq.fanout", "", "1", 0, "a"), publish_as(ch, "amq.fanout", "", "2", 0, "a");
    new_queue(other, "late"), bound(other, "late", "amq.fanout", ""); /* they were routed before */
    committed(ch);
    assert_queue_is(other, "w", "1");
    assert_queue_is(other, "q", "1", "2");
    assert_queue_is_empty(other, "late");
}

static void in_a_transaction_numbers_rise_with_the_commit(void **state)
{
    fixture_t *f = *state;
    chan_t ch = new_channel(f), other = new_channel(f);
    new_queue(ch, "q");
    tx_select(ch);
    publish_number(ch, "", "q", "1", 0, "p", 1), publish_number(ch, "", "q", "2", 0, "p", 2);
    publish_number(ch, "", "q", "1 again", 0, "p", 1);
    rolled_back(ch);
    publish_number(ch, "", "q", "1", 0, "p", 1), publish_number(ch, "", "q", "2", 0, "p", 2);
    publish_number(ch, "", "q", "1 again", 0, "p", 1);
    committed(ch);
    assert_queue_is(other, "q", "1", "2");
}

static void in_a_transaction_bcc_reaches_its_queues_and_is_not_seen(void **state)
{
    fixture_t *f = *state;
    chan_t ch = new_channel(f), other = new_channel(f);
    window_queue(ch, "w", 0, (window_t){0}), new_queue(ch, "q");
    buffer_t headers = {0};
    table_put_string(&headers, "x-deduplication-header", text("a"));
    put_array(&headers, "BCC", (const char *const[]){"q", NULL});
    tx_select(ch);
    publish_headers(ch, "", "w", "m", 0, buffer_bytes(&headers));
    committed(ch);
    get(other, "q", COMMAND_NO_ACK);
    const seen_t *s = expect(other, EVENT_GET_OK);
    field_t bcc;
    assert_false(
        table_find(properties_headers(bytes_make(s->properties, s->properties_len)), BYTES("BCC"), &bcc));
    assert_queue_is(other, "w", "m");
    buffer_free(&headers);
}

static void switched_off_the_others_mean_nothing(void **state)
{
    fixture_t *f = *state;
    chan_t ch = new_channel(f);
    buffer_t b = {0};
    table_put_bool(&b, "x-message-deduplication", false), table_put_long(&b, "x-cache-size", 5);
    declare_with(ch, "q", 0, buffer_bytes(&b)), expect_declared(ch, "q", 0, 0);
    publish_id(ch, "", "q", "a"), publish_id(ch, "", "q", "a");
    assert_queue_is(ch, "q", "a", "a");
    buffer_free(&b);
}

static void a_redeclare_asks_for_the_same(void **state)
{
    fixture_t *f = *state;
    chan_t ch = new_channel(f);
    buffer_t b = {0};
    window_exchange(ch, "x", "direct", 0, (window_t){.size = 5}),
        window_queue(ch, "q", 0, (window_t){.size = 5});
    window_exchange(ch, "x", "direct", 0, (window_t){.size = 5}),
        window_queue(ch, "q", 0, (window_t){.size = 5});
    declare_exchange(ch, "x", "direct", 0);
    expect_refusal_and_reopen(
        ch, 406,
        "inequivalent arg 'x-message-deduplication' for exchange 'x' in vhost '/': received none "
        "but current is the value 'true' of type 'bool'");
    declare(ch, "q", 0);
    expect_refusal_and_reopen(
        ch, 406,
        "inequivalent arg 'x-message-deduplication' for queue 'q' in vhost '/': received none but "
        "current is the value 'true' of type 'bool'");
    declare_exchange_with(ch, "x", "direct", 0, window_arguments(&b, (window_t){.size = 6}));
    expect_refusal_and_reopen(
        ch, 406,
        "inequivalent arg 'x-cache-size' for exchange 'x' in vhost '/': received '6' but current is '5'");
    declare_exchange_with(ch, "amq.direct", "direct", COMMAND_DURABLE, buffer_bytes(&b));
    expect_refusal_and_reopen(
        ch, 406,
        "inequivalent arg 'x-message-deduplication' for exchange 'amq.direct' in vhost '/': "
        "received the value 'true' of type 'bool' but current is none");
    buffer_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(a_repeat_goes_nowhere_and_is_confirmed),
        fixture_test(what_has_no_id_passes),
        fixture_test(two_exchanges_remember_for_themselves),
        fixture_test(an_exchange_behind_another_keeps_its_own_part_out),
        fixture_test(what_reaches_no_queue_is_not_remembered),
        fixture_test(an_exchange_that_is_made_again_remembers_nothing),
        fixture_test(a_queue_keeps_out_what_others_get),
        fixture_test(a_queue_that_keeps_it_out_is_none_that_is_missing),
        fixture_test(to_more_queues_than_a_slice_it_goes_at_once),
        fixture_test(to_too_many_it_does_not_go),
        fixture_test(a_queue_that_keeps_an_event_out_is_none_of_its_groups),
        fixture_test(an_id_is_any_value_and_an_integer_of_any_width_is_the_same),
        fixture_test(an_id_may_be_long),
        fixture_test(another_header_may_bear_it),
        fixture_test(the_oldest_is_forgotten_when_there_are_more),
        fixture_test(unless_it_is_said_there_are_128),
        fixture_test(time_passes),
        fixture_test(a_message_may_have_a_time_of_its_own),
        fixture_test(a_number_that_was_there_is_a_repeat_wherever_it_goes),
        fixture_test(the_same_publisher_of_another_user_is_another),
        fixture_test(one_header_alone_means_nothing),
        cmocka_unit_test(the_one_that_is_longest_silent_is_forgotten),
        fixture_test(numbers_that_cannot_be_are_refused),
        fixture_test(arguments_that_cannot_be_are_refused),
        fixture_test(a_synchronous_exchange_has_its_own_way),
        fixture_test(switched_off_the_others_mean_nothing),
        fixture_test(in_a_transaction_windows_are_asked_at_the_commit),
        fixture_test(in_a_transaction_a_queue_keeps_out_what_others_get),
        fixture_test(in_a_transaction_numbers_rise_with_the_commit),
        fixture_test(in_a_transaction_bcc_reaches_its_queues_and_is_not_seen),
        fixture_test(a_redeclare_asks_for_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
