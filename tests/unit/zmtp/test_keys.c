/* SPDX-License-Identifier: Apache-2.0
 *
 * test_keys.c: files of CURVE keys: what they say, and what is wrong with them, by its line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/z85.h"
#include "curve_world.h"
#include "zmtp/keys.h"

/* The test keys of RFC 32's server, and of ZeroMQ's manual. */
#define SERVER_PUBLIC "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7"
#define SERVER_SECRET "JTKVSB%%)wK0E.X)V>+}o?pNmC{O&4W4b!Ni{Lh6"
#define CLIENT_PUBLIC "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID"

#define PAIR "public = " SERVER_PUBLIC "\nsecret = " SERVER_SECRET "\n"

static bool is_key(const uint8_t *key, const char *text)
{
    char encoded[41];
    z85_encode(bytes_make(key, 32), encoded);
    return strcmp(encoded, text) == 0;
}

static void assert_pair(const char *text)
{
    zmtp_key_pair_t pair;
    error_t err = {""};
    assert_int_equal(zmtp_key_pair_parse(bytes_string(text), &pair, &err), 0);
    assert_string_equal(err.text, "");
    assert_true(is_key(pair.public_key, SERVER_PUBLIC) && is_key(pair.secret_key, SERVER_SECRET));
    assert_true(zmtp_is_key_pair(bytes_string(text)));
}

static void assert_no_pair(const char *text, const char *why)
{
    static const zmtp_key_pair_t nothing;
    zmtp_key_pair_t pair;
    error_t err = {""};
    assert_int_equal(zmtp_key_pair_parse(bytes_string(text), &pair, &err), -1);
    assert_string_equal(err.text, why);
    assert_memory_equal(&pair, &nothing, sizeof pair);
}

/* ---- key pairs ---- */

static void a_key_pair_is_read(void **state)
{
    (void)state;
    assert_pair(PAIR);
    assert_pair("public = " SERVER_PUBLIC "\nsecret = " SERVER_SECRET); /* without the last line's end */
    assert_pair("#mine\r\n\r\n \t#\r\nsecret=" SERVER_SECRET
                "  #nobody's business\r\n\tpublic  =" SERVER_PUBLIC "\r\n");
}

static void what_is_written_is_read(void **state)
{
    (void)state;
    dice_t dice = {0};
    random_source_t random = dice_source(&dice);
    zmtp_key_pair_t pair, again;
    buffer_t b = {0};
    for (int i = 0; i < 100; i++) {
        zmtp_key_pair_make(&random, &pair);
        zmtp_key_pair_write(&pair, &b);
        assert_int_equal(zmtp_key_pair_parse(buffer_bytes(&b), &again, NULL), 0);
        assert_memory_equal(&pair, &again, sizeof pair);
        buffer_clear(&b);
    }
    buffer_free(&b);
}

static void a_key_pair_that_is_wrong_is_told_by_its_line(void **state)
{
    (void)state;
#define EXPECTED ": expected 'public = KEY' or 'secret = KEY'"
#define NO_KEY   ": expected a key, 40 characters of Z85"
    assert_no_pair("", "line 1: the end, and there was no 'public = KEY'");
    assert_no_pair("public = " SERVER_PUBLIC "\n# no more\n",
                   "line 3: the end, and there was no 'secret = KEY'");
    assert_no_pair(PAIR "publik = x\n", "line 3" EXPECTED);
    assert_no_pair("public\n" PAIR, "line 1" EXPECTED);
    assert_no_pair("public" SERVER_PUBLIC "\n", "line 1" EXPECTED);
    assert_no_pair("\npublic =\n", "line 2: public" NO_KEY);
    assert_no_pair("secret = " SERVER_SECRET "x\n", "line 1: secret" NO_KEY);
    assert_no_pair("secret = JTKVSB%%)wK0E.X)V>+}o?pNmC{O&4W4b!Ni{Lh\n", "line 1: secret" NO_KEY);
    assert_no_pair("secret = JTKVSB%%)wK0E.X)V>+}o?pNmC{O&4W4b!Ni{Lh~\n", "line 1: secret" NO_KEY);
    assert_no_pair("secret = " SERVER_SECRET " x\n", "line 1: secret" NO_KEY);
    assert_no_pair(PAIR "\npublic = " SERVER_PUBLIC, "line 4: public again, after line 1");
    assert_no_pair("secret = " SERVER_SECRET "\npublic = " CLIENT_PUBLIC,
                   "line 2: this public key does not belong to the secret one of line 1");
}

static void a_file_of_clients_is_no_key_pair(void **state)
{
    (void)state;
    assert_false(zmtp_is_key_pair(BYTES("")));
    assert_false(zmtp_is_key_pair(BYTES("# public = x\n" CLIENT_PUBLIC " anna\n")));
    assert_true(zmtp_is_key_pair(BYTES("# who\nsecret = ?\n")));
}

