/* SPDX-License-Identifier: Apache-2.0
 *
 * session_internal.h: what the files of an AMQP session share.
 *
 * A session turns octets into commands and events into octets and knows nothing of the broker behind them.
 * The way in: session.c (life) → frames.c (framing) → handshake.c, connection.c (channel 0) or channel.c
 * (channels, methods) → content.c (publish) and requests_*.c (method → command). The way out: replies.c
 * (event → method frames) and deliver.c (messages, loans). due.c keeps time, refuse.c says no. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "amqp/amqp.h"
#include "amqp/codec.h"
#include "base/bytes.h"
#include "base/due.h"
#include "base/hash.h"
#include "base/list.h"
#include "base/loans.h"
#include "base/session.h"
#include "model/command.h"
#include "model/event.h"
#include "model/message.h"
#include "model/port.h"

/* Method and header frames must be whole before they are looked at: never more than this, whatever was tuned.
 */
#define AMQP_WHOLE_FRAME_LIMIT_BYTES (16u << 20)
/* No message is larger, whatever is configured: RabbitMQ's ceiling. */
#define AMQP_BODY_LIMIT_BYTES (512ull << 20)
/* Unfinished bodies are reported when they cross multiples of this. */
#define AMQP_HELD_STEP_BYTES (64u << 10)
/* Unfinished messages of a connection: this much beside two of the largest size. */
#define AMQP_HELD_SPARE_BYTES (16u << 20)

struct amqp_io {
    amqp_options_t options;
    port_t *port;
    size_t room_wanted; /* commands that must fit before a frame is parsed */
    size_t sessions_count;
    list_t stalled;               /* sessions that wait for room in the port */
    buffer_t scratch;             /* one frame being written */
    buffer_t headers, properties; /* of an event being written */
    buffer_t server_properties;   /* content of the table in connection.start */
};

/* The life of a connection; names and order of states are in session.c. */
typedef enum amqp_state {
    AMQP_STATE_EXPECT_HEADER,
    AMQP_STATE_SENT_START,
    AMQP_STATE_SENT_TUNE,
    AMQP_STATE_EXPECT_OPEN,
    AMQP_STATE_OPENING, /* the engine was asked */
    AMQP_STATE_RUNNING,
    AMQP_STATE_REFUSING, /* a hard error was found here; the engine winds up */
    AMQP_STATE_ENDING,   /* the client said goodbye; the engine winds up */
    AMQP_STATE_CLOSING,  /* connection.close was sent, close-ok is due */
    AMQP_STATE_DROPPING, /* silent until the socket closes */
    AMQP_STATE_DONE,     /* the transport was told to close, or is gone */
} amqp_state_t;

/* Why the socket is not read; it is while none is set. */
enum amqp_pause {
    AMQP_PAUSE_PORT = 1 << 0,   /* the command ring is full */
    AMQP_PAUSE_ENGINE = 1 << 1, /* EVENT_READING_PAUSED */
    AMQP_PAUSE_ANSWER =
        1 << 2, /* nothing can be parsed until the engine has opened or closed the connection */
};

/* What a session waits for by the clock. */
typedef enum amqp_due {
    AMQP_DUE_HANDSHAKE,
    AMQP_DUE_CLOSE, /* the socket is closed, whoever is still silent */
    AMQP_DUE_SEND_HEARTBEAT,
    AMQP_DUE_CHECK_HEARTBEAT,
    AMQP_DUE_COUNT
} amqp_due_t;

typedef enum amqp_stage { AMQP_STAGE_METHOD, AMQP_STAGE_HEADER, AMQP_STAGE_BODY } amqp_stage_t;

/* A publish whose content is not complete. */
typedef struct amqp_publishing {
    amqp_stage_t stage; /* what is due */
    bool mandatory;
    bool immediate;
    bool skipped;  /* will be refused: its body is not kept */
    bool in_parts; /* octets of its body go to the engine ahead of it */
    uint8_t exchange_len;
    uint8_t routing_key_len;
    message_t *message; /* while the body is due, unless skipped; owned */
    message_t *part;    /* octets that go ahead of it, not yet part_bytes; or NULL; owned */
    uint64_t body_bytes, body_left;
    uint8_t names[2 * UINT8_MAX]; /* exchange, routing key */
} amqp_publishing_t;

