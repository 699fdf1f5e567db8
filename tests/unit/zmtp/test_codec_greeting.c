/* SPDX-License-Identifier: Apache-2.0
 *
 * test_codec_greeting.c: greetings as they were seen, at each of their octets, and two sides that wait for each
 * other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "test_codec.h"
#include "vectors.h"

/* Decodes the first `len` octets in a block of their own; the name it points to is gone then. */
static zmtp_result_t decode_prefix(bytes_t octets, size_t len, zmtp_greeting_t *out)
{
    uint8_t *block;
    zmtp_result_t result = zmtp_greeting_decode(exactly(bytes_make(octets.data, len), &block), out);
    free(block);
    return result;
}

static zmtp_result_t decode(const char *hex, zmtp_greeting_t *out)
{
    buffer_t octets = from_hex(hex);
    zmtp_result_t result = decode_prefix(buffer_bytes(&octets), octets.len, out);
    buffer_free(&octets);
    return result;
}

/* ---- reading ---- */

static zmtp_greeting_stage_t stage_after(size_t len, size_t whole)
{
    if (len == 0)
        return ZMTP_GREETING_AWAITED;
    if (len < 10)
        return ZMTP_GREETING_BEGUN;
    if (len < 11)
        return ZMTP_GREETING_SIGNED;
    return len < whole ? ZMTP_GREETING_VERSIONED : ZMTP_GREETING_WHOLE;
}

static void check_stages(const char *hex, size_t whole)
{
    buffer_t octets = from_hex(hex);
    write_hex(&octets, "00 00 04 02"); /* what follows changes nothing */
    for (size_t len = 0; len <= octets.len; len++) {
        zmtp_greeting_t g;
        assert_int_equal(decode_prefix(buffer_bytes(&octets), len, &g),
                         len < whole ? ZMTP_INCOMPLETE : ZMTP_DECODED);
        assert_int_equal(g.stage, stage_after(len, whole));
        assert_int_equal(g.bytes, len < whole ? 0 : whole);
    }
    buffer_free(&octets);
}

static void each_octet_says_what_it_can(void **state)
{
    (void)state;
    check_stages(GREETING_NULL, 64);
    check_stages(GREETING_BOB, 64);
    check_stages(GREETING_PLAIN, 64);
    check_stages(GREETING_CURVE, 64);
    check_stages(GREETING_SUB_2, 12);
    check_stages(GREETING_REQ_2, 12);
}

static void check_greeting(const char *hex, zmtp_version_t version, zmtp_mechanism_t mechanism,
                           zmtp_socket_type_t socket_type)
{
    zmtp_greeting_t g;
    assert_int_equal(decode(hex, &g), ZMTP_DECODED);
    assert_int_equal(g.version, version);
    assert_int_equal(g.mechanism, mechanism);
    assert_int_equal(g.socket_type, socket_type);
}

static void greetings_are_read_as_they_were_seen(void **state)
{
    (void)state;
    check_greeting(GREETING_NULL, ZMTP_3_1, ZMTP_MECHANISM_NULL, ZMTP_SOCKET_NONE);
    check_greeting(GREETING_BOB, ZMTP_3_1, ZMTP_MECHANISM_NULL, ZMTP_SOCKET_NONE);
    check_greeting(GREETING_PLAIN, ZMTP_3_1, ZMTP_MECHANISM_PLAIN, ZMTP_SOCKET_NONE);
    check_greeting(GREETING_CURVE, ZMTP_3_1, ZMTP_MECHANISM_CURVE, ZMTP_SOCKET_NONE);
    check_greeting(GREETING_SUB_2, ZMTP_2_0, ZMTP_MECHANISM_NULL, ZMTP_SOCKET_SUB);
    check_greeting(GREETING_REQ_2, ZMTP_2_0, ZMTP_MECHANISM_NULL, ZMTP_SOCKET_REQ);
}

