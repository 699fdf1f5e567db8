/* SPDX-License-Identifier: Apache-2.0
 *
 * test_codec_command.c: names and data, subscriptions in both forms, heartbeats, errors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "test_codec.h"

static zmtp_result_t decode(bytes_t body, zmtp_command_t *out, uint8_t **block)
{
    return zmtp_command_decode(exactly(body, block), out);
}

/* ---- names ---- */

static void a_command_is_name_and_data(void **state)
{
    (void)state;
    uint8_t *block;
    zmtp_command_t c;
    assert_int_equal(decode(BYTES("\5READYdata"), &c, &block), ZMTP_DECODED);
    assert_int_equal(c.id, ZMTP_COMMAND_READY);
    assert_octets(c.name, BYTES("READY"));
    assert_octets(c.data, BYTES("data"));
    free(block);
}

static void every_name_of_the_table_is_found(void **state)
{
    (void)state;
    static const char *const names[] = {"READY",   "ERROR",     "HELLO",  "WELCOME", "INITIATE",
                                        "MESSAGE", "SUBSCRIBE", "CANCEL", "PING",    "PONG"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        zmtp_command_id_t id = (zmtp_command_id_t)(i + 1);
        assert_string_equal(zmtp_command_name(id), names[i]);
        buffer_t b = {0};
        zmtp_write_command(&b, id, BYTES("x"));
        zmtp_command_t c = command_of(&b);
        assert_int_equal(c.id, id);
        assert_octets(c.name, bytes_string(names[i]));
        assert_octets(c.data, BYTES("x"));
        buffer_free(&b);
    }
}

static void other_names_are_unknown_not_wrong(void **state)
{
    (void)state;
    static const char *const bodies[] = {"\5ready",   "\4READ", "\6READY\n", "\4JOINgroup",
                                         "\7UNKNOWN", "\0",     "\0READY"};
    static const size_t lens[] = {6, 5, 7, 10, 8, 1, 6};
    for (size_t i = 0; i < sizeof lens / sizeof lens[0]; i++) {
        uint8_t *block;
        zmtp_command_t c;
        assert_int_equal(decode(bytes_make(bodies[i], lens[i]), &c, &block), ZMTP_DECODED);
        assert_int_equal(c.id, ZMTP_COMMAND_UNKNOWN);
        assert_int_equal(1 + c.name.len + c.data.len, lens[i]);
        free(block);
    }
}

static void a_name_that_is_not_whole_is_malformed(void **state)
{
    (void)state;
    for (size_t len = 0; len < 10; len++) {
        uint8_t *block;
        zmtp_command_t c;
        assert_int_equal(decode(bytes_make("\11SUBSCRIBE", len), &c, &block), ZMTP_REFUSED_COMMAND_MALFORMED);
        assert_int_equal(c.id, ZMTP_COMMAND_UNKNOWN);
        free(block);
    }
}

static void a_command_over_255_octets_is_long(void **state)
{
    (void)state;
    uint8_t data[250] = {0};
    buffer_t b = {0};
    zmtp_write_command(&b, ZMTP_COMMAND_PONG, bytes_make(data, 250)); /* body 255 */
    assert_written(&b, "04 ff 04 504f4e47 00*250");
    zmtp_write_command(&b, ZMTP_COMMAND_READY, bytes_make(data, 250)); /* body 256 */
    assert_written(&b, "06 0000000000000100 05 5245414459 00*250");
}

/* ---- subscriptions ---- */

static void check_subscription(bool subscribe, bytes_t prefix, const char *command, const char *message)
{
    zmtp_subscription_t s = {subscribe, prefix}, of_command, of_message;
    buffer_t b = {0}, m = {0};
    zmtp_write_subscription(&b, ZMTP_3_1, &s);
    zmtp_write_subscription(&m, ZMTP_3_0, &s);
    zmtp_command_t c = command_of(&b);
    assert_true(zmtp_subscription_of_command(&c, &of_command));
    assert_true(zmtp_subscription_of_message(body_of(&m, 0), &of_message));
    assert_int_equal(of_command.subscribe, subscribe);
    assert_int_equal(of_message.subscribe, subscribe);
    assert_octets(of_command.prefix, prefix);
    assert_octets(of_message.prefix, prefix);
    assert_written(&b, command);
    assert_written(&m, message);
    zmtp_write_subscription(&m, ZMTP_2_0, &s);
    assert_written(&m, message);
}

