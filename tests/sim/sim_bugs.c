/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/sim_bugs.h"

#include <string.h>

#include "engine/engine_internal.h"
#include "store/scan_group.h"

typedef enum bug {
    NONE,
    SKIPPED_SYNC,
    SKIPPED_DIRECTORY_SYNC,
    EARLY_CONFIRM,
    EARLY_ANSWER,
    EARLY_EQUAL_REDECLARE,
    DROPPED_LAST_RECORD,
    STALE_FRAME_ACCEPTED,
    LOST_SETTLE,
    UNMARKED_DELIVERY,
    RECYCLED_TOO_EARLY,
    TORN_CONTENT_ACCEPTED,
    BUGS
} bug_t;

static const char *const names[BUGS] = {
    [NONE] = "",
    [SKIPPED_SYNC] = "skipped-sync",
    [SKIPPED_DIRECTORY_SYNC] = "skipped-directory-sync",
    [EARLY_CONFIRM] = "early-confirm",
    [EARLY_ANSWER] = "early-answer",
    [EARLY_EQUAL_REDECLARE] = "early-equal-redeclare",
    [DROPPED_LAST_RECORD] = "dropped-last-record",
    [STALE_FRAME_ACCEPTED] = "stale-frame-accepted",
    [LOST_SETTLE] = "lost-settle",
    [UNMARKED_DELIVERY] = "unmarked-delivery",
    [RECYCLED_TOO_EARLY] = "recycled-too-early",
    [TORN_CONTENT_ACCEPTED] = "torn-content-accepted",
};

static bug_t
    planted; /* the program's own: what the linker puts in front of functions has no other way to know */

bool sim_bug_plant(const char *name)
{
    for (int i = NONE + 1; i < BUGS; i++)
        if (strcmp(names[i], name) == 0)
            planted = (bug_t)i;
    return planted != NONE;
}

void sim_bug_list(FILE *out)
{
    for (int i = NONE + 1; i < BUGS; i++)
        fprintf(out, "  %s\n", names[i]);
}

void sim_bug_apply(sim_disk_t *disk)
{
    sim_disk_skip_syncs(disk, planted == SKIPPED_SYNC);
    sim_disk_skip_directory_syncs(disk, planted == SKIPPED_DIRECTORY_SYNC);
}

/* ---- in front of the engine's ---- */

void __real_confirm_done(channel_t *ch, record_no record);
void __wrap_confirm_done(channel_t *ch, record_no record);
void __wrap_confirm_done(channel_t *ch, record_no record)
{
    __real_confirm_done(ch, planted == EARLY_CONFIRM ? 0 : record);
}

/* The change that the command at hand has recorded; 0: it found everything as it wants it. */
static record_no defined_now;

record_no __real_records_define(engine_t *e, const record_t *r);
record_no __wrap_records_define(engine_t *e, const record_t *r);
record_no __wrap_records_define(engine_t *e, const record_t *r)
{
    return defined_now = __real_records_define(e, r);
}

void __real_reply_after(channel_t *ch, const event_t *reply, record_no after);
void __wrap_reply_after(channel_t *ch, const event_t *reply, record_no after);
void __wrap_reply_after(channel_t *ch, const event_t *reply, record_no after)
{
    bool is_equal = reply->type == EVENT_QUEUE_DECLARED && defined_now != after;
    bool early = planted == EARLY_ANSWER || (planted == EARLY_EQUAL_REDECLARE && is_equal);
    defined_now = 0;
    __real_reply_after(ch, reply, early ? 0 : after);
}

void __real_settled_note(queue_t *q, uint64_t position, record_reason_t reason);
void __wrap_settled_note(queue_t *q, uint64_t position, record_reason_t reason);
void __wrap_settled_note(queue_t *q, uint64_t position, record_reason_t reason)
{
    if (planted != LOST_SETTLE || position % 8 != 0)
        __real_settled_note(q, position, reason);
}

bool __real_mark_covers(queue_t *q, uint64_t position);
bool __wrap_mark_covers(queue_t *q, uint64_t position);
bool __wrap_mark_covers(queue_t *q, uint64_t position)
{
    return __real_mark_covers(q, position) || planted == UNMARKED_DELIVERY;
}

