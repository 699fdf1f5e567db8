/* SPDX-License-Identifier: Apache-2.0
 *
 * recover.c: events in the log. A sequence is always in it; an event only if its publisher gave it an id, or it expires:
 * one that cannot be asked for again needs no memory. An event's record names its groups that outlive the broker, what a
 * group says is a record, and the report that ends it. Checkpoints say all of them again: an open event with what its groups
 * have said so far. */
#include "engine/sync/sync_internal.h"

static engine_t *engine_of(const sync_event_t *ev)
{
    return ev->sequencer->exchange->vhost->engine;
}

/* ---- to the log ---- */

record_no sync_record_sequence(sequencer_t *s)
{
    exchange_t *x = s->exchange;
    record_t r = {.type = RECORD_SEQUENCE, .name = x->name, .seq = s->reserved, .view = s->view};
    record_no number = records_add(x->vhost->engine, &r, NULL);
    if (number > 0)
        stated_now(x->vhost->engine, &s->stated, STATED_SEQUENCE, number);
    return number;
}

/* One that only expires needs no record if its message is gone after a crash anyway. */
static bool is_logged(const sync_event_t *ev)
{
    return ev->sequencer->exchange->durable && (ev->id.len > 0 || (ev->place_count > 0 && ev->message > 0)) &&
           records_wanted(engine_of(ev));
}

void sync_record_forget(sync_event_t *ev)
{
    list_remove(&ev->in_log.link);
}

static bool in_log(const sync_event_t *ev)
{
    return list_linked(&ev->in_log.link);
}

/* Where the message will not be after a crash, others may be then: no position is said. */
static record_no record_event(sync_event_t *ev)
{
    engine_t *e = engine_of(ev);
    buffer_t groups = {0}, places = {0};
    record_t r = {.type = RECORD_EVENT,
                  .flags = ev->place_count > 0 ? RECORD_EXPIRES : 0,
                  .message = ev->message,
                  .seq = ev->seq,
                  .view = ev->view,
                  .need = ev->need,
                  .time_ms = ev->due_wall_ms,
                  .name = ev->sequencer->exchange->name,
                  .key = ev->topic,
                  .arguments = ev->id};
    for (uint32_t i = 0; i < ev->count; i++)
        if (ev->groups[i].queue && ev->groups[i].queue->id > 0)
            record_list_put(&groups, &r.parts.count, ev->groups[i].queue->id,
                            ev->message > 0 ? ev->groups[i].position : 0);
    for (size_t i = 0; i < ev->place_count && ev->message > 0; i++)
        if (ev->places[i].queue->id > 0)
            record_list_put(&places, &r.list.count, ev->places[i].queue->id, ev->places[i].position);
    r.parts.octets = buffer_bytes(&groups);
    r.list.octets = buffer_bytes(&places);
    record_no number = records_add(e, &r, NULL);
    stated_now(e, &ev->in_log, STATED_EVENT, number);
    buffer_free(&groups);
    buffer_free(&places);
    return number;
}

record_no sync_record_event(sync_event_t *ev)
{
    return is_logged(ev) ? record_event(ev) : 0;
}

/* Of an exchange that is gone nothing is said any more: there may be another one of its name, with the same numbers. */
void sync_record_result(const sync_group_t *g)
{
    const sync_event_t *ev = g->event;
    if (!in_log(ev) || g->queue->id == 0 || ev->sequencer->exchange->deleted ||
        !records_wanted(engine_of(ev)))
        return;
    record_t r = {.type = RECORD_RESULT,
                  .name = ev->sequencer->exchange->name,
                  .seq = ev->seq,
                  .view = ev->view,
                  .queue = g->queue->id,
                  .kind = g->status,
                  .need = g->attempts,
                  .time_ms = g->took_ms,
                  .arguments = g->value};
    (void)records_add(engine_of(ev), &r, NULL);
}

/* What is kept without an id is logged, too. */
void sync_record_report(sync_event_t *ev)
{
    engine_t *e = engine_of(ev);
    list_remove(&ev->stated.link);
    const exchange_t *x = ev->sequencer->exchange;
    if (!x->durable || x->deleted || !records_wanted(e) || ev->report == NULL)
        return;
    record_t r = {.type = RECORD_REPORT,
                  .name = x->name,
                  .seq = ev->seq,
                  .view = ev->view,
                  .kind = ev->outcome,
                  .properties_bytes = ev->report->properties_len,
                  .arguments = ev->id};
    record_no number = records_add(e, &r, ev->report);
    stated_now(e, &ev->stated, STATED_REPORT, number);
}

