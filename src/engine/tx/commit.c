/* SPDX-License-Identifier: Apache-2.0
 *
 * commit.c: a transaction is applied. First each target is asked, and nothing has changed when one must be waited for, or
 * refuses. Then all of it happens in one go, nothing else between, and what it says to the log is one group: so there is
 * no moment, also none of a crash, at which some of it is there. Then what nobody got is returned; and commit-ok follows when
 * the group is durable.
 *
 * Publishes come first, as in RabbitMQ: a handler's answer counts by the ack behind it. */
#include "engine/tx/tx_internal.h"

/* ---- where it goes ---- */

/* NULL: it is gone. */
static exchange_t *exchange_of(const channel_t *ch, const message_t *m)
{
    return exchange_find(ch->connection->vhost, message_exchange(m));
}

static bytes_t headers_of(const message_t *m)
{
    return properties_headers(message_properties(m));
}

/* Routes it once more, to find what a window behind another exchange keeps out: what is not reached because of it. What was
 * unbound since its publish gets it, what was bound does not. */
static void route_again(channel_t *ch, exchange_t *x, const message_t *m, queue_t *const *places,
                        size_t count)
{
    route_t *r = &ch->connection->engine->route;
    tx_route_whole(ch, x, m, headers_of(m));
    uint64_t whole = r->serial;
    publish_route(ch, x, m, headers_of(m));
    route_replace(r, places, count, whole);
}

/* Its places of all of them, which begin there; NULL: it has none. */
static queue_t *const *places_of(const tx_publish_t *p, queue_t *const *places, size_t at)
{
    return p->places > 0 ? &places[at] : NULL;
}

/* ---- asking ---- */

typedef enum verdict { MAY_COMMIT, MUST_WAIT, MUST_NOT } verdict_t;

static subscriber_t *subscriber_at(const tx_t *tx, size_t place)
{
    const queue_t *q = tx->places[place];
    return q->deleted ? NULL : q->subscriber;
}

/* How much is coming to each subscriber; or, at the end, nothing. */
static void count_coming(const tx_t *tx, bool end)
{
    size_t at = 0;
    for (size_t i = 0; i < tx->publish_count; i++) {
        const tx_publish_t *p = &tx->publishes[i];
        for (size_t end_at = at + p->places; at < end_at; at++) {
            subscriber_t *s = subscriber_at(tx, at);
            if (s == NULL)
                continue;
            s->coming = end ? 0 : s->coming + 1;
            s->coming_bytes = end ? 0 : s->coming_bytes + message_bytes(p->message);
        }
    }
}

/* A subscriber that blocks its publishers never loses a message: more than it can take at once cannot be committed. */
static bool subscribers_ever_take(const tx_t *tx)
{
    bool take = true;
    count_coming(tx, false);
    for (size_t i = 0; i < tx->place_count && take; i++) {
        const subscriber_t *s = subscriber_at(tx, i);
        take = s == NULL || subscriber_ever_takes(s, s->coming, s->coming_bytes);
    }
    count_coming(tx, true);
    return take;
}

static bool subscribers_take_now(channel_t *ch, command_t *cmd)
{
    const tx_t *tx = ch->tx;
    for (size_t i = 0; i < tx->place_count; i++) {
        subscriber_t *s = subscriber_at(tx, i);
        if (s && subscriber_holds(s, ch, cmd))
            return false;
    }
    return true;
}

/* Of each exchange as many as there are publishes, which is enough. */
static bool has_numbers(channel_t *ch, command_t *cmd)
{
    const tx_t *tx = ch->tx;
    const exchange_t *last = NULL;
    for (size_t i = 0; i < tx->publish_count; i++) {
        exchange_t *x = tx->publishes[i].numbers;
        if (x && x != last && !x->deleted && !sync_ready(x, (uint32_t)tx->publish_count, ch, cmd))
            return false;
        last = x;
    }
    return true;
}

/* What must be routed again takes no longer than all else may: bindings may have come since. */
static bool routes_in_time(channel_t *ch)
{
    const tx_t *tx = ch->tx;
    const engine_t *e = ch->connection->engine;
    size_t left = e->options.transaction_actions;
    for (size_t i = 0; i < tx->publish_count; i++) {
        const tx_publish_t *p = &tx->publishes[i];
        exchange_t *x = p->routes_again || p->is_kept ? exchange_of(ch, p->message) : NULL;
        if (x == NULL)
            continue;
        tx_route_whole(ch, x, p->message, headers_of(p->message));
        if (e->route.work > left)
            return false;
        left -= e->route.work;
    }
    return true;
}

