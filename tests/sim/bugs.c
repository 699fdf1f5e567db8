/* SPDX-License-Identifier: Apache-2.0
 *
 * bugs.c: bugs are planted where one file calls another: the linker sends the calls here (the Makefile's SIM_WRAPPED), and
 * they go on as they came unless the bug is wanted. What is tested bears no trace of it. */
#include "sim/bugs.h"

#include <string.h>

#include "amqp/session_internal.h"
#include "engine/dedup/dedup.h"
#include "engine/engine_internal.h"
#include "store/scan_group.h"
#include "store/writer.h"

static const char *const names[BUGS] = {
    [BUG_NONE] = "none",
    [BUG_SKIPPED_SYNC] = "skipped-sync",
    [BUG_SKIPPED_DIRECTORY_SYNC] = "skipped-directory-sync",
    [BUG_EARLY_CONFIRM] = "early-confirm",
    [BUG_EARLY_OK] = "early-ok",
    [BUG_EARLY_REDECLARE] = "early-redeclare",
    [BUG_EARLY_DELETE_OK] = "early-delete-ok",
    [BUG_DROPPED_LAST_RECORD] = "dropped-last-record",
    [BUG_LOST_SETTLE] = "lost-settle",
    [BUG_LOST_AUTO_ACK] = "lost-auto-ack",
    [BUG_MARK_NOT_WAITED_FOR] = "mark-not-waited-for",
    [BUG_MARK_NOT_EXACT] = "mark-not-exact",
    [BUG_TAIL_NOT_SYNCED] = "tail-not-synced",
    [BUG_TORN_CONTENT] = "torn-content",
    [BUG_STALE_FRAMES] = "stale-frames",
    [BUG_RECYCLED_EARLY] = "recycled-early",
    [BUG_EARLY_COMMIT_OK] = "early-commit-ok",
    [BUG_HALF_TRANSACTION] = "half-transaction",
    [BUG_FORGOTTEN_SESSION] = "forgotten-session",
    [BUG_RENAMED_BEFORE_SYNC] = "renamed-before-sync",
    [BUG_CHECKPOINT_AHEAD] = "checkpoint-ahead",
    [BUG_REWRITE_LOSES_RECORD] = "rewrite-loses-record",
    [BUG_FORGOTTEN_PUBLISHER] = "forgotten-publisher",
    [BUG_EARLY_REPEAT_CONFIRM] = "early-repeat-confirm",
    [BUG_LOST_PURGE_SLICE] = "lost-purge-slice",
};

/* The bug, and where the program is. */
static struct {
    bug_t bug;
    bool is_opening, is_redeclare;
} planted;

const char *bug_name(bug_t bug)
{
    return names[bug];
}

bool bug_plant(const char *name)
{
    for (int i = 0; i < BUGS; i++) {
        if (strcmp(name, names[i]) == 0) {
            planted.bug = (bug_t)i;
            return true;
        }
    }
    return false;
}

bool bug_is(bug_t bug)
{
    return planted.bug == bug;
}

void bug_note_opening(bool is_opening)
{
    planted.is_opening = is_opening;
}

/* ---- answers that do not wait ---- */

void __real_confirm_done(channel_t *ch, record_no record);
void __wrap_confirm_done(channel_t *ch, record_no record);
void __wrap_confirm_done(channel_t *ch, record_no record)
{
    __real_confirm_done(ch, bug_is(BUG_EARLY_CONFIRM) ? 0 : record);
}

void __real_reply_ok_after(channel_t *ch, const command_t *cmd, record_no after);
void __wrap_reply_ok_after(channel_t *ch, const command_t *cmd, record_no after);
void __wrap_reply_ok_after(channel_t *ch, const command_t *cmd, record_no after)
{
    bool early = bug_is(cmd->type == COMMAND_TX_COMMIT ? BUG_EARLY_COMMIT_OK : BUG_EARLY_OK);
    __real_reply_ok_after(ch, cmd, early ? 0 : after);
}

void __real_on_queue_declare(channel_t *ch, command_t *cmd);
void __wrap_on_queue_declare(channel_t *ch, command_t *cmd);
void __wrap_on_queue_declare(channel_t *ch, command_t *cmd)
{
    planted.is_redeclare = queue_find(ch->connection->vhost, cmd->request->name) != NULL;
    __real_on_queue_declare(ch, cmd);
    planted.is_redeclare = false;
}

