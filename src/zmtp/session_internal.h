/* SPDX-License-Identifier: Apache-2.0
 *
 * session_internal.h: what the files of a ZMTP session share.
 *
 * A session turns octets into commands and events into octets and knows nothing of the broker behind them.
 * The way in: session.c (life) → handshake.c (greeting, mechanism), then input.c (frames, commands) → gather.c (messages)
 * → the role's file: publish.c, subscribe.c, ask.c, handle.c, answer.c. The way out: events.c → deliver.c, send.c. due.c
 * keeps time. All of a session happens on one channel of its connection, number 1. */
#pragma once

#include "base/due.h"
#include "base/hash.h"
#include "base/list.h"
#include "base/loans.h"
#include "model/command.h"
#include "model/event.h"
#include "model/frames.h"
#include "model/message.h"
#include "zmtp/mechanism.h"
#include "zmtp/role.h"
#include "zmtp/zmtp.h"

#define ZMTP_CHANNEL 1
/* Requests whose answer is due, and octets of their envelopes, before a connection is not read. */
#define ZMTP_ASKED_MOST       1024
#define ZMTP_ASKED_MOST_BYTES (64u << 10)
/* Times as many of a handler: its answers come the same way, and may be what its own events wait for. */
#define ZMTP_ASKED_OF_HANDLER 8
/* So long a caller at that bound is not read because of its oldest request; then its answer is not waited for any more. */
#define ZMTP_ASKED_MOST_MS 300000
/* What a handler is given before it has answered: less than libzmq takes (1000), which at its mark reads nothing more, no PING
 * either. */
#define ZMTP_HANDLER_CREDIT 900
/* Groups of one connection. */
#define ZMTP_GROUPS_MOST 1024
/* What a socket that is closing may still take to be sent what was said last. */
#define ZMTP_LINGER_MS 1000
/* Scratch buffers that a large frame has widened are given back. */
#define ZMTP_SCRATCH_MOST_BYTES (64u << 10)

/* A warning that was said, and how often it was not said again since. */
typedef struct zmtp_said {
    uint64_t hash;
    uint64_t paid_ms; /* each line costs a second; so far they are paid */
    unsigned again;
} zmtp_said_t;

struct zmtp_io {
    zmtp_options_t options;
    port_t *port;
    size_t room_wanted; /* commands that must fit before a frame is looked at */
    size_t sessions_count;
    size_t handshakes_count; /* of them, those that are not through it */
    bool crowded;            /* handshakes_most was reached, and logged */
    zmtp_said_t said[64];
    list_t stalled;   /* sessions that wait for room in the port */
    buffer_t scratch; /* what is written next */
    buffer_t sealed;  /* CURVE: the same, sealed */
    buffer_t opened;  /* CURVE: a frame that came */
};

typedef enum zmtp_state {
    ZMTP_STATE_GREETING,
    ZMTP_STATE_IDENTITY,  /* of a 2.0 peer: its first frame */
    ZMTP_STATE_HANDSHAKE, /* commands of the mechanism */
    ZMTP_STATE_RUNNING,
    ZMTP_STATE_DONE, /* the transport was told to close, or is gone */
} zmtp_state_t;

/* Why the socket is not read; it is while none is set. */
enum zmtp_pause {
    ZMTP_PAUSE_PORT = 1 << 0,    /* the command ring is full */
    ZMTP_PAUSE_ENGINE = 1 << 1,  /* EVENT_READING_PAUSED */
    ZMTP_PAUSE_BLOCKED = 1 << 2, /* EVENT_CONNECTION_BLOCKED, of who only publishes */
    ZMTP_PAUSE_ASKED = 1 << 3,   /* too many requests are not answered */
};

typedef enum zmtp_due {
    ZMTP_DUE_HANDSHAKE,
    ZMTP_DUE_SILENCE,
    ZMTP_DUE_ASKED, /* the oldest request has waited for long */
    ZMTP_DUE_COUNT
} zmtp_due_t;

