/* SPDX-License-Identifier: Apache-2.0
 *
 * command_queue.h: commands that wait in order (command_queue.c). */
#pragma once

#include "model/command.h"

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
