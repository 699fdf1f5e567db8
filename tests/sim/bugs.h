/* SPDX-License-Identifier: Apache-2.0
 *
 * bugs.h: bugs that can be planted, to see that the simulator notices. One at a time. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

typedef enum bug {
    BUG_NONE,
    BUG_SKIPPED_SYNC,           /* the disk says that it synced a file, and did not */
    BUG_SKIPPED_DIRECTORY_SYNC, /* the same of the directory */
    BUG_EARLY_CONFIRM,          /* a confirm does not wait until the message is durable */
    BUG_EARLY_OK,               /* nor does the answer to a definition of an exchange or a binding */
    BUG_EARLY_REDECLARE, /* nor that to the declaration of a queue that is there, and may not be durable */
    BUG_EARLY_DELETE_OK, /* nor those to purge and delete of queues */
    BUG_DROPPED_LAST_RECORD,  /* the last record of a synced batch is left out when the log is opened */
    BUG_LOST_SETTLE,          /* acks make no records */
    BUG_LOST_AUTO_ACK,        /* nor deliveries to those who do not ack */
    BUG_MARK_NOT_WAITED_FOR,  /* a message is delivered before it is durable that it may have been */
    BUG_MARK_NOT_EXACT,       /* a clean stop does not say what was delivered */
    BUG_TAIL_NOT_SYNCED,      /* an opening does not sync what it found unsynced */
    BUG_TORN_CONTENT,         /* content passes that is not what was written */
    BUG_STALE_FRAMES,         /* frames of a segment's earlier use pass for new ones */
    BUG_RECYCLED_EARLY,       /* segments go while messages in them are still needed */
    BUG_EARLY_COMMIT_OK,      /* the answer to tx.commit does not wait until the transaction is durable */
    BUG_HALF_TRANSACTION,     /* each record of a transaction is a batch of its own */
    BUG_FORGOTTEN_SESSION,    /* a session that stopped because the port had no room never goes on */
    BUG_RENAMED_BEFORE_SYNC,  /* the copy of a segment takes its place before it is synced */
    BUG_CHECKPOINT_AHEAD,     /* the log says that it need be read from the end of a checkpoint only */
    BUG_REWRITE_LOSES_RECORD, /* a rewritten segment lacks a record that is live */
    BUG_FORGOTTEN_PUBLISHER,  /* after an opening nobody knows what publishers had numbered */
    BUG_EARLY_REPEAT_CONFIRM, /* the confirm of a repeat does not wait until the first one is durable */
    BUG_LOST_PURGE_SLICE,     /* of a purge in slices only the first is said */
    BUGS
} bug_t;

const char *bug_name(bug_t bug);

/* False: there is no bug of that name. */
bool bug_plant(const char *name);
bool bug_is(bug_t bug);

/* While the log is being opened. */
void bug_note_opening(bool is_opening);
