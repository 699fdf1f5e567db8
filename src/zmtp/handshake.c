/* SPDX-License-Identifier: Apache-2.0
 *
 * handshake.c: from the greeting to READY, and what a connection begins with then.
 *
 * A peer that will never be let in is told so by the mechanism (ERROR); every other refusal is a closed socket. libzmq
 * tells its user nothing of either, so each is a line in the log. */
#include <stdarg.h>
#include <string.h>

#include "base/table.h"
#include "base/text.h"
#include "zmtp/session_internal.h"

/* What stood in `out` is sent all the same: it may be an ERROR. */
static void refuse(zmtp_session_t *s, const char *format, ...)
{
    char text[256];
    va_list args;
    va_start(args, format);
    text_format_list(text, sizeof text, format, args);
    va_end(args);
    zmtp_session_log(s, LOG_WARNING, "refused on %s: %s", s->bus->name, text);
    s->explained = true;
    zmtp_session_finish(s, ZMTP_LINGER_MS);
}

/* ---- READY ---- */

static const char *version_name(zmtp_version_t version)
{
    return version == ZMTP_2_0 ? "2.0" : version == ZMTP_3_0 ? "3.0" : "3.1";
}

/* A name is one user's on one port. */
static void write_identity(const zmtp_session_t *s, buffer_t *out)
{
    const zmtp_handshake_t *h = &s->handshake;
    if (h->identity_len == 0)
        return;
    write_bytes(out, bytes_make(s->bus->name, strlen(s->bus->name) + 1));
    write_bytes(out, bytes_make(h->user, strlen(h->user) + 1));
    write_bytes(out, bytes_make(h->identity, h->identity_len));
}

static void push_open(zmtp_session_t *s)
{
    const zmtp_handshake_t *h = &s->handshake;
    buffer_t properties = {0}, identity = {0};
    write_identity(s, &identity);
    table_put_string(&properties, "product", BYTES("ZMTP"));
    table_put_string(&properties, "version", bytes_string(version_name(h->version)));
    table_put_string(&properties, "information", bytes_string(zmtp_socket_type_name(h->peer)));
    opening_t view = {
        .name = bytes_string(s->name),
        .vhost = BYTES("/"),
        .user = bytes_string(h->user),
        .client_properties = buffer_bytes(&properties),
        .identity = buffer_bytes(&identity),
        .wants_cancel_notify = true, /* its own end: who loses what he listens to, or works for, is closed */
    };
    port_register(s->io->port, &s->client);
    zmtp_session_push(s, (command_t){.type = COMMAND_CONNECTION_OPEN, .opening = opening_new(&view)});
    zmtp_session_push(s, (command_t){.type = COMMAND_CHANNEL_OPEN});
    buffer_free(&properties);
    buffer_free(&identity);
}

/* What the engine is asked now it does in its turn; nothing is waited for. */
static void run(zmtp_session_t *s)
{
    const zmtp_handshake_t *h = &s->handshake;
    s->state = ZMTP_STATE_RUNNING;
    s->role = zmtp_role_of(s->bus, h->peer);
    s->unfinished = false;
    s->io->handshakes_count--;
    zmtp_due_set(s, ZMTP_DUE_HANDSHAKE, 0);
    s->reader = (zmtp_frame_reader_t){.limits = zmtp_limits_of_traffic(s)};
    zmtp_session_log(s, LOG_INFO, "opened, a %s of ZMTP %s on %s", zmtp_socket_type_name(h->peer),
                     version_name(h->version), s->bus->name);
    push_open(s);
    zmtp_silence_start(s);
    zmtp_role_ops(s->role)->start(s);
}

/* ---- commands of the mechanism ---- */

