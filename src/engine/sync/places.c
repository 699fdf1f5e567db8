/* SPDX-License-Identifier: Apache-2.0
 *
 * places.c: where the message of an event that expires is: in each queue the entry that it leaves at its deadline, whether
 * its event is over or not. */
#include "engine/sync/sync_internal.h"

bool sync_place_is_taken(queue_t *q, uint64_t position)
{
    fifo_item_t item;
    uint32_t budget = 1;
    uint64_t from = position;
    return !q->deleted && position < q->fifo.tail && fifo_next(&q->fifo, &from, position + 1, &budget, &item);
}

void sync_places_look(sync_event_t *ev)
{
    size_t left = 0;
    for (size_t i = 0; i < ev->place_count; i++) {
        if (sync_place_is_taken(ev->places[i].queue, ev->places[i].position))
            ev->places[left++] = ev->places[i];
        else
            queue_release(ev->places[i].queue);
    }
    ev->place_count = left;
}

void sync_places_release(sync_event_t *ev)
{
    for (size_t i = 0; i < ev->place_count; i++)
        queue_release(ev->places[i].queue);
    mem_free(ev->places);
    ev->places = NULL;
    ev->place_count = 0;
}

static void pull(const sync_event_t *ev, const sync_place_t *p)
{
    fifo_item_t item;
    queue_t *q = p->queue;
    if (q->deleted || !fifo_pull(&q->fifo, p->position, &item))
        return;
    if (item.stored)
        settled_note(q, p->position, RECORD_EXPIRED);
    if (q->keys)
        keep_expired(q, ev->topic, p->position);
    queue_let_go(q, &item);
}

void sync_places_expire(sync_event_t *ev)
{
    for (size_t i = 0; i < ev->place_count; i++)
        pull(ev, &ev->places[i]);
    sync_places_release(ev);
}
