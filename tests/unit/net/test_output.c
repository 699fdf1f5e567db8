/* SPDX-License-Identifier: Apache-2.0
 *
 * What a session writes: in order and whole, with loans, offsets and a pause for peers that do not read. */
#include "net_fixture.h"

/* A client between whose session and itself the kernel keeps little, so that output goes in small steps. */
static int narrow_client(fixture_t *f)
{
    int bytes = 8192;
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(f->port)};
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    TURN_UNTIL(f, f->probe_count == 1);
    assert_int_equal(setsockopt(f->accepted_fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes), 0);
    return fd;
}

static void output_larger_than_the_socket_buffer_arrives_whole_and_in_order(void **state)
{
    enum { PIECES = 400, PIECE_BYTES = 20000, HEAD_BYTES = 7 };
    fixture_t *f = *state;
    int fd = client(f);
    uint8_t *data = pattern(PIECES * PIECE_BYTES);
    output_t *out = f->probe->transport->output;
    for (int i = 0; i < PIECES; i++) {
        output_write(out, BYTES("header:"));
        output_lend(out, bytes_make(data + i * PIECE_BYTES, PIECE_BYTES));
    }
    f->probe->transport->kind->flush(f->probe->transport);

    uint8_t *got = mem_alloc(HEAD_BYTES + PIECE_BYTES);
    for (int i = 0; i < PIECES; i++) {
        receive_exactly(f, fd, got, HEAD_BYTES + PIECE_BYTES);
        assert_memory_equal(got, "header:", HEAD_BYTES);
        assert_memory_equal(got + HEAD_BYTES, data + i * PIECE_BYTES, PIECE_BYTES);
    }
    assert_int_equal(output_waiting(out), 0);
    assert_true(f->probe->drains > 1);
    assert_int_equal(f->probe->drained_to, (uint64_t)PIECES * (HEAD_BYTES + PIECE_BYTES));
    mem_free(got);
    mem_free(data);
    close(fd);
}

static void more_pieces_than_a_turn_sends_arrive(void **state)
{
    enum { PIECES = 3000 };
    fixture_t *f = *state;
    int fd = client(f);
    uint8_t *data = pattern(PIECES * 2);
    for (int i = 0; i < PIECES; i++)
        output_lend(f->probe->transport->output, bytes_make(data + 2 * i, 2));
    f->probe->transport->kind->flush(f->probe->transport);
    uint8_t *got = mem_alloc(PIECES * 2);
    receive_exactly(f, fd, got, PIECES * 2);
    assert_memory_equal(got, data, PIECES * 2);
    mem_free(got);
    mem_free(data);
    close(fd);
}

static void drained_tells_what_is_gone_in_the_same_flush(void **state)
{
    fixture_t *f = *state;
    int fd = client(f);
    probe_say(f->probe, "0123456789");
    assert_int_equal(f->probe->drains, 0);
    net_flush(f->loop);
    assert_int_equal(f->probe->drains, 1);
    assert_int_equal(f->probe->drained_to, 10);
    net_flush(f->loop); /* nothing new: not called again */
    assert_int_equal(f->probe->drains, 1);
    close(fd);
}

static void say_again(probe_t *p)
{
    if (p->drains <= 3)
        probe_say(p, "x");
}

static void what_drained_writes_is_sent_in_the_next_turn(void **state)
{
    fixture_t *f = *state;
    f->on_drained = say_again;
    int fd = client(f);
    probe_say(f->probe, "x");
    net_flush(f->loop);
    assert_int_equal(f->probe->drains, 1);
    net_poll(f->loop, -1); /* does not sleep while that waits */
    net_flush(f->loop);
    assert_int_equal(f->probe->drains, 2);
    char got[4];
    receive_exactly(f, fd, got, sizeof got);
    assert_memory_equal(got, "xxxx", 4);
    close(fd);
}

/* Fills the output until `waiting` octets wait, although the kernel takes no more for a while. */
static void fill_output(fixture_t *f, const uint8_t *piece, size_t piece_bytes, uint64_t waiting)
{
    output_t *out = f->probe->transport->output;
    for (int quiet_turns = 0; quiet_turns < 10; quiet_turns++) {
        uint64_t sent_before = output_sent(out);
        while (output_waiting(out) < waiting) {
            output_lend(out, bytes_make(piece, piece_bytes));
            f->probe->transport->kind->flush(f->probe->transport);
            net_flush(f->loop);
        }
        turn(f);
        if (output_sent(out) != sent_before)
            quiet_turns = 0;
    }
    assert_true(output_waiting(out) >= waiting);
}

