/* SPDX-License-Identifier: Apache-2.0
 *
 * event.c: an open event: its groups settle, one after the other, until it is decided. Late answers settle their queue
 * and change nothing here. */
#include "engine/sync/sync_internal.h"

/* How often one that is over, and expires later, is looked at. */
#define LOOK_EVERY_MS 60000

static wait_over_t time_is_up;

/* ---- life ---- */

sync_event_t *sync_event_new(sequencer_t *s, sync_window_t *w, uint32_t groups, bytes_t topic, bytes_t id)
{
    engine_t *e = s->exchange->vhost->engine;
    sync_event_t *ev = mem_zero(sizeof *ev + groups * sizeof(sync_group_t));
    ev->sequencer = s;
    ev->window = w;
    ev->topic = bytes_dup(topic);
    ev->id = bytes_dup(id);
    ev->begun_ms = e->now_ms;
    list_init(&ev->in_window);
    list_init(&ev->in_finished);
    list_init(&ev->in_nameless);
    list_init(&ev->waiters);
    list_init(&ev->in_log.link);
    list_init(&ev->stated.link);
    for (uint32_t i = 0; i < groups; i++)
        list_init(&ev->groups[i].in_queue);
    if (id.len > 0)
        hash_insert(&s->ids, &ev->by_id);
    s->exchange->holds++;
    ev->held = true;
    return ev;
}

void sync_group_init(sync_event_t *ev, sync_group_t *g, queue_t *q, uint64_t position)
{
    g->event = ev;
    g->queue = q;
    g->position = position;
    q->holds++;
}

/* Positions rise: the newest is the last of its queue. After a crash it is what comes of one exchange after the other. */
void sync_group_owes(sync_group_t *g)
{
    list_t *end = &g->queue->owed, *at = end;
    while (at->prev != end && LIST_OF(at->prev, sync_group_t, in_queue)->position > g->position)
        at = at->prev;
    list_insert_before(at, &g->in_queue);
}

static void owes_nothing(sync_group_t *g)
{
    queue_t *q = g->queue;
    list_t *before = g->in_queue.prev == &q->owed ? NULL : g->in_queue.prev;
    if (q->owed_last == &g->in_queue)
        q->owed_last = before;
    if (q->owed_near == &g->in_queue)
        q->owed_near = before;
    list_remove(&g->in_queue);
}

static void groups_release(sync_event_t *ev)
{
    for (uint32_t i = 0; i < ev->count; i++) {
        sync_group_t *g = &ev->groups[i];
        if (g->queue && list_linked(&g->in_queue))
            owes_nothing(g);
        if (g->queue == NULL)
            continue;
        sync_group_forgets(g);
        queue_release(g->queue);
        g->queue = NULL;
    }
}

/* An open one is taken out of everything it is in; one that is over only waits to expire, or is kept. */
static void leave_window(sync_event_t *ev)
{
    if (!list_linked(&ev->in_window))
        return;
    list_remove(&ev->in_window);
    ev->window->open--;
    ev->sequencer->exchange->vhost->engine->counts.events_open--;
    window_has_room(ev->window);
}

static void let_exchange_go(sync_event_t *ev)
{
    bool held = ev->held;
    ev->held = false;
    if (held)
        exchange_release(ev->sequencer->exchange);
}

void sync_event_free(sync_event_t *ev)
{
    engine_t *e = ev->sequencer->exchange->vhost->engine;
    sync_unkeep(ev);
    leave_window(ev);
    groups_release(ev);
    sync_places_release(ev);
    wait_cancel(e, &ev->on_disk);
    timer_cancel(e, &ev->due);
    list_remove(&ev->stated.link);
    sync_record_forget(ev);
    if (ev->report)
        message_unref(e, ev->report);
    mem_free((void *)ev->topic.data);
    mem_free((void *)ev->id.data);
    let_exchange_go(ev);
    mem_free(ev);
}

/* ---- its end ---- */

static void count_outcome(engine_counts_t *c, outcome_t outcome)
{
    c->events_ok += outcome == OUTCOME_OK;
    c->events_failed += outcome == OUTCOME_FAILED;
    c->events_timeout += outcome == OUTCOME_TIMEOUT;
    c->events_none += outcome == OUTCOME_NONE;
}

