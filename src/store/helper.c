/* SPDX-License-Identifier: Apache-2.0
 *
 * helper.c: what takes long and nobody should wait for: segments ahead of need, dropped ones made new or removed, others
 * rewritten (space.c), records read back.
 *
 * One turn does one piece of work. Space comes first when the log has nothing ahead, then reads; a new segment is filled,
 * and an old one rewritten, in slices between them. */
#include <assert.h>

#include "base/alloc.h"
#include "store/store_internal.h"

/* ---- what the log has to say ---- */

static void begin_segment(store_t *s, const log_news_t *news)
{
    helper_side_t *h = &s->helper;
    assert(h->in_use < h->segments.count);
    listed_segment_t *next = &h->segments.segments[h->in_use];
    next[-1].end = next->from = news->place.first;
    next[-1].bytes = news->bytes;
    next[-1].contents = news->contents;
    h->in_use++;
    ahead_note_begun(s);
    count_add(&s->counters.segments, 1);
    count_take(&s->counters.segments_free, 1);
    helper_tell_segment(s, &next[-1]);
}

/* True if the log has room again to tell more: it may wait for that. */
static bool hear_log(store_t *s)
{
    helper_side_t *h = &s->helper;
    for (const log_news_t *news; (news = lane_peek(s->news)) != NULL; lane_pop(s->news))
        if (news->is_switch)
            begin_segment(s, news);
        else
            record_index_add(&h->segments.segments[h->in_use - 1].index, news->place.first,
                             news->place.offset);
    return lane_release(s->news);
}

static bool work_for_space(store_t *s)
{
    return helper_drop_segment(s) || ahead_use_spare(s) || ahead_make_segment(s);
}

/* ---- reading back ---- */

static bool put_off(store_t *s, const error_t *err)
{
    if (!s->helper.reads_later && s->options.log)
        log_line(s->options.log, LOG_ERROR, "store: cannot read messages back: %s; trying again", err->text);
    s->helper.reads_later = true;
    return false;
}

static bool serve_read(store_t *s, unsigned *wake)
{
    error_t err;
    reads_take(&s->helper.reads, s->journal.reads, s->journal.read);
    if (hear_log(s)) /* what is asked for was written before it was */
        *wake |= STORE_WAKE_LOG;
    read_source_t from = {s->disk, s->log, s->options.read_bytes, s->index_bytes, &s->helper.segments, &err};
    int served = reads_serve(&s->helper.reads, &from, s->journal.read);
    if (served < 0)
        return put_off(s, &err);
    s->helper.reads_later &= served == 0;
    return served > 0;
}

/* ---- the turn ---- */

bool store_helper_turn(store_t *s, unsigned *wake)
{
    bool has_heard = hear_log(s);
    *wake = has_heard || room_log_may_go_on(s) ? STORE_WAKE_LOG : 0;
    if (helper_take_orders(s))
        *wake |= STORE_WAKE_ENGINE;
    bool is_urgent = ahead_ready_count(&s->helper) == 0;
    bool did =
        is_urgent ? work_for_space(s) || serve_read(s, wake) : serve_read(s, wake) || work_for_space(s);
    did = did || helper_rewrite_segment(s);
    if (lane_flush(s->ready))
        *wake |= STORE_WAKE_LOG;
    if (room_look(s))
        *wake |= STORE_WAKE_ENGINE;
    if (room_begin_early(s))
        *wake |= STORE_WAKE_LOG;
    if (lane_flush(s->journal.read))
        *wake |= STORE_WAKE_ENGINE;
    if (lane_flush(s->journal.segments))
        *wake |= STORE_WAKE_ENGINE;
    if (lane_release(s->journal.reads))
        *wake |= STORE_WAKE_ENGINE;
    return did || has_heard;
}

void helper_side_deinit(helper_side_t *h)
{
    disk_close(&h->making.segment.file);
    rewrite_end(&h->rewrite);
    for (size_t i = 0; i < h->order_count; i++)
        segment_order_free(h->orders[i]);
    mem_free(h->orders);
    segment_list_deinit(&h->segments);
    reads_deinit(&h->reads);
    mem_free(h->spares);
}
