/* SPDX-License-Identifier: Apache-2.0
 *
 * test_flow.c: the alarms of memory and disk: publishes are held back, acks are not, and all goes on in order afterwards.
 */
#include "engine/durable.h"

#define HIGH 10000

static fixture_t *small(void)
{
    return fixture_new((fixture_options_t){
        .memory_high_bytes = HIGH, .held_bytes = 3000, .parked_commands = 40, .slice = 8});
}

static const char long_body[] =
    "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
    "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789";

/* Fills queue "full" until the alarm is set; returns the channel that did it, with confirms on. */
static chan_t until_alarm(fixture_t *f)
{
    chan_t ch = new_channel(f);
    new_queue(ch, "full");
    for (int n = 0; !counts(f).memory_alarm; n++) {
        assert_true(n < HIGH);
        put(ch, "full", long_body);
        run(f);
    }
    return ch;
}

static chan_t whole(chan_t ch)
{
    return (chan_t){ch.client, 0};
}

static void relieve(chan_t ch)
{
    purge(ch, "full");
    expect(ch, EVENT_QUEUE_COUNTED);
    run(ch.client->f);
    assert_false(counts(ch.client->f).memory_alarm);
}

static void publishes_are_held_back_and_done_in_order_afterwards(void **state)
{
    (void)state;
    fixture_t *f = small();
    chan_t ch = until_alarm(f), other = new_channel(f);
    assert_non_null(strstr(f->last_line, "warning: memory alarm set: messages take "));
    assert_non_null(strstr(f->last_line, " octets of 10000, publishers are held back"));
    new_queue(other, "q");
    confirm_select(ch), expect_ok(ch);
    put(ch, "q", "1"), put(ch, "q", "2"), declare(ch, "q", COMMAND_PASSIVE), put(ch, "q", "3");
    expect(whole(ch), EVENT_CONNECTION_BLOCKED); /* once */
    expect_nothing(whole(ch));
    expect_nothing(ch);
    relieve(other);
    expect(whole(ch), EVENT_CONNECTION_UNBLOCKED);
    expect_declared(ch, "q", 2, 0);
    expect_confirm(ch, 3, true);
    assert_queue_is(other, "q", "1", "2", "3");
    assert_non_null(strstr(f->last_line, "memory alarm cleared"));
    fixture_free(f);
}

/* Else one message more would set it again. */
static void the_alarm_ends_well_below_where_it_began(void **state)
{
    (void)state;
    fixture_t *f = small();
    chan_t ch = until_alarm(f);
    bool was_between = false;
    while (counts(f).memory_bytes > HIGH - HIGH / 8) {
        assert_true(counts(f).memory_alarm);
        was_between |= counts(f).memory_bytes <= HIGH;
        get(ch, "full", COMMAND_NO_ACK), expect(ch, EVENT_GET_OK);
        run(f);
    }
    assert_true(was_between);
    assert_false(counts(f).memory_alarm);
    fixture_free(f);
}

static void who_does_not_publish_is_not_told(void **state)
{
    (void)state;
    fixture_t *f = small();
    chan_t ch = until_alarm(f), other = new_channel(f); /* a new connection opens as ever */
    new_queue(other, "q");
    get(other, "full", COMMAND_NO_ACK), expect(other, EVENT_GET_OK);
    expect_nothing(whole(other));
    expect_nothing(whole(ch)); /* it did not publish since */
    fixture_free(f);
}

static void acks_pass_publishes_that_are_held_back(void **state)
{
    (void)state;
    fixture_t *f = small();
    chan_t ch = until_alarm(f);
    new_queue(ch, "q");
    uint64_t taken = counts(f).messages_ready;
    for (uint64_t i = 0; i < taken; i++)
        get(ch, "full", 0), expect(ch, EVENT_GET_OK);
    put(ch, "q", "held");
    expect(whole(ch), EVENT_CONNECTION_BLOCKED);
    ack(ch, taken, COMMAND_MULTIPLE); /* ends the alarm */
    expect(whole(ch), EVENT_CONNECTION_UNBLOCKED);
    assert_queue_is(ch, "q", "held");
    fixture_free(f);
}

