/* SPDX-License-Identifier: Apache-2.0
 *
 * test_codec_plain.c: the commands of PLAIN, as libzmq sent and took them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "test_codec.h"
#include "vectors.h"

#define HELLO_WIRE "04 13 05 48454c4c4f 05 61646d696e 06 736563726574"

static zmtp_result_t decode(bytes_t data, zmtp_plain_hello_t *out)
{
    uint8_t *block;
    zmtp_result_t result = zmtp_plain_hello_decode(exactly(data, &block), out);
    free(block);
    return result;
}

static void a_hello_is_username_and_password(void **state)
{
    (void)state;
    zmtp_plain_hello_t hello;
    buffer_t b = from_hex(HELLO_WIRE);
    zmtp_command_t c = command_of(&b);
    assert_int_equal(c.id, ZMTP_COMMAND_HELLO);
    assert_int_equal(zmtp_plain_hello_decode(c.data, &hello), ZMTP_DECODED);
    assert_octets(hello.username, BYTES("admin"));
    assert_octets(hello.password, BYTES("secret"));
    buffer_free(&b);
}

static void a_hello_is_written_as_it_was_seen(void **state)
{
    (void)state;
    buffer_t b = {0};
    zmtp_write_plain_hello(&b, &(zmtp_plain_hello_t){BYTES("admin"), BYTES("secret")});
    assert_written(&b, HELLO_WIRE);
}

static void a_hello_has_exactly_its_length(void **state)
{
    (void)state;
    zmtp_plain_hello_t hello;
    bytes_t data = BYTES("\5admin\6secret");
    assert_int_equal(decode(data, &hello), ZMTP_DECODED);
    for (size_t len = 0; len < data.len; len++)
        assert_int_equal(decode(bytes_make(data.data, len), &hello), ZMTP_REFUSED_COMMAND_MALFORMED);
    assert_int_equal(decode(BYTES("\5admin\6secret\0"), &hello), ZMTP_REFUSED_COMMAND_MALFORMED);
    assert_int_equal(decode(BYTES("\5admin\6secretx"), &hello), ZMTP_REFUSED_COMMAND_MALFORMED);
    assert_int_equal(decode(BYTES("\377admin\6secret"), &hello), ZMTP_REFUSED_COMMAND_MALFORMED);
}

static void both_may_be_empty_or_long(void **state)
{
    (void)state;
    uint8_t octets[255];
    memset(octets, 'u', sizeof octets);
    static const size_t lens[] = {0, 1, 120, 254, 255};
    for (size_t u = 0; u < 5; u++) {
        for (size_t p = 0; p < 5; p++) {
            zmtp_plain_hello_t hello = {bytes_make(octets, lens[u]), bytes_make(octets, lens[p])}, read;
            buffer_t b = {0};
            zmtp_write_plain_hello(&b, &hello);
            assert_int_equal(zmtp_plain_hello_decode(command_of(&b).data, &read), ZMTP_DECODED);
            assert_octets(read.username, hello.username);
            assert_octets(read.password, hello.password);
            buffer_free(&b);
        }
    }
}

static void a_welcome_is_empty(void **state)
{
    (void)state;
    buffer_t b = {0};
    zmtp_write_plain_welcome(&b);
    zmtp_command_t c = command_of(&b);
    assert_int_equal(c.id, ZMTP_COMMAND_WELCOME);
    assert_int_equal(zmtp_plain_welcome_decode(c.data), ZMTP_DECODED);
    assert_int_equal(zmtp_plain_welcome_decode(BYTES("\0")), ZMTP_REFUSED_COMMAND_MALFORMED);
    assert_written(&b, "04080757454c434f4d45");
}

/* The whole of it as a server sees it, behind the greetings. */
static void a_handshake_goes_through(void **state)
{
    (void)state;
    buffer_t from = from_hex(HELLO_WIRE "04 2c 08 494e495449415445" SOCKET_TYPE_NAME
                                        "00000006 4445414c4552" IDENTITY_NAME "00000000"),
             to = {0};
    zmtp_frame_reader_t r = {.limits = LIMITS};
    bytes_reader_t in = bytes_reader(buffer_bytes(&from));
    zmtp_piece_t piece;
    zmtp_command_t c;
    zmtp_plain_hello_t hello;
    zmtp_socket_t peer;
    assert_int_equal(zmtp_frame_read(&r, &in, &piece), ZMTP_DECODED);
    assert_int_equal(zmtp_command_decode(piece.octets, &c), ZMTP_DECODED);
    assert_int_equal(zmtp_plain_hello_decode(c.data, &hello), ZMTP_DECODED);
    zmtp_write_plain_welcome(&to);
    assert_int_equal(zmtp_frame_read(&r, &in, &piece), ZMTP_DECODED);
    assert_int_equal(zmtp_command_decode(piece.octets, &c), ZMTP_DECODED);
    assert_int_equal(c.id, ZMTP_COMMAND_INITIATE);
    assert_int_equal(zmtp_socket_decode(c.data, &peer), ZMTP_DECODED);
    zmtp_write_ready(&to, &(zmtp_socket_t){.type = zmtp_socket_type_answer(peer.type)});
    assert_written(&to, "04080757454c434f4d45 041c 05 5245414459" SOCKET_TYPE_NAME "00000006 524f55544552");
    buffer_free(&from);
}

static void write_a_hello(buffer_t *b)
{
    zmtp_write_plain_hello(b, &(zmtp_plain_hello_t){BYTES("admin"), BYTES("secret")});
}

static void a_full_buffer_fails(void **state)
{
    (void)state;
    assert_fails_when_full(write_a_hello, 21);
    assert_fails_when_full(zmtp_write_plain_welcome, 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hello_is_username_and_password),
        cmocka_unit_test(a_hello_is_written_as_it_was_seen),
        cmocka_unit_test(a_hello_has_exactly_its_length),
        cmocka_unit_test(both_may_be_empty_or_long),
        cmocka_unit_test(a_welcome_is_empty),
        cmocka_unit_test(a_handshake_goes_through),
        cmocka_unit_test(a_full_buffer_fails),
    };
    return cmocka_run_group_tests_name("zmtp codec: PLAIN", tests, NULL, NULL);
}
