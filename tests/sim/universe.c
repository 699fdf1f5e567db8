/* SPDX-License-Identifier: Apache-2.0
 *
 * universe.c: the tables of universe.h. What matches what is written down by hand, so that it owes nothing to the code
 * that is tested. */
#include "sim/universe.h"

#include "base/table.h"

const object_spec_t object_specs[OBJECTS] = {
    {.name = "qa", .durable = true},
    {.name = "qb", .durable = true},
    {.name = "qc", .durable = true, .quorum = true},
    {.name = "qx", .durable = true, .fickle = true, .expires_ms = 300},
    {.name = "qd", .durable = true, .fickle = true, .auto_delete = true},
    {.name = "ta"},
    {.name = "tb", .fickle = true, .auto_delete = true},
    {.name = "", .durable = true, .predeclared = true},
    {.name = "xd", .durable = true, .kind = KIND_DIRECT},
    {.name = "xf", .durable = true, .kind = KIND_FANOUT},
    {.name = "xt", .durable = true, .kind = KIND_TOPIC},
    {.name = "xh", .durable = true, .kind = KIND_HEADERS},
    {.name = "xu", .durable = true, .kind = KIND_FANOUT, .fickle = true, .auto_delete = true},
    {.name = "xv", .kind = KIND_TOPIC},
    {.name = "xi", .durable = true, .kind = KIND_FANOUT, .internal = true},
    {.name = "amq.direct", .durable = true, .predeclared = true},
};

static const char *const binding_keys[BINDING_KEYS] = {"k0", "k1", "#", "k0.*"};
static const char *const message_keys[MESSAGE_KEYS] = {"k0", "k1", "k0.k1", "k2"};

bytes_t object_name(unsigned object)
{
    return bytes_string(object_specs[object].name);
}

const char *exchange_kind_name(unsigned kind)
{
    static const char *const names[] = {"direct", "fanout", "topic", "headers"};
    return names[kind];
}

void object_arguments(unsigned object, buffer_t *b)
{
    const object_spec_t *spec = &object_specs[object];
    if (spec->quorum)
        table_put_string(b, "x-queue-type", BYTES("quorum"));
    if (spec->expires_ms)
        table_put_long(b, "x-expires", (int32_t)spec->expires_ms);
}

bytes_t binding_key(unsigned key)
{
    return bytes_string(binding_keys[key]);
}

bytes_t message_key(unsigned key)
{
    return key < MESSAGE_KEYS ? bytes_string(message_keys[key]) : object_name(key - MESSAGE_KEYS);
}

/* 0: all of {h: 0}; 1: any of {h: 1}; 2: nothing asked; 3: all of {g: x, h: 1} */
void binding_arguments(unsigned exchange, unsigned key, buffer_t *b)
{
    if (object_specs[exchange_object(exchange)].kind != KIND_HEADERS || key == 2)
        return;
    table_put_string(b, "x-match", key == 1 ? BYTES("any") : BYTES("all"));
    if (key == 3)
        table_put_string(b, "g", BYTES("x"));
    table_put_string(b, "h", key == 0 ? BYTES("0") : BYTES("1"));
}

/* 0: none; 1: {h: 0}; 2: {h: 1}; 3: {g: x, h: 1} */
void message_headers(unsigned headers, buffer_t *b)
{
    if (headers == 0)
        return;
    if (headers == 3)
        table_put_string(b, "g", BYTES("x"));
    table_put_string(b, "h", headers == 1 ? BYTES("0") : BYTES("1"));
}

bool binding_matches(unsigned exchange, unsigned key, unsigned message_key, unsigned headers)
{
    /*                                          k0 k1 k0.k1 k2 */
    static const bool direct[BINDING_KEYS][5] = {{1, 0, 0, 0, 0}, {0, 1, 0, 0, 0}, {0}, {0}};
    static const bool topic[BINDING_KEYS][5] = {
        {1, 0, 0, 0, 0}, {0, 1, 0, 0, 0}, {1, 1, 1, 1, 1}, {0, 0, 1, 0, 0}};
    static const bool by_headers[BINDING_KEYS][HEADER_KINDS] = {
        {0, 1, 0, 0}, {0, 0, 1, 1}, {1, 1, 1, 1}, {0, 0, 0, 1}};
    unsigned k = message_key < MESSAGE_KEYS ? message_key : MESSAGE_KEYS;
    switch (object_specs[exchange_object(exchange)].kind) {
    case KIND_DIRECT:
        return direct[key][k];
    case KIND_TOPIC:
        return topic[key][k];
    case KIND_HEADERS:
        return by_headers[key][headers];
    default:
        return true;
    }
}
