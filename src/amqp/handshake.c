/* SPDX-License-Identifier: Apache-2.0
 *
 * handshake.c: from the protocol header to connection.open.
 *
 *   client                           server
 *   AMQP 0 0 9 1            →
 *                           ←        start        mechanisms, server-properties
 *   start-ok                →                     login.c
 *                           ←        tune         what we allow
 *   tune-ok, open           →                     what is in force; the engine is asked
 *                           ←        open-ok
 *
 * A peer that is out of step before open is dropped after a silence, as RabbitMQ does it. */
#include "amqp/session_internal.h"
#include "base/alloc.h"
#include "base/table.h"

#define HEADER_BYTES 8

static const uint8_t header_0_9_1[HEADER_BYTES] = {'A', 'M', 'Q', 'P', 0, 0, 9, 1};
static const uint8_t header_0_9[HEADER_BYTES] = {'A', 'M', 'Q', 'P', 1, 1, 0, 9};

void amqp_server_properties_write(buffer_t *b, const amqp_options_t *options)
{
    static const char *const capabilities[] = {
        "publisher_confirms", "exchange_exchange_bindings",   "basic.nack",       "consumer_cancel_notify",
        "connection.blocked", "authentication_failure_close", "per_consumer_qos",
    };
    size_t mark = table_begin(b, "capabilities");
    for (size_t i = 0; i < sizeof capabilities / sizeof *capabilities; i++)
        table_put_bool(b, capabilities[i], true);
    table_end(b, mark);
    table_put_string(b, "cluster_name", bytes_string(options->cluster_name));
    table_put_string(b, "copyright", BYTES("Copyright (c) the chaski authors"));
    table_put_string(b, "information", BYTES("Licensed under the Apache License, Version 2.0"));
    table_put_string(b, "platform", BYTES("C"));
    table_put_string(b, "product", bytes_string(options->product));
    table_put_string(b, "version", bytes_string(options->version));
}

static void send_start(amqp_session_t *s)
{
    amqp_connection_start_t start = {
        .version_major = 0,
        .version_minor = 9,
        .server_properties = buffer_bytes(&s->io->server_properties),
        .mechanisms = BYTES("PLAIN AMQPLAIN"),
        .locales = BYTES("en_US"),
    };
    amqp_send_method(s, 0, AMQP_connection_start, &start);
    amqp_session_move(s, AMQP_STATE_SENT_START);
}

size_t amqp_handshake_header(amqp_session_t *s, bytes_t octets)
{
    if (octets.len < HEADER_BYTES)
        return 0;
    bytes_t header = bytes_make(octets.data, HEADER_BYTES);
    if (bytes_equal(header, bytes_make(header_0_9_1, HEADER_BYTES)) ||
        bytes_equal(header, bytes_make(header_0_9, HEADER_BYTES))) {
        send_start(s);
        return HEADER_BYTES;
    }
    amqp_session_log(s, LOG_WARNING, "refused, not AMQP 0-9-1");
    s->explained = true;
    output_write(s->transport->output, bytes_make(header_0_9_1, HEADER_BYTES));
    amqp_session_finish(s, s->io->options.refused_login_delay_ms);
    return HEADER_BYTES;
}

/* ---- start-ok ---- */

static bool capability(bytes_t capabilities, const char *name)
{
    field_t f;
    return table_find(capabilities, bytes_string(name), &f) && f.tag == 't' && field_integer(&f) != 0;
}

static void take_client_properties(amqp_session_t *s, bytes_t properties)
{
    write_bytes(&s->client_properties, properties);
    field_t f;
    if (!table_find(properties, BYTES("capabilities"), &f) || f.tag != 'F')
        return;
    s->wants_close_on_refused_login = capability(f.octets, "authentication_failure_close");
    s->wants_cancel_notify = capability(f.octets, "consumer_cancel_notify");
    s->wants_blocked = capability(f.octets, "connection.blocked");
}

