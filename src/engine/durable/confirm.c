/* SPDX-License-Identifier: Apache-2.0
 *
 * confirm.c: publisher confirms. Publishes of a channel are done in order, so one number says which are; and records
 * become durable in order, so "safe up to this publish when that record is durable" is a short list, one entry for the
 * publishes of a step. */
#include "engine/engine_internal.h"

static confirm_mark_t *mark_at(const confirm_marks_t *l, size_t i)
{
    return &l->items[(l->head + i) & (l->capacity - 1)];
}

static void marks_push(confirm_marks_t *l, confirm_mark_t mark)
{
    l->items = mem_grow_circle(l->items, sizeof *l->items, l->length, &l->capacity, &l->head, 4);
    *mark_at(l, l->length++) = mark;
}

static void marks_pop(confirm_marks_t *l)
{
    l->head = (l->head + 1) & (l->capacity - 1);
    if (--l->length == 0) { /* an idle channel holds no memory for them */
        mem_free(l->items);
        *l = (confirm_marks_t){0};
    }
}

static void mark_to_confirm(channel_t *ch)
{
    if (!list_linked(&ch->confirming))
        list_append(&ch->connection->engine->confirming, &ch->confirming);
}

static void records_are_durable(engine_t *e, wait_t *w)
{
    channel_t *ch = HEAP_OF(w, channel_t, confirm_wait);
    confirm_marks_t *l = &ch->confirm_marks;
    while (l->length > 0 && mark_at(l, 0)->record <= e->durable) {
        ch->publishes_safe = mark_at(l, 0)->publishes;
        marks_pop(l);
    }
    if (l->length > 0)
        wait_for(e, w, mark_at(l, 0)->record, records_are_durable);
    mark_to_confirm(ch);
}

void confirm_done(channel_t *ch, record_no record)
{
    engine_t *e = ch->connection->engine;
    confirm_marks_t *l = &ch->confirm_marks;
    if (!ch->confirms)
        return;
    ch->publishes_done++;
    if (l->length == 0 && record <= e->durable) {
        ch->publishes_safe = ch->publishes_done;
        mark_to_confirm(ch);
        return;
    }
    confirm_mark_t *last = l->length > 0 ? mark_at(l, l->length - 1) : NULL;
    bool same_batch = last && e->batch && last->record >= e->batch->first && l->length > 1;
    if (last && (record <= last->record || same_batch)) {
        last->publishes = ch->publishes_done;
        last->record = record > last->record ? record : last->record;
    } else {
        marks_push(l, (confirm_mark_t){ch->publishes_done, record});
        if (l->length == 1)
            wait_for(e, &ch->confirm_wait, record, records_are_durable);
    }
}

/* None that waits for an event is passed. */
void confirm_flush(channel_t *ch)
{
    uint64_t held = sync_first_held(ch);
    uint64_t through = held > 0 && held <= ch->publishes_safe ? held - 1 : ch->publishes_safe;
    list_remove(&ch->confirming);
    if (through <= ch->publishes_confirmed)
        return;
    uint64_t fresh = through - ch->publishes_confirmed;
    uint64_t again = ch->confirmed_alone < fresh ? ch->confirmed_alone : fresh;
    bool multiple = fresh > 1 || through <= ch->last_alone;
    ch->publishes_confirmed = through;
    ch->confirmed_alone -= again;
    ch->connection->engine->counts.confirmed += fresh - again;
    emit_channel(
        ch,
        &(event_t){.type = EVENT_CONFIRM, .delivery_tag = through, .flags = multiple ? EVENT_MULTIPLE : 0});
}

static void confirm_alone(channel_t *ch, uint64_t publish, bool positive)
{
    ch->connection->engine->counts.confirmed += positive;
    emit_channel(
        ch,
        &(event_t){.type = EVENT_CONFIRM, .delivery_tag = publish, .flags = positive ? 0 : EVENT_NEGATIVE});
    if (publish == ch->publishes_confirmed + 1) {
        ch->publishes_confirmed = publish;
        return;
    }
    ch->confirmed_alone++;
    if (publish > ch->last_alone)
        ch->last_alone = publish;
}

/* The first one goes with others, unless it is a no; one behind others that still wait goes alone. A later `multiple` passes
 * it, which changes nothing for who has taken it off his list: it means those that are still on it. */
void confirm_decided(channel_t *ch, uint64_t publish, bool positive, bool first)
{
    if (first && !positive)
        confirm_flush(ch);
    if (!first || !positive)
        confirm_alone(ch, publish, positive);
    if (first)
        mark_to_confirm(ch);
}

/* At the end of a step: one event a channel, however many publishes it had; those without room wait and grow. */
void confirms_run(engine_t *e)
{
    LIST_EACH (node, &e->confirming) {
        channel_t *ch = LIST_OF(node, channel_t, confirming);
        connection_t *c = ch->connection;
        if (c->state != CONNECTION_OPEN)
            list_remove(node);
        else if (lane_room(c->port->port->events) > 0)
            confirm_flush(ch);
    }
}

void confirms_drop(channel_t *ch)
{
    sync_forget_channel(ch);
    wait_cancel(ch->connection->engine, &ch->confirm_wait);
    mem_free(ch->confirm_marks.items);
    ch->confirm_marks = (confirm_marks_t){0};
}

void on_confirm_select(channel_t *ch, command_t *cmd)
{
    if (ch->tx) {
        channel_refuse(ch, cmd->cause, REFUSAL_PRECONDITION_FAILED, "cannot switch from tx to confirm mode");
        return;
    }
    ch->confirms = true;
    emit_ok(ch, cmd);
}
