/* SPDX-License-Identifier: Apache-2.0
 *
 * run.c: a run from its first connection to its report. */
#include <string.h>

#include "base/alloc.h"
#include "perf/lead.h"

static const char *const names[] = {
#define X(id, name, text) [PERF_##id] = name,
    PERF_COUNTS(X)
#undef X
};

static const char *const texts[] = {
#define X(id, name, text) [PERF_##id] = text,
    PERF_COUNTS(X)
#undef X
};

const char *perf_count_name(enum perf_count which)
{
    return names[which];
}

const char *perf_count_text(enum perf_count which)
{
    return texts[which];
}

bool perf_found_faults(const perf_report_t *r)
{
    for (enum perf_count i = PERF_LOST; i < PERF_COUNT_KINDS; i++)
        if (r->count[i] > 0)
            return true;
    return false;
}

/* ---- links ---- */

static worker_t *worker_of(run_t *run, size_t i)
{
    return &run->workers[i % run->worker_count];
}

/* How many links of each kind a mode has. */
typedef struct cast {
    size_t producers, consumers, idle, churn, declare, stalled;
} cast_t;

static cast_t cast_of(const perf_options_t *o)
{
    cast_t c = {0};
    bool publishes = o->mode == PERF_LOAD || o->mode == PERF_FILL;
    bool consumes = o->mode == PERF_LOAD || o->mode == PERF_DRAIN;
    c.producers = publishes ? o->producers : 0;
    c.consumers = consumes ? o->consumers * o->queues : 0;
    c.idle = o->mode == PERF_IDLE ? o->connections : 0;
    c.churn = o->mode == PERF_CHURN ? o->connections : 0;
    c.declare = o->mode == PERF_DECLARE ? 1 : 0;
    c.stalled = o->stalled;
    return c;
}

static void make_links(run_t *run, const cast_t *c)
{
    control_new(&run->workers[0]); /* the first: see worker.c */
    for (size_t i = 0; i < c->consumers; i++)
        consumer_new(worker_of(run, i % run->options.queues), i % run->options.queues);
    for (size_t i = 0; i < c->producers; i++)
        producer_new(worker_of(run, i + 1), (uint32_t)i); /* two threads: one produces, one consumes */
    for (size_t i = 0; i < c->idle; i++)
        idle_new(worker_of(run, i));
    for (size_t i = 0; i < c->churn; i++)
        churn_new(worker_of(run, i));
    for (size_t i = 0; i < c->declare; i++)
        declare_new(&run->workers[0]);
    for (size_t i = 0; i < c->stalled; i++)
        stalled_new(worker_of(run, i));
}

/* ---- the phases ---- */

typedef struct outcome {
    snapshot_t first, last; /* of the measured time */
} outcome_t;

static int enter(leader_t *l, phase_t phase, size_t links)
{
    leader_enter(l, phase, links);
    return leader_wait_ready(l);
}

/* The measured time begins here, or with the end of the warm-up. */
static int begin(leader_t *l, outcome_t *out)
{
    uint64_t now_ns = os_now_ns();
    l->began_ns = now_ns;
    atomic_store(&l->run->start_ns, now_ns);
    atomic_store(&l->run->measured_ns, now_ns + l->run->options.warmup_ms * 1000000);
    if (leader_look(l, &out->first) != 0)
        return -1;
    l->shown = out->first;
    l->rss_peak_bytes = out->first.usage.rss_bytes;
    return 0;
}

static int run_for_a_time(leader_t *l, outcome_t *out)
{
    const perf_options_t *o = &l->run->options;
    uint64_t from_ns = atomic_load(&l->run->measured_ns);
    if (o->warmup_ms > 0 && (leader_wait_until(l, from_ns) != 0 || leader_look(l, &out->first) != 0))
        return -1;
    return leader_wait_until(l, from_ns + o->time_ms * 1000000) == 0 ? leader_look(l, &out->last) : -1;
}

