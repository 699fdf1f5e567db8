/* SPDX-License-Identifier: Apache-2.0
 *
 * codec_command.c: commands, and what those of traffic carry.
 *
 *   command           name-length:1 name data        in one frame with the COMMAND flag
 *   SUBSCRIBE         prefix                         as a message: 01 prefix
 *   CANCEL            prefix                         as a message: 00 prefix
 *   PING              ttl:2 context                  context: at most 16 octets
 *   PONG              context
 *   ERROR             reason-length:1 reason
 *
 * No NUL stands behind the name: RFC 37's prose says that one does, its grammar and libzmq say no. */
#include <assert.h>

#include "zmtp/codec.h"

#define TTL_BYTES 2

enum { CANCEL_OCTET = 0, SUBSCRIBE_OCTET = 1 };

static const bytes_t names[] = {
#define X(name) [ZMTP_COMMAND_##name] = BYTES(#name),
    ZMTP_COMMANDS(X)
#undef X
};

#define NAMES_COUNT (sizeof names / sizeof names[0])

/* ---- name and data ---- */

static zmtp_command_id_t find(bytes_t name)
{
    for (size_t id = ZMTP_COMMAND_UNKNOWN + 1; id < NAMES_COUNT; id++)
        if (bytes_equal(names[id], name))
            return (zmtp_command_id_t)id;
    return ZMTP_COMMAND_UNKNOWN;
}

const char *zmtp_command_name(zmtp_command_id_t id)
{
    assert(id > ZMTP_COMMAND_UNKNOWN && id < NAMES_COUNT);
    return (const char *)names[id].data;
}

zmtp_result_t zmtp_command_decode(bytes_t body, zmtp_command_t *out)
{
    bytes_reader_t r = bytes_reader(body);
    bytes_t name = read_short_string(&r);
    *out = (zmtp_command_t){
        .id = find(name),
        .name = name,
        .data = read_bytes(&r, reader_left(&r)),
    };
    return reader_ok(&r) ? ZMTP_DECODED : ZMTP_REFUSED_COMMAND_MALFORMED;
}

void zmtp_write_command_head(buffer_t *b, zmtp_command_id_t id, size_t data_bytes)
{
    assert(id > ZMTP_COMMAND_UNKNOWN && id < NAMES_COUNT);
    size_t body_bytes = 1 + names[id].len + data_bytes;
    if (!buffer_reserve(b, zmtp_frame_head_bytes(body_bytes) + body_bytes))
        return;
    zmtp_write_frame_head(b, ZMTP_COMMAND, body_bytes);
    write_short_string(b, names[id]);
}

void zmtp_write_command(buffer_t *b, zmtp_command_id_t id, bytes_t data)
{
    zmtp_write_command_head(b, id, data.len);
    write_bytes(b, data);
}

/* ---- SUBSCRIBE and CANCEL ---- */

bool zmtp_subscription_of_command(const zmtp_command_t *command, zmtp_subscription_t *out)
{
    *out = (zmtp_subscription_t){command->id == ZMTP_COMMAND_SUBSCRIBE, command->data};
    return command->id == ZMTP_COMMAND_SUBSCRIBE || command->id == ZMTP_COMMAND_CANCEL;
}

bool zmtp_subscription_of_message(bytes_t frame, zmtp_subscription_t *out)
{
    bytes_reader_t r = bytes_reader(frame);
    uint8_t octet = read_u8(&r);
    *out = (zmtp_subscription_t){octet == SUBSCRIBE_OCTET, read_bytes(&r, reader_left(&r))};
    return reader_ok(&r) && (octet == SUBSCRIBE_OCTET || octet == CANCEL_OCTET);
}

static void write_subscription_message(buffer_t *b, const zmtp_subscription_t *s)
{
    size_t body_bytes = 1 + s->prefix.len;
    if (!buffer_reserve(b, zmtp_frame_head_bytes(body_bytes) + body_bytes))
        return;
    zmtp_write_frame_head(b, 0, body_bytes);
    write_u8(b, s->subscribe ? SUBSCRIBE_OCTET : CANCEL_OCTET);
    write_bytes(b, s->prefix);
}

void zmtp_write_subscription(buffer_t *b, zmtp_version_t peer, const zmtp_subscription_t *s)
{
    assert(peer != ZMTP_VERSION_NONE);
    if (peer < ZMTP_3_1)
        write_subscription_message(b, s);
    else
        zmtp_write_command(b, s->subscribe ? ZMTP_COMMAND_SUBSCRIBE : ZMTP_COMMAND_CANCEL, s->prefix);
}

/* ---- PING and PONG ---- */

zmtp_result_t zmtp_ping_decode(bytes_t data, zmtp_ping_t *out)
{
    bytes_reader_t r = bytes_reader(data);
    out->ttl_tenths = read_u16(&r);
    size_t left = reader_left(&r);
    out->context = read_bytes(&r, left < ZMTP_PING_CONTEXT_MOST_BYTES ? left : ZMTP_PING_CONTEXT_MOST_BYTES);
    return reader_ok(&r) ? ZMTP_DECODED : ZMTP_REFUSED_COMMAND_MALFORMED;
}

void zmtp_write_ping(buffer_t *b, const zmtp_ping_t *ping)
{
    assert(ping->context.len <= ZMTP_PING_CONTEXT_MOST_BYTES);
    zmtp_write_command_head(b, ZMTP_COMMAND_PING, TTL_BYTES + ping->context.len);
    write_u16(b, ping->ttl_tenths);
    write_bytes(b, ping->context);
}

void zmtp_write_pong(buffer_t *b, bytes_t context)
{
    assert(context.len <= ZMTP_PING_CONTEXT_MOST_BYTES);
    zmtp_write_command(b, ZMTP_COMMAND_PONG, context);
}

/* ---- ERROR ---- */

zmtp_result_t zmtp_error_decode(bytes_t data, bytes_t *reason)
{
    bytes_reader_t r = bytes_reader(data);
    *reason = read_short_string(&r);
    return reader_ok(&r) ? ZMTP_DECODED : ZMTP_REFUSED_COMMAND_MALFORMED;
}

void zmtp_write_error(buffer_t *b, bytes_t reason)
{
    assert(reason.len <= UINT8_MAX);
    zmtp_write_command_head(b, ZMTP_COMMAND_ERROR, 1 + reason.len);
    write_short_string(b, reason);
}
