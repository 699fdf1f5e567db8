/* SPDX-License-Identifier: Apache-2.0
 *
 * test_codec_metadata.c: properties, and what READY and INITIATE say of a socket. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "test_codec.h"
#include "vectors.h"

#define SUB_PROPERTY "\13Socket-Type\0\0\0\3SUB"

static zmtp_result_t decode(bytes_t metadata, zmtp_socket_t *out)
{
    uint8_t *block;
    zmtp_result_t result = zmtp_socket_decode(exactly(metadata, &block), out);
    free(block);
    return result;
}

/* ---- the vectors ---- */

static void handshakes_are_read_as_they_were_seen(void **state)
{
    (void)state;
    for (size_t i = 0; i < HANDSHAKES_COUNT; i++) {
        buffer_t b = from_hex(handshakes[i].wire);
        zmtp_command_t c = command_of(&b);
        zmtp_socket_t socket;
        bytes_t identity;
        assert_int_equal(c.id, handshakes[i].id);
        assert_int_equal(zmtp_socket_decode(c.data, &socket), ZMTP_DECODED);
        assert_int_equal(socket.type, handshakes[i].socket.type);
        assert_octets(socket.identity, handshakes[i].socket.identity);
        assert_int_equal(zmtp_metadata_find(c.data, ZMTP_IDENTITY_PROPERTY, &identity),
                         handshakes[i].has_identity);
        buffer_free(&b);
    }
}

/* What we send has an Identity only if there is one; libzmq sends an empty one too. */
static void handshakes_are_written_as_they_were_seen(void **state)
{
    (void)state;
    for (size_t i = 0; i < HANDSHAKES_COUNT; i++) {
        const zmtp_socket_t *socket = &handshakes[i].socket;
        buffer_t b = {0};
        if (handshakes[i].has_identity && socket->identity.len == 0)
            continue;
        if (handshakes[i].id == ZMTP_COMMAND_READY)
            zmtp_write_ready(&b, socket);
        else
            zmtp_write_initiate(&b, socket);
        assert_written(&b, handshakes[i].wire);
    }
}

static void handshakes_are_written_by_their_properties(void **state)
{
    (void)state;
    for (size_t i = 0; i < HANDSHAKES_COUNT; i++) {
        const zmtp_socket_t *socket = &handshakes[i].socket;
        buffer_t metadata = {0}, b = {0};
        zmtp_write_property(&metadata, &(zmtp_property_t){BYTES("Socket-Type"),
                                                          bytes_string(zmtp_socket_type_name(socket->type))});
        if (handshakes[i].has_identity)
            zmtp_write_property(&metadata, &(zmtp_property_t){BYTES("Identity"), socket->identity});
        zmtp_write_command(&b, handshakes[i].id, buffer_bytes(&metadata));
        assert_written(&b, handshakes[i].wire);
        buffer_free(&metadata);
    }
}

/* Cut at each position: whole properties in front of the cut are whole metadata, everything else is malformed. */
static void a_handshake_that_is_cut_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < HANDSHAKES_COUNT; i++) {
        buffer_t b = from_hex(handshakes[i].wire);
        bytes_t data = command_of(&b).data;
        zmtp_socket_t first = {.type = handshakes[i].socket.type};
        size_t type_bytes = zmtp_socket_bytes(&first);
        for (size_t len = 0; len < data.len; len++) {
            zmtp_socket_t socket;
            zmtp_result_t result = decode(bytes_make(data.data, len), &socket);
            assert_int_equal(result, len == 0            ? ZMTP_REFUSED_SOCKET_TYPE_MISSING
                                     : len == type_bytes ? ZMTP_DECODED
                                                         : ZMTP_REFUSED_METADATA_MALFORMED);
        }
        buffer_free(&b);
    }
}

/* ---- properties ---- */

