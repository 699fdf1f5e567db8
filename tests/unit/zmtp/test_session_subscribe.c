/* SPDX-License-Identifier: Apache-2.0
 *
 * SUB, XSUB and PULL: subscriptions in, messages out; loans, acks, silence. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "unit/zmtp/test_session.h"

#define QUEUE "amq.sub-AAAAAAAAAAAAAAAAAAAAAA"

static void expect_subscriber(hands_t *h, const char *overflow)
{
    command_t *c = expect_command(h, COMMAND_SUBSCRIBER);
    field_t f;
    assert_text(c->request->name, QUEUE);
    assert_int_equal(c->count, 1);
    assert_true(table_valid(c->request->arguments));
    assert_true(table_find(c->request->arguments, BYTES("x-max-length"), &f));
    assert_int_equal(field_integer(&f), 1000);
    assert_true(table_find(c->request->arguments, BYTES("x-max-length-bytes"), &f));
    assert_int_equal(field_integer(&f), 8 << 20);
    assert_true(table_find(c->request->arguments, BYTES("x-overflow"), &f));
    assert_text(f.octets, overflow);
}

static void open_sub(hands_t *h)
{
    open_as(h, ZMTP_SOCKET_SUB);
    expect_subscriber(h, "drop-newest");
    tell(h, (event_t){.type = EVENT_CONSUMER_STARTED, .consumer = 1});
}

/* ---- subscriptions ---- */

static void a_sub_is_a_subscriber_with_bounds(void **state)
{
    hands_t *h = *state;
    open_sub(h);
    expect_no_command(h);
    EXPECT(h, "");
}

static void both_forms_of_a_subscription_count(void **state)
{
    hands_t *h = *state;
    for (h->cut = 0; h->cut < 2; h->cut++) {
        h->random = 0;
        open_sub(h);
        GIVE(h, "\4\x0d\x09SUBSCRIBEeve");
        expect_prefix(h, COMMAND_SUBSCRIBE, QUEUE, "eve");
        GIVE(h, "\0\3\1ev");
        expect_prefix(h, COMMAND_SUBSCRIBE, QUEUE, "ev");
        GIVE(h, "\4\x0a\x09SUBSCRIBE");
        expect_prefix(h, COMMAND_SUBSCRIBE, QUEUE, "");
        GIVE(h, "\4\x09\6CANCELev");
        expect_prefix(h, COMMAND_UNSUBSCRIBE, QUEUE, "ev");
        GIVE(h, "\0\4\0eve");
        expect_prefix(h, COMMAND_UNSUBSCRIBE, QUEUE, "eve");
        hang_up(h);
        assert_int_equal(expect_command(h, COMMAND_CONNECTION_CLOSE)->flags, COMMAND_GONE);
        tell(h, (event_t){.type = EVENT_CONNECTION_CLOSED});
        while (next_command(h)->type != COMMANDS_END) {
        }
    }
}

/* libzmq says SUBSCRIBE for each call, and CANCEL once. */
static void subscriptions_are_a_set(void **state)
{
    hands_t *h = *state;
    open_sub(h);
    GIVE(h, "\0\2\1a\0\2\1a\0\2\0b\0\2\0a\0\2\0a");
    expect_prefix(h, COMMAND_SUBSCRIBE, QUEUE, "a");
    expect_prefix(h, COMMAND_UNSUBSCRIBE, QUEUE, "a");
    expect_no_command(h);
}

static void what_else_goes_upstream_is_dropped(void **state)
{
    hands_t *h = *state;
    uint8_t large[9000];
    memset(large, 'u', sizeof large);
    open_as(h, ZMTP_SOCKET_XSUB);
    expect_subscriber(h, "drop-newest");
    GIVE(h, "\0\x08upstream\1\2\1a\0\2\1b\0\0\2\0\0\0\0\0\0\x23\x28");
    give(h, bytes_make(large, sizeof large));
    GIVE(h, "\0\2\1c");
    expect_prefix(h, COMMAND_SUBSCRIBE, QUEUE, "c");
    expect_no_command(h);
}

static void slow(hands_t *h)
{
    h->bus.slow = ZMTP_DISCONNECT;
    h->bus.welcome = "hello";
    h->options.prefix_bytes_most = 300;
    h->options.subscriptions_most = 3;
    h->options.command_bytes_most = 64;
}

