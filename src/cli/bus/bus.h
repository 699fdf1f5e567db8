/* SPDX-License-Identifier: Apache-2.0
 *
 * bus.h: a broker as publish, subscribe, event and handle see it: one set of calls, and two wires behind it: AMQP by
 * librabbitmq (amqp.c), ZMTP by libzmq (zmtp.c). The URL decides which.
 *
 * A bus_t is one connection with one purpose (its role). Calls that wait do so until a deadline of cli_now_ms, and end
 * early with BUS_NOTHING when the program is to stop (cli_stopping). */
#pragma once

#include "base/bytes.h"
#include "cli/cli.h"

/* What the connection is for. */
typedef enum bus_role {
    BUS_PUBLISH,   /* bus_publish, bus_flush */
    BUS_SUBSCRIBE, /* bus_receive: a message each */
    BUS_ASK,       /* bus_publish one event, bus_receive its report */
    BUS_HANDLE,    /* bus_receive an event, bus_answer it */
} bus_role_t;

typedef enum bus_code {
    BUS_OK,
    BUS_NOTHING, /* until the deadline, or until the program was told to stop */
    BUS_LOST,    /* no connection, or none any more: may go well another time */
    BUS_REFUSED, /* the broker does not want it: trying again is useless */
} bus_code_t;

/* ---- options.c: what the verb was told ---- */

#define BUS_ID_BYTES_MOST 200

typedef struct bus_list {
    const char **items;
    size_t count, capacity;
} bus_list_t;

typedef struct bus_options {
    bus_role_t role;
    const char *url;
    const char *exchange;
    const char *file;
    const char *id;
    const char *sync;
    const char *group;
    const char *fail;
    const char *server_key; /* CURVE: the broker's, as Z85 */
    const char *key;        /* and the file with our own key pair */
    bus_list_t patterns;
    bus_list_t words; /* what is no option: topics, prefixes, bodies */
    char **command;   /* what stands behind --; ends with NULL. NULL: nothing */
    uint64_t count;   /* 0: not given */
    uint64_t timeout_ms, delay_ms;
    bool timeout_given;
    bool json, lines, persistent, mandatory, echo;
} bus_options_t;

/* From the words behind the verb; CLI_DONE, or another code with everything said. bus_options_free in both cases. */
int bus_options_parse(bus_options_t *o, bus_role_t role, int argc, char **argv);
void bus_options_free(bus_options_t *o);

/* True if the URL is not one of ZMTP. */
bool bus_is_amqp(const bus_options_t *o);

/* The part of --help that is the same for all four verbs. */
#define BUS_HELP_URL                                                                                         \
    "  --url URL          amqp://USER:PASSWORD@HOST:PORT/VHOST, or tcp://HOST:PORT, a ZMTP port of the "     \
    "bus\n"                                                                                                  \
    "                     (amqp://guest:guest@localhost:5672/%2f); tcp://USER:PASSWORD@HOST:PORT where it "  \
    "asks\n"                                                                                                 \
    "                     who you are\n"                                                                     \
    "  --server-key KEY   the public key of a ZMTP port with CURVE\n"                                        \
    "  --key FILE         your own key pair for it (chaski curve make), if it knows its clients\n"           \
    "  --exchange NAME    (amq.events); AMQP only: a ZMTP port has its own\n"

/* ---- message.c: what came ---- */

/* Its parts: the topic, then the frames of the body: one on AMQP, any number on ZMTP. Reused from call to call. */
typedef struct bus_message {
    buffer_t octets; /* of all parts, end to end */
    size_t *ends;    /* of each part, in `octets` */
    size_t count, capacity;
    bool whole;                   /* the body begins with the topic: a ZMTP message of one frame */
    char seq[24];                 /* of an event; "": unknown */
    int64_t view, delivery_count; /* -1: unknown */
    /* Where its answer goes: ZMTP: the envelope. AMQP: reply-to ("" if nobody asks), correlation-id, delivery tag. */
    buffer_t answer_to, correlation;
    uint64_t delivery_tag;
} bus_message_t;