/* `cause` of commands whose answer means something; requests have numbers of their own. */
enum { ZMTP_CAUSE_NONE = 0, ZMTP_CAUSE_JOINED = 1 };

/* What a message of the peer's will be when it is whole. */
typedef enum zmtp_intent {
    ZMTP_INTENT_DROP,
    ZMTP_INTENT_PUBLISH,
    ZMTP_INTENT_ASK,    /* publish, and be told */
    ZMTP_INTENT_JOIN,   /* a handler's 01 or 00 */
    ZMTP_INTENT_ANSWER, /* of a handler or worker */
} zmtp_intent_t;

/* A message that is being received. The frames before the last are gathered; when the last one begins, their number and
 * lengths are known, the role decides what it is, and its octets go on into `message` as they come. */
typedef struct zmtp_gather {
    buffer_t octets;   /* frames end to end, until there is an intent; of a JOIN until its end */
    uint64_t *lengths; /* of the frames, the one that is coming included */
    size_t count, capacity;
    uint64_t bytes; /* sum of the lengths */
    bool decided;
    zmtp_intent_t intent;
    message_t *message; /* may be NULL if its octets mean nothing */
    uint32_t asked;     /* ASK: the request's number */
    bool failed;        /* ANSWER: it is a reason, not a result */
    uint64_t tag;       /* ANSWER: of which delivery */
} zmtp_gather_t;

/* A message with parts on its way out: EVENT_CONTENTs bring its body. */
typedef struct zmtp_sending {
    uint64_t body_left; /* octets that are due; 0: nothing is under way, or the rest is dropped */
    uint64_t tag;       /* of its delivery */
    bool frame_open;
    uint64_t frame_left; /* of the frame that is open */
    message_frame_t frame;
    frames_walk_t walk;
    buffer_t lengths; /* the walk's own copy */
    buffer_t body;    /* CURVE: what is there of the frame, which is sealed as a whole */
} zmtp_sending_t;

/* A request whose answer is due: what stands in front of it. */
typedef struct zmtp_asked {
    hash_node_t node; /* in session.asked, by number */
    list_t in_order;
    uint64_t asked_at_ms;
    uint32_t number;
    uint32_t envelope_bytes;
    uint8_t envelope[]; /* whole frames, each with MORE */
} zmtp_asked_t;

/* A delivery that a handler or worker has not answered. */
typedef struct zmtp_given {
    hash_node_t node; /* in session.given, by tag */
    uint64_t tag, seq;
    bool asks; /* EVENT_ASKS */
    uint8_t reply_to_len, correlation_len;
    uint8_t octets[]; /* reply-to, correlation-id */
} zmtp_given_t;

/* A prefix that this connection subscribed to, or joined a group with. */
typedef struct zmtp_prefix {
    hash_node_t node;
    uint32_t key_bytes;
    uint8_t key[]; /* group's number (4 octets; 0: none), prefix */
} zmtp_prefix_t;

/* A group that a handler is a member of. */
typedef struct zmtp_group {
    list_t link;
    uint32_t number;   /* of its consumer */
    uint32_t prefixes; /* joined by this connection */
    bool named;
    uint8_t name_len;
    uint8_t name[UINT8_MAX]; /* of its queue */
} zmtp_group_t;

