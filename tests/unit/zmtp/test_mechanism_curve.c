/* SPDX-License-Identifier: Apache-2.0
 *
 * test_mechanism_curve.c: the handshake by CURVE: who comes in, as whom, and what the others are told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "curve_world.h"
#include "zmtp/mechanism.h"

static const zmtp_mechanism_ops_t *const ops = &zmtp_mechanism_curve;

/* One side of a connection; what it sends next stands in `out`. */
typedef struct side {
    zmtp_bus_t bus;
    zmtp_handshake_t handshake;
    buffer_t out;
} side_t;

typedef struct world {
    dice_t dice;
    zmtp_options_t options;
    zmtp_curve_user_t users[2];
    side_t server, client;
} world_t;

static void begin_side(world_t *w, side_t *s, bool dialled)
{
    s->handshake = (zmtp_handshake_t){.bus = &s->bus, .options = &w->options, .dialled = dialled};
    s->handshake.version = ZMTP_3_1;
    s->handshake.ours = dialled ? s->bus.dial_as : ZMTP_SOCKET_NONE;
    s->handshake.peer = ZMTP_SOCKET_NONE;
    ops->begin(&s->handshake, &s->out);
}

static int setup(void **state)
{
    world_t *w = calloc(1, sizeof *w);
    zmtp_options_default(&w->options);
    w->options.random = dice_source(&w->dice);
    bus_init(&w->server.bus);
    dialling_bus_init(&w->client.bus);
    w->client.bus.user = "press";
    strcpy(w->users[0].user, "anna");
    key_from_hex(w->users[0].key, CURVE_CLIENT);
    strcpy(w->users[1].user, "bob");
    memcpy(w->users[1].key, w->client.bus.public_key, ZMTP_CURVE_KEY_BYTES);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    world_t *w = *state;
    ops->end(&w->server.handshake);
    ops->end(&w->client.handshake);
    buffer_free(&w->server.out);
    buffer_free(&w->client.out);
    buffer_free(&w->dice.octets);
    free(w);
    return 0;
}

static void begin(world_t *w)
{
    begin_side(w, &w->server, false);
    begin_side(w, &w->client, true);
}

/* Gives `to` the one frame that `from` sent. */
static zmtp_step_t pass(side_t *from, side_t *to)
{
    zmtp_command_t command = command_of(&from->out);
    buffer_clear(&to->out);
    zmtp_step_t step = ops->command(&to->handshake, &command, &to->out);
    buffer_clear(&from->out);
    return step;
}

/* Up to INITIATE, which is on its way. */
static void shake_half(world_t *w)
{
    begin(w);
    assert_int_equal(w->server.out.len, 0); /* it listens */
    assert_int_equal(pass(&w->client, &w->server), ZMTP_STEP_MORE);
    assert_int_equal(pass(&w->server, &w->client), ZMTP_STEP_MORE);
}

static zmtp_step_t take_hex(side_t *s, const char *frame)
{
    buffer_t b = from_hex(frame);
    zmtp_command_t command = command_of(&b);
    zmtp_step_t step = ops->command(&s->handshake, &command, &s->out);
    buffer_free(&b);
    return step;
}

/* ---- who comes in ---- */

static void a_libzmq_client_of_the_list_comes_in_as_its_user(void **state)
{
    world_t *w = *state;
    write_hex(&w->dice.octets, CURVE_DRAWN);
    w->server.bus.curve_users = w->users;
    w->server.bus.curve_user_count = 2;
    begin_side(w, &w->server, false);
    assert_int_equal(take_hex(&w->server, CURVE_HELLO), ZMTP_STEP_MORE);
    assert_int_equal(take_hex(&w->server, CURVE_INITIATE), ZMTP_STEP_DONE);
    assert_written(&w->server.out, CURVE_WELCOME CURVE_READY);
    w->server.out = (buffer_t){0};
    assert_string_equal(w->server.handshake.user, "anna");
    assert_int_equal(w->server.handshake.peer, ZMTP_SOCKET_SUB);
    assert_int_equal(w->server.handshake.ours, ZMTP_SOCKET_XPUB);
}

static void our_client_comes_in_and_both_can_talk(void **state)
{
    world_t *w = *state;
    buffer_t frame = {0}, plain = {0};
    uint8_t flags;
    w->server.bus.curve_users = w->users;
    w->server.bus.curve_user_count = 2;
    shake_half(w);
    assert_int_equal(pass(&w->client, &w->server), ZMTP_STEP_DONE);
    assert_int_equal(pass(&w->server, &w->client), ZMTP_STEP_DONE);
    assert_string_equal(w->server.handshake.user, "bob");
    assert_string_equal(w->client.handshake.user, "press");
    assert_int_equal(w->client.handshake.peer, ZMTP_SOCKET_XPUB);
    zmtp_curve_seal(w->client.handshake.curve, ZMTP_COMMAND, BYTES("\x09SUBSCRIBE"), &frame);
    assert_true(zmtp_curve_open(w->server.handshake.curve, body_of(&frame, 0), &plain, &flags));
    assert_int_equal(flags, ZMTP_COMMAND);
    assert_octets(buffer_bytes(&plain), BYTES("\x09SUBSCRIBE"));
    buffer_free(&frame);
    buffer_free(&plain);
}

