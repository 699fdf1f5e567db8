/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of frames.h, both ways: what frames become, and that they come back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/properties.h"
#include "base/table.h"
#include "model/frames.h"

static void assert_text(bytes_t got, bytes_t expected)
{
    assert_int_equal(got.len, expected.len);
    if (got.len > 0)
        assert_memory_equal(got.data, expected.data, got.len);
}

/* Of these frames, with no more than `at_hand` octets of the last to begin with. */
static message_t *make(const frames_envelope_t *e, const bytes_t *frames, size_t count, size_t at_hand)
{
    uint64_t lengths[8], total = 0;
    buffer_t octets = {0};
    for (size_t i = 0; i < count; i++) {
        lengths[i] = frames[i].len;
        total += frames[i].len;
        write_bytes(&octets, frames[i]);
    }
    size_t missing = frames[count - 1].len < at_hand ? 0 : frames[count - 1].len - at_hand;
    message_t *m = frames_message(e, lengths, count, bytes_make(octets.data, octets.len - missing));
    m = message_append(m, bytes_make(octets.data + octets.len - missing, missing), total);
    buffer_free(&octets);
    return m;
}

static void expect_frames(const message_t *m, bool with_topic, const bytes_t *frames, size_t count)
{
    message_frame_t f;
    size_t at = 0;
    bytes_t body = message_body(m);
    frames_walk_t walk = frames_walk(m, with_topic);
    for (size_t i = 0; i < count; i++) {
        assert_true(frames_next(&walk, &f));
        assert_text(f.is_topic ? f.topic : bytes_make(body.data + at, (size_t)f.body_bytes), frames[i]);
        assert_int_equal(f.more, i + 1 < count);
        at += f.is_topic ? 0 : (size_t)f.body_bytes;
    }
    assert_int_equal(at, body.len);
    assert_false(frames_next(&walk, &f));
}

static bool has_header(const message_t *m, const char *name)
{
    field_t f;
    return table_find(properties_headers(message_properties(m)), bytes_string(name), &f);
}

static char long_text[400], much[5000];
#define LONG bytes_make(long_text, sizeof long_text)
#define MUCH bytes_make(much, sizeof much)

static int fill(void **state)
{
    (void)state;
    memset(long_text, 'l', sizeof long_text);
    memset(much, 'm', sizeof much);
    long_text[300] = ' ';
    much[7] = '\n';
    return 0;
}

static const frames_envelope_t to_exchange = {.exchange = {(const uint8_t *)"x", 1}, .has_topic = true};

/* ---- frames → message → frames ---- */

static void whatever_the_frames_they_come_back(void **state)
{
    (void)state;
    const bytes_t lists[][5] = {
        {BYTES("topic"), BYTES("a")},
        {BYTES("topic"), BYTES("")},
        {BYTES(""), BYTES("a")},
        {BYTES(""), BYTES("")},
        {BYTES("topic"), BYTES("a"), MUCH},
        {BYTES("t"), BYTES(""), BYTES("a"), BYTES(""), BYTES("")},
        {BYTES("one word and more")},
        {MUCH},
        {LONG, BYTES("a")},
        {LONG, BYTES("")},
        {LONG, LONG, LONG},
        {BYTES("topic"), MUCH},
    };
    static const size_t counts[] = {2, 2, 2, 2, 3, 5, 1, 1, 2, 2, 3, 2};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        for (int cut = 0; cut < 2; cut++) {
            message_t *m = make(&to_exchange, lists[i], counts[i], cut ? 256 : SIZE_MAX);
            assert_true(properties_valid(message_properties(m)));
            assert_true(m->persistent);
            expect_frames(m, true, lists[i], counts[i]);
            assert_text(message_topic(m), lists[i][0]);
            message_free(m);
        }
    }
}