typedef enum amqp_channel_state {
    AMQP_CHANNEL_OPEN,
    AMQP_CHANNEL_REFUSED, /* channel.close was sent: only close and close-ok count */
    AMQP_CHANNEL_CLOSING, /* the client closed it: absent for parsing, alive until the engine has wound it up
                           */
} amqp_channel_state_t;

/* One life of a channel number. */
typedef struct amqp_channel {
    hash_node_t node;    /* in session.channels, unless closing */
    list_t closing_node; /* in session.closing_channels */
    list_t consumers;
    uint32_t life; /* which life of its number: the cause of its COMMAND_CHANNEL_CLOSE */
    uint16_t number;
    amqp_channel_state_t state;
    amqp_publishing_t publishing;
    uint64_t sending_left;  /* octets of a body under way to the client that EVENT_CONTENTs will bring */
    bool sending_delivered; /* the message is a delivery */
} amqp_channel_t;

/* What deliver frames need to know of a consumer. */
typedef struct amqp_consumer {
    hash_node_t node; /* in session.consumers, by number */
    list_t in_channel;
    uint32_t number;
    uint8_t tag_len;
    uint8_t tag[];
} amqp_consumer_t;

/* A body frame that is being taken as its octets arrive, or a frame that is being skipped. */
typedef struct amqp_stream {
    bool active;
    uint8_t type;
    uint8_t first_count;
    uint8_t first[17];       /* the payload's first octets, for the error text: one more than it shows */
    uint32_t left;           /* payload octets still to come; the end octet follows */
    amqp_channel_t *channel; /* whose content it is; NULL: skipped */
} amqp_stream_t;

typedef struct amqp_session {
    session_t session; /* first: net's view */
    port_client_t client;
    amqp_io_t *io;
    transport_t *transport; /* NULL once it has ended */

    amqp_state_t state;
    bool heard_anything; /* an octet ever came */
    bool framing_lost;   /* input can no longer be parsed */
    bool close_pushed;   /* COMMAND_CONNECTION_CLOSE was pushed */
    bool engine_closed;  /* EVENT_CONNECTION_CLOSED came: nothing more is pushed */
    bool opened;         /* open-ok was sent */
    bool explained;      /* the log knows why it ends */
    uint8_t pauses;      /* amqp_pause bits */
    list_t stalled;

    uint16_t channel_max; /* 0: no limit */
    uint16_t heartbeat_s;
    uint32_t frame_max; /* 0: no limit */
    bool wants_close_on_refused_login;
    bool wants_cancel_notify;
    bool wants_blocked;

    hash_table_t channels; /* open and refused */
    list_t closing_channels;
    uint32_t last_life;
    amqp_channel_t *last_channel; /* the one found last, or NULL */
    hash_table_t consumers;
    uint32_t last_consumer;
    amqp_consumer_t *last_found; /* of them, or NULL */

    amqp_stream_t stream;
    size_t input_left;   /* octets at hand behind the frame that is being handled */
    uint64_t held_bytes; /* of unfinished bodies */
    uint64_t held_reported;

    loans_t loans;
    uint64_t flushed; /* output offset the transport was told of */

    dues_t dues;
    bool heard;               /* since the last heartbeat check */
    uint8_t missed;           /* heartbeat checks in a row that heard nothing */
    uint64_t written_at_beat; /* output offset at the last look of the heartbeat sender */

    buffer_t user;
    buffer_t client_properties; /* until the engine has them */
    uint8_t vhost[UINT8_MAX];
    uint8_t vhost_len;
    char name[136]; /* "127.0.0.1:40112 -> 127.0.0.1:5672" */
} amqp_session_t;

/* ---- session.c: life ---- */

session_t *amqp_session_new(amqp_io_t *io, transport_t *t);
void amqp_session_move(amqp_session_t *s, amqp_state_t next);
const char *amqp_state_name(amqp_state_t state);

/* Closes the socket once the output has drained, `linger_ms` from now at the latest. Harmless when done. */
void amqp_session_finish(amqp_session_t *s, uint64_t linger_ms);

/* How long the peer may take for its part of a goodbye: min(heartbeat, close_timeout_ms). */
uint64_t amqp_session_patience_ms(const amqp_session_t *s);

void amqp_session_pause(amqp_session_t *s, uint8_t why);
void amqp_session_resume(amqp_session_t *s, uint8_t why);

