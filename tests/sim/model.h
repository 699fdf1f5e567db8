/* SPDX-License-Identifier: Apache-2.0
 *
 * model.h: what a broker owes, in plain tables, by nothing but what its clients said and were told.
 *
 * Clients act side by side, so what is known is often an interval. Every change has two numbers of records: `issued`,
 * the engine's last record when it was asked for (its own record is above), and `done`, the last record when it was
 * known to have been carried out (its own is not above); NEVER: not known; PROMISED: the answer to it came, and that
 * means that it is durable. After a crash the log ends with some record: what was done by then must be there, what was
 * issued later cannot be, and what lies between may be. */
#pragma once

#include "sim/content.h"
#include "sim/universe.h"

#define NEVER    UINT64_MAX
#define PROMISED UINT64_C(0)

enum { CHANNELS_IN_ALL = 15, NOBODY = 0 };

/* ---- definitions (model_definitions.c) ---- */

typedef enum state { NO, MAYBE, YES } state_t;

/* An object, or a binding: how it is now, and how it was before the last change. */
typedef struct definition {
    uint8_t now, before;
    uint16_t creating, removing; /* asked for and not answered */
    uint64_t issued, done, before_done;
    uint32_t removals; /* ever asked for */
    bool doubtful;     /* a binding that was asked for when an end of it may have been replaced */
} definition_t;

/* ---- messages (model_messages.c) ---- */

/* A message in a queue. */
typedef struct entry {
    bool possible;     /* it may be there */
    bool sure;         /* it is there, unless it was settled */
    uint32_t purge;    /* the first purge that includes it for certain, by its cause; 0: none */
    bool was_possible; /* until its queue went, in this life: what was said before may be heard later */
    bool inexact;      /* it came through a crash: may be marked redelivered without having been delivered */
    bool must_mark;    /* delivered in an earlier life: must be marked redelivered */
    bool is_routed;    /* it went there, if it was taken at all, and nobody knows whether */
    bool is_tainted;   /* nobody knows whether it was settled in an earlier life */
    uint8_t holder;    /* channel + 1 that has it, as far as is known; NOBODY */
    uint8_t claims[2]; /* it came to both of them: one of them must turn out to have ended before; NOBODY */
    uint16_t total, fresh; /* deliveries in this life; those of them not marked redelivered */
    uint64_t settle_issued, settle_done;
    uint32_t ack_tx; /* the transaction that acked it, if it is not known whether it was applied; 0 */
    uint32_t order;  /* where it stood in the last dump; 0: it was in none */
} entry_t;

typedef struct published {
    content_spec_t spec;
    uint8_t channel;
    bool mandatory, confirmed, over; /* over: nothing of it can come any more */
    bool pending;
    bool is_untaken;   /* what was published is not there for certain, nor was */
    bool is_again;     /* published again … */
    bool maybe_taken;  /* … although it may have been there before */
    uint32_t removals; /* of the queue, if it went straight into one that nobody was removing */
    uint32_t tx;       /* it was published in this transaction; 0: in none */
    uint64_t issued, done;
    entry_t entries[QUEUES];
} published_t;

/* ---- transactions (model_transactions.c) ---- */

typedef enum tx_state { TX_OPEN, TX_ASKED, TX_APPLIED, TX_NOT_APPLIED } tx_state_t;

typedef struct transaction {
    tx_state_t state;
    bool is_old;           /* of an earlier life */
    uint64_t issued, done; /* of its commit */
} transaction_t;

typedef struct model {
    definition_t objects[OBJECTS];
    definition_t bindings[EXCHANGES][OBJECTS][BINDING_KEYS];
    object_mask_t sure[EXCHANGES][BINDING_KEYS], possible[EXCHANGES][BINDING_KEYS]; /* destinations */
    object_mask_t sure_objects, possible_objects;

    published_t *messages; /* number i is at i - 1 */
    uint32_t count;
    size_t capacity;
    transaction_t *transactions; /* number i is at i - 1 */
    uint32_t tx_count;
    size_t tx_capacity;
    uint32_t *pending; /* numbers of those that are not known to have been routed */
    uint32_t pending_count;
    size_t pending_capacity;
    uint32_t first_alive; /* all below are over */
    uint32_t orders;
    bool may_miss;   /* the disk has turned a bit: messages may be missing, but none in silence */
    uint32_t missed; /* so many are, where they must be */
    uint64_t purge_issued[QUEUES]; /* the first one that is not answered; NEVER: none */
    uint64_t purged[QUEUES];       /* the first one in this life */
    uint32_t purges[QUEUES];
    /* The last message that came fresh, by receiving channel, queue and publishing channel. */
    uint32_t last_fresh[CHANNELS_IN_ALL][QUEUES][CHANNELS_IN_ALL];
} model_t;

model_t *model_new(void);
void model_free(model_t **m);

/* ---- definitions ---- */

/* `d` is one of the model's own. */
bool model_may_create(const definition_t *d);
bool model_may_remove(const definition_t *d);

