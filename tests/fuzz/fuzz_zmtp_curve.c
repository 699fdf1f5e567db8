/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_zmtp_curve.c: CURVE, in one of two ways, which the first octet chooses. As a client: the rest is frames for a server
 * whose keys and dice are those of a libzmq client seen in life (in the corpus), so that some of them open. As both sides: the
 * rest is what they say to each other, and one change of one command, which must not open; all else must, and be the same. */
#include <assert.h>
#include <stdlib.h>

#include "zmtp/keys.h"
#include "zmtp/mechanism.h"

/* ---- a server, its dice and a client ---- */

/* The secret key of the connection, the key of the cookie, the nonces: SHA-256 of "server-transient", of "cookie-key". */
static const uint8_t drawn[] = {
    0x2b, 0xb6, 0x10, 0xfd, 0xe0, 0x93, 0x1d, 0x0b, 0xda, 0x32, 0x4e, 0x60, 0x8f, 0xc6, 0xd4, 0x0a,
    0x2e, 0x77, 0x7c, 0x2e, 0xb5, 0x44, 0x9d, 0x5a, 0x6f, 0xc1, 0x28, 0x01, 0x93, 0x74, 0xe3, 0xb9,
    0xbd, 0x9b, 0xce, 0x81, 0xae, 0x4a, 0xa3, 0x9f, 0x93, 0x3a, 0xce, 0x06, 0x6c, 0x22, 0x71, 0x8e,
    0x63, 0x06, 0x12, 0xf5, 0x47, 0xe0, 0x43, 0xc4, 0x5f, 0x5e, 0x54, 0x8b, 0xc0, 0xe7, 0xfe, 0xbf,
    0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11,
    0x22, 0x22, 0x22, 0x22, 0x22, 0x22, 0x22, 0x22, 0x22, 0x22, 0x22, 0x22, 0x22, 0x22, 0x22, 0x22,
};

/* SHA-256 of "server". */
static const uint8_t server_secret[ZMTP_CURVE_KEY_BYTES] = {
    0xb3, 0xea, 0xcd, 0x33, 0x43, 0x3b, 0x31, 0xb5, 0x25, 0x23, 0x51, 0x03, 0x2c, 0x9b, 0x3e, 0x7a,
    0x2e, 0x7a, 0xa7, 0x73, 0x8d, 0x5d, 0xec, 0xdf, 0x0d, 0xd6, 0xc6, 0x26, 0x80, 0x85, 0x3c, 0x06,
};

typedef struct dice {
    bytes_t octets; /* given first */
    size_t given;
} dice_t;

static void dice_fall(void *context, void *out, size_t len)
{
    dice_t *d = context;
    for (uint8_t *at = out; len > 0; len--, d->given++)
        *at++ = d->given < d->octets.len ? d->octets.data[d->given] : (uint8_t)(d->given * 167 + 1);
}

static void key_pair_of(bytes_t secret, zmtp_bus_t *bus)
{
    zmtp_key_pair_t pair;
    dice_t dice = {.octets = secret};
    zmtp_key_pair_make(&(random_source_t){dice_fall, &dice}, &pair);
    memcpy(bus->public_key, pair.public_key, ZMTP_CURVE_KEY_BYTES);
    memcpy(bus->secret_key, pair.secret_key, ZMTP_CURVE_KEY_BYTES);
}

static zmtp_bus_t server_bus(void)
{
    zmtp_bus_t bus = {.exchange = "amq.events", .user = "guest", .mechanism = ZMTP_MECHANISM_CURVE};
    key_pair_of(bytes_make(server_secret, sizeof server_secret), &bus);
    return bus;
}

/* A copy that ends where its block ends, so that a read past it is seen; the caller frees *block. */
static bytes_t exactly(bytes_t octets, uint8_t **block)
{
    *block = malloc(1 + octets.len);
    assert(*block);
    if (octets.len > 0)
        memcpy(*block + 1, octets.data, octets.len);
    return bytes_make(*block + 1, octets.len);
}

