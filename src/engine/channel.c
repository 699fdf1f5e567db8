/* SPDX-License-Identifier: Apache-2.0
 *
 * channel.c: a channel's life and the order of its commands.
 *
 * Commands are carried out as they come, unless one before them is not finished: then they are parked and
 * carried out later in the same order, while other channels go on. A channel is freed only between commands
 * (`executing`). */
#include <stdarg.h>

#include "engine/engine_internal.h"

static bytes_t tag_of(const hash_node_t *node)
{
    return HASH_OF(node, const consumer_t, node)->tag;
}

static channel_t *channel_new(connection_t *c, uint16_t number)
{
    channel_t *ch = MEM_NEW(channel_t);
    ch->connection = c;
    ch->number = number;
    hash_init(&ch->consumers, tag_of);
    list_init(&ch->stalled);
    list_init(&ch->confirming);
    list_init(&ch->asking);
    list_init(&ch->held_link);
    job_init(&ch->resume);
    job_init(&ch->settling);
    job_init(&ch->pause);
    list_init(&ch->waiting_link);
    hash_insert(&c->channels, &ch->node);
    c->engine->counts.channels++;
    return ch;
}

void channel_free(channel_t *ch)
{
    connection_t *c = ch->connection;
    assert(ch->consumers.count == 0 && ch->unacked.count == 0 && ch->awaited == NULL);
    assert(!job_running(&ch->settling));
    channel_drop_parked(ch);
    confirms_drop(ch);
    incoming_drop(ch);
    tx_free(ch);
    list_remove(&ch->resume.link);
    list_remove(&ch->confirming);
    hash_remove(&c->channels, &ch->node);
    if (c->last_channel == ch)
        c->last_channel = NULL;
    hash_deinit(&ch->consumers);
    unacked_deinit(&ch->unacked);
    mem_free((void *)ch->last_queue.data);
    mem_free(ch->route);
    c->engine->counts.channels--;
    mem_free(ch);
}

void channel_set_last_queue(channel_t *ch, bytes_t name)
{
    if (bytes_equal(ch->last_queue, name))
        return;
    mem_free((void *)ch->last_queue.data);
    ch->last_queue = bytes_dup(name);
}

/* ---- its end ---- */

bool channel_wind_up(channel_t *ch, uint32_t budget, uint32_t *used)
{
    hash_node_t *node;
    unacked_t *u;
    while (*used < budget && tx_drop_one(ch))
        ++*used;
    for (; *used < budget && (node = hash_any(&ch->consumers)); (*used)++)
        consumer_cancel(HASH_OF(node, consumer_t, node));
    for (; *used < budget && (u = unacked_first(&ch->unacked)); (*used)++)
        settle_one(ch, u, SETTLE_REQUEUE);
    return ch->consumers.count == 0 && ch->unacked.count == 0 && !tx_is_begun(ch);
}

static uint32_t wind_up_step(engine_t *e, job_t *job, uint32_t budget, bool *done)
{
    (void)e;
    uint32_t used = 0;
    *done = channel_wind_up(LIST_OF(job, channel_t, settling), budget, &used);
    return used;
}

/* The same but for a transaction, of which more is parked: it is not given up, nor what it claims. */
static uint32_t leave_step(engine_t *e, job_t *job, uint32_t budget, bool *done)
{
    (void)e;
    channel_t *ch = LIST_OF(job, channel_t, settling);
    uint32_t used = 0;
    hash_node_t *node;
    unacked_t *u;
    for (; used < budget && (node = hash_any(&ch->consumers)); used++)
        consumer_cancel(HASH_OF(node, consumer_t, node));
    for (; used < budget && (u = unacked_next(&ch->unacked, ch->settle_from)); used++) {
        ch->settle_from = u->tag + 1; /* what is claimed is passed once */
        settle_one(ch, u, SETTLE_REQUEUE);
    }
    *done = used < budget;
    return used;
}

static bool note_settling(void *context, command_t *cmd)
{
    *(bool *)context |= cmd->type == COMMAND_ACK || cmd->type == COMMAND_NACK;
    return false;
}

