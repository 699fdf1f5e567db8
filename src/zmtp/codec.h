/* SPDX-License-Identifier: Apache-2.0
 *
 * codec.h: ZMTP 3.1, 3.0 and 2.0: octets ⇄ plain structs. Pure: no socket, no session, no allocation but the caller's
 * buffer.
 *
 * A connection is a greeting, then frames; a frame is a command or a part of a message; the handshake is made of
 * commands that carry metadata. So are the parts of this file, each with its codec_*.c. The papers are RFC 23 (3.0),
 * RFC 37 (3.1), RFC 15 (2.0) and RFC 24 (PLAIN); where libzmq does otherwise, it is what connects, and is followed.
 *
 * Everywhere: numbers are big-endian; views in decoded structs point into the input and live as long as it; what a
 * peer may send is judged by limits that the caller gives; a writer whose buffer is full sets its `failed`. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

/* ---- what a decoder says ---- */

/* Everything but the first two is a refusal: the connection is closed, and the text goes to the log. There is no wire
 * word for it; a libzmq that is sent an ERROR never comes back, one whose connection was closed does. */
/* clang-format off */
#define ZMTP_REFUSALS(X)                                                              \
    X(NOT_ZMTP,            "neither ZMTP 2.0 nor later")                              \
    X(RESERVED_FLAGS,      "a frame with reserved flags")                             \
    X(COMMAND_WITH_MORE,   "a command with the MORE flag")                            \
    X(COMMAND_IN_2_0,      "a command over ZMTP 2.0, which has none")                 \
    X(SIZE_RESERVED,       "a frame of 2^63 octets or more")                          \
    X(FRAME_TOO_LARGE,     "a frame over the limit")                                  \
    X(COMMAND_TOO_LARGE,   "a command over the limit")                                \
    X(COMMAND_MALFORMED,   "a malformed command")                                     \
    X(METADATA_MALFORMED,  "malformed metadata")                                      \
    X(SOCKET_TYPE_MISSING, "metadata without a socket type")                          \
    X(SOCKET_TYPE_UNKNOWN, "an unknown socket type")                                  \
    X(IDENTITY_MALFORMED,  "an identity over 255 octets or with a leading zero")
/* clang-format on */

typedef enum zmtp_result {
    ZMTP_DECODED,
    ZMTP_INCOMPLETE, /* more octets must come first */
#define X(name, text) ZMTP_REFUSED_##name,
    ZMTP_REFUSALS(X)
#undef X
} zmtp_result_t;

static inline bool zmtp_is_refusal(zmtp_result_t r)
{
    return r > ZMTP_INCOMPLETE;
}

/* "a frame over the limit"; of refusals only. */
const char *zmtp_refusal_text(zmtp_result_t r);

/* ---- socket types (codec_socket.c) ---- */

/*   name, its number in ZMTP 2.0, its legal peers (RFC 37, "The Socket-Type Property"), what we are to such a peer,
 *   whether it may name itself by an Identity. We are to a peer what takes all that it may do: the X form of its
 *   complement; a PAIR has no place in a broker. */
/* clang-format off */
#define ZMTP_PEERS(name) (1u << ZMTP_SOCKET_##name)
#define ZMTP_SOCKET_TYPES(X)                                                                      \
    X(PAIR,   0,  ZMTP_PEERS(PAIR),                                             NONE,   false)    \
    X(PUB,    1,  ZMTP_PEERS(SUB) | ZMTP_PEERS(XSUB),                           XSUB,   false)    \
    X(SUB,    2,  ZMTP_PEERS(PUB) | ZMTP_PEERS(XPUB),                           XPUB,   false)    \
    X(REQ,    3,  ZMTP_PEERS(REP) | ZMTP_PEERS(ROUTER),                         ROUTER, true)     \
    X(REP,    4,  ZMTP_PEERS(REQ) | ZMTP_PEERS(DEALER),                         DEALER, false)    \
    X(DEALER, 5,  ZMTP_PEERS(REP) | ZMTP_PEERS(DEALER) | ZMTP_PEERS(ROUTER),    ROUTER, true)     \
    X(ROUTER, 6,  ZMTP_PEERS(REQ) | ZMTP_PEERS(DEALER) | ZMTP_PEERS(ROUTER),    DEALER, true)     \
    X(PULL,   7,  ZMTP_PEERS(PUSH),                                             PUSH,   false)    \
    X(PUSH,   8,  ZMTP_PEERS(PULL),                                             PULL,   false)    \
    X(XPUB,   9,  ZMTP_PEERS(SUB) | ZMTP_PEERS(XSUB),                           XSUB,   false)    \
    X(XSUB,   10, ZMTP_PEERS(PUB) | ZMTP_PEERS(XPUB),                           XPUB,   false)

