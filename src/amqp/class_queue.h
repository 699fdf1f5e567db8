/* SPDX-License-Identifier: Apache-2.0
 *
 * class_queue.h: class queue (50): its methods and their arguments, as tables that codec.h makes
 * structs, decoder and encoder from. Names as in the AMQP 0-9-1 XML, `-` written `_`; `reserved_` ones are
 * sent empty and ignored. */
#pragma once

/* clang-format off */

/* class, method, id, who sends it, bears content */
#define AMQP_CLASS_queue(M) \
    M(queue, 50, declare, 10, CLIENT, false) \
    M(queue, 50, declare_ok, 11, SERVER, false) \
    M(queue, 50, bind, 20, CLIENT, false) \
    M(queue, 50, bind_ok, 21, SERVER, false) \
    M(queue, 50, purge, 30, CLIENT, false) \
    M(queue, 50, purge_ok, 31, SERVER, false) \
    M(queue, 50, delete, 40, CLIENT, false) \
    M(queue, 50, delete_ok, 41, SERVER, false) \
    M(queue, 50, unbind, 50, CLIENT, false) \
    M(queue, 50, unbind_ok, 51, SERVER, false)

#define AMQP_FIELDS_queue_declare(F) \
    F(SHORT, reserved_ticket) F(SHORTSTR, queue) F(BIT, passive) F(BIT, durable) F(BIT, exclusive) \
    F(BIT, auto_delete) F(BIT, nowait) F(TABLE, arguments)
#define AMQP_FIELDS_queue_declare_ok(F) F(SHORTSTR, queue) F(LONG, message_count) F(LONG, consumer_count)
#define AMQP_FIELDS_queue_bind(F) \
    F(SHORT, reserved_ticket) F(SHORTSTR, queue) F(SHORTSTR, exchange) F(SHORTSTR, routing_key) \
    F(BIT, nowait) F(TABLE, arguments)
#define AMQP_FIELDS_queue_bind_ok(F)
#define AMQP_FIELDS_queue_purge(F) F(SHORT, reserved_ticket) F(SHORTSTR, queue) F(BIT, nowait)
#define AMQP_FIELDS_queue_purge_ok(F) F(LONG, message_count)
#define AMQP_FIELDS_queue_delete(F) \
    F(SHORT, reserved_ticket) F(SHORTSTR, queue) F(BIT, if_unused) F(BIT, if_empty) F(BIT, nowait)
#define AMQP_FIELDS_queue_delete_ok(F) F(LONG, message_count)
#define AMQP_FIELDS_queue_unbind(F) \
    F(SHORT, reserved_ticket) F(SHORTSTR, queue) F(SHORTSTR, exchange) F(SHORTSTR, routing_key) \
    F(TABLE, arguments)
#define AMQP_FIELDS_queue_unbind_ok(F)