static void padding_as_server_and_filler_mean_nothing(void **state)
{
    (void)state;
    check_greeting("ff 0102030405060708 01 03 01" NULL_20 " 01 ff*31", ZMTP_3_1, ZMTP_MECHANISM_NULL,
                   ZMTP_SOCKET_NONE);
    check_greeting("ff ff*8 ff 03 00" NULL_20 " 02 00*31", ZMTP_3_0, ZMTP_MECHANISM_NULL, ZMTP_SOCKET_NONE);
}

static void the_first_octet_tells_zmtp_from_the_rest(void **state)
{
    (void)state;
    for (unsigned first = 0; first < 0xff; first++) {
        zmtp_greeting_t g;
        uint8_t octet = (uint8_t)first;
        assert_int_equal(zmtp_greeting_decode(bytes_make(&octet, 1), &g), ZMTP_REFUSED_NOT_ZMTP);
        assert_int_equal(g.stage, ZMTP_GREETING_AWAITED);
    }
}

static void zmtp_1_0_with_a_long_length_is_refused_at_octet_nine(void **state)
{
    (void)state;
    zmtp_greeting_t g;
    buffer_t octets = from_hex("ff 00*6 0100 00 00*300");
    for (size_t len = 0; len < octets.len; len++)
        assert_int_equal(decode_prefix(buffer_bytes(&octets), len, &g),
                         len < 10 ? ZMTP_INCOMPLETE : ZMTP_REFUSED_NOT_ZMTP);
    buffer_free(&octets);
}

static void versions_are_those_of_the_peer_but_not_above_ours(void **state)
{
    (void)state;
    buffer_t octets = from_hex(GREETING_NULL);
    for (unsigned major = 0; major < 256; major++) {
        for (unsigned minor = 0; minor < 11; minor++) {
            zmtp_greeting_t g;
            octets.data[10] = (uint8_t)major, octets.data[11] = (uint8_t)minor;
            assert_int_equal(decode_prefix(buffer_bytes(&octets), octets.len, &g), ZMTP_DECODED);
            assert_int_equal(g.version, major < 3                  ? ZMTP_2_0
                                        : major == 3 && minor == 0 ? ZMTP_3_0
                                                                   : ZMTP_3_1);
            assert_int_equal(g.major, major);
            assert_int_equal(g.minor, major < 3 ? 0 : minor);
            assert_int_equal(g.bytes, major < 3 ? 12 : 64);
        }
    }
    buffer_free(&octets);
}

static void a_2_0_peer_names_its_type_by_a_number(void **state)
{
    (void)state;
    buffer_t octets = from_hex(GREETING_SUB_2);
    for (unsigned number = 0; number < 256; number++) {
        zmtp_greeting_t g;
        octets.data[11] = (uint8_t)number;
        zmtp_result_t result = decode_prefix(buffer_bytes(&octets), octets.len, &g);
        assert_int_equal(result, number <= 10 ? ZMTP_DECODED : ZMTP_REFUSED_SOCKET_TYPE_UNKNOWN);
        assert_int_equal(g.socket_type, number <= 10 ? number : ZMTP_SOCKET_NONE);
    }
    buffer_free(&octets);
}

static void check_mechanism(const char *field, zmtp_mechanism_t mechanism, bytes_t name)
{
    buffer_t octets = from_hex("ff 00*7 01 7f 03 01");
    write_hex(&octets, field);
    write_hex(&octets, ZEROS_32);
    zmtp_greeting_t g;
    assert_int_equal(zmtp_greeting_decode(buffer_bytes(&octets), &g), ZMTP_DECODED);
    assert_int_equal(g.mechanism, mechanism);
    assert_octets(g.mechanism_name, name);
    buffer_free(&octets);
}

