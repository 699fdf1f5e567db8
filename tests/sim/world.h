/* SPDX-License-Identifier: Apache-2.0
 *
 * world.h: the whole broker in one thread: an engine and a store on a simulated disk, clients on two ports, and dice
 * that decide who moves next. */
#pragma once

#include "base/bytes.h"
#include "engine/engine.h"
#include "sim/model.h"
#include "sim/sim_disk.h"
#include "sim/sim_random.h"
#include "sim/wire.h"
#include "store/store.h"

enum {
    PORTS = 2,
    CLIENTS = 5, /* the last one looks what is there after an opening */
    CHECKER = CLIENTS - 1,
    CHANNELS = 3,
    CONSUMERS = 64,
    PUBLISHER_UNCONFIRMED = 32,
    WIRE_SLACK_BYTES = 40000, /* loans go back some octets late, and a message may be long */
};

typedef struct world world_t;

/* ---- what a client has asked for and was not answered ---- */

typedef enum op_kind {
    OP_OTHER, /* an answer comes, and says nothing */
    OP_SILENT,
    OP_OBJECT, /* declare or delete */
    OP_LOOK,   /* passive declare */
    OP_BINDING,
    OP_PUBLISH,
    OP_SETTLE, /* one entry */
    OP_SWEEP,  /* recover, or settle all: what is delivered meanwhile is included, or not */
    OP_GET,
    OP_PURGE,
    OP_CONSUME,
    OP_COMMIT, /* message: the transaction's number */
    OP_CLOSE,
} op_kind_t;

typedef struct op {
    uint8_t kind;
    uint8_t object, exchange, key; /* OP_OBJECT, OP_LOOK; OP_BINDING: exchange to object by key */
    bool creates, nowait, no_ack;
    bool was_there; /* the object */
    uint32_t removals;
    uint32_t cause;
    uint32_t message, consumer;
} op_t;

typedef struct ops {
    op_t *items;
    size_t begin, end, capacity;
} ops_t;

/* A delivery that was not settled. */
typedef struct held {
    uint64_t tag;
    uint32_t message;
    uint8_t queue;
    bool late; /* perhaps not outstanding any more */
} held_t;

/* One that was settled in a transaction. */
typedef struct claimed {
    held_t held;
    uint32_t tx;
    bool requeue;
} claimed_t;

typedef enum stage { STAGE_NONE, STAGE_OPEN, STAGE_ENDING, STAGE_REFUSED } stage_t;

typedef struct channel {
    stage_t stage;
    uint8_t index; /* of all channels of all clients */
    ops_t ops;
    uint32_t last_cause;
    uint64_t last_tag;
    held_t *held;
    size_t held_count, held_capacity;
    uint32_t sweeps; /* not answered */
    bool sweep_settles;
    bool crossed; /* refused while it was closing */
    uint64_t sweep_issued;
    bool is_tx;
    uint32_t tx; /* the number of the transaction that has begun; 0: none */
    claimed_t *claimed;
    size_t claimed_count, claimed_capacity;
    bool confirms;
    uint64_t published, confirmed; /* with confirms */
    ops_t unconfirmed;
    uint32_t streaming; /* the message whose body is coming in parts; 0: none */
    uint64_t streamed;
    bool is_vague; /* the refusal that is heard may be of that request, or of a later one */
} channel_t;

typedef struct consumer {
    uint8_t channel, queue; /* channel 0: there is none */
    bool no_ack, cancelling;
} consumer_t;

/* What may come, or may have come, out of a queue to this connection. */
typedef struct took {
    bool anything;
    /* The engine's last record when the client first wanted it without acks, or acked all that there is, heard or not;
     * NEVER: it did not. */
    uint64_t settled_since;
} took_t;

typedef struct client {
    port_client_t port_client; /* first */
    world_t *world;
    port_t *port;
    uint8_t index;
    stage_t stage;
    bool paused;
    channel_t channels[CHANNELS + 1];
    uint32_t consumer_count;
    consumer_t consumers[CONSUMERS];
    uint64_t lent, returned;
    took_t took[QUEUES];
    wire_t wire;
} client_t;

/* ---- the rest ---- */

/* How often what is done in this life. */
typedef struct mood {
    uint32_t client, step, log, idle, helper, events, loans, time, network;
    uint32_t publish, take, settle, define, manage; /* of what clients do */
    uint32_t persistent_of_8;
} mood_t;

typedef enum end { END_CUT, END_KILL, END_CLEAN, END_SYNC_FAILS, END_CALL_FAILS, END_FULL, ENDS } end_t;

