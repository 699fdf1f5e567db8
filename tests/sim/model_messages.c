/* SPDX-License-Identifier: Apache-2.0
 *
 * model_messages.c: what becomes of messages while a life lasts. */
#include "base/alloc.h"
#include "sim/model.h"
#include "sim/report.h"

published_t *model_message(model_t *m, uint32_t id)
{
    return id >= 1 && id <= m->count ? &m->messages[id - 1] : NULL;
}

static const char *queue_name(unsigned queue)
{
    return object_specs[queue].name;
}

static void may_be_settled(entry_t *t, uint64_t last)
{
    if (last < t->settle_issued)
        t->settle_issued = last;
}

/* ---- publish ---- */

static bool keeps(unsigned queue)
{
    return !object_specs[queue].fickle;
}

/* Where it can go now, and where it goes in any case. */
static void route_entries(model_t *m, published_t *p, bool is_new)
{
    object_mask_t sure = model_route(m, &p->spec, false), possible = model_route(m, &p->spec, true);
    for (unsigned q = 0; q < QUEUES; q++) {
        entry_t *t = &p->entries[q];
        t->sure = (is_new || t->sure) && sure >> q & 1 && keeps(q);
        if ((possible >> q & 1) && !t->possible) {
            t->possible = true;
            may_be_settled(t, m->purge_issued[q]);
        }
    }
}

static void add_pending(model_t *m, uint32_t id)
{
    m->pending = mem_grow(m->pending, sizeof *m->pending, m->pending_count, &m->pending_capacity, 64);
    m->pending[m->pending_count++] = id;
    model_message(m, id)->pending = true;
}

static void drop_pending(model_t *m, uint32_t id)
{
    if (!model_message(m, id)->pending)
        return;
    model_message(m, id)->pending = false;
    for (uint32_t i = 0; i < m->pending_count; i++) {
        if (m->pending[i] == id) {
            m->pending[i] = m->pending[--m->pending_count];
            return;
        }
    }
}

uint32_t model_publish(model_t *m, const content_spec_t *s, unsigned channel, bool mandatory, uint64_t last)
{
    m->messages = mem_grow(m->messages, sizeof *m->messages, m->count, &m->capacity, 256);
    published_t *p = &m->messages[m->count++];
    *p = (published_t){
        .spec = *s, .channel = (uint8_t)channel, .mandatory = mandatory, .issued = last, .done = NEVER};
    p->spec.id = m->count;
    for (unsigned q = 0; q < QUEUES; q++)
        p->entries[q].settle_issued = p->entries[q].settle_done = NEVER;
    if (s->exchange == DEFAULT_EXCHANGE && s->key >= MESSAGE_KEYS) {
        const definition_t *d = &m->objects[s->key - MESSAGE_KEYS];
        p->removals = d->removing > 0 ? UINT32_MAX : d->removals;
    }
    route_entries(m, p, true);
    add_pending(m, p->spec.id);
    return p->spec.id;
}

/* Of what goes to one queue. As for a new one, if it never was there. If it may have been: it is there now, unless it was
 * taken and is settled, or its queue is another one. */
void model_publish_again(model_t *m, uint32_t id, uint64_t last)
{
    published_t *p = model_message(m, id);
    unsigned q = (unsigned)p->spec.key - MESSAGE_KEYS;
    const definition_t *d = &m->objects[q];
    entry_t *t = &p->entries[q];
    p->is_again = true;
    if (!p->is_untaken && t->sure)
        return;
    bool is_same = p->removals == d->removals && d->removing == 0 && t->possible && t->is_routed &&
                   !t->is_tainted && t->settle_issued == NEVER;
    bool is_owed = p->is_untaken || is_same;
    t->is_tainted |= !is_same; /* also when it is published once more */
    p->maybe_taken = !p->is_untaken;
    if (p->is_untaken) {
        *t = (entry_t){.settle_issued = NEVER, .settle_done = NEVER};
        p->issued = last;
        p->removals = d->removing > 0 ? UINT32_MAX : d->removals;
    }
    p->is_untaken = p->over = false;
    m->first_alive = id < m->first_alive ? id : m->first_alive;
    p->done = NEVER;
    if (t->total == 0) { /* what has settled it was there before it, perhaps */
        t->purge = 0;
        t->settle_done = NEVER;
    }
    t->must_mark = false;
    t->inexact |= p->maybe_taken;
    t->order = 0;
    route_entries(m, p, true);
    t->sure &= is_owed;
    add_pending(m, id);
}

