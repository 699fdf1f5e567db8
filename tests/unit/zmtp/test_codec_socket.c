/* SPDX-License-Identifier: Apache-2.0
 *
 * test_codec_socket.c: the table of socket types. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "test_codec.h"

#define TYPES ((unsigned)ZMTP_SOCKET_NONE)

static const char *const names[] = {"PAIR",   "PUB",  "SUB",  "REQ",  "REP", "DEALER",
                                    "ROUTER", "PULL", "PUSH", "XPUB", "XSUB"};

static void numbers_are_those_of_2_0(void **state)
{
    (void)state;
    assert_int_equal(TYPES, 11);
    for (unsigned n = 0; n < 256; n++) {
        zmtp_socket_type_t type = zmtp_socket_type_of_number((uint8_t)n);
        assert_int_equal(type, n < TYPES ? n : ZMTP_SOCKET_NONE);
        if (n < TYPES)
            assert_string_equal(zmtp_socket_type_name(type), names[n]);
    }
}

static void names_are_exact(void **state)
{
    (void)state;
    for (unsigned n = 0; n < TYPES; n++)
        assert_int_equal(zmtp_socket_type_find(bytes_string(names[n])), n);
    const bytes_t unknown[] = {BYTES(""),      BYTES("sub"),  BYTES("SU"),     BYTES("SUBS"),
                               BYTES("SUB\0"), BYTES("NONE"), BYTES("CLIENT"), BYTES("STREAM")};
    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++)
        assert_int_equal(zmtp_socket_type_find(unknown[i]), ZMTP_SOCKET_NONE);
}

/* Rows and columns in the order of the numbers. */
static void legal_pairs_are_those_of_the_paper(void **state)
{
    (void)state;
    static const char *const legal[] = {
        "*..........", /* PAIR */
        "..*.......*", /* PUB */
        ".*.......*.", /* SUB */
        "....*.*....", /* REQ */
        "...*.*.....", /* REP */
        "....***....", /* DEALER */
        "...*.**....", /* ROUTER */
        "........*..", /* PULL */
        ".......*...", /* PUSH */
        "..*.......*", /* XPUB */
        ".*.......*.", /* XSUB */
    };
    for (unsigned a = 0; a < TYPES; a++) {
        for (unsigned b = 0; b < TYPES; b++) {
            assert_int_equal(zmtp_socket_types_match(a, b), legal[a][b] == '*');
            assert_int_equal(zmtp_socket_types_match(a, b), zmtp_socket_types_match(b, a));
        }
        assert_false(zmtp_socket_types_match(a, ZMTP_SOCKET_NONE));
        assert_false(zmtp_socket_types_match(ZMTP_SOCKET_NONE, a));
    }
    assert_false(zmtp_socket_types_match(ZMTP_SOCKET_NONE, ZMTP_SOCKET_NONE));
}

static void each_peer_has_one_answer(void **state)
{
    (void)state;
    static const zmtp_socket_type_t answers[] = {
        [ZMTP_SOCKET_SUB] = ZMTP_SOCKET_XPUB,   [ZMTP_SOCKET_XSUB] = ZMTP_SOCKET_XPUB,
        [ZMTP_SOCKET_PUB] = ZMTP_SOCKET_XSUB,   [ZMTP_SOCKET_XPUB] = ZMTP_SOCKET_XSUB,
        [ZMTP_SOCKET_PUSH] = ZMTP_SOCKET_PULL,  [ZMTP_SOCKET_PULL] = ZMTP_SOCKET_PUSH,
        [ZMTP_SOCKET_REQ] = ZMTP_SOCKET_ROUTER, [ZMTP_SOCKET_DEALER] = ZMTP_SOCKET_ROUTER,
        [ZMTP_SOCKET_REP] = ZMTP_SOCKET_DEALER, [ZMTP_SOCKET_ROUTER] = ZMTP_SOCKET_DEALER,
        [ZMTP_SOCKET_PAIR] = ZMTP_SOCKET_NONE,  [ZMTP_SOCKET_NONE] = ZMTP_SOCKET_NONE,
    };
    for (unsigned peer = 0; peer <= TYPES; peer++)
        assert_int_equal(zmtp_socket_type_answer(peer), answers[peer]);
}

static void an_answer_is_legal_to_both(void **state)
{
    (void)state;
    for (unsigned peer = 1; peer < TYPES; peer++) {
        zmtp_socket_type_t ours = zmtp_socket_type_answer(peer);
        assert_true(zmtp_socket_types_match(peer, ours) && zmtp_socket_types_match(ours, peer));
    }
}

static void three_types_may_name_themselves(void **state)
{
    (void)state;
    for (unsigned type = 0; type <= TYPES; type++)
        assert_int_equal(zmtp_socket_type_has_identity(type),
                         type == ZMTP_SOCKET_REQ || type == ZMTP_SOCKET_DEALER || type == ZMTP_SOCKET_ROUTER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_those_of_2_0),
        cmocka_unit_test(names_are_exact),
        cmocka_unit_test(legal_pairs_are_those_of_the_paper),
        cmocka_unit_test(each_peer_has_one_answer),
        cmocka_unit_test(an_answer_is_legal_to_both),
        cmocka_unit_test(three_types_may_name_themselves),
    };
    return cmocka_run_group_tests_name("zmtp codec: socket types", tests, NULL, NULL);
}
