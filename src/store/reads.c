/* SPDX-License-Identifier: Apache-2.0 */
#include "store/reads.h"

#define ITEMS_OF_A_TURN 256

static read_request_t *request_of(heap_timer_t *t)
{
    return t ? HEAP_OF(t, read_request_t, turn) : NULL;
}

/* With the record that is next, in this pass if that has not come to it. */
static void enqueue(reads_t *r, read_request_t *request)
{
    record_no next = request->items[request->served].record;
    heap_cancel(&r->now, &request->turn);
    heap_set(next >= r->at ? &r->now : &r->later, &request->turn, next);
}

static read_request_t *next_request(reads_t *r)
{
    if (heap_first(&r->now) == NULL) {
        timer_heap_t empty = r->now;
        r->now = r->later;
        r->later = empty;
        r->at = 0;
    }
    return request_of(heap_first(&r->now));
}

void reads_take(reads_t *r, lane_t *lane, lane_t *back)
{
    for (read_request_t *const *item; (item = lane_peek(lane)) != NULL; lane_pop(lane)) {
        read_request_t *request = *item;
        request->served = 0;
        request->bytes = 0;
        request->turn = (heap_timer_t){0};
        if (request->count > 0)
            enqueue(r, request);
        else
            lane_push(back, &request);
    }
}

int reads_serve(reads_t *r, const read_source_t *from, lane_t *back)
{
    read_request_t *request;
    int served = 0;
    for (int left = ITEMS_OF_A_TURN; left > 0 && (request = next_request(r)) != NULL; left--) {
        read_item_t *item = &request->items[request->served];
        if (!read_back_item(&r->reader, from, item))
            return -1;
        r->at = item->record;
        served = 1;
        if (!read_request_served(request)) {
            enqueue(r, request);
            continue;
        }
        heap_cancel(&r->now, &request->turn);
        lane_push(back, &request);
    }
    return served;
}

static void free_all(timer_heap_t *h)
{
    for (read_request_t *request; (request = request_of(heap_first(h))) != NULL;) {
        heap_cancel(h, &request->turn);
        read_request_free(request);
    }
    heap_deinit(h);
}

void reads_deinit(reads_t *r)
{
    free_all(&r->now);
    free_all(&r->later);
    read_back_deinit(&r->reader);
}
