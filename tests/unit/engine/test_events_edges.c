/* SPDX-License-Identifier: Apache-2.0
 *
 * Synchronous events where something else happens at the same time: the memory alarm, bodies in parts, queues and
 * connections that go, more of everything than anybody needs. */
#include "engine/durable.h"
#include "engine/engine_internal.h"
#include "engine/events.h"

/* The next report says this somewhere. */
static void expect_told(chan_t p, const char *what)
{
    const char *report = expect(p, EVENT_REPORT)->text;
    if (!strstr(report, what))
        fail_msg("expected %s in %s", what, report);
}

static void ask_id(chan_t p, const char *body, const char *id)
{
    buffer_t properties = {0};
    ask_with(p, "t", body, properties_of_text(&properties, PROPERTY_MESSAGE_ID, id));
    buffer_free(&properties);
}

static void new_sync_exchange(chan_t ch, const char *name, int flags, const char *argument, int64_t value)
{
    buffer_t arguments = {0};
    table_put_string(&arguments, "x-sync", BYTES("all"));
    if (argument)
        table_put_long(&arguments, argument, value);
    declare_exchange_with(ch, name, "fanout", flags, buffer_bytes(&arguments)), expect_ok(ch);
    buffer_free(&arguments);
}

/* Properties of an answer to this delivery. */
static bytes_t answer_properties(buffer_t *b, chan_t ch, uint64_t tag, bytes_t headers)
{
    char correlation[EVENT_CORRELATION_MOST_BYTES];
    size_t len = event_correlation(&(event_t){.channel = ch.number, .delivery_tag = tag}, correlation);
    write_u16(b, PROPERTY_FLAG(PROPERTY_HEADERS) | PROPERTY_FLAG(PROPERTY_CORRELATION_ID));
    write_long_string(b, headers);
    write_short_string(b, bytes_make(correlation, len));
    return buffer_bytes(b);
}

/* ---- answers ---- */

static void an_answer_in_parts_leaves_none_for_the_next_publish(void **state)
{
    fixture_t *f = *state;
    chan_t a = handler(f, "a"), p = new_channel(f);
    ask(p, "t", "1");
    uint64_t tag = expect_event(a, "1");
    part(a, "abc"), say(a, tag, "g");
    new_queue(a, "q"), put(a, "q", "other"), ack(a, tag, 0);
    expect_told(p, "\"attempts\":1,\"ms\":0,\"truncated\":true}");
    assert_queue_is(p, "q", "other");
    assert_int_equal(f->engine->live.records, 0);
}

static void ones_own_event_in_parts_leaves_none_for_the_next_publish(void **state)
{
    fixture_t *f = *state;
    chan_t a = new_channel(f), p = new_channel(f);
    new_sync_exchange(a, "x", 0, "x-sync-window", 1);
    new_queue(a, "q"), bound(a, "q", "x", ""), consume(a, "q", "", COMMAND_NOWAIT);
    new_queue(p, "other");
    publish_with(p, "x", "t", "1", COMMAND_ASKS, bytes_make("\0\0", 2));
    uint64_t tag = expect_event(a, "1");
    part(a, "abc"), publish_with(a, "x", "t", "2", COMMAND_ASKS, bytes_make("\0\0", 2));
    expect_told(a, "own event");
    put(a, "other", "3"), ack(a, tag, 0), expect_told(p, "\"status\":\"ok\"");
    assert_queue_is(p, "other", "3");
}

static void at_the_alarm_an_answer_is_not_left_behind_by_its_ack(void **state)
{
    (void)state;
    for (int held_before = 0; held_before < 2; held_before++) {
        fixture_t *f = fixture_new((fixture_options_t){.memory_high_bytes = 3000});
        char large[4000] = {0};
        memset(large, 'x', sizeof large - 1);
        chan_t a = handler(f, "a"), p = new_channel(f);
        ask(p, "t", "1");
        uint64_t tag = expect_event(a, "1");
        new_queue(p, "q"), put(p, "q", large), run(f);
        assert_true(counts(f).memory_alarm);
        if (held_before)
            put(a, "q", "held");
        say(a, tag, "done"), ack(a, tag, 0);
        expect_told(p, "\"result\":\"done\"");
        purge(p, "q"), expect_counted(p, 1);
        run(f);
        declare(p, "q", COMMAND_PASSIVE), expect_declared(p, "q", (uint32_t)held_before, 0);
        fixture_free(f);
    }
}

