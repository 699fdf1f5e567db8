/* SPDX-License-Identifier: Apache-2.0
 *
 * history.c: a history: a few lives on one disk. Each begins with an opening, perhaps several when the power goes
 * meanwhile; goes on with a look at what is there and with random acts; and ends with a power cut, a kill, a sync that
 * fails, or properly. Nothing but the disk and the model outlives a life. */
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "sim/bugs.h"
#include "sim/report.h"
#include "sim/world.h"

/* ---- what is tiny, and how tiny ---- */

static void fill_random(void *context, void *out, size_t len)
{
    world_t *w = context;
    uint8_t *octets = out;
    for (size_t i = 0; i < len; i++)
        octets[i] = (uint8_t)sim_random_next(&w->random);
}

static uint64_t some_power(world_t *w, unsigned least, unsigned most)
{
    return UINT64_C(1) << (least + dice(w, most - least + 1));
}

static void choose_options(world_t *w)
{
    w->ring_items = some_power(w, 1, 6);
    w->engine_options = (engine_options_t){
        .held_bytes = 1 << 20,
        .output_bytes = dice(w, 3) ? 1 << 20 : 300 + dice(w, 3000),
        .parked_commands = 4 + dice(w, 200),
        .unacked_max = 5000,
        .page_entries = (uint32_t)some_power(w, 1, 7),
        .slice = (uint32_t)some_power(w, 0, 6),
        .memory_bodies = dice(w, 2) ? 0 : dice(w, 20000),
        .unwritten_bytes = some_power(w, 9, 16),
        .batch_bytes = some_power(w, 6, 13),
        .checkpoint_bytes = some_power(w, 8, 15),
        .deduplication_ids_max = 1000,
        .publishers_max = 100,
        .transaction_bytes = 1 << 20,
        .transaction_actions = 1000,
        .log = report_log(),
    };
    w->store_options = (store_options_t){
        .segment_bytes = some_power(w, 12, 16),
        .first_segment_bytes = some_power(w, 12, 14),
        .frame_bytes = (uint32_t)some_power(w, 9, 12),
        .segments_ahead = 1 + dice(w, 3),
        .read_bytes = (uint32_t)some_power(w, 9, 13),
        .fill_bytes_per_second = some_power(w, 12, 18),
        .rewrite_bytes_per_second = 1, /* there is no clock: at any rate */
        .ring_items = some_power(w, 1, 4),
        .log = report_log(),
        .random = {fill_random, w},
    };
}

static void choose_amqp_options(world_t *w)
{
    amqp_options_default(&w->amqp_options);
    w->amqp_options.part_bytes = dice(w, 3) ? some_power(w, 7, 12) : 0;
    w->amqp_options.lend_bytes = some_power(w, 3, 12);
    w->amqp_options.auth = w->auth;
    w->amqp_options.log = report_log();
    w->amqp_options.random = (random_source_t){fill_random, w};
}

/* ---- an opening ---- */

/* A record that is held back until the next one comes: so the last one of all can be lost, when that is asked for. */
typedef struct applying {
    world_t *world;
    record_no last;
} applying_t;

static void show_record(record_no number, const record_t *r)
{
    bytes_reader_t in = bytes_reader(r->list.octets);
    report_line(
        "    record %llu %s, queue %llu '%.*s', position %llu, mark %llu, message %llu, kind %u, parts %u",
        (unsigned long long)number, record_type_name(r->type), (unsigned long long)r->queue,
        TEXT_ARG(r->name), (unsigned long long)r->position, (unsigned long long)r->mark,
        (unsigned long long)r->message, r->kind, r->parts.count);
    for (uint64_t a, b; record_list_next(&in, &a, &b);)
        report_line("      %llu, %llu", (unsigned long long)a, (unsigned long long)b);
}

static bool apply(void *context, record_no number, const record_t *r, bytes_t content, bool damaged)
{
    applying_t *o = context;
    if (report_is_verbose())
        show_record(number, r);
    if (damaged && !o->world->rot.is_on)
        report_failure("record %llu is damaged", (unsigned long long)number);
    if (o->last && number != o->last + 1)
        report_failure("record %llu comes after record %llu", (unsigned long long)number,
                       (unsigned long long)o->last);
    o->last = number;
    if (bug_is(BUG_DROPPED_LAST_RECORD) && number == o->world->durable)
        return true;
    if (!engine_apply(o->world->engine, number, r, content, damaged))
        report_failure("record %llu cannot be", (unsigned long long)number);
    return true;
}

