/* SPDX-License-Identifier: Apache-2.0
 *
 * join.c: late joiners: who subscribes is sent what is kept of its prefix first, then what comes.
 *
 * A join reads the kept messages of one prefix from the first to the last, as fast as its subscriber takes them, and from the
 * log where they are not in memory. Meanwhile what is published to the prefix, and kept, is withheld from the subscriber: the
 * join comes to it. When it has come to the end, nothing is left and nothing is double, and the prefix is live. The joins of
 * a subscriber go on one after the other. A message that another prefix of it, which is live, fits too is not its own: the
 * subscriber has had it, or gets it, by that one. */
#include "engine/engine_internal.h"
#include "model/frames.h"

#define READING_MOST    16 /* joins of all subscribers that read at a time */
#define READ_MOST_ITEMS 64
#define READ_FEW_ITEMS  4
#define READ_BYTES      (256u << 10)

struct join {
    list_t in_subscriber; /* subscriber.joins */
    list_t in_keep;       /* keep.joins, once it reads there */
    reader_t reading;
    subscriber_t *subscriber; /* NULL: it is over, but what it asked for is not back */
    queue_t *asked;           /* held meanwhile */
    keep_t *keep;             /* NULL: not begun */
    uint64_t from;            /* in its queue: what is below is done */
    uint32_t number;          /* the mark of its prefix's place */
    uint32_t len;
    uint8_t octets[];
};

static engine_t *engine_of(const subscriber_t *s)
{
    return s->queue->vhost->engine;
}

static join_t *first_join(const subscriber_t *s)
{
    list_t *node = list_first(&s->joins);
    return node ? LIST_OF(node, join_t, in_subscriber) : NULL;
}

static bytes_t prefix_of(const join_t *j)
{
    return bytes_make(j->octets, j->len);
}

/* ---- which are joining ---- */

/* NULL: its prefix was cancelled meanwhile. */
static prefix_place_t *place_of(const join_t *j)
{
    const subscriber_t *s = j->subscriber;
    if (s->prefixes.count == 0)
        return NULL;
    prefix_place_t *place = prefix_find(&s->exchange->subscriptions, &s->prefixes, prefix_of(j));
    return place && place->mark == j->number ? place : NULL;
}

bool join_withholds(const subscriber_t *s, const prefix_place_t *place, const keep_t *k)
{
    if (place->mark == 0 || k == NULL)
        return false;
    const join_t *first = first_join(s);
    bool begun = first && first->number == place->mark && first->keep;
    return !begun || k->number >= first->keep->number;
}

/* True if a live prefix of the subscriber, other than the join's, fits. */
static bool is_covered(const subscriber_t *s, bytes_t topic)
{
    const prefix_index_t *x = &s->exchange->subscriptions;
    for (size_t i = 0; s->prefixes.count > 1 && i < x->lengths.count; i++) {
        size_t bytes = x->lengths.items[i].bytes;
        if (bytes > topic.len)
            return false;
        const prefix_place_t *place = prefix_find(x, &s->prefixes, bytes_make(topic.data, bytes));
        if (place && place->mark == 0)
            return true;
    }
    return false;
}

static keep_t *next_keep(const join_t *j)
{
    const subscriber_t *s = j->subscriber;
    engine_t *e = engine_of(s);
    for (size_t i = j->keep ? j->keep->number + 1 : 0; i < e->options.topic_count; i++)
        if (keep_overlaps(&e->keeps[i], s->exchange, prefix_of(j)))
            return &e->keeps[i];
    return NULL;
}

/* ---- begin and end ---- */

static void join_end(join_t *j)
{
    subscriber_t *s = j->subscriber;
    list_remove(&j->in_subscriber);
    list_remove(&j->in_keep);
    s->join_count--;
    j->subscriber = NULL;
    if (!list_linked(&j->reading.link))
        mem_free(j);
}

static void join_is_live(join_t *j, prefix_place_t *place)
{
    place->mark = 0;
    engine_of(j->subscriber)->topology++;
    join_end(j);
}