static void what_handlers_say_counts_as_memory(void **state)
{
    fixture_t *f = *state;
    chan_t a = handler(f, "a"), p = new_channel(f);
    ask(p, "t", "1");
    uint64_t tag = expect_event(a, "1");
    char *large = mem_zero(100001);
    memset(large, 1, 100000); /* JSON of it is six times as long */
    uint64_t before = counts(f).memory_bytes;
    say(a, tag, large), run(f);
    assert_true(counts(f).memory_bytes >= before + 600000);
    ack(a, tag, 0), expect_told(p, "\"status\":\"ok\"");
    assert_int_equal(counts(f).memory_bytes, 0);
    mem_free(large);
}

static void what_is_too_long_as_json_is_truncated(void **state)
{
    fixture_t *f = *state;
    chan_t a = handler(f, "a"), p = new_channel(f);
    ask(p, "t", "1");
    uint64_t tag = expect_event(a, "1");
    char *large = mem_zero(400001);
    memset(large, 1, 400000);
    say(a, tag, large), run(f);
    assert_true(counts(f).memory_bytes < 100000);
    ack(a, tag, 0), expect_told(p, "\"truncated\":true");
    mem_free(large);
}

static void a_character_split_between_frames_is_no_text(void **state)
{
    chan_t a = handler(*state, "a"), p = new_channel(*state);
    ask(p, "t", "1");
    uint64_t tag = expect_event(a, "1");
    buffer_t headers = {0}, lengths = {0}, properties = {0};
    write_u8(&lengths, 'I'), write_u32(&lengths, 1), write_u8(&lengths, 'I'), write_u32(&lengths, 1);
    table_put_field(&headers, BYTES("frames"), &(field_t){'A', buffer_bytes(&lengths)});
    publish_with(a, "", "amq.events.reply", "\xc3\xa9", 0,
                 answer_properties(&properties, a, tag, buffer_bytes(&headers)));
    ack(a, tag, 0), expect_told(p, "\"result64\":[\"ww==\",\"qQ==\"]");
    buffer_free(&headers), buffer_free(&lengths), buffer_free(&properties);
}

/* ---- the log ---- */

/* Delivery-mode, message-id and expiration; NULL: none. */
static bytes_t published_properties(buffer_t *b, bool persistent, const char *id, const char *expiration)
{
    uint16_t flags = PROPERTY_FLAG(PROPERTY_DELIVERY_MODE);
    flags |= expiration ? PROPERTY_FLAG(PROPERTY_EXPIRATION) : 0;
    flags |= id ? PROPERTY_FLAG(PROPERTY_MESSAGE_ID) : 0;
    buffer_clear(b);
    write_u16(b, flags);
    write_u8(b, persistent ? 2 : 1);
    if (expiration)
        write_short_string(b, text(expiration));
    if (id)
        write_short_string(b, text(id));
    return buffer_bytes(b);
}

static void ask_at(chan_t p, const char *exchange, const char *body, const char *id)
{
    buffer_t b = {0};
    publish_with(p, exchange, "t", body, COMMAND_ASKS, published_properties(&b, true, id, NULL));
    buffer_free(&b);
}

static void what_takes_the_place_of_an_event_that_is_gone_does_not_expire(void **state)
{
    fixture_t *f = *state;
    chan_t p = new_channel(f);
    buffer_t b = {0};
    new_durable_queue(p, "q"), bound(p, "q", "amq.events", "#");
    ask_with(p, "t", "1", published_properties(&b, false, "id", "500")),
        expect_told(p, "\"status\":\"none\"");
    ask_with(p, "t", "2", published_properties(&b, false, NULL, "500")),
        expect_told(p, "\"status\":\"none\"");
    run(f), crash(f);
    p = new_channel(f);
    put_durably(p, "q", "3"), put_durably(p, "q", "4"), run(f);
    advance(f, 500);
    assert_queue_is(p, "q", "3", "4");
    buffer_free(&b);
}

