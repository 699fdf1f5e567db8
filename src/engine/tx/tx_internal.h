/* SPDX-License-Identifier: Apache-2.0
 *
 * tx_internal.h: what the files of this folder share: what a transaction holds. */
#pragma once

#include "engine/engine_internal.h"
#include "engine/tx/tx.h"

typedef struct tx_publish {
    message_t *message;  /* one reference */
    exchange_t *numbers; /* synchronous, and numbers it when it is applied; held; NULL: none does */
    uint32_t places;     /* of tx.places, behind those of the publishes before it */
    bool mandatory;
    bool answers; /* it is a handler's answer */
    /* It may be one of a message before: windows are asked when it is applied, and BCC is there until then. */
    bool repeats;
    /* One of those is behind an exchange: which places are, is looked for then. */
    bool routes_again;
    /* It is kept for late joiners, who get it by that or as it comes: which subscribers do is looked for then, too; BCC, too. */
    bool is_kept;
} tx_publish_t;

typedef struct tx_ack {
    uint64_t tag; /* of a delivery that is claimed */
    settle_how_t how;
} tx_ack_t;

struct tx {
    tx_publish_t *publishes;
    size_t publish_count, publish_capacity;
    queue_t **places; /* held */
    size_t place_count, place_capacity;
    bool keeps; /* some of them are kept */
    tx_ack_t *acks;
    size_t ack_count, ack_capacity;
    uint64_t claimed_through; /* up to this tag nothing is outstanding that is not claimed */
    uint32_t cause;           /* of the ack whose deliveries are being claimed */
    uint64_t bytes;           /* of the messages, in memory */
    uint32_t
        actions; /* places, messages without a place, acks, windows to ask; and what it takes to find them again */

    /* A commit that has been applied: what is left of the publishes is to be returned. */
    bool applied;
    size_t returned;  /* so many are */
    record_no stored; /* commit-ok waits for it */
};

/* Routes it as if no window knew it. */
void tx_route_whole(channel_t *ch, exchange_t *x, const message_t *m, bytes_t headers);

/* One more place of the last publish. */
void tx_add_place(tx_t *tx, queue_t *q);

/* Forgets all of it: the next transaction is empty. */
void tx_reset(channel_t *ch);

/* True if there is no time left to end it in this step: the command is carried out again in another one. */
bool tx_waits_for_time(channel_t *ch, command_t *cmd);
