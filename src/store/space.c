/* SPDX-License-Identifier: Apache-2.0
 *
 * space.c: segments that are complete are told to the engine, which knows what in them is needed, and orders it to be so.
 *
 * An order waits until an opening would not read the segment any more: until the first frame of the segment that the log
 * has begun last, which is synced then, claims to be read from behind it. Segments may go in any order: all below that is
 * found by its number, or is not there. While the disk is short the log may begin its next segment early for them (room.c). */
#include <assert.h>

#include "base/alloc.h"
#include "store/store_internal.h"

/* ---- telling ---- */

static void tell(store_t *s, const listed_segment_t *l, uint64_t bytes)
{
    segment_news_t news = {l->number, l->from, l->end, bytes, l->contents};
    lane_push(s->journal.segments, &news);
}

void helper_tell_segment(store_t *s, const listed_segment_t *segment)
{
    tell(s, segment, segment->bytes);
}

void helper_tell_segments(store_t *s)
{
    const helper_side_t *h = &s->helper;
    for (size_t i = 0; i + 1 < h->in_use; i++)
        helper_tell_segment(s, &h->segments.segments[i]);
    (void)lane_flush(s->journal.segments);
}

/* ---- orders that wait ---- */

/* It takes the place of one that was given before. */
static void add_order(helper_side_t *h, segment_order_t *order)
{
    for (size_t i = 0; i < h->order_count; i++)
        if (h->orders[i]->segment == order->segment) {
            segment_order_free(h->orders[i]);
            h->orders[i] = order;
            return;
        }
    h->orders = mem_grow(h->orders, sizeof *h->orders, h->order_count, &h->order_capacity, 8);
    h->orders[h->order_count++] = order;
}

bool helper_take_orders(store_t *s)
{
    helper_side_t *h = &s->helper;
    for (segment_order_t *const *item; (item = lane_peek(s->journal.orders)) != NULL;
         lane_pop(s->journal.orders)) {
        size_t index = segment_list_find(&h->segments, (*item)->segment);
        assert(index == SIZE_MAX || index + 1 < h->in_use);
        add_order(h, *item);
    }
    return lane_release(s->journal.orders);
}

static const segment_order_t *order_of(const helper_side_t *h, uint64_t segment)
{
    for (size_t i = 0; i < h->order_count; i++)
        if (h->orders[i]->segment == segment)
            return h->orders[i];
    return NULL;
}

/* Segments are ordered to be rewritten one after the other. So if one is, the others that could be then are taken for
 * sparse as well: half of them. As that is a guess, a whole segment is given for twice as much only. */
uint64_t helper_bytes_to_win(const store_t *s)
{
    const helper_side_t *h = &s->helper;
    record_no anchor = atomic_load(&s->anchor), next = atomic_load(&s->replay_from);
    uint64_t dead_bytes = 0, other_bytes = 0;
    bool is_rewriting = false;
    for (size_t i = 0; i + 1 < h->in_use; i++) {
        const listed_segment_t *l = &h->segments.segments[i];
        if (l->end <= anchor || l->end > next)
            continue;
        const segment_order_t *order = order_of(h, l->number);
        is_rewriting |= order && order->keep_count > 0;
        if (order && order->keep_count == 0)
            dead_bytes += l->bytes;
        else
            other_bytes += l->bytes;
    }
    uint64_t sparse_bytes = is_rewriting ? other_bytes / 2 : 0;
    bool is_guess = dead_bytes < s->options.segment_bytes && h->segments.count > h->in_use;
    return is_guess ? (dead_bytes + sparse_bytes) / 2 : dead_bytes + sparse_bytes;
}

/* The oldest that may be carried out, out of the list; or NULL. *index is SIZE_MAX if its segment is gone. */
static segment_order_t *take_order(store_t *s, bool rewrite, size_t *index)
{
    helper_side_t *h = &s->helper;
    record_no anchor = atomic_load(&s->anchor);
    for (size_t i = 0; i < h->order_count; i++) {
        segment_order_t *order = h->orders[i];
        *index = segment_list_find(&h->segments, order->segment);
        bool is_now = *index == SIZE_MAX || h->segments.segments[*index].end <= anchor;
        if (!is_now || (order->keep_count > 0) != rewrite)
            continue;
        h->order_count--;
        memmove(h->orders + i, h->orders + i + 1, (h->order_count - i) * sizeof *h->orders);
        return order;
    }
    return NULL;
}

/* ---- dropping ---- */

static void drop(store_t *s, size_t index)
{
    helper_side_t *h = &s->helper;
    const listed_segment_t *l = &h->segments.segments[index];
    if (h->rewrite.order && h->rewrite.order->segment == l->number)
        rewrite_end(&h->rewrite);
    read_back_leave(&h->reads.reader, l->number);
    ahead_add_spare(h, l->name, l->bytes);
    tell(s, l, 0);
    segment_list_remove(&h->segments, index);
    h->in_use--;
    count_take(&s->counters.segments, 1);
    count_add(&s->counters.segments_dropped, 1);
}

