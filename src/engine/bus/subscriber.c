/* SPDX-License-Identifier: Apache-2.0
 *
 * subscriber.c: how subscribers come, what they want, how they go. */
#include "engine/engine_internal.h"

#define MAX_MESSAGES 1000
#define MAX_BYTES    (8u << 20)

/* ---- its bounds: the arguments of its queue ---- */

static bool set_bound(const field_t *f, uint64_t *out)
{
    if (!field_is_integer(f) || field_integer(f) < 1)
        return false;
    *out = (uint64_t)field_integer(f);
    return true;
}

static bool set_policy(const field_t *f, slow_policy_t *out)
{
    static const char *const words[] = {
        [SLOW_DROP_NEWEST] = "drop-newest",
        [SLOW_DROP_OLDEST] = "drop-oldest",
        [SLOW_BLOCK] = "block",
        [SLOW_DISCONNECT] = "disconnect",
    };
    for (size_t i = 0; f->tag == 'S' && i < sizeof words / sizeof *words; i++) {
        if (bytes_equal(f->octets, bytes_string(words[i]))) {
            *out = (slow_policy_t)i;
            return true;
        }
    }
    return false;
}

static bool set_argument(subscriber_t *s, bytes_t name, const field_t *f)
{
    if (bytes_equal(name, BYTES("x-max-length")))
        return set_bound(f, &s->max_messages);
    if (bytes_equal(name, BYTES("x-max-length-bytes")))
        return set_bound(f, &s->max_bytes);
    return bytes_equal(name, BYTES("x-overflow")) && set_policy(f, &s->policy);
}

/* False: refused. */
static bool set_arguments(subscriber_t *s, channel_t *ch, const command_t *cmd)
{
    table_iterator_t it = table_iterate(cmd->request->arguments);
    bytes_t name;
    for (field_t f; table_next(&it, &name, &f);) {
        if (set_argument(s, name, &f))
            continue;
        char value[128];
        field_text(&f, value, sizeof value);
        channel_refuse(ch, cmd->cause, REFUSAL_PRECONDITION_FAILED,
                       "invalid arg '%.*s' for subscriber " QUEUE_FORMAT ": '%s'", TEXT_ARG(name),
                       NAMED_ARG(cmd->request->name, ch->connection->vhost), value);
        return false;
    }
    return true;
}

/* ---- how it comes ---- */

static void start(subscriber_t *s, channel_t *ch, const request_t *r)
{
    queue_t *q = queue_from_record(
        ch->connection->vhost, 0,
        &(record_t){
            .type = RECORD_QUEUE, .flags = RECORD_AUTO_DELETE, .name = r->name, .arguments = r->arguments});
    q->exclusive = true;
    q->owner = ch->connection;
    list_append(&ch->connection->exclusive_queues, &q->owned);
    q->subscriber = s;
    s->queue = q;
}

void on_subscriber(channel_t *ch, command_t *cmd)
{
    request_t *r = cmd->request;
    if (queue_find(ch->connection->vhost, r->name)) {
        channel_refuse(ch, cmd->cause, REFUSAL_RESOURCE_LOCKED, "a " QUEUE_FORMAT " is there already",
                       NAMED_ARG(r->name, ch->connection->vhost));
        return;
    }
    subscriber_t *s = MEM_NEW(subscriber_t);
    s->max_messages = MAX_MESSAGES;
    s->max_bytes = MAX_BYTES;
    list_init(&s->publishers);
    list_init(&s->slow);
    list_init(&s->joins);
    list_init(&s->joining);
    if (!set_arguments(s, ch, cmd)) {
        mem_free(s);
        return;
    }
    start(s, ch, r);
    r->tag = r->name;
    cmd->flags |= COMMAND_NO_ACK | COMMAND_EXCLUSIVE;
    on_consume(ch, cmd);
}

/* ---- what it wants ---- */