static void an_event_without_its_message_comes_back_as_none(void **state)
{
    fixture_t *f = *state;
    chan_t a = handler_with(f, "a", "#", COMMAND_DURABLE), p = new_channel(f);
    buffer_t b = {0};
    char id[16];
    qos(a, 1, 0), expect_ok(a);
    publish_durably(p, "amq.events", "t", "0"), run(f);
    for (unsigned i = 0; i < 100; i++) /* beyond what is there of the queue afterwards */
        ask_with(p, "t", "1", published_properties(&b, false, numbered(id, i), NULL));
    run(f), crash(f);
    p = new_channel(f);
    ask_with(p, "t", "1", published_properties(&b, false, id, NULL)), expect_told(p, "\"status\":\"none\"");
    assert_queue_is(p, "a", "0*");
    buffer_free(&b);
}

static void events_of_two_exchanges_in_one_queue_are_found_after_a_crash(void **state)
{
    fixture_t *f = *state;
    chan_t ch = new_channel(f);
    char id[16];
    new_durable_queue(ch, "q");
    for (int x = 0; x < 3; x++) {
        char name[2] = {(char)('x' + x), '\0'};
        new_sync_exchange(ch, name, COMMAND_DURABLE, NULL, 0);
        bound(ch, "q", name, "");
    }
    consume(ch, "q", "", COMMAND_NOWAIT);
    for (unsigned i = 0; i < 9; i++)
        ask_at(ch, i % 3 == 0 ? "x" : i % 3 == 1 ? "y" : "z", "1", numbered(id, i));
    run(f), crash(f);
    ch = new_channel(f);
    consume(ch, "q", "", COMMAND_NOWAIT), run(f);
    ack(ch, 0, COMMAND_MULTIPLE), run(f);
    chan_t p = new_channel(f);
    for (unsigned i = 0; i < 9; i++) {
        ask_at(p, i % 3 == 0 ? "x" : i % 3 == 1 ? "y" : "z", "1", numbered(id, i));
        expect_told(p, "\"status\":\"ok\"");
    }
}

static void what_was_reported_expires_after_a_crash_too(void **state)
{
    fixture_t *f = *state;
    chan_t p = new_channel(f);
    buffer_t b = {0};
    new_durable_queue(p, "q"), bound(p, "q", "amq.events", "#");
    ask_with(p, "t", "1", published_properties(&b, true, "id", "500")), expect_told(p, "\"status\":\"none\"");
    run(f), crash(f);
    p = new_channel(f);
    ask_with(p, "t", "1", published_properties(&b, true, "id", "500")), expect_told(p, "\"seq\":1,");
    declare(p, "q", COMMAND_DURABLE), expect_declared(p, "q", 1, 0);
    advance(f, 500);
    assert_queue_is_empty(p, "q");
    stop_and_start(f);
    p = new_channel(f);
    ask_with(p, "t", "1", published_properties(&b, true, "id", "500")), expect_told(p, "\"seq\":1,");
    buffer_free(&b);
}

/* So much passes through the log that `x` was defined at least this number of records ago; or anew, with 0. */
static void let_pass(chan_t p, const exchange_t *x, record_no ago)
{
    record_no before = x->stated.record;
    const engine_t *e = x->vhost->engine;
    while (ago ? e->next_record < x->stated.record + ago : x->stated.record == before) {
        put_durably(p, "other", "1");
        get(p, "other", COMMAND_NO_ACK), expect_got(p, "1");
    }
}

static void an_open_event_keeps_the_definition_of_its_exchange(void **state)
{
    (void)state;
    fixture_t *f = durable_new((fixture_options_t){.checkpoint_bytes = 2000000});
    chan_t a = new_channel(f), p = new_channel(f);
    new_sync_exchange(a, "x", COMMAND_DURABLE, NULL, 0);
    new_durable_queue(a, "q"), bound(a, "q", "x", ""), consume(a, "q", "", COMMAND_NOWAIT);
    new_durable_queue(p, "other");
    const exchange_t *x = exchange_find(f->engine->vhost, BYTES("x"));
    let_pass(p, x, 0), let_pass(p, x, 2 * LIVE_RANGE_RECORDS);
    record_no defined = x->stated.record;
    ask_at(p, "x", "1", "id"), expect_event(a, "1");
    let_pass(p, x, 0), run(f);
    assert_false(f->engine->checkpoint.running);
    record_no low = paper_of(f)->replay_from;
    assert_true(defined < low);
    reopen_with(f, (reopen_options_t){.from = low});
    p = new_channel(f);
    ask_at(p, "x", "1", "id"), expect_nothing(p);
    advance(f, 5000), expect_told(p, "\"status\":\"timeout\"");
    durable_free(f);
}

