/* SPDX-License-Identifier: Apache-2.0
 *
 * curve.c: CURVE octet by octet. C, c a client's key for ever, public and secret; C', c' those of its connection; S, s, S', s'
 * a server's; K the key of its cookie. box[plain](nonce; P, q): 16 octets of MAC, and plain encrypted from the secret q to the
 * public P; counter:8 rises in each direction; ..:16 is random. The data of
 *
 *   HELLO      version:2 = 01 00, zeros:72, C':32, counter:8, box[zeros:64]("CurveZMQHELLO---" counter; S, c')
 *   WELCOME    ..:16, box[S':32 cookie:96]("WELCOME-" ..; C', s)
 *     cookie   ..:16, secretbox[C':32 s':32]("COOKIE--" ..; K)
 *   INITIATE   cookie:96, counter:8, box[C:32 ..:16 vouch:80 metadata]("CurveZMQINITIATE" counter; S', c')
 *     vouch    box[C':32 S:32]("VOUCH---" ..; S', c)
 *   READY      counter:8, box[metadata]("CurveZMQREADY---" counter; C', s')
 *   MESSAGE    counter:8, box[flags:1 body]("CurveZMQMESSAGEC" or "…S" counter; S' and c', or C' and s')
 *
 * Flags within a MESSAGE are 01 MORE and 02 COMMAND. A cookie's K is drawn for its connection alone, so that an INITIATE
 * opens on that connection only, and s' is nowhere but in the cookie until it comes back.
 *
 * What is compared by memcmp is no secret, or was made by who has the key. */
#include "zmtp/curve.h"

#include <assert.h>
#include <sodium.h>
#include <stdlib.h>

#include "base/alloc.h"

#define KEY_BYTES     ZMTP_CURVE_KEY_BYTES
#define MAC_BYTES     crypto_box_MACBYTES
#define NONCE_BYTES   crypto_box_NONCEBYTES
#define RANDOM_BYTES  16 /* of a nonce */
#define ZEROS_BYTES   72
#define GREETED_BYTES 64 /* zeros in the box of HELLO */
#define COOKIE_BYTES  (RANDOM_BYTES + MAC_BYTES + 2 * KEY_BYTES)
#define VOUCH_BYTES   (MAC_BYTES + 2 * KEY_BYTES)
#define HELLO_BYTES   (2 + ZEROS_BYTES + KEY_BYTES + 8 + MAC_BYTES + GREETED_BYTES)
#define WELCOME_BYTES (RANDOM_BYTES + MAC_BYTES + KEY_BYTES + COOKIE_BYTES)
#define VOUCHED_BYTES                                                                                        \
    (KEY_BYTES + RANDOM_BYTES + VOUCH_BYTES) /* in the box of INITIATE, before its metadata */

static_assert(KEY_BYTES == crypto_box_PUBLICKEYBYTES && KEY_BYTES == crypto_box_SECRETKEYBYTES,
              "one size of keys");
static_assert(KEY_BYTES == crypto_box_BEFORENMBYTES && KEY_BYTES == crypto_secretbox_KEYBYTES,
              "also of shared ones");
static_assert(NONCE_BYTES == crypto_secretbox_NONCEBYTES && MAC_BYTES == crypto_secretbox_MACBYTES,
              "boxes are alike");
static_assert(HELLO_BYTES == 194 && WELCOME_BYTES == 160, "as libzmq sends them, without their names");

#define MESSAGE_NAME BYTES("\7MESSAGE")

static const uint8_t zeros[ZEROS_BYTES];

zmtp_curve_t *zmtp_curve_new(bool client)
{
    /* Finds the fastest code for this machine; after the first time it is a look. */
    if (sodium_init() < 0)
        abort();
    zmtp_curve_t *c = MEM_NEW(zmtp_curve_t);
    c->client = client;
    c->awaits = client ? ZMTP_COMMAND_WELCOME : ZMTP_COMMAND_HELLO;
    return c;
}