static void mechanisms_are_compared_octet_for_octet(void **state)
{
    (void)state;
    check_mechanism(NULL_20, ZMTP_MECHANISM_NULL, BYTES("NULL"));
    check_mechanism(PLAIN_20, ZMTP_MECHANISM_PLAIN, BYTES("PLAIN"));
    check_mechanism("4355525645 00*15", ZMTP_MECHANISM_CURVE, BYTES("CURVE"));
    check_mechanism("4e554c4c 00*15 01", ZMTP_MECHANISM_UNKNOWN, BYTES("NULL"));
    check_mechanism("4e554c4c 20 00*15", ZMTP_MECHANISM_UNKNOWN, BYTES("NULL "));
    check_mechanism("6e756c6c 00*16", ZMTP_MECHANISM_UNKNOWN, BYTES("null"));
    check_mechanism("4e554c 00*17", ZMTP_MECHANISM_UNKNOWN, BYTES("NUL"));
    check_mechanism("475353415049 00*14", ZMTP_MECHANISM_UNKNOWN, BYTES("GSSAPI"));
    check_mechanism("00*20", ZMTP_MECHANISM_UNKNOWN, BYTES(""));
    check_mechanism("41*20", ZMTP_MECHANISM_UNKNOWN, BYTES("AAAAAAAAAAAAAAAAAAAA"));
}

/* ---- answering ---- */

/* How many octets of our greeting are out when so many of a 3.x peer's have come. */
static size_t out_after(size_t peers)
{
    return peers == 0 ? 0 : peers < 10 ? 10 : peers < 11 ? 11 : 64;
}

/* `cut` octets come at once, the others one by one. */
static void check_answer(const char *peers_hex, zmtp_mechanism_t ours, const char *ours_hex, size_t cut)
{
    buffer_t peer = from_hex(peers_hex), b = {0};
    zmtp_greeting_stage_t answered = ZMTP_GREETING_AWAITED;
    for (size_t len = cut; len <= peer.len; len++) {
        zmtp_greeting_t g;
        (void)decode_prefix(buffer_bytes(&peer), len, &g);
        zmtp_greeting_answer(&b, answered, &g, ours);
        answered = g.stage;
        assert_int_equal(b.len, out_after(len));
    }
    assert_written(&b, ours_hex);
    buffer_free(&peer);
}

static void each_piece_is_answered_with_what_it_waits_for(void **state)
{
    (void)state;
    for (size_t cut = 0; cut <= 64; cut++) {
        check_answer(GREETING_NULL, ZMTP_MECHANISM_NULL, GREETING_NULL, cut);
        check_answer(GREETING_BOB, ZMTP_MECHANISM_PLAIN, GREETING_PLAIN, cut);
        check_answer(GREETING_PLAIN, ZMTP_MECHANISM_CURVE, GREETING_CURVE, cut);
    }
}

static void a_2_0_peer_gets_signature_major_type_and_identity(void **state)
{
    (void)state;
    buffer_t peer = from_hex(GREETING_SUB_2), b = {0};
    zmtp_greeting_stage_t answered = ZMTP_GREETING_AWAITED;
    for (size_t len = 0; len <= peer.len; len++) {
        zmtp_greeting_t g;
        (void)decode_prefix(buffer_bytes(&peer), len, &g);
        zmtp_greeting_answer(&b, answered, &g, ZMTP_MECHANISM_NULL);
        answered = g.stage;
        assert_int_equal(b.len, len == 0 ? 0 : len < 10 ? 10 : 11);
    }
    zmtp_write_greeting_2_0(&b, zmtp_socket_type_answer(ZMTP_SOCKET_SUB));
    assert_written(&b, "ff 00*7 01 7f 03 09 0000");
    buffer_free(&peer);
}

static void a_2_0_req_is_answered_as_a_router(void **state)
{
    (void)state;
    buffer_t b = {0};
    zmtp_write_greeting_2_0(&b, zmtp_socket_type_answer(ZMTP_SOCKET_REQ));
    assert_written(&b, "06 0000");
}

/* A side that sends what it may and no more. */
typedef struct side {
    buffer_t out, in;
    zmtp_greeting_stage_t answered;
    zmtp_greeting_t peer;
    zmtp_result_t result;
} side_t;

