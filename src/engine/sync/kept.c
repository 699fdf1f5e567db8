/* SPDX-License-Identifier: Apache-2.0
 *
 * kept.c: events that are over: with an id so that who sends again gets the same report, as many as the exchange's
 * x-dedup; without one as many as its x-keep-results asks for. Both in one list, oldest first. */
#include "engine/sync/sync_internal.h"

bytes_t sync_id_of(const hash_node_t *node)
{
    return HASH_OF(node, const sync_event_t, by_id)->id;
}

sync_event_t *sync_find(const sequencer_t *s, bytes_t id)
{
    hash_node_t *node = id.len > 0 ? hash_find(&s->ids, id) : NULL;
    return node ? HASH_OF(node, sync_event_t, by_id) : NULL;
}

static size_t report_bytes(const sync_event_t *ev)
{
    return ev->report ? message_bytes(ev->report) : 0;
}

void sync_unkeep(sync_event_t *ev)
{
    sequencer_t *s = ev->sequencer;
    if (ev->id.len > 0)
        hash_remove(&s->ids, &ev->by_id);
    if (!list_linked(&ev->in_finished))
        return;
    list_remove(&ev->in_finished);
    if (ev->outcome == OUTCOME_OPEN)
        return; /* it was recovering */
    s->finished_count--;
    s->finished_bytes -= report_bytes(ev);
}

/* Its handlers' words go, the rest stays. */
static void shorten(sync_event_t *ev)
{
    engine_t *e = ev->sequencer->exchange->vhost->engine;
    ev->sequencer->finished_bytes -= report_bytes(ev);
    message_unref(e, ev->report);
    ev->report = sync_report(ev, true);
    message_adopt(e, ev->report);
    ev->sequencer->finished_bytes += report_bytes(ev);
}

static void shorten_oldest(sequencer_t *s)
{
    LIST_EACH (node, &s->finished) {
        sync_event_t *ev = LIST_OF(node, sync_event_t, in_finished);
        if (s->finished_bytes <= SYNC_REPORTS_BYTES)
            return;
        if (ev->report && !ev->is_brief) {
            shorten(ev);
            ev->is_brief = true;
        }
    }
}

void sync_keep(sync_event_t *ev)
{
    sequencer_t *s = ev->sequencer;
    size_t most = s->dedup > s->keep_results ? s->dedup : s->keep_results;
    if (ev->place_count > 0)
        return; /* until it has left its queues */
    bool kept = ev->id.len > 0 || s->keep_results > 0;
    if (!kept || s->exchange->deleted || most == 0) {
        sync_event_free(ev);
        return;
    }
    if (list_linked(&ev->in_finished))
        return;
    if (ev->held) { /* the list is the exchange's own */
        ev->held = false;
        s->exchange->holds--;
    }
    list_append(&s->finished, &ev->in_finished);
    s->finished_count++;
    s->finished_bytes += report_bytes(ev);
    while (s->finished_count > most)
        sync_event_free(LIST_OF(list_first(&s->finished), sync_event_t, in_finished));
    shorten_oldest(s);
}
