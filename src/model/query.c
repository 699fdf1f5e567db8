/* SPDX-License-Identifier: Apache-2.0 */
#include "model/query.h"

#include "base/alloc.h"

query_t *query_new(query_type_t type)
{
    query_t *q = MEM_NEW(query_t);
    q->type = (uint8_t)type;
    return q;
}

void query_free(query_t *q)
{
    if (q == NULL)
        return;
    mem_free(q->queues);
    mem_free(q->events);
    buffer_free(&q->octets);
    mem_free(q);
}

query_queue_t *query_add_queue(query_t *q, bytes_t name, bytes_t arguments)
{
    q->queues = mem_grow(q->queues, sizeof *q->queues, q->queue_count, &q->queue_capacity, 64);
    query_queue_t *row = &q->queues[q->queue_count++];
    *row = (query_queue_t){.name = q->octets.len, .name_len = name.len};
    write_bytes(&q->octets, name);
    row->arguments = q->octets.len;
    row->arguments_len = arguments.len;
    write_bytes(&q->octets, arguments);
    return row;
}

void query_add_event(query_t *q, bytes_t exchange, bytes_t report)
{
    q->events = mem_grow(q->events, sizeof *q->events, q->event_count, &q->event_capacity, 64);
    q->events[q->event_count++] = (query_event_t){.exchange = q->octets.len,
                                                  .exchange_len = exchange.len,
                                                  .report = q->octets.len + exchange.len,
                                                  .report_len = report.len};
    write_bytes(&q->octets, exchange);
    write_bytes(&q->octets, report);
}
