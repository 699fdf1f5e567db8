/* SPDX-License-Identifier: Apache-2.0
 *
 * What comes from the bus, as JSON: text as text, all else as Base64, and many frames as an array. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "cli/bus/bus.h"

/* The message that was built so far, as one line of JSON; it is empty again. */
static void expect(bus_message_t *m, const char *wanted)
{
    json_t *object = bus_message_json(m);
    char *text = json_dumps(object, JSON_COMPACT);
    assert_string_equal(text, wanted);
    free(text);
    json_decref(object);
    bus_message_clear(m);
}

static void add(bus_message_t *m, const char *part)
{
    bus_message_add(m, bytes_string(part));
}

static void a_message_has_a_topic_and_a_body(void **state)
{
    (void)state;
    bus_message_t m = {0};
    bus_message_clear(&m);
    add(&m, "a.b"), add(&m, "caf\xc3\xa9");
    expect(&m, "{\"topic\":\"a.b\",\"body\":\"caf\xc3\xa9\"}");
    add(&m, ""), add(&m, "");
    expect(&m, "{\"topic\":\"\",\"body\":\"\"}");
    add(&m, "alone");
    expect(&m, "{\"topic\":\"alone\",\"body\":\"\"}");
    bus_message_free(&m);
}

static void what_is_known_of_an_event_is_there_too(void **state)
{
    (void)state;
    bus_message_t m = {0};
    bus_message_clear(&m);
    add(&m, "a"), add(&m, "b");
    memcpy(m.seq, "42", 3);
    m.view = 3, m.delivery_count = 0;
    expect(&m, "{\"topic\":\"a\",\"body\":\"b\",\"seq\":42,\"view\":3,\"delivery_count\":0}");
    add(&m, "a"), add(&m, "b");
    expect(&m, "{\"topic\":\"a\",\"body\":\"b\"}");
    bus_message_free(&m);
}

/* Vectors of RFC 4648 §10, each behind an octet that is no text. */
static void octets_that_are_no_text_are_base64(void **state)
{
    static const struct {
        const char *octets, *text;
    } vectors[] = {{"\xff", "/w=="},
                   {"\xff"
                    "f",
                    "/2Y="},
                   {"\xff"
                    "fo",
                    "/2Zv"},
                   {"\xff"
                    "foo",
                    "/2Zvbw=="},
                   {"\xff"
                    "foob",
                    "/2Zvb2I="},
                   {"\xff"
                    "fooba",
                    "/2Zvb2Jh"}};
    (void)state;
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        json_t *object = json_object();
        bus_json_octets(object, "x", bytes_string(vectors[i].octets));
        assert_string_equal(json_string_value(json_object_get(object, "x64")), vectors[i].text);
        assert_null(json_object_get(object, "x"));
        json_decref(object);
    }
}

static void frames_are_all_text_or_all_base64(void **state)
{
    (void)state;
    bus_message_t m = {0};
    bus_message_clear(&m);
    add(&m, "t"), add(&m, "one"), add(&m, ""), add(&m, "3");
    bytes_t body = bus_message_body(&m);
    assert_true(bytes_equal(body, BYTES("one3")));
    expect(&m, "{\"topic\":\"t\",\"body\":[\"one\",\"\",\"3\"]}");
    add(&m, "t"), add(&m, "foo"), add(&m, "\xff");
    expect(&m, "{\"topic\":\"t\",\"body64\":[\"Zm9v\",\"/w==\"]}");
    bus_message_free(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_has_a_topic_and_a_body),
        cmocka_unit_test(what_is_known_of_an_event_is_there_too),
        cmocka_unit_test(octets_that_are_no_text_are_base64),
        cmocka_unit_test(frames_are_all_text_or_all_base64),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