void __real_reply_after(channel_t *ch, const event_t *reply, record_no after);
void __wrap_reply_after(channel_t *ch, const event_t *reply, record_no after);
void __wrap_reply_after(channel_t *ch, const event_t *reply, record_no after)
{
    bool early = (bug_is(BUG_EARLY_REDECLARE) && planted.is_redeclare) ||
                 (bug_is(BUG_EARLY_DELETE_OK) && reply->type == EVENT_QUEUE_COUNTED);
    __real_reply_after(ch, reply, early ? 0 : after);
}

void __real_dedup_decide(channel_t *ch, const message_t *m, dedup_verdict_t *v);
void __wrap_dedup_decide(channel_t *ch, const message_t *m, dedup_verdict_t *v);
void __wrap_dedup_decide(channel_t *ch, const message_t *m, dedup_verdict_t *v)
{
    __real_dedup_decide(ch, m, v);
    if (bug_is(BUG_EARLY_REPEAT_CONFIRM))
        v->after = 0;
}

void __real_dedup_apply(engine_t *e, record_no number, const record_t *r);
void __wrap_dedup_apply(engine_t *e, record_no number, const record_t *r);
void __wrap_dedup_apply(engine_t *e, record_no number, const record_t *r)
{
    if (!bug_is(BUG_FORGOTTEN_PUBLISHER))
        __real_dedup_apply(e, number, r);
}

/* ---- records that are not made, or not waited for ---- */

record_no __real_records_append(engine_t *e, const record_t *r, message_t *content);
record_no __wrap_records_append(engine_t *e, const record_t *r, message_t *content);
record_no __wrap_records_append(engine_t *e, const record_t *r, message_t *content)
{
    bool lost = r->type == RECORD_SETTLE && ((bug_is(BUG_LOST_SETTLE) && r->kind == RECORD_ACKED) ||
                                             (bug_is(BUG_LOST_AUTO_ACK) && r->kind == RECORD_AUTO_ACKED));
    return lost ? 0 : __real_records_append(e, r, content);
}

record_no __real_records_add(engine_t *e, const record_t *r, message_t *content);
record_no __wrap_records_add(engine_t *e, const record_t *r, message_t *content);
record_no __wrap_records_add(engine_t *e, const record_t *r, message_t *content)
{
    record_t ahead = *r;
    if (bug_is(BUG_CHECKPOINT_AHEAD) && r->type == RECORD_STATED)
        ahead.message = e->checkpoint.low = e->next_record;
    return __real_records_add(e, &ahead, content);
}

record_no __real_records_define(engine_t *e, const record_t *r);
record_no __wrap_records_define(engine_t *e, const record_t *r);
record_no __wrap_records_define(engine_t *e, const record_t *r)
{
    const queue_t *q = r->type == RECORD_PURGE ? queue_find_by_id(e, r->queue) : NULL;
    bool lost = bug_is(BUG_LOST_PURGE_SLICE) && q && q->purge;
    return lost ? 0 : __real_records_define(e, r);
}

static uint64_t honest_batch_bytes;

void __real_records_group_begin(engine_t *e);
void __wrap_records_group_begin(engine_t *e);
void __wrap_records_group_begin(engine_t *e)
{
    __real_records_group_begin(e);
    if (!bug_is(BUG_HALF_TRANSACTION))
        return;
    e->grouping = false;
    honest_batch_bytes = e->options.batch_bytes;
    e->options.batch_bytes = 1;
}

record_no __real_records_group_end(engine_t *e);
record_no __wrap_records_group_end(engine_t *e);
record_no __wrap_records_group_end(engine_t *e)
{
    if (bug_is(BUG_HALF_TRANSACTION))
        e->options.batch_bytes = honest_batch_bytes;
    e->grouping = true;
    return __real_records_group_end(e);
}

bool __real_mark_covers(queue_t *q, uint64_t position);
bool __wrap_mark_covers(queue_t *q, uint64_t position);
bool __wrap_mark_covers(queue_t *q, uint64_t position)
{
    return __real_mark_covers(q, position) || bug_is(BUG_MARK_NOT_WAITED_FOR);
}

void __real_mark_exactly(queue_t *q);
void __wrap_mark_exactly(queue_t *q);
void __wrap_mark_exactly(queue_t *q)
{
    if (!bug_is(BUG_MARK_NOT_EXACT))
        __real_mark_exactly(q);
}

