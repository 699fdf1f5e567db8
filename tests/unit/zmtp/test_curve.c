/* SPDX-License-Identifier: Apache-2.0
 *
 * test_curve.c: the boxes of CURVE: those of a libzmq client octet by octet, and our client against our server. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "curve_world.h"

/* Both sides, and what has gone between them: whole frames. */
typedef struct world {
    dice_t dice;
    random_source_t random;
    zmtp_bus_t bus, dialling;
    zmtp_curve_t *server, *client;
    buffer_t hello, welcome, initiate, ready;
    buffer_t plain; /* what was opened last */
} world_t;

#define METADATA   BYTES("metadata")
#define ANSWERED   BYTES("answer")
#define SOCKET_SUB "0b 536f636b65742d54797065 00000003 535542"

static int setup(void **state)
{
    world_t *w = calloc(1, sizeof *w);
    bus_init(&w->bus);
    dialling_bus_init(&w->dialling);
    w->random = dice_source(&w->dice);
    w->server = zmtp_curve_new(false);
    w->client = zmtp_curve_new(true);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    world_t *w = *state;
    zmtp_curve_free(&w->server);
    zmtp_curve_free(&w->client);
    buffer_free(&w->dice.octets);
    buffer_free(&w->hello);
    buffer_free(&w->welcome);
    buffer_free(&w->initiate);
    buffer_free(&w->ready);
    buffer_free(&w->plain);
    free(w);
    return 0;
}

/* ---- libzmq's client and our server ---- */

static void answer_vector_hello(world_t *w)
{
    write_hex(&w->dice.octets, CURVE_DRAWN);
    write_hex(&w->hello, CURVE_HELLO);
    assert_true(zmtp_curve_answer_hello(w->server, &w->bus, &w->random,
                                        data_of(&w->hello, ZMTP_COMMAND_HELLO), &w->welcome));
}

static void open_vector_initiate(world_t *w)
{
    zmtp_curve_initiate_t initiate;
    write_hex(&w->initiate, CURVE_INITIATE);
    assert_true(zmtp_curve_open_initiate(w->server, &w->bus, data_of(&w->initiate, ZMTP_COMMAND_INITIATE),
                                         &w->plain, &initiate));
    buffer_t client = from_hex(CURVE_CLIENT), metadata = from_hex(SOCKET_SUB);
    assert_octets(initiate.client_key, buffer_bytes(&client));
    assert_octets(initiate.metadata, buffer_bytes(&metadata));
    buffer_free(&client);
    buffer_free(&metadata);
}

static void a_libzmq_client_is_answered_octet_for_octet(void **state)
{
    world_t *w = *state;
    answer_vector_hello(w);
    assert_int_equal(w->dice.given, w->dice.octets.len);
    assert_written(&w->welcome, CURVE_WELCOME);
    assert_int_equal(w->server->awaits, ZMTP_COMMAND_INITIATE);
    open_vector_initiate(w);

    buffer_t xpub = {0};
    zmtp_write_socket(&xpub, &(zmtp_socket_t){.type = ZMTP_SOCKET_XPUB});
    zmtp_curve_write_ready(w->server, buffer_bytes(&xpub), &w->ready);
    assert_written(&w->ready, CURVE_READY);
    assert_int_equal(w->server->awaits, ZMTP_COMMAND_MESSAGE);
    buffer_free(&xpub);
}

static void messages_of_a_libzmq_client_are_opened_and_sealed_octet_for_octet(void **state)
{
    world_t *w = *state;
    uint8_t flags;
    answer_vector_hello(w);
    open_vector_initiate(w);
    w->server->sent = 1; /* READY */

    buffer_t frame = from_hex(CURVE_SUBSCRIBE), sealed = {0};
    assert_true(zmtp_curve_open(w->server, body_of(&frame, 0), &w->plain, &flags));
    assert_int_equal(flags, ZMTP_COMMAND);
    assert_octets(buffer_bytes(&w->plain), BYTES("\x09SUBSCRIBEev"));
    buffer_free(&frame);

    zmtp_curve_seal(w->server, ZMTP_MORE, BYTES("event"), &sealed);
    zmtp_curve_seal(w->server, 0, BYTES("hello"), &sealed);
    assert_written(&sealed, CURVE_EVENT CURVE_HELLO_TEXT);
}

