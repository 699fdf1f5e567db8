/* SPDX-License-Identifier: Apache-2.0
 *
 * events.c: the reports that a synchronous exchange keeps, newest first. They are JSON already. */
#include "admin/admin_internal.h"

static bytes_t octets_of(const query_t *q, size_t at, size_t len)
{
    return bytes_make(q->octets.data + at, len);
}

void answer_events(const view_t *v, reply_t *r)
{
    const query_t *q = v->query;
    bool first = true;
    reply_text(r, "application/json");
    write_u8(&r->body, '[');
    for (size_t i = q->event_count; i-- > 0;) {
        const query_event_t *ev = &q->events[i];
        if (!bytes_equal(octets_of(q, ev->exchange, ev->exchange_len), v->target->parts[3]))
            continue;
        if (!first)
            write_u8(&r->body, ',');
        first = false;
        write_bytes(&r->body, octets_of(q, ev->report, ev->report_len));
    }
    write_u8(&r->body, ']');
}