static void what_is_over_a_limit_closes(void **state)
{
    hands_t *h = *state;
    uint8_t prefix[302];
    memset(prefix, 1, sizeof prefix);
    for (int form = 0; form < 3; form++) {
        open_as(h, ZMTP_SOCKET_SUB);
        if (form == 0)
            GIVE(h, "\6\0\0\0\0\0\0\1\x37\x09SUBSCRIBE");
        else
            GIVE(h, "\2\0\0\0\0\0\0\1\x2e");
        if (form == 0)
            give(h, bytes_make(prefix, 301));
        else
            give(h, bytes_make(prefix, form == 1 ? 1 : 302));
        expect_closed(h, "a subscription of 301 octets, more than 300");
        buffer_clear(&h->lines);
        hang_up(h);
        while (next_command(h)->type != COMMANDS_END) {
        }
        tell(h, (event_t){.type = EVENT_CONNECTION_CLOSED});
        while (next_command(h)->type != COMMANDS_END) {
        }
    }
    open_as(h, ZMTP_SOCKET_SUB);
    GIVE(h, "\0\2\1a\0\2\1b\0\2\1c\0\2\1a");
    assert_false(h->closed);
    GIVE(h, "\0\2\1d");
    expect_closed(h, "more than 3 subscriptions");
}

static void a_welcome_comes_first_and_slow_is_the_ports_choice(void **state)
{
    hands_t *h = *state;
    open_as(h, ZMTP_SOCKET_SUB);
    expect_subscriber(h, "disconnect");
    deliver(h, 1, message("amq.events", "a", "b"));
    EXPECT(h, "\0\5hello\1\1a\0\1b");
    tell(h, (event_t){.type = EVENT_CONSUMER_GONE, .consumer = 1, .flags = EVENT_NOTIFY});
    expect_closed(h, "too slow");
}

/* ---- messages ---- */

static message_t *with_frames(const char *key, const char *body, const int64_t *lengths, size_t count)
{
    buffer_t headers = {0}, properties = {0};
    write_short_string(&headers, BYTES("frames"));
    write_u8(&headers, 'A');
    size_t mark = write_length_u32(&headers);
    for (size_t i = 0; i < count; i++) {
        write_u8(&headers, 'l');
        write_u64(&headers, (uint64_t)lengths[i]);
    }
    patch_length_u32(&headers, mark);
    write_u16(&properties, PROPERTY_FLAG(PROPERTY_HEADERS));
    write_long_string(&properties, buffer_bytes(&headers));
    message_t *m =
        message_new_whole(BYTES("x"), bytes_string(key), buffer_bytes(&properties), bytes_string(body));
    buffer_free(&headers);
    buffer_free(&properties);
    return m;
}

static void messages_come_as_topic_and_frames(void **state)
{
    hands_t *h = *state;
    open_sub(h);
    deliver(h, 1, message("amq.events", "a.b", "body"));
    EXPECT(h, "\1\3a.b\0\4body");
    deliver(h, 2, message("amq.events", "", ""));
    EXPECT(h, "\1\0\0\0");
    deliver(h, 3, with_frames("k", "abc", (int64_t[]){1, 0, 2, 0}, 4));
    EXPECT(h, "\1\1k\1\1a\1\0\1\2bc\0\0");
    deliver(h, 4, with_frames("k", "k and all", NULL, 0));
    EXPECT(h, "\0\x09k and all");
    deliver(h, 5, with_frames("k", "abc", (int64_t[]){1, 3}, 2)); /* does not add up */
    EXPECT(h, "\1\1k\0\3abc");
    deliver(h, 6, with_frames("k", "abc", (int64_t[]){-1, 4}, 2));
    EXPECT(h, "\1\1k\0\3abc");
}

static void a_large_body_is_lent(void **state)
{
    hands_t *h = *state;
    char body[5001];
    memset(body, 'l', 5000), body[5000] = 0;
    open_sub(h);
    deliver(h, 1, message("amq.events", "k", body));
    output_piece_t pieces[8];
    size_t count = output_gather(h->transport.output, pieces, 8);
    assert_int_equal(count, 2);
    assert_ptr_equal(pieces[1].data, message_body(h->lent[0]).data);
    assert_int_equal(h->transport.bounded_bytes, output_waiting(h->transport.output));
    drain_some(h, 100);
    expect_no_command(h);
    drain(h);
    assert_int_equal(expect_command(h, COMMAND_SENT)->number, 1);
    assert_int_equal(h->transport.bounded_bytes, 0);
    buffer_clear(&h->got);
}

static void loans_go_back_as_octets_leave(void **state)
{
    hands_t *h = *state;
    open_sub(h);
    for (uint64_t tag = 1; tag <= 3; tag++)
        deliver(h, tag, message("amq.events", "k", "v"));
    drain(h);
    assert_int_equal(expect_command(h, COMMAND_SENT)->number, 3);
    expect_no_command(h); /* no acks */
}

