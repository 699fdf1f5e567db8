/* SPDX-License-Identifier: Apache-2.0
 *
 * durable_internal.h: what the engine does with its log: records on their way, what waits for them, checkpoints,
 * settled positions, delivery marks, confirms, messages that leave memory, bodies in parts.
 *
 * One idea carries all of it: a record has a number, and whatever depends on it waits for that number. */
#pragma once

#include "base/hash.h"
#include "base/heap.h"
#include "base/list.h"
#include "engine/engine.h"
#include "engine/fifo.h"
#include "engine/spans.h"

typedef struct exchange exchange_t;
typedef struct queue queue_t;
typedef struct binding binding_t;
typedef struct channel channel_t;
typedef struct connection connection_t;
typedef struct stream stream_t;
typedef struct recovery recovery_t;
typedef struct left_outs left_outs_t;

/* ---- records (records.c): decisions on their way to the log ---- */

/* A batch begins on a block of its own in the log: so much more than its octets it takes there, about. */
#define RECORDS_BATCH_BYTES 512

/* Something that goes on when the log is durable up to a record. */
typedef struct wait wait_t;
typedef void wait_over_t(engine_t *e, wait_t *w);

struct wait {
    heap_timer_t timer; /* engine.waits, by record number; or engine.timers */
    wait_over_t *over;
};

void wait_for(engine_t *e, wait_t *w, record_no record, wait_over_t *over);
void wait_cancel(engine_t *e, wait_t *w);

/* The same until a time of the engine's (engine.c). */
void timer_set(engine_t *e, wait_t *w, uint64_t at_ms, wait_over_t *over);
void timer_cancel(engine_t *e, wait_t *w);

/* Adds a record to the batch of this step and returns its number; 0 if there is no log. `content` (for types that have
 * one) is kept alive until the batch is back. */
record_no records_add(engine_t *e, const record_t *r, message_t *content);

/* The same, to the batch that is there, however large: what was settled before it ends goes with it. */
record_no records_append(engine_t *e, const record_t *r, message_t *content);

/* From here to the end all records are in one batch, however many: after a crash all of them are there, or none. Nothing
 * that closes a batch may happen between (the end of a step does). */
void records_group_begin(engine_t *e);

/* With all that was settled in between. Returns the last record of the group; 0: it has none. */
record_no records_group_end(engine_t *e);

/* The number of the last record, given to the log or taken from it. */
record_no records_last(const engine_t *e);

/* Adds one that changes what is defined: later replies about definitions wait for it. */
record_no records_define(engine_t *e, const record_t *r);

/* False while records are applied or everything is being freed: what happens then was decided before, or is not decided
 * at all. */
bool records_wanted(const engine_t *e);

/* Gives the batch to the log; at the end of a step. */
void records_give(engine_t *e);

/* Takes back what the log has done; at the beginning of a step. Returns true if there is more to take. */
bool records_take(engine_t *e);

/* True while so much is on its way to the log that no more commands are taken. */
bool records_full(const engine_t *e);

/* Octets on their way to the log, with what this step has decided: a transaction may be large. */
uint64_t records_coming(const engine_t *e);

void records_free(engine_t *e);

/* Who asked for records to be read back; linked in engine.readers meanwhile. `request` is NULL if the engine ends. */
typedef struct reader reader_t;
typedef void reader_done_t(engine_t *e, reader_t *r, read_request_t *request);

struct reader {
    list_t link;
    reader_done_t *done;
};

/* Asks for records; takes `request`, which is filled but for what comes back. */
void records_read(engine_t *e, reader_t *r, read_request_t *request, reader_done_t *done);

/* ---- who needs which content (references.c) ---- */

/* So many more, and one less, refer to this record's content. */
void record_refer(engine_t *e, record_no record, uint32_t count);
void record_release(engine_t *e, record_no record);
/* The same of all parts of a message: it is in memory now. */
void parts_refer(engine_t *e, const message_t *m);
/* False of a message just read: the record that says which its parts are is lost, and so may they be. */
bool parts_are_known(const engine_t *e, const message_t *m);
/* This record is a message with these parts; said last by the record `stated`. Nothing if it has none, or is known. */
void large_note(engine_t *e, record_no stated, record_no record, const record_list_t *parts);
/* A part of this message is damaged, or cannot be read; it may be in memory as another one too, or not at all. */
void large_note_damaged(engine_t *e, message_t *m);
bool large_is_damaged(const engine_t *e, const message_t *m);
void large_free_all(engine_t *e);
hash_key_of_t large_record;
/* The log was applied: counts what queues refer to. */
void references_rebuild(engine_t *e);

/* ---- checkpoints: all that is there, said again from time to time (checkpoint.c, contents.c) ---- */

typedef enum stated_kind {
    STATED_EXCHANGE,
    STATED_QUEUE,
    STATED_BINDING,
    STATED_SEQUENCE,
    STATED_EVENT,
    STATED_REPORT,
    STATED_LARGE,
    STATED_KEPT,
    STATED_SEEN,
    STATED_KINDS
} stated_kind_t;

