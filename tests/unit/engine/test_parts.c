/* SPDX-License-Identifier: Apache-2.0
 *
 * test_parts.c: large persistent bodies, in parts through the log: joined on the way in, streamed on the way out, and
 * never mixed with anything else on their channel. */
#include "engine/dump.h"

/* "abc", "def", "gh" as the body of one message. */
static void publish_in_parts(chan_t ch, const char *exchange, const char *key, int flags)
{
    part(ch, "abc");
    part(ch, "def");
    publish_with(ch, exchange, key, "gh", flags, PERSISTENT);
}

static void expect_content(chan_t ch, const char *octets)
{
    assert_string_equal(expect(ch, EVENT_CONTENT)->body, octets);
}

static void expect_parts(chan_t ch)
{
    expect_content(ch, "abc");
    expect_content(ch, "def");
    expect_content(ch, "gh");
}

/* Returns the tag. */
static uint64_t expect_parts_delivered(chan_t ch, bool redelivered)
{
    const seen_t *s = expect(ch, EVENT_DELIVER);
    uint64_t tag = s->event.delivery_tag;
    assert_int_equal(!!(s->event.flags & EVENT_REDELIVERED), redelivered);
    expect_parts(ch);
    return tag;
}

static chan_t with_queue(fixture_t *f)
{
    chan_t ch = new_channel(f);
    new_durable_queue(ch, "q");
    return ch;
}

/* No record is needed any more but those of definitions. */
static void expect_nothing_live(fixture_t *f)
{
    assert_int_equal(f->engine->live.length, 0);
}

/* ---- in and out ---- */

static void parts_and_the_rest_are_one_body(void **state)
{
    fixture_t *f = *state;
    chan_t ch = with_queue(f);
    publish_in_parts(ch, "", "q", 0);
    run(f);
    paper_t *p = paper_of(f);
    assert_int_equal(paper_count(p, RECORD_PART), 2);
    record_t r = paper_read(p, paper_last(p, RECORD_MESSAGE));
    assert_int_equal(r.parts.count, 2);
    uint64_t number, bytes;
    bytes_reader_t in = bytes_reader(r.parts.octets);
    assert_true(record_list_next(&in, &number, &bytes));
    assert_true(bytes_equal(buffer_bytes(&paper_at(p, number)->content), BYTES("abc")));
    assert_int_equal(bytes, 3);
    get(ch, "q", COMMAND_NO_ACK);
    expect(ch, EVENT_GET_OK);
    expect_parts(ch);
    run(f);
    expect_nothing_live(f);
}

static void a_delivery_is_followed_by_its_content(void **state)
{
    fixture_t *f = *state;
    chan_t ch = with_queue(f), other = new_channel(f);
    new_consumer(ch, "q", "c", 0);
    publish_in_parts(other, "", "q", 0);
    uint64_t tag = expect_parts_delivered(ch, false);
    ack(ch, tag, 0);
    run(f);
    expect_nothing_live(f);
    assert_int_equal(counts(f).messages_stored, 0);
}

static void a_get_is_followed_by_its_content(void **state)
{
    fixture_t *f = *state;
    chan_t ch = with_queue(f);
    publish_in_parts(ch, "", "q", 0);
    get(ch, "q", 0);
    echo(ch);
    uint64_t tag = expect(ch, EVENT_GET_OK)->event.delivery_tag;
    expect_parts(ch);
    expect_ok(ch);
    nack(ch, tag, COMMAND_REQUEUE);
    get(ch, "q", COMMAND_NO_ACK);
    assert_true(expect(ch, EVENT_GET_OK)->event.flags & EVENT_REDELIVERED);
    expect_parts(ch);
    run(f);
    expect_nothing_live(f);
}

static void a_message_that_comes_back_is_followed_by_its_content(void **state)
{
    fixture_t *f = *state;
    chan_t ch = with_queue(f);
    confirm_select(ch);
    expect_ok(ch);
    publish_in_parts(ch, "", "nowhere", COMMAND_MANDATORY);
    expect(ch, EVENT_RETURN);
    expect_parts(ch);
    expect_confirm(ch, 1, false);
    run(f);
    expect_nothing_live(f);
}