static void without_a_list_any_key_is_the_ports_user(void **state)
{
    world_t *w = *state;
    shake_half(w);
    assert_int_equal(pass(&w->client, &w->server), ZMTP_STEP_DONE);
    assert_string_equal(w->server.handshake.user, "guest");
}

/* ---- who does not ---- */

static void assert_told_to_stay_away(world_t *w, const char *why)
{
    assert_int_equal(pass(&w->client, &w->server), ZMTP_STEP_REFUSED);
    assert_true(w->server.handshake.for_good);
    assert_string_equal(w->server.handshake.why, why);
    buffer_t error = from_hex("040a 05 4552524f52 03 343030");
    assert_octets(buffer_bytes(&w->server.out), buffer_bytes(&error));
    assert_int_equal(pass(&w->server, &w->client), ZMTP_STEP_REFUSED);
    assert_true(w->client.handshake.for_good);
    assert_string_equal(w->client.handshake.why, "the peer says '400'");
    buffer_free(&error);
}

static void a_key_that_is_not_in_the_list_is_told_to_stay_away(void **state)
{
    world_t *w = *state;
    w->server.bus.curve_users = w->users;
    w->server.bus.curve_user_count = 1;
    shake_half(w);
    assert_told_to_stay_away(w, "the key 6tvoc(HC7#@wdNNOb^NDFZFM!FHzZ>-=Q*4F9zq% is not among the clients'");
}

static void an_empty_list_lets_nobody_in(void **state)
{
    world_t *w = *state;
    w->server.bus.curve_users = w->users;
    shake_half(w);
    assert_int_equal(pass(&w->client, &w->server), ZMTP_STEP_REFUSED);
    assert_true(w->server.handshake.for_good && w->server.handshake.user[0] == '\0');
}

static void a_type_that_has_no_place_is_told_to_stay_away(void **state)
{
    world_t *w = *state;
    w->client.bus.dial_as = ZMTP_SOCKET_PULL;
    shake_half(w);
    assert_told_to_stay_away(w, "a PULL has no place on a bus port");
}

static void assert_closed_without_a_word(side_t *s, const char *why)
{
    assert_false(s->handshake.for_good);
    assert_string_equal(s->handshake.why, why);
    assert_int_equal(s->out.len, 0);
}

static void what_does_not_open_is_not_answered(void **state)
{
    world_t *w = *state;
    begin(w);
    w->client.out.data[w->client.out.len - 1] ^= 1;
    assert_int_equal(pass(&w->client, &w->server), ZMTP_STEP_REFUSED);
    assert_closed_without_a_word(&w->server,
                                 "HELLO does not open: another server's key, or altered on its way");
}

static void an_initiate_that_does_not_open_is_not_answered(void **state)
{
    world_t *w = *state;
    shake_half(w);
    w->client.out.data[w->client.out.len - 1] ^= 1;
    assert_int_equal(pass(&w->client, &w->server), ZMTP_STEP_REFUSED);
    assert_closed_without_a_word(&w->server,
                                 "INITIATE does not open: another server's key, or altered on its way");
}

static void a_server_with_another_key_is_left(void **state)
{
    world_t *w = *state;
    begin(w);
    assert_int_equal(pass(&w->client, &w->server), ZMTP_STEP_MORE);
    w->server.out.data[w->server.out.len - 1] ^= 1;
    assert_int_equal(pass(&w->server, &w->client), ZMTP_STEP_REFUSED);
    assert_closed_without_a_word(&w->client,
                                 "WELCOME does not open: another server's key, or altered on its way");
}

static void a_command_out_of_turn_is_refused(void **state)
{
    world_t *w = *state;
    static const char *const early[] = {CURVE_INITIATE, CURVE_WELCOME, CURVE_READY, "04 08 07 4d455353414745",
                                        "04 06 05 5245414459"};
    begin(w);
    for (size_t i = 0; i < sizeof early / sizeof early[0]; i++) {
        assert_int_equal(take_hex(&w->server, early[i]), ZMTP_STEP_REFUSED);
        assert_false(w->server.handshake.for_good);
        assert_int_equal(w->server.out.len, 0);
    }
    assert_int_equal(take_hex(&w->client, CURVE_READY), ZMTP_STEP_REFUSED);
    assert_string_equal(w->client.handshake.why, "unexpected command 'READY'");
}

static void a_second_hello_is_refused(void **state)
{
    world_t *w = *state;
    begin_side(w, &w->server, false);
    assert_int_equal(take_hex(&w->server, CURVE_HELLO), ZMTP_STEP_MORE);
    assert_int_equal(take_hex(&w->server, CURVE_HELLO), ZMTP_STEP_REFUSED);
    assert_string_equal(w->server.handshake.why, "unexpected command 'HELLO'");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_libzmq_client_of_the_list_comes_in_as_its_user),
        TEST(our_client_comes_in_and_both_can_talk),
        TEST(without_a_list_any_key_is_the_ports_user),
        TEST(a_key_that_is_not_in_the_list_is_told_to_stay_away),
        TEST(an_empty_list_lets_nobody_in),
        TEST(a_type_that_has_no_place_is_told_to_stay_away),
        TEST(what_does_not_open_is_not_answered),
        TEST(an_initiate_that_does_not_open_is_not_answered),
        TEST(a_server_with_another_key_is_left),
        TEST(a_command_out_of_turn_is_refused),
        TEST(a_second_hello_is_refused),
    };
    return cmocka_run_group_tests_name("zmtp mechanism curve", tests, NULL, NULL);
}
