/* SPDX-License-Identifier: Apache-2.0
 *
 * dedup.h: what is published twice is queued once.
 *
 * A window remembers what passed it: ids of messages in front of an exchange or a queue that was declared so, by a header;
 * and, of a vhost, the highest sequence of each publisher that numbers its messages. It keeps its newest entries, so many
 * as it may, and ids no longer than their time.
 *
 * A publish is decided when its route is known: windows on its way that know it take their part out of the route. What
 * is left is placed, and then remembered, in the same step and the same batch of the log: so message and id are durable
 * together, or lost together. An id is as durable as its message: it has a record if the message has one and whose window it
 * is will be there after a crash.
 *
 * window.c     entries, the oldest forgotten       publish.c    one message and the windows on its way
 * settings.c   arguments of exchanges and queues    recover.c    records, there and back */
#pragma once

#include "base/hash.h"
#include "engine/durable/durable_internal.h"
#include "engine/engine.h"

typedef struct vhost vhost_t;
typedef struct dedup dedup_t;

/* ---- whose they are (settings.c, window.c) ---- */

/* NULL, or a refusal of these arguments of a new exchange or queue (`what`), cause set. */
refusal_t *dedup_arguments_check(const command_t *cmd, const vhost_t *v, const char *what);

/* NULL, or a refusal if a redeclare asks for another window than the exchange has. */
refusal_t *dedup_arguments_compare(const command_t *cmd, const exchange_t *x);

/* Give it a window if its arguments ask for one. */
void dedup_start_exchange(exchange_t *x);
void dedup_start_queue(queue_t *q);

/* That of the publishers of a vhost. */
dedup_t *dedup_of_publishers(engine_t *e);

/* Of one whose exchange or queue is being removed (NULL: none): forgets one entry; false if there is none left. */
bool dedup_drop_one(dedup_t *w);
void dedup_free(dedup_t **w);

/* For who looks: repeats that it kept out; entries. */
uint64_t dedup_repeats(const dedup_t *w);
size_t dedup_count(const dedup_t *w);

/* ---- a publish (publish.c) ---- */

typedef struct dedup_verdict {
    bytes_t headers;   /* of the message */
    uint32_t repeats;  /* windows that knew it */
    record_no after;   /* when this is durable, so is what they knew: the confirm waits for it */
    bool is_new;       /* some did not: it is to be remembered, if it is placed anywhere */
    bool is_numbered;  /* by its publisher: … */
    uint64_t sequence; /* … with this */
    uint8_t publisher[HASH_DIGEST_BYTES];
} dedup_verdict_t;

/* NULL, or a refusal if the message is numbered by its publisher in a way that cannot be. */
refusal_t *dedup_check_publisher(const command_t *cmd, const exchange_t *x, bytes_t headers);

/* True if the window has seen what these headers say: the message goes no further. */
bool dedup_knows(const dedup_t *w, bytes_t headers);

/* True if a window may have a say on this message, whose route was just found. */
bool dedup_concerns(const engine_t *e, const message_t *m);

/* True, and refused, if it would go to more queues, and be asked for and remembered in more windows, than fit into a step: it
 * is in all of them or in none. */
bool dedup_refuses(channel_t *ch, const command_t *cmd);

/* Decides over a message whose route (engine.route) was just found, and takes out of it what windows hold back. Nothing may be
 * placed between the route and this: what is placed is remembered, and so changes both. */
void dedup_decide(channel_t *ch, const message_t *m, dedup_verdict_t *v);

/* It was placed where the route leads: remembers it. `is_stored`: with a record, which is in the batch that is there; so
 * what is remembered has one too, if whose window it is outlives a crash. */
void dedup_remember(engine_t *e, const dedup_verdict_t *v, bool is_stored);

/* ---- the log (recover.c) ---- */

void dedup_apply(engine_t *e, record_no number, const record_t *r);

/* After the last record: windows keep what they may, in their order. */
void dedup_recovered(engine_t *e);

/* Says an entry again (checkpoint.c), or forgets it if its time is over. Returns the octets that took, about. */
size_t dedup_state(engine_t *e, stated_t *s);
