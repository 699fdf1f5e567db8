/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_zmtp_codec.c: octets as what a peer sends: a greeting, if it is one, then frames. The first octet of the input
 * throws the dice for limits and pieces. What comes whole and what comes in pieces must be the same; what decodes must
 * encode, and decode to the same again; metadata encodes to the very same octets. Everything is decoded where its block
 * ends, so that a read past its end is seen. */
#include <assert.h>
#include <stdlib.h>

#include "zmtp/codec.h"

/* A copy that ends where its block ends; the caller frees *block. */
static bytes_t exactly(bytes_t octets, uint8_t **block)
{
    *block = malloc(1 + octets.len);
    assert(*block);
    if (octets.len > 0)
        memcpy(*block + 1, octets.data, octets.len);
    return bytes_make(*block + 1, octets.len);
}

static uint64_t roll(uint64_t *dice)
{
    *dice ^= *dice << 13;
    *dice ^= *dice >> 7;
    *dice ^= *dice << 17;
    return *dice;
}

/* ---- greeting ---- */

static zmtp_result_t greeting_of_prefix(bytes_t octets, size_t len, zmtp_greeting_t *out)
{
    uint8_t *block;
    zmtp_result_t result = zmtp_greeting_decode(exactly(bytes_make(octets.data, len), &block), out);
    free(block);
    return result;
}

/* What we write for this mechanism decodes to ourselves. */
static void try_our_greeting(const zmtp_greeting_t *peer)
{
    buffer_t b = {0};
    zmtp_greeting_t ours;
    zmtp_greeting_answer(&b, ZMTP_GREETING_AWAITED, peer, peer->mechanism);
    assert(!b.failed && b.len == ZMTP_GREETING_BYTES);
    assert(zmtp_greeting_decode(buffer_bytes(&b), &ours) == ZMTP_DECODED);
    assert(ours.version == ZMTP_3_1 && ours.mechanism == peer->mechanism);
    buffer_free(&b);
}

static bool same_greeting(const zmtp_greeting_t *a, const zmtp_greeting_t *b)
{
    return a->stage == b->stage && a->major == b->major && a->minor == b->minor && a->version == b->version &&
           a->mechanism == b->mechanism && a->mechanism_name.len == b->mechanism_name.len &&
           a->socket_type == b->socket_type && a->bytes == b->bytes;
}

/* Octet by octet: stages only rise, and what is decided stays so. Returns how many octets are the greeting. */
static size_t try_greeting(bytes_t octets)
{
    zmtp_greeting_t whole, part;
    zmtp_result_t result = zmtp_greeting_decode(octets, &whole), so_far = ZMTP_INCOMPLETE;
    zmtp_greeting_stage_t stage = ZMTP_GREETING_AWAITED;
    for (size_t len = 0; len <= octets.len && len <= ZMTP_GREETING_BYTES; len++) {
        zmtp_result_t now = greeting_of_prefix(octets, len, &part);
        assert(so_far == ZMTP_INCOMPLETE || (now == so_far && part.stage == stage));
        assert(part.stage >= stage);
        so_far = now, stage = part.stage;
    }
    assert(so_far == result && same_greeting(&whole, &part));
    if (result != ZMTP_DECODED)
        return 0;
    assert(whole.stage == ZMTP_GREETING_WHOLE && whole.bytes <= octets.len);
    if (whole.version != ZMTP_2_0 && whole.mechanism != ZMTP_MECHANISM_UNKNOWN)
        try_our_greeting(&whole);
    return whole.bytes;
}

/* ---- metadata ---- */

static void try_socket(bytes_t metadata)
{
    zmtp_socket_t peer, again;
    zmtp_result_t result = zmtp_socket_decode(metadata, &peer);
    assert(result != ZMTP_INCOMPLETE);
    assert((result == ZMTP_REFUSED_METADATA_MALFORMED) == !zmtp_metadata_valid(metadata));
    if (result != ZMTP_DECODED)
        return;
    buffer_t b = {0};
    zmtp_write_socket(&b, &peer);
    assert(!b.failed && b.len == zmtp_socket_bytes(&peer));
    assert(zmtp_socket_decode(buffer_bytes(&b), &again) == ZMTP_DECODED);
    assert(again.type == peer.type && bytes_equal(again.identity, peer.identity));
    buffer_free(&b);
}

static void try_metadata(bytes_t metadata)
{
    buffer_t b = {0};
    bytes_reader_t r = bytes_reader(metadata);
    zmtp_property_t property;
    bytes_t found;
    while (zmtp_property_next(&r, &property)) {
        assert(property.name.len > 0 && property.name.len <= 255);
        bool is_there = zmtp_metadata_find(metadata, property.name, &found);
        assert(is_there && found.data <= property.value.data);
        zmtp_write_property(&b, &property);
    }
    assert(!b.failed && b.len <= metadata.len);
    assert(reader_ok(&r) == zmtp_metadata_valid(metadata));
    assert(bytes_starts_with(metadata, buffer_bytes(&b)) && (!reader_ok(&r) || b.len == metadata.len));
    buffer_free(&b);
    try_socket(metadata);
}