/* ---- the log ---- */

int __real_writer_sync(writer_t *w, error_t *err);
int __wrap_writer_sync(writer_t *w, error_t *err);
int __wrap_writer_sync(writer_t *w, error_t *err)
{
    if (!bug_is(BUG_TAIL_NOT_SYNCED) || !planted.is_opening)
        return __real_writer_sync(w, err);
    w->unsynced = false;
    return writer_flush(w, err);
}

/* What is asked of a segment, not of one record. */
uint64_t __real_live_in(const live_t *l, record_no from, record_no end);
uint64_t __wrap_live_in(const live_t *l, record_no from, record_no end);
uint64_t __wrap_live_in(const live_t *l, record_no from, record_no end)
{
    return bug_is(BUG_RECYCLED_EARLY) && end - from > 1 ? 0 : __real_live_in(l, from, end);
}

/* All but the last one, if that is live. */
void __real_live_ranges(const live_t *l, record_no from, record_no end, buffer_t *out, uint32_t *count);
void __wrap_live_ranges(const live_t *l, record_no from, record_no end, buffer_t *out, uint32_t *count);
void __wrap_live_ranges(const live_t *l, record_no from, record_no end, buffer_t *out, uint32_t *count)
{
    __real_live_ranges(l, from, bug_is(BUG_REWRITE_LOSES_RECORD) ? end - 1 : end, out, count);
}

/* A frame does not know any more which segment it is of, nor the one before it. */
static frame_place_t blurred(const frame_place_t *place)
{
    frame_place_t p = *place;
    if (bug_is(BUG_STALE_FRAMES))
        p.segment = 1;
    return p;
}

void __real_frame_seal(uint8_t *head, frame_t *f, const frame_place_t *place);
void __wrap_frame_seal(uint8_t *head, frame_t *f, const frame_place_t *place);
void __wrap_frame_seal(uint8_t *head, frame_t *f, const frame_place_t *place)
{
    frame_place_t p = blurred(place);
    __real_frame_seal(head, f, &p);
}

bool __real_frame_read(bytes_t octets, const frame_place_t *place, uint64_t room, frame_t *out);
bool __wrap_frame_read(bytes_t octets, const frame_place_t *place, uint64_t room, frame_t *out);
bool __wrap_frame_read(bytes_t octets, const frame_place_t *place, uint64_t room, frame_t *out)
{
    frame_place_t p = blurred(place);
    return __real_frame_read(octets, &p, room, out);
}

bool __real_frame_check(bytes_t head, const frame_place_t *place, const frame_t *f);
bool __wrap_frame_check(bytes_t head, const frame_place_t *place, const frame_t *f);
bool __wrap_frame_check(bytes_t head, const frame_place_t *place, const frame_t *f)
{
    frame_place_t p = blurred(place);
    return __real_frame_check(head, &p, f);
}

int __real_log_group_check(window_t *w, const frame_place_t *place, const log_chain_t *chain, log_group_t *g,
                           error_t *err);
int __wrap_log_group_check(window_t *w, const frame_place_t *place, const log_chain_t *chain, log_group_t *g,
                           error_t *err);
int __wrap_log_group_check(window_t *w, const frame_place_t *place, const log_chain_t *chain, log_group_t *g,
                           error_t *err)
{
    log_chain_t any = *chain;
    if (bug_is(BUG_STALE_FRAMES)) {
        any.expected = 0;
        any.any_previous = true;
    }
    return __real_log_group_check(w, place, &any, g, err);
}

bool __real_frame_piece_holds(const frame_piece_t *piece, const log_identity_t *log, bytes_t content);
bool __wrap_frame_piece_holds(const frame_piece_t *piece, const log_identity_t *log, bytes_t content);
bool __wrap_frame_piece_holds(const frame_piece_t *piece, const log_identity_t *log, bytes_t content)
{
    return __real_frame_piece_holds(piece, log, content) || bug_is(BUG_TORN_CONTENT);
}

/* ---- the wire ---- */

void __real_amqp_session_resume(amqp_session_t *s, uint8_t why);
void __wrap_amqp_session_resume(amqp_session_t *s, uint8_t why);
void __wrap_amqp_session_resume(amqp_session_t *s, uint8_t why)
{
    if (!bug_is(BUG_FORGOTTEN_SESSION) || why != AMQP_PAUSE_PORT)
        __real_amqp_session_resume(s, why);
}
