/* SPDX-License-Identifier: Apache-2.0
 *
 * replies.c: event → octets. Which -ok answers a request follows from the event's `cause`, the request's
 * method id, which the engine brings back unread. */
#include <assert.h>

#include "amqp/session_internal.h"
#include "base/alloc.h"

/* ---- the -oks without data of their own ---- */

static void on_ok(amqp_session_t *s, event_t *e)
{
    static const amqp_channel_flow_ok_t flow_ok = {.active = true};
    static const amqp_access_request_ok_t request_ok = {.ticket = 1};
    static const amqp_method_t empty;
    static const struct ok_row {
        amqp_method_id cause, answer;
        const void *method;
    } rows[] = {
        {AMQP_channel_flow, AMQP_channel_flow_ok, &flow_ok},
        {AMQP_access_request, AMQP_access_request_ok, &request_ok},
        {AMQP_exchange_declare, AMQP_exchange_declare_ok, &empty},
        {AMQP_exchange_delete, AMQP_exchange_delete_ok, &empty},
        {AMQP_exchange_bind, AMQP_exchange_bind_ok, &empty},
        {AMQP_exchange_unbind, AMQP_exchange_unbind_ok, &empty},
        {AMQP_queue_bind, AMQP_queue_bind_ok, &empty},
        {AMQP_queue_unbind, AMQP_queue_unbind_ok, &empty},
        {AMQP_basic_qos, AMQP_basic_qos_ok, &empty},
        {AMQP_basic_recover, AMQP_basic_recover_ok, &empty},
        {AMQP_confirm_select, AMQP_confirm_select_ok, &empty},
        {AMQP_tx_select, AMQP_tx_select_ok, &empty},
        {AMQP_tx_commit, AMQP_tx_commit_ok, &empty},
        {AMQP_tx_rollback, AMQP_tx_rollback_ok, &empty},
    };
    size_t i = 0;
    while (i < sizeof rows / sizeof *rows && rows[i].cause != e->cause)
        i++;
    assert(i < sizeof rows / sizeof *rows);
    amqp_send_method(s, e->channel, rows[i].answer, rows[i].method);
}

/* ---- answers with data ---- */

static void on_queue_declared(amqp_session_t *s, event_t *e)
{
    amqp_queue_declare_ok_t ok = {
        .queue = e->request->name,
        .message_count = e->message_count,
        .consumer_count = e->consumer_count,
    };
    amqp_send_method(s, e->channel, AMQP_queue_declare_ok, &ok);
}

static void on_queue_counted(amqp_session_t *s, event_t *e)
{
    amqp_queue_purge_ok_t purged = {.message_count = e->message_count};
    amqp_queue_delete_ok_t deleted = {.message_count = e->message_count};
    if (e->cause == AMQP_queue_purge)
        amqp_send_method(s, e->channel, AMQP_queue_purge_ok, &purged);
    else
        amqp_send_method(s, e->channel, AMQP_queue_delete_ok, &deleted);
}

static void on_get_empty(amqp_session_t *s, event_t *e)
{
    amqp_basic_get_empty_t empty = {0};
    amqp_send_method(s, e->channel, AMQP_basic_get_empty, &empty);
}

static void on_confirm(amqp_session_t *s, event_t *e)
{
    bool multiple = e->flags & EVENT_MULTIPLE;
    amqp_basic_ack_t ack = {.delivery_tag = e->delivery_tag, .multiple = multiple};
    amqp_basic_nack_t nack = {.delivery_tag = e->delivery_tag, .multiple = multiple};
    if (e->flags & EVENT_NEGATIVE)
        amqp_send_method(s, e->channel, AMQP_basic_nack, &nack);
    else
        amqp_send_method(s, e->channel, AMQP_basic_ack, &ack);
}

/* ---- consumers ---- */

