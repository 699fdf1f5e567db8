/* SPDX-License-Identifier: Apache-2.0
 *
 * journal.h: where the engine and the store meet: batches of records on their way to the disk, and messages on
 * their way back from it.
 *
 *   engine ── batches ──> log thread ── done ──> engine        a batch is lent, and comes back when it is synced
 *   engine ── reads ────> helper ────── read ──> engine
 *   helper ── segments ─> engine ───── orders ─> helper        which parts of the log lie there, and what to do with them
 *   helper ── disk_short ─> engine                             whether there is room for more than what makes room
 *
 * A batch is one group: all of it is there after a crash, or nothing. Batches come back in the order they were given;
 * when one is back, every record up to its last is durable. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/flag.h"
#include "base/heap.h"
#include "base/lane.h"
#include "model/message.h"
#include "model/record.h"

/* Content of a MESSAGE or PART record: octets of a message that the engine keeps alive until the batch is back. */
typedef struct batch_content {
    bytes_t octets; /* properties and body, of `message` */
    message_t *message;
} batch_content_t;

typedef struct batch {
    record_no first;
    uint32_t count;            /* records in it; not 0 */
    buffer_t records;          /* their octets, end to end (record.h) */
    batch_content_t *contents; /* in the order of the records that have one */
    size_t content_count, content_capacity;
    uint64_t content_bytes;
    struct batch *next;    /* the engine's own */
    record_no replay_from; /* once this is durable, a log that is read from here makes all that is there */
} batch_t;

batch_t *batch_new(record_no first);
void batch_free(batch_t *b); /* not the messages */
void batch_add_content(batch_t *b, bytes_t octets, message_t *message);

static inline record_no batch_last(const batch_t *b)
{
    return b->first + b->count - 1;
}

/* How reading one record back went. */
typedef enum read_outcome {
    READ_OK,
    READ_DAMAGED, /* it is there, but its content is not what was written */
    READ_FAILED,  /* the disk did not give it */
} read_outcome_t;

typedef struct read_item {
    record_no record;
    uint64_t position; /* the engine's own: where it belongs */
    message_t
        *message; /* READ_OK: born here, references 0. Of a PART record: nothing but its octets as body */
    uint8_t outcome;
} read_item_t;

/* What the engine asks for: MESSAGE and PART records that are durable, best by rising number. It comes back filled; if
 * messages of bytes_most octets were read, or more, with those alone: `count` is less then. */
typedef struct read_request {
    void *owner;         /* the engine's own */
    heap_timer_t turn;   /* the helper's own */
    size_t served;       /* likewise */
    uint64_t bytes;      /* likewise: of those messages */
    uint64_t bytes_most; /* 0: no limit */
    size_t count;
    read_item_t items[];
} read_request_t;

/* The next item was read. True if the request can go back. */
static inline bool read_request_served(read_request_t *r)
{
    const message_t *m = r->items[r->served++].message;
    r->bytes += m ? message_bytes(m) : 0;
    if (r->bytes_most > 0 && r->bytes >= r->bytes_most)
        r->count = r->served;
    return r->served == r->count;
}

/* Frees it with the messages that were read and not taken. */
void read_request_free(read_request_t *r);

/* A segment that is complete: nothing is written to it any more. Told once when it is left (or the log is opened), and
 * again when an order changed it. Records below replay_from are needed only as far as something refers to their content. */
typedef struct segment_news {
    uint64_t segment;    /* its number */
    record_no from, end; /* its records: from … end - 1 */
    uint64_t bytes;      /* of its file; 0: it is gone */
    uint64_t contents;   /* pieces of content in it; UINT64_MAX: not known */
} segment_news_t;

/* What is to become of a complete segment that lies below replay_from, all of it: it goes; or it is written anew with
 * these records only, each under its number. Carried out at once or later, and answered by a segment_news_t. Whatever made
 * its records dispensable is durable. */
typedef struct segment_order {
    uint64_t segment;
    uint32_t keep_count; /* of its pairs; 0: it goes */
    buffer_t keep;       /* record_list_t: first record, count; rising */
} segment_order_t;

/* Frees it with its list. */
void segment_order_free(segment_order_t *o);

/* Items are pointers (batch_t *, read_request_t *, segment_order_t *), but for segments: segment_news_t. */
typedef struct journal {
    lane_t *batches;  /* engine → log thread */
    lane_t *done;     /* log thread → engine */
    lane_t *reads;    /* engine → helper */
    lane_t *read;     /* helper → engine */
    lane_t *segments; /* helper → engine */
    lane_t *orders;   /* engine → helper */
    size_t ring_items;
    flag_t disk_short; /* store → engine: nothing more should be published (the disk alarm) */
    flag_t log_short;  /* the same, for a moment: the log is faster than its segments are made */
} journal_t;

void journal_init(journal_t *j, size_t ring_items);

/* Frees the lanes, and the batches and requests in them with the messages of those that were read. */
void journal_deinit(journal_t *j);
