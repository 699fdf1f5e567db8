/* SPDX-License-Identifier: Apache-2.0
 *
 * class_access.h: class access (30): its methods and their arguments, as tables that codec.h makes
 * structs, decoder and encoder from. Names as in the AMQP 0-9-1 XML, `-` written `_`; `reserved_` ones are
 * sent empty and ignored. */
#pragma once

/* clang-format off */

/* class, method, id, who sends it, bears content */
#define AMQP_CLASS_access(M) \
    M(access, 30, request, 10, CLIENT, false) \
    M(access, 30, request_ok, 11, SERVER, false)

#define AMQP_FIELDS_access_request(F) \
    F(SHORTSTR, realm) F(BIT, exclusive) F(BIT, passive) F(BIT, active) F(BIT, write) F(BIT, read)
#define AMQP_FIELDS_access_request_ok(F) F(SHORT, ticket)