/* ---- commands ---- */

/* The one frame in `b`. */
static bytes_t body_of(const buffer_t *b, uint8_t flags)
{
    zmtp_frame_reader_t r = {
        .limits = {.frame_bytes = SIZE_MAX, .command_bytes = SIZE_MAX, .whole_bytes = SIZE_MAX}};
    bytes_reader_t in = bytes_reader(buffer_bytes(b));
    zmtp_piece_t piece;
    zmtp_result_t result = zmtp_frame_read(&r, &in, &piece);
    assert(!b->failed && result == ZMTP_DECODED && reader_done(&in));
    assert(piece.flags == flags && piece.first && piece.last);
    return piece.octets;
}

static zmtp_command_t command_of(const buffer_t *b)
{
    zmtp_command_t c;
    zmtp_result_t result = zmtp_command_decode(body_of(b, ZMTP_COMMAND), &c);
    assert(result == ZMTP_DECODED && c.id != ZMTP_COMMAND_UNKNOWN);
    return c;
}

/* Both forms say the same again. */
static void try_subscription(const zmtp_subscription_t *s)
{
    buffer_t command = {0}, message = {0};
    zmtp_subscription_t a, b;
    zmtp_write_subscription(&command, ZMTP_3_1, s);
    zmtp_write_subscription(&message, ZMTP_3_0, s);
    zmtp_command_t c = command_of(&command);
    bool both =
        zmtp_subscription_of_command(&c, &a) && zmtp_subscription_of_message(body_of(&message, 0), &b);
    assert(both && a.subscribe == s->subscribe && b.subscribe == s->subscribe);
    assert(bytes_equal(a.prefix, s->prefix) && bytes_equal(b.prefix, s->prefix));
    buffer_free(&command);
    buffer_free(&message);
}

static void try_ping(bytes_t data)
{
    zmtp_ping_t ping, again;
    if (zmtp_ping_decode(data, &ping) != ZMTP_DECODED)
        return;
    buffer_t b = {0}, pong = {0};
    zmtp_write_ping(&b, &ping);
    zmtp_write_pong(&pong, ping.context);
    assert(zmtp_ping_decode(command_of(&b).data, &again) == ZMTP_DECODED);
    assert(again.ttl_tenths == ping.ttl_tenths && bytes_equal(again.context, ping.context));
    assert(bytes_equal(command_of(&pong).data, ping.context));
    buffer_free(&b);
    buffer_free(&pong);
}

static void try_error(bytes_t data)
{
    bytes_t reason, again;
    if (zmtp_error_decode(data, &reason) != ZMTP_DECODED)
        return;
    buffer_t b = {0};
    zmtp_write_error(&b, reason);
    assert(zmtp_error_decode(command_of(&b).data, &again) == ZMTP_DECODED && bytes_equal(again, reason));
    buffer_free(&b);
}

static void try_hello(bytes_t data)
{
    zmtp_plain_hello_t hello;
    if (zmtp_plain_hello_decode(data, &hello) != ZMTP_DECODED)
        return;
    buffer_t b = {0};
    zmtp_write_plain_hello(&b, &hello);
    assert(bytes_equal(command_of(&b).data, data));
    buffer_free(&b);
}

/* What comes of a command depends on its data more than on its name: everything is tried on it. */
static void try_command(bytes_t body)
{
    zmtp_command_t c;
    zmtp_subscription_t s;
    if (zmtp_command_decode(body, &c) != ZMTP_DECODED)
        return;
    assert(1 + c.name.len + c.data.len == body.len);
    if (c.id != ZMTP_COMMAND_UNKNOWN) {
        buffer_t b = {0};
        zmtp_write_command(&b, c.id, c.data);
        assert(bytes_equal(body_of(&b, ZMTP_COMMAND), body));
        buffer_free(&b);
    }
    if (zmtp_subscription_of_command(&c, &s))
        try_subscription(&s);
    assert((zmtp_plain_welcome_decode(c.data) == ZMTP_DECODED) == (c.data.len == 0));
    try_ping(c.data);
    try_error(c.data);
    try_hello(c.data);
    try_metadata(c.data);
}

static void try_body(bytes_t octets)
{
    uint8_t *block;
    zmtp_subscription_t s;
    bytes_t body = exactly(octets, &block);
    try_command(body);
    try_metadata(body);
    if (zmtp_subscription_of_message(body, &s))
        try_subscription(&s);
    free(block);
}