typedef struct zmtp_session {
    session_t session; /* first: net's view */
    port_client_t client;
    zmtp_io_t *io;
    const zmtp_bus_t *bus;
    transport_t *transport; /* NULL once it has ended */
    zmtp_over_t *over;      /* of who dialled */
    void *over_context;

    zmtp_state_t state;
    zmtp_greeting_stage_t answered;
    zmtp_handshake_t handshake;
    bool mechanism_begun;
    bool unfinished;     /* counted in io->handshakes_count */
    bool heard_anything; /* an octet ever came */
    bool close_pushed;   /* COMMAND_CONNECTION_CLOSE was pushed */
    bool engine_closed;  /* EVENT_CONNECTION_CLOSED came: nothing more is pushed */
    bool explained;      /* the log knows why it ends */
    bool blocked;        /* between EVENT_CONNECTION_BLOCKED and UNBLOCKED */
    uint8_t pauses;      /* zmtp_pause bits */
    list_t stalled;

    zmtp_role_t role;
    zmtp_frame_reader_t reader;
    buffer_t sealed_in; /* CURVE: a large frame, as it comes */
    bool in_message;    /* of messages that are not gathered: the next frame is not a first one */
    zmtp_gather_t gather;
    uint64_t held_reported;
    uint64_t wall_ms;   /* of this turn */
    buffer_t stamps[2]; /* properties of a message of one frame; and of one that is its own topic */
    uint64_t stamped_s; /* when they were made */

    hash_table_t prefixes;
    uint64_t prefix_bytes; /* of all keys */
    hash_table_t asked;
    list_t asked_in_order;
    size_t asked_bytes;
    uint32_t last_asked;
    hash_table_t given;
    list_t groups;
    size_t group_count;
    uint32_t last_number; /* of a group's consumer */
    bool handles;         /* it ever joined a group */
    buffer_t echoes;      /* frames that joined, to be echoed: whole messages, each behind its length:4 */
    char queue[48];       /* its own queue: a subscriber's, or a caller's for answers */

    zmtp_sending_t sending;
    loans_t loans;
    uint64_t tag_acked; /* PULL: up to here */
    uint64_t flushed;   /* output offset the transport was told of */

    dues_t dues;
    uint64_t heard_at_ms;
    uint64_t ttl_ms; /* the peer's PING: silence for so long is its end; 0: none */
    uint8_t pings;   /* sent since anything was heard */
    bool pong_due;   /* in the middle of a frame there is no place for it */
    uint8_t pong_len, pong[ZMTP_PING_CONTEXT_MOST_BYTES];
    char name[136]; /* "127.0.0.1:40112 -> 127.0.0.1:5557" */
} zmtp_session_t;

/* ---- session.c: life ---- */

/* Closes the socket once the output has drained, `linger_ms` from now at the latest, and the engine's side at once.
 * Harmless when done. */
void zmtp_session_finish(zmtp_session_t *s, uint64_t linger_ms);

/* The same at once, for a reason that goes to the log: "closed, REASON". */
void zmtp_session_fail(zmtp_session_t *s, const char *format, ...) __attribute__((format(printf, 2, 3)));

void zmtp_session_pause(zmtp_session_t *s, uint8_t why);
void zmtp_session_resume(zmtp_session_t *s, uint8_t why);

/* True while the engine's side is open: commands may be pushed. */
bool zmtp_session_may_push(const zmtp_session_t *s);
void zmtp_session_push(zmtp_session_t *s, command_t c);
/* A command that bears names and arguments; `view` is copied. */
void zmtp_session_request(zmtp_session_t *s, command_t c, const request_t *view);
void zmtp_session_push_close(zmtp_session_t *s, uint16_t flags);

uint64_t zmtp_session_now(const zmtp_session_t *s);

/* PREFIX and 16 random octets in base64url, NUL-terminated. `out` takes prefix + 23 characters. */
void zmtp_generate_name(zmtp_session_t *s, const char *prefix, char *out, size_t out_bytes);

/* "connection NAME, user 'U': …". A client that comes back every 100 ms to be refused for the same reason is, after
 * a few lines, a line a second: of warnings, one host's of one text. */
