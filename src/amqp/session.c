/* SPDX-License-Identifier: Apache-2.0
 *
 * session.c: the life of a session, from the socket's first octet to the engine's last event.
 *
 * A session has two sides, the transport and, from connection.open on, the engine. Each ends on its own: the
 * transport with `ended`, the engine with EVENT_CONNECTION_CLOSED. The session frees itself when both have.
 * Before connection.open it owns nothing outside itself and goes with its socket. */
#include <assert.h>

#include "amqp/session_internal.h"
#include "base/alloc.h"
#include "base/text.h"

#define STATE_BIT(state) (1u << AMQP_STATE_##state)

/* What may follow what; every state may be left for DONE, when the socket ends. */
static const struct state_row {
    const char *name;
    unsigned next;
} states[] = {
    [AMQP_STATE_EXPECT_HEADER] = {"waiting for the protocol header", STATE_BIT(SENT_START)},
    [AMQP_STATE_SENT_START] = {"starting", STATE_BIT(SENT_TUNE) | STATE_BIT(CLOSING) | STATE_BIT(DROPPING)},
    [AMQP_STATE_SENT_TUNE] = {"tuning", STATE_BIT(EXPECT_OPEN) | STATE_BIT(CLOSING) | STATE_BIT(DROPPING)},
    [AMQP_STATE_EXPECT_OPEN] = {"opening", STATE_BIT(OPENING) | STATE_BIT(CLOSING) | STATE_BIT(DROPPING)},
    [AMQP_STATE_OPENING] = {"opening", STATE_BIT(RUNNING) | STATE_BIT(CLOSING)},
    [AMQP_STATE_RUNNING] = {"running", STATE_BIT(REFUSING) | STATE_BIT(ENDING) | STATE_BIT(CLOSING)},
    [AMQP_STATE_REFUSING] = {"refusing", STATE_BIT(CLOSING)},
    [AMQP_STATE_ENDING] = {"ending", 0},
    [AMQP_STATE_CLOSING] = {"closing", 0},
    [AMQP_STATE_DROPPING] = {"dropping", 0},
    [AMQP_STATE_DONE] = {"done", 0},
};

const char *amqp_state_name(amqp_state_t state)
{
    return states[state].name;
}

void amqp_session_move(amqp_session_t *s, amqp_state_t next)
{
    assert(s->state != AMQP_STATE_DONE);
    assert(next == AMQP_STATE_DONE || (states[s->state].next & 1u << next));
    s->state = next;
}

uint64_t amqp_session_now(const amqp_session_t *s)
{
    return s->transport->kind->now_ms(s->transport);
}

void amqp_session_log(const amqp_session_t *s, log_level_t level, const char *format, ...)
{
    if (level < s->io->options.log->least)
        return;
    char text[1280];
    va_list args;
    va_start(args, format);
    text_format_list(text, sizeof text, format, args);
    va_end(args);
    if (s->user.len > 0)
        log_line(s->io->options.log, level, "connection %s, user '%.*s': %s", s->name,
                 TEXT_ARG(buffer_bytes(&s->user)), text);
    else
        log_line(s->io->options.log, level, "connection %s: %s", s->name, text);
}

/* ---- the engine's side ---- */

bool amqp_session_may_push(const amqp_session_t *s)
{
    return s->client.number != 0 && !s->engine_closed;
}

void amqp_session_push(amqp_session_t *s, command_t *c)
{
    assert(amqp_session_may_push(s));
    port_push(s->io->port, &s->client, c);
}

void amqp_session_push_close(amqp_session_t *s, uint16_t flags, refusal_t *r)
{
    assert(!s->close_pushed || (flags & COMMAND_GONE));
    s->close_pushed = true;
    command_t close = {
        .type = COMMAND_CONNECTION_CLOSE,
        .flags = flags,
        .cause = r ? r->cause : AMQP_connection_close,
        .refusal = r,
    };
    amqp_session_push(s, &close);
}

static void session_free(amqp_session_t *s)
{
    if (s->client.number != 0)
        port_unregister(s->io->port, &s->client);
    list_remove(&s->stalled);
    amqp_channels_free(s);
    buffer_free(&s->user);
    buffer_free(&s->client_properties);
    loans_free(&s->loans);
    s->io->sessions_count--;
    mem_free(s);
}

static void free_if_over(amqp_session_t *s)
{
    if (!s->transport && !amqp_session_may_push(s))
        session_free(s);
}

/* Tells the transport that output was written. */
static void flush(amqp_session_t *s)
{
    if (!s->transport || output_written(s->transport->output) == s->flushed)
        return;
    s->flushed = output_written(s->transport->output);
    s->transport->kind->flush(s->transport);
}

static void on_event(port_client_t *client, event_t *e)
{
    amqp_session_t *s = LIST_OF(client, amqp_session_t, client);
    amqp_session_event(s, e);
    flush(s);
    free_if_over(s);
}

/* ---- the transport's side ---- */

