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

#define FILL_BYTES (4 * 1024 * 1024) /* of zeros, written and synced in one turn */

static size_t ready_count(const helper_side_t *h)
{
    return h->segments.count - h->in_use;
}

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

/* ---- files that are not needed ---- */

void helper_add_spare(helper_side_t *h, const char *name, uint64_t bytes)
{
    h->spares = mem_grow(h->spares, sizeof *h->spares, h->spare_count, &h->spare_capacity, 8);
    spare_t *spare = &h->spares[h->spare_count++];
    *spare = (spare_t){.bytes = bytes};
    memcpy(spare->name, name, strlen(name) + 1);
}

static void drop_first_spare(helper_side_t *h)
{
    assert(h->spare_count > 0);
    h->spare_count--;
    memmove(h->spares, h->spares + 1, h->spare_count * sizeof *h->spares);
}

/* ---- making segments ---- */

/* Said once, until it goes well again. Whether the disk has less than it should is looked at without delay. */
static bool complain(store_t *s, const error_t *err)
{
    helper_side_t *h = &s->helper;
    h->room.look_at_ms = 0;
    if (!h->has_complained && s->options.log)
        log_line(s->options.log, LOG_ERROR, "store: cannot make room for the log: %s", err->text);
    h->has_complained = true;
    return false;
}

static bool hand_over(store_t *s, const segment_t *segment)
{
    helper_side_t *h = &s->helper;
    (void)segment_list_add(&h->segments, segment->name, segment->number, segment->bytes);
    lane_push(s->ready, segment);
    count_add(&s->counters.segments_free, 1);
    h->has_complained = false;
    return true;
}

/* The file may be gone, if a try before failed late: that its name is must be on the disk before the next one goes. */
static int forget_name(store_t *s, int rc, error_t *err)
{
    return rc == DISK_NOT_FOUND ? disk_sync_directory(s->disk, err) : rc;
}

static bool recycle(store_t *s, const spare_t *spare)
{
    error_t err;
    segment_t segment = {0};
    int rc = segment_recycle(&segment, s->disk, spare->name, s->helper.next_number++, &s->log, &err);
    if (forget_name(s, rc, &err) != 0)
        return complain(s, &err);
    drop_first_spare(&s->helper);
    return rc != 0 || hand_over(s, &segment);
}

static bool remove_spare(store_t *s, const spare_t *spare)
{
    error_t err;
    int rc = segment_remove(s->disk, spare->name, &err);
    if (forget_name(s, rc, &err) != 0)
        return complain(s, &err);
    count_take(&s->counters.bytes, spare->bytes);
    drop_first_spare(&s->helper);
    return true;
}

/* One more than needed is kept, so that a log whose segments die as it goes makes no new ones; unless others need the
 * room. */
static bool use_spare(store_t *s)
{
    helper_side_t *h = &s->helper;
    if (h->spare_count == 0)
        return false;
    const spare_t *spare = &h->spares[0];
    size_t most = room_segments_wanted(h, &s->options) + !h->room.is_low;
    bool is_wanted = spare->bytes == s->options.segment_bytes && ready_count(h) < most;
    return is_wanted ? recycle(s, spare) : remove_spare(s, spare);
}

static void abandon(store_t *s)
{
    segment_t *making = &s->helper.making;
    (void)segment_remove(s->disk, making->name, NULL);
    count_take(&s->counters.bytes, making->bytes);
    *making = (segment_t){0};
}

/* False: the disk says that there is no room for one more. One that does not say is tried. */
static bool fits_on_disk(store_t *s, error_t *err)
{
    uint64_t free_bytes, segment_bytes = s->options.segment_bytes, kept_bytes = room_kept_bytes(&s->options);
    if (disk_free_bytes(s->disk, &free_bytes, NULL) != 0 || free_bytes >= segment_bytes + kept_bytes)
        return true;
    error_set(
        err,
        "a segment of %llu octets, and %llu to rewrite others, do not fit on the disk, which has %llu left",
        (unsigned long long)segment_bytes, (unsigned long long)kept_bytes, (unsigned long long)free_bytes);
    return false;
}

/* The log has nowhere to put the mark that would free others. */
static bool needs_small(const store_t *s)
{
    return ready_count(&s->helper) == 0 && flag_is_set(&s->begins_early);
}

static bool begin_making(store_t *s)
{
    error_t err;
    helper_side_t *h = &s->helper;
    bool fits = fits_on_disk(s, &err);
    if (!fits && !needs_small(s))
        return complain(s, &err);
    h->making_bytes = fits ? s->options.segment_bytes : room_kept_bytes(&s->options);
    if (segment_create(&h->making, s->disk, h->next_number++, &err) == 0)
        return true;
    h->making = (segment_t){0};
    return complain(s, &err);
}

static bool go_on_making(store_t *s)
{
    error_t err;
    segment_t *making = &s->helper.making;
    uint64_t begin = making->bytes, left = s->helper.making_bytes - begin;
    int rc = segment_fill(making, begin + (left < FILL_BYTES ? left : FILL_BYTES), &err);
    count_add(&s->counters.bytes, making->bytes - begin);
    if (rc == 0 && making->bytes == s->helper.making_bytes) {
        /* one that was recycled meanwhile is before it */
        uint64_t number =
            making->number + 1 < s->helper.next_number ? s->helper.next_number++ : making->number;
        rc = segment_finish(making, number, &s->log, &err);
        if (rc == 0) {
            (void)hand_over(s, making);
            *making = (segment_t){0};
        }
    }
    if (rc == 0)
        return true;
    abandon(s);
    return complain(s, &err);
}

static bool make_segment(store_t *s)
{
    helper_side_t *h = &s->helper;
    if (h->making.file)
        return go_on_making(s);
    return ready_count(h) < room_segments_wanted(h, &s->options) && begin_making(s);
}

static bool work_for_space(store_t *s)
{
    return helper_drop_segment(s) || use_spare(s) || make_segment(s);
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
    bool is_urgent = ready_count(&s->helper) == 0;
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
    disk_close(&h->making.file);
    rewrite_end(&h->rewrite);
    for (size_t i = 0; i < h->order_count; i++)
        segment_order_free(h->orders[i]);
    mem_free(h->orders);
    segment_list_deinit(&h->segments);
    reads_deinit(&h->reads);
    mem_free(h->spares);
}