static void what_an_exchange_that_is_gone_left_open_is_not_taken_for_anothers(void **state)
{
    fixture_t *f = *state;
    chan_t a = new_channel(f), p = new_channel(f);
    new_durable_queue(a, "q");
    for (int life = 0; life < 2; life++) {
        new_sync_exchange(a, "x", COMMAND_DURABLE, NULL, 0);
        bound(a, "q", "x", "");
        if (life == 0)
            consume(a, "q", "", COMMAND_NOWAIT), run(f);
        ask_at(p, "x", life ? "new" : "old", life ? "new" : "old");
        run(f);
        if (life == 0)
            delete_exchange(a, "x", 0), expect_event(a, "old"), expect_ok(a);
    }
    expect_event(a, "new");
    ack(a, 1, 0), run(f); /* the old one is over now */
    crash(f);
    p = new_channel(f);
    ask_at(p, "x", "new", "new"), expect_nothing(p);
    advance(f, 5000), expect_told(p, "\"status\":\"timeout\"");
}

static void recovery_does_not_look_through_all_that_expires(void **state)
{
    fixture_t *f = *state;
    chan_t p = new_channel(f);
    buffer_t b = {0};
    new_durable_queue(p, "q"), bound(p, "q", "amq.events", "#");
    for (int i = 0; i < 50000; i++) {
        publish_with(p, "amq.events", "t", "1", 0, published_properties(&b, true, NULL, "500000"));
        if (i % 500 == 0)
            run(f);
    }
    run(f), purge(p, "q"), expect_counted(p, 50000), run(f);
    crash(f), run(f); /* seconds, not minutes */
    assert_int_equal(f->engine->timers.count, 0);
    buffer_free(&b);
}

/* ---- what is left of an event ---- */

static void an_event_that_expires_late_is_forgotten_when_its_entries_are_gone(void **state)
{
    fixture_t *f = *state;
    chan_t a = handler(f, "a"), p = new_channel(f);
    buffer_t b = {0};
    new_queue(p, "away"), bound(p, "away", "amq.events", "#");
    for (int i = 0; i < 2; i++) {
        ask_with(p, "t", "1", published_properties(&b, false, NULL, "315360000000"));
        ack(a, expect_event(a, "1"), 0), expect_told(p, "\"status\":\"ok\"");
    }
    assert_int_equal(f->engine->timers.count, 2);
    get(p, "away", COMMAND_NO_ACK), expect_got(p, "1");
    advance(f, 60000);
    assert_int_equal(f->engine->timers.count, 1);
    purge(p, "away"), expect_counted(p, 1);
    advance(f, 60000);
    assert_int_equal(f->engine->timers.count, 0);
    buffer_free(&b);
}

static void what_is_kept_of_a_topic_goes_when_it_expires(void **state)
{
    (void)state;
    static const engine_topic_t topics[] = {
        {.name = "all", .exchange = "amq.events", .prefix = "", .replay_last = true}};
    fixture_t *f = fixture_new((fixture_options_t){.topics = topics, .topic_count = 1});
    chan_t p = new_channel(f);
    buffer_t b = {0};
    char topic[16];
    for (unsigned i = 0; i < 10; i++)
        publish_with(p, "amq.events", numbered(topic, i), "1", 0,
                     published_properties(&b, false, NULL, "500"));
    run(f);
    queue_t *q = queue_find(f->engine->vhost, BYTES("amq.replay.all"));
    assert_int_equal(q->keys->by_key.count, 10);
    advance(f, 500);
    assert_int_equal(q->fifo.ready, 0);
    assert_int_equal(q->keys->by_key.count, 0);
    buffer_free(&b);
    fixture_free(f);
}

/* ---- more than anybody needs ---- */