/* Those whose prefix was cancelled wait for their turn to be forgotten, unless they become the most. */
static void forget_cancelled(subscriber_t *s)
{
    if (s->join_count <= 2 * (size_t)s->prefixes.count + 64)
        return;
    LIST_EACH (node, &s->joins) {
        join_t *j = LIST_OF(node, join_t, in_subscriber);
        if (place_of(j) == NULL)
            join_end(j);
    }
}

static bool anything_kept(const subscriber_t *s, bytes_t prefix)
{
    engine_t *e = engine_of(s);
    for (size_t i = 0; i < e->options.topic_count; i++)
        if (keep_overlaps(&e->keeps[i], s->exchange, prefix) && e->keeps[i].queue->fifo.ready > 0)
            return true;
    return false;
}

static void schedule(subscriber_t *s)
{
    if (!list_linked(&s->joining))
        list_append(&engine_of(s)->joining, &s->joining);
}

void join_start(subscriber_t *s, prefix_place_t *place)
{
    bytes_t prefix = prefix_octets(place->entry);
    place->mark = 1; /* so that it does not cover itself */
    bool needed = s->exchange->keeps && anything_kept(s, prefix) && !is_covered(s, prefix);
    place->mark = 0;
    if (!needed)
        return;
    join_t *j = mem_zero(sizeof *j + prefix.len);
    list_init(&j->in_subscriber);
    list_init(&j->in_keep);
    list_init(&j->reading.link);
    j->subscriber = s;
    j->len = (uint32_t)prefix.len;
    if (prefix.len > 0)
        memcpy(j->octets, prefix.data, prefix.len);
    if (++s->joins_so_far == 0)
        s->joins_so_far = 1;
    j->number = place->mark = s->joins_so_far;
    list_append(&s->joins, &j->in_subscriber);
    s->join_count++;
    forget_cancelled(s);
    schedule(s);
}

void joins_cancel(subscriber_t *s)
{
    for (join_t *j; (j = first_join(s));)
        join_end(j);
    list_remove(&s->joining);
}

void joins_lost(keep_t *k, uint64_t position)
{
    LIST_EACH (node, &k->joins) {
        const join_t *j = LIST_OF(node, const join_t, in_keep);
        if (j->from <= position)
            subscriber_lost(j->subscriber);
    }
}

/* ---- message by message ---- */

static void offer(const join_t *j, message_t *m)
{
    bytes_t topic = message_topic(m);
    if (bytes_starts_with(topic, prefix_of(j)) && !is_covered(j->subscriber, topic))
        queue_append(j->subscriber->queue, m, false);
}

/* No more than its subscriber has room for. */
static size_t items_wanted(const join_t *j)
{
    const subscriber_t *s = j->subscriber;
    uint64_t average = j->keep->read_average;
    uint64_t items = average == 0 ? READ_FEW_ITEMS : READ_BYTES / average + 1;
    uint64_t room = s->max_messages / 2 + 1 - s->queue->fifo.ready;
    items = items < room ? items : room;
    return items < READ_MOST_ITEMS ? (size_t)items : READ_MOST_ITEMS;
}

static void take_item(engine_t *e, const join_t *j, read_item_t *item, bool wanted)
{
    queue_t *q = j->asked;
    message_t *m = item->message;
    if (m == NULL || !parts_are_known(e, m)) {
        if (!q->deleted)
            queue_leave_out(q, item->position, m || item->outcome == READ_DAMAGED);
        record_release(e, item->record);
        return;
    }
    item->message = NULL;
    message_adopt_read(e, m, item->record);
    record_release(e, item->record); /* its parts are needed still, if nothing else is */
    q->keep->read_average = (q->keep->read_average * 7 + message_bytes(m)) / 8 + 1;
    if (wanted)
        offer(j, m);
    message_unref(e, m);
}