/* ---- with parts ---- */

static message_t *in_parts(const char *rest)
{
    message_t *m = with_frames("k", rest, (int64_t[]){2, 0, 5, 0}, 4);
    message_part_t *parts = mem_alloc(2 * sizeof *parts);
    parts[0] = (message_part_t){.record = 1, .bytes = 3};
    parts[1] = (message_part_t){.record = 2, .bytes = 3};
    message_set_parts(m, parts, 2);
    return m;
}

static void content(hands_t *h, const char *octets)
{
    lend(h, (event_t){.type = EVENT_CONTENT}, message("", "", octets));
}

static void a_body_in_parts_is_cut_where_its_frames_are(void **state)
{
    hands_t *h = *state;
    open_sub(h);
    deliver(h, 1, in_parts("7"));
    EXPECT(h, "\1\1k");
    assert_int_equal(expect_command(h, COMMAND_SENT)->number, 1);
    content(h, "123");
    EXPECT(h, "\1\2"
              "12"
              "\1\0\1\5"
              "3");
    content(h, "456");
    EXPECT(h, "456");
    content(h, "7");
    EXPECT(h, "7\0\0");
    deliver(h, 2, message("x", "k", "next"));
    EXPECT(h, "\1\1k\0\4next");
}

/* Between the octets of a frame there is no place for a command. */
static void a_pong_waits_for_the_end_of_a_message(void **state)
{
    hands_t *h = *state;
    open_sub(h);
    deliver(h, 1, in_parts("7"));
    content(h, "123");
    GIVE(h, "\4\x08\4PING\0\0x");
    content(h, "456");
    content(h, "7");
    EXPECT(h, "\1\1k\1\2"
              "12"
              "\1\0\1\5"
              "34567"
              "\0\0"
              "\4\6\4PONGx");
}

/* ---- PULL, and SUB on a queue port ---- */

static void open_puller(hands_t *h, zmtp_socket_type_t type)
{
    open_as(h, type);
    assert_text(expect_command(h, COMMAND_QUEUE_DECLARE)->request->name, "tasks");
    assert_int_equal(expect_command(h, COMMAND_QOS)->count, 100);
    command_t *c = expect_command(h, COMMAND_CONSUME);
    assert_text(c->request->name, "tasks");
    assert_int_equal(c->flags & COMMAND_NO_ACK, 0);
    tell(h, (event_t){.type = EVENT_CONSUMER_STARTED, .consumer = 1});
}

static void a_pull_acks_what_has_left_and_no_more(void **state)
{
    hands_t *h = *state;
    open_puller(h, ZMTP_SOCKET_PULL);
    assert_true(h->bounded); /* what the kernel takes is lost if the peer dies */
    for (uint64_t tag = 1; tag <= 3; tag++)
        deliver(h, tag, message("", "tasks", "job"));
    drain_some(h, 9);
    assert_int_equal(expect_command(h, COMMAND_SENT)->number, 1);
    command_t *c = expect_command(h, COMMAND_ACK);
    assert_int_equal(c->number, 1);
    assert_int_equal(c->flags, COMMAND_MULTIPLE);
    expect_no_command(h);
    drain_some(h, 1);
    assert_int_equal(expect_command(h, COMMAND_SENT)->number, 2);
    assert_int_equal(expect_command(h, COMMAND_ACK)->number, 2);
    EXPECT(h, "\0\3job\0\3job\0\3job");
}

static void what_has_not_left_is_not_acked_when_it_ends(void **state)
{
    hands_t *h = *state;
    open_puller(h, ZMTP_SOCKET_PULL);
    deliver(h, 1, message("", "tasks", "job"));
    hang_up(h);
    assert_int_equal(expect_command(h, COMMAND_CONNECTION_CLOSE)->flags, COMMAND_GONE);
    expect_no_command(h);
}

static void a_part_is_not_a_message(void **state)
{
    hands_t *h = *state;
    open_puller(h, ZMTP_SOCKET_PULL);
    deliver(h, 1, in_parts("7"));
    content(h, "123");
    drain(h);
    assert_int_equal(expect_command(h, COMMAND_SENT)->number, 2);
    content(h, "456");
    content(h, "7");
    drain(h);
    assert_int_equal(expect_command(h, COMMAND_SENT)->number, 4);
    assert_int_equal(expect_command(h, COMMAND_ACK)->number, 1);
    buffer_clear(&h->got);
}

