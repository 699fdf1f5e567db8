/* SPDX-License-Identifier: Apache-2.0
 *
 * engine_internal.h: the engine's own structs: who owns what, and which list a thing is in.
 *
 *   engine ── vhost ── exchanges ── bindings ──> queues, exchanges
 *      │         └──── queues ── fifo (entries) ──> messages
 *      └── ports ── connections ── channels ── consumers ──> queues
 *                                      └── unacked ──> queue entries
 *
 * What is durable goes to the log as records (records.c), in the order it was decided, and comes back from them by
 * apply.c. Whatever a reply's truth depends on is named by a record's number: the reply leaves when the log is durable up to it.
 *
 * A queue stays allocated while anything points into it (`holds`), also after its name is gone (`deleted`);
 * so does an exchange. Every consumer that could take a message is in exactly one list: its queue's `ready`,
 * or that of whatever it waits for (channel, connection, port). A consumer whose own prefetch is used up is
 * in none. */
#pragma once

#include <assert.h>

#include "base/alloc.h"
#include "base/bytes.h"
#include "base/hash.h"
#include "base/heap.h"
#include "base/list.h"
#include "base/properties.h"
#include "base/table.h"
#include "base/text.h"
#include "engine/bus/bus.h"
#include "engine/bus/prefix.h"
#include "engine/dedup/dedup.h"
#include "engine/durable/durable_internal.h"
#include "engine/durable/live.h"
#include "engine/durable/space.h"
#include "engine/engine.h"
#include "engine/fifo.h"
#include "engine/sync/sync.h"
#include "engine/trie.h"
#include "engine/tx/tx.h"

typedef struct vhost vhost_t;
typedef struct consumer consumer_t;
typedef struct job job_t;
typedef struct engine_port engine_port_t;

/* For texts: text_format(…, "no " QUEUE_FORMAT, QUEUE_ARG(name, vhost)). */
#define QUEUE_FORMAT           "queue '%.*s' in vhost '%.*s'"
#define EXCHANGE_FORMAT        "exchange '%.*s' in vhost '%.*s'"
#define NAMED_ARG(what, where) TEXT_ARG(what), TEXT_ARG((where)->name)

/* ---- jobs: work that is done in slices (job.c) ---- */

/* Does at most `budget` units and returns how many were done; sets *done when nothing is left. */
typedef uint32_t job_step_t(engine_t *e, job_t *job, uint32_t budget, bool *done);

struct job {
    list_t link; /* engine.jobs while it runs */
    job_step_t *step;
    channel_t *waiter; /* parked until the job is done, then gets `reply`; may be NULL */
    event_t reply;
    bool has_reply;
    bool defines; /* its reply says that a durable definition is changed */
};

void job_init(job_t *job);
bool job_running(const job_t *job);

/* Does a first slice at once if the step has work left for it; what is left is done in its turn. A channel
 * that waits is parked until then; `reply` (may be NULL) is sent to it at the end. `job` is embedded in what
 * it works on; the last step may free it. */
void job_start(engine_t *e, job_t *job, job_step_t *step, channel_t *waiter, const event_t *reply);

/* The waiter goes away: the job runs on without one. */
void job_forget_waiter(job_t *job);

/* A slice of each running job, as many jobs as fit into a step. */
void jobs_run(engine_t *e);

/* Takes `units` off what this step may still do on account of commands. */
void work_spend(engine_t *e, size_t units);

/* ---- messages (loan.c): the one place where they are counted and die ---- */

/* The engine takes a message that a publish brought, with one reference for the caller. */
void message_adopt(engine_t *e, message_t *m);
void message_ref(message_t *m);
void message_unref(engine_t *e, message_t *m);
/* One was read from the log, where it is by this record: the same. */
void message_adopt_read(engine_t *e, message_t *m, record_no record);

/* ---- copies of messages (message_copy.c) ---- */

/* One without this header; references 0. */
message_t *message_without_header(const message_t *m, const char *name);
/* One with this header, a number, in place of any of that name; with one reference for the caller. */
message_t *message_with_count(engine_t *e, const message_t *m, const char *name, int64_t count);
/* The same message, or a copy in its place if it has this header; the caller's reference passes to that. */
message_t *message_drop_header(engine_t *e, message_t *m, const char *name);

/* ---- exchanges and bindings ---- */

typedef enum exchange_type {
    EXCHANGE_DIRECT,
    EXCHANGE_FANOUT,
    EXCHANGE_TOPIC,
    EXCHANGE_HEADERS
} exchange_type_t;

struct vhost {
    engine_t *engine;
    bytes_t name; /* owned */
    hash_table_t exchanges;
    hash_table_t queues;
    list_t in_order; /* the same, as they were declared; and queries on their way: queue_place_t.node */
    exchange_t *default_exchange;
    dedup_t *publishers; /* those that number their messages */
};