/* The numbers are those of ZMTP 2.0. */
typedef enum zmtp_socket_type {
#define X(name, number, peers, answer, identity) ZMTP_SOCKET_##name = number,
    ZMTP_SOCKET_TYPES(X)
#undef X
    ZMTP_SOCKET_NONE, /* none of them */
} zmtp_socket_type_t;
/* clang-format on */

/* By name, case and length exact ("SUB"), or by its number in 2.0; NONE if there is no such type. */
zmtp_socket_type_t zmtp_socket_type_find(bytes_t name);
zmtp_socket_type_t zmtp_socket_type_of_number(uint8_t number);

/* "SUB"; not of NONE. */
const char *zmtp_socket_type_name(zmtp_socket_type_t type);

/* True if a connection between the two is legal. */
bool zmtp_socket_types_match(zmtp_socket_type_t a, zmtp_socket_type_t b);

/* What we are to a peer of this type; NONE: nothing (PAIR, NONE). */
zmtp_socket_type_t zmtp_socket_type_answer(zmtp_socket_type_t peer);

/* True if Identity means something from this type (REQ, DEALER, ROUTER). */
bool zmtp_socket_type_has_identity(zmtp_socket_type_t type);

/* ---- greeting (codec_greeting.c) ---- */

#define ZMTP_SIGNATURE_BYTES    10
#define ZMTP_GREETING_BYTES     64 /* of 3.0 and later */
#define ZMTP_GREETING_2_0_BYTES 12

/* How to talk to a peer: by its version, never above ours. Major 3 with minor 0 is 3.0; every later one gets 3.1. */
typedef enum zmtp_version { ZMTP_VERSION_NONE, ZMTP_2_0, ZMTP_3_0, ZMTP_3_1 } zmtp_version_t;

typedef enum zmtp_mechanism {
    ZMTP_MECHANISM_UNKNOWN,
    ZMTP_MECHANISM_NULL,
    ZMTP_MECHANISM_PLAIN,
    ZMTP_MECHANISM_CURVE
} zmtp_mechanism_t;

/* What is known of a peer by the first octets of its greeting; each stage lets us send one piece of ours. */
typedef enum zmtp_greeting_stage {
    ZMTP_GREETING_AWAITED,   /* nothing: no octet has come */
    ZMTP_GREETING_BEGUN,     /* 1 octet: it is no AMQP client */
    ZMTP_GREETING_SIGNED,    /* 10: it speaks ZMTP 2.0 or later */
    ZMTP_GREETING_VERSIONED, /* 11: which of them */
    ZMTP_GREETING_WHOLE,     /* 64, or the 12 of 2.0: everything */
} zmtp_greeting_stage_t;

typedef struct zmtp_greeting {
    zmtp_greeting_stage_t stage;
    uint8_t major;                  /* from VERSIONED on, as the peer wrote it */
    uint8_t minor;                  /* when whole; 0 of a 2.0 peer */
    zmtp_version_t version;         /* when whole; 2.0 from VERSIONED on */
    zmtp_mechanism_t mechanism;     /* when whole; of a 2.0 peer, which has none, NULL */
    bytes_t mechanism_name;         /* when whole: its octets up to the first zero, for the log */
    zmtp_socket_type_t socket_type; /* when whole, of a 2.0 peer; else NONE */
    size_t bytes;                   /* when whole: frames begin behind so many */
} zmtp_greeting_t;

