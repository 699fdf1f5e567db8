/* SPDX-License-Identifier: Apache-2.0
 *
 * Synchronous events and the log: numbers are never used twice, what was handled durably is told again, what is open goes
 * on after a crash. */
#include "engine/dump.h"
#include "engine/events.h"

/* message-id and delivery-mode 2. */
static void ask_durably(chan_t p, const char *body, const char *id)
{
    buffer_t b = {0};
    uint16_t mode = PROPERTY_FLAG(PROPERTY_DELIVERY_MODE);
    write_u16(&b, id ? mode | PROPERTY_FLAG(PROPERTY_MESSAGE_ID) : mode);
    write_u8(&b, 2);
    if (id)
        write_short_string(&b, text(id));
    ask_with(p, "t", body, buffer_bytes(&b));
    buffer_free(&b);
}

static chan_t durable_handler(fixture_t *f, const char *queue)
{
    return handler_with(f, queue, "#", COMMAND_DURABLE);
}

static const char *report_of(chan_t p)
{
    return expect(p, EVENT_REPORT)->text;
}

static void a_number_is_never_used_twice(void **state)
{
    fixture_t *f = *state;
    uint64_t last = 0;
    for (int life = 0; life < 4; life++) {
        chan_t a = nameless_handler(f, "a"), p = new_channel(f);
        for (int i = 0; i < 3; i++) {
            ask(p, "t", "1");
            const seen_t *s = expect(a, EVENT_DELIVER);
            assert_true(s->seq > last);
            last = s->seq;
        }
        if (life % 2)
            crash(f);
        else
            stop_and_start(f);
        if (life == 0)
            assert_int_equal(last, 3);
        if (life == 1)
            assert_int_equal(last, 6); /* a clean stop skips none */
    }
    assert_true(last > 65536); /* a crash does */
}

static void no_event_goes_out_before_its_number_is_durably_used(void **state)
{
    fixture_t *f = *state;
    chan_t a = nameless_handler(f, "a"), p = new_channel(f);
    hold(f);
    publish(p, "amq.events", "t", "1");
    expect_nothing(a);
    hold_no_more(f);
    assert_int_equal(expect(a, EVENT_DELIVER)->seq, 1);
}

static void who_waits_for_numbers_of_an_exchange_that_goes_is_told(void **state)
{
    fixture_t *f = *state;
    chan_t ch = new_channel(f), p = new_channel(f);
    buffer_t arguments = {0};
    table_put_string(&arguments, "x-sync", BYTES("all"));
    declare_exchange_with(ch, "x", "fanout", COMMAND_DURABLE, buffer_bytes(&arguments)), expect_ok(ch);
    hold(f);
    publish(p, "x", "t", "1");
    expect_nothing(p);
    delete_exchange(ch, "x", COMMAND_NOWAIT);
    expect_refusal(p, 404, "no exchange 'x' in vhost '/'");
    hold_no_more(f);
    buffer_free(&arguments);
}

static void handled_is_not_enough_it_must_be_on_disk(void **state)
{
    fixture_t *f = *state;
    chan_t a = durable_handler(f, "a"), p = new_channel(f);
    ask_durably(p, "0", NULL); /* reserves numbers, moves the delivery mark */
    ack(a, expect_event(a, "0"), 0), (void)report_of(p);
    hold(f);
    ask_durably(p, "1", NULL);
    ack(a, expect_event(a, "1"), 0);
    expect_nothing(p);
    hold_no_more(f);
    assert_non_null(strstr(report_of(p), "\"status\":\"ok\""));
}

static void with_an_id_handlers_wait_for_the_disk(void **state)
{
    fixture_t *f = *state;
    chan_t a = durable_handler(f, "a"), b = nameless_handler(f, "b"), p = new_channel(f);
    ask_durably(p, "0", NULL);
    ack(a, expect_event(a, "0"), 0), ack(b, expect_event(b, "0"), 0), (void)report_of(p);
    hold(f);
    ask_durably(p, "1", "id");
    expect_nothing(a), expect_nothing(b);
    hold_no_more(f);
    expect_event(a, "1"), expect_event(b, "1");
}