struct exchange {
    hash_node_t node; /* vhost.exchanges */
    vhost_t *vhost;
    bytes_t name; /* owned */
    exchange_type_t type;
    bool durable, auto_delete, internal, deleted;
    bytes_t arguments;     /* owned */
    list_t out;            /* bindings with this source */
    list_t in;             /* bindings with this destination */
    hash_table_t bindings; /* those of `out`, by identity */
    hash_table_t keys;     /* direct: routing key → key_group_t */
    list_t walked;         /* fanout, headers: bindings that are looked at one by one */
    trie_t trie;           /* topic */
    hash_table_t prefixed; /* bindings by prefix, of any type: prefix → key_group_t */
    prefix_lengths_t prefixed_lengths;
    prefix_index_t subscriptions; /* subscriber_t */
    bool keeps;                   /* a rule keeps some of its messages */
    size_t rule_bytes;            /* the longest prefix of its rules */
    uint64_t visited;             /* route that was here last */
    uint32_t holds;               /* bindings in and out, running job */
    stated_t stated;              /* if it is durable and not predeclared */
    sequencer_t *sequencer;       /* of a synchronous one (sync/sync.h); NULL else */
    dedup_t *dedup;               /* its window, if it knows repeats; NULL else */
    job_t removal;
};

/* All bindings of a direct exchange with one routing key, or of any with one prefix. */
typedef struct key_group {
    hash_node_t node; /* exchange.keys, exchange.prefixed */
    list_t bindings;
    bytes_t key; /* of one of them: a group without bindings does not exist */
} key_group_t;

struct binding {
    list_t in_source;      /* exchange.out */
    list_t in_destination; /* queue.bindings or exchange.in */
    stated_t stated;       /* if both ends are durable */
    list_t in_index;       /* key_group.bindings, trie node's, or exchange.walked: by type of the source */
    hash_node_t node;      /* exchange.bindings */
    exchange_t *source;
    bool observes;        /* argument x-sync: never: its queue is no group by it */
    bool by_prefix;       /* argument x-binding-type: prefix */
    queue_t *queue;       /* destination: this … */
    exchange_t *exchange; /* … or this */
    union {
        key_group_t *group;     /* direct, and by prefix */
        trie_node_t *trie_node; /* topic */
    };
    bytes_t identity;  /* of octets[] */
    bytes_t key;       /* part of it */
    bytes_t arguments; /* part of it: sorted */
    uint8_t octets[];
};

/* A copy in memory of its own; freed with mem_free((void *)b.data). */
bytes_t bytes_dup(bytes_t b);

vhost_t *vhost_new(engine_t *e, bytes_t name);
void vhost_free(vhost_t **v);

exchange_t *exchange_find(vhost_t *v, bytes_t name);
exchange_t *exchange_new(vhost_t *v, bytes_t name, exchange_type_t type);
/* Takes the name out at once, the bindings in slices; the memory goes when nothing points to it. */
void exchange_remove(exchange_t *x, channel_t *waiter, const event_t *reply);
void exchange_release(exchange_t *x); /* one hold less */
/* One as its record says; in the log with this number, or with 0 not in it. */
exchange_t *exchange_from_record(vhost_t *v, record_no number, const record_t *r);
bool exchange_type_parse(bytes_t name, exchange_type_t *out);
const char *exchange_type_name(exchange_type_t type);

/* Adds it unless it is there; returns it. */
binding_t *binding_add(exchange_t *source, queue_t *queue, exchange_t *exchange, bytes_t key,
                       bytes_t arguments);
/* The same, and in the log if both ends are. */
void binding_declare(exchange_t *source, queue_t *queue, exchange_t *exchange, bytes_t key,
                     bytes_t arguments);
/* Removes it, in the log too. */
void binding_undeclare(binding_t *b);
/* NULL if there is none. */
binding_t *binding_find(exchange_t *source, queue_t *queue, exchange_t *exchange, bytes_t key,
                        bytes_t arguments);
/* Removes and frees it; an auto-delete source that lost its last one goes too. */
void binding_remove(binding_t *b);

/* ---- routing (route.c) ---- */

typedef struct route {
    queue_t **queues;
    size_t count, capacity;
    exchange_t **exchanges; /* to visit */
    size_t exchange_count, exchange_capacity;
    exchange_t *synchronous; /* the first one on the way that numbers what goes through it, or NULL */
    size_t subscribers;      /* of the queues */
    size_t kept;             /* queues of rules: they come first */
    size_t windows;          /* of exchanges and queues on the way: those that know repeats */
    bool depends;            /* on what an exchange has seen */
    const keep_t *keep;      /* of the exchange being visited, if a rule keeps the message */
    uint64_t serial;         /* marks what this route visited */
    size_t work;             /* bindings, trie nodes and prefixes looked at */
    size_t topic_bytes;      /* so many octets of the topic, at most, were looked at */
    buffer_t sorted;         /* the message's headers, once a headers exchange asked for them */
    bool is_sorted;
    bool is_blind; /* windows of exchanges are not asked */
    trie_walk_t walk;
} route_t;

