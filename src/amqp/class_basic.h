/* SPDX-License-Identifier: Apache-2.0
 *
 * class_basic.h: class basic (60): its methods and their arguments, as tables that codec.h makes
 * structs, decoder and encoder from. Names as in the AMQP 0-9-1 XML, `-` written `_`; `reserved_` ones are
 * sent empty and ignored. */
#pragma once

/* clang-format off */

/* class, method, id, who sends it, bears content */
#define AMQP_CLASS_basic(M) \
    M(basic, 60, qos, 10, CLIENT, false) \
    M(basic, 60, qos_ok, 11, SERVER, false) \
    M(basic, 60, consume, 20, CLIENT, false) \
    M(basic, 60, consume_ok, 21, SERVER, false) \
    M(basic, 60, cancel, 30, BOTH, false) \
    M(basic, 60, cancel_ok, 31, BOTH, false) \
    M(basic, 60, publish, 40, CLIENT, true) \
    M(basic, 60, return, 50, SERVER, true) \
    M(basic, 60, deliver, 60, SERVER, true) \
    M(basic, 60, get, 70, CLIENT, false) \
    M(basic, 60, get_ok, 71, SERVER, true) \
    M(basic, 60, get_empty, 72, SERVER, false) \
    M(basic, 60, ack, 80, BOTH, false) \
    M(basic, 60, reject, 90, CLIENT, false) \
    M(basic, 60, recover_async, 100, CLIENT, false) \
    M(basic, 60, recover, 110, CLIENT, false) \
    M(basic, 60, recover_ok, 111, SERVER, false) \
    M(basic, 60, nack, 120, BOTH, false)

#define AMQP_FIELDS_basic_qos(F) F(LONG, prefetch_size) F(SHORT, prefetch_count) F(BIT, global)
#define AMQP_FIELDS_basic_qos_ok(F)
#define AMQP_FIELDS_basic_consume(F) \
    F(SHORT, reserved_ticket) F(SHORTSTR, queue) F(SHORTSTR, consumer_tag) F(BIT, no_local) \
    F(BIT, no_ack) F(BIT, exclusive) F(BIT, nowait) F(TABLE, arguments)
#define AMQP_FIELDS_basic_consume_ok(F) F(SHORTSTR, consumer_tag)
#define AMQP_FIELDS_basic_cancel(F) F(SHORTSTR, consumer_tag) F(BIT, nowait)
#define AMQP_FIELDS_basic_cancel_ok(F) F(SHORTSTR, consumer_tag)
#define AMQP_FIELDS_basic_publish(F) \
    F(SHORT, reserved_ticket) F(SHORTSTR, exchange) F(SHORTBYTES, routing_key) F(BIT, mandatory) \
    F(BIT, immediate)
#define AMQP_FIELDS_basic_return(F) \
    F(SHORT, reply_code) F(SHORTSTR, reply_text) F(SHORTSTR, exchange) F(SHORTBYTES, routing_key)
#define AMQP_FIELDS_basic_deliver(F) \
    F(SHORTSTR, consumer_tag) F(LONGLONG, delivery_tag) F(BIT, redelivered) F(SHORTSTR, exchange) \
    F(SHORTBYTES, routing_key)
#define AMQP_FIELDS_basic_get(F) F(SHORT, reserved_ticket) F(SHORTSTR, queue) F(BIT, no_ack)
#define AMQP_FIELDS_basic_get_ok(F) \
    F(LONGLONG, delivery_tag) F(BIT, redelivered) F(SHORTSTR, exchange) F(SHORTBYTES, routing_key) \
    F(LONG, message_count)
#define AMQP_FIELDS_basic_get_empty(F) F(SHORTSTR, reserved_cluster_id)
#define AMQP_FIELDS_basic_ack(F) F(LONGLONG, delivery_tag) F(BIT, multiple)
#define AMQP_FIELDS_basic_reject(F) F(LONGLONG, delivery_tag) F(BIT, requeue)
#define AMQP_FIELDS_basic_recover_async(F) F(BIT, requeue)
#define AMQP_FIELDS_basic_recover(F) F(BIT, requeue)
#define AMQP_FIELDS_basic_recover_ok(F)
#define AMQP_FIELDS_basic_nack(F) F(LONGLONG, delivery_tag) F(BIT, multiple) F(BIT, requeue)
