/* SPDX-License-Identifier: Apache-2.0
 *
 * gather.c: frames become messages. What a message is can be said when its last frame begins: then the number and the
 * lengths of all frames are known. So the frames before are kept, the role decides, the message is made with its
 * properties, and the octets of the last frame, which may be large, go straight into it as they arrive. Memory follows
 * what has come, never what a head announced. */
#include <assert.h>

#include "base/alloc.h"
#include "base/text.h"
#include "zmtp/session_internal.h"

/* Unfinished messages are reported when they cross multiples of this. */
#define HELD_STEP_BYTES (64u << 10)
/* Of the last frame so much is looked at: it may be the only one that counts, and begin with its topic. */
#define FIRST_BYTES (UINT8_MAX + 1)
#define KEPT_BYTES  (4u << 10)

void zmtp_gather_free(zmtp_gather_t *g)
{
    buffer_free(&g->octets);
    mem_free(g->lengths);
    message_free(g->message);
    *g = (zmtp_gather_t){0};
}

/* What is idle holds little. */
static void forget_octets(zmtp_gather_t *g)
{
    buffer_clear(&g->octets);
    if (g->octets.capacity > KEPT_BYTES)
        buffer_free(&g->octets);
}

/* Ready for the next message. */
static void reset(zmtp_gather_t *g)
{
    assert(!g->message);
    forget_octets(g);
    g->count = 0;
    g->bytes = 0;
    g->decided = false;
    g->failed = false;
}

/* What is there from frame `index` on. */
static bytes_t octets_from(const zmtp_gather_t *g, size_t index)
{
    size_t at = 0;
    for (size_t i = 0; i < index; i++)
        at += (size_t)g->lengths[i];
    return bytes_behind(buffer_bytes(&g->octets), at);
}

bytes_t zmtp_gather_frame(const zmtp_gather_t *g, size_t index)
{
    assert(index < g->count);
    bytes_t there = octets_from(g, index);
    return bytes_make(there.data, g->lengths[index] < there.len ? (size_t)g->lengths[index] : there.len);
}

void zmtp_gather_message(zmtp_session_t *s, const frames_envelope_t *e, size_t first)
{
    zmtp_gather_t *g = &s->gather;
    g->message = frames_message(e, g->lengths + first, g->count - first, octets_from(g, first));
}

/* ---- pieces ---- */

static bool begin_frame(zmtp_session_t *s, uint64_t bytes)
{
    zmtp_gather_t *g = &s->gather;
    const zmtp_options_t *o = &s->io->options;
    if (g->count >= o->frames_most)
        zmtp_session_fail(s, "a message of more than %u frames", o->frames_most);
    else if (bytes > o->frame_bytes_most - g->bytes)
        zmtp_session_fail(s, "a message over the limit of %llu octets",
                          (unsigned long long)o->frame_bytes_most);
    if (s->state == ZMTP_STATE_DONE)
        return false;
    g->lengths = mem_grow(g->lengths, sizeof *g->lengths, g->count, &g->capacity, 4);
    g->lengths[g->count++] = bytes;
    g->bytes += bytes;
    return true;
}

/* In the last frame: as soon as enough of it is there. Takes of `octets` what is looked at. */
static void decide_if_due(zmtp_session_t *s, const zmtp_piece_t *piece, bytes_t *octets)
{
    zmtp_gather_t *g = &s->gather;
    if (g->decided)
        return;
    uint64_t before = g->bytes - piece->frame_bytes;
    size_t wanted = FIRST_BYTES - (size_t)(g->octets.len - before);
    size_t take = octets->len < wanted ? octets->len : wanted;
    write_bytes(&g->octets, bytes_make(octets->data, take));
    *octets = bytes_behind(*octets, take);
    if (!piece->last && take < wanted)
        return;
    g->decided = true;
    g->intent = ZMTP_INTENT_DROP;
    zmtp_role_ops(s->role)->decide(s);
    if (g->intent != ZMTP_INTENT_JOIN)
        forget_octets(g);
}

/* After the decision octets go into the message, or, of what is small and looked at whole, are still gathered. */
static void take_octets(zmtp_gather_t *g, bytes_t octets)
{
    if (g->message)
        g->message = message_append(g->message, octets, g->bytes);
    else if (!g->decided || g->intent == ZMTP_INTENT_JOIN)
        write_bytes(&g->octets, octets);
}

void zmtp_gather_piece(zmtp_session_t *s, const zmtp_piece_t *piece)
{
    zmtp_gather_t *g = &s->gather;
    bool final = !(piece->flags & ZMTP_MORE);
    bytes_t octets = piece->octets;
    if (piece->first && !begin_frame(s, piece->frame_bytes))
        return;
    if (final)
        decide_if_due(s, piece, &octets);
    if (s->state == ZMTP_STATE_DONE)
        return;
    take_octets(g, octets);
    if (!final || !piece->last)
        return;
    if (g->intent != ZMTP_INTENT_DROP)
        zmtp_role_ops(s->role)->finish(s);
    reset(g);
}

/* ---- what is held ---- */

void zmtp_report_held(zmtp_session_t *s)
{
    const zmtp_gather_t *g = &s->gather;
    if (!zmtp_session_may_push(s) || s->close_pushed)
        return;
    uint64_t held = g->octets.len + s->sealed_in.len;
    if (g->message)
        held += g->message->body_len;
    bool stepped = held / HELD_STEP_BYTES != s->held_reported / HELD_STEP_BYTES;
    bool emptied = held < HELD_STEP_BYTES && s->held_reported >= HELD_STEP_BYTES;
    if (!stepped && !emptied)
        return;
    s->held_reported = held < HELD_STEP_BYTES ? 0 : held;
    zmtp_session_push(s, (command_t){.type = COMMAND_HELD, .number = s->held_reported});
}
