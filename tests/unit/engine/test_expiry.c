/* SPDX-License-Identifier: Apache-2.0
 *
 * test_expiry.c: x-expires: what an idle queue is, by the engine's own time. */
#include "engine/expect.h"

#define EXPIRES_MS 1000

static void declare_expiring(chan_t ch, const char *name)
{
    buffer_t table = {0};
    table_put_long(&table, "x-expires", EXPIRES_MS);
    declare_with(ch, name, 0, buffer_bytes(&table));
    expect(ch, EVENT_QUEUE_DECLARED);
    buffer_free(&table);
}

static bool is_there(fixture_t *f)
{
    return counts(f).queues > 0;
}

static void an_idle_queue_goes_when_its_time_is_up(void **state)
{
    fixture_t *f = *state;
    chan_t ch = new_channel(f);
    assert_true(engine_deadline_ms(f->engine) == UINT64_MAX);
    declare_expiring(ch, "q");
    put_many(ch, "q", 0, 20);
    assert_int_equal(engine_deadline_ms(f->engine), f->now_ms + EXPIRES_MS);
    advance(f, EXPIRES_MS - 1);
    assert_true(is_there(f));
    advance(f, 1);
    assert_false(is_there(f));
    assert_int_equal(counts(f).memory_bytes, 0);
    assert_true(engine_deadline_ms(f->engine) == UINT64_MAX);
    get(ch, "q", 0);
    expect_refusal(ch, 404, "no queue 'q' in vhost '/'");
}

static void declaring_and_getting_begin_the_time_anew_and_publishing_does_not(void **state)
{
    fixture_t *f = *state;
    chan_t ch = new_channel(f);
    declare_expiring(ch, "q");
    advance(f, 900);
    declare(ch, "q", COMMAND_PASSIVE), expect_declared(ch, "q", 0, 0);
    advance(f, 900);
    get(ch, "q", 0), expect(ch, EVENT_GET_EMPTY);
    advance(f, 900);
    declare_expiring(ch, "q");
    advance(f, 900);
    put(ch, "q", "1");
    advance(f, 99);
    assert_true(is_there(f));
    advance(f, 1);
    assert_false(is_there(f));
}

static void time_stands_still_while_there_are_consumers(void **state)
{
    fixture_t *f = *state;
    chan_t ch = new_channel(f);
    declare_expiring(ch, "q");
    new_consumer(ch, "q", "a", 0), new_consumer(ch, "q", "b", 0);
    advance(f, 10 * EXPIRES_MS);
    assert_true(is_there(f));
    cancel(ch, "a", 0), expect(ch, EVENT_CONSUMER_CANCELLED);
    advance(f, 10 * EXPIRES_MS);
    assert_true(is_there(f));
    cancel(ch, "b", 0), expect(ch, EVENT_CONSUMER_CANCELLED);
    advance(f, EXPIRES_MS - 1);
    assert_true(is_there(f));
    advance(f, 1);
    assert_false(is_there(f));
}

static void what_is_out_of_an_expired_queue_is_acked_silently(void **state)
{
    fixture_t *f = *state;
    chan_t ch = new_channel(f);
    declare_expiring(ch, "q");
    put_many(ch, "q", 0, 3);
    uint64_t tag = got(ch, "q", "n00000");
    advance(f, EXPIRES_MS);
    assert_false(is_there(f));
    ack(ch, tag, 0);
    expect_nothing(ch);
}

static void a_deleted_queue_expires_no_more(void **state)
{
    fixture_t *f = *state;
    chan_t ch = new_channel(f);
    declare_expiring(ch, "q");
    delete_queue(ch, "q", 0), expect_counted(ch, 0);
    new_queue(ch, "q");
    advance(f, 10 * EXPIRES_MS);
    assert_true(is_there(f));
}

static void many_queues_expire_each_at_its_time(void **state)
{
    fixture_t *f = *state;
    chan_t ch = new_channel(f);
    char name[16];
    for (unsigned i = 0; i < 300; i++) {
        declare_expiring(ch, numbered(name, i));
        advance(f, 1);
    }
    advance(f, EXPIRES_MS - 300);
    for (unsigned left = 299; left > 0; left--) {
        assert_int_equal(counts(f).queues, left);
        advance(f, 1);
    }
    assert_false(is_there(f));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(an_idle_queue_goes_when_its_time_is_up),
        fixture_test(declaring_and_getting_begin_the_time_anew_and_publishing_does_not),
        fixture_test(time_stands_still_while_there_are_consumers),
        fixture_test(what_is_out_of_an_expired_queue_is_acked_silently),
        fixture_test(a_deleted_queue_expires_no_more),
        fixture_test(many_queues_expire_each_at_its_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
