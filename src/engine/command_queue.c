/* SPDX-License-Identifier: Apache-2.0
 *
 * command_queue.c: commands of one channel that wait, in order. Bounded by connection_check_reading: past the
 * limits the connection's socket is no longer read. */
#include "engine/command_queue.h"
#include "base/alloc.h"

static void make_room(command_queue_t *q)
{
    q->items = mem_grow_circle(q->items, sizeof *q->items, q->length, &q->capacity, &q->head, 8);
}

void command_queue_push_front(command_queue_t *q, const command_t *c)
{
    make_room(q);
    q->head = (q->head - 1) & (q->capacity - 1);
    q->items[q->head] = *c;
    q->length++;
    q->ends += command_ends_tx(c);
}

void command_queue_push(command_queue_t *q, const command_t *c)
{
    make_room(q);
    q->items[(q->head + q->length++) & (q->capacity - 1)] = *c;
    q->ends += command_ends_tx(c);
}

const command_t *command_queue_first(const command_queue_t *q)
{
    return q->length > 0 ? &q->items[q->head] : NULL;
}

const command_t *command_queue_last(const command_queue_t *q)
{
    return q->length > 0 ? &q->items[(q->head + q->length - 1) & (q->capacity - 1)] : NULL;
}

bool command_queue_pop(command_queue_t *q, command_t *out)
{
    if (q->length == 0)
        return false;
    *out = q->items[q->head];
    q->head = (q->head + 1) & (q->capacity - 1);
    q->ends -= command_ends_tx(out);
    if (--q->length == 0)
        command_queue_deinit(q);
    return true;
}

void command_queue_filter(command_queue_t *q, command_taker_t *take, void *context)
{
    size_t kept = 0, mask = q->capacity - 1;
    for (size_t i = 0; i < q->length; i++) {
        command_t *c = &q->items[(q->head + i) & mask];
        if (!take(context, c))
            q->items[(q->head + kept++) & mask] = *c;
    }
    q->length = kept;
    if (kept == 0)
        command_queue_deinit(q);
}

void command_queue_deinit(command_queue_t *q)
{
    for (size_t i = 0; i < q->length; i++)
        command_discard(&q->items[(q->head + i) & (q->capacity - 1)]);
    mem_free(q->items);
    *q = (command_queue_t){0};
}