static void subscriptions_have_two_forms(void **state)
{
    (void)state;
    uint8_t xs[260];
    memset(xs, 'x', sizeof xs);
    check_subscription(true, BYTES(""), "040a09535542534352494245", "000101");
    check_subscription(true, BYTES("orders."), "0411095355425343524942456f72646572732e",
                       "0008016f72646572732e");
    check_subscription(false, BYTES("orders."), "040e0643414e43454c6f72646572732e", "0008006f72646572732e");
    check_subscription(true, bytes_make(xs, 260), "06000000000000010e09535542534352494245 78*260",
                       "02000000000000010501 78*260");
    check_subscription(true, bytes_make(xs, 245), "04 ff 09535542534352494245 78*245", "00 f6 01 78*245");
    check_subscription(true, bytes_make(xs, 255), "06 0000000000000109 09535542534352494245 78*255",
                       "02 0000000000000100 01 78*255");
}

static void an_upstream_message_is_no_subscription(void **state)
{
    (void)state;
    zmtp_subscription_t s;
    assert_true(zmtp_subscription_of_message(BYTES("\0"), &s));
    for (unsigned first = 2; first < 256; first++) {
        uint8_t octets[] = {(uint8_t)first, 'e', 'v'};
        assert_false(zmtp_subscription_of_message(bytes_make(octets, 3), &s));
    }
    uint8_t *block;
    assert_false(zmtp_subscription_of_message(exactly(BYTES(""), &block), &s));
    free(block);
}

static void other_commands_are_no_subscription(void **state)
{
    (void)state;
    for (zmtp_command_id_t id = ZMTP_COMMAND_UNKNOWN; id <= ZMTP_COMMAND_PONG; id++) {
        zmtp_subscription_t s;
        zmtp_command_t c = {.id = id, .data = BYTES("\1x")};
        assert_int_equal(zmtp_subscription_of_command(&c, &s),
                         id == ZMTP_COMMAND_SUBSCRIBE || id == ZMTP_COMMAND_CANCEL);
    }
}

/* ---- heartbeats ---- */

static void a_ping_is_ttl_and_context(void **state)
{
    (void)state;
    zmtp_ping_t ping;
    buffer_t b = from_hex("04070450494e47001e");
    assert_int_equal(zmtp_ping_decode(command_of(&b).data, &ping), ZMTP_DECODED);
    assert_int_equal(ping.ttl_tenths, 30);
    assert_int_equal(ping.context.len, 0);
    buffer_clear(&b);
    zmtp_write_ping(&b, &ping);
    assert_written(&b, "04070450494e47001e");
}

static void a_pong_echoes_the_context(void **state)
{
    (void)state;
    zmtp_ping_t ping = {.ttl_tenths = 10, .context = BYTES("ctx")};
    buffer_t b = {0}, pong = {0};
    zmtp_write_ping(&b, &ping);
    assert_int_equal(zmtp_ping_decode(command_of(&b).data, &ping), ZMTP_DECODED);
    zmtp_write_pong(&pong, ping.context);
    assert_octets(command_of(&pong).data, BYTES("ctx"));
    assert_written(&b, "040a0450494e47000a637478");
    assert_written(&pong, "040804504f4e47637478");
}

static void of_a_longer_context_sixteen_octets_are_echoed(void **state)
{
    (void)state;
    uint8_t data[2 + 40];
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)i;
    for (size_t len = 2; len <= sizeof data; len++) {
        uint8_t *block;
        zmtp_ping_t ping;
        assert_int_equal(zmtp_ping_decode(exactly(bytes_make(data, len), &block), &ping), ZMTP_DECODED);
        assert_int_equal(ping.ttl_tenths, 1);
        assert_octets(ping.context, bytes_make(data + 2, len - 2 < 16 ? len - 2 : 16));
        buffer_t b = {0};
        zmtp_write_pong(&b, ping.context);
        assert_octets(command_of(&b).data, ping.context);
        buffer_free(&b);
        free(block);
    }
}

static void a_ping_without_a_whole_ttl_is_malformed(void **state)
{
    (void)state;
    for (size_t len = 0; len < 2; len++) {
        uint8_t *block;
        zmtp_ping_t ping;
        assert_int_equal(zmtp_ping_decode(exactly(bytes_make("\0\1", len), &block), &ping),
                         ZMTP_REFUSED_COMMAND_MALFORMED);
        free(block);
    }
}

