/* SPDX-License-Identifier: Apache-2.0
 *
 * connection.c: channel 0 of an open connection, and the ways in which a connection ends.
 *
 *   the client says close     → the engine winds up → close-ok → the socket closes
 *   a hard error, here or
 *   in the engine             → the engine winds up → close → close-ok (or silence) → the socket closes
 *   the socket is gone        → the engine winds up
 */
#include "amqp/session_internal.h"
#include "base/alloc.h"
#include "base/text.h"

/* ---- the client's side ---- */

static void send_close_ok(amqp_session_t *s)
{
    amqp_connection_close_ok_t ok = {0};
    amqp_send_method(s, 0, AMQP_connection_close_ok, &ok);
}

/* Before the engine knows of the connection there is nothing to wind up. */
void amqp_connection_say_goodbye(amqp_session_t *s)
{
    amqp_session_log(s, LOG_INFO, "closed by the client during the handshake (%s)",
                     amqp_state_name(s->state));
    s->explained = true;
    send_close_ok(s);
    amqp_session_finish(s, amqp_session_patience_ms(s));
}

/* Nothing counts behind a goodbye. It is not read either: a peer that sends it and closes is not gone as long as what
 * it had sent before waits, and its descriptor bounds how much of that there can be. */
static void running_close(amqp_session_t *s)
{
    amqp_session_move(s, AMQP_STATE_ENDING);
    amqp_session_pause(s, AMQP_PAUSE_ANSWER);
    amqp_session_push_close(s, 0, NULL);
}

/* A renewed token replaces the old one where secrets are tokens; passwords do not expire, and RabbitMQ takes
 * whatever comes for a user of its own. */
static void update_secret(amqp_session_t *s)
{
    amqp_connection_update_secret_ok_t ok = {0};
    amqp_send_method(s, 0, AMQP_connection_update_secret_ok, &ok);
}

static void running_method(amqp_session_t *s, amqp_method_id id)
{
    if (id == AMQP_connection_close)
        running_close(s);
    else if (id == AMQP_connection_update_secret)
        update_secret(s);
    else
        amqp_refuse_connection(s, REFUSAL_CHANNEL_ERROR, id, "unexpected method in connection state %s",
                               amqp_state_name(s->state));
}

/* Only the ids count: whatever else stands in a goodbye, it is one. */
static void closing_method(amqp_session_t *s, amqp_method_id id)
{
    if (id == AMQP_connection_close)
        send_close_ok(s);
    else if (id == AMQP_connection_close_ok)
        amqp_session_finish(s, amqp_session_patience_ms(s));
}

void amqp_connection_method(amqp_session_t *s, amqp_method_id id, bytes_t arguments)
{
    amqp_method_t m;
    if (s->state == AMQP_STATE_CLOSING)
        closing_method(s, id);
    else if (!amqp_decode_or_refuse(s, id, arguments, &m))
        return;
    else if (s->state == AMQP_STATE_RUNNING)
        running_method(s, id);
    else
        amqp_handshake_method(s, id, &m);
}

/* ---- the engine's side ---- */

void amqp_on_connection_opened(amqp_session_t *s, event_t *e)
{
    (void)e;
    amqp_connection_open_ok_t ok = {0};
    amqp_send_method(s, 0, AMQP_connection_open_ok, &ok);
    amqp_due_set(s, AMQP_DUE_HANDSHAKE, 0);
    amqp_session_move(s, AMQP_STATE_RUNNING);
    s->opened = true;
    amqp_session_log(s, LOG_INFO, "opened, vhost '%.*s'", s->vhost_len, (const char *)s->vhost);
    amqp_session_resume(s, AMQP_PAUSE_ANSWER);
}

/* A refusal that crosses the client's own goodbye is moot: it waits for close-ok and gets it. */
void amqp_on_connection_closed(amqp_session_t *s, event_t *e)
{
    refusal_t *r = e->refusal;
    e->refusal = NULL;
    s->engine_closed = true;
    if (s->state == AMQP_STATE_DONE) {
        mem_free(r);
    } else if (s->state == AMQP_STATE_ENDING) {
        mem_free(r);
        amqp_session_log(s, LOG_INFO, "closed");
        s->explained = true;
        send_close_ok(s);
        amqp_session_finish(s, amqp_session_patience_ms(s));
    } else if (r) {
        amqp_close_with(s, r);
    } else {
        amqp_session_finish(s, 0);
    }
}

static void blocked(amqp_session_t *s, amqp_method_id id, const void *method)
{
    if (s->wants_blocked)
        amqp_send_method(s, 0, id, method);
}

void amqp_on_connection_blocked(amqp_session_t *s, event_t *e)
{
    /* RabbitMQ's words. It says them once: an alarm that joins another changes nothing for who is blocked. */
    static const char *const reasons[] = {
        [ALARM_MEMORY] = "low on memory",
        [ALARM_DISK] = "low on disk",
        [ALARM_MEMORY | ALARM_DISK] = "low on memory & disk",
    };
    amqp_connection_blocked_t m = {.reason = bytes_string(reasons[e->alarms])};
    blocked(s, AMQP_connection_blocked, &m);
}

void amqp_on_connection_unblocked(amqp_session_t *s, event_t *e)
{
    (void)e;
    amqp_connection_unblocked_t m = {0};
    blocked(s, AMQP_connection_unblocked, &m);
}