/* Something durable that checkpoints state: in engine.checkpoint.lists[kind], by rising record. */
typedef struct stated {
    list_t link;
    record_no record; /* that said it last */
} stated_t;

typedef struct checkpoint {
    list_t lists[STATED_KINDS];
    bool running;
    stated_kind_t kind; /* being stated, those before `before` */
    record_no from, before;
    queue_t *contents; /* the queue whose contents are being said; held. NULL: none */
    uint64_t contents_from;
    size_t left_out_from;
    record_no low;        /* all that is there has been said at or above this one */
    uint64_t bytes_since; /* that the log took since the last one began, about */
    uint64_t complete,
        complete_bytes;     /* checkpoints since the start; octets that the last of them took, about */
    uint64_t bytes_of_last; /* that the last one, or the running one, took */
} checkpoint_t;

void checkpoint_init(checkpoint_t *c);
/* `record` has just said this. */
void stated_now(engine_t *e, stated_t *s, stated_kind_t kind, record_no record);
/* A slice of one, if it is due or running; true if there is more of it. */
bool checkpoint_run(engine_t *e);
/* Begins with the contents of a queue, which was just said … */
void contents_begin(engine_t *e, queue_t *q);
/* … says some more of them: returns the octets, about; *cost: units of work. They end when `contents` is NULL again. */
size_t contents_state(engine_t *e, uint32_t *cost);
/* Ends amid them, if they have begun. */
void contents_end(engine_t *e);
size_t large_state(engine_t *e, stated_t *s);
/* Begins one with the next step: the log was opened, and so has one segment more. */
void checkpoint_renew(engine_t *e);
void queue_to_record(const queue_t *q, record_t *r);
void exchange_to_record(const exchange_t *x, record_t *r);
void binding_to_record(const binding_t *b, record_t *r);

/* ---- confirm.c ---- */

/* "Publishes up to this one are safe when this record is durable": oldest first. */
typedef struct confirm_mark {
    uint64_t publishes;
    record_no record;
} confirm_mark_t;

typedef struct confirm_marks {
    confirm_mark_t *items; /* circular */
    size_t capacity, head, length;
} confirm_marks_t;

/* One more publish of the channel is done; it is safe when `record` is durable. */
void confirm_done(channel_t *ch, record_no record);
/* One of them, which waits for an event (and still stands among the channel's asking), is decided. `first`: no other
 * before it waits so. */
void confirm_decided(channel_t *ch, uint64_t publish, bool positive, bool first);
void confirm_flush(channel_t *ch);
void confirms_run(engine_t *e);
/* Forgets those that are not safe yet. */
void confirms_drop(channel_t *ch);

/* ---- of a queue ---- */

/* settle.c: this position is done with, for the log; what was noted goes to the log. */
void settled_note(queue_t *q, uint64_t position, record_reason_t reason);
void settled_flush(engine_t *e);

/* mark.c: true if a stored entry here may go out now; else wait_for the mark was begun. */
bool mark_covers(queue_t *q, uint64_t position);
/* At a clean stop: says exactly what was delivered. */
void mark_exactly(queue_t *q);

/* nameless.c: one that has messages, and whose definition is lost, gets a name. */
void queue_name_anew(queue_t *q);

/* left_out.c */
/* Takes an entry out of the order because its message is damaged, or cannot be read; it stays in the log. */
void queue_leave_out(queue_t *q, uint64_t position, bool is_damaged);
/* They are done with, as the queue is purged or gone; sets *l to NULL, which it may be. */
void left_outs_forget(left_outs_t **l);
/* At the end of a step: the log hears of those that are new. */
void left_out_say(engine_t *e);

/* cold.c */
/* True if the first ready entry can go out now. If there is one that cannot, the queue waits for the store. */
bool queue_can_deliver(queue_t *q);
/* One was taken from it: if few of those that were read back are left, it is time for the next. */
void queue_took(queue_t *q);
/* What was read back is gone, with all that was ready. */
void queue_forget_warm(queue_t *q);
/* Nobody waits for it any more: dispatch and getters look again. */
void queue_store_answered(queue_t *q);
/* An entry was appended: if memory is short it leaves it as soon as it can. */
void cold_note(queue_t *q, uint64_t position);
/* True if bodies take more than they should. */
bool cold_wanted(const engine_t *e);
/* True if a slice was not enough. */
bool cold_run(engine_t *e);

/* ---- parts.c: bodies in parts, on their way in and out ---- */

void incoming_drop(channel_t *ch);
/* Gives the parts that came before it to the message. */
void incoming_join(channel_t *ch, message_t *m);
/* An event with a message that has parts was emitted: its content follows. */
void stream_start(channel_t *ch, message_t *m);
/* The peer has read something. */
void streams_wake(connection_t *c);
/* Holds an event back while a message is under way on the channel; false if none is. */
bool stream_holds(channel_t *ch, const event_t *ev);
void stream_drop(channel_t *ch);
