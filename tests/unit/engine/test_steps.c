/* SPDX-License-Identifier: Apache-2.0
 *
 * test_steps.c: that no step is long: wide fan-out in slices, and what one step begins at most. */
#include "engine/engine_internal.h"

#include "engine/expect.h"

#define MANY 1000

static void drop_pending(chan_t ch)
{
    for (seen_t *s; (s = pending(ch));)
        s->taken = true;
}

static uint64_t step_of(chan_t ch, uint8_t type)
{
    return expect(ch, type)->step;
}

static fixture_t *sliced(void)
{
    return fixture_new((fixture_options_t){.slice = 4});
}

/* ---- fan-out ---- */

static void a_wide_fan_out_is_done_in_slices_and_confirmed_at_its_end(void **state)
{
    (void)state;
    fixture_t *f = sliced();
    chan_t ch = new_channel(f), other = channel_of(ch.client, 2);
    char name[16];
    for (unsigned i = 0; i < MANY; i++)
        declare(ch, numbered(name, i), 0), bind_queue(ch, name, "amq.fanout", "");
    run(f), drop_pending(ch);
    confirm_select(ch), expect_ok(ch);
    publish(ch, "amq.fanout", "", "1");
    put(ch, numbered(name, MANY - 1), "2"); /* stays behind */
    delete_queue(other, numbered(name, MANY - 2), 0);
    delete_exchange(other, "nobody", 0);
    expect_counted(other, 0);
    uint64_t others = step_of(other, EVENT_OK);
    const seen_t *confirm = expect(ch, EVENT_CONFIRM);
    assert_int_equal(confirm->event.delivery_tag, 2);
    assert_true(confirm->step > others + 10);
    assert_queue_is(ch, numbered(name, 0), "1");
    assert_queue_is(ch, numbered(name, MANY - 1), "1", "2");
    assert_int_equal(counts(f).messages_ready, MANY - 3);
    fixture_free(f);
}

static void a_wide_fan_out_outlives_its_connection(void **state)
{
    (void)state;
    fixture_t *f = sliced();
    chan_t ch = new_channel(f), other = new_channel(f);
    char name[16];
    for (unsigned i = 0; i < MANY; i++)
        declare(ch, numbered(name, i), 0), bind_queue(ch, name, "amq.fanout", "");
    run(f), drop_pending(ch);
    publish(ch, "amq.fanout", "", "1");
    (void)step(f);
    hang_up(ch.client), expect_goodbye(ch.client);
    run(f);
    assert_int_equal(counts(f).messages_ready, MANY);
    assert_queue_is(other, numbered(name, MANY - 1), "1");
    fixture_free(f);
}

/* ---- no step is long ---- */

/* Each of many channels asks for long work at once: one step does not do the first slice of them all. */
static void a_step_does_not_begin_all_the_long_work_there_is(void **state)
{
    (void)state;
    enum { QUEUES = 60 };
    fixture_t *f = fixture_new((fixture_options_t){.slice = 64});
    client_t *c = connected(f);
    chan_t ch = channel_of(c, 1);
    char name[16], key[16];
    for (unsigned i = 0; i < QUEUES; i++) {
        (void)channel_of(c, (uint16_t)(i + 2));
        declare(ch, numbered(name, i), 0);
        for (unsigned k = 0; k < 64; k++)
            bind_queue(ch, name, "amq.direct", numbered(key, k));
    }
    run(f), drop_pending(ch);
    for (unsigned i = 0; i < QUEUES; i++)
        delete_queue((chan_t){c, (uint16_t)(i + 2)}, numbered(name, i), 0);
    uint64_t before = counts(f).bindings;
    (void)step(f);
    assert_true(before - counts(f).bindings <= 64 * 16);
    run(f);
    for (unsigned i = 0; i < QUEUES; i++)
        expect_counted((chan_t){c, (uint16_t)(i + 2)}, 0);
    assert_int_equal(counts(f).bindings, 0);
    fixture_free(f);
}

/* Publishes that go to many queues each count for as much as they do. */
static void a_step_does_not_take_all_publishes_when_they_are_wide(void **state)
{
    (void)state;
    enum { QUEUES = 60 };
    fixture_t *f = fixture_new((fixture_options_t){.slice = 64});
    chan_t ch = new_channel(f), other = channel_of(connected_at(f, 1), 1);
    char name[16];
    for (unsigned i = 0; i < QUEUES; i++)
        declare(ch, numbered(name, i), 0), bind_queue(ch, name, "amq.fanout", "");
    run(f), drop_pending(ch);
    for (int i = 0; i < 60; i++)
        publish(ch, "amq.fanout", "", "1");
    echo(other);
    (void)step(f);
    assert_true(counts(f).messages_ready <= 64 * 16);
    uint64_t first = f->steps;
    assert_true(step_of(other, EVENT_OK) <= first + 2); /* the other port has its turn */
    run(f);
    assert_int_equal(counts(f).messages_ready, 60 * QUEUES);
    fixture_free(f);
}

/* One ack makes room for one delivery, and for very many consumers the question who gets it; no step asks all of them. */
static void very_many_that_wait_are_woken_in_slices(void **state)
{
    fixture_t *f = *state;
    f->engine->options.slice = 64;
    chan_t ch = new_channel(f), other = new_channel(f);
    char name[16];
    qos(ch, 1, COMMAND_GLOBAL);
    expect_ok(ch);
    for (unsigned i = 0; i < MANY; i++) {
        (void)numbered(name, i);
        new_queue(other, name);
        put(other, name, name);
        (void)consume(ch, name, name, COMMAND_NOWAIT);
    }
    for (unsigned i = 0; i < MANY; i++) {
        const seen_t *s = expect(ch, EVENT_DELIVER);
        ack(ch, s->event.delivery_tag, 0);
        if (i == MANY / 2) {
            (void)step(f);
            assert_false(list_empty(&f->engine->waking));
        }
    }
    run(f);
    assert_true(list_empty(&f->engine->waking));
    assert_int_equal(counts(f).messages_ready, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wide_fan_out_is_done_in_slices_and_confirmed_at_its_end),
        cmocka_unit_test(a_wide_fan_out_outlives_its_connection),
        cmocka_unit_test(a_step_does_not_begin_all_the_long_work_there_is),
        cmocka_unit_test(a_step_does_not_take_all_publishes_when_they_are_wide),
        fixture_test(very_many_that_wait_are_woken_in_slices),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
