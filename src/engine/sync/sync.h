/* SPDX-License-Identifier: Apache-2.0
 *
 * sync.h: synchronous events: an exchange with x-sync counts the acks of its queues.
 *
 * Such an exchange has a sequencer: what is published to it gets the next number (seq) and the view, and is put into all its
 * queues, in one uninterrupted step. A group is a queue, its members are the consumers of it that ack; the groups with a
 * member at that moment are the view of the event. If the publisher asks what became of it (by a confirm, a reply-to or
 * COMMAND_ASKS), the event is open until enough groups have handled it, none is left that could, or its time is up; then
 * the publisher is answered with a report.
 *
 * sequencer.c   numbers, windows, who waits for them     publish.c   from a publish to an event
 * event.c       groups settle, the event ends             answer.c    publishers are told
 * places.c      where it is, if it expires
 * value.c       what handlers say, as JSON                report.c    the report
 * kept.c        finished events, for repeats              recover.c   records, there and back
 * settings.c    the arguments of the exchange */
#pragma once

#include "base/list.h"
#include "engine/durable/durable_internal.h"
#include "engine/engine.h"

typedef struct vhost vhost_t;
typedef struct sequencer sequencer_t;
typedef struct sync_group sync_group_t;
typedef enum settle_how { SETTLE_ACK, SETTLE_REJECT, SETTLE_REQUEUE } settle_how_t;

/* ---- the exchange (settings.c, sequencer.c) ---- */

/* NULL, or a refusal of arguments of a new exchange (cause set). */
refusal_t *sync_arguments_check(const command_t *cmd, const vhost_t *v);

/* NULL, or a refusal if a redeclare asks for other ones than the exchange has. */
refusal_t *sync_arguments_compare(const command_t *cmd, const exchange_t *x);

/* Gives the exchange a sequencer if its arguments (or, for amq.events, its name) ask for one. */
void sequencer_start(exchange_t *x);

/* The exchange is gone: who waits for its window looks again; reports are forgotten. Open events go on. */
void sequencer_leave(exchange_t *x);
void sequencer_free(sequencer_t **s);

/* At a clean stop: no number is skipped. */
void sequencer_finish(const exchange_t *x);

/* A group came to be, or is none any more: the view of every exchange that the queue is bound to rises. */
void sync_view_changed(const queue_t *q);
void sync_view_rises(sequencer_t *s);

/* ---- publishing (publish.c) ---- */

/* A publish, with these headers, to an exchange with a sequencer; `again`: e->route is its route already. */
void sync_publish(channel_t *ch, command_t *cmd, exchange_t *x, bool again, bytes_t headers);

/* What reaches such an exchange through a binding, or in a transaction, is numbered, but nobody waits for it. False: the
 * channel waits until there are so many numbers. */
bool sync_ready(exchange_t *x, uint32_t count, channel_t *ch, command_t *cmd);
void sync_number(exchange_t *x, message_t *m);

/* NULL, or why a publish to such an exchange cannot be part of a transaction (cause set): it wants to know what becomes of
 * it, and the transaction would have to wait for other people's events. */
refusal_t *sync_check_in_tx(const channel_t *ch, const command_t *cmd, const exchange_t *x);

/* True if it is a handler's answer: addressed to EVENT_REPLY_TO, by one who has the event. */
bool sync_answers(channel_t *ch, const command_t *cmd);

/* The same, and it is done with. */
bool sync_answer(channel_t *ch, command_t *cmd);

/* Such an answer, later: nothing if its event has been settled meanwhile. */
void sync_says(channel_t *ch, const message_t *m);

/* ---- groups (event.c); all of them only if queue.owed is not empty ---- */

/* True if the entry must not go out yet: the event's record is not durable. Then `w` waits for that. */
bool sync_holds(queue_t *q, uint64_t position, wait_t *w, wait_over_t *over);

/* A delivery of this entry is about to be emitted. */
void sync_delivered(queue_t *q, uint64_t position, channel_t *ch, bool no_ack, event_t *ev);

/* The group that owes an answer for this entry, or NULL. */
sync_group_t *sync_owed(queue_t *q, uint64_t position);

/* How it is really settled: who has failed too often does not get it again. */
settle_how_t sync_settles(sync_group_t *g, settle_how_t how);

/* It was settled so; the group may be gone afterwards. */
void sync_settled(sync_group_t *g, settle_how_t how);

/* Nobody is left to answer. */
void sync_gone(sync_group_t *g);

/* The queue is deleted; everything ready in it is purged. */
void sync_queue_gone(queue_t *q);
void sync_queue_purged(queue_t *q);

/* ---- channels (answer.c) ---- */

/* Nobody listens on the channel any more; what was asked by reply-to is answered all the same. */
void sync_forget_channel(channel_t *ch);

/* The first of the channel's confirms that waits for an event, or 0. */
uint64_t sync_first_held(const channel_t *ch);

/* ---- the step (sequencer.c) ---- */

/* Those who waited for room in a window go on. */
void sync_run(engine_t *e);

/* ---- who looks (kept.c) ---- */

/* Adds the reports that are kept, of each exchange the newest ones. */
void sync_list_kept(const engine_t *e, query_t *q);

/* ---- the log (recover.c) ---- */

void sync_apply(engine_t *e, record_no number, const record_t *r, bytes_t content, bool damaged);

/* After the last record: open events wait for what is still in queues. */
void sync_recovered(engine_t *e);

/* Says it again (checkpoint.c): a sequence, a report. Returns the octets that took, about. */
size_t sync_state(engine_t *e, stated_kind_t kind, stated_t *s);

void sync_deinit(engine_t *e);
