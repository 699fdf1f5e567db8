/* SPDX-License-Identifier: Apache-2.0
 *
 * due.c: what a session waits for by the clock: the handshake, a goodbye, heartbeats. The transport has one
 * deadline for a session; it is set to the earliest of a handful of due times.
 *
 * Heartbeats (AMQP 0-9-1 §4.2.7, as RabbitMQ does it): every half interval one is sent if nothing else was;
 * every interval it is asked whether an octet came, and the second No in a row closes the socket, without
 * connection.close. While the socket is not read, silence proves nothing. */
#include "amqp/session_internal.h"

#define MISSED_HEARTBEATS_MOST 2

void amqp_due_set(amqp_session_t *s, amqp_due_t which, uint64_t at_ms)
{
    dues_set(&s->dues, s->transport, which, at_ms);
}

/* ---- heartbeats ---- */

static uint64_t interval_ms(const amqp_session_t *s)
{
    return (uint64_t)s->heartbeat_s * 1000;
}

void amqp_heartbeat_start(amqp_session_t *s)
{
    if (s->heartbeat_s == 0)
        return;
    s->heard = true;
    s->written_at_beat = output_written(s->transport->output);
    amqp_due_set(s, AMQP_DUE_SEND_HEARTBEAT, amqp_session_now(s) + interval_ms(s) / 2);
    amqp_due_set(s, AMQP_DUE_CHECK_HEARTBEAT, amqp_session_now(s) + interval_ms(s));
}

void amqp_heartbeat_stop(amqp_session_t *s)
{
    amqp_due_set(s, AMQP_DUE_SEND_HEARTBEAT, 0);
    amqp_due_set(s, AMQP_DUE_CHECK_HEARTBEAT, 0);
}

/* The next beat, in step with the ones before unless we come more than one late. */
static uint64_t next_beat(uint64_t due_ms, uint64_t every_ms, uint64_t now_ms)
{
    return due_ms + every_ms > now_ms ? due_ms + every_ms : now_ms + every_ms;
}

/* Octets that wait for a peer that does not take them are sign of life enough. */
static void send_heartbeat(void *session, uint64_t now_ms)
{
    amqp_session_t *s = session;
    output_t *o = s->transport->output;
    if (output_written(o) == s->written_at_beat && output_waiting(o) == 0) {
        buffer_t *b = &s->io->scratch;
        buffer_clear(b);
        amqp_write_heartbeat(b);
        output_write(o, buffer_bytes(b));
    }
    s->written_at_beat = output_written(o);
    uint64_t next = next_beat(s->dues.at_ms[AMQP_DUE_SEND_HEARTBEAT], interval_ms(s) / 2, now_ms);
    amqp_due_set(s, AMQP_DUE_SEND_HEARTBEAT, next);
}

static void check_heartbeat(void *session, uint64_t now_ms)
{
    amqp_session_t *s = session;
    s->missed = s->heard || s->pauses != 0 ? 0 : (uint8_t)(s->missed + 1);
    s->heard = false;
    if (s->missed >= MISSED_HEARTBEATS_MOST) {
        amqp_session_log(s, LOG_WARNING, "closed, %u heartbeats missed (interval %u s)", s->missed,
                         s->heartbeat_s);
        s->explained = true;
        amqp_session_finish(s, 0);
        return;
    }
    uint64_t next = next_beat(s->dues.at_ms[AMQP_DUE_CHECK_HEARTBEAT], interval_ms(s), now_ms);
    amqp_due_set(s, AMQP_DUE_CHECK_HEARTBEAT, next);
}

/* ---- the door ---- */

static void handshake_over(void *session, uint64_t now_ms)
{
    amqp_session_t *s = session;
    (void)now_ms;
    if (s->heard_anything)
        amqp_session_log(s, LOG_WARNING, "dropped, the handshake took too long (%s)",
                         amqp_state_name(s->state));
    s->explained = true;
    amqp_session_finish(s, 0);
}

static void close_over(void *session, uint64_t now_ms)
{
    amqp_session_t *s = session;
    (void)now_ms;
    amqp_session_finish(s, 0);
}

void amqp_due_now(amqp_session_t *s)
{
    static due_handler_t *const handlers[AMQP_DUE_COUNT] = {
        [AMQP_DUE_HANDSHAKE] = handshake_over,
        [AMQP_DUE_CLOSE] = close_over,
        [AMQP_DUE_SEND_HEARTBEAT] = send_heartbeat,
        [AMQP_DUE_CHECK_HEARTBEAT] = check_heartbeat,
    };
    dues_come(&s->dues, s->transport, handlers, AMQP_DUE_COUNT, s);
}