/* Its subscribers are those that it would have if it were published now; the rest of its places stay. */
static void find_again(channel_t *ch, tx_publish_t *p, queue_t *const *places)
{
    tx_t *tx = ch->tx;
    const route_t *r = &ch->connection->engine->route;
    exchange_t *x = p->is_kept ? exchange_of(ch, p->message) : NULL;
    size_t before = tx->place_count;
    for (size_t i = 0; i < p->places; i++)
        if (x == NULL || places[i]->subscriber == NULL)
            tx_add_place(tx, places[i]);
    if (x)
        tx_route_whole(ch, x, p->message, headers_of(p->message));
    for (size_t i = 0; x && i < r->count; i++)
        if (r->queues[i]->subscriber)
            tx_add_place(tx, r->queues[i]);
    p->places = (uint32_t)(tx->place_count - before);
}

/* Who has joined since its publish did not get it by what is kept; who joins now will. */
static void find_subscribers(channel_t *ch)
{
    tx_t *tx = ch->tx;
    queue_t **places = tx->places;
    size_t count = tx->place_count, at = 0;
    if (!tx->keeps)
        return;
    tx->places = NULL;
    tx->place_count = tx->place_capacity = 0;
    for (size_t i = 0; i < tx->publish_count; i++) {
        tx_publish_t *p = &tx->publishes[i];
        size_t end = at + p->places;
        find_again(ch, p, places_of(p, places, at));
        at = end;
    }
    for (size_t i = 0; i < count; i++)
        queue_release(places[i]);
    mem_free(places);
}

/* Asks all that a transaction concerns. A queue that is gone is not asked: what goes there goes nowhere, as ever, and an ack
 * for it changes nothing. A delivery that an ack has claimed is there; nothing else may settle it. */
static verdict_t ask_targets(channel_t *ch, command_t *cmd)
{
    if (!routes_in_time(ch))
        return MUST_NOT;
    find_subscribers(ch);
    if (!subscribers_ever_take(ch->tx))
        return MUST_NOT;
    return subscribers_take_now(ch, cmd) && has_numbers(ch, cmd) ? MAY_COMMIT : MUST_WAIT;
}

/* ---- applying ---- */

static void number_publishes(tx_t *tx)
{
    for (size_t i = 0; i < tx->publish_count; i++) {
        tx_publish_t *p = &tx->publishes[i];
        if (p->numbers && !p->numbers->deleted)
            sync_number(p->numbers, p->message);
        if (p->numbers)
            exchange_release(p->numbers);
        p->numbers = NULL;
    }
}

static bool anybody_is_there(const tx_t *tx, size_t at, uint32_t places)
{
    for (size_t i = at; i < at + places; i++)
        if (!tx->places[i]->deleted)
            return true;
    return false;
}

static void must_be_stored(tx_t *tx, record_no record)
{
    if (record > tx->stored)
        tx->stored = record;
}

/* Into its places, which begin there. Returns the record that must be durable for it. */
static record_no place(engine_t *e, const tx_t *tx, size_t at, tx_publish_t *p)
{
    if (p->is_kept)
        p->message = message_drop_header(e, p->message, "BCC");
    record_no record = p->places > 0 ? publish_place(e, p->message, &tx->places[at], p->places) : 0;
    return publish_safe_with(e, p->message, record);
}

/* The route that its publish found, but for what its exchange, and those behind, have seen since. Of one that is gone no window
 * is asked, but those of its queues are. */
static void recall_route(channel_t *ch, const tx_t *tx, size_t at, const tx_publish_t *p)
{
    engine_t *e = ch->connection->engine;
    exchange_t *x = exchange_of(ch, p->message);
    queue_t *const *places = places_of(p, tx->places, at);
    bool knows = x && x->dedup && dedup_knows(x->dedup, headers_of(p->message));
    if (x && p->routes_again && !knows)
        route_again(ch, x, p->message, places, p->places);
    else
        route_to(e, x, places, knows ? 0 : p->places);
}

