/* SPDX-License-Identifier: Apache-2.0
 *
 * flow.c: the memory alarm. While messages take more than memory_high_bytes, publishes are held back,
 * connection by connection as they come; acks and everything else go on, so that consumers can bring it down
 * again. */
#include "engine/engine_internal.h"

static void alarm_set(engine_t *e)
{
    e->alarm = true;
    log_line(e->options.log, LOG_WARNING,
             "memory alarm set: messages take %llu octets of %llu, publishers are held back",
             (unsigned long long)e->memory_bytes, (unsigned long long)e->options.memory_high_bytes);
}

static void alarm_clear(engine_t *e)
{
    e->alarm = false;
    log_line(e->options.log, LOG_WARNING, "memory alarm cleared: messages take %llu octets",
             (unsigned long long)e->memory_bytes);
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

/* Clears only well below the mark, so that one message does not set it again. */
void flow_check(engine_t *e)
{
    uint64_t high = e->options.memory_high_bytes;
    if (high == 0)
        return;
    if (!e->alarm && e->memory_bytes > high)
        alarm_set(e);
    else if (e->alarm && e->memory_bytes <= high - high / 8)
        alarm_clear(e);
}

bool flow_is_tight(const engine_t *e)
{
    return e->alarm || (e->options.memory_high_bytes > 0 && e->memory_bytes > e->options.memory_high_bytes);
}

bool flow_holds(connection_t *c)
{
    engine_t *e = c->engine;
    if (!e->alarm && flow_is_tight(e))
        alarm_set(e);
    if (e->alarm && !list_linked(&c->blocked_link)) {
        list_append(&e->blocked, &c->blocked_link);
        emit(c, &(event_t){.type = EVENT_CONNECTION_BLOCKED});
    }
    return e->alarm;
}
