/* SPDX-License-Identifier: Apache-2.0
 *
 * How connections end: by us with the last octets delivered, by the peer, by an error, by the loop's own end.
 */
#include "net_fixture.h"

static void say_and_close(probe_t *p, const char *text, uint64_t linger_ms)
{
    output_write(p->transport->output, bytes_string(text));
    p->transport->kind->close(p->transport, linger_ms);
}

static size_t say_bye(probe_t *p, bytes_t octets)
{
    say_and_close(p, "bye", 5000);
    return octets.len;
}

static void close_delivers_the_last_octets_though_input_is_unread(void **state)
{
    enum { NOISE_BYTES = 50 * READ_BYTES };
    fixture_t *f = *state;
    f->on_input = say_bye;
    int fd = client(f);
    uint8_t *noise = pattern(NOISE_BYTES);
    send_all(f, fd, noise, NOISE_BYTES); /* far more than is read before the session closes */
    char got[3];
    receive_exactly(f, fd, got, sizeof got);
    assert_memory_equal(got, "bye", 3);
    expect_end(f, fd); /* an end, not a reset */
    assert_int_equal(f->probe->inputs, 1);
    assert_int_equal(f->probe->ends, 0); /* lingers until the peer closes */
    close(fd);
    TURN_UNTIL(f, f->probe->ends == 1);
    assert_string_equal(f->probe->reason, "closed");
    assert_int_equal(net_connection_count(f->loop), 0);
    mem_free(noise);
}

static void close_sends_much_output_before_it_shuts(void **state)
{
    enum { OUTPUT_BYTES = 9000000 };
    fixture_t *f = *state;
    int fd = client(f);
    uint8_t *data = pattern(OUTPUT_BYTES);
    output_lend(f->probe->transport->output, bytes_make(data, OUTPUT_BYTES));
    f->probe->transport->kind->close(f->probe->transport, WAIT_LIMIT_MS);
    uint8_t *got = mem_alloc(OUTPUT_BYTES);
    receive_exactly(f, fd, got, OUTPUT_BYTES);
    assert_memory_equal(got, data, OUTPUT_BYTES);
    expect_end(f, fd);
    close(fd);
    TURN_UNTIL(f, f->probe->ends == 1);
    assert_int_equal(f->probe->drained_to, OUTPUT_BYTES);
    mem_free(got);
    mem_free(data);
}

static void lingering_ends_at_its_deadline(void **state)
{
    fixture_t *f = *state;
    int fd = client(f);
    uint64_t before_ms = real_now_ms();
    say_and_close(f->probe, "bye", 100);
    assert_int_equal(f->probe->ends, 0); /* never from within the call */
    TURN_UNTIL(f, f->probe->ends == 1);
    assert_true(real_now_ms() - before_ms >= 99);
    assert_string_equal(f->probe->reason, "closed");
    close(fd);
}

static void peer_that_never_reads_cannot_hold_a_closing_connection(void **state)
{
    enum { OUTPUT_BYTES = 20000000 };
    fixture_t *f = *state;
    int fd = client(f);
    uint8_t *data = pattern(OUTPUT_BYTES);
    output_lend(f->probe->transport->output, bytes_make(data, OUTPUT_BYTES));
    f->probe->transport->kind->close(f->probe->transport, 100);
    TURN_UNTIL(f, f->probe->ends == 1); /* and the probe saw that nothing waits any more */
    assert_true(f->probe->drained_to < OUTPUT_BYTES);
    mem_free(data);
    close(fd);
}

static void second_close_may_shorten_the_lingering(void **state)
{
    fixture_t *f = *state;
    int fd = client(f);
    say_and_close(f->probe, "bye", 3600 * 1000);
    turn(f);
    f->probe->transport->kind->close(f->probe->transport, 7200 * 1000);
    f->probe->transport->kind->close(f->probe->transport, 0);
    TURN_UNTIL(f, f->probe->ends == 1);
    close(fd);
}

static void closing_session_hears_nothing_more(void **state)
{
    fixture_t *f = *state;
    int fd = client(f);
    transport_t *t = f->probe->transport;
    t->kind->set_deadline(t, net_now_ms(f->loop) + 1);
    t->kind->close(t, 100);
    t->kind->set_deadline(t, net_now_ms(f->loop) + 1);
    t->kind->set_reading(t, true);
    send_text(f, fd, "late");
    TURN_UNTIL(f, f->probe->ends == 1);
    assert_int_equal(f->probe->inputs, 0);
    assert_int_equal(f->probe->deadlines, 0);
    close(fd);
}

static void output_after_the_end_was_sent_does_not_pile_up(void **state)
{
    fixture_t *f = *state;
    int fd = client(f);
    say_and_close(f->probe, "bye", 5000);
    turn(f);
    probe_say(f->probe, "too late");
    assert_int_equal(output_waiting(f->probe->transport->output), 0);
    char got[3];
    receive_exactly(f, fd, got, sizeof got);
    expect_end(f, fd);
    close(fd);
    TURN_UNTIL(f, f->probe->ends == 1);
}