void zmtp_curve_free(zmtp_curve_t **c)
{
    if (*c)
        sodium_memzero(*c, sizeof **c);
    mem_free(*c);
    *c = NULL;
}

/* ---- nonces ---- */

typedef struct nonce {
    uint8_t octets[NONCE_BYTES];
} nonce_t;

static nonce_t nonce_of_counter(const char prefix[16 + 1], uint64_t counter)
{
    nonce_t n;
    memcpy(n.octets, prefix, 16);
    put_u64(n.octets + 16, counter);
    return n;
}

static nonce_t nonce_of_random(const char prefix[8 + 1], const uint8_t *random)
{
    nonce_t n;
    memcpy(n.octets, prefix, 8);
    memcpy(n.octets + 8, random, RANDOM_BYTES);
    return n;
}

static nonce_t nonce_of_message(bool from_client, uint64_t counter)
{
    return nonce_of_counter(from_client ? "CurveZMQMESSAGEC" : "CurveZMQMESSAGES", counter);
}

static void draw(const random_source_t *random, uint8_t *out, size_t len)
{
    random->fill(random->context, out, len);
}

/* ---- boxes of the key that both sides share ---- */

/* Opens a box into `plain`, of which it is then all. */
static bool open_shared(zmtp_curve_t *c, bytes_t box, const nonce_t *n, buffer_t *plain)
{
    buffer_clear(plain);
    if (box.len < MAC_BYTES ||
        !buffer_reserve(plain, box.len - MAC_BYTES + 1)) /* there is a place for nothing, too */
        return false;
    if (crypto_box_open_easy_afternm(plain->data, box.data, box.len, n->octets, c->key) != 0)
        return false;
    plain->len = box.len - MAC_BYTES;
    return true;
}

/* What is to be in a box is written behind a place for its MAC; then the box is closed where it is. */
static void close_shared(const zmtp_curve_t *c, uint8_t *box, size_t plain_bytes, const nonce_t *n)
{
    uint8_t *plain = box + MAC_BYTES;
    int closed = crypto_box_detached_afternm(plain, box, plain, plain_bytes, n->octets, c->key);
    assert(closed == 0);
    (void)closed;
}

/* Nothing of a command that could not be made may leave. */
static bool keep_if(bool made, buffer_t *out, size_t before)
{
    if (!made)
        out->len = before;
    return made;
}

/* A command frame with room for `data_bytes`, which the caller must fill: NULL if there is none. */
static uint8_t *begin_command(buffer_t *out, zmtp_command_id_t id, size_t data_bytes)
{
    zmtp_write_command_head(out, id, data_bytes);
    if (!buffer_reserve(out, data_bytes))
        return NULL;
    uint8_t *at = out->data + out->len;
    out->len += data_bytes;
    return at;
}

/* ---- HELLO and WELCOME, at the server ---- */

/* The cookie of a client whose key is C' and of our s'. */
static void write_cookie(zmtp_curve_t *c, const random_source_t *random, const uint8_t *client,
                         const uint8_t *secret, uint8_t *out)
{
    uint8_t plain[2 * KEY_BYTES];
    memcpy(plain, client, KEY_BYTES);
    memcpy(plain + KEY_BYTES, secret, KEY_BYTES);
    draw(random, c->key, KEY_BYTES);
    draw(random, out, RANDOM_BYTES);
    nonce_t n = nonce_of_random("COOKIE--", out);
    crypto_secretbox_easy(out + RANDOM_BYTES, plain, sizeof plain, n.octets, c->key);
    sodium_memzero(plain, sizeof plain);
}