/* Decodes what has come so far from its first octet on; what is not yet a whole greeting the caller keeps, and gives
 * again with what follows.
 *   returns   DECODED; INCOMPLETE (out->stage says what is known); NOT_ZMTP, as soon as an octet says so; of a 2.0 peer
 *             SOCKET_TYPE_UNKNOWN
 * as-server, padding and filler mean nothing: libzmq's servers send as-server = 0 too. A mechanism that is not ours is
 * the caller's to refuse, after its own greeting is out (RFC 37: who read one whole must send one whole). */
zmtp_result_t zmtp_greeting_decode(bytes_t octets, zmtp_greeting_t *out);

/* Writes the pieces of our greeting that `peer`, just decoded, calls for, and that its stage `answered` did not:
 * BEGUN the signature, SIGNED the major, VERSIONED the rest (nothing to a 2.0 peer). libzmq waits for our 10th octet
 * before it sends its 11th, and for our 11th before the rest; so this never deadlocks, and a 2.0 peer never sees what
 * it would take for something else. Who dials speaks first: it writes the signature and goes on as if it had
 * answered BEGUN. */
void zmtp_greeting_answer(buffer_t *b, zmtp_greeting_stage_t answered, const zmtp_greeting_t *peer,
                          zmtp_mechanism_t ours);

/* The 10 octets of the signature alone. */
void zmtp_write_signature(buffer_t *b);

/* To a 2.0 peer, behind signature and major: our type, and an identity frame, empty. Its own identity frame follows its
 * greeting; zmtp_identity_valid says whether it may be. */
void zmtp_write_greeting_2_0(buffer_t *b, zmtp_socket_type_t ours);

/* ---- frames (codec_frame.c): flags:1 size:1, or 8 if LONG, body ---- */

enum zmtp_flags { ZMTP_MORE = 0x01, ZMTP_LONG = 0x02, ZMTP_COMMAND = 0x04 };

#define ZMTP_FRAME_HEAD_MOST_BYTES 9

typedef struct zmtp_frame_head {
    uint8_t flags;      /* MORE, COMMAND; LONG is not told, any size may be written so */
    uint8_t head_bytes; /* 2 or 9 */
    uint64_t body_bytes;
} zmtp_frame_head_t;

/* What a peer may send. */
typedef struct zmtp_frame_limits {
    uint64_t frame_bytes;   /* body of a message's frame */
    uint64_t command_bytes; /* body of a command; 0: none may come (a 2.0 peer) */
    uint64_t whole_bytes;   /* a message's frame up to this comes in one piece, as every command does */
    uint64_t piece_bytes;   /* a piece of a longer one has no more octets; 0: as many as are at hand */
} zmtp_frame_limits_t;

/* Decodes a head at the beginning of `in`, which may go on behind it.
 *   returns   DECODED; INCOMPLETE; or why it is refused, as soon as that is known, whatever of the body is there:
 *             RESERVED_FLAGS (libzmq ignores them; nobody sends them), COMMAND_WITH_MORE, COMMAND_IN_2_0,
 *             SIZE_RESERVED, FRAME_TOO_LARGE, COMMAND_TOO_LARGE */
zmtp_result_t zmtp_frame_head_decode(bytes_t in, const zmtp_frame_limits_t *limits, zmtp_frame_head_t *out);

/* Where in a stream of frames a connection is. The caller sets `limits`, the rest begins as zeros; they may be changed
 * at any time, and hold from the next piece on. Nothing to free. */
typedef struct zmtp_frame_reader {
    zmtp_frame_limits_t limits;
    zmtp_frame_head_t head; /* of the frame that is being read */
    uint64_t left_bytes;    /* of its body; 0: a head comes next */
} zmtp_frame_reader_t;

/* A whole frame (first and last), or some octets of one, in order. Only an empty frame has an empty piece. */
typedef struct zmtp_piece {
    uint8_t flags;        /* of the frame: MORE, COMMAND */
    bool first, last;     /* of its pieces */
    uint64_t frame_bytes; /* the whole body */
    bytes_t octets;
} zmtp_piece_t;

