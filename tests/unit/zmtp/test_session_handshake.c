/* SPDX-License-Identifier: Apache-2.0
 *
 * From the first octet to READY: versions, mechanisms, who is let in and who is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "unit/zmtp/test_session.h"

static void end_of_engine(hands_t *h)
{
    tell(h, (event_t){.type = EVENT_CONNECTION_CLOSED});
    while (next_command(h)->type != COMMANDS_END) {
    }
}

/* ---- the greeting ---- */

/* libzmq waits for our 10th octet before it sends its 11th, and for our 11th before the rest. */
static void each_piece_of_the_greeting_answers_one(void **state)
{
    hands_t *h = *state;
    connect_client(h);
    EXPECT(h, "");
    GIVE(h, "\xff");
    EXPECT(h, SIGNATURE);
    GIVE(h, "\0\0\0\0\0\0\0\x01");
    EXPECT(h, "");
    GIVE(h, "\x7f");
    EXPECT(h, "\3");
    GIVE(h, "\3");
    EXPECT(h, "\1" NULL_20 ZEROS_32);
    GIVE(h, "\1" NULL_20 ZEROS_32);
    EXPECT(h, "");
    give_ready(h, ZMTP_SOCKET_SUB, "");
    expect_ready(h, ZMTP_SOCKET_XPUB);
}

static void noise_closes(void **state)
{
    hands_t *h = *state;
    connect_client(h);
    GIVE(h, "GET / HTTP/1.1\r\n");
    expect_closed(h, "neither ZMTP 2.0 nor later");
    hang_up(h);
    connect_client(h);
    GIVE(h, "\xff\0\0\0\0\0\0\0\1\0");
    assert_true(h->closed);
}

static void every_type_is_answered_octet_by_octet(void **state)
{
    hands_t *h = *state;
    static const zmtp_socket_type_t types[] = {ZMTP_SOCKET_PUB,   ZMTP_SOCKET_SUB,  ZMTP_SOCKET_XPUB,
                                               ZMTP_SOCKET_XSUB,  ZMTP_SOCKET_PUSH, ZMTP_SOCKET_REQ,
                                               ZMTP_SOCKET_DEALER};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        h->cut = 1;
        open_as(h, types[i]);
        hang_up(h);
        end_of_engine(h);
    }
}

static void what_has_no_place_is_refused_for_good(void **state)
{
    hands_t *h = *state;
    static const zmtp_socket_type_t types[] = {ZMTP_SOCKET_PULL, ZMTP_SOCKET_REP, ZMTP_SOCKET_ROUTER,
                                               ZMTP_SOCKET_PAIR};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        connect_client(h);
        GIVE(h, GREETING);
        EXPECT(h, GREETING);
        give_ready(h, types[i], "");
        EXPECT(h, "\4\x0a\5ERROR\003400");
        expect_closed(h, "has no place on a bus port");
        assert_true(logged(h, "connection 127.0.0.1:4 -> 127.0.0.1:5557"));
        assert_true(logged(h, "bus.listen.test"));
        assert_true(h->linger_ms > 0);
        hang_up(h);
        expect_no_command(h);
    }
}

static void on_a_queue_port_all_have_a_place_but_pair(void **state)
{
    hands_t *h = *state;
    for (zmtp_socket_type_t type = ZMTP_SOCKET_PUB; type < ZMTP_SOCKET_NONE; type++) {
        open_as(h, type);
        assert_text(expect_command(h, COMMAND_QUEUE_DECLARE)->request->name, "tasks");
        hang_up(h);
        end_of_engine(h);
    }
    connect_client(h);
    GIVE(h, GREETING);
    give_ready(h, ZMTP_SOCKET_PAIR, "");
    expect_closed(h, "a PAIR has no place on a queue port");
}