/* With what its groups have said. Of an exchange that is gone nothing: the event's end is near. */
static size_t state_event(sync_event_t *ev)
{
    if (ev->sequencer->exchange->deleted) {
        sync_record_forget(ev);
        return 1;
    }
    (void)record_event(ev);
    size_t octets = ev->id.len + ev->topic.len + 64 + 16 * (ev->count + ev->place_count);
    for (uint32_t i = 0; i < ev->count; i++) {
        const sync_group_t *g = &ev->groups[i];
        if (g->queue == NULL || g->status == GROUP_PENDING)
            continue;
        sync_record_result(g);
        octets += g->value.len + 32;
    }
    if (ev->outcome != OUTCOME_OPEN)
        sync_record_report(ev);
    return octets;
}

size_t sync_state(engine_t *e, stated_kind_t kind, stated_t *s)
{
    (void)e;
    if (kind == STATED_SEQUENCE) {
        (void)sync_record_sequence(LIST_OF(s, sequencer_t, stated));
        return 32;
    }
    if (kind == STATED_EVENT)
        return state_event(LIST_OF(s, sync_event_t, in_log));
    sync_event_t *ev = LIST_OF(s, sync_event_t, stated);
    sync_record_report(ev);
    return ev->id.len + (size_t)ev->report->body_len + 64;
}

/* ---- and back ---- */

static sequencer_t *sequencer_of(engine_t *e, const record_t *r)
{
    exchange_t *x = exchange_find(e->vhost, r->name);
    return x ? x->sequencer : NULL;
}

static void apply_sequence(sequencer_t *s, record_no number, const record_t *r)
{
    s->next = s->reserved = s->safe = r->seq;
    s->view = r->view;
    stated_now(s->exchange->vhost->engine, &s->stated, STATED_SEQUENCE, number);
}

/* Among those whose end is not known yet, which are in the order of their numbers: the last ones are meant. */
static sync_event_t *find_recovering(const sequencer_t *s, uint64_t seq)
{
    for (list_t *node = s->recovering.prev; node != &s->recovering; node = node->prev) {
        sync_event_t *ev = LIST_OF(node, sync_event_t, in_finished);
        if (ev->seq <= seq)
            return ev->seq == seq ? ev : NULL;
    }
    return NULL;
}

static void apply_groups(sync_event_t *ev, const record_t *r)
{
    engine_t *e = engine_of(ev);
    bytes_reader_t in = bytes_reader(r->parts.octets);
    for (uint64_t id, position; record_list_next(&in, &id, &position) && ev->count < r->parts.count;)
        sync_group_init(ev, &ev->groups[ev->count++], queue_of_record(e, id), position);
    ev->places = mem_alloc(r->list.count * sizeof *ev->places);
    in = bytes_reader(r->list.octets);
    for (uint64_t id, position; record_list_next(&in, &id, &position) && ev->place_count < r->list.count;) {
        queue_t *q = queue_of_record(e, id);
        q->holds++;
        ev->places[ev->place_count++] = (sync_place_t){q, position};
    }
}

/* An id that was forgotten before it was used again may be remembered here. */
static void forget_older(const sequencer_t *s, const record_t *r)
{
    sync_event_t *ev = sync_find(s, r->arguments);
    if (ev && ev->seq < r->seq)
        sync_event_free(ev);
}

/* In the order of their numbers: a checkpoint says older ones after newer ones. */
static void add_recovering(sequencer_t *s, sync_event_t *ev)
{
    list_t *at = &s->recovering;
    while (at->prev != &s->recovering && LIST_OF(at->prev, sync_event_t, in_finished)->seq > ev->seq)
        at = at->prev;
    list_insert_before(at, &ev->in_finished);
}

/* One that was over already, and whose message expires later, is said again with its report behind it. */
static void apply_event(sequencer_t *s, record_no number, const record_t *r)
{
    forget_older(s, r);
    sync_event_t *over = r->list.count > 0 ? sync_find_kept(s, r->seq) : NULL;
    if (over)
        sync_event_free(over);
    if (find_recovering(s, r->seq) || sync_find(s, r->arguments)) /* said again */
        return;
    sync_event_t *ev = sync_event_new(s, sequencer_window(s, NULL), r->parts.count, r->key, r->arguments);
    ev->seq = r->seq;
    ev->view = r->view;
    ev->need = (uint32_t)r->need;
    ev->message = r->message;
    ev->due_wall_ms = r->time_ms;
    apply_groups(ev, r);
    stated_now(engine_of(ev), &ev->in_log, STATED_EVENT, number);
    add_recovering(s, ev);
}

