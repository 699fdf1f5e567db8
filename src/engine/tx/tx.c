/* SPDX-License-Identifier: Apache-2.0
 *
 * tx.c: how a transaction begins, is rolled back and ends. */
#include "engine/tx/tx_internal.h"

/* Lists this short are kept for the next transaction. */
#define KEPT_ITEMS 64

bool tx_is_begun(const channel_t *ch)
{
    const tx_t *tx = ch->tx;
    return tx && tx->publish_count + tx->place_count + tx->ack_count > 0;
}

bool tx_will_publish(const channel_t *ch)
{
    const tx_t *tx = ch->tx;
    size_t answers = 0;
    if (tx == NULL || tx->applied)
        return false;
    while (answers < tx->publish_count && tx->publishes[answers].answers)
        answers++;
    return answers < tx->publish_count;
}

/* ---- what it holds ---- */

static void release_publish(engine_t *e, tx_publish_t *p)
{
    message_unref(e, p->message);
    if (p->numbers)
        exchange_release(p->numbers);
}

bool tx_drop_one(channel_t *ch)
{
    tx_t *tx = ch->tx;
    if (!tx_is_begun(ch))
        return false;
    if (tx->publish_count > 0)
        release_publish(ch->connection->engine, &tx->publishes[--tx->publish_count]);
    else if (tx->place_count > 0)
        queue_release(tx->places[--tx->place_count]);
    else
        unacked_find(&ch->unacked, tx->acks[--tx->ack_count].tag)->claimed = false;
    return true;
}

static void free_lists(tx_t *tx)
{
    mem_free(tx->publishes);
    mem_free(tx->places);
    mem_free(tx->acks);
}

void tx_reset(channel_t *ch)
{
    tx_t *tx = ch->tx;
    while (tx_drop_one(ch))
        ;
    bool keeps = tx->publish_capacity <= KEPT_ITEMS && tx->place_capacity <= KEPT_ITEMS &&
                 tx->ack_capacity <= KEPT_ITEMS;
    if (!keeps) {
        free_lists(tx);
        *tx = (tx_t){0};
        return;
    }
    tx->bytes = tx->actions = 0;
    tx->claimed_through = 0;
    tx->keeps = false;
    tx->applied = false;
    tx->returned = 0;
    tx->stored = 0;
}

void tx_free(channel_t *ch)
{
    if (ch->tx == NULL)
        return;
    assert(!tx_is_begun(ch));
    free_lists(ch->tx);
    mem_free(ch->tx);
    ch->tx = NULL;
}

/* ---- its end has its time ---- */

/* All of a transaction is applied, or dropped, in one step: several large ones are not. */
bool tx_waits_for_time(channel_t *ch, command_t *cmd)
{
    engine_t *e = ch->connection->engine;
    if (e->work_left > 0 || ch->tx->actions == 0)
        return false;
    channel_wait_in(ch, &e->ending, cmd);
    return true;
}

void tx_run(engine_t *e)
{
    list_t round; /* one that has to wait again joins the engine's list, not this one */
    list_init(&round);
    list_splice(&round, &e->ending);
    for (list_t *node; e->work_left > 0 && (node = list_first(&round));)
        channel_goes_on(LIST_OF(node, channel_t, waiting_link));
    list_splice(&round, &e->ending);
    list_splice(&e->ending, &round);
}

/* ---- select, rollback ---- */

void on_tx_select(channel_t *ch, command_t *cmd)
{
    if (ch->confirms) {
        channel_refuse(ch, cmd->cause, REFUSAL_PRECONDITION_FAILED, "cannot switch from confirm to tx mode");
        return;
    }
    if (ch->tx == NULL)
        ch->tx = MEM_NEW(tx_t);
    emit_ok(ch, cmd);
}

void on_tx_rollback(channel_t *ch, command_t *cmd)
{
    engine_t *e = ch->connection->engine;
    if (ch->tx == NULL) {
        channel_refuse(ch, cmd->cause, REFUSAL_PRECONDITION_FAILED, "channel is not transactional");
        return;
    }
    if (tx_waits_for_time(ch, cmd))
        return;
    work_spend(e, ch->tx->actions);
    tx_reset(ch);
    e->counts.rolled_back++;
    emit_ok(ch, cmd);
}
