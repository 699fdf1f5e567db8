/* SPDX-License-Identifier: Apache-2.0
 *
 * What a session gets from the socket, and again of what it left. */
#include "net_fixture.h"

/* Consumes whole lines only. */
static size_t take_lines(probe_t *p, bytes_t octets)
{
    (void)p;
    const uint8_t *last = octets.len > 0 ? memrchr(octets.data, '\n', octets.len) : NULL;
    return last != NULL ? (size_t)(last - octets.data) + 1 : 0;
}

/* Consumes one line and stops reading. */
static size_t take_one_line_and_stop(probe_t *p, bytes_t octets)
{
    p->transport->kind->set_reading(p->transport, false);
    const uint8_t *first = memchr(octets.data, '\n', octets.len);
    return first != NULL ? (size_t)(first - octets.data) + 1 : 0;
}

static size_t take_nothing(probe_t *p, bytes_t octets)
{
    (void)p, (void)octets;
    return 0;
}

static size_t wanted_bytes;

/* Consumes nothing before all of it is there. */
static size_t take_all_at_once(probe_t *p, bytes_t octets)
{
    (void)p;
    return octets.len >= wanted_bytes ? octets.len : 0;
}

static size_t stop(probe_t *p, bytes_t octets)
{
    p->transport->kind->set_reading(p->transport, false);
    return octets.len;
}

static size_t echo(probe_t *p, bytes_t octets)
{
    output_write(p->transport->output, octets);
    p->transport->kind->flush(p->transport);
    return octets.len;
}

static size_t close_at_once(probe_t *p, bytes_t octets)
{
    p->transport->kind->close(p->transport, 5000);
    assert_memory_equal(octets.data, "word", 4); /* still there after close */
    return 0;
}

static void transport_knows_both_ends(void **state)
{
    fixture_t *f = *state;
    int fd = client(f);
    struct sockaddr_in a;
    socklen_t len = sizeof a;
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
    char expected[64];
    text_format(expected, sizeof expected, "127.0.0.1:%u", ntohs(a.sin_port));
    assert_string_equal(f->probe->transport->peer, expected);
    assert_string_equal(f->probe->transport->local, f->bound);
    assert_true(f->probe->transport->loopback);
    close(fd);
}

static void echo_comes_back(void **state)
{
    fixture_t *f = *state;
    f->on_input = echo;
    int fd = client(f);
    char answer[5];
    send_text(f, fd, "hello");
    receive_exactly(f, fd, answer, sizeof answer);
    assert_memory_equal(answer, "hello", 5);
    close(fd);
}

static void unconsumed_input_comes_again_in_front_of_more(void **state)
{
    fixture_t *f = *state;
    f->on_input = take_lines;
    int fd = client(f);
    send_text(f, fd, "one\ntw");
    TURN_UNTIL(f, f->probe->inputs == 1);
    assert_received(f->probe, "one\n");
    send_text(f, fd, "o\nthr");
    TURN_UNTIL(f, f->probe->inputs == 2);
    assert_int_equal(f->probe->last_input.len, strlen("two\nthr"));
    assert_received(f->probe, "one\ntwo\n");
    send_text(f, fd, "ee\n");
    TURN_UNTIL(f, f->probe->inputs == 3);
    assert_received(f->probe, "one\ntwo\nthree\n");
    close(fd);
}

static void leftover_alone_is_not_given_again(void **state)
{
    fixture_t *f = *state;
    f->on_input = take_lines;
    int fd = client(f);
    send_text(f, fd, "par");
    TURN_UNTIL(f, f->probe->inputs == 1);
    for (int i = 0; i < 3; i++) {
        net_poll(f->loop, 5);
        net_flush(f->loop);
    }
    assert_int_equal(f->probe->inputs, 1);
    close(fd);
}

static void octet_by_octet_makes_the_same_lines(void **state)
{
    fixture_t *f = *state;
    f->on_input = take_lines;
    int fd = client(f);
    const char *text = "a line\nand another, longer one\n\nend\n";
    for (const char *c = text; *c != '\0'; c++) {
        unsigned before = f->probe->inputs;
        send_all(f, fd, c, 1);
        TURN_UNTIL(f, f->probe->inputs > before);
    }
    assert_received(f->probe, text);
    close(fd);
}

static void paused_session_gets_its_leftover_when_it_resumes(void **state)
{
    fixture_t *f = *state;
    f->on_input = take_one_line_and_stop;
    int fd = client(f);
    send_text(f, fd, "one\ntwo\nthree\n");
    TURN_UNTIL(f, f->probe->inputs == 1);
    assert_received(f->probe, "one\n");
    send_text(f, fd, "four\n");
    for (int i = 0; i < 3; i++) {
        net_poll(f->loop, 5);
        net_flush(f->loop);
    }
    assert_int_equal(f->probe->inputs, 1); /* paused: neither leftover nor news */

    f->probe->transport->kind->set_reading(f->probe->transport, true);
    net_poll(f->loop, -1); /* does not sleep: the leftover is given at once */
    assert_int_equal(f->probe->inputs, 2);
    assert_received(f->probe, "one\ntwo\n");
    net_flush(f->loop);

    while (f->probe->received.len < strlen("one\ntwo\nthree\nfour\n")) {
        f->probe->transport->kind->set_reading(f->probe->transport, true);
        turn(f);
    }
    assert_received(f->probe, "one\ntwo\nthree\nfour\n");
    close(fd);
}

