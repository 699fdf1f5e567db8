/* SPDX-License-Identifier: Apache-2.0
 *
 * fifo.h: the order of a queue: a paged deque of entries, each at a position that never changes.
 *
 * An entry keeps its slot while it is out (delivered, not acked), so going back to its original place is a
 * change of state. Pages live in a directory by position; each directory slot counts its ready entries, so
 * that looking for the next one skips pages in a contiguous array. Purging empties those counts and raises
 * the epoch: entries that were ready before are dead and are swept up later, in slices; entries that were out
 * come back with the new epoch.
 *
 * An entry is hot (it owns a reference to a message in memory) or cold (it knows the number of the record that has
 * it). One whose message is in the log for this queue is stored: it is there after a crash. One that is not, but whose message
 * was written to the log all the same to free its memory, is spilled. Only those two can be cold.
 *
 * A page of which all entries are ready and cold can be packed (spans.h): a deep queue takes an octet or two an entry. It is
 * unpacked when one of its entries is looked at. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "model/message.h"
#include "model/record.h"

typedef struct fifo_page fifo_page_t;
typedef struct packed_page packed_page_t;

/* Pages that were used and are for the next fifo that needs one: traffic through a short queue needs one, and gives one
 * back, every few messages. Shared by all fifos of an engine. */
typedef struct fifo_pages {
    fifo_page_t *spare[64];
    size_t count;
    uint32_t page_entries; /* a power of two */
    buffer_t spans;        /* of a page that is being packed */
} fifo_pages_t;

/* Frees them. */
void fifo_pages_deinit(fifo_pages_t *p);

typedef struct fifo_slot {
    union {
        fifo_page_t *page; /* NULL: nothing left in it */
        packed_page_t *packed;
    };
    uint64_t number;       /* of the page */
    uint32_t ready;        /* entries that can be taken */
    uint32_t present : 31; /* entries not gone: ready, out, or dead and not yet swept */
    uint32_t is_packed : 1;
} fifo_slot_t;

typedef struct fifo {
    fifo_pages_t *pages;
    fifo_slot_t **blocks; /* circular; of slots, by rising page number (fifo_directory.c) */
    size_t blocks_capacity, blocks_head, block_count;
    size_t slots_length;
    size_t slots_emptied; /* since they were last compacted */
    uint64_t tail;        /* the next position */
    uint64_t cursor;      /* no entry below it is ready */
    uint64_t ready, out;
    uint64_t purged_below; /* entries below, ready in an older epoch, are dead */
    uint64_t swept_below;  /* sweeping has come so far */
    uint32_t epoch;
    uint32_t page_entries; /* 1 << page_bits */
    uint8_t page_bits;
    uint8_t slots_head;  /* in the first block */
    uint8_t only_places; /* of the first block, while it is the only one */
} fifo_t;

/* What is known of one entry. */
typedef struct fifo_item {
    uint64_t position;
    message_t *message; /* NULL: cold */
    record_no record;   /* of a stored or spilled one; else 0 */
    bool stored, redelivered, out;
    uint16_t returns; /* how often it was given back; at most 65535 */
} fifo_item_t;

void fifo_init(fifo_t *f, fifo_pages_t *pages);

/* Frees pages and directory; entries must have been drained. */
void fifo_deinit(fifo_t *f);

/* Puts `m` last; the caller's reference passes to the fifo. `stored`: m->record has it for this queue. Returns the
 * position. */
uint64_t fifo_append(fifo_t *f, message_t *m, bool stored);

/* Puts a stored, cold entry at a position ≥ tail; false if it is below, where there is nothing new. */
bool fifo_place(fifo_t *f, uint64_t position, record_no record);

/* No position below `position` is given any more. */
void fifo_skip(fifo_t *f, uint64_t position);

/* The first ready entry; it stays. False if there is none. */
bool fifo_first(fifo_t *f, fifo_item_t *item);

/* The first ready entry goes out. False if there is none. The fifo keeps its reference. */
bool fifo_take(fifo_t *f, fifo_item_t *item);

/* Takes the first ready entry out for good: fifo_take and fifo_remove in one. False if there is none. */
bool fifo_shift(fifo_t *f, fifo_item_t *item);

/* An entry that is out becomes ready again, at its place, redelivered, given back once more. */
fifo_item_t fifo_return(fifo_t *f, uint64_t position);

/* An entry that is out goes for good; its reference passes to the caller. */
fifo_item_t fifo_remove(fifo_t *f, uint64_t position);

/* An entry that is ready goes for good, wherever it is; false if nothing ready is there. */
bool fifo_pull(fifo_t *f, uint64_t position, fifo_item_t *item);

/* The first entry at `from` or behind it, below `end`, that is ready or out: looks at no more than *budget entries (counted
 * down, what is found too). False: none, or the budget is used up; *from is where to go on. */
bool fifo_next(fifo_t *f, uint64_t *from, uint64_t end, uint32_t *budget, fifo_item_t *item);

/* A cold entry, ready, becomes hot; the caller's reference passes to the fifo. False, and nothing passes, if there is
 * no such entry with this record any more. */
bool fifo_warm(fifo_t *f, uint64_t position, message_t *m);

/* The message of a hot entry that is not stored is in the log now. */
void fifo_spill(fifo_t *f, uint64_t position);

/* A hot stored or spilled entry, ready or out, becomes cold; its reference passes to the caller. */
message_t *fifo_chill(fifo_t *f, uint64_t position);

/* Everything ready is gone from now on; returns how many. Sweep afterwards. */
uint64_t fifo_purge(fifo_t *f);

/* Writes ranges (first position, count), as pairs of varints, of all below *from and of what is out or ready from there to
 * below `end`; looks at no more than *pages pages, at least one (counted down). *from: where to go on; `end` if that was
 * all. Returns their number. */
uint32_t fifo_spared_ranges(fifo_t *f, uint64_t *from, uint64_t end, uint32_t *pages, buffer_t *ranges);

/* True if dead entries are to be swept. */
bool fifo_needs_sweep(const fifo_t *f);

/* Sweeps the next dead entry, looking at no more than *budget entries (counted down); its reference passes to
 * the caller. False: budget used up or nothing left. */
bool fifo_sweep(fifo_t *f, uint32_t *budget, fifo_item_t *item);

/* Takes any entry out, whatever its state (the queue is deleted). False: empty. *budget as above. */
bool fifo_drain(fifo_t *f, uint32_t *budget, fifo_item_t *item);

/* ---- as spans (fifo_pages.c) ---- */

/* Writes what is durable of the page at `*from` or the first one behind it, and of those that follow, `most` positions in
 * all at most, and packs what can be packed. *first: of the row; *from: where to go on. False: there is nothing any more. */
bool fifo_write(fifo_t *f, uint64_t *from, uint64_t most, buffer_t *out, uint64_t *first);

/* The position behind such a row, which begins at `first`. */
uint64_t fifo_row_end(uint64_t first, bytes_t octets);

/* While the log is applied: what fifo_write said is there, below the tail. False: the octets are no spans. */
bool fifo_restore(fifo_t *f, uint64_t first, bytes_t octets);
/* This one, if it is there, was given back so often. */
void fifo_set_returns(fifo_t *f, uint64_t position, uint16_t returns);

/* Every row of records that entries have, in the order of the queue; packs what can be packed. */
typedef void fifo_records_t(void *context, record_no first, uint64_t count);
void fifo_each_record(fifo_t *f, fifo_records_t *each, void *context);