/* ---- frames ---- */

static void write_as_read(buffer_t *out, uint8_t flags, bytes_t body)
{
    zmtp_write_frame_head(out, flags, body.len);
    write_bytes(out, body);
    assert(!out->failed);
}

/* All at hand at once, every frame whole. Writes into `out` what it read; says why it ended. */
static zmtp_result_t read_whole(bytes_t wire, const zmtp_frame_limits_t *limits, buffer_t *out,
                                bool look_inside)
{
    zmtp_frame_reader_t r = {.limits = *limits};
    r.limits.whole_bytes = UINT64_MAX;
    bytes_reader_t in = bytes_reader(wire);
    zmtp_piece_t piece;
    zmtp_result_t result;
    while ((result = zmtp_frame_read(&r, &in, &piece)) == ZMTP_DECODED) {
        assert(piece.first && piece.last && piece.frame_bytes == piece.octets.len);
        assert(piece.octets.len <=
               (piece.flags & ZMTP_COMMAND ? limits->command_bytes : limits->frame_bytes));
        write_as_read(out, piece.flags, piece.octets);
        if (look_inside)
            try_body(piece.octets);
    }
    return result;
}

/* Takes what it can of the octets at hand; `body` is the frame that is being read. Returns how many it took. */
static size_t read_some(zmtp_frame_reader_t *r, bytes_t at_hand, buffer_t *body, buffer_t *out,
                        zmtp_result_t *end)
{
    uint8_t *block;
    bytes_reader_t in = bytes_reader(exactly(at_hand, &block));
    zmtp_piece_t piece;
    size_t left = at_hand.len;
    while ((*end = zmtp_frame_read(r, &in, &piece)) == ZMTP_DECODED) {
        left = reader_left(&in);
        assert(piece.first == (body->len == 0));
        assert(piece.octets.len > 0 || piece.frame_bytes == 0);
        write_bytes(body, piece.octets);
        assert(piece.last == (body->len == piece.frame_bytes));
        if (!piece.last)
            continue;
        write_as_read(out, piece.flags, buffer_bytes(body));
        buffer_clear(body);
    }
    assert(reader_left(&in) == left); /* what it did not give it did not take */
    free(block);
    return at_hand.len - left;
}

/* In pieces whose ends are thrown, frames whole or streamed. */
static zmtp_result_t read_in_pieces(bytes_t wire, const zmtp_frame_limits_t *limits, uint64_t dice,
                                    buffer_t *out)
{
    zmtp_frame_reader_t r = {.limits = *limits};
    r.limits.whole_bytes = roll(&dice) % 300;
    r.limits.piece_bytes = roll(&dice) % 20;
    zmtp_result_t end = ZMTP_INCOMPLETE;
    buffer_t body = {0};
    size_t arrived = 0, used = 0;
    while (arrived < wire.len && end == ZMTP_INCOMPLETE) {
        size_t more = (size_t)(1 + roll(&dice) % (roll(&dice) % 4 ? 4 : 200));
        arrived += more < wire.len - arrived ? more : wire.len - arrived;
        used += read_some(&r, bytes_make(wire.data + used, arrived - used), &body, out, &end);
    }
    buffer_free(&body);
    return end;
}

static void try_frames(bytes_t wire, uint64_t dice)
{
    zmtp_frame_limits_t limits = {
        .frame_bytes = dice & 1 ? 1000 : UINT64_MAX,
        .command_bytes = dice & 2   ? UINT64_MAX
                         : dice & 4 ? 0
                                    : 500,
    };
    buffer_t whole = {0}, pieces = {0}, again = {0};
    zmtp_result_t end = read_whole(wire, &limits, &whole, true);
    zmtp_result_t end_of_pieces = read_in_pieces(wire, &limits, dice, &pieces);
    assert(end == end_of_pieces);
    assert(whole.len <= wire.len && bytes_equal(buffer_bytes(&whole), buffer_bytes(&pieces)));
    end = read_whole(buffer_bytes(&whole), &limits, &again, false);
    assert(end == ZMTP_INCOMPLETE && bytes_equal(buffer_bytes(&whole), buffer_bytes(&again)));
    buffer_free(&whole);
    buffer_free(&pieces);
    buffer_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    if (len == 0)
        return 0;
    uint64_t dice = UINT64_C(0x9e3779b97f4a7c15) * (data[0] + 1u);
    bytes_t wire = bytes_make(data + 1, len - 1);
    size_t greeting_bytes = try_greeting(wire);
    bytes_t frames = bytes_make(wire.data + greeting_bytes, wire.len - greeting_bytes);
    try_frames(frames, dice >> 32 ^ dice);
    try_body(frames);
    return 0;
}