void model_routes_changed(model_t *m)
{
    for (uint32_t i = 0; i < m->pending_count; i++)
        route_entries(m, model_message(m, m->pending[i]), false);
}

void model_publish_done(model_t *m, uint32_t id, uint64_t last)
{
    published_t *p = model_message(m, id);
    if (p->tx && model_transaction(m, p->tx)->state != TX_APPLIED)
        return;
    if (last < p->done)
        p->done = last;
    drop_pending(m, id);
}

/* One that had to be routed straight into a queue, and was: it is there, and so is the queue. */
static void confirm_queue(model_t *m, published_t *p)
{
    unsigned q = (unsigned)p->spec.key - MESSAGE_KEYS;
    definition_t *d = &m->objects[q];
    if (!keeps(q) || d->removals != p->removals || !object_specs[q].durable || !p->spec.persistent)
        return;
    p->entries[q].sure = true;
    if (d->now == NO)
        report_failure("message %u was confirmed and not returned, but queue %s is not there", p->spec.id,
                       queue_name(q));
    d->done = PROMISED;
    d->now = YES;
    m->sure_objects |= (object_mask_t)(1u << q);
}

void model_confirmed(model_t *m, uint32_t id)
{
    published_t *p = model_message(m, id);
    p->confirmed = true;
    if (p->mandatory && !p->over && !p->spec.copy && p->spec.exchange == DEFAULT_EXCHANGE &&
        p->spec.key >= MESSAGE_KEYS)
        confirm_queue(m, p);
}

void model_returned(model_t *m, uint32_t id)
{
    published_t *p = model_message(m, id);
    if (p->tx && model_transaction(m, p->tx)->state == TX_OPEN)
        report_failure("message %u is returned before its transaction is committed", id);
    for (unsigned q = 0; q < QUEUES; q++) {
        if (p->entries[q].sure)
            report_failure("message %u was returned, but it goes to queue %s", id, queue_name(q));
        p->entries[q].possible = false;
    }
    p->over = true;
}

void model_publish_dropped(model_t *m, uint32_t id, bool maybe)
{
    published_t *p = model_message(m, id);
    drop_pending(m, id);
    p->is_untaken = !maybe && !p->maybe_taken;
    maybe |= p->maybe_taken;
    for (unsigned q = 0; q < QUEUES; q++) {
        p->entries[q].is_routed |= p->entries[q].sure;
        p->entries[q].sure = false;
        p->entries[q].possible &= maybe;
    }
    p->over |= !maybe;
}

/* ---- deliveries ---- */

static void check_order(model_t *m, const published_t *p, const handover_t *h)
{
    uint32_t *last = &m->last_fresh[h->channel][h->queue][p->channel];
    if (p->is_again)
        return;
    if (h->id <= *last)
        report_failure("queue %s: message %u came after message %u, which was published later",
                       queue_name(h->queue), h->id, *last);
    *last = h->id;
}

static void check_flag(const entry_t *t, const handover_t *h)
{
    if (t->must_mark && t->fresh > 0)
        report_failure("queue %s: message %u was delivered in an earlier life and is not marked redelivered",
                       queue_name(h->queue), h->id);
    if (t->fresh > 1)
        report_failure("queue %s: message %u was delivered twice as if it were fresh", queue_name(h->queue),
                       h->id);
}

/* Events of two channels are not heard in the order in which they were said. So a delivery may turn out to be an old one,
 * to a channel that had ended already. */
static void must_have_ended(entry_t *t, const handover_t *h, unsigned one, unsigned other)
{
    if (t->claims[0] != NOBODY)
        return; /* one doubt at a time */
    report_line("    (channel %u or %u must have ended before)", one - 1, other - 1);
    t->claims[0] = (uint8_t)one;
    t->claims[1] = (uint8_t)other;
    (void)h;
}

static void check_not_settled(entry_t *t, const handover_t *h)
{
    unsigned receiver = h->channel + 1u;
    if (t->settle_done != NEVER && h->no_ack)
        report_failure("queue %s: message %u came although it was settled", queue_name(h->queue), h->id);
    if (t->settle_done != NEVER)
        must_have_ended(t, h, receiver, receiver);
    else if (t->holder != NOBODY)
        must_have_ended(t, h, t->holder, h->no_ack ? t->holder : receiver);
}

