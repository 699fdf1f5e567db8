/* SPDX-License-Identifier: Apache-2.0
 *
 * bugs.c: see bugs.h. */
#include "sim/bugs.h"

#include <string.h>

static const char *const names[BUGS] = {
    [BUG_NONE] = "none",
    [BUG_SKIPPED_SYNC] = "skipped-sync",
    [BUG_SKIPPED_DIRECTORY_SYNC] = "skipped-directory-sync",
    [BUG_EARLY_CONFIRM] = "early-confirm",
    [BUG_DROPPED_LAST_RECORD] = "dropped-last-record",
    [BUG_STALE_FRAMES] = "stale-frames",
    [BUG_EARLY_REDECLARE] = "early-redeclare",
    [BUG_EARLY_DELETE_OK] = "early-delete-ok",
    [BUG_LOST_SETTLE] = "lost-settle",
    [BUG_MARK_NOT_WAITED_FOR] = "mark-not-waited-for",
    [BUG_MARK_NOT_EXACT] = "mark-not-exact",
    [BUG_TAIL_NOT_SYNCED] = "tail-not-synced",
    [BUG_RECYCLED_EARLY] = "recycled-early",
};
static bug_t planted;

const char *bug_name(bug_t bug)
{
    return names[bug];
}

bool bug_plant(const char *name)
{
    for (int i = 0; i < BUGS; i++) {
        if (strcmp(name, names[i]) == 0) {
            planted = (bug_t)i;
            return true;
        }
    }
    return false;
}

bool bug_is(bug_t bug)
{
    return planted == bug;
}

void bug_note_opening(bool is_opening)
{
    (void)is_opening;
}
