/* SPDX-License-Identifier: Apache-2.0
 *
 * codec_metadata.c: metadata, the data of READY and INITIATE, and what it says of a socket.
 *
 *   property   name-length:1 name value-length:4 value       and so on to the end
 *
 * Valid if
 *   1. every property is whole and no octet is left over;
 *   2. no name is empty ("Zero-sized names are not valid", RFC 37); which characters it has is not looked at;
 *   3. no value is over 2^31-1 octets;
 *   4. of a socket: Socket-Type is there and is one that we know, and Identity, where it means something, has 0..255
 *      octets, the first not 0.
 * Names are found in any case; the order is free, the first of a name counts, unknown ones are skipped. */
#include <assert.h>

#include "zmtp/codec.h"

#define NAME_MOST_BYTES  UINT8_MAX
#define VALUE_MOST_BYTES ((uint32_t)INT32_MAX)
#define LENGTHS_BYTES    5 /* of name and value */

/* ---- properties ---- */

static void fail(bytes_reader_t *r)
{
    r->failed = true;
    r->at = r->end;
}

bool zmtp_property_next(bytes_reader_t *r, zmtp_property_t *out)
{
    *out = (zmtp_property_t){0};
    if (!reader_ok(r) || reader_left(r) == 0)
        return false;
    out->name = read_short_string(r);
    out->value = read_long_string(r);
    if (out->name.len == 0 || out->value.len > VALUE_MOST_BYTES)
        fail(r);
    return reader_ok(r);
}

bool zmtp_metadata_valid(bytes_t metadata)
{
    bytes_reader_t r = bytes_reader(metadata);
    zmtp_property_t property;
    while (zmtp_property_next(&r, &property)) {
    }
    return reader_ok(&r);
}

/* ASCII: names are (RFC 37, grammar). */
static uint8_t lower(uint8_t octet)
{
    return octet >= 'A' && octet <= 'Z' ? (uint8_t)(octet - 'A' + 'a') : octet;
}

static bool same_name(bytes_t a, bytes_t b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        if (lower(a.data[i]) != lower(b.data[i]))
            return false;
    return true;
}

bool zmtp_metadata_find(bytes_t metadata, bytes_t name, bytes_t *value)
{
    bytes_reader_t r = bytes_reader(metadata);
    zmtp_property_t property;
    while (zmtp_property_next(&r, &property)) {
        if (same_name(property.name, name)) {
            *value = property.value;
            return true;
        }
    }
    return false;
}

static size_t property_bytes(const zmtp_property_t *property)
{
    return LENGTHS_BYTES + property->name.len + property->value.len;
}

void zmtp_write_property(buffer_t *b, const zmtp_property_t *property)
{
    assert(property->name.len > 0 && property->name.len <= NAME_MOST_BYTES);
    assert(property->value.len <= VALUE_MOST_BYTES);
    if (!buffer_reserve(b, property_bytes(property)))
        return;
    write_short_string(b, property->name);
    write_long_string(b, property->value);
}

/* ---- a socket's ---- */

bool zmtp_identity_valid(bytes_t identity)
{
    return identity.len <= ZMTP_IDENTITY_MOST_BYTES && (identity.len == 0 || identity.data[0] != 0);
}

zmtp_result_t zmtp_socket_decode(bytes_t metadata, zmtp_socket_t *out)
{
    bytes_t type;
    *out = (zmtp_socket_t){.type = ZMTP_SOCKET_NONE};
    if (!zmtp_metadata_valid(metadata))
        return ZMTP_REFUSED_METADATA_MALFORMED;
    if (!zmtp_metadata_find(metadata, ZMTP_SOCKET_TYPE_PROPERTY, &type))
        return ZMTP_REFUSED_SOCKET_TYPE_MISSING;
    out->type = zmtp_socket_type_find(type);
    if (out->type == ZMTP_SOCKET_NONE)
        return ZMTP_REFUSED_SOCKET_TYPE_UNKNOWN;
    /* "For all other socket types, the Identity property shall be ignored", RFC 37. */
    if (zmtp_socket_type_has_identity(out->type))
        (void)zmtp_metadata_find(metadata, ZMTP_IDENTITY_PROPERTY, &out->identity);
    return zmtp_identity_valid(out->identity) ? ZMTP_DECODED : ZMTP_REFUSED_IDENTITY_MALFORMED;
}

static zmtp_property_t type_property(const zmtp_socket_t *s)
{
    return (zmtp_property_t){ZMTP_SOCKET_TYPE_PROPERTY, bytes_string(zmtp_socket_type_name(s->type))};
}

static zmtp_property_t identity_property(const zmtp_socket_t *s)
{
    assert(zmtp_identity_valid(s->identity));
    return (zmtp_property_t){ZMTP_IDENTITY_PROPERTY, s->identity};
}

size_t zmtp_socket_bytes(const zmtp_socket_t *s)
{
    zmtp_property_t type = type_property(s), identity = identity_property(s);
    return property_bytes(&type) + (s->identity.len > 0 ? property_bytes(&identity) : 0);
}

void zmtp_write_socket(buffer_t *b, const zmtp_socket_t *s)
{
    zmtp_property_t type = type_property(s), identity = identity_property(s);
    zmtp_write_property(b, &type);
    if (s->identity.len > 0)
        zmtp_write_property(b, &identity);
}

void zmtp_write_ready(buffer_t *b, const zmtp_socket_t *ours)
{
    zmtp_write_command_head(b, ZMTP_COMMAND_READY, zmtp_socket_bytes(ours));
    zmtp_write_socket(b, ours);
}

void zmtp_write_initiate(buffer_t *b, const zmtp_socket_t *ours)
{
    zmtp_write_command_head(b, ZMTP_COMMAND_INITIATE, zmtp_socket_bytes(ours));
    zmtp_write_socket(b, ours);
}
