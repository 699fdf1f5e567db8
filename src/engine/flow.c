/* SPDX-License-Identifier: Apache-2.0
 *
 * flow.c: alarms. While messages take more than memory_high_bytes, or the store says that the disk has no room to spare,
 * publishes are held back, connection by connection as they come; acks and everything else go on, so that consumers can
 * bring it down again. What was held goes on when the last alarm is over. So it is, without a word to anybody, while messages
 * come faster than they can leave memory (cold.c). */
#include "engine/engine_internal.h"

/* Of those that are told; what holds for a moment only is nobody's business. */
#define ALARMS_TOLD (ALARM_MEMORY | ALARM_DISK)

static void tell_unblocked(engine_t *e)
{
    for (list_t *node; (node = list_first(&e->blocked));) {
        connection_t *c = LIST_OF(node, connection_t, blocked_link);
        list_remove(&c->blocked_link);
        emit(c, &(event_t){.type = EVENT_CONNECTION_UNBLOCKED});
        connection_check_reading(c);
    }
}

static void let_go(engine_t *e)
{
    list_t held; /* one that is held again at once joins the engine's list, not this one */
    list_init(&held);
    list_splice(&held, &e->held);
    e->holds_for_log = false;
    for (list_t *node; (node = list_first(&held));) {
        channel_t *ch = LIST_OF(node, channel_t, held_link);
        channel_hold_no_more(ch);
        channel_unpark(ch);
    }
}

static void tell_blocked(connection_t *c)
{
    engine_t *e = c->engine;
    unsigned alarms = e->alarms & ALARMS_TOLD;
    if (alarms == 0 || list_linked(&c->blocked_link))
        return;
    list_append(&e->blocked, &c->blocked_link);
    emit(c, &(event_t){.type = EVENT_CONNECTION_BLOCKED, .alarms = (uint8_t)alarms});
}

/* Those that are held without a word hear of it now. */
static void alarm_set(engine_t *e, unsigned alarm)
{
    e->alarms |= alarm;
    LIST_EACH (node, &e->held)
        tell_blocked(LIST_OF(node, channel_t, held_link)->connection);
}

static void alarm_clear(engine_t *e, unsigned alarm)
{
    e->alarms &= ~alarm;
    if ((e->alarms & ALARMS_TOLD) == 0)
        tell_unblocked(e);
}

/* ---- memory ---- */

static void memory_alarm_set(engine_t *e)
{
    alarm_set(e, ALARM_MEMORY);
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

static unsigned disk_alarms(const engine_t *e)
{
    const journal_t *j = e->journal;
    if (j == NULL)
        return 0;
    return (flag_is_set(&j->disk_short) ? ALARM_DISK : 0u) | (flag_is_set(&j->log_short) ? ALARM_LOG : 0u);
}

bool flow_has_news(const engine_t *e)
{
    return disk_alarms(e) != (e->alarms & (ALARM_DISK | ALARM_LOG));
}

/* The store has written the line that says so, and why. */
static void disk_check(engine_t *e)
{
    unsigned now = disk_alarms(e), before = e->alarms & (ALARM_DISK | ALARM_LOG);
    if (now & ~before)
        alarm_set(e, now & ~before);
    if (before & ~now)
        alarm_clear(e, before & ~now);
}

/* ---- both ---- */

bool flow_log_is_tight(const engine_t *e)
{
    return (e->alarms & (ALARM_DISK | ALARM_LOG)) != 0 || records_full(e);
}

/* With room in the log, transactions that waited for it do not wait for memory: they may be what that is short of. */
void flow_check(engine_t *e)
{
    memory_check(e);
    disk_check(e);
    bool is_over = e->alarms == 0 && !e->cold_is_behind;
    if ((is_over || e->holds_for_log) && !flow_log_is_tight(e))
        let_go(e);
}

/* What was held comes back all at once, and must not go past the log: with that full, too, it waits. */
bool flow_is_tight(const engine_t *e)
{
    return e->alarms != 0 || memory_is_short(e) || records_full(e) || e->cold_is_behind;
}

bool flow_holds(connection_t *c)
{
    engine_t *e = c->engine;
    if (e->alarms == 0 && memory_is_short(e))
        memory_alarm_set(e);
    tell_blocked(c);
    e->holds_for_log |= flow_log_is_tight(e);
    return e->alarms != 0 || records_full(e) || e->cold_is_behind;
}