/* The last route of a channel's publishes: holds while engine.topology is what it was. */
#define ROUTE_MEMO_QUEUES           16
#define ROUTE_MEMO_TOPIC_BYTES      UINT8_MAX
#define ROUTE_MEMO_PROPERTIES_BYTES 64
typedef struct route_memo {
    uint64_t topology;
    exchange_t *exchange, *synchronous;
    size_t count, kept;
    queue_t *queues[ROUTE_MEMO_QUEUES];
    uint8_t exchange_len, key_len;
    uint8_t names[2 * UINT8_MAX]; /* exchange, routing key */
    bool topic_is_key;
    size_t topic_bytes; /* so many octets of the topic, at most, decided: these */
    uint8_t topic_len, topic[ROUTE_MEMO_TOPIC_BYTES];
    uint8_t checked_len, checked[ROUTE_MEMO_PROPERTIES_BYTES]; /* properties that may be published; 0: none */
} route_memo_t;

/* Routes a message as the channel's last one was, if that is known to lead there still, and returns its exchange, else
 * NULL. */
exchange_t *route_recall(channel_t *ch, const message_t *m);
/* Remembers the route just found from `x`, if headers had no part in it. */
void route_remember(channel_t *ch, exchange_t *x, const message_t *m);

/* Finds the queues for a message: each once, whatever the paths, but none behind an exchange that has seen it. They are
 * in e->route until the next call.
 * `keys`: the routing key and those of CC and BCC; `topic`: what prefixes are compared with. */
void route_message(engine_t *e, exchange_t *x, const bytes_t *keys, size_t key_count, bytes_t topic,
                   bytes_t headers);
/* A route through this exchange (NULL: none) to just these queues. */
void route_to(engine_t *e, exchange_t *x, queue_t *const *queues, size_t count);
/* It leads to these queues in place of those found, but to none that a route before this one was the last to visit. */
void route_replace(route_t *r, queue_t *const *queues, size_t count, uint64_t visited);
void route_deinit(route_t *r);

/* True if the headers satisfy the binding's arguments (headers.c); both as table_write_sorted writes them. */
bool headers_match(bytes_t criteria, bytes_t headers);

/* ---- queues ---- */

typedef enum queue_type { QUEUE_CLASSIC, QUEUE_QUORUM } queue_type_t;

typedef struct left_out {
    uint64_t position;
    record_no record;
} left_out_t;

/* Neighbours that were left out for the same reason, by position, and how far the log has heard of them. */
typedef struct left_out_run {
    uint64_t first, last, told; /* 0: none */
    record_no first_record, last_record;
    bool is_damaged, is_stored;
} left_out_run_t;

/* Of a queue that has any. */
typedef struct left_outs {
    queue_t *queue;
    left_out_t *items; /* still needed, so that they stay to be looked at */
    size_t count, capacity;
    uint64_t first, last; /* positions; 0: none */
    left_out_run_t run;
    list_t telling; /* engine.telling: the run is longer than at the last look */
} left_outs_t;

/* Where a queue stands among all of its vhost, or how far a query has come (query.c). */
typedef struct queue_place {
    list_t node; /* vhost.in_order */
    bool of_query;
} queue_place_t;

struct queue {
    hash_node_t node; /* vhost.queues */
    queue_place_t place;
    vhost_t *vhost;
    bytes_t name; /* owned */
    record_no id; /* of a durable one: the record that declared it; 0: not in the log */
    queue_type_t type;
    bool durable, auto_delete, exclusive, deleted;
    bool consumed_exclusively;
    bool
        waits_for_store; /* its first entry cannot go out yet: nobody takes from it until the store has answered */
    uint8_t
        settled_reason; /* of what is not recorded yet, below: record_reason_t; 0: given back, so often: */
    uint16_t settled_returns;
    connection_t *owner;      /* exclusive: whose, until its bindings are gone; NULL else */
    list_t owned;             /* connection.exclusive_queues */
    bytes_t arguments;        /* owned */
    subscriber_t *subscriber; /* of one that is no more than a subscriber's backlog; owned */
    keep_t *keep;             /* the rule whose own it is: nobody else may use it */
    keep_keys_t *keys;        /* of such a one; owned */
    dedup_t *dedup;           /* its window, if it knows repeats; NULL else */
    fifo_t fifo;
    list_t bindings;
    list_t consumers; /* all: consumer.in_queue */
    list_t ready;     /* those that may take a message: consumer.waiting */
    list_t dirty;     /* engine.dirty_queues */
    uint32_t consumer_count;
    uint32_t holds; /* unacked entries, running job, publishes on their way */
    uint64_t visited;
    uint64_t counted;    /* the last route that reached it by a binding that does not only observe */
    uint32_t members;    /* consumers that ack */
    uint32_t mark_block; /* of the mark, below */
    list_t owed;         /* sync_group_t: events that wait for an answer from here, by position */
    list_t *owed_last;   /* of them the one that went out last; NULL: look from the front */
    list_t *owed_near;   /* and the one looked for last */
    uint64_t expires_ms; /* 0: never */
    wait_t expiry;
    job_t cleaning; /* of purged entries, or of everything once deleted */

