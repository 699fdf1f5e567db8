/* SPDX-License-Identifier: Apache-2.0
 *
 * input.c: traffic as it comes: frames, CURVE's taken out of their boxes, commands, pieces of messages. */
#include "base/text.h"
#include "zmtp/session_internal.h"

/* Longest name and head of a command around a prefix. */
#define COMMAND_SPARE_BYTES 16
/* What sealing adds to a frame: "\7MESSAGE", a counter, a box's 16 octets, its flags. */
#define SEAL_BYTES (8 + 8 + 16 + 1)

/* ---- limits ---- */

/* A message's frame is refused when it comes; an identity (2.0) is one. */
zmtp_frame_limits_t zmtp_limits_before_ready(const zmtp_session_t *s)
{
    uint64_t most = s->io->options.command_bytes_most;
    return (zmtp_frame_limits_t){
        .frame_bytes = most,
        .command_bytes = s->handshake.version == ZMTP_2_0 ? 0 : most,
        .whole_bytes = most,
    };
}

static uint64_t command_bytes_most(const zmtp_session_t *s)
{
    uint64_t subscription = (uint64_t)s->io->options.prefix_bytes_most + COMMAND_SPARE_BYTES;
    uint64_t other = s->io->options.command_bytes_most;
    return subscription > other ? subscription : other;
}

/* A subscription comes whole in either form; larger frames in pieces, as they arrive. */
zmtp_frame_limits_t zmtp_limits_of_traffic(const zmtp_session_t *s)
{
    const zmtp_options_t *o = &s->io->options;
    uint64_t seal = s->handshake.curve ? SEAL_BYTES : 0;
    return (zmtp_frame_limits_t){
        .frame_bytes = o->frame_bytes_most + seal,
        .command_bytes = s->handshake.version == ZMTP_2_0 ? 0 : command_bytes_most(s),
        .whole_bytes = o->prefix_bytes_most + 1 + seal,
    };
}

/* ---- one frame, or a piece of one ---- */

static void take_command(zmtp_session_t *s, bytes_t body)
{
    zmtp_command_t c;
    zmtp_subscription_t what;
    zmtp_result_t result = zmtp_command_decode(body, &c);
    if (result != ZMTP_DECODED)
        zmtp_session_fail(s, "%s", zmtp_refusal_text(result));
    else if (zmtp_subscription_of_command(&c, &what))
        zmtp_on_subscription(s, &what);
    else if (c.id == ZMTP_COMMAND_PING)
        zmtp_on_ping(s, c.data);
}

static void take_piece(zmtp_session_t *s, const zmtp_piece_t *piece)
{
    if (piece->flags & ZMTP_COMMAND)
        take_command(s, piece->octets);
    else if (zmtp_role_listens(s->role))
        zmtp_listen_piece(s, piece);
    else
        zmtp_gather_piece(s, piece);
}

/* What is within is judged as what comes in the open. */
static void take_sealed(zmtp_session_t *s, bytes_t body)
{
    uint8_t flags;
    buffer_t *plain = &s->io->opened;
    if (!zmtp_curve_open(s->handshake.curve, body, plain, &flags)) {
        zmtp_session_fail(s, "a frame that does not open");
        return;
    }
    zmtp_piece_t piece = {flags, true, true, plain->len, buffer_bytes(plain)};
    if ((flags & ZMTP_COMMAND) && (flags & ZMTP_MORE))
        zmtp_session_fail(s, "%s", zmtp_refusal_text(ZMTP_REFUSED_COMMAND_WITH_MORE));
    else if ((flags & ZMTP_COMMAND) && plain->len > command_bytes_most(s))
        zmtp_session_fail(s, "%s", zmtp_refusal_text(ZMTP_REFUSED_COMMAND_TOO_LARGE));
    else
        take_piece(s, &piece);
    if (plain->capacity > ZMTP_SCRATCH_MOST_BYTES)
        buffer_free(plain);
}

/* A box is opened as a whole; a large one is kept as it comes. */
static void take_sealed_piece(zmtp_session_t *s, const zmtp_piece_t *piece)
{
    if (piece->first && piece->last) {
        take_sealed(s, piece->octets);
        return;
    }
    write_bytes(&s->sealed_in, piece->octets);
    if (!piece->last)
        return;
    take_sealed(s, buffer_bytes(&s->sealed_in));
    buffer_free(&s->sealed_in);
}

static size_t take_frame(zmtp_session_t *s, bytes_t in)
{
    zmtp_piece_t piece;
    bytes_reader_t r = bytes_reader(in);
    zmtp_result_t result = zmtp_frame_read(&s->reader, &r, &piece);
    if (result == ZMTP_INCOMPLETE)
        return 0;
    if (result != ZMTP_DECODED)
        zmtp_session_fail(s, "%s", zmtp_refusal_text(result));
    else if (s->handshake.curve)
        take_sealed_piece(s, &piece);
    else
        take_piece(s, &piece);
    return in.len - reader_left(&r);
}

/* ---- the door ---- */

/* True if the next frame may be looked at; with the port full the session stalls until zmtp_io_resume. */
static bool may_go_on(zmtp_session_t *s)
{
    if (s->state == ZMTP_STATE_DONE || s->pauses != 0)
        return false;
    if (port_room(s->io->port) >= s->io->room_wanted)
        return true;
    list_append(&s->io->stalled, &s->stalled);
    zmtp_session_pause(s, ZMTP_PAUSE_PORT);
    return false;
}

static size_t step(zmtp_session_t *s, bytes_t in)
{
    if (s->state != ZMTP_STATE_RUNNING)
        return zmtp_handshake_input(s, in);
    size_t published = zmtp_publish_whole(s, in);
    return published > 0 ? published : take_frame(s, in);
}

size_t zmtp_input(zmtp_session_t *s, bytes_t octets)
{
    size_t used = 0, taken = 1;
    while (used < octets.len && taken > 0 && may_go_on(s)) {
        taken = step(s, bytes_make(octets.data + used, octets.len - used));
        used += taken;
    }
    return s->state == ZMTP_STATE_DONE ? octets.len : used;
}
