/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/sim_world.h"

#include <stdarg.h>
#include <string.h>

#include "base/text.h"

#define SETTLE_MOST 100000

void sim_fail(sim_world_t *w, const char *format, ...)
{
    char what[400];
    va_list args;
    va_start(args, format);
    text_format_list(what, sizeof what, format, args);
    va_end(args);
    text_format(w->finding, sizeof w->finding, "life %u: %s", w->life, what);
    longjmp(*w->failed, 1);
}

void sim_say(sim_world_t *w, const char *format, ...)
{
    if (!w->is_verbose)
        return;
    va_list args;
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    putchar('\n');
}

static void on_log_line(void *context, log_level_t level, const char *line)
{
    sim_say(context, "  %s: %s", log_level_name(level), line);
}

static void fill_random(void *context, void *out, size_t len)
{
    sim_world_t *w = context;
    for (size_t i = 0; i < len; i++)
        ((uint8_t *)out)[i] = (uint8_t)sim_roll(w, 256);
}

static uint32_t power_of_two(sim_world_t *w, uint32_t least, uint32_t doublings)
{
    return least << sim_roll(w, doublings + 1);
}

static void choose_bounds(sim_world_t *w)
{
    w->store_options = (store_options_t){
        .segment_bytes = power_of_two(w, 4096, 4),
        .first_segment_bytes = power_of_two(w, 4096, 2),
        .frame_bytes = power_of_two(w, 512, 3),
        .segments_ahead = 1 + sim_roll(w, 3),
        .read_bytes = power_of_two(w, 512, 4),
        .ring_items = power_of_two(w, 2, 3),
        .log = &w->log,
        .random = {fill_random, w},
    };
    engine_options_default(&w->engine_options);
    w->engine_options.held_bytes = 1 << 16;
    w->engine_options.output_bytes = power_of_two(w, 256, 8);
    w->engine_options.page_entries = power_of_two(w, 2, 5);
    w->engine_options.slice = 1 + sim_roll(w, 64);
    w->engine_options.memory_bodies = sim_roll(w, 2) ? 0 : sim_roll(w, 8192);
    w->engine_options.unwritten_bytes = power_of_two(w, 512, 6);
    w->engine_options.batch_bytes = power_of_two(w, 64, 7);
    w->engine_options.restate_bytes = power_of_two(w, 512, 6);
    w->engine_options.log = &w->log;
}

sim_world_t *sim_world_new(uint64_t seed, jmp_buf *failed, bool is_verbose)
{
    sim_world_t *w = MEM_NEW(sim_world_t);
    w->seed = seed;
    w->dice = sim_random(seed);
    w->failed = failed;
    w->is_verbose = is_verbose;
    w->log = (log_t){.least = LOG_DEBUG, .sink = on_log_line, .context = w};
    w->sim_disk = sim_disk_new(seed ^ 0x5eed);
    w->disk = sim_disk_disk(w->sim_disk);
    w->now_ms = 1000;
    sim_model_init(&w->model);
    choose_bounds(w);
    return w;
}

void sim_world_free(sim_world_t *w)
{
    sim_world_drop(w);
    sim_disk_free(&w->sim_disk);
    sim_model_deinit(&w->model);
    mem_free(w->found);
    mem_free(w->found_redelivered);
    mem_free(w->found_queue);
    mem_free(w);
}

/* ---- a life ---- */

static bool apply(void *context, record_no number, const record_t *r, bytes_t content, bool damaged)
{
    sim_world_t *w = context;
    if (w->is_verbose) {
        printf("  record %llu %s queue %llu position %llu:", (unsigned long long)number, record_type_name(r->type), (unsigned long long)r->queue, (unsigned long long)r->position);
        bytes_reader_t in = bytes_reader(r->list.octets);
        for (uint64_t a, b; record_list_next(&in, &a, &b);) printf(" %llu,%llu", (unsigned long long)a, (unsigned long long)b);
        if (r->type == RECORD_MESSAGE && content.len >= 8) printf(" id %u", content.data[4] | content.data[5] << 8);
        printf(" %.*s\n", (int)r->name.len, (const char*)r->name.data);
    }
    if (damaged)
        sim_fail(w, "record %llu comes back damaged", (unsigned long long)number);
    return engine_apply(w->engine, number, r, content, damaged);
}

