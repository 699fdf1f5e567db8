/* SPDX-License-Identifier: Apache-2.0
 *
 * publish.c: publish, with returns and confirms, and get. */
#include "engine/engine_internal.h"

/* ---- confirms: publishes of a channel are done in order, so one number says which are ---- */

/* One more publish is done. */
static void confirm_done(channel_t *ch)
{
    if (!ch->confirms)
        return;
    ch->publishes_done++;
    if (!list_linked(&ch->confirming))
        list_append(&ch->connection->engine->confirming, &ch->confirming);
}

void confirm_flush(channel_t *ch)
{
    uint64_t fresh = ch->publishes_done - ch->publishes_confirmed;
    list_remove(&ch->confirming);
    if (fresh == 0)
        return;
    ch->publishes_confirmed = ch->publishes_done;
    ch->connection->engine->counts.confirmed += fresh;
    emit_channel(ch, &(event_t){.type = EVENT_CONFIRM,
                                .delivery_tag = ch->publishes_done,
                                .flags = fresh > 1 ? EVENT_MULTIPLE : 0});
}

/* At the end of a step: one event a channel, however many publishes it had; those without room wait and grow.
 */
void confirms_run(engine_t *e)
{
    LIST_EACH (node, &e->confirming) {
        channel_t *ch = LIST_OF(node, channel_t, confirming);
        connection_t *c = ch->connection;
        if (c->state != CONNECTION_OPEN)
            list_remove(node);
        else if (lane_room(c->port->port->events) > 0)
            confirm_flush(ch);
    }
}

void on_confirm_select(channel_t *ch, command_t *cmd)
{
    ch->confirms = true;
    emit_ok(ch, cmd);
}

void on_tx(channel_t *ch, command_t *cmd)
{
    if (cmd->type != COMMAND_TX_SELECT)
        channel_refuse(ch, cmd->cause, REFUSAL_PRECONDITION_FAILED, "channel is not transactional");
    else if (ch->confirms)
        channel_refuse(ch, cmd->cause, REFUSAL_PRECONDITION_FAILED, "cannot switch from confirm to tx mode");
    else
        channel_refuse(ch, cmd->cause, REFUSAL_NOT_IMPLEMENTED, "transactions (tx.select) are not supported");
}

/* ---- wide fan-out: more queues than fit into a slice ---- */

typedef struct fanout {
    job_t job;
    message_t *message; /* one reference */
    size_t next, count;
    queue_t *queues[]; /* held */
} fanout_t;

static uint32_t fanout_step(engine_t *e, job_t *job, uint32_t budget, bool *done)
{
    fanout_t *f = LIST_OF(job, fanout_t, job);
    uint32_t used = 0;
    for (; used < budget && f->next < f->count; used++) {
        queue_t *q = f->queues[f->next++];
        if (!q->deleted)
            queue_append(q, f->message);
        queue_release(q);
    }
    *done = f->next == f->count;
    if (*done) {
        if (job->waiter)
            confirm_done(job->waiter);
        message_unref(e, f->message);
        mem_free(f);
    }
    return used;
}

/* Takes over the caller's reference to the message. */
static void fan_out(channel_t *ch, message_t *m, const route_t *r)
{
    fanout_t *f = mem_zero(sizeof *f + r->count * sizeof(queue_t *));
    job_init(&f->job);
    f->message = m;
    f->count = r->count;
    for (size_t i = 0; i < r->count; i++) {
        f->queues[i] = r->queues[i];
        f->queues[i]->holds++;
    }
    job_start(ch->connection->engine, &f->job, fanout_step, ch, NULL);
}

/* ---- publish ---- */

/* The routing key and those in CC and BCC; `keys` has room for `max`. */
static size_t collect_keys(const message_t *m, bytes_t headers, bytes_t *keys, size_t max)
{
    static const char *const names[] = {"CC", "BCC"};
    size_t count = 1;
    keys[0] = message_routing_key(m);
    for (size_t i = 0; i < 2 && headers.len > 0; i++) {
        field_t list, item;
        if (!table_find(headers, bytes_string(names[i]), &list))
            continue;
        table_iterator_t it = table_iterate(list.octets);
        while (count < max && array_next(&it, &item))
            if (item.tag == 'S')
                keys[count++] = item.octets;
    }
    return count;
}

static size_t count_copies(bytes_t headers)
{
    static const char *const names[] = {"CC", "BCC"};
    size_t count = 0;
    for (size_t i = 0; i < 2 && headers.len > 0; i++) {
        field_t list, item;
        if (!table_find(headers, bytes_string(names[i]), &list))
            continue;
        table_iterator_t it = table_iterate(list.octets);
        while (array_next(&it, &item))
            count++;
    }
    return count;
}

