/* SPDX-License-Identifier: Apache-2.0
 *
 * mechanism_null.c: NULL (RFC 37): each side sends READY. Who accepted reads first: the peer's type says what we are. */
#include "zmtp/mechanism.h"

static void begin(zmtp_handshake_t *h, buffer_t *out)
{
    if (h->dialled)
        zmtp_write_ready(out, &(zmtp_socket_t){.type = h->ours});
}

static zmtp_step_t command(zmtp_handshake_t *h, const zmtp_command_t *c, buffer_t *out)
{
    if (c->id != ZMTP_COMMAND_READY)
        return zmtp_handshake_unexpected(h, c);
    zmtp_step_t step = zmtp_handshake_meet(h, c->data);
    if (step == ZMTP_STEP_DONE)
        step = zmtp_handshake_anonymous(h);
    if (h->dialled)
        return step;
    if (step == ZMTP_STEP_DONE)
        zmtp_write_ready(out, &(zmtp_socket_t){.type = h->ours});
    else if (h->for_good)
        zmtp_write_error(out, BYTES("400"));
    return step;
}

static void end(zmtp_handshake_t *h)
{
    (void)h;
}

const zmtp_mechanism_ops_t zmtp_mechanism_null = {.begin = begin, .command = command, .end = end};
