/* SPDX-License-Identifier: Apache-2.0
 *
 * test_session_frames.c: framing: whatever the pieces in which octets arrive, and whatever octets they are.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "amqp/test_session.h"

/* ---- one conversation, as the commands it makes ---- */

/* What a client might send in its life, after tune. */
static void write_conversation(buffer_t *b)
{
    buffer_t arguments = {0};
    table_put_long(&arguments, "x-message-ttl", 1000);
    write_bytes(b, HEADER);
#define SAY(channel, class_method, ...)                                                                      \
    amqp_write_method(b, channel, AMQP_##class_method, &(amqp_##class_method##_t){__VA_ARGS__})
    SAY(0, connection_start_ok, .mechanism = BYTES("PLAIN"), .response = GUEST, .locale = BYTES("en_US"));
    SAY(0, connection_tune_ok, .channel_max = 2047, .frame_max = 4096, .heartbeat = 60);
    SAY(0, connection_open, .virtual_host = BYTES("/"));
    SAY(1, channel_open, .unused = 0);
    SAY(7, channel_open, .unused = 0);
    SAY(1, queue_declare, .queue = BYTES("q"), .durable = true, .arguments = buffer_bytes(&arguments));
    SAY(1, basic_publish, .exchange = BYTES("x"), .routing_key = BYTES("k"), .mandatory = true);
    amqp_write_heartbeat(b);
    SAY(7, basic_qos, .prefetch_count = 10);
    amqp_write_header(b, 1, 11, BYTES("\x10\0\2"));
    write_frame(b, AMQP_FRAME_BODY, 1, BYTES("hello"));
    SAY(7, basic_consume, .queue = BYTES("q"), .consumer_tag = BYTES("t"));
    write_frame(b, AMQP_FRAME_BODY, 1, BYTES(""));
    write_frame(b, AMQP_FRAME_BODY, 1, BYTES(" world"));
    SAY(1, basic_publish, .routing_key = BYTES("q"));
    amqp_write_header(b, 1, 0, BYTES("\0\0"));
    SAY(7, channel_close, .reply_code = 200);
    SAY(7, channel_open, .unused = 0);
    SAY(7, basic_ack, .delivery_tag = 3, .multiple = true);
    SAY(0, connection_close, .reply_code = 200, .reply_text = BYTES("bye"));
#undef SAY
    buffer_free(&arguments);
}

static void write_text(buffer_t *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void write_text(buffer_t *b, const char *format, ...)
{
    char text[256];
    va_list args;
    va_start(args, format);
    write_bytes(b, bytes_make(text, text_format_list(text, sizeof text, format, args)));
    va_end(args);
}

static void write_command(buffer_t *b, const command_t *c)
{
    write_text(b, "%u:%u:%u:%u", c->type, c->channel, c->flags, c->count);
    if (command_has_request(c->type))
        write_text(b, " '%.*s' '%.*s' %zu", TEXT_ARG(c->request->name), TEXT_ARG(c->request->tag),
                   c->request->arguments.len);
    else if (c->type == COMMAND_PUBLISH)
        write_text(b, " '%.*s' '%.*s' %u '%.*s'", TEXT_ARG(message_exchange(c->message)),
                   TEXT_ARG(message_routing_key(c->message)), c->message->persistent,
                   TEXT_ARG(message_body(c->message)));
    else if (c->type == COMMAND_ACK)
        write_text(b, " %u", (unsigned)c->number);
    write_text(b, "\n");
}

/* Takes the commands that are there, writes them down, answers as the engine would. Returns how many. */
static size_t play_engine(hands_t *h, buffer_t *story)
{
    size_t count = 0;
    for (command_t *c = next_command(h); c->type != COMMANDS_END; c = next_command(h), count++) {
        write_command(story, c);
        if (c->type == COMMAND_CONNECTION_OPEN)
            tell(h, (event_t){.type = EVENT_CONNECTION_OPENED});
        else if (c->type == COMMAND_CONNECTION_CLOSE)
            tell(h, (event_t){.type = EVENT_CONNECTION_CLOSED});
        else if (c->type == COMMAND_CHANNEL_CLOSE)
            tell(h, (event_t){.type = EVENT_CHANNEL_CLOSED, .channel = c->channel, .cause = c->cause});
    }
    return count;
}

static const char expected_story[] = "0:0:0:0\n"
                                     "3:1:0:0\n"
                                     "3:7:0:0\n"
                                     "11:1:4:0 'q' '' 23\n"
                                     "16:7:0:10\n"
                                     "17:7:0:1 'q' 't' 0\n"
                                     "19:1:8192:0 'x' 'k' 1 'hello world'\n"
                                     "19:1:0:0 '' 'q' 0 ''\n"
                                     "4:7:0:0\n"
                                     "3:7:0:0\n"
                                     "21:7:2048:0 3\n"
                                     "1:0:0:0\n";

/* Frees it. */
static void assert_story(buffer_t *story)
{
    if (!bytes_equal(buffer_bytes(story), BYTES(expected_story)))
        fail_msg("not the same commands:\n%.*s", TEXT_ARG(buffer_bytes(story)));
    buffer_free(story);
}

/* The conversation in two pieces, the first of `split` octets. */
static void converse(hands_t *h, bytes_t all, size_t split)
{
    buffer_t story = {0};
    connect_client(h);
    give(h, bytes_make(all.data, split));
    play_engine(h, &story);
    give(h, bytes_make(all.data + split, all.len - split));
    while (play_engine(h, &story) > 0)
        feed(h);
    assert_story(&story);
    assert_true(h->closed);
    hang_up(h, "closed");
    expect_command(h, COMMAND_CONNECTION_RELEASE);
}

static void a_conversation_split_anywhere_makes_the_same_commands(void **state)
{
    hands_t *h = *state;
    buffer_t all = {0};
    write_conversation(&all);
    for (size_t split = 0; split <= all.len; split++)
        converse(h, buffer_bytes(&all), split);
    buffer_free(&all);
}

static void a_conversation_octet_by_octet_makes_the_same_commands(void **state)
{
    hands_t *h = *state;
    buffer_t all = {0}, story = {0};
    write_conversation(&all);
    connect_client(h);
    for (size_t i = 0; i < all.len; i++) {
        give(h, bytes_make(all.data + i, 1));
        while (play_engine(h, &story) > 0)
            feed(h);
    }
    assert_story(&story);
    buffer_free(&all);
}

/* Whatever a peer sends, the session lives until its two ends are gone, and then is gone too. */
static void any_damaged_octet_is_survived(void **state)
{
    static const uint8_t masks[] = {0x01, 0x80, 0xff, 0x3c};
    hands_t *h = *state;
    buffer_t all = {0}, story = {0};
    write_conversation(&all);
    for (size_t i = 0; i < all.len * sizeof masks; i++) {
        uint8_t *octet = &all.data[i / sizeof masks], mask = masks[i % sizeof masks];
        *octet ^= mask;
        connect_client(h);
        give(h, buffer_bytes(&all));
        while (play_engine(h, &story) > 0)
            feed(h);
        *octet ^= mask;
        hang_up(h, "closed by peer");
        play_engine(h, &story);
        assert_int_equal(amqp_io_sessions(h->io), 0);
        buffer_clear(&story);
    }
    buffer_free(&all);
    buffer_free(&story);
}

/* ---- a small ring ---- */

static void with_a_ring_of(size_t items)
{
    hands_t *h = hands_new(items, NULL);
    buffer_t all = {0}, story = {0};
    write_conversation(&all);
    connect_client(h);
    give(h, buffer_bytes(&all));
    size_t stalls = 0;
    while (h->unread.len > 0 || !h->closed) {
        stalls += !h->reading;
        assert_true(play_engine(h, &story) > 0);
        amqp_io_resume(h->io);
        feed(h);
    }
    assert_true(stalls > 2);
    assert_story(&story);
    buffer_free(&all);
    void *own = h;
    tear_down(&own);
}

static void a_small_ring_only_makes_it_wait(void **state)
{
    (void)state;
    with_a_ring_of(2);
    with_a_ring_of(4);
}

static void a_full_ring_stops_reading_until_there_is_room(void **state)
{
    (void)state;
    hands_t *h = hands_new(4, NULL);
    open_connection(h);
    GIVE(h, 1, channel_open, .unused = 0);
    GIVE(h, 2, channel_open, .unused = 0);
    assert_false(h->reading);
    amqp_io_resume(h->io);
    assert_false(h->reading);
    expect_command(h, COMMAND_CHANNEL_OPEN);
    amqp_io_resume(h->io);
    assert_true(h->reading);
    feed(h);
    assert_int_equal(expect_command(h, COMMAND_CHANNEL_OPEN)->channel, 2);
    void *own = h;
    tear_down(&own);
}

static void a_stalled_session_may_lose_its_socket(void **state)
{
    (void)state;
    hands_t *h = hands_new(4, NULL);
    open_connection(h);
    GIVE(h, 1, channel_open, .unused = 0);
    GIVE(h, 2, channel_open, .unused = 0);
    assert_false(h->reading);
    hang_up(h, "closed by peer");
    amqp_io_resume(h->io);
    void *own = h;
    tear_down(&own);
}

static void two_reasons_not_to_read_must_both_go(void **state)
{
    (void)state;
    hands_t *h = hands_new(4, NULL);
    open_connection(h);
    tell(h, (event_t){.type = EVENT_READING_PAUSED});
    assert_false(h->reading);
    h->reading = true; /* octets that were on their way */
    GIVE(h, 1, channel_open, .unused = 0);
    h->reading = false;
    expect_no_command(h);
    tell(h, (event_t){.type = EVENT_READING_RESUMED});
    assert_true(h->reading);
    feed(h);
    GIVE(h, 2, channel_open, .unused = 0);
    assert_false(h->reading);
    tell(h, (event_t){.type = EVENT_READING_PAUSED});
    expect_command(h, COMMAND_CHANNEL_OPEN);
    amqp_io_resume(h->io);
    assert_false(h->reading);
    tell(h, (event_t){.type = EVENT_READING_RESUMED});
    assert_true(h->reading);
    void *own = h;
    tear_down(&own);
}

/* ---- frames that cannot be ---- */

/* 501, and the rest of the input is thrown away, also what would be a goodbye. */
static void expect_framing_lost(hands_t *h, const char *text)
{
    expect_refused(h, 501, text, 0);
    GIVE(h, 0, connection_close_ok, .unused = 0);
    assert_false(h->closed);
    assert_int_equal(h->unread.len, 0);
    at(h, h->now_ms + 2999);
    assert_false(h->closed);
    at(h, h->now_ms + 1);
    assert_true(h->closed);
    hang_up(h, "closed");
    expect_command(h, COMMAND_CONNECTION_RELEASE);
}

static void impossible_frames_are_501(void **state)
{
    static const struct {
        const char *octets;
        size_t len;
        const char *text;
    } cases[] = {
        {"\1\0\1\0\2\0\1", 7, "type 1, all octets = <<>>: {frame_too_large,131073,131064}"},
        {"\3\0\1\0\2\0\1", 7, "type 3, all octets = <<>>: {frame_too_large,131073,131064}"},
        {"\1\0\1\0\0\0\2ab\0", 10, "type 1, all octets = <<\"ab\">>: {invalid_frame_end_marker,0}"},
        {"\1\0\1\0\0\0\x11"
         "abcdefghijklmnopq\xcf",
         25,
         "type 1, first 16 octets = <<\"abcdefghijklmnop\">>: "
         "{invalid_frame_end_marker,207}"},
        {"\0\0\1\0\0\0\1a\xce", 9, "type 0, all octets = <<\"a\">>: unknown_frame"},
        {"\4\0\0\0\0\0\0\xce", 8, "type 4, all octets = <<>>: unknown_frame"},
        {"\7\0\1\0\0\0\0\xce", 8, "type 7, all octets = <<>>: unknown_frame"},
        {"\x08\0\0\0\0\0\1a\xce", 9, "type 8, all octets = <<\"a\">>: unknown_frame"},
        {"\1\0\0\0\0\0\3\0\x0a\0\xce", 11, "type 1, all octets = <<0,10,0>>: unknown_frame"},
    };
    hands_t *h = *state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[256];
        snprintf(text, sizeof text, "FRAME_ERROR - %s", cases[i].text);
        open_connection(h);
        give(h, bytes_make(cases[i].octets, cases[i].len));
        expect_framing_lost(h, text);
    }
}

static void a_payload_as_large_as_frame_max_is_tolerated(void **state)
{
    hands_t *h = *state;
    uint8_t *payload = calloc(1, 4096);
    open_with(h, all_capabilities, 4096, 10, 0);
    open_channel(h, 1);
    GIVE(h, 1, basic_publish, .routing_key = BYTES("q"));
    give_header(h, 1, 4096);
    give_frame(h, AMQP_FRAME_BODY, 1, bytes_make(payload, 4096));
    assert_int_equal(expect_command(h, COMMAND_PUBLISH)->message->body_len, 4096);
    free(payload);
}

static void a_body_frame_with_a_bad_end_is_not_published(void **state)
{
    hands_t *h = *state;
    open_connection(h);
    open_channel(h, 1);
    GIVE(h, 1, basic_publish, .routing_key = BYTES("q"));
    give_header(h, 1, 20);
    give(h, BYTES("\3\0\1\0\0\0\x14 0123456789"));
    give(h, BYTES("012345678"));
    give(h, BYTES("\1"));
    expect_framing_lost(h, "FRAME_ERROR - type 3, first 16 octets = "
                           "<<\" 012345678901234\">>: {invalid_frame_end_marker,1}");
}

static void frames_where_they_do_not_belong_are_505(void **state)
{
    static const struct {
        uint8_t type;
        uint16_t channel;
        const char *text;
        bytes_t payload;
    } cases[] = {
        {AMQP_FRAME_HEARTBEAT, 1, "UNEXPECTED_FRAME - type 8, all octets = <<>>", {NULL, 0}},
        {AMQP_FRAME_HEADER, 0, "UNEXPECTED_FRAME - type 2, all octets = <<>>", {NULL, 0}},
        {AMQP_FRAME_BODY, 0, "UNEXPECTED_FRAME - type 3, all octets = <<>>", {NULL, 0}},
        {AMQP_FRAME_HEADER, 1, "UNEXPECTED_FRAME - expected method frame, got non method frame instead",
         BYTES("\0\x3c\0\0\0\0\0\0\0\0\0\0\0\0")},
        {AMQP_FRAME_BODY,
         1,
         "UNEXPECTED_FRAME - expected method frame, got non method frame instead",
         {NULL, 0}},
    };
    hands_t *h = *state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        open_connection(h);
        give_frame(h, cases[i].type, cases[i].channel, cases[i].payload);
        expect_refused(h, 505, cases[i].text, 0);
        hang_up(h, "closed by peer");
        expect_command(h, COMMAND_CONNECTION_RELEASE);
    }
}