/* A bit that is not what was written. */
typedef struct rot {
    bool is_on;
    char name[32];
    uint64_t offset;
    uint8_t mask;
} rot_t;

/* Who numbers what he publishes. */
typedef struct publisher {
    uint32_t sequence;
    uint32_t unconfirmed[PUBLISHER_UNCONFIRMED], count; /* messages, in order */
} publisher_t;

struct world {
    sim_random_t random;
    sim_disk_t *disk;
    store_options_t store_options;
    engine_options_t engine_options;
    size_t ring_items;
    store_t *store;
    engine_t *engine;
    port_t ports[PORTS];
    auth_t *auth;
    amqp_options_t amqp_options;
    amqp_io_t *io[PORTS];
    client_t clients[CLIENTS];
    uint32_t causes;
    uint64_t now_ms;
    uint64_t last, durable; /* the engine's records, as of its last step */
    bool gathers;   /* in this life acks may have had their records later than what came behind them */
    bool is_over;   /* the disk is gone: this life is */
    bool cuts_soon; /* the power goes when world_cut_soon likes */
    bool engine_due, log_due, helper_due, port_due[PORTS]; /* who was woken, or has more to do */
    bool by_wakes;                                         /* nobody moves unless he was woken */
    mood_t mood;
    model_t *model;
    rot_t rot;
    publisher_t publishers[CHANNELS_IN_ALL];

    /* the checker's last answer */
    bool answer_ok, answered;
    uint32_t answer_count;
    dump_t *dump; /* what is delivered belongs to it */

    uint64_t damaged;                    /* messages, in this life */
    uint64_t acts, messages, deliveries; /* for the report */
};

/* What was settled by now has its records up to there. */
static inline uint64_t settled_through(const world_t *w)
{
    return w->gathers ? NEVER - 1 : w->last;
}

/* 0 … n - 1. */
static inline uint32_t dice(world_t *w, uint32_t n)
{
    return (uint32_t)sim_random_below(&w->random, n);
}

/* ---- history.c ---- */

/* One whole history. */
void world_run(world_t *w, uint64_t seed);

/* ---- world.c ---- */

/* What comes must be there as a whole, or not be promised: the power may go amid it. */
void world_cut_soon(world_t *w);

/* Somebody moves, by dice. */
void world_act(world_t *w);

/* Everybody moves once: true if anybody did anything. */
bool world_turn(world_t *w);

/* Until nobody has anything to do, or the life is over. */
void world_settle(world_t *w);

/* ---- client.c: what is said ---- */

void client_enter(world_t *w, unsigned index);
void client_leave(client_t *c, bool gone);
void client_return_loans(client_t *c);
void channel_open(client_t *c, unsigned number);
void channel_release(client_t *c, unsigned number);
void ask_echo(client_t *c, unsigned number);
void ask_object(client_t *c, unsigned number, unsigned object, bool create, bool nowait);
void ask_look(client_t *c, unsigned number, unsigned object);
void ask_binding(client_t *c, unsigned number, unsigned x, unsigned to, unsigned key, bool create,
                 bool nowait);
void ask_publish(client_t *c, unsigned number, const content_spec_t *s, bool mandatory, uint32_t parts);
/* One that was published before. */
void ask_publish_again(client_t *c, unsigned number, uint32_t id);
void ask_parts_only(client_t *c, unsigned number);
void ask_confirms(client_t *c, unsigned number);
void ask_get(client_t *c, unsigned number, unsigned queue, bool no_ack);
void ask_consume(client_t *c, unsigned number, unsigned queue, bool no_ack);
void ask_cancel(client_t *c, unsigned number, uint32_t consumer, bool nowait);
void ask_qos(client_t *c, unsigned number, uint32_t prefetch, bool global);
void ask_purge(client_t *c, unsigned number, unsigned queue);
void ask_recover(client_t *c, unsigned number, bool nowait);
/* The command, with the next cause, and what is noted for it first. */
op_t *client_note(client_t *c, unsigned number, op_kind_t kind);
uint32_t client_push(client_t *c, unsigned number, command_t cmd);
void client_push_request(client_t *c, unsigned number, uint8_t type, unsigned flags, request_t view);
/* Of a request that is refused if the object is not there. */
op_t *client_note_use(client_t *c, unsigned number, op_kind_t kind, unsigned object);
/* To who looks at a history. */
void client_say(client_t *c, unsigned number, const char *what, const char *which);
/* `tag` 0: all. */
void ask_settle(client_t *c, unsigned number, uint64_t tag, bool multiple, bool nack, bool requeue);
void ask_close(client_t *c, unsigned number);