/* Our own turn: at most `most` octets arrive. */
static void our_turn(side_t *us, const side_t *other, size_t most)
{
    size_t more = other->out.len - us->in.len;
    write_bytes(&us->in, bytes_make(other->out.data + us->in.len, more < most ? more : most));
    us->result = zmtp_greeting_decode(buffer_bytes(&us->in), &us->peer);
    zmtp_greeting_answer(&us->out, us->answered, &us->peer, ZMTP_MECHANISM_NULL);
    if (us->answered < us->peer.stage)
        us->answered = us->peer.stage;
}

/* libzmq 4.3: 10 octets unprompted, the major after our 10, the rest after our 11. */
static void turn_of_libzmq(side_t *them, const side_t *us, bytes_t greeting)
{
    size_t len = us->out.len < 10 ? 10 : us->out.len < 11 ? 11 : greeting.len;
    if (them->out.len < len)
        write_bytes(&them->out, bytes_make(greeting.data + them->out.len, len - them->out.len));
}

static void side_free(side_t *s)
{
    buffer_free(&s->in);
    buffer_free(&s->out);
}

static void a_peer_that_waits_at_each_step_is_not_left_waiting(void **state)
{
    (void)state;
    buffer_t theirs = from_hex(GREETING_BOB);
    for (size_t most = 1; most <= 64; most++) {
        side_t us = {0}, them = {0};
        for (int turn = 0; turn < 70; turn++) {
            turn_of_libzmq(&them, &us, buffer_bytes(&theirs));
            our_turn(&us, &them, most);
        }
        assert_int_equal(us.result, ZMTP_DECODED);
        assert_int_equal(us.out.len, 64);
        side_free(&us), side_free(&them);
    }
    buffer_free(&theirs);
}

static void who_dials_speaks_first(void **state)
{
    (void)state;
    for (size_t most = 1; most <= 64; most++) {
        side_t dials = {.answered = ZMTP_GREETING_BEGUN}, listens = {0};
        zmtp_write_signature(&dials.out);
        for (int turn = 0; turn < 140; turn++) {
            our_turn(&listens, &dials, most);
            our_turn(&dials, &listens, most);
        }
        assert_int_equal(dials.result, ZMTP_DECODED);
        assert_int_equal(listens.result, ZMTP_DECODED);
        assert_octets(buffer_bytes(&dials.out), buffer_bytes(&listens.out));
        side_free(&dials), side_free(&listens);
    }
}

static void write_all(buffer_t *b)
{
    zmtp_greeting_t peer = {.stage = ZMTP_GREETING_WHOLE, .major = 3};
    zmtp_greeting_answer(b, ZMTP_GREETING_AWAITED, &peer, ZMTP_MECHANISM_CURVE);
}

static void a_full_buffer_fails(void **state)
{
    (void)state;
    assert_fails_when_full(write_all, 64);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_octet_says_what_it_can),
        cmocka_unit_test(greetings_are_read_as_they_were_seen),
        cmocka_unit_test(padding_as_server_and_filler_mean_nothing),
        cmocka_unit_test(the_first_octet_tells_zmtp_from_the_rest),
        cmocka_unit_test(zmtp_1_0_with_a_long_length_is_refused_at_octet_nine),
        cmocka_unit_test(versions_are_those_of_the_peer_but_not_above_ours),
        cmocka_unit_test(a_2_0_peer_names_its_type_by_a_number),
        cmocka_unit_test(mechanisms_are_compared_octet_for_octet),
        cmocka_unit_test(each_piece_is_answered_with_what_it_waits_for),
        cmocka_unit_test(a_2_0_peer_gets_signature_major_type_and_identity),
        cmocka_unit_test(a_2_0_req_is_answered_as_a_router),
        cmocka_unit_test(a_peer_that_waits_at_each_step_is_not_left_waiting),
        cmocka_unit_test(who_dials_speaks_first),
        cmocka_unit_test(a_full_buffer_fails),
    };
    return cmocka_run_group_tests_name("zmtp codec: greeting", tests, NULL, NULL);
}