    /* of those in the log */
    hash_node_t by_id; /* engine.queues_by_id */
    stated_t stated;
    uint64_t stored;        /* entries that are in the log, to be there after a crash … */
    uint64_t spilled;       /* … and those of which only the message is, to be out of memory */
    left_outs_t *left_outs; /* those that cannot be read; owned; NULL: there are none */

    /* Settled positions that are not recorded yet (settle.c). */
    list_t settling; /* engine.settling */
    uint64_t settled_first, settled_count;

    /* May-have-been-delivered mark (mark.c): moved ahead in blocks, and durable before a delivery passes it. */
    uint64_t mark, mark_safe; /* recorded; known to be durable */
    record_no mark_record;    /* of `mark` while it is not durable */
    wait_t marking;
    uint64_t delivered_below;   /* nothing at or above was delivered */
    uint64_t redelivered_below; /* what is below came back from the log and may have been delivered before */

    /* Cold entries (cold.c). */
    list_t getters; /* channels whose basic.get waits for that: channel.waiting_link */
    reader_t reading;
    uint32_t warm_ahead;   /* read back and not taken yet, about … */
    bool warm_is_all;      /* … and behind them nothing cold is near */
    uint32_t read_average; /* octets of a message that was read back, about */
    uint64_t asked_bytes;  /* of what is being read back, about */
    list_t chilling;       /* engine.chilling */
    uint64_t chill_from;   /* entries from here on leave memory once their records are durable */
};

queue_t *queue_find(vhost_t *v, bytes_t name);
/* One as its record says; in the log with this number, or with 0 not in it. */
queue_t *queue_from_record(vhost_t *v, record_no number, const record_t *r);
/* A new one, and in the log if it is durable. */
queue_t *queue_create(vhost_t *v, const record_t *r, bool durable);
/* One that records mention before they define it; queue_define gives it the rest. */
queue_t *queue_known_by_id(vhost_t *v, record_no id);
void queue_define(queue_t *q, const record_t *r);
/* It never was: the log forgot it before its records. */
void queue_undefined(queue_t *q);
queue_t *queue_find_by_id(engine_t *e, record_no id);
/* The same while records are applied: one that is not there is made known. */
queue_t *queue_of_record(engine_t *e, record_no id);
/* Takes the name out at once; consumers, bindings and content in slices. The waiter is answered when
 * consumers and bindings are gone. */
void queue_remove(queue_t *q, channel_t *waiter, const event_t *reply);
void queue_release(queue_t *q); /* one hold less */
/* Drops what is ready; returns how many. */
uint64_t queue_purge(queue_t *q);
/* Appends a message, taking a reference. `stored`: its record names this place. */
void queue_append(queue_t *q, message_t *m, bool stored);
/* What an entry held that is gone for good. */
void queue_let_go(queue_t *q, const fifo_item_t *item);
/* x-expires: the idle time starts now (no consumers) or stops (consumers). */
void queue_touch(queue_t *q);
/* Messages can be delivered perhaps: dispatch looks at it in this step. */
void queue_mark(queue_t *q);

/* ---- connections, channels, consumers ---- */

struct consumer {
    hash_node_t node; /* channel.consumers */
    list_t in_queue;  /* queue.consumers */
    list_t waiting;   /* queue.ready, or .stalled of channel, connection or port */
    channel_t *channel;
    queue_t *queue;
    uint32_t number;
    uint32_t prefetch; /* 0: unlimited */
    uint32_t unacked;
    bool no_ack, exclusive;
    bool cancelled; /* only its unacked deliveries are left */
    bytes_t tag;    /* of octets[] */
    uint8_t octets[];
};

/* A delivery that waits for an ack. */
typedef struct unacked {
    uint64_t tag;
    uint64_t position : 63;
    uint64_t claimed : 1; /* the channel's transaction settles it, if it is committed */
    queue_t *queue;       /* NULL: settled, a hole */
    consumer_t *consumer; /* NULL: basic.get */
} unacked_t;

#define POSITION_BITS (UINT64_MAX >> 1)

