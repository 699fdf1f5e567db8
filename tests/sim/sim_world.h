/* SPDX-License-Identifier: Apache-2.0
 *
 * sim_world.h: the second assembly of the broker's rooms: engine and store on a simulated disk, and clients that push
 * commands and take events as wire rooms do; all in one thread, all by one seed.
 *
 * A world lives through several lives of the broker: each begins with an opening that is checked against the model
 * (sim_check.c), goes on with random acts (sim_acts.c), and ends by power cut, kill or clean stop. */
#pragma once

#include <setjmp.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/properties.h"
#include "engine/engine.h"
#include "sim/sim_disk.h"
#include "sim/sim_model.h"
#include "sim/sim_random.h"
#include "store/store.h"

#define SIM_PORTS    2
#define SIM_CLIENTS  4 /* and one more, that checks */
#define SIM_CHANNELS 3 /* 1, 2: messages; 3: definitions */
#define SIM_CHECKER  SIM_CLIENTS

typedef struct sim_world sim_world_t;
typedef struct sim_client sim_client_t;

/* A delivery that is not settled. */
typedef struct sim_delivery {
    uint64_t tag;
    uint32_t message, queue;
} sim_delivery_t;

/* A queue that a consumer's number or a get stands for. */
typedef struct sim_consumer {
    uint32_t number, queue;
    bool no_ack, is_gone;
} sim_consumer_t;

typedef struct sim_publish {
    uint32_t message;
    bool is_durable; /* its confirm says that all before it is, too */
    size_t settled;  /* of the channel, before it */
} sim_publish_t;

typedef struct sim_settled {
    uint32_t message, queue;
} sim_settled_t;

typedef struct sim_channel {
    sim_client_t *client;
    uint16_t number;
    bool confirms;
    bool is_gone;        /* refused on purpose (the checker looks for what is not there) */
    sim_delivery_t *out; /* by rising tag */
    size_t out_count, out_capacity;
    sim_publish_t *publishes; /* since confirms were selected */
    size_t publish_count, publish_capacity, confirmed;
    sim_settled_t *settled;
    size_t settled_count, settled_capacity, settled_certain;
    uint32_t gets[64]; /* queues, in order */
    bool gets_no_ack[64];
    size_t get_count;
    unsigned waiting; /* for -oks */

    /* A message with parts on its way here. */
    uint64_t content_left, content_at;
    uint32_t content_message;
} sim_channel_t;

struct sim_client {
    port_client_t port_client; /* first */
    sim_world_t *world;
    port_t *port;
    bool is_open, is_closed;
    uint32_t index;
    uint64_t lent, returned;
    sim_channel_t channels[SIM_CHANNELS + 1];
    sim_consumer_t *consumers;
    size_t consumer_count, consumer_capacity;
};

struct sim_world {
    uint64_t seed;
    sim_random_t dice;
    bool is_verbose;
    jmp_buf *failed; /* where a finding leads */
    char finding[512];

    sim_disk_t *sim_disk;
    disk_t *disk;
    store_options_t store_options;
    engine_options_t engine_options;
    log_t log;

    sim_model_t model;
    unsigned life;

    /* one life of the broker */
    store_t *store;
    engine_t *engine;
    port_t ports[SIM_PORTS];
    sim_client_t clients[SIM_CLIENTS + 1];
    size_t client_count;
    uint64_t now_ms;
    uint32_t causes;
    bool is_dead; /* the power is off */
    bool moved;
    bool is_busy; /* the engine had more to do after its last step */

    /* what the checker saw */
    uint32_t *found;
    bool *found_redelivered;
    uint32_t *found_queue;
    size_t found_count, found_capacity;
};

/* Something is wrong: does not return. */
void sim_fail(sim_world_t *w, const char *format, ...) __attribute__((format(printf, 2, 3), noreturn));
void sim_say(sim_world_t *w, const char *format, ...) __attribute__((format(printf, 2, 3)));

static inline uint32_t sim_roll(sim_world_t *w, uint32_t below)
{
    return (uint32_t)sim_random_below(&w->dice, below);
}

sim_world_t *sim_world_new(uint64_t seed, jmp_buf *failed, bool is_verbose);
void sim_world_free(sim_world_t *w);

/* A whole history. */
void sim_world_run(sim_world_t *w);

/* ---- sim_world.c ---- */

/* False if the disk ended it on the way. */
bool sim_world_open(sim_world_t *w);
/* Gives up what is in memory; the disk is as it is. */
void sim_world_drop(sim_world_t *w);
/* One step of somebody, by the dice. */
void sim_world_move(sim_world_t *w);
/* Until all commands are taken and everything that needs no disk is done. */
void sim_world_settle(sim_world_t *w);
/* Until nothing happens any more; false if the power went. */
bool sim_world_quiet(sim_world_t *w);

/* ---- sim_client.c ---- */

sim_client_t *sim_client_new(sim_world_t *w, uint32_t index);
void sim_client_deinit(sim_client_t *c);
void sim_client_return_loans(sim_client_t *c);
void sim_push(sim_channel_t *ch, command_t cmd);
void sim_push_request(sim_channel_t *ch, uint8_t type, uint16_t flags, uint32_t count, request_t view);
/* Body octet `at` of a message: its number first, then a pattern. */
uint8_t sim_body_octet(uint32_t message, uint64_t at);
bytes_t sim_queue_name(uint32_t queue);
bytes_t sim_exchange_name(uint32_t exchange);
void sim_note_settled(sim_channel_t *ch, uint32_t message, uint32_t queue);

/* ---- sim_acts.c, sim_check.c ---- */

void sim_act(sim_world_t *w);
/* Asks for a change of definitions. */
void sim_push_op(sim_channel_t *ch, const sim_op_t *op);
/* True if an answer to a change of definitions is due; then no other may begin. */
bool sim_op_waits(const sim_world_t *w);
/* False if the power went on the way. */
bool sim_check(sim_world_t *w, bool cleanly);