/* ---- what is not exactly so ---- */

static bool hello_is_taken(void *context, bytes_t data)
{
    world_t *w = context;
    zmtp_curve_t server = *w->server;
    buffer_t out = {0};
    bool taken = zmtp_curve_answer_hello(&server, &w->bus, &w->random, data, &out);
    assert_int_equal(taken, out.len > 0);
    buffer_free(&out);
    return taken;
}

static bool initiate_is_taken(void *context, bytes_t data)
{
    world_t *w = context;
    zmtp_curve_t server = *w->server;
    zmtp_curve_initiate_t initiate;
    return zmtp_curve_open_initiate(&server, &w->bus, data, &w->plain, &initiate);
}

static bool message_is_taken(void *context, bytes_t body)
{
    world_t *w = context;
    zmtp_curve_t server = *w->server;
    uint8_t flags;
    return zmtp_curve_open(&server, body, &w->plain, &flags);
}

static void an_other_octet_of_a_client_is_refused_anywhere(void **state)
{
    world_t *w = *state;
    buffer_t hello = from_hex(CURVE_HELLO), initiate = from_hex(CURVE_INITIATE),
             message = from_hex(CURVE_SUBSCRIBE);
    assert_no_change_is_taken(data_of(&hello, ZMTP_COMMAND_HELLO), hello_is_taken, w);
    w->dice.given = 0;
    answer_vector_hello(w);
    assert_no_change_is_taken(data_of(&initiate, ZMTP_COMMAND_INITIATE), initiate_is_taken, w);
    open_vector_initiate(w);
    assert_no_change_is_taken(body_of(&message, 0), message_is_taken, w);
    buffer_free(&hello);
    buffer_free(&initiate);
    buffer_free(&message);
}

/* ---- our client and our server ---- */

static bool initiate_arrives(world_t *w, zmtp_curve_initiate_t *initiate)
{
    return zmtp_curve_open_initiate(w->server, &w->bus, data_of(&w->initiate, ZMTP_COMMAND_INITIATE),
                                    &w->plain, initiate);
}

/* Up to INITIATE, which is on its way. */
static void shake_half(world_t *w)
{
    assert_true(zmtp_curve_write_hello(w->client, &w->dialling, &w->random, &w->hello));
    assert_true(zmtp_curve_answer_hello(w->server, &w->bus, &w->random,
                                        data_of(&w->hello, ZMTP_COMMAND_HELLO), &w->welcome));
    assert_true(zmtp_curve_answer_welcome(w->client, &w->dialling, &w->random,
                                          data_of(&w->welcome, ZMTP_COMMAND_WELCOME), METADATA,
                                          &w->initiate));
}

static void shake(world_t *w)
{
    zmtp_curve_initiate_t initiate;
    shake_half(w);
    assert_true(initiate_arrives(w, &initiate));
    assert_octets(initiate.client_key, bytes_make(w->dialling.public_key, ZMTP_CURVE_KEY_BYTES));
    assert_octets(initiate.metadata, METADATA);
    zmtp_curve_write_ready(w->server, ANSWERED, &w->ready);
    assert_true(zmtp_curve_open_ready(w->client, data_of(&w->ready, ZMTP_COMMAND_READY), &w->plain));
    assert_octets(buffer_bytes(&w->plain), ANSWERED);
}

/* Seals, opens, and what comes is what went. */
static void carry(zmtp_curve_t *from, zmtp_curve_t *to, uint8_t flags, bytes_t body, buffer_t *plain)
{
    buffer_t frame = {0};
    uint8_t flags_come;
    zmtp_curve_seal(from, flags, body, &frame);
    assert_true(zmtp_curve_open(to, body_of(&frame, 0), plain, &flags_come));
    assert_int_equal(flags_come, flags);
    assert_octets(buffer_bytes(plain), body);
    buffer_free(&frame);
}

