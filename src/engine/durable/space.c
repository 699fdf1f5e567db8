/* SPDX-License-Identifier: Apache-2.0
 *
 * space.c: a segment is known when it is complete. From then on every record of it that dies is counted off at once
 * (live.h tells), so nothing is ever searched: a segment is looked at when its last record dies, when so few are left
 * that it is sparse, and when a checkpoint has passed it.
 *
 * Before an order goes out, all that was decided before it is durable: the settling of its records above all. Else a
 * crash could bring back a message whose content is gone.
 *
 * Sparse is a segment of whose records fewer than half are live. What is not content counts as dead, as it is needed no
 * longer; how many octets that comes to the store knows better: it may leave the file as it is. Then, as after a
 * rewriting, it is sparse again when half of its live records have died. */
#include "engine/durable/space.h"

#include "engine/engine_internal.h"

#define DECIDE_MOST 64 /* segments in a step */

typedef enum space_state {
    SPACE_KEPT,
    SPACE_SPARSE,  /* in space.sparse */
    SPACE_LISTED,  /* being rewritten: its live records are being listed */
    SPACE_DECIDED, /* in space.decided or space.waiting */
    SPACE_ORDERED, /* until the store answers */
} space_state_t;

struct space_segment {
    list_t link;
    uint64_t number;
    record_no from, end;
    uint64_t bytes;
    uint64_t live;
    uint64_t sparse_at; /* with so many of them live, or fewer */
    space_state_t state;
    segment_order_t *order; /* with its list, until it is given; NULL: it goes */
};

static void record_turned(void *context, record_no record, bool is_live);

void space_init(engine_t *e)
{
    space_t *s = &e->space;
    list_init(&s->sparse);
    list_init(&s->decided);
    list_init(&s->waiting);
    live_init(&e->live, record_turned, e);
}

static void segment_free(space_segment_t *g)
{
    if (g->order)
        segment_order_free(g->order);
    mem_free(g);
}

void space_deinit(engine_t *e)
{
    for (size_t i = 0; i < e->space.count; i++)
        segment_free(e->space.places[i].segment);
    mem_free(e->space.places);
}

/* ---- judging ---- */

static void leave_sparse(space_t *s, space_segment_t *g)
{
    list_remove(&g->link);
    s->sparse_count--;
}

static void decide(space_t *s, space_segment_t *g)
{
    g->state = SPACE_DECIDED;
    list_append(&s->decided, &g->link);
}

/* Fewer than half of so many. */
static uint64_t sparse_at(uint64_t records)
{
    return records > 0 ? (records - 1) / 2 : 0;
}

static void judge(space_t *s, space_segment_t *g)
{
    bool is_free = g->state == SPACE_KEPT || g->state == SPACE_SPARSE;
    if (!is_free || g->end > s->replay_from || g->live > g->sparse_at)
        return;
    if (g->live == 0) {
        if (g->state == SPACE_SPARSE)
            leave_sparse(s, g);
        decide(s, g);
    } else if (g->state == SPACE_KEPT) {
        g->state = SPACE_SPARSE;
        list_append(&s->sparse, &g->link);
        s->sparse_count++;
    }
}