static void other_channels_of_a_blocked_connection_go_on(void **state)
{
    (void)state;
    fixture_t *f = small();
    chan_t ch = until_alarm(f), second = channel_of(ch.client, 2);
    put(ch, "full", "held");
    declare(second, "q", 0);
    expect_declared(second, "q", 0, 0);
    expect(whole(ch), EVENT_CONNECTION_BLOCKED);
    put(second, "q", "held too");
    expect_nothing(whole(ch));
    relieve(channel_of(ch.client, 3));
    assert_queue_is(second, "q", "held too");
    fixture_free(f);
}

static void reading_pauses_when_too_many_octets_are_held_and_resumes_afterwards(void **state)
{
    (void)state;
    fixture_t *f = small();
    chan_t ch = until_alarm(f), other = new_channel(f);
    for (int i = 0; i < 20; i++) /* more than 3000 octets */
        put(ch, "full", long_body);
    run(f);
    assert_true(ch.client->paused && ch.client->blocked);
    relieve(other);
    assert_false(ch.client->paused || ch.client->blocked);
    assert_int_equal(counts(f).messages_ready, 20);
    fixture_free(f);
}

static void reading_pauses_when_too_many_commands_wait(void **state)
{
    (void)state;
    fixture_t *f = small();
    chan_t ch = until_alarm(f), other = new_channel(f);
    put(ch, "full", "1");
    for (int i = 0; i < 45; i++)
        echo(ch);
    run(f);
    assert_true(ch.client->paused);
    relieve(other);
    assert_false(ch.client->paused);
    for (int i = 0; i < 45; i++)
        expect_ok(ch);
    fixture_free(f);
}

static void bodies_on_their_way_count_while_publishes_are_held_back(void **state)
{
    (void)state;
    fixture_t *f = small();
    chan_t ch = until_alarm(f), other = new_channel(f);
    push_number(whole(ch), COMMAND_HELD, 0, 2000);
    expect(whole(ch), EVENT_CONNECTION_BLOCKED);
    assert_false(ch.client->paused);
    push_number(whole(ch), COMMAND_HELD, 0, 3001);
    expect(whole(ch), EVENT_READING_PAUSED);
    relieve(other);
    assert_false(ch.client->paused || ch.client->blocked);
    push_number(whole(ch), COMMAND_HELD, 0, 500000); /* without an alarm it is the wire room's own matter */
    run(f);
    assert_false(ch.client->paused);
    fixture_free(f);
}

static void a_goodbye_waits_for_held_publishes(void **state)
{
    (void)state;
    fixture_t *f = small();
    chan_t ch = until_alarm(f), other = new_channel(f);
    new_queue(other, "q");
    put(ch, "q", "1"), put(ch, "q", "2");
    goodbye(ch.client);
    expect(whole(ch), EVENT_CONNECTION_BLOCKED);
    expect_nothing(whole(ch));
    relieve(other);
    expect(whole(ch), EVENT_CONNECTION_UNBLOCKED);
    expect_goodbye(ch.client);
    assert_queue_is(other, "q", "1", "2");
    fixture_free(f);
}

/* Nobody will ack these any more: kept until the held publishes are done, they would keep the alarm on for ever. */
static void a_goodbye_that_waits_gives_back_what_was_not_acked(void **state)
{
    (void)state;
    fixture_t *f = small();
    chan_t ch = until_alarm(f), second = channel_of(ch.client, 2), other = new_channel(f);
    new_queue(other, "q");
    uint64_t taken = counts(f).messages_ready;
    consume(second, "full", "tag", 0), expect(second, EVENT_CONSUMER_STARTED);
    for (uint64_t i = 0; i < taken; i++)
        expect(second, EVENT_DELIVER);
    put(ch, "q", "held");
    goodbye(ch.client);
    expect(whole(ch), EVENT_CONNECTION_BLOCKED);
    expect_nothing(whole(ch));
    declare(other, "full", COMMAND_PASSIVE), expect_declared(other, "full", (uint32_t)taken, 0);
    relieve(other);
    expect(whole(ch), EVENT_CONNECTION_UNBLOCKED);
    expect_goodbye(ch.client);
    assert_queue_is(other, "q", "held");
    fixture_free(f);
}