static void both_sides_understand_each_other(void **state)
{
    world_t *w = *state;
    static const uint8_t flags[] = {0, ZMTP_MORE, ZMTP_COMMAND};
    static const size_t lengths[] = {0, 1, 15, 16, 17, 221, 222, 223, 255, 256, 65535, 1 << 20};
    shake(w);
    assert_int_equal(w->server->awaits, ZMTP_COMMAND_MESSAGE);
    assert_int_equal(w->client->awaits, ZMTP_COMMAND_MESSAGE);
    uint8_t *body = malloc(1 << 20);
    for (size_t i = 0; i < 1 << 20; i++)
        body[i] = (uint8_t)(i * 31 + i / 256);
    for (size_t f = 0; f < sizeof flags; f++) {
        for (size_t l = 0; l < sizeof lengths / sizeof lengths[0]; l++) {
            carry(w->client, w->server, flags[f], bytes_make(body, lengths[l]), &w->plain);
            carry(w->server, w->client, flags[f], bytes_make(body, lengths[l]), &w->plain);
        }
    }
    free(body);
}

static void metadata_may_be_empty(void **state)
{
    world_t *w = *state;
    zmtp_curve_initiate_t initiate;
    assert_true(zmtp_curve_write_hello(w->client, &w->dialling, &w->random, &w->hello));
    assert_true(zmtp_curve_answer_hello(w->server, &w->bus, &w->random,
                                        data_of(&w->hello, ZMTP_COMMAND_HELLO), &w->welcome));
    assert_true(zmtp_curve_answer_welcome(w->client, &w->dialling, &w->random,
                                          data_of(&w->welcome, ZMTP_COMMAND_WELCOME), BYTES(""),
                                          &w->initiate));
    assert_int_equal(data_of(&w->initiate, ZMTP_COMMAND_INITIATE).len + 9, 257);
    assert_true(initiate_arrives(w, &initiate));
    assert_int_equal(initiate.metadata.len, 0);
    zmtp_curve_write_ready(w->server, BYTES(""), &w->ready);
    assert_int_equal(data_of(&w->ready, ZMTP_COMMAND_READY).len + 6, 30);
    assert_true(zmtp_curve_open_ready(w->client, data_of(&w->ready, ZMTP_COMMAND_READY), &w->plain));
}

static bool welcome_is_taken(void *context, bytes_t data)
{
    world_t *w = context;
    zmtp_curve_t client = *w->client;
    buffer_t out = {0};
    bool taken = zmtp_curve_answer_welcome(&client, &w->dialling, &w->random, data, METADATA, &out);
    assert_int_equal(taken, out.len > 0);
    buffer_free(&out);
    return taken;
}

static bool ready_is_taken(void *context, bytes_t data)
{
    world_t *w = context;
    zmtp_curve_t client = *w->client;
    return zmtp_curve_open_ready(&client, data, &w->plain);
}

static void an_other_octet_of_a_server_is_refused_anywhere(void **state)
{
    world_t *w = *state;
    zmtp_curve_initiate_t initiate;
    assert_true(zmtp_curve_write_hello(w->client, &w->dialling, &w->random, &w->hello));
    assert_true(zmtp_curve_answer_hello(w->server, &w->bus, &w->random,
                                        data_of(&w->hello, ZMTP_COMMAND_HELLO), &w->welcome));
    bytes_t welcome = data_of(&w->welcome, ZMTP_COMMAND_WELCOME);
    /* Of the cookie, which is the server's alone, too: it is in the box. */
    assert_no_change_is_taken(welcome, welcome_is_taken, w);
    assert_true(
        zmtp_curve_answer_welcome(w->client, &w->dialling, &w->random, welcome, METADATA, &w->initiate));
    assert_true(initiate_arrives(w, &initiate));
    zmtp_curve_write_ready(w->server, ANSWERED, &w->ready);
    assert_no_change_is_taken(data_of(&w->ready, ZMTP_COMMAND_READY), ready_is_taken, w);
}

/* ---- counters ---- */

