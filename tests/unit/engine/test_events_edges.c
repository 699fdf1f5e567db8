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
    assert_int_equal(live_lowest(&f->engine->live, 12345678), 12345678);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        durable_test(an_answer_in_parts_leaves_none_for_the_next_publish),
        durable_test(ones_own_event_in_parts_leaves_none_for_the_next_publish),
        cmocka_unit_test(at_the_alarm_an_answer_is_not_left_behind_by_its_ack),
        fixture_test(what_handlers_say_counts_as_memory),
        fixture_test(what_is_too_long_as_json_is_truncated),
        fixture_test(a_character_split_between_frames_is_no_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
