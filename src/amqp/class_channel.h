/* SPDX-License-Identifier: Apache-2.0
 *
 * class_channel.h: class channel (20): its methods and their arguments, as tables that codec.h makes
 * structs, decoder and encoder from. Names as in the AMQP 0-9-1 XML, `-` written `_`; `reserved_` ones are
 * sent empty and ignored. */
#pragma once

/* clang-format off */

/* class, method, id, who sends it, bears content */
#define AMQP_CLASS_channel(M) \
    M(channel, 20, open, 10, CLIENT, false) \
    M(channel, 20, open_ok, 11, SERVER, false) \
    M(channel, 20, flow, 20, BOTH, false) \
    M(channel, 20, flow_ok, 21, BOTH, false) \
    M(channel, 20, close, 40, BOTH, false) \
    M(channel, 20, close_ok, 41, BOTH, false)

#define AMQP_FIELDS_channel_open(F) F(SHORTSTR, reserved_out_of_band)
#define AMQP_FIELDS_channel_open_ok(F) F(LONGSTR, reserved_channel_id)
#define AMQP_FIELDS_channel_flow(F) F(BIT, active)
#define AMQP_FIELDS_channel_flow_ok(F) F(BIT, active)
#define AMQP_FIELDS_channel_close(F) \
    F(SHORT, reply_code) F(SHORTSTR, reply_text) F(SHORT, class_id) F(SHORT, method_id)
#define AMQP_FIELDS_channel_close_ok(F)
