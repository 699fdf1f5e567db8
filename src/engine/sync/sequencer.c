/* SPDX-License-Identifier: Apache-2.0
 *
 * sequencer.c: numbers and windows. A number is used once, whatever happens: the log says in blocks which are used, and a
 * block is durable before its first number is. After a crash the rest of a block is skipped. */
#include "engine/sync/sync_internal.h"

/* ---- windows ---- */

sync_window_t *sequencer_window(sequencer_t *s, const engine_topic_t *topic)
{
    if (topic && topic->window == 0)
        topic = NULL;
    LIST_EACH (node, &s->windows) {
        sync_window_t *w = LIST_OF(node, sync_window_t, in_sequencer);
        if (w->topic == topic)
            return w;
    }
    sync_window_t *w = MEM_NEW(sync_window_t);
    w->sequencer = s;
    w->topic = topic;
    w->limit = topic ? topic->window : s->window;
    list_init(&w->events);
    list_init(&w->waiting);
    list_init(&w->freed);
    list_append(&s->windows, &w->in_sequencer);
    return w;
}

void window_has_room(sync_window_t *w)
{
    exchange_t *x = w->sequencer->exchange;
    if (list_empty(&w->waiting) || list_linked(&w->freed))
        return;
    x->holds++;
    list_append(&x->vhost->engine->sync_freed, &w->freed);
}

/* With as many as there is room for: each takes what it can and joins the end again. */
static void window_goes_on(sync_window_t *w)
{
    list_t round;
    list_init(&round);
    list_splice(&round, &w->waiting);
    for (list_t *node; w->open < w->limit && (node = list_first(&round));)
        channel_goes_on(LIST_OF(node, channel_t, waiting_link));
    list_splice(&round, &w->waiting);
    list_splice(&w->waiting, &round);
}

void sync_run(engine_t *e)
{
    list_t round;
    list_init(&round);
    list_splice(&round, &e->sync_freed);
    for (list_t *node; (node = list_first(&round));) {
        sync_window_t *w = LIST_OF(node, sync_window_t, freed);
        exchange_t *x = w->sequencer->exchange;
        list_remove(node);
        window_goes_on(w);
        exchange_release(x);
    }
}

/* ---- numbers ---- */

/* Without a log numbers are as long-lived as the exchange. */
static bool is_logged(const sequencer_t *s)
{
    return s->exchange->durable && records_wanted(s->exchange->vhost->engine);
}

static void block_is_durable(engine_t *e, wait_t *w)
{
    (void)e;
    sequencer_t *s = HEAP_OF(w, sequencer_t, on_disk);
    s->safe = s->reserved;
    s->reserving = 0;
    channels_go_on(&s->waiting);
}

static void reserve(sequencer_t *s, uint32_t count)
{
    uint64_t beyond = s->next > s->reserved ? s->next : s->reserved;
    s->reserved = beyond + (count > SEQ_BLOCK ? count : SEQ_BLOCK);
    s->reserving = sync_record_sequence(s);
    wait_for(s->exchange->vhost->engine, &s->on_disk, s->reserving, block_is_durable);
}

bool sequencer_ready(sequencer_t *s, uint32_t count, channel_t *ch, command_t *cmd)
{
    if (!is_logged(s))
        return true;
    if (s->reserving == 0 && s->next + SEQ_BLOCK / 2 + count > s->reserved)
        reserve(s, count);
    if (s->next + count <= s->safe)
        return true;
    channel_wait_in(ch, &s->waiting, cmd);
    return false;
}

void sequencer_finish(const exchange_t *x)
{
    sequencer_t *s = x->sequencer;
    if (s == NULL || !is_logged(s) || s->reserved <= s->next)
        return;
    s->reserved = s->next;
    (void)sync_record_sequence(s);
}

/* ---- views ---- */

void sync_view_rises(sequencer_t *s)
{
    s->view++;
}

/* A queue has few bindings to such exchanges; of very many the first ones are looked at. */
#define BINDINGS_MOST 4096

void sync_view_changed(const queue_t *q)
{
    const sequencer_t *last = NULL;
    size_t left = BINDINGS_MOST;
    LIST_EACH (node, &q->bindings) {
        binding_t *b = LIST_OF(node, binding_t, in_destination);
        sequencer_t *s = b->source->sequencer;
        if (s && s != last)
            sync_view_rises(s);
        last = s ? s : last;
        if (--left == 0)
            return;
    }
}

/* ---- life ---- */

void sequencer_leave(exchange_t *x)
{
    sequencer_t *s = x->sequencer;
    if (s == NULL)
        return;
    list_remove(&s->stated.link);
    while (!list_empty(&s->recovering))
        sync_event_free(LIST_OF(list_first(&s->recovering), sync_event_t, in_finished));
    while (!list_empty(&s->finished))
        sync_event_free(LIST_OF(list_first(&s->finished), sync_event_t, in_finished));
    list_splice(&sequencer_window(s, NULL)->waiting, &s->waiting);
    LIST_EACH (node, &s->windows) {
        sync_window_t *w = LIST_OF(node, sync_window_t, in_sequencer);
        w->limit = UINT32_MAX;
        window_has_room(w);
    }
}

void sequencer_free(sequencer_t **sp)
{
    sequencer_t *s = *sp;
    if (s == NULL)
        return;
    wait_cancel(s->exchange->vhost->engine, &s->on_disk);
    assert(list_empty(&s->waiting));
    for (list_t *node; (node = list_first(&s->windows));) {
        sync_window_t *w = LIST_OF(node, sync_window_t, in_sequencer);
        assert(w->open == 0 && list_empty(&w->waiting));
        list_remove(node);
        mem_free(w);
    }
    hash_deinit(&s->ids);
    hash_deinit(&s->kept);
    mem_free(s);
    *sp = NULL;
}

/* The engine ends, and with it those who waited. */
void sync_deinit(engine_t *e)
{
    sync_run(e);
    for (heap_timer_t *t; (t = heap_first(&e->timers)) != NULL;) /* over, and not expired yet */
        sync_event_free(HEAP_OF(HEAP_OF(t, wait_t, timer), sync_event_t, due));
}
