/* SPDX-License-Identifier: Apache-2.0
 *
 * engine.c: the door (engine.h): ports, the step, and what is counted.
 *
 * A step takes a slice of commands from each port, runs due timers, a slice of each job, dispatches,
 * confirms, and makes all of it visible. Each part has a budget, so no step is long. The smallest unit of all is the
 * routing of one message: bindings and keys that fit it are walked in one go. */
#include "engine/engine_internal.h"

void engine_options_default(engine_options_t *o)
{
    *o = (engine_options_t){
        .held_bytes = 16 << 20,
        .output_bytes = 1 << 20,
        .parked_commands = 4096,
        .unacked_max = 8000000,
        .page_entries = 16,
        .slice = 512,
        .memory_bodies = 64 << 20,
        .unwritten_bytes = 64 << 20,
        .batch_bytes = 4 << 20,
        .checkpoint_bytes = 64 << 20,
        .deduplication_ids_max = 1000000,
        .publishers_max = 100000,
        .transaction_bytes = 64 << 20,
        .transaction_actions = 16384,
    };
}

static bytes_t id_of_queue(const hash_node_t *node)
{
    const queue_t *q = HASH_OF(node, const queue_t, by_id);
    return bytes_make(&q->id, sizeof q->id);
}

engine_t *engine_new(const engine_options_t *options)
{
    engine_t *e = MEM_NEW(engine_t);
    e->options = *options;
    e->pages.page_entries = options->page_entries;
    list_init(&e->connections);
    list_init(&e->jobs);
    list_init(&e->dirty_queues);
    list_init(&e->confirming);
    list_init(&e->blocked);
    list_init(&e->waking);
    list_init(&e->held);
    list_init(&e->ending);
    heap_init(&e->timers);
    list_init(&e->sync_freed);
    list_init(&e->slow);
    list_init(&e->slow_over);
    list_init(&e->joining);
    list_init(&e->joins_waiting);
    keeps_init(e);
    heap_init(&e->waits);
    list_init(&e->readers);
    list_init(&e->settling);
    list_init(&e->chilling);
    list_init(&e->telling);
    space_init(e);
    checkpoint_init(&e->checkpoint);
    hash_init(&e->queues_by_id, id_of_queue);
    hash_init(&e->large, large_record);
    hash_init(&e->identities, connection_identity);
    e->lent_end = &e->lent;
    e->next_record = 1;
    e->vhost = vhost_new(e, BYTES("/"));
    return e;
}

void engine_attach(engine_t *e, port_t *port)
{
    e->ports = mem_resize(e->ports, (e->port_count + 1) * sizeof *e->ports);
    engine_port_t *moved = e->ports;
    for (size_t i = 0; i < e->port_count; i++) /* before the first step: nothing stalls yet */
        list_init(&moved[i].stalled);
    moved[e->port_count] = (engine_port_t){.port = port};
    list_init(&moved[e->port_count].stalled);
    e->port_count++;
}

/* ---- the end ---- */

static void remove_queues(engine_t *e)
{
    hash_node_t *node;
    while ((node = hash_any(&e->vhost->queues)))
        queue_remove(HASH_OF(node, queue_t, node), NULL, NULL);
}

static void remove_exchanges(engine_t *e)
{
    hash_node_t *node;
    while ((node = hash_any(&e->vhost->exchanges)))
        exchange_remove(HASH_OF(node, exchange_t, node), NULL, NULL);
}

static void finish_jobs(engine_t *e)
{
    while (!list_empty(&e->jobs))
        jobs_run(e);
}