/* Nor can anybody take what is in its exclusive queues, delivered or not. */
static void a_goodbye_that_waits_gives_up_its_exclusive_queues(void **state)
{
    (void)state;
    fixture_t *f = small();
    chan_t ch = new_channel(f), other = new_channel(f);
    new_queue(other, "q");
    declare(ch, "own", COMMAND_EXCLUSIVE), expect_declared(ch, "own", 0, 0);
    while (!counts(f).memory_alarm)
        put(ch, "own", long_body), run(f);
    for (uint64_t i = counts(f).messages_ready; i > 10; i--)
        get(ch, "own", 0), expect(ch, EVENT_GET_OK);
    put(ch, "q", "held");
    goodbye(ch.client);
    expect(whole(ch), EVENT_CONNECTION_BLOCKED);
    expect(whole(ch), EVENT_CONNECTION_UNBLOCKED);
    expect_goodbye(ch.client);
    assert_queue_is(other, "q", "held");
    fixture_free(f);
}

static void a_dead_socket_does_not_wait(void **state)
{
    (void)state;
    fixture_t *f = small();
    chan_t ch = until_alarm(f), other = new_channel(f);
    new_queue(other, "q");
    put(ch, "q", "1");
    goodbye(ch.client);
    expect(whole(ch), EVENT_CONNECTION_BLOCKED);
    hang_up(ch.client);
    expect_goodbye(ch.client);
    relieve(other);
    assert_queue_is_empty(other, "q");
    fixture_free(f);
}

static void a_channel_that_closes_behind_held_publishes_closes_in_its_turn(void **state)
{
    (void)state;
    fixture_t *f = small();
    chan_t ch = until_alarm(f), other = new_channel(f);
    put(ch, "full", "1"), close_channel(ch), open_channel(ch), echo(ch);
    expect_nothing(ch);
    relieve(other);
    expect(ch, EVENT_CHANNEL_CLOSED);
    expect(ch, EVENT_CHANNEL_OPENED);
    expect_ok(ch);
    assert_queue_is(other, "full", "1");
    fixture_free(f);
}

static void a_wrong_ack_waits_for_its_turn_and_loses_nothing(void **state)
{
    (void)state;
    fixture_t *f = small();
    chan_t ch = until_alarm(f), other = new_channel(f);
    put(ch, "full", "1");
    ack(ch, 77, 0);
    expect(whole(ch), EVENT_CONNECTION_BLOCKED);
    expect_nothing(whole(ch));
    relieve(other);
    expect(whole(ch), EVENT_CONNECTION_UNBLOCKED);
    expect_refusal(ch, 406, "unknown delivery tag 77");
    assert_queue_is(other, "full", "1");
    fixture_free(f);
}

static void acks_pass_whatever_waits_behind_a_held_publish(void **state)
{
    (void)state;
    fixture_t *f = small();
    chan_t ch = until_alarm(f);
    new_queue(ch, "q");
    uint64_t taken = counts(f).messages_ready;
    for (uint64_t i = 0; i < taken; i++)
        get(ch, "full", 0), expect(ch, EVENT_GET_OK);
    put(ch, "q", "held");
    get(ch, "q", COMMAND_NO_ACK);
    expect(whole(ch), EVENT_CONNECTION_BLOCKED);
    ack(ch, taken, COMMAND_MULTIPLE); /* ends the alarm */
    expect(whole(ch), EVENT_CONNECTION_UNBLOCKED);
    expect(ch, EVENT_GET_OK);
    fixture_free(f);
}

static void acks_that_come_while_others_are_settled_pass_as_well(void **state)
{
    (void)state;
    fixture_t *f = fixture_new((fixture_options_t){.memory_high_bytes = 10 * HIGH, .slice = 8});
    chan_t ch = until_alarm(f);
    new_queue(ch, "q");
    uint64_t taken = counts(f).messages_ready, enough = taken / 8 + 2;
    for (uint64_t i = 0; i < taken; i++)
        get(ch, "full", 0), expect(ch, EVENT_GET_OK);
    put(ch, "q", "held");
    expect(whole(ch), EVENT_CONNECTION_BLOCKED);
    ack(ch, enough / 2, COMMAND_MULTIPLE); /* takes longer than a slice */
    for (uint64_t tag = enough / 2 + 1; tag <= enough; tag++)
        ack(ch, tag, 0);
    expect(whole(ch), EVENT_CONNECTION_UNBLOCKED);
    assert_queue_is(ch, "q", "held");
    fixture_free(f);
}