void sync_event_over(sync_event_t *ev, outcome_t outcome)
{
    engine_t *e = ev->sequencer->exchange->vhost->engine;
    assert(ev->outcome == OUTCOME_OPEN && outcome != OUTCOME_OPEN);
    ev->outcome = (uint8_t)outcome;
    ev->took_ms = e->now_ms > ev->begun_ms ? e->now_ms - ev->begun_ms : 0;
    count_outcome(&e->counts, outcome);
    wait_cancel(e, &ev->on_disk);
    bool kept = ev->id.len > 0 || ev->sequencer->keep_results > 0;
    if (kept || !list_empty(&ev->waiters)) {
        ev->report = sync_report(ev, false);
        message_adopt(e, ev->report);
    }
    sync_tell(ev);
    groups_release(ev);
    leave_window(ev);
    if (kept)
        sync_record_report(ev);
    sync_event_lingers(ev);
}

/* all = every group that is still there, failed or not: it gathers. The others are decided as soon as they can be. */
static outcome_t decide(const sync_event_t *ev)
{
    if (ev->need == NEED_OF_ALL) {
        if (event_pending(ev) > 0)
            return OUTCOME_OPEN;
        return ev->ok + ev->failed == 0 ? OUTCOME_NONE : ev->failed == 0 ? OUTCOME_OK : OUTCOME_FAILED;
    }
    if (ev->count == ev->gone)
        return OUTCOME_NONE;
    if (ev->ok >= ev->need)
        return OUTCOME_OK;
    return event_pending(ev) > 0 ? OUTCOME_OPEN : OUTCOME_FAILED;
}

static void is_on_disk(engine_t *e, wait_t *w)
{
    (void)e;
    sync_event_check(HEAP_OF(w, sync_event_t, on_disk));
}

void sync_event_check(sync_event_t *ev)
{
    engine_t *e = ev->sequencer->exchange->vhost->engine;
    outcome_t outcome = ev->outcome == OUTCOME_OPEN ? decide(ev) : OUTCOME_OPEN;
    if (outcome == OUTCOME_OPEN)
        return;
    if (ev->stored > e->durable && outcome != OUTCOME_FAILED && !e->freeing)
        wait_for(e, &ev->on_disk, ev->stored, is_on_disk);
    else
        sync_event_over(ev, outcome);
}

/* ---- its time ---- */

static void set_due(sync_event_t *ev, uint64_t at_ms)
{
    timer_set(ev->sequencer->exchange->vhost->engine, &ev->due, at_ms, time_is_up);
}

/* Nobody says when an entry is gone, so one that expires late is looked at from time to time. */
void sync_event_lingers(sync_event_t *ev)
{
    engine_t *e = ev->sequencer->exchange->vhost->engine;
    sync_places_look(ev);
    if (ev->place_count > 0) {
        set_due(ev, ev->due_ms < e->now_ms + LOOK_EVERY_MS ? ev->due_ms : e->now_ms + LOOK_EVERY_MS);
        return;
    }
    sync_places_release(ev);
    timer_cancel(e, &ev->due);
    sync_keep(ev);
}

static void time_is_up(engine_t *e, wait_t *w)
{
    sync_event_t *ev = HEAP_OF(w, sync_event_t, due);
    if (e->now_ms < ev->due_ms) {
        sync_event_lingers(ev);
        return;
    }
    sync_places_expire(ev);
    if (ev->outcome == OUTCOME_OPEN)
        sync_event_over(ev, decide(ev) == OUTCOME_FAILED ? OUTCOME_FAILED : OUTCOME_TIMEOUT);
    else
        sync_keep(ev);
}

void sync_event_enter(sync_event_t *ev)
{
    ev->window->open++;
    list_append(&ev->window->events, &ev->in_window);
    ev->sequencer->exchange->vhost->engine->counts.events_open++;
    set_due(ev, ev->due_ms);
}

