/* SPDX-License-Identifier: Apache-2.0
 *
 * test_codec_random.c: random frames, commands and metadata go over the wire in random pieces and come back. The dice
 * are the same at each run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "test_codec.h"

#define ROUNDS            300
#define FRAMES_OF_A_ROUND 30
#define MOST_BYTES        70000

typedef struct dice {
    uint64_t state;
    uint8_t octets[MOST_BYTES]; /* what is written points into it */
} dice_t;

static uint64_t roll(dice_t *d)
{
    d->state ^= d->state << 13;
    d->state ^= d->state >> 7;
    d->state ^= d->state << 17;
    return d->state;
}

static size_t roll_up_to(dice_t *d, size_t most)
{
    return (size_t)(roll(d) % (most + 1));
}

/* Mostly where heads change; `most` at the most. */
static size_t roll_size(dice_t *d, size_t most)
{
    static const size_t edges[] = {0,   1,   2,   16,  244,  245,   246,       247,
                                   254, 255, 256, 257, 4096, 65535, MOST_BYTES};
    size_t size = roll(d) % 3 ? edges[roll_up_to(d, sizeof edges / sizeof edges[0] - 1)] : roll_up_to(d, 600);
    return size < most ? size : most;
}

static bytes_t roll_bytes(dice_t *d, size_t most)
{
    size_t len = roll_size(d, most);
    return bytes_make(d->octets + roll_up_to(d, MOST_BYTES - len), len);
}

static void dice_init(dice_t *d, uint64_t seed)
{
    d->state = seed;
    for (size_t i = 0; i < MOST_BYTES; i++)
        d->octets[i] = (uint8_t)roll(d);
}

/* ---- frames ---- */

typedef struct frame {
    uint8_t flags;
    bytes_t body;
} frame_t;

static void write_frames(dice_t *d, buffer_t *b, frame_t *frames)
{
    for (size_t i = 0; i < FRAMES_OF_A_ROUND; i++) {
        frames[i] = (frame_t){(uint8_t)(roll(d) & ZMTP_MORE), roll_bytes(d, SIZE_MAX)};
        if (roll(d) % 4 == 0)
            frames[i].flags = ZMTP_COMMAND;
        if (frames[i].flags == ZMTP_COMMAND) {
            zmtp_write_frame_head(b, ZMTP_COMMAND, frames[i].body.len);
            write_bytes(b, frames[i].body);
        } else {
            zmtp_write_frame(b, frames[i].body, frames[i].flags & ZMTP_MORE);
        }
    }
    assert_false(b->failed);
}

/* What is left of `in` is given again with what follows, in pieces whose ends are thrown. */
static void frames_come_back_in_random_pieces(void **state)
{
    dice_t *d = *state;
    for (int round = 0; round < ROUNDS; round++) {
        frame_t frames[FRAMES_OF_A_ROUND];
        buffer_t wire = {0}, body = {0};
        write_frames(d, &wire, frames);
        zmtp_frame_reader_t r = {
            .limits = {UINT64_MAX, UINT64_MAX, roll_size(d, SIZE_MAX), roll_size(d, 5000)}};
        size_t arrived = 0, used = 0, count = 0;
        while (used < wire.len || count < FRAMES_OF_A_ROUND) {
            size_t more = roll_size(d, wire.len - arrived);
            arrived += more > 0 || arrived == wire.len ? more : 1;
            uint8_t *block;
            bytes_reader_t in = bytes_reader(exactly(bytes_make(wire.data + used, arrived - used), &block));
            zmtp_piece_t piece;
            while (zmtp_frame_read(&r, &in, &piece) == ZMTP_DECODED) {
                write_bytes(&body, piece.octets);
                if (!piece.last)
                    continue;
                assert_int_equal(piece.flags, frames[count].flags);
                assert_octets(buffer_bytes(&body), frames[count].body);
                buffer_clear(&body);
                count++;
            }
            used = arrived - reader_left(&in);
            free(block);
        }
        assert_int_equal(count, FRAMES_OF_A_ROUND);
        buffer_free(&wire);
        buffer_free(&body);
    }
}

/* ---- commands ---- */

static void subscriptions_come_back(void **state)
{
    dice_t *d = *state;
    for (int round = 0; round < ROUNDS; round++) {
        zmtp_subscription_t s = {roll(d) & 1, roll_bytes(d, SIZE_MAX)}, read;
        zmtp_version_t version = (zmtp_version_t)(ZMTP_2_0 + roll_up_to(d, 2));
        buffer_t b = {0};
        zmtp_write_subscription(&b, version, &s);
        if (version == ZMTP_3_1) {
            zmtp_command_t c = command_of(&b);
            assert_true(zmtp_subscription_of_command(&c, &read));
        } else {
            assert_true(zmtp_subscription_of_message(body_of(&b, 0), &read));
        }
        assert_int_equal(read.subscribe, s.subscribe);
        assert_octets(read.prefix, s.prefix);
        buffer_free(&b);
    }
}