/* Deliveries by rising tag, in chunks; unacked.c. */
typedef struct unacked_chunk unacked_chunk_t;
typedef struct unacked_list {
    unacked_chunk_t **chunks; /* from `first` on, by rising tag */
    size_t first, chunk_count, capacity;
    size_t count; /* of deliveries */
} unacked_list_t;

void unacked_push(unacked_list_t *l, const unacked_t *u);
/* The delivery with this tag, or NULL. */
unacked_t *unacked_find(unacked_list_t *l, uint64_t tag);
/* The oldest, or NULL. */
unacked_t *unacked_first(unacked_list_t *l);
/* The oldest from this tag on that no transaction has claimed, or NULL. */
unacked_t *unacked_next(unacked_list_t *l, uint64_t from);
/* The newest; 0: none. */
uint64_t unacked_last_tag(const unacked_list_t *l);
void unacked_remove(unacked_list_t *l, unacked_t *u);
void unacked_deinit(unacked_list_t *l);

/* Commands in order (parked). */
typedef struct command_queue {
    command_t *items; /* circular */
    size_t capacity, head, length;
    size_t ends; /* of them, those that end a transaction */
} command_queue_t;

/* True if the command ends a transaction: what comes behind it is of the next one. */
static inline bool command_ends_tx(const command_t *c)
{
    return c->type == COMMAND_TX_COMMIT || c->type == COMMAND_TX_ROLLBACK;
}

void command_queue_push(command_queue_t *q, const command_t *c);
void command_queue_push_front(command_queue_t *q, const command_t *c);
/* The oldest, and the newest, or NULL. */
const command_t *command_queue_first(const command_queue_t *q);
const command_t *command_queue_last(const command_queue_t *q);
bool command_queue_pop(command_queue_t *q, command_t *out);
/* Hands each to `take`, oldest first; one that it takes, with what it owns, is no longer in the queue. */
typedef bool command_taker_t(void *context, command_t *c);
void command_queue_filter(command_queue_t *q, command_taker_t *take, void *context);
/* Frees everything it holds. */
void command_queue_deinit(command_queue_t *q);

typedef enum channel_state {
    CHANNEL_OPEN,
    CHANNEL_REFUSED, /* the peer is told; nothing counts until COMMAND_CHANNEL_RELEASE */
    CHANNEL_CLOSED,  /* ending or ended; only commands are left that came behind the close */
} channel_state_t;

struct channel {
    hash_node_t node; /* connection.channels */
    connection_t *connection;
    uint16_t number;
    channel_state_t state;
    bytes_t last_queue;        /* owned */
    hash_table_t consumers;    /* by tag */
    uint32_t prefetch;         /* of consumers started from now on */
    uint32_t global_prefetch;  /* 0: none */
    uint32_t consumer_unacked; /* deliveries to consumers, not gets */
    list_t stalled;            /* consumers waiting for the channel's limits */
    uint64_t last_tag;
    unacked_list_t unacked;

    route_memo_t *route; /* NULL: it never published */
    tx_t *tx;            /* NULL: not transactional; owned */
    bool confirms;
    uint64_t publishes_done; /* since confirm.select: routed and in their queues */
    uint64_t publishes_safe; /* and as durable as they should be */
    uint64_t publishes_confirmed;
    uint64_t confirmed_alone; /* told apart, and not passed yet by what is told of all up to one */
    uint64_t last_alone;      /* the highest of those, ever */
    confirm_marks_t confirm_marks;
    wait_t confirm_wait; /* for the oldest of them */
    list_t confirming;   /* engine.confirming */
    list_t asking;       /* sync_waiter_t: its publishes that wait for an event, oldest first */

    /* Parking: while a job of the channel runs or publishes are held back, commands wait here in order. */
    command_queue_t parked;
    job_t *awaited;   /* the job it waits for, or NULL */
    bool held;        /* at an alarm */
    list_t held_link; /* engine.held */
    bool executing;   /* a command of it is being carried out: it must not be freed underneath */
    job_t resume;     /* carries out what was parked */

    /* While it waits for something that is no job, `awaited` is `pause`: a reply for the log (sync_wait), basic.get for
     * the store, a publish for an exchange (waiting_link), everything for a large message that goes out part by part
     * (stream, parts.c). */
    job_t pause;
    wait_t sync_wait;
    list_t waiting_link; /* queue.getters, or of a sequencer */
    stream_t *stream;

    /* Parts of a publish under way. */
    message_part_t *incoming;
    uint32_t incoming_count;
    size_t incoming_capacity;

    /* The settling that runs (settle.c), or the channel's end (channel.c). */
    job_t settling;
    uint64_t settle_from, settle_through;
    settle_how_t settle_how;
};

