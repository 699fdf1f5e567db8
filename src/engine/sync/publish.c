/* SPDX-License-Identifier: Apache-2.0
 *
 * publish.c: from a publish to a numbered message in its queues, and, if its publisher asks, an open event; and handlers'
 * answers, which are publishes too. */
#include "engine/sync/sync_internal.h"
#include "model/frames.h"

/* What a publish asks for. */
typedef struct asking {
    bytes_t properties, id;
    const engine_topic_t *topic; /* whose rules hold; NULL: the exchange's */
    need_t need;
    uint64_t timeout_ms;
    bool asks, expires;
    uint8_t octets[2 * UINT8_MAX + 1]; /* of id */
} asking_t;

/* ---- what is asked ---- */

/* The same id of two users is not the same. */
static void read_id(asking_t *a, const channel_t *ch)
{
    bytes_t id, user = ch->connection->opening->user;
    if (!properties_get(a->properties, PROPERTY_MESSAGE_ID, &id) || id.len == 0)
        return;
    (void)put_bytes(put_u8(put_bytes(a->octets, user), 0), id);
    a->id = bytes_make(a->octets, user.len + 1 + id.len);
}

static bool read_need(asking_t *a, channel_t *ch, const command_t *cmd)
{
    field_t f;
    if (!table_find(properties_headers(a->properties), BYTES("x-sync"), &f) || need_parse(&f, &a->need))
        return true;
    char value[128];
    field_text(&f, value, sizeof value);
    channel_refuse(ch, cmd->cause, REFUSAL_PRECONDITION_FAILED,
                   "invalid header 'x-sync': '%s', expected all, quorum, one, none or a number of groups",
                   value);
    return false;
}

/* False: refused. */
static bool read_asking(asking_t *a, channel_t *ch, const command_t *cmd, const sequencer_t *s)
{
    const engine_t *e = ch->connection->engine;
    bytes_t expiration;
    a->id = (bytes_t){0};
    a->properties = message_properties(cmd->message);
    a->expires = properties_has(a->properties, PROPERTY_EXPIRATION) &&
                 properties_get(a->properties, PROPERTY_EXPIRATION, &expiration);
    a->asks = sync_asks(ch, cmd, a->properties);
    if (!a->asks && !a->expires)
        return true;
    if (e->options.topic_count > 0)
        a->topic = topics_find(e, s->exchange, message_topic(cmd->message));
    a->need = a->topic && a->topic->need.policy != NEED_UNSET ? a->topic->need : s->need;
    a->timeout_ms = a->topic && a->topic->timeout_ms > 0 ? a->topic->timeout_ms : s->timeout_ms;
    if (a->expires) /* publication_check has read it */
        (void)text_parse_u64(expiration.data[0] == '+' ? bytes_make(expiration.data + 1, expiration.len - 1)
                                                       : expiration,
                             &a->timeout_ms);
    if (s->dedup > 0)
        read_id(a, ch);
    return read_need(a, ch, cmd);
}

static uint32_t needed(need_t need, uint32_t groups)
{
    switch (need.policy) {
    case NEED_QUORUM:
        return groups / 2 + 1;
    case NEED_COUNT:
        return need.count;
    case NEED_NONE:
        return 0;
    default:
        return NEED_OF_ALL;
    }
}

/* ---- those that get no number ---- */

/* It waits for itself: its connection has an event of this window that it has not answered. */
static bool waits_for_itself(const sync_window_t *w, const channel_t *ch)
{
    int left = 64;
    LIST_EACH (node, &w->events) {
        const sync_event_t *ev = LIST_OF(node, sync_event_t, in_window);
        for (uint32_t i = 0; i < ev->count; i++)
            if (ev->groups[i].holder == ch->connection)
                return true;
        if (--left == 0)
            return false;
    }
    return false;
}