static void what_is_read_back_is_forgotten_when_it_was_sent(void **state)
{
    fixture_t *f = *state;
    chan_t ch = with_queue(f), other = new_channel(f);
    new_consumer(ch, "q", "c", 0);
    for (int i = 0; i < 10; i++) {
        publish_in_parts(other, "", "q", 0);
        ack(ch, expect_parts_delivered(ch, false), 0);
    }
    run(f);
    engine_counts_t n = counts(f);
    assert_int_equal(n.memory_bytes, 0);
    assert_int_equal(n.memory_bytes, 0);
}

static void several_queues_share_the_parts(void **state)
{
    fixture_t *f = *state;
    chan_t ch = with_queue(f);
    new_durable_queue(ch, "r"), new_queue(ch, "t");
    bound(ch, "q", "amq.fanout", ""), bound(ch, "r", "amq.fanout", ""), bound(ch, "t", "amq.fanout", "");
    publish_in_parts(ch, "amq.fanout", "", 0);
    static const char *const names[] = {"q", "r", "t"};
    for (int i = 0; i < 3; i++) {
        get(ch, names[i], COMMAND_NO_ACK);
        expect(ch, EVENT_GET_OK);
        expect_parts(ch);
    }
    run(f);
    expect_nothing_live(f);
    assert_int_equal(counts(f).memory_bytes, 0);
}

static void a_bcc_header_goes_and_the_parts_stay(void **state)
{
    fixture_t *f = *state;
    chan_t ch = with_queue(f);
    new_durable_queue(ch, "secret");
    buffer_t headers = {0}, properties = {0};
    put_array(&headers, "BCC", (const char *const[]){"secret", NULL});
    write_u16(&properties, PROPERTY_FLAG(PROPERTY_HEADERS) | PROPERTY_FLAG(PROPERTY_DELIVERY_MODE));
    write_long_string(&properties, buffer_bytes(&headers));
    write_u8(&properties, 2);
    part(ch, "abc");
    part(ch, "def");
    publish_with(ch, "", "q", "gh", 0, buffer_bytes(&properties));
    get(ch, "q", COMMAND_NO_ACK);
    expect(ch, EVENT_GET_OK);
    expect_parts(ch);
    get(ch, "secret", COMMAND_NO_ACK);
    expect(ch, EVENT_GET_OK);
    expect_parts(ch);
    run(f);
    expect_nothing_live(f);
    assert_int_equal(counts(f).memory_bytes, 0);
    buffer_free(&headers), buffer_free(&properties);
}

static void a_part_is_not_read_before_it_is_durable(void **state)
{
    fixture_t *f = *state;
    chan_t ch = with_queue(f);
    new_queue(ch, "t"); /* waits for no record itself */
    hold(f);
    publish_in_parts(ch, "", "t", 0);
    get(ch, "t", COMMAND_NO_ACK);
    expect(ch, EVENT_GET_OK);
    expect_nothing(ch);
    assert_int_equal(paper_of(f)->requests, 0);
    hold_no_more(f);
    expect_parts(ch);
}

/* ---- nothing in between ---- */

static void nothing_of_the_channel_comes_between(void **state)
{
    fixture_t *f = *state;
    chan_t ch = with_queue(f), other = new_channel(f);
    new_queue(ch, "large"), new_queue(ch, "small"), new_queue(ch, "doomed");
    confirm_select(ch);
    expect_ok(ch);
    new_consumer(ch, "large", "l", 0), new_consumer(ch, "small", "s", 0), new_consumer(ch, "doomed", "d", 0);
    hold(f);
    hold_reads(f);
    put_durably(ch, "q", "to be confirmed");
    run(f);
    publish_in_parts(other, "", "large", 0);
    expect(ch, EVENT_DELIVER);
    sync_batches(f, 1);
    delete_queue(other, "doomed", 0);
    expect_counted(other, 0);
    put(other, "small", "a");
    echo(ch);
    expect_nothing(ch);
    sync_batches(f, 1);
    answer(f, 1);
    expect_content(ch, "abc");
    expect_nothing(ch);
    answer(f, 1);
    expect_content(ch, "def");
    expect_content(ch, "gh");
    expect_confirm(ch, 1, false);
    expect(ch, EVENT_CONSUMER_GONE);
    expect_ok(ch);
    expect_delivery(ch, "a");
    expect_nothing(ch);
}

