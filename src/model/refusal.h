/* SPDX-License-Identifier: Apache-2.0
 *
 * refusal.h: why a request was refused: the reply codes of AMQP 0-9-1 §1.2, used on every wire. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/*         code, name, hard: ends the connection, not only the channel */
/* clang-format off */
#define REFUSAL_CODES(X)                 \
    X(311, CONTENT_TOO_LARGE, false)     \
    X(312, NO_ROUTE, false)              \
    X(313, NO_CONSUMERS, false)          \
    X(320, CONNECTION_FORCED, true)      \
    X(402, INVALID_PATH, true)           \
    X(403, ACCESS_REFUSED, false)        \
    X(404, NOT_FOUND, false)             \
    X(405, RESOURCE_LOCKED, false)       \
    X(406, PRECONDITION_FAILED, false)   \
    X(501, FRAME_ERROR, true)            \
    X(502, SYNTAX_ERROR, true)           \
    X(503, COMMAND_INVALID, true)        \
    X(504, CHANNEL_ERROR, true)          \
    X(505, UNEXPECTED_FRAME, true)       \
    X(506, RESOURCE_ERROR, true)         \
    X(530, NOT_ALLOWED, true)            \
    X(540, NOT_IMPLEMENTED, true)        \
    X(541, INTERNAL_ERROR, true)
/* clang-format on */

typedef enum refusal_code {
#define X(code, name, hard) REFUSAL_##name = code,
    REFUSAL_CODES(X)
#undef X
} refusal_code_t;

/* "NOT_FOUND" for 404; "UNKNOWN" for a number outside the table. */
const char *refusal_name(uint16_t code);

/* True if the code ends the connection. */
bool refusal_is_hard(uint16_t code);

/* A refusal on its way to the peer. `cause` is what the wire gave with the command (AMQP: class << 16 | method),
 * or 0. `text` lacks the code's name, which the wire puts in front ("NOT_FOUND - …"). */
typedef struct refusal {
    uint16_t code;
    uint32_t cause;
    char text[1024];
} refusal_t;

/* Allocates one; freed by who receives it (mem_free). */
refusal_t *refusal_new(uint16_t code, uint32_t cause, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