/* What may be right the next time is closed without a word: an ERROR would keep libzmq away for good. */
static void malformed_metadata_closes_without_a_word(void **state)
{
    hands_t *h = *state;
    connect_client(h);
    GIVE(h, GREETING);
    EXPECT(h, GREETING);
    GIVE(h, "\4\x0b\5READY\x0bSock");
    expect_closed(h, "malformed metadata");
    EXPECT(h, "");
}

static void only_the_mechanisms_commands_may_come_before_ready(void **state)
{
    hands_t *h = *state;
    static const struct {
        bytes_t octets;
        const char *why;
    } cases[] = {
        {BYTES("\0\1x"), "a message before READY"},
        {BYTES("\4\x0a\x09SUBSCRIBE"), "unexpected command 'SUBSCRIBE'"},
        {BYTES("\4\1\2"), "a malformed command"},
        {BYTES("\4\x0a\5ERROR\3abc"), "the peer says 'abc'"},
        {BYTES("\6\0\0\0\0\0\0\x40\1"), "a command over the limit"},
        {BYTES("\x0c\1"), "reserved flags"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        connect_client(h);
        GIVE(h, GREETING);
        EXPECT(h, GREETING);
        give(h, cases[i].octets);
        expect_closed(h, cases[i].why);
        EXPECT(h, "");
        hang_up(h);
    }
    expect_no_command(h);
}

static void another_mechanism_is_refused_behind_a_whole_greeting(void **state)
{
    hands_t *h = *state;
    connect_client(h);
    GIVE(h, GREETING_OF("\1", PLAIN_20));
    EXPECT(h, GREETING);
    expect_closed(h, "its mechanism is 'PLAIN'");
}

/* ---- NULL ---- */

static void far_away(hands_t *h)
{
    h->transport.loopback = false;
}

static void without_authentication_from_this_machine_only(void **state)
{
    hands_t *h = *state;
    connect_client(h);
    GIVE(h, GREETING);
    EXPECT(h, GREETING);
    give_ready(h, ZMTP_SOCKET_SUB, "");
    EXPECT(h, "\4\x0a\5ERROR\003400");
    expect_closed(h, "without authentication from this machine only");
    hang_up(h);
    h->bus.anonymous_anywhere = true;
    open_as(h, ZMTP_SOCKET_SUB);
}

/* ---- PLAIN ---- */

static void plain_port(hands_t *h)
{
    h->bus.mechanism = ZMTP_MECHANISM_PLAIN;
}

#define HELLO    "\4\x13\5HELLO\5guest\6secret"
#define PLAIN_UP GREETING_OF("\1", PLAIN_20)

static void plain_knows_the_brokers_users(void **state)
{
    hands_t *h = *state;
    for (h->cut = 0; h->cut < 2; h->cut++) {
        connect_client(h);
        GIVE(h, PLAIN_UP);
        EXPECT(h, PLAIN_UP);
        GIVE(h, HELLO);
        EXPECT(h, "\4\x08\7WELCOME");
        GIVE(h, "\4\x1d\x08INITIATE\x0bSocket-Type\0\0\0\4PUSH");
        expect_ready(h, ZMTP_SOCKET_PULL);
        expect_opening(h, "guest");
        GIVE(h, "\1\1k\0\1v");
        expect_property(expect_publish(h, "amq.events", "k"), PROPERTY_USER_ID, "guest");
        hang_up(h);
        end_of_engine(h);
    }
}

static void plain_refuses_a_wrong_password_for_good(void **state)
{
    hands_t *h = *state;
    connect_client(h);
    GIVE(h, PLAIN_UP);
    EXPECT(h, PLAIN_UP);
    GIVE(h, "\4\x12\5HELLO\5guest\5wrong");
    EXPECT(h, "\4\x0a\5ERROR\003400");
    expect_closed(h, "login of user 'guest' refused");
    expect_no_command(h);
}

static void plain_keeps_its_order(void **state)
{
    hands_t *h = *state;
    static const bytes_t wrong[] = {
        BYTES("\4\x1d\x08INITIATE\x0bSocket-Type\0\0\0\4PUSH"),
        BYTES(HELLO HELLO),
        BYTES("\4\x14\5HELLO\5guest\6secretx"),
        BYTES("\4\x06\5READY"),
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        connect_client(h);
        GIVE(h, PLAIN_UP);
        give(h, wrong[i]);
        assert_true(h->closed);
        hang_up(h);
    }
    expect_no_command(h);
}

/* ---- CURVE: its vectors are test_curve's; here it is the mechanism of a port ---- */

static void curve_port(hands_t *h)
{
    h->bus.mechanism = ZMTP_MECHANISM_CURVE;
}

static void a_box_that_does_not_open_closes(void **state)
{
    hands_t *h = *state;
    uint8_t hello[200] = "\5HELLO\1";
    connect_client(h);
    GIVE(h, GREETING_OF("\1", CURVE_20));
    EXPECT(h, GREETING_OF("\1", CURVE_20));
    GIVE(h, "\4\xc8");
    give(h, bytes_make(hello, sizeof hello));
    expect_closed(h, "HELLO does not open");
    EXPECT(h, "");
}

static void a_port_with_a_mechanism_takes_no_2_0(void **state)
{
    hands_t *h = *state;
    connect_client(h);
    GIVE(h, SIGNATURE "\1\2");
    expect_closed(h, "ZMTP 2.0, which has no mechanism");
    expect_no_command(h);
}

/* ---- 2.0 ---- */

static void a_2_0_peer_is_served(void **state)
{
    hands_t *h = *state;
    for (h->cut = 0; h->cut < 2; h->cut++) {
        connect_client(h);
        GIVE(h, SIGNATURE "\1\2\0\0");
        EXPECT(h, SIGNATURE "\3\x09\0\0"); /* XPUB */
        expect_opening(h, "guest");
        assert_int_equal(expect_command(h, COMMAND_SUBSCRIBER)->type, COMMAND_SUBSCRIBER);
        GIVE(h, "\0\3\1ev");
        assert_text(expect_command(h, COMMAND_SUBSCRIBE)->request->routing_key, "ev");
        GIVE(h, "\4\1\0");
        expect_closed(h, "a command over ZMTP 2.0");
        hang_up(h);
        end_of_engine(h);
    }
}

static void a_2_0_identity_is_a_name(void **state)
{
    hands_t *h = *state;
    connect_client(h);
    GIVE(h, SIGNATURE "\1\5\0\3bob"); /* DEALER */
    expect_opening(h, "guest");
    (void)expect_command(h, COMMAND_QOS);
    give_message(h, FRAMES("7", "", "k", "v"));
    expect_property(expect_publish(h, "amq.events", "k"), PROPERTY_MESSAGE_ID, "bob:7");
    hang_up(h);
    end_of_engine(h);
    connect_client(h);
    GIVE(h, SIGNATURE "\1\5\0\3\0ob");
    expect_closed(h, "identity");
    hang_up(h);
    connect_client(h);
    GIVE(h, SIGNATURE "\1\x07\0\0");
    expect_closed(h, "a PULL has no place");
}

/* ---- names ---- */

static void expect_identity(hands_t *h, bytes_t identity)
{
    command_t *c = next_command(h);
    assert_int_equal(c->type, COMMAND_CONNECTION_OPEN);
    assert_octets(c->opening->identity, identity);
    (void)expect_command(h, COMMAND_CHANNEL_OPEN);
    (void)expect_command(h, COMMAND_QOS);
    hang_up(h);
    end_of_engine(h);
}

static void a_name_is_of_one_user_on_one_port(void **state)
{
    hands_t *h = *state;
    h->bus.name = "bus.listen.a";
    connect_client(h);
    GIVE(h, GREETING);
    give_ready(h, ZMTP_SOCKET_DEALER, "bob");
    expect_identity(h, BYTES("bus.listen.a\0guest\0bob"));
}

static void who_has_no_name_has_no_identity(void **state)
{
    hands_t *h = *state;
    connect_client(h);
    GIVE(h, GREETING);
    give_ready(h, ZMTP_SOCKET_DEALER, "");
    expect_identity(h, BYTES(""));
}

/* ---- time and number ---- */

static void a_handshake_has_its_time(void **state)
{
    hands_t *h = *state;
    connect_client(h);
    GIVE(h, "\xff");
    at(h, 10999);
    assert_false(h->closed);
    at(h, 11000);
    expect_closed(h, "the handshake took too long");
}

static void a_health_check_is_no_line(void **state)
{
    hands_t *h = *state;
    connect_client(h);
    hang_up(h);
    connect_client(h);
    at(h, 20000);
    assert_true(h->closed);
    assert_int_equal(h->lines.len, 0);
}

static void few_handshakes(hands_t *h)
{
    h->options.handshakes_most = 2;
}

static void unfinished_handshakes_are_bounded(void **state)
{
    hands_t *h = *state;
    session_t *sessions[2];
    for (int i = 0; i < 2; i++) {
        connect_client(h);
        sessions[i] = h->session;
    }
    assert_null(zmtp_session_accepted(h->io, &h->bus, &h->transport));
    assert_null(zmtp_session_accepted(h->io, &h->bus, &h->transport));
    assert_true(logged(h, "2 handshakes are unfinished"));
    sessions[0]->kind->ended(sessions[0], "closed by peer");
    open_as(h, ZMTP_SOCKET_PUSH); /* one place, and one again */
    sessions[0] = h->session;
    connect_client(h);
    assert_null(zmtp_session_accepted(h->io, &h->bus, &h->transport));
    sessions[1]->kind->ended(sessions[1], "closed by peer");
    sessions[0]->kind->ended(sessions[0], "closed by peer");
}

/* ---- dialling ---- */

static void we_dial(hands_t *h)
{
    h->bus.dial_as = ZMTP_SOCKET_SUB;
    h->bus.dial_prefix = "press.";
    h->bus.plain_user = "me";
    h->bus.plain_password = "pw";
}

static void dialling_we_speak_first(void **state)
{
    hands_t *h = *state;
    for (h->cut = 0; h->cut < 2; h->cut++) {
        dial(h);
        EXPECT(h, SIGNATURE);
        GIVE(h, GREETING);
        EXPECT(h, "\3\1" NULL_20 ZEROS_32 "\4\x19\5READY\x0bSocket-Type\0\0\0\3SUB");
        give_ready(h, ZMTP_SOCKET_PUB, "");
        EXPECT(h, "\4\x10\x09SUBSCRIBEpress.");
        expect_opening(h, "guest");
        GIVE(h, "\1\7press.x\0\1v");
        (void)expect_publish(h, "amq.events", "press.x");
        hang_up(h);
        end_of_engine(h);
        assert_false(h->for_good);
    }
    assert_int_equal(h->overs, 2);
}

static void dialling_what_does_not_fit_is_for_good(void **state)
{
    hands_t *h = *state;
    dial(h);
    GIVE(h, GREETING);
    give_ready(h, ZMTP_SOCKET_PUSH, "");
    expect_closed(h, "a PUSH is no peer of a SUB");
    hang_up(h);
    assert_true(h->for_good);
    dial(h);
    GIVE(h, GREETING_OF("\1", PLAIN_20));
    assert_true(h->closed);
    hang_up(h);
    assert_true(h->for_good);
    dial(h);
    hang_up(h);
    assert_false(h->for_good);
    assert_int_equal(h->overs, 3);
}

static void dialling_by_plain(void **state)
{
    hands_t *h = *state;
    h->bus.mechanism = ZMTP_MECHANISM_PLAIN;
    dial(h);
    EXPECT(h, SIGNATURE);
    GIVE(h, PLAIN_UP);
    EXPECT(h, "\3\1" PLAIN_20 ZEROS_32 "\4\x0c\5HELLO\2me\2pw");
    GIVE(h, "\4\x08\7WELCOME");
    EXPECT(h, "\4\x1c\x08INITIATE\x0bSocket-Type\0\0\0\3SUB");
    give_ready(h, ZMTP_SOCKET_XPUB, "");
    EXPECT(h, "\4\x10\x09SUBSCRIBEpress.");
    hang_up(h);
    expect_opening(h, "guest");
}

/* ---- the end of the daemon ---- */

static void a_shutdown_ends_what_has_opened_nothing(void **state)
{
    hands_t *h = *state;
    connect_client(h);
    h->session->kind->shutdown(h->session);
    assert_true(h->closed);
    hang_up(h);
    open_as(h, ZMTP_SOCKET_PUSH);
    h->session->kind->shutdown(h->session);
    assert_false(h->closed);
    tell(h, (event_t){.type = EVENT_CONNECTION_CLOSED,
                      .refusal = refusal_new(REFUSAL_CONNECTION_FORCED, 0, "shutdown")});
    expect_closed(h, "info: connection 127.0.0.1:4 -> 127.0.0.1:5557, user 'guest': closed by us, 320");
}

static void a_refusal_of_the_engine_is_a_line_and_a_closed_socket(void **state)
{
    hands_t *h = *state;
    open_as(h, ZMTP_SOCKET_PUSH);
    GIVE(h, "\1\1k\0\1v");
    (void)expect_publish(h, "amq.events", "k");
    tell(h, (event_t){.type = EVENT_CHANNEL_REFUSED, .refusal = refusal_new(404, 0, "no exchange")});
    expect_closed(h, "404 NOT_FOUND - no exchange");
    assert_int_equal(expect_command(h, COMMAND_CONNECTION_CLOSE)->flags, COMMAND_GONE);
    GIVE(h, "\1\1k\0\1v");
    expect_no_command(h);
}

#define WITH(change)                                                                                         \
    static int set_up_##change(void **state)                                                                 \
    {                                                                                                        \
        *state = hands_new(64, change);                                                                      \
        return 0;                                                                                            \
    }
WITH(far_away)
WITH(plain_port)
WITH(curve_port)
WITH(few_handshakes)
WITH(we_dial)
#define IN(change, f) cmocka_unit_test_setup_teardown(f, set_up_##change, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(each_piece_of_the_greeting_answers_one),
        CASE(noise_closes),
        CASE(every_type_is_answered_octet_by_octet),
        CASE(what_has_no_place_is_refused_for_good),
        QUEUE_CASE(on_a_queue_port_all_have_a_place_but_pair),
        CASE(malformed_metadata_closes_without_a_word),
        CASE(only_the_mechanisms_commands_may_come_before_ready),
        CASE(another_mechanism_is_refused_behind_a_whole_greeting),
        IN(far_away, without_authentication_from_this_machine_only),
        IN(plain_port, plain_knows_the_brokers_users),
        IN(plain_port, plain_refuses_a_wrong_password_for_good),
        IN(plain_port, plain_keeps_its_order),
        IN(plain_port, a_port_with_a_mechanism_takes_no_2_0),
        IN(curve_port, a_port_with_a_mechanism_takes_no_2_0),
        IN(curve_port, a_box_that_does_not_open_closes),
        CASE(a_2_0_peer_is_served),
        CASE(a_2_0_identity_is_a_name),
        CASE(a_name_is_of_one_user_on_one_port),
        CASE(who_has_no_name_has_no_identity),
        CASE(a_handshake_has_its_time),
        CASE(a_health_check_is_no_line),
        IN(few_handshakes, unfinished_handshakes_are_bounded),
        IN(we_dial, dialling_we_speak_first),
        IN(we_dial, dialling_what_does_not_fit_is_for_good),
        IN(we_dial, dialling_by_plain),
        CASE(a_shutdown_ends_what_has_opened_nothing),
        CASE(a_refusal_of_the_engine_is_a_line_and_a_closed_socket),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
