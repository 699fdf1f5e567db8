/* SPDX-License-Identifier: Apache-2.0
 *
 * world.c: whose turn it is. What is three threads and many sockets in the daemon is here a few functions that the dice
 * call. Half of the lives keep to the wake-ups: then nobody moves who was not woken, and one that was forgotten shows. */
#include "sim/world.h"

#include "sim/report.h"

enum { TURNS_MOST = 200000 };

/* ---- turns ---- */

static void note_counts(world_t *w)
{
    engine_counts_t n;
    engine_count(w->engine, &n);
    w->last = n.last_record;
    w->durable = n.durable_record;
    w->gathers |= n.disk_alarm || flag_is_set(&store_journal(w->store)->log_short);
    w->damaged = n.messages_damaged;
    if (w->damaged > 0 && !w->rot.is_on)
        report_failure("%llu messages are damaged", (unsigned long long)n.messages_damaged);
}

static void flush(world_t *w, unsigned port)
{
    w->engine_due |= port_flush(&w->ports[port]);
}

static void step(world_t *w)
{
    for (unsigned i = 0; i < PORTS; i++)
        flush(w, i);
    w->engine_due = engine_step(w->engine, w->now_ms, UINT64_C(1700000000000) + w->now_ms);
    w->log_due |= engine_wants_log(w->engine);
    w->helper_due |= engine_wants_helper(w->engine);
    for (unsigned i = 0; i < PORTS; i++)
        w->port_due[i] |= engine_port_wants_wake(w->engine, &w->ports[i]);
    note_counts(w);
}

static void note_wakes(world_t *w, unsigned wake)
{
    w->engine_due |= (wake & STORE_WAKE_ENGINE) != 0;
    w->log_due |= (wake & STORE_WAKE_LOG) != 0;
    w->helper_due |= (wake & STORE_WAKE_HELPER) != 0;
}

static void log_turn(world_t *w)
{
    unsigned wake = 0;
    error_t err;
    int rc = store_log_turn(w->store, &wake, &err);
    w->log_due = rc > 0;
    note_wakes(w, wake);
    if (rc < 0) {
        report_line("  the log fails: %s", err.text);
        w->is_over = true;
    }
}

static void log_idle(world_t *w)
{
    error_t err;
    if (store_log_idle(w->store, &err) < 0) {
        report_line("  the log fails: %s", err.text);
        w->is_over = true;
    }
}

static void helper_turn(world_t *w)
{
    unsigned wake = 0;
    w->helper_due = store_helper_turn(w->store, &wake);
    note_wakes(w, wake);
    w->is_over |= sim_disk_is_off(w->disk);
}

static void hear(world_t *w, unsigned port, size_t most)
{
    size_t count = port_dispatch(&w->ports[port], most);
    w->port_due[port] = count == most;
    amqp_io_resume(w->io[port]);
    wires_let_go(w);
    flush(w, port);
}

static bool anybody_due(const world_t *w)
{
    bool due = w->engine_due || w->log_due || w->helper_due;
    for (size_t i = 0; i < PORTS; i++)
        due |= w->port_due[i];
    for (size_t i = 0; i < CLIENTS; i++)
        due |= wire_is_due(&w->clients[i]);
    return due && !w->is_over;
}

bool world_turn(world_t *w)
{
    for (unsigned i = 0; i < PORTS; i++)
        flush(w, i);
    if (w->engine_due || !w->by_wakes)
        step(w);
    for (unsigned i = 0; i < PORTS; i++)
        if (w->port_due[i] || !w->by_wakes)
            hear(w, i, SIZE_MAX);
    for (size_t i = 0; i < CLIENTS; i++) {
        client_return_loans(&w->clients[i]);
        w->clients[i].wire.is_slow = false;
        if (wire_is_due(&w->clients[i]) || !w->by_wakes)
            wire_turn(&w->clients[i], SIZE_MAX, SIZE_MAX, SIZE_MAX);
    }
    for (unsigned i = 0; i < PORTS; i++)
        flush(w, i);
    if (w->log_due || !w->by_wakes)
        log_turn(w);
    if ((w->helper_due || !w->by_wakes) && !w->is_over)
        helper_turn(w);
    return anybody_due(w);
}

/* What nobody waits for may be gathered for a moment (GATHER_MS of the engine): true if it was time that was missing. */
static bool world_waits(world_t *w)
{
    enum { MOMENT_MS = 100 };
    uint64_t due_ms = engine_deadline_ms(w->engine);
    if (w->is_over || engine_is_durable(w->engine) || due_ms > w->now_ms + MOMENT_MS)
        return false;
    w->now_ms = due_ms > w->now_ms ? due_ms : w->now_ms;
    w->engine_due = true;
    return true;
}

void world_cut_soon(world_t *w)
{
    if (!w->cuts_soon || dice(w, 4) > 0)
        return;
    w->cuts_soon = false;
    sim_disk_cut_at(w->disk, 1 + dice(w, 8));
}

void world_settle(world_t *w)
{
    for (int turns = 0; world_turn(w) || world_waits(w); turns++)
        if (turns == TURNS_MOST)
            report_failure("it does not come to rest");
    if (!w->is_over && !engine_is_durable(w->engine))
        report_failure("nobody is woken, and not everything is durable");
}

/* Mostly little; sometimes so much that heartbeats are missed. */
static void time_passes(world_t *w)
{
    w->now_ms += 1 + (dice(w, 10) ? dice(w, 60) : dice(w, 1500));
    for (size_t i = 0; i < CLIENTS; i++)
        wire_look_at_clock(&w->clients[i]);
}

static size_t some_octets(world_t *w)
{
    return dice(w, 4) ? dice(w, 400) : dice(w, 8000);
}

static void network_act(world_t *w)
{
    client_t *c = &w->clients[dice(w, CLIENTS)];
    wire_turn(c, some_octets(w), some_octets(w), some_octets(w));
    if (c->stage == STAGE_OPEN && c->index != CHECKER && dice(w, 2000) == 0)
        client_leave(c, true);
}

void world_act(world_t *w)
{
    const mood_t *m = &w->mood;
    const uint32_t weights[] = {m->client, m->step,  m->log,  m->idle,   m->helper,
                                m->events, m->loans, m->time, m->network};
    enum { KINDS = sizeof weights / sizeof *weights };
    uint32_t sum = 0, kind = 0;
    for (int i = 0; i < KINDS; i++)
        sum += weights[i];
    uint32_t what = dice(w, sum);
    for (; what >= weights[kind]; kind++)
        what -= weights[kind];
    w->acts++;
    if (kind == 0)
        client_act(w);
    else if (kind == 1)
        step(w);
    else if (kind == 2)
        log_turn(w);
    else if (kind == 3)
        log_idle(w);
    else if (kind == 4)
        helper_turn(w);
    else if (kind == 5)
        hear(w, dice(w, PORTS), 1 + dice(w, 16));
    else if (kind == 6)
        client_return_loans(&w->clients[dice(w, CLIENTS)]);
    else if (kind == 7)
        time_passes(w);
    else
        network_act(w);
}