static bool try_to_open(world_t *w, store_found_t *found)
{
    error_t err = {0};
    applying_t o = {.world = w};
    w->engine = engine_new(&w->engine_options);
    for (size_t i = 0; i < PORTS; i++) {
        port_init(&w->ports[i], w->ring_items);
        w->io[i] = amqp_io_new(&w->amqp_options, &w->ports[i]);
        engine_attach(w->engine, &w->ports[i]);
    }
    bug_note_opening(true);
    w->store = store_open(sim_disk_disk(w->disk), &w->store_options, apply, &o, found, &err);
    bug_note_opening(false);
    if (w->store)
        return true;
    if (!sim_disk_is_off(w->disk) && !w->rot.is_on)
        report_failure("the log does not open: %s", err.text);
    if (!sim_disk_is_off(w->disk))
        rot_end(w);
    report_line("  the power goes while it is opened: %s", err.text);
    return false;
}

static void close_life(world_t *w)
{
    wires_close(w);
    engine_free(&w->engine);
    store_close(&w->store);
    for (size_t i = 0; i < PORTS; i++)
        port_deinit(&w->ports[i]);
    for (size_t i = 0; i < CLIENTS; i++) {
        w->clients[i].stage = STAGE_NONE;
        w->clients[i].port_client.number = 0;
    }
}

static void open_life(world_t *w, bool was_clean)
{
    store_found_t found;
    while (sim_disk_cut_at(w->disk, dice(w, 4) ? 0 : 1 + dice(w, 30)), !try_to_open(w, &found)) {
        sim_disk_power_cycle(w->disk);
        close_life(w);
    }
    sim_disk_cut_at(w->disk, 0);
    engine_attach_journal(w->engine, store_journal(w->store));
    engine_recovered(w->engine, found.last, w->now_ms);
    report_line("  opened up to record %llu, %llu known to be durable, %llu of the tail, %llu octets cut",
                (unsigned long long)found.last, (unsigned long long)w->durable,
                (unsigned long long)found.resynced_records, (unsigned long long)found.cut_bytes);
    if (found.last < w->durable || found.last > w->last)
        report_failure("the log ends with record %llu; %llu are durable, %llu were made",
                       (unsigned long long)found.last, (unsigned long long)w->durable,
                       (unsigned long long)w->last);
    if (found.damaged_contents + found.lost_ranges > 0 && !w->rot.is_on)
        report_failure("the opening found damage");
    w->last = w->durable = found.last;
    w->is_over = w->gathers = false;
    w->by_wakes = dice(w, 2);
    w->engine_due = w->log_due = w->helper_due = true; /* as when threads begin */
    w->port_due[0] = w->port_due[1] = true;
    model_reopened(w->model, found.last, was_clean);
}

/* ---- a life ---- */

/* All that the engine has said is heard, also what had no room yet. */
static void hear_everything(world_t *w, bool is_clean)
{
    for (bool more = true; more;) {
        more = false;
        for (size_t i = 0; i < PORTS; i++) {
            (void)port_flush(&w->ports[i]); /* gives room back */
            (void)lane_flush(w->ports[i].events);
            more |= port_dispatch(&w->ports[i], SIZE_MAX) > 0;
        }
    }
    for (size_t i = 0; i < CLIENTS; i++)
        wire_dies(&w->clients[i]);
    for (size_t i = 0; i < CLIENTS; i++) /* some may have been refused, and not been told yet */
        for (size_t n = 1; n <= CHANNELS; n++)
            channel_lets_go(&w->clients[i], &w->clients[i].channels[n]);
    model_life_over(w->model, is_clean);
}

static bool stop_properly(world_t *w)
{
    for (size_t i = 0; i < CLIENTS; i++)
        if (w->clients[i].stage == STAGE_OPEN)
            client_leave(&w->clients[i], false);
    world_settle(w);
    if (!w->is_over && dice(w, 4) == 0)
        check_messages(w, false);
    if (w->is_over)
        return false;
    for (size_t i = 0; i < CLIENTS; i++)
        if (w->clients[i].stage != STAGE_NONE)
            report_failure("client %zu has left and is not let go", i);
    engine_finish(w->engine);
    w->log_due |= engine_wants_log(w->engine);
    world_settle(w);
    return !w->is_over;
}

