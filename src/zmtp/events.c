/* SPDX-License-Identifier: Apache-2.0
 *
 * events.c: what the engine says. ZMTP has no words for most of it: a refusal is a line in the log and a closed socket. */
#include <assert.h>

#include "zmtp/session_internal.h"

static void on_connection_closed(zmtp_session_t *s, event_t *e)
{
    s->engine_closed = true;
    if (s->state == ZMTP_STATE_DONE)
        return;
    if (e->refusal)
        zmtp_session_log(s, e->refusal->code == REFUSAL_CONNECTION_FORCED ? LOG_INFO : LOG_ERROR,
                         "closed by us, %u %s - %s", e->refusal->code, refusal_name(e->refusal->code),
                         e->refusal->text);
    s->explained = true;
    zmtp_session_finish(s, 0);
}

static void on_channel_refused(zmtp_session_t *s, event_t *e)
{
    zmtp_session_fail(s, "%u %s - %s", e->refusal->code, refusal_name(e->refusal->code), e->refusal->text);
}

static void on_ok(zmtp_session_t *s, event_t *e)
{
    if (e->cause == ZMTP_CAUSE_JOINED)
        zmtp_joined(s);
}

/* NOTIFY: not by a cancel of ours. */
static void on_consumer_gone(zmtp_session_t *s, event_t *e)
{
    if (e->flags & EVENT_NOTIFY)
        zmtp_session_fail(s, "what it listens to is gone, or it was too slow for it");
}

/* Of who sends to a queue: it was deleted. Who comes back has it made again. */
static void on_return(zmtp_session_t *s, event_t *e)
{
    (void)e;
    zmtp_drop_loan(s);
    zmtp_session_fail(s, "its queue is gone, and with it what was sent to it since");
}

static void on_deliver(zmtp_session_t *s, event_t *e)
{
    zmtp_role_ops(s->role)->deliver(s, e);
}

static void on_reading_paused(zmtp_session_t *s, event_t *e)
{
    (void)e;
    zmtp_session_pause(s, ZMTP_PAUSE_ENGINE);
}

static void on_reading_resumed(zmtp_session_t *s, event_t *e)
{
    (void)e;
    zmtp_session_resume(s, ZMTP_PAUSE_ENGINE);
}

/* An alarm. Who only publishes is not read: then it cannot close its socket behind what is held back, either. Who
 * answers is read, for answers are what ends the alarm. Nothing is held for who was gone when it came. */
static void on_blocked(zmtp_session_t *s, event_t *e)
{
    (void)e;
    s->blocked = true;
    if (s->role == ZMTP_ROLE_PUBLISHER || s->role == ZMTP_ROLE_SENDER)
        zmtp_session_pause(s, ZMTP_PAUSE_BLOCKED);
}

static void on_unblocked(zmtp_session_t *s, event_t *e)
{
    (void)e;
    s->blocked = false;
    zmtp_session_resume(s, ZMTP_PAUSE_BLOCKED);
}

static void nothing(zmtp_session_t *s, event_t *e)
{
    (void)s, (void)e;
}

typedef void event_handler_t(zmtp_session_t *s, event_t *e);

static event_handler_t *const handlers[] = {
    [EVENT_CONNECTION_OPENED] = nothing,
    [EVENT_CONNECTION_CLOSED] = on_connection_closed,
    [EVENT_CONNECTION_BLOCKED] = on_blocked,
    [EVENT_CONNECTION_UNBLOCKED] = on_unblocked,
    [EVENT_READING_PAUSED] = on_reading_paused,
    [EVENT_READING_RESUMED] = on_reading_resumed,
    [EVENT_CHANNEL_OPENED] = nothing,
    [EVENT_CHANNEL_REFUSED] = on_channel_refused,
    [EVENT_OK] = on_ok,
    [EVENT_CONSUMER_STARTED] = on_ok,
    [EVENT_CONSUMER_GONE] = on_consumer_gone,
    [EVENT_RETURN] = on_return,
    [EVENT_DELIVER] = on_deliver,
    [EVENT_CONTENT] = zmtp_on_content,
    [EVENT_REPORT] = zmtp_on_report,
};

/* Towards a socket that is closing or gone nothing is said. */
static void event_when_done(zmtp_session_t *s, event_t *e)
{
    if (e->type == EVENT_CONNECTION_CLOSED)
        on_connection_closed(s, e);
    else if (e->type == EVENT_CONNECTION_BLOCKED && !s->transport && s->close_pushed)
        zmtp_session_push_close(s, COMMAND_GONE);
}

void zmtp_session_event(zmtp_session_t *s, event_t *e)
{
    assert(e->type < sizeof handlers / sizeof *handlers && handlers[e->type] && !s->engine_closed);
    if (event_has_message(e->type))
        s->loans.taken++;
    if (s->state == ZMTP_STATE_DONE)
        event_when_done(s, e);
    else
        handlers[e->type](s, e);
    event_discard(e);
}
