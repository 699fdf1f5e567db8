/* SPDX-License-Identifier: Apache-2.0
 *
 * ahead.c: segments that lie ready before they are needed: those that are not needed any more, and new ones.
 *
 * Of a new one the space is taken at once. Then it is written over with zeros, at a rate that disturbs nobody (the second
 * of a new log, and where no space can be taken, without one), so that no sync of the log has to bring anything but octets
 * to the disk: few at a time go faster then. A log that uses up segments faster than that gets them as they are, and so does
 * one for which none lies ready. */
#include <assert.h>

#include "base/alloc.h"
#include "store/store_internal.h"

#define SMALL_BYTES 4096 /* of a segment for a mark */

/* What filling so many octets takes at its rate. */
static uint64_t fill_ms(const store_t *s, uint64_t bytes)
{
    return bytes * 1000 / s->options.fill_bytes_per_second;
}

/* Written and synced in one turn: what the rate allows in a tenth of a second. */
static uint64_t fill_piece(const store_t *s)
{
    enum { LEAST_BYTES = 4096, MOST_BYTES = 4 * 1024 * 1024 };
    uint64_t bytes = s->options.fill_bytes_per_second / 10;
    return bytes < LEAST_BYTES ? LEAST_BYTES : bytes > MOST_BYTES ? MOST_BYTES : bytes;
}

/* ---- files that are not needed ---- */

void ahead_add_spare(helper_side_t *h, const char *name, uint64_t bytes)
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
bool ahead_use_spare(store_t *s)
{
    helper_side_t *h = &s->helper;
    if (h->spare_count == 0)
        return false;
    const spare_t *spare = &h->spares[0];
    size_t most = room_segments_wanted(h, &s->options) + !h->room.is_low;
    bool is_wanted = spare->bytes == s->options.segment_bytes && ahead_ready_count(h) < most;
    return is_wanted ? recycle(s, spare) : remove_spare(s, spare);
}

static void abandon(store_t *s)
{
    segment_t *making = &s->helper.making.segment;
    disk_close(&making->file);
    (void)segment_remove(s->disk, making->name, NULL);
    count_take(&s->counters.bytes, making->bytes);
    s->helper.making = (making_t){0};
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

/* The log has nowhere to put the mark that would free others. For that alone there is room in the smallest of files, and
 * what else is left on the disk stays for those that are rewritten then. */
static bool needs_small(const store_t *s)
{
    return ahead_ready_count(&s->helper) == 0 && flag_is_set(&s->begins_early);
}

/* A disk that did not say how full it is, a quota say, may have room for a small one all the same. */
static int take_space(store_t *s, error_t *err)
{
    making_t *m = &s->helper.making;
    int rc = segment_allocate(&m->segment, m->bytes, err);
    if (rc == DISK_FULL && needs_small(s)) {
        m->bytes = SMALL_BYTES;
        rc = segment_allocate(&m->segment, m->bytes, err);
    }
    m->is_allocated = rc == 0;
    count_add(&s->counters.bytes, m->segment.bytes);
    return rc == DISK_UNSUPPORTED ? 0 : rc;
}

static bool begin_making(store_t *s)
{
    error_t err;
    helper_side_t *h = &s->helper;
    bool fits = fits_on_disk(s, &err);
    if (!fits && !needs_small(s))
        return complain(s, &err);
    h->making = (making_t){.bytes = fits ? s->options.segment_bytes : SMALL_BYTES};
    if (segment_create(&h->making.segment, s->disk, h->next_number++, &err) != 0) {
        h->making = (making_t){0};
        return complain(s, &err);
    }
    if (take_space(s, &err) == 0)
        return true;
    abandon(s);
    return complain(s, &err);
}

/* The log is to go on in it as it is. One that is to have a reserve must not be without (room.c), and one that uses up
 * segments faster than they are filled would have all written twice; the first of all waits until it is needed. */
static bool is_in_a_hurry(const store_t *s)
{
    const helper_side_t *h = &s->helper;
    if (!h->making.is_allocated || h->in_use <= 1)
        return h->making.is_allocated && flag_is_set(&s->log_waits);
    bool is_fast = h->took_ms > 0 && h->took_ms < fill_ms(s, s->options.segment_bytes);
    return ahead_ready_count(h) == 0 || is_fast;
}

/* The second segment of all is urgent: without a rate. */
static int fill_some(store_t *s, uint64_t now, error_t *err)
{
    making_t *m = &s->helper.making;
    uint64_t left = m->bytes - m->filled_bytes, most = fill_piece(s), piece = left < most ? left : most;
    int rc = segment_fill(&m->segment, m->filled_bytes, m->filled_bytes + piece, err);
    m->filled_bytes += piece;
    if (now != UINT64_MAX && m->is_allocated && s->helper.in_use > 1)
        m->fill_at_ms = now + fill_ms(s, piece);
    return rc;
}

static int finish_making(store_t *s, error_t *err)
{
    helper_side_t *h = &s->helper;
    segment_t *segment = &h->making.segment;
    /* one that was recycled meanwhile is before it */
    uint64_t number = segment->number + 1 < h->next_number ? h->next_number++ : segment->number;
    int rc = segment_finish(segment, number, &s->log, err);
    if (rc != 0)
        return rc;
    (void)hand_over(s, segment);
    h->making = (making_t){0};
    return 0;
}

static bool go_on_making(store_t *s)
{
    error_t err;
    making_t *m = &s->helper.making;
    uint64_t before = m->segment.bytes, now = store_now_ms(s);
    int rc = 0;
    if (m->filled_bytes == m->bytes || is_in_a_hurry(s))
        rc = finish_making(s, &err);
    else if (now < m->fill_at_ms)
        return false;
    else
        rc = fill_some(s, now, &err);
    if (m->segment.bytes > before)
        count_add(&s->counters.bytes, m->segment.bytes - before);
    if (rc == 0)
        return true;
    abandon(s);
    return complain(s, &err);
}

bool ahead_make_segment(store_t *s)
{
    helper_side_t *h = &s->helper;
    if (h->making.segment.file)
        return go_on_making(s);
    return ahead_ready_count(h) < room_segments_wanted(h, &s->options) && begin_making(s);
}

void ahead_note_begun(store_t *s)
{
    helper_side_t *h = &s->helper;
    uint64_t now = store_now_ms(s);
    h->took_ms = now - h->begun_ms;
    h->begun_ms = now;
}

uint32_t ahead_wait_ms(const store_t *s, uint32_t most)
{
    const making_t *m = &s->helper.making;
    uint64_t now = store_now_ms(s);
    if (m->segment.file == NULL)
        return most;
    if (now >= m->fill_at_ms) /* it has become due since the turn */
        return 0;
    return m->fill_at_ms - now < most ? (uint32_t)(m->fill_at_ms - now) : most;
}