typedef enum connection_state {
    CONNECTION_OPEN,
    CONNECTION_CLOSING, /* channels and exclusive queues are going */
    CONNECTION_CLOSED,  /* EVENT_CONNECTION_CLOSED was sent; loans may be out */
} connection_state_t;

struct connection {
    list_t link; /* engine.connections */
    engine_t *engine;
    engine_port_t *port;
    uint32_t number;
    connection_state_t state;
    vhost_t *vhost;
    opening_t *opening;
    hash_node_t by_identity; /* in engine.identities, if it has one and is open */
    hash_table_t channels;
    channel_t *last_channel; /* the one looked up last */
    list_t exclusive_queues;
    uint32_t queues_leaving; /* exclusive queues whose consumers and bindings are still going */

    /* Loans, oldest first; returned by number. */
    message_t **loans; /* circular */
    size_t loans_capacity, loans_head, loans_length;
    uint64_t loans_returned;
    uint64_t output_bytes; /* lent and not yet sent */
    list_t stalled;        /* consumers waiting for the peer to read */
    uint64_t full_at;      /* engine_port.emitted when the first of them began to */
    list_t streams;        /* streams waiting for the same */

    uint64_t held_bytes;       /* of parked publishes */
    uint64_t unfinished_bytes; /* of bodies on their way (COMMAND_HELD) */
    uint32_t parked_count;
    bool reading_paused;
    bool close_pending;  /* a goodbye that waits for parked commands */
    bool leaving;        /* it said goodbye: nobody takes from its exclusive queues any more */
    list_t blocked_link; /* engine.blocked while its publishes are held back */
    refusal_t *why;      /* on its way to EVENT_CONNECTION_CLOSED */
    job_t closing;
};

struct engine_port {
    port_t *port;
    connection_t **connections; /* by number */
    uint32_t capacity;
    list_t stalled;   /* consumers waiting for room in the event lane */
    uint64_t emitted; /* events, so far */
    uint64_t
        handled; /* of them, those whose octets are in sockets, as far as these took them (COMMAND_TURN) */
    bool wake;
};

struct engine {
    engine_options_t options;
    uint64_t now_ms, wall_ms;
    vhost_t *vhost; /* "/" */
    engine_port_t *ports;
    size_t port_count, next_port; /* the one that is served first in the next step */
    list_t connections;
    hash_table_t identities; /* connections */
    list_t jobs;
    uint32_t jobs_nested; /* slices that are being done, one inside the other */
    uint32_t work_left;   /* units that commands and timers may still cost in this step */
    list_t dirty_queues;
    list_t waking; /* consumers that may take a message again, and are not told yet */
    list_t confirming;
    list_t blocked;      /* connections told of the alarm */
    list_t held;         /* channels whose publishes are held back */
    bool holds_for_log;  /* some of them for want of room in the log */
    list_t ending;       /* channels whose transaction is to end, when there is time for it */
    timer_heap_t timers; /* wait_t, by time: queue.expiry, sync_event_t.due */
    list_t sync_freed;   /* sync_window_t that have room for who waits */
    bool sync_recovered; /* events of the log have been looked at */
    list_t slow;         /* subscriber_t that publishers wait for */
    list_t slow_over;    /* channels that waited for one that is gone */
    keep_t *keeps;       /* one for each of options.topics */
    bool keeps_last;     /* one of them keeps the last message of each key */
    bool keeps_started;
    list_t joining;       /* subscriber_t that are to get what is kept */
    list_t joins_waiting; /* those of them that must read, when others have */
    uint32_t joins_reading;

    /* the log */
    journal_t *journal; /* NULL: nothing is kept */
    batch_t *batch;     /* of this step; NULL: empty */
    bool grouping;      /* what is recorded goes into that batch, whatever its size: records_group_begin */
    record_no group_first;
    batch_t *lent, **lent_end;
    size_t lent_count, asked_count; /* batches and read requests that are not back */
    uint64_t unwritten_bytes;       /* of the batches that are lent */
    record_no next_record;          /* the next number */
    record_no durable;              /* everything up to this one is */
    record_no definitions;          /* the last one that changed what is defined */
    timer_heap_t waits;
    record_no waited_for; /* the highest that anything has waited for */
    wait_t gathering;     /* records of some steps, while the disk is short */
    uint64_t gather_until_ms;
    bool gather_no_more;
    list_t readers;
    live_t live;
    space_t space;
    hash_table_t large; /* messages in parts that are in the log (references.c) */
    checkpoint_t checkpoint;
    hash_table_t queues_by_id;
    list_t settling;       /* queues */
    list_t chilling;       /* queues */
    uint64_t asked_bytes;  /* of those being read back, about */
    record_no leaves_last; /* the newest record that a message waits for, to leave memory */
    bool cold_is_behind;   /* messages come faster than they can leave memory: publishers are held back */
    uint64_t asked_items;  /* all that were ever asked for */
    uint64_t warm_bytes;   /* of those read back and not taken yet, about */
    list_t telling;        /* left_outs_t */
    uint64_t left_out;     /* messages that cannot be read, of all queues */
    buffer_t places;       /* a list of the record being made */
    bool applying;
    bool wake_log, wake_helper;
    recovery_t *recovery; /* apply.c's, until engine_recovered */