static void take_command(zmtp_session_t *s, const zmtp_piece_t *piece)
{
    zmtp_command_t c;
    buffer_t *out = &s->io->scratch;
    if (!(piece->flags & ZMTP_COMMAND)) {
        zmtp_session_fail(s, "a message before READY");
        return;
    }
    zmtp_result_t result = zmtp_command_decode(piece->octets, &c);
    if (result != ZMTP_DECODED) {
        zmtp_session_fail(s, "%s", zmtp_refusal_text(result));
        return;
    }
    buffer_clear(out);
    zmtp_step_t step = zmtp_mechanism_ops(s->bus->mechanism)->command(&s->handshake, &c, out);
    output_write(s->transport->output, buffer_bytes(out));
    if (step == ZMTP_STEP_REFUSED)
        refuse(s, "%s", s->handshake.why);
    else if (step == ZMTP_STEP_DONE)
        run(s);
}

/* 2.0: the first frame is the peer's name. */
static void take_identity_frame(zmtp_session_t *s, const zmtp_piece_t *piece)
{
    zmtp_handshake_t *h = &s->handshake;
    if ((piece->flags & ZMTP_MORE) || !zmtp_identity_valid(piece->octets)) {
        zmtp_session_fail(s, "%s", zmtp_refusal_text(ZMTP_REFUSED_IDENTITY_MALFORMED));
        return;
    }
    if (zmtp_socket_type_has_identity(h->peer)) {
        h->identity_len = (uint8_t)piece->octets.len;
        (void)put_bytes(h->identity, piece->octets);
    }
    run(s);
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
    else if (s->state == ZMTP_STATE_IDENTITY)
        take_identity_frame(s, &piece);
    else
        take_command(s, &piece);
    return in.len - reader_left(&r);
}

/* ---- the greeting ---- */

static void begin_2_0(zmtp_session_t *s, const zmtp_greeting_t *g)
{
    zmtp_handshake_t *h = &s->handshake;
    buffer_t *out = &s->io->scratch;
    zmtp_step_t step = zmtp_handshake_meet_type(h, g->socket_type);
    if (step == ZMTP_STEP_DONE)
        step = zmtp_handshake_anonymous(h);
    if (step != ZMTP_STEP_DONE) {
        refuse(s, "%s", h->why);
        return;
    }
    buffer_clear(out);
    zmtp_write_greeting_2_0(out, h->ours);
    output_write(s->transport->output, buffer_bytes(out));
    s->state = ZMTP_STATE_IDENTITY;
}

static void begin_mechanism(zmtp_session_t *s)
{
    buffer_t *out = &s->io->scratch;
    buffer_clear(out);
    s->mechanism_begun = true;
    s->state = ZMTP_STATE_HANDSHAKE;
    zmtp_mechanism_ops(s->bus->mechanism)->begin(&s->handshake, out);
    output_write(s->transport->output, buffer_bytes(out));
}

static void greeted(zmtp_session_t *s, const zmtp_greeting_t *g)
{
    s->handshake.version = g->version;
    s->reader.limits = zmtp_limits_before_ready(s);
    if (g->mechanism != s->bus->mechanism) {
        s->handshake.for_good = true;
        if (g->version == ZMTP_2_0)
            refuse(s, "ZMTP 2.0, which has no mechanism");
        else
            refuse(s, "its mechanism is '%.*s'", TEXT_ARG(g->mechanism_name));
    } else if (g->version == ZMTP_2_0) {
        begin_2_0(s, g);
    } else {
        begin_mechanism(s);
    }
}

static size_t take_greeting(zmtp_session_t *s, bytes_t in)
{
    zmtp_greeting_t g;
    buffer_t *out = &s->io->scratch;
    zmtp_result_t result = zmtp_greeting_decode(in, &g);
    if (zmtp_is_refusal(result)) {
        zmtp_session_fail(s, "%s", zmtp_refusal_text(result));
        return in.len;
    }
    buffer_clear(out);
    zmtp_greeting_answer(out, s->answered, &g, s->bus->mechanism);
    output_write(s->transport->output, buffer_bytes(out));
    s->answered = g.stage > s->answered ? g.stage : s->answered;
    if (result == ZMTP_INCOMPLETE)
        return 0;
    greeted(s, &g);
    return g.bytes;
}

size_t zmtp_handshake_input(zmtp_session_t *s, bytes_t in)
{
    return s->state == ZMTP_STATE_GREETING ? take_greeting(s, in) : take_frame(s, in);
}