static void other_channels_go_on_meanwhile(void **state)
{
    fixture_t *f = *state;
    chan_t ch = with_queue(f), other = channel_of(ch.client, 2);
    new_queue(ch, "t");
    new_consumer(ch, "q", "c", 0);
    new_consumer(other, "t", "c", 0);
    hold_reads(f);
    publish_in_parts(other, "", "q", 0);
    expect(ch, EVENT_DELIVER);
    put(other, "t", "a");
    expect_delivery(other, "a");
    expect_nothing(ch);
    hold_reads_no_more(f);
    expect_parts(ch);
}

static void two_large_messages_come_one_after_the_other(void **state)
{
    fixture_t *f = *state;
    chan_t ch = with_queue(f), other = new_channel(f);
    new_durable_queue(ch, "r");
    new_consumer(ch, "q", "c", 0);
    new_consumer(ch, "r", "d", 0);
    for (int i = 0; i < 5; i++) {
        publish_in_parts(other, "", "q", 0);
        publish_in_parts(other, "", "r", 0);
    }
    for (int i = 0; i < 10; i++)
        ack(ch, expect_parts_delivered(ch, false), 0);
    expect_nothing(ch);
    expect_nothing_live(f);
}

/* ---- a peer that does not read ---- */

static void a_peer_that_does_not_read_stops_the_reading_of_parts(void **state)
{
    (void)state;
    fixture_t *f = durable_new((fixture_options_t){.output_bytes = 300});
    chan_t ch = with_queue(f), other = new_channel(f);
    new_consumer(ch, "q", "c", 0);
    run(f);
    ch.client->keeps_loans = true;
    for (int i = 0; i < 20; i++)
        part(other, "abcdefghij");
    publish_durably(other, "", "q", "end");
    run(f);
    uint64_t asked = paper_of(f)->requests;
    assert_in_range(asked, 1, 6);
    run(f);
    assert_int_equal(paper_of(f)->requests, asked);
    return_loans(ch.client);
    run(f);
    assert_true(paper_of(f)->requests > asked && paper_of(f)->requests < 20);
    ch.client->keeps_loans = false;
    return_loans(ch.client);
    expect(ch, EVENT_DELIVER);
    for (int i = 0; i < 20; i++)
        expect_content(ch, "abcdefghij");
    expect_content(ch, "end");
    durable_free(f);
}

/* ---- ends ---- */

typedef enum how { HANG_UP, GOODBYE, CLOSE_CHANNEL, DELETE_QUEUE, FREE_ENGINE, HOWS } how_t;

/* Ends it after `answers` parts were sent. */
static void end_midway(how_t how, size_t answers)
{
    fixture_t *f = durable_new((fixture_options_t){0});
    chan_t ch = with_queue(f), other = new_channel(f);
    new_consumer(ch, "q", "c", 0);
    hold_reads(f);
    publish_in_parts(other, "", "q", 0);
    run(f);
    for (size_t i = 0; i < answers; i++)
        answer(f, 1);
    if (how == HANG_UP)
        hang_up(ch.client);
    else if (how == GOODBYE)
        goodbye(ch.client);
    else if (how == CLOSE_CHANNEL)
        close_channel(ch);
    else if (how == DELETE_QUEUE)
        delete_queue(other, "q", 0);
    run(f);
    if (how == HANG_UP)
        assert_true(ch.client->closed); /* it waits for nobody */
    if (how != FREE_ENGINE) {
        hold_reads_no_more(f);
        if (how == GOODBYE)
            assert_true(ch.client->closed);
        if (how == CLOSE_CHANNEL) {
            (void)expect_parts_delivered(ch, false);
            expect(ch, EVENT_CHANNEL_CLOSED);
        }
        if (how != DELETE_QUEUE) {
            get(other, "q", COMMAND_NO_ACK);
            assert_true(expect(other, EVENT_GET_OK)->event.flags & EVENT_REDELIVERED);
            expect_parts(other);
        }
        run(f);
        expect_nothing_live(f);
        assert_int_equal(counts(f).memory_bytes, 0);
    }
    durable_free(f);
}

static void anything_may_end_amid_a_message(void **state)
{
    (void)state;
    for (how_t how = 0; how < HOWS; how++)
        for (size_t answers = 0; answers < 2; answers++)
            end_midway(how, answers);
}