static void reading_done(engine_t *e, reader_t *r, read_request_t *request)
{
    join_t *j = LIST_OF(r, join_t, reading);
    queue_t *q = j->asked;
    e->joins_reading--;
    list_splice(&e->joining, &e->joins_waiting);
    bool wanted = j->subscriber && place_of(j);
    for (size_t i = 0; request && i < request->count; i++)
        take_item(e, j, &request->items[i], wanted);
    j->asked = NULL;
    if (j->subscriber)
        schedule(j->subscriber);
    else
        mem_free(j);
    queue_release(q);
}

static void request_item(engine_t *e, read_request_t *request, const fifo_item_t *item)
{
    record_refer(e, item->record, 1); /* it stays readable, whatever replaces it meanwhile */
    request->items[request->count++] = (read_item_t){.record = item->record, .position = item->position};
}

/* Asks for this message and those behind it that are not in memory either. */
static void read_from(join_t *j, const fifo_item_t *first, uint32_t *left)
{
    engine_t *e = engine_of(j->subscriber);
    queue_t *q = j->keep->queue;
    size_t most = items_wanted(j);
    read_request_t *request = mem_zero(sizeof *request + most * sizeof(read_item_t));
    request_item(e, request, first);
    fifo_item_t item;
    uint64_t from = j->from;
    while (request->count < most && fifo_next(&q->fifo, &from, q->fifo.tail, left, &item) && !item.message) {
        request_item(e, request, &item);
        j->from = from;
    }
    j->asked = q;
    q->holds++;
    e->joins_reading++;
    records_read(e, &j->reading, request, reading_done);
}

/* False: nothing is left in this queue. */
static bool take_next(join_t *j, uint32_t *left)
{
    queue_t *q = j->keep->queue;
    fifo_item_t item;
    if (!fifo_next(&q->fifo, &j->from, q->fifo.tail, left, &item))
        return *left == 0;
    if (item.message)
        offer(j, item.message);
    else
        read_from(j, &item, left);
    return true;
}

/* ---- in slices ---- */

/* One message, or one thing else. */
static void go_on(join_t *j, uint32_t *left)
{
    prefix_place_t *place;
    if (j->keep && take_next(j, left))
        return;
    *left -= *left > 0;
    place = place_of(j);
    keep_t *next = place ? next_keep(j) : NULL;
    if (place == NULL) {
        join_end(j);
    } else if (next == NULL) {
        join_is_live(j, place);
    } else {
        list_remove(&j->in_keep);
        list_append(&next->joins, &j->in_keep);
        j->keep = next;
        j->from = 0;
        engine_of(j->subscriber)->topology++; /* what the last one keeps is no longer withheld */
    }
}

static bool may_go_on(const subscriber_t *s)
{
    const join_t *j = first_join(s);
    return j && !list_linked(&j->reading.link) && subscriber_has_room(s);
}

static void subscriber_goes_on(engine_t *e, subscriber_t *s, uint32_t *budget)
{
    uint32_t slice = e->options.slice < *budget ? e->options.slice : *budget, left = slice;
    while (left > 0 && e->joins_reading < READING_MOST && may_go_on(s)) {
        const join_t *j = first_join(s);
        if (j->keep && place_of(j) == NULL)
            join_end(first_join(s));
        else
            go_on(first_join(s), &left);
    }
    *budget -= slice - left;
    if (may_go_on(s))
        list_append(e->joins_reading < READING_MOST ? &e->joining : &e->joins_waiting, &s->joining);
}

void joins_run(engine_t *e)
{
    uint32_t budget = e->options.slice * 2;
    list_t round;
    list_init(&round);
    list_splice(&round, &e->joining);
    for (list_t *node; budget > 0 && (node = list_first(&round));) {
        list_remove(node);
        subscriber_goes_on(e, LIST_OF(node, subscriber_t, joining), &budget);
    }
    list_splice(&round, &e->joining);
    list_splice(&e->joining, &round);
}

void joins_have_room(subscriber_t *s)
{
    if (!list_linked(&s->joining) && may_go_on(s))
        schedule(s);
}
