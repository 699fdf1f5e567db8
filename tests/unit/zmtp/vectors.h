/* SPDX-License-Identifier: Apache-2.0
 *
 * vectors.h: what libzmq 4.3.4 and JeroMQ 0.3.6 sent, and what they took from a peer written by hand. Hex as
 * test_codec.h reads it. */
#pragma once

#include "zmtp/codec.h"

/* ---- greetings ---- */

#define ZEROS_32       " 00*32"
#define NULL_20        " 4e554c4c 00*16"
#define PLAIN_20       " 504c41494e 00*15"
#define GREETING_NULL  "ff 00*7 01 7f 03 01" NULL_20 ZEROS_32
#define GREETING_BOB   "ff 00*7 04 7f 03 01" NULL_20 ZEROS_32
#define GREETING_PLAIN "ff 00*7 01 7f 03 01" PLAIN_20 ZEROS_32
#define GREETING_CURVE "ff 00*7 01 7f 03 01 4355525645 00*15" ZEROS_32
#define GREETING_SUB_2 "ff 00*7 01 7f 01 02" /* ZMTP 2.0 */
#define GREETING_REQ_2 "ff 00*7 04 7f 01 03"

/* ---- frames ---- */

typedef struct frame_vector {
    uint8_t flags; /* ZMTP_MORE, ZMTP_COMMAND */
    const char *body;
} frame_vector_t;

typedef struct vector {
    const char *name;
    const char *wire;
    frame_vector_t frames[5]; /* to the first without a body */
} vector_t;

#define FRAMES_OF_VECTOR 5

static const vector_t vectors[] = {
    /* subscriptions, from a SUB; from an XSUB whose application writes them */
    {"subscribe all", "04 0a 09 535542534352494245", {{ZMTP_COMMAND, "09535542534352494245"}}},
    {"subscribe all 3.0", "00 01 01", {{0, "01"}}},
    {"subscribe orders.",
     "04 11 09 535542534352494245 6f72646572732e",
     {{ZMTP_COMMAND, "095355425343524942456f72646572732e"}}},
    {"subscribe orders. 3.0", "00 08 01 6f72646572732e", {{0, "016f72646572732e"}}},
    {"cancel orders.",
     "04 0e 06 43414e43454c 6f72646572732e",
     {{ZMTP_COMMAND, "0643414e43454c6f72646572732e"}}},
    {"cancel orders. 3.0", "00 08 00 6f72646572732e", {{0, "006f72646572732e"}}},
    {"subscribe 260 times x",
     "06 000000000000010e 09 535542534352494245 78*260",
     {{ZMTP_COMMAND, "09535542534352494245 78*260"}}},
    {"subscribe 260 times x 3.0", "02 0000000000000105 01 78*260", {{0, "01 78*260"}}},
    {"upstream of an XSUB",
     "00 03 016576  00 08 757073747265616d  00 03 006576",
     {{0, "016576"}, {0, "757073747265616d"}, {0, "006576"}}},

    /* messages */
    {"event 0", "00 07 6576656e742030", {{0, "6576656e742030"}}},
    {"event, nothing, payload",
     "01 05 6576656e74  01 00  00 07 7061796c6f6164",
     {{ZMTP_MORE, "6576656e74"}, {ZMTP_MORE, ""}, {0, "7061796c6f6164"}}},
    {"256 times a", "02 0000000000000100 61*256", {{0, "61*256"}}},
    {"REQ", "01 00  00 05 68656c6c6f", {{ZMTP_MORE, ""}, {0, "68656c6c6f"}}},
    {"reply to REQ", "01 00  00 05 776f726c64", {{ZMTP_MORE, ""}, {0, "776f726c64"}}},
    {"REQ_CORRELATE",
     "01 04 34c2dcff  01 00  00 02 6869",
     {{ZMTP_MORE, "34c2dcff"}, {ZMTP_MORE, ""}, {0, "6869"}}},
    {"reply of REP",
     "01 04 656e7631  01 04 656e7632  01 00  01 02 616e  00 04 73776572",
     {{ZMTP_MORE, "656e7631"},
      {ZMTP_MORE, "656e7632"},
      {ZMTP_MORE, ""},
      {ZMTP_MORE, "616e"},
      {0, "73776572"}}},
    {"DEALER", "01 01 78  00 00", {{ZMTP_MORE, "78"}, {0, ""}}},
    {"PROBE_ROUTER", "00 00", {{0, ""}}},
    {"PING", "04 07 04 50494e47 001e", {{ZMTP_COMMAND, "0450494e47001e"}}},
    {"PING with context", "04 0a 04 50494e47 000a 637478", {{ZMTP_COMMAND, "0450494e47000a637478"}}},
    {"PONG", "04 08 04 504f4e47 637478", {{ZMTP_COMMAND, "04504f4e47637478"}}},

    /* PLAIN */
    {"HELLO",
     "04 13 05 48454c4c4f 05 61646d696e 06 736563726574",
     {{ZMTP_COMMAND, "0548454c4c4f0561646d696e06736563726574"}}},
    {"WELCOME", "04 08 07 57454c434f4d45", {{ZMTP_COMMAND, "0757454c434f4d45"}}},
    {"ERROR", "04 0a 05 4552524f52 03 343030", {{ZMTP_COMMAND, "054552524f5203343030"}}},

    /* ZMTP 2.0 behind the greetings, and what was answered */
    {"SUB 2.0", "00 00  00 03 016576", {{0, ""}, {0, "016576"}}},
    {"to SUB 2.0", "00 00  00 07 6576656e742031", {{0, ""}, {0, "6576656e742031"}}},
    {"REQ bob 2.0", "00 03 626f62  01 00  00 02 6869", {{0, "626f62"}, {ZMTP_MORE, ""}, {0, "6869"}}},
    {"to REQ bob 2.0", "00 00  01 00  00 02 6f6b", {{0, ""}, {ZMTP_MORE, ""}, {0, "6f6b"}}},
};