/* ---- errors ---- */

static void an_error_has_a_reason(void **state)
{
    (void)state;
    bytes_t reason;
    buffer_t b = {0};
    zmtp_write_error(&b, BYTES("400"));
    assert_int_equal(zmtp_error_decode(command_of(&b).data, &reason), ZMTP_DECODED);
    assert_octets(reason, BYTES("400"));
    assert_written(&b, "040a054552524f5203343030");
    assert_int_equal(zmtp_error_decode(BYTES("\003"
                                             "400 and more"),
                                       &reason),
                     ZMTP_DECODED);
    assert_octets(reason, BYTES("400"));
    assert_int_equal(zmtp_error_decode(BYTES("\0"), &reason), ZMTP_DECODED);
    assert_int_equal(reason.len, 0);
}

static void a_reason_that_is_not_whole_is_malformed(void **state)
{
    (void)state;
    for (size_t len = 0; len < 4; len++) {
        uint8_t *block;
        bytes_t reason;
        assert_int_equal(zmtp_error_decode(exactly(bytes_make("\003"
                                                              "400",
                                                              len),
                                                   &block),
                                           &reason),
                         ZMTP_REFUSED_COMMAND_MALFORMED);
        free(block);
    }
}

static void the_longest_reason_makes_a_long_command(void **state)
{
    (void)state;
    uint8_t text[255];
    memset(text, 'e', sizeof text);
    bytes_t reason;
    buffer_t b = {0};
    zmtp_write_error(&b, bytes_make(text, 255));
    assert_int_equal(zmtp_error_decode(command_of(&b).data, &reason), ZMTP_DECODED);
    assert_octets(reason, bytes_make(text, 255));
    assert_written(&b, "06 0000000000000106 05 4552524f52 ff 65*255");
}

/* ---- full buffers ---- */

static void write_a_ping(buffer_t *b)
{
    zmtp_write_ping(b, &(zmtp_ping_t){1, BYTES("ctx")});
}

static void write_a_pong(buffer_t *b)
{
    zmtp_write_pong(b, BYTES("ctx"));
}

static void write_an_error(buffer_t *b)
{
    zmtp_write_error(b, BYTES("400"));
}

static void write_a_subscribe(buffer_t *b)
{
    zmtp_write_subscription(b, ZMTP_3_1, &(zmtp_subscription_t){true, BYTES("ev")});
}

static void write_a_cancel_message(buffer_t *b)
{
    zmtp_write_subscription(b, ZMTP_3_0, &(zmtp_subscription_t){false, BYTES("ev")});
}

static void commands_are_written_whole_or_not_at_all(void **state)
{
    (void)state;
    assert_fails_when_full(write_a_ping, 12);
    assert_fails_when_full(write_a_pong, 10);
    assert_fails_when_full(write_an_error, 12);
    assert_fails_when_full(write_a_subscribe, 14);
    assert_fails_when_full(write_a_cancel_message, 5);
    buffer_t b;
    buffer_init(&b, 11);
    write_a_ping(&b);
    assert_true(b.failed && b.len == 0);
    buffer_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_command_is_name_and_data),
        cmocka_unit_test(every_name_of_the_table_is_found),
        cmocka_unit_test(other_names_are_unknown_not_wrong),
        cmocka_unit_test(a_name_that_is_not_whole_is_malformed),
        cmocka_unit_test(a_command_over_255_octets_is_long),
        cmocka_unit_test(subscriptions_have_two_forms),
        cmocka_unit_test(an_upstream_message_is_no_subscription),
        cmocka_unit_test(other_commands_are_no_subscription),
        cmocka_unit_test(a_ping_is_ttl_and_context),
        cmocka_unit_test(a_pong_echoes_the_context),
        cmocka_unit_test(of_a_longer_context_sixteen_octets_are_echoed),
        cmocka_unit_test(a_ping_without_a_whole_ttl_is_malformed),
        cmocka_unit_test(an_error_has_a_reason),
        cmocka_unit_test(a_reason_that_is_not_whole_is_malformed),
        cmocka_unit_test(the_longest_reason_makes_a_long_command),
        cmocka_unit_test(commands_are_written_whole_or_not_at_all),
    };
    return cmocka_run_group_tests_name("zmtp codec: commands", tests, NULL, NULL);
}