static void frames_before_the_connection_is_open_are_answered_at_once(void **state)
{
    hands_t *h = *state;
    log_in(h);
    give(h, BYTES("\x09\0\0\0\0\0\0\xce"));
    expect_close(h, 501, "FRAME_ERROR - type 9, all octets = <<>>: unknown_frame", 0);
    expect_no_command(h);
}

static void without_limit(amqp_options_t *o)
{
    o->frame_max = 0;
}

static void without_a_frame_max_methods_still_have_a_limit(void **state)
{
    (void)state;
    hands_t *h = hands_new(16, without_limit);
    open_with(h, all_capabilities, 0, 2047, 0);
    give(h, BYTES("\1\0\1\1\0\0\1"));
    expect_framing_lost(h, "FRAME_ERROR - type 1, all octets = <<>>: {frame_too_large,16777217,16777216}");

    open_with(h, all_capabilities, 0, 2047, 0);
    give(h, BYTES("\3\0\0\xff\xff\xff\xff"));
    expect_framing_lost(h, "FRAME_ERROR - type 3, all octets = <<>>: {frame_too_large,4294967295,16777216}");
    void *own = h;
    tear_down(&own);
}

/* ---- methods that cannot be ---- */

static void give_raw_method(hands_t *h, uint16_t channel, const char *octets, size_t len)
{
    give_frame(h, AMQP_FRAME_METHOD, channel, bytes_make(octets, len));
}