#define VECTORS_COUNT (sizeof vectors / sizeof vectors[0])

/* ---- READY and INITIATE ---- */

#define SOCKET_TYPE_NAME "0b 536f636b65742d54797065"
#define IDENTITY_NAME    "08 4964656e74697479"

typedef struct handshake_vector {
    zmtp_command_id_t id;
    const char *wire;
    zmtp_socket_t socket;
    bool has_identity; /* is there, though it may be empty */
} handshake_vector_t;

static const handshake_vector_t handshakes[] = {
    {.id = ZMTP_COMMAND_READY,
     .wire = "04 19 05 5245414459" SOCKET_TYPE_NAME "00000003 535542",
     .socket = {.type = ZMTP_SOCKET_SUB}},
    {.id = ZMTP_COMMAND_READY,
     .wire = "04 19 05 5245414459" SOCKET_TYPE_NAME "00000003 505542",
     .socket = {.type = ZMTP_SOCKET_PUB}},
    {.id = ZMTP_COMMAND_READY,
     .wire = "04 19 05 5245414459" SOCKET_TYPE_NAME "00000003 524550",
     .socket = {.type = ZMTP_SOCKET_REP}},
    {.id = ZMTP_COMMAND_READY,
     .wire = "04 1a 05 5245414459" SOCKET_TYPE_NAME "00000004 50555348",
     .socket = {.type = ZMTP_SOCKET_PUSH}},
    {.id = ZMTP_COMMAND_READY,
     .wire = "04 1a 05 5245414459" SOCKET_TYPE_NAME "00000004 50554c4c",
     .socket = {.type = ZMTP_SOCKET_PULL}},
    {.id = ZMTP_COMMAND_READY,
     .wire = "04 1a 05 5245414459" SOCKET_TYPE_NAME "00000004 58505542",
     .socket = {.type = ZMTP_SOCKET_XPUB}},
    {.id = ZMTP_COMMAND_READY,
     .wire = "04 1a 05 5245414459" SOCKET_TYPE_NAME "00000004 58535542",
     .socket = {.type = ZMTP_SOCKET_XSUB}},
    {.id = ZMTP_COMMAND_READY,
     .wire = "04 26 05 5245414459" SOCKET_TYPE_NAME "00000003 524551" IDENTITY_NAME "00000000",
     .socket = {.type = ZMTP_SOCKET_REQ},
     .has_identity = true},
    {.id = ZMTP_COMMAND_READY,
     .wire = "04 29 05 5245414459" SOCKET_TYPE_NAME "00000006 4445414c4552" IDENTITY_NAME "00000000",
     .socket = {.type = ZMTP_SOCKET_DEALER},
     .has_identity = true},
    {.id = ZMTP_COMMAND_READY,
     .wire = "04 29 05 5245414459" SOCKET_TYPE_NAME "00000006 524f55544552" IDENTITY_NAME "00000000",
     .socket = {.type = ZMTP_SOCKET_ROUTER},
     .has_identity = true},
    {.id = ZMTP_COMMAND_READY,
     .wire = "04 2c 05 5245414459" SOCKET_TYPE_NAME "00000006 4445414c4552" IDENTITY_NAME "00000003 626f62",
     .socket = {.type = ZMTP_SOCKET_DEALER, .identity = BYTES("bob")},
     .has_identity = true},
    {.id = ZMTP_COMMAND_INITIATE,
     .wire = "04 2c 08 494e495449415445" SOCKET_TYPE_NAME "00000006 4445414c4552" IDENTITY_NAME "00000000",
     .socket = {.type = ZMTP_SOCKET_DEALER},
     .has_identity = true},
};

#define HANDSHAKES_COUNT (sizeof handshakes / sizeof handshakes[0])
