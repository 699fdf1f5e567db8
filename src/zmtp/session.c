/* SPDX-License-Identifier: Apache-2.0
 *
 * session.c: the life of a session, from the socket's first octet to the engine's last event.
 *
 * A session has two sides, the transport and, from READY on, the engine. Each ends on its own: the transport with `ended`,
 * the engine with EVENT_CONNECTION_CLOSED. The session frees itself when both have. ZMTP has no goodbye: what a publisher
 * sent before it closed its socket counts, so the engine carries it out before it ends the connection. */
#include <assert.h>
#include <stdarg.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "zmtp/session_internal.h"

#define TEXT_BYTES 1280
/* Of a warning that comes again and again, so many lines at once, and then one in so long. */
#define SAY_AT_ONCE  5
#define SAY_EVERY_MS 1000

uint64_t zmtp_session_now(const zmtp_session_t *s)
{
    return s->transport->kind->now_ms(s->transport);
}

/* The place of this host's `text` among the warnings; another's may stand there. */
static zmtp_said_t *said_place(const zmtp_session_t *s, const char *text, uint64_t *hash)
{
    char line[sizeof s->name + TEXT_BYTES];
    uint8_t digest[HASH_DIGEST_BYTES];
    const char *local = strstr(s->name, " -> "), *port = local;
    while (port && port > s->name && *port != ':')
        port--;
    text_format(line, sizeof line, "%.*s %s", port ? (int)(port - s->name) : 0, s->name, text);
    hash_digest(bytes_string(line), digest);
    *hash = load_u64(digest);
    return &s->io->said[*hash % (sizeof s->io->said / sizeof *s->io->said)];
}

/* False: it was said too often. `*again`: how often it was not said since it was last. */
static bool may_say(const zmtp_session_t *s, const char *text, unsigned *again)
{
    uint64_t hash, now_ms = zmtp_session_now(s);
    zmtp_said_t *said = said_place(s, text, &hash);
    if (said->hash != hash)
        *said = (zmtp_said_t){.hash = hash};
    if (said->paid_ms > now_ms + (SAY_AT_ONCE - 1) * SAY_EVERY_MS) {
        said->again++;
        return false;
    }
    *again = said->again;
    said->again = 0;
    said->paid_ms = (said->paid_ms > now_ms ? said->paid_ms : now_ms) + SAY_EVERY_MS;
    return true;
}

void zmtp_session_log(const zmtp_session_t *s, log_level_t level, const char *format, ...)
{
    if (level < s->io->options.log->least)
        return;
    char text[TEXT_BYTES];
    va_list args;
    va_start(args, format);
    size_t len = text_format_list(text, sizeof text, format, args);
    va_end(args);
    unsigned again = 0;
    if (level >= LOG_WARNING && !may_say(s, text, &again))
        return;
    if (again > 0)
        text_format(text + len, sizeof text - len, " (and %u times since this was last said)", again);
    if (s->handshake.user[0])
        log_line(s->io->options.log, level, "connection %s, user '%s': %s", s->name, s->handshake.user, text);
    else
        log_line(s->io->options.log, level, "connection %s: %s", s->name, text);
}

void zmtp_generate_name(zmtp_session_t *s, const char *prefix, char *out, size_t out_bytes)
{
    uint8_t octets[16];
    const random_source_t *random = &s->io->options.random;
    random->fill(random->context, octets, sizeof octets);
    size_t len = text_format(out, out_bytes, "%s", prefix);
    text_base64url(bytes_make(octets, sizeof octets), out + len, out_bytes - len);
}

/* ---- the engine's side ---- */

bool zmtp_session_may_push(const zmtp_session_t *s)
{
    return s->client.number != 0 && !s->engine_closed;
}

void zmtp_session_push(zmtp_session_t *s, command_t c)
{
    assert(zmtp_session_may_push(s));
    c.channel = ZMTP_CHANNEL;
    port_push(s->io->port, &s->client, &c);
}

void zmtp_session_request(zmtp_session_t *s, command_t c, const request_t *view)
{
    c.request = request_new(view);
    zmtp_session_push(s, c);
}

/* Once, and with COMMAND_GONE once more behind a goodbye. */
void zmtp_session_push_close(zmtp_session_t *s, uint16_t flags)
{
    assert(!s->close_pushed || (flags & COMMAND_GONE));
    s->close_pushed = true;
    zmtp_session_push(s, (command_t){.type = COMMAND_CONNECTION_CLOSE, .flags = flags});
}

