/* SPDX-License-Identifier: Apache-2.0
 *
 * class_confirm.h: class confirm (85): its methods and their arguments, as tables that codec.h makes
 * structs, decoder and encoder from. Names as in the AMQP 0-9-1 XML, `-` written `_`; `reserved_` ones are
 * sent empty and ignored. */
#pragma once

/* clang-format off */

/* class, method, id, who sends it, bears content */
#define AMQP_CLASS_confirm(M) \
    M(confirm, 85, select, 10, CLIENT, false) \
    M(confirm, 85, select_ok, 11, SERVER, false)

#define AMQP_FIELDS_confirm_select(F) F(BIT, nowait)
#define AMQP_FIELDS_confirm_select_ok(F)