/* Returns true if it was clean. */
static bool end_life(world_t *w, end_t how)
{
    bool clean = how == END_CLEAN && stop_properly(w);
    hear_everything(w, clean);
    report_line("  the end: %s, %llu records made, %llu durable",
                clean                      ? "clean"
                : sim_disk_is_off(w->disk) ? "cut"
                : how == END_KILL          ? "killed"
                                           : "cut now",
                (unsigned long long)w->last, (unsigned long long)w->durable);
    sim_disk_fail_sync(w->disk, 0);
    sim_disk_fail_at(w->disk, 0);
    sim_disk_limit(w->disk, UINT64_MAX);
    sim_disk_cut_at(w->disk, 0);
    if (clean) {
        close_life(w);
        if (dice(w, 2))
            sim_disk_restart(w->disk);
        else
            sim_disk_power_cycle(w->disk);
    } else {
        if (how == END_CUT || (how >= END_SYNC_FAILS && dice(w, 2)))
            sim_disk_power_cycle(w->disk);
        else
            sim_disk_restart(w->disk);
        close_life(w);
    }
    return clean;
}

static bool live(world_t *w)
{
    end_t how = (end_t)dice(w, dice(w, 4) ? END_SYNC_FAILS : ENDS);
    uint32_t acts = dice(w, dice(w, 4) ? 400 : 3000);
    w->mood = mood_of(w);
    if (dice(w, 8))
        check_definitions(w);
    if (dice(w, 4) == 0)
        check_messages(w, false);
    w->cuts_soon = how == END_CUT && dice(w, 3) == 0;
    if (how == END_CUT && !w->cuts_soon)
        sim_disk_cut_at(w->disk, 1 + dice(w, dice(w, 2) ? 40 : 400));
    else if (how == END_SYNC_FAILS)
        sim_disk_fail_sync(w->disk, 1 + dice(w, 60));
    else if (how == END_CALL_FAILS)
        sim_disk_fail_at(w->disk, 1 + dice(w, 60));
    else if (how == END_FULL)
        sim_disk_limit(w->disk, w->store_options.segment_bytes * dice(w, 6));
    for (uint32_t i = 0; i < acts && !w->is_over; i++)
        world_act(w);
    return end_life(w, how);
}

/* ---- all of it ---- */

static void take_everything(world_t *w)
{
    check_definitions(w);
    check_messages(w, true);
    if (w->model->missed > w->damaged)
        report_failure("%u messages are missing, %llu are said to be damaged", w->model->missed,
                       (unsigned long long)w->damaged);
    (void)end_life(w, END_CLEAN);
}

/* A life whose end leaves nothing in doubt: what is missing behind it is for the bit that turns. */
static bool rot_life(world_t *w, uint64_t seed, unsigned number, bool was_clean)
{
    report_at(seed, number);
    open_life(w, was_clean);
    check_messages(w, false);
    bool clean = end_life(w, END_CLEAN);
    if (clean && !model_has_doubts(w->model))
        (void)rot_begin(w);
    return clean;
}

static void forget_clients(world_t *w)
{
    for (size_t i = 0; i < CLIENTS; i++)
        for (size_t n = 1; n <= CHANNELS; n++) {
            channel_t *ch = &w->clients[i].channels[n];
            mem_free(ch->ops.items);
            mem_free(ch->unconfirmed.items);
            mem_free(ch->held);
            mem_free(ch->claimed);
            *ch = (channel_t){0};
        }
    for (size_t i = 0; i < CLIENTS; i++)
        wire_forget(&w->clients[i].wire);
}

void world_run(world_t *w, uint64_t seed)
{
    w->random = sim_random(seed);
    w->disk = sim_disk_new(sim_random_next(&w->random));
    sim_disk_skip_syncs(w->disk, bug_is(BUG_SKIPPED_SYNC));
    sim_disk_skip_syncs_of(w->disk, bug_is(BUG_RENAMED_BEFORE_SYNC) ? ".new" : NULL);
    sim_disk_skip_directory_syncs(w->disk, bug_is(BUG_SKIPPED_DIRECTORY_SYNC));
    w->model = model_new();
    w->auth = auth_new(&(auth_options_t){.user = "guest", .password = "guest", .loopback_users = "guest"});
    w->causes = 0;
    w->now_ms = 1000;
    w->last = w->durable = 0;
    w->is_over = false;
    w->rot = (rot_t){0};
    memset(w->publishers, 0, sizeof w->publishers);
    choose_options(w);
    choose_amqp_options(w);
    bool clean = true;
    unsigned lives = 2 + dice(w, 5);
    for (unsigned i = 1; i <= lives; i++) {
        report_at(seed, i);
        if (i > 1 && dice(w, 3) == 0)
            choose_options(w); /* who starts it again may have set it otherwise */
        open_life(w, clean);
        clean = live(w);
    }
    if (dice(w, 8) == 0)
        clean = rot_life(w, seed, ++lives, clean);
    report_at(seed, lives + 1);
    open_life(w, clean);
    take_everything(w);
    forget_clients(w);
    auth_free(&w->auth);
    model_free(&w->model);
    sim_disk_free(&w->disk);
}
