/* SPDX-License-Identifier: Apache-2.0
 *
 * channel.c: a channel's life: how it opens, carries out commands, is refused and ends. It is freed only between
 * commands (`executing`). */
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

void channel_execute(channel_t *ch, command_t *cmd)
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

void channel_command(connection_t *c, command_t *cmd)
{
    channel_t *ch = channel_find(c, cmd->channel);
    if (ch == NULL) {
        if (cmd->type == COMMAND_CHANNEL_OPEN) {
            ch = channel_new(c, cmd->channel);
            emit_channel(ch, &(event_t){.type = EVENT_CHANNEL_OPENED});
        }
        command_discard(cmd);
    } else if (channel_must_wait(ch, cmd)) {
        channel_park(ch, cmd);
    } else {
        ch->executing = true;
        channel_execute(ch, cmd);
        ch->executing = false;
        bool goes_on = ch->parked.length > 0 && !ch->held; /* an ack has begun a transaction */
        if ((ch->state == CHANNEL_CLOSED || goes_on) && c->state == CONNECTION_OPEN)
            channel_unpark(ch);
    }
}
