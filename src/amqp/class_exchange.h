/* SPDX-License-Identifier: Apache-2.0
 *
 * class_exchange.h: class exchange (40): its methods and their arguments, as tables that codec.h makes
 * structs, decoder and encoder from. Names as in the AMQP 0-9-1 XML, `-` written `_`; `reserved_` ones are
 * sent empty and ignored. */
#pragma once

/* clang-format off */

/* class, method, id, who sends it, bears content */
#define AMQP_CLASS_exchange(M) \
    M(exchange, 40, declare, 10, CLIENT, false) \
    M(exchange, 40, declare_ok, 11, SERVER, false) \
    M(exchange, 40, delete, 20, CLIENT, false) \
    M(exchange, 40, delete_ok, 21, SERVER, false) \
    M(exchange, 40, bind, 30, CLIENT, false) \
    M(exchange, 40, bind_ok, 31, SERVER, false) \
    M(exchange, 40, unbind, 40, CLIENT, false) \
    M(exchange, 40, unbind_ok, 51, SERVER, false)

#define AMQP_FIELDS_exchange_declare(F) \
    F(SHORT, reserved_ticket) F(SHORTSTR, exchange) F(SHORTSTR, type) F(BIT, passive) \
    F(BIT, durable) F(BIT, auto_delete) F(BIT, internal) F(BIT, nowait) F(TABLE, arguments)
#define AMQP_FIELDS_exchange_declare_ok(F)
#define AMQP_FIELDS_exchange_delete(F) \
    F(SHORT, reserved_ticket) F(SHORTSTR, exchange) F(BIT, if_unused) F(BIT, nowait)
#define AMQP_FIELDS_exchange_delete_ok(F)
#define AMQP_FIELDS_exchange_bind(F) \
    F(SHORT, reserved_ticket) F(SHORTSTR, destination) F(SHORTSTR, source) F(SHORTSTR, routing_key) \
    F(BIT, nowait) F(TABLE, arguments)
#define AMQP_FIELDS_exchange_bind_ok(F)
#define AMQP_FIELDS_exchange_unbind(F) \
    F(SHORT, reserved_ticket) F(SHORTSTR, destination) F(SHORTSTR, source) F(SHORTSTR, routing_key) \
    F(BIT, nowait) F(TABLE, arguments)
#define AMQP_FIELDS_exchange_unbind_ok(F)
