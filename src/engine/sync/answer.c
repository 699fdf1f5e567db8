/* SPDX-License-Identifier: Apache-2.0
 *
 * answer.c: publishers ask in three ways, and are told in the same: by a confirm that is held until then, by a report to
 * their reply-to, by an EVENT_REPORT. A channel knows which of its confirms wait (channel.asking), so that no `multiple`
 * passes them. */
#include "engine/sync/sync_internal.h"

static void waiter_free(sync_waiter_t *w)
{
    w->event->waiting--;
    list_remove(&w->in_event);
    list_remove(&w->in_channel);
    mem_free(w);
}

bool sync_asks(const channel_t *ch, const command_t *cmd, bytes_t properties)
{
    return ch->confirms || (cmd->flags & COMMAND_ASKS) || properties_has(properties, PROPERTY_REPLY_TO);
}

static sync_waiter_t *waiter_new(bytes_t reply_to, bytes_t correlation)
{
    sync_waiter_t *w = mem_zero(sizeof *w + reply_to.len + correlation.len);
    w->reply_to_len = (uint8_t)reply_to.len;
    w->correlation_len = (uint8_t)correlation.len;
    (void)put_bytes(put_bytes(w->octets, reply_to), correlation);
    list_init(&w->in_event);
    list_init(&w->in_channel);
    return w;
}

void sync_wait(sync_event_t *ev, channel_t *ch, const command_t *cmd, bytes_t properties)
{
    bytes_t reply_to = {0}, correlation = {0};
    if (!sync_asks(ch, cmd, properties))
        return;
    (void)properties_get(properties, PROPERTY_REPLY_TO, &reply_to);
    (void)properties_get(properties, PROPERTY_CORRELATION_ID, &correlation);
    sync_waiter_t *w = waiter_new(reply_to, correlation);
    w->wants_report = cmd->flags & COMMAND_ASKS;
    w->cause = cmd->cause;
    w->event = ev;
    w->channel = ch;
    if (ch->confirms) {
        confirm_done(ch, 0);
        w->publish = ch->publishes_done;
    }
    ev->waiting++;
    list_append(&ev->waiters, &w->in_event);
    list_append(&ch->asking, &w->in_channel);
}

uint64_t sync_first_held(const channel_t *ch)
{
    LIST_EACH (node, &ch->asking) {
        const sync_waiter_t *w = LIST_OF(node, sync_waiter_t, in_channel);
        if (w->publish > 0)
            return w->publish;
    }
    return 0;
}

void sync_forget_channel(channel_t *ch)
{
    for (list_t *node; (node = list_first(&ch->asking));) {
        sync_waiter_t *w = LIST_OF(node, sync_waiter_t, in_channel);
        list_remove(node);
        w->channel = NULL;
        if (w->reply_to_len == 0)
            waiter_free(w);
    }
}

/* ---- telling ---- */

/* As anybody would publish it to the default exchange; a queue that is not there is the asker's loss. */
static void tell_by_message(const sync_event_t *ev, const sync_waiter_t *w)
{
    vhost_t *v = ev->sequencer->exchange->vhost;
    engine_t *e = v->engine;
    bytes_t reply_to = bytes_make(w->octets, w->reply_to_len);
    bytes_t correlation = bytes_make(w->octets + w->reply_to_len, w->correlation_len);
    queue_t *q = w->reply_to_len > 0 ? queue_find(v, reply_to) : NULL;
    if (q == NULL || q->keep)
        return;
    buffer_t properties = {0};
    uint16_t flags = PROPERTY_FLAG(PROPERTY_CONTENT_TYPE);
    write_u16(&properties, correlation.len > 0 ? flags | PROPERTY_FLAG(PROPERTY_CORRELATION_ID) : flags);
    write_short_string(&properties, BYTES("application/json"));
    if (correlation.len > 0)
        write_short_string(&properties, correlation);
    message_t *m =
        message_new_whole(BYTES(""), reply_to, buffer_bytes(&properties), message_body(ev->report));
    buffer_free(&properties);
    message_adopt(e, m);
    (void)publish_place(e, m, &q, 1);
    message_unref(e, m);
}

static void tell_by_report(const sync_event_t *ev, const sync_waiter_t *w)
{
    message_ref(ev->report); /* the loan's */
    emit_channel(w->channel, &(event_t){.type = EVENT_REPORT, .cause = w->cause, .message = ev->report});
}

static bool may_listen(const channel_t *ch)
{
    return ch->state == CHANNEL_OPEN && ch->connection->state == CONNECTION_OPEN;
}

static void tell(const sync_event_t *ev, sync_waiter_t *w)
{
    channel_t *ch = w->channel;
    bool first = ch && w->publish > 0 && sync_first_held(ch) == w->publish;
    tell_by_message(ev, w);
    if (ch && may_listen(ch)) {
        if (w->wants_report)
            tell_by_report(ev, w);
        if (w->publish > 0)
            confirm_decided(ch, w->publish, ev->outcome == OUTCOME_OK || ev->outcome == OUTCOME_NONE, first);
    }
    waiter_free(w);
}

void sync_tell(sync_event_t *ev)
{
    for (list_t *node; (node = list_first(&ev->waiters));)
        tell(ev, LIST_OF(node, sync_waiter_t, in_event));
}