/* Answered at once, as failed. */
static void fail_at_once(sync_window_t *w, channel_t *ch, const command_t *cmd, const asking_t *a,
                         const char *why)
{
    sync_event_t *ev = sync_event_new(w->sequencer, w, 0, message_routing_key(cmd->message), BYTES(""));
    incoming_drop(ch);
    ev->error = why;
    ev->need = 0;
    sync_wait(ev, ch, cmd, a->properties);
    ev->outcome = OUTCOME_FAILED;
    ev->report = sync_report(ev, false);
    message_adopt(ch->connection->engine, ev->report);
    sync_tell(ev);
    sync_event_free(ev);
}

/* Sent again: whoever asks is told what became of the first. */
static void repeat(sync_event_t *ev, channel_t *ch, const command_t *cmd, const asking_t *a)
{
    if (ev->waiting >= SYNC_WAITERS) {
        fail_at_once(ev->window, ch, cmd, a, "asked too often");
        return;
    }
    incoming_drop(ch);
    sync_wait(ev, ch, cmd, a->properties);
    if (ev->outcome != OUTCOME_OPEN && ev->report)
        sync_tell(ev);
}

/* ---- numbered ---- */

/* Queues in the route that are groups of the view. */
static uint32_t count_groups(const route_t *r)
{
    uint32_t count = 0;
    for (size_t i = 0; i < r->count; i++)
        count += r->queues[i]->members > 0 && r->queues[i]->counted == r->serial;
    return count;
}

/* Where it is about to be: each queue's tail. */
static void note_groups(sync_event_t *ev, const route_t *r)
{
    for (size_t i = 0; i < r->count; i++) {
        queue_t *q = r->queues[i];
        if (q->members > 0 && q->counted == r->serial)
            sync_group_init(ev, &ev->groups[ev->count++], q, q->fifo.tail);
    }
}

static void note_places(sync_event_t *ev, const route_t *r)
{
    ev->places = mem_alloc(r->count * sizeof *ev->places);
    for (size_t i = 0; i < r->count; i++) {
        if (r->queues[i]->subscriber) /* it may not take it */
            continue;
        ev->places[ev->place_count++] = (sync_place_t){r->queues[i], r->queues[i]->fifo.tail};
        r->queues[i]->holds++;
    }
}

/* Takes over the caller's reference. */
static void open_event(sync_window_t *w, channel_t *ch, const command_t *cmd, const asking_t *a, message_t *m)
{
    engine_t *e = ch->connection->engine;
    const route_t *r = &e->route;
    dedup_verdict_t verdict;
    dedup_decide(ch, m, &verdict);
    uint32_t groups = count_groups(r);
    sync_event_t *ev = sync_event_new(w->sequencer, w, groups, message_routing_key(m), a->id);
    ev->seq = m->seq;
    ev->view = m->view;
    ev->need = needed(a->need, groups);
    ev->due_ms = e->now_ms + a->timeout_ms;
    ev->due_wall_ms = e->wall_ms + a->timeout_ms;
    note_groups(ev, r);
    if (a->expires && r->count > 0)
        note_places(ev, r);
    record_no record = publish_place(e, m, r->queues, r->count);
    dedup_remember(e, &verdict, record > 0);
    ev->stored = publish_safe_with(e, m, verdict.after > record ? verdict.after : record);
    ev->message = m->record;
    ev->release = sync_record_event(ev);
    if (ev->release > ev->stored)
        ev->stored = ev->release;
    if (groups == 0 && verdict.repeats == 0)
        publish_return(ch, cmd, m);
    sync_wait(ev, ch, cmd, message_properties(m));
    message_unref(e, m);
    sync_event_begin(ev);
}

/* What is sent again has a number already; what asks needs room in its window; all need a number that is durably
 * theirs. */
static bool may_be_numbered(sequencer_t *s, sync_window_t *w, channel_t *ch, command_t *cmd,
                            const asking_t *a)
{
    sync_event_t *first = sync_find(s, a->id);
    if (first) {
        repeat(first, ch, cmd, a);
        return false;
    }
    if (w && w->open >= w->limit) {
        if (waits_for_itself(w, ch))
            fail_at_once(w, ch, cmd, a, "own event");
        else
            channel_wait_in(ch, &w->waiting, cmd);
        return false;
    }
    return sequencer_ready(s, 1, ch, cmd);
}