static bool write_welcome(zmtp_curve_t *c, const zmtp_bus_t *bus, const random_source_t *random,
                          const uint8_t *client, buffer_t *out)
{
    uint8_t secret[KEY_BYTES], plain[KEY_BYTES + COOKIE_BYTES];
    uint8_t *at = begin_command(out, ZMTP_COMMAND_WELCOME, WELCOME_BYTES);
    if (!at)
        return false;
    draw(random, secret, KEY_BYTES);
    crypto_scalarmult_base(plain, secret);
    write_cookie(c, random, client, secret, plain + KEY_BYTES);
    sodium_memzero(secret, sizeof secret);
    draw(random, at, RANDOM_BYTES);
    nonce_t n = nonce_of_random("WELCOME-", at);
    return crypto_box_easy(at + RANDOM_BYTES, plain, sizeof plain, n.octets, client, bus->secret_key) == 0;
}

bool zmtp_curve_answer_hello(zmtp_curve_t *c, const zmtp_bus_t *bus, const random_source_t *random,
                             bytes_t hello, buffer_t *out)
{
    bytes_reader_t r = bytes_reader(hello);
    bytes_t version = read_bytes(&r, 2), padding = read_bytes(&r, ZEROS_BYTES),
            client = read_bytes(&r, KEY_BYTES);
    uint64_t counter = read_u64(&r);
    bytes_t box = read_bytes(&r, MAC_BYTES + GREETED_BYTES);
    if (!reader_done(&r) || counter <= c->received || !bytes_equal(version, BYTES("\1\0")) ||
        !bytes_equal(padding, bytes_make(zeros, ZEROS_BYTES)))
        return false;
    if (client.data[KEY_BYTES - 1] & 0x80) /* the box opens with it or without: one key has one form */
        return false;
    uint8_t plain[GREETED_BYTES];
    nonce_t n = nonce_of_counter("CurveZMQHELLO---", counter);
    if (crypto_box_open_easy(plain, box.data, box.len, n.octets, client.data, bus->secret_key) != 0 ||
        memcmp(plain, zeros, GREETED_BYTES) != 0)
        return false;
    c->received = counter;
    c->awaits = ZMTP_COMMAND_INITIATE;
    size_t before = out->len;
    return keep_if(write_welcome(c, bus, random, client.data, out), out, before);
}

/* ---- INITIATE and READY, at the server ---- */

/* Changes the key from the cookie's to that of the traffic. `transient`: C' and s', from the cookie. */
static bool open_cookie(zmtp_curve_t *c, bytes_t cookie, uint8_t transient[2 * KEY_BYTES])
{
    nonce_t n = nonce_of_random("COOKIE--", cookie.data);
    return crypto_secretbox_open_easy(transient, cookie.data + RANDOM_BYTES, cookie.len - RANDOM_BYTES,
                                      n.octets, c->key) == 0 &&
           crypto_box_beforenm(c->key, transient, transient + KEY_BYTES) == 0;
}

/* The vouch names this connection (else it were somebody else's, used again) and us (else a server that the client
 * speaks to could pass it on to us as its own). libzmq checks the first alone. */
static bool vouch_holds(const zmtp_bus_t *bus, const uint8_t transient[2 * KEY_BYTES], const uint8_t *vouched)
{
    uint8_t plain[2 * KEY_BYTES];
    nonce_t n = nonce_of_random("VOUCH---", vouched + KEY_BYTES);
    return crypto_box_open_easy(plain, vouched + KEY_BYTES + RANDOM_BYTES, VOUCH_BYTES, n.octets, vouched,
                                transient + KEY_BYTES) == 0 &&
           memcmp(plain, transient, KEY_BYTES) == 0 &&
           memcmp(plain + KEY_BYTES, bus->public_key, KEY_BYTES) == 0;
}

