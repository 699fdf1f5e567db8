/* SPDX-License-Identifier: Apache-2.0 */
#include "model/frames.h"

#include "base/properties.h"
#include "base/table.h"

/* Octets of the body that are its first frame; false if the topic is the routing key. */
static bool topic_in_body(bytes_t headers, bytes_t body, uint64_t *bytes)
{
    field_t frames, in_body, first;
    if (!table_find(headers, BYTES("frames"), &frames) || frames.tag != 'A')
        return false;
    *bytes = body.len;
    if (frames.octets.len == 0)
        return true;
    table_iterator_t it = table_iterate(frames.octets);
    if (!table_find(headers, BYTES("topic-in-body"), &in_body) || field_integer(&in_body) == 0 ||
        !array_next(&it, &first) || !field_is_integer(&first) || field_integer(&first) < 0)
        return false;
    *bytes = (uint64_t)field_integer(&first);
    return true;
}

bytes_t message_topic(const message_t *m)
{
    bytes_t properties = message_properties(m), body = message_body(m);
    uint64_t bytes;
    if (!(properties_flags(properties) & PROPERTY_FLAG(PROPERTY_HEADERS)) ||
        !topic_in_body(properties_headers(properties), body, &bytes))
        return message_routing_key(m);
    return bytes_make(body.data, bytes < body.len ? (size_t)bytes : body.len);
}