void model_delivered(model_t *m, const handover_t *h)
{
    published_t *p = model_message(m, h->id);
    if (p == NULL)
        report_failure("queue %s: message %u was never published", queue_name(h->queue), h->id);
    entry_t *t = &p->entries[h->queue];
    model_tx_seen(m, p, h->queue, h->last);
    if (!t->possible && !t->was_possible)
        report_failure("queue %s: message %u cannot be there (%s)", queue_name(h->queue), h->id,
                       p->over ? "it is over" : "it was not routed to it, or is gone");
    t->total++;
    t->fresh = (uint16_t)(t->fresh + !h->redelivered);
    if (!h->redelivered)
        check_order(m, p, h);
    check_flag(t, h);
    if (t->purge) { /* a purge leaves what is out */
        t->purge = 0;
        t->settle_done = NEVER;
    }
    if (!h->late)
        check_not_settled(t, h);
    if (h->no_ack) {
        may_be_settled(t, 0);
        t->settle_done = h->settled;
        t->holder = NOBODY;
    } else if (!h->late && t->settle_done == NEVER) {
        t->holder = (uint8_t)(h->channel + 1);
    }
}

void model_settle_asked(model_t *m, uint32_t id, unsigned queue, uint64_t last)
{
    entry_t *t = &model_message(m, id)->entries[queue];
    may_be_settled(t, last);
}

void model_settle_done(model_t *m, uint32_t id, unsigned queue, unsigned channel, uint64_t last)
{
    entry_t *t = &model_message(m, id)->entries[queue];
    if (t->claims[0] == channel + 1 || t->claims[1] == channel + 1) {
        unsigned other = t->claims[t->claims[0] == channel + 1];
        if (other == channel + 1)
            report_failure("queue %s: message %u was settled by a channel that could not have it",
                           queue_name(queue), id);
        t->claims[0] = t->claims[1] = (uint8_t)other;
    }
    if (last < t->settle_done)
        t->settle_done = last;
}

void model_given_back(model_t *m, uint32_t id, unsigned queue, unsigned channel, bool earlier)
{
    entry_t *t = &model_message(m, id)->entries[queue];
    unsigned other = NOBODY;
    if (t->claims[0] == channel + 1 || t->claims[1] == channel + 1) {
        other = t->claims[t->claims[0] == channel + 1];
        t->claims[0] = t->claims[1] = NOBODY;
    }
    if (t->holder == channel + 1)
        t->holder = (uint8_t)(other == channel + 1 ? NOBODY : other);
    may_be_settled(t, earlier ? m->purged[queue] : m->purge_issued[queue]);
}

/* ---- purge, and the end of a queue ---- */

void model_purge_asked(model_t *m, unsigned queue, uint32_t cause, uint64_t last)
{
    if (m->purges[queue]++ == 0)
        m->purge_issued[queue] = last;
    if (m->purged[queue] == NEVER)
        m->purged[queue] = last;
    for (uint32_t id = m->first_alive; id <= m->count; id++) {
        published_t *p = model_message(m, id);
        entry_t *t = &p->entries[queue];
        if (!t->possible || t->holder != NOBODY)
            continue;
        may_be_settled(t, last);
        if (p->done != NEVER && t->total == 0 && t->purge == 0 && t->settle_done == NEVER)
            t->purge = cause;
    }
}

void model_purge_done(model_t *m, unsigned queue, uint32_t cause, bool answered)
{
    if (--m->purges[queue] == 0)
        m->purge_issued[queue] = NEVER;
    for (uint32_t id = m->first_alive; id <= m->count; id++) {
        entry_t *t = &model_message(m, id)->entries[queue];
        if (t->purge != cause)
            continue;
        if (answered)
            t->settle_done = PROMISED;
        else
            t->purge = 0;
    }
}

void model_queue_emptied(model_t *m, unsigned queue)
{
    for (uint32_t id = m->first_alive; id <= m->count; id++) {
        published_t *p = model_message(m, id);
        p->entries[queue].sure = false;
        p->entries[queue].was_possible |= p->entries[queue].possible;
        p->entries[queue].possible &= p->pending; /* it may go into the next one of that name */
    }
}

void model_queue_doubtful(model_t *m, unsigned queue)
{
    for (uint32_t id = m->first_alive; id <= m->count; id++)
        model_message(m, id)->entries[queue].sure = false;
}

/* ---- what nobody heard ---- */

/* What was out with him was not purged, and comes back as redelivered; or he did not have to ack it, or did so unseen. */
void model_unheard(model_t *m, unsigned queue, uint64_t settled_since)
{
    for (uint32_t id = m->first_alive; id <= m->count; id++) {
        entry_t *t = &model_message(m, id)->entries[queue];
        if (!t->possible && !t->was_possible)
            continue;
        t->inexact = true;
        if (t->purge) {
            t->purge = 0;
            t->settle_done = NEVER;
        }
        may_be_settled(t, settled_since);
    }
}
