/* SPDX-License-Identifier: Apache-2.0
 *
 * bugs.h: bugs that can be planted, to see that the simulator notices. One at a time. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

typedef enum bug {
    BUG_NONE,
    BUG_SKIPPED_SYNC,
    BUG_SKIPPED_DIRECTORY_SYNC,
    BUG_EARLY_CONFIRM,
    BUG_DROPPED_LAST_RECORD,
    BUG_STALE_FRAMES,
    BUG_EARLY_REDECLARE,
    BUG_EARLY_DELETE_OK,
    BUG_LOST_SETTLE,
    BUG_MARK_NOT_WAITED_FOR,
    BUG_MARK_NOT_EXACT,
    BUG_TAIL_NOT_SYNCED,
    BUG_RECYCLED_EARLY,
    BUGS
} bug_t;

const char *bug_name(bug_t bug);

/* False: there is no bug of that name. */
bool bug_plant(const char *name);
bool bug_is(bug_t bug);

/* While the log is being opened. */
void bug_note_opening(bool is_opening);
