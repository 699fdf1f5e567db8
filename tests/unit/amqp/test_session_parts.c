/* SPDX-License-Identifier: Apache-2.0
 *
 * test_session_parts.c: a large persistent body on its way in goes ahead of its publish, in parts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "amqp/test_session.h"

#define PART       64
#define PERSISTENT BYTES("\x10\0\2")

static void with_small_parts(amqp_options_t *o)
{
    o->part_bytes = PART;
}

static int set_up_parts(void **state)
{
    hands_t *h = hands_new(64, with_small_parts);
    open_with(h, all_capabilities, 131072, 2047, 0);
    open_channel(h, 1);
    open_channel(h, 2);
    *state = h;
    return 0;
}

#define PARTS_CASE(f) cmocka_unit_test_setup_teardown(f, set_up_parts, tear_down)

static uint8_t *pattern(size_t len)
{
    uint8_t *octets = malloc(len + 1);
    for (size_t i = 0; i < len; i++)
        octets[i] = (uint8_t)(i * 5 + i / 255);
    return octets;
}

/* ---- what the client sends ---- */

static void write_header(buffer_t *b, uint16_t channel, uint64_t body_bytes, bytes_t properties)
{
    amqp_basic_publish_t m = {.exchange = BYTES("x"), .routing_key = BYTES("k"), .mandatory = true};
    amqp_write_method(b, channel, AMQP_basic_publish, &m);
    amqp_write_header(b, channel, body_bytes, properties);
}

static void write_body(buffer_t *b, uint16_t channel, bytes_t body, size_t frame_bytes)
{
    for (size_t from = 0; from < body.len; from += frame_bytes) {
        size_t len = body.len - from < frame_bytes ? body.len - from : frame_bytes;
        write_frame(b, AMQP_FRAME_BODY, channel, bytes_make(body.data + from, len));
    }
}

static void give_publish(hands_t *h, uint16_t channel, bytes_t body, size_t frame_bytes, bytes_t properties)
{
    buffer_t b = {0};
    write_header(&b, channel, body.len, properties);
    write_body(&b, channel, body, frame_bytes);
    give(h, buffer_bytes(&b));
    buffer_free(&b);
}

/* ---- what the engine gets ---- */

/* The next one that is no report of what is held. */
static command_t *next_but_held(hands_t *h)
{
    command_t *c = next_command(h);
    while (c->type == COMMAND_HELD)
        c = next_command(h);
    return c;
}

static void assert_part(const command_t *c, uint16_t channel, bytes_t octets)
{
    assert_int_equal(c->type, COMMAND_PART);
    assert_int_equal(c->channel, channel);
    assert_int_equal(c->flags, 0);
    assert_int_equal(message_exchange(c->message).len, 0);
    assert_int_equal(message_routing_key(c->message).len, 0);
    assert_int_equal(message_properties(c->message).len, 0);
    assert_true(bytes_equal(message_body(c->message), octets));
    assert_true(message_bytes(c->message) <= mem_taken(sizeof(message_t) + octets.len));
}

static void assert_publish(const command_t *c, uint16_t channel, bytes_t body, bytes_t properties)
{
    assert_int_equal(c->type, COMMAND_PUBLISH);
    assert_int_equal(c->channel, channel);
    assert_int_equal(c->flags, COMMAND_MANDATORY);
    assert_text(message_exchange(c->message), "x");
    assert_text(message_routing_key(c->message), "k");
    assert_true(bytes_equal(message_properties(c->message), properties));
    assert_true(bytes_equal(message_body(c->message), body));
    assert_true(message_bytes(c->message) <= mem_taken(sizeof(message_t) + 2 + properties.len + body.len));
    assert_int_equal(c->message->part_count, 0);
}

static void expect_parts(hands_t *h, uint16_t channel, bytes_t body)
{
    while (body.len > PART) {
        assert_part(next_but_held(h), channel, bytes_make(body.data, PART));
        body = bytes_make(body.data + PART, body.len - PART);
    }
    assert_publish(next_but_held(h), channel, body, PERSISTENT);
}

/* ---- sizes and cuts ---- */

static void whole_parts_go_ahead_and_the_rest_is_never_empty(void **state)
{
    static const size_t sizes[] = {0,        1,        PART - 1,     PART,      PART + 1,     2 * PART - 1,
                                   2 * PART, 3 * PART, 3 * PART + 1, 10 * PART, 10 * PART + 7};
    static const size_t frames[] = {1, 7, PART - 1, PART, PART + 1, 2 * PART, 200, 4096};
    hands_t *h = *state;
    uint8_t *octets = pattern(11 * PART);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (size_t j = 0; j < sizeof frames / sizeof *frames; j++) {
            bytes_t body = bytes_make(octets, sizes[i]);
            give_publish(h, 1, body, frames[j], PERSISTENT);
            expect_parts(h, 1, body);
        }
    expect_no_command(h);
    free(octets);
}

