/* SPDX-License-Identifier: Apache-2.0
 *
 * notes.h: makes the end of a process as good as a power cut, for a program that was started with LD_PRELOAD.
 *
 * The kernel keeps what a killed process wrote, so what a power cut could take is noted here: before octets of a file are
 * changed the old ones are saved; a sync that succeeds forgets what was complete when it began. Likewise changes of names
 * until the folder is synced. A file that loses its name gets another one here. power.py makes a cut of it.
 *
 *     $POWERCUT_DATA     the folder that is looked after (no folders in it), an absolute path
 *     $POWERCUT_STATE    a folder that is there, on the same file system:
 *         undo.INODE     the journal of a file        names          that of the folder
 *         file.INODE     a file that has lost a name  lies           while it is there, syncs succeed and count as nothing
 *         end            "names N": it ends with the Nth change of names; "syncs N": before the Nth sync; both counted
 *                        while the file is there
 *     $POWERCUT_SYNC_US  so many microseconds each sync takes longer, so that there is more to lose
 *
 * A journal has entries, of numbers of 8 octets as the machine writes them, then octets:
 *
 *     kind       1 octets (before the change)   2 name (after it)                    3 synced
 *     a          where the change begins        inode                                entries before this place are
 *     b          size of the file before        inode that had the new name, or 0
 *     c          octets that it changes
 *     saved      how many octets follow: the old ones as far as the file went; or the old and the new name, a NUL behind
 *                each, an empty one of a file that is made or removed
 *
 * A call that changes the folder in a way that is not known here ends the process: nothing is to escape. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Ends the process, naming `what`. */
void end_if(bool is_wrong, const char *what);

/* The last part of the path of a file in the folder; NULL: it is elsewhere. */
const char *name_in_folder(int at, const char *path);

/* Whether this is a file of the folder, known from the moment it was opened. */
bool notes_know(int fd);

/* Before octets change; false: of a file that is elsewhere. Else notes_end_change follows, and nobody writes to the file
 * between the two. */
bool notes_begin_change(int fd, off_t offset, size_t len);
void notes_end_change(int fd); /* keeps errno */

/* What a sync that begins now makes sure, as a place in a journal; -1: nothing of ours. */
off_t notes_begin_sync(int fd);
/* It has succeeded. */
void notes_end_sync(int fd, off_t up_to);

/* The folder and what is noted of it change between these two, so that the notes have the order in which it happened. */
void notes_lock(void);
void notes_unlock(void); /* keeps errno */

void notes_open(ino_t inode);
/* A file is about to lose this name, and may be wanted back. */
void notes_keep(int at, const char *path, ino_t inode);
/* A name has changed: made if `from` is empty, removed if `to` is. `victim` had the new name before; 0: none. */
void notes_name(const char *from, const char *to, ino_t inode, ino_t victim);