static void malformed_methods_are_501(void **state)
{
    static const struct {
        uint16_t channel;
        const char *octets;
        size_t len;
        const char *text;
        uint32_t cause;
    } cases[] = {
        {1, "\0\x32\0\x0a\0\0", 6, "cannot decode <<0,0>>", AMQP_queue_declare},
        {1, "\0\x14\0\x14\1\2", 6, "cannot decode <<1,2>>", AMQP_channel_flow},
        {0, "\0\x0a\0\x32", 4, "cannot decode <<>>", AMQP_connection_close},
        {1, "\0\x32\0\x0a\0\0\1q\0\0\0\0\5\1kZ12", 18, "cannot decode <<0,0,1,113,0,0,0,0,5,1,107,90,49,50>>",
         AMQP_queue_declare},
        {1, "\0\x3c\0\x46\0\0\1\xff\0", 9, "Malformed UTF-8 in shortstr", 0},
    };
    hands_t *h = *state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[256];
        snprintf(text, sizeof text, "FRAME_ERROR - %s", cases[i].text);
        open_connection(h);
        open_channel(h, 1);
        give_raw_method(h, cases[i].channel, cases[i].octets, cases[i].len);
        expect_refused(h, 501, text, cases[i].cause);
        hang_up(h, "closed by peer");
        expect_command(h, COMMAND_CONNECTION_RELEASE);
    }
}