static void a_cut_anywhere_gives_the_same_commands(void **state)
{
    hands_t *h = *state;
    uint8_t *octets = pattern(3 * PART + 5);
    bytes_t body = bytes_make(octets, 3 * PART + 5);
    buffer_t b = {0};
    write_header(&b, 1, body.len, PERSISTENT);
    write_body(&b, 1, body, 100);
    for (size_t cut = 0; cut <= b.len; cut++) {
        give(h, bytes_make(b.data, cut));
        give(h, bytes_make(b.data + cut, b.len - cut));
        expect_parts(h, 1, body);
    }
    for (size_t i = 0; i < b.len; i++)
        give(h, bytes_make(b.data + i, 1));
    expect_parts(h, 1, body);
    expect_no_command(h);
    buffer_free(&b);
    free(octets);
}

static void a_part_goes_as_soon_as_it_is_whole(void **state)
{
    hands_t *h = *state;
    uint8_t *octets = pattern(PART + 1);
    buffer_t b = {0};
    write_header(&b, 1, PART + 1, PERSISTENT);
    give(h, buffer_bytes(&b));
    give(h, BYTES("\3\0\1\0\0\0\x41"));
    give(h, bytes_make(octets, PART - 1));
    assert_int_equal(next_but_held(h)->type, COMMANDS_END);
    give(h, bytes_make(octets + PART - 1, 1));
    assert_part(next_but_held(h), 1, bytes_make(octets, PART));
    give(h, bytes_make(octets + PART, 1));
    expect_no_command(h);
    give(h, BYTES("\xce"));
    assert_publish(next_but_held(h), 1, bytes_make(octets + PART, 1), PERSISTENT);
    buffer_free(&b);
    free(octets);
}

/* ---- bodies that do not travel in parts ---- */

static void transient_bodies_travel_whole(void **state)
{
    static const bytes_t properties[] = {{(const uint8_t *)"\x10\0\1", 3},
                                         {(const uint8_t *)"\0\0", 2},
                                         {(const uint8_t *)"\xff\xff not properties", 17}};
    hands_t *h = *state;
    uint8_t *octets = pattern(5 * PART);
    for (size_t i = 0; i < sizeof properties / sizeof *properties; i++) {
        give_publish(h, 1, bytes_make(octets, 5 * PART), 100, properties[i]);
        assert_publish(next_but_held(h), 1, bytes_make(octets, 5 * PART), properties[i]);
    }
    free(octets);
}

static void without_parts(amqp_options_t *o)
{
    o->part_bytes = 0;
}

static void with_parts_switched_off_all_bodies_travel_whole(void **state)
{
    (void)state;
    hands_t *h = hands_new(64, without_parts);
    open_connection(h);
    open_channel(h, 1);
    uint8_t *octets = pattern(1 << 20);
    give_publish(h, 1, bytes_make(octets, 1 << 20), 131064, PERSISTENT);
    assert_publish(next_but_held(h), 1, bytes_make(octets, 1 << 20), PERSISTENT);
    free(octets);
    void *own = h;
    tear_down(&own);
}

static void with_small_parts_and_messages(amqp_options_t *o)
{
    o->part_bytes = PART;
    o->max_message_size = 4 * PART;
}

static void of_a_publish_that_will_be_refused_nothing_goes_ahead(void **state)
{
    (void)state;
    hands_t *h = hands_new(64, with_small_parts_and_messages);
    open_connection(h);
    open_channel(h, 1);
    uint8_t *octets = pattern(5 * PART);
    give_publish(h, 1, bytes_make(octets, 4 * PART + 1), 100, PERSISTENT);
    expect_command(h, COMMAND_REFUSE);
    expect_no_command(h);
    GIVE(h, 1, basic_publish, .exchange = BYTES("x"), .immediate = true);
    buffer_t b = {0};
    amqp_write_header(&b, 1, 3 * PART, PERSISTENT);
    write_body(&b, 1, bytes_make(octets, 3 * PART), 100);
    give(h, buffer_bytes(&b));
    expect_command(h, COMMAND_REFUSE);
    expect_no_command(h);
    give_publish(h, 1, bytes_make(octets, 4 * PART), 100, PERSISTENT);
    expect_parts(h, 1, bytes_make(octets, 4 * PART));
    buffer_free(&b);
    free(octets);
    void *own = h;
    tear_down(&own);
}

