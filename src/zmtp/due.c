/* SPDX-License-Identifier: Apache-2.0
 *
 * due.c: what a session waits for by the clock. The transport has one deadline for a session; it is set to the earliest of
 * a few.
 *
 * Silence: to a 3.1 peer a PING goes after each interval in which nothing was heard; after three of them it is gone. A PING
 * of the peer's own may say (ttl) after which silence it is. While the socket is not read silence proves nothing. Peers
 * before 3.1 know no PING: TCP's keepalive finds out. */
#include "zmtp/session_internal.h"

#define SILENT_INTERVALS 3
#define TENTH_MS         100

void zmtp_due_set(zmtp_session_t *s, zmtp_due_t which, uint64_t at_ms)
{
    dues_set(&s->dues, s->transport, which, at_ms);
}

/* ---- silence ---- */

void zmtp_heard(zmtp_session_t *s)
{
    s->heard_at_ms = zmtp_session_now(s);
    s->pings = 0;
}

static uint64_t interval_ms(const zmtp_session_t *s)
{
    return s->handshake.version == ZMTP_3_1 ? s->io->options.heartbeat_ms : 0;
}

/* When it must be looked at again if nothing is heard; 0: never. */
static uint64_t next_look(const zmtp_session_t *s)
{
    uint64_t interval = interval_ms(s), ping_at = s->heard_at_ms + interval * (s->pings + 1u);
    uint64_t end_at = s->heard_at_ms + s->ttl_ms;
    if (s->ttl_ms == 0)
        return interval > 0 ? ping_at : 0;
    return interval > 0 && ping_at < end_at ? ping_at : end_at;
}

void zmtp_silence_start(zmtp_session_t *s)
{
    zmtp_heard(s);
    zmtp_due_set(s, ZMTP_DUE_SILENCE, next_look(s));
}

/* Not into the middle of a frame. */
static void send_ping(zmtp_session_t *s)
{
    s->pings++;
    if (s->sending.body_left > 0)
        return;
    buffer_clear(&s->io->scratch);
    zmtp_write_ping(&s->io->scratch, &(zmtp_ping_t){.ttl_tenths = 0});
    zmtp_send(s, buffer_bytes(&s->io->scratch));
}

static void silence_due(void *session, uint64_t now_ms)
{
    zmtp_session_t *s = session;
    uint64_t interval = interval_ms(s);
    if (s->pauses != 0)
        zmtp_heard(s);
    uint64_t silent_ms = now_ms - s->heard_at_ms;
    bool over = s->ttl_ms > 0 && silent_ms >= s->ttl_ms;
    if (over || (interval > 0 && silent_ms >= SILENT_INTERVALS * interval)) {
        zmtp_session_fail(s, "nothing was heard for %llu ms", (unsigned long long)silent_ms);
        return;
    }
    if (interval > 0 && silent_ms >= interval * (s->pings + 1u))
        send_ping(s);
    zmtp_due_set(s, ZMTP_DUE_SILENCE, next_look(s));
}

void zmtp_send_pong(zmtp_session_t *s)
{
    if (!s->pong_due || s->sending.body_left > 0)
        return;
    s->pong_due = false;
    buffer_clear(&s->io->scratch);
    zmtp_write_pong(&s->io->scratch, bytes_make(s->pong, s->pong_len));
    zmtp_send(s, buffer_bytes(&s->io->scratch));
}

void zmtp_on_ping(zmtp_session_t *s, bytes_t data)
{
    zmtp_ping_t ping;
    zmtp_result_t result = zmtp_ping_decode(data, &ping);
    if (result != ZMTP_DECODED) {
        zmtp_session_fail(s, "%s", zmtp_refusal_text(result));
        return;
    }
    s->pong_due = true;
    s->pong_len = (uint8_t)ping.context.len;
    (void)put_bytes(s->pong, ping.context);
    zmtp_send_pong(s);
    s->ttl_ms = (uint64_t)ping.ttl_tenths * TENTH_MS;
    zmtp_due_set(s, ZMTP_DUE_SILENCE, next_look(s));
}

/* ---- the door ---- */

static void handshake_over(void *session, uint64_t now_ms)
{
    zmtp_session_t *s = session;
    (void)now_ms;
    if (s->heard_anything)
        zmtp_session_fail(s, "the handshake took too long");
    s->explained = true;
    zmtp_session_finish(s, 0);
}

static void asked_due(void *session, uint64_t now_ms)
{
    zmtp_asked_due(session, now_ms);
}

void zmtp_due_now(zmtp_session_t *s)
{
    static due_handler_t *const handlers[ZMTP_DUE_COUNT] = {
        [ZMTP_DUE_HANDSHAKE] = handshake_over,
        [ZMTP_DUE_SILENCE] = silence_due,
        [ZMTP_DUE_ASKED] = asked_due,
    };
    dues_come(&s->dues, s->transport, handlers, ZMTP_DUE_COUNT, s);
}