/* Takes the next piece from `in`.
 *   returns   DECODED; INCOMPLETE: nothing was taken, the caller keeps the rest of `in` (never more than a head and
 *             whole_bytes or command_bytes) and gives it again in front of what follows; or a refusal as above,
 *             nothing taken: what follows cannot be read any more */
zmtp_result_t zmtp_frame_read(zmtp_frame_reader_t *r, bytes_reader_t *in, zmtp_piece_t *out);

static inline size_t zmtp_frame_head_bytes(uint64_t body_bytes)
{
    return body_bytes > UINT8_MAX ? ZMTP_FRAME_HEAD_MOST_BYTES : 2;
}

/* Writes a head at a place that has room for it and returns the next place. flags: MORE or COMMAND or neither; LONG is
 * set for bodies over 255 octets only. body_bytes < 2^63. */
uint8_t *zmtp_put_frame_head(uint8_t *at, uint8_t flags, uint64_t body_bytes);

/* The same into a buffer; the body is written or lent by the caller. */
void zmtp_write_frame_head(buffer_t *b, uint8_t flags, uint64_t body_bytes);

/* A whole frame of a message, or nothing. The octets are the same for 2.0, 3.0 and 3.1 (NULL and PLAIN). */
void zmtp_write_frame(buffer_t *b, bytes_t body, bool more);

/* ---- commands (codec_command.c): name-length:1 name data ---- */

/* clang-format off */
#define ZMTP_COMMANDS(X)                                                                  \
    X(READY) X(ERROR)                              /* NULL; PLAIN and CURVE too */        \
    X(HELLO) X(WELCOME) X(INITIATE)                /* PLAIN, CURVE */                     \
    X(MESSAGE)                                     /* CURVE */                            \
    X(SUBSCRIBE) X(CANCEL) X(PING) X(PONG)         /* 3.1 */
/* clang-format on */

typedef enum zmtp_command_id {
    ZMTP_COMMAND_UNKNOWN, /* before READY: close; after it: skip, as libzmq does */
#define X(name) ZMTP_COMMAND_##name,
    ZMTP_COMMANDS(X)
#undef X
} zmtp_command_id_t;

typedef struct zmtp_command {
    zmtp_command_id_t id;
    bytes_t name; /* of unknown ones too */
    bytes_t data;
} zmtp_command_t;

/* "READY"; not of UNKNOWN. */
const char *zmtp_command_name(zmtp_command_id_t id);

/* Splits a command's body; COMMAND_MALFORMED if its name is not whole. Case and length of names count. */
zmtp_result_t zmtp_command_decode(bytes_t body, zmtp_command_t *out);

/* A frame head and a name, with room behind them for data_bytes that the caller writes next; or nothing. */
void zmtp_write_command_head(buffer_t *b, zmtp_command_id_t id, size_t data_bytes);

/* A whole command frame, or nothing. */
void zmtp_write_command(buffer_t *b, zmtp_command_id_t id, bytes_t data);

/* SUBSCRIBE (true) or CANCEL of a prefix. */
typedef struct zmtp_subscription {
    bool subscribe;
    bytes_t prefix; /* as long as the frame: the caller has a limit */
} zmtp_subscription_t;

/* From a command (3.1), or from the only frame of a message: 01 prefix, 00 prefix (3.0, 2.0). Both forms may come from
 * a peer of any version: what the application of an XSUB writes as a message libzmq sends on unchanged. False if it is
 * neither. */
bool zmtp_subscription_of_command(const zmtp_command_t *command, zmtp_subscription_t *out);
bool zmtp_subscription_of_message(bytes_t frame, zmtp_subscription_t *out);

/* In the form that a peer of this version understands. */
void zmtp_write_subscription(buffer_t *b, zmtp_version_t peer, const zmtp_subscription_t *s);

#define ZMTP_PING_CONTEXT_MOST_BYTES 16

