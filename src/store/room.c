/* SPDX-License-Identifier: Apache-2.0
 *
 * room.c: whether the disk has room to spare, and the alarm when it has not.
 *
 * The log writes only into segments that are there. When the helper cannot make the next one, those that lie ready are
 * the reserve: no more publishes are taken then, and what is left is for what makes room: acks, deletes, checkpoints.
 * The same while less is free than the operator wants (free_limit_bytes): others live on this disk too.
 *
 * What was accepted before the alarm must still fit: the daemon bounds what is on its way by the reserve (build.c).
 *
 * Acks can be more of the log than their messages were, as each that is waited for takes a block. So what they fill must
 * come back by a checkpoint: it frees a segment of acks alone once the log has begun the segment behind the one it is
 * in. Of the reserve one is for acks beside what was on its way, one for them and the checkpoint; the third is there when
 * others fill the disk, else a segment of 4 KiB with a mark does for it. */
#include "store/store_internal.h"

#define LOOK_MOST_MS  1000
#define LOOK_LEAST_MS 100
/* As RabbitMQ has it: a disk takes no more than this in a ms, so a look is due when half of what is left could be gone. */
#define FAST_BYTES_PER_MS 250000

static uint32_t look_again_in_ms(const store_t *s, uint64_t free_bytes)
{
    uint64_t limit = s->options.free_limit_bytes;
    if (free_bytes < limit)
        return LOOK_MOST_MS; /* publishers are held back: nothing is urgent */
    uint64_t ms = (free_bytes - limit) / FAST_BYTES_PER_MS / 2;
    return ms < LOOK_LEAST_MS ? LOOK_LEAST_MS : ms > LOOK_MOST_MS ? LOOK_MOST_MS : (uint32_t)ms;
}

static void say(const store_t *s, log_level_t level, const char *what, uint64_t free_bytes)
{
    if (s->options.log)
        log_line(s->options.log, level, "%s: %llu octets are free on the disk, the limit is %llu", what,
                 (unsigned long long)free_bytes, (unsigned long long)s->options.free_limit_bytes);
}

/* Whoever cannot be asked is believed to be as he was. */
static void look(store_t *s)
{
    error_t err;
    room_t *r = &s->helper.room;
    int rc = disk_free_bytes(s->disk, &r->free_bytes, &err);
    if (rc != 0 && !r->is_unknown && s->options.log)
        log_line(s->options.log, LOG_ERROR, "store: %s; the disk alarm stays as it is", err.text);
    r->is_unknown = rc != 0;
    r->sleep_ms = rc != 0 ? LOOK_MOST_MS : look_again_in_ms(s, r->free_bytes);
    if (rc == 0)
        r->is_low = r->free_bytes < s->options.free_limit_bytes;
}

size_t room_segments_wanted(const helper_side_t *h, const store_options_t *o)
{
    return h->in_use > 1 ? o->segments_ahead : 1;
}

/* The log needs a segment, or a larger one than there are, and cannot have it: until the reserve is whole again. */
static bool is_stuck(store_t *s)
{
    helper_side_t *h = &s->helper;
    bool lacks = h->segments.count - h->in_use < room_segments_wanted(h, &s->options);
    h->room.is_stuck = lacks && (h->has_complained || h->room.is_stuck);
    return h->room.is_stuck || atomic_load(&s->log_lacks_bytes) > 0;
}

static void change(store_t *s, bool is_short)
{
    const helper_side_t *h = &s->helper;
    flag_put(&s->journal.disk_short, is_short);
    if (is_short && !h->room.is_low && s->options.log)
        log_line(
            s->options.log, LOG_WARNING,
            "disk alarm set, publishers are held back: the log cannot get more room (%zu segments lie ready)",
            h->segments.count - h->in_use);
    else if (is_short)
        say(s, LOG_WARNING, "disk alarm set, publishers are held back", h->room.free_bytes);
    else
        say(s, LOG_WARNING, "disk alarm cleared", h->room.free_bytes);
}

/* Not with the second segment of all: until then one is as many as there should be. */
void room_taken(store_t *s)
{
    bool is_last = s->options.segments_ahead > 1 && lane_peek(s->ready) == NULL;
    if (is_last && s->log_side.has_reserve)
        flag_put(&s->journal.log_short, true);
    s->log_side.has_reserve = true;
}

static bool has_caught_up(store_t *s)
{
    const helper_side_t *h = &s->helper;
    if (!flag_is_set(&s->journal.log_short) || h->segments.count == h->in_use)
        return false;
    flag_put(&s->journal.log_short, false);
    return true;
}

bool room_look(store_t *s)
{
    room_t *r = &s->helper.room;
    uint64_t now = store_now_ms(s);
    if (now >= r->look_at_ms) {
        look(s);
        r->look_at_ms = s->options.clock.now_ms ? now + r->sleep_ms : 0;
    }
    bool is_short = is_stuck(s) || r->is_low, is_news = has_caught_up(s);
    if (is_short == flag_is_set(&s->journal.disk_short))
        return is_news;
    change(s, is_short);
    return true;
}

/* ---- room from segments that are not needed ---- */

bool room_begin_early(store_t *s)
{
    if (flag_is_set(&s->begins_early) || !flag_is_set(&s->journal.disk_short) ||
        helper_bytes_to_win(s) < s->options.segment_bytes)
        return false;
    flag_put(&s->begins_early, true);
    return true;
}

uint64_t room_kept_bytes(const store_options_t *o)
{
    enum { SHARE = 8, LEAST_BYTES = 16 * 1024 };
    uint64_t bytes = o->segment_bytes / SHARE;
    return bytes > LEAST_BYTES ? bytes : LEAST_BYTES;
}

/* ---- a group that is larger than a segment ---- */

bool room_for_growth(store_t *s, uint64_t more_bytes)
{
    error_t err;
    uint64_t free_bytes;
    bool fits = disk_free_bytes(s->disk, &free_bytes, &err) != 0 || free_bytes >= more_bytes;
    if (!fits && atomic_load(&s->log_lacks_bytes) == 0 && s->options.log)
        log_line(s->options.log, LOG_ERROR,
                 "store: the log waits: its next group needs %llu octets more than a segment has, and the "
                 "disk has %llu left",
                 (unsigned long long)more_bytes, (unsigned long long)free_bytes);
    atomic_store(&s->log_lacks_bytes, fits ? 0 : more_bytes);
    return fits;
}

bool room_log_may_go_on(const store_t *s)
{
    uint64_t lacks = atomic_load(&s->log_lacks_bytes);
    return lacks > 0 && !s->helper.room.is_unknown && s->helper.room.free_bytes >= lacks;
}

uint32_t room_wait_ms(const store_t *s)
{
    return s->helper.room.sleep_ms > 0 ? s->helper.room.sleep_ms : LOOK_MOST_MS;
}
