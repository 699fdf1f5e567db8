/* SPDX-License-Identifier: Apache-2.0
 *
 * flow.c: alarms. While messages take more than memory_high_bytes, or the store says that the disk has no room to spare,
 * publishes are held back, connection by connection as they come; acks and everything else go on, so that consumers can
 * bring it down again. What was held goes on when the last alarm is over. */
#include "engine/engine_internal.h"

static void let_go(engine_t *e)
{
    for (list_t *node; (node = list_first(&e->blocked));) {
        connection_t *c = LIST_OF(node, connection_t, blocked_link);
        list_remove(&c->blocked_link);
        emit(c, &(event_t){.type = EVENT_CONNECTION_UNBLOCKED});
        connection_check_reading(c);
    }
    list_t held; /* one that is held again at once joins the engine's list, not this one */
    list_init(&held);
    list_splice(&held, &e->held);
    for (list_t *node; (node = list_first(&held));) {
        channel_t *ch = LIST_OF(node, channel_t, held_link);
        channel_hold_no_more(ch);
        channel_unpark(ch);
    }
}

static void alarm_clear(engine_t *e, enum alarm alarm)
{
    e->alarms &= ~(unsigned)alarm;
    if (e->alarms == 0)
        let_go(e);
}

/* ---- memory ---- */

static void memory_alarm_set(engine_t *e)
{
    e->alarms |= ALARM_MEMORY;
    log_line(e->options.log, LOG_WARNING,
             "memory alarm set: messages take %llu octets of %llu, publishers are held back",
             (unsigned long long)e->memory_bytes, (unsigned long long)e->options.memory_high_bytes);
}

static void memory_alarm_clear(engine_t *e)
{
    log_line(e->options.log, LOG_WARNING, "memory alarm cleared: messages take %llu octets",
             (unsigned long long)e->memory_bytes);
    alarm_clear(e, ALARM_MEMORY);
}

/* Clears only well below the mark, so that one message does not set it again. */
static void memory_check(engine_t *e)
{
    uint64_t high = e->options.memory_high_bytes;
    bool is_set = (e->alarms & ALARM_MEMORY) != 0;
    if (high == 0)
        return;
    if (!is_set && e->memory_bytes > high)
        memory_alarm_set(e);
    else if (is_set && e->memory_bytes <= high - high / 8)
        memory_alarm_clear(e);
}

static bool memory_is_short(const engine_t *e)
{
    return e->options.memory_high_bytes > 0 && e->memory_bytes > e->options.memory_high_bytes;
}

/* ---- disk ---- */

static bool disk_is_short(const engine_t *e)
{
    return e->journal && atomic_load_explicit(&e->journal->disk_short, memory_order_relaxed);
}

bool flow_has_news(const engine_t *e)
{
    return disk_is_short(e) != ((e->alarms & ALARM_DISK) != 0);
}

/* The store has written the line that says so, and why. */
static void disk_check(engine_t *e)
{
    if (!flow_has_news(e))
        return;
    if (disk_is_short(e))
        e->alarms |= ALARM_DISK;
    else
        alarm_clear(e, ALARM_DISK);
}

/* ---- both ---- */

void flow_check(engine_t *e)
{
    memory_check(e);
    disk_check(e);
}

bool flow_is_tight(const engine_t *e)
{
    return e->alarms != 0 || memory_is_short(e);
}

bool flow_holds(connection_t *c)
{
    engine_t *e = c->engine;
    if (e->alarms == 0 && memory_is_short(e))
        memory_alarm_set(e);
    if (e->alarms != 0 && !list_linked(&c->blocked_link)) {
        list_append(&e->blocked, &c->blocked_link);
        emit(c, &(event_t){.type = EVENT_CONNECTION_BLOCKED, .alarms = (uint8_t)e->alarms});
    }
    return e->alarms != 0;
}