/* ---- a client ---- */

static zmtp_step_t take_frame(zmtp_handshake_t *h, zmtp_step_t step, bytes_t octets, buffer_t *out)
{
    uint8_t *block, flags;
    zmtp_command_t command;
    buffer_t plain = {0};
    bytes_t body = exactly(octets, &block);
    if (step == ZMTP_STEP_DONE)
        step = zmtp_curve_open(h->curve, body, &plain, &flags) ? step : ZMTP_STEP_REFUSED;
    else if (zmtp_command_decode(body, &command) == ZMTP_DECODED)
        step = zmtp_mechanism_curve.command(h, &command, out);
    else
        step = ZMTP_STEP_REFUSED;
    buffer_free(&plain);
    free(block);
    return step;
}

static void try_frames(bytes_t wire)
{
    zmtp_options_t options;
    zmtp_bus_t bus = server_bus();
    dice_t dice = {.octets = bytes_make(drawn, sizeof drawn)};
    zmtp_options_default(&options);
    options.random = (random_source_t){dice_fall, &dice};
    zmtp_handshake_t h = {.bus = &bus, .options = &options, .version = ZMTP_3_1, .ours = ZMTP_SOCKET_NONE};
    zmtp_frame_reader_t r = {.limits = {.frame_bytes = 4096, .command_bytes = 4096, .whole_bytes = 4096}};
    bytes_reader_t in = bytes_reader(wire);
    zmtp_piece_t piece;
    buffer_t out = {0};
    zmtp_step_t step = ZMTP_STEP_MORE;
    zmtp_mechanism_curve.begin(&h, &out);
    while (step != ZMTP_STEP_REFUSED && zmtp_frame_read(&r, &in, &piece) == ZMTP_DECODED)
        step = take_frame(&h, step, piece.octets, &out);
    assert(!out.failed && out.len < 1000);
    zmtp_mechanism_curve.end(&h);
    buffer_free(&out);
}

/* ---- both sides ---- */

enum { HELLO, WELCOME, INITIATE, READY, FIRST_MESSAGE };

typedef struct talk {
    zmtp_bus_t bus, dialling;
    dice_t dice;
    random_source_t random;
    zmtp_curve_t *server, *client;
    unsigned changed; /* the how-manieth command */
    uint16_t where;
    uint8_t how; /* 0: nothing is changed; 255: it is cut; 254: it is longer; else these bits */
    unsigned count;
} talk_t;

/* What arrives of the command that stands in `sent` alone; true if it is as it was. */
static bool arrive(talk_t *t, buffer_t *sent, size_t name_bytes, bytes_t *data, uint8_t **block)
{
    zmtp_frame_reader_t r = {
        .limits = {.frame_bytes = SIZE_MAX, .command_bytes = SIZE_MAX, .whole_bytes = SIZE_MAX}};
    bytes_reader_t in = bytes_reader(buffer_bytes(sent));
    zmtp_piece_t piece;
    zmtp_result_t read = zmtp_frame_read(&r, &in, &piece);
    assert(!sent->failed && read == ZMTP_DECODED && reader_done(&in));
    bytes_t is = bytes_make(piece.octets.data + name_bytes, piece.octets.len - name_bytes);
    bool change = t->count++ == t->changed && t->how != 0;
    size_t where = t->where % is.len;
    buffer_t now = {0};
    write_bytes(&now, change && t->how == 255 ? bytes_make(is.data, where) : is);
    if (change && t->how == 254)
        write_u8(&now, (uint8_t)t->where);
    else if (change && t->how != 255)
        now.data[where] ^= t->how;
    *data = exactly(buffer_bytes(&now), block);
    buffer_free(&now);
    buffer_clear(sent);
    return !change;
}

