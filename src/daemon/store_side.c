/* SPDX-License-Identifier: Apache-2.0
 *
 * store_side.c: see store_side.h. Each thread sleeps only after a turn that was made with the wake-up prepared and found
 * nothing to do. When nothing has come for a moment the log writes its mark.
 *
 * A disk that fails under the log ends the process at once: nothing more may be answered, and nobody may believe that
 * what was not synced can be synced later. */
#include "daemon/store_side.h"

#include <unistd.h>

#include "os/disk.h"

/* Quiet for so long, the log writes its mark. */
#define IDLE_MS 50

/* ---- opening ---- */

static bool apply(void *context, record_no number, const record_t *r, bytes_t content, bool damaged)
{
    return engine_apply(context, number, r, content, damaged);
}

/* RabbitMQ's, where nothing is set. */
#define FREE_LIMIT_BYTES 50000000

static uint64_t free_limit_bytes(const settings_t *s)
{
    if (s->disk_absolute != SETTINGS_NONE)
        return s->disk_absolute;
    uint64_t relative = (uint64_t)(s->disk_relative * (double)os_memory_total());
    return relative > 0 ? relative : FREE_LIMIT_BYTES;
}

static store_options_t store_settings(const settings_t *s, const log_t *log)
{
    return (store_options_t){
        .segment_bytes = s->segment_bytes,
        .first_segment_bytes = s->first_segment_bytes,
        .frame_bytes = (uint32_t)s->frame_bytes,
        .segments_ahead = (uint32_t)s->segments_ahead,
        .free_limit_bytes = free_limit_bytes(s),
        .read_bytes = (uint32_t)s->store_read_bytes,
        .fill_bytes_per_second = s->fill_rate,
        .rewrite_bytes_per_second = s->rewrite_rate,
        .ring_items = (size_t)s->store_ring_items,
        .serve_damaged = s->on_damage,
        .log = log,
        .random = os_random(),
        .clock = os_clock(),
    };
}

static void say_what_was_found(const store_side_t *s, const settings_t *settings, const engine_t *engine,
                               const store_found_t *found, uint64_t took_ms)
{
    engine_counts_t counts;
    engine_count(engine, &counts);
    log_line(s->log, LOG_INFO, "log in %s: %llu records read in %llu ms; %llu queues, %llu messages",
             settings->data_dir, (unsigned long long)found->records, (unsigned long long)took_ms,
             (unsigned long long)counts.queues, (unsigned long long)counts.messages_ready);
    if (found->cut_bytes > 0)
        log_line(s->log, LOG_INFO, "log in %s: an end of %llu octets that was never synced is cut",
                 settings->data_dir, (unsigned long long)found->cut_bytes);
    if (found->lost_ranges > 0)
        log_line(s->log, LOG_ERROR,
                 "log in %s: %llu stretches of records are lost, the rest is served (store.on_damage)",
                 settings->data_dir, (unsigned long long)found->lost_ranges);
}

int store_side_open(store_side_t *s, const settings_t *settings, engine_t *engine, const log_t *log,
                    error_t *err)
{
    *s = (store_side_t){.log = log, .busy_wait_us = settings->busy_wait_us};
    clock_source_t clock = os_clock();
    uint64_t began_ms = clock.now_ms(clock.context);
    store_options_t options = store_settings(settings, log);
    store_found_t found;
    s->disk = os_disk_open(settings->data_dir, err);
    if (s->disk)
        s->store = store_open(s->disk, &options, apply, engine, &found, err);
    if (!s->store)
        return -1;
    uint64_t now_ms = clock.now_ms(clock.context);
    engine_recovered(engine, found.last, now_ms);
    engine_attach_journal(engine, store_journal(s->store));
    say_what_was_found(s, settings, engine, &found, now_ms - began_ms);
    return 0;
}

/* ---- the threads ---- */

static void ring(store_side_t *s, unsigned wake)
{
    if (wake & STORE_WAKE_ENGINE)
        os_wakeup_ring(s->engine_wakeup);
    if (wake & STORE_WAKE_LOG)
        os_wakeup_ring(s->log_wakeup);
    if (wake & STORE_WAKE_HELPER)
        os_wakeup_ring(s->helper_wakeup);
}

