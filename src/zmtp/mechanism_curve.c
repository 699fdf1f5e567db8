/* SPDX-License-Identifier: Apache-2.0
 *
 * mechanism_curve.c: CURVE (RFC 26): HELLO →, ← WELCOME, INITIATE →, ← READY. Both know each other's keys in the end; the
 * server learns who the client is, and its socket type, from INITIATE.
 *
 * What does not open is not answered: an ERROR would keep a client away for good that a flipped bit has cut off. */
#include "base/text.h"
#include "base/z85.h"
#include "zmtp/mechanism.h"

static const random_source_t *random_of(const zmtp_handshake_t *h)
{
    return &h->options->random;
}

static zmtp_step_t refuse_box(zmtp_handshake_t *h, zmtp_command_id_t id)
{
    return zmtp_handshake_refuse(h, false, "%s does not open: another server's key, or altered on its way",
                                 zmtp_command_name(id));
}

/* A server's key that shares nothing with anybody makes no HELLO; the peer's patience, or ours, ends it. */
static void begin(zmtp_handshake_t *h, buffer_t *out)
{
    h->curve = zmtp_curve_new(h->dialled);
    if (h->dialled)
        (void)zmtp_curve_write_hello(h->curve, h->bus, random_of(h), out);
}

/* ---- as server ---- */

static zmtp_step_t on_hello(zmtp_handshake_t *h, bytes_t data, buffer_t *out)
{
    if (!zmtp_curve_answer_hello(h->curve, h->bus, random_of(h), data, out))
        return refuse_box(h, ZMTP_COMMAND_HELLO);
    return ZMTP_STEP_MORE;
}

/* The user of a key: the one of the port's list, or, without a list, the port's. */
static zmtp_step_t authorise(zmtp_handshake_t *h, bytes_t key)
{
    char text[Z85_CHARS(ZMTP_CURVE_KEY_BYTES) + 1];
    if (!h->bus->curve_users)
        return zmtp_handshake_anonymous(h);
    for (size_t i = 0; i < h->bus->curve_user_count; i++) {
        const zmtp_curve_user_t *user = &h->bus->curve_users[i];
        if (bytes_equal(key, bytes_make(user->key, sizeof user->key))) {
            text_format(h->user, sizeof h->user, "%s", user->user);
            return ZMTP_STEP_DONE;
        }
    }
    z85_encode(key, text);
    return zmtp_handshake_refuse(h, true, "the key %s is not among the clients'", text);
}

static zmtp_step_t admit(zmtp_handshake_t *h, const zmtp_curve_initiate_t *initiate, buffer_t *out)
{
    zmtp_step_t step = authorise(h, initiate->client_key);
    if (step == ZMTP_STEP_DONE)
        step = zmtp_handshake_meet(h, initiate->metadata);
    if (step == ZMTP_STEP_REFUSED && h->for_good)
        zmtp_write_error(out, BYTES("400"));
    if (step != ZMTP_STEP_DONE)
        return step;
    buffer_t metadata = {0};
    zmtp_write_socket(&metadata, &(zmtp_socket_t){.type = h->ours});
    zmtp_curve_write_ready(h->curve, buffer_bytes(&metadata), out);
    buffer_free(&metadata);
    return ZMTP_STEP_DONE;
}

static zmtp_step_t on_initiate(zmtp_handshake_t *h, bytes_t data, buffer_t *out)
{
    buffer_t plain = {0};
    zmtp_curve_initiate_t initiate;
    zmtp_step_t step = zmtp_curve_open_initiate(h->curve, h->bus, data, &plain, &initiate)
                           ? admit(h, &initiate, out)
                           : refuse_box(h, ZMTP_COMMAND_INITIATE);
    buffer_free(&plain);
    return step;
}

/* ---- as client ---- */

static zmtp_step_t on_welcome(zmtp_handshake_t *h, bytes_t data, buffer_t *out)
{
    buffer_t metadata = {0};
    zmtp_write_socket(&metadata, &(zmtp_socket_t){.type = h->ours});
    bool answered =
        zmtp_curve_answer_welcome(h->curve, h->bus, random_of(h), data, buffer_bytes(&metadata), out);
    buffer_free(&metadata);
    return answered ? ZMTP_STEP_MORE : refuse_box(h, ZMTP_COMMAND_WELCOME);
}

static zmtp_step_t on_ready(zmtp_handshake_t *h, bytes_t data)
{
    buffer_t metadata = {0};
    zmtp_step_t step = zmtp_curve_open_ready(h->curve, data, &metadata)
                           ? zmtp_handshake_meet(h, buffer_bytes(&metadata))
                           : refuse_box(h, ZMTP_COMMAND_READY);
    buffer_free(&metadata);
    return step == ZMTP_STEP_DONE ? zmtp_handshake_anonymous(h) : step;
}

/* ---- both ---- */

static zmtp_step_t command(zmtp_handshake_t *h, const zmtp_command_t *c, buffer_t *out)
{
    if (c->id != h->curve->awaits)
        return zmtp_handshake_unexpected(h, c);
    switch (c->id) {
    case ZMTP_COMMAND_HELLO:
        return on_hello(h, c->data, out);
    case ZMTP_COMMAND_WELCOME:
        return on_welcome(h, c->data, out);
    case ZMTP_COMMAND_INITIATE:
        return on_initiate(h, c->data, out);
    case ZMTP_COMMAND_READY:
        return on_ready(h, c->data);
    default: /* MESSAGE: the handshake is over */
        return zmtp_handshake_unexpected(h, c);
    }
}

static void end(zmtp_handshake_t *h)
{
    zmtp_curve_free(&h->curve);
}

const zmtp_mechanism_ops_t zmtp_mechanism_curve = {.begin = begin, .command = command, .end = end};