static void unknown_methods_are_503(void **state)
{
    static const uint16_t ids[][3] = {{1, 60, 15}, {1, 61, 10}, {0, 10, 65}, {1, 85, 20}, {1, 65535, 65535}};
    hands_t *h = *state;
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        char octets[4] = {(char)(ids[i][1] >> 8), (char)ids[i][1], (char)(ids[i][2] >> 8), (char)ids[i][2]};
        open_connection(h);
        open_channel(h, 1);
        give_raw_method(h, ids[i][0], octets, 4);
        expect_refused(h, 503, "COMMAND_INVALID - unimplemented method",
                       AMQP_METHOD_ID(ids[i][1], ids[i][2]));
        hang_up(h, "closed by peer");
        expect_command(h, COMMAND_CONNECTION_RELEASE);
    }
}

/* A table with tables in it, 60 deep, of 64 KiB together. */
static void deeply_nested_tables_of_64_kib_pass(void **state)
{
    hands_t *h = *state;
    buffer_t b = {0};
    size_t marks[60];
    char *text = calloc(1, 1100);
    memset(text, 'x', 1100);
    for (size_t i = 0; i < 60; i++) {
        table_put_string(&b, "s", bytes_make(text, 1080));
        marks[i] = table_begin(&b, "t");
    }
    for (size_t i = 60; i-- > 0;)
        table_end(&b, marks[i]);
    assert_true(b.len > 64 << 10);
    open_connection(h);
    open_channel(h, 1);
    GIVE(h, 1, queue_declare, .queue = BYTES("q"), .arguments = buffer_bytes(&b));
    assert_true(bytes_equal(expect_command(h, COMMAND_QUEUE_DECLARE)->request->arguments, buffer_bytes(&b)));
    free(text);
    buffer_free(&b);
}

