/* SPDX-License-Identifier: Apache-2.0
 *
 * send.c: frames on their way out. In the open they are the same for every peer; CURVE seals each for its own. */
#include <assert.h>

#include "zmtp/session_internal.h"

static void send_sealed(zmtp_session_t *s, uint8_t flags, bytes_t body)
{
    buffer_t *sealed = &s->io->sealed;
    buffer_clear(sealed);
    zmtp_curve_seal(s->handshake.curve, flags, body, sealed);
    output_write(s->transport->output, buffer_bytes(sealed));
    if (sealed->capacity > ZMTP_SCRATCH_MOST_BYTES)
        buffer_free(sealed);
}

void zmtp_send_frame(zmtp_session_t *s, uint8_t flags, bytes_t body, bool lent)
{
    output_t *o = s->transport->output;
    if (s->handshake.curve) {
        send_sealed(s, flags, body);
        return;
    }
    uint8_t *at = output_reserve(o, ZMTP_FRAME_HEAD_MOST_BYTES);
    output_commit(o, (size_t)(zmtp_put_frame_head(at, flags, body.len) - at));
    if (lent && body.len >= s->io->options.lend_bytes)
        output_lend(o, body);
    else
        output_write(o, body);
}

void zmtp_send(zmtp_session_t *s, bytes_t frames)
{
    if (!s->handshake.curve) {
        output_write(s->transport->output, frames);
        return;
    }
    static const zmtp_frame_limits_t none = {.frame_bytes = INT64_MAX, .command_bytes = INT64_MAX};
    zmtp_frame_head_t head;
    for (size_t at = 0; at < frames.len; at += head.head_bytes + (size_t)head.body_bytes) {
        zmtp_result_t ours =
            zmtp_frame_head_decode(bytes_make(frames.data + at, frames.len - at), &none, &head);
        assert(ours == ZMTP_DECODED);
        send_sealed(s, head.flags, bytes_make(frames.data + at + head.head_bytes, (size_t)head.body_bytes));
    }
}