static void connection_with_much_output_is_not_read_until_half_is_gone(void **state)
{
    enum { PIECE_BYTES = 16384 };
    fixture_t *f = *state;
    int fd = narrow_client(f);
    uint8_t *piece = pattern(PIECE_BYTES);
    fill_output(f, piece, PIECE_BYTES, PAUSE_BYTES + 1);
    output_t *out = f->probe->transport->output;

    send_text(f, fd, "hello");
    for (int i = 0; i < 5; i++) {
        net_poll(f->loop, 5);
        net_flush(f->loop);
    }
    assert_int_equal(f->probe->inputs, 0);

    /* The peer reads on: the first input comes only with half of the limit or less waiting. */
    uint64_t limit_ms = real_now_ms() + WAIT_LIMIT_MS;
    char got[4096];
    uint64_t waiting_before = output_waiting(out);
    while (f->probe->inputs == 0) {
        waiting_before = output_waiting(out);
        (void)recv(fd, got, sizeof got, MSG_DONTWAIT);
        turn(f);
        assert_true(real_now_ms() < limit_ms);
    }
    assert_true(waiting_before <= PAUSE_BYTES / 2);
    assert_received(f->probe, "hello");
    mem_free(piece);
    close(fd);
}

static size_t take_half(probe_t *p, bytes_t octets)
{
    (void)p;
    return octets.len > 5 ? 5 : 0;
}

static void leftover_waits_for_the_output_pause_too(void **state)
{
    enum { PIECE_BYTES = 16384 };
    fixture_t *f = *state;
    f->on_input = take_half;
    int fd = narrow_client(f);
    send_text(f, fd, "helloworlds");
    TURN_UNTIL(f, f->probe->inputs == 1);
    uint8_t *piece = pattern(PIECE_BYTES);
    fill_output(f, piece, PIECE_BYTES, PAUSE_BYTES + 1);

    f->probe->transport->kind->set_reading(f->probe->transport, true);
    for (int i = 0; i < 3; i++) {
        net_poll(f->loop, 5);
        net_flush(f->loop);
    }
    assert_int_equal(f->probe->inputs, 1);

    uint64_t limit_ms = real_now_ms() + WAIT_LIMIT_MS;
    char got[4096];
    while (f->probe->inputs == 1) {
        (void)recv(fd, got, sizeof got, MSG_DONTWAIT);
        turn(f);
        assert_true(real_now_ms() < limit_ms);
    }
    assert_received(f->probe, "helloworld");
    mem_free(piece);
    close(fd);
}

static void output_that_the_session_bounds_does_not_pause_reading(void **state)
{
    enum { PIECE_BYTES = 16384 };
    fixture_t *f = *state;
    int fd = narrow_client(f);
    uint8_t *piece = pattern(PIECE_BYTES);
    f->probe->transport->bounded_bytes = UINT64_MAX;
    fill_output(f, piece, PIECE_BYTES, 2 * PAUSE_BYTES);
    send_text(f, fd, "hello");
    TURN_UNTIL(f, f->probe->inputs == 1);
    assert_true(output_waiting(f->probe->transport->output) > PAUSE_BYTES);
    mem_free(piece);
    close(fd);
}

static void peer_that_does_not_read_costs_no_cpu(void **state)
{
    enum { PIECE_BYTES = 16384 };
    fixture_t *f = *state;
    int fd = client(f);
    uint8_t *piece = pattern(PIECE_BYTES);
    fill_output(f, piece, PIECE_BYTES, 2 * PAUSE_BYTES);
    turn(f);
    uint64_t before_ms = real_now_ms();
    net_poll(f->loop, 100);
    assert_true(real_now_ms() - before_ms >= 99);
    mem_free(piece);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(output_larger_than_the_socket_buffer_arrives_whole_and_in_order,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(more_pieces_than_a_turn_sends_arrive, setup, teardown),
        cmocka_unit_test_setup_teardown(drained_tells_what_is_gone_in_the_same_flush, setup, teardown),
        cmocka_unit_test_setup_teardown(what_drained_writes_is_sent_in_the_next_turn, setup, teardown),
        cmocka_unit_test_setup_teardown(connection_with_much_output_is_not_read_until_half_is_gone, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(leftover_waits_for_the_output_pause_too, setup, teardown),
        cmocka_unit_test_setup_teardown(output_that_the_session_bounds_does_not_pause_reading, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(peer_that_does_not_read_costs_no_cpu, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
