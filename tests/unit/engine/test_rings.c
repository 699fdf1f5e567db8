/* SPDX-License-Identifier: Apache-2.0
 *
 * test_rings.c: between the engine and its ports: rings of two places, odd rhythms of stepping and taking,
 * two ports side by side, and the same history twice. */
#include "engine/expect.h"

/* One turn in an odd rhythm: sometimes only the engine steps, sometimes only one port takes a few events. */
static void odd_turn(fixture_t *f, uint64_t *seed)
{
    switch (chance(seed, 4)) {
    case 0:
        (void)engine_step(f->engine, f->now_ms, f->now_ms);
        break;
    case 1:
        (void)port_dispatch(&f->ports[chance(seed, FIXTURE_PORTS)], 1 + chance(seed, 3));
        break;
    case 2:
        (void)port_flush(&f->ports[chance(seed, FIXTURE_PORTS)]);
        break;
    default:
        clients_return_loans(f);
        break;
    }
}

static void nothing_is_lost_or_reordered_through_rings_of_two(void **state)
{
    (void)state;
    enum { MESSAGES = 400 };
    for (uint64_t history = 1; history <= 10; history++) {
        uint64_t seed = history * 0x9e3779b97f4a7c15u;
        fixture_t *f = fixture_new((fixture_options_t){.ring_items = 2, .slice = 1 + chance(&seed, 5)});
        chan_t in = new_channel(f), out = channel_of(connected_at(f, 1), 1);
        char body[16];
        new_queue(in, "q");
        confirm_select(in), expect_ok(in);
        new_consumer(out, "q", "t", COMMAND_NO_ACK);
        for (unsigned i = 0; i < MESSAGES; i++) {
            put(in, "q", numbered(body, i));
            if (i % 7 == 0)
                echo(in);
            for (uint32_t turns = chance(&seed, 6); turns > 0; turns--)
                odd_turn(f, &seed);
        }
        run(f);
        for (unsigned i = 0; i < MESSAGES; i++)
            expect_delivery(out, numbered(body, i));
        expect_nothing(out);
        uint64_t confirmed = 0, echoes = 0;
        for (seen_t *s; (s = next_event(in));) {
            echoes += s->event.type == EVENT_OK;
            if (s->event.type == EVENT_CONFIRM) {
                assert_true(s->event.delivery_tag > confirmed);
                confirmed = s->event.delivery_tag;
            }
        }
        assert_int_equal(confirmed, MESSAGES);
        assert_int_equal(echoes, (MESSAGES + 6) / 7);
        fixture_free(f);
    }
}

static void acks_and_deliveries_pass_each_other_through_rings_of_two(void **state)
{
    (void)state;
    enum { MESSAGES = 300 };
    uint64_t seed = 4711;
    fixture_t *f = fixture_new((fixture_options_t){.ring_items = 2, .slice = 3});
    chan_t a = new_channel(f), b = channel_of(connected_at(f, 1), 1);
    char body[16];
    new_queue(a, "q");
    qos(a, 3, 0), expect_ok(a);
    qos(b, 1, 0), expect_ok(b);
    new_consumer(a, "q", "t", 0), new_consumer(b, "q", "t", 0);
    bool came[MESSAGES] = {false};
    unsigned put_count = 0, left = MESSAGES;
    for (unsigned turns = 0; left > 0; turns++) {
        assert_true(turns < 100 * MESSAGES);
        if (put_count < MESSAGES)
            put(chance(&seed, 2) ? a : b, "q", numbered(body, put_count++));
        for (int i = 0; i < 4; i++)
            odd_turn(f, &seed);
        for (int i = 0; i < 2; i++) {
            chan_t ch = i ? b : a;
            for (seen_t *s; (s = pending(ch));) {
                assert_int_equal(s->event.type, EVENT_DELIVER);
                s->taken = true;
                unsigned n = (unsigned)strtoul(s->body + 1, NULL, 10);
                assert_false(came[n]);
                came[n] = true;
                left--;
                ack(ch, s->event.delivery_tag, 0);
            }
        }
    }
    run(f);
    assert_int_equal(counts(f).messages_unacked, 0);
    assert_int_equal(counts(f).memory_bytes, 0);
    fixture_free(f);
}