bool sim_world_open(sim_world_t *w)
{
    error_t err;
    store_found_t found;
    w->engine = engine_new(&w->engine_options);
    w->store = store_open(w->disk, &w->store_options, apply, w, &found, &err);
    if (w->store == NULL) {
        if (!sim_disk_is_off(w->sim_disk))
            sim_fail(w, "the log does not open: %s", err.text);
        w->is_dead = true;
        return false;
    }
    engine_recovered(w->engine, found.last, w->now_ms);
    engine_attach_journal(w->engine, store_journal(w->store));
    for (size_t i = 0; i < SIM_PORTS; i++) {
        port_init(&w->ports[i], power_of_two(w, 4, 4));
        engine_attach(w->engine, &w->ports[i]);
    }
    w->is_dead = false;
    return true;
}

void sim_world_drop(sim_world_t *w)
{
    for (size_t i = 0; i <= SIM_CLIENTS; i++)
        sim_client_deinit(&w->clients[i]);
    w->client_count = 0;
    if (w->engine)
        engine_free(&w->engine);
    if (w->store) {
        store_close(&w->store);
        for (size_t i = 0; i < SIM_PORTS; i++)
            port_deinit(&w->ports[i]);
    }
}

/* ---- steps ---- */

static void flush_ports(sim_world_t *w)
{
    for (size_t i = 0; i < SIM_PORTS; i++)
        if (port_flush(&w->ports[i]))
            w->moved = true;
}

static void step_engine(sim_world_t *w)
{
    flush_ports(w);
    w->is_busy = engine_step(w->engine, w->now_ms, 1700000000000 + w->now_ms);
    w->moved = w->moved || w->is_busy;
}

static void take_events(sim_world_t *w, size_t port, size_t most)
{
    if (port_dispatch(&w->ports[port], most) > 0)
        w->moved = true;
    flush_ports(w);
}

static void return_loans(sim_world_t *w)
{
    for (size_t i = 0; i <= SIM_CLIENTS; i++)
        sim_client_return_loans(&w->clients[i]);
}

static void turn_log(sim_world_t *w)
{
    unsigned wake = 0;
    error_t err;
    int done = store_log_turn(w->store, &wake, &err);
    if (done < 0 && !sim_disk_is_off(w->sim_disk))
        sim_fail(w, "the log failed: %s", err.text);
    w->is_dead = w->is_dead || done < 0;
    w->moved = w->moved || done != 0 || wake != 0;
}

static void turn_helper(sim_world_t *w)
{
    unsigned wake = 0;
    if (store_helper_turn(w->store, &wake) || wake != 0)
        w->moved = true;
    w->is_dead = w->is_dead || sim_disk_is_off(w->sim_disk);
}

static void idle_log(sim_world_t *w)
{
    error_t err;
    if (store_log_idle(w->store, &err) != 0) {
        if (!sim_disk_is_off(w->sim_disk))
            sim_fail(w, "the mark failed: %s", err.text);
        w->is_dead = true;
    }
}

void sim_world_move(sim_world_t *w)
{
    switch (sim_roll(w, 12)) {
    case 0:
    case 1:
    case 2:
    case 3:
        step_engine(w);
        break;
    case 4:
    case 5:
    case 6:
        take_events(w, sim_roll(w, SIM_PORTS), sim_roll(w, 2) ? SIZE_MAX : 1 + sim_roll(w, 4));
        break;
    case 7:
        return_loans(w);
        break;
    case 8:
    case 9:
        turn_log(w);
        break;
    case 10:
        turn_helper(w);
        break;
    default:
        if (sim_roll(w, 8) == 0)
            idle_log(w);
        w->now_ms += sim_roll(w, 50);
        break;
    }
}

static bool commands_wait(sim_world_t *w)
{
    if (w->is_busy) /* with a job, perhaps, that commands are parked behind */
        return true;
    for (size_t i = 0; i < SIM_PORTS; i++)
        if (!lane_empty(w->ports[i].commands) || lane_overflow(w->ports[i].commands) > 0)
            return true;
    for (size_t c = 0; c < w->client_count; c++)
        for (size_t n = 1; n < SIM_CHANNELS; n++) {
            const sim_channel_t *ch = &w->clients[c].channels[n];
            if (ch->get_count > 0 || ch->content_left > 0)
                return true;
        }
    return false;
}

static void step_all(sim_world_t *w)
{
    step_engine(w);
    for (size_t i = 0; i < SIM_PORTS; i++)
        take_events(w, i, SIZE_MAX);
    return_loans(w);
    flush_ports(w);
}

