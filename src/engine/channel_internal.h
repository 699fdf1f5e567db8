/* SPDX-License-Identifier: Apache-2.0
 *
 * channel_internal.h: channels and their consumers. */
#pragma once

#include "engine/command_queue.h"
#include "engine/queue_internal.h"
#include "engine/route_internal.h"
#include "engine/tx/tx.h"
#include "engine/unacked.h"

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

/* channel.c */
void channel_command(connection_t *c, command_t *cmd); /* takes what cmd owns */
/* Carries one out and frees what it still owns afterwards. */
void channel_execute(channel_t *ch, command_t *cmd);
void channel_free(channel_t *ch);
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

/* channel_wait.c */
/* True if the command cannot be carried out yet: channel_park takes it, then. */
bool channel_must_wait(channel_t *ch, const command_t *cmd);
void channel_park(channel_t *ch, command_t *cmd);
/* Carries out what was parked, in slices, if nothing is in the way any more. */
void channel_unpark(channel_t *ch);
bool channel_is_parked(const channel_t *ch);
void channel_drop_parked(channel_t *ch);
/* Its publishes are not held back any more; nothing goes on yet. */
void channel_hold_no_more(channel_t *ch);
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