static void end_process(store_side_t *s, const error_t *err)
{
    log_line(s->log, LOG_ERROR,
             "the log cannot be written: %s; ending at once, as nothing can be promised any more", err->text);
    _exit(1);
}

/* True if it did something. */
static bool log_turn(store_side_t *s)
{
    error_t err;
    unsigned wake = 0;
    int done = store_log_turn(s->store, &wake, &err);
    if (done < 0)
        end_process(s, &err);
    ring(s, wake);
    return done > 0;
}

static void run_log(void *context)
{
    store_side_t *s = context;
    bool marked = false;
    uint64_t look_until_us = 0; /* who got an answer may soon have the next question */
    while (!atomic_load(&s->log_quit_asked)) {
        if (log_turn(s)) {
            marked = false;
            look_until_us = os_now_us() + s->busy_wait_us;
            continue;
        }
        if (os_now_us() < look_until_us) {
            os_thread_yield();
            continue;
        }
        os_wakeup_prepare(s->log_wakeup);
        bool worked = log_turn(s);
        if (worked || atomic_load(&s->log_quit_asked)) {
            os_wakeup_cancel(s->log_wakeup);
            marked = marked && !worked;
            continue;
        }
        bool rung = os_wakeup_wait(s->log_wakeup, marked ? -1 : IDLE_MS);
        error_t err;
        if (!rung && !marked && store_log_idle(s->store, &err) != 0)
            end_process(s, &err);
        marked = marked || !rung;
    }
}

static bool helper_turn(store_side_t *s)
{
    unsigned wake = 0;
    bool more = store_helper_turn(s->store, &wake);
    ring(s, wake);
    return more;
}

static void run_helper(void *context)
{
    store_side_t *s = context;
    while (!atomic_load(&s->helper_quit_asked)) {
        if (helper_turn(s))
            continue;
        os_wakeup_prepare(s->helper_wakeup);
        if (helper_turn(s) || atomic_load(&s->helper_quit_asked))
            os_wakeup_cancel(s->helper_wakeup);
        else
            (void)os_wakeup_wait(s->helper_wakeup, (int)store_helper_wait_ms(s->store));
    }
}

int store_side_start(store_side_t *s, os_wakeup_t *engine_wakeup, error_t *err)
{
    s->engine_wakeup = engine_wakeup;
    s->log_wakeup = os_wakeup_new(err);
    if (s->log_wakeup)
        s->helper_wakeup = os_wakeup_new(err);
    if (!s->helper_wakeup)
        return -1;
    s->helper_thread = os_thread_start("helper", run_helper, s, err);
    if (s->helper_thread)
        s->log_thread = os_thread_start("log", run_log, s, err);
    return s->log_thread ? 0 : -1;
}

bool store_side_wake(store_side_t *s, engine_t *engine)
{
    bool log = engine_wants_log(engine);
    if (log)
        os_wakeup_ring(s->log_wakeup);
    if (engine_wants_helper(engine))
        os_wakeup_ring(s->helper_wakeup);
    return log;
}

void store_side_give_up(const store_side_t *s)
{
    log_line(
        s->log, LOG_ERROR,
        "the log did not take what was decided last in time; what was confirmed is safe, but acks may be "
        "lost, and their messages come back");
    _exit(1);
}

static void join(os_thread_t **thread, atomic_bool *quit_asked, os_wakeup_t *wakeup)
{
    if (!*thread)
        return;
    atomic_store(quit_asked, true);
    os_wakeup_ring(wakeup);
    os_thread_join(thread);
}

void store_side_join(store_side_t *s)
{
    join(&s->log_thread, &s->log_quit_asked, s->log_wakeup);
    join(&s->helper_thread, &s->helper_quit_asked, s->helper_wakeup);
}

void store_side_close(store_side_t *s)
{
    if (s->store)
        store_close(&s->store);
    disk_free(&s->disk);
    os_wakeup_free(&s->log_wakeup);
    os_wakeup_free(&s->helper_wakeup);
}
