/* SPDX-License-Identifier: Apache-2.0
 *
 * record.h: what the engine decided, as it goes to the log and comes back from it.
 *
 * Commands are inputs, records are decisions: a record bears everything that was decided, so that applying it needs
 * nothing but the records before it. Records are numbered 1, 2, 3, … in the order they were made; the number is not
 * written with each (a frame names its first one), and is never used again.
 *
 * Octets of a record: its type (one), then the fields its type has, in the order of the table below. Numbers are
 * varints (LEB128: seven bits an octet, lowest first, at most ten octets); `ss` is a short string (one octet of length),
 * `ls` a long string (four octets, big-endian, of length); a list is the varint count of its pairs, then the pairs, two
 * varints each. Flags are one octet.
 *
 * A MESSAGE and a PART have content beside the record: one piece of the group's content, in the order of the
 * records that have one. A message's content is its properties and then the rest of its body. The rest is all of the
 * body, unless parts were written ahead of it: then the body is those parts, in order, and the rest. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

typedef uint64_t record_no; /* 0: none */

typedef enum record_type {
    /* vhost, kind (exchange type), flags (RECORD_AUTO_DELETE, RECORD_INTERNAL), name ss, arguments ls: a durable
     * exchange is there; if it is there already, nothing (a checkpoint). */
    RECORD_EXCHANGE = 1,
    /* vhost, name ss: gone, with its bindings. */
    RECORD_EXCHANGE_GONE = 2,
    /* queue (0: this record's own number), vhost, kind (queue type), flags (RECORD_AUTO_DELETE), position (none
     * below it will be given again), mark (as RECORD_DELIVERED), name ss, arguments ls: a durable queue is there; a
     * checkpoint names the queue by the number of its first record. */
    RECORD_QUEUE = 3,
    /* queue: gone, with its bindings and what was in it. */
    RECORD_QUEUE_GONE = 4,
    /* vhost, queue (0: the destination is an exchange), source ss, name ss (that exchange, or empty), key ss,
     * arguments ls. Ends that are not there: nothing (a binding is stated after its ends). */
    RECORD_BIND = 5,
    RECORD_UNBIND = 6,
    /* flags, with RECORD_SEQUENCED seq and view, time (ms since 1970), exchange ss, key ss, properties_bytes, parts
     * (record, octets), places (queue, position); content. The message is at these places. */
    RECORD_MESSAGE = 7,
    /* message (a RECORD_MESSAGE before), places: it is there too. */
    RECORD_MESSAGE_ALSO = 8,
    /* Octets of the body of a message whose record may follow; content. */
    RECORD_PART = 9,
    /* queue, kind (record_reason), ranges (first position, count): these are done with. */
    RECORD_SETTLE = 10,
    /* queue, position, ranges (first position, count): everything below the position is done with, except these. */
    RECORD_PURGE = 11,
    /* queue, mark: positions below it may have been delivered. */
    RECORD_DELIVERED = 12,
    /* message (a record): all that is there was said at or above it: a checkpoint is complete. */
    RECORD_STATED = 13,
    /* vhost, name ss (exchange), seq, view: no seq below this one will be given again. */
    RECORD_SEQUENCE = 14,
    /* flags (RECORD_EXPIRES), vhost, message (0: nobody keeps it), seq, view, need, time (ms since 1970: its deadline), name
     * ss (exchange), key ss, arguments ls (the publisher's id for it), parts (queue, position: the groups that owe an
     * answer), places (of those that expire: all of them): its publisher waits. */
    RECORD_EVENT = 15,
    /* vhost, name ss (exchange), seq, view, queue, kind (what the group says), need (attempts), time (ms it took),
     * arguments ls (JSON). */
    RECORD_RESULT = 16,
    /* vhost, name ss (exchange), seq, view, kind (outcome), properties_bytes, arguments ls (the publisher's id); content:
     * the report. The event is over. */
    RECORD_REPORT = 17,
    /* queue, position, arguments ls (spans, engine/spans.h): from this position on these entries are there (a checkpoint). */
    RECORD_PAGE = 18,
    /* message (a record), parts: that message's body is in these parts (a checkpoint). */
    RECORD_LARGE = 19,
    /* queue, need, ranges (first position, count): these were given back, each so often by now. */
    RECORD_RETURNED = 20,
    /* vhost, queue (0: an exchange's), message (the record that said it first; 0: this one), time (ms since 1970 when it is
     * forgotten; 0: not by time), name ss (that exchange, or empty), key ss (digest of an id): a message with this id has
     * passed. */
    RECORD_SEEN = 21,
    /* vhost, message (as above), seq (view 0), key ss (digest of user and publisher): nothing up to this sequence is new. */
    RECORD_PUBLISHER = 22,
    /* queue, position, key ss: of a queue that keeps the last message of each topic: this topic's is there (a checkpoint). */
    RECORD_KEPT = 23,
    RECORD_TYPE_END
} record_type_t;

enum record_flag {
    RECORD_AUTO_DELETE = 1 << 0,
    RECORD_INTERNAL = 1 << 1,
    RECORD_SEQUENCED = 1 << 2, /* a message that went through a synchronous exchange */
    RECORD_EXPIRES = 1 << 3,   /* at its deadline it leaves the queues */
};

typedef enum record_reason {
    RECORD_ACKED = 1,
    RECORD_REJECTED = 2,   /* refused for good */
    RECORD_AUTO_ACKED = 3, /* delivered to who does not ack */
    RECORD_EXPIRED = 4,    /* nobody took it in time */
    RECORD_REPLACED = 5,   /* of what is kept for late joiners: newer ones took its place */
} record_reason_t;

/* A list of pairs, as it is written, without its count. */
typedef struct record_list {
    uint32_t count;
    bytes_t octets;
} record_list_t;

/* One record: views that point into whatever it was read from, or is written from. Fields that its type does not have
 * are 0. */
typedef struct record {
    uint8_t type;
    uint8_t flags;
    uint8_t kind;
    uint32_t vhost; /* 0: "/" */
    uint64_t queue;
    uint64_t position;
    uint64_t mark;
    uint64_t message;
    uint64_t time_ms;
    uint64_t seq, view;
    uint64_t need;
    uint32_t properties_bytes;
    bytes_t name, source, key, arguments, exchange;
    record_list_t parts;
    record_list_t list; /* places or ranges */
} record_t;

/* Appends the record's octets. */
void record_write(buffer_t *b, const record_t *r);

/* Reads one; false (and the reader failed) if what is there is none. */
bool record_read(bytes_reader_t *in, record_t *out);

/* True if records of this type have a piece of content. */
bool record_has_content(uint8_t type);

/* "queue", "message", … for people; "unknown" for a number that is none. */
const char *record_type_name(uint8_t type);

/* Appends a pair to the octets of a list and counts it. */
void record_list_put(buffer_t *octets, uint32_t *count, uint64_t a, uint64_t b);

/* Writes rising numbers as a list of runs (first, count). Zeroed but for where they go, it is ready. */
typedef struct record_runs {
    buffer_t *octets;
    uint32_t *count;
    uint64_t first, after; /* of the run that goes on perhaps */
} record_runs_t;

/* `count` numbers from `n` on. */
void record_runs_put(record_runs_t *r, uint64_t n, uint64_t count);
void record_runs_end(record_runs_t *r);

/* Walks a list: start with its octets in a reader; false at the end. */
bool record_list_next(bytes_reader_t *in, uint64_t *a, uint64_t *b);