void zmtp_session_log(const zmtp_session_t *s, log_level_t level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* ---- handshake.c ---- */

/* The beginning of `in`, before traffic; returns how many octets were taken. */
size_t zmtp_handshake_input(zmtp_session_t *s, bytes_t in);

/* ---- input.c ---- */

size_t zmtp_input(zmtp_session_t *s, bytes_t octets);
zmtp_frame_limits_t zmtp_limits_before_ready(const zmtp_session_t *s);
zmtp_frame_limits_t zmtp_limits_of_traffic(const zmtp_session_t *s);

/* ---- gather.c: frames → messages ---- */

void zmtp_gather_piece(zmtp_session_t *s, const zmtp_piece_t *piece);
void zmtp_gather_free(zmtp_gather_t *g);

/* Octets of unfinished messages are told to the engine, in steps. */
void zmtp_report_held(zmtp_session_t *s);

/* Frame `index`, where it stands in the octets gathered; all of it if it is not the last. */
bytes_t zmtp_gather_frame(const zmtp_gather_t *g, size_t index);

/* The message that the frames from `first` on make. */
void zmtp_gather_message(zmtp_session_t *s, const frames_envelope_t *e, size_t first);

/* ---- start.c: what each role begins with, and does with a message ---- */

typedef struct zmtp_role_ops {
    void (*start)(zmtp_session_t *s);               /* the connection is open */
    void (*decide)(zmtp_session_t *s);              /* the last frame of a message has begun: its intent */
    void (*finish)(zmtp_session_t *s);              /* the message is whole */
    void (*deliver)(zmtp_session_t *s, event_t *e); /* EVENT_DELIVER */
} zmtp_role_ops_t;

const zmtp_role_ops_t *zmtp_role_ops(zmtp_role_t role);

/* True if messages of the peer are but subscriptions, or nothing. */
bool zmtp_role_listens(zmtp_role_t role);

/* On a queue port: the queue is there, whoever made it. Consumes it, or another, with acks, so many at a time. */
void zmtp_declare_queue(zmtp_session_t *s);
void zmtp_consume(zmtp_session_t *s, bytes_t queue, uint32_t number, uint32_t cause, uint16_t flags);
void zmtp_set_credit(zmtp_session_t *s, uint32_t count);
void zmtp_cancel(zmtp_session_t *s, uint32_t number);
/* Binds or unbinds a queue by a prefix of at most 255 octets, at the bus's exchange. */
void zmtp_push_binding(zmtp_session_t *s, command_type_t type, bytes_t queue, bytes_t prefix);

/* ---- publish.c ---- */

/* If `in` begins with a whole message of the common forms, publishes it: how many octets that took, or 0. */
size_t zmtp_publish_whole(zmtp_session_t *s, bytes_t in);
void zmtp_publish_decide(zmtp_session_t *s);
void zmtp_publish_finish(zmtp_session_t *s);

/* What all messages of this connection have; the exchange is the bus's, and has_topic set. */
frames_envelope_t zmtp_envelope(const zmtp_session_t *s);
/* Of a message that goes straight into a queue. */
frames_envelope_t zmtp_envelope_to(const zmtp_session_t *s, bytes_t queue);
void zmtp_push_message(zmtp_session_t *s, uint16_t flags, uint32_t cause);

/* ---- subscribe.c: SUB, XSUB, PULL ---- */

void zmtp_subscriber_start(zmtp_session_t *s);
void zmtp_puller_start(zmtp_session_t *s);
/* 3.1's command, or 3.0's message. */
void zmtp_on_subscription(zmtp_session_t *s, const zmtp_subscription_t *what);
/* A message that is a subscription, or is dropped. */
void zmtp_listen_piece(zmtp_session_t *s, const zmtp_piece_t *piece);
void zmtp_subscriber_deliver(zmtp_session_t *s, event_t *e);

/* prefixes.c: a set, of groups' and of subscriptions' (group 0). False: nothing has changed. */
bool zmtp_prefix_add(zmtp_session_t *s, uint32_t group, bytes_t prefix);
bool zmtp_prefix_remove(zmtp_session_t *s, uint32_t group, bytes_t prefix);
/* False: they are more than allowed, and the session has failed. */
bool zmtp_prefixes_allowed(zmtp_session_t *s);
void zmtp_prefixes_init(zmtp_session_t *s);
void zmtp_prefixes_free(zmtp_session_t *s);

/* ---- ask.c: REQ, DEALER ---- */

void zmtp_asker_decide(zmtp_session_t *s);
void zmtp_asker_finish(zmtp_session_t *s);
void zmtp_caller_start(zmtp_session_t *s);
void zmtp_caller_decide(zmtp_session_t *s);
void zmtp_caller_finish(zmtp_session_t *s);
void zmtp_caller_deliver(zmtp_session_t *s, event_t *e);
void zmtp_on_report(zmtp_session_t *s, event_t *e);
void zmtp_asked_init(zmtp_session_t *s);
void zmtp_asked_free(zmtp_session_t *s);
/* Requests that have waited for too long are forgotten. */
void zmtp_asked_due(zmtp_session_t *s, uint64_t now_ms);

/* ---- handle.c: a DEALER's groups ---- */

/* True if the message that is gathered, of one or two frames, is 01 or 00 and a prefix. */
bool zmtp_is_join(const zmtp_gather_t *g);
/* False: it is over a limit, and the session has failed. */
bool zmtp_join_allowed(zmtp_session_t *s);
void zmtp_join(zmtp_session_t *s);
/* EVENT_CONSUMER_STARTED or EVENT_OK of a join. */
void zmtp_joined(zmtp_session_t *s);
void zmtp_groups_free(zmtp_session_t *s);

/* ---- answer.c: what was given to a handler or worker, and what it says ---- */

void zmtp_worker_start(zmtp_session_t *s);
/* True if the message that is gathered begins as an answer does: `SEQ/TAG`, "". */
bool zmtp_is_answer(const zmtp_gather_t *g);
void zmtp_answer_decide(zmtp_session_t *s);
void zmtp_answer_finish(zmtp_session_t *s);
void zmtp_give(zmtp_session_t *s, event_t *e);
void zmtp_given_init(zmtp_session_t *s);
void zmtp_given_free(zmtp_session_t *s);

/* ---- events.c, deliver.c, send.c: events → octets ---- */

void zmtp_session_event(zmtp_session_t *s, event_t *e);

/* Sends the message of EVENT_DELIVER behind `head` (whole frames, each with MORE), with its topic or without; its loan
 * ends when it has left. */
void zmtp_deliver(zmtp_session_t *s, const event_t *e, bytes_t head, bool with_topic);
/* The loan goes back with what was written last. */
void zmtp_drop_loan(zmtp_session_t *s);
/* The report of an event: one frame, whatever its properties say. */
void zmtp_deliver_report(zmtp_session_t *s, bytes_t head, const message_t *m);
void zmtp_on_content(zmtp_session_t *s, event_t *e);
/* True if it came through an exchange, so that its key is a topic. */
bool zmtp_has_topic(const message_t *m);

/* Gives the loans back whose octets have left. */
void zmtp_loans_return(zmtp_session_t *s);

/* Whole frames as they stand; sealed if need be. */
void zmtp_send(zmtp_session_t *s, bytes_t frames);
/* One frame. `lent`: the body is a loan. */
void zmtp_send_frame(zmtp_session_t *s, uint8_t flags, bytes_t body, bool lent);

/* ---- due.c: time ---- */

/* Sets or moves (0: cancels) a due time. */
void zmtp_due_set(zmtp_session_t *s, zmtp_due_t which, uint64_t at_ms);
void zmtp_due_now(zmtp_session_t *s);
/* Something came, or was taken: the peer is there. */
void zmtp_heard(zmtp_session_t *s);
/* From now on silence is looked at. */
void zmtp_silence_start(zmtp_session_t *s);
void zmtp_on_ping(zmtp_session_t *s, bytes_t data);
/* The answer to a PING that is still due, if it may go now. */
void zmtp_send_pong(zmtp_session_t *s);