    fifo_pages_t pages;
    uint64_t topology; /* rises with each queue, exchange and binding that comes or goes */
    route_t route;
    buffer_t scratch;
    uint64_t memory_bytes;
    unsigned alarms; /* enum alarm: those that are set */
    bool shutting_down;
    bool freeing; /* nobody listens any more */
    engine_counts_t counts;
};

/* apply.c: the record that is being applied. */
record_no recovery_at(const engine_t *e);
/* The engine ends before engine_recovered: what records only mentioned goes. */
void recovery_abandon(engine_t *e);

/* connection.c */
void connection_open(engine_t *e, engine_port_t *p, command_t *c);
hash_key_of_t connection_identity;
connection_t *connection_find(engine_port_t *p, uint32_t number);
/* Takes `why` (may be NULL). `drop`: parked commands are dropped, else carried out first. */
void connection_close(connection_t *c, refusal_t *why, bool drop);
void connection_shutdown(connection_t *c); /* 320: the broker goes down */
/* Starts a goodbye that waited, if nothing is parked any more. */
void connection_check_pending(connection_t *c);
void connection_release(connection_t *c);
/* Stops and resumes reading by what is parked. */
void connection_check_reading(connection_t *c);
channel_t *channel_find(connection_t *c, uint16_t number);

/* channel.c */
void channel_command(connection_t *c, command_t *cmd); /* takes what cmd owns */
void channel_free(channel_t *ch);
/* Carries out what was parked, in slices, if nothing is in the way any more. */
void channel_unpark(channel_t *ch);
bool channel_is_parked(const channel_t *ch);
void channel_drop_parked(channel_t *ch);
/* Its publishes are not held back any more; nothing goes on yet. */
void channel_hold_no_more(channel_t *ch);
/* Part of its end: consumers go, unacked messages return; at most `budget` of them. True when nothing is
 * left. */
bool channel_wind_up(channel_t *ch, uint32_t budget, uint32_t *used);
/* The same, all of it, of a channel on which the client asks for nothing more; what is parked stays. Nothing if it is
 * at work: then it is for later. */