static void session_free(zmtp_session_t *s)
{
    if (s->client.number != 0)
        port_unregister(s->io->port, &s->client);
    list_remove(&s->stalled);
    if (s->mechanism_begun)
        zmtp_mechanism_ops(s->bus->mechanism)->end(&s->handshake);
    zmtp_gather_free(&s->gather);
    zmtp_prefixes_free(s);
    zmtp_asked_free(s);
    zmtp_given_free(s);
    zmtp_groups_free(s);
    buffer_free(&s->sealed_in);
    buffer_free(&s->stamps[0]);
    buffer_free(&s->stamps[1]);
    buffer_free(&s->echoes);
    buffer_free(&s->sending.lengths);
    buffer_free(&s->sending.body);
    loans_free(&s->loans);
    s->io->sessions_count--;
    mem_free(s);
}

static void free_if_over(zmtp_session_t *s)
{
    if (!s->transport && !zmtp_session_may_push(s))
        session_free(s);
}

/* Tells the transport that output was written. */
static void flush(zmtp_session_t *s)
{
    if (!s->transport || output_written(s->transport->output) == s->flushed)
        return;
    s->flushed = output_written(s->transport->output);
    s->transport->kind->flush(s->transport);
}

static void on_event(port_client_t *client, event_t *e)
{
    zmtp_session_t *s = LIST_OF(client, zmtp_session_t, client);
    zmtp_session_event(s, e);
    flush(s);
    free_if_over(s);
}

/* ---- the transport's side ---- */

/* The handshake is over, or the connection is. */
static void leave_lists(zmtp_session_t *s)
{
    if (s->unfinished)
        s->io->handshakes_count--;
    s->unfinished = false;
    list_remove(&s->stalled);
}

void zmtp_session_finish(zmtp_session_t *s, uint64_t linger_ms)
{
    if (s->state == ZMTP_STATE_DONE)
        return;
    s->state = ZMTP_STATE_DONE;
    leave_lists(s);
    for (int which = 0; which < ZMTP_DUE_COUNT; which++)
        zmtp_due_set(s, (zmtp_due_t)which, 0);
    if (zmtp_session_may_push(s) && !s->close_pushed)
        zmtp_session_push_close(s, COMMAND_GONE);
    flush(s);
    s->transport->kind->close(s->transport, linger_ms);
}

void zmtp_session_fail(zmtp_session_t *s, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    text_format_list(text, sizeof text, format, args);
    va_end(args);
    if (s->state != ZMTP_STATE_DONE)
        zmtp_session_log(s, LOG_WARNING, "closed, %s", text);
    s->explained = true;
    zmtp_session_finish(s, 0);
}

void zmtp_session_pause(zmtp_session_t *s, uint8_t why)
{
    bool was_on = s->pauses == 0;
    s->pauses |= why;
    if (was_on && s->state != ZMTP_STATE_DONE)
        s->transport->kind->set_reading(s->transport, false);
}

/* Silence while we did not listen is not the peer's. */
void zmtp_session_resume(zmtp_session_t *s, uint8_t why)
{
    if (!(s->pauses & why))
        return;
    s->pauses = (uint8_t)(s->pauses & ~why);
    if (!(s->pauses & ZMTP_PAUSE_PORT))
        list_remove(&s->stalled);
    if (s->pauses != 0 || s->state == ZMTP_STATE_DONE)
        return;
    zmtp_heard(s);
    s->transport->kind->set_reading(s->transport, true);
}

static zmtp_session_t *session_of(session_t *base)
{
    return (zmtp_session_t *)(void *)base;
}

static size_t session_input(session_t *base, bytes_t octets)
{
    zmtp_session_t *s = session_of(base);
    const clock_source_t *clock = &s->io->options.clock;
    if (octets.len > 0) {
        s->heard_anything = true;
        zmtp_heard(s);
    }
    s->wall_ms = clock->wall_ms(clock->context);
    size_t used = zmtp_input(s, octets);
    zmtp_report_held(s);
    flush(s);
    return used;
}

/* That the kernel took all of it says nothing of the peer, which may be gone without a word; that it has room again while
 * more waits says that the peer reads. */
