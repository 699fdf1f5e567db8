/* SPDX-License-Identifier: Apache-2.0
 *
 * client_tx.c: transactions, as a client sees them: what it has acked in one is neither held nor settled until the commit,
 * and is held again behind a rollback. */
#include "base/alloc.h"
#include "sim/report.h"
#include "sim/world.h"

uint32_t channel_tx(client_t *c, channel_t *ch)
{
    if (ch->tx == 0)
        ch->tx = model_tx_begin(c->world->model);
    return ch->tx;
}

void channel_claim(client_t *c, channel_t *ch, const held_t *h, bool requeue)
{
    ch->claimed = mem_grow(ch->claimed, sizeof *ch->claimed, ch->claimed_count, &ch->claimed_capacity, 16);
    ch->claimed[ch->claimed_count++] = (claimed_t){*h, channel_tx(c, ch), requeue};
}

/* ---- what becomes of it ---- */

static bool given_back(client_t *c, channel_t *ch, const claimed_t *k)
{
    model_given_back(c->world->model, k->held.message, k->held.queue, ch->index, true);
    return false;
}

static bool held_again(client_t *c, channel_t *ch, const claimed_t *k)
{
    (void)c;
    channel_hold(ch, k->held);
    return false;
}

static bool settled(client_t *c, channel_t *ch, const claimed_t *k)
{
    model_settle_done(c->world->model, k->held.message, k->held.queue, ch->index, PROMISED);
    return false;
}

/* For all that was acked in this transaction; true: it stays claimed. */
static void unclaim(client_t *c, channel_t *ch, uint32_t tx,
                    bool (*what)(client_t *c, channel_t *ch, const claimed_t *k))
{
    size_t kept = 0;
    for (size_t i = 0; i < ch->claimed_count; i++) {
        claimed_t k = ch->claimed[i];
        if (k.tx != tx || what(c, ch, &k))
            ch->claimed[kept++] = k;
    }
    ch->claimed_count = kept;
}

void channel_committed(client_t *c, channel_t *ch, uint32_t tx)
{
    unclaim(c, ch, tx, settled);
    model_tx_applied(c->world->model, tx, PROMISED);
}

void channel_tx_dropped(client_t *c, channel_t *ch, uint32_t tx, bool maybe)
{
    unclaim(c, ch, tx, given_back);
    if (!maybe)
        model_tx_not_applied(c->world->model, tx);
}

void channel_tx_lets_go(client_t *c, channel_t *ch)
{
    if (ch->tx == 0)
        return;
    unclaim(c, ch, ch->tx, given_back);
    model_tx_not_applied(c->world->model, ch->tx);
    ch->tx = 0;
}

/* ---- what is asked ---- */

static void ask(client_t *c, unsigned number, uint8_t type, op_kind_t kind, uint32_t tx)
{
    op_t *op = client_note(c, number, kind);
    op->message = tx;
    client_push(c, number, (command_t){.type = type});
}

void ask_tx(client_t *c, unsigned number)
{
    c->channels[number].is_tx = true;
    report_line("%u.%u #%u wants transactions", c->index, number, c->world->causes + 1);
    ask(c, number, COMMAND_TX_SELECT, OP_OTHER, 0);
}

/* What is requeued may be elsewhere before the commit is answered. */
static bool commits(client_t *c, channel_t *ch, const claimed_t *k)
{
    model_t *m = c->world->model;
    if (k->requeue)
        model_given_back(m, k->held.message, k->held.queue, ch->index, channel_may_be_refused(ch));
    else
        model_tx_acks(m, k->tx, k->held.message, k->held.queue);
    return !k->requeue;
}

void ask_commit(client_t *c, unsigned number)
{
    channel_t *ch = &c->channels[number];
    model_t *m = c->world->model;
    uint32_t tx = channel_tx(c, ch);
    report_line("%u.%u #%u (at %llu) commits transaction %u", c->index, number, c->world->causes + 1,
                (unsigned long long)c->world->last, tx);
    model_tx_asked(m, tx, c->world->last);
    world_cut_soon(c->world);
    unclaim(c, ch, tx, commits);
    ch->tx = 0;
    ask(c, number, COMMAND_TX_COMMIT, OP_COMMIT, tx);
}

void ask_rollback(client_t *c, unsigned number)
{
    channel_t *ch = &c->channels[number];
    uint32_t tx = channel_tx(c, ch);
    report_line("%u.%u #%u rolls transaction %u back", c->index, number, c->world->causes + 1, tx);
    model_tx_not_applied(c->world->model, tx);
    unclaim(c, ch, tx, held_again); /* for what is asked behind it */
    ch->tx = 0;
    ask(c, number, COMMAND_TX_ROLLBACK, OP_OTHER, tx);
}