/* While nobody takes events the engine takes no commands, and keeps what it has to say. */
static void the_engine_stops_taking_commands_when_its_answers_have_no_room(void **state)
{
    (void)state;
    fixture_t *f = fixture_new((fixture_options_t){.ring_items = 4});
    chan_t ch = new_channel(f), other = channel_of(connected_at(f, 1), 1);
    for (int i = 0; i < 20; i++)
        echo(ch);
    for (int i = 0; i < 10; i++) {
        (void)port_flush(&f->ports[0]);
        (void)engine_step(f->engine, f->now_ms, f->now_ms);
    }
    assert_true(lane_overflow(f->ports[0].events) <= 1);
    assert_int_equal(lane_overflow(f->ports[0].commands), 20 - 8); /* four answered, four in the ring */
    echo(other);
    (void)port_flush(&f->ports[1]);
    (void)engine_step(f->engine, f->now_ms, f->now_ms);
    assert_int_equal(port_dispatch(&f->ports[1], 10), 1); /* the other port is served */
    for (int i = 0; i < 20; i++)
        expect_ok(ch);
    fixture_free(f);
}

static void deliveries_stop_at_a_port_without_room_and_go_elsewhere(void **state)
{
    (void)state;
    fixture_t *f = fixture_new((fixture_options_t){.ring_items = 4});
    chan_t slow = new_channel(f), quick = channel_of(connected_at(f, 1), 1);
    char body[16];
    new_queue(quick, "q");
    new_consumer(slow, "q", "t", COMMAND_NO_ACK), new_consumer(quick, "q", "t", COMMAND_NO_ACK);
    for (unsigned i = 0; i < 50; i++) {
        put(quick, "q", numbered(body, i));
        for (int n = 0; n < 3; n++) {
            (void)port_flush(&f->ports[1]);
            (void)engine_step(f->engine, f->now_ms, f->now_ms);
            (void)port_dispatch(&f->ports[1], SIZE_MAX);
            clients_return_loans(f);
        }
    }
    assert_int_equal(counts(f).messages_ready, 0);
    assert_int_equal(pending_count(quick), 46); /* four lie in the other one's ring */
    assert_int_equal(lane_overflow(f->ports[0].events), 0);
    run(f);
    assert_int_equal(pending_count(slow), 4);
    put_many(quick, "q", 50, 10);
    assert_int_equal(pending_count(slow), 9); /* it takes part again */
    fixture_free(f);
}

static void a_port_is_woken_once_for_what_it_was_not_told_of(void **state)
{
    fixture_t *f = *state;
    chan_t ch = new_channel(f);
    run(f);
    (void)engine_port_wants_wake(f->engine, &f->ports[0]);
    (void)engine_step(f->engine, f->now_ms, f->now_ms);
    assert_false(engine_port_wants_wake(f->engine, &f->ports[0]));
    echo(ch);
    (void)port_flush(&f->ports[0]);
    (void)engine_step(f->engine, f->now_ms, f->now_ms);
    assert_true(engine_port_wants_wake(f->engine, &f->ports[0]));
    assert_false(engine_port_wants_wake(f->engine, &f->ports[0]));
    assert_false(engine_port_wants_wake(f->engine, &f->ports[1]));
    expect_ok(ch);
}

static void an_idle_engine_has_nothing_to_do(void **state)
{
    fixture_t *f = *state;
    chan_t ch = new_channel(f);
    new_queue(ch, "q");
    new_consumer(ch, "q", "t", 0);
    put_many(ch, "q", 0, 10);
    run(f);
    assert_false(engine_step(f->engine, f->now_ms, f->now_ms));
    assert_true(engine_deadline_ms(f->engine) == UINT64_MAX);
}