/* NULL: refused; and with the channel's consumers the queue may be gone. */
static subscriber_t *subscriber_of_request(channel_t *ch, const command_t *cmd)
{
    const queue_t *q = queue_of_request(ch, cmd);
    subscriber_t *s = q ? q->subscriber : NULL;
    if (q && s == NULL)
        channel_refuse(ch, cmd->cause, REFUSAL_PRECONDITION_FAILED, QUEUE_FORMAT " is no subscriber's",
                       NAMED_ARG(q->name, q->vhost));
    return s;
}

/* NULL: refused. */
static exchange_t *exchange_of_request(channel_t *ch, const command_t *cmd)
{
    bytes_t name = cmd->request->source;
    exchange_t *x = exchange_find(ch->connection->vhost, name);
    if (name.len == 0) {
        channel_refuse(ch, cmd->cause, REFUSAL_ACCESS_REFUSED,
                       "operation not permitted on the default exchange");
        return NULL;
    }
    if (x == NULL)
        channel_refuse(ch, cmd->cause, REFUSAL_NOT_FOUND, "no " EXCHANGE_FORMAT,
                       NAMED_ARG(name, ch->connection->vhost));
    return x;
}

static bool same_exchange(channel_t *ch, const command_t *cmd, const subscriber_t *s, const exchange_t *x)
{
    if (s->prefixes.count == 0 || s->exchange == x)
        return true;
    channel_refuse(ch, cmd->cause, REFUSAL_PRECONDITION_FAILED,
                   "subscriber " QUEUE_FORMAT " has subscribed to exchange '%.*s' already",
                   NAMED_ARG(s->queue->name, s->queue->vhost), TEXT_ARG(s->exchange->name));
    return false;
}

void on_subscribe(channel_t *ch, command_t *cmd)
{
    subscriber_t *s = subscriber_of_request(ch, cmd);
    exchange_t *x = s ? exchange_of_request(ch, cmd) : NULL;
    if (x == NULL || !same_exchange(ch, cmd, s, x))
        return;
    s->exchange = x;
    prefix_place_t *place = prefix_add(&x->subscriptions, &s->prefixes, cmd->request->routing_key);
    if (place == NULL)
        return;
    ch->connection->engine->topology++;
    join_start(s, place);
}

void on_unsubscribe(channel_t *ch, command_t *cmd)
{
    subscriber_t *s = subscriber_of_request(ch, cmd);
    const exchange_t *x = s ? exchange_of_request(ch, cmd) : NULL;
    if (x == NULL || s->prefixes.count == 0 || s->exchange != x)
        return;
    if (prefix_remove(&s->exchange->subscriptions, &s->prefixes, cmd->request->routing_key))
        ch->connection->engine->topology++;
}

/* ---- how it goes ---- */

bool subscriber_drop_prefix(subscriber_t *s)
{
    if (s->prefixes.count == 0)
        return false;
    s->queue->vhost->engine->topology++;
    return prefix_remove_any(&s->exchange->subscriptions, &s->prefixes);
}

bool subscriptions_drop(exchange_t *x)
{
    prefix_holder_t *who = prefix_index_remove_any(&x->subscriptions);
    x->vhost->engine->topology++;
    queue_t *q = who && who->count == 0 ? subscriber_of(who)->queue : NULL;
    if (q && !q->deleted)
        queue_remove(q, NULL, NULL);
    return who != NULL;
}

void subscriber_leave(subscriber_t *s)
{
    list_splice(&s->queue->vhost->engine->slow_over, &s->publishers);
    list_remove(&s->slow);
    joins_cancel(s);
}

void subscriber_free(subscriber_t **sp)
{
    subscriber_t *s = *sp;
    if (s == NULL)
        return;
    assert(list_empty(&s->publishers) && !list_linked(&s->slow) && list_empty(&s->joins));
    prefix_holder_deinit(&s->prefixes);
    mem_free(s);
    *sp = NULL;
}