/* ---- beside others ---- */

static void large_bodies_of_two_channels_stay_apart(void **state)
{
    hands_t *h = *state;
    size_t len = 5 * PART + 3;
    uint8_t *octets = pattern(2 * len);
    bytes_t bodies[] = {bytes_make(octets, len), bytes_make(octets + len, len)};
    buffer_t b = {0}, got[2] = {{0}, {0}};
    write_header(&b, 1, len, PERSISTENT);
    write_header(&b, 2, len, PERSISTENT);
    for (size_t from = 0; from < len; from += 50)
        for (uint16_t i = 0; i < 2; i++)
            write_body(&b, (uint16_t)(i + 1),
                       bytes_make(bodies[i].data + from, len - from < 50 ? len - from : 50), 50);
    give(h, buffer_bytes(&b));
    for (int published = 0; published < 2;) {
        command_t *c = next_but_held(h);
        assert_true(c->type == COMMAND_PART || c->type == COMMAND_PUBLISH);
        assert_true(c->channel == 1 || c->channel == 2);
        assert_true(c->message->body_len == (c->type == COMMAND_PART ? PART : len % PART));
        write_bytes(&got[c->channel - 1], message_body(c->message));
        published += c->type == COMMAND_PUBLISH;
    }
    expect_no_command(h);
    for (int i = 0; i < 2; i++) {
        assert_true(bytes_equal(buffer_bytes(&got[i]), bodies[i]));
        buffer_free(&got[i]);
    }
    buffer_free(&b);
    free(octets);
}

/* The ring takes four commands: nothing is lost, nothing waits outside it. */
static void a_full_port_makes_the_body_wait(void **state)
{
    (void)state;
    hands_t *h = hands_new(4, with_small_parts);
    open_with(h, all_capabilities, 131072, 2047, 0);
    open_channel(h, 1);
    size_t len = 40 * PART + 1, at_octet = 0;
    uint8_t *octets = pattern(len);
    give_publish(h, 1, bytes_make(octets, len), len, PERSISTENT);
    assert_false(h->reading);
    while (at_octet < len) {
        assert_true(h->unread.len > 0 || at_octet + 6 * PART > len);
        assert_int_equal(lane_overflow(h->port.commands), 0);
        command_t *c = next_command(h);
        size_t part = len - at_octet < PART ? len - at_octet : PART;
        if (c->type == COMMANDS_END) {
            assert_true(h->unread.len > 0);
        } else if (part == PART) {
            assert_part(c, 1, bytes_make(octets + at_octet, part));
            at_octet += part;
        } else {
            assert_publish(c, 1, bytes_make(octets + at_octet, part), PERSISTENT);
            at_octet += part;
        }
        amqp_io_resume(h->io);
        feed(h);
    }
    assert_int_equal(h->unread.len, 0);
    expect_no_command(h);
    free(octets);
    void *own = h;
    tear_down(&own);
}

/* ---- what is held ---- */

static void with_parts_over_a_step(amqp_options_t *o)
{
    o->part_bytes = 100000;
    o->max_message_size = 1 << 20;
}

static void what_has_gone_ahead_is_not_reported_as_held(void **state)
{
    (void)state;
    hands_t *h = hands_new(64, with_parts_over_a_step);
    open_connection(h);
    open_channel(h, 1);
    size_t len = 1 << 20, parts = 0;
    uint64_t held = 0, most = 0;
    uint8_t *octets = pattern(len);
    buffer_t b = {0};
    write_header(&b, 1, len, PERSISTENT);
    write_body(&b, 1, bytes_make(octets, len), 131064);
    for (size_t from = 0; from < b.len; from += 1000) {
        give(h, bytes_make(b.data + from, b.len - from < 1000 ? b.len - from : 1000));
        for (command_t *c = next_command(h); c->type != COMMANDS_END; c = next_command(h)) {
            parts += c->type == COMMAND_PART;
            held = c->type == COMMAND_HELD ? c->number : held;
            most = held > most ? held : most;
        }
    }
    assert_int_equal(parts, 10);
    assert_int_equal(held, 0);
    assert_true(most >= 64 << 10 && most < 100000);
    buffer_free(&b);
    free(octets);
    void *own = h;
    tear_down(&own);
}