/* ---- the same commands give the same events ---- */

/* A history of a few clients on both ports, from a seed alone. */
static void some_history(fixture_t *f, uint64_t seed)
{
    static const char *const names[] = {"a", "b", "c"};
    chan_t chans[4];
    char body[16];
    for (size_t i = 0; i < 4; i++)
        chans[i] = channel_of(connected_at(f, i % 2), 1);
    for (size_t i = 0; i < 3; i++)
        declare(chans[i], names[i], 0), bind_queue(chans[i], names[i], "amq.topic", i ? "x.#" : "*");
    for (unsigned i = 0; i < 600; i++) {
        chan_t ch = chans[chance(&seed, 4)];
        const char *name = names[chance(&seed, 3)];
        switch (chance(&seed, 12)) {
        case 0:
            consume(ch, name, numbered(body, i), (int)(chance(&seed, 2) * COMMAND_NO_ACK));
            break;
        case 1:
            get(ch, name, 0);
            break;
        case 2:
            nack(ch, 0, COMMAND_MULTIPLE | COMMAND_REQUEUE);
            break;
        case 3:
            ack(ch, 0, COMMAND_MULTIPLE);
            break;
        case 4:
            purge(ch, name);
            break;
        case 5:
            (void)step(f);
            break;
        default:
            publish(ch, "amq.topic", chance(&seed, 2) ? "x.y" : "z", numbered(body, i));
            break;
        }
    }
    run(f);
}

static void the_same_commands_give_the_same_events(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        fixture_t *f[2];
        for (size_t i = 0; i < 2; i++) {
            f[i] = fixture_new((fixture_options_t){.slice = 3, .ring_items = 64});
            some_history(f[i], seed * 0x9e3779b97f4a7c15u);
        }
        assert_true(f[0]->seen_count > 300);
        assert_int_equal(f[0]->seen_count, f[1]->seen_count);
        for (size_t i = 0; i < f[0]->seen_count; i++) {
            const seen_t *a = &f[0]->seen[i], *b = &f[1]->seen[i];
            assert_memory_equal(&a->event, &b->event, sizeof a->event);
            assert_string_equal(a->body, b->body);
            assert_string_equal(a->text, b->text);
            assert_int_equal(a->step, b->step);
        }
        fixture_free(f[0]);
        fixture_free(f[1]);
    }
}

/* Deliveries that could go out are behind, so few publishes are taken; the others' commands are not held up by them. */
static void publishers_of_one_port_hold_up_no_commands_of_another(void **state)
{
    (void)state;
    fixture_t *f = fixture_new((fixture_options_t){.slice = 4});
    chan_t in = new_channel(f), out = channel_of(connected_at(f, 1), 1),
           other = channel_of(connected_at(f, 1), 1);
    char body[16];
    new_queue(in, "q"), new_queue(in, "full");
    put_many(in, "full", 0, 400);
    run(f);
    consume(out, "full", "t", COMMAND_NO_ACK);
    (void)step(f);
    for (unsigned i = 0; i < 200; i++)
        put(in, "q", numbered(body, i));
    for (unsigned round = 0; round < 12; round++) {
        echo(other);
        (void)step(f);
        assert_int_equal(pending_count(other), 1);
        expect_ok(other);
    }
    run(f);
    fixture_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(publishers_of_one_port_hold_up_no_commands_of_another),
        cmocka_unit_test(nothing_is_lost_or_reordered_through_rings_of_two),
        cmocka_unit_test(acks_and_deliveries_pass_each_other_through_rings_of_two),
        cmocka_unit_test(the_engine_stops_taking_commands_when_its_answers_have_no_room),
        cmocka_unit_test(deliveries_stop_at_a_port_without_room_and_go_elsewhere),
        fixture_test(a_port_is_woken_once_for_what_it_was_not_told_of),
        fixture_test(an_idle_engine_has_nothing_to_do),
        cmocka_unit_test(the_same_commands_give_the_same_events),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