static void a_report_is_told_again_after_a_crash(void **state)
{
    fixture_t *f = *state;
    chan_t a = durable_handler(f, "a"), p = new_channel(f);
    char report[400];
    ask_durably(p, "1", "id");
    uint64_t tag = expect_event(a, "1");
    say(a, tag, "done"), ack(a, tag, 0);
    text_format(report, sizeof report, "%s", report_of(p));
    crash(f);
    p = new_channel(f);
    ask_durably(p, "1", "id");
    assert_string_equal(report_of(p), report);
    assert_queue_is_empty(p, "a");
    stop_and_start(f);
    p = new_channel(f);
    ask_durably(p, "1", "id");
    assert_string_equal(report_of(p), report);
}

static void an_open_event_goes_on_after_a_crash(void **state)
{
    fixture_t *f = *state;
    chan_t a = durable_handler(f, "a"), b = durable_handler(f, "b"), c = nameless_handler(f, "c"),
           p = new_channel(f);
    ask_durably(p, "1", "id");
    uint64_t tag = expect_event(a, "1");
    say(a, tag, "from a"), ack(a, tag, 0);
    expect_event(b, "1"), expect_event(c, "1");
    run(f);
    crash(f);
    p = new_channel(f);
    ask_durably(p, "1", "id"); /* nobody gets it twice: it waits for b */
    expect_nothing(p);
    b = new_channel(f);
    consume(b, "b", "", COMMAND_NOWAIT);
    tag = expect_event(b, "1");
    say(b, tag, "from b"), ack(b, tag, 0);
    const char *report = report_of(p);
    assert_non_null(strstr(report, "\"status\":\"ok\",\"topic\":\"t\",\"seq\":1,"));
    assert_non_null(strstr(report, "\"result\":\"from a\""));
    assert_non_null(strstr(report, "\"result\":\"from b\""));
    assert_queue_is_empty(p, "a");
}

static void its_deadline_is_the_same_after_a_crash(void **state)
{
    fixture_t *f = *state;
    chan_t a = durable_handler(f, "a"), p = new_channel(f);
    ask_durably(p, "1", "id");
    expect_event(a, "1");
    advance(f, 3000);
    crash(f);
    p = new_channel(f);
    ask_durably(p, "1", "id");
    advance(f, 1999), expect_nothing(p);
    advance(f, 1);
    assert_non_null(strstr(report_of(p), "\"status\":\"timeout\""));
}

static void what_was_not_durable_is_new_when_it_is_sent_again(void **state)
{
    fixture_t *f = *state;
    chan_t a = durable_handler(f, "a"), p = new_channel(f);
    ask_durably(p, "0", NULL);
    ack(a, expect_event(a, "0"), 0), (void)report_of(p);
    hold(f);
    ask_durably(p, "1", "id");
    run(f);
    crash(f);
    a = new_channel(f), p = new_channel(f);
    consume(a, "a", "", COMMAND_NOWAIT);
    ask_durably(p, "1", "id");
    ack(a, expect_event(a, "1"), 0);
    assert_non_null(strstr(report_of(p), "\"status\":\"ok\""));
    expect_nothing(a);
}

static void a_number_comes_back_with_its_message(void **state)
{
    fixture_t *f = *state;
    chan_t p = new_channel(f);
    new_durable_queue(p, "q"), bound(p, "q", "amq.events", "#");
    publish_durably(p, "amq.events", "t", "1");
    publish_durably(p, "amq.events", "t", "2");
    run(f);
    crash(f);
    p = new_channel(f);
    for (uint64_t seq = 1; seq <= 2; seq++) {
        get(p, "q", COMMAND_NO_ACK);
        assert_int_equal(expect(p, EVENT_GET_OK)->seq, seq);
    }
}