static void only_so_many_wait_for_one_event(void **state)
{
    fixture_t *f = *state;
    chan_t a = handler(f, "a"), p = new_channel(f), gone = new_channel(f);
    buffer_t b = {0};
    bytes_t properties = properties_of_text(&b, PROPERTY_MESSAGE_ID, "id");
    for (int i = 0; i < 64; i++)
        ask_with(p, "t", "1", properties);
    uint64_t tag = expect_event(a, "1");
    expect_nothing(p);
    ask_with(gone, "t", "1", properties),
        expect_told(gone, "\"status\":\"failed\",\"topic\":\"t\",\"seq\":0,");
    close_channel(p), expect(p, EVENT_CHANNEL_CLOSED); /* whom nobody could tell any more waits no more */
    ask_with(gone, "t", "1", properties), expect_nothing(gone);
    expect_nothing(a);
    ack(a, tag, 0), expect_told(gone, "\"status\":\"ok\"");
    buffer_free(&b);
}

static void only_so_much_may_be_open_or_kept(void **state)
{
    static const char *const names[] = {"x-sync-window", "x-dedup", "x-keep-results", "x-delivery-limit"};
    chan_t ch = new_channel(*state);
    for (size_t i = 0; i < 4; i++) {
        buffer_t arguments = {0};
        table_put_string(&arguments, "x-sync", BYTES("all"));
        table_put_long(&arguments, names[i], 65537);
        declare_exchange_with(ch, "x", "fanout", 0, buffer_bytes(&arguments));
        const seen_t *s = expect(ch, EVENT_CHANNEL_REFUSED);
        assert_int_equal(s->code, 406);
        assert_non_null(strstr(s->text, "65537"));
        release_channel(ch), open_channel(ch), expect(ch, EVENT_CHANNEL_OPENED);
        buffer_free(&arguments);
    }
}

static void a_binding_only_observes_where_it_can(void **state)
{
    chan_t ch = new_channel(*state);
    buffer_t arguments = {0};
    new_queue(ch, "q");
    table_put_string(&arguments, "x-sync", BYTES("always"));
    bind_with(ch, "q", "amq.events", "#", buffer_bytes(&arguments));
    expect_refusal_and_reopen(ch, 406, "invalid binding argument 'x-sync': 'always', expected never");
    buffer_clear(&arguments);
    table_put_string(&arguments, "x-sync", BYTES("never"));
    push_request(ch, COMMAND_EXCHANGE_BIND, 0, 0,
                 ends("amq.fanout", "amq.events", "#", buffer_bytes(&arguments)));
    expect_hard_refusal(ch.client, 540, "binding argument 'x-sync' is not supported between exchanges");
    buffer_free(&arguments);
}

static void a_report_cannot_be_put_where_nobody_may_publish(void **state)
{
    (void)state;
    static const engine_topic_t topics[] = {
        {.name = "all", .exchange = "amq.fanout", .prefix = "", .replay_last = true}};
    fixture_t *f = fixture_new((fixture_options_t){.topics = topics, .topic_count = 1});
    chan_t p = new_channel(f);
    buffer_t b = {0};
    publish_with(p, "amq.events", "t", "1", 0, properties_of_text(&b, PROPERTY_REPLY_TO, "amq.replay.all"));
    run(f);
    assert_int_equal(queue_find(f->engine->vhost, BYTES("amq.replay.all"))->fifo.ready, 0);
    buffer_free(&b);
    fixture_free(f);
}

/* The oldest lose their handlers' words; each event looks at no more than it adds. */
static void reports_beyond_their_budget_are_shortened(void **state)
{
    fixture_t *f = *state;
    chan_t a = handler(f, "a"), p = new_channel(f);
    char id[16], *large = mem_zero(100001);
    memset(large, 'x', 100000);
    for (unsigned i = 0; i < 200; i++) {
        ask_id(p, "1", numbered(id, i));
        uint64_t tag = expect_event(a, "1");
        say(a, tag, large), ack(a, tag, 0);
        expect_told(p, "\"status\":\"ok\"");
    }
    assert_true(counts(f).memory_bytes < 17 << 20);
    ask_id(p, "1", numbered(id, 0));
    assert_true(expect(p, EVENT_REPORT)->body_len < 200);
    ask_id(p, "1", numbered(id, 199));
    assert_true(expect(p, EVENT_REPORT)->body_len > 100000);
    mem_free(large);
}

/* ---- who goes ---- */