/* What had so many messages (queues) to deal with ends with the last delivery (confirm, answer), not when somebody
 * looked. */
static int run_to_the_end(leader_t *l, outcome_t *out)
{
    uint64_t last_ns = leader_last_ns(l);
    if (leader_look(l, &out->last) != 0)
        return -1;
    if (last_ns > out->first.at_ns)
        out->last.at_ns = last_ns;
    return 0;
}

/* Whatever was published arrives, or is lost. */
static int drain(leader_t *l)
{
    run_t *run = l->run;
    uint64_t expected = 0;
    if (run->options.mode == PERF_DRAIN)
        expected = atomic_load(&run->in_queues);
    else if (run->options.mode == PERF_LOAD && run->options.consumers > 0)
        expected = plan_deliveries(&run->plan, leader_count(l, PERF_SENT) - leader_count(l, PERF_NACKED));
    leader_enter(l, PHASE_DRAIN, 0);
    if (leader_wait_arrived(l, expected) != 0)
        return -1;
    atomic_store(&run->drained, leader_arrived(l) >= expected);
    return 0;
}

/* Messages, or connections without end. */
static int lead_traffic(leader_t *l, const cast_t *c, outcome_t *out)
{
    const perf_options_t *o = &l->run->options;
    bool timed = o->mode == PERF_CHURN || (o->mode != PERF_DRAIN && o->messages == 0);
    if (enter(l, PHASE_CONNECT, c->producers + c->consumers + c->stalled) != 0 || begin(l, out) != 0)
        return -1;
    leader_enter(l, PHASE_RUN, c->producers + c->churn + (o->mode == PERF_DRAIN ? c->consumers : 0));
    if (timed && run_for_a_time(l, out) != 0)
        return -1;
    if (leader_wait_ready(l) != 0 || drain(l) != 0)
        return -1;
    return timed ? 0 : run_to_the_end(l, out);
}

/* Connecting is what is measured; then they are held, and the memory they take is looked at. */
static int lead_idle(leader_t *l, const cast_t *c, outcome_t *out)
{
    snapshot_t held;
    if (begin(l, out) != 0 || enter(l, PHASE_CONNECT, c->idle + c->stalled) != 0 ||
        leader_look(l, &out->last) != 0 ||
        leader_wait_until(l, os_now_ns() + l->run->options.time_ms * 1000000) != 0 ||
        leader_look(l, &held) != 0)
        return -1;
    out->last.usage = held.usage;
    return 0;
}

static int lead_declares(leader_t *l, const cast_t *c, outcome_t *out)
{
    if (enter(l, PHASE_CONNECT, 1 + c->stalled) != 0 || begin(l, out) != 0 || enter(l, PHASE_RUN, 1) != 0 ||
        run_to_the_end(l, out) != 0)
        return -1;
    return enter(l, PHASE_DRAIN, 1); /* deletes them */
}

static int lead(leader_t *l, const cast_t *c, outcome_t *out)
{
    size_t links = c->producers + c->consumers + c->idle + c->churn + c->declare + c->stalled;
    int rc = enter(l, PHASE_SETUP, 1);
    if (rc == 0 && l->run->options.mode == PERF_IDLE)
        rc = lead_idle(l, c, out);
    else if (rc == 0 && l->run->options.mode == PERF_DECLARE)
        rc = lead_declares(l, c, out);
    else if (rc == 0)
        rc = lead_traffic(l, c, out);
    if (rc != 0)
        return rc;
    return enter(l, PHASE_CLOSE, links) == 0 ? enter(l, PHASE_REMOVE, 1) : -1;
}

/* ---- the report ---- */

static perf_latency_t summary(const run_t *run, size_t offset)
{
    histogram_t *all = MEM_NEW(histogram_t);
    for (size_t i = 0; i < run->worker_count; i++)
        histogram_merge(all, (const histogram_t *)(const void *)((const char *)&run->workers[i] + offset));
    perf_latency_t l = {.count = all->total,
                        .p50 = (double)histogram_at(all, 0.5) / 1e3,
                        .p90 = (double)histogram_at(all, 0.9) / 1e3,
                        .p99 = (double)histogram_at(all, 0.99) / 1e3,
                        .p999 = (double)histogram_at(all, 0.999) / 1e3,
                        .max = (double)all->most / 1e3};
    mem_free(all);
    return l;
}