/* What a transaction was told goes too, unless what is parked is more of it. Nor does
 * anything go back whose ack may be among what is parked. */
void channel_leave(channel_t *ch)
{
    bool settles = false;
    command_queue_filter(&ch->parked, note_settling, &settles);
    bool idle = ch->state == CHANNEL_OPEN && !ch->awaited && !ch->executing && !job_running(&ch->resume);
    bool begun = tx_is_begun(ch), stays = begun && ch->parked.length > 0;
    bool has_more =
        ch->consumers.count > 0 || (stays ? unacked_next(&ch->unacked, 0) != NULL : ch->unacked.count > 0);
    if (!idle || settles || (!has_more && (!begun || stays)))
        return;
    ch->settle_from = 0;
    job_start(ch->connection->engine, &ch->settling, stays ? leave_step : wind_up_step, ch, NULL);
}

/* What is safe is confirmed; the rest never is, and a message that is not whole never will be. */
static void end_publishing(channel_t *ch)
{
    confirm_flush(ch);
    confirms_drop(ch);
    incoming_drop(ch);
}

/* The client closes: answered when consumers are gone and unacked messages have returned. */
static void on_close(channel_t *ch, const command_t *cmd)
{
    event_t closed = {.type = EVENT_CHANNEL_CLOSED, .cause = cmd->cause};
    end_publishing(ch);
    ch->state = CHANNEL_CLOSED;
    job_start(ch->connection->engine, &ch->settling, wind_up_step, ch, &closed);
}

void channel_refuse_with(channel_t *ch, refusal_t *why)
{
    if (refusal_is_hard(why->code)) {
        connection_close(ch->connection, why, true);
        return;
    }
    event_t refused = {.type = EVENT_CHANNEL_REFUSED, .refusal = why};
    end_publishing(ch);
    ch->state = CHANNEL_REFUSED;
    channel_drop_parked(ch);
    job_start(ch->connection->engine, &ch->settling, wind_up_step, ch, &refused);
}

void channel_refuse(channel_t *ch, uint32_t cause, uint16_t code, const char *format, ...)
{
    refusal_t *why = refusal_new(code, cause, "%s", "");
    va_list args;
    va_start(args, format);
    text_format_list(why->text, sizeof why->text, format, args);
    va_end(args);
    channel_refuse_with(ch, why);
}

/* A channel number is used again: everything as new. */
static void reopen(channel_t *ch)
{
    ch->state = CHANNEL_OPEN;
    ch->prefetch = ch->global_prefetch = 0;
    ch->last_tag = 0;
    ch->confirms = false;
    tx_free(ch);
    ch->publishes_done = ch->publishes_safe = ch->publishes_confirmed = 0;
    ch->confirmed_alone = ch->last_alone = 0;
    channel_set_last_queue(ch, BYTES(""));
    emit_channel(ch, &(event_t){.type = EVENT_CHANNEL_OPENED});
}

/* ---- commands ---- */

static void on_refuse(channel_t *ch, command_t *cmd)
{
    refusal_t *why = cmd->refusal;
    cmd->refusal = NULL;
    channel_refuse_with(ch, why);
}

static void on_echo(channel_t *ch, command_t *cmd)
{
    emit_ok(ch, cmd);
}

static command_handler_t *const handlers[] = {
    [COMMAND_REFUSE] = on_refuse,
    [COMMAND_EXCHANGE_DECLARE] = on_exchange_declare,
    [COMMAND_EXCHANGE_DELETE] = on_exchange_delete,
    [COMMAND_EXCHANGE_BIND] = on_exchange_bind,
    [COMMAND_EXCHANGE_UNBIND] = on_exchange_unbind,
    [COMMAND_QUEUE_DECLARE] = on_queue_declare,
    [COMMAND_QUEUE_BIND] = on_queue_bind,
    [COMMAND_QUEUE_UNBIND] = on_queue_unbind,
    [COMMAND_QUEUE_PURGE] = on_queue_purge,
    [COMMAND_QUEUE_DELETE] = on_queue_delete,
    [COMMAND_QOS] = on_qos,
    [COMMAND_CONSUME] = on_consume,
    [COMMAND_CANCEL] = on_cancel,
    [COMMAND_PUBLISH] = on_publish,
    [COMMAND_PART] = on_part,
    [COMMAND_GET] = on_get,
    [COMMAND_ACK] = on_ack,
    [COMMAND_NACK] = on_nack,
    [COMMAND_RECOVER] = on_recover,
    [COMMAND_CONFIRM_SELECT] = on_confirm_select,
    [COMMAND_TX_SELECT] = on_tx_select,
    [COMMAND_TX_COMMIT] = on_tx_commit,
    [COMMAND_TX_ROLLBACK] = on_tx_rollback,
    [COMMAND_SUBSCRIBER] = on_subscriber,
    [COMMAND_SUBSCRIBE] = on_subscribe,
    [COMMAND_UNSUBSCRIBE] = on_unsubscribe,
    [COMMAND_ECHO] = on_echo,
};

