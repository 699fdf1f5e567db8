/* SPDX-License-Identifier: Apache-2.0
 *
 * ceiling.h: an AMQP pass-through of one thread without any feature: what no broker on this machine can beat.
 *
 * A connection's octets are read into one buffer that all share and that stays in the processor's cache. A publish
 * that lies in it whole goes out from there: header and body are the same octets for publisher and consumer, but for the
 * number of the channel. Nothing is stored; what no consumer takes is dropped. A connection is not read while one
 * that it feeds has too much to send.
 *
 *   ceiling.c           the program, its loop
 *   ceiling_io.c        connections: octets in and out, who waits for whom
 *   ceiling_frames.c    octets to methods and publishes
 *   ceiling_methods.c   the answers to requests
 *   ceiling_route.c     queues, exchanges, consumers; a publish becomes deliveries */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "amqp/codec.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/list.h"

#define READ_BYTES      ((size_t)256 * 1024)
#define FRAME_MAX_BYTES 131072u
#define CHANNEL_MAX     2047u

/* Payloads from here on are sent from where they were read. */
#define LEND_BYTES ((size_t)4096)

/* A connection with so much to send stops those that feed it, until it has less than that. */
#define HOLD_BYTES    ((size_t)4 * 1024 * 1024)
#define RELEASE_BYTES ((size_t)1024 * 1024)

typedef struct ceiling {
    int epoll, listener, signals;
    uint8_t *input; /* READ_BYTES, and a frame in front of it that was not whole */
    list_t conns;
    list_t dirty;      /* connections with something to send */
    list_t confirming; /* channels that owe confirms */
    list_t ended;      /* connections to free at the end of the turn */
    bool lent;         /* something waits that lies in `input` */
    hash_table_t queues, exchanges;
    uint64_t generation; /* of everything that a route depends on */
    uint64_t last_route, last_name;
} ceiling_t;

/* ---- output ---- */

/* Octets that are sent from elsewhere, behind the first `at` of our own. */
typedef struct lent {
    size_t at;
    bytes_t octets;
} lent_t;

typedef struct out {
    buffer_t own;
    size_t sent; /* of `own` */
    lent_t *lent;
    size_t lent_count, lent_capacity, lent_bytes;
} out_t;

static inline size_t out_waiting(const out_t *o)
{
    return o->own.len - o->sent + o->lent_bytes;
}

/* `octets` stay where they are until conn_flush. */
void out_lend(out_t *o, bytes_t octets);

/* ---- connections ---- */

typedef struct channel channel_t;

typedef struct conn {
    ceiling_t *ceiling;
    int fd;
    uint32_t watched; /* epoll events */
    bool greeted;
    bool refused; /* it was told why; waits for its close-ok */
    bool closing; /* ends when all is sent */
    bool ended;
    buffer_t rest; /* the beginning of a frame */
    out_t out;
    channel_t **channels;
    size_t channel_places;
    list_t all, dirty, ending;
    list_t held;       /* those that feed it, while it has too much to send */
    list_t holding;    /* in somebody's `held` */
    struct conn *full; /* one it fed, found with too much to send */
} conn_t;

void conn_open(ceiling_t *c, int fd);

/* Something came. */
void conn_read(conn_t *n);

/* There is something in its output, or was. */
void conn_changed(conn_t *n);

/* Sends what waits; what does not fit is copied, so nothing is lent afterwards. */
void conn_flush(conn_t *n);

/* No more of it: freed at the end of the turn. */
void conn_end(conn_t *n);
void conn_free(conn_t *n);

void ceiling_flush(ceiling_t *c);

/* ---- channels ---- */

typedef struct queue {
    hash_node_t node;
    bytes_t name; /* owned */
    list_t consumers;
} queue_t;

typedef struct exchange {
    hash_node_t node;
    bytes_t name; /* owned */
    queue_t **queues;
    size_t queue_count, queue_places;
} exchange_t;

/* Where the last publish of a channel went: most go where the one before went. */
typedef struct route {
    buffer_t method;                    /* payload of the basic.publish */
    uint64_t generation;                /* of the ceiling's, when it was looked up; 0: never */
    uint64_t number;                    /* unique */
    bytes_t exchange_name, routing_key; /* in `method` */
    queue_t *queue;                     /* or NULL */
    exchange_t *exchange;               /* or NULL */
} route_t;

struct channel {
    conn_t *conn;
    uint16_t number;
    bool confirms;
    uint64_t published; /* since confirm.select */
    list_t confirming;
    list_t consumers;
    uint64_t delivery_tag; /* the last one */
    route_t route;
    /* A publish that comes in pieces. */
    enum { CONTENT_NONE, CONTENT_HEADER, CONTENT_BODY } expected;
    buffer_t method, content;
    uint64_t body_left;
};

typedef struct consumer {
    list_t of_queue, of_channel;
    channel_t *channel;
    bytes_t tag; /* owned */
    /* The basic.deliver frame of a route, but for its delivery tag. */
    uint64_t route; /* whose: its number */
    buffer_t frame;
} consumer_t;

channel_t *channel_find(const conn_t *n, uint16_t number);
channel_t *channel_open(conn_t *n, uint16_t number);
void channel_free(channel_t *ch);

/* ---- frames and methods ---- */

/* Takes whole frames from `in`; returns how many octets. */
size_t frames_take(conn_t *n, bytes_t in);

void method_take(conn_t *n, uint16_t number, amqp_method_id id, bytes_t arguments);

void conn_write(conn_t *n, uint16_t channel, amqp_method_id id, const void *method);

/* connection.close, and nothing of it is looked at any more. */
void conn_refuse(conn_t *n, uint16_t code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* One basic.ack for all that a channel published in this turn. */
void channel_write_confirm(channel_t *ch);

/* ---- routing ---- */

typedef struct publication {
    bytes_t method;  /* payload */
    bytes_t content; /* frames of header and body */
    bool lasting;    /* the content stays until the end of conn_read */
} publication_t;

void ceiling_publish(channel_t *ch, const publication_t *p);

/* There from now on, if it was not. Without a name the queue gets one. */
queue_t *queue_declare(ceiling_t *c, bytes_t name);
exchange_t *exchange_declare(ceiling_t *c, bytes_t name);
queue_t *queue_find(const ceiling_t *c, bytes_t name);
exchange_t *exchange_find(const ceiling_t *c, bytes_t name);
uint32_t queue_consumer_count(const queue_t *q);
void queue_delete(ceiling_t *c, queue_t *q);
void exchange_delete(ceiling_t *c, exchange_t *x);
void exchange_bind(ceiling_t *c, exchange_t *x, queue_t *q);
void exchange_unbind(ceiling_t *c, exchange_t *x, const queue_t *q);

/* Without a tag it gets one. */
consumer_t *consumer_new(channel_t *ch, queue_t *q, bytes_t tag);
consumer_t *consumer_find(const channel_t *ch, bytes_t tag);
void consumer_free(consumer_t *k);