static uint64_t above(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}

/* Nacked messages were never taken, and damaged ones did come, in the place of one that is missing. A drain knows how
 * many were in the queues, but not which was the last of each stream. */
static uint64_t lost_of(const leader_t *l, const perf_report_t *r)
{
    const run_t *run = l->run;
    const perf_options_t *o = &run->options;
    if ((o->mode != PERF_LOAD && o->mode != PERF_DRAIN) || o->consumers == 0)
        return 0;
    uint64_t missing = plan_missing(&run->plan, o->mode == PERF_LOAD ? run->published : NULL);
    uint64_t excused = plan_deliveries(&run->plan, r->count[PERF_NACKED]) + r->count[PERF_DAMAGED];
    uint64_t lost = above(missing, excused);
    uint64_t kept = o->mode == PERF_DRAIN ? above(atomic_load(&run->in_queues), leader_arrived(l)) : 0;
    return lost > kept ? lost : kept;
}

static void fill_report(const leader_t *l, const outcome_t *out, perf_report_t *r)
{
    const run_t *run = l->run;
    for (enum perf_count i = 0; i < PERF_COUNT_KINDS; i++) {
        r->count[i] = leader_count(l, i);
        r->measured[i] = out->last.count[i] - out->first.count[i];
    }
    r->count[PERF_LOST] = lost_of(l, r);
    r->seconds = (double)(out->last.at_ns - out->first.at_ns) / 1e9;
    r->latency = summary(run, offsetof(worker_t, latency));
    r->confirm = summary(run, offsetof(worker_t, confirm));
    r->broker_known = run->options.pid != 0;
    r->broker = (perf_broker_t){.cpu_seconds = out->last.usage.cpu_seconds - out->first.usage.cpu_seconds,
                                .rss_before_bytes = out->first.usage.rss_bytes,
                                .rss_bytes = out->last.usage.rss_bytes,
                                .rss_peak_bytes = l->rss_peak_bytes};
}

/* ---- the run ---- */

static int start_workers(run_t *run, error_t *err)
{
    for (size_t i = 0; i < run->worker_count; i++)
        if (worker_start(&run->workers[i], err) != 0)
            return -1;
    return 0;
}

static run_t *run_new(const perf_options_t *o)
{
    run_t *run = MEM_NEW(run_t);
    run->options = *o;
    run->worker_count = o->threads;
    run->workers = mem_zero(o->threads * sizeof *run->workers);
    plan_init(&run->plan, &run->options);
    for (size_t i = 0; i < o->threads; i++)
        worker_init(&run->workers[i], run, i);
    return run;
}

static void run_free(run_t *run)
{
    plan_deinit(&run->plan);
    mem_free(run->workers);
    mem_free(run);
}

int perf_run(const perf_options_t *o, perf_progress_fn *progress, void *context, perf_report_t *report,
             error_t *err)
{
    (void)os_raise_file_limit();
    run_t *run = run_new(o);
    cast_t cast = cast_of(o);
    outcome_t out = {0};
    leader_t leader = {.run = run, .progress = progress, .context = context, .err = err};
    *report = (perf_report_t){0};
    int rc = net_address_parse(o->address, &run->address, err) ? 0 : -1;
    make_links(run, &cast);
    if (rc == 0)
        rc = start_workers(run, err);
    if (rc == 0)
        rc = lead(&leader, &cast, &out);
    atomic_store(&run->phase, PHASE_QUIT);
    for (size_t i = 0; i < run->worker_count; i++)
        worker_end(&run->workers[i]);
    if (rc == 0)
        fill_report(&leader, &out, report);
    run_free(run);
    return rc;
}
