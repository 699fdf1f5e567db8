/* SPDX-License-Identifier: Apache-2.0
 *
 * purge.c: what is ready in a queue is gone at once; what its entries hold is swept up afterwards, in slices.
 *
 * Between the two the log hears of it, by records that say what is spared, as it is out. Mostly it is one record. Where very
 * many are out it is one for each slice of the queue's pages, which spares all before its slice too; the purge is answered
 * behind the last. A crash before that may bring back what of the purged no record has said yet: nobody was told that it is
 * gone, and its content is still there, as nothing is swept before all is said. What was left out is the queue's no more
 * either from the first slice on: no checkpoint says it again behind a slice that it was said with. */
#include "engine/engine_internal.h"

/* Of a queue whose purge the log has not heard all of; holds it. */
struct purge {
    job_t job;
    queue_t *queue;
    uint64_t from, end;     /* what is still to be said */
    left_outs_t *left_outs; /* of before; owned */
};

static uint32_t sweep_step(engine_t *e, job_t *job, uint32_t budget, bool *done)
{
    queue_t *q = LIST_OF(job, queue_t, cleaning);
    uint32_t left = budget;
    (void)e;
    if (q->purge) /* once more, and more is dead than the log knows */
        return 0;
    for (fifo_item_t item; left > 0 && fifo_sweep(&q->fifo, &left, &item); left--)
        queue_let_go(q, &item);
    *done = !fifo_needs_sweep(&q->fifo);
    if (*done)
        queue_release(q);
    return budget - left;
}

/* The log has heard of it: nothing of what is gone is needed any more. */
static void clean_up(queue_t *q)
{
    if (!fifo_needs_sweep(&q->fifo) || job_running(&q->cleaning))
        return;
    q->holds++; /* the sweeping job's */
    job_start(q->vhost->engine, &q->cleaning, sweep_step, NULL, NULL);
}

/* Everything from *from on, as far as the pages go, is done with, except what is there. */
static uint32_t record_slice(queue_t *q, uint64_t *from, uint64_t end, uint32_t budget)
{
    engine_t *e = q->vhost->engine;
    record_t r = {.type = RECORD_PURGE, .queue = q->id};
    uint32_t pages = budget;
    buffer_clear(&e->places);
    r.list.count = fifo_spared_ranges(&q->fifo, from, end, &pages, &e->places);
    r.list.octets = buffer_bytes(&e->places);
    r.position = *from;
    (void)records_define(e, &r);
    return budget - pages;
}

static uint32_t purge_step(engine_t *e, job_t *job, uint32_t budget, bool *done)
{
    purge_t *p = LIST_OF(job, purge_t, job);
    queue_t *q = p->queue;
    (void)e;
    uint32_t used = q->deleted ? 0 : record_slice(q, &p->from, p->end, budget);
    *done = q->deleted || p->from == p->end;
    if (!*done)
        return used;
    q->purge = NULL;
    left_outs_forget(&p->left_outs);
    if (!q->deleted)
        clean_up(q);
    queue_store_answered(q); /* who wants to purge it too has waited */
    queue_release(q);
    mem_free(p);
    return used;
}

static void answer(queue_t *q, channel_t *waiter, const event_t *reply)
{
    left_outs_forget(&q->left_outs);
    clean_up(q);
    if (reply)
        reply_after(waiter, reply, q->id > 0 ? q->vhost->engine->definitions : 0);
}

void queue_purge(queue_t *q, channel_t *waiter, const event_t *reply)
{
    engine_t *e = q->vhost->engine;
    bool is_in_log = (q->stored > 0 || q->left_outs) && records_wanted(e);
    assert(q->purge == NULL);
    uint64_t from = 1, end = q->fifo.tail;
    (void)fifo_purge(&q->fifo);
    if (is_in_log)
        work_spend(e, record_slice(q, &from, end, e->options.slice));
    queue_forget_warm(q);
    sync_queue_purged(q);
    if (!is_in_log || from == end) {
        answer(q, waiter, reply);
        return;
    }
    q->purge = MEM_NEW(purge_t);
    *q->purge = (purge_t){.queue = q, .from = from, .end = end, .left_outs = q->left_outs};
    q->left_outs = NULL;
    q->holds++;
    job_init(&q->purge->job);
    q->purge->job.defines = true;
    job_start(e, &q->purge->job, purge_step, waiter, reply);
}