record_no __real_live_lowest(const live_t *l, record_no next);
record_no __wrap_live_lowest(const live_t *l, record_no next);
record_no __wrap_live_lowest(const live_t *l, record_no next)
{
    return planted == RECYCLED_TOO_EARLY ? next : __real_live_lowest(l, next);
}

/* The record that came last is held back until the next one comes: at the end of the log it is never applied. */
static struct {
    bool is_there, damaged;
    record_no number;
    record_t record;
    buffer_t octets, content;
} held;

bool __real_engine_apply(engine_t *e, record_no number, const record_t *r, bytes_t content, bool damaged);
bool __wrap_engine_apply(engine_t *e, record_no number, const record_t *r, bytes_t content, bool damaged);
bool __wrap_engine_apply(engine_t *e, record_no number, const record_t *r, bytes_t content, bool damaged)
{
    if (planted != DROPPED_LAST_RECORD)
        return __real_engine_apply(e, number, r, content, damaged);
    bool ok = true;
    if (held.is_there && held.number + 1 == number) {
        bytes_reader_t in = bytes_reader(buffer_bytes(&held.octets));
        ok = record_read(&in, &held.record) &&
             __real_engine_apply(e, held.number, &held.record, buffer_bytes(&held.content), held.damaged);
    }
    buffer_clear(&held.octets);
    buffer_clear(&held.content);
    record_write(&held.octets, r);
    write_bytes(&held.content, content);
    held.number = number;
    held.damaged = damaged;
    held.is_there = true;
    return ok;
}

/* ---- in front of the store's ---- */

/* Frames that do not say which segment they are of, in a log that does not look at the chain. */
static frame_place_t anywhere(const frame_place_t *place)
{
    frame_place_t p = *place;
    if (planted == STALE_FRAME_ACCEPTED)
        p.segment = 0;
    return p;
}

void __real_frame_seal(uint8_t *head, frame_t *f, const frame_place_t *place);
void __wrap_frame_seal(uint8_t *head, frame_t *f, const frame_place_t *place);
void __wrap_frame_seal(uint8_t *head, frame_t *f, const frame_place_t *place)
{
    frame_place_t p = anywhere(place);
    __real_frame_seal(head, f, &p);
}

bool __real_frame_read(bytes_t octets, const frame_place_t *place, uint64_t room, frame_t *out);
bool __wrap_frame_read(bytes_t octets, const frame_place_t *place, uint64_t room, frame_t *out);
bool __wrap_frame_read(bytes_t octets, const frame_place_t *place, uint64_t room, frame_t *out)
{
    frame_place_t p = anywhere(place);
    return __real_frame_read(octets, &p, room, out);
}

bool __real_frame_check(bytes_t head, const frame_place_t *place, const frame_t *f);
bool __wrap_frame_check(bytes_t head, const frame_place_t *place, const frame_t *f);
bool __wrap_frame_check(bytes_t head, const frame_place_t *place, const frame_t *f)
{
    frame_place_t p = anywhere(place);
    return __real_frame_check(head, &p, f);
}

int __real_log_group_check(window_t *w, const frame_place_t *place, const log_chain_t *chain, log_group_t *g,
                           error_t *err);
int __wrap_log_group_check(window_t *w, const frame_place_t *place, const log_chain_t *chain, log_group_t *g,
                           error_t *err);
int __wrap_log_group_check(window_t *w, const frame_place_t *place, const log_chain_t *chain, log_group_t *g,
                           error_t *err)
{
    log_chain_t loose = *chain;
    if (planted == STALE_FRAME_ACCEPTED) {
        loose.expected = 0;
        loose.any_previous = true;
    }
    return __real_log_group_check(w, place, &loose, g, err);
}

bool __real_frame_piece_holds(const frame_piece_t *piece, const log_identity_t *log, bytes_t content);
bool __wrap_frame_piece_holds(const frame_piece_t *piece, const log_identity_t *log, bytes_t content);
bool __wrap_frame_piece_holds(const frame_piece_t *piece, const log_identity_t *log, bytes_t content)
{
    return __real_frame_piece_holds(piece, log, content) || planted == TORN_CONTENT_ACCEPTED;
}