static void a_message_that_comes_again_is_refused(void **state)
{
    world_t *w = *state;
    buffer_t first = {0}, second = {0};
    uint8_t flags;
    shake(w);
    zmtp_curve_seal(w->client, 0, BYTES("first"), &first);
    zmtp_curve_seal(w->client, 0, BYTES("second"), &second);
    assert_true(zmtp_curve_open(w->server, body_of(&second, 0), &w->plain, &flags));
    assert_false(zmtp_curve_open(w->server, body_of(&second, 0), &w->plain, &flags));
    assert_false(zmtp_curve_open(w->server, body_of(&first, 0), &w->plain, &flags));
    buffer_free(&first);
    buffer_free(&second);
}

static void counters_may_have_gaps(void **state)
{
    world_t *w = *state;
    shake(w);
    w->client->sent += 1000;
    carry(w->client, w->server, 0, BYTES("later"), &w->plain);
    w->client->sent = UINT64_MAX - 1;
    carry(w->client, w->server, 0, BYTES("last"), &w->plain);
}

static void a_counter_of_the_handshake_that_does_not_rise_is_refused(void **state)
{
    world_t *w = *state;
    zmtp_curve_initiate_t initiate;
    w->client->sent = UINT64_MAX; /* the next is 0 */
    assert_true(zmtp_curve_write_hello(w->client, &w->dialling, &w->random, &w->hello));
    assert_false(zmtp_curve_answer_hello(w->server, &w->bus, &w->random,
                                         data_of(&w->hello, ZMTP_COMMAND_HELLO), &w->welcome));
    buffer_clear(&w->hello);
    w->client->sent = 4;
    assert_true(zmtp_curve_write_hello(w->client, &w->dialling, &w->random, &w->hello));
    assert_true(zmtp_curve_answer_hello(w->server, &w->bus, &w->random,
                                        data_of(&w->hello, ZMTP_COMMAND_HELLO), &w->welcome));
    w->client->sent = 4; /* INITIATE has HELLO's */
    assert_true(zmtp_curve_answer_welcome(w->client, &w->dialling, &w->random,
                                          data_of(&w->welcome, ZMTP_COMMAND_WELCOME), METADATA,
                                          &w->initiate));
    assert_false(initiate_arrives(w, &initiate));
}

static void a_message_has_a_counter_above_the_handshakes(void **state)
{
    world_t *w = *state;
    buffer_t frame = {0};
    uint8_t flags;
    shake(w);
    w->client->sent = 1; /* INITIATE had 2 */
    w->server->sent = 0; /* READY had 1 */
    zmtp_curve_seal(w->client, 0, BYTES("x"), &frame);
    assert_false(zmtp_curve_open(w->server, body_of(&frame, 0), &w->plain, &flags));
    buffer_clear(&frame);
    zmtp_curve_seal(w->server, 0, BYTES("x"), &frame);
    assert_false(zmtp_curve_open(w->client, body_of(&frame, 0), &w->plain, &flags));
    buffer_free(&frame);
}

/* ---- who is meant ---- */

static void a_vouch_for_another_connection_is_refused(void **state)
{
    world_t *w = *state;
    zmtp_curve_initiate_t initiate;
    zmtp_bus_t thief = w->dialling;
    assert_true(zmtp_curve_write_hello(w->client, &w->dialling, &w->random, &w->hello));
    assert_true(zmtp_curve_answer_hello(w->server, &w->bus, &w->random,
                                        data_of(&w->hello, ZMTP_COMMAND_HELLO), &w->welcome));
    memset(thief.secret_key, 9, sizeof thief.secret_key); /* says that it is C, and does not have c */
    assert_true(zmtp_curve_answer_welcome(
        w->client, &thief, &w->random, data_of(&w->welcome, ZMTP_COMMAND_WELCOME), METADATA, &w->initiate));
    assert_false(initiate_arrives(w, &initiate));
}