static void a_connection_that_ends_while_a_part_waits_for_the_log_or_the_peer(void **state)
{
    (void)state;
    for (int peer = 0; peer < 2; peer++) {
        fixture_t *f = durable_new((fixture_options_t){.output_bytes = peer ? 60 : 0});
        chan_t ch = with_queue(f), other = new_channel(f);
        new_queue(ch, "t");
        if (peer)
            ch.client->keeps_loans = true;
        else
            hold(f);
        publish_in_parts(other, "", "t", 0);
        new_consumer(ch, "t", "c", 0);
        expect(ch, EVENT_DELIVER);
        expect_nothing(ch);
        hang_up(ch.client);
        run(f);
        assert_true(ch.client->closed);
        hold_no_more(f);
        assert_int_equal(counts(f).messages_ready, 1);
        durable_free(f);
    }
}

/* It is told why it ends, and nothing else amid the message that it does not get to its end. */
static void a_connection_that_is_ended_amid_a_message_hears_of_no_queue_that_goes(void **state)
{
    (void)state;
    fixture_t *f = durable_new((fixture_options_t){.slice = 4});
    chan_t ch = with_queue(f), other = new_channel(f);
    char tag[16];
    new_queue(ch, "doomed");
    for (unsigned i = 0; i < 40; i++) /* more than a slice of them */
        new_consumer(ch, "doomed", numbered(tag, i), 0);
    new_consumer(ch, "q", "c", 0);
    hold_reads(f);
    publish_in_parts(other, "", "q", 0);
    expect(ch, EVENT_DELIVER);
    delete_queue(other, "doomed", 0);
    push((chan_t){ch.client, 0},
         (command_t){.type = COMMAND_CONNECTION_CLOSE, .refusal = refusal_new(501, 0, "so it is")});
    run(f);
    assert_int_equal(pending_count(ch), 0);
    expect_hard_refusal(ch.client, 501, "so it is");
    expect_counted(other, 0);
    durable_free(f);
}

static void parts_of_an_abandoned_publish_are_forgotten(void **state)
{
    (void)state;
    for (int how = 0; how < 6; how++) {
        fixture_t *f = durable_new((fixture_options_t){0});
        chan_t ch = with_queue(f);
        part(ch, "abc");
        part(ch, "def");
        run(f);
        assert_true(f->engine->live.length > 0);
        if (how == 0)
            close_channel(ch);
        else if (how == 1)
            hang_up(ch.client);
        else if (how == 2)
            push(ch, (command_t){.type = COMMAND_REFUSE, .refusal = refusal_new(404, 0, "so it is")});
        else if (how == 3)
            publish_durably(ch, "no such", "", "rest");
        else if (how == 4)
            publish_with(ch, "", "q", "rest", 0, bytes_make("\xff", 1)); /* 541: a hard one */
        else
            goodbye(ch.client);
        run(f);
        expect_nothing_live(f);
        chan_t other = new_channel(f);
        put_durably(other, "q", "m");
        assert_queue_is(other, "q", "m"); /* and are nobody else's */
        durable_free(f);
    }
}

static void parts_of_another_life_of_the_channel_are_not_joined(void **state)
{
    fixture_t *f = *state;
    chan_t ch = with_queue(f);
    part(ch, "abc");
    close_channel(ch);
    open_channel(ch);
    put_durably(ch, "q", "whole");
    expect(ch, EVENT_CHANNEL_CLOSED);
    expect(ch, EVENT_CHANNEL_OPENED);
    assert_queue_is(ch, "q", "whole");
}

static void a_part_that_cannot_be_read_ends_the_connection_and_its_message_is_left_out(void **state)
{
    (void)state;
    for (uint8_t outcome = READ_DAMAGED; outcome <= READ_FAILED; outcome++) {
        fixture_t *f = durable_new((fixture_options_t){0});
        chan_t ch = with_queue(f), other = new_channel(f);
        new_consumer(ch, "q", "c", 0);
        hold_reads(f);
        publish_in_parts(other, "", "q", 0);
        put_durably(other, "q", "next");
        run(f);
        paper_at(paper_of(f), paper_last(paper_of(f), RECORD_PART))->outcome = outcome;
        hold_reads_no_more(f);
        expect(ch, EVENT_DELIVER);
        expect_content(ch, "abc");
        const seen_t *s = expect((chan_t){ch.client, 0}, EVENT_CONNECTION_CLOSED);
        assert_int_equal(s->code, 541);
        assert_non_null(strstr(s->text, outcome == READ_DAMAGED ? "is damaged" : "cannot be read"));
        assert_queue_is(other, "q", "next");
        run(f);
        assert_int_equal(counts(f).messages_damaged, 1);
        assert_int_equal(f->engine->live.records, 1 + 2); /* it stays in the log, with its parts */
        delete_queue(other, "q", 0);
        expect_counted(other, 0);
        assert_int_equal(counts(f).messages_damaged, 0);
        expect_nothing_live(f);
        durable_free(f);
    }
}