static bool shake(talk_t *t, bytes_t metadata)
{
    buffer_t sent = {0}, plain = {0};
    uint8_t *block[4] = {0};
    bytes_t data;
    zmtp_curve_initiate_t initiate;
    bool made = zmtp_curve_write_hello(t->client, &t->dialling, &t->random, &sent);
    assert(made);
    bool same = arrive(t, &sent, 6, &data, &block[HELLO]);
    bool opened = zmtp_curve_answer_hello(t->server, &t->bus, &t->random, data, &sent);
    assert(opened == same && (sent.len > 0) == same);
    if (opened) {
        same = arrive(t, &sent, 8, &data, &block[WELCOME]);
        opened = zmtp_curve_answer_welcome(t->client, &t->dialling, &t->random, data, metadata, &sent);
        assert(opened == same && (sent.len > 0) == same);
    }
    if (opened) {
        same = arrive(t, &sent, 9, &data, &block[INITIATE]);
        opened = zmtp_curve_open_initiate(t->server, &t->bus, data, &plain, &initiate);
        assert(opened == same && (!opened || bytes_equal(initiate.metadata, metadata)));
    }
    if (opened) {
        zmtp_curve_write_ready(t->server, metadata, &sent);
        same = arrive(t, &sent, 6, &data, &block[READY]);
        opened = zmtp_curve_open_ready(t->client, data, &plain);
        assert(opened == same && (!opened || bytes_equal(buffer_bytes(&plain), metadata)));
    }
    for (int i = 0; i < 4; i++)
        free(block[i]);
    buffer_free(&sent);
    buffer_free(&plain);
    return opened;
}

static bool carry(talk_t *t, bool up, uint8_t flags, bytes_t body)
{
    buffer_t sent = {0}, plain = {0};
    uint8_t *block, come;
    bytes_t data;
    zmtp_curve_t *from = up ? t->client : t->server, *to = up ? t->server : t->client;
    zmtp_curve_seal(from, flags, body, &sent);
    bool same = arrive(t, &sent, 0, &data, &block);
    bool opened = zmtp_curve_open(to, data, &plain, &come);
    assert(opened == same);
    assert(!opened || (come == flags && bytes_equal(buffer_bytes(&plain), body)));
    opened = opened && !zmtp_curve_open(to, data, &plain, &come); /* not again */
    assert(opened == same);
    free(block);
    buffer_free(&sent);
    buffer_free(&plain);
    return opened;
}

static void try_talk(bytes_t said)
{
    static const uint8_t flags[] = {0, ZMTP_MORE, ZMTP_COMMAND, 0};
    static const uint8_t client_secret[ZMTP_CURVE_KEY_BYTES] = {1, 2, 3};
    talk_t t = {.bus = server_bus()};
    bytes_reader_t r = bytes_reader(said);
    t.random = (random_source_t){dice_fall, &t.dice};
    key_pair_of(bytes_make(client_secret, sizeof client_secret), &t.dialling);
    memcpy(t.dialling.server_key, t.bus.public_key, ZMTP_CURVE_KEY_BYTES);
    t.server = zmtp_curve_new(false);
    t.client = zmtp_curve_new(true);
    t.changed = read_u8(&r) % (FIRST_MESSAGE + 4);
    t.where = read_u16(&r);
    t.how = read_u8(&r);
    bytes_t metadata = read_short_string(&r);
    bool open = reader_ok(&r) && shake(&t, metadata);
    while (open && reader_left(&r) > 0) {
        uint8_t how = read_u8(&r);
        bytes_t body = read_short_string(&r);
        open = reader_ok(&r) && carry(&t, how & 1, flags[how >> 1 & 3], body);
    }
    zmtp_curve_free(&t.server);
    zmtp_curve_free(&t.client);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    if (len == 0)
        return 0;
    bytes_t rest = bytes_make(data + 1, len - 1);
    if (data[0] & 1)
        try_talk(rest);
    else
        try_frames(rest);
    return 0;
}