static void what_amqp_sees_of_them(void **state)
{
    (void)state;
    const bytes_t two[] = {BYTES("a.b"), BYTES("body")}, three[] = {BYTES("a.b"), BYTES("bo"), BYTES("dy")};
    const bytes_t one[] = {BYTES("a.b body")}, large[] = {LONG, BYTES("x")};
    message_t *m = make(&to_exchange, two, 2, SIZE_MAX);
    assert_text(message_routing_key(m), BYTES("a.b"));
    assert_text(message_body(m), BYTES("body"));
    assert_false(has_header(m, "frames"));
    assert_int_equal(frames_form(m), FRAMES_FORM_TOPIC);
    message_free(m);

    m = make(&to_exchange, three, 3, SIZE_MAX);
    assert_text(message_routing_key(m), BYTES("a.b"));
    assert_text(message_body(m), BYTES("body"));
    assert_true(has_header(m, "frames"));
    assert_false(has_header(m, "topic-in-body"));
    assert_int_equal(frames_form(m), FRAMES_FORM_CUT);
    message_free(m);

    m = make(&to_exchange, one, 1, SIZE_MAX);
    assert_text(message_routing_key(m), BYTES("a.b"));
    assert_text(message_body(m), BYTES("a.b body"));
    assert_text(properties_headers(message_properties(m)), FRAMES_ALONE);
    assert_int_equal(frames_form(m), FRAMES_FORM_ALONE);
    message_free(m);

    m = make(&to_exchange, large, 2, SIZE_MAX);
    assert_int_equal(message_routing_key(m).len, 255);
    assert_int_equal(message_body(m).len, 401);
    assert_true(has_header(m, "topic-in-body"));
    message_free(m);
}

static void the_common_form_is_known_at_a_glance(void **state)
{
    (void)state;
    const bytes_t frames[] = {BYTES("all of it")};
    message_t *m = make(&to_exchange, frames, 1, SIZE_MAX);
    assert_true(frames_properties_alone(message_properties(m)));
    message_free(m);
    frames_envelope_t e = to_exchange;
    e.user_id = BYTES("u");
    m = make(&e, frames, 1, SIZE_MAX);
    assert_false(frames_properties_alone(message_properties(m)));
    assert_int_equal(frames_form(m), FRAMES_FORM_ALONE);
    assert_text(message_topic(m), frames[0]);
    message_free(m);
    assert_false(frames_properties_alone(BYTES("")));
}

static void words_end_where_they_do(void **state)
{
    (void)state;
    static const struct {
        bytes_t frame, word;
    } cases[] = {
        {BYTES("hello world"), BYTES("hello")},
        {BYTES("a\0b"), BYTES("a")},
        {BYTES("a\rb"), BYTES("a")},
        {BYTES("a\nb"), BYTES("a")},
        {BYTES(" a"), BYTES("")},
        {BYTES(""), BYTES("")},
        {BYTES("a\tb"), BYTES("a\tb")},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_text(frames_first_word(cases[i].frame), cases[i].word);
    assert_int_equal(frames_first_word(LONG).len, 255);
}

static void straight_into_a_queue_there_is_no_topic(void **state)
{
    (void)state;
    const bytes_t one[] = {BYTES("a body")}, two[] = {BYTES("a"), BYTES("b")};
    frames_envelope_t e = {.routing_key = BYTES("queue")};
    message_t *m = make(&e, one, 1, SIZE_MAX);
    assert_text(message_routing_key(m), BYTES("queue"));
    assert_false(has_header(m, "frames"));
    expect_frames(m, false, one, 1);
    message_free(m);
    m = make(&e, two, 2, SIZE_MAX);
    assert_text(message_body(m), BYTES("ab"));
    expect_frames(m, false, two, 2);
    message_free(m);
}

static void the_envelope_is_properties(void **state)
{
    (void)state;
    static const struct {
        property_t property;
        bytes_t value;
    } expected[] = {
        {PROPERTY_DELIVERY_MODE, BYTES("\2")}, {PROPERTY_CORRELATION_ID, BYTES("c")},
        {PROPERTY_REPLY_TO, BYTES("r")},       {PROPERTY_MESSAGE_ID, BYTES("m")},
        {PROPERTY_USER_ID, BYTES("u")},        {PROPERTY_TIMESTAMP, BYTES("\0\0\0\0\0\0\0\x09")},
    };
    const bytes_t frames[] = {BYTES("t"), BYTES("a"), BYTES("b")};
    frames_envelope_t e = {.exchange = BYTES("x"),
                           .has_topic = true,
                           .time_s = 9,
                           .user_id = BYTES("u"),
                           .correlation_id = BYTES("c"),
                           .reply_to = BYTES("r"),
                           .message_id = BYTES("m")};
    message_t *m = make(&e, frames, 3, SIZE_MAX);
    assert_true(properties_valid(message_properties(m)));
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        bytes_t value;
        assert_true(properties_get(message_properties(m), expected[i].property, &value));
        assert_text(value, expected[i].value);
    }
    expect_frames(m, true, frames, 3);
    message_free(m);
}