/* ---- publisher.c ---- */

/* Perhaps numbers what is published on this channel; then, it has this number of a message. */
void publisher_number(client_t *c, unsigned number, content_spec_t *s, bool mandatory);
void publisher_published(client_t *c, unsigned number, uint32_t id);
void publisher_confirmed(world_t *w, const published_t *message);
/* Publishes again on a new channel what was not confirmed on the last one; false if there is nothing. */
bool publisher_again(client_t *c, unsigned number);

/* ---- client_tx.c ---- */

void ask_tx(client_t *c, unsigned number);
void ask_commit(client_t *c, unsigned number);
void ask_rollback(client_t *c, unsigned number);
/* The transaction that has begun, or begins now. */
uint32_t channel_tx(client_t *c, channel_t *ch);
/* It is acked, or (`requeue`) given back, in the transaction. */
void channel_claim(client_t *c, channel_t *ch, const held_t *h, bool requeue);
void channel_committed(client_t *c, channel_t *ch, uint32_t tx);
/* The commit was not carried out, or (`maybe`) nobody knows. */
void channel_tx_dropped(client_t *c, channel_t *ch, uint32_t tx, bool maybe);
/* The channel ends: what is not on its way to be committed is not. */
void channel_tx_lets_go(client_t *c, channel_t *ch);

/* ---- ops.c: what becomes of what was said ---- */

op_t *ops_push(ops_t *l);
op_t *ops_first(ops_t *l);
void ops_pop(ops_t *l);
/* All up to this cause have been carried out; `except` it. */
void ops_done(client_t *c, channel_t *ch, uint32_t cause, bool except);
/* An answer came: takes the op out and gives it back. */
op_t ops_answered(client_t *c, channel_t *ch, uint32_t cause);
/* Those that are left were not carried out, or (`maybe`) nobody knows; a close still is, unless it `closes` anyway. */
void ops_drop(client_t *c, channel_t *ch, bool maybe, bool closes);
/* Everything that the channel holds goes back; if it was refused already, without having heard of it, some time ago. */
void channel_lets_go(client_t *c, channel_t *ch);
void channel_hold(channel_t *ch, held_t held);
bool channel_may_be_refused(const channel_t *ch);
void channel_reset(channel_t *ch);

/* ---- client_events.c: what is heard ---- */

void client_on_event(port_client_t *port_client, event_t *e);
/* The same, of whatever wire; it does not take the event. */
void client_hears(client_t *c, const event_t *e);
/* The publish of this message, which is not known to have been carried out. */
uint32_t client_cause_of(client_t *c, unsigned number, const message_t *m);
/* Its connection is, and nothing of it is left in the engine. */
void client_is_over(client_t *c);
bool client_may_be_closed(client_t *c, uint16_t code);

/* ---- wire.c: clients that speak AMQP ---- */

void wire_enter(client_t *c);
/* Without a goodbye. */
void wire_cut(client_t *c);
/* At most so many octets go to the session, from the session, and to the client. */
void wire_turn(client_t *c, size_t in, size_t out, size_t read);
bool wire_is_due(const client_t *c);
/* Sends a heartbeat, if it is time for one. */
void wire_look_at_clock(client_t *c);
/* Clients whose connection the engine has let go may come back. */
void wires_let_go(world_t *w);
/* A life is over, all events are with their sessions: the client hears what they said, or does not. */
void wire_dies(client_t *c);
/* Behind that, sessions and connections go. */
void wires_close(world_t *w);
void wire_forget(wire_t *w);
void wire_hear_connection(client_t *c, amqp_method_id id, const amqp_method_t *m);

/* ---- wire_say.c, wire_hear.c ---- */

/* Says the command, and takes it. */
void wire_say(client_t *c, command_t *cmd);
/* Begins to publish, and stops somewhere. */
void wire_say_half(client_t *c, unsigned channel, const content_spec_t *s);
/* Sends what was said, if the connection is open. */
void wire_flush(client_t *c);
/* Looks at what was received. */
void wire_hear(client_t *c);

/* ---- client_acts.c: what somebody does next ---- */

void client_act(world_t *w);
mood_t mood_of(world_t *w);

/* ---- rot.c: between two lives ---- */

/* Turns some bit of the log; false: there is none. */
bool rot_begin(world_t *w);
/* Turns it back. */
void rot_end(world_t *w);

/* ---- checker.c: what is there after an opening ---- */

void check_definitions(world_t *w);
/* Everything that is in the queues; `takes`: and does not go back. */
void check_messages(world_t *w, bool takes);
