/* SPDX-License-Identifier: Apache-2.0
 *
 * job.c: long work in slices, so that no step of the engine is long: what is deleted, purged, requeued or
 * fanned out by the million is done a few hundred at a time between other work. */
#include "engine/engine_internal.h"

void job_init(job_t *job)
{
    *job = (job_t){0};
    list_init(&job->link);
}

bool job_running(const job_t *job)
{
    return list_linked(&job->link);
}

/* A job that starts another one inside its slice goes no deeper than this: the rest takes its turn. */
#define NESTED_MOST 8

void work_spend(engine_t *e, size_t units)
{
    e->work_left -= units < e->work_left ? (uint32_t)units : e->work_left;
}

uint32_t jobs_put_off(engine_t *e)
{
    uint32_t work = e->work_left;
    e->work_left = 0;
    return work;
}

void jobs_go_on(engine_t *e, uint32_t work)
{
    e->work_left = work;
}

/* One slice of at most `budget` units; returns the work done. The job may be gone afterwards. */
static uint32_t run_slice(engine_t *e, job_t *job, uint32_t budget)
{
    bool done = false;
    assert(!e->grouping); /* a transaction is done with nothing between */
    list_remove(&job->link);
    channel_t *waiter = job->waiter;
    event_t reply = job->reply;
    bool has_reply = job->has_reply, defines = job->defines;
    e->jobs_nested++;
    uint32_t used = job->step(e, job, budget, &done);
    e->jobs_nested--;
    if (!done) {
        list_append(&e->jobs, &job->link);
        return used;
    }
    if (waiter) {
        waiter->awaited = NULL;
        if (has_reply)
            reply_after(waiter, &reply, defines ? e->definitions : 0);
        channel_resume(waiter);
    }
    return used;
}

static void prepare(job_t *job, job_step_t *step, channel_t *waiter, const event_t *reply)
{
    assert(!job_running(job));
    job->step = step;
    job->waiter = waiter;
    job->has_reply = waiter && reply;
    if (job->has_reply)
        job->reply = *reply;
    if (waiter) {
        assert(waiter->awaited == NULL);
        waiter->awaited = job;
    }
}

void job_start(engine_t *e, job_t *job, job_step_t *step, channel_t *waiter, const event_t *reply)
{
    prepare(job, step, waiter, reply);
    uint32_t budget = e->options.slice < e->work_left ? e->options.slice : e->work_left;
    if (budget == 0 || e->jobs_nested >= NESTED_MOST)
        list_append(&e->jobs, &job->link);
    else
        work_spend(e, run_slice(e, job, budget));
}

void job_start_apart(engine_t *e, job_t *job, job_step_t *step)
{
    if (e->jobs_nested == 0) {
        job_start(e, job, step, NULL, NULL);
        return;
    }
    prepare(job, step, NULL, NULL);
    list_append(&e->jobs, &job->link);
}

void job_forget_waiter(job_t *job)
{
    job->waiter = NULL;
    job->has_reply = false;
}

void jobs_run(engine_t *e)
{
    uint32_t budget = e->options.slice * 4;
    list_t round; /* those running now: one that is started or goes on joins the next round */
    list_init(&round);
    list_splice(&round, &e->jobs);
    for (list_t *node; budget > 0 && (node = list_first(&round));) {
        uint32_t used = run_slice(e, LIST_OF(node, job_t, link), e->options.slice) + 1;
        budget -= used < budget ? used : budget;
    }
    list_splice(&round, &e->jobs); /* those not reached come first next time */
    list_splice(&e->jobs, &round);
}