void sync_event_begin(sync_event_t *ev)
{
    sync_event_enter(ev);
    for (uint32_t i = 0; i < ev->count; i++)
        sync_group_owes(&ev->groups[i]);
    sync_event_check(ev);
}

/* ---- groups ---- */

static uint64_t position_of(const list_t *node)
{
    return LIST_OF(node, const sync_group_t, in_queue)->position;
}

/* The one for this entry, looked for from where the last one was: entries are settled, and requeued, about in order. */
sync_group_t *sync_owed(queue_t *q, uint64_t position)
{
    list_t *end = &q->owed, *at = q->owed_near ? q->owed_near : end->next;
    while (at != end && position_of(at) > position)
        at = at->prev;
    if (at == end)
        at = end->next;
    while (at != end && position_of(at) < position)
        at = at->next;
    if (at == end || position_of(at) != position)
        return NULL;
    q->owed_near = at;
    return LIST_OF(at, sync_group_t, in_queue);
}

/* The same from where the last delivery was: what goes out for the first time is behind what is out. */
static sync_group_t *next_owed(queue_t *q, uint64_t position)
{
    list_t *last = q->owed_last;
    if (last && last->next != &q->owed) {
        sync_group_t *g = LIST_OF(last->next, sync_group_t, in_queue);
        if (g->position == position)
            return g;
    }
    return sync_owed(q, position);
}

static void group_settle(sync_group_t *g, group_status_t status)
{
    sync_event_t *ev = g->event;
    engine_t *e = g->queue->vhost->engine;
    assert(g->status == GROUP_PENDING);
    owes_nothing(g);
    g->status = (uint8_t)status;
    g->took_ms = (uint32_t)(e->now_ms - ev->begun_ms);
    ev->ok += status == GROUP_OK;
    ev->failed += status == GROUP_FAILED;
    ev->gone += status == GROUP_GONE;
    sync_record_result(g);
    sync_event_check(ev);
}

bool sync_holds(queue_t *q, uint64_t position, wait_t *w, wait_over_t *over)
{
    engine_t *e = q->vhost->engine;
    const sync_group_t *g = next_owed(q, position);
    if (g == NULL || g->event->release <= e->durable)
        return false;
    wait_for(e, w, g->event->release, over);
    return true;
}

void sync_delivered(queue_t *q, uint64_t position, channel_t *ch, bool no_ack, event_t *ev)
{
    sync_group_t *g = next_owed(q, position);
    if (g == NULL)
        return;
    ev->consumer_count = g->attempts++;
    if (no_ack) { /* it cannot answer */
        group_settle(g, GROUP_GONE);
        return;
    }
    ev->flags |= EVENT_ASKS;
    g->holder = ch->connection;
    q->owed_last = &g->in_queue;
}

settle_how_t sync_settles(sync_group_t *g, settle_how_t how)
{
    if (how != SETTLE_REQUEUE || g->attempts < g->event->sequencer->delivery_limit)
        return how;
    char text[64];
    text_format(text, sizeof text, "delivered %u times", g->attempts);
    sync_group_says_text(g, text);
    return SETTLE_REJECT;
}

void sync_settled(sync_group_t *g, settle_how_t how)
{
    g->holder = NULL;
    if (how == SETTLE_REQUEUE) {
        sync_group_forgets(g); /* a result without its ack counts for nothing */
        g->truncated = false;
        return;
    }
    group_settle(g, how == SETTLE_ACK ? GROUP_OK : GROUP_FAILED);
}

void sync_gone(sync_group_t *g)
{
    group_settle(g, GROUP_GONE);
}

void sync_queue_gone(queue_t *q)
{
    for (list_t *node; (node = list_first(&q->owed));)
        group_settle(LIST_OF(node, sync_group_t, in_queue), GROUP_GONE);
}

void sync_queue_purged(queue_t *q)
{
    list_t all;
    list_init(&all);
    list_splice(&all, &q->owed);
    q->owed_near = NULL;
    for (list_t *node; (node = list_first(&all));) {
        sync_group_t *g = LIST_OF(node, sync_group_t, in_queue);
        list_remove(node);
        list_append(&q->owed, node);
        if (g->holder == NULL)
            group_settle(g, GROUP_GONE);
    }
}