static void properties_come_one_after_the_other(void **state)
{
    (void)state;
    bytes_t metadata = BYTES("\1a\0\0\0\0\3X-b\0\0\0\2hi");
    bytes_reader_t r = bytes_reader(metadata);
    zmtp_property_t p;
    assert_true(zmtp_property_next(&r, &p));
    assert_octets(p.name, BYTES("a"));
    assert_octets(p.value, BYTES(""));
    assert_true(zmtp_property_next(&r, &p));
    assert_octets(p.name, BYTES("X-b"));
    assert_octets(p.value, BYTES("hi"));
    assert_false(zmtp_property_next(&r, &p));
    assert_true(reader_done(&r));
    assert_true(zmtp_metadata_valid(metadata));
}

static void no_property_at_all_is_valid(void **state)
{
    (void)state;
    assert_true(zmtp_metadata_valid(BYTES("")));
    assert_true(zmtp_metadata_valid((bytes_t){NULL, 0}));
}

static void malformed_metadata_is_noticed(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "00",                 /* a name without octets */
        "00 00000000",        /* the same, with a value */
        "0161 00000000 00",   /* an octet left over */
        "0161",               /* no value */
        "0161 000000",        /* no whole length */
        "0161 00000001",      /* short by one */
        "0161 00000002 62",   /* the same */
        "0261 00000000",      /* a name that takes an octet of the length */
        "ff61 00000000",      /* a name past the end */
        "0161 7fffffff 62",   /* the longest value there is, but it is not there */
        "0161 80000000 62",   /* over 2^31-1 */
        "0161 ffffffff 62",   /* the same */
        "0161 0000000162 00", /* a second one without a name */
        "0161 0000000162 0161 0000000163 01",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        uint8_t *block;
        buffer_t b = from_hex(wrong[i]);
        assert_false(zmtp_metadata_valid(exactly(buffer_bytes(&b), &block)));
        free(block);
        buffer_free(&b);
    }
}

/* Nobody reads a value to find its end, so a view that says it is so long will do. */
static void a_value_has_less_than_2_to_the_31_octets(void **state)
{
    (void)state;
    assert_true(zmtp_metadata_valid(bytes_make("\1a\x7f\xff\xff\xff", 6 + (size_t)INT32_MAX)));
    assert_false(zmtp_metadata_valid(bytes_make("\1a\x80\0\0\0", 6 + (size_t)INT32_MAX + 1)));
}

static void an_iterator_that_failed_stays_so(void **state)
{
    (void)state;
    bytes_reader_t r = bytes_reader(BYTES("\0\0\0\0\0\1a\0\0\0\0"));
    zmtp_property_t p;
    for (int again = 0; again < 3; again++) {
        assert_false(zmtp_property_next(&r, &p));
        assert_false(reader_ok(&r));
    }
}

static void names_are_found_in_any_case(void **state)
{
    (void)state;
    static const char *const names[] = {"Socket-Type", "socket-type", "SOCKET-TYPE", "sOcKeT-tYpE"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        zmtp_socket_t socket;
        buffer_t b = {0};
        zmtp_write_property(&b, &(zmtp_property_t){bytes_string(names[i]), BYTES("SUB")});
        assert_int_equal(decode(buffer_bytes(&b), &socket), ZMTP_DECODED);
        assert_int_equal(socket.type, ZMTP_SOCKET_SUB);
        buffer_free(&b);
    }
    bytes_t value;
    assert_false(zmtp_metadata_find(BYTES("\1@\0\0\0\0"), BYTES("`"), &value));
    assert_false(zmtp_metadata_find(BYTES("\1[\0\0\0\0"), BYTES("{"), &value));
    assert_false(zmtp_metadata_find(BYTES("\2ab\0\0\0\0"), BYTES("a"), &value));
    assert_false(zmtp_metadata_find(BYTES("\1a\0\0\0\0"), BYTES("ab"), &value));
}

static void the_first_of_a_name_counts(void **state)
{
    (void)state;
    bytes_t value;
    assert_true(zmtp_metadata_find(BYTES("\1a\0\0\0\1x\1A\0\0\0\1y"), BYTES("A"), &value));
    assert_octets(value, BYTES("x"));
}