/* ---- a header that somebody wrote ---- */

/* A message with `headers` (a table's content); its key is "key". */
static message_t *with_headers(bytes_t headers, bytes_t body)
{
    buffer_t b = {0};
    write_u16(&b, PROPERTY_FLAG(PROPERTY_HEADERS));
    write_long_string(&b, headers);
    message_t *m = message_new_whole(BYTES("x"), BYTES("key"), buffer_bytes(&b), body);
    assert_true(properties_valid(message_properties(m)));
    buffer_free(&b);
    return m;
}

static void a_wrong_header_is_as_none(void **state)
{
    (void)state;
    static const bytes_t wrong[] = {
        BYTES("\6framesA\0\0\0\2b\3"),         /* too little */
        BYTES("\6framesA\0\0\0\2b\5"),         /* too much */
        BYTES("\6framesA\0\0\0\4b\3b\2"),      /* too much in the end */
        BYTES("\6framesA\0\0\0\4b\377b\5"),    /* negative */
        BYTES("\6framesA\0\0\0\7S\0\0\0\2aa"), /* a text */
        BYTES("\6framesS\0\0\0\1x"),           /* no array */
        BYTES("\6framesl\0\0\0\0\0\0\0\4"),    /* a number */
        BYTES("\6framesA\0\0\0\x12l\x7f\xff\xff\xff\xff\xff\xff\xffl\x7f\xff\xff\xff\xff\xff\xff\xff"),
        BYTES("\6framesA\0\0\0\2b\5\x0dtopic-in-bodyt\1"),
        BYTES("\6Framesb\1"),
    };
    const bytes_t frames[] = {BYTES("key"), BYTES("body")};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        message_t *m = with_headers(wrong[i], BYTES("body"));
        expect_frames(m, true, frames, 2);
        expect_frames(m, false, frames + 1, 1);
        assert_text(message_topic(m), BYTES("key"));
        message_free(m);
    }
}

static void a_right_one_counts_whatever_its_numbers_width(void **state)
{
    (void)state;
    const bytes_t frames[] = {BYTES("key"), BYTES("b"), BYTES("od"), BYTES("y")};
    message_t *m = with_headers(BYTES("\6framesA\0\0\0\n"
                                      "b\1"
                                      "I\0\0\0\2"
                                      "s\0\1"),
                                BYTES("body"));
    expect_frames(m, true, frames, 4);
    message_free(m);
    const bytes_t in_body[] = {BYTES("b"), BYTES("ody")};
    m = with_headers(BYTES("\6framesA\0\0\0\4b\1b\3\x0dtopic-in-bodyt\1"), BYTES("body"));
    expect_frames(m, true, in_body, 2);
    assert_text(message_topic(m), BYTES("b"));
    message_free(m);
}

/* Of a message with parts the lengths are those of its whole body. */
static void parts_count(void **state)
{
    (void)state;
    message_frame_t f;
    message_t *m = with_headers(BYTES("\6framesA\0\0\0\4b\2b\t"), BYTES("y"));
    message_part_t *parts = mem_alloc(sizeof *parts);
    *parts = (message_part_t){.record = 1, .bytes = 10};
    message_set_parts(m, parts, 1);
    frames_walk_t walk = frames_walk(m, false);
    assert_true(frames_next(&walk, &f));
    assert_int_equal(f.body_bytes, 2);
    assert_true(frames_next(&walk, &f));
    assert_int_equal(f.body_bytes, 9);
    assert_false(frames_next(&walk, &f));
    message_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whatever_the_frames_they_come_back),
        cmocka_unit_test(what_amqp_sees_of_them),
        cmocka_unit_test(the_common_form_is_known_at_a_glance),
        cmocka_unit_test(words_end_where_they_do),
        cmocka_unit_test(straight_into_a_queue_there_is_no_topic),
        cmocka_unit_test(the_envelope_is_properties),
        cmocka_unit_test(a_wrong_header_is_as_none),
        cmocka_unit_test(a_right_one_counts_whatever_its_numbers_width),
        cmocka_unit_test(parts_count),
    };
    return cmocka_run_group_tests(tests, fill, NULL);
}
