/* SPDX-License-Identifier: Apache-2.0
 *
 * publish.c: publish, with returns, and get. */
#include "engine/engine_internal.h"
#include "model/frames.h"

/* ---- where a message goes ---- */

record_no publish_record(engine_t *e, message_t *m, const record_list_t *places)
{
    buffer_t parts = {0};
    record_t r = {
        .type = RECORD_MESSAGE,
        .flags = m->seq > 0 ? RECORD_SEQUENCED : 0,
        .seq = m->seq,
        .view = m->view,
        .time_ms = e->wall_ms,
        .exchange = message_exchange(m),
        .key = message_routing_key(m),
        .properties_bytes = m->properties_len,
        .list = *places,
    };
    for (uint32_t i = 0; i < m->part_count; i++)
        record_list_put(&parts, &r.parts.count, m->parts[i].record, m->parts[i].bytes);
    r.parts.octets = buffer_bytes(&parts);
    record_no record = records_add(e, &r, m);
    m->record = record;
    if (record > 0)
        large_note(e, record, record, &r.parts);
    buffer_free(&parts);
    return record;
}

/* Into the log for those queues that keep it: one record for all of them, or, once it has its record, one more. */
static record_no record_places(engine_t *e, message_t *m, queue_t *const *queues, size_t count)
{
    record_t r = {.type = RECORD_MESSAGE_ALSO, .message = m->record};
    buffer_clear(&e->places);
    for (size_t i = 0; i < count; i++)
        if (queues[i]->id > 0 && !queues[i]->deleted)
            record_list_put(&e->places, &r.list.count, queues[i]->id, queues[i]->fifo.tail);
    if (r.list.count == 0)
        return 0;
    r.list.octets = buffer_bytes(&e->places);
    bool is_there = live_has(&e->live, m->record);
    record_no record = is_there ? records_add(e, &r, NULL) : publish_record(e, m, &r.list);
    if (record > 0)
        record_refer(e, m->record, r.list.count);
    return record;
}

static bool is_kept(queue_t *const *queues, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (queues[i]->id > 0)
            return true;
    return false;
}

record_no publish_place(engine_t *e, message_t *m, queue_t *const *queues, size_t count)
{
    record_no record = m->persistent && is_kept(queues, count) ? record_places(e, m, queues, count) : 0;
    for (size_t i = 0; i < count; i++) {
        queue_t *q = queues[i];
        if (q->deleted || (q->subscriber && !subscriber_admits(q->subscriber)))
            continue;
        queue_append(q, m, record > 0 && q->id > 0);
        if (q->keep)
            keep_appended(q, m);
    }
    return record;
}

/* What the confirm waits for. A message that a queue did not get, because the queue, or the way to it, has just gone, is
 * confirmed when that is durable: else a crash would bring the queue back without it. */
record_no publish_safe_with(const engine_t *e, const message_t *m, record_no record)
{
    return m->persistent && e->definitions > record ? e->definitions : record;
}

/* ---- wide fan-out: more queues than fit into a slice ---- */

typedef struct fanout {
    job_t job;
    message_t *message; /* one reference */
    record_no record;   /* the last that it has needed so far */
    bool is_live;       /* the message's record is kept until it is everywhere */
    size_t next, count;
    queue_t *queues[]; /* held */
} fanout_t;

static void fanout_end(engine_t *e, fanout_t *f, channel_t *waiter)
{
    if (waiter)
        confirm_done(waiter, publish_safe_with(e, f->message, f->record));
    if (f->is_live)
        record_release(e, f->message->record);
    message_unref(e, f->message);
    mem_free(f);
}

static void fanout_next(engine_t *e, fanout_t *f, size_t used)
{
    record_no record = publish_place(e, f->message, f->queues + f->next, used);
    if (record > 0)
        f->record = record;
    if (record > 0 && !f->is_live) {
        f->is_live = true;
        record_refer(e, f->message->record, 1);
    }
    for (size_t i = 0; i < used; i++)
        queue_release(f->queues[f->next++]);
}

static uint32_t fanout_step(engine_t *e, job_t *job, uint32_t budget, bool *done)
{
    fanout_t *f = LIST_OF(job, fanout_t, job);
    size_t left = f->count - f->next;
    uint32_t used = left < budget ? (uint32_t)left : budget;
    fanout_next(e, f, used);
    *done = f->next == f->count;
    if (*done)
        fanout_end(e, f, job->waiter);
    return used;
}

/* Takes over the caller's reference to the message. What is kept for late joiners has it at once: whoever comes next finds it
 * there. */