bool sync_ready(exchange_t *x, uint32_t count, channel_t *ch, command_t *cmd)
{
    return sequencer_ready(x->sequencer, count, ch, cmd);
}

refusal_t *sync_check_in_tx(const channel_t *ch, const command_t *cmd, const exchange_t *x)
{
    bytes_t properties = message_properties(cmd->message);
    const char *what = sync_asks(ch, cmd, properties)                    ? "ask what becomes of it (reply-to)"
                       : properties_has(properties, PROPERTY_EXPIRATION) ? "expire (expiration)"
                                                                         : NULL;
    if (what == NULL)
        return NULL;
    return refusal_new(REFUSAL_PRECONDITION_FAILED, cmd->cause,
                       EXCHANGE_FORMAT " is synchronous: a publish in a transaction cannot %s",
                       NAMED_ARG(x->name, x->vhost), what);
}

void sync_number(exchange_t *x, message_t *m)
{
    m->seq = x->sequencer->next++;
    m->view = (uint32_t)x->sequencer->view;
}

void sync_publish(channel_t *ch, command_t *cmd, exchange_t *x, bool again, bytes_t headers)
{
    engine_t *e = ch->connection->engine;
    sequencer_t *s = x->sequencer;
    asking_t a;
    a.topic = NULL;
    if (!read_asking(&a, ch, cmd, s))
        return;
    bool tracked = a.asks || a.expires;
    sync_window_t *w = tracked ? sequencer_window(s, a.topic) : NULL;
    if (!may_be_numbered(s, w, ch, cmd, &a))
        return;
    if (again && !tracked)
        work_spend(e, 1 + e->route.count);
    else
        publish_route(ch, x, cmd->message, headers);
    if (dedup_refuses(ch, cmd) || subscribers_hold(ch, cmd))
        return;
    e->counts.published++;
    message_t *m = publish_take(ch, cmd, headers);
    sync_number(x, m);
    if (tracked)
        open_event(w, ch, cmd, &a, m);
    else
        publish_enqueue(ch, cmd, m);
}

/* ---- answers ---- */

/* The entry that a handler speaks of, if it is an answer: one that its own connection has and has not settled. Else nobody
 * waits for it any more: it is a message that no queue gets. */
static sync_group_t *answered_group(channel_t *ch, const message_t *m)
{
    uint16_t number;
    uint64_t tag;
    bytes_t correlation = {0}, properties = message_properties(m);
    if (m->exchange_len > 0 || !bytes_equal(message_routing_key(m), EVENT_REPLY_TO) ||
        !properties_valid(properties))
        return NULL;
    (void)properties_get(properties, PROPERTY_CORRELATION_ID, &correlation);
    if (!event_correlation_parse(correlation, &number, &tag))
        return NULL;
    channel_t *from = channel_find(ch->connection, number);
    unacked_t *u = from ? unacked_find(&from->unacked, tag) : NULL;
    return u && !list_empty(&u->queue->owed) ? sync_owed(u->queue, u->position) : NULL;
}

bool sync_answers(channel_t *ch, const command_t *cmd)
{
    return cmd->type == COMMAND_PUBLISH && answered_group(ch, cmd->message);
}

bool sync_answer(channel_t *ch, command_t *cmd)
{
    sync_group_t *g = answered_group(ch, cmd->message);
    if (g == NULL)
        return false;
    ch->connection->engine->counts.published++;
    message_t *m = publish_take(ch, cmd, BYTES(""));
    sync_group_says(g, m);
    message_unref(ch->connection->engine, m);
    confirm_done(ch, 0);
    return true;
}

void sync_says(channel_t *ch, const message_t *m)
{
    sync_group_t *g = answered_group(ch, m);
    if (g)
        sync_group_says(g, m);
}