/* The disk has its turns only as far as the engine waits for it. */
void sim_world_settle(sim_world_t *w)
{
    for (size_t turns = 0; !w->is_dead && turns < 3; turns++) {
        step_all(w);
        for (size_t n = 0; commands_wait(w) && !w->is_dead; n++) {
            if (n == SETTLE_MOST)
                sim_fail(w, "commands wait for ever");
            step_all(w);
            if (n > 2)
                turn_log(w);
            if (n > 4)
                turn_helper(w);
        }
    }
}

bool sim_world_quiet(sim_world_t *w)
{
    w->moved = true;
    for (size_t n = 0; w->moved && !w->is_dead; n++) {
        if (n == SETTLE_MOST)
            sim_fail(w, "it never comes to rest");
        w->moved = false;
        step_all(w);
        turn_log(w);
        turn_helper(w);
    }
    return !w->is_dead;
}

/* ---- a history ---- */

static void live(sim_world_t *w)
{
    uint32_t acts = 20 + sim_roll(w, sim_roll(w, 4) ? 200 : 1500);
    w->client_count = 1 + sim_roll(w, SIM_CLIENTS);
    for (uint32_t i = 0; i < w->client_count; i++)
        (void)sim_client_new(w, i);
    sim_world_settle(w);
    for (uint32_t i = 0; i < acts && !w->is_dead; i++) {
        sim_act(w);
        for (uint32_t moves = sim_roll(w, 6); moves > 0 && !w->is_dead; moves--)
            sim_world_move(w);
    }
}

/* Clients are told to go; what is unacked goes back, and everything is written down. */
static bool stop_cleanly(sim_world_t *w)
{
    if (!sim_world_quiet(w))
        return false;
    engine_shutdown(w->engine);
    if (!sim_world_quiet(w))
        return false;
    engine_finish(w->engine);
    while (!engine_is_durable(w->engine))
        if (!sim_world_quiet(w))
            return false;
    sim_disk_cut_at(w->sim_disk, 0);
    return true;
}

static void may_be_gone(sim_world_t *w, uint32_t queue)
{
    for (size_t i = 0; i < w->model.count; i++)
        w->model.messages[i].copies[queue].may_be_gone = true;
}

/* What goes to who does not ack is done with before he sees it. */
static void note_unseen(sim_world_t *w)
{
    for (size_t c = 0; c < w->client_count; c++) {
        const sim_client_t *client = &w->clients[c];
        for (size_t i = 0; i < client->consumer_count; i++)
            if (client->consumers[i].no_ack && !client->consumers[i].is_gone)
                may_be_gone(w, client->consumers[i].queue);
        for (size_t n = 1; n < SIM_CHANNELS; n++)
            for (size_t i = 0; i < client->channels[n].get_count; i++)
                if (client->channels[n].gets_no_ack[i])
                    may_be_gone(w, client->channels[n].gets[i]);
    }
}

/* True if it was a clean stop. */
static bool end_life(sim_world_t *w, bool has_engine)
{
    uint32_t how = sim_roll(w, 5);
    if (has_engine && !w->is_dead && how == 0 && stop_cleanly(w)) {
        sim_say(w, "---- clean stop");
        sim_world_drop(w);
        sim_disk_restart(w->sim_disk);
        if (sim_roll(w, 2))
            sim_disk_power_cycle(w->sim_disk);
        return true;
    }
    note_unseen(w);
    if (how == 1) {
        sim_say(w, "---- killed");
        sim_disk_restart(w->sim_disk);
    } else {
        sim_say(w, "---- power cut");
        sim_disk_power_cycle(w->sim_disk);
    }
    sim_world_drop(w);
    return false;
}

void sim_world_run(sim_world_t *w)
{
    uint32_t lives = 2 + sim_roll(w, 5);
    bool cleanly = true;
    for (w->life = 1; w->life <= lives; w->life++) {
        sim_disk_cut_at(w->sim_disk, sim_roll(w, 4) == 0 ? 1 + sim_roll(w, 40) : 0);
        bool opened = sim_world_open(w);
        sim_disk_cut_at(w->sim_disk, 0);
        if (!opened) {
            (void)end_life(w, false);
            cleanly = false;
            continue;
        }
        sim_say(w, "---- life %u", w->life);
        if (!sim_check(w, cleanly))
            sim_fail(w, "the power went though nobody cut it");
        sim_disk_cut_at(w->sim_disk, sim_roll(w, 3) ? 1 + sim_roll(w, sim_roll(w, 2) ? 60 : 800) : 0);
        live(w);
        cleanly = end_life(w, true);
        sim_model_restart(&w->model, cleanly);
    }
}