/* ---- clients ---- */

static void assert_no_users(const char *text, const char *why)
{
    zmtp_curve_user_t *users;
    size_t count;
    error_t err = {""};
    assert_int_equal(zmtp_curve_users_parse(bytes_string(text), &users, &count, &err), -1);
    assert_string_equal(err.text, why);
    assert_null(users);
    assert_int_equal(count, 0);
}

static void clients_are_read(void **state)
{
    (void)state;
    zmtp_curve_user_t *users;
    size_t count;
    bytes_t text =
        BYTES("# who may\n\n" CLIENT_PUBLIC " anna # from the press\r\n  " SERVER_PUBLIC "\tj\xc3\xb6rg#1");
    assert_int_equal(zmtp_curve_users_parse(text, &users, &count, NULL), 0);
    assert_int_equal(count, 2);
    assert_true(is_key(users[0].key, CLIENT_PUBLIC) && is_key(users[1].key, SERVER_PUBLIC));
    assert_string_equal(users[0].user, "anna");
    assert_string_equal(users[1].user, "j\xc3\xb6rg#1");
    mem_free(users);
}

/* So a comment is never taken for one. */
static void no_key_begins_as_a_comment_does(void **state)
{
    (void)state;
    uint8_t key[32];
    char text[] = "#000000000000000000000000000000000000000";
    assert_false(zmtp_key_parse(bytes_string(text), key));
    text[0] = '%';
    assert_true(zmtp_key_parse(bytes_string(text), key));
    text[0] = '0';
    assert_false(zmtp_key_parse(bytes_string(text), key));
}

/* NULL would let everybody in. */
static void nobody_is_a_list_too(void **state)
{
    (void)state;
    zmtp_curve_user_t *users = NULL;
    size_t count = 1;
    assert_int_equal(zmtp_curve_users_parse(BYTES("# nobody\n"), &users, &count, NULL), 0);
    assert_non_null(users);
    assert_int_equal(count, 0);
    mem_free(users);
}

static void many_clients_are_read(void **state)
{
    (void)state;
    buffer_t b = {0};
    zmtp_curve_user_t *users;
    size_t count;
    for (uint32_t i = 0; i < 1000; i++) {
        uint8_t key[32] = {(uint8_t)(i >> 8), (uint8_t)i, 1};
        char text[41];
        z85_encode(bytes_make(key, 32), text);
        write_bytes(&b, bytes_string(text));
        write_bytes(&b, BYTES(" anna\n"));
    }
    assert_int_equal(zmtp_curve_users_parse(buffer_bytes(&b), &users, &count, NULL), 0);
    assert_int_equal(count, 1000);
    assert_true(users[999].key[0] == 3 && users[999].key[1] == 0xe7);
    mem_free(users);
    buffer_free(&b);
}

static void clients_that_are_wrong_are_told_by_their_line(void **state)
{
    (void)state;
    char long_name[400] = CLIENT_PUBLIC " ";
    memset(long_name + 41, 'a', 256);
#define NO_LINE ": expected a key, 40 characters of Z85, and a user"
#define NO_USER ": expected a user behind the key, 1 to 255 octets of UTF-8"
    assert_no_users("anna " CLIENT_PUBLIC "\n", "line 1" NO_LINE);
    assert_no_users("\n- comment\n", "line 2" NO_LINE);
    assert_no_users(PAIR, "line 1" NO_LINE);
    assert_no_users("# one\n" CLIENT_PUBLIC "\n", "line 2" NO_USER);
    assert_no_users(CLIENT_PUBLIC " # anna\n", "line 1" NO_USER);
    assert_no_users(CLIENT_PUBLIC " an\x01na\n", "line 1" NO_USER);
    assert_no_users(CLIENT_PUBLIC " j\xf6rg\n", "line 1" NO_USER);
    assert_no_users(long_name, "line 1" NO_USER);
    assert_no_users(CLIENT_PUBLIC " anna smith\n", "line 1: expected nothing behind the user");
    assert_no_users(CLIENT_PUBLIC " anna\n" SERVER_PUBLIC " bob\n\n" CLIENT_PUBLIC " bob\n",
                    "line 4: this key is there already, of user 'anna'");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_pair_is_read),
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(a_key_pair_that_is_wrong_is_told_by_its_line),
        cmocka_unit_test(a_file_of_clients_is_no_key_pair),
        cmocka_unit_test(clients_are_read),
        cmocka_unit_test(no_key_begins_as_a_comment_does),
        cmocka_unit_test(nobody_is_a_list_too),
        cmocka_unit_test(many_clients_are_read),
        cmocka_unit_test(clients_that_are_wrong_are_told_by_their_line),
    };
    return cmocka_run_group_tests_name("zmtp keys", tests, NULL, NULL);
}