bool zmtp_curve_open_initiate(zmtp_curve_t *c, const zmtp_bus_t *bus, bytes_t initiate, buffer_t *plain,
                              zmtp_curve_initiate_t *out)
{
    bytes_reader_t r = bytes_reader(initiate);
    bytes_t cookie = read_bytes(&r, COOKIE_BYTES);
    uint64_t counter = read_u64(&r);
    bytes_t box = read_bytes(&r, reader_left(&r));
    if (!reader_ok(&r) || counter <= c->received || box.len < MAC_BYTES + VOUCHED_BYTES)
        return false;
    uint8_t transient[2 * KEY_BYTES];
    nonce_t n = nonce_of_counter("CurveZMQINITIATE", counter);
    bool opened = open_cookie(c, cookie, transient) && open_shared(c, box, &n, plain) &&
                  vouch_holds(bus, transient, plain->data);
    sodium_memzero(transient, sizeof transient);
    if (!opened)
        return false;
    c->received = counter;
    c->awaits = ZMTP_COMMAND_MESSAGE;
    out->client_key = bytes_make(plain->data, KEY_BYTES);
    out->metadata = bytes_make(plain->data + VOUCHED_BYTES, plain->len - VOUCHED_BYTES);
    return true;
}

void zmtp_curve_write_ready(zmtp_curve_t *c, bytes_t metadata, buffer_t *out)
{
    uint8_t *at = begin_command(out, ZMTP_COMMAND_READY, 8 + MAC_BYTES + metadata.len);
    if (!at)
        return;
    nonce_t n = nonce_of_counter("CurveZMQREADY---", ++c->sent);
    at = put_u64(at, c->sent);
    put_bytes(at + MAC_BYTES, metadata);
    close_shared(c, at, metadata.len, &n);
}

/* ---- the client ---- */

bool zmtp_curve_write_hello(zmtp_curve_t *c, const zmtp_bus_t *bus, const random_source_t *random,
                            buffer_t *out)
{
    size_t before = out->len;
    uint8_t *at = begin_command(out, ZMTP_COMMAND_HELLO, HELLO_BYTES);
    if (!at)
        return false;
    draw(random, c->key, KEY_BYTES);
    at = put_bytes(put_bytes(at, BYTES("\1\0")), bytes_make(zeros, ZEROS_BYTES));
    crypto_scalarmult_base(at, c->key);
    at = put_u64(at + KEY_BYTES, ++c->sent);
    nonce_t n = nonce_of_counter("CurveZMQHELLO---", c->sent);
    bool made = crypto_box_easy(at, zeros, GREETED_BYTES, n.octets, bus->server_key, c->key) == 0;
    return keep_if(made, out, before);
}

/* Behind the box's place for its MAC: who we are, and our word that the key of this connection is ours, for this server. */
static bool write_vouched(const zmtp_curve_t *c, const zmtp_bus_t *bus, const random_source_t *random,
                          const uint8_t *server, uint8_t *at)
{
    uint8_t plain[2 * KEY_BYTES];
    crypto_scalarmult_base(plain, c->key);
    memcpy(plain + KEY_BYTES, bus->server_key, KEY_BYTES);
    at = put_bytes(at, bytes_make(bus->public_key, KEY_BYTES));
    draw(random, at, RANDOM_BYTES);
    nonce_t n = nonce_of_random("VOUCH---", at);
    return crypto_box_easy(at + RANDOM_BYTES, plain, sizeof plain, n.octets, server, bus->secret_key) == 0;
}

static bool write_initiate(zmtp_curve_t *c, const zmtp_bus_t *bus, const random_source_t *random,
                           const uint8_t *welcome, bytes_t metadata, buffer_t *out)
{
    size_t box_bytes = MAC_BYTES + VOUCHED_BYTES + metadata.len;
    uint8_t *at = begin_command(out, ZMTP_COMMAND_INITIATE, COOKIE_BYTES + 8 + box_bytes);
    if (!at)
        return false;
    at = put_bytes(at, bytes_make(welcome + KEY_BYTES, COOKIE_BYTES));
    at = put_u64(at, ++c->sent);
    put_bytes(at + MAC_BYTES + VOUCHED_BYTES, metadata);
    if (!write_vouched(c, bus, random, welcome, at + MAC_BYTES))
        return false;
    uint8_t shared[KEY_BYTES];
    if (crypto_box_beforenm(shared, welcome, c->key) != 0)
        return false;
    memcpy(c->key, shared, KEY_BYTES);
    sodium_memzero(shared, sizeof shared);
    nonce_t n = nonce_of_counter("CurveZMQINITIATE", c->sent);
    close_shared(c, at, box_bytes - MAC_BYTES, &n);
    return true;
}

