/* SPDX-License-Identifier: Apache-2.0 */
#include "model/journal.h"

#include "base/alloc.h"

batch_t *batch_new(record_no first)
{
    batch_t *b = MEM_NEW(batch_t);
    b->first = first;
    return b;
}

void batch_free(batch_t *b)
{
    if (b == NULL)
        return;
    buffer_free(&b->records);
    mem_free(b->contents);
    mem_free(b);
}

void batch_add_content(batch_t *b, bytes_t octets, message_t *message)
{
    b->contents = mem_grow(b->contents, sizeof *b->contents, b->content_count, &b->content_capacity, 8);
    b->contents[b->content_count++] = (batch_content_t){octets, message};
    b->content_bytes += octets.len;
}

void journal_init(journal_t *j, size_t ring_items)
{
    j->ring_items = ring_items;
    flag_put(&j->disk_short, false);
    flag_put(&j->log_short, false);
    j->batches = lane_new(ring_items, sizeof(batch_t *));
    j->done = lane_new(ring_items, sizeof(batch_t *));
    j->reads = lane_new(ring_items, sizeof(read_request_t *));
    j->read = lane_new(ring_items, sizeof(read_request_t *));
    j->segments = lane_new(ring_items, sizeof(segment_news_t));
    j->orders = lane_new(ring_items, sizeof(segment_order_t *));
}

void segment_order_free(segment_order_t *o)
{
    buffer_free(&o->keep);
    mem_free(o);
}

static void discard_order(const void *item)
{
    segment_order_free(*(segment_order_t *const *)item);
}

static void discard_batch(const void *item)
{
    batch_free(*(batch_t *const *)item);
}

void read_request_free(read_request_t *r)
{
    for (size_t i = 0; i < r->count; i++)
        message_free(r->items[i].message);
    mem_free(r);
}

static void discard_read(const void *item)
{
    read_request_free(*(read_request_t *const *)item);
}

void journal_deinit(journal_t *j)
{
    lane_discard(&j->batches, discard_batch);
    lane_discard(&j->done, discard_batch);
    lane_discard(&j->reads, discard_read);
    lane_discard(&j->read, discard_read);
    lane_discard(&j->orders, discard_order);
    lane_free(&j->segments);
}
