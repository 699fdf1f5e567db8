/* SPDX-License-Identifier: Apache-2.0
 *
 * kept.c: events that are over: with an id so that who sends again gets the same report, as many as the exchange's
 * x-dedup; without one as many as its x-keep-results asks for. Both in one list, oldest first. */
#include "engine/sync/sync_internal.h"

bytes_t sync_id_of(const hash_node_t *node)
{
    return HASH_OF(node, const sync_event_t, by_id)->id;
}

bytes_t sync_seq_of(const hash_node_t *node)
{
    const sync_event_t *ev = HASH_OF(node, const sync_event_t, by_seq);
    return bytes_make(&ev->seq, sizeof ev->seq);
}

sync_event_t *sync_find_kept(const sequencer_t *s, uint64_t seq)
{
    hash_node_t *node = hash_find(&s->kept, bytes_make(&seq, sizeof seq));
    return node ? HASH_OF(node, sync_event_t, by_seq) : NULL;
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
    if (s->whole == &ev->in_finished)
        s->whole = ev->in_finished.next;
    list_remove(&ev->in_finished); /* or of those that are recovering */
    if (!ev->kept)
        return;
    hash_remove(&s->kept, &ev->by_seq);
    s->finished_count--;
    s->nameless_count -= list_linked(&ev->in_nameless);
    list_remove(&ev->in_nameless);
    s->finished_bytes -= report_bytes(ev);
}

/* Its handlers' words go, the rest stays. */
static void shorten(sync_event_t *ev)
{
    engine_t *e = ev->sequencer->exchange->vhost->engine;
    ev->sequencer->finished_bytes -= report_bytes(ev);
    message_unref(e, ev->report);
    ev->report = sync_report(ev, true);
    ev->is_brief = true;
    message_adopt(e, ev->report);
    ev->sequencer->finished_bytes += report_bytes(ev);
}

/* Those before `whole` are short already. */
static void shorten_oldest(sequencer_t *s)
{
    for (; s->whole != &s->finished && s->finished_bytes > SYNC_REPORTS_BYTES; s->whole = s->whole->next) {
        sync_event_t *ev = LIST_OF(s->whole, sync_event_t, in_finished);
        if (ev->report && !ev->is_brief)
            shorten(ev);
    }
}

static void keep_no_more_than_asked(sequencer_t *s)
{
    while (s->nameless_count > s->keep_results)
        sync_event_free(LIST_OF(list_first(&s->nameless), sync_event_t, in_nameless));
    for (list_t *node = s->finished.next, *next; s->finished_count - s->nameless_count > s->dedup;
         node = next) {
        sync_event_t *ev = LIST_OF(node, sync_event_t, in_finished);
        next = node->next;
        if (ev->id.len > 0)
            sync_event_free(ev);
    }
    shorten_oldest(s);
}

void sync_keep(sync_event_t *ev)
{
    sequencer_t *s = ev->sequencer;
    bool wanted = ev->id.len > 0 || s->keep_results > 0;
    if (!wanted || s->exchange->deleted) {
        sync_event_free(ev);
        return;
    }
    sync_record_forget(ev);
    ev->kept = true;
    hash_insert(&s->kept, &ev->by_seq);
    if (ev->held) { /* the list is the exchange's own */
        ev->held = false;
        s->exchange->holds--;
    }
    list_append(&s->finished, &ev->in_finished);
    if (s->whole == &s->finished)
        s->whole = &ev->in_finished;
    s->finished_count++;
    s->finished_bytes += report_bytes(ev);
    if (ev->id.len == 0) {
        list_append(&s->nameless, &ev->in_nameless);
        s->nameless_count++;
    }
    keep_no_more_than_asked(s);
}

/* ---- for who looks ---- */

/* More is not copied in one step. */
#define LISTED_MOST_REPORTS 1000
#define LISTED_MOST_BYTES   (2u << 20)

static void list_kept_of(const sequencer_t *s, query_t *q)
{
    size_t bytes = 0, count = 0;
    list_t *first = s->finished.prev;
    for (; first != &s->finished && count < LISTED_MOST_REPORTS && bytes < LISTED_MOST_BYTES;
         first = first->prev) {
        bytes += report_bytes(LIST_OF(first, sync_event_t, in_finished));
        count++;
    }
    for (list_t *node = first->next; node != &s->finished; node = node->next)
        query_add_event(q, s->exchange->name, message_body(LIST_OF(node, sync_event_t, in_finished)->report));
}

void sync_list_kept(const engine_t *e, query_t *q)
{
    for (hash_node_t *n = hash_next(&e->vhost->exchanges, NULL); n; n = hash_next(&e->vhost->exchanges, n)) {
        const sequencer_t *s = HASH_OF(n, exchange_t, node)->sequencer;
        if (s && q->octets.len < LISTED_MOST_BYTES)
            list_kept_of(s, q);
    }
}