static void the_alarm_comes_again_when_what_was_held_fills_the_memory(void **state)
{
    (void)state;
    fixture_t *f = small();
    chan_t a = until_alarm(f), b = new_channel(f), other = new_channel(f);
    char body[16];
    new_queue(other, "q");
    for (unsigned i = 0; i < 400; i++)
        put(i % 2 ? a : b, "q", numbered(body, i));
    run(f);
    unsigned seen_of_a = 0, seen_of_b = 0;
    purge(other, "full"), expect(other, EVENT_QUEUE_COUNTED);
    run(f);
    assert_true(counts(f).memory_alarm); /* what fits was done, the rest is held again */
    assert_in_range(counts(f).messages_ready, 50, 350);
    for (unsigned turns = 0; seen_of_a + seen_of_b < 400; turns++) {
        assert_true(turns < 1000);
        get(other, "q", COMMAND_NO_ACK);
        run(f);
        const seen_t *s = next_event(other);
        assert_non_null(s);
        if (s->event.type == EVENT_GET_EMPTY)
            continue;
        unsigned n = (unsigned)strtoul(s->body + 1, NULL, 10);
        assert_int_equal(n / 2, n % 2 ? seen_of_a : seen_of_b); /* each channel's in order, none missing */
        seen_of_a += n % 2;
        seen_of_b += 1 - n % 2;
    }
    run(f);
    assert_false(counts(f).memory_alarm);
    assert_false(a.client->blocked || b.client->blocked || a.client->paused || b.client->paused);
    fixture_free(f);
}

static void ending_a_step_with_many_held_channels_does_not_do_all_their_work(void **state)
{
    (void)state;
    enum { CHANNELS = 100, EACH = 8 };
    fixture_t *f = fixture_new((fixture_options_t){.memory_high_bytes = 300000, .slice = 8});
    chan_t ch = new_channel(f), other = new_channel(f);
    new_queue(other, "full"), new_queue(other, "q");
    while (!counts(f).memory_alarm)
        put(ch, "full", long_body), run(f);
    for (uint16_t i = 0; i < CHANNELS; i++) {
        chan_t held = channel_of(ch.client, (uint16_t)(i + 2));
        for (int n = 0; n < EACH; n++)
            put(held, "q", "1");
    }
    run(f);
    purge(other, "full");
    while (counts(f).memory_alarm)
        (void)step(f);
    declare(other, "q", COMMAND_PASSIVE);
    for (int n = 0; n < 3; n++)
        (void)step(f);
    expect(other, EVENT_QUEUE_COUNTED);
    const seen_t *s = expect(other, EVENT_QUEUE_DECLARED);
    assert_in_range(s->event.message_count, 0, CHANNELS * EACH / 2); /* it is under way */
    run(f);
    assert_int_equal(counts(f).messages_ready, CHANNELS * EACH);
    fixture_free(f);
}

/* ---- the disk ---- */

static uint8_t expect_blocked(chan_t ch)
{
    return expect(whole(ch), EVENT_CONNECTION_BLOCKED)->event.alarms;
}

static void without_room_on_the_disk_all_publishes_are_held_and_acks_pass(void **state)
{
    (void)state;
    fixture_t *f = durable_new((fixture_options_t){.slice = 8});
    chan_t ch = new_channel(f);
    new_durable_queue(ch, "q");
    new_queue(ch, "transient");
    put_durably(ch, "q", "1");
    get(ch, "q", 0);
    expect(ch, EVENT_GET_OK);
    say_disk(f, true);
    record_no before = paper_of(f)->count;
    put(ch, "transient", "held");
    put_durably(ch, "q", "2");
    assert_int_equal(expect_blocked(ch), ALARM_DISK);
    assert_int_equal(counts(f).messages_ready, 0);
    ack(ch, 1, 0);
    run(f);
    assert_int_equal(counts(f).messages_unacked, 0);
    f->now_ms += 100;
    run(f);
    assert_true(paper_of(f)->count > before); /* in the log, too */
    say_disk(f, false);
    expect(whole(ch), EVENT_CONNECTION_UNBLOCKED);
    assert_queue_is(ch, "transient", "held");
    assert_queue_is(ch, "q", "2");
    durable_free(f);
}

