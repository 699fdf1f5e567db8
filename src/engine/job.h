/* SPDX-License-Identifier: Apache-2.0
 *
 * job.h: work that is done in slices (job.c). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "engine/durable/durable_internal.h"

typedef struct job job_t;

/* Does at most `budget` units and returns how many were done; sets *done when nothing is left. */
typedef uint32_t job_step_t(engine_t *e, job_t *job, uint32_t budget, bool *done);

struct job {
    list_t link; /* engine.jobs while it runs */
    job_step_t *step;
    channel_t *waiter; /* parked until the job is done, then gets `reply`; may be NULL */
    event_t reply;
    bool has_reply;
    bool defines; /* its reply says that a durable definition is changed */
};

void job_init(job_t *job);
bool job_running(const job_t *job);

/* Does a first slice at once if the step has work left for it; what is left is done in its turn. A channel
 * that waits is parked until then; `reply` (may be NULL) is sent to it at the end. `job` is embedded in what
 * it works on; the last step may free it. */
void job_start(engine_t *e, job_t *job, job_step_t *step, channel_t *waiter, const event_t *reply);

/* The same without a waiter; amid another job's slice it waits for its turn. For what may end anything at all. */
void job_start_apart(engine_t *e, job_t *job, job_step_t *step);

/* The waiter goes away: the job runs on without one. */
void job_forget_waiter(job_t *job);

/* A slice of each running job, as many jobs as fit into a step. */
void jobs_run(engine_t *e);

/* Jobs that begin from here on have their first slice later, until jobs_go_on is given what this returns. */
uint32_t jobs_put_off(engine_t *e);
void jobs_go_on(engine_t *e, uint32_t work);

/* Takes `units` off what this step may still do on account of commands. */
void work_spend(engine_t *e, size_t units);
