/* SPDX-License-Identifier: Apache-2.0
 *
 * channel_wait.c: the order of a channel's commands. They are carried out as they come, unless one before them is not
 * finished: then they are parked and carried out later in the same order, while other channels go on. */
#include "engine/engine_internal.h"

bool channel_is_parked(const channel_t *ch)
{
    return ch->awaited || ch->parked.length > 0;
}

static uint64_t held_bytes_of(const command_t *cmd)
{
    return command_has_message(cmd->type) && cmd->message ? message_bytes(cmd->message) : 0;
}

void channel_park(channel_t *ch, command_t *cmd)
{
    connection_t *c = ch->connection;
    command_queue_push(&ch->parked, cmd);
    c->parked_count++;
    c->held_bytes += held_bytes_of(cmd);
    connection_check_reading(c);
}

static bool pop_parked(channel_t *ch, command_t *cmd)
{
    connection_t *c = ch->connection;
    if (!command_queue_pop(&ch->parked, cmd))
        return false;
    c->parked_count--;
    c->held_bytes -= held_bytes_of(cmd);
    return true;
}

void channel_hold_no_more(channel_t *ch)
{
    list_remove(&ch->held_link);
    ch->held = false;
}

void channel_drop_parked(channel_t *ch)
{
    command_t cmd;
    while (pop_parked(ch, &cmd))
        command_discard(&cmd);
    channel_hold_no_more(ch);
    connection_check_reading(ch->connection);
}

static bool is_publishing(const channel_t *ch, const command_t *cmd)
{
    return command_has_message(cmd->type) || (cmd->type == COMMAND_TX_COMMIT && tx_will_publish(ch));
}

/* A publish at an alarm: it and what follows wait until the alarm is over. A handler's answer does not: the ack
 * behind it passes, and would leave it behind. Nor does, while memory is short, what belongs to a transaction that has begun:
 * what that holds, and what its acks would free, may be what keeps the alarm on. It does while the log has no room: its commit is
 * where its publishes go to the log. */
static bool must_hold(channel_t *ch, const command_t *cmd)
{
    const engine_t *e = ch->connection->engine;
    if (!flow_is_tight(e) || !is_publishing(ch, cmd) || sync_answers(ch, cmd) ||
        (tx_is_begun(ch) && !flow_log_is_tight(e)) || ch->state != CHANNEL_OPEN ||
        !flow_holds(ch->connection))
        return false;
    if (!ch->held) {
        ch->held = true;
        list_append(&ch->connection->engine->held, &ch->held_link);
    }
    return true;
}

/* Acks pass what is held back at the alarm: they are what ends it; and so do the answers before them, unless confirms
 * count them, or some of it came in parts. One that is wrong waits for its turn, so that the publishes before it are not
 * lost by it. Nothing passes the end of a transaction (the callers see to it): it would become a part of that one. */
static bool may_pass(channel_t *ch, const command_t *cmd, bool behind_part)
{
    if (cmd->type == COMMAND_ACK || cmd->type == COMMAND_NACK)
        return ch->held && settle_is_valid(ch, cmd);
    return ch->held && !ch->confirms && !behind_part && sync_answers(ch, cmd);
}

static bool is_part(const command_t *cmd)
{
    return cmd && cmd->type == COMMAND_PART;
}

/* Acks that are parked (pass_acks) go before those that come now. */
bool channel_must_wait(channel_t *ch, const command_t *cmd)
{
    bool first = ch->parked.length == 0 || (!job_running(&ch->resume) && ch->parked.ends == 0 &&
                                            may_pass(ch, cmd, is_part(command_queue_last(&ch->parked))));
    if (ch->awaited || !first)
        return true;
    return must_hold(ch, cmd);
}

/* Frees a closed channel that nothing waits for. */
static bool free_if_over(channel_t *ch)
{
    connection_t *c = ch->connection;
    if (ch->state != CHANNEL_CLOSED || channel_is_parked(ch) || c->state != CONNECTION_OPEN)
        return false;
    channel_free(ch);
    return true;
}

typedef struct ack_pass {
    channel_t *channel;
    uint32_t left;
    bool behind_part, behind_end;
} ack_pass_t;

static bool take_ack(void *context, command_t *cmd)
{
    ack_pass_t *p = context;
    channel_t *ch = p->channel;
    bool behind_part = p->behind_part;
    p->behind_part = is_part(cmd);
    p->behind_end |= command_ends_tx(cmd);
    if (p->left == 0 || p->behind_end || ch->awaited || !may_pass(ch, cmd, behind_part))
        return false;
    p->left--;
    ch->connection->parked_count--;
    ch->connection->held_bytes -= held_bytes_of(cmd);
    channel_execute(ch, cmd);
    return true;
}