static void what_stands_before_a_fault_is_found(void **state)
{
    (void)state;
    bytes_t value;
    assert_true(zmtp_metadata_find(BYTES("\1a\0\0\0\1x\1"), BYTES("a"), &value));
    assert_false(zmtp_metadata_find(BYTES("\1\1a\0\0\0\1x"), BYTES("a"), &value));
}

static void the_longest_name_and_a_long_value_come_back(void **state)
{
    (void)state;
    uint8_t octets[70000];
    memset(octets, 'n', sizeof octets);
    zmtp_property_t wanted = {bytes_make(octets, 255), bytes_make(octets, sizeof octets)}, p;
    buffer_t b = {0};
    zmtp_write_property(&b, &wanted);
    bytes_reader_t r = bytes_reader(buffer_bytes(&b));
    assert_true(zmtp_property_next(&r, &p));
    assert_octets(p.name, wanted.name);
    assert_octets(p.value, wanted.value);
    assert_true(reader_done(&r));
    buffer_free(&b);
}

/* ---- sockets ---- */

static void the_type_is_required_and_exact(void **state)
{
    (void)state;
    zmtp_socket_t socket;
    assert_int_equal(decode(BYTES(SUB_PROPERTY), &socket), ZMTP_DECODED);
    assert_int_equal(decode(BYTES("\10Identity\0\0\0\3bob"), &socket), ZMTP_REFUSED_SOCKET_TYPE_MISSING);
    assert_int_equal(decode(BYTES("\13Socket-Type\0\0\0\3sub"), &socket), ZMTP_REFUSED_SOCKET_TYPE_UNKNOWN);
    assert_int_equal(decode(BYTES("\13Socket-Type\0\0\0\4SUB\0"), &socket), ZMTP_REFUSED_SOCKET_TYPE_UNKNOWN);
    assert_int_equal(decode(BYTES("\13Socket-Type\0\0\0\2SU"), &socket), ZMTP_REFUSED_SOCKET_TYPE_UNKNOWN);
    assert_int_equal(decode(BYTES("\13Socket-Type\0\0\0\0"), &socket), ZMTP_REFUSED_SOCKET_TYPE_UNKNOWN);
    assert_int_equal(decode(BYTES("\13Socket-Type\0\0\0\6CLIENT"), &socket),
                     ZMTP_REFUSED_SOCKET_TYPE_UNKNOWN);
    assert_int_equal(socket.type, ZMTP_SOCKET_NONE);
}

static void order_and_unknown_properties_mean_nothing(void **state)
{
    (void)state;
    zmtp_socket_t socket;
    bytes_t metadata = BYTES("\10Resource\0\0\0\5/path\10identity\0\0\0\3bob\6X-Mine\0\0\0\1\0"
                             "\13Socket-Type\0\0\0\3REQ");
    assert_int_equal(decode(metadata, &socket), ZMTP_DECODED);
    assert_int_equal(socket.type, ZMTP_SOCKET_REQ);
    assert_int_equal(socket.identity.len, 3);
}

static zmtp_result_t decode_identity(const char *type, bytes_t identity, zmtp_socket_t *socket)
{
    buffer_t b = {0};
    zmtp_write_property(&b, &(zmtp_property_t){BYTES("Socket-Type"), bytes_string(type)});
    zmtp_write_property(&b, &(zmtp_property_t){BYTES("Identity"), identity});
    zmtp_result_t result = decode(buffer_bytes(&b), socket);
    buffer_free(&b);
    return result;
}