/* Also if it was out of memory meanwhile, or was shown as a copy: else each who took it would lose his connection. */
static void a_message_with_a_bad_part_is_given_to_nobody_again(void **state)
{
    (void)state;
    for (int is_cold = 0; is_cold < 2; is_cold++) {
        fixture_t *f = durable_new((fixture_options_t){.cold = is_cold});
        chan_t ch = new_channel(f), other = new_channel(f);
        buffer_t arguments = {0};
        table_put_string(&arguments, "x-queue-type", BYTES("quorum"));
        declare_with(ch, "q", COMMAND_DURABLE, buffer_bytes(&arguments));
        expect_declared(ch, "q", 0, 0);
        publish_in_parts(ch, "", "q", 0);
        get(ch, "q", 0);
        uint64_t tag = expect(ch, EVENT_GET_OK)->event.delivery_tag;
        expect_parts(ch);
        nack(ch, tag, COMMAND_REQUEUE);
        run(f);
        paper_at(paper_of(f), paper_last(paper_of(f), RECORD_PART))->outcome = READ_DAMAGED;
        get(ch, "q", 0);
        expect(ch, EVENT_GET_OK);
        expect_content(ch, "abc");
        expect((chan_t){ch.client, 0}, EVENT_CONNECTION_CLOSED);
        get(other, "q", 0);
        expect(other, EVENT_GET_EMPTY);
        run(f);
        assert_int_equal(counts(f).messages_damaged, 1);
        buffer_free(&arguments);
        durable_free(f);
    }
}

/* ---- coming back ---- */

static void a_body_in_parts_is_whole_after_a_crash(void **state)
{
    fixture_t *f = *state;
    chan_t ch = with_queue(f);
    put_durably(ch, "q", "before");
    publish_in_parts(ch, "", "q", 0);
    put_durably(ch, "q", "after");
    run(f);
    crash(f);
    crash(f);
    ch = new_channel(f);
    get(ch, "q", COMMAND_NO_ACK);
    expect_got(ch, "before");
    get(ch, "q", 0);
    uint64_t tag = expect(ch, EVENT_GET_OK)->event.delivery_tag;
    expect_parts(ch);
    assert_queue_is(ch, "q", "after");
    ack(ch, tag, 0);
    run(f);
    expect_nothing_live(f);
    assert_int_equal(counts(f).memory_bytes, 0);
}

static void a_message_with_a_part_found_damaged_at_opening_is_left_out_at_once(void **state)
{
    fixture_t *f = *state;
    chan_t ch = with_queue(f);
    new_durable_queue(ch, "r");
    bound(ch, "q", "amq.fanout", ""), bound(ch, "r", "amq.fanout", "");
    publish_in_parts(ch, "amq.fanout", "", 0);
    run(f);
    record_no damaged = paper_last(paper_of(f), RECORD_PART);
    publish_in_parts(ch, "", "q", 0);
    run(f);
    paper_at(paper_of(f), damaged)->outcome = READ_DAMAGED;
    size_t lines = f->log_lines;
    crash(f);
    assert_int_equal(f->log_lines, lines + 2); /* one for each queue */
    assert_int_equal(counts(f).messages_damaged, 2);
    assert_int_equal(f->engine->live.records, 1 + 2 + 1 + 2); /* both messages, and their parts */
    ch = new_channel(f);
    get(ch, "r", COMMAND_NO_ACK);
    expect(ch, EVENT_GET_EMPTY);
    get(ch, "q", COMMAND_NO_ACK);
    expect(ch, EVENT_GET_OK);
    expect_parts(ch);
    delete_queue(ch, "q", 0);
    delete_queue(ch, "r", 0);
    run(f);
    expect_nothing_live(f);
}