static void tables_nested_too_deep_are_501(void **state)
{
    hands_t *h = *state;
    buffer_t b = {0};
    size_t marks[300];
    for (size_t i = 0; i < 300; i++)
        marks[i] = table_begin(&b, "t");
    for (size_t i = 300; i-- > 0;)
        table_end(&b, marks[i]);
    open_connection(h);
    open_channel(h, 1);
    GIVE(h, 1, queue_declare, .queue = BYTES("q"), .arguments = buffer_bytes(&b));
    refusal_t *why = expect_command(h, COMMAND_CONNECTION_CLOSE)->refusal;
    assert_int_equal(why->code, 501);
    assert_int_equal(why->cause, AMQP_queue_declare);
    buffer_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_conversation_split_anywhere_makes_the_same_commands),
        CASE(a_conversation_octet_by_octet_makes_the_same_commands),
        CASE(any_damaged_octet_is_survived),
        cmocka_unit_test(a_small_ring_only_makes_it_wait),
        cmocka_unit_test(a_full_ring_stops_reading_until_there_is_room),
        cmocka_unit_test(a_stalled_session_may_lose_its_socket),
        cmocka_unit_test(two_reasons_not_to_read_must_both_go),
        CASE(impossible_frames_are_501),
        CASE(a_payload_as_large_as_frame_max_is_tolerated),
        CASE(a_body_frame_with_a_bad_end_is_not_published),
        CASE(frames_where_they_do_not_belong_are_505),
        CASE(frames_before_the_connection_is_open_are_answered_at_once),
        cmocka_unit_test(without_a_frame_max_methods_still_have_a_limit),
        CASE(malformed_methods_are_501),
        CASE(unknown_methods_are_503),
        CASE(deeply_nested_tables_of_64_kib_pass),
        CASE(tables_nested_too_deep_are_501),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