/* Forty bodies of a mebibyte, all but their last octets, would be more than a connection may hold. */
static void many_unfinished_bodies_hold_no_more_than_a_part_each(void **state)
{
    (void)state;
    hands_t *h = hands_new(1024, with_parts_over_a_step);
    open_connection(h);
    size_t len = 1 << 20;
    uint8_t *octets = pattern(len);
    for (uint16_t channel = 1; channel <= 40; channel++) {
        open_channel(h, channel);
        buffer_t b = {0};
        write_header(&b, channel, len, PERSISTENT);
        write_body(&b, channel, bytes_make(octets, len - 1), 131064);
        give(h, buffer_bytes(&b));
        buffer_free(&b);
        for (command_t *c = next_command(h); c->type != COMMANDS_END; c = next_command(h))
            assert_true(c->type == COMMAND_PART || (c->type == COMMAND_HELD && c->number < 40 * 100000));
    }
    free(octets);
    void *own = h;
    tear_down(&own);
}

/* ---- ends ---- */

static void a_connection_may_die_at_any_octet(void **state)
{
    hands_t *h = *state;
    uint8_t *octets = pattern(3 * PART);
    buffer_t b = {0};
    write_header(&b, 1, 3 * PART, PERSISTENT);
    write_body(&b, 1, bytes_make(octets, 3 * PART), 100);
    for (size_t cut = 0; cut < b.len; cut++) {
        give(h, bytes_make(b.data, cut));
        hang_up(h, "closed by peer");
        command_t *c = next_but_held(h);
        while (c->type == COMMAND_PART)
            c = next_but_held(h);
        assert_int_equal(c->type, COMMAND_CONNECTION_CLOSE);
        tell(h, (event_t){.type = EVENT_CONNECTION_CLOSED});
        assert_int_equal(next_command(h)->type, COMMAND_CONNECTION_RELEASE);
        open_with(h, all_capabilities, 131072, 2047, 0);
        open_channel(h, 1);
    }
    buffer_free(&b);
    free(octets);
}

static void a_channel_that_is_refused_midway_forgets_the_rest(void **state)
{
    hands_t *h = *state;
    uint8_t *octets = pattern(3 * PART);
    bytes_t body = bytes_make(octets, 3 * PART);
    buffer_t b = {0};
    write_header(&b, 1, body.len, PERSISTENT);
    write_body(&b, 1, body, 100);
    give(h, bytes_make(b.data, b.len - PART - 50));
    assert_part(next_but_held(h), 1, bytes_make(octets, PART));
    tell(h, (event_t){.type = EVENT_CHANNEL_REFUSED, .channel = 1, .refusal = refusal_new(404, 0, "no")});
    EXPECT(h, 1, channel_close);
    give(h, bytes_make(b.data + b.len - PART - 50, PART + 50));
    assert_int_equal(next_but_held(h)->type, COMMANDS_END);
    GIVE(h, 1, channel_close_ok, .unused = 0);
    expect_command(h, COMMAND_CHANNEL_RELEASE);
    open_channel(h, 1);
    give_publish(h, 1, body, 100, PERSISTENT);
    expect_parts(h, 1, body);
    buffer_free(&b);
    free(octets);
}

static void a_method_in_the_middle_ends_the_connection(void **state)
{
    hands_t *h = *state;
    uint8_t *octets = pattern(3 * PART);
    buffer_t b = {0};
    write_header(&b, 1, 3 * PART, PERSISTENT);
    write_body(&b, 1, bytes_make(octets, 2 * PART), 100);
    give(h, buffer_bytes(&b));
    assert_part(next_but_held(h), 1, bytes_make(octets, PART));
    assert_part(next_but_held(h), 1, bytes_make(octets + PART, PART));
    GIVE(h, 1, channel_close, .reply_code = 200);
    expect_refused(h, 505, "UNEXPECTED_FRAME - expected content body, got non content body frame instead",
                   AMQP_basic_publish);
    buffer_free(&b);
    free(octets);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PARTS_CASE(whole_parts_go_ahead_and_the_rest_is_never_empty),
        PARTS_CASE(a_cut_anywhere_gives_the_same_commands),
        PARTS_CASE(a_part_goes_as_soon_as_it_is_whole),
        PARTS_CASE(transient_bodies_travel_whole),
        cmocka_unit_test(with_parts_switched_off_all_bodies_travel_whole),
        cmocka_unit_test(of_a_publish_that_will_be_refused_nothing_goes_ahead),
        PARTS_CASE(large_bodies_of_two_channels_stay_apart),
        cmocka_unit_test(a_full_port_makes_the_body_wait),
        cmocka_unit_test(what_has_gone_ahead_is_not_reported_as_held),
        cmocka_unit_test(many_unfinished_bodies_hold_no_more_than_a_part_each),
        PARTS_CASE(a_connection_may_die_at_any_octet),
        PARTS_CASE(a_channel_that_is_refused_midway_forgets_the_rest),
        PARTS_CASE(a_method_in_the_middle_ends_the_connection),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