static void apply_result(sequencer_t *s, const record_t *r)
{
    sync_event_t *ev = find_recovering(s, r->seq);
    for (uint32_t i = 0; ev && i < ev->count; i++) {
        sync_group_t *g = &ev->groups[i];
        if (g->queue->id != r->queue || r->kind > GROUP_GONE)
            continue;
        sync_group_set_value(g, r->arguments);
        g->status = r->kind;
        g->attempts = (uint32_t)r->need;
        g->took_ms = (uint32_t)r->time_ms;
    }
}

/* Its record said where it is, if it expires later. */
static sync_event_t *event_of_report(sequencer_t *s, const record_t *r)
{
    sync_event_t *ev = find_recovering(s, r->seq);
    if (ev && ev->place_count > 0)
        return ev;
    if (ev)
        sync_event_free(ev);
    forget_older(s, r);
    ev = sync_event_new(s, sequencer_window(s, NULL), 0, BYTES(""), r->arguments);
    ev->seq = r->seq;
    ev->view = r->view;
    return ev;
}

static void apply_report(sequencer_t *s, record_no number, const record_t *r, bytes_t content)
{
    engine_t *e = s->exchange->vhost->engine;
    sync_event_t *ev = find_recovering(s, r->seq);
    if (ev == NULL)
        ev = sync_find_kept(s, r->seq);
    if (ev && ev->outcome != OUTCOME_OPEN) { /* said again */
        stated_now(e, &ev->stated, STATED_REPORT, number);
        return;
    }
    if (r->properties_bytes > content.len || r->kind == OUTCOME_OPEN || r->kind > OUTCOME_NONE)
        return;
    ev = event_of_report(s, r);
    ev->outcome = r->kind;
    ev->is_brief = true; /* its groups are not known any more */
    bytes_t body = bytes_make(content.data + r->properties_bytes, content.len - r->properties_bytes);
    ev->report = message_new_whole(BYTES(""), BYTES(""), bytes_make(content.data, r->properties_bytes), body);
    message_adopt(e, ev->report);
    stated_now(e, &ev->stated, STATED_REPORT, number);
    if (ev->place_count == 0)
        sync_keep(ev);
}

void sync_apply(engine_t *e, record_no number, const record_t *r, bytes_t content, bool damaged)
{
    sequencer_t *s = sequencer_of(e, r);
    if (s == NULL || damaged)
        return;
    if (r->type == RECORD_SEQUENCE)
        apply_sequence(s, number, r);
    else if (r->type == RECORD_EVENT)
        apply_event(s, number, r);
    else if (r->type == RECORD_RESULT)
        apply_result(s, r);
    else
        apply_report(s, number, r, content);
}

/* ---- the state is whole ---- */

/* A group that has not settled still owes, if its queue is there and has the entry; else nobody will answer. */
static void recover_group(sync_event_t *ev, sync_group_t *g)
{
    if (g->status == GROUP_PENDING && (!g->queue->durable || !sync_place_is_taken(g->queue, g->position)))
        g->status = GROUP_GONE;
    ev->ok += g->status == GROUP_OK;
    ev->failed += g->status == GROUP_FAILED;
    ev->gone += g->status == GROUP_GONE;
    if (g->status == GROUP_PENDING)
        sync_group_owes(g);
}

static void recover_event(engine_t *e, sync_event_t *ev)
{
    list_remove(&ev->in_finished);
    ev->begun_ms = e->now_ms;
    ev->due_ms = e->now_ms + (ev->due_wall_ms > e->wall_ms ? ev->due_wall_ms - e->wall_ms : 0);
    sync_places_look(ev);
    if (ev->outcome != OUTCOME_OPEN) {
        sync_event_lingers(ev);
        return;
    }
    sync_event_enter(ev);
    for (uint32_t i = 0; i < ev->count; i++)
        recover_group(ev, &ev->groups[i]);
    sync_event_check(ev);
}

/* With the first step, which knows the time. */
void sync_recovered(engine_t *e)
{
    e->sync_recovered = true;
    for (hash_node_t *n = hash_next(&e->vhost->exchanges, NULL); n; n = hash_next(&e->vhost->exchanges, n)) {
        sequencer_t *s = HASH_OF(n, exchange_t, node)->sequencer;
        for (list_t *node; s && (node = list_first(&s->recovering));)
            recover_event(e, LIST_OF(node, sync_event_t, in_finished));
    }
}