static void resumed_session_without_leftover_reads_on(void **state)
{
    fixture_t *f = *state;
    f->on_input = stop;
    int fd = client(f);
    send_text(f, fd, "x");
    TURN_UNTIL(f, f->probe->inputs == 1);
    send_text(f, fd, "y");
    turn(f);
    turn(f);
    assert_received(f->probe, "x");
    f->probe->transport->kind->set_reading(f->probe->transport, true);
    TURN_UNTIL(f, f->probe->inputs == 2);
    assert_received(f->probe, "xy");
    close(fd);
}

static void one_connection_reads_at_most_its_share_a_turn(void **state)
{
    fixture_t *f = *state;
    int fd = client(f);
    uint8_t *data = pattern(4 * READ_BYTES);
    assert_int_equal(send(fd, data, 4 * READ_BYTES, 0), 4 * READ_BYTES);
    TURN_UNTIL(f, f->probe->inputs == 1);
    assert_int_equal(f->probe->received.len, READ_BYTES);
    TURN_UNTIL(f, f->probe->inputs == 4);
    assert_int_equal(f->probe->received.len, 4 * READ_BYTES);
    assert_memory_equal(f->probe->received.data, data, 4 * READ_BYTES);
    mem_free(data);
    close(fd);
}

static void frame_much_longer_than_the_read_buffer_arrives_whole(void **state)
{
    fixture_t *f = *state;
    f->on_input = take_all_at_once;
    wanted_bytes = 100 * READ_BYTES + 17;
    int fd = client(f);
    uint8_t *data = pattern(wanted_bytes);
    send_all(f, fd, data, wanted_bytes);
    TURN_UNTIL(f, f->probe->received.len == wanted_bytes);
    assert_memory_equal(f->probe->received.data, data, wanted_bytes);
    mem_free(data);
    close(fd);
}

static void input_without_an_end_closes_the_connection(void **state)
{
    fixture_t *f = *state;
    f->on_input = take_nothing;
    int fd = client(f);
    static const char zeros[65536];
    uint64_t limit_ms = real_now_ms() + WAIT_LIMIT_MS;
    while (f->probe->ends == 0) {
        (void)send(fd, zeros, sizeof zeros, MSG_DONTWAIT | MSG_NOSIGNAL);
        turn(f);
        assert_true(real_now_ms() < limit_ms);
    }
    assert_string_equal(f->probe->reason, "input without an end");
    assert_true(f->probe->last_input.len > 16 * 1024 * 1024);
    assert_true(f->probe->last_input.len <= 16 * 1024 * 1024 + 2 * READ_BYTES);
    assert_int_equal(f->log_lines, 1);
    assert_non_null(strstr(f->log_text, "without an end"));
    close(fd);
}

static void input_stays_readable_after_close_within_the_call(void **state)
{
    fixture_t *f = *state;
    f->on_input = close_at_once;
    int fd = client(f);
    send_text(f, fd, "word");
    expect_end(f, fd);
    close(fd);
    TURN_UNTIL(f, f->probe->ends == 1);
    assert_int_equal(f->probe->inputs, 1);
}

static void unix_peer_that_left_is_read_to_the_end_after_a_pause(void **state)
{
    fixture_t *f = *state;
    f->on_input = stop;
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    net_adopt(f->loop, pair[0], &f->factory);
    send_text(f, pair[1], "x");
    TURN_UNTIL(f, f->probe->inputs == 1);
    send_text(f, pair[1], "last words");
    close(pair[1]);
    turn(f);
    turn(f);
    uint64_t before_us = os_thread_cpu_us();
    uint64_t before_ms = real_now_ms();
    net_poll(f->loop, 100); /* sleeps: the hang-up is not told again and again */
    assert_true(real_now_ms() - before_ms >= 99);
    assert_true(os_thread_cpu_us() - before_us < 50000);
    assert_int_equal(f->probe->ends, 0);

    f->probe->transport->kind->set_reading(f->probe->transport, true);
    TURN_UNTIL(f, f->probe->inputs == 2);
    assert_received(f->probe, "xlast words");
    f->probe->transport->kind->set_reading(f->probe->transport, true);
    TURN_UNTIL(f, f->probe->ends == 1);
    assert_string_equal(f->probe->reason, "closed by peer");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(transport_knows_both_ends, setup, teardown),
        cmocka_unit_test_setup_teardown(echo_comes_back, setup, teardown),
        cmocka_unit_test_setup_teardown(unconsumed_input_comes_again_in_front_of_more, setup, teardown),
        cmocka_unit_test_setup_teardown(leftover_alone_is_not_given_again, setup, teardown),
        cmocka_unit_test_setup_teardown(octet_by_octet_makes_the_same_lines, setup, teardown),
        cmocka_unit_test_setup_teardown(paused_session_gets_its_leftover_when_it_resumes, setup, teardown),
        cmocka_unit_test_setup_teardown(resumed_session_without_leftover_reads_on, setup, teardown),
        cmocka_unit_test_setup_teardown(one_connection_reads_at_most_its_share_a_turn, setup, teardown),
        cmocka_unit_test_setup_teardown(frame_much_longer_than_the_read_buffer_arrives_whole, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(input_without_an_end_closes_the_connection, setup, teardown),
        cmocka_unit_test_setup_teardown(input_stays_readable_after_close_within_the_call, setup, teardown),
        cmocka_unit_test_setup_teardown(unix_peer_that_left_is_read_to_the_end_after_a_pause, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