/* INITIATE as its client would write it, but for the word within the vouch. */
static bool vouch_is_taken(world_t *w, const uint8_t *vouched_client, const uint8_t *vouched_server)
{
    zmtp_curve_t server = *w->server;
    zmtp_curve_initiate_t initiate;
    bytes_t data = data_of(&w->initiate, ZMTP_COMMAND_INITIATE);
    uint8_t changed[512], plain[256], vouch[64], nonce[24] = "CurveZMQINITIATE", shared[32];
    size_t plain_bytes = data.len - 96 - 8 - 16;
    memcpy(changed, data.data, data.len);
    memcpy(nonce + 16, changed + 96, 8);
    memcpy(shared, w->client->key, 32);
    assert_int_equal(crypto_box_open_easy_afternm(plain, changed + 104, plain_bytes + 16, nonce, shared), 0);
    memcpy(vouch, vouched_client, 32);
    memcpy(vouch + 32, vouched_server, 32);
    uint8_t vouch_nonce[24] = "VOUCH---", welcome_plain[128], welcome_nonce[24] = "WELCOME-", secret[32];
    memcpy(vouch_nonce + 8, plain + 32, 16);
    memset(secret, 0, sizeof secret);
    dice_t again = {0};
    dice_fall(&again, secret, 32); /* c' was drawn first */
    bytes_t welcome = data_of(&w->welcome, ZMTP_COMMAND_WELCOME);
    memcpy(welcome_nonce + 8, welcome.data, 16);
    assert_int_equal(
        crypto_box_open_easy(welcome_plain, welcome.data + 16, 144, welcome_nonce, w->bus.public_key, secret),
        0);
    assert_int_equal(
        crypto_box_easy(plain + 48, vouch, 64, vouch_nonce, welcome_plain, w->dialling.secret_key), 0);
    assert_int_equal(crypto_box_easy_afternm(changed + 104, plain, plain_bytes, nonce, shared), 0);
    return zmtp_curve_open_initiate(&server, &w->bus, bytes_make(changed, data.len), &w->plain, &initiate);
}

static void a_vouch_names_the_connection_and_the_server(void **state)
{
    world_t *w = *state;
    uint8_t other[32];
    shake_half(w);
    memset(other, 3, sizeof other);
    const uint8_t *client = data_of(&w->hello, ZMTP_COMMAND_HELLO).data + 74;
    assert_true(vouch_is_taken(w, client, w->bus.public_key));
    assert_false(vouch_is_taken(w, other, w->bus.public_key));
    assert_false(vouch_is_taken(w, client, other));
    assert_false(vouch_is_taken(w, w->bus.public_key, client));
}

static void an_initiate_opens_on_its_own_connection_only(void **state)
{
    world_t *w = *state;
    zmtp_curve_initiate_t initiate;
    shake_half(w);
    zmtp_curve_t other = *w->server;
    buffer_t welcome = {0};
    other.received = 0;
    assert_true(zmtp_curve_answer_hello(&other, &w->bus, &w->random, data_of(&w->hello, ZMTP_COMMAND_HELLO),
                                        &welcome));
    assert_false(zmtp_curve_open_initiate(&other, &w->bus, data_of(&w->initiate, ZMTP_COMMAND_INITIATE),
                                          &w->plain, &initiate));
    assert_true(initiate_arrives(w, &initiate));
    buffer_free(&welcome);
}

static void what_a_side_sealed_it_does_not_open(void **state)
{
    world_t *w = *state;
    buffer_t frame = {0};
    uint8_t flags;
    shake(w);
    w->client->sent += 100;
    zmtp_curve_seal(w->client, 0, BYTES("x"), &frame);
    assert_false(zmtp_curve_open(w->client, body_of(&frame, 0), &w->plain, &flags));
    buffer_free(&frame);
}

static void a_server_of_another_key_is_not_understood(void **state)
{
    world_t *w = *state;
    memset(w->bus.secret_key, 5, sizeof w->bus.secret_key);
    assert_true(zmtp_curve_write_hello(w->client, &w->dialling, &w->random, &w->hello));
    assert_false(zmtp_curve_answer_hello(w->server, &w->bus, &w->random,
                                         data_of(&w->hello, ZMTP_COMMAND_HELLO), &w->welcome));
    assert_int_equal(w->welcome.len, 0);
}