void bus_message_clear(bus_message_t *m);
void bus_message_free(bus_message_t *m);
void bus_message_add(bus_message_t *m, bytes_t part);

bytes_t bus_message_topic(const bus_message_t *m);
/* Its frames, joined. */
bytes_t bus_message_body(const bus_message_t *m);

/* Adds `name` to `object`: text; where it is not UTF-8, `name`64 with its Base64. */
void bus_json_octets(json_t *object, const char *name, bytes_t octets);

/* {"topic", "body" (several frames: an array), "seq", "view", "delivery_count"}, what is known of them. */
json_t *bus_message_json(const bus_message_t *m);

/* "topic body", without the end of the line. */
void bus_message_print(const bus_message_t *m);

/* ---- bus.c ---- */

typedef struct bus bus_t;

/* NULL, with the reason: the URL, or an option that its wire does not have. `o` must outlive it. */
bus_t *bus_new(const bus_options_t *o, error_t *err);
void bus_free(bus_t **b);

/* Connects and does what the role needs; until then, and after BUS_LOST, nothing else may be called. A second time: anew. */
bus_code_t bus_open(bus_t *b, error_t *err);

/* The same until it goes well, after BUS_LOST: waits longer from try to try and says so once. BUS_NOTHING: to stop. */
bus_code_t bus_reopen(bus_t *b, const error_t *why, error_t *err);

/* Hands a message or an event to the wire; waits while too many are unconfirmed or it takes no more. */
bus_code_t bus_publish(bus_t *b, bytes_t topic, bytes_t body, uint64_t deadline_ms, error_t *err);

/* What became of all that was published. */
typedef struct bus_counts {
    uint64_t published, confirmed, refused, returned;
} bus_counts_t;

/* Until everything was taken over by the broker (AMQP: confirmed or refused; ZMTP: sent). Nothing can be published after. */
bus_code_t bus_flush(bus_t *b, uint64_t deadline_ms, error_t *err);
bus_counts_t bus_counts(const bus_t *b);

bus_code_t bus_receive(bus_t *b, bus_message_t *m, uint64_t deadline_ms, error_t *err);

/* The event was handled, with this result; or `failed`, and why. */
bus_code_t bus_answer(bus_t *b, const bus_message_t *m, bool failed, bytes_t text, error_t *err);

/* To be called a few times a second while something else is waited for: the broker hears that we are there. */
void bus_serve(bus_t *b);

/* All of a verb that has a bus: parses the words behind it, makes the bus, acts, and frees what there is. */
int bus_run(bus_role_t role, int argc, char **argv, int (*act)(bus_t *b, const bus_options_t *o));

/* ---- input.c: what is to be published ---- */

/* The body that the words or --file name, empty if none does; CLI_DONE, or another code with everything said.
 * buffer_free in both cases. */
int bus_read_body(const bus_options_t *o, buffer_t *out);

/* --file, or standard input, line by line. */
typedef struct bus_input {
    int fd;
    const char *name;
    buffer_t octets; /* read */
    size_t taken;    /* of them: lines given away */
    bool ended;
} bus_input_t;

/* CLI_DONE, or another code with everything said; bus_input_close in both cases. */
int bus_input_open(const bus_options_t *o, bus_input_t *in);
void bus_input_close(bus_input_t *in);

/* The next line, without its end, valid until the next call; the bus is served meanwhile. BUS_NOTHING: there is none. */
bus_code_t bus_next_line(bus_input_t *in, bus_t *b, bytes_t *line, error_t *err);

/* ---- stop.c ---- */

/* From now on SIGINT and SIGTERM make cli_stopping true; what is under way is ended in order. SIGPIPE is an error. */
void cli_stop_on_signals(void);
bool cli_stopping(void);

uint64_t cli_now_ms(void);

/* The longest wait without a look at cli_stopping. */
#define CLI_SLICE_MS 100