/* The first place that ends behind this record. */
static size_t place_behind(const space_t *s, record_no record)
{
    size_t low = 0, high = s->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (s->places[middle].end > record)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

/* NULL: the record is of no segment that is known. */
static space_segment_t *segment_of(space_t *s, record_no record)
{
    if (s->last >= s->count || record < s->places[s->last].from || record >= s->places[s->last].end)
        s->last = place_behind(s, record);
    const space_place_t *p = s->last < s->count ? &s->places[s->last] : NULL;
    return p && record >= p->from ? p->segment : NULL;
}

static void record_turned(void *context, record_no record, bool is_live)
{
    space_t *s = &((engine_t *)context)->space;
    space_segment_t *g = segment_of(s, record);
    assert(!is_live || record >= s->replay_from); /* what may be forgotten stays dead */
    if (g == NULL)
        return;
    g->live = is_live ? g->live + 1 : g->live - 1;
    if (g->live == 0 || g->live == g->sparse_at)
        judge(s, g);
}

void space_checkpointed(engine_t *e, record_no replay_from)
{
    space_t *s = &e->space;
    size_t i = place_behind(s, s->replay_from);
    s->replay_from = replay_from;
    for (; i < s->count && s->places[i].end <= replay_from; i++)
        judge(s, s->places[i].segment);
}

/* ---- what the store tells ---- */

/* Its place, or the one before which it belongs: numbers rise with the records. */
static size_t place_of_number(const space_t *s, uint64_t number)
{
    size_t low = 0, high = s->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (s->places[middle].segment->number >= number)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

/* Segments are told in their order, so what is needed and lies between two of them is nowhere. */
static void check_gap(engine_t *e, record_no from)
{
    record_no begin = e->space.told_below, first = live_next(&e->live, begin, from);
    if (begin >= from || first >= from)
        return;
    log_line(e->options.log, LOG_ERROR,
             "records %llu to %llu of the log are missing; %llu of them are still needed, and messages "
             "of which they are a part will be left out",
             (unsigned long long)begin, (unsigned long long)from - 1,
             (unsigned long long)live_in(&e->live, begin, from));
}

static space_segment_t *segment_add(engine_t *e, size_t at, const segment_news_t *news)
{
    space_t *s = &e->space;
    space_segment_t *g = MEM_NEW(space_segment_t);
    *g = (space_segment_t){.number = news->segment, .from = news->from, .end = news->end};
    list_init(&g->link);
    g->live = live_in(&e->live, g->from, g->end);
    g->sparse_at = sparse_at(g->end - g->from);
    s->places = mem_grow(s->places, sizeof *s->places, s->count, &s->capacity, 16);
    memmove(s->places + at + 1, s->places + at, (s->count - at) * sizeof *s->places);
    s->places[at] = (space_place_t){g->from, g->end, g};
    s->count++;
    check_gap(e, g->from);
    s->told_below = g->end > s->told_below ? g->end : s->told_below;
    e->live.watched_below = s->told_below;
    return g;
}

/* The answer to an order, if it is one. */
static void answered(space_t *s, space_segment_t *g)
{
    if (g->state != SPACE_ORDERED)
        return;
    g->state = SPACE_KEPT;
    if (s->rewriting == g) {
        s->rewriting = NULL;
        s->sparse_count--;
    }
}

static void segment_gone(space_t *s, size_t at)
{
    space_segment_t *g = s->places[at].segment;
    answered(s, g);
    assert(g->state == SPACE_KEPT); /* nothing goes that is not ordered to */
    segment_free(g);
    s->count--;
    memmove(s->places + at, s->places + at + 1, (s->count - at) * sizeof *s->places);
}

void space_told(engine_t *e, const segment_news_t *news)
{
    space_t *s = &e->space;
    size_t at = place_of_number(s, news->segment);
    bool is_known = at < s->count && s->places[at].segment->number == news->segment;
    if (news->bytes == 0) {
        if (is_known)
            segment_gone(s, at);
        return;
    }
    space_segment_t *g = is_known ? s->places[at].segment : segment_add(e, at, news);
    g->bytes = news->bytes;
    answered(s, g);
    judge(s, g);
}

/* ---- rewriting: the live records are listed a slice a step ---- */

/* That the segment goes; with a list, that it is rewritten. */
static segment_order_t *order_new(const space_segment_t *g)
{
    segment_order_t *order = MEM_NEW(segment_order_t);
    order->segment = g->number;
    return order;
}

/* About, as if all records were alike. */
static uint64_t bytes_to_win(const space_segment_t *g)
{
    return g->bytes - g->bytes / (g->end - g->from) * g->live;
}

static void choose_sparse(space_t *s)
{
    space_segment_t *best = NULL;
    LIST_EACH (node, &s->sparse) {
        space_segment_t *g = LIST_OF(node, space_segment_t, link);
        if (best == NULL || bytes_to_win(g) > bytes_to_win(best))
            best = g;
    }
    if (best == NULL)
        return;
    list_remove(&best->link);
    best->state = SPACE_LISTED;
    best->order = order_new(best);
    s->rewriting = best;
    s->listed_below = best->from;
}

static void list_some(engine_t *e, space_segment_t *g)
{
    space_t *s = &e->space;
    record_no from = live_next(&e->live, s->listed_below, g->end);
    record_no most = g->end - from, slice = (record_no)e->options.slice * 16;
    s->listed_below = from + (slice < most ? slice : most);
    live_ranges(&e->live, from, s->listed_below, &g->order->keep, &g->order->keep_count);
}

/* The rest of its records may have died meanwhile. */
static void list_is_whole(space_t *s, space_segment_t *g)
{
    if (g->live > 0) {
        g->sparse_at = sparse_at(g->live);
    } else {
        segment_order_free(g->order);
        g->order = NULL;
    }
    decide(s, g);
}

/* True if there is more to list. */
static bool go_on_rewriting(engine_t *e)
{
    space_t *s = &e->space;
    if (s->rewriting == NULL)
        choose_sparse(s);
    space_segment_t *g = s->rewriting;
    if (g == NULL || g->state != SPACE_LISTED)
        return false;
    list_some(e, g);
    if (s->listed_below == g->end)
        list_is_whole(s, g);
    return g->state == SPACE_LISTED;
}

/* ---- orders ---- */

static void give_order(engine_t *e, space_segment_t *g)
{
    segment_order_t *order = g->order ? g->order : order_new(g);
    g->order = NULL;
    g->state = SPACE_ORDERED;
    lane_push(e->journal->orders, &order);
}

static void all_is_durable(engine_t *e, wait_t *w)
{
    (void)w;
    for (list_t *node; (node = list_first(&e->space.waiting));) {
        list_remove(node);
        give_order(e, LIST_OF(node, space_segment_t, link));
    }
}

/* What was settled in this step has its records before its last one is looked at. */
static void wait_until_durable(engine_t *e)
{
    space_t *s = &e->space;
    if (list_empty(&s->decided) || !list_empty(&s->waiting))
        return;
    settled_flush(e);
    list_t *node;
    for (int n = 0; n < DECIDE_MOST && (node = list_first(&s->decided)); n++) {
        list_remove(node);
        list_append(&s->waiting, node);
    }
    if (e->next_record - 1 <= e->durable)
        all_is_durable(e, &s->wait);
    else
        wait_for(e, &s->wait, e->next_record - 1, all_is_durable);
}

bool space_run(engine_t *e)
{
    space_t *s = &e->space;
    if (!records_wanted(e))
        return false;
    bool more = go_on_rewriting(e);
    wait_until_durable(e);
    return more || (!list_empty(&s->decided) && list_empty(&s->waiting));
}