static void heartbeats_errors_and_hellos_come_back(void **state)
{
    dice_t *d = *state;
    for (int round = 0; round < ROUNDS; round++) {
        zmtp_ping_t ping = {(uint16_t)roll(d), roll_bytes(d, 16)}, ping_read;
        zmtp_plain_hello_t hello = {roll_bytes(d, 255), roll_bytes(d, 255)}, hello_read;
        bytes_t reason = roll_bytes(d, 255), reason_read;
        buffer_t b[3] = {0};
        zmtp_write_ping(&b[0], &ping);
        zmtp_write_plain_hello(&b[1], &hello);
        zmtp_write_error(&b[2], reason);
        assert_int_equal(zmtp_ping_decode(command_of(&b[0]).data, &ping_read), ZMTP_DECODED);
        assert_int_equal(zmtp_plain_hello_decode(command_of(&b[1]).data, &hello_read), ZMTP_DECODED);
        assert_int_equal(zmtp_error_decode(command_of(&b[2]).data, &reason_read), ZMTP_DECODED);
        assert_int_equal(ping_read.ttl_tenths, ping.ttl_tenths);
        assert_octets(ping_read.context, ping.context);
        assert_octets(hello_read.username, hello.username);
        assert_octets(hello_read.password, hello.password);
        assert_octets(reason_read, reason);
        for (size_t i = 0; i < 3; i++)
            buffer_free(&b[i]);
    }
}

/* ---- metadata ---- */

static zmtp_property_t roll_property(dice_t *d)
{
    bytes_t name = roll_bytes(d, 255);
    return (zmtp_property_t){name.len > 0 ? name : BYTES("X-1"), roll_bytes(d, 5000)};
}

static void properties_come_back_in_their_order(void **state)
{
    dice_t *d = *state;
    for (int round = 0; round < ROUNDS; round++) {
        zmtp_property_t properties[10], read;
        size_t count = roll_up_to(d, 10);
        buffer_t b = {0};
        for (size_t i = 0; i < count; i++) {
            properties[i] = roll_property(d);
            zmtp_write_property(&b, &properties[i]);
        }
        uint8_t *block;
        bytes_reader_t r = bytes_reader(exactly(buffer_bytes(&b), &block));
        for (size_t i = 0; i < count; i++) {
            assert_true(zmtp_property_next(&r, &read));
            assert_octets(read.name, properties[i].name);
            assert_octets(read.value, properties[i].value);
        }
        assert_false(zmtp_property_next(&r, &read));
        assert_true(reader_done(&r));
        free(block);
        buffer_free(&b);
    }
}

static void sockets_come_back(void **state)
{
    dice_t *d = *state;
    for (int round = 0; round < ROUNDS; round++) {
        zmtp_socket_t ours = {(zmtp_socket_type_t)roll_up_to(d, ZMTP_SOCKET_NONE - 1), roll_bytes(d, 255)},
                      read;
        if (!zmtp_socket_type_has_identity(ours.type) || !zmtp_identity_valid(ours.identity))
            ours.identity.len = 0;
        bool ready = roll(d) & 1;
        buffer_t b = {0};
        (ready ? zmtp_write_ready : zmtp_write_initiate)(&b, &ours);
        zmtp_command_t c = command_of(&b);
        assert_int_equal(c.id, ready ? ZMTP_COMMAND_READY : ZMTP_COMMAND_INITIATE);
        assert_int_equal(zmtp_socket_decode(c.data, &read), ZMTP_DECODED);
        assert_int_equal(read.type, ours.type);
        assert_octets(read.identity, ours.identity);
        buffer_free(&b);
    }
}

/* Whatever the octets: every decoder says something about them and reads none behind their end. */
static void noise_is_decoded_or_refused(void **state)
{
    dice_t *d = *state;
    for (int round = 0; round < 20 * ROUNDS; round++) {
        uint8_t *block;
        bytes_t noise = exactly(roll_bytes(d, 80), &block);
        zmtp_greeting_t greeting;
        zmtp_frame_head_t head;
        zmtp_command_t command;
        zmtp_socket_t socket;
        zmtp_frame_limits_t limits = LIMITS;
        (void)zmtp_greeting_decode(noise, &greeting);
        (void)zmtp_frame_head_decode(noise, &limits, &head);
        if (zmtp_command_decode(noise, &command) == ZMTP_DECODED)
            assert_int_equal(1 + command.name.len + command.data.len, noise.len);
        if (zmtp_socket_decode(noise, &socket) == ZMTP_DECODED)
            assert_true(zmtp_metadata_valid(noise));
        free(block);
    }
}

int main(void)
{
    static dice_t dice;
    dice_init(&dice, UINT64_C(0x5eed0f2a9d4e));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(frames_come_back_in_random_pieces, &dice),
        cmocka_unit_test_prestate(subscriptions_come_back, &dice),
        cmocka_unit_test_prestate(heartbeats_errors_and_hellos_come_back, &dice),
        cmocka_unit_test_prestate(properties_come_back_in_their_order, &dice),
        cmocka_unit_test_prestate(sockets_come_back, &dice),
        cmocka_unit_test_prestate(noise_is_decoded_or_refused, &dice),
    };
    return cmocka_run_group_tests_name("zmtp codec: random", tests, NULL, NULL);
}