/* As who gave the order will hear, or has heard. */
static void tell_gone(store_t *s, const segment_order_t *order)
{
    lane_push(s->journal.segments, &(segment_news_t){.segment = order->segment});
}

bool helper_drop_segment(store_t *s)
{
    size_t index;
    segment_order_t *order = take_order(s, false, &index);
    if (!order)
        return false;
    if (index != SIZE_MAX)
        drop(s, index);
    else
        tell_gone(s, order);
    segment_order_free(order);
    return true;
}

/* ---- rewriting ---- */

/* Keeps to the rate: not before what was done just now is due. */
static void pace(store_t *s, uint64_t now, uint64_t worked)
{
    if (now != UINT64_MAX)
        s->helper.rewrite_at_ms = now + worked * 1000 / s->options.rewrite_bytes_per_second;
}

static void begin_rewriting(store_t *s, const listed_segment_t *l, segment_order_t *order)
{
    rewrite_job_t job = {.disk = s->disk,
                         .log = s->log,
                         .segment = l->number,
                         .bytes = l->bytes,
                         .from = l->from,
                         .end = l->end,
                         .replay_from = atomic_load(&s->anchor),
                         .incarnation = s->incarnation,
                         .frame_bytes = s->options.frame_bytes,
                         .read_bytes = s->options.read_bytes,
                         .index_bytes = s->index_bytes};
    rewrite_begin(&s->helper.rewrite, &job, order);
}

/* The copy is what there is now. */
static void take_copy(store_t *s, listed_segment_t *l)
{
    helper_side_t *h = &s->helper;
    rewrite_t *w = &h->rewrite;
    read_back_leave(&h->reads.reader, l->number);
    count_take(&s->counters.bytes, l->bytes);
    count_add(&s->counters.bytes, w->copy.bytes);
    count_add(&s->counters.rewritten_bytes, w->copy.bytes);
    l->bytes = w->copy.bytes;
    l->contents = w->contents;
    record_index_deinit(&l->index);
    l->index = w->index;
    w->index = (record_index_t){0};
    h->has_failed_rewriting = false;
}

static void complain(store_t *s, const error_t *err)
{
    helper_side_t *h = &s->helper;
    if (!h->has_failed_rewriting && s->options.log)
        log_line(s->options.log, LOG_ERROR,
                 "store: cannot rewrite a segment of the log: %s; it stays as it is, and takes more room "
                 "than is needed",
                 err->text);
    h->has_failed_rewriting = true;
}

static void go_on_rewriting(store_t *s, uint64_t now)
{
    helper_side_t *h = &s->helper;
    error_t err;
    uint64_t worked;
    rewrite_state_t state = rewrite_turn(&h->rewrite, s->options.read_bytes, &worked, &err);
    pace(s, now, worked);
    if (state == REWRITE_MORE)
        return;
    listed_segment_t *l = &h->segments.segments[segment_list_find(&h->segments, h->rewrite.job.segment)];
    if (state == REWRITE_DONE)
        take_copy(s, l);
    else if (state == REWRITE_FAILED)
        complain(s, &err);
    rewrite_end(&h->rewrite);
    helper_tell_segment(s, l);
}

/* Its segment is gone, or rewriting is off: all stays as it is. */
static void refuse_rewriting(store_t *s, segment_order_t *order, size_t index)
{
    if (index == SIZE_MAX)
        tell_gone(s, order);
    else
        helper_tell_segment(s, &s->helper.segments.segments[index]);
    segment_order_free(order);
}

bool helper_rewrite_segment(store_t *s)
{
    helper_side_t *h = &s->helper;
    uint64_t now = store_now_ms(s);
    if (now < h->rewrite_at_ms)
        return false;
    if (!h->rewrite.order) {
        size_t index;
        segment_order_t *order = take_order(s, true, &index);
        if (!order)
            return false;
        if (index == SIZE_MAX || s->options.rewrite_bytes_per_second == 0) {
            refuse_rewriting(s, order, index);
            return true;
        }
        begin_rewriting(s, &h->segments.segments[index], order);
    }
    go_on_rewriting(s, now);
    return true;
}

uint32_t store_helper_wait_ms(const store_t *s)
{
    const helper_side_t *h = &s->helper;
    uint64_t now = store_now_ms(s), left = room_wait_ms(s);
    bool waits = (h->rewrite.order || h->order_count > 0) && now < h->rewrite_at_ms;
    if (waits && h->rewrite_at_ms - now < left)
        left = h->rewrite_at_ms - now;
    return ahead_wait_ms(s, (uint32_t)left);
}
