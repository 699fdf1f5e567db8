/* SPDX-License-Identifier: Apache-2.0
 *
 * gather.c: what a transaction is told, and how much that may be. Who asks for more has its connection closed: nothing of the
 * transaction happens then. */
#include "engine/tx/tx_internal.h"

/* ---- how much ---- */

/* Publishes of a transaction that has begun pass the memory alarm; that has an end, too. */
static bool memory_is_out(const engine_t *e, uint64_t bytes)
{
    uint64_t high = e->options.memory_high_bytes;
    return high > 0 && bytes > 0 && e->memory_bytes + bytes > high + high / 2;
}

/* True, and counted, if so much more may be told; else refused. */
static bool has_room(channel_t *ch, uint32_t cause, uint64_t bytes, size_t actions)
{
    const engine_options_t *o = &ch->connection->engine->options;
    tx_t *tx = ch->tx;
    if (tx->bytes + bytes > o->transaction_bytes)
        channel_refuse(ch, cause, REFUSAL_RESOURCE_ERROR,
                       "transaction on channel %u has more than %llu octets of messages "
                       "(limits.transaction_bytes)",
                       ch->number, (unsigned long long)o->transaction_bytes);
    else if (tx->actions + actions > o->transaction_actions)
        channel_refuse(ch, cause, REFUSAL_RESOURCE_ERROR,
                       "transaction on channel %u has more than %u publishes to queues and acks "
                       "(limits.transaction_actions)",
                       ch->number, o->transaction_actions);
    else if (memory_is_out(ch->connection->engine, bytes))
        channel_refuse(ch, cause, REFUSAL_RESOURCE_ERROR,
                       "memory alarm: transaction on channel %u cannot go on (vm_memory_high_watermark)",
                       ch->number);
    else {
        tx->bytes += bytes;
        tx->actions += (uint32_t)actions;
        return true;
    }
    return false;
}

/* ---- publishes ---- */

/* `headers`: "" if BCC is to stay. */
static tx_publish_t *add_publish(channel_t *ch, command_t *cmd, bytes_t headers)
{
    tx_t *tx = ch->tx;
    tx->publishes =
        mem_grow(tx->publishes, sizeof *tx->publishes, tx->publish_count, &tx->publish_capacity, 8);
    tx_publish_t *p = &tx->publishes[tx->publish_count++];
    *p = (tx_publish_t){.mandatory = cmd->flags & COMMAND_MANDATORY};
    p->message = publish_take(ch, cmd, headers);
    return p;
}

void tx_add_place(tx_t *tx, queue_t *q)
{
    tx->places = mem_grow(tx->places, sizeof *tx->places, tx->place_count, &tx->place_capacity, 8);
    tx->places[tx->place_count++] = q;
    q->holds++;
}

/* A window is in front of one that is not the first. */
static bool windows_behind(const route_t *r)
{
    for (size_t i = 1; i < r->exchange_count; i++)
        if (r->exchanges[i]->dedup)
            return true;
    return false;
}

/* What the commit will have to do for the message whose route was just found. */
static size_t count_actions(const route_t *r, bool repeats)
{
    size_t actions = r->count > 0 ? r->count : 1;
    if (repeats)
        actions += r->windows;
    if (r->kept > 0 || (repeats && windows_behind(r)))
        actions += r->work;
    return actions;
}

/* It goes where the route leads. */
static void add_routed(channel_t *ch, command_t *cmd, bytes_t headers, bool repeats)
{
    const route_t *r = &ch->connection->engine->route;
    bool is_kept = r->kept > 0;
    tx_publish_t *p = add_publish(ch, cmd, repeats || is_kept ? BYTES("") : headers);
    p->repeats = repeats;
    p->is_kept = is_kept;
    ch->tx->keeps |= is_kept;
    p->routes_again = repeats && windows_behind(r);
    p->places = (uint32_t)r->count;
    p->numbers = r->synchronous;
    if (p->numbers)
        p->numbers->holds++;
    for (size_t i = 0; i < r->count; i++)
        tx_add_place(ch->tx, r->queues[i]);
}

