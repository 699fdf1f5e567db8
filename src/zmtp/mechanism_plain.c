/* SPDX-License-Identifier: Apache-2.0
 *
 * mechanism_plain.c: PLAIN (RFC 24): HELLO →, ← WELCOME, INITIATE →, ← READY. The server learns the user from HELLO and
 * the socket type from INITIATE; the users are the broker's, as on the other wire. */
#include "base/text.h"
#include "zmtp/mechanism.h"

static void begin(zmtp_handshake_t *h, buffer_t *out)
{
    if (!h->dialled)
        return;
    zmtp_plain_hello_t hello = {
        .username = bytes_string(h->bus->plain_user),
        .password = bytes_string(h->bus->plain_password),
    };
    zmtp_write_plain_hello(out, &hello);
}

/* ---- as server ---- */

static zmtp_step_t hello(zmtp_handshake_t *h, bytes_t data, buffer_t *out)
{
    zmtp_plain_hello_t who;
    if (zmtp_plain_hello_decode(data, &who) != ZMTP_DECODED)
        return zmtp_handshake_refuse(h, false, "a malformed HELLO");
    auth_verdict_t verdict = auth_login(h->options->auth, who.username, who.password, h->loopback);
    if (verdict != AUTH_ACCEPTED) {
        zmtp_write_error(out, BYTES("400"));
        return zmtp_handshake_refuse(h, true, "login of user '%.*s' refused: %s",
                                     who.username.len < 64 ? (int)who.username.len : 64,
                                     (const char *)who.username.data, auth_verdict_text(verdict));
    }
    text_format(h->user, sizeof h->user, "%.*s", TEXT_ARG(who.username));
    zmtp_write_plain_welcome(out);
    return ZMTP_STEP_MORE;
}

static zmtp_step_t initiate(zmtp_handshake_t *h, bytes_t metadata, buffer_t *out)
{
    zmtp_step_t step = zmtp_handshake_meet(h, metadata);
    if (step == ZMTP_STEP_DONE)
        zmtp_write_ready(out, &(zmtp_socket_t){.type = h->ours});
    else if (h->for_good)
        zmtp_write_error(out, BYTES("400"));
    return step;
}

static zmtp_step_t serve(zmtp_handshake_t *h, const zmtp_command_t *c, buffer_t *out)
{
    bool known = h->user[0] != 0; /* no user has an empty name */
    if (c->id == ZMTP_COMMAND_HELLO && !known)
        return hello(h, c->data, out);
    if (c->id == ZMTP_COMMAND_INITIATE && known)
        return initiate(h, c->data, out);
    return zmtp_handshake_unexpected(h, c);
}

/* ---- as client ---- */

static zmtp_step_t dial(zmtp_handshake_t *h, const zmtp_command_t *c, buffer_t *out)
{
    bool welcomed = h->user[0] != 0;
    if (c->id == ZMTP_COMMAND_WELCOME && !welcomed) {
        if (zmtp_plain_welcome_decode(c->data) != ZMTP_DECODED)
            return zmtp_handshake_refuse(h, false, "a malformed WELCOME");
        text_format(h->user, sizeof h->user, "%s", h->bus->user);
        zmtp_write_initiate(out, &(zmtp_socket_t){.type = h->ours});
        return ZMTP_STEP_MORE;
    }
    if (c->id == ZMTP_COMMAND_READY && welcomed)
        return zmtp_handshake_meet(h, c->data);
    return zmtp_handshake_unexpected(h, c);
}

static zmtp_step_t command(zmtp_handshake_t *h, const zmtp_command_t *c, buffer_t *out)
{
    return h->dialled ? dial(h, c, out) : serve(h, c, out);
}

static void end(zmtp_handshake_t *h)
{
    (void)h;
}

const zmtp_mechanism_ops_t zmtp_mechanism_plain = {.begin = begin, .command = command, .end = end};