/* Keys of small order make the same shared key for all. */
static void keys_that_share_nothing_are_refused(void **state)
{
    world_t *w = *state;
    zmtp_bus_t bus = w->dialling;
    memset(bus.server_key, 0, sizeof bus.server_key);
    assert_false(zmtp_curve_write_hello(w->client, &bus, &w->random, &w->hello));
    assert_int_equal(w->hello.len, 0);

    uint8_t hello[194] = {1, 0}, shared[32] = {0}, nonce[24] = "CurveZMQHELLO---", nothing[64] = {0}, key[32];
    hello[113] = nonce[23] = 1;
    static const uint8_t sigma[16] = {0};
    crypto_core_hsalsa20(key, sigma, shared, NULL);
    crypto_secretbox_easy(hello + 114, nothing, sizeof nothing, nonce, key);
    assert_false(zmtp_curve_answer_hello(w->server, &w->bus, &w->random, bytes_make(hello, sizeof hello),
                                         &w->welcome));
    assert_int_equal(w->welcome.len, 0);
}

/* ---- what is within ---- */

static bool within_is_taken(world_t *w, bytes_t plain, uint8_t *flags)
{
    uint8_t body[64] = "\7MESSAGE", nonce[24] = "CurveZMQMESSAGEC";
    put_u64(body + 8, ++w->client->sent);
    memcpy(nonce + 16, body + 8, 8);
    crypto_box_easy_afternm(body + 16, plain.data, plain.len, nonce, w->client->key);
    return zmtp_curve_open(w->server, bytes_make(body, 8 + 8 + 16 + plain.len), &w->plain, flags);
}

static void only_more_or_command_are_flags_within(void **state)
{
    world_t *w = *state;
    shake(w);
    for (unsigned octet = 0; octet < 256; octet++) {
        uint8_t plain[2] = {(uint8_t)octet, 'x'}, flags;
        assert_int_equal(within_is_taken(w, bytes_make(plain, 2), &flags), octet < 3);
    }
    uint8_t flags;
    assert_true(within_is_taken(w, BYTES("\0"), &flags));
    assert_int_equal(w->plain.len, 0);
    assert_false(within_is_taken(w, BYTES(""), &flags)); /* not even flags */
}

/* ---- buffers ---- */

static void a_full_buffer_gets_no_part_of_a_message(void **state)
{
    world_t *w = *state;
    buffer_t whole = {0};
    shake(w);
    zmtp_curve_seal(w->server, 0, BYTES("hello"), &whole);
    for (size_t limit = 1; limit <= whole.len; limit++) {
        buffer_t b;
        buffer_init(&b, limit);
        zmtp_curve_seal(w->server, 0, BYTES("hello"), &b);
        assert_int_equal(b.failed, limit < whole.len);
        assert_int_equal(b.len, b.failed ? 0 : whole.len);
        buffer_free(&b);
    }
    buffer_free(&whole);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_libzmq_client_is_answered_octet_for_octet),
        TEST(messages_of_a_libzmq_client_are_opened_and_sealed_octet_for_octet),
        TEST(an_other_octet_of_a_client_is_refused_anywhere),
        TEST(both_sides_understand_each_other),
        TEST(metadata_may_be_empty),
        TEST(an_other_octet_of_a_server_is_refused_anywhere),
        TEST(a_message_that_comes_again_is_refused),
        TEST(counters_may_have_gaps),
        TEST(a_counter_of_the_handshake_that_does_not_rise_is_refused),
        TEST(a_message_has_a_counter_above_the_handshakes),
        TEST(a_vouch_for_another_connection_is_refused),
        TEST(a_vouch_names_the_connection_and_the_server),
        TEST(an_initiate_opens_on_its_own_connection_only),
        TEST(what_a_side_sealed_it_does_not_open),
        TEST(a_server_of_another_key_is_not_understood),
        TEST(keys_that_share_nothing_are_refused),
        TEST(only_more_or_command_are_flags_within),
        TEST(a_full_buffer_gets_no_part_of_a_message),
    };
    return cmocka_run_group_tests_name("zmtp curve", tests, NULL, NULL);
}
