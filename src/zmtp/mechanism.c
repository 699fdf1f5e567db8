/* SPDX-License-Identifier: Apache-2.0
 *
 * mechanism.c: the table of mechanisms, and what all of them do: meet a socket type, and refuse. */
#include "zmtp/mechanism.h"

#include <assert.h>
#include <stdarg.h>

#include "base/text.h"
#include "zmtp/role.h"

const zmtp_mechanism_ops_t *zmtp_mechanism_ops(zmtp_mechanism_t m)
{
    static const zmtp_mechanism_ops_t *const table[] = {
        [ZMTP_MECHANISM_NULL] = &zmtp_mechanism_null,
        [ZMTP_MECHANISM_PLAIN] = &zmtp_mechanism_plain,
        [ZMTP_MECHANISM_CURVE] = &zmtp_mechanism_curve,
    };
    assert(m > ZMTP_MECHANISM_UNKNOWN && m <= ZMTP_MECHANISM_CURVE);
    return table[m];
}

zmtp_step_t zmtp_handshake_refuse(zmtp_handshake_t *h, bool for_good, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    text_format_list(h->why, sizeof h->why, format, args);
    va_end(args);
    h->for_good = for_good;
    return ZMTP_STEP_REFUSED;
}

zmtp_step_t zmtp_handshake_meet_type(zmtp_handshake_t *h, zmtp_socket_type_t peer)
{
    h->peer = peer;
    if (!h->dialled)
        h->ours = zmtp_socket_type_answer(peer);
    if (zmtp_role_of(h->bus, peer) == ZMTP_ROLE_NONE)
        return zmtp_handshake_refuse(h, true, "a %s has no place on a %s port", zmtp_socket_type_name(peer),
                                     h->bus->queue ? "queue" : "bus");
    if (!zmtp_socket_types_match(h->ours, peer))
        return zmtp_handshake_refuse(h, true, "a %s is no peer of a %s", zmtp_socket_type_name(peer),
                                     zmtp_socket_type_name(h->ours));
    return ZMTP_STEP_DONE;
}

zmtp_step_t zmtp_handshake_meet(zmtp_handshake_t *h, bytes_t metadata)
{
    zmtp_socket_t socket;
    zmtp_result_t result = zmtp_socket_decode(metadata, &socket);
    if (result != ZMTP_DECODED)
        return zmtp_handshake_refuse(h, false, "%s", zmtp_refusal_text(result));
    h->identity_len = (uint8_t)socket.identity.len;
    (void)put_bytes(h->identity, socket.identity);
    return zmtp_handshake_meet_type(h, socket.type);
}

zmtp_step_t zmtp_handshake_unexpected(zmtp_handshake_t *h, const zmtp_command_t *c)
{
    bytes_t reason;
    if (c->id != ZMTP_COMMAND_ERROR)
        return zmtp_handshake_refuse(h, false, "unexpected command '%.*s'", TEXT_ARG(c->name));
    if (zmtp_error_decode(c->data, &reason) != ZMTP_DECODED)
        reason = BYTES("(malformed)");
    return zmtp_handshake_refuse(h, true, "the peer says '%.*s'", TEXT_ARG(reason));
}

zmtp_step_t zmtp_handshake_anonymous(zmtp_handshake_t *h)
{
    text_format(h->user, sizeof h->user, "%s", h->bus->user);
    if (h->dialled || h->loopback || h->bus->anonymous_anywhere || h->bus->mechanism != ZMTP_MECHANISM_NULL)
        return ZMTP_STEP_DONE;
    return zmtp_handshake_refuse(h, true, "without authentication from this machine only");
}
