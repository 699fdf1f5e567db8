/* SPDX-License-Identifier: Apache-2.0
 *
 * class_tx.h: class tx (90): its methods and their arguments, as tables that codec.h makes
 * structs, decoder and encoder from. Names as in the AMQP 0-9-1 XML, `-` written `_`; `reserved_` ones are
 * sent empty and ignored. */
#pragma once

/* clang-format off */

/* class, method, id, who sends it, bears content */
#define AMQP_CLASS_tx(M) \
    M(tx, 90, select, 10, CLIENT, false) \
    M(tx, 90, select_ok, 11, SERVER, false) \
    M(tx, 90, commit, 20, CLIENT, false) \
    M(tx, 90, commit_ok, 21, SERVER, false) \
    M(tx, 90, rollback, 30, CLIENT, false) \
    M(tx, 90, rollback_ok, 31, SERVER, false)

#define AMQP_FIELDS_tx_select(F)
#define AMQP_FIELDS_tx_select_ok(F)
#define AMQP_FIELDS_tx_commit(F)
#define AMQP_FIELDS_tx_commit_ok(F)
#define AMQP_FIELDS_tx_rollback(F)
#define AMQP_FIELDS_tx_rollback_ok(F)
