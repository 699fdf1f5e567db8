/* SPDX-License-Identifier: Apache-2.0
 *
 * loan_internal.h: messages: where they are counted and die (loan.c), how they are lent and copied. */
#pragma once

#include "engine/durable/durable_internal.h"
#include "model/command.h"
#include "model/event.h"
#include "model/message.h"

/* The engine takes a message that a publish brought, with one reference for the caller. */
void message_adopt(engine_t *e, message_t *m);
void message_ref(message_t *m);
void message_unref(engine_t *e, message_t *m);
/* One was read from the log, where it is by this record: the same. */
void message_adopt_read(engine_t *e, message_t *m, record_no record);

/* ---- copies (message_copy.c) ---- */

/* One without this header; references 0. */
message_t *message_without_header(const message_t *m, const char *name);
/* One with this header, a number, in place of any of that name; with one reference for the caller. */
message_t *message_with_count(engine_t *e, const message_t *m, const char *name, int64_t count);
/* The same message, or a copy in its place if it has this header; the caller's reference passes to that. */
message_t *message_drop_header(engine_t *e, message_t *m, const char *name);

/* ---- loans (loan.c) ---- */

/* Sends an event; one with a message lends it: `m`'s reference passes to the loan. */
void emit(connection_t *c, event_t *ev);
void emit_channel(channel_t *ch, event_t *ev);
/* The -ok without data, unless NOWAIT. */
void emit_ok(channel_t *ch, const command_t *cmd);
void loans_return(connection_t *c, uint64_t through);