bool zmtp_curve_answer_welcome(zmtp_curve_t *c, const zmtp_bus_t *bus, const random_source_t *random,
                               bytes_t welcome, bytes_t metadata, buffer_t *out)
{
    uint8_t plain[KEY_BYTES + COOKIE_BYTES];
    if (welcome.len != WELCOME_BYTES)
        return false;
    nonce_t n = nonce_of_random("WELCOME-", welcome.data);
    if (crypto_box_open_easy(plain, welcome.data + RANDOM_BYTES, WELCOME_BYTES - RANDOM_BYTES, n.octets,
                             bus->server_key, c->key) != 0)
        return false;
    c->awaits = ZMTP_COMMAND_READY;
    size_t before = out->len;
    return keep_if(write_initiate(c, bus, random, plain, metadata, out), out, before);
}

bool zmtp_curve_open_ready(zmtp_curve_t *c, bytes_t ready, buffer_t *metadata)
{
    bytes_reader_t r = bytes_reader(ready);
    uint64_t counter = read_u64(&r);
    nonce_t n = nonce_of_counter("CurveZMQREADY---", counter);
    if (!reader_ok(&r) || counter <= c->received ||
        !open_shared(c, read_bytes(&r, reader_left(&r)), &n, metadata))
        return false;
    c->received = counter;
    c->awaits = ZMTP_COMMAND_MESSAGE;
    return true;
}

/* ---- traffic ---- */

enum { WITHIN_MORE = 0x01, WITHIN_COMMAND = 0x02 };

bool zmtp_curve_open(zmtp_curve_t *c, bytes_t message_body, buffer_t *plain, uint8_t *flags)
{
    bytes_reader_t r = bytes_reader(message_body);
    bytes_t name = read_bytes(&r, MESSAGE_NAME.len);
    uint64_t counter = read_u64(&r);
    nonce_t n = nonce_of_message(!c->client, counter);
    if (!reader_ok(&r) || !bytes_equal(name, MESSAGE_NAME) || counter <= c->received ||
        !open_shared(c, read_bytes(&r, reader_left(&r)), &n, plain) || plain->len == 0)
        return false;
    uint8_t within = plain->data[0];
    if (within != 0 && within != WITHIN_MORE && within != WITHIN_COMMAND)
        return false;
    c->received = counter;
    *flags = within == WITHIN_MORE ? ZMTP_MORE : within == WITHIN_COMMAND ? ZMTP_COMMAND : 0;
    buffer_consume(plain, 1);
    return true;
}

void zmtp_curve_seal(zmtp_curve_t *c, uint8_t flags, bytes_t body, buffer_t *out)
{
    size_t frame_bytes = MESSAGE_NAME.len + 8 + MAC_BYTES + 1 + body.len;
    if (!buffer_reserve(out, zmtp_frame_head_bytes(frame_bytes) + frame_bytes))
        return;
    uint8_t *at = zmtp_put_frame_head(out->data + out->len, 0, frame_bytes);
    at = put_u64(put_bytes(at, MESSAGE_NAME), ++c->sent);
    nonce_t n = nonce_of_message(c->client, c->sent);
    uint8_t *plain = put_u8(at + MAC_BYTES, flags & ZMTP_COMMAND ? WITHIN_COMMAND
                                            : flags & ZMTP_MORE  ? WITHIN_MORE
                                                                 : 0);
    uint8_t *end = put_bytes(plain, body);
    close_shared(c, at, 1 + body.len, &n);
    out->len = (size_t)(end - out->data);
}