/* As RabbitMQ does: what is told are the reasons at that moment, once. */
static void publishers_go_on_when_the_last_alarm_is_over(void **state)
{
    (void)state;
    fixture_t *f = durable_new((fixture_options_t){.memory_high_bytes = HIGH, .slice = 8});
    chan_t ch = until_alarm(f), late = new_channel(f), other = new_channel(f);
    put(ch, "full", "held");
    assert_int_equal(expect_blocked(ch), ALARM_MEMORY);
    say_disk(f, true);
    expect_nothing(whole(ch));
    put(late, "full", "held");
    assert_int_equal(expect_blocked(late), ALARM_MEMORY | ALARM_DISK);
    relieve(other);
    expect_nothing(whole(ch));
    assert_true(ch.client->blocked && late.client->blocked);
    say_disk(f, false);
    expect(whole(ch), EVENT_CONNECTION_UNBLOCKED);
    expect(whole(late), EVENT_CONNECTION_UNBLOCKED);
    assert_queue_is(other, "full", "held", "held");
    durable_free(f);
}

static void without_room_nothing_is_put_into_the_log_to_free_memory(void **state)
{
    (void)state;
    fixture_t *f = durable_new((fixture_options_t){.cold = true});
    chan_t ch = new_channel(f);
    new_queue(ch, "q");
    flag_put(&paper_of(f)->journal.disk_short, true);
    put(ch, "q", "1"); /* it comes before the engine has looked */
    run(f);
    assert_true(counts(f).disk_alarm);
    assert_int_equal(counts(f).messages_ready, 1);
    f->now_ms += 100; /* what is gathered goes */
    run(f);
    assert_int_equal(paper_count(paper_of(f), RECORD_MESSAGE), 0);
    say_disk(f, false);
    f->now_ms += 100; /* acks and their like are gathered for a while yet */
    run(f);
    assert_int_equal(paper_count(paper_of(f), RECORD_MESSAGE), 1);
    assert_queue_is(ch, "q", "1");
    durable_free(f);
}

/* Each in a group of its own they would take the reserve. */
static void without_room_acks_go_to_the_log_together(void **state)
{
    (void)state;
    enum { COUNT = 50 };
    fixture_t *f = durable_new((fixture_options_t){0});
    chan_t ch = new_channel(f);
    new_durable_queue(ch, "q");
    put_many_durably(ch, "q", 0, COUNT);
    for (int i = 0; i < COUNT; i++)
        get(ch, "q", 0), expect(ch, EVENT_GET_OK);
    say_disk(f, true);
    f->now_ms += 100;
    run(f);
    uint64_t batches = paper_of(f)->batches;
    record_no records = paper_of(f)->count;
    for (uint64_t tag = 1; tag <= COUNT; tag++)
        ack(ch, tag, 0), run(f);
    assert_int_equal(paper_of(f)->batches, batches);
    assert_in_range(engine_deadline_ms(f->engine), f->now_ms, f->now_ms + 100);
    f->now_ms += 100;
    run(f);
    assert_int_equal(paper_of(f)->batches, batches + 1);
    assert_int_equal(paper_of(f)->count, records + COUNT);
    /* what somebody waits for goes at once, with what was before it */
    new_durable_queue(ch, "other");
    assert_int_equal(paper_of(f)->batches, batches + 2);
    crash(f);
    assert_int_equal(counts(f).messages_ready, 0);
    durable_free(f);
}

static void without_room_acks_are_gathered_again_and_again(void **state)
{
    (void)state;
    enum { ROUNDS = 3, ACKS = 5 };
    fixture_t *f = durable_new((fixture_options_t){0});
    chan_t ch = new_channel(f);
    new_durable_queue(ch, "q");
    put_many_durably(ch, "q", 0, ROUNDS * ACKS);
    for (int i = 0; i < ROUNDS * ACKS; i++)
        get(ch, "q", 0), expect(ch, EVENT_GET_OK);
    say_disk(f, true);
    f->now_ms += 100;
    run(f);
    uint64_t batches = paper_of(f)->batches, tag = 0;
    for (int round = 1; round <= ROUNDS; round++) {
        for (int i = 0; i < ACKS; i++)
            ack(ch, ++tag, 0), run(f);
        assert_int_equal(paper_of(f)->batches, batches);
        f->now_ms += 100;
        run(f);
        assert_int_equal(paper_of(f)->batches, ++batches);
    }
    durable_free(f);
}

