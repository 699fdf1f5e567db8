/* SPDX-License-Identifier: Apache-2.0
 *
 * message.c: one allocation a message: the struct, then exchange, routing key, properties and body end to
 * end. */
#include "model/message.h"

#include <assert.h>

#include "base/alloc.h"
#include "base/properties.h"

static size_t envelope_bytes(const message_t *m)
{
    return (size_t)m->exchange_len + m->routing_key_len + m->properties_len;
}

message_t *message_new(bytes_t exchange, bytes_t routing_key, bytes_t properties, uint64_t body_capacity)
{
    assert(exchange.len <= UINT8_MAX && routing_key.len <= UINT8_MAX && properties.len <= UINT32_MAX);
    assert(body_capacity <= UINT32_MAX / 2);
    size_t envelope = exchange.len + routing_key.len + properties.len;
    size_t allocated = mem_taken(sizeof(message_t) + envelope + (size_t)body_capacity);
    message_t *m = mem_alloc(allocated);
    *m = (message_t){
        .exchange_len = (uint8_t)exchange.len,
        .routing_key_len = (uint8_t)routing_key.len,
        .persistent = properties_persistent(properties),
        .properties_len = (uint32_t)properties.len,
        .allocated = (uint32_t)allocated,
    };
    put_bytes(put_bytes(put_bytes(m->octets, exchange), routing_key), properties);
    return m;
}

message_t *message_new_whole(bytes_t exchange, bytes_t routing_key, bytes_t properties, bytes_t body)
{
    message_t *m = message_new(exchange, routing_key, properties, body.len);
    put_bytes((uint8_t *)message_body(m).data, body);
    m->body_len = body.len;
    return m;
}

message_t *message_append(message_t *m, bytes_t octets, uint64_t body_total)
{
    assert(octets.len + m->body_len <= UINT32_MAX / 2);
    size_t head = sizeof *m + envelope_bytes(m);
    uint64_t needed = m->body_len + octets.len, room = m->allocated - head;
    if (needed > room) {
        uint64_t capacity = 2 * room < body_total ? 2 * room : body_total;
        m->allocated = (uint32_t)mem_taken(head + (size_t)(capacity < needed ? needed : capacity));
        m = mem_resize(m, m->allocated);
    }
    put_bytes(m->octets + envelope_bytes(m) + m->body_len, octets);
    m->body_len = needed;
    return m;
}

message_t *message_with_properties(const message_t *m, bytes_t properties)
{
    message_t *copy = message_new(message_exchange(m), message_routing_key(m), properties, m->body_len);
    return message_append(copy, message_body(m), m->body_len);
}

void message_set_parts(message_t *m, message_part_t *parts, uint32_t part_count)
{
    assert(m->parts == NULL);
    m->parts = parts;
    m->part_count = part_count;
}

void message_free(message_t *m)
{
    if (m && m->parts)
        mem_free(m->parts);
    mem_free(m);
}

bytes_t message_content(const message_t *m)
{
    return bytes_make(m->octets + m->exchange_len + m->routing_key_len,
                      (size_t)m->properties_len + (size_t)m->body_len);
}

uint64_t message_body_bytes(const message_t *m)
{
    uint64_t bytes = m->body_len;
    for (uint32_t i = 0; i < m->part_count; i++)
        bytes += m->parts[i].bytes;
    return bytes;
}
