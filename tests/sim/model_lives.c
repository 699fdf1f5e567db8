/* SPDX-License-Identifier: Apache-2.0
 *
 * model_lives.c: what is owed when a life ends, when the log comes back, and when all that is in a queue was seen. */
#include <string.h>

#include "sim/model.h"
#include "sim/report.h"

/* A message that nobody had before, and that was delivered, was fresh once. One that came to two channels had left the
 * first; but if the power went, it may not have been said yet that the channel ended. */
static void check_entry(const published_t *p, unsigned queue, bool is_clean)
{
    const entry_t *t = &p->entries[queue];
    if (t->total > 0 && t->fresh == 0 && !t->inexact && !t->must_mark)
        report_failure("queue %s: message %u was marked redelivered, but nobody had it before",
                       object_specs[queue].name, p->spec.id);
    if (t->claims[0] != NOBODY && is_clean)
        report_failure("queue %s: message %u was with channels %u and %u at a time", object_specs[queue].name,
                       p->spec.id, t->claims[0] - 1u, t->claims[1] - 1u);
}

void model_life_over(model_t *m, bool is_clean)
{
    for (uint32_t id = m->first_alive; id <= m->count; id++)
        for (unsigned q = 0; q < QUEUES; q++)
            if (!object_specs[q].fickle) /* its name may have been that of several */
                check_entry(model_message(m, id), q, is_clean);
}

static void entry_reopened(entry_t *t, uint64_t last, bool was_clean)
{
    if (t->settle_done <= last || (was_clean && t->settle_done != NEVER))
        t->possible = false;
    else if (t->settle_issued < last)
        t->sure = false, t->is_tainted = true;
    t->settle_issued = t->settle_done = NEVER;
    t->purge = 0;
    t->was_possible = false;
    t->inexact |= !was_clean;
    t->must_mark |= t->total > 0;
    t->total = t->fresh = 0;
    t->holder = t->claims[0] = t->claims[1] = NOBODY;
}

static void message_reopened(published_t *p, uint64_t last, bool was_clean)
{
    bool is_there = p->confirmed || p->done <= last, cannot = !is_there && last <= p->issued;
    if (p->tx) /* what is not known yet will turn out */
        is_there = true, cannot = false;
    bool any = false;
    for (unsigned q = 0; q < QUEUES; q++) {
        entry_t *t = &p->entries[q];
        t->possible &= p->spec.persistent && object_specs[q].durable && !cannot;
        t->is_routed |= t->sure;
        t->sure &= is_there;
        entry_reopened(t, last, was_clean);
        t->sure &= t->possible;
        any |= t->possible;
    }
    p->over = !any;
    p->is_untaken |= cannot && !p->maybe_taken;
    p->done = p->issued = PROMISED;
}

void model_reopened(model_t *m, uint64_t last, bool was_clean)
{
    for (uint32_t i = 0; i < m->pending_count; i++)
        model_message(m, m->pending[i])->pending = false;
    m->pending_count = 0;
    model_definitions_reopened(m, last);
    model_tx_reopened(m, last);
    for (uint32_t id = m->first_alive; id <= m->count; id++)
        message_reopened(model_message(m, id), last, was_clean);
    while (m->first_alive <= m->count && model_message(m, m->first_alive)->over)
        m->first_alive++;
    for (unsigned q = 0; q < QUEUES; q++) {
        m->purges[q] = 0;
        m->purge_issued[q] = m->purged[q] = NEVER;
    }
    memset(m->last_fresh, 0, sizeof m->last_fresh);
}

void model_count(model_t *m, unsigned queue, uint32_t *least, uint32_t *most)
{
    *least = *most = 0;
    for (uint32_t id = m->first_alive; id <= m->count; id++) {
        const entry_t *t = &model_message(m, id)->entries[queue];
        *least += model_is_sure(m, model_message(m, id), queue);
        *most += t->possible && t->settle_done == NEVER;
    }
    if (m->may_miss)
        *least = 0;
}

void model_show(model_t *m, unsigned queue)
{
    for (uint32_t id = m->first_alive; id <= m->count; id++) {
        const published_t *p = model_message(m, id);
        const entry_t *t = &p->entries[queue];
        if (t->possible && t->settle_done == NEVER)
            report_line("  message %u %s in %s (transactions %u, %u)", id,
                        model_is_sure(m, p, queue) ? "must be" : "may be", object_specs[queue].name, p->tx,
                        t->ack_tx);
    }
}

/* ---- a dump ---- */

static void lose(model_t *m, const published_t *p, unsigned queue)
{
    m->missed++;
    if (!m->may_miss)
        report_failure("queue %s: message %u is lost (published by channel %u, %s)", object_specs[queue].name,
                       p->spec.id, p->channel,
                       p->confirmed ? "confirmed"
                       : p->tx      ? "in a transaction that was applied"
                                    : "its record was durable");
}

void model_dump_begin(model_t *m, dump_t *d)
{
    *d = (dump_t){.first_order = m->orders + 1};
}

void model_dump_message(model_t *m, dump_t *d, unsigned queue, uint32_t id)
{
    published_t *p = model_message(m, id);
    entry_t *t = &p->entries[queue];
    const char *name = object_specs[queue].name;
    if (t->order >= d->first_order)
        report_failure("queue %s: message %u is there twice", name, id);
    if (t->order && t->order < d->last_order)
        report_failure("queue %s: message %u has lost its place", name, id);
    if (t->order)
        d->last_order = t->order;
    uint32_t *last = &d->last_of[p->channel];
    if (id < *last && !p->is_again)
        report_failure("queue %s: message %u stands behind message %u, which was published later", name, id,
                       *last);
    *last = p->is_again ? *last : id;
    t->order = ++m->orders;
}

void model_dump_end(model_t *m, const dump_t *d, unsigned queue)
{
    model_tx_dumped(m, d, queue);
    for (uint32_t id = m->first_alive; id <= m->count; id++) {
        published_t *p = model_message(m, id);
        entry_t *t = &p->entries[queue];
        if (!t->possible)
            continue;
        bool seen = t->order >= d->first_order;
        if (!seen && model_is_sure(m, p, queue))
            lose(m, p, queue);
        t->is_tainted |= !seen;
        t->possible = seen && t->settle_done == NEVER;
        t->sure = t->possible && !object_specs[queue].fickle;
        if (seen && t->settle_done == NEVER)
            t->settle_issued = NEVER;
    }
}