static void peer_that_only_shut_its_end_still_gets_the_answer(void **state)
{
    fixture_t *f = *state;
    f->on_input = say_bye;
    int fd = client(f);
    send_text(f, fd, "bad");
    shutdown(fd, SHUT_WR);
    char got[3];
    receive_exactly(f, fd, got, sizeof got);
    assert_memory_equal(got, "bye", 3);
    expect_end(f, fd);
    TURN_UNTIL(f, f->probe->ends == 1);
    close(fd);
}

static void peer_that_closes_ends_the_session(void **state)
{
    fixture_t *f = *state;
    int fd = client(f);
    close(fd);
    TURN_UNTIL(f, f->probe->ends == 1);
    assert_string_equal(f->probe->reason, "closed by peer");
    assert_int_equal(net_connection_count(f->loop), 0);
}

static void input_before_the_peers_end_is_given_first(void **state)
{
    fixture_t *f = *state;
    int fd = client(f);
    send_text(f, fd, "last words");
    close(fd);
    TURN_UNTIL(f, f->probe->ends == 1);
    assert_received(f->probe, "last words");
}

static void reset_ends_the_session_with_its_text(void **state)
{
    fixture_t *f = *state;
    int fd = client(f);
    reset(fd);
    TURN_UNTIL(f, f->probe->ends == 1);
    assert_string_equal(f->probe->reason, "Connection reset by peer");
}

static void reset_is_noticed_while_reading_is_off(void **state)
{
    fixture_t *f = *state;
    int fd = client(f);
    f->probe->transport->kind->set_reading(f->probe->transport, false);
    turn(f);
    reset(fd);
    TURN_UNTIL(f, f->probe->ends == 1);
    assert_string_equal(f->probe->reason, "Connection reset by peer");
}

static void writing_to_a_peer_that_is_gone_ends_the_session(void **state)
{
    fixture_t *f = *state;
    int fd = client(f);
    f->probe->transport->kind->set_reading(f->probe->transport, false);
    turn(f);
    close(fd);
    TURN_UNTIL(f, f->probe->ends == 1 || (probe_say(f->probe, "anybody there?"), false));
    assert_true(strcmp(f->probe->reason, "Connection reset by peer") == 0 ||
                strcmp(f->probe->reason, "Broken pipe") == 0);
}

static void refused_by_the_factory_is_dropped(void **state)
{
    fixture_t *f = *state;
    f->refuse = true;
    int fd = connect_ipv4(f->port);
    expect_end(f, fd);
    close(fd);
    assert_int_equal(net_connection_count(f->loop), 0);
    assert_int_equal(f->probe_count, 0);
}

static void shutdown_is_told_to_open_sessions_only(void **state)
{
    fixture_t *f = *state;
    int open = client(f);
    probe_t *first = f->probe;
    int closing = client(f);
    say_and_close(f->probe, "bye", 5000);
    net_shutdown_sessions(f->loop);
    assert_int_equal(first->shutdowns, 1);
    assert_int_equal(f->probe->shutdowns, 0);
    close(open);
    close(closing);
}

static void freeing_the_loop_ends_every_session(void **state)
{
    fixture_t *f = *state;
    int first = client(f), second = client(f);
    static const char loan[] = "a loan that nobody fetched";
    output_lend(f->probe->transport->output, BYTES(loan));
    net_loop_free(&f->loop);
    assert_int_equal(f->alive, 0);
    assert_string_equal(f->probes[0]->reason, "shutdown");
    assert_string_equal(f->probes[1]->reason, "shutdown");
    close(first);
    close(second);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(close_delivers_the_last_octets_though_input_is_unread, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(close_sends_much_output_before_it_shuts, setup, teardown),
        cmocka_unit_test_setup_teardown(lingering_ends_at_its_deadline, setup, teardown),
        cmocka_unit_test_setup_teardown(peer_that_never_reads_cannot_hold_a_closing_connection, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(second_close_may_shorten_the_lingering, setup, teardown),
        cmocka_unit_test_setup_teardown(closing_session_hears_nothing_more, setup, teardown),
        cmocka_unit_test_setup_teardown(output_after_the_end_was_sent_does_not_pile_up, setup, teardown),
        cmocka_unit_test_setup_teardown(peer_that_only_shut_its_end_still_gets_the_answer, setup, teardown),
        cmocka_unit_test_setup_teardown(peer_that_closes_ends_the_session, setup, teardown),
        cmocka_unit_test_setup_teardown(input_before_the_peers_end_is_given_first, setup, teardown),
        cmocka_unit_test_setup_teardown(reset_ends_the_session_with_its_text, setup, teardown),
        cmocka_unit_test_setup_teardown(reset_is_noticed_while_reading_is_off, setup, teardown),
        cmocka_unit_test_setup_teardown(writing_to_a_peer_that_is_gone_ends_the_session, setup, teardown),
        cmocka_unit_test_setup_teardown(refused_by_the_factory_is_dropped, setup, teardown),
        cmocka_unit_test_setup_teardown(shutdown_is_told_to_open_sessions_only, setup, teardown),
        cmocka_unit_test_setup_teardown(freeing_the_loop_ends_every_session, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