static void the_port_names_the_subscription_of_a_sub(void **state)
{
    hands_t *h = *state;
    open_puller(h, ZMTP_SOCKET_SUB);
    GIVE(h, "\4\x0d\x09SUBSCRIBEord");
    expect_prefix(h, COMMAND_QUEUE_BIND, "tasks", "ord");
    GIVE(h, "\4\x0a\6CANCELold"); /* of an earlier connection */
    expect_prefix(h, COMMAND_QUEUE_UNBIND, "tasks", "old");
    deliver(h, 1, message("amq.events", "orders", "1"));
    EXPECT(h, "\1\6orders\0\1"
              "1");
    deliver(h, 2, message("", "tasks", "straight")); /* no topic */
    EXPECT(h, "\0\x08straight");
    uint8_t prefix[258] = {1};
    GIVE(h, "\2\0\0\0\0\0\0\1\2");
    give(h, bytes_make(prefix, sizeof prefix));
    expect_closed(h, "a subscription of 257 octets, more than 255");
}

/* ---- silence ---- */

static void a_silent_peer_is_asked_and_then_closed(void **state)
{
    hands_t *h = *state;
    open_sub(h);
    at(h, 30999);
    EXPECT(h, "");
    at(h, 31000);
    EXPECT(h, "\4\7\4PING\0\0");
    at(h, 61000); /* the draining was a sign of life */
    GIVE(h, "\4\5\4PONG");
    EXPECT(h, "\4\7\4PING\0\0");
    at(h, 91000);
    at(h, 121000);
    at(h, 151000);
    expect_closed(h, "nothing was heard for 90000 ms");
}

static void a_3_0_peer_is_never_asked(void **state)
{
    hands_t *h = *state;
    connect_client(h);
    GIVE(h, GREETING_OF("\0", NULL_20));
    give_ready(h, ZMTP_SOCKET_SUB, "");
    drain(h);
    buffer_clear(&h->got);
    at(h, 1000000);
    EXPECT(h, "");
    assert_false(h->closed);
}

static void a_ping_is_answered_and_its_ttl_kept(void **state)
{
    hands_t *h = *state;
    open_sub(h);
    GIVE(h, "\4\x0a\4PING\0\x0a"
            "ctx");
    EXPECT(h, "\4\x08\4PONGctx");
    GIVE(h, "\4\x1b\4PING\0\x0a"
            "0123456789abcdefmore");
    EXPECT(h, "\4\x15\4PONG0123456789abcdef");
    at(h, 1900);
    GIVE(h, "\4\7\4PING\0\x0a");
    at(h, 2899);
    assert_false(h->closed);
    at(h, 2900);
    expect_closed(h, "nothing was heard for 1000 ms");
}

static void while_it_is_not_read_silence_is_ours(void **state)
{
    hands_t *h = *state;
    open_sub(h);
    tell(h, (event_t){.type = EVENT_READING_PAUSED});
    at(h, 500000);
    assert_false(h->closed);
    tell(h, (event_t){.type = EVENT_READING_RESUMED});
    at(h, 529999);
    EXPECT(h, "");
}

static void a_ping_without_a_ttl_field_closes(void **state)
{
    hands_t *h = *state;
    open_sub(h);
    GIVE(h, "\4\6\4PING\0");
    expect_closed(h, "a malformed command");
}

static int set_up_slow(void **state)
{
    *state = hands_new(64, slow);
    return 0;
}
#define SLOW(f) cmocka_unit_test_setup_teardown(f, set_up_slow, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_sub_is_a_subscriber_with_bounds),
        CASE(both_forms_of_a_subscription_count),
        CASE(subscriptions_are_a_set),
        CASE(what_else_goes_upstream_is_dropped),
        SLOW(what_is_over_a_limit_closes),
        SLOW(a_welcome_comes_first_and_slow_is_the_ports_choice),
        CASE(messages_come_as_topic_and_frames),
        CASE(a_large_body_is_lent),
        CASE(loans_go_back_as_octets_leave),
        CASE(a_body_in_parts_is_cut_where_its_frames_are),
        CASE(a_pong_waits_for_the_end_of_a_message),
        QUEUE_CASE(a_pull_acks_what_has_left_and_no_more),
        QUEUE_CASE(what_has_not_left_is_not_acked_when_it_ends),
        QUEUE_CASE(a_part_is_not_a_message),
        QUEUE_CASE(the_port_names_the_subscription_of_a_sub),
        CASE(a_silent_peer_is_asked_and_then_closed),
        CASE(a_3_0_peer_is_never_asked),
        CASE(a_ping_is_answered_and_its_ttl_kept),
        CASE(while_it_is_not_read_silence_is_ours),
        CASE(a_ping_without_a_ttl_field_closes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
