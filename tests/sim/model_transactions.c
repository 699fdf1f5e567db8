/* SPDX-License-Identifier: Apache-2.0
 *
 * model_transactions.c: all or nothing.
 *
 * A transaction is known to have been applied, or not; or, when the answer to its commit never came, nobody knows. Then the
 * first thing that is seen of it decides: a message that it published is there, or is missing where it must be; a message
 * that it acked is there, or is missing. From then on the rest of it is owed, or must not be. */
#include "base/alloc.h"
#include "sim/model.h"
#include "sim/report.h"

transaction_t *model_transaction(model_t *m, uint32_t tx)
{
    return &m->transactions[tx - 1];
}

uint32_t model_tx_begin(model_t *m)
{
    m->transactions = mem_grow(m->transactions, sizeof *m->transactions, m->tx_count, &m->tx_capacity, 64);
    m->transactions[m->tx_count++] = (transaction_t){.issued = NEVER, .done = NEVER};
    return m->tx_count;
}

void model_tx_asked(model_t *m, uint32_t tx, uint64_t last)
{
    transaction_t *t = model_transaction(m, tx);
    t->state = TX_ASKED;
    t->issued = last;
}

void model_tx_acks(model_t *m, uint32_t tx, uint32_t id, unsigned queue)
{
    entry_t *e = &model_message(m, id)->entries[queue];
    if (e->ack_tx) /* another one may have been applied, and may not */
        model_settle_asked(m, id, queue, model_transaction(m, e->ack_tx)->issued);
    e->ack_tx = tx;
}

bool model_is_sure(model_t *m, const published_t *p, unsigned queue)
{
    const entry_t *t = &p->entries[queue];
    bool is_there = p->tx == 0 || model_transaction(m, p->tx)->state == TX_APPLIED;
    return t->possible && t->sure && is_there && t->settle_issued == NEVER && t->ack_tx == 0;
}

/* ---- how it turns out ---- */

void model_tx_applied(model_t *m, uint32_t tx, uint64_t last)
{
    transaction_t *t = model_transaction(m, tx);
    if (t->state == TX_NOT_APPLIED)
        report_failure("transaction %u was not applied, and is said to be", tx);
    t->state = TX_APPLIED;
    if (t->is_old)
        last = PROMISED;
    if (last < t->done)
        t->done = last;
    for (uint32_t id = m->first_alive; id <= m->count; id++) {
        if (model_message(m, id)->tx == tx)
            model_publish_done(m, id, last);
        for (unsigned q = 0; q < QUEUES && last == PROMISED; q++) {
            entry_t *e = &model_message(m, id)->entries[q];
            if (e->ack_tx != tx)
                continue;
            e->ack_tx = 0;
            e->settle_issued = e->settle_done = PROMISED;
            e->possible &= !t->is_old;
        }
    }
}

void model_tx_not_applied(model_t *m, uint32_t tx)
{
    model_transaction(m, tx)->state = TX_NOT_APPLIED;
    for (uint32_t id = m->first_alive; id <= m->count; id++) {
        published_t *p = model_message(m, id);
        if (p->tx == tx)
            model_publish_dropped(m, id, false);
        for (unsigned q = 0; q < QUEUES; q++)
            if (p->entries[q].ack_tx == tx)
                p->entries[q].ack_tx = 0;
    }
}

void model_tx_reopened(model_t *m, uint64_t last)
{
    for (uint32_t tx = 1; tx <= m->tx_count; tx++) {
        transaction_t *t = model_transaction(m, tx);
        if (t->state == TX_NOT_APPLIED || t->done == PROMISED)
            continue;
        t->is_old = true;
        if (t->state == TX_OPEN || last <= t->issued)
            model_tx_not_applied(m, tx);
        else if (t->done <= last)
            model_tx_applied(m, tx, PROMISED);
        else
            t->state = TX_ASKED, t->done = NEVER;
        t->issued = PROMISED;
    }
}

bool model_has_doubts(model_t *m)
{
    bool has = false;
    for (uint32_t id = m->first_alive; id <= m->count; id++) {
        const published_t *p = model_message(m, id);
        has |= !p->over && p->tx && model_transaction(m, p->tx)->state == TX_ASKED;
        for (unsigned q = 0; q < QUEUES; q++)
            has |= p->entries[q].possible && p->entries[q].ack_tx;
    }
    return has;
}

/* ---- what is seen of it ---- */

void model_tx_seen(model_t *m, published_t *p, unsigned queue, uint64_t last)
{
    const entry_t *e = &p->entries[queue];
    if (p->tx && model_transaction(m, p->tx)->state == TX_OPEN)
        report_failure("queue %s: message %u is of a transaction that was not committed",
                       object_specs[queue].name, p->spec.id);
    if (p->tx && model_transaction(m, p->tx)->state == TX_ASKED)
        model_tx_applied(m, p->tx, last);
    if (e->ack_tx && model_transaction(m, e->ack_tx)->is_old)
        model_tx_not_applied(m, e->ack_tx);
}

/* In a queue of which all was seen. */
static void look_at(model_t *m, published_t *p, unsigned queue, bool seen)
{
    const entry_t *e = &p->entries[queue];
    bool must_be = e->possible && e->sure && e->settle_issued == NEVER;
    if (e->ack_tx && e->possible && seen)
        model_tx_not_applied(m, e->ack_tx);
    else if (e->ack_tx && must_be && (p->tx == 0 || model_transaction(m, p->tx)->state == TX_APPLIED))
        model_tx_applied(m, e->ack_tx, NEVER);
    else if (p->tx && !seen && must_be && model_transaction(m, p->tx)->state == TX_ASKED && e->ack_tx == 0)
        model_tx_not_applied(m, p->tx);
}

void model_tx_dumped(model_t *m, const dump_t *d, unsigned queue)
{
    for (uint32_t id = m->first_alive; id <= m->count; id++) {
        published_t *p = model_message(m, id);
        look_at(m, p, queue, p->entries[queue].order >= d->first_order);
    }
}