/* The same of one that may be a repeat. True: it is one, of something, and so no message that nobody got. */
static bool place_once(channel_t *ch, size_t at, tx_publish_t *p)
{
    engine_t *e = ch->connection->engine;
    dedup_verdict_t verdict;
    recall_route(ch, ch->tx, at, p);
    p->message = message_drop_header(e, p->message, "BCC");
    dedup_decide(ch, p->message, &verdict);
    record_no record = publish_place(e, p->message, e->route.queues, e->route.count);
    dedup_remember(e, &verdict, record > 0);
    must_be_stored(ch->tx, publish_safe_with(e, p->message, record));
    must_be_stored(ch->tx, verdict.after);
    return verdict.repeats > 0;
}

/* What nobody gets, but wants back, stays. */
static void place_publishes(channel_t *ch)
{
    engine_t *e = ch->connection->engine;
    tx_t *tx = ch->tx;
    size_t at = 0, kept = 0;
    for (size_t i = 0; i < tx->publish_count; i++) {
        tx_publish_t p = tx->publishes[i];
        bool returns = p.mandatory && !p.answers && !anybody_is_there(tx, at, p.places);
        e->counts.published++;
        if (p.answers)
            sync_says(ch, p.message);
        else if (p.repeats)
            returns &= !place_once(ch, at, &p);
        else
            must_be_stored(tx, place(e, tx, at, &p));
        at += p.places;
        if (returns)
            tx->publishes[kept++] = p;
        else
            message_unref(e, p.message);
    }
    tx->publish_count = kept;
    while (tx->place_count > 0)
        queue_release(tx->places[--tx->place_count]);
}

/* Of a queue that is gone nothing is settled; it must not come back. */
static void settle_claimed(channel_t *ch)
{
    tx_t *tx = ch->tx;
    for (size_t i = 0; i < tx->ack_count; i++) {
        unacked_t *u = unacked_find(&ch->unacked, tx->acks[i].tag);
        record_no gone = u->queue->deleted && u->queue->id > 0 ? ch->connection->engine->definitions : 0;
        tx->stored = gone > tx->stored ? gone : tx->stored;
        settle_one(ch, u, tx->acks[i].how);
    }
    tx->ack_count = 0;
}

/* Nothing of other channels is done amid it: jobs that begin by it have their first slice later (job.c asserts it). */
static void apply(channel_t *ch)
{
    engine_t *e = ch->connection->engine;
    tx_t *tx = ch->tx;
    uint32_t work = jobs_put_off(e);
    records_group_begin(e);
    number_publishes(tx);
    place_publishes(ch);
    settle_claimed(ch);
    must_be_stored(tx, records_group_end(e));
    tx->applied = true;
    e->counts.committed++;
    jobs_go_on(e, work);
    work_spend(e, tx->actions);
}

/* ---- commit ---- */

/* In order, as of the commit. One with parts needs the channel for itself: false, the rest follows when it has gone out. */
static bool return_publishes(channel_t *ch, const command_t *cmd)
{
    tx_t *tx = ch->tx;
    command_t publish = *cmd;
    publish.flags = COMMAND_MANDATORY;
    while (tx->returned < tx->publish_count && !ch->awaited)
        publish_return(ch, &publish, tx->publishes[tx->returned++].message);
    return !ch->awaited;
}

/* True if it is applied; else it waits, or is refused. */
static bool is_applied(channel_t *ch, command_t *cmd)
{
    if (ch->tx->applied)
        return true;
    if (tx_waits_for_time(ch, cmd))
        return false;
    verdict_t verdict = ask_targets(ch, cmd);
    if (verdict == MAY_COMMIT)
        apply(ch);
    else if (verdict == MUST_NOT)
        channel_refuse(ch, cmd->cause, REFUSAL_PRECONDITION_FAILED, "partial tx completion");
    return verdict == MAY_COMMIT;
}

void on_tx_commit(channel_t *ch, command_t *cmd)
{
    if (ch->tx == NULL) {
        channel_refuse(ch, cmd->cause, REFUSAL_PRECONDITION_FAILED, "channel is not transactional");
        return;
    }
    if (!is_applied(ch, cmd))
        return;
    if (!return_publishes(ch, cmd)) {
        channel_do_again(ch, cmd);
        return;
    }
    record_no stored = ch->tx->stored;
    tx_reset(ch);
    reply_ok_after(ch, cmd, stored);
}