typedef struct zmtp_ping {
    uint16_t ttl_tenths; /* of a second; 0: none. Without traffic for so long the connection is dead. */
    bytes_t context;     /* to be echoed: at most 16 octets, what is longer is cut as libzmq cuts it */
} zmtp_ping_t;

/* The data of PING; COMMAND_MALFORMED without a whole ttl. The data of PONG is the context alone. */
zmtp_result_t zmtp_ping_decode(bytes_t data, zmtp_ping_t *out);

/* Never to a peer before 3.1. The context has at most 16 octets. */
void zmtp_write_ping(buffer_t *b, const zmtp_ping_t *ping);
void zmtp_write_pong(buffer_t *b, bytes_t context);

/* The data of ERROR: reason-length:1 reason; COMMAND_MALFORMED if that is not whole (octets behind it mean nothing). */
zmtp_result_t zmtp_error_decode(bytes_t data, bytes_t *reason);

/* In a handshake only. Reason: at most 255 octets; libzmq reports "300", "400" and "500" as failed authentication. */
void zmtp_write_error(buffer_t *b, bytes_t reason);

/* ---- metadata (codec_metadata.c): name-length:1 name value-length:4 value, and so on ---- */

#define ZMTP_SOCKET_TYPE_PROPERTY BYTES("Socket-Type")
#define ZMTP_IDENTITY_PROPERTY    BYTES("Identity")
#define ZMTP_IDENTITY_MOST_BYTES  255

typedef struct zmtp_property {
    bytes_t name;  /* 1..255 octets, case without meaning */
    bytes_t value; /* 0..2^31-1 */
} zmtp_property_t;

/* The next property; false at the end, and where one is malformed: then the reader has failed. */
bool zmtp_property_next(bytes_reader_t *r, zmtp_property_t *out);

/* True if all of it is properties, none or more. */
bool zmtp_metadata_valid(bytes_t metadata);

/* The value of the first property of that name, whatever its case; false if there is none before the end or before one
 * that is malformed. */
bool zmtp_metadata_find(bytes_t metadata, bytes_t name, bytes_t *value);

void zmtp_write_property(buffer_t *b, const zmtp_property_t *property);

/* What metadata says of a socket. */
typedef struct zmtp_socket {
    zmtp_socket_type_t type;
    bytes_t identity; /* "": it has no name */
} zmtp_socket_t;

/* True for 0..255 octets that do not begin with 0 (RFC 37: those are an implementation's own). */
bool zmtp_identity_valid(bytes_t identity);

/* The data of READY or INITIATE. Other properties are skipped, and an Identity too if the type cannot name itself.
 *   returns   DECODED, METADATA_MALFORMED, SOCKET_TYPE_MISSING (libzmq would take it), SOCKET_TYPE_UNKNOWN,
 *             IDENTITY_MALFORMED */
zmtp_result_t zmtp_socket_decode(bytes_t metadata, zmtp_socket_t *out);

/* Metadata alone, for a mechanism that encrypts it; Identity only if there is one. */
size_t zmtp_socket_bytes(const zmtp_socket_t *s);
void zmtp_write_socket(buffer_t *b, const zmtp_socket_t *s);

/* Whole command frames that carry it. */
void zmtp_write_ready(buffer_t *b, const zmtp_socket_t *ours);
void zmtp_write_initiate(buffer_t *b, const zmtp_socket_t *ours);

/* ---- PLAIN (codec_plain.c): HELLO →, ← WELCOME or ERROR, INITIATE →, ← READY ---- */

typedef struct zmtp_plain_hello {
    bytes_t username; /* 0..255 octets */
    bytes_t password; /* 0..255 octets */
} zmtp_plain_hello_t;

/* The data of HELLO and of WELCOME; COMMAND_MALFORMED if an octet is missing or left over. */
zmtp_result_t zmtp_plain_hello_decode(bytes_t data, zmtp_plain_hello_t *out);
zmtp_result_t zmtp_plain_welcome_decode(bytes_t data);

void zmtp_write_plain_hello(buffer_t *b, const zmtp_plain_hello_t *hello);
void zmtp_write_plain_welcome(buffer_t *b);