void amqp_session_finish(amqp_session_t *s, uint64_t linger_ms)
{
    if (s->state == AMQP_STATE_DONE)
        return;
    amqp_session_move(s, AMQP_STATE_DONE);
    for (int which = 0; which < AMQP_DUE_COUNT; which++)
        amqp_due_set(s, (amqp_due_t)which, 0);
    flush(s);
    s->transport->kind->close(s->transport, linger_ms);
}

uint64_t amqp_session_patience_ms(const amqp_session_t *s)
{
    uint64_t heartbeat_ms = (uint64_t)s->heartbeat_s * 1000;
    uint64_t most_ms = s->io->options.close_timeout_ms;
    return heartbeat_ms > 0 && heartbeat_ms < most_ms ? heartbeat_ms : most_ms;
}

void amqp_session_pause(amqp_session_t *s, uint8_t why)
{
    bool was_on = s->pauses == 0;
    s->pauses |= why;
    if (was_on)
        s->transport->kind->set_reading(s->transport, false);
}

/* Silence while we did not listen is not the peer's: the heartbeat count starts anew. */
void amqp_session_resume(amqp_session_t *s, uint8_t why)
{
    if (!(s->pauses & why))
        return;
    s->pauses = (uint8_t)(s->pauses & ~why);
    if (!(s->pauses & AMQP_PAUSE_PORT))
        list_remove(&s->stalled);
    if (s->pauses != 0 || !s->transport)
        return;
    s->heard = true;
    s->transport->kind->set_reading(s->transport, true);
}

static size_t session_input(session_t *base, bytes_t octets)
{
    amqp_session_t *s = (amqp_session_t *)(void *)base;
    if (octets.len > 0) {
        s->heard = true;
        s->heard_anything = true;
    }
    size_t used = amqp_frames_input(s, octets);
    amqp_content_report_held(s);
    flush(s);
    return used;
}

/* With more waiting the peer is not read (it must take first what it asked for), so what it takes is its sign
 * of life. */
static void session_drained(session_t *base)
{
    amqp_session_t *s = (amqp_session_t *)(void *)base;
    if (output_waiting(s->transport->output) > 0)
        s->heard = true;
    amqp_loans_return(s);
}

static void session_deadline(session_t *base)
{
    amqp_session_t *s = (amqp_session_t *)(void *)base;
    amqp_due_now(s);
    flush(s);
}

/* A socket that closed before its first octet was a health check. */
static void log_end(const amqp_session_t *s, const char *reason)
{
    if (s->explained || !s->heard_anything)
        return;
    if (s->state == AMQP_STATE_ENDING)
        amqp_session_log(s, LOG_WARNING, "closed before its goodbye was answered: %s", reason);
    else if (s->opened)
        amqp_session_log(s, LOG_WARNING, "closed without a goodbye: %s", reason);
    else
        amqp_session_log(s, LOG_WARNING, "closed during the handshake (%s): %s", amqp_state_name(s->state),
                         reason);
}

/* The engine is told, also behind a goodbye: that one may be waiting for publishes that are held back, and nothing
 * may be held for peers that are gone. */
static void session_ended(session_t *base, const char *reason)
{
    amqp_session_t *s = (amqp_session_t *)(void *)base;
    log_end(s, reason);
    s->transport = NULL;
    list_remove(&s->stalled);
    if (amqp_session_may_push(s) && (!s->close_pushed || s->state == AMQP_STATE_ENDING))
        amqp_session_push_close(s, COMMAND_GONE, NULL);
    s->state = AMQP_STATE_DONE;
    free_if_over(s);
}

/* An opened session is ended by the engine, with 320. */
static void session_shutdown(session_t *base)
{
    amqp_session_t *s = (amqp_session_t *)(void *)base;
    if (s->client.number != 0)
        return;
    s->explained = true;
    amqp_session_finish(s, 0);
}

static const session_kind_t amqp_session_kind = {
    .input = session_input,
    .drained = session_drained,
    .deadline = session_deadline,
    .ended = session_ended,
    .shutdown = session_shutdown,
};

session_t *amqp_session_new(amqp_io_t *io, transport_t *t)
{
    amqp_session_t *s = MEM_NEW(amqp_session_t);
    s->session.kind = &amqp_session_kind;
    s->client.on_event = on_event;
    s->io = io;
    s->transport = t;
    s->frame_max = io->options.initial_frame_max;
    s->loans.step_bytes = LOANS_STEP_BYTES;
    list_init(&s->stalled);
    list_init(&s->closing_channels);
    hash_init(&s->channels, amqp_channel_key);
    hash_init(&s->consumers, amqp_consumer_key);
    text_format(s->name, sizeof s->name, "%s -> %s", t->peer, t->local);
    s->flushed = output_written(t->output);
    amqp_due_set(s, AMQP_DUE_HANDSHAKE, t->since_ms + io->options.handshake_timeout_ms);
    io->sessions_count++;
    return &s->session;
}