/* True while the engine's side is open: commands may be pushed. */
bool amqp_session_may_push(const amqp_session_t *s);
void amqp_session_push(amqp_session_t *s, command_t *c);
/* COMMAND_CONNECTION_CLOSE, once, and with COMMAND_GONE once more behind a goodbye. Takes `r`, which may be NULL. */
void amqp_session_push_close(amqp_session_t *s, uint16_t flags, refusal_t *r);

uint64_t amqp_session_now(const amqp_session_t *s);

/* "connection NAME, user 'U': …" */
void amqp_session_log(const amqp_session_t *s, log_level_t level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* ---- frames.c: octets → frames ---- */

size_t amqp_frames_input(amqp_session_t *s, bytes_t octets);

/* A whole method frame to the peer. */
void amqp_send_method(amqp_session_t *s, uint16_t channel, amqp_method_id id, const void *method);

/* Decodes the arguments, or refuses: unknown methods with 503, malformed ones with 501. */
bool amqp_decode_or_refuse(amqp_session_t *s, amqp_method_id id, bytes_t arguments, amqp_method_t *out);

/* ---- handshake.c, login.c, connection.c: channel 0 ---- */

void amqp_server_properties_write(buffer_t *b, const amqp_options_t *options);
size_t amqp_handshake_header(amqp_session_t *s, bytes_t octets);
void amqp_handshake_method(amqp_session_t *s, amqp_method_id id, const amqp_method_t *m);
void amqp_handshake_login(amqp_session_t *s, const amqp_connection_start_ok_t *m);
void amqp_connection_method(amqp_session_t *s, amqp_method_id id, bytes_t arguments);
void amqp_connection_say_goodbye(amqp_session_t *s);
void amqp_on_connection_opened(amqp_session_t *s, event_t *e);
void amqp_on_connection_closed(amqp_session_t *s, event_t *e);
void amqp_on_connection_blocked(amqp_session_t *s, event_t *e);
void amqp_on_connection_unblocked(amqp_session_t *s, event_t *e);

/* ---- channel.c, consumers.c ---- */

hash_key_of_t amqp_channel_key;
hash_key_of_t amqp_consumer_key;

/* The channel with this number that is open or refused, or NULL. */
amqp_channel_t *amqp_channel_find(amqp_session_t *s, uint16_t number);

/* The life of this number that the engine means in an event, or NULL: the oldest one that it has not ended. */
amqp_channel_t *amqp_channel_of_event(amqp_session_t *s, uint16_t number);
void amqp_channel_method(amqp_session_t *s, uint16_t number, amqp_method_id id, bytes_t arguments);
void amqp_channels_free(amqp_session_t *s);
void amqp_on_channel_opened(amqp_session_t *s, event_t *e);
void amqp_on_channel_closed(amqp_session_t *s, event_t *e);
void amqp_on_channel_refused(amqp_session_t *s, event_t *e);

amqp_consumer_t *amqp_consumer_add(amqp_session_t *s, amqp_channel_t *ch, bytes_t tag);
amqp_consumer_t *amqp_consumer_find(amqp_session_t *s, uint32_t number);
void amqp_consumer_remove(amqp_session_t *s, amqp_consumer_t *c);
bytes_t amqp_consumer_tag(const amqp_consumer_t *c);

/* ---- content.c: publish, header, body → COMMAND_PARTs and COMMAND_PUBLISH ---- */

void amqp_content_method(amqp_session_t *s, amqp_channel_t *ch, const amqp_basic_publish_t *m);
void amqp_content_header(amqp_session_t *s, uint16_t channel, const amqp_content_header_t *h);

/* A body frame of this size begins: the channel that takes it, or NULL if its payload is to be skipped. */
amqp_channel_t *amqp_content_body_frame(amqp_session_t *s, uint16_t channel, uint32_t payload_bytes);

/* Takes octets of a body, at least one, and pushes at most one command; returns how many. */
size_t amqp_content_octets(amqp_session_t *s, amqp_channel_t *ch, bytes_t octets);
void amqp_content_frame_end(amqp_session_t *s, amqp_channel_t *ch);

/* No body may be larger; and true if one is so large that parts of it go ahead. */
uint64_t amqp_content_limit(const amqp_session_t *s);
bool amqp_content_in_parts(const amqp_session_t *s, const amqp_content_header_t *h);

/* content_whole.c: if `in` begins with all frames of an ordinary publish, pushes its command; how many octets that took,
 * or 0: nothing is done. Only for a session that is running. */
size_t amqp_content_whole(amqp_session_t *s, bytes_t in);

/* A method frame came while content was due. */
void amqp_content_interrupted(amqp_session_t *s, const amqp_channel_t *ch);

/* Forgets an unfinished publish. */
void amqp_content_abandon(amqp_session_t *s, amqp_channel_t *ch);
void amqp_content_report_held(amqp_session_t *s);

/* ---- requests*.c: method → command ---- */

typedef void amqp_request_handler_t(amqp_session_t *s, amqp_channel_t *ch, const amqp_method_t *m);

/* What carries out a client's method on an open channel, or NULL if there is no such request. */
amqp_request_handler_t *amqp_request_handler(amqp_method_id id);

/* Pushes a command that bears names and arguments; `view` is copied. */
void amqp_push_request(amqp_session_t *s, const amqp_channel_t *ch, command_t c, const request_t *view);

/* Pushes a command that bears a number or nothing. */
void amqp_push_plain(amqp_session_t *s, const amqp_channel_t *ch, command_t c);

/* PREFIX and 16 random octets in base64url, NUL-terminated: "amq.gen-…". `out` takes prefix + 23 characters.
 */
void amqp_generate_name(amqp_session_t *s, const char *prefix, char *out, size_t out_bytes);

/* `name` without CR and LF; `scratch` takes 255 octets. */
bytes_t amqp_strip_newlines(bytes_t name, uint8_t *scratch);

amqp_request_handler_t amqp_request_exchange_declare, amqp_request_exchange_delete,
    amqp_request_exchange_bind, amqp_request_exchange_unbind;
amqp_request_handler_t amqp_request_queue_declare, amqp_request_queue_bind, amqp_request_queue_purge,
    amqp_request_queue_delete, amqp_request_queue_unbind;
amqp_request_handler_t amqp_request_basic_qos, amqp_request_basic_consume, amqp_request_basic_cancel,
    amqp_request_basic_cancel_ok, amqp_request_basic_publish, amqp_request_basic_get, amqp_request_basic_ack,
    amqp_request_basic_reject, amqp_request_basic_recover_async, amqp_request_basic_recover,
    amqp_request_basic_nack;
amqp_request_handler_t amqp_request_channel_flow, amqp_request_access_request, amqp_request_confirm_select,
    amqp_request_tx_select, amqp_request_tx_commit, amqp_request_tx_rollback;

/* ---- replies.c, deliver.c: events → octets ---- */

void amqp_session_event(amqp_session_t *s, event_t *e);

void amqp_on_deliver(amqp_session_t *s, event_t *e);
void amqp_on_content(amqp_session_t *s, event_t *e);
void amqp_on_get_ok(amqp_session_t *s, event_t *e);
void amqp_on_return(amqp_session_t *s, event_t *e);

/* Gives the loans back whose octets have left. */
void amqp_loans_return(amqp_session_t *s);

/* ---- due.c: time ---- */

/* Sets or moves (0: cancels) a due time. */
void amqp_due_set(amqp_session_t *s, amqp_due_t which, uint64_t at_ms);
void amqp_due_now(amqp_session_t *s);
void amqp_heartbeat_start(amqp_session_t *s);
void amqp_heartbeat_stop(amqp_session_t *s);

/* ---- refuse.c: errors ---- */

/* "NAME - text", cut to 255 octets. */
bytes_t amqp_reply_text(const refusal_t *r, uint8_t out[UINT8_MAX]);

/* A hard error found here: ends the connection. `cause`: the offending method, or 0. */
void amqp_refuse_connection(amqp_session_t *s, uint16_t code, amqp_method_id cause, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* 501 "type T, all octets = <<…>>: REASON" (or 505 without a reason): a frame that cannot be. */
void amqp_refuse_frame(amqp_session_t *s, uint8_t type, bytes_t payload, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
void amqp_refuse_unexpected_frame(amqp_session_t *s, uint8_t type, bytes_t payload);

/* An error in a request, to be found in its turn: COMMAND_REFUSE. */
void amqp_refuse_request(amqp_session_t *s, const amqp_channel_t *ch, uint16_t code, amqp_method_id cause,
                         const char *format, ...) __attribute__((format(printf, 5, 6)));

/* Sends connection.close and waits for close-ok. Takes `r`. */
void amqp_close_with(amqp_session_t *s, refusal_t *r);

/* Says nothing more and closes the socket after refused_login_delay_ms. The text goes to the log. */
void amqp_drop(amqp_session_t *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