/* Acks that came while the channel waited for a job are parked behind a publish that is now held back: they pass it,
 * too. At most `budget` of them; returns how many. */
static uint32_t pass_acks(channel_t *ch, uint32_t budget)
{
    ack_pass_t pass = {.channel = ch, .left = budget};
    if (ch->held && budget > 0)
        command_queue_filter(&ch->parked, take_ack, &pass);
    return budget - pass.left;
}

static uint32_t resume_step(engine_t *e, job_t *job, uint32_t budget, bool *done)
{
    (void)e;
    channel_t *ch = LIST_OF(job, channel_t, resume);
    connection_t *c = ch->connection;
    uint32_t used = 0;
    command_t cmd;
    bool blocked = false;
    ch->executing = true;
    while (used < budget && !blocked && c->state == CONNECTION_OPEN && ch->parked.length > 0) {
        blocked = ch->awaited || must_hold(ch, command_queue_first(&ch->parked));
        if (!blocked && pop_parked(ch, &cmd)) {
            channel_execute(ch, &cmd);
            used++;
        }
    }
    if (blocked) {
        used += pass_acks(ch, budget - used);
        blocked = ch->awaited || ch->held;
    }
    ch->executing = false;
    *done =
        (blocked && (used < budget || ch->awaited)) || c->state != CONNECTION_OPEN || ch->parked.length == 0;
    connection_check_reading(c);
    if (*done && (free_if_over(ch) || ch->parked.length == 0))
        connection_check_pending(c);
    return used;
}

/* ---- waiting for something ---- */

static void log_is_durable(engine_t *e, wait_t *w)
{
    (void)e;
    channel_t *ch = HEAP_OF(w, channel_t, sync_wait);
    ch->awaited = NULL;
    ch->pause.has_reply = false;
    emit_channel(ch, &ch->pause.reply);
    channel_resume(ch);
}

void reply_after(channel_t *ch, const event_t *reply, record_no after)
{
    engine_t *e = ch->connection->engine;
    event_t ev = *reply;
    if (after <= e->durable) {
        emit_channel(ch, &ev);
        return;
    }
    assert(ch->awaited == NULL);
    ch->awaited = &ch->pause;
    ch->pause.reply = ev;
    ch->pause.has_reply = true;
    wait_for(e, &ch->sync_wait, after, log_is_durable);
}

void reply_ok_after(channel_t *ch, const command_t *cmd, record_no after)
{
    if (!(cmd->flags & COMMAND_NOWAIT))
        reply_after(ch, &(event_t){.type = EVENT_OK, .cause = cmd->cause}, after);
}

void channel_do_again(channel_t *ch, command_t *cmd)
{
    connection_t *c = ch->connection;
    assert(ch->awaited);
    command_queue_push_front(&ch->parked, cmd);
    c->parked_count++;
    c->held_bytes += held_bytes_of(cmd);
    cmd->message = NULL; /* or whatever it owns: it is the parked one's */
    connection_check_reading(c);
}

void channel_wait_in(channel_t *ch, list_t *waiting, command_t *cmd)
{
    assert(ch->awaited == NULL);
    ch->awaited = &ch->pause;
    list_append(waiting, &ch->waiting_link);
    channel_do_again(ch, cmd);
}

void channel_goes_on(channel_t *ch)
{
    list_remove(&ch->waiting_link);
    ch->awaited = NULL;
    channel_resume(ch);
}

void channels_go_on(list_t *waiting)
{
    list_t round;
    list_init(&round);
    list_splice(&round, waiting);
    for (list_t *node; (node = list_first(&round));)
        channel_goes_on(LIST_OF(node, channel_t, waiting_link));
}

void channel_stop_waiting(channel_t *ch)
{
    wait_cancel(ch->connection->engine, &ch->sync_wait);
    list_remove(&ch->waiting_link);
    stream_drop(ch);
    if (ch->awaited == NULL)
        return;
    if (ch->awaited->has_reply)
        event_discard(&ch->awaited->reply);
    job_forget_waiter(ch->awaited);
    ch->awaited = NULL;
}

void channel_resume(channel_t *ch)
{
    if (!list_empty(&ch->stalled))
        consumers_wake(ch->connection->engine, &ch->stalled);
    channel_unpark(ch);
}

/* What it carries out may end its connection, and with it a channel that the job waits for whose slice this is. */
void channel_unpark(channel_t *ch)
{
    connection_t *c = ch->connection;
    if (ch->executing || ch->awaited || c->state != CONNECTION_OPEN)
        return;
    if (free_if_over(ch) || ch->parked.length == 0)
        connection_check_pending(c);
    else if (!job_running(&ch->resume))
        job_start_apart(c->engine, &ch->resume, resume_step);
}