void tx_route_whole(channel_t *ch, exchange_t *x, const message_t *m, bytes_t headers)
{
    route_t *r = &ch->connection->engine->route;
    r->is_blind = true;
    publish_route(ch, x, m, headers);
    r->is_blind = false;
}

/* What windows know now they may have forgotten by the commit. What it takes to route it once more is counted, not guessed. */
void tx_publish(channel_t *ch, command_t *cmd, exchange_t *x, bool again, bytes_t headers)
{
    engine_t *e = ch->connection->engine;
    refusal_t *why = x->sequencer ? sync_check_in_tx(ch, cmd, x) : NULL;
    if (why) {
        channel_refuse_with(ch, why);
        return;
    }
    if (again && e->route.kept == 0)
        work_spend(e, 1 + e->route.count);
    else
        tx_route_whole(ch, x, cmd->message, headers);
    bool repeats = dedup_concerns(e, cmd->message);
    if (has_room(ch, cmd->cause, message_bytes(cmd->message), count_actions(&e->route, repeats)))
        add_routed(ch, cmd, headers, repeats);
}

bool tx_answer(channel_t *ch, command_t *cmd)
{
    if (!sync_answers(ch, cmd))
        return false;
    if (has_room(ch, cmd->cause, message_bytes(cmd->message), 1))
        add_publish(ch, cmd, BYTES(""))->answers = true;
    return true;
}

/* ---- acks ---- */

static bool claim(channel_t *ch, uint32_t cause, unacked_t *u, settle_how_t how)
{
    tx_t *tx = ch->tx;
    if (!has_room(ch, cause, 0, 1))
        return false;
    tx->acks = mem_grow(tx->acks, sizeof *tx->acks, tx->ack_count, &tx->ack_capacity, 8);
    tx->acks[tx->ack_count++] = (tx_ack_t){u->tag, how};
    u->claimed = true;
    return true;
}

/* Its publishes are not held back for want of memory any more. */
static void let_go(channel_t *ch)
{
    if (ch->held && tx_is_begun(ch) && !flow_log_is_tight(ch->connection->engine))
        channel_hold_no_more(ch);
}

/* Too many close the connection, but not the channel underneath (`executing`). */
static uint32_t claim_step(engine_t *e, job_t *job, uint32_t budget, bool *done)
{
    (void)e;
    channel_t *ch = LIST_OF(job, channel_t, settling);
    bool executing = ch->executing, may = true;
    uint32_t used = 0;
    unacked_t *u = NULL;
    ch->executing = true;
    while (may && used < budget && (u = unacked_next(&ch->unacked, ch->settle_from)) &&
           u->tag <= ch->settle_through) {
        ch->settle_from = u->tag + 1;
        may = claim(ch, ch->tx->cause, u, ch->settle_how);
        used++;
    }
    *done = !may || u == NULL || u->tag > ch->settle_through;
    if (*done)
        ch->tx->claimed_through = ch->settle_through;
    let_go(ch);
    ch->executing = executing;
    return used;
}

/* In slices, as without a transaction: very many may be outstanding. */
static void claim_through(channel_t *ch, const command_t *cmd, uint64_t through, settle_how_t how)
{
    ch->settle_from = ch->tx->claimed_through + 1;
    ch->settle_through = through;
    ch->settle_how = how;
    ch->tx->cause = cmd->cause;
    job_start(ch->connection->engine, &ch->settling, claim_step, ch, NULL);
}

void tx_settle(channel_t *ch, const command_t *cmd, settle_how_t how)
{
    if (cmd->flags & COMMAND_MULTIPLE) {
        claim_through(ch, cmd, cmd->number ? cmd->number : unacked_last_tag(&ch->unacked), how);
    } else {
        (void)claim(ch, cmd->cause, unacked_find(&ch->unacked, cmd->number), how);
        let_go(ch);
    }
}
