/* SPDX-License-Identifier: Apache-2.0
 *
 * tx.h: transactions: what a channel publishes and acks after tx.select is gathered, and applied by tx.commit, all of it in
 * one step and in one batch of records; or forgotten by tx.rollback, or with the channel.
 *
 * A publish is routed when it comes, and holds the queues that it goes to; an ack claims a delivery, which stays
 * outstanding (and counts for prefetch) until the commit. So nothing can be seen of a transaction before, nothing of it
 * is in the log, and a rollback has little to do.
 *
 * gather.c   what a transaction is told, and how much it may be
 * tx.c       how it begins, is rolled back, ends
 * commit.c   how it is applied */
#pragma once

#include "base/list.h"
#include "engine/durable/durable_internal.h"
#include "engine/sync/sync.h"
#include "model/command.h"

typedef struct tx tx_t; /* of a channel that is transactional */

/* ---- gather.c ---- */

/* A publish to this exchange, which may be published: as on_publish has it. */
void tx_publish(channel_t *ch, command_t *cmd, exchange_t *x, bool again, bytes_t headers);

/* The same of a handler's answer; false if it is none. */
bool tx_answer(channel_t *ch, command_t *cmd);

/* An ack that is valid (settle_is_valid). Its publishes are not held back for want of memory from now on. */
void tx_settle(channel_t *ch, const command_t *cmd, settle_how_t how);

/* ---- tx.c ---- */

/* True if something was told since the last end. */
bool tx_is_begun(const channel_t *ch);

/* True if its commit would publish something: more than handlers' answers, and not yet. */
bool tx_will_publish(const channel_t *ch);

/* Lets go one thing of what was told; false if there is none. What it claimed is outstanding again. */
bool tx_drop_one(channel_t *ch);

/* The channel, of which all was dropped, is not transactional any more. */
void tx_free(channel_t *ch);

/* The step: transactions that wait to end do, as long as there is time. */
void tx_run(engine_t *e);
