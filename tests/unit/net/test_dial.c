/* SPDX-License-Identifier: Apache-2.0
 *
 * Connections that we open: the session comes with the connection, a failure is told, names try all addresses. */
#include "net_fixture.h"

/* The end that dials; the fixture's own factory is the end that accepts. */
typedef struct dialer {
    fixture_t *f;
    fixture_t ours; /* only its factory and probes are used */
    char reason[128];
    unsigned failures;
} dialer_t;

static session_t *open_ours(void *context, transport_t *t)
{
    dialer_t *d = context;
    return open_probe(&d->ours, t);
}

static void note_failure(void *context, const char *reason)
{
    dialer_t *d = context;
    d->failures++;
    text_format(d->reason, sizeof d->reason, "%s", reason);
}

static int dial(dialer_t *d, const char *text, error_t *err)
{
    net_address_t address;
    session_factory_t factory = {.open = open_ours, .context = d};
    assert_true(net_address_parse(text, &address, err));
    return net_dial(d->f->loop, &address, &factory, note_failure, err);
}

static void forget(dialer_t *d)
{
    for (size_t i = 0; i < d->ours.probe_count; i++) {
        buffer_free(&d->ours.probes[i]->received);
        mem_free(d->ours.probes[i]);
    }
    mem_free(d->ours.probes);
}

/* Both ends are sessions of one loop: what one says arrives at the other. */
static void talk(dialer_t *d)
{
    TURN_UNTIL(d->f, d->f->probe && d->ours.probe);
    probe_say(d->ours.probe, "there");
    TURN_UNTIL(d->f, d->f->probe->received.len == 5);
    probe_say(d->f->probe, "back");
    TURN_UNTIL(d->f, d->ours.probe->received.len == 4);
    assert_int_equal(d->failures, 0);
    d->ours.probe->transport->kind->close(d->ours.probe->transport, 0);
    TURN_UNTIL(d->f, d->ours.alive == 0 && d->f->alive == 0);
    forget(d);
}

static void connection_comes_with_its_session(void **state)
{
    dialer_t d = {.f = *state};
    error_t err;
    assert_int_equal(dial(&d, d.f->bound, &err), 0);
    assert_null(d.ours.probe); /* nothing happens before the loop turns */
    TURN_UNTIL(d.f, d.ours.probe != NULL);
    assert_string_equal(d.ours.probe->transport->peer, d.f->bound);
    assert_true(d.ours.probe->transport->loopback);
    talk(&d);
}

static void unix_socket_can_be_dialled(void **state)
{
    dialer_t d = {.f = *state};
    error_t err;
    char where[64];
    text_format(where, sizeof where, "unix:/tmp/chaski-dial-%d", (int)getpid());
    assert_non_null(listen_on(d.f, where, &err));
    assert_int_equal(dial(&d, where, &err), 0);
    talk(&d);
}

/* localhost is [::1] too, where this listener is not. */
static void addresses_of_a_name_are_tried_in_turn(void **state)
{
    dialer_t d = {.f = *state};
    error_t err;
    char where[64];
    text_format(where, sizeof where, "localhost:%u", d.f->port);
    assert_int_equal(dial(&d, where, &err), 0);
    talk(&d);
}

static void refusal_is_told_from_the_loop(void **state)
{
    dialer_t d = {.f = *state};
    error_t err;
    net_stop_accepting(d.f->loop);
    turn(d.f);
    assert_int_equal(dial(&d, d.f->bound, &err), 0);
    assert_int_equal(d.failures, 0);
    TURN_UNTIL(d.f, d.failures == 1);
    assert_string_equal(d.reason, "Connection refused");
    assert_int_equal(dial(&d, "unix:/nonexistent/socket", &err), 0);
    TURN_UNTIL(d.f, d.failures == 2);
    assert_string_equal(d.reason, "No such file or directory");
}

static void unknown_name_is_refused_at_once(void **state)
{
    dialer_t d = {.f = *state};
    error_t err = {0};
    assert_int_equal(dial(&d, "no-such-host.invalid:5672", &err), -1);
    assert_non_null(strstr(err.text, "no-such-host.invalid"));
    turn(d.f);
    assert_int_equal(d.failures, 0);
}

/* The loop goes while a dial is on its way: nobody is told, nothing is left. */
static void loop_may_end_before_the_dial(void **state)
{
    dialer_t d = {.f = *state};
    error_t err;
    assert_int_equal(dial(&d, d.f->bound, &err), 0);
    net_loop_free(&d.f->loop);
    assert_int_equal(d.failures, 0);
    assert_null(d.ours.probe);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(connection_comes_with_its_session, setup, teardown),
        cmocka_unit_test_setup_teardown(unix_socket_can_be_dialled, setup, teardown),
        cmocka_unit_test_setup_teardown(addresses_of_a_name_are_tried_in_turn, setup, teardown),
        cmocka_unit_test_setup_teardown(refusal_is_told_from_the_loop, setup, teardown),
        cmocka_unit_test_setup_teardown(unknown_name_is_refused_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(loop_may_end_before_the_dial, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