void model_object_asked(model_t *m, unsigned object, bool create, uint64_t last);
/* `done`: PROMISED, or the last record. */
void model_object_answered(model_t *m, unsigned object, bool create, uint64_t done);
/* It was not carried out, or (`maybe`) nobody will ever say whether it was. */
void model_object_dropped(model_t *m, unsigned object, bool create, bool maybe);
void model_binding_asked(model_t *m, unsigned x, unsigned to, unsigned key, bool create, uint64_t last);
void model_binding_answered(model_t *m, unsigned x, unsigned to, unsigned key, bool create, uint64_t done);
void model_binding_dropped(model_t *m, unsigned x, unsigned to, unsigned key, bool create, bool maybe);
/* Somebody has looked, and nothing changes meanwhile. */
void model_object_seen(model_t *m, unsigned object, bool is_there);

/* The queues that a message goes to for certain, or perhaps. */
object_mask_t model_route(const model_t *m, const content_spec_t *s, bool perhaps);

/* ---- messages ---- */

published_t *model_message(model_t *m, uint32_t id);
uint32_t model_publish(model_t *m, const content_spec_t *s, unsigned channel, bool mandatory, uint64_t last);
/* The same message; if it was taken before, then that is what counts. */
void model_publish_again(model_t *m, uint32_t id, uint64_t last);
void model_publish_done(model_t *m, uint32_t id, uint64_t last);
void model_confirmed(model_t *m, uint32_t id);
void model_returned(model_t *m, uint32_t id);
/* It was not carried out, or (`maybe`) nobody will ever say. */
void model_publish_dropped(model_t *m, uint32_t id, bool maybe);

typedef struct handover {
    uint32_t id;
    uint8_t queue, channel;
    bool redelivered, no_ack;
    bool
        late; /* the receiver gave back everything meanwhile, or will not settle it: what is known of it is old */
    uint64_t last, settled; /* the last record; that by which a delivery without ack is settled */
} handover_t;

void model_delivered(model_t *m, const handover_t *h);
/* The holder asked for it to be settled for good; that was done; the holder gave it back. */
void model_settle_asked(model_t *m, uint32_t id, unsigned queue, uint64_t last);
void model_settle_done(model_t *m, uint32_t id, unsigned queue, unsigned channel, uint64_t last);
/* `earlier`: the holder ended some time ago, and is heard of now. */
void model_given_back(model_t *m, uint32_t id, unsigned queue, unsigned channel, bool earlier);
void model_purge_asked(model_t *m, unsigned queue, uint32_t cause, uint64_t last);
void model_purge_done(model_t *m, unsigned queue, uint32_t cause, bool answered);
/* Somebody who may have been sent messages of the queue did not hear it; settled nevertheless, perhaps, since then. */
void model_unheard(model_t *m, unsigned queue, uint64_t settled_since);
/* The queue is gone, or may have been another one since. */
void model_queue_emptied(model_t *m, unsigned queue);
void model_queue_doubtful(model_t *m, unsigned queue);
/* Definitions have changed: messages on their way may go elsewhere. */
void model_routes_changed(model_t *m);

/* ---- transactions: numbers from 1 on ---- */

uint32_t model_tx_begin(model_t *m);
transaction_t *model_transaction(model_t *m, uint32_t tx);
/* Its commit was asked for; then, that this message was acked in it. */
void model_tx_asked(model_t *m, uint32_t tx, uint64_t last);
void model_tx_acks(model_t *m, uint32_t tx, uint32_t id, unsigned queue);
/* `last`: PROMISED, or the last record by now. */
void model_tx_applied(model_t *m, uint32_t tx, uint64_t last);
void model_tx_not_applied(model_t *m, uint32_t tx);
void model_tx_reopened(model_t *m, uint64_t last);
/* A message was delivered; a queue was looked through. Both may say how a transaction turned out. */
void model_tx_seen(model_t *m, published_t *p, unsigned queue, uint64_t last);
/* It must be in the queue. */
bool model_is_sure(model_t *m, const published_t *p, unsigned queue);

/* ---- ends of a life ---- */

/* All that the engine said has been heard. */
void model_life_over(model_t *m, bool is_clean);
/* The log came back up to record `last`. */
void model_reopened(model_t *m, uint64_t last, bool was_clean);
void model_definitions_reopened(model_t *m, uint64_t last);

/* How many messages are in the queue: at least, at most. */
void model_count(model_t *m, unsigned queue, uint32_t *least, uint32_t *most);
/* Of some message nobody knows what a transaction did with it. */
bool model_has_doubts(model_t *m);
/* Reports which, for who looks at a history. */
void model_show(model_t *m, unsigned queue);

/* Everything that is in the queue was delivered in order, from model_dump_begin on. */
typedef struct dump {
    uint32_t first_order;
    uint32_t last_order;
    uint32_t last_of[CHANNELS_IN_ALL];
} dump_t;

void model_dump_begin(model_t *m, dump_t *d);
void model_dump_message(model_t *m, dump_t *d, unsigned queue, uint32_t id);
void model_dump_end(model_t *m, const dump_t *d, unsigned queue);
void model_tx_dumped(model_t *m, const dump_t *d, unsigned queue);
