/* SPDX-License-Identifier: Apache-2.0
 *
 * sim_model.h: what a broker owes, in plain words: which definitions there are, and of each message in each queue whether
 * it must be there, may be there, or must not. It knows nothing of engine or store: it hears what clients say and what
 * they are told.
 *
 * Names are numbers: queue n is "qN", exchange n "xN", binding keys and routing keys stand in two short tables. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SIM_QUEUES    6
#define SIM_EXCHANGES 4
#define SIM_PATTERNS  6
#define SIM_KEYS      4

typedef enum sim_exchange_type {
    SIM_DIRECT,
    SIM_FANOUT,
    SIM_TOPIC,
    SIM_HEADERS,
    SIM_TYPES
} sim_exchange_type_t;

extern const char *const sim_type_names[SIM_TYPES];
extern const char *const sim_patterns[SIM_PATTERNS];
extern const char *const sim_keys[SIM_KEYS];

typedef struct sim_topology {
    struct {
        bool exists, durable;
        uint32_t life; /* which queue of this name */
    } queues[SIM_QUEUES];
    struct {
        bool exists, durable;
        uint8_t type;
    } exchanges[SIM_EXCHANGES];
    bool bound[SIM_EXCHANGES][SIM_QUEUES][SIM_PATTERNS];
} sim_topology_t;

/* A change of it, or of a queue's content (purge). */
typedef enum sim_op_type {
    SIM_NOTHING,
    SIM_DECLARE_QUEUE,
    SIM_DELETE_QUEUE,
    SIM_PURGE_QUEUE,
    SIM_DECLARE_EXCHANGE,
    SIM_DELETE_EXCHANGE,
    SIM_BIND,
    SIM_UNBIND,
} sim_op_type_t;

typedef struct sim_op {
    sim_op_type_t type;
    uint32_t queue, exchange, pattern, life;
    bool durable;
    uint8_t exchange_type;
} sim_op_t;

void sim_topology_apply(sim_topology_t *t, const sim_op_t *op);
/* The broker starts again: what is not durable is gone. */
void sim_topology_restart(sim_topology_t *t);
/* Bit n: queue n gets what is published there. Exchange SIM_EXCHANGES is the default one: the key is a queue. */
uint32_t sim_topology_route(const sim_topology_t *t, uint32_t exchange, uint32_t key);

/* Of one message in one queue. */
typedef struct sim_copy {
    uint32_t life;      /* of the queue it went to; 0: it did not */
    bool must;          /* confirmed, or seen after a start: lost only by a reason below */
    bool in_purge;      /* ready when its queue was purged */
    bool may_be_gone;   /* somebody is done with it, or purged, as far as that was heard */
    bool is_gone;       /* and that is certain to be on disk */
    bool was_delivered; /* somebody has got it */
} sim_copy_t;

typedef struct sim_message {
    uint32_t publisher; /* order is kept for each */
    uint32_t body_bytes;
    bool persistent, was_seen;
    sim_copy_t copies[SIM_QUEUES];
} sim_message_t;

typedef struct sim_model {
    sim_topology_t now;    /* as the broker has it */
    sim_topology_t before; /* as it was before `pending` */
    sim_op_t pending;      /* not answered yet: a crash may undo it */
    bool is_certain;       /* somebody was told that it is so */
    uint32_t lives;
    sim_message_t *messages; /* by number */
    size_t count, capacity;
} sim_model_t;

void sim_model_init(sim_model_t *m);
void sim_model_deinit(sim_model_t *m);

/* The number of a new message. */
uint32_t sim_model_publish(sim_model_t *m, uint32_t publisher, uint32_t body_bytes, bool persistent,
                           uint32_t exchange, uint32_t key);
void sim_model_confirm(sim_model_t *m, uint32_t message);

/* A change is carried out, and not answered yet; a purge takes what is ready (copies with in_purge). */
void sim_model_begin(sim_model_t *m, const sim_op_t *op);
/* Somebody was told that it is. */
void sim_model_answered(sim_model_t *m);

/* The broker is ended and starts again; `cleanly`: everything it was told counts. */
void sim_model_restart(sim_model_t *m, bool cleanly);

/* What was found after the start. NULL if it is right, else what is wrong with it. */
const char *sim_model_check_queue(sim_model_t *m, uint32_t queue, const uint32_t *messages,
                                  const bool *redelivered, size_t count, bool cleanly, uint32_t *culprit);
