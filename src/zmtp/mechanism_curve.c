/* SPDX-License-Identifier: Apache-2.0
 *
 * mechanism_curve.c: CURVE's place in the table; it refuses. */
#include "zmtp/mechanism.h"

static void begin(zmtp_handshake_t *h, buffer_t *out)
{
    (void)h, (void)out;
}

static zmtp_step_t command(zmtp_handshake_t *h, const zmtp_command_t *c, buffer_t *out)
{
    (void)c, (void)out;
    return zmtp_handshake_refuse(h, false, "CURVE is not built in");
}

static void end(zmtp_handshake_t *h)
{
    (void)h;
}

const zmtp_mechanism_ops_t zmtp_mechanism_curve = {.begin = begin, .command = command, .end = end};

bool zmtp_curve_open(zmtp_curve_t *c, bytes_t message_body, buffer_t *plain, uint8_t *flags)
{
    (void)c, (void)message_body, (void)plain, (void)flags;
    return false;
}

void zmtp_curve_seal(zmtp_curve_t *c, uint8_t flags, bytes_t body, buffer_t *out)
{
    (void)c, (void)flags, (void)body, (void)out;
}
