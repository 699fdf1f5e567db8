/* SPDX-License-Identifier: Apache-2.0
 *
 * class_connection.h: class connection (10): its methods and their arguments, as tables that codec.h makes
 * structs, decoder and encoder from. Names as in the AMQP 0-9-1 XML, `-` written `_`; `reserved_` ones are
 * sent empty and ignored. */
#pragma once

/* clang-format off */

/* class, method, id, who sends it, bears content */
#define AMQP_CLASS_connection(M) \
    M(connection, 10, start, 10, SERVER, false) \
    M(connection, 10, start_ok, 11, CLIENT, false) \
    M(connection, 10, secure, 20, SERVER, false) \
    M(connection, 10, secure_ok, 21, CLIENT, false) \
    M(connection, 10, tune, 30, SERVER, false) \
    M(connection, 10, tune_ok, 31, CLIENT, false) \
    M(connection, 10, open, 40, CLIENT, false) \
    M(connection, 10, open_ok, 41, SERVER, false) \
    M(connection, 10, close, 50, BOTH, false) \
    M(connection, 10, close_ok, 51, BOTH, false) \
    M(connection, 10, blocked, 60, SERVER, false) \
    M(connection, 10, unblocked, 61, SERVER, false) \
    M(connection, 10, update_secret, 70, CLIENT, false) \
    M(connection, 10, update_secret_ok, 71, SERVER, false)

#define AMQP_FIELDS_connection_start(F) \
    F(OCTET, version_major) F(OCTET, version_minor) F(TABLE, server_properties) \
    F(LONGSTR, mechanisms) F(LONGSTR, locales)
#define AMQP_FIELDS_connection_start_ok(F) \
    F(TABLE, client_properties) F(SHORTSTR, mechanism) F(LONGSTR, response) F(SHORTSTR, locale)
#define AMQP_FIELDS_connection_secure(F) F(LONGSTR, challenge)
#define AMQP_FIELDS_connection_secure_ok(F) F(LONGSTR, response)
#define AMQP_FIELDS_connection_tune(F) F(SHORT, channel_max) F(LONG, frame_max) F(SHORT, heartbeat)
#define AMQP_FIELDS_connection_tune_ok(F) F(SHORT, channel_max) F(LONG, frame_max) F(SHORT, heartbeat)
#define AMQP_FIELDS_connection_open(F) \
    F(SHORTSTR, virtual_host) F(SHORTSTR, reserved_capabilities) F(BIT, reserved_insist)
#define AMQP_FIELDS_connection_open_ok(F) F(SHORTSTR, reserved_known_hosts)
#define AMQP_FIELDS_connection_close(F) \
    F(SHORT, reply_code) F(SHORTSTR, reply_text) F(SHORT, class_id) F(SHORT, method_id)
#define AMQP_FIELDS_connection_close_ok(F)
#define AMQP_FIELDS_connection_blocked(F) F(SHORTSTR, reason)
#define AMQP_FIELDS_connection_unblocked(F)
#define AMQP_FIELDS_connection_update_secret(F) F(LONGSTR, new_secret) F(SHORTSTR, reason)
#define AMQP_FIELDS_connection_update_secret_ok(F)