static void execute_open(channel_t *ch, command_t *cmd)
{
    if (cmd->type == COMMAND_CHANNEL_CLOSE) {
        on_close(ch, cmd);
    } else if (cmd->type < sizeof handlers / sizeof *handlers && handlers[cmd->type]) {
        handlers[cmd->type](ch, cmd);
    }
}

/* The peer is being told of the error: only its closing counts. */
static void execute_refused(channel_t *ch, const command_t *cmd)
{
    if (cmd->type == COMMAND_CHANNEL_RELEASE)
        ch->state = CHANNEL_CLOSED;
    else if (cmd->type == COMMAND_CHANNEL_CLOSE)
        emit_channel(ch, &(event_t){.type = EVENT_CHANNEL_CLOSED, .cause = cmd->cause});
    else if (cmd->type == COMMAND_CHANNEL_OPEN)
        channel_refuse(ch, cmd->cause, REFUSAL_CHANNEL_ERROR, "second 'channel.open' seen");
}

/* Carries one out and frees what it still owns afterwards. */
static void execute(channel_t *ch, command_t *cmd)
{
    if (ch->state == CHANNEL_OPEN)
        execute_open(ch, cmd);
    else if (ch->state == CHANNEL_REFUSED)
        execute_refused(ch, cmd);
    else if (cmd->type == COMMAND_CHANNEL_OPEN)
        reopen(ch);
    if (cmd->message) /* or whatever else it owns: handlers leave NULL of what they took */
        command_discard(cmd);
}

/* ---- parking ---- */

bool channel_is_parked(const channel_t *ch)
{
    return ch->awaited || ch->parked.length > 0;
}

static uint64_t held_bytes_of(const command_t *cmd)
{
    return command_has_message(cmd->type) && cmd->message ? message_bytes(cmd->message) : 0;
}

static void park(channel_t *ch, command_t *cmd)
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
static bool must_wait(channel_t *ch, const command_t *cmd)
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
    execute(ch, cmd);
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
            execute(ch, &cmd);
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

void channel_unpark(channel_t *ch)
{
    connection_t *c = ch->connection;
    if (ch->executing || ch->awaited || c->state != CONNECTION_OPEN)
        return;
    if (free_if_over(ch) || ch->parked.length == 0)
        connection_check_pending(c);
    else if (!job_running(&ch->resume))
        job_start(c->engine, &ch->resume, resume_step, NULL, NULL);
}

void channel_command(connection_t *c, command_t *cmd)
{
    channel_t *ch = channel_find(c, cmd->channel);
    if (ch == NULL) {
        if (cmd->type == COMMAND_CHANNEL_OPEN) {
            ch = channel_new(c, cmd->channel);
            emit_channel(ch, &(event_t){.type = EVENT_CHANNEL_OPENED});
        }
        command_discard(cmd);
    } else if (must_wait(ch, cmd)) {
        park(ch, cmd);
    } else {
        ch->executing = true;
        execute(ch, cmd);
        ch->executing = false;
        bool goes_on = ch->parked.length > 0 && !ch->held; /* an ack has begun a transaction */
        if ((ch->state == CHANNEL_CLOSED || goes_on) && c->state == CONNECTION_OPEN)
            channel_unpark(ch);
    }
}