void engine_free(engine_t **ep)
{
    engine_t *e = *ep;
    e->freeing = true;
    recovery_abandon(e);
    records_free(e);
    contents_end(e);
    LIST_EACH (node, &e->connections)
        connection_close(LIST_OF(node, connection_t, link), NULL, true);
    finish_jobs(e);
    LIST_EACH (node, &e->connections)
        connection_release(LIST_OF(node, connection_t, link));
    remove_queues(e);
    remove_exchanges(e);
    finish_jobs(e);
    sync_deinit(e);
    assert(e->memory_bytes == 0);
    vhost_free(&e->vhost);
    keeps_deinit(e);
    fifo_pages_deinit(&e->pages);
    for (size_t i = 0; i < e->port_count; i++)
        mem_free(e->ports[i].connections);
    mem_free(e->ports);
    heap_deinit(&e->timers);
    heap_deinit(&e->waits);
    large_free_all(e);
    hash_deinit(&e->large);
    live_deinit(&e->live);
    space_deinit(e);
    hash_deinit(&e->queues_by_id);
    hash_deinit(&e->identities);
    buffer_free(&e->places);
    route_deinit(&e->route);
    buffer_free(&e->scratch);
    mem_free(e);
    *ep = NULL;
}

void engine_shutdown(engine_t *e)
{
    e->shutting_down = true;
    LIST_EACH (node, &e->connections)
        connection_shutdown(LIST_OF(node, connection_t, link));
}

/* ---- the step ---- */

static void on_connection_close(connection_t *c, command_t *cmd)
{
    refusal_t *why = cmd->refusal;
    cmd->refusal = NULL;
    connection_close(c, why, why || (cmd->flags & COMMAND_GONE));
}

static void connection_command(connection_t *c, command_t *cmd)
{
    switch (cmd->type) {
    case COMMAND_SENT:
        loans_return(c, cmd->number);
        return;
    case COMMAND_CONNECTION_RELEASE:
        connection_release(c);
        return;
    default:
        break;
    }
    if (c->state != CONNECTION_OPEN) {
        command_discard(cmd);
    } else if (cmd->type == COMMAND_CONNECTION_CLOSE) {
        on_connection_close(c, cmd);
    } else if (cmd->type == COMMAND_HELD) {
        c->unfinished_bytes = cmd->number;
        if (cmd->number > 0)
            (void)flow_holds(c);
        connection_check_reading(c);
    } else {
        channel_command(c, cmd);
    }
}

/* The next command, if it may be taken now. With the log full that is one that comes to no record: a question, or
 * anything once all connections are being closed. */
static const command_t *next_command(engine_t *e, engine_port_t *p)
{
    const command_t *next = lane_peek(p->port->commands);
    if (next == NULL || lane_room(p->port->events) == 0)
        return NULL;
    return !records_full(e) || next->type == COMMAND_QUERY || e->shutting_down ? next : NULL;
}

/* Commands are taken only while their answers have room: so what overflows stays small (base/lane.h). With no work left
 * in the step messages wait; acks, loans that end and all else is taken: deliveries go on by them, and the publishers of
 * one port must not hold up those of another. */
static void take_commands(engine_t *e, engine_port_t *p)
{
    command_t cmd;
    const command_t *next;
    for (uint32_t n = 0; n < e->options.slice && (next = next_command(e, p)); n++) {
        if (e->work_left == 0 && command_has_message(next->type))
            return;
        (void)port_take(p->port, &cmd);
        connection_t *c = connection_find(p, cmd.connection);
        if (cmd.type == COMMAND_CONNECTION_OPEN)
            connection_open(e, p, &cmd);
        else if (cmd.type == COMMAND_QUERY)
            query_start(e, p, &cmd);
        else if (cmd.type == COMMAND_TURN)
            p->handled = cmd.number;
        else if (c)
            connection_command(c, &cmd);
        else
            command_discard(&cmd);
    }
}

void timer_set(engine_t *e, wait_t *w, uint64_t at_ms, wait_over_t *over)
{
    w->over = over;
    heap_set(&e->timers, &w->timer, at_ms);
}

void timer_cancel(engine_t *e, wait_t *w)
{
    heap_cancel(&e->timers, &w->timer);
}

static void run_timers(engine_t *e)
{
    heap_timer_t *t;
    for (uint32_t n = 0; n < e->options.slice && (t = heap_pop_due(&e->timers, e->now_ms)); n++) {
        wait_t *w = HEAP_OF(t, wait_t, timer);
        w->over(e, w);
    }
}

/* True if this port has something to do at once. */
static bool port_finish(engine_t *e, engine_port_t *p)
{
    if (lane_flush(p->port->events))
        p->wake = true;
    if (lane_release(p->port->commands))
        p->wake = true;
    return next_command(e, p) || (lane_room(p->port->events) > 0 && !list_empty(&p->stalled));
}