static void what_expires_expires_after_a_crash_too(void **state)
{
    fixture_t *f = *state;
    chan_t p = new_channel(f);
    new_durable_queue(p, "q"), bound(p, "q", "amq.events", "#");
    buffer_t b = {0};
    write_u16(&b, PROPERTY_FLAG(PROPERTY_DELIVERY_MODE) | PROPERTY_FLAG(PROPERTY_EXPIRATION));
    write_u8(&b, 2), write_short_string(&b, BYTES("500"));
    publish_with(p, "amq.events", "t", "1", 0, buffer_bytes(&b));
    publish_durably(p, "amq.events", "t", "2");
    run(f);
    crash(f);
    advance(f, 500);
    assert_queue_is(new_channel(f), "q", "2");
    stop_and_start(f);
    assert_queue_is_empty(new_channel(f), "q");
    buffer_free(&b);
}

/* The log is cut where everything was said again: sequences, open events and reports are still known. */
static void events_are_said_again_with_the_definitions(void **state)
{
    fixture_t *f = durable_new((fixture_options_t){.checkpoint_bytes = 2000});
    chan_t a = durable_handler(f, "a"), p = new_channel(f);
    char report[400], body[16];
    (void)state;
    ask_durably(p, "1", "over");
    uint64_t tag = expect_event(a, "1");
    say(a, tag, "done"), ack(a, tag, 0);
    text_format(report, sizeof report, "%s", report_of(p));
    ask_durably(p, "2", "open");
    expect_event(a, "2");
    new_durable_queue(p, "other");
    record_no before = f->engine->checkpoint.low;
    for (unsigned i = 0; i < 200; i++) {
        put_durably(p, "other", numbered(body, i));
        get(p, "other", COMMAND_NO_ACK), expect_got(p, body);
    }
    assert_true(f->engine->checkpoint.low > before + 100);
    fifo_item_t open; /* its message keeps the log from there on: behind the report of the first */
    uint64_t from = 0;
    uint32_t budget = UINT32_MAX;
    queue_t *q = queue_find(f->engine->vhost, BYTES("a"));
    assert_true(fifo_next(&q->fifo, &from, q->fifo.tail, &budget, &open));
    reopen_with(f, (reopen_options_t){.from = open.record});
    p = new_channel(f);
    ask_durably(p, "1", "over");
    assert_string_equal(report_of(p), report);
    ask_durably(p, "2", "open");
    expect_nothing(p);
    advance(f, 5000);
    assert_non_null(strstr(report_of(p), "\"status\":\"timeout\""));
    ask_durably(p, "3", "new");
    assert_non_null(strstr(report_of(p), "\"seq\":65537,"));
    durable_free(f);
}

static void records_applied_twice_change_nothing(void **state)
{
    fixture_t *f = *state;
    chan_t a = durable_handler(f, "a"), p = new_channel(f);
    ask_durably(p, "1", "over");
    ack(a, expect_event(a, "1"), 0), (void)report_of(p);
    ask_durably(p, "2", "open");
    expect_event(a, "2");
    run(f);
    reopen_with(f, (reopen_options_t){.twice = 1});
    p = new_channel(f), a = new_channel(f);
    consume(a, "a", "", COMMAND_NOWAIT);
    ack(a, expect_event(a, "2"), 0);
    ask_durably(p, "2", "open");
    assert_non_null(strstr(report_of(p), "\"status\":\"ok\""));
    assert_int_equal(counts(f).messages_ready + counts(f).messages_unacked, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        durable_test(a_number_is_never_used_twice),
        durable_test(no_event_goes_out_before_its_number_is_durably_used),
        durable_test(who_waits_for_numbers_of_an_exchange_that_goes_is_told),
        durable_test(handled_is_not_enough_it_must_be_on_disk),
        durable_test(with_an_id_handlers_wait_for_the_disk),
        durable_test(a_report_is_told_again_after_a_crash),
        durable_test(an_open_event_goes_on_after_a_crash),
        durable_test(its_deadline_is_the_same_after_a_crash),
        durable_test(what_was_not_durable_is_new_when_it_is_sent_again),
        durable_test(a_number_comes_back_with_its_message),
        durable_test(what_expires_expires_after_a_crash_too),
        cmocka_unit_test(events_are_said_again_with_the_definitions),
        durable_test(records_applied_twice_change_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