void channel_leave(channel_t *ch);
/* Ends the channel (soft code) or the connection (hard) with "NAME - text". */
void channel_refuse(channel_t *ch, uint32_t cause, uint16_t code, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
void channel_refuse_with(channel_t *ch, refusal_t *why);
void channel_set_last_queue(channel_t *ch, bytes_t name);
/* Sends a reply when the log is durable up to `after`; the channel is parked until then. */
void reply_after(channel_t *ch, const event_t *reply, record_no after);
/* The same for the -ok without data, unless NOWAIT. */
void reply_ok_after(channel_t *ch, const command_t *cmd, record_no after);
/* It waits for nothing any more: what it waited for goes on without it, or is dropped. */
void channel_stop_waiting(channel_t *ch);
/* `awaited` is over: parked commands, and consumers that waited for it, go on. */
void channel_resume(channel_t *ch);
/* The command is carried out again, before all others, when what the channel waits for is over. */
void channel_do_again(channel_t *ch, command_t *cmd);
/* The same; it waits in a list of those that wait for the same. */
void channel_wait_in(channel_t *ch, list_t *waiting, command_t *cmd);
/* It waits there no more. */
void channel_goes_on(channel_t *ch);
/* The same for all of the list; one that has to wait again joins it behind them. */
void channels_go_on(list_t *waiting);

/* consumer.c */
/* Takes it out of its queue and channel; its unacked deliveries stay. May remove an auto-delete queue. */
void consumer_cancel(consumer_t *c);
void consumer_free_if_done(consumer_t *c);
/* It may be able to take messages again. */
void consumer_wake(consumer_t *c);
/* The same for a list of those that waited for one thing: a slice of them now, the rest in the steps that follow. */
void consumers_wake(engine_t *e, list_t *stalled);
/* A slice of that rest; true if there is more. */
bool consumers_run(engine_t *e);

/* dispatch.c */
void dispatch_run(engine_t *e);
/* Gives the queue's consumers at once what they can take, no more than a slice. */
void dispatch_now(queue_t *q);
/* Takes the first ready message and books it as delivered on the channel. NULL if there is none.
 * The caller emits the event, which lends the message. */
message_t *deliver_take(channel_t *ch, queue_t *q, consumer_t *consumer, bool no_ack, event_t *e);

/* settle.c */
/* True if this ack or nack names what is outstanding. */
bool settle_is_valid(channel_t *ch, const command_t *cmd);
void settle_one(channel_t *ch, unacked_t *u, settle_how_t how);

/* loan.c */
/* Sends an event; one with a message lends it: `m`'s reference passes to the loan. */
void emit(connection_t *c, event_t *ev);
void emit_channel(channel_t *ch, event_t *ev);
/* The -ok without data, unless NOWAIT. */
void emit_ok(channel_t *ch, const command_t *cmd);
void loans_return(connection_t *c, uint64_t through);

/* engine.c: what a queue adds to the counts, and then everything that is counted as it happens. */
void counts_add_queue(engine_counts_t *counts, const queue_t *q);
void counts_add_rest(engine_counts_t *counts, const engine_t *e);

/* query.c: answers COMMAND_QUERY on the port it came from; takes the query. */
void query_start(engine_t *e, engine_port_t *p, command_t *cmd);

/* flow.c: alarms */
void flow_check(engine_t *e);
/* True if the store has changed its mind about the disk since. */
bool flow_has_news(const engine_t *e);
/* True if publishes may have to be held back: asked of each, before anything else is. */
bool flow_is_tight(const engine_t *e);
/* True if that is for want of room in the log: then those of transactions wait, too. */
bool flow_log_is_tight(const engine_t *e);
/* True if publishes on this connection must be held back now; its client is told. */
bool flow_holds(connection_t *c);

/* Handlers, one a command. What the command owns is freed after the call; a handler that passes it on sets the pointer
 * to NULL. */
typedef void command_handler_t(channel_t *ch, command_t *cmd);
command_handler_t on_exchange_declare, on_exchange_delete, on_exchange_bind, on_exchange_unbind;
command_handler_t on_queue_declare, on_queue_bind, on_queue_unbind, on_queue_purge, on_queue_delete;
command_handler_t on_qos, on_consume, on_cancel, on_publish, on_part, on_get;
command_handler_t on_ack, on_nack, on_recover, on_confirm_select;
command_handler_t on_tx_select, on_tx_commit, on_tx_rollback;
command_handler_t on_subscriber, on_subscribe, on_unsubscribe;

/* arguments.c: NULL, or a refusal (cause set) for a new queue's arguments. Fills type. */
refusal_t *queue_arguments_check(const command_t *cmd, vhost_t *v, queue_type_t *type);
/* NULL, or a refusal if the argument is not the same in a redeclare as in these `ours` of a queue or exchange (`what`). */
refusal_t *argument_compare(const command_t *cmd, const char *argument, bytes_t ours, const char *what,
                            bytes_t name, const vhost_t *v);
/* NULL, or a refusal if a redeclare's arguments differ in one that the queue's type knows. */
refusal_t *queue_arguments_compare(const command_t *cmd, const queue_t *q);

/* Checks of properties on publish (publication.c): NULL, or why not. */
refusal_t *publication_check(const channel_t *ch, const command_t *cmd, const exchange_t *x,
                             bytes_t properties);

/* publish.c: the parts of a publish. Finds the queues of the message (e->route), which has these headers. */
void publish_route(channel_t *ch, exchange_t *x, const message_t *m, bytes_t headers);
/* Takes the message out of the command, with one reference for the caller. */
message_t *publish_take(channel_t *ch, command_t *cmd, bytes_t headers);
/* Puts it into the log, at these places (none: nowhere), and returns its record. */
record_no publish_record(engine_t *e, message_t *m, const record_list_t *places);
/* Puts it into these queues, in this step. Returns the record that says so; 0: none does. */
record_no publish_place(engine_t *e, message_t *m, queue_t *const *queues, size_t count);
/* Puts the message where the route leads; takes over the caller's reference. One with parts, large as it is, goes to all
 * queues at once: a MESSAGE_ALSO must not speak of one, as apply.c makes cold entries of it. So does one with a number,
 * as all queues have them in order, and one that windows look at, as it is remembered when it is everywhere. */
void publish_enqueue(channel_t *ch, const command_t *cmd, message_t *m);
/* Nobody gets it: it goes back to its publisher if that is asked for. */
void publish_return(channel_t *ch, const command_t *cmd, message_t *m);
/* What its confirm waits for, given that record. */
record_no publish_safe_with(const engine_t *e, const message_t *m, record_no record);

/* False (and refused) if a headers binding's x-match is not one RabbitMQ knows, or x-binding-type not one of ours. */
bool binding_arguments_allowed(channel_t *ch, const command_t *cmd, const exchange_t *source);

/* The queue a request names; "" is the last one declared on the channel. NULL: refused already. */
queue_t *queue_of_request(channel_t *ch, const command_t *cmd);