bool engine_step(engine_t *e, uint64_t now_ms, uint64_t wall_ms)
{
    assert(now_ms >= e->now_ms);
    e->now_ms = now_ms;
    e->wall_ms = wall_ms;
    for (size_t i = 0; i < e->port_count; i++) {
        if (lane_flush(e->ports[i].port->events))
            e->ports[i].wake = true;
        if (lane_room(e->ports[i].port->events) > 0)
            consumers_wake(e, &e->ports[i].stalled);
    }
    /* While deliveries are behind, less is taken in: else what is published faster than it can be delivered would pile up
     * with consumers waiting for it. */
    e->work_left = list_empty(&e->dirty_queues) ? e->options.slice * 4 : e->options.slice;
    bool more = records_take(e);
    if (!e->sync_recovered)
        sync_recovered(e);
    if (!e->keeps_started)
        keeps_start(e);
    tx_run(e);
    for (size_t i = 0; i < e->port_count; i++)
        take_commands(e, &e->ports[(e->next_port + i) % e->port_count]);
    e->next_port = e->port_count > 0 ? (e->next_port + 1) % e->port_count : 0;
    run_timers(e);
    jobs_run(e);
    sync_run(e);
    more |= consumers_run(e);
    dispatch_run(e);
    slow_run(e);
    joins_run(e);
    confirms_run(e);
    flow_check(e);
    more |= cold_run(e);
    more |= checkpoint_run(e);
    more |= space_run(e);
    left_out_say(e);
    records_give(e);
    more |= !list_empty(&e->joining) || !list_empty(&e->sync_freed) || !list_empty(&e->slow_over) ||
            !list_empty(&e->ending) || !list_empty(&e->jobs) || !list_empty(&e->dirty_queues);
    for (size_t i = 0; i < e->port_count; i++)
        more |= port_finish(e, &e->ports[i]);
    return more;
}

bool engine_port_wants_wake(engine_t *e, const port_t *port)
{
    for (size_t i = 0; i < e->port_count; i++) {
        if (e->ports[i].port == port) {
            bool wake = e->ports[i].wake;
            e->ports[i].wake = false;
            return wake;
        }
    }
    return false;
}

uint64_t engine_deadline_ms(const engine_t *e)
{
    const heap_timer_t *t = heap_first(&e->timers);
    return t ? t->deadline_ms : UINT64_MAX;
}

void counts_add_queue(engine_counts_t *counts, const queue_t *q)
{
    counts->messages_ready += q->fifo.ready;
    counts->messages_unacked += q->fifo.out;
    counts->messages_stored += q->stored;
}

void counts_add_rest(engine_counts_t *counts, const engine_t *e)
{
    engine_counts_t queues = *counts;
    *counts = e->counts;
    counts->messages_ready = queues.messages_ready;
    counts->messages_unacked = queues.messages_unacked;
    counts->messages_stored = queues.messages_stored;
    counts->messages_damaged = e->left_out;
    counts->publishers = dedup_count(e->vhost->publishers);
    counts->memory_bytes = e->memory_bytes;
    counts->memory_high_bytes = e->options.memory_high_bytes;
    counts->memory_alarm = e->alarms & ALARM_MEMORY;
    counts->disk_alarm = e->alarms & ALARM_DISK;
    counts->last_record = e->next_record - 1;
    counts->durable_record = e->durable;
    counts->live_records = e->live.records;
    counts->segments_complete = e->space.count;
    counts->segments_sparse = e->space.sparse_count;
    counts->checkpoints = e->checkpoint.complete;
    counts->checkpoint_bytes = e->checkpoint.complete_bytes;
}

void engine_count(const engine_t *e, engine_counts_t *counts)
{
    *counts = (engine_counts_t){0};
    for (hash_node_t *n = hash_next(&e->vhost->queues, NULL); n; n = hash_next(&e->vhost->queues, n))
        counts_add_queue(counts, HASH_OF(n, const queue_t, node));
    counts_add_rest(counts, e);
}