static void the_last_try_of_a_nameless_member_that_goes_is_no_failure(void **state)
{
    fixture_t *f = *state;
    chan_t a = new_channel(f), p = new_channel(f);
    new_sync_exchange(p, "x", 0, "x-delivery-limit", 1);
    declare(a, "q", COMMAND_EXCLUSIVE), expect_declared(a, "q", 0, 0);
    bound(a, "q", "x", ""), consume(a, "q", "", COMMAND_NOWAIT);
    run(f);
    publish_with(p, "x", "t", "1", COMMAND_ASKS, bytes_make("\0\0", 2));
    expect_event(a, "1");
    hang_up(a.client);
    expect_told(p, "\"status\":\"none\"");
}

static void who_says_goodbye_is_not_waited_for_while_it_waits_itself(void **state)
{
    (void)state;
    fixture_t *f = fixture_new((fixture_options_t){.memory_high_bytes = 3000});
    char large[4000] = {0};
    memset(large, 'x', sizeof large - 1);
    chan_t a = nameless_handler(f, "a"), other = channel_of(a.client, 2), p = new_channel(f);
    ask(p, "t", "1"), expect_event(a, "1");
    new_queue(p, "q"), put(p, "q", large), run(f);
    put(other, "q", "held"), goodbye(a.client);
    expect_told(p, "\"status\":\"none\"");
    fixture_free(f);
}

/* A requeue of all goes from one to the next: a settle must not look through all that were requeued before it. */
static void requeuing_very_many_takes_time_for_each_of_them_only(void **state)
{
    (void)state;
    fixture_t *f = fixture_new((fixture_options_t){.unacked_max = 100000, .ring_items = 100000});
    chan_t a = new_channel(f), b = new_channel(f), p = new_channel(f);
    enum { COUNT = 60000 };
    new_sync_exchange(p, "x", 0, "x-sync-window", 65536);
    new_queue(a, "q"), bound(a, "q", "x", ""), consume(a, "q", "", COMMAND_NOWAIT);
    confirm_select(p), expect_ok(p);
    for (int i = 0; i < COUNT; i++) {
        publish(p, "x", "t", "1");
        if (i % 500 == 0)
            run(f);
    }
    run(f);
    assert_int_equal(counts(f).messages_unacked, COUNT);
    close_channel(a), run(f);
    assert_int_equal(counts(f).messages_ready, COUNT);
    consume(b, "q", "", COMMAND_NOWAIT), run(f);
    assert_int_equal(counts(f).messages_unacked, COUNT);
    ack(b, 0, COMMAND_MULTIPLE), run(f);
    assert_int_equal(counts(f).events_open, 0);
    fixture_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        durable_test(an_answer_in_parts_leaves_none_for_the_next_publish),
        durable_test(ones_own_event_in_parts_leaves_none_for_the_next_publish),
        cmocka_unit_test(at_the_alarm_an_answer_is_not_left_behind_by_its_ack),
        fixture_test(what_handlers_say_counts_as_memory),
        fixture_test(what_is_too_long_as_json_is_truncated),
        fixture_test(a_character_split_between_frames_is_no_text),
        durable_test(what_takes_the_place_of_an_event_that_is_gone_does_not_expire),
        durable_test(an_event_without_its_message_comes_back_as_none),
        durable_test(events_of_two_exchanges_in_one_queue_are_found_after_a_crash),
        durable_test(what_was_reported_expires_after_a_crash_too),
        cmocka_unit_test(an_open_event_keeps_the_definition_of_its_exchange),
        durable_test(what_an_exchange_that_is_gone_left_open_is_not_taken_for_anothers),
        durable_test(recovery_does_not_look_through_all_that_expires),
        fixture_test(an_event_that_expires_late_is_forgotten_when_its_entries_are_gone),
        cmocka_unit_test(what_is_kept_of_a_topic_goes_when_it_expires),
        fixture_test(only_so_many_wait_for_one_event),
        fixture_test(only_so_much_may_be_open_or_kept),
        fixture_test(a_binding_only_observes_where_it_can),
        cmocka_unit_test(a_report_cannot_be_put_where_nobody_may_publish),
        fixture_test(reports_beyond_their_budget_are_shortened),
        fixture_test(the_last_try_of_a_nameless_member_that_goes_is_no_failure),
        cmocka_unit_test(who_says_goodbye_is_not_waited_for_while_it_waits_itself),
        cmocka_unit_test(requeuing_very_many_takes_time_for_each_of_them_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
