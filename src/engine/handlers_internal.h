/* SPDX-License-Identifier: Apache-2.0
 *
 * handlers_internal.h: what commands do, one handler each, and the parts these share. */
#pragma once

#include "engine/channel_internal.h"
#include "model/command.h"
#include "model/refusal.h"

/* Handlers, one a command. What the command owns is freed after the call; a handler that passes it on sets the pointer
 * to NULL. */
typedef void command_handler_t(channel_t *ch, command_t *cmd);
command_handler_t on_exchange_declare, on_exchange_delete, on_exchange_bind, on_exchange_unbind;
command_handler_t on_queue_declare, on_queue_bind, on_queue_unbind, on_queue_purge, on_queue_delete;
command_handler_t on_qos, on_consume, on_cancel, on_publish, on_part, on_get;
command_handler_t on_ack, on_nack, on_recover, on_confirm_select;
command_handler_t on_tx_select, on_tx_commit, on_tx_rollback;
command_handler_t on_subscriber, on_subscribe, on_unsubscribe;

/* arguments.c: NULL, or a refusal (cause set) for a new queue's arguments. Fills type. */
refusal_t *queue_arguments_check(const command_t *cmd, vhost_t *v, queue_type_t *type);
/* NULL, or a refusal if the argument is not the same in a redeclare as in these `ours` of a queue or exchange (`what`). */
refusal_t *argument_compare(const command_t *cmd, const char *argument, bytes_t ours, const char *what,
                            bytes_t name, const vhost_t *v);
/* NULL, or a refusal if a redeclare's arguments differ in one that the queue's type knows. */
refusal_t *queue_arguments_compare(const command_t *cmd, const queue_t *q);

/* Checks of properties on publish (publication.c): NULL, or why not. */
refusal_t *publication_check(const channel_t *ch, const command_t *cmd, const exchange_t *x,
                             bytes_t properties);

/* publish.c: the parts of a publish. Finds the queues of the message (e->route), which has these headers. */
void publish_route(channel_t *ch, exchange_t *x, const message_t *m, bytes_t headers);
/* Takes the message out of the command, with one reference for the caller. */
message_t *publish_take(channel_t *ch, command_t *cmd, bytes_t headers);
/* Puts it into the log, at these places (none: nowhere), and returns its record. */
record_no publish_record(engine_t *e, message_t *m, const record_list_t *places);
/* Puts it into these queues, in this step. Returns the record that says so; 0: none does. */
record_no publish_place(engine_t *e, message_t *m, queue_t *const *queues, size_t count);
/* Puts the message where the route leads; takes over the caller's reference. One with parts, large as it is, goes to all
 * queues at once: a MESSAGE_ALSO must not speak of one, as apply.c makes cold entries of it. So does one with a number,
 * as all queues have them in order, and one that windows look at, as it is remembered when it is everywhere. */
void publish_enqueue(channel_t *ch, const command_t *cmd, message_t *m);
/* Nobody gets it: it goes back to its publisher if that is asked for. */
void publish_return(channel_t *ch, const command_t *cmd, message_t *m);
/* What its confirm waits for, given that record. */
record_no publish_safe_with(const engine_t *e, const message_t *m, record_no record);

/* False (and refused) if a headers binding's x-match is not one RabbitMQ knows, or x-binding-type not one of ours. */
bool binding_arguments_allowed(channel_t *ch, const command_t *cmd, const exchange_t *source);

/* The queue a request names; "" is the last one declared on the channel. NULL: refused already. */
queue_t *queue_of_request(channel_t *ch, const command_t *cmd);