static void fan_out(channel_t *ch, message_t *m, const route_t *r)
{
    engine_t *e = ch->connection->engine;
    size_t kept = r->kept;
    fanout_t *f = mem_zero(sizeof *f + r->count * sizeof(queue_t *));
    job_init(&f->job);
    f->message = m;
    f->count = r->count;
    for (size_t i = 0; i < r->count; i++) {
        f->queues[i] = r->queues[i];
        f->queues[i]->holds++;
    }
    if (kept > 0)
        fanout_next(e, f, kept);
    job_start(e, &f->job, fanout_step, ch, NULL);
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

void publish_route(channel_t *ch, exchange_t *x, const message_t *m, bytes_t headers)
{
    engine_t *e = ch->connection->engine;
    bytes_t few[16];
    size_t max = 1 + count_copies(headers);
    bytes_t *keys = max <= 16 ? few : mem_alloc(max * sizeof(bytes_t));
    size_t count = collect_keys(m, headers, keys, max);
    route_message(e, x, keys, count, message_topic(m), headers);
    work_spend(e, e->route.work + count);
    if (count == 1)
        route_remember(ch, x, m);
    if (keys != few)
        mem_free(keys);
}

/* BCC is for the broker's eyes only: gone before anybody gets the message, which is a copy then. */
static message_t *without_bcc(message_t *m, bytes_t headers)
{
    field_t bcc;
    if (headers.len == 0 || !table_find(headers, BYTES("BCC"), &bcc))
        return m;
    return message_without_header(m, "BCC");
}

message_t *publish_take(channel_t *ch, command_t *cmd, bytes_t headers)
{
    message_t *m = without_bcc(cmd->message, headers);
    if (m == cmd->message)
        cmd->message = NULL; /* else what it was copied from goes with the command */
    incoming_join(ch, m);
    message_adopt(ch->connection->engine, m);
    return m;
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

void publish_return(channel_t *ch, const command_t *cmd, message_t *m)
{
    if (!(cmd->flags & COMMAND_MANDATORY))
        return;
    ch->connection->engine->counts.returned++;
    message_ref(m); /* the loan's */
    emit_channel(ch, &(event_t){.type = EVENT_RETURN, .cause = cmd->cause, .message = m});
    stream_start(ch, m);
}

void publish_enqueue(channel_t *ch, const command_t *cmd, message_t *m)
{
    engine_t *e = ch->connection->engine;
    const route_t *r = &e->route;
    dedup_verdict_t verdict;
    dedup_decide(ch, m, &verdict);
    if (r->count > e->options.slice && m->part_count == 0 && m->seq == 0 && !verdict.is_new &&
        verdict.repeats == 0) {
        fan_out(ch, m, r);
        return;
    }
    record_no record = publish_place(e, m, r->queues, r->count);
    dedup_remember(e, &verdict, record > 0);
    if (r->count == 0 && verdict.repeats == 0)
        publish_return(ch, cmd, m);
    if (verdict.after > record)
        record = verdict.after;
    confirm_done(ch, publish_safe_with(e, m, record));
    message_unref(e, m);
}

void on_publish(channel_t *ch, command_t *cmd)
{
    engine_t *e = ch->connection->engine;
    bytes_t properties = message_properties(cmd->message);
    exchange_t *known = route_recall(ch, cmd->message);
    exchange_t *x = known ? known : exchange_for_publish(ch, cmd);
    if (x == NULL || (ch->tx ? tx_answer(ch, cmd) : sync_answer(ch, cmd)))
        return;
    refusal_t *why = publication_check(ch, cmd, x, properties);
    bytes_t headers = known ? BYTES("") : properties_headers(properties);
    if (why) {
        channel_refuse_with(ch, why);
    } else if (ch->tx) {
        tx_publish(ch, cmd, x, known, headers);
    } else if (x->sequencer) {
        sync_publish(ch, cmd, x, known, headers);
    } else {
        if (known)
            work_spend(e, 1 + e->route.count);
        else
            publish_route(ch, x, cmd->message, headers);
        exchange_t *on_the_way = e->route.synchronous;
        if (dedup_refuses(ch, cmd) || subscribers_hold(ch, cmd) ||
            (on_the_way && !sync_ready(on_the_way, 1, ch, cmd)))
            return;
        e->counts.published++;
        message_t *m = publish_take(ch, cmd, headers);
        if (on_the_way)
            sync_number(on_the_way, m);
        publish_enqueue(ch, cmd, m);
    }
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
    if (q->fifo.ready > 0 && !queue_can_deliver(q) && q->waits_for_store) {
        channel_wait_in(ch, &q->getters, cmd);
        return;
    }
    event_t ev = {.type = EVENT_GET_OK, .cause = cmd->cause};
    queue_touch(q);
    message_t *m = deliver_take(ch, q, NULL, cmd->flags & COMMAND_NO_ACK, &ev);
    if (m == NULL)
        ev = (event_t){.type = EVENT_GET_EMPTY, .cause = cmd->cause};
    ev.message_count = (uint32_t)q->fifo.ready;
    emit_channel(ch, &ev);
    if (m)
        stream_start(ch, m);
}
