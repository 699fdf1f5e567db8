/* SPDX-License-Identifier: Apache-2.0
 *
 * query.c: what an operator asked is answered by a job, so that no step is long, however many queues there are.
 *
 * All queues stand in one list in the order of their declaring (vhost.in_order). A query has a place of its own in that
 * list, which it moves from queue to queue: whatever is declared or deleted meanwhile, the next one is behind it. The
 * places of other queries are passed over. */
#include "engine/engine_internal.h"

typedef struct query_job {
    job_t job;
    queue_place_t place;
    engine_port_t *port;
    event_t answer; /* query: filled on the way */
} query_job_t;

static uint8_t flags_of(const queue_t *q)
{
    int flags = (q->durable ? QUERY_QUEUE_DURABLE : 0) | (q->auto_delete ? QUERY_QUEUE_AUTO_DELETE : 0) |
                (q->exclusive ? QUERY_QUEUE_EXCLUSIVE : 0) |
                (q->type == QUEUE_QUORUM ? QUERY_QUEUE_QUORUM : 0);
    return (uint8_t)flags;
}

static void add_queue(query_t *query, const queue_t *q)
{
    counts_add_queue(&query->counts, q);
    if (query->type != QUERY_QUEUES)
        return;
    query_queue_t *row = query_add_queue(query, q->name, q->arguments);
    row->flags = flags_of(q);
    row->consumers = q->consumer_count;
    row->ready = q->fifo.ready;
    row->unacked = q->fifo.out;
    row->persistent = q->stored;
    if (q->left_outs) {
        row->damaged = q->left_outs->count;
        row->damaged_first = q->left_outs->first;
        row->damaged_last = q->left_outs->last;
    }
    row->dropped = q->subscriber ? q->subscriber->dropped : 0;
    row->duplicates = dedup_repeats(q->dedup);
}

static void answer(engine_t *e, query_job_t *j)
{
    if (j->answer.query->type == QUERY_EVENTS)
        sync_list_kept(e, j->answer.query);
    counts_add_rest(&j->answer.query->counts, e);
    j->port->emitted++;
    if (e->freeing)
        event_discard(&j->answer);
    else
        lane_push(j->port->port->events, &j->answer);
    mem_free(j);
}

static uint32_t query_step(engine_t *e, job_t *job, uint32_t budget, bool *done)
{
    query_job_t *j = LIST_OF(job, query_job_t, job);
    list_t *end = &e->vhost->in_order, *next = j->place.node.next;
    uint32_t used = 0;
    for (; next != end; next = next->next) {
        const queue_place_t *place = LIST_OF(next, queue_place_t, node);
        if (place->of_query)
            continue; /* free of charge: else two queries could pass each other for ever, one unit at a time */
        if (used == budget)
            break;
        add_queue(j->answer.query, LIST_OF(place, queue_t, place));
        used++;
    }
    list_remove(&j->place.node);
    *done = next == end;
    if (*done)
        answer(e, j);
    else
        list_insert_before(next, &j->place.node);
    return used;
}

void query_start(engine_t *e, engine_port_t *p, command_t *cmd)
{
    query_job_t *j = MEM_NEW(query_job_t);
    job_init(&j->job);
    j->place.of_query = true;
    list_prepend(&e->vhost->in_order, &j->place.node);
    j->port = p;
    j->answer = (event_t){
        .type = EVENT_QUERIED, .connection = cmd->connection, .cause = cmd->cause, .query = cmd->query};
    cmd->query = NULL;
    job_start(e, &j->job, query_step, NULL, NULL);
}