static void start_ok(amqp_session_t *s, const amqp_connection_start_ok_t *m)
{
    take_client_properties(s, m->client_properties);
    amqp_handshake_login(s, m);
    if (s->state != AMQP_STATE_SENT_START)
        return;
    const amqp_options_t *o = &s->io->options;
    amqp_connection_tune_t tune = {
        .channel_max = o->channel_max,
        .frame_max = o->frame_max,
        .heartbeat = o->heartbeat_s,
    };
    amqp_send_method(s, 0, AMQP_connection_tune, &tune);
    amqp_session_move(s, AMQP_STATE_SENT_TUNE);
}

/* ---- tune-ok ---- */

/* RabbitMQ's rule: 0 means "no limit" and is only taken where we set none. */
static bool tuned(amqp_session_t *s, const char *field, uint32_t value, uint32_t least, uint32_t ours)
{
    const char *wrong = NULL;
    if (value != 0 && value < least)
        wrong = "lower than the minimum";
    else if (ours != 0 && (value == 0 || value > ours))
        wrong = "higher than the maximum";
    if (wrong)
        amqp_refuse_connection(s, REFUSAL_NOT_ALLOWED, AMQP_connection_tune_ok,
                               "negotiated %s = %u is %s allowed value (%u)", field, value, wrong,
                               *wrong == 'l' ? least : ours);
    return !wrong;
}

static void tune_ok(amqp_session_t *s, const amqp_connection_tune_ok_t *m)
{
    const amqp_options_t *o = &s->io->options;
    if (!tuned(s, "frame_max", m->frame_max, AMQP_FRAME_MIN_SIZE, o->frame_max) ||
        !tuned(s, "channel_max", m->channel_max, 1, o->channel_max))
        return;
    s->frame_max = m->frame_max;
    s->channel_max = m->channel_max;
    s->heartbeat_s = m->heartbeat;
    amqp_session_move(s, AMQP_STATE_EXPECT_OPEN);
    amqp_heartbeat_start(s);
}

/* ---- open ---- */

/* From here on the session has a side in the engine. Nothing is parsed until it has answered. */
static void open_vhost(amqp_session_t *s, const amqp_connection_open_t *m)
{
    if (m->virtual_host.len > 0)
        memcpy(s->vhost, m->virtual_host.data, m->virtual_host.len);
    s->vhost_len = (uint8_t)m->virtual_host.len;
    opening_t view = {
        .name = bytes_string(s->name),
        .vhost = m->virtual_host,
        .user = buffer_bytes(&s->user),
        .client_properties = buffer_bytes(&s->client_properties),
        .wants_cancel_notify = s->wants_cancel_notify,
        .wants_blocked = s->wants_blocked,
    };
    command_t c = {
        .type = COMMAND_CONNECTION_OPEN, .cause = AMQP_connection_open, .opening = opening_new(&view)};
    port_register(s->io->port, &s->client);
    amqp_session_push(s, &c);
    buffer_free(&s->client_properties);
    amqp_session_move(s, AMQP_STATE_OPENING);
    amqp_session_pause(s, AMQP_PAUSE_ANSWER);
}

void amqp_handshake_method(amqp_session_t *s, amqp_method_id id, const amqp_method_t *m)
{
    if (id == AMQP_connection_close)
        amqp_connection_say_goodbye(s);
    else if (id == AMQP_connection_start_ok && s->state == AMQP_STATE_SENT_START)
        start_ok(s, &m->connection_start_ok);
    else if (id == AMQP_connection_tune_ok && s->state == AMQP_STATE_SENT_TUNE)
        tune_ok(s, &m->connection_tune_ok);
    else if (id == AMQP_connection_open && s->state == AMQP_STATE_EXPECT_OPEN)
        open_vhost(s, &m->connection_open);
    else
        amqp_drop(s, "unexpected %s while %s", amqp_method_name(amqp_method_find(id)),
                  amqp_state_name(s->state));
}