static void an_identity_has_up_to_255_octets_and_no_leading_zero(void **state)
{
    (void)state;
    uint8_t octets[300];
    memset(octets, 'i', sizeof octets);
    zmtp_socket_t socket;
    for (size_t len = 0; len < sizeof octets; len++) {
        bool valid = len <= 255;
        assert_int_equal(zmtp_identity_valid(bytes_make(octets, len)), valid);
        assert_int_equal(decode_identity("DEALER", bytes_make(octets, len), &socket),
                         valid ? ZMTP_DECODED : ZMTP_REFUSED_IDENTITY_MALFORMED);
        assert_int_equal(socket.identity.len, len);
    }
    assert_false(zmtp_identity_valid(BYTES("\0")));
    assert_true(zmtp_identity_valid(BYTES("\1\0")));
    assert_int_equal(decode_identity("REQ", BYTES("\0abc"), &socket), ZMTP_REFUSED_IDENTITY_MALFORMED);
    assert_int_equal(decode_identity("ROUTER", BYTES("\0"), &socket), ZMTP_REFUSED_IDENTITY_MALFORMED);
}

static void an_identity_of_other_types_is_ignored(void **state)
{
    (void)state;
    zmtp_socket_t socket;
    assert_int_equal(decode_identity("SUB", BYTES("bob"), &socket), ZMTP_DECODED);
    assert_int_equal(socket.identity.len, 0);
    assert_int_equal(decode_identity("REP", BYTES("\0bob"), &socket), ZMTP_DECODED);
    assert_int_equal(socket.identity.len, 0);
}

static void a_socket_is_written_with_its_identity(void **state)
{
    (void)state;
    uint8_t octets[255];
    memset(octets, 'i', sizeof octets);
    for (size_t len = 0; len <= sizeof octets; len++) {
        zmtp_socket_t ours = {ZMTP_SOCKET_ROUTER, bytes_make(octets, len)}, read;
        buffer_t b = {0}, ready = {0};
        zmtp_write_socket(&b, &ours);
        assert_int_equal(b.len, zmtp_socket_bytes(&ours));
        zmtp_write_ready(&ready, &ours);
        assert_octets(command_of(&ready).data, buffer_bytes(&b));
        assert_int_equal(zmtp_socket_decode(buffer_bytes(&b), &read), ZMTP_DECODED);
        assert_int_equal(read.type, ours.type);
        assert_octets(read.identity, ours.identity);
        buffer_free(&ready);
        buffer_free(&b);
    }
}

/* ---- full buffers ---- */

static void write_a_ready(buffer_t *b)
{
    zmtp_write_ready(b, &(zmtp_socket_t){ZMTP_SOCKET_DEALER, BYTES("bob")});
}

static void write_a_property(buffer_t *b)
{
    zmtp_write_property(b, &(zmtp_property_t){BYTES("X-b"), BYTES("hi")});
}

static void a_full_buffer_fails(void **state)
{
    (void)state;
    assert_fails_when_full(write_a_ready, 46);
    assert_fails_when_full(write_a_property, 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(handshakes_are_read_as_they_were_seen),
        cmocka_unit_test(handshakes_are_written_as_they_were_seen),
        cmocka_unit_test(handshakes_are_written_by_their_properties),
        cmocka_unit_test(a_handshake_that_is_cut_is_refused),
        cmocka_unit_test(properties_come_one_after_the_other),
        cmocka_unit_test(no_property_at_all_is_valid),
        cmocka_unit_test(malformed_metadata_is_noticed),
        cmocka_unit_test(a_value_has_less_than_2_to_the_31_octets),
        cmocka_unit_test(an_iterator_that_failed_stays_so),
        cmocka_unit_test(names_are_found_in_any_case),
        cmocka_unit_test(the_first_of_a_name_counts),
        cmocka_unit_test(what_stands_before_a_fault_is_found),
        cmocka_unit_test(the_longest_name_and_a_long_value_come_back),
        cmocka_unit_test(the_type_is_required_and_exact),
        cmocka_unit_test(order_and_unknown_properties_mean_nothing),
        cmocka_unit_test(an_identity_has_up_to_255_octets_and_no_leading_zero),
        cmocka_unit_test(an_identity_of_other_types_is_ignored),
        cmocka_unit_test(a_socket_is_written_with_its_identity),
        cmocka_unit_test(a_full_buffer_fails),
    };
    return cmocka_run_group_tests_name("zmtp codec: metadata", tests, NULL, NULL);
}