static void without_room_the_log_is_made_short_sooner(void **state)
{
    (void)state;
    fixture_t *f = durable_new((fixture_options_t){.checkpoint_bytes = 80000, .unwritten_bytes = 1000});
    chan_t ch = new_channel(f);
    new_durable_queue(ch, "q");
    for (int i = 0; i < 20; i++) {
        put_durably(ch, "q", long_body);
        get(ch, "q", COMMAND_NO_ACK);
        expect(ch, EVENT_GET_OK);
    }
    record_no needed = paper_of(f)->replay_from;
    assert_true(needed < 10);
    say_disk(f, true);
    get(ch, "q", COMMAND_NO_ACK);
    expect(ch, EVENT_GET_EMPTY);
    declare(ch, "other", COMMAND_DURABLE), expect_declared(ch, "other", 0, 0);
    assert_true(paper_of(f)->replay_from > 20);
    durable_free(f);
}

static void a_log_that_stands_still_is_not_filled_with_what_is_said_again(void **state)
{
    (void)state;
    fixture_t *f =
        durable_new((fixture_options_t){.unwritten_bytes = 4000, .batch_bytes = 100, .slice = 512});
    chan_t ch = new_channel(f);
    char name[16];
    for (unsigned i = 0; i < 400; i++)
        new_durable_queue(ch, numbered(name, i));
    run(f);
    hold(f);
    say_disk(f, true); /* a round begins */
    record_no held = paper_of(f)->count;
    assert_in_range(held - paper_of(f)->synced, 10, 200);
    declare(ch, "transient", 0), expect_declared(ch, "transient", 0, 0);
    hold_no_more(f);
    assert_true(paper_of(f)->count > held + 200);
    durable_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(publishes_are_held_back_and_done_in_order_afterwards),
        cmocka_unit_test(the_alarm_ends_well_below_where_it_began),
        cmocka_unit_test(who_does_not_publish_is_not_told),
        cmocka_unit_test(acks_pass_publishes_that_are_held_back),
        cmocka_unit_test(other_channels_of_a_blocked_connection_go_on),
        cmocka_unit_test(reading_pauses_when_too_many_octets_are_held_and_resumes_afterwards),
        cmocka_unit_test(reading_pauses_when_too_many_commands_wait),
        cmocka_unit_test(bodies_on_their_way_count_while_publishes_are_held_back),
        cmocka_unit_test(a_goodbye_waits_for_held_publishes),
        cmocka_unit_test(a_goodbye_that_waits_gives_back_what_was_not_acked),
        cmocka_unit_test(a_goodbye_that_waits_gives_up_its_exclusive_queues),
        cmocka_unit_test(a_dead_socket_does_not_wait),
        cmocka_unit_test(a_channel_that_closes_behind_held_publishes_closes_in_its_turn),
        cmocka_unit_test(a_wrong_ack_waits_for_its_turn_and_loses_nothing),
        cmocka_unit_test(acks_pass_whatever_waits_behind_a_held_publish),
        cmocka_unit_test(acks_that_come_while_others_are_settled_pass_as_well),
        cmocka_unit_test(the_alarm_comes_again_when_what_was_held_fills_the_memory),
        cmocka_unit_test(ending_a_step_with_many_held_channels_does_not_do_all_their_work),
        cmocka_unit_test(without_room_on_the_disk_all_publishes_are_held_and_acks_pass),
        cmocka_unit_test(publishers_go_on_when_the_last_alarm_is_over),
        cmocka_unit_test(without_room_nothing_is_put_into_the_log_to_free_memory),
        cmocka_unit_test(without_room_acks_go_to_the_log_together),
        cmocka_unit_test(without_room_acks_are_gathered_again_and_again),
        cmocka_unit_test(without_room_the_log_is_made_short_sooner),
        cmocka_unit_test(a_log_that_stands_still_is_not_filled_with_what_is_said_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