static void on_consumer_started(amqp_session_t *s, event_t *e)
{
    const amqp_consumer_t *c = amqp_consumer_find(s, e->consumer);
    assert(c);
    amqp_basic_consume_ok_t ok = {.consumer_tag = amqp_consumer_tag(c)};
    amqp_send_method(s, e->channel, AMQP_basic_consume_ok, &ok);
}

static void on_consumer_cancelled(amqp_session_t *s, event_t *e)
{
    amqp_basic_cancel_ok_t ok = {.consumer_tag = e->request->tag};
    amqp_send_method(s, e->channel, AMQP_basic_cancel_ok, &ok);
    amqp_consumer_t *c = e->consumer != 0 ? amqp_consumer_find(s, e->consumer) : NULL;
    if (c)
        amqp_consumer_remove(s, c);
}

/* The client is told only if it said that it can hear it; no answer is wanted. */
static void on_consumer_gone(amqp_session_t *s, event_t *e)
{
    amqp_consumer_t *c = amqp_consumer_find(s, e->consumer);
    assert(c);
    amqp_basic_cancel_t cancel = {.consumer_tag = amqp_consumer_tag(c), .nowait = true};
    if ((e->flags & EVENT_NOTIFY) && s->wants_cancel_notify)
        amqp_send_method(s, e->channel, AMQP_basic_cancel, &cancel);
    amqp_consumer_remove(s, c);
}

/* ---- reading ---- */

static void on_reading_paused(amqp_session_t *s, event_t *e)
{
    (void)e;
    if (s->state == AMQP_STATE_RUNNING)
        amqp_session_pause(s, AMQP_PAUSE_ENGINE);
}

static void on_reading_resumed(amqp_session_t *s, event_t *e)
{
    (void)e;
    amqp_session_resume(s, AMQP_PAUSE_ENGINE);
}

/* ---- all ---- */

typedef void event_handler_t(amqp_session_t *s, event_t *e);

static event_handler_t *const handlers[] = {
    [EVENT_CONNECTION_OPENED] = amqp_on_connection_opened,
    [EVENT_CONNECTION_CLOSED] = amqp_on_connection_closed,
    [EVENT_CONNECTION_BLOCKED] = amqp_on_connection_blocked,
    [EVENT_CONNECTION_UNBLOCKED] = amqp_on_connection_unblocked,
    [EVENT_READING_PAUSED] = on_reading_paused,
    [EVENT_READING_RESUMED] = on_reading_resumed,
    [EVENT_CHANNEL_OPENED] = amqp_on_channel_opened,
    [EVENT_CHANNEL_CLOSED] = amqp_on_channel_closed,
    [EVENT_CHANNEL_REFUSED] = amqp_on_channel_refused,
    [EVENT_OK] = on_ok,
    [EVENT_QUEUE_DECLARED] = on_queue_declared,
    [EVENT_QUEUE_COUNTED] = on_queue_counted,
    [EVENT_CONSUMER_STARTED] = on_consumer_started,
    [EVENT_CONSUMER_CANCELLED] = on_consumer_cancelled,
    [EVENT_CONSUMER_GONE] = on_consumer_gone,
    [EVENT_DELIVER] = amqp_on_deliver,
    [EVENT_CONTENT] = amqp_on_content,
    [EVENT_GET_OK] = amqp_on_get_ok,
    [EVENT_GET_EMPTY] = on_get_empty,
    [EVENT_RETURN] = amqp_on_return,
    [EVENT_CONFIRM] = on_confirm,
};

/* Towards a socket that is closing or gone nothing is said; only the engine's own end still counts. */
void amqp_session_event(amqp_session_t *s, event_t *e)
{
    assert(e->type < sizeof handlers / sizeof *handlers && !s->engine_closed);
    if (event_has_message(e->type))
        s->loans.taken++;
    if (s->state != AMQP_STATE_DONE || e->type == EVENT_CONNECTION_CLOSED)
        handlers[e->type](s, e);
    event_discard(e);
}