static void route(engine_t *e, exchange_t *x, const message_t *m, bytes_t headers)
{
    bytes_t few[16];
    size_t max = 1 + count_copies(headers);
    bytes_t *keys = max <= 16 ? few : mem_alloc(max * sizeof(bytes_t));
    size_t count = collect_keys(m, headers, keys, max);
    route_message(e, x, keys, count, headers);
    work_spend(e, e->route.work + count);
    if (keys != few)
        mem_free(keys);
}

/* BCC is for the broker's eyes only: gone before anybody gets the message. */
static message_t *without_bcc(engine_t *e, message_t *m, bytes_t headers)
{
    field_t bcc;
    if (!table_find(headers, BYTES("BCC"), &bcc))
        return m;
    buffer_t kept = {0}, sorted = {0}, properties = {0};
    table_iterator_t it = table_iterate(headers);
    bytes_t key;
    field_t value;
    while (table_next(&it, &key, &value))
        if (!bytes_equal(key, BYTES("BCC")))
            table_put_field(&kept, key, &value);
    table_write_sorted(&sorted, buffer_bytes(&kept));
    properties_write_headers(&properties, message_properties(m), buffer_bytes(&sorted));
    message_t *copy = message_with_properties(m, buffer_bytes(&properties));
    buffer_free(&kept);
    buffer_free(&sorted);
    buffer_free(&properties);
    message_adopt(e, copy);
    message_unref(e, m);
    return copy;
}

static exchange_t *exchange_for_publish(channel_t *ch, const command_t *cmd)
{
    vhost_t *v = ch->connection->vhost;
    bytes_t name = message_exchange(cmd->message);
    exchange_t *x = exchange_find(v, name);
    if (x == NULL) {
        channel_refuse(ch, cmd->cause, REFUSAL_NOT_FOUND, "no " EXCHANGE_FORMAT, NAMED_ARG(name, v));
    } else if (x->internal) {
        channel_refuse(ch, cmd->cause, REFUSAL_ACCESS_REFUSED, "cannot publish to internal " EXCHANGE_FORMAT,
                       NAMED_ARG(name, v));
        return NULL;
    }
    return x;
}

/* Puts the message where the route leads; takes over the caller's reference. */
static void enqueue(channel_t *ch, const command_t *cmd, message_t *m)
{
    engine_t *e = ch->connection->engine;
    const route_t *r = &e->route;
    if (r->count > e->options.slice) {
        fan_out(ch, m, r);
        return;
    }
    for (size_t i = 0; i < r->count; i++)
        queue_append(r->queues[i], m);
    if (r->count == 0 && (cmd->flags & COMMAND_MANDATORY)) {
        e->counts.returned++;
        message_ref(m); /* the loan's */
        emit_channel(ch, &(event_t){.type = EVENT_RETURN, .cause = cmd->cause, .message = m});
    }
    confirm_done(ch);
    message_unref(e, m);
}

void on_publish(channel_t *ch, command_t *cmd)
{
    engine_t *e = ch->connection->engine;
    exchange_t *x = exchange_for_publish(ch, cmd);
    if (x == NULL)
        return;
    bytes_t properties = message_properties(cmd->message);
    refusal_t *why = publication_check(ch, cmd, properties);
    if (why) {
        channel_refuse_with(ch, why);
        return;
    }
    message_t *m = cmd->message;
    cmd->message = NULL;
    e->counts.published++;
    message_adopt(e, m);
    bytes_t headers = properties_headers(properties);
    route(e, x, m, headers);
    enqueue(ch, cmd, without_bcc(e, m, headers));
}

/* ---- get ---- */

void on_get(channel_t *ch, command_t *cmd)
{
    queue_t *q = queue_of_request(ch, cmd);
    uint32_t max = ch->connection->engine->options.unacked_max;
    if (q == NULL)
        return;
    if (!(cmd->flags & COMMAND_NO_ACK) && ch->unacked.count >= max) {
        channel_refuse(
            ch, cmd->cause, REFUSAL_RESOURCE_ERROR,
            "channel %u holds %u unacknowledged deliveries, the most it may (limits.unacked_per_channel)",
            ch->number, max);
        return;
    }
    event_t ev = {.type = EVENT_GET_OK, .cause = cmd->cause};
    queue_touch(q);
    if (deliver_take(ch, q, NULL, cmd->flags & COMMAND_NO_ACK, &ev) == NULL)
        ev = (event_t){.type = EVENT_GET_EMPTY, .cause = cmd->cause};
    ev.message_count = (uint32_t)q->fifo.ready;
    emit_channel(ch, &ev);
}