static void session_drained(session_t *base)
{
    zmtp_session_t *s = session_of(base);
    if (output_waiting(s->transport->output) > 0)
        zmtp_heard(s);
    zmtp_loans_return(s);
}

static void session_deadline(session_t *base)
{
    zmtp_session_t *s = session_of(base);
    zmtp_due_now(s);
    flush(s);
}

/* A socket that closed before its first octet was a health check. */
static void log_end(const zmtp_session_t *s, const char *reason)
{
    if (s->explained || !s->heard_anything)
        return;
    if (s->role != ZMTP_ROLE_NONE)
        zmtp_session_log(s, LOG_INFO, "closed: %s", reason);
    else
        zmtp_session_log(s, LOG_WARNING, "closed during the handshake: %s", reason);
}

/* At the alarm nothing is held for who is gone: what came before would be held for any number of peers. */
static void session_ended(session_t *base, const char *reason)
{
    zmtp_session_t *s = session_of(base);
    bool goodbye = (s->role == ZMTP_ROLE_PUBLISHER || s->role == ZMTP_ROLE_SENDER) && !s->blocked;
    log_end(s, reason);
    s->transport = NULL;
    leave_lists(s);
    if (zmtp_session_may_push(s) && !s->close_pushed)
        zmtp_session_push_close(s, goodbye ? 0 : COMMAND_GONE);
    s->state = ZMTP_STATE_DONE;
    if (s->over)
        s->over(s->over_context, s->handshake.for_good);
    free_if_over(s);
}

/* An opened session is ended by the engine. */
static void session_shutdown(session_t *base)
{
    zmtp_session_t *s = session_of(base);
    if (s->client.number != 0)
        return;
    s->explained = true;
    zmtp_session_finish(s, 0);
}

static const session_kind_t zmtp_session_kind = {
    .input = session_input,
    .drained = session_drained,
    .deadline = session_deadline,
    .ended = session_ended,
    .shutdown = session_shutdown,
};

static zmtp_session_t *session_new(zmtp_io_t *io, const zmtp_bus_t *bus, transport_t *t, bool dialled)
{
    zmtp_session_t *s = MEM_NEW(zmtp_session_t);
    s->session.kind = &zmtp_session_kind;
    s->client.on_event = on_event;
    s->io = io;
    s->bus = bus;
    s->transport = t;
    s->handshake = (zmtp_handshake_t){
        .bus = bus,
        .options = &io->options,
        .dialled = dialled,
        .loopback = t->loopback,
        .ours = dialled ? bus->dial_as : ZMTP_SOCKET_NONE,
        .peer = ZMTP_SOCKET_NONE,
    };
    s->loans.step_bytes = LOANS_STEP_BYTES;
    list_init(&s->stalled);
    list_init(&s->groups);
    zmtp_prefixes_init(s);
    zmtp_asked_init(s);
    zmtp_given_init(s);
    text_format(s->name, sizeof s->name, "%s -> %s", t->peer, t->local);
    s->flushed = output_written(t->output);
    s->unfinished = true;
    io->handshakes_count++;
    io->sessions_count++;
    zmtp_due_set(s, ZMTP_DUE_HANDSHAKE, t->since_ms + io->options.handshake_timeout_ms);
    return s;
}

/* A crowd of strangers is dropped where it has cost nothing yet; said once for each crowd. */
session_t *zmtp_session_accepted(zmtp_io_t *io, const zmtp_bus_t *bus, transport_t *t)
{
    bool crowded = io->handshakes_count >= io->options.handshakes_most;
    if (crowded && !io->crowded)
        log_line(io->options.log, LOG_WARNING, "%s: connections are dropped, %zu handshakes are unfinished",
                 bus->name, io->handshakes_count);
    io->crowded = crowded;
    return crowded ? NULL : &session_new(io, bus, t, false)->session;
}

session_t *zmtp_session_dialled(zmtp_io_t *io, const zmtp_bus_t *bus, transport_t *t, zmtp_over_t *over,
                                void *context)
{
    assert(bus->dial_as != ZMTP_SOCKET_NONE);
    zmtp_session_t *s = session_new(io, bus, t, true);
    s->over = over;
    s->over_context = context;
    buffer_clear(&io->scratch);
    zmtp_write_signature(&io->scratch);
    output_write(t->output, buffer_bytes(&io->scratch));
    s->answered = ZMTP_GREETING_BEGUN;
    flush(s);
    return &s->session;
}