static void a_crash_between_parts_and_publish_leaves_nothing(void **state)
{
    fixture_t *f = *state;
    chan_t ch = with_queue(f);
    part(ch, "abc");
    part(ch, "def");
    run(f);
    hold(f);
    publish_durably(ch, "", "q", "rest");
    run(f);
    crash(f);
    assert_int_equal(counts(f).messages_ready, 0);
    expect_nothing_live(f);
    ch = new_channel(f);
    put_durably(ch, "q", "m");
    assert_queue_is(ch, "q", "m");
}

static void parts_are_needed_as_long_as_one_queue_has_the_message_after_a_crash_too(void **state)
{
    fixture_t *f = *state;
    chan_t ch = with_queue(f);
    new_durable_queue(ch, "r");
    bound(ch, "q", "amq.fanout", ""), bound(ch, "r", "amq.fanout", "");
    publish_in_parts(ch, "amq.fanout", "", 0);
    run(f);
    crash(f);
    ch = new_channel(f);
    get(ch, "q", COMMAND_NO_ACK);
    expect(ch, EVENT_GET_OK);
    expect_parts(ch);
    run(f);
    assert_true(f->engine->live.length > 0);
    get(ch, "r", COMMAND_NO_ACK);
    expect(ch, EVENT_GET_OK);
    expect_parts(ch);
    run(f);
    expect_nothing_live(f);
}

static void parts_reach_more_queues_than_fit_into_a_slice_and_come_back_in_all(void **state)
{
    (void)state;
    enum { QUEUES = 20 };
    fixture_t *f = durable_new((fixture_options_t){.slice = 4});
    chan_t ch = new_channel(f);
    char name[16];
    for (unsigned i = 0; i < QUEUES; i++) {
        new_durable_queue(ch, numbered(name, i));
        bound(ch, name, "amq.fanout", "");
    }
    publish_in_parts(ch, "amq.fanout", "", 0);
    run(f);
    crash(f);
    ch = new_channel(f);
    for (unsigned i = 0; i < QUEUES; i++) {
        assert_true(f->engine->live.length > 0);
        get(ch, numbered(name, i), COMMAND_NO_ACK);
        expect(ch, EVENT_GET_OK);
        expect_parts(ch);
        run(f);
    }
    expect_nothing_live(f);
    assert_int_equal(counts(f).memory_bytes, 0);
    durable_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        durable_test(parts_and_the_rest_are_one_body),
        durable_test(a_delivery_is_followed_by_its_content),
        durable_test(a_get_is_followed_by_its_content),
        durable_test(a_message_that_comes_back_is_followed_by_its_content),
        durable_test(what_is_read_back_is_forgotten_when_it_was_sent),
        durable_test(several_queues_share_the_parts),
        durable_test(a_bcc_header_goes_and_the_parts_stay),
        durable_test(a_part_is_not_read_before_it_is_durable),
        durable_test(nothing_of_the_channel_comes_between),
        durable_test(other_channels_go_on_meanwhile),
        durable_test(two_large_messages_come_one_after_the_other),
        cmocka_unit_test(a_peer_that_does_not_read_stops_the_reading_of_parts),
        cmocka_unit_test(anything_may_end_amid_a_message),
        cmocka_unit_test(a_connection_that_ends_while_a_part_waits_for_the_log_or_the_peer),
        cmocka_unit_test(a_connection_that_is_ended_amid_a_message_hears_of_no_queue_that_goes),
        cmocka_unit_test(parts_of_an_abandoned_publish_are_forgotten),
        durable_test(parts_of_another_life_of_the_channel_are_not_joined),
        cmocka_unit_test(a_part_that_cannot_be_read_ends_the_connection_and_its_message_is_left_out),
        durable_test(a_body_in_parts_is_whole_after_a_crash),
        cmocka_unit_test(a_message_with_a_bad_part_is_given_to_nobody_again),
        durable_test(a_message_with_a_part_found_damaged_at_opening_is_left_out_at_once),
        durable_test(a_crash_between_parts_and_publish_leaves_nothing),
        durable_test(parts_are_needed_as_long_as_one_queue_has_the_message_after_a_crash_too),
        cmocka_unit_test(parts_reach_more_queues_than_fit_into_a_slice_and_come_back_in_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
